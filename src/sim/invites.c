// SPDX-License-Identifier: Apache-2.0
//
// Invitations to rooms: hosts make some, and whoever knows of one brings it with a join, as it is or with another secret, to its room or
// to another one, in time or late, and several at once.
//
// By the records of a room, of which every one is looked at when the first server has it: each is used no more often than it may be,
// by nobody twice, never when it is over or after it was taken back, and by who has shown its secret. Who is told `joined` with an
// invitation has a role there. By what is said: who is refused is told why it is so.
//
// Written from docs/protocol/native.md and record.md, and not from core/home/invitations.h.
#include "sim/deflated.h"
#include "sim/draft.h"
#include "sim/heard.h"

#include <stdio.h>

enum { SLACK_MS = 2000, INVITATION_MS = 60000 };

// --- what is said

void invites_plan(struct world *w)
{
    struct room_settings *all[] = {&w->settings.room, &w->rules[0].room, &w->rules[1].room};
    prng_init(&w->invites.die, w->options->seed ^ UINT64_C(0x696e76697465));
    w->plan.invites = w->plan.moderated && prng_below(&w->invites.die, 3) != 0;
    const bool few = prng_below(&w->invites.die, 3) == 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        all[i]->invitations = few ? 2 : 100;
        all[i]->invitation_s = INVITATION_MS / 1000;
    }
}

static uint64_t die(struct world *w, uint64_t below) { return prng_below(&w->invites.die, below); }

bool invites_wanted(struct world *w) { return w->plan.invites && die(w, 5) == 0; }

static void take_back(struct world *w, struct client *c, int room)
{
    const struct invite_known *i = &w->invites.v[die(w, w->invites.n)];
    struct asked *a = asks_push(w, c, SAID_DECREE, true);
    struct draft d = draft_make(w, "uninvite", a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    draft_string(&d, "invitation", i->id);
    draft_send(w, c, &d);
    w->counts.uninvites++;
}

// Mostly of one or two uses, and of some seconds.
void say_invite(struct world *w, struct client *c, int room)
{
    static const char *const roles[] = {"member", "member", "guest", "host"};
    if (w->invites.n != 0 && die(w, 6) == 0) {
        take_back(w, c, room);
        return;
    }
    struct asked *a = asks_push(w, c, SAID_INVITE, true);
    struct draft d = draft_make(w, "invite", a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    if (die(w, 2) != 0)
        draft_number(&d, "uses", 1 + die(w, 3));
    const uint64_t ttl_s = die(w, 4) != 0 ? 1 + die(w, 20) : 0;
    a->invite_ms = ttl_s != 0 ? 1000 * ttl_s : INVITATION_MS;
    if (ttl_s != 0)
        draft_number(&d, "ttl_s", ttl_s);
    if (die(w, 2) != 0)
        draft_string(&d, "role", roles[die(w, sizeof roles / sizeof *roles)]);
    draft_send(w, c, &d);
}

// Of those that are known one of the last few, and rather of the room.
bool invites_draw(struct world *w, struct asked *a, char ret_token[sizeof w->invites.v[0].token])
{
    if (w->invites.n == 0 || die(w, 4) == 0)
        return false;
    uint32_t k = (uint32_t)die(w, w->invites.n);
    for (uint32_t i = 0; i < w->invites.n && w->invites.v[k].room != a->room && die(w, 20) != 0; i++)
        k = (k + 1) % w->invites.n;
    const size_t n = sizeof w->invites.v[k].token;
    memcpy(ret_token, w->invites.v[k].token, n);
    if (die(w, 10) == 0)
        ret_token[n - 2] = ret_token[n - 2] == 'A' ? 'B' : 'A';
    memcpy(a->invite, w->invites.v[k].id, sizeof a->invite);
    a->invite_ms = w->invites.v[k].expires_ms;
    a->forged = memcmp(ret_token, w->invites.v[k].token, n) != 0;
    return true;
}

void invites_bring(struct world *w, struct draft *d, struct asked *a)
{
    char token[sizeof w->invites.v[0].token];
    if (invites_draw(w, a, token))
        draft_string(d, "token", token);
}

// --- what is heard

void invites_know(struct world *w, const struct invite_known *i)
{
    w->invites.v[w->invites.next] = *i;
    w->invites.next = (w->invites.next + 1) % INVITES_KNOWN;
    w->invites.n += w->invites.n < INVITES_KNOWN;
    w->counts.invites++;
}

void invites_heard(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_INVITE);
    char scratch[64];
    struct invite_known i = {.room = heard_room(w, c, h)};
    const str id = heard_string(w, c, h, "invitation", scratch, sizeof scratch);
    ASSERT(id.n < sizeof i.id);
    memcpy(i.id, id.p, id.n);
    const str token = heard_string(w, c, h, "token", scratch, sizeof scratch);
    ASSERT(token.n < sizeof i.token);
    memcpy(i.token, token.p, token.n);
    i.expires_ms = heard_number(w, c, h, "expires");
    if (i.room != a.room || !str_starts(token, STR("inv_")))
        trace_fail(w, c, "INVITE: an invitation to another room than was asked for, or none");
    const uint64_t said_ms = w->wall_ms - (w->now_ms - a.at_ms);
    if (!w->plan.wall_jumps && i.expires_ms + SLACK_MS < said_ms + a.invite_ms)
        trace_fail(w, c, "INVITE: an invitation of %llu ms is over %llu ms early",
                   (unsigned long long)a.invite_ms,
                   (unsigned long long)(said_ms + a.invite_ms - i.expires_ms));
    invites_know(w, &i);
}

static struct invite_seen *seen_in(struct decreed *d, str id)
{
    for (uint32_t i = 0; i < d->invites_n; i++)
        if (str_eq(id, str_make(d->invites[i].id, sizeof d->invites[i].id)))
            return &d->invites[i];
    return NULL;
}

// Somewhere among all lives of the room it was used up.
static bool used_up(const struct world *w, int room, const char *id)
{
    for (uint32_t i = 0; i < w->truth[room].n; i++) {
        const struct invite_seen *s = seen_in(&w->truth[room].v[i].records->decreed, str_from_cstr(id));
        if (s != NULL && s->used == s->uses)
            return true;
    }
    return false;
}

// What the answer to a join that brought one may be. Whether there is such an invitation is not looked at: rooms end, and so do the
// rights of who has made it.
bool invites_explain(const struct world *w, const struct asked *a, str code)
{
    if (a->kind == SAID_INVITE)
        return str_eq(code, STR("limit_reached")) || str_eq(code, STR("forbidden")) ||
               (str_eq(code, STR("not_member")));
    if (a->kind == SAID_DECREE)
        return w->counts.uninvites != 0 && str_eq(code, STR("not_found"));
    if (a->invite[0] == '\0')
        return false;
    if (str_eq(code, STR("invitation_used"))) // what has yet to be committed nobody has written down
        return used_up(w, a->room, a->invite) || told_late(w) || w->plan.engine;
    if (str_eq(code, STR("invitation_expired")))
        return w->plan.wall_jumps || w->plan.engine || w->wall_ms + SLACK_MS >= a->invite_ms;
    return str_eq(code, STR("invitation_invalid"));
}

void invites_joined(struct world *w, struct client *c, const struct asked *a)
{
    if (a->invite[0] == '\0' || w->plan.refuse_one_in != 0)
        return;
    const struct seat *s = &c->seats[a->room];
    const struct decreed *d = &truth_numbering(w, a->room, s->epoch)->records->decreed;
    for (uint32_t i = 0; i < d->subjects_n; i++)
        if (strcmp(d->subjects[i].user, c->user) == 0 && d->subjects[i].ever_given)
            return;
    if (decrees_will_give(w, a->room, s->epoch, str_from_cstr(c->user)))
        return; // by somebody who gave it before the invitation was looked at
    trace_fail(w, c, "INVITE: comes into %s by an invitation%s, and has been given no role there",
               w->room_names[a->room], a->forged ? " with another secret" : "");
}

// --- records

static void invite_made(struct world *w, struct decreed *d, const struct entry *e, uint64_t at_ms)
{
    struct invite_seen s = {.uses = e->invitation.uses,
                            .until_ms = at_ms + e->decree.span_ms,
                            .role = e->decree.role,
                            .hash = truth_hash(e->invitation.hash)};
    memcpy(s.id, e->invitation.id.p, sizeof s.id);
    ARENA_GROW(&w->arena, d->invites, d->invites_n, d->invites_cap);
    d->invites[d->invites_n++] = s;
}

// Who is by `user` has used it before.
static bool used_by(const struct invite_seen *s, uint64_t user)
{
    for (uint32_t i = 0; i < s->used && i < INVITE_USES; i++)
        if (s->by[i] == user)
            return true;
    return false;
}

static void invite_used(struct world *w, int room, struct invite_seen *s, const struct entry *e,
                        uint64_t at_ms)
{
    const char *why = NULL;
    const uint64_t user = truth_hash(e->user);
    if (s == NULL)
        why = "there is no such invitation";
    else if (s->used == s->uses)
        why = "it was used up before";
    else if (s->until_ms <= at_ms)
        why = "it was over";
    else if (s->gone)
        why = "it was taken back";
    else if (s->hash != truth_hash(e->invitation.hash))
        why = "its secret is another one";
    else if (used_by(s, user))
        why = "they have used it before";
    else if (s->role != e->decree.role || !str_eq(e->user, e->decree.target))
        why = "it says something else";
    if (why != NULL)
        trace_fail(w, NULL, "INVITE: offset %llu of %s lets in %.*s, and %s", (unsigned long long)e->offset,
                   w->room_names[room], STR_ARG(e->user), why);
    s->by[s->used % INVITE_USES] = user;
    s->used++;
    w->counts.admitted++;
}

void invites_see(struct world *w, int room, struct decreed *d, const struct entry *e, uint64_t at_ms)
{
    struct invite_seen *s = entry_invitation(e->type) ? seen_in(d, e->invitation.id) : NULL;
    if (e->type == ENTRY_INVITE)
        invite_made(w, d, e, at_ms);
    else if (e->type == ENTRY_UNINVITE && s != NULL)
        s->gone = true;
    else if (e->type == ENTRY_ADMIT)
        invite_used(w, room, s, e, at_ms);
    else if (e->type == ENTRY_CLOSE) // who was refused before may hear of it later (seed 353)
        for (uint32_t i = 0; i < d->invites_n; i++)
            d->invites[i].gone = true;
}
