// SPDX-License-Identifier: Apache-2.0
//
// Tokens that are good no more before they end. A backend says so once, and each shard keeps it (core/auth/revoked.h):
//
//      POST revoke --> shard 0 --> shard 1 --> ... --> the last one: ack
//                        |           |                   |
//                        '-----------'-- what it says, kept; then all connections are looked at, a slice a turn
//
// So whoever has been told that it is done knows that no shard takes such a token any more. It is asked where it is said who somebody is,
// when the verdict is there or the resume token is open, and not before: what is under way meets it there. Who is here already is
// found by walking over the connections, which takes some turns where there are a hundred thousand of them. Rejected: to ask the
// user's home for its sessions (tokens by id, and all of a time, would want a list of their own).
//
// All shards are told in the same order, and the first one has the last word on whether there is room for one more. One that has
// no memory for it says so, and it is to be said again; what others have by then does no harm.
#include "core/edge/edge.h"

#include "core/common/audit.h"

enum { SLICE = 4096 }; // connections of a turn; well under a millisecond

static struct revoked_who who_of(const struct edge *e, str user, const struct grant *g)
{
    struct revoked_who who = {.user = print_str(e->cx, user), .guest = g == NULL};
    if (g == NULL)
        return who;
    who.issued_ms = g->issued_ms;
    who.has_token_id = g->token_id.n != 0;
    if (who.has_token_id)
        who.token = print_str(e->cx, g->token_id);
    return who;
}

bool edge_revoked(const struct edge *e, str user, const struct grant *g)
{
    if (revocations_empty(&e->revoked))
        return false;
    const struct revoked_who who = who_of(e, user, g);
    return revocations_hit(&e->revoked, &who);
}

bool edge_is_revoked(struct edge *e, uint32_t index, const struct command *cmd, str user,
                     const struct grant *g)
{
    if (!edge_revoked(e, user, g))
        return false;
    metric_add(&e->cx->metrics->tokens_revoked, 1);
    notice_put_about(e->cx, NOTICE_TOKEN_REFUSED, index, 0, "revoked", STR_NONE);
    audit_put_conn(e->cx, index, AUDIT_TOKEN_REFUSED, "revoked", user);
    edge_problem(e, index, cmd, PROBLEM_TOKEN_REVOKED,
                 cmd->room.n != 0 ? "The token for the room {} has been revoked."
                 : g != NULL      ? "The token has been revoked; say `hello` with a new one."
                                  : "This session has been revoked; say `hello` without `resume`.");
    return true;
}

enum err edge_revoke(struct edge *e, const struct ask *a)
{
    const struct command *cmd = &a->cmd;
    struct revocations *r = &e->revoked;
    uint64_t ends_ms = cmd->has_seconds ? e->cx->now_ms + (uint64_t)cmd->seconds * 1000 : UINT64_MAX;
    ASSERT(a->before_ms != 0);
    enum err added = OK;
    if (cmd->to.n != 0)
        added = revocations_add(r, REVOKED_USER, print_str(e->cx, cmd->to), a->before_ms, ends_ms);
    else if (cmd->token_id.n != 0)
        added = revocations_add(r, REVOKED_TOKEN, print_str(e->cx, cmd->token_id), a->before_ms, ends_ms);
    else
        revocations_add_all(r, a->before_ms, ends_ms);
    if (e->cx->index == 0)
        metric_set(&e->cx->metrics->revocations, r->slab.count);
    if (added == OK)
        e->revoke_passes = e->passes.pool.high;
    if (added == OK && e->revoke_left == 0)
        e->revoke_left = e->cx->conns->high;
    else if (added == OK)
        e->revoke_again = true; // those that have been looked at were so without it
    return added;
}

static void look_at(struct edge *e, uint32_t index)
{
    const struct asker *c = asker_at(e, index);
    const struct session *s = &c->reader.who.session;
    if (!session_there(s) || !reader_open(&c->reader) || !edge_revoked(e, session_user(s), session_grant(s)))
        return;
    metric_add(&e->cx->metrics->sessions_revoked, 1);
    fan_end(e->fan, index, END_TOKEN_REVOKED);
}

// A token of a room: its membership ends as if it had run out; who brought it may go on.
static void look_at_pass(struct edge *e, struct pass *pass)
{
    const struct session *s = &asker_at(e, pass->conn)->reader.who.session;
    const struct revoked_who who = {.user = print_str(e->cx, session_user(s)),
                                    .has_token_id = pass->has_token_id,
                                    .token = pass->token,
                                    .issued_ms = pass->issued_ms};
    if (!revocations_hit(&e->revoked, &who))
        return;
    pass->told = true;
    pass->expires_ms = pass->leeway_ms = 0;
    pass_watch(&e->passes, pass, e->cx->now_ms);
}

static void look_at_passes(struct edge *e)
{
    for (uint32_t n = 0; n < SLICE && e->revoke_passes != 0; n++) {
        struct pass *pass = pass_used(&e->passes, --e->revoke_passes);
        if (pass != NULL)
            look_at_pass(e, pass);
    }
}

void edge_revoke_turn(struct edge *e)
{
    look_at_passes(e);
    if (revocations_due_ms(&e->revoked) <= e->cx->now_ms) {
        revocations_expire(&e->revoked, e->cx->now_ms);
        if (e->cx->index == 0)
            metric_set(&e->cx->metrics->revocations, e->revoked.slab.count);
    }
    for (uint32_t n = 0; n < SLICE && e->revoke_left != 0; n++) {
        if (slab_used(e->cx->conns, --e->revoke_left))
            look_at(e, e->revoke_left);
        if (e->revoke_left == 0 && e->revoke_again) {
            e->revoke_left = e->cx->conns->high;
            e->revoke_again = false;
        }
    }
}

uint64_t edge_revoke_due_ms(const struct edge *e)
{
    return e->revoke_left != 0 || e->revoke_passes != 0 ? e->cx->now_ms : revocations_due_ms(&e->revoked);
}
