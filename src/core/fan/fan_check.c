// SPDX-License-Identifier: Apache-2.0
//
// What must hold of outlets and readers, whatever has happened: for tests, and for the simulator after each of its steps.
#include "core/fan/fan.h"

static void skips_check(const struct fan *f, struct reader *r)
{
    const struct skips *s = r->skips;
    ASSERT(s == NULL || s->n <= s->cap);
    ASSERT(s == NULL || s->cap <= SKIPS_MAX);
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        ASSERT(slab_used(&f->outlets, s->v[i].outlet));
        ASSERT(reader_find_membership(r, s->v[i].outlet) != NULL); // 3
        ASSERT(s->v[i].from <= s->v[i].to);                        // 3
        uint32_t before = i;
        while (before > 0 && s->v[before - 1].outlet != s->v[i].outlet)
            before--;
        ASSERT(before == 0 || s->v[before - 1].to + 1 < s->v[i].from); // 3
    }
}

static void reader_check(const struct fan *f, uint32_t conn)
{
    struct reader *r = reader_at(f, conn);
    ASSERT(!r->closed || r->member_n == 0); // 2
    ASSERT(!r->gone || r->closed);
    ASSERT(!r->gone || !r->blocked);
    ASSERT(!r->blocked || r->slow);
    ASSERT(r->encoding < f->cx->settings->ways->encodings_n);
    ASSERT(r->member_cap == 0 ? r->member_n <= 1 : r->member_n <= r->member_cap);
    for (uint32_t i = 0; i < r->member_n; i++) {
        const struct membership *m = &reader_memberships(r)[i];
        const struct outlet *o = outlet_at(f, m->outlet);
        const struct cursor *cur = &o->cursors[m->slot];
        ASSERT(m->slot < o->n); // 1
        ASSERT(cur->conn == conn);
        ASSERT(cur->seat == i);
    }
    skips_check(f, r);
    outq_check(&r->out);
}

// A reader that is behind what was flushed, and has been marked.
static bool has_had_news(const struct outlet *o, uint32_t slot)
{
    return o->cursors[slot].next <= o->flushed_head && (!o->flushing || slot < o->flush_from);
}

static void cursor_check(const struct fan *f, uint32_t index, uint32_t slot)
{
    const struct outlet *o = outlet_at(f, index);
    const struct cursor *cur = &o->cursors[slot];
    const struct chain *c = tracks_chain(&o->tracks, cur->encoding);
    struct reader *r = reader_at(f, cur->conn);
    const struct membership *m = reader_find_membership(r, index);
    ASSERT(m != NULL); // 1
    ASSERT(m->slot == slot);
    ASSERT(r->encoding == cur->encoding);
    ASSERT(!r->closed);
    ASSERT(cur->next != 0);                                                            // 2, and shard_check
    ASSERT(cur->next > o->head || (c->n != 0 && c->segs[0]->first <= cur->next));      // 3
    ASSERT(!has_had_news(o, slot) || (f->news[cur->conn] & news_bit(cur->seat)) != 0); // 6
}

static void outlet_check(const struct fan *f, uint32_t index)
{
    const struct outlet *o = outlet_at(f, index);
    ASSERT(o->n != 0 || o->pending != 0); // 4
    ASSERT(o->n <= o->cap);
    ASSERT(o->flush_from <= o->n);
    ASSERT(o->flushed_head <= o->head);
    ASSERT(!o->flushing || o->dirty);
    uint32_t readers[ENCODINGS_MAX] = {0}, read = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        cursor_check(f, index, i);
        readers[o->cursors[i].encoding]++;
    }
    ASSERT(!o->crowded || o->settling); // 5
    tracks_check(&o->tracks);
    conflate_check(f, o);
    for (uint32_t k = 0; k < o->tracks.n; k++) {
        const struct track *t = &tracks_const(&o->tracks)[k];
        ASSERT(t->readers != 0); // 3
        ASSERT(t->readers == readers[t->key]);
        chain_check(&t->chain);
    }
    for (uint32_t k = 0; k < ENCODINGS_MAX; k++)
        read += readers[k] != 0;
    ASSERT(read == o->tracks.n); // 3
}

void fan_check(const struct fan *f)
{
    for (uint32_t i = 0; i < f->outlets.high; i++)
        if (slab_used(&f->outlets, i))
            outlet_check(f, i);
    for (uint32_t i = 0; i < f->cx->conns->high; i++)
        if (slab_used(f->cx->conns, i))
            reader_check(f, i);
    ASSERT(f->outlets_by_name.count == f->outlets.count);
    slab_check(&f->outlets);
    map_check(&f->outlets_by_name);
    slab_check(&f->conflated);
    holes_check(f);
    buf_check(&f->encode);
    ASSERT(f->plan.conn == UINT32_MAX);
}
