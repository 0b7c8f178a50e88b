// SPDX-License-Identifier: Apache-2.0
//
// Large messages that somebody reads deflated: they are made smaller a slice a turn (core/log/deflating.h), before they come into their
// room's stream. As what is committed and not shown, they stand in the log, the next of their room to be shown, and the room is in the
// list of those to be announced until they are. So nothing has to be kept for them here but whose turn it is.
//
// While one is under way the room may change: its words may be taken back, its name cut off by an engine, its last reader be gone, it
// itself be over. Whether it is still the one that is next is looked up each turn; and what has become of words is found by
// the words.
#include "core/home/home.h"

#include "core/log/place.h"

// The one under way is the next of its room to be shown.
static bool is_next(const struct home *h, const struct room *r)
{
    return r != NULL && place_waiting(&r->log, &r->live) && r->live.offset + 1 == h->large_offset;
}

static void end(struct home *h)
{
    deflating_end(h->cx->deflating);
    h->large_offset = 0;
    h->large_done = false;
}

void home_deflate_turn(struct home *h)
{
    h->large_waiting = false;
    if (h->large_offset == 0)
        return;
    const struct room *r = slab_get(&h->rooms, h->large_room.index, h->large_room.gen);
    if (is_next(h, r))
        h->large_done = deflating_slice(h->cx->deflating);
    else
        end(h);
}

// Begins with it. False: there is nothing to be made smaller, or no memory to do it in.
static bool begin(struct home *h, uint32_t room, const struct live_tools *tools, const struct entry *e)
{
    struct room *r = room_at(h, room);
    const bool begun = place_deflate(&r->log, &r->live, tools, e) && h->cx->deflating->pieces_n != 0;
    if (!begun) {
        deflating_end(h->cx->deflating);
        return false;
    }
    h->large_room = (struct ref){room, slab_gen(&h->rooms, room)};
    h->large_offset = r->live.offset + 1;
    h->large_done = deflating_slice(h->cx->deflating);
    return true;
}

bool home_deflate(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    const struct live_tools tools = room_tools(h, r);
    struct entry e;
    if (!place_large(&r->log, &r->live, &tools, room_name(r), &e))
        return true;
    const bool ours =
        h->large_offset != 0 && slab_get(&h->rooms, h->large_room.index, h->large_room.gen) == r;
    const bool other = h->large_offset != 0 && !ours;
    ASSERT(!ours || is_next(h, r));
    if (other && h->cx->steady_ms > e.steady_ms + DEFLATE_WAIT_MS)
        return true;
    if (!other && !ours && !begin(h, room, &tools, &e))
        return true;
    if (!other && h->large_done)
        return true;
    h->large_waiting = true;
    return false;
}

void home_deflated(struct home *h, uint32_t room, uint64_t offset)
{
    if (h->large_offset == offset && h->large_room.index == room &&
        h->large_room.gen == slab_gen(&h->rooms, room))
        end(h);
}
