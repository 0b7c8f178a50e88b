// SPDX-License-Identifier: Apache-2.0
//
// What others are told of a room's members. Presence is exact (an entry per change) up to rooms.presence_exact_max members; a
// bigger room writes its count at most once a second, because n members joining would otherwise mean n * n deliveries.
//
// Who has lost the last connection is told of as away when it has not come back for rooms.presence_damping_ms, and one that has
// is told of not at all: a cut of thousands who are back within a second says nothing to anybody, and who comes and goes all the
// time is told of once per that time at most. Until then lists say what has been told: that it is there.
//
//     away list, longest first    [told][told][untold][untold][untold]     no timer for each: the room's is due for the first
//                                             ^ untold_first               that is untold, and for the first of all (its grace)
//
// Rejected: to hold back as well that somebody is back. It takes the whole time to be told of as away once more, so there are
// two entries in it at most; and who waits for somebody wants to know at once.
#include "core/home/home.h"

enum { COUNT_INTERVAL_MS = 1000 };

void member_view_make(const struct member *m, struct member_view *ret)
{
    *ret = (struct member_view){.user = member_user(m),
                                .name = member_name(m),
                                .info = member_info(m),
                                .role = (enum role)m->role,
                                .connected = m->sessions != 0 || m->untold,
                                .sessions = m->untold ? 1 : m->sessions,
                                .joined_at = m->joined_at,
                                .last_active = m->last_active};
}

size_t member_view_bytes(const struct member_view *v)
{
    enum { WORDS = 160 };
    return WORDS + v->user.n + v->name.n + v->info.n;
}

static bool place(struct home *h, uint32_t room, struct entry *e)
{
    if (room_place(h, room, e) == OK)
        return true;
    home_memory_refused(h, room_at(h, room)->tenant); // a message is counted where it is answered
    return false;
}

void presence_tell(struct home *h, uint32_t room, enum entry_type type, const struct member *m,
                   str previous_name)
{
    struct room *r = room_at(h, room);
    ASSERT(type >= ENTRY_MEMBER_JOINED);
    ASSERT(type <= ENTRY_MEMBER_CHANGED);
    ASSERT(!m->untold);
    enum room_presence told = room_settings(h, r)->room_presence;
    if (told == PRESENCE_NONE || r->emptying) // everybody goes: there is nobody to be told
        return;
    if (told == PRESENCE_EXACT && r->members <= h->cx->settings->presence_exact_max) {
        struct entry e = {.type = type, .previous_name = previous_name};
        member_view_make(m, &e.member);
        if (place(h, room, &e))
            return;
    } else if (type == ENTRY_MEMBER_CHANGED) {
        return;
    }
    if (r->count_pending)
        return;
    r->count_pending = true;
    uint64_t due = r->count_ms + COUNT_INTERVAL_MS;
    room_timer(h, room, due > h->cx->now_ms ? due : h->cx->now_ms + 1);
}

uint64_t members_count_due(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    r->count_pending = r->count_pending && !r->emptying && r->members != 0; // nobody would hear of it
    if (!r->count_pending)
        return UINT64_MAX;
    if (h->cx->now_ms < r->count_ms + COUNT_INTERVAL_MS && r->count_ms != 0)
        return r->count_ms + COUNT_INTERVAL_MS;
    ASSERT(r->members != 0);
    struct entry e = {.type = ENTRY_MEMBERS_COUNT, .count = r->members};
    r->count_ms = h->cx->now_ms;
    if (!place(h, room, &e))
        return h->cx->now_ms + COUNT_INTERVAL_MS;
    r->count_pending = false;
    return UINT64_MAX;
}

// --- the away list

void away_push(struct home *h, struct room *r, uint32_t index)
{
    struct member *m = member_at(h, index);
    ASSERT(m->sessions == 0);
    ASSERT(!m->untold);
    m->away_ms = (uint32_t)h->cx->now_ms;
    m->untold = true;
    m->away_prev = r->away_last;
    m->away_next = SLAB_NONE;
    if (r->away_last != SLAB_NONE)
        member_at(h, r->away_last)->away_next = index;
    else
        r->away_first = index;
    r->away_last = index;
    if (r->untold_first == SLAB_NONE)
        r->untold_first = index;
}

void away_remove(struct home *h, struct room *r, uint32_t index)
{
    struct member *m = member_at(h, index);
    ASSERT(m->sessions == 0);
    ASSERT(r->away_first != SLAB_NONE);
    if (r->untold_first == index)
        r->untold_first = m->away_next;
    if (m->away_prev != SLAB_NONE)
        member_at(h, m->away_prev)->away_next = m->away_next;
    else
        r->away_first = m->away_next;
    if (m->away_next != SLAB_NONE)
        member_at(h, m->away_next)->away_prev = m->away_prev;
    else
        r->away_last = m->away_prev;
    m->untold = false;
}

uint64_t members_away_due(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    const uint32_t damping_ms = room_settings(h, r)->room_damping_ms;
    while (r->untold_first != SLAB_NONE) {
        struct member *m = member_at(h, r->untold_first);
        ASSERT(m->untold);
        const uint32_t away_ms = (uint32_t)h->cx->now_ms - m->away_ms;
        if (away_ms < damping_ms)
            return h->cx->now_ms + (damping_ms - away_ms);
        r->untold_first = m->away_next;
        m->untold = false;
        presence_tell(h, room, ENTRY_MEMBER_CHANGED, m, STR_NONE);
    }
    return UINT64_MAX;
}
