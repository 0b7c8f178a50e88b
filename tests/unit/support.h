// SPDX-License-Identifier: Apache-2.0
//
// support.h - what every unit test includes: cmocka with the headers it wants before it, the test memory, and a
// way to test that an assertion fires.
#ifndef PLENUM_UNIT_SUPPORT_H
#define PLENUM_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "unit/test_mem.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// True if an ASSERT fails while fn(arg) runs; it is left by longjmp then. Not from two threads at once.
bool asserts(void (*fn)(void *arg), void *arg);

// Fails the test, showing both, unless the str equals a literal, or another str.
#define assert_str(actual, literal) assert_str_eq_at((actual), STR(literal), __FILE__, __LINE__)
#define assert_str_eq(actual, wanted) assert_str_eq_at((actual), (wanted), __FILE__, __LINE__)

void assert_str_eq_at(str actual, str wanted, const char *file, int line);

// A file of the source tree, by its path in it, with a NUL behind; to be freed.
char *source_text(const char *path);

#endif
