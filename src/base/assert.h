// SPDX-License-Identifier: Apache-2.0
//
// assert.h - assertions that stay on in release builds.
//
// ASSERT is for our own mistakes. It never guards what a peer, a disk or an operator sent: that is an error
// value with a test. A failed assertion calls the hook that the program installed (the driver prints shard,
// connection, seed and event number) and then traps; base itself makes no system call.
#ifndef PLENUM_BASE_ASSERT_H
#define PLENUM_BASE_ASSERT_H

typedef void (*assert_hook_fn)(const char *file, int line, const char *expr);

// Installs the function that reports a failed assertion; it may return, the trap follows anyway. Process-wide,
// called once at start before other threads exist.
void assert_hook_set(assert_hook_fn hook);

_Noreturn void assert_fail(const char *file, int line, const char *expr);

#define ASSERT(cond) (__builtin_expect(!!(cond), 1) ? (void)0 : assert_fail(__FILE__, __LINE__, #cond))
#define UNREACHABLE() assert_fail(__FILE__, __LINE__, "unreachable")

#endif
