// SPDX-License-Identifier: Apache-2.0
//
// The turn, and the only place where the parts of core meet: time, what the driver feeds in, then timers, deadlines,
// announcements and flushes, in this order, so that everything a turn brought about goes out at its end in as few writes
// as possible.
//
// The parts do not call each other but to the left (docs/ARCHITECTURE.md). What one decides for another is mail, to this
// very shard too, or a note that somebody is to end; `carry` has both carried out, after every call that may have left some.
//
// Order at the end of a turn matters: commands that waited are taken up first (they may append), then homes
// announce what was appended, then outlets mark their readers dirty. Logs are trimmed after the announcement:
// outlets hold their own references by then.
#include "core/shard/shard_parts.h"

#include "base/where.h"
#include "core/conn/inbound.h"

struct shard *shard_create(uint32_t index, const struct settings *settings, const struct shard_host *host,
                           struct mem *mem)
{
    ASSERT(settings->shard_count >= 1);
    ASSERT(settings->shard_count <= SHARDS_MAX);
    ASSERT(index < settings->shard_count);
    assets_check(settings->assets, settings->assets_n);
    ways_check(settings->ways);
    struct shard *sh = mem_zalloc(mem, sizeof *sh);
    if (sh == NULL)
        return NULL;
    sh->cx = (struct context){.index = index,
                              .shard_count = settings->shard_count,
                              .settings = settings,
                              .reload = 1,
                              .host = host,
                              .mem = mem,
                              .conns = &sh->conns.pool,
                              .now_ms = 1};
    uint64_t seed;
    host->random(host->ctx, &seed, sizeof seed);
    prng_init(&sh->cx.dice, seed);
    deflating_init(&sh->deflating, &sh->cx);
    sh->cx.deflating = settings->deflate != NULL ? &sh->deflating : NULL;
    mailroom_init(&sh->mail, &sh->cx);
    sh->cx.metrics = mem_zalloc(mem, sizeof *sh->cx.metrics);
    if (sh->cx.metrics == NULL || home_init(&sh->home, &sh->cx, &sh->mail) != OK ||
        fan_init(&sh->fan, &sh->cx, &sh->mail) != OK ||
        edge_init(&sh->edge, &sh->cx, &sh->mail, &sh->fan) != OK ||
        conns_init(&sh->conns, &sh->cx, &sh->edge, &sh->fan, &sh->mail) != OK) {
        shard_destroy(sh);
        return NULL;
    }
    return sh;
}

void shard_destroy(struct shard *sh)
{
    if (sh == NULL)
        return;
    struct mem *mem = sh->cx.mem;
    conns_deinit(&sh->conns);
    edge_deinit(&sh->edge);
    fan_deinit(&sh->fan);
    home_deinit(&sh->home);
    mailroom_deinit(&sh->mail);
    deflating_deinit(&sh->deflating);
    mem_free(mem, sh->cx.metrics, sizeof *sh->cx.metrics);
    mem_free(mem, sh, sizeof *sh);
}

void shard_settings_set(struct shard *sh, const struct settings *settings)
{
    ASSERT(settings->shard_count == sh->cx.shard_count);
    ASSERT(settings->connections_max == sh->cx.settings->connections_max);
    ASSERT(settings->ways == sh->cx.settings->ways);
    ASSERT(settings->tenants_n == sh->cx.settings->tenants_n);
    ASSERT(settings->budgets == sh->cx.settings->budgets);
    ASSERT(settings->deflate == sh->cx.settings->deflate);
    sh->cx.settings = settings;
    tenant_budgets_set(settings->budgets, settings->tenants, settings->tenants_n);
    if (++sh->cx.reload == 0)
        sh->cx.reload++;
}

struct metrics *shard_metrics(struct shard *sh) { return sh->cx.metrics; }
uint32_t shard_connections(const struct shard *sh) { return sh->conns.pool.count; }

// --- mail

static void on_ask(struct shard *sh, struct ask *a)
{
    where_command((uint8_t)a->cmd.type);
    if (ask_of_conns(a->type))
        conns_ask(&sh->conns, a);
    else
        home_ask(&sh->home, &a);
    mail_discard(sh->cx.mem, a != NULL ? &a->mail : NULL);
}

static void on_answer(struct shard *sh, struct answer *a)
{
    uint32_t conn = a->conn.ref.index;
    mail_credit_back(&sh->mail, a->credit);
    if (!conn_call_answered(&sh->conns, a) && edge_answer(&sh->edge, &a))
        conn_welcomed(&sh->conns, conn);
    mail_discard(sh->cx.mem, a != NULL ? &a->mail : NULL);
}

static void on_verdict(struct shard *sh, struct verdict_mail *v)
{
    mail_credit_back(&sh->mail, v->credit);
    v->credit = (struct credit){0};
    if (!conn_call_verdict(&sh->conns, v))
        edge_verdict(&sh->edge, v);
}

// To a home, which does not keep it.
static void home_mail(struct shard *sh, struct mail *m)
{
    const void *p = m;
    switch (m->kind) {
    case MAIL_UNREGISTER:
        home_unregister(&sh->home, p);
        return;
    case MAIL_DEPART:
        home_depart(&sh->home, p);
        return;
    case MAIL_CROWDED:
        home_on_crowded(&sh->home, p);
        return;
    case MAIL_CREATOR:
        home_on_creator(&sh->home, p);
        return;
    case MAIL_LEASE:
        home_on_lease(&sh->home, p);
        return;
    case MAIL_ENGINE:
        home_on_engine(&sh->home, p);
        return;
    default:
        UNREACHABLE();
    }
}

// False: whoever took it has kept it, or given it up.
static bool take_mail(struct shard *sh, struct mail *m)
{
    void *p = m;
    switch ((enum mail_kind)m->kind) {
    case MAIL_ASK:
        on_ask(sh, p);
        return false;
    case MAIL_ANSWER:
        on_answer(sh, p);
        return false;
    case MAIL_UNREGISTER:
    case MAIL_DEPART:
    case MAIL_CROWDED:
    case MAIL_CREATOR:
    case MAIL_LEASE:
    case MAIL_ENGINE:
        home_mail(sh, m);
        return true;
    case MAIL_SETTLE:
        home_on_settle(&sh->home, p);
        return false;
    case MAIL_LEASED:
        edge_leased(&sh->edge, p);
        return true;
    case MAIL_EVICT:
        edge_evict(&sh->edge, p);
        return true;
    case MAIL_DIRECT:
        edge_direct(&sh->edge, p);
        return true;
    case MAIL_EXPEL:
        return edge_expel(&sh->edge, p);
    case MAIL_ADVANCE:
        fan_advance(&sh->fan, p);
        return true;
    case MAIL_ERASE:
        fan_erase(&sh->fan, p);
        return true;
    case MAIL_HOLD:
        fan_on_hold(&sh->fan, p);
        return true;
    case MAIL_VERDICT:
        on_verdict(sh, p);
        return false;
    case MAIL_STORE:
        home_on_store(&sh->home, p);
        return false;
    case MAIL_TOKEN: // is for helpers
        break;
    }
    UNREACHABLE();
}

static void on_mail(struct shard *sh, struct mail *m)
{
    ASSERT(m->next == NULL);
    if (take_mail(sh, m))
        mail_discard(sh->cx.mem, m);
}

// Has carried out what the parts have left for each other. True if there was anything.
static bool carry(struct shard *sh)
{
    bool any = false;
    for (;;) {
        struct mail *m = NULL;
        if (sh->fan.ends.n != 0)
            conn_carry_ends(&sh->conns);
        else if ((m = mail_pull(&sh->mail, sh->cx.index)) != NULL)
            on_mail(sh, m);
        else
            return any;
        any = true;
    }
}

struct mail *shard_pull_mail(struct shard *sh, uint32_t dest)
{
    return dest == sh->cx.index ? NULL : mail_pull(&sh->mail, dest);
}

uint32_t shard_mail_waiting(const struct shard *sh, uint32_t dest) { return mail_waiting(&sh->mail, dest); }

// --- what the driver feeds in

void shard_on_mail(struct shard *sh, struct mail *m)
{
    on_mail(sh, m);
    carry(sh);
}

enum err shard_on_accept(struct shard *sh, enum transport transport, const struct peer *peer,
                         uint32_t *ret_conn)
{
    enum err e = conn_accept(&sh->conns, transport, peer, ret_conn);
    carry(sh);
    return e;
}

static void feed(struct shard *sh, uint32_t conn, uint8_t *p, size_t n)
{
    size_t used = 0;
    do
        used += conn_feed(&sh->conns, conn, p + used, n - used);
    while (carry(sh));
    ASSERT(used <= n);
}

void shard_on_secured(struct shard *sh, uint32_t conn, const struct certificate *shown)
{
    conn_secured(&sh->conns, conn, shown);
    carry(sh);
}

bool shard_on_bytes(struct shard *sh, uint32_t conn, uint8_t *p, size_t n)
{
    if (conn_at(&sh->conns, conn)->ending == ENDING_GONE)
        return false;
    conn_heard(&sh->conns, conn, n);
    feed(sh, conn, p, n);
    return conn_reads_on(&sh->conns, conn);
}

void shard_on_eof(struct shard *sh, uint32_t conn)
{
    conn_on_eof(&sh->conns, conn);
    carry(sh);
}

void shard_on_broken(struct shard *sh, uint32_t conn)
{
    conn_on_broken(&sh->conns, conn);
    carry(sh);
}

void shard_on_writable(struct shard *sh, uint32_t conn) { fan_on_writable(&sh->fan, conn); }

// --- the turn

static void run_deadlines(struct shard *sh)
{
    struct deadlines *d = &sh->conns.deadlines;
    if (sh->cx.now_ms < d->next_sweep_ms)
        return;
    uint32_t from = 0, index;
    while ((index = deadline_next_due(d, sh->cx.now_ms, &from)) != UINT32_MAX) {
        if (slab_used(&sh->conns.pool, index))
            conn_on_deadline(&sh->conns, index);
        carry(sh);
    }
    deadlines_swept(d, sh->cx.now_ms);
}

// Those who may go on. Whoever parks again is woken when what it waits for is there, which something must have come for: so
// this ends.
static void run_wakes(struct shard *sh)
{
    edge_wake(&sh->edge);
    inbound_wake(&sh->conns);
    uint8_t none;
    uint32_t index;
    while (index_list_pop(&sh->fan.wakes, &index)) {
        ASSERT(reader_at(&sh->fan, index)->wake_queued);
        reader_at(&sh->fan, index)->wake_queued = false;
        while (edge_go_on(&sh->edge, index))
            carry(sh);
        carry(sh);
        if (!conn_unpark(&sh->conns, index))
            continue;
        carry(sh);
        feed(sh, index, &none, 0);
        conn_resume(&sh->conns, index);
        carry(sh);
    }
}

void shard_turn_begin(struct shard *sh, uint64_t now_ms, uint64_t wall_ms, int32_t utc_offset_s)
{
    struct context *cx = &sh->cx;
    ASSERT(now_ms >= cx->now_ms);
    ASSERT(sh->fan.plan.conn == UINT32_MAX);
    if (cx->steady_from_ms == 0) {
        const uint64_t from_ms =
            wall_ms > cx->settings->steady_from_ms ? wall_ms : cx->settings->steady_from_ms;
        cx->steady_from_ms = from_ms > now_ms ? from_ms - now_ms : 1;
    }
    cx->now_ms = now_ms;
    cx->wall_ms = wall_ms;
    cx->steady_ms = cx->steady_from_ms + now_ms;
    cx->utc_offset_s = utc_offset_s;
    cx->turn_ns = now_ms * 1000000;
    // Here, when what the driver had time for has been written: what a join brings in this turn must have its first
    // chance.
    fan_trim(&sh->fan);
    carry(sh);
    home_begin(&sh->home);
    carry(sh);
}

void shard_turn_began_ns(struct shard *sh, uint64_t now_ns) { sh->cx.turn_ns = now_ns; }

void shard_turn_end(struct shard *sh)
{
    where_now(WHERE_TIMERS);
    run_deadlines(sh);
    home_timers(&sh->home);
    carry(sh);
    edge_expire(&sh->edge);
    carry(sh);
    edge_revoke_turn(&sh->edge);
    carry(sh);
    conns_drain(&sh->conns);
    carry(sh);
    run_wakes(sh);
    where_now(WHERE_FLUSH);
    home_announce(&sh->home);
    carry(sh);
    if (shard_drained(sh))
        keep_all(&sh->home);
    keep_turn(&sh->home);
    fan_flush(&sh->fan);
    metric_set(&sh->cx.metrics->asks, sh->mail.under_way);
    home_tidy(&sh->home);
    fan_tidy(&sh->fan);
    conns_tidy(&sh->conns);
    deflating_tidy(&sh->deflating);
    ASSERT(sh->fan.ends.n == 0);
    ASSERT(!mail_is_here(&sh->mail));
}

uint64_t shard_next_due_ms(const struct shard *sh)
{
    if (sh->fan.wakes.n != 0 || sh->fan.dirty_n != 0)
        return sh->cx.now_ms;
    uint64_t due = conns_due_ms(&sh->conns);
    uint64_t others[] = {home_due_ms(&sh->home), fan_due_ms(&sh->fan), edge_due_ms(&sh->edge)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        due = others[i] < due ? others[i] : due;
    return due;
}

uint64_t shard_next_due_ns(const struct shard *sh) { return fan_flush_due_ns(&sh->fan); }

// --- what the driver pulls out

bool shard_pull_dirty(struct shard *sh, uint32_t *ret_conn) { return fan_pull_dirty(&sh->fan, ret_conn); }

size_t shard_output(struct shard *sh, uint32_t conn, struct span spans[SPANS_MAX])
{
    return fan_plan(&sh->fan, conn, spans);
}

void shard_output_done(struct shard *sh, uint32_t conn, size_t n, bool blocked)
{
    fan_settle(&sh->fan, conn, n, blocked);
    conn_written(&sh->conns, conn, n);
    carry(sh);
}

void shard_on_written(struct shard *sh, uint64_t began_ns, uint64_t now_ns)
{
    fan_on_written(&sh->fan, began_ns, now_ns);
}

bool shard_pull_closed(struct shard *sh, uint32_t *ret_conn, bool *ret_abortive)
{
    return conn_pull_closed(&sh->conns, ret_conn, ret_abortive);
}

bool shard_pull_shutdown(struct shard *sh, uint32_t *ret_conn)
{
    bool any = index_list_pop(&sh->conns.shutdown, ret_conn);
    ASSERT(!any || conn_at(&sh->conns, *ret_conn)->ending >= ENDING_SHUT);
    return any;
}

bool shard_pull_reread(struct shard *sh, uint32_t *ret_conn)
{
    return conn_pull_reread(&sh->conns, ret_conn);
}

// --- leaving

void shard_unready(struct shard *sh) { sh->cx.unready = true; }

void shard_drain(struct shard *sh)
{
    if (sh->cx.draining)
        return;
    sh->cx.draining = sh->cx.unready = true;
    conns_drain_begin(&sh->conns);
    carry(sh);
}

bool shard_drained(const struct shard *sh) { return sh->cx.draining && sh->conns.pool.count == 0; }

bool shard_kept(const struct shard *sh) { return keep_done(&sh->home); }

// Of rooms at home here it is known how far a cursor can be: outlet.h, 2.
static void outlet_check_home(const struct shard *sh, const struct outlet *o)
{
    const struct room *r = slab_get(&sh->home.rooms, o->room.index, o->room.gen);
    if (r == NULL || home_of(&sh->cx, o->hash) != sh->cx.index)
        return;
    ASSERT(o->head <= r->live.place);
    for (uint32_t i = 0; i < o->n; i++)
        ASSERT(o->cursors[i].next <= r->live.place + 1);
}

void shard_check(const struct shard *sh)
{
    ASSERT(!mail_is_here(&sh->mail));
    ASSERT(sh->cx.now_ms != 0);
    home_check(&sh->home);
    fan_check(&sh->fan);
    edge_check(&sh->edge);
    conns_check(&sh->conns);
    mailroom_check(&sh->mail);
    deflating_check(&sh->deflating);
    for (uint32_t i = 0; i < sh->fan.outlets.high; i++)
        if (slab_used(&sh->fan.outlets, i))
            outlet_check_home(sh, outlet_at(&sh->fan, i));
}
