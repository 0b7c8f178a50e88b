// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 and JSON strings by every set of instructions that this processor has (base/cpu.h), against what goes byte by byte: every
// offset 0-63, every length 0-300; every fault at the seams of blocks; texts that are cut anywhere.
#include "base/cpu.h"
#include "base/prng.h"
#include "unit/support.h"
#include "wire/json.h"
#include "wire/json_run.h"
#include "wire/utf8.h"

#include <stdlib.h>

enum { OFFSETS = 64, LENGTHS = 300 };

static bool next_level(int *level)
{
    cpu_level_limit(CPU_LEVELS - 1);
    if (++*level > (int)cpu_level())
        return false;
    cpu_level_limit((enum cpu_level) * level);
    return true;
}

enum verdict { WHOLE, CUT, BAD };

// RFC 3629, word by word: how long a character is by its first byte, and its value by all of them.
static enum verdict one_slow(const uint8_t *p, size_t n, size_t *ret_n)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t c = p[0];
    const size_t len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
    *ret_n = len;
    if (len < 2)
        return len == 1 ? WHOLE : BAD;
    uint32_t low = c & (0x7fu >> len), high = low;
    for (size_t i = 1; i < len; i++) {
        if (i < n && (p[i] & 0xc0) != 0x80)
            return BAD;
        low = low << 6 | (i < n ? p[i] & 0x3fu : 0); // what is not there may be anything
        high = high << 6 | (i < n ? p[i] & 0x3fu : 0x3fu);
    }
    if (high < least[len] || low > 0x10ffff || (low >= 0xd800 && high <= 0xdfff))
        return BAD;
    return n < len ? CUT : WHOLE;
}

static enum verdict slow(const uint8_t *p, size_t n)
{
    size_t len;
    for (; n != 0; p += len, n -= len) {
        const enum verdict v = one_slow(p, n, &len);
        if (v != WHOLE)
            return v;
    }
    return WHOLE;
}

static enum verdict fed(const uint8_t *p, size_t n, size_t first)
{
    utf8_state s = UTF8_START;
    if (!utf8_feed(&s, p, first) || !utf8_feed(&s, p + first, n - first))
        return BAD;
    return utf8_complete(s) ? WHOLE : CUT;
}

static size_t put(uint8_t *p, uint32_t c)
{
    if (c < 0x80) {
        p[0] = (uint8_t)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        p[i] = (uint8_t)(0x80 | (c & 0x3f));
    p[0] = (uint8_t)(0xf00u >> n | c);
    return n;
}

// Characters of `kinds` lengths, at their bounds and between them.
static void fill(uint8_t *p, size_t n, unsigned kinds, struct prng *g)
{
    static const uint32_t from[4] = {0, 0x80, 0x800, 0x10000}, to[4] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
    uint8_t one[4];
    for (size_t at = 0; at < n;) {
        const size_t kind = prng_below(g, kinds);
        uint32_t c = from[kind] + (uint32_t)prng_below(g, to[kind] - from[kind] + 1);
        c = prng_below(g, 8) == 0 ? from[kind] : prng_below(g, 8) == 0 ? to[kind] : c;
        c = c >= 0xd800 && c <= 0xdfff ? 0xd7ff : c;
        size_t len = put(one, c);
        if (len > n - at)
            len = put(one, 'x');
        memcpy(p + at, one, len);
        at += len;
    }
}

static void utf8_every_offset_and_length(void **state)
{
    (void)state;
    static uint8_t block[OFFSETS + LENGTHS];
    struct prng g;
    prng_init(&g, 3629);
    unsigned verdicts[3] = {0};
    for (int level = -1; next_level(&level);) {
        for (size_t offset = 0; offset < OFFSETS; offset++) {
            fill(block, sizeof block, 1 + (unsigned)offset % 4, &g);
            for (size_t n = 0; n <= LENGTHS; n++) {
                uint8_t *p = block + offset, kept = p[n / 2];
                if (n % 3 == 0 && n != 0) // and with a byte that is any
                    p[n / 2] = (uint8_t)prng_next(&g);
                const enum verdict want = slow(p, n);
                verdicts[want]++;
                for (size_t cut = 0; cut <= n; cut += 1 + n / 2)
                    if (fed(p, n, cut) != want)
                        fail_msg("level %d: offset %zu, length %zu, cut at %zu", level, offset, n, cut);
                p[n / 2] = kept;
            }
        }
    }
    for (int v = WHOLE; v <= BAD; v++)
        assert_true(verdicts[v] > 1000);
}

// All pairs, and what may stand behind them, across every seam that there is.
static void utf8_every_fault_at_the_seams(void **state)
{
    (void)state;
    static const uint8_t behind[] = {0x00, 0x80, 0xbf, 0xc2};
    static const size_t seams[] = {13, 14, 15, 29, 30, 31, 61, 62, 63};
    uint8_t text[160];
    for (int level = -1; next_level(&level);) {
        for (unsigned pair = 0; pair < 65536; pair++) {
            const uint8_t four[4] = {(uint8_t)(pair >> 8), (uint8_t)pair, behind[pair / 7 % 4],
                                     behind[pair / 3 % 4]};
            const size_t at = seams[pair % ARRAY_LEN(seams)];
            memset(text, 'a', sizeof text);
            memcpy(text + at, four, 4);
            if (fed(text, sizeof text, 0) != slow(text, sizeof text))
                fail_msg("level %d: %02x %02x %02x %02x at %zu", level, four[0], four[1], four[2], four[3],
                         at);
        }
    }
}

// Every character there is, and every one that there must not be, where it lies across the seam of two blocks.
static void utf8_every_character(void **state)
{
    (void)state;
    uint8_t text[128];
    for (int level = -1; next_level(&level);) {
        for (uint32_t c = 0; c < 0x140000; c += c < 0x11000 || c > 0x10ff00 ? 1 : 17) {
            memset(text, 'a', sizeof text);
            put(text + 28 + c % 4 + (c & 32), c);
            const bool good = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
            if (utf8_valid(str_make((char *)text, sizeof text)) != good)
                fail_msg("level %d: U+%04x is %d", level, (unsigned)c, !good);
        }
    }
}

static const uint8_t *run_slow(const uint8_t *p, const uint8_t *end, bool *ret_high)
{
    for (*ret_high = false; p < end && *p >= 0x20 && *p != '"' && *p != '\\'; p++)
        *ret_high = *ret_high || *p >= 0x80;
    return p;
}

static void json_every_offset_and_length(void **state)
{
    (void)state;
    static const uint8_t stops[] = {'"', '\\', 0, 0x1f, 0x20, 0x7f, 0x80, 0xff};
    enum { LONG = LENGTHS + 300 };
    for (int level = -1; next_level(&level);) {
        for (size_t offset = 0; offset < OFFSETS; offset++) {
            for (size_t n = 0; n <= LONG; n += n < LENGTHS ? 1 : 13) {
                uint8_t *block = malloc(offset + n + 1), *p = block + offset;
                memset(block, 'a', offset + n + 1);
                if (n != 0 && n % 5 != 0)
                    p[(offset * 31 + n * 17) % n] = stops[(offset + n) % sizeof stops];
                bool high_slow;
                uint64_t high = 0;
                const uint8_t *want = run_slow(p, p + n, &high_slow);
                const uint8_t *got = json_skip_plain(p, p + n, &high);
                if (got != want || (high_slow && high == 0))
                    fail_msg("level %d: offset %zu, length %zu: %td, not %td", level, offset, n, got - p,
                             want - p);
                if (want == p + n)
                    assert_int_equal(high != 0, high_slow);
                free(block);
            }
        }
    }
}

// Each byte there is at each place of a long string: what may not stand there is found, at its place.
static void json_every_byte_at_every_place(void **state)
{
    (void)state;
    enum { N = 400 };
    char text[N];
    for (int level = -1; next_level(&level);) {
        for (size_t at = 1; at < N - 1; at++) {
            for (unsigned c = 0; c < 256; c += c < 0x24 || (c > 0x58 && c < 0x82) ? 1 : 41) {
                struct json_problem why = {0};
                memset(text, 'a', N);
                text[0] = text[N - 1] = '"';
                text[at] = (char)c;
                const bool good = c >= 0x20 && c != '"' && c != '\\' && c < 0x80;
                if ((json_validate(str_make(text, N), &why) == OK) != good)
                    fail_msg("level %d: %02x at %zu", level, c, at);
                const size_t place = c == '"' ? at + 1 : at; // what is behind it is too much
                if (!good && !(c == '\\' && at == N - 2))
                    assert_int_equal(why.offset, place);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_every_offset_and_length),   cmocka_unit_test(utf8_every_fault_at_the_seams),
        cmocka_unit_test(utf8_every_character),           cmocka_unit_test(json_every_offset_and_length),
        cmocka_unit_test(json_every_byte_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
