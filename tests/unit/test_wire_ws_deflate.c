// SPDX-License-Identifier: Apache-2.0
//
// Offers of permessage-deflate (RFC 7692 section 7.1) and what they are answered: every parameter, and what is none (abuse cases A7-A9).
#include "unit/support.h"
#include "wire/ws_deflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct http_request request;
static char head[HTTP_HEAD_MAX + 1];

// As often as the field is given, so many of them.
static void offer(const char *first, const char *second)
{
    int n =
        snprintf(head, sizeof head, "GET /ws HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Extensions: %s\r\n", first);
    if (second != NULL)
        n += snprintf(head + n, sizeof head - (size_t)n, "sec-websocket-extensions: %s\r\n", second);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    assert_true((size_t)n < sizeof head);
    assert_int_equal(http_request_parse(str_make(head, (size_t)n), &request), OK);
}

// Each offer that could be accepted, as "server/client" with what is named and dropped behind it.
static const char *offers(const char *first, const char *second)
{
    static char said[4096];
    struct ws_deflate_iter it = {0};
    struct ws_deflate_offer o;
    size_t n = 0;
    said[0] = '\0';
    offer(first, second);
    while (ws_deflate_next(&request, &it, &o)) {
        n += (size_t)snprintf(said + n, sizeof said - n, "%s%d/%d%s%s%s", n == 0 ? "" : " ", o.server_bits,
                              o.client_bits, o.server_bits_named ? "s" : "", o.client_bits_named ? "c" : "",
                              o.client_context_dropped ? "d" : "");
        assert_true(n < sizeof said);
    }
    assert_false(ws_deflate_next(&request, &it, &o)); // and it stays so
    return said;
}

#define OFFERS(first, wanted) assert_string_equal(offers(first, NULL), wanted)
#define DECLINED(first) OFFERS(first, "")
#define PMD "permessage-deflate"

static void each_parameter(void **state)
{
    (void)state;
    OFFERS(PMD, "15/15");
    OFFERS(PMD "; server_no_context_takeover", "15/15");
    OFFERS(PMD "; client_no_context_takeover", "15/15d");
    OFFERS(PMD "; client_max_window_bits", "15/15c");
    OFFERS(PMD "; client_max_window_bits=8", "15/8c");
    OFFERS(PMD "; client_max_window_bits=15", "15/15c");
    OFFERS(PMD "; server_max_window_bits=8", "8/15s");
    OFFERS(PMD "; server_max_window_bits=10", "10/15s");
    OFFERS(PMD "; server_max_window_bits=15", "15/15s");
    OFFERS(PMD ";server_max_window_bits=12;client_max_window_bits=9;client_no_context_takeover;"
               "server_no_context_takeover",
           "12/9scd");
    OFFERS("\t " PMD " \t;\tclient_max_window_bits\t = \t\"10\" ", "15/10c");
}

static void what_is_no_value_is_declined(void **state)
{
    (void)state;
    static const char *const values[] = {"7",
                                         "16",
                                         "08",
                                         "015",
                                         "\"\"",
                                         "-1",
                                         "+9",
                                         "0",
                                         "1",
                                         "9a",
                                         "a",
                                         "\"9",
                                         "0x9",
                                         "9.0",
                                         "\" 9\"",
                                         "\"9 \"",
                                         "99999999999999999999",
                                         "\"1\\0\"",
                                         "\"\\\"\"",
                                         "=9",
                                         ""};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char one[200];
        snprintf(one, sizeof one, PMD "; server_max_window_bits=%s", values[i]);
        DECLINED(one);
        snprintf(one, sizeof one, PMD "; client_max_window_bits=%s", values[i]);
        DECLINED(one);
    }
    DECLINED(PMD "; server_max_window_bits"); // section 7.1.2.1: it has one
    DECLINED(PMD "; server_no_context_takeover=1");
    DECLINED(PMD "; client_no_context_takeover=\"\"");
    OFFERS(PMD "; server_max_window_bits=\"15\"", "15/15s");
}

static void what_is_unknown_or_twice_is_declined(void **state)
{
    (void)state;
    DECLINED(PMD "; level=9");
    DECLINED(PMD "; Server_no_context_takeover");
    DECLINED(PMD "; server_no_context_takeover; server_no_context_takeover");
    DECLINED(PMD "; client_no_context_takeover; client_no_context_takeover");
    DECLINED(PMD "; client_max_window_bits; client_max_window_bits=9");
    DECLINED(PMD "; server_max_window_bits=9; server_max_window_bits=9");
    DECLINED("x-webkit-deflate-frame");
    DECLINED("permessage-deflate2");
    DECLINED("permessage-bzip2; level=9, foo; bar=\"" PMD ", " PMD "\"");
    DECLINED(PMD ";");
    DECLINED(PMD "; ; server_no_context_takeover");
    DECLINED(PMD " server_no_context_takeover");
    DECLINED(PMD "=15");
    DECLINED("; " PMD);
}

// A bad one does not take a good one with it, on whichever side it stands.
static void several_offers(void **state)
{
    (void)state;
    OFFERS(PMD "; server_max_window_bits=10, " PMD, "10/15s 15/15");
    OFFERS(PMD "; server_max_window_bits=7, " PMD "; client_max_window_bits", "15/15c");
    OFFERS(PMD "; a=\"x,y\", " PMD, "15/15");
    OFFERS(PMD "; a=\"\\\", " PMD "\", " PMD "; client_no_context_takeover", "15/15d");
    OFFERS(",, , " PMD " ,,", "15/15");
    OFFERS("foo; bar, " PMD ", baz", "15/15");
    OFFERS(PMD "; a=\"never ends, " PMD, "");
    assert_string_equal(offers("foo", PMD), "15/15");
    assert_string_equal(offers(PMD "; server_max_window_bits=9", PMD "; client_no_context_takeover"),
                        "9/15s 15/15d");
    assert_string_equal(offers(PMD "; a=\"open", PMD), "15/15"); // a field ends where it ends
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        struct ws_deflate_offer offer;
        struct ws_deflate_answer answer;
        const char *said;
    } rows[] = {
        {{15, 15, false, false, false}, {15, 15, true}, PMD "; server_no_context_takeover"},
        {{15, 15, false, false, true},
         {15, 15, false},
         PMD "; server_no_context_takeover; client_no_context_takeover"},
        {{10, 15, true, true, false},
         {9, 12, true},
         PMD "; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12"},
        {{15, 8, true, true, false},
         {15, 8, false},
         PMD "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; "
             "client_max_window_bits=8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct test_mem t;
        struct mem mem;
        struct buf b;
        test_mem_init(&t, &mem);
        buf_init(&b, &mem, 0);
        ws_deflate_put(&b, &rows[i].offer, &rows[i].answer);
        assert_str_eq(buf_str(&b), str_from_cstr(rows[i].said));
        buf_deinit(&b);
        test_mem_check(&t);
    }
}

// As much of it as a head takes, whatever it is made of: each octet is looked at once.
static void much_of_it_takes_no_time(void **state)
{
    (void)state;
    static const char *const parts[] = {",", " ", "\"",    "\\\"",          "\"\\",
                                        ";", "=", PMD ",", PMD "; a=\"\\x", "a;b=c,"};
    static char value[HTTP_HEAD_MAX];
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const size_t part = strlen(parts[i]), most = HTTP_HEAD_MAX - 200;
        size_t n = 2;
        memcpy(value, "x,", n); // a field does not begin with space
        while (n + part < most) {
            memcpy(value + n, parts[i], part);
            n += part;
        }
        memcpy(value + n, "x", 2);
        offer(value, NULL);
        struct ws_deflate_iter it = {0};
        struct ws_deflate_offer o;
        uint32_t found = 0;
        const clock_t from = clock();
        while (ws_deflate_next(&request, &it, &o))
            found++;
        assert_true(clock() - from < CLOCKS_PER_SEC / 20);
        assert_int_equal(found, strcmp(parts[i], PMD ",") == 0 ? (most - 2) / part : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_parameter),
        cmocka_unit_test(what_is_no_value_is_declined),
        cmocka_unit_test(what_is_unknown_or_twice_is_declined),
        cmocka_unit_test(several_offers),
        cmocka_unit_test(answers),
        cmocka_unit_test(much_of_it_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
