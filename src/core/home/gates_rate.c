// SPDX-License-Identifier: Apache-2.0
//
// How much may be said in a room: by one of its members, over all their connections, and by all together (common/gates.h;
// rooms.member_messages_per_s, rooms.messages_per_s and what the room's rule says). What is said only: a decree is what a flood is
// ended by, signals have their own way of being few (home_signal.c), and a backend has its key's rate.
//
// It is decided here, before anything is proposed, so that no record says it and whoever applies records later asks no clock. With
// an engine each server counts what is said through it.
//
// It is charged by what it causes (command_said_tokens): a message as one, and as one more for each COST_BYTES of it, which all who
// are there are sent and who comes later, too. As at a connection (edge/gate.c) it takes a token that is there, and what is dearer is
// owed: so nothing is refused for ever however small the burst, and the time that one is told to wait has in it what was owed.
// Rejected: to ask for the whole price beforehand, where a large message never finds it while others go on with small ones.
//
// Only what would be accepted is charged: a crowd that is muted, or repeats itself, uses up nobody's room. Who is refused by the
// room has not used up what is theirs. Rejected: to spare hosts; a rate is there for those who read, and for the server.
#include "core/home/home.h"

enum { ROOM_PRINT_BYTES = 8 };

static uint64_t member_print(const struct home *h, const struct room *r, str user)
{
    char material[ROOM_PRINT_BYTES + USER_ID_MAX];
    ASSERT(user.n != 0 && user.n <= USER_ID_MAX);
    memcpy(material, &r->hash, ROOM_PRINT_BYTES);
    memcpy(material + ROOM_PRINT_BYTES, user.p, user.n);
    return print_as(hash_str(h->cx, str_make(material, ROOM_PRINT_BYTES + user.n)), PRINT_MEMBER);
}

// A message that would be accepted.
static bool is_charged(struct home *h, const struct asking *in)
{
    if (in->a->type != ASK_PUBLISH || in->a->backend || entry_decree(home_entry_type(in->a->cmd.type)))
        return false;
    const struct made made = room_made(h, in->at);
    const struct entry e = home_proposal(h, in->at, in->a);
    return !apply_judge(&made, &e).refused;
}

// Takes what it costs, or owes it. False: refused, *in says why; where it does not, memory is out.
static bool charge(struct home *h, struct asking *in, uint64_t print, const struct rate *rate,
                   enum denial why, _Atomic uint64_t *counted)
{
    struct meter *m = meter_get(&h->meters, print, rate, h->cx->now_ms);
    if (m == NULL)
        return false;
    uint32_t wait_ms = bucket_wait_ms(&m->bucket, rate);
    if (wait_ms == 0) {
        bucket_owe(&m->bucket, rate, command_said_tokens(&in->a->cmd));
        return true;
    }
    metric_add(counted, 1);
    in->v.why = why;
    in->v.until_ms = h->cx->steady_ms + wait_ms;
    return false;
}

bool gate_member_rate(struct home *h, struct asking *in)
{
    const struct rate *rate = &room_settings(h, in->at)->member_messages;
    if (rate->per_s == 0 || !is_charged(h, in))
        return true;
    in->paid = charge(h, in, member_print(h, in->at, in->a->user), rate, DENIED_RATE_MEMBER,
                      &h->cx->metrics->limit_member_rate);
    return in->paid;
}

bool gate_room_rate(struct home *h, struct asking *in)
{
    const struct room_settings *s = room_settings(h, in->at);
    if (s->messages.per_s == 0 || (!in->paid && !is_charged(h, in)) ||
        charge(h, in, print_as(in->at->hash, PRINT_ROOM), &s->messages, DENIED_RATE_ROOM,
               &h->cx->metrics->limit_room_rate))
        return true;
    struct meter *own = in->paid ? prints_find(&h->meters, member_print(h, in->at, in->a->user)) : NULL;
    if (own != NULL)
        bucket_give_back(&own->bucket, &s->member_messages,
                         (int32_t)command_said_tokens(&in->a->cmd) * BUCKET_TOKEN);
    return false;
}
