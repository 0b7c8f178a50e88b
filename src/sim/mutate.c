// SPDX-License-Identifier: Apache-2.0
//
// One lie between the server and a client, so that a test can see a checker find it. Without a mutation everything
// passes through.
//
// A lie is told where it can be known, and only a lie that could be known counts: whose connection ends before it is
// told what gives the lie away (the next entry behind a lost one, say) was not lied to in any way that matters, as it
// would get the same after coming back. Then the lie was moot, and is told once more, to the next who comes along.
#include "sim/world.h"

#include "wire/json.h"
#include <stdio.h>

const char *sim_mutation_name(enum sim_mutation m)
{
    static const char *const names[] = {
        "nothing",      "drop entry",     "swap entries",   "repeat entry",    "wrong connection",
        "corrupt data", "lose ack",       "swap replies",   "shift ack",       "echo before ack",
        "hide gap",     "lie recovered",  "drop text line", "swap text lines", "late",
        "double key",   "keep half-open", "leak",           "lose drain",      "wrong sender",
        "drop direct",  "repeat direct",  "stray direct",   "deny direct",     "lose member",
        "extra member", "rename member",  "away member",    "wrong count",     "always due",
        "lose audit",   "change audit"};
    _Static_assert(sizeof names / sizeof *names == MUTATE_COUNT, "a name for each");
    return names[m];
}

bool mutate_is(const struct world *w, enum sim_mutation m)
{
    return w->options->mutation == m && !w->mutation.done;
}

bool mutate_now(struct world *w, struct client *victim)
{
    if (w->mutation.occasions++ < w->options->mutation_after)
        return false;
    w->mutation.done = true;
    w->mutation.victim = victim;
    w->mutation.link = victim != NULL ? victim->link->serial : 0;
    w->mutation.told_ms = w->now_ms;
    w->mutation.followed = false;
    w->mutation.subject = STR_NONE;
    w->mutation.serial = 0;
    w->counts.mutated++;
    trace_note(w, victim, "mutation: %s", sim_mutation_name(w->options->mutation));
    return true;
}

// What is lost without anything coming behind it is missed in time, by a healthy connection, or else at rest.
static bool found_by_time(enum sim_mutation m)
{
    return m == MUTATE_LATE || m == MUTATE_DROP_DIRECT || m == MUTATE_LOSE_ACK;
}

void mutate_left(struct world *w, const struct client *c)
{
    if (!w->mutation.done || w->mutation.victim != c)
        return;
    bool over = found_by_time(w->options->mutation) && c->temper == TEMPER_HEALTHY &&
                w->now_ms > w->mutation.told_ms + client_patience_ms(w) + 1000;
    if (w->mutation.holding)
        buf_deinit(&w->mutation.held);
    w->mutation.holding = false;
    if (!over && !w->mutation.followed) {
        w->mutation.done = false;
        w->counts.moot++;
    }
    w->mutation.victim = NULL;
}

// --- telling messages apart

static bool begins(str s, const char *with) { return str_starts(s, str_from_cstr(with)); }

static bool is_entry(str s) { return begins(s, "{\"type\":\"message\",") || begins(s, "{\"type\":\"member"); }

static str member_of(str message, const char *key)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    if (json_object_scan(message, members, JSON_KEYS_MAX, &n, NULL) != OK)
        return STR_NONE;
    const struct json_member *m = json_member_find(members, n, str_from_cstr(key));
    return m == NULL ? STR_NONE : m->value;
}

// An entry or a gap: what goes on where a lost entry would have been.
static bool is_of_room(str message, str room)
{
    bool one = (is_entry(message) && !begins(message, "{\"type\":\"members\"")) ||
               begins(message, "{\"type\":\"gap\"");
    return one && str_eq(member_of(message, "room"), room);
}

// With the `id` of its command, behind `type`.
static bool is_reply(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',')
            return begins(str_skip(s, i), ",\"id\":");
    return false;
}

static bool is_own(struct world *w, const struct client *c, str message)
{
    const struct message *m = truth_message(w, truth_serial(member_of(message, "data")));
    return m != NULL && m->client == c->index;
}

// An entry of others, in a room that the client knows itself to be in.
static bool is_live(struct world *w, const struct client *c, str message)
{
    return is_entry(message) && !begins(message, "{\"type\":\"members\"") && !is_own(w, c, message);
}

// --- changing messages

static void subject_is_room(struct world *w, str message)
{
    str room = member_of(message, "room");
    ASSERT(room.p != NULL && room.n <= sizeof w->mutation.subject_bytes);
    memcpy(w->mutation.subject_bytes, room.p, room.n);
    w->mutation.subject = str_make(w->mutation.subject_bytes, room.n);
}

// Keeps a message back until what it is to come behind.
static void hold(struct world *w, str message)
{
    buf_init(&w->mutation.held, &w->scratch_mem, 0);
    buf_put_str(&w->mutation.held, message);
    w->mutation.holding = true;
}

static void release(struct world *w, struct client *c, void (*hear)(struct world *, struct client *, str))
{
    struct buf held = w->mutation.held;
    w->mutation.holding = false;
    hear(w, c, buf_str(&held));
    buf_deinit(&held);
}

static size_t find(str message, str what)
{
    size_t at = 0;
    while (at < message.n && !str_starts(str_skip(message, at), what))
        at++;
    return at;
}

// Appends the message with the first `from` behind `behind` replaced; as it is where there is none.
static void put_changed(struct buf *b, str message, str behind, str from, str to)
{
    size_t start = find(message, behind), at = start + find(str_skip(message, start), from);
    buf_put_str(b, str_take(message, at));
    if (at == message.n)
        return;
    buf_put_str(b, to);
    buf_put_str(b, str_skip(message, at + from.n));
}

static void hear_changed(struct world *w, struct client *c, str message, str behind, str from, str to)
{
    struct buf b;
    buf_init(&b, &w->scratch_mem, 0);
    put_changed(&b, message, behind, from, to);
    hear_json(w, c, buf_str(&b));
    buf_deinit(&b);
}

static void hear_corrupted(struct world *w, struct client *c, str message)
{
    char from[16], to[16];
    uint32_t serial = truth_serial(member_of(message, "data"));
    snprintf(from, sizeof from, "m%ux", serial);
    snprintf(to, sizeof to, "m%uy", serial);
    hear_changed(w, c, message, STR("\"data\":"), str_from_cstr(from), str_from_cstr(to));
}

// --- entries

// To somebody who is not in the room.
static void hear_elsewhere(struct world *w, const struct client *c, str message)
{
    char scratch[ROOM_NAME_MAX];
    str name;
    if (json_string_decode(member_of(message, "room"), scratch, sizeof scratch, &name) != OK)
        return;
    int room = truth_room_find(w, name);
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct client *other = &w->clients[i];
        if (other != c && other->speech == SPEAKS_JSON && client_watched(other) &&
            other->state == CLIENT_OPEN && !other->seats[room].on && mutate_now(w, other)) {
            hear_json(w, other, message);
            return;
        }
    }
}

static bool change_entry(struct world *w, struct client *c, str m)
{
    switch (w->options->mutation) {
    case MUTATE_DROP_ENTRY:
        if (!is_live(w, c, m) || !mutate_now(w, c))
            return false;
        subject_is_room(w, m);
        return true;
    case MUTATE_SWAP_ENTRIES:
        if (!is_live(w, c, m) || !mutate_now(w, c))
            return false;
        subject_is_room(w, m);
        hold(w, m);
        return true;
    case MUTATE_REPEAT_ENTRY:
        if (is_live(w, c, m) && mutate_now(w, c))
            hear_json(w, c, m);
        return false;
    case MUTATE_WRONG_CONNECTION:
        if (is_live(w, c, m))
            hear_elsewhere(w, c, m);
        return false;
    case MUTATE_CORRUPT_DATA:
        if (!begins(m, "{\"type\":\"message\",") || !mutate_now(w, c))
            return false;
        hear_corrupted(w, c, m);
        return true;
    case MUTATE_WRONG_SENDER:
        if (!begins(m, "{\"type\":\"message\",") || !mutate_now(w, c))
            return false;
        hear_changed(w, c, m, STR("\"from\":"), STR("\"user\":\"guest-"), STR("\"user\":\"guest+"));
        return true;
    case MUTATE_HIDE_GAP:
        if (!begins(m, "{\"type\":\"gap\",") || !mutate_now(w, c))
            return false;
        subject_is_room(w, m);
        return true;
    case MUTATE_LATE:
        if (c->temper != TEMPER_HEALTHY || !is_live(w, c, m) || !mutate_now(w, c))
            return false;
        c->stalled_until_ms = w->now_ms + 2 * client_patience_ms(w);
        hold(w, m);
        return true;
    default:
        return false;
    }
}

// --- replies

// The ack of a message that comes back to its sender, which is not here yet.
static uint32_t echo_acked(const struct world *w, const struct client *c, str message)
{
    if (!begins(message, "{\"type\":\"ack\",") || c->asks_n == 0)
        return 0;
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id == 0)
            continue;
        bool echo = a->kind == SAID_MESSAGE && w->messages[a->message].echo &&
                    w->messages[a->message].attempts == 1 && c->seats[a->room].on;
        return echo ? a->message : 0;
    }
    return 0;
}

static bool change_reply(struct world *w, struct client *c, str m)
{
    bool ack = begins(m, "{\"type\":\"ack\",");
    switch (w->options->mutation) {
    case MUTATE_LOSE_ACK:
        if (!ack || member_of(m, "room").p == NULL || !mutate_now(w, c))
            return false;
        subject_is_room(w, m);
        return true;
    case MUTATE_SWAP_REPLIES:
        if (!is_reply(m) || c->asks_n < 2 || member_of(m, "room").p == NULL || !mutate_now(w, c))
            return false;
        subject_is_room(w, m);
        hold(w, m);
        return true;
    case MUTATE_SHIFT_ACK:
        if (!ack || member_of(m, "offset").p == NULL || !mutate_now(w, c))
            return false;
        hear_changed(w, c, m, STR("\"room\":"), STR("\"offset\":"), STR("\"offset\":1"));
        return true;
    case MUTATE_ECHO_BEFORE_ACK: {
        uint32_t serial = echo_acked(w, c, m);
        if (serial == 0 || !mutate_now(w, c))
            return false;
        w->mutation.serial = serial;
        hold(w, m);
        return true;
    }
    case MUTATE_LIE_RECOVERED:
        if (!begins(m, "{\"type\":\"joined\"") || !str_eq(member_of(m, "recovered"), STR("false")) ||
            !mutate_now(w, c))
            return false;
        hear_changed(w, c, m, STR_NONE, STR("\"recovered\":false"), STR("\"recovered\":true"));
        return true;
    case MUTATE_LOSE_DRAIN:
        return begins(m, "{\"type\":\"drain\"") && mutate_now(w, c);
    default:
        return false;
    }
}

// --- directs

static bool hear_by_another(struct world *w, const struct client *c, str message)
{
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct client *other = &w->clients[i];
        if (other != c && other->speech == SPEAKS_JSON && client_watched(other) &&
            other->state == CLIENT_OPEN && mutate_now(w, other)) {
            hear_json(w, other, message);
            return true;
        }
    }
    return false;
}

static bool change_direct(struct world *w, struct client *c, str text)
{
    const struct message *m = truth_message(w, truth_serial(member_of(text, "data")));
    struct asked a;
    if (begins(text, "{\"type\":\"direct\",") && m != NULL) {
        switch (w->options->mutation) {
        case MUTATE_DROP_DIRECT:
            return direct_sure(w, c, m) && m->settled && m->reached != 0 && mutate_now(w, c);
        case MUTATE_REPEAT_DIRECT:
            if (mutate_now(w, c))
                hear_json(w, c, text);
            return false;
        case MUTATE_STRAY_DIRECT:
            hear_by_another(w, c, text);
            return false;
        default:
            return false;
        }
    }
    if (w->options->mutation != MUTATE_DENY_DIRECT || !str_eq(member_of(text, "delivered"), STR("1")) ||
        !asks_find(c, asks_id(member_of(text, "id")), &a))
        return false;
    m = truth_message(w, a.message);
    if (m->deliveries == 0 && !direct_sure(w, &w->clients[m->to], m))
        return false;
    if (!mutate_now(w, m->deliveries == 0 ? &w->clients[m->to] : c))
        return false;
    hear_changed(w, c, text, STR_NONE, STR("\"delivered\":1"), STR("\"delivered\":0"));
    return true;
}

// --- lists of members

static bool has_members(str m)
{
    bool list = begins(m, "{\"type\":\"members\",") || begins(m, "{\"type\":\"joined\",");
    return list && member_of(m, "members").n > 2;
}

static void hear_without_first(struct world *w, struct client *c, str m)
{
    size_t from = find(m, STR("\"members\":[")) + 11, to = from + find(str_skip(m, from), STR("}")) + 1;
    struct buf b;
    buf_init(&b, &w->scratch_mem, 0);
    buf_put_str(&b, str_take(m, from));
    buf_put_str(&b, str_skip(m, m.p[to] == ',' ? to + 1 : to));
    hear_json(w, c, buf_str(&b));
    buf_deinit(&b);
}

static void hear_one_away(struct world *w, struct client *c, str m)
{
    struct buf b;
    buf_init(&b, &w->scratch_mem, 0);
    put_changed(&b, m, STR("\"members\":["), STR("\"connected\":true"), STR("\"connected\":false"));
    hear_changed(w, c, buf_str(&b), STR("\"connected\":false"), STR("\"sessions\":1"), STR("\"sessions\":0"));
    buf_deinit(&b);
}

static bool change_members(struct world *w, struct client *c, str m)
{
    static const char nobody[] =
        "\"members\":[{\"user\":\"guest-nobody\",\"name\":\"nobody\",\"role\":\"guest\",\"connected\":true,"
        "\"joined_at\":1,\"last_active\":1,\"sessions\":1},";
    str list = STR("\"members\":[");
    if (w->settings.presence_exact_max <= 2 * CLIENTS_MAX || w->plan.presence_ruled)
        return false; // who is in such a room is not told entry by entry
    if (w->options->mutation == MUTATE_WRONG_COUNT) {
        if (!begins(m, "{\"type\":\"joined\",") || !mutate_now(w, c))
            return false;
        hear_changed(w, c, m, STR_NONE, STR("\"members_count\":"), STR("\"members_count\":1"));
        return true;
    }
    bool one = find(m, STR("\"connected\":true")) < m.n && find(m, STR("\"sessions\":1")) < m.n;
    if (!has_members(m) || (w->options->mutation == MUTATE_AWAY_MEMBER && !one) || !mutate_now(w, c))
        return false;
    if (w->options->mutation == MUTATE_LOSE_MEMBER)
        hear_without_first(w, c, m);
    else if (w->options->mutation == MUTATE_EXTRA_MEMBER)
        hear_changed(w, c, m, STR_NONE, list, str_from_cstr(nobody));
    else if (w->options->mutation == MUTATE_RENAME_MEMBER)
        hear_changed(w, c, m, list, STR("\"name\":\""), STR("\"name\":\"z"));
    else
        hear_one_away(w, c, m);
    return true;
}

// --- between the reader and the checkers

static bool change(struct world *w, struct client *c, str m)
{
    switch (w->options->mutation) {
    case MUTATE_DROP_DIRECT:
    case MUTATE_REPEAT_DIRECT:
    case MUTATE_STRAY_DIRECT:
    case MUTATE_DENY_DIRECT:
        return change_direct(w, c, m);
    case MUTATE_LOSE_MEMBER:
    case MUTATE_EXTRA_MEMBER:
    case MUTATE_RENAME_MEMBER:
    case MUTATE_AWAY_MEMBER:
    case MUTATE_WRONG_COUNT:
        return change_members(w, c, m);
    default:
        return change_reply(w, c, m) || change_entry(w, c, m);
    }
}

static bool told_to(const struct world *w, const struct client *c)
{
    return w->mutation.done && c != NULL && w->mutation.victim == c && c->link != NULL &&
           c->link->serial == w->mutation.link;
}

// True where this message gives the lie away: nothing more is needed to know.
static bool gives_away(const struct world *w, str message)
{
    switch (w->options->mutation) {
    case MUTATE_SWAP_REPLIES:
    case MUTATE_LOSE_ACK:
        return is_reply(message) && str_eq(member_of(message, "room"), w->mutation.subject);
    case MUTATE_ECHO_BEFORE_ACK:
        return is_entry(message) && truth_serial(member_of(message, "data")) == w->mutation.serial;
    case MUTATE_LATE:
        return false;
    default:
        return w->mutation.subject.n != 0 && is_of_room(message, w->mutation.subject);
    }
}

void mutate_message(struct world *w, struct client *c, str message)
{
    if (w->options->mutation == MUTATE_NOTHING || !client_watched(c)) {
        hear_json(w, c, message);
        return;
    }
    if (w->mutation.victim != NULL && w->mutation.victim->state == CLIENT_CLOSING)
        mutate_left(w, w->mutation.victim); // it waits for nothing but the end
    if (!told_to(w, c)) {
        if (w->mutation.done || !change(w, c, message))
            hear_json(w, c, message);
        return;
    }
    if (w->mutation.holding && w->options->mutation == MUTATE_LATE)
        release(w, c, hear_json);
    w->mutation.followed = w->mutation.followed || gives_away(w, message);
    hear_json(w, c, message);
    if (w->mutation.followed && w->mutation.holding)
        release(w, c, hear_json);
}

// A line of the room is missed by whoever has seen one before it and sees one behind it.
void mutate_line(struct world *w, struct client *c, str line)
{
    bool said =
        line.n > 0 && line.p[0] == '[' && client_watched(c) && !c->terminal.loose && c->terminal.lines > 0;
    if (told_to(w, c)) {
        w->mutation.followed = w->mutation.followed || said;
        hear_line(w, c, line);
        if (said && w->mutation.holding)
            release(w, c, hear_line);
        if (c->terminal.room == NONE || (uint32_t)c->terminal.room != w->mutation.serial)
            mutate_left(w, c); // it left the room; where its last line was is not told
    } else if (said && mutate_is(w, MUTATE_DROP_TEXT_LINE) && mutate_now(w, c)) {
        w->mutation.serial = (uint32_t)c->terminal.room;
    } else if (said && mutate_is(w, MUTATE_SWAP_TEXT_LINES) && mutate_now(w, c)) {
        w->mutation.serial = (uint32_t)c->terminal.room;
        hold(w, line);
    } else {
        hear_line(w, c, line);
    }
}
