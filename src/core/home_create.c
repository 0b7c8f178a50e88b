// SPDX-License-Identifier: Apache-2.0
//
// The first join of a name makes a room, if there may be one more: of all, and of those who ask (core/creator.h).
//
//      edge ------- ASK_JOIN -------> the room's home: no such room
//                                       | ASK_CHARGE_USER
//                                     the home of the user's print: its bucket
//                                       | ASK_CHARGE_ADDRESS
//                                     the home of the address's print: its bucket, its share
//                                       | ASK_JOIN, charged
//      edge <------ joined ---------- the room's home: makes it (or joins, where it is there by now, and refunds)
//
// Whoever refuses answers. So a join of a room that exists costs nothing of this, and each print has one place where it
// is counted. The asker waits: a join is exclusive, so no other reply of its connection can overtake. What was charged
// comes back where the room is not made after all.
#include "core/shard_state.h"

enum { FULL_RETRY_MS = 1000 }; // nobody knows when a room will be given up

static void refuse(struct shard *sh, const struct ask *a, enum problem_code code, const char *text,
                   uint32_t retry_ms)
{
    struct problem p = {.code = code, .text = text, .retry_ms = retry_ms};
    home_answer_problem(sh, a, EFFECT_REFUSED, &p);
}

static void refuse_memory(struct shard *sh, const struct ask *a)
{
    home_answer_no_memory(sh, a, EFFECT_REFUSED);
}

static void refuse_rate(struct shard *sh, const struct ask *a, uint32_t retry_ms)
{
    metric_add(&sh->metrics->limit_rooms_rate, 1);
    refuse(sh, a, PROBLEM_RATE_LIMITED, "Too many new rooms at once; wait a moment, or join one that exists.",
           retry_ms);
}

static uint64_t user_print(const struct shard *sh, const struct ask *a) { return hash_str(sh, a->user); }

// Never 0 for an address that is known.
static uint64_t address_print(const struct shard *sh, const struct ask *a)
{
    if (a->address == 0)
        return 0;
    return siphash(&sh->settings->hash_key, &a->address, sizeof a->address) | 1;
}

// Not by the lowest bit, which is 1 in all addresses.
static uint32_t creator_home(const struct shard *sh, uint64_t print) { return home_of(sh, print >> 1); }

// --- what comes back

void home_creator_settled(struct shard *sh, const struct creator_mail *m)
{
    const struct settings *s = sh->settings;
    creators_settle(&sh->creators, m->print, m->address ? &s->rooms_address : &s->rooms_user, m->address,
                    m->refund);
}

static void settle(struct shard *sh, uint64_t print, bool address, bool refund)
{
    uint32_t dest = creator_home(sh, print);
    if (dest == sh->index) {
        home_creator_settled(sh,
                             &(struct creator_mail){.print = print, .address = address, .refund = refund});
        return;
    }
    struct creator_mail *mail = pack_plain(sh->mem, MAIL_CREATOR, sizeof *mail);
    mail->print = print;
    mail->address = address;
    mail->refund = refund;
    shard_post(sh, dest, &mail->mail);
}

void home_room_given_up(struct shard *sh, uint64_t creator)
{
    if (creator != 0)
        settle(sh, creator, true, false);
}

static void refund_user(struct shard *sh, const struct ask *a) { settle(sh, user_print(sh, a), false, true); }

void home_refund(struct shard *sh, const struct ask *a)
{
    uint64_t address = address_print(sh, a);
    refund_user(sh, a);
    if (address != 0)
        settle(sh, address, true, true);
}

// --- what is charged

// The ask goes on as `type`; false where memory is out.
static bool pass_on(struct shard *sh, const struct ask *a, enum ask_type type, uint32_t dest)
{
    struct ask next = *a;
    next.type = type;
    next.charged = type == ASK_JOIN;
    return shard_ask(sh, dest, &next);
}

void home_charge_user(struct shard *sh, const struct ask *a)
{
    uint64_t address = address_print(sh, a);
    uint32_t retry_ms = 0;
    switch (creators_charge(&sh->creators, user_print(sh, a), &sh->settings->rooms_user, 0, sh->now_ms,
                            &retry_ms)) {
    case CREATOR_TOO_FAST:
        refuse_rate(sh, a, retry_ms);
        return;
    case CREATOR_SHARE: // a user has none
    case CREATOR_NOMEM:
        refuse_memory(sh, a);
        return;
    case CREATOR_OK:
        break;
    }
    bool sent = address != 0 ? pass_on(sh, a, ASK_CHARGE_ADDRESS, creator_home(sh, address))
                             : pass_on(sh, a, ASK_JOIN, home_of(sh, a->room_hash));
    if (sent)
        return;
    refund_user(sh, a);
    refuse_memory(sh, a);
}

// Of all rooms of the server; of a few rooms no less than one client may be in.
static uint64_t address_share(const struct settings *s)
{
    uint64_t all = (uint64_t)s->rooms_max * s->shard_count;
    uint64_t share = all * s->rooms_address_percent / 100;
    return share < ADDRESS_ROOMS_MIN ? ADDRESS_ROOMS_MIN : share;
}

void home_charge_address(struct shard *sh, const struct ask *a)
{
    const struct settings *s = sh->settings;
    uint32_t retry_ms = 0;
    enum creator_verdict verdict = creators_charge(&sh->creators, address_print(sh, a), &s->rooms_address,
                                                   address_share(s), sh->now_ms, &retry_ms);
    if (verdict == CREATOR_OK && pass_on(sh, a, ASK_JOIN, home_of(sh, a->room_hash)))
        return;
    if (verdict == CREATOR_OK)
        settle(sh, address_print(sh, a), true, true);
    refund_user(sh, a);
    if (verdict == CREATOR_TOO_FAST) {
        refuse_rate(sh, a, retry_ms);
    } else if (verdict == CREATOR_SHARE) {
        metric_add(&sh->metrics->limit_rooms_address, 1);
        refuse(sh, a, PROBLEM_LIMIT_REACHED,
               "Your address has made as many rooms as an address may; join one that exists.", FULL_RETRY_MS);
    } else {
        refuse_memory(sh, a);
    }
}

static void charge(struct shard *sh, const struct ask *a)
{
    if (a->rooms_wait_ms != 0)
        refuse_rate(sh, a, a->rooms_wait_ms);
    else if (!pass_on(sh, a, ASK_CHARGE_USER, creator_home(sh, user_print(sh, a))))
        refuse_memory(sh, a);
}

bool home_create(struct shard *sh, const struct ask *a, uint32_t *ret_room)
{
    if (sh->rooms.count >= sh->settings->rooms_max) {
        if (a->charged) // there was room for it when it was passed on
            home_refund(sh, a);
        metric_add(&sh->metrics->limit_rooms, 1);
        refuse(sh, a, PROBLEM_LIMIT_REACHED, "There are as many rooms as there may be; join one that exists.",
               FULL_RETRY_MS);
        return false;
    }
    if (!a->charged) {
        charge(sh, a);
        return false;
    }
    if (room_create(sh, a->cmd.room, a->room_hash, ret_room) != OK) {
        home_refund(sh, a);
        refuse_memory(sh, a);
        return false;
    }
    room_at(sh, *ret_room)->creator = address_print(sh, a);
    metric_add(&sh->metrics->rooms_created, 1);
    return true;
}
