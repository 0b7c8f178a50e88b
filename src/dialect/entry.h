// SPDX-License-Identifier: Apache-2.0
//
// entry.h - one thing that happened in a room, as languages tell it.
//
// Entries are of two kinds. What was said is a *record*: the room's home gives it an offset, rising by one, no holes, and
// the log keeps it. What is worth telling now and never again is *passing*: members who come and go, counts. It has no
// offset and no history, and stands behind the record that it came after, at the same place for everyone who is connected.
//
// `struct entry` is a view: its strings borrow from the log's record or from the command being applied.
#ifndef PLENUM_DIALECT_ENTRY_H
#define PLENUM_DIALECT_ENTRY_H

#include "base/str.h"

// Short names for what is said in each frame, of the encodings that have them (dialect.h). A number that was given is never given again.
struct handles {
    uint64_t room;    // 0 = it has none: all names are in full
    uint64_t speaker; // of who says it; 0 = none
    bool told;        // who that is was told before
};

// Who says something, as others see them.
struct speaker_view {
    uint64_t number;
    str user, session, name, info;
};

// What those who may have decided about a room, or about somebody in it: its command (command.h), what people are told of it.
// clang-format off
#define DECREES_BEFORE(X) \
    X(ROLE,     role,     "member:role")     /* `decree.role` */ \
    X(KICK,     kick,     "member:kicked") \
    X(BAN,      ban,      "member:banned")   /* for `decree.span_ms` */ \
    X(UNBAN,    unban,    "member:unbanned") \
    X(MUTE,     mute,     "member:muted")    /* for `decree.span_ms` */ \
    X(UNMUTE,   unmute,   "member:unmuted") \
    X(SLOW,     slow,     "room:changed")    /* one message in `decree.span_ms`; 0 = as many as one likes */ \
    X(READONLY, readonly, "room:changed")    /* `decree.on` */ \
    X(CLOSE,    close,    "room:closed")     /* for `decree.span_ms` nobody comes in; what was before is over */ \
    X(LOCK,     lock,     "room:changed")    /* `decree.on`: nobody comes in who has been given no role there */
#define DECREES_BEHIND(X) \
    X(INVITE,   invite,   "invitation:made")  /* for `decree.span_ms`, `invitation.uses` times, as `decree.role` */ \
    X(UNINVITE, uninvite, "invitation:ended")
#define DECREES(X) DECREES_BEFORE(X) DECREES_BEHIND(X)
// clang-format on

// What changes what is kept of a room: its command (command.h), what people are told of it.
// clang-format off
#define WORDS(X) \
    X(EDIT,   edit,   "message:edited")    /* the message `about` says `data` from here on */ \
    X(DELETE, delete, "message:deleted")   /* the message `about` says nothing any more, here or anywhere */ \
    X(REACT,  react,  "message:reactions") /* `change.on`: to the message `about` with `change.reaction`; else no more */
#define CHANGES(X) \
    X(STATE,  state,  "state:updated")     /* `data`: which keys, see core/home/state.h */ \
    WORDS(X)
// clang-format on

// Those of records are part of their portable form (core/log/record.h) and never change.
enum entry_type {
    ENTRY_MESSAGE = 1,
    ENTRY_VOID, // what had this offset was refused when its turn came: people are told the number
#define X(upper, ...) ENTRY_##upper,
    DECREES_BEFORE(X) CHANGES(X) DECREES_BEHIND(X)
#undef X
        ENTRY_ADMIT, // `decree.target` came in by an invitation, as `decree.role`
    ENTRY_CREATE, // the room begins, by the rule `data`; who has made it, `decree.target`, is `decree.role`
    // passing
    ENTRY_PASSING = 128,
    ENTRY_MEMBER_JOINED = ENTRY_PASSING,
    ENTRY_MEMBER_LEFT,
    ENTRY_MEMBER_CHANGED,
    ENTRY_MEMBERS_COUNT, // instead of the three above in a room past rooms.presence_exact_max
    ENTRY_SIGNAL,        // from a member: typing, a cursor
    // A cut: behind it offsets go on from `cut_to` (core/log/place.h)
    ENTRY_GAP,   // the offsets offset + 1 to cut_to are not kept any more, and will not come
    ENTRY_EPOCH, // the numbering is over, and another one, `epoch`, is where the room goes on
    ENTRY_READ,  // a member has read up to `about`
};

static inline bool entry_passing(enum entry_type t) { return t >= ENTRY_PASSING; }
// It has to do with an invitation, which it names.
static inline bool entry_invitation(enum entry_type t) { return t >= ENTRY_INVITE && t <= ENTRY_ADMIT; }
static inline bool entry_decree(enum entry_type t)
{
    return (t >= ENTRY_ROLE && t <= ENTRY_LOCK) || entry_invitation(t) || t == ENTRY_CREATE;
}
static inline bool entry_change(enum entry_type t) { return t >= ENTRY_STATE && t <= ENTRY_REACT; }
// It is about a message, which it names.
static inline bool entry_about(enum entry_type t) { return t >= ENTRY_EDIT && t <= ENTRY_REACT; }
// It may be told as several things (parts.h).
static inline bool entry_parted(enum entry_type t) { return t == ENTRY_STATE; }
static inline bool entry_cut(enum entry_type t) { return t == ENTRY_GAP || t == ENTRY_EPOCH; }

// From the least to the most; what each may do is in core/home/rights.h.
#define ROLES(X) X(GUEST, guest) X(MEMBER, member) X(HOST, host) X(OWNER, owner)

enum role {
#define X(upper, lower) ROLE_##upper,
    ROLES(X)
#undef X
        ROLE_COUNT
};

// A member as others see it. Times are milliseconds since 1970 UTC.
struct member_view {
    str user;
    str name;
    str info; // JSON, what their token says of them; absent = nothing
    enum role role;
    bool connected;
    uint32_t sessions;
    uint64_t joined_at;
    uint64_t last_active;
};

struct decree {
    str target; // a user id; empty where it is about the room, and of ENTRY_CREATE where nobody is more in it by that
    str target_name;  // what its people called it then; may be empty
    uint64_t span_ms; // 0 = without an end
    enum role role;
    bool on;
    bool first; // ENTRY_ROLE: only where nobody has been given a role yet
};

// Of entry_invitation (core/common/invitation.h).
struct invitation {
    str id;
    str hash; // of its secret, or of the one that was shown, INVITATION_HASH bytes; absent where it is told
    uint32_t uses; // ENTRY_INVITE: so often,
    uint32_t max;  // and the room may have so many invitations
};

struct change {
    // ENTRY_STATE: 0 = proposed; else what the room's state has come to by it. ENTRY_EDIT: 0, or what the message has to be of for
    // it to count, the offset of the record that it has its words from.
    uint64_t version;
    uint32_t count; // ENTRY_REACT: how many have that reaction to the message, as they are told; in no record
    str author;     // ENTRY_EDIT, ENTRY_DELETE: a user id, whose message it is; empty = the server's own
    str reaction;   // ENTRY_REACT
    str key,
        value; // ENTRY_STATE, where it is told (parts.h): JSON, the key with its quotes; absent = it is gone
    bool on;
};

// What became of a message since it was said.
struct reactions {
    str reaction;
    uint32_t count;
};
struct fate {
    bool deleted;
    uint64_t version;   // offset of the record that it has its words from; 0 = its own
    uint64_t edited_ms; // when that was said
    uint32_t replies;
    uint32_t reactions_n;
    const struct reactions *reactions;
};

struct entry {
    enum entry_type type;
    uint64_t offset;  // a passing entry's: of the record it came after, 0 = before all
    uint64_t time_ms; // wall clock of the home shard when it was said
    // Of a record: the same moment by a clock that nobody sets (core/common/context.h); ages and windows go by it.
    uint64_t steady_ms;
    str room;
    // ENTRY_MESSAGE, ENTRY_SIGNAL, decrees: who said it. A decree without a user is the server's own.
    str user;
    str session;
    str name;
    str info; // JSON, what a token says of them to others; absent = nothing
    str data; // JSON, byte for byte as the sender wrote it, or a datum (datum.h); of a decree or an ENTRY_DELETE its reason, plain text, may be empty; of an ENTRY_CREATE the name of a rule, or empty
    bool
        apart; // to an encoder: data that are bytes are told behind what it makes, and only what they are in it
    uint32_t erased; // ENTRY_MESSAGE, ENTRY_EDIT: so many bytes of data it had, and has not any more
    bool taken_back; // ENTRY_MESSAGE, erased: that it was is told behind it, to whoever is told this
    // Of a record: by what right it was said, see core/home/rights.h.
    enum role rule_role; // what the room's rule made of who had been given no other role
    uint32_t grant;      // what its token allowed; 0 = it was silent about that
    struct decree decree;
    struct invitation invitation;
    uint64_t about; // the offset of a message: ENTRY_MESSAGE: which it answers, 0 = none; and see entry_about
    str conflate; // ENTRY_MESSAGE: of those with the same who falls behind needs the newest only; may be empty
    struct change change;
    const struct fate *fate; // ENTRY_MESSAGE of the past; NULL = nothing
    // ENTRY_MESSAGE: said once, if there is a key: not again within so long, nor before so many other keys of its sender
    str key;
    uint32_t key_window_ms;
    uint32_t key_count;
    // ENTRY_MEMBER_*
    struct member_view member;
    str previous_name; // ENTRY_MEMBER_CHANGED: `member.name` is new, and was this; absent: `connected` or `info` of it changed
    // ENTRY_MEMBERS_COUNT
    uint64_t count;
    // ENTRY_GAP, ENTRY_EPOCH
    uint64_t cut_to;
    str epoch;
    struct handles handles; // of what is told live
};

#endif
