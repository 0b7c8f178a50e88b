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

// Those of records are part of their portable form (core/log/record.h) and never change.
enum entry_type {
    ENTRY_MESSAGE = 1,
    ENTRY_VOID, // what had this offset was refused when its turn came: people are told the number
    // passing
    ENTRY_PASSING = 128,
    ENTRY_MEMBER_JOINED = ENTRY_PASSING,
    ENTRY_MEMBER_LEFT,
    ENTRY_MEMBER_CHANGED,
    ENTRY_MEMBERS_COUNT, // instead of the three above in a room past rooms.presence_exact_max
    ENTRY_SIGNAL,        // from a member: typing, a cursor
};

static inline bool entry_passing(enum entry_type t) { return t >= ENTRY_PASSING; }

#define ROLES(X) X(GUEST, guest) X(MEMBER, member) X(MODERATOR, moderator) X(ADMIN, admin) X(OWNER, owner)

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
    enum role role;
    bool connected;
    uint32_t sessions;
    uint64_t joined_at;
    uint64_t last_active;
};

struct entry {
    enum entry_type type;
    uint64_t offset;  // a passing entry's: of the record it came after, 0 = before all
    uint64_t time_ms; // wall clock of the home shard when it was said
    // Of a record: the same moment by a clock that nobody sets (core/common/context.h); ages and windows go by it.
    uint64_t steady_ms;
    str room;
    // ENTRY_MESSAGE, ENTRY_SIGNAL
    str user;
    str session;
    str name;
    str data; // JSON, byte for byte as the sender wrote it
    // ENTRY_MESSAGE: said once, if there is a key: not again within so long, nor before so many other keys of its sender
    str key;
    uint32_t key_window_ms;
    uint32_t key_count;
    // ENTRY_MEMBER_*
    struct member_view member;
    str previous_name; // ENTRY_MEMBER_CHANGED: `member.name` is new, and was this; absent: `member.connected` changed
    // ENTRY_MEMBERS_COUNT
    uint64_t count;
};

#endif
