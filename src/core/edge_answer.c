// SPDX-License-Identifier: Apache-2.0
//
// Answers arriving at a connection's shard: the effect on its cursors, then the reply. Also directs and evictions.
//
// The connection may be gone by then. Only one effect must not be lost: who has joined must leave again.
#include "core/shard_state.h"

static struct conn *answered_conn(struct shard *sh, const struct conn_ref *ref)
{
    ASSERT(ref->shard == sh->index);
    struct conn *c = slab_get(&sh->conns, ref->ref.index, ref->ref.gen);
    return c != NULL && c->ending == ENDING_OPEN ? c : NULL;
}

static struct outlet *answered_outlet(struct shard *sh, const struct ref *ref)
{
    return ref->index == UINT32_MAX ? NULL : slab_get(&sh->outlets, ref->index, ref->gen);
}

static void drop_segments(struct shard *sh, const struct answer *a)
{
    for (uint32_t i = 0; i < a->seg_count; i++)
        segment_unref(sh->mem, a->segs[i]);
}

// A join that came too late, or that could not be carried out here: take it back at the home.
static void undo_join(struct shard *sh, const struct answer *a)
{
    struct outlet *o = answered_outlet(sh, &a->outlet);
    struct ask leave = {.type = ASK_LEAVE,
                        .conn = a->conn,
                        .dialect = a->dialect,
                        .dropped = true,
                        .room = a->room,
                        .member = a->member,
                        .room_hash = o->hash,
                        .cmd = {.type = CMD_LEAVE, .room = outlet_name(o)}};
    if (!shard_ask(sh, home_of(sh, o->hash), &leave)) {
        metric_add(&sh->metrics->limit_memory, 1);
        shard_notice(sh, NOTICE_MEMORY, UINT32_MAX, 0, "a leave", outlet_name(o));
    }
}

static void outlet_adopt(struct outlet *o, const struct answer *a)
{
    o->room = a->room;
    o->hold = a->hold;
    memcpy(o->epoch, a->epoch, EPOCH_LEN);
    if (o->n == 0) // the first reader here; what the outlet knew may be of a room that is gone
        o->head = o->flushed_head = a->head;
    else if (a->head > o->head)
        o->head = a->head;
}

static void put_gap(struct shard *sh, uint32_t index, str room, uint64_t from, uint64_t to,
                    const char *reason)
{
    struct event ev = {.type = EV_GAP, .room = room, .gap_from = from, .gap_to = to, .reason = reason};
    metric_add(&sh->metrics->gaps, 1);
    metric_add(&sh->metrics->gap_entries, to - from + 1);
    conn_put_event(sh, index, &ev);
}

// The conversation about `to` of a switch is over; `from` is left next, the reply waits.
static void switch_go_on(struct shard *sh, uint32_t index, const struct answer *a)
{
    struct conn *c = conn_at(sh, index);
    struct switching *sw = mem_alloc(sh->mem, sizeof *sw + a->payload.n);
    struct outlet *from = answered_outlet(sh, &c->switching->from);
    ASSERT(from != NULL);
    if (sw == NULL) {
        shard_notice(sh, NOTICE_MEMORY, index, 0, "a switch", outlet_name(from));
        conn_abort(sh, index, CLOSE_MEMORY);
        return;
    }
    *sw = (struct switching){.from = c->switching->from,
                             .gap_from = a->has_gap ? a->gap_from : 0,
                             .gap_to = a->has_gap ? a->gap_to : 0,
                             .payload_n = (uint32_t)a->payload.n};
    if (a->payload.n != 0)
        memcpy(sw->payload, a->payload.p, a->payload.n);
    mem_free(sh->mem, c->switching, sizeof *c->switching + c->switching->payload_n);
    c->switching = sw;
    struct ask leave = {.type = ASK_LEAVE,
                        .conn = a->conn,
                        .dialect = c->dialect,
                        .outlet = sw->from,
                        .room = from->room,
                        .member = REF_NONE,
                        .room_hash = from->hash,
                        .user = session_user(c->session),
                        .cmd = {.type = CMD_SWITCH, .room = outlet_name(from)}};
    uint32_t dest = home_of(sh, from->hash);
    c->pending++;
    c->pending_shard = (uint8_t)dest;
    c->exclusive = true;
    conn_find_membership(c, sw->from.index)->leaving = true;
    if (shard_ask(sh, dest, &leave))
        return;
    conn_find_membership(c, sw->from.index)->leaving = false;
    conn_abort(sh, index, CLOSE_MEMORY);
}

static void on_joined(struct shard *sh, const struct answer *a)
{
    struct outlet *o = answered_outlet(sh, &a->outlet);
    ASSERT(o != NULL && o->pending != 0);
    o->pending--;
    outlet_adopt(o, a);
    struct conn *c = answered_conn(sh, &a->conn);
    uint32_t index = a->conn.ref.index, outlet = a->outlet.index;
    if (c == NULL) {
        drop_segments(sh, a);
        undo_join(sh, a);
        outlet_close_if_unused(sh, outlet);
        return;
    }
    if (a->created)
        gate_room_created(sh, c);
    bool switching = c->switching != NULL;
    if (outlet_add(sh, outlet, index, a->start, switching) != OK) {
        drop_segments(sh, a);
        undo_join(sh, a);
        outlet_close_if_unused(sh, outlet);
        conn_abort(sh, index, CLOSE_MEMORY);
        return;
    }
    if (outlet_merge(sh, outlet, (enum dialect_id)c->dialect, a->segs, a->seg_count) != OK) {
        conn_abort(sh, index, CLOSE_MEMORY);
        return;
    }
    shard_notice(sh, NOTICE_JOINED, index, 0, NULL, outlet_name(o));
    if (switching) {
        switch_go_on(sh, index, a);
        return;
    }
    conn_put_payload(sh, index, a->payload);
    if (a->has_gap && c->ending == ENDING_OPEN)
        put_gap(sh, index, outlet_name(o), a->gap_from, a->gap_to, "trimmed");
    if (c->ending == ENDING_OPEN)
        conn_mark_dirty(sh, index);
}

static void on_refused(struct shard *sh, const struct answer *a)
{
    struct outlet *o = answered_outlet(sh, &a->outlet);
    ASSERT(o != NULL && o->pending != 0);
    o->pending--;
    outlet_close_if_unused(sh, a->outlet.index);
    struct conn *c = answered_conn(sh, &a->conn);
    if (c == NULL)
        return;
    if (c->switching != NULL) {
        mem_free(sh->mem, c->switching, sizeof *c->switching + c->switching->payload_n);
        c->switching = NULL;
    }
    conn_put_payload(sh, a->conn.ref.index, a->payload);
    if (a->retry_ms != 0)
        gate_room_refused(sh, a->conn.ref.index, a->retry_ms);
}

// The first own entry of an outlet that is to be skipped, of those in from..to; to + 1 where there is none.
static uint64_t next_skipped(const struct conn *c, uint32_t outlet, uint64_t from, uint64_t to)
{
    uint64_t found = to + 1;
    for (uint32_t i = 0; c->skips != NULL && i < c->skips->n; i++) {
        const struct skip *s = &c->skips->v[i];
        uint64_t at = s->from > from ? s->from : from;
        if (s->outlet == outlet && at <= s->to && at < found)
            found = at;
    }
    return found;
}

// Entries from..to of one segment, without those to be skipped, to the end of the connection's own queue.
static void keep_run(struct shard *sh, uint32_t index, uint32_t outlet, struct segment *seg, uint64_t from,
                     uint64_t to)
{
    struct conn *c = conn_at(sh, index);
    while (c->ending == ENDING_OPEN && from <= to) {
        uint64_t stop = next_skipped(c, outlet, from, to);
        if (stop > from) {
            uint32_t start = segment_start(seg, from), end = segment_end(seg, stop - 1);
            conn_put_segment(sh, index, seg, str_make((const char *)seg->data + start, end - start));
            metric_add(&sh->metrics->deliveries, stop - from);
        }
        from = stop + 1;
    }
}

// What the reader has not been sent yet goes to its own queue, so that nothing of the room comes after `left`. However
// much it is: it is referred to, not copied, and whoever leaves with more than settings.reply_bytes of it cannot do
// anything else before it is written.
static void keep_rest(struct shard *sh, uint32_t index, uint32_t outlet)
{
    struct conn *c = conn_at(sh, index);
    struct outlet *o = outlet_at(sh, outlet);
    const struct cursor *cur = &o->cursors[conn_find_membership(c, outlet)->slot];
    const struct chain *chain = &o->chains[c->dialect];
    uint64_t first = chain->n != 0 ? chain->segs[0]->first : o->head + 1;
    uint64_t next = cur->next; // the cursor itself is gone when a reply finds no memory
    if (next < first && next <= o->head) {
        put_gap(sh, index, outlet_name(o), next, first - 1, "slow");
        next = first;
    }
    if (next > o->head)
        return;
    for (uint32_t i = chain_find(chain, next); c->ending == ENDING_OPEN && next <= o->head; i++) {
        bool last = i + 1 == chain->n || chain->segs[i + 1]->first > o->head;
        uint64_t to = last ? o->head : chain->segs[i + 1]->first - 1;
        keep_run(sh, index, outlet, chain->segs[i], next, to);
        next = to + 1;
    }
}

static void switch_finish(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    struct switching *sw = c->switching;
    c->switching = NULL;
    conn_put_payload(sh, index, str_make((const char *)sw->payload, sw->payload_n));
    for (uint32_t i = 0; c->ending == ENDING_OPEN && i < c->member_n; i++) {
        struct membership *m = &conn_memberships(c)[i];
        if (!m->held)
            continue;
        struct outlet *to = outlet_at(sh, m->outlet);
        m->held = false;
        if (sw->gap_to != 0)
            put_gap(sh, index, outlet_name(to), sw->gap_from, sw->gap_to, "trimmed");
    }
    mem_free(sh->mem, sw, sizeof *sw + sw->payload_n);
    if (c->ending == ENDING_OPEN)
        conn_mark_dirty(sh, index);
}

static void on_left(struct shard *sh, const struct answer *a)
{
    struct conn *c = answered_conn(sh, &a->conn);
    if (c == NULL || answered_outlet(sh, &a->outlet) == NULL)
        return;
    uint32_t index = a->conn.ref.index;
    keep_rest(sh, index, a->outlet.index);
    if (c->ending != ENDING_OPEN)
        return;
    shard_notice(sh, NOTICE_LEFT, index, 0, c->switching != NULL ? "switched" : "left",
                 outlet_name(outlet_at(sh, a->outlet.index)));
    outlet_remove(sh, a->outlet.index, index);
    outlet_close_if_unused(sh, a->outlet.index);
    if (c->switching != NULL)
        switch_finish(sh, index);
    else
        conn_put_payload(sh, index, a->payload);
}

// The sender's own entry, which it does not want back. Entries of one sender rise, so runs are extended at the end.
static void remember_skip(struct shard *sh, struct conn *c, uint32_t index, uint32_t outlet, uint64_t offset)
{
    struct skips *s = c->skips;
    for (uint32_t i = s == NULL ? 0 : s->n; i-- > 0;) {
        if (s->v[i].outlet != outlet)
            continue;
        if (s->v[i].to + 1 == offset) {
            s->v[i].to = offset;
            return;
        }
        break;
    }
    if (s == NULL || s->n == s->cap) {
        uint32_t n = s == NULL ? 0 : s->n, cap = n == 0 ? 4 : n * 2;
        size_t old = s == NULL ? 0 : sizeof *s + s->cap * sizeof s->v[0];
        s = cap > SKIPS_MAX ? NULL : mem_realloc(sh->mem, s, old, sizeof *s + cap * sizeof s->v[0]);
        if (s == NULL) { // it sends and sends and never reads
            conn_close(sh, index, WS_CLOSE_TRY_LATER, "reading too slowly", CLOSE_SLOW);
            return;
        }
        s->n = n;
        s->cap = cap;
        c->skips = s;
    }
    s->v[s->n++] = (struct skip){.outlet = outlet, .from = offset, .to = offset};
}

// The ack of a publish into a busy room goes out with the room's next flush, at most 2 ms later: in one write with
// what the others said.
static void put_ack(struct shard *sh, uint32_t index, const struct outlet *o, str payload)
{
    bool dirty = conn_is_dirty(sh, index);
    conn_put_payload(sh, index, payload);
    if (conn_at(sh, index)->ending != ENDING_OPEN)
        return; // and with it perhaps the outlet
    if (!dirty && o != NULL && outlet_waits(sh, o))
        conn_clear_dirty(sh, index);
}

static void on_published(struct shard *sh, const struct answer *a)
{
    struct conn *c = answered_conn(sh, &a->conn);
    if (c == NULL)
        return;
    uint32_t index = a->conn.ref.index;
    const struct outlet *o = answered_outlet(sh, &a->outlet);
    if (o != NULL && conn_find_membership(c, a->outlet.index) == NULL)
        o = NULL;
    put_ack(sh, index, o, a->payload);
    if (a->skip && o != NULL && c->ending == ENDING_OPEN)
        remember_skip(sh, c, index, a->outlet.index, a->start);
}

void edge_answer(struct shard *sh, const struct answer *a)
{
    struct conn *c = answered_conn(sh, &a->conn);
    if (c != NULL) {
        ASSERT(c->pending != 0);
        c->pending--;
        c->exclusive = c->exclusive && c->pending != 0; // only a rename waits for several answers
    }
    switch (a->effect) {
    case EFFECT_NONE:
        if (c != NULL)
            conn_put_payload(sh, a->conn.ref.index, a->payload);
        break;
    case EFFECT_JOINED:
        on_joined(sh, a);
        break;
    case EFFECT_REFUSED:
        on_refused(sh, a);
        break;
    case EFFECT_LEFT:
        on_left(sh, a);
        break;
    case EFFECT_PUBLISHED:
        on_published(sh, a);
        break;
    case EFFECT_REGISTERED:
    case EFFECT_STRANGER:
        if (c != NULL)
            edge_on_registered(sh, a);
        break;
    case EFFECT_RENAMED:
        if (c != NULL)
            edge_on_renamed(sh, a->conn.ref.index, a->payload);
        break;
    }
    if (c != NULL && c->ending == ENDING_OPEN && a->reply_lost)
        conn_abort(sh, a->conn.ref.index, CLOSE_MEMORY);
    if (c != NULL && c->ending == ENDING_OPEN && c->pending == 0)
        conn_queue_unpark(sh, a->conn.ref.index);
}

void edge_direct(struct shard *sh, const struct direct_mail *d)
{
    struct conn *c = answered_conn(sh, &d->conn);
    uint32_t index = d->conn.ref.index;
    if (c == NULL)
        return;
    if (c->out.bytes - c->out.referred > 2 * (uint64_t)sh->settings->reply_bytes) {
        shard_notice(sh, NOTICE_SLOW_READER, index, WS_CLOSE_TRY_LATER, "directs not read", STR_NONE);
        conn_close(sh, index, WS_CLOSE_TRY_LATER, "reading too slowly", CLOSE_SLOW);
        return;
    }
    struct event ev = {.type = EV_DIRECT,
                       .direct = {.type = ENTRY_MESSAGE,
                                  .time_ms = d->time_ms,
                                  .user = d->user,
                                  .session = d->session,
                                  .name = d->name,
                                  .data = d->data}};
    metric_add(&sh->metrics->directs, 1);
    conn_put_event(sh, index, &ev);
}

void edge_evict(struct shard *sh, const struct conn_ref *ref)
{
    if (answered_conn(sh, ref) != NULL)
        conn_close(sh, ref->ref.index, PRIVATE_CLOSE_REPLACED, "replaced: session resumed elsewhere",
                   CLOSE_REPLACED);
}
