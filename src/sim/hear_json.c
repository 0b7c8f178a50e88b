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

enum {
    OFFSET_CEILING = 1 << 21, // no run comes near
    ROWS_MAX = 1000,
};

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

// Said by somebody, byte for byte.
static uint32_t check_data(struct world *w, struct client *c, const struct heard *h)
{
    str data = raw_of(h, "data");
    uint32_t serial = truth_serial(data);
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
    str user = string_of(w, c, &from, "user", scratch, sizeof scratch);
    if (m->attempts == 1 && m->user[0] != '\0' && !str_eq(user, str_from_cstr(m->user)))
        trace_fail(w, c, "ISOLATION: m%ux is said to be from user %.*s", m->serial, STR_ARG(user));
    str name = string_of(w, c, &from, "name", scratch, sizeof scratch);
    if (m->attempts == 1 && m->name_hash != 0 && truth_hash(name) != m->name_hash)
        trace_fail(w, c, "PRESENCE: m%ux is said to be from %.*s", m->serial, STR_ARG(name));
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
        char scratch[USER_NAME_MAX], before[USER_NAME_MAX];
        scan(w, c, raw_of(h, "member"), &member);
        str name = string_of(w, c, &member, "name", scratch, sizeof scratch);
        f.name_hash = truth_hash(name);
        if (raw_of(h, "previous_name").p != NULL)
            f.name_hash = truth_renamed(string_of(w, c, h, "previous_name", before, sizeof before), name);
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

// --- lists

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

// What is said about `since`; the lowest offset the first row may have is returned, 0 = any, UINT64_MAX = no row at all.
static uint64_t history_since(struct world *w, struct client *c, const struct heard *h, const struct asked *a,
                              int room, int epoch)
{
    bool recovered = true_of(h, "recovered");
    struct numbering *n = truth_numbering(w, room, epoch);
    if ((raw_of(h, "recovered").p != NULL) != a->has_since)
        trace_fail(w, c, "RESUME: `recovered` of the history of %s is %s", w->room_names[room],
                   a->has_since ? "not there" : "there without `since`");
    if (!a->has_since)
        return 0;
    if (recovered && a->since_epoch != epoch)
        trace_fail(w, c, "RESUME: history of %s recovered, but its epoch is another one",
                   w->room_names[room]);
    // Tails only rise: what the log holds now, it held when the home answered.
    if (!recovered && a->since_epoch == epoch && a->since < c->seats[room].next && a->since + 1 >= n->tail)
        trace_fail(w, c, "RESUME: history of %s not recovered, though the log holds all from offset %llu on",
                   w->room_names[room], (unsigned long long)a->since + 1);
    return recovered ? a->since + 1 : UINT64_MAX;
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
    char epoch_text[EPOCH_MAX];
    int epoch = truth_epoch(w, room, string_of(w, c, h, "epoch", epoch_text, sizeof epoch_text));
    if (c->seats[room].on && epoch != c->seats[room].epoch)
        trace_fail(w, c, "ORDER: history of %s is of another epoch than the room one is in",
                   w->room_names[room]);
    uint64_t first = history_since(w, c, h, &a, room, epoch);
    while (next_object(&list, &row)) {
        struct heard e;
        char scratch[32];
        scan(w, c, row, &e);
        uint8_t kind = kind_of_entry(string_of(w, c, &e, "type", scratch, sizeof scratch));
        uint64_t offset = offset_of(w, c, &e, "offset");
        if (room_of(w, c, &e) != room)
            trace_fail(w, c, "ISOLATION: history of %s has a row of another room", w->room_names[room]);
        if (before == 0 && first != 0 && offset != first)
            trace_fail(w, c, "RESUME: history of %s begins at offset %llu", w->room_names[room],
                       (unsigned long long)offset);
        if (before != 0 && offset != before + 1)
            trace_fail(w, c, "ORDER: history of %s goes from offset %llu to %llu", w->room_names[room],
                       (unsigned long long)before, (unsigned long long)offset);
        before = offset;
        struct fact f = fact_of(w, c, &e, kind);
        truth_observe(w, c, room, epoch, offset, &f);
    }
}

// The rows of `members`; ret has room for all. True if the client itself is among them, connected.
static bool member_rows(struct world *w, struct client *c, const struct heard *h, struct member_row *ret,
                        uint32_t *ret_n)
{
    str list = raw_of(h, "members"), row;
    bool self = false;
    *ret_n = 0;
    while (next_object(&list, &row)) {
        struct heard m;
        char scratch[USER_ID_MAX + USER_NAME_MAX];
        scan(w, c, row, &m);
        if (*ret_n == ROWS_MAX)
            trace_fail(w, c, "BOUNDS: more members than there are people");
        str user = string_of(w, c, &m, "user", scratch, USER_ID_MAX);
        bool connected = true_of(&m, "connected");
        if (connected != (number_of(w, c, &m, "sessions") != 0))
            trace_fail(w, c, "PRESENCE: a member without a session is connected, or the other way round");
        self = self || (connected && str_eq(user, str_from_cstr(c->user)));
        str name = string_of(w, c, &m, "name", scratch + USER_ID_MAX, USER_NAME_MAX);
        ret[(*ret_n)++] = (struct member_row){truth_hash(user), truth_hash(name), connected};
    }
    return self;
}

static void hear_members(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_MEMBERS);
    int room = room_of(w, c, h);
    struct member_row rows[ROWS_MAX];
    uint32_t n;
    bool more = raw_of(h, "next").p != NULL;
    if (room != a.room)
        trace_fail(w, c, "ORDER: members of another room than was asked for");
    bool self = member_rows(w, c, h, rows, &n);
    if (!c->seats[room].on)
        return;
    if (!self && !more)
        trace_fail(w, c, "PRESENCE: a member of %s is not among its connected members", w->room_names[room]);
    if (c->seats[room].epoch == a.head_epoch)
        ledger_check_members(w, c, room, a.head_epoch, a.head, truth_numbering(w, room, a.head_epoch)->head,
                             rows, n, more);
}

// Who and how many are in the room, as of the offset of the reply.
static void check_joined_members(struct world *w, struct client *c, const struct heard *h, int room,
                                 int epoch)
{
    struct member_row rows[ROWS_MAX];
    uint32_t n;
    uint64_t offset = offset_of(w, c, h, "offset");
    ledger_check_count(w, c, room, epoch, offset, number_of(w, c, h, "members_count"));
    if (raw_of(h, "members").p == NULL)
        return;
    member_rows(w, c, h, rows, &n);
    ledger_check_members(w, c, room, epoch, offset, offset, rows, n, false);
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
    char user[sizeof c->user], session[sizeof c->session], name[sizeof c->name];
    bool resumed = false;
    if (c->welcomed)
        trace_fail(w, c, "PROTOCOL: welcome twice");
    if (!c->implicit_hello)
        resumed = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_HELLO).resume;
    c->welcomed = true;
    c->welcomed_ms = w->now_ms;
    c->resumed = resumed;
    copy_string(w, c, h, "user", user, sizeof user);
    copy_string(w, c, h, "session", session, sizeof session);
    // A token of this process is good by the monotonic clock; what is not good any more makes a new guest.
    bool good = w->now_ms < c->resume_ms + w->settings.resume_ms;
    if (resumed && (good || strcmp(user, c->user) == 0)) {
        if (strcmp(user, c->user) != 0 || strcmp(session, c->session) != 0)
            trace_fail(w, c, "RESUME: session %s of user %s came back as %s of %s", c->session, c->user,
                       session, user);
        w->counts.resumed++;
    }
    memcpy(c->user, user, sizeof user);
    memcpy(c->session, session, sizeof session);
    copy_string(w, c, h, "name", name, sizeof name);
    if (resumed && good && strcmp(name, c->name) != 0)
        trace_fail(w, c, "RESUME: %s came back as %s", c->name, name);
    memcpy(c->name, name, sizeof name);
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = c->opened_ms;
}

static void hear_renamed(struct world *w, struct client *c, const struct heard *h)
{
    char want[sizeof c->name];
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_RENAME);
    say_name(c, a.letter, want);
    copy_string(w, c, h, "name", c->name, sizeof c->name);
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = a.at_ms;
    if (strcmp(c->name, want) != 0)
        trace_fail(w, c, "PRESENCE: wanted to be %s and is %s", want, c->name);
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
        seat_check_left(w, c, from);
        seat_left(w, c, from);
    }
    int epoch = truth_epoch(w, room, string_of(w, c, h, "epoch", scratch, sizeof scratch));
    seat_joined(w, c, &a, room, epoch, offset_of(w, c, h, "offset"), raw_of(h, "recovered").p != NULL,
                true_of(h, "recovered"));
    c->memory[room].was_in = false;
    check_joined_members(w, c, h, room, epoch);
}

static void hear_left(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_LEAVE);
    int room = room_of(w, c, h);
    if (room != a.room)
        trace_fail(w, c, "ORDER: left %s, asked to leave %s", w->room_names[room], w->room_names[a.room]);
    seat_check_left(w, c, room);
    seat_left(w, c, room);
}

static void hear_ack(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[EPOCH_MAX];
    struct asked a = asks_answered(w, c, raw_of(h, "id"), 1u << SAID_MESSAGE | 1u << SAID_DIRECT);
    w->counts.acked++;
    if (a.kind == SAID_DIRECT) {
        direct_acked(w, c, truth_message(w, a.message), number_of(w, c, h, "delivered"));
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
    direct_came(w, c, m);
}

// --- errors

// What a well-formed command of a well-behaved client may meet.
static bool error_expected(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    const struct settings *s = &w->settings;
    if (a->kind == SAID_BAD || w->draining)
        return true;
    bool joins = a->kind == SAID_JOIN || a->kind == SAID_SWITCH;
    bool rooms = s->rooms_connection.per_s != 0 || s->rooms_user.per_s != 0 || s->rooms_address.per_s != 0;
    if (str_eq(code, STR("rate_limited")))
        return s->commands_per_s != 0 || (joins && rooms);
    if (str_eq(code, STR("unavailable")))
        return w->plan.refuse_one_in != 0;
    switch (a->kind) {
    case SAID_HELLO:
        return str_eq(code, STR("token_expired")) && w->now_ms + 2000 > c->resume_ms + s->resume_ms;
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
    else if (str_eq(type, STR("renamed")))
        hear_renamed(w, c, &h);
    else if (str_eq(type, STR("drain")) && w->draining)
        c->drain_seen = true;
    else
        trace_fail(w, c, "PROTOCOL: a message of unknown type: %.*s", STR_ARG(str_take(message, 200)));
}
