// SPDX-License-Identifier: Apache-2.0
//
// Request heads: what is taken, and the smuggling matrix of what must not be (abuse cases A5, A6, A10, A13).
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/http.h"

static struct http_request parsed; // 2 KiB, too much for the stack of every test
static uint8_t *head;              // what it borrows from, an exact block

static enum err parse(const char *text, size_t n)
{
    free(head);
    head = exact_copy(text, n);
    return http_request_parse((str){(char *)head, n}, &parsed);
}

static int forget(void **state)
{
    (void)state;
    free(head);
    head = NULL;
    return 0;
}

static void expect_ok(const char *text, size_t n)
{
    enum err e = parse(text, n);
    if (e != OK)
        fail_msg("refused with %u (%s): %s", parsed.status, parsed.reason, text);
}

static void expect_status(const char *text, size_t n, unsigned status)
{
    enum err e = parse(text, n);
    if (e == OK || parsed.status != status)
        fail_msg("wanted %u, got %d %u: %s", status, e, parsed.status, text);
    assert_true(strlen(parsed.reason) > 0);
}

#define EXPECT_OK(text) expect_ok(text, sizeof(text) - 1)
#define EXPECT(status, text) expect_status(text, sizeof(text) - 1, status)
// One more field in a request that is good without it.
#define WITH(fields) "POST /a HTTP/1.1\r\nHost: example.org\r\n" fields "\r\n"

static void test_a_browser_request(void **state)
{
    (void)state;
    EXPECT_OK("GET /chat%20room/a?x=1&y=%zz HTTP/1.1\r\n"
              "Host: example.org:8000\r\n"
              "Connection: keep-alive\r\n"
              "hoSt-Like:\tvalue with spaces \t\r\n"
              "Empty:\r\n"
              "Accept-Language: de,en;q=0.7\r\n"
              "X-Name: J\xc3\xbcrgen\r\n"
              "\r\n");
    assert_str(parsed.method, "GET");
    assert_str(parsed.target, "/chat%20room/a?x=1&y=%zz");
    assert_str(parsed.path, "/chat%20room/a");
    assert_str(parsed.query, "x=1&y=%zz");
    assert_str(parsed.host, "example.org:8000");
    assert_int_equal(parsed.version_minor, 1);
    assert_true(parsed.keep_alive);
    assert_false(parsed.has_content_length);
    assert_false(parsed.chunked);
    assert_int_equal(parsed.field_count, 6);
    assert_str(parsed.fields[2].name, "hoSt-Like");
    assert_str(parsed.fields[2].value, "value with spaces");
    str value = STR("untouched");
    assert_true(http_field_find(&parsed, STR("EMPTY"), &value));
    assert_int_equal(value.n, 0);
    value = STR("untouched");
    assert_false(http_field_find(&parsed, STR("Origin"), &value));
    assert_str(value, "untouched");
}

static void test_no_query_and_empty_query(void **state)
{
    (void)state;
    EXPECT_OK("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_null(parsed.query.p);
    EXPECT_OK("GET /? HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(parsed.query.p);
    assert_int_equal(parsed.query.n, 0);
    EXPECT_OK("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_request_lines(void **state)
{
    (void)state;
    EXPECT(400, "GET / HTTP/1.1\r\n"); // no end
    EXPECT(400, "");
    EXPECT(400, "\r\n");
    EXPECT(400, "GET /\r\nHost: a\r\n\r\n"); // HTTP/0.9
    EXPECT(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
    EXPECT(400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / a HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, " / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "G\xc3\x84T / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / http/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/11\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.x\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\rHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a\r\n\r\nbehind");
    EXPECT(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    EXPECT(505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    EXPECT(505, "GET / HTTP/9.9\r\nHost: a\r\n\r\n");
    EXPECT(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
    EXPECT(505, "PRI * HTTP/2.0\r\n\r\n");
}

static void test_targets(void **state)
{
    (void)state;
    EXPECT(400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET /%2e%2e/etc HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_target_too_long(void **state)
{
    (void)state;
    static char text[HTTP_TARGET_MAX + 100];
    int n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_TARGET_MAX - 1, 0);
    expect_ok(text, (size_t)n);
    n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_TARGET_MAX, 0);
    expect_status(text, (size_t)n, 414);
}

static void test_fields(void **state)
{
    (void)state;
    EXPECT_OK(WITH("X-1!#$%&'*+-.^_`|~: v\r\n"));
    EXPECT(400, WITH(": no name\r\n"));
    EXPECT(400, WITH("no colon\r\n"));
    EXPECT(400, WITH("Space : before\r\n"));
    EXPECT(400, WITH("Tab\t: before\r\n"));
    EXPECT(400, WITH(" Leading: space\r\n"));
    EXPECT(400, WITH("Folded: a\r\n b\r\n"));
    EXPECT(400, WITH("Folded: a\r\n\tb: c\r\n"));
    EXPECT(400, WITH("Two words: a\r\n"));
    EXPECT(400, WITH("X-Invalid[]: a\r\n"));
    EXPECT(400, WITH("X-\xc3\xa4: a\r\n"));
    EXPECT(400, WITH("X\0Y: a\r\n"));
    EXPECT(400, WITH("X: a\0b\r\n"));
    EXPECT(400, WITH("X: a\x01"
                     "b\r\n"));
    EXPECT(400, WITH("X: a\x7f\r\n"));
    EXPECT(400, WITH("X: a\rY: b\r\n"));
    EXPECT(400, WITH("X: a\r\r\n"));
    EXPECT(400, WITH("X: a\nY: b\r\n"));
    EXPECT(400, WITH("\x0b: a\r\n"));
}

static void test_too_many_fields(void **state)
{
    (void)state;
    static char text[4096];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < HTTP_FIELDS_MAX + extra; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "a%zu: b\r\n", i);
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
        if (extra == 0)
            expect_ok(text, n);
        else
            expect_status(text, n, 431);
    }
}

static void test_hosts(void **state)
{
    (void)state;
    EXPECT(400, "GET / HTTP/1.1\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a:port\r\n\r\n");
    EXPECT(400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n");
    EXPECT_OK("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n");
    EXPECT_OK("GET / HTTP/1.0\r\n\r\n");
    assert_false(parsed.keep_alive);
    assert_null(parsed.host.p);
}

static void test_content_length(void **state)
{
    (void)state;
    EXPECT_OK(WITH("Content-Length: 0\r\n"));
    assert_true(parsed.has_content_length);
    EXPECT_OK(WITH("Content-Length: 18446744073709551615\r\n"));
    assert_true(parsed.content_length == UINT64_MAX);
    EXPECT(400, WITH("Content-Length: 18446744073709551616\r\n"));
    EXPECT(400, WITH("Content-Length: 99999999999999999999999999\r\n"));
    EXPECT(400, WITH("Content-Length: 5\r\nContent-Length: 5\r\n"));
    EXPECT(400, WITH("Content-Length: 5\r\nContent-Length: 6\r\n"));
    EXPECT(400, WITH("Content-Length: 5, 5\r\n"));
    EXPECT(400, WITH("Content-Length: 5,6\r\n"));
    EXPECT(400, WITH("Content-Length: -1\r\n"));
    EXPECT(400, WITH("Content-Length: -18446744073709551616\r\n"));
    EXPECT(400, WITH("Content-Length: +5\r\n"));
    EXPECT(400, WITH("Content-Length: 0x5\r\n"));
    EXPECT(400, WITH("Content-Length: 5 5\r\n"));
    EXPECT(400, WITH("Content-Length: 5a\r\n"));
    EXPECT(400, WITH("Content-Length: 5.0\r\n"));
    EXPECT(400, WITH("Content-Length: 1e1\r\n"));
    EXPECT(400, WITH("Content-Length: 05\r\n"));
    EXPECT(400, WITH("Content-Length: \"5\"\r\n"));
    EXPECT(400, WITH("Content-Length:\r\n"));
}

static void test_transfer_encoding(void **state)
{
    (void)state;
    EXPECT_OK(WITH("Transfer-Encoding: chunked\r\n"));
    assert_true(parsed.chunked);
    EXPECT_OK(WITH("Transfer-Encoding: Chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"));
    EXPECT(400, WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT(400, WITH("Content-Length: 0\r\nTransfer-Encoding: identity\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked, identity\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: identity, chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: gzip, chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked, chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked,\r\n"));
    EXPECT(400, WITH("Transfer-Encoding : chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding:\r\n chunked\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: \x0b"
                     "chunked\r\n"));
    EXPECT(501, WITH("Transfer-Encoding: gzip\r\n"));
    EXPECT(501, WITH("Transfer-Encoding: identity\r\n"));
    EXPECT(501, WITH("Transfer-Encoding: xchunked\r\n"));
    EXPECT(501, WITH("Transfer-Encoding: \"chunked\"\r\n"));
    EXPECT(501, WITH("Transfer-Encoding: chunked;x=1\r\n"));
    EXPECT(501, WITH("Transfer-Encoding:\r\n"));
    EXPECT(400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void test_connection(void **state)
{
    (void)state;
    EXPECT_OK(WITH("Connection: close\r\n"));
    assert_false(parsed.keep_alive);
    EXPECT_OK(WITH("Connection: keep-alive\r\nConnection: x , CLOSE\r\n"));
    assert_false(parsed.keep_alive);
    EXPECT_OK(WITH("Connection: not-close, closed\r\n"));
    assert_true(parsed.keep_alive);
    EXPECT_OK("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    assert_false(parsed.keep_alive);
    EXPECT_OK(WITH("Connection: keep-alive, Upgrade\r\nUpgrade: a, websocket\r\n"));
    assert_true(http_field_has_token(&parsed, STR("connection"), STR("upgrade")));
    assert_true(http_field_has_token(&parsed, STR("UPGRADE"), STR("WebSocket")));
    assert_false(http_field_has_token(&parsed, STR("upgrade"), STR("socket")));
    assert_int_equal(http_field_count(&parsed, STR("connection")), 1);
}

// Every prefix of a good head is no head, and every byte of it may become any other without a read out of bounds
// (the block is exact) or an outcome that is neither OK nor an error with a status.
static void test_damaged_heads(void **state)
{
    (void)state;
    static const char good[] =
        "GET /ws?a=%20 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\r\n";
    size_t n = sizeof good - 1;
    for (size_t i = 0; i < n; i++)
        expect_status(good, i, 400);
    for (size_t i = 0; i < n; i++) {
        for (unsigned c = 0; c < 256; c++) {
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[i] = (char)c;
            enum err e = parse(text, n);
            assert_true(e == OK || parsed.status >= 400);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_browser_request), cmocka_unit_test(test_no_query_and_empty_query),
        cmocka_unit_test(test_request_lines),     cmocka_unit_test(test_targets),
        cmocka_unit_test(test_target_too_long),   cmocka_unit_test(test_fields),
        cmocka_unit_test(test_too_many_fields),   cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_content_length),    cmocka_unit_test(test_transfer_encoding),
        cmocka_unit_test(test_connection),        cmocka_unit_test(test_damaged_heads),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
