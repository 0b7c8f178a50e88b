// SPDX-License-Identifier: Apache-2.0
//
// Rooms at their home: created by the first join, gone a grace time after the last member. How others hear what is new in them:
// room_announce.c.
//
// `rooms` lists names in order, so the home keeps a sorted array of rooms beside the hash map: a binary search finds
// a page, and creating a room moves a few kilobytes at most.
#include "core/home/home.h"

#include "base/codec.h"
#include "core/common/who.h"
#include "core/home/course.h"
#include "core/log/place.h"

enum {
    ROOM_LOOK_MS = 60 * 60 * 1000, // a room is looked at so often though nothing is due
    AGE_SLACK_MS = 1000,           // old records go in bunches
    SORTED_CAP_MIN = 16,
};

static bool room_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(room_name(room_at(ctx, value)), *(const str *)key);
}

uint32_t room_find(const struct home *h, str name, uint64_t hash)
{
    return map_find(&h->rooms_by_name, hash, room_eq, h, &name);
}

uint32_t rooms_sorted_place(const struct home *h, str name)
{
    uint32_t low = 0, high = h->rooms_by_name.count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (str_cmp(room_name(room_at(h, h->rooms_sorted[mid])), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static enum err sorted_insert(struct home *h, uint32_t index)
{
    uint32_t n = h->rooms_by_name.count;
    if (n == h->rooms_sorted_cap) {
        uint32_t cap = n == 0 ? SORTED_CAP_MIN : n * 2;
        uint32_t *v = mem_realloc(h->cx->mem, h->rooms_sorted, n * sizeof *v, cap * sizeof *v);
        if (v == NULL)
            return ERR_NOMEM;
        h->rooms_sorted = v;
        h->rooms_sorted_cap = cap;
    }
    uint32_t at = rooms_sorted_place(h, room_name(room_at(h, index)));
    ASSERT(at <= n);
    ASSERT(n < h->rooms_sorted_cap);
    memmove(h->rooms_sorted + at + 1, h->rooms_sorted + at, (n - at) * sizeof *h->rooms_sorted);
    h->rooms_sorted[at] = index;
    return OK;
}

static void sorted_remove(struct home *h, uint32_t index)
{
    uint32_t at = rooms_sorted_place(h, room_name(room_at(h, index)));
    ASSERT(h->rooms_sorted[at] == index);
    memmove(h->rooms_sorted + at, h->rooms_sorted + at + 1,
            (h->rooms_by_name.count - at - 1) * sizeof *h->rooms_sorted);
}

// After a removal: what a peak has left goes.
static void sorted_fit(struct home *h)
{
    uint32_t n = h->rooms_by_name.count, cap = h->rooms_sorted_cap;
    uint32_t *v = NULL;
    if (n == 0)
        mem_free(h->cx->mem, h->rooms_sorted, cap * sizeof *v);
    else if (cap <= SORTED_CAP_MIN || n >= cap / 4 ||
             (v = mem_realloc(h->cx->mem, h->rooms_sorted, cap * sizeof *v, cap / 2 * sizeof *v)) == NULL)
        return;
    h->rooms_sorted = v;
    h->rooms_sorted_cap = n == 0 ? 0 : cap / 2;
}

void room_epoch_make(struct home *h, struct room *r)
{
    uint8_t random[8];
    h->cx->host->random(h->cx->host->ctx, random, sizeof random);
    base64url_encode(random, sizeof random, r->epoch);
}

static void room_free(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    heap_remove(&h->room_timers, index);
    heap_fit(&h->room_timers);
    members_free(h, r);
    home_signals_drop(h, r);
    relief_forget(h, r);
    once_group_drop(&h->said, &r->keys);
    standing_free(&r->standing, r->log.mem);
    reads_free(&r->reads, r->log.mem);
    state_free(&r->state, r->log.mem);
    invitations_free(&r->invitations, r->log.mem);
    h->authority->unwatch(h, index);
    log_deinit(&r->log);
    keep_room_free(h, r);
    live_deinit(&r->live, h->cx->mem);
    replay_drop(&r->replay, r->log.mem);
    members_table_drop(r);
    feeds_free(h, r);
    if (r->name_n > ROOM_NAME_INLINE)
        mem_free(h->cx->mem, r->name_long, r->name_n);
    home_place_give_back(h, r->tenant);
    slab_free(&h->rooms, index);
}

enum err room_create(struct home *h, str name, uint64_t hash, uint32_t *ret_room)
{
    ASSERT(name.n != 0);
    ASSERT(name.n <= ROOM_NAME_MAX);
    uint8_t tenant = tenant_by_name(h->cx, name);
    if (!home_place_take(h, tenant))
        return ERR_FULL;
    uint32_t index = slab_alloc(&h->rooms);
    if (index == SLAB_NONE) {
        home_place_give_back(h, tenant);
        return h->rooms.count >= h->cx->settings->rooms_max ? ERR_LIMIT : ERR_NOMEM;
    }
    struct room *r = room_at(h, index);
    *r = (struct room){.hash = hash,
                       .name_n = (uint8_t)name.n,
                       .tenant = tenant,
                       .first = SLAB_NONE,
                       .last = SLAB_NONE,
                       .away_first = SLAB_NONE,
                       .away_last = SLAB_NONE,
                       .untold_first = SLAB_NONE,
                       .resting = true,
                       .empty_ms = h->cx->now_ms};
    struct mem *mem = h->cx->mem; // in which all that it holds is counted
    if (r->tenant != TENANT_NONE)
        mem = &tenant_budget(h->cx, r->tenant)->mem;
    log_init(&r->log, mem);
    once_group_init(&r->keys);
    char *text = r->name_inline;
    if (name.n > ROOM_NAME_INLINE)
        text = r->name_long = mem_alloc(h->cx->mem, name.n);
    if (text != NULL)
        memcpy(text, name.p, name.n);
    // Looked at when this turn ends: if nobody came in after all, it goes.
    room_epoch_make(h, r);
    if (text == NULL || keep_room(h, r) != OK || h->authority->watch(h, index) != OK ||
        heap_set(&h->room_timers, index, h->cx->now_ms) != OK || sorted_insert(h, index) != OK) {
        room_free(h, index);
        return ERR_NOMEM;
    }
    if (map_insert(&h->rooms_by_name, hash, index) != OK) {
        uint32_t at = rooms_sorted_place(h, name); // not counted in yet: one more than the map knows
        memmove(h->rooms_sorted + at, h->rooms_sorted + at + 1,
                (h->rooms_by_name.count - at) * sizeof *h->rooms_sorted);
        room_free(h, index);
        return ERR_NOMEM;
    }
    metric_add(&h->cx->metrics->rooms, 1);
    if (room_at(h, index)->tenant != TENANT_NONE)
        metric_add(&h->cx->metrics->tenants[room_at(h, index)->tenant - 1].rooms, 1);
    notice_put(h->cx, NOTICE_ROOM_CREATED, UINT32_MAX, 0, "", name);
    *ret_room = index;
    return OK;
}

void room_log_moved(struct home *h, size_t before, size_t after)
{
    if (after >= before)
        metric_add(&h->cx->metrics->log_bytes, after - before);
    else
        metric_sub(&h->cx->metrics->log_bytes, before - after);
}

void room_remove(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    notice_put(h->cx, NOTICE_ROOM_REMOVED, UINT32_MAX, 0, "", room_name(r));
    room_log_moved(h, r->log.bytes, 0);
    if (r->dirty)
        index_list_drop(&h->rooms_dirty, index);
    if (r->keeping != NULL && r->keeping->queued)
        index_list_drop(&h->keep.rooms, index);
    sorted_remove(h, index);
    home_room_given_up(h, r->creator);
    if (r->tenant != TENANT_NONE)
        metric_sub(&h->cx->metrics->tenants[r->tenant - 1].rooms, 1);
    map_remove(&h->rooms_by_name, r->hash, index);
    char text[ROOM_NAME_MAX];
    const str name = str_make(memcpy(text, room_name(r).p, r->name_n), r->name_n);
    const uint64_t hash = r->hash;
    room_free(h, index);
    metric_sub(&h->cx->metrics->rooms, 1);
    sorted_fit(h);
    loading_room_gone(h, name, hash);
}

void room_heard(struct home *h, uint32_t index, const struct entry *e)
{
    struct room *r = room_at(h, index);
    bool passing = entry_passing(e->type);
    metric_add(passing ? &h->cx->metrics->passing : &h->cx->metrics->entries, 1);
    if (!passing && r->tenant != TENANT_NONE)
        metric_add(&h->cx->metrics->tenants[r->tenant - 1].messages, 1);
    r->resting = false;
    r->heard_ms = h->cx->now_ms;
    room_timer(h, index, h->cx->now_ms + ROOM_REST_MS);
    home_witness(h, r, e, NULL);
    room_mark_dirty(h, index);
    if (passing)
        return;
    if (e->type == ENTRY_CLOSE) // from here on nobody is told who comes and goes
        r->emptying = r->members != 0;
    home_told(h, index, e);
    home_erase(h, index, e);
}

// That a tenant has used up its own is no trouble of the server's: who asked is told, and a counter.
void room_no_memory(struct home *h, const struct room *r, const char *what)
{
    if (relief_tenant_is_short(h, r->tenant))
        return;
    notice_put(h->cx, NOTICE_MEMORY, UINT32_MAX, 0, what, room_name(r));
}

enum err room_place(struct home *h, uint32_t index, struct entry *e)
{
    struct room *r = room_at(h, index);
    ASSERT(entry_passing(e->type));
    e->room = room_name(r);
    e->time_ms = h->cx->wall_ms;
    const struct live_tools tools = room_tools(h, r);
    if (place_entry(&r->log, &r->live, &tools, e) != OK) {
        room_no_memory(h, r, "a room's live stream");
        return ERR_NOMEM;
    }
    room_heard(h, index, e);
    return OK;
}

enum err room_apply(struct home *h, uint32_t index, uint64_t offset, struct entry *e, struct verdict *ret)
{
    struct room *r = room_at(h, index);
    const struct made made = room_made(h, r);
    const struct live_tools tools = room_tools(h, r);
    const bool proposed =
        e->type != ENTRY_VOID; // else why it is void is told already, or nobody waits for it
    home_prepare(h, r, e);
    uint64_t place = r->live.place, version = home_version(r, e->about);
    size_t before = r->log.bytes,
           needed = 4 * (e->data.n + e->info.n); // about what its record and its frames take
    enum err applied = apply_record(&made, offset, e, &r->live, &tools, ret);
    if (applied != OK && relief_for(h, r, needed)) {
        before = r->log.bytes;
        applied = apply_record(&made, offset, e, &r->live, &tools, ret);
    }
    if (applied != OK) {
        room_no_memory(h, r, "a room's log");
        return ERR_NOMEM;
    }
    ASSERT(e->offset == r->log.head);
    home_changed(r, e, version);
    if (proposed && r->course != NULL &&
        (ret->refused || !r->course->alone)) // alone: who says it is not in the list yet
        course_judged(r->course, offset, ret);
    room_log_moved(h, before, r->log.bytes);
    if (e->type == ENTRY_CREATE || e->type == ENTRY_CLOSE)
        room_look_ruled(r);
    r->said = true;
    relief_spoken(h, index);
    keep_said(h, index, r->log.bytes > before ? r->log.bytes - before : 0);
    room_timer(h, index, h->cx->now_ms + room_settings(h, r)->log_age_ms + AGE_SLACK_MS);
    if (r->live.place != place) {
        room_heard(h, index, e);
    } else if (r->course != NULL && offset <= r->course->unheard) {
        home_witness(h, r, e, NULL);
        if (e->type == ENTRY_ROLE || e->type == ENTRY_ADMIT || e->type == ENTRY_CREATE)
            home_decreed(h, index, e);
        else if (e->type == ENTRY_CLOSE)
            room_forget(h, index, offset);
    }
    room_mark_dirty(h, index);
    return OK;
}

void room_mark_dirty(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    if (r->dirty)
        return;
    r->dirty = true;
    index_list_push(&h->rooms_dirty, index);
}

static struct log_limits room_limits(const struct home *h, struct room *r)
{
    const struct room_settings *s = room_settings(h, r);
    return (struct log_limits){s->log_entries, s->log_bytes, s->log_age_ms};
}

void room_trim(struct home *h, struct room *r)
{
    struct log_limits limits = room_limits(h, r);
    size_t before = r->log.bytes;
    log_trim(&r->log, &limits, room_droppable(r), h->cx->steady_ms);
    replay_trim(&r->replay, &r->log);
    if (r->log.tail > r->log.head)
        relief_forget(h, r);
    room_log_moved(h, before, r->log.bytes);
}

// --- time

// A room's timer is set from its first moment to its last, so moving it needs no memory: a grace time that could not
// be waited for would keep the room for ever.
void room_timer(struct home *h, uint32_t index, uint64_t due_ms)
{
    if (due_ms >= heap_due(&h->room_timers, index))
        return;
    enum err e = heap_set(&h->room_timers, index, due_ms);
    ASSERT(e == OK);
}

static uint64_t log_age_due(struct home *h, struct room *r)
{
    uint32_t log_age_ms = room_settings(h, r)->log_age_ms;
    if (r->dirty)
        return h->cx->now_ms + 1000; // trimmed after the announcement
    room_trim(h, r);
    if (r->log.tail > r->log.head)
        return UINT64_MAX;
    uint64_t age = log_oldest_age_ms(&r->log, h->cx->steady_ms);
    return h->cx->now_ms + (age < log_age_ms ? log_age_ms - age : 0) + AGE_SLACK_MS;
}

static uint64_t replay_due(struct home *h, struct room *r)
{
    if (replay_due_ms(r->replay) <= h->cx->now_ms)
        replay_drop(&r->replay, r->log.mem);
    return replay_due_ms(r->replay);
}

static void earlier(uint64_t *due, uint64_t candidate)
{
    if (candidate < *due)
        *due = candidate;
}

uint32_t room_grace_ms(const struct home *h, const struct room *r)
{
    return r->said ? h->cx->settings->room_grace_ms : 0;
}

void room_on_timer(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    uint64_t due = h->cx->now_ms + ROOM_LOOK_MS;
    if (r->keeping != NULL && r->keeping->opening) { // nobody is in it yet
        room_timer(h, index, due);
        return;
    }
    if (place_waiting(&r->log, &r->live))
        room_mark_dirty(h, index);
    earlier(&due, room_empty(h, index));
    earlier(&due, members_expire(h, index)); // first: who leaves is not told of as away before
    earlier(&due, members_away_due(h, index));
    earlier(&due, members_count_due(h, index));
    if (r->members == 0 && r->sessions == 0 && r->waits == 0 && !h->authority->busy(h, r)) {
        uint32_t grace_ms = room_grace_ms(h, r);
        if (h->cx->now_ms - r->empty_ms < grace_ms) {
            earlier(&due, r->empty_ms + grace_ms);
        } else if (keep_lets_go(h, index)) {
            room_over(h, index);
            return;
        }
    }
    earlier(&due, h->authority->timer(h, index));
    earlier(&due, log_age_due(h, r));
    earlier(&due, keep_room_due(h, index));
    earlier(&due, room_rest_due(h, r));
    earlier(&due, replay_due(h, r));
    room_timer(h, index, due > h->cx->now_ms ? due : h->cx->now_ms + 1);
}
