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
// Limits: ACCEPTS_PER_TURN. Counters: limit_connections, limit_address, limit_files; io: accept_waits, accept_pauses.
// Thread: the shard's.
#ifndef PLENUM_IO_ACCEPTOR_H
#define PLENUM_IO_ACCEPTOR_H

#include "io/refusal.h"
#include "io/wait_line.h"

enum {
    LISTENERS_MAX = 2,
    ACCEPTS_PER_TURN = 64, // about 2 ms at 30 us each
    ACCEPT_PAUSE_MIN_MS = 10,
    ACCEPT_PAUSE_MAX_MS = 1000,
};

enum acceptor_state { ACCEPTOR_OPEN, ACCEPTOR_WAITING, ACCEPTOR_PAUSED, ACCEPTOR_CLOSED };

struct acceptor {
    struct {
        int fd;
        enum transport transport;
        bool ready;            // epoll has reported it in this turn
        bool armed;            // in epoll
        struct wait_line line; // in WAITING
    } listeners[LISTENERS_MAX];
    uint32_t listener_count;
    enum acceptor_state state;
    uint64_t due_ms;     // next step of the wait, or end of the pause
    uint64_t arm_due_ms; // epoll did not take an arming: when to try again; else UINT64_MAX
    uint32_t pause_ms;
    int spare_fd;
    bool full_told; // one notice per wait, not per refused connection
    struct refusals refusals;
};

struct loop;

// Before anything else; listeners are added then.
void acceptor_init(struct acceptor *a, int epoll_fd);
// Takes the socket over. ERR_LIMIT when epoll refuses it.
enum err acceptor_add(struct loop *l, int fd, enum transport transport) WARN_UNUSED;
void acceptor_on_listener(struct loop *l, uint32_t index);
// Once a turn, after the events: accepts, and whatever is due.
void acceptor_turn(struct loop *l);
uint64_t acceptor_next_due_ms(const struct loop *l);
// A connection of this shard was closed: its file may end a pause.
void acceptor_on_closed(struct loop *l);
// Shutting down: refuses who is in the queue, then closes the listeners.
void acceptor_shutdown(struct loop *l);
// Closes everything at once.
void acceptor_deinit(struct acceptor *a);

#endif
