// SPDX-License-Identifier: Apache-2.0
//
// Where failed assertions end. base can neither print nor abort (both are system calls), so the report is the
// program's hook and the end is a trap instruction, which leaves a core dump at the right frame. Rejected: a weak
// symbol in place of the hook (tests and fuzzers want to change it at run time).
#include "base/assert.h"

#include <stddef.h>

static assert_hook_fn assert_hook;

void assert_hook_set(assert_hook_fn hook) { assert_hook = hook; }

_Noreturn void assert_fail(const char *file, int line, const char *expr)
{
    // Taken off first: a hook whose own assertion fails must not come here again without end.
    assert_hook_fn hook = assert_hook;
    assert_hook = NULL;
    if (hook)
        hook(file, line, expr);
    __builtin_trap();
}
