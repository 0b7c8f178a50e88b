// SPDX-License-Identifier: Apache-2.0
//
// event.h - what the server tells one connection: replies, errors and notices. What happens in a room is an
// entry (entry.h); it goes to all who are in the room, never through here.
//
// A `struct event` is a view built on the stack, put into words at once, in the connection's encoding.
#ifndef PLENUM_DIALECT_EVENT_H
#define PLENUM_DIALECT_EVENT_H

#include "dialect/command.h"
#include "dialect/entry.h"
#include "dialect/problem.h"

// Every type once: its name on the wire; NATIVE: in the JSON protocol, whose page is held to it; COMPACT: of encodings with handles only; INNER: in lines of text only.
// clang-format off
#define EVENTS(X) \
    X(WELCOME, welcome, NATIVE) \
    X(JOINED,  joined,  NATIVE) \
    X(LEFT,    left,    NATIVE) \
    X(ACK,     ack,     NATIVE) \
    X(DIRECT,  direct,  NATIVE) \
    X(GAP,     gap,     NATIVE) \
    X(MEMBERS, members, NATIVE) \
    X(HISTORY, history, NATIVE) \
    X(ROOMS,   rooms,   NATIVE) \
    X(PONG,    pong,    NATIVE) \
    X(DRAIN,   drain,   NATIVE) \
    X(ERROR,   error,   NATIVE) \
    X(RENAMED, renamed, NATIVE) \
    X(STATE,   state,   NATIVE) \
    X(CREATED, created, NATIVE) \
    X(INVITED, invited, NATIVE) \
    X(INVITES, invites, NATIVE) \
    X(TOKEN_EXPIRING, token_expiring, NATIVE) \
    X(SPEAKER, speaker, COMPACT) \
    X(HELP,    help,    INNER) \
    X(BYE,     bye,     INNER) /* the connection closes after it */
// clang-format on

enum event_type {
    EV_NONE = 0, // a command that gets no reply (command.h)
#define X(upper, lower, where) EV_##upper,
    EVENTS(X)
#undef X
};

struct room_row {
    str name;
    uint32_t members_count;
    bool has_unread;
    uint32_t unread; // messages that who asks has not read
};

struct invitation_row {
    str id;
    enum role role;
    uint32_t uses, left;
    uint64_t expires; // wall ms
    str by;           // a user id
};

struct event {
    enum event_type type;
    str id; // of the command it answers, as it stood on the wire; absent = none
    str room;

    // EV_WELCOME; EV_RENAMED: name and resume; EV_ACK of a refresh: resume
    str session, user, name, resume;
    uint32_t heartbeat_s;
    uint64_t limit_message_bytes;
    uint32_t limit_rooms;
    uint32_t limit_messages_per_s; // 0 = no limit
    const char *version;

    // EV_JOINED: offset, epoch, and
    enum role role;
    uint64_t members_count;
    bool with_members;             // `members` below is part of the reply
    bool has_recovered, recovered; // also EV_HISTORY
    bool readonly, locked;         // EV_JOINED
    bool has_read;                 // EV_JOINED: they have said how far they have read, and
    uint64_t read, unread;         // so many messages are behind it
    uint64_t slow_ms;              // EV_JOINED: one message in so long; 0 = as many as one likes
    uint64_t muted_until;          // EV_JOINED: wall ms, UINT64_MAX = without an end; 0 = one may speak
    bool has_left;
    str left; // EV_JOINED after a switch: the room left

    // EV_STATE; EV_JOINED: state and state_version; EV_ACK of a state: state_version
    str state;    // JSON, an object; of EV_STATE in text perhaps of one key only
    str versions; // JSON, an object of the same keys
    uint64_t state_version;
    bool has_version; // EV_ACK

    // EV_CREATED: offset, epoch, duplicate, and
    str rule;      // by which it is, absent = by the one of its name
    bool has_role; // who has made it is `role` there

    // EV_INVITED: offset, epoch, role, and
    str invitation, token;
    uint32_t uses;
    uint64_t span_ms, expires;                // for so long, until then (wall ms)
    const struct invitation_row *invitations; // EV_INVITES: list_n of them

    // EV_JOINED, of an encoding with handles: the room's number and those who spoke last, who spoke last at the end; EV_SPEAKER: one
    uint64_t room_handle;
    const struct speaker_view *speakers;
    size_t speakers_n;

    // EV_LEFT
    const char *reason; // static, NULL = absent; also EV_GAP: "slow", "trimmed", "conflated" or "coalesced"
    str by_user, by_name, note; // of who was sent away: by whom, and why; absent = nobody, nothing

    // EV_ACK
    bool has_offset, duplicate, has_delivered;
    uint64_t offset; // also EV_JOINED
    str epoch;       // also EV_JOINED, EV_HISTORY
    uint32_t delivered;
    bool has_expires;
    uint64_t expires_in_s; // also EV_TOKEN_EXPIRING

    // EV_DIRECT
    struct entry direct; // user, session, name, info, data, time_ms are used

    // EV_GAP: offsets that will not come, both included (from > to: none), and how many passing entries will not
    uint64_t gap_from, gap_to, gap_passing;

    // lists: EV_MEMBERS, EV_ROOMS (and EV_JOINED's members); EV_HISTORY has list_n only, its rows follow (dialect.h)
    const struct member_view *members;
    const struct room_row *rooms;
    size_t list_n;
    str next; // cursor for the next page; absent = this was the last

    uint64_t time_ms;       // EV_PONG
    uint32_t reconnect_ms;  // EV_DRAIN
    struct problem problem; // EV_ERROR
};

#endif
