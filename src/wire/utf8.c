// SPDX-License-Identifier: Apache-2.0
//
// utf8.c - see utf8.h for the state.
//
// Chat is mostly ASCII, so the way through is 16 octets at a time until one has its high bit set; then whole
// characters are taken while at least four octets are left (no character reads past the end), and only what is left,
// or was left by the input before, goes octet by octet through the state. A table-driven automaton over every octet
// was the alternative; it is shorter and several times slower on ASCII.
#include "wire/utf8.h"

#define HIGH_BITS 0x8080808080808080u
#define BROKEN ((utf8_state)0xff)

static utf8_state expect(unsigned left, unsigned low, unsigned high) { return left | low << 8 | high << 16; }

// The state behind the first octet of a character, or BROKEN.
static utf8_state after_lead(uint8_t c)
{
    if (c < 0x80)
        return UTF8_START;
    if (c < 0xc2 || c > 0xf4)
        return BROKEN;
    if (c < 0xe0)
        return expect(1, 0x80, 0xbf);
    if (c < 0xf0)
        return expect(2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf);
    return expect(3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf);
}

static utf8_state after_continuation(utf8_state s, uint8_t c)
{
    if (c < (s >> 8 & 0xff) || c > (s >> 16 & 0xff))
        return BROKEN;
    unsigned left = (s & 0xff) - 1;
    return left == 0 ? UTF8_START : expect(left, 0x80, 0xbf);
}

static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 16) {
        uint64_t a, b;
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        if ((a | b) & HIGH_BITS)
            break;
        p += 16;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

size_t utf8_char_length(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    utf8_state s = after_lead(p[0]);
    size_t i = 1;
    while (s != UTF8_START) {
        if (s == BROKEN || i == n)
            return 0;
        s = after_continuation(s, p[i++]);
    }
    return i;
}

bool utf8_feed(utf8_state *s, const void *bytes, size_t n)
{
    if (n == 0)
        return true; // bytes may be NULL
    const uint8_t *p = bytes;
    const uint8_t *end = p + n;
    utf8_state state = *s;
    while (p < end) {
        if (state != UTF8_START) {
            state = after_continuation(state, *p++);
        } else if (*p < 0x80) {
            p = skip_ascii(p, end);
        } else if (end - p >= 4) {
            size_t length = utf8_char_length(p, 4);
            if (length == 0)
                return false;
            p += length;
        } else {
            state = after_lead(*p++);
        }
        if (state == BROKEN)
            return false;
    }
    *s = state;
    return true;
}

bool utf8_valid(str s)
{
    utf8_state state = UTF8_START;
    return utf8_feed(&state, s.p, s.n) && utf8_complete(state);
}

str utf8_take(str s, size_t n)
{
    if (n >= s.n)
        return s;
    while (n > 0 && ((uint8_t)s.p[n] & 0xc0) == 0x80)
        n--;
    return str_take(s, n);
}
