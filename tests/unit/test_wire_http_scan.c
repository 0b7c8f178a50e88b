// SPDX-License-Identifier: Apache-2.0
//
// The end of the head: the same verdict however the bytes arrive, as early as it can be known, in linear time.
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/http.h"

struct verdict {
    enum err e;
    size_t head_n;
    unsigned status;
};

// Hands in the bytes up to each multiple of step, in an exact block every time.
static struct verdict scan(const char *p, size_t n, size_t step)
{
    struct http_scanner s;
    struct verdict v = {ERR_MORE, 0, 0};
    http_scanner_init(&s);
    for (size_t have = 0; v.e == ERR_MORE && have < n;) {
        have = n - have < step ? n : have + step;
        uint8_t *block = exact_copy(p, have);
        v.e = http_head_scan(&s, (str){(char *)block, have}, &v.head_n);
        free(block);
    }
    if (v.e < 0) {
        assert_non_null(s.reason);
        assert_int_equal(http_head_scan(&s, (str){p, n}, &v.head_n), v.e); // and stays so
    }
    v.status = s.status;
    return v;
}

static void check(const char *p, size_t n, enum err e, size_t head_n, unsigned status)
{
    for (size_t step = 1; step <= n; step += n > 1000 ? n / 7 : 1) {
        struct verdict v = scan(p, n, step);
        if (v.e != e || v.head_n != head_n || v.status != status)
            fail_msg("'%.60s' by %zu: %d %zu %u", p, step, v.e, v.head_n, v.status);
    }
}

#define GOOD(head, rest) check(head rest, sizeof(head rest) - 1, OK, sizeof(head) - 1, 0)
#define MORE(text) check(text, sizeof(text) - 1, ERR_MORE, 0, 0)
#define BAD(text) check(text, sizeof(text) - 1, ERR_SYNTAX, 0, 400)

static void test_heads(void **state)
{
    (void)state;
    GOOD("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "");
    GOOD("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x81\x85"
                                              "frames behind it\r\n\r\n\n");
    GOOD("GET / HTTP/1.1\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n");
    GOOD("\r\nGET / HTTP/1.1\r\n\r\n", "");
    MORE("GET / HTTP/1.1\r\nHost: a\r\n");
    MORE("GET / HTTP/1.1\r\nHost: a\r\n\r");
    MORE("G");
    MORE("\r");
    MORE("\r\n");
}

static void test_bad_line_ends(void **state)
{
    (void)state;
    BAD("GET / HTTP/1.1\nHost: a\r\n\r\n");
    BAD("GET / HTTP/1.1\r\nHost: a\n\r\n");
    BAD("GET / HTTP/1.1\r\nHost: a\r\n\n");
    BAD("GET / HTTP/1.1\n\n");
    BAD("\nGET / HTTP/1.1\r\n\r\n");
    BAD("\r\n\r\nGET / HTTP/1.1\r\n\r\n");
}

static void test_not_http(void **state)
{
    (void)state;
    BAD("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    BAD("\x80\x2e\x01");
    BAD("\x00");
    BAD(" GET / HTTP/1.1\r\n\r\n");
    BAD("{\"type\":\"hello\"}");
}

// ---- sizes

static char *filled(size_t n, const char *prefix, char with)
{
    char *p = malloc(n);
    assert_non_null(p);
    memset(p, with, n);
    memcpy(p, prefix, strlen(prefix));
    return p;
}

static void test_target_too_long(void **state)
{
    (void)state;
    enum { N = 65536 };
    char *p = filled(N, "GET /", 'a');
    check(p, N, ERR_TOO_LARGE, 0, 414);
    memcpy(p + N - 4, "\r\n\r\n", 4); // the same with an end
    check(p, N, ERR_TOO_LARGE, 0, 414);
    p[9000] = '\n'; // and with a bad line end behind the limit
    check(p, N, ERR_TOO_LARGE, 0, 414);
    free(p);
}

static void test_head_too_large(void **state)
{
    (void)state;
    static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    char *p = filled(1 << 20, start, 'x');
    check(p, 1 << 20, ERR_TOO_LARGE, 0, 431);
    check(p, HTTP_HEAD_MAX, ERR_TOO_LARGE, 0, 431); // no end can come any more
    check(p, HTTP_HEAD_MAX - 1, ERR_MORE, 0, 0);
    p[20000] = '\n';
    check(p, 1 << 20, ERR_TOO_LARGE, 0, 431);
    // The largest head there may be, and one more.
    memcpy(p + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    check(p, HTTP_HEAD_MAX, OK, HTTP_HEAD_MAX, 0);
    check(p, 30000, OK, HTTP_HEAD_MAX, 0);
    memcpy(p + HTTP_HEAD_MAX - 4, "x\r\n\r\n", 5);
    check(p, HTTP_HEAD_MAX + 1, ERR_TOO_LARGE, 0, 431);
    free(p);
}

static size_t many_fields(char *p, size_t cap, size_t count)
{
    size_t n = (size_t)snprintf(p, cap, "GET / HTTP/1.1\r\n");
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(p + n, cap - n, "a:\r\n");
    n += (size_t)snprintf(p + n, cap - n, "\r\n");
    return n;
}

static void test_too_many_fields(void **state)
{
    (void)state;
    static char p[500000];
    size_t n = many_fields(p, sizeof p, HTTP_FIELDS_MAX);
    check(p, n, OK, n, 0);
    n = many_fields(p, sizeof p, HTTP_FIELDS_MAX + 1);
    check(p, n, ERR_TOO_LARGE, 0, 431);
    n = many_fields(p, sizeof p, 100000);
    check(p, n, ERR_TOO_LARGE, 0, 431);
}

// Abuse case A1: byte by byte, twice the input at no more than about twice the time. What is counted is how often a byte
// is looked at, which the scanner's own mark shows; time on a shared machine would lie.
static void test_linear(void **state)
{
    (void)state;
    static char p[HTTP_HEAD_MAX];
    memset(p, 'x', sizeof p);
    memcpy(p, "GET / HTTP/1.1\r\nX: ", 19);
    struct http_scanner s = {0};
    size_t head_n;
    for (size_t n = 1; n < sizeof p; n++) {
        assert_int_equal(http_head_scan(&s, (str){p, n}, &head_n), ERR_MORE);
        assert_int_equal(s.seen, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),          cmocka_unit_test(test_bad_line_ends),
        cmocka_unit_test(test_not_http),       cmocka_unit_test(test_target_too_long),
        cmocka_unit_test(test_head_too_large), cmocka_unit_test(test_too_many_fields),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
