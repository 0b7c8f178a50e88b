// SPDX-License-Identifier: Apache-2.0
//
// What is said here is held to docs/API.md. Times are the wall clock's, which may jump in a run; so what is revoked is so for some
// seconds, and whoever issues tokens dates one so that it is good, where that is not too far ahead.
#include "sim/revoke.h"

#include "wire/json.h"
#include <stdio.h>

enum { SPAN_MAX_S = 10, AHEAD_MS = SIM_LEEWAY_MS - 2000 };
static const uint64_t OLD_MS = UINT64_C(100) * 86400 * 1000;

static bool in_force(const struct world *w, const struct revoked *r)
{
    return r->done_ms != 0 && w->now_ms < r->said_ms + r->span_ms;
}

// Somebody who has said hello.
static const struct client *somebody(struct world *w)
{
    const struct client *c = &w->clients[roll(w, w->plan.clients)];
    return c->speech == SPEAKS_JSON && c->user[0] != '\0' ? c : NULL;
}

static void put_target(struct world *w, struct revoked *r, struct buf *body)
{
    const struct client *c = somebody(w);
    char text[40];
    r->client = c != NULL ? c->index : UINT32_MAX;
    if (c == NULL) {
        r->before_ms = w->wall_ms / 1000 * 1000;
        return;
    }
    if (c->known && c->token != 0 && chance(w, 3)) {
        r->token = c->token;
        snprintf(text, sizeof text, "\"token_id\":\"t%u\",", c->token);
        buf_put_str(body, str_from_cstr(text));
        return;
    }
    memcpy(r->user, c->user, sizeof r->user);
    BUF_PUT_LIT(body, "\"user\":");
    json_put_string(body, str_from_cstr(c->user));
    buf_put_char(body, ',');
    if (c->known && chance(w, 2))
        r->before_ms = w->wall_ms / 1000 * 1000 + 1000 * roll(w, 3);
}

uint32_t revoke_put(struct world *w, const struct client *c, struct buf *body)
{
    ARENA_GROW(&w->arena, w->revoked, w->revoked_n, w->revoked_cap);
    struct revoked *r = &w->revoked[w->revoked_n++];
    char text[80];
    *r = (struct revoked){.server = c->server, .said_ms = w->now_ms};
    r->span_ms = 1000 + 1000 * roll(w, SPAN_MAX_S);
    BUF_PUT_LIT(body, "{");
    put_target(w, r, body);
    if (r->before_ms != 0) {
        snprintf(text, sizeof text, "\"issued_before\":%llu,", (unsigned long long)r->before_ms / 1000);
        buf_put_str(body, str_from_cstr(text));
    } else if (!w->plan.wall_jumps) {
        r->before_ms = w->wall_ms; // or later
    }
    snprintf(text, sizeof text, "\"seconds\":%u,\"reason\":\"dice\"}", (unsigned)(r->span_ms / 1000));
    buf_put_str(body, str_from_cstr(text));
    return w->revoked_n;
}

void revoke_done(struct world *w, uint32_t number)
{
    struct revoked *r = &w->revoked[number - 1];
    ASSERT(number <= w->revoked_n);
    r->done_ms = w->now_ms;
    w->counts.revocations++;
}

static bool is_about(const struct revoked *r, const struct client *c)
{
    return r->client == UINT32_MAX ? c->known : r->client == c->index;
}

uint64_t revoke_next_ms(const struct world *w, const struct client *c)
{
    if (w->plan.wall_jumps) // it may be set back by a day before the token is looked at
        return w->wall_ms / 1000 * 1000 - OLD_MS;
    uint64_t ms = w->wall_ms / 1000 * 1000;
    for (uint32_t i = 0; i < w->revoked_n; i++) {
        const struct revoked *r = &w->revoked[i];
        bool past = w->now_ms > r->said_ms + r->span_ms + client_patience_ms(w);
        uint64_t next = (r->before_ms != 0 ? r->before_ms : w->wall_ms) / 1000 * 1000 + 1000;
        if (!past && is_about(r, c) && next > ms && next < w->wall_ms + AHEAD_MS)
            ms = next;
    }
    return ms;
}

bool revoke_explains(const struct world *w, const struct client *c, uint64_t said_ms)
{
    for (uint32_t i = 0; i < w->revoked_n; i++) {
        const struct revoked *r = &w->revoked[i];
        bool over = r->done_ms != 0 && said_ms > r->done_ms + r->span_ms + client_patience_ms(w);
        if (!over && r->server == c->server && is_about(r, c))
            return true;
    }
    return false;
}

bool revoke_meets(const struct world *w, const struct client *c, uint64_t brought_ms)
{
    for (uint32_t i = 0; i < w->revoked_n; i++) {
        const struct revoked *r = &w->revoked[i];
        if (r->server == c->server &&
            (r->done_ms == 0 || brought_ms <= r->done_ms + r->span_ms + client_patience_ms(w)))
            return true;
    }
    return false;
}

void revoke_check_welcome(struct world *w, struct client *c, const struct asked *hello, const char *user)
{
    bool guest = tenancy_guest(user);
    for (uint32_t i = 0; i < w->revoked_n; i++) {
        const struct revoked *r = &w->revoked[i];
        if (!in_force(w, r) || hello->at_ms <= r->done_ms || r->server != c->server || r->token != 0)
            continue;
        if (r->user[0] == '\0' ? guest : strcmp(r->user, user) != 0)
            continue;
        if (guest || c->granted_ms < r->before_ms)
            trace_fail(w, c, "IDENTITY: %s is welcome and was revoked at %llu ms", user,
                       (unsigned long long)r->done_ms);
    }
}

void revoke_check(struct world *w)
{
    for (uint32_t i = 0; i < w->revoked_n; i++) {
        const struct revoked *r = &w->revoked[i];
        for (uint32_t k = 0; in_force(w, r) && k < w->nodes_n; k++)
            if (w->nodes[k].server == r->server &&
                probe_somebody(w->nodes[k].shard, str_from_cstr(r->user), r->token, r->before_ms))
                trace_fail(w, NULL, "IDENTITY: shard %u has somebody who was revoked as %s, token %u", k,
                           r->user, r->token);
    }
}
