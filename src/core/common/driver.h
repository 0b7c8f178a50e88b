// SPDX-License-Identifier: Apache-2.0
//
// driver.h - words that core and whoever drives it (io, sim) share: bytes to write, peers, what is worth a log line, and
// what core asks of its driver. The calls are in shard/shard.h.
#ifndef PLENUM_CORE_COMMON_DRIVER_H
#define PLENUM_CORE_COMMON_DRIVER_H

#include "base/err.h"
#include "base/str.h"
#include "dialect/ways.h"
#include "wire/ip.h"

struct audit_event;
struct buf;
struct entry;
struct settings;

// Bytes to write. Same layout as struct iovec (asserted in io).
struct span {
    const void *p;
    size_t n;
};
enum { SPANS_MAX = 64 }; // most spans one shard_output gives

// A peer's address as text, "127.0.0.1:51234" or "[::1]:51234", and what it counts as: a hash of it without the port
// (IPv4 whole, IPv6 /64) under a secret key, the same on every shard; 0 = unknown, and not counted.
struct peer {
    char text[56];
    uint32_t print;
    bool uncounted; // for want of memory: it may only be a guest (core/conn/reserve.h)
    bool
        local; // it is on this machine, and so is all that can reach its listener; and it speaks for nobody else
    bool
        proxy; // it is a proxy that is believed: its requests say for whom it speaks (server.trusted_proxies)
    bool secure; // it speaks through TLS: pages of its are https
};

// Who a peer is by the certificate that it has shown in its handshake: what a token would say (core/auth/verify.h).
struct certificate {
    str user; // 1 to USER_ID_MAX bytes, valid as a user's name (dialect/dialect.h) and no guest's
    str id; // 1 to CERTIFICATE_ID_MAX bytes, by which it can be revoked: "x509:" and the SHA-256 of all of it
    uint64_t issued_ms, expires_ms; // wall: its notBefore and notAfter
};

// Something worth a log line: its name there, its level, the name of its subject, and what it carries beside that. Strings
// borrow for the duration of the call and hold peers' bytes: escape them.
// clang-format off
#define NOTICES(X) \
    X(CONNECTION_OPENED, connection_opened, DEBUG, NULL) \
    X(CONNECTION_CLOSED, connection_closed, DEBUG, NULL)     /* text = reason, code = close code or 0 */ \
    X(SESSION_STARTED,   session_started,   DEBUG, NULL)     /* user, name */ \
    X(CERTIFICATE,       certificate,       DEBUG, "id")     /* a session began by a client's certificate */ \
    X(HOST_REFUSED,      host_refused,      INFO,  "host")   /* subject = the Host field */ \
    X(API_REFUSED,       api_refused,       INFO,  NULL)     /* code = HTTP status, text = which rule */ \
    X(UPGRADE_REFUSED,   upgrade_refused,   INFO,  "origin") /* code = HTTP status, text = reason, subject = the Origin */ \
    X(PROTOCOL_ERROR,    protocol_error,    INFO,  NULL)     /* code = close code, text = reason */ \
    X(RATE_LIMITED,      rate_limited,      INFO,  NULL)     /* closed after repeated violations */ \
    X(SLOW_READER,       slow_reader,       INFO,  NULL)     /* room, a gap or a disconnect */ \
    X(JOINED,            joined,            DEBUG, NULL)     /* room */ \
    X(LEFT,              left,              DEBUG, NULL)     /* room, text = how */ \
    X(COMMAND_ERROR,     command_error,     DEBUG, NULL)     /* text = the code of the error, room where it is about one */ \
    X(DENIED,            denied,            INFO,  NULL)     /* somebody has not the right: text = the code of the error, room */ \
    X(DECREED,           decreed,           INFO,  "about")  /* text = what was decided, room; subject = whom it is about */ \
    X(ROOM_CREATED,      room_created,      DEBUG, NULL)     /* room */ \
    X(ROOM_REMOVED,      room_removed,      DEBUG, NULL)     /* room */ \
    X(WRONG_PROTOCOL,    wrong_protocol,    INFO,  NULL)     /* another protocol than the port takes: text = which */ \
    X(TOKEN_REFUSED,     token_refused,     INFO,  "why")    /* text = bad or expired */ \
    X(RESUME_REFUSED,    resume_refused,    INFO,  NULL)     /* text = why: such a secret opens no session of who has it */ \
    X(REVOKED,           revoked,           INFO,  "why")    /* text = whose tokens, user; why, as the backend says */ \
    X(MEMORY,            memory_refused,    ERROR, NULL)     /* an allocation was refused: text = what for */ \
    X(RECORD_REFUSED,    record_refused,    ERROR, NULL)     /* what an engine says is no record: text = why, room */ \
    X(ROOM_DAMAGED,      room_damaged,      ERROR, NULL)     /* what a store has of a room is not as it was written: text = what, room */ \
    X(EPOCH_ENDED,       epoch_ended,       WARN,  NULL)     /* a room goes on in another one: text = why, room */
// clang-format on

enum notice_type {
#define X(upper, lower, level, subject) NOTICE_##upper,
    NOTICES(X)
#undef X
        NOTICE_COUNT
};
struct notice {
    enum notice_type type;
    uint32_t connection; // UINT32_MAX = none
    uint32_t code;
    const char *text; // static
    str peer, user, session, room;
    str subject; // what it is about, as the peer wrote it
};

// Something got its place in a room, or a connection begins to hear the room behind that place, or (neither) a room whose
// records are ordered by an engine begins to be here. A record that was there before its epoch began is in the log, and has no place.
struct sighting {
    str room, epoch;
    uint64_t place;            // of the entry; of the last one that the connection does not hear
    uint64_t tail;             // of the log
    const struct entry *entry; // or
    bool unheard;              // it has no place
    bool joined;               // a connection:
    uint32_t shard, conn, gen; // which
    str user;                  // and whose
};

// What is known to the shard that is asked how the server is; the rest its driver knows.
struct health_asked {
    const struct settings *settings; // in force here
    uint64_t wall_ms;
    bool unready; // leaving has been announced
};

// What a shard asks of its driver while a call is running.
struct shard_host {
    void *ctx;
    void (*random)(void *ctx, void *p, size_t n); // as good as getrandom(2); never fails
    void (*notice)(void *ctx, const struct notice *n);
    // Body of GET /metrics, appended to body (text/plain; version=0.0.4).
    void (*metrics_page)(void *ctx, struct buf *body);
    // Body of GET /health, appended to body: one JSON object.
    void (*health_page)(void *ctx, const struct health_asked *asked, struct buf *body);
    // NULL, or told of all that happens in the rooms whose home is here, in order: for checkers.
    void (*witness)(void *ctx, const struct sighting *s);
    // Where HTTP is spoken, for those who knock at the text port; 0 = nowhere. Set before the first turn.
    uint16_t http_port;
    // NULL, or told of what settings->audit wants (common/audit.h), when it has happened, in order.
    void (*audit)(void *ctx, uint64_t wall_ms, const struct audit_event *e);
    // NULL, or counts a connection of a proxy, which counts for no address until then, for the one it speaks for. ERR_LIMIT: there are
    // too many from there.
    enum err (*count)(void *ctx, uint32_t conn, const struct ip *from);
};

#endif
