// SPDX-License-Identifier: Apache-2.0
//
// Response heads byte for byte, errors, entity tags, and dates against the C library's calendar.
#include "unit/support.h"
#include "wire/http.h"

#include <time.h>

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

static void test_page(void **state)
{
    (void)state;
    http_put_head(&out, &(struct http_response){
                            .status = 200,
                            .keep_alive = true,
                            .page_policy = true,
                            .content_length = 12,
                            .wall_s = 784111777,
                            .content_type = STR("text/html; charset=utf-8"),
                            .etag = STR("\"abc\""),
                            .cache_control = STR("no-cache"),
                        });
    assert_str(buf_str(&out),
               "HTTP/1.1 200 OK\r\n"
               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
               "Content-Type: text/html; charset=utf-8\r\n"
               "Content-Length: 12\r\n"
               "ETag: \"abc\"\r\n"
               "Cache-Control: no-cache\r\n"
               "X-Content-Type-Options: nosniff\r\n"
               "Referrer-Policy: no-referrer\r\n"
               "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
               "connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; "
               "form-action 'none'; frame-ancestors 'none'\r\n"
               "\r\n");
}

static void test_shared(void **state)
{
    (void)state;
    http_put_head(&out, &(struct http_response){.status = 304,
                                                .keep_alive = true,
                                                .vary_origin = true,
                                                .allow_origin = STR("https://app.example.com")});
    assert_str(buf_str(&out), "HTTP/1.1 304 Not Modified\r\n"
                              "Access-Control-Allow-Origin: https://app.example.com\r\n"
                              "Vary: Origin\r\n"
                              "X-Content-Type-Options: nosniff\r\n"
                              "Referrer-Policy: no-referrer\r\n"
                              "\r\n");
}

static void test_not_modified_has_no_length(void **state)
{
    (void)state;
    http_put_head(&out, &(struct http_response){.status = 304, .content_length = 12, .etag = STR("\"a\"")});
    assert_str(buf_str(&out), "HTTP/1.1 304 Not Modified\r\n"
                              "Connection: close\r\n"
                              "ETag: \"a\"\r\n"
                              "X-Content-Type-Options: nosniff\r\n"
                              "Referrer-Policy: no-referrer\r\n"
                              "\r\n");
}

static bool out_has(const char *what)
{
    buf_put_char(&out, 0);
    return buf_ok(&out) && strstr(out.p, what) != NULL;
}

static void test_errors(void **state)
{
    (void)state;
    http_put_error(&out, 404, STR("There is no such page."), false, 0);
    assert_str(buf_str(&out), "HTTP/1.1 404 Not Found\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\n"
                              "Content-Length: 23\r\n"
                              "Cache-Control: no-store\r\n"
                              "X-Content-Type-Options: nosniff\r\n"
                              "Referrer-Policy: no-referrer\r\n"
                              "\r\n"
                              "There is no such page.\n");
    buf_reset(&out, 1000);
    struct http_response to_head = http_response_error(404, STR("There is no such page."), true, 0);
    to_head.head_only = true;
    http_put_error_response(&out, &to_head, STR("There is no such page."));
    assert_true(out_has("\r\nContent-Length: 23\r\n"));
    assert_memory_equal(out.p + strlen(out.p) - 4, "\r\n\r\n", 5);
    buf_reset(&out, 1000);
    http_put_error(&out, 405, STR("Only GET."), true, 0);
    assert_true(out_has("\r\nAllow: GET, HEAD\r\n"));
    assert_true(out_has("\r\nConnection: close\r\n"));
    buf_reset(&out, 1000);
    http_put_error(&out, 426, STR("WebSocket only."), true, 0);
    assert_true(
        out_has("\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    buf_reset(&out, 1000);
    http_put_error(&out, 503, STR("Full."), true, 0);
    assert_true(out_has("\r\nRetry-After: 1\r\n"));
}

static void test_every_status_has_words(void **state)
{
    (void)state;
    static const uint16_t sent[] = {101, 200, 204, 304, 400, 403, 404, 405, 408,
                                    413, 414, 426, 429, 431, 501, 503, 505};
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        assert_string_not_equal(http_status_text(sent[i]), "Unknown");
    assert_string_equal(http_status_text(299), "Unknown");
}

static void put_split_value(void *arg)
{
    (void)arg;
    http_put_head(&out, &(struct http_response){.status = 200, .etag = STR("\"a\"\r\nSet-Cookie: b")});
}

static void test_no_line_break_gets_into_a_field(void **state)
{
    (void)state;
    assert_true(asserts(put_split_value, NULL));
}

static void test_out_of_memory(void **state)
{
    (void)state;
    source.fail_from = 1;
    http_put_error(&out, 404, STR("There is no such page."), false, 1);
    assert_false(buf_ok(&out));
    source.fail_from = 0;
}

static void test_etags(void **state)
{
    (void)state;
    str tag = STR("\"abc\"");
    assert_true(http_etag_matches(STR("\"abc\""), tag));
    assert_true(http_etag_matches(STR("*"), tag));
    assert_true(http_etag_matches(STR(" * "), tag));
    assert_true(http_etag_matches(STR("W/\"abc\""), tag));
    assert_true(http_etag_matches(STR("\"x\", W/\"y\" ,\"abc\""), tag));
    assert_false(http_etag_matches(STR("\"ab\""), tag));
    assert_false(http_etag_matches(STR("abc"), tag));
    assert_false(http_etag_matches(STR("w/\"abc\""), tag));
    assert_false(http_etag_matches(STR("\"x\", *"), tag));
    assert_false(http_etag_matches(STR_NONE, tag));
    assert_false(http_etag_matches(STR("\"abc"), tag));
}

static void check_date(uint64_t wall_s)
{
    char got[HTTP_DATE_LEN + 1] = {0};
    char want[64];
    time_t t = (time_t)wall_s;
    struct tm tm;
    http_date_encode(wall_s, got);
    gmtime_r(&t, &tm);
    strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm); // the C locale
    assert_string_equal(got, want);
}

static void test_dates(void **state)
{
    (void)state;
    check_date(0);
    check_date(784111777);
    check_date(951782399);  // the last second of 28 February 2000
    check_date(951782400);  // 29 February 2000
    check_date(4107542399); // 28 February 2100, which has no 29th behind it
    check_date(4107542400);
    check_date(253402300799);
    for (uint64_t day = 0; day < 2932897; day += 13) // 1970 to 9999
        check_date(day * 86400 + day % 86400);
    for (uint64_t year = 0; year < 500; year++) { // around every turn of a year
        uint64_t turn = (uint64_t)((double)year * 365.2425) * 86400;
        for (uint64_t day = 0; day < 4; day++)
            check_date(turn + day * 86400);
    }
    char far[HTTP_DATE_LEN];
    http_date_encode(UINT64_MAX, far);
    assert_memory_equal(far, "Fri, 31 Dec 9999 23:59:59 GMT", HTTP_DATE_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page, begin, end),
        cmocka_unit_test_setup_teardown(test_shared, begin, end),
        cmocka_unit_test_setup_teardown(test_not_modified_has_no_length, begin, end),
        cmocka_unit_test_setup_teardown(test_errors, begin, end),
        cmocka_unit_test(test_every_status_has_words),
        cmocka_unit_test_setup_teardown(test_no_line_break_gets_into_a_field, begin, end),
        cmocka_unit_test_setup_teardown(test_out_of_memory, begin, end),
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
