// SPDX-License-Identifier: Apache-2.0
//
// Text lines from the bare TCP listener, for nc and telnet. A line may be any bytes; what is not UTF-8 is refused
// with a sentence and the connection lives on.
//
// The first line is looked at before it is anybody's (wire/foreign.h): a web page that posts to this port must not talk
// in a room. Until that line is there, or LINE_LISTEN_MS have passed without it, the connection has no name and is in no
// room, so that what a browser or a port scanner leaves behind is a line in the log and nothing else.
#include "core/conn/conn.h"

#include "wire/foreign.h"

void conn_greet(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(!c->greeted);
    c->greeted = true;
    if (c->phase == PHASE_LINE)
        heartbeat_start(cs, index);
    if (!edge_greet(cs->edge, index))
        conn_park(cs, index);
}

// For whoever looks at it in a browser.
static void put_http_refusal(struct conns *cs, uint32_t index)
{
    struct buf *sentence = &cs->body;
    buf_reset(sentence, WORKING_BYTES_MAX);
    BUF_PUT_LIT(sentence, "This port takes lines of text, for nc and telnet.");
    if (cs->cx->host->http_port != 0) {
        BUF_PUT_LIT(sentence, " HTTP and WebSocket are on port ");
        buf_put_u64(sentence, cs->cx->host->http_port);
        buf_put_char(sentence, '.');
    }
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    http_put_error(&cs->head, 400, buf_str(sentence), true, cs->cx->wall_ms / 1000);
    fan_put_buf(cs->fan, index, &cs->head);
}

// What a client of TLS makes of it everybody knows and can look up: "wrong version number".
static void put_tls_refusal(struct conns *cs, uint32_t index)
{
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    BUF_PUT_LIT(&cs->head, "* this port takes lines of text without TLS, from nc and telnet\n");
    fan_put_buf(cs->fan, index, &cs->head);
}

static void close_foreign(struct conns *cs, uint32_t index, const char *protocol, bool answer_http)
{
    struct conn *c = conn_at(cs, index);
    notice_put(cs->cx, NOTICE_WRONG_PROTOCOL, index, 0, protocol, STR_NONE);
    if (c->greeted) {
        conn_close(cs, index, WS_CLOSE_PROTOCOL, "this port takes lines of text", CLOSE_PROTOCOL);
        return;
    }
    if (answer_http)
        put_http_refusal(cs, index);
    else
        put_tls_refusal(cs, index);
    conn_end(cs, index, CLOSE_PROTOCOL);
}

// The first line that is not empty decides. False: it was another protocol's, and the connection ends.
static bool line_judge(struct conns *cs, uint32_t index, str line, bool cut)
{
    struct conn *c = conn_at(cs, index);
    if (c->judged || line.n == 0)
        return true;
    if (foreign_is_http(line, cut)) {
        close_foreign(cs, index, "HTTP", true);
        return false;
    }
    c->judged = true;
    if (!c->greeted)
        conn_greet(cs, index);
    return conn_live(c);
}

static bool line_refuse(struct conns *cs, uint32_t index, enum problem_code code, const char *text)
{
    struct problem p = {.code = code, .text = text};
    return conn_refuse(cs, index, STR_NONE, &p);
}

// False: the line must wait.
static bool take_line(struct conns *cs, uint32_t index, enum err e, str line)
{
    if (e == ERR_TOO_LARGE) {
        metric_add(&cs->cx->metrics->limit_message, 1);
        return line_refuse(cs, index, PROBLEM_TOO_LARGE,
                           "This line is longer than `limits.message_bytes`; send it in parts.");
    }
    if (!utf8_valid(line))
        return line_refuse(cs, index, PROBLEM_BAD_COMMAND,
                           "This line is not UTF-8; nothing else can be sent.");
    return conn_message(cs, index, line, false);
}

size_t conn_line_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->phase == PHASE_LINE);
    size_t off = 0;
    if (!c->judged && foreign_is_tls(str_make((const char *)p, n)))
        close_foreign(cs, index, "TLS", false);
    while (conn_live(c) && !c->parked && !mail_is_here(cs->mail) && off < n) {
        struct line_decoder before = c->line;
        size_t used;
        str line = STR_NONE;
        enum err e = line_decoder_next(&c->line, str_make((const char *)p + off, n - off), &used, &line);
        if (e == ERR_MORE) {
            off += used;
            break;
        }
        bool cut = e == ERR_TOO_LARGE;
        if (!line_judge(cs, index, cut ? str_make((const char *)p + off, n - off) : line, cut))
            break;
        if (c->parked || !take_line(cs, index, e, line)) {
            c->line = before; // it is read again from its first byte
            c->line.seen = 0;
            if (!c->parked) // as it is when it is greeted
                conn_park(cs, index);
            break;
        }
        off += used;
    }
    ASSERT(off <= n);
    return off;
}
