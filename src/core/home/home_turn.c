// SPDX-License-Identifier: Apache-2.0
//
// A home's beginning and end, and what it does when time passes.
#include "core/home/home.h"

#include "core/common/working.h"

// In rooms that are all of the rule which lets in the most.
static uint32_t members_max(const struct settings *s)
{
    uint64_t most = s->room_members_max;
    for (size_t i = 0; i < s->rules_n; i++)
        most = s->rules[i].room.room_members_max > most ? s->rules[i].room.room_members_max : most;
    uint64_t n = s->rooms_max * most;
    return n > (1u << 26) ? 1u << 26 : (uint32_t)n;
}

static uint32_t registrations_max(const struct settings *s)
{
    uint64_t n = (uint64_t)s->connections_max * s->shard_count;
    return n > (1u << 26) ? 1u << 26 : (uint32_t)n;
}

enum err home_init(struct home *h, struct context *cx, struct mailroom *mail)
{
    const struct settings *s = cx->settings;
    struct mem *mem = cx->mem;
    *h = (struct home){.cx = cx, .mail = mail, .authority = s->engine ? &authority_engine : &authority_home};
    for (size_t i = 0; i <= TENANTS_MAX; i++)
        h->histories[i] = (struct history){SLAB_NONE, SLAB_NONE};
    cx->host->random(cx->host->ctx, &h->proposer, sizeof h->proposer);
    slab_init(&h->rooms, mem, sizeof(struct room) + s->shard_count * sizeof(struct feed), s->rooms_max);
    slab_init(&h->members, mem, sizeof(struct member), members_max(s));
    map_init(&h->rooms_by_name, mem);
    heap_init(&h->room_timers, mem);
    prints_init(&h->meters, mem, sizeof(struct meter), METERS_LOOK_MS);
    registry_init(&h->registry, mem, registrations_max(s));
    once_init(&h->said, mem);
    loads_init(h);
    receipts_init(&h->receipts, mem);
    once_group_init(&h->direct_keys);
    buf_init(&h->scratch, mem, 0);
    buf_init(&h->reply, mem, 0);
    buf_init(&h->wish, mem, 0);
    buf_init(&h->result, mem, 0);
    if (!working_fit(&h->scratch) || !working_fit(&h->reply) || !working_fit(&h->wish) ||
        !working_fit(&h->result))
        return ERR_NOMEM;
    if (keep_init(h) != OK)
        return ERR_NOMEM;
    return index_list_init(&h->rooms_dirty, mem, s->rooms_max);
}

void home_deinit(struct home *h)
{
    if (h->cx == NULL)
        return;
    home_wait_drop(h);
    loads_deinit(h);
    for (uint32_t i = 0; i < h->rooms.high; i++)
        if (slab_used(&h->rooms, i))
            room_remove(h, i);
    slab_deinit(&h->rooms);
    slab_deinit(&h->members);
    map_deinit(&h->rooms_by_name);
    heap_deinit(&h->room_timers);
    prints_deinit(&h->meters);
    registry_deinit(&h->registry);
    once_deinit(&h->said);
    receipts_deinit(&h->receipts);
    buf_deinit(&h->scratch);
    buf_deinit(&h->reply);
    buf_deinit(&h->wish);
    buf_deinit(&h->result);
    mem_free(h->cx->mem, h->rooms_sorted, h->rooms_sorted_cap * sizeof *h->rooms_sorted);
    index_list_deinit(&h->rooms_dirty, h->cx->mem);
    keep_deinit(h);
}

void home_tidy(struct home *h)
{
    working_fit(&h->scratch);
    working_fit(&h->reply);
    working_fit(&h->wish);
    working_fit(&h->result);
}

void home_timers(struct home *h)
{
    const struct settings *s = h->cx->settings;
    uint64_t now_ms = h->cx->now_ms;
    if (h->cx->steady_ms >= h->said.look_ms)
        once_expire(&h->said, h->cx->steady_ms, s->engine);
    if (now_ms >= h->meters.look_ms)
        meters_expire(&h->meters, now_ms);
    home_receipts_turn(h);
    uint32_t room;
    relief_turn(h);
    while (heap_pop_due(&h->room_timers, now_ms, &room))
        room_on_timer(h, room);
}

// A shard that was behind has taken what it was told.
static bool announce_due(const struct home *h)
{
    for (uint64_t shards = h->behind; shards != 0; shards &= shards - 1)
        if (!mail_is_long(h->mail, (uint32_t)__builtin_ctzll(shards)))
            return true;
    return false;
}

enum { WAITS_LOOK_MS = 5 };

uint64_t home_due_ms(const struct home *h)
{
    if (announce_due(h) || h->large_waiting || loading_due(h) || (h->waits_n != 0 && !h->waits_idle))
        return h->cx->now_ms;
    uint64_t due = heap_next_due(&h->room_timers);
    if (h->waits_n != 0 && h->cx->now_ms + WAITS_LOOK_MS < due) // what they wait for makes a turn of its own
        due = h->cx->now_ms + WAITS_LOOK_MS;
    due = h->meters.look_ms < due ? h->meters.look_ms : due;
    const uint64_t keep = keep_due_ms(h);
    due = keep < due ? keep : due;
    uint64_t receipts = home_receipts_due_ms(h);
    due = receipts < due ? receipts : due;
    uint64_t said = h->said.look_ms == UINT64_MAX ? UINT64_MAX : h->said.look_ms - h->cx->steady_from_ms;
    return said < due ? said : due;
}

void home_check(const struct home *h)
{
    for (uint32_t i = 0; i < h->rooms.high; i++)
        if (slab_used(&h->rooms, i))
            room_check(h, i);
    relief_check(h);
    home_wait_check(h);
    keep_check(h);
    loading_check(h);
    slab_check(&h->rooms);
    slab_check(&h->members);
    map_check(&h->rooms_by_name);
    heap_check(&h->room_timers);
    prints_check(&h->meters);
    registry_check(&h->registry);
    once_check(&h->said);
    receipts_check(&h->receipts);
    buf_check(&h->scratch);
    buf_check(&h->reply);
    buf_check(&h->wish);
    buf_check(&h->result);
    ASSERT(h->rooms.count == h->rooms_by_name.count);
    ASSERT(h->rooms.count <= h->rooms_sorted_cap);
    for (uint32_t i = 1; i < h->rooms.count; i++)
        ASSERT(str_cmp(room_name(room_at(h, h->rooms_sorted[i - 1])),
                       room_name(room_at(h, h->rooms_sorted[i]))) < 0);
}

void home_committed(struct home *h, uint32_t room, struct log_reader *r, uint64_t offset)
{
    if (log_reader_has(&room_at(h, room)->log, r, offset))
        room_mark_dirty(h, room);
}
