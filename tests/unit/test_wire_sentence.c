// SPDX-License-Identifier: Apache-2.0
//
// Sentences: where words go, what is cut, and that nothing in a word is taken for a mark.
#include "unit/support.h"

#include "wire/sentence.h"
#include "wire/utf8.h"

static void check(const char *text, const str *words, size_t n, const char *wanted)
{
    struct sentence s;
    sentence_set(&s, text, words, n);
    assert_string_equal(s.z, wanted);
    assert_int_equal(s.n, strlen(wanted));
    assert_str_eq(sentence_str(&s), str_from_cstr(wanted));
}

static void test_words(void **state)
{
    (void)state;
    struct sentence_digits room;
    check("", NULL, 0, "");
    check("Plain.", NULL, 0, "Plain.");
    check("{} was % s ago.", (const str[]){STR("exp"), sentence_number(312, &room)}, 2,
          "`exp` was 312 s ago.");
    check("{}{}%", (const str[]){STR("a"), STR("b"), STR("c")}, 3, "`a``b`c");
    check("Got {}.", (const str[]){STR("")}, 1, "Got nothing.");
    check("Got {}.", (const str[]){STR_NONE}, 1, "Got nothing.");
    check("Got {}, %.", (const str[]){STR("{} %"), STR("{}")}, 2, "Got `{} %`, {}.");
    check("A { brace, a } brace.", NULL, 0, "A { brace, a } brace.");
    check("%", (const str[]){sentence_number(UINT64_MAX, &room)}, 1, "18446744073709551615");
}

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void test_cut(void **state)
{
    (void)state;
    check("Got {}.", (const str[]){STR(SIXTY "abcd")}, 1, "Got `" SIXTY "abcd`.");
    check("Got {}.", (const str[]){STR(SIXTY "abcde")}, 1, "Got `" SIXTY "abcd...`.");
    check("Got {}.",
          (const str[]){STR(SIXTY "abc\xc3\xa4"
                                  "e")},
          1, "Got `" SIXTY "abc...`."); // not half a character
    struct sentence s;
    sentence_set(&s, "% % % % % %",
                 (const str[]){STR(SIXTY), STR(SIXTY), STR(SIXTY), STR(SIXTY), STR(SIXTY), STR(SIXTY)}, 6);
    assert_int_equal(s.n, SENTENCE_MAX);
    assert_int_equal(s.z[SENTENCE_MAX], '\0');
    char umlauts[2 * SENTENCE_MAX];
    for (size_t i = 0; i < sizeof umlauts; i += 2)
        memcpy(umlauts + i, "\xc3\xa4", 2);
    sentence_set(&s, "x%", (const str[]){str_make(umlauts, sizeof umlauts)}, 1);
    assert_int_equal(s.n, SENTENCE_MAX - 1);
    assert_true(utf8_valid(sentence_str(&s)));
}

static void too_few(void *arg)
{
    (void)arg;
    struct sentence s;
    sentence_set(&s, "{} {}", (const str[]){STR("a")}, 1);
}

static void too_many(void *arg)
{
    (void)arg;
    struct sentence s;
    sentence_set(&s, "{}", (const str[]){STR("a"), STR("b")}, 2);
}

static void test_count(void **state)
{
    (void)state;
    assert_true(asserts(too_few, NULL));
    assert_true(asserts(too_many, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
