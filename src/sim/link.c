// SPDX-License-Identifier: Apache-2.0
//
// Connections as both ends see them: two pipes of bytes, of which some have arrived and some are on their way, and
// what has been done to either end. Delay is not a time but a chunk: each step lets so many bytes arrive, which makes
// every split of the stream come up, one byte at a time included.
#include "sim/world.h"

void pipe_put(struct world *w, struct pipe *p, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (p->from + p->n + n > p->cap) {
        if (p->from != 0)
            memmove(p->v, p->v + p->from, p->n);
        p->from = 0;
        size_t cap = p->cap == 0 ? 256 : p->cap;
        while (cap < p->n + n)
            cap *= 2;
        if (cap != p->cap)
            p->v = arena_realloc(&w->arena, p->v, p->cap, cap);
        p->cap = cap;
    }
    memcpy(p->v + p->from + p->n, bytes, n);
    p->n += n;
}

void pipe_take(struct pipe *p, size_t n)
{
    ASSERT(n <= p->here && p->here <= p->n);
    p->from += n;
    p->n -= n;
    p->here -= n;
    if (p->n == 0)
        p->from = 0;
}

static void pipe_clear(struct pipe *p) { p->from = p->n = p->here = 0; }

// Peers that read everything at once get a buffer that never fills; the others get a small one, sometimes tiny.
static void link_quality(struct world *w, struct sim_link *l, const struct client *c)
{
    static const size_t caps[] = {64, 500, 2000, 8000, 65536};
    l->healthy = c->temper == TEMPER_HEALTHY || w->plan.quiet_network;
    l->down_cap = c->temper == TEMPER_HEALTHY ? 64u << 20 : caps[roll(w, 5)];
    if (c->temper == TEMPER_SLOW || c->temper == TEMPER_STALLING)
        l->down_cap = caps[1 + roll(w, 3)];
    l->chunk_max = UINT32_MAX;
    if (!l->healthy) {
        static const uint32_t chunks[] = {1, 7, 200, 1400, UINT32_MAX};
        l->chunk_max = chunks[chance(w, 8) ? 0 : 1 + roll(w, 4)];
    }
}

struct sim_link *link_open(struct world *w, struct client *c, enum transport transport)
{
    struct sim_link *l = arena_alloc(&w->arena, sizeof *l);
    l->serial = ++w->link_serial;
    l->client = c;
    l->owner = c->index;
    l->transport = transport;
    l->node = c->server * w->plan.shards + (uint32_t)roll(w, w->plan.shards);
    l->unread_ms = w->now_ms;
    link_quality(w, l, c);
    ARENA_GROW(&w->arena, w->links, w->links_n, w->links_cap);
    w->links[w->links_n++] = l;
    w->counts.connections++;
    return l;
}

void link_abandon(struct world *w, struct sim_link *l)
{
    l->client = NULL;
    l->gone_ms = w->now_ms;
}

void link_reset(struct world *w, struct sim_link *l)
{
    l->reset = true;
    pipe_clear(&l->up);
    pipe_clear(&l->down);
    link_abandon(w, l);
    w->counts.resets++;
}

void link_vanish(struct world *w, struct sim_link *l)
{
    l->vanished = true;
    l->vanished_ms = w->now_ms;
    l->up.n = l->up.here; // what was under way is lost
    link_abandon(w, l);
    w->counts.half_open++;
}

static void pipe_arrive(struct world *w, struct pipe *p, uint32_t chunk_max)
{
    size_t left = p->n - p->here;
    if (left == 0)
        return;
    if (chunk_max != UINT32_MAX) {
        size_t chunk = 1 + roll(w, chunk_max);
        left = left < chunk ? left : chunk;
    }
    p->here += left;
}

// Nobody is interested any more: the server has closed it (or never had it), and the client has gone.
static bool link_over(const struct sim_link *l)
{
    return l->client == NULL &&
           (l->server_closed || l->refused || (!l->accepted && (l->reset || l->vanished)));
}

void links_step(struct world *w)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->links_n; i++) {
        struct sim_link *l = w->links[i];
        if (link_over(l)) {
            arena_free(&w->arena, l->up.v);
            arena_free(&w->arena, l->down.v);
            arena_free(&w->arena, l->starts);
            arena_free(&w->arena, l);
            continue;
        }
        w->links[kept++] = l;
        if (l->frozen_until_ms > w->now_ms)
            continue;
        pipe_arrive(w, &l->up, l->chunk_max);
        if (l->vanished)
            continue;          // the network takes the bytes and nobody acknowledges them
        if (l->client == NULL) // an end that only closes reads nothing more
            pipe_clear(&l->down);
        else
            pipe_arrive(w, &l->down, l->chunk_max);
    }
    w->links_n = kept;
}
