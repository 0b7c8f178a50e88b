// SPDX-License-Identifier: Apache-2.0
//
// health.h - the body of GET /health: how the server is, as one JSON object for people, their tools and the admin page.
//
//      shards, helpers, keys, audit --health_gather--> struct health --health_put--> {"status":"ready", ...}
//
// The probes (/healthz, /readyz) say yes or no to whoever asks; this says why, to whoever may ask for `info`. What is in it is the
// operator's: numbers, names of his settings and his issuers, sentences of ours. No secret, and nothing that a user has written.
//
// Nobody is asked and nobody waits: a shard that hangs is in it like the others, by how long its turn has lasted.
//
// To add to it: a field of struct health, where it is gathered (health_gather.c) and put (health.c); a limit, a row in HEALTH_LIMITS; a
// warning, a row in HEALTH_WARNINGS; docs/ADMIN.md has them all.
//
// Thread: any; numbers may be of a moment ago.
#ifndef PLENUM_APP_HEALTH_H
#define PLENUM_APP_HEALTH_H

#include "app/audit_sink.h"
#include "app/metrics_page.h"
#include "base/buf.h"
#include "io/server.h"

enum {
    HEALTH_NEAR_PART = 5,        // of a bound there is left, or less: that is near it
    HEALTH_TURN_LONG_MS = 1000,  // a turn that lasts longer has all of that shard's people wait
    HEALTH_BUSY_EVERY_MS = 5000, // of what time `busy` tells, about: between two looks of the main thread
};

// Which counters are told: of each shard, and added up; of all shards, and of the audit.
// clang-format off
#define HEALTH_OF_SHARD(X) X(connections) X(sessions) X(rooms) X(members) X(memberships) X(log_bytes)
#define HEALTH_OF_ALL(X) \
    X(entries) X(passing) X(directs) X(deliveries) X(bytes_in) X(bytes_out) X(connections_accepted) X(http_requests) X(http_errors)
#define HEALTH_OF_AUDIT(X) X(seq) X(lines) X(missing) X(failures) X(waiting)
// clang-format on

// What is bounded: its name, and what it is a number of.
// clang-format off
#define HEALTH_LIMITS(X) \
    X(CONNECTIONS, connections) \
    X(ROOMS,       rooms)       /* of the shard that has the most, of what one may have */ \
    X(MEMORY,      memory)      /* bytes of server.memory_mb */ \
    X(FILES,       open_files)  /* of the process; sampled */ \
    X(REVOKED,     revocations)
// What an operator should know. X(name, whether it is so, what follows from it and what to do); `h` is a const struct health *, what is called is in health.c
#define HEALTH_WARNINGS(X) \
    X(api_without_key, h->api_keys == 0, \
      "Everyone on this machine may use the HTTP API and the admin page. Set PLENUM_API_KEY, which `plenum apikey` makes.") \
    X(guests_from_elsewhere, h->open && h->guests, \
      "Anyone who can reach this server may talk without a token (auth.guests).") \
    X(host_names_any, h->open && h->names == 0, \
      "The server answers to any host name, so that pages can reach it by theirs. Set server.names.") \
    X(connections_cut, h->connections_wanted > h->limits[HEALTH_CONNECTIONS].max, \
      "There are no files for as many connections as limits.connections says. Raise `ulimit -Hn`.") \
    X(shard_hangs, turn_ms_max(h) >= HEALTH_TURN_LONG_MS, \
      "A shard has been in one turn for over a second; the people on it wait. The log says where it stands (turn_hangs).") \
    X(limit_near, near(h), \
      "A limit is near its bound: see `limits`.") \
    X(keys_failed, keys_failed(h), \
      "An issuer's keys could not be fetched: see `keys`. Those that were fetched count for auth.jwks_stale_s.") \
    X(audit_missing, h->audit_on && h->audit.missing != 0, \
      "The audit has lost events: its file takes them too slowly, or not at all.") \
    X(log_lines_lost, h->log_lost != 0, \
      "Log lines were lost: stderr takes them too slowly, or not at all.")
// clang-format on

enum health_limit {
#define X(upper, lower) HEALTH_##upper,
    HEALTH_LIMITS(X)
#undef X
        HEALTH_LIMIT_COUNT
};

struct health_shard {
#define X(field) uint64_t field;
    HEALTH_OF_SHARD(X)
#undef X
    struct shard_look look;
    uint32_t busy_percent; // of the time of late
};

struct health_bound {
    uint64_t used, max; // max 0: it has none
};

struct health {
    bool unready;                           // leaving has been announced, or begun
    uint64_t time_ms, started_ms, since_ms; // since 1970; since when it is ready, or leaves
    const char *version;
    struct metrics_page *page; // totals
    uint32_t shards_n;
    struct health_shard shards[SHARDS_MAX];
    uint64_t resident_bytes, cpu_us;
    struct health_bound limits[HEALTH_LIMIT_COUNT];
    uint32_t verifiers_n;
    uint32_t verifier_waiting[VERIFIERS_MAX]; // tokens
    uint32_t keys_n;
    struct key_fetch_status keys[TOKEN_ISSUERS_MAX];
    bool audit_on;
    struct audit_stats audit;
    uint64_t log_lost;
    // What warnings are about.
    bool open, guests; // it can be reached from elsewhere; who has no token is let in
    size_t api_keys, names;
    uint32_t connections_wanted; // limits.connections; 0 = as many as there are files for
};

// What is known beside the shards; made once, before their threads run, and what is atomic is the main thread's to change.
struct health_source {
    struct metrics_page *page;
    struct server *server;
    uint32_t connections_wanted;
    uint64_t started_ms;
    _Atomic uint64_t leaving_ms; // 0: it stays
    struct health_pulse {
        _Atomic uint32_t busy_percent;
        uint64_t busy_us; // the main thread's: at its last look
    } pulses[SHARDS_MAX];
    uint64_t pulse_ns; // of that look
};

void health_source_init(struct health_source *from, struct metrics_page *page, struct server *server,
                        uint32_t connections_wanted);
// The main thread's: every HEALTH_BUSY_EVERY_MS or so; and when the server begins to leave.
void health_pulse(struct health_source *from);
void health_leaving(struct health_source *from);

void health_gather(struct health_source *from, const struct health_asked *asked, struct health *ret);
void health_put(const struct health *h, struct buf *out);

#endif
