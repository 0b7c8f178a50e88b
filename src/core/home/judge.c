// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a record is what its gates say (common/gates.h, RECORD), which are in apply.c.
#include "core/home/apply.h"

// What its sender may do in the room by the records so far, and by what it came with.
static struct rights rights_by_records(const struct made *m, const struct entry *e)
{
    return rights_make(e->rule_role, standing_role(*m->standing, m->hash_key, e->user), e->grant);
}

struct verdict apply_judge(const struct made *m, const struct entry *e)
{
    struct verdict v;
    if (e->type == ENTRY_VOID) // nobody says it
        return gate_once(m, e, NULL);
    const struct rights who = rights_by_records(m, e);
#define X(at, name, ...)         \
    v = gate_##name(m, e, &who); \
    if (v.refused)               \
        return v;
    GATES_RECORD(X)
#undef X
    return v;
}
