// SPDX-License-Identifier: Apache-2.0
//
// Text lines from the bare TCP listener, for nc and telnet. A line may be any bytes; what is not UTF-8 is refused
// with a sentence and the connection lives on.
//
// The first line is looked at before it is anybody's (wire/foreign.h): a web page that posts to this port must not talk
// in a room. Until that line is there, or LINE_LISTEN_MS have passed without it, the connection has no name and is in no
// room, so that what a browser or a port scanner leaves behind is a line in the log and nothing else.
#include "core/shard_state.h"

#include "wire/foreign.h"

void conn_line_greet(struct shard *sh, uint32_t index)
{
    conn_at(sh, index)->greeted = true;
    edge_text_start(sh, index);
}

// For whoever looks at it in a browser.
static void put_http_refusal(struct shard *sh, uint32_t index)
{
    struct buf *sentence = &sh->encode;
    buf_reset(sentence, SEGMENT_BYTES_MAX);
    BUF_PUT_LIT(sentence, "This port takes lines of text, for nc and telnet.");
    if (sh->host->http_port != 0) {
        BUF_PUT_LIT(sentence, " HTTP and WebSocket are on port ");
        buf_put_u64(sentence, sh->host->http_port);
        buf_put_char(sentence, '.');
    }
    buf_reset(&sh->http, SEGMENT_BYTES_MAX);
    http_put_error(&sh->http, 400, buf_str(sentence), true, sh->wall_ms / 1000);
    conn_put_buf(sh, index, &sh->http);
}

static void close_foreign(struct shard *sh, uint32_t index, const char *protocol, bool answer_http)
{
    struct conn *c = conn_at(sh, index);
    shard_notice(sh, NOTICE_WRONG_PROTOCOL, index, 0, protocol, STR_NONE);
    if (c->greeted) {
        conn_close(sh, index, WS_CLOSE_PROTOCOL, "this port takes lines of text", CLOSE_PROTOCOL);
        return;
    }
    if (answer_http)
        put_http_refusal(sh, index);
    conn_end(sh, index, CLOSE_PROTOCOL);
}

// The first line that is not empty decides. False: it was another protocol's, and the connection ends.
static bool line_judge(struct shard *sh, uint32_t index, str line, bool cut)
{
    struct conn *c = conn_at(sh, index);
    if (c->judged || line.n == 0)
        return true;
    if (foreign_is_http(line, cut)) {
        close_foreign(sh, index, "HTTP", true);
        return false;
    }
    c->judged = true;
    if (!c->greeted)
        conn_line_greet(sh, index);
    return c->ending == ENDING_OPEN;
}

static bool line_refuse(struct shard *sh, uint32_t index, enum problem_code code, const char *text)
{
    struct problem p = {.code = code, .text = text};
    return conn_refuse(sh, index, STR_NONE, &p);
}

// False: the line must wait.
static bool take_line(struct shard *sh, uint32_t index, enum err e, str line)
{
    if (e == ERR_TOO_LARGE) {
        metric_add(&sh->metrics->limit_message, 1);
        return line_refuse(sh, index, PROBLEM_TOO_LARGE,
                           "This line is longer than `limits.message_bytes`; send it in parts.");
    }
    if (!utf8_valid(line))
        return line_refuse(sh, index, PROBLEM_BAD_COMMAND,
                           "This line is not UTF-8; nothing else can be sent.");
    return conn_message(sh, index, line);
}

size_t conn_line_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t off = 0;
    if (!c->judged && foreign_is_tls(str_make((const char *)p, n)))
        close_foreign(sh, index, "TLS", false);
    while (c->ending == ENDING_OPEN && !c->parked && off < n) {
        struct line_decoder before = c->line;
        size_t used;
        str line = STR_NONE;
        enum err e = line_decoder_next(&c->line, str_make((const char *)p + off, n - off), &used, &line);
        if (e == ERR_MORE) {
            off += used;
            break;
        }
        bool cut = e == ERR_TOO_LARGE;
        if (!line_judge(sh, index, cut ? str_make((const char *)p + off, n - off) : line, cut))
            break;
        if (c->parked || !take_line(sh, index, e, line)) {
            c->line = before; // it is read again from its first byte
            c->line.seen = 0;
            if (!c->parked) // as it is when it is greeted
                conn_park(sh, index);
            break;
        }
        off += used;
    }
    return off;
}
