// SPDX-License-Identifier: Apache-2.0
//
// The load tool's world: who is connected to what, who publishes, and what has been counted.
//
//     world ─┬─ rooms[]        a name, its publishers, how many readers a message should reach
//            ├─ publishers[]   a (connection, room) that publishes; holds the times of its recent messages
//            ├─ conns[]        one socket each, with its seats: the rooms it is in
//            └─ workers[]      an event loop each (one unless --threads); every connection belongs to one
//
// A worker alone touches its connections, their seats and their checks. Across workers go only: a message's slot
// (written by the publisher's worker before the bytes leave, read by whoever receives them), the count of readers
// that still miss it, and the phase. All else is summed up when the workers have stopped.

#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "hist.h"
#include "options.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define NONE UINT32_MAX
#define SEQ_UNKNOWN UINT32_MAX // a reader that just (re)joined: the next sequence number is taken as it comes
#define ROOM_NAME_MAX 72
#define REASONS_MAX 24

enum phase {
    PHASE_FIRST,   // --idle: the first clients join, before memory is read
    PHASE_CONNECT, // connecting and joining
    PHASE_WARMUP,  // publishing, not yet measured
    PHASE_MEASURE, // the window all rates and percentiles are about (with --idle: holding still)
    PHASE_DRAIN,   // nobody publishes; what is under way arrives
    PHASE_DONE,
};

// One published message: when it was due (open loop) or sent (closed loop), and how many readers still miss it
// (--closed all). `seq` tells whether the slot still belongs to the message asked for.
struct slot {
    uint64_t time_ns;
    uint32_t seq;
    uint32_t missing;
};

struct publisher {
    struct bench_conn *conn;
    struct slot *ring; // world.ring_mask + 1 slots
    char *frame;       // a message ready to send, except for mark, id and mask
    uint32_t frame_len;
    uint32_t frame_head; // length of the WebSocket header; 0 over TCP
    uint32_t payload_at;
    uint32_t id_at; // 0: no id in the message
    uint32_t id;
    uint32_t room;
    uint32_t index_in_room;
    uint32_t seq;       // the last one sent; the first is 1
    uint32_t done;      // how many have come back (closed loop)
    uint32_t given_up;  // sequence numbers up to this one no longer count as under way
    uint32_t completed; // --closed all: counted up by any worker, taken over by the publisher's own
    uint64_t progress_ns;
};

struct room {
    char name[ROOM_NAME_MAX];
    uint32_t name_len;
    uint32_t publisher_first;
    uint32_t publisher_count;
    uint32_t seat_count;
    uint32_t readers; // connected, reading and expecting every message
};

enum seat_state { SEAT_OUT, SEAT_JOINING, SEAT_IN, SEAT_LEAVING };

// A connection's place in a room.
struct seat {
    uint32_t room;
    uint32_t state;
    uint32_t publisher; // who publishes from here, or NONE
    uint64_t offset;    // the last one received (json)
    uint64_t catch_up;  // after a resume: the head to reach before the client counts as back
    char *epoch;        // kept for --reconnect-storm only
    uint64_t handle;    // what the server calls the room by (protobuf)
};

enum conn_state {
    CONN_NEW,
    CONN_CONNECTING, // TCP
    CONN_SHAKING,    // TLS; without it, passed at once
    CONN_UPGRADING,  // request sent, waiting for 101
    CONN_JOINING,
    CONN_READY,
    CONN_CUT,    // by --reconnect-storm, to come back
    CONN_CLOSED, // failed or closed by the server
};

struct hole;

// An own message that was acknowledged before the stream passed its offset.
struct own_entry {
    uint64_t offset;
    uint32_t seat;
};

struct bench_conn {
    int fd;
    uint8_t state;
    bool to_stall; // chosen by --stall
    bool stalled;
    bool publishes;
    bool want_write;   // EPOLLOUT is on
    bool dirty;        // in the worker's list of connections with unsent bytes
    bool back_counted; // after a cut
    uint32_t index;
    uint32_t seat_count;
    uint32_t seat_hint;
    uint32_t seats_in;
    struct worker *worker;
    struct seat *seats;
    uint32_t *
        seqs; // text, raw: per seat, world.seq_stride of them: the last sequence number per publisher of the room
    struct ssl_st *tls; // wss
    char *in;           // an unfinished frame or line
    uint32_t in_len, in_size;
    char *out;
    uint32_t out_len, out_size, out_sent;
    struct hole *holes; // what is missing so far, see check.h
    struct own_entry *own;
    uint32_t own_count, own_size;
    char *resume;
    uint64_t started_ns; // of the connect, or of joining again
};

// What a worker has learnt about how the server writes a room's messages (codec_json.c).
struct room_hint {
    uint64_t head; // highest offset of a message seen
    uint32_t prefix_len;
    char prefix[128];
};

struct checks {
    uint64_t lost;      // holes now open
    uint64_t announced; // entries that the server said will not come
    uint64_t gaps;      // how many such announcements
    uint64_t duplicated, reordered, stray, foreign;
    uint64_t protocol_errors;
};

// How many of a worker's clients connect in PHASE_FIRST: one in a hundred, and one at least.
#define FIRST_SHARE(clients) (((clients) + 99) / 100)

// All fields are uint64_t: other workers get a copy, field by field (worker_publish_counts).
struct counts {
    uint64_t deliveries, bytes, reads, others; // others: everything that is not a published message
    uint64_t published, acks, errors;
    uint64_t inflated; // messages that came compressed
    uint64_t settled;  // clients that are ready, or failed for good
    uint64_t back;     // clients back after --reconnect-storm
};

struct worker {
    struct world *world;
    uint32_t index;
    uint32_t first_conn, end_conn;
    int epoll_fd, wake_fd;
    pthread_t thread;
    uint64_t now; // after the latest read or wait
    enum phase phase;
    char *buffer; // every socket is read into this one
    size_t buffer_size;
    struct bench_conn **dirty;
    uint32_t dirty_count;
    struct room_hint *hints;
    uint32_t *publishers; // ids of those whose connection is here, ascending
    uint32_t publisher_count;

    uint32_t connect_next; // the next client to look at
    uint32_t connecting;
    bool connect_again; // --reconnect-storm: someone must be tried once more
    bool storm_cut;
    uint64_t overdue_check_ns;

    uint64_t round, round_pos; // open loop: the next message in the timetable
    bool woken;                // another worker has completed messages of publishers here
    uint64_t closed_check_ns;
    uint32_t mark_hint; // where the payload stood last time, from the end of the message
    uint64_t window_from_ns, window_to_ns;
    uint64_t churn_next_ns; // 0: not begun
    uint64_t random;
    struct inflater *inflater; // --deflate

    struct counts counts;
    struct counts counts_seen; // a copy that worker 0 may read at any time
    struct checks checks;
    struct hist latency, lateness, ack_latency, back;
    uint64_t unsent, timeouts, failed, closed, churned, unrecovered, beyond_table;
};

struct reason {
    char text[120];
    uint64_t count;
};

struct codec;

struct text {
    const char *at;
    uint32_t len;
};

struct world {
    struct options options;
    const struct codec *codec;
    struct text *tokens; // --tokens: a line each, in tokens_text
    uint32_t token_count;
    char *tokens_text;
    struct sockaddr_storage address;
    socklen_t address_len;
    bool loopback; // spread the sources over 127.0.0.2 ...

    struct room *rooms;
    struct publisher *publishers;
    struct bench_conn *conns;
    struct seat *seats;
    struct worker *workers;
    uint32_t publisher_count;
    uint32_t seat_count;
    uint32_t ring_mask;
    uint32_t seq_stride; // publishers of the room that has most
    struct ssl_ctx_st *tls;
    uint8_t opcode;   // of messages: text or binary
    bool expects_own; // a publisher's own messages come back to it

    enum phase phase;         // written by the coordinator only
    uint64_t publish_from_ns; // start of the timetable
    uint64_t window_from_ns, window_to_ns;
    uint64_t cut_ns; // --reconnect-storm: when, and how many
    uint32_t cut_count;

    pthread_mutex_t reasons_lock;
    struct reason reasons[REASONS_MAX];
    uint32_t reason_count;
};

static inline uint64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// xorshift64*: masks and picks need no more.
static inline uint64_t worker_random(struct worker *w)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return w->random * 0x2545f4914f6cdd1du;
}

static inline enum phase world_phase(const struct world *world)
{
    return __atomic_load_n(&world->phase, __ATOMIC_ACQUIRE);
}

// Lays out rooms, seats, publishers and workers for the options, and resolves the address. Ends the program with
// a sentence when it cannot.
void world_init(struct world *world, const struct options *options);
void world_deinit(struct world *world);

// Counts one more case of a failure or remark, by its text.
__attribute__((format(printf, 2, 3))) void world_reason(struct world *world, const char *format, ...);

// calloc/realloc that end the program when there is no memory: a load tool has nothing better to do.
void *bench_alloc(size_t count, size_t size);
void *bench_realloc(void *p, size_t size);

#endif
