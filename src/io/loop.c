// SPDX-License-Identifier: Apache-2.0
//
// One turn of a shard, in the order that core/shard.h asks for, and the life of its thread.
//
// New connections come after the events of the old ones: in a storm of reconnects those who are in are served first.
// Mail comes last of the input, so that what this turn's commands caused elsewhere and came back at once is still
// part of this turn's writes.
#include "io/loop.h"

#include "base/assert.h"
#include <stdio.h>
#include <unistd.h>

void loop_request(struct loop *l, uint32_t request)
{
    atomic_fetch_or_explicit(&l->requests, request, memory_order_acq_rel);
    mailbox_wake(l->shared->mailbox, l->index);
}

void loop_io_notice(struct loop *l, enum io_notice_type type, uint64_t value, const char *peer)
{
    const struct server_hooks *hooks = &l->shared->hooks;
    struct io_notice n = {.type = type, .shard = l->index, .value = value, .peer = peer};
    if (hooks->io_notice)
        hooks->io_notice(hooks->ctx, &n);
}

void loop_wake_waiting(struct loop *l, uint64_t shards)
{
    for (uint32_t i = 0; shards != 0; i++, shards >>= 1)
        if (shards & 1)
            loop_request(&l->shared->loops[i], REQUEST_LOOK);
}

// What core asks of us.

static void host_random(void *ctx, void *p, size_t n)
{
    struct loop *l = ctx;
    random_pool_take(&l->random, p, n);
}

static void host_notice(void *ctx, const struct notice *n)
{
    struct loop *l = ctx;
    const struct server_hooks *hooks = &l->shared->hooks;
    if (hooks->notice)
        hooks->notice(hooks->ctx, l->index, n);
}

static void host_metrics_page(void *ctx, struct buf *body)
{
    struct loop *l = ctx;
    const struct server_hooks *hooks = &l->shared->hooks;
    if (hooks->metrics_page)
        hooks->metrics_page(hooks->ctx, body);
}

enum err loop_init(struct loop *l, uint32_t index, struct loop_shared *shared, const struct settings *core)
{
    l->index = l->where.shard = index;
    l->shared = shared;
    mem_share_init(&l->mem, shared->mem);
    l->ready_head = l->ready_tail = CONN_NONE;
    l->host = (struct shard_host){
        .ctx = l, .random = host_random, .notice = host_notice, .metrics_page = host_metrics_page};
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    acceptor_init(&l->acceptor, l->epoll_fd);
    if (l->epoll_fd < 0)
        return ERR_LIMIT;
    // Edge-triggered: every write raises a new edge, so the counter need not be read.
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = event_tag(EVENT_WAKE, 0)};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, mailbox_fd(shared->mailbox, index), &event) != 0)
        return ERR_LIMIT;
    if (traffic_settings(l, core) != OK)
        return ERR_NOMEM;
    l->shard = shard_create(index, core, &l->host, &l->mem);
    if (!l->shard)
        return ERR_NOMEM;
    l->metrics = shard_metrics(l->shard);
    return OK;
}

static void sockets_close(struct loop *l)
{
    acceptor_deinit(&l->acceptor);
    traffic_deinit(l);
}

void loop_deinit(struct loop *l)
{
    if (!l->shared)
        return;
    sockets_close(l);
    shard_destroy(l->shard);
    l->shard = NULL;
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    mem_share_settle(&l->mem);
    l->shared = NULL;
}

// New settings go in before the turn begins; what they replaced is let go when it has ended.
static uint32_t take_requests(struct loop *l)
{
    if (atomic_load_explicit(&l->requests, memory_order_relaxed) == 0)
        return 0;
    uint32_t requests = atomic_exchange_explicit(&l->requests, 0, memory_order_acq_rel);
    if (requests & REQUEST_SETTINGS) {
        pthread_mutex_lock(&l->shared->settings_lock);
        const struct settings *core = l->shared->settings_next;
        pthread_mutex_unlock(&l->shared->settings_lock);
        shard_settings_set(l->shard, core);
        enum err e = traffic_settings(l, core);
        (void)e; // without memory for another buffer the old one does
        l->settings_new = true;
    }
    if (requests & REQUEST_STOP)
        l->stopping = true;
    return requests;
}

static void settings_tell(struct loop *l)
{
    if (!l->settings_new)
        return;
    l->settings_new = false;
    pthread_mutex_lock(&l->shared->settings_lock);
    l->shared->settings_pending &= ~((uint64_t)1 << l->index);
    pthread_cond_broadcast(&l->shared->settings_taken);
    pthread_mutex_unlock(&l->shared->settings_lock);
}

static void dispatch(struct loop *l, uint32_t event_count)
{
    for (uint32_t i = 0; i < event_count; i++) {
        uint64_t tag = l->events[i].data.u64;
        uint32_t index = (uint32_t)tag;
        switch ((enum event_kind)(tag >> 32)) {
        case EVENT_CONNECTION:
            traffic_on_event(l, index, l->events[i].events);
            break;
        case EVENT_LISTENER:
            acceptor_on_listener(l, index);
            break;
        case EVENT_REFUSAL:
            refusals_on_event(&l->acceptor.refusals, index);
            break;
        case EVENT_WAKE: // the inboxes are looked at in every turn
            break;
        }
    }
}

// At most a ring full from each shard: its owner may be filling it as fast as it is emptied.
static void receive_mail(struct loop *l)
{
    for (uint32_t from = 0; from < l->shared->shard_count; from++) {
        if (from == l->index)
            continue;
        struct mail *m;
        for (uint32_t n = 0; n < MAILBOX_CAPACITY; n++) {
            m = mailbox_pull(l->shared->mailbox, from, l->index);
            if (!m)
                break;
            l->mail_moved_ns = l->clock.now_ns;
            where_at(&l->where, WHERE_MAIL, from);
            shard_on_mail(l->shard, m);
        }
    }
}

// What finds no room stays in core, which counts it.
static void send_mail_to(struct loop *l, uint32_t to)
{
    bool sent = false;
    struct mail *m;
    while (mailbox_room(l->shared->mailbox, l->index, to) > 0 && (m = shard_pull_mail(l->shard, to))) {
        bool taken = mailbox_push(l->shared->mailbox, l->index, to, m);
        ASSERT(taken);
        sent = true;
    }
    l->mail_left = l->mail_left || shard_mail_waiting(l->shard, to) > 0;
    if (!sent)
        return;
    l->mail_moved_ns = l->clock.now_ns;
    if (mailbox_wake(l->shared->mailbox, to))
        metric_add(&l->io_metrics.wakeups_sent, 1);
}

static void send_mail(struct loop *l)
{
    l->mail_left = false;
    for (uint32_t to = 0; to < l->shared->shard_count; to++) {
        if (to == l->index)
            continue;
        where_at(&l->where, WHERE_SEND_MAIL, to);
        send_mail_to(l, to);
    }
    if (l->mail_left)
        metric_add(&l->io_metrics.mailbox_full, 1);
}

static void drain_begin(struct loop *l)
{
    if (l->draining)
        return;
    l->draining = true;
    l->drain_due_ms =
        l->clock.now_ms + atomic_load_explicit(&l->shared->live.drain_deadline_ms, memory_order_relaxed);
    shard_drain(l->shard);
    acceptor_shutdown(l);
}

// A shard without connections stays until all are: it may be the home of rooms with members elsewhere.
static void drain_look(struct loop *l)
{
    if (!l->draining)
        return;
    struct loop_shared *shared = l->shared;
    if (!l->drained_told && shard_drained(l->shard)) {
        l->drained_told = true;
        if (atomic_fetch_add_explicit(&shared->drained, 1, memory_order_acq_rel) + 1 == shared->shard_count)
            for (uint32_t i = 0; i < shared->shard_count; i++)
                loop_request(&shared->loops[i], REQUEST_LOOK);
    }
    if (atomic_load_explicit(&shared->drained, memory_order_acquire) == shared->shard_count) {
        l->stopping = true;
    } else if (l->clock.now_ms >= l->drain_due_ms) {
        l->stopping = true;
        if (!l->drained_told) {
            atomic_fetch_add_explicit(&shared->overruns, 1, memory_order_relaxed);
            loop_io_notice(l, IO_NOTICE_DRAIN_OVERRUN, shard_connections(l->shard), "");
        }
    }
}

static void turn_measure(struct loop *l)
{
    l->turn_end_ns = clock_monotonic_ns();
    uint64_t us = (l->turn_end_ns - l->clock.now_ns) / 1000u;
    time_add(&l->metrics->turn, us);
    shard_on_written(l->shard, l->turn_end_ns);

    uint32_t slow_ms = atomic_load_explicit(&l->shared->live.turn_slow_ms, memory_order_relaxed);
    if (slow_ms > 0 && us >= (uint64_t)slow_ms * 1000u) {
        metric_add(&l->io_metrics.turns_slow, 1);
        loop_io_notice(l, IO_NOTICE_TURN_SLOW, us / 1000u, "");
    }
}

static void turn(struct loop *l, uint32_t event_count)
{
    clock_read(&l->clock);
    where_turn(&l->where, l->clock.now_ns);
    l->turn_bytes_read = 0;
    uint32_t requests = take_requests(l);
    shard_turn_begin(l->shard, l->clock.now_ms, l->clock.wall_ms, l->clock.utc_offset_s);
    shard_turn_began_ns(l->shard, l->clock.now_ns);
    if (requests & REQUEST_UNREADY)
        shard_unready(l->shard);
    if (requests & REQUEST_DRAIN)
        drain_begin(l);

    traffic_serve_ready(l);
    dispatch(l, event_count);
    where_at(&l->where, WHERE_ACCEPT, WHERE_NOBODY);
    acceptor_turn(l);
    receive_mail(l);

    shard_turn_end(l->shard);

    send_mail(l);
    traffic_write(l);
    where_at(&l->where, WHERE_CLOSE, WHERE_NOBODY);
    traffic_close(l);
    traffic_reread(l);

    drain_look(l);
    settings_tell(l);
    turn_measure(l);
    where_wait(&l->where);
}

// From here on nobody waits for this thread.
static void thread_end(struct loop *l)
{
    sockets_close(l);
    pthread_mutex_lock(&l->shared->settings_lock);
    l->shared->running &= ~((uint64_t)1 << l->index);
    l->shared->settings_pending &= ~((uint64_t)1 << l->index);
    pthread_cond_broadcast(&l->shared->settings_taken);
    pthread_mutex_unlock(&l->shared->settings_lock);
}

void *loop_run(void *loop)
{
    struct loop *l = loop;
    char name[16];
    snprintf(name, sizeof name, "shard %u", l->index);
    pthread_setname_np(pthread_self(), name);
    where_here = &l->where;

    turn(l, 0); // sets the clock; without it core could not say when it is due
    while (!l->stopping)
        turn(l, loop_wait(l));
    thread_end(l);
    return NULL;
}
