// SPDX-License-Identifier: Apache-2.0
//
// What a token granted ends when it does. The client is told ahead of time and may bring a new one; else the session goes on for a
// grace, and then its connection is closed.
//
//      hello, refresh            the token's end - ahead       its end        + auth.expiry_grace_s
//      |-----------------------------|----------------------------|-----------------|
//                                    token_expiring               |                 close 1008 token_expired
//
// Ahead: a minute, or a quarter of what is left where that is less. How long that is, is known when the token comes, and counted by
// the clock that nobody sets from there on.
#include "core/edge/edge.h"

enum { AHEAD_MS = 60000, AHEAD_PART = 4 };

static uint64_t left_ms(const struct edge *e, uint64_t until_wall_ms)
{
    return until_wall_ms > e->cx->wall_ms ? until_wall_ms - e->cx->wall_ms : 0;
}

bool edge_expired(const struct edge *e, const struct grant *g)
{
    return left_ms(e, g->expires_ms + e->cx->settings->expiry_grace_ms) == 0;
}

uint64_t edge_expires_in_s(const struct edge *e, const struct grant *g)
{
    return left_ms(e, g->expires_ms) / 1000;
}

static uint64_t end_ms(const struct edge *e, const struct grant *g)
{
    return e->cx->now_ms + left_ms(e, g->expires_ms + e->cx->settings->expiry_grace_ms);
}

enum err edge_expiry_watch(struct edge *e, uint32_t index, const struct grant *g)
{
    uint64_t left = left_ms(e, g->expires_ms),
             ahead = left / AHEAD_PART < AHEAD_MS ? left / AHEAD_PART : AHEAD_MS;
    uint64_t due = left != 0 ? e->cx->now_ms + left - ahead : end_ms(e, g);
    asker_at(e, index)->expiry_told = left == 0;
    return heap_set(&e->expiries, index, due);
}

void edge_expiry_forget(struct edge *e, uint32_t index) { heap_remove(&e->expiries, index); }

static void expiry_tell(struct edge *e, uint32_t index, const struct grant *g)
{
    struct event ev = {.type = EV_TOKEN_EXPIRING, .expires_in_s = edge_expires_in_s(e, g)};
    asker_at(e, index)->expiry_told = true;
    enum err set = heap_set(&e->expiries, index, end_ms(e, g));
    ASSERT(set == OK); // it has just been taken out
    if (!edge_serial(e, asker_at(e, index)) || asker_at(e, index)->pending == 0)
        fan_put_event(e->fan, index, &ev);
}

void edge_expire(struct edge *e)
{
    uint32_t index;
    while (heap_pop_due(&e->expiries, e->cx->now_ms, &index)) {
        const struct asker *c = asker_at(e, index);
        const struct grant *g = session_grant(&c->reader.who.session);
        ASSERT(g != NULL);
        if (!reader_open(&c->reader))
            continue;
        if (!c->expiry_told) {
            expiry_tell(e, index, g);
            continue;
        }
        metric_add(&e->cx->metrics->tokens_expired, 1);
        fan_end(e->fan, index, END_TOKEN_EXPIRED);
    }
    heap_fit(&e->expiries);
}
