// SPDX-License-Identifier: Apache-2.0
//
// What looks like another protocol, and what people say.
#include "unit/support.h"
#include "wire/foreign.h"

#include <stdlib.h>

static void request_lines_are_http(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET / HTTP/1.1",
        "POST / HTTP/1.1",
        "get / HTTP/1.1",
        "HEAD / HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "PRI * HTTP/2.0",
        "CONNECT a:443 HTTP/1.1",
        "FOO-bar_1! /x?y=z HTTP/9.9",
        "GET http://a/ HTTP/1.1",
        "x y HTTP/1.1",
        "GET /",
        "GET /index.html",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!foreign_is_http(str_from_cstr(lines[i]), false))
            fail_msg("%s", lines[i]);
}

static void what_people_say_is_not(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "hello",
        "hello there",
        "hello there friend",
        "I love HTTP/2",
        "we like HTTP/1.1 a lot",
        "so we use HTTP/1.1",
        "HTTP/1.1",
        "x HTTP/1.1",
        " GET / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/11",
        "GET / HTTP/1.1.",
        "GET / HTTP/a.b",
        "\"GET / HTTP/1.1",
        "get /",
        "GET up",
        "GET ",
        "POST /",
        "/join HTTP/1.1",
        "/msg x HTTP/1.1",
        "//GET / HTTP/1.1",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (foreign_is_http(str_from_cstr(lines[i]), false))
            fail_msg("%s", lines[i]);
}

// Of a line beyond the limit only the beginning is there.
static void a_cut_line_is_judged_by_its_beginning(void **state)
{
    (void)state;
    static const char *const http[] = {"GET /aaa", "POST /aaa", "X /", "GET http://aaa", "OPTIONS *aaa"};
    static const char *const words[] = {"hello", "hello aaa", "GET",
                                        "GET ",  "aaa: /aaa", "lorem ipsum / HTTP"};
    for (size_t i = 0; i < ARRAY_LEN(http); i++)
        if (!foreign_is_http(str_from_cstr(http[i]), true))
            fail_msg("%s", http[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (foreign_is_http(str_from_cstr(words[i]), true))
            fail_msg("%s", words[i]);
}

static void a_handshake_record_is_tls(void **state)
{
    (void)state;
    assert_true(foreign_is_tls(STR("\x16\x03\x01\x02\x00\x01")));
    assert_true(foreign_is_tls(STR("\x16\x03")));
    assert_false(foreign_is_tls(STR("\x16")));
    assert_false(foreign_is_tls(STR("\x16\x04")));
    assert_false(foreign_is_tls(STR("\x03\x16")));
    assert_false(foreign_is_tls(STR("")));
    assert_false(foreign_is_tls(STR_NONE));
}

// Blocks of exactly that size, so that AddressSanitizer sees a look behind the end.
static void nothing_is_read_behind_the_end(void **state)
{
    (void)state;
    static const char line[] = "GET / HTTP/1.1";
    for (size_t n = 0; n < sizeof line; n++) {
        char *p = malloc(n == 0 ? 1 : n);
        assert_non_null(p);
        memcpy(p, line, n);
        bool whole = n == sizeof line - 1, old = n == sizeof "GET /" - 1;
        assert_int_equal(foreign_is_http(str_make(p, n), false), whole || old);
        assert_int_equal(foreign_is_http(str_make(p, n), true), whole || n == sizeof "GET /" - 1);
        assert_false(foreign_is_tls(str_make(p, n)));
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines_are_http),
        cmocka_unit_test(what_people_say_is_not),
        cmocka_unit_test(a_cut_line_is_judged_by_its_beginning),
        cmocka_unit_test(a_handshake_record_is_tls),
        cmocka_unit_test(nothing_is_read_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
