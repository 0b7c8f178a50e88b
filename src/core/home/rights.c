// SPDX-License-Identifier: Apache-2.0
//
// A right is a bit, a role a set of them. Whoever is in a room may do there what there is to do, in every role; a stranger
// may come in. Rules that give roles less or more are rows here.
#include "core/home/rights.h"

#include "base/assert.h"

#define BIT(right) (1u << RIGHT_##right)

enum { STRANGER = BIT(JOIN), EVERYONE = (1u << RIGHT_COUNT) - 1 };

static const uint32_t of_role[ROLE_COUNT] = {
#define X(upper, lower) [ROLE_##upper] = EVERYONE,
    ROLES(X)
#undef X
};

bool rights_allow(const struct member *m, enum right right)
{
    ASSERT((unsigned)right < RIGHT_COUNT);
    if (m == NULL)
        return (STRANGER & (1u << right)) != 0;
    ASSERT(m->role < ROLE_COUNT);
    return (of_role[m->role] & (1u << right)) != 0;
}
