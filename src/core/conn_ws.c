// SPDX-License-Identifier: Apache-2.0
//
// Frames to messages. A message that lies whole in the input is worked off where it is; only pieces are copied,
// into one contiguous buffer, so the number of fragments needs no limit and the size has one.
#include "core/shard_state.h"

// A message under way holds what was received of it and less than this: doubling would let a thousand senders of
// half a message hold twice what they sent.
enum { MESSAGE_STEP = 4096 };

static void ws_memory_out(struct shard *sh, uint32_t index)
{
    metric_add(&sh->metrics->limit_memory, 1);
    shard_notice(sh, NOTICE_MEMORY, index, 0, "a message", STR_NONE);
    conn_close(sh, index, WS_CLOSE_TRY_LATER, "out of memory", CLOSE_MEMORY);
}

static bool message_append(struct shard *sh, struct conn *c, uint8_t opcode, str piece)
{
    struct input *in = conn_input(sh, c);
    if (in == NULL)
        return false;
    size_t need = in->msg_n + piece.n;
    if (need > in->msg_cap) {
        size_t cap = (need + MESSAGE_STEP - 1) / MESSAGE_STEP * MESSAGE_STEP;
        uint8_t *msg = mem_realloc(sh->mem, in->msg, in->msg_cap, cap);
        if (msg == NULL)
            return false;
        in->msg = msg;
        in->msg_cap = (uint32_t)cap;
    }
    if (piece.n != 0)
        memcpy(in->msg + in->msg_n, piece.p, piece.n);
    in->msg_n += (uint32_t)piece.n;
    in->msg_opcode = opcode;
    return true;
}

static bool take_echo(struct shard *sh, uint32_t index, uint8_t opcode, str message)
{
    if (conn_at(sh, index)->out.bytes > sh->settings->reply_bytes)
        return false;
    uint8_t header[WS_HEADER_MAX];
    size_t n = ws_header_encode(header, opcode, true, message.n);
    conn_put(sh, index, str_make((const char *)header, n));
    conn_put(sh, index, message);
    return true;
}

// False: replies that are due come first.
static bool take_close(struct shard *sh, uint32_t index, str payload)
{
    struct conn *c = conn_at(sh, index);
    uint16_t code;
    str reason;
    if (c->pending != 0)
        return false;
    c->ws_close_seen = true;
    if (ws_close_decode(payload, &code, &reason) == OK)
        conn_close(sh, index, code, "", CLOSE_NORMAL);
    else
        conn_close(sh, index, WS_CLOSE_PROTOCOL, "bad close frame", CLOSE_PROTOCOL);
    return true;
}

bool conn_ws_message(struct shard *sh, uint32_t index, uint8_t opcode, str message)
{
    struct conn *c = conn_at(sh, index);
    if (opcode == WS_CLOSE)
        return take_close(sh, index, message);
    if (c->phase == PHASE_ECHO)
        return take_echo(sh, index, opcode, message);
    if (opcode == WS_BINARY) {
        if (c->pending != 0)
            return false; // replies that are due come first
        conn_close(sh, index, WS_CLOSE_UNSUPPORTED, "binary messages are not taken here, text is",
                   CLOSE_PROTOCOL);
        return true;
    }
    return conn_message(sh, index, message);
}

// A whole message that was told "not now".
static void message_wait(struct shard *sh, uint32_t index)
{
    conn_at(sh, index)->in->msg_ready = true;
    conn_park(sh, index);
}

static void on_message_chunk(struct shard *sh, uint32_t index, const struct ws_event *ev)
{
    struct conn *c = conn_at(sh, index);
    bool whole = ev->first && ev->last;
    if (!whole && !message_append(sh, c, ev->opcode, ev->payload)) {
        ws_memory_out(sh, index);
        return;
    }
    if (!ev->last)
        return;
    str message = whole ? ev->payload : str_make((const char *)c->in->msg, c->in->msg_n);
    if (conn_ws_message(sh, index, ev->opcode, message)) {
        if (!whole && c->ending == ENDING_OPEN) {
            c->in->msg_n = 0;
            c->in->msg_opcode = 0;
        }
        return;
    }
    if (whole && !message_append(sh, c, ev->opcode, ev->payload)) {
        ws_memory_out(sh, index);
        return;
    }
    message_wait(sh, index);
}

static void on_close_frame(struct shard *sh, uint32_t index, str payload)
{
    struct conn *c = conn_at(sh, index);
    if (conn_ws_message(sh, index, WS_CLOSE, payload))
        return;
    if (c->in != NULL)
        c->in->msg_n = 0; // what was begun of a message is not finished any more
    if (message_append(sh, c, WS_CLOSE, payload))
        message_wait(sh, index);
    else
        ws_memory_out(sh, index);
}

static void on_ping(struct shard *sh, uint32_t index, str payload)
{
    if (!gate_noise(sh, index) || conn_at(sh, index)->out.bytes > sh->settings->reply_bytes)
        return; // closed, or it does not read the pongs it has asked for already
    uint8_t header[WS_HEADER_MAX];
    size_t n = ws_header_encode(header, WS_PONG, true, payload.n);
    conn_put(sh, index, str_make((const char *)header, n));
    conn_put(sh, index, payload);
}

static void on_pong(struct shard *sh, uint32_t index)
{
    if (conn_at(sh, index)->ping_waiting)
        heartbeat_on_pong(sh, index);
    else
        gate_noise(sh, index);
}

static void on_control(struct shard *sh, uint32_t index, uint8_t opcode, str payload)
{
    if (opcode == WS_CLOSE)
        on_close_frame(sh, index, payload);
    else if (opcode == WS_PING)
        on_ping(sh, index, payload);
    else
        on_pong(sh, index);
}

static void on_control_chunk(struct shard *sh, uint32_t index, const struct ws_event *ev)
{
    struct conn *c = conn_at(sh, index);
    if (ev->first && ev->last) {
        on_control(sh, index, ev->opcode, ev->payload);
        return;
    }
    struct input *in = conn_input(sh, c);
    if (in == NULL) {
        ws_memory_out(sh, index);
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
    on_control(sh, index, ev->opcode, payload);
}

static void on_fail(struct shard *sh, uint32_t index, const struct ws_event *ev)
{
    bool large = ev->close_code == WS_CLOSE_TOO_BIG;
    if (large)
        metric_add(&sh->metrics->limit_message, 1);
    shard_notice(sh, NOTICE_PROTOCOL_ERROR, index, ev->close_code, ev->reason, STR_NONE);
    conn_close(sh, index, ev->close_code, ev->reason, large ? CLOSE_TOO_LARGE : CLOSE_PROTOCOL);
}

size_t conn_ws_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t off = 0;
    while (c->ending == ENDING_OPEN && !c->parked) {
        size_t used;
        struct ws_event ev;
        enum ws_result r = ws_decoder_next(&c->ws, p + off, n - off, &used, &ev);
        off += used;
        if (r == WS_MORE)
            break;
        if (r == WS_FAIL && c->pending != 0) {
            conn_park(sh, index); // replies that are due come first; asked again, the decoder says the same
            break;
        }
        if (r == WS_FAIL)
            on_fail(sh, index, &ev);
        else if (r == WS_EMPTY)
            gate_noise(sh, index);
        else if (ev.opcode >= WS_CLOSE)
            on_control_chunk(sh, index, &ev);
        else
            on_message_chunk(sh, index, &ev);
    }
    return off;
}
