// SPDX-License-Identifier: Apache-2.0
//
// What people at terminals type about a room's state and its invitations, and what they are shown of it; what others are shown, line by
// line in its place, is text_seats.c. A terminal's answers do not say what they answer, so errors are told apart by their words.
//
// Written from docs/protocol/text.md.
#include "sim/typed.h"

#include "wire/json.h"

#include <stdio.h>
#include <string.h>

static bool says(str line, const char *words) { return memmem(line.p, line.n, words, strlen(words)) != NULL; }

// --- the state

void typed_state(struct world *w, struct client *c)
{
    static const char *const lines[] = {"/state",
                                        "/state s%u",
                                        "/topic",
                                        "/state s%u -",
                                        "/state s%u %u",
                                        "/state \"s%u\"  {\"x\": %u}",
                                        "/state s%u as was said %u times",
                                        "/state s%u \"-\"",
                                        "/state s%u [%u,",
                                        "/topic -"};
    char text[64];
    if (chance(w, 4))
        snprintf(text, sizeof text, "/topic it is \"%u\"", (unsigned)roll(w, 100));
    else
        snprintf(text, sizeof text, lines[roll(w, sizeof lines / sizeof *lines)],
                 (unsigned)roll(w, SHARED_KEYS - 1), (unsigned)roll(w, 100));
    say_line(w, c, "%s", text);
    w->counts.typed_state++;
}

// " set KEY: VALUE", where a text is one; " unset KEY".
uint64_t typed_shown(struct world *w, str key, str value)
{
    struct buf line;
    char text[256];
    buf_init(&line, &w->scratch_mem, 0);
    buf_put_str(&line, value.n != 0 ? STR(" set ") : STR(" unset "));
    const str parts[] = {key, value};
    for (int i = 0; i < 2; i++) {
        str part = parts[i];
        if (part.n != 0 && part.p[0] == '"') {
            enum err e = json_string_decode(part, text, sizeof text, &part);
            ASSERT(e == OK);
        }
        if (i == 1 && value.n != 0)
            BUF_PUT_LIT(&line, ": ");
        buf_put_str(&line, part);
    }
    const uint64_t hash = truth_hash(buf_str(&line));
    buf_deinit(&line);
    return hash;
}

// "state of ROOM, version 3"
void typed_state_heard(struct world *w, struct client *c, str rest)
{
    static const str version = STR(", version ");
    uint64_t number = 0;
    size_t at = rest.n;
    while (at > 0 && !str_starts(str_skip(rest, at), version))
        at--;
    const int room = truth_room_find(w, str_take(rest, at));
    if (room == NONE || !str_to_u64(str_skip(rest, at + version.n), UINT64_MAX, &number))
        trace_fail(w, c, "STATE: a terminal is shown the state of no room: %.*s", STR_ARG(rest));
    w->counts.text_states++;
    shared_shown(w, c, room, number);
}

// --- invitations

void typed_invite(struct world *w, struct client *c)
{
    static const char *const lines[] = {
        "/invite",        "/invite 2",        "/invite 2 5s", "/invite 20s member",
        "/invite host 1", "/invite guest 1m", "/invites",     "/invites"};
    const uint32_t known = w->invites.n;
    w->counts.typed_invites++;
    if (known != 0 && chance(w, 6)) {
        say_line(w, c, "/uninvite %s", w->invites.v[roll(w, known)].id);
        return;
    }
    if (c->invited_ms == 0)
        c->invited_ms = w->wall_ms;
    say_line(w, c, "%s", lines[roll(w, sizeof lines / sizeof *lines)]);
}

// "..., for 20 seconds:"
enum { SPAN_SHORTEST_MS = 5000 }; // that is asked for; whole seconds are told

static uint64_t span_ms(str rest)
{
    static const struct {
        const char *noun;
        uint64_t ms;
    } units[] = {{" second", 1000}, {" minute", 60000}, {" hour", 3600000}, {" day", 86400000}};
    static const str before = STR(", for ");
    uint64_t n = 0;
    size_t at = rest.n;
    while (at > 0 && !str_starts(str_skip(rest, at), before))
        at--;
    str span = str_skip(rest, at + before.n), unit;
    const str number = str_split(span, ' ', &unit);
    if (!str_to_u64(number, UINT32_MAX, &n))
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (says(span, units[i].noun))
            return n * units[i].ms;
    return 0;
}

// The first of the two lines of an answer. It began no earlier than when it was typed, and may be over when it is told, where that
// has waited or the clock was set.
static void invite_begins(struct world *w, struct client *c, str rest)
{
    c->invite_ends_ms = c->invited_ms + span_ms(rest);
    if (c->invite_ends_ms == c->invited_ms && w->wall_ms < c->invited_ms + SPAN_SHORTEST_MS - 1000)
        trace_fail(w, c, "INVITE: an invitation without an end: %.*s", STR_ARG(rest));
    c->invited_ms = 0;
}

// "ROOM inv_..."
static void invite_told(struct world *w, struct client *c, str rest)
{
    size_t at = rest.n;
    while (at > 0 && rest.p[at - 1] != ' ')
        at--;
    const str token = str_skip(rest, at);
    struct invite_known i = {.room = at == 0 ? NONE : truth_room_find(w, str_take(rest, at - 1)),
                             .expires_ms = c->invite_ends_ms};
    if (i.room == NONE || !str_starts(token, STR("inv_")) || token.n + 1 != sizeof i.token)
        trace_fail(w, c, "INVITE: a terminal is shown no token of an invitation: %.*s", STR_ARG(rest));
    memcpy(i.token, token.p, token.n);
    memcpy(i.id, token.p + 4, INVITATION_ID_LEN);
    invites_know(w, &i);
    w->counts.text_invites++;
}

bool typed_invite_heard(struct world *w, struct client *c, str rest)
{
    if (str_starts(rest, STR("whoever types this comes in,")))
        invite_begins(w, c, rest);
    else if (str_starts(rest, STR("  /join ")))
        invite_told(w, c, str_skip(rest, 8));
    else
        return str_starts(rest, STR("invitations to "));
    return true;
}

// The room, and now and then what lets into it.
void typed_join(struct world *w, struct client *c, int room)
{
    char token[sizeof w->invites.v[0].token];
    c->text_joining = room;
    c->brought = (struct asked){.kind = SAID_JOIN, .room = room};
    if (w->plan.invites && invites_draw(w, &c->brought, token))
        say_line(w, c, "/join %s %s", w->room_names[room], token);
    else
        say_line(w, c, "/join %s", w->room_names[room]);
}

// --- errors

bool typed_in_room(str error)
{
    static const char *const words[] = {"It takes a role above", "it takes the right",
                                        "It is too late to change"};
    bool in_room = says(error, "needs the right `") && !says(error, "needs the right `join`");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        in_room = in_room || says(error, words[i]);
    return in_room;
}

bool typed_explains(const struct world *w, str error)
{
    static const char *const of_states[] = {"limit_reached: ", "too_large: ", "forbidden: "};
    static const char *const of_invitations[] = {"As many invitations to the room",
                                                 "There is no invitation of that id", "right `invite`",
                                                 "You may invite to the room"};
    const bool state = says(error, "state may have") || says(error, "right `state`");
    for (size_t i = 0; w->plan.shares && state && i < sizeof of_states / sizeof *of_states; i++)
        if (str_starts(error, str_from_cstr(of_states[i])))
            return true;
    for (size_t i = 0; w->plan.invites && i < sizeof of_invitations / sizeof *of_invitations; i++)
        if (says(error, of_invitations[i]))
            return true;
    return false;
}
