// SPDX-License-Identifier: Apache-2.0
//
// An engine for many servers: the other end of core/mail/engine.h, as bad as it may be. It places late, in batches; says
// "late" where it need not; loses deliveries and answers; lets mail overtake; and cannot be reached for a while. What it
// owes its homes it keeps: a record that has an offset keeps it, and a batch is placed once.
//
// What it need not keep it loses: the oldest records, when keys that are in them are over; and in a failover the newest ones, of
// the last seconds. Then it takes back what homes still have, and where that is not all that somebody has seen it
// goes on in another epoch (engine_fail.c).
#include "sim/engine.h"

#include "base/codec.h"
#include "core/home/once.h"
#include "core/log/record.h"

enum { FETCH_MAX = 40 };

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
    ASSERT(e->rooms_n < ROOMS_MAX);
    r = &e->rooms[e->rooms_n++];
    *r = (struct engine_room){.name_n = name.n, .begins = 1, .first = 1, .term = 1};
    memcpy(r->name, name.p, name.n);
    engine_epoch_make(w, r);
    return r;
}

void engine_epoch_make(struct world *w, struct engine_room *r)
{
    uint8_t random[8];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)prng_next(&w->secrets);
    base64url_encode(random, sizeof random, r->epoch);
}

uint64_t engine_head(const struct engine_room *r) { return r->n; }
uint64_t engine_first(const struct engine_room *r) { return r->first; }

// What it had at the end of a term; r itself for the one that is not over.
static struct past past_at(const struct engine_room *r, uint64_t term)
{
    if (term == r->term)
        return (struct past){.v = r->v, .n = r->n, .begins = r->begins, .epochs = r->epochs};
    ASSERT(term >= 1 && term < r->term);
    return r->past[term - 1];
}

// The newest record of an epoch that nobody who comes can see: what was before it began, or has been let go.
uint64_t engine_gone(const struct engine_room *r, const char *epoch)
{
    if (memcmp(epoch, r->epoch, EPOCH_LEN) == 0)
        return r->first - 1;
    for (uint32_t i = r->past_n; i-- > 0;)
        if (memcmp(epoch, r->past[i].epoch, EPOCH_LEN) == 0)
            return r->past[i].begins - 1;
    return 0;
}

uint64_t engine_begins(const struct engine_room *r, uint64_t term) { return past_at(r, term).begins; }
bool engine_epoch_is(const struct engine_room *r, const char *epoch)
{
    return memcmp(epoch, r->epoch, EPOCH_LEN) == 0;
}

bool engine_is_in(const struct engine_room *r, const char *epoch)
{
    return !r->open && memcmp(epoch, r->epoch, EPOCH_LEN) == 0;
}
// A home may have what its engine has lost since, and not given back yet.
str engine_record(const struct engine_room *r, uint64_t term, uint64_t offset)
{
    uint32_t epochs = past_at(r, term).epochs;
    while (past_at(r, term).n < offset)
        term--;
    ASSERT(past_at(r, term).epochs == epochs);
    return past_at(r, term).v[offset - 1].bytes;
}

// --- mail

static bool away(const struct world *w, uint32_t node)
{
    return w->engine.away_until_ms[w->nodes[node].server] > w->now_ms;
}

static bool lost(struct world *w, uint32_t node)
{
    return away(w, node) || (w->faults && w->plan.engine_loss != 0 && chance(w, w->plan.engine_loss));
}

static void letter_put(struct world *w, struct letterbox *box, struct mail *m)
{
    uint64_t delay = w->plan.engine_delay_ms == 0 ? 0 : roll(w, w->plan.engine_delay_ms + 1);
    ARENA_GROW(&w->arena, box->v, box->n, box->cap);
    box->v[box->n++] = (struct letter){m, w->now_ms + delay};
}

// The first that is due, of which a later one may be.
static struct mail *letter_take(struct world *w, struct letterbox *box)
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

void engine_answer(struct world *w, const struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    struct engine_mail said = *m;
    said.term = r->term;
    struct engine_mail *copy = lost(w, node) ? NULL : engine_mail_make(&w->vmem.mem, &said);
    if (copy != NULL)
        letter_put(w, &w->engine.out[node], &copy->mail);
}

bool engine_mail_due(const struct world *w, uint32_t node)
{
    const struct letterbox *box = &w->engine.out[node];
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
    engine_answer(w, r, node, &m);
    buf_deinit(&out);
}

// Some are told at once, others when there is more: in batches.
static void tell_watchers(struct world *w, struct engine_room *r)
{
    for (uint32_t i = 0; i < r->watchers_n; i++) {
        struct watcher *t = &r->watchers[i];
        if (t->told == r->n || (w->faults && chance(w, 3)))
            continue;
        send_records(w, r, t->node, t->room, t->told < r->first ? r->first : t->told + 1, r->n);
        t->told = r->n;
    }
}

// --- what homes say

struct watcher *engine_watcher(const struct engine_room *r, uint32_t node, struct ref room)
{
    for (uint32_t i = 0; i < r->watchers_n; i++)
        if (r->watchers[i].node == node && r->watchers[i].room.index == room.index &&
            r->watchers[i].room.gen == room.gen)
            return &r->watchers[i];
    return NULL;
}

static void unwatch(struct engine_room *r, uint32_t node, struct ref room)
{
    struct watcher *t = engine_watcher(r, node, room);
    if (t != NULL)
        *t = r->watchers[--r->watchers_n];
}

static void on_watch(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    if (engine_watcher(r, node, m->room) == NULL) {
        ARENA_GROW(&w->arena, r->watchers, r->watchers_n, r->watchers_cap);
        r->watchers[r->watchers_n++] = (struct watcher){.node = node, .room = m->room, .told = r->n};
    }
    engine_here(w, r, node, m->room);
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
        engine_append(
            w, r,
            &(struct placed){str_make(copy, bytes.n), m->proposer, m->seq, m->index + index, w->now_ms});
        w->counts.placed++;
    }
    r->taken = true;
}

void engine_append(struct world *w, struct engine_room *r, const struct placed *p)
{
    ARENA_GROW(&w->arena, r->v, r->n, r->cap);
    r->v[r->n++] = *p;
}

// Of a batch, the record with an index: where it is, 0: nowhere; and how many behind it are of the batch.
static uint64_t find(const struct engine_room *r, const struct engine_mail *m, uint64_t *ret_last)
{
    for (uint64_t o = r->n; o >= r->begins; o--) {
        const struct placed *p = &r->v[o - 1];
        if (p->proposer != m->proposer || p->seq != m->seq || p->index != m->index)
            continue;
        uint64_t last = o;
        while (last < r->n && last - o + 1 < m->last && r->v[last].proposer == p->proposer &&
               r->v[last].seq == p->seq)
            last++;
        *ret_last = last;
        return o;
    }
    return 0;
}

static void on_propose(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    struct proposer *p = proposer_of(w, r, m->proposer);
    struct engine_mail placed = {.word = ENGINE_PLACED, .room = m->room, .seq = m->seq, .index = m->index};
    if (m->seq < p->seq)
        return;
    bool again = m->seq == p->seq;
    placed.first = again && !p->late ? find(r, m, &placed.last) : 0;
    if (placed.first == 0 && (m->term != r->term || r->open)) {
        engine_here(w, r, node, m->room);
        return;
    }
    if (placed.first == 0 && !(again && p->late)) {
        *p = (struct proposer){.id = m->proposer, .seq = m->seq};
        p->late = (w->plan.engine_strict && m->after != r->n) || (w->faults && chance(w, 12));
        w->counts.late += p->late;
        if (!p->late) {
            placed.first = r->n + 1u;
            place(w, r, m);
            placed.last = r->n;
        }
    }
    if (placed.first == 0) {
        placed.word = ENGINE_LATE;
        placed.last = r->n;
    }
    engine_answer(w, r, node, &placed);
    tell_watchers(w, r);
}

static void on_fetch(struct world *w, const struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    if (m->term != r->term || m->first < r->first) {
        engine_here(w, r, node, m->room);
        return;
    }
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
        unwatch(r, node, m->room);
        break;
    case ENGINE_RESTORE:
        engine_on_restore(w, r, node, m);
        tell_watchers(w, r);
        break;
    case ENGINE_PROPOSE:
        on_propose(w, r, node, m);
        break;
    case ENGINE_FETCH:
        on_fetch(w, r, node, m);
        break;
    case ENGINE_POSITION: {
        const struct engine_mail at = {.word = ENGINE_POSITION, .room = m->room, .seq = m->seq, .last = r->n};
        engine_answer(w, r, node, &at);
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

// A record may go when what comes is judged without it: it is no decree and no change of the state, none of a message that is one of the
// newest (core/log/words.h), its key is over, and it is not the one that was said last.
static bool may_go(const struct world *w, const struct engine_room *r, uint64_t offset,
                   uint64_t newest_steady)
{
    struct entry e;
    enum record_verdict read = record_decode(r->v[offset - 1].bytes, &e);
    ASSERT(read == RECORD_OK);
    return e.steady_ms < newest_steady && !entry_decree(e.type) && e.type != ENTRY_STATE &&
           (!entry_about(e.type) || offset + WORD_JUDGED <= r->n) &&
           (e.key.n == 0 ||
            r->v[offset - 1].placed_ms + e.key_window_ms + 2 * (uint64_t)ONCE_LATE_MS < w->now_ms);
}

static void trim(struct world *w, struct engine_room *r)
{
    uint64_t newest = 0;
    if (!w->faults || !w->plan.engine_trims || !chance(w, 100) || r->n < r->first)
        return;
    for (uint64_t o = r->first; o <= r->n; o++) {
        uint64_t steady = record_steady(r->v[o - 1].bytes);
        newest = steady > newest ? steady : newest;
    }
    for (uint64_t most = 1 + roll(w, r->n + 1 - r->first); most != 0 && r->first < r->n; most--) {
        if (!may_go(w, r, r->first, newest))
            break;
        r->first++;
        w->counts.let_go++;
    }
}

void engine_step(struct world *w)
{
    struct mail *m;
    go_away(w);
    engine_fail(w);
    while ((m = letter_take(w, &w->engine.in)) != NULL) {
        take(w, (const struct engine_mail *)(const void *)m);
        mail_discard(&w->vmem.mem, m);
    }
    for (uint32_t i = 0; i < w->engine.rooms_n; i++) {
        trim(w, &w->engine.rooms[i]);
        engine_settle(w, &w->engine.rooms[i]);
        tell_watchers(w, &w->engine.rooms[i]);
    }
}

static bool box_busy(const struct letterbox *box)
{
    for (uint32_t i = 0; i < box->n; i++)
        if (((const struct engine_mail *)(const void *)box->v[i].mail)->word != ENGINE_POSITION)
            return true;
    return false;
}

bool engine_busy(const struct world *w)
{
    bool any = box_busy(&w->engine.in);
    for (uint32_t i = 0; i < w->engine.rooms_n; i++)
        any |= w->engine.rooms[i].open;
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
