// SPDX-License-Identifier: Apache-2.0
//
// Who is connected: rows over all shards, one behind the other, for the HTTP API; how much there is of all; and one of them
// closed; and what is to be known of all shards' connections: tokens that are revoked. An ask walks from shard to shard, as `rooms` does over homes (home/home_lists.c), with what it has collected.
//
//      connections   after "SHARD.INDEX" --> this shard's slots from INDEX on --> the next shard, or an answer
//
// A shard is looked at LOOK_MAX slots at a time: then the page ends, be it empty, with a cursor for the next one. Rejected: to
// look on in the next turn (an ask that is kept for a list of a million, for the sake of fewer requests).
#include "core/conn/conn.h"

#include "core/mail/audit_ask.h"
#include "wire/json.h"

enum {
    LOOK_MAX = 16 * 1024,        // slots; about a millisecond
    ROOMS_SHOWN_MAX = 100,       // of one connection
    ROWS_BYTES_MAX = 256 * 1024, // of a page, unless a single row is longer
    CURSOR_MAX = 32,
};

static void answer(struct conns *cs, const struct ask *a, str payload)
{
    struct answer ans = {.effect = EFFECT_NONE,
                         .conn = a->conn,
                         .encoding = a->encoding,
                         .credit = a->credit,
                         .claim = a->claim,
                         .provided = a->mail.bytes,
                         .payload = payload};
    if (payload.p == NULL || !post_answer(cs->mail, &ans, false)) {
        ans.payload = STR_NONE;
        ans.reply_lost = true;
        metric_add(&cs->cx->metrics->limit_memory, 1);
        bool posted = post_answer(cs->mail, &ans, true);
        ASSERT(posted);
    }
}

static void put_head(struct buf *out, const char *type, const struct ask *a)
{
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, str_from_cstr(type));
    BUF_PUT_LIT(out, "\",\"id\":");
    buf_put_str(out, a->cmd.id);
}

// To the next shard; false where there is none, or no memory, which ends the walk, too.
static bool walk_on(struct conns *cs, const struct ask *a, str rows, uint32_t listed, str after)
{
    struct ask on = *a;
    if (cs->cx->index + 1 >= cs->cx->shard_count)
        return false;
    on.rows = rows;
    on.listed = listed;
    on.cmd.after = after;
    return post_ask(cs->mail, cs->cx->index + 1, &on);
}

// --- rows

static str address_of(const struct conns *cs, uint32_t index, struct peer *room)
{
    str text = who_peer(who_at(cs->cx, index), room);
    size_t colon = text.n;
    while (colon != 0 && text.p[colon - 1] != ':')
        colon--;
    return colon != 0 ? str_take(text, colon - 1) : text;
}

static str dialect_of(const struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    if (c->phase == PHASE_HTTP)
        return STR("http");
    if (c->phase == PHASE_MIRROR)
        return STR("mirror");
    return str_from_cstr(encoding_of(cs->cx, c->asker.reader.encoding)->language->name);
}

// "127.0.0.1", or "[::1]" with its brackets or without.
static bool address_is(str have, str want)
{
    if (have.n >= 2 && have.p[0] == '[' && want.n != 0 && want.p[0] != '[')
        have = str_make(have.p + 1, have.n - 2);
    return str_eq(have, want);
}

static bool is_in(const struct conns *cs, struct conn *c, str room)
{
    uint32_t outlet = outlet_find(cs->fan, room, hash_str(cs->cx, room));
    return outlet != MAP_NONE && reader_find_membership(&c->asker.reader, outlet) != NULL;
}

static bool wanted(const struct conns *cs, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(cs, index);
    struct peer room;
    if (!conn_live(c))
        return false;
    if (cmd->to.n != 0 && (!session_there(&c->asker.reader.who.session) ||
                           !str_eq(session_user(&c->asker.reader.who.session), cmd->to)))
        return false;
    if (cmd->room.n != 0 && !is_in(cs, c, cmd->room))
        return false;
    if (cmd->address.n != 0 && !address_is(address_of(cs, index, &room), cmd->address))
        return false;
    return cmd->dialect.n == 0 || str_eq(dialect_of(cs, index), cmd->dialect);
}

static void put_rooms(const struct conns *cs, struct conn *c, struct buf *out)
{
    const struct reader *r = &c->asker.reader;
    const struct membership *m = reader_memberships(&c->asker.reader);
    BUF_PUT_LIT(out, ",\"rooms\":[");
    for (uint32_t i = 0; i < r->member_n && i < ROOMS_SHOWN_MAX; i++) {
        if (i != 0)
            buf_put_char(out, ',');
        json_put_string(out, outlet_name(outlet_at(cs->fan, m[i].outlet)));
    }
    BUF_PUT_LIT(out, "],\"rooms_count\":");
    buf_put_u64(out, r->member_n);
}

static void put_place(const struct conns *cs, uint32_t index, struct buf *out)
{
    buf_put_u64(out, cs->cx->index);
    buf_put_char(out, '.');
    buf_put_u64(out, index);
}

// A connection, by a name that no later one has: | shard | index | generation |.
static void put_row(const struct conns *cs, uint32_t index, struct buf *out)
{
    struct conn *c = conn_at(cs, index);
    const struct session *s = &c->asker.reader.who.session;
    struct peer room;
    BUF_PUT_LIT(out, "{\"connection\":\"");
    put_place(cs, index, out);
    buf_put_char(out, '.');
    buf_put_u64(out, slab_gen(&cs->pool, index));
    BUF_PUT_LIT(out, "\",\"address\":");
    json_put_string(out, address_of(cs, index, &room));
    BUF_PUT_LIT(out, ",\"dialect\":");
    json_put_string(out, dialect_of(cs, index));
    BUF_PUT_LIT(out, ",\"age_s\":");
    buf_put_u64(out, (uint32_t)((uint32_t)cs->cx->now_ms - c->asker.opened_ms) / 1000);
    if (session_there(s) && c->asker.reader.who.tenant != TENANT_NONE) {
        BUF_PUT_LIT(out, ",\"tenant\":");
        json_put_string(out, tenant_at(cs->cx, c->asker.reader.who.tenant)->name);
    }
    if (session_there(s)) {
        BUF_PUT_LIT(out, ",\"user\":");
        json_put_string(out, session_user(s));
        BUF_PUT_LIT(out, ",\"name\":");
        json_put_string(out, session_name(s));
        BUF_PUT_LIT(out, ",\"session\":");
        json_put_string(out, str_make(s->id, SESSION_ID_LEN));
    }
    put_rooms(cs, c, out);
    buf_put_char(out, '}');
}

// --- pages

// Where a page goes on: "SHARD.INDEX", which the API has looked at.
static uint32_t index_of(str after)
{
    uint64_t index = 0;
    str rest;
    (void)str_split(after, '.', &rest);
    return rest.p != NULL && str_to_u64(rest, UINT32_MAX, &index) ? (uint32_t)index : 0;
}

static void page_answer(struct conns *cs, const struct ask *a, str rows, uint32_t next)
{
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    put_head(&out, "connections", a);
    BUF_PUT_LIT(&out, ",\"connections\":[");
    buf_put_str(&out, rows);
    buf_put_char(&out, ']');
    if (next != UINT32_MAX) {
        BUF_PUT_LIT(&out, ",\"next\":\"");
        put_place(cs, next, &out);
        buf_put_char(&out, '"');
    }
    buf_put_char(&out, '}');
    answer(cs, a, buf_ok(&out) ? buf_str(&out) : STR_NONE);
    buf_deinit(&out);
}

static void list(struct conns *cs, const struct ask *a)
{
    uint32_t limit = a->cmd.limit != 0 ? a->cmd.limit : LIST_LIMIT_DEFAULT, n = a->listed;
    uint32_t index = index_of(a->cmd.after), looked = 0;
    struct buf rows;
    buf_init(&rows, cs->cx->mem, 0);
    buf_put_str(&rows, a->rows);
    for (; index < cs->pool.high && looked < LOOK_MAX && n < limit && rows.n < ROWS_BYTES_MAX;
         index++, looked++) {
        if (!slab_used(&cs->pool, index) || !wanted(cs, index, &a->cmd))
            continue;
        if (n++ != 0)
            buf_put_char(&rows, ',');
        put_row(cs, index, &rows);
    }
    bool more = index < cs->pool.high, last = cs->cx->index + 1 >= cs->cx->shard_count;
    char after[CURSOR_MAX];
    after[0] = '.';
    if (!buf_ok(&rows))
        answer(cs, a, STR_NONE);
    else if (more || last)
        page_answer(cs, a, buf_str(&rows), more ? index : UINT32_MAX);
    else if (!walk_on(cs, a, buf_str(&rows), n, str_make(after, 1)))
        answer(cs, a, STR_NONE);
    buf_deinit(&rows);
}

// --- how much there is

#define TOTALS(X) X(connections) X(sessions) X(rooms) X(members) X(memberships)
struct totals {
#define X(field) uint64_t field;
    TOTALS(X)
#undef X
};

static void totals_answer(struct conns *cs, const struct ask *a, const struct totals *t)
{
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    put_head(&out, "info", a);
    BUF_PUT_LIT(&out, ",\"version\":");
    json_put_string(&out, str_from_cstr(cs->cx->settings->version));
    BUF_PUT_LIT(&out, ",\"status\":\"");
    buf_put_str(&out, cs->cx->unready ? STR("draining") : STR("ready"));
    BUF_PUT_LIT(&out, "\",\"shards\":");
    buf_put_u64(&out, cs->cx->shard_count);
#define X(field)                           \
    BUF_PUT_LIT(&out, ",\"" #field "\":"); \
    buf_put_u64(&out, t->field);
    TOTALS(X)
#undef X
    BUF_PUT_LIT(&out, ",\"time\":");
    buf_put_u64(&out, cs->cx->wall_ms);
    buf_put_char(&out, '}');
    answer(cs, a, buf_ok(&out) ? buf_str(&out) : STR_NONE);
    buf_deinit(&out);
}

static void add_up(struct conns *cs, const struct ask *a)
{
    struct totals t = {0};
    if (a->rows.n == sizeof t)
        memcpy(&t, a->rows.p, sizeof t);
#define X(field) t.field += metric_get(&cs->cx->metrics->field);
    TOTALS(X)
#undef X
    if (cs->cx->index + 1 >= cs->cx->shard_count)
        totals_answer(cs, a, &t);
    else if (!walk_on(cs, a, str_make((const char *)&t, sizeof t), 0, STR_NONE))
        answer(cs, a, STR_NONE);
}

// --- one of them closed

static void audit_closed(const struct conns *cs, const struct ask *a, const struct who *whom)
{
    struct peer peer;
    struct ask about = *a;
    about.cmd.to = session_user(&whom->session);
    audit_put_ask(cs->cx, &about, AUDIT_DISCONNECT, "", who_peer(whom, &peer));
}

// "SHARD.INDEX.GENERATION", of this shard.
static void close_one(struct conns *cs, const struct ask *a)
{
    str rest;
    uint64_t index = 0, gen = 0;
    (void)str_split(a->cmd.connection, '.', &rest);
    str number = str_split(rest, '.', &rest);
    bool named = str_to_u64(number, UINT32_MAX, &index) && str_to_u64(rest, UINT32_MAX, &gen);
    const struct conn *c = named ? slab_get(&cs->pool, (uint32_t)index, (uint32_t)gen) : NULL;
    bool told = c != NULL && conn_live(c) && session_there(&c->asker.reader.who.session);
    if (told) {
        audit_closed(cs, a, &c->asker.reader.who);
        fan_end(cs->fan, (uint32_t)index, END_ORDERED);
    }
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    put_head(&out, "ack", a);
    BUF_PUT_LIT(&out, ",\"delivered\":");
    buf_put_u64(&out, told);
    buf_put_char(&out, '}');
    answer(cs, a, buf_ok(&out) ? buf_str(&out) : STR_NONE);
    buf_deinit(&out);
}

// --- tokens that are good no more

static void answer_problem(struct conns *cs, const struct ask *a, const struct problem *p)
{
    const struct event ev = {.type = EV_ERROR, .id = a->cmd.id, .problem = *p};
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    metric_add(&cs->cx->metrics->errors[p->code], 1);
    encoding_of(cs->cx, a->encoding)->payloads->encode_event(&out, &ev, cs->cx->utc_offset_s);
    answer(cs, a, buf_ok(&out) ? buf_str(&out) : STR_NONE);
    buf_deinit(&out);
}

static void answer_ack(struct conns *cs, const struct ask *a)
{
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    put_head(&out, "ack", a);
    buf_put_char(&out, '}');
    answer(cs, a, buf_ok(&out) ? buf_str(&out) : STR_NONE);
    buf_deinit(&out);
}

static void audit_revoked(const struct conns *cs, const struct ask *a)
{
    const struct audit_event e = {.type = AUDIT_REVOKE,
                                  .user = a->user,
                                  .name = a->name,
                                  .session = a->session,
                                  .target = a->cmd.to,
                                  .detail = a->cmd.token_id,
                                  .reason = a->cmd.reason,
                                  .seconds = a->cmd.seconds};
    audit_put(cs->cx, &e);
}

// The first shard says whether there is room for one more; on its way the ask has what each is to keep.
static void revoke(struct conns *cs, const struct ask *a)
{
    static const struct problem full = {.code = PROBLEM_LIMIT_REACHED,
                                        .text =
                                            "As many users and tokens are revoked as may be; `seconds` lets "
                                            "what is revoked end when its tokens do."};
    static const struct problem memory = {.code = PROBLEM_UNAVAILABLE,
                                          .text = "The server is out of memory, so that not all of it knows; "
                                                  "say it again.",
                                          .retry_ms = 1000};
    enum err done = edge_revoke(cs->edge, a);
    if (done == OK && cs->cx->index == 0)
        notice_put_why(cs->cx, NOTICE_REVOKED,
                       a->cmd.to.n != 0         ? "a user"
                       : a->cmd.token_id.n != 0 ? "a token"
                                                : "all",
                       a->cmd.to, a->cmd.reason);
    if (done == OK && cs->cx->index == 0)
        audit_revoked(cs, a);
    if (done == ERR_LIMIT)
        metric_add(&cs->cx->metrics->limit_revocations, 1);
    if (done != OK)
        answer_problem(cs, a, done == ERR_LIMIT ? &full : &memory);
    else if (cs->cx->index + 1 >= cs->cx->shard_count)
        answer_ack(cs, a);
    else if (!walk_on(cs, a, STR_NONE, 0, STR_NONE))
        answer_problem(cs, a, &memory);
}

void conns_ask(struct conns *cs, struct ask *a)
{
    if (a->type == ASK_REVOKE) {
        revoke(cs, a);
        return;
    }
    if (a->type == ASK_CONNECTIONS)
        list(cs, a);
    else if (a->type == ASK_INFO)
        add_up(cs, a);
    else
        close_one(cs, a);
}
