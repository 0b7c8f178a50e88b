// SPDX-License-Identifier: Apache-2.0
//
// hooks.h - what the server asks of and tells to the program that runs it.
//
// Thread: hooks are called by the shards' threads, several at a time, and io_notice by the watchdog's, too. What a notice
// points to is good during the call.
#ifndef PLENUM_IO_HOOKS_H
#define PLENUM_IO_HOOKS_H

#include "base/where.h"
#include <stdint.h>

struct buf;
struct notice;

// Something about the driver that is worth a log line.
enum io_notice_type {
    IO_NOTICE_FULL,      // warning; value = connections: a connection was refused for limits.connections
    IO_NOTICE_ADDRESS,   // info; peer: a connection was refused for the limit per address
    IO_NOTICE_FILES,     // error; value = errno: EMFILE or ENFILE, accepting pauses
    IO_NOTICE_ACCEPT,    // warning; value = errno: accept failed for another reason of ours, accepting pauses
    IO_NOTICE_TURN_SLOW, // warning; value = milliseconds that the turn took
    IO_NOTICE_TURN_HANGS,   // warning; value = milliseconds that it has lasted so far; where it stands
    IO_NOTICE_DRAIN_OVERRUN // warning; value = connections that were cut off
};
struct io_notice {
    enum io_notice_type type;
    uint32_t shard;
    uint64_t value;
    const char *peer;               // "" where there is none
    const struct where_spot *where; // NULL where it does not matter
};

struct server_hooks {
    void *ctx;
    void (*notice)(void *ctx, uint32_t shard, const struct notice *n);
    void (*io_notice)(void *ctx, const struct io_notice *n);
    void (*metrics_page)(void *ctx, struct buf *body);
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

#endif
