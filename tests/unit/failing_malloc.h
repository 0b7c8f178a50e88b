// SPDX-License-Identifier: Apache-2.0
//
// failing_malloc.h - a malloc of the program's own, which every library in it is bound to, and which fails while
// fails.yaml is set (failing.h). For libraries that take no allocation functions. One file of a program includes it.
#ifndef PLENUM_TESTS_UNIT_FAILING_MALLOC_H
#define PLENUM_TESTS_UNIT_FAILING_MALLOC_H

#include "unit/failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

// A sanitizer's malloc, where its runtime is linked into this program, has this name.
extern void *__interceptor_malloc(size_t n) __attribute__((weak));           // NOLINT
extern void *__interceptor_realloc(void *p, size_t n) __attribute__((weak)); // NOLINT

// ThreadSanitizer's own start comes through here, before anything may be looked at by it.
#define UNWATCHED __attribute__((no_sanitize_thread))

UNWATCHED void *malloc(size_t n)
{
    static void *(*next)(size_t);
    if (next == NULL) {
        void *found =
            __interceptor_malloc != NULL ? (void *)__interceptor_malloc : dlsym(RTLD_NEXT, "malloc");
        memcpy(&next, &found, sizeof next);
    }
    if (fails.yaml && fail_now()) {
        errno = ENOMEM;
        return NULL;
    }
    return next(n);
}

UNWATCHED void *realloc(void *p, size_t n)
{
    static void *(*next)(void *, size_t);
    if (next == NULL) {
        void *found =
            __interceptor_realloc != NULL ? (void *)__interceptor_realloc : dlsym(RTLD_NEXT, "realloc");
        memcpy(&next, &found, sizeof next);
    }
    if (fails.yaml && fail_now()) {
        errno = ENOMEM;
        return NULL;
    }
    return next(p, n);
}

UNWATCHED char *strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    return copy != NULL ? memcpy(copy, s, n) : NULL;
}

#undef UNWATCHED

#endif
