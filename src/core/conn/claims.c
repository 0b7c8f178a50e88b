// SPDX-License-Identifier: Apache-2.0
//
// What became of a request is found where its answers come, in front of its connection (conn_call_answered): that it has gone is
// the very case that a key is for.
#include "core/conn/claims.h"

#include "core/conn/conn_http.h"

void claims_init(struct conns *cs)
{
    slab_init(&cs->claims, cs->cx->mem, sizeof(struct claim),
              cs->cx->settings->connections_max + MAIL_CREDITS);
}

static struct claim *claim_at(const struct conns *cs, uint32_t claim)
{
    ASSERT(claim != 0);
    return slab_at(&cs->claims, claim - 1);
}

static void own_drop(struct conns *cs, struct claim *cl)
{
    if (cl->own != NULL)
        cl->route->drop(cs, &cl->own);
    ASSERT(cl->own == NULL);
}

void claims_deinit(struct conns *cs)
{
    for (uint32_t i = 0; i < cs->claims.high; i++)
        if (slab_used(&cs->claims, i))
            own_drop(cs, slab_at(&cs->claims, i));
    slab_deinit(&cs->claims);
}

// --- the end

static void over(struct conns *cs, uint32_t claim)
{
    ASSERT(claim_at(cs, claim)->under_way == 0 && claim_at(cs, claim)->own == NULL);
    slab_free(&cs->claims, claim - 1);
}

static void settle(struct conns *cs, uint32_t claim, struct settle_mail *s)
{
    struct claim *cl = claim_at(cs, claim);
    ASSERT(cl->held);
    s->receipt = cl->receipt;
    post_settle(cs->mail, cl->home, s);
    over(cs, claim);
}

void http_settle(struct conns *cs, struct http_call *call, struct settle_mail *s)
{
    uint32_t claim = call->claim;
    call->claim = 0;
    settle(cs, claim, s);
}

// As far as what its handler keeps of it says; nobody waits for it any more.
static void settle_own(struct conns *cs, uint32_t claim)
{
    struct claim *cl = claim_at(cs, claim);
    struct settle_mail s = {.how = SETTLED_VOID};
    struct buf text;
    buf_init(&text, cs->cx->mem, 0);
    if (cl->own != NULL)
        cl->route->settle(cs, cl->own, NULL, &text, &s);
    own_drop(cs, cl);
    settle(cs, claim, &s);
    buf_deinit(&text);
}

void claim_leave(struct conns *cs, struct http_call *call)
{
    struct claim *cl = claim_at(cs, call->claim);
    ASSERT(!cl->orphaned);
    cl->orphaned = true;
    cl->own = call->own;
    call->own = NULL;
    if (cl->under_way == 0 && cl->held)
        settle_own(cs, call->claim);
    else if (cl->under_way == 0) // there was no memory to ask for it
        over(cs, call->claim);
    call->claim = 0;
}

// --- asks and answers

void claim_asked(struct conns *cs, uint32_t claim) { claim_at(cs, claim)->under_way++; }

enum http_did http_claim(struct conns *cs, uint32_t conn, const struct http_key *key)
{
    struct http_call *call = conn_at(cs, conn)->call;
    uint32_t dest = home_of(cs->cx, key->print.lo), index;
    ASSERT(call->claim == 0 && call->own == NULL && conn_at(cs, conn)->asker.pending == 0);
    if (!edge_may_ask(cs->edge, conn, dest, false))
        return HTTP_LATER;
    if ((index = slab_alloc(&cs->claims)) == SLAB_NONE) {
        http_no_memory(cs, conn);
        return HTTP_ANSWERED;
    }
    *(struct claim *)slab_at(&cs->claims, index) = (struct claim){.route = call->route, .home = dest};
    call->claim = index + 1;
    call->keeps_body = true;
    struct ask a = http_ask_make(cs, conn, ASK_CLAIM, 0);
    a.user_print = key->print;
    a.session_print = key->holder;
    a.fingerprint = key->fingerprint;
    enum http_did did = http_ask(cs, conn, dest, &a);
    ASSERT(did != HTTP_LATER);
    return did;
}

static void claim_told(struct conns *cs, const struct answer *a)
{
    struct claim *cl = claim_at(cs, a->claim);
    ASSERT(!cl->held && cl->under_way == 0);
    cl->held = !a->reply_lost && a->claimed == CLAIMED_GRANTED;
    cl->receipt = a->receipt;
    if (!cl->held)
        over(cs, a->claim);
    else if (cl->orphaned)
        settle_own(cs, a->claim);
}

// Of a request that is one ask, and so is over with its answer; or of one with many, whose handler has them.
static bool is_single(const struct conns *cs, const struct answer *a)
{
    const struct conn *c = slab_get(&cs->pool, a->conn.ref.index, a->conn.ref.gen);
    const struct claim *cl = claim_at(cs, a->claim);
    return cl->orphaned ? cl->own == NULL : c->call->own == NULL;
}

static void call_forget(struct conns *cs, const struct answer *a)
{
    struct conn *c = slab_get(&cs->pool, a->conn.ref.index, a->conn.ref.gen);
    if (c != NULL && c->phase == PHASE_HTTP && c->calls && c->call->claim == a->claim)
        c->call->claim = 0;
}

bool claim_answered(struct conns *cs, const struct answer *a)
{
    struct claim *cl = claim_at(cs, a->claim);
    ASSERT(cl->under_way != 0);
    cl->under_way--;
    if (a->effect == EFFECT_CLAIMED) {
        if (a->claimed != CLAIMED_GRANTED || a->reply_lost)
            call_forget(cs, a);
        claim_told(cs, a);
        return true;
    }
    if (is_single(cs, a)) {
        struct settle_mail s = {.how = SETTLED_LOST};
        buf_reset(&cs->body, WORKING_BYTES_MAX);
        if (!a->reply_lost)
            cl->route->settle(cs, NULL, a, &cs->body, &s);
        call_forget(cs, a);
        settle(cs, a->claim, &s);
    } else if (cl->orphaned) {
        struct settle_mail none;
        if (!a->reply_lost)
            cl->route->settle(cs, cl->own, a, NULL, &none);
        if (cl->under_way == 0)
            settle_own(cs, a->claim);
    }
    return false;
}

void claims_check(const struct conns *cs)
{
    uint32_t orphans = 0, called = 0;
    for (uint32_t i = 0; i < cs->claims.high; i++) {
        if (!slab_used(&cs->claims, i))
            continue;
        const struct claim *cl = slab_at(&cs->claims, i);
        ASSERT(!cl->orphaned || cl->under_way != 0); // 2
        ASSERT(cl->own == NULL || cl->orphaned);
        orphans += cl->orphaned;
    }
    for (uint32_t i = 0; i < cs->pool.high; i++) {
        const struct conn *c = slab_used(&cs->pool, i) ? conn_at(cs, i) : NULL;
        if (c == NULL || c->phase != PHASE_HTTP || !c->calls || c->call->claim == 0)
            continue;
        ASSERT(!claim_at(cs, c->call->claim)->orphaned); // 1
        called++;
    }
    ASSERT(called + orphans == cs->claims.count); // 1
    slab_check(&cs->claims);
}
