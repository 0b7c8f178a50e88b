// SPDX-License-Identifier: Apache-2.0
//
// The end of a run, where nothing may be missing and nothing may be left:
//
//   faults off, nobody says anything new  ->  the world comes to rest  ->  everyone has everything
//     ->  drain, or everyone goes          ->  grace times pass          ->  no room, no member, no byte too many
#include "sim/world.h"

enum {
    REST_STEPS_MAX = 30000,
    REST_STEPS = 25,
    REST_MS = 1200
}; // changes of a state may be told 500 ms later (seed 344)

// --- to rest

static bool busy(struct world *w)
{
    uint64_t asks, found;
    probe_credits(w, &asks, &found);
    if (asks != 0) // some is not answered yet
        return true;
    if (w->plan.engine && (engine_busy(w) || probe_course_busy(w)))
        return true;
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        // Where there is an engine, homes ask it where it is for as long as somebody is there: that is rest.
        if (!w->plan.engine && (node_has_work(w, &w->nodes[i]) || node_due_ms(&w->nodes[i]) <= w->now_ms))
            return true;
        const struct node *n = &w->nodes[i];
        for (uint32_t k = 0; k <= w->plan.shards; k++) // and the engine
            if ((k < w->plan.shards && w->boxes[i][n->first + k].n != 0) ||
                (n->first + k != i && shard_mail_waiting(n->shard, k) != 0))
                return true;
    }
    for (uint32_t i = 0; i < w->links_n; i++) {
        const struct sim_link *l = w->links[i];
        if (l->client != NULL && (l->down.n != 0 || (l->accepted && !l->server_closed && l->up.n != 0)))
            return true;
    }
    return false;
}

static uint64_t entries_appended(const struct world *w)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        n += metric_get(&shard_metrics(w->nodes[i].shard)->entries) +
             metric_get(&shard_metrics(w->nodes[i].shard)->passing);
    return n;
}

// Calm: nothing under way, and no new entry (a member's grace time may end), for a while.
static void come_to_rest(struct world *w)
{
    uint32_t calm = 0;
    uint64_t since_ms = w->now_ms;
    for (uint32_t i = 0; i < REST_STEPS_MAX; i++) {
        uint64_t before = entries_appended(w);
        world_step(w);
        const bool news = entries_appended(w) != before;
        calm = busy(w) || news ? 0 : calm + 1;
        since_ms = news ? w->now_ms : since_ms;
        if (calm >= REST_STEPS && w->now_ms - since_ms >= REST_MS)
            return;
    }
    trace_fail(w, NULL, "LOSS: the world does not come to rest");
}

static void faults_off(struct world *w)
{
    trace_note(w, NULL, "faults off");
    w->faults = false;
    w->faults_off_ms = w->now_ms;
    w->dt_max = 40;
    w->vmem.mem.bytes_max = 0;
    w->plan.slow_node = NONE;
    engine_faults_off(w);
    w->plan.mailbox_cap = w->plan.mailbox_cap < 64 ? 64 : w->plan.mailbox_cap;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        w->nodes[i].stalled_until_ms = 0;
    for (uint32_t i = 0; i < w->links_n; i++) {
        struct sim_link *l = w->links[i];
        l->frozen_until_ms = 0;
        l->chunk_max = UINT32_MAX;
        l->down_cap = 64u << 20;
        if (l->client == NULL && w->clients[l->owner].temper == TEMPER_FLOODING)
            l->reset = true; // else its backlog would be worked off into the void, for minutes
    }
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct client *c = &w->clients[i];
        c->stopping = true;
        c->read_per_s = 0;
        if (w->options->mutation != MUTATE_LATE || w->mutation.victim != c)
            c->stalled_until_ms = 0;
        if (c->link != NULL && !client_watched(c)) {
            link_reset(w, c->link);
            client_leave(w, c, "resets");
        }
    }
}

// --- everyone has everything

static void check_all_seen(struct world *w, struct client *c)
{
    if (c->state != CLIENT_OPEN || !client_watched(c))
        return;
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id != 0)
            trace_fail(w, c, "LOSS: command %u was never answered", a->id);
    }
    if (c->speech == SPEAKS_ECHO && c->echo_seen != c->echo_sent)
        trace_fail(w, c, "LOSS: %u echoes of %u came", c->echo_seen, c->echo_sent);
    if (c->speech == SPEAKS_HTTP && c->http_seen != c->http_sent && !c->expects_close &&
        w->plan.refuse_one_in == 0)
        trace_fail(w, c, "LOSS: %u responses to %u requests came", c->http_seen, c->http_sent);
    text_seat_complete(w, c);
    for (int room = 0; room < ROOMS_MAX; room++) {
        char epoch[EPOCH_MAX];
        uint64_t head;
        struct seat *s = &c->seats[room];
        if (!s->on)
            continue;
        if (!probe_room_head(w, c->server, w->room_names[room], epoch, &head))
            trace_fail(w, c, "LOSS: %s is gone, with a member in it", w->room_names[room]);
        if (strcmp(epoch, truth_numbering(w, room, s->epoch)->epoch) != 0)
            trace_fail(w, c, "ORDER: %s has another epoch than its members were told", w->room_names[room]);
        ledger_check_name(w, c, room, s->epoch);
        if (!seat_complete(w, c, room, head))
            trace_fail(w, c, "LOSS: the head of %s is %llu, and at rest a member still waits for %llu",
                       w->room_names[room], (unsigned long long)head, (unsigned long long)s->next);
    }
}

// --- leaving

static uint32_t shards_connected(const struct world *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        n += shard_connections(w->nodes[i].shard);
    return n;
}

// Paced: with so many closed, so many intervals must have passed; and all are gone in time.
static void check_pace(struct world *w, struct node *n)
{
    const struct settings *s = &w->settings;
    w->counts.drained += n->closed_1012;
    if (n->closed_1012 == 0)
        return;
    uint64_t batches = (n->closed_1012 + s->drain_batch - 1) / s->drain_batch;
    if (n->last_1012_ms < n->drain_ms + (batches - 1) * s->drain_interval_ms)
        trace_fail(w, NULL, "DRAIN: shard %u closed %u connections within %llu ms", n->index, n->closed_1012,
                   (unsigned long long)(n->last_1012_ms - n->drain_ms));
}

static void drain(struct world *w)
{
    const struct settings *s = &w->settings;
    uint64_t batches = 2 + w->settings.connections_max / s->drain_batch;
    uint64_t deadline =
        w->now_ms + batches * s->drain_interval_ms + s->close_ms + client_patience_ms(w) + 2000;
    trace_note(w, NULL, "drain");
    w->draining = true;
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        w->nodes[i].drain_ms = w->now_ms;
        w->nodes[i].touched = true;
        shard_drain(w->nodes[i].shard);
    }
    struct client *late = &w->clients[0];
    if (late->link == NULL)
        client_connect(w, late); // a door that is closed
    while (shards_connected(w) != 0) {
        if (w->now_ms > deadline)
            trace_fail(w, NULL, "DRAIN: %u connections are left after %llu ms", shards_connected(w),
                       (unsigned long long)(w->now_ms - w->nodes[0].drain_ms));
        world_step(w);
    }
    come_to_rest(w);
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        check_pace(w, &w->nodes[i]);
        if (!shard_drained(w->nodes[i].shard))
            trace_fail(w, NULL, "DRAIN: shard %u does not call itself drained", i);
    }
}

static void everyone_goes(struct world *w)
{
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct client *c = &w->clients[i];
        if (c->link == NULL)
            continue;
        if (c->state != CLIENT_OPEN || chance(w, 3)) {
            if (chance(w, 2))
                link_reset(w, c->link);
            else
                client_fin(w, c);
            client_leave(w, c, "goes");
        } else {
            c->expects_close = true;
            c->state = CLIENT_CLOSING;
            if (c->speech == SPEAKS_TEXT_LINE || c->speech == SPEAKS_TEXT_WS)
                say_line(w, c, "/quit");
            else if (c->speech != SPEAKS_HTTP)
                say_last_words(w, c);
            if (c->speech == SPEAKS_HTTP)
                client_fin(w, c);
            else
                client_flush(w, c);
        }
    }
}

// From one due time to the next, until every grace time is over.
static void let_time_pass(struct world *w)
{
    const struct settings *s = &w->settings;
    uint64_t ms = 30000ull + s->member_grace_ms + s->room_grace_ms + s->idempotency_ms + s->close_ms +
                  s->heartbeat_max_ms + 3ull * s->heartbeat_ms + s->handshake_ms;
    if (w->options->mutation == MUTATE_KEEP_HALF_OPEN)
        ms += client_patience_ms(w); // until then nobody can tell
    uint64_t end = w->now_ms + ms;
    w->dt_max = 800;
    while (w->now_ms < end)
        world_step(w);
    come_to_rest(w);
}

// --- nothing is left

static void check_gauge(struct world *w, uint32_t shard, const char *name, uint64_t n)
{
    if (n != 0)
        trace_fail(w, NULL, "BOUNDS: everyone is gone and grace times are over, and shard %u has %s: %llu",
                   shard, name, (unsigned long long)n);
}

static void check_nothing_left(struct world *w)
{
    size_t retained = 0;
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        struct probe p;
        struct metrics *m = shard_metrics(w->nodes[i].shard);
        shard_check(w->nodes[i].shard);
        probe_shard(w->nodes[i].shard, &p);
        check_gauge(w, i, "connections", p.connections + metric_get(&m->connections));
        check_gauge(w, i, "sessions", metric_get(&m->sessions));
        check_gauge(w, i, "memberships", metric_get(&m->memberships));
        check_gauge(w, i, "outlets", p.outlets + metric_get(&m->outlets));
        check_gauge(w, i, "members", p.members + metric_get(&m->members));
        check_gauge(w, i, "rooms", p.rooms + metric_get(&m->rooms));
        check_gauge(w, i, "registrations", p.registrations);
        check_gauge(w, i, "meters", p.meters);
        check_gauge(w, i, "receipts", metric_get(&m->receipts));
        check_gauge(w, i, "waiting mails", p.mails);
        check_gauge(w, i, "bytes in logs", metric_get(&m->log_bytes));
        check_gauge(w, i, "blocked connections", metric_get(&m->blocked));
        retained += p.retained;
    }
    if (mutate_is(w, MUTATE_LEAK) && mutate_now(w, NULL))
        (void)!mem_alloc(&w->vmem.mem, 100);
    hands_forget(w);
    retained += deflated_kept(w);
    size_t used = mem_used(&w->vmem.mem);
    if (used != w->baseline + retained)
        trace_fail(w, NULL,
                   "BOUNDS: %zu bytes in use at the end: %zu at the start, %zu kept by design, %td too many",
                   used, w->baseline, retained, (ptrdiff_t)(used - w->baseline - retained));
}

void finish(struct world *w)
{
    faults_off(w);
    come_to_rest(w);
    for (uint32_t i = 0; i < w->plan.clients; i++)
        check_all_seen(w, &w->clients[i]);
    directs_check(w, true);
    w->finishing = true;
    if (w->plan.drain)
        drain(w);
    else
        everyone_goes(w);
    let_time_pass(w);
    check_nothing_left(w);
    audit_end(w);
}
