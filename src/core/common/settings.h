// SPDX-License-Identifier: Apache-2.0
//
// settings.h - what the operator decides, as core sees it: one plain struct, filled from the config schema.
//
// The driver owns the struct and everything its pointers name; it outlives the shard. A reload hands in a new one
// (shard_settings_set); fields marked [start] are read once, at shard_create. Times are milliseconds, sizes
// bytes, and 0 means "no limit" only where it says so.
#ifndef PLENUM_CORE_SETTINGS_H
#define PLENUM_CORE_SETTINGS_H

#include "base/siphash.h"
#include "base/str.h"
#include "core/common/asset.h"
#include "core/common/bucket.h"
#include "core/common/rule.h"
#include "core/common/tenant.h"
#include "dialect/ways.h"
#include "wire/forwarded.h"

struct http_route;
struct keyring;

// Who may use the HTTP API (core/api). The secret itself is nowhere.
struct api_key {
    str name;
    uint8_t sha256[32]; // of the secret
    uint64_t rights;    // commands, bits of enum command_type (dialect/api.h)
    struct rate rate;   // of commands, over all shards
    const str *rooms;   // patterns (common/pattern.h) of the rooms that it is for; none: all
    size_t rooms_n;
    str caps; // not absent: it is what a token allows (auth/caps.h, api/token.c), and its rooms are there
};

struct settings {
    // The world this process is in. [start]
    uint32_t shard_count;            // 1..SHARDS_MAX
    struct siphash_key hash_key;     // keyed hashes: the same on every shard, secret, random at start
    uint8_t resume_key[32];          // HMAC-SHA256 key of resume tokens: the same on every shard and node
    const struct ways *ways;         // what is spoken here, and where (dialect/ways.h)
    const struct http_route *routes; // of modules, beside core's own (conn/route.h)
    size_t routes_n;
    const struct asset *assets; // the web pages
    size_t assets_n;
    const char *version;
    bool echo;                // serve /conformance/echo
    uint32_t expiry_grace_ms; // so long after its token has ended a session goes on
    bool query_token;         // a token may stand in the request target
    str token_cookie;         // the cookie that has a token; empty: none
    bool no_guests;           // who says hello without a token is refused
    str guest_caps; // what guests may, as a token's claim (auth/caps.h); absent: what the rooms' rules give
    struct keyring *
        keys; // that tokens are checked by (core/auth/keyring.h), held by whoever made it; NULL: there are none
    uint32_t
        verifiers; // [start] helpers that check tokens, at ports behind the engine's (core/mail/token.h), 0..VERIFIERS_MAX
    bool
        engine; // rooms' records are ordered by the engine at port_engine (core/mail/engine.h), which many nodes share

    bool store; // [start] there is one, at port_store_writes and port_store_reads (core/mail/store.h)
    uint64_t
        steady_from_ms; // [start] the steady clock is not behind that: the newest that a store has seen (dialect/entry.h)

    uint32_t audit; // [start] what the audit is told, bits of enum audit_kind (common/audit.h)

    // websocket.*
    struct mem *
        deflate; // [start] the part of memory (base/mem.h) that compression has on all shards; NULL: it is off
    size_t deflate_bytes; // [start] of it
    uint32_t
        deflate_slice_bytes; // of a large message that are deflated in a turn; 0 = as log/deflating.h has it
    uint32_t deflate_min_bytes; // what is shorter is not deflated

    // limits.*
    uint32_t connections_max;     // [start] per shard: size of the connection pool
    uint32_t message_bytes;       // largest message of a client, 1..MESSAGE_BYTES_CEILING
    uint32_t commands_per_s;      // per connection, 0 = no limit
    uint32_t commands_burst;      // commands one may send at once, >= 1
    struct rate signals;          // of one connection
    struct rate requests;         // HTTP requests of one connection
    uint32_t sessions_per_user;   // 0 = no limit
    struct rate user_commands;    // of a user, over all its connections,
    struct rate address_commands; // and of all that come from one address
    uint32_t reply_bytes;  // replies and directs waiting on one connection before it is paused or closed
    uint32_t handshake_ms; // accept to a complete HTTP request; also keep-alive idle time
    uint32_t hello_ms;     // upgrade to the first command (WebSocket)
    uint32_t close_ms;     // our close frame to the end of TCP
    uint32_t
        mail_credits; // [start] asks that one shard may have under way at another; 0 = as mailroom.h has it
    uint32_t slice_bytes; // of older frames that a home makes in a turn; 0 = as home_wait.c has it
    uint32_t turn_bytes;  // bytes read from one connection in one turn (driver's budget),
    uint32_t read_bytes;  // and no more than these at a time; 0 = turn_bytes

    // rooms.*
    uint32_t rooms_max;             // [start] rooms whose home is one shard
    struct rate rooms_connection;   // rooms a connection may make,
    struct rate rooms_user;         // all of a user's,
    struct rate rooms_address;      // and all users of an address
    uint32_t rooms_address_percent; // 1..100: of all shards' rooms, those made from one address
    uint32_t rooms_per_connection;  // >= 1
    uint32_t room_grace_ms;         // an empty room in which something was said is kept so long
    uint32_t member_grace_ms;       // a member without a session is kept (connected:false) so long
    uint32_t presence_exact_max;    // members up to which joins and leaves are told one by one
    uint32_t idempotency_ms;        // a `key` is remembered so long
    uint32_t idempotency_keys; // and at most so many of one user in one room, and in directs to one shard
    str text_room;             // where a text client is on connecting
    uint32_t
        hsts_s; // of answers over TLS: browsers are to come by TLS only for so long; 0 = nothing is said of it
    bool text_show_address; // its address is its name, also where it comes from another machine

    // rooms.*, log.*: what holds in a room where no rule says something else (rule.h)
    union {
        struct room_settings room;
        struct {
#define X(type, name) type name;
            ROOM_SETTINGS(X)
#undef X
        };
    };
    const struct room_rule *rules; // the first one that matches a room's name is its rule
    size_t rules_n;                // at most RULES_MAX

    // tenants: which ones, their names, prefixes and issuers [start]; and what they may use up
    const struct tenant *tenants;
    size_t tenants_n;              // at most TENANTS_MAX
    struct tenant_budget *budgets; // [start] one each, shared by all shards

    // heartbeat.*
    uint32_t heartbeat_ms;     // between pings
    uint32_t heartbeat_min_ms; // adaptive bounds
    uint32_t heartbeat_max_ms;
    uint32_t heartbeat_timeout_ms; // no pong or data for so long after a ping closes; 0 = 2 intervals
    bool heartbeat_adaptive;

    // drain.*: this shard's share
    uint32_t drain_batch;
    uint32_t drain_interval_ms;
    uint32_t drain_spread_ms; // clients' reconnect delays are spread over so long

    // Our own host names, see wire/host_name.h
    const str *names;
    size_t names_n;
    bool loopback_only; // [start] no listener can be reached from elsewhere

    // Proxies that are believed when they say for whom they speak, by their networks, and those that come by a Unix socket; and in
    // which field they say it.
    const struct ip_net *proxies;
    size_t proxies_n;
    bool proxies_unix;
    enum forwarded_field forwarded;

    // The HTTP API: its keys, at most API_KEYS_MAX; none: it is served on loopback only
    const struct api_key *api_keys;
    size_t api_keys_n;
    uint32_t api_body_bytes;        // the most of a request's body
    uint32_t api_batch_max;         // commands of a batch, 1..API_BATCH_MAX; 0 = API_BATCH_MAX
    uint32_t api_idempotency_keys;  // receipts of one key of the API (home/receipts.h),
    uint64_t api_idempotency_bytes; // and bytes of all that are kept as answers
    bool admin_only;                // the API and the metrics are served on server.admin only

    // origin patterns, see wire/origin.h
    const str *origins;
    size_t origins_n;

    uint32_t resume_ms; // a resume token is good for so long after it was issued
};

#endif
