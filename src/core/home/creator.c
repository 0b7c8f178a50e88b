// SPDX-License-Identifier: Apache-2.0
//
// One table for users and addresses: 64 bits of a keyed hash tell them all apart, and what is kept is the same. Entries
// are looked through once in LOOK_MS; they are few, as each is the price of a room.
#include "core/home/creator.h"

enum { LOOK_MS = 10000 };

void creators_init(struct creators *t, struct mem *m)
{
    *t = (struct creators){.look_ms = UINT64_MAX};
    slab_init(&t->slab, m, sizeof(struct creator), UINT32_MAX - 1);
    map_init(&t->by_print, m);
}

void creators_deinit(struct creators *t)
{
    map_deinit(&t->by_print);
    slab_deinit(&t->slab);
}

static bool creator_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct creator *c = slab_at(ctx, value);
    return c->print == *(const uint64_t *)key;
}

static uint32_t creator_find(const struct creators *t, uint64_t print)
{
    return map_find(&t->by_print, print, creator_eq, &t->slab, &print);
}

// The entry of a print, made with a full bucket where there is none. NULL when memory is out.
static struct creator *creator_get(struct creators *t, uint64_t print, const struct rate *rate,
                                   uint64_t now_ms)
{
    uint32_t index = creator_find(t, print);
    if (index == MAP_NONE) {
        index = slab_alloc(&t->slab);
        if (index == SLAB_NONE)
            return NULL;
        struct creator *fresh = slab_at(&t->slab, index);
        *fresh = (struct creator){.print = print, .bucket = bucket_make(rate, now_ms)};
        if (map_insert(&t->by_print, print, index) != OK) {
            slab_free(&t->slab, index);
            return NULL;
        }
        if (t->look_ms == UINT64_MAX)
            t->look_ms = now_ms + LOOK_MS;
    }
    struct creator *c = slab_at(&t->slab, index);
    bucket_fill(&c->bucket, rate, now_ms);
    return c;
}

enum creator_verdict creators_charge(struct creators *t, uint64_t print, const struct rate *rate,
                                     uint64_t rooms_max, uint64_t now_ms, uint32_t *ret_retry_ms)
{
    if (rate->per_s == 0 && rooms_max == 0) // nothing to remember of somebody who may do anything
        return CREATOR_OK;
    struct creator *c = creator_get(t, print, rate, now_ms);
    if (c == NULL)
        return CREATOR_NOMEM;
    if (rooms_max != 0 && c->rooms >= rooms_max)
        return CREATOR_SHARE;
    uint32_t wait_ms = bucket_wait_ms(&c->bucket, rate);
    if (wait_ms != 0) {
        *ret_retry_ms = wait_ms;
        return CREATOR_TOO_FAST;
    }
    bucket_take(&c->bucket, rate);
    c->rooms += rooms_max != 0;
    return CREATOR_OK;
}

void creators_settle(struct creators *t, uint64_t print, const struct rate *rate, bool room, bool refund)
{
    uint32_t index = creator_find(t, print);
    ASSERT(index != MAP_NONE || !room); // who has a room is there
    if (index == MAP_NONE)
        return; // its bucket was full
    struct creator *c = slab_at(&t->slab, index);
    ASSERT(!room || c->rooms != 0);
    c->rooms -= room;
    if (refund)
        bucket_give_back(&c->bucket, rate);
}

// Who has rooms is an address; who has none is needed only as long as its bucket says something, and the slower of the
// two rates keeps it long enough.
void creators_expire(struct creators *t, const struct rate *user_rate, const struct rate *address_rate,
                     uint64_t now_ms)
{
    for (uint32_t i = 0; i < t->slab.high; i++) {
        if (!slab_used(&t->slab, i))
            continue;
        struct creator *c = slab_at(&t->slab, i);
        struct bucket user = c->bucket, address = c->bucket;
        bool idle = bucket_fill(&user, user_rate, now_ms) && bucket_fill(&address, address_rate, now_ms);
        if (c->rooms != 0 || !idle)
            continue;
        map_remove(&t->by_print, c->print, i);
        slab_free(&t->slab, i);
    }
    t->look_ms = t->slab.count == 0 ? UINT64_MAX : now_ms + LOOK_MS;
}

void creators_check(const struct creators *t)
{
    ASSERT(t->slab.count == t->by_print.count);
    ASSERT(t->slab.count == 0 || t->look_ms != UINT64_MAX);
    for (uint32_t i = 0; i < t->slab.high; i++)
        ASSERT(!slab_used(&t->slab, i) ||
               creator_find(t, ((const struct creator *)slab_at(&t->slab, i))->print) == i);
    slab_check(&t->slab);
    map_check(&t->by_print);
}
