// SPDX-License-Identifier: Apache-2.0
//
// Commands that wait for their replies, per connection: replies about one room come in the order of its commands, each once;
// those about different rooms in any order. What was said without `id` may be answered by an error only; it is passed over
// when a later reply about the room comes.
#include "sim/world.h"

#include "wire/json.h"

static struct asked *ask_at(struct client *c, uint32_t i) { return &c->asks[(c->asks_from + i) % ASKS_MAX]; }

struct asked *asks_push(struct world *w, struct client *c, enum ask_kind kind, bool with_id)
{
    ASSERT(c->asks_n < ASKS_MAX);
    struct asked *a = ask_at(c, c->asks_n++);
    *a = (struct asked){.kind = kind,
                        .room = NONE,
                        .from = NONE,
                        .since_epoch = NONE,
                        .passed_epoch = NONE,
                        .at_ms = w->now_ms};
    if (with_id)
        a->id = ++c->next_id;
    return a;
}

bool asks_find(const struct client *c, uint32_t id, struct asked *ret)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id == id) {
            *ret = *a;
            return true;
        }
    }
    return false;
}

// Ids are numbers, or strings "c<number>".
uint32_t asks_id(str id)
{
    uint64_t v = 0;
    if (id.n > 3 && id.p[0] == '"' && id.p[1] == 'c')
        id = str_make(id.p + 2, id.n - 3);
    return str_to_u64(id, UINT32_MAX, &v) ? (uint32_t)v : 0;
}

static void take_out(struct client *c, uint32_t i)
{
    for (; i + 1 < c->asks_n; i++)
        *ask_at(c, i) = *ask_at(c, i + 1);
    c->asks_n--;
}

static bool about_one_room(const struct asked *a, const struct asked *b)
{
    return (a->room != NONE && (a->room == b->room || a->room == b->from)) ||
           (a->from != NONE && (a->from == b->room || a->from == b->from));
}

// --- one slow shard

static bool home_is_slow(const struct world *w, int room)
{
    str name = str_from_cstr(w->room_names[room]);
    return (int)(siphash(&w->settings.hash_key, name.p, name.n) % w->plan.shards) == w->plan.slow_node;
}

// Changes who says what follows, so that all of it waits; or, a switch, may come to be about nothing and wait for all.
static bool holds_up(const struct world *w, const struct asked *a)
{
    if (a->kind == SAID_SWITCH)
        return home_is_slow(w, a->room) || home_is_slow(w, a->from);
    return a->kind == SAID_RENAME || (a->kind == SAID_REFRESH && a->room == NONE) || a->kind == SAID_HELLO;
}

static bool unhindered(const struct world *w, const struct asked *a)
{
    switch (a->kind) {
    case SAID_PING:
    case SAID_BAD:
        return true;
    case SAID_MESSAGE:
    case SAID_DECREE:
    case SAID_INVITE:
    case SAID_CHANGE:
    case SAID_STATE:
    case SAID_READ:
    case SAID_LEAVE:
    case SAID_MEMBERS:
    case SAID_HISTORY:
        return !home_is_slow(w, a->room);
    case SAID_JOIN: // making a room may be charged to who is known at the slow shard
    case SAID_SWITCH:
    case SAID_CREATE:
    case SAID_HELLO:
    case SAID_DIRECT:
    case SAID_ROOMS:
    case SAID_RENAME:
    case SAID_REFRESH: // it tells all rooms
        break;
    }
    return false;
}

// --- answers

// An error without id: of the only one without id there is, or of one that was passed over.
static struct asked unnamed_answered(struct client *c)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        struct asked a = *ask_at(c, i);
        if (a.id != 0)
            continue;
        take_out(c, i);
        return a;
    }
    return (struct asked){.kind = SAID_BAD, .room = NONE, .from = NONE};
}

struct asked asks_answered(struct world *w, struct client *c, str id, uint32_t kinds)
{
    uint32_t number = id.p == NULL ? 0 : asks_id(id), at = 0;
    c->replied_ms = w->now_ms;
    if (number == 0)
        return unnamed_answered(c);
    while (at < c->asks_n && ask_at(c, at)->id != number)
        at++;
    if (at == c->asks_n)
        trace_fail(w, c, "ORDER: a reply to command %u came, which was never given or is answered already",
                   number);
    struct asked answered = *ask_at(c, at);
    if (!(kinds >> answered.kind & 1))
        trace_fail(w, c, "ORDER: command %u got a reply of another kind", number);
    for (uint32_t i = 0; i < at; i++) {
        struct asked a = *ask_at(c, i);
        if (!about_one_room(&a, &answered))
            continue;
        if (a.id != 0)
            trace_fail(w, c,
                       "ORDER: a reply to command %u came, and %u, about the same room, is not answered yet",
                       number, a.id);
        take_out(c, i--); // said without id, and well received
        at--;
    }
    take_out(c, at);
    if (holds_up(w, &answered))
        c->held_up_ms = w->now_ms;
    for (uint32_t i = 0; i < c->asks_n && !unhindered(w, &answered); i++)
        if (about_one_room(ask_at(c, i), &answered))
            ask_at(c, i)->freed_ms = w->now_ms;
    for (uint32_t i = 0; w->plan.slow_node != NONE && i < c->asks_n && unhindered(w, &answered); i++)
        if (!unhindered(w, ask_at(c, i))) {
            w->counts.unhindered++;
            break;
        }
    return answered;
}

uint32_t asks_unnamed(const struct client *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->asks_n; i++)
        n += c->asks[(c->asks_from + i) % ASKS_MAX].id == 0;
    return n;
}

void asks_forget(struct world *w, struct client *c)
{
    (void)w;
    c->asks_from = c->asks_n = 0;
}

void asks_check_late(struct world *w, struct client *c)
{
    uint32_t i = 0;
    while (i < c->asks_n && ask_at(c, i)->id == 0)
        i++;
    if (i == c->asks_n)
        return;
    const struct asked *a = ask_at(c, i);
    uint64_t since =
        a->at_ms > c->replied_ms ? a->at_ms : c->replied_ms; // those before it took their time too
    if (since + client_patience_ms(w) < w->now_ms)
        trace_fail(w, c, "LOSS: command %u of a healthy connection, given at %llu ms, has no reply", a->id,
                   (unsigned long long)a->at_ms);
}

// Replies about rooms whose homes are well come in time, though others are late.
void asks_check_unhindered(struct world *w, struct client *c)
{
    uint64_t patience = client_patience_ms(w) - UINT64_C(8) * w->plan.slow_ms;
    if (w->settings.user_commands.per_s != 0 || w->settings.address_commands.per_s != 0)
        return; // any command may wait for a lease of the slow shard (core/edge/lease.h)
    if (tenancy_hushes(w, c))
        return; // or behind one whose refusal, for its tenant's rate, comes in its turn: behind all that is due (seed 30514)
    if (w->plan.slow_node == NONE || (int)c->link->node == w->plan.slow_node || !c->welcomed ||
        w->plan.refuse_one_in != 0)
        return;
    // It reads nothing until it has been told who speaks, in its turn, be it behind a rename (seed 48002).
    if (compact_waits(&c->compact_talk))
        c->held_up_ms = w->now_ms;
    for (uint32_t i = 0; i < c->asks_n && !holds_up(w, ask_at(c, i)); i++) {
        const struct asked *a = ask_at(c, i);
        bool behind = a->id == 0 || !unhindered(w, a);
        for (uint32_t k = 0; k < i && !behind; k++)
            behind = about_one_room(a, ask_at(c, k)) && !unhindered(w, ask_at(c, k));
        uint64_t since = a->at_ms > c->held_up_ms ? a->at_ms : c->held_up_ms;
        since = since > c->welcomed_ms ? since : c->welcomed_ms;
        since = since > a->freed_ms ? since : a->freed_ms;
        if (!behind && since + patience < w->now_ms)
            trace_fail(w, c, "DELAY: command %u, given at %llu ms, waits for shard %d, which it is not about",
                       a->id, (unsigned long long)a->at_ms, w->plan.slow_node);
    }
}
