// SPDX-License-Identifier: Apache-2.0
//
// log.h - what was said in a room: records, numbered, kept within limits.
//
//      offsets  tail                 committed    head
//      records  [seg ......][seg ............][seg ....]
//
// The log is the truth; frames of it are made for who needs them: live.h for those who are there, replay.h for those who
// come. So what it keeps depends on what was said, and not on who listens in which language, or who came and went.
//
// Who gives a record its offset is not the log's to know (home/authority.h); it is appended at the one that it was given.
//
// Readers follow a log at a pace of their own, such as a store that writes to a disk. Where some of them must have a record
// before anybody may rely on it, the log is committed up to what they all have; where none must, all is committed at
// once. People, and the acknowledgements that they are sent, see what is committed.
//
// Ages go by the records' steady time (dialect/entry.h), so that a wall clock may be set, by hours, either way, and no
// history goes early or stays for ever.
//
// Invariants (log_check):
//   1. records tail..head are all there; head + 1 is the next offset; tail <= head + 1
//   2. segments are in order without holes; the first one holds tail
//   3. `bytes` is the sum of the kept records' sizes
//   4. committed <= head, and is what all readers that it waits for have; tail <= committed + 1
//
// Ownership: the log's; readers are their owners', and the log that goes forgets them. Limits: records, bytes, age
// (struct log_limits). Count and bytes always leave the newest record; age leaves nothing. What is allocated exceeds
// `bytes` by less than two segments, and an index of four bytes a record. Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_H
#define PLENUM_CORE_LOG_H

#include "core/log/chain.h"
#include "core/log/words.h"
#include "dialect/entry.h"

struct log_limits {
    uint32_t records;
    uint32_t bytes;
    uint32_t age_ms;
};

struct log_reader {
    struct log_reader *next;
    uint64_t have; // all up to this offset
};

struct log {
    struct mem *mem;
    uint64_t head;      // newest offset; 0 while nothing was ever appended
    uint64_t tail;      // oldest offset kept; head + 1 while empty
    uint64_t committed; // newest offset that people may see
    size_t bytes;
    struct chain records;
    struct log_reader *readers; // that `committed` waits for
    struct words *words;        // what became of messages; NULL: nothing
};

void log_init(struct log *l, struct mem *m);
void log_deinit(struct log *l);
// Nothing has been appended: the first record will have that offset, as those before it are kept elsewhere or nowhere.
void log_begin(struct log *l, uint64_t offset);

// All that there is goes, and the next record will have that offset: what is before it is kept nowhere, or is of another
// numbering. Readers go on from there.
void log_restart(struct log *l, uint64_t offset);

// An append is two steps (place.h): the place for a record of n bytes, then the record at `offset`, which must be head + 1.
// NULL when memory is out. What was secured and is not used is given back by log_release.
struct segment *log_secure(struct log *l, size_t n) WARN_UNUSED;
void log_append_at(struct log *l, uint64_t offset, struct segment *secured, str record);
void log_release(struct log *l);
// What the message or edit at an offset up to head says is gone, where it lies, if it does.
void log_erase(struct log *l, uint64_t offset);
// From here on the log commits what this reader has, too; it has all that was committed so far.
void log_reader_add(struct log *l, struct log_reader *r);
void log_reader_remove(struct log *l, struct log_reader *r);
// It has all up to an offset. True if more is committed by that.
bool log_reader_has(struct log *l, struct log_reader *r, uint64_t offset);
// Drops records beyond the limits, none behind `shown`, which people have been told of; steady_ms is now.
void log_trim(struct log *l, const struct log_limits *limits, uint64_t shown, uint64_t steady_ms);
// Drops the oldest segment, and the records in it; how many bytes are free by that. 0 where it has some behind `shown`.
size_t log_shed(struct log *l, uint64_t shown);

// The record at an offset in tail..head, as bytes and as an entry as it was said, whose strings borrow from the log; `room` is put
// into it. As it is now: words_show.
str log_record(const struct log *l, uint64_t offset);
void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret);
// The offset at which a replay of the newest n messages up to an offset begins; behind it for n = 0.
uint64_t log_messages_back(const struct log *l, uint64_t to, uint32_t n);
// How long ago the oldest record kept was said; 0 when empty.
uint64_t log_oldest_age_ms(const struct log *l, uint64_t steady_ms);
// When the newest one was said, steady; there is one.
uint64_t log_newest_ms(const struct log *l);
void log_check(const struct log *l);

#endif
