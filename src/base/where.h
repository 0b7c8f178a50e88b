// SPDX-License-Identifier: Apache-2.0
//
// where.h - where a thread stands: which shard, which turn, what it is doing there, and for which connection.
//
// Written by the driver of a shard at the borders of a turn's phases, and by core where it takes up a command. Read by a
// failed assertion of the same thread (its last words say whose fault it may be), and by a watchdog on another thread, for
// a turn that does not end.
//
//        since_ns = 0              since_ns = when the turn began
//      ----- waiting -----|-- requests | read | accept | mail | timers | write ... --|----- waiting -----
//                                        ^ spot: phase, command, subject
//
// Cheap enough for every message: plain stores into one cache line of the thread's own. The three words are not written as
// one; a reader takes since_ns, which no two turns have in common, before and after the others.
//
// Ownership: the driver's. Thread: written by one, read by any.
#ifndef PLENUM_BASE_WHERE_H
#define PLENUM_BASE_WHERE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// X(phase, its name, what the subject is: NULL = there is none)
// clang-format off
#define WHERE_PHASES(X) \
    X(WAITING, waiting, NULL) \
    X(REQUESTS, requests, NULL)   /* drain, new settings */ \
    X(READ, read, "connection") \
    X(ACCEPT, accept, NULL) \
    X(MAIL, mail, "from") \
    X(TIMERS, timers, NULL)       /* and deadlines */ \
    X(FLUSH, flush, NULL)         /* who has something to read, and news for other shards */ \
    X(SEND_MAIL, send_mail, "to") \
    X(WRITE, write, "connection") \
    X(CLOSE, close, NULL)         /* sockets, and what ends the turn */
// clang-format on

enum where_phase {
#define X(upper, lower, subject) WHERE_##upper,
    WHERE_PHASES(X)
#undef X
        WHERE_PHASE_COUNT
};

#define WHERE_NOBODY UINT32_MAX

struct where {
    uint32_t shard;
    _Atomic uint64_t turn;     // its number, from 1
    _Atomic uint64_t since_ns; // when the turn began, by the driver's monotonic clock; 0 = between two turns
    _Atomic uint64_t ended_ns; // when the turn before it ended; 0 = there was none
    _Atomic uint64_t spot;     // phase << 40 | command << 32 | subject
};

// What can be told of it.
struct where_spot {
    uint32_t shard;
    uint64_t turn, since_ns;
    enum where_phase phase;
    uint32_t subject; // a connection, or a shard: where_subject says which; WHERE_NOBODY = none
    uint8_t command;  // a command's type (dialect/command.h); 0 = none
};

// This thread's; NULL where there is none.
extern _Thread_local struct where *where_here;

static inline void where_turn(struct where *w, uint64_t now_ns)
{
    atomic_store_explicit(&w->turn, atomic_load_explicit(&w->turn, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&w->spot, (uint64_t)WHERE_REQUESTS << 40 | WHERE_NOBODY, memory_order_relaxed);
    // Release: who sees it sees the number of the turn, too.
    atomic_store_explicit(&w->since_ns, now_ns, memory_order_release);
}
static inline void where_at(struct where *w, enum where_phase phase, uint32_t subject)
{
    atomic_store_explicit(&w->spot, (uint64_t)phase << 40 | subject, memory_order_relaxed);
}
static inline void where_wait(struct where *w, uint64_t now_ns)
{
    atomic_store_explicit(&w->ended_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&w->since_ns, 0, memory_order_release);
    where_at(w, WHERE_WAITING, WHERE_NOBODY);
}
// Core's, which does not have the place at hand.
static inline void where_now(enum where_phase phase)
{
    if (where_here != NULL)
        where_at(where_here, phase, WHERE_NOBODY);
}
// The command that is carried out now, until the next phase or subject.
static inline void where_command(uint8_t type)
{
    struct where *w = where_here;
    if (w == NULL)
        return;
    uint64_t spot = atomic_load_explicit(&w->spot, memory_order_relaxed) & ~(UINT64_C(0xff) << 32);
    atomic_store_explicit(&w->spot, spot | (uint64_t)type << 32, memory_order_relaxed);
}

// False when the turn ended, or another began, meanwhile. Of the calling thread's own it is always true.
bool where_look(struct where *w, struct where_spot *ret);
const char *where_phase_name(enum where_phase phase);
// What the subject of that phase is, as a key; NULL = it has none.
const char *where_subject(enum where_phase phase);

#endif
