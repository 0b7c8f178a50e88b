// SPDX-License-Identifier: Apache-2.0
//
// PROXY headers (A12): whole, by octet, and cut at every place; what is none, and at which octet that shows.
#include "unit/proxy_support.h"
#include "unit/support.h"

static struct proxy_run run_cut(const void *p, size_t n, size_t cut)
{
    struct proxy_run r;
    proxy_run_init(&r);
    proxy_run_feed(&r, p, cut);
    proxy_run_feed(&r, (const char *)p + cut, n - cut);
    return r;
}

static struct proxy_run run_bytewise(const void *p, size_t n)
{
    struct proxy_run r;
    proxy_run_init(&r);
    for (size_t i = 0; i < n; i++)
        proxy_run_feed(&r, (const char *)p + i, 1);
    return r;
}

// However it is cut, it comes to the same.
static struct proxy_run run_all(const void *p, size_t n)
{
    struct proxy_run whole = run_cut(p, n, n), bytewise = run_bytewise(p, n);
    assert_true(proxy_run_equal(&whole, &bytewise));
    for (size_t cut = 0; cut <= n; cut++) {
        struct proxy_run r = run_cut(p, n, cut);
        if (!proxy_run_equal(&whole, &r))
            fail_msg("cut at %zu of %zu", cut, n);
    }
    return whole;
}

// The client's bytes behind a header stay where they are.
static void accepts(const void *p, size_t n, enum proxy_speaks_for whom, const char *client)
{
    char all[5000];
    char text[IP_PORT_TEXT_MAX] = "";
    assert_true(n + 3 <= sizeof all);
    memcpy(all, p, n);
    memcpy(all + n, "GET", 3);
    struct proxy_run r = run_all(all, n + 3);
    assert_int_equal(r.result, OK);
    assert_int_equal(r.used, n);
    assert_int_equal(r.decoder.speaks_for, whom);
    if (whom == PROXY_FOR_CLIENT)
        ip_port_format(&r.decoder.client, text);
    assert_string_equal(text, client);
}

// It is refused with its octet number `at`, and not before.
static void refuses(const void *p, size_t n, size_t at, enum err why)
{
    assert_true(at <= n);
    assert_int_equal(run_all(p, n).result, why);
    assert_int_equal(run_bytewise(p, at).result, why);
    assert_int_equal(run_bytewise(p, at - 1).result, ERR_MORE);
}

#define ACCEPTS(bytes, whom, client) accepts(bytes, sizeof(bytes) - 1, whom, client)
#define REFUSES(bytes, at, why) refuses(bytes, sizeof(bytes) - 1, at, why)

static void version_1(void **state)
{
    (void)state;
    ACCEPTS("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n", PROXY_FOR_CLIENT, "192.0.2.7:51234");
    ACCEPTS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", PROXY_FOR_CLIENT,
            "255.255.255.255:65535");
    ACCEPTS("PROXY TCP6 2001:db8::7 ::1 0 1\r\n", PROXY_FOR_CLIENT, "[2001:db8::7]:0");
    ACCEPTS("PROXY TCP6 ::ffff:192.0.2.7 ::1 80 1\r\n", PROXY_FOR_CLIENT, "192.0.2.7:80");
    ACCEPTS("PROXY UNKNOWN\r\n", PROXY_FOR_UNKNOWN, "");
    ACCEPTS("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", PROXY_FOR_UNKNOWN, "");
}

static void version_1_refused(void **state)
{
    (void)state;
    REFUSES("GET / HTTP/1.1\r\n", 1, ERR_SYNTAX);
    REFUSES("POST / HTTP/1.1\r\n", 2, ERR_SYNTAX);
    REFUSES("PROXY\r\n", 6, ERR_SYNTAX);
    REFUSES("PROXY  TCP4", 7, ERR_SYNTAX);
    REFUSES("PROXY UDP4 ", 8, ERR_SYNTAX);
    REFUSES("PROXY TCP5 ", 10, ERR_SYNTAX);
    REFUSES("PROXY TCP4\r\n", 11, ERR_SYNTAX);
    REFUSES("PROXY UNKNOWNX\r\n", 14, ERR_SYNTAX);
    REFUSES("PROXY UNKNOWN \1\r\n", 15, ERR_SYNTAX);
    REFUSES("PROXY TCP4 192.0.2.g", 20, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4\0", 19, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 31, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX", 32, ERR_SYNTAX);
    REFUSES("PROXY TCP4 \r\n", 13, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", 30, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", 34, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", 33, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", 36, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", 33, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n", 31, ERR_SYNTAX);
    REFUSES("PROXY TCP4 ::1 ::1 1 2\r\n", 24, ERR_SYNTAX);
    REFUSES("PROXY TCP6 1.2.3.4 ::1 1 2\r\n", 28, ERR_SYNTAX);
    REFUSES("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", 34, ERR_SYNTAX);
}

// 107 octets are the most, with the line's end.
static void version_1_has_an_end(void **state)
{
    char line[PROXY_V1_BYTES_MAX + 8];
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    refuses(line, sizeof line, PROXY_V1_BYTES_MAX + 1, ERR_SYNTAX);
    memcpy(line + PROXY_V1_BYTES_MAX - 2, "\r\n", 2);
    accepts(line, PROXY_V1_BYTES_MAX, PROXY_FOR_UNKNOWN, "");
}

#define V4_ADDRESSES "\300\0\2\7\306\63\144\1\310\42\1\273"
#define V6_ADDRESSES "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\0\0\1"

static void version_2(void **state)
{
    (void)state;
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\x11\0\14" V4_ADDRESSES, PROXY_FOR_CLIENT, "192.0.2.7:51234");
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\x21\0\44" V6_ADDRESSES, PROXY_FOR_CLIENT, "[2001:db8::7]:256");
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\x11\0\23" V4_ADDRESSES "\4\0\4abcd", PROXY_FOR_CLIENT,
            "192.0.2.7:51234");
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\x12\0\14" V4_ADDRESSES, PROXY_FOR_UNKNOWN, ""); // not a stream
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\0\0\0", PROXY_FOR_UNKNOWN, "");
    ACCEPTS(PROXY_V2_SIGNATURE "\x21\0\0\3abc", PROXY_FOR_UNKNOWN, "");
    ACCEPTS(PROXY_V2_SIGNATURE "\x20\0\0\0", PROXY_FOR_ITSELF, "");
    ACCEPTS(PROXY_V2_SIGNATURE "\x20\x11\0\14" V4_ADDRESSES, PROXY_FOR_ITSELF, "");
    ACCEPTS(PROXY_V2_SIGNATURE "\x20\xff\0\1x", PROXY_FOR_ITSELF, ""); // the family is ignored
}

static void version_2_of_unix_and_long_ones(void **state)
{
    char all[16 + PROXY_V2_BYTES_MAX];
    (void)state;
    memset(all, 'x', sizeof all);
    memcpy(all, PROXY_V2_SIGNATURE "\x21\x31\0\330", 16);
    accepts(all, 16 + 216, PROXY_FOR_UNKNOWN, "");
    memcpy(all, PROXY_V2_SIGNATURE "\x21\x11\20\0" V4_ADDRESSES, 28);
    accepts(all, sizeof all, PROXY_FOR_CLIENT, "192.0.2.7:51234");
}

static void version_2_refused(void **state)
{
    (void)state;
    REFUSES("\r\nX", 3, ERR_SYNTAX);
    REFUSES("\r\n\r\n\0\r\nQUIT\r", 12, ERR_SYNTAX);
    REFUSES("\x16\3\1", 1, ERR_SYNTAX); // TLS
    REFUSES("\0", 1, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x11", 13, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x22", 13, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x41", 14, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x13", 14, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x11\0\13", 16, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x21\0\43", 16, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x31\0\327", 16, ERR_SYNTAX);
    REFUSES(PROXY_V2_SIGNATURE "\x21\x11\20\1", 16, ERR_TOO_LARGE);
    REFUSES(PROXY_V2_SIGNATURE "\x20\x11\377\377", 16, ERR_TOO_LARGE);
}

// What is cut off never becomes a header.
static void what_is_cut_off_waits(void **state)
{
    static const char v1[] = "PROXY TCP6 2001:db8::7 ::1 51234 443\r\n";
    static const char v2[] = PROXY_V2_SIGNATURE "\x21\x21\0\47" V6_ADDRESSES "\4\0";
    (void)state;
    for (size_t n = 0; n < sizeof v1 - 1; n++)
        assert_int_equal(run_bytewise(v1, n).result, ERR_MORE);
    for (size_t n = 0; n < sizeof v2 - 1; n++)
        assert_int_equal(run_cut(v2, n, n).result, ERR_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_1_refused),
        cmocka_unit_test(version_1_has_an_end),
        cmocka_unit_test(version_2),
        cmocka_unit_test(version_2_of_unix_and_long_ones),
        cmocka_unit_test(version_2_refused),
        cmocka_unit_test(what_is_cut_off_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
