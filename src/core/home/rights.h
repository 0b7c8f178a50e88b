// SPDX-License-Identifier: Apache-2.0
//
// rights.h - what somebody may do in a room. Every right is asked for here, by name: a command's row says which one it
// needs (dialect/command.h), and its room's home asks before it does anything (home.c), and again when what it says is applied
// as a record (apply.c).
//
//      the room's rule says what newcomers are --.
//      a role that was given in the room --------+--> struct rights: a set of rights, and a rank
//      what a token allows (a grant) ------------'
//
// Without a grant the role counts: the one that was given, else the rule's. With a grant exactly that is allowed, and in
// addition what a role that was given to its user in this room allows.
//
// A rank is for decrees about people: who is decided about has to be below who decides.
//
// Thread: any; a table and values.
#ifndef PLENUM_CORE_HOME_RIGHTS_H
#define PLENUM_CORE_HOME_RIGHTS_H

#include "dialect/command.h"
#include "dialect/entry.h"

// Each right once: the least role that has it, and what it is for. `plenum rights` prints it; docs/protocol/native.md is held to
// it, cell by cell.
// clang-format off
#define RIGHTS_OF_ROLES(X) \
    X(JOIN,       GUEST,  "enter, and get what is said") \
    X(READ,       GUEST,  "read what was said") \
    X(LIST,       GUEST,  "see who is there") \
    X(PUBLISH,    MEMBER, "say something") \
    X(SIGNAL,     MEMBER, "tell those who are there now: typing, a cursor") \
    X(STATE,      MEMBER, "change the state of the room") \
    X(EDIT_OWN,   MEMBER, "change what one has said") \
    X(DELETE_OWN, MEMBER, "take back what one has said") \
    X(INVITE,     HOST,   "let somebody in who could not come in by themselves") \
    X(EDIT_ANY,   HOST,   "change what others have said") \
    X(DELETE_ANY, HOST,   "take away what others have said") \
    X(KICK,       HOST,   "take somebody out of the room") \
    X(MUTE,       HOST,   "let somebody listen only, and speak again") \
    X(SLOW,       HOST,   "set the slow mode, and not be held up by it") \
    X(READONLY,   HOST,   "make the room read-only, and speak in one that is") \
    X(BAN,        HOST,   "take somebody out and keep them out, and let them in again") \
    X(ROLE,       HOST,   "give roles below one's own to those who have less") \
    X(CLOSE,      OWNER,  "close the room")
// clang-format on

// A grant that is there has this bit, also where it allows nothing. All of it: the server's own, and who speaks for it.
#define GRANT_THERE (UINT32_C(1) << RIGHT_NONE)
#define GRANT_ALL UINT32_MAX
#define RIGHT_BIT(right) (UINT32_C(1) << (right))
_Static_assert((int)RIGHT_COUNT <= 32, "a set of rights fits a word");

#define ROLE_NOT_GIVEN ROLE_COUNT

struct rights {
    uint32_t set;   // bits of enum right; RIGHT_NONE is in each
    uint8_t rank;   // of decrees; higher is more
    enum role role; // that people are shown
};

// given: the role that was given in the room, or ROLE_NOT_GIVEN. grant: 0 = none.
struct rights rights_make(enum role by_rule, enum role given, uint32_t grant);
static inline bool rights_allow(const struct rights *r, enum right right)
{
    return (r->set & RIGHT_BIT(right)) != 0;
}
// Of a role alone.
uint32_t rights_of(enum role role);
// The rank that somebody of that role has, for comparison with another's.
uint8_t rights_rank(enum role role);
const char *right_name(enum right right);
const char *right_words(enum right right); // what it is for; "" for RIGHT_NONE
// What leaves a right out: the role, what a token allows, or what guests may (auth.guest_caps).
enum lack { LACK_ROLE, LACK_TOKEN, LACK_GUEST };
// Why something is not allowed, with a {} for the role that one has. Static.
const char *right_missing(enum right right, enum lack lack);

#endif
