// SPDX-License-Identifier: Apache-2.0
//
// Rejected: lazy deletion (a room whose timer moves a thousand times a minute would leave a thousand items behind)
// and a timing wheel (rooms have few timers with times from milliseconds to hours; a wheel's levels buy nothing).
#include "base/heap.h"

#include "base/assert.h"
#include <string.h>

enum { HEAP_CAP_MIN = 16 };

void heap_init(struct heap *h, struct mem *m) { *h = (struct heap){.mem = m}; }

void heap_deinit(struct heap *h)
{
    mem_free(h->mem, h->items, h->cap * sizeof *h->items);
    mem_free(h->mem, h->places, h->place_cap * sizeof *h->places);
    heap_init(h, h->mem);
}

static void heap_put(struct heap *h, uint32_t at, struct heap_item item)
{
    h->items[at] = item;
    h->places[item.id] = at + 1;
}

static void sift_up(struct heap *h, uint32_t at, struct heap_item item)
{
    while (at > 0 && h->items[(at - 1) / 2].due_ms > item.due_ms) {
        heap_put(h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(h, at, item);
}

static void sift_down(struct heap *h, uint32_t at, struct heap_item item)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->items[child + 1].due_ms < h->items[child].due_ms)
            child++;
        if (h->items[child].due_ms >= item.due_ms)
            break;
        heap_put(h, at, h->items[child]);
        at = child;
    }
    heap_put(h, at, item);
}

static enum err heap_grow(struct heap *h, uint32_t id)
{
    if (id >= h->place_cap) {
        uint32_t cap = h->place_cap == 0 ? HEAP_CAP_MIN : h->place_cap;
        while (cap <= id)
            cap *= 2;
        uint32_t *places =
            mem_realloc(h->mem, h->places, h->place_cap * sizeof *places, cap * sizeof *places);
        if (places == NULL)
            return ERR_NOMEM;
        memset(places + h->place_cap, 0, (cap - h->place_cap) * sizeof *places);
        h->places = places;
        h->place_cap = cap;
    }
    if (h->count == h->cap) {
        uint32_t cap = h->cap == 0 ? HEAP_CAP_MIN : h->cap * 2;
        struct heap_item *items = mem_realloc(h->mem, h->items, h->cap * sizeof *items, cap * sizeof *items);
        if (items == NULL)
            return ERR_NOMEM;
        h->items = items;
        h->cap = cap;
    }
    return OK;
}

enum err heap_set(struct heap *h, uint32_t id, uint64_t due_ms)
{
    ASSERT(id < UINT32_MAX / 4 && due_ms != HEAP_NONE);
    struct heap_item item = {due_ms, id};
    if (heap_due(h, id) == HEAP_NONE) {
        if (heap_grow(h, id) != OK)
            return ERR_NOMEM;
        sift_up(h, h->count++, item);
        return OK;
    }
    uint32_t at = h->places[id] - 1;
    if (due_ms < h->items[at].due_ms)
        sift_up(h, at, item);
    else
        sift_down(h, at, item);
    return OK;
}

void heap_remove(struct heap *h, uint32_t id)
{
    if (heap_due(h, id) == HEAP_NONE)
        return;
    uint32_t at = h->places[id] - 1;
    struct heap_item last = h->items[--h->count];
    h->places[id] = 0;
    if (last.id == id)
        return;
    if (at > 0 && h->items[(at - 1) / 2].due_ms > last.due_ms)
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
}

void heap_fit(struct heap *h)
{
    if (h->count == 0) {
        heap_deinit(h);
        return;
    }
    if (h->cap <= HEAP_CAP_MIN || h->count >= h->cap / 4)
        return;
    uint32_t cap = h->cap / 2, place_cap = HEAP_CAP_MIN;
    for (uint32_t i = 0; i < h->count; i++)
        while (place_cap <= h->items[i].id)
            place_cap *= 2;
    struct heap_item *items = mem_realloc(h->mem, h->items, h->cap * sizeof *items, cap * sizeof *items);
    if (items == NULL)
        return; // next time
    h->items = items;
    h->cap = cap;
    uint32_t *places = NULL;
    if (place_cap < h->place_cap)
        places = mem_realloc(h->mem, h->places, h->place_cap * sizeof *places, place_cap * sizeof *places);
    if (places == NULL)
        return;
    h->places = places;
    h->place_cap = place_cap;
}

uint64_t heap_due(const struct heap *h, uint32_t id)
{
    if (id >= h->place_cap || h->places[id] == 0)
        return HEAP_NONE;
    return h->items[h->places[id] - 1].due_ms;
}

uint64_t heap_next_due(const struct heap *h) { return h->count == 0 ? HEAP_NONE : h->items[0].due_ms; }

bool heap_pop_due(struct heap *h, uint64_t now_ms, uint32_t *ret_id)
{
    if (h->count == 0 || h->items[0].due_ms > now_ms)
        return false;
    *ret_id = h->items[0].id;
    heap_remove(h, *ret_id);
    return true;
}

void heap_check(const struct heap *h)
{
    uint32_t in = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        ASSERT(h->places[h->items[i].id] == i + 1);
        ASSERT(i == 0 || h->items[(i - 1) / 2].due_ms <= h->items[i].due_ms);
    }
    for (uint32_t id = 0; id < h->place_cap; id++)
        in += h->places[id] != 0;
    ASSERT(in == h->count);
}
