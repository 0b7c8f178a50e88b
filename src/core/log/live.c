// SPDX-License-Identifier: Apache-2.0
//
// An entry is framed once per dialect in use, whatever the number of readers.
#include "core/log/live.h"

void live_init(struct live *v, struct mem *m) { *v = (struct live){.mem = m}; }

void live_deinit(struct live *v) { live_rest(v); }

void live_activate(struct live *v, enum dialect_id d) { v->active[d] = true; }

void live_deactivate(struct live *v, enum dialect_id d)
{
    chain_deinit(&v->tracks[d], v->mem);
    v->active[d] = false;
}

// The segment the next entry of n bytes goes into.
static struct segment *track_secure(struct live *v, struct chain *c, size_t n)
{
    struct segment *last = chain_last(c);
    if (last != NULL && segment_fits(last, n))
        return last;
    struct segment *s = chain_extend(c, v->mem, v->place + 1, n);
    if (s != NULL)
        s->after = v->offset;
    return s;
}

bool live_secure(struct live *v, const struct entry *e, int32_t utc_offset_s, struct buf *scratch,
                 struct live_entry *ret)
{
    for (int d = 0; d < DIALECT_COUNT; d++) {
        ret->segs[d] = NULL;
        if (!v->active[d])
            continue;
        if (!frame_entry((enum dialect_id)d, e, utc_offset_s, scratch, &ret->framed[d]))
            return false;
        ret->segs[d] = track_secure(v, &v->tracks[d], framed_size(&ret->framed[d]));
        if (ret->segs[d] == NULL)
            return false;
    }
    return true;
}

void live_commit(struct live *v, const struct live_entry *secured, bool passing, const struct buf *scratch)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (secured->segs[d] != NULL)
            framed_append(secured->segs[d], &secured->framed[d], scratch, passing);
    v->place++;
    v->offset += !passing;
}

void live_release(struct live *v)
{
    for (int d = 0; d < DIALECT_COUNT; d++) {
        struct segment *last = chain_last(&v->tracks[d]);
        if (last != NULL && last->count == 0)
            chain_pop(&v->tracks[d], v->mem);
    }
}

uint32_t live_from(const struct live *v, enum dialect_id d, uint64_t place)
{
    const struct chain *c = &v->tracks[d];
    if (c->n == 0 || place >= v->place)
        return c->n;
    return place + 1 <= c->segs[0]->first ? 0 : chain_find(c, place + 1);
}

void live_announced(struct live *v)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (v->tracks[d].n > 1)
            chain_trim(&v->tracks[d], v->mem, chain_last(&v->tracks[d])->first);
}

void live_rest(struct live *v)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        chain_deinit(&v->tracks[d], v->mem);
}

void live_check(const struct live *v)
{
    for (int d = 0; d < DIALECT_COUNT; d++) {
        const struct chain *c = &v->tracks[d];
        ASSERT(v->active[d] || c->n == 0);
        chain_check(c);
        ASSERT(c->n == 0 || chain_end(c) == v->place + 1);
    }
}
