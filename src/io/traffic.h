// SPDX-License-Identifier: Apache-2.0
//
// traffic.h - one shard's connections on their channels: bytes in, bytes out, closes.
//
// A connection is core's index; `links` is the array from there to its socket. Called by loop.c, in the order of a turn;
// what others have to know of a connection that was closed is handed back, see traffic_pull_closed.
//
// Sockets are added to epoll once, for everything and edge-triggered, so each edge must be used or remembered:
//
//   readable   read at once; or remembered: in `ready` where there is more or the turn's budget is spent, by PAUSED where
//              core wants no more (shard_pull_reread puts it into `ready`, whatever happened since)
//   ending     the peer's end is near: read on until it is there, also where nothing more is said to be readable
//   writable   only of use after a write that was not taken whole (BLOCKED)
//
// Who is in is served before who comes and who goes. A connection's first NEWCOMER_READS reads, its handshake and its hello, are announced
// by an epoll of their own, which lies in the shard's and is looked into when all others have been served, for as long as the loop
// says; then it is watched like any other. Whose end is near is read when those have been served, for so long too. So where 20,000
// are cut off and come back nobody who talks stands in one queue with them.
//
// When a channel cannot go on its socket is watched anew, which raises the edge again should it be ready (traffic.c).
//
// Budgets of a turn: turn_bytes per connection (some reads of so few where a read is limited, settings.read_bytes) and TURN_READ_BYTES in all, WRITES_PER_TURN. What is left over goes on
// in the next turn, which must not sleep then (traffic_is_busy).
//
// Invariants: a link with fd -1 is in use by nobody, and at most still in `ready` or `leavers`; every link in use is in epoll, or
// core has been told that it is broken.
// Ownership: the channels and the arrays. Thread: the shard's.
#ifndef PLENUM_IO_TRAFFIC_H
#define PLENUM_IO_TRAFFIC_H

#include "base/where.h"
#include "io/channel.h"
#include "io/io_metrics.h"
#include "io/listener.h"

enum {
    TURN_READ_BYTES = 4 << 20,  // about 4 ms of parsing
    WRITES_PER_TURN = 1024,     // about 3.5 ms of send(2),
    TURN_WRITE_BYTES = 4 << 20, // or so much of long ones
    NEWCOMER_READS = 2,
    NEWCOMERS_PER_LOOK = 1, // at the clock: a TLS handshake is 0.3 ms
    LEAVERS_PER_LOOK = 8,
    RECV_PADDING = 64, // zeroed bytes behind the buffer, for decoders that load whole vectors
};

#define LINK_NONE UINT32_MAX

enum link_flags {
    LINK_READY = 1,    // in `ready` or `leavers`
    LINK_PAUSED = 2,   // core does not want to be given bytes
    LINK_ENDING = 4,   // the peer's end is near: read until it is there
    LINK_EOF = 8,      // core knows of the end
    LINK_BLOCKED = 16, // the channel takes no more for now
    LINK_FAILED = 32,  // a write failed; core is told in the next turn
    LINK_BROKEN = 64,  // core knows
    LINK_NEW = 128,    // it has just come
};

// A connection's end of this side. 16 bytes: there is one for each connection, idle or not.
struct link {
    int fd;          // -1 = not in use
    uint32_t ticket; // of admission
    uint32_t ready_next;
    uint8_t flags;
    uint8_t listener; // where it came from: its row in the table of listeners, and so its kind of channel
    uint8_t reads;    // of a new one, so far
};

// First in, first out, by link.ready_next; a link is in one at most.
struct link_list {
    uint32_t head, tail; // LINK_NONE: empty
};

// What it is given; all of it outlives the traffic.
struct traffic_needs {
    int epoll_fd;
    struct shard *shard;
    struct mem *mem;
    struct io_metrics *metrics;
    struct where *where;
};

struct traffic {
    struct traffic_needs needs;
    const struct channel_kind *kinds[LISTENERS_MAX]; // by listener
    struct link *links;
    void **states;        // of the channels, beside `links`; NULL where all are plain
    uint32_t links_cap;   // core's connections_max
    uint32_t links_begun; // those above have never been used, and are not written to
    // Connections to be read: in the next turn; and those whose end is near, some in each.
    struct link_list ready, leavers;
    uint8_t *recv_buf;
    uint32_t recv_bytes, recv_used; // of it, and the most that it held since it was wiped
    uint32_t read_bytes;            // of one read, at most recv_bytes
    uint32_t reads_each;            // of a connection in a turn: above 1 where a read is limited
    uint32_t turn_bytes_read;
    int newcomers_fd; // an epoll; in use once links_cap is not 0
    bool writes_left; // the budget of writes ended before the writes
};

// Room for core->connections_max links. ERR_NOMEM: to be deinitialized all the same.
enum err traffic_init(struct traffic *t, const struct traffic_needs *needs, const struct listener_row *rows,
                      uint32_t row_count, const struct settings *core) WARN_UNUSED;
// New settings. ERR_NOMEM: the old ones stay.
enum err traffic_settings(struct traffic *t, const struct settings *core) WARN_UNUSED;

// A connection that core has accepted: takes its socket over.
void traffic_open(struct traffic *t, uint32_t conn, int fd, uint8_t listener, uint32_t ticket);

// Of an open one: its ticket, which may become another one.
uint32_t *traffic_ticket(struct traffic *t, uint32_t conn);

// One turn: the first of these begins it, the last ends it.
void traffic_serve_ready(struct traffic *t);
void traffic_on_event(struct traffic *t, uint32_t conn, uint32_t epoll_events);
// When all other events of the turn have been served: those that come (EVENT_NEWCOMERS), those that go, until the monotonic clock
// says so, and some at least. What is left is announced again, and is traffic_is_busy.
void traffic_serve_newcomers(struct traffic *t, uint64_t until_ns);
void traffic_serve_leavers(struct traffic *t, uint64_t until_ns);
void traffic_write(struct traffic *t);
void traffic_shutdown(struct traffic *t);
// Closes one of the connections that core has given up; false when there is none. Its ticket is for admission.
bool traffic_pull_closed(struct traffic *t, uint32_t *ret_ticket);
void traffic_reread(struct traffic *t);
// What was read has been taken apart, and is nowhere here any more.
void traffic_forget(struct traffic *t);

// Something is left to do that no event will announce.
static inline bool traffic_is_busy(const struct traffic *t)
{
    return t->writes_left || t->ready.head != LINK_NONE || t->leavers.head != LINK_NONE;
}

static inline bool traffic_has_leavers(const struct traffic *t) { return t->leavers.head != LINK_NONE; }

// Closes one connection that is still open, with core knowing nothing of it; false when there is none.
bool traffic_cut(struct traffic *t, uint32_t *ret_ticket);
// After traffic_cut has said so. A zeroed one is fine.
void traffic_deinit(struct traffic *t);

#endif
