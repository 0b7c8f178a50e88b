// SPDX-License-Identifier: Apache-2.0
//
// prints.h - a table of what is kept of somebody for a while, found by a print: 64 bits of a keyed hash, which tell all apart.
//
// Its rows are of any struct whose first member is `uint64_t print`. Who keeps something of somebody forgets them again: from time
// to time (look_ms) the owner goes through the rows and removes those that say nothing any more, so what stands here is what
// happened lately.
//
// Invariants (prints_check)
//   1. each row is found by its print
//   2. while there are rows it is known when to look
//
// Ownership: the owner's; memory within the shard's budget. Thread: the shard's.
#ifndef PLENUM_CORE_COMMON_PRINTS_H
#define PLENUM_CORE_COMMON_PRINTS_H

#include "base/map.h"
#include "base/slab.h"

struct prints {
    struct slab slab;
    struct map by_print;
    uint64_t look_ms; // when to look for rows that are not needed; UINT64_MAX while there are none
    uint32_t look_every_ms;
};

void prints_init(struct prints *t, struct mem *m, size_t row_bytes, uint32_t look_every_ms);
void prints_deinit(struct prints *t);
void *prints_find(const struct prints *t, uint64_t print); // NULL: there is none
// A new row, zeroed but for its print, of which there is none. NULL when memory is out. Good until the next one is made.
void *prints_make(struct prints *t, uint64_t print, uint64_t now_ms);
// Those for which `over` is true go, and when to look again is set.
void prints_look(struct prints *t, uint64_t now_ms, bool (*over)(void *ctx, void *row), void *ctx);
void prints_check(const struct prints *t);

// The same somebody as something else: who makes rooms, who says things.
enum print_kind {
    PRINT_MAKER,
    PRINT_USER,
    PRINT_ADDRESS,
    PRINT_ROOM,
    PRINT_MEMBER,
    PRINT_TENANT,
    PRINT_API_KEY
};
static inline uint64_t print_as(uint64_t print, enum print_kind kind)
{
    return print ^ ((uint64_t)kind * UINT64_C(0x9e3779b97f4a7c15));
}

#endif
