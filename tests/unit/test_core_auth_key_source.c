// SPDX-License-Identifier: Apache-2.0
//
// When keys are fetched: freshness within its bounds, failures, early fetches and their price, the end of keys; and all of it by chance,
// with what must hold of it at every step.
#include "unit/support.h"

#include "base/prng.h"
#include "core/auth/key_source.h"
#include "wire/http_cache.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const struct key_bounds bounds = {.fresh_max_ms = DAY, .stale_max_ms = DAY};

static struct key_source known(uint64_t now_ms, uint64_t fresh_s, uint64_t luck)
{
    struct key_source s;
    key_source_init(&s, now_ms);
    key_source_begin(&s);
    key_source_good(&s, &bounds, now_ms, fresh_s, luck, 2);
    key_source_check(&s);
    return s;
}

static void test_fresh(void **state)
{
    (void)state;
    static const struct {
        uint64_t said_s;
        uint32_t fresh_max_ms, fresh_ms;
    } rows[] = {
        {HTTP_CACHE_UNSAID, DAY, 10 * MINUTE},
        {HTTP_CACHE_UNSAID, 20 * 1000, 20 * 1000},
        {3600, DAY, HOUR},
        {3600, 20 * MINUTE, 20 * MINUTE},
        {86400, DAY, DAY},
        {86401, DAY, DAY},
        {UINT64_C(1) << 31, DAY, DAY},
        {60, DAY, MINUTE},
        {59, DAY, MINUTE}, // not every few seconds, whatever it says
        {0, DAY, MINUTE},
        {0, 10 * 1000, 10 * 1000}, // but if the operator does
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (uint64_t luck = 0; luck < UINT64_C(1) << 60; luck = luck * 7 + 12345) {
            const struct key_bounds b = {rows[i].fresh_max_ms, DAY};
            struct key_source s;
            key_source_init(&s, 5000);
            assert_int_equal(key_source_next_ms(&s, &b), 5000);
            key_source_begin(&s);
            key_source_good(&s, &b, 7000, rows[i].said_s, luck, 2);
            key_source_check(&s);
            assert_int_equal(s.fresh_until_ms, 7000 + rows[i].fresh_ms);
            assert_in_range(s.due_ms, 7000 + rows[i].fresh_ms / 10 * 7, 7000 + rows[i].fresh_ms / 10 * 8);
            assert_int_equal(key_source_next_ms(&s, &b), s.due_ms);
        }
}

static void test_failures(void **state)
{
    (void)state;
    static const uint32_t most_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct prng dice;
    prng_init(&dice, 1);
    struct key_source s;
    uint64_t now_ms = 1, shortest_ms = UINT64_MAX, longest_ms = 0;
    key_source_init(&s, now_ms);
    for (uint64_t i = 0; i < 400; i++) {
        key_source_begin(&s);
        key_source_bad(&s, now_ms, prng_next(&dice), i + 2);
        key_source_check(&s);
        uint64_t wait_ms = s.due_ms - now_ms, most = most_ms[i < 7 ? i : 7];
        assert_in_range(wait_ms, most / 2, most);
        if (i >= 7) {
            shortest_ms = wait_ms < shortest_ms ? wait_ms : shortest_ms;
            longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
        }
        now_ms = s.due_ms;
    }
    assert_true(shortest_ms < 16000 && longest_ms > 29000); // not all nodes at once
    key_source_begin(&s);
    key_source_good(&s, &bounds, now_ms, 3600, 0, 500);
    assert_int_equal(s.failures, 0);
    key_source_begin(&s);
    key_source_bad(&s, now_ms, 0, 501);
    assert_int_equal(s.due_ms, now_ms + 500); // from the beginning
}

static void test_the_end_of_keys(void **state)
{
    (void)state;
    struct key_source s = known(1000, 3600, 0);
    uint64_t stamp = 3, now_ms = s.due_ms, end_ms = 1000 + HOUR + (uint64_t)DAY;
    for (; now_ms < end_ms; now_ms = key_source_next_ms(&s, &bounds)) { // its issuer does not answer any more
        assert_false(key_source_expire(&s, &bounds, now_ms));
        assert_true(s.known);
        key_source_begin(&s);
        assert_int_equal(key_source_next_ms(&s, &bounds), end_ms);
        key_source_bad(&s, now_ms, 0, stamp++);
    }
    assert_int_equal(now_ms, end_ms); // nobody has to look in between
    assert_true(key_source_expire(&s, &bounds, now_ms));
    assert_false(s.known);
    assert_false(key_source_expire(&s, &bounds, now_ms)); // once
    key_source_check(&s);
}

static void test_a_key_that_is_not_there(void **state)
{
    (void)state;
    struct key_source s = known(1000, 3600, 0);
    uint32_t retry_ms = 0;
    assert_int_equal(key_source_wish(&s, 2000, 1, &retry_ms),
                     KEY_LOOKED); // it was wished for before the answer came
    assert_int_equal(s.due_ms, 1000 + HOUR / 10 * 8);
    assert_int_equal(key_source_wish(&s, 2000, 2, &retry_ms), KEY_WAIT);
    assert_int_equal(key_source_next_ms(&s, &bounds), 2000);
    assert_int_equal(key_source_wish(&s, 2000, 2, &retry_ms),
                     KEY_WAIT); // and who comes until it has begun, and ended
    key_source_begin(&s);
    assert_int_equal(key_source_wish(&s, 2100, 2, &retry_ms), KEY_WAIT);
    key_source_good(&s, &bounds, 2200, 3600, 0, 3);
    key_source_check(&s);
    assert_int_equal(key_source_wish(&s, 2200, 2, &retry_ms), KEY_LOOKED);
    for (uint64_t now_ms = 2201; now_ms < 2000 + KEY_EARLY_MS;
         now_ms += 77) { // the next ones do not make it ask
        assert_int_equal(key_source_wish(&s, now_ms, 3, &retry_ms), KEY_LATER);
        assert_int_equal(retry_ms, 2000 + KEY_EARLY_MS - now_ms);
        assert_int_equal(s.due_ms, 2200 + HOUR / 10 * 8);
    }
    assert_int_equal(key_source_wish(&s, 2000 + KEY_EARLY_MS, 3, &retry_ms), KEY_WAIT);
    key_source_begin(&s);
    key_source_bad(&s, 40000, 0, 4);
    key_source_check(&s);
    assert_int_equal(key_source_wish(&s, 40000, 3, &retry_ms), KEY_LATER); // nobody knows whether it is there
    assert_int_equal(retry_ms, 500);
    assert_int_equal(key_source_wish(&s, 40000, 4, &retry_ms),
                     KEY_LATER); // nor is a failure's delay cut short
    assert_int_equal(retry_ms, 500);
    assert_int_equal(key_source_wish(&s, 40500, 4, &retry_ms), KEY_WAIT);
    key_source_begin(&s);
    assert_int_equal(key_source_wish(&s, 40500, 3, &retry_ms), KEY_LATER); // it has waited for one already
    assert_int_equal(retry_ms, KEY_RETRY_MIN_MS);
    key_source_good(&s, &bounds, 41000, 3600, 0, 5);
    key_source_hurry(&s, 41001);
    assert_int_equal(key_source_next_ms(&s, &bounds), 41001);
    key_source_hurry(&s, 50000); // not later than it was
    assert_int_equal(key_source_next_ms(&s, &bounds), 41001);
}

// Whoever wishes whatever, an hour of it: early fetches keep their distance, and no wish is refused before an answer came after it.
static void test_by_chance(void **state)
{
    (void)state;
    struct prng dice;
    for (uint64_t seed = 0; seed < 200; seed++) {
        prng_init(&dice, seed);
        uint64_t now_ms = 1000 + prng_below(&dice, 1000), stamp = 1, early_ms = 0, good_stamp = 0, began = 0;
        bool failing = prng_below(&dice, 3) == 0;
        const struct key_bounds b = {(uint32_t)(10 + prng_below(&dice, 600)) * 1000,
                                     (uint32_t)prng_below(&dice, 600) * 1000};
        struct key_source s;
        key_source_init(&s, now_ms);
        for (uint64_t end_ms = now_ms + HOUR; now_ms < end_ms; now_ms += 1 + prng_below(&dice, 900)) {
            uint32_t retry_ms = 0;
            uint64_t since = 1 + prng_below(&dice, stamp), due_ms = s.due_ms;
            if (prng_below(&dice, 4) != 0) {
                enum key_wish wished = key_source_wish(&s, now_ms, since, &retry_ms);
                assert_int_equal(wished == KEY_LOOKED, good_stamp > since);
                assert_true(wished != KEY_LATER || (retry_ms >= 1 && retry_ms <= KEY_EARLY_MS));
                if (s.due_ms != due_ms) {
                    assert_true(early_ms == 0 || now_ms - early_ms >= KEY_EARLY_MS);
                    early_ms = now_ms;
                }
            }
            (void)key_source_expire(&s, &b, now_ms);
            if (s.under_way && prng_below(&dice, 4) == 0) {
                if (failing && prng_below(&dice, 8) != 0) {
                    key_source_bad(&s, now_ms, prng_next(&dice), ++stamp);
                } else {
                    key_source_good(&s, &b, now_ms, prng_below(&dice, 2000), prng_next(&dice), ++stamp);
                    good_stamp = stamp;
                }
            } else if (!s.under_way && s.due_ms <= now_ms) {
                key_source_begin(&s);
                began++;
            }
            key_source_check(&s);
        }
        assert_true(began > 1);
    }
}

static void run_check(void *s) { key_source_check(s); }

static void test_check(void **state)
{
    (void)state;
    struct key_source good = known(1000, 3600, 0), s = good;
    s.good_stamp = 0; // 1
    assert_true(asserts(run_check, &s));
    s = good;
    s.fresh_until_ms = 999; // 1
    assert_true(asserts(run_check, &s));
    s = good;
    s.failures = 1; // 2
    assert_true(asserts(run_check, &s));
    s = good;
    s.early = true; // 3
    s.early_ms = s.due_ms + 1;
    assert_true(asserts(run_check, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),           cmocka_unit_test(test_failures),
        cmocka_unit_test(test_the_end_of_keys), cmocka_unit_test(test_a_key_that_is_not_there),
        cmocka_unit_test(test_by_chance),       cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
