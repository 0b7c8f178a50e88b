// SPDX-License-Identifier: Apache-2.0
//
// protobuf_fields.h - the numbers of docs/protocol/plenum.proto, which are for ever: what was given once means that always.
//
// Names are those of the JSON protocol. A key has one number, in whatever command it stands; so has a field, in whatever event. What
// is said most often is below 16, where a number and its type take one byte. The lists are held to the rows of commands and events
// by the compiler (a row without a number is an unknown word) and to plenum.proto by a test, which asks protobuf-c.
#ifndef PLENUM_DIALECT_PROTOBUF_FIELDS_H
#define PLENUM_DIALECT_PROTOBUF_FIELDS_H

// clang-format off

// Message ClientMessage: the command's id, and its own message by its name.
#define PROTOBUF_COMMANDS(X) \
    X(message, 2) X(signal, 3) X(direct, 4) X(read, 5) X(ping, 6) X(whois, 7) X(hello, 8) X(join, 9) X(leave, 10) X(switch, 11) \
    X(edit, 12) X(delete, 13) X(react, 14) X(state, 15) X(history, 16) X(members, 17) X(rooms, 18) X(rename, 19) X(refresh, 20) \
    X(role, 21) X(kick, 22) X(ban, 23) X(unban, 24) X(mute, 25) X(unmute, 26) X(slow, 27) X(readonly, 28) X(create, 29) \
    X(close, 30) X(lock, 31) X(invite, 32) X(uninvite, 33) X(invites, 34)

// Keys of commands (command.h); 0: of the HTTP API only. Keys of one name that no command has both of may share a number.
#define PROTOBUF_KEYS(X) \
    X(room, 1) X(data, 2) X(content_type, 3) X(key, 4) X(reaction, 4) X(conflate, 5) X(echo, 6) X(reply_to, 7) X(from, 8) \
    X(to_room, 9) X(to_user, 9) X(name, 10) X(resume, 11) X(token, 12) X(entry_token, 12) X(since, 13) X(before, 14) \
    X(history, 15) X(members, 16) X(limit, 17) X(after, 18) X(prefix, 19) X(user, 20) X(role, 21) X(reason, 22) \
    X(seconds, 23) X(on, 24) X(uses, 25) X(ttl_s, 26) X(expires, 27) X(rule, 28) X(invitation, 29) X(offset, 30) \
    X(edit_of, 31) X(set, 32) X(unset, 33) X(merge, 34) X(if_version, 35) X(joins, 36) X(speaker, 37) \
    X(token_id, 0) X(issued_before, 0) X(as_user, 0) X(rooms, 0) X(commands, 0) X(parallel, 0) X(address, 0) X(dialect, 0) \
    X(connection, 0)
enum { PROTOBUF_ID = 1, PROTOBUF_EPOCH = 1, PROTOBUF_OFFSET = 2 }; // of every message; of Since

// Message ServerMessage: the id, and what happened by its name; a page of history has its rows beside it.
#define PROTOBUF_EVENTS(X) \
    X(message, 2) X(signal, 3) X(ack, 4) X(void, 5) X(member_joined, 6) X(member_left, 7) X(member_changed, 8) X(members_count, 9) \
    X(read, 10) X(state_updated, 11) X(message_edited, 12) X(message_deleted, 13) X(message_reactions, 14) \
    X(rows, 15) \
    X(welcome, 16) X(joined, 17) X(left, 18) X(direct, 19) X(gap, 20) X(members, 21) X(history, 22) X(rooms, 23) X(pong, 24) \
    X(drain, 25) X(error, 26) X(renamed, 27) X(state, 28) X(created, 29) X(invited, 30) X(invites, 31) X(token_expiring, 32) \
    X(speaker, 33) X(epoch, 34) X(room_changed, 35) X(room_closed, 36) X(room_created, 37) X(member_role, 38) \
    X(member_kicked, 39) X(member_banned, 40) X(member_unbanned, 41) X(member_muted, 42) X(member_unmuted, 43) \
    X(member_admitted, 44) X(invitation_made, 45) X(invitation_ended, 46)

// Fields of events: what a C name says, the name, the number, what it is. VALUE: JSON as it stands; DATA: JSON, or bytes where there is
// a content_type; COUNTS: a map of numbers.
#define PROTOBUF_FIELDS(X) \
    X(room,            "room",            1,  STRING) \
    X(room_handle,     "room_handle",     2,  UINT) \
    X(offset,          "offset",          3,  UINT) \
    X(time,            "time",            4,  UINT) \
    X(speaker,         "speaker",         5,  UINT) \
    X(from,            "from",            6,  OBJECT) \
    X(data,            "data",            7,  DATA) \
    X(content_type,    "content_type",    8,  STRING) \
    X(reply_to,        "reply_to",        9,  UINT) \
    X(target,          "target",          10, UINT) \
    X(key,             "key",             11, STRING) \
    X(version,         "version",         12, UINT) \
    X(after,           "after",           13, UINT) \
    X(member,          "member",          14, OBJECT) \
    X(count,           "count",           15, UINT) \
    X(user,            "user",            16, STRING) \
    X(session,         "session",         17, STRING) \
    X(name,            "name",            18, STRING) \
    X(info,            "info",            19, VALUE) \
    X(role,            "role",            20, STRING) \
    X(connected,       "connected",       21, BOOL) \
    X(joined_at,       "joined_at",       22, UINT) \
    X(last_active,     "last_active",     23, UINT) \
    X(sessions,        "sessions",        24, UINT) \
    X(previous_name,   "previous_name",   25, STRING) \
    X(deleted,         "deleted",         26, BOOL) \
    X(edited,          "edited",          27, UINT) \
    X(replies,         "replies",         28, UINT) \
    X(reactions,       "reactions",       29, COUNTS) \
    X(on,              "on",              30, BOOL) \
    X(value,           "value",           31, VALUE) \
    X(reason,          "reason",          32, STRING) \
    X(until,           "until",           33, UINT) \
    X(slow_s,          "slow_s",          34, UINT) \
    X(readonly,        "readonly",        35, BOOL) \
    X(locked,          "locked",          36, BOOL) \
    X(invitation,      "invitation",      37, STRING) \
    X(uses,            "uses",            38, UINT) \
    X(rule,            "rule",            39, STRING) \
    X(epoch,           "epoch",           40, STRING) \
    X(resume,          "resume",          41, STRING) \
    X(heartbeat_s,     "heartbeat_s",     42, UINT) \
    X(limits,          "limits",          43, OBJECT) \
    X(message_bytes,   "message_bytes",   44, UINT) \
    X(limit_rooms,     "rooms",           45, UINT) \
    X(messages_per_s,  "messages_per_s",  46, UINT) \
    X(server,          "server",          47, STRING) \
    X(server_version,  "version",         48, STRING) \
    X(state,           "state",           49, VALUE) \
    X(state_version,   "state_version",   50, UINT) \
    X(versions,        "versions",        51, VALUE) \
    X(members_count,   "members_count",   52, UINT) \
    X(members,         "members",         53, LIST) \
    X(muted,           "muted",           54, BOOL) \
    X(muted_until,     "muted_until",     55, UINT) \
    X(read,            "read",            56, UINT) \
    X(unread,          "unread",          57, UINT) \
    X(recovered,       "recovered",       58, BOOL) \
    X(left_room,       "left",            59, STRING) \
    X(by,              "by",              60, OBJECT) \
    X(note,            "note",            61, STRING) \
    X(delivered,       "delivered",       62, UINT) \
    X(duplicate,       "duplicate",       63, BOOL) \
    X(expires_in,      "expires_in",      64, UINT) \
    X(gap_from,        "from",            65, UINT) \
    X(gap_to,          "to",              66, UINT) \
    X(passing,         "passing",         67, UINT) \
    X(next,            "next",            68, STRING) \
    X(rooms,           "rooms",           69, LIST) \
    X(reconnect_ms,    "reconnect_ms",    70, UINT) \
    X(code,            "code",            71, STRING) \
    X(sentence,        "message",         72, STRING) \
    X(retry_ms,        "retry_ms",        73, UINT) \
    X(token,           "token",           74, STRING) \
    X(expires,         "expires",         75, UINT) \
    X(invitations,     "invitations",     76, LIST) \
    X(left,            "left",            77, UINT) \
    X(by_user,         "by",              78, STRING) \
    X(speakers,        "speakers",        79, LIST)
enum { PROTOBUF_MAP_KEY = 1, PROTOBUF_MAP_VALUE = 2 };
// clang-format on

enum protobuf_event {
#define X(name, number) PB_##name = number,
    PROTOBUF_EVENTS(X)
#undef X
};

enum protobuf_member {
#define X(id, name, number, kind) F_##id = number,
    PROTOBUF_FIELDS(X)
#undef X
};

#endif
