// SPDX-License-Identifier: Apache-2.0
//
// Invitations to a room (invitations.h): who makes one, takes one back or lists them, and who comes in by one.
//
//      join {token} --> gate_invited: does it hold --> frames, a place --> ADMIT, a proposal --> its record --> on as any join
//                            |                                                    '--> void: why, and no more
//                            '--> it has a role already: nothing is used up
//
// A use, and the role that it gives, are one record: so none is without the other, it counts once however many bring the last one at
// once, and holds wherever the record does. Who has it is in the room by right. That he is there now is passing, as it always is:
// who is cut off while the record has yet to get its place, or finds the room full then, comes again and uses nothing up.
//
// So the use is proposed last, when there is nothing more that the join could fail for but memory. While it waits for its record, as with
// an engine, the join is that proposal (ASK_ADMIT), in its place among what waits; then it is a join again, and is looked at anew.
//
// Rejected: a use that is counted with the arrival (who is told of it has to be told by a record, and an arrival is none), and one that
// is given back when its bearer does not stay (an invitation for one would let in all who leave again).
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/course.h"

enum { DAY_MS = 24 * 3600 * 1000 };

const char home_no_invitation[] =
    "There is no such invitation to the room {}, or it was taken back; ask for another one.";

// --- proposals

// For how long: as it says; else a day, or as long as may be.
static uint64_t span_ms(const struct home *h, const struct room_settings *s, const struct command *cmd)
{
    const uint64_t most = (uint64_t)s->invitation_s * 1000;
    if (cmd->has_seconds)
        return (uint64_t)cmd->seconds * 1000;
    if (cmd->has_expires)
        return cmd->expires > h->cx->wall_ms ? cmd->expires - h->cx->wall_ms : 1;
    return most < DAY_MS ? most : DAY_MS;
}

void home_invitation(struct home *h, struct room *r, const struct ask *a, struct entry *e)
{
    const struct room_settings *s = room_settings(h, r);
    const struct command *cmd = &a->cmd;
    if (e->type == ENTRY_UNINVITE) {
        e->invitation.id = cmd->key;
        return;
    }
    e->invitation.id = invitation_id(cmd->token);
    if (invitation_hash(cmd->token, h->secret) == OK)
        e->invitation.hash = str_make((const char *)h->secret, sizeof h->secret);
    if (e->type == ENTRY_ADMIT) {
        e->decree = (struct decree){.target = a->user, .target_name = a->name};
        return;
    }
    e->invitation.uses = cmd->uses != 0 ? cmd->uses : 1;
    e->invitation.max = s->invitations;
    e->decree.role = cmd->role.n != 0 ? role_find(cmd->role) : ROLE_MEMBER;
    e->decree.span_ms = span_ms(h, s, cmd);
    ASSERT(e->decree.role < ROLE_COUNT);
    ASSERT(e->decree.span_ms != 0);
}

bool gate_inviting(struct home *h, struct asking *in)
{
    const struct command *cmd = &in->a->cmd;
    if (cmd->type != CMD_INVITE)
        return true;
    const struct room_settings *s = room_settings(h, in->at);
    if (cmd->has_expires && cmd->expires <= h->cx->wall_ms)
        in->v.why = DENIED_INVITE_PAST;
    else if (span_ms(h, s, cmd) == 0 || span_ms(h, s, cmd) > (uint64_t)s->invitation_s * 1000)
        in->v.why = DENIED_INVITE_LONG;
    in->v.number = s->invitation_s;
    return in->v.why == DENIED_NOT;
}

// --- who comes by one

// It says what the invitation is, and not whether who brings it may come in: that he needs it not, or may not for other reasons.
static bool asked_elsewhere(const struct home *h, const struct room *r, const struct ask *a,
                            const struct verdict *v)
{
    const enum role given = standing_role(r->standing, &h->cx->settings->hash_key, a->user);
    switch (v->why) {
    case DENIED_ADMITTED:
    case DENIED_CLOSED:
    case DENIED_BANNED:
        return true;
    case DENIED_UNINVITED:
    case DENIED_INVITE_OVER:
    case DENIED_INVITE_USED:
        return given != ROLE_NOT_GIVEN; // it has done what it was for
    default:
        return false;
    }
}

// Not before the room's records are here.
bool gate_invited(struct home *h, struct ask **taken, uint32_t *room)
{
    if (h->authority->holds(h, taken, *room))
        return false;
    struct ask *a = *taken;
    struct room *r = room_at(h, *room);
    a->invited = false;
    if (home_invitation_of(a).n == 0)
        return true;
    a->type = ASK_ADMIT; // as what it would be
    const struct made made = room_made(h, r);
    const struct entry e = home_proposal(h, r, a);
    const struct verdict v = invitation_id(a->cmd.token).n != 0
                                 ? apply_judge(&made, &e)
                                 : (struct verdict){.refused = true, .why = DENIED_UNINVITED};
    const bool passed = !v.refused || asked_elsewhere(h, r, a, &v);
    if (!passed)
        home_publish_answer(h, a, *room, &v, false);
    a->type = ASK_JOIN;
    a->invited = !v.refused;
    return passed;
}

void home_admit(struct home *h, struct ask **taken, uint32_t room)
{
    struct ask *a = *taken;
    ASSERT(a->type == ASK_JOIN && a->invited);
    ASSERT(a->why == DENIED_NOT && !a->denied && !a->judged);
    a->type = ASK_ADMIT;
    a->invited = false;
    a->placed = 0;
    h->authority->propose(h, taken, room);
}

// A join again, as it was.
static void go_on(struct ask *a)
{
    a->type = ASK_JOIN;
    a->placed = a->first = a->number = a->until_ms = 0;
    a->judged = a->denied = false;
    a->why = DENIED_NOT;
    a->right = RIGHT_NONE;
}

void home_came_to(struct home *h, struct ask **taken, uint32_t room, const struct verdict *v, bool heard)
{
    struct ask *a = *taken;
    if (a->type != ASK_ADMIT || (v->refused && !asked_elsewhere(h, room_at(h, room), a, v))) {
        home_publish_answer(h, a, room, v, heard);
        return;
    }
    go_on(a);
    home_carry_out(h, taken);
}

// --- answers

// As its record says, which is what others are told of: it may have been taken back, or the room closed, by one behind it, which the
// asker has yet to hear of.
static uint64_t expires_ms(const struct home *h, const struct room *r, str id, const struct verdict *v)
{
    const struct invited *i = invitations_find(r->invitations, id);
    if (v->number != 0)
        return v->number;
    return i != NULL ? i->expires_ms : h->cx->wall_ms; // of an engine, and nobody knows any more what it was
}

void home_invited(const struct home *h, const struct room *r, const struct ask *a, const struct verdict *v,
                  struct event *ev)
{
    const str id = invitation_id(a->cmd.token);
    ev->type = EV_INVITED;
    ev->invitation = id;
    ev->token = a->cmd.token;
    ev->role = a->cmd.role.n != 0 ? role_find(a->cmd.role) : ROLE_MEMBER;
    ev->uses = a->cmd.uses != 0 ? a->cmd.uses : 1;
    ev->expires = expires_ms(h, r, id, v);
    ev->span_ms = ev->expires > h->cx->wall_ms ? ev->expires - h->cx->wall_ms : 0;
}

static const struct {
    enum problem_code code;
    const char *text; // with the room
} refusals[] = {
    [DENIED_INVITE_RANK] = {PROBLEM_FORBIDDEN,
                            "You may invite to the room {} as somebody below you only; name another `role`."},
    [DENIED_INVITE_TWICE] = {PROBLEM_CONFLICT,
                             "There is an invitation of that id to the room {} already; ask once more."},
    [DENIED_INVITATIONS] = {PROBLEM_LIMIT_REACHED,
                            "As many invitations to the room {} as may be are open; take one back first."},
    [DENIED_NO_INVITATION] = {PROBLEM_NOT_FOUND, "There is no invitation of that id to the room {}."},
    [DENIED_UNINVITED] = {PROBLEM_INVITATION_INVALID, home_no_invitation},
    [DENIED_INVITE_OVER] = {PROBLEM_INVITATION_EXPIRED,
                            "The invitation to the room {} is over; ask for another one."},
    [DENIED_INVITE_USED] = {PROBLEM_INVITATION_USED,
                            "The invitation to the room {} has been used up; ask for another one."},
    [DENIED_INVITE_PAST] = {PROBLEM_BAD_COMMAND,
                            "`expires` is over; an invitation to the room {} ends at a time to come."},
    [DENIED_INVITE_LONG] =
        {PROBLEM_LIMIT_REACHED,
         "An invitation to the room {} may not last that long (`rooms.invitation_max_s`)."},
};

bool home_invitation_refused(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v)
{
    if (v->why >= sizeof refusals / sizeof refusals[0] || refusals[v->why].text == NULL)
        return false;
    const struct problem p = {.code = refusals[v->why].code,
                              .text = refusals[v->why].text,
                              .word_kind = WORD_QUOTED,
                              .word = room_name(room_at(h, room))};
    metric_add(&h->cx->metrics->limit_invitations, v->why == DENIED_INVITATIONS);
    home_answer_problem(h, a, EFFECT_NONE, &p);
    return true;
}

// Those that are open; by whom they were made, too.
void home_invites(struct home *h, const struct ask *a, uint32_t room)
{
    struct room *r = room_at(h, room);
    const struct invitations *t = r->invitations;
    const size_t max = t != NULL ? t->n : 0;
    size_t n = 0;
    struct answer ans = {.effect = EFFECT_NONE};
    struct invitation_row *rows = max != 0 ? mem_alloc(h->cx->mem, max * sizeof *rows) : NULL;
    if (max != 0 && rows == NULL) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    for (size_t i = 0; i < max; i++)
        if (invited_open(&t->rows[i], h->cx->steady_ms))
            rows[n++] = (struct invitation_row){.id = invited_id(&t->rows[i]),
                                                .role = (enum role)t->rows[i].role,
                                                .uses = t->rows[i].uses,
                                                .left = t->rows[i].uses - t->rows[i].used,
                                                .expires = t->rows[i].expires_ms,
                                                .by = invited_by(&t->rows[i])};
    const struct event ev = {
        .type = EV_INVITES, .id = a->cmd.id, .room = room_name(r), .invitations = rows, .list_n = n};
    home_answer_event(h, a, &ans, &ev);
    mem_free(h->cx->mem, rows, max * sizeof *rows);
}
