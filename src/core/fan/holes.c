// SPDX-License-Identifier: Apache-2.0
//
// Rejected: the offset beside the place in each cursor. It would have to be kept up by counting records in every write, and
// cost eight bytes a membership, for what few ever need.
#include "core/fan/holes.h"

#include "core/fan/fan.h"
#include "wire/ws_frame.h"

void holes_init(struct holes *h, struct mem *m)
{
    slab_init(&h->rows, m, sizeof(struct hole), 1u << 26);
    map_init(&h->by_reader, m);
}

void holes_deinit(struct holes *h)
{
    slab_deinit(&h->rows);
    map_deinit(&h->by_reader);
}

static struct hole *hole_at(const struct fan *f, uint32_t row) { return slab_at(&f->holes.rows, row); }

// Both are indices of ours, which no peer chooses: a multiplication spreads them (Knuth 6.4).
static uint64_t hash(uint32_t outlet, uint32_t conn)
{
    return ((uint64_t)outlet << 32 | conn) * 0x9e3779b97f4a7c15u;
}

struct reader_of {
    uint32_t outlet, conn;
};

static bool is_of(const void *ctx, uint32_t row, const void *key)
{
    const struct hole *hole = hole_at(ctx, row);
    const struct reader_of *of = key;
    return hole->outlet == of->outlet && hole->conn == of->conn;
}

static uint32_t hole_find(const struct fan *f, uint32_t outlet, uint32_t conn)
{
    const struct reader_of of = {outlet, conn};
    return map_find(&f->holes.by_reader, hash(outlet, conn), is_of, f, &of);
}

static struct hole *hole_new(struct fan *f, uint32_t outlet, uint32_t conn)
{
    uint32_t row = slab_alloc(&f->holes.rows);
    if (row == SLAB_NONE)
        return NULL;
    if (map_insert(&f->holes.by_reader, hash(outlet, conn), row) != OK) {
        slab_free(&f->holes.rows, row);
        return NULL;
    }
    struct hole *hole = hole_at(f, row);
    hole->outlet = outlet;
    hole->conn = conn;
    return hole;
}

void hole_forget(struct fan *f, uint32_t outlet, struct cursor *cur)
{
    uint32_t row = hole_find(f, outlet, cur->conn);
    ASSERT(cur->hole);
    ASSERT(row != MAP_NONE);
    cur->hole = false;
    map_remove(&f->holes.by_reader, hash(outlet, cur->conn), row);
    slab_free(&f->holes.rows, row);
}

// Offsets behind a cut (log/place.h) do not follow those before it: what is lost on both sides has no gap that it could be told as.
static bool cut_between(const struct outlet *o, uint8_t encoding, uint64_t from, uint64_t to)
{
    const struct chain *c = tracks_chain(&o->tracks, encoding);
    for (uint32_t i = c->n; i-- > 0 && c->segs[i]->first >= from;)
        if (c->segs[i]->first <= to && segment_cut(c->segs[i]))
            return true;
    return false;
}

static void hole_open(struct fan *f, uint32_t outlet, struct cursor *cur, uint64_t next)
{
    ASSERT(cur->next < next);
    const struct outlet *o = outlet_at(f, outlet);
    struct hole *hole =
        cur->hole ? hole_at(f, hole_find(f, outlet, cur->conn)) : hole_new(f, outlet, cur->conn);
    if (hole == NULL) {
        fan_starve(f, cur->conn, "a gap");
    } else {
        if (cut_between(o, cur->encoding, cur->next, next - 1)) {
            notice_put(f->cx, NOTICE_SLOW_READER, cur->conn, WS_CLOSE_TRY_LATER, "disconnected",
                       outlet_name(o));
            fan_end(f, cur->conn, END_SLOW);
        }
        // What it skips of its own and has not been announced is nothing that it has.
        uint64_t from = cur->next <= o->head + 1 ? cur->next : o->head + 1;
        if (!cur->hole)
            hole->after = outlet_offset_before(o, cur->encoding, from);
        hole->entries += next - from;
        cur->hole = true;
        fan_mark_news(f, cur->conn, cur->seat);
    }
    cur->next = next;
}

void holes_open(struct fan *f, uint32_t outlet, uint8_t encoding, uint64_t next)
{
    struct outlet *o = outlet_at(f, outlet);
    for (uint32_t i = 0; i < o->n; i++)
        if (o->cursors[i].encoding == encoding && o->cursors[i].next < next)
            hole_open(f, outlet, &o->cursors[i], next);
}

void hole_tell(struct fan *f, uint32_t outlet, struct cursor *cur)
{
    const struct outlet *o = outlet_at(f, outlet);
    struct hole hole = *hole_at(f, hole_find(f, outlet, cur->conn));
    if (!reader_open(reader_at(f, cur->conn))) {
        hole_forget(f, outlet, cur);
        return;
    }
    uint64_t to = outlet_offset_before(o, cur->encoding, cur->next);
    ASSERT(to >= hole.after && hole.entries >= to - hole.after); // who would lose a cut has been ended
    hole_forget(f, outlet, cur);
    notice_put(f->cx, NOTICE_SLOW_READER, cur->conn, 0, "gap", outlet_name(o));
    fan_put_gap(f, cur->conn, outlet_name(o), hole.after + 1, to, hole.entries - (to - hole.after), "slow");
}

void holes_check(const struct fan *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->outlets.high; i++) {
        const struct outlet *o = slab_used(&f->outlets, i) ? outlet_at(f, i) : NULL;
        for (uint32_t k = 0; o != NULL && k < o->n; k++) {
            ASSERT(o->cursors[k].hole == (hole_find(f, i, o->cursors[k].conn) != MAP_NONE));
            n += o->cursors[k].hole;
        }
    }
    ASSERT(n == f->holes.rows.count);
    ASSERT(n == f->holes.by_reader.count);
    slab_check(&f->holes.rows);
    map_check(&f->holes.by_reader);
}
