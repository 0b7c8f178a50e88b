// SPDX-License-Identifier: Apache-2.0
//
// A right is a bit, a role a set of them. Roles are ordered, so a right is known by the least role that has it: a table of roles
// by rights could say that a host may do less than a member, and nobody could say what "below one's own" means then.
//
// Between a member and a host there is a rank for those whom a token lets keep order, and who are not hosts: they may send away
// a member, and a host may send away them.
#include "core/home/rights.h"

#include "base/assert.h"
#include "dialect/dialect.h"

#define X(...) +1
_Static_assert(1 RIGHTS_OF_ROLES(X) == RIGHT_COUNT, "each right but NONE is in the table");
#undef X

uint32_t rights_of(enum role role)
{
    static const uint32_t sets[ROLE_COUNT] = {
#define HAS(upper, least, of) | (ROLE_##least <= (of) ? RIGHT_BIT(RIGHT_##upper) : 0)
#define OF_GUEST(upper, least, text) HAS(upper, least, ROLE_GUEST)
#define OF_MEMBER(upper, least, text) HAS(upper, least, ROLE_MEMBER)
#define OF_HOST(upper, least, text) HAS(upper, least, ROLE_HOST)
#define OF_OWNER(upper, least, text) HAS(upper, least, ROLE_OWNER)
#define X(upper, lower) [ROLE_##upper] = GRANT_THERE RIGHTS_OF_ROLES(OF_##upper),
        ROLES(X)
#undef X
    };
    ASSERT((unsigned)role < ROLE_COUNT);
    return sets[role];
}

uint8_t rights_rank(enum role role)
{
    ASSERT((unsigned)role < ROLE_COUNT);
    return (uint8_t)(2 * role);
}

#define KEEPS_ORDER (RIGHT_BIT(RIGHT_KICK) | RIGHT_BIT(RIGHT_MUTE) | RIGHT_BIT(RIGHT_DELETE_ANY))

// What a grant makes of somebody.
static uint8_t rank_of_grant(uint32_t grant)
{
    const uint32_t host = rights_of(ROLE_HOST);
    if (grant == GRANT_ALL)
        return (uint8_t)(rights_rank(ROLE_OWNER) + 1);
    if ((grant & host) == host)
        return rights_rank(ROLE_HOST);
    return (uint8_t)(rights_rank(ROLE_GUEST) + ((grant & KEEPS_ORDER) != 0 ? 3 : 0));
}

struct rights rights_make(enum role by_rule, enum role given, uint32_t grant)
{
    ASSERT((unsigned)by_rule < ROLE_COUNT);
    ASSERT((unsigned)given <= ROLE_NOT_GIVEN);
    enum role role = given != ROLE_NOT_GIVEN ? given : by_rule;
    struct rights r = {rights_of(role), rights_rank(role), role};
    if (grant == 0)
        return r;
    uint8_t rank = rank_of_grant(grant);
    r.set = grant | GRANT_THERE | (given != ROLE_NOT_GIVEN ? rights_of(given) : 0);
    if (rank > r.rank)
        r.rank = rank;
    if (rank >= rights_rank(ROLE_HOST) && role < ROLE_HOST)
        r.role = ROLE_HOST;
    return r;
}

const char *right_name(enum right right)
{
    static const char *const names[RIGHT_COUNT] = {
#define X(upper, lower) #lower,
        RIGHTS(X)
#undef X
    };
    ASSERT((unsigned)right < RIGHT_COUNT);
    return names[right];
}

const char *right_words(enum right right)
{
    static const char *const words[RIGHT_COUNT] = {[RIGHT_NONE] = "",
#define X(upper, least, text) [RIGHT_##upper] = text,
                                                   RIGHTS_OF_ROLES(X)
#undef X
    };
    ASSERT((unsigned)right < RIGHT_COUNT);
    return words[right];
}

const char *right_missing(enum right right, enum lack lack)
{
    static const struct {
        const char *by[LACK_GUEST + 1];
    } texts[RIGHT_COUNT] = {
#define X(upper, lower)                                                                             \
    [RIGHT_##upper] = {{"This needs the right `" #lower "` in the room, which a {} does not have.", \
                        "This needs the right `" #lower                                             \
                        "` in the room, which your token does not give; your role there is {}.",    \
                        "This needs the right `" #lower                                             \
                        "` in the room, which guests here do not have; your role there is {}."}},
        RIGHTS(X)
#undef X
    };
    ASSERT((unsigned)right < RIGHT_COUNT);
    ASSERT(right != RIGHT_NONE);
    ASSERT((unsigned)lack <= LACK_GUEST);
    return texts[right].by[lack];
}
