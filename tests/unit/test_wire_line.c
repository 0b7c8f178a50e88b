// SPDX-License-Identifier: Apache-2.0
//
// Lines: fixed cases, every split, and bounds on what must be held and looked at.
#include "unit/support.h"
#include "unit/wire_support.h"

enum { LIMIT = 5 };

// The trace of a text fed whole must be what `want` says: lines in brackets, "!" for one that was too long.
static void check(const char *text, size_t n, const char *want)
{
    struct trace expected = {0};
    for (const char *p = want; *p != 0; p++) {
        if (*p == '!') {
            trace_item(&expected, 2, NULL, 0);
            continue;
        }
        const char *end = strchr(++p, ']');
        trace_item(&expected, 1, p, (size_t)(end - p));
        p = end;
    }
    for (size_t cut = 0; cut <= n; cut++) {
        struct line_run r;
        line_run_init(&r, LIMIT);
        line_run_feed(&r, text, cut);
        line_run_feed(&r, text + cut, n - cut);
        if (!trace_equal(&r.trace, &expected))
            fail_msg("'%s' cut at %zu", text, cut);
        assert_true(r.held_max <= LIMIT + 1);
        line_run_deinit(&r);
    }
    struct line_run r;
    line_run_init(&r, LIMIT);
    for (size_t i = 0; i < n; i++)
        line_run_feed(&r, text + i, 1);
    assert_true(trace_equal(&r.trace, &expected));
    line_run_deinit(&r);
    trace_deinit(&expected);
}

#define CHECK(text, want) check(text, sizeof(text) - 1, want)

static void test_lines(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("abc", "");
    CHECK("abc\n", "[abc]");
    CHECK("abc\r\n", "[abc]");
    CHECK("\n", "[]");
    CHECK("\r\n\n\r\n", "[][][]");
    CHECK("a\nb\r\nc", "[a][b]");
    CHECK("a\rb\n", "[a\rb]");
    CHECK("a\r\r\n", "[a\r]");
    CHECK("\ta\x01\n", "[\ta\x01]");
}

static void test_limit(void **state)
{
    (void)state;
    CHECK("12345\n", "[12345]");
    CHECK("12345\r\n", "[12345]");
    CHECK("123456\n", "!");
    CHECK("123456\r\n", "!");
    CHECK("12345\r6\n", "!");
    CHECK("1234567\nab\n", "![ab]");
    CHECK("a\n12345678901234567890\n12345\r\n", "[a]![12345]");
    CHECK("1234567\n1234567\nx\n", "!![x]");
    CHECK("1234567", "!");
    CHECK("12345\r", "");
}

static void test_nul_is_a_character(void **state)
{
    (void)state;
    size_t used;
    str line;
    struct line_decoder d;
    line_decoder_init(&d, LIMIT);
    assert_int_equal(line_decoder_next(&d, STR("a\0b\nc"), &used, &line), OK);
    assert_int_equal(used, 4);
    assert_str(line, "a\0b");
}

// Byte by byte, a long line must not be searched from its start each time: the decoder says how far it has looked.
static void test_linear(void **state)
{
    (void)state;
    enum { N = 4096 };
    char text[N];
    memset(text, 'x', sizeof text);
    struct line_decoder d;
    line_decoder_init(&d, N);
    for (size_t n = 1; n < N; n++) {
        size_t used;
        str line;
        assert_int_equal(line_decoder_next(&d, (str){text, n}, &used, &line), ERR_MORE);
        assert_int_equal(used, 0);
        assert_int_equal(d.seen, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_nul_is_a_character),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
