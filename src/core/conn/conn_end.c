// SPDX-License-Identifier: Apache-2.0
//
// How a connection ends: with the right last words, in good order, or cut. Those who serve it only note that it is to
// (fan_end); what each note means is in the table of fan/reader.h.
#include "core/conn/conn.h"

#include "core/common/working.h"

_Static_assert(CLOSE_REASONS <= 32, "a reason fits into conn.closed_reason");

const char *close_reason_name(enum close_reason why)
{
    static const char *const names[CLOSE_REASONS] = {
#define X(upper, lower) #lower,
        CLOSE_REASONS_TABLE(X)
#undef X
    };
    ASSERT((unsigned)why < CLOSE_REASONS);
    return names[why];
}

static const char http_words[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 29\r\n"
                                 "Retry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
                                 "The server is out of memory.\n";
static const char ws_words[] = "\x88\x0f\x03\xf5out of memory"; // WS_CLOSE_TRY_LATER

enum { LAST_QUEUE_MAX = 4096 };

// --- steps

// Gives up what only an open connection has. Idempotent.
static void leave_open(struct conns *cs, uint32_t index, enum close_reason why)
{
    struct conn *c = conn_at(cs, index);
    if (c->ending != ENDING_OPEN)
        return;
    ASSERT((unsigned)why < CLOSE_REASONS);
    c->closed_reason = why & 31;
    metric_add(&cs->cx->metrics->closed[why], 1);
    notice_put(cs->cx, NOTICE_CONNECTION_CLOSED, index, c->close_code, close_reason_name(why), STR_NONE);
    conn_call_free(cs, c);
    edge_depart(cs->edge, index);
    ASSERT(c->asker.reader.closed);
    ASSERT(c->asker.reader.member_n == 0);
    c->ending = ENDING_FLUSH;
    c->parked = WAIT_NOTHING;
}

void conn_gone(struct conns *cs, uint32_t index, bool cut)
{
    struct conn *c = conn_at(cs, index);
    if (c->ending == ENDING_GONE)
        return;
    ASSERT(c->ending != ENDING_OPEN);
    c->ending = ENDING_GONE;
    c->cut = cut;
    fan_gone(cs->fan, index);
    deadline_disarm(&cs->deadlines, index);
    index_list_push(&cs->closed, index);
}

static void end_in_order(struct conns *cs, uint32_t index, enum close_reason why)
{
    struct conn *c = conn_at(cs, index);
    bool waited = c->parked;
    leave_open(cs, index, why);
    uint32_t close_ms = cs->cx->settings->close_ms;
    if (c->guest && close_ms > RESERVE_GUEST_MS)
        close_ms = RESERVE_GUEST_MS;
    ASSERT(c->ending != ENDING_OPEN);
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, close_ms);
    if (c->asker.reader.out.head != NULL)
        fan_mark_dirty(cs->fan, index);
    if (waited) // the peer's close frame may be among what waited
        conn_feed_ending(cs, index, NULL, 0);
    conn_end_step(cs, index);
}

void conn_end(struct conns *cs, uint32_t index, enum close_reason why)
{
    if (conn_live(conn_at(cs, index)))
        end_in_order(cs, index, why);
}

void conn_abort(struct conns *cs, uint32_t index, enum close_reason why)
{
    leave_open(cs, index, why);
    conn_gone(cs, index, true);
}

// Reading must go on while we wait for the peer's last bytes.
static void conn_read_on(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (!c->stopped || c->reread_queued)
        return;
    c->reread_queued = true;
    index_list_push(&cs->reread, index);
}

// Who broke the protocol is not waited for: an endpoint that fails the connection must not go on looking for a close
// frame in what comes (RFC 6455 section 7.1.7).
static bool conn_failed(const struct conn *c)
{
    return c->closed_reason == CLOSE_PROTOCOL || c->closed_reason == CLOSE_TOO_LARGE;
}

void conn_end_step(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->ending != ENDING_OPEN);
    if (c->ending == ENDING_FLUSH && c->asker.reader.out.head == NULL) {
        bool await = c->ws_close_sent && !c->ws_close_seen && !c->eof && !conn_failed(c);
        c->ending = await ? ENDING_AWAIT : ENDING_SHUT;
        if (!await)
            index_list_push(&cs->shutdown, index);
        conn_read_on(cs, index);
    }
    if (c->ending == ENDING_AWAIT && (c->ws_close_seen || c->eof)) {
        c->ending = ENDING_SHUT;
        index_list_push(&cs->shutdown, index);
    }
    if (c->ending == ENDING_SHUT && c->eof &&
        !c->asker.reader.blocked) // else it has taken what it has not sent yet
        conn_gone(cs, index, false);
    ASSERT(c->ending != ENDING_FLUSH || c->asker.reader.out.head != NULL);
    ASSERT(c->ending != ENDING_AWAIT || !c->eof);
}

// --- last words

// In the language's own words, where it has some, and where the peer has not parted already.
static void say_goodbye(struct conns *cs, uint32_t index, struct closing *closing)
{
    const struct conn *c = conn_at(cs, index);
    const struct language *l = speech_language(cs->fan, index);
    if (c->phase == PHASE_HTTP || c->phase == PHASE_MIRROR || c->ws_close_seen || l->encode_close == NULL)
        return;
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    l->encode_close(&cs->head, closing, speech_state(cs->fan, index));
    if (buf_ok(&cs->head))
        fan_put_payload(cs->fan, index, buf_str(&cs->head));
}

void conn_close(struct conns *cs, uint32_t index, uint16_t code, const char *reason, enum close_reason why)
{
    struct conn *c = conn_at(cs, index);
    if (!conn_live(c))
        return;
    bool ws = c->phase == PHASE_WS || c->phase == PHASE_MIRROR;
    struct closing closing = {code, reason, ws};
    say_goodbye(cs, index, &closing);
    c->close_code = closing.code;
    if (ws) {
        uint8_t frame[WS_CONTROL_FRAME_MAX];
        str text = closing.code == WS_CLOSE_NO_CODE ? STR_NONE : str_from_cstr(closing.reason);
        fan_put(cs->fan, index, str_make((const char *)frame, ws_close_encode(frame, closing.code, text)));
        c->ws_close_sent = conn_live(c);
    }
    conn_end(cs, index, why); // unless memory for it was out: then it is to end for that
}

// Says why, where little else is waiting to be said: a queue that memory ended in may be long, and must go at once. Of an
// HTTP answer it cannot be known whether its end is in the queue.
static bool say_last_words(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    struct outq *out = &c->asker.reader.out;
    bool ws = c->phase == PHASE_WS || c->phase == PHASE_MIRROR;
    str words = ws ? STR(ws_words) : speech_language(cs->fan, index)->last_words;
    if (c->phase == PHASE_HTTP)
        words = STR(http_words);
    if (words.n == 0 || (out->head != NULL && !ws) || out->bytes > LAST_QUEUE_MAX || c->ws_close_sent ||
        !reserve_say(&cs->reserve, out, words))
        return false;
    if (ws) {
        c->close_code = WS_CLOSE_TRY_LATER;
        c->ws_close_sent = true;
    }
    return true;
}

// --- ends that were noted

enum how { HOW_NONE, HOW_CLOSE, HOW_STARVE, HOW_CUT };
static const struct {
    enum how how;
    uint16_t code;
    const char *text;
    enum close_reason why;
} ends[] = {
#define X(upper, how, code, text, why) [END_##upper] = {HOW_##how, code, text, why},
    ENDS(X)
#undef X
};

static void carry_end(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    enum end end = (enum end)c->asker.reader.end;
    c->asker.reader.end = END_NONE;
    if (c->ending != ENDING_OPEN)
        return;
    ASSERT(end != END_NONE);
    ASSERT(end < sizeof ends / sizeof ends[0]);
    if (ends[end].how == HOW_CLOSE)
        conn_close(cs, index, ends[end].code, ends[end].text, ends[end].why);
    else if (ends[end].how == HOW_STARVE && say_last_words(cs, index))
        end_in_order(cs, index, ends[end].why);
    else
        conn_abort(cs, index, ends[end].why);
}

void conn_carry_ends(struct conns *cs)
{
    uint32_t index;
    while (index_list_pop(&cs->fan->ends, &index))
        carry_end(cs, index);
}

// --- leaving

void conns_drain_begin(struct conns *cs)
{
    const struct settings *s = cs->cx->settings;
    cs->drain_from = 0;
    cs->drain_next_ms = cs->cx->now_ms + s->drain_interval_ms;
    for (uint32_t i = 0; i < cs->pool.high; i++) {
        if (!slab_used(&cs->pool, i))
            continue;
        const struct conn *c = conn_at(cs, i);
        if (!conn_live(c) || (c->phase != PHASE_WS && c->phase != PHASE_LINE))
            continue;
        uint32_t spread = s->drain_spread_ms;
        struct event ev = {.type = EV_DRAIN,
                           .reconnect_ms = spread == 0 ? 0 : (uint32_t)prng_below(&cs->cx->dice, spread)};
        fan_put_event(cs->fan, i, &ev);
    }
}

void conns_drain(struct conns *cs)
{
    if (cs->cx->now_ms < cs->drain_next_ms)
        return;
    uint32_t left = cs->cx->settings->drain_batch;
    for (; cs->drain_from < cs->pool.high && left > 0; cs->drain_from++) {
        uint32_t index = cs->drain_from;
        if (!slab_used(&cs->pool, index) || !conn_live(conn_at(cs, index)))
            continue;
        if (conn_at(cs, index)->calls) // it ends with its answer, which has a deadline
            continue;
        conn_close(cs, index, WS_CLOSE_RESTART, "server restarts", CLOSE_DRAIN);
        left--;
    }
    cs->drain_next_ms =
        cs->drain_from < cs->pool.high ? cs->cx->now_ms + cs->cx->settings->drain_interval_ms : UINT64_MAX;
}
