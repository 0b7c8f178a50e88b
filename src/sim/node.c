// SPDX-License-Identifier: Apache-2.0
//
// A shard and its driver: the turn of core/shard/shard.h, step by step, with everything that a driver may decide (what comes
// first, how much is read and written, when to stop) decided by dice.
//
// A turn runs when there is work or when shard_next_due_ms says so, never just because time went by: a shard that
// forgets to ask for its next turn is found out.
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>

enum { IDLE_TURNS_MAX = 12 };

static void host_random(void *ctx, void *p, size_t n)
{
    struct world *w = ctx;
    uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)prng_next(&w->secrets);
}

static void host_notice(void *ctx, const struct notice *n)
{
    static const char *const names[NOTICE_COUNT] = {
#define X(upper, lower, level, subject) #lower,
        NOTICES(X)
#undef X
    };
    trace_note(ctx, NULL, "notice: %s conn %d code %u %s %.*s", names[n->type], (int)n->connection, n->code,
               n->text ? n->text : "", STR_ARG(n->room));
}

static void host_metrics_page(void *ctx, struct buf *body)
{
    (void)ctx;
    BUF_PUT_LIT(body, "sim 1\n");
}

static void host_health_page(void *ctx, const struct health_asked *asked, struct buf *body)
{
    (void)ctx;
    (void)asked;
    BUF_PUT_LIT(body, "{\"sim\":true}");
}

static void host_witness(void *ctx, const struct sighting *s) { ledger_witness(ctx, s); }

static void host_audit(void *ctx, uint64_t wall_ms, const struct audit_event *e)
{
    audit_tell(ctx, wall_ms, e);
}

void node_create(struct world *w, uint32_t server, uint32_t shard)
{
    struct node *n = &w->nodes[w->nodes_n];
    n->index = w->nodes_n++;
    n->where.shard = n->index;
    n->server = server;
    n->first = n->index - shard;
    n->host =
        (struct shard_host){w,    host_random, host_notice, host_metrics_page, host_health_page, host_witness,
                            8000, host_audit,  NULL};
    n->conns = arena_alloc(&w->arena, w->settings.connections_max * sizeof *n->conns);
    n->shard = shard_create(shard, &w->settings, &n->host, &w->vmem.mem);
    ASSERT(n->shard != NULL);
    n->proposer = probe_proposer(n->shard);
}

// --- what there is to do

static bool link_readable(const struct sim_link *l)
{
    return !l->paused && !l->eof_told && !l->broken_told && l->up.here != 0;
}

static bool link_ended(const struct sim_link *l)
{
    return l->fin && !l->eof_told && !l->broken_told && !l->paused && l->up.n == 0;
}

static bool link_writable(const struct sim_link *l)
{
    return l->blocked && !l->broken_told && l->down.n <= l->down_cap / 2;
}

// Half-open terminals cannot be found by heartbeat; the kernel gives up on what they do not acknowledge.
static bool link_broken(const struct world *w, const struct sim_link *l)
{
    if (l->broken_told)
        return false;
    return l->reset || (l->vanished && l->transport == TRANSPORT_LINE && w->now_ms > l->vanished_ms + 20000);
}

static bool link_waits_here(const struct node *n, const struct sim_link *l)
{
    return l->node == n->index && !l->server_closed;
}

static bool link_has_work(const struct world *w, const struct sim_link *l)
{
    if (!l->accepted)
        return !l->refused && !l->reset && !l->vanished;
    return link_readable(l) || link_ended(l) || link_writable(l) || link_broken(w, l);
}

static bool mail_due(const struct world *w, const struct letterbox *box)
{
    return box->n != 0 && box->v[0].due_ms <= w->now_ms;
}

bool node_has_work(struct world *w, const struct node *n)
{
    for (uint32_t k = 0; k < w->plan.shards; k++) {
        uint32_t other = n->first + k;
        if (mail_due(w, &w->boxes[other][n->index]))
            return true;
        if (other != n->index && shard_mail_waiting(n->shard, k) != 0 &&
            w->boxes[n->index][other].n < w->plan.mailbox_cap)
            return true;
    }
    if (store_behind(w, n) || hands_wait_for(w, n))
        return true;
    if (w->plan.engine && (engine_mail_due(w, n->index) || shard_mail_waiting(n->shard, w->plan.shards) != 0))
        return true;
    for (uint32_t i = 0; i < w->links_n; i++)
        if (link_waits_here(n, w->links[i]) && link_has_work(w, w->links[i]))
            return true;
    return false;
}

uint64_t node_due_ms(const struct node *n) { return n->always_due ? 0 : shard_next_due_ms(n->shard); }

// --- in

static void take_accept(struct world *w, struct node *n, struct sim_link *l)
{
    struct peer peer = {0};
    where_at(&n->where, WHERE_ACCEPT, WHERE_NOBODY);
    snprintf(peer.text, sizeof peer.text,
             l->serial % 5 == 0 ? "[2001:db8:1234:5678:9abc:def0::%x]:%u" : "10.0.0.%u:%u", l->owner,
             10000 + l->serial % 50000);
    peer.local = true;                                           // a backend on the same machine
    peer.print = l->serial % 5 == 0 ? UINT32_MAX : l->owner + 1; // one /64, or an address each
    uint32_t conn;
    enum err e = shard_on_accept(n->shard, l->transport, &peer, &conn);
    if (e != OK) {
        l->refused = true;
        return;
    }
    ASSERT(conn < w->settings.connections_max && n->conns[conn] == NULL);
    l->accepted = true;
    l->conn = conn;
    l->gen = probe_gen(n->shard, conn);
    l->unread_ms = w->now_ms;
    n->conns[conn] = l;
}

// A copy of the exact size, so that a byte too many or a pointer kept is found.
static void take_bytes(struct world *w, struct node *n, struct sim_link *l)
{
    size_t most = w->settings.turn_bytes;
    if (!l->healthy && chance(w, 4))
        most = 1 + roll(w, 40);
    size_t size = l->up.here < most ? l->up.here : most;
    uint8_t *copy = w->lent = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, l->up.v + l->up.from, size);
    pipe_take(&l->up, size);
    l->unread_ms = w->now_ms;
    where_at(&n->where, WHERE_READ, l->conn);
    l->paused = !shard_on_bytes(n->shard, l->conn, copy, size);
    free(copy);
    w->lent = NULL;
}

static void take_link(struct world *w, struct node *n, struct sim_link *l)
{
    if (!l->accepted) {
        n->deeds += link_has_work(w, l);
        if (link_has_work(w, l))
            take_accept(w, n, l);
        return;
    }
    n->deeds += link_has_work(w, l);
    if (link_broken(w, l)) {
        l->broken_told = true;
        shard_on_broken(n->shard, l->conn);
        return;
    }
    if (link_writable(l) && (l->healthy || !chance(w, 3))) {
        l->blocked = false;
        shard_on_writable(n->shard, l->conn);
    }
    if (link_readable(l))
        take_bytes(w, n, l);
    if (link_ended(l)) {
        l->eof_told = true;
        shard_on_eof(n->shard, l->conn);
    }
}

static void take_mail(struct world *w, struct node *n, uint32_t from)
{
    struct letterbox *box = &w->boxes[from][n->index];
    uint32_t taken = 0;
    if (box->n == 0)
        return;
    where_at(&n->where, WHERE_MAIL, from);
    while (taken < box->n && box->v[taken].due_ms <= w->now_ms && !(taken != 0 && chance(w, 50)))
        shard_on_mail(n->shard, box->v[taken++].mail);
    n->deeds += taken;
    box->n -= taken;
    memmove(box->v, box->v + taken, box->n * sizeof *box->v);
}

static void take_engine(struct world *w, struct node *n)
{
    struct mail *m;
    where_at(&n->where, WHERE_MAIL, w->nodes_n);
    while ((m = engine_pull(w, n->index)) != NULL) {
        n->deeds++;
        shard_on_mail(n->shard, m);
    }
}

static void take_verdicts(struct world *w, struct node *n)
{
    struct mail *m;
    where_at(&n->where, WHERE_MAIL, w->nodes_n + 1);
    while ((m = hands_pull(w, n)) != NULL) {
        n->deeds++;
        shard_on_mail(n->shard, m);
    }
}

// Mails and sockets in an order of their own each turn.
static void take_all(struct world *w, struct node *n)
{
    uint32_t mails = w->plan.shards + 2, total = mails + w->links_n;
    uint32_t start = (uint32_t)roll(w, total);
    for (uint32_t k = 0; k < total; k++) {
        uint32_t i = (start + k) % total;
        if (i < w->plan.shards)
            take_mail(w, n, n->first + i);
        else if (i == w->plan.shards)
            take_engine(w, n);
        else if (i + 1 == mails)
            take_verdicts(w, n);
        else if (link_waits_here(n, w->links[i - mails]))
            take_link(w, n, w->links[i - mails]);
    }
}

// --- out

// To another shard of its server.
static void give_mail(struct world *w, struct node *n, uint32_t to)
{
    struct letterbox *box = &w->boxes[n->index][n->first + to];
    where_at(&n->where, WHERE_SEND_MAIL, to);
    while (box->n < w->plan.mailbox_cap) {
        struct mail *m = shard_pull_mail(n->shard, to);
        if (m == NULL)
            return;
        n->deeds++;
        uint64_t due = w->now_ms + (w->plan.mail_delay_ms == 0 ? 0 : roll(w, w->plan.mail_delay_ms + 1));
        if (w->plan.slow_node == (int)n->index || w->plan.slow_node == (int)to)
            due += w->plan.slow_ms;
        if (box->n != 0 && box->v[box->n - 1].due_ms > due)
            due = box->v[box->n - 1].due_ms;
        ARENA_GROW(&w->arena, box->v, box->n, box->cap);
        box->v[box->n++] = (struct letter){m, due};
    }
    w->counts.mailbox_full += shard_mail_waiting(n->shard, to) != 0;
}

static void give_engine(struct world *w, struct node *n)
{
    struct mail *m;
    while (w->plan.engine && (m = shard_pull_mail(n->shard, w->plan.shards)) != NULL) {
        n->deeds++;
        engine_post(w, n, m);
    }
}

// How much of `total` the socket takes.
static size_t link_takes(struct world *w, const struct sim_link *l, size_t total)
{
    if (l->reset)
        return 0;
    size_t room = l->down.n < l->down_cap ? l->down_cap - l->down.n : 0;
    size_t n = total < room ? total : room;
    if (!l->healthy && n > 0 && chance(w, 5))
        n = chance(w, 3) ? 1 : roll(w, n);
    return n;
}

static void write_link(struct world *w, struct node *n, uint32_t conn)
{
    struct span spans[SPANS_MAX];
    struct sim_link *l = n->conns[conn];
    ASSERT(l != NULL && !l->blocked);
    where_at(&n->where, WHERE_WRITE, conn);
    size_t count = shard_output(n->shard, conn, spans), total = 0;
    ASSERT(count <= SPANS_MAX);
    for (size_t i = 0; i < count; i++)
        total += spans[i].n;
    if (count == 0) {
        shard_output_done(n->shard, conn, 0, false);
        return;
    }
    size_t taken = link_takes(w, l, total), left = taken;
    n->deeds++;
    for (size_t i = 0; i < count && left > 0; i++) {
        size_t part = spans[i].n < left ? spans[i].n : left;
        pipe_put(w, &l->down, spans[i].p, part);
        left -= part;
    }
    bool holds =
        taken == total && !l->healthy && chance(w, 10); // its channel has taken all, and not sent all
    l->held_turn = holds ? w->counts.turns : 0;
    l->blocked = taken < total || holds;
    w->counts.blocked += l->blocked;
    if (l->blocked)
        l->blocked_ms = w->now_ms;
    shard_output_done(n->shard, conn, taken, l->blocked);
    if (w->options->broken_turn != 0 && w->counts.turns >= w->options->broken_turn)
        shard_output_done(n->shard, conn, taken, l->blocked); // once too often
}

static void give_bytes(struct world *w, struct node *n)
{
    uint32_t conn, writes = 0;
    while ((w->plan.writes_per_turn == 0 || writes < w->plan.writes_per_turn) &&
           shard_pull_dirty(n->shard, &conn)) {
        write_link(w, n, conn);
        writes++;
    }
    n->writes_left = w->plan.writes_per_turn != 0 && writes >= w->plan.writes_per_turn;
}

static void give_ends(struct world *w, struct node *n)
{
    uint32_t conn;
    bool abortive;
    where_at(&n->where, WHERE_CLOSE, WHERE_NOBODY);
    while (shard_pull_shutdown(n->shard, &conn)) {
        n->deeds++;
        if (n->conns[conn] != NULL)
            n->conns[conn]->server_shut = true;
    }
    while (shard_pull_closed(n->shard, &conn, &abortive)) {
        struct sim_link *l = n->conns[conn];
        ASSERT(l != NULL);
        n->deeds++;
        n->conns[conn] = NULL;
        if (l->vanished && w->clients[l->owner].temper != TEMPER_FLOODING &&
            mutate_is(w, MUTATE_KEEP_HALF_OPEN) && mutate_now(w, NULL)) {
            l->paused = l->broken_told = true; // core has forgotten it; the lie is that it has not
            continue;
        }
        if (l->held_turn == w->counts.turns && !abortive) // so by no deadline
            trace_fail(w, NULL, "connection %u is closed in good order, and its channel has not sent all",
                       conn);
        l->server_closed = true;
        l->server_aborted = abortive;
        l->paused = true;
        if (l->vanished)
            w->counts.half_open_found++;
    }
    while (shard_pull_reread(n->shard, &conn)) {
        n->deeds++;
        if (n->conns[conn] != NULL)
            n->conns[conn]->paused = false;
    }
}

// In some turns memory ends after so many more bytes, perhaps at once: any allocation may be the one that fails.
static void tighten_memory(struct world *w)
{
    static const uint32_t leave[] = {1, 100, 600, 3000, 20000};
    bool tight = w->faults && w->plan.refuse_one_in != 0 && chance(w, w->plan.refuse_one_in);
    w->vmem.mem.bytes_max = tight ? mem_used(&w->vmem.mem) + roll(w, leave[roll(w, 5)]) : 0;
}

static void take_turn(struct world *w, struct node *n)
{
    where_here = &n->where;
    w->turning = n;
    where_turn(&n->where, w->now_ms);
    shard_turn_begin(n->shard, w->now_ms, w->wall_ms, 0);
    store_turn(w, n);
    take_all(w, n);
    shard_turn_end(n->shard);
    for (uint32_t to = 0; to < w->plan.shards; to++)
        if (n->first + to != n->index)
            give_mail(w, n, to);
    give_engine(w, n);
    hands_give(w, n);
    give_bytes(w, n);
    shard_on_written(n->shard, w->now_ms * 1000000, w->now_ms * 1000000);
    give_ends(w, n);
    where_here = NULL;
    w->turning = NULL;
}

// A driver takes the next turn at once when a shard says that it is due: one that says so for ever and does nothing is
// a core at full load. What is done in a turn comes in, goes out, or is counted (a deadline, a timer, an entry).
static void check_idle(struct world *w, struct node *n, const struct metrics *before)
{
    struct metrics now;
    memcpy(&now, shard_metrics(n->shard), sizeof now);
    now.mail_full = before->mail_full; // to be told "not now" once more is nothing done
    str counted = str_make((const char *)before, sizeof *before); // counters, all of them
    bool idle = node_due_ms(n) <= w->now_ms && str_eq(counted, str_make((const char *)&now, sizeof now));
    n->idle_turns = idle ? n->idle_turns + 1 : 0;
    if (n->idle_turns >= IDLE_TURNS_MAX)
        trace_fail(w, NULL, "BUSY: shard %u said %u times in a row that it is due, and did nothing", n->index,
                   n->idle_turns);
}

void node_turn(struct world *w, struct node *n)
{
    w->counts.turns++;
    n->touched = true;
    tighten_memory(w);
    if (mutate_is(w, MUTATE_ALWAYS_DUE) && mutate_now(w, NULL))
        n->always_due = true;
    bool due = node_due_ms(n) <= w->now_ms;
    uint64_t deeds = n->deeds;
    struct metrics before;
    memcpy(&before, shard_metrics(n->shard), sizeof before);
    take_turn(w, n);
    if (n->deeds != deeds)
        n->idle_turns = 0;
    else if (due)
        check_idle(w, n, &before);
    ledger_read(w, n);
    audit_read(w, n);
}
