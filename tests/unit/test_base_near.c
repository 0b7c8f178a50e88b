// SPDX-License-Identifier: Apache-2.0
//
// Distances between words, and what counts as a slip.
#include "base/near.h"
#include "unit/support.h"

static size_t distance(const char *a, const char *b)
{
    size_t d = edit_distance(str_from_cstr(a), str_from_cstr(b));
    assert_int_equal(edit_distance(str_from_cstr(b), str_from_cstr(a)), d); // the same both ways
    return d;
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("join", "join"), 0);
    assert_int_equal(distance("joi", "join"), 1);
    assert_int_equal(distance("joins", "join"), 1);
    assert_int_equal(distance("jain", "join"), 1);
    assert_int_equal(distance("jion", "join"), 1); // neighbours swapped
    assert_int_equal(distance("mesage", "message"), 1);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("abcd", "dcba"), 3); // the two in the middle swapped
    assert_int_equal(distance("ca", "abc"), 3);    // of aligned strings: no letter is touched twice
}

static void long_texts_are_far(void **state)
{
    (void)state;
    static const char text[NEAR_TEXT_MAX + 1];
    assert_int_equal(edit_distance(str_make(text, NEAR_TEXT_MAX), str_make(text, NEAR_TEXT_MAX)), 0);
    assert_true(edit_distance(str_make(text, NEAR_TEXT_MAX + 1), STR("a")) == SIZE_MAX);
    assert_true(edit_distance(STR("a"), str_make(text, NEAR_TEXT_MAX + 1)) == SIZE_MAX);
    assert_false(edit_is_near(SIZE_MAX, NEAR_TEXT_MAX + 1));
}

static void slips(void **state)
{
    (void)state;
    assert_true(edit_is_near(0, 4));
    assert_true(edit_is_near(2, 4));
    assert_false(edit_is_near(3, 4));
    assert_true(edit_is_near(4, 12));
    assert_false(edit_is_near(5, 12));
    assert_false(edit_is_near(1, 1)); // nothing of it is left
    assert_false(edit_is_near(2, 2));
    assert_false(edit_is_near(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(long_texts_are_far),
        cmocka_unit_test(slips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
