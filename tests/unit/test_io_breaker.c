// SPDX-License-Identifier: Apache-2.0
#include "io/breaker.h"
#include "unit/support.h"

static const struct breaker_limits limits = {.failures = 3, .open_ms = 100, .open_max_ms = 450};

static void call_fails(struct breaker *b, uint64_t now)
{
    assert_true(breaker_ask(b, now));
    breaker_failed(b, now);
}

static void opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, &limits, 1);
    call_fails(&b, 0);
    call_fails(&b, 0);
    assert_true(breaker_ask(&b, 0));
    breaker_fine(&b); // begins to count anew
    call_fails(&b, 0);
    call_fails(&b, 0);
    assert_int_equal(b.state, BREAKER_CLOSED);
    call_fails(&b, 0);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_false(breaker_ask(&b, 49));
    assert_int_equal(b.failed, 5);
    assert_int_equal(b.opened, 1);
    assert_int_equal(b.refused, 1);
}

static void one_probe_at_a_time(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, &limits, 2);
    for (int i = 0; i < 3; i++)
        call_fails(&b, 0);
    const uint64_t then = breaker_retry_ms(&b, 0);
    assert_false(breaker_ask(&b, then - 1));
    assert_true(breaker_ask(&b, then));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_false(breaker_ask(&b, then + 1000));
    assert_in_range(breaker_retry_ms(&b, then), 1, limits.open_ms);
    breaker_left(&b, then); // it was not made: the next one is the probe
    assert_int_equal(breaker_retry_ms(&b, then), 1);
    assert_true(breaker_ask(&b, then));
    assert_false(breaker_ask(&b, then));
    breaker_fine(&b);
    assert_int_equal(b.state, BREAKER_CLOSED);
    call_fails(&b, then);
    assert_int_equal(b.state, BREAKER_CLOSED); // a probe that went well has undone the count, too
}

static void waits_double_within_bounds_and_begin_anew(void **state)
{
    (void)state;
    static const uint32_t wants[] = {100, 200, 400, 450, 450, 450};
    bool differ = false;
    uint32_t before = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct breaker b;
        uint64_t now = 1000;
        breaker_init(&b, &limits, seed);
        call_fails(&b, now);
        call_fails(&b, now);
        for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
            call_fails(&b, now); // the third; then probes
            const uint32_t wait = breaker_retry_ms(&b, now);
            assert_in_range(wait, wants[i] / 2, wants[i]);
            differ = differ || (i == 0 && seed > 0 && wait != before);
            before = i == 0 ? wait : before;
            now += wait;
        }
        assert_true(breaker_ask(&b, now));
        breaker_fine(&b);
        for (int i = 0; i < 3; i++)
            call_fails(&b, now);
        assert_in_range(breaker_retry_ms(&b, now), 50, 100);
    }
    assert_true(differ);
}

static void late_answers_change_nothing(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, &limits, 3);
    for (int i = 0; i < 5; i++)
        assert_true(breaker_ask(&b, 0));
    for (int i = 0; i < 3; i++)
        breaker_failed(&b, 0);
    const uint64_t until = b.until_ms;
    breaker_failed(&b, 40);
    breaker_fine(&b);
    breaker_left(&b, 0);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.until_ms, until);
    assert_int_equal(b.opened, 1);
    assert_string_equal(breaker_state_name(b.state), "open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row),
        cmocka_unit_test(one_probe_at_a_time),
        cmocka_unit_test(waits_double_within_bounds_and_begin_anew),
        cmocka_unit_test(late_answers_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
