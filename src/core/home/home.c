// SPDX-License-Identifier: Apache-2.0
//
// Asks at the shard that decides about a room: joins, leaves, and whose turn the others are. Nothing about it is decided anywhere
// else.
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/course.h"

void home_witness(const struct home *h, const struct room *r, const struct entry *e,
                  const struct conn_ref *joined)
{
    if (h->cx->host->witness == NULL)
        return;
    struct sighting s = {.room = room_name(r),
                         .epoch = {r->epoch, EPOCH_LEN},
                         .place = r->live.place,
                         .tail = r->log.tail,
                         .entry = e,
                         .unheard = e != NULL && !entry_passing(e->type) && r->course != NULL &&
                                    e->offset <= r->course->unheard};
    if (joined != NULL) {
        s.joined = true;
        s.shard = joined->shard;
        s.conn = joined->ref.index;
        s.gen = joined->ref.gen;
    }
    h->cx->host->witness(h->cx->host->ctx, &s);
}

static void encode_reply(struct home *h, const struct ask *a, struct answer *ans, const struct event *ev)
{
    buf_reset(&h->reply, SEGMENT_BYTES_MAX);
    encoding_of(h->cx, a->encoding)->payloads->encode_event(&h->reply, ev, h->cx->utc_offset_s);
    ans->reply_lost |= !buf_ok(&h->reply);
    if (buf_ok(&h->reply))
        ans->payload = buf_str(&h->reply);
    else
        metric_add(&h->cx->metrics->limit_memory, 1);
}

// What only tells something can be refused where there is no memory to tell it.
void home_answer_event(struct home *h, const struct ask *a, struct answer *ans, const struct event *ev)
{
    ASSERT(a->encoding < h->cx->settings->ways->encodings_n);
    ASSERT(ev == NULL || ev->type == EV_ERROR || ev->type == command_row(a->cmd.type)->reply);
    if (a->own)
        return;
    bool only_tells = (ans->effect == EFFECT_NONE || ans->effect == EFFECT_HISTORY) && ev != NULL;
    ans->conn = a->conn;
    ans->encoding = a->encoding;
    ans->credit = a->credit;
    ans->provided = a->mail.bytes;
    ans->open = a->open;
    if (a->open)
        ans->outlet = a->outlet;
    if (ev != NULL)
        encode_reply(h, a, ans, ev);
    if (post_answer(h->mail, ans, !only_tells || ev->type == EV_ERROR))
        return;
    if (!only_tells || ev->type == EV_ERROR)
        return;
    for (uint32_t i = 0; i < ans->seg_count; i++)
        segment_unref(h->cx->mem, ans->segs[i]);
    home_answer_no_memory(h, a, EFFECT_NONE);
}

void home_answer_problem(struct home *h, const struct ask *a, enum effect effect, const struct problem *p)
{
    ASSERT(p->code > PROBLEM_NONE);
    ASSERT(p->code < PROBLEM_COUNT);
    struct answer ans = {.effect = effect, .outlet = a->outlet};
    if (p->code != PROBLEM_BANNED) // who is banned has not asked for too many new rooms
        ans.retry_ms = p->retry_ms;
    struct event ev = {.type = EV_ERROR, .id = a->cmd.id, .problem = *p};
    metric_add(&h->cx->metrics->errors[p->code], 1);
    notice_put_user(h->cx, NOTICE_COMMAND_ERROR, problem_name(p->code), a->user, a->session, a->cmd.room);
    home_answer_event(h, a, &ans, &ev);
}

void home_answer_room_problem(struct home *h, const struct ask *a, enum effect effect, enum problem_code code,
                              const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = a->cmd.room};
    home_answer_problem(h, a, effect, &p);
}

void home_answer_no_memory(struct home *h, const struct ask *a, enum effect effect)
{
    metric_add(&h->cx->metrics->limit_memory, 1);
    home_answer_room_problem(h, a, effect, PROBLEM_UNAVAILABLE,
                             "The server is out of memory; try again later.");
}

uint32_t home_asked_room(const struct home *h, const struct ask *a)
{
    if (a->room.index != UINT32_MAX)
        return slab_get(&h->rooms, a->room.index, a->room.gen) != NULL ? a->room.index : MAP_NONE;
    return room_find(h, a->cmd.room, a->room_hash);
}

bool home_is_there(const struct member *m, const struct ask *a)
{
    bool reads =
        a->outlet.index != UINT32_MAX; // not a call, which is nowhere and speaks for somebody who is there
    return !reads || member_is(m, a->conn);
}

// The asker's place in a room, and whether it has the right that its command needs there; false (and answered) if not.
static bool asked_member(struct home *h, const struct ask *a, uint32_t *ret_room, uint32_t *ret_member)
{
    *ret_room = home_asked_room(h, a);
    *ret_member = MAP_NONE;
    if (a->backend && *ret_room == MAP_NONE)
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_FOUND, "There is no room {}.");
    if (a->backend) // its key has the right
        return *ret_room != MAP_NONE;
    *ret_member = *ret_room == MAP_NONE ? MAP_NONE : member_find(h, room_at(h, *ret_room), a->user);
    bool reads =
        a->outlet.index != UINT32_MAX; // not a call, which is nowhere and speaks for somebody who is there
    if (*ret_member == MAP_NONE || (reads && !member_is(member_at(h, *ret_member), a->conn))) {
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_MEMBER,
                                 "You are not in the room {}; join it first.");
        return false;
    }
    const struct rights who = home_rights(h, room_at(h, *ret_room), a);
    const enum right right = (enum right)command_row(a->cmd.type)->right;
    if (!rights_allow(&who, right))
        home_answer_missing(h, a, who.role, right);
    return rights_allow(&who, right);
}

// --- join

// From which offset on the newcomer is told what was said, and what to say about what it cannot have.
struct start {
    uint64_t from; // head + 1: of nothing
    bool has_recovered, recovered;
    bool has_gap;
    uint64_t gap_from, gap_to;
};

static struct start join_start(const struct room *r, const struct command *cmd)
{
    const struct log *l = &r->log;
    uint64_t newest = r->live.offset; // that people have been told of
    struct start s = {.from = newest + 1};
    if (cmd->has_history)
        s.from = log_messages_back(l, newest, cmd->history);
    if (!cmd->has_since)
        return s;
    bool same = str_eq(cmd->since_epoch, str_make(r->epoch, EPOCH_LEN)) && cmd->since_offset <= newest;
    s.has_recovered = true;
    s.recovered = same && cmd->since_offset + 1 >= l->tail;
    if (s.recovered) {
        s.from = cmd->since_offset + 1;
    } else if (same && cmd->since_offset + 1 < s.from) {
        s.has_gap = true;
        s.gap_from = cmd->since_offset + 1;
        s.gap_to = s.from - 1;
    }
    ASSERT(s.from >= l->tail);
    ASSERT(s.from <= l->head + 1);
    ASSERT(!s.has_gap || s.gap_from <= s.gap_to);
    return s;
}

static struct replay_want join_want(const struct home *h, const struct room *r, const struct ask *a,
                                    const struct start *s)
{
    return (struct replay_want){encoding_of(h->cx, a->encoding), REPLAY_FRAMES, s->from, r->live.offset};
}

static size_t join_member_views(struct home *h, const struct room *r, struct member_view *views, size_t max)
{
    size_t n = 0;
    for (uint32_t m = r->first; m != SLAB_NONE && n < max; m = member_at(h, m)->next)
        member_view_make(member_at(h, m), &views[n++]);
    return n;
}

static void join_answer(struct home *h, const struct ask *a, uint32_t room, uint32_t member,
                        const struct start *s, bool created)
{
    struct room *r = room_at(h, room);
    ASSERT(r->members != 0);
    ASSERT(r->sessions != 0);
    struct answer ans = {.effect = EFFECT_JOINED,
                         .outlet = a->outlet,
                         .room = {room, slab_gen(&h->rooms, room)},
                         .member = {member, slab_gen(&h->members, member)},
                         .place = r->live.place,
                         .offset = r->live.offset,
                         .created = created,
                         .hold = r->crowded != 0,
                         .replay_from = s->from,
                         .has_gap = s->has_gap,
                         .gap_from = s->gap_from,
                         .gap_to = s->gap_to};
    struct event ev = {.type = EV_JOINED,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .offset = r->live.offset,
                       .role = (enum role)member_at(h, member)->role,
                       .members_count = r->members,
                       .readonly = standing_readonly(r->standing),
                       .slow_ms = standing_slow(r->standing),
                       .has_recovered = s->has_recovered,
                       .recovered = s->recovered,
                       .has_left = a->cmd.from.n != 0,
                       .left = a->cmd.from};
    uint32_t exact_max = h->cx->settings->presence_exact_max;
    if (room_settings(h, r)->room_presence != PRESENCE_EXACT) // nobody would be told of those who come later
        exact_max = 0;
    size_t views_n = r->members < exact_max ? r->members : exact_max;
    struct member_view *views = NULL;
    if (a->cmd.want_members && views_n != 0)
        views = mem_alloc(h->cx->mem, views_n * sizeof *views);
    if (views != NULL) {
        ev.with_members = true;
        ev.members = views;
        ev.list_n = join_member_views(h, r, views, views_n);
    }
    uint32_t segs_n;
    const struct replay_want want = join_want(h, r, a, s);
    struct segment **segs = replay_take(r->replay, &want, h->cx->mem, &segs_n);
    ans.reply_lost = want.from <= want.to && segs == NULL;
    ans.segs = segs;
    ans.seg_count = segs_n;
    home_witness(h, r, NULL, &a->conn);
    home_answer_event(h, a, &ans, &ev);
    mem_free(h->cx->mem, segs, segs_n * sizeof(struct segment *));
    mem_free(h->cx->mem, views, views_n * sizeof *views);
}

static void join_not_possible(struct home *h, const struct ask *a, enum err e)
{
    if (e != ERR_LIMIT && e != ERR_FULL) {
        home_answer_no_memory(h, a, EFFECT_REFUSED);
        return;
    }
    metric_add(&h->cx->metrics->limit_members, 1);
    if (e == ERR_FULL)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_ROOM_FULL,
                                 "The room {} is full; try again later.");
    else
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_LIMIT_REACHED,
                                 "You are in the room {} by as many connections as one user may be.");
}

// Rooms are open to all whom their rule lets in, but whom a token does not let in, and who is banned. False (and answered): it may not come in.
static bool join_allowed(struct home *h, const struct ask *a, uint32_t room)
{
    struct room *r = room_at(h, room);
    const struct rights who = home_rights(h, r, a);
    const uint64_t banned =
        standing_banned_ms(r->standing, &h->cx->settings->hash_key, a->user, h->cx->steady_ms);
    struct problem p = {.word_kind = WORD_QUOTED, .word = room_name(r)};
    if (banned != 0) {
        p.code = PROBLEM_BANNED;
        p.text = "You are banned from the room {}.";
        p.retry_ms = home_retry_ms(h, banned);
    } else if (!rights_allow(&who, RIGHT_JOIN)) {
        p.code = PROBLEM_FORBIDDEN;
        p.text = "It takes the right `join` to come into the room {}, and your token does not give it.";
    }
    if (p.code != PROBLEM_NONE)
        home_answer_problem(h, a, EFFECT_REFUSED, &p);
    return p.code == PROBLEM_NONE;
}

// False (and answered): the room, or the one that there would be, is not for who asks.
static bool join_admitted(struct home *h, const struct ask *a, uint32_t room)
{
    const struct room_settings *s =
        room == MAP_NONE ? room_settings_by_name(h->cx, a->cmd.room) : room_settings(h, room_at(h, room));
    bool named = (a->grant & 1u << RIGHT_JOIN) != 0; // the room itself names nobody yet
    if (s->room_access == ACCESS_INVITE && !named)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
                                 "The room {} is for those only who are let in by name.");
    else if (s->room_access == ACCESS_TOKEN && a->guest)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
                                 "The room {} is not for guests; say hello with a token.");
    else
        return true;
    if (a->charged) // it was open when it was passed on
        home_refund(h, a);
    return false;
}

// What it is told of the past is made first, a slice at a time, and it comes in when all of it is there: in the same turn, so
// that nothing is lost between what it is told and what it hears. While it waits everything may change: it is looked at anew.
static void home_join(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    uint32_t room = home_asked_room(h, a), member;
    bool creates = room == MAP_NONE;
    if (!join_admitted(h, a, room))
        return;
    if (creates && !home_create(h, a, &room))
        return;
    a->made |= creates;
    if (creates) // paid for, and used: the room has it
        a->charged = false;
    if (a->charged && !a->made) { // somebody else was faster
        home_refund(h, a);
        a->charged = false;
    }
    if (h->authority->holds(h, taken, room))
        return;
    if (!join_allowed(h, a, room))
        return;
    if (a->made && room_settings(h, room_at(h, room))->room_host == HOST_FIRST && !a->hosted) {
        a->hosted = true;
        home_make_host(h, a, room);
    }
    struct room *r = room_at(h, room);
    struct start s = join_start(r, &a->cmd);
    const struct replay_want want = join_want(h, r, a, &s);
    enum err e = home_replay(h, room, &want);
    if (e == ERR_MORE) {
        home_wait(h, taken, room);
        return;
    }
    if (e == OK)
        e = feed_reserve(h, r, a);
    if (e == OK)
        e = member_arrive(h, room, a, &member);
    if (e != OK) {
        join_not_possible(h, a, e);
        return;
    }
    room_announce_to(h, room, a->conn.shard); // others there must not learn of entries from this answer
    feed_attach(h, r, a);
    metric_add(&h->cx->metrics->recovered, s.recovered);
    join_answer(h, a, room, member, &s, a->made);
}

// --- leave

// One session less of the member. Whoever has taken it from its member meanwhile has done the rest, too.
static void leave_room(struct home *h, uint32_t room, uint32_t member, struct conn_ref conn, uint8_t encoding,
                       bool keep_member)
{
    room_announce_to(h, room, conn.shard); // up to here it was in the room
    if (member_depart(h, room, member, conn, keep_member))
        feed_detach(h, room_at(h, room), conn.shard, encoding);
}

static void home_leave(struct home *h, const struct ask *a)
{
    uint32_t room = home_asked_room(h, a);
    uint32_t member = room != MAP_NONE ? member_find(h, room_at(h, room), a->user) : MAP_NONE;
    struct answer ans = {.effect = EFFECT_LEFT, .outlet = a->outlet};
    struct event ev = {.type = EV_LEFT, .id = a->cmd.id, .room = a->cmd.room};
    if (member != MAP_NONE)
        leave_room(h, room, member, a->conn, a->encoding, false);
    home_answer_event(h, a, &ans, a->cmd.type == CMD_SWITCH ? NULL : &ev);
}

void home_depart(struct home *h, const struct depart_mail *m)
{
    for (uint32_t i = 0; i < m->room_n; i++) {
        const struct room *r = slab_get(&h->rooms, m->rooms[i].index, m->rooms[i].gen);
        uint32_t member = MAP_NONE;
        if (r != NULL && m->member.index == UINT32_MAX)
            member = member_find(h, r, m->user);
        else if (slab_get(&h->members, m->member.index, m->member.gen) != NULL)
            member = m->member.index;
        if (r != NULL && member != MAP_NONE)
            leave_room(h, m->rooms[i].index, member, m->conn, m->encoding, m->keep_member);
    }
}

// --- the rest

// The reply is made by the edge when the last of its homes has answered: what goes back is the id that it answers.
static void home_rename(struct home *h, const struct ask *a)
{
    for (size_t at = 0; at + sizeof(struct ref) <= a->rows.n; at += sizeof(struct ref)) {
        struct ref ref;
        memcpy(&ref, a->rows.p + at, sizeof ref);
        const struct room *r = slab_get(&h->rooms, ref.index, ref.gen);
        uint32_t member = r == NULL ? MAP_NONE : member_find(h, r, a->user);
        if (member != MAP_NONE)
            member_rename(h, ref.index, member, a->cmd.name, a->since_ms);
    }
    struct answer ans = {.effect = EFFECT_RENAMED, .payload = a->cmd.id};
    home_answer_event(h, a, &ans, NULL);
}

// Whom a text client means: a user id or a name in the room it is in.
static void home_resolve(struct home *h, const struct ask *a)
{
    uint32_t room, member;
    if (!asked_member(h, a, &room, &member))
        return;
    const struct room *r = room_at(h, room);
    uint32_t found = member_find(h, r, a->cmd.to);
    for (uint32_t m = r->first; m != SLAB_NONE && found == MAP_NONE; m = member_at(h, m)->next)
        if (str_eq(member_name(member_at(h, m)), a->cmd.to))
            found = m;
    struct ask direct = *a;
    direct.type = ASK_DIRECT;
    if (found != MAP_NONE)
        direct.cmd.to = member_user(member_at(h, found));
    direct.user_print = print_str(h->cx, direct.cmd.to);
    if (!post_ask(h->mail, home_of(h->cx, direct.user_print.lo), &direct))
        home_answer_no_memory(h, a, EFFECT_NONE);
}

static void home_fence(struct home *h, const struct ask *a)
{
    struct answer ans = {.effect = EFFECT_FENCED, .outlet = a->outlet};
    home_answer_event(h, a, &ans, NULL);
}

// What it asks about a room has to wait. A join is looked at when there is a room, and what is said waits by itself.
static bool ask_waits(struct home *h, struct ask **a)
{
    if ((*a)->type == ASK_JOIN || (*a)->type == ASK_PUBLISH)
        return false;
    uint32_t room = (*a)->cmd.room.n != 0 ? home_asked_room(h, *a) : MAP_NONE;
    return room != MAP_NONE && h->authority->holds(h, a, room);
}

void home_ask(struct home *h, struct ask **a)
{
    if (!ask_waits(h, a))
        home_carry_out(h, a);
}

void home_carry_out(struct home *h, struct ask **taken)
{
    h->allowance = home_share(h);
    home_ask_again(h, taken);
}

void home_ask_again(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    ASSERT(a->conn.shard < h->cx->shard_count);
    ASSERT(a->encoding < h->cx->settings->ways->encodings_n);
    uint32_t room, member;
    switch (a->type) {
    case ASK_JOIN:
        home_join(h, taken);
        break;
    case ASK_LEAVE:
        home_leave(h, a);
        break;
    case ASK_PUBLISH:
        if (a->backend)
            home_publish_backend(h, taken);
        else
            home_publish(h, taken);
        break;
    case ASK_SIGNAL:
        if (asked_member(h, a, &room, &member))
            home_signal(h, taken, room);
        break;
    case ASK_MEMBERS:
        if (asked_member(h, a, &room, &member))
            home_members(h, a, room);
        break;
    case ASK_HISTORY:
        if (asked_member(h, a, &room, &member))
            home_history(h, taken, room);
        break;
    case ASK_FENCE:
        home_fence(h, a);
        break;
    case ASK_RENAME:
        home_rename(h, a);
        break;
    case ASK_ROOMS:
        home_rooms(h, a);
        break;
    case ASK_RESOLVE:
        home_resolve(h, a);
        break;
    case ASK_DIRECT:
        home_direct(h, a);
        break;
    case ASK_DISCONNECT:
        home_disconnect(h, a);
        break;
    case ASK_CLOSE: // not ours (ask_of_conns)
    case ASK_CONNECTIONS:
    case ASK_INFO:
        UNREACHABLE();
    case ASK_REGISTER:
        home_register(h, a);
        break;
    case ASK_CHARGE_USER:
        home_charge_user(h, a);
        break;
    case ASK_CHARGE_ADDRESS:
        home_charge_address(h, a);
        break;
    }
}
