// SPDX-License-Identifier: Apache-2.0
//
// Heartbeats. A WebSocket connection is pinged every interval and must be heard from (a pong or any data) within
// the timeout after a ping. Adaptive: a connection that was heard from during the interval needs no ping; its
// interval stretches by half up to the maximum. A pong that took more than half the timeout halves it, down to the
// minimum: a peer that may be going is looked at more often.
//
// The deadline is not moved when bytes arrive; when it fires, the time of the last byte says whether it was real. When a
// ping went out is not kept: until the pong, the deadline is the end of its timeout.
// Text connections cannot be pinged; they end when they stop reading (and by TCP keep-alive, io's business).
#include "core/shard_state.h"

static uint32_t timeout_ms(const struct settings *s)
{
    return s->heartbeat_timeout_ms != 0 ? s->heartbeat_timeout_ms : 2 * s->heartbeat_ms;
}

static uint32_t interval_ms(const struct conn *c) { return c->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS; }

static void interval_set(struct conn *c, uint32_t ms)
{
    c->heartbeat_ds = (uint16_t)((ms + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS);
}

static uint32_t clamp(uint32_t ms, uint32_t low, uint32_t high)
{
    return ms < low ? low : ms > high ? high : ms;
}

void heartbeat_start(struct shard *sh, uint32_t index)
{
    const struct settings *s = sh->settings;
    struct conn *c = conn_at(sh, index);
    interval_set(c, s->heartbeat_ms);
    // The first one anywhere in the interval: 20,000 clients that came at once are not pinged at once for ever.
    uint64_t first = s->heartbeat_ms / 2 + prng_below(&sh->dice, s->heartbeat_ms / 2 + 1);
    if (!c->hello_seen && c->phase == PHASE_WS)
        first = s->hello_ms; // until then the deadline means another thing
    deadline_arm(&sh->deadlines, index, sh->now_ms, first);
}

static void send_ping(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    uint8_t header[WS_HEADER_MAX];
    size_t n = ws_header_encode(header, WS_PING, true, 0);
    c->ping_waiting = true;
    c->heard = false;
    metric_add(&sh->metrics->pings, 1);
    deadline_arm(&sh->deadlines, index, sh->now_ms, timeout_ms(sh->settings));
    conn_put(sh, index, str_make((const char *)header, n));
}

void heartbeat_on_pong(struct shard *sh, uint32_t index)
{
    const struct settings *s = sh->settings;
    struct conn *c = conn_at(sh, index);
    if (!c->ping_waiting)
        return;
    c->ping_waiting = false;
    uint64_t left = deadline_left_ms(&sh->deadlines, index, sh->now_ms);
    if (s->heartbeat_adaptive && left < timeout_ms(s) / 2)
        interval_set(c, clamp(interval_ms(c) / 2, s->heartbeat_min_ms, s->heartbeat_max_ms));
    deadline_arm(&sh->deadlines, index, sh->now_ms, interval_ms(c));
}

static void line_deadline(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->eof) {
        conn_end(sh, index, CLOSE_NORMAL);
        return;
    }
    if (!c->greeted) {
        conn_line_greet(sh, index);
        return;
    }
    if (c->blocked && c->ping_waiting) { // for a whole timeout; output_done clears it on progress
        conn_abort(sh, index, CLOSE_HEARTBEAT);
        return;
    }
    c->ping_waiting = c->blocked;
    deadline_arm(&sh->deadlines, index, sh->now_ms, c->blocked ? timeout_ms(sh->settings) : interval_ms(c));
}

static void quit(struct shard *sh, uint32_t index)
{
    struct event ev = {.type = EV_BYE};
    conn_put_event(sh, index, &ev);
    conn_close(sh, index, WS_CLOSE_NORMAL, "bye", CLOSE_NORMAL);
}

void heartbeat_on_deadline(struct shard *sh, uint32_t index)
{
    const struct settings *s = sh->settings;
    struct conn *c = conn_at(sh, index);
    if (c->parked == WAIT_END) {
        quit(sh, index);
        return;
    }
    if (c->phase == PHASE_LINE) {
        line_deadline(sh, index);
        return;
    }
    if (c->phase == PHASE_WS && !c->hello_seen) {
        // For whoever types by hand, and for the developer who reads it in a log: what to do next time.
        conn_close(sh, index, WS_CLOSE_POLICY,
                   "no command within limits.hello_ms; begin with {\"type\":\"hello\"} or any other command",
                   CLOSE_HANDSHAKE);
        return;
    }
    // A connection that waits for another shard is not read, so what its peer sends, pongs too, is not heard.
    // (Parked for its own unread replies it stays under watch: that is how a peer looks that is gone.)
    if (c->parked && c->parked != WAIT_OUTPUT) {
        deadline_arm(&sh->deadlines, index, sh->now_ms, interval_ms(c));
        return;
    }
    if (c->ping_waiting && !c->heard) {
        conn_abort(sh, index, CLOSE_HEARTBEAT);
        return;
    }
    c->ping_waiting = false; // data came instead of the pong
    uint64_t silent = tick_age_ms(c->heard_tick, sh->now_ms);
    if (s->heartbeat_adaptive && silent < interval_ms(c)) {
        interval_set(c, clamp(interval_ms(c) * 3 / 2, s->heartbeat_min_ms, s->heartbeat_max_ms));
        deadline_arm(&sh->deadlines, index, sh->now_ms, interval_ms(c) - silent);
        return;
    }
    send_ping(sh, index);
}
