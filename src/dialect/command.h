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

// Every type once: its name for people (metrics, logs), and whether it is a command of the JSON protocol by that name (NATIVE:
// the decoder's row, what a slip is compared with; a test holds docs/protocol/native.md to it) or only made by the server
// or a line of text (INNER; text_commands.h).
// clang-format off
#define COMMAND_TYPES(X) \
    X(NONE,    none,    INNER)  /* nothing to do (an empty line) */ \
    X(MESSAGE, message, NATIVE) /* first, as decoders look from the top: nearly all that comes */ \
    X(HELLO,   hello,   NATIVE) \
    X(JOIN,    join,    NATIVE) \
    X(LEAVE,   leave,   NATIVE) \
    X(SWITCH,  switch,  NATIVE) \
    X(DIRECT,  direct,  NATIVE) \
    X(SIGNAL,  signal,  NATIVE) \
    X(MEMBERS, members, NATIVE) \
    X(HISTORY, history, NATIVE) \
    X(ROOMS,   rooms,   NATIVE) \
    X(PING,    ping,    NATIVE) \
    X(RENAME,  rename,  NATIVE) \
    X(HELP,    help,    INNER) \
    X(QUIT,    quit,    INNER)
// clang-format on

enum command_type {
#define X(upper, lower, native) CMD_##upper,
    COMMAND_TYPES(X)
#undef X
        CMD_COUNT
};

// "join" and so on; CMD_NONE is "none".
const char *command_name(enum command_type type);

// Its strings, each once: what copies or clears a command does so with all of them (core/mail/post.c).
// clang-format off
#define COMMAND_STRS(X) \
    X(id)          /* as it stood on the wire (JSON: the raw number or quoted string), absent where none was given */ \
    X(room)        /* join, leave, switch (`to`), message, signal, members, history; empty = the room one is in (text dialect) */ \
    X(from)        /* switch: the room to leave; empty = the room one is in, if any (text dialect) */ \
    X(to)          /* direct: a user id; with `to_by_name`, a member's name or user id in the room one is in */ \
    X(data)        /* message, direct, signal: JSON, byte for byte */ \
    X(key)         /* message, direct: idempotency key */ \
    X(name)        /* hello, rename */ \
    X(token)       /* hello, join: a JWT (kept for the authentication gate) */ \
    X(resume)      /* hello: the secret of an earlier welcome */ \
    X(since_epoch) /* history, join: with since_offset, where has_since */ \
    X(after)       /* members, rooms: where the last page ended */ \
    X(prefix)      /* rooms */
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
    uint32_t limit;    // members, history, rooms; 0 = default
};

#endif
