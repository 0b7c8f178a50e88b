// SPDX-License-Identifier: Apache-2.0
//
// conn.h - one connection: what it speaks, who it is, what it is a reader of, how it ends.
//
//   phase       HTTP --upgrade--> WS (a dialect) or ECHO
//               LINE (the text listener): nobody --first line, or a moment without one--> greeted
//
//   ending      OPEN --our close--> FLUSH --all written--> AWAIT --peer's close frame--> SHUT --EOF--> GONE
//                 |                   |    (WebSocket in good order; others go from FLUSH to SHUT)   ^
//                 +--reset, time out--+-------------------------------------------------------------+
//     FLUSH  nothing more is read as commands; what is queued is written
//     AWAIT  our close frame is out, we wait for the peer's (RFC 6455 section 7.1.1); not from a peer that broke the
//            protocol: its bytes mean nothing any more, and TCP is shut right behind the frame (section 7.1.7)
//     SHUT   our side of TCP is shut; we wait for EOF so that the peer reads our last bytes, not a reset
//     GONE   handed to the driver to be closed
//   One deadline (settings.close_ms) bounds FLUSH, AWAIT and SHUT together.
//
// Invariants
//   1. an idle connection holds no buffer: `in` is NULL, `out` is empty, `skips` is NULL
//   2. each membership names an outlet whose cursor [slot] names this connection
//   3. pending > 0: that many asks to shard pending_shard have not been answered yet. A command for another
//      shard, or any command while `exclusive`, parks the connection; so replies keep the order of commands.
//      (Only a rename asks several shards at once; it is exclusive, and answered when all of them have answered)
//   4. parked: a complete message waits in `in`, or a line or a broken frame at the front of its raw bytes; nothing is
//      read from the socket. Whatever waits has been told "not now" and is asked again, which may be said again: no
//      wake-up can come too early, and one comes when what it waits for is there
//   5. ending > OPEN: no memberships, not registered
//
// Ownership: by the shard's pool; freed in two steps (GONE, then by shard_pull_closed). Thread: the shard's.
#ifndef PLENUM_CORE_CONN_H
#define PLENUM_CORE_CONN_H

#include "core/bucket.h"
#include "core/outq.h"
#include "core/post.h"
#include "core/shard.h"
#include "wire/http.h"
#include "wire/http_body.h"
#include "wire/line.h"
#include "wire/ws_frame.h"

enum conn_phase { PHASE_HTTP, PHASE_WS, PHASE_ECHO, PHASE_LINE };
// A text connection that says nothing for so long is a person's and is greeted. What is not a person speaks at once:
// a browser's request is behind its handshake, at most a few lost packets later.
enum { LINE_LISTEN_MS = 200 };

// What a parked connection waits for (conn_park).
enum conn_wait {
    WAIT_NOTHING, // it is not parked
    WAIT_ANSWER,  // to the asks under way
    WAIT_OUTPUT,  // to be written: its peer does not read what it asked for
    WAIT_READERS, // of its room, or it itself as one, to be served (core/pace.h)
    WAIT_MAIL,    // room in the mailbox of another shard
    WAIT_END,     // it has said its last command
};
enum conn_ending { ENDING_OPEN, ENDING_FLUSH, ENDING_AWAIT, ENDING_SHUT, ENDING_GONE };

// Bytes that could not be worked off at once. Exists only while there are some.
struct input {
    uint8_t *raw; // unread bytes: an unfinished HTTP head or line, or what follows a parked message
    uint32_t raw_from, raw_n, raw_cap;
    uint8_t *msg; // a WebSocket message being put together, or a whole one that is parked
    uint32_t msg_n, msg_cap;
    bool msg_ready;
    uint8_t msg_opcode;
    uint8_t ctl_n;
    uint8_t ctl[CONTROL_PAYLOAD_MAX]; // a control frame that arrives in pieces
};

// Who a connection speaks for. One block: head, then user, then name (absent when equal to user).
struct session {
    char id[SESSION_ID_LEN];
    uint8_t user_n;
    uint8_t name_n; // 0: the name is the user id
    char text[];
};

enum { MEMBERSHIP_SLOT_MAX = (1 << 30) - 1 };

// One room joined. Which cursor it is: outlets[outlet].cursors[slot].
struct membership {
    uint32_t outlet;
    uint32_t slot : 30;
    uint32_t held : 1;    // a switch is not complete: nothing of this room is sent yet
    uint32_t leaving : 1; // the home has been asked to let it go; it must not be asked twice
};

// Own entries that the sender does not want back: offsets from..to of an outlet.
struct skip {
    uint32_t outlet;
    uint64_t from, to;
};
struct skips {
    uint32_t n, cap;
    struct skip v[];
};

// A switch under way: the reply to `to` waits until `from` is left.
struct switching {
    struct ref from;
    uint64_t gap_from, gap_to; // to be announced after the reply; gap_to 0 = none
    uint32_t payload_n;
    uint8_t payload[];
};

// A request that is refused when its body has been read: until then the next one cannot be found.
struct http_refused {
    struct http_body body;
    uint16_t status;
    bool keep_alive;
};

struct conn {
    uint8_t phase;
    uint8_t ending;
    uint8_t dialect; // enum dialect_id, once known
    uint8_t pending_shard;
    uint16_t pending;
    bool exclusive : 1; // the pending ask changes what this connection is in
    uint8_t parked : 3; // enum conn_wait
    bool unpark_queued : 1;
    bool stopped : 1; // the driver was told not to read
    bool reread_queued : 1;
    bool blocked : 1;      // the socket is full
    bool eof : 1;          // the peer will send no more
    bool gated : 1;        // the parked message has passed the rate gate already
    bool ping_waiting : 1; // LINE: it has been stuck since its deadline was armed
    bool heard : 1;        // something came since the last ping
    bool hello_seen : 1;
    bool hello_implied : 1; // by the command that waits for the welcome
    bool hello_refused : 1; // that command is to be told so
    bool greeting : 1;      // text: the hello and the first join, which no line asks for, are under way
    bool registered : 1;    // its user's home has been asked to know it
    bool ws_close_sent : 1;
    bool ws_close_seen : 1;
    bool peer_is_long : 1;
    bool paced : 1; // its publish must wait until its room's readers, or it itself, are served (core/pace.h)
    bool greeted : 1;    // LINE: is somebody; until then nobody can know of it
    bool in_body : 1;    // HTTP: `refused` is in use, not `http`
    bool judged : 1;     // LINE: its first line was no other protocol's
    bool room_waits : 1; // it was refused a new room; room_wait_ms says until when
    bool guest : 1;      // there was no memory for it: one HTTP answer (core/reserve.h)
    bool cut : 1;        // ended with something still to say, or nobody to say it to: the socket is reset
    uint8_t closed_reason : 5; // enum close_reason
    uint8_t violations;        // commands in spite of rate_limited
    uint8_t room_violations;   // new rooms asked for before room_wait_ms
    uint16_t close_code;
    uint16_t heartbeat_ds; // interval in deadline ticks
    uint32_t heard_tick;   // when bytes last came
    uint16_t noise;        // of the noise gate: what was counted and has not leaked away,
    uint16_t noise_tick;   // and when that was
    uint16_t member_n, member_cap;
    struct bucket commands, rooms; // commands, and new rooms, that it may order now
    uint32_t room_wait_ms;         // low bits of the time before which it was told not to ask for a new room
    uint32_t address;              // print of the peer's, see struct peer
    uint32_t hello_ms;             // low bits of the time it said hello
    union {
        struct membership one; // member_cap == 0: the only membership, in place
        struct membership *many;
    };
    struct session *session;
    struct input *in;
    struct outq out;
    struct skips *skips;
    struct switching *switching;
    union {
        struct http_scanner http;
        struct http_refused refused;
        struct ws_decoder ws;
        struct line_decoder line;
    };
    union {
        uint8_t peer_packed[12]; // "127.0.0.1:51234", a nibble per character
        char *peer_long;         // whatever does not fit: IPv6, names of sockets
    };
};

// Close codes of our own: RFC 6455 section 7.4.2 leaves 4000 to 4999 to applications (docs/protocol/native.md).
enum { PRIVATE_CLOSE_REPLACED = 4001 };

// The peer's address as text; it borrows from *room or from the connection.
str conn_peer(const struct conn *c, struct peer *room);
str session_user(const struct session *s);
str session_name(const struct session *s);
struct membership *conn_memberships(struct conn *c);

// --- life (conn.c)
// Ends the connection in good order: memberships and session are given up now; `bytes` (a close frame, an HTTP
// answer) have been queued by the caller.
void conn_end(struct shard *sh, uint32_t index, enum close_reason why);
// Ends it at once, without a word.
void conn_abort(struct shard *sh, uint32_t index, enum close_reason why);
// The peer has sent its last byte and all it sent is carried out.
void conn_eof(struct shard *sh, uint32_t index);
// After a write or a change of `ending`: takes the next step out.
void conn_end_step(struct shard *sh, uint32_t index);
void conn_on_deadline(struct shard *sh, uint32_t index);
// Frees what the connection holds; the pool slot itself is freed by the caller.
void conn_release(struct shard *sh, struct conn *c);

// --- output (conn_out.c)
// Queues raw bytes, or one framed payload, or the frames of an event. When memory is out the connection is aborted.
void conn_put(struct shard *sh, uint32_t index, str bytes);
void conn_put_segment(struct shard *sh, uint32_t index, struct segment *seg, str bytes); // entries of a room
void conn_put_both(struct shard *sh, uint32_t index, str a, str b);                      // or neither
void conn_put_buf(struct shard *sh, uint32_t index,
                  const struct buf *b); // what a buf that failed holds is never sent
void conn_put_payload(struct shard *sh, uint32_t index, str payload);
void conn_put_event(struct shard *sh, uint32_t index, const struct event *ev);
void conn_put_problem(struct shard *sh, uint32_t index, str id, const struct problem *p);
void conn_mark_dirty(struct shard *sh, uint32_t index);
bool conn_is_dirty(const struct shard *sh, uint32_t index);
void conn_clear_dirty(struct shard *sh, uint32_t index);
// Memory is out for something of this connection: ends it, with a word of why (503, 1013, a line) where there is a way.
void conn_starve(struct shard *sh, uint32_t index, const char *what);
// Closes with an RFC 6455 close frame (WebSocket) or a line (text).
void conn_close(struct shard *sh, uint32_t index, uint16_t code, const char *reason, enum close_reason why);

// --- input (conn_in.c, conn_ws.c, conn_http.c, conn_line.c)
// Works off the bytes; what is left is kept. p may be changed.
void conn_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n);
// Something has been told "not now" and is kept by the caller: stops reading until it can be asked again.
void conn_park(struct shard *sh, uint32_t index);
// Asks again at the end of the turn.
void conn_queue_unpark(struct shard *sh, uint32_t index);
// Above so many bytes of its own that wait to be written it is not read on. HTTP: what is pipelined is answered one by
// one, so that nobody orders pages faster than he takes them.
uint32_t conn_out_bound(const struct shard *sh, const struct conn *c);
void conn_unpark(struct shard *sh, uint32_t index);
struct input *conn_input(struct shard *sh, struct conn *c); // made on demand; NULL when memory is out
void conn_input_tidy(struct shard *sh, struct conn *c);     // freed when empty
// One whole message: false is "not now", and nothing of it has been done (the caller keeps it and parks).
bool conn_message(struct shard *sh, uint32_t index, str message) WARN_UNUSED;
// What cannot be read as a command costs what one costs, and is answered with why. False when it must wait.
bool conn_refuse(struct shard *sh, uint32_t index, str id, const struct problem *why) WARN_UNUSED;
bool conn_ws_message(struct shard *sh, uint32_t index, uint8_t opcode, str message) WARN_UNUSED;
// Each consumes what it can and returns how much; stops early when the connection parks or ends.
size_t conn_ws_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n);
size_t conn_http_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n);
size_t conn_line_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n);
// Welcomes a text connection: from here on it is somebody, in rooms.text_room.
void conn_line_greet(struct shard *sh, uint32_t index);

// --- gates (gate.c)
// Of a new connection: full buckets.
void gate_open(const struct shard *sh, struct conn *c);
// The rate gate (token bucket, limits.commands_per_s): takes a token, or false and when there will be one.
bool gate_rate(struct shard *sh, struct conn *c, uint32_t *ret_retry_ms) WARN_UNUSED;
// Counts a refusal; who goes on regardless is closed with 1008.
void gate_violation(struct shard *sh, uint32_t index);
// The rate of new rooms of a connection (limits.connection_rooms_created_per_s): whether a join makes one is known at
// the room's home, so the ask says how long it may make none, and the answer whether it did.
uint32_t gate_rooms_wait_ms(const struct shard *sh, struct conn *c);
void gate_room_created(const struct shard *sh, struct conn *c);
// A room was not made, and the connection has been told to wait. Who asks again before that, and again, is closed with
// 1008.
void gate_room_refused(struct shard *sh, uint32_t index, uint32_t retry_ms);
// The noise gate (NOISE_PER_S, NOISE_BURST): counts something that says nothing. False: that was one too many, the
// connection has been closed with 1008.
bool gate_noise(struct shard *sh, uint32_t index);

// --- heartbeat (heartbeat.c)
void heartbeat_start(struct shard *sh, uint32_t index);
void heartbeat_on_pong(struct shard *sh, uint32_t index);
void heartbeat_on_deadline(struct shard *sh, uint32_t index);

#endif
