// SPDX-License-Identifier: Apache-2.0
//
// The JSON reader: what it takes and refuses (in the spirit of JSONTestSuite, the cases our own), members, duplicates,
// depth, and random damage against a slow recursive parser (abuse cases F1-F4).
#include "base/prng.h"
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/json.h"

#define U(literal)                   \
    {                                \
        literal, sizeof(literal) - 1 \
    }

// Values that every JSON parser must take; each is tried alone, in an array and in an object.
// clang-format off
static const str good[] = {
    U("null"), U("true"), U("false"), U("0"), U("-0"), U("1"), U("-1"), U("10"), U("1234567890"), U("0.0"),
    U("-0.0"), U("0.5"), U("-0.5"), U("1.25"), U("123.456"), U("1e0"), U("1E0"), U("1e5"), U("1E5"),
    U("1e+5"), U("1e-5"), U("1E+05"), U("1E-005"), U("0e0"), U("0e+1"), U("-0e-1"), U("1.5e300"),
    U("1e1000000000"), U("1e-1000000000"), U("-1e999999999999999999999999"), U("9007199254740993"),
    U("18446744073709551616"), U("-9223372036854775809"),
    U("3.141592653589793238462643383279502884197169399375105820974944592307816406286"),
    U("0.000000000000000000000000000000000000000000000000000000000000000000000000000000001"),
    U("123123123123123123123123123123"), U("-123123123123123123123123123123e-7"), U("\"\""), U("\" \""),
    U("\"a\""), U("\"abc def\""), U("\"\\\"\""), U("\"\\\\\""), U("\"\\/\""), U("\"/\""),
    U("\"\\b\\f\\n\\r\\t\""), U("\"\\u0000\""), U("\"\\u0041\""), U("\"\\u00e4\""), U("\"\\u00E4\""),
    U("\"\\uFFFF\""), U("\"\\uaBcD\""), U("\"\\ud83d\\udc4b\""), U("\"\\uD800\\uDC00\""),
    U("\"\\uDBFF\\uDFFF\""), U("\"\\ud7ff\\ue000\""), U("\"\\u0022\""), U("\"\\u005C\""),
    U("\"\\u2028\\u2029\""), U("\"\\u0060\\u012a\\u12AB\""), U("\"\\\\u0000\""), U("\"\\\\n\""),
    U("\"\\\\\\\"\""), U("\"\x7f\""), U("\"\xc2\x80\""), U("\"\xc3\xa4\""), U("\"\xe2\x82\xac\""),
    U("\"\xe2\x80\xa8\xe2\x80\xa9\""), U("\"\xef\xbb\xbf\""), U("\"\xef\xbf\xbf\""), U("\"\xef\xbf\xbd\""),
    U("\"\xf0\x9f\x91\x8b\""), U("\"\xf4\x8f\xbf\xbf\""), U("\"\xf0\x90\x80\x80\""), U("\"\xed\x9f\xbf\""),
    U("\"\xee\x80\x80\""), U("\"\xf0\x9b\xbf\xbf\""), U("\"asd \xd0\x96\xd0\x96 dsa\""), U("\"[]{},:\""),
    U("\"null\""), U("\"true\""), U("\"/* no comment */\""), U("\"// neither\""), U("\"'\""),
    U("\"<script>\""), U("\"a string that is longer than sixteen bytes\""), U("\"exactly sixteen.\""),
    U("\"fifteen bytes..\""),
    U("\"\\\"long \\\\ and \\\" full of \\n escapes, more than one block of them\\\"\""), U("[]"), U("[ ]"),
    U("[\t\n\r ]"), U("[1]"), U("[ 1 ]"), U("[1,2]"), U("[1 , 2]"), U("[[]]"), U("[[],[]]"),
    U("[[[[[[[[]]]]]]]]"), U("[\"\"]"), U("[null]"), U("[false]"), U("[null,1,\"a\",{}]"),
    U("[1,[2,[3,[4]]],5]"), U("[1\n]"), U("[\n1\n,\n2\n]"), U("[{}]"), U("[{},{}]"),
    U("[1,null,null,null,2]"), U("[\"a\\u0000b\"]"), U("{}"), U("{ }"), U("{\t\r\n}"), U("{\"a\":1}"),
    U("{ \"a\" : 1 }"), U("{\"a\":1,\"b\":2}"), U("{\"\":0}"), U("{\"a\":{}}"), U("{\"a\":[]}"),
    U("{\"a\":{\"a\":{\"a\":1}}}"), U("{\"a\\u0000b\":1}"), U("{\"\\u0061\":1}"), U("{\"a\":\n\n1\n}"),
    U("{\"min\":-1.0e+28,\"max\":1.0e+28}"), U("{\"x\":[{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}"),
    U("{\"\xc3\xa4\":\"\xc3\xb6\"}"), U("{\"a\":\"b\",\"c\":[1,2,{\"d\":null}],\"e\":true,\"f\":-1}"),
    U("{\"a\":[{\"b\":[{\"c\":[]}]}]}"), U("[{\"a\":1},[{\"b\":2}],\"c\"]"),
};
// clang-format on

// Texts that no strict JSON parser takes, as they stand.
// clang-format off
static const str bad[] = {
    U(""), U(" "), U("\n"), U("\0"), U("nul"), U("nulll"), U("Null"), U("NULL"), U("tru"), U("truE"),
    U("True"), U("fals"), U("falsee"), U("undefined"), U("NaN"), U("-NaN"), U("nan"), U("Infinity"),
    U("-Infinity"), U("inf"), U("a"), U("'a'"), U("+1"), U("++1"), U("+0"), U("-"), U("--1"), U("-a"),
    U("- 1"), U("00"), U("01"), U("-01"), U("-00"), U("007"), U("1."), U("-1."), U("0."), U(".5"), U("-.5"),
    U("1.e5"), U(".e5"), U("1..2"), U("1.2.3"), U("1e"), U("1E"), U("1e+"), U("1E-"), U("1ea"), U("1e5.5"),
    U("1e5e5"), U("1eE2"), U("0e"), U("0e+"), U("0x1"), U("0X1F"), U("1x"), U("1a"), U("1 000"), U("1_000"),
    U("1,"), U("1 2"), U("1L"), U("0b1"), U("0o7"), U("\xef\xbc\x91"), U("1\0"), U("-1x"),
    U("1.8011670033376514H-308"), U("-2.a"), U("0.1.2"), U("0.3e"), U("0.3e+"), U("0E+"), U("1.0e"),
    U("1.0e-"), U("\""), U("\"a"), U("a\""), U("\"\\\""), U("\"\\"), U("\"a\\"), U("\"\\x41\""),
    U("\"\\a\""), U("\"\\v\""), U("\"\\0\""), U("\"\\'\""), U("\"\\ \""), U("\"\\\n\""),
    U("\"\\\xc3\xa4\""), U("\"\\U0041\""), U("\"\\u\""), U("\"\\u0\""), U("\"\\u00\""), U("\"\\u004\""),
    U("\"\\u004g\""), U("\"\\u 041\""), U("\"\\u-041\""), U("\"\\u00"), U("\"\\u{41}\""), U("\"\\uD800\""),
    U("\"\\uDBFF\""), U("\"\\uDC00\""), U("\"\\uDFFF\""), U("\"\\uD800a\""), U("\"\\uD800\\n\""),
    U("\"\\uD800\\u\""), U("\"\\uD800\\u0041\""), U("\"\\uD800\\uD800\""), U("\"\\uD800\\uDC0\""),
    U("\"\\uDC00\\uD800\""), U("\"\\uD800\\\""), U("\"\\uD800\\uE000\""), U("\"\\uD800 \\uDC00\""),
    U("\"\\uD8"), U("\"\0\""), U("\"\x01\""), U("\"\x1f\""), U("\"\n\""), U("\"\t\""), U("\"a\rb\""),
    U("\"sixteen bytes ok\n\""), U("\"\x80\""), U("\"\xbf\""), U("\"\xc0\x80\""), U("\"\xc1\xbf\""),
    U("\"\xc3\""), U("\"\xc3(\""), U("\"\xe2\x82\""), U("\"\xe0\x80\x80\""), U("\"\xe0\x9f\xbf\""),
    U("\"\xed\xa0\x80\""), U("\"\xed\xbf\xbf\""), U("\"\xf0\x80\x80\x80\""), U("\"\xf0\x9f\x91\""),
    U("\"\xf4\x90\x80\x80\""), U("\"\xf5\x80\x80\x80\""), U("\"\xfe\""), U("\"\xff\""),
    U("\"\xfc\x83\xbf\xbf\xbf\xbf\""), U("\"\xe9\""), U("\xc3\xa4"), U("\xef\xbb\xbf{}"),
    U("\xff\xfe{\0}\0"), U("["), U("]"), U("[1"), U("[1,"), U("[,1]"), U("[,]"), U("[1,]"), U("[1,,2]"),
    U("[1 2]"), U("[1;2]"), U("[1:2]"), U("[\"a\""), U("[\"a\",\n1"), U("[]]"), U("[[]"), U("[}"), U("[1}"),
    U("[1]]"), U("[][]"), U("[]1"), U("[]a"), U("[],"), U("[a]"), U("[\"a\"1]"), U("[1,\n1\n,1"),
    U("[\x0b]"), U("[\x0c]"), U("[\xc2\xa0]"), U("[\xe2\x81\xa0]"), U("[*]"), U("[\"a\":1]"), U("[1]x"),
    U("[-]"), U("[1+2]"), U("[\"x\"\"y\"]"), U("[\"\\\x00\"]"), U("[tru]"), U("[nul"), U("{"), U("}"),
    U("{]"), U("{1}"), U("{a}"), U("{a:1}"), U("{'a':1}"), U("{1:1}"), U("{null:1}"), U("{\"a\"}"),
    U("{\"a\" 1}"), U("{\"a\":}"), U("{\"a\":1"), U("{\"a\":1,"), U("{\"a\":1,}"), U("{\"a\":1,,\"b\":2}"),
    U("{,}"), U("{,\"a\":1}"), U("{\"a\"::1}"), U("{\"a\":1 \"b\":2}"), U("{\"a\":1;\"b\":2}"),
    U("{\"a\":1]"), U("{\"a\":1}}"), U("{\"a\":1}x"), U("{\"a\":1}{}"), U("{}{}"), U("{} {}"), U("{},"),
    U("{}#"), U("{} //"), U("{}/**/"), U("/**/{}"), U("{/**/}"), U("{\"a\":/**/1}"), U("{\"a\":\"b\"/**/}"),
    U("#{}"), U("{\"a\""), U("{\""), U("{\"a"), U("{\"a\":tru}"), U("{\"a\",1}"), U("{\"a\"=1}"),
    U("{[]:1}"), U("{\"a\":1,b:2}"), U("{\"a\":01}"), U("{\"a\":\"\n\"}"), U("{\"\x01\":1}"),
    U("{\"\xff\":1}"), U("{\"\\ud800\":1}"), U("{\"a\":\"b\",}"), U("{\"a\":1\0}"), U("\0{}"), U("{}\0"),
    U("{:1}"), U("{\"a\":1,\"b\"}"), U("{\"a\":1,2}"), U("<html>"), U("@"), U("{\"a\":@}"), U("[1,2"),
    U("[[[["), U("{\"a\":[}"), U("{\"a\":{]}"), U("{\"a\":[1,{\"b\":2]}}"), U("{\"a\":[1,{\"b\":2}}"),
    U("[{\"a\":1]}"), U("{} null"),
};
// clang-format on

// Over an exact copy, so that a look past the end is found.
static enum err validate(const void *p, size_t n)
{
    uint8_t *copy = exact_copy(p, n);
    struct json_problem problem = {SIZE_MAX, NULL};
    enum err e = json_validate((str){(char *)copy, n}, &problem);
    assert_int_equal(e == OK, json_valid_slow(copy, n));
    assert_int_equal(e == OK, problem.message == NULL);
    assert_true(e == OK || problem.offset <= n);
    free(copy);
    return e;
}

static enum err validate_inside(const char *before, str value, const char *after)
{
    char text[1000];
    int n = snprintf(text, sizeof text, "%s", before);
    memcpy(text + n, value.p, value.n);
    n += (int)value.n;
    n += snprintf(text + n, sizeof text - (size_t)n, "%s", after);
    return validate(text, (size_t)n);
}

static void test_good(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(good) >= 100);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (validate(good[i].p, good[i].n) != OK || validate_inside(" \t\r\n", good[i], "\n ") != OK ||
            validate_inside("[", good[i], "]") != OK || validate_inside("[1,", good[i], " ,2]") != OK ||
            validate_inside("{\"k\":", good[i], ",\"l\":[]}") != OK)
            fail_msg("refused: %.*s", STR_ARG(good[i]));
        // Nothing that is cut short is good, but for a number.
        for (size_t n = 1; n < good[i].n; n++) {
            enum err e = validate(good[i].p, n);
            assert_true(e != OK || strchr("-0123456789", good[i].p[0]) != NULL);
        }
    }
}

static void test_bad(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(bad) >= 100);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (validate(bad[i].p, bad[i].n) == OK)
            fail_msg("taken: %.*s", STR_ARG(bad[i]));
        struct json_member members[4];
        size_t count;
        uint8_t *copy = exact_copy(bad[i].p, bad[i].n);
        assert_true(json_object_scan((str){(char *)copy, bad[i].n}, members, 4, &count, NULL) < 0);
        free(copy);
    }
}

// ---- members

static struct json_member members[JSON_KEYS_MAX];
static size_t count;
static struct json_problem problem;

static enum err scan(const char *text)
{
    problem = (struct json_problem){SIZE_MAX, NULL};
    return json_object_scan(str_from_cstr(text), members, JSON_KEYS_MAX, &count, &problem);
}

static void test_members(void **state)
{
    (void)state;
    assert_int_equal(
        scan(" { \"type\" : \"message\" ,\"n\":-1.5e3,\"data\":{\"a\":[1,2]} ,\"l\":[ ],\"t\":true,"
             "\"f\":false,\"z\":null,\"\":\"\"} "),
        OK);
    assert_int_equal(count, 8);
    static const struct {
        const char *key, *value;
        enum json_kind kind;
    } want[] = {
        {"type", "\"message\"", JSON_STRING},
        {"n", "-1.5e3", JSON_NUMBER},
        {"data", "{\"a\":[1,2]}", JSON_OBJECT},
        {"l", "[ ]", JSON_ARRAY},
        {"t", "true", JSON_BOOL},
        {"f", "false", JSON_BOOL},
        {"z", "null", JSON_NULL},
        {"", "\"\"", JSON_STRING},
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_str_eq(members[i].key, str_from_cstr(want[i].key));
        assert_str_eq(members[i].value, str_from_cstr(want[i].value));
        assert_int_equal(members[i].kind, want[i].kind);
        assert_false(members[i].key_escaped);
        assert_ptr_equal(json_member_find(members, count, str_from_cstr(want[i].key)), &members[i]);
    }
    assert_null(json_member_find(members, count, STR("typ")));
    assert_int_equal(scan("{}"), OK);
    assert_int_equal(count, 0);
}

static void test_an_object_it_must_be(void **state)
{
    (void)state;
    static const char *const others[] = {"", "1", "\"a\"", "null", "[]", "[{}]", " "};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(scan(others[i]), ERR_SYNTAX);
    assert_int_equal(json_object_scan(STR_NONE, members, 1, &count, NULL), ERR_SYNTAX);
}

static void test_duplicates(void **state)
{
    (void)state;
    assert_int_equal(scan("{\"a\":1,\"b\":2,\"a\":3}"), ERR_EXISTS);
    assert_int_equal(problem.offset, 13);
    assert_int_equal(scan("{\"a\":1,\"\\u0061\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"\\u0061\":1,\"\\u0061\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"\xf0\x9f\x91\x8b\":1,\"\\ud83d\\udc4b\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"\\/\":1,\"/\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"\\n\":1,\"\\u000A\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"\":1,\"\":3}"), ERR_EXISTS);
    assert_int_equal(scan("{\"a\":1,\"A\":2,\"a \":3,\"\\\\u0061\":4,\"\\u0061\\u0061\":5}"), OK);
    assert_int_equal(scan("{\"a\":{\"b\":1,\"b\":2}}"), OK); // nested: found when that object is scanned
    assert_int_equal(json_object_scan(members[0].value, members, JSON_KEYS_MAX, &count, NULL), ERR_EXISTS);
}

static void test_escaped_keys(void **state)
{
    (void)state;
    assert_int_equal(scan("{\"t\\u0079pe\":\"x\",\"a\\tb\":1,\"\\u00e4\\ud83d\\udc4b\":2}"), OK);
    assert_true(members[0].key_escaped);
    assert_str(members[0].key, "t\\u0079pe");
    assert_ptr_equal(json_member_find(members, count, STR("type")), &members[0]);
    assert_ptr_equal(json_member_find(members, count, STR("a\tb")), &members[1]);
    assert_ptr_equal(json_member_find(members, count, STR("\xc3\xa4\xf0\x9f\x91\x8b")), &members[2]);
    assert_false(json_key_is(&members[0], STR("typ")));
    assert_false(json_key_is(&members[0], STR("types")));
    assert_false(json_key_is(&members[2], STR("\xc3\xa4\xf0\x9f\x91")));
    assert_false(json_key_is(&members[0], STR("")));
}

static void test_too_many_members(void **state)
{
    (void)state;
    struct json_member two[2];
    assert_int_equal(json_object_scan(STR("{\"a\":1,\"b\":2}"), two, 2, &count, &problem), OK);
    assert_int_equal(json_object_scan(STR("{\"a\":1,\"b\":2,\"c\":3}"), two, 2, &count, &problem), ERR_LIMIT);
    assert_int_equal(problem.offset, 13);
    assert_int_equal(json_object_scan(STR("{\"a\":1}"), two, 0, &count, &problem), ERR_LIMIT);
    assert_int_equal(json_object_scan(STR("{}"), two, 0, &count, &problem), OK);
}

static void test_problems_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err e;
        size_t offset;
    } cases[] = {
        {"{\"a\":01}", ERR_SYNTAX, 6},        {"{\"a\" 1}", ERR_SYNTAX, 5},
        {"{\"a\":1", ERR_SYNTAX, 6},          {"{\"a\":\"b", ERR_SYNTAX, 7},
        {"{\"a\":tru}", ERR_SYNTAX, 5},       {"{} x", ERR_SYNTAX, 3},
        {"{\"ab\":\"cd\xff\"}", ERR_UTF8, 9}, {"{\"a\":\"\\ud800\"}", ERR_UTF8, 6},
        {"{\"a\":\"\n\"}", ERR_SYNTAX, 6},    {"{\"a\":\"\\q\"}", ERR_SYNTAX, 6},
        {"{\"a\":[1,]}", ERR_SYNTAX, 8},      {"[1]", ERR_SYNTAX, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(scan(cases[i].text), cases[i].e);
        if (problem.offset != cases[i].offset)
            fail_msg("%s: offset %zu", cases[i].text, problem.offset);
        assert_non_null(problem.message);
    }
}

// ---- depth

static str nested(char *p, size_t depth, const char *open, const char *close)
{
    char *at = p;
    for (size_t i = 0; i < depth; i++)
        at = (char *)mempcpy(at, open, strlen(open));
    *at++ = '1';
    for (size_t i = 0; i < depth; i++)
        at = (char *)mempcpy(at, close, strlen(close));
    return (str){p, (size_t)(at - p)};
}

static void test_depth(void **state)
{
    (void)state;
    static char text[1000];
    static const size_t most = JSON_DEPTH_MAX;
    assert_int_equal(json_validate(nested(text, most, "[", "]"), &problem), OK);
    assert_int_equal(json_validate(nested(text, most + 1, "[", "]"), &problem), ERR_LIMIT);
    assert_int_equal(problem.offset, most);
    assert_int_equal(json_validate(nested(text, most, "{\"a\":", "}"), NULL), OK);
    assert_int_equal(json_validate(nested(text, most + 1, "{\"a\":", "}"), NULL), ERR_LIMIT);
    assert_int_equal(json_object_scan(nested(text, most, "{\"a\":", "}"), members, 1, &count, NULL), OK);
    assert_int_equal(json_object_scan(nested(text, most + 1, "{\"a\":", "}"), members, 1, &count, NULL),
                     ERR_LIMIT);
    // 64 brackets of alternating kind, closed wrongly at one place, must not pass.
    assert_int_equal(json_validate(nested(text, most / 2, "[{\"a\":", "}]"), NULL), OK);
    str s = nested(text, most / 2, "[{\"a\":", "}]");
    text[s.n - 30] = '}' == text[s.n - 30] ? ']' : '}';
    assert_int_equal(json_validate(s, NULL), ERR_SYNTAX);
}

static void test_hundred_thousand_brackets(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *p = malloc(5 + N);
    assert_non_null(p);
    memcpy(p, "{\"a\":", 5);
    memset(p + 5, '[', N);
    assert_int_equal(json_object_scan((str){p, 5 + N}, members, 1, &count, &problem), ERR_LIMIT);
    assert_int_equal(problem.offset, 5 + JSON_DEPTH_MAX - 1);
    free(p);
}

// ---- random damage

static void test_damaged_texts_against_the_slow_parser(void **state)
{
    (void)state;
    static const char pool[] = "{}[]\",:\\ \n0123456789-+.eEtrufalsn\x01\x7f\x80\xc3\xa4\xe2\xed\xf0\xff/bu";
    struct prng g;
    prng_init(&g, 7);
    for (unsigned round = 0; round < 200000; round++) {
        str base = good[prng_below(&g, ARRAY_LEN(good))];
        char text[200];
        assert_true(base.n < 150);
        memcpy(text, base.p, base.n);
        size_t n = base.n;
        for (uint64_t edits = 1 + prng_below(&g, 3); edits > 0; edits--) {
            size_t at = prng_below(&g, n + 1);
            char c = pool[prng_below(&g, sizeof pool - 1)];
            if (at < n && prng_below(&g, 3) == 0) {
                memmove(text + at, text + at + 1, n - at - 1);
                n--;
            } else if (at < n && prng_below(&g, 2) == 0) {
                text[at] = c;
            } else {
                memmove(text + at + 1, text + at, n - at);
                text[at] = c;
                n++;
            }
        }
        validate(text, n);
    }
}

// The run of plain characters stops where it must, for every stop at every place of the blocks of 16 and 8.
static void test_stops_in_strings(void **state)
{
    (void)state;
    for (size_t n = 3; n < 60; n++) {
        for (size_t at = 1; at < n - 1; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char text[60];
                memset(text, 'x', n);
                text[0] = text[n - 1] = '"';
                text[at] = (char)c;
                bool want = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                assert_int_equal(json_validate((str){text, n}, NULL) == OK, want);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_an_object_it_must_be),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_escaped_keys),
        cmocka_unit_test(test_too_many_members),
        cmocka_unit_test(test_problems_say_where),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_hundred_thousand_brackets),
        cmocka_unit_test(test_damaged_texts_against_the_slow_parser),
        cmocka_unit_test(test_stops_in_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
