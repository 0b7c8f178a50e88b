// SPDX-License-Identifier: Apache-2.0
//
// A run from its seed to its result, and the step that everything happens in.
#include "sim/world.h"

#include <stdlib.h>

static void *scratch_alloc(void *ctx, size_t n) { return arena_alloc(ctx, n); }
static void *scratch_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    return arena_realloc(ctx, p, n_old, n);
}
static void scratch_free(void *ctx, void *p, size_t n)
{
    (void)n;
    arena_free(ctx, p);
}

// --- time and faults

// The world's pace changes: bursts within a few milliseconds, and stretches in which deadlines pass.
static void pass_time(struct world *w)
{
    static const uint32_t moods[] = {2, 10, 10, 50, 50, 300};
    if (w->faults && w->step >= w->mood_until_step) {
        w->mood_until_step = w->step + 20 + roll(w, 150);
        w->dt_max = moods[roll(w, sizeof moods / sizeof *moods)];
    }
    w->dt_ms = (uint32_t)roll(w, w->dt_max + 1);
    w->now_ms += w->dt_ms;
    w->wall_ms += w->dt_ms;
    if (w->faults && w->plan.wall_jumps && chance(w, 300)) {
        int64_t jump = (int64_t)roll(w, UINT64_C(172800000)) - INT64_C(86400000); // a day, both ways
        w->wall_ms = (uint64_t)((int64_t)w->wall_ms + jump);
        w->counts.wall_jumps++;
        trace_note(w, NULL, "the wall clock jumps by %lld ms", (long long)jump);
    }
}

enum { STORM_STEPS = 900 };

static void link_fault(struct world *w)
{
    if (w->links_n == 0 || w->plan.quiet_network || !chance(w, 12))
        return;
    struct sim_link *l = w->links[roll(w, w->links_n)];
    struct client *c = l->client;
    if (l->healthy || c == NULL || c->temper == TEMPER_HEALTHY)
        return;
    if (chance(w, 2)) {
        l->frozen_until_ms = w->now_ms + roll(w, chance(w, 4) ? 20000 : 1000);
        trace_note(w, c, "the network holds link %u back until %llu ms", l->serial,
                   (unsigned long long)l->frozen_until_ms);
    } else if (chance(w, 6)) {
        link_reset(w, l);
        client_leave(w, c, "the network resets the connection");
    } else if (chance(w, 6)) {
        link_vanish(w, l);
        client_leave(w, c, "vanishes");
    }
}

// Everybody at once, and all of them come back within half a second. Every eighth seed has some; no die says when, so that the others
// are what they were.
static void storm(struct world *w)
{
    if (w->options->seed % 8 != 3 || w->plan.quiet_network || w->step % STORM_STEPS != 0)
        return;
    for (uint32_t i = 0; i < w->links_n; i++) {
        struct sim_link *l = w->links[i];
        struct client *c = l->client;
        if (l->healthy || c == NULL || c->temper == TEMPER_HEALTHY)
            continue;
        link_reset(w, l);
        client_leave(w, c, "is cut off with all the others");
        c->next_connect_ms = w->now_ms + roll(w, 500);
        w->counts.stormed++;
    }
}

static void make_faults(struct world *w)
{
    if (!w->faults)
        return;
    link_fault(w);
    storm(w);
    struct node *n = &w->nodes[roll(w, w->nodes_n)];
    if (w->plan.stall_ms != 0 && n->stalled_until_ms < w->now_ms && chance(w, 60)) {
        n->stalled_until_ms = w->now_ms + 1 + roll(w, w->plan.stall_ms);
        w->counts.stalls++;
        trace_note(w, NULL, "shard %u stalls until %llu ms", n->index,
                   (unsigned long long)n->stalled_until_ms);
    }
}

static bool turn_now(struct world *w, const struct node *n)
{
    if (n->stalled_until_ms > w->now_ms)
        return false;
    if (w->plan.spurious_turns && chance(w, 10))
        return true;
    if (!node_has_work(w, n) && node_due_ms(n) > w->now_ms)
        return false;
    return !w->faults || !chance(w, 6); // others may come first
}

void world_step(struct world *w)
{
    w->step++;
    pass_time(w);
    make_faults(w);
    uint32_t start = (uint32_t)roll(w, w->plan.clients);
    for (uint32_t i = 0; i < w->plan.clients; i++)
        client_step(w, &w->clients[(start + i) % w->plan.clients]);
    links_step(w);
    if (w->plan.engine)
        engine_step(w);
    hands_step(w);
    start = (uint32_t)roll(w, w->nodes_n);
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        struct node *n = &w->nodes[(start + i) % w->nodes_n];
        if (!turn_now(w, n))
            continue;
        node_turn(w, n);
        for (int more = 0; n->writes_left && more < 20; more++)
            node_turn(w, n);
    }
    watch_step(w);
}

// --- the beginning and the end

// The most that the settings allow for, with what is not counted in them: pools, heads of blocks, mails under way.
static size_t budget_of(const struct world *w)
{
    const struct settings *s = &w->settings;
    size_t room = (size_t)2 * s->log_bytes + (TRACE_EVENTS << 5) + (size_t)s->idempotency_keys * 64u;
    size_t conn = (size_t)2 * s->reply_bytes + (size_t)8 * s->message_bytes + 65536u;
    size_t outlet = (size_t)4 * (s->lag_bytes + 131072u);
    return w->baseline + (size_t)ROOMS_MAX * (w->plan.servers * room + w->nodes_n * outlet) +
           (size_t)2 * CLIENTS_MAX * conn + s->deflate_bytes + w->nodes_n * (size_t)(4u << 20);
}

static void world_begin(struct world *w)
{
    static const char *const names[ROOMS_MAX] = {
        "lobby", "r1", "r2", "r3", "Caf\xc3\xa9 \"4\" \\ \xf0\x9f\x98\x80", "a room with spaces", "r"};
    uint64_t seed = w->options->seed;
    prng_init(&w->dice, seed);
    prng_init(&w->secrets, seed ^ 0x5ec2e75);
    vmem_init(&w->vmem);
    arena_init(&w->arena);
    mem_init(&w->scratch_mem, (struct mem_backend){scratch_alloc, scratch_realloc, scratch_free, &w->arena},
             0);
    memcpy(w->room_names, names, sizeof names);
    w->now_ms = 1 + roll(w, 1u << 20);
    w->wall_ms = 1795161600000;
    w->faults = true;
    plan_make(w);
    deflated_plan(w);
    hands_begin(w);
    audit_begin(w);
    for (uint32_t i = 0; i < w->plan.servers; i++)
        for (uint32_t k = 0; k < w->plan.shards; k++)
            node_create(w, i, k);
    struct probe p;
    w->baseline = mem_used(&w->vmem.mem);
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        probe_shard(w->nodes[i].shard, &p);
        w->baseline -= p.retained;
    }
    w->budget = budget_of(w);
    w->clients = arena_alloc(&w->arena, w->plan.clients * sizeof *w->clients);
    for (uint32_t i = 0; i < w->plan.clients; i++)
        client_init(w, &w->clients[i], i);
    char plan[512];
    plan_describe(w, plan, sizeof plan);
    trace_note(w, NULL, "%s", plan);
}

static void run(struct world *w)
{
    for (uint32_t i = 0; i < w->plan.steps; i++)
        world_step(w);
    finish(w);
    for (uint32_t i = 0; i < w->nodes_n; i++)
        shard_destroy(w->nodes[i].shard);
    engine_end(w);
    hands_end(w);
    tenancy_end(w);
    deflated_end(w);
    if (w->vmem.blocks != (w->options->mutation == MUTATE_LEAK && w->mutation.done))
        trace_fail(w, NULL, "BOUNDS: %zu blocks are left after the shards were destroyed", w->vmem.blocks);
}

void sim_run(const struct sim_options *options, struct sim_result *ret)
{
    struct world *w = calloc(1, sizeof *w);
    ASSERT(w != NULL);
    w->options = options;
    *ret = (struct sim_result){0};
    trace_running(w);
    if (setjmp(w->way_out) == 0) {
        world_begin(w);
        run(w);
    } else {
        ret->failed = true;
    }
    trace_running(NULL);
    where_here = NULL; // a run that failed has left its turn
    w->counts.steps = w->step;
    w->counts.allocations_refused = atomic_load(&w->vmem.mem.refused);
    ret->hash = w->trace.hash;
    ret->counts = w->counts;
    ret->report = w->trace.report;
    free(w->lent);
    vmem_deinit(&w->vmem);
    arena_deinit(&w->arena);
    free(w);
}
