// SPDX-License-Identifier: Apache-2.0
//
// A store that must have a record before it is committed: a reader of each room's log (core/log/log.h) that takes its time. What
// it does not have nobody may be shown, nor told that it was taken.
//
// Like probe.c it looks inside of core.
#include "core/shard/shard_parts.h"
#include "sim/world.h"

static struct room *room_at_home(const struct node *n, int room, const struct world *w, uint32_t *ret_index)
{
    struct home *h = &n->shard->home;
    str name = str_from_cstr(w->room_names[room]);
    *ret_index = room_find(h, name, hash_str(h->cx, name));
    return *ret_index == MAP_NONE ? NULL : room_at(h, *ret_index);
}

bool store_behind(const struct world *w, const struct node *n)
{
    uint32_t index;
    for (int room = 0; room < ROOMS_MAX && w->plan.store; room++) {
        const struct room *r = room_at_home(n, room, w, &index);
        if (r != NULL && r->log.committed != r->log.head)
            return true;
    }
    return false;
}

void store_turn(struct world *w, struct node *n)
{
    uint32_t index;
    for (int room = 0; room < ROOMS_MAX && w->plan.store; room++) {
        struct room *r = room_at_home(n, room, w, &index);
        struct stored *s = &n->stored[room];
        if (r == NULL)
            continue;
        uint32_t gen = slab_gen(&n->shard->home.rooms, index);
        if (r->log.readers == NULL) {
            log_reader_add(&r->log, &s->reader);
            s->room = (struct ref){index, gen};
        }
        ASSERT(s->room.index == index && s->room.gen == gen);
        uint64_t behind = r->log.head - s->reader.have;
        if (behind == 0 || (w->faults && chance(w, 3)))
            continue;
        uint64_t more = w->faults ? roll(w, behind + 1) : behind;
        home_committed(&n->shard->home, index, &s->reader, s->reader.have + more);
        w->counts.stored += more;
    }
}

void store_check_shown(struct world *w, const struct node *n, int room, uint64_t offset)
{
    uint32_t index;
    const struct room *r = room_at_home(n, room, w, &index);
    const struct stored *s = &n->stored[room];
    if (!w->plan.store || r->log.readers == NULL)
        return; // made in this turn
    if (offset > s->reader.have)
        trace_fail(w, NULL, "COMMIT: offset %llu of %s is shown, and the store has %llu",
                   (unsigned long long)offset, w->room_names[room], (unsigned long long)s->reader.have);
}
