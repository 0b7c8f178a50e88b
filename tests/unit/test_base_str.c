// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "unit/support.h"

static void str_absent_equals_empty(void **state)
{
    (void)state;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq(STR_NONE, STR_NONE));
    assert_false(str_eq(STR_NONE, STR("a")));
    assert_true(str_starts(STR("abc"), STR_NONE));
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_false(str_starts(STR_NONE, STR("a")));
    assert_true(str_eq_nocase(STR_NONE, STR("")));
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_cmp(STR_NONE, STR("a")) < 0);
    assert_int_equal(str_trim(STR_NONE).n, 0);
    assert_int_equal(str_find_char(STR_NONE, 'a', 0), 0);
    assert_null(str_skip(STR_NONE, 0).p);
    assert_null(str_skip(STR_NONE, 7).p);
    assert_null(str_take(STR_NONE, 7).p);
    uint64_t v = 5;
    assert_false(str_to_u64(STR_NONE, 10, &v));
    assert_int_equal(v, 5);
}

static void str_compares_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_true(str_eq(str_from_cstr("abc"), STR("abc")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0); // unsigned
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("abc")));
    assert_false(str_starts(STR("abc"), STR("abcd")));
    assert_false(str_starts(STR("abc"), STR("b")));
}

static void str_nocase_folds_ascii_letters_only(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char ca = (char)a, cb = (char)b;
            bool upper_a = a >= 'A' && a <= 'Z', upper_b = b >= 'A' && b <= 'Z';
            bool same = (upper_a ? a + 32 : a) == (upper_b ? b + 32 : b);
            assert_int_equal(str_eq_nocase(str_make(&ca, 1), str_make(&cb, 1)), same);
        }
    }
    assert_true(str_eq_nocase(STR("Sec-WebSocket-Key"), STR("sec-websocket-KEY")));
    assert_false(str_eq_nocase(STR("abc"), STR("ab")));
}

static void str_parts(void **state)
{
    (void)state;
    assert_str(str_skip(STR("hello"), 2), "llo");
    assert_str(str_skip(STR("hello"), 9), "");
    assert_str(str_take(STR("hello"), 2), "he");
    assert_str(str_take(STR("hello"), 9), "hello");
    assert_str(str_trim(STR(" \t a b\t ")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR("\r\n")), "\r\n"); // line ends are not OWS
    assert_int_equal(str_find_char(STR("a.b.c"), '.', 0), 1);
    assert_int_equal(str_find_char(STR("a.b.c"), '.', 1), 1);
    assert_int_equal(str_find_char(STR("a.b.c"), '.', 2), 3);
    assert_int_equal(str_find_char(STR("a.b.c"), '.', 4), 5);
    assert_int_equal(str_find_char(STR("a.b.c"), '.', 99), 5);
    assert_int_equal(str_find_char(STR("a\xff"), (char)0xff, 0), 1);
}

static void str_splits(void **state)
{
    (void)state;
    str rest = STR("a,b,,");
    assert_str(str_split(rest, ',', &rest), "a");
    assert_str(str_split(rest, ',', &rest), "b");
    assert_str(str_split(rest, ',', &rest), "");
    assert_non_null(rest.p); // something follows the last comma: an empty field
    assert_str(str_split(rest, ',', &rest), "");
    assert_null(rest.p);
    assert_str(str_split(STR("abc"), ',', &rest), "abc");
    assert_null(rest.p);
    assert_str(str_split(STR_NONE, ',', &rest), "");
    assert_null(rest.p);
}

static void str_to_u64_takes_one_spelling(void **state)
{
    (void)state;
    static const struct {
        str s;
        uint64_t max;
        bool ok;
        uint64_t v;
    } cases[] = {
        {STR("0"), 0, true, 0},
        {STR("1"), 0, false, 0},
        {STR("7"), 10, true, 7},
        {STR("10"), 10, true, 10},
        {STR("11"), 10, false, 0},
        {STR("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
        {STR("18446744073709551614"), UINT64_MAX, true, UINT64_MAX - 1},
        {STR("18446744073709551615"), UINT64_MAX - 1, false, 0},
        {STR("18446744073709551616"), UINT64_MAX, false, 0},
        {STR("18446744073709551620"), UINT64_MAX, false, 0},
        {STR("28446744073709551615"), UINT64_MAX, false, 0},
        {STR("99999999999999999999"), UINT64_MAX, false, 0},
        {STR("100000000000000000000"), UINT64_MAX, false, 0},
        {STR(""), 10, false, 0},
        {STR("00"), 10, false, 0},
        {STR("01"), 10, false, 0},
        {STR("+1"), 10, false, 0},
        {STR("-1"), 10, false, 0},
        {STR(" 1"), 10, false, 0},
        {STR("1 "), 10, false, 0},
        {STR("1\0"), 10, false, 0},
        {STR("1a"), 1000, false, 0},
        {STR("0x1"), 10, false, 0},
        {STR("1/"), 1000, false, 0},
        {STR("1:"), 1000, false, 0},
        {STR("\xb1"), 1000, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 4711;
        assert_int_equal(str_to_u64(cases[i].s, cases[i].max, &v), cases[i].ok);
        assert_true(v == (cases[i].ok ? cases[i].v : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_absent_equals_empty),
        cmocka_unit_test(str_compares_bytes),
        cmocka_unit_test(str_nocase_folds_ascii_letters_only),
        cmocka_unit_test(str_parts),
        cmocka_unit_test(str_splits),
        cmocka_unit_test(str_to_u64_takes_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
