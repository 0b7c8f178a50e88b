// SPDX-License-Identifier: Apache-2.0
//
// loop.h - one shard's thread and its turns; known to loop.c and server.c only. Outsiders use server.h.
//
//                                loop.c: the turn, in the order of core/shard/shard.h
//                                   |
//         +-----------+-------------+-------------+-----------+
//      wait.c    acceptor.c     traffic.c      mailbox.c    clock.c         none of them knows the loop, or another but
//     spin, sleep   |   |      bytes, closes     mail                       that wait.c looks into the mailboxes; what
//             admission refusal     |                                       they found they hand back
//                                channel.c
//
// Budgets of a turn: EVENTS_MAX events, NEWCOMERS_NS, LEAVERS_NS, MAIL_NS, CLOSE_NS, and those of acceptor.h and traffic.h. What is left over goes on in the next
// turn, which does not sleep then.
//
// Ownership: server.c makes and frees loops and what they share. Thread: a loop is its thread's from loop_run on, but for
// `requests`; what is shared says so.
#ifndef PLENUM_IO_LOOP_H
#define PLENUM_IO_LOOP_H

#include "base/limits.h"
#include "base/where.h"
#include "io/acceptor.h"
#include "io/admission.h"
#include "io/clock.h"
#include "io/hooks.h"
#include "io/mailbox.h"
#include "io/random.h"
#include "io/stores.h"
#include "io/traffic.h"
#include "io/verifiers.h"
#include "io/wait.h"

enum {
    MAIL_RETRY_MS = 1, // a full mailbox is tried again; its owner is awake, and busy with 4,096 mails
    SPIN_RECENT_NS = 1000 * 1000, // so long after mail, polling is worth it
    // What a turn gives to those who come, those who go, and to what they make others say, is short: who talks waits for two turns, his
    // own shard's and the room's. Shorter slices cost a storm nothing (docs/PERFORMANCE.md, "A room that nobody cuts").
    NEWCOMERS_NS = 100 * 1000,
    LEAVERS_NS = 100 * 1000,
    CLOSE_NS = 100 * 1000,
    MAIL_NS = 300 * 1000,
    CLOSES_PER_LOOK = 8, // at the clock
    MAILS_PER_LOOK = 16,
};

// Requests to a loop from outside its thread, as bits of loop.requests.
enum {
    REQUEST_DRAIN = 1,
    REQUEST_UNREADY = 16,
    REQUEST_STOP = 2,
    REQUEST_SETTINGS = 4,
    REQUEST_TRIM = 32, // memory was given back: the free end of this thread's arena goes too
    REQUEST_LOOK = 8,  // nothing but a turn: a slot is free, or the last shard has drained
};

// What all loops share. The fields in `live` are set by a reload and read relaxed.
struct loop_shared {
    uint32_t shard_count;
    struct loop *loops;
    struct mem *mem;
    struct mailbox *mailbox;
    struct verifiers *verifiers;
    uint32_t verifier_count;
    struct stores *stores; // NULL: rooms are kept in memory only
    struct admission admission;
    struct server_hooks hooks;
    struct {
        _Atomic uint32_t drain_deadline_ms, connection_wait_ms, spin_us, turn_slow_ms;
    } live;
    _Atomic uint32_t drained;  // shards without connections since the drain began
    _Atomic uint32_t kept;     // and of these, who have nothing left that is to be kept
    _Atomic uint32_t overruns; // shards that had some left at the deadline
    // Settings on their way to the shards; one bit for each shard.
    pthread_mutex_t settings_lock;
    pthread_cond_t settings_taken;
    const struct settings *settings_next;
    uint64_t settings_pending; // have not finished a turn with them
    uint64_t running;          // threads that have not ended
};

struct loop {
    uint32_t index;
    struct loop_shared *shared;
    struct mem mem; // this thread's share of shared->mem
    struct shard *shard;
    struct metrics *metrics;
    struct io_metrics io_metrics;
    struct reporter reporter;
    struct where where; // this thread's, for the watchdog and for last words
    struct shard_host host;
    struct random_pool random;
    pthread_t thread;
    bool thread_made;
    _Atomic uint32_t requests;

    int epoll_fd;
    struct clock clock;
    struct waiter waiter;
    struct acceptor acceptor;
    struct traffic traffic;

    bool mail_left;         // a mailbox was full
    bool closes_left;       // more sockets are to be closed than a turn closes
    bool inbox_left;        // and perhaps more mail than a turn reads
    uint32_t inbox_next;    // whose mail is read first
    uint64_t mail_moved_ns; // when mail was last sent or received
    uint64_t writes_began_ns, turn_end_ns;

    bool stopping;
    bool draining;
    bool drained_told, kept_told;
    bool settings_new; // taken in this turn
    uint64_t drain_due_ms;
};

// ERR_NOMEM; ERR_LIMIT: the kernel is out of files. To be deinitialized all the same.
enum err loop_init(struct loop *l, uint32_t index, struct loop_shared *shared,
                   const struct listener_row *rows, uint32_t row_count,
                   const struct settings *core) WARN_UNUSED;
void loop_deinit(struct loop *l); // after its thread has ended; a zeroed loop is fine
void *loop_run(void *loop);       // the thread; its sockets are closed when it ends
// Asks for attention: async-signal-safe, any thread.
void loop_request(struct loop *l, uint32_t request);
// Wakes the shards whose bits are set, after admission has given them.
void loops_wake(struct loop_shared *shared, uint64_t shards);

#endif
