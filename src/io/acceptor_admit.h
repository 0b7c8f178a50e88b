// SPDX-License-Identifier: Apache-2.0
//
// acceptor_admit.h - what an acceptor (acceptor.h) is made of, and its half that looks at who was taken out of the queues: where he comes
// from, whether he may come in, and what he is told when not. Thread: the shard's.
#ifndef PLENUM_IO_ACCEPTOR_ADMIT_H
#define PLENUM_IO_ACCEPTOR_ADMIT_H

#include "io/admission.h"
#include "io/hooks.h"
#include "io/io_metrics.h"
#include "io/listener.h"
#include "io/lobby.h"
#include "io/refusal.h"
#include "io/wait_line.h"

enum {
    ACCEPTS_PER_TURN = 16, // about 0.5 ms at 30 us each
    ACCEPT_PAUSE_MIN_MS = 10,
    ACCEPT_PAUSE_MAX_MS = 1000,
};

enum acceptor_state { ACCEPTOR_OPEN, ACCEPTOR_WAITING, ACCEPTOR_PAUSED, ACCEPTOR_CLOSED };

// A connection that has a slot and is counted for its address. Its socket and its ticket belong to whoever pulls it.
struct arrival {
    int fd;
    uint32_t ticket;  // of admission
    uint8_t listener; // its row in the table of listeners
    uint8_t index;    // the acceptor's own
    enum transport transport;
    bool everybodys; // a proxy's: it counts for no address, until it is known whose it is (acceptor_count)
    struct peer peer;
};

// What it is given; all of it outlives the acceptor.
struct acceptor_needs {
    int epoll_fd;
    uint32_t shard;
    const struct ways *ways;
    struct mem *mem;
    struct admission *admission;
    struct metrics *metrics;
    struct io_metrics *io_metrics;
    struct reporter reporter;
};

struct acceptor {
    struct acceptor_needs needs;
    struct {
        int fd;
        uint8_t row; // in the table of listeners
        enum transport transport;
        const struct language *language; // NULL: it is in the request (HTTP)
        bool plain;                      // words can be sent on a new socket
        bool secure;                     // through TLS
        bool loopback;                   // nothing but this machine can reach it
        bool proxied;                    // it is for proxies
        bool is_unix;                    // all shards accept from the same queue
        bool ready;                      // epoll has reported it in this turn
        bool armed;                      // in epoll
        struct wait_line line;           // in WAITING
    } listeners[LISTENERS_MAX];
    uint32_t listener_count;
    enum acceptor_state state;
    uint64_t now_ms;     // of this turn
    uint32_t wait_ms;    // connection_wait_ms, of this turn
    uint64_t due_ms;     // next step of the wait, or end of the pause
    uint64_t arm_due_ms; // epoll did not take an arming: when to try again; else UINT64_MAX
    uint32_t pause_ms;
    int spare_fd;
    bool full_told; // one notice per wait, not per refused connection
    bool again;     // somebody is left who may come in, or is to be refused, in the next turn
    uint32_t first; // the listener that is served first in this turn
    uint32_t accepts_left;
    struct lobby lobby;
    // Of the settings in force (acceptor_settings).
    const struct ip_net *proxies;
    size_t proxies_n;
    bool proxies_unix;
    uint32_t header_ms; // within which a PROXY header has to be there
    uint64_t woken;     // shards that wait for a slot which is free now
    struct refusals refusals;
    struct arrival arrivals[ACCEPTS_PER_TURN + LOBBY_READS_PER_TURN]; // of this turn
    uint32_t arrival_count, arrivals_pulled;
};

// Which proxies are believed, from here on. The settings outlive the next call.
void acceptor_settings(struct acceptor *a, const struct settings *core);
// An arrival that core would not have: ERR_LIMIT, ERR_DENIED, ERR_NOMEM. Its peer is told.
void acceptor_refuse(struct acceptor *a, const struct arrival *in, enum err why);
// Of a connection with an arrival's ticket, of a proxy's: it is that one's. ERR_LIMIT: there are too many from there.
enum err acceptor_count(struct acceptor *a, const struct ip *from, uint32_t *ticket) WARN_UNUSED;

// By the gates of a connection. from: where it comes from. everybodys: that is a proxy, and who is behind it is not known. slot: it has one.
void acceptor_admit(struct acceptor *a, uint32_t index, int fd, const struct address *from, bool everybodys,
                    bool slot);
// On a listener for proxies, with a slot: it waits in the lobby for its PROXY header.
void acceptor_receive(struct acceptor *a, uint32_t index, int fd, const struct address *from);
// Admits who has been introduced.
void acceptor_take_introduced(struct acceptor *a);
// Says why, where that can be said, and takes the socket over.
void acceptor_turn_away(struct acceptor *a, uint32_t index, int fd, enum refusal_reason reason);

#endif
