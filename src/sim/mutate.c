// SPDX-License-Identifier: Apache-2.0
//
// One lie between the server and a client, so that a test can see a checker find it. Without a mutation everything
// passes through.
#include "sim/world.h"

#include "wire/json.h"

const char *sim_mutation_name(enum sim_mutation m)
{
    static const char *const names[] = {
        "nothing",      "drop entry",     "swap entries",   "repeat entry",    "wrong connection",
        "corrupt data", "lose ack",       "swap replies",   "shift ack",       "echo before ack",
        "hide gap",     "lie recovered",  "drop text line", "swap text lines", "late",
        "double key",   "keep half-open", "leak",           "lose drain"};
    _Static_assert(sizeof names / sizeof *names == MUTATE_COUNT, "a name for each");
    return names[m];
}

bool mutate_is(const struct world *w, enum sim_mutation m)
{
    return w->options->mutation == m && !w->mutation.done;
}

bool mutate_now(struct world *w)
{
    if (w->mutation.occasions++ < w->options->mutation_after)
        return false;
    w->mutation.done = true;
    w->counts.mutated++;
    trace_note(w, NULL, "mutation: %s", sim_mutation_name(w->options->mutation));
    return true;
}

static bool begins(str s, const char *with) { return str_starts(s, str_from_cstr(with)); }

static bool is_entry(str s) { return begins(s, "{\"type\":\"message\",") || begins(s, "{\"type\":\"member"); }
static bool is_reply(str s)
{
    return !is_entry(s) && begins(s, "{\"type\":\"") && !begins(s, "{\"type\":\"gap\"");
}

// Keeps a message back until release() is called for the same connection.
static void hold(struct world *w, struct client *c, str message)
{
    buf_init(&w->mutation.held, &w->scratch_mem, 0);
    buf_put_str(&w->mutation.held, message);
    w->mutation.held_link = c->link;
}

static bool holding(const struct world *w, const struct client *c)
{
    return w->mutation.held_link != NULL && w->mutation.held_link == c->link;
}

static void release(struct world *w, struct client *c, void (*hear)(struct world *, struct client *, str))
{
    w->mutation.held_link = NULL;
    hear(w, c, buf_str(&w->mutation.held));
    buf_deinit(&w->mutation.held);
}

// A message with the bytes `from` replaced by `to`.
static void hear_changed(struct world *w, struct client *c, str message, str from, str to)
{
    struct buf b;
    size_t at = 0;
    while (at < message.n && !str_starts(str_skip(message, at), from))
        at++;
    buf_init(&b, &w->scratch_mem, 0);
    buf_put_str(&b, str_take(message, at));
    buf_put_str(&b, to);
    buf_put_str(&b, str_skip(message, at + from.n));
    hear_json(w, c, buf_str(&b));
    buf_deinit(&b);
}

static void hear_elsewhere(struct world *w, const struct client *c, str message)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    char scratch[ROOM_NAME_MAX];
    str name;
    if (json_object_scan(message, members, JSON_KEYS_MAX, &n, NULL) != OK ||
        json_string_decode(json_member_find(members, n, STR("room"))->value, scratch, sizeof scratch,
                           &name) != OK)
        return;
    int room = truth_room_find(w, name);
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct client *other = &w->clients[i];
        if (other != c && other->speech == SPEAKS_JSON && client_watched(other) &&
            other->state == CLIENT_OPEN && !other->seats[room].on && mutate_now(w)) {
            hear_json(w, other, message);
            return;
        }
    }
}

// The ack of a message that comes back to its sender, which is not here yet.
static bool is_echo_ack(const struct world *w, const struct client *c, str message)
{
    if (!begins(message, "{\"type\":\"ack\",") || c->asks_n == 0)
        return false;
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id == 0)
            continue;
        return a->kind == SAID_MESSAGE && w->messages[a->message].echo &&
               w->messages[a->message].attempts == 1 && c->seats[a->room].on;
    }
    return false;
}

static bool change(struct world *w, struct client *c, str m)
{
    switch (w->options->mutation) {
    case MUTATE_DROP_ENTRY:
        return is_entry(m) && mutate_now(w);
    case MUTATE_SWAP_ENTRIES:
        if (!is_entry(m) || !mutate_now(w))
            return false;
        hold(w, c, m);
        return true;
    case MUTATE_REPEAT_ENTRY:
        if (is_entry(m) && mutate_now(w))
            hear_json(w, c, m);
        return false;
    case MUTATE_WRONG_CONNECTION:
        if (is_entry(m))
            hear_elsewhere(w, c, m);
        return false;
    case MUTATE_CORRUPT_DATA:
        if (!begins(m, "{\"type\":\"message\",") || !mutate_now(w))
            return false;
        hear_changed(w, c, m, STR("x"), STR("y"));
        return true;
    case MUTATE_LOSE_ACK:
        return begins(m, "{\"type\":\"ack\",") && mutate_now(w);
    case MUTATE_SWAP_REPLIES:
        if (!is_reply(m) || c->asks_n < 2 || !mutate_now(w))
            return false;
        hold(w, c, m);
        return true;
    case MUTATE_SHIFT_ACK:
        if (!begins(m, "{\"type\":\"ack\",") || begins(m, "delivered") || !mutate_now(w))
            return false;
        hear_changed(w, c, m, STR("\"offset\":"), STR("\"offset\":1"));
        return true;
    case MUTATE_ECHO_BEFORE_ACK:
        if (!is_echo_ack(w, c, m) || !mutate_now(w))
            return false;
        hold(w, c, m);
        return true;
    case MUTATE_HIDE_GAP:
        return begins(m, "{\"type\":\"gap\",") && mutate_now(w);
    case MUTATE_LIE_RECOVERED:
        for (size_t i = 0; i < m.n && begins(m, "{\"type\":\"joined\""); i++)
            if (str_starts(str_skip(m, i), STR("\"recovered\":false")) && mutate_now(w)) {
                hear_changed(w, c, m, STR("\"recovered\":false"), STR("\"recovered\":true"));
                return true;
            }
        return false;
    case MUTATE_LATE:
        if (c->temper == TEMPER_HEALTHY && is_entry(m) && mutate_now(w))
            c->stalled_until_ms = w->now_ms + 2 * client_patience_ms(w);
        return false;
    case MUTATE_LOSE_DRAIN:
        return begins(m, "{\"type\":\"drain\"") && mutate_now(w);
    default:
        return false;
    }
}

// True where a held message is to be let go behind this one.
static bool follows(const struct world *w, str m)
{
    if (w->options->mutation == MUTATE_SWAP_REPLIES)
        return is_reply(m);
    return is_entry(m);
}

void mutate_message(struct world *w, struct client *c, str message)
{
    if (w->options->mutation == MUTATE_NOTHING || !client_watched(c)) {
        hear_json(w, c, message);
        return;
    }
    if (holding(w, c)) {
        hear_json(w, c, message);
        if (follows(w, message) && holding(w, c))
            release(w, c, hear_json);
        return;
    }
    if (w->mutation.done || !change(w, c, message))
        hear_json(w, c, message);
}

void mutate_line(struct world *w, struct client *c, str line)
{
    bool said = line.n > 0 && line.p[0] == '[' && client_watched(c) && !c->terminal.loose;
    if (holding(w, c)) {
        hear_line(w, c, line);
        if (said && holding(w, c))
            release(w, c, hear_line);
    } else if (said && mutate_is(w, MUTATE_DROP_TEXT_LINE) && mutate_now(w)) {
        return;
    } else if (said && mutate_is(w, MUTATE_SWAP_TEXT_LINES) && mutate_now(w)) {
        hold(w, c, line);
    } else {
        hear_line(w, c, line);
    }
}
