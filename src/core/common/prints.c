// SPDX-License-Identifier: Apache-2.0
//
// A pool, and a map into it.
#include "core/common/prints.h"

#include "base/assert.h"
#include <string.h>

void prints_init(struct prints *t, struct mem *m, size_t row_bytes, uint32_t look_every_ms)
{
    ASSERT(row_bytes >= sizeof(uint64_t));
    *t = (struct prints){.look_ms = UINT64_MAX, .look_every_ms = look_every_ms};
    slab_init(&t->slab, m, row_bytes, UINT32_MAX - 1);
    map_init(&t->by_print, m);
}

void prints_deinit(struct prints *t)
{
    map_deinit(&t->by_print);
    slab_deinit(&t->slab);
}

static uint64_t print_of(const void *row)
{
    uint64_t print;
    memcpy(&print, row, sizeof print);
    return print;
}

static bool print_eq(const void *ctx, uint32_t value, const void *key)
{
    return print_of(slab_at(ctx, value)) == *(const uint64_t *)key;
}

static uint32_t index_of(const struct prints *t, uint64_t print)
{
    return map_find(&t->by_print, print, print_eq, &t->slab, &print);
}

void *prints_find(const struct prints *t, uint64_t print)
{
    uint32_t index = index_of(t, print);
    return index == MAP_NONE ? NULL : slab_at(&t->slab, index);
}

void *prints_make(struct prints *t, uint64_t print, uint64_t now_ms)
{
    ASSERT(index_of(t, print) == MAP_NONE);
    uint32_t index = slab_alloc(&t->slab);
    if (index == SLAB_NONE)
        return NULL;
    if (map_insert(&t->by_print, print, index) != OK) {
        slab_free(&t->slab, index);
        return NULL;
    }
    void *row = slab_at(&t->slab, index);
    memcpy(row, &print, sizeof print);
    if (t->look_ms == UINT64_MAX)
        t->look_ms = now_ms + t->look_every_ms;
    return row;
}

void prints_look(struct prints *t, uint64_t now_ms, bool (*over)(void *ctx, void *row), void *ctx)
{
    for (uint32_t i = 0; i < t->slab.high; i++) {
        void *row = slab_used(&t->slab, i) ? slab_at(&t->slab, i) : NULL;
        if (row == NULL || !over(ctx, row))
            continue;
        map_remove(&t->by_print, print_of(row), i);
        slab_free(&t->slab, i);
    }
    t->look_ms = t->slab.count == 0 ? UINT64_MAX : now_ms + t->look_every_ms;
}

void prints_check(const struct prints *t)
{
    ASSERT(t->slab.count == t->by_print.count);
    ASSERT(t->slab.count == 0 || t->look_ms != UINT64_MAX); // 2
    for (uint32_t i = 0; i < t->slab.high; i++)
        ASSERT(!slab_used(&t->slab, i) || index_of(t, print_of(slab_at(&t->slab, i))) == i); // 1
    slab_check(&t->slab);
    map_check(&t->by_print);
}
