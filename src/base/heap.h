// SPDX-License-Identifier: Apache-2.0
//
// heap.h - a binary min-heap of {due time, what}: the timers of rooms.
//
// Connections do not use it (they have packed deadlines, core/deadline.h). Cancelling is lazy: `what` carries a
// generation or the owner remembers its own due time, and a popped item that no longer matches is dropped.
//
// Items with the same due time come out in no particular (but reproducible) order. The array grows by doubling and
// is given back by heap_deinit only.
// Invariant: no item is due before its parent (heap_check).
//
// Errors: ERR_NOMEM from heap_push, ERR_LIMIT at count_max.
#ifndef PLENUM_BASE_HEAP_H
#define PLENUM_BASE_HEAP_H

#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>

struct heap_item {
    uint64_t due_ms;
    uint32_t id;
    uint32_t gen;
};

struct heap {
    struct mem *mem;
    struct heap_item *items;
    uint32_t count;
    uint32_t cap;
    uint32_t count_max;
};

void heap_init(struct heap *h, struct mem *m, uint32_t count_max);
void heap_deinit(struct heap *h);
enum err heap_push(struct heap *h, struct heap_item item) WARN_UNUSED;
// The earliest item; false when empty.
bool heap_peek(const struct heap *h, struct heap_item *ret);
// Takes the earliest item if it is due at now; false otherwise.
bool heap_pop_due(struct heap *h, uint64_t now_ms, struct heap_item *ret);
// Asserts the invariant; O(count), for tests and the simulator.
void heap_check(const struct heap *h);

#endif
