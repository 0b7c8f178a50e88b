// SPDX-License-Identifier: Apache-2.0
//
// What the server says in native JSON, told apart by its type and handed to the checkers: replies, errors and events
// here, entries and lists in hear_rows.c.
#include "sim/heard.h"
#include "sim/rates.h"
#include "sim/revoke.h"

// --- replies

static void copy_string(struct world *w, struct client *c, const struct heard *h, const char *key, char *ret,
                        size_t cap)
{
    char scratch[RESUME_TOKEN_MAX + 1];
    str s = heard_string(w, c, h, key, scratch, cap - 1);
    memcpy(ret, s.p, s.n);
    ret[s.n] = '\0';
}

static void hear_welcome(struct world *w, struct client *c, const struct heard *h)
{
    char user[sizeof c->user], session[sizeof c->session], name[sizeof c->name];
    struct asked a = {0};
    char known[USER_ID_MAX];
    if (c->welcomed)
        trace_fail(w, c, "PROTOCOL: welcome twice");
    if (!c->implicit_hello)
        a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_HELLO);
    hands_user(w, c, known);
    bool resumed =
        a.resume && (a.token == TOKEN_IS_NONE || strcmp(c->user, known) == 0); // else it was a guest's
    c->welcomed = true;
    c->welcomed_ms = w->now_ms;
    c->resumed = resumed;
    copy_string(w, c, h, "user", user, sizeof user);
    copy_string(w, c, h, "session", session, sizeof session);
    if (a.token == TOKEN_IS_LATE || a.token == TOKEN_IS_FORGED)
        trace_fail(w, c, "IDENTITY: welcome with a token that is not good");
    if ((a.token == TOKEN_IS_GOOD) > (strcmp(user, known) == 0))
        trace_fail(w, c, "IDENTITY: the token says %s, and the welcome %s", known, user);
    if (!c->known && !tenancy_guest(user))
        trace_fail(w, c, "IDENTITY: a guest is welcome as %s", user);
    if (!resumed || a.token != TOKEN_IS_NONE)
        c->granted_ms = c->known && a.token == TOKEN_IS_GOOD ? c->token_ms : 0;
    revoke_check_welcome(w, c, &a, user);
    // A token of this process is good by the monotonic clock; what is not good any more makes a new guest.
    bool good = w->now_ms < c->resume_ms + w->settings.resume_ms;
    if (resumed && (good || (!c->known && strcmp(user, c->user) == 0))) {
        if (strcmp(user, c->user) != 0 || strcmp(session, c->session) != 0)
            trace_fail(w, c, "RESUME: session %s of user %s came back as %s of %s", c->session, c->user,
                       session, user);
        w->counts.resumed++;
    }
    tenancy_check_user(w, c, str_from_cstr(user));
    memcpy(c->user, user, sizeof user);
    memcpy(c->session, session, sizeof session);
    copy_string(w, c, h, "name", name, sizeof name);
    if (resumed && good && strcmp(name, c->name) != 0)
        trace_fail(w, c, "RESUME: %s came back as %s", c->name, name);
    memcpy(c->name, name, sizeof name);
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = c->opened_ms;
    c->info = a.token == TOKEN_IS_GOOD ? a.info : resumed ? c->resume_info : 0;
    c->resume_info = c->info;
}

static void hear_gap(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[16];
    int room = heard_room(w, c, h);
    shared_check_whole(w, c, room);
    c->seats[room].shared_known = false;
    bool records = heard_raw(h, "from").p != NULL, passing = heard_raw(h, "passing").p != NULL;
    str reason = heard_string(w, c, h, "reason", scratch, sizeof scratch);
    if (str_eq(reason, STR("trimmed")) && !c->seats[room].gap_due) {
        const struct fact f = {.kind = FACT_GAP,
                               .hash = heard_hash(h),
                               .after = heard_offset(w, c, h, "from") - 1,
                               .cut_to = heard_offset(w, c, h, "to")};
        seat_cut(w, c, room, &f);
        return;
    }
    if (seat_leaves_out(w, room, reason)) {
        if (passing)
            trace_fail(w, c, "LOSS: what passes in %s is left out as conflated", w->room_names[room]);
        seat_conflated(w, c, room, heard_offset(w, c, h, "from"), heard_offset(w, c, h, "to"));
        return;
    }
    seat_gap(w, c, room, records ? heard_offset(w, c, h, "from") : 1,
             records ? heard_offset(w, c, h, "to") : 0, passing ? heard_number(w, c, h, "passing") : 0,
             reason);
}

static void hear_epoch(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[EPOCH_MAX];
    int room = heard_room(w, c, h);
    struct seat *s = &c->seats[room];
    shared_check_whole(w, c, room);
    s->shared_known = false;
    s->shared_base = s->shared_version = s->parts_offset = 0;
    const struct fact f = {.kind = FACT_EPOCH,
                           .hash = heard_hash(h),
                           .after = heard_offset(w, c, h, "after"),
                           .cut_to = heard_offset(w, c, h, "offset")};
    seat_cut(w, c, room, &f);
    str epoch = heard_string(w, c, h, "epoch", scratch, sizeof scratch);
    if (!str_eq(epoch, str_from_cstr(truth_numbering(w, room, c->seats[room].epoch)->epoch)))
        trace_fail(w, c, "ORDER: %s goes on in another epoch than it is told", w->room_names[room]);
}

static void hear_renamed(struct world *w, struct client *c, const struct heard *h)
{
    char want[sizeof c->name];
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_RENAME);
    say_name(c, a.letter, want);
    copy_string(w, c, h, "name", c->name, sizeof c->name);
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = a.at_ms;
    c->resume_info = c->info;
    if (strcmp(c->name, want) != 0)
        trace_fail(w, c, "PRESENCE: wanted to be %s and is %s", want, c->name);
}

static void hear_joined(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[ROOM_NAME_MAX];
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_JOIN | 1u << SAID_SWITCH);
    int room = heard_room(w, c, h);
    if (room != a.room)
        trace_fail(w, c, "ORDER: joined %s, asked for %s", w->room_names[room], w->room_names[a.room]);
    bool has_left = heard_raw(h, "left").p != NULL;
    if (has_left != (a.kind == SAID_SWITCH))
        trace_fail(w, c, "PROTOCOL: `left` is %s in the reply to a %s", has_left ? "there" : "not there",
                   a.kind == SAID_SWITCH ? "switch" : "join");
    if (has_left) {
        int from = truth_room_find(w, heard_string(w, c, h, "left", scratch, sizeof scratch));
        if (from != a.from)
            trace_fail(w, c, "ORDER: switched from another room than was asked for");
        seat_check_left(w, c, from);
        seat_left(w, c, from);
    }
    int epoch = truth_epoch(w, c->server, room, heard_string(w, c, h, "epoch", scratch, sizeof scratch));
    seat_joined(w, c, &a, room, epoch, heard_offset(w, c, h, "offset"), heard_raw(h, "recovered").p != NULL,
                heard_true(h, "recovered"));
    c->seats[room].host = str_eq(heard_string(w, c, h, "role", scratch, sizeof scratch), STR("host"));
    passes_taken(w, c, &a);
    invites_joined(w, c, &a);
    c->memory[room].was_in = false;
    hear_joined_members(w, c, h, room, c->seats[room].epoch);
    shared_joined(w, c, h, room);
    reads_joined(w, c, h, room);
}

// It has all up to the decree, and is in the room no more.
static void hear_sent_away(struct world *w, struct client *c, const struct heard *h, int room)
{
    char scratch[16];
    str reason = heard_string(w, c, h, "reason", scratch, sizeof scratch);
    if (!c->seats[room].on)
        trace_fail(w, c, "RIGHTS: sent away from %s, where it is not", w->room_names[room]);
    bool ended = str_eq(reason, STR("expired"));
    if (ended)
        passes_ended(w, c, room);
    if (heard_raw(h, "id").p != NULL ||
        (!ended && !str_eq(reason, STR("kicked")) && !str_eq(reason, STR("banned")) &&
         (!str_eq(reason, STR("room_closed")) || w->counts.closed == 0)))
        trace_fail(w, c, "PROTOCOL: sent away from %s for %.*s", w->room_names[room], STR_ARG(reason));
    if (str_eq(reason, STR("room_closed")) && c->temper == TEMPER_HEALTHY && !seat_told_closed(w, c, room))
        trace_fail(w, c, "ORDER: sent away from %s as it is closed, and was not told so",
                   w->room_names[room]);
    seat_check_left(w, c, room);
    seat_left(w, c, room);
    c->memory[room].was_in = false;
    w->counts.sent_away += !ended;
}

static void hear_left(struct world *w, struct client *c, const struct heard *h)
{
    int room = heard_room(w, c, h);
    if (heard_raw(h, "reason").p != NULL) {
        hear_sent_away(w, c, h, room);
        return;
    }
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_LEAVE);
    if (room != a.room)
        trace_fail(w, c, "ORDER: left %s, asked to leave %s", w->room_names[room], w->room_names[a.room]);
    seat_check_left(w, c, room);
    seat_left(w, c, room);
}

static void hear_refreshed(struct world *w, struct client *c, const struct heard *h, const struct asked *a)
{
    if (a->room != NONE) {
        passes_taken(w, c, a);
        return;
    }
    c->granted_ms = c->token_ms;
    if (a->token != TOKEN_IS_GOOD || tenancy_guest(c->user))
        trace_fail(w, c, "IDENTITY: refreshed with a token that is not good, or as a guest");
    copy_string(w, c, h, "resume", c->resume, sizeof c->resume);
    c->resume_ms = a->at_ms;
    c->info = c->resume_info = a->info;
    w->counts.refreshed++;
}

static void hear_ack(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[EPOCH_MAX];
    struct asked a =
        asks_answered(w, c, heard_raw(h, "id"),
                      1u << SAID_MESSAGE | 1u << SAID_DIRECT | 1u << SAID_DECREE | 1u << SAID_CHANGE |
                          1u << SAID_STATE | 1u << SAID_READ | 1u << SAID_REFRESH);
    w->counts.acked++;
    if (a.kind == SAID_REFRESH) {
        hear_refreshed(w, c, h, &a);
        return;
    }
    if (a.kind == SAID_READ) {
        reads_acked(w, c, h, &a);
        return;
    }
    if (a.kind == SAID_STATE)
        shared_acked(w, c, h, &a);
    if (a.kind == SAID_DECREE || a.kind == SAID_CHANGE || a.kind == SAID_STATE) {
        truth_reach(truth_numbering(w, a.room,
                                    truth_epoch(w, c->server, a.room,
                                                heard_string(w, c, h, "epoch", scratch, sizeof scratch))),
                    heard_offset(w, c, h, "offset"));
        return;
    }
    if (a.kind == SAID_DIRECT) {
        direct_acked(w, c, truth_message(w, a.message), heard_number(w, c, h, "delivered"));
        return;
    }
    struct message *m = truth_message(w, a.message);
    int room = heard_room(w, c, h);
    if (room != m->room)
        trace_fail(w, c, "ORDER: m%ux is acked in another room", m->serial);
    int epoch = truth_epoch(w, c->server, room, heard_string(w, c, h, "epoch", scratch, sizeof scratch));
    uint64_t offset = heard_offset(w, c, h, "offset");
    bool duplicate = heard_true(h, "duplicate");
    w->counts.duplicates += duplicate;
    if (duplicate && (!m->keyed || m->attempts == 1))
        trace_fail(w, c, "ONCE: m%ux was said once and is called a duplicate", m->serial);
    if (duplicate && truth_same_records(w, room, m->epoch, epoch) && m->offset != offset && m->attempts == 2)
        trace_fail(w, c, "ONCE: m%ux has offset %llu, and its duplicate was acked with %llu", m->serial,
                   (unsigned long long)m->offset, (unsigned long long)offset);
    truth_appended(w, c, m, epoch, offset);
    passes_check_said(w, c, m);
    m->settled = true;
}

static void hear_direct(struct world *w, struct client *c, const struct heard *h)
{
    struct message *m = truth_message(w, hear_data(w, c, h));
    hear_from(w, c, h, m);
    direct_came(w, c, m);
}

// --- errors

static void hear_rooms(struct world *w, struct client *c, const struct heard *h)
{
    const struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_ROOMS);
    if (!hands_serve(w, c, c->user, "rooms"))
        trace_fail(w, c, "RIGHTS: is told which rooms there are, and may not");
    str list = heard_raw(h, "rooms"), row;
    while (heard_next(&list, &row)) {
        struct heard r;
        heard_scan(w, c, row, &r);
        int room = heard_room(w, c, &r);
        if (world_room(w, room)->room_unlisted)
            trace_fail(w, c, "RIGHTS: %s is listed, and is not to be", w->room_names[room]);
        reads_listed(w, c, &r, room, &a);
    }
}

// The token that came with the request has been looked at for a command, and has had its say: a hello is without one.
static void presented_in_vain(struct client *c)
{
    c->presented = TOKEN_IS_NONE;
    for (uint32_t i = 0; i < c->asks_n; i++) {
        struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->presented)
            a->token = TOKEN_IS_NONE;
        a->presented = false;
    }
}

static void hear_error(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[64];
    str id = heard_raw(h, "id"), code = heard_string(w, c, h, "code", scratch, sizeof scratch);
    w->counts.errors++;
    w->counts.rate_limited += str_eq(code, STR("rate_limited"));
    if (str_eq(id, STR(SIGNAL_ID))) {
        bool rate =
            str_eq(code, STR("rate_limited")) && (w->settings.signals.per_s != 0 || rates_are(&w->settings));
        bool memory = str_eq(code, STR("unavailable")) && w->plan.refuse_one_in != 0;
        bool closed = str_eq(code, STR("room_closed")) && w->counts.closes_asked != 0;
        bool decreed = w->plan.moderated && (str_eq(code, STR("muted")) || str_eq(code, STR("forbidden")));
        decreed = decreed || ((c->muzzled != 0 || guests_hush(w, c)) && str_eq(code, STR("forbidden")));
        bool tenant = str_eq(code, STR("rate_limited")) && tenancy_hushes(w, c);
        if (!tenant && !rate && !memory && !decreed && !closed && !str_eq(code, STR("not_member")) &&
            !w->draining)
            trace_fail(w, c, "PROTOCOL: a signal was answered with %.*s", STR_ARG(code));
        return;
    }
    if (id.p == NULL && str_eq(code, STR("unauthorized")))
        presented_in_vain(c);
    if (id.p == NULL && asks_unnamed(c) > 1)
        return; // one of several without id; which one is not told
    struct asked a = asks_answered(w, c, id, UINT32_MAX);
    if (!hear_excused(w, c, &a, code, heard_raw(h, "message")))
        trace_fail(w, c, "PROTOCOL: command %u (kind %d) was answered with %.*s", a.id, (int)a.kind,
                   STR_ARG(code));
    w->counts.decrees_denied += a.kind == SAID_DECREE;
    w->counts.banned += str_eq(code, STR("banned"));
    w->counts.muted += str_eq(code, STR("muted"));
    struct message *m = truth_message(w, a.message);
    if (m != NULL && id.p != NULL) {
        m->denied++;
        if (m->room != NONE && m->attempts == m->denied && truth_holds(w, m))
            trace_fail(w, c, "ISOLATION: m%ux was refused, but it is an entry already", m->serial);
    }
    if (a.kind == SAID_HELLO) {
        c->resume[0] = '\0';
        if (!str_eq(code, STR("unavailable")))
            c->presented = TOKEN_IS_NONE;
        c->refused = c->refused || a.token != TOKEN_IS_NONE || str_eq(code, STR("token_revoked"));
        w->counts.revoked += str_eq(code, STR("token_revoked"));
        w->counts.too_many += str_eq(code, STR("limit_reached"));
        say_hello(w, c);
    }
}

// Ahead of time, of a room that it is in, or is about to be.
static void hear_expiring(struct world *w, struct client *c, const struct heard *h)
{
    if (heard_raw(h, "room").p == NULL)
        return;
    const struct seat *s = &c->seats[heard_room(w, c, h)];
    if (s->on && s->pass == PASS_NONE)
        trace_fail(w, c, "RIGHTS: a token is said to end soon, and it is not there by one");
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
    heard_scan(w, c, message, &h);
    str type = heard_string(w, c, &h, "type", scratch, sizeof scratch);
    uint8_t kind = hear_kind(type);
    if (kind != FACT_UNKNOWN) {
        hear_entry(w, c, &h, kind);
        if (str_eq(type, STR("room:closed")))
            c->seats[heard_room(w, c, &h)].closed = true;
    } else if (str_eq(type, STR("ack")))
        hear_ack(w, c, &h);
    else if (str_eq(type, STR("joined")))
        hear_joined(w, c, &h);
    else if (str_eq(type, STR("token_expiring")))
        hear_expiring(w, c, &h);
    else if (str_eq(type, STR("left")))
        hear_left(w, c, &h);
    else if (str_eq(type, STR("gap")))
        hear_gap(w, c, &h);
    else if (str_eq(type, STR("epoch")))
        hear_epoch(w, c, &h);
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
    else if (str_eq(type, STR("state")))
        shared_answered(w, c, &h);
    else if (str_eq(type, STR("invited")))
        invites_heard(w, c, &h);
    else if (str_eq(type, STR("created")))
        creates_heard(w, c, &h);
    else if (str_eq(type, STR("rooms")))
        hear_rooms(w, c, &h);
    else if (str_eq(type, STR("pong")))
        (void)asks_answered(w, c, heard_raw(&h, "id"), 1u << SAID_PING);
    else if (str_eq(type, STR("renamed")))
        hear_renamed(w, c, &h);
    else if (str_eq(type, STR("drain")) && w->draining)
        c->drain_seen = true;
    else
        trace_fail(w, c, "PROTOCOL: a message of unknown type: %.*s", STR_ARG(str_take(message, 200)));
}
