// SPDX-License-Identifier: Apache-2.0
#include "app/log_line.h"

#include "app/escape.h"
#include "base/assert.h"
#include "base/civil.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static atomic_bool wanted_json;

void log_line_json_set(bool json) { wanted_json = json; }

enum { LINE_TAIL = 24 }; // " truncated=true\n" or ",\"truncated\":true}\n"

static bool is_bare(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c >= 0x7F)
            return false;
    }
    return s.n > 0;
}

static void put(struct log_line *l, const char *piece, size_t n)
{
    memcpy(l->z + l->n, piece, n);
    l->n += n;
}

// key and value are whole or not there at all.
static void put_field(struct log_line *l, const char *key, const char *value, size_t value_n, bool quoted)
{
    char head[96];
    const char *before = l->n == 0 ? (l->json ? "{" : "") : (l->json ? "," : " ");
    size_t head_n = (size_t)snprintf(head, sizeof head, l->json ? "%s\"%s\":" : "%s%s=", before, key);
    ASSERT(head_n < sizeof head); // keys are ours
    if (l->n + head_n + value_n + 2 > l->limit) {
        l->truncated = true;
        return;
    }
    put(l, head, head_n);
    if (quoted)
        put(l, "\"", 1);
    put(l, value, value_n);
    if (quoted)
        put(l, "\"", 1);
}

void log_line_text(struct log_line *l, const char *key, str value)
{
    char escaped[LOG_VALUE_MAX];
    size_t n = text_escape(value, escaped, sizeof escaped);
    put_field(l, key, escaped, n, l->json || !is_bare(value));
}

void log_line_number(struct log_line *l, const char *key, uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    put_field(l, key, digits, (size_t)n, false);
}

// RFC 3339 with milliseconds, UTC.
static void put_time(struct log_line *l)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char text[RFC3339_LEN];
    rfc3339_encode((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, text);
    log_line_text(l, "time", str_make(text, sizeof text));
}

void log_line_init(struct log_line *l, const char *level, const char *event)
{
    l->n = 0;
    l->limit = sizeof l->z - LINE_TAIL;
    l->json = wanted_json;
    l->truncated = false;
    put_time(l);
    log_line_text(l, "level", str_from_cstr(level));
    log_line_text(l, "event", str_from_cstr(event));
}

void log_line_end(struct log_line *l)
{
    l->limit = sizeof l->z - 2;
    if (l->truncated)
        put_field(l, "truncated", "true", 4, false);
    if (l->json)
        put(l, "}", 1);
    put(l, "\n", 1);
}
