// SPDX-License-Identifier: Apache-2.0
//
// malloc, realloc and free in the shape of a mem_backend. Sizes that the caller hands back are not needed here; the
// budget in mem.c uses them. glibc aligns to 16 bytes, as mem.h asks.
#include "io/mem_malloc.h"

#include <stdlib.h>

_Static_assert(_Alignof(max_align_t) >= 16, "mem.h promises blocks aligned to 16 bytes");

static void *malloc_alloc(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static void *malloc_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    (void)ctx;
    (void)n_old;
    return realloc(p, n);
}

static void malloc_free(void *ctx, void *p, size_t n)
{
    (void)ctx;
    (void)n;
    free(p);
}

struct mem_backend mem_malloc_backend(void)
{
    return (struct mem_backend){.alloc = malloc_alloc, .realloc = malloc_realloc, .free = malloc_free};
}
