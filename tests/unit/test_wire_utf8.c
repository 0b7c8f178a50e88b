// SPDX-License-Identifier: Apache-2.0
//
// UTF-8: exhaustively against a slow decoder for up to three octets, at every border for four, and the classic torture
// strings (after Markus Kuhn's list) in every position of a 16-octet block and at every split.
#include "unit/support.h"
#include "unit/wire_support.h"

static bool valid(const uint8_t *p, size_t n)
{
    utf8_state s = UTF8_START;
    return utf8_feed(&s, p, n) && utf8_complete(s);
}

static void test_all_of_one_two_three(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v++) {
        uint8_t p[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        if (v < 256)
            assert_int_equal(valid(p + 2, 1), utf8_valid_slow(p + 2, 1));
        if (v < 65536)
            assert_int_equal(valid(p + 1, 2), utf8_valid_slow(p + 1, 2));
        if (valid(p, 3) != utf8_valid_slow(p, 3))
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
    }
}

static void test_borders_of_four(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                    0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xff};
    for (unsigned lead = 0xf0; lead < 0x100; lead++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
                for (size_t j = 0; j < ARRAY_LEN(edges); j++) {
                    uint8_t p[4] = {(uint8_t)lead, (uint8_t)second, edges[i], edges[j]};
                    assert_int_equal(valid(p, 4), utf8_valid_slow(p, 4));
                    assert_int_equal(utf8_char_length(p, 4), valid(p, 4) ? 4 : 0);
                }
            }
        }
    }
}

static const struct {
    const char *text;
    bool valid;
} cases[] = {
    {"", true},
    {"plain ASCII", true},
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true}, // kosme
    {"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", true},
    {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x91\x8b\xf0\x9f\x8f\xbd",
     true},
    // the first and last of each length
    {"\x01", true},
    {"\x7f", true},
    {"\xc2\x80", true},
    {"\xdf\xbf", true},
    {"\xe0\xa0\x80", true},
    {"\xef\xbf\xbf", true},
    {"\xf0\x90\x80\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false},
    {"\xf7\xbf\xbf\xbf", false},
    {"\xf8\x88\x80\x80\x80", false},
    {"\xfb\xbf\xbf\xbf\xbf", false},
    {"\xfc\x84\x80\x80\x80\x80", false},
    {"\xfd\xbf\xbf\xbf\xbf\xbf", false},
    // around the surrogates, the replacement character, noncharacters
    {"\xed\x9f\xbf", true},
    {"\xee\x80\x80", true},
    {"\xef\xbf\xbd", true},
    {"\xef\xbf\xbe", true},
    {"\xef\xb7\x90", true},
    {"\xf0\x9f\xbf\xbe", true},
    // continuation octets alone
    {"\x80", false},
    {"\xbf", false},
    {"\x80\xbf", false},
    {"\x80\xbf\x80\xbf\x80\xbf\x80", false},
    // first octets alone, each followed by a space
    {"\xc0 \xc1 \xc2 ", false},
    {"\xdf ", false},
    {"\xe0 \xe1 ", false},
    {"\xef ", false},
    {"\xf0 \xf4 ", false},
    {"\xf5 ", false},
    {"\xf8 ", false},
    {"\xfc ", false},
    // last octet missing
    {"\xc2", false},
    {"\xe0\xa0", false},
    {"\xe1\x80", false},
    {"\xf0\x90\x80", false},
    {"\xf4\x8f\xbf", false},
    {"\xdf", false},
    {"\xef\xbf", false},
    {"\xf3\xbf\xbf", false},
    {"\xc0\xe0\x80\xf0\x80\x80", false},
    // impossible octets
    {"\xfe", false},
    {"\xff", false},
    {"\xfe\xfe\xff\xff", false},
    // overlong forms of "/", of the highest that would have been shorter, and of NUL
    {"\xc0\xaf", false},
    {"\xe0\x80\xaf", false},
    {"\xf0\x80\x80\xaf", false},
    {"\xf8\x80\x80\x80\xaf", false},
    {"\xfc\x80\x80\x80\x80\xaf", false},
    {"\xc1\xbf", false},
    {"\xe0\x9f\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf8\x87\xbf\xbf\xbf", false},
    {"\xfc\x83\xbf\xbf\xbf\xbf", false},
    {"\xc0\x80", false},
    {"\xe0\x80\x80", false},
    {"\xf0\x80\x80\x80", false},
    // surrogates, single and paired
    {"\xed\xa0\x80", false},
    {"\xed\xad\xbf", false},
    {"\xed\xae\x80", false},
    {"\xed\xaf\xbf", false},
    {"\xed\xb0\x80", false},
    {"\xed\xbe\x80", false},
    {"\xed\xbf\xbf", false},
    {"\xed\xa0\x80\xed\xb0\x80", false},
    {"\xed\xaf\xbf\xed\xbf\xbf", false},
    // good text with a bad end
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
     "edited",
     false},
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80"
     "edited",
     false},
};

static bool fed_in_two(const uint8_t *p, size_t n, size_t cut)
{
    utf8_state s = UTF8_START;
    return utf8_feed(&s, p, cut) && utf8_feed(&s, p + cut, n - cut) && utf8_complete(s);
}

static bool fed_by_octet(const uint8_t *p, size_t n)
{
    utf8_state s = UTF8_START;
    for (size_t i = 0; i < n; i++) {
        if (!utf8_feed(&s, p + i, 1))
            return false;
    }
    return utf8_complete(s);
}

static void test_torture_everywhere(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        size_t n = strlen(cases[c].text);
        for (size_t before = 0; before < 33; before++) {
            for (size_t after = 0; after < 18; after += 17) {
                uint8_t padded[128];
                memset(padded, 'a', sizeof padded);
                memcpy(padded + before, cases[c].text, n);
                size_t total = before + n + after;
                uint8_t *p = exact_copy(padded, total);
                assert_int_equal(utf8_valid((str){(char *)p, total}), cases[c].valid);
                assert_int_equal(fed_by_octet(p, total), cases[c].valid);
                for (size_t cut = 0; cut <= total && total > 0; cut++)
                    assert_int_equal(fed_in_two(p, total, cut), cases[c].valid);
                free(p);
            }
        }
    }
}

static void test_fails_at_the_first_bad_octet(void **state)
{
    (void)state;
    const uint8_t text[] = {'a', 0xce, 0xba, 0xed, 0xa0};
    utf8_state s = UTF8_START;
    for (size_t i = 0; i < 4; i++)
        assert_true(utf8_feed(&s, text + i, 1));
    assert_false(utf8_complete(s));
    assert_false(utf8_feed(&s, text + 4, 1));
    // A text that was bad stays so, even if somebody goes on.
    assert_false(utf8_feed(&s, "good", 4));
}

static void test_nothing(void **state)
{
    (void)state;
    utf8_state s = UTF8_START;
    assert_true(utf8_feed(&s, NULL, 0));
    assert_true(utf8_complete(s));
    assert_true(utf8_valid(STR_NONE));
    assert_int_equal(utf8_char_length((const uint8_t *)"", 0), 0);
}

static void test_take(void **state)
{
    (void)state;
    str s = STR("a\xc3\xa4\xf0\x9f\x91\x8bz");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
    for (size_t n = 0; n < ARRAY_LEN(want); n++)
        assert_int_equal(utf8_take(s, n).n, want[n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_one_two_three),
        cmocka_unit_test(test_borders_of_four),
        cmocka_unit_test(test_torture_everywhere),
        cmocka_unit_test(test_fails_at_the_first_bad_octet),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
