// SPDX-License-Identifier: Apache-2.0
//
// Who comes into a room: whether they may, what they cannot have of what was said, what they are told, and from where on they hear.
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/course.h"

// From which offset on the newcomer is told what was said, and what to say about what it cannot have.
struct join_start {
    uint64_t from; // head + 1: of nothing
    bool has_recovered, recovered;
    bool has_gap;
    uint64_t gap_from, gap_to;
};

static struct join_start join_start(const struct room *r, const struct command *cmd)
{
    const struct log *l = &r->log;
    uint64_t newest = r->live.offset; // that people have been told of
    struct join_start s = {.from = newest + 1};
    if (cmd->has_history)
        s.from = log_messages_back(l, newest, cmd->history);
    if (!cmd->has_since)
        return s;
    bool same = room_covers(r, cmd->since_epoch, cmd->since_offset);
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
                                    const struct join_start *s)
{
    return (struct replay_want){encoding_of(h->cx, a->encoding), REPLAY_FRAMES, s->from, r->live.offset};
}

// As many as a page would have.
static size_t join_member_views(struct home *h, const struct room *r, struct member_view *views, size_t max)
{
    size_t n = 0, bytes = 0;
    for (uint32_t m = r->first; m != SLAB_NONE && n < max && bytes <= h->cx->settings->reply_bytes;
         m = member_at(h, m)->next) {
        member_view_make(member_at(h, m), &views[n]);
        bytes += member_view_bytes(&views[n++]);
    }
    return n;
}

// Until when it may not speak, as people are told it.
static uint64_t join_muted_until(const struct home *h, const struct room *r, str user)
{
    uint64_t until = standing_muted_ms(r->standing, &h->cx->settings->hash_key, user, h->cx->steady_ms);
    return until == 0 || until == STANDING_FOR_EVER ? until : until - h->cx->steady_ms + h->cx->wall_ms;
}

// Room for `ret_n` of those who are there, where they are asked for; NULL: the reply goes without them.
static struct member_view *join_views_alloc(struct home *h, struct room *r, const struct ask *a,
                                            size_t *ret_n)
{
    uint32_t exact_max = h->cx->settings->presence_exact_max;
    if (room_settings(h, r)->room_presence != PRESENCE_EXACT) // nobody would be told of those who come later
        exact_max = 0;
    *ret_n = r->members < exact_max ? r->members : exact_max;
    if (!a->cmd.want_members || *ret_n == 0)
        return NULL;
    return mem_alloc(h->cx->mem, *ret_n * sizeof(struct member_view));
}

// The room's number and those of who spoke last, of an encoding that has them.
static void tell_speakers(const struct home *h, const struct room *r, const struct ask *a,
                          struct speaker_view speakers[SPEAKERS_TOLD], struct event *ev)
{
    if (!encoding_of(h->cx, a->encoding)->payloads->handles)
        return;
    ASSERT(r->live.speakers != NULL && r->live.speakers->readers != 0);
    ev->room_handle = r->live.speakers->room;
    ev->speakers = speakers;
    ev->speakers_n = speakers_newest(r->live.speakers, speakers);
}

static void join_answer(struct home *h, const struct ask *a, uint32_t room, uint32_t member,
                        const struct join_start *s, bool created)
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
                         .gap_to = s->gap_to,
                         .rule = r->ruled.given};
    struct event ev = {.type = EV_JOINED,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .offset = r->live.offset,
                       .role = (enum role)member_at(h, member)->role,
                       .members_count = r->members,
                       .readonly = standing_readonly(r->standing),
                       .locked = standing_locked(r->standing),
                       .slow_ms = standing_slow(r->standing),
                       .muted_until = join_muted_until(h, r, a->user),
                       .state = buf_str(&h->wish),
                       .state_version = state_version(r->state),
                       .has_recovered = s->has_recovered,
                       .recovered = s->recovered,
                       .has_left = a->cmd.from.n != 0,
                       .left = a->cmd.from};
    struct speaker_view speakers[SPEAKERS_TOLD];
    tell_speakers(h, r, a, speakers, &ev);
    const struct read_view read = home_read_view(h, r, a->user);
    ev.has_read = read.known;
    ev.read = read.offset;
    ev.unread = read.unread;
    size_t views_n;
    struct member_view *views = join_views_alloc(h, r, a, &views_n);
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
    home_witness(h, r, NULL, a);
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

static const char *no_join(const struct ask *a)
{
    return a->guest ? "It takes the right `join` to come into the room {}, and guests here do not have it."
                    : "It takes the right `join` to come into the room {}, and your token does not give it.";
}

// Rooms are open to all whom their rule lets in, but whom a token does not let in, and who is banned. False (and answered): it may not come in.
// Who is there, or has been given a role, or is named by a token, is not kept out.
// By name, in its token. What guests may names nobody: it opens no room that is kept for others.
static bool let_in(const struct ask *a) { return (a->grant & RIGHT_BIT(RIGHT_JOIN)) != 0 && !a->guest; }

static bool locked_out(const struct home *h, struct room *r, const struct ask *a)
{
    return standing_locked(r->standing) && !let_in(a) &&
           standing_role(r->standing, &h->cx->settings->hash_key, a->user) == ROLE_NOT_GIVEN &&
           member_find(h, r, a->user) == MAP_NONE;
}

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
    } else if (a->invited) {
        return true;
    } else if (!rights_allow(&who, RIGHT_JOIN)) {
        p.code = PROBLEM_FORBIDDEN;
        p.text = no_join(a);
    } else if (locked_out(h, r, a)) {
        p.code = PROBLEM_FORBIDDEN;
        p.text = "The room {} is locked: nobody new comes in at the moment.";
    }
    if (p.code != PROBLEM_NONE)
        home_answer_problem(h, a, EFFECT_REFUSED, &p);
    return p.code == PROBLEM_NONE;
}

// Neither what its own rooms are called nor whether there is such a room is told: it may be anybody's guess.
static void refuse_stranger(struct home *h, const struct ask *a)
{
    if (a->tenant != TENANT_NONE)
        metric_add(&h->cx->metrics->tenants[a->tenant - 1].strangers, 1);
    home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
                             a->tenant != TENANT_NONE ? "The room {} is not one of your tenant."
                                                      : "The room {} is for users of its tenant only.");
}

// By its token, or in the room; or it brings an invitation, which is looked at when the room is here (gate_invited).
static bool join_named(const struct home *h, const struct ask *a, uint32_t room)
{
    return let_in(a) || home_invitation_of(a).n != 0 ||
           (room != MAP_NONE &&
            standing_role(room_at(h, room)->standing, &h->cx->settings->hash_key, a->user) != ROLE_NOT_GIVEN);
}

// False (and answered): the room, or the one that there would be, is not for who asks. Where rooms are on many nodes, one that is
// not here yet counts as not there.
static bool join_admitted(struct home *h, const struct ask *a, uint32_t room)
{
    const struct room_settings *s =
        room == MAP_NONE ? room_settings_by_name(h->cx, a->cmd.room) : room_settings(h, room_at(h, room));
    bool creates = room == MAP_NONE || a->cmd.type == CMD_CREATE;
    bool named = join_named(h, a, room);
    if (tenant_by_name(h->cx, a->cmd.room) != a->tenant)
        refuse_stranger(h, a);
    else if (s->room_access == ACCESS_INVITE && !named)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
                                 "The room {} is for those only who are let in by name.");
    else if (s->room_access == ACCESS_TOKEN && a->guest && !named)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
                                 "The room {} is not for guests; say hello with a token.");
    else if (creates && home_invitation_of(a).n != 0 && h->authority == &authority_home)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_INVITATION_INVALID, home_no_invitation);
    else if (creates && a->grant != 0 && (a->grant & RIGHT_BIT(RIGHT_JOIN)) == 0 && !named)
        home_answer_room_problem(h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN, no_join(a));
    else if (creates && a->no_create)
        home_answer_room_problem(
            h, a, EFFECT_REFUSED, PROBLEM_FORBIDDEN,
            a->guest
                ? "There is no room {}, and it takes the right `create` to make one, which guests here do not have."
                : "There is no room {}, and it takes the right `create` in `caps.server` to make one, which "
                  "your token does not give.");
    else if (a->cmd.type != CMD_CREATE || home_made_admitted(h, a, named))
        return true;
    if (a->charged) // it was open when it was passed on
        home_refund(h, a);
    return false;
}

bool gate_access(struct home *h, struct ask **taken, uint32_t *room)
{
    return join_admitted(h, *taken, *room);
}

// Somebody may have made it while it was paid for.
static bool join_may_make(struct home *h, struct ask **taken, uint32_t room)
{
    if (home_made_free(h, taken, room))
        return true;
    if ((*taken)->charged)
        home_refund(h, *taken);
    return false;
}

bool gate_creation(struct home *h, struct ask **taken, uint32_t *room)
{
    struct ask *a = *taken;
    bool creates = *room == MAP_NONE;
    if (a->cmd.type == CMD_CREATE && !creates && !a->made && !join_may_make(h, taken, *room))
        return false;
    if (creates && !home_create(h, a, room))
        return false;
    a->made |= creates;
    if (creates) // paid for, and used: the room has it
        a->charged = false;
    if (a->charged && !a->made) { // somebody else was faster
        home_refund(h, a);
        a->charged = false;
    }
    return true;
}

bool gate_entry(struct home *h, struct ask **taken, uint32_t *room) { return join_allowed(h, *taken, *room); }

// What it is told of the past is made first, a slice at a time, and it comes in when all of it is there: in the same turn, so
// that nothing is lost between what it is told and what it hears. While it waits everything may change: it is looked at anew.
void home_join(struct home *h, struct ask **taken, uint32_t room)
{
    struct ask *a = *taken;
    uint32_t member;
    if (a->made && room_settings(h, room_at(h, room))->room_host == HOST_FIRST && !a->hosted && !a->invited) {
        a->hosted = true;
        home_make_host(h, a, room);
    }
    struct room *r = room_at(h, room);
    struct join_start s = join_start(r, &a->cmd);
    const struct replay_want want = join_want(h, r, a, &s);
    enum err e = home_pending(r) ? ERR_MORE : home_replay(h, room, &want);
    if (e == ERR_MORE) {
        home_wait(h, taken, room);
        return;
    }
    if (e == OK)
        e = member_fits(h, r, a->user);
    if (e == OK && a->invited) {
        home_admit(h, taken, room);
        return;
    }
    if (e == OK)
        e = feed_reserve(h, r, a);
    if (e == OK && !home_state_put(h, r)) // before it comes in, as then it has to be told
        e = ERR_NOMEM;
    if (e == OK)
        e = member_arrive(h, room, a, &member);
    if (e != OK) {
        join_not_possible(h, a, e);
        return;
    }
    room_announce_to(h, room, a->conn.shard); // others there must not learn of entries from this answer
    feed_attach(h, r, a);
    if (r->course !=
        NULL) // somebody is there now, be others told of it or not: its authority has to look after it
        room_mark_dirty(h, room);
    metric_add(&h->cx->metrics->recovered, s.recovered);
    join_answer(h, a, room, member, &s, a->made);
}
