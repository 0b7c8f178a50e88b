// SPDX-License-Identifier: Apache-2.0
//
// One turn of the loop: wait for sockets or the next due message, handle what is readable, publish what is due, and
// only then send, so that everything a turn has produced for one connection leaves in one send().

#include "worker.h"

#include "codec.h"
#include "conn.h"
#include "coordinator.h"
#include "drive.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 128
#define TICK_NS 10000000u       // how late a change of phase may be noticed
#define OVERDUE_NS 10000000000u // a handshake or join that takes longer has failed
#define OVERDUE_CHECK_NS 1000000000u

// Released, so that who sees all clients settled sees their connections' states too.
static void publish_counts(struct worker *w)
{
    const uint64_t *from = (const uint64_t *)&w->counts;
    uint64_t *to = (uint64_t *)&w->counts_seen;
    for (size_t i = 0; i < sizeof w->counts / sizeof *from; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
}

struct counts worker_sum_counts(const struct world *world)
{
    struct counts sum = {0};
    uint64_t *to = (uint64_t *)&sum;
    for (uint32_t w = 0; w < world->options.threads; w++) {
        const uint64_t *from = (const uint64_t *)&world->workers[w].counts_seen;
        for (size_t i = 0; i < sizeof sum / sizeof *to; i++)
            to[i] += __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
    }
    return sum;
}

// Keeps a limited number of connections in the making, so that the server's accept queue is never overrun: the wait
// for a lost SYN (1 s) would be the client's fault.
static void connect_more(struct worker *w)
{
    struct world *world = w->world;
    uint32_t limit = world->options.connecting_max / world->options.threads;
    if (w->connect_next == w->end_conn && w->connect_again) {
        w->connect_again = false;
        w->connect_next = w->first_conn;
    }
    uint32_t end = w->end_conn;
    if (w->phase == PHASE_FIRST)
        end = w->first_conn + FIRST_SHARE(end - w->first_conn);
    while (w->connect_next < end && w->connecting < (limit ? limit : 1)) {
        struct bench_conn *c = &world->conns[w->connect_next++];
        if (c->state == CONN_NEW || c->state == CONN_CUT)
            conn_connect(c);
    }
}

static void fail_overdue(struct worker *w)
{
    static const char *const doing[] = {"", "connecting", "shaking hands", "upgrading", "joining"};
    if (w->now < w->overdue_check_ns)
        return;
    w->overdue_check_ns = w->now + OVERDUE_CHECK_NS;
    for (uint32_t i = w->first_conn; i < w->end_conn && w->connecting; i++) {
        struct bench_conn *c = &w->world->conns[i];
        if (c->state >= CONN_CONNECTING && c->state <= CONN_JOINING && w->now > c->started_ns + OVERDUE_NS)
            conn_fail(c, "no answer within 10 s while %s", doing[c->state]);
    }
}

static void churn(struct worker *w)
{
    struct world *world = w->world;
    double rate = world->options.churn_per_s / world->options.threads;
    if (rate <= 0 || (w->phase != PHASE_WARMUP && w->phase != PHASE_MEASURE))
        return;
    if (w->churn_next_ns == 0)
        w->churn_next_ns = w->now;
    for (int n = 0; w->churn_next_ns <= w->now && n < 64; n++) {
        w->churn_next_ns += (uint64_t)(1e9 / rate) + 1;
        uint64_t pick = worker_random(w) % (w->end_conn - w->first_conn);
        struct bench_conn *c = &world->conns[w->first_conn + pick];
        struct seat *seat = &c->seats[worker_random(w) % c->seat_count];
        if (c->state == CONN_READY && !c->publishes && !c->stalled && seat->state == SEAT_IN)
            world->codec->leave(c, seat);
    }
}

static void cut_readers(struct worker *w)
{
    for (uint32_t i = w->first_conn; i < w->end_conn; i++) {
        struct bench_conn *c = &w->world->conns[i];
        if (c->state == CONN_READY && !c->publishes)
            conn_cut(c);
    }
    w->storm_cut = true;
    w->connect_next = w->first_conn;
}

static void set_stalled(struct worker *w, bool stalled)
{
    for (uint32_t i = w->first_conn; i < w->end_conn; i++) {
        struct bench_conn *c = &w->world->conns[i];
        if (c->to_stall && c->state == CONN_READY)
            conn_set_stalled(c, stalled);
    }
}

static void follow_phase(struct worker *w)
{
    const struct options *o = &w->world->options;
    enum phase phase = world_phase(w->world);
    if (phase == PHASE_DONE) {
        w->phase = phase;
        return;
    }
    while (w->phase != phase) {
        w->phase++;
        if (w->phase == PHASE_WARMUP) {
            if (o->stall_percent > 0)
                set_stalled(w, true);
            drive_start(w);
        } else if (w->phase == PHASE_MEASURE) {
            w->window_from_ns = w->world->window_from_ns;
            w->window_to_ns = w->world->window_to_ns;
            if (o->storm)
                cut_readers(w);
        } else if (w->phase == PHASE_DRAIN && o->stall_percent > 0 && options_is_native(o)) {
            set_stalled(w, false); // what they missed must be there, or announced as a gap
        }
    }
}

static int wait_events(struct worker *w, struct epoll_event *events)
{
    uint64_t until = drive_due_ns(w);
    uint64_t now = clock_now_ns();
    uint64_t tick = now + TICK_NS;
    if (until > tick)
        until = tick;
    if (w->churn_next_ns && w->churn_next_ns < until)
        until = w->churn_next_ns;
    uint64_t wait = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)wait};
    int n = epoll_pwait2(w->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    w->now = clock_now_ns();
    return n;
}

static void on_wake(struct worker *w)
{
    uint64_t count;
    (void)!read(w->wake_fd, &count, sizeof count);
    w->woken = true;
}

void worker_run(struct worker *w)
{
    struct epoll_event events[EVENTS_MAX];
    w->now = clock_now_ns();
    while (w->phase != PHASE_DONE) {
        follow_phase(w);
        connect_more(w);
        drive_run(w);
        churn(w);
        conn_flush_dirty(w);
        publish_counts(w);
        if (w->index == 0)
            coordinator_tick(w);
        int n = wait_events(w, events);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                conn_on_event(events[i].data.ptr, events[i].events);
            else
                on_wake(w);
        }
        fail_overdue(w);
    }
    publish_counts(w);
}
