// SPDX-License-Identifier: Apache-2.0
//
// arena.h - the simulator's own memory: every block is on a list, so a run that ends in the middle of anything
// (a failed check leaves by longjmp) gives everything back at once.
//
// Blocks are ordinary heap blocks of the exact size, so AddressSanitizer sees every byte too many. When the machine
// is out of memory the program ends: there is no point in going on.
#ifndef PLENUM_SIM_ARENA_H
#define PLENUM_SIM_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block {
    struct arena_block *prev, *next;
};

struct arena {
    struct arena_block list; // of all blocks, circular
};

void arena_init(struct arena *a);
void arena_deinit(struct arena *a);                                    // frees all blocks
void *arena_alloc(struct arena *a, size_t n);                          // zeroed
void *arena_realloc(struct arena *a, void *p, size_t n_old, size_t n); // p may be NULL; new bytes are zeroed
void arena_free(struct arena *a, void *p);                             // NULL is fine

// Room for one more in a growing array: `v` (pointer), `n` and `cap` (counts).
#define ARENA_GROW(a, v, n, cap)                                                                \
    do {                                                                                        \
        if ((n) == (cap)) {                                                                     \
            size_t grow_cap = (cap) == 0 ? 8 : (size_t)(cap)*2;                                 \
            (v) = arena_realloc((a), (v), (size_t)(cap) * sizeof *(v), grow_cap * sizeof *(v)); \
            (cap) = (uint32_t)grow_cap;                                                         \
        }                                                                                       \
    } while (0)

#endif
