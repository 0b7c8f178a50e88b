// SPDX-License-Identifier: Apache-2.0
//
// failing.h - allocations that fail when a test wants it: one of them, or one and all that follow.
//
//      CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free)   libcrypto's, before its first
//      #include "unit/failing_malloc.h"                                       everybody's, while fails.yaml is set
//
// in_turn() runs a case with the first allocation failing, then with the second, ... until it needs no more of them; and
// all of that again with all later ones failing too.
#ifndef PLENUM_TESTS_UNIT_FAILING_H
#define PLENUM_TESTS_UNIT_FAILING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static struct {
    bool armed, yaml;  // of libcrypto; of everything (libyaml)
    bool all;          // this one and all later ones
    uint64_t at, seen; // from 1
} fails;

static inline bool fail_now(void)
{
    if (!fails.armed)
        return false;
    fails.seen++;
    return fails.all ? fails.seen >= fails.at : fails.seen == fails.at;
}

static inline void arm(uint64_t at, bool all)
{
    fails.at = at;
    fails.all = all;
    fails.seen = 0;
    fails.armed = true;
}

// True if a failure was made to happen.
static inline bool disarm(void)
{
    fails.armed = false;
    return fails.seen >= fails.at;
}

static inline void *crypto_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return fail_now() ? NULL : malloc(n);
}

static inline void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return fail_now() ? NULL : realloc(p, n);
}

static inline void crypto_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

// Runs a case with failure 1, 2, 3 ... until it needs fewer allocations than that. Returns how many it needs.
static inline uint64_t in_turn(void (*run)(uint64_t at, bool all, bool *ret_failed))
{
    uint64_t needs[2] = {0};
    for (int all = 0; all < 2; all++)
        for (bool failed = true; failed; needs[all]++)
            run(needs[all] + 1, all != 0, &failed);
    return needs[0] - 1;
}

#endif
