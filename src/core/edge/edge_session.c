// SPDX-License-Identifier: Apache-2.0
//
// Who a connection speaks for: the session it gets with its hello, or as a terminal when it is greeted, and gives up when
// it goes. What it says in between is edge.c's.
#include "core/edge/edge.h"

#include "base/codec.h"
#include "core/common/audit.h"
#include "core/edge/guest_name.h"
#include "core/edge/resume.h"

enum { GUEST_CHARS = 10, TENANT_FULL_RETRY_MS = 1000 };

// Somebody new: the strings of *ret are in the buffers.
struct fresh {
    struct tenanted as;
    char user[6 + GUEST_CHARS];
    char name[GUEST_NAME_MAX];
};

// One of nobody's, or of whose the tenant is that its connection named.
static void identity_fresh(struct edge *e, str name, struct fresh *fresh, struct identity *ret)
{
    static const char alphabet[32] = "abcdefghijkmnopqrstuvwxyz2345678";
    uint8_t r[16 + GUEST_CHARS + GUEST_NAME_LUCK];
    e->cx->host->random(e->cx->host->ctx, r, sizeof r);
    base64url_encode(r, 16, ret->session);
    memcpy(fresh->user, "guest-", 6);
    for (int i = 0; i < GUEST_CHARS; i++)
        fresh->user[6 + i] = alphabet[r[16 + i] & 31];
    ret->granted = false;
    ret->user = str_make(fresh->user, sizeof fresh->user);
    ret->name = name.n != 0 ? name : guest_name_make(r + 16 + GUEST_CHARS, fresh->name);
}

static void put_welcome(struct edge *e, uint32_t index, str id, str token)
{
    const struct settings *s = e->cx->settings;
    const struct session *session = &asker_at(e, index)->reader.who.session;
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
    fan_put_event(e->fan, index, &ev);
}

static void unregister(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    struct register_mail m = {.conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                              .user_print = print_str(e->cx, session_user(&c->reader.who.session))};
    ASSERT(c->registered);
    c->registered = false;
    edge_tenant_give_back(e, c->reader.who.tenant);
    c->reader.who.tenant = c->reader.who.tenant_named;
    post_copy(e->mail, home_of(e->cx, m.user_print.lo), MAIL_UNREGISTER, &m, sizeof m);
    metric_sub(&e->cx->metrics->sessions, 1);
}

// Who it said it is has come to nothing: it may say hello again.
static void session_drop(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    ASSERT(c->reader.member_n == 0);
    ASSERT(c->pending == 0);
    unregister(e, index);
    edge_expiry_forget(e, index);
    session_deinit(&c->reader.who.session, e->cx->mem);
    c->hello_seen = false;
}

void edge_hello_refused(struct edge *e, uint32_t index, str id)
{
    struct asker *c = asker_at(e, index);
    struct problem p = {.code = PROBLEM_UNAVAILABLE,
                        .text = "The server is out of memory; try again later.",
                        .retry_ms = 1000};
    if (c->hello_full)
        p = (struct problem){.code = PROBLEM_LIMIT_REACHED,
                             .text =
                                 "This user has as many connections as one may; close another one first."};
    else
        metric_add(&e->cx->metrics->limit_memory, 1);
    c->hello_starved = !c->hello_full;
    c->hello_full = false;
    fan_put_problem(e->fan, index, id, &p);
}

// The session is there and waits for its home to know it.
static enum err ask_register(struct edge *e, uint32_t index, const struct command *cmd, bool resumed)
{
    struct asker *c = asker_at(e, index);
    struct command hello = {.type = CMD_HELLO, .id = cmd->type == CMD_HELLO ? cmd->id : STR_NONE};
    struct ask a = edge_ask_make(e, index, ASK_REGISTER, &hello);
    a.user_print = print_str(e->cx, a.user);
    a.session_print = hash_str(e->cx, a.session);
    a.resumed = resumed;
    ASSERT(c->pending == 0);
    ASSERT(c->reader.member_n == 0);
    ASSERT(c->registered);
    c->pending = 1;
    asker_pending_at(c, home_of(e->cx, a.user_print.lo));
    c->exclusive = true;
    if (post_ask(e->mail, c->pending_shard, &a))
        return OK;
    c->pending = 0;
    c->exclusive = false;
    session_drop(e, index);
    return ERR_NOMEM;
}

// A secret that opens no session of who says it: made up, of somebody else, or too old. Whoever tries is seen in the log.
static void resume_refused(struct edge *e, uint32_t index, enum err opening)
{
    const char *why = opening == OK ? "another user's" : opening == ERR_DENIED ? "too old" : "none of ours";
    metric_add(&e->cx->metrics->resume_refused, 1);
    notice_put(e->cx, NOTICE_RESUME_REFUSED, index, 0, why, STR_NONE);
    audit_put_conn(e->cx, index, AUDIT_RESUME_REFUSED, why, STR_NONE);
}

// Who a hello is from: the session of its resume token, if that is good and (where there is a token) of the same user; else
// somebody new, by the token or a guest. ERR_NOMEM: it cannot be told.
// ERR_DENIED: it may not be here, and why.
static enum err identify(struct edge *e, uint32_t index, const struct command *cmd,
                         const struct verdict_mail *by, struct fresh *fresh, uint8_t opened[RESUME_TOKEN_MAX],
                         struct identity *ret, bool *ret_resumed, struct problem *ret_why)
{
    // A resume token that is not good any more is as none: the welcome names the new session.
    enum err opening = ERR_NOT_FOUND;
    if (cmd->resume.n != 0)
        opening = resume_token_open(e->cx, cmd->resume, opened, ret);
    if (opening == ERR_NOMEM) // it may be a good one, and its session must not be lost over this
        return ERR_NOMEM;
    if (by != NULL && !edge_tenant(e, index, &by->issuer, by->user, &fresh->as, ret_why))
        return ERR_DENIED;
    bool resumed = opening == OK && edge_tenant_goes_on(e, index, ret, &ret->tenant) &&
                   (by == NULL || str_eq(fresh->as.user, ret->user));
    if (cmd->resume.n != 0 && !resumed)
        resume_refused(e, index, opening);
    str name = cmd->type == CMD_HELLO ? cmd->name : STR_NONE;
    if (!resumed)
        identity_fresh(e, by != NULL && name.n == 0 ? by->user : name, fresh, ret);
    if (!resumed && by == NULL) {
        if (!edge_tenant(e, index, NULL, ret->user, &fresh->as, ret_why))
            return ERR_DENIED;
        ret->user = fresh->as.user;
    }
    if (!resumed)
        ret->tenant = fresh->as.tenant;
    if (by != NULL) {
        ret->user = fresh->as.user;
        if (by->called.n != 0 && !resumed) // who goes on may have taken another one since
            ret->name = by->called;
        ret->granted = true;
        ret->grant = verdict_grant(by);
    }
    *ret_resumed = resumed;
    return OK;
}

// Whoever comes when there is a place is welcome: it is told when to try, and closed, as it may hold others up here.
static void tenant_full(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct problem p = {.code = PROBLEM_LIMIT_REACHED,
                        .text = "Your tenant has as many connections as it may have; try again later.",
                        .retry_ms = TENANT_FULL_RETRY_MS};
    if (cmd->type == CMD_HELLO) // else what implied it is not taken up yet: the close says why
        fan_put_problem(e->fan, index, cmd->id, &p);
    fan_end(e->fan, index, END_TENANT_FULL);
}

enum err edge_hello_as(struct edge *e, uint32_t index, const struct command *cmd,
                       const struct verdict_mail *by)
{
    struct asker *c = asker_at(e, index);
    struct identity who;
    struct fresh fresh;
    uint8_t opened[RESUME_TOKEN_MAX];
    bool resumed;
    struct problem why;
    enum err found = identify(e, index, cmd, by, &fresh, opened, &who, &resumed, &why);
    if (found == ERR_DENIED) {
        c->token_refused = by != NULL;
        if (by != NULL)
            waiting_drop_token(&c->waiting, e->cx->mem); // one that came with the connection has had its say
        if (cmd->type == CMD_HELLO)
            fan_put_problem(e->fan, index, cmd->id, &why);
        return OK;
    }
    if (found != OK)
        return ERR_NOMEM;
    if (who.granted && edge_expired(e, who.grant.expires_ms, who.grant.leeway_ms)) {
        edge_problem(e, index, cmd, PROBLEM_TOKEN_EXPIRED,
                     "The session was made with a token that has expired; say `hello` with a new one.");
        return OK;
    }
    if ((resumed || who.granted) &&
        edge_is_revoked(e, index, cmd, who.user, who.granted ? &who.grant : NULL)) {
        c->token_refused = true; // nobody is a guest by mistake
        return OK;
    }
    if (!resumed && by == NULL && edge_no_guest(e, index, cmd))
        return OK;
    if (!edge_may_ask(e, index, home_of(e->cx, print_str(e->cx, who.user).lo), false))
        return ERR_FULL;
    if (!edge_tenant_take(e, who.tenant)) {
        tenant_full(e, index, cmd);
        return OK;
    }
    if (who.granted && edge_expiry_watch(e, index, &who.grant) != OK) {
        edge_tenant_give_back(e, who.tenant);
        return ERR_NOMEM;
    }
    if (session_init(&c->reader.who.session, e->cx->mem, who.session, who.user, who.name,
                     who.granted ? &who.grant : NULL) != OK) {
        edge_expiry_forget(e, index);
        edge_tenant_give_back(e, who.tenant);
        return ERR_NOMEM;
    }
    c->reader.who.tenant = who.tenant;
    c->token_refused = false;
    c->hello_seen = true;
    c->hello_implied = cmd->type != CMD_HELLO;
    c->registered = true;
    metric_add(&e->cx->metrics->sessions, 1);
    return ask_register(e, index, cmd, resumed);
}

bool edge_certificate(struct edge *e, uint32_t index, const struct certificate *c)
{
    ASSERT(!session_there(&asker_at(e, index)->reader.who.session));
    return waiting_put_certificate(&asker_at(e, index)->waiting, e->cx->mem, c);
}

// A certificate is a verdict that is there before anybody asks: its handshake has proved it, as a helper proves a token.
static enum err hello_by_certificate(struct edge *e, uint32_t index, const struct command *cmd,
                                     const struct certificate *c)
{
    const struct verdict_mail by = {.verdict = TOKEN_GOOD,
                                    .issued_ms = c->issued_ms,
                                    .expires_ms = c->expires_ms,
                                    .user = c->user,
                                    .token_id = c->id};
    if (asker_at(e, index)->token_refused && edge_no_guest(e, index, cmd)) // which says so
        return OK;
    return edge_hello_as(e, index, cmd, &by);
}

enum err edge_hello(struct edge *e, uint32_t index, const struct command *cmd)
{
    bool said = cmd->type == CMD_HELLO;
    const struct asker *c = asker_at(e, index);
    str presented = waiting_token(c->waiting);
    if (said && cmd->token.n != 0)
        return edge_token_ask(e, index, cmd);
    if (presented.n == 0 && waiting_certificate(c->waiting) != NULL)
        return hello_by_certificate(e, index, cmd, waiting_certificate(c->waiting));
    if (presented.n == 0)
        return edge_hello_as(e, index, cmd, NULL);
    const struct command hello = {.type = CMD_HELLO,
                                  .token = presented,
                                  .id = said ? cmd->id : STR_NONE,
                                  .name = said ? cmd->name : STR_NONE,
                                  .resume = said ? cmd->resume : STR_NONE};
    return edge_token_ask(e, index, &hello);
}

// From here on others name the session, and need not say where it is.
static void audit_session(struct edge *e, uint32_t index, const char *how)
{
    struct asker *c = asker_at(e, index);
    c->audited = true;
    audit_put_conn(e->cx, index, AUDIT_SESSION, how,
                   str_from_cstr(encoding_of(e->cx, c->reader.encoding)->name));
}

// Whose certificate it was is known from here on by the session's id of a token, if it is by that one.
static void certificate_done(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    const struct certificate *shown = waiting_certificate(c->waiting);
    const struct grant *by = session_grant(&c->reader.who.session);
    if (shown != NULL && by != NULL && str_eq(by->token_id, shown->id)) {
        metric_add(&e->cx->metrics->certificate_sessions, 1);
        notice_put_about(e->cx, NOTICE_CERTIFICATE, index, 0, "", shown->id);
        audit_put_conn(e->cx, index, AUDIT_CERTIFICATE, "", shown->id);
    }
    waiting_drop_certificate(&c->waiting, e->cx->mem);
}

bool edge_on_registered(struct edge *e, const struct answer *a)
{
    uint32_t index = a->conn.ref.index;
    struct asker *c = asker_at(e, index);
    ASSERT(c->registered);
    ASSERT(session_there(&c->reader.who.session));
    char token[RESUME_TOKEN_MAX];
    size_t token_n;
    const bool granted = c->reader.who.session.granted;
    if (a->effect == EFFECT_STRANGER ||
        resume_token_make(e->cx, &c->reader.who.session, token, &token_n) != OK) {
        session_drop(e, index);
        c->hello_full = a->full;
        c->token_refused = c->token_refused || (a->full && granted);
        if (a->full) // else it would be looked at again and again for the command that waits
            waiting_drop_token(&c->waiting, e->cx->mem);
        if (c->hello_implied || c->greeting)
            c->hello_refused = true; // for the command that waits
        else
            edge_hello_refused(e, index, a->payload);
        return false;
    }
    waiting_drop_token(&c->waiting, e->cx->mem); // it is somebody
    if (a->resumed)
        metric_add(&e->cx->metrics->resumed, 1);
    notice_put(e->cx, NOTICE_SESSION_STARTED, index, 0, a->resumed ? "resumed" : "new", STR_NONE);
    audit_session(e, index, a->resumed ? "resumed" : "new");
    certificate_done(e, index);
    put_welcome(e, index, a->payload, str_make(token, token_n));
    return true;
}

// --- the way out

// Tells a home that the connection is in none of its rooms any more, and takes it out of them here: of those that it is leaving
// already, or of the others.
static void depart_from(struct edge *e, uint32_t index, uint32_t home, bool leaving)
{
    struct asker *c = asker_at(e, index);
    struct ref rooms[DEPART_ROOMS_MAX];
    struct depart_mail d = {.conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                            .encoding = c->reader.encoding,
                            // Not who has nothing to come back with; who is leaving already does not want to.
                            .keep_member =
                                encoding_of(e->cx, c->reader.encoding)->language->returns && !leaving,
                            .member = REF_NONE,
                            .user = session_user(&c->reader.who.session),
                            .rooms = rooms};
    for (uint32_t i = c->reader.member_n; i-- != 0 && d.room_n < DEPART_ROOMS_MAX;) {
        const struct membership *m = &reader_memberships(&c->reader)[i];
        uint32_t outlet = m->outlet;
        const struct outlet *o = outlet_at(e->fan, outlet);
        if (home_of(e->cx, o->hash) != home || m->leaving != leaving)
            continue;
        rooms[d.room_n++] = o->room;
        notice_put(e->cx, NOTICE_LEFT, index, 0, "connection closed", outlet_name(o));
        pass_drop(&e->passes, index, outlet);
        outlet_remove(e->fan, outlet, index);
        outlet_close_if_unused(e->fan, outlet);
    }
    post_depart(e->mail, home, &d);
}

void edge_depart(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    while (c->reader.member_n != 0) {
        const struct membership *m = &reader_memberships(&c->reader)[c->reader.member_n - 1];
        depart_from(e, index, home_of(e->cx, outlet_at(e->fan, m->outlet)->hash), m->leaving);
    }
    edge_pass_forget(e, index);
    waiting_drop(&c->waiting, e->cx->mem);
    edge_expiry_forget(e, index);
    // The session's bytes stay until the slot is freed: an ask may be looking at them.
    if (c->audited)
        audit_put_conn(e->cx, index, AUDIT_SESSION_ENDED, "", STR_NONE);
    if (c->registered)
        unregister(e, index);
    c->reader.closed = true;
    ASSERT(c->reader.member_n == 0);
    ASSERT(!c->registered);
}

// An address that nobody learns anything from: the terminals of this machine are told apart by their ports.
static bool peer_is_here(str peer)
{
    return str_starts(peer, STR("127.")) || str_starts(peer, STR("[::1]:"));
}

// Named by its address where that is nobody's business (or the operator's wish), else like every guest.
static enum err text_hello(struct edge *e, uint32_t index)
{
    struct peer room;
    str peer = who_peer(&asker_at(e, index)->reader.who, &room);
    bool known = waiting_certificate(asker_at(e, index)->waiting) != NULL; // and called as its user
    bool shown = !known && (e->cx->settings->text_show_address || peer_is_here(peer));
    struct command hello = {.type = CMD_HELLO, .name = shown ? peer : STR_NONE};
    return edge_hello(e, index, &hello);
}

// rooms.text_room, that of its tenant; empty: none.
static str first_room(const struct edge *e, const struct asker *c,
                      char room[TENANT_PREFIX_MAX + ROOM_NAME_MAX])
{
    str name = e->cx->settings->text_room;
    uint8_t tenant = c->reader.who.tenant;
    if (tenant == TENANT_NONE || name.n == 0)
        return name;
    str prefix = tenant_at(e->cx, tenant)->prefix;
    memcpy(room, prefix.p, prefix.n);
    memcpy(room + prefix.n, name.p, name.n);
    return prefix.n + name.n > ROOM_NAME_MAX ? STR_NONE : str_make(room, prefix.n + name.n);
}

// A text client is somebody and somewhere as soon as it is greeted: in rooms.text_room. What it types meanwhile waits.
bool edge_greet(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    c->greeting = true;
    bool by_token = waiting_token(c->waiting).n != 0 || waiting_certificate(c->waiting) != NULL ||
                    c->pending != 0 || session_there(&c->reader.who.session);
    if (c->hello_full) {
        fan_end(e->fan, index, END_SESSIONS);
        return true;
    }
    if (c->token_refused || (!edge_takes_guests(e, c) && !by_token)) {
        fan_end(e->fan, index, c->token_refused ? END_TOKEN_REFUSED : END_NO_GUESTS);
        return true;
    }
    if (!session_there(&c->reader.who.session) && !c->hello_refused) {
        enum err done = text_hello(e, index);
        if (done != ERR_NOMEM)
            return false;
        c->hello_refused = true;
    }
    if (c->hello_refused) {
        fan_end(e->fan, index, END_NO_SESSION);
        return true;
    }
    if (c->pending != 0)
        return false;
    char room[TENANT_PREFIX_MAX + ROOM_NAME_MAX];
    struct command join = {
        .type = CMD_JOIN, .room = first_room(e, c, room), .has_history = true, .history = 10};
    if (join.room.n != 0 && edge_command(e, index, &join) == EDGE_LATER)
        return false;
    c->greeting = false;
    return true;
}
