// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "core/log/segment.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

static void entries_lie_where_their_ends_say(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct prng dice;
    prng_init(&dice, 7);
    for (uint32_t cap = 16; cap < 3000; cap += 1 + cap / 3) {
        uint64_t first = 1 + prng_below(&dice, 1ull << 52);
        struct segment *s = segment_create(&mem, first, cap);
        assert_true(s->cap >= cap && s->cap < cap + 8);
        char all[3200], *at = all;
        size_t starts[3200], n = 0;
        for (;;) {
            char head[10], payload[64];
            size_t head_n = prng_below(&dice, sizeof head), payload_n = prng_below(&dice, sizeof payload);
            bool end = prng_below(&dice, 2);
            memset(head, (int)('A' + n % 26), sizeof head);
            memset(payload, (int)('a' + n % 26), sizeof payload);
            size_t size = head_n + payload_n + end;
            if (!segment_fits(s, size)) {
                assert_true(s->used + (s->count + 1) * sizeof(uint32_t) + size >
                            s->cap); // not refused too early
                break;
            }
            segment_append(s, str_make(head, head_n), str_make(payload, payload_n),
                           end ? STR("\n") : STR_NONE, false);
            starts[n++] = (size_t)(at - all);
            memcpy(at, head, head_n);
            memcpy(at + head_n, payload, payload_n);
            if (end)
                at[size - 1] = '\n';
            at += size;
        }
        starts[n] = (size_t)(at - all);
        assert_int_equal(s->count, n);
        assert_int_equal(s->used, starts[n]);
        for (size_t i = 0; i < n; i++) { // all of them, after all were written
            assert_int_equal(segment_start(s, first + i), starts[i]);
            assert_int_equal(segment_end(s, first + i), starts[i + 1]);
            assert_str_eq(segment_entry(s, first + i), str_make(all + starts[i], starts[i + 1] - starts[i]));
        }
        segment_unref(&mem, s);
        test_mem_check(&t);
    }
}

static void an_entry_as_large_as_the_segment(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const size_t size = 1000 * 1000;
    struct segment *s = segment_create(&mem, 5, (uint32_t)segment_cost(size));
    char *big = malloc(size);
    memset(big, 'x', size);
    assert_true(segment_fits(s, size));
    segment_append(s, STR_NONE, str_make(big, size), STR_NONE, false);
    assert_false(segment_fits(s, 5)); // at most the rounding of cap is left
    assert_int_equal(segment_entry(s, 5).n, size);
    assert_memory_equal(segment_entry(s, 5).p, big, size);
    free(big);
    segment_unref(&mem, s);
    test_mem_check(&t);
}

struct too_much {
    struct segment *s;
    str payload;
};

static void append_too_much(void *arg)
{
    struct too_much *x = arg;
    segment_append(x->s, STR_NONE, x->payload, STR_NONE, false);
}

static void unref_once_too_often(void *arg) { segment_unref(NULL, arg); }

static void mistakes_are_caught(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct segment *s = segment_create(&mem, 1, 16);
    struct too_much x = {s, STR("thirteen byte")};
    assert_false(segment_fits(s, x.payload.n));
    assert_true(asserts(append_too_much, &x));
    assert_int_equal(s->count, 0);
    atomic_store(&s->refs, 0);
    assert_true(asserts(unref_once_too_often, s));
    atomic_store(&s->refs, 1);
    segment_unref(&mem, s);
    test_mem_check(&t);
}

static void the_last_reference_frees(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct segment *s = segment_create(&mem, 1, 64);
    assert_ptr_equal(segment_ref(s), s);
    segment_ref(s);
    for (int holders = 3; holders > 0; holders--) {
        assert_int_equal(atomic_load(&t.blocks), 1);
        segment_unref(&mem, s);
    }
    test_mem_check(&t);
    segment_unref(&mem, NULL);
    t.fail_from = 1;
    assert_null(segment_create(&mem, 1, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_lie_where_their_ends_say),
        cmocka_unit_test(an_entry_as_large_as_the_segment),
        cmocka_unit_test(mistakes_are_caught),
        cmocka_unit_test(the_last_reference_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
