// SPDX-License-Identifier: Apache-2.0
//
// wire_support.h - what the tests and the fuzzers of the wire layer share: exact blocks, traces of decoded frames and
// lines, and slow oracles.
//
// A trace is what a decoder said, freed from how its input was cut: whole messages, control frames, lines and the final
// failure, one after the other. Two runs over the same bytes must leave the same trace. A breach aborts, which both
// cmocka and libFuzzer report; all memory is malloc's, so that AddressSanitizer sees the edges.
#ifndef PLENUM_UNIT_WIRE_SUPPORT_H
#define PLENUM_UNIT_WIRE_SUPPORT_H

#include "wire/line.h"
#include "wire/utf8.h"
#include "wire/ws_frame.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(cond) ((cond) ? (void)0 : must_failed(__FILE__, __LINE__, #cond))

static inline void must_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
    abort();
}

// A copy in a block of exactly n bytes (NULL for 0), to be freed.
static inline uint8_t *exact_copy(const void *p, size_t n)
{
    if (n == 0)
        return NULL;
    uint8_t *copy = malloc(n);
    MUST(copy != NULL);
    memcpy(copy, p, n);
    return copy;
}

struct trace {
    uint8_t *p;
    size_t n, cap;
};

static inline void trace_put(struct trace *t, const void *p, size_t n)
{
    if (t->cap - t->n < n) {
        t->cap = 2 * t->cap + n;
        t->p = realloc(t->p, t->cap);
        MUST(t->p != NULL);
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
}

static inline void trace_deinit(struct trace *t)
{
    free(t->p);
    *t = (struct trace){0};
}

// One finished thing: what it is, its length, its bytes.
static inline void trace_item(struct trace *t, uint32_t kind, const void *p, size_t n)
{
    uint32_t head[2] = {kind, (uint32_t)n};
    trace_put(t, head, sizeof head);
    trace_put(t, p, n);
}

static inline bool trace_equal(const struct trace *a, const struct trace *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

// ---- frames

// A fragment that says nothing; of a message: it is compressed.
enum { TRACE_EMPTY = 0x20000, TRACE_COMPRESSED = 0x1000 };

struct ws_run {
    struct ws_decoder decoder;
    struct trace
        trace; // finished messages and control frames, TRACE_EMPTY, and 0x10000 + close code at the end
    struct trace message; // the open message
    struct trace control; // the open control frame
    bool message_open, control_open, failed;
    uint32_t chunks;
};

static inline void ws_run_init(struct ws_run *r, uint32_t message_bytes_max, bool client)
{
    *r = (struct ws_run){0};
    if (client)
        ws_decoder_init_client(&r->decoder, message_bytes_max);
    else
        ws_decoder_init(&r->decoder, message_bytes_max);
}

static inline void ws_run_deinit(struct ws_run *r)
{
    trace_deinit(&r->trace);
    trace_deinit(&r->message);
    trace_deinit(&r->control);
}

static inline void ws_run_chunk(struct ws_run *r, const struct ws_event *e)
{
    bool control = e->opcode >= WS_CLOSE;
    struct trace *into = control ? &r->control : &r->message;
    bool *open = control ? &r->control_open : &r->message_open;
    r->chunks++;
    MUST(e->first == !*open);
    MUST(control || !r->control_open);
    MUST(e->payload.n > 0 || e->last);
    MUST(!e->compressed || !control);
    trace_put(into, e->payload.p, e->payload.n);
    *open = !e->last;
    if (e->last) {
        trace_item(&r->trace, e->opcode + (e->compressed ? TRACE_COMPRESSED : 0u), into->p, into->n);
        into->n = 0;
    }
}

// Feeds n bytes as one input.
static inline void ws_run_feed(struct ws_run *r, const void *bytes, size_t n)
{
    uint8_t *block = exact_copy(bytes, n);
    size_t at = 0;
    enum ws_result result = WS_CHUNK;
    while (result != WS_MORE && !r->failed) {
        struct ws_event e;
        size_t used = SIZE_MAX;
        size_t left = n - at;
        result = ws_decoder_next(&r->decoder, n > 0 ? block + at : NULL, left, &used, &e);
        MUST(used <= left);
        if (result == WS_CHUNK) {
            MUST(used > 0);
            MUST((const uint8_t *)e.payload.p >= block &&
                 (const uint8_t *)e.payload.p + e.payload.n <= block + at + used);
            ws_run_chunk(r, &e);
        } else if (result == WS_EMPTY) {
            MUST(used > 0 && e.opcode < WS_CLOSE && !e.last);
            trace_item(&r->trace, TRACE_EMPTY, NULL, 0);
        } else if (result == WS_FAIL) {
            r->failed = true;
            MUST(e.reason[0] != 0 && strlen(e.reason) <= WS_CLOSE_REASON_MAX);
            trace_item(&r->trace, 0x10000u + e.close_code, NULL, 0);
        } else {
            MUST(used == left);
        }
        at += used;
    }
    free(block);
}

// ---- lines

struct line_run {
    struct line_decoder decoder;
    struct trace trace; // kind 1: a line, kind 2: one that was too long
    uint8_t *held;      // bytes not used yet
    size_t held_n, held_max;
};

static inline void line_run_init(struct line_run *r, uint32_t max)
{
    *r = (struct line_run){0};
    line_decoder_init(&r->decoder, max);
}

static inline void line_run_deinit(struct line_run *r)
{
    trace_deinit(&r->trace);
    free(r->held);
}

static inline void line_run_feed(struct line_run *r, const void *bytes, size_t n)
{
    uint8_t *all = malloc(r->held_n + n + 1);
    MUST(all != NULL);
    if (r->held_n > 0)
        memcpy(all, r->held, r->held_n);
    if (n > 0)
        memcpy(all + r->held_n, bytes, n);
    size_t total = r->held_n + n;
    uint8_t *block = exact_copy(all, total);
    free(all);
    size_t at = 0;
    enum err e = OK;
    while (e != ERR_MORE) {
        size_t used = SIZE_MAX;
        str line = STR_NONE;
        str in = total > at ? (str){(const char *)block + at, total - at} : STR_NONE;
        e = line_decoder_next(&r->decoder, in, &used, &line);
        MUST(used <= in.n);
        MUST(e == OK || e == ERR_MORE || e == ERR_TOO_LARGE);
        if (e != ERR_MORE)
            trace_item(&r->trace, e == OK ? 1 : 2, line.p, line.n);
        at += used;
    }
    free(r->held);
    r->held_n = total - at;
    r->held = r->held_n > 0 ? exact_copy(block + at, r->held_n) : NULL;
    if (r->held_n > r->held_max)
        r->held_max = r->held_n;
    free(block);
}

// ---- oracles

// Decodes by arithmetic and then asks whether the number was allowed and shortest.
static inline bool utf8_valid_slow(const uint8_t *p, size_t n)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t i = 0;
    while (i < n) {
        uint8_t c = p[i];
        size_t length = c < 0x80             ? 1
                        : (c & 0xe0) == 0xc0 ? 2
                        : (c & 0xf0) == 0xe0 ? 3
                        : (c & 0xf8) == 0xf0 ? 4
                                             : 0;
        if (length == 0 || n - i < length)
            return false;
        uint32_t v = length == 1 ? c : c & (0xffu >> (length + 1));
        for (size_t k = 1; k < length; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            v = v << 6 | (p[i + k] & 0x3f);
        }
        if (v < least[length] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return false;
        i += length;
    }
    return true;
}

// A JSON text by recursive descent, one character at a time; depth as in json.h. Duplicate keys are not looked for.
struct json_slow {
    const uint8_t *p, *end;
    unsigned depth;
};

static inline bool json_slow_value(struct json_slow *s);

static inline void json_slow_space(struct json_slow *s)
{
    while (s->p < s->end && memchr(" \t\r\n", *s->p, 4) != NULL)
        s->p++;
}

static inline bool json_slow_take(struct json_slow *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return false;
    s->p += n;
    return true;
}

static inline bool json_slow_hex(struct json_slow *s, unsigned *ret)
{
    char digits[5] = {0};
    if (s->end - s->p < 4)
        return false;
    memcpy(digits, s->p, 4);
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return false;
    *ret = (unsigned)strtoul(digits, NULL, 16);
    s->p += 4;
    return true;
}

static inline bool json_slow_string(struct json_slow *s)
{
    const uint8_t *from = s->p;
    if (!json_slow_take(s, "\""))
        return false;
    while (s->p < s->end && *s->p != '"') {
        unsigned unit, low;
        if (*s->p < 0x20)
            return false;
        if (*s->p++ != '\\')
            continue;
        if (s->p == s->end)
            return false;
        uint8_t c = *s->p++;
        if (c != 'u') {
            if (c == 0 || strchr("\"\\/bfnrt", c) == NULL)
                return false;
            continue;
        }
        if (!json_slow_hex(s, &unit) || (unit & 0xfc00) == 0xdc00)
            return false;
        if ((unit & 0xfc00) == 0xd800 &&
            (!json_slow_take(s, "\\u") || !json_slow_hex(s, &low) || (low & 0xfc00) != 0xdc00))
            return false;
    }
    return json_slow_take(s, "\"") && utf8_valid_slow(from, (size_t)(s->p - from));
}

static inline bool json_slow_digits(struct json_slow *s)
{
    const uint8_t *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static inline bool json_slow_number(struct json_slow *s)
{
    json_slow_take(s, "-");
    if (!json_slow_take(s, "0") && !json_slow_digits(s))
        return false;
    if (json_slow_take(s, ".") && !json_slow_digits(s))
        return false;
    if (json_slow_take(s, "e") || json_slow_take(s, "E")) {
        if (!json_slow_take(s, "+"))
            json_slow_take(s, "-");
        return json_slow_digits(s);
    }
    return true;
}

static inline bool json_slow_members(struct json_slow *s, bool object)
{
    const char *close = object ? "}" : "]";
    s->p++;
    json_slow_space(s);
    if (json_slow_take(s, close))
        return true;
    do {
        json_slow_space(s);
        if (object) {
            if (!json_slow_string(s))
                return false;
            json_slow_space(s);
            if (!json_slow_take(s, ":"))
                return false;
        }
        if (!json_slow_value(s))
            return false;
        json_slow_space(s);
    } while (json_slow_take(s, ","));
    return json_slow_take(s, close);
}

static inline bool json_slow_value(struct json_slow *s)
{
    json_slow_space(s);
    if (s->p == s->end)
        return false;
    if (*s->p == '"')
        return json_slow_string(s);
    if (*s->p == '{' || *s->p == '[') {
        if (++s->depth > JSON_DEPTH_MAX)
            return false;
        bool good = json_slow_members(s, *s->p == '{');
        s->depth--;
        return good;
    }
    return json_slow_take(s, "true") || json_slow_take(s, "false") || json_slow_take(s, "null") ||
           json_slow_number(s);
}

static inline bool json_valid_slow(const uint8_t *p, size_t n)
{
    if (n == 0)
        return false; // p may be NULL
    struct json_slow s = {p, p + n, 0};
    if (!json_slow_value(&s))
        return false;
    json_slow_space(&s);
    return s.p == s.end;
}

#endif
