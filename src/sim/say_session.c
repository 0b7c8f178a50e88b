// SPDX-License-Identifier: Apache-2.0
//
// What clients say of themselves: who they are, and which rooms they want to be in.
#include "sim/draft.h"
#include "wire/json.h"

#include <stdio.h>

static void draft_pass(struct world *w, struct client *c, struct draft *d, struct asked *a)
{
    struct buf token;
    buf_init(&token, &w->scratch_mem, 0);
    passes_token(w, c, a, &token);
    draft_key(d, "token");
    json_put_string(&d->b, buf_str(&token));
    buf_deinit(&token);
}

// alone: in a message of its own, which has room for a token of the room.
static struct draft join_draft(struct world *w, struct client *c, int room, int from, bool remember,
                               bool alone)
{
    struct asked *a = asks_push(w, c, from == NONE ? SAID_JOIN : SAID_SWITCH, true);
    struct draft d = draft_make(w, from == NONE ? "join" : "switch", a);
    a->room = room;
    a->from = from;
    if (from != NONE)
        draft_string(&d, "from", w->room_names[from]);
    draft_string(&d, from == NONE ? "room" : "to", w->room_names[room]);
    if (alone && passes_wanted(w, c))
        draft_pass(w, c, &d, a);
    else if (alone && client_watched(c))
        invites_bring(w, &d, a);
    if (remember) {
        const struct memory_of_room *m = &c->memory[room];
        a->has_since = true;
        a->since_epoch = m->epoch;
        a->since = m->offset;
        draft_since(w, &d, a);
    } else if (chance(w, 3)) {
        a->has_history = true;
        a->history = (uint32_t)roll(w, 20);
        draft_number(&d, "history", a->history);
    }
    if (chance(w, 4)) {
        draft_key(&d, "members");
        BUF_PUT_LIT(&d.b, "true");
    }
    return d;
}

void say_join(struct world *w, struct client *c, int room, int from, bool remember)
{
    struct draft d = join_draft(w, c, room, from, remember, true);
    draft_send(w, c, &d);
}

// The rooms that it was in, and where it was there: with the hello that takes its session up again.
static void draft_rooms(struct world *w, struct client *c, struct draft *d)
{
    uint32_t n = 0;
    for (int room = 0; room < ROOMS_MAX; room++) {
        if (!c->memory[room].was_in || c->seats[room].on)
            continue;
        c->memory[room].was_in = false;
        struct draft one = join_draft(w, c, room, NONE, !chance(w, 8), false);
        if (n++ == 0)
            draft_key(d, "rooms");
        buf_put_str(&d->b, n == 1 ? STR("[") : STR(" ,"));
        buf_put_str(&d->b, buf_str(&one.b));
        buf_put_char(&d->b, '}');
        buf_deinit(&one.b);
    }
    if (n != 0)
        buf_put_char(&d->b, ']');
}

// surely: a good one.
static void draft_token(struct world *w, struct client *c, struct draft *d, struct asked *a, bool surely)
{
    struct buf token;
    buf_init(&token, &w->scratch_mem, 0);
    a->token = surely || !chance(w, 4) ? TOKEN_IS_GOOD : chance(w, 2) ? TOKEN_IS_LATE : TOKEN_IS_FORGED;
    a->info = hands_token(w, c, a->token, &token);
    draft_key(d, "token");
    json_put_string(&d->b, buf_str(&token));
    buf_deinit(&token);
}

void say_hello(struct world *w, struct client *c)
{
    struct asked *a = asks_push(w, c, SAID_HELLO, true);
    struct draft d = draft_make(w, "hello", a);
    c->hello_said_ms = w->now_ms;
    // Somebody who is known says so, unless a resume token says it, or what came with the request.
    bool says =
        c->known && (c->presented == TOKEN_IS_NONE || chance(w, 2)) && (c->resume[0] == '\0' || chance(w, 2));
    a->token = c->presented;
    a->info = c->presented_info;
    a->presented = !says && c->presented != TOKEN_IS_NONE;
    if (says)
        draft_token(w, c, &d, a, c->refused);
    if (c->resume[0] != '\0') {
        a->resume = true;
        draft_string(&d, "resume", c->resume);
        if (!c->parcels && chance(w, 2)) // in a parcel each command is one object
            draft_rooms(w, c, &d);
    } else if (!chance(w, 4)) {
        char name[16];
        snprintf(name, sizeof name, "n%u", c->index);
        draft_string(&d, "name", name);
    }
    draft_send(w, c, &d);
    if (chance(w, 4)) // by whoever it turns out to be
        say_ping(w, c);
}

void say_refresh(struct world *w, struct client *c, int room)
{
    struct asked *a = asks_push(w, c, SAID_REFRESH, true);
    struct draft d = draft_make(w, "refresh", a);
    a->room = room;
    if (room != NONE) {
        draft_string(&d, "room", w->room_names[room]);
        draft_pass(w, c, &d, a);
    } else {
        draft_token(w, c, &d, a, false);
    }
    draft_send(w, c, &d);
}

void say_leave(struct world *w, struct client *c, int room)
{
    struct asked *a = asks_push(w, c, SAID_LEAVE, true);
    struct draft d = draft_make(w, "leave", a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    draft_send(w, c, &d);
}
