// SPDX-License-Identifier: Apache-2.0
//
// How often connections may come from an address (abuse case D2).
#include "base/prng.h"
#include "io/comers.h"
#include "unit/support.h"

static const struct rate five = {.per_s = 5, .burst = 10};

static uint64_t address(uint64_t set, uint64_t print) { return print << 32 | set; }

// How many of `count` that come at once may.
static uint32_t come(struct comers *c, uint64_t hash, uint32_t count, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += comers_take(c, hash, &five, now_ms);
    return n;
}

static void a_burst_then_a_rate(void **state)
{
    (void)state;
    static struct comers c;
    memset(&c, 0, sizeof c);
    assert_int_equal(come(&c, address(1, 7), 100, 1000), 10);
    assert_int_equal(come(&c, address(1, 7), 100, 1199), 0); // a fifth of a second for each
    assert_int_equal(come(&c, address(1, 7), 100, 1200), 1);
    assert_int_equal(come(&c, address(1, 7), 100, 2200), 5);
    assert_int_equal(come(&c, address(1, 7), 100, 60000),
                     10); // and no more than the burst, however long it was quiet
    assert_int_equal(come(&c, address(1, 7), 100, 59990), 0); // a shard whose clock is behind brings nothing
    assert_int_equal(come(&c, address(1, 7), 100, 60000), 0);
    assert_int_equal(come(&c, address(1, 8), 100, 60000), 10); // another one of the same set
    assert_int_equal(come(&c, address(2, 7), 100, 60000), 10); // and of another
}

static void without_a_limit_nobody_is_counted(void **state)
{
    (void)state;
    static struct comers c;
    memset(&c, 0, sizeof c);
    const struct rate none = {.per_s = 0, .burst = 1};
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(comers_take(&c, address(1, 7), &none, 5));
    for (uint32_t i = 0; i < COMERS_SETS; i++)
        assert_int_equal(c.places[i][0].print, 0);
    assert_int_equal(come(&c, address(1, 7), 100, 5), 10);
}

// Others who come from more addresses than there are places for never charge anybody, and take the place of who has the least to lose.
static void a_full_set_forgets_the_fullest(void **state)
{
    (void)state;
    static struct comers c;
    memset(&c, 0, sizeof c);
    for (uint64_t i = 1; i <= COMERS_WAYS; i++)
        assert_int_equal(come(&c, address(3, i), (uint32_t)(i == 2 ? 1 : 10), 1000), i == 2 ? 1 : 10);
    assert_int_equal(come(&c, address(3, 99), 100, 1000), 10); // gets that of 2
    for (uint64_t i = 1; i <= COMERS_WAYS; i++) {
        if (i != 2)
            assert_int_equal(come(&c, address(3, i), 100, 1000), 0); // who has used theirs up is remembered
    }
    assert_int_equal(come(&c, address(3, 99), 100, 1000), 0);
}

static void many_addresses(void **state)
{
    (void)state;
    static struct comers c;
    memset(&c, 0, sizeof c);
    struct prng dice;
    prng_init(&dice, 1);
    uint32_t refused = 0, total = 20000;
    for (uint32_t i = 0; i < total; i++)
        refused += !comers_take(&c, prng_next(&dice), &five, 1000 + i / 100);
    assert_int_equal(refused, 0); // each comes once
}

// A hash whose upper half is 0, a limit that is lowered while it runs, and a clock whose low bits begin again.
static void corners(void **state)
{
    (void)state;
    static struct comers c;
    memset(&c, 0, sizeof c);
    assert_int_equal(come(&c, address(4, 0), 100, 1000), 10);
    assert_int_equal(come(&c, address(4, 1), 100, 1000), 0); // one of the pairs that share
    const struct rate less = {.per_s = 1, .burst = 2};
    uint32_t n = 0;
    for (uint32_t i = 0; i < 10; i++)
        n += comers_take(&c, address(4, 0), &less, 100000);
    assert_int_equal(n, 2);
    assert_int_equal(come(&c, address(5, 9), 100, UINT32_MAX - 99), 10);
    assert_int_equal(come(&c, address(5, 9), 100, (uint64_t)UINT32_MAX + 101), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_a_rate),
        cmocka_unit_test(without_a_limit_nobody_is_counted),
        cmocka_unit_test(a_full_set_forgets_the_fullest),
        cmocka_unit_test(many_addresses),
        cmocka_unit_test(corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
