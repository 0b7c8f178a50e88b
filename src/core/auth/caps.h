// SPDX-License-Identifier: Apache-2.0
//
// caps.h - the claim `caps` of a token: what its holder may do, in which rooms and on the server.
//
//     {"rooms": {"lobby": ["join", "publish"], "team-*": ["host"]}, "server": ["create", "direct"]}
//
// A claim is written for people: names of rooms and patterns (core/common/pattern.h), and words, each of which stands for
// several of the rights that commands need (dialect/command.h). It is read once, strictly, into a *block*, which is asked
// whenever somebody comes into a room:
//
//     | server: words | rows | words, length, pattern | words, length, pattern | ...   from the most specific pattern on
//        4 octets        1      2      1      1..128
//
// A block is octets and no more: it may be copied, lie at any place, go to another shard. In a room the row of the most specific
// pattern counts, and it alone: what a less specific one says is not added to it, so `{"**": ["join"], "team-red": []}` keeps
// somebody out of one room.
//
// Which word gives which right is one table here (CAPS_GIVING_...), a line for each right: a right that has none does not
// compile. A word of the server's is a command of the API, or `create`: to make rooms. Of people who are connected three are asked
// for: `create`, `direct`, `rooms`. A claim without the key `server` gives none of the server's words; but whom it lets into a room
// may come in first, which makes the room, as a token with the rooms that somebody is for would be of no use else.
//
// Invariants (caps_check)
//   1. the rows fill the block
//   2. each pattern has no problem, and is more specific than the one behind it
//   3. there are no words but those of the tables
//   4. one that is silent about the server has none of its words
//
// Limits: CAPS_ROWS_MAX patterns, CAPS_BYTES_MAX octets of block; words that nobody knows, keys that nobody knows and keys
// twice are refused, since a claim that is read as something else than was meant gives somebody what was not meant.
// Ownership: the caller's memory. Thread: pure functions.
#ifndef PLENUM_CORE_AUTH_CAPS_H
#define PLENUM_CORE_AUTH_CAPS_H

#include "base/err.h"
#include "core/common/pattern.h"
#include "wire/sentence.h"

enum { CAPS_ROWS_MAX = 64, CAPS_BYTES_MAX = 4096, CAPS_HEAD = 5 };

// What a claim can say of a room: its words, and what they are for.
// clang-format off
#define CAPS_WORDS(X) \
    X(JOIN,     join)     /* enter and read */ \
    X(PUBLISH,  publish)  /* say, signal, edit or delete one's own */ \
    X(STATE,    state)    /* change the state of the room */ \
    X(INVITE,   invite)   /* let others in */ \
    X(MODERATE, moderate) /* kick, mute, delete others' words, slow mode */ \
    X(HOST,     host)     /* all of that, roles and bans too */

// The words that give a right, HOST aside, which gives all; 0: nothing else does.
#define CAPS_GIVING_NONE       0
#define CAPS_GIVING_JOIN       CAPS_BIT(JOIN)
#define CAPS_GIVING_READ       CAPS_BIT(JOIN)
#define CAPS_GIVING_LIST       CAPS_BIT(JOIN)
#define CAPS_GIVING_PUBLISH    CAPS_BIT(PUBLISH)
#define CAPS_GIVING_SIGNAL     CAPS_BIT(PUBLISH)
#define CAPS_GIVING_EDIT_OWN   CAPS_BIT(PUBLISH)
#define CAPS_GIVING_DELETE_OWN CAPS_BIT(PUBLISH)
#define CAPS_GIVING_STATE      CAPS_BIT(STATE)
#define CAPS_GIVING_INVITE     CAPS_BIT(INVITE)
#define CAPS_GIVING_KICK       CAPS_BIT(MODERATE)
#define CAPS_GIVING_MUTE       CAPS_BIT(MODERATE)
#define CAPS_GIVING_DELETE_ANY CAPS_BIT(MODERATE)
#define CAPS_GIVING_SLOW       CAPS_BIT(MODERATE)
#define CAPS_GIVING_EDIT_ANY   0
#define CAPS_GIVING_READONLY   0
#define CAPS_GIVING_BAN        0
#define CAPS_GIVING_ROLE       0
#define CAPS_GIVING_CLOSE      0

// What a claim, or a key of the API (app/config_tables.h), can say of the server: commands.
#define SERVER_WORDS(X) \
    X(CREATE, create) X(DIRECT, direct) X(PUBLISH, publish) X(BROADCAST, broadcast) X(MEMBERS, members) \
    X(HISTORY, history) X(ROOMS, rooms) X(CLOSE, close) X(ROLE, role) X(KICK, kick) X(BAN, ban) X(UNBAN, unban) \
    X(MUTE, mute) X(UNMUTE, unmute) X(SLOW, slow) X(READONLY, readonly) X(CONNECTIONS, connections) X(DISCONNECT, disconnect) X(REVOKE, revoke) \
    X(INFO, info) X(EDIT, edit) X(DELETE, delete) X(REACT, react) X(LOCK, lock) X(STATE, state) \
    X(INVITE, invite) X(UNINVITE, uninvite) X(INVITES, invites) \
    X(SIGNAL, signal) X(READ, read)
// clang-format on

enum caps_word {
#define X(upper, lower) CAPS_##upper,
    CAPS_WORDS(X)
#undef X
        CAPS_WORD_COUNT
};
#define CAPS_BIT(word) (1u << CAPS_##word)

enum server_word {
#define X(upper, lower) SERVER_##upper,
    SERVER_WORDS(X)
#undef X
        SERVER_WORD_COUNT
};
// In a block beside the server's words: the claim does not speak of the server.
#define CAPS_SERVER_SILENT (UINT32_C(1) << 31)
_Static_assert((int)CAPS_WORD_COUNT <= 16 && (int)SERVER_WORD_COUNT <= 31,
               "words are bits of what a block has for them");

// Reads the claim, raw JSON, into ret, which has room for CAPS_BYTES_MAX. ERR_DENIED: *ret_why says which rule refused it; it
// names patterns and words of the claim, and nothing else of the token.
enum err caps_make(str json, char *ret, size_t *ret_n, struct sentence *ret_why) WARN_UNUSED;

// The rights in that room, as bits of enum right. RIGHT_NONE is always among them, also where no pattern matches or a row
// allows nothing: so what a claim gives is never 0, which is what those have who have no claim.
uint32_t caps_room(str block, str room);
// The words of the server's, as bits of enum server_word.
uint32_t caps_server(str block);
// True if who is connected by it may do what that word stands for.
bool caps_serves(str block, enum server_word word);
void caps_check(str block);

#endif
