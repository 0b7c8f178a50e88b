// SPDX-License-Identifier: Apache-2.0
//
// The budget in front of a memory backend.
//
// Bytes are booked before the backend is asked and given back if it refuses, so `bytes_used` never passes
// `bytes_max`, not even for an instant: a compare-and-swap loop, not add-then-undo, because with the latter two
// requests in flight could refuse each other although one of them would fit. Relaxed order is enough: the counter
// orders nothing, blocks travel between threads through rings, which do. Rejected: a size header before every block
// (16 bytes each, and callers know their sizes anyway).
#include "base/mem.h"

#include "base/assert.h"
#include <stdbool.h>
#include <string.h>

void mem_init(struct mem *m, struct mem_backend backend, size_t bytes_max)
{
    m->backend = backend;
    m->bytes_max = bytes_max;
    atomic_init(&m->bytes_used, 0);
    atomic_init(&m->refused, 0);
}

static bool mem_book(struct mem *m, size_t n)
{
    size_t max = m->bytes_max ? m->bytes_max : SIZE_MAX;
    size_t used = atomic_load_explicit(&m->bytes_used, memory_order_relaxed);
    do {
        if (used > max || n > max - used)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&m->bytes_used, &used, used + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void mem_unbook(struct mem *m, size_t n)
{
    size_t before = atomic_fetch_sub_explicit(&m->bytes_used, n, memory_order_relaxed);
    ASSERT(before >= n); // a block freed twice, or with another size than it was asked with
}

static void *mem_refuse(struct mem *m)
{
    atomic_fetch_add_explicit(&m->refused, 1, memory_order_relaxed);
    return NULL;
}

void *mem_alloc(struct mem *m, size_t n)
{
    ASSERT(n > 0);
    if (!mem_book(m, n))
        return mem_refuse(m);
    void *p = m->backend.alloc(m->backend.ctx, n);
    if (!p) {
        mem_unbook(m, n);
        return mem_refuse(m);
    }
    return p;
}

void *mem_alloc_essential(struct mem *m, size_t n)
{
    ASSERT(n > 0);
    atomic_fetch_add_explicit(&m->bytes_used, n, memory_order_relaxed);
    void *p = m->backend.alloc(m->backend.ctx, n);
    ASSERT(p != NULL);
    return p;
}

void *mem_zalloc(struct mem *m, size_t n)
{
    void *p = mem_alloc(m, n);
    return p ? memset(p, 0, n) : NULL;
}

void *mem_realloc(struct mem *m, void *p, size_t n_old, size_t n)
{
    ASSERT(n > 0);
    ASSERT(p || n_old == 0);
    // Growth is booked before, shrinking after: the counter is never below what is really outstanding.
    if (n > n_old && !mem_book(m, n - n_old))
        return mem_refuse(m);
    void *q = m->backend.realloc(m->backend.ctx, p, n_old, n);
    if (!q) {
        if (n > n_old)
            mem_unbook(m, n - n_old);
        return mem_refuse(m);
    }
    if (n < n_old)
        mem_unbook(m, n_old - n);
    return q;
}

void mem_free(struct mem *m, void *p, size_t n)
{
    if (!p)
        return;
    // The backend first: were the bytes given back to the budget before, another thread could have them twice.
    m->backend.free(m->backend.ctx, p, n);
    mem_unbook(m, n);
}

size_t mem_used(const struct mem *m) { return atomic_load_explicit(&m->bytes_used, memory_order_relaxed); }
