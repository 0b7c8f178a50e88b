// SPDX-License-Identifier: Apache-2.0
//
// The home is its own authority: propose, place and apply are one step. Where readers of the log must have a record before it is
// committed (log/log.h), or it is large and has yet to be deflated (home_deflate.c), its ask waits until it is, and what its asker asks about the room behind it waits, too.
#include "core/home/home.h"

#include "core/home/course.h"

static enum err watch(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
    return OK;
}

static void unwatch(struct home *h, uint32_t room) { course_free(h, room_at(h, room)); }

// There is a list for those who wait. Once made it stays: such a room has readers for as long as it is there.
static bool can_wait(struct home *h, struct room *r)
{
    if (r->course == NULL && course_make(h, r) != OK)
        return false;
    r->course->alone = true;
    return true;
}

// Judges and applies it. A room that owes what it has taken takes no more (room_announce.c).
static struct verdict place(struct home *h, const struct ask *a, uint32_t room)
{
    struct room *r = room_at(h, room);
    const struct made made = room_made(h, r);
    struct entry e = home_proposal(h, r, a);
    struct verdict v = apply_judge(&made, &e);
    if (v.refused && v.why != DENIED_REPEATED)
        return v;
    uint64_t until_ms;
    if (!v.refused && !keep_ready(h, room, &until_ms))
        return (struct verdict){.refused = true, .why = DENIED_STORE, .until_ms = until_ms};
    const struct live_tools tools = room_tools(h, r);
    const bool waits =
        r->log.readers != NULL || place_waiting(&r->log, &r->live) || live_large(&r->live, &tools, &e);
    if ((waits && !can_wait(h, r)) ||
        (!v.refused && (r->owes || room_apply(h, room, r->log.head + 1, &e, &v) != OK)))
        return (struct verdict){.refused = true, .why = DENIED_MEMORY};
    return v;
}

static void propose(struct home *h, struct ask **taken, uint32_t room)
{
    struct ask *a = *taken;
    const struct verdict v = place(h, a, room);
    const struct room *r = room_at(h, room);
    if (v.refused && v.why != DENIED_REPEATED) {
        course_deny(h, taken, room, &v);
        return;
    }
    if (v.offset <= r->live.offset && !course_busy(r)) {
        home_came_to(h, taken, room, &v, true);
        return;
    }
    ASSERT(r->course != NULL);
    a->placed = v.offset;
    a->repeats = v.refused;
    a->number = v.number;
    course_keep(r->course, a);
    *taken = NULL;
}

static bool holds(struct home *h, struct ask **a, uint32_t room)
{
    struct course *c = room_at(h, room)->course;
    if (c == NULL || (*a)->type == ASK_JOIN || course_proposal(*a) || !course_has(c, (*a)->conn))
        return false;
    course_keep(c, *a);
    *a = NULL;
    return true;
}

static void turn(struct home *h, uint32_t room) { course_answer(h, room); }

static uint64_t timer(struct home *h, uint32_t room)
{
    (void)h;
    (void)room;
    return UINT64_MAX;
}

static bool busy(const struct home *h, const struct room *r)
{
    (void)h;
    return course_busy(r);
}

const struct authority authority_home = {watch, unwatch, propose, holds, course_answer, turn, timer, busy};
