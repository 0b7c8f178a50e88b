// SPDX-License-Identifier: Apache-2.0
//
// The end of a room, by a record like any other decree: who applies it, on whatever node, has the room closed by its time and its
// span, and what was said, and decided, before it is over. It is not gone at once: for its grace nobody comes in and nothing is
// said, so that those who are sent away, and come back as fast as they can, do not have it anew in the same second; then it goes as
// all empty rooms do, or, where an engine keeps it, can be entered as if it had just been made.
//
//      close --> record, told to the room --> the log up to it goes --> everybody is sent away, EXPELS at a time
//
// A room of a hundred thousand is emptied over some hundred turns; meanwhile nobody can say anything in it.
#include "core/home/home.h"

enum { EXPELS = 256 }; // people of a room that are sent away in one turn

uint64_t room_closed_ms(const struct home *h, const struct room *r)
{
    uint64_t closed_ms = standing_closed_ms(r->standing, h->cx->steady_ms);
    return closed_ms != 0 ? closed_ms : r->emptying ? h->cx->steady_ms + 1 : 0;
}

// What was said before goes; the record that closed the room stays.
void room_forget(struct home *h, uint32_t index, uint64_t closed_at)
{
    struct room *r = room_at(h, index);
    const struct log_limits limits = {
        .records = (uint32_t)(r->log.head + 1 - closed_at), .bytes = UINT32_MAX, .age_ms = UINT32_MAX};
    size_t before = r->log.bytes;
    if (room_newest(r) < closed_at)
        return;
    keep_forget(h, index, closed_at);
    log_trim(&r->log, &limits, room_droppable(r), h->cx->steady_ms);
    replay_trim(&r->replay, &r->log);
    room_log_moved(h, before, r->log.bytes);
}

void room_closed(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    ASSERT(r->standing != NULL && r->standing->closed_at != 0);
    room_forget(h, index, r->standing->closed_at);
    r->emptying = r->members != 0;
    if (r->emptying)
        room_timer(h, index, h->cx->now_ms);
}

// The decree, as far as it is still there: who they are sent away by.
static struct entry decree_of(const struct home *h, const struct room *r)
{
    struct entry e = {.type = ENTRY_CLOSE};
    uint64_t at = r->standing != NULL ? r->standing->closed_at : 0;
    if (at >= r->log.tail && at <= r->log.head && at != 0)
        log_entry(&r->log, at, room_name(r), &e);
    (void)h;
    return e;
}

uint64_t room_empty(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    if (!r->emptying)
        return UINT64_MAX;
    const struct entry e = decree_of(h, r);
    for (uint32_t n = 0; n < EXPELS && r->members != 0; n++)
        member_expel(h, index, r->first, &e);
    r->emptying = r->members != 0;
    return r->emptying ? h->cx->now_ms : UINT64_MAX;
}

// --- gates (common/gates.h)

static struct problem closed_problem(const struct home *h, const struct room *r, uint64_t closed_ms)
{
    return (struct problem){.code = PROBLEM_ROOM_CLOSED,
                            .text = "The room {} has been closed.",
                            .retry_ms = home_retry_ms(h, closed_ms),
                            .word_kind = WORD_QUOTED,
                            .word = room_name(r)};
}

bool gate_unclosed(struct home *h, struct ask **taken, uint32_t *room)
{
    const uint64_t closed = room_closed_ms(h, room_at(h, *room));
    if (closed == 0)
        return true;
    const struct problem p = closed_problem(h, room_at(h, *room), closed);
    home_answer_problem(h, *taken, (*taken)->type == ASK_JOIN ? EFFECT_REFUSED : EFFECT_NONE, &p);
    return false;
}

bool gate_ended(struct home *h, struct asking *in)
{
    in->v.until_ms = room_closed_ms(h, room_at(h, in->room));
    if (in->v.until_ms != 0)
        in->v.why = DENIED_CLOSED;
    return in->v.until_ms == 0;
}

void room_over(struct home *h, uint32_t index)
{
    audit_room(h, index, AUDIT_REMOVED, NULL);
    room_remove(h, index);
}

bool room_is_over(const struct home *h, uint32_t index)
{
    const struct room *r = room_at(h, index);
    if (h->authority != &authority_home || r->standing == NULL || r->standing->closed_at != r->log.head ||
        room_closed_ms(h, r) != 0)
        return false;
    return r->standing->closed_at != 0 && r->members == 0 && r->sessions == 0 && r->waits == 0 &&
           !h->authority->busy(h, r);
}

// Clients are told when to try again, and do so in that very moment.
uint32_t room_unless_over(struct home *h, uint32_t index)
{
    if (index == MAP_NONE || !room_is_over(h, index) || !keep_lets_go(h, index))
        return index;
    room_over(h, index);
    return MAP_NONE;
}
