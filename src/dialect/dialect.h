// SPDX-License-Identifier: Apache-2.0
//
// dialect.h - a wire language: its messages to and from the one internal set of commands, events and entries.
//
// A dialect is stateless and pure: bytes in, a command out; an event or an entry in, bytes out. It knows no
// connection, room or shard. Framing (WebSocket header, line end) is put around the payload by core, so that
// one language can travel on several transports: a `struct dialect` is one (language, framing) pair and has one
// track of framed bytes in each room's log where it is in use.
#ifndef PLENUM_DIALECT_DIALECT_H
#define PLENUM_DIALECT_DIALECT_H

#include "base/buf.h"
#include "base/err.h"
#include "dialect/command.h"
#include "dialect/entry.h"
#include "dialect/event.h"

enum dialect_id { DIALECT_JSON = 0, DIALECT_TEXT_WS, DIALECT_TEXT_LINE, DIALECT_COUNT };

enum framing { FRAMING_WS_TEXT, FRAMING_WS_BINARY, FRAMING_LINE };

// Decodes need memory for unescaped strings; `p` has room for the whole message and is valid until the next one.
struct scratch {
    char *p;
    size_t cap;
    size_t n;
};

struct dialect {
    enum dialect_id id;
    const char *name;
    enum framing framing;
    // A page of history is one message: the rows lie in it one behind the other, each with this in front of it but the first,
    // and in front of the last `rows_end` bytes of the EV_HISTORY event. None: each row is a message of its own.
    str row_separator;
    size_t rows_end;
    bool text; // the line language: the first command needs no hello, one joins rooms.text_room on connecting

    // One whole message to a command. OK, or ERR_SYNTAX with *ret_problem filled; ret->id is set on errors too
    // where it could be read, so that the error can carry it. The message is UTF-8 already.
    enum err (*decode)(str message, struct scratch *scratch, struct command *ret,
                       struct problem *ret_problem);
    // Appends the payload for one event or entry. Text lines carry no line end; an event may be several lines
    // (help, who): the dialect separates them with '\n' and core frames each.
    // utc_offset_s: what to add to UTC for the operator's local time (the text dialect prints clock times).
    void (*encode_event)(struct buf *out, const struct event *ev, int32_t utc_offset_s);
    // An entry that the language has no words for is nothing: no bytes.
    void (*encode_entry)(struct buf *out, const struct entry *e, int32_t utc_offset_s);
};

// Never NULL for an id below DIALECT_COUNT.
const struct dialect *dialect_get(enum dialect_id id);

// A room name: 1 to ROOM_NAME_MAX bytes of UTF-8 without control characters, not beginning or ending with a
// space. A user's name likewise up to USER_NAME_MAX.
bool room_name_valid(str name);
bool user_name_valid(str name);
const char *role_name(enum role role);

#endif
