// SPDX-License-Identifier: Apache-2.0
//
// limits.h - the limits that are fixed at build time, a line each, with what the limit bounds.
//
// Limits an operator may set are in the config schema (app/config_schema.h) and reach core as
// `struct settings`; the ceilings here hold whatever the configuration says.
#ifndef PLENUM_BASE_LIMITS_H
#define PLENUM_BASE_LIMITS_H

enum {
    SHARDS_MAX = 64,                  // threads; the width of a room's set of shards
    PORTS_MAX = SHARDS_MAX + 6,       // where mail goes: to shards, and behind them to an engine and helpers
    VERIFIERS_MAX = 3,                // of them, helpers that check tokens
    ROOM_NAME_MAX = 128,              // bytes; room index, log lines, URLs
    USER_ID_MAX = 64,                 // bytes; member and registry entries
    USER_NAME_MAX = 64,               // bytes; every entry carries it
    COMMAND_ID_MAX = 64,              // bytes of `id`; kept while a command is under way
    MESSAGE_KEY_MAX = 64,             // bytes of `key`
    CONTENT_TYPE_MAX = 127,           // bytes of the content type of data that is no JSON
    SPEAKERS_MAX = 256,               // of a room: whose numbers are known (core/log/speakers.h)
    SIGNAL_DATA_MAX = 4096,           // bytes of a signal's `data`; one waits per sender and room
    TOKEN_MAX = 16 * 1024,            // bytes of a JWT: refused before any cryptography looks at it
    TOKEN_CLAIMS_MAX = 64,            // claims of a token; looking for duplicates is quadratic in them
    TOKEN_ISSUERS_MAX = 32,           // issuers of tokens that one may configure,
    TOKEN_KEYS_MAX = 64,              // keys of each,
    TOKEN_KEYS_FETCHED_MAX = 48,      // those among them that were fetched,
    TOKEN_AUDIENCES_MAX = 16,         // and audiences
    TOKEN_TRIES_MAX = 4,              // keys that a token without `kid` is tried with
    TOKEN_ID_MAX = 128,               // bytes of `jti`; revocations name it
    CERTIFICATE_ID_MAX = 69,          // bytes: "x509:" and a SHA-256 in hexadecimal; likewise
    REVOCATIONS_MAX = 16 * 1024,      // users and tokens that are revoked: about 80 bytes each on each shard
    USER_INFO_MAX = 1024,             // bytes of a token's `info`; members and entries carry it
    USER_CAPS_MAX = 4096,             // bytes of what a token's `caps` become (core/auth/caps.h)
    ISSUER_NAME_MAX = 64,             // bytes of what the operator calls an issuer
    PAGE_CURSOR_MAX = 256,            // bytes of `after`; ours are at most a room's name
    RESUME_TOKEN_MAX = 8000,          // bytes; a hello that carries one
    SESSION_ID_LEN = 22,              // base64url of 128 bits
    HTTP_HEAD_MAX = 16 * 1024,        // bytes of request line and header fields (431 beyond)
    HTTP_TARGET_MAX = 8 * 1024,       // bytes of the request target (414 beyond)
    HTTP_FIELDS_MAX = 64,             // header fields (431 beyond)
    HTTP_BODY_MAX = 64 * 1024,        // bytes of a request body that nobody wants (413 beyond)
    HTTP_CHUNKS_MAX = 16 * 1024,      // bytes around the chunks of a body, trailers too (413 beyond)
    JSON_DEPTH_MAX = 64,              // nesting of a JSON text; bounds the validator's bit stack
    JSON_KEYS_MAX = 32,               // top-level keys of a command; duplicates are looked for among them
    MESSAGE_BYTES_CEILING = 64 << 20, // the most limits.message_bytes may be
    API_BATCH_MAX = 1000,             // commands of one `batch` of the HTTP API, however api.batch_max is set
    BROADCAST_ROOMS_MAX = 1000,       // rooms of one `broadcast`
    API_KEYS_MAX = 64,                // keys of the HTTP API: each request is compared with all of them
    API_TRACE_MAX = 128,              // bytes of X-Request-Id and traceparent that are given back
    BATCH_COMMANDS_MAX = 256,         // commands of one message, where a language batches
    HELLO_ROOMS_MAX = BATCH_COMMANDS_MAX - 1, // rooms of one hello, each a join behind it
    CONTROL_PAYLOAD_MAX = 125,                // RFC 6455 section 5.5
    MESSAGE_RATE_MIN = 240,        // bytes/s of a message that is begun; IIS and Kestrel ask it of bodies
    MESSAGE_LOOK_MS = 30 * 1000,   // over so long at least (core/conn/heartbeat.c)
    NOISE_PER_S = 100,             // frames and lines that say nothing (core/edge/gate.c), sustained
    NOISE_BURST = 1000,            // and at once; the next one closes with 1008
    MEMBER_SESSIONS_MAX = 1024,    // sessions of one user in one room
    ADDRESS_ROOMS_MIN = 32,        // rooms of one address, however small its share of limits.rooms is
    WAITING_OPEN_MAX = 8,          // joins and pages of history that one connection has under way
    WAITING_COMMANDS_MAX = 64,     // of one connection that wait for an earlier one, while others go on,
    WAITING_BYTES_MAX = 64 * 1024, // and their bytes; beyond either it is not read
    ROLE_NAME_MAX = 16,            // bytes of a role's name
    RULE_NAME_MAX = 32,            // bytes of the name of a rule of rooms
    CONFLATE_KEY_MAX = 64,         // bytes of `conflate`
    REACTION_MAX = 64,             // bytes of what one reacts with
    REACTIONS_MAX = 1000,          // reactions to one message that hold,
    REACTION_KINDS_MAX = 32,       // of so many kinds
    READS_MAX = 10000,             // people of one room of whom it is known how far they have read
    REASON_MAX = 256,        // bytes of why somebody was kicked, banned, muted; all who are there are told
    SECONDS_MAX = 315360000, // ten years: of bans and mutes that end, and of slow mode
    STANDING_MAX = 1000,     // people of one room who have a role, a ban or a mute; then others are refused
    STANDING_SPEAKERS_MAX = 1024,              // slow mode remembers so many who have spoken last
    STATE_KEY_MAX = 128,                       // bytes of a key of a room's state,
    STATE_KEY_RAW_MAX = 2 + 6 * STATE_KEY_MAX, // as JSON: with quotes, and each of them as an escape
    STATE_CHANGES_MAX = 256,   // keys that one command changes: looking for duplicates is quadratic in them
    STATE_KEYS_CEILING = 4096, // the most rooms.state_keys_max may be,
    STATE_BYTES_CEILING = 1 << 20, // and rooms.state_bytes_max: whoever comes in is sent all of it
    INVITATION_ID_LEN = 8,         // base64url of 48 bits: it tells the invitations of a room apart
    INVITATION_USES_MAX = 10000,   // how often one invitation to a room may be used
    INVITATIONS_CEILING = 1000,    // the most rooms.invitations_max may be: `invites` lists all of them
    LIST_LIMIT_MAX = 1000,         // rows of one `members`, `history` or `rooms` reply
    LIST_LIMIT_DEFAULT = 100,
};

#endif
