// SPDX-License-Identifier: Apache-2.0
//
// Base64 by every set of instructions that this processor has (base/cpu.h), against one that goes bit by bit: every offset 0-63,
// every length 0-300, blocks that are exactly as large as promised; and every character where it does not belong.
#include "base/codec.h"
#include "base/cpu.h"
#include "base/prng.h"
#include "unit/support.h"

#include <stdlib.h>

enum { OFFSETS = 64, LENGTHS = 300 };

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode_slow(const char *alphabet, const uint8_t *p, size_t n, bool pads, char *ret)
{
    size_t len = 0;
    for (size_t bit = 0; bit < n * 8; bit += 6) {
        unsigned v = 0;
        for (size_t k = bit; k < bit + 6; k++)
            v = v << 1 | (k < n * 8 ? (unsigned)(p[k / 8] >> (7 - k % 8)) & 1u : 0);
        ret[len++] = alphabet[v];
    }
    while (pads && len % 4 != 0)
        ret[len++] = '=';
    return len;
}

// The levels that there are, one after the other; the last call says false and has them all back.
static bool next_level(int *level)
{
    cpu_level_limit(CPU_LEVELS - 1);
    if (++*level > (int)cpu_level())
        return false;
    cpu_level_limit((enum cpu_level) * level);
    assert_int_equal(cpu_level(), *level);
    return true;
}

static void levels_are_named(void **state)
{
    (void)state;
    cpu_level_limit(CPU_PLAIN);
    assert_int_equal(cpu_level(), CPU_PLAIN);
    cpu_level_limit(CPU_LEVELS - 1);
    assert_true(cpu_level() < CPU_LEVELS);
    for (int level = CPU_PLAIN; level < CPU_LEVELS; level++)
        assert_true(strlen(cpu_level_name((enum cpu_level)level)) != 0);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) // else the tests here would say nothing, and nobody would notice
        assert_int_equal(cpu_level(), CPU_AVX2);
#endif
}

static void one(const uint8_t *plain, size_t n, bool of_url)
{
    char want[2 * LENGTHS], *text = malloc((4 * n + 2) / 3 + 3);
    const size_t want_n = encode_slow(of_url ? url : standard, plain, n, !of_url, want);
    const size_t text_n = of_url ? base64url_encode(plain, n, text) : base64_encode(plain, n, text);
    assert_str_eq(str_make(text, text_n), str_make(want, want_n));
    free(text);
    char *exact = malloc(want_n != 0 ? want_n : 1);
    const size_t room = of_url ? want_n * 3 / 4 : want_n / 4 * 3;
    uint8_t *back = malloc(room != 0 ? room : 1);
    memcpy(exact, want, want_n);
    size_t back_n = 0;
    const str s = str_make(exact, want_n);
    assert_true(of_url ? base64url_decode(s, back, &back_n) : base64_decode(s, back, &back_n));
    assert_int_equal(back_n, n);
    assert_memory_equal(back, plain, n);
    // Where the text is.
    assert_true(of_url ? base64url_decode(s, exact, &back_n) : base64_decode(s, exact, &back_n));
    assert_int_equal(back_n, n);
    assert_memory_equal(exact, plain, n);
    free(back);
    free(exact);
}

static void every_offset_and_length(void **state)
{
    (void)state;
    static uint8_t block[OFFSETS + LENGTHS];
    struct prng g;
    prng_init(&g, 64);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)prng_next(&g);
    for (int level = -1; next_level(&level);)
        for (size_t offset = 0; offset < OFFSETS; offset++)
            for (size_t n = 0; n <= LENGTHS; n++)
                one(block + offset, n, (offset + n) % 2 != 0);
}

// In front of where its bytes come to, by so many.
static void decodes_downwards(void **state)
{
    (void)state;
    uint8_t plain[LENGTHS], room[LENGTHS * 2 + OFFSETS];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 37);
    for (int level = -1; next_level(&level);)
        for (size_t by = 0; by < OFFSETS; by++) {
            size_t n = base64_encode(plain, sizeof plain, (char *)room + by), back_n = 0;
            assert_true(base64_decode(str_make((char *)room + by, n), room, &back_n));
            assert_int_equal(back_n, sizeof plain);
            assert_memory_equal(room, plain, sizeof plain);
        }
}

// One character at a time is something else, whatever it is, wherever it stands.
static void refuses_everywhere(void **state)
{
    (void)state;
    enum { N = 96 };
    char text[N];
    uint8_t out[N];
    for (int level = -1; next_level(&level);) {
        for (size_t at = 0; at < N; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memset(text, 'Q', N);
                text[at] = (char)c;
                const bool fine = c != 0 && strchr(standard, (int)c) != NULL;
                const bool fine_url = c != 0 && strchr(url, (int)c) != NULL;
                const bool pads = c == '=' && at == N - 1; // "QQQ=" has no bits left over
                size_t n = 4711;
                const bool got = base64_decode(str_make(text, N), out, &n);
                if (got != (fine || pads))
                    fail_msg("level %d: %02x at %zu is %d", level, c, at, got);
                assert_int_equal(n, got ? N / 4 * 3 - (size_t)pads : 4711);
                if (base64url_decode(str_make(text, N), out, &n) != fine_url)
                    fail_msg("level %d: %02x at %zu of the URL's", level, c, at);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_named),
        cmocka_unit_test(every_offset_and_length),
        cmocka_unit_test(decodes_downwards),
        cmocka_unit_test(refuses_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
