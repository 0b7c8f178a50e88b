// SPDX-License-Identifier: Apache-2.0
//
// Origins: what cross-site pages have tried (abuse case A11).
#include "unit/support.h"
#include "wire/origin.h"

static bool allowed(const char *origin, const char *host, const char *pattern)
{
    str p = pattern != NULL ? str_from_cstr(pattern) : STR_NONE;
    return origin_allowed(str_from_cstr(origin), true, STR("http"), str_from_cstr(host), &p,
                          pattern != NULL ? 1 : 0);
}

static void test_no_origin(void **state)
{
    (void)state;
    assert_true(origin_allowed(STR_NONE, false, STR("http"), STR("example.org"), NULL, 0));
    assert_true(origin_allowed(STR_NONE, false, STR("http"), STR_NONE, NULL, 0));
    assert_false(origin_allowed(STR(""), true, STR("http"), STR("example.org"), NULL,
                                0)); // an empty field is not none
}

static void test_same_origin(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        bool want;
    } cases[] = {
        {"http://example.org", "example.org", true},
        {"https://example.org", "example.org", false}, // another origin, also behind a proxy that ends TLS
        {"https://example.org:80", "example.org:80", false},
        {"HTTP://Example.ORG", "example.org", true},
        {"http://example.org", "example.org:80", true},
        {"http://example.org:80", "example.org", true},
        {"https://example.org", "example.org:443", false},
        {"https://example.org", "example.org:80", false},
        {"http://example.org", "example.org:443", false},
        {"http://example.org:8000", "example.org:8000", true},
        {"http://example.org:8001", "example.org:8000", false},
        {"http://example.org", "example.org:8000", false},
        {"http://example.org:8000", "example.org", false},
        {"http://127.0.0.1:8000", "127.0.0.1:8000", true},
        {"http://localhost:8000", "127.0.0.1:8000", false},
        {"http://[::1]:8000", "[::1]:8000", true},
        {"http://[::1]", "[::2]", false},
        {"http://evil.org", "example.org", false},
        {"http://example.org.evil.net", "example.org", false},
        {"http://evilexample.org", "example.org", false},
        {"http://a.example.org", "example.org", false},
        {"http://example.org", "a.example.org", false},
        {"ws://example.org", "example.org", false}, // no page has such an origin
        {"ftp://example.org", "example.org", false},
        {"chrome-extension://example.org", "example.org", false},
        {"null", "null", false},
        {"http://example.org", "", false},
        {"http://example.org", "example.org, evil.org", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (allowed(cases[i].origin, cases[i].host, NULL) != cases[i].want)
            fail_msg("origin %s at host %s", cases[i].origin, cases[i].host);
    }
    // Under TLS it is the other way round.
    assert_true(origin_allowed(STR("https://a.example"), true, STR("https"), STR("a.example"), NULL, 0));
    assert_true(origin_allowed(STR("HTTPS://a.example"), true, STR("https"), STR("a.example:443"), NULL, 0));
    assert_false(origin_allowed(STR("http://a.example"), true, STR("https"), STR("a.example"), NULL, 0));
    assert_false(origin_allowed(STR("https://a.example"), true, STR("https"), STR("a.example:80"), NULL, 0));
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *pattern;
        bool want;
    } cases[] = {
        {"https://app.example.org", "https://app.example.org", true},
        {"https://app.example.org:443", "https://app.example.org", true},
        {"https://app.example.org", "https://app.example.org:443", true},
        {"https://APP.example.org", "https://app.EXAMPLE.org", true},
        {"http://app.example.org", "https://app.example.org", false},
        {"https://app.example.org:444", "https://app.example.org", false},
        {"https://app.example.org", "https://app.example.org:444", false},
        {"https://app.example.org.evil.net", "https://app.example.org", false},
        {"https://app.example.orgx", "https://app.example.org", false},
        {"https://xapp.example.org", "https://app.example.org", false},
        {"https://anything.at.all:1", "*", true},
        {"tauri://localhost", "tauri://localhost", true},
        {"chrome-extension://abcdef", "chrome-extension://abcdef", true},
        {"chrome-extension://abcdeg", "chrome-extension://abcdef", false},
        {"https://a.example.org", "https://*.example.org", true},
        {"https://a.b.example.org", "https://*.example.org", true},
        {"https://A.Example.Org", "https://*.example.org", true},
        {"https://example.org", "https://*.example.org", false},
        {"https://.example.org", "https://*.example.org", false},
        {"https://evilexample.org", "https://*.example.org", false},
        {"https://example.org.evil.net", "https://*.example.org", false},
        {"https://a.example.org.evil.net", "https://*.example.org", false},
        {"https://evil.net/.example.org", "https://*.example.org", false},
        {"https://evil.net#.example.org", "https://*.example.org", false},
        {"https://evil.net?.example.org", "https://*.example.org", false},
        {"https://evil.net\\.example.org", "https://*.example.org", false},
        {"https://evil.net:80.example.org", "https://*.example.org", false},
        {"https://evil.net@a.example.org", "https://*.example.org", false},
        {"https://a@a.example.org", "https://*.example.org", false},
        {"https://a..example.org", "https://*.example.org", false},
        {"https://a.example.org.", "https://*.example.org", false},
        {"http://a.example.org", "https://*.example.org", false},
        {"https://a.example.org:8443", "https://*.example.org", false},
        {"https://a.example.org:8443", "https://*.example.org:8443", true},
        {"https://*.example.org", "https://*.example.org", false}, // a pattern is not an origin
        {"null", "null", true},
        {"null", "*", false},
        {"NULL", "null", false},
        {"https://a", "null", false},
        {"https://a", "", false},
        {"https://a", "nonsense", false},
        {"https://a", "https://", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (allowed(cases[i].origin, "elsewhere:1", cases[i].pattern) != cases[i].want)
            fail_msg("origin %s, pattern %s", cases[i].origin, cases[i].pattern);
    }
}

static void test_malformed_is_refused_even_by_a_star(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "example.org",
        "//example.org",
        "://example.org",
        "http:example.org",
        "http:/example.org",
        "http//example.org",
        "1http://example.org",
        "ht tp://example.org",
        "http://",
        "http:///",
        "http://:80",
        "http://a:b",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:080",
        "http://a:80:80",
        "http://a/",
        "http://a/b",
        "http://a?b",
        "http://a#b",
        "http://u@a",
        "http://u:p@a",
        "http://a b",
        " http://a",
        "http://a ",
        "http://a, http://b",
        "http://a http://b",
        "http://m\xc3\xbcller.example",
        "http://%61",
        "http://.a",
        "http://a.",
        "http://a..b",
        "http://.",
        "http://[::1",
        "http://::1",
        "http://[]",
        "http://a\\b",
        "http://*",
        "http://*.a",
        "*",
        "Null",
        "null ",
        "file://",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (allowed(bad[i], "a", "*"))
            fail_msg("allowed: '%s'", bad[i]);
    }
    str star = STR("*");
    assert_false(origin_allowed(STR("http://a\0.example.org"), true, STR("http"), STR("a"), &star, 1));
}

static void test_any_of_several_patterns(void **state)
{
    (void)state;
    const str patterns[] = {STR("https://a.example"), STR("null"), STR("https://*.b.example")};
    assert_true(origin_allowed(STR("https://a.example"), true, STR("http"), STR("x"), patterns, 3));
    assert_true(origin_allowed(STR("https://c.b.example"), true, STR("http"), STR("x"), patterns, 3));
    assert_true(origin_allowed(STR("null"), true, STR("http"), STR("x"), patterns, 3));
    assert_false(origin_allowed(STR("null"), true, STR("http"), STR("x"), patterns, 1));
    assert_false(origin_allowed(STR("https://b.example"), true, STR("http"), STR("x"), patterns, 3));
}

static void test_pattern_check(void **state)
{
    (void)state;
    assert_true(origin_pattern_valid(STR("*")));
    assert_true(origin_pattern_valid(STR("null")));
    assert_true(origin_pattern_valid(STR("https://example.org")));
    assert_true(origin_pattern_valid(STR("https://*.example.org:8443")));
    assert_true(origin_pattern_valid(STR("app://localhost")));
    assert_false(origin_pattern_valid(STR("")));
    assert_false(origin_pattern_valid(STR("example.org")));
    assert_false(origin_pattern_valid(STR("https://example.org/")));
    assert_false(origin_pattern_valid(STR("https://*")));
    assert_false(origin_pattern_valid(STR("https://*.")));
    assert_false(origin_pattern_valid(STR("https://*example.org")));
    assert_false(origin_pattern_valid(STR("https://a.*.org")));
    assert_false(origin_pattern_valid(STR("https://*.[::1]")));
    assert_false(origin_pattern_valid(STR("*://example.org")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_origin),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_malformed_is_refused_even_by_a_star),
        cmocka_unit_test(test_any_of_several_patterns),
        cmocka_unit_test(test_pattern_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
