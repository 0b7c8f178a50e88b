// SPDX-License-Identifier: Apache-2.0
//
// Who speaks under a number, for those who have missed the frame that told it (core/log/speakers.h).
#include "core/home/home.h"

void home_whois(struct home *h, const struct ask *a, uint32_t room)
{
    const struct room *r = room_at(h, room);
    struct speaker_view who;
    if (r->live.speakers == NULL || !speakers_find(r->live.speakers, a->cmd.offset, &who)) {
        home_answer_room_problem(
            h, a, EFFECT_NONE, PROBLEM_NOT_FOUND,
            "Nobody has that number in {}, or it was forgotten; the history has the name.");
        return;
    }
    struct answer ans = {.effect = EFFECT_NONE};
    const struct event ev = {.type = EV_SPEAKER,
                             .id = a->cmd.id,
                             .room = room_name(r),
                             .room_handle = r->live.speakers->room,
                             .speakers = &who,
                             .speakers_n = 1};
    home_answer_event(h, a, &ans, &ev);
}
