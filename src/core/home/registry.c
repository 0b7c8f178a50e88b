// SPDX-License-Identifier: Apache-2.0
//
// A chain per user in the pool, its head in the map: most users have one session, a few have some.
#include "core/home/registry.h"

static bool print_eq(u128 a, u128 b) { return a.lo == b.lo && a.hi == b.hi; }

static bool user_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct registration *r = slab_at(ctx, value);
    return print_eq(r->user_print, *(const u128 *)key);
}

void registry_init(struct registry *r, struct mem *m, uint32_t count_max)
{
    slab_init(&r->slab, m, sizeof(struct registration), count_max);
    map_init(&r->by_user, m);
}

void registry_deinit(struct registry *r)
{
    map_deinit(&r->by_user);
    slab_deinit(&r->slab);
}

uint32_t registry_find(const struct registry *r, u128 user_print)
{
    return map_find(&r->by_user, user_print.lo, user_eq, &r->slab, &user_print);
}

struct registration *registry_at(const struct registry *r, uint32_t index)
{
    return slab_at(&r->slab, index);
}

enum err registry_add(struct registry *r, const struct register_mail *m, uint32_t max, bool *ret_has_evict,
                      struct conn_ref *ret_evict)
{
    *ret_has_evict = false;
    uint32_t head = registry_find(r, m->user_print), n = 0;
    for (uint32_t i = head; i != SLAB_NONE; i = registry_at(r, i)->next) {
        struct registration *have = registry_at(r, i);
        n++;
        if (!m->resumed || have->session_print != m->session_print)
            continue;
        *ret_has_evict = true;
        bool overtaken = (int32_t)(m->since_ms - have->since_ms) < 0;
        *ret_evict = overtaken ? m->conn : conn_ref_of(have->conn);
        if (!overtaken) {
            have->conn = conn_key_of(m->conn);
            have->since_ms = m->since_ms;
        }
        return OK;
    }
    if (max != 0 && n >= max)
        return ERR_LIMIT;
    uint32_t index = slab_alloc(&r->slab);
    if (index == SLAB_NONE)
        return ERR_NOMEM;
    struct registration *fresh = registry_at(r, index);
    *fresh = (struct registration){.user_print = m->user_print,
                                   .session_print = m->session_print,
                                   .conn = conn_key_of(m->conn),
                                   .since_ms = m->since_ms,
                                   .next = SLAB_NONE};
    if (head != SLAB_NONE) { // behind the head, so that the map need not change
        fresh->next = registry_at(r, head)->next;
        registry_at(r, head)->next = index;
        return OK;
    }
    if (map_insert(&r->by_user, m->user_print.lo, index) != OK) {
        slab_free(&r->slab, index);
        return ERR_NOMEM;
    }
    return OK;
}

void registry_remove(struct registry *r, const struct register_mail *m)
{
    uint32_t head = registry_find(r, m->user_print);
    uint32_t prev = SLAB_NONE, i = head;
    struct conn_key conn = conn_key_of(m->conn);
    while (i != SLAB_NONE && !conn_key_eq(registry_at(r, i)->conn, conn)) {
        prev = i;
        i = registry_at(r, i)->next;
    }
    if (i == SLAB_NONE)
        return; // taken over by a newer connection, or never fitted in
    uint32_t next = registry_at(r, i)->next;
    if (prev != SLAB_NONE) {
        registry_at(r, prev)->next = next;
        slab_free(&r->slab, i);
    } else if (next != SLAB_NONE) { // keep the head's place in the map: move the second into it
        *registry_at(r, i) = *registry_at(r, next);
        slab_free(&r->slab, next);
    } else {
        map_remove(&r->by_user, m->user_print.lo, i);
        slab_free(&r->slab, i);
    }
}

void registry_check(const struct registry *r)
{
    uint32_t heads = 0;
    for (uint32_t i = 0; i < r->slab.high; i++) {
        if (!slab_used(&r->slab, i))
            continue;
        const struct registration *g = registry_at(r, i);
        heads += registry_find(r, g->user_print) == i;
        ASSERT(registry_find(r, g->user_print) != MAP_NONE);
        ASSERT(g->next == SLAB_NONE || print_eq(registry_at(r, g->next)->user_print, g->user_print));
    }
    ASSERT(heads == r->by_user.count);
    slab_check(&r->slab);
    map_check(&r->by_user);
}
