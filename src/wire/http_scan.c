// SPDX-License-Identifier: Apache-2.0
//
// http_scan.c - finds the end of a request head, however its bytes arrive.
//
// It goes from LF to LF and remembers where it was, so every byte is looked at once and a client that sends byte by
// byte costs no more than another. What can be refused without the whole head is refused here, at once: a client that
// speaks TLS to this port, ends its lines with LF alone, or never ends a line at all should not hold a connection until
// the handshake timer fires. Whatever the cuts, the verdict is the same: it depends on the first offending byte.
#include "wire/http.h"

// The request line without its target: a method, two spaces, "HTTP/1.1" and CR, with room for long method names.
enum { REQUEST_LINE_MAX = HTTP_TARGET_MAX + 64 };

void http_scanner_init(struct http_scanner *s) { *s = (struct http_scanner){0}; }

static enum err refuse(struct http_scanner *s, uint16_t status, const char *reason)
{
    s->status = status;
    s->reason = reason;
    return status == 400 ? ERR_SYNTAX : ERR_TOO_LARGE;
}

// Before the request line is complete: does it begin like one, and is it of bearable length so far?
static enum err check_request_line(struct http_scanner *s, str bytes, size_t line_end)
{
    if (s->lines > 0)
        return OK;
    char c = bytes.p[s->line_start];
    if (c != '\r' && c != '\n' && !http_is_token((str){&c, 1}))
        return refuse(s, 400, "This is not an HTTP request.");
    if (line_end - s->line_start > REQUEST_LINE_MAX)
        return refuse(s, 414, "The request target is too long.");
    return OK;
}

// A line end at lf. OK: the head ends here; ERR_MORE: it goes on.
static enum err line_finish(struct http_scanner *s, str bytes, size_t lf)
{
    if (lf == s->line_start || bytes.p[lf - 1] != '\r')
        return refuse(s, 400, "Lines must end with CR LF.");
    bool empty = lf - 1 == s->line_start;
    bool leading = empty && s->lines == 0;
    if (leading && s->line_start > 0)
        return refuse(s, 400, "There is more than one empty line before the request.");
    s->line_start = (uint32_t)lf + 1;
    if (empty)
        return leading ? ERR_MORE : OK;
    if (++s->lines > 1 + HTTP_FIELDS_MAX)
        return refuse(s, 431, "There are too many header fields.");
    return ERR_MORE;
}

enum err http_head_scan(struct http_scanner *s, str so_far, size_t *ret_head_n)
{
    if (s->status != 0)
        return refuse(s, s->status, s->reason);
    str bytes = str_take(so_far, HTTP_HEAD_MAX);
    while (s->seen < bytes.n) {
        size_t lf = str_find_char(bytes, '\n', s->seen);
        enum err e = check_request_line(s, bytes, lf);
        if (e != OK)
            return e;
        if (lf == bytes.n) {
            s->seen = (uint32_t)bytes.n;
            break;
        }
        e = line_finish(s, bytes, lf);
        if (e != ERR_MORE) {
            if (e == OK)
                *ret_head_n = lf + 1;
            return e;
        }
        s->seen = (uint32_t)lf + 1;
    }
    if (s->seen == HTTP_HEAD_MAX)
        return refuse(s, 431, "The header fields are too large.");
    return ERR_MORE;
}
