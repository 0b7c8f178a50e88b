// SPDX-License-Identifier: Apache-2.0
//
// One character at a time: find its length with wire's UTF-8 tables, decide whether it is harmless, copy or escape.
// This is not a hot path (the logger limits its callers), so there is no table and no fast lane.
#include "app/escape.h"

#include "base/assert.h"
#include "wire/utf8.h"

#include <stdio.h>

static const char DOTS[] = "\xE2\x80\xA6";

// In a log two names that look alike must not be taken for each other, so the joiners are shown as well.
static bool is_dangerous(uint32_t c) { return utf8_steers(c) || c == 0x200C || c == 0x200D; }

// The escaped form of the character of n octets at p (n = 0: malformed). Returns its length.
static size_t escape_one(const uint8_t *p, size_t n, char ret[8])
{
    if (n == 0)
        return (size_t)snprintf(ret, 8, "\\ufffd");
    uint32_t c = utf8_code_point(p, n);
    switch (c) {
    case '"':
        return (size_t)snprintf(ret, 8, "\\\"");
    case '\\':
        return (size_t)snprintf(ret, 8, "\\\\");
    case '\n':
        return (size_t)snprintf(ret, 8, "\\n");
    case '\r':
        return (size_t)snprintf(ret, 8, "\\r");
    case '\t':
        return (size_t)snprintf(ret, 8, "\\t");
    default:
        break;
    }
    if (is_dangerous(c))
        return (size_t)snprintf(ret, 8, "\\u%04x", c & 0xFFFFu); // all of them are in the first plane
    memcpy(ret, p, n);
    return n;
}

size_t text_escape(str s, char *ret, size_t cap)
{
    ASSERT(cap >= ESCAPE_CAP_MIN);
    size_t used = 0;
    size_t i = 0;
    while (i < s.n) {
        const uint8_t *p = (const uint8_t *)s.p + i;
        size_t char_n = utf8_char_length(p, s.n - i);
        char piece[8];
        size_t piece_n = escape_one(p, char_n, piece);
        size_t step = char_n > 0 ? char_n : 1;
        bool last = i + step >= s.n;
        // Behind every character but the last there must still be room for the dots.
        if (used + piece_n + (last ? 0 : sizeof DOTS - 1) + 1 > cap) {
            memcpy(ret + used, DOTS, sizeof DOTS - 1);
            used += sizeof DOTS - 1;
            break;
        }
        memcpy(ret + used, piece, piece_n);
        used += piece_n;
        i += step;
    }
    ret[used] = '\0';
    return used;
}
