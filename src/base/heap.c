// SPDX-License-Identifier: Apache-2.0
//
// A binary heap in an array, root at 0, children of i at 2i+1 and 2i+2. Sifting moves a hole instead of swapping:
// one copy a level. Rejected: a timer wheel (rooms have few timers, at coarse times, and the wheel's tick would
// turn for nothing) and decrease-key (it needs a back reference in every owner; dropping stale items on the way out
// does not).
#include "base/heap.h"

#include "base/assert.h"

enum { HEAP_CAP_MIN = 16 };

void heap_init(struct heap *h, struct mem *m, uint32_t count_max)
{
    *h = (struct heap){.mem = m, .count_max = count_max};
}

void heap_deinit(struct heap *h)
{
    if (h->items)
        mem_free(h->mem, h->items, h->cap * sizeof *h->items);
    h->items = NULL;
    h->count = 0;
    h->cap = 0;
}

static enum err heap_grow(struct heap *h)
{
    uint32_t cap = h->cap ? h->cap : HEAP_CAP_MIN / 2;
    cap = cap > h->count_max / 2 ? h->count_max : cap * 2;
    struct heap_item *items = mem_realloc(h->mem, h->items, h->cap * sizeof *items, cap * sizeof *items);
    if (!items)
        return ERR_NOMEM;
    h->items = items;
    h->cap = cap;
    return OK;
}

enum err heap_push(struct heap *h, struct heap_item item)
{
    if (h->count >= h->count_max)
        return ERR_LIMIT;
    if (h->count == h->cap) {
        enum err e = heap_grow(h);
        if (e != OK)
            return e;
    }
    uint32_t hole = h->count++;
    while (hole > 0) {
        uint32_t parent = (hole - 1) / 2;
        if (h->items[parent].due_ms <= item.due_ms)
            break;
        h->items[hole] = h->items[parent];
        hole = parent;
    }
    h->items[hole] = item;
    return OK;
}

bool heap_peek(const struct heap *h, struct heap_item *ret)
{
    if (h->count == 0)
        return false;
    *ret = h->items[0];
    return true;
}

// Fills the hole at the root with `item`, from which all above has been taken.
static void heap_sift_down(struct heap *h, struct heap_item item)
{
    size_t hole = 0; // wider than the count: 2 * hole + 2 must not wrap
    for (;;) {
        size_t child = 2 * hole + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->items[child + 1].due_ms < h->items[child].due_ms)
            child++;
        if (item.due_ms <= h->items[child].due_ms)
            break;
        h->items[hole] = h->items[child];
        hole = child;
    }
    h->items[hole] = item;
}

bool heap_pop_due(struct heap *h, uint64_t now_ms, struct heap_item *ret)
{
    if (h->count == 0 || h->items[0].due_ms > now_ms)
        return false;
    *ret = h->items[0];
    h->count--;
    if (h->count > 0)
        heap_sift_down(h, h->items[h->count]);
    return true;
}

void heap_check(const struct heap *h)
{
    ASSERT(h->count <= h->cap && h->cap <= h->count_max);
    ASSERT((h->items != NULL) == (h->cap > 0));
    for (uint32_t i = 1; i < h->count; i++)
        ASSERT(h->items[(i - 1) / 2].due_ms <= h->items[i].due_ms);
}
