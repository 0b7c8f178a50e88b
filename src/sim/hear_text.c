// SPDX-License-Identifier: Apache-2.0
//
// What the server shows on a terminal, line by line (docs/protocol/text.md). Names in the simulator are "n<number>",
// so what somebody wrote can be told from the server's own words.
#include "sim/rates.h"
#include "sim/typed.h"
#include "sim/world.h"

#include <stdio.h>

static bool ends_with(str s, str end) { return s.n >= end.n && str_eq(str_skip(s, s.n - end.n), end); }

static uint64_t leading_number(str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && i < 10; i++)
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    return v;
}

// "12 messages missed", "3 notices missed", "12 messages and 3 notices missed"; 0 = something else.
static uint64_t missed(str s)
{
    if (!ends_with(s, STR("slowly)")))
        return 0;
    uint64_t n = leading_number(s);
    for (size_t i = 0; i < s.n && n != 0; i++)
        if (str_starts(str_skip(s, i), STR(" and ")))
            return n + leading_number(str_skip(s, i + 5));
    return n;
}

// "m<digits>x" behind the author's name.
static uint32_t serial_behind_name(str line)
{
    for (size_t i = 0; i + 2 < line.n; i++)
        if (line.p[i] == 'm' && line.p[i + 1] >= '0' && line.p[i + 1] <= '9')
            return (uint32_t)leading_number(str_skip(line, i + 1));
    return 0;
}

// Words that a message was given by an edit (say_change): "edit-12-345."
static bool hear_edited(struct world *w, struct client *c, str said)
{
    char quoted[48];
    if (!w->plan.words || !str_starts(said, STR("edit-")) || said.n + 3 > sizeof quoted)
        return false;
    int n = snprintf(quoted, sizeof quoted, "\"%.*s\"", STR_ARG(said));
    text_seat_anew(w, c, str_make(quoted, (size_t)n), false);
    return true;
}

static void hear_said(struct world *w, struct client *c, str line)
{
    size_t colon = 11;
    while (colon + 1 < line.n && !(line.p[colon] == ':' && line.p[colon + 1] == ' '))
        colon++;
    if (hear_edited(w, c, str_skip(line, colon + 2)))
        return;
    uint32_t serial = serial_behind_name(str_skip(line, colon + 2));
    if (truth_message(w, serial) == NULL)
        trace_fail(w, c, "ISOLATION: a line that nobody said: %.*s", STR_ARG(str_take(line, 200)));
    text_seat_entry(w, c, FACT_MESSAGE, serial, 0);
}

// "* n5 joined" and its like; false where the line is something else.
static bool hear_member(struct world *w, struct client *c, str rest)
{
    static const struct {
        str end;
        uint8_t kind;
    } ends[] = {{STR(" joined"), FACT_JOINED},
                {STR(" left"), FACT_LEFT},
                {STR(" is away"), FACT_CHANGED},
                {STR(" is back"), FACT_CHANGED}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(rest, ends[i].end)) {
            text_seat_entry(w, c, ends[i].kind, 0, truth_hash(str_take(rest, rest.n - ends[i].end.n)));
            return true;
        }
    for (size_t i = 0; i + 8 < rest.n; i++)
        if (str_starts(str_skip(rest, i), STR(" is now "))) {
            text_seat_entry(w, c, FACT_CHANGED, 0, truth_renamed(str_take(rest, i), str_skip(rest, i + 8)));
            return true;
        }
    return false;
}

// "* n5 was kicked by n7", "* n7 made the room read-only" and their like.
static bool hear_decree(struct world *w, struct client *c, str rest)
{
    static const str parts[] = {
        STR(" was made "),
        STR(" was removed"),
        STR(" was banned"),
        STR(" may come in again"),
        STR(" was muted"),
        STR(" may speak again"),
        STR(" set the slow mode"),
        STR(" ended the slow mode"),
        STR(" made the room read-only"),
        STR(" lets everybody speak again"),
        STR(" closed the room"),
        STR(" locked the room"),
        STR(" opened the room again"),
        STR(" made the invitation "),
        STR(" took back the invitation "),
        STR(" was let in by the invitation "),
        STR(" made this room"),
    };
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (size_t i = 0; i + parts[k].n <= rest.n; i++)
            if (str_starts(str_skip(rest, i), parts[k])) {
                text_seat_entry(w, c, FACT_DECREE, 0, 0);
                return true;
            }
    return false;
}

static bool is_shared_key(str s)
{
    return str_starts(s, STR("topic")) || (s.n >= 2 && s.p[0] == 's' && s.p[1] >= '0' && s.p[1] <= '9');
}

// "* n5 set s1: 7", "* n5 unset topic"
static bool hear_shared(struct world *w, struct client *c, str rest)
{
    for (size_t i = 0; i < rest.n; i++) {
        const str at = str_skip(rest, i);
        const size_t n = str_starts(at, STR(" set ")) ? 5 : str_starts(at, STR(" unset ")) ? 7 : 0;
        if (n == 0 || !is_shared_key(str_skip(at, n)))
            continue;
        text_seat_entry(w, c, FACT_STATE, 0, truth_hash(at));
        return true;
    }
    return false;
}

// "* n5 changed a message to: edit-12-345." and its like.
static bool hear_change(struct world *w, struct client *c, str rest)
{
    static const str parts[] = {STR(" changed a message to: "), STR(" took back a message"),
                                STR(" reacted with "), STR(" took back the reaction ")};
    if (!w->plan.words)
        return false;
    const bool deleted = ends_with(rest, STR(" took back what was said here"));
    if (deleted || ends_with(rest, STR(" changed what was said here"))) {
        text_seat_anew(w, c, STR_NONE, !deleted);
        return true;
    }
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (size_t i = 0; i + parts[k].n <= rest.n; i++)
            if (str_starts(str_skip(rest, i), parts[k])) {
                text_seat_change(w, c, rest);
                return true;
            }
    return false;
}

static void hear_joined(struct world *w, struct client *c, str rest)
{
    size_t comma = rest.n;
    while (comma > 0 && rest.p[comma - 1] != ',')
        comma--;
    int room = truth_room_find(w, str_take(rest, comma == 0 ? rest.n : comma - 1));
    if (room == NONE || (room != c->text_joining && room != c->text_refused))
        trace_fail(w, c, "ORDER: joined a room that was not asked for: %.*s", STR_ARG(rest));
    *(room == c->text_joining ? &c->text_joining : &c->text_refused) = NONE;
    w->counts.text_brought += c->brought.room == room && c->brought.invite[0] != '\0';
    text_seat_joined(w, c, room);
}

// It is the room that it is on the way into that is closed, and not the one that it has said something in.
static bool join_closed(const struct world *w, const struct client *c, str rest)
{
    char named[ROOM_NAME_MAX + 3];
    if (c->text_joining == NONE || !str_starts(rest, STR("room_closed")))
        return false;
    int n = snprintf(named, sizeof named, "`%s`", w->room_names[c->text_joining]);
    return memmem(rest.p, rest.n, named, (size_t)n) != NULL;
}

static bool says(str rest, str words) { return memmem(rest.p, rest.n, words.p, words.n) != NULL; }

// To come in, that is; of what guests may not, only where it is that.
static bool refused_to_come(const struct world *w, const struct client *c, str rest, bool as_guest)
{
    if (!str_starts(rest, STR("forbidden")))
        return false;
    if (as_guest)
        return says(rest, STR("right `join`")) || says(rest, STR("right `create`"));
    return world_room(w, c->text_joining)->room_access != ACCESS_OPEN ||
           tenancy_stranger(w, c, c->text_joining);
}

static void hear_error(struct world *w, struct client *c, str rest)
{
    w->counts.errors++;
    w->counts.rate_limited += str_starts(rest, STR("rate_limited"));
    bool rate =
        str_starts(rest, STR("rate_limited")) && (w->settings.commands_per_s != 0 || rates_are(&w->settings));
    bool memory =
        str_starts(rest, STR("unavailable")) && (w->plan.refuse_one_in != 0 || w->plan.engine_loss != 0);
    const bool typed = typed_explains(w, rest);
    const bool guest = w->plan.guests != 0 && str_starts(rest, STR("forbidden")) &&
                       says(rest, STR("guests here do not have"));
    str sentence;
    bool join = c->text_joining != NONE && !typed && !typed_in_room(rest) &&
                (str_starts(rest, STR("limit_reached")) || refused_to_come(w, c, rest, guest) ||
                 str_starts(rest, STR("room_full")) || str_starts(rest, STR("already_member")) ||
                 invites_explain(w, &c->brought, str_split(rest, ':', &sentence)));
    bool decreed =
        w->plan.moderated && (str_starts(rest, STR("forbidden")) || str_starts(rest, STR("muted")) ||
                              str_starts(rest, STR("rate_limited")) || str_starts(rest, STR("bad_command")) ||
                              str_starts(rest, STR("banned")));
    decreed = decreed || (w->counts.closes_asked != 0 && str_starts(rest, STR("room_closed")));
    if (join_closed(w, c, rest)) // of several lines in the same words it is not told which one is the answer
        c->text_refused = c->text_joining;
    const bool locked = str_starts(rest, STR("forbidden")) && memmem(rest.p, rest.n, "is locked", 9) != NULL;
    if (str_starts(rest, STR("banned")) || locked || join_closed(w, c, rest))
        c->text_joining = NONE;
    bool nowhere = str_starts(rest, STR("not_member"));
    // It has said nothing there, or what it said is not kept; or somebody else's is to be reached.
    bool about = w->plan.words && (str_starts(rest, STR("not_found")) || str_starts(rest, STR("conflict")) ||
                                   str_starts(rest, STR("forbidden")));
    if (!rate && !memory && !join && !nowhere && !decreed && !about && !typed && !guest && !w->draining)
        trace_fail(w, c, "PROTOCOL: a well-formed line was answered with error %.*s", STR_ARG(rest));
    if (join)
        c->text_joining = NONE;
}

void hear_line(struct world *w, struct client *c, str line)
{
    trace_bytes(w, c, '<', line);
    if (!client_watched(c))
        return;
    if (line.n > 0 && line.p[0] == '[') {
        hear_said(w, c, line);
        return;
    }
    if (!str_starts(line, STR("* ")))
        trace_fail(w, c, "PROTOCOL: a line that begins like nothing we know: %.*s",
                   STR_ARG(str_take(line, 200)));
    str rest = str_skip(line, 2);
    if (str_starts(rest, STR("joined ")))
        hear_joined(w, c, str_skip(rest, 7));
    else if (str_starts(rest, STR("left ")))
        text_seat_left(w, c);
    else if (str_starts(rest, STR("error ")))
        hear_error(w, c, str_skip(rest, 6));
    else if (str_starts(rest, STR("welcome to ")))
        c->welcomed = true;
    else if (str_starts(rest, STR("server restarts")))
        c->drain_seen = true;
    else if (str_starts(rest, STR("state of ")))
        typed_state_heard(w, c, str_skip(rest, 9));
    else if (str_starts(rest, STR("direct from ")))
        w->counts.directs++;
    else if (ends_with(rest, STR("missed (no longer kept)")))
        text_seat_cut(w, c, FACT_GAP, leading_number(rest));
    else if (ends_with(rest, STR("left out (newer ones follow)")))
        text_seat_left_out(w, c, leading_number(rest));
    else if (str_starts(rest, STR("this room goes on anew")))
        text_seat_cut(w, c, FACT_EPOCH, 0);
    else if (missed(rest) != 0)
        text_seat_missed(w, c, missed(rest));
    else if (rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9' && ends_with(rest, STR(" here")))
        text_seat_entry(w, c, FACT_COUNT, 0, 0);
    else if (!str_starts(rest, STR("in ")) && !str_starts(rest, STR("you are now ")) &&
             !str_starts(rest, STR("delivered")) && !typed_invite_heard(w, c, rest) &&
             !hear_shared(w, c, rest) && !hear_change(w, c, rest) && !hear_decree(w, c, rest))
        (void)hear_member(w, c, rest);
}
