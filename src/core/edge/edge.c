// SPDX-License-Identifier: Apache-2.0
//
// Commands of the connections of this shard: what can be said here is answered here; everything about a room goes
// to its home, everything about a user to the user's registry, as an ask.
//
// Replies about one room keep the order of its commands: mail to its home is in order, and the home answers in order. A join
// may take longer, as others have to be asked (home/home_create.c); until it is answered commands about that room wait, and
// commands about other rooms do not. Replies about different rooms come when they are ready. A language that promises more
// (text: all replies in order) talks to one shard at a time, and waits for the answer of whatever is not a message.
#include "core/edge/edge.h"

#include "base/where.h"
#include "core/fan/pace.h"

enum { PENDING_MAX = 1024 };
_Static_assert(PENDING_MAX <= SKIPS_MAX - SKIPS_WAIT, "what is under way when a publisher is held fits");

// All its replies keep the order of its commands.
static bool serial(const struct edge *e, const struct asker *c)
{
    return encoding_of(e->cx, c->reader.encoding)->language->serial;
}

bool edge_may_reply(const struct edge *e, const struct asker *c)
{
    return !c->exclusive && (c->pending == 0 || !serial(e, c));
}

bool edge_may_ask(const struct edge *e, const struct asker *c, uint32_t dest)
{
    if (c->exclusive || c->pending >= PENDING_MAX ||
        (serial(e, c) && c->pending != 0 && c->pending_shard != dest))
        return false;
    return mail_takes(e->mail, dest);
}

// --- rooms that one is on the way into, or out of

static bool arrival_add(struct edge *e, struct asker *c, uint32_t outlet)
{
    if (c->arrivals == NULL && (c->arrivals = mem_zalloc(e->cx->mem, sizeof *c->arrivals)) == NULL)
        return false;
    ASSERT(c->arrivals->n < ARRIVALS_MAX);
    c->arrivals->outlets[c->arrivals->n++] = outlet;
    return true;
}

void edge_arrival_over(struct edge *e, struct asker *c, uint32_t outlet)
{
    struct arrivals *all = c->arrivals;
    for (uint32_t i = 0; all != NULL && i < all->n; i++)
        if (all->outlets[i] == outlet)
            all->outlets[i--] = all->outlets[--all->n];
    if (all == NULL || all->n != 0)
        return;
    mem_free(e->cx->mem, all, sizeof *all);
    c->arrivals = NULL;
}

static bool arriving(const struct asker *c, uint32_t outlet)
{
    for (uint32_t i = 0; c->arrivals != NULL && i < c->arrivals->n; i++)
        if (c->arrivals->outlets[i] == outlet)
            return true;
    return false;
}

// What is said about the room waits: it is not certain yet whether one is in it.
static bool busy(struct asker *c, uint32_t outlet)
{
    const struct membership *m = reader_find_membership(&c->reader, outlet);
    if (m != NULL && m->leaving)
        return true;
    if (c->switching != NULL && (c->switching->to == outlet || c->switching->from.index == outlet))
        return true;
    return arriving(c, outlet);
}

static bool room_busy(const struct edge *e, struct asker *c, str room)
{
    uint32_t outlet = outlet_find(e->fan, room, hash_str(e->cx, room));
    return outlet != MAP_NONE && busy(c, outlet);
}

static void command_problem(struct edge *e, uint32_t index, const struct command *cmd, enum problem_code code,
                            const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = cmd->room};
    fan_put_problem(e->fan, index, cmd->id, &p);
}

void edge_no_memory(struct edge *e, uint32_t index, const struct command *cmd)
{
    metric_add(&e->cx->metrics->limit_memory, 1);
    command_problem(e, index, cmd, PROBLEM_UNAVAILABLE, "The server is out of memory; try again later.");
}

// --- asks

struct ask edge_ask_make(const struct edge *e, uint32_t index, enum ask_type type, const struct command *cmd)
{
    const struct asker *c = asker_at(e, index);
    ASSERT(c->reader.encoding < e->cx->settings->ways->encodings_n);
    ASSERT(reader_open(&c->reader));
    return (struct ask){.type = type,
                        .conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                        .encoding = c->reader.encoding,
                        .address = c->address,
                        .since_ms = c->opened_ms,
                        .outlet = REF_NONE,
                        .room = REF_NONE,
                        .member = REF_NONE,
                        .user = session_user(&c->reader.who.session),
                        .session = str_make(c->reader.who.session.id, SESSION_ID_LEN),
                        .name = session_name(&c->reader.who.session),
                        .cmd = *cmd};
}

// Sends it. The connection waits for exactly one answer to it.
static void ask_send(struct edge *e, uint32_t index, uint32_t dest, const struct ask *a, bool exclusive)
{
    struct asker *c = asker_at(e, index);
    ASSERT(dest < e->cx->shard_count);
    ASSERT(!c->exclusive);
    ASSERT(c->pending < PENDING_MAX);
    c->pending++;
    c->pending_shard = (uint8_t)dest;
    c->exclusive = exclusive && serial(e, c);
    if (post_ask(e->mail, dest, a))
        return;
    c->pending--;
    c->exclusive = false;
    if (a->outlet.index != UINT32_MAX && a->type == ASK_JOIN) {
        edge_arrival_over(e, c, a->outlet.index);
        outlet_at(e->fan, a->outlet.index)->pending--;
        outlet_close_if_unused(e->fan, a->outlet.index);
    }
    if (a->type == ASK_LEAVE)
        reader_find_membership(&c->reader, a->outlet.index)->leaving = false;
    if (c->pending != 0) { // an error now would overtake their replies
        metric_add(&e->cx->metrics->limit_memory, 1);
        fan_end(e->fan, index, END_CUT);
        return;
    }
    edge_no_memory(e, index, &a->cmd);
}

// The room a command is about, where it must be one the connection is in. An empty name is the one it is in.
static struct membership *member_of(struct edge *e, struct asker *c, str room)
{
    if (room.n == 0)
        return c->reader.member_n != 0 ? reader_memberships(&c->reader) : NULL;
    uint32_t outlet = outlet_find(e->fan, room, hash_str(e->cx, room));
    return outlet == MAP_NONE ? NULL : reader_find_membership(&c->reader, outlet);
}

// Asks about a room one is in: message, signal, members, history, rename, resolve, leave. alone: where replies keep their
// order altogether, nothing else may be under way.
static bool ask_in_room(struct edge *e, uint32_t index, const struct command *cmd, enum ask_type type,
                        bool alone)
{
    struct asker *c = asker_at(e, index);
    if (c->exclusive || room_busy(e, c, cmd->room))
        return false;
    struct membership *m = member_of(e, c, cmd->room);
    if (m == NULL) {
        if (!edge_may_reply(e, c))
            return false;
        command_problem(e, index, cmd, PROBLEM_NOT_MEMBER,
                        cmd->room.n == 0    ? "You are in no room; join one first."
                        : type == ASK_LEAVE ? "You are not in the room {}."
                                            : "You are not in the room {}; join it first.");
        return true;
    }
    const struct outlet *o = outlet_at(e->fan, m->outlet);
    uint32_t dest = home_of(e->cx, o->hash);
    if (type == ASK_SIGNAL && o->hold)
        return true; // a room that has more to read than it can: it would come too late to be of use
    if (!edge_may_ask(e, c, dest) || (alone && serial(e, c) && c->pending != 0) ||
        (type == ASK_PUBLISH && pace_waits(&c->reader, o)))
        return false;
    struct ask a = edge_ask_make(e, index, type, cmd);
    a.cmd.room = outlet_name(o);
    a.room = o->room;
    a.room_hash = o->hash;
    a.outlet = (struct ref){m->outlet, slab_gen(&e->fan->outlets, m->outlet)};
    if (type == ASK_LEAVE)
        m->leaving = true;
    ask_send(e, index, dest, &a, alone);
    return true;
}

static bool join_refused(struct edge *e, uint32_t index, const struct command *cmd, bool switching)
{
    struct asker *c = asker_at(e, index);
    if (e->cx->draining) {
        command_problem(e, index, cmd, PROBLEM_DRAINING,
                        "The server is restarting; connect again in a moment.");
        return true;
    }
    if (member_of(e, c, cmd->room) != NULL) {
        command_problem(e, index, cmd, PROBLEM_ALREADY_MEMBER, "You are in the room {} already.");
        return true;
    }
    uint32_t rooms = c->reader.member_n + (c->arrivals != NULL ? c->arrivals->n : 0);
    if (!switching && rooms >= e->cx->settings->rooms_per_connection) {
        metric_add(&e->cx->metrics->limit_rooms, 1);
        command_problem(e, index, cmd, PROBLEM_LIMIT_REACHED,
                        "You are in as many rooms as you may be; leave one first, or switch.");
        return true;
    }
    return false;
}

// Joins cmd->room; from: the membership to give up once that worked, NULL for a plain join.
static bool ask_join(struct edge *e, uint32_t index, const struct command *cmd, const struct membership *from)
{
    struct asker *c = asker_at(e, index);
    uint64_t hash = hash_str(e->cx, cmd->room);
    uint32_t dest = home_of(e->cx, hash);
    if (!edge_may_ask(e, c, dest) || (serial(e, c) && c->pending != 0) || room_busy(e, c, cmd->room) ||
        (c->arrivals != NULL && c->arrivals->n == ARRIVALS_MAX))
        return false;
    if (c->pending != 0 && member_of(e, c, cmd->room) != NULL)
        return false; // an error now might overtake a reply about the room
    if (join_refused(e, index, cmd, from != NULL))
        return true;
    uint32_t outlet = outlet_open(e->fan, cmd->room, hash);
    struct switching *sw = NULL;
    if (outlet != SLAB_NONE && from != NULL)
        sw = mem_zalloc(e->cx->mem, sizeof *sw);
    if (outlet == SLAB_NONE || (from != NULL && sw == NULL) || !arrival_add(e, c, outlet)) {
        if (sw != NULL)
            mem_free(e->cx->mem, sw, sizeof *sw);
        if (outlet != SLAB_NONE)
            outlet_close_if_unused(e->fan, outlet);
        edge_no_memory(e, index, cmd);
        return true;
    }
    struct ask a = edge_ask_make(e, index, ASK_JOIN, cmd);
    a.cmd.from = STR_NONE;
    if (sw != NULL) {
        sw->from = (struct ref){from->outlet, slab_gen(&e->fan->outlets, from->outlet)};
        sw->to = outlet;
        c->switching = sw;
        a.cmd.from = outlet_name(outlet_at(e->fan, from->outlet));
    }
    a.outlet = (struct ref){outlet, slab_gen(&e->fan->outlets, outlet)};
    a.room_hash = hash;
    a.rooms_wait_ms = gate_rooms_wait_ms(e, c);
    outlet_at(e->fan, outlet)->pending++;
    ask_send(e, index, dest, &a, true);
    if (sw != NULL && !arriving(c, outlet)) // it could not be sent
        switching_end(c, e->cx->mem);
    return true;
}

static bool do_switch(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (c->pending != 0) // its reply is about two rooms, and comes behind what is due of both
        return false;
    struct membership *from = member_of(e, c, cmd->from);
    if (from == NULL && cmd->from.n != 0) {
        struct command about = {.id = cmd->id, .room = cmd->from};
        command_problem(e, index, &about, PROBLEM_NOT_MEMBER,
                        "You are not in the room {}; switch from one that you are in.");
        return true;
    }
    return ask_join(e, index, cmd, from);
}

static bool do_direct(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (cmd->to_by_name && c->reader.member_n != 0)
        return ask_in_room(e, index, cmd, ASK_RESOLVE, true);
    u128 print = print_str(e->cx, cmd->to);
    uint32_t dest = home_of(e->cx, print.lo);
    if ((serial(e, c) && c->pending != 0) || !edge_may_ask(e, c, dest))
        return false;
    struct ask a = edge_ask_make(e, index, ASK_DIRECT, cmd);
    a.user_print = print;
    ask_send(e, index, dest, &a, true);
    return true;
}

static bool do_rooms(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if ((serial(e, c) && c->pending != 0) || !edge_may_ask(e, c, 0))
        return false;
    struct ask a = edge_ask_make(e, index, ASK_ROOMS, cmd);
    ask_send(e, index, 0, &a, true);
    return true;
}

static bool do_message(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_PUBLISH, false);
}

static bool do_signal(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_SIGNAL, false);
}

static bool do_members(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_MEMBERS, true);
}

static bool do_history(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_HISTORY, true);
}

static bool do_leave(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_LEAVE, true);
}

static bool do_join(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_join(e, index, cmd, NULL);
}

static bool do_rename(struct edge *e, uint32_t index, const struct command *cmd)
{
    return edge_rename(e, index, cmd);
}

// --- what is answered here: a reply made now overtakes nothing (edge_command has looked)

static bool do_ping(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct event ev = {.type = EV_PONG, .id = cmd->id, .time_ms = e->cx->wall_ms};
    fan_put_event(e->fan, index, &ev);
    return true;
}

static bool do_help(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct event ev = {.type = EV_HELP, .id = cmd->id};
    fan_put_event(e->fan, index, &ev);
    return true;
}

// Whoever keeps the connection says the rest.
static bool do_quit(struct edge *e, uint32_t index, const struct command *cmd)
{
    (void)e;
    (void)index;
    (void)cmd;
    return true;
}

static bool do_hello(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (session_there(&c->reader.who.session)) {
        command_problem(e, index, cmd, PROBLEM_BAD_COMMAND,
                        "This connection has said `hello` already; it is said once, first.");
        return true;
    }
    if (e->cx->draining) {
        command_problem(e, index, cmd, PROBLEM_DRAINING,
                        "The server is restarting; connect again in a moment.");
        return true;
    }
    enum err done = edge_hello(e, index, cmd);
    if (done == ERR_NOMEM)
        edge_hello_refused(e, index, cmd->id);
    return done != ERR_FULL;
}

// What no decoder hands on.
static bool do_none(struct edge *e, uint32_t index, const struct command *cmd)
{
    (void)e;
    (void)index;
    (void)cmd;
    UNREACHABLE();
}

// The first other command implies an anonymous hello, and waits for its welcome. False: not now, or no more (and
// answered): *ret_done says which.
static bool introduced(struct edge *e, uint32_t index, const struct command *cmd, bool *ret_done)
{
    struct asker *c = asker_at(e, index);
    *ret_done = false;
    if (!session_there(&c->reader.who.session) && !c->hello_refused) {
        enum err done = edge_hello(e, index, cmd);
        if (done != ERR_NOMEM)
            return false;
        c->hello_refused = true;
    }
    if (!c->hello_refused)
        return true;
    c->hello_refused = false;
    edge_hello_refused(e, index, cmd->id);
    *ret_done = true;
    return false;
}

// False: not now.
static bool carry_out(struct edge *e, uint32_t index, const struct command *cmd)
{
    static bool (*const row_do[CMD_COUNT])(struct edge *, uint32_t, const struct command *) = {
#define X(upper, lower, ...) [CMD_##upper] = do_##lower,
        COMMANDS(X)
#undef X
    };
    if (command_row(cmd->type)->decided == DECIDED_EDGE && !edge_may_reply(e, asker_at(e, index)))
        return false;
    return row_do[cmd->type](e, index, cmd);
}

enum edge_did edge_command(struct edge *e, uint32_t index, const struct command *cmd)
{
    bool done;
    ASSERT(cmd->type != CMD_NONE);
    ASSERT(reader_open(&asker_at(e, index)->reader));
    where_command((uint8_t)cmd->type);
    if (cmd->type != CMD_HELLO && !introduced(e, index, cmd, &done)) {
        asker_at(e, index)->waits = !done;
        return done ? EDGE_DONE : EDGE_LATER;
    }
    if (!carry_out(e, index, cmd)) {
        asker_at(e, index)->waits = true;
        return EDGE_LATER;
    }
    return cmd->type == CMD_QUIT ? EDGE_QUIT : EDGE_DONE;
}

void switching_end(struct asker *c, struct mem *m)
{
    if (c->switching != NULL) {
        mail_discard(m, c->switching->joined);
        mem_free(m, c->switching, sizeof *c->switching);
    }
    c->switching = NULL;
}

void asker_deinit(struct asker *c, struct mem *m)
{
    switching_end(c, m);
    if (c->arrivals != NULL)
        mem_free(m, c->arrivals, sizeof *c->arrivals);
    c->arrivals = NULL;
    reader_deinit(&c->reader, m);
}

void asker_check(const struct edge *e, uint32_t index)
{
    const struct asker *c = asker_at(e, index);
    const struct reader *r = &c->reader;
    uint32_t joins = c->arrivals != NULL ? c->arrivals->n : 0;
    bool over = r->closed || r->end != END_NONE;
    ASSERT(c->pending <= PENDING_MAX);                                // 1
    ASSERT(c->pending != 0 || !c->exclusive);                         // 1
    ASSERT(c->pending == 0 || c->pending_shard < e->cx->shard_count); // 2
    ASSERT(!c->registered || session_there(&r->who.session));         // 3
    ASSERT(!c->registered || !r->closed);                             // 3
    ASSERT(r->member_n == 0 || session_there(&r->who.session));       // 3
    ASSERT(r->member_n == 0 || !r->closed);                           // 3
    ASSERT(c->arrivals == NULL || joins != 0);
    ASSERT(joins <= ARRIVALS_MAX);
    ASSERT(over || joins <= c->pending); // 4
    for (uint32_t i = 0; i < joins; i++)
        for (uint32_t k = 0; k < i; k++)
            ASSERT(c->arrivals->outlets[i] != c->arrivals->outlets[k]); // 4
    ASSERT(c->switching == NULL || over || c->pending != 0);
    ASSERT(c->noise <= NOISE_BURST);
}
