// SPDX-License-Identifier: Apache-2.0
//
// Who may do what in a room.
#include "core/home/rights.h"
#include "unit/support.h"

static void test_strangers(void **state)
{
    (void)state;
    assert_true(rights_allow(NULL, RIGHT_JOIN));
    for (int right = 0; right < RIGHT_COUNT; right++)
        if (right != RIGHT_JOIN)
            assert_false(rights_allow(NULL, (enum right)right));
}

static void test_members(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct member m = {.role = (uint8_t)role};
        for (int right = 0; right < RIGHT_COUNT; right++)
            assert_true(rights_allow(&m, (enum right)right));
    }
}

static void allow_beyond(void *arg)
{
    (void)arg;
    (void)!rights_allow(NULL, RIGHT_COUNT);
}

static void role_beyond(void *arg)
{
    (void)arg;
    const struct member m = {.role = ROLE_COUNT};
    (void)!rights_allow(&m, RIGHT_READ);
}

static void test_beyond(void **state)
{
    (void)state;
    assert_true(asserts(allow_beyond, NULL));
    assert_true(asserts(role_beyond, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
