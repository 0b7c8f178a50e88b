// SPDX-License-Identifier: Apache-2.0
//
// As with the log (log_sink.c), each event draws a ticket, by which the helper puts the lanes together. What a lane has lost is a
// count that only grows; an event carries it, so the helper sees in front of which one the others would have been.
//
// The line is made by the helper, when it is written: so a chain has no holes but those that it says.
//
// Rejected: to hold up a shard until its event is on the disk (one slow disk would stop the server, which is what an attacker who is
// about to be written down would want), and to drop the oldest (what is written down first is what somebody did first).
#include "app/audit_sink.h"

#include "app/logger.h"
#include "core/mail/pack.h"
#include "io/helper.h"
#include "io/mem_malloc.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct queued {
    struct mail mail;
    uint64_t ticket, lost; // lost: what its lane had lost before
    uint64_t wall_ms;
    uint32_t shard;
    struct audit_event event;
    char tail[];
};

struct lane {
    _Atomic uint64_t put, done; // events
    _Atomic uint64_t lost;
    uint64_t told; // of these, by lines; the writer's
};

static struct {
    bool on;
    enum audit_sync sync;
    uint32_t kinds;
    struct mem mem;      // of the queue
    struct mem file_mem; // of the lines: a queue that is full must not keep them from being made
    struct helper *helper;
    struct lane lanes[SHARDS_MAX];
    uint32_t lanes_n;
    _Atomic uint64_t tickets;
    _Atomic bool stopping, reopen;
    // The writer's.
    struct audit_file file;
    char path[AUDIT_PATH_MAX + 1]; // its own: the configuration that said it goes with a reload
    bool failing, unsynced;
    uint64_t synced_ms, anchored_ms, anchored_seq;
    _Atomic uint64_t seq, lines, failures;
} sink;

bool audit_sink_on(void) { return sink.on; }

static uint64_t lane_waiting(const struct lane *l)
{
    uint64_t done = atomic_load_explicit(&l->done, memory_order_acquire); // first: it never passes `put`
    return atomic_load_explicit(&l->put, memory_order_relaxed) - done;
}

struct audit_stats audit_sink_stats(void)
{
    struct audit_stats s = {
        .seq = atomic_load_explicit(&sink.seq, memory_order_relaxed),
        .lines = atomic_load_explicit(&sink.lines, memory_order_relaxed),
        .failures = atomic_load_explicit(&sink.failures, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < sink.lanes_n; i++) {
        s.waiting += lane_waiting(&sink.lanes[i]);
        s.missing += atomic_load_explicit(&sink.lanes[i].lost, memory_order_relaxed);
    }
    return s;
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// ---- the writer's side: the helper, or the main thread before it and behind it

static void tell_failed(const char *what, int number)
{
    char reason[128];
    atomic_fetch_add_explicit(&sink.failures, 1, memory_order_relaxed);
    log_error("audit_failed", LOG_TEXT("file", sink.file.path), LOG_TEXT("what", what),
              LOG_TEXT("reason", strerror_r(number, reason, sizeof reason)));
}

static void sync_now(void)
{
    if (!audit_file_sync(&sink.file))
        tell_failed("sync", errno);
    sink.unsynced = false;
    sink.synced_ms = clock_ms(CLOCK_MONOTONIC);
}

// Outside of the file, what its newest line is: who cuts the file off would have to cut off this, too.
static void tell_anchor(void)
{
    const struct audit_chain *c = &sink.file.chain;
    sink.anchored_ms = clock_ms(CLOCK_MONOTONIC);
    if (c->seq == sink.anchored_seq)
        return;
    sink.anchored_seq = c->seq;
    log_told("audit_anchor", LOG_NUMBER("seq", c->seq), LOG_STR("hash", str_make(c->hash, sizeof c->hash)),
             LOG_STR("chain", str_make(c->id, sizeof c->id)));
}

static void reopen(void)
{
    struct io_error error = {""};
    bool is_new;
    if (audit_file_reopen(&sink.file, &is_new, &error) != OK)
        log_error("audit_not_reopened", LOG_TEXT("reason", error.text));
    if (is_new)
        tell_anchor();
    atomic_store_explicit(&sink.seq, sink.file.chain.seq, memory_order_relaxed);
}

// One line to be made, which is to be made anew where the chain has gone on meanwhile.
struct wanted {
    const struct queued *event; // or
    uint64_t missing;           // so many events, or
    const char *version;        // it has started, or
    const char *note;
};

static enum err make(const struct wanted *w)
{
    struct audit_chain *c = &sink.file.chain;
    struct buf *line = &sink.file.line;
    uint64_t now_ms = clock_ms(CLOCK_REALTIME);
    if (w->event != NULL)
        return audit_chain_put(c, line, w->event->wall_ms, w->event->shard, &w->event->event);
    if (w->missing != 0)
        return audit_chain_put_missing(c, line, now_ms, w->missing, "queue full");
    if (w->version != NULL)
        return audit_chain_put_started(c, line, now_ms, str_from_cstr(w->version), sink.kinds);
    return audit_chain_put_note(c, line, now_ms, w->note);
}

static void written(void)
{
    atomic_fetch_add_explicit(&sink.lines, 1, memory_order_relaxed);
    atomic_store_explicit(&sink.seq, sink.file.chain.seq, memory_order_relaxed);
    if (sink.failing)
        log_warn("audit_goes_on", LOG_TEXT("file", sink.file.path), LOG_NUMBER("seq", sink.file.chain.seq));
    sink.failing = false;
    sink.unsynced = true;
    if (sink.sync == AUDIT_SYNC_EACH)
        sync_now();
}

// False: the file does not take it, and there is no time to wait until it does.
static bool put(const struct wanted *w)
{
    for (;;) {
        if (atomic_load_explicit(&sink.reopen, memory_order_relaxed) && atomic_exchange(&sink.reopen, false))
            reopen();
        errno = ENOMEM;
        if (make(w) == OK && audit_file_append(&sink.file)) {
            written();
            return true;
        }
        if (errno == EAGAIN) // its end has been found again
            continue;
        if (!sink.failing)
            tell_failed("write", errno);
        sink.failing = true;
        if (atomic_load_explicit(&sink.stopping, memory_order_relaxed))
            return false;
        poll(NULL, 0, AUDIT_RETRY_MS);
    }
}

// So many in all have been lost by that lane.
static void tell_missing(struct lane *l, uint64_t lost)
{
    if (lost <= l->told)
        return;
    const struct wanted w = {.missing = lost - l->told};
    if (!put(&w))
        return;
    log_error("audit_missing", LOG_NUMBER("events", lost - l->told),
              LOG_TEXT("reason", "there was more to be written than the file takes"));
    l->told = lost;
}

static void tell_all_missing(void)
{
    for (uint32_t i = 0; i < sink.lanes_n; i++)
        tell_missing(&sink.lanes[i], atomic_load_explicit(&sink.lanes[i].lost, memory_order_relaxed));
}

static void look_at_time(void)
{
    uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if (sink.sync == AUDIT_SYNC_INTERVAL && sink.unsynced && now_ms >= sink.synced_ms + AUDIT_SYNC_MS)
        sync_now();
    if (now_ms >= sink.anchored_ms + AUDIT_ANCHOR_MS)
        tell_anchor();
}

static struct mail *work(void *ctx, uint32_t lane, struct mail *job)
{
    (void)ctx;
    const struct queued *q = (const struct queued *)job;
    const struct wanted w = {.event = q};
    tell_missing(&sink.lanes[lane], q->lost);
    if (!put(&w))
        atomic_fetch_add_explicit(&sink.lanes[lane].lost, 1, memory_order_relaxed);
    look_at_time();
    mem_free(&sink.mem, job, job->bytes);
    atomic_fetch_add_explicit(&sink.lanes[lane].done, 1, memory_order_release);
    return NULL;
}

static bool before(const struct mail *a, const struct mail *b)
{
    return ((const struct queued *)a)->ticket < ((const struct queued *)b)->ticket;
}

static void called(void *ctx)
{
    (void)ctx;
    if (atomic_exchange(&sink.reopen, false))
        reopen();
    look_at_time();
}

static void idle(void *ctx)
{
    (void)ctx;
    tell_all_missing();
}

static const struct helper_kind kind = {.name = "audit",
                                        .credits = AUDIT_QUEUE_EVENTS,
                                        .work = work,
                                        .before = before,
                                        .idle = idle,
                                        .called = called};

// ---- the shards' side

static bool there_is_room(uint32_t shard, const struct audit_event *e)
{
    if (audit_by_right(e->type))
        return helper_room(sink.helper, shard) != 0;
    // A mailbox knows only roughly how much room it has while it has some.
    return lane_waiting(&sink.lanes[shard]) < AUDIT_QUEUE_EVENTS / 2 &&
           mem_used(&sink.mem) < AUDIT_QUEUE_BYTES / 2;
}

static struct queued *pack(uint32_t shard, uint64_t wall_ms, const struct audit_event *e)
{
    struct queued view = {.wall_ms = wall_ms, .shard = shard, .event = *e};
#define X(field) &view.event.field,
    str *strs[] = {AUDIT_STRS(X)};
#undef X
    enum { STRS_N = sizeof strs / sizeof strs[0] };
    struct queued *to = mail_pack(&sink.mem, 1, &view, sizeof view, strs, STRS_N, 0, false);
    if (to == NULL)
        return NULL;
#define X(field) &to->event.field,
    str *own[] = {AUDIT_STRS(X)};
#undef X
    char *tail = to->tail;
    mail_pack_strs(own, STRS_N, &tail);
    return to;
}

void audit_sink_put(uint32_t shard, uint64_t wall_ms, const struct audit_event *e)
{
    ASSERT(shard < sink.lanes_n);
    struct lane *l = &sink.lanes[shard];
    struct queued *q = there_is_room(shard, e) ? pack(shard, wall_ms, e) : NULL;
    if (q == NULL) {
        atomic_fetch_add_explicit(&l->lost, 1, memory_order_relaxed);
        return;
    }
    q->lost = atomic_load_explicit(&l->lost, memory_order_relaxed);
    atomic_fetch_add_explicit(&l->put, 1, memory_order_relaxed);
    q->ticket = atomic_fetch_add_explicit(&sink.tickets, 1, memory_order_relaxed);
    helper_push(sink.helper, shard, &q->mail);
}

// ---- the main thread's

enum err audit_sink_open(const char *path, const struct audit_key *key, enum audit_sync sync, uint32_t shards,
                         struct io_error *error)
{
    ASSERT(!sink.on && shards <= SHARDS_MAX);
    memset(&sink, 0, sizeof sink);
    mem_init(&sink.mem, mem_malloc_backend(), AUDIT_QUEUE_BYTES);
    mem_init(&sink.file_mem, mem_malloc_backend(), 0);
    sink.sync = sync;
    sink.lanes_n = shards;
    ASSERT(strlen(path) <= AUDIT_PATH_MAX);
    memcpy(sink.path, path, strlen(path) + 1);
    enum err e = audit_file_open(&sink.file, sink.path, key, &sink.file_mem, error);
    sink.seq = sink.file.chain.seq;
    sink.on = e == OK;
    return e;
}

enum err audit_sink_start(const char *version, uint32_t kinds)
{
    const struct wanted started = {.version = version};
    sink.kinds = kinds;
    ASSERT(sink.on && sink.helper == NULL);
    sink.stopping = true; // it is not waited for
    bool begun = put(&started);
    sink.stopping = false;
    if (!begun)
        return ERR_LIMIT;
    enum err e = helper_create(&kind, NULL, sink.lanes_n, &sink.file_mem, &sink.helper);
    if (e != OK)
        return e;
    e = helper_start(sink.helper);
    if (e != OK) {
        helper_destroy(sink.helper);
        sink.helper = NULL;
    }
    return e;
}

void audit_sink_stop(void)
{
    const struct wanted stopped = {.note = "stopped"};
    if (!sink.on)
        return;
    sink.stopping = true;
    if (sink.helper != NULL && !helper_stop(sink.helper, AUDIT_STOP_PATIENCE_MS)) {
        log_error("audit_hangs", LOG_NUMBER("waiting", audit_sink_stats().waiting));
        return; // it stays as it is until the process ends
    }
    tell_all_missing();
    if (sink.helper != NULL)
        (void)!put(&stopped);
    sync_now();
    tell_anchor();
    helper_destroy(sink.helper);
    audit_file_close(&sink.file);
    sink.helper = NULL;
    sink.on = false;
}

void audit_sink_reopen(void)
{
    if (!sink.on)
        return;
    atomic_store(&sink.reopen, true);
    helper_call(sink.helper);
}

void audit_sink_tick(void)
{
    if (sink.on)
        helper_call(sink.helper);
}
