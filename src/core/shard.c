// SPDX-License-Identifier: Apache-2.0
//
// The turn: time, what the driver feeds in, then timers, deadlines, announcements and flushes, in this order, so
// that everything a turn brought about goes out at its end in as few writes as possible.
//
// Order at the end of a turn matters: commands that waited are taken up first (they may append), then homes
// announce what was appended, then outlets mark their readers dirty. Logs are trimmed after the announcement:
// outlets hold their own references by then.
#include "base/where.h"
#include "core/shard_state.h"

enum { SCRATCH_KEEP = 512 * 1024 };

void index_list_push(struct index_list *l, uint32_t index)
{
    ASSERT(l->n < l->cap);
    l->v[l->n++] = index;
}

static bool index_list_init(struct index_list *l, struct mem *m, uint32_t cap)
{
    *l = (struct index_list){.cap = cap};
    l->v = mem_alloc(m, cap * sizeof *l->v);
    return l->v != NULL;
}

static void index_list_deinit(struct index_list *l, struct mem *m)
{
    mem_free(m, l->v, l->cap * sizeof *l->v);
}

static uint32_t dirty_words(const struct settings *s) { return (s->connections_max + 63) / 64; }

// Rooms with readers here: each connection brings at most its rooms; the pool's ceiling guards the memory.
static uint32_t outlets_max(const struct settings *s)
{
    uint64_t n = (uint64_t)s->connections_max * s->rooms_per_connection;
    uint64_t rooms = (uint64_t)s->rooms_max * s->shard_count;
    if (n > rooms)
        n = rooms;
    return n > (1u << 24) ? 1u << 24 : (uint32_t)n + 1;
}

static bool shard_lists_init(struct shard *sh)
{
    const struct settings *s = sh->settings;
    uint32_t conns = s->connections_max, outlets = outlets_max(s);
    sh->dirty = mem_zalloc(sh->mem, dirty_words(s) * sizeof *sh->dirty);
    return sh->dirty != NULL && index_list_init(&sh->closed, sh->mem, conns) &&
           index_list_init(&sh->shutdown, sh->mem, conns) && index_list_init(&sh->reread, sh->mem, conns) &&
           index_list_init(&sh->unpark, sh->mem, conns) &&
           index_list_init(&sh->mail_waiters, sh->mem, conns) &&
           index_list_init(&sh->outlets_dirty, sh->mem, outlets) &&
           index_list_init(&sh->outlets_settling, sh->mem, outlets) &&
           index_list_init(&sh->rooms_dirty, sh->mem, s->rooms_max) &&
           deadlines_init(&sh->deadlines, sh->mem, conns) == OK;
}

static uint32_t members_max(const struct settings *s)
{
    uint64_t n = (uint64_t)s->rooms_max * s->room_members_max;
    return n > (1u << 26) ? 1u << 26 : (uint32_t)n;
}

static uint32_t registrations_max(const struct settings *s)
{
    uint64_t n = (uint64_t)s->connections_max * s->shard_count;
    return n > (1u << 26) ? 1u << 26 : (uint32_t)n;
}

struct shard *shard_create(uint32_t index, const struct settings *settings, const struct shard_host *host,
                           struct mem *mem)
{
    ASSERT(settings->shard_count >= 1 && settings->shard_count <= SHARDS_MAX &&
           index < settings->shard_count);
    struct shard *sh = mem_zalloc(mem, sizeof *sh);
    if (sh == NULL)
        return NULL;
    sh->index = index;
    sh->shard_count = settings->shard_count;
    sh->settings = settings;
    sh->host = host;
    sh->mem = mem;
    sh->now_ms = 1;
    sh->plan_conn = UINT32_MAX;
    sh->lag_look_ms = UINT64_MAX;
    uint64_t seed;
    host->random(host->ctx, &seed, sizeof seed);
    prng_init(&sh->dice, seed);
    slab_init(&sh->conns, mem, sizeof(struct conn), settings->connections_max);
    slab_init(&sh->outlets, mem, sizeof(struct outlet), outlets_max(settings));
    slab_init(&sh->rooms, mem, sizeof(struct room), settings->rooms_max);
    slab_init(&sh->members, mem, sizeof(struct member), members_max(settings));
    map_init(&sh->outlets_by_name, mem);
    map_init(&sh->rooms_by_name, mem);
    heap_init(&sh->room_timers, mem);
    creators_init(&sh->creators, mem);
    registry_init(&sh->registry, mem, registrations_max(settings));
    idempotency_init(&sh->direct_keys, mem);
    buf_init(&sh->encode, mem, 0);
    buf_init(&sh->reply, mem, 0);
    buf_init(&sh->http, mem, 0);
    sh->metrics = mem_zalloc(mem, sizeof *sh->metrics);
    bool reserved = reserve_init(&sh->reserve, mem) == OK && slab_keep(&sh->conns, RESERVE_CONNS) &&
                    reserve_head(&sh->encode) && reserve_head(&sh->http) && reserve_head(&sh->reply);
    if (!reserved || sh->metrics == NULL || !shard_lists_init(sh)) {
        shard_destroy(sh);
        return NULL;
    }
    return sh;
}

static void shard_free_objects(struct shard *sh)
{
    for (uint32_t i = 0; i < sh->conns.high; i++)
        if (slab_used(&sh->conns, i))
            conn_release(sh, conn_at(sh, i));
    for (uint32_t i = 0; i < sh->outlets.high; i++) {
        if (!slab_used(&sh->outlets, i))
            continue;
        struct outlet *o = outlet_at(sh, i);
        for (int d = 0; d < DIALECT_COUNT; d++)
            chain_deinit(&o->chains[d], sh->mem);
        mem_free(sh->mem, o->cursors, o->cap * sizeof *o->cursors);
        mem_free(sh->mem, o->name, o->name_n);
    }
    for (uint32_t i = 0; i < sh->rooms.high; i++)
        if (slab_used(&sh->rooms, i))
            room_remove(sh, i);
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        while (sh->outboxes[i].head != NULL) {
            struct mail *m = sh->outboxes[i].head;
            sh->outboxes[i].head = m->next;
            mail_discard(sh->mem, m);
        }
}

void shard_destroy(struct shard *sh)
{
    if (sh == NULL)
        return;
    struct mem *mem = sh->mem;
    shard_free_objects(sh);
    slab_deinit(&sh->conns);
    slab_deinit(&sh->outlets);
    slab_deinit(&sh->rooms);
    slab_deinit(&sh->members);
    map_deinit(&sh->outlets_by_name);
    map_deinit(&sh->rooms_by_name);
    heap_deinit(&sh->room_timers);
    creators_deinit(&sh->creators);
    registry_deinit(&sh->registry);
    idempotency_deinit(&sh->direct_keys);
    buf_deinit(&sh->encode);
    buf_deinit(&sh->reply);
    buf_deinit(&sh->http);
    reserve_deinit(&sh->reserve, mem);
    mem_free(mem, sh->unescape.p, sh->unescape.cap);
    mem_free(mem, sh->rooms_sorted, sh->rooms_sorted_cap * sizeof *sh->rooms_sorted);
    mem_free(mem, sh->metrics, sizeof *sh->metrics);
    mem_free(mem, sh->dirty, dirty_words(sh->settings) * sizeof *sh->dirty);
    deadlines_deinit(&sh->deadlines, mem);
    struct index_list *lists[] = {&sh->closed,           &sh->shutdown,     &sh->reread,
                                  &sh->unpark,           &sh->mail_waiters, &sh->outlets_dirty,
                                  &sh->outlets_settling, &sh->rooms_dirty};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        index_list_deinit(lists[i], mem);
    mem_free(mem, sh, sizeof *sh);
}

void shard_settings_set(struct shard *sh, const struct settings *settings)
{
    ASSERT(settings->shard_count == sh->shard_count);
    ASSERT(settings->connections_max == sh->settings->connections_max);
    sh->settings = settings;
}

struct metrics *shard_metrics(struct shard *sh) { return sh->metrics; }
uint32_t shard_connections(const struct shard *sh) { return sh->conns.count; }

// --- mail

void shard_post(struct shard *sh, uint32_t dest, struct mail *m)
{
    ASSERT(dest < sh->shard_count && dest != sh->index);
    struct outbox *box = &sh->outboxes[dest];
    m->next = NULL;
    m->from = (uint16_t)sh->index;
    if (box->tail != NULL)
        box->tail->next = m;
    else
        box->head = m;
    box->tail = m;
    box->n++;
    metric_add(&sh->metrics->mail_sent, 1);
}

struct mail *shard_pull_mail(struct shard *sh, uint32_t dest)
{
    struct outbox *box = &sh->outboxes[dest];
    struct mail *m = box->head;
    if (m == NULL)
        return NULL;
    box->head = m->next;
    if (box->head == NULL)
        box->tail = NULL;
    if (box->n-- == MAIL_BACKLOG_PAUSE + 1)
        sh->mail_room = true;
    m->next = NULL;
    return m;
}

uint32_t shard_mail_waiting(const struct shard *sh, uint32_t dest) { return sh->outboxes[dest].n; }

bool shard_ask(struct shard *sh, uint32_t dest, const struct ask *a)
{
    if (dest == sh->index) {
        home_ask(sh, a);
        return true;
    }
    struct ask *mail = pack_ask(sh->mem, a);
    if (mail == NULL)
        return false;
    shard_post(sh, dest, &mail->mail);
    return true;
}

static void on_advance(struct shard *sh, struct advance *a)
{
    if (slab_get(&sh->outlets, a->outlet.index, a->outlet.gen) == NULL)
        return; // the last reader left meanwhile; mail_discard drops the references
    outlet_advance(sh, a->outlet.index, a->head, a->since_ns, a->segs, a->seg_count);
    a->seg_count = 0;
}

void shard_on_mail(struct shard *sh, struct mail *m)
{
    void *p = m;
    switch ((enum mail_kind)m->kind) {
    case MAIL_ASK:
        where_command((uint8_t)((const struct ask *)p)->cmd.type);
        home_ask(sh, p);
        break;
    case MAIL_ANSWER:
        edge_answer(sh, p);
        ((struct answer *)p)->seg_count = 0; // taken
        break;
    case MAIL_ADVANCE:
        on_advance(sh, p);
        break;
    case MAIL_UNREGISTER:
        registry_remove(&sh->registry, p);
        break;
    case MAIL_EVICT:
        edge_evict(sh, &((struct evict_mail *)p)->conn);
        break;
    case MAIL_CROWDED:
        pace_on_report(sh, p);
        break;
    case MAIL_HOLD:
        pace_on_order(sh, p);
        break;
    case MAIL_CREATOR:
        home_creator_settled(sh, p);
        break;
    case MAIL_DIRECT:
        edge_direct(sh, p);
        break;
    default:
        UNREACHABLE();
    }
    mail_discard(sh->mem, m);
}

// --- the turn

static void run_deadlines(struct shard *sh)
{
    if (sh->now_ms < sh->deadlines.next_sweep_ms)
        return;
    uint32_t from = 0, index;
    while ((index = deadline_next_due(&sh->deadlines, sh->now_ms, &from)) != UINT32_MAX)
        if (slab_used(&sh->conns, index))
            conn_on_deadline(sh, index);
    deadlines_swept(&sh->deadlines, sh->now_ms);
}

static void run_room_timers(struct shard *sh)
{
    uint32_t room;
    while (heap_pop_due(&sh->room_timers, sh->now_ms, &room))
        room_on_timer(sh, room);
}

static void run_unpark(struct shard *sh)
{
    for (uint32_t i = 0; i < sh->mail_waiters.n; i++)
        if (slab_used(&sh->conns, sh->mail_waiters.v[i]))
            conn_queue_unpark(sh, sh->mail_waiters.v[i]);
    sh->mail_waiters.n = 0;
    sh->mail_room = false;
    uint32_t n = sh->unpark.n; // those that park again wait for the next turn
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = sh->unpark.v[i];
        struct conn *c = conn_at(sh, index);
        c->unpark_queued = false;
        if (c->ending == ENDING_OPEN)
            conn_unpark(sh, index);
    }
    sh->unpark.n -= n;
    memmove(sh->unpark.v, sh->unpark.v + n, sh->unpark.n * sizeof *sh->unpark.v);
}

static void run_drain(struct shard *sh)
{
    if (!sh->draining || sh->now_ms < sh->drain_next_ms)
        return;
    uint32_t left = sh->settings->drain_batch;
    for (; sh->drain_from < sh->conns.high && left > 0; sh->drain_from++) {
        uint32_t index = sh->drain_from;
        if (!slab_used(&sh->conns, index) || conn_at(sh, index)->ending != ENDING_OPEN)
            continue;
        conn_close(sh, index, WS_CLOSE_RESTART, "server restarts", CLOSE_DRAIN);
        left--;
    }
    sh->drain_next_ms =
        sh->drain_from < sh->conns.high ? sh->now_ms + sh->settings->drain_interval_ms : UINT64_MAX;
}

// One huge message, or answer, must not leave its buffer behind for good.
static void scratch_tidy(struct shard *sh)
{
    reserve_head(&sh->encode);
    reserve_head(&sh->http);
    reserve_head(&sh->reply);
    if (sh->unescape.cap <= SCRATCH_KEEP)
        return;
    mem_free(sh->mem, sh->unescape.p, sh->unescape.cap);
    sh->unescape = (struct scratch){0};
}

void shard_turn_begin(struct shard *sh, uint64_t now_ms, uint64_t wall_ms, int32_t utc_offset_s)
{
    ASSERT(now_ms >= sh->now_ms);
    sh->now_ms = now_ms;
    sh->wall_ms = wall_ms;
    sh->utc_offset_s = utc_offset_s;
    sh->turn_ns = now_ms * 1000000;
    // Here, when what the driver had time for has been written: what a join brings in this turn must have its first
    // chance.
    outlets_settle(sh);
}

void shard_turn_began_ns(struct shard *sh, uint64_t now_ns) { sh->turn_ns = now_ns; }

void shard_turn_end(struct shard *sh)
{
    where_now(WHERE_TIMERS);
    idempotency_expire(&sh->direct_keys, sh->now_ms, sh->settings->idempotency_ms);
    if (sh->now_ms >= sh->creators.look_ms)
        creators_expire(&sh->creators, &sh->settings->rooms_user, &sh->settings->rooms_address, sh->now_ms);
    run_deadlines(sh);
    run_room_timers(sh);
    run_drain(sh);
    run_unpark(sh);
    where_now(WHERE_FLUSH);
    rooms_announce(sh);
    outlets_flush(sh);
    scratch_tidy(sh);
}

static void earlier(uint64_t *due, uint64_t candidate)
{
    if (candidate < *due)
        *due = candidate;
}

// While another shard does not take its mail there is nothing to be done for those who wait for it, and no turn is due:
// it would be the next one at once, and a core would be busy with it until the other shard comes round.
static bool mail_waiters_due(const struct shard *sh)
{
    if (sh->mail_waiters.n == 0)
        return false;
    for (uint32_t i = 0; i < sh->shard_count && !sh->mail_room; i++)
        if (sh->outboxes[i].n > MAIL_BACKLOG_PAUSE)
            return false;
    return true;
}

uint64_t shard_next_due_ms(const struct shard *sh)
{
    uint64_t due = sh->deadlines.next_sweep_ms;
    earlier(&due, heap_next_due(&sh->room_timers));
    earlier(&due, outlets_due_ms(sh));
    earlier(&due, sh->creators.look_ms);
    if (sh->draining)
        earlier(&due, sh->drain_next_ms);
    earlier(&due, idempotency_due_ms(&sh->direct_keys, sh->settings->idempotency_ms));
    if (sh->unpark.n != 0 || mail_waiters_due(sh))
        earlier(&due, sh->now_ms);
    if (sh->dirty_n != 0)
        earlier(&due, sh->now_ms);
    return due;
}

// --- leaving

void shard_unready(struct shard *sh) { sh->unready = true; }

void shard_drain(struct shard *sh)
{
    if (sh->draining)
        return;
    sh->draining = sh->unready = true;
    sh->drain_from = 0;
    sh->drain_next_ms = sh->now_ms + sh->settings->drain_interval_ms;
    for (uint32_t i = 0; i < sh->conns.high; i++) {
        if (!slab_used(&sh->conns, i))
            continue;
        struct conn *c = conn_at(sh, i);
        if (c->ending != ENDING_OPEN || (c->phase != PHASE_WS && c->phase != PHASE_LINE))
            continue;
        uint32_t spread = sh->settings->drain_spread_ms;
        struct event ev = {.type = EV_DRAIN,
                           .reconnect_ms = spread == 0 ? 0 : (uint32_t)prng_below(&sh->dice, spread)};
        conn_put_event(sh, i, &ev);
    }
}

bool shard_drained(const struct shard *sh) { return sh->draining && sh->conns.count == 0; }

void shard_check(const struct shard *sh)
{
    for (uint32_t i = 0; i < sh->outlets.high; i++)
        if (slab_used(&sh->outlets, i))
            outlet_check(sh, i);
    for (uint32_t i = 0; i < sh->rooms.high; i++)
        if (slab_used(&sh->rooms, i))
            room_check(sh, i);
    for (uint32_t i = 0; i < sh->conns.high; i++) {
        if (!slab_used(&sh->conns, i))
            continue;
        struct conn *c = conn_at(sh, i);
        ASSERT(c->ending == ENDING_OPEN || (c->member_n == 0 && !c->registered));
        for (uint32_t k = 0; k < c->member_n; k++) {
            const struct membership *m = &conn_memberships(c)[k];
            ASSERT(outlet_at(sh, m->outlet)->cursors[m->slot].conn == i);
        }
    }
}
