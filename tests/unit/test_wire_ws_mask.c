// SPDX-License-Identifier: Apache-2.0
//
// Unmasking against one byte at a time: every offset 0-63, every length 0-4096 (abuse case B16), and in pieces.
#include "unit/support.h"
#include "unit/wire_support.h"

enum { OFFSETS = 64, LENGTHS = 4096, GUARD = 64 };

static void unmask_slow(uint8_t *p, size_t n, uint32_t key, size_t phase)
{
    uint8_t k[4];
    memcpy(k, &key, 4);
    for (size_t i = 0; i < n; i++)
        p[i] ^= k[(phase + i) & 3];
}

static uint8_t pattern(size_t i) { return (uint8_t)(i * 131 + (i >> 8) * 7 + 1); }

static void test_against_scalar(void **state)
{
    (void)state;
    static uint8_t source[OFFSETS + LENGTHS + GUARD], fast[sizeof source], slow[sizeof source];
    const uint32_t key = 0x9d3c517a;
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = pattern(i);
    for (size_t offset = 0; offset < OFFSETS; offset++) {
        memcpy(slow, source, sizeof source);
        unmask_slow(slow + offset, LENGTHS, key, 0);
        for (size_t n = 0; n <= LENGTHS; n++) {
            // Only around the run, or this would compare a gigabyte twice over.
            size_t from = offset > 8 ? offset - 8 : 0;
            memcpy(fast + from, source + from, offset - from + n + 40);
            ws_unmask(fast + offset, n, key);
            if (memcmp(fast + offset, slow + offset, n) != 0)
                fail_msg("offset %zu, length %zu", offset, n);
            if (memcmp(fast + from, source + from, offset - from) != 0 ||
                memcmp(fast + offset + n, source + offset + n, 40) != 0)
                fail_msg("offset %zu, length %zu: wrote outside", offset, n);
        }
    }
}

static void test_in_pieces(void **state)
{
    (void)state;
    enum { N = 100 };
    const uint32_t key = 0x01020384;
    for (size_t first = 0; first <= N; first++) {
        for (size_t second = 0; first + second <= N; second++) {
            uint8_t p[N], q[N];
            for (size_t i = 0; i < N; i++)
                p[i] = q[i] = pattern(i);
            uint32_t k = ws_unmask(p, first, key);
            k = ws_unmask(p + first, second, k);
            ws_unmask(p + first + second, N - first - second, k);
            unmask_slow(q, N, key, 0);
            assert_memory_equal(p, q, N);
        }
    }
}

static void test_key_zero_and_exact_blocks(void **state)
{
    (void)state;
    assert_int_equal(ws_unmask(NULL, 0, 0x11223344), 0x11223344);
    for (size_t n = 1; n < 130; n++) {
        uint8_t source[130];
        for (size_t i = 0; i < n; i++)
            source[i] = pattern(i);
        uint8_t *p = exact_copy(source, n);
        assert_int_equal(ws_unmask(p, n, 0), 0);
        assert_memory_equal(p, source, n);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_scalar),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_key_zero_and_exact_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
