// SPDX-License-Identifier: Apache-2.0
//
// What an ask about a room passes at the room's home (common/gates.h), before anything is proposed or told: what follows from who
// is in the room, and from the room's rule. What follows from its records is asked once more when it is applied (apply.c), as with
// an engine there may be others before it.
#include "core/home/home.h"

static bool refused(struct asking *in, enum denial why)
{
    in->v.why = why;
    return false;
}

// A backend is in no room, and its key has been looked at (core/api).
bool gate_there(struct home *h, struct asking *in)
{
    if (in->a->backend)
        return in->at != NULL;
    if (in->at != NULL)
        in->member = member_find(h, in->at, in->a->user);
    return (in->member != MAP_NONE && home_is_there(member_at(h, in->member), in->a)) ||
           refused(in, DENIED_STRANGER);
}

// Whose words it is about is asked with its record (apply.c): here it is enough to have the right to others', which a token can give
// to who may say nothing.
static enum right right_beside(enum right right)
{
    return right == RIGHT_EDIT_OWN ? RIGHT_EDIT_ANY : right == RIGHT_DELETE_OWN ? RIGHT_DELETE_ANY : right;
}

bool gate_right(struct home *h, struct asking *in)
{
    in->who = home_rights(h, in->at, in->a);
    in->v.right = (enum right)command_row(in->a->cmd.type)->right;
    return in->a->backend || rights_allow(&in->who, in->v.right) ||
           rights_allow(&in->who, right_beside(in->v.right)) || refused(in, DENIED_RIGHT);
}

// Whom a text client means: by id, or by a name that one person in the room has. *ret_clear is false where several have it.
static uint32_t member_meant(const struct home *h, const struct room *r, str word, bool *ret_clear)
{
    uint32_t found = member_find(h, r, word);
    *ret_clear = true;
    if (found != MAP_NONE)
        return found;
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next) {
        if (!str_eq(member_name(member_at(h, m)), word))
            continue;
        *ret_clear = found == MAP_NONE;
        found = m;
        if (!*ret_clear)
            break;
    }
    return found;
}

// Who is not there, and whom the room has heard of by that name, as far back as PAST_LOOKED records: somebody who was sent away, say. An
// absent user: nobody, or it is the id of somebody. *ret_clear is false where several had it.
enum { PAST_LOOKED = 256 };

static void past_take(struct asking *in, str user, str name, str word, bool *ret_clear)
{
    if (user.n == 0 || !str_eq(name, word))
        return;
    *ret_clear = *ret_clear && (in->past.n == 0 || str_eq(in->past, user));
    in->past = user;
}

static void past_meant(struct asking *in, str word, bool *ret_clear)
{
    const struct log *l = &in->at->log;
    uint64_t looked = 0;
    *ret_clear = true;
    for (uint64_t o = l->head; o >= l->tail && o != 0 && looked < PAST_LOOKED; o--, looked++) {
        struct entry e;
        log_entry(l, o, room_name(in->at), &e);
        if (str_eq(e.user, word) || str_eq(e.decree.target, word)) { // their id
            in->past = STR_NONE;
            *ret_clear = true;
            return;
        }
        past_take(in, e.user, e.name, word, ret_clear);
        past_take(in, e.decree.target, e.decree.target_name, word, ret_clear);
    }
}

// Whom a decree is about: in->target, MAP_NONE where they are not in the room. Why it may not be proposed.
static enum denial target_of(const struct home *h, struct asking *in)
{
    const struct ask *a = in->a;
    const struct room *r = in->at;
    bool clear = true;
    in->target = a->cmd.to_by_name ? member_meant(h, r, a->cmd.to, &clear) : member_find(h, r, a->cmd.to);
    if (!clear)
        return DENIED_NAMES;
    if (in->target == MAP_NONE && a->cmd.to_by_name)
        past_meant(in, a->cmd.to, &clear);
    if (!clear)
        return DENIED_NAMES;
    if (in->target == MAP_NONE) // where the room is on other nodes, too, they may be there
        return a->cmd.type == CMD_KICK && h->authority == &authority_home ? DENIED_NOBODY : DENIED_NOT;
    const struct member *m = member_at(h, in->target);
    bool own = str_eq(member_user(m), a->user);
    // A role that comes with a token is in no record.
    bool below = rights_rank((enum role)m->role) < in->who.rank;
    return own || below ? DENIED_NOT : DENIED_RANK;
}

bool gate_target(struct home *h, struct asking *in)
{
    if (in->a->cmd.to.n == 0 || !entry_decree(home_entry_type(in->a->cmd.type)))
        return true;
    in->v.why = target_of(h, in);
    return in->v.why == DENIED_NOT;
}

// Who may not speak may not do it by signals either.
bool gate_hushed(struct home *h, struct asking *in)
{
    const struct standing *s = in->at->standing;
    if (in->a->type != ASK_SIGNAL || in->a->backend || s == NULL)
        return true;
    in->v.until_ms = standing_muted_ms(s, &h->cx->settings->hash_key, in->a->user, h->cx->steady_ms);
    if (standing_readonly(s) && !rights_allow(&in->who, RIGHT_READONLY))
        return refused(in, DENIED_READONLY);
    return in->v.until_ms == 0 || refused(in, DENIED_MUTED);
}
