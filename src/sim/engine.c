// SPDX-License-Identifier: Apache-2.0
//
// An engine for many servers: the other end of core/mail/engine.h, as bad as it may be. It places late, in batches; says
// "late" where it need not; loses deliveries and answers; lets mail overtake; and cannot be reached for a while. What it
// owes its homes it keeps: a record that has an offset keeps it, and a batch is placed once.
#include "sim/world.h"

#include "base/codec.h"

enum { FETCH_MAX = 40 };

struct placed {
    str bytes;
    uint64_t proposer, seq;
    uint32_t index; // in its batch
};

struct watcher {
    uint32_t node;
    struct ref room; // at that node
    uint64_t told;   // of records up to there
};

// What became of a home's last proposal.
struct proposer {
    uint64_t id, seq, first, last; // first 0: it was late
};

struct engine_room {
    char name[ROOM_NAME_MAX];
    size_t name_n;
    char epoch[EPOCH_LEN];
    struct placed *v; // v[o - 1] has offset o
    uint32_t n, cap;
    struct watcher *watchers;
    uint32_t watchers_n, watchers_cap;
    struct proposer *proposers;
    uint32_t proposers_n, proposers_cap;
};

struct engine_room *engine_room(const struct world *w, str name)
{
    for (uint32_t i = 0; i < w->engine.rooms_n; i++)
        if (str_eq(name, str_make(w->engine.rooms[i].name, w->engine.rooms[i].name_n)))
            return &w->engine.rooms[i];
    return NULL;
}

static struct engine_room *room_of(struct world *w, str name)
{
    struct engine *e = &w->engine;
    if (e->rooms == NULL)
        e->rooms = arena_alloc(&w->arena, ROOMS_MAX * sizeof *e->rooms);
    struct engine_room *r = engine_room(w, name);
    if (r != NULL)
        return r;
    uint8_t random[8];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)prng_next(&w->secrets);
    ASSERT(e->rooms_n < ROOMS_MAX);
    r = &e->rooms[e->rooms_n++];
    memcpy(r->name, name.p, name.n);
    r->name_n = name.n;
    base64url_encode(random, sizeof random, r->epoch);
    return r;
}

uint64_t engine_head(const struct engine_room *r) { return r->n; }
str engine_record(const struct engine_room *r, uint64_t offset) { return r->v[offset - 1].bytes; }

// --- mail

static bool away(const struct world *w, uint32_t node)
{
    return w->engine.away_until_ms[w->nodes[node].server] > w->now_ms;
}

static bool lost(struct world *w, uint32_t node)
{
    return away(w, node) || (w->faults && w->plan.engine_loss != 0 && chance(w, w->plan.engine_loss));
}

static void letter_put(struct world *w, struct mailbox *box, struct mail *m)
{
    uint64_t delay = w->plan.engine_delay_ms == 0 ? 0 : roll(w, w->plan.engine_delay_ms + 1);
    ARENA_GROW(&w->arena, box->v, box->n, box->cap);
    box->v[box->n++] = (struct letter){m, w->now_ms + delay};
}

// The first that is due, of which a later one may be.
static struct mail *letter_take(struct world *w, struct mailbox *box)
{
    for (uint32_t i = 0; i < box->n; i++) {
        if (box->v[i].due_ms > w->now_ms)
            continue;
        struct mail *m = box->v[i].mail;
        memmove(box->v + i, box->v + i + 1, (--box->n - i) * sizeof *box->v);
        return m;
    }
    return NULL;
}

void engine_post(struct world *w, struct node *n, struct mail *m)
{
    if (lost(w, n->index))
        mail_discard(&w->vmem.mem, m);
    else
        letter_put(w, &w->engine.in, m);
}

static void answer(struct world *w, uint32_t node, const struct engine_mail *m)
{
    struct engine_mail *copy = lost(w, node) ? NULL : engine_mail_make(&w->vmem.mem, m);
    if (copy != NULL)
        letter_put(w, &w->engine.out[node], &copy->mail);
}

bool engine_mail_due(const struct world *w, uint32_t node)
{
    const struct mailbox *box = &w->engine.out[node];
    for (uint32_t i = 0; i < box->n; i++)
        if (box->v[i].due_ms <= w->now_ms)
            return true;
    return false;
}

struct mail *engine_pull(struct world *w, uint32_t node) { return letter_take(w, &w->engine.out[node]); }

// --- records to those who want them

static void send_records(struct world *w, const struct engine_room *r, uint32_t node, struct ref room,
                         uint64_t first, uint64_t last)
{
    struct buf out;
    buf_init(&out, &w->scratch_mem, 0);
    for (uint64_t o = first; o <= last;) {
        const struct placed *p = &r->v[o - 1];
        struct engine_run run = {.proposer = p->proposer, .seq = p->seq, .index = p->index};
        for (uint64_t k = o; k <= last && r->v[k - 1].proposer == p->proposer && r->v[k - 1].seq == p->seq;
             k++)
            run.count++;
        engine_put_run(&out, &run);
        for (uint32_t k = 0; k < run.count; k++)
            engine_put_record(&out, r->v[o - 1 + k].bytes);
        o += run.count;
    }
    const struct engine_mail m = {
        .word = ENGINE_RECORDS, .room = room, .first = first, .last = last, .records = buf_str(&out)};
    answer(w, node, &m);
    buf_deinit(&out);
}

// Some are told at once, others when there is more: in batches.
static void tell_watchers(struct world *w, struct engine_room *r)
{
    for (uint32_t i = 0; i < r->watchers_n; i++) {
        struct watcher *t = &r->watchers[i];
        if (t->told == r->n || (w->faults && chance(w, 3)))
            continue;
        send_records(w, r, t->node, t->room, t->told + 1, r->n);
        t->told = r->n;
    }
}

static void unwatch(struct engine_room *r, uint32_t node)
{
    for (uint32_t i = 0; i < r->watchers_n; i++)
        if (r->watchers[i].node == node)
            r->watchers[i--] = r->watchers[--r->watchers_n];
}

// --- what homes say

static void on_watch(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    unwatch(r, node);
    ARENA_GROW(&w->arena, r->watchers, r->watchers_n, r->watchers_cap);
    r->watchers[r->watchers_n++] = (struct watcher){node, m->room, r->n};
    struct engine_mail here = {.word = ENGINE_HERE, .room = m->room, .first = 1, .last = r->n};
    memcpy(here.epoch, r->epoch, EPOCH_LEN);
    answer(w, node, &here);
}

static struct proposer *proposer_of(struct world *w, struct engine_room *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->proposers_n; i++)
        if (r->proposers[i].id == id)
            return &r->proposers[i];
    ARENA_GROW(&w->arena, r->proposers, r->proposers_n, r->proposers_cap);
    r->proposers[r->proposers_n] = (struct proposer){.id = id};
    return &r->proposers[r->proposers_n++];
}

static void place(struct world *w, struct engine_room *r, const struct engine_mail *m)
{
    str from = m->records, bytes;
    for (uint32_t index = 0; engine_take_record(&from, &bytes); index++) {
        char *copy = arena_alloc(&w->arena, bytes.n);
        memcpy(copy, bytes.p, bytes.n);
        ARENA_GROW(&w->arena, r->v, r->n, r->cap);
        r->v[r->n++] = (struct placed){str_make(copy, bytes.n), m->proposer, m->seq, index};
        w->counts.placed++;
    }
}

static void on_propose(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    struct proposer *p = proposer_of(w, r, m->proposer);
    if (m->seq < p->seq)
        return;
    if (m->seq > p->seq) {
        bool late = (w->plan.engine_strict && m->after != r->n) || (w->faults && chance(w, 12));
        *p = (struct proposer){.id = m->proposer, .seq = m->seq, .first = late ? 0 : r->n + 1u};
        w->counts.late += late;
        if (!late)
            place(w, r, m);
        p->last = r->n;
    }
    const struct engine_mail placed = {.word = p->first != 0 ? ENGINE_PLACED : ENGINE_LATE,
                                       .room = m->room,
                                       .seq = m->seq,
                                       .first = p->first,
                                       .last = p->first != 0 ? p->last : r->n};
    answer(w, node, &placed);
    tell_watchers(w, r);
}

static void on_fetch(struct world *w, const struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    uint64_t most = 1 + roll(w, FETCH_MAX), last = m->last < r->n ? m->last : r->n;
    if (m->first > last)
        return;
    if (last - m->first >= most)
        last = m->first + most - 1;
    w->counts.fetches++;
    send_records(w, r, node, m->room, m->first, last);
}

static void take(struct world *w, const struct engine_mail *m)
{
    struct engine_room *r = room_of(w, m->name);
    uint32_t node = 0;
    while (w->nodes[node].proposer != m->proposer)
        node++;
    switch (m->word) {
    case ENGINE_WATCH:
        on_watch(w, r, node, m);
        break;
    case ENGINE_UNWATCH:
        for (uint32_t i = 0; i < r->watchers_n; i++)
            if (r->watchers[i].node == node && r->watchers[i].room.index == m->room.index &&
                r->watchers[i].room.gen == m->room.gen)
                unwatch(r, node);
        break;
    case ENGINE_PROPOSE:
        on_propose(w, r, node, m);
        break;
    case ENGINE_FETCH:
        on_fetch(w, r, node, m);
        break;
    case ENGINE_POSITION: {
        const struct engine_mail at = {.word = ENGINE_POSITION, .room = m->room, .seq = m->seq, .last = r->n};
        answer(w, node, &at);
        break;
    }
    default:
        trace_fail(w, NULL, "PROTOCOL: a home says %d to its engine", (int)m->word);
    }
}

static void go_away(struct world *w)
{
    if (!w->faults || w->plan.engine_loss == 0 || !chance(w, 400))
        return;
    uint32_t server = (uint32_t)roll(w, w->plan.servers);
    w->engine.away_until_ms[server] = w->now_ms + roll(w, 5000);
    trace_note(w, NULL, "server %u does not reach the engine until %llu ms", server,
               (unsigned long long)w->engine.away_until_ms[server]);
    for (uint32_t i = 0; i < w->nodes_n; i++) // its driver says so, where it is asked for a room
        for (uint32_t k = 0; k < w->engine.rooms_n && w->nodes[i].server == server; k++)
            for (uint32_t t = 0; t < w->engine.rooms[k].watchers_n; t++) {
                const struct watcher *of = &w->engine.rooms[k].watchers[t];
                const struct engine_mail m = {.word = ENGINE_AWAY, .room = of->room};
                struct engine_mail *copy = of->node == i ? engine_mail_make(&w->vmem.mem, &m) : NULL;
                if (copy != NULL)
                    letter_put(w, &w->engine.out[i], &copy->mail);
            }
}

void engine_step(struct world *w)
{
    struct mail *m;
    go_away(w);
    while ((m = letter_take(w, &w->engine.in)) != NULL) {
        take(w, (const struct engine_mail *)(const void *)m);
        mail_discard(&w->vmem.mem, m);
    }
    for (uint32_t i = 0; i < w->engine.rooms_n; i++)
        tell_watchers(w, &w->engine.rooms[i]);
}

static bool box_busy(const struct mailbox *box)
{
    for (uint32_t i = 0; i < box->n; i++)
        if (((const struct engine_mail *)(const void *)box->v[i].mail)->word != ENGINE_POSITION)
            return true;
    return false;
}

bool engine_busy(const struct world *w)
{
    bool any = box_busy(&w->engine.in);
    for (uint32_t i = 0; i < w->nodes_n; i++)
        any |= box_busy(&w->engine.out[i]);
    return any;
}

void engine_faults_off(struct world *w)
{
    memset(w->engine.away_until_ms, 0, sizeof w->engine.away_until_ms);
}

void engine_end(struct world *w)
{
    struct mail *m;
    w->now_ms = UINT64_MAX; // all are due
    while ((m = letter_take(w, &w->engine.in)) != NULL)
        mail_discard(&w->vmem.mem, m);
    for (uint32_t i = 0; i < w->nodes_n; i++)
        while ((m = letter_take(w, &w->engine.out[i])) != NULL)
            mail_discard(&w->vmem.mem, m);
}
