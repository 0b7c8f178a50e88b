// SPDX-License-Identifier: Apache-2.0
//
// What clients say in lines and requests: terminals, pages, last words.
#include "sim/world.h"

#include "wire/ws_handshake.h"
#include <stdarg.h>
#include <stdio.h>

// --- lines and requests

void say_line(struct world *w, struct client *c, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(n >= 0 && (size_t)n < sizeof line);
    str s = str_make(line, (size_t)n);
    if (c->speech == SPEAKS_TEXT_WS) {
        say_frame(w, c, WS_TEXT, s);
        return;
    }
    trace_bytes(w, c, '>', s);
    buf_put_str(&c->out, s);
    buf_put_str(&c->out, chance(w, 4) ? STR("\r\n") : STR("\n"));
}

void say_text_message(struct world *w, struct client *c)
{
    struct message *m = truth_message_new(w, c, c->terminal.room);
    m->conflate = 0; // lines have none
    struct buf data;
    m->text = m->echo = true;
    m->attempts = 1;
    m->link = c->link->serial;
    m->pad = (uint32_t)roll(w, chance(w, 8) ? w->plan.data_max + 1 : 20);
    buf_init(&data, &w->scratch_mem, 0);
    truth_data(m, &data);
    while (data.n > 2 && data.p[data.n - 2] == ' ') { // a line ends with a letter
        m->pad--;
        buf_reset(&data, 4096);
        truth_data(m, &data);
    }
    say_line(w, c, "%.*s", (int)data.n - 2, data.p + 1);
    buf_deinit(&data);
}

// With a body, by its length or in chunks, to somebody who asks all shards.
static void say_call(struct world *w, struct client *c)
{
    static const char prefix[] = "r";
    char text[256], body[64];
    size_t n = roll(w, sizeof prefix);
    if (!chance(w, 2))
        snprintf(body, sizeof body, "Content-Length: %zu\r\n\r\n%.*s", n, (int)n, prefix);
    else if (n == 0)
        snprintf(body, sizeof body, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    else
        snprintf(body, sizeof body, "Transfer-Encoding: chunked\r\n\r\n1;x\r\n%.*s\r\n0\r\n\r\n", (int)n,
                 prefix);
    int size = snprintf(text, sizeof text,
                        "POST /desk/rooms HTTP/1.1\r\nHost: sim\r\nContent-Type: text/plain\r\n%s", body);
    trace_bytes(w, c, '>', str_make(text, (size_t)size));
    buf_put(&c->out, text, (size_t)size);
    c->http_sent++;
}

void say_http(struct world *w, struct client *c)
{
    c->said[c->http_sent % SAID_REQUESTS] = (struct said){0};
    if (chance(w, 3) && c->http_sent - c->http_seen < SAID_REQUESTS) {
        backend_say(w, c);
        return;
    }
    if (chance(w, 3)) {
        say_call(w, c);
        return;
    }
    static const char *const paths[] = {"/healthz", "/", "/metrics", "/nothing-here", "/readyz"};
    char text[128];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: sim\r\n\r\n", paths[roll(w, 5)]);
    trace_bytes(w, c, '>', str_make(text, (size_t)n));
    buf_put(&c->out, text, (size_t)n);
    c->http_sent++;
}
