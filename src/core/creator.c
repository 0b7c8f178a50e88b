// SPDX-License-Identifier: Apache-2.0
//
// One table for users and addresses: 64 bits of a keyed hash tell them all apart, and what is kept is the same. Entries
// are looked through once in LOOK_MS; they are few, as each is the price of a room.
#include "core/creator.h"

enum { TOKEN = 1000, LOOK_MS = 10000 };

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

static uint64_t full(const struct creator_rate *rate) { return (uint64_t)rate->burst * TOKEN; }

static void fill(struct creator *c, const struct creator_rate *rate, uint64_t now_ms)
{
    uint64_t passed = (uint32_t)((uint32_t)now_ms - c->tokens_ms);
    uint64_t tokens = c->tokens + passed * rate->per_s; // per ms: per_s thousandths
    c->tokens = (uint32_t)(tokens < full(rate) ? tokens : full(rate));
    c->tokens_ms = (uint32_t)now_ms;
}

// The entry of a print, made with a full bucket where there is none. NULL when memory is out.
static struct creator *creator_get(struct creators *t, uint64_t print, const struct creator_rate *rate,
                                   uint64_t now_ms)
{
    uint32_t index = creator_find(t, print);
    if (index == MAP_NONE) {
        index = slab_alloc(&t->slab);
        if (index == SLAB_NONE)
            return NULL;
        struct creator *fresh = slab_at(&t->slab, index);
        *fresh =
            (struct creator){.print = print, .tokens = (uint32_t)full(rate), .tokens_ms = (uint32_t)now_ms};
        if (map_insert(&t->by_print, print, index) != OK) {
            slab_free(&t->slab, index);
            return NULL;
        }
        if (t->look_ms == UINT64_MAX)
            t->look_ms = now_ms + LOOK_MS;
    }
    struct creator *c = slab_at(&t->slab, index);
    fill(c, rate, now_ms);
    return c;
}

// How long until there is a token; 0: there is one.
static uint32_t wait_ms(const struct creator *c, const struct creator_rate *rate)
{
    if (rate->per_s == 0 || c->tokens >= TOKEN)
        return 0;
    return (TOKEN - c->tokens + rate->per_s - 1) / rate->per_s;
}

static void take(struct creator *c, const struct creator_rate *rate)
{
    if (rate->per_s != 0)
        c->tokens -= TOKEN;
}

enum creator_verdict creators_charge(struct creators *t, uint64_t user, const struct creator_rate *user_rate,
                                     uint64_t address, const struct creator_rate *address_rate,
                                     uint32_t address_rooms_max, uint64_t now_ms, uint32_t *ret_retry_ms)
{
    struct creator *u = creator_get(t, user, user_rate, now_ms);
    struct creator *a = address == 0 ? NULL : creator_get(t, address, address_rate, now_ms);
    if (u == NULL || (a == NULL && address != 0))
        return CREATOR_NOMEM;
    if (a != NULL && a->rooms >= address_rooms_max)
        return CREATOR_SHARE;
    uint32_t user_ms = wait_ms(u, user_rate), address_ms = a == NULL ? 0 : wait_ms(a, address_rate);
    if (user_ms != 0 || address_ms != 0) {
        *ret_retry_ms = user_ms > address_ms ? user_ms : address_ms;
        return CREATOR_TOO_FAST;
    }
    take(u, user_rate);
    if (a != NULL) {
        take(a, address_rate);
        a->rooms++;
    }
    return CREATOR_OK;
}

void creators_release(struct creators *t, uint64_t address)
{
    if (address == 0)
        return;
    struct creator *a = slab_at(&t->slab, creator_find(t, address)); // it has a room, so it is there
    ASSERT(a->rooms != 0);
    a->rooms--;
}

// Who has rooms is an address; who has none is needed only as long as its bucket says something, and the slower of the
// two rates keeps it long enough.
void creators_expire(struct creators *t, const struct creator_rate *user_rate,
                     const struct creator_rate *address_rate, uint64_t now_ms)
{
    for (uint32_t i = 0; i < t->slab.high; i++) {
        if (!slab_used(&t->slab, i))
            continue;
        struct creator *c = slab_at(&t->slab, i), user = *c, address = *c;
        fill(&user, user_rate, now_ms);
        fill(&address, address_rate, now_ms);
        bool idle = (user_rate->per_s == 0 || user.tokens >= full(user_rate)) &&
                    (address_rate->per_s == 0 || address.tokens >= full(address_rate));
        if (c->rooms != 0 || !idle)
            continue;
        map_remove(&t->by_print, c->print, i);
        slab_free(&t->slab, i);
    }
    t->look_ms = t->slab.count == 0 ? UINT64_MAX : now_ms + LOOK_MS;
}
