// SPDX-License-Identifier: Apache-2.0
//
// From a reader's place to the head once, forwards: the newest row of each print is known at any time, so one more entry costs one
// look into a table, and the row that it finds there is gone. Backwards would do with a set, and would have to be done again
// for each entry that comes.
//
// Gone rows say how far it is to the next one that is not, and what is found on the way is written down (as in union-find), so a
// reader steps over a million of them without looking at each.
#include "core/fan/conflate.h"

#include "core/fan/fan.h"

enum { GONE = 1, TRIM_MIN = 1024 };
_Static_assert(GONE == PRINT_WAITS, "the bit of a print that a row has for itself");

static struct conflated *conflated_of(const struct fan *f, const struct outlet *o)
{
    return o->conflated == SLAB_NONE ? NULL : slab_at(&f->conflated, o->conflated);
}

void conflate_drop(struct fan *f, struct outlet *o)
{
    struct conflated *c = conflated_of(f, o);
    if (c == NULL)
        return;
    mem_free(f->cx->mem, c->rows, c->cap * sizeof *c->rows);
    map_deinit(&c->newest);
    slab_free(&f->conflated, o->conflated);
    o->conflated = SLAB_NONE;
}

void conflate_trim(struct fan *f, struct outlet *o, uint64_t slowest)
{
    const struct conflated *c = conflated_of(f, o);
    // Half of it is of no use any more: made anew when it is needed, of the other half.
    if (c != NULL && (slowest > o->head || slowest > c->base + c->n / 2 + TRIM_MIN))
        conflate_drop(f, o);
}

// --- looking

static void begin_at(struct conflated *c, uint64_t place)
{
    c->base = place;
    c->n = 0;
    map_deinit(&c->newest);
}

static enum err rows_room(struct fan *f, struct conflated *c)
{
    if (c->n < c->cap)
        return OK;
    uint32_t cap = c->cap == 0 ? 64 : c->cap * 2;
    uint64_t *rows = mem_realloc(f->cx->mem, c->rows, c->cap * sizeof *rows, cap * sizeof *rows);
    if (rows == NULL)
        return ERR_NOMEM;
    c->rows = rows;
    c->cap = cap;
    return OK;
}

static bool has_print(const void *ctx, uint32_t row, const void *print)
{
    return ((const struct conflated *)ctx)->rows[row] == *(const uint64_t *)print;
}

static enum err look_at(struct fan *f, struct conflated *c, uint64_t print)
{
    if (rows_room(f, c) != OK)
        return ERR_NOMEM;
    ASSERT(c->n < CONFLATE_PLACES_MAX);
    uint64_t row = c->states_only && (print & PRINT_WAITS) == 0 ? 0 : print & ~(uint64_t)GONE;
    if (row != 0) {
        uint32_t before = map_find(&c->newest, row, has_print, c, &row);
        if (map_insert(&c->newest, row, c->n) != OK)
            return ERR_NOMEM;
        if (before != MAP_NONE) {
            bool there = map_remove(&c->newest, row, before);
            ASSERT(there);
            c->rows[before] = 1 << 1 | GONE;
        }
    }
    c->rows[c->n++] = row;
    return OK;
}

// What is in a segment from the first entry that has not been looked at, up to `last`. Behind a cut offsets are others, and nothing is
// told of both sides in one.
static enum err look_into(struct fan *f, struct conflated *c, const struct segment *s, uint64_t last)
{
    if (segment_cut(s)) {
        begin_at(c, s->first + 1);
        return OK;
    }
    for (uint64_t at = c->base + c->n; at <= last && f->looks_left > 0; at++, f->looks_left--)
        if (look_at(f, c, segment_print(s, at)) != OK)
            return ERR_NOMEM;
    return OK;
}

static struct conflated *conflated_new(struct fan *f, struct outlet *o, uint64_t base, bool states_only)
{
    o->conflated = slab_alloc(&f->conflated);
    if (o->conflated == SLAB_NONE)
        return NULL;
    struct conflated *c = conflated_of(f, o);
    map_init(&c->newest, f->cx->mem);
    c->base = base;
    c->states_only = states_only;
    return c;
}

// Looks at what has come, as far as may be in this turn. NULL: there is no memory for it.
static struct conflated *conflated_make(struct fan *f, struct outlet *o, const struct cursor *cur,
                                        bool states_only)
{
    const struct chain *chain = tracks_chain(&o->tracks, cur->encoding);
    struct conflated *c = conflated_of(f, o);
    if (c != NULL && c->states_only != states_only) { // it was otherwise until a reload
        conflate_drop(f, o);
        c = NULL;
    }
    ASSERT(cur->next <= o->head);
    const uint64_t from =
        o->head - cur->next < CONFLATE_PLACES_MAX ? cur->next : o->head + 1 - CONFLATE_PLACES_MAX / 2;
    if (c == NULL && (c = conflated_new(f, o, from, states_only)) == NULL)
        return NULL;
    if (from < c->base && !segment_cut(chain->segs[chain_find(chain, c->base - 1)]))
        begin_at(c, from); // one that is further behind
    if (c->base + c->n < chain->segs[0]->first || o->head - c->base >= CONFLATE_PLACES_MAX)
        begin_at(c, from); // what is between is of no reader of this encoding, or more than may be
    uint64_t at;
    while ((at = c->base + c->n) <= o->head && f->looks_left > 0) {
        uint32_t i = chain_find(chain, at);
        uint64_t last = i + 1 < chain->n && chain->segs[i + 1]->first <= o->head
                            ? chain->segs[i + 1]->first - 1
                            : o->head;
        if (look_into(f, c, chain->segs[i], last) != OK) {
            conflate_drop(f, o);
            return NULL;
        }
    }
    return c;
}

// --- reading it

static bool is_gone(const struct conflated *c, uint64_t place)
{
    return place >= c->base && place - c->base < c->n && (c->rows[place - c->base] & GONE) != 0;
}

// The first place from there on that is gone; if there is none, or it is far away, one that is not.
static uint64_t kept_until(const struct conflated *c, uint64_t from, uint64_t head)
{
    uint64_t end = from + CONFLATE_RUN_MAX < head + 1 ? from + CONFLATE_RUN_MAX : head + 1;
    uint64_t at = from < c->base ? c->base : from;
    while (at < end && !is_gone(c, at))
        at++;
    return at < end ? at : end;
}

// The first place behind `from` that is not gone.
static uint64_t gone_until(struct conflated *c, uint64_t from)
{
    uint32_t i = (uint32_t)(from - c->base), end = i;
    while (end < c->n && (c->rows[end] & GONE) != 0)
        end += (uint32_t)(c->rows[end] >> 1);
    while (i < end) {
        uint32_t next = i + (uint32_t)(c->rows[i] >> 1);
        c->rows[i] = (uint64_t)(end - i) << 1 | GONE;
        i = next;
    }
    ASSERT(end <= c->n);
    return c->base + end;
}

uint64_t conflate_until(struct fan *f, const struct outlet *o, const struct cursor *cur)
{
    const struct conflated *c = conflated_of(f, o);
    return c == NULL || cur->next > o->head ? o->head : kept_until(c, cur->next, o->head) - 1;
}

// --- telling it

// A reader on its way through what lies before it.
struct telling {
    struct reader *r;
    uint32_t conn, outlet;
    const struct chain *chain;
    struct cursor *cur;
    uint64_t place, offset; // the offset of the newest record before that place
    uint32_t bytes_max;     // of its queue
};

// The segment of a place, and the last one in it up to `to`.
static const struct segment *segment_at(const struct telling *w, uint64_t place, uint64_t to,
                                        uint64_t *ret_last)
{
    uint32_t i = chain_find(w->chain, place);
    bool ends = i + 1 < w->chain->n && w->chain->segs[i + 1]->first <= to;
    *ret_last = ends ? w->chain->segs[i + 1]->first - 1 : to;
    return w->chain->segs[i];
}

static void offset_count(struct telling *w)
{
    while (w->place < w->cur->next) {
        uint64_t last;
        const struct segment *s = segment_at(w, w->place, w->cur->next - 1, &last);
        for (; w->place <= last; w->place++)
            w->offset += !segment_passing(s, w->place);
    }
}

// Steps over its own entries; the first one of its own behind that, or `end`.
static uint64_t step_own(struct telling *w, uint64_t end)
{
    const struct skip *s;
    while ((s = skips_at(w->r, w->outlet, w->cur->next)) != NULL && s->from <= w->cur->next &&
           w->cur->next < end)
        w->cur->next = s->to + 1 < end ? s->to + 1 : end;
    return s != NULL && s->from < end ? s->from : end;
}

// Entries up to `end`, which is not one of them, go into its queue, but its own. False where they do not fit, or there is no memory:
// they come later, then.
static bool put_kept(struct fan *f, struct telling *w, uint64_t end)
{
    for (uint64_t own; (own = step_own(w, end)), w->cur->next < end;) {
        uint64_t next = w->cur->next, last;
        const struct segment *s = segment_at(w, next, own - 1, &last);
        str run = segment_run(s, next, last);
        if (segment_cut(s) || w->r->out.bytes + run.n > w->bytes_max ||
            (run.n != 0 && outq_put(&w->r->out, fan_queue_mem(f, w->r), run, STR_NONE, STR_NONE) != OK))
            return false;
        fan_delivered(f, w->r, last + 1 - next);
        w->cur->next = last + 1;
    }
    return true;
}

// What is gone from its place on, but its own. Where it cannot be told the reader is ended, and gets nothing that is behind it.
static void put_gap(struct fan *f, struct telling *w, uint64_t end, const char *reason)
{
    const uint64_t own = step_own(w, end), n = w->cur->next < end ? own - w->cur->next : 0;
    if (n == 0)
        return;
    offset_count(w);
    const struct event gap = {.type = EV_GAP,
                              .room = outlet_name(outlet_at(f, w->outlet)),
                              .gap_from = w->offset + 1,
                              .gap_to = w->offset + n,
                              .reason = reason};
    metric_add(&f->cx->metrics->conflated, n);
    fan_put_event(f, w->conn, &gap);
    w->cur->next = own;
}

void conflate_tell(struct fan *f, uint32_t conn, const struct membership *m)
{
    struct outlet *o = outlet_at(f, m->outlet);
    struct cursor *cur = &o->cursors[m->slot];
    const struct room_settings *s = room_settings_of(f->cx, &o->ruled, outlet_name(o));
    const bool states_only = s->slow_policy != SLOW_CONFLATE;
    if (states_only && s->state_interval_ms == 0) {
        conflate_drop(f, o); // it was one until a reload
        return;
    }
    struct conflated *c = cur->next <= o->head ? conflated_make(f, o, cur, states_only) : NULL;
    if (c == NULL)
        return;
    const uint32_t share = f->cx->settings->reply_bytes / 2;
    struct telling w = {.r = reader_at(f, conn),
                        .conn = conn,
                        .outlet = m->outlet,
                        .chain = tracks_chain(&o->tracks, cur->encoding),
                        .cur = cur,
                        .place = cur->next,
                        .offset = outlet_offset_before(o, cur->encoding, cur->next),
                        .bytes_max = share < CONFLATE_BYTES ? share : CONFLATE_BYTES};
    while (reader_open(w.r) && (w.r->out.bytes == 0 || w.r->out.bytes < w.bytes_max) &&
           cur->next <= o->head) {
        uint64_t gone = kept_until(c, cur->next, o->head);
        if (!is_gone(c, gone) || !put_kept(f, &w, gone))
            break; // it is written as it is
        put_gap(f, &w, gone_until(c, gone), states_only ? "coalesced" : "conflated");
    }
}

void conflate_check(const struct fan *f, const struct outlet *o)
{
    const struct conflated *c = conflated_of(f, o);
    uint32_t newest = 0;
    if (c == NULL)
        return;
    ASSERT(c->n <= c->cap);
    ASSERT(c->base + c->n <= o->head + 1);
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t row = c->rows[i];
        bool gone = (row & GONE) != 0;
        ASSERT(!gone || (row >> 1 != 0 && row >> 1 <= c->n - i));                       // 2
        ASSERT(gone || row == 0 || map_find(&c->newest, row, has_print, c, &row) == i); // 1
        newest += !gone && row != 0;
        for (uint32_t k = i + 1; gone && k < i + (row >> 1); k++)
            ASSERT((c->rows[k] & GONE) != 0); // 2
    }
    ASSERT(newest == c->newest.count); // 1
    map_check(&c->newest);
}
