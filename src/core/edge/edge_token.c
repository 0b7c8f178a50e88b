// SPDX-License-Identifier: Apache-2.0
//
// A hello that says who it is by a token: a helper looks at it (core/mail/token.h), and when the verdict is there the hello goes
// on as if it had just been said. Until then nothing else of the connection is carried out, as nobody knows whose it is; other
// connections go on.
//
//      hello {token} --> edge_token_ask --> helper --> edge_verdict --+--> edge_hello_as --> the user's home --> welcome
//                                                                     '--> error, and nobody is a guest by mistake
#include "core/edge/edge.h"

#include "core/common/audit.h"

enum { REFUSED_COST = 20 }; // commands: looking at forgeries costs a helper more than a command costs a shard

bool edge_no_keys(struct edge *e, uint32_t index, const struct command *cmd)
{
    if (e->cx->settings->keys != NULL && e->cx->settings->verifiers != 0)
        return false;
    edge_problem(e, index, cmd, PROBLEM_UNAUTHORIZED,
                 "This server has no keys to check a token by (auth.secret, auth.issuers).");
    return true;
}

// The helper of the command's token is asked. ERR_FULL: not now; ERR_NOMEM.
static enum err ask(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    uint32_t dest = port_verifier(e->cx, cmd->token);
    if (!edge_may_ask(e, index, dest, false))
        return ERR_FULL;
    struct token_mail job = {.conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                             .wall_ms = e->cx->wall_ms,
                             .refresh = cmd->type == CMD_REFRESH,
                             .token = cmd->token,
                             .id = cmd->id,
                             .name = cmd->name,
                             .resume = cmd->resume};
    if (!post_token(e->mail, &job))
        return ERR_NOMEM;
    if (c->mail_quota != 0)
        c->mail_quota--;
    c->pending++;
    asker_pending_at(c, dest);
    metric_add(&e->cx->metrics->tokens_asked, 1);
    return OK;
}

bool edge_present(struct edge *e, uint32_t index, str token)
{
    return token.n == 0 || token.n > TOKEN_MAX ||
           waiting_put_token(&asker_at(e, index)->waiting, e->cx->mem, token);
}

enum err edge_token_ask(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (edge_no_keys(e, index, cmd)) {
        c->token_refused = true;
        return OK;
    }
    enum err asked = ask(e, index, cmd); // not while it is under way already
    if (asked == OK)
        c->exclusive = c->hello_seen = true;
    ASSERT(asked != OK || c->pending == 1);
    return asked;
}

bool edge_no_guest(struct edge *e, uint32_t index, const struct command *cmd)
{
    const struct asker *c = asker_at(e, index);
    if (c->token_refused && cmd->type != CMD_HELLO) {
        edge_problem(e, index, cmd, PROBLEM_UNAUTHORIZED,
                     "The token of your `hello` was refused; say `hello` again, with a good one.");
        return true;
    }
    if (edge_takes_guests(e, c))
        return false;
    edge_problem(e, index, cmd, PROBLEM_UNAUTHORIZED,
                 c->reader.who.tenant_named != TENANT_NONE
                     ? "This tenant takes no guests; say `hello` with a `token` first."
                     : "This server takes no guests; say `hello` with a `token` first.");
    return true;
}

// LATER: it may be good; who sent it is nobody all the same, until it has been looked at.
void edge_token_refused(struct edge *e, uint32_t index, const struct verdict_mail *v, str id)
{
    struct asker *c = asker_at(e, index);
    bool later = v->verdict == TOKEN_LATER;
    struct problem p = {.code = later                         ? PROBLEM_UNAVAILABLE
                                : v->verdict == TOKEN_EXPIRED ? PROBLEM_TOKEN_EXPIRED
                                                              : PROBLEM_UNAUTHORIZED,
                        .text = "{}",
                        .word_kind = WORD_PLAIN,
                        .word = v->why,
                        .retry_ms = v->retry_ms};
    ASSERT(later == (v->retry_ms != 0));
    c->token_refused = c->token_refused || (!v->refresh && v->kept == 0);
    gate_owe(e, c, REFUSED_COST);
    metric_add(later ? &e->cx->metrics->tokens_put_off : &e->cx->metrics->tokens_refused, 1);
    notice_put_about(e->cx, NOTICE_TOKEN_REFUSED, index, 0, token_verdict_name(v->verdict), v->why);
    audit_put_conn(e->cx, index, AUDIT_TOKEN_REFUSED, token_verdict_name(v->verdict), v->why);
    fan_put_problem(e->fan, index, id, &p);
}

// The hello that the verdict is about. False: its user's home has no credit left; *v is kept then.
static bool go_on(struct edge *e, uint32_t index, struct verdict_mail **v)
{
    struct asker *c = asker_at(e, index);
    const struct command hello = {
        .type = CMD_HELLO, .id = (*v)->id, .name = (*v)->name, .resume = (*v)->resume};
    struct tenanted room;
    uint32_t home = home_of(e->cx, print_str(e->cx, edge_called(e, index, *v, &room)).lo);
    enum err done = ERR_NOMEM;
    if ((*v)->verdict == TOKEN_GOOD && !mail_takes(e->mail, home, false) &&
        waiting_put_verdict(&c->waiting, e->cx->mem, &(*v)->mail)) {
        *v = NULL;
        edge_await_credit(e, index, home);
        return false;
    }
    c->pending = 0;
    c->exclusive = false;
    c->hello_seen = false; // but by the next steps
    if ((*v)->verdict == TOKEN_GOOD && mail_takes(e->mail, home, false)) {
        c->mail_quota = c->mail_quota == 0 ? 1 : c->mail_quota; // it has waited long enough
        done = edge_hello_as(e, index, &hello, *v);
        ASSERT(done != ERR_FULL);
    } else if ((*v)->verdict == TOKEN_BAD || (*v)->verdict == TOKEN_EXPIRED || (*v)->verdict == TOKEN_LATER) {
        if ((*v)->verdict != TOKEN_LATER)
            waiting_drop_token(&c->waiting, e->cx->mem); // one that came with the connection has had its say
        edge_token_refused(e, index, *v, (*v)->id);
        done = OK;
    }
    if (done != OK)
        edge_hello_refused(e, index, hello.id);
    return true;
}

// --- another token for a session that is there

bool edge_refresh(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (cmd->room.n != 0)
        return edge_pass_refresh(e, index, cmd);
    if (!c->reader.who.session.granted) {
        edge_problem(e, index, cmd, PROBLEM_BAD_COMMAND,
                     "This session has no token to be refreshed; connect again, and say `hello` with one.");
        return true;
    }
    if (edge_no_keys(e, index, cmd))
        return true;
    if (c->refreshing) // one after the other
        return false;
    enum err asked = ask(e, index, cmd);
    if (asked == ERR_NOMEM)
        edge_no_memory(e, index, cmd);
    c->refreshing = asked == OK;
    return asked != ERR_FULL;
}

// It has what the new token grants, and a resume token that says so; where it shows other info, others are told. ERR_FULL: they
// cannot be told now; ERR_NOMEM. Nothing has changed then.
static enum err regrant(struct edge *e, uint32_t index, const struct command *cmd, const struct grant *by)
{
    struct session *now = &asker_at(e, index)->reader.who.session, next = {0};
    if (session_init(&next, e->cx->mem, now->id, session_user(now), session_name(now), by) != OK)
        return ERR_NOMEM;
    enum err shown = edge_show(e, index, cmd, by->info);
    if (shown != OK) {
        session_deinit(&next, e->cx->mem);
        return shown;
    }
    enum err watched = edge_expiry_watch(e, index, by);
    ASSERT(watched == OK); // it is watched already
    session_deinit(now, e->cx->mem);
    *now = next;
    return OK;
}

// What comes of the verdict, of which it is due no answer any more. ERR_FULL: nothing yet.
static enum err refresh_now(struct edge *e, uint32_t index, const struct verdict_mail *v)
{
    const struct command cmd = {.type = CMD_REFRESH, .id = v->id};
    const struct grant by = verdict_grant(v);
    enum err done = OK;
    if (v->verdict == TOKEN_BUSY) {
        done = ERR_NOMEM;
    } else if (v->verdict != TOKEN_GOOD) {
        edge_token_refused(e, index, v, v->id);
    } else if (!edge_same_user(e, index, v)) {
        edge_problem(e, index, &cmd, PROBLEM_UNAUTHORIZED,
                     "The token is of another user than the session; connect again to be somebody else.");
    } else if (edge_expired(e, by.expires_ms, by.leeway_ms)) {
        edge_problem(e, index, &cmd, PROBLEM_TOKEN_EXPIRED, "The token has ended meanwhile.");
    } else if (edge_is_revoked(e, index, &cmd, session_user(&asker_at(e, index)->reader.who.session), &by)) {
        return OK;
    } else {
        done = regrant(e, index, &cmd, &by);
        if (done == OK)
            edge_put_refreshed(e, index, v->id);
    }
    if (done == ERR_NOMEM)
        edge_no_memory(e, index, &cmd);
    return done;
}

// False: it must wait, and nobody comes into a room meanwhile; *v is kept then.
static bool refresh(struct edge *e, uint32_t index, struct verdict_mail **v)
{
    struct asker *c = asker_at(e, index);
    const struct command cmd = {.type = CMD_REFRESH, .id = (*v)->id};
    ASSERT(c->refreshing);
    c->pending--;
    c->refreshing = false;
    if (refresh_now(e, index, *v) != ERR_FULL)
        return true;
    if (!waiting_put_verdict(&c->waiting, e->cx->mem, &(*v)->mail)) {
        edge_no_memory(e, index, &cmd);
        return true;
    }
    *v = NULL;
    c->pending++;
    c->refreshing = c->waits = true;
    return false;
}

void edge_verdict(struct edge *e, struct verdict_mail *v)
{
    uint32_t index = v->conn.ref.index;
    struct asker *c = slab_get(e->cx->conns, index, v->conn.ref.gen);
    if (c != NULL && reader_open(&c->reader)) {
        ASSERT(c->pending != 0);
        ASSERT(v->refresh || v->kept != 0 || (c->pending == 1 && c->exclusive));
        if (v->kept != 0)
            edge_pass_seen(e, index, &v);
        else
            (void)(v->refresh ? refresh(e, index, &v) : go_on(e, index, &v));
        if (c->pending == 0 || c->waits) {
            c->waits = false;
            fan_wake(e->fan, index);
        }
    }
    mail_discard(e->cx->mem, v != NULL ? &v->mail : NULL);
}

bool edge_verdict_go_on(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    struct verdict_mail *v = (struct verdict_mail *)(void *)waiting_take_verdict(&c->waiting, e->cx->mem);
    ASSERT(v != NULL);
    bool done = v->refresh ? refresh(e, index, &v) : go_on(e, index, &v);
    mail_discard(e->cx->mem, v != NULL ? &v->mail : NULL);
    return done;
}
