// SPDX-License-Identifier: Apache-2.0
//
// Deadlines against an oracle of 64-bit times, over several turns of the 32-bit circle.
#include "base/prng.h"
#include "core/conn/deadline.h"
#include "unit/support.h"

enum { SLOTS = 50 };

#define CIRCLE_MS (((uint64_t)UINT32_MAX + 1) * DEADLINE_TICK_MS)

static uint64_t rounded(uint64_t ms)
{
    return (ms + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS * DEADLINE_TICK_MS;
}

static void fires_at_its_tick(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct deadlines d;
    test_mem_init(&t, &mem);
    const uint64_t circle = CIRCLE_MS;
    for (uint64_t begin = circle - 2000; begin < circle + 2000;
         begin += 37) { // over the wrap, where tick 0 is "none"
        assert_int_equal(deadlines_init(&d, &mem, SLOTS), OK);
        assert_int_equal(d.next_sweep_ms, UINT64_MAX);
        deadline_arm(&d, 7, begin, 1000);
        uint64_t due = d.next_sweep_ms;
        assert_true(due >= begin + 1000 && due <= rounded(begin + 1000) + DEADLINE_TICK_MS);
        uint32_t from = 0;
        assert_int_equal(deadline_next_due(&d, due - 1, &from), UINT32_MAX);
        deadlines_swept(&d, due - 1);
        assert_int_equal(d.next_sweep_ms, due);
        from = 0;
        assert_int_equal(deadline_next_due(&d, due, &from), 7);
        assert_int_equal(deadline_next_due(&d, due, &from), UINT32_MAX); // once
        deadlines_swept(&d, due);
        assert_int_equal(d.next_sweep_ms, UINT64_MAX);
        assert_int_equal(d.high, 0);
        deadlines_deinit(&d, &mem);
    }
    test_mem_check(&t);
}

// The longest time that a setting may have is 30 days.
static void the_longest_time_holds(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct deadlines d;
    test_mem_init(&t, &mem);
    assert_int_equal(deadlines_init(&d, &mem, 2), OK);
    const uint64_t times[] = {7200 * 1000, 30ull * 24 * 3600 * 1000, DEADLINE_MS_MAX - DEADLINE_TICK_MS};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        uint32_t from = 0;
        deadline_arm(&d, 1, 5000, times[i]);
        assert_int_equal(deadline_left_ms(&d, 1, 5000), times[i]);
        assert_int_equal(deadline_left_ms(&d, 1, 5050), times[i] - 50);
        assert_int_equal(deadline_next_due(&d, 5000 + times[i] - 1, &from), UINT32_MAX);
        assert_int_equal(deadline_left_ms(&d, 1, 5000 + times[i]), 0);
        from = 0;
        assert_int_equal(deadline_next_due(&d, 5000 + times[i], &from), 1);
        assert_int_equal(deadline_left_ms(&d, 1, 5000), 0);
    }
    deadlines_deinit(&d, &mem);
}

static void against_an_oracle(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct deadlines d;
        assert_int_equal(deadlines_init(&d, &mem, SLOTS), OK);
        uint64_t due[SLOTS] = {0}, now = CIRCLE_MS - prng_below(&dice, 40000000);
        for (int step = 0; step < 4000; step++) {
            now += prng_below(&dice, prng_below(&dice, 20) == 0 ? 60000 : 300);
            if (now >= d.next_sweep_ms) {
                uint32_t from = 0, last = 0, index;
                bool any = false;
                while ((index = deadline_next_due(&d, now, &from)) != UINT32_MAX) {
                    assert_true(!any || index > last); // in order of index, each once
                    any = true;
                    last = index;
                    assert_true(due[index] != 0 && due[index] <= now);
                    due[index] = 0;
                    if (prng_below(&dice, 4) == 0) { // armed again by whoever handles it, itself or another
                        uint32_t other = prng_below(&dice, 2) ? index : (uint32_t)prng_below(&dice, SLOTS);
                        uint64_t in = 200 + prng_below(&dice, 100000);
                        deadline_arm(&d, other, now, in);
                        due[other] = rounded(now + in);
                    }
                }
                deadlines_swept(&d, now);
                for (uint32_t i = 0; i < SLOTS; i++) // one tick late where the tick's number would be 0
                    assert_true(due[i] == 0 || due[i] + DEADLINE_TICK_MS > now);
            }
            uint64_t earliest = UINT64_MAX;
            for (uint32_t i = 0; i < SLOTS; i++)
                if (due[i] != 0 && due[i] < earliest)
                    earliest = due[i];
            if (earliest != UINT64_MAX) // never slept over
                assert_true(d.next_sweep_ms <= earliest + DEADLINE_TICK_MS);
            uint32_t i = (uint32_t)prng_below(&dice, SLOTS);
            if (prng_below(&dice, 3) == 0) {
                deadline_disarm(&d, i);
                due[i] = 0;
            } else {
                uint64_t in = prng_below(&dice, prng_below(&dice, 8) == 0 ? 7200 * 1000 : 20000);
                deadline_arm(&d, i, now, in);
                due[i] = rounded(now + in);
            }
        }
        deadlines_deinit(&d, &mem);
    }
    test_mem_check(&t);
}

static void ages_wrap(void **state)
{
    (void)state;
    const uint64_t circle = CIRCLE_MS;
    for (uint64_t then = circle - 1000; then < circle + 1000; then += 100)
        for (uint64_t age = 0; age < 30ull * 24 * 3600 * 1000; age += 9999900)
            assert_int_equal(tick_age_ms(tick_at(then), then + age), age / 100 * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_at_its_tick),
        cmocka_unit_test(the_longest_time_holds),
        cmocka_unit_test(against_an_oracle),
        cmocka_unit_test(ages_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
