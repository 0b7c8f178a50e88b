// SPDX-License-Identifier: Apache-2.0
//
// The rooms' buckets are counted here once more, in whole thousandths as the server does, from what the homes tell. A refusal is told
// later than it was decided: somewhere between the asking and the telling there must have been nothing left.
#include "sim/rates.h"
#include "sim/deflated.h"

#include "sim/world.h"

enum { GENEROUS_PER_S = 1000 }; // nobody here ever says so much
enum { LARGE_BYTES = 40000 };   // of a message that costs more than one, up to the burst of some

bool rates_are(const struct settings *s)
{
    bool any = s->user_commands.per_s != 0 || s->address_commands.per_s != 0 || s->messages.per_s != 0 ||
               s->member_messages.per_s != 0;
    for (size_t i = 0; i < s->rules_n; i++)
        any |= s->rules[i].room.messages.per_s != 0 || s->rules[i].room.member_messages.per_s != 0;
    return any;
}

static struct rate rate_of(struct prng *dice, uint32_t per_s, uint32_t burst)
{
    if (prng_below(dice, 2) == 0)
        return (struct rate){0, 1};
    return prng_below(dice, 3) == 0 ? (struct rate){GENEROUS_PER_S, 4 * GENEROUS_PER_S}
                                    : (struct rate){per_s, burst};
}

void rates_plan(struct world *w, struct settings *s)
{
    struct prng dice;
    prng_init(&dice, w->options->seed ^ 0x4a7e5);
    w->rates_from_ms = w->now_ms;
    if (prng_below(&dice, 4) != 0)
        return;
    s->user_commands = rate_of(&dice, 3, 10);
    s->address_commands = rate_of(&dice, 20, 30);
    s->messages = rate_of(&dice, 2, 6);
    s->member_messages = rate_of(&dice, 1, 4);
    for (uint32_t i = 0; i < s->rules_n; i++) {
        w->rules[i].room.messages = rate_of(&dice, 5, 12);
        w->rules[i].room.member_messages = rate_of(&dice, 1, 3);
    }
    if (s->message_bytes > LARGE_BYTES + 1000 && prng_below(&dice, 2) == 0)
        w->plan.large_max = LARGE_BYTES;
}

static struct rate_model *model(struct world *w, uint64_t key, const struct rate *r)
{
    for (uint32_t i = 0; i < w->rates_n; i++)
        if (w->rates[i].key == key)
            return &w->rates[i];
    ARENA_GROW(&w->arena, w->rates, w->rates_n, w->rates_cap);
    struct rate_model *m = &w->rates[w->rates_n++];
    *m = (struct rate_model){.key = key, .level = bucket_full(r), .at_ms = w->now_ms};
    return m;
}

static uint64_t room_key(int room) { return (uint64_t)room + 1; }
static uint64_t member_key(int room, str user) { return truth_hash(user) * 31 + room_key(room); }

static bool exact(const struct world *w) { return !w->plan.engine && !told_late(w); }

// One, and one more for each 16 KiB. What is shared here is less than that.
static int64_t price(const struct entry *e)
{
    return e->type == ENTRY_MESSAGE || e->type == ENTRY_EDIT ? 1 + (int64_t)(e->data.n >> 14) : 1;
}

// Something that was said, and was let pass: so there was a token at least, whatever it cost.
static void charge(struct world *w, uint64_t key, const struct rate *r, int64_t tokens, const char *of)
{
    if (r->per_s == 0)
        return;
    struct rate_model *m = model(w, key, r);
    m->level += (int64_t)(w->now_ms - m->at_ms) * r->per_s;
    m->level = m->level < bucket_full(r) ? m->level : bucket_full(r);
    m->at_ms = w->now_ms;
    if (exact(w) && m->level < BUCKET_TOKEN)
        trace_fail(w, NULL, "RATES: %s has said more than %u a second and %u at once", of, r->per_s,
                   r->burst);
    m->level -= tokens * BUCKET_TOKEN;
    m->count++;
    if (m->level < BUCKET_TOKEN)
        m->low_until_ms = w->now_ms + (uint64_t)((BUCKET_TOKEN - m->level + r->per_s - 1) / r->per_s);
}

void rates_see(struct world *w, int room, const struct entry *e)
{
    const bool shared = e->type == ENTRY_STATE && !str_eq(e->session, STR("api"));
    const struct message *said = e->type == ENTRY_MESSAGE ? truth_message(w, truth_serial(e->data)) : NULL;
    const bool by_backend =
        said != NULL ? strcmp(said->session, "api") == 0 : !entry_about(e->type) && !shared;
    const struct room_settings *s = world_room(w, room);
    const struct rate *user = &w->settings.user_commands;
    if (w->plan.engine || by_backend)
        return;
    charge(w, member_key(room, e->user), &s->member_messages, price(e), "a member");
    charge(w, room_key(room), &s->messages, price(e), "a room");
    if (user->per_s == 0)
        return;
    struct rate_model *m = model(w, truth_hash(e->user), user);
    if (++m->count > user->burst + (w->now_ms - w->rates_from_ms) * user->per_s / 1000)
        trace_fail(w, NULL, "RATES: user %.*s has said more than %u a second and %u at once",
                   STR_ARG(e->user), user->per_s, user->burst);
}

// There was nothing left at some time since it was asked. Where memory is refused, a tenant's too, what was charged may not have been
// said.
static bool was_low(struct world *w, int room, uint64_t key, const struct rate *r, uint64_t asked_ms)
{
    const bool memory = w->plan.refuse_one_in != 0 || tenancy_was_short(w, room);
    return r->per_s != 0 && (!exact(w) || memory || model(w, key, r)->low_until_ms > asked_ms);
}

bool rates_explain(struct world *w, const struct client *c, const struct asked *a, str sentence)
{
    const struct settings *s = &w->settings;
    const struct room_settings *in = a->room != NONE ? world_room(w, a->room) : &s->room;
    if (str_starts(sentence, STR("\"You say more in the room")))
        return (a->kind == SAID_MESSAGE || a->kind == SAID_CHANGE || a->kind == SAID_STATE) &&
               was_low(w, a->room, member_key(a->room, str_from_cstr(c->user)), &in->member_messages,
                       a->at_ms);
    if (str_starts(sentence, STR("\"More is said in the room")))
        return (a->kind == SAID_MESSAGE || a->kind == SAID_CHANGE || a->kind == SAID_STATE) &&
               was_low(w, a->room, room_key(a->room), &in->messages, a->at_ms);
    // A home that finds no memory for a bucket has nothing to give for a second.
    bool memory = w->plan.refuse_one_in != 0;
    if (str_starts(sentence, STR("\"Too many commands at once of this user")))
        return s->user_commands.per_s != 0 && (memory || s->user_commands.per_s < GENEROUS_PER_S);
    if (str_starts(sentence, STR("\"Too many commands at once from your address")))
        return s->address_commands.per_s != 0 && (memory || s->address_commands.per_s < GENEROUS_PER_S);
    return false;
}
