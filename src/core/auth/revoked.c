// SPDX-License-Identifier: Apache-2.0
#include "core/auth/revoked.h"

#include "base/limits.h"

struct wanted {
    enum revoked_kind kind;
    u128 print;
};

static bool entry_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct revocation *e = slab_at(ctx, value);
    const struct wanted *w = key;
    return e->kind == w->kind && e->print.lo == w->print.lo && e->print.hi == w->print.hi;
}

static uint32_t find(const struct revocations *r, enum revoked_kind kind, u128 print)
{
    const struct wanted w = {kind, print};
    return map_find(&r->by_print, print.lo, entry_eq, &r->slab, &w);
}

void revocations_init(struct revocations *r, struct mem *m)
{
    *r = (struct revocations){0};
    slab_init(&r->slab, m, sizeof(struct revocation), REVOCATIONS_MAX);
    map_init(&r->by_print, m);
    heap_init(&r->ends, m);
}

void revocations_deinit(struct revocations *r)
{
    heap_deinit(&r->ends);
    map_deinit(&r->by_print);
    slab_deinit(&r->slab);
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

static enum err extend(struct revocations *r, uint32_t index, uint64_t before_ms, uint64_t ends_ms)
{
    struct revocation *e = slab_at(&r->slab, index);
    uint64_t ends = later(e->ends_ms, ends_ms);
    if (ends == UINT64_MAX)
        heap_remove(&r->ends, index);
    else if (heap_set(&r->ends, index, ends) != OK)
        return ERR_NOMEM;
    e->ends_ms = ends;
    e->before_ms = later(e->before_ms, before_ms);
    return OK;
}

enum err revocations_add(struct revocations *r, enum revoked_kind kind, u128 print, uint64_t before_ms,
                         uint64_t ends_ms)
{
    uint32_t index = find(r, kind, print);
    if (index != MAP_NONE)
        return extend(r, index, before_ms, ends_ms);
    if (r->slab.count >= REVOCATIONS_MAX)
        return ERR_LIMIT;
    index = slab_alloc(&r->slab);
    if (index == SLAB_NONE)
        return ERR_NOMEM;
    struct revocation *e = slab_at(&r->slab, index);
    *e = (struct revocation){.print = print, .kind = kind, .before_ms = before_ms};
    if (extend(r, index, before_ms, ends_ms) == OK && map_insert(&r->by_print, print.lo, index) == OK)
        return OK;
    heap_remove(&r->ends, index);
    slab_free(&r->slab, index);
    return ERR_NOMEM;
}

void revocations_add_all(struct revocations *r, uint64_t before_ms, uint64_t ends_ms)
{
    ASSERT(before_ms != 0);
    r->all_before_ms = later(r->all_before_ms, before_ms);
    r->all_end_ms = later(r->all_end_ms, ends_ms);
}

bool revocations_hit(const struct revocations *r, const struct revoked_who *who)
{
    uint32_t user = find(r, REVOKED_USER, who->user);
    if (who->guest)
        return user != MAP_NONE;
    if (who->issued_ms < r->all_before_ms)
        return true;
    if (user != MAP_NONE && who->issued_ms < ((const struct revocation *)slab_at(&r->slab, user))->before_ms)
        return true;
    return who->has_token_id && find(r, REVOKED_TOKEN, who->token) != MAP_NONE;
}

void revocations_expire(struct revocations *r, uint64_t now_ms)
{
    uint32_t index;
    if (r->all_end_ms <= now_ms)
        r->all_before_ms = r->all_end_ms = 0;
    while (heap_pop_due(&r->ends, now_ms, &index)) {
        const struct revocation *e = slab_at(&r->slab, index);
        bool was = map_remove(&r->by_print, e->print.lo, index);
        ASSERT(was);
        slab_free(&r->slab, index);
    }
    heap_fit(&r->ends);
}

uint64_t revocations_due_ms(const struct revocations *r)
{
    uint64_t all = r->all_before_ms != 0 ? r->all_end_ms : UINT64_MAX, due = heap_next_due(&r->ends);
    return all < due ? all : due;
}

void revocations_check(const struct revocations *r)
{
    uint32_t ending = 0;
    for (uint32_t i = 0; i < r->slab.high; i++) {
        if (!slab_used(&r->slab, i))
            continue;
        const struct revocation *e = slab_at(&r->slab, i);
        ASSERT(find(r, e->kind, e->print) == i);     // 1
        ASSERT(heap_due(&r->ends, i) == e->ends_ms); // 2
        ending += e->ends_ms != UINT64_MAX;
    }
    ASSERT(r->by_print.count == r->slab.count); // 1
    ASSERT(r->ends.count == ending);            // 2
    ASSERT(r->slab.count <= REVOCATIONS_MAX);
    slab_check(&r->slab);
    map_check(&r->by_print);
    heap_check(&r->ends);
}
