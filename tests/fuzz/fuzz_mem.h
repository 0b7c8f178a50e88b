// SPDX-License-Identifier: Apache-2.0
//
// fuzz_mem.h - libc's malloc behind struct mem: with the sanitizer's malloc underneath, a byte too far is seen. Targets of a whole shard
// have the simulator's instead (sim/vmem.h), whose blocks are counted and can be refused.
#ifndef PLENUM_TESTS_FUZZ_FUZZ_MEM_H
#define PLENUM_TESTS_FUZZ_FUZZ_MEM_H

#include "base/mem.h"

#include <stdlib.h>

static inline void *fuzz_alloc(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static inline void *fuzz_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    (void)ctx;
    (void)n_old;
    return realloc(p, n);
}

static inline void fuzz_free(void *ctx, void *p, size_t n)
{
    (void)ctx;
    (void)n;
    free(p);
}

static inline void fuzz_mem_init(struct mem *m)
{
    mem_init(m, (struct mem_backend){fuzz_alloc, fuzz_realloc, fuzz_free, NULL}, 0);
}

#endif
