// SPDX-License-Identifier: Apache-2.0
//
// What clients do next, by dice.
#include "sim/typed.h"
#include "sim/world.h"

#include <stdio.h>

enum { ASKS_PATIENCE = 24 }; // commands that a client lets pile up

static bool joining(const struct client *c, int room)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if ((a->kind == SAID_JOIN || a->kind == SAID_SWITCH) && a->room == room)
            return true;
    }
    return false;
}

static int room_joined(struct world *w, const struct client *c)
{
    int start = (int)roll(w, ROOMS_MAX);
    for (int i = 0; i < ROOMS_MAX; i++)
        if (c->seats[(start + i) % ROOMS_MAX].on)
            return (start + i) % ROOMS_MAX;
    return NONE;
}

static int room_to_join(struct world *w, const struct client *c)
{
    int room = (int)roll(w, chance(w, 3) ? 2 : ROOMS_MAX);
    for (int i = 0;
         tenancy_of(w, c) != TENANT_NONE && i < ROOMS_MAX && tenancy_stranger(w, c, room) && i % 4 != 3; i++)
        room = (int)roll(w, ROOMS_MAX); // rather one of its own
    return c->seats[room].on || joining(c, room) ? NONE : room;
}

// --- how connections end

// Commands to this shard and to others with the close frame in the same segment: all are answered before it is.
void say_last_words(struct world *w, struct client *c)
{
    for (uint64_t n = c->welcomed ? roll(w, 5) : 0; c->speech == SPEAKS_JSON && n > 0; n--) {
        int room = room_joined(w, c);
        if (chance(w, 2) || room == NONE)
            say_ping(w, c);
        else
            say_message(w, c, room);
    }
    say_close(w, c, WS_CLOSE_NORMAL);
}

static void end_somehow(struct world *w, struct client *c)
{
    switch (roll(w, c->temper == TEMPER_HEALTHY ? 3 : 5)) {
    case 0:
        if (c->speech == SPEAKS_TEXT_LINE || c->speech == SPEAKS_HTTP) {
            client_fin(w, c);
        } else {
            say_last_words(w, c);
        }
        c->expects_close = true;
        c->state = CLIENT_CLOSING;
        return;
    case 1: // reads on until the server is done
        client_fin(w, c);
        c->expects_close = true;
        c->state = CLIENT_CLOSING;
        return;
    case 2: // gone, but in order
        client_fin(w, c);
        client_leave(w, c, "closes");
        return;
    case 3:
        link_reset(w, c->link);
        client_leave(w, c, "resets");
        return;
    default:
        link_vanish(w, c->link);
        client_leave(w, c, "vanishes");
        return;
    }
}

// --- JSON

// Rooms it was in, and messages that were not acked.
static bool take_up(struct world *w, struct client *c)
{
    for (int room = 0; room < ROOMS_MAX; room++)
        if (c->memory[room].was_in && !c->seats[room].on && !joining(c, room)) {
            c->memory[room].was_in = false;
            say_join(w, c, room, NONE, !chance(w, 8));
            return true;
        }
    while (c->retry_n > 0) {
        const struct message *m = truth_message(w, c->retry[c->retry_n - 1]);
        bool mine = strcmp(m->session, c->session) == 0;
        if (mine && !c->seats[m->room].on)
            return false;
        c->retry_n--;
        if (!mine || m->settled)
            continue;
        say_again(w, c, m->serial, true);
        return true;
    }
    return false;
}

static void publish(struct world *w, struct client *c)
{
    int room = chance(w, 40) ? (int)roll(w, ROOMS_MAX) : room_joined(w, c);
    if (room == NONE)
        return;
    if (w->plan.shares && chance(w, 4)) {
        say_state(w, c, room);
        return;
    }
    if (mutate_is(w, MUTATE_DOUBLE_KEY) && c->seats[room].on) {
        for (uint32_t serial = w->messages_n; serial-- > 1;) {
            const struct message *m = truth_message(w, serial);
            bool fresh = w->now_ms < m->said_ms + w->settings.idempotency_ms / 2;
            if (m->client == c->index && m->room == room && m->keyed && m->epoch == c->seats[room].epoch &&
                !m->text && fresh && mutate_now(w, c)) {
                say_again(w, c, serial, false);
                return;
            }
        }
    }
    say_message(w, c, room);
}

static void repeat_key(struct world *w, struct client *c)
{
    for (uint32_t serial = w->messages_n; serial-- > 1 && serial + 60 > w->messages_n;) {
        const struct message *m = truth_message(w, serial);
        if (m->client == c->index && m->keyed && m->settled && m->room != NONE && c->seats[m->room].on &&
            strcmp(m->session, c->session) == 0) {
            say_again(w, c, serial, true);
            return;
        }
    }
}

static void join_or_switch(struct world *w, struct client *c)
{
    int room = room_to_join(w, c), from = room_joined(w, c);
    if (room == NONE)
        return;
    say_join(w, c, room, from != NONE && chance(w, 3) ? from : NONE, false);
}

// Rather to one who has just been welcomed: others know of it as soon as it does.
static void say_direct_to_somebody(struct world *w, struct client *c)
{
    uint32_t to = (uint32_t)roll(w, w->plan.clients);
    for (uint32_t i = 0; i < w->plan.clients; i++)
        if (w->clients[i].welcomed && w->clients[i].welcomed_ms + 20 > w->now_ms)
            to = i;
    if (w->clients[to].user[0] != '\0')
        say_direct(w, c, to);
}

static void flush_unnamed(struct world *w, struct client *c)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id != 0 || a->room == NONE)
            continue;
        say_members(w, c, a->room);
        return;
    }
}

// What only some runs have, of people in that room; false: none of it this time.
static bool act_specially(struct world *w, struct client *c, int room)
{
    if (w->plan.moderated && room != NONE && chance(w, c->seats[room].host ? 3 : 30)) {
        say_decree(w, c, room);
        return true;
    }
    if (room != NONE && c->seats[room].host && invites_wanted(w)) {
        say_invite(w, c, room);
        return true;
    }
    if (creates_wanted(w)) {
        say_create(w, c);
        return true;
    }
    if (w->plan.words && room != NONE && chance(w, 4)) {
        say_change(w, c, room);
        return true;
    }
    if (w->plan.reads && room != NONE && chance(w, 8)) {
        say_read(w, c, room);
        return true;
    }
    if (c->known && chance(w, 40)) {
        say_refresh(w, c, NONE);
        return true;
    }
    if (room != NONE && w->plan.verifiers != 0 && chance(w, c->seats[room].pass != PASS_NONE ? 10 : 200)) {
        say_refresh(w, c, room);
        return true;
    }
    return false;
}

static void act_json(struct world *w, struct client *c)
{
    if (c->asks_n > ASKS_PATIENCE || (!c->welcomed && !c->implicit_hello))
        return;
    if (asks_unnamed(c) > 8) { // a reply about the room says that they were well received
        flush_unnamed(w, c);
        return;
    }
    if (take_up(w, c))
        return;
    int room = room_joined(w, c);
    if (act_specially(w, c, room))
        return;
    uint64_t n = roll(w, 100);
    if (n < 50)
        publish(w, c);
    else if (n < 65)
        join_or_switch(w, c);
    else if (n < 70 && room != NONE)
        say_leave(w, c, room);
    else if (n < 74)
        say_direct_to_somebody(w, c);
    else if (n < 78 && room != NONE)
        say_members(w, c, room);
    else if (n < 82 && room != NONE)
        say_history(w, c, room);
    else if (n < 84)
        say_rooms(w, c);
    else if (n < 87)
        say_ping(w, c);
    else if (n < 89)
        say_bad(w, c);
    else if (n < 93)
        repeat_key(w, c);
    else if (n < 95)
        end_somehow(w, c);
    else if (n < 97)
        say_rename(w, c);
    else if (room != NONE)
        say_signal(w, c, room);
}

void act_on_open(struct world *w, struct client *c)
{
    if (c->speech != SPEAKS_JSON || c->implicit_hello || c->asks_n != 0)
        return;
    if (c->resume[0] != '\0' && chance(w, 6))
        c->resume[0] = '\0';
    if (c->resume[0] != '\0' || c->known || chance(w, 2)) {
        say_hello(w, c);
        return;
    }
    c->implicit_hello = true;
    join_or_switch(w, c);
}

// --- the others

static void say_text_change(struct world *w, struct client *c)
{
    static const char *const lines[] = {"/delete", "/delete it is wrong", "/react +",
                                        "/react \xf0\x9f\x8e\x89"};
    if (chance(w, 2))
        say_line(w, c, "/edit edit-%u-%u.", (unsigned)w->step, (unsigned)roll(w, 1000));
    else
        say_line(w, c, "%s", lines[roll(w, sizeof lines / sizeof *lines)]);
}

static void act_text(struct world *w, struct client *c)
{
    if (c->text_joining != NONE) // what is typed now would go to a room we cannot tell
        return;
    char name[40];
    uint64_t n = roll(w, 100);
    bool in_room = c->terminal.room != NONE;
    if (w->plan.words && in_room && chance(w, 4)) {
        say_text_change(w, c);
        return;
    }
    if (w->plan.shares && in_room && chance(w, 10)) {
        typed_state(w, c);
        return;
    }
    if (w->plan.invites && in_room && chance(w, 16)) {
        typed_invite(w, c);
        return;
    }
    if (n < 60 && in_room) {
        say_text_message(w, c);
    } else if (n < 75) {
        int room = (int)roll(w, ROOMS_MAX);
        if (room == c->terminal.room)
            return;
        typed_join(w, c, room);
    } else if (n < 77 && in_room) {
        say_line(w, c, "/leave");
    } else if (n < 80) {
        say_name(c, (char)('a' + roll(w, 26)), name);
        say_line(w, c, "/nick %s", name);
    } else if (n < 83 && in_room) {
        say_line(w, c, "/who");
    } else if (n < 85) {
        say_line(w, c, "/rooms");
    } else if (n < 87 && in_room && chance(w, 4)) {
        c->terminal.loose = true;
        say_line(w, c, "/history %u", 1 + (uint32_t)roll(w, 20));
    } else if (n < 88) {
        say_line(w, c, "%s", "");
    } else if (n < 90) {
        c->expects_close = true;
        c->state = CLIENT_CLOSING;
        say_line(w, c, "/quit");
    } else if (n < 93) {
        end_somehow(w, c);
    } else if (n < 96 && in_room && w->plan.moderated) {
        static const char *const lines[] = {
            "/kick n%u",     "/mute n%u 3s",    "/ban n%u 2s enough", "/unban n%u", "/slow 1s", "/slow off",
            "/readonly off", "/role n%u guest", "/unmute n%u",        "/lock",      "/lock off"};
        char text[40];
        snprintf(text, sizeof text, lines[roll(w, sizeof lines / sizeof *lines)],
                 (uint32_t)roll(w, w->plan.clients));
        say_line(w, c, "%s", text);
    }
}

static void act_flood(struct world *w, struct client *c)
{
    for (int i = 0; i < 30; i++)
        if (c->speech == SPEAKS_JSON)
            say_frame(w, c, WS_TEXT,
                      i % 2 ? STR("{\"type\":\"ping\"}") : STR("{\"type\":\"join\",\"room\":\"lobby\"}"));
        else
            say_line(w, c, "/who");
}

void act(struct world *w, struct client *c)
{
    char text[32];
    if (c->temper == TEMPER_FLOODING) {
        act_flood(w, c);
        return;
    }
    switch (c->speech) {
    case SPEAKS_JSON:
        act_json(w, c);
        return;
    case SPEAKS_TEXT_WS:
    case SPEAKS_TEXT_LINE:
        act_text(w, c);
        return;
    case SPEAKS_ECHO:
        snprintf(text, sizeof text, "echo %u", ++c->echo_sent);
        say_frame(w, c, WS_TEXT, str_from_cstr(text));
        if (chance(w, 20))
            end_somehow(w, c);
        return;
    case SPEAKS_HTTP:
        say_http(w, c);
        if (chance(w, 10))
            end_somehow(w, c);
        return;
    }
}
