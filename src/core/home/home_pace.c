// SPDX-License-Identifier: Apache-2.0
//
// The home's part in pacing publishers (fan/pace.h): which shards have readers who have not been served, and telling all
// shards with members whether publishes wait.
#include "core/home/home.h"

static void order_send(struct home *h, const struct room *r, uint32_t shard)
{
    const struct feed *f = &r->feeds[shard];
    struct pace_mail order = {.outlet = f->outlet, .on = r->crowded != 0};
    if (f->sessions != 0)
        post_copy(h->mail, shard, MAIL_HOLD, &order, sizeof order);
}

static void crowded_set(struct home *h, struct room *r, uint32_t shard, bool on)
{
    ASSERT(shard < h->cx->shard_count);
    struct feed *f = &r->feeds[shard];
    if (f->crowded == on)
        return;
    uint32_t before = r->crowded;
    ASSERT(on || before != 0);
    ASSERT(before <= h->cx->shard_count);
    f->crowded = on;
    r->crowded = on ? before + 1 : before - 1;
    if ((before == 0) == (r->crowded == 0))
        return;
    for (uint32_t i = 0; i < h->cx->shard_count; i++)
        order_send(h, r, i);
}

void home_pace_detach(struct home *h, struct room *r, uint32_t shard) { crowded_set(h, r, shard, false); }

void home_on_crowded(struct home *h, const struct pace_mail *m)
{
    struct room *r = slab_get(&h->rooms, m->room.index, m->room.gen);
    if (r == NULL)
        return;
    const struct feed *f = &r->feeds[m->shard];
    if (f->sessions != 0 && f->outlet.index == m->outlet.index && f->outlet.gen == m->outlet.gen)
        crowded_set(h, r, m->shard, m->on);
}
