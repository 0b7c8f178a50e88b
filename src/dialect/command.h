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

enum command_type {
    CMD_NONE = 0, // nothing to do (an empty line)
    CMD_HELLO,
    CMD_JOIN,
    CMD_LEAVE,
    CMD_SWITCH,
    CMD_MESSAGE,
    CMD_DIRECT,
    CMD_MEMBERS,
    CMD_HISTORY,
    CMD_ROOMS,
    CMD_PING,
    CMD_NICK, // text dialect: a new display name
    CMD_HELP, // text dialect
    CMD_QUIT, // text dialect
    CMD_COUNT
};

struct command {
    enum command_type type;
    str id; // as it stood on the wire (JSON: the raw number or quoted string), absent where none was given
    str room; // join, leave, switch (`to`), message, members, history; empty = the room one is in (text dialect)
    str from; // switch: the room to leave; empty = the room one is in, if any (text dialect)
    str to;   // direct: a user id; with `to_by_name`, a member's name or user id in the room one is in
    bool to_by_name;
    str data;   // message, direct: JSON, byte for byte
    str key;    // message, direct: idempotency key
    bool echo;  // message: the sender gets the entry too
    str name;   // hello, nick
    str token;  // hello, join: a JWT (kept for the authentication gate)
    str resume; // hello: the secret of an earlier welcome
    bool has_since;
    str since_epoch;
    uint64_t since_offset;
    bool has_before; // history: entries before this offset, newest first page
    uint64_t before_offset;
    bool has_history;
    uint32_t history;  // join: so many messages back
    bool want_members; // join
    uint32_t limit;    // members, history, rooms; 0 = default
    str after;         // members, rooms: where the last page ended
    str prefix;        // rooms
};

#endif
