// SPDX-License-Identifier: Apache-2.0
//
// Asks at the shard that decides about a room: joins, leaves, publishes. Nothing about it is decided anywhere else.
//
// An answer is the last thing an ask does: answering a leave on this very shard may free what the ask points to.
#include "core/shard_state.h"

static void answer_send(struct shard *sh, struct answer *ans)
{
    if (ans->conn.shard == sh->index) {
        edge_answer(sh, ans);
        return;
    }
    struct answer *mail = pack_answer(sh->mem, ans);
    if (mail ==
        NULL) { // the reply is lost, and what comes with it; its effect, and that there is an answer, are not
        metric_add(&sh->metrics->limit_memory, 1);
        for (uint32_t i = 0; i < ans->seg_count; i++)
            segment_unref(sh->mem, ans->segs[i]);
        ans->reply_lost = true;
        ans->payload = STR_NONE;
        ans->seg_count = 0;
        mail = pack_answer(sh->mem, ans);
        ASSERT(mail != NULL); // a bare one is essential
    }
    shard_post(sh, ans->conn.shard, &mail->mail);
}

void home_answer_event(struct shard *sh, const struct ask *a, struct answer *ans, const struct event *ev)
{
    ans->conn = a->conn;
    ans->dialect = a->dialect;
    if (ev != NULL) {
        buf_reset(&sh->reply, SEGMENT_BYTES_MAX);
        dialect_get((enum dialect_id)a->dialect)->encode_event(&sh->reply, ev, sh->utc_offset_s);
        ans->reply_lost = !buf_ok(&sh->reply);
        if (buf_ok(&sh->reply))
            ans->payload = buf_str(&sh->reply);
        else
            metric_add(&sh->metrics->limit_memory, 1);
    }
    answer_send(sh, ans);
}

void home_answer_problem(struct shard *sh, const struct ask *a, enum effect effect, const struct problem *p)
{
    struct answer ans = {.effect = effect, .outlet = a->outlet, .retry_ms = p->retry_ms};
    struct event ev = {.type = EV_ERROR, .id = a->cmd.id, .problem = *p};
    metric_add(&sh->metrics->errors[p->code], 1);
    shard_notice_refused(sh, a, p->code);
    home_answer_event(sh, a, &ans, &ev);
}

void home_answer_room_problem(struct shard *sh, const struct ask *a, enum effect effect,
                              enum problem_code code, const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = a->cmd.room};
    home_answer_problem(sh, a, effect, &p);
}

void home_answer_no_memory(struct shard *sh, const struct ask *a, enum effect effect)
{
    metric_add(&sh->metrics->limit_memory, 1);
    home_answer_room_problem(sh, a, effect, PROBLEM_UNAVAILABLE,
                             "The server is out of memory; try again later.");
}

static uint32_t asked_room(const struct shard *sh, const struct ask *a)
{
    if (a->room.index != UINT32_MAX)
        return slab_get(&sh->rooms, a->room.index, a->room.gen) != NULL ? a->room.index : MAP_NONE;
    return room_find(sh, a->cmd.room, a->room_hash);
}

// The asker's place in a room; false (and answered) if it has none.
static bool asked_member(struct shard *sh, const struct ask *a, uint32_t *ret_room, uint32_t *ret_member)
{
    *ret_room = asked_room(sh, a);
    *ret_member = *ret_room == MAP_NONE ? MAP_NONE : member_find(sh, room_at(sh, *ret_room), a->user);
    if (*ret_member != MAP_NONE)
        return true;
    home_answer_room_problem(sh, a, EFFECT_NONE, PROBLEM_NOT_MEMBER,
                             "You are not in the room {}; join it first.");
    return false;
}

// --- join

// From which offset the newcomer is served, and what to say about what it cannot have.
struct start {
    uint64_t from;
    bool has_recovered, recovered;
    bool has_gap;
    uint64_t gap_from, gap_to;
};

static struct start join_start(struct shard *sh, const struct room *r, const struct command *cmd)
{
    const struct log *l = &r->log;
    struct start s = {.from = l->head + 1};
    if (cmd->has_history)
        s.from = log_messages_back(l, cmd->history);
    if (!cmd->has_since)
        return s;
    bool same = str_eq(cmd->since_epoch, str_make(r->epoch, EPOCH_LEN)) && cmd->since_offset <= l->head;
    s.has_recovered = true;
    s.recovered = same && cmd->since_offset + 1 >= l->tail;
    if (s.recovered) {
        s.from = cmd->since_offset + 1;
        metric_add(&sh->metrics->recovered, 1);
    } else if (same && cmd->since_offset + 1 < s.from) {
        s.has_gap = true;
        s.gap_from = cmd->since_offset + 1;
        s.gap_to = s.from - 1;
    }
    return s;
}

// The dialect's segments from the one that holds `from` to the newest, a reference each.
static struct segment **join_segments(struct shard *sh, struct room *r, uint8_t dialect, uint64_t from,
                                      uint32_t *ret_n)
{
    const struct chain *c = &r->log.tracks[dialect];
    *ret_n = 0;
    if (c->n == 0)
        return NULL;
    uint32_t first = chain_find(c, from > c->segs[0]->first ? from : c->segs[0]->first);
    uint32_t n = c->n - first;
    struct segment **segs = mem_alloc(sh->mem, n * sizeof(struct segment *));
    if (segs == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        segs[i] = segment_ref(c->segs[first + i]);
    *ret_n = n;
    return segs;
}

static void feed_attach(struct room *r, const struct ask *a)
{
    struct feed *f = &r->feeds[a->conn.shard];
    if (f->sessions == 0)
        *f = (struct feed){.outlet = a->outlet, .head = r->log.head}; // told by the answer
    ASSERT(f->outlet.index == a->outlet.index && f->outlet.gen == a->outlet.gen);
    f->sessions++;
    f->readers[a->dialect]++;
    r->readers[a->dialect]++;
    r->sessions++;
}

static enum err track_make(struct shard *sh, struct room *r, enum dialect_id d)
{
    size_t before = r->log.bytes;
    enum err e = log_activate(&r->log, d, room_name(r), &sh->encode, sh->utc_offset_s);
    room_log_moved(sh, before, r->log.bytes);
    return e;
}

static void track_drop(struct shard *sh, struct room *r, enum dialect_id d)
{
    size_t before = r->log.bytes;
    log_deactivate(&r->log, d);
    room_log_moved(sh, before, r->log.bytes);
}

static void feed_detach(struct shard *sh, struct room *r, const struct ask *a)
{
    struct feed *f = &r->feeds[a->conn.shard];
    ASSERT(f->sessions != 0 && f->readers[a->dialect] != 0);
    f->sessions--;
    r->sessions--;
    if (--f->readers[a->dialect] == 0)
        f->seg_seen[a->dialect] = 0;
    if (f->sessions == 0)
        pace_detach(sh, r, a->conn.shard);
    if (--r->readers[a->dialect] == 0)
        track_drop(sh, r, (enum dialect_id)a->dialect);
}

static size_t join_member_views(struct shard *sh, const struct room *r, struct member_view *views, size_t max)
{
    size_t n = 0;
    for (uint32_t m = r->first; m != SLAB_NONE && n < max; m = member_at(sh, m)->next)
        member_view_make(member_at(sh, m), &views[n++]);
    return n;
}

static void join_answer(struct shard *sh, const struct ask *a, uint32_t room, uint32_t member,
                        const struct start *s, bool created)
{
    struct room *r = room_at(sh, room);
    struct answer ans = {.effect = EFFECT_JOINED,
                         .outlet = a->outlet,
                         .room = {room, slab_gen(&sh->rooms, room)},
                         .member = {member, slab_gen(&sh->members, member)},
                         .start = s->from,
                         .created = created,
                         .hold = r->crowded != 0,
                         .head = r->feeds[a->conn.shard].head,
                         .has_gap = s->has_gap,
                         .gap_from = s->gap_from,
                         .gap_to = s->gap_to};
    memcpy(ans.epoch, r->epoch, EPOCH_LEN);
    struct event ev = {.type = EV_JOINED,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .offset = r->log.head,
                       .role = (enum role)member_at(sh, member)->role,
                       .members_count = r->members,
                       .has_recovered = s->has_recovered,
                       .recovered = s->recovered,
                       .has_left = a->cmd.from.n != 0,
                       .left = a->cmd.from};
    size_t views_n =
        r->members < sh->settings->presence_exact_max ? r->members : sh->settings->presence_exact_max;
    struct member_view *views = NULL;
    if (a->cmd.want_members && views_n != 0)
        views = mem_alloc(sh->mem, views_n * sizeof *views);
    if (views != NULL) {
        ev.with_members = true;
        ev.members = views;
        ev.list_n = join_member_views(sh, r, views, views_n);
    }
    uint32_t segs_n;
    struct segment **segs = join_segments(sh, r, a->dialect, s->from, &segs_n);
    ans.segs = segs;
    ans.seg_count = segs_n;
    if (segs_n != 0)
        r->feeds[a->conn.shard].seg_seen[a->dialect] = segs[segs_n - 1]->first;
    home_answer_event(sh, a, &ans, &ev);
    mem_free(sh->mem, segs, segs_n * sizeof(struct segment *));
    mem_free(sh->mem, views, views_n * sizeof *views);
}

static void join_not_possible(struct shard *sh, const struct ask *a, enum err e)
{
    if (e != ERR_LIMIT) {
        home_answer_no_memory(sh, a, EFFECT_REFUSED);
        return;
    }
    metric_add(&sh->metrics->limit_members, 1);
    home_answer_room_problem(sh, a, EFFECT_REFUSED, PROBLEM_ROOM_FULL,
                             "The room {} is full; try again later.");
}

static void home_join(struct shard *sh, const struct ask *a)
{
    uint32_t room = asked_room(sh, a), member;
    bool creates = room == MAP_NONE;
    if (creates && !home_create(sh, a, &room))
        return;
    if (!creates && a->charged) // somebody else was faster
        home_refund(sh, a);
    struct room *r = room_at(sh, room);
    enum err e = track_make(sh, r, (enum dialect_id)a->dialect);
    if (e == OK)
        e = member_arrive(sh, room, a->user, a->name, a->since_ms, &member);
    if (e != OK) {
        if (r->readers[a->dialect] == 0)
            track_drop(sh, r, (enum dialect_id)a->dialect);
        join_not_possible(sh, a, e);
        return;
    }
    room_announce_to(sh, room, a->conn.shard); // others there must not learn of entries from this answer
    feed_attach(r, a);
    struct start s = join_start(sh, r, &a->cmd);
    join_answer(sh, a, room, member, &s, creates);
}

// --- leave

static void home_leave(struct shard *sh, const struct ask *a)
{
    uint32_t room = asked_room(sh, a), member = MAP_NONE;
    if (room != MAP_NONE && a->member.index != UINT32_MAX)
        member = a->member.index;
    else if (room != MAP_NONE)
        member = member_find(sh, room_at(sh, room), a->user);
    ASSERT(member != MAP_NONE); // the edge has a membership, so there is a member with a session
    struct room *r = room_at(sh, room);
    room_announce_to(sh, room, a->conn.shard);
    struct answer ans = {.effect = EFFECT_LEFT, .outlet = a->outlet};
    struct event ev = {.type = EV_LEFT, .id = a->cmd.id, .room = room_name(r)};
    feed_detach(sh, r, a);
    member_depart(sh, room, member, a->keep_member);
    if (!a->dropped)
        home_answer_event(sh, a, &ans, a->cmd.type == CMD_SWITCH ? NULL : &ev);
}

// --- publish

static void publish_answer(struct shard *sh, const struct ask *a, const struct room *r, uint64_t offset,
                           bool duplicate)
{
    struct answer ans = {.effect = duplicate ? EFFECT_NONE : EFFECT_PUBLISHED,
                         .skip = !a->cmd.echo,
                         .outlet = a->outlet,
                         .start = offset};
    struct event ev = {.type = EV_ACK,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .has_offset = true,
                       .offset = offset,
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .duplicate = duplicate};
    home_answer_event(sh, a, &ans, a->cmd.id.n != 0 ? &ev : NULL);
}

static void home_publish(struct shard *sh, const struct ask *a)
{
    const struct settings *s = sh->settings;
    uint32_t room, member;
    if (!asked_member(sh, a, &room, &member))
        return;
    struct room *r = room_at(sh, room);
    if (a->has_key) {
        uint64_t first;
        idempotency_expire(&r->keys, sh->now_ms, s->idempotency_ms);
        if (idempotency_find(&r->keys, a->key_print, &first)) {
            metric_add(&sh->metrics->entries_duplicate, 1);
            publish_answer(sh, a, r, first, true);
            return;
        }
    }
    struct entry e = {
        .type = ENTRY_MESSAGE, .user = a->user, .session = a->session, .name = a->name, .data = a->cmd.data};
    // The key first: an entry whose key could not be kept would be appended again when it is said again.
    bool kept = !a->has_key || idempotency_put(&r->keys, a->key_print, r->log.head + 1, sh->now_ms,
                                               s->idempotency_keys) == OK;
    if (!kept || room_append(sh, room, &e) != OK) {
        if (kept && a->has_key)
            idempotency_take_back(&r->keys);
        home_answer_no_memory(sh, a, EFFECT_NONE);
        return;
    }
    member_at(sh, member)->last_active = sh->wall_ms;
    publish_answer(sh, a, r, e.offset, false);
}

// --- the rest

// The reply is made by the edge when the last of its rooms has answered: what goes back is the id that it answers.
static void home_rename(struct shard *sh, const struct ask *a)
{
    uint32_t room = asked_room(sh, a);
    uint32_t member = room == MAP_NONE ? MAP_NONE : member_find(sh, room_at(sh, room), a->user);
    if (member != MAP_NONE)
        member_rename(sh, room, member, a->cmd.name, a->since_ms);
    struct answer ans = {.effect = EFFECT_RENAMED, .payload = a->cmd.id};
    home_answer_event(sh, a, &ans, NULL);
}

// Whom a text client means: a user id or a name in the room it is in.
static void home_resolve(struct shard *sh, const struct ask *a)
{
    uint32_t room, member;
    if (!asked_member(sh, a, &room, &member))
        return;
    const struct room *r = room_at(sh, room);
    uint32_t found = member_find(sh, r, a->cmd.to);
    for (uint32_t m = r->first; m != SLAB_NONE && found == MAP_NONE; m = member_at(sh, m)->next)
        if (str_eq(member_name(member_at(sh, m)), a->cmd.to))
            found = m;
    struct ask direct = *a;
    direct.type = ASK_DIRECT;
    if (found != MAP_NONE)
        direct.cmd.to = member_user(member_at(sh, found));
    direct.user_print = print_str(sh, direct.cmd.to);
    if (!shard_ask(sh, home_of(sh, direct.user_print.lo), &direct))
        home_answer_no_memory(sh, a, EFFECT_NONE);
}

void home_ask(struct shard *sh, const struct ask *a)
{
    uint32_t room, member;
    switch (a->type) {
    case ASK_JOIN:
        home_join(sh, a);
        break;
    case ASK_LEAVE:
        home_leave(sh, a);
        break;
    case ASK_PUBLISH:
        home_publish(sh, a);
        break;
    case ASK_MEMBERS:
        if (asked_member(sh, a, &room, &member))
            home_members(sh, a, room);
        break;
    case ASK_HISTORY:
        if (asked_member(sh, a, &room, &member))
            home_history(sh, a, room);
        break;
    case ASK_RENAME:
        home_rename(sh, a);
        break;
    case ASK_ROOMS:
        home_rooms(sh, a);
        break;
    case ASK_RESOLVE:
        home_resolve(sh, a);
        break;
    case ASK_DIRECT:
        home_direct(sh, a);
        break;
    case ASK_REGISTER:
        home_register(sh, a);
        break;
    case ASK_CHARGE_USER:
        home_charge_user(sh, a);
        break;
    case ASK_CHARGE_ADDRESS:
        home_charge_address(sh, a);
        break;
    }
}
