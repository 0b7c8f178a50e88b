// SPDX-License-Identifier: Apache-2.0
//
// idempotency.h - which publishes with a `key` were seen lately, and what became of them.
//
// A ring of {fingerprint of a key, offset, time}, oldest first, with a hash index. A window is bounded by time and count; an
// entry that falls out is forgotten, and the same key then counts as new. Times are steady (dialect/entry.h); those of
// different nodes may be out of order by what their clocks differ.
// Ownership: its owner's (once.h). Nothing is allocated before the first key.
#ifndef PLENUM_CORE_IDEMPOTENCY_H
#define PLENUM_CORE_IDEMPOTENCY_H

#include "base/err.h"
#include "base/map.h"
#include "base/siphash.h"

struct idempotency_item {
    u128 print;
    uint64_t value; // offset, or sessions reached
    uint64_t time_ms;
};

struct idempotency {
    struct mem *mem;
    struct map map;
    struct idempotency_item *ring;
    uint32_t cap; // a power of two
    uint32_t n;
    uint32_t from; // oldest
};

void idempotency_init(struct idempotency *w, struct mem *m);
void idempotency_deinit(struct idempotency *w);
// Forgets what is older than window_ms, from the oldest on. Frees everything when nothing is left.
void idempotency_expire(struct idempotency *w, uint64_t now_ms, uint32_t window_ms);
// The same, and keeps the memory.
void idempotency_forget(struct idempotency *w, uint64_t now_ms, uint32_t window_ms);
// Of a key that was said not longer ago than window_ms.
bool idempotency_find(const struct idempotency *w, u128 print, uint64_t at_ms, uint32_t window_ms,
                      uint64_t *ret_value);
// Makes room: the next put finds memory. ERR_NOMEM.
enum err idempotency_secure(struct idempotency *w) WARN_UNUSED;
// Remembers; forgets the oldest beyond count_max, and down to the same key said before. ERR_NOMEM: not remembered.
enum err idempotency_put(struct idempotency *w, u128 print, uint64_t value, uint64_t now_ms,
                         uint32_t count_max) WARN_UNUSED;
// The newest key's value, once it is known; and as if it had not been put.
void idempotency_amend(struct idempotency *w, uint64_t value);
void idempotency_take_back(struct idempotency *w);
void idempotency_check(const struct idempotency *w);

#endif
