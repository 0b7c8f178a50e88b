// SPDX-License-Identifier: Apache-2.0
//
// Commands of the connections of this shard: what can be said here is answered here; everything about a room goes
// to its home, everything about a user to the user's registry, as an ask.
//
// Replies about one room keep the order of its commands: mail to its home is in order, and the home answers in order. A join
// may take longer, as others have to be asked (home/home_create.c), and so may a page of history, as it has to be made: until
// it is answered commands about that room wait, and commands about other rooms do not. What waits is kept (waiting.h,
// edge_later.c). Replies about different rooms come when they are ready. A language that promises more
// (text: all replies in order) talks to one shard at a time, and waits for the answer of whatever is not a message.
#include "core/edge/edge.h"

#include "base/where.h"
#include "core/fan/pace.h"

enum { PENDING_MAX = 1024 };
_Static_assert(PENDING_MAX <= SKIPS_MAX - SKIPS_WAIT, "what is under way when a publisher is held fits");

// All its replies keep the order of its commands.
bool edge_serial(const struct edge *e, const struct asker *c)
{
    return encoding_of(e->cx, c->reader.encoding)->language->serial;
}

bool edge_may_reply(const struct edge *e, const struct asker *c)
{
    return !c->exclusive && (c->pending == 0 || !edge_serial(e, c));
}

// Whoever was sent away has had no chance to wait for what it is due of the room: an error made here waits until it is due nothing.
bool edge_owes(struct asker *c)
{
    c->expelled = c->expelled && c->pending != 0;
    return c->expelled;
}

void edge_await_credit(struct edge *e, uint32_t index, uint32_t dest)
{
    struct asker *c = asker_at(e, index);
    if (c->mail_queued)
        return;
    c->mail_queued = true;
    c->mail_port = dest & 127u;
    e->waiting_for[dest]++;
    index_queue_push(&e->mail_waiters, index);
    metric_add(&e->cx->metrics->mail_full, 1);
}

bool edge_may_ask(struct edge *e, uint32_t index, uint32_t dest, bool lasting)
{
    struct asker *c = asker_at(e, index);
    if (c->exclusive || c->pending >= PENDING_MAX ||
        (c->pending != 0 && c->pending_shard != dest && edge_serial(e, c)))
        return false;
    bool takes = mail_takes(e->mail, dest, lasting), scarce = e->scarce[dest];
    if (takes && (!scarce || c->mail_quota != 0))
        return true;
    if (takes) // others come first, and then it
        e->mail->eased = true;
    edge_await_credit(e, index, dest);
    return false;
}

bool edge_room_busy(struct asker *c, uint32_t outlet)
{
    const struct membership *m = reader_find_membership(&c->reader, outlet);
    if (m != NULL && m->leaving)
        return true;
    if (c->switching != NULL && (c->switching->to == outlet || c->switching->from.index == outlet))
        return true;
    return waiting_is_open(c->waiting, outlet);
}

void edge_problem(struct edge *e, uint32_t index, const struct command *cmd, enum problem_code code,
                  const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = cmd->room};
    fan_put_problem(e->fan, index, cmd->id, &p);
}

void edge_no_memory(struct edge *e, uint32_t index, const struct command *cmd)
{
    metric_add(&e->cx->metrics->limit_memory, 1);
    edge_problem(e, index, cmd, PROBLEM_UNAVAILABLE, "The server is out of memory; try again later.");
}

// --- asks

struct ask edge_ask_make(const struct edge *e, uint32_t index, enum ask_type type, const struct command *cmd)
{
    const struct asker *c = asker_at(e, index);
    const struct grant *by = session_grant(&c->reader.who.session);
    ASSERT(c->reader.encoding < e->cx->settings->ways->encodings_n);
    ASSERT(reader_open(&c->reader));
    return (struct ask){.type = type,
                        .conn = {e->cx->index, {index, slab_gen(e->cx->conns, index)}},
                        .encoding = c->reader.encoding,
                        .guest = by == NULL,
                        .tenant = c->reader.who.tenant,
                        .address = c->address,
                        .since_ms = c->opened_ms,
                        .outlet = REF_NONE,
                        .room = REF_NONE,
                        .user = session_user(&c->reader.who.session),
                        .session = str_make(c->reader.who.session.id, SESSION_ID_LEN),
                        .name = session_name(&c->reader.who.session),
                        .info = by != NULL && ask_shows(type) ? by->info : STR_NONE,
                        .cmd = *cmd};
}

// Sends it. The connection waits for exactly one answer to it.
void edge_ask_send(struct edge *e, uint32_t index, uint32_t dest, const struct ask *a, bool exclusive)
{
    struct asker *c = asker_at(e, index);
    ASSERT(dest < e->cx->shard_count);
    ASSERT(!c->exclusive);
    ASSERT(c->pending < PENDING_MAX);
    c->pending++;
    asker_pending_at(c, dest);
    if (c->mail_quota != 0)
        c->mail_quota--;
    c->exclusive = exclusive && edge_serial(e, c);
    if (post_ask(e->mail, dest, a))
        return;
    c->pending--;
    c->exclusive = false;
    if (a->open)
        waiting_close(&c->waiting, e->cx->mem, a->outlet.index);
    if (a->type == ASK_JOIN) {
        pass_drop(&e->passes, index, a->outlet.index);
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

uint32_t edge_outlet_named(const struct edge *e, struct asker *c, str room)
{
    if (room.n == 0)
        return c->reader.member_n != 0 ? reader_memberships(&c->reader)->outlet : MAP_NONE;
    return outlet_find(e->fan, room, hash_str(e->cx, room));
}

struct membership *edge_member_of(const struct edge *e, struct asker *c, str room)
{
    uint32_t outlet = edge_outlet_named(e, c, room);
    return outlet == MAP_NONE ? NULL : reader_find_membership(&c->reader, outlet);
}

// An ask that its home may keep is about to be sent. False: *ret_done says whether that is the end of it (and answered), or
// it must wait.
static bool open_begin(struct edge *e, uint32_t index, uint32_t outlet, const struct command *cmd,
                       bool *ret_done)
{
    struct asker *c = asker_at(e, index);
    *ret_done = false;
    if (c->waiting != NULL && c->waiting->open_n == WAITING_OPEN_MAX)
        return false;
    if (waiting_open(&c->waiting, e->cx->mem, outlet))
        return true;
    if (c->pending != 0) { // an error now would overtake their replies
        metric_add(&e->cx->metrics->limit_memory, 1);
        fan_end(e->fan, index, END_CUT);
    } else {
        edge_no_memory(e, index, cmd);
    }
    *ret_done = true;
    return false;
}

// Asks about a room one is in: message, decrees, signal, members, history, rename, resolve, leave. alone: where replies keep their
// order altogether, nothing else may be under way.
static bool ask_in_room(struct edge *e, uint32_t index, const struct command *cmd, enum ask_type type,
                        bool alone)
{
    struct asker *c = asker_at(e, index);
    uint32_t outlet = edge_outlet_named(e, c, cmd->room);
    char invitation[INVITATION_TOKEN_LEN];
    bool done;
    if (c->exclusive || (outlet != MAP_NONE && edge_room_busy(c, outlet)))
        return false;
    struct membership *m = outlet == MAP_NONE ? NULL : reader_find_membership(&c->reader, outlet);
    if (m == NULL) {
        if (!edge_may_reply(e, c) || edge_owes(c))
            return false;
        edge_problem(e, index, cmd, PROBLEM_NOT_MEMBER,
                     cmd->room.n == 0    ? "You are in no room; join one first."
                     : type == ASK_LEAVE ? "You are not in the room {}."
                                         : "You are not in the room {}; join it first.");
        return true;
    }
    const struct outlet *o = outlet_at(e->fan, m->outlet);
    uint32_t dest = home_of(e->cx, o->hash);
    if (type == ASK_SIGNAL && o->hold)
        return true; // a room that has more to read than it can: it would come too late to be of use
    if (!edge_may_ask(e, index, dest, ask_lasts(type)) || (alone && edge_serial(e, c) && c->pending != 0) ||
        (type == ASK_PUBLISH && (cmd->type == CMD_MESSAGE || cmd->type == CMD_STATE) &&
         pace_waits(&c->reader, o)))
        return false;
    if (type == ASK_HISTORY && !open_begin(e, index, m->outlet, cmd, &done))
        return done;
    struct ask a = edge_ask_make(e, index, type, cmd);
    a.open = type == ASK_HISTORY;
    a.lasting = ask_lasts(type);
    a.cmd.room = outlet_name(o);
    a.room = o->room;
    a.room_hash = o->hash;
    a.outlet = (struct ref){m->outlet, slab_gen(&e->fan->outlets, m->outlet)};
    a.grant = edge_grant(e, index, m->outlet, a.cmd.room);
    a.guest = edge_as_guest(e, index, m->outlet);
    if (cmd->type == CMD_INVITE)
        a.cmd.token = invitation_make(e->cx, invitation);
    if (type == ASK_LEAVE)
        m->leaving = true;
    edge_ask_send(e, index, dest, &a, alone);
    return true;
}

static bool do_switch(struct edge *e, uint32_t index, const struct command *cmd)
{
    return edge_switch(e, index, cmd);
}

static bool do_direct(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (cmd->to_by_name && c->reader.member_n != 0)
        return ask_in_room(e, index, cmd, ASK_RESOLVE, true);
    u128 print = print_str(e->cx, cmd->to);
    uint32_t dest = home_of(e->cx, print.lo);
    if ((edge_serial(e, c) && c->pending != 0) || !edge_may_ask(e, index, dest, false))
        return false;
    struct ask a = edge_ask_make(e, index, ASK_DIRECT, cmd);
    a.user_print = print;
    edge_ask_send(e, index, dest, &a, true);
    return true;
}

static bool do_rooms(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if ((edge_serial(e, c) && c->pending != 0) || !edge_may_ask(e, index, 0, true))
        return false;
    struct ask a = edge_ask_make(e, index, ASK_ROOMS, cmd);
    a.lasting = true;
    edge_ask_send(e, index, 0, &a, true);
    return true;
}

static bool do_message(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_PUBLISH, false);
}

// Decrees: roles, kicks and so on; and what changes words.
#define X(upper, lower, event)                                                        \
    static bool do_##lower(struct edge *e, uint32_t index, const struct command *cmd) \
    {                                                                                 \
        return ask_in_room(e, index, cmd, ASK_PUBLISH, true);                         \
    }
DECREES(X)
WORDS(X)
#undef X

static bool do_state_read(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_STATE, true);
}

// What changes nothing reads.
static bool do_state(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct command read = *cmd;
    read.type = CMD_STATE_READ;
    return command_changes(cmd) ? ask_in_room(e, index, cmd, ASK_PUBLISH, false)
                                : do_state_read(e, index, &read);
}

static bool do_signal(struct edge *e, uint32_t index, const struct command *cmd)
{
    return ask_in_room(e, index, cmd, ASK_SIGNAL, false);
}

// What is asked of a room and changes nothing in it but for who asks.
#define ROOM_ASKS(X) \
    X(read, READ) X(whois, WHOIS) X(invites, INVITES) X(members, MEMBERS) X(history, HISTORY) X(leave, LEAVE)
#define X(lower, upper)                                                               \
    static bool do_##lower(struct edge *e, uint32_t index, const struct command *cmd) \
    {                                                                                 \
        return ask_in_room(e, index, cmd, ASK_##upper, true);                         \
    }
ROOM_ASKS(X)
#undef X

static bool do_join(struct edge *e, uint32_t index, const struct command *cmd)
{
    return edge_join(e, index, cmd, NULL);
}

static bool do_create(struct edge *e, uint32_t index, const struct command *cmd)
{
    return edge_create(e, index, cmd);
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

static bool do_refresh(struct edge *e, uint32_t index, const struct command *cmd)
{
    return edge_refresh(e, index, cmd);
}

static bool do_hello(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    if (session_there(&c->reader.who.session)) {
        edge_problem(e, index, cmd, PROBLEM_BAD_COMMAND,
                     "This connection has said `hello` already; it is said once, first.");
        return true;
    }
    c->hello_said = true;
    c->hello_starved = false;
    if (e->cx->draining) {
        edge_problem(e, index, cmd, PROBLEM_DRAINING, "The server is restarting; connect again in a moment.");
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

// Behind a hello that was refused: nobody else is to say it, or to be in its rooms.
static void hello_came_to_nothing(struct edge *e, uint32_t index, str id)
{
    struct problem p = {.code = e->cx->draining ? PROBLEM_DRAINING : PROBLEM_UNAVAILABLE,
                        .text = "The `hello` in front of this was refused; say it again first.",
                        .retry_ms = 1000};
    metric_add(&e->cx->metrics->limit_memory, asker_at(e, index)->hello_starved);
    fan_put_problem(e->fan, index, id, &p);
}

// The first other command implies an anonymous hello, and waits for its welcome. False: not now, or no more (and
// answered): *ret_done says which.
static bool introduced(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd,
                       bool *ret_done)
{
    *ret_done = false;
    if (session_there(&c->reader.who.session))
        return !c->exclusive; // but while it waits for its welcome
    if (!c->hello_refused) {
        if (!edge_may_reply(e, c)) // a hello is under way: who it is from is not known yet
            return false;
        *ret_done = edge_no_guest(e, index, cmd);
        if (!*ret_done && (c->hello_said || cmd->with_hello)) {
            hello_came_to_nothing(e, index, cmd->id);
            *ret_done = true;
        }
        if (*ret_done || edge_hello(e, index, cmd) != ERR_NOMEM)
            return false;
    }
    c->hello_refused = false;
    edge_hello_refused(e, index, cmd->id);
    *ret_done = true;
    return false;
}

enum gate_did gate_session(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    bool done;
    if (cmd->type == CMD_HELLO || cmd->type == CMD_NONE || introduced(e, c, index, cmd, &done))
        return GATE_PASSED;
    c->waits = !done;
    return done ? GATE_REFUSED : GATE_LATER;
}

bool edge_carry_out(struct edge *e, uint32_t index, const struct command *cmd)
{
    static bool (*const row_do[CMD_COUNT])(struct edge *, uint32_t, const struct command *) = {
#define INNER(lower) do_##lower
#define NATIVE(lower) do_##lower
#define COMPACT(lower) do_##lower
#define HTTP(lower) do_none
#define X(upper, lower, where, ...) [CMD_##upper] = where(lower),
        COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
    };
    struct asker *c = asker_at(e, index);
    enum gate_did did;
    if (command_row(cmd->type)->decided == DECIDED_EDGE && !edge_may_reply(e, c))
        return false;
#define X(at, name, ...)                                      \
    if ((did = gate_##name(e, c, index, cmd)) != GATE_PASSED) \
        return did == GATE_REFUSED;
    GATES_TURN(X)
#undef X
    return row_do[cmd->type](e, index, cmd);
}

enum edge_did edge_command(struct edge *e, uint32_t index, const struct command *cmd)
{
    ASSERT(cmd->type != CMD_NONE);
    ASSERT(reader_open(&asker_at(e, index)->reader));
    ASSERT(cmd->type == CMD_HELLO || session_there(&asker_at(e, index)->reader.who.session)); // gate_session
    where_command((uint8_t)cmd->type);
    if (!edge_is_behind(e, index, cmd) && edge_carry_out(e, index, cmd))
        return cmd->type == CMD_QUIT ? EDGE_QUIT : EDGE_DONE;
    if (edge_keep(e, index, cmd))
        return EDGE_DONE;
    asker_at(e, index)->waits = true;
    return EDGE_LATER;
}

void asker_deinit(struct edge *e, struct asker *c)
{
    switching_end(e, c);
    waiting_drop(&c->waiting, e->cx->mem);
    reader_deinit(&c->reader, e->cx->mem);
}

void asker_check(const struct edge *e, uint32_t index)
{
    const struct asker *c = asker_at(e, index);
    const struct reader *r = &c->reader;
    bool over = r->closed || r->end != END_NONE;
    ASSERT(c->pending <= PENDING_MAX);                                                                  // 1
    ASSERT(c->pending != 0 || !c->exclusive);                                                           // 1
    ASSERT(c->pending == 0 || c->pending_shard < mail_ports(e->mail));                                  // 2
    ASSERT(!c->registered || session_there(&r->who.session));                                           // 3
    ASSERT(!c->registered || !r->closed);                                                               // 3
    ASSERT(r->member_n == 0 || session_there(&r->who.session));                                         // 3
    ASSERT(r->member_n == 0 || !r->closed);                                                             // 3
    ASSERT(c->waiting == NULL || over || c->waiting->open_n <= c->pending);                             // 4
    ASSERT(c->waiting == NULL || over || c->waiting->verdict == NULL || c->exclusive || c->refreshing); // 4
    ASSERT(!waiting_holds(c->waiting) || !edge_serial(e, c));
    waiting_check(c->waiting);
    ASSERT(c->switching == NULL || over || c->pending != 0);
    ASSERT(c->noise <= NOISE_BURST);
}
