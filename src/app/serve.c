// SPDX-License-Identifier: Apache-2.0
//
// The main thread owns the process, the shards' threads own the connections. Signals are blocked everywhere and read
// from a signalfd, so they arrive between two steps and never inside one. Only the drain is different: the main
// thread then waits in server_wait, so the second signal comes through a handler, which does no more than
// server_stop allows in one. A signal without a meaning here must not end a server full of people: whatever the default
// action would kill for, and is not a fault or a wish to kill, is ignored.
//
// Settings: two wirings take turns. The shards read one; a reload builds the other and lets go of the first when
// server_settings_set says that every shard has taken it.
#include "app/serve.h"

#include "app/audit_sink.h"
#include "app/banner.h"
#include "app/certificates.h"
#include "app/crash.h"
#include "app/data.h"
#include "app/health.h"
#include "app/keys.h"
#include "app/log_sink.h"
#include "app/logger.h"
#include "app/metrics_page.h"
#include "app/notices.h"
#include "app/reload.h"
#include "app/status.h"
#include "app/wiring.h"
#include "base/assert.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    LOGGING_THREADS =
        6, // beside the shards: the main thread, the watchdog, who fetches keys, the audit's, and the store's two
    TICK_MS = 5000,        // between two looks at what is not urgent: held-back log notes, process statistics
    DRAIN_OVERTIME_S = 10, // after the drain's deadline, for a shard that hangs, the process ends by itself
};

struct serve {
    const struct config_sources *sources;
    struct wiring_start start;
    struct tenant_budget budgets[TENANTS_MAX];
    struct mem deflate;
    struct wiring *wiring;    // what the server runs with
    struct mem keys_mem;      // of keyrings: a few, as large as the operator's files
    uint64_t keys_generation; // of the configuration's; of those fetched, they lie between two
    struct server *server;
    struct data data;
    struct metrics_page page;
    struct process_stats process;
    struct health_source health;
    struct certificates certificates;
    int signal_fd;
};

// ---- hooks: called by the shards' threads

static void on_notice(void *ctx, uint32_t shard, const struct notice *n)
{
    (void)ctx;
    notice_log(shard, n);
}

static void on_io_notice(void *ctx, const struct io_notice *n)
{
    (void)ctx;
    io_notice_log(n);
}

static void on_metrics_page(void *ctx, struct buf *body)
{
    struct serve *s = ctx;
    metrics_page_write(&s->page, body);
}

static void on_health_page(void *ctx, const struct health_asked *asked, struct buf *body)
{
    struct serve *s = ctx;
    struct health h;
    health_gather(&s->health, asked, &h);
    health_put(&h, body);
}

static void on_audit(void *ctx, uint32_t shard, uint64_t wall_ms, const struct audit_event *e)
{
    (void)ctx;
    audit_sink_put(shard, wall_ms, e);
}

// ---- start

static struct config_load *load(const struct config_sources *sources)
{
    struct config_load *l = malloc(sizeof *l);
    if (l != NULL)
        config_load(l, sources);
    return l;
}

// Those of a configuration without mistakes; NULL where its keys have some. Told to l->complaints.
static struct keyring *keys_of(struct serve *s, struct config_load *l)
{
    return l->complaints.errors == 0 ? keys_load(l, &s->keys_mem, ++s->keys_generation << 32) : NULL;
}

static void wiring_free(struct wiring *w)
{
    if (w != NULL)
        keyring_unref(w->core.keys);
    free(w);
}

static void logger_configure(const struct config *c)
{
    logger_set((enum log_level)c->logging_level, (enum log_format)c->logging_format);
}

// SIGPIPE: a peer that is gone is an EPIPE of that write. SIGXFSZ: a full log is its reader's business.
static const int ignored_signals[] = {SIGPIPE, SIGXFSZ, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR};
static const int taken_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

// False: the system is out of files or memory, and nobody could ever tell the server to leave.
static bool signals_take(struct serve *s)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken_signals / sizeof taken_signals[0]; i++)
        sigaddset(&set, taken_signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < sizeof ignored_signals / sizeof ignored_signals[0]; i++)
        signal(ignored_signals[i], SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd >= 0;
}

static void complain(enum err e, const struct io_error *error)
{
    fprintf(
        stderr, "plenum: %s%s\n", error->text,
        e == ERR_EXISTS
            ? "; stop that, or choose another port with --server.http=HOST:PORT, --server.text=HOST:PORT or --server.admin=HOST:PORT"
            : "");
}

static void warn_of_api(const struct settings *core)
{
    if (core->api_keys_n == 0)
        log_warn("api_without_key",
                 LOG_TEXT("consequence", "everyone on this machine may use the HTTP API, and nobody else"),
                 LOG_TEXT("remedy", "PLENUM_API_KEY, which `plenum apikey` makes"));
}

static struct server *leaving; // for the handlers of this thread; set before they are

// What the log's file does not take in time stays unsaid. A signal that comes meanwhile finds no server to stop.
static void down(struct serve *s)
{
    leaving = NULL;
    const bool kept = s->server != NULL && server_kept(s->server);
    server_destroy(s->server);
    data_close(&s->data, kept);
    audit_sink_stop();
    bool written = log_sink_stop();
    (void)written;
}

// Where an audit is wanted.
static enum err audit_open(const struct serve *s, struct io_error *error)
{
    const struct config *c = &s->wiring->config;
    struct audit_key key = {.n = strlen(c->audit_key)};
    if (c->audit_file[0] == '\0')
        return OK;
    _Static_assert((int)CONFIG_SECRET_MAX <= (int)AUDIT_KEY_MAX, "a secret is a key");
    memcpy(key.bytes, c->audit_key, key.n);
    return audit_sink_open(c->audit_file, &key, (enum audit_sync)c->audit_sync, s->start.shard_count, error);
}

// The helpers that write logs, and the server.
static enum err threads_start(struct serve *s, struct io_error *error)
{
    io_error_set(error, "cannot start the thread of the log: the system is out of threads, files or memory");
    enum err e = log_sink_start(s->page.shards_n + LOGGING_THREADS);
    if (e != OK)
        return e;
    io_error_set(error, "cannot begin the audit: its file takes nothing, or the system is out of threads");
    e = audit_sink_on() ? audit_sink_start(PLENUM_VERSION, s->wiring->core.audit) : OK;
    return e != OK ? e : server_start(s->server, error);
}

static bool server_up(struct serve *s)
{
    const struct server_hooks hooks = {.ctx = s,
                                       .notice = on_notice,
                                       .io_notice = on_io_notice,
                                       .metrics_page = on_metrics_page,
                                       .health_page = on_health_page,
                                       .audit = on_audit};
    struct io_error error = {""};
    enum err e = server_create(&s->wiring->io, &s->wiring->core, &hooks, &s->server, &error);
    if (e != OK) {
        complain(e, &error);
        return false;
    }

    // Before the threads run: they answer GET /metrics from this.
    s->page.shards_n = server_info(s->server)->shard_count;
    for (uint32_t i = 0; i < s->page.shards_n; i++) {
        s->page.shards[i] = server_metrics(s->server, i);
        s->page.loops[i] = server_io_metrics(s->server, i);
    }
    s->page.mem = server_mem(s->server);
    s->page.keys = server_keys(s->server);
    s->page.process = &s->process;
    s->page.tls = certificates_any(&s->certificates) ? &s->certificates.stats : NULL;
    s->page.ocsp_stale = &s->certificates.stale;
    s->page.version = PLENUM_VERSION;
    s->page.budgets = s->budgets;
    s->page.deflate = s->wiring->core.deflate;
    s->page.tenants_n = (uint32_t)s->wiring->core.tenants_n;
    for (uint32_t i = 0; i < s->page.tenants_n; i++) { // as they are called through all reloads
        str name = s->wiring->core.tenants[i].name;
        memcpy(s->page.tenants[i], name.p, name.n);
    }
    process_stats_init(&s->process);
    health_source_init(&s->health, &s->page, s->server, s->wiring->config.limits_connections);

    e = audit_open(s, &error);
    if (e == OK)
        e = threads_start(s, &error);
    if (e == OK)
        return true;
    down(s);
    complain(e, &error);
    return false;
}

static void tell_started(const struct serve *s)
{
    const struct server_info *info = server_info(s->server);
    banner_print(info, &s->wiring->core, s->wiring->config.limits_connections, stdout);
    struct log_field fields[LISTENERS_MAX + 7] = {LOG_TEXT("version", PLENUM_VERSION)};
    size_t n = 1;
    for (uint32_t i = 0; i < info->listener_count; i++)
        fields[n++] = (struct log_field)LOG_TEXT(info->listeners[i].name, info->listeners[i].address);
    const struct log_field rest[] = {
        LOG_NUMBER("shards", info->shard_count), LOG_NUMBER("connections_max", info->connections_max),
        LOG_NUMBER("files_max", info->files.files_max), LOG_NUMBER("memory_mb", info->memory_bytes_max >> 20),
        LOG_NUMBER("pid", getpid())};
    memcpy(fields + n, rest, sizeof rest);
    static struct log_site site;
    log_write(&site, LOG_INFO, "started", fields);
    warn_of_api(&s->wiring->core);
}

// ---- reload

// Takes over what may change while running. `wiring` and the keys become the server's; the one to free is returned.
static struct wiring *take_over(struct serve *s, const struct config *next, struct keyring *keys,
                                struct wiring *wiring)
{
    struct wiring *before = s->wiring;
    struct config running = before->config;
    struct reload_diff diff = reload_adopt(&running, next);
    const bool wired = wiring_init(wiring, &running, &s->start) == OK;
    wiring->core.keys = keys;
    if (!wired) {
        log_error("reload_rejected", LOG_TEXT("reason", "out of memory"));
        return wiring;
    }
    bool taken = server_settings_set(s->server, &wiring->io, &wiring->core);
    logger_configure(&running);
    reload_log(&diff, &before->config, next);
    s->wiring = wiring;
    if (taken)
        return before;
    // A shard that hangs may still read the old settings: better a few kilobytes lost than a crash.
    log_error("reload_slow", LOG_TEXT("reason", "a shard did not take the settings within 10 s"));
    return NULL;
}

static void reload(struct serve *s)
{
    struct config_load *next = load(s->sources);
    struct wiring *wiring = calloc(1, sizeof *wiring);
    if (next == NULL || wiring == NULL) {
        log_error("reload_rejected", LOG_TEXT("reason", "out of memory"));
    } else {
        struct keyring *keys = keys_of(s, next);
        reload_log_rejected(&next->complaints);
        if (keys != NULL)
            wiring = take_over(s, &next->values, keys, wiring);
    }
    certificates_reload(&s->certificates);
    audit_sink_reopen(); // whatever the settings say: it is the signal that logrotate sends
    wiring_free(wiring);
    free(next);
}

// ---- leaving

static _Atomic uint32_t signals_while_leaving;

static void on_second_signal(int signal_number)
{
    (void)signal_number;
    if (signals_while_leaving++ > 0)
        _exit(EXIT_INTERRUPTED); // a third one: not even the cut gets through
    if (leaving != NULL)
        server_stop(
            leaving); // NOLINT(bugprone-signal-handler): io/server.h promises that it may be called here
}

static void on_overtime(int signal_number)
{
    (void)signal_number;
    static const char text[] = "level=error event=drain_hangs reason=\"a shard does not answer\"\n";
    log_sink_last_words(str_make(text, sizeof text - 1)); // NOLINT(bugprone-signal-handler): made for one
    _exit(EXIT_FAILED);
}

static void signals_hand_over(struct serve *s)
{
    leaving = s->server;
    signal(SIGTERM, on_second_signal);
    signal(SIGINT, on_second_signal);
    signal(SIGALRM, on_overtime);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(s->wiring->config.drain_deadline_s + DRAIN_OVERTIME_S);
}

static enum exit_code leave(struct serve *s, const char *why)
{
    log_info("draining", LOG_TEXT("signal", why),
             LOG_NUMBER("deadline_s", s->wiring->config.drain_deadline_s));
    health_leaving(&s->health);
    server_drain(s->server);
    signals_hand_over(s);
    bool all_left = server_wait(s->server);
    bool interrupted = signals_while_leaving > 0;
    log_flush(true);
    log_info("stopped", LOG_TEXT("connections", interrupted ? "cut off by a second signal"
                                                : all_left  ? "all closed"
                                                            : "the rest cut off at the deadline"));
    return interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}

// ---- running

// The number of a signal that has come, 0 if none has.
static int next_signal(struct serve *s)
{
    struct signalfd_siginfo info;
    return read(s->signal_fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// The name of a signal to leave, NULL for any other, which is dealt with here.
static const char *take_signal(struct serve *s)
{
    switch (next_signal(s)) {
    case SIGTERM:
        return "SIGTERM";
    case SIGINT:
        return "SIGINT";
    case SIGHUP:
        reload(s);
        return NULL;
    case SIGUSR1:
        status_log(&s->page);
        return NULL;
    default:
        return NULL;
    }
}

// Serves until a signal to leave comes, or until due_ms.
static const char *serve_until(struct serve *s, uint64_t due_ms)
{
    uint64_t tick_ms = 0;
    for (uint64_t now = monotonic_ms(); now < due_ms; now = monotonic_ms()) {
        struct pollfd in = {.fd = s->signal_fd, .events = POLLIN};
        uint64_t left = due_ms - now, most = audit_sink_on() ? AUDIT_SYNC_MS : TICK_MS;
        poll(&in, 1, (int)(left < most ? left : most));
        const char *leave_for = take_signal(s);
        if (leave_for != NULL)
            return leave_for;
        audit_sink_tick();
        if (audit_sink_on() && monotonic_ms() < tick_ms)
            continue;
        tick_ms = monotonic_ms() + TICK_MS;
        certificates_look(&s->certificates);
        log_flush(false);
        server_memory_look(s->server);
        process_stats_refresh(&s->process);
        health_pulse(&s->health);
    }
    return NULL;
}

static enum exit_code wait_for_signals(struct serve *s)
{
    const char *why = serve_until(s, UINT64_MAX);
    uint32_t readiness_s = s->wiring->config.drain_readiness_s;
    if (readiness_s > 0) {
        log_info("unready", LOG_TEXT("signal", why), LOG_NUMBER("readiness_s", readiness_s));
        health_leaving(&s->health);
        server_unready(s->server);
        const char *again = serve_until(s, monotonic_ms() + (uint64_t)readiness_s * 1000);
        why = again != NULL ? again : why;
    }
    return leave(s, why);
}

static enum exit_code run(struct serve *s)
{
    if (!server_up(s))
        return EXIT_FAILED;
    tell_started(s);
    enum exit_code code = wait_for_signals(s);
    down(s);
    return code;
}

static enum exit_code fail(const char *why)
{
    fprintf(stderr, "plenum: %s\n", why);
    return EXIT_FAILED;
}

static enum exit_code no_libcrypto(void)
{
    return fail("libcrypto does not work: it found no memory, or its library is broken");
}

static enum exit_code start(struct serve *s, struct config_load *first)
{
    if (digest_self_test() != OK)
        return no_libcrypto();
    struct keyring *keys = keys_of(s, first);
    s->wiring->core.keys = keys; // to be freed with it
    certificates_develop(first);
    if (keys == NULL || !certificates_load(first, &s->certificates)) {
        complaints_print(&first->complaints, stderr);
        return EXIT_USAGE;
    }
    logger_configure(&first->values);
    reload_log_rejected(&first->complaints); // warnings
    if (wiring_start_init(&s->start, &first->values) != OK)
        return no_libcrypto();
    if (!data_open(&s->data, &first->values, &s->start))
        return EXIT_USAGE;
    wiring_warn(&first->values);
    s->start.budgets = s->budgets;
    s->start.deflate = &s->deflate;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        s->start.channels[i] = s->certificates.all[i] != NULL ? tls_channel(s->certificates.all[i]) : NULL;
    const bool wired = wiring_init(s->wiring, &first->values, &s->start) == OK;
    s->wiring->core.keys = keys;
    return wired ? run(s) : no_libcrypto();
}

enum exit_code serve_run(const struct config_sources *sources)
{
    struct serve s = {.sources = sources, .signal_fd = -1, .data = {.lock = -1}};
    crash_hook_install();
    // First of all: a signal that comes early waits until there is somebody to take it.
    if (!signals_take(&s))
        return fail("cannot wait for signals: the system is out of files or memory");
    mem_init(&s.keys_mem, mem_malloc_backend(), 0);
    struct config_load *first = load(sources);
    s.wiring = calloc(1, sizeof *s.wiring);
    enum exit_code code = first != NULL && s.wiring != NULL ? start(&s, first) : fail("out of memory");
    data_close(&s.data, true); // where no server has run
    close(s.signal_fd);
    certificates_free(&s.certificates);
    wiring_free(s.wiring);
    free(first);
    return code;
}
