// SPDX-License-Identifier: Apache-2.0
//
// A doubly linked list runs through the heads of the blocks; that is all.
#include "sim/arena.h"

#include "base/assert.h"
#include <stdlib.h>
#include <string.h>

void arena_init(struct arena *a) { a->list.prev = a->list.next = &a->list; }

void arena_deinit(struct arena *a)
{
    while (a->list.next != &a->list)
        arena_free(a, a->list.next + 1);
}

static void arena_link(struct arena *a, struct arena_block *b)
{
    b->prev = a->list.prev;
    b->next = &a->list;
    b->prev->next = b;
    b->next->prev = b;
}

static void arena_unlink(struct arena_block *b)
{
    b->prev->next = b->next;
    b->next->prev = b->prev;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *b = calloc(1, sizeof *b + n);
    ASSERT(b != NULL);
    arena_link(a, b);
    return b + 1;
}

void *arena_realloc(struct arena *a, void *p, size_t n_old, size_t n)
{
    if (p == NULL)
        return arena_alloc(a, n);
    struct arena_block *b = (struct arena_block *)p - 1;
    arena_unlink(b);
    b = realloc(b, sizeof *b + n);
    ASSERT(b != NULL);
    arena_link(a, b);
    if (n > n_old)
        memset((char *)(b + 1) + n_old, 0, n - n_old);
    return b + 1;
}

void arena_free(struct arena *a, void *p)
{
    (void)a;
    if (p == NULL)
        return;
    struct arena_block *b = (struct arena_block *)p - 1;
    arena_unlink(b); // NOLINT(clang-analyzer-unix.Malloc): a block freed before is not in the list any more
    free(b);
}
