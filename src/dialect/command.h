// SPDX-License-Identifier: Apache-2.0
//
// command.h - what a client can ask for, in one form for every wire language.
//
// A dialect decodes one message of its language into a `struct command`; core knows only this form. All strings
// borrow from the message (or from the decoder's scratch) and are good until the next message of that
// connection is decoded. Lengths and names have been checked against base/limits.h by the decoder.
#ifndef PLENUM_DIALECT_COMMAND_H
#define PLENUM_DIALECT_COMMAND_H

#include "base/limits.h"
#include "base/str.h"
#include "dialect/problem.h"

// The keys of commands, a row each: its name in the JSON protocol, how it is read, the field of `struct command` it is read into
// and the one that says that it was there, its least and most (bytes of a string, or the number), what a wrong one is told. From
// here come the decoder's table (native_json_decode.c), the fuzzers' dictionary (tools/dictionary.c), and the tables of
// docs/protocol/native.md are held to it.
// clang-format off
#define COMMAND_KEYS(X) \
    X(room,        "room",    ROOM,    room,          NO_FLAG,           1, ROOM_NAME_MAX,    ROOM_WORDS) \
    X(from,        "from",    ROOM,    from,          NO_FLAG,           1, ROOM_NAME_MAX,    ROOM_WORDS) \
    X(to_room,     "to",      ROOM,    room,          NO_FLAG,           1, ROOM_NAME_MAX,    ROOM_WORDS) \
    X(to_user,     "to",      STRING,  to,            NO_FLAG,           1, USER_ID_MAX,      "a string of 1 to 64 bytes, a user id") \
    X(data,        "data",    DATA,    data,          NO_FLAG,           0, 0,                "there, any JSON value") \
    X(content_type, "content_type", CONTENT, data,    NO_FLAG,           1, CONTENT_TYPE_MAX, "a string of 1 to 127 bytes, a media type, with `data` in base64") \
    X(key,         "key",     STRING,  key,           NO_FLAG,           1, MESSAGE_KEY_MAX,  "a string of 1 to 64 bytes") \
    X(conflate,    "conflate", STRING, conflate,      NO_FLAG,           1, CONFLATE_KEY_MAX, "a string of 1 to 64 bytes") \
    X(echo,        "echo",    BOOL,    echo,          NO_FLAG,           0, 0,                "`true` or `false`") \
    X(name,        "name",    NAME,    name,          NO_FLAG,           1, USER_NAME_MAX,    "a string of 1 to 64 bytes without control characters or spaces around it") \
    X(resume,      "resume",  STRING,  resume,        NO_FLAG,           1, RESUME_TOKEN_MAX, "a string of 1 to 8000 bytes, the `resume` of an earlier `welcome`") \
    X(token,       "token",   STRING,  token,         NO_FLAG,           1, TOKEN_MAX,        "a string of 1 to 16384 bytes, a JWT") \
    X(entry_token, "token",   STRING,  token,         NO_FLAG,           1, TOKEN_MAX,        "a string of 1 to 16384 bytes, a JWT, or an invitation") \
    X(since,       "since",   SINCE,   since_epoch,   FLAG(has_since),   0, 0,                "an object with `epoch` and `offset`, both as received in the room") \
    X(before,      "before",  OFFSET,  before_offset, FLAG(has_before),  1, OFFSET_MAX,       "an integer above 0, an offset of the room") \
    X(history,     "history", COUNT,   history,       FLAG(has_history), 0, LIST_LIMIT_MAX,   "an integer from 0 to 1000, so many messages back") \
    X(members,     "members", BOOL,    want_members,  NO_FLAG,           0, 0,                "`true` or `false`") \
    X(limit,       "limit",   COUNT,   limit,         NO_FLAG,           1, LIST_LIMIT_MAX,   "an integer from 1 to 1000") \
    X(after,       "after",   STRING,  after,         NO_FLAG,           1, PAGE_CURSOR_MAX,  "a string, the `next` of the reply before") \
    X(prefix,      "prefix",  STRING,  prefix,        NO_FLAG,           0, ROOM_NAME_MAX,    "a string of at most 128 bytes") \
    X(user,        "user",    STRING,  to,            NO_FLAG,           1, USER_ID_MAX,      "a string of 1 to 64 bytes, a user id") \
    X(role,        "role",    STRING,  role,          NO_FLAG,           1, ROLE_NAME_MAX,    "`guest`, `member`, `host` or `owner`") \
    X(reason,      "reason",  STRING,  reason,        NO_FLAG,           1, REASON_MAX,       "a string of 1 to 256 bytes") \
    X(seconds,     "seconds", COUNT,   seconds,       FLAG(has_seconds), 0, SECONDS_MAX,      "an integer from 0 to 315360000") \
    X(on,          "on",      BOOL,    on,            FLAG(has_on),      0, 0,                "`true` or `false`") \
    X(uses,        "uses",    COUNT,   uses,          NO_FLAG,           1, INVITATION_USES_MAX, "an integer from 1 to 10000") \
    X(ttl_s,       "ttl_s",   COUNT,   seconds,       FLAG(has_seconds), 1, SECONDS_MAX,      "an integer from 1 to 315360000, seconds") \
    X(expires,     "expires", OFFSET,  expires,       FLAG(has_expires), 1, OFFSET_MAX,       "an integer above 0, milliseconds since 1970") \
    X(rule,        "rule",    STRING,  key,           NO_FLAG,           1, RULE_NAME_MAX,    "a string of 1 to 32 bytes, the name of a rule of the server") \
    X(invitation,  "invitation", STRING, key,         NO_FLAG,           INVITATION_ID_LEN, INVITATION_ID_LEN, "a string of 8 bytes, the `invitation` of a reply to `invite`") \
    X(offset,      "offset",  OFFSET,  offset,        FLAG(has_offset),  1, OFFSET_MAX,       "an integer above 0, the offset of a message of the room") \
    X(reply_to,    "reply_to", OFFSET, offset,        FLAG(has_offset),  1, OFFSET_MAX,       "an integer above 0, the offset of a message of the room") \
    X(edit_of,     "if_version", OFFSET, version,     FLAG(has_version), 1, OFFSET_MAX,       "an integer above 0, the `version` of the message, or its `offset` where it has none") \
    X(reaction,    "key",     STRING,  key,           NO_FLAG,           1, REACTION_MAX,     "a string of 1 to 64 bytes, an emoji or a word") \
    X(set,         "set",     OBJECT,  set,           NO_FLAG,           0, 0,                "an object, each key with its value") \
    X(unset,       "unset",   STRINGS, unset,         NO_FLAG,           0, STATE_CHANGES_MAX, "an array of at most 256 strings, keys of the state") \
    X(merge,       "merge",   OBJECT,  merge,         NO_FLAG,           0, 0,                "an object, a merge patch of the state") \
    X(if_version,  "if_version", VERSION, if_version, NO_FLAG,           0, 0,                "an integer, the `state_version`, or an object of keys with their versions") \
    X(speaker,     "speaker", OFFSET,  offset,        FLAG(has_offset),  1, OFFSET_MAX,       "an integer above 0, the `speaker` of what was said in the room") \
    X(token_id,    "token_id", STRING, token_id,      NO_FLAG,           1, TOKEN_ID_MAX,     "a string of 1 to 128 bytes, the `jti` of a token") \
    X(issued_before, "issued_before", OFFSET, issued_before, FLAG(has_issued_before), 1, EPOCH_SECONDS_MAX, "an integer above 0, seconds since 1970 as in `iat`") \
    X(as_user,     "user",    NAME,    by,            NO_FLAG,           1, USER_ID_MAX,      "a string of 1 to 64 bytes without control characters or spaces around it, a user id") \
    X(rooms,       "rooms",   ROOMS,   list,          NO_FLAG,           1, BROADCAST_ROOMS_MAX, "an array of 1 to 1000 names of rooms") \
    X(joins,       "rooms",   OBJECTS, list,          NO_FLAG,           1, HELLO_ROOMS_MAX,  "an array of 1 to 255 objects, each with the keys of a `join`") \
    X(commands,    "commands", OBJECTS, list,         NO_FLAG,           1, API_BATCH_MAX,    "an array of objects, each a command with its `type`, at most `api.batch_max`") \
    X(parallel,    "parallel", BOOL,   parallel,      NO_FLAG,           0, 0,                "`true` or `false`") \
    X(address,     "address", STRING,  address,       NO_FLAG,           1, 64,               "a string of 1 to 64 bytes, an address without its port") \
    X(dialect,     "dialect", STRING,  dialect,       NO_FLAG,           1, 32,               "a string of 1 to 32 bytes, the name of a language") \
    X(connection,  "connection", STRING, connection,  NO_FLAG,           1, 32,               "a string of 1 to 32 bytes, the `connection` of a row of `connections`")
// Offsets travel as JSON numbers, which many readers keep in a double.
#define OFFSET_MAX ((UINT64_C(1) << 53) - 1)
#define EPOCH_SECONDS_MAX UINT64_C(253402300799) // the end of the year 9999
#define ROOM_WORDS "the name of a room, 1 to 128 bytes without control characters or spaces around it"

// Every command once:
//  - its name for people (metrics, logs); NATIVE: a command of the JSON protocol by that name; COMPACT: of encodings with handles only; INNER: made by the server or by
//    a line of text only (text_commands.h); HTTP: of the HTTP API only (api.h), which has most NATIVE ones, too;
//  - the keys it takes, which it MUST or MAY have, in the HTTP API only (API, API_MUST) or everywhere, in the order in which they are read (and complained of);
//  - who decides: the EDGE, the home of a ROOM, of a USER, ALL homes that it concerns. Replies keep the order of one decider;
//  - the right that is needed in the room; NONE: it asks for none, or being there is enough;
//  - what it costs: of which bucket so many tokens (LIST: of the commands', and more by what it returns; core/edge/gate.c);
//  - the reply it gets, an event, and what it is for.
// From here come the decoder's table and what a slip is compared with, the dispatch (core/edge/edge.c), the rights that a home
// asks for, the price, the fuzzers' dictionary; the table of docs/protocol/native.md is held to it, cell by cell.
#define NO_KEYS
#define JOIN_KEYS MAY(entry_token) MAY(since) MAY(history) MAY(members)
#define COMMANDS(X) \
    X(NONE,    none,    INNER,  NO_KEYS,                                     EDGE, NONE,    COMMAND, 1, NONE,    "nothing: an empty line, or what could not be read") \
    X(MESSAGE, message, NATIVE, MUST(room) MUST(data) MAY(content_type) MAY(key) MAY(conflate) MAY(echo) MAY(reply_to), ROOM, PUBLISH, COMMAND, 1, ACK,     "say something in a room") /* first, as decoders look from the top: nearly all that comes */ \
    X(HELLO,   hello,   NATIVE, MAY(token) MAY(name) MAY(resume) MAY(joins), EDGE, NONE,    COMMAND, 1, WELCOME, "say who you are, or take up an earlier session") \
    X(JOIN,    join,    NATIVE, MUST(room) JOIN_KEYS,                        ROOM, JOIN,    COMMAND, 1, JOINED,  "enter a room and get its entries") \
    X(LEAVE,   leave,   NATIVE, MUST(room),                                  ROOM, NONE,    COMMAND, 1, LEFT,    "leave a room") \
    X(SWITCH,  switch,  NATIVE, MUST(from) MUST(to_room) JOIN_KEYS,          ROOM, JOIN,    COMMAND, 1, JOINED,  "leave one room for another in one step") \
    X(DIRECT,  direct,  NATIVE, MUST(to_user) MUST(data) MAY(content_type) MAY(key) API(as_user) API(name), USER, NONE,    COMMAND, 1, ACK,     "say something to all sessions of one user") \
    X(SIGNAL,  signal,  NATIVE, MUST(room) MUST(data) MAY(content_type) API(as_user) API(name), ROOM, SIGNAL,  SIGNAL,  1, NONE,    "tell those who are in a room now: typing, a cursor") \
    X(MEMBERS, members, NATIVE, MUST(room) MAY(limit) MAY(after),            ROOM, LIST,    LIST,    1, MEMBERS, "who is in a room") \
    X(HISTORY, history, NATIVE, MUST(room) MAY(since) MAY(before) MAY(limit) MAY(reply_to), ROOM, READ,   LIST,    1, HISTORY, "entries of the past") \
    X(ROOMS,   rooms,   NATIVE, MAY(prefix) MAY(limit) MAY(after) API(as_user), ALL,  NONE,    LIST,    1, ROOMS,   "which rooms there are") \
    X(PING,    ping,    NATIVE, NO_KEYS,                                     EDGE, NONE,    COMMAND, 1, PONG,    "is anyone there") \
    X(RENAME,  rename,  NATIVE, MUST(name),                                  ALL,  NONE,    COMMAND, 1, RENAMED, "be called something else") \
    X(REFRESH, refresh, NATIVE, MUST(token) MAY(room),                       EDGE, NONE,    COMMAND, 1, ACK,     "go on with a new token") \
    X(ROLE,    role,    NATIVE, MUST(room) MUST(user) MUST(role),            ROOM, ROLE,    COMMAND, 1, ACK,     "give somebody another role in a room") \
    X(KICK,    kick,    NATIVE, MUST(room) MUST(user) MAY(reason),           ROOM, KICK,    COMMAND, 1, ACK,     "take somebody out of a room") \
    X(BAN,     ban,     NATIVE, MUST(room) MUST(user) MAY(seconds) MAY(reason), ROOM, BAN,  COMMAND, 1, ACK,     "take somebody out of a room and keep them out") \
    X(UNBAN,   unban,   NATIVE, MUST(room) MUST(user),                       ROOM, BAN,     COMMAND, 1, ACK,     "let somebody in again") \
    X(MUTE,    mute,    NATIVE, MUST(room) MUST(user) MAY(seconds) MAY(reason), ROOM, MUTE, COMMAND, 1, ACK,     "let somebody listen only") \
    X(UNMUTE,  unmute,  NATIVE, MUST(room) MUST(user),                       ROOM, MUTE,    COMMAND, 1, ACK,     "let somebody speak again") \
    X(SLOW,    slow,    NATIVE, MUST(room) MUST(seconds),                    ROOM, SLOW,    COMMAND, 1, ACK,     "let each say one message in so many seconds only") \
    X(READONLY, readonly, NATIVE, MUST(room) MUST(on),                       ROOM, READONLY, COMMAND, 1, ACK,    "let only those speak in a room who may set this") \
    X(STATE,   state,   NATIVE, MUST(room) MAY(set) MAY(unset) MAY(merge) MAY(if_version) API(as_user) API(name), ROOM, STATE, COMMAND, 1, ACK, "change what a room's people share, or read it") \
    X(STATE_READ, state_read, INNER, NO_KEYS,                                ROOM, READ,    LIST,    1, STATE,   "read what a room's people share: a `state` that changes nothing") \
    X(CREATE,  create,  NATIVE, MUST(room) MAY(rule),                        ROOM, JOIN,    COMMAND, 1, CREATED, "make a room that is not there yet, and stay outside") \
    X(CLOSE,   close,   NATIVE, MUST(room) MAY(reason),                      ROOM, CLOSE,   COMMAND, 1, ACK,     "end a room: everybody is out, and what was said is gone") \
    X(LOCK,    lock,    NATIVE, MUST(room) MUST(on),                         ROOM, BAN,     COMMAND, 1, ACK,     "let nobody in who has no role in the room") \
    X(INVITE,  invite,  NATIVE, MUST(room) MAY(uses) MAY(ttl_s) MAY(expires) MAY(role), ROOM, INVITE, COMMAND, 1, INVITED, "make an invitation to a room, for whoever brings it") \
    X(UNINVITE, uninvite, NATIVE, MUST(room) MUST(invitation),               ROOM, INVITE,  COMMAND, 1, ACK,     "take an invitation back") \
    X(INVITES, invites, NATIVE, MUST(room),                                  ROOM, INVITE,  LIST,    1, INVITES, "which invitations to a room are open") \
    X(EDIT,    edit,    NATIVE, MUST(room) MUST(offset) MUST(data) MAY(content_type) MAY(edit_of) API(as_user) API(name), ROOM, EDIT_OWN, COMMAND, 1, ACK, "let a message say something else") \
    X(DELETE,  delete,  NATIVE, MUST(room) MUST(offset) MAY(reason) API(as_user) API(name), ROOM, DELETE_OWN, COMMAND, 1, ACK,  "take a message back, so that its words are nowhere any more") \
    X(REACT,   react,   NATIVE, MUST(room) MUST(offset) MUST(reaction) MAY(on) API(as_user) API(name), ROOM, PUBLISH, COMMAND, 1, ACK,  "react to a message, or take that back") \
    X(READ,    read,    NATIVE, MUST(room) MUST(offset) API_MUST(as_user) API(name), ROOM, READ,    COMMAND, 1, ACK,     "say how far you have read a room") \
    X(WHOIS,   whois,   COMPACT, MUST(room) MUST(speaker),                   ROOM, NONE,    COMMAND, 1, SPEAKER, "who speaks under a number that you were not told") \
    X(HELP,    help,    INNER,  NO_KEYS,                                     EDGE, NONE,    COMMAND, 1, HELP,    "what can be typed") \
    X(QUIT,    quit,    INNER,  NO_KEYS,                                     EDGE, NONE,    COMMAND, 1, BYE,     "go") \
    X(PUBLISH, publish, HTTP,   MUST(room) MUST(data) MAY(content_type) MAY(key) MAY(conflate) MAY(as_user) MAY(name) MAY(reply_to), ROOM, NONE, COMMAND, 1, ACK, "say something in a room, in the name of the backend or of a user") \
    X(BROADCAST, broadcast, HTTP, MUST(rooms) MUST(data) MAY(content_type) MAY(key) MAY(conflate) MAY(as_user) MAY(name), ROOM, NONE, COMMAND, 1, ACK, "say the same in many rooms") \
    X(INFO,    info,    HTTP,   NO_KEYS,                                     ALL,  NONE,    COMMAND, 1, NONE,    "how much there is: connections, sessions, rooms, members") \
    X(CONNECTIONS, connections, HTTP, MAY(user) MAY(room) MAY(address) MAY(dialect) MAY(limit) MAY(after), ALL, NONE, LIST, 1, NONE, "who is connected, from where, in which rooms") \
    X(DISCONNECT, disconnect, HTTP, MAY(user) MAY(connection),            USER, NONE, COMMAND, 1, ACK, "close a user's connections, or one") \
    X(REVOKE,  revoke,  HTTP,   MAY(user) MAY(token_id) MAY(issued_before) MAY(seconds) MAY(reason), ALL, NONE, COMMAND, 1, ACK, "have tokens refused before they end, and close what was opened with them") \
    X(BATCH,   batch,   HTTP,   MUST(commands) MAY(parallel),                ALL,  NONE,    COMMAND, 1, NONE,    "many commands in one request")

// The errors that a command may be answered by, a line each: a command without one does not compile. Beside its own it may be answered
// by those that any may be, and the first of a connection, which implies a hello, by the hello's. Over HTTP `not_found` stands for
// `not_member`, and the key may be refused (docs/API.md). BANNED of what is said in a room: where rooms are on many nodes, and the ban
// was placed in front of it; elsewhere who is banned is not in the room.
#define ERRORS_OF_ANY E(BAD_JSON) E(BAD_COMMAND) E(RATE_LIMITED) E(LIMIT_REACHED) E(UNAVAILABLE) E(INTERNAL)
#define ERRORS_TOKEN E(UNAUTHORIZED) E(TOKEN_EXPIRED) E(TOKEN_REVOKED)
#define ERRORS_ROOM E(BAD_ROOM) E(NOT_MEMBER) E(FORBIDDEN) E(ROOM_CLOSED)
#define ERRORS_RECORD ERRORS_ROOM E(BANNED)
#define ERRORS_OF_NONE ERRORS_OF_ANY ERRORS_OF_HELLO // of what could not be read, so of any
#define ERRORS_OF_HELLO ERRORS_TOKEN E(LIMIT_REACHED) E(UNAVAILABLE) E(DRAINING)
#define ERRORS_OF_JOIN E(BAD_ROOM) E(ALREADY_MEMBER) E(FORBIDDEN) E(BANNED) ERRORS_TOKEN E(INVITATION_INVALID) E(INVITATION_EXPIRED) \
    E(INVITATION_USED) E(LIMIT_REACHED) E(RATE_LIMITED) E(ROOM_FULL) E(ROOM_CLOSED) E(DRAINING)
#define ERRORS_OF_SWITCH ERRORS_OF_JOIN E(NOT_MEMBER)
#define ERRORS_OF_LEAVE E(BAD_ROOM) E(NOT_MEMBER)
#define ERRORS_OF_MESSAGE ERRORS_RECORD E(MUTED) E(NOT_FOUND) E(RATE_LIMITED)
#define ERRORS_OF_SIGNAL ERRORS_ROOM E(MUTED) E(TOO_LARGE) E(RATE_LIMITED)
#define ERRORS_OF_DIRECT E(FORBIDDEN)
#define ERRORS_OF_MEMBERS ERRORS_ROOM
#define ERRORS_OF_HISTORY ERRORS_ROOM
#define ERRORS_OF_ROOMS E(FORBIDDEN)
#define ERRORS_OF_PING
#define ERRORS_OF_RENAME
#define ERRORS_OF_REFRESH ERRORS_TOKEN E(BAD_ROOM) E(NOT_MEMBER) E(BAD_COMMAND)
#define ERRORS_OF_ROLE ERRORS_RECORD E(LIMIT_REACHED)
#define ERRORS_OF_KICK ERRORS_RECORD
#define ERRORS_OF_BAN ERRORS_RECORD E(LIMIT_REACHED)
#define ERRORS_OF_UNBAN ERRORS_RECORD
#define ERRORS_OF_MUTE ERRORS_RECORD E(LIMIT_REACHED)
#define ERRORS_OF_UNMUTE ERRORS_RECORD
#define ERRORS_OF_SLOW ERRORS_RECORD
#define ERRORS_OF_READONLY ERRORS_RECORD
#define ERRORS_OF_STATE ERRORS_RECORD E(MUTED) E(CONFLICT) E(LIMIT_REACHED) E(TOO_LARGE) E(BAD_COMMAND) E(RATE_LIMITED)
#define ERRORS_OF_STATE_READ ERRORS_ROOM
#define ERRORS_OF_CLOSE ERRORS_RECORD
#define ERRORS_OF_LOCK ERRORS_RECORD
#define ERRORS_OF_INVITE ERRORS_RECORD E(LIMIT_REACHED) E(BAD_COMMAND) E(CONFLICT)
#define ERRORS_OF_UNINVITE ERRORS_RECORD E(NOT_FOUND)
#define ERRORS_OF_INVITES ERRORS_ROOM
#define ERRORS_OF_EDIT ERRORS_RECORD E(MUTED) E(NOT_FOUND) E(CONFLICT)
#define ERRORS_OF_DELETE ERRORS_RECORD E(NOT_FOUND)
#define ERRORS_OF_REACT ERRORS_RECORD E(MUTED) E(NOT_FOUND) E(LIMIT_REACHED)
#define ERRORS_OF_READ ERRORS_ROOM E(NOT_FOUND)
#define ERRORS_OF_WHOIS ERRORS_ROOM E(NOT_FOUND)
#define ERRORS_OF_HELP
#define ERRORS_OF_QUIT
#define ERRORS_OF_PUBLISH E(BAD_ROOM) E(NOT_FOUND) E(LIMIT_REACHED) E(ROOM_CLOSED) E(TOO_LARGE)
#define ERRORS_OF_BROADCAST E(BAD_ROOM) E(LIMIT_REACHED) E(ROOM_CLOSED) E(TOO_LARGE)
#define ERRORS_OF_INFO
#define ERRORS_OF_CONNECTIONS E(BAD_ROOM)
#define ERRORS_OF_DISCONNECT E(BAD_COMMAND)
#define ERRORS_OF_CREATE E(BAD_ROOM) E(CONFLICT) E(NOT_FOUND) E(FORBIDDEN) E(RATE_LIMITED) E(LIMIT_REACHED) E(ROOM_CLOSED) E(DRAINING)
#define ERRORS_OF_REVOKE E(LIMIT_REACHED)
#define ERRORS_OF_BATCH E(TOO_LARGE) E(UNKNOWN_TYPE) E(BAD_COMMAND) E(LIMIT_REACHED)
// clang-format on

enum command_type {
#define X(upper, ...) CMD_##upper,
    COMMANDS(X)
#undef X
        CMD_COUNT
};

enum command_key {
    KEY_NONE = 0,
#define X(key, ...) KEY_##key,
    COMMAND_KEYS(X)
#undef X
        KEY_COUNT
};

enum decided { DECIDED_EDGE, DECIDED_ROOM, DECIDED_USER, DECIDED_ALL };
// Who has them: core/home/rights.h. Tokens and keys name them so.
// clang-format off
#define RIGHTS(X) \
    X(NONE, none) \
    X(JOIN, join) X(READ, read) X(LIST, list) \
    X(PUBLISH, publish) X(SIGNAL, signal) X(STATE, state) X(EDIT_OWN, edit_own) X(DELETE_OWN, delete_own) \
    X(INVITE, invite) X(EDIT_ANY, edit_any) X(DELETE_ANY, delete_any) X(KICK, kick) X(MUTE, mute) X(SLOW, slow) \
    X(READONLY, readonly) X(BAN, ban) X(ROLE, role) X(CLOSE, close)
// clang-format on
enum right {
#define X(upper, lower) RIGHT_##upper,
    RIGHTS(X)
#undef X
        RIGHT_COUNT
};
enum cost { COST_COMMAND, COST_LIST, COST_SIGNAL };
// What is returned to one, or told to others, costs a token more for each of so many bytes; less than that is in the row's price.
enum { COST_BYTES = 16 * 1024 };

struct command_row {
    const char *name; // "join" and so on; CMD_NONE is "none"
    uint8_t decided;  // enum decided
    uint8_t right;    // enum right
    uint8_t cost;     // enum cost
    uint8_t tokens;   // at least 1
    uint8_t reply;    // enum event_type; EV_NONE: none but an error
    uint32_t errors;  // its own, bits of enum problem_code; CMD_NONE: those of any
};

struct command;

const struct command_row *command_row(enum command_type type);
const char *command_name(enum command_type type);
// It is told to others as something said: not asked for, looked at, or decided.
bool command_says(const struct command *c);
// What it costs those whom all that is said is counted for (a room, a member of it, a tenant), in tokens: its row's price, and more by
// the bytes that are told to everybody there, or returned for ever after to whoever asks.
uint32_t command_said_tokens(const struct command *c);

// Its strings, each once: what copies or clears a command does so with all of them (core/mail/post.c).
// clang-format off
#define COMMAND_STRS(X) \
    X(id)          /* as it stood on the wire (JSON: the raw number or quoted string), absent where none was given */ \
    X(room)        /* join, leave, switch (`to`), message, signal, members, history; refresh, of a room's token; empty = the room one is in (text dialect) */ \
    X(from)        /* switch: the room to leave; empty = the room one is in, if any (text dialect) */ \
    X(to)          /* direct, and decrees about somebody: a user id; with `to_by_name`, a member's name or user id in the room; connections, disconnect, revoke: whose */ \
    X(by)          /* of the HTTP API: the user in whose name; rooms: whose unread */ \
    X(data)        /* message, direct, signal, edit: JSON, byte for byte, or a datum (datum.h) */ \
    X(key)         /* message, direct: idempotency key; react: what one reacts with; uninvite: the id of an invitation; create: the name of a rule; state_read: the only key that is wanted (text dialect) */ \
    X(set)         /* state: JSON, as it came, */ \
    X(unset)       \
    X(merge)       \
    X(if_version)  \
    X(conflate)    /* message: conflation key */ \
    X(name)        /* hello, rename; of the HTTP API: what the user in whose name it is is called */ \
    X(token)       /* hello, join, switch, refresh: a JWT; join, switch: or an invitation; invite: the one that is made, as its edge has drawn it */ \
    X(resume)      /* hello: the secret of an earlier welcome */ \
    X(since_epoch) /* history, join: with since_offset, where has_since */ \
    X(after)       /* members, rooms: where the last page ended */ \
    X(prefix)      /* rooms */ \
    X(role)        /* role, invite: the name of one (role_find); invite: empty = member */ \
    X(reason)      /* kick, ban, mute, close, delete, revoke */ \
    X(list)        /* broadcast: rooms; batch: commands; hello: what joins follow it; a JSON array, as it came */ \
    X(address)     /* connections */ \
    X(dialect)     /* connections */ \
    X(connection)  /* disconnect */ \
    X(token_id)    /* revoke */
// clang-format on

struct command {
    enum command_type type;
#define X(field) str field;
    COMMAND_STRS(X)
#undef X
    bool to_by_name;
    bool echo; // message: the sender gets the entry too
    bool has_since;
    uint64_t since_offset;
    bool has_before; // history: entries before this offset, newest first page
    uint64_t before_offset;
    bool has_history;
    uint32_t history;  // join: so many messages back
    bool want_members; // join
    uint32_t limit;    // members, history, rooms, connections; 0 = default
    bool has_seconds;
    uint32_t seconds; // ban, mute, revoke: without it, for ever; slow; invite
    bool has_expires;
    uint64_t expires; // invite: until then, wall ms
    uint32_t uses;    // invite; 0 = once
    bool has_on;
    bool on; // readonly, lock; react: without it true
    bool
        has_offset; // edit, delete, react: which message, absent = the newest, or one's own newest (text dialect);
    uint64_t offset; // message, publish: which it answers; history: whose answers
    bool has_version;
    uint64_t version; // edit: what it has to be of
    bool parallel;    // batch
    bool has_issued_before;
    uint64_t issued_before; // revoke: seconds since 1970
    bool with_hello;        // join: of the rooms of a hello, so nothing without its session
};

// Of a CMD_STATE: it changes something; else it reads.
static inline bool command_changes(const struct command *c)
{
    return c->set.n != 0 || c->unset.n != 0 || c->merge.n != 0;
}

#endif
