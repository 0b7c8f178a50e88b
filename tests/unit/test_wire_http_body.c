// SPDX-License-Identifier: Apache-2.0
//
// Request bodies: where they end, whole and at every cut, and what is refused.
#include "unit/support.h"
#include "wire/http.h"
#include "wire/http_body.h"

#include <stdlib.h>

// Feeds a body in pieces of that size; what came out, and how many bytes belonged to it.
static enum err feed(struct http_body *b, const char *text, size_t n, size_t piece, size_t *ret_used)
{
    enum err e = ERR_MORE;
    *ret_used = 0;
    while (e == ERR_MORE && *ret_used < n) {
        size_t part = n - *ret_used < piece ? n - *ret_used : piece, used;
        char *exact = malloc(part); // so that AddressSanitizer sees a look behind the end
        assert_non_null(exact);
        memcpy(exact, text + *ret_used, part);
        e = http_body_skip(b, str_make(exact, part), &used);
        free(exact);
        assert_true(used <= part);
        assert_true(e != ERR_MORE || used == part);
        *ret_used += used;
    }
    return e;
}

static void check_chunked(const char *text, enum err wanted, size_t behind)
{
    size_t n = strlen(text), used;
    for (size_t piece = 1; piece <= n; piece++) {
        struct http_body b;
        http_body_init_chunked(&b, HTTP_BODY_MAX);
        if (feed(&b, text, n, piece, &used) != wanted || (wanted == OK && used != n - behind))
            fail_msg("'%s' in pieces of %zu", text, piece);
    }
}

static void chunks_end_where_they_end(void **state)
{
    (void)state;
    check_chunked("0\r\n\r\nGET", OK, 3);
    check_chunked("5\r\nhello\r\n0\r\n\r\n", OK, 0);
    check_chunked("5\r\n0\r\n\r\n\r\n000\r\n\r\n!", OK, 1);
    check_chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", OK, 0);
    check_chunked("005;a=b;c=\"d e\"\t\r\nhello\r\n0;x\r\n\r\n", OK, 0);
    check_chunked("0\r\nTrailer: x\r\nY:\r\n\r\n\r\n", OK, 2);
    check_chunked("5\r\nhello\r\n0\r\n", ERR_MORE, 0);
    check_chunked("5\r\nhel", ERR_MORE, 0);
}

static void two_readings_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "\r\n",
        "x",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "1 \r\nx",
        "1\t\r\n",
        "0x1\r\n",
        "1\n",
        "1\rx",
        ";x\r\n",
        "1;\nx",
        "1;a\x01\r\n",
        "1;a\x7f\r\n",
        "1\r\nxx",
        "1\r\nx\n",
        "1\r\nx\rx",
        "1\r\nx\r\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n x: y\r\n",
        "0\r\nx\n\r\n",
        "0\r\n:x\r\n",
        "0\r\nx: \x02",
        "00000000000000000\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        check_chunked(broken[i], ERR_SYNTAX, 0);
    check_chunked("10001\r\n", ERR_TOO_LARGE, 0);
    check_chunked("ffffffffffffffff\r\n", ERR_TOO_LARGE, 0);
}

static void a_body_has_a_limit(void **state)
{
    (void)state;
    static char text[3 * HTTP_BODY_MAX];
    static const char *const endless[] = {"1\r\nx\r\n", "0;xxxx", "0\r\nX: y\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        size_t unit = strlen(endless[i]), used;
        for (size_t at = 0; at + unit <= sizeof text; at += unit)
            memcpy(text + at, endless[i], unit);
        if (endless[i][1] == ';')
            memset(text + 2, 'x', sizeof text - 2);
        if (i == 2)
            for (size_t at = 3; at + 6 <= sizeof text; at += 6)
                memcpy(text + at, "X: y\r\n", 6);
        struct http_body b;
        http_body_init_chunked(&b, HTTP_BODY_MAX);
        assert_int_equal(feed(&b, text, sizeof text / 3 * 2, 1000, &used), ERR_TOO_LARGE);
        assert_true(used <= HTTP_CHUNKS_MAX + HTTP_CHUNKS_MAX / 5 + 6);
    }
}

static void a_length_is_counted(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 12; piece++) {
        struct http_body b;
        size_t used;
        http_body_init_length(&b, 5);
        assert_int_equal(feed(&b, "hello, you", 10, piece, &used), OK);
        assert_int_equal(used, 5);
        http_body_init_length(&b, 11);
        assert_int_equal(feed(&b, "hello, you", 10, piece, &used), ERR_MORE);
    }
    static const char most[HTTP_BODY_MAX];
    struct http_body b;
    size_t used;
    http_body_init_length(&b, HTTP_BODY_MAX);
    assert_int_equal(feed(&b, most, sizeof most, sizeof most, &used), OK);
}

// Piece by piece, however it is cut: the same bytes, and no more of them than may be.
static void pieces_are_the_body(void **state)
{
    (void)state;
    static const char chunked[] = "5\r\nhello\r\n007;x=y\r\n, world\r\n1\r\n\n\r\n0\r\nT: r\r\n\r\nGET";
    static const char body[] = "hello, world\n";
    for (size_t cut = 1; cut <= sizeof chunked - 1; cut++) {
        for (uint32_t max = 12; max <= 14; max++) {
            struct http_body b;
            char got[32];
            size_t n = 0, at = 0;
            enum err e = ERR_MORE;
            http_body_init_chunked(&b, max);
            while (e == ERR_MORE) {
                size_t left = sizeof chunked - 1 - at, part = left < cut ? left : cut, used;
                str piece;
                char *exact = malloc(part);
                assert_non_null(exact);
                memcpy(exact, chunked + at, part);
                e = http_body_next(&b, str_make(exact, part), &used, &piece);
                assert_true(used <= part && n + piece.n <= sizeof got);
                assert_true(piece.n == 0 || (piece.p >= exact && piece.p + piece.n <= exact + used));
                if (piece.n != 0)
                    memcpy(got + n, piece.p, piece.n);
                n += piece.n;
                at += used;
                free(exact);
            }
            assert_int_equal(e, max < 13 ? ERR_TOO_LARGE : OK);
            if (e != OK)
                continue;
            assert_str_eq(str_make(got, n), STR(body));
            assert_int_equal(at, sizeof chunked - 1 - 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_end_where_they_end), cmocka_unit_test(two_readings_are_refused),
        cmocka_unit_test(a_body_has_a_limit),        cmocka_unit_test(a_length_is_counted),
        cmocka_unit_test(pieces_are_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
