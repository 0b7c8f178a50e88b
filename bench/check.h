// SPDX-License-Identifier: Apache-2.0
//
// Judges what a reader received: nothing missing, nothing twice, nothing out of order.
//
// A *stream* is a sequence that rises by one: a room's offsets at one reader (json), or one publisher's sequence
// numbers at one reader (text, raw). The usual case is one comparison. A number above the expected one opens a
// *hole*; a number below fills its hole (it came late: reordered) or finds none (it came twice: duplicated). What
// is still open in the end is lost, except for what the server has announced as a gap.
//
// Invariants: 1. holes of a stream lie below its last number and do not overlap;
//             2. checks.lost is the sum of all open holes' lengths.

#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "world.h"

// The stream with this number at `c` is past `last` and now brings `got`, which is not last + 1. Returns the new
// last.
uint64_t check_irregular(struct bench_conn *c, uint32_t stream, uint64_t last, uint64_t got);

static inline void check_offset(struct bench_conn *c, struct seat *seat, uint64_t offset)
{
    if (__builtin_expect(offset == seat->offset + 1, 1))
        seat->offset = offset;
    else
        seat->offset = check_irregular(c, (uint32_t)(seat - c->seats), seat->offset, offset);
}

static inline void check_seq(struct bench_conn *c, uint32_t stream, uint32_t seq)
{
    uint32_t last = c->seqs[stream];
    if (__builtin_expect(seq == last + 1 || last == SEQ_UNKNOWN, 1))
        c->seqs[stream] = seq;
    else
        c->seqs[stream] = (uint32_t)check_irregular(c, stream, last, seq);
}

// The server announced that entries from..to of the seat's room will not come.
void check_gap(struct bench_conn *c, struct seat *seat, uint64_t from, uint64_t to);

// A publisher without echo had its own entry acknowledged: it will not come as a message.
void check_own(struct bench_conn *c, struct seat *seat, uint64_t offset);

// The reader starts afresh (it left the room): what is open of this stream is no longer expected.
void check_restart(struct bench_conn *c, uint32_t stream);

// When all is over: what readers that are still there miss at the end of their streams.
void check_finish(struct world *world);

// Frees what is remembered of a connection's holes.
void check_forget(struct bench_conn *c);

#endif
