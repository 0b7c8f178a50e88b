// SPDX-License-Identifier: Apache-2.0
//
// Tokens, lists, hosts, paths.
#include "unit/support.h"
#include "wire/http.h"

static void test_paths(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/",    "/a",      "/a/b.js", "/a//b",         "/a/",
        "/.a",  "/..a",    "/a..",    "/a.b/c",        "/...",
        "/%20", "/%41%7E", "/%c3%a4", "/%F0%9F%91%8B", "/a;b=c,d:e@f!$&'()*+~-_|{}\"<>^`[]",
    };
    static const char *const bad[] = {
        "",         "a",     "*",       "/.",     "/..",        "/./",           "/../",
        "/a/.",     "/a/..", "/a/../b", "/a/./b", "/%",         "/%2",           "/%zz",
        "/%2g",     "/%-1",  "/%00",    "/%0a",   "/%1f",       "/%7f",          "/%2f",
        "/%2F",     "/%5c",  "/%5C",    "/%2e",   "/%2E%2e",    "/.%2e/",        "/%2e./",
        "/\\",      "/a b",  "/\t",     "/\x7f",  "/\xc3\xa4",  "/%c0%af",       "/%e0%80%af",
        "/%c0%ae",  "/%ff",  "/%c3",    "/%c3a",  "/%ed%a0%80", "/%f4%90%80%80", "/a/%c3",
        "/%c3/%a4",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!http_path_normal(str_from_cstr(good[i])))
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (http_path_normal(str_from_cstr(bad[i])))
            fail_msg("taken: %s", bad[i]);
    }
    assert_false(http_path_normal(STR("/a\0b")));
    assert_false(http_path_normal(STR_NONE));
}

static void test_hosts(void **state)
{
    (void)state;
    str name;
    uint16_t port;
    assert_true(http_host_split(STR("example.org"), &name, &port));
    assert_str(name, "example.org");
    assert_int_equal(port, 0);
    assert_true(http_host_split(STR("a_b-c.9:65535"), &name, &port));
    assert_str(name, "a_b-c.9");
    assert_int_equal(port, 65535);
    assert_true(http_host_split(STR("[2001:db8::1]:80"), &name, &port));
    assert_str(name, "[2001:db8::1]");
    assert_int_equal(port, 80);
    static const char *const bad[] = {
        "",
        ":80",
        "a:",
        "a:0",
        "a:65536",
        "a:08",
        "a:-1",
        "a:8 0",
        "a:b",
        "a:1:2",
        "a b",
        "u@a",
        "a/b",
        "a?b",
        "a,b",
        "[",
        "[]",
        "[:]x",
        "[::1",
        "::1",
        "[::1]80",
        "[::g]",
        "[fe80::1%25eth0]",
        "a\xc3\xa4",
        "a%41",
        "*",
        "a]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (http_host_split(str_from_cstr(bad[i]), &name, &port))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_lists(void **state)
{
    (void)state;
    str list = STR(" a ,,\tb\t, , c d ,");
    str element;
    assert_true(http_list_next(&list, &element));
    assert_str(element, "a");
    assert_true(http_list_next(&list, &element));
    assert_str(element, "b");
    assert_true(http_list_next(&list, &element));
    assert_str(element, "c d");
    assert_false(http_list_next(&list, &element));
    assert_false(http_list_next(&list, &element));
    list = STR_NONE;
    assert_false(http_list_next(&list, &element));
}

static void test_tokens(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char p = (char)c;
        bool want = c > 0x20 && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", (int)c) == NULL;
        assert_int_equal(http_is_token((str){&p, 1}), want);
    }
    assert_false(http_is_token(STR_NONE));
    assert_false(http_is_token(STR("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
