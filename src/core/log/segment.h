// SPDX-License-Identifier: Apache-2.0
//
// segment.h - a block of consecutive entries: records of a log, or frames of a room's live stream or of older records.
// Written once by the room's home, read by every shard.
//
//      refs cap first after |entry bytes ->                      <- ends[2] ends[1] ends[0]|
//                           0                                                              cap
//
// Entries are numbered by what the segment is of: records and their frames by offset, the live stream by place (live.h).
// Entry k of the segment lies in [end(k-1), end(k)); ends are u32 positions growing down from the end of the
// block, so a segment needs no index beside it. The highest bit of an end says that the entry is passing: it has a place
// and no offset. In a segment that is *keyed* each end has eight bytes more behind it, a print of the entry's conflation key
// (live.h); 0: it has none. A cut (place.h) lies in a live segment of its own, as offsets go on from elsewhere behind it. Bytes and ends below the announced head never change; that is
// what lets other shards read them without a lock. `count` and `used` belong to the writer: a reader knows how
// far it may look from the head it was told and from the next segment's `first`.
//
// Ownership: reference counted (atomic: references are dropped by any shard); the last one frees the block.
// Limits: SEGMENT_BYTES_MAX unless a single entry is larger; then the segment is exactly that entry.
#ifndef PLENUM_CORE_SEGMENT_H
#define PLENUM_CORE_SEGMENT_H

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SEGMENT_BYTES_MIN = 256, SEGMENT_BYTES_MAX = 64 * 1024 };
#define SEGMENT_PASSING 0x80000000u
#define SEGMENT_CUT (UINT64_C(1) << 63)
#define SEGMENT_KEYED (UINT64_C(1) << 62)
#define PRINT_WAITS UINT64_C(1) // of a print: its entry may wait for the next of its key (live.h)

struct segment {
    struct mem *part; // of a tenant (base/mem.h), that it is from; NULL: from whichever share of the process
    _Atomic uint32_t refs;
    uint32_t cap;   // bytes in data[]
    uint64_t first; // number of the first entry
    uint32_t count; // writer's: entries so far
    uint32_t used;  // writer's: entry bytes so far
    // Of a live stream: offset of the newest record before the first entry; its highest bits: it is a cut, it is keyed.
    uint64_t after;
    uint8_t data[];
};

// An empty segment with one reference, for entries from `first` on. NULL when memory is out.
struct segment *segment_create(struct mem *m, uint64_t first, uint32_t cap);
static inline struct segment *segment_ref(struct segment *s)
{
    uint32_t before = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    ASSERT(before != 0); // who refers to it anew holds it, or somebody who lends it does
    return s;
}
// m: a share of the source that it is from; where it is from a part, that counts. NULL is fine.
void segment_unref(struct mem *m, struct segment *s);

// Its entries have prints beside them.
static inline bool segment_keyed(const struct segment *s) { return (s->after & SEGMENT_KEYED) != 0; }
// What there is of each entry beside its bytes.
static inline size_t segment_stride(const struct segment *s)
{
    return sizeof(uint32_t) + (segment_keyed(s) ? sizeof(uint64_t) : 0);
}
// Bytes an entry of n bytes takes up in a segment that is not keyed.
static inline size_t segment_cost(size_t n) { return n + sizeof(uint32_t); }
static inline bool segment_fits(const struct segment *s, size_t n)
{
    return s->used + ((size_t)s->count + 1) * segment_stride(s) + n <= s->cap;
}
// The next entry's bytes, which must fit.
void segment_append(struct segment *s, str head, str payload, str end, bool passing);
// What an entry says instead of what it said.
struct instead {
    uint64_t number;
    str bytes;
};
// A copy, with one reference, of the entries up to `last`, in which n of them, in order, say something else. NULL when memory is out.
struct segment *segment_copy(struct mem *m, const struct segment *s, uint64_t last,
                             const struct instead *instead, uint32_t n) WARN_UNUSED;
// Of a keyed one: the print of the entry appended last, which nobody has been told of yet.
void segment_set_print(struct segment *s, uint64_t print);

static inline uint32_t segment_slot(const struct segment *s, uint64_t number)
{
    uint64_t i = number - s->first;
    uint32_t v;
    ASSERT(number >= s->first);
    ASSERT(i < s->cap / sizeof v);
    memcpy(&v, s->data + s->cap - i * segment_stride(s) - sizeof v, sizeof v);
    return v;
}
// 0: it has no conflation key, or the segment is not keyed.
static inline uint64_t segment_print(const struct segment *s, uint64_t number)
{
    uint64_t i = number - s->first, v = 0;
    ASSERT(number >= s->first);
    ASSERT(i < s->cap / segment_stride(s));
    if (segment_keyed(s))
        memcpy(&v, s->data + s->cap - (i + 1) * segment_stride(s), sizeof v);
    return v;
}
static inline uint32_t segment_end(const struct segment *s, uint64_t number)
{
    return segment_slot(s, number) & ~SEGMENT_PASSING;
}
static inline uint32_t segment_start(const struct segment *s, uint64_t number)
{
    return number == s->first ? 0 : segment_end(s, number - 1);
}
static inline str segment_entry(const struct segment *s, uint64_t number)
{
    uint32_t start = segment_start(s, number), end = segment_end(s, number);
    ASSERT(start <= end);
    return (str){(const char *)s->data + start, end - start};
}
// The bytes of entries from..to.
static inline str segment_run(const struct segment *s, uint64_t from, uint64_t to)
{
    uint32_t start = segment_start(s, from), end = segment_end(s, to);
    ASSERT(from <= to);
    ASSERT(start <= end);
    return (str){(const char *)s->data + start, end - start};
}
static inline bool segment_passing(const struct segment *s, uint64_t number)
{
    return (segment_slot(s, number) & SEGMENT_PASSING) != 0;
}
// It is a cut, and nothing else.
static inline bool segment_cut(const struct segment *s) { return (s->after & SEGMENT_CUT) != 0; }
// Of a live stream: the offset of the newest record before `place`, which is in the segment or right behind it.
uint64_t segment_offset_before(const struct segment *s, uint64_t place);
// The same before its first one.
static inline uint64_t segment_after(const struct segment *s)
{
    return s->after & ~(SEGMENT_CUT | SEGMENT_KEYED);
}

#endif
