// SPDX-License-Identifier: Apache-2.0
//
// conn.h - the part of a shard that keeps connections: bytes in to commands, heartbeats, how they end.
//
//   phase       HTTP --upgrade--> WS (a language) or MIRROR
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
// Whoever serves a connection (edge, fan) does not end it: it notes that it is to end (fan_end), and conn_carry_ends does it
// when the call has returned. Nothing more is read from it or said to it in between (conn_live).
//
// Invariants (conns_check)
//   1. an idle connection holds no buffer: `in` is NULL, its queue is empty
//   2. parked: a complete message waits in `in`, or a line or a broken frame at the front of its raw bytes; nothing is
//      read from the socket. Whatever waits has been told "not now" and is asked again, which may be said again: no
//      wake-up can come too early, and one comes when what it waits for is there
//   3. ending > OPEN: closed to edge and fan: no memberships, not registered
//
// Ownership: by the pool; freed in two steps (GONE, then by conn_pull_closed). Thread: the shard's.
#ifndef PLENUM_CORE_CONN_CONN_H
#define PLENUM_CORE_CONN_CONN_H

#include "core/conn/deadline.h"
#include "core/conn/reserve.h"
#include "core/edge/edge.h"
#include "core/fan/speech.h"
#include "wire/http.h"
#include "wire/http_body.h"
#include "wire/line.h"
#include "wire/ws_frame.h"

struct http_call;
struct inbound;
struct verdict_mail;
struct http_route;

enum conn_phase { PHASE_HTTP, PHASE_WS, PHASE_MIRROR, PHASE_LINE };
// A text connection that says nothing for so long is a person's and is greeted. What is not a person speaks at once:
// a browser's request is behind its handshake, at most a few lost packets later.
enum { LINE_LISTEN_MS = 200 };

// What a parked connection waits for (conn_park).
enum conn_wait {
    WAIT_NOTHING, // it is not parked
    WAIT_ANSWER,  // to what it has asked for
    WAIT_OUTPUT,  // to be written: its peer does not read what it asked for
    WAIT_READERS, // of its room, or it itself as one, to be served (fan/pace.h)
    WAIT_MAIL,    // room in the mailbox of another shard
    WAIT_INFLATE, // until what its messages became is paid for (inbound.h)
    WAIT_END,     // it has said its last command
};
enum conn_ending { ENDING_OPEN, ENDING_FLUSH, ENDING_AWAIT, ENDING_SHUT, ENDING_GONE };

// Bytes that could not be worked off at once. Exists only while there are some.
struct input {
    uint8_t *raw; // unread bytes: an unfinished HTTP head or line, or what follows a parked message
    uint32_t raw_from, raw_n, raw_cap;
    uint8_t *msg; // a WebSocket message being put together, or a whole one that is parked
    uint32_t msg_n, msg_cap;
    uint32_t msg_at; // of a message that waits, this or the line at the front: where its next command begins,
    uint16_t msg_commands; // and how many have been carried out
    bool msg_ready;
    uint8_t msg_opcode;
    bool msg_looked;          // it was unfinished when it was looked at last (heartbeat.c),
    uint32_t msg_looked_tick; // which was then,
    uint32_t msg_seen;        // with so many bytes
    uint8_t ctl_n;
    uint8_t ctl[CONTROL_PAYLOAD_MAX]; // a control frame that arrives in pieces
};

// A request that is refused when its body has been read: until then the next one cannot be found.
struct http_refused {
    struct http_body body;
    uint16_t status;
    bool keep_alive;
    const struct http_route *route; // 405, 415: whose; else NULL
};

struct conn {
    struct asker asker;
    uint8_t phase;
    uint8_t ending;
    uint8_t parked : 3;        // enum conn_wait
    uint8_t closed_reason : 5; // enum close_reason
    bool stopped : 1;          // the driver was told not to read
    bool reread_queued : 1;
    bool eof : 1;          // the peer will send no more
    bool ping_waiting : 1; // where there are no pings: it has been stuck since its deadline was armed
    bool heard : 1;        // something came since the last ping
    bool ws_close_sent : 1;
    bool ws_close_seen : 1;
    bool greeted : 1;   // LINE: is somebody; until then nobody can know of it
    bool in_body : 1;   // HTTP: `refused` is in use, not `http`
    bool calls : 1;     // HTTP: `call` is (route.h)
    bool head_only : 1; // HTTP: the request at hand is HEAD, its answer has no body
    bool judged : 1;    // LINE: its first line was no other protocol's
    bool guest : 1;     // there was no memory for it: one HTTP answer (reserve.h)
    bool local : 1;     // its peer is on this machine, and so is all that can reach its listener
    bool admin : 1;     // it came by the listener of whoever runs the server
    bool secure : 1;    // it speaks through TLS
    bool shaking : 1;   // LINE, secure: hands are being shaken; it is nobody before that is over
    bool cut : 1;       // ended with something still to say, or nobody to say it to: the socket is reset
    bool owing : 1;     // it is in the list of those who wait until what was inflated is paid for (inbound.h)
    uint8_t passed;     // gates, by the command that is at hand or waits: which is next (edge/gate.h)
    uint16_t close_code;
    uint16_t heartbeat_ds; // interval in deadline ticks
    uint32_t heard_tick;   // when bytes last came
    struct input *in;
    union {
        struct http_scanner http;
        struct http_refused refused;
        struct http_call *call;
        struct ws_decoder ws;
        struct line_decoder line;
    };
};

struct conns {
    struct context *cx;
    struct edge *edge;
    struct fan *fan;
    struct mailroom *mail;

    struct slab pool;
    struct slab claims; // requests that are to be carried out once (claims.h)
    struct deadlines deadlines;
    struct index_list closed, shutdown, reread; // for the driver
    struct reserve reserve;

    struct inbound **inbound; // by connection (inbound.h); NULL: websocket.deflate is off
    struct index_list owing;  // those with conn.owing; when the next of them may go on
    uint64_t owing_due_ms;

    // Working memory of one call each; never in use across calls.
    struct buf head; // a response head, a sentence
    struct buf body; // a dynamic page
    struct scratch unescape;
    struct buf inflated; // a message (inbound.h)

    uint64_t drain_next_ms;
    uint32_t drain_from;
};

enum err conns_init(struct conns *cs, struct context *cx, struct edge *edge, struct fan *fan,
                    struct mailroom *mail) WARN_UNUSED;
void conns_deinit(struct conns *cs); // a zeroed one is fine
void conns_tidy(struct conns *cs);
void conns_check(const struct conns *cs);
// When a turn is needed for its deadlines, a drain, or who waits for a mailbox; UINT64_MAX = never.
uint64_t conns_due_ms(const struct conns *cs);

static inline struct conn *conn_at(const struct conns *cs, uint32_t index)
{
    return slab_at(&cs->pool, index);
}
static inline str conn_scheme(const struct conn *c) { return c->secure ? STR("https") : STR("http"); }
// True while commands are taken from it and replies are said to it.
static inline bool conn_live(const struct conn *c)
{
    return c->ending == ENDING_OPEN && reader_open(&c->asker.reader);
}

// --- what the driver tells (see shard/shard.h)
enum err conn_accept(struct conns *cs, enum transport transport, const struct peer *peer,
                     uint32_t *ret_conn) WARN_UNUSED;
// Its handshake below is over; shown: NULL, or who it is by its certificate.
void conn_secured(struct conns *cs, uint32_t index, const struct certificate *shown);
// n bytes have come.
void conn_heard(struct conns *cs, uint32_t index, size_t n);
// Works off bytes; p may be changed. Returns how many it has taken: fewer than n, or all and some of them are kept, where a
// command has left mail to this very shard, or it is to end. To be called again with the rest, be it none, as long as
// there was something to carry.
size_t conn_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n);
// After that: true if it is to be read further.
bool conn_reads_on(struct conns *cs, uint32_t index);
void conn_on_eof(struct conns *cs, uint32_t index);
void conn_on_broken(struct conns *cs, uint32_t index);
// n bytes of its output have been written.
void conn_written(struct conns *cs, uint32_t index, size_t n);
bool conn_pull_closed(struct conns *cs, uint32_t *ret_conn, bool *ret_abortive);
bool conn_pull_reread(struct conns *cs, uint32_t *ret_conn);

// --- the turn
void conn_on_deadline(struct conns *cs, uint32_t index);
// Asks again what was told "not now"; false where nothing was. conn_feed follows, and then conn_resume: it goes on reading
// where it may.
bool conn_unpark(struct conns *cs, uint32_t index);
void conn_resume(struct conns *cs, uint32_t index);
// Ends those who are to end.
void conn_carry_ends(struct conns *cs);
void conns_drain_begin(struct conns *cs);
void conns_drain(struct conns *cs); // closes the next batch where it is time
// It has been welcomed.
void conn_welcomed(struct conns *cs, uint32_t index);

// --- between the files of this folder: life (conn.c, conn_end.c)
// Ends it in good order: memberships and session are given up now; last bytes (an HTTP answer) have been queued.
void conn_end(struct conns *cs, uint32_t index, enum close_reason why);
// Ends it at once, without a word.
void conn_abort(struct conns *cs, uint32_t index, enum close_reason why);
// Closes with an RFC 6455 close frame (WebSocket) or a line (text).
void conn_close(struct conns *cs, uint32_t index, uint16_t code, const char *reason, enum close_reason why);
// Nothing is written or read any more; the driver is to close its socket.
void conn_gone(struct conns *cs, uint32_t index, bool cut);
// The peer has sent its last byte and all it sent is carried out.
void conn_eof(struct conns *cs, uint32_t index);
// After a write or a change of `ending`: takes the next step out.
void conn_end_step(struct conns *cs, uint32_t index);
// It ends: only the peer's close frame is of interest in what comes, or has waited.
void conn_feed_ending(struct conns *cs, uint32_t index, uint8_t *p, size_t n);

// --- input (conn_in.c, conn_message.c, conn_ws.c, conn_http.c, conn_line.c)
// Something has been told "not now" and is kept by the caller: stops reading until it can be asked again.
void conn_park(struct conns *cs, uint32_t index);
// Above so many bytes of its own that wait to be written it is not read on. HTTP: what is pipelined is answered one by
// one, so that nobody orders pages faster than he takes them.
uint32_t conn_out_bound(const struct conns *cs, const struct conn *c);
struct input *conn_input(struct conns *cs, struct conn *c); // made on demand; NULL when memory is out
void conn_input_free(struct conns *cs, struct conn *c);
// One whole message: false is "not now" (the caller keeps it and parks), and nothing has been done of what it is read on from.
bool conn_message(struct conns *cs, uint32_t index, str message, bool binary) WARN_UNUSED;
// One command, likewise (conn_in.c).
bool conn_command(struct conns *cs, uint32_t index, const struct command *cmd) WARN_UNUSED;
// Its peer has answered our ping; or says so.
void conn_on_pong(struct conns *cs, uint32_t index);
// What cannot be read as a command costs what one costs, and is answered with why. False when it must wait.
bool conn_refuse(struct conns *cs, uint32_t index, str id, const struct problem *why) WARN_UNUSED;
bool conn_ws_message(struct conns *cs, uint32_t index, uint8_t opcode, str message) WARN_UNUSED;
// Of HTTP (conn_call.c, route.h): frees what is kept of a request; calls a handler again that could not ask; hands an answer to the one that
// has, false where it is no such connection's; gives up waiting for one, false where none is waited for.
void conn_call_free(struct conns *cs, struct conn *c);
void conn_call_check(const struct conns *cs, uint32_t index);
void conn_call_again(struct conns *cs, uint32_t index);
bool conn_call_answered(struct conns *cs, const struct answer *a);
// The same of a helper's verdict, which is taken where it is such a connection's.
bool conn_call_verdict(struct conns *cs, struct verdict_mail *v);
bool conn_call_late(struct conns *cs, uint32_t index);
// An ask about connections (roster.c), which is answered.
void conns_ask(struct conns *cs, struct ask *a);
// Each consumes what it can and returns how much; stops early when the connection parks or is to end, or mail to this very
// shard waits.
size_t conn_ws_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n);
size_t conn_http_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n);
void conn_http_late(struct conns *cs, uint32_t index); // a request that did not arrive in time is told so
size_t conn_line_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n);
// Welcomes a text connection: from here on it is somebody, in rooms.text_room.
void conn_greet(struct conns *cs, uint32_t index);

// --- heartbeat (heartbeat.c)
void heartbeat_start(struct conns *cs, uint32_t index);
void heartbeat_on_pong(struct conns *cs, uint32_t index);
// False of lines whose language has no ping.
bool heartbeat_pings(const struct conns *cs, uint32_t index);
void heartbeat_on_deadline(struct conns *cs, uint32_t index);

#endif
