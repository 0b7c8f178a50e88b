// SPDX-License-Identifier: Apache-2.0
//
// Bytes that arrive: straight from the driver's buffer into the phase's decoder; only what cannot be worked off
// now is copied and kept (struct input). A connection parks when a command must wait (an earlier one is not
// answered, a mailbox or its own output queue is full): the message and the bytes behind it are kept, the driver
// stops reading, and TCP tells the peer. All of them wait in one way: who is asked to take a message and cannot says
// false, its keeper keeps it, and asks again when something has changed.
#include "core/shard_state.h"

struct input *conn_input(struct shard *sh, struct conn *c)
{
    if (c->in == NULL)
        c->in = mem_zalloc(sh->mem, sizeof *c->in);
    return c->in;
}

void conn_input_tidy(struct shard *sh, struct conn *c)
{
    struct input *in = c->in;
    if (in == NULL)
        return;
    if (in->raw_from == in->raw_n && in->raw != NULL) {
        mem_free(sh->mem, in->raw, in->raw_cap);
        in->raw = NULL;
        in->raw_from = in->raw_n = in->raw_cap = 0;
    }
    if (in->msg != NULL && in->msg_n == 0 && !in->msg_ready) {
        mem_free(sh->mem, in->msg, in->msg_cap);
        in->msg = NULL;
        in->msg_cap = 0;
    }
    if (in->raw == NULL && in->msg == NULL && in->ctl_n == 0 && !in->msg_ready && in->msg_opcode == 0) {
        mem_free(sh->mem, in, sizeof *in);
        c->in = NULL;
    }
}

// Keeps bytes behind those kept already.
static bool input_keep(struct shard *sh, struct conn *c, const uint8_t *p, size_t n)
{
    struct input *in = conn_input(sh, c);
    if (in == NULL)
        return false;
    if (in->raw_from != 0) {
        memmove(in->raw, in->raw + in->raw_from, in->raw_n - in->raw_from);
        in->raw_n -= in->raw_from;
        in->raw_from = 0;
    }
    size_t need = in->raw_n + n;
    if (need > UINT32_MAX / 2)
        return false;
    if (need > in->raw_cap) {
        size_t cap = in->raw_cap == 0 ? 256 : in->raw_cap;
        while (cap < need)
            cap *= 2;
        uint8_t *raw = mem_realloc(sh->mem, in->raw, in->raw_cap, cap);
        if (raw == NULL)
            return false;
        in->raw = raw;
        in->raw_cap = (uint32_t)cap;
    }
    memcpy(in->raw + in->raw_n, p, n);
    in->raw_n += (uint32_t)n;
    return true;
}

// Hands bytes to the decoder of the phase, again when the phase changes on the way (an upgrade).
static size_t feed_phases(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t used = 0;
    for (;;) {
        uint8_t phase = c->phase;
        if (phase == PHASE_HTTP)
            used += conn_http_feed(sh, index, p + used, n - used);
        else if (phase == PHASE_LINE)
            used += conn_line_feed(sh, index, p + used, n - used);
        else
            used += conn_ws_feed(sh, index, p + used, n - used);
        if (c->phase == phase || used == n)
            return used;
    }
}

static void look_for_close(struct conn *c, uint8_t *p, size_t n)
{
    for (size_t off = 0; off < n && !c->ws_close_seen;) {
        size_t used;
        struct ws_event ev;
        enum ws_result r = ws_decoder_next(&c->ws, p + off, n - off, &used, &ev);
        off += used;
        if (r == WS_MORE)
            return;
        if (r == WS_FAIL || ev.opcode == WS_CLOSE)
            c->ws_close_seen = true;
    }
}

// After our end began only the peer's close frame is of interest; it may have waited, or be behind bytes that did.
static void feed_ending(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    struct input *in = c->in;
    if (c->phase != PHASE_WS && c->phase != PHASE_ECHO)
        return;
    if (in != NULL && in->msg_ready && in->msg_opcode == WS_CLOSE)
        c->ws_close_seen = true;
    if (in != NULL && in->raw != NULL) {
        look_for_close(c, in->raw + in->raw_from, in->raw_n - in->raw_from);
        in->raw_from = in->raw_n;
    }
    look_for_close(c, p, n);
    conn_end_step(sh, index);
}

// Works off what was kept.
static void feed_kept(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    struct input *in = c->in;
    in->raw_from += (uint32_t)feed_phases(sh, index, in->raw + in->raw_from, in->raw_n - in->raw_from);
    if (c->ending != ENDING_OPEN)
        feed_ending(sh, index, NULL, 0);
}

void conn_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN) {
        feed_ending(sh, index, p, n);
        return;
    }
    bool kept = c->in != NULL && c->in->raw_n != c->in->raw_from;
    if (kept || c->parked) {
        if (!input_keep(sh, c, p, n)) {
            conn_starve(sh, index, "bytes received");
            return;
        }
        if (c->parked)
            return;
        feed_kept(sh, index);
    } else {
        size_t used = feed_phases(sh, index, p, n);
        if (c->ending != ENDING_OPEN)
            feed_ending(sh, index, p + used, n - used);
        else if (used < n && !input_keep(sh, c, p + used, n - used))
            conn_starve(sh, index, "bytes received");
    }
    if (c->ending == ENDING_OPEN)
        conn_input_tidy(sh, c);
}

bool shard_on_bytes(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending == ENDING_GONE)
        return false;
    metric_add(&sh->metrics->bytes_in, n);
    c->heard_tick = tick_at(sh->now_ms);
    c->heard = true;
    conn_feed(sh, index, p, n);
    bool go_on = !c->parked && c->ending != ENDING_GONE && c->ending != ENDING_FLUSH;
    c->stopped = !go_on;
    return go_on;
}

enum { HTTP_OUT_BYTES = 4096 }; // some probes' answers may share a write

uint32_t conn_out_bound(const struct shard *sh, const struct conn *c)
{
    return c->phase == PHASE_HTTP ? HTTP_OUT_BYTES : sh->settings->reply_bytes;
}

void conn_park(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    ASSERT(!c->parked);
    if (c->paced) {
        c->parked = WAIT_READERS;
        metric_add(&sh->metrics->publishes_paced, 1);
    } else if (c->out.bytes > conn_out_bound(sh, c)) {
        c->parked = WAIT_OUTPUT;
    } else if (c->pending != 0) {
        c->parked = WAIT_ANSWER;
    } else {
        c->parked = WAIT_MAIL;
        metric_add(&sh->metrics->mail_full, 1);
        index_list_push(&sh->mail_waiters, index);
    }
}

void conn_queue_unpark(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (!c->parked || c->unpark_queued)
        return;
    c->unpark_queued = true;
    index_list_push(&sh->unpark, index);
}

void conn_unpark(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (!c->parked || c->parked == WAIT_END)
        return;
    c->parked = WAIT_NOTHING;
    c->paced = false;
    if (c->greeting && !edge_text_go_on(sh, index)) {
        conn_park(sh, index);
        return;
    }
    struct input *in = c->in;
    if (in != NULL && in->msg_ready && c->ending == ENDING_OPEN) {
        if (!conn_ws_message(sh, index, in->msg_opcode, str_make((const char *)in->msg, in->msg_n))) {
            conn_park(sh, index);
            return;
        }
        in->msg_ready = false;
        in->msg_n = 0;
        in->msg_opcode = 0;
    }
    if (c->ending != ENDING_OPEN) {
        feed_ending(sh, index, NULL, 0);
        return;
    }
    if (in != NULL && in->raw_n != in->raw_from) {
        feed_kept(sh, index);
    } else if (c->phase ==
               PHASE_WS) { // nothing more to read, but a broken frame may have waited to be answered
        uint8_t none;
        feed_phases(sh, index, &none, 0);
    }
    if (c->ending != ENDING_OPEN)
        return;
    conn_input_tidy(sh, c);
    if (c->parked)
        return;
    if (c->eof) {
        conn_eof(sh, index);
        return;
    }
    if (c->stopped && !c->reread_queued) {
        c->reread_queued = true;
        index_list_push(&sh->reread, index);
    }
}

// The unescape buffer must hold whatever a message can turn into: text lines become JSON strings, at worst six
// bytes for one; JSON strings only shrink.
static bool scratch_fit(struct shard *sh, const struct dialect *d, size_t message_n)
{
    struct scratch *s = &sh->unescape;
    size_t need = (d->text ? 6 : 1) * message_n + 256;
    s->n = 0;
    if (s->cap >= need)
        return true;
    char *p = mem_realloc(sh->mem, s->p, s->cap, need);
    if (p == NULL)
        return false;
    s->p = p;
    s->cap = need;
    return true;
}

static void rate_refused(struct shard *sh, uint32_t index, str id, uint32_t retry_ms)
{
    struct problem p = {.code = PROBLEM_RATE_LIMITED,
                        .text = "Too many commands at once; wait a moment before the next one.",
                        .retry_ms = retry_ms};
    conn_put_problem(sh, index, id, &p);
}

bool conn_refuse(struct shard *sh, uint32_t index, str id, const struct problem *why)
{
    struct conn *c = conn_at(sh, index);
    uint32_t retry_ms;
    if (c->out.bytes > sh->settings->reply_bytes || !edge_may_reply(sh, c))
        return false; // an error now would overtake a reply
    if (!gate_rate(sh, c, &retry_ms)) {
        rate_refused(sh, index, id, retry_ms);
        gate_violation(sh, index);
        return true;
    }
    metric_add(&sh->metrics->commands[CMD_NONE], 1);
    conn_put_problem(sh, index, id, why);
    return true;
}

bool conn_message(struct shard *sh, uint32_t index, str message)
{
    struct conn *c = conn_at(sh, index);
    if (c->out.bytes > sh->settings->reply_bytes)
        return false;
    const struct dialect *d = dialect_get((enum dialect_id)c->dialect);
    if (!scratch_fit(sh, d, message.n)) {
        conn_starve(sh, index, "bytes received");
        return true;
    }
    struct command cmd = {0};
    struct problem problem = {0};
    if (d->decode(message, &sh->unescape, &cmd, &problem) != OK)
        return conn_refuse(sh, index, cmd.id, &problem);
    if (cmd.type == CMD_NONE) {
        gate_noise(sh, index);
        return true;
    }
    if (!c->gated) {
        uint32_t retry_ms;
        if (!gate_rate(sh, c, &retry_ms)) {
            if (!edge_may_reply(sh, c))
                return false; // an error now would overtake a reply
            rate_refused(sh, index, cmd.id, retry_ms);
            gate_violation(sh, index);
            return true;
        }
        c->gated = true;
        metric_add(&sh->metrics->commands[cmd.type], 1);
    }
    bool done = edge_command(sh, index, &cmd);
    if (done)
        c->gated = false;
    return done;
}
