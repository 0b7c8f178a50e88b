// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to keep the live stream's segments for this. They have passing entries in them, are there only for encodings that
// had a reader at the time, and end where the memory of those who read them does.
#include "core/log/replay.h"

enum {
    ENTRY_COST = 64,  // of a budget in bytes, for looking a record up and encoding it,
    DEFLATE_COST = 8, // and for each of its bytes where it is deflated
};

// The index of the segment that has the offset; n without one.
static uint32_t find(const struct chain *c, uint64_t offset)
{
    if (c->n == 0 || c->segs[0]->first > offset)
        return c->n;
    uint32_t i = chain_find(c, offset);
    return offset < c->segs[i]->first + c->segs[i]->count ? i : c->n;
}

// Where a hole that begins at `offset` ends: at what is there behind it, or behind `to`.
static uint64_t hole_end(const struct chain *c, uint64_t offset, uint64_t to)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->segs[i]->first > offset)
            return c->segs[i]->first <= to ? c->segs[i]->first : to + 1;
    return to + 1;
}

// A segment for so many entries from `offset` on, of which the first takes n bytes.
static struct segment *segment_for(struct chain *c, struct mem *m, uint64_t offset, uint64_t entries,
                                   size_t n)
{
    ASSERT(entries != 0);
    size_t cap = segment_cost(n);
    if (entries < SEGMENT_BYTES_MAX / cap)
        cap *= entries;
    else if (cap < SEGMENT_BYTES_MAX)
        cap = SEGMENT_BYTES_MAX;
    if (cap < SEGMENT_BYTES_MIN)
        cap = SEGMENT_BYTES_MIN;
    struct segment *s = segment_create(m, offset, (uint32_t)cap);
    if (s != NULL && chain_merge(c, m, s) != OK) {
        segment_unref(m, s);
        return NULL;
    }
    return s;
}

// What is to be made of a log.
struct job {
    const struct log *log;
    const struct replay_want *want;
    str room;
    const struct frame_tools *tools;
    uint64_t *budget;
};

// Entry `offset` behind segment s, or into a new one for so many entries; *s is where it lies then.
static enum err make_one(struct chain *c, const struct job *j, uint64_t offset, uint64_t entries,
                         struct segment **s)
{
    struct entry e;
    struct framed f;
    struct word_space space;
    log_entry(j->log, offset, j->room, &e);
    words_show(j->log, &e, &space);
    buf_reset(j->tools->scratch, SEGMENT_BYTES_MAX);
    bool made = j->want->form == REPLAY_FRAMES ? frame_entry(j->want->encoding, &e, j->tools, &f)
                                               : frame_row(j->want->encoding, &e, j->tools, &f);
    if (!made)
        return ERR_NOMEM;
    size_t n = framed_size(&f);
    if (*s == NULL || !segment_fits(*s, n))
        *s = segment_for(c, j->log->mem, offset, entries, n);
    if (*s == NULL)
        return ERR_NOMEM;
    framed_append(*s, &f, j->tools->scratch, false);
    const uint64_t cost = n + ENTRY_COST + (j->want->encoding->deflate != 0 ? DEFLATE_COST * f.words_n : 0);
    *j->budget -= cost < *j->budget ? cost : *j->budget;
    return OK;
}

// What is wanted, from..to - 1, none of which is there.
static enum err fill(struct chain *c, const struct job *j, uint64_t from, uint64_t to)
{
    ASSERT(from < to);
    ASSERT(from >= j->log->tail);
    ASSERT(to <= j->log->head + 1);
    uint32_t before = from > 1 ? find(c, from - 1) : c->n;
    struct segment *s = before != c->n ? c->segs[before] : NULL;
    for (uint64_t o = from; o < to; o++) {
        if (*j->budget == 0)
            return ERR_MORE;
        enum err e = make_one(c, j, o, to - o, &s);
        if (e != OK)
            return e;
    }
    return OK;
}

enum err replay_make(struct replay **r, const struct log *l, const struct replay_want *want, str room,
                     uint64_t now_ms, const struct frame_tools *tools, uint64_t *budget)
{
    if (want->from > want->to)
        return OK;
    ASSERT(want->from >= l->tail);
    ASSERT(want->to <= l->head);
    if (*r == NULL && (*r = mem_zalloc(l->mem, sizeof **r)) == NULL)
        return ERR_NOMEM;
    (*r)->used_ms = now_ms;
    uint8_t key = replay_key(want->encoding, want->form);
    if (tracks_reserve(&(*r)->tracks, l->mem, key) != OK)
        return ERR_NOMEM;
    struct chain *c = &tracks_add(&(*r)->tracks, key)->chain;
    const struct job job = {l, want, room, tools, budget};
    uint64_t from = want->from - want->from % REPLAY_STEP;
    if (from < l->tail)
        from = l->tail;
    while (from <= want->to) {
        uint32_t i = find(c, from);
        uint64_t to = i != c->n ? c->segs[i]->first + c->segs[i]->count : hole_end(c, from, want->to);
        enum err e = i == c->n ? fill(c, &job, from, to) : OK;
        if (e != OK)
            return e;
        ASSERT(to > from);
        from = to;
    }
    return OK;
}

struct segment **replay_take(const struct replay *r, const struct replay_want *want, struct mem *m,
                             uint32_t *ret_n)
{
    *ret_n = 0;
    if (want->from > want->to)
        return NULL;
    const struct chain *c = tracks_chain(&r->tracks, replay_key(want->encoding, want->form));
    uint32_t first = chain_find(c, want->from), n = chain_find(c, want->to) + 1 - first;
    ASSERT(c->segs[first]->first <= want->from);
    ASSERT(first + n <= c->n);
    struct segment **segs = mem_alloc(m, n * sizeof(struct segment *));
    if (segs == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        segs[i] = segment_ref(c->segs[first + i]);
    *ret_n = n;
    return segs;
}

// --- going

void replay_forget(struct replay *r, struct mem *m, uint64_t offset)
{
    for (uint32_t i = 0; r != NULL && i < r->tracks.n; i++) {
        struct chain *c = &tracks_all(&r->tracks)[i].chain;
        const uint32_t at = find(c, offset);
        if (at != c->n)
            chain_take_out(c, m, at);
    }
}

void replay_drop(struct replay **r, struct mem *m)
{
    if (*r == NULL)
        return;
    tracks_deinit(&(*r)->tracks, m);
    mem_free(m, *r, sizeof **r);
    *r = NULL;
}

size_t replay_bytes(const struct replay *r)
{
    size_t n = 0;
    for (uint32_t i = 0; r != NULL && i < r->tracks.n; i++)
        n += tracks_const(&r->tracks)[i].chain.bytes;
    return n;
}

static void trim(struct chain *c, const struct log *l)
{
    chain_trim(c, l->mem, l->tail);
    if (c->n == 1 && chain_end(c) <= l->tail)
        chain_deinit(c, l->mem);
}

void replay_trim(struct replay **r, const struct log *l)
{
    if (*r == NULL)
        return;
    if (l->tail > l->head) {
        replay_drop(r, l->mem);
        return;
    }
    for (uint32_t i = 0; i < (*r)->tracks.n; i++)
        trim(&tracks_all(&(*r)->tracks)[i].chain, l);
}

uint64_t replay_due_ms(const struct replay *r)
{
    return r == NULL ? UINT64_MAX : r->used_ms + REPLAY_IDLE_MS;
}

static void chain_check_replay(const struct chain *c, const struct log *l)
{
    chain_check(c);
    ASSERT(c->n == 0 || chain_end(c) <= l->head + 1);
    ASSERT(c->n == 0 || chain_end(c) > l->tail);
    for (uint32_t i = 0; i < c->n; i++) {
        ASSERT(c->segs[i]->count != 0);
        ASSERT(i == 0 || c->segs[i - 1]->first + c->segs[i - 1]->count <= c->segs[i]->first);
    }
}

void replay_check(const struct replay *r, const struct log *l)
{
    if (r == NULL)
        return;
    tracks_check(&r->tracks);
    for (uint32_t i = 0; i < r->tracks.n; i++)
        chain_check_replay(&tracks_const(&r->tracks)[i].chain, l);
}
