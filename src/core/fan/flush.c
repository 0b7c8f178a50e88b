// SPDX-License-Identifier: Apache-2.0
//
// When a room's readers are marked as having something to be written to, and how many of them in a turn.
#include "core/fan/fan.h"

enum { TRIM_DELAY_MS = 100 };
enum { WRITES_MEASURED_KIB = 64, KIB_NS_MIN = 50, KIB_NS_MAX = 50000 };
enum { EARLY_PART = 64 }; // of the readers: so many more writes a flush may cost

bool outlet_waits(const struct fan *f, const struct outlet *o)
{
    if (o->dirty)
        return !o->flushing && !o->calm && o->flush_at_ns > f->cx->turn_ns;
    // What comes next may be told an interval later: no ack waits for that.
    return !o->coalesces && busy_flush_at(&o->busy, f->cx->turn_ns) > f->cx->turn_ns;
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

// Changes of the state from that place on wait until state_interval_ms have gone by since the last flush, where a rule says so.
// Anything else takes what waits along: it comes behind it.
static void calm_look(struct outlet *o, const struct room_settings *s, uint64_t from)
{
    o->coalesces = s->state_interval_ms != 0;
    o->calm = o->coalesces && outlet_news_wait(o, from) && outlet_news_bytes(o) < s->lag_bytes / 2;
}

static void schedule(const struct fan *f, struct outlet *o, uint64_t now_ns, bool meanwhile)
{
    const struct room_settings *s = room_settings_of(f->cx, &o->ruled, outlet_name(o));
    o->flush_at_ns =
        later(busy_news(&o->busy, now_ns, meanwhile), now_ns + s->flush_interval_ms * UINT64_C(1000000));
    calm_look(o, s, o->flushed_head + 1);
    if (o->calm)
        o->flush_at_ns = later(o->flush_at_ns, o->busy.ended_ns + s->state_interval_ms * UINT64_C(1000000));
}

void flush_want(struct fan *f, uint32_t index, uint64_t head_before)
{
    struct outlet *o = outlet_at(f, index);
    if (!o->dirty) {
        o->dirty = true;
        schedule(f, o, f->cx->turn_ns, false);
        index_list_push(&f->outlets_dirty, index);
        return;
    }
    busy_more(&o->busy, f->cx->turn_ns);
    if (!o->calm || o->flushing)
        return;
    const struct room_settings *s = room_settings_of(f->cx, &o->ruled, outlet_name(o));
    calm_look(o, s, head_before + 1);
    if (!o->calm) // as any other news: a busy room rests all the same
        o->flush_at_ns = later(busy_flush_at(&o->busy, f->cx->turn_ns),
                               f->cx->turn_ns + s->flush_interval_ms * UINT64_C(1000000));
}

static void flush_begin(struct fan *f, struct outlet *o)
{
    ASSERT(o->flushed_head <= o->head);
    o->flushing = true;
    o->flush_from = 0;
    o->flush_bytes = outlet_news_bytes(o);
    o->flushed_head = o->head;
    uint64_t bytes = o->n * ((uint64_t)FLUSH_WRITE_COST + o->flush_bytes);
    o->early = 0;
    busy_begin(&o->busy, f->cx->turn_ns, (bytes >> 10) * f->kib_ns);
}

// Marks readers who are behind, as many as about so many bytes allow, one at least; true when all have had their turn.
static bool flush_slice(struct fan *f, struct outlet *o, uint32_t bytes)
{
    if (!o->flushing)
        flush_begin(f, o);
    uint32_t each = FLUSH_WRITE_COST + o->flush_bytes, left = bytes / each + 1;
    for (; o->flush_from < o->n && left > 0; o->flush_from++) {
        const struct cursor *cur = &o->cursors[o->flush_from];
        if (cur->next > o->head)
            continue;
        fan_mark_news(f, cur->conn, cur->seat);
        left--;
    }
    ASSERT(o->flush_from <= o->n);
    o->flushing = o->flush_from < o->n;
    if (o->flushing)
        metric_add(&f->cx->metrics->flush_slices, 1);
    return !o->flushing;
}

void fan_flush(struct fan *f)
{
    uint32_t kept = 0, due = 0;
    for (uint32_t i = 0; i < f->outlets_dirty.n; i++)
        due += outlet_at(f, f->outlets_dirty.v[i])->flush_at_ns <= f->cx->turn_ns;
    uint32_t share = FLUSH_BYTES / (due == 0 ? 1 : due);
    share = share < FLUSH_BYTES_MIN ? FLUSH_BYTES_MIN : share;
    for (uint32_t i = 0; i < f->outlets_dirty.n; i++) {
        uint32_t index = f->outlets_dirty.v[i];
        struct outlet *o = outlet_at(f, index);
        ASSERT(o->dirty);
        if (o->flush_at_ns <= f->cx->turn_ns && flush_slice(f, o, share)) {
            outlet_mark_settling(f, index);
            o->ending = true;
            o->dirty =
                o->head > o->flushed_head; // what came meanwhile: when, is decided when this is written
        }
        if (o->dirty)
            f->outlets_dirty.v[kept++] = index;
    }
    f->outlets_dirty.n = kept;
}

void flush_early(struct fan *f, uint32_t index, const struct membership *m)
{
    struct outlet *o = outlet_at(f, index);
    const struct cursor *cur = &o->cursors[m->slot];
    if (!o->flushing || o->early >= o->n / EARLY_PART)
        return;
    o->early++;
    fan_mark_news(f, cur->conn, cur->seat);
}

// What a kibibyte of writes costs here and now, a write counted as FLUSH_WRITE_COST more than its bytes. A few writes say little.
static void writes_measure(struct fan *f, uint64_t took_ns)
{
    uint64_t kib = f->written >> 10;
    f->written = 0;
    if (kib < WRITES_MEASURED_KIB || took_ns == 0)
        return;
    uint64_t ns = took_ns / kib;
    ns = ns < KIB_NS_MIN ? KIB_NS_MIN : ns > KIB_NS_MAX ? KIB_NS_MAX : ns;
    f->kib_ns = (uint32_t)((f->kib_ns * UINT64_C(15) + ns) / 16);
}

// Whose writes this turn made are those that are to be trimmed in the next one.
void fan_on_written(struct fan *f, uint64_t began_ns, uint64_t now_ns)
{
    writes_measure(f, now_ns - began_ns);
    for (uint32_t i = 0; i < f->outlets_settling.n; i++) {
        struct outlet *o = outlet_at(f, f->outlets_settling.v[i]);
        if (o->ending) {
            o->ending = false;
            o->busy.ended_ns = now_ns;
            if (o->dirty)
                schedule(f, o, now_ns, true);
        }
        if (o->since_ns == 0 || o->dirty)
            continue;
        time_add(&f->cx->metrics->publish, now_ns > o->since_ns ? (now_ns - o->since_ns) / 1000 : 0);
        o->since_ns = 0;
    }
}

uint64_t fan_due_ms(const struct fan *f)
{
    uint64_t due = f->lag_look_ms;
    if (f->outlets_settling.n != 0 && f->cx->now_ms + TRIM_DELAY_MS < due)
        due = f->cx->now_ms + TRIM_DELAY_MS;
    uint64_t flush_ns = fan_flush_due_ns(f);
    uint64_t flush_ms = flush_ns / 1000000 + (flush_ns % 1000000 != 0);
    return flush_ms < due ? flush_ms : due;
}

uint64_t fan_flush_due_ns(const struct fan *f)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < f->outlets_dirty.n; i++) {
        uint64_t flush = outlet_at(f, f->outlets_dirty.v[i])->flush_at_ns;
        due = flush < due ? flush : due;
    }
    return due;
}
