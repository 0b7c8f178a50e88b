// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a record that has to do with an invitation (invitations.h), by the records before it and by itself: whoever applies it
// finds the same.
#include "core/home/apply.h"

static struct verdict refuse(enum denial why) { return (struct verdict){.refused = true, .why = why}; }

static struct verdict judge_made(const struct made *m, const struct entry *e, const struct rights *who,
                                 uint64_t at_ms)
{
    if (rights_rank(e->decree.role) >= who->rank)
        return refuse(DENIED_INVITE_RANK);
    if (invitations_find(*m->invitations, e->invitation.id) != NULL)
        return refuse(DENIED_INVITE_TWICE);
    if (invitations_full(*m->invitations, e->invitation.max, at_ms))
        return refuse(DENIED_INVITATIONS);
    return (struct verdict){.refused = false};
}

// Who has come in by it before, or has as much already, uses nothing up: that says nothing about the invitation. Else what it is
// is told to those only who have its secret.
static struct verdict judge_admitted(const struct made *m, const struct entry *e, uint64_t at_ms)
{
    const str user = e->decree.target, id = e->invitation.id;
    const struct invited *i = invitations_find(*m->invitations, id);
    const enum role given = standing_role(*m->standing, m->hash_key, user);
    if (standing_admitted(*m->standing, m->hash_key, user, id))
        return refuse(DENIED_ADMITTED);
    if (i == NULL || !invitation_hash_eq(i->hash, (const uint8_t *)e->invitation.hash.p))
        return refuse(DENIED_UNINVITED);
    if (given != ROLE_NOT_GIVEN && rights_rank(given) >= rights_rank((enum role)i->role))
        return refuse(DENIED_ADMITTED);
    if (i->used == i->uses)
        return refuse(DENIED_INVITE_USED);
    if (i->until_ms <= at_ms)
        return refuse(DENIED_INVITE_OVER);
    return (struct verdict){.refused = false};
}

struct verdict gate_invitation(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (!entry_invitation(e->type))
        return (struct verdict){.refused = false};
    if (e->type == ENTRY_UNINVITE && invitations_find(*m->invitations, e->invitation.id) == NULL)
        return refuse(DENIED_NO_INVITATION);
    if (e->type == ENTRY_UNINVITE)
        return (struct verdict){.refused = false};
    if (e->invitation.hash.n != INVITATION_HASH)
        return refuse(DENIED_MEMORY);
    const uint64_t at_ms = apply_said_ms(m, e);
    return e->type == ENTRY_INVITE ? judge_made(m, e, who, at_ms) : judge_admitted(m, e, at_ms);
}
