// SPDX-License-Identifier: Apache-2.0
//
// One turn of a shard, in the order that core/shard/shard.h asks for, and the life of its thread.
//
// New connections come after the events of the old ones: in a storm of reconnects those who are in are served first.
// Mail comes last of the input, so that what this turn's commands caused elsewhere and came back at once is still
// part of this turn's writes.
#include "io/loop.h"

#include "base/assert.h"
#include "io/event.h"
#include "io/mem_malloc.h"
#include <stdio.h>
#include <unistd.h>

void loop_request(struct loop *l, uint32_t request)
{
    atomic_fetch_or_explicit(&l->requests, request, memory_order_acq_rel);
    mailbox_wake(l->shared->mailbox, l->index);
}

void loops_wake(struct loop_shared *shared, uint64_t shards)
{
    for (uint32_t i = 0; shards != 0; i++, shards >>= 1)
        if (shards & 1)
            loop_request(&shared->loops[i], REQUEST_LOOK);
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

static void host_audit(void *ctx, uint64_t wall_ms, const struct audit_event *e)
{
    const struct loop *l = ctx;
    const struct server_hooks *hooks = &l->shared->hooks;
    hooks->audit(hooks->ctx, l->index, wall_ms, e);
}

static void host_metrics_page(void *ctx, struct buf *body)
{
    struct loop *l = ctx;
    const struct server_hooks *hooks = &l->shared->hooks;
    if (hooks->metrics_page)
        hooks->metrics_page(hooks->ctx, body);
}

static void host_health_page(void *ctx, const struct health_asked *asked, struct buf *body)
{
    struct loop *l = ctx;
    const struct server_hooks *hooks = &l->shared->hooks;
    if (hooks->health_page)
        hooks->health_page(hooks->ctx, asked, body);
}

static enum err host_count(void *ctx, uint32_t conn, const struct ip *from)
{
    struct loop *l = ctx;
    return acceptor_count(&l->acceptor, from, traffic_ticket(&l->traffic, conn));
}

static enum err epoll_init(struct loop *l)
{
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return ERR_LIMIT;
    // Edge-triggered: every write raises a new edge, so the counter need not be read.
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = event_tag(EVENT_WAKE, 0)};
    int fd = mailbox_fd(l->shared->mailbox, l->index);
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? OK : ERR_LIMIT;
}

// The parts that the turn is made of: each is given what it needs, and nothing of the others.
static enum err parts_init(struct loop *l, const struct listener_row *rows, uint32_t row_count,
                           const struct settings *core)
{
    acceptor_init(&l->acceptor, &(struct acceptor_needs){.epoll_fd = l->epoll_fd,
                                                         .shard = l->index,
                                                         .ways = core->ways,
                                                         .mem = &l->mem,
                                                         .admission = &l->shared->admission,
                                                         .metrics = l->metrics,
                                                         .io_metrics = &l->io_metrics,
                                                         .reporter = l->reporter});
    acceptor_settings(&l->acceptor, core);
    l->waiter.epoll_fd = l->epoll_fd;
    l->waiter.shard = l->index;
    l->waiter.mailbox = l->shared->mailbox;
    l->waiter.requests = &l->requests;
    l->waiter.metrics = &l->io_metrics;
    return traffic_init(&l->traffic,
                        &(struct traffic_needs){.epoll_fd = l->epoll_fd,
                                                .shard = l->shard,
                                                .mem = &l->mem,
                                                .metrics = &l->io_metrics,
                                                .where = &l->where},
                        rows, row_count, core);
}

enum err loop_init(struct loop *l, uint32_t index, struct loop_shared *shared,
                   const struct listener_row *rows, uint32_t row_count, const struct settings *core)
{
    l->index = l->where.shard = index;
    l->shared = shared;
    l->reporter = (struct reporter){.hooks = &shared->hooks, .shard = index};
    mem_share_init(&l->mem, shared->mem);
    l->host = (struct shard_host){.ctx = l,
                                  .random = host_random,
                                  .notice = host_notice,
                                  .metrics_page = host_metrics_page,
                                  .health_page = host_health_page,
                                  .count = host_count};
    if (shared->hooks.audit != NULL)
        l->host.audit = host_audit;
    enum err e = epoll_init(l);
    if (e != OK)
        return e;
    l->shard = shard_create(index, core, &l->host, &l->mem);
    if (!l->shard)
        return ERR_NOMEM;
    l->metrics = shard_metrics(l->shard);
    return parts_init(l, rows, row_count, core);
}

static void sockets_close(struct loop *l)
{
    acceptor_deinit(&l->acceptor);
    for (uint32_t ticket; traffic_cut(&l->traffic, &ticket);)
        admission_leave(&l->shared->admission, ticket);
}

void loop_deinit(struct loop *l)
{
    if (!l->shared)
        return;
    if (l->shard) { // and so everything else
        sockets_close(l);
        traffic_deinit(&l->traffic);
    }
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
        acceptor_settings(&l->acceptor, core);
        enum err e = traffic_settings(&l->traffic, core);
        (void)e; // without memory for another buffer the old one does
        l->settings_new = true;
    }
    if (requests & REQUEST_TRIM)
        mem_malloc_end_trim();
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
    bool newcomers = false;
    for (uint32_t i = 0; i < event_count; i++) {
        const struct epoll_event *event = &l->waiter.events[i];
        uint32_t index = event_tag_index(event->data.u64);
        switch (event_tag_kind(event->data.u64)) {
        case EVENT_CONNECTION:
            traffic_on_event(&l->traffic, index, event->events);
            break;
        case EVENT_LISTENER:
            acceptor_on_listener(&l->acceptor, index);
            break;
        case EVENT_REFUSAL:
            acceptor_on_refusal(&l->acceptor, index);
            break;
        case EVENT_LOBBY:
            acceptor_on_lobby(&l->acceptor, index);
            break;
        case EVENT_WAKE: // the inboxes are looked at in every turn
            break;
        case EVENT_NEWCOMERS:
            newcomers = true;
            break;
        }
    }
    // Whom mail is about is in already, or has asked to be: who comes waits until it is read.
    if (newcomers && !l->inbox_left)
        traffic_serve_newcomers(&l->traffic, clock_monotonic_ns() + NEWCOMERS_NS);
    if (traffic_has_leavers(&l->traffic))
        traffic_serve_leavers(&l->traffic, clock_monotonic_ns() + LEAVERS_NS);
}

static void take_arrivals(struct loop *l)
{
    uint32_t wait_ms = atomic_load_explicit(&l->shared->live.connection_wait_ms, memory_order_relaxed);
    acceptor_turn(&l->acceptor, l->clock.now_ms, wait_ms);
    for (const struct arrival *in; (in = acceptor_pull(&l->acceptor));) {
        uint32_t conn = 0;
        enum err e = shard_on_accept(l->shard, in->transport, &in->peer, &conn);
        if (e == OK)
            traffic_open(&l->traffic, conn, in->fd, in->listener, in->ticket);
        else
            acceptor_refuse(&l->acceptor, in, e);
    }
    loops_wake(l->shared, acceptor_pull_woken(&l->acceptor));
}

// Ten thousand that go at once would take 100 ms in one go; those who stay are served in between.
static void close_connections(struct loop *l)
{
    const uint64_t until_ns = clock_monotonic_ns() + CLOSE_NS;
    l->closes_left = false;
    for (uint32_t n = 1, ticket; !l->closes_left && traffic_pull_closed(&l->traffic, &ticket); n++) {
        acceptor_on_closed(&l->acceptor, l->clock.now_ms);
        loops_wake(l->shared, admission_leave(&l->shared->admission, ticket));
        l->closes_left = n % CLOSES_PER_LOOK == 0 && clock_monotonic_ns() >= until_ns;
    }
}

// From another shard, or from one of those that check tokens, which are numbered behind the shards, or from the store behind these.
static struct mail *pull_mail(struct loop *l, uint32_t from)
{
    const uint32_t shards = l->shared->shard_count, store = shards + l->shared->verifier_count;
    if (from >= store)
        return stores_pull(l->shared->stores, (enum stores_side)(from - store), l->index);
    if (from >= shards)
        return verifiers_pull(l->shared->verifiers, from - shards, l->index);
    return from != l->index ? mailbox_pull(l->shared->mailbox, from, l->index) : NULL;
}

// A ring may be filled as fast as it is emptied, and what 20,000 who come back ask for is in few of them: so only for so long, and the
// next turn goes on with the next one.
static void receive_mail(struct loop *l)
{
    const uint32_t sides = l->shared->stores != NULL ? STORES_SIDES : 0;
    const uint32_t senders = l->shared->shard_count + l->shared->verifier_count + sides;
    const uint64_t until_ns = clock_monotonic_ns() + MAIL_NS;
    uint32_t n = 0;
    l->inbox_left = false;
    for (uint32_t k = 0; k < senders && !l->inbox_left; k++) {
        const uint32_t from = l->inbox_next++ % senders;
        for (struct mail *m; !l->inbox_left && (m = pull_mail(l, from)) != NULL;) {
            if (from < l->shared->shard_count)
                l->mail_moved_ns = l->clock.now_ns;
            where_at(&l->where, WHERE_MAIL, m->from);
            shard_on_mail(l->shard, m);
            l->inbox_left = ++n % MAILS_PER_LOOK == 0 && clock_monotonic_ns() >= until_ns;
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

static void send_tokens(struct loop *l, uint32_t which)
{
    uint32_t port = l->shared->shard_count + 1 + which;
    struct mail *m;
    while (verifiers_room(l->shared->verifiers, which, l->index) > 0 &&
           (m = shard_pull_mail(l->shard, port)) != NULL)
        verifiers_push(l->shared->verifiers, which, l->index, m);
    l->mail_left = l->mail_left || shard_mail_waiting(l->shard, port) > 0;
}

static void send_to_store(struct loop *l, enum stores_side side)
{
    const uint32_t port = l->shared->shard_count + 1 + l->shared->verifier_count + side;
    struct mail *m;
    while (stores_room(l->shared->stores, side, l->index) > 0 &&
           (m = shard_pull_mail(l->shard, port)) != NULL)
        stores_push(l->shared->stores, side, l->index, m);
    l->mail_left = l->mail_left || shard_mail_waiting(l->shard, port) > 0;
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
    for (uint32_t i = 0; i < l->shared->verifier_count; i++)
        send_tokens(l, i);
    for (uint32_t i = 0; i < STORES_SIDES && l->shared->stores != NULL; i++)
        send_to_store(l, (enum stores_side)i);
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
    acceptor_shutdown(&l->acceptor, l->clock.now_ms);
}

// One more has come so far, and where it was the last all shards have to hear of it.
static void count_one(struct loop_shared *shared, _Atomic uint32_t *n)
{
    if (atomic_fetch_add_explicit(n, 1, memory_order_acq_rel) + 1 == shared->shard_count)
        for (uint32_t i = 0; i < shared->shard_count; i++)
            loop_request(&shared->loops[i], REQUEST_LOOK);
}

// A shard without connections stays until all are: it may be the home of rooms with members elsewhere. What these have said is to be
// kept then, if there is the time.
static void drain_look(struct loop *l)
{
    if (!l->draining)
        return;
    struct loop_shared *shared = l->shared;
    if (!l->drained_told && shard_drained(l->shard)) {
        l->drained_told = true;
        count_one(shared, &shared->drained);
    }
    if (!l->kept_told && shard_kept(l->shard) &&
        atomic_load_explicit(&shared->drained, memory_order_acquire) == shared->shard_count) {
        l->kept_told = true;
        count_one(shared, &shared->kept);
    }
    if (atomic_load_explicit(&shared->kept, memory_order_acquire) == shared->shard_count) {
        l->stopping = true;
    } else if (l->clock.now_ms >= l->drain_due_ms) {
        l->stopping = true;
        if (!l->drained_told) {
            atomic_fetch_add_explicit(&shared->overruns, 1, memory_order_relaxed);
            report(&l->reporter, IO_NOTICE_DRAIN_OVERRUN, shard_connections(l->shard), "");
        }
    }
}

static void turn_measure(struct loop *l)
{
    l->turn_end_ns = clock_monotonic_ns();
    uint64_t us = (l->turn_end_ns - l->clock.now_ns) / 1000u;
    time_add(&l->metrics->turn, us);
    shard_on_written(l->shard, l->writes_began_ns, l->turn_end_ns);

    uint32_t slow_ms = atomic_load_explicit(&l->shared->live.turn_slow_ms, memory_order_relaxed);
    if (slow_ms > 0 && us >= (uint64_t)slow_ms * 1000u) {
        metric_add(&l->io_metrics.turns_slow, 1);
        report(&l->reporter, IO_NOTICE_TURN_SLOW, us / 1000u, "");
    }
}

static void turn(struct loop *l, uint32_t event_count)
{
    clock_read(&l->clock);
    where_turn(&l->where, l->clock.now_ns);
    uint32_t requests = take_requests(l);
    shard_turn_begin(l->shard, l->clock.now_ms, l->clock.wall_ms, l->clock.utc_offset_s);
    shard_turn_began_ns(l->shard, l->clock.now_ns);
    if (requests & REQUEST_UNREADY)
        shard_unready(l->shard);
    if (requests & REQUEST_DRAIN)
        drain_begin(l);

    traffic_serve_ready(&l->traffic);
    dispatch(l, event_count);
    where_at(&l->where, WHERE_ACCEPT, WHERE_NOBODY);
    take_arrivals(l);
    receive_mail(l);

    shard_turn_end(l->shard);

    send_mail(l);
    l->writes_began_ns = clock_monotonic_ns();
    traffic_write(&l->traffic);
    where_at(&l->where, WHERE_CLOSE, WHERE_NOBODY);
    traffic_shutdown(&l->traffic);
    close_connections(l);
    traffic_reread(&l->traffic);
    traffic_forget(&l->traffic);

    drain_look(l);
    settings_tell(l);
    turn_measure(l);
    where_wait(&l->where, l->turn_end_ns);
}

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

// Nanoseconds until something is due, 0 = now.
static uint64_t idle_ns(const struct loop *l)
{
    if (traffic_is_busy(&l->traffic) || l->closes_left || l->inbox_left)
        return 0;
    uint64_t due_ms = min_u64(shard_next_due_ms(l->shard), acceptor_next_due_ms(&l->acceptor));
    if (l->draining)
        due_ms = min_u64(due_ms, l->drain_due_ms);
    if (l->mail_left)
        due_ms = min_u64(due_ms, l->turn_end_ns / 1000000u + MAIL_RETRY_MS);
    if (due_ms >= WAIT_FOREVER / 1000000u)
        return WAIT_FOREVER; // nor is a flush due, which is within milliseconds
    uint64_t due_ns = min_u64(due_ms * 1000000u, shard_next_due_ns(l->shard));
    return due_ns > l->turn_end_ns ? due_ns - l->turn_end_ns : 0;
}

// Mail within the last millisecond makes more mail likely.
static uint64_t spin_ns(const struct loop *l)
{
    if (l->turn_end_ns - l->mail_moved_ns >= SPIN_RECENT_NS)
        return 0;
    return (uint64_t)atomic_load_explicit(&l->shared->live.spin_us, memory_order_relaxed) * 1000u;
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
        turn(l, waiter_wait(&l->waiter, idle_ns(l), spin_ns(l), l->turn_end_ns));
    thread_end(l);
    return NULL;
}
