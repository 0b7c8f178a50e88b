// SPDX-License-Identifier: Apache-2.0
//
// rule.h - what holds in a room: what holds in all of them, but where a rule says something else for names like its own.
//
//     settings.rules   [team-*: token only][news: no presence]          first match wins
//     settings.room    what holds where no rule matches                 rooms.*, log.*
//
// A rule is complete: what the operator did not say in it was filled in from settings.room (app/wiring.c). So a room has one
// rule, or none, and everybody asks for its settings in one way (room_settings_of, context.h), at its home and at the outlets
// of all shards, which find the same rule by the same name.
//
// Which rule a room has is remembered as a number beside it, together with the number of the reload that it is of: after a
// reload it is looked up again when somebody asks next. Rejected: to go through all rooms at a reload, which takes as long as
// there are rooms; a pointer per room, which would have to be kept from pointing into settings that are gone.
//
// A room that was made by `create` may have another one, by that one's name: its first record says so (docs/protocol/record.md), its
// home has it from there, and tells the outlets by a number that follows from the name. Where there is no rule of that name, it
// has that of its own name.
//
// Limits: RULES_MAX. Ownership: the driver's, as the settings are. Thread: the shard's.
#ifndef PLENUM_CORE_COMMON_RULE_H
#define PLENUM_CORE_COMMON_RULE_H

#include "core/common/bucket.h"
#include "core/common/pattern.h"
#include "dialect/entry.h"

enum { RULES_MAX = 128, RULE_NONE = UINT8_MAX };

enum slow_policy {
    SLOW_GAP = 0,    // skip to the oldest entry kept and announce the gap
    SLOW_DISCONNECT, // close with 1013
    SLOW_CONFLATE,   // leave out what has a newer entry with its conflation key; beyond lag_bytes as SLOW_GAP
};

enum room_access {
    ACCESS_OPEN = 0, // everybody comes in
    ACCESS_TOKEN,    // guests do not
    ACCESS_INVITE,   // only who is let in by name
};

enum room_presence {
    PRESENCE_EXACT = 0, // who comes and goes, up to presence_exact_max members
    PRESENCE_COUNT,     // how many there are
    PRESENCE_NONE,      // nothing
};

enum room_host {
    HOST_NONE = 0,
    HOST_FIRST, // who makes the room
    HOST_TOKEN, // who has that right by a token
};

// What is left of it when the process ends, where there is a store (core/mail/store.h).
enum room_durability {
    DURABILITY_MEMORY = 0, // nothing
    DURABILITY_ASYNC,      // what was written by then: all but the last second
    DURABILITY_DISK,       // what was told: it is written first
};

// What a rule can say of a room. All of them 0: as it is where nobody says anything, without a log.
// clang-format off
#define ROOM_SETTINGS(X) \
    X(uint32_t,           room_members_max)  /* users in one room */ \
    X(uint32_t,           flush_interval_ms) /* 0..10: wait so long to put more entries into one write */ \
    X(uint32_t,           log_entries)       /* of what was said so much is kept, */ \
    X(uint32_t,           log_bytes)         \
    X(uint32_t,           log_age_ms)        /* and so long */ \
    X(uint32_t,           state_keys)        /* what its people share has so many keys, */ \
    X(uint32_t,           state_bytes)       /* so many bytes of keys and values, */ \
    X(uint32_t,           state_value)       /* and so many in one value, at most */ \
    X(uint32_t,           state_interval_ms) /* changes of it are told so often, 0 = each at once */ \
    X(uint32_t,           invitations)       /* as many may be open, */ \
    X(uint32_t,           invitation_s)      /* for so long at most */ \
    X(struct rate,        messages)          /* that are said in it, by all together, */ \
    X(struct rate,        member_messages)   /* and by one member */ \
    X(enum slow_policy,   slow_policy)       \
    X(uint32_t,           lag_bytes)         /* framed bytes a connected reader may be behind before that strikes */ \
    X(enum room_access,   room_access)       \
    X(enum room_presence, room_presence)     \
    X(uint32_t,           room_damping_ms)   /* so long after its last session dropped a member is told of as away */ \
    X(enum room_host,     room_host)         /* who becomes host */ \
    X(enum role,          newcomer_role)     /* what somebody is who has been given no role in the room */ \
    X(uint32_t,           edit_window_ms)    /* so long one may change one's own words, 0 = for ever, */ \
    X(uint32_t,           delete_window_ms)  /* and take them back */ \
    X(enum room_durability, room_durability) \
    X(bool,               receipts)          /* others are told how far one has read */ \
    X(bool,               room_unlisted)     /* `rooms` does not tell of it */ \
    X(bool,               room_echo)         /* who says something hears it, also without asking for it */
// clang-format on

struct room_settings {
#define X(type, name) type name;
    ROOM_SETTINGS(X)
#undef X
};

struct room_rule {
    str match; // a pattern; absent: it is given by its name only
    str name;  // absent: it has none; no two have the same rule_id
    struct room_settings room;
};

// Beside a room: which rule it has.
struct ruled {
    uint32_t given;  // the rule_id of the one that it was made by; 0 = of none
    uint16_t reload; // of which reload the rest is; 0 = of none yet
    uint8_t rule;    // RULE_NONE: none matches
};

// The first one that matches, RULE_NONE where none does.
uint8_t rule_find(const struct room_rule *rules, size_t n, str room);
// The one of that name, or RULE_NONE.
uint8_t rule_named(const struct room_rule *rules, size_t n, str name);
// The same of its number.
uint8_t rule_given(const struct room_rule *rules, size_t n, uint32_t id);
// The same on all shards, now and after a reload. Never 0 but of no name at all. Two names may have the same one: whoever reads rules
// refuses those (app/config_rows.c).
uint32_t rule_id(str name);

#endif
