// SPDX-License-Identifier: Apache-2.0
//
// Putting a server together and taking it apart. Nothing here is on the way of a message.
//
// Everything is made by the creating thread, in an order in which each step can fail and be taken back: files,
// memory, addresses, mailboxes, loops. The threads come last and only get what is finished.
#include "io/server.h"

#include "base/assert.h"
#include "io/key_fetcher.h"
#include "io/libcurl.h"
#include "io/loop.h"
#include "io/mem_malloc.h"
#include "io/random.h"
#include "io/watchdog.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    SETTINGS_WAIT_S = 10, // for all shards to take new settings; a turn takes milliseconds
};

struct server {
    struct mem mem;
    struct mem_watch mem_watch;
    struct loop_shared shared;
    struct watchdog watchdog;
    struct key_fetcher *fetcher;
    struct server_info info;
    struct unix_file files[LISTENERS_MAX]; // of those of the listeners that are Unix sockets
    bool started;
};

static void live_set(struct server *s, const struct io_settings *io)
{
    uint32_t connections =
        io->connections_max < s->info.connections_max ? io->connections_max : s->info.connections_max;
    atomic_store_explicit(&s->shared.live.drain_deadline_ms, io->drain_deadline_ms, memory_order_relaxed);
    atomic_store_explicit(&s->shared.live.connection_wait_ms, io->connection_wait_ms, memory_order_relaxed);
    atomic_store_explicit(&s->shared.live.spin_us, io->spin_us, memory_order_relaxed);
    atomic_store_explicit(&s->shared.live.turn_slow_ms, io->turn_slow_ms, memory_order_relaxed);
    watchdog_limit_set(&s->watchdog, io->turn_slow_ms);
    uint64_t waiting = admission_limits_set(&s->shared.admission, connections, io->connections_per_address,
                                            io->address_connects);
    loops_wake(&s->shared, waiting);
}

static void on_bark(void *ctx, const struct where_spot *at, uint64_t ms)
{
    struct server *s = ctx;
    const struct server_hooks *hooks = &s->shared.hooks;
    struct io_notice n = {
        .type = IO_NOTICE_TURN_HANGS, .shard = at->shard, .value = ms, .peer = "", .where = at};
    if (hooks->io_notice)
        hooks->io_notice(hooks->ctx, &n);
}

static enum err files_init(struct server *s, const struct io_settings *io, struct io_error *error)
{
    s->info.files = rlimit_files_raise();
    s->info.connections_max =
        rlimit_connections_max(s->info.files.files_max, s->info.shard_count, io->connections_max);
    if (s->info.connections_max > 0) {
        rlimit_files_prepare((uint64_t)s->info.connections_max + rlimit_files_reserved(s->info.shard_count));
        return OK;
    }
    io_error_set(
        error,
        "the limit of open files is %llu, and %u shards need %u beside connections; raise it (ulimit -n)",
        (unsigned long long)s->info.files.files_max, s->info.shard_count,
        rlimit_files_reserved(s->info.shard_count) + 1);
    return ERR_LIMIT;
}

// A shard that sleeps is woken by it; one that is about to sees it (io/waker.h).
static void on_verdict(void *shared, uint32_t shard)
{
    loop_request(&((struct loop_shared *)shared)->loops[shard], REQUEST_LOOK);
}

// Those that check tokens, and who has keys fetched for them.
static enum err checkers_init(struct server *s, const struct io_settings *io, const struct settings *core)
{
    struct loop_shared *shared = &s->shared;
    const struct key_wishes wishes = key_fetcher_wishes(s->fetcher);
    enum err e = verifiers_create(&s->mem, shared->shard_count, core->verifiers, &core->hash_key, &wishes,
                                  on_verdict, shared, &shared->verifiers);
    if (e != OK)
        return e;
    key_fetcher_verifiers_set(s->fetcher, shared->verifiers);
    key_fetcher_keys_set(s->fetcher, core->keys, &io->key_bounds);
    return OK;
}

static void on_store_notice(void *ctx, const char *text)
{
    const struct server_hooks *hooks = &((struct loop_shared *)ctx)->hooks;
    struct io_notice n = {
        .type = IO_NOTICE_STORE, .shard = IO_NO_SHARD, .peer = "", .text = str_from_cstr(text)};
    if (hooks->io_notice)
        hooks->io_notice(hooks->ctx, &n);
}

static enum err store_init(struct server *s, const struct io_settings *io, struct io_error *error)
{
    static const struct breaker_limits limits = {.failures = 5, .open_ms = 500, .open_max_ms = 30000};
    struct loop_shared *shared = &s->shared;
    struct store_why why = {.text = ""};
    struct stores_config c = {.driver = io->store,
                              .db = io->store_db,
                              .breaker = limits,
                              .notice = on_store_notice,
                              .answered = on_verdict,
                              .ctx = shared};
    if (io->store == NULL)
        return OK;
    random_bytes(&c.seed, sizeof c.seed);
    enum err e = stores_create(&s->mem, shared->shard_count, &c, &shared->stores, &why);
    if (why.text[0] != '\0')
        io_error_set(error, "the store: %s", why.text);
    return e;
}

static enum err loops_init(struct server *s, const struct io_settings *io, const struct settings *core,
                           struct io_error *error)
{
    struct loop_shared *shared = &s->shared;
    enum err e = mailbox_create(&s->mem, shared->shard_count, &shared->mailbox);
    shared->verifier_count = core->verifiers;
    if (e == OK)
        e = key_fetcher_create(&s->mem, &shared->hooks, &s->fetcher);
    if (e == OK)
        e = checkers_init(s, io, core);
    if (e == OK)
        e = store_init(s, io, error);
    for (uint32_t i = 0; e == OK && i < shared->shard_count; i++)
        e = loop_init(&shared->loops[i], i, shared, io->listeners, io->listener_count, core);
    for (uint32_t i = 0; e == OK && i < shared->shard_count; i++)
        watchdog_add(&s->watchdog, &shared->loops[i].where);
    if (e == ERR_NOMEM)
        io_error_set(error, "the memory budget of %zu bytes is too small for %u shards",
                     s->info.memory_bytes_max, shared->shard_count);
    else if (e != OK && error->text[0] == '\0')
        io_error_set(error,
                     "the kernel refused an epoll or eventfd file: the system is out of files or memory");
    return e;
}

// One listening socket for each shard on one address.
static enum err listen_on(struct server *s, uint8_t index, const struct listener_row *row, uint32_t backlog,
                          struct io_error *error)
{
    struct address wanted, bound;
    if (address_parse(row->address, &wanted) != OK) {
        io_error_set(
            error,
            "cannot listen on \"%.*s\": expected HOST:PORT, with a numeric address, localhost or *, or "
            "unix:/PATH",
            (int)(row->address.n < 100 ? row->address.n : 100), row->address.p);
        return ERR_SYNTAX;
    }
    int fds[SHARDS_MAX];
    const uint32_t n = s->shared.shard_count;
    enum err e = OK;
    if (address_is_unix(&wanted))
        e = listener_open_unix(&wanted, (int)backlog, n, row->mode, fds, &s->files[index], error);
    else
        e = listener_open(&wanted, (int)backlog, n, fds, &bound, error);
    bound = address_is_unix(&wanted) ? wanted : bound;
    if (e != OK)
        return e;
    for (uint32_t i = 0; i < s->shared.shard_count; i++)
        if (acceptor_add(&s->shared.loops[i].acceptor, fds[i], index, row) != OK)
            e = ERR_LIMIT; // the others are still handed over, so that one place closes them all
    if (e != OK)
        io_error_set(error, "the kernel refused to watch a listening socket: the system is out of memory");
    address_format_bound(&bound, s->info.listeners[index].address);
    s->info.listeners[index].port = address_port(&bound);
    return e;
}

static bool is_same_place(const struct listener_row *a, const struct listener_row *b)
{
    struct address x, y;
    return address_parse(a->address, &x) == OK && address_parse(b->address, &y) == OK &&
           (address_port(&x) != 0 || address_is_unix(&x)) && x.len == y.len &&
           memcmp(&x.storage, &y.storage, sizeof x.storage) == 0;
}

// Where a browser that knocks at another port is sent to; 0 = nowhere.
static uint16_t plain_http_port(const struct server_info *info)
{
    for (uint32_t i = 0; i < info->listener_count; i++) {
        const struct listener_info *l = &info->listeners[i];
        if (l->port != 0 && l->transport == TRANSPORT_HTTP && !l->channel)
            return l->port;
    }
    return 0;
}

static enum err addresses_init(struct server *s, const struct io_settings *io, struct io_error *error)
{
    for (uint32_t i = 0; i < io->listener_count; i++)
        for (uint32_t k = i + 1; k < io->listener_count; k++)
            if (is_same_place(&io->listeners[i], &io->listeners[k])) {
                io_error_set(error, "cannot listen on %.*s for both %s and %s",
                             STR_ARG(io->listeners[i].address), io->listeners[i].what, io->listeners[k].what);
                return ERR_EXISTS;
            }
    enum err e = OK;
    s->info.listener_count = io->listener_count;
    for (uint32_t i = 0; e == OK && i < io->listener_count; i++) {
        const struct listener_row *row = &io->listeners[i];
        s->info.listeners[i] =
            (struct listener_info){.name = row->name, .transport = row->transport, .channel = row->channel};
        if (row->address.n > 0)
            e = listen_on(s, (uint8_t)i, row, io->backlog, error);
    }
    uint16_t http_port = plain_http_port(&s->info);
    for (uint32_t i = 0; i < s->shared.shard_count; i++)
        s->shared.loops[i].host.http_port = http_port;
    return e;
}

static enum err server_init(struct server *s, const struct io_settings *io, const struct settings *core,
                            const struct server_hooks *hooks, struct io_error *error)
{
    struct loop_shared *shared = &s->shared;
    s->info.shard_count = shared->shard_count = core->shard_count;
    s->info.memory_bytes_max = io->memory_bytes_max;
    mem_init(&s->mem, mem_malloc_backend(), io->memory_bytes_max);
    shared->mem = &s->mem;
    shared->hooks = *hooks;
    pthread_mutex_init(&shared->settings_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&shared->settings_taken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watchdog_init(&s->watchdog, on_bark, s);
    admission_init(&shared->admission, &s->mem, &core->hash_key, 0, 0);

    enum err e = files_init(s, io, error);
    if (e != OK)
        return e;
    shared->loops = NULL;
    if (mem_reserve_init(&s->mem) == OK)
        shared->loops = mem_zalloc(&s->mem, shared->shard_count * sizeof *shared->loops);
    if (core->deflate != NULL)
        mem_part_init(core->deflate, &s->mem, core->deflate_bytes);
    tenant_budgets_init(core->budgets, core->tenants, core->tenants_n,
                        &s->mem); // behind the reserve, which they use
    if (!shared->loops) {
        io_error_set(error, "the memory budget of %zu bytes is too small for %u shards", io->memory_bytes_max,
                     shared->shard_count);
        return ERR_NOMEM;
    }
    live_set(s, io);
    e = loops_init(s, io, core, error);
    return e == OK ? addresses_init(s, io, error) : e;
}

enum err server_create(const struct io_settings *io, const struct settings *core,
                       const struct server_hooks *hooks, struct server **ret, struct io_error *error)
{
    ASSERT(core->shard_count >= 1 && core->shard_count <= SHARDS_MAX);
    error->text[0] = '\0';
    struct server *s = calloc(1, sizeof *s); // outside of the budget, which lives in it
    if (!s) {
        io_error_set(error, "out of memory");
        return ERR_NOMEM;
    }
    enum err e = server_init(s, io, core, hooks, error);
    if (e != OK) {
        server_destroy(s);
        return e;
    }
    *ret = s;
    return OK;
}

enum err server_start(struct server *s, struct io_error *error)
{
    ASSERT(!s->started);
    s->started = true;
    // Threads inherit the mask: signals are the main thread's business.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    enum err e = watchdog_start(&s->watchdog);
    if (e == OK)
        e = verifiers_start(s->shared.verifiers);
    if (e == OK && s->shared.stores != NULL)
        e = stores_start(s->shared.stores);
    if (e == OK)
        e = key_fetcher_start(s->fetcher);
    if (e == ERR_NOT_FOUND)
        io_error_set(error, "auth.issuers[].jwks_url needs libcurl, and there is no %s (Debian: libcurl4)",
                     LIBCURL_NAME);
    else if (e != OK)
        io_error_set(error,
                     "cannot start the threads of watchdog and helpers: the system has no more threads");
    for (uint32_t i = 0; e == OK && i < s->shared.shard_count; i++) {
        pthread_mutex_lock(&s->shared.settings_lock);
        s->shared.running |= (uint64_t)1 << i;
        pthread_mutex_unlock(&s->shared.settings_lock);
        int failed = pthread_create(&s->shared.loops[i].thread, NULL, loop_run, &s->shared.loops[i]);
        s->shared.loops[i].thread_made = failed == 0;
        if (failed) {
            io_error_set(error, "cannot start the thread of shard %u: %s", i, strerrordesc_np(failed));
            e = ERR_LIMIT;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e != OK) {
        server_stop(s);
        server_wait(s);
    }
    return e;
}

bool server_settings_set(struct server *s, const struct io_settings *io, const struct settings *core)
{
    struct loop_shared *shared = &s->shared;
    live_set(s, io);
    key_fetcher_keys_set(s->fetcher, core->keys,
                         &io->key_bounds); // before a shard can have a token judged by them
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SETTINGS_WAIT_S;

    pthread_mutex_lock(&shared->settings_lock);
    shared->settings_next = core;
    shared->settings_pending = shared->running;
    for (uint32_t i = 0; i < shared->shard_count; i++)
        loop_request(&shared->loops[i], REQUEST_SETTINGS);
    int timed_out = 0;
    while (shared->settings_pending != 0 && !timed_out)
        timed_out = pthread_cond_timedwait(&shared->settings_taken, &shared->settings_lock, &until);
    bool taken = shared->settings_pending == 0;
    pthread_mutex_unlock(&shared->settings_lock);
    return taken;
}

static void request_all(struct server *s, uint32_t request)
{
    for (uint32_t i = 0; i < s->shared.shard_count; i++)
        loop_request(&s->shared.loops[i], request);
}

void server_unready(struct server *s) { request_all(s, REQUEST_UNREADY); }

// As long as we listen there, nobody else has the name; so it goes before the sockets do.
static void files_unlink(struct server *s)
{
    struct address at;
    for (uint32_t i = 0; i < s->info.listener_count; i++)
        if (s->files[i].number != 0 &&
            address_parse(str_from_cstr(s->info.listeners[i].address), &at) == OK) {
            listener_unlink(&at, &s->files[i]);
            s->files[i].number = 0;
        }
}

void server_drain(struct server *s)
{
    files_unlink(s);
    request_all(s, REQUEST_DRAIN);
}

void server_stop(struct server *s)
{
    files_unlink(s);
    request_all(s, REQUEST_STOP);
}

bool server_wait(struct server *s)
{
    for (uint32_t i = 0; i < s->shared.shard_count; i++) {
        struct loop *l = &s->shared.loops[i];
        if (l->thread_made)
            pthread_join(l->thread, NULL);
        l->thread_made = false;
    }
    watchdog_stop(&s->watchdog);
    return atomic_load_explicit(&s->shared.overruns, memory_order_relaxed) == 0;
}

bool server_kept(const struct server *s)
{
    return s->shared.stores == NULL ||
           atomic_load_explicit(&s->shared.kept, memory_order_acquire) == s->shared.shard_count;
}

// What was on its way when the threads ended.
static void mail_drop(struct server *s)
{
    for (uint32_t from = 0; from < s->shared.shard_count; from++)
        for (uint32_t to = 0; to < s->shared.shard_count; to++) {
            if (from == to)
                continue;
            struct mail *m;
            while ((m = mailbox_pull(s->shared.mailbox, from, to)))
                mail_discard(&s->mem, m);
        }
}

void server_destroy(struct server *s)
{
    if (!s)
        return;
    struct loop_shared *shared = &s->shared;
    if (shared->mailbox)
        mail_drop(s);
    if (s->fetcher)
        key_fetcher_stop(s->fetcher);
    verifiers_destroy(shared->verifiers);
    stores_destroy(shared->stores);
    key_fetcher_destroy(s->fetcher);
    files_unlink(s);
    for (uint32_t i = 0; shared->loops && i < shared->shard_count; i++)
        loop_deinit(&shared->loops[i]);
    mailbox_destroy(shared->mailbox);
    if (shared->loops)
        mem_free(&s->mem, shared->loops, shared->shard_count * sizeof *shared->loops);
    watchdog_deinit(&s->watchdog);
    admission_deinit(&shared->admission);
    mem_reserve_deinit(&s->mem);
    pthread_cond_destroy(&shared->settings_taken);
    pthread_mutex_destroy(&shared->settings_lock);
    free(s);
}

const struct server_info *server_info(const struct server *s) { return &s->info; }

struct metrics *server_metrics(const struct server *s, uint32_t shard)
{
    ASSERT(shard < s->shared.shard_count);
    return s->shared.loops[shard].metrics;
}

struct io_metrics *server_io_metrics(const struct server *s, uint32_t shard)
{
    ASSERT(shard < s->shared.shard_count);
    return &s->shared.loops[shard].io_metrics;
}

struct shard_look server_shard_look(struct server *s, uint32_t shard)
{
    ASSERT(shard < s->shared.shard_count);
    struct where_spot at;
    struct where *w = &s->shared.loops[shard].where;
    const uint64_t ended_ns = atomic_load_explicit(&w->ended_ns, memory_order_relaxed);
    const bool busy = where_look(w, &at) && at.since_ns != 0;
    const uint64_t now_ns = clock_monotonic_ns(); // behind what it is compared with
    return (struct shard_look){.turns = atomic_load_explicit(&w->turn, memory_order_relaxed),
                               .turn_ns = busy ? now_ns - at.since_ns : 0,
                               .waited_ns = ended_ns != 0 ? now_ns - ended_ns : 0,
                               .doing = where_phase_name(busy ? at.phase : WHERE_WAITING),
                               .mail = mailbox_waiting(s->shared.mailbox, shard)};
}

uint32_t server_verifiers(const struct server *s) { return s->shared.verifier_count; }

uint32_t server_verifier_waiting(const struct server *s, uint32_t which)
{
    ASSERT(which < s->shared.verifier_count);
    return verifiers_waiting(s->shared.verifiers, which);
}

struct key_fetcher *server_keys(struct server *s) { return s->fetcher; }

struct mem *server_mem(struct server *s) { return &s->mem; }

void server_memory_look(struct server *s)
{
    if (mem_watch_look(&s->mem_watch, &s->mem))
        request_all(s, REQUEST_TRIM);
}
