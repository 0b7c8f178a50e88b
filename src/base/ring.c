// SPDX-License-Identifier: Apache-2.0
//
// One direction of a mailbox: a ring of pointers with one writer and one reader.
//
// Both indices only ever grow and wrap at 2^32; the slot is index & mask, the fill is tail - head, and so all slots
// can be used. A side looks at the other's index only when its stale copy says full or empty. Rejected: a mutex (a
// holder that is descheduled stops the other shard), a multi-producer queue (one ring per pair of shards costs
// little memory and no contention), a linked list (an allocation per message).
#include "base/ring.h"

#include "base/assert.h"

enum err ring_init(struct ring *r, struct mem *m, uint32_t capacity)
{
    ASSERT(capacity > 0 && capacity <= 1u << 31 && (capacity & (capacity - 1)) == 0);
    void **slots = mem_alloc(m, capacity * sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->tail_seen = 0;
    r->head_seen = 0;
    r->slots = slots;
    r->mask = capacity - 1;
    r->mem = m;
    return OK;
}

void ring_deinit(struct ring *r)
{
    if (r->slots)
        mem_free(r->mem, r->slots, ((size_t)r->mask + 1) * sizeof *r->slots);
    r->slots = NULL;
}

uint32_t ring_room(struct ring *r)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    // Acquire: the consumer's read of the slot comes before our write to it.
    if (tail - r->head_seen > r->mask)
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
    return r->mask + 1 - (tail - r->head_seen);
}

bool ring_push(struct ring *r, void *p)
{
    ASSERT(p != NULL); // NULL is how ring_pull says empty
    if (ring_room(r) == 0)
        return false;
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    r->slots[tail & r->mask] = p;
    // Release: who sees the new tail sees the slot, and what the pointer points to.
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

void *ring_pull(struct ring *r)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->tail_seen) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->tail_seen)
            return NULL;
    }
    void *p = r->slots[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return p;
}

bool ring_empty(struct ring *r)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    return head == atomic_load_explicit(&r->tail, memory_order_acquire);
}

uint32_t ring_count(const struct ring *r)
{
    // The head first: what is pulled in between makes the count too high by as much, and not a number below 0.
    uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint32_t n = atomic_load_explicit(&r->tail, memory_order_relaxed) - head;
    return n <= r->mask ? n : r->mask + 1;
}
