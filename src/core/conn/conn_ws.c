// SPDX-License-Identifier: Apache-2.0
//
// Frames to messages. A message that lies whole in the input is worked off where it is; only pieces are copied,
// into one contiguous buffer, so the number of fragments needs no limit and the size has one.
#include "core/common/working.h"
#include "core/conn/inbound.h"
#include "core/log/deflating.h"

// A message under way holds what was received of it and less than this: doubling would let a thousand senders of
// half a message hold twice what they sent.
enum { MESSAGE_STEP = 4096 };

static void ws_memory_out(struct conns *cs, uint32_t index)
{
    metric_add(&cs->cx->metrics->limit_memory, 1);
    notice_put(cs->cx, NOTICE_MEMORY, index, 0, "a message", STR_NONE);
    conn_close(cs, index, WS_CLOSE_TRY_LATER, "out of memory", CLOSE_MEMORY);
}

static bool message_append(struct conns *cs, struct conn *c, uint8_t opcode, str piece)
{
    struct input *in = conn_input(cs, c);
    if (in == NULL)
        return false;
    ASSERT(!in->msg_ready);
    size_t need = in->msg_n + piece.n;
    if (need > in->msg_cap) {
        size_t cap = (need + MESSAGE_STEP - 1) / MESSAGE_STEP * MESSAGE_STEP;
        uint8_t *msg = mem_realloc(cs->cx->mem, in->msg, in->msg_cap, cap);
        if (msg == NULL)
            return false;
        in->msg = msg;
        in->msg_cap = (uint32_t)cap;
    }
    ASSERT(in->msg_n + piece.n <= in->msg_cap);
    if (piece.n != 0)
        memcpy(in->msg + in->msg_n, piece.p, piece.n);
    in->msg_n += (uint32_t)piece.n;
    in->msg_opcode = opcode;
    return true;
}

static bool take_mirror(struct conns *cs, uint32_t index, uint8_t opcode, str message)
{
    if (conn_at(cs, index)->asker.reader.out.bytes > cs->cx->settings->reply_bytes)
        return false;
    const uint8_t window = speech_encoding(cs->fan, index)->deflate;
    buf_reset(&cs->body, WORKING_BYTES_MAX);
    if (window != 0) {
        buf_put_str(&cs->body, message);
        const size_t n =
            buf_ok(&cs->body) ? deflating_payload(cs->cx->deflating, window, &cs->body, 0, message.n) : 0;
        if (n != 0) {
            opcode |= WS_COMPRESSED;
            message = str_skip(buf_str(&cs->body), message.n);
        }
    }
    uint8_t header[WS_HEADER_MAX];
    size_t n = ws_header_encode(header, opcode, true, message.n);
    fan_put_both(cs->fan, index, str_make((const char *)header, n), message);
    return true;
}

// False: replies that are due come first.
static bool take_close(struct conns *cs, uint32_t index, str payload)
{
    struct conn *c = conn_at(cs, index);
    uint16_t code;
    str reason;
    if (asker_unanswered(&c->asker))
        return false;
    c->ws_close_seen = true;
    if (ws_close_decode(payload, &code, &reason) == OK)
        conn_close(cs, index, code, "", CLOSE_NORMAL);
    else
        conn_close(cs, index, WS_CLOSE_PROTOCOL, "bad close frame", CLOSE_PROTOCOL);
    return true;
}

bool conn_ws_message(struct conns *cs, uint32_t index, uint8_t opcode, str message)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->phase == PHASE_WS || c->phase == PHASE_MIRROR);
    if (opcode == WS_CLOSE)
        return take_close(cs, index, message);
    if (c->phase == PHASE_MIRROR)
        return take_mirror(cs, index, opcode, message);
    const struct encoding *en = speech_encoding(cs->fan, index);
    const bool binary = en->framing == FRAMING_WS_BINARY;
    if ((opcode == WS_BINARY) != binary && !en->payloads->both) {
        if (asker_unanswered(&c->asker))
            return false; // replies that are due come first
        conn_close(cs, index, WS_CLOSE_UNSUPPORTED,
                   binary ? "text messages are not taken here, binary is"
                          : "binary messages are not taken here, text is",
                   CLOSE_PROTOCOL);
        return true;
    }
    return conn_message(cs, index, message, opcode == WS_BINARY);
}

// A whole message that was told "not now".
static void message_wait(struct conns *cs, uint32_t index)
{
    ASSERT(!conn_at(cs, index)->parked);
    ASSERT(conn_at(cs, index)->in->msg_opcode != 0);
    conn_at(cs, index)->in->msg_ready = true;
    conn_park(cs, index);
}

// A compressed message is what it says from here on. False: it says nothing that is fit.
static bool message_inflate(struct conns *cs, uint32_t index, uint8_t opcode, str *message)
{
    const enum err e = inbound_inflate(cs, index, opcode == WS_TEXT, message);
    if (e == ERR_NOMEM)
        ws_memory_out(cs, index);
    else if (e != OK)
        ws_decoder_fail(&conn_at(cs, index)->ws, e); // which the decoder says when it is asked next
    return e == OK;
}

static void on_message_chunk(struct conns *cs, uint32_t index, const struct ws_event *ev)
{
    struct conn *c = conn_at(cs, index);
    bool whole = ev->first && ev->last;
    if (!whole && !message_append(cs, c, ev->opcode, ev->payload)) {
        ws_memory_out(cs, index);
        return;
    }
    if (!ev->last)
        return;
    str message = whole ? ev->payload : str_make((const char *)c->in->msg, c->in->msg_n);
    if (ev->compressed && !message_inflate(cs, index, ev->opcode, &message))
        return;
    if (conn_ws_message(cs, index, ev->opcode, message)) {
        if (!whole && conn_live(c)) {
            c->in->msg_n = 0;
            c->in->msg_opcode = 0;
            c->in->msg_looked = false;
        }
        inbound_rest(cs, index);
        return;
    }
    if (ev->compressed && !whole)
        c->in->msg_n = 0; // what it says is kept, instead of what came
    if ((whole || ev->compressed) && !message_append(cs, c, ev->opcode, message)) {
        ws_memory_out(cs, index);
        return;
    }
    message_wait(cs, index);
}

static void on_close_frame(struct conns *cs, uint32_t index, str payload)
{
    struct conn *c = conn_at(cs, index);
    if (conn_ws_message(cs, index, WS_CLOSE, payload))
        return;
    if (c->in != NULL)
        c->in->msg_n = 0; // what was begun of a message is not finished any more
    if (message_append(cs, c, WS_CLOSE, payload))
        message_wait(cs, index);
    else
        ws_memory_out(cs, index);
}

static void on_ping(struct conns *cs, uint32_t index, str payload)
{
    if (!gate_noise(cs->edge, index) ||
        conn_at(cs, index)->asker.reader.out.bytes > cs->cx->settings->reply_bytes)
        return; // closed, or it does not read the pongs it has asked for already
    uint8_t header[WS_HEADER_MAX];
    size_t n = ws_header_encode(header, WS_PONG, true, payload.n);
    fan_put_both(cs->fan, index, str_make((const char *)header, n), payload);
}

void conn_on_pong(struct conns *cs, uint32_t index)
{
    if (conn_at(cs, index)->ping_waiting)
        heartbeat_on_pong(cs, index);
    else
        gate_noise(cs->edge, index);
}

static void on_control(struct conns *cs, uint32_t index, uint8_t opcode, str payload)
{
    if (opcode == WS_CLOSE)
        on_close_frame(cs, index, payload);
    else if (opcode == WS_PING)
        on_ping(cs, index, payload);
    else
        conn_on_pong(cs, index);
}

static void on_control_chunk(struct conns *cs, uint32_t index, const struct ws_event *ev)
{
    struct conn *c = conn_at(cs, index);
    if (ev->first && ev->last) {
        on_control(cs, index, ev->opcode, ev->payload);
        return;
    }
    struct input *in = conn_input(cs, c);
    if (in == NULL) {
        ws_memory_out(cs, index);
        return;
    }
    if (ev->first)
        in->ctl_n = 0;
    ASSERT(in->ctl_n + ev->payload.n <= sizeof in->ctl);
    if (ev->payload.n != 0)
        memcpy(in->ctl + in->ctl_n, ev->payload.p, ev->payload.n);
    in->ctl_n = (uint8_t)(in->ctl_n + ev->payload.n);
    if (!ev->last)
        return;
    str payload = str_make((const char *)in->ctl, in->ctl_n);
    in->ctl_n = 0;
    on_control(cs, index, ev->opcode, payload);
}

static void on_fail(struct conns *cs, uint32_t index, const struct ws_event *ev)
{
    bool large = ev->close_code == WS_CLOSE_TOO_BIG;
    if (large)
        metric_add(&cs->cx->metrics->limit_message, 1);
    notice_put(cs->cx, NOTICE_PROTOCOL_ERROR, index, ev->close_code, ev->reason, STR_NONE);
    conn_close(cs, index, ev->close_code, ev->reason,
               large                               ? CLOSE_TOO_LARGE
               : ev->close_code == WS_CLOSE_POLICY ? CLOSE_POLICY
                                                   : CLOSE_PROTOCOL);
}

size_t conn_ws_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->phase == PHASE_WS || c->phase == PHASE_MIRROR);
    size_t off = 0;
    while (conn_live(c) && !c->parked && !mail_is_here(cs->mail)) {
        size_t used;
        struct ws_event ev;
        enum ws_result r = ws_decoder_next(&c->ws, p + off, n - off, &used, &ev);
        off += used;
        ASSERT(off <= n);
        if (r == WS_MORE)
            break;
        if (r == WS_FAIL && asker_unanswered(&c->asker)) {
            conn_park(cs, index); // replies that are due come first; asked again, the decoder says the same
            break;
        }
        if (r == WS_FAIL)
            on_fail(cs, index, &ev);
        else if (r == WS_EMPTY)
            gate_noise(cs->edge, index);
        else if (ev.opcode >= WS_CLOSE)
            on_control_chunk(cs, index, &ev);
        else
            on_message_chunk(cs, index, &ev);
    }
    ASSERT(off == n || c->parked || !conn_live(c) || mail_is_here(cs->mail));
    return off;
}
