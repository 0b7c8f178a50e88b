// SPDX-License-Identifier: Apache-2.0
//
// client.h - the people of a run and the network between them and the shards.
//
// A client is a person and outlives its links (connections). A link outlives its client's interest in it where the
// server has not noticed yet that nobody is there.
//
// Ownership: all of it is the world's (world.h). Thread: one.
#ifndef PLENUM_SIM_CLIENT_H
#define PLENUM_SIM_CLIENT_H

#include "base/buf.h"
#include "core/common/who.h"
#include "dialect/dialect.h"
#include "sim/compact.h"
#include "sim/deflated.h"
#include "sim/truth.h"
#include "wire/ws_frame.h"

enum { ROOMS_MAX = 7, CLIENTS_MAX = 64, ASKS_MAX = 64 };

// --- the network

// One direction of a connection. The first `here` of n bytes have arrived, the others are on their way.
struct pipe {
    uint8_t *v;
    size_t cap, from, n, here;
};

struct client;

struct sim_link {
    uint32_t serial;
    struct client *client; // NULL: its client has given it up
    uint32_t owner;        // that client's index, for reports
    enum transport transport;
    uint32_t node, conn;
    bool accepted, refused;
    struct pipe up, down;
    // Quality.
    bool healthy;
    uint32_t chunk_max; // bytes that arrive per step; UINT32_MAX = all
    size_t down_cap;    // the server's send buffer and what is under way
    uint64_t frozen_until_ms;
    // The client's side.
    bool fin, reset, vanished;
    uint64_t vanished_ms, gone_ms;
    // The server's side.
    bool paused, blocked, eof_told, broken_told, server_shut, server_closed, server_aborted;
    uint64_t held_turn;   // in which its channel took what it has not sent yet (io/channel.h)
    uint64_t unread_ms;   // heard of last: when the server was last given bytes
    uint64_t blocked_ms;  // when it had last something to write that the socket did not take
    uint32_t gen;         // of core's connection
    struct start *starts; // joins that a home has carried out, and that its client has not been told of
    uint32_t starts_n, starts_cap;
};

#define SIGNAL_ID "\"signal\"" // of all signals, which are not answered but by errors

enum ask_kind {
    SAID_HELLO,
    SAID_JOIN,
    SAID_LEAVE,
    SAID_SWITCH,
    SAID_MESSAGE,
    SAID_DIRECT,
    SAID_MEMBERS,
    SAID_HISTORY,
    SAID_ROOMS,
    SAID_PING,
    SAID_RENAME,
    SAID_REFRESH,
    SAID_DECREE,
    SAID_CHANGE,
    SAID_STATE, // since: the version that it is to be of
    SAID_INVITE,
    SAID_CREATE, // forged: by a rule that there is not
    SAID_READ,   // since: up to there
    SAID_BAD,
};
enum token_kind { TOKEN_IS_NONE, TOKEN_IS_GOOD, TOKEN_IS_LATE, TOKEN_IS_FORGED };
// What a token of a room gives, or why it does not.
enum pass_kind { PASS_NONE, PASS_READS, PASS_SPEAKS, PASS_ELSEWHERE, PASS_OTHERS };
enum { SIM_LEEWAY_MS = 10000 };

struct asked {
    enum ask_kind kind;
    uint32_t id; // 0: none was given
    int room, from;
    uint32_t message;
    bool resume;
    enum token_kind token; // SAID_HELLO, SAID_REFRESH, and of a room SAID_JOIN, SAID_SWITCH, SAID_REFRESH:
    uint32_t info;         // what it shows (hands_token)
    enum pass_kind pass;   // of a room: what it gives,
    uint64_t ends_ms;      // and until when
    uint64_t
        freed_ms; // something about its room that may wait, and it behind that, was answered; 0: nothing was
    char invite[12];    // SAID_JOIN, SAID_SWITCH: the id of the invitation that it brings (invites.c),
    bool forged;        // with another secret;
    uint64_t invite_ms; // it is over then, by the wall clock; SAID_INVITE: it is to last so long
    bool presented;     // SAID_HELLO: it is the one that came with the request
    bool has_since, has_history;
    int since_epoch;
    uint64_t since;
    uint64_t read_before; // SAID_READ: the furthest that its user had asked for before
    uint32_t history;
    char letter; // SAID_RENAME: of the name asked for
    uint64_t at_ms;
    int passed_epoch; // members: where the room was when it was asked
    uint32_t passed;
};

// --- people

enum temper {
    TEMPER_HEALTHY,  // perfect network, reads at once: nothing bad may ever happen to it
    TEMPER_ORDINARY, // an ordinary bad network
    TEMPER_SLOW,     // reads a few bytes a second
    TEMPER_STALLING, // stops reading for long
    TEMPER_FLOODING, // sends more than is allowed
    TEMPER_HOSTILE,  // breaks every rule
    TEMPER_SILENT,   // connects and says nothing
    TEMPER_COUNT
};
// SPEAKS_JSON with `parcels`: in parcels (parcel.h); with `compact`: in Protocol Buffers (compact.h).
enum speech { SPEAKS_JSON, SPEAKS_TEXT_WS, SPEAKS_TEXT_LINE, SPEAKS_ECHO, SPEAKS_HTTP };
enum client_state { CLIENT_OFF, CLIENT_UPGRADING, CLIENT_OPEN, CLIENT_CLOSING };

// Where a client was in a room when its connection ended.
struct memory_of_room {
    bool was_in;
    int epoch;
    uint64_t offset;
};

// What one request of an HTTP client has published.
enum { SAID_REQUESTS = 64, SAID_BATCH_MAX = 3 };
struct said {
    uint32_t messages[SAID_BATCH_MAX];
    uint8_t n;
    bool batch;
    uint32_t once;    // which request with a key (retries.h)
    uint32_t revoked; // what it had revoked, counted from 1 (revoke.c)
};

struct client {
    uint32_t index;
    enum temper temper;
    enum speech speech;
    enum client_state state;
    struct sim_link *link;
    uint32_t connects, server;
    uint64_t next_connect_ms, next_act_ms, opened_ms;
    uint64_t stalled_until_ms;
    uint32_t read_credit, read_per_s; // bytes; 0 = no limit
    bool stopping;                    // says nothing new

    // Who it is.
    char name[40];
    char user[USER_ID_MAX + 1];
    char session[SESSION_ID_LEN + 1];
    char resume[RESUME_TOKEN_MAX + 1];
    uint64_t resume_ms; // not later than when the token was given
    bool welcomed, implicit_hello;
    uint64_t welcomed_ms;
    bool resumed; // a session that may still have had another connection
    bool drain_seen;
    enum token_kind presented;     // it came with the request of this connection
    bool known;                    // it has tokens
    uint32_t token;                // the last one by its number,
    uint64_t token_ms, granted_ms; // when that was issued, and the one that its session was made with
    uint32_t info_made;            // so many of these; each shows its number (hands_check_info),
    uint32_t presented_info;       // that of `presented`,
    uint32_t info, resume_info;    // of its session, and what comes back by `resume`
    uint32_t let_in;               // bits of rooms that it had a good token for,
    uint32_t muzzled;       // and of those in which it may have been let to read only, on this connection
    bool refused;           // one of them was, on this connection;
    uint64_t hello_said_ms; // what was said before this was nobody's then

    // The connection's reader.
    struct ws_decoder ws;
    struct deflated deflated;
    struct buf in;   // an HTTP head, a line or a message that is not whole
    bool in_control; // `control` is being put together
    struct buf control;
    struct buf out; // bytes on their way into the link
    char ws_accept[32];
    uint16_t close_code; // received; 0 = none
    bool close_sent, quit_sent, expects_close;
    uint64_t close_said_ms;        // when our close frame went on its way
    uint32_t ping_sent, ping_seen; // our own WebSocket pings
    bool compact;                  // SPEAKS_JSON in Protocol Buffers (compact.h),
    struct compact compact_talk;
    bool parcels;
    struct buf batch; // those that go into its next message
    uint16_t parcel_sent;
    uint32_t parcel_seen;
    bool goodbye; // the server has said it
    uint32_t echo_sent, echo_seen;
    uint32_t http_sent, http_seen;
    struct said said[SAID_REQUESTS]; // by number of request: what it published (backend.c)
    uint32_t said_last;              // message

    // What it waits for, and what it is in.
    struct asked asks[ASKS_MAX];
    uint32_t asks_from, asks_n;
    uint32_t next_id;
    uint64_t replied_ms; // when the last reply came
    uint64_t held_up_ms; // when the last reply came to a command that all behind it waited for
    struct seat seats[ROOMS_MAX];
    struct text_seat terminal;
    int text_joining; // room of the /join that is not answered; NONE
    int text_refused; // room of one that was answered by an error which may have been about something said before; NONE
    struct asked brought; // the invitation of that /join
    uint64_t
        invited_ms; // when the first /invite that is not answered was typed, by the wall; 0 = there is none
    uint64_t invite_ends_ms; // of the one that is being shown: it lasts until then at least
    struct memory_of_room memory[ROOMS_MAX];
    uint32_t *retry; // keyed messages that were not acked when the connection ended
    uint32_t retry_n, retry_cap;
};

#endif
