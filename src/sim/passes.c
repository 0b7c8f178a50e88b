// SPDX-License-Identifier: Apache-2.0
//
// Tokens of rooms: which ones clients bring, what a home may do by them, and when what they gave is over.
//
// A good one lets read, or speak, too; others are for another room, of another user, signed by somebody else, or have been good.
// Half of them name nobody. Some end soon, where the wall clock is not set.
#include "sim/revoke.h"
#include "sim/world.h"

#include "core/home/rights.h"
#include "wire/json.h"
#include <stdio.h>

enum { SLACK_MS = 1500, SOON_S = 20 }; // what seconds and turns make of an end; how soon some end

bool passes_wanted(struct world *w, const struct client *c)
{
    return w->plan.verifiers != 0 && client_watched(c) && chance(w, 5);
}

// One for another room leaves what a role allows that was given in this one.
static bool good(const struct world *w, const struct asked *a)
{
    return a->token == TOKEN_IS_GOOD && (a->pass == PASS_READS || a->pass == PASS_SPEAKS ||
                                         (a->pass == PASS_ELSEWHERE && w->plan.moderated));
}

void passes_token(struct world *w, struct client *c, struct asked *a, struct buf *out)
{
    static const enum pass_kind kinds[] = {PASS_READS,  PASS_READS,  PASS_SPEAKS,   PASS_SPEAKS,
                                           PASS_SPEAKS, PASS_OTHERS, PASS_ELSEWHERE};
    char user[USER_ID_MAX + 32] = "";
    a->token = !chance(w, 5) ? TOKEN_IS_GOOD : chance(w, 2) ? TOKEN_IS_LATE : TOKEN_IS_FORGED;
    a->pass = kinds[roll(w, a->kind == SAID_REFRESH ? 6 : 7)];
    bool soon = !w->plan.wall_jumps && a->token != TOKEN_IS_LATE && chance(w, 3);
    uint64_t now_s = w->wall_ms / 1000, far_s = UINT64_C(100) * 86400;
    uint64_t ends_s =
        a->token == TOKEN_IS_LATE ? now_s - far_s : now_s + (soon ? 1 + roll(w, SOON_S) : far_s);
    a->ends_ms = w->now_ms + ends_s * 1000 - w->wall_ms;
    if (a->token == TOKEN_IS_LATE)
        a->ends_ms = 0;
    if (a->pass == PASS_OTHERS)
        snprintf(user, sizeof user, "\"sub\":\"somebody else\",");
    else if (c->welcomed && chance(w, 2))
        snprintf(user, sizeof user, "\"sub\":\"%s\",", tenancy_bare(c->user));
    const char *room = a->pass == PASS_ELSEWHERE ? "elsewhere" : w->room_names[a->room];
    struct buf claims;
    buf_init(&claims, &w->scratch_mem, 0);
    buf_put_char(&claims, '{');
    buf_put_str(&claims, str_from_cstr(user));
    BUF_PUT_LIT(&claims, "\"exp\":");
    buf_put_u64(&claims, ends_s);
    BUF_PUT_LIT(&claims, ",\"caps\":{\"rooms\":{");
    json_put_string(&claims, str_from_cstr(room));
    buf_put_str(&claims, a->pass == PASS_SPEAKS ? STR(":[\"join\",\"publish\"]}}}") : STR(":[\"join\"]}}}"));
    hands_sign(a->token, buf_str(&claims), out);
    buf_deinit(&claims);
    if (good(w, a))
        c->let_in |= 1u << a->room;
    if (good(w, a) && a->pass != PASS_SPEAKS)
        c->muzzled |= 1u << a->room;
}

bool passes_let_in(const struct client *c, int room) { return (c->let_in >> room & 1) != 0; }

// By a token of the room that its author had: exactly what that says. Of a decree the author may be called otherwise by now: somebody had one.
bool passes_gave(struct world *w, int room, const struct entry *e)
{
    const uint32_t reads =
        RIGHT_BIT(RIGHT_NONE) | RIGHT_BIT(RIGHT_JOIN) | RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_LIST);
    const uint32_t speaks = reads | RIGHT_BIT(RIGHT_PUBLISH) | RIGHT_BIT(RIGHT_SIGNAL) |
                            RIGHT_BIT(RIGHT_EDIT_OWN) | RIGHT_BIT(RIGHT_DELETE_OWN);
    const struct message *m = e->type == ENTRY_MESSAGE ? truth_message(w, truth_serial(e->data)) : NULL;
    bool had = m != NULL && passes_let_in(&w->clients[m->client], room);
    for (uint32_t i = 0; i < w->plan.clients && m == NULL && !had; i++)
        had = passes_let_in(&w->clients[i], room);
    bool nothing = w->plan.moderated && e->grant == RIGHT_BIT(RIGHT_NONE);
    return had && (e->grant == reads || e->grant == speaks || nothing);
}

// What the answer to a command that brought one may be besides.
bool passes_explain(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    bool muzzled = a->room != NONE && (c->muzzled >> a->room & 1) != 0;
    if (a->kind == SAID_MESSAGE)
        return muzzled && str_eq(code, STR("forbidden"));
    if (a->kind == SAID_STATE) // none of them gives that
        return passes_let_in(c, a->room) && str_eq(code, STR("forbidden"));
    // Who came in by a role, with a token that gives nothing there, has nothing when the role is taken, or lost with its epoch.
    if (a->kind == SAID_MEMBERS || a->kind == SAID_HISTORY || a->kind == SAID_READ)
        return c->seats[a->room].on && c->seats[a->room].pass == PASS_ELSEWHERE &&
               str_eq(code, STR("forbidden"));
    if (a->token == TOKEN_IS_NONE)
        return false;
    if (str_eq(code, STR("token_revoked")))
        return revoke_meets(w, c, a->at_ms);
    if (a->kind == SAID_REFRESH && !c->seats[a->room].on && str_eq(code, STR("not_member")))
        return true;
    if (a->kind == SAID_REFRESH && str_eq(code, STR("bad_command")))
        return c->seats[a->room].pass == PASS_NONE;
    if (str_eq(code, STR("token_expired"))) // a forged one, too, as times are looked at first
        return w->now_ms + SLACK_MS >= a->ends_ms;
    if (a->token == TOKEN_IS_LATE || a->token == TOKEN_IS_FORGED)
        return a->token == TOKEN_IS_FORGED && str_eq(code, STR("unauthorized"));
    return (a->pass == PASS_OTHERS && str_eq(code, STR("unauthorized"))) ||
           (a->pass == PASS_ELSEWHERE && str_eq(code, STR("forbidden")));
}

void passes_taken(struct world *w, struct client *c, const struct asked *a)
{
    struct seat *s = &c->seats[a->room];
    if (a->kind == SAID_REFRESH && s->pass == PASS_NONE)
        trace_fail(w, c, "RIGHTS: a token of %s is refreshed, and there was none", w->room_names[a->room]);
    s->since_ms = w->now_ms;
    if (a->token == TOKEN_IS_NONE)
        return;
    if (!good(w, a))
        trace_fail(w, c, "RIGHTS: comes into %s by a token that is not good for it", w->room_names[a->room]);
    s->pass = (uint8_t)a->pass;
    s->pass_at_ms = a->at_ms;
    s->pass_ends_ms = a->ends_ms;
    w->counts.passes++;
}

// Who may only read has said nothing: as the token says, where no role was given by somebody.
void passes_check_said(struct world *w, struct client *c, const struct message *m)
{
    const struct seat *s = &c->seats[m->room];
    if (s->on && s->pass == PASS_READS && !w->plan.moderated && m->attempts == 1 && c->link != NULL &&
        m->link == c->link->serial && m->said_ms > s->since_ms)
        trace_fail(w, c, "RIGHTS: m%ux was said in %s by who may only read there", m->serial,
                   w->room_names[m->room]);
}

void passes_ended(struct world *w, struct client *c, int room)
{
    const struct seat *s = &c->seats[room];
    if (!s->on || s->pass == PASS_NONE)
        trace_fail(w, c, "RIGHTS: a token has ended for %s, and it is not there by one", w->room_names[room]);
    if (w->now_ms + SLACK_MS < s->pass_ends_ms && !revoke_meets(w, c, s->pass_at_ms))
        trace_fail(w, c, "RIGHTS: its token for %s has ended at %llu ms, %llu ms early", w->room_names[room],
                   (unsigned long long)w->now_ms, (unsigned long long)(s->pass_ends_ms - w->now_ms));
    w->counts.passes_ended++;
}

void passes_check_late(struct world *w, struct client *c)
{
    // It is taken for its issuer's leeway, and by that the membership goes on so long, as there is no longer grace here.
    uint64_t patience = SIM_LEEWAY_MS + 2 * client_patience_ms(w) + SLACK_MS;
    for (int room = 0; room < ROOMS_MAX; room++) {
        const struct seat *s = &c->seats[room];
        if (s->on && s->pass != PASS_NONE && w->now_ms > s->pass_ends_ms + patience)
            trace_fail(w, c, "RIGHTS: it is in %s by a token that ended at %llu ms", w->room_names[room],
                       (unsigned long long)s->pass_ends_ms);
    }
}
