// SPDX-License-Identifier: Apache-2.0
//
// entry.h - one thing that happened in a room, as the log keeps it and as dialects encode it.
//
// Entries are numbered by the room's home: offset rises by one, no holes. `struct entry` is a view: its strings
// borrow from the log's record or from the command being applied.
#ifndef PLENUM_DIALECT_ENTRY_H
#define PLENUM_DIALECT_ENTRY_H

#include "base/str.h"

enum entry_type {
    ENTRY_MESSAGE = 1,
    ENTRY_MEMBER_JOINED,
    ENTRY_MEMBER_LEFT,
    ENTRY_MEMBER_CHANGED,
    ENTRY_MEMBERS_COUNT, // instead of the three above in a room past rooms.presence_exact_max
};

enum role { ROLE_GUEST = 0, ROLE_MEMBER, ROLE_MODERATOR, ROLE_ADMIN, ROLE_OWNER };

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
    uint64_t offset;
    uint64_t time_ms; // wall clock of the home shard when it was appended
    str room;
    // ENTRY_MESSAGE
    str user;
    str session;
    str name;
    str data; // JSON, byte for byte as the sender wrote it
    // ENTRY_MEMBER_*
    struct member_view member;
    str previous_name; // ENTRY_MEMBER_CHANGED: `member.name` is new, and was this; absent: `member.connected` changed
    // ENTRY_MEMBERS_COUNT
    uint64_t count;
};

#endif
