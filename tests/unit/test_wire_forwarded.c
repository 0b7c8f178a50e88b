// SPDX-License-Identifier: Apache-2.0
//
// X-Forwarded-For and Forwarded (A12): whose word counts, and that nobody's own words change it.
#include "unit/support.h"
#include "wire/forwarded.h"

#include <stdio.h>

static const char *const believed_text[] = {"10.0.0.0/8", "fd00::/8"};

static struct forwarded find(enum forwarded_field field, const char *fields, struct http_request *rq)
{
    static char head[HTTP_HEAD_MAX + 1];
    struct ip_net believed[ARRAY_LEN(believed_text)];
    for (size_t i = 0; i < ARRAY_LEN(believed); i++)
        assert_int_equal(ip_net_parse(str_from_cstr(believed_text[i]), &believed[i]), OK);
    int n = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_true(n > 0 && (size_t)n < sizeof head);
    assert_int_equal(http_request_parse(str_make(head, (size_t)n), rq), OK);
    return forwarded_find(rq, field, believed, ARRAY_LEN(believed));
}

// want: the client, "" for none; a + behind it: it came by https, a - by http.
static void check(enum forwarded_field field, const char *fields, const char *want)
{
    struct http_request rq;
    char client[IP_PORT_TEXT_MAX] = "", got[IP_PORT_TEXT_MAX + 2];
    struct forwarded f = find(field, fields, &rq);
    static const char *const schemes[] = {"", "-", "+"};
    if (f.named)
        ip_port_format(&f.client, client);
    snprintf(got, sizeof got, "%s%s", client, schemes[f.scheme]);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got %s, want %s", fields, got, want);
}

#define X(value) "X-Forwarded-For: " value "\r\n"
#define F(value) "Forwarded: " value "\r\n"

static void the_rightmost_who_is_not_believed(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {X(""), ""},
        {X("203.0.113.9"), "203.0.113.9:0"},
        {X("203.0.113.9:5555"), "203.0.113.9:5555"},
        {X("2001:db8::9"), "[2001:db8::9]:0"},
        {X("[2001:db8::9]:80"), "[2001:db8::9]:80"},
        {X("1.1.1.1, 203.0.113.9"), "203.0.113.9:0"},
        {X("203.0.113.9, 10.0.0.7"), "203.0.113.9:0"},
        {X("1.1.1.1, 203.0.113.9,10.0.0.7 , fd00::1"), "203.0.113.9:0"},
        {X("10.0.0.8, 10.0.0.7"), "10.0.0.8:0"}, // all are believed: the first of them
        {X("203.0.113.9, , ,"), "203.0.113.9:0"},
        {X(",,,"), ""},
        {X("unknown"), ""},
        {X("1.1.1.1, unknown"), ""},
        {X("1.1.1.1, unknown, 10.0.0.7"), "10.0.0.7:0"},
        {X("1.1.1.1, _hidden, 10.0.0.7"), "10.0.0.7:0"},
        {X("1.1.1.1, nonsense, 10.0.0.7"), "10.0.0.7:0"},
        {X("1.1.1.1, 10.0.0.7\", 10.0.0.8"), "10.0.0.8:0"},
        {X("1.1.1.1") X("203.0.113.9"), "203.0.113.9:0"}, // several fields are one list
        {X("203.0.113.9") X("10.0.0.7, 10.0.0.8"), "203.0.113.9:0"},
        {X("203.0.113.9") X(""), "203.0.113.9:0"},
        {"x-forwarded-FOR: 203.0.113.9\r\n", "203.0.113.9:0"},
        {F("for=203.0.113.9"), ""}, // the other field is not looked at
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(FORWARDED_X_FOR, cases[i][0], cases[i][1]);
}

static void the_scheme_that_the_nearest_proxy_says(void **state)
{
    static const char *const cases[][2] = {
        {X("203.0.113.9") "X-Forwarded-Proto: https\r\n", "203.0.113.9:0+"},
        {X("203.0.113.9") "X-Forwarded-Proto: http\r\n", "203.0.113.9:0-"},
        {X("203.0.113.9") "X-Forwarded-Proto: WSS\r\n", "203.0.113.9:0+"},
        {X("203.0.113.9") "X-Forwarded-Proto: gopher\r\n", "203.0.113.9:0"},
        {"X-Forwarded-Proto: https\r\n", "+"},
        {"X-Forwarded-Proto: https, http\r\n", "-"},
        {"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "-"},
        {"X-Forwarded-Proto:\r\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(FORWARDED_X_FOR, cases[i][0], cases[i][1]);
}

static void elements_of_rfc_7239(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {F("for=203.0.113.9"), "203.0.113.9:0"},
        {F("For=\"203.0.113.9:47011\""), "203.0.113.9:47011"},
        {F("for=\"[2001:db8:cafe::17]\""), "[2001:db8:cafe::17]:0"},
        {F("for=\"[2001:db8:cafe::17]:4711\""), "[2001:db8:cafe::17]:4711"},
        {F("for=\"203.0.113.9:_port\""), "203.0.113.9:0"},
        {F("for=203.0.113.9;proto=https;by=10.0.0.1"), "203.0.113.9:0+"},
        {F("proto=http; for=203.0.113.9"), "203.0.113.9:0-"},
        {F("host=\"a,b;c\";for=203.0.113.9"), "203.0.113.9:0"}, // in quotes they part nothing
        {F("for=1.1.1.1;proto=http, for=203.0.113.9;proto=https, for=10.0.0.7;proto=http"), "203.0.113.9:0+"},
        {F("for=1.1.1.1, for=203.0.113.9") F("for=10.0.0.7"), "203.0.113.9:0"},
        {F("for=unknown"), ""},
        {F("for=unknown;proto=https"), "+"},
        {F("for=_secret, for=10.0.0.7"), "10.0.0.7:0"},
        {F("for=\"_secret\", for=10.0.0.7"), "10.0.0.7:0"},
        {F("proto=https"), "+"},
        {F("for=203.0.113.9;for=203.0.113.8"), ""},
        {F("for=\"203.0.113.9"), ""},
        {F("for=\"203.0.113.\\9\""), ""},
        {F("for=\"203.0.113.9\"x"), ""},
        {F("for=203.0.113.9\""), ""},
        {F("203.0.113.9"), ""},
        {F("=203.0.113.9"), ""},
        {F("for"), ""},
        {X("203.0.113.9"), ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(FORWARDED_RFC_7239, cases[i][0], cases[i][1]);
}

// A client's own field, in front of what a proxy puts behind it, in the same line or another.
static void nothing_at_the_left_changes_what_is_at_the_right(void **state)
{
    static const char *const lefts[] = {"for=1.1.1.1",
                                        "for=\"",
                                        "for=1.1.1.1;x=\"",
                                        "for=\"[",
                                        "\\\"",
                                        "for=\"a\\\"",
                                        ",,,",
                                        "\"\"\"",
                                        "for=1.1.1.1;proto=\"https",
                                        "for=\"1.1.1.1\", \"",
                                        "=;=;=",
                                        "for=10.0.0.1, for=10.0.0.2"};
    static const char *const rights[][2] = {{"for=203.0.113.9;proto=https", "203.0.113.9:0+"},
                                            {"for=\"[2001:db8::9]:4711\"", "[2001:db8::9]:4711"},
                                            {"for=\"203.0.113.9:80\";by=_a", "203.0.113.9:80"},
                                            {"for=203.0.113.9, for=10.0.0.7", "203.0.113.9:0"}};
    char fields[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lefts); i++)
        for (size_t k = 0; k < ARRAY_LEN(rights); k++) {
            snprintf(fields, sizeof fields, "Forwarded: %s, %s\r\n", lefts[i], rights[k][0]);
            check(FORWARDED_RFC_7239, fields, rights[k][1]);
            snprintf(fields, sizeof fields, "Forwarded: %s\r\nForwarded: %s\r\n", lefts[i], rights[k][0]);
            check(FORWARDED_RFC_7239, fields, rights[k][1]);
        }
}

// Behind so many proxies nobody is looked for: who was known last counts.
static void hops_are_bounded(void **state)
{
    char fields[HTTP_HEAD_MAX];
    size_t n = 0;
    (void)state;
    n += (size_t)snprintf(fields, sizeof fields, "X-Forwarded-For: 203.0.113.9");
    for (int i = 0; i < FORWARDED_HOPS_MAX - 1; i++)
        n += (size_t)snprintf(fields + n, sizeof fields - n, ",10.0.0.%d", i);
    snprintf(fields + n, sizeof fields - n, "\r\n");
    check(FORWARDED_X_FOR, fields, "203.0.113.9:0");
    snprintf(fields + n, sizeof fields - n, ",10.0.1.1\r\n");
    check(FORWARDED_X_FOR, fields, "10.0.0.0:0");
    memset(fields + n, ',', 4000);
    memcpy(fields + n + 4000, "\r\n", 3);
    check(FORWARDED_X_FOR, fields, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rightmost_who_is_not_believed),
        cmocka_unit_test(the_scheme_that_the_nearest_proxy_says),
        cmocka_unit_test(elements_of_rfc_7239),
        cmocka_unit_test(nothing_at_the_left_changes_what_is_at_the_right),
        cmocka_unit_test(hops_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
