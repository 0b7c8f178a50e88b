// SPDX-License-Identifier: Apache-2.0
//
// The ring keeps the order of age, so expiry is taking from one end; the map finds by fingerprint. The map's
// values are ring places, which do not move while an item lives (growth re-inserts all).
#include "core/home/idempotency.h"

#include "base/assert.h"

void idempotency_init(struct idempotency *w, struct mem *m)
{
    *w = (struct idempotency){.mem = m};
    map_init(&w->map, m);
}

void idempotency_deinit(struct idempotency *w)
{
    map_deinit(&w->map);
    mem_free(w->mem, w->ring, w->cap * sizeof *w->ring);
    w->ring = NULL;
    w->cap = w->n = w->from = 0;
    map_init(&w->map, w->mem);
}

static bool item_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct idempotency *w = ctx;
    const u128 *print = key;
    return w->ring[value].print.lo == print->lo && w->ring[value].print.hi == print->hi;
}

static void forget_oldest(struct idempotency *w)
{
    ASSERT(w->n != 0);
    ASSERT(w->from < w->cap);
    map_remove(&w->map, w->ring[w->from].print.lo, w->from);
    w->from = (w->from + 1) & (w->cap - 1);
    w->n--;
}

void idempotency_forget(struct idempotency *w, uint64_t now_ms, uint32_t window_ms)
{
    while (w->n != 0 && now_ms > w->ring[w->from].time_ms + window_ms)
        forget_oldest(w);
}

void idempotency_expire(struct idempotency *w, uint64_t now_ms, uint32_t window_ms)
{
    idempotency_forget(w, now_ms, window_ms);
    if (w->n == 0 && w->ring != NULL)
        idempotency_deinit(w);
}

bool idempotency_find(const struct idempotency *w, u128 print, uint64_t at_ms, uint32_t window_ms,
                      uint64_t *ret_value)
{
    uint32_t at = map_find(&w->map, print.lo, item_eq, w, &print);
    if (at == MAP_NONE || at_ms > w->ring[at].time_ms + window_ms)
        return false;
    *ret_value = w->ring[at].value;
    return true;
}

static enum err ring_grow(struct idempotency *w)
{
    uint32_t cap = w->cap == 0 ? 8 : w->cap * 2;
    struct idempotency_item *ring = mem_alloc(w->mem, cap * sizeof *ring);
    if (ring == NULL)
        return ERR_NOMEM;
    struct map map;
    map_init(&map, w->mem);
    for (uint32_t i = 0; i < w->n; i++) {
        ring[i] = w->ring[(w->from + i) & (w->cap - 1)];
        if (map_insert(&map, ring[i].print.lo, i) == OK)
            continue;
        map_deinit(&map);
        mem_free(w->mem, ring, cap * sizeof *ring);
        return ERR_NOMEM;
    }
    map_deinit(&w->map);
    mem_free(w->mem, w->ring, w->cap * sizeof *w->ring);
    w->map = map;
    w->ring = ring;
    w->cap = cap;
    w->from = 0;
    return OK;
}

static uint32_t newest(const struct idempotency *w)
{
    ASSERT(w->n != 0);
    return (w->from + w->n - 1) & (w->cap - 1);
}

enum err idempotency_secure(struct idempotency *w)
{
    return w->n == w->cap && ring_grow(w) != OK ? ERR_NOMEM : map_secure(&w->map);
}

// The new one first, then the old ones go: a map that is emptied has no memory left for it.
enum err idempotency_put(struct idempotency *w, u128 print, uint64_t value, uint64_t now_ms,
                         uint32_t count_max)
{
    if (idempotency_secure(w) != OK)
        return ERR_NOMEM;
    uint32_t same = map_find(&w->map, print.lo, item_eq, w, &print);
    ASSERT(w->n < w->cap);
    uint32_t at = (w->from + w->n) & (w->cap - 1);
    if (map_insert(&w->map, print.lo, at) != OK)
        return ERR_NOMEM;
    w->ring[at] = (struct idempotency_item){.print = print, .value = value, .time_ms = now_ms};
    w->n++;
    while (w->n != 0 && (w->n > count_max || same != MAP_NONE)) {
        if (w->from == same)
            same = MAP_NONE;
        forget_oldest(w);
    }
    return OK;
}

void idempotency_amend(struct idempotency *w, uint64_t value) { w->ring[newest(w)].value = value; }

void idempotency_take_back(struct idempotency *w)
{
    uint32_t at = newest(w);
    map_remove(&w->map, w->ring[at].print.lo, at);
    w->n--;
}

void idempotency_check(const struct idempotency *w)
{
    ASSERT(w->n <= w->cap);
    ASSERT((w->cap & (w->cap - 1)) == 0);
    ASSERT((w->cap == 0) == (w->ring == NULL));
    ASSERT(w->cap == 0 || w->from < w->cap);
    ASSERT(w->map.count == w->n);
    map_check(&w->map);
}
