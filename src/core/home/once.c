// SPDX-License-Identifier: Apache-2.0
//
// A ring per owner, found by the owner's fingerprint. Rejected: one ring for all with a count per owner (an owner that has
// too many would leave holes in the middle), and keys in the member (they must outlive it).
#include "core/home/once.h"

enum { LOOK_MS = 10000 };

static bool owner_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct once_owner *w = slab_at(ctx, value);
    const u128 *print = key;
    return w->print.lo == print->lo && w->print.hi == print->hi;
}

static uint32_t owner_find(const struct once *o, u128 print)
{
    return map_find(&o->by_print, print.lo, owner_eq, &o->owners, &print);
}

static struct once_owner *owner_at(const struct once *o, uint32_t index)
{
    return slab_at(&o->owners, index);
}

// The owner of a key that was just put.
static struct idempotency *owner_window(const struct once *o, u128 print)
{
    uint32_t index = owner_find(o, print);
    ASSERT(index != MAP_NONE);
    return &owner_at(o, index)->window;
}

void once_init(struct once *o, struct mem *m)
{
    *o = (struct once){.mem = m, .look_ms = UINT64_MAX};
    slab_init(&o->owners, m, sizeof(struct once_owner), UINT32_MAX - 1);
    map_init(&o->by_print, m);
}

void once_deinit(struct once *o)
{
    for (uint32_t i = 0; i < o->owners.high; i++)
        if (slab_used(&o->owners, i))
            idempotency_deinit(&owner_at(o, i)->window);
    map_deinit(&o->by_print);
    slab_deinit(&o->owners);
}

static void owner_free(struct once *o, uint32_t index)
{
    struct once_owner *w = owner_at(o, index);
    if (w->prev != SLAB_NONE)
        owner_at(o, w->prev)->next = w->next;
    else
        w->group->first = w->next;
    if (w->next != SLAB_NONE)
        owner_at(o, w->next)->prev = w->prev;
    ASSERT(w->prev != SLAB_NONE || w->group != NULL);
    idempotency_deinit(&w->window);
    map_remove(&o->by_print, w->print.lo, index);
    slab_free(&o->owners, index);
}

bool once_find(const struct once *o, u128 owner, u128 key, const struct once_limits *limits, uint64_t at_ms,
               uint64_t *ret_value)
{
    uint32_t index = owner_find(o, owner);
    if (index == MAP_NONE)
        return false;
    return idempotency_find(&owner_at(o, index)->window, key, at_ms, limits->window_ms, ret_value);
}

void once_group_drop(struct once *o, struct once_group *g)
{
    while (g->first != SLAB_NONE)
        owner_free(o, g->first);
}

static uint32_t owner_make(struct once *o, struct once_group *g, u128 print)
{
    uint32_t index = slab_alloc(&o->owners);
    if (index == SLAB_NONE)
        return MAP_NONE;
    struct once_owner *w = owner_at(o, index);
    if (map_insert(&o->by_print, print.lo, index) != OK) {
        slab_free(&o->owners, index);
        return MAP_NONE;
    }
    *w = (struct once_owner){.print = print, .group = g, .prev = SLAB_NONE, .next = g->first};
    idempotency_init(&w->window, o->mem);
    if (g->first != SLAB_NONE)
        owner_at(o, g->first)->prev = index;
    g->first = index;
    return index;
}

enum err once_secure(struct once *o, struct once_group *g, u128 owner, uint64_t at_ms)
{
    uint32_t index = owner_find(o, owner);
    if (index == MAP_NONE && (index = owner_make(o, g, owner)) == MAP_NONE)
        return ERR_NOMEM;
    if (o->look_ms == UINT64_MAX)
        o->look_ms = at_ms + LOOK_MS;
    if (idempotency_secure(&owner_at(o, index)->window) == OK)
        return OK;
    if (owner_at(o, index)->window.n == 0)
        owner_free(o, index);
    return ERR_NOMEM;
}

enum err once_put(struct once *o, struct once_group *g, u128 owner, u128 key, uint64_t value,
                  const struct once_limits *limits, uint64_t at_ms)
{
    if (once_secure(o, g, owner, at_ms) != OK)
        return ERR_NOMEM;
    struct once_owner *w = owner_at(o, owner_find(o, owner));
    w->window_ms = limits->window_ms;
    enum err e = idempotency_put(&w->window, key, value, at_ms, limits->keys);
    if (e == OK)
        idempotency_forget(&w->window, at_ms, limits->window_ms);
    return e;
}

void once_amend(struct once *o, u128 owner, uint64_t value)
{
    idempotency_amend(owner_window(o, owner), value);
}

void once_take_back(struct once *o, u128 owner) { idempotency_take_back(owner_window(o, owner)); }

// Before that nothing counts any more that is said in a room.
static uint64_t over_before(const struct once_group *g)
{
    return g->newest_ms > ONCE_LATE_MS ? g->newest_ms - ONCE_LATE_MS : 0;
}

void once_expire(struct once *o, uint64_t at_ms, bool by_records)
{
    for (uint32_t i = 0; i < o->owners.high; i++) {
        if (!slab_used(&o->owners, i))
            continue;
        struct once_owner *w = owner_at(o, i);
        bool room = by_records && w->group->newest_ms != 0;
        idempotency_expire(&w->window, room ? over_before(w->group) : at_ms, w->window_ms);
        if (w->window.n == 0)
            owner_free(o, i);
    }
    o->look_ms = o->owners.count == 0 ? UINT64_MAX : at_ms + LOOK_MS;
}

void once_check(const struct once *o)
{
    ASSERT(o->owners.count == o->by_print.count);
    ASSERT(o->owners.count == 0 || o->look_ms != UINT64_MAX);
    for (uint32_t i = 0; i < o->owners.high; i++) {
        if (!slab_used(&o->owners, i))
            continue;
        const struct once_owner *w = owner_at(o, i);
        ASSERT(owner_find(o, w->print) == i);
        ASSERT(w->prev == SLAB_NONE ? w->group->first == i : owner_at(o, w->prev)->next == i);
        idempotency_check(&w->window);
    }
    slab_check(&o->owners);
    map_check(&o->by_print);
}
