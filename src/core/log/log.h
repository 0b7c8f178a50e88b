// SPDX-License-Identifier: Apache-2.0
//
// log.h - a room's entries at its home: numbered, kept within limits, framed once per dialect in use.
//
//      offsets        tail                                   head
//      record track   [seg ......][seg ............][seg ....]      every entry, compact, always there
//      JSON track           ...   [seg ......][seg ...][seg .]      framed bytes, while a JSON reader is in the room
//      text tracks                ...
//
// The record track is the log itself: it can be turned into any dialect at any time. A dialect's track is made
// when its first reader joins (from the records still kept) and dropped with its last one.
//
// Age is monotonic. An entry keeps the wall time that people are shown, and a wall clock may be set: by hours, either way,
// when NTP finds out or a machine was asleep. What that does to the records' times is known, because each record segment
// keeps how far the wall clock was from the monotonic one; after a step the next entry begins a new segment. So an entry's
// own age costs eight bytes a segment and nothing per entry.
//
// Invariants (log_check):
//   1. offsets tail..head are all there, in every active track; head + 1 is the next offset; tail <= head + 1
//   2. a track's segments are in order without holes; the first one holds tail
//   3. `bytes` is the sum of the kept entries' sizes over all active tracks
//
// Ownership: the log holds one reference on each of its segments; outlets hold their own.
// Limits: entries, bytes over all tracks, age (struct log_limits). Count and bytes always leave the newest entry; age
// leaves nothing. What is
// allocated exceeds `bytes` by less than two segments per track.
// Errors: ERR_NOMEM; the log is then as before the call.
// Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_H
#define PLENUM_CORE_LOG_H

#include "base/buf.h"
#include "core/log/chain.h"
#include "dialect/dialect.h"

enum { TRACK_RECORD = DIALECT_COUNT, TRACK_COUNT };
enum { LOG_SKEW_MS = 100 }; // the clocks are read one after the other and rounded; more than this is a step

struct log_limits {
    uint32_t entries;
    uint32_t bytes;
    uint32_t age_ms;
};

struct log {
    struct mem *mem;
    uint64_t head; // newest offset; 0 while nothing was ever appended
    uint64_t tail; // oldest offset kept; head + 1 while empty
    size_t bytes;
    struct chain tracks[TRACK_COUNT];
    bool active[TRACK_COUNT];
};

void log_init(struct log *l, struct mem *m);
void log_deinit(struct log *l);

// Gives e, whose wall time is set, the next offset and appends it to all active tracks. e->offset is set on success only.
// now_ms is monotonic. `scratch` is reset and used for encoding.
enum err log_append(struct log *l, struct entry *e, uint64_t now_ms, struct buf *scratch,
                    int32_t utc_offset_s) WARN_UNUSED;
// Makes the dialect's track, if it is not there, from the entries kept.
enum err log_activate(struct log *l, enum dialect_id d, str room, struct buf *scratch,
                      int32_t utc_offset_s) WARN_UNUSED;
void log_deactivate(struct log *l, enum dialect_id d);
// Drops entries beyond the limits; now_ms is monotonic.
void log_trim(struct log *l, const struct log_limits *limits, uint64_t now_ms);

// The entry at an offset in tail..head; strings borrow from the log. `room` is put into it.
void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret);
// The offset at which a replay of the newest n messages begins; head + 1 for n = 0.
uint64_t log_messages_back(const struct log *l, uint32_t n);
// How long ago the oldest entry kept was appended, to LOG_SKEW_MS; 0 when empty.
uint64_t log_oldest_age_ms(const struct log *l, uint64_t now_ms);
void log_check(const struct log *l);

// The framed bytes of a payload are head + payload + end.
struct frame_parts {
    char head[10];
    size_t head_n;
    str end;
};
void frame_parts_make(enum framing framing, size_t payload_n, struct frame_parts *ret);

#endif
