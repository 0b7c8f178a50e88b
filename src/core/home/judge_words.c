// SPDX-License-Identifier: Apache-2.0
//
// What a record may do to a message that it is about (common/gates.h, RECORD), by what became of it before. What it could be about,
// and until when, is looked at before it is proposed (home_words.c), as not every node keeps as much: where the message is not kept
// here, nothing is known against it.
#include "core/home/apply.h"

static struct verdict refuse(enum denial why, uint64_t offset)
{
    return (struct verdict){.refused = why != DENIED_NOT, .why = why, .offset = offset};
}

// Who gives what they have given, or takes back what they have not, has done so before.
static struct verdict judge_reaction(const struct made *m, const struct entry *e, const struct word *w)
{
    const uint64_t mark = words_mark(m->log, w, e->user, e->change.reaction);
    if (e->about < m->log->tail || e->change.on == (mark == 0))
        return refuse(DENIED_NOT, 0);
    return refuse(DENIED_REPEATED, mark != 0 ? mark : e->about);
}

// Others' words are those of who is below.
static bool reaches(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (e->grant == GRANT_ALL || apply_own(e))
        return true;
    const enum role role = standing_role(*m->standing, m->hash_key, e->change.author);
    return e->change.author.n != 0 && rights_make(e->rule_role, role, 0).rank < who->rank;
}

struct verdict gate_word(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (!entry_about(e->type))
        return refuse(DENIED_NOT, 0);
    const struct word *w = words_find(m->log, e->about);
    if (w != NULL && w->deleted)
        return refuse(DENIED_DELETED, 0);
    if (e->type == ENTRY_REACT)
        return judge_reaction(m, e, w);
    if (!reaches(m, e, who))
        return refuse(DENIED_RANK, 0);
    const uint64_t version = w != NULL && w->version != 0 ? w->version : e->about;
    return refuse(e->change.version != 0 && e->change.version != version ? DENIED_CHANGED : DENIED_NOT, 0);
}
