// SPDX-License-Identifier: Apache-2.0
//
// Directs: what is said to be delivered arrives, once, at the one who was meant.
//
// A guest of the simulator has one session, and so has who is known by a token as long as it has been here once: after that an
// earlier connection of its may not be found dead yet. So an ack may say 1 or 0 (or 2, while a session is being taken up and its
// older connection is not found dead yet). After a 1 the direct is due on the connection that the recipient had all the
// while; where that one has ended since, or was the second one of its session (the first may have been reached instead,
// and was lost with it), nobody can tell.
#include "sim/revoke.h"
#include "sim/world.h"

// The connection that m must have gone to: there when it was said, and the only one of its session.
bool direct_sure(const struct world *w, const struct client *to, const struct message *m)
{
    bool alone =
        !client_may_be_twice(to) || (!to->known && to->welcomed_ms + client_patience_ms(w) < m->said_ms);
    return alone && to->state == CLIENT_OPEN && to->welcomed && to->link != NULL &&
           to->link->serial == m->to_link && client_watched(to);
}

void direct_said(struct world *w, struct message *m)
{
    const struct client *to = &w->clients[m->to]; // directs do not go from one server to another
    bool near = to->server == w->clients[m->client].server;
    m->to_link = near && to->link != NULL && to->welcomed ? to->link->serial : 0;
}

// Welcomed before m was said, and there without a word of an end until now: its home must have known it. Who may be
// closed for its rate, or for want of memory, may be so without having heard of it; and so may whose token has been revoked (seed 37967).
static bool direct_reachable(const struct world *w, const struct client *to, const struct message *m)
{
    return m->to_link != 0 && to->link != NULL && to->link->serial == m->to_link &&
           to->temper == TEMPER_HEALTHY && to->state == CLIENT_OPEN && w->settings.commands_per_s == 0 &&
           w->plan.refuse_one_in == 0 && !w->draining && !revoke_explains(w, to, m->said_ms);
}

void direct_acked(struct world *w, struct client *c, struct message *m, uint64_t delivered)
{
    m->reached = (uint32_t)delivered;
    m->settled = true;
    if (m->reached > 1 && !client_may_be_twice(&w->clients[m->to]))
        trace_fail(w, c, "ONCE: m%ux reached %u sessions of a user who has one", m->serial, m->reached);
    if (m->deliveries > m->reached)
        trace_fail(w, c, "ONCE: m%ux came %u times and reached %u sessions", m->serial, m->deliveries,
                   m->reached);
    if (m->reached == 0 && direct_reachable(w, &w->clients[m->to], m))
        trace_fail(w, c, "LOSS: m%ux is a direct to user %s, who was welcomed at %llu ms, and reached nobody",
                   m->serial, w->clients[m->to].user, (unsigned long long)w->clients[m->to].welcomed_ms);
    if (m->reached == 0 || m->deliveries != 0)
        return;
    ARENA_GROW(&w->arena, w->directs_due, w->directs_due_n, w->directs_due_cap);
    w->directs_due[w->directs_due_n++] = (struct direct_due){m->serial, w->now_ms};
}

void direct_came(struct world *w, struct client *c, struct message *m)
{
    if (m->room != NONE || m->to != c->index)
        trace_fail(w, c, "ISOLATION: m%ux is for somebody else", m->serial);
    if (m->user[0] != '\0' && !hands_serve(w, &w->clients[m->client], m->user, "direct"))
        trace_fail(w, c, "RIGHTS: m%ux is a direct of %s, who may say none", m->serial, m->user);
    if (!c->welcomed)
        trace_fail(w, c, "ORDER: m%ux came before the welcome", m->serial);
    if (m->attempts == m->denied)
        trace_fail(w, c, "ISOLATION: m%ux was refused, and came", m->serial);
    if (m->settled && m->reached == 0)
        trace_fail(w, c, "ONCE: m%ux came, and its sender was told that it reached nobody", m->serial);
    m->deliveries++;
    w->counts.directs++;
    if (m->deliveries > 1)
        trace_fail(w, c, "ONCE: m%ux came %u times", m->serial, m->deliveries);
}

// Each that is due is looked at until it has come, or nobody can tell any more. rest: nothing is under way.
void directs_check(struct world *w, bool rest)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->directs_due_n; i++) {
        struct direct_due due = w->directs_due[i];
        const struct message *m = truth_message(w, due.message);
        struct client *to = &w->clients[m->to];
        if (m->deliveries != 0 || !direct_sure(w, to, m))
            continue;
        bool late = to->temper == TEMPER_HEALTHY && due.acked_ms + client_patience_ms(w) < w->now_ms;
        if (late || rest)
            trace_fail(w, to, "LOSS: m%ux is a direct that was delivered at %llu ms, and has not come",
                       m->serial, (unsigned long long)due.acked_ms);
        w->directs_due[kept++] = due;
    }
    w->directs_due_n = kept;
}
