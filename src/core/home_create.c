// SPDX-License-Identifier: Apache-2.0
//
// The first join of a name makes a room, if there may be one more: of all, and of those who ask (core/creator.h).
#include "core/shard_state.h"

static void refuse(struct shard *sh, const struct ask *a, enum problem_code code, const char *text,
                   uint32_t retry_ms)
{
    struct answer ans = {.effect = EFFECT_REFUSED, .outlet = a->outlet};
    struct event ev = {
        .type = EV_ERROR, .id = a->cmd.id, .problem = {.code = code, .text = text, .retry_ms = retry_ms}};
    metric_add(&sh->metrics->errors[code], 1);
    home_answer_event(sh, a, &ans, &ev);
}

static void refuse_memory(struct shard *sh, const struct ask *a)
{
    refuse(sh, a, PROBLEM_UNAVAILABLE, "The server is out of memory; try again later.", 0);
}

static bool charge(struct shard *sh, const struct ask *a, uint64_t address)
{
    const struct settings *s = sh->settings;
    uint32_t retry_ms = 0, share = (uint32_t)((uint64_t)s->rooms_max * s->rooms_address_percent / 100);
    switch (creators_charge(&sh->creators, hash_str(sh, a->user), &s->rooms_user, address, &s->rooms_address,
                            share == 0 ? 1 : share, sh->now_ms, &retry_ms)) {
    case CREATOR_OK:
        return true;
    case CREATOR_TOO_FAST:
        metric_add(&sh->metrics->limit_rooms_rate, 1);
        refuse(sh, a, PROBLEM_RATE_LIMITED,
               "Too many new rooms at once; wait a moment, or join one that exists.", retry_ms);
        return false;
    case CREATOR_SHARE:
        metric_add(&sh->metrics->limit_rooms_address, 1);
        refuse(sh, a, PROBLEM_LIMIT_REACHED,
               "Your address has made as many rooms as one may; join one that exists.", 0);
        return false;
    case CREATOR_NOMEM:
        metric_add(&sh->metrics->limit_memory, 1);
        refuse_memory(sh, a);
        return false;
    }
    UNREACHABLE();
}

bool home_create(struct shard *sh, const struct ask *a, uint32_t *ret_room)
{
    if (sh->rooms.count >= sh->settings->rooms_max) {
        metric_add(&sh->metrics->limit_rooms, 1);
        refuse(sh, a, PROBLEM_LIMIT_REACHED, "There are as many rooms as there may be; join one that exists.",
               0);
        return false;
    }
    // Another key than a user's, and never 0 for an address that is known.
    uint64_t address =
        a->address == 0 ? 0 : siphash(&sh->settings->hash_key, &a->address, sizeof a->address) | 1;
    if (!charge(sh, a, address))
        return false;
    if (room_create(sh, a->cmd.room, a->room_hash, ret_room) != OK) {
        creators_release(&sh->creators, address);
        refuse_memory(sh, a);
        return false;
    }
    room_at(sh, *ret_room)->creator = address;
    metric_add(&sh->metrics->rooms_created, 1);
    return true;
}
