// SPDX-License-Identifier: Apache-2.0
//
// Decoding single JSON values, writing strings, and there and back again.
#include "base/prng.h"
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/json.h"

static char scratch[64];

static void check_string(const char *raw, size_t raw_n, const char *want, size_t want_n)
{
    str s = STR_NONE;
    uint8_t *copy = exact_copy(raw, raw_n);
    assert_int_equal(json_string_decode((str){(char *)copy, raw_n}, scratch, sizeof scratch, &s), OK);
    assert_str_eq(s, str_make(want, want_n));
    bool in_scratch = memchr(raw, '\\', raw_n) != NULL;
    assert_true(in_scratch ? s.p == scratch : s.p == (char *)copy + 1);
    free(copy);
}

#define CHECK_STRING(raw, want) check_string(raw, sizeof(raw) - 1, want, sizeof(want) - 1)

static void test_strings(void **state)
{
    (void)state;
    CHECK_STRING("\"\"", "");
    CHECK_STRING("\"abc\"", "abc");
    CHECK_STRING("\"\xc3\xa4\"", "\xc3\xa4");
    CHECK_STRING("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    CHECK_STRING("\"a\\u0062c\"", "abc");
    CHECK_STRING("\"\\u0000\"", "\0");
    CHECK_STRING("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
    CHECK_STRING("\"\\ud800\\udc00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    CHECK_STRING("\"\\ud83d\\udc4b!\"", "\xf0\x9f\x91\x8b!");
    CHECK_STRING("\"\\\\u0041\"", "\\u0041");
}

static void test_string_limits(void **state)
{
    (void)state;
    str s = STR("untouched");
    assert_int_equal(json_string_decode(STR("\"abcd\""), scratch, 3, &s), ERR_TOO_LARGE);
    assert_int_equal(json_string_decode(STR("\"ab\\n\\n\""), scratch, 3, &s), ERR_TOO_LARGE);
    assert_int_equal(json_string_decode(STR("\"ab\\u20ac\""), scratch, 4, &s), ERR_TOO_LARGE);
    assert_str(s, "untouched");
    assert_int_equal(json_string_decode(STR("\"abc\""), scratch, 3, &s), OK);
    assert_int_equal(json_string_decode(STR("\"\\u20ac\""), scratch, 3, &s), OK); // 8 bytes written, 3 meant
    assert_int_equal(json_string_decode(STR("\"\""), NULL, 0, &s), OK);
    static const char *const others[] = {"", "1", "null", "{}", "\"", "\"a", "a\"", "[\"a\"]"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(json_string_decode(str_from_cstr(others[i]), scratch, sizeof scratch, &s),
                         ERR_SYNTAX);
}

// Handed something a scan never validated, the answer may be nonsense but every read stays inside.
static void test_unvalidated_strings_stay_inside(void **state)
{
    (void)state;
    static const char *const raws[] = {"\"\\\"",      "\"\\u\"",          "\"\\u12\"",
                                       "\"\\ud800\"", "\"\\ud800\\\"",    "\"\\ud800\\u\"",
                                       "\"\\uzzzz\"", "\"\\ud800\\uzz\"", "\"\\q\""};
    for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
        size_t n = strlen(raws[i]);
        uint8_t *copy = exact_copy(raws[i], n);
        str s;
        assert_int_equal(json_string_decode((str){(char *)copy, n}, scratch, sizeof scratch, &s), OK);
        assert_true(s.n <= n);
        struct json_member m = {.key = {(char *)copy + 1, n - 2}, .key_escaped = true};
        assert_false(json_key_is(&m, STR("no such key, whatever it says")));
        free(copy);
    }
}

static void test_integers(void **state)
{
    (void)state;
    uint64_t v = 1;
    assert_true(json_u64_decode(STR("0"), 0, &v));
    assert_true(v == 0);
    assert_true(json_u64_decode(STR("9007199254740992"), UINT64_MAX, &v));
    assert_true(v == 1ull << 53);
    assert_true(json_u64_decode(STR("18446744073709551615"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    v = 7;
    static const char *const not_these[] = {
        "18446744073709551616", "-0", "-1", "1.0", "1e3", "1E0", "\"1\"", "true", "", "01"};
    for (size_t i = 0; i < ARRAY_LEN(not_these); i++)
        assert_false(json_u64_decode(str_from_cstr(not_these[i]), UINT64_MAX, &v));
    assert_false(json_u64_decode(STR("101"), 100, &v));
    assert_true(v == 7);
    // F3: 400 digits and a huge exponent are refused without arithmetic on them.
    char digits[400];
    memset(digits, '9', sizeof digits);
    assert_false(json_u64_decode((str){digits, sizeof digits}, UINT64_MAX, &v));
    assert_false(json_u64_decode(STR("1e1000000000"), UINT64_MAX, &v));
}

static void test_bools(void **state)
{
    (void)state;
    bool b = false;
    assert_true(json_bool_decode(STR("true"), &b));
    assert_true(b);
    assert_true(json_bool_decode(STR("false"), &b));
    assert_false(b);
    assert_false(json_bool_decode(STR("null"), &b));
    assert_false(json_bool_decode(STR("1"), &b));
    assert_false(json_bool_decode(STR("\"true\""), &b));
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(json_kind_of(STR("{}")), JSON_OBJECT);
    assert_int_equal(json_kind_of(STR("[]")), JSON_ARRAY);
    assert_int_equal(json_kind_of(STR("\"\"")), JSON_STRING);
    assert_int_equal(json_kind_of(STR("-1")), JSON_NUMBER);
    assert_int_equal(json_kind_of(STR("true")), JSON_BOOL);
    assert_int_equal(json_kind_of(STR("null")), JSON_NULL);
}

// ---- writing

static struct test_mem source;
static struct mem mem;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    test_mem_init(&source, &mem);
    buf_init(&out, &mem, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_deinit(&out);
    test_mem_check(&source);
    return 0;
}

static void test_written_strings(void **state)
{
    (void)state;
    json_put_string(&out, STR_NONE);
    json_put_string(&out, STR("plain text, longer than one block of bytes"));
    json_put_string(&out, STR("\"\\/\b\f\n\r\t\x01\x1f\x7f\0"));
    json_put_string(&out, STR("\xc3\xa4\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x91\x8b<>&'"));
    assert_str(buf_str(&out), "\"\""
                              "\"plain text, longer than one block of bytes\""
                              "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\""
                              "\"\xc3\xa4\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x91\x8b<>&'\"");
}

static void check_round_trip(str s)
{
    char back[400];
    str got = STR_NONE;
    buf_reset(&out, 4096);
    json_put_string(&out, s);
    assert_int_equal(json_validate(buf_str(&out), NULL), OK);
    assert_int_equal(json_string_decode(buf_str(&out), back, sizeof back, &got), OK);
    assert_str_eq(got, s);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 3);
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t n = 1; n < 40; n++) {
            char text[40];
            memset(text, 'y', n);
            text[prng_below(&g, n)] = (char)c;
            check_round_trip((str){text, n});
        }
    }
    for (unsigned round = 0; round < 2000; round++) {
        char text[64];
        size_t n = prng_below(&g, sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)prng_below(&g, 0x80);
        check_round_trip((str){text, n});
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    source.fail_from = 1;
    json_put_string(&out, STR("a\nb"));
    assert_false(buf_ok(&out));
    source.fail_from = 0;
}

// ---- the items of an array

static void check_items(const char *raw, const char *const *wanted, size_t n)
{
    size_t size = strlen(raw);
    uint8_t *copy = exact_copy(raw, size);
    str rest = {(char *)copy, size}, item;
    for (size_t i = 0; i < n; i++) {
        assert_true(json_array_next(&rest, &item));
        assert_str_eq(item, str_from_cstr(wanted[i]));
    }
    assert_false(json_array_next(&rest, &item));
    assert_false(json_array_next(&rest, &item)); // and stays there
    free(copy);
}

static void test_items(void **state)
{
    (void)state;
    check_items("[]", NULL, 0);
    check_items("[ \n]", NULL, 0);
    check_items("[1]", (const char *const[]){"1"}, 1);
    check_items("[1,\"a,]\" , [2,[3]],{\"b\":[]} ,null]",
                (const char *const[]){"1", "\"a,]\"", "[2,[3]]", "{\"b\":[]}", "null"}, 5);
    check_items("{}", NULL, 0); // no array, or none that a scan has validated
    check_items("7", NULL, 0);
    check_items("", NULL, 0);
    check_items("[", NULL, 0);
    check_items("[1,", (const char *const[]){"1"}, 1);
    check_items("[1 2]", (const char *const[]){"1"}, 1);
    check_items("[x]", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_string_limits),
        cmocka_unit_test(test_unvalidated_strings_stay_inside),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_bools),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test_setup_teardown(test_written_strings, begin, end),
        cmocka_unit_test_setup_teardown(test_there_and_back, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
