// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a timer of the kernel per turn (two system calls in each), a signal to the thread that hangs (it interrupts
// what is innocent, too), a look by the shards at each other (with one shard there is nobody).
#include "io/watchdog.h"

#include "base/assert.h"
#include "io/clock.h"
#include "io/thread.h"

#include <time.h>

void watchdog_init(struct watchdog *w, void (*bark)(void *ctx, const struct where_spot *at, uint64_t ms),
                   void *ctx)
{
    *w = (struct watchdog){.bark = bark, .ctx = ctx};
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void watchdog_add(struct watchdog *w, struct where *where)
{
    ASSERT(!w->started && w->count < SHARDS_MAX);
    w->watched[w->count++].where = where;
}

void watchdog_limit_set(struct watchdog *w, uint32_t limit_ms)
{
    pthread_mutex_lock(&w->lock);
    w->limit_ms = limit_ms;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

// Tells of its turn where that is due. Returns in how many milliseconds to look again at the latest. A turn is known by
// when it began.
static uint64_t look_at(struct watchdog *w, struct watched *one, uint32_t limit_ms)
{
    struct where_spot at;
    if (!where_look(one->where, &at) || at.since_ns == 0)
        return limit_ms; // what begins from now on has not lasted so long before
    if (at.since_ns != one->since_ns) {
        one->since_ns = at.since_ns;
        one->next_ms = limit_ms;
    }
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t ms = now_ns > at.since_ns ? (now_ns - at.since_ns) / 1000000u : 0;
    if (ms >= one->next_ms) {
        while (one->next_ms <= ms)
            one->next_ms *= 2;
        w->bark(w->ctx, &at, ms);
    }
    uint64_t left_ms = one->next_ms - ms;
    return left_ms < limit_ms ? left_ms : limit_ms; // the next turn may begin at once
}

static uint64_t look(struct watchdog *w, uint32_t limit_ms)
{
    uint64_t pause_ms = limit_ms;
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t left_ms = look_at(w, &w->watched[i], limit_ms);
        pause_ms = left_ms < pause_ms ? left_ms : pause_ms;
    }
    return pause_ms;
}

// Until then, or until something has changed.
static void pause_for(struct watchdog *w, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + ms * 1000000u;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    pthread_cond_timedwait(&w->changed, &w->lock, &until);
}

static void *watchdog_run(void *watchdog)
{
    struct watchdog *w = watchdog;
    pthread_setname_np(pthread_self(), "watchdog");
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        uint32_t limit_ms = w->limit_ms;
        if (limit_ms == 0) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock); // a bark may take its time
        uint64_t pause_ms = look(w, limit_ms);
        pthread_mutex_lock(&w->lock);
        if (!w->stopping && w->limit_ms == limit_ms)
            pause_for(w, pause_ms);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum err watchdog_start(struct watchdog *w)
{
    ASSERT(!w->started);
    w->started = thread_start(&w->thread, THREAD_SMALL_STACK, watchdog_run, w);
    return w->started ? OK : ERR_LIMIT;
}

void watchdog_stop(struct watchdog *w)
{
    if (!w->started)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->started = false;
}

void watchdog_deinit(struct watchdog *w)
{
    ASSERT(!w->started);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}
