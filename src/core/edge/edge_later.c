// SPDX-License-Identifier: Apache-2.0
//
// Commands that were told "not now" because of what they are about: a room that one is on the way into or out of, whose page of
// history is being made, whose readers have to be served first, or whose home has as many asks under way as it may. They are kept
// (waiting.h), the connection is read on, and they are carried out in their order per room when something has changed. What is
// not about a room or a user waits at its connection's front, and everything behind it with it: another name, the
// first words of a connection.
//
// A *fence*: an error that is known here, or a switch, which two homes have a part in, must not overtake replies that are due of
// the room. An ask that wants nothing goes behind those it must not overtake; its answer says that they are answered.
// Rejected: to count what is due by room, which every connection in a room would have to hold four bytes for, and wait for.
#include "core/edge/edge.h"

#include "core/fan/pace.h"

enum {
    WAKES_PER_TURN = 256, // of those who wait for a credit
    QUOTA_MAX = 15,       // of mail_quota
};

enum err edge_init(struct edge *e, struct context *cx, struct mailroom *mail, struct fan *fan)
{
    *e = (struct edge){.cx = cx, .mail = mail, .fan = fan};
    heap_init(&e->expiries, cx->mem);
    leases_init(e);
    revocations_init(&e->revoked, cx->mem);
    passes_init(&e->passes, cx);
    return index_queue_init(&e->mail_waiters, cx->mem, cx->settings->connections_max);
}

void edge_deinit(struct edge *e)
{
    if (e->cx == NULL)
        return;
    heap_deinit(&e->expiries);
    leases_deinit(e);
    revocations_deinit(&e->revoked);
    passes_deinit(&e->passes);
    index_queue_deinit(&e->mail_waiters, e->cx->mem);
}

// --- who waits for a credit

// While a shard answers nothing there is nothing to be done for those who wait for it, and no turn is due:
// it would be the next one at once, and a core would be busy with it until the other shard comes round.
uint64_t edge_due_ms(const struct edge *e)
{
    bool may_go_on = e->mail_waiters.n != 0 && (e->mail->eased || e->mail_wakes != 0);
    const uint64_t dues[] = {leases_due_ms(e), heap_next_due(&e->expiries), edge_revoke_due_ms(e),
                             passes_due_ms(&e->passes)};
    uint64_t due = may_go_on ? e->cx->now_ms : UINT64_MAX;
    for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++)
        due = dues[i] < due ? dues[i] : due;
    return due;
}

// How many asks each of those who wait for the shard may send: what there is, shared out.
static uint32_t quota_of(const struct edge *e, uint32_t dest)
{
    uint32_t left = e->mail->credits - e->mail->boxes[dest].asks;
    uint32_t share = e->waiting_for[dest] != 0 ? left / e->waiting_for[dest] + 1 : 1;
    return share < QUOTA_MAX ? share : QUOTA_MAX;
}

// Without a quota who comes first would take all that there is, again and again, as long as it has more to say.
void edge_wake(struct edge *e)
{
    uint32_t index, quota[PORTS_MAX];
    leases_turn(e);
    memset(e->scarce, 0, sizeof e->scarce);
    if (e->mail_waiters.n == 0) {
        e->mail->eased = false;
        e->mail_wakes = 0;
        return;
    }
    if (e->mail->eased)
        e->mail_wakes = e->mail_waiters.n;
    e->mail->eased = false;
    for (uint32_t i = 0; i < mail_ports(e->mail); i++) {
        quota[i] = quota_of(e, i);
        e->scarce[i] = e->waiting_for[i] != 0 && quota[i] < QUOTA_MAX;
    }
    for (uint32_t n = 0; n < WAKES_PER_TURN && e->mail_wakes != 0; n++) {
        e->mail_wakes--;
        if (!index_queue_pop(&e->mail_waiters, &index))
            continue;
        struct asker *c = asker_at(e, index);
        e->waiting_for[c->mail_port]--;
        c->mail_queued = false;
        c->mail_quota = (uint8_t)(quota[c->mail_port] & QUOTA_MAX);
        fan_wake(e->fan, index);
    }
}

void edge_forget(struct edge *e, uint32_t index)
{
    const struct asker *c = asker_at(e, index);
    leases_forget(e, index);
    if (!c->mail_queued)
        return;
    e->waiting_for[c->mail_port]--;
    index_queue_drop(&e->mail_waiters, index);
}

void edge_check(const struct edge *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < mail_ports(e->mail); i++)
        n += e->waiting_for[i];
    ASSERT(n == e->mail_waiters.n);
    leases_check(e);
    heap_check(&e->expiries);
    revocations_check(&e->revoked);
    edge_pass_check(e);
}

// --- what is kept

enum { ABOUT_ROOMS = 1 }; // as if it were a room

static struct about about_of(const struct edge *e, const struct command *cmd)
{
    switch (cmd->type) {
    case CMD_JOIN:
    case CMD_LEAVE:
    case CMD_MESSAGE:
    case CMD_SIGNAL:
    case CMD_READ:
    case CMD_MEMBERS:
    case CMD_HISTORY:
    case CMD_INVITES:
    case CMD_WHOIS:
    case CMD_CREATE:
    case CMD_STATE:
    case CMD_STATE_READ:
#define X(upper, ...) case CMD_##upper:
        DECREES(X)
        WORDS(X)
#undef X
        return (struct about){{hash_str(e->cx, cmd->room)}};
    case CMD_SWITCH:
        return (struct about){{hash_str(e->cx, cmd->room), hash_str(e->cx, cmd->from)}};
    case CMD_DIRECT:
        return (struct about){{print_str(e->cx, cmd->to).lo}};
    case CMD_ROOMS:
        return (struct about){{ABOUT_ROOMS}};
    case CMD_REFRESH: // of the session, or of a room's token
        return (struct about){{cmd->room.n != 0 ? hash_str(e->cx, cmd->room) : 0}};
    case CMD_NONE: // of the connection itself
    case CMD_HELLO:
    case CMD_PING:
    case CMD_RENAME:
    case CMD_HELP:
    case CMD_QUIT:
    case CMD_PUBLISH: // of the HTTP API
    case CMD_BROADCAST:
    case CMD_INFO:
    case CMD_CONNECTIONS:
    case CMD_DISCONNECT:
    case CMD_REVOKE:
    case CMD_BATCH:
    case CMD_COUNT:
        break;
    }
    return (struct about){0};
}

bool edge_is_behind(const struct edge *e, uint32_t index, const struct command *cmd)
{
    const struct asker *c = asker_at(e, index);
    if (!waiting_holds(c->waiting))
        return false;
    if (cmd->type == CMD_RENAME)
        return true; // it changes who said what is kept
    const struct about about = about_of(e, cmd);
    return waiting_blocks(c->waiting, NULL, &about);
}

// True while it may ask for more at all.
static bool takes_more(const struct edge *e, const struct asker *c)
{
    return reader_open(&c->reader) && !c->exclusive && c->reader.out.bytes <= e->cx->settings->reply_bytes;
}

// A switch that cannot be: its reply is about two rooms in which things may be due.
static bool switch_fails(const struct edge *e, struct asker *c, const struct command *cmd)
{
    return cmd->type == CMD_SWITCH &&
           (edge_member_of(e, c, cmd->from) == NULL || edge_member_of(e, c, cmd->room) != NULL);
}

// Sends the fence that a command may need, where that can be done now.
static void fence_send(struct edge *e, uint32_t index, struct kept *k)
{
    struct asker *c = asker_at(e, index);
    if (k->fence != FENCE_NONE || c->pending == 0 ||
        (k->cmd.type != CMD_JOIN && k->cmd.type != CMD_CREATE && k->cmd.type != CMD_SWITCH &&
         k->cmd.type != CMD_REFRESH))
        return;
    const struct membership *m = edge_member_of(e, c, k->cmd.type == CMD_SWITCH ? k->cmd.from : k->cmd.room);
    if (m == NULL || edge_room_busy(c, m->outlet))
        return;
    const struct outlet *o = outlet_at(e->fan, m->outlet);
    uint32_t dest = home_of(e->cx, o->hash);
    if (!edge_may_ask(e, index, dest, false))
        return;
    const struct command none = {.type = k->cmd.type, .room = outlet_name(o)};
    struct ask a = edge_ask_make(e, index, ASK_FENCE, &none);
    a.room_hash = o->hash;
    a.outlet = (struct ref){m->outlet, slab_gen(&e->fan->outlets, m->outlet)};
    if (!post_ask(e->mail, dest, &a))
        return; // when all is answered it needs none
    c->pending++;
    asker_pending_at(c, dest);
    k->fence = FENCE_SENT;
}

void edge_on_fenced(struct edge *e, const struct answer *a)
{
    const struct asker *c = asker_at(e, a->conn.ref.index);
    const struct outlet *o = slab_get(&e->fan->outlets, a->outlet.index, a->outlet.gen);
    for (struct kept *k = c->waiting != NULL ? c->waiting->first : NULL; k != NULL; k = k->next) {
        bool its = o == NULL || k->about.keys[0] == o->hash || k->about.keys[1] == o->hash;
        if (k->fence == FENCE_SENT && its) {
            k->fence = FENCE_PASSED;
            return;
        }
    }
}

bool edge_keep(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    const struct about about = about_of(e, cmd);
    bool serial = encoding_of(e->cx, c->reader.encoding)->language->serial;
    if (serial || about.keys[0] == 0 || !session_there(&c->reader.who.session) || !takes_more(e, c) ||
        switch_fails(e, c, cmd))
        return false;
    if (!waiting_keep(&c->waiting, e->cx->mem, cmd, &about)) {
        metric_add(&e->cx->metrics->waiting_full, 1);
        // Its token is looked at when it is kept: it is refused where nothing comes that it could wait for, an answer or its
        // turn behind those that are kept, which an error now would overtake.
        if (!edge_pass_shows(cmd) || c->pending != 0 || waiting_holds(c->waiting))
            return false;
        edge_no_memory(e, index, cmd);
        return true;
    }
    metric_add(&e->cx->metrics->commands_kept, 1);
    metric_add(&e->cx->metrics->publishes_paced, cmd->type == CMD_MESSAGE && c->reader.paced);
    struct kept *k = c->waiting->last;
    edge_pass_show(e, index, k);
    if (!waiting_blocks(c->waiting, k, &about))
        fence_send(e, index, k);
    return true;
}

bool edge_go_on(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    c->reader.paced = false; // who is, is told so again
    if (c->waiting != NULL && c->waiting->verdict != NULL) {
        bool hello = c->exclusive; // then nothing else is carried out before it is
        bool done = edge_verdict_go_on(e, index);
        if (done || hello)
            return done;
    }
    struct kept *next;
    for (struct kept *k = c->waiting != NULL ? c->waiting->first : NULL; k != NULL && takes_more(e, c);
         k = next) {
        next = k->next;
        edge_pass_show(e, index, k);
        if (k->shown == SHOWN_ASKED || waiting_blocks(c->waiting, k, &k->about))
            continue; // what is said of its token is for this one, and comes
        c->fenced = k->fence == FENCE_PASSED;
        e->at_hand = k;
        bool done = edge_carry_out(e, index, &k->cmd);
        e->at_hand = NULL;
        c->fenced = false;
        if (done) {
            waiting_take(&c->waiting, e->cx->mem, k);
            return true;
        }
        fence_send(e, index, k);
    }
    return false;
}
