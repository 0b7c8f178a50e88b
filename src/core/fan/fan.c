// SPDX-License-Identifier: Apache-2.0
//
// Fan-out's beginning and end, and what it notes for those who decide about connections.
#include "core/fan/fan.h"

#include "core/fan/pace.h"
#include "core/fan/speech.h"

enum { KIB_NS = 1200 }; // before anything was measured: five microseconds a write

// Rooms with readers here: each connection brings at most its rooms; the pool's ceiling guards the memory.
static uint32_t outlets_max(const struct settings *s)
{
    uint64_t n = (uint64_t)s->connections_max * s->rooms_per_connection;
    uint64_t rooms = (uint64_t)s->rooms_max * s->shard_count;
    if (n > rooms)
        n = rooms;
    return n > (1u << 24) ? 1u << 24 : (uint32_t)n + 1;
}

static uint32_t dirty_words(const struct settings *s) { return (s->connections_max + 63) / 64; }

enum err fan_init(struct fan *f, struct context *cx, struct mailroom *mail)
{
    const struct settings *s = cx->settings;
    struct mem *mem = cx->mem;
    *f = (struct fan){.cx = cx,
                      .mail = mail,
                      .lag_look_ms = UINT64_MAX,
                      .kib_ns = KIB_NS,
                      .looks_left = CONFLATE_LOOKS,
                      .plan.conn = UINT32_MAX};
    slab_init(&f->outlets, mem, sizeof(struct outlet), outlets_max(s));
    map_init(&f->outlets_by_name, mem);
    holes_init(&f->holes, mem);
    slab_init(&f->conflated, mem, sizeof(struct conflated), outlets_max(s));
    buf_init(&f->encode, mem, 0);
    f->dirty = mem_zalloc(mem, dirty_words(s) * sizeof *f->dirty);
    f->news = mem_zalloc(mem, s->connections_max * sizeof *f->news);
    bool made = speech_init(f) == OK && f->dirty != NULL && f->news != NULL && working_fit(&f->encode) &&
                index_list_init(&f->outlets_dirty, mem, outlets_max(s)) == OK &&
                index_list_init(&f->outlets_settling, mem, outlets_max(s)) == OK &&
                index_list_init(&f->ends, mem, s->connections_max) == OK &&
                index_list_init(&f->wakes, mem, s->connections_max) == OK;
    return made ? OK : ERR_NOMEM;
}

void fan_deinit(struct fan *f)
{
    if (f->cx == NULL)
        return;
    struct mem *mem = f->cx->mem;
    for (uint32_t i = 0; i < f->outlets.high; i++)
        if (slab_used(&f->outlets, i))
            outlet_release(f, outlet_at(f, i));
    slab_deinit(&f->outlets);
    map_deinit(&f->outlets_by_name);
    holes_deinit(&f->holes);
    slab_deinit(&f->conflated);
    buf_deinit(&f->encode);
    speech_deinit(f);
    mem_free(mem, f->dirty, dirty_words(f->cx->settings) * sizeof *f->dirty);
    mem_free(mem, f->news, f->cx->settings->connections_max * sizeof *f->news);
    struct index_list *lists[] = {&f->outlets_dirty, &f->outlets_settling, &f->ends, &f->wakes};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        index_list_deinit(lists[i], mem);
}

void fan_tidy(struct fan *f) { working_fit(&f->encode); }

void fan_end(struct fan *f, uint32_t conn, enum end why)
{
    struct reader *r = reader_at(f, conn);
    ASSERT(why != END_NONE);
    if (!reader_open(r))
        return;
    r->end = (uint8_t)why;
    index_list_push(&f->ends, conn);
}

void fan_starve(struct fan *f, uint32_t conn, const char *what)
{
    if (!reader_open(reader_at(f, conn)))
        return;
    metric_add(&f->cx->metrics->limit_memory, 1);
    notice_put(f->cx, NOTICE_MEMORY, conn, 0, what, STR_NONE);
    fan_end(f, conn, END_STARVED);
}

void fan_wake(struct fan *f, uint32_t conn)
{
    struct reader *r = reader_at(f, conn);
    if (r->wake_queued)
        return;
    r->wake_queued = true;
    index_list_push(&f->wakes, conn);
}

// --- readers

struct membership *reader_memberships(struct reader *r) { return r->member_cap == 0 ? &r->one : r->many; }

struct membership *reader_find_membership(struct reader *r, uint32_t outlet)
{
    struct membership *all = reader_memberships(r);
    for (uint32_t i = 0; i < r->member_n; i++)
        if (all[i].outlet == outlet)
            return &all[i];
    return NULL;
}

void reader_deinit(struct reader *r, struct mem *m)
{
    outq_deinit(&r->out, m);
    skips_free(r, m);
    if (r->member_cap != 0)
        mem_free(m, r->many, r->member_cap * sizeof *r->many);
    who_deinit(&r->who, m);
}
