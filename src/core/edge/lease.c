// SPDX-License-Identifier: Apache-2.0
//
// Whoever waits is woken when any answer comes, and looks for itself: answers come within a turn or two, so few wait, and a list per
// lease would be a list in each. When tokens are short the first ones take them, and the others ask again.
#include "core/edge/lease.h"

#include "core/edge/edge.h"

enum { LEASE_PER_S = 10 }; // so often a lease is worth its time: a tenth of a second's tokens at once

static bool passed(uint32_t now_ms, uint32_t then_ms) { return (int32_t)(now_ms - then_ms) >= 0; }

void leases_init(struct edge *e)
{
    prints_init(&e->leases.rows, e->cx->mem, sizeof(struct lease), LEASE_LOOK_MS);
}

void leases_deinit(struct edge *e)
{
    prints_deinit(&e->leases.rows);
    index_queue_deinit(&e->leases.waiters, e->cx->mem);
}

// --- asking

static void ask(struct edge *e, struct lease *l, int32_t wanted)
{
    struct lease_mail m = {.print = l->print, .rate = l->rate, .shard = e->cx->index, .tokens = wanted};
    if (l->tokens < 0)
        m.owed = -l->tokens;
    else if (wanted == 0) // else what is left is kept
        m.unused = l->tokens;
    if (l->tokens < 0 || wanted == 0)
        l->tokens = 0;
    l->asked = wanted != 0;
    post_copy(e->mail, home_of(e->cx, l->print), MAIL_LEASE, &m, sizeof m);
}

static int32_t worth(const struct rate *r)
{
    uint32_t tokens = r->per_s / LEASE_PER_S;
    tokens = tokens < r->burst ? tokens : r->burst;
    return (int32_t)(tokens != 0 ? tokens : 1) * BUCKET_TOKEN;
}

// The command is asked again when there is an answer.
static enum lease_verdict wait(struct edge *e, uint32_t conn)
{
    struct leases *t = &e->leases;
    struct asker *c = asker_at(e, conn);
    if (t->waiters.v == NULL &&
        index_queue_init(&t->waiters, e->cx->mem, e->cx->settings->connections_max) != OK)
        return LEASE_NOMEM;
    if (!c->lease_queued)
        index_queue_push(&t->waiters, conn);
    c->lease_queued = true;
    return LEASE_ASKED;
}

enum lease_verdict lease_take(struct edge *e, uint32_t conn, uint64_t print, const struct rate *rate,
                              uint32_t tokens, uint32_t *ret_retry_ms)
{
    const uint32_t now_ms = (uint32_t)e->cx->now_ms;
    struct lease *l = prints_find(&e->leases.rows, print);
    ASSERT(rate->per_s != 0 && tokens != 0);
    if (l == NULL)
        l = prints_make(&e->leases.rows, print, e->cx->now_ms);
    if (l == NULL)
        return LEASE_NOMEM;
    l->rate = *rate;
    l->used_ms = now_ms;
    if (l->tokens >= BUCKET_TOKEN) {
        l->tokens -= (int32_t)tokens * BUCKET_TOKEN;
        return LEASE_TAKEN;
    }
    if (l->refused && !passed(now_ms, l->until_ms)) {
        *ret_retry_ms = l->until_ms - now_ms;
        return l->memory ? LEASE_NOMEM : LEASE_REFUSED;
    }
    l->refused = false;
    if (!l->asked)
        ask(e, l, worth(rate));
    return wait(e, conn);
}

void lease_owe(struct edge *e, uint64_t print, uint32_t tokens)
{
    struct lease *l = prints_find(&e->leases.rows, print);
    int64_t left = l != NULL ? l->tokens - (int64_t)tokens * BUCKET_TOKEN : 0;
    if (l != NULL)
        l->tokens = (int32_t)(left < -INT32_MAX ? -INT32_MAX : left);
}

// --- what comes back

void edge_leased(struct edge *e, const struct lease_mail *m)
{
    struct lease *l = prints_find(&e->leases.rows, m->print);
    ASSERT(l != NULL && l->asked); // who waits for an answer is not forgotten
    ASSERT(m->tokens != 0 || m->retry_ms != 0);
    l->asked = false;
    l->tokens += m->tokens;
    l->refused = m->tokens == 0;
    l->memory = m->memory;
    l->until_ms = (uint32_t)e->cx->now_ms + m->retry_ms;
    e->leases.answered = true;
}

static bool unused(void *ctx, void *row)
{
    struct edge *e = ctx;
    struct lease *l = row;
    if (l->asked || !passed((uint32_t)e->cx->now_ms, l->used_ms + LEASE_LOOK_MS))
        return false;
    if (l->tokens != 0)
        ask(e, l, 0);
    return true;
}

void leases_turn(struct edge *e)
{
    struct leases *t = &e->leases;
    uint32_t index;
    while (t->answered && index_queue_pop(&t->waiters, &index)) {
        asker_at(e, index)->lease_queued = false;
        fan_wake(e->fan, index);
    }
    t->answered = false;
    if (e->cx->now_ms >= t->rows.look_ms)
        prints_look(&t->rows, e->cx->now_ms, unused, e);
    if (t->waiters.v != NULL && t->rows.slab.count == 0) {
        ASSERT(t->waiters.n == 0);
        index_queue_deinit(&t->waiters, e->cx->mem);
    }
}

uint64_t leases_due_ms(const struct edge *e)
{
    const struct leases *t = &e->leases;
    return t->answered && t->waiters.n != 0 ? e->cx->now_ms : t->rows.look_ms;
}

void leases_forget(struct edge *e, uint32_t conn)
{
    if (asker_at(e, conn)->lease_queued)
        index_queue_drop(&e->leases.waiters, conn);
}

void leases_check(const struct edge *e)
{
    prints_check(&e->leases.rows);
    ASSERT(e->leases.waiters.n == 0 || e->leases.rows.slab.count != 0);
}
