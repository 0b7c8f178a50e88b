// SPDX-License-Identifier: Apache-2.0
//
// Bytes that arrive: straight from the driver's buffer into the phase's decoder; only what cannot be worked off
// now is copied and kept (struct input). A connection parks when a command must wait (an earlier one is not
// answered, a mailbox or its own output queue is full): the message and the bytes behind it are kept, the driver
// stops reading, and TCP tells the peer. All of them wait in one way: who is asked to take a message and cannot says
// false, its keeper keeps it, and asks again when something has changed.
//
// Where a command has left mail to this very shard, decoding stops until the shard has carried it (conn_feed): what comes
// next in the same segment finds it carried out and answered, as one who reads the protocol's text would expect.
#include "core/conn/inbound.h"

struct input *conn_input(struct conns *cs, struct conn *c)
{
    if (c->in == NULL)
        c->in = mem_zalloc(cs->cx->mem, sizeof *c->in);
    return c->in;
}

void conn_input_free(struct conns *cs, struct conn *c)
{
    struct input *in = c->in;
    if (in == NULL)
        return;
    mem_free(cs->cx->mem, in->raw, in->raw_cap);
    mem_free(cs->cx->mem, in->msg, in->msg_cap);
    mem_free(cs->cx->mem, in, sizeof *in);
    c->in = NULL;
}

static void input_tidy(struct conns *cs, struct conn *c)
{
    struct input *in = c->in;
    if (in == NULL)
        return;
    if (in->raw_from == in->raw_n && in->raw != NULL) {
        mem_free(cs->cx->mem, in->raw, in->raw_cap);
        in->raw = NULL;
        in->raw_from = in->raw_n = in->raw_cap = 0;
    }
    if (in->msg != NULL && in->msg_n == 0 && !in->msg_ready) {
        mem_free(cs->cx->mem, in->msg, in->msg_cap);
        in->msg = NULL;
        in->msg_cap = 0;
    }
    if (in->raw == NULL && in->msg == NULL && in->ctl_n == 0 && !in->msg_ready && in->msg_opcode == 0) {
        mem_free(cs->cx->mem, in, sizeof *in);
        c->in = NULL;
    }
}

// Keeps bytes behind those kept already.
static bool input_keep(struct conns *cs, struct conn *c, const uint8_t *p, size_t n)
{
    struct input *in = conn_input(cs, c);
    if (in == NULL)
        return false;
    ASSERT(in->raw_from <= in->raw_n);
    ASSERT(in->raw_n <= in->raw_cap);
    if (in->raw_from != 0) {
        memmove(in->raw, in->raw + in->raw_from, in->raw_n - in->raw_from);
        in->raw_n -= in->raw_from;
        mem_wipe(in->raw + in->raw_n, in->raw_from);
        in->raw_from = 0;
    }
    size_t need = in->raw_n + n;
    if (need > UINT32_MAX / 2)
        return false;
    if (need > in->raw_cap) {
        size_t cap = in->raw_cap == 0 ? 256 : in->raw_cap;
        while (cap < need)
            cap *= 2;
        uint8_t *raw = mem_realloc(cs->cx->mem, in->raw, in->raw_cap, cap);
        if (raw == NULL)
            return false;
        in->raw = raw;
        in->raw_cap = (uint32_t)cap;
    }
    ASSERT(in->raw_from == 0);
    ASSERT(need <= in->raw_cap);
    memcpy(in->raw + in->raw_n, p, n);
    in->raw_n += (uint32_t)n;
    return true;
}

// Hands bytes to the decoder of the phase, again when the phase changes on the way (an upgrade).
static size_t feed_phases(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    size_t used = 0;
    for (;;) {
        uint8_t phase = c->phase;
        if (phase == PHASE_HTTP)
            used += conn_http_feed(cs, index, p + used, n - used);
        else if (phase == PHASE_LINE)
            used += conn_line_feed(cs, index, p + used, n - used);
        else
            used += conn_ws_feed(cs, index, p + used, n - used);
        ASSERT(used <= n);
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
void conn_feed_ending(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    struct input *in = c->in;
    if (c->phase != PHASE_WS && c->phase != PHASE_MIRROR)
        return;
    if (in != NULL && in->msg_ready && in->msg_opcode == WS_CLOSE)
        c->ws_close_seen = true;
    if (in != NULL && in->raw != NULL) {
        look_for_close(c, in->raw + in->raw_from, in->raw_n - in->raw_from);
        in->raw_from = in->raw_n;
    }
    look_for_close(c, p, n);
    conn_end_step(cs, index);
}

static bool has_kept(const struct conn *c) { return c->in != NULL && c->in->raw_n != c->in->raw_from; }

size_t conn_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    uint8_t none;
    size_t used = n;
    if (c->ending != ENDING_OPEN) {
        conn_feed_ending(cs, index, p, n);
        return n;
    }
    if (!conn_live(c))
        return 0; // it is to end first
    if (has_kept(c) || c->parked) {
        if (n != 0 && !input_keep(cs, c, p, n)) {
            fan_starve(cs->fan, index, "bytes received");
            return 0;
        }
        if (c->parked)
            return n;
        struct input *in = c->in;
        uint8_t *kept = in->raw + in->raw_from;
        const size_t worked_off = feed_phases(cs, index, kept, in->raw_n - in->raw_from);
        mem_wipe(kept, worked_off); // what is behind it may wait for long
        in->raw_from += (uint32_t)worked_off;
    } else {
        used = feed_phases(cs, index, n != 0 ? p : &none, n);
        bool yields = !c->parked && mail_is_here(cs->mail);
        if (conn_live(c) && !yields && used < n) {
            if (!input_keep(cs, c, p + used, n - used))
                fan_starve(cs->fan, index, "bytes received");
            used = n;
        }
    }
    ASSERT(used <= n);
    if (conn_live(c))
        input_tidy(cs, c);
    return used;
}

void conn_heard(struct conns *cs, uint32_t index, size_t n)
{
    struct conn *c = conn_at(cs, index);
    struct tenant_metrics *tenant = who_metrics(cs->cx, &c->asker.reader.who);
    metric_add(&cs->cx->metrics->bytes_in, n);
    if (tenant != NULL)
        metric_add(&tenant->bytes_in, n);
    c->heard_tick = tick_at(cs->cx->now_ms);
    c->heard = true;
}

bool conn_reads_on(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    bool go_on = !c->parked && c->ending != ENDING_GONE && c->ending != ENDING_FLUSH;
    c->stopped = !go_on;
    return go_on;
}

enum { HTTP_OUT_BYTES = 4096 }; // some probes' answers may share a write

uint32_t conn_out_bound(const struct conns *cs, const struct conn *c)
{
    return c->phase == PHASE_HTTP ? HTTP_OUT_BYTES : cs->cx->settings->reply_bytes;
}

void conn_park(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(!c->parked);
    ASSERT(c->ending == ENDING_OPEN);
    if (c->asker.reader.paced) {
        c->parked = WAIT_READERS;
        metric_add(&cs->cx->metrics->publishes_paced, 1);
    } else if (c->asker.reader.out.bytes > conn_out_bound(cs, c)) {
        c->parked = WAIT_OUTPUT;
    } else if (asker_unanswered(&c->asker)) {
        c->parked = WAIT_ANSWER;
    } else {
        c->parked = WAIT_MAIL;
    }
    ASSERT(c->parked);
}

bool conn_unpark(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (!conn_live(c) || !c->parked || c->parked == WAIT_END)
        return false;
    if (c->parked == WAIT_INFLATE && c->owing)
        return false; // woken for something else
    c->parked = WAIT_NOTHING;
    if (c->asker.greeting && !edge_greet(cs->edge, index)) {
        conn_park(cs, index);
        return true;
    }
    conn_call_again(cs, index);
    struct input *in = c->in;
    if (in == NULL || !in->msg_ready || !conn_live(c))
        return true;
    if (!conn_ws_message(cs, index, in->msg_opcode, str_make((const char *)in->msg, in->msg_n))) {
        conn_park(cs, index);
        return true;
    }
    in->msg_ready = false;
    in->msg_n = 0;
    in->msg_opcode = 0;
    in->msg_looked = false;
    inbound_rest(cs, index);
    return true;
}

void conn_resume(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    if (!conn_live(c) || c->parked)
        return;
    input_tidy(cs, c);
    if (c->eof) {
        if (asker_unanswered(&c->asker))
            conn_park(cs, index);
        else
            conn_eof(cs, index);
        return;
    }
    ASSERT(c->in == NULL || !c->in->msg_ready);
    if (c->stopped && !c->reread_queued) {
        c->reread_queued = true;
        index_list_push(&cs->reread, index);
    }
}

// One that must wait is asked again from the gate on at which it did.
static enum gate_did pass_gates(struct conns *cs, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(cs, index);
    enum gate_did did = GATE_PASSED;
    switch ((enum command_gate)c->passed) {
#define X(at, name, ...)                                    \
    case GATE_AT_##name:                                    \
        c->passed = GATE_AT_##name;                         \
        did = gate_##name(cs->edge, &c->asker, index, cmd); \
        if (did != GATE_PASSED)                             \
            break;                                          \
        __attribute__((fallthrough));
        GATES_COMMAND(X)
#undef X
    case GATES_PASSED:
        c->passed = GATES_PASSED;
    }
    if (did == GATE_REFUSED) {
        c->passed = 0;
        if (cmd->type == CMD_HELLO) {
            c->asker.hello_said = true;
            c->asker.hello_starved = false;
        }
    }
    return did;
}

bool conn_refuse(struct conns *cs, uint32_t index, str id, const struct problem *why)
{
    struct conn *c = conn_at(cs, index);
    const struct command none = {.type = CMD_NONE, .id = id};
    if (c->asker.reader.out.bytes > cs->cx->settings->reply_bytes || !edge_may_reply(cs->edge, &c->asker))
        return false; // an error now would overtake a reply
    enum gate_did did = pass_gates(cs, index, &none);
    if (did != GATE_PASSED)
        return did == GATE_REFUSED;
    c->passed = 0;
    fan_put_problem(cs->fan, index, id, why);
    return true;
}

bool conn_command(struct conns *cs, uint32_t index, const struct command *cmd)
{
    struct conn *c = conn_at(cs, index);
    enum gate_did passed = pass_gates(cs, index, cmd);
    if (passed != GATE_PASSED)
        return passed == GATE_REFUSED;
    enum edge_did did = edge_command(cs->edge, index, cmd);
    if (did == EDGE_LATER)
        return false;
    c->passed = 0;
    if (did ==
        EDGE_QUIT) { // a tick later, like an end of file: what it said just before comes back to it first
        c->parked = WAIT_END;
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, 1);
    }
    return true;
}
