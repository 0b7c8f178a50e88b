// SPDX-License-Identifier: Apache-2.0
//
// Memory is short: old history goes, before anything is refused that somebody wants to say now. The room goes first in which
// nothing was said for the longest time, its oldest records first, and with it what was made of them for those who ask.
//
// Rooms with a log are in a list, the one that was last spoken in at its end: what is to go is found without looking. Each shard
// looks after its own rooms; that is fair as rooms are spread by a hash.
#include "core/home/home.h"

enum {
    TURN_BYTES = 1 << 20,               // in one turn, ahead of need
    NEED_BYTES = 2 * SEGMENT_BYTES_MAX, // at least, when something was refused
};

static void unlink_room(struct home *h, struct room *r)
{
    if (r->colder != SLAB_NONE)
        room_at(h, r->colder)->warmer = r->warmer;
    else
        h->coldest = r->warmer;
    if (r->warmer != SLAB_NONE)
        room_at(h, r->warmer)->colder = r->colder;
    else
        h->warmest = r->colder;
    r->has_history = false;
}

void relief_spoken(struct home *h, uint32_t index)
{
    ASSERT(room_at(h, index)->log.tail <= room_at(h, index)->log.head);
    struct room *r = room_at(h, index);
    if (h->warmest == index && r->has_history)
        return;
    if (r->has_history)
        unlink_room(h, r);
    r->colder = h->warmest;
    r->warmer = SLAB_NONE;
    if (h->warmest != SLAB_NONE)
        room_at(h, h->warmest)->warmer = index;
    else
        h->coldest = index;
    h->warmest = index;
    r->has_history = true;
}

void relief_forget(struct home *h, struct room *r)
{
    if (r->has_history)
        unlink_room(h, r);
}

// Of the coldest room; how many bytes that was.
static size_t shed(struct home *h)
{
    struct room *r = room_at(h, h->coldest);
    uint64_t tail = r->log.tail;
    ASSERT(r->has_history);
    ASSERT(tail <= r->log.head);
    size_t before = r->log.bytes, freed = replay_bytes(r->replay) + log_shed(&r->log, room_newest(r));
    replay_drop(&r->replay, h->cx->mem);
    room_log_moved(h, before, r->log.bytes);
    metric_add(&h->cx->metrics->log_relieved, r->log.tail - tail);
    if (r->log.tail > r->log.head)
        unlink_room(h, r);
    return freed;
}

static size_t shed_bytes(struct home *h, size_t bytes)
{
    size_t freed = 0;
    while (freed < bytes && h->coldest != SLAB_NONE) {
        size_t more = shed(h);
        if (more == 0)
            break; // it is not committed
        freed += more;
    }
    return freed;
}

bool relief_for(struct home *h, size_t bytes) { return shed_bytes(h, bytes + NEED_BYTES) != 0; }

void relief_turn(struct home *h)
{
    size_t bytes = mem_short(h->cx->mem);
    if (bytes != 0)
        shed_bytes(h, bytes < TURN_BYTES ? bytes : TURN_BYTES);
}

void relief_check(const struct home *h)
{
    uint32_t n = 0, before = SLAB_NONE;
    for (uint32_t i = h->coldest; i != SLAB_NONE; i = room_at(h, i)->warmer) {
        const struct room *r = room_at(h, i);
        ASSERT(r->has_history);
        ASSERT(r->log.tail <= r->log.head);
        ASSERT(r->colder == before);
        before = i;
        n++;
    }
    ASSERT(before == h->warmest);
    for (uint32_t i = 0; i < h->rooms.high; i++)
        if (slab_used(&h->rooms, i) && room_at(h, i)->log.tail <= room_at(h, i)->log.head)
            n--;
    ASSERT(n == 0); // all that have one
}
