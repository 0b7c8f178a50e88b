// SPDX-License-Identifier: Apache-2.0
//
// Answers arriving at a connection's shard: the effect on its cursors, then the reply. Also directs and evictions.
//
// The connection may be gone by then. Only one effect must not be lost: who has joined must leave again.
#include "core/edge/edge.h"

#include "wire/ws_frame.h"

static struct asker *answered(struct edge *e, const struct conn_ref *ref)
{
    ASSERT(ref->shard == e->cx->index);
    struct asker *c = slab_get(e->cx->conns, ref->ref.index, ref->ref.gen);
    return c != NULL && reader_open(&c->reader) ? c : NULL;
}

static struct outlet *answered_outlet(struct edge *e, const struct ref *ref)
{
    return ref->index == UINT32_MAX ? NULL : slab_get(&e->fan->outlets, ref->index, ref->gen);
}

// A join that came too late, or that could not be carried out here: take it back at the home.
static void undo_join(struct edge *e, const struct answer *a)
{
    const struct outlet *o = answered_outlet(e, &a->outlet);
    struct ref room = a->room;
    struct depart_mail d = {
        .conn = a->conn, .encoding = a->encoding, .member = a->member, .room_n = 1, .rooms = &room};
    post_depart(e->mail, home_of(e->cx, o->hash), &d);
}

static void outlet_adopt(struct outlet *o, const struct answer *a)
{
    ASSERT(a->room.index != UINT32_MAX);
    o->room = a->room;
    o->hold = a->hold;
    ruled_by(&o->ruled, a->rule);
    if (o->n == 0) { // the first reader here; what the outlet knew may be of a room that is gone
        o->head = o->flushed_head = a->place;
        o->offset = a->offset;
    }
    ASSERT(o->head == a->place); // others here were told before
    ASSERT(o->offset == a->offset);
}

// What a newcomer is told: that it is in, what it cannot have, what was said before. Then comes what it hears live.
static void tell_newcomer(struct edge *e, uint32_t index, const struct outlet *o, const struct answer *a)
{
    const struct reader *r = &asker_at(e, index)->reader;
    ASSERT(a->seg_count == 0 || a->replay_from <= a->offset);
    ASSERT(!a->has_gap || a->gap_from <= a->gap_to);
    fan_put_payload(e->fan, index, a->payload);
    if (a->has_gap && reader_open(r))
        fan_put_gap(e->fan, index, outlet_name(o), a->gap_from, a->gap_to, 0, "trimmed");
    if (a->seg_count != 0)
        fan_put_replay(e->fan, index, a->segs, a->seg_count, a->replay_from, a->offset);
    if (reader_open(r))
        fan_mark_dirty(e->fan, index);
}

// Nothing comes of the room any more, and nothing more is kept for it.
static void edge_out(struct edge *e, uint32_t index, uint32_t outlet, const char *how)
{
    notice_put(e->cx, NOTICE_LEFT, index, 0, how, outlet_name(outlet_at(e->fan, outlet)));
    pass_drop(&e->passes, index, outlet);
    outlet_remove(e->fan, outlet, index);
    outlet_close_if_unused(e->fan, outlet);
}

static const char *expelled_text(enum expelled why)
{
    static const char *const texts[] = {
#define X(upper, text) [EXPELLED_##upper] = text,
        EXPELLED(X)
#undef X
    };
    return texts[why];
}

static void tell_expelled(struct edge *e, const struct expel_mail *m)
{
    struct event ev = {.type = EV_LEFT,
                       .room = outlet_name(outlet_at(e->fan, m->outlet.index)),
                       .reason = expelled_text(m->why),
                       .by_user = m->user,
                       .by_name = m->name,
                       .note = m->reason};
    fan_put_event(e->fan, m->session.index, &ev);
}

// It hears the room up to that place.
static void expel(struct edge *e, const struct expel_mail *m, uint64_t last)
{
    struct asker *c = asker_at(e, m->session.index);
    uint32_t index = m->session.index, outlet = m->outlet.index;
    outlet_keep_rest(e->fan, outlet, index, last);
    if (!reader_open(&c->reader))
        return;
    tell_expelled(e, m);
    if (!reader_open(&c->reader))
        return;
    edge_out(e, index, outlet, expelled_text(m->why));
    c->expelled = true;
    fan_wake(e->fan, index); // what it has said of the room meanwhile waits for nothing any more
}

// The room has gone and been made again, while some were on their way into the first one by a switch, had been sent away from it, and
// were yet to be told both. What they are due of it is put aside, as the outlet is the new room's from here on.
static void part_from_room_before(struct edge *e, struct outlet *o, const struct answer *a)
{
    const uint32_t outlet = a->outlet.index;
    while (o->n != 0 && (o->room.index != a->room.index || o->room.gen != a->room.gen)) {
        const uint32_t index = o->cursors[o->n - 1].conn;
        struct asker *c = asker_at(e, index);
        struct switching *sw = c->switching;
        ASSERT(sw != NULL && sw->to == outlet);
        ASSERT(sw->expel != NULL && !sw->parted);
        const struct outq out = c->reader.out;
        c->reader.out = (struct outq){0};
        outlet_keep_rest(e->fan, outlet, index, sw->expel_to);
        sw->rest = c->reader.out;
        c->reader.out = out;
        sw->parted = true;
        o->pending++;
        pass_drop(&e->passes, index, outlet);
        outlet_remove(e->fan, outlet, index);
    }
}

// In its order: it has come in, what it heard there, and that it is out.
static void tell_parted(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    struct switching *sw = c->switching;
    const struct expel_mail *m = (const struct expel_mail *)(const void *)sw->expel;
    tell_newcomer(e, index, outlet_at(e->fan, sw->to), (const struct answer *)(const void *)sw->joined);
    if (reader_open(&c->reader)) {
        outq_append(&c->reader.out, &sw->rest);
        tell_expelled(e, m);
        notice_put(e->cx, NOTICE_LEFT, index, 0, expelled_text(m->why),
                   outlet_name(outlet_at(e->fan, sw->to)));
        c->expelled = true;
        fan_wake(e->fan, index);
    }
    switching_end(e, c);
}

static void switch_finish(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    if (c->switching->parted) {
        tell_parted(e, index);
        return;
    }
    const struct answer *a = (const struct answer *)(const void *)c->switching->joined;
    struct membership *m = reader_find_membership(&c->reader, a->outlet.index);
    ASSERT(m != NULL);
    ASSERT(m->held);
    ASSERT(!m->leaving);
    m->held = false;
    tell_newcomer(e, index, outlet_at(e->fan, a->outlet.index), a);
    if (c->switching->expel != NULL && reader_open(&c->reader))
        expel(e, (const struct expel_mail *)(const void *)c->switching->expel, c->switching->expel_to);
    switching_end(e, c);
}

// The conversation about `to` of a switch is over; `from` is left next. The answer is kept until that is done.
static void switch_go_on(struct edge *e, uint32_t index, struct answer **a)
{
    struct asker *c = asker_at(e, index);
    struct switching *sw = c->switching;
    struct outlet *from = answered_outlet(e, &sw->from);
    struct membership *member = from != NULL ? reader_find_membership(&c->reader, sw->from.index) : NULL;
    ASSERT(sw->joined == NULL);
    ASSERT(!c->exclusive);
    if (member == NULL) { // it was sent away meanwhile
        sw->joined = &(*a)->mail;
        *a = NULL;
        switch_finish(e, index);
        return;
    }
    struct ask leave = {.type = ASK_LEAVE,
                        .conn = (*a)->conn,
                        .encoding = c->reader.encoding,
                        .outlet = sw->from,
                        .room = from->room,
                        .credit = sw->credit,
                        .room_hash = from->hash,
                        .user = session_user(&c->reader.who.session),
                        .cmd = {.type = CMD_SWITCH, .room = outlet_name(from)}};
    uint32_t dest = home_of(e->cx, from->hash);
    sw->joined = &(*a)->mail;
    *a = NULL;
    c->pending++;
    asker_pending_at(c, dest);
    c->exclusive = encoding_of(e->cx, c->reader.encoding)->language->serial;
    member->leaving = true;
    if (post_ask(e->mail, dest, &leave)) {
        sw->credit = (struct credit){0};
        return;
    }
    member->leaving = false;
    fan_end(e->fan, index, END_CUT);
}

// The answer is taken where it is kept.
static void on_joined(struct edge *e, struct answer **taken)
{
    const struct answer *a = *taken;
    struct outlet *o = answered_outlet(e, &a->outlet);
    ASSERT(o != NULL);
    ASSERT(o->pending != 0);
    part_from_room_before(e, o, a);
    o->pending--;
    outlet_adopt(o, a);
    struct asker *c = answered(e, &a->conn);
    uint32_t index = a->conn.ref.index, outlet = a->outlet.index;
    if (c == NULL) {
        undo_join(e, a);
        outlet_close_if_unused(e->fan, outlet);
        return;
    }
    if (a->created)
        gate_room_created(e, c);
    bool switching = c->switching != NULL && c->switching->to == outlet;
    if (outlet_add(e->fan, outlet, index, a->place + 1, switching) != OK) {
        pass_drop(&e->passes, index, outlet);
        undo_join(e, a);
        outlet_close_if_unused(e->fan, outlet);
        fan_end(e->fan, index, END_CUT);
        return;
    }
    notice_put(e->cx, NOTICE_JOINED, index, 0, NULL, outlet_name(o));
    gate_charge(e, c, a->payload.n); // of a list of members, if any
    if (a->reply_lost)
        fan_end(e->fan, index, END_CUT);
    else if (switching)
        switch_go_on(e, index, taken);
    else
        tell_newcomer(e, index, o, a);
}

static void on_refused(struct edge *e, const struct answer *a)
{
    struct outlet *o = answered_outlet(e, &a->outlet);
    ASSERT(o != NULL);
    ASSERT(o->pending != 0);
    struct asker *c = answered(e, &a->conn);
    if (c != NULL && c->switching != NULL && c->switching->to == a->outlet.index)
        switching_end(e, c);
    o->pending--;
    outlet_close_if_unused(e->fan, a->outlet.index);
    if (c == NULL)
        return;
    pass_drop(&e->passes, a->conn.ref.index, a->outlet.index);
    fan_put_payload(e->fan, a->conn.ref.index, a->payload);
    if (a->retry_ms != 0)
        gate_room_refused(e, a->conn.ref.index, a->retry_ms);
}

// What it was on its way into it has not come into, either way.
static void on_created(struct edge *e, const struct answer *a)
{
    struct asker *c = answered(e, &a->conn);
    on_refused(e, a);
    if (c != NULL && a->created)
        gate_room_created(e, c);
}

// It may have been sent away meanwhile, and hear nothing of the room any more.
static void on_left(struct edge *e, const struct answer *a)
{
    struct asker *c = answered(e, &a->conn);
    if (c == NULL)
        return;
    uint32_t index = a->conn.ref.index;
    bool switching = c->switching != NULL && c->switching->from.index == a->outlet.index &&
                     c->switching->from.gen == a->outlet.gen;
    if (answered_outlet(e, &a->outlet) != NULL &&
        reader_find_membership(&c->reader, a->outlet.index) != NULL) {
        outlet_keep_rest(e->fan, a->outlet.index, index, outlet_at(e->fan, a->outlet.index)->head);
        if (!reader_open(&c->reader))
            return;
        edge_out(e, index, a->outlet.index, switching ? "switched" : "left");
    }
    if (switching)
        switch_finish(e, index);
    else
        fan_put_payload(e->fan, index, a->payload);
}

static void on_published(struct edge *e, const struct answer *a)
{
    struct asker *c = answered(e, &a->conn);
    if (c == NULL)
        return;
    ASSERT(!a->skip || a->place != 0);
    uint32_t index = a->conn.ref.index;
    const struct outlet *o = answered_outlet(e, &a->outlet);
    const struct membership *m = o != NULL ? reader_find_membership(&c->reader, a->outlet.index) : NULL;
    if (m == NULL)
        o = NULL;
    fan_put_ack(e->fan, index, o, a->payload);
    if (m != NULL && !a->skip)
        flush_early(e->fan, a->outlet.index, m);
    if (a->skip && o != NULL && reader_open(&c->reader) &&
        skips_add(&c->reader, e->cx->mem, a->outlet.index, a->place) != OK)
        fan_end(e->fan, index, END_SLOW); // it sends and sends and never reads
}

static void on_replied(struct edge *e, struct asker *c, const struct answer *a)
{
    ASSERT(a->effect == EFFECT_NONE);
    ASSERT(a->seg_count == 0);
    fan_put_payload(e->fan, a->conn.ref.index, a->payload);
    gate_charge(e, c, a->payload.n);
    if (a->retry_ms != 0)
        gate_pushed(e, a->conn.ref.index);
}

// Whoever asked waits for one answer less.
static void came_back(struct edge *e, struct asker *c, const struct answer *a)
{
    ASSERT(c->pending != 0);
    c->pending--;
    c->exclusive = c->exclusive && c->pending != 0; // only a rename waits for several answers
    if (a->open)
        waiting_close(&c->waiting, e->cx->mem, a->outlet.index);
}

bool edge_answer(struct edge *e, struct answer **taken)
{
    const struct answer *a = *taken;
    struct asker *c = answered(e, &a->conn);
    uint32_t index = a->conn.ref.index;
    bool welcomed = false, lost = a->reply_lost;
    if (c != NULL)
        came_back(e, c, a);
    ASSERT(c == NULL || c->reader.encoding == a->encoding);
    bool frees = a->open || a->effect == EFFECT_LEFT || a->effect == EFFECT_FENCED;
    switch (a->effect) {
    case EFFECT_NONE:
        if (c != NULL)
            on_replied(e, c, a);
        break;
    case EFFECT_JOINED:
        on_joined(e, taken);
        break;
    case EFFECT_HISTORY:
        if (c != NULL && !lost)
            gate_charge(e, c, fan_put_history(e->fan, index, a));
        break;
    case EFFECT_REFUSED:
        on_refused(e, a);
        break;
    case EFFECT_CREATED:
        on_created(e, a);
        break;
    case EFFECT_LEFT:
        on_left(e, a);
        break;
    case EFFECT_PUBLISHED:
        on_published(e, a);
        break;
    case EFFECT_REGISTERED:
    case EFFECT_STRANGER:
        if (c != NULL)
            welcomed = edge_on_registered(e, a);
        break;
    case EFFECT_FENCED:
        if (c != NULL)
            edge_on_fenced(e, a);
        break;
    case EFFECT_CLAIMED: // of requests
        UNREACHABLE();
    case EFFECT_RENAMED:
        if (c != NULL)
            edge_on_renamed(e, index, a->payload);
        break;
    }
    if (c != NULL && lost)
        fan_end(e->fan, index, END_CUT);
    if (c != NULL && (c->pending == 0 || c->waits || (frees && waiting_holds(c->waiting)))) {
        c->waits = false;
        fan_wake(e->fan, index);
    }
    return welcomed;
}

void edge_direct(struct edge *e, const struct direct_mail *d)
{
    const struct asker *c = answered(e, &d->conn);
    uint32_t index = d->conn.ref.index;
    if (c == NULL)
        return;
    ASSERT(c->reader.out.referred <= c->reader.out.bytes);
    if (c->reader.out.bytes - c->reader.out.referred > 2 * (uint64_t)e->cx->settings->reply_bytes) {
        notice_put(e->cx, NOTICE_SLOW_READER, index, WS_CLOSE_TRY_LATER, "directs not read", STR_NONE);
        fan_end(e->fan, index, END_SLOW);
        return;
    }
    struct event ev = {.type = EV_DIRECT,
                       .direct = {.type = ENTRY_MESSAGE,
                                  .time_ms = d->time_ms,
                                  .user = d->user,
                                  .session = d->session,
                                  .name = d->name,
                                  .info = d->info,
                                  .data = d->data}};
    metric_add(&e->cx->metrics->directs, 1);
    fan_put_event(e->fan, index, &ev);
}

void edge_evict(struct edge *e, const struct evict_mail *m)
{
    if (answered(e, &m->conn) != NULL)
        fan_end(e->fan, m->conn.ref.index, m->ordered ? END_ORDERED : END_REPLACED);
}

// --- sent away

static struct asker *expelled(struct edge *e, struct session_key k)
{
    ASSERT(k.shard == e->cx->index);
    if (k.index >= e->cx->conns->high || !slab_used(e->cx->conns, k.index) ||
        (slab_gen(e->cx->conns, k.index) & SESSION_KEY_GEN) != k.gen)
        return NULL;
    struct asker *c = asker_at(e, k.index);
    return reader_open(&c->reader) ? c : NULL;
}

// From the new room of a switch, before the old one is left: what it is due of that comes first, and that it has come in.
bool edge_expel(struct edge *e, struct expel_mail *m)
{
    struct asker *c = expelled(e, m->session);
    const struct membership *member = c != NULL && answered_outlet(e, &m->outlet) != NULL
                                          ? reader_find_membership(&c->reader, m->outlet.index)
                                          : NULL;
    if (member == NULL)
        return true; // gone by itself
    if (!member->held) {
        expel(e, m, outlet_at(e->fan, m->outlet.index)->head);
        return true;
    }
    ASSERT(c->switching != NULL && c->switching->joined != NULL && c->switching->expel == NULL);
    c->switching->expel = &m->mail;
    c->switching->expel_to = outlet_at(e->fan, m->outlet.index)->head;
    return false;
}
