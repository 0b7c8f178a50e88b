// SPDX-License-Identifier: Apache-2.0
//
// The phases follow the clock, except where something must be complete first:
//
//     FIRST    --idle only: one client in a hundred; then the server's memory is read, so that code and tables that
//              come into memory with the very first connection are not counted as the connections' own
//     CONNECT  until every client is ready or has failed, then a short rest for the last presence messages
//     WARMUP   --warmup seconds of publishing
//     MEASURE  --duration seconds; with --reconnect-storm until 1 s after the last client is back (30 s at most,
//              or --duration if that is longer)
//     DRAIN    until nothing has arrived for 300 ms (60 s at most)

#include "coordinator.h"

#include "report.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_NS 10000000u
#define SECOND_NS 1000000000u
#define SETTLE_NS 300000000u
#define LEAD_NS 20000000u // between deciding to publish and the first due message
#define QUIET_NS 300000000u
#define DRAIN_MAX_NS 60000000000u
#define STORM_MAX_NS 30000000000u

struct run run;

static struct {
    uint64_t next_tick_ns, next_progress_ns;
    uint64_t settled_ns;
    uint64_t back_ns;
    uint64_t quiet_since_ns, drain_from_ns;
    uint64_t bytes_seen;
} tick;

static void take_reading(struct world *world, uint64_t now, struct reading *ret)
{
    ret->at_ns = now;
    ret->counts = worker_sum_counts(world);
    ret->own_cpu_ns = proc_own_cpu_ns();
    if (world->options.server_pid && proc_read_cpu(world->options.server_pid, &ret->server_cpu))
        run.server_gone = true;
}

static void take_memory(struct world *world, struct proc_memory *ret)
{
    if (world->options.server_pid && proc_read_memory(world->options.server_pid, ret))
        run.server_gone = true;
}

void coordinator_start(struct world *world)
{
    take_memory(world, &run.memory_before);
    if (run.server_gone) {
        fprintf(stderr, "plenum-bench: --server-pid %d: no such process, or not mine to look at\n",
                (int)world->options.server_pid);
        exit(2);
    }
    world->phase = world->options.idle ? PHASE_FIRST : PHASE_CONNECT;
    run.connect_from_ns = clock_now_ns();
    tick.next_progress_ns = run.connect_from_ns + SECOND_NS;
}

static void set_phase(struct world *world, enum phase phase)
{
    __atomic_store_n(&world->phase, phase, __ATOMIC_RELEASE);
}

static void count_readers(struct world *world)
{
    for (uint32_t i = 0; i < world->options.clients; i++) {
        const struct bench_conn *c = &world->conns[i];
        if (c->state != CONN_READY)
            continue;
        run.connected++;
        if (world->options.storm && !c->publishes)
            world->cut_count++;
        for (uint32_t s = 0; s < c->seat_count && !c->to_stall; s++)
            world->rooms[c->seats[s].room].readers++;
    }
}

static void start_window(struct world *world, uint64_t now)
{
    double length = world->options.duration_s * 1e9;
    if (world->options.storm && length < (double)STORM_MAX_NS)
        length = (double)STORM_MAX_NS;
    world->window_from_ns = now;
    world->window_to_ns = now + (uint64_t)length;
    world->cut_ns = now;
    take_reading(world, now, &run.from);
    set_phase(world, PHASE_MEASURE);
}

// Whether so many clients have been ready (or failed) for the time that the last presence messages may take.
static bool is_settled(struct world *world, uint64_t clients, uint64_t now)
{
    if (worker_sum_counts(world).settled < clients)
        return false;
    if (tick.settled_ns == 0)
        tick.settled_ns = run.connect_to_ns = now;
    return now >= tick.settled_ns + SETTLE_NS;
}

static void tick_first(struct world *world, uint64_t now)
{
    uint32_t clients = 0;
    for (uint32_t i = 0; i < world->options.threads; i++)
        clients += FIRST_SHARE(world->workers[i].end_conn - world->workers[i].first_conn);
    if (!is_settled(world, clients, now))
        return;
    take_memory(world, &run.memory_before);
    run.connected_before = clients;
    run.connect_from_ns = now;
    tick.settled_ns = 0;
    set_phase(world, PHASE_CONNECT);
}

static void tick_connect(struct world *world, uint64_t now)
{
    if (!is_settled(world, world->options.clients, now))
        return;
    count_readers(world);
    world->publish_from_ns = now + LEAD_NS;
    if (run.connected == 0) {
        take_reading(world, now, &run.from);
        take_reading(world, now, &run.to);
        set_phase(world, PHASE_DONE);
    } else if (world->options.idle) {
        start_window(world, now);
    } else {
        set_phase(world, PHASE_WARMUP);
    }
}

static void tick_measure(struct world *world, uint64_t now)
{
    if (world->options.storm && tick.back_ns == 0 && worker_sum_counts(world).back >= world->cut_count)
        tick.back_ns = now;
    bool all_back = tick.back_ns && now >= tick.back_ns + SECOND_NS;
    if (now < world->window_to_ns && !all_back)
        return;
    take_memory(world, &run.memory_after);
    take_reading(world, now, &run.to);
    tick.drain_from_ns = tick.quiet_since_ns = now;
    set_phase(world, PHASE_DRAIN);
}

static void tick_drain(struct world *world, uint64_t now)
{
    uint64_t bytes = worker_sum_counts(world).bytes;
    if (bytes != tick.bytes_seen) {
        tick.bytes_seen = bytes;
        tick.quiet_since_ns = now;
    }
    if (world->options.idle || now > tick.quiet_since_ns + QUIET_NS ||
        now > tick.drain_from_ns + DRAIN_MAX_NS)
        set_phase(world, PHASE_DONE);
}

void coordinator_tick(struct worker *w)
{
    struct world *world = w->world;
    uint64_t now = w->now;
    bool window_over = world->phase == PHASE_MEASURE && now >= world->window_to_ns;
    if (now < tick.next_tick_ns && !window_over)
        return;
    tick.next_tick_ns = now + TICK_NS;
    switch (world->phase) {
    case PHASE_FIRST:
        tick_first(world, now);
        break;
    case PHASE_CONNECT:
        tick_connect(world, now);
        break;
    case PHASE_WARMUP:
        if (now >= world->publish_from_ns + (uint64_t)(world->options.warmup_s * 1e9))
            start_window(world, now);
        break;
    case PHASE_MEASURE:
        tick_measure(world, now);
        break;
    case PHASE_DRAIN:
        tick_drain(world, now);
        break;
    case PHASE_DONE:
        break;
    }
    if (now >= tick.next_progress_ns && !world->options.quiet) {
        tick.next_progress_ns += SECOND_NS;
        report_progress(world, now);
    }
}
