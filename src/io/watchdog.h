// SPDX-License-Identifier: Apache-2.0
//
// watchdog.h - reports a turn that does not end, while it lasts and with where it stands.
//
// A thread of its own looks at the `where` of every shard (base/where.h) once in limit_ms, and when a turn that it finds
// would have lasted that long. Such a turn is told, and told again whenever its time has doubled, so that an endless one is
// some lines and no flood: limit, 2, 4, 8 ... times the limit.
//
// It has to be a thread of its own: the main thread waits for the very shards in a drain and in a reload, and the helper
// of the log may hang on what the log is written to.
//
// Limits: a turn is told when it has lasted limit_ms, as far as the system lets the thread run. On an idle server that is
// ten looks a second by default, 0.1 % of a core.
// Thread: watchdog_limit_set by any; the rest by the thread that made it. `bark` is called by the watchdog's.
#ifndef PLENUM_IO_WATCHDOG_H
#define PLENUM_IO_WATCHDOG_H

#include "base/err.h"
#include "base/limits.h"
#include "base/where.h"

#include <pthread.h>

struct watchdog {
    void (*bark)(void *ctx, const struct where_spot *at, uint64_t ms);
    void *ctx;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; // of the two below
    pthread_cond_t changed;
    uint32_t limit_ms; // 0 = does not look
    bool stopping;
    uint32_t count;
    struct watched {
        struct where *where;
        uint64_t since_ns; // the turn that was told of last
        uint64_t next_ms;  // how long it must have lasted to be told again
    } watched[SHARDS_MAX];
};

void watchdog_init(struct watchdog *w, void (*bark)(void *ctx, const struct where_spot *at, uint64_t ms),
                   void *ctx);
// Before the start; the place outlives the watchdog.
void watchdog_add(struct watchdog *w, struct where *where);
void watchdog_limit_set(struct watchdog *w, uint32_t limit_ms);
// ERR_LIMIT: the system has no thread for it.
enum err watchdog_start(struct watchdog *w) WARN_UNUSED;
void watchdog_stop(struct watchdog *w); // its thread has ended; not started is fine
void watchdog_deinit(struct watchdog *w);

#endif
