// SPDX-License-Identifier: Apache-2.0
//
// Who a connection speaks for: the session it gets with its hello, or as a terminal when it is greeted, and gives up when
// it goes. What it says in between is edge.c's.
#include "core/shard_state.h"

#include "base/codec.h"
#include "core/guest_name.h"

enum { GUEST_CHARS = 10 };

struct session *edge_session_make(struct shard *sh, const char id[SESSION_ID_LEN], str user, str name)
{
    if (str_eq(user, name))
        name = STR_NONE;
    struct session *s = mem_alloc(sh->mem, sizeof *s + user.n + name.n);
    if (s == NULL)
        return NULL;
    memcpy(s->id, id, SESSION_ID_LEN);
    s->user_n = (uint8_t)user.n;
    s->name_n = (uint8_t)name.n;
    memcpy(s->text, user.p, user.n);
    if (name.n != 0)
        memcpy(s->text + user.n, name.p, name.n);
    return s;
}

// Somebody new: the strings of *ret are in the buffers.
struct fresh {
    char user[6 + GUEST_CHARS];
    char name[GUEST_NAME_MAX];
};

static void identity_fresh(struct shard *sh, str name, struct fresh *fresh, struct identity *ret)
{
    static const char alphabet[32] = "abcdefghijkmnopqrstuvwxyz2345678";
    uint8_t r[16 + GUEST_CHARS + GUEST_NAME_LUCK];
    sh->host->random(sh->host->ctx, r, sizeof r);
    base64url_encode(r, 16, ret->session);
    memcpy(fresh->user, "guest-", 6);
    for (int i = 0; i < GUEST_CHARS; i++)
        fresh->user[6 + i] = alphabet[r[16 + i] & 31];
    ret->user = str_make(fresh->user, sizeof fresh->user);
    ret->name = name.n != 0 ? name : guest_name_make(r + 16 + GUEST_CHARS, fresh->name);
}

static void put_welcome(struct shard *sh, uint32_t index, str id, str token)
{
    const struct settings *s = sh->settings;
    const struct session *session = conn_at(sh, index)->session;
    struct event ev = {.type = EV_WELCOME,
                       .id = id,
                       .session = str_make(session->id, SESSION_ID_LEN),
                       .user = session_user(session),
                       .name = session_name(session),
                       .resume = token,
                       .heartbeat_s = s->heartbeat_ms / 1000,
                       .limit_message_bytes = s->message_bytes,
                       .limit_rooms = s->rooms_per_connection,
                       .limit_messages_per_s = s->commands_per_s,
                       .version = s->version};
    conn_put_event(sh, index, &ev);
}

static void session_free(struct shard *sh, struct session *s)
{
    mem_free(sh->mem, s, sizeof *s + s->user_n + s->name_n);
}

static void unregister(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    struct register_mail m = {.conn = {sh->index, {index, slab_gen(&sh->conns, index)}},
                              .user_print = print_str(sh, session_user(c->session))};
    c->registered = false;
    home_unregister(sh, &m);
    metric_sub(&sh->metrics->sessions, 1);
}

// Who it said it is has come to nothing: it may say hello again.
static void session_drop(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    unregister(sh, index);
    session_free(sh, c->session);
    c->session = NULL;
    c->hello_seen = false;
}

void edge_hello_refused(struct shard *sh, uint32_t index, str id)
{
    struct problem p = {.code = PROBLEM_UNAVAILABLE,
                        .text = "The server is out of memory; try again later.",
                        .retry_ms = 1000};
    metric_add(&sh->metrics->limit_memory, 1);
    conn_put_problem(sh, index, id, &p);
}

// The session is there and waits for its home to know it.
static enum err ask_register(struct shard *sh, uint32_t index, const struct command *cmd, bool resumed)
{
    struct conn *c = conn_at(sh, index);
    struct command hello = {.type = CMD_HELLO, .id = cmd->type == CMD_HELLO ? cmd->id : STR_NONE};
    c->hello_ms = (uint32_t)sh->now_ms;
    struct ask a = edge_ask_make(sh, index, ASK_REGISTER, &hello);
    a.user_print = print_str(sh, a.user);
    a.session_print = hash_str(sh, a.session);
    a.resumed = resumed;
    c->pending = 1;
    c->pending_shard = (uint8_t)home_of(sh, a.user_print.lo);
    c->exclusive = true;
    if (shard_ask(sh, c->pending_shard, &a))
        return OK;
    c->pending = 0;
    c->exclusive = false;
    session_drop(sh, index);
    return ERR_NOMEM;
}

enum err edge_hello(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    struct identity who;
    struct fresh fresh;
    uint8_t opened[RESUME_TOKEN_MAX];
    // A token that is not good any more is as none: the welcome names the new session.
    enum err e = ERR_NOT_FOUND;
    if (cmd->resume.n != 0)
        e = resume_token_open(sh, cmd->resume, opened, &who);
    if (e == ERR_NOMEM) // it may be a good one, and its session must not be lost over this
        return ERR_NOMEM;
    bool resumed = e == OK;
    if (!resumed)
        identity_fresh(sh, cmd->type == CMD_HELLO ? cmd->name : STR_NONE, &fresh, &who);
    if (!edge_may_ask(sh, c, home_of(sh, print_str(sh, who.user).lo)))
        return ERR_FULL;
    struct session *session = edge_session_make(sh, who.session, who.user, who.name);
    if (session == NULL)
        return ERR_NOMEM;
    c->session = session;
    c->hello_seen = true;
    c->hello_implied = cmd->type != CMD_HELLO;
    c->registered = true;
    metric_add(&sh->metrics->sessions, 1);
    return ask_register(sh, index, cmd, resumed);
}

void edge_on_registered(struct shard *sh, const struct answer *a)
{
    uint32_t index = a->conn.ref.index;
    struct conn *c = conn_at(sh, index);
    char token[RESUME_TOKEN_MAX];
    size_t token_n;
    if (a->effect == EFFECT_STRANGER || resume_token_make(sh, c->session, token, &token_n) != OK) {
        session_drop(sh, index);
        if (c->hello_implied || c->greeting)
            c->hello_refused = true; // for the command that waits
        else
            edge_hello_refused(sh, index, a->payload);
        return;
    }
    if (a->resumed)
        metric_add(&sh->metrics->resumed, 1);
    heartbeat_start(sh, index);
    shard_notice(sh, NOTICE_SESSION_STARTED, index, 0, a->resumed ? "resumed" : "new", STR_NONE);
    put_welcome(sh, index, a->payload, str_make(token, token_n));
}

// --- another name

static void put_renamed(struct shard *sh, uint32_t index, str id)
{
    const struct session *s = conn_at(sh, index)->session;
    char token[RESUME_TOKEN_MAX];
    size_t token_n;
    if (resume_token_make(sh, s, token, &token_n) != OK) { // what has been done cannot be told
        conn_abort(sh, index, CLOSE_MEMORY);
        return;
    }
    struct event ev = {
        .type = EV_RENAMED, .id = id, .name = session_name(s), .resume = str_make(token, token_n)};
    conn_put_event(sh, index, &ev);
}

static bool homes_take_mail(const struct shard *sh, struct conn *c)
{
    for (uint32_t i = 0; i < c->member_n; i++) {
        uint32_t dest = home_of(sh, outlet_at(sh, conn_memberships(c)[i].outlet)->hash);
        if (dest != sh->index && shard_mail_waiting(sh, dest) > MAIL_BACKLOG_PAUSE)
            return false;
    }
    return true;
}

// All homes at once: the connection waits for all of them, so the order of replies is not in question.
static void ask_homes(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    uint32_t n = c->member_n;
    c->pending = (uint16_t)n;
    c->exclusive = true;
    for (uint32_t i = 0; i < n; i++) { // the last answer may end the connection, and comes after the last ask
        const struct outlet *o = outlet_at(sh, conn_memberships(c)[i].outlet);
        struct ask a = edge_ask_make(sh, index, ASK_RENAME, cmd);
        a.essential = true;
        a.cmd.room = outlet_name(o);
        a.room = o->room;
        a.room_hash = o->hash;
        c->pending_shard = (uint8_t)home_of(sh, o->hash);
        bool sent = shard_ask(sh, c->pending_shard, &a);
        ASSERT(sent); // an essential one always is
    }
}

// The session's name changes now, its members' in every room they are in, and the reply comes when all rooms know.
bool edge_rename(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    if (c->pending != 0 || !homes_take_mail(sh, c))
        return false;
    struct session *old = c->session;
    struct session *s = edge_session_make(sh, old->id, session_user(old), cmd->name);
    if (s == NULL) {
        edge_no_memory(sh, index, cmd);
        return true;
    }
    c->session = s;
    session_free(sh, old);
    if (c->member_n == 0)
        put_renamed(sh, index, cmd->id);
    else
        ask_homes(sh, index, cmd);
    return true;
}

void edge_on_renamed(struct shard *sh, uint32_t index, str id)
{
    if (conn_at(sh, index)->pending == 0)
        put_renamed(sh, index, id);
}

void edge_depart(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    bool text = dialect_get((enum dialect_id)c->dialect)->text;
    while (c->member_n != 0) {
        struct membership *m = &conn_memberships(c)[c->member_n - 1];
        uint32_t outlet = m->outlet;
        bool leaving = m->leaving;
        struct outlet *o = outlet_at(sh, outlet);
        struct ask leave = {.type = ASK_LEAVE,
                            .conn = {sh->index, {index, slab_gen(&sh->conns, index)}},
                            .dialect = c->dialect,
                            .dropped = true,
                            .keep_member = !text, // text clients have nothing to come back with
                            .room = o->room,
                            .member = REF_NONE,
                            .room_hash = o->hash,
                            .user = session_user(c->session),
                            .cmd = {.type = CMD_LEAVE, .room = outlet_name(o)}};
        if (!leaving && !shard_ask(sh, home_of(sh, o->hash), &leave)) {
            metric_add(&sh->metrics->limit_memory, 1);
            shard_notice(sh, NOTICE_MEMORY, index, 0, "a leave", outlet_name(o));
        }
        shard_notice(sh, NOTICE_LEFT, index, 0, "connection closed", outlet_name(o));
        outlet_remove(sh, outlet, index);
        outlet_close_if_unused(sh, outlet);
    }
    // The session's bytes stay until the slot is freed: an ask may be looking at them.
    if (c->registered)
        unregister(sh, index);
}

// An address that nobody learns anything from: the terminals of this machine are told apart by their ports.
static bool peer_is_here(str peer)
{
    return str_starts(peer, STR("127.")) || str_starts(peer, STR("[::1]:"));
}

// Named by its address where that is nobody's business (or the operator's wish), else like every guest.
static enum err text_hello(struct shard *sh, uint32_t index)
{
    struct peer room;
    str peer = conn_peer(conn_at(sh, index), &room);
    bool shown = sh->settings->text_show_address || peer_is_here(peer);
    struct command hello = {.type = CMD_HELLO, .name = shown ? peer : STR_NONE};
    return edge_hello(sh, index, &hello);
}

bool edge_text_go_on(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->session == NULL && !c->hello_refused) {
        enum err e = text_hello(sh, index);
        if (e == ERR_FULL)
            return false;
        c->hello_refused = c->hello_refused || e == ERR_NOMEM;
    }
    if (c->ending == ENDING_OPEN && c->hello_refused)
        conn_close(sh, index, WS_CLOSE_TRY_LATER, "out of memory", CLOSE_MEMORY);
    if (c->ending != ENDING_OPEN)
        return true;
    if (c->pending != 0)
        return false;
    struct command join = {
        .type = CMD_JOIN, .room = sh->settings->text_room, .has_history = true, .history = 10};
    if (join.room.n != 0 && !edge_command(sh, index, &join))
        return false;
    c->greeting = false;
    return true;
}

// A text client is somebody and somewhere as soon as it is greeted: in rooms.text_room. What it types meanwhile waits.
void edge_text_start(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    c->greeting = true;
    if (c->phase == PHASE_LINE)
        heartbeat_start(sh, index);
    if (!edge_text_go_on(sh, index))
        conn_park(sh, index);
}
