// SPDX-License-Identifier: Apache-2.0
//
// `read`: somebody has read a room up to an offset (reads.h). Others are told of it where the room's rule says so (`receipts`), by a
// passing entry, and in no room with more members than are told who comes and goes.
#include "core/home/home.h"

static u128 print_of(const struct home *h, str user) { return print_str(h->cx, user); }

static void tell(struct home *h, uint32_t room, const struct ask *a)
{
    const struct room *r = room_at(h, room);
    const uint32_t member = a->backend ? member_find(h, room_at(h, room), a->user) : MAP_NONE;
    struct entry e = {.type = ENTRY_READ,
                      .user = a->user,
                      .session = a->session,
                      .name = member != MAP_NONE ? member_name(member_at(h, member)) : a->name,
                      .info = a->info,
                      .about = a->cmd.offset};
    if (!room_settings(h, room_at(h, room))->receipts || r->members > h->cx->settings->presence_exact_max)
        return;
    if (room_place(h, room, &e) != OK) // it is lost, as the next one will say more
        home_memory_refused(h, r->tenant);
}

void home_read(struct home *h, const struct ask *a, uint32_t room)
{
    struct room *r = room_at(h, room);
    bool moved;
    if (a->cmd.offset > room_newest(r)) {
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_FOUND,
                                 "Nothing of that offset was said in {} yet.");
        return;
    }
    if (reads_set(&r->reads, &r->log, print_of(h, a->user), a->cmd.offset, &moved) != OK) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    if (moved) {
        keep_moved(h, room);
        tell(h, room, a);
    }
    struct answer ans = {.effect = EFFECT_NONE};
    const struct event ev = {.type = EV_ACK,
                             .id = a->cmd.id,
                             .room = room_name(r),
                             .has_offset = true,
                             .offset = a->cmd.offset,
                             .epoch = str_make(r->epoch, EPOCH_LEN),
                             .duplicate = !moved};
    home_answer_event(h, a, &ans, a->cmd.id.n != 0 ? &ev : NULL);
}

struct read_view home_read_view(const struct home *h, const struct room *r, str user)
{
    struct read_view v = {.known = false};
    if (r->reads != NULL && user.n != 0)
        v.known = reads_find(r->reads, &r->log, print_of(h, user), room_newest(r), &v.offset, &v.unread);
    return v;
}
