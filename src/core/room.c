// SPDX-License-Identifier: Apache-2.0
//
// Rooms at their home: created by the first join, announced once per turn to each shard that has readers, gone a
// grace time after the last member.
//
// `rooms` lists names in order, so the home keeps a sorted array of rooms beside the hash map: a binary search finds
// a page, and creating a room moves a few kilobytes at most.
#include "core/shard_state.h"

#include "base/codec.h"

enum {
    ROOM_LOOK_MS = 60 * 60 * 1000, // a room is looked at so often though nothing is due
    AGE_SLACK_MS = 1000,           // old entries go in bunches
    SORTED_CAP_MIN = 16,
};

static bool room_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(room_name(room_at(ctx, value)), *(const str *)key);
}

uint32_t room_find(const struct shard *sh, str name, uint64_t hash)
{
    return map_find(&sh->rooms_by_name, hash, room_eq, sh, &name);
}

uint32_t rooms_sorted_place(const struct shard *sh, str name)
{
    uint32_t low = 0, high = sh->rooms_by_name.count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (str_cmp(room_name(room_at(sh, sh->rooms_sorted[mid])), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static enum err sorted_insert(struct shard *sh, uint32_t index)
{
    uint32_t n = sh->rooms_by_name.count;
    if (n == sh->rooms_sorted_cap) {
        uint32_t cap = n == 0 ? SORTED_CAP_MIN : n * 2;
        uint32_t *v = mem_realloc(sh->mem, sh->rooms_sorted, n * sizeof *v, cap * sizeof *v);
        if (v == NULL)
            return ERR_NOMEM;
        sh->rooms_sorted = v;
        sh->rooms_sorted_cap = cap;
    }
    uint32_t at = rooms_sorted_place(sh, room_name(room_at(sh, index)));
    memmove(sh->rooms_sorted + at + 1, sh->rooms_sorted + at, (n - at) * sizeof *sh->rooms_sorted);
    sh->rooms_sorted[at] = index;
    return OK;
}

static void sorted_remove(struct shard *sh, uint32_t index)
{
    uint32_t at = rooms_sorted_place(sh, room_name(room_at(sh, index)));
    ASSERT(sh->rooms_sorted[at] == index);
    memmove(sh->rooms_sorted + at, sh->rooms_sorted + at + 1,
            (sh->rooms_by_name.count - at - 1) * sizeof *sh->rooms_sorted);
}

// After a removal: what a peak has left goes.
static void sorted_fit(struct shard *sh)
{
    uint32_t n = sh->rooms_by_name.count, cap = sh->rooms_sorted_cap;
    uint32_t *v = NULL;
    if (n == 0)
        mem_free(sh->mem, sh->rooms_sorted, cap * sizeof *v);
    else if (cap <= SORTED_CAP_MIN || n >= cap / 4 ||
             (v = mem_realloc(sh->mem, sh->rooms_sorted, cap * sizeof *v, cap / 2 * sizeof *v)) == NULL)
        return;
    sh->rooms_sorted = v;
    sh->rooms_sorted_cap = n == 0 ? 0 : cap / 2;
}

static void room_epoch_make(struct shard *sh, struct room *r)
{
    uint8_t random[8];
    sh->host->random(sh->host->ctx, random, sizeof random);
    base64url_encode(random, sizeof random, r->epoch);
}

static void room_free(struct shard *sh, uint32_t index)
{
    struct room *r = room_at(sh, index);
    heap_remove(&sh->room_timers, index);
    heap_fit(&sh->room_timers);
    members_free(sh, r);
    log_deinit(&r->log);
    map_deinit(&r->by_user);
    idempotency_deinit(&r->keys);
    mem_free(sh->mem, r->feeds, sh->shard_count * sizeof *r->feeds);
    mem_free(sh->mem, r->name, r->name_n);
    slab_free(&sh->rooms, index);
}

enum err room_create(struct shard *sh, str name, uint64_t hash, uint32_t *ret_room)
{
    uint32_t index = slab_alloc(&sh->rooms);
    if (index == SLAB_NONE)
        return sh->rooms.count >= sh->settings->rooms_max ? ERR_LIMIT : ERR_NOMEM;
    struct room *r = room_at(sh, index);
    *r = (struct room){.hash = hash,
                       .name_n = (uint8_t)name.n,
                       .first = SLAB_NONE,
                       .last = SLAB_NONE,
                       .away_first = SLAB_NONE,
                       .away_last = SLAB_NONE,
                       .empty_ms = sh->now_ms};
    log_init(&r->log, sh->mem);
    map_init(&r->by_user, sh->mem);
    idempotency_init(&r->keys, sh->mem);
    r->name = mem_alloc(sh->mem, name.n);
    r->feeds = mem_zalloc(sh->mem, sh->shard_count * sizeof *r->feeds);
    if (r->name != NULL)
        memcpy(r->name, name.p, name.n);
    // Looked at when this turn ends: if nobody came in after all, it goes.
    if (r->name == NULL || r->feeds == NULL || heap_set(&sh->room_timers, index, sh->now_ms) != OK ||
        sorted_insert(sh, index) != OK) {
        room_free(sh, index);
        return ERR_NOMEM;
    }
    if (map_insert(&sh->rooms_by_name, hash, index) != OK) {
        uint32_t at = rooms_sorted_place(sh, name); // not counted in yet: one more than the map knows
        memmove(sh->rooms_sorted + at, sh->rooms_sorted + at + 1,
                (sh->rooms_by_name.count - at) * sizeof *sh->rooms_sorted);
        room_free(sh, index);
        return ERR_NOMEM;
    }
    room_epoch_make(sh, r);
    metric_add(&sh->metrics->rooms, 1);
    shard_notice(sh, NOTICE_ROOM_CREATED, UINT32_MAX, 0, "", name);
    *ret_room = index;
    return OK;
}

void room_log_moved(struct shard *sh, size_t before, size_t after)
{
    if (after >= before)
        metric_add(&sh->metrics->log_bytes, after - before);
    else
        metric_sub(&sh->metrics->log_bytes, before - after);
}

void room_remove(struct shard *sh, uint32_t index)
{
    struct room *r = room_at(sh, index);
    shard_notice(sh, NOTICE_ROOM_REMOVED, UINT32_MAX, 0, "", room_name(r));
    room_log_moved(sh, r->log.bytes, 0);
    if (r->dirty)
        for (uint32_t i = 0; i < sh->rooms_dirty.n; i++)
            if (sh->rooms_dirty.v[i] == index)
                sh->rooms_dirty.v[i] = sh->rooms_dirty.v[--sh->rooms_dirty.n];
    sorted_remove(sh, index);
    home_room_given_up(sh, r->creator);
    map_remove(&sh->rooms_by_name, r->hash, index);
    room_free(sh, index);
    metric_sub(&sh->metrics->rooms, 1);
    sorted_fit(sh);
}

enum err room_append(struct shard *sh, uint32_t index, struct entry *e)
{
    struct room *r = room_at(sh, index);
    size_t before = r->log.bytes;
    e->room = room_name(r);
    e->time_ms = sh->wall_ms;
    if (log_append(&r->log, e, sh->now_ms, &sh->encode, sh->utc_offset_s) != OK) {
        shard_notice(sh, NOTICE_MEMORY, UINT32_MAX, 0, "a room's log", room_name(r));
        return ERR_NOMEM;
    }
    room_log_moved(sh, before, r->log.bytes);
    metric_add(&sh->metrics->entries, 1);
    r->said |= e->type == ENTRY_MESSAGE;
    room_timer(sh, index, sh->now_ms + sh->settings->log_age_ms + AGE_SLACK_MS);
    if (!r->dirty) {
        r->dirty = true;
        index_list_push(&sh->rooms_dirty, index);
    }
    return OK;
}

// --- announcing

// The segments of one track that a shard has not been sent, newest first until one it has.
static uint32_t feed_collect(const struct room *r, struct feed *f, int track, struct advance_seg *ret,
                             uint32_t n)
{
    const struct chain *c = &r->log.tracks[track];
    if (c->n == 0)
        return n; // all of it was too old
    for (uint32_t i = c->n; i-- > 0 && c->segs[i]->first > f->seg_seen[track];)
        ret[n++] = (struct advance_seg){.track = (uint8_t)track, .seg = segment_ref(c->segs[i])};
    f->seg_seen[track] = c->segs[c->n - 1]->first;
    return n;
}

static uint32_t feed_count(const struct room *r, const struct feed *f, int track)
{
    const struct chain *c = &r->log.tracks[track];
    uint32_t n = 0;
    for (uint32_t i = c->n; i-- > 0 && c->segs[i]->first > f->seg_seen[track];)
        n++;
    return n;
}

void room_announce_to(struct shard *sh, uint32_t index, uint32_t shard)
{
    struct room *r = room_at(sh, index);
    struct feed *f = &r->feeds[shard];
    if (f->sessions == 0 || f->head == r->log.head)
        return;
    uint32_t segs = 0;
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (f->readers[d] != 0)
            segs += feed_count(r, f, d);
    struct advance *a = pack_plain(sh->mem, MAIL_ADVANCE, sizeof *a + segs * sizeof a->segs[0]);
    if (a == NULL) { // said again with the next entry, or the next turn
        metric_add(&sh->metrics->limit_memory, 1);
        return;
    }
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (f->readers[d] != 0)
            a->seg_count = feed_collect(r, f, d, a->segs, a->seg_count);
    a->outlet = f->outlet;
    a->head = r->log.head;
    a->since_ns = sh->turn_ns;
    f->head = r->log.head;
    if (shard != sh->index) {
        shard_post(sh, shard, &a->mail);
        return;
    }
    if (slab_get(&sh->outlets, a->outlet.index, a->outlet.gen) != NULL) {
        outlet_advance(sh, a->outlet.index, a->head, a->since_ns, a->segs, a->seg_count);
        a->seg_count = 0;
    }
    mail_discard(sh->mem, &a->mail);
}

void rooms_announce(struct shard *sh)
{
    const struct settings *s = sh->settings;
    struct log_limits limits = {s->log_entries, s->log_bytes, s->log_age_ms};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sh->rooms_dirty.n; i++) {
        uint32_t index = sh->rooms_dirty.v[i];
        struct room *r = room_at(sh, index);
        bool behind = false;
        for (uint32_t shard = 0; shard < sh->shard_count; shard++) {
            room_announce_to(sh, index, shard);
            behind |= r->feeds[shard].sessions != 0 && r->feeds[shard].head != r->log.head;
        }
        if (behind) { // memory is out: the segments must stay until they have been handed over
            sh->rooms_dirty.v[kept++] = index;
            continue;
        }
        r->dirty = false;
        size_t before = r->log.bytes;
        log_trim(&r->log, &limits, sh->now_ms);
        room_log_moved(sh, before, r->log.bytes);
    }
    sh->rooms_dirty.n = kept;
}

// --- time

// A room's timer is set from its first moment to its last, so moving it needs no memory: a grace time that could not
// be waited for would keep the room for ever.
void room_timer(struct shard *sh, uint32_t index, uint64_t due_ms)
{
    if (due_ms >= heap_due(&sh->room_timers, index))
        return;
    enum err e = heap_set(&sh->room_timers, index, due_ms);
    ASSERT(e == OK);
}

static uint64_t log_age_due(struct shard *sh, struct room *r)
{
    const struct settings *s = sh->settings;
    struct log_limits limits = {s->log_entries, s->log_bytes, s->log_age_ms};
    if (r->dirty)
        return sh->now_ms + 1000; // trimmed after the announcement
    size_t before = r->log.bytes;
    log_trim(&r->log, &limits, sh->now_ms);
    room_log_moved(sh, before, r->log.bytes);
    if (r->log.tail > r->log.head)
        return UINT64_MAX;
    uint64_t age = log_oldest_age_ms(&r->log, sh->now_ms);
    return sh->now_ms + (age < s->log_age_ms ? s->log_age_ms - age : 0) + AGE_SLACK_MS;
}

static void earlier(uint64_t *due, uint64_t candidate)
{
    if (candidate < *due)
        *due = candidate;
}

uint32_t room_grace_ms(const struct shard *sh, const struct room *r)
{
    return r->said ? sh->settings->room_grace_ms : 0;
}

void room_on_timer(struct shard *sh, uint32_t index)
{
    const struct settings *s = sh->settings;
    struct room *r = room_at(sh, index);
    uint64_t due = sh->now_ms + ROOM_LOOK_MS;
    earlier(&due, members_expire(sh, index));
    earlier(&due, members_count_due(sh, index));
    idempotency_expire(&r->keys, sh->now_ms, s->idempotency_ms);
    if (r->keys.n != 0)
        earlier(&due, sh->now_ms + s->idempotency_ms);
    if (r->members == 0 && r->sessions == 0) {
        uint32_t grace_ms = room_grace_ms(sh, r);
        if (sh->now_ms - r->empty_ms >= grace_ms) {
            room_remove(sh, index);
            return;
        }
        earlier(&due, r->empty_ms + grace_ms);
    }
    earlier(&due, log_age_due(sh, r));
    room_timer(sh, index, due > sh->now_ms ? due : sh->now_ms + 1);
}

void room_check(const struct shard *sh, uint32_t index)
{
    const struct room *r = room_at(sh, index);
    uint32_t members = 0, away = 0, readers[DIALECT_COUNT] = {0}, sessions = 0, member_sessions = 0;
    uint32_t crowded = 0;
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(sh, m)->next) {
        members++;
        member_sessions += member_at(sh, m)->sessions;
        ASSERT(member_find(sh, r, member_user(member_at(sh, m))) == m);
    }
    for (uint32_t m = r->away_first; m != SLAB_NONE; m = member_at(sh, m)->away_next) {
        away++;
        ASSERT(member_at(sh, m)->sessions == 0);
    }
    ASSERT(members == r->members && members == r->by_user.count && away <= members);
    for (uint32_t s = 0; s < sh->shard_count; s++) {
        uint32_t sum = 0;
        for (int d = 0; d < DIALECT_COUNT; d++) {
            readers[d] += r->feeds[s].readers[d];
            sum += r->feeds[s].readers[d];
        }
        ASSERT(sum == r->feeds[s].sessions && (sum != 0 || !r->feeds[s].crowded));
        crowded += r->feeds[s].crowded;
        sessions += sum;
    }
    for (int d = 0; d < DIALECT_COUNT; d++)
        ASSERT(readers[d] == r->readers[d] && r->log.active[d] == (readers[d] != 0));
    ASSERT(sessions == r->sessions && sessions == member_sessions && crowded == r->crowded);
    log_check(&r->log);
}
