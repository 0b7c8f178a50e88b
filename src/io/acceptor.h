// SPDX-License-Identifier: Apache-2.0
//
// acceptor.h - how new connections reach one shard, and what happens when there is no room for them.
//
//        +------------- nobody is left in the queues -------------+
//        v                                                        |
//      OPEN -- somebody and no slot --> WAITING: comes in when a slot is free, is refused (503) after the wait
//        |
//        +-- EMFILE, ENFILE: one refused with the spare file --> PAUSED -- 10 ms ... 1 s --> OPEN
//
//      any -- shutdown: who is in the queues is refused (503) --> CLOSED
//
// OPEN is the only state in which the listeners are armed in epoll. They are level-triggered, so arming one is all
// it takes to hear of connections that came meanwhile; and a disarmed one cannot spin the loop.
//
// WAITING is the rule of limits.connections: the connection beyond the limit stays in the kernel's accept queue for
// connection_wait_ms (see wait_line.h for how that is known), first come, first served.
//
// PAUSED doubles its length with each failure in a row. The spare file is closed to have one for accept(2), so that
// at least one peer hears why; the others stay in the queue.
//
// Called by loop.c. Whoever came in is handed back as an arrival, to be given to core; and shards that wait for a slot
// are handed back to be woken.
//
// Limits: ACCEPTS_PER_TURN, over all listeners, each of which is the first in its turn. Counters: limit_connections,
// limit_address, limit_address_connects, limit_files; io: accept_waits, accept_pauses.
// Ownership: the listening sockets, and those of refused connections. Thread: the shard's.
#ifndef PLENUM_IO_ACCEPTOR_H
#define PLENUM_IO_ACCEPTOR_H

#include "io/admission.h"
#include "io/hooks.h"
#include "io/io_metrics.h"
#include "io/listener.h"
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
    struct peer peer;
};

// What it is given; all of it outlives the acceptor.
struct acceptor_needs {
    int epoll_fd;
    uint32_t shard;
    const struct ways *ways;
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
    uint64_t woken; // shards that wait for a slot which is free now
    struct refusals refusals;
    struct arrival arrivals[ACCEPTS_PER_TURN]; // of this turn
    uint32_t arrival_count, arrivals_pulled;
};

// Before anything else; listeners are added then.
void acceptor_init(struct acceptor *a, const struct acceptor_needs *needs);
// Takes the socket over, which is of that row. ERR_LIMIT when epoll refuses it.
enum err acceptor_add(struct acceptor *a, int fd, uint8_t row,
                      const struct listener_row *listener) WARN_UNUSED;
void acceptor_on_listener(struct acceptor *a, uint32_t index);
void acceptor_on_refusal(struct acceptor *a, uint32_t slot);
// Once a turn, after the events: accepts, and whatever is due.
void acceptor_turn(struct acceptor *a, uint64_t now_ms, uint32_t connection_wait_ms);
// Who came in, one by one until NULL, in the same turn; good until the next one.
const struct arrival *acceptor_pull(struct acceptor *a);
// An arrival that core would not have: ERR_LIMIT, ERR_DENIED, ERR_NOMEM. Its peer is told.
void acceptor_refuse(struct acceptor *a, const struct arrival *in, enum err why);
// Shards to be woken, one bit each, since the last call.
uint64_t acceptor_pull_woken(struct acceptor *a);
uint64_t acceptor_next_due_ms(const struct acceptor *a);
// A connection of this shard was closed: its file may end a pause.
void acceptor_on_closed(struct acceptor *a, uint64_t now_ms);
// Shutting down: refuses who is in the queue, then closes the listeners.
void acceptor_shutdown(struct acceptor *a, uint64_t now_ms);
// Closes everything at once.
void acceptor_deinit(struct acceptor *a);

#endif
