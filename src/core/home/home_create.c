// SPDX-License-Identifier: Apache-2.0
//
// The first join of a name makes a room, if there may be one more: of all, and of those who ask (home/creator.h). So does a backend,
// by its first word in it, or by `create` (home_made.c).
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
#include "core/home/creator.h"
#include "core/home/home.h"

#include "core/home/course.h"

enum { FULL_RETRY_MS = 1000 }; // nobody knows when a room will be given up

static void refuse(struct home *h, const struct ask *a, enum problem_code code, const char *text,
                   uint32_t retry_ms)
{
    struct problem p = {.code = code, .text = text, .retry_ms = retry_ms};
    home_answer_problem(h, a, EFFECT_REFUSED, &p);
}

static void refuse_memory(struct home *h, const struct ask *a)
{
    home_answer_no_memory(h, a, EFFECT_REFUSED);
}

static void refuse_rate(struct home *h, const struct ask *a, uint32_t retry_ms)
{
    metric_add(&h->cx->metrics->limit_rooms_rate, 1);
    refuse(h, a, PROBLEM_RATE_LIMITED, "Too many new rooms at once; wait a moment, or join one that exists.",
           retry_ms);
}

static uint64_t user_print(const struct home *h, const struct ask *a) { return hash_str(h->cx, a->user); }

// Never 0 for an address that is known.
static uint64_t address_print(const struct home *h, const struct ask *a)
{
    if (a->address == 0)
        return 0;
    return siphash(&h->cx->settings->hash_key, &a->address, sizeof a->address) | 1;
}

// Not by the lowest bit, which is 1 in all addresses.
static uint32_t creator_home(const struct home *h, uint64_t print) { return home_of(h->cx, print >> 1); }

// --- what comes back

void home_on_creator(struct home *h, const struct creator_mail *m)
{
    const struct settings *s = h->cx->settings;
    creators_settle(&h->meters, m->print, m->address ? &s->rooms_address : &s->rooms_user, m->address,
                    m->refund);
}

static void settle(struct home *h, uint64_t print, bool address, bool refund)
{
    struct creator_mail m = {.print = print, .address = address, .refund = refund};
    post_copy(h->mail, creator_home(h, print), MAIL_CREATOR, &m, sizeof m);
}

void home_room_given_up(struct home *h, uint64_t creator)
{
    if (creator != 0)
        settle(h, creator, true, false);
}

static void refund_user(struct home *h, const struct ask *a) { settle(h, user_print(h, a), false, true); }

void home_refund(struct home *h, const struct ask *a)
{
    uint64_t address = address_print(h, a);
    refund_user(h, a);
    if (address != 0)
        settle(h, address, true, true);
}

// --- what is charged

// The ask goes on as `type`; false where memory is out.
static bool pass_on(struct home *h, const struct ask *a, enum ask_type type, uint32_t dest)
{
    struct ask next = *a;
    next.type = type;
    next.charged = type == ASK_JOIN;
    return post_ask(h->mail, dest, &next);
}

void home_charge_user(struct home *h, const struct ask *a)
{
    ASSERT(a->type == ASK_CHARGE_USER);
    ASSERT(!a->charged);
    uint64_t address = address_print(h, a);
    uint32_t retry_ms = 0;
    switch (creators_charge(&h->meters, user_print(h, a), &h->cx->settings->rooms_user, 0, h->cx->now_ms,
                            &retry_ms)) {
    case CREATOR_TOO_FAST:
        refuse_rate(h, a, retry_ms);
        return;
    case CREATOR_SHARE: // a user has none
    case CREATOR_NOMEM:
        refuse_memory(h, a);
        return;
    case CREATOR_OK:
        break;
    }
    bool sent = address != 0 ? pass_on(h, a, ASK_CHARGE_ADDRESS, creator_home(h, address))
                             : pass_on(h, a, ASK_JOIN, home_of(h->cx, a->room_hash));
    if (sent)
        return;
    refund_user(h, a);
    refuse_memory(h, a);
}

// Of all rooms of the server; of a few rooms no less than one client may be in.
static uint64_t address_share(const struct settings *s)
{
    uint64_t all = (uint64_t)s->rooms_max * s->shard_count;
    uint64_t share = all * s->rooms_address_percent / 100;
    return share < ADDRESS_ROOMS_MIN ? ADDRESS_ROOMS_MIN : share;
}

void home_charge_address(struct home *h, const struct ask *a)
{
    ASSERT(a->type == ASK_CHARGE_ADDRESS);
    ASSERT(a->address != 0);
    const struct settings *s = h->cx->settings;
    uint32_t retry_ms = 0;
    enum creator_verdict verdict = creators_charge(&h->meters, address_print(h, a), &s->rooms_address,
                                                   address_share(s), h->cx->now_ms, &retry_ms);
    if (verdict == CREATOR_OK && pass_on(h, a, ASK_JOIN, home_of(h->cx, a->room_hash)))
        return;
    if (verdict == CREATOR_OK)
        settle(h, address_print(h, a), true, true);
    refund_user(h, a);
    if (verdict == CREATOR_TOO_FAST) {
        refuse_rate(h, a, retry_ms);
    } else if (verdict == CREATOR_SHARE) {
        metric_add(&h->cx->metrics->limit_rooms_address, 1);
        refuse(h, a, PROBLEM_LIMIT_REACHED,
               "Your address has made as many rooms as an address may; join one that exists.", FULL_RETRY_MS);
    } else {
        refuse_memory(h, a);
    }
}

static void charge(struct home *h, const struct ask *a)
{
    if (a->rooms_wait_ms != 0)
        refuse_rate(h, a, a->rooms_wait_ms);
    else if (!pass_on(h, a, ASK_CHARGE_USER, creator_home(h, user_print(h, a))))
        refuse_memory(h, a);
}

// --- rooms of a tenant

bool home_place_take(struct home *h, uint8_t tenant)
{
    return tenant == TENANT_NONE ||
           tenant_take(&tenant_budget(h->cx, tenant)->rooms, tenant_at(h->cx, tenant)->rooms_max);
}

void home_place_give_back(struct home *h, uint8_t tenant)
{
    if (tenant != TENANT_NONE)
        tenant_give_back(&tenant_budget(h->cx, tenant)->rooms);
}

static void home_rooms_full(struct home *h, const struct ask *a, enum effect effect)
{
    struct problem p = {.code = PROBLEM_LIMIT_REACHED,
                        .text = "The tenant has as many rooms as it may have, and {} is none of them.",
                        .word_kind = WORD_QUOTED,
                        .word = a->cmd.room,
                        .retry_ms = FULL_RETRY_MS};
    uint8_t tenant = tenant_by_name(h->cx, a->cmd.room);
    ASSERT(tenant != TENANT_NONE);
    metric_add(&h->cx->metrics->tenants[tenant - 1].limit_rooms, 1);
    home_answer_problem(h, a, effect, &p);
}

bool home_create(struct home *h, const struct ask *a, uint32_t *ret_room)
{
    ASSERT(a->type == ASK_JOIN);
    if (h->rooms.count >= h->cx->settings->rooms_max) {
        if (a->charged) // there was room for it when it was passed on
            home_refund(h, a);
        metric_add(&h->cx->metrics->limit_rooms, 1);
        refuse(h, a, PROBLEM_LIMIT_REACHED, "There are as many rooms as there may be; join one that exists.",
               FULL_RETRY_MS);
        return false;
    }
    if (!a->charged) {
        charge(h, a);
        return false;
    }
    enum err e = room_create(h, a->cmd.room, a->room_hash, ret_room);
    if (e != OK) {
        home_refund(h, a);
        if (e == ERR_FULL)
            home_rooms_full(h, a, EFFECT_REFUSED);
        else
            refuse_memory(h, a);
        return false;
    }
    room_at(h, *ret_room)->creator = address_print(h, a);
    audit_room(h, *ret_room, AUDIT_CREATED, a);
    metric_add(&h->cx->metrics->rooms_created, 1);
    return true;
}

// --- by a backend

// A backend is in no room, and need not wait until somebody is: it makes one by its first word, or by itself, which is kept for those
// who come within rooms.grace_s of the last one. It is not charged for rooms as people are, whose names it does not have to be
// protected from; there are as many as there may be.
bool home_room_for_backend(struct home *h, const struct ask *a, uint32_t *room)
{
    if (*room != MAP_NONE)
        return true;
    enum err e = room_create(h, a->cmd.room, a->room_hash, room);
    if (e == OK) {
        audit_room(h, *room, AUDIT_CREATED, a);
    } else if (e == ERR_LIMIT) {
        metric_add(&h->cx->metrics->limit_rooms, 1);
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_LIMIT_REACHED,
                                 "There are as many rooms as there may be, and {} is none of them.");
    } else if (e == ERR_FULL) {
        home_rooms_full(h, a, EFFECT_NONE);
    } else {
        home_answer_no_memory(h, a, EFFECT_NONE);
    }
    return e == OK;
}
