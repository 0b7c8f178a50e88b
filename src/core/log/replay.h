// SPDX-License-Identifier: Apache-2.0
//
// replay.h - what was said before, framed for those who come: a cache over a log's records, made on demand.
//
//      records  [seg ......][seg ............][seg ....]
//      JSON         [..][........]      [..............]      what somebody has asked for lately
//
// Made once for all who ask for it in a dialect, handed out by reference, dropped when nobody has asked for a while
// or when the records go. It costs who comes, never who talks.
//
// Invariants (replay_check): frames are of offsets within tail..head of the log, but for those a segment keeps of records
// that were trimmed; no two segments of a dialect have the same offset.
// Ownership: one reference on each of its segments. Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_REPLAY_H
#define PLENUM_CORE_LOG_REPLAY_H

#include "core/log/frame.h"
#include "core/log/log.h"

enum {
    REPLAY_STEP =
        32, // frames are made from an offset on that this divides: who asks for 5 and who for 6 share
    REPLAY_IDLE_MS = 30000, // and kept so long without being asked for
};

struct replay {
    struct chain frames[DIALECT_COUNT]; // by offset; there may be holes
    uint64_t used_ms;                   // when they were asked for last; 0 = there are none
};

void replay_deinit(struct replay *r, struct mem *m);
// Makes what is missing of `from`..head, which must be kept by the log. ERR_NOMEM: a part of it was made.
enum err replay_make(struct replay *r, const struct log *l, enum dialect_id d, uint64_t from, str room,
                     uint64_t now_ms, int32_t utc_offset_s, struct buf *scratch) WARN_UNUSED;
// The segments with `from`..head, which have been made: from which index to the chain's end.
uint32_t replay_from(const struct replay *r, enum dialect_id d, uint64_t from);
// The log was trimmed.
void replay_trim(struct replay *r, const struct log *l);
// When what is here may go; UINT64_MAX = there is nothing.
uint64_t replay_due_ms(const struct replay *r);
void replay_check(const struct replay *r, const struct log *l);

#endif
