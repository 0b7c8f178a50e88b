// SPDX-License-Identifier: Apache-2.0
//
// Entries and members, one by one: live, in the rows of a history and in lists of members. What is said of an entry is
// the same wherever it comes, so it is taken apart and checked in one place.
#include "sim/heard.h"

enum { ROWS_MAX = 1000 };

// Said by somebody, byte for byte.
uint32_t hear_data(struct world *w, struct client *c, const struct heard *h)
{
    str data = heard_raw(h, "data");
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

void hear_from(struct world *w, struct client *c, const struct heard *h, const struct message *m)
{
    struct heard from;
    char scratch[USER_ID_MAX];
    heard_scan(w, c, heard_raw(h, "from"), &from);
    str session = heard_string(w, c, &from, "session", scratch, sizeof scratch);
    if (m->attempts == 1 && m->session[0] != '\0' && !str_eq(session, str_from_cstr(m->session)))
        trace_fail(w, c, "ISOLATION: m%ux is said to be from session %.*s", m->serial, STR_ARG(session));
    str user = heard_string(w, c, &from, "user", scratch, sizeof scratch);
    if (m->attempts == 1 && m->user[0] != '\0' && !str_eq(user, str_from_cstr(m->user)))
        trace_fail(w, c, "ISOLATION: m%ux is said to be from user %.*s", m->serial, STR_ARG(user));
    uint32_t info = hands_check_info(w, c, user, heard_raw(&from, "info"));
    if (m->attempts == 1 && info != 0 && info < m->info && strcmp(m->session, "api") != 0)
        trace_fail(w, c, "IDENTITY: m%ux shows %u of its sender, who has shown %u before", m->serial, info,
                   m->info);
    str name = heard_string(w, c, &from, "name", scratch, sizeof scratch);
    if (m->attempts == 1 && m->name_hash != 0 && truth_hash(name) != m->name_hash)
        trace_fail(w, c, "PRESENCE: m%ux is said to be from %.*s", m->serial, STR_ARG(name));
}

// --- entries

uint8_t hear_kind(str type)
{
    if (str_eq(type, STR("message")))
        return FACT_MESSAGE;
    if (str_eq(type, STR("void")))
        return FACT_VOID;
#define X(upper, lower, event)    \
    if (str_eq(type, STR(event))) \
        return FACT_DECREE;
    DECREES(X)
    WORDS(X)
    X(ADMIT, admit, "member:admitted")
    X(CREATE, create, "room:created")
#undef X
    if (str_eq(type, STR("state:updated")))
        return FACT_STATE;
    if (str_eq(type, STR("member:joined")))
        return FACT_JOINED;
    if (str_eq(type, STR("member:left")))
        return FACT_LEFT;
    if (str_eq(type, STR("member:changed")))
        return FACT_CHANGED;
    if (str_eq(type, STR("members:count")))
        return FACT_COUNT;
    if (str_eq(type, STR("read")))
        return FACT_READ;
    return str_eq(type, STR("signal")) ? FACT_SIGNAL : FACT_UNKNOWN;
}

// Of a room:changed: which setting, and what it is now.
static uint64_t setting_of(struct world *w, struct client *c, const struct heard *h, str *what)
{
    static const char *const keys[] = {"slow_s", "readonly", "locked"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (heard_raw(h, keys[i]).p == NULL)
            continue;
        if (found != NULL)
            trace_fail(w, c, "PROTOCOL: room:changed tells of `%s` and of `%s`", found, keys[i]);
        found = keys[i];
    }
    if (found == NULL)
        trace_fail(w, c, "PROTOCOL: room:changed does not tell what is different");
    *what = str_from_cstr(found);
    return found == keys[0] ? heard_number(w, c, h, found) : heard_true(h, found);
}

static uint64_t decree_of(struct world *w, struct client *c, const struct heard *h)
{
    struct heard from;
    char type[32], user[USER_ID_MAX], target[USER_ID_MAX], role[16];
    str by = STR_NONE, whom = STR_NONE;
    uint64_t number = 0;
    if (heard_raw(h, "from").p != NULL) {
        heard_scan(w, c, heard_raw(h, "from"), &from);
        by = heard_string(w, c, &from, "user", user, sizeof user);
    }
    if (heard_raw(h, "user").p != NULL)
        whom = heard_string(w, c, h, "user", target, sizeof target);
    if (heard_raw(h, "role").p != NULL)
        number = role_find(heard_string(w, c, h, "role", role, sizeof role));
    else if (heard_raw(h, "until").p != NULL)
        number = heard_number(w, c, h, "until");
    str what = heard_string(w, c, h, "type", type, sizeof type);
    if (str_eq(what, STR("room:changed")))
        number = setting_of(w, c, h, &what);
    return decrees_hash(what, by, whom, number);
}

static struct fact fact_of(struct world *w, struct client *c, const struct heard *h, uint8_t kind)
{
    struct fact f = {.hash = heard_hash(h), .kind = kind};
    if (kind == FACT_MESSAGE && (heard_raw(h, "version").p != NULL || heard_raw(h, "data").p == NULL)) {
        f.hash = 0; // other words than were said: hear_changed
    } else if (kind == FACT_MESSAGE || kind == FACT_SIGNAL) {
        f.message = hear_data(w, c, h);
        hear_from(w, c, h, truth_message(w, f.message));
    } else if (kind == FACT_DECREE && heard_raw(h, "target").p != NULL) {
        f.name_hash = hear_change(w, c, h);
        f.hash = 0; // counts are of when it is told
    } else if (kind == FACT_DECREE) {
        f.name_hash = decree_of(w, c, h);
    } else if (kind == FACT_READ) {
        struct heard from;
        char user[USER_ID_MAX];
        heard_scan(w, c, heard_raw(h, "from"), &from);
        f.name_hash =
            reads_hash(heard_string(w, c, &from, "user", user, sizeof user), heard_offset(w, c, h, "offset"));
    } else if (kind != FACT_COUNT && kind != FACT_VOID && kind != FACT_STATE) {
        struct heard member;
        char scratch[USER_NAME_MAX], before[USER_NAME_MAX];
        heard_scan(w, c, heard_raw(h, "member"), &member);
        hands_check_info(w, c, heard_string(w, c, &member, "user", scratch, sizeof scratch),
                         heard_raw(&member, "info"));
        str name = heard_string(w, c, &member, "name", scratch, sizeof scratch);
        f.name_hash = truth_hash(name);
        if (heard_raw(h, "previous_name").p != NULL)
            f.name_hash = truth_renamed(heard_string(w, c, h, "previous_name", before, sizeof before), name);
    }
    return f;
}

void hear_entry(struct world *w, struct client *c, const struct heard *h, uint8_t kind)
{
    int room = heard_room(w, c, h);
    if (kind == FACT_STATE && shared_goes_on(c, room, heard_offset(w, c, h, "offset"))) {
        shared_told(w, c, h, room, heard_offset(w, c, h, "offset"));
        return;
    }
    shared_check_whole(w, c, room);
    struct fact f = fact_of(w, c, h, kind);
    if (kind != FACT_MESSAGE && kind != FACT_VOID && kind != FACT_DECREE && kind != FACT_STATE) {
        f.after = heard_offset(w, c, h, "after");
        seat_passing(w, c, room, &f);
        return;
    }
    uint64_t offset = heard_offset(w, c, h, "offset");
    const struct seat *s = &c->seats[room];
    if (s->on)
        hear_changed(w, c, h, room, s->epoch, offset, offset <= s->head ? s->head : 0, &f);
    const struct message *m = truth_message(w, f.message);
    if (m != NULL && m->client == c->index && m->has_id && m->echo)
        for (uint32_t i = 0; i < c->asks_n; i++) {
            const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
            if (a->message == m->serial && a->id != 0 && m->attempts == 1)
                trace_fail(w, c, "ORDER: m%ux came back to its sender before its ack", m->serial);
        }
    seat_entry(w, c, room, offset, &f);
    if (kind == FACT_STATE)
        shared_told(w, c, h, room, offset);
}

// --- lists

// What is said about `since`; the lowest offset the first row may have is returned, 0 = any, UINT64_MAX = no row at all.
static uint64_t history_since(struct world *w, struct client *c, const struct heard *h, const struct asked *a,
                              int room, int epoch)
{
    bool recovered = heard_true(h, "recovered");
    struct numbering *n = truth_numbering(w, room, epoch);
    if ((heard_raw(h, "recovered").p != NULL) != a->has_since)
        trace_fail(w, c, "RESUME: `recovered` of the history of %s is %s", w->room_names[room],
                   a->has_since ? "not there" : "there without `since`");
    if (!a->has_since)
        return 0;
    bool same = truth_same_records(w, room, a->since_epoch, epoch);
    if (recovered && !same)
        trace_fail(w, c, "RESUME: history of %s recovered, but its epoch is another one",
                   w->room_names[room]);
    // Tails only rise: what the log holds now, it held when the home answered.
    if (!recovered && same && a->since < c->seats[room].next && a->since + 1 >= n->tail)
        trace_fail(w, c, "RESUME: history of %s not recovered, though the log holds all from offset %llu on",
                   w->room_names[room], (unsigned long long)a->since + 1);
    return recovered ? a->since + 1 : UINT64_MAX;
}

// Rows are facts like live entries, one after the other.
void hear_history(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_HISTORY);
    int room = heard_room(w, c, h);
    uint64_t before = 0;
    str list = heard_raw(h, "history"), row;
    if (room != a.room)
        trace_fail(w, c, "ORDER: history of another room than was asked for");
    char epoch_text[EPOCH_MAX];
    int epoch =
        truth_epoch(w, c->server, room, heard_string(w, c, h, "epoch", epoch_text, sizeof epoch_text));
    if (c->seats[room].on && truth_same_records(w, room, epoch, c->seats[room].epoch))
        epoch = c->seats[room].epoch;
    if (c->seats[room].on &&
        !truth_follows(w, room, epoch, c->seats[room].epoch)) // it may be told of that later
        trace_fail(w, c, "ORDER: history of %s is of another epoch than the room one is in",
                   w->room_names[room]);
    uint64_t first = history_since(w, c, h, &a, room, epoch);
    while (heard_next(&list, &row)) {
        struct heard e;
        char scratch[32];
        heard_scan(w, c, row, &e);
        uint8_t kind = hear_kind(heard_string(w, c, &e, "type", scratch, sizeof scratch));
        uint64_t offset = heard_offset(w, c, &e, "offset");
        if (kind != FACT_MESSAGE && kind != FACT_VOID && kind != FACT_DECREE && kind != FACT_STATE)
            trace_fail(w, c, "RESUME: the history of %s has a row that is no record", w->room_names[room]);
        if (heard_room(w, c, &e) != room)
            trace_fail(w, c, "ISOLATION: history of %s has a row of another room", w->room_names[room]);
        if (kind == FACT_STATE && offset == before)
            continue; // another key of it
        if (before == 0 && first != 0 && offset != first)
            trace_fail(w, c, "RESUME: history of %s begins at offset %llu", w->room_names[room],
                       (unsigned long long)offset);
        if (before != 0 && offset != before + 1)
            trace_fail(w, c, "ORDER: history of %s goes from offset %llu to %llu", w->room_names[room],
                       (unsigned long long)before, (unsigned long long)offset);
        before = offset;
        struct fact f = fact_of(w, c, &e, kind);
        hear_changed(w, c, &e, room, epoch, offset, 0, &f);
        truth_observe(w, c, room, epoch, offset, &f);
    }
}

// The rows of `members`; ret has room for all. True if the client itself is among them, connected.
static bool member_rows(struct world *w, struct client *c, const struct heard *h, struct member_row *ret,
                        uint32_t *ret_n)
{
    str list = heard_raw(h, "members"), row;
    bool self = false;
    *ret_n = 0;
    while (heard_next(&list, &row)) {
        struct heard m;
        char scratch[USER_ID_MAX + USER_NAME_MAX];
        heard_scan(w, c, row, &m);
        if (*ret_n == ROWS_MAX)
            trace_fail(w, c, "BOUNDS: more members than there are people");
        str user = heard_string(w, c, &m, "user", scratch, USER_ID_MAX);
        bool connected = heard_true(&m, "connected");
        if (connected != (heard_number(w, c, &m, "sessions") != 0))
            trace_fail(w, c, "PRESENCE: a member without a session is connected, or the other way round");
        self = self || (connected && str_eq(user, str_from_cstr(c->user)));
        hands_check_info(w, c, user, heard_raw(&m, "info"));
        str name = heard_string(w, c, &m, "name", scratch + USER_ID_MAX, USER_NAME_MAX);
        ret[(*ret_n)++] = (struct member_row){truth_hash(user), truth_hash(name), connected};
    }
    return self;
}

void hear_members(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_MEMBERS);
    int room = heard_room(w, c, h);
    struct member_row rows[ROWS_MAX];
    uint32_t n;
    bool more = heard_raw(h, "next").p != NULL;
    if (room != a.room)
        trace_fail(w, c, "ORDER: members of another room than was asked for");
    bool self = member_rows(w, c, h, rows, &n);
    if (!c->seats[room].on)
        return;
    if (!self && !more)
        trace_fail(w, c, "PRESENCE: a member of %s is not among its connected members", w->room_names[room]);
    if (c->seats[room].epoch == a.passed_epoch &&
        truth_numbering(w, room, a.passed_epoch)->follower == NONE) // else it may be as of the next one
        ledger_check_members(w, c, room, a.passed_epoch, a.passed,
                             truth_numbering(w, room, a.passed_epoch)->passed_n, rows, n, more);
}

// Who and how many are in the room, as of the join.
void hear_joined_members(struct world *w, struct client *c, const struct heard *h, int room, int epoch)
{
    struct member_row rows[ROWS_MAX];
    uint32_t n;
    uint32_t passed = c->seats[room].joined;
    const uint64_t count = heard_number(w, c, h, "members_count");
    ledger_check_count(w, c, room, epoch, passed, count);
    if (heard_raw(h, "members").p == NULL)
        return;
    member_rows(w, c, h, rows, &n);
    // As many as a page has; how long a row will be is estimated.
    const bool more = n < count;
    if (more && heard_raw(h, "members").n < w->settings.reply_bytes / 2 && n < w->settings.presence_exact_max)
        trace_fail(w, c, "PRESENCE: %u members of %s are listed, of %llu, and there is space for more", n,
                   w->room_names[room], (unsigned long long)count);
    ledger_check_members(w, c, room, epoch, passed, passed, rows, n, more);
}
