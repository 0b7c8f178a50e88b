// SPDX-License-Identifier: Apache-2.0
//
// heap.h - one due time per id, earliest first: the timers of rooms.
//
// A binary min-heap that knows where each id stands in it, so setting a timer again moves it instead of leaving a
// stale item behind: it never holds more items than there are ids, however often timers move. Ids are small (pool
// indices). Connections do not use it; they have packed deadlines (core/conn/deadline.h).
//
// Errors: ERR_NOMEM from heap_set for an id that was not in it; moving one that is cannot fail.
// Items with equal due times come out in no promised order. Thread: the owner's only.
#ifndef PLENUM_BASE_HEAP_H
#define PLENUM_BASE_HEAP_H

#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>

#define HEAP_NONE UINT64_MAX

struct heap_item {
    uint64_t due_ms;
    uint32_t id;
};

struct heap {
    struct mem *mem;
    struct heap_item *items;
    uint32_t *places; // of id: 1 + its index in items; 0 = not in the heap
    uint32_t count;
    uint32_t cap;       // of items
    uint32_t place_cap; // of places
};

void heap_init(struct heap *h, struct mem *m);
void heap_deinit(struct heap *h);
// The id's timer is due then, whether it had one or not.
enum err heap_set(struct heap *h, uint32_t id, uint64_t due_ms) WARN_UNUSED;
// Takes the id out; fine if it is not in.
void heap_remove(struct heap *h, uint32_t id);
// Gives back what a peak has left, where that is most of it. Not done by heap_remove: an id that is taken out and set
// again must find its place without asking for memory.
void heap_fit(struct heap *h);
// When the id's timer is due; HEAP_NONE without one.
uint64_t heap_due(const struct heap *h, uint32_t id);
// When the earliest timer is due; HEAP_NONE when empty.
uint64_t heap_next_due(const struct heap *h);
// Takes the earliest item out if it is due at now; false otherwise.
bool heap_pop_due(struct heap *h, uint64_t now_ms, uint32_t *ret_id);
// Asserts the order and the places.
void heap_check(const struct heap *h);

#endif
