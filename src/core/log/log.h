// SPDX-License-Identifier: Apache-2.0
//
// log.h - what was said in a room: records, numbered, kept within limits.
//
//      offsets  tail                              head
//      records  [seg ......][seg ............][seg ....]
//
// The log is the truth; frames of it are made for who needs them: live.h for those who are there, replay.h for those who
// come. So what it keeps depends on what was said, and not on who listens in which language, or who came and went.
//
// Age is monotonic. A record keeps the wall time that people are shown, and a wall clock may be set: by hours, either way,
// when NTP finds out or a machine was asleep. What that does to the records' times is known, because each segment
// keeps how far the wall clock was from the monotonic one; after a step the next record begins a new segment. So a record's
// own age costs eight bytes a segment and nothing per record.
//
// Invariants (log_check):
//   1. records tail..head are all there; head + 1 is the next offset; tail <= head + 1
//   2. segments are in order without holes; the first one holds tail
//   3. `bytes` is the sum of the kept records' sizes
//
// Ownership: the log's. Limits: records, bytes, age (struct log_limits). Count and bytes always leave the newest record;
// age leaves nothing. What is allocated exceeds `bytes` by less than two segments, and an index of four bytes a record.
// Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_H
#define PLENUM_CORE_LOG_H

#include "core/log/chain.h"
#include "dialect/entry.h"

enum { LOG_SKEW_MS = 100 }; // the clocks are read one after the other and rounded; more than this is a step

struct log_limits {
    uint32_t records;
    uint32_t bytes;
    uint32_t age_ms;
};

struct log {
    struct mem *mem;
    uint64_t head; // newest offset; 0 while nothing was ever appended
    uint64_t tail; // oldest offset kept; head + 1 while empty
    size_t bytes;
    struct chain records;
};

void log_init(struct log *l, struct mem *m);
void log_deinit(struct log *l);

// An append is two steps (place.h): the place for a record of n bytes, then the record. NULL when memory is out. What was
// secured and is not used is given back by log_release.
struct segment *log_secure(struct log *l, size_t n, uint64_t wall_ms, uint64_t now_ms) WARN_UNUSED;
void log_commit(struct log *l, struct segment *secured, str record); // gets offset head + 1
void log_release(struct log *l);
// Drops records beyond the limits; now_ms is monotonic.
void log_trim(struct log *l, const struct log_limits *limits, uint64_t now_ms);
// Drops the oldest segment, and the records in it; how many bytes are free by that.
size_t log_shed(struct log *l);

// The record at an offset in tail..head, as bytes and as an entry whose strings borrow from the log; `room` is put into it.
str log_record(const struct log *l, uint64_t offset);
void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret);
// The offset at which a replay of the newest n messages begins; head + 1 for n = 0.
uint64_t log_messages_back(const struct log *l, uint32_t n);
// How long ago the oldest record kept was appended, to LOG_SKEW_MS; 0 when empty.
uint64_t log_oldest_age_ms(const struct log *l, uint64_t now_ms);
void log_check(const struct log *l);

#endif
