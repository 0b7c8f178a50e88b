// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to keep the live stream's segments for this. They have passing entries in them, are there only for dialects that
// had a reader at the time, and end where the memory of those who read them does.
#include "core/log/replay.h"

void replay_deinit(struct replay *r, struct mem *m)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        chain_deinit(&r->frames[d], m);
    r->used_ms = 0;
}

// The index of the segment that has the offset; n without one.
static uint32_t find(const struct chain *c, uint64_t offset)
{
    if (c->n == 0 || c->segs[0]->first > offset)
        return c->n;
    uint32_t i = chain_find(c, offset);
    return offset < c->segs[i]->first + c->segs[i]->count ? i : c->n;
}

// Where the frames that are there begin again behind a hole that begins at `offset`.
static uint64_t hole_end(const struct chain *c, uint64_t offset, uint64_t head)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->segs[i]->first > offset)
            return c->segs[i]->first;
    return head + 1;
}

// A segment for so many entries from `offset` on, of which the first takes n bytes.
static struct segment *segment_for(struct chain *c, struct mem *m, uint64_t offset, uint64_t entries,
                                   size_t n)
{
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

// Frames of from..to - 1, none of which is there.
static enum err fill(struct chain *c, const struct log *l, enum dialect_id d, uint64_t from, uint64_t to,
                     str room, int32_t utc_offset_s, struct buf *scratch)
{
    uint32_t before = from > 1 ? find(c, from - 1) : c->n;
    struct segment *s = before != c->n ? c->segs[before] : NULL;
    for (uint64_t o = from; o < to; o++) {
        struct entry e;
        struct framed f;
        log_entry(l, o, room, &e);
        buf_reset(scratch, SEGMENT_BYTES_MAX);
        if (!frame_entry(d, &e, utc_offset_s, scratch, &f))
            return ERR_NOMEM;
        if (s == NULL || !segment_fits(s, framed_size(&f)))
            s = segment_for(c, l->mem, o, to - o, framed_size(&f));
        if (s == NULL)
            return ERR_NOMEM;
        framed_append(s, &f, scratch, false);
    }
    return OK;
}

enum err replay_make(struct replay *r, const struct log *l, enum dialect_id d, uint64_t from, str room,
                     uint64_t now_ms, int32_t utc_offset_s, struct buf *scratch)
{
    struct chain *c = &r->frames[d];
    ASSERT(from >= l->tail);
    if (from > l->head)
        return OK;
    r->used_ms = now_ms;
    from -= from % REPLAY_STEP;
    if (from < l->tail)
        from = l->tail;
    while (from <= l->head) {
        uint32_t i = find(c, from);
        uint64_t to = i != c->n ? c->segs[i]->first + c->segs[i]->count : hole_end(c, from, l->head);
        if (i == c->n && fill(c, l, d, from, to, room, utc_offset_s, scratch) != OK)
            return ERR_NOMEM;
        from = to;
    }
    return OK;
}

uint32_t replay_from(const struct replay *r, enum dialect_id d, uint64_t from)
{
    return chain_find(&r->frames[d], from);
}

void replay_trim(struct replay *r, const struct log *l)
{
    if (l->tail > l->head) {
        replay_deinit(r, l->mem);
        return;
    }
    for (int d = 0; d < DIALECT_COUNT; d++) {
        struct chain *c = &r->frames[d];
        chain_trim(c, l->mem, l->tail);
        if (c->n == 1 && chain_end(c) <= l->tail)
            chain_deinit(c, l->mem);
    }
}

uint64_t replay_due_ms(const struct replay *r)
{
    return r->used_ms == 0 ? UINT64_MAX : r->used_ms + REPLAY_IDLE_MS;
}

void replay_check(const struct replay *r, const struct log *l)
{
    for (int d = 0; d < DIALECT_COUNT; d++) {
        const struct chain *c = &r->frames[d];
        ASSERT(c->n == 0 || (r->used_ms != 0 && chain_end(c) <= l->head + 1 && chain_end(c) > l->tail));
        for (uint32_t i = 0; i < c->n; i++)
            ASSERT(c->segs[i]->count != 0 &&
                   (i == 0 || c->segs[i - 1]->first + c->segs[i - 1]->count <= c->segs[i]->first));
    }
}
