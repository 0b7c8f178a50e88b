// SPDX-License-Identifier: Apache-2.0
#include "core/edge/pass.h"

struct place {
    uint32_t conn, outlet;
};

static struct pass *pass_at(const struct passes *p, uint32_t index) { return slab_at(&p->pool, index); }

static uint64_t hash_of(const struct passes *p, struct place at)
{
    return siphash(&p->cx->settings->hash_key, &at, sizeof at);
}

static bool pass_is(const void *ctx, uint32_t index, const void *key)
{
    const struct pass *pass = pass_at(ctx, index);
    const struct place *at = key;
    return pass->conn == at->conn && pass->outlet == at->outlet;
}

static uint32_t index_of(const struct passes *p, struct place at)
{
    if (p->by_place.count == 0)
        return MAP_NONE;
    return map_find(&p->by_place, hash_of(p, at), pass_is, p, &at);
}

void passes_init(struct passes *p, const struct context *cx)
{
    *p = (struct passes){.cx = cx};
    slab_init(&p->pool, cx->mem, sizeof(struct pass), UINT32_MAX / 2);
    map_init(&p->by_place, cx->mem);
    heap_init(&p->ends, cx->mem);
}

void passes_deinit(struct passes *p)
{
    slab_deinit(&p->pool);
    map_deinit(&p->by_place);
    heap_deinit(&p->ends);
}

struct pass *pass_find(const struct passes *p, uint32_t conn, uint32_t outlet)
{
    uint32_t index = index_of(p, (struct place){conn, outlet});
    return index == MAP_NONE ? NULL : pass_at(p, index);
}

enum err pass_put(struct passes *p, const struct pass *pass, uint64_t due_ms)
{
    const struct place at = {pass->conn, pass->outlet};
    uint32_t index = index_of(p, at);
    bool there = index != MAP_NONE;
    if (!there && (index = slab_alloc(&p->pool)) == SLAB_NONE)
        return ERR_NOMEM;
    if (!there && heap_set(&p->ends, index, due_ms) != OK) {
        slab_free(&p->pool, index);
        return ERR_NOMEM;
    }
    *pass_at(p, index) = *pass;
    if (!there && map_insert(&p->by_place, hash_of(p, at), index) != OK) {
        heap_remove(&p->ends, index);
        slab_free(&p->pool, index);
        return ERR_NOMEM;
    }
    pass_watch(p, pass_at(p, index), due_ms);
    return OK;
}

void pass_drop(struct passes *p, uint32_t conn, uint32_t outlet)
{
    const struct place at = {conn, outlet};
    uint32_t index = index_of(p, at);
    if (index == MAP_NONE)
        return;
    bool was_there = map_remove(&p->by_place, hash_of(p, at), index);
    ASSERT(was_there);
    heap_remove(&p->ends, index);
    slab_free(&p->pool, index);
    heap_fit(&p->ends);
}

void pass_watch(struct passes *p, const struct pass *pass, uint64_t due_ms)
{
    uint32_t index = index_of(p, (struct place){pass->conn, pass->outlet});
    ASSERT(index != MAP_NONE);
    enum err set = heap_set(&p->ends, index, due_ms);
    ASSERT(set == OK); // it is in it, or has just been taken out (pass_due)
}

struct pass *pass_due(struct passes *p, uint64_t now_ms)
{
    uint32_t index;
    return heap_pop_due(&p->ends, now_ms, &index) ? pass_at(p, index) : NULL;
}

struct pass *pass_used(const struct passes *p, uint32_t index)
{
    return slab_used(&p->pool, index) ? pass_at(p, index) : NULL;
}

uint64_t passes_due_ms(const struct passes *p) { return heap_next_due(&p->ends); }

void passes_check(const struct passes *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->pool.high; i++) {
        if (!slab_used(&p->pool, i))
            continue;
        const struct pass *pass = pass_at(p, i);
        ASSERT(index_of(p, (struct place){pass->conn, pass->outlet}) == i); // 1
        ASSERT(heap_due(&p->ends, i) != HEAP_NONE);                         // 2
        n++;
    }
    ASSERT(n == p->by_place.count); // 1
    ASSERT(n == p->ends.count);     // 2
    map_check(&p->by_place);
    heap_check(&p->ends);
    slab_check(&p->pool);
}
