// SPDX-License-Identifier: Apache-2.0
//
// Asks at the shard that decides about a room: leaves, and whose turn the others are. Nothing about it is decided anywhere
// else.
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/course.h"

void home_witness(const struct home *h, const struct room *r, const struct entry *e, const struct ask *joined)
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
        s.shard = joined->conn.shard;
        s.conn = joined->conn.ref.index;
        s.gen = joined->conn.ref.gen;
        s.user = joined->user;
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
    ASSERT(ev == NULL || ev->type == EV_ERROR || ev->type == command_row(a->cmd.type)->reply ||
           (a->backend && a->cmd.type == CMD_SIGNAL)); // a request is answered
    if (a->own)
        return;
    bool only_tells = (ans->effect == EFFECT_NONE || ans->effect == EFFECT_HISTORY) && ev != NULL;
    ans->conn = a->conn;
    ans->encoding = a->encoding;
    ans->credit = a->credit;
    ans->claim = a->claim;
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
    // What has become of a join, or of what makes a room as one does, is that it did not happen.
    const bool comes = a->type == ASK_ADMIT || (a->cmd.type == CMD_CREATE && !a->backend);
    struct answer ans = {.effect = comes ? EFFECT_REFUSED : effect, .outlet = a->outlet};
    if (p->code != PROBLEM_BANNED && p->code != PROBLEM_ROOM_CLOSED) // has not asked for too many new rooms
        ans.retry_ms = p->retry_ms;
    struct event ev = {.type = EV_ERROR, .id = a->cmd.id, .problem = *p};
    metric_add(&h->cx->metrics->errors[p->code], 1);
    if (p->code == PROBLEM_FORBIDDEN || p->code == PROBLEM_BANNED ||
        (p->code >= PROBLEM_INVITATION_INVALID && p->code <= PROBLEM_INVITATION_USED))
        audit_put_ask(h->cx, a, AUDIT_REFUSED, problem_name(p->code), STR_NONE);
    notice_put_user(h->cx, p->code == PROBLEM_FORBIDDEN ? NOTICE_DENIED : NOTICE_COMMAND_ERROR,
                    problem_name(p->code), a->user, a->session, a->cmd.room);
    home_answer_event(h, a, &ans, &ev);
}

void home_answer_room_problem(struct home *h, const struct ask *a, enum effect effect, enum problem_code code,
                              const char *text)
{
    struct problem p = {.code = code, .text = text, .word_kind = WORD_QUOTED, .word = a->cmd.room};
    home_answer_problem(h, a, effect, &p);
}

void home_memory_refused(struct home *h, uint8_t tenant)
{
    if (relief_tenant_is_short(h, tenant))
        metric_add(&h->cx->metrics->tenants[tenant - 1].limit_memory, 1);
    else
        metric_add(&h->cx->metrics->limit_memory, 1);
}

void home_answer_no_memory(struct home *h, const struct ask *a, enum effect effect)
{
    uint8_t tenant = tenant_by_name(h->cx, a->cmd.room);
    bool own = relief_tenant_is_short(h, tenant);
    home_memory_refused(h, tenant);
    home_answer_room_problem(h, a, effect, own ? PROBLEM_LIMIT_REACHED : PROBLEM_UNAVAILABLE,
                             own ? "Your tenant's rooms hold as much as they may; try again later."
                                 : "The server is out of memory; try again later.");
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

// --- gates (common/gates.h)

// What becomes no record has waited for its turn already (home_ask).
static void refuse(struct home *h, struct ask **taken, const struct asking *in)
{
    static const struct verdict no_memory = {.refused = true, .why = DENIED_MEMORY};
    const struct ask *a = *taken;
    if (in->v.why == DENIED_REPEATED)
        course_repeats(h, taken, in->room, &in->v);
    else if (in->room != MAP_NONE && a->type == ASK_PUBLISH)
        course_deny(h, taken, in->room, in->v.why != DENIED_NOT ? &in->v : &no_memory);
    else if (in->room != MAP_NONE)
        home_publish_answer(h, a, in->room, &in->v, false);
    else if (a->backend)
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_FOUND, "There is no room {}.");
    else
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_NOT_MEMBER,
                                 "You are not in the room {}; join it first.");
}

bool home_admits(struct home *h, struct ask **taken, struct asking *in)
{
    in->a = *taken;
    in->member = in->target = MAP_NONE;
    in->at = in->room != MAP_NONE ? room_at(h, in->room) : NULL;
    in->v = (struct verdict){.refused = true};
#define X(at, name, ...)       \
    if (!gate_##name(h, in)) { \
        refuse(h, taken, in);  \
        return false;          \
    }
    GATES_ROOM(X)
#undef X
    return true;
}

// What is asked about a room that one is in, or as a backend.
static bool asked(struct home *h, struct ask **taken, uint32_t *ret_room)
{
    struct asking in = {.room = home_asked_room(h, *taken)};
    bool passed = home_admits(h, taken, &in);
    *ret_room = in.room;
    return passed;
}

static void asked_to_join(struct home *h, struct ask **taken)
{
    uint32_t room = room_unless_over(h, home_asked_room(h, *taken));
#define X(at, name, ...)               \
    if (!gate_##name(h, taken, &room)) \
        return;
    GATES_JOIN(X)
#undef X
    ((*taken)->cmd.type == CMD_CREATE ? home_made : home_join)(h, taken, room);
}

// --- leave

// One session less of the member. Whoever has taken it from its member meanwhile has done the rest, too.
static void leave_room(struct home *h, uint32_t room, uint32_t member, const struct departure *d,
                       uint8_t encoding)
{
    room_announce_to(h, room, d->conn.shard); // up to here it was in the room
    if (member_depart(h, room, member, d))
        feed_detach(h, room_at(h, room), d->conn.shard, encoding);
}

// That its token has ended is told to who is there by it: one that has been sent away meanwhile has been told that it is out, and why.
static void home_leave(struct home *h, const struct ask *a)
{
    uint32_t room = home_asked_room(h, a);
    uint32_t member = room != MAP_NONE ? member_find(h, room_at(h, room), a->user) : MAP_NONE;
    const struct departure d = {.conn = a->conn, .why = a->ended ? "expired" : "left", .session = a->session};
    bool there = member != MAP_NONE && member_is(member_at(h, member), a->conn);
    bool untold = a->cmd.type == CMD_SWITCH || (a->ended && !there);
    struct answer ans = {.effect = EFFECT_LEFT, .outlet = a->outlet};
    struct event ev = {
        .type = EV_LEFT, .id = a->cmd.id, .room = a->cmd.room, .reason = a->ended ? "expired" : NULL};
    if (member != MAP_NONE)
        leave_room(h, room, member, &d, a->encoding);
    home_answer_event(h, a, &ans, untold ? NULL : &ev);
}

void home_depart(struct home *h, const struct depart_mail *m)
{
    const struct departure d = {.conn = m->conn, .keep = m->keep_member, .why = "disconnected"};
    for (uint32_t i = 0; i < m->room_n; i++) {
        const struct room *r = slab_get(&h->rooms, m->rooms[i].index, m->rooms[i].gen);
        uint32_t member = MAP_NONE;
        if (r != NULL && m->member.index == UINT32_MAX)
            member = member_find(h, r, m->user);
        else if (slab_get(&h->members, m->member.index, m->member.gen) != NULL)
            member = m->member.index;
        if (r != NULL && member != MAP_NONE)
            leave_room(h, m->rooms[i].index, member, &d, m->encoding);
    }
}

// --- the rest

// Of a rename the reply is made by the edge when the last of its homes has answered: what goes back is the id that it answers.
// A refresh is answered already.
static void home_rename(struct home *h, const struct ask *a)
{
    bool named = a->cmd.type == CMD_RENAME;
    ASSERT(named || a->cmd.type == CMD_REFRESH);
    for (size_t at = 0; at + sizeof(struct ref) <= a->rows.n; at += sizeof(struct ref)) {
        struct ref ref;
        memcpy(&ref, a->rows.p + at, sizeof ref);
        const struct room *r = slab_get(&h->rooms, ref.index, ref.gen);
        uint32_t member = r == NULL ? MAP_NONE : member_find(h, r, a->user);
        if (member != MAP_NONE)
            member_show(h, ref.index, member, named ? a->cmd.name : a->name, a->info, a->since_ms);
    }
    struct answer ans = {.effect = named ? EFFECT_RENAMED : EFFECT_NONE,
                         .payload = named ? a->cmd.id : STR_NONE};
    home_answer_event(h, a, &ans, NULL);
}

// Whom a text client means: a user id or a name in the room it is in.
static void home_resolve(struct home *h, struct ask **taken)
{
    const struct ask *a = *taken;
    uint32_t room;
    if (!asked(h, taken, &room))
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

// What one asks about a room that one must be in, or as a backend.
static void ask_in_room(struct home *h, struct ask **taken)
{
    const struct ask *a = *taken;
    uint32_t room;
    if (!asked(h, taken, &room))
        return;
    switch (a->type) {
    case ASK_SIGNAL:
        home_signal(h, taken, room);
        break;
    case ASK_READ:
        home_read(h, a, room);
        break;
    case ASK_STATE:
        home_state_read(h, a, room);
        break;
    case ASK_INVITES:
        home_invites(h, a, room);
        break;
    case ASK_WHOIS:
        home_whois(h, a, room);
        break;
    case ASK_MEMBERS:
        home_members(h, a, room);
        break;
    case ASK_HISTORY:
        (a->cmd.has_offset ? home_thread : home_history)(h, taken, room);
        break;
    default:
        UNREACHABLE();
    }
}

// What one asks the home of a user, of an address, or of a key.
static void ask_of_user(struct home *h, const struct ask *a)
{
    switch (a->type) {
    case ASK_DIRECT:
        home_direct(h, a);
        break;
    case ASK_DISCONNECT:
        home_disconnect(h, a);
        break;
    case ASK_REGISTER:
        home_register(h, a);
        break;
    case ASK_CHARGE_USER:
        home_charge_user(h, a);
        break;
    case ASK_CHARGE_ADDRESS:
        home_charge_address(h, a);
        break;
    case ASK_CLAIM:
        home_claim(h, a);
        break;
    default:
        UNREACHABLE();
    }
}

void home_ask_again(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    ASSERT(a->conn.shard < h->cx->shard_count);
    ASSERT(a->encoding < h->cx->settings->ways->encodings_n);
    if (loading_holds(h, taken))
        return;
    switch (a->type) {
    case ASK_JOIN:
        asked_to_join(h, taken);
        break;
    case ASK_LEAVE:
        home_leave(h, a);
        break;
    case ASK_PUBLISH:
        (a->backend ? home_publish_backend : home_publish)(h, taken);
        break;
    case ASK_CREATE:
        home_made_by_backend(h, taken);
        break;
    case ASK_SIGNAL:
    case ASK_READ:
    case ASK_STATE:
    case ASK_INVITES:
    case ASK_WHOIS:
    case ASK_MEMBERS:
    case ASK_HISTORY:
        ask_in_room(h, taken);
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
        home_resolve(h, taken);
        break;
    case ASK_DIRECT:
    case ASK_DISCONNECT:
    case ASK_REGISTER:
    case ASK_CHARGE_USER:
    case ASK_CHARGE_ADDRESS:
    case ASK_CLAIM:
        ask_of_user(h, a);
        break;
    case ASK_ADMIT: // is one here only
    case ASK_CLOSE: // not ours (ask_of_conns)
    case ASK_CONNECTIONS:
    case ASK_INFO:
    case ASK_REVOKE:
        UNREACHABLE();
    }
}
