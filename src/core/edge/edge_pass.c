// SPDX-License-Identifier: Apache-2.0
//
// A token of a room: it comes with the join or the switch, and says what its bearer may do in that room, in the place of what the
// session's token says, for as long as the membership lasts and the token does.
//
//      join {token} --> kept (waiting.h) --> helper --> verdict, kept with it --> carried out --> the room's home
//                       |                                                        '--> error, in its turn
//                       '-- what is said about the room waits behind it, all else goes on
//
// The command is carried out twice: first it finds that its token has not been looked at, and is kept; when the verdict is there it is
// looked at anew, as everything may have changed. So its errors are in the order of the room's replies like all that is kept, and
// helpers may answer in any order.
//
// Whom it is for: the user of the session, or nobody by name, an *invitation*, which is for whoever brings it, and has to say which
// rooms it is for. Rejected: to have the session's resume token hold it (a session would outlive its invitation by being cut, and
// the token would grow with every room): who comes back joins with the token again.
#include "core/edge/edge.h"

// What the session may at most: as its token says or, of guests, the server (auth.guest_caps). Absent: nothing is said, the room's
// rule decides. Of guests it is looked up whenever it is asked for, so that who comes back by a resume token has it too.
static str caps_of(const struct edge *e, uint32_t index)
{
    const struct grant *g = session_grant(&asker_at(e, index)->reader.who.session);
    return g != NULL ? g->caps : e->cx->settings->guest_caps;
}

bool edge_as_guest(const struct edge *e, uint32_t index, uint32_t outlet)
{
    return !asker_at(e, index)->reader.who.session.granted && pass_find(&e->passes, index, outlet) == NULL;
}

uint32_t edge_grant(const struct edge *e, uint32_t index, uint32_t outlet, str room)
{
    const struct pass *pass = pass_find(&e->passes, index, outlet);
    if (pass != NULL)
        return pass->grant;
    const str caps = caps_of(e, index);
    return caps.p != NULL ? caps_room(caps, room) : 0;
}

bool edge_serves(const struct edge *e, uint32_t index, enum server_word word)
{
    const str caps = caps_of(e, index);
    return caps.p == NULL || caps_serves(caps, word);
}

bool edge_pass_shows(const struct command *cmd)
{
    return cmd->token.n != 0 && !invitation_claimed(cmd->token) &&
           (cmd->type == CMD_JOIN || cmd->type == CMD_SWITCH ||
            (cmd->type == CMD_REFRESH && cmd->room.n != 0));
}

void edge_pass_show(struct edge *e, uint32_t index, struct kept *k)
{
    struct asker *c = asker_at(e, index);
    if (k->shown != SHOWN_NOT || !edge_pass_shows(&k->cmd) || e->cx->settings->keys == NULL ||
        e->cx->settings->verifiers == 0)
        return;
    uint32_t dest = port_verifier(e->cx, k->cmd.token);
    if (!edge_may_ask(e, index, dest, false))
        return;
    struct token_mail job = {.conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                             .wall_ms = e->cx->wall_ms,
                             .kept = k->number,
                             .token = k->cmd.token};
    if (!post_token(e->mail, &job)) {
        k->shown = SHOWN_LOST; // to be told in its turn
        fan_wake(e->fan, index);
        return;
    }
    k->shown = SHOWN_ASKED;
    if (c->mail_quota != 0)
        c->mail_quota--;
    c->pending++;
    asker_pending_at(c, dest);
    metric_add(&e->cx->metrics->tokens_asked, 1);
}

void edge_pass_seen(struct edge *e, uint32_t index, struct verdict_mail **v)
{
    struct asker *c = asker_at(e, index);
    struct kept *k = waiting_find(c->waiting, (*v)->kept);
    ASSERT(k != NULL); // it waits for nothing else
    ASSERT(k->shown == SHOWN_ASKED);
    c->pending--;
    k->shown = SHOWN_SEEN;
    k->verdict = &(*v)->mail;
    *v = NULL;
    fan_wake(e->fan, index);
}

// What a good one gives in the room; why it is not for that: a sentence, else NULL.
static const char *pass_read(const struct edge *e, uint32_t index, const struct command *cmd,
                             const struct verdict_mail *v, struct pass *ret)
{
    if (!edge_tenant_issues(e, index, v->issuer))
        return "The token for the room {} is of an issuer that speaks for another tenant.";
    if (v->user.n != 0 && !edge_same_user(e, index, v))
        return "The token for the room {} is of another user than the session.";
    if (v->user.n == 0 && v->caps.p == NULL)
        return "The token for the room {} names nobody; then it has to say in `caps.rooms` which rooms it is for.";
    *ret = (struct pass){.conn = index,
                         .grant = v->caps.p != NULL ? caps_room(v->caps, cmd->room) : 0,
                         .no_create = v->caps.p != NULL && !caps_serves(v->caps, SERVER_CREATE),
                         .has_token_id = v->token_id.n != 0,
                         .token = v->token_id.n != 0 ? print_str(e->cx, v->token_id) : (u128){0},
                         .issued_ms = v->issued_ms,
                         .expires_ms = v->expires_ms,
                         .leeway_ms = v->leeway_ms};
    return NULL;
}

enum err edge_pass_of(struct edge *e, uint32_t index, const struct command *cmd, struct pass *ret)
{
    const struct kept *k = e->at_hand;
    if (edge_no_keys(e, index, cmd))
        return ERR_DENIED;
    if (k == NULL || k->shown == SHOWN_NOT || k->shown == SHOWN_ASKED)
        return ERR_FULL;
    const struct verdict_mail *v = (const struct verdict_mail *)(const void *)k->verdict;
    ASSERT((v == NULL) == (k->shown == SHOWN_LOST));
    if (v == NULL || v->verdict == TOKEN_BUSY) {
        edge_no_memory(e, index, cmd);
        return ERR_DENIED;
    }
    if (v->verdict != TOKEN_GOOD) {
        edge_token_refused(e, index, v, cmd->id);
        return ERR_DENIED;
    }
    const char *why = pass_read(e, index, cmd, v, ret);
    const struct grant by = verdict_grant(v);
    if (why != NULL) {
        edge_problem(e, index, cmd, PROBLEM_UNAUTHORIZED, why);
        return ERR_DENIED;
    }
    if (edge_is_revoked(e, index, cmd,
                        v->user.n != 0 ? session_user(&asker_at(e, index)->reader.who.session) : v->user,
                        &by))
        return ERR_DENIED;
    if (!edge_expired(e, ret->expires_ms, ret->leeway_ms))
        return OK;
    edge_problem(e, index, cmd, PROBLEM_TOKEN_EXPIRED, "The token for the room {} has ended meanwhile.");
    return ERR_DENIED;
}

// Its reply, and its errors, are about the room, so they come behind what is due of it.
bool edge_pass_refresh(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    uint32_t outlet = edge_outlet_named(e, c, cmd->room);
    if (outlet != MAP_NONE && edge_room_busy(c, outlet))
        return false;
    const struct membership *m = outlet == MAP_NONE ? NULL : reader_find_membership(&c->reader, outlet);
    if (edge_owes(c) || (m != NULL && c->pending != 0 && !c->fenced))
        return false;
    if (m == NULL) {
        edge_problem(e, index, cmd, PROBLEM_NOT_MEMBER, "You are not in the room {}; join it first.");
        return true;
    }
    if (pass_find(&e->passes, index, outlet) == NULL) {
        edge_problem(
            e, index, cmd, PROBLEM_BAD_COMMAND,
            "You did not come into the room {} by a token of its own; leave it, and join it with one.");
        return true;
    }
    struct pass pass;
    enum err e_of = edge_pass_of(e, index, cmd, &pass);
    if (e_of != OK)
        return e_of != ERR_FULL;
    pass.outlet = outlet;
    enum err put = edge_pass_put(e, &pass);
    ASSERT(put == OK); // in the place of the one that it had
    struct event ev = {.type = EV_ACK,
                       .id = cmd->id,
                       .room = cmd->room,
                       .has_expires = true,
                       .expires_in_s = edge_expires_in_s(e, pass.expires_ms)};
    fan_put_event(e->fan, index, &ev);
    return true;
}

void edge_pass_forget(struct edge *e, uint32_t index)
{
    const struct waiting *w = asker_at(e, index)->waiting;
    for (uint32_t i = 0; w != NULL && i < w->open_n; i++)
        pass_drop(&e->passes, index, w->open[i]);
}

void edge_pass_check(const struct edge *e)
{
    passes_check(&e->passes);
    for (uint32_t i = 0; i < e->passes.pool.high; i++) {
        if (!slab_used(&e->passes.pool, i))
            continue;
        const struct pass *p = slab_at(&e->passes.pool, i);
        ASSERT(slab_used(e->cx->conns, p->conn));
        struct asker *c = asker_at(e, p->conn);
        ASSERT(reader_find_membership(&c->reader, p->outlet) != NULL ||
               waiting_is_open(c->waiting, p->outlet));
    }
}
