// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "base/err.h"
#include "unit/support.h"

static void err_names_are_distinct(void **state)
{
    (void)state;
    const enum err all[] = {OK,       ERR_MORE,      ERR_NOMEM,  ERR_LIMIT,  ERR_SYNTAX, ERR_TOO_LARGE,
                            ERR_UTF8, ERR_NOT_FOUND, ERR_EXISTS, ERR_DENIED, ERR_FULL,   ERR_UNSUPPORTED};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_string_not_equal(err_name(all[i]), "unknown");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(err_name(all[i]), err_name(all[j]));
    }
    assert_string_equal(err_name((enum err) - 99), "unknown");
}

static void assert_that(void *arg) { ASSERT(*(int *)arg == 1); }

static void unreachable(void *arg)
{
    (void)arg;
    UNREACHABLE();
}

static void assert_fires_only_when_false(void **state)
{
    (void)state;
    int one = 1, two = 2;
    assert_false(asserts(assert_that, &one));
    assert_true(asserts(assert_that, &two));
    assert_true(asserts(unreachable, NULL));
    assert_false(asserts(assert_that, &one));
}

static struct {
    const char *file;
    int line;
    const char *expr;
    jmp_buf out;
} seen;

static void hook(const char *file, int line, const char *expr)
{
    seen.file = file;
    seen.line = line;
    seen.expr = expr;
    longjmp(seen.out, 1);
}

static void assert_hook_is_told_where(void **state)
{
    (void)state;
    if (setjmp(seen.out) == 0) {
        assert_hook_set(hook);
        assert_fail("some.c", 12, "a == b");
    }
    assert_string_equal(seen.file, "some.c");
    assert_int_equal(seen.line, 12);
    assert_string_equal(seen.expr, "a == b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_names_are_distinct),
        cmocka_unit_test(assert_fires_only_when_false),
        cmocka_unit_test(assert_hook_is_told_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
