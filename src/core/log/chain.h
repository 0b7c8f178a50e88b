// SPDX-License-Identifier: Apache-2.0
//
// chain.h - segments in order, as one holder sees them: of a log's records, a live stream, a shard's outlet.
//
// Invariants (chain_check_writer; of all but writers, chain_check)
//   1. segments are sorted by `first`, and none is there twice
//   2. `bytes` is what they have allocated together
//   3. of a writer (chain_check_writer): none is empty, and each begins where the one before it ends. Nobody else may look
//      at how far a segment has been filled
// Ownership: one reference per segment in it. Thread: the holder's.
#ifndef PLENUM_CORE_CHAIN_H
#define PLENUM_CORE_CHAIN_H

#include "core/log/segment.h"

struct chain {
    struct segment **segs; // oldest first
    uint32_t n;
    uint32_t cap;
    size_t bytes; // allocated by the segments in it
};

void chain_deinit(struct chain *c, struct mem *m);
void chain_check(const struct chain *c);
void chain_check_writer(const struct chain *c);
// Appends (takes the reference) a segment that follows the last one. ERR_NOMEM: the reference stays the caller's.
enum err chain_push(struct chain *c, struct mem *m, struct segment *s) WARN_UNUSED;
// A new segment at the end, for entries from `first` on, the next of which takes n bytes: twice as large as the last one,
// within SEGMENT_BYTES_MIN and _MAX, or as large as that entry. It is the chain's; its block comes from `bytes`. NULL when memory is out.
struct segment *chain_extend(struct chain *c, struct mem *m, struct mem *bytes, uint64_t first,
                             size_t n) WARN_UNUSED;
// The same for that entry alone.
struct segment *chain_alone(struct chain *c, struct mem *m, struct mem *bytes, uint64_t first,
                            size_t n) WARN_UNUSED;
// Puts s where it belongs by `first`; one that is there already is dropped. Takes the reference in any case but
// ERR_NOMEM.
enum err chain_merge(struct chain *c, struct mem *m, struct segment *s) WARN_UNUSED;
// Drops segments that hold only entries below `offset`; the last segment stays. Returns how many were dropped.
uint32_t chain_trim(struct chain *c, struct mem *m, uint64_t offset);
// Drops one in the midst: not a writer's.
void chain_take_out(struct chain *c, struct mem *m, uint32_t at);
// Puts another one of the same entries in the place of one: takes the reference.
void chain_put_instead(struct chain *c, struct mem *m, uint32_t at, struct segment *s);
// Drops the last segment.
void chain_pop(struct chain *c, struct mem *m);
// Index of the segment that holds offset, which must be at or after the first segment's first.
uint32_t chain_find(const struct chain *c, uint64_t offset);
// A writer's: the number of the entry behind its last one. Not of an empty chain.
static inline uint64_t chain_end(const struct chain *c)
{
    return c->segs[c->n - 1]->first + c->segs[c->n - 1]->count;
}
static inline struct segment *chain_last(const struct chain *c)
{
    return c->n != 0 ? c->segs[c->n - 1] : NULL;
}

#endif
