// SPDX-License-Identifier: Apache-2.0
//
// Fan-out. Announcing, marking and writing are three steps: the home says once per turn how far the log has come;
// the flush walks the dense cursors and sets a bit per reader that is behind; the driver then pulls each dirty
// connection once and writes from its cursors to the heads, over all of its rooms (output.c).
//
// Trimming comes a turn later than flushing, so that every reader had its chance to write: whoever is still behind
// then has a full socket.
#include "core/shard_state.h"

static bool outlet_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(outlet_name(outlet_at(ctx, value)), *(const str *)key);
}

uint32_t outlet_find(const struct shard *sh, str name, uint64_t hash)
{
    return map_find(&sh->outlets_by_name, hash, outlet_eq, sh, &name);
}

uint32_t outlet_open(struct shard *sh, str name, uint64_t hash)
{
    uint32_t index = outlet_find(sh, name, hash);
    if (index != MAP_NONE)
        return index;
    index = slab_alloc(&sh->outlets);
    if (index == SLAB_NONE)
        return SLAB_NONE;
    struct outlet *o = outlet_at(sh, index);
    *o = (struct outlet){.hash = hash, .room = REF_NONE, .name_n = (uint8_t)name.n};
    o->name = mem_alloc(sh->mem, name.n);
    if (o->name == NULL || map_insert(&sh->outlets_by_name, hash, index) != OK) {
        mem_free(sh->mem, o->name, name.n);
        slab_free(&sh->outlets, index);
        return SLAB_NONE;
    }
    memcpy(o->name, name.p, name.n);
    metric_add(&sh->metrics->outlets, 1);
    return index;
}

static void list_drop(struct index_list *l, uint32_t index)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i] == index) {
            l->v[i] = l->v[--l->n];
            return;
        }
}

void outlet_close_if_unused(struct shard *sh, uint32_t index)
{
    struct outlet *o = outlet_at(sh, index);
    if (o->n != 0 || o->pending != 0)
        return;
    if (o->dirty)
        list_drop(&sh->outlets_dirty, index);
    if (o->settling)
        list_drop(&sh->outlets_settling, index);
    map_remove(&sh->outlets_by_name, o->hash, index);
    for (int d = 0; d < DIALECT_COUNT; d++)
        chain_deinit(&o->chains[d], sh->mem);
    mem_free(sh->mem, o->cursors, o->cap * sizeof *o->cursors);
    mem_free(sh->mem, o->name, o->name_n);
    slab_free(&sh->outlets, index);
    metric_sub(&sh->metrics->outlets, 1);
}

struct membership *conn_memberships(struct conn *c) { return c->member_cap == 0 ? &c->one : c->many; }

struct membership *conn_find_membership(struct conn *c, uint32_t outlet)
{
    struct membership *all = conn_memberships(c);
    for (uint32_t i = 0; i < c->member_n; i++)
        if (all[i].outlet == outlet)
            return &all[i];
    return NULL;
}

static enum err conn_membership_room(struct shard *sh, struct conn *c)
{
    if (c->member_n < (c->member_cap == 0 ? 1 : c->member_cap))
        return OK;
    uint16_t cap = (uint16_t)(c->member_cap == 0 ? 4 : c->member_cap * 2);
    size_t old = c->member_cap * sizeof *c->many;
    struct membership *many =
        mem_realloc(sh->mem, c->member_cap == 0 ? NULL : c->many, old, cap * sizeof *many);
    if (many == NULL)
        return ERR_NOMEM;
    if (c->member_cap == 0)
        many[0] = c->one; // `one` and `many` share their place
    c->many = many;
    c->member_cap = cap;
    return OK;
}

enum err outlet_add(struct shard *sh, uint32_t index, uint32_t conn, uint64_t next, bool held)
{
    struct outlet *o = outlet_at(sh, index);
    struct conn *c = conn_at(sh, conn);
    if (conn_membership_room(sh, c) != OK)
        return ERR_NOMEM;
    if (o->n == o->cap) {
        uint32_t cap = o->cap == 0 ? 2 : o->cap < 1024 ? o->cap * 2 : o->cap + o->cap / 4;
        struct cursor *v = mem_realloc(sh->mem, o->cursors, o->cap * sizeof *v, cap * sizeof *v);
        if (v == NULL)
            return ERR_NOMEM;
        o->cursors = v;
        o->cap = cap;
    }
    conn_memberships(c)[c->member_n++] =
        (struct membership){.outlet = index, .slot = o->n & MEMBERSHIP_SLOT_MAX, .held = held};
    o->cursors[o->n++] = (struct cursor){.conn = conn, .dialect = c->dialect, .next = next};
    o->readers[c->dialect]++;
    o->held += held;
    metric_add(&sh->metrics->memberships, 1);
    return OK;
}

static void conn_skips_forget(struct conn *c, uint32_t outlet)
{
    if (c->skips == NULL)
        return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->skips->n; i++)
        if (c->skips->v[i].outlet != outlet)
            c->skips->v[n++] = c->skips->v[i];
    c->skips->n = n;
}

void outlet_remove(struct shard *sh, uint32_t index, uint32_t conn)
{
    struct outlet *o = outlet_at(sh, index);
    struct conn *c = conn_at(sh, conn);
    struct membership *m = conn_find_membership(c, index);
    ASSERT(m != NULL && o->cursors[m->slot].conn == conn);
    uint32_t slot = m->slot, dialect = o->cursors[slot].dialect;
    o->held -= m->held;
    *m = conn_memberships(c)[--c->member_n];
    conn_skips_forget(c, index);
    if (slot != --o->n) {
        o->cursors[slot] = o->cursors[o->n];
        conn_find_membership(conn_at(sh, o->cursors[slot].conn), index)->slot = slot & MEMBERSHIP_SLOT_MAX;
    }
    if (--o->readers[dialect] == 0)
        chain_deinit(&o->chains[dialect], sh->mem);
    metric_sub(&sh->metrics->memberships, 1);
}

enum err outlet_merge(struct shard *sh, uint32_t index, enum dialect_id d, struct segment **segs, uint32_t n)
{
    struct outlet *o = outlet_at(sh, index);
    enum err e = OK;
    for (uint32_t i = n; i-- > 0;) { // newest first: a failure must not leave a hole
        if (e == OK)
            e = chain_merge(&o->chains[d], sh->mem, segs[i]);
        if (e != OK)
            segment_unref(sh->mem, segs[i]);
    }
    return e;
}

void outlet_mark_settling(struct shard *sh, uint32_t index)
{
    struct outlet *o = outlet_at(sh, index);
    if (o->settling)
        return;
    o->settling = true;
    index_list_push(&sh->outlets_settling, index);
}

// Memory for a new segment is out: readers of this track cannot get the entries. Start over after the hole; they
// are told a gap.
static void outlet_lose_track(struct shard *sh, struct outlet *o, uint8_t d, struct segment *seg)
{
    shard_notice(sh, NOTICE_MEMORY, UINT32_MAX, 0, "a room's log segment", outlet_name(o));
    metric_add(&sh->metrics->limit_memory, 1);
    chain_deinit(&o->chains[d], sh->mem);
    segment_unref(sh->mem, seg);
}

void outlet_advance(struct shard *sh, uint32_t index, uint64_t head, const struct advance_seg *segs,
                    uint32_t n)
{
    struct outlet *o = outlet_at(sh, index);
    bool lost[DIALECT_COUNT] = {false};
    for (uint32_t i = 0; i < n; i++) { // each track's newest first: behind a loss only older ones come
        uint8_t d = segs[i].track;
        if (o->readers[d] == 0 || lost[d]) {
            segment_unref(sh->mem, segs[i].seg);
        } else if (chain_merge(&o->chains[d], sh->mem, segs[i].seg) != OK) {
            outlet_lose_track(sh, o, d, segs[i].seg);
            lost[d] = true;
        }
    }
    if (head <= o->head)
        return;
    o->head = head;
    if (o->n == 0 || o->dirty)
        return;
    o->dirty = true;
    o->flush_at_ms = sh->now_ms + sh->settings->flush_interval_ms;
    if (outlet_waits(sh, o) && o->flush_at_ms < o->flushed_ms + OUTLET_BUSY_INTERVAL_MS)
        o->flush_at_ms = o->flushed_ms + OUTLET_BUSY_INTERVAL_MS;
    index_list_push(&sh->outlets_dirty, index);
}

bool outlet_waits(const struct shard *sh, const struct outlet *o)
{
    return o->busy && sh->now_ms < o->flushed_ms + OUTLET_BUSY_INTERVAL_MS;
}

static void outlet_flush(struct shard *sh, struct outlet *o)
{
    o->busy = o->head - o->flushed_head >= OUTLET_BUSY_ENTRIES;
    o->flushed_ms = sh->now_ms;
    o->flushed_head = o->head;
    for (uint32_t i = 0; i < o->n; i++)
        if (o->cursors[i].next <= o->head)
            conn_mark_dirty(sh, o->cursors[i].conn);
}

void outlets_flush(struct shard *sh)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sh->outlets_dirty.n; i++) {
        uint32_t index = sh->outlets_dirty.v[i];
        struct outlet *o = outlet_at(sh, index);
        if (o->flush_at_ms > sh->now_ms) {
            sh->outlets_dirty.v[kept++] = index;
            continue;
        }
        outlet_flush(sh, o);
        o->dirty = false;
        outlet_mark_settling(sh, index);
    }
    sh->outlets_dirty.n = kept;
}

static uint64_t outlet_slowest(const struct outlet *o)
{
    uint64_t slowest = o->head + 1;
    for (uint32_t i = 0; i < o->n; i++)
        if (o->cursors[i].next < slowest)
            slowest = o->cursors[i].next;
    return slowest;
}

// Readers that lost entries to the lag limit, where the policy is to part from them.
static void outlet_disconnect_slow(struct shard *sh, uint32_t index)
{
    struct outlet *o = outlet_at(sh, index);
    for (uint32_t i = o->n; i-- > 0;) {
        const struct cursor *cur = &o->cursors[i];
        const struct chain *c = &o->chains[cur->dialect];
        if (c->n == 0 || cur->next >= c->segs[0]->first)
            continue;
        uint32_t conn = cur->conn;
        shard_notice(sh, NOTICE_SLOW_READER, conn, WS_CLOSE_TRY_LATER, "disconnected", outlet_name(o));
        conn_close(sh, conn, WS_CLOSE_TRY_LATER, "reading too slowly", CLOSE_SLOW);
        if (!slab_used(&sh->outlets, index))
            return;
        if (i > o->n)
            i = o->n;
    }
}

void outlet_trim(struct shard *sh, uint32_t index)
{
    struct outlet *o = outlet_at(sh, index);
    uint64_t slowest = outlet_slowest(o);
    uint64_t lag = o->head + 1 - slowest;
    if (lag > metric_get(&sh->metrics->lag_entries_max))
        metric_set(&sh->metrics->lag_entries_max, lag);
    bool forced = false;
    for (int d = 0; d < DIALECT_COUNT; d++) {
        struct chain *c = &o->chains[d];
        if (c->n <= 1)
            continue;
        chain_trim(c, sh->mem, slowest);
        // Only what was flushed counts as lag, and not for those whose switch is under way (a mail or two long): the
        // rest nobody has had a chance to read.
        while (o->held == 0 && c->n > 1 && c->segs[1]->first <= o->flushed_head + 1 &&
               c->bytes - c->segs[c->n - 1]->cap > sh->settings->lag_bytes) {
            chain_trim(c, sh->mem, c->segs[1]->first);
            forced = true;
        }
    }
    if (forced && sh->settings->slow_policy == SLOW_DISCONNECT)
        outlet_disconnect_slow(sh, index);
}

void outlet_check(const struct shard *sh, uint32_t index)
{
    const struct outlet *o = outlet_at(sh, index);
    ASSERT(o->n != 0 || o->pending != 0);
    uint32_t readers[DIALECT_COUNT] = {0}, held = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        struct conn *c = conn_at(sh, o->cursors[i].conn);
        const struct membership *m = conn_find_membership(c, index);
        ASSERT(m != NULL && m->slot == i && c->dialect == o->cursors[i].dialect);
        ASSERT(c->ending == ENDING_OPEN);
        readers[c->dialect]++;
        held += m->held;
    }
    ASSERT(held == o->held);
    for (int d = 0; d < DIALECT_COUNT; d++) {
        ASSERT(readers[d] == o->readers[d]);
        ASSERT(readers[d] != 0 || o->chains[d].n == 0);
        for (uint32_t i = 1; i < o->chains[d].n; i++)
            ASSERT(o->chains[d].segs[i - 1]->first < o->chains[d].segs[i]->first);
    }
}
