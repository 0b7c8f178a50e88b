// SPDX-License-Identifier: Apache-2.0
//
// What becomes a record: what is said in a room, and what is decided about it or about somebody in it. The ask passes the gates of
// its room (gates_room.c); the authority gives it its place, what it comes to is decided by apply.c, and here it is put into
// words.
//
//      ask --> home_publish --> authority --> apply --> home_decreed        what it does to those who are there
//                                                  '--> home_publish_answer: an ack, or why not
#include "core/home/home.h"

#include "core/home/course.h"

struct rights home_rights(const struct home *h, struct room *r, const struct ask *a)
{
    return rights_make(room_settings(h, r)->newcomer_role,
                       standing_role(r->standing, &h->cx->settings->hash_key, a->user), a->grant);
}

// --- proposals

enum entry_type home_entry_type(enum command_type type)
{
    switch (type) {
#define X(upper, lower, event) \
    case CMD_##upper:          \
        return ENTRY_##upper;
        DECREES(X)
        WORDS(X)
#undef X
    case CMD_STATE:
        return ENTRY_STATE;
    case CMD_CREATE:
        return ENTRY_CREATE;
    default:
        return ENTRY_MESSAGE;
    }
}

static struct decree decree_of(const struct home *h, const struct ask *a)
{
    const struct command *cmd = &a->cmd;
    struct decree d = {.span_ms = (uint64_t)cmd->seconds * 1000, .on = cmd->on, .first = a->own};
    uint32_t room = room_find(h, cmd->room, a->room_hash);
    uint32_t target =
        room != MAP_NONE && cmd->to.n != 0 ? member_find(h, room_at(h, room), cmd->to) : MAP_NONE;
    d.target = cmd->to;
    if (target != MAP_NONE)
        d.target_name = member_name(member_at(h, target));
    else if (!a->backend) // of who is not there any more
        d.target_name = cmd->name;
    if (cmd->type == CMD_ROLE)
        d.role = role_find(cmd->role);
    if (cmd->type == CMD_CLOSE) // a moment at least, as 0 has no end
        d.span_ms = h->cx->settings->room_grace_ms != 0 ? h->cx->settings->room_grace_ms : 1;
    ASSERT(d.role < ROLE_COUNT);
    return d;
}

struct entry home_proposal(struct home *h, struct room *r, const struct ask *a)
{
    struct entry e = {.type = a->type == ASK_ADMIT ? ENTRY_ADMIT : home_entry_type(a->cmd.type),
                      .time_ms = h->cx->wall_ms,
                      .steady_ms = h->cx->steady_ms,
                      .user = a->user,
                      .session = a->session,
                      .name = a->name,
                      .info = a->info,
                      .data = a->cmd.data,
                      .rule_role = room_settings(h, r)->newcomer_role,
                      .grant = a->grant};
    if (entry_about(e.type)) {
        home_change(h, r, a, &e);
    } else if (entry_decree(e.type)) {
        e.data = a->cmd.reason;
        e.decree = decree_of(h, a);
        if (entry_invitation(e.type))
            home_invitation(h, r, a, &e);
        else if (e.type == ENTRY_CREATE)
            home_made_proposal(h, a, &e);
    } else if (e.type == ENTRY_STATE) {
        home_state_propose(h, r, &a->cmd);
        e.data = buf_str(&h->wish);
    } else {
        e.conflate = a->cmd.conflate;
        e.key = a->cmd.key;
        e.key_window_ms = e.key.n != 0 ? h->cx->settings->idempotency_ms : 0;
        e.key_count = e.key.n != 0 ? h->cx->settings->idempotency_keys : 0;
    }
    if (e.type == ENTRY_MESSAGE && a->cmd.has_offset)
        e.about = a->cmd.offset;
    return e;
}

bool home_proposal_whole(const struct home *h, const struct entry *e)
{
    const bool hashed = e->type == ENTRY_INVITE || e->type == ENTRY_ADMIT;
    return (e->type != ENTRY_STATE || buf_ok(&h->wish)) && (!hashed || e->invitation.hash.n != 0);
}

// --- refusals

static void answer_missing(struct home *h, const struct ask *a, enum role role, enum right right)
{
    struct problem p = {.code = PROBLEM_FORBIDDEN,
                        .text = right_missing(right, a->grant == 0 ? LACK_ROLE
                                                     : a->guest    ? LACK_GUEST
                                                                   : LACK_TOKEN),
                        .word_kind = WORD_QUOTED,
                        .word = str_from_cstr(role_name(role))};
    home_answer_problem(h, a, EFFECT_NONE, &p);
}

uint32_t home_retry_ms(const struct home *h, uint64_t until_ms)
{
    uint64_t left = until_ms > h->cx->steady_ms ? until_ms - h->cx->steady_ms : 1;
    if (until_ms == STANDING_FOR_EVER)
        return 0;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

static void answer_refused(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v)
{
    static const struct {
        enum problem_code code;
        const char *text; // with the room, or whom it is about
    } says[] = {
        [DENIED_CLOSED] = {PROBLEM_ROOM_CLOSED, "The room {} has been closed."},
        [DENIED_BANNED] = {PROBLEM_BANNED, "You are banned from the room {}."},
        [DENIED_MUTED] = {PROBLEM_MUTED, "You are muted in the room {}: you may listen, and not speak."},
        [DENIED_SLOW] = {PROBLEM_RATE_LIMITED, "The room {} is in slow mode: wait before you say more."},
        [DENIED_READONLY] = {PROBLEM_FORBIDDEN,
                             "The room {} is read-only: it takes the right `readonly` to speak in it."},
        [DENIED_RANK] = {PROBLEM_FORBIDDEN,
                         "It takes a role above that of {}, and above one that is given; yours is not."},
        [DENIED_FULL] = {PROBLEM_LIMIT_REACHED,
                         "As many people as may be have a role, a ban or a mute in the room {}."},
        [DENIED_FIRST] = {PROBLEM_CONFLICT, "Somebody has a role in the room {} already."},
        [DENIED_DELETED] = {PROBLEM_NOT_FOUND, "That message of the room {} has been deleted."},
        [DENIED_CHANGED] = {PROBLEM_CONFLICT,
                            "That message of the room {} is of another version by now: read it again."},
        [DENIED_UNKEPT] = {PROBLEM_NOT_FOUND, "The room {} keeps no message with that offset."},
        [DENIED_LATE] = {PROBLEM_FORBIDDEN, "It is too late to change that message of the room {}."},
        [DENIED_REACTIONS] = {PROBLEM_LIMIT_REACHED,
                              "That message of the room {} has as many reactions as one may have."},
        [DENIED_STRANGER] = {PROBLEM_NOT_MEMBER, "You are not in the room {}; join it first."},
        [DENIED_NOBODY] = {PROBLEM_NOT_MEMBER, "There is nobody called {} in this room."},
        [DENIED_NAMES] = {PROBLEM_BAD_COMMAND,
                          "There are several people called {} in this room; name one by the user id."},
        [DENIED_RATE_MEMBER] = {PROBLEM_RATE_LIMITED,
                                "You say more in the room {} than one may at once; wait a moment."},
        [DENIED_STORE] = {PROBLEM_UNAVAILABLE,
                          "What is said in the room {} cannot be kept at the moment; try again later."},
        [DENIED_RATE_ROOM] =
            {PROBLEM_RATE_LIMITED,
             "More is said in the room {} than may be at once, by all together; wait a moment."},
    };
    ASSERT(v->why != DENIED_NOT && v->why != DENIED_REPEATED);
    struct room *r = room_at(h, room);
    if (v->why == DENIED_MEMORY) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    if (home_state_refused(h, a, v) || home_invitation_refused(h, a, room, v))
        return;
    if (v->why == DENIED_RIGHT) {
        answer_missing(h, a, home_rights(h, r, a).role, v->right);
        return;
    }
    bool room_named = v->why != DENIED_RANK && v->why != DENIED_NOBODY && v->why != DENIED_NAMES;
    // Those have an end that is known.
    bool until = v->why == DENIED_CLOSED || v->why == DENIED_BANNED || v->why == DENIED_MUTED ||
                 v->why == DENIED_SLOW || v->why == DENIED_RATE_MEMBER || v->why == DENIED_RATE_ROOM ||
                 v->why == DENIED_STORE;
    struct problem p = {.code = says[v->why].code,
                        .text = says[v->why].text,
                        .retry_ms = until ? home_retry_ms(h, v->until_ms) : 0,
                        .word_kind = WORD_QUOTED,
                        .word = room_named ? room_name(r) : a->cmd.to};
    home_answer_problem(h, a, EFFECT_NONE, &p);
}

void home_publish_answer(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v,
                         bool heard)
{
    struct room *r = room_at(h, room);
    if (a->own)
        return;
    if (a->cmd.type == CMD_CREATE && (!v->refused || v->why == DENIED_THERE)) {
        home_made_answer(h, a, room, v);
        return;
    }
    if (v->refused && v->why != DENIED_REPEATED) {
        answer_refused(h, a, room, v);
        return;
    }
    struct answer ans = {.effect = v->refused || !heard ? EFFECT_NONE : EFFECT_PUBLISHED,
                         .skip =
                             a->cmd.type == CMD_MESSAGE && !a->cmd.echo && !room_settings(h, r)->room_echo,
                         .outlet = a->outlet,
                         .place = r->live.place};
    struct event ev = {.type = EV_ACK,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .has_offset = true,
                       .offset = v->offset,
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .duplicate = v->refused,
                       .has_version = a->cmd.type == CMD_STATE && !v->refused && v->number != 0,
                       .state_version = v->number};
    if (a->cmd.type == CMD_INVITE)
        home_invited(h, r, a, v, &ev);
    metric_add(&h->cx->metrics->entries_duplicate, v->refused);
    home_answer_event(h, a, &ans, a->cmd.id.n != 0 || ev.type != EV_ACK ? &ev : NULL);
}

// --- asks

// The same ask once more, with the id of whom it is about, and what they are called.
static void ask_again_about(struct home *h, const struct ask *a, str user)
{
    struct ask again = *a;
    again.cmd.to = user;
    again.cmd.name = a->cmd.to;
    again.cmd.to_by_name = false;
    if (!post_ask(h->mail, h->cx->index, &again))
        home_answer_no_memory(h, a, EFFECT_NONE);
}

void home_publish(struct home *h, struct ask **taken)
{
    struct asking in = {.room = home_asked_room(h, *taken)};
    home_about(h, *taken, in.room);
    if (!home_admits(h, taken, &in))
        return;
    member_at(h, in.member)->last_active = h->cx->wall_ms;
    home_signal_before(h, in.room, *taken);
    const str meant = in.target != MAP_NONE ? member_user(member_at(h, in.target)) : in.past;
    if (meant.n != 0 && !str_eq(meant, (*taken)->cmd.to))
        ask_again_about(h, *taken, meant);
    else
        h->authority->propose(h, taken, in.room);
}

// What is decided about a room, or somebody in it, makes none.
static bool room_for_backend(struct home *h, const struct ask *a, uint32_t *room)
{
    if (*room != MAP_NONE || home_entry_type(a->cmd.type) == ENTRY_MESSAGE || a->cmd.type == CMD_STATE)
        return home_room_for_backend(h, a, room);
    home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_FOUND, "There is no room {}.");
    return false;
}

void home_publish_backend(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    struct asking in = {.room = room_unless_over(h, room_find(h, a->cmd.room, a->room_hash))};
    a->grant = GRANT_ALL; // what its key allows has been looked at (core/api)
    home_about(h, a, in.room);
    if (!room_for_backend(h, a, &in.room) || !home_admits(h, taken, &in))
        return;
    if (room_at(h, in.room)->members == 0) // kept from now on
        room_at(h, in.room)->empty_ms = h->cx->now_ms;
    home_signal_before(h, in.room, *taken);
    h->authority->propose(h, taken, in.room);
}

// Said by nobody, so nobody is told where it cannot be: then the room has no host, and whoever may give one.
void home_make_host(struct home *h, const struct ask *join, uint32_t room)
{
    const struct ask host = {
        .type = ASK_PUBLISH,
        .own = true,
        .conn = {h->cx->index, REF_NONE},
        .outlet = REF_NONE,
        .room = REF_NONE,
        .room_hash = room_at(h, room)->hash,
        .grant = GRANT_ALL,
        .cmd = {
            .type = CMD_ROLE, .room = room_name(room_at(h, room)), .to = join->user, .role = STR("host")}};
    struct ask *a = post_ask_make(h->mail, &host);
    if (a == NULL) {
        metric_add(&h->cx->metrics->limit_memory, 1);
        return;
    }
    h->authority->propose(h, &a, room);
    mail_discard(h->cx->mem, a != NULL ? &a->mail : NULL);
}

// --- effects on those who are there

void home_decreed(struct home *h, uint32_t room, const struct entry *e)
{
    uint32_t target = e->decree.target.n != 0 ? member_find(h, room_at(h, room), e->decree.target) : MAP_NONE;
    if (e->type == ENTRY_CLOSE)
        room_closed(h, room);
    if (target == MAP_NONE)
        return;
    if (e->type == ENTRY_ROLE || e->type == ENTRY_ADMIT || e->type == ENTRY_CREATE)
        member_at(h, target)->role = (uint8_t)e->decree.role;
    else if (e->type == ENTRY_KICK || e->type == ENTRY_BAN)
        member_expel(h, room, target, e);
}

// What follows may place something itself, as told() lets go on who has waited behind it: so whoever is told of records in their
// order is told first.
void home_told(struct home *h, uint32_t room, const struct entry *e)
{
    bool decides = e->type != ENTRY_MESSAGE && e->type != ENTRY_VOID;
#define X(at, name, ...) \
    if (decides)         \
        gate_##name(h, room, e);
    GATES_TOLD(X)
#undef X
    h->authority->told(h, room);
    if (entry_decree(e->type))
        home_decreed(h, room, e);
}
