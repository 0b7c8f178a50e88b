// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "unit/support.h"

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
        cmocka_unit_test(assert_fires_only_when_false),
        cmocka_unit_test(assert_hook_is_told_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
