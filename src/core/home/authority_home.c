// SPDX-License-Identifier: Apache-2.0
//
// The home is its own authority: propose, place and apply are one step.
#include "core/home/home.h"

static enum err watch(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
    return OK;
}

static void unwatch(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
}

static void propose(struct home *h, struct ask **a, uint32_t room)
{
    struct room *r = room_at(h, room);
    const struct made made = room_made(h, r);
    struct entry e = home_proposal(h, *a);
    struct verdict v = apply_judge(&made, &e);
    if (!v.refused && room_apply(h, room, r->log.head + 1, &e, &v) != OK)
        home_answer_no_memory(h, *a, EFFECT_NONE);
    else
        home_publish_answer(h, *a, room, &v);
}

static void told(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
}

static void turn(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
}

static uint64_t timer(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
    return UINT64_MAX;
}

static bool busy(const struct room *r)
{
    (void)r;
    return false;
}

const struct authority authority_home = {watch, unwatch, propose, NULL, told, turn, timer, busy};
