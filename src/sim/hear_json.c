// SPDX-License-Identifier: Apache-2.0
//
// What the server says in native JSON, taken apart and handed to the checkers. Written from docs/protocol/native.md,
// not from the server's encoder.
#include "sim/world.h"

#include "wire/json.h"
#include <stdio.h>

struct heard {
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    str text;
};

enum { OFFSET_CEILING = 1 << 21 }; // no run comes near

static str raw_of(const struct heard *h, const char *key)
{
    const struct json_member *m = json_member_find(h->members, h->n, str_from_cstr(key));
    return m == NULL ? STR_NONE : m->value;
}

static str string_of(struct world *w, struct client *c, const struct heard *h, const char *key, char *scratch,
                     size_t cap)
{
    str raw = raw_of(h, key), s;
    if (raw.p == NULL || json_string_decode(raw, scratch, cap, &s) != OK)
        trace_fail(w, c, "PROTOCOL: no string `%s` in %.*s", key, STR_ARG(str_take(h->text, 200)));
    return s;
}

static uint64_t number_of(struct world *w, struct client *c, const struct heard *h, const char *key)
{
    uint64_t v;
    str raw = raw_of(h, key);
    if (raw.p == NULL || !json_u64_decode(raw, (1ull << 53) - 1, &v))
        trace_fail(w, c, "PROTOCOL: no number `%s` in %.*s", key, STR_ARG(str_take(h->text, 200)));
    return v;
}

static uint64_t offset_of(struct world *w, struct client *c, const struct heard *h, const char *key)
{
    uint64_t v = number_of(w, c, h, key);
    if (v > OFFSET_CEILING)
        trace_fail(w, c, "PROTOCOL: offset %llu", (unsigned long long)v);
    return v;
}

static bool true_of(const struct heard *h, const char *key) { return str_eq(raw_of(h, key), STR("true")); }

static int room_of(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[ROOM_NAME_MAX];
    str name = string_of(w, c, h, "room", scratch, sizeof scratch);
    int room = truth_room_find(w, name);
    if (room == NONE)
        trace_fail(w, c, "ISOLATION: a message of a room that nobody named: %.*s", STR_ARG(name));
    return room;
}

static void scan(struct world *w, struct client *c, str text, struct heard *ret)
{
    struct json_problem why;
    ret->text = text;
    if (json_object_scan(text, ret->members, JSON_KEYS_MAX, &ret->n, &why) != OK)
        trace_fail(w, c, "PROTOCOL: the server sent broken JSON: %s: %.*s", why.message,
                   STR_ARG(str_take(text, 200)));
}

// The serial in "m<digits>x"; 0 where there is none.
static uint32_t serial_in(str data)
{
    for (size_t i = 0; i + 2 < data.n; i++) {
        if (data.p[i] != 'm')
            continue;
        uint32_t v = 0;
        size_t k = i + 1;
        while (k < data.n && data.p[k] >= '0' && data.p[k] <= '9' && v < 100000000)
            v = v * 10 + (uint32_t)(data.p[k++] - '0');
        if (k > i + 1 && k < data.n && data.p[k] == 'x')
            return v;
    }
    return 0;
}

// Said by somebody, byte for byte.
static uint32_t check_data(struct world *w, struct client *c, const struct heard *h)
{
    str data = raw_of(h, "data");
    uint32_t serial = serial_in(data);
    const struct message *m = truth_message(w, serial);
    if (m == NULL)
        trace_fail(w, c, "ISOLATION: data that nobody said: %.*s", STR_ARG(str_take(data, 100)));
    struct buf want;
    buf_init(&want, &w->scratch_mem, 0);
    truth_data(m, &want);
    str wanted = str_trim(buf_str(&want)); // white space around a value is not part of it
    if (!str_eq(data, wanted))
        trace_fail(w, c, "ORDER: m%ux came out as %.*s", serial, STR_ARG(str_take(data, 200)));
    buf_deinit(&want);
    return serial;
}

static void check_from(struct world *w, struct client *c, const struct heard *h, const struct message *m)
{
    struct heard from;
    char scratch[USER_ID_MAX];
    scan(w, c, raw_of(h, "from"), &from);
    str session = string_of(w, c, &from, "session", scratch, sizeof scratch);
    if (m->attempts == 1 && m->session[0] != '\0' && !str_eq(session, str_from_cstr(m->session)))
        trace_fail(w, c, "ISOLATION: m%ux is said to be from session %.*s", m->serial, STR_ARG(session));
}

// --- entries

static uint8_t kind_of_entry(str type)
{
    if (str_eq(type, STR("message")))
        return FACT_MESSAGE;
    if (str_eq(type, STR("member:joined")))
        return FACT_JOINED;
    if (str_eq(type, STR("member:left")))
        return FACT_LEFT;
    if (str_eq(type, STR("member:changed")))
        return FACT_CHANGED;
    return str_eq(type, STR("members:count")) ? FACT_COUNT : FACT_UNKNOWN;
}

static struct fact fact_of(struct world *w, struct client *c, const struct heard *h, uint8_t kind)
{
    struct fact f = {.hash = truth_hash(h->text), .kind = kind};
    if (kind == FACT_MESSAGE) {
        f.message = check_data(w, c, h);
        check_from(w, c, h, truth_message(w, f.message));
    } else if (kind != FACT_COUNT) {
        struct heard member;
        char scratch[USER_NAME_MAX];
        scan(w, c, raw_of(h, "member"), &member);
        f.name_hash = truth_hash(string_of(w, c, &member, "name", scratch, sizeof scratch));
    }
    return f;
}

static void hear_entry(struct world *w, struct client *c, const struct heard *h, uint8_t kind)
{
    int room = room_of(w, c, h);
    uint64_t offset = offset_of(w, c, h, "offset");
    struct fact f = fact_of(w, c, h, kind);
    const struct message *m = truth_message(w, f.message);
    if (m != NULL && m->client == c->index && m->has_id && m->echo)
        for (uint32_t i = 0; i < c->asks_n; i++) {
            const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
            if (a->message == m->serial && a->id != 0 && m->attempts == 1)
                trace_fail(w, c, "ORDER: m%ux came back to its sender before its ack", m->serial);
        }
    seat_entry(w, c, room, offset, &f);
}

static void hear_gap(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[16];
    int room = room_of(w, c, h);
    seat_gap(w, c, room, offset_of(w, c, h, "from"), offset_of(w, c, h, "to"),
             string_of(w, c, h, "reason", scratch, sizeof scratch));
}

// --- replies

static void copy_string(struct world *w, struct client *c, const struct heard *h, const char *key, char *ret,
                        size_t cap)
{
    char scratch[RESUME_TOKEN_MAX + 1];
    str s = string_of(w, c, h, key, scratch, cap - 1);
    memcpy(ret, s.p, s.n);
    ret[s.n] = '\0';
}

static void hear_welcome(struct world *w, struct client *c, const struct heard *h)
{
    char user[sizeof c->user], session[sizeof c->session];
    bool resumed = false;
    if (c->welcomed)
        trace_fail(w, c, "PROTOCOL: welcome twice");
    if (!c->implicit_hello)
        resumed = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_HELLO).resume;
    c->welcomed = true;
    copy_string(w, c, h, "user", user, sizeof user);
    copy_string(w, c, h, "session", session, sizeof session);
    // A token is good by the wall clock of the shard; what is not good any more makes a new guest.
    bool good = !w->wall_jumped && w->now_ms < c->resume_ms + w->settings.resume_ms;
    if (resumed && (good || strcmp(user, c->user) == 0)) {
        if (strcmp(user, c->user) != 0 || strcmp(session, c->session) != 0)
            trace_fail(w, c, "RESUME: session %s of user %s came back as %s of %s", c->session, c->user,
                       session, user);
        w->counts.resumed++;
    }
    memcpy(c->user, user, sizeof user);
    memcpy(c->session, session, sizeof session);
    copy_string(w, c, h, "name", c->name, sizeof c->name);
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = c->opened_ms;
}

static void hear_joined(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[ROOM_NAME_MAX];
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_JOIN | 1u << SAID_SWITCH);
    int room = room_of(w, c, h);
    if (room != a.room)
        trace_fail(w, c, "ORDER: joined %s, asked for %s", w->room_names[room], w->room_names[a.room]);
    bool has_left = raw_of(h, "left").p != NULL;
    if (has_left != (a.kind == SAID_SWITCH))
        trace_fail(w, c, "PROTOCOL: `left` is %s in the reply to a %s", has_left ? "there" : "not there",
                   a.kind == SAID_SWITCH ? "switch" : "join");
    if (has_left) {
        int from = truth_room_find(w, string_of(w, c, h, "left", scratch, sizeof scratch));
        if (from != a.from)
            trace_fail(w, c, "ORDER: switched from another room than was asked for");
        seat_left(w, c, from);
    }
    int epoch = truth_epoch(w, room, string_of(w, c, h, "epoch", scratch, sizeof scratch));
    seat_joined(w, c, &a, room, epoch, offset_of(w, c, h, "offset"), raw_of(h, "recovered").p != NULL,
                true_of(h, "recovered"));
    c->memory[room].was_in = false;
}

static void hear_left(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_LEAVE);
    int room = room_of(w, c, h);
    if (room != a.room)
        trace_fail(w, c, "ORDER: left %s, asked to leave %s", w->room_names[room], w->room_names[a.room]);
    seat_left(w, c, room);
}

static void hear_direct_ack(struct world *w, struct client *c, const struct heard *h, const struct asked *a)
{
    struct message *m = truth_message(w, a->message);
    m->reached = (uint32_t)number_of(w, c, h, "delivered");
    m->settled = true;
    if (m->deliveries > m->reached && !m->keyed)
        trace_fail(w, c, "ONCE: m%ux came %u times and reached %u sessions", m->serial, m->deliveries,
                   m->reached);
}

static void hear_ack(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[EPOCH_MAX];
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_MESSAGE | 1u << SAID_DIRECT);
    w->counts.acked++;
    if (a.kind == SAID_DIRECT) {
        hear_direct_ack(w, c, h, &a);
        return;
    }
    struct message *m = truth_message(w, a.message);
    int room = room_of(w, c, h);
    if (room != m->room)
        trace_fail(w, c, "ORDER: m%ux is acked in another room", m->serial);
    int epoch = truth_epoch(w, room, string_of(w, c, h, "epoch", scratch, sizeof scratch));
    uint64_t offset = offset_of(w, c, h, "offset");
    bool duplicate = true_of(h, "duplicate");
    w->counts.duplicates += duplicate;
    if (duplicate && (!m->keyed || m->attempts == 1))
        trace_fail(w, c, "ONCE: m%ux was said once and is called a duplicate", m->serial);
    if (duplicate && m->epoch == epoch && m->offset != offset && m->attempts == 2)
        trace_fail(w, c, "ONCE: m%ux has offset %llu, and its duplicate was acked with %llu", m->serial,
                   (unsigned long long)m->offset, (unsigned long long)offset);
    truth_appended(w, c, m, epoch, offset);
    m->settled = true;
}

static void hear_direct(struct world *w, struct client *c, const struct heard *h)
{
    struct message *m = truth_message(w, check_data(w, c, h));
    check_from(w, c, h, m);
    if (m->room != NONE || m->to != c->index)
        trace_fail(w, c, "ISOLATION: m%ux is for somebody else", m->serial);
    if (m->attempts == m->denied)
        trace_fail(w, c, "ISOLATION: m%ux was refused, and came", m->serial);
    m->deliveries++;
    w->counts.directs++;
    if (m->deliveries > 1 && (!m->keyed || w->now_ms < m->said_ms + w->settings.idempotency_ms))
        trace_fail(w, c, "ONCE: m%ux came %u times", m->serial, m->deliveries);
}

// The objects of an array, one after the other.
static bool next_object(str *list, str *ret)
{
    size_t i = 0, depth = 0, from = 0;
    for (bool quoted = false; i < list->n; i++) {
        char ch = list->p[i];
        if (quoted) {
            if (ch == '\\')
                i++;
            else if (ch == '"')
                quoted = false;
        } else if (ch == '"') {
            quoted = true;
        } else if (ch == '{') {
            if (depth++ == 0)
                from = i;
        } else if (ch == '}' && --depth == 0) {
            *ret = str_make(list->p + from, i + 1 - from);
            *list = str_skip(*list, i + 1);
            return true;
        }
    }
    return false;
}

// Rows are facts like live entries, one after the other.
static void hear_history(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_HISTORY);
    int room = room_of(w, c, h);
    uint64_t before = 0;
    str list = raw_of(h, "history"), row;
    if (room != a.room)
        trace_fail(w, c, "ORDER: history of another room than was asked for");
    while (next_object(&list, &row)) {
        struct heard e;
        char scratch[32];
        scan(w, c, row, &e);
        uint8_t kind = kind_of_entry(string_of(w, c, &e, "type", scratch, sizeof scratch));
        uint64_t offset = offset_of(w, c, &e, "offset");
        if (room_of(w, c, &e) != room)
            trace_fail(w, c, "ISOLATION: history of %s has a row of another room", w->room_names[room]);
        if (before != 0 && offset != before + 1)
            trace_fail(w, c, "ORDER: history of %s goes from offset %llu to %llu", w->room_names[room],
                       (unsigned long long)before, (unsigned long long)offset);
        before = offset;
        struct fact f = fact_of(w, c, &e, kind);
        if (c->seats[room].on)
            truth_observe(w, c, room, c->seats[room].epoch, offset, &f);
    }
}

static void hear_members(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_MEMBERS);
    int room = room_of(w, c, h);
    str list = raw_of(h, "members"), row;
    bool self = false;
    if (room != a.room)
        trace_fail(w, c, "ORDER: members of another room than was asked for");
    while (next_object(&list, &row)) {
        struct heard m;
        char scratch[USER_ID_MAX];
        scan(w, c, row, &m);
        if (str_eq(string_of(w, c, &m, "user", scratch, sizeof scratch), str_from_cstr(c->user)))
            self = true_of(&m, "connected");
    }
    if (c->seats[room].on && !self && raw_of(h, "next").p == NULL)
        trace_fail(w, c, "PRESENCE: a member of %s is not among its connected members", w->room_names[room]);
}

// --- errors

// What a well-formed command of a well-behaved client may meet.
static bool error_expected(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    const struct settings *s = &w->settings;
    if (a->kind == SAID_BAD || w->draining)
        return true;
    if (str_eq(code, STR("rate_limited")))
        return s->commands_per_s != 0;
    if (str_eq(code, STR("unavailable")))
        return w->plan.refuse_one_in != 0;
    switch (a->kind) {
    case SAID_HELLO:
        return str_eq(code, STR("token_expired")) &&
               (w->wall_jumped || w->now_ms + 2000 > c->resume_ms + s->resume_ms);
    case SAID_JOIN:
    case SAID_SWITCH:
        return str_eq(code, STR("limit_reached")) || str_eq(code, STR("room_full")) ||
               str_eq(code, STR("already_member")) || str_eq(code, STR("not_member"));
    case SAID_MESSAGE:
    case SAID_LEAVE:
    case SAID_MEMBERS:
    case SAID_HISTORY:
        return str_eq(code, STR("not_member")) && !c->seats[a->room].on;
    default:
        return false;
    }
}

static void hear_error(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[64];
    str id = raw_of(h, "id"), code = string_of(w, c, h, "code", scratch, sizeof scratch);
    w->counts.errors++;
    w->counts.rate_limited += str_eq(code, STR("rate_limited"));
    if (id.p == NULL && asks_unnamed_first(c) > 1)
        return; // one of several without id; which one is not told
    struct asked a = asks_answered(w, c, id, UINT32_MAX);
    if (!error_expected(w, c, &a, code))
        trace_fail(w, c, "PROTOCOL: command %u (kind %d) was answered with %.*s", a.id, (int)a.kind,
                   STR_ARG(code));
    struct message *m = truth_message(w, a.message);
    if (m != NULL && id.p != NULL) {
        m->denied++;
        if (m->room != NONE && m->attempts == m->denied && m->epoch != NONE)
            trace_fail(w, c, "ISOLATION: m%ux was refused, but it is an entry already", m->serial);
    }
    if (a.kind == SAID_HELLO) {
        c->resume[0] = '\0';
        say_hello(w, c);
    }
}

void hear_json(struct world *w, struct client *c, str message)
{
    struct heard h;
    char scratch[32];
    trace_bytes(w, c, '<', message);
    if (!client_watched(c)) {
        w->counts.rate_limited += str_starts(message, STR("{\"type\":\"error\",\"code\":\"rate_limited\""));
        return;
    }
    scan(w, c, message, &h);
    str type = string_of(w, c, &h, "type", scratch, sizeof scratch);
    uint8_t kind = kind_of_entry(type);
    if (kind != FACT_UNKNOWN)
        hear_entry(w, c, &h, kind);
    else if (str_eq(type, STR("ack")))
        hear_ack(w, c, &h);
    else if (str_eq(type, STR("joined")))
        hear_joined(w, c, &h);
    else if (str_eq(type, STR("left")))
        hear_left(w, c, &h);
    else if (str_eq(type, STR("gap")))
        hear_gap(w, c, &h);
    else if (str_eq(type, STR("welcome")))
        hear_welcome(w, c, &h);
    else if (str_eq(type, STR("error")))
        hear_error(w, c, &h);
    else if (str_eq(type, STR("direct")))
        hear_direct(w, c, &h);
    else if (str_eq(type, STR("history")))
        hear_history(w, c, &h);
    else if (str_eq(type, STR("members")))
        hear_members(w, c, &h);
    else if (str_eq(type, STR("rooms")))
        (void)asks_answered(w, c, raw_of(&h, "id"), 1u << SAID_ROOMS);
    else if (str_eq(type, STR("pong")))
        (void)asks_answered(w, c, raw_of(&h, "id"), 1u << SAID_PING);
    else if (str_eq(type, STR("drain")) && w->draining)
        c->drain_seen = true;
    else
        trace_fail(w, c, "PROTOCOL: a message of unknown type: %.*s", STR_ARG(str_take(message, 200)));
}
