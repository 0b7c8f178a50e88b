// SPDX-License-Identifier: Apache-2.0
//
// Heartbeats. A WebSocket connection is pinged every interval and must be heard from (a pong or any data) within
// the timeout after a ping. Adaptive: a connection that was heard from during the interval needs no ping; its
// interval stretches by half up to the maximum. A pong that took more than half the timeout halves it, down to the
// minimum: a peer that may be going is looked at more often.
//
// The deadline is not moved when bytes arrive; when it fires, the time of the last byte says whether it was real. When a
// ping went out is not kept: until the pong, the deadline is the end of its timeout.
// A language may have a ping of its own, whose answer it knows (dialect/dialect.h). Where it has none lines cannot be pinged; such
// connections end when they stop reading (and by TCP keep-alive, io's business).
#include "core/conn/conn.h"

#include "core/common/working.h"

static uint32_t timeout_ms(const struct settings *s)
{
    return s->heartbeat_timeout_ms != 0 ? s->heartbeat_timeout_ms : 2 * s->heartbeat_ms;
}

static uint32_t interval_ms(const struct conn *c) { return c->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS; }

static void interval_set(struct conn *c, uint32_t ms)
{
    ASSERT(ms != 0);
    ASSERT(ms <= UINT16_MAX * (uint32_t)DEADLINE_TICK_MS);
    c->heartbeat_ds = (uint16_t)((ms + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS);
}

static uint32_t clamp(uint32_t ms, uint32_t low, uint32_t high)
{
    return ms < low ? low : ms > high ? high : ms;
}

void heartbeat_start(struct conns *cs, uint32_t index)
{
    const struct settings *s = cs->cx->settings;
    struct conn *c = conn_at(cs, index);
    ASSERT(c->phase != PHASE_HTTP);
    interval_set(c, s->heartbeat_ms);
    // The first one anywhere in the interval: 20,000 clients that came at once are not pinged at once for ever.
    uint64_t first = s->heartbeat_ms / 2 + prng_below(&cs->cx->dice, s->heartbeat_ms / 2 + 1);
    if (!c->asker.hello_seen && c->phase == PHASE_WS)
        first = s->hello_ms; // until then the deadline means another thing
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, first);
}

static void send_ping(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    c->ping_waiting = true;
    c->heard = false;
    metric_add(&cs->cx->metrics->pings, 1);
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, timeout_ms(cs->cx->settings));
    const struct language *l = speech_language(cs->fan, index);
    if (c->phase == PHASE_MIRROR || l->encode_ping == NULL) {
        uint8_t header[WS_HEADER_MAX];
        size_t n = ws_header_encode(header, WS_PING, true, 0);
        fan_put(cs->fan, index, str_make((const char *)header, n));
        return;
    }
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    l->encode_ping(&cs->head, speech_state(cs->fan, index));
    if (buf_ok(&cs->head))
        fan_put_payload(cs->fan, index, buf_str(&cs->head));
    else
        fan_starve(cs->fan, index, "a ping");
}

bool heartbeat_pings(const struct conns *cs, uint32_t index)
{
    return conn_at(cs, index)->phase != PHASE_LINE || speech_language(cs->fan, index)->encode_ping != NULL;
}

void heartbeat_on_pong(struct conns *cs, uint32_t index)
{
    const struct settings *s = cs->cx->settings;
    struct conn *c = conn_at(cs, index);
    if (!c->ping_waiting)
        return;
    c->ping_waiting = false;
    uint64_t left = deadline_left_ms(&cs->deadlines, index, cs->cx->now_ms);
    if (s->heartbeat_adaptive && left < timeout_ms(s) / 2)
        interval_set(c, clamp(interval_ms(c) / 2, s->heartbeat_min_ms, s->heartbeat_max_ms));
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, interval_ms(c));
}

// Before it is somebody, and behind its last byte, a line connection has a deadline for that. True if this was it.
static bool line_came_or_goes(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (c->phase != PHASE_LINE || (c->greeted && !c->eof))
        return false;
    if (c->eof)
        conn_end(cs, index, CLOSE_NORMAL);
    else
        conn_greet(cs, index);
    return true;
}

static void line_deadline(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (c->asker.reader.blocked &&
        c->ping_waiting) { // for a whole timeout; conn_written clears it on progress
        conn_abort(cs, index, CLOSE_HEARTBEAT);
        return;
    }
    c->ping_waiting = c->asker.reader.blocked;
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms,
                 c->asker.reader.blocked ? timeout_ms(cs->cx->settings) : interval_ms(c));
}

static void quit(struct conns *cs, uint32_t index)
{
    struct event ev = {.type = EV_BYE};
    fan_put_event(cs->fan, index, &ev);
    conn_close(cs, index, WS_CLOSE_NORMAL, "bye", CLOSE_NORMAL);
}

static bool message_begun(const struct conn *c)
{
    return c->in != NULL && !c->in->msg_ready && c->in->msg_opcode != 0;
}

// Whoever begins a message and lets it trickle in keeps us from nothing but memory, and may do so for ever: what comes counts
// as a sign of life. So from one look to the next it must be finished, or have grown at MESSAGE_RATE_MIN. Heartbeats look, and
// how far apart they are says nothing of how fast a link is: what counts is the time since the look before, and
// below MESSAGE_LOOK_MS no look is one, so that a link may be silent for a while. It is not the mean from the beginning on: who has
// sent much at once would keep it for as long as that bought him.
static bool trickles(struct conn *c, uint64_t now_ms)
{
    if (!message_begun(c))
        return false;
    struct input *in = c->in;
    if (in->msg_looked) {
        ASSERT(in->msg_n >= in->msg_seen);
        const uint64_t ms = tick_age_ms(in->msg_looked_tick, now_ms);
        if (ms < MESSAGE_LOOK_MS)
            return false;
        if ((uint64_t)(in->msg_n - in->msg_seen) * 1000 < MESSAGE_RATE_MIN * ms)
            return true;
    }
    in->msg_looked = true;
    in->msg_looked_tick = tick_at(now_ms);
    in->msg_seen = in->msg_n;
    return false;
}

void heartbeat_on_deadline(struct conns *cs, uint32_t index)
{
    const struct settings *s = cs->cx->settings;
    struct conn *c = conn_at(cs, index);
    ASSERT(c->ending == ENDING_OPEN);
    ASSERT(c->phase != PHASE_HTTP);
    if (c->parked == WAIT_END) {
        quit(cs, index);
        return;
    }
    if (line_came_or_goes(cs, index))
        return;
    if (!heartbeat_pings(cs, index)) {
        line_deadline(cs, index);
        return;
    }
    const char *advice = speech_language(cs->fan, index)->silent;
    if (c->phase == PHASE_WS && !c->asker.hello_seen && advice != NULL &&
        (!c->parked || c->parked == WAIT_INFLATE)) { // else it has spoken, and its hello waits
        if (c->asker.token_refused && c->heard) {    // it is trying: once more as long
            c->heard = false;
            deadline_arm(&cs->deadlines, index, cs->cx->now_ms, s->hello_ms);
            return;
        }
        conn_close(cs, index, WS_CLOSE_POLICY, advice, CLOSE_HANDSHAKE);
        return;
    }
    if (trickles(c, cs->cx->now_ms)) {
        conn_close(cs, index, WS_CLOSE_POLICY, "a message that does not come to its end", CLOSE_POLICY);
        return;
    }
    // A connection that waits for another shard is not read, so what its peer sends, pongs too, is not heard.
    // (Parked for its own unread replies it stays under watch: that is how a peer looks that is gone.)
    if (c->parked && c->parked != WAIT_OUTPUT) {
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, interval_ms(c));
        return;
    }
    if (c->ping_waiting && !c->heard) {
        conn_abort(cs, index, CLOSE_HEARTBEAT);
        return;
    }
    c->ping_waiting = false; // data came instead of the pong
    uint64_t silent = tick_age_ms(c->heard_tick, cs->cx->now_ms);
    if (s->heartbeat_adaptive && silent < interval_ms(c)) {
        interval_set(c, clamp(interval_ms(c) * 3 / 2, s->heartbeat_min_ms, s->heartbeat_max_ms));
        const uint64_t due = interval_ms(c) - silent;
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms,
                     message_begun(c) && due > MESSAGE_LOOK_MS ? MESSAGE_LOOK_MS : due);
        return;
    }
    send_ping(cs, index);
}

void conn_welcomed(struct conns *cs, uint32_t index)
{
    if (conn_live(conn_at(cs, index)))
        heartbeat_start(cs, index);
}
