// SPDX-License-Identifier: Apache-2.0
//
// loop.h - one shard's event loop: the inside of io, shared by its files. Outsiders use server.h.
//
//      wait.c: spin, sleep          loop.c: the turn, in the order of core/shard.h
//                                      |
//      acceptor.c  new connections  ---+--- traffic.c  bytes in, bytes out, closes
//
// A connection is core's index; `conns` is the array from there to its socket. Sockets are added to epoll once, for
// everything and edge-triggered, so each edge must be used or remembered:
//
//   readable   read at once; or remembered: in `ready` where the read filled the buffer or the turn's budget is spent,
//              by PAUSED where core wants no more (shard_pull_reread puts it into `ready`, whatever happened since)
//   hang-up    RDHUP: read on until recv returns 0, also where a read came back short
//   writable   only of use after a write that was taken in part (BLOCKED)
//
// After EAGAIN the socket is watched anew, which raises the edge again should it be ready (traffic.c).
//
// A read that came back short leaves nothing behind (epoll(7)), which saves the second recv that would say EAGAIN.
// The one exception is a peer that sends urgent data: its own input then waits for its next segment.
//
// Budgets of a turn: EVENTS_MAX events, turn_bytes per connection and TURN_READ_BYTES in all, ACCEPTS_PER_TURN,
// WRITES_PER_TURN. What is left over goes on in the next turn, which does not sleep then.
#ifndef PLENUM_IO_LOOP_H
#define PLENUM_IO_LOOP_H

#include "base/limits.h"
#include "base/where.h"
#include "io/acceptor.h"
#include "io/admission.h"
#include "io/clock.h"
#include "io/mailbox.h"
#include "io/random.h"
#include "io/server.h"
#include <sys/epoll.h>

#define CONN_NONE UINT32_MAX

enum {
    EVENTS_MAX = 512,
    TURN_READ_BYTES = 4 << 20, // about 4 ms of parsing
    WRITES_PER_TURN = 1024,    // about 3.5 ms of send(2)
    MAIL_RETRY_MS = 1,         // a full mailbox is tried again; its owner is awake, and busy with 4,096 mails
    RECV_PADDING = 64,         // zeroed bytes behind the buffer, for decoders that load whole vectors
};

// What epoll_data carries: a kind above, an index below.
enum event_kind { EVENT_CONNECTION, EVENT_LISTENER, EVENT_WAKE, EVENT_REFUSAL };
static inline uint64_t event_tag(enum event_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

enum conn_flags {
    CONN_READY = 1,    // in `ready`
    CONN_PAUSED = 2,   // core does not want to be given bytes
    CONN_RDHUP = 4,    // the peer's end is near: read until it is there
    CONN_EOF = 8,      // core knows of the end
    CONN_BLOCKED = 16, // the socket took a write in part
    CONN_FAILED = 32,  // a write failed; core is told in the next turn
    CONN_BROKEN = 64,  // core knows
};

struct conn {
    int fd;          // -1 = not in use
    uint32_t ticket; // of admission
    uint32_t ready_next;
    uint8_t flags;
};

// Requests to a loop from outside its thread, as bits of loop.requests.
enum {
    REQUEST_DRAIN = 1,
    REQUEST_UNREADY = 16,
    REQUEST_STOP = 2,
    REQUEST_SETTINGS = 4,
    REQUEST_LOOK = 8, // nothing but a turn: a slot is free, or the last shard has drained
};

// What all loops share. The fields in `live` are set by a reload and read relaxed.
struct loop_shared {
    uint32_t shard_count;
    struct loop *loops;
    struct mem *mem;
    struct mailbox *mailbox;
    struct admission admission;
    struct server_hooks hooks;
    struct {
        _Atomic uint32_t drain_deadline_ms, connection_wait_ms, spin_us, turn_slow_ms;
    } live;
    _Atomic uint32_t drained;  // shards without connections since the drain began
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
    struct where where; // this thread's, for the watchdog and for last words
    struct shard_host host;
    struct random_pool random;
    pthread_t thread;
    bool thread_made;
    _Atomic uint32_t requests;

    int epoll_fd;
    struct clock clock;
    struct acceptor acceptor;

    struct conn *conns;
    uint32_t conns_cap;   // core's connections_max
    uint32_t conns_begun; // those above have never been used, and are not written to
    uint32_t ready_head;  // list of connections to read in the next turn, by conn.ready_next
    uint32_t ready_tail;

    uint8_t *recv_buf;
    uint32_t recv_bytes;
    uint32_t turn_bytes_read;
    bool writes_left;       // the budget of writes ended before the writes
    bool mail_left;         // a mailbox was full
    uint64_t mail_moved_ns; // when mail was last sent or received
    uint64_t turn_end_ns;

    bool stopping;
    bool draining;
    bool drained_told;
    bool settings_new; // taken in this turn
    uint64_t drain_due_ms;

    struct epoll_event events[EVENTS_MAX];
};

// loop.c
enum err loop_init(struct loop *l, uint32_t index, struct loop_shared *shared,
                   const struct settings *core) WARN_UNUSED;
void loop_deinit(struct loop *l); // after its thread has ended; a zeroed loop is fine
void *loop_run(void *loop);       // the thread; its sockets are closed when it ends
// Asks for attention: async-signal-safe, any thread.
void loop_request(struct loop *l, uint32_t request);
void loop_io_notice(struct loop *l, enum io_notice_type type, uint64_t value, const char *peer);
// Wakes the shards whose bits are set, after admission has given them.
void loop_wake_waiting(struct loop *l, uint64_t shards);

// wait.c
// Waits for events until something is due; returns their number.
uint32_t loop_wait(struct loop *l);

// traffic.c
enum err traffic_settings(struct loop *l, const struct settings *core) WARN_UNUSED;
void traffic_open(struct loop *l, uint32_t conn, int fd, uint32_t ticket);
void traffic_on_event(struct loop *l, uint32_t conn, uint32_t events);
void traffic_serve_ready(struct loop *l);
void traffic_write(struct loop *l);
void traffic_close(struct loop *l);
void traffic_reread(struct loop *l);
void traffic_deinit(struct loop *l); // closes every socket

#endif
