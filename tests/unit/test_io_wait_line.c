// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "io/wait_line.h"
#include "unit/support.h"

static void everyone_waits_his_time(void **state)
{
    (void)state;
    struct wait_line w;
    wait_line_start(&w, 2);
    wait_line_step(&w, 2);
    wait_line_step(&w, 5); // three more
    wait_line_step(&w, 5);
    assert_int_equal(wait_line_over(&w), 0);
    wait_line_step(&w, 6); // and one
    assert_int_equal(wait_line_over(&w), 2);
    wait_line_served(&w, 2);
    assert_int_equal(wait_line_over(&w), 0);
    wait_line_step(&w, 4);
    assert_int_equal(wait_line_over(&w), 0);
    wait_line_step(&w, 4);
    assert_int_equal(wait_line_over(&w), 3);
    wait_line_served(&w, 1); // the budget was too small for the others
    wait_line_step(&w, 3);
    assert_int_equal(wait_line_over(&w), 2);
    wait_line_step(&w, 3);
    assert_int_equal(wait_line_over(&w), 3);
    wait_line_served(&w, 100);
    assert_int_equal(wait_line_over(&w), 0);
}

static void who_comes_in_leaves_at_the_front(void **state)
{
    (void)state;
    struct wait_line w;
    wait_line_start(&w, 1);
    wait_line_step(&w, 3);
    wait_line_served(&w, 2); // slots became free: the first and one of the two others
    for (uint32_t i = 0; i < WAIT_STEPS - 1; i++) {
        wait_line_step(&w, 1);
        assert_int_equal(wait_line_over(&w), 0);
    }
    wait_line_step(&w, 1);
    assert_int_equal(wait_line_over(&w), 1);
}

// Against a queue that knows when each came. Time is in quarters of a step; the steps are looked at in between.
static void against_a_queue_with_times(void **state)
{
    (void)state;
    enum { QUEUE = 1 << 16, TICKS = 4, RUNS = 200 };
    static uint32_t came[QUEUE];
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct prng g;
        prng_init(&g, seed);
        uint32_t head = 0, tail = 0;
        struct wait_line w;
        came[tail++] = 0;
        wait_line_start(&w, 1);
        for (uint32_t now = 1; now < 400; now++) {
            if (now % TICKS == 0) {
                wait_line_step(&w, tail - head);
                uint32_t over = wait_line_over(&w);
                assert_true(over <= tail - head);
                for (uint32_t i = 0; i < over; i++, head++) {
                    uint32_t waited = now - came[head];
                    assert_true(waited >= WAIT_STEPS * TICKS && waited <= (WAIT_STEPS + 1) * TICKS);
                }
                if (head < tail)
                    assert_true(now - came[head] < (WAIT_STEPS + 1) * TICKS);
                wait_line_served(&w, over);
            }
            for (uint64_t n = prng_below(&g, 5); n > 0 && tail < QUEUE; n--)
                came[tail++] = now;
            uint32_t slots = (uint32_t)prng_below(&g, 3);
            if (slots > tail - head)
                slots = tail - head;
            head += slots;
            wait_line_served(&w, slots);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_waits_his_time),
        cmocka_unit_test(who_comes_in_leaves_at_the_front),
        cmocka_unit_test(against_a_queue_with_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
