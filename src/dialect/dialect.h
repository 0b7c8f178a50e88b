// SPDX-License-Identifier: Apache-2.0
//
// dialect.h - wire languages: what clients write and read, to and from the one internal set of commands, events and entries.
//
//      language   how its clients are spoken to: who says hello, in which order replies come, who pings, how one parts
//      payloads   its words as bytes: a message to commands; an event or an entry to a message
//      encoding   payloads with a transport's frame around them: what a room has a track of, where somebody reads it
//                 or, of WebSocket, in one that is deflated (RFC 7692)
//      way        where it is spoken: path, subprotocol, kind of listener (ways.h)
//
//      native --- JSON ----- WebSocket text   /ws
//        '------- JSON and bytes - WebSocket text, and binary where data are bytes   /ws
//      protobuf - proto ---- WebSocket binary /ws
//      text ----- lines -+-- WebSocket text   /echo
//                        '-- lines on TCP     server.text
//
// A deflated encoding is one more of the same payloads: whoever reads them has negotiated permessage-deflate with a window that
// allows ours. A message that would not get smaller stands in it as it is (RFC 7692 section 6 leaves that to each message).
//
// Two encodings of the same payloads (text over WebSocket and over TCP) have one decoder and one encoder; what is said in a room
// is put into words once for both. Each has a track of its own, as what is between two entries differs (log/live.h).
//
// Payloads are pure: bytes in, commands out; an event or an entry in, bytes out, on any shard. What a language has to remember of
// a connection is in its *state*: so many bytes, zeroed at first, which core allocates, hands to the functions that take one on
// the connection's own shard, and frees. They may be copied: a command that has to wait is decoded again later, from the state as
// it was. Nobody here knows a connection, a room or a shard.
//
// Ownership: all of this is constant and lives as long as the process. Thread: any.
#ifndef PLENUM_DIALECT_DIALECT_H
#define PLENUM_DIALECT_DIALECT_H

#include "base/buf.h"
#include "base/err.h"
#include "dialect/command.h"
#include "dialect/entry.h"
#include "dialect/event.h"

enum {
    ENCODINGS_MAX = 16,       // of one process
    LANGUAGE_STATE_MAX = 256, // bytes of a connection's state; copied for each of its commands
    REPLY_HEAD_MAX = 32,      // bytes in front of a reply
};

enum framing { FRAMING_WS_TEXT, FRAMING_WS_BINARY, FRAMING_LINE };

// Decodes need memory for unescaped strings; `p` has room for what `scratch_factor` says and is valid until the next one.
struct scratch {
    char *p;
    size_t cap;
    size_t n;
    size_t stale; // the most that n was before it was emptied, since it was wiped
};
static inline void scratch_empty(struct scratch *s)
{
    if (s->n > s->stale)
        s->stale = s->n;
    s->n = 0;
}

// A message that commands are taken out of, one by one.
struct reading {
    str message; // whole; of WebSocket text and of lines it is UTF-8 already
    size_t at;   // where the next command begins; the message's length: there is none
    struct scratch *scratch;
    void *state; // NULL where the language has none
    bool binary; // of WebSocket: it came as a binary message; who has to be UTF-8 has not been looked at
    bool pong;   // set by the decoder: this was no command, but the answer to our ping (encode_ping)
};

struct payloads {
    const char *name;
    // A page of history is one message: the rows lie in it one behind the other, each with `row_separator` in front of it but the
    // first, and in front of the last `rows_end` bytes of the EV_HISTORY event. Else each row is a message of its own.
    bool pages;
    str row_separator;
    size_t rows_end;
    bool handles;           // it has short names for rooms and people (entry.h); who joins is told them
    bool both;              // of WebSocket it takes messages of the other kind, too (reading.binary)
    bool bytes;             // of WebSocket text: what begins with a zero byte is a binary message
    bool lines;             // an event may be several messages, with '\n' between them (help, who)
    uint8_t scratch_factor; // bytes that decoded strings may take for each byte of the message

    // The next command of a message, of which there is at least one. It moves r->at, always: behind the command, or behind what
    // is no command. OK, and CMD_NONE where it says nothing; or ERR_SYNTAX with *ret_problem filled: ret->id is set then, too,
    // where it could be read, so that the error can carry it.
    enum err (*decode)(struct reading *r, struct command *ret, struct problem *ret_problem);
    // Appends the payload for one event or entry, without a line end. Nothing: the language has no words for it, and nothing is
    // sent. utc_offset_s: what to add to UTC for the operator's local time (text prints clock times).
    void (*encode_event)(struct buf *out, const struct event *ev, int32_t utc_offset_s);
    // Of what is told in parts (parts.h) it is given each of them.
    void (*encode_entry)(struct buf *out, const struct entry *e, int32_t utc_offset_s);
    // The same as a row of a page; NULL: the separator, and the entry.
    void (*encode_row)(struct buf *out, const struct entry *e, int32_t utc_offset_s);
};

// A connection is about to be closed by us. A language may have its own code and reason for the close frame.
struct closing {
    uint16_t code;
    const char *reason; // static
    bool close_frame;   // one with both follows
};

struct language {
    const char *name;
    // All replies keep the order of commands, whatever they are about: its clients match them by that.
    bool serial;
    bool greets;  // nobody says hello: who connects is welcomed, and is in rooms.text_room
    bool returns; // its sessions may be resumed: who is gone is away for a while (rooms.member_grace_s)
    bool reports; // it is told what came of a direct that has no id
    // WebSocket: why a client is closed that has said nothing within limits.hello_ms.
    const char *silent;
    // Where the transport has no words of its own (lines): what stands in front of a sentence about the end, to one who is
    // not let in; and all that is said, line end included, when memory is out.
    const char *parting;
    str last_words;

    size_t state_bytes;                     // of a connection; 0 = none
    void (*state_check)(const void *state); // asserts what must hold of it; may be NULL

    // All of these may be NULL. What they append is one payload.
    void (*encode_ping)(struct buf *out, void *state); // instead of the transport's own ping
    // Goodbye, in front of the close frame.
    void (*encode_close)(struct buf *out, struct closing *c, void *state);
    // What is put in front of a payload that is for this connection alone (a running number); of what a room's readers share
    // nothing can depend on one of them. Only where it has state.
    str (*reply_head)(void *state, char room[REPLY_HEAD_MAX]);
};

struct encoding {
    uint8_t id; // its place in the table (ways.h)
    const char *name;
    const struct language *language;
    const struct payloads *payloads;
    enum framing framing;
    uint8_t deflate; // bits of the window that its payloads are deflated with; 0: they are not
};

// What an encoding's payload is sent as: a binary message.
static inline bool payload_is_binary(const struct encoding *e, str payload)
{
    return e->framing == FRAMING_WS_BINARY || (e->payloads->bytes && payload.n != 0 && payload.p[0] == '\0');
}

// A room name: 1 to ROOM_NAME_MAX bytes of UTF-8 without control characters, not beginning or ending with a
// space. A user's name likewise up to USER_NAME_MAX.
bool room_name_valid(str name);
bool user_name_valid(str name);
const char *role_name(enum role role);
// ROLE_COUNT: there is none by that name.
enum role role_find(str name);

#endif
