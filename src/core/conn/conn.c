// SPDX-License-Identifier: Apache-2.0
//
// The life of a connection: accepted, ended (conn_end.c), given back. What it says in between is in conn_in.c.
#include "core/conn/conn.h"

#include "core/common/working.h"
#include "core/conn/claims.h"
#include "core/conn/inbound.h"

enum { SCRATCH_KEEP = 512 * 1024 };

// Memory is out. Who has been let in like this before makes room.
static void conn_make_guest(struct conns *cs, uint32_t index)
{
    struct ref away, cut;
    reserve_guest(&cs->reserve, (struct ref){index, slab_gen(&cs->pool, index)}, &away, &cut);
    conn_at(cs, index)->guest = true;
    if (slab_get(&cs->pool, away.index, away.gen) != NULL)
        fan_starve(cs->fan, away.index, "a connection");
    const struct conn *c = slab_get(&cs->pool, cut.index, cut.gen);
    if (c != NULL && c->ending != ENDING_OPEN && c->asker.reader.out.head == NULL) // it has been told why
        conn_gone(cs, cut.index, false);
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, RESERVE_GUEST_MS);
}

static void conn_begin(struct conns *cs, uint32_t index, const struct way *line)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->ending == ENDING_OPEN);
    ASSERT(c->in == NULL);
    ASSERT(c->asker.pending == 0);
    gate_open(cs->edge, &c->asker);
    c->asker.opened_ms = (uint32_t)cs->cx->now_ms;
    c->heard_tick = tick_at(cs->cx->now_ms);
    metric_add(&cs->cx->metrics->connections, 1);
    metric_add(&cs->cx->metrics->connections_accepted, 1);
    notice_put(cs->cx, NOTICE_CONNECTION_OPENED, index, 0,
               line != NULL ? speech_language(cs->fan, index)->name : "http", STR_NONE);
    if (line != NULL) {
        c->phase = PHASE_LINE;
        line_decoder_init(&c->line, cs->cx->settings->message_bytes);
        c->shaking = c->secure;
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms,
                     c->shaking ? cs->cx->settings->handshake_ms : LINE_LISTEN_MS);
    } else {
        c->phase = PHASE_HTTP;
        gate_open_http(cs->edge, &c->asker);
        http_scanner_init(&c->http);
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    }
}

static void conn_release(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    conn_input_free(cs, c);
    conn_call_free(cs, c);
    inbound_end(cs, index);
    speech_end(cs->fan, index);
    asker_deinit(cs->edge, &c->asker);
}

enum err conn_accept(struct conns *cs, enum transport transport, const struct peer *peer, uint32_t *ret_conn)
{
    if (cs->cx->draining)
        return ERR_DENIED;
    uint32_t index = slab_alloc(&cs->pool);
    if (index == SLAB_NONE)
        return cs->pool.count < cs->cx->settings->connections_max ? ERR_NOMEM : ERR_LIMIT;
    struct conn *c = conn_at(cs, index);
    // HTTP: what it speaks is in its request.
    const struct way *line =
        transport == TRANSPORT_LINE ? way_find(cs->cx->settings->ways, transport, STR_NONE) : NULL;
    ASSERT(line != NULL || transport == TRANSPORT_HTTP || transport == TRANSPORT_ADMIN);
    c->admin = transport == TRANSPORT_ADMIN;
    c->local = peer->local;
    c->secure = peer->secure;
    bool named = who_init(&c->asker.reader.who, cs->cx->mem, peer) == OK;
    bool guest = !slab_kept(&cs->pool) || !named || peer->uncounted;
    if (line != NULL && (guest || speech_begin(cs->fan, index, line->encoding) != OK)) {
        conn_release(cs, index);
        slab_free(&cs->pool, index);
        return ERR_NOMEM;
    }
    c->asker.address = peer->print;
    conn_begin(cs, index, line);
    if (guest)
        conn_make_guest(cs, index);
    *ret_conn = index;
    return OK;
}

void conn_on_eof(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (c->eof || c->ending == ENDING_GONE)
        return;
    c->eof = true;
    if (c->ending != ENDING_OPEN) {
        conn_end_step(cs, index);
        return;
    }
    if (asker_unanswered(&c->asker) && !c->parked)
        conn_park(cs, index);
    if (c->parked)
        return; // what it said before is still carried out and answered (conn_unpark)
    conn_eof(cs, index);
}

void conn_eof(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->eof);
    ASSERT(c->ending == ENDING_OPEN);
    if (c->phase == PHASE_LINE) // a moment later, so that `echo hi | nc -N` still sees its own line
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, 1);
    else
        conn_end(cs, index, c->phase == PHASE_HTTP ? CLOSE_NORMAL : CLOSE_BROKEN);
}

void conn_on_broken(struct conns *cs, uint32_t index) { conn_abort(cs, index, CLOSE_BROKEN); }

void conn_secured(struct conns *cs, uint32_t index, const struct certificate *shown)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->secure);
    if (c->ending != ENDING_OPEN || c->guest) // it will be nobody
        return;
    if (shown != NULL && !edge_certificate(cs->edge, index, shown)) {
        fan_starve(cs->fan, index, "a certificate");
        return;
    }
    ASSERT(c->shaking == (c->phase == PHASE_LINE));
    if (c->shaking)
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, LINE_LISTEN_MS);
    c->shaking = false;
}

void conn_on_deadline(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->ending != ENDING_GONE);
    if (c->ending != ENDING_OPEN) {
        // It had its time to read our last words. Where they are all in the socket a reset would only take them back.
        conn_gone(cs, index, c->asker.reader.out.head != NULL);
        return;
    }
    switch ((enum conn_phase)c->phase) {
    case PHASE_HTTP:
        if (c->guest) {
            fan_starve(cs->fan, index, "a connection");
            break;
        }
        if (conn_call_late(cs, index))
            break;
        if (c->calls || c->in != NULL || c->asker.reader.out.head != NULL || c->in_body)
            conn_http_late(cs, index);
        conn_end(cs, index, CLOSE_HANDSHAKE);
        break;
    case PHASE_WS:
    case PHASE_MIRROR:
    case PHASE_LINE:
        if (c->shaking)
            conn_end(cs, index, CLOSE_HANDSHAKE);
        else
            heartbeat_on_deadline(cs, index);
        break;
    }
}

void conn_written(struct conns *cs, uint32_t index, size_t n)
{
    struct conn *c = conn_at(cs, index);
    if (c->ending == ENDING_GONE)
        return;
    if (n != 0 && c->phase == PHASE_LINE && !heartbeat_pings(cs, index))
        c->ping_waiting = false; // it reads
    if (c->ending != ENDING_OPEN)
        conn_end_step(cs, index);
    else if ((c->parked == WAIT_OUTPUT || c->parked == WAIT_READERS || waiting_holds(c->asker.waiting)) &&
             c->asker.reader.out.bytes <= conn_out_bound(cs, c) / 2)
        fan_wake(cs->fan, index);
}

bool conn_pull_closed(struct conns *cs, uint32_t *ret_conn, bool *ret_abortive)
{
    uint32_t index;
    if (!index_list_pop(&cs->closed, &index))
        return false;
    struct conn *c = conn_at(cs, index);
    ASSERT(c->ending == ENDING_GONE);
    ASSERT(cs->fan->plan.conn != index);
    ASSERT(c->asker.reader.member_n == 0);
    ASSERT(c->asker.reader.end == END_NONE); // it is in no list of those who are to end
    ASSERT(!c->asker.registered);
    *ret_conn = index;
    *ret_abortive = c->cut && !c->eof && c->closed_reason != CLOSE_NORMAL;
    struct index_list *lists[] = {&cs->reread, &cs->shutdown, &cs->owing, &cs->fan->wakes};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        index_list_drop(lists[i], index);
    edge_forget(cs->edge, index);
    conn_release(cs, index);
    slab_free(&cs->pool, index);
    metric_sub(&cs->cx->metrics->connections, 1);
    return true;
}

bool conn_pull_reread(struct conns *cs, uint32_t *ret_conn)
{
    if (!index_list_pop(&cs->reread, ret_conn))
        return false;
    struct conn *c = conn_at(cs, *ret_conn);
    ASSERT(c->reread_queued);
    c->reread_queued = false;
    c->stopped = false;
    return true;
}

// --- the whole

enum err conns_init(struct conns *cs, struct context *cx, struct edge *edge, struct fan *fan,
                    struct mailroom *mail)
{
    uint32_t max = cx->settings->connections_max;
    struct mem *mem = cx->mem;
    *cs = (struct conns){.cx = cx, .edge = edge, .fan = fan, .mail = mail, .drain_next_ms = UINT64_MAX};
    slab_init(&cs->pool, mem, sizeof(struct conn), max);
    claims_init(cs);
    buf_init(&cs->head, mem, 0);
    buf_init(&cs->body, mem, 0);
    bool made =
        reserve_init(&cs->reserve, mem) == OK && slab_keep(&cs->pool, RESERVE_CONNS) &&
        working_fit(&cs->head) && working_fit(&cs->body) && index_list_init(&cs->closed, mem, max) == OK &&
        index_list_init(&cs->shutdown, mem, max) == OK && index_list_init(&cs->reread, mem, max) == OK &&
        deadlines_init(&cs->deadlines, mem, max) == OK && inbound_init(cs) == OK;
    return made ? OK : ERR_NOMEM;
}

void conns_deinit(struct conns *cs)
{
    if (cs->cx == NULL)
        return;
    struct mem *mem = cs->cx->mem;
    for (uint32_t i = 0; i < cs->pool.high; i++)
        if (slab_used(&cs->pool, i))
            conn_release(cs, i);
    claims_deinit(cs);
    inbound_deinit(cs);
    slab_deinit(&cs->pool);
    buf_deinit(&cs->head);
    buf_deinit(&cs->body);
    mem_free(mem, cs->unescape.p, cs->unescape.cap);
    reserve_deinit(&cs->reserve, mem);
    deadlines_deinit(&cs->deadlines, mem);
    struct index_list *lists[] = {&cs->closed, &cs->shutdown, &cs->reread};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        index_list_deinit(lists[i], mem);
}

// One huge message, or page, must not leave its buffer behind for good, and none what it said.
void conns_tidy(struct conns *cs)
{
    working_fit(&cs->head);
    working_fit(&cs->body);
    buf_reset(&cs->inflated, WORKING_BYTES_MAX);
    buf_wipe(&cs->inflated);
    scratch_empty(&cs->unescape);
    if (cs->unescape.stale != 0)
        mem_wipe(cs->unescape.p, cs->unescape.stale);
    cs->unescape.stale = 0;
    if (cs->unescape.cap <= SCRATCH_KEEP)
        return;
    mem_free(cs->cx->mem, cs->unescape.p, cs->unescape.cap);
    cs->unescape = (struct scratch){0};
}

uint64_t conns_due_ms(const struct conns *cs)
{
    uint64_t due = cs->deadlines.next_sweep_ms;
    due = cs->owing_due_ms < due ? cs->owing_due_ms : due;
    return cs->drain_next_ms < due ? cs->drain_next_ms : due;
}

// There is one only while there is something in it.
static void input_check(const struct conn *c)
{
    const struct input *in = c->in;
    ASSERT(c->ending != ENDING_OPEN || in->raw != NULL || in->msg != NULL || in->ctl_n != 0 ||
           in->msg_ready || in->msg_opcode != 0); // 1
    ASSERT(in->raw_from <= in->raw_n);
    ASSERT(in->raw_n <= in->raw_cap);
    ASSERT(in->msg_n <= in->msg_cap);
    ASSERT((in->raw == NULL) == (in->raw_cap == 0));
    ASSERT(in->ctl_n <= CONTROL_PAYLOAD_MAX);
}

static void conn_check(const struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    const struct reader *r = &c->asker.reader;
    const struct input *in = c->in;
    ASSERT((c->ending != ENDING_OPEN) == r->closed); // 3
    ASSERT(!r->closed || r->member_n == 0);          // 3
    ASSERT(!r->closed || !c->asker.registered);      // 3
    ASSERT((c->ending == ENDING_GONE) == r->gone);
    ASSERT(!c->parked || c->ending == ENDING_OPEN);
    ASSERT(c->parked || in == NULL || !in->msg_ready || c->ending != ENDING_OPEN); // 2
    ASSERT(!c->ws_close_seen || c->phase == PHASE_WS || c->phase == PHASE_MIRROR);
    ASSERT(!c->guest || c->phase == PHASE_HTTP);
    ASSERT(!c->in_body || c->phase == PHASE_HTTP);
    ASSERT(!c->judged || c->phase == PHASE_LINE);
    ASSERT(!c->shaking || (c->phase == PHASE_LINE && c->secure && !c->greeted));
    if (in != NULL)
        input_check(c);
    if (c->phase == PHASE_WS || c->phase == PHASE_MIRROR)
        ws_decoder_check(&c->ws);
    conn_call_check(cs, index);
    ASSERT(in == NULL || in->msg_at == 0 || c->parked || c->ending != ENDING_OPEN);
    speech_check(cs->fan, index);
    inbound_check(cs, index);
    asker_check(cs->edge, index);
}

void conns_check(const struct conns *cs)
{
    ASSERT(cs->fan->ends.n == 0);
    ASSERT(cs->drain_from <= cs->cx->settings->connections_max);
    for (uint32_t i = 0; i < cs->pool.high; i++)
        if (slab_used(&cs->pool, i))
            conn_check(cs, i);
    slab_check(&cs->pool);
    claims_check(cs);
    deadlines_check(&cs->deadlines);
    buf_check(&cs->head);
    buf_check(&cs->body);
    buf_check(&cs->inflated);
    buf_check(&cs->reserve.page);
}
