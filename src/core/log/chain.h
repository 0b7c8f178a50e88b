// SPDX-License-Identifier: Apache-2.0
//
// chain.h - the segments of one track in order, as one holder sees them: the home's log, or a shard's outlet.
//
// Invariant (chain_check): segments are sorted by `first`, each begins where the one before it ends.
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
// Appends (takes the reference) a segment that follows the last one. ERR_NOMEM: the reference stays the caller's.
enum err chain_push(struct chain *c, struct mem *m, struct segment *s) WARN_UNUSED;
// Puts s where it belongs by `first`; one that is there already is dropped. Takes the reference in any case but
// ERR_NOMEM.
enum err chain_merge(struct chain *c, struct mem *m, struct segment *s) WARN_UNUSED;
// Drops segments that hold only entries below `offset`; the last segment stays. Returns how many were dropped.
uint32_t chain_trim(struct chain *c, struct mem *m, uint64_t offset);
// Drops the last segment.
void chain_pop(struct chain *c, struct mem *m);
// Index of the segment that holds offset, which must be at or after the first segment's first.
uint32_t chain_find(const struct chain *c, uint64_t offset);
static inline struct segment *chain_last(const struct chain *c)
{
    return c->n != 0 ? c->segs[c->n - 1] : NULL;
}

#endif
