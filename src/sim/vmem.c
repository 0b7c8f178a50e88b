// SPDX-License-Identifier: Apache-2.0
//
// A head with the size stands before each block. Freed blocks are overwritten and given to the sanitizer's heap, so
// a use after free is found there, or shows as junk without one. A reallocation always moves.
#include "sim/vmem.h"

#include "base/assert.h"
#include <string.h>

enum { FRESH_BYTE = 0xa5, FREED_BYTE = 0x5a, HEAD_BYTES = 16 };

static void *vmem_alloc(void *ctx, size_t n)
{
    struct vmem *m = ctx;
    char *p = arena_alloc(&m->arena, HEAD_BYTES + n);
    memcpy(p, &n, sizeof n);
    memset(p + HEAD_BYTES, FRESH_BYTE, n);
    m->blocks++;
    size_t used = mem_used(&m->mem) + n;
    if (used > m->peak)
        m->peak = used;
    return p + HEAD_BYTES;
}

static void vmem_free(void *ctx, void *p, size_t n)
{
    struct vmem *m = ctx;
    if (p == NULL)
        return;
    char *block = (char *)p - HEAD_BYTES;
    size_t asked;
    memcpy(&asked, block, sizeof asked);
    ASSERT(asked == n); // freed with another size than it was asked with
    memset(p, FREED_BYTE, n);
    m->blocks--;
    arena_free(&m->arena, block);
}

static void *vmem_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    void *moved = vmem_alloc(ctx, n);
    if (p != NULL) {
        memcpy(moved, p, n_old < n ? n_old : n);
        vmem_free(ctx, p, n_old);
    }
    return moved;
}

void vmem_init(struct vmem *m)
{
    *m = (struct vmem){0};
    arena_init(&m->arena);
    mem_init(&m->mem, (struct mem_backend){vmem_alloc, vmem_realloc, vmem_free, m}, 0);
}

void vmem_deinit(struct vmem *m) { arena_deinit(&m->arena); }
