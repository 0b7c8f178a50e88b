// SPDX-License-Identifier: Apache-2.0
//
// What a token granted ends when it does. The client is told ahead of time and may bring a new one; else what it granted goes on for
// a grace, and then the connection is closed; where it was a room's, the membership ends. A token is taken for the leeway of its issuer
// after its end, since clocks differ; whom it let in stays for that long at least, also where the grace is less.
//
//      hello, refresh, join      the token's end - ahead       its end        + auth.expiry_grace_s, or leeway_s
//      |-----------------------------|----------------------------|-----------------|
//                                    token_expiring               |                 close 1008 token_expired; left, expired
//
// Ahead: a minute, or a quarter of what is left where that is less. How long that is, is known when the token comes, and counted by
// the clock that nobody sets from there on.
#include "core/edge/edge.h"

enum {
    AHEAD_MS = 60000,
    AHEAD_PART = 4,
    AGAIN_MS = 50, // until a leave that cannot be asked for now is tried again
};
#define NEVER (HEAP_NONE - 1) // it goes by itself

static uint64_t left_ms(const struct edge *e, uint64_t until_wall_ms)
{
    return until_wall_ms > e->cx->wall_ms ? until_wall_ms - e->cx->wall_ms : 0;
}

// How long it goes on.
static uint64_t grace_left_ms(const struct edge *e, uint64_t expires_ms, uint32_t leeway_ms)
{
    uint32_t grace_ms = e->cx->settings->expiry_grace_ms;
    return left_ms(e, expires_ms + (grace_ms > leeway_ms ? grace_ms : leeway_ms));
}

bool edge_expired(const struct edge *e, uint64_t expires_ms, uint32_t leeway_ms)
{
    return grace_left_ms(e, expires_ms, leeway_ms) == 0;
}

uint64_t edge_expires_in_s(const struct edge *e, uint64_t expires_ms)
{
    return left_ms(e, expires_ms) / 1000;
}

static uint64_t end_ms(const struct edge *e, uint64_t expires_ms, uint32_t leeway_ms)
{
    return e->cx->now_ms + grace_left_ms(e, expires_ms, leeway_ms);
}

// When something is to be done about it first, which is to tell it where there is time for that.
static uint64_t first_ms(const struct edge *e, uint64_t expires_ms, uint32_t leeway_ms, bool *ret_told)
{
    uint64_t left = left_ms(e, expires_ms),
             ahead = left / AHEAD_PART < AHEAD_MS ? left / AHEAD_PART : AHEAD_MS;
    *ret_told = left == 0;
    return left != 0 ? e->cx->now_ms + left - ahead : end_ms(e, expires_ms, leeway_ms);
}

static void tell(struct edge *e, uint32_t index, str room, uint64_t expires_ms)
{
    struct event ev = {
        .type = EV_TOKEN_EXPIRING, .room = room, .expires_in_s = edge_expires_in_s(e, expires_ms)};
    if (!edge_serial(e, asker_at(e, index)) || asker_at(e, index)->pending == 0)
        fan_put_event(e->fan, index, &ev);
}

// --- of a session

enum err edge_expiry_watch(struct edge *e, uint32_t index, const struct grant *g)
{
    bool told;
    uint64_t due = first_ms(e, g->expires_ms, g->leeway_ms, &told);
    asker_at(e, index)->expiry_told = told;
    return heap_set(&e->expiries, index, due);
}

void edge_expiry_forget(struct edge *e, uint32_t index) { heap_remove(&e->expiries, index); }

static void expiry_tell(struct edge *e, uint32_t index, const struct grant *g)
{
    asker_at(e, index)->expiry_told = true;
    enum err set = heap_set(&e->expiries, index, end_ms(e, g->expires_ms, g->leeway_ms));
    ASSERT(set == OK); // it has just been taken out
    tell(e, index, STR_NONE, g->expires_ms);
}

static void expire_sessions(struct edge *e)
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

// --- of a room

enum err edge_pass_put(struct edge *e, struct pass *pass)
{
    uint64_t due = first_ms(e, pass->expires_ms, pass->leeway_ms, &pass->told);
    return pass_put(&e->passes, pass, due);
}

// Its home is asked to let it go, as if it had asked for that. False: not now.
static bool leave(struct edge *e, const struct pass *pass)
{
    struct asker *c = asker_at(e, pass->conn);
    struct membership *m = reader_find_membership(&c->reader, pass->outlet);
    if (m == NULL || c->exclusive || edge_room_busy(c, pass->outlet))
        return false;
    const struct outlet *o = outlet_at(e->fan, pass->outlet);
    uint32_t dest = home_of(e->cx, o->hash);
    if (!edge_may_ask(e, pass->conn, dest, false))
        return false;
    const struct command none = {.type = CMD_LEAVE, .room = outlet_name(o)};
    struct ask a = edge_ask_make(e, pass->conn, ASK_LEAVE, &none);
    a.ended = true;
    a.room = o->room;
    a.room_hash = o->hash;
    a.outlet = (struct ref){pass->outlet, slab_gen(&e->fan->outlets, pass->outlet)};
    if (!post_ask(e->mail, dest, &a))
        return false;
    m->leaving = true;
    c->pending++;
    asker_pending_at(c, dest);
    metric_add(&e->cx->metrics->passes_expired, 1);
    return true;
}

static void expire_passes(struct edge *e)
{
    for (struct pass *pass; (pass = pass_due(&e->passes, e->cx->now_ms)) != NULL;) {
        uint64_t again = NEVER;
        bool open = reader_open(&asker_at(e, pass->conn)->reader);
        if (open && !pass->told) {
            pass->told = true;
            tell(e, pass->conn, outlet_name(outlet_at(e->fan, pass->outlet)), pass->expires_ms);
            again = end_ms(e, pass->expires_ms, pass->leeway_ms);
        } else if (open && !leave(e, pass)) {
            again = e->cx->now_ms + AGAIN_MS;
        }
        pass_watch(&e->passes, pass, again);
    }
}

void edge_expire(struct edge *e)
{
    expire_sessions(e);
    expire_passes(e);
}
