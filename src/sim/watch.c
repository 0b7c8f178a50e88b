// SPDX-License-Identifier: Apache-2.0
//
// What is looked at after every step, whoever said what: memory, peers that are gone, connections that should have
// ended, deliveries that are late; and, when the server ends a connection, whether it had a reason.
#include "sim/rates.h"
#include "sim/revoke.h"
#include "sim/world.h"

enum { REBUILD_EVERY = 100, CHECK_LATE_EVERY = 8 };

static const char *ending_of(const struct world *w, const struct client *c)
{
    const struct settings *s = &w->settings;
    bool healthy = c->temper == TEMPER_HEALTHY;
    if (c->expects_close || c->close_sent || w->plan.refuse_one_in != 0 || !client_watched(c))
        return NULL;
    if (c->temper == TEMPER_SILENT || c->speech == SPEAKS_HTTP)
        return NULL; // deadlines
    if (c->close_code == 0 && c->speech != SPEAKS_TEXT_LINE)
        return healthy ? "without a close frame" : NULL; // given up on by heartbeat or deadline
    if (c->speech == SPEAKS_TEXT_LINE)
        return healthy && !w->draining ? "a healthy terminal" : NULL;
    switch (c->close_code) {
    case WS_CLOSE_RESTART:
        return w->draining ? NULL : "1012 without a drain";
    case WS_CLOSE_TRY_LATER:
        if (tenancy_closes(w, c))
            return NULL;
        return healthy ? "1013 on a connection that reads everything at once" : NULL;
    case WS_CLOSE_POLICY:
        return healthy && s->commands_per_s == 0 && !rates_are(s) && !revoke_explains(w, c, w->now_ms)
                   ? "1008 on a healthy connection"
                   : NULL;
    default:
        return "a code for peers that break rules";
    }
}

// Whoever sends a close frame on a connection that stays up gets one back before TCP ends (RFC 6455 section 5.5.1).
static void check_close_answered(struct world *w, struct client *c, bool ended)
{
    if (!c->close_sent || c->close_code != 0 || !client_watched(c) || w->plan.refuse_one_in != 0)
        return;
    if (ended)
        trace_fail(w, c, "CLOSE: TCP ended in order, and our close frame had no answer");
    // What it said before is carried out first, command by command: several times the patience for one.
    if (c->temper == TEMPER_HEALTHY && w->now_ms > c->close_said_ms + 4 * client_patience_ms(w))
        trace_fail(w, c, "CLOSE: our close frame, sent at %llu ms, has no answer",
                   (unsigned long long)c->close_said_ms);
}

void watch_closed(struct world *w, struct client *c, bool aborted)
{
    check_close_answered(w, c, !aborted && c->link->server_shut);
    // Having heard the close frame and answered it is a reason of the server's, not of the client's.
    bool answered = c->close_code != 0 && !c->expects_close;
    bool sent = c->close_sent;
    if (answered)
        c->close_sent = false;
    const char *wrong = ending_of(w, c);
    c->close_sent = sent;
    if (wrong != NULL && !(w->draining && aborted))
        trace_fail(w, c, "CLOSE: the server ended the connection (%s, code %u): %s",
                   aborted ? "reset" : "in order", c->close_code, wrong);
    if (c->close_code == WS_CLOSE_RESTART && c->link != NULL && client_watched(c)) {
        struct node *n = &w->nodes[c->link->node];
        n->closed_1012++;
        n->last_1012_ms = w->now_ms;
        if (!c->drain_seen && c->speech != SPEAKS_ECHO)
            trace_fail(w, c, "DRAIN: closed with 1012 and not told before");
    }
}

static void check_link(struct world *w, const struct sim_link *l)
{
    const struct settings *s = &w->settings;
    uint64_t patience = client_patience_ms(w);
    uint64_t timeout = s->heartbeat_timeout_ms != 0 ? s->heartbeat_timeout_ms : 2u * s->heartbeat_ms;
    if (l->client != NULL || !l->accepted || l->server_closed)
        return;
    uint64_t heard = l->unread_ms > l->vanished_ms ? l->unread_ms : l->vanished_ms;
    uint64_t interval = s->heartbeat_max_ms > s->heartbeat_ms ? s->heartbeat_max_ms : s->heartbeat_ms;
    if (interval < timeout)
        interval = timeout; // the ping before may have been answered by data, and is waited for first
    uint64_t found = heard + interval + timeout + s->close_ms + patience;
    // What a flooding peer has left behind is worked off first, and it is not listened to meanwhile.
    bool flood = w->clients[l->owner].temper == TEMPER_FLOODING;
    if (l->vanished && !flood && w->now_ms > found + (l->transport == TRANSPORT_LINE ? 20000 : 0))
        trace_fail(w, &w->clients[l->owner],
                   "HEARTBEAT: the peer of link %u vanished at %llu ms and was heard at %llu ms; "
                   "it is still connected",
                   l->serial, (unsigned long long)l->vanished_ms, (unsigned long long)l->unread_ms);
    // What it said before its end is carried out first, command by command, and answered: several times the patience for one,
    // from when its socket took all.
    bool over = l->reset || (l->fin && l->up.n == 0);
    if (heard < l->blocked_ms)
        heard = l->blocked_ms;
    if (!l->vanished && over && l->healthy && w->now_ms > heard + s->close_ms + 4 * patience &&
        w->now_ms > l->gone_ms + s->close_ms + 4 * patience)
        trace_fail(w, &w->clients[l->owner], "CLOSE: link %u ended at %llu ms and is still connected",
                   l->serial, (unsigned long long)l->gone_ms);
}

static void check_client(struct world *w, struct client *c)
{
    const struct settings *s = &w->settings;
    uint64_t patience = client_patience_ms(w);
    if (c->link == NULL)
        return;
    check_close_answered(w, c, false);
    if (c->temper == TEMPER_SILENT && c->speech == SPEAKS_JSON && !c->link->server_closed &&
        !c->link->server_shut && c->link->accepted &&
        w->now_ms > c->opened_ms + s->handshake_ms + s->hello_ms + s->close_ms + patience)
        trace_fail(w, c, "DEADLINE: a connection that says nothing since %llu ms is still there",
                   (unsigned long long)c->opened_ms);
    if (c->temper != TEMPER_HEALTHY || c->state != CLIENT_OPEN || c->speech != SPEAKS_JSON)
        return;
    if (c->stalled_until_ms > w->now_ms && w->options->mutation == MUTATE_NOTHING)
        return;
    seat_check_late(w, c);
    asks_check_late(w, c);
    passes_check_late(w, c);
    asks_check_unhindered(w, c);
}

// Each ask has one credit and gives it back once, whatever becomes of it.
static void check_credits(struct world *w)
{
    uint64_t counted, found;
    probe_credits(w, &counted, &found);
    if (counted != found)
        trace_fail(w, NULL, "CREDITS: the shards have %llu asks under way, and there are %llu",
                   (unsigned long long)counted, (unsigned long long)found);
}

// Most of a run's time goes here, so a shard that had no turn is not looked at again at once: nobody else may write into
// it. That nobody does is seen a few steps later.
static void check_shards(struct world *w)
{
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        struct node *n = &w->nodes[i];
        if (n->touched || w->step % CHECK_LATE_EVERY == 0)
            shard_check(n->shard);
        n->touched = false;
    }
}

void watch_step(struct world *w)
{
    check_credits(w);
    if (mem_used(&w->vmem.mem) > w->budget)
        trace_fail(w, NULL, "BOUNDS: %zu bytes in use, the settings allow for %zu", mem_used(&w->vmem.mem),
                   w->budget);
    if (w->step % CHECK_LATE_EVERY == 0) {
        for (uint32_t i = 0; i < w->links_n; i++)
            check_link(w, w->links[i]);
        for (uint32_t i = 0; i < w->plan.clients; i++)
            check_client(w, &w->clients[i]);
        directs_check(w, false);
        revoke_check(w);
    }
    if (w->step % REBUILD_EVERY == 0)
        rebuild_check(w);
    check_shards(w);
    tenancy_check(w);
    const uint32_t most = w->settings.sessions_per_user;
    for (uint32_t i = 0; most != 0 && i < w->nodes_n; i++)
        if (probe_sessions_most(w->nodes[i].shard) > most)
            trace_fail(w, NULL, "BOUNDS: a user has %u sessions, and may have %u",
                       probe_sessions_most(w->nodes[i].shard), most);
}
