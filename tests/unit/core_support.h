// SPDX-License-Identifier: Apache-2.0
//
// core_support.h - one to three shards in memory, with clients that keep what they were sent: the driver of the tests
// of the core layer.
//
//      client --in--> shard 0 <==mail==> shard 1 ...        time is virtual, sockets take as many bytes as a test says
//      client <-rx---'
//
//     struct net *n = net_new(2);
//     n->settings.rooms_max = 3;             // before net_start
//     net_start(n);
//     struct client *a = net_ws(n, 0, "/ws");
//     say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
//     expect(a, "\"type\":\"welcome\"");      // the next message, which must contain this
//     net_free(n);                           // checks the shards and that all memory came back
//
// Everything a client is sent is parsed as it comes: messages (WebSocket texts, or lines) queue up for expect(), control
// frames are counted. Where permessage-deflate was agreed (net_ws_with), messages that come deflated are inflated by zlib itself, through
// the window that was agreed. An error must have a code that the row of its command names. A client answers pings and close frames, and closes its side after ours, unless told not to.
//
// Failing allocations: net_fail_after and friends. An essential allocation (base/mem.h) is never made to fail; the
// probe of net_fail_burst tells which ones those are.
#ifndef PLENUM_UNIT_CORE_SUPPORT_H
#define PLENUM_UNIT_CORE_SUPPORT_H

#include "base/prng.h"
#include "core/shard/shard_parts.h"
#include "unit/support.h"

enum { NET_SHARDS_MAX = 3, NET_CLIENTS_MAX = 512, NET_CONNS_MAX = 256, NET_DUE_NOW = 100000 };

struct bytes {
    char *p; // malloc's, so that AddressSanitizer sees the edges
    size_t n, cap;
};
void bytes_put(struct bytes *b, const void *p, size_t n);
void bytes_free(struct bytes *b);

struct message {
    size_t from, n; // in rx
    uint8_t opcode; // WS_TEXT for lines
};

struct client {
    struct net *net;
    uint32_t shard, conn;
    bool line, upgraded;
    uint8_t window;    // permessage-deflate was agreed, and ours is of so many bits; 0: it was not
    uint32_t deflated; // messages that came so
    // Its manners.
    bool no_pong, no_close, no_eof;
    bool stalled;    // its socket takes nothing
    bool holds;      // its channel takes all, and has not sent it
    size_t take_max; // bytes its socket takes of one write; SIZE_MAX = all
    // What it was sent.
    struct bytes rx;
    size_t parsed;
    struct message *messages;
    size_t message_n, message_cap, message_at;
    uint32_t pings, pongs, closes, writes;
    uint16_t close_code;
    bool shut, closed, abortive, refused;
    uint64_t ping_ms[64];
    uint64_t shut_ms, closed_ms;
    // What it said lately, by which errors are held to the rows of their commands (dialect/command.h).
    struct {
        char id[24]; // as it stands on the wire
        uint8_t type;
    } asked[64];
    uint32_t asked_n;
    // Under way to the shard.
    struct bytes in;
    bool paused, blocked, eof, eof_told;
    // Of its welcome.
    char user[USER_ID_MAX + 1], session[SESSION_ID_LEN + 1], resume[RESUME_TOKEN_MAX + 1];
};

struct net {
    struct test_mem t;
    struct mem mem;
    struct settings settings;
    struct shard_host host;
    struct prng dice;
    uint32_t shards;
    struct shard *sh[NET_SHARDS_MAX];
    uint64_t now_ms, wall_ms;
    const char *peer_host; // where the next clients come from
    struct mail *box_head[NET_SHARDS_MAX][NET_SHARDS_MAX], *box_tail[NET_SHARDS_MAX][NET_SHARDS_MAX];
    bool hold[NET_SHARDS_MAX][NET_SHARDS_MAX]; // [from][to]: this mailbox is not emptied
    uint32_t mail_max;                         // mails a shard takes from one mailbox in a turn; 0 = all
    size_t read_max;                           // bytes a shard reads from one connection in a turn; 0 = all
    uint32_t write_max;                        // writes a shard does in a turn; 0 = all
    bool jam[NET_SHARDS_MAX][NET_SHARDS_MAX];  // this one takes nothing: mail stays in the outbox
    struct client *clients[NET_CLIENTS_MAX];
    uint32_t client_n;
    struct client *by_conn[NET_SHARDS_MAX][NET_CONNS_MAX];
    uint32_t print; // of the address that connections come from
    bool local;     // and whether that is this machine
    bool secure;    // and whether they come through TLS
    bool proxy;     // or a proxy that is believed
    uint32_t notices[NOTICE_COUNT];
    // Failing by budget, see net_fail_burst.
    struct mem_backend under;
    uint64_t burst_at, refused_before;
    bool burst_armed, burst_essential, burst_stays;
    // All blocks that are out, where it is watched: see net_holds.
    bool watched;
    struct held {
        const char *p;
        size_t n;
    } * held;
    size_t held_n, held_cap;
};

struct net *net_new(uint32_t shards); // settings have their defaults, nothing runs yet
void net_start(struct net *n);
struct net *net_running(uint32_t shards); // both, with the defaults
void net_free(struct net *n);             // checks, destroys, and fails the test where memory is left
void net_destroy(struct net *n);          // the same without checking the shards first
void net_check(struct net *n);

// One turn of a shard; true if anything moved.
bool net_turn(struct net *n, uint32_t shard);
void net_settle(struct net *n);                    // turns until nothing moves, at the same instant
void net_wait(struct net *n, uint64_t ms);         // settles, lets time pass, with turns when due
uint64_t net_metric(struct net *n, size_t offset); // summed over shards
#define METRIC(n, field) net_metric((n), offsetof(struct metrics, field))

// The burst: after the k-th request from now the budget refuses everything until net_fail_end, or until memory is
// given back. Returns through n->burst_essential whether request k + 1 was one that must not fail (it did not).
void net_fail_burst(struct net *n, uint64_t k);
void net_fail_from(struct net *n, uint64_t k); // the same, but until net_fail_end
void net_fail_one(struct net *n, uint64_t k);  // request k alone; it must not be an essential one
void net_fail_end(struct net *n);
// Wherever memory ends while `act` is carried out, in a new net each time, which has one request for it more: `done` says whether it has
// happened, and fails the test where that is but a part of it. Until it has, a few times.
void net_fail_anywhere(struct net *(*begin)(void), void (*act)(struct net *), bool (*done)(struct net *));

// Whether a text stands anywhere in memory. n->watched is set before net_start.
bool net_holds(const struct net *n, const char *text);

// A room whose home is that shard: "room<i>..."; static storage for 16 at a time.
const char *net_room(const struct net *n, uint32_t shard, uint32_t i);
uint32_t net_room_index(const struct net *n, const char *room, uint32_t *ret_shard);
struct room *net_room_at(const struct net *n, const char *room); // NULL when it is gone
struct conn *client_conn(const struct client *c);
// The same block as the edge sees it, and as fan-out does.
static inline struct asker *client_asker(const struct client *c) { return &client_conn(c)->asker; }
static inline struct reader *client_reader(const struct client *c) { return &client_asker(c)->reader; }

struct client *net_accept(struct net *n, uint32_t shard, enum transport transport); // NULL-safe: see refused
struct client *net_ws(struct net *n, uint32_t shard, const char *path);             // upgraded
// The handshake of its TLS is over; shown: who it is by its certificate, NULL = nobody.
void net_secured(struct client *c, const struct certificate *shown);
// By a request with more fields, each with its CR LF.
struct client *net_ws_with(struct net *n, uint32_t shard, const char *path, const char *fields);
struct client *net_json(struct net *n, uint32_t shard); // upgraded, and has said hello
struct client *net_line(struct net *n, uint32_t shard); // what it hears at first is dropped
// Queues bytes; they are read in the next turn of its shard. send_* and say settle, post_* do not.
void post_bytes(struct client *c, const void *p, size_t n);
void post_frame(struct client *c, uint8_t opcode, bool fin, str payload);
void net_deflate(struct net *n, struct mem *part); // before net_start: websocket.deflate is on
__attribute__((format(printf, 2, 3))) void post(struct client *c, const char *format,
                                                ...); // a text message, or line
__attribute__((format(printf, 2, 3))) void say(struct client *c, const char *format, ...);
void send_bytes(struct client *c, const char *bytes);
void net_serve_api(struct net *n); // before net_start: to whoever is on this machine, which all are
// A command of the HTTP API on a connection of its own, with these fields in its head, each with its end of line; what is answered.
struct client *api_call(struct net *n, uint32_t shard, const char *command, const char *fields,
                        const char *body);
void api_answers(const struct client *c, const char *status, const char *part);
void api_says(struct net *n, const char *command, const char *body, const char *status,
              const char *part); // both, to shard 0, which is left
void hang_up(struct client *c);  // end of file
void cut(struct client *c);      // reset

// A command of a member as its edge would ask it, by a token that allows so much in the room (home/rights.h).
void net_ask(struct client *c, const struct command *cmd, uint32_t grant);
// Somebody gets a role in a room that c is in, from the server.
void net_give(struct client *c, const char *room, const char *user, const char *role);

// The next message; absent when there is none.
str hear(struct client *c);
// The next message, which must contain the text; a count of %-less parts is asked for by calling again.
#define expect(c, part) expect_at((c), (part), __FILE__, __LINE__)
#define expect_nothing(c) expect_nothing_at((c), __FILE__, __LINE__)
str expect_at(struct client *c, const char *part, const char *file, int line);
void expect_nothing_at(struct client *c, const char *file, int line);
void forget(struct client *c); // drops what was not heard yet
void forget_all(
    struct net *n); // that of everybody, once nothing is on its way any more; and how much of it was deflated
bool contains(str s, const char *part);
uint64_t number_of(str message, const char *key); // of "key":123; UINT64_MAX without it
void string_of(str message, const char *key, char *ret, size_t cap);

#endif
