// SPDX-License-Identifier: Apache-2.0
//
// What arrives at a client: from bytes to an upgrade response, messages, lines, control frames and the end.
#include "sim/parcel.h"
#include "sim/world.h"

#include <stdio.h>

enum { CHUNK = 2048 };

// --- WebSocket

// The answer to our own close frame comes after the replies to all that was said before it.
static void check_all_answered(struct world *w, const struct client *c)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id != 0 && client_watched(c))
            trace_fail(w, c, "CLOSE: our close frame was answered before command %u was", a->id);
    }
}

// Who failed the connection does not wait for an answer: FIN goes right behind the close frame, whatever the peer does or
// does not do (RFC 6455 section 7.1.7), and so it is on its way before the frame is here.
static void check_failed_shut(struct world *w, const struct client *c)
{
    bool failed = c->close_code == WS_CLOSE_PROTOCOL || c->close_code == WS_CLOSE_UNSUPPORTED ||
                  c->close_code == WS_CLOSE_BAD_DATA || c->close_code == WS_CLOSE_TOO_BIG;
    if (failed && !c->link->server_shut && !c->link->server_closed)
        trace_fail(w, c, "CLOSE: no FIN behind the close frame %u of a failed connection", c->close_code);
}

static void on_close_frame(struct world *w, struct client *c, str payload)
{
    str reason;
    if (ws_close_decode(payload, &c->close_code, &reason) != OK)
        trace_fail(w, c, "PROTOCOL: the server sent a malformed close frame");
    trace_note(w, c, "close frame %u %.*s", c->close_code, STR_ARG(reason));
    if (c->parcels && !c->goodbye && !c->close_sent && c->close_code != WS_CLOSE_TRY_LATER)
        trace_fail(w, c, "CLOSE: %u without a goodbye", c->close_code); // there may be no memory for one
    if (!c->close_sent)
        check_failed_shut(w, c);
    if (c->close_sent && c->close_code == WS_CLOSE_NORMAL && !compact_waits(&c->compact_talk))
        check_all_answered(w, c);
    w->counts.closed_by_server += !c->close_sent;
    w->counts.closed_slow += c->close_code == WS_CLOSE_TRY_LATER;
    w->counts.closed_policy += c->close_code == WS_CLOSE_POLICY;
    if (!c->close_sent)
        say_close(w, c, c->close_code == WS_CLOSE_NO_CODE ? WS_CLOSE_NORMAL : c->close_code);
    c->state = CLIENT_CLOSING;
}

// Of several pings only the last must be answered (RFC 6455 section 5.5.3), and none twice.
static void on_pong(struct world *w, struct client *c, str payload)
{
    uint64_t number = 0;
    if (!client_watched(c))
        return;
    if (!str_to_u64(payload, c->ping_sent, &number) || number <= c->ping_seen)
        trace_fail(w, c, "PROTOCOL: pong \"%.*s\" after %u, to %u pings", STR_ARG(payload), c->ping_seen,
                   c->ping_sent);
    c->ping_seen = (uint32_t)number;
}

static void on_control(struct world *w, struct client *c, uint8_t opcode, str payload)
{
    if (opcode == WS_CLOSE)
        on_close_frame(w, c, payload);
    else if (opcode == WS_PONG)
        on_pong(w, c, payload);
    else if (c->temper != TEMPER_HOSTILE)
        say_frame(w, c, WS_PONG, payload);
}

static void on_echo(struct world *w, struct client *c, str message)
{
    char want[32];
    snprintf(want, sizeof want, "echo %u", ++c->echo_seen);
    if (!str_eq(message, str_from_cstr(want)))
        trace_fail(w, c, "ORDER: the echo is %.*s, expected %s", STR_ARG(str_take(message, 100)), want);
}

// Its number is the next one, whatever it is; and nothing is said behind a goodbye.
static void on_parcel(struct world *w, struct client *c, str message)
{
    char kind;
    uint32_t number;
    str body;
    if (!parcel_open(message, &kind, &number, &body) || c->goodbye)
        trace_fail(w, c, "PROTOCOL: no parcel, or one behind the goodbye: %.*s",
                   STR_ARG(str_take(message, 100)));
    if (kind != '{' && number != ++c->parcel_seen)
        trace_fail(w, c, "ORDER: reply %u where %u was due", number, c->parcel_seen);
    if (kind == '{' || kind == 'v')
        mutate_message(w, c, body);
    else if (kind == 'p' && !c->close_sent)
        say_parcel(w, c, 'p', STR_NONE);
    else if (kind == 'b')
        c->goodbye = true;
}

static void on_message(struct world *w, struct client *c, str message)
{
    if (c->compact)
        compact_hear(w, c, message);
    else if (c->parcels)
        on_parcel(w, c, message);
    else if (c->speech == SPEAKS_JSON)
        mutate_message(w, c, message);
    else if (c->speech == SPEAKS_TEXT_WS)
        mutate_line(w, c, message);
    else
        on_echo(w, c, message);
}

// A message, compressed or not.
static void on_data(struct world *w, struct client *c, const struct ws_event *ev, str message)
{
    struct buf room;
    buf_init(&room, &w->scratch_mem, 0);
    if (ev->compressed)
        message = deflated_in(w, c, ev->opcode, &room, message);
    on_message(w, c, message);
    buf_deinit(&room);
}

static void on_ws_chunk(struct world *w, struct client *c, const struct ws_event *ev)
{
    bool control = ev->opcode >= WS_CLOSE;
    if (ev->first && ev->last) {
        if (control)
            on_control(w, c, ev->opcode, ev->payload);
        else
            on_data(w, c, ev, ev->payload);
        return;
    }
    struct buf *b = control ? &c->control : &c->in;
    if (ev->first)
        buf_reset(b, 4096);
    buf_put_str(b, ev->payload);
    if (!ev->last)
        return;
    if (control)
        on_control(w, c, ev->opcode, buf_str(b));
    else
        on_data(w, c, ev, buf_str(b));
}

static void on_ws_bytes(struct world *w, struct client *c, uint8_t *p, size_t n)
{
    const struct sim_link *l = c->link;
    while (c->link == l && c->link != NULL) {
        size_t used;
        struct ws_event ev;
        enum ws_result r = ws_decoder_next(&c->ws, p, n, &used, &ev);
        if (r == WS_MORE)
            return;
        if (r == WS_FAIL)
            trace_fail(w, c, "PROTOCOL: the server broke RFC 6455: %s", ev.reason);
        if (c->close_code != 0)
            trace_fail(w, c, "PROTOCOL: a frame after the close frame");
        p += used;
        n -= used;
        on_ws_chunk(w, c, &ev);
    }
}

// --- HTTP

// Bytes of the head in c->in with its empty line, 0 while there is more to come.
static size_t head_length(const struct client *c)
{
    for (size_t i = 3; i < c->in.n; i++)
        if (memcmp(c->in.p + i - 3, "\r\n\r\n", 4) == 0)
            return i + 1;
    return 0;
}

static bool head_has(const struct client *c, size_t head_n, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= head_n; i++)
        if (memcmp(c->in.p + i, text, n) == 0)
            return true;
    return false;
}

static void on_upgrade_bytes(struct world *w, struct client *c, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_put(&c->in, p + i, 1);
        if (p[i] != '\n' || head_length(c) == 0)
            continue;
        trace_bytes(w, c, '<', buf_str(&c->in));
        bool late = c->temper != TEMPER_HEALTHY && str_starts(buf_str(&c->in), STR("HTTP/1.1 408 "));
        if (client_watched(c) && !late && c->temper != TEMPER_SILENT && w->plan.refuse_one_in == 0 &&
            !w->draining &&
            (!str_starts(buf_str(&c->in), STR("HTTP/1.1 101 ")) || !head_has(c, c->in.n, c->ws_accept)))
            trace_fail(w, c, "PROTOCOL: the upgrade was not accepted");
        if (!str_starts(buf_str(&c->in), STR("HTTP/1.1 101 "))) {
            c->expects_close = true;
            return;
        }
        ws_decoder_init_client(&c->ws, 1u << 24);
        deflated_agree(w, c, buf_str(&c->in));
        buf_reset(&c->in, 4096);
        c->state = CLIENT_OPEN;
        if (c->temper != TEMPER_HOSTILE && c->temper != TEMPER_SILENT)
            act_on_open(w, c);
        on_ws_bytes(w, c, p + i + 1, n - i - 1);
        return;
    }
}

static uint64_t content_length(const struct client *c, size_t head_n)
{
    static const char field[] = "Content-Length: ";
    size_t n = sizeof field - 1;
    for (size_t i = 0; i + n <= head_n; i++)
        if (memcmp(c->in.p + i, field, n) == 0) {
            uint64_t v = 0;
            for (i += n; c->in.p[i] >= '0' && c->in.p[i] <= '9'; i++)
                v = v * 10 + (uint64_t)(c->in.p[i] - '0');
            return v;
        }
    return 0;
}

// Who was let in although memory was out, and asks for nothing, is told to come again (core/conn/reserve.h): no response to what it
// may still say.
static bool turned_away(const struct world *w, const struct client *c, size_t head_n)
{
    return w->plan.refuse_one_in != 0 && c->http_sent == 0 &&
           str_starts(buf_str(&c->in), STR("HTTP/1.1 503 ")) && head_has(c, head_n, "Connection: close");
}

static void on_http_bytes(struct world *w, struct client *c, const uint8_t *p, size_t n)
{
    buf_put(&c->in, p, n);
    for (;;) {
        size_t head_n = head_length(c);
        uint64_t body = head_n == 0 ? 0 : content_length(c, head_n);
        if (head_n == 0 || c->in.n < head_n + body)
            return;
        trace_bytes(w, c, '<', buf_str(&c->in));
        bool fine =
            str_starts(buf_str(&c->in), STR("HTTP/1.1 200 ")) ||
            str_starts(buf_str(&c->in), STR("HTTP/1.1 404 ")) ||
            str_starts(buf_str(&c->in), STR("HTTP/1.1 429 ")) || // rooms that may not be made
            str_starts(buf_str(&c->in), STR("HTTP/1.1 409 ")) || // that are closed
            str_starts(buf_str(&c->in),
                       STR("HTTP/1.1 410 ")) || // carried out before, and its answer is not kept
            (c->temper != TEMPER_HEALTHY && str_starts(buf_str(&c->in), STR("HTTP/1.1 408 "))) ||
            ((w->plan.engine || w->plan.store || w->plan.stall_ms != 0 || w->plan.slow_ms != 0 ||
              w->plan.mailbox_paced) && // an ask may take too long then (seed 20145), or the engine is away
             str_starts(buf_str(&c->in), STR("HTTP/1.1 503 ")));
        if (!fine && !w->draining && w->plan.refuse_one_in == 0)
            trace_fail(w, c, "PROTOCOL: a request was answered with %.*s",
                       STR_ARG(str_take(buf_str(&c->in), 60)));
        if (!turned_away(w, c, head_n)) {
            if (++c->http_seen > c->http_sent)
                trace_fail(w, c, "PROTOCOL: a response to no request");
            backend_heard(w, c, c->http_seen - 1, str_take(buf_str(&c->in), head_n),
                          str_make(c->in.p + head_n, body));
        }
        if (head_has(c, head_n, "Connection: close"))
            c->expects_close = true;
        memmove(c->in.p, c->in.p + head_n + body, c->in.n - head_n - body);
        c->in.n -= head_n + body;
    }
}

// --- lines

static void on_line_bytes(struct world *w, struct client *c, const uint8_t *p, size_t n)
{
    const struct sim_link *l = c->link;
    for (size_t i = 0; i < n && c->link == l; i++) {
        if (p[i] != '\n') {
            buf_put(&c->in, p + i, 1);
            continue;
        }
        str line = buf_str(&c->in);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        mutate_line(w, c, line);
        buf_reset(&c->in, 4096);
    }
}

// --- reading

static size_t reading_budget(struct world *w, struct client *c)
{
    if (c->stalled_until_ms > w->now_ms)
        return 0;
    if (c->temper == TEMPER_STALLING && w->faults && chance(w, 60)) {
        c->stalled_until_ms = w->now_ms + 1000 + roll(w, 30000);
        trace_note(w, c, "stops reading for %llu ms", (unsigned long long)(c->stalled_until_ms - w->now_ms));
        return 0;
    }
    if (c->read_per_s == 0)
        return SIZE_MAX;
    uint64_t credit = c->read_credit + (uint64_t)w->dt_ms * c->read_per_s;
    c->read_credit = (uint32_t)(credit % 1000);
    return (size_t)(credit / 1000);
}

static void on_end(struct world *w, struct client *c)
{
    struct sim_link *l = c->link;
    bool aborted = l->server_closed && l->server_aborted;
    watch_closed(w, c, aborted || l->refused);
    if (!aborted && !l->refused && !l->server_closed)
        client_fin(w, c); // the server's side is shut; ours follows
    client_leave(w, c, aborted ? "connection reset" : "end of the connection");
}

void client_receive(struct world *w, struct client *c)
{
    struct sim_link *l = c->link;
    uint8_t chunk[CHUNK];
    size_t left = reading_budget(w, c);
    while (left > 0 && c->link == l && l->down.here > 0) {
        size_t n = l->down.here < CHUNK ? l->down.here : CHUNK;
        n = n < left ? n : left;
        memcpy(chunk, l->down.v + l->down.from, n);
        pipe_take(&l->down, n);
        left -= n;
        if (c->state == CLIENT_UPGRADING)
            on_upgrade_bytes(w, c, chunk, n);
        else if (c->speech == SPEAKS_TEXT_LINE)
            on_line_bytes(w, c, chunk, n);
        else if (c->speech == SPEAKS_HTTP)
            on_http_bytes(w, c, chunk, n);
        else
            on_ws_bytes(w, c, chunk, n);
    }
    if (c->link != l || left == 0)
        return;
    bool aborted = l->refused || (l->server_closed && l->server_aborted);
    if (aborted || ((l->server_closed || l->server_shut) && l->down.n == 0))
        on_end(w, c);
}
