// SPDX-License-Identifier: Apache-2.0
//
// `create`: a room that is made before anybody is in it, by the rule of its name or by one of the operator's that is named
// (common/rule.h). It is a record, the first of the room, which says by which rule, and who has made it: so whoever applies it, on
// whatever node, has the same rule, for as long as the room is there, and of two who make it at once one has.
//
//      a person     edge --ASK_JOIN--> gates of a join; it is paid for as one is --> the record --> `created`; nobody has come in
//      a backend    door --ASK_CREATE------------------------------------------> the record --> its answer
//
// A person's is a join up to the point at which it would come in: so who may make a room, by what token, at what rate, how many, and
// what waits behind it, is said in one place. What it names a rule for it could not have otherwise: so the rule must let in who asks,
// and not more people than names like that are for, as else who may not come into `team-red` would make it, open to all.
#include "core/home/home.h"

static uint8_t rule_meant(const struct home *h, const struct ask *a)
{
    const struct settings *s = h->cx->settings;
    return rule_named(s->rules, s->rules_n, a->cmd.key);
}

// What would hold in it.
static const struct room_settings *settings_meant(const struct home *h, const struct ask *a)
{
    const uint8_t rule = rule_meant(h, a);
    return rule != RULE_NONE ? &h->cx->settings->rules[rule].room : room_settings_by_name(h->cx, a->cmd.room);
}

// False, and answered.
static bool rule_known(struct home *h, const struct ask *a)
{
    if (a->cmd.key.n == 0 || rule_meant(h, a) != RULE_NONE)
        return true;
    const struct problem p = {.code = PROBLEM_NOT_FOUND,
                              .text = "There is no rule {} on this server.",
                              .word_kind = WORD_QUOTED,
                              .word = a->cmd.key};
    home_answer_problem(h, a, EFFECT_NONE, &p);
    return false;
}

bool home_made_admitted(struct home *h, const struct ask *a, bool named)
{
    ASSERT(a->cmd.type == CMD_CREATE && !a->backend);
    const struct room_settings *by_name = room_settings_by_name(h->cx, a->cmd.room),
                               *s = settings_meant(h, a);
    struct problem p = {.code = PROBLEM_FORBIDDEN, .word_kind = WORD_QUOTED, .word = a->cmd.key};
    if (!rule_known(h, a))
        return false;
    if ((s->room_access == ACCESS_INVITE && !named) || (s->room_access == ACCESS_TOKEN && a->guest && !named))
        p.text = "Rooms by the rule {} are not for you: you could not come in.";
    else if (s->room_access < by_name->room_access)
        p.text =
            "Rooms by the rule {} are for more people than rooms of such a name may be; name it otherwise.";
    else
        return true;
    home_answer_problem(h, a, EFFECT_NONE, &p);
    return false;
}

// Nobody is in it, and nothing stands in it: it may still be made. With an engine that is known when all of it is here, and asked again
// when the record has its place (apply.c).
static bool may_begin(const struct room *r)
{
    const uint64_t closed_at = r->standing != NULL ? r->standing->closed_at : 0;
    return r->members == 0 && r->sessions == 0 && r->log.head == closed_at;
}

bool home_made_free(struct home *h, struct ask **taken, uint32_t room)
{
    if (!gate_unclosed(h, taken, &room))
        return false;
    if (may_begin(room_at(h, room)))
        return true;
    home_answer_room_problem(h, *taken, EFFECT_NONE, PROBLEM_CONFLICT, home_there_already);
    return false;
}

const char home_there_already[] = "There is a room {} already; join it, or name another one.";

void home_made(struct home *h, struct ask **taken, uint32_t room)
{
    struct ask *a = *taken;
    a->type = ASK_PUBLISH; // as what it says
    a->placed = 0;
    h->authority->propose(h, taken, room);
}

void home_made_proposal(const struct home *h, const struct ask *a, struct entry *e)
{
    e->data = a->cmd.key;
    if (a->backend || settings_meant(h, a)->room_host != HOST_FIRST)
        return;
    e->decree.target = a->user;
    e->decree.target_name = a->name;
    e->decree.role = ROLE_HOST;
}

// --- answers

static void answer_made(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v,
                        bool again)
{
    struct room *r = room_at(h, room);
    const enum role role = standing_role(r->standing, &h->cx->settings->hash_key, a->user);
    struct answer ans = {
        .effect = a->backend ? EFFECT_NONE : EFFECT_CREATED, .created = !again, .outlet = a->outlet};
    const struct event ev = {.type = EV_CREATED,
                             .id = a->cmd.id,
                             .room = room_name(r),
                             .offset = again ? r->log.committed : v->offset,
                             .epoch = str_make(r->epoch, EPOCH_LEN),
                             .has_role = !a->backend && role != ROLE_NOT_GIVEN,
                             .role = role != ROLE_NOT_GIVEN ? role : ROLE_GUEST,
                             .rule = standing_rule(r->standing),
                             .duplicate = again};
    home_answer_event(h, a, &ans, &ev);
}

// A backend may say again what it does not know the answer to; a person would take for theirs what is somebody else's.
void home_made_answer(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v)
{
    const str rule = standing_rule(room_at(h, room)->standing);
    if (!v->refused)
        answer_made(h, a, room, v, false);
    else if (v->why == DENIED_THERE && a->backend && (a->cmd.key.n == 0 || str_eq(a->cmd.key, rule)))
        answer_made(h, a, room, v, true);
    else
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_CONFLICT, home_there_already);
}

// --- by a backend

// It is kept for those who come within rooms.grace_s.
void home_made_by_backend(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    uint32_t room = room_unless_over(h, room_find(h, a->cmd.room, a->room_hash));
    const bool there = room != MAP_NONE;
    a->type = ASK_PUBLISH;
    a->grant = GRANT_ALL; // what its key allows has been looked at (core/api)
    if (!rule_known(h, a) || !home_room_for_backend(h, a, &room) || !gate_unclosed(h, taken, &room))
        return;
    struct room *r = room_at(h, room);
    const bool begins = may_begin(r);
    if (r->members == 0) // kept from now on
        r->empty_ms = h->cx->now_ms;
    r->said = true;
    metric_add(&h->cx->metrics->rooms_created, !there);
    if (begins) {
        h->authority->propose(h, taken, room);
        return;
    }
    const struct verdict v = {.refused = true, .why = DENIED_THERE};
    home_made_answer(h, a, room, &v);
}
