// SPDX-License-Identifier: Apache-2.0
//
// The opening handshake, point by point of RFC 6455 section 4.2.1 (abuse cases A4, A7, A10).
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/ws_handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define REST "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define GOOD_KEY "Sec-WebSocket-Key: " KEY "\r\n"
#define START "GET /ws HTTP/1.1\r\nHost: example.org\r\n"

static struct http_request request;
static struct ws_handshake shake;

static unsigned check(const char *text, size_t n)
{
    if (http_request_parse((str){text, n}, &request) != OK)
        fail_msg("not even HTTP: %s", text);
    unsigned status = ws_handshake_check(&request, &shake);
    assert_int_equal(status, shake.status);
    assert_int_equal(strlen(shake.reason) > 0, status != 101);
    return status;
}

#define EXPECT(status, text) assert_int_equal(check(text, sizeof(text) - 1), status)
#define WITH(fields) START REST GOOD_KEY fields "\r\n"

static void test_accept_key(void **state)
{
    (void)state;
    char accept[WS_ACCEPT_LEN];
    assert_int_equal(ws_accept_key(STR(KEY), accept), OK); // RFC 6455 section 1.3
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_LEN);
}

static void test_the_rfc_request(void **state)
{
    (void)state;
    EXPECT(101,
           "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: " KEY "\r\nOrigin: http://example.com\r\n"
           "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n");
    assert_str(shake.key, KEY);
    assert_str(shake.host, "server.example.com");
    assert_true(shake.has_origin);
    assert_str(shake.origin, "http://example.com");

    struct test_mem t;
    struct mem mem;
    struct buf b;
    test_mem_init(&t, &mem);
    buf_init(&b, &mem, 0);
    assert_int_equal(ws_handshake_put_response(&b, &shake, STR("chat"), STR("permessage-deflate")), OK);
    assert_str(buf_str(&b),
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
               "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    buf_reset(&b, 1000);
    assert_int_equal(ws_handshake_put_response(&b, &shake, STR_NONE, STR_NONE), OK);
    assert_str(buf_str(&b),
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    buf_deinit(&b);
    test_mem_check(&t);
}

static void test_what_browsers_vary(void **state)
{
    (void)state;
    EXPECT(101, WITH(""));
    assert_false(shake.has_origin);
    EXPECT(101, START
           "upgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nSEC-WEBSOCKET-VERSION: 13\r\n" GOOD_KEY
           "\r\n");
    EXPECT(101, START "Upgrade: h2c, websocket\r\nConnection: keep-alive\r\nConnection: upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n");
    EXPECT(101, WITH("Content-Length: 0\r\n"));
    EXPECT(101, WITH("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"));
    EXPECT(101, WITH("Sec-WebSocket-Extensions: \"\\x\\x\\x\r\n"));
    EXPECT(101, WITH("Origin:\r\n"));
    assert_true(shake.has_origin);
}

static void test_refusals(void **state)
{
    (void)state;
    EXPECT(405, "POST /ws HTTP/1.1\r\nHost: a\r\n" REST GOOD_KEY "\r\n");
    EXPECT(405, "get /ws HTTP/1.1\r\nHost: a\r\n" REST GOOD_KEY "\r\n");
    EXPECT(400, "GET /ws HTTP/1.0\r\nHost: a\r\n" REST GOOD_KEY "\r\n");
    EXPECT(400, WITH("Content-Length: 5\r\n"));
    EXPECT(400, WITH("Transfer-Encoding: chunked\r\n"));
    EXPECT(426, START "\r\n");
    EXPECT(426, START "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n");
    EXPECT(426, START "Upgrade: websockets\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY
                      "\r\n");
    EXPECT(426, START "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n");
    EXPECT(400, START "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n");
    EXPECT(400,
           START "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n" GOOD_KEY "\r\n");
    EXPECT(400, WITH("Origin: http://a\r\nOrigin: http://b\r\n"));
}

#define VERSION(field) START "Upgrade: websocket\r\nConnection: Upgrade\r\n" GOOD_KEY field "\r\n"

static void test_versions(void **state)
{
    (void)state;
    EXPECT(101, VERSION("Sec-WebSocket-Version: 13\r\n"));
    EXPECT(426, VERSION(""));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 8\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 12\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 13x\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 013\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 13, 8\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"));
    EXPECT(426, VERSION("Sec-WebSocket-Version:\r\n"));
}

#define KEYS(fields) START REST fields "\r\n"

static void test_keys(void **state)
{
    (void)state;
    EXPECT(400, KEYS(""));
    EXPECT(400, KEYS("Sec-WebSocket-Key:\r\n"));
    EXPECT(400, KEYS(GOOD_KEY GOOD_KEY));
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"));   // no padding
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n")); // spare bits
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a\r\n"));
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWE=\r\n")); // 17 octets
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWFh\r\n")); // 18
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n"));     // 15
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub 5jZQ==\r\n"));
    EXPECT(400, KEYS("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub_5jZQ==\r\n")); // base64url
    EXPECT(400, KEYS("Sec-WebSocket-Key: " KEY ", " KEY "\r\n"));
}

static size_t offered(const char *fields, str *ret, size_t max)
{
    static char text[2000];
    int n = snprintf(text, sizeof text, START REST GOOD_KEY "%s\r\n", fields);
    assert_int_equal(check(text, (size_t)n), 101);
    struct ws_protocol_iter it = {0};
    size_t count = 0;
    while (count < max && ws_protocol_next(&request, &it, &ret[count]))
        count++;
    return count;
}

static void test_subprotocols(void **state)
{
    (void)state;
    str names[8];
    assert_int_equal(offered("", names, 8), 0);
    assert_int_equal(offered("Sec-WebSocket-Protocol:\r\n", names, 8), 0);
    assert_int_equal(offered("Sec-WebSocket-Protocol: ,, ,\r\n", names, 8), 0);
    assert_int_equal(
        offered("Sec-WebSocket-Protocol: b, a\r\nX: y\r\nsec-websocket-protocol: c,\r\n", names, 8), 3);
    assert_str(names[0], "b");
    assert_str(names[1], "a");
    assert_str(names[2], "c");
    assert_true(ws_protocol_offered(&request, STR("c")));
    assert_false(ws_protocol_offered(&request, STR("C")));
    assert_false(ws_protocol_offered(&request, STR("d")));
    EXPECT(400, WITH("Sec-WebSocket-Protocol: a b\r\n"));
    EXPECT(400, WITH("Sec-WebSocket-Protocol: \"a\"\r\n"));
    EXPECT(400, WITH("Sec-WebSocket-Protocol: a, \xc3\xa4\r\n"));
}

// 15,000 commas are walked once, not once per comma.
static void test_many_commas(void **state)
{
    (void)state;
    static char text[HTTP_HEAD_MAX];
    size_t n = (size_t)snprintf(text, sizeof text, START REST GOOD_KEY "Sec-WebSocket-Protocol: ");
    memset(text + n, ',', 15000);
    n += 15000;
    n += (size_t)snprintf(text + n, sizeof text - n, "z\r\n\r\n");
    assert_int_equal(check(text, n), 101);
    assert_true(ws_protocol_offered(&request, STR("z")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_key),         cmocka_unit_test(test_the_rfc_request),
        cmocka_unit_test(test_what_browsers_vary), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_versions),           cmocka_unit_test(test_keys),
        cmocka_unit_test(test_subprotocols),       cmocka_unit_test(test_many_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
