// SPDX-License-Identifier: Apache-2.0
//
// ring.h - a bounded single-producer single-consumer queue of pointers: one direction of a mailbox.
//
// The producer owns `tail`, the consumer owns `head`; each keeps a stale copy of the other's index on its own
// cache line, so a push or a pull that finds room or work touches no shared line but its own and the slot.
// A pushed pointer's target is visible to the consumer (release/acquire).
//
// The sides are kept apart by padding, not by alignment: 64 bytes between two fields put them on different lines
// wherever the struct begins, so it can live in any block of `mem`.
//
// Limits: capacity is a power of two, fixed at init. Errors: false when full or empty.
#ifndef PLENUM_BASE_RING_H
#define PLENUM_BASE_RING_H

#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>

struct ring {
    void **slots; // these three never change after init
    struct mem *mem;
    uint32_t mask;
    char pad_shared[64];
    _Atomic uint32_t head; // consumer's
    uint32_t tail_seen;
    char pad_consumer[64];
    _Atomic uint32_t tail; // producer's
    uint32_t head_seen;
    char pad_producer[64];
};

enum err ring_init(struct ring *r, struct mem *m, uint32_t capacity) WARN_UNUSED;
void ring_deinit(struct ring *r); // both sides must have stopped
// The producer's. p must not be NULL; false when full.
bool ring_push(struct ring *r, void *p);
// The producer's. So many pushes will certainly be taken; 0 only where the ring is full.
uint32_t ring_room(struct ring *r);
// The consumer's. The next pointer, or NULL when empty.
void *ring_pull(struct ring *r);
// As the consumer sees it.
bool ring_empty(struct ring *r);
// How many are in it. By any thread: both sides may go on meanwhile, so it is of a moment ago, and never more than the capacity.
uint32_t ring_count(const struct ring *r);

#endif
