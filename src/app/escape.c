// SPDX-License-Identifier: Apache-2.0
//
// One character at a time: find its length with wire's UTF-8 tables, decide whether it is harmless, copy or escape.
// This is not a hot path (the logger limits its callers), so there is no table and no fast lane.
#include "app/escape.h"

#include "base/assert.h"
#include "wire/utf8.h"

#include <stdio.h>

static const char DOTS[] = "\xE2\x80\xA6";

static uint32_t code_point(const uint8_t *p, size_t n)
{
    static const uint8_t lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = p[0] & lead_mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3Fu);
    return c;
}

static bool is_dangerous(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return true; // C0, DEL, C1: terminals act on them
    if (c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
        (c >= 0x2066 && c <= 0x2069))
        return true; // Unicode's Bidi_Control property
    return c == 0x2028 || c == 0x2029 || (c >= 0x200B && c <= 0x200D) || c == 0xFEFF;
}

// The escaped form of the character of n octets at p (n = 0: malformed). Returns its length.
static size_t escape_one(const uint8_t *p, size_t n, char ret[8])
{
    if (n == 0)
        return (size_t)snprintf(ret, 8, "\\ufffd");
    uint32_t c = code_point(p, n);
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
