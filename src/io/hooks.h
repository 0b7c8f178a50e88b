// SPDX-License-Identifier: Apache-2.0
//
// hooks.h - what the server asks of and tells to the program that runs it.
//
// Thread: hooks are called by the shards' threads, several at a time, and io_notice by the watchdog's and by who fetches keys, too. What a notice
// points to is good during the call.
#ifndef PLENUM_IO_HOOKS_H
#define PLENUM_IO_HOOKS_H

#include "base/str.h"
#include "base/where.h"
#include <stdint.h>

struct audit_event;
struct buf;
struct health_asked;
struct notice;

// Something about the driver that is worth a log line: its name there, its level, the name of its value.
// clang-format off
#define IO_NOTICES(X) \
    X(FULL,          connections_full, WARN,  "connections") /* a connection was refused for limits.connections */ \
    X(ADDRESS,       address_refused,  INFO,  NULL)          /* peer: a connection was refused for the limit per address */ \
    X(PACE,          connects_refused, INFO,  NULL)          /* peer: likewise, for how often they come from an address */ \
    X(PROXY,         proxy_refused,    WARN,  NULL)          /* peer: a connection on a listener for proxies; text: why */ \
    X(STORE,         store_trouble,    WARN,  NULL)          /* text: it is away, it is there again, or what it does not take */ \
    X(FILES,         files_exhausted,  ERROR, "errno")       /* EMFILE or ENFILE, accepting pauses */ \
    X(ACCEPT,        accept_failed,    WARN,  "errno")       /* accept failed for another reason of ours, accepting pauses */ \
    X(TURN_SLOW,     turn_slow,        WARN,  "ms")          /* that the turn took */ \
    X(TURN_HANGS,    turn_hangs,       WARN,  "ms")          /* that it has lasted so far; where it stands */ \
    X(DRAIN_OVERRUN, drain_overrun,    WARN,  "connections") /* that were cut off */ \
    X(KEYS_CHANGED,  keys_changed,     INFO,  "keys")        /* name: an issuer whose URL has other keys; text: their names */ \
    X(KEYS_FAILED,   keys_not_fetched, WARN,  "retry_ms")    /* name: an issuer; text: why not */ \
    X(KEYS_BACK,     keys_fetched,     INFO,  "keys")        /* likewise, again */ \
    X(KEYS_LEFT_OUT, keys_left_out,    WARN,  "keys")        /* likewise, as there are more than are taken */ \
    X(KEYS_OUTDATED, keys_outdated,    ERROR, "age_s")       /* likewise: its keys count no longer, as it does not answer */
// clang-format on

enum io_notice_type {
#define X(upper, lower, level, value) IO_NOTICE_##upper,
    IO_NOTICES(X)
#undef X
        IO_NOTICE_COUNT
};
#define IO_NO_SHARD UINT32_MAX
struct io_notice {
    enum io_notice_type type;
    uint32_t shard; // IO_NO_SHARD: none
    uint64_t value;
    const char *peer;               // "" where there is none
    const struct where_spot *where; // NULL where it does not matter
    str name, text;                 // absent where there is none
};

struct server_hooks {
    void *ctx;
    void (*notice)(void *ctx, uint32_t shard, const struct notice *n);
    void (*io_notice)(void *ctx, const struct io_notice *n);
    void (*metrics_page)(void *ctx, struct buf *body);
    void (*health_page)(void *ctx, const struct health_asked *asked, struct buf *body);
    void (*audit)(void *ctx, uint32_t shard, uint64_t wall_ms,
                  const struct audit_event *e); // NULL: nobody wants it
};

// One shard's way to io_notice.
struct reporter {
    const struct server_hooks *hooks;
    uint32_t shard;
};

static inline void report(const struct reporter *r, enum io_notice_type type, uint64_t value,
                          const char *peer)
{
    struct io_notice n = {.type = type, .shard = r->shard, .value = value, .peer = peer};
    if (r->hooks->io_notice)
        r->hooks->io_notice(r->hooks->ctx, &n);
}

// The same, with why.
static inline void report_why(const struct reporter *r, enum io_notice_type type, const char *peer,
                              const char *why)
{
    struct io_notice n = {.type = type, .shard = r->shard, .peer = peer, .text = str_from_cstr(why)};
    if (r->hooks->io_notice)
        r->hooks->io_notice(r->hooks->ctx, &n);
}

#endif
