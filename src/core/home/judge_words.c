// SPDX-License-Identifier: Apache-2.0
//
// What a record may do to a message that it is about (common/gates.h, RECORD), by what the last records before it have done to that.
// All else is looked at before it is proposed (home_words.c), as not every node keeps as much of the log; but two nodes may propose at the
// same time, and everybody has to come to the same verdict then. So what is asked here goes by the newest records alone
// (WORD_JUDGED). A reaction that is given twice, or taken back twice, changes nothing, and is no void one.
#include "core/home/apply.h"

static struct verdict refuse(enum denial why)
{
    return (struct verdict){.refused = why != DENIED_NOT, .why = why};
}

// Others' words are those of who is below.
static bool reaches(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (e->grant == GRANT_ALL || apply_own(e))
        return true;
    const enum role role = standing_role(*m->standing, m->hash_key, e->change.author);
    return e->change.author.n != 0 && rights_make(e->rule_role, role, 0).rank < who->rank;
}

// Whoever applies records has that one, however much of the log is kept there.
static bool is_new(const struct made *m, uint64_t offset)
{
    return offset != 0 && offset + WORD_JUDGED > m->log->head;
}

struct verdict gate_word(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (!entry_about(e->type))
        return refuse(DENIED_NOT);
    if (e->about > m->log->head) // of another epoch
        return refuse(DENIED_UNKEPT);
    if (e->type != ENTRY_REACT && !reaches(m, e, who))
        return refuse(DENIED_RANK);
    const struct word *w = words_find(m->log, e->about);
    if (w != NULL && is_new(m, w->deleted))
        return refuse(DENIED_DELETED);
    const uint64_t version = w != NULL && w->version != 0 ? w->version : e->about;
    return refuse(is_new(m, version) && e->change.version != 0 && e->change.version != version
                      ? DENIED_CHANGED
                      : DENIED_NOT);
}
