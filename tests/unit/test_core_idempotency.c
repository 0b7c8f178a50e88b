// SPDX-License-Identifier: Apache-2.0
//
// The window against an oracle that looks at a list from its newest end.
#include "base/prng.h"
#include "core/home/idempotency.h"
#include "unit/support.h"

struct seen {
    u128 print;
    uint64_t value, time_ms;
};

static u128 print_of(uint64_t key) // few different `lo`, so that `hi` decides
{
    return (u128){.lo = (key % 7) * 0x9e3779b97f4a7c15ull, .hi = key};
}

static void against_an_oracle(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    static struct seen all[6000];
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct idempotency w;
        idempotency_init(&w, &mem);
        uint32_t window = 1 + (uint32_t)prng_below(&dice, 2000),
                 count_max = 1 + (uint32_t)prng_below(&dice, 200);
        uint64_t keys = 1 + prng_below(&dice, 500), now = 1;
        size_t from = 0, n = 0;
        for (int step = 0; step < 5000; step++) {
            now += prng_below(&dice, 20) == 0 ? prng_below(&dice, 500) : prng_below(&dice, 5);
            idempotency_expire(&w, now, window);
            while (from < n && now - all[from].time_ms > window)
                from++;
            assert_int_equal(w.n, n - from);
            assert_true((w.ring == NULL) == (w.n == 0));
            u128 print = print_of(prng_below(&dice, keys));
            uint64_t value, wanted = UINT64_MAX;
            for (size_t i = n; i-- > from;)
                if (all[i].print.hi == print.hi) {
                    wanted = all[i].value;
                    break;
                }
            assert_int_equal(idempotency_find(&w, print, now, window, &value), wanted != UINT64_MAX);
            if (wanted != UINT64_MAX) {
                assert_int_equal(value, wanted);
                continue;
            }
            assert_int_equal(idempotency_put(&w, print, (uint64_t)step, now, count_max), OK);
            all[n++] = (struct seen){print, (uint64_t)step, now};
            while (n - from > count_max)
                from++;
            map_check(&w.map);
        }
        idempotency_deinit(&w);
        test_mem_check(&t);
    }
}

static void the_window_is_exact(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct idempotency w;
    uint64_t value;
    idempotency_init(&w, &mem);
    assert_int_equal(idempotency_put(&w, print_of(1), 42, 1000, 10), OK);
    const uint64_t due = 1101; // 100 ms later it still counts
    idempotency_expire(&w, due - 1, 100);
    assert_true(idempotency_find(&w, print_of(1), due - 1, 100, &value));
    assert_false(idempotency_find(&w, print_of(1), due, 100, &value)); // before anybody has looked
    assert_int_equal(value, 42);
    idempotency_expire(&w, due, 100);
    assert_false(idempotency_find(&w, print_of(1), 1000, 100, &value));
    test_mem_check(&t); // an empty window holds nothing
}

// Clocks of nodes differ, so times may be out of order: a key that is over and is said again is one, and what was said before
// it goes with it.
static void times_may_be_out_of_order(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct idempotency w;
    uint64_t value;
    idempotency_init(&w, &mem);
    assert_int_equal(idempotency_put(&w, print_of(1), 1, 5000, 10), OK);
    assert_int_equal(idempotency_put(&w, print_of(2), 2, 1000, 10), OK);
    assert_int_equal(idempotency_put(&w, print_of(3), 3, 5000, 10), OK);
    idempotency_expire(&w, 1200, 100); // the oldest is not over
    assert_int_equal(w.n, 3);
    assert_false(idempotency_find(&w, print_of(2), 1200, 100, &value));
    assert_int_equal(idempotency_put(&w, print_of(2), 4, 1200, 10), OK);
    assert_true(idempotency_find(&w, print_of(2), 1200, 100, &value) && value == 4);
    assert_false(idempotency_find(&w, print_of(1), 1200, 100, &value));
    assert_true(idempotency_find(&w, print_of(3), 1200, 100, &value));
    map_check(&w.map);
    idempotency_deinit(&w);
    test_mem_check(&t);
}

static void without_memory_nothing_is_forgotten(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct idempotency w;
    idempotency_init(&w, &mem);
    uint64_t value, refused = 0;
    for (uint64_t key = 0; key < 100; key++)
        for (uint64_t k = 1;; k++) {
            test_mem_restart(&t);
            t.fail_at = k;
            enum err e = idempotency_put(&w, print_of(key), key, key, 1000);
            t.fail_at = 0;
            map_check(&w.map);
            for (uint64_t i = 0; i < key; i++)
                assert_true(idempotency_find(&w, print_of(i), 0, 1, &value) && value == i);
            assert_int_equal(idempotency_find(&w, print_of(key), 0, 1, &value), e == OK);
            if (e == OK)
                break;
            refused++;
        }
    assert_true(refused > 5);
    idempotency_deinit(&w);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_an_oracle),
        cmocka_unit_test(the_window_is_exact),
        cmocka_unit_test(times_may_be_out_of_order),
        cmocka_unit_test(without_memory_nothing_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
