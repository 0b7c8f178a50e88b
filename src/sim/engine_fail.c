// SPDX-License-Identifier: Apache-2.0
//
// A failover: the engine comes back without the newest records of some rooms, and has them given back (core/mail/engine.h).
#include "sim/engine.h"

#include "core/log/record.h"

enum {
    LOST_MS = 5000, // what is older has reached the replica; less than COURSE_KEEP_MS
    OPEN_MS = 1000, // at least so long it waits for homes
    REMIND_MS = 200,
};

void engine_here(struct world *w, const struct engine_room *r, uint32_t node, struct ref room)
{
    const struct watcher *t = engine_watcher(r, node, room);
    struct engine_mail here = {.word = ENGINE_HERE,
                               .room = room,
                               .first = r->first,
                               .last = r->n,
                               .kept = r->kept,
                               .after = t != NULL && t->spoke ? t->given : 0,
                               .open = r->open,
                               .name = str_make(r->name, r->name_n)};
    memcpy(here.epoch, r->epoch, EPOCH_LEN);
    engine_answer(w, r, node, &here);
}

static void here_all(struct world *w, const struct engine_room *r)
{
    for (uint32_t i = 0; i < r->watchers_n; i++)
        engine_here(w, r, r->watchers[i].node, r->watchers[i].room);
}

static void begin_term(struct world *w, struct engine_room *r, uint32_t kept)
{
    struct placed *v = arena_alloc(&w->arena, (r->n + 1) * sizeof *v);
    ARENA_GROW(&w->arena, r->past, r->past_n, r->past_cap);
    if (r->n != 0)
        memcpy(v, r->v, r->n * sizeof *v);
    r->past[r->past_n] = (struct past){.v = v, .n = r->n, .begins = r->begins, .epochs = r->epochs};
    memcpy(r->past[r->past_n++].epoch, r->epoch, EPOCH_LEN);
    r->term++;
    r->kept = r->n = kept;
    r->taken = false;
    for (uint32_t i = 0; i < r->watchers_n; i++) {
        struct watcher *t = &r->watchers[i];
        t->spoke = false;
        t->has = t->given = 0;
        t->told = t->told < r->n ? t->told : r->n;
    }
}

// What it has goes on under another epoch; or, as an operator may have it, nothing of it.
static void renew(struct world *w, struct engine_room *r)
{
    trace_note(w, NULL, "the engine ends an epoch of %.*s at %u", (int)r->name_n, r->name, r->n);
    truth_ends(w, truth_room_find(w, str_make(r->name, r->name_n)), str_make(r->epoch, EPOCH_LEN));
    begin_term(w, r, r->n);
    r->open = false;
    r->epochs++;
    engine_epoch_make(w, r);
    if (chance(w, 4))
        r->first = r->n + 1u;
    r->begins = r->first;
    w->counts.epochs_ended++;
    here_all(w, r);
}

static void fail_room(struct world *w, struct engine_room *r)
{
    uint32_t young = 0;
    while (r->n - young >= r->first && r->v[r->n - young - 1].placed_ms + LOST_MS > w->now_ms)
        young++;
    uint32_t lost = young == 0 || chance(w, 4) ? 0 : 1 + (uint32_t)roll(w, young);
    w->counts.taken_back += lost;
    begin_term(w, r, r->n - lost);
    r->open = r->watchers_n != 0;
    r->open_ms = w->now_ms + OPEN_MS + roll(w, 2000);
    r->remind_ms = 0;
    trace_note(w, NULL, "the engine has %.*s up to %u, and lost %u", (int)r->name_n, r->name, r->n, lost);
}

void engine_fail(struct world *w)
{
    if (!w->faults || w->plan.engine_fails == 0 || !chance(w, w->plan.engine_fails))
        return;
    w->counts.failovers++;
    for (uint32_t i = 0; i < w->engine.rooms_n; i++)
        fail_room(w, &w->engine.rooms[i]);
}

// --- giving back

bool engine_is_erased(struct world *w, str whole, str erased)
{
    struct entry before, after;
    if (whole.n != erased.n || record_decode(whole, &before) != RECORD_OK ||
        record_decode(erased, &after) != RECORD_OK || before.type != after.type || before.erased != 0 ||
        after.erased == 0 || after.erased != before.data.n)
        return false;
    char *copy = arena_alloc(&w->arena, whole.n);
    memcpy(copy, whole.p, whole.n);
    record_erase(copy, whole.n);
    return str_eq(str_make(copy, whole.n), erased);
}

static bool same(struct world *w, const struct placed *a, const struct placed *b)
{
    return a->proposer == b->proposer && a->seq == b->seq && a->index == b->index &&
           (str_eq(a->bytes, b->bytes) || engine_is_erased(w, a->bytes, b->bytes) ||
            engine_is_erased(w, b->bytes, a->bytes));
}

// At the offset o. False: something else is there. *ret_next: it cannot be there, as what is before it is not, or it is.
static bool take_back(struct world *w, struct engine_room *r, uint64_t o, const struct placed *p,
                      bool *ret_is)
{
    *ret_is = o <= r->n;
    if (o <= r->n)
        return same(w, &r->v[o - 1], p);
    if (o != r->n + 1u)
        return true;
    if (!r->open && r->taken)
        return false;
    char *copy = arena_alloc(&w->arena, p->bytes.n);
    memcpy(copy, p->bytes.p, p->bytes.n);
    struct placed mine = *p;
    mine.bytes = str_make(copy, p->bytes.n);
    engine_append(w, r, &mine);
    w->counts.given_back++;
    *ret_is = true;
    return true;
}

// False: it says something that others say otherwise.
static bool take_all(struct world *w, struct engine_room *r, const struct engine_mail *m, uint64_t *ret_given)
{
    str from = m->records, bytes;
    struct engine_run run;
    uint64_t o = m->first;
    bool is = true;
    while (is && engine_take_run(&from, &run))
        for (uint32_t k = 0; is && k < run.count && engine_take_record(&from, &bytes); k++, o += is) {
            const struct placed p = {bytes, run.proposer, run.seq, run.index + k, w->now_ms};
            if (!take_back(w, r, o, &p, &is))
                return false;
        }
    *ret_given = o - 1;
    return true;
}

void engine_on_restore(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m)
{
    struct watcher *t = engine_watcher(r, node, m->room);
    uint64_t given = 0;
    if (m->term != r->term || memcmp(m->epoch, r->epoch, EPOCH_LEN) != 0 || t == NULL) {
        engine_here(w, r, node, m->room);
        return;
    }
    if (!take_all(w, r, m, &given)) {
        renew(w, r);
        return;
    }
    t->spoke = true;
    t->has = m->last;
    if (given > t->given)
        t->given = given;
    engine_here(w, r, node, m->room);
    engine_settle(w, r);
}

void engine_settle(struct world *w, struct engine_room *r)
{
    if (!r->open)
        return;
    bool all = true;
    for (uint32_t i = 0; i < r->watchers_n; i++)
        all = all && r->watchers[i].spoke && r->watchers[i].has <= r->n;
    if (all) {
        r->open = false;
        here_all(w, r);
    } else if (w->now_ms >= r->open_ms) {
        renew(w, r);
    } else if (w->now_ms >= r->remind_ms) {
        r->remind_ms = w->now_ms + REMIND_MS;
        for (uint32_t i = 0; i < r->watchers_n; i++)
            if (!r->watchers[i].spoke)
                engine_here(w, r, r->watchers[i].node, r->watchers[i].room);
    }
}
