// SPDX-License-Identifier: Apache-2.0
//
// Fan-out. Announcing, marking and writing are three steps: the home says once per turn how far the log has come;
// the flush walks the dense cursors and sets a bit per reader that is behind; the driver then pulls each dirty
// connection once and writes from its cursors to the heads, over all of its rooms (plan.c).
//
// Trimming comes when the next turn begins. Those who are still behind then are of two kinds: whose socket is full, and
// whose turn has not come, as the driver writes to a limited number of connections per turn. Only at the cost of the
// former is anything dropped that was not read; an outlet with readers of the latter kind is looked at again in the
// next turn. (Rejected: to trim only after the driver has been through all dirty connections: in a big room that is
// written to all the time this may never be the case, and slow readers would cost memory without bound.)
#include "core/fan/fan.h"
#include "core/fan/pace.h"
#include "wire/ws_frame.h"

enum { LAG_LOOK_MS = 1000 };

static bool outlet_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(outlet_name(outlet_at(ctx, value)), *(const str *)key);
}

uint32_t outlet_find(const struct fan *f, str name, uint64_t hash)
{
    return map_find(&f->outlets_by_name, hash, outlet_eq, f, &name);
}

uint32_t outlet_open(struct fan *f, str name, uint64_t hash)
{
    ASSERT(name.n != 0);
    ASSERT(name.n <= ROOM_NAME_MAX);
    uint32_t index = outlet_find(f, name, hash);
    if (index != MAP_NONE)
        return index;
    index = slab_alloc(&f->outlets);
    if (index == SLAB_NONE)
        return SLAB_NONE;
    struct outlet *o = outlet_at(f, index);
    *o = (struct outlet){.hash = hash,
                         .room = REF_NONE,
                         .cap = CURSORS_INLINE,
                         .conflated = SLAB_NONE,
                         .name_n = (uint8_t)name.n};
    o->cursors = o->first;
    char *text = o->name_inline;
    if (name.n > OUTLET_NAME_INLINE)
        text = o->name_long = mem_alloc(f->cx->mem, name.n);
    if (text == NULL || map_insert(&f->outlets_by_name, hash, index) != OK) {
        if (name.n > OUTLET_NAME_INLINE)
            mem_free(f->cx->mem, o->name_long, name.n);
        slab_free(&f->outlets, index);
        return SLAB_NONE;
    }
    memcpy(text, name.p, name.n);
    metric_add(&f->cx->metrics->outlets, 1);
    return index;
}

void outlet_release(struct fan *f, struct outlet *o)
{
    conflate_drop(f, o);
    tracks_deinit(&o->tracks, f->cx->mem);
    if (o->cursors != o->first)
        mem_free(f->cx->mem, o->cursors, o->cap * sizeof *o->cursors);
    if (o->name_n > OUTLET_NAME_INLINE)
        mem_free(f->cx->mem, o->name_long, o->name_n);
}

void outlet_close_if_unused(struct fan *f, uint32_t index)
{
    struct outlet *o = outlet_at(f, index);
    if (o->n != 0 || o->pending != 0)
        return;
    if (o->dirty)
        index_list_drop(&f->outlets_dirty, index);
    if (o->settling)
        index_list_drop(&f->outlets_settling, index);
    ASSERT(o->flush_from == 0);
    map_remove(&f->outlets_by_name, o->hash, index);
    outlet_release(f, o);
    slab_free(&f->outlets, index);
    metric_sub(&f->cx->metrics->outlets, 1);
}

static enum err membership_room(struct fan *f, struct reader *c)
{
    if (c->member_n < (c->member_cap == 0 ? 1 : c->member_cap))
        return OK;
    uint16_t cap = (uint16_t)(c->member_cap == 0 ? 4 : c->member_cap * 2);
    size_t old = c->member_cap * sizeof *c->many;
    struct membership *many =
        mem_realloc(f->cx->mem, c->member_cap == 0 ? NULL : c->many, old, cap * sizeof *many);
    if (many == NULL)
        return ERR_NOMEM;
    if (c->member_cap == 0)
        many[0] = c->one; // `one` and `many` share their place
    c->many = many;
    c->member_cap = cap;
    ASSERT(c->member_n < c->member_cap);
    return OK;
}

// To more, or to fewer, of which there are no more than that.
static enum err cursors_resize(struct fan *f, struct outlet *o, uint32_t cap)
{
    struct mem *m = f->cx->mem;
    bool in_place = o->cursors == o->first;
    struct cursor *v = o->first;
    cap = cap < CURSORS_INLINE ? CURSORS_INLINE : cap;
    if (cap > CURSORS_INLINE) {
        size_t old = in_place ? 0 : o->cap * sizeof *v;
        v = mem_realloc(m, in_place ? NULL : o->cursors, old, cap * sizeof *v);
        if (v == NULL)
            return ERR_NOMEM;
        if (in_place)
            memcpy(v, o->first, o->n * sizeof *v);
    } else if (!in_place) {
        memcpy(v, o->cursors, o->n * sizeof *v);
        mem_free(m, o->cursors, o->cap * sizeof *v);
    }
    o->cursors = v;
    o->cap = cap;
    return OK;
}

enum err outlet_add(struct fan *f, uint32_t index, uint32_t conn, uint64_t next, bool held)
{
    struct outlet *o = outlet_at(f, index);
    struct reader *c = reader_at(f, conn);
    if (membership_room(f, c) != OK || tracks_reserve(&o->tracks, f->cx->mem, c->encoding) != OK)
        return ERR_NOMEM;
    if (o->n == o->cap && cursors_resize(f, o, o->cap < 16 ? o->cap * 2 : o->cap + o->cap / 4) != OK)
        return ERR_NOMEM;
    ASSERT(o->n < o->cap);
    uint16_t seat = c->member_n++;
    reader_memberships(c)[seat] =
        (struct membership){.outlet = index, .slot = o->n & MEMBERSHIP_SLOT_MAX, .held = held};
    o->cursors[o->n++] = (struct cursor){.conn = conn, .encoding = c->encoding, .seat = seat, .next = next};
    f->news[conn] |= news_bit(seat);
    tracks_add(&o->tracks, c->encoding)->readers++;
    metric_add(&f->cx->metrics->memberships, 1);
    return OK;
}

// The last one takes its place, and its news.
static void membership_drop(struct fan *f, uint32_t conn, struct membership *m)
{
    struct reader *c = reader_at(f, conn);
    struct membership *all = reader_memberships(c);
    uint16_t seat = (uint16_t)(m - all), last = --c->member_n;
    ASSERT(seat <= last);
    uint32_t news = f->news[conn];
    bool moved = (news & news_bit(last)) != 0;
    if (last < NEWS_LAST)
        news &= ~news_bit(last);
    if (seat != last) {
        all[seat] = all[last];
        outlet_at(f, all[seat].outlet)->cursors[all[seat].slot].seat = seat;
        news = moved ? news | news_bit(seat) : news & ~(seat < NEWS_LAST ? news_bit(seat) : 0);
    }
    f->news[conn] = c->member_n == 0 ? 0 : news;
}

// The last one takes its place. If a flush has been past that and not at its own, it is marked now.
static void cursor_drop(struct fan *f, uint32_t index, uint32_t slot)
{
    struct outlet *o = outlet_at(f, index);
    ASSERT(slot < o->n);
    uint32_t last = --o->n;
    if (slot != last) {
        struct cursor *moved = &o->cursors[slot];
        *moved = o->cursors[last];
        reader_memberships(reader_at(f, moved->conn))[moved->seat].slot = slot & MEMBERSHIP_SLOT_MAX;
        if (o->flushing && slot < o->flush_from && last >= o->flush_from && moved->next <= o->head)
            fan_mark_news(f, moved->conn, moved->seat);
    }
    if (o->flush_from > o->n)
        o->flush_from = o->n;
    ASSERT(o->flush_from <= o->n);
}

void outlet_remove(struct fan *f, uint32_t index, uint32_t conn)
{
    struct outlet *o = outlet_at(f, index);
    struct reader *c = reader_at(f, conn);
    struct membership *m = reader_find_membership(c, index);
    ASSERT(m != NULL && o->cursors[m->slot].conn == conn);
    uint32_t slot = m->slot;
    struct track *track = tracks_find(&o->tracks, o->cursors[slot].encoding);
    if (o->cursors[slot].hole)
        hole_forget(f, index, &o->cursors[slot]);
    if (o->cursors[slot].next <= o->head)
        outlet_mark_settling(f, index); // what was kept for it may go
    if (c->paced)
        fan_wake(f, conn);
    membership_drop(f, conn, m);
    skips_forget(c, index);
    cursor_drop(f, index, slot);
    if (o->cap > CURSORS_INLINE && o->n <= o->cap / 4) {
        enum err e = cursors_resize(f, o, o->cap / 2);
        (void)e; // next time
    }
    if (--track->readers == 0)
        tracks_remove(&o->tracks, f->cx->mem, track);
    metric_sub(&f->cx->metrics->memberships, 1);
}

void outlet_mark_settling(struct fan *f, uint32_t index)
{
    struct outlet *o = outlet_at(f, index);
    if (o->settling)
        return;
    o->settling = true;
    index_list_push(&f->outlets_settling, index);
}

// --- what homes tell

static void outlet_grown(struct fan *f, uint32_t index, uint64_t head, uint64_t since_ns)
{
    struct outlet *o = outlet_at(f, index);
    const uint64_t before = o->head;
    if (head <= before)
        return;
    o->head = head;
    if (o->n == 0)
        return;
    if (o->since_ns == 0)
        o->since_ns = since_ns;
    flush_want(f, index, before);
}

void outlet_lose(struct fan *f, uint32_t index, struct track *t, uint64_t head, bool cut)
{
    struct outlet *o = outlet_at(f, index);
    for (uint32_t i = 0; i < o->n && cut; i++) // nor can they be told of the cut
        if (o->cursors[i].encoding == t->key)
            fan_starve(f, o->cursors[i].conn, "a room's live stream");
    notice_put(f->cx, NOTICE_MEMORY, UINT32_MAX, 0, "a room's live stream", outlet_name(o));
    metric_add(&f->cx->metrics->limit_memory, 1);
    holes_open(f, index, t->key, head + 1);
    chain_deinit(&t->chain, f->cx->mem);
}

void fan_advance(struct fan *f, struct advance *a)
{
    struct outlet *o = slab_get(&f->outlets, a->outlet.index, a->outlet.gen);
    if (o == NULL)
        return; // the last reader left meanwhile; mail_discard drops the references
    const struct track *lost = NULL;
    bool cut = false;
    for (uint32_t i = 0; i < a->seg_count; i++)
        cut = cut || segment_cut(a->segs[i].seg);
    for (uint32_t i = 0; i < a->seg_count; i++) { // a track's one behind the other, the newest first
        struct track *t = tracks_find(&o->tracks, a->segs[i].track);
        if (t == NULL || t == lost) {
            segment_unref(f->cx->mem, a->segs[i].seg);
        } else if (chain_merge(&t->chain, f->cx->mem, a->segs[i].seg) != OK) {
            segment_unref(f->cx->mem, a->segs[i].seg);
            outlet_lose(f, a->outlet.index, t, a->head, cut); // memory for it is out
            lost = t;
        }
    }
    a->seg_count = 0;
    ruled_by(&o->ruled, a->rule);
    ASSERT(o->n == 0 || cut || a->offset >= o->offset);
    ASSERT(o->n == 0 || a->head >= o->head);
    o->resting = a->rest;
    if (a->rest)
        outlet_mark_settling(f, a->outlet.index);
    o->offset = a->offset;
    outlet_grown(f, a->outlet.index, a->head, a->since_ns);
}

uint64_t outlet_offset_before(const struct outlet *o, uint8_t encoding, uint64_t place)
{
    if (place > o->head)
        return o->offset;
    const struct chain *c = tracks_chain(&o->tracks, encoding);
    return segment_offset_before(c->segs[chain_find(c, place)], place);
}

// As the readers of one encoding get it; others get about as much.
uint32_t outlet_news_bytes(const struct outlet *o)
{
    if (o->n == 0)
        return 0;
    const struct chain *c = &tracks_const(&o->tracks)->chain;
    uint64_t bytes = 0, from = o->flushed_head + 1;
    for (uint32_t i = c->n; i-- > 0 && bytes < FLUSH_BYTES;) {
        const struct segment *s = c->segs[i];
        uint64_t to = i + 1 < c->n ? c->segs[i + 1]->first - 1 : o->head;
        if (to < from || to < s->first)
            break;
        bytes += segment_end(s, to) - segment_start(s, from > s->first ? from : s->first);
    }
    return bytes < FLUSH_BYTES ? (uint32_t)bytes : FLUSH_BYTES;
}

bool outlet_news_wait(const struct outlet *o, uint64_t from)
{
    const struct chain *c = &tracks_const(&o->tracks)->chain;
    if (o->n == 0 || c->n == 0 || from < c->segs[0]->first)
        return false;
    for (uint32_t i = chain_find(c, from); from <= o->head; from++) {
        i += i + 1 < c->n && c->segs[i + 1]->first <= from;
        if ((segment_print(c->segs[i], from) & PRINT_WAITS) == 0)
            return false;
    }
    return true;
}

// Where its readers stand: the slowest of all, and the slowest of those whose socket is not full.
struct slowest {
    uint64_t slowest, waiting;
};

static struct slowest outlet_standing(const struct fan *f, const struct outlet *o)
{
    struct slowest at = {o->head + 1, o->head + 1};
    for (uint32_t i = 0; i < o->n; i++) {
        uint64_t next = o->cursors[i].next;
        if (next < at.slowest)
            at.slowest = next;
        if (next < at.waiting && !reader_at(f, o->cursors[i].conn)->blocked)
            at.waiting = next;
    }
    return at;
}

// Readers that lost entries to the lag limit, where the policy is to part from them.
static void outlet_disconnect_slow(struct fan *f, const struct outlet *o)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const struct cursor *cur = &o->cursors[i];
        if (!cur->hole || !reader_open(reader_at(f, cur->conn)))
            continue;
        notice_put(f->cx, NOTICE_SLOW_READER, cur->conn, WS_CLOSE_TRY_LATER, "disconnected", outlet_name(o));
        fan_end(f, cur->conn, END_SLOW);
    }
}

// Drops what is beyond the lag limit, as far as only readers with full sockets still need it. *ret_crowded: more would
// have to go, and others have not been offered it yet.
static bool track_force(struct fan *f, uint32_t index, struct track *t, uint64_t waiting, bool *ret_crowded)
{
    struct outlet *o = outlet_at(f, index);
    struct chain *c = &t->chain;
    const uint32_t lag_bytes = room_settings_of(f->cx, &o->ruled, outlet_name(o))->lag_bytes;
    size_t bytes = c->bytes;
    uint32_t drop = 0;
    // Only what was flushed counts as lag.
    while (drop + 1 < c->n && c->segs[drop + 1]->first <= o->flushed_head + 1 &&
           bytes - chain_last(c)->cap > lag_bytes) {
        if (c->segs[drop + 1]->first > waiting) {
            *ret_crowded = true;
            break;
        }
        bytes -= c->segs[drop++]->cap;
    }
    ASSERT(drop == 0 || drop < c->n);
    if (drop == 0)
        return false;
    uint64_t first = c->segs[drop]->first;
    holes_open(f, index, t->key, first);
    chain_trim(c, f->cx->mem, first);
    return true;
}

static void lag_note(struct fan *f, struct outlet *o, uint64_t lag)
{
    o->lag = lag < UINT32_MAX ? (uint32_t)lag : UINT32_MAX;
    uint64_t gauge = metric_get(&f->cx->metrics->lag_entries_max);
    if (o->lag <= gauge)
        return;
    if (gauge == 0)
        f->lag_look_ms = f->cx->now_ms + LAG_LOOK_MS;
    metric_set(&f->cx->metrics->lag_entries_max, o->lag);
}

// Drops segments all readers are past, and those beyond the lag limit.
static void outlet_trim(struct fan *f, uint32_t index)
{
    struct outlet *o = outlet_at(f, index);
    struct slowest at = outlet_standing(f, o);
    bool forced = false, crowded = false;
    ASSERT(at.slowest <= at.waiting);
    ASSERT(at.waiting <= o->head + 1);
    lag_note(f, o, o->head + 1 - at.slowest);
    conflate_trim(f, o, at.slowest);
    for (uint32_t i = 0; i < o->tracks.n; i++) {
        struct track *t = &tracks_all(&o->tracks)[i];
        chain_trim(&t->chain, f->cx->mem, at.slowest);
        forced |= track_force(f, index, t, at.waiting, &crowded);
        if (o->resting && at.slowest > o->head)
            chain_deinit(&t->chain, f->cx->mem);
    }
    if (at.waiting <= o->flushed_head)
        outlet_mark_settling(f, index);
    if (crowded != o->crowded)
        pace_report(f, index, crowded);
    if (forced && room_settings_of(f->cx, &o->ruled, outlet_name(o))->slow_policy == SLOW_DISCONNECT)
        outlet_disconnect_slow(f, o);
}

// The gauge rises at once (lag_note) and falls here, as finding the most of what is left means a look at all.
static void lag_look(struct fan *f)
{
    if (f->cx->now_ms < f->lag_look_ms)
        return;
    uint32_t most = 0;
    for (uint32_t i = 0; i < f->outlets.high; i++)
        if (slab_used(&f->outlets, i) && outlet_at(f, i)->lag > most)
            most = outlet_at(f, i)->lag;
    metric_set(&f->cx->metrics->lag_entries_max, most);
    f->lag_look_ms = most == 0 ? UINT64_MAX : f->cx->now_ms + LAG_LOOK_MS;
}

void fan_trim(struct fan *f)
{
    f->looks_left = CONFLATE_LOOKS;
    for (uint32_t i = f->outlets_settling.n; i-- > 0;) {
        uint32_t index = f->outlets_settling.v[i];
        ASSERT(outlet_at(f, index)->settling);
        outlet_at(f, index)->settling = false;
        f->outlets_settling.v[i] = f->outlets_settling.v[--f->outlets_settling.n];
        outlet_trim(f, index); // which may put it at the end again
    }
    lag_look(f);
}
