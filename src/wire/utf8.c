// SPDX-License-Identifier: Apache-2.0
//
// utf8.c - the automaton of utf8.h, one shift per octet and no branch.
//
// Chat is mostly ASCII, so blocks of 16 octets without a high bit are passed over between characters. All other text
// mixes lengths in a way no branch predictor likes, so it goes through an automaton that does not branch: an octet picks
// a 64-bit word, in which the next state for state s stands at bit s; shifting the word right by the state brings it to
// the front. States are multiples of 6, and the shift looks at 6 bits only, so the bits above need not be cleared. BAD
// leads to BAD, hence one look at the end suffices.
//
// A chain of comparisons by character length was measured against it: 0.9 ns per octet on Cyrillic words, this 0.3.
// (The idea of rows as shift words is Per Vognsen's, 2020.)
//
// Of what comes in long pieces, vector instructions pass over the most where there are any (utf8_x86.h); the automaton has the rest,
// and the last word.
#include "wire/utf8.h"
#include "base/assert.h"
#include "base/cpu.h"
#include "wire/utf8_x86.h"

#define HIGH_BITS 0x8080808080808080u

// What may come next:
enum {
    START = 0,      // a first octet
    BAD = 6,        // nothing any more
    LAST = 12,      // one continuation octet
    LAST_2 = 18,    // two of them
    LAST_3 = 24,    // three of them
    BEHIND_E0 = 30, // A0-BF, then one: lower would be an overlong form
    BEHIND_ED = 36, // 80-9F, then one: higher would be a surrogate
    BEHIND_F0 = 42, // 90-BF, then two: lower would be an overlong form
    BEHIND_F4 = 48, // 80-8F, then two: higher would be above U+10FFFF
};
_Static_assert(START == UTF8_START, "a zeroed state begins a text");

// A row: the next states for the states above, in their order.
#define ROW(start, last, last_2, last_3, e0, ed, f0, f4)                                         \
    ((uint64_t)(start) << START | (uint64_t)BAD << BAD | (uint64_t)(last) << LAST |              \
     (uint64_t)(last_2) << LAST_2 | (uint64_t)(last_3) << LAST_3 | (uint64_t)(e0) << BEHIND_E0 | \
     (uint64_t)(ed) << BEHIND_ED | (uint64_t)(f0) << BEHIND_F0 | (uint64_t)(f4) << BEHIND_F4)
#define FIRST(next) ROW(next, BAD, BAD, BAD, BAD, BAD, BAD, BAD)

static const uint64_t rows[256] = {
    [0x00 ... 0x7f] = FIRST(START),
    [0x80 ... 0x8f] = ROW(BAD, START, LAST, LAST_2, BAD, LAST, BAD, LAST_2),
    [0x90 ... 0x9f] = ROW(BAD, START, LAST, LAST_2, BAD, LAST, LAST_2, BAD),
    [0xa0 ... 0xbf] = ROW(BAD, START, LAST, LAST_2, LAST, BAD, LAST_2, BAD),
    [0xc0 ... 0xc1] = FIRST(BAD),
    [0xc2 ... 0xdf] = FIRST(LAST),
    [0xe0] = FIRST(BEHIND_E0),
    [0xe1 ... 0xec] = FIRST(LAST_2),
    [0xed] = FIRST(BEHIND_ED),
    [0xee ... 0xef] = FIRST(LAST_2),
    [0xf0] = FIRST(BEHIND_F0),
    [0xf1 ... 0xf3] = FIRST(LAST_3),
    [0xf4] = FIRST(BEHIND_F4),
    [0xf5 ... 0xff] = FIRST(BAD),
};

static inline uint64_t step(uint64_t state, uint8_t c) { return rows[c] >> (state & 63); }

static inline bool is_ascii_16(const uint8_t *p)
{
    uint64_t a, b;
    memcpy(&a, p, 8);
    memcpy(&b, p + 8, 8);
    return ((a | b) & HIGH_BITS) == 0;
}

// How many bytes from p on, where a character begins, are well-formed characters for certain.
static size_t pass_wide(const uint8_t *p, size_t n)
{
#ifdef __x86_64__
    switch (cpu_level()) {
    case CPU_AVX2:
        return utf8_pass_avx2(p, n);
    case CPU_SSSE3:
        return utf8_pass_ssse3(p, n);
    case CPU_PLAIN:
    case CPU_LEVELS:
        break;
    }
#else
    (void)p, (void)n;
#endif
    return 0;
}

bool utf8_feed(utf8_state *s, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t state = *s;
    if (n >= UTF8_WIDE_MIN) {
        for (; (state & 63) != START && (state & 63) != BAD; n--) // three at most
            state = step(state, *p++);
        const size_t passed = (state & 63) == START ? pass_wide(p, n) : 0;
        p += passed;
        n -= passed;
    }
    for (; n >= 16; n -= 16, p += 16) {
        if ((state & 63) == START && is_ascii_16(p))
            continue;
        for (unsigned i = 0; i < 16; i++)
            state = step(state, p[i]);
    }
    for (; n > 0; n--)
        state = step(state, *p++);
    *s = state & 63;
    return *s != BAD;
}

bool utf8_valid(str s)
{
    utf8_state state = UTF8_START;
    return utf8_feed(&state, s.p, s.n) && utf8_complete(state);
}

size_t utf8_char_length(const uint8_t *p, size_t n)
{
    utf8_state state = UTF8_START;
    for (size_t i = 0; i < n && utf8_feed(&state, p + i, 1); i++) {
        if (utf8_complete(state))
            return i + 1;
    }
    return 0;
}

str utf8_take(str s, size_t n)
{
    if (n >= s.n)
        return s;
    while (n > 0 && ((uint8_t)s.p[n] & 0xc0) == 0x80)
        n--;
    return str_take(s, n);
}

uint32_t utf8_code_point(const uint8_t *p, size_t n)
{
    static const uint8_t lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    ASSERT(n >= 1 && n <= 4);
    uint32_t c = p[0] & lead_mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

static bool in(uint32_t c, uint32_t from, uint32_t to) { return c >= from && c <= to; }

bool utf8_steers(uint32_t c)
{
    if (c < 0x600)
        return c < 0x20 || in(c, 0x7f, 0x9f);
    if (in(c, 0x200b, 0x206f))
        return c == 0x200b || in(c, 0x200e, 0x200f) || in(c, 0x2028, 0x202e) || in(c, 0x2060, 0x2064) ||
               in(c, 0x2066, 0x206f);
    return c == 0x061c || c == 0x180e || c == 0xfeff || in(c, 0xfff9, 0xfffb);
}
