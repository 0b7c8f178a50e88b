// SPDX-License-Identifier: Apache-2.0
//
// Rejected: the offset beside the place in each cursor. It would have to be kept up by counting records in every write, and
// cost eight bytes a membership, for what few ever need.
#include "core/fan/holes.h"

#include "core/fan/fan.h"

static struct hole *hole_of(const struct outlet *o, uint32_t conn)
{
    for (uint32_t i = 0; o->holes != NULL && i < o->holes->n; i++)
        if (o->holes->v[i].conn == conn)
            return &o->holes->v[i];
    return NULL;
}

static struct hole *hole_new(struct fan *f, struct outlet *o)
{
    struct holes *h = o->holes;
    if (h == NULL || h->n == h->cap) {
        uint32_t n = h == NULL ? 0 : h->n, cap = n == 0 ? 4 : n * 2;
        size_t old = h == NULL ? 0 : sizeof *h + h->cap * sizeof h->v[0];
        h = mem_realloc(f->cx->mem, h, old, sizeof *h + cap * sizeof h->v[0]);
        if (h == NULL)
            return NULL;
        h->n = n;
        h->cap = cap;
        o->holes = h;
    }
    return &h->v[h->n++];
}

void holes_free(struct fan *f, struct outlet *o)
{
    if (o->holes != NULL)
        mem_free(f->cx->mem, o->holes, sizeof *o->holes + o->holes->cap * sizeof o->holes->v[0]);
    o->holes = NULL;
}

void hole_forget(struct fan *f, struct outlet *o, struct cursor *cur)
{
    struct hole *hole = hole_of(o, cur->conn);
    ASSERT(cur->hole && hole != NULL);
    cur->hole = false;
    *hole = o->holes->v[--o->holes->n];
    if (o->holes->n == 0)
        holes_free(f, o);
}

// The offset of the newest record before a place that a reader of the dialect can be at.
static uint64_t offset_before(const struct outlet *o, int d, uint64_t place)
{
    const struct chain *c = &o->chains[d];
    return place > o->head ? o->offset : segment_offset_before(c->segs[chain_find(c, place)], place);
}

static void hole_open(struct fan *f, struct outlet *o, struct cursor *cur, uint64_t next)
{
    struct hole *hole = cur->hole ? hole_of(o, cur->conn) : hole_new(f, o);
    if (hole == NULL) {
        fan_starve(f, cur->conn, "a gap");
    } else {
        // What it skips of its own and has not been announced is nothing that it has.
        uint64_t from = cur->next <= o->head + 1 ? cur->next : o->head + 1;
        if (!cur->hole)
            *hole = (struct hole){.conn = cur->conn, .after = offset_before(o, cur->dialect, from)};
        hole->entries += next - from;
        cur->hole = true;
        fan_mark_news(f, cur->conn, cur->seat);
    }
    cur->next = next;
}

void holes_open(struct fan *f, struct outlet *o, int dialect, uint64_t next)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (o->cursors[i].dialect == dialect && o->cursors[i].next < next)
            hole_open(f, o, &o->cursors[i], next);
}

void hole_tell(struct fan *f, struct outlet *o, struct cursor *cur)
{
    struct hole hole = *hole_of(o, cur->conn);
    uint64_t to = offset_before(o, cur->dialect, cur->next);
    ASSERT(to >= hole.after && hole.entries >= to - hole.after);
    hole_forget(f, o, cur);
    notice_put(f->cx, NOTICE_SLOW_READER, cur->conn, 0, "gap", outlet_name(o));
    fan_put_gap(f, cur->conn, outlet_name(o), hole.after + 1, to, hole.entries - (to - hole.after), "slow");
}

void holes_check(const struct outlet *o)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        ASSERT(!o->cursors[i].hole || hole_of(o, o->cursors[i].conn) != NULL);
        n += o->cursors[i].hole;
    }
    ASSERT(o->holes == NULL ? n == 0 : o->holes->n == n && n != 0);
}
