// SPDX-License-Identifier: Apache-2.0
//
// Commands of the connections of this shard: what can be said here is answered here; everything about a room goes
// to its home, everything about a user to the user's registry, as an ask.
//
// A connection talks to one shard at a time. While asks to it are unanswered, a command for another shard (or a
// reply made here) would overtake, so it waits: replies keep the order of commands without a reorder queue. Publishes
// to one home are pipelined freely; commands that change what the connection is in wait for their answer.
#include "base/where.h"
#include "core/shard_state.h"

enum { PENDING_MAX = 1024 };

bool edge_may_reply(const struct shard *sh, const struct conn *c)
{
    return c->pending == 0 || (c->pending_shard == sh->index && !c->exclusive);
}

bool edge_may_ask(const struct shard *sh, const struct conn *c, uint32_t dest)
{
    if (c->pending != 0 && (c->exclusive || c->pending_shard != dest || c->pending >= PENDING_MAX))
        return false;
    return dest == sh->index || shard_mail_waiting(sh, dest) <= MAIL_BACKLOG_PAUSE;
}

void edge_problem(struct shard *sh, uint32_t index, const struct command *cmd, enum problem_code code,
                  const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = cmd->room};
    conn_put_problem(sh, index, cmd->id, &p);
}

void edge_no_memory(struct shard *sh, uint32_t index, const struct command *cmd)
{
    metric_add(&sh->metrics->limit_memory, 1);
    edge_problem(sh, index, cmd, PROBLEM_UNAVAILABLE, "The server is out of memory; try again later.");
}

// --- asks

struct ask edge_ask_make(struct shard *sh, uint32_t index, enum ask_type type, const struct command *cmd)
{
    const struct conn *c = conn_at(sh, index);
    return (struct ask){.type = type,
                        .conn = {sh->index, {index, slab_gen(&sh->conns, index)}},
                        .dialect = c->dialect,
                        .address = c->address,
                        .since_ms = c->hello_ms,
                        .outlet = REF_NONE,
                        .room = REF_NONE,
                        .member = REF_NONE,
                        .user = session_user(c->session),
                        .session = str_make(c->session->id, SESSION_ID_LEN),
                        .name = session_name(c->session),
                        .cmd = *cmd};
}

// Sends it. The connection waits for exactly one answer to it.
static void ask_send(struct shard *sh, uint32_t index, uint32_t dest, const struct ask *a, bool exclusive)
{
    struct conn *c = conn_at(sh, index);
    c->pending++;
    c->pending_shard = (uint8_t)dest;
    c->exclusive = exclusive;
    if (shard_ask(sh, dest, a))
        return;
    c->pending--;
    c->exclusive = false;
    if (a->outlet.index != UINT32_MAX && a->type == ASK_JOIN) {
        outlet_at(sh, a->outlet.index)->pending--;
        outlet_close_if_unused(sh, a->outlet.index);
    }
    if (a->type == ASK_LEAVE)
        conn_find_membership(c, a->outlet.index)->leaving = false;
    if (c->pending != 0) { // an error now would overtake their replies
        metric_add(&sh->metrics->limit_memory, 1);
        conn_abort(sh, index, CLOSE_MEMORY);
        return;
    }
    edge_no_memory(sh, index, &a->cmd);
}

// The room a command is about, where it must be one the connection is in. An empty name is the one it is in.
static struct membership *member_of(struct shard *sh, struct conn *c, str room)
{
    if (room.n == 0)
        return c->member_n != 0 ? conn_memberships(c) : NULL;
    uint32_t outlet = outlet_find(sh, room, hash_str(sh, room));
    return outlet == MAP_NONE ? NULL : conn_find_membership(c, outlet);
}

static void fingerprint_key(struct shard *sh, struct ask *a)
{
    char material[USER_ID_MAX + 1 + MESSAGE_KEY_MAX + 1 + USER_ID_MAX];
    size_t n = 0;
    const str parts[] = {a->user, a->cmd.key, a->cmd.to};
    a->has_key = a->cmd.key.n != 0;
    if (!a->has_key)
        return;
    for (size_t i = 0; i < 3; i++) {
        ASSERT(n + parts[i].n + 1 <= sizeof material + 1);
        if (parts[i].n != 0)
            memcpy(material + n, parts[i].p, parts[i].n);
        n += parts[i].n;
        if (i < 2)
            material[n++] = '\0';
    }
    a->key_print = siphash128(&sh->settings->hash_key, material, n);
}

// Asks about a room one is in: message, members, history, rename, resolve, leave.
static bool ask_in_room(struct shard *sh, uint32_t index, const struct command *cmd, enum ask_type type,
                        bool exclusive)
{
    struct conn *c = conn_at(sh, index);
    struct membership *m = member_of(sh, c, cmd->room);
    if (m == NULL) {
        if (!edge_may_reply(sh, c))
            return false;
        edge_problem(sh, index, cmd, PROBLEM_NOT_MEMBER,
                     cmd->room.n == 0    ? "You are in no room; join one first."
                     : type == ASK_LEAVE ? "You are not in the room {}."
                                         : "You are not in the room {}; join it first.");
        return true;
    }
    const struct outlet *o = outlet_at(sh, m->outlet);
    uint32_t dest = home_of(sh, o->hash);
    if (!edge_may_ask(sh, c, dest) || (exclusive && c->pending != 0) ||
        (type == ASK_PUBLISH && pace_waits(c, o)))
        return false;
    struct ask a = edge_ask_make(sh, index, type, cmd);
    a.cmd.room = outlet_name(o);
    a.room = o->room;
    a.room_hash = o->hash;
    a.outlet = (struct ref){m->outlet, slab_gen(&sh->outlets, m->outlet)};
    if (type == ASK_LEAVE)
        m->leaving = true;
    if (type == ASK_PUBLISH)
        fingerprint_key(sh, &a);
    ask_send(sh, index, dest, &a, exclusive);
    return true;
}

static bool join_refused(struct shard *sh, uint32_t index, const struct command *cmd, bool switching)
{
    struct conn *c = conn_at(sh, index);
    if (sh->draining) {
        edge_problem(sh, index, cmd, PROBLEM_DRAINING,
                     "The server is restarting; connect again in a moment.");
        return true;
    }
    if (member_of(sh, c, cmd->room) != NULL) {
        edge_problem(sh, index, cmd, PROBLEM_ALREADY_MEMBER, "You are in the room {} already.");
        return true;
    }
    if (!switching && c->member_n >= sh->settings->rooms_per_connection) {
        metric_add(&sh->metrics->limit_rooms, 1);
        edge_problem(sh, index, cmd, PROBLEM_LIMIT_REACHED,
                     "You are in as many rooms as you may be; leave one first, or switch.");
        return true;
    }
    return false;
}

// Joins cmd->room; from: the membership to give up once that worked, NULL for a plain join.
static bool ask_join(struct shard *sh, uint32_t index, const struct command *cmd,
                     const struct membership *from)
{
    struct conn *c = conn_at(sh, index);
    uint64_t hash = hash_str(sh, cmd->room);
    uint32_t dest = home_of(sh, hash);
    if (c->pending != 0 || !edge_may_ask(sh, c, dest))
        return false;
    if (join_refused(sh, index, cmd, from != NULL))
        return true;
    uint32_t outlet = outlet_open(sh, cmd->room, hash);
    struct switching *sw = NULL;
    if (outlet != SLAB_NONE && from != NULL)
        sw = mem_zalloc(sh->mem, sizeof *sw);
    if (outlet == SLAB_NONE || (from != NULL && sw == NULL)) {
        if (outlet != SLAB_NONE)
            outlet_close_if_unused(sh, outlet);
        edge_no_memory(sh, index, cmd);
        return true;
    }
    struct ask a = edge_ask_make(sh, index, ASK_JOIN, cmd);
    a.cmd.from = STR_NONE;
    if (sw != NULL) {
        sw->from = (struct ref){from->outlet, slab_gen(&sh->outlets, from->outlet)};
        c->switching = sw;
        a.cmd.from = outlet_name(outlet_at(sh, from->outlet));
    }
    a.outlet = (struct ref){outlet, slab_gen(&sh->outlets, outlet)};
    a.room_hash = hash;
    a.rooms_wait_ms = gate_rooms_wait_ms(sh, c);
    outlet_at(sh, outlet)->pending++;
    ask_send(sh, index, dest, &a, true);
    if (c->ending == ENDING_OPEN && c->pending == 0 && c->switching != NULL) { // it could not be sent
        mem_free(sh->mem, c->switching, sizeof *c->switching + c->switching->payload_n);
        c->switching = NULL;
    }
    return true;
}

static bool do_switch(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    if (c->pending != 0)
        return false;
    struct membership *from = member_of(sh, c, cmd->from);
    if (from == NULL && cmd->from.n != 0) {
        struct command about = {.id = cmd->id, .room = cmd->from};
        edge_problem(sh, index, &about, PROBLEM_NOT_MEMBER,
                     "You are not in the room {}; switch from one that you are in.");
        return true;
    }
    return ask_join(sh, index, cmd, from);
}

static bool do_direct(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    if (cmd->to_by_name && c->member_n != 0)
        return ask_in_room(sh, index, cmd, ASK_RESOLVE, true);
    u128 print = print_str(sh, cmd->to);
    uint32_t dest = home_of(sh, print.lo);
    if (c->pending != 0 || !edge_may_ask(sh, c, dest))
        return false;
    struct ask a = edge_ask_make(sh, index, ASK_DIRECT, cmd);
    a.user_print = print;
    fingerprint_key(sh, &a);
    ask_send(sh, index, dest, &a, true);
    return true;
}

static bool do_rooms(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    if (c->pending != 0 || !edge_may_ask(sh, c, 0))
        return false;
    struct ask a = edge_ask_make(sh, index, ASK_ROOMS, cmd);
    ask_send(sh, index, 0, &a, true);
    return true;
}

// --- what is answered here

static bool do_local(struct shard *sh, uint32_t index, const struct command *cmd)
{
    if (!edge_may_reply(sh, conn_at(sh, index)))
        return false;
    enum event_type type = cmd->type == CMD_PING ? EV_PONG : EV_HELP;
    struct event ev = {.type = type, .id = cmd->id, .time_ms = sh->wall_ms};
    conn_put_event(sh, index, &ev);
    return true;
}

// A tick later, like an end of file: what it said just before comes back to it first (heartbeat_on_deadline).
static bool do_quit(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (!edge_may_reply(sh, c))
        return false;
    c->parked = WAIT_END;
    deadline_arm(&sh->deadlines, index, sh->now_ms, 1);
    return true;
}

static bool do_hello(struct shard *sh, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(sh, index);
    if (!edge_may_reply(sh, c))
        return false;
    if (c->session != NULL) {
        edge_problem(sh, index, cmd, PROBLEM_BAD_COMMAND,
                     "This connection has said `hello` already; it is said once, first.");
        return true;
    }
    if (sh->draining) {
        edge_problem(sh, index, cmd, PROBLEM_DRAINING,
                     "The server is restarting; connect again in a moment.");
        return true;
    }
    enum err e = edge_hello(sh, index, cmd);
    if (e == ERR_NOMEM)
        edge_hello_refused(sh, index, cmd->id);
    return e != ERR_FULL;
}

// The first other command implies an anonymous hello, and waits for its welcome. False: not now, or no more (and
// answered): *ret_done says which.
static bool introduced(struct shard *sh, uint32_t index, const struct command *cmd, bool *ret_done)
{
    struct conn *c = conn_at(sh, index);
    if (c->session == NULL && !c->hello_refused) {
        enum err e = edge_hello(sh, index, cmd);
        *ret_done = false;
        if (e == ERR_FULL)
            return false;
        c->hello_refused = c->hello_refused || e == ERR_NOMEM;
    }
    *ret_done = true;
    if (c->ending != ENDING_OPEN)
        return false;
    if (c->hello_refused) {
        c->hello_refused = false;
        edge_hello_refused(sh, index, cmd->id);
        return false;
    }
    return true;
}

bool edge_command(struct shard *sh, uint32_t index, const struct command *cmd)
{
    bool done;
    where_command((uint8_t)cmd->type);
    if (cmd->type == CMD_HELLO)
        return do_hello(sh, index, cmd);
    if (!introduced(sh, index, cmd, &done))
        return done;
    switch (cmd->type) {
    case CMD_JOIN:
        return ask_join(sh, index, cmd, NULL);
    case CMD_LEAVE:
        return ask_in_room(sh, index, cmd, ASK_LEAVE, true);
    case CMD_SWITCH:
        return do_switch(sh, index, cmd);
    case CMD_MESSAGE:
        return ask_in_room(sh, index, cmd, ASK_PUBLISH, false);
    case CMD_DIRECT:
        return do_direct(sh, index, cmd);
    case CMD_MEMBERS:
        return ask_in_room(sh, index, cmd, ASK_MEMBERS, true);
    case CMD_HISTORY:
        return ask_in_room(sh, index, cmd, ASK_HISTORY, true);
    case CMD_ROOMS:
        return do_rooms(sh, index, cmd);
    case CMD_RENAME:
        return edge_rename(sh, index, cmd);
    case CMD_PING:
    case CMD_HELP:
        return do_local(sh, index, cmd);
    case CMD_QUIT:
        return do_quit(sh, index);
    default:
        return true;
    }
}
