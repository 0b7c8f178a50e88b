// SPDX-License-Identifier: Apache-2.0
//
// One lock for everything, held for as long as it takes to look or to make a keyring, and never over a fetch or while a set is read.
//
// Rejected: a job of a shared helper for each fetch (a helper does one job after the other, and an issuer that does not answer takes
// ten seconds), a thread per issuer (16 for what is done every ten minutes).
#include "io/key_fetcher.h"

#include "base/assert.h"
#include "base/prng.h"
#include "io/clock.h"
#include "io/http_get.h"
#include "io/key_store.h"
#include "io/libcurl.h"
#include "io/random.h"
#include "io/thread.h"
#include "io/verifiers.h"

#include <signal.h>

enum {
    WAIT_MAX_MS = 60000,     // of the thread, so that nothing rests on one wake-up
    STOPPED_RETRY_MS = 1000, // nobody fetches: who wants a key may find another server then
};

struct key_fetcher {
    struct mem *mem;
    pthread_mutex_t lock; // of what follows
    struct key_store store;
    bool started, running, stopping;
    // The thread's own.
    struct mem thread_mem;
    struct http_getter *getter;
    pthread_t thread;
    struct prng dice;
    uint64_t fetches; // numbers given out
    uint32_t under_way;
    struct key_set *set; // the one that is being read
};

static uint64_t now_ms(void) { return clock_monotonic_ns() / 1000000; }

// ---- the thread

static void on_fetched(void *ctx, uint64_t fetch, const struct http_got *got)
{
    struct key_fetcher *f = ctx;
    const char *why = got->status == 200   ? key_set_read(got->body, f->set)
                      : got->status == 304 ? NULL
                                           : got->why;
    ASSERT(f->under_way > 0);
    f->under_way--;
    pthread_mutex_lock(&f->lock);
    struct key_origin *o = key_store_origin(&f->store, fetch);
    if (o != NULL && why == NULL)
        key_store_good(&f->store, o, got, f->set, now_ms(), prng_next(&f->dice));
    else if (o != NULL)
        key_store_bad(&f->store, o, why, now_ms(), prng_next(&f->dice));
    key_store_check(&f->store);
    pthread_mutex_unlock(&f->lock);
    key_set_clear(f->set);
    verifiers_look(f->store.verifiers);
}

// False: it could not even be begun.
static bool fetch_begin(struct key_fetcher *f, struct key_origin *o)
{
    const struct http_want want = {.url = o->url,
                                   .ca_file = o->ca_file,
                                   .etag = o->when.known ? str_make(o->etag, o->etag_n) : STR_NONE};
    key_source_begin(&o->when);
    if (http_get_begin(f->getter, &want, f->fetches + 1) != OK) {
        key_store_bad(&f->store, o, "no memory to ask for them", now_ms(), prng_next(&f->dice));
        return false;
    }
    o->fetch = ++f->fetches;
    f->under_way++;
    return true;
}

// Begins what is due and drops what is too old. *ret_ms: for how long there is nothing else to do. False: it is over.
static bool look(struct key_fetcher *f, uint32_t *ret_ms)
{
    pthread_mutex_lock(&f->lock);
    struct key_store *ks = &f->store;
    uint64_t now = now_ms(), next = now + WAIT_MAX_MS;
    bool others = ks->unmade, failed = false;
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++) {
        struct key_origin *o = &ks->origins[i];
        if (!o->used)
            continue;
        others = key_store_expire(ks, o, now) || others;
        if (!o->when.under_way && o->when.due_ms <= now && f->under_way < KEY_FETCHES_MAX)
            failed = !fetch_begin(f, o) || failed;
        uint64_t at = key_source_next_ms(&o->when, &ks->bounds);
        if (at > now && at < next) // one that is due waits for another to end
            next = at;
    }
    if (others)
        key_store_publish(ks);
    if (ks->unmade && next > now + KEY_RETRY_MIN_MS)
        next = now + KEY_RETRY_MIN_MS;
    *ret_ms = (uint32_t)(next - now);
    bool on = !f->stopping;
    pthread_mutex_unlock(&f->lock);
    if (others || failed)
        verifiers_look(ks->verifiers);
    return on;
}

static void *run(void *fetcher)
{
    struct key_fetcher *f = fetcher;
    pthread_setname_np(pthread_self(), "keys");
    for (uint32_t ms; look(f, &ms);)
        http_getter_wait(f->getter, ms, on_fetched, f);
    return NULL;
}

static enum err thread_begin(struct key_fetcher *f)
{
    enum err e = f->getter == NULL ? http_getter_create(&f->thread_mem, &f->getter) : OK;
    if (e != OK)
        return e;
    if (f->set == NULL && (f->set = mem_zalloc(&f->thread_mem, sizeof *f->set)) == NULL)
        return ERR_NOMEM;
    // Threads inherit the mask: signals are the main thread's business.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    f->running = thread_start(&f->thread, THREAD_SMALL_STACK, run, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return f->running ? OK : ERR_LIMIT;
}

// It is there once there is something to fetch. Under the lock.
static enum err thread_want(struct key_fetcher *f)
{
    bool wanted = false;
    enum err e = OK;
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++)
        wanted = wanted || f->store.origins[i].used;
    if (f->started && !f->running && !f->stopping && wanted)
        e = thread_begin(f);
    if (f->running)
        http_getter_wake(f->getter);
    return e;
}

// ---- from outside

static enum key_wish wish(void *ctx, const struct keyring *k, uint32_t issuers, uint64_t *stamp,
                          uint32_t *ret_retry_ms)
{
    struct key_fetcher *f = ctx;
    enum key_wish wished = KEY_LATER;
    pthread_mutex_lock(&f->lock);
    if (*stamp == 0)
        *stamp = f->store.stamp;
    if (f->running && !f->stopping)
        wished = key_store_wish(&f->store, k, issuers, *stamp, now_ms(), ret_retry_ms);
    else
        *ret_retry_ms = STOPPED_RETRY_MS;
    if (wished == KEY_WAIT)
        http_getter_wake(f->getter);
    pthread_mutex_unlock(&f->lock);
    return wished;
}

struct key_wishes key_fetcher_wishes(struct key_fetcher *f) { return (struct key_wishes){f, wish}; }

void key_fetcher_verifiers_set(struct key_fetcher *f, struct verifiers *verifiers)
{
    f->store.verifiers = verifiers;
}

void key_fetcher_keys_set(struct key_fetcher *f, struct keyring *keys, const struct key_bounds *bounds)
{
    pthread_mutex_lock(&f->lock);
    key_store_fit(&f->store, keys, bounds, now_ms());
    key_store_check(&f->store);
    enum err e = thread_want(f);
    pthread_mutex_unlock(&f->lock);
    verifiers_look(f->store.verifiers);
    const struct io_notice n = {.type = IO_NOTICE_KEYS_FAILED,
                                .shard = IO_NO_SHARD,
                                .peer = "",
                                .text =
                                    STR("there is no thread, or no memory for libcurl; reload to try again")};
    if (e != OK && f->store.hooks.io_notice)
        f->store.hooks.io_notice(f->store.hooks.ctx, &n);
}

enum err key_fetcher_start(struct key_fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    f->started = true;
    enum err e = thread_want(f);
    pthread_mutex_unlock(&f->lock);
    return e;
}

uint32_t key_fetcher_status(struct key_fetcher *f, uint32_t from, struct key_fetch_status *ret)
{
    pthread_mutex_lock(&f->lock);
    uint32_t found = key_store_status(&f->store, from, now_ms(), ret);
    pthread_mutex_unlock(&f->lock);
    return found;
}

// ---- life

enum err key_fetcher_create(struct mem *mem, const struct server_hooks *hooks, struct key_fetcher **ret)
{
    struct key_fetcher *f = mem_zalloc(mem, sizeof *f);
    uint64_t seed;
    if (f == NULL)
        return ERR_NOMEM;
    f->mem = mem;
    key_store_init(&f->store, mem, hooks);
    mem_share_init(&f->thread_mem, mem);
    pthread_mutex_init(&f->lock, NULL);
    random_bytes(&seed, sizeof seed);
    prng_init(&f->dice, seed);
    *ret = f;
    return OK;
}

void key_fetcher_stop(struct key_fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    bool running = f->running && !f->stopping;
    f->stopping = true;
    if (running)
        http_getter_wake(f->getter);
    pthread_mutex_unlock(&f->lock);
    if (running)
        pthread_join(f->thread, NULL);
}

void key_fetcher_destroy(struct key_fetcher *f)
{
    if (f == NULL)
        return;
    ASSERT(!f->running || f->stopping);
    http_getter_destroy(f->getter);
    mem_free(&f->thread_mem, f->set, sizeof *f->set);
    key_store_deinit(&f->store);
    mem_share_settle(&f->thread_mem);
    pthread_mutex_destroy(&f->lock);
    mem_free(f->mem, f, sizeof *f);
}
