// SPDX-License-Identifier: Apache-2.0
//
// Saying something to one connection: framing per dialect, queueing, and closing with the right last words.
//
// A connection that does not read what it asked for is paused (conn_in.c) and, if others push more at it, closed:
// its queue never grows beyond twice settings.reply_bytes plus one message.
#include "core/shard_state.h"

static const char http_words[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 29\r\n"
                                 "Retry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
                                 "The server is out of memory.\n";
static const char ws_words[] = "\x88\x0f\x03\xf5out of memory"; // WS_CLOSE_TRY_LATER
static const char line_words[] = "* closing: out of memory\n";

enum { LAST_QUEUE_MAX = 4096 };

// Says why, where little else is waiting to be said: a queue that memory ended in may be long, and must go at once. Of an
// HTTP answer it cannot be known whether its end is in the queue.
static bool say_last_words(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    bool ws = c->phase == PHASE_WS || c->phase == PHASE_ECHO;
    str words = c->phase == PHASE_HTTP ? STR(http_words) : ws ? STR(ws_words) : STR(line_words);
    if ((c->out.head != NULL && !ws) || c->out.bytes > LAST_QUEUE_MAX || c->ws_close_sent ||
        !reserve_say(&sh->reserve, &c->out, words))
        return false;
    if (ws) {
        c->close_code = WS_CLOSE_TRY_LATER;
        c->ws_close_sent = true;
    }
    conn_end(sh, index, CLOSE_MEMORY);
    return true;
}

void conn_starve(struct shard *sh, uint32_t index, const char *what)
{
    if (conn_at(sh, index)->ending != ENDING_OPEN)
        return;
    metric_add(&sh->metrics->limit_memory, 1);
    shard_notice(sh, NOTICE_MEMORY, index, 0, what, STR_NONE);
    if (!say_last_words(sh, index))
        conn_abort(sh, index, CLOSE_MEMORY);
}

static void put_parts(struct shard *sh, uint32_t index, str a, str b, str c)
{
    struct conn *conn = conn_at(sh, index);
    if (conn->ending != ENDING_OPEN)
        return;
    if (outq_put(&conn->out, sh->mem, a, b, c) != OK)
        conn_starve(sh, index, "a reply");
    else
        conn_mark_dirty(sh, index);
}

void conn_put(struct shard *sh, uint32_t index, str bytes)
{
    put_parts(sh, index, bytes, STR_NONE, STR_NONE);
}

void conn_put_segment(struct shard *sh, uint32_t index, struct segment *seg, str bytes)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN)
        return;
    if (outq_put_segment(&c->out, sh->mem, seg, bytes) != OK)
        conn_starve(sh, index, "what it was still due of a room");
    else
        conn_mark_dirty(sh, index);
}

void conn_put_both(struct shard *sh, uint32_t index, str a, str b) { put_parts(sh, index, a, b, STR_NONE); }

void conn_put_buf(struct shard *sh, uint32_t index, const struct buf *b)
{
    if (buf_ok(b))
        conn_put(sh, index, buf_str(b));
    else
        conn_starve(sh, index, "a reply");
}

static void put_frame(struct shard *sh, uint32_t index, enum framing framing, str payload)
{
    struct frame_parts f;
    frame_parts_make(framing, payload.n, &f);
    put_parts(sh, index, str_make(f.head, f.head_n), payload, f.end);
}

void conn_put_payload(struct shard *sh, uint32_t index, str payload)
{
    const struct dialect *d = dialect_get((enum dialect_id)conn_at(sh, index)->dialect);
    if (payload.n == 0)
        return;
    if (!d->text) {
        put_frame(sh, index, d->framing, payload);
        return;
    }
    for (str rest = payload; rest.p != NULL && rest.n != 0;) { // one frame per line
        str line = str_split(rest, '\n', &rest);
        put_frame(sh, index, d->framing, line);
    }
}

void conn_put_event(struct shard *sh, uint32_t index, const struct event *ev)
{
    const struct dialect *d = dialect_get((enum dialect_id)conn_at(sh, index)->dialect);
    buf_reset(&sh->encode, SEGMENT_BYTES_MAX);
    d->encode_event(&sh->encode, ev, sh->utc_offset_s);
    if (!buf_ok(&sh->encode))
        conn_starve(sh, index, "a reply");
    else
        conn_put_payload(sh, index, buf_str(&sh->encode));
}

void conn_put_problem(struct shard *sh, uint32_t index, str id, const struct problem *p)
{
    struct event ev = {.type = EV_ERROR, .id = id, .problem = *p};
    metric_add(&sh->metrics->errors[p->code], 1);
    shard_notice(sh, NOTICE_COMMAND_ERROR, index, 0, problem_name(p->code), STR_NONE);
    conn_put_event(sh, index, &ev);
}

void conn_close(struct shard *sh, uint32_t index, uint16_t code, const char *reason, enum close_reason why)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN)
        return;
    c->close_code = code;
    if (c->phase == PHASE_WS || c->phase == PHASE_ECHO) {
        uint8_t frame[WS_CONTROL_FRAME_MAX];
        str text = code == WS_CLOSE_NO_CODE ? STR_NONE : str_from_cstr(reason);
        conn_put(sh, index, str_make((const char *)frame, ws_close_encode(frame, code, text)));
        c->ws_close_sent = true;
    } else if (c->phase == PHASE_LINE && why != CLOSE_NORMAL) {
        struct buf *b = &sh->encode;
        buf_reset(b, SEGMENT_BYTES_MAX);
        BUF_PUT_LIT(b, "* closing: ");
        buf_put_str(b, str_from_cstr(reason));
        BUF_PUT_LIT(b, "\n");
        if (buf_ok(b))
            conn_put(sh, index, buf_str(b));
    }
    if (c->ending == ENDING_OPEN)
        conn_end(sh, index, why);
}
