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
    atomic_init(&m->bytes_max, bytes_max);
    atomic_init(&m->bytes_used, 0);
    atomic_init(&m->bytes_peak, 0);
    atomic_init(&m->refused, 0);
    m->source = NULL;
    m->whole = NULL;
    m->has_shares = false;
    m->unsettled = 0;
    m->reserve = NULL;
    for (int i = 0; i < MEM_RESERVE_CELLS / 64; i++)
        atomic_init(&m->reserve_taken[i], 0);
}

static bool book(struct mem *m, size_t n)
{
    size_t bound = atomic_load_explicit(&m->bytes_max, memory_order_relaxed);
    size_t max = bound != 0 ? bound : SIZE_MAX;
    size_t used = atomic_load_explicit(&m->bytes_used, memory_order_relaxed);
    do {
        size_t have =
            (int64_t)used < 0 ? 0 : used; // a share settled frees of what another has not settled yet
        if (have > max || n > max - have)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&m->bytes_used, &used, used + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    if ((int64_t)(used + n) > 0 && used + n > atomic_load_explicit(&m->bytes_peak, memory_order_relaxed))
        atomic_store_explicit(&m->bytes_peak, used + n, memory_order_relaxed);
    return true;
}

static void unbook(struct mem *m, size_t n)
{
    size_t before = atomic_fetch_sub_explicit(&m->bytes_used, n, memory_order_relaxed);
    // A block freed twice, or with another size than it was asked with. Shares may have settled frees first.
    ASSERT(before >= n || m->has_shares);
}

static bool source_book(struct mem *m, size_t n)
{
    if (!book(m, n))
        return false;
    if (m->whole == NULL || book(m->whole, n))
        return true;
    unbook(m, n);
    return false;
}

static void source_unbook(struct mem *m, size_t n)
{
    unbook(m, n);
    if (m->whole != NULL)
        unbook(m->whole, n);
}

static bool mem_book(struct mem *m, size_t n)
{
    if (m->source == NULL)
        return source_book(m, n);
    if (m->unsettled + (int64_t)n <= MEM_SETTLE_BYTES) {
        m->unsettled += (int64_t)n;
        return true;
    }
    if (!source_book(m->source, (size_t)(m->unsettled + (int64_t)n)))
        return false;
    m->unsettled = 0;
    return true;
}

static void mem_unbook(struct mem *m, size_t n)
{
    if (m->source == NULL) {
        source_unbook(m, n);
        return;
    }
    m->unsettled -= (int64_t)n;
    if (m->unsettled < -MEM_SETTLE_BYTES)
        mem_share_settle(m);
}

void mem_share_init(struct mem *m, struct mem *source)
{
    mem_init(m, source->backend, 0);
    m->source = source;
    m->reserve =
        source->reserve; // to be looked at with every block that is freed, away from what the source counts
    source->has_shares = true;
}

void mem_part_init(struct mem *m, struct mem *whole, size_t bytes_max)
{
    ASSERT(whole->source == NULL && whole->whole == NULL);
    mem_init(m, whole->backend, bytes_max);
    m->whole = whole;
    m->reserve = whole->reserve;
}

bool mem_part_charge(struct mem *part, size_t n)
{
    ASSERT(mem_is_part(part));
    if (book(part, n))
        return true;
    atomic_fetch_add_explicit(&part->refused, 1, memory_order_relaxed);
    return false;
}

void mem_part_discharge(struct mem *part, size_t n)
{
    ASSERT(mem_is_part(part));
    unbook(part, n);
}

bool mem_charge(struct mem *m, size_t n)
{
    if (mem_book(m, n))
        return true;
    atomic_fetch_add_explicit(&m->refused, 1, memory_order_relaxed);
    return false;
}

void mem_discharge(struct mem *m, size_t n) { mem_unbook(m, n); }

// Whose reserve it is.
static struct mem *reserve_owner(struct mem *m)
{
    if (m->source != NULL)
        return m->source;
    return m->whole != NULL ? m->whole : m;
}

void mem_share_settle(struct mem *m)
{
    atomic_fetch_add_explicit(&m->source->bytes_used, (size_t)m->unsettled,
                              memory_order_relaxed); // modulo 2^64
    m->unsettled = 0;
}

static void *mem_refuse(struct mem *m)
{
    if (m->source != NULL)
        m = m->source;
    atomic_fetch_add_explicit(&m->refused, 1, memory_order_relaxed);
    return NULL;
}

enum err mem_reserve_init(struct mem *m)
{
    ASSERT(m->source == NULL && !m->has_shares);
    m->reserve = mem_alloc(m, (size_t)MEM_RESERVE_CELLS * MEM_ESSENTIAL_MAX);
    return m->reserve == NULL ? ERR_NOMEM : OK;
}

void mem_reserve_deinit(struct mem *m)
{
    for (int i = 0; i < MEM_RESERVE_CELLS / 64; i++)
        ASSERT(atomic_load_explicit(&m->reserve_taken[i], memory_order_relaxed) == 0);
    mem_free(m, m->reserve, (size_t)MEM_RESERVE_CELLS * MEM_ESSENTIAL_MAX);
    m->reserve = NULL;
}

// Rejected: blocks that are given back to the backend when it has nothing. Whoever asks next has them, OpenSSL or another
// thread, and malloc may give them on to the system.
static void *reserve_take(struct mem *source, size_t n)
{
    if (source->reserve == NULL || n > MEM_ESSENTIAL_MAX)
        return NULL;
    for (uint32_t i = 0; i < MEM_RESERVE_CELLS / 64; i++) {
        uint64_t taken = atomic_load_explicit(&source->reserve_taken[i], memory_order_relaxed);
        while (~taken != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~taken);
            if (atomic_compare_exchange_weak_explicit(&source->reserve_taken[i], &taken,
                                                      taken | UINT64_C(1) << bit, memory_order_acquire,
                                                      memory_order_relaxed))
                return source->reserve + (size_t)(i * 64 + bit) * MEM_ESSENTIAL_MAX;
        }
    }
    return NULL;
}

// False if the block is none of the reserve's. (The reserve itself, when it is freed, is no cell any more.)
static bool reserve_give_back(struct mem *m, const void *p, size_t n)
{
    size_t at = (uintptr_t)p - (uintptr_t)m->reserve;
    if (m->reserve == NULL || n > MEM_ESSENTIAL_MAX || at >= (size_t)MEM_RESERVE_CELLS * MEM_ESSENTIAL_MAX)
        return false;
    struct mem *source = reserve_owner(m);
    uint64_t bit = UINT64_C(1) << (at / MEM_ESSENTIAL_MAX % 64);
    uint64_t was = atomic_fetch_and_explicit(&source->reserve_taken[at / MEM_ESSENTIAL_MAX / 64], ~bit,
                                             memory_order_release);
    ASSERT(was & bit);
    return true;
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
    void *p = m->backend.alloc(m->backend.ctx, n);
    if (p == NULL)
        p = reserve_take(reserve_owner(m), n);
    ASSERT(p != NULL);
    if (m->source != NULL) {
        m->unsettled += (int64_t)n;
        return p;
    }
    atomic_fetch_add_explicit(&m->bytes_used, n, memory_order_relaxed);
    if (m->whole != NULL)
        atomic_fetch_add_explicit(&m->whole->bytes_used, n, memory_order_relaxed);
    return p;
}

void *mem_zalloc(struct mem *m, size_t n)
{
    void *p = mem_alloc(m, n);
    return p ? memset(p, 0, n) : NULL;
}

static void block_free(struct mem *m, void *p, size_t n)
{
    if (n < MEM_PAGES_OF_ITS_OWN)
        mem_wipe(p, n);
    if (!reserve_give_back(m, p, n))
        m->backend.free(m->backend.ctx, p, n);
}

static void *block_resize(struct mem *m, void *p, size_t n_old, size_t n)
{
    if (n_old >= MEM_PAGES_OF_ITS_OWN && n >= MEM_PAGES_OF_ITS_OWN)
        return m->backend.realloc(m->backend.ctx, p, n_old, n);
    void *q = m->backend.alloc(m->backend.ctx, n);
    if (q != NULL && p != NULL) {
        memcpy(q, p, n_old < n ? n_old : n);
        block_free(m, p, n_old);
    }
    return q;
}

void *mem_realloc(struct mem *m, void *p, size_t n_old, size_t n)
{
    ASSERT(n > 0);
    ASSERT(p || n_old == 0);
    // Growth is booked before, shrinking after: the counter is never below what is outstanding for longer than this.
    if (n > n_old && !mem_book(m, n - n_old))
        return mem_refuse(m);
    void *q = block_resize(m, p, n_old, n);
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
    block_free(m, p, n);
    mem_unbook(m, n);
}

size_t mem_used(const struct mem *m)
{
    int64_t used = (int64_t)atomic_load_explicit(&m->bytes_used, memory_order_relaxed) + m->unsettled;
    return used > 0 ? (size_t)used : 0;
}

size_t mem_short(const struct mem *m)
{
    const struct mem *source = m->source != NULL ? m->source : m;
    size_t used = atomic_load_explicit(&source->bytes_used, memory_order_relaxed);
    size_t max = atomic_load_explicit(&source->bytes_max, memory_order_relaxed), comfort = max - max / 8;
    return max == 0 || (int64_t)used < 0 || used <= comfort ? 0 : used - comfort;
}

size_t mem_peak_take(struct mem *m)
{
    size_t peak = atomic_exchange_explicit(&m->bytes_peak, 0, memory_order_relaxed), used = mem_used(m);
    return peak > used ? peak : used;
}
