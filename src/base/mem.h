// SPDX-License-Identifier: Apache-2.0
//
// mem.h - where memory comes from: one source handed in by the driver, with a budget.
//
// base..core never call malloc. The driver gives each shard a `struct mem`; io backs it with malloc, the
// simulator and the tests with an allocator that counts, poisons and fails on demand. Blocks may be freed by
// another shard than the one that allocated them (mail, log segments), so a backend must be thread-safe; the
// counters here are relaxed atomics for the same reason.
//
// Limits: `bytes_max` bounds what is outstanding at any time over all users of the source; a request beyond it
// returns NULL and counts in `refused`, as does one that the backend cannot meet. 0 = no bound.
// Sizes are as asked for, without the backend's overhead; asking for 0 bytes is a mistake (asserted).
// Errors: mem_alloc, mem_zalloc and mem_realloc return NULL; nothing else fails. A mem_realloc that returns NULL
// leaves the old block as it is.
//
// *What is given back is wiped.* What somebody has said and takes back must be gone, and a secret too, and memory that has been given
// back is nobody's to look after: malloc hands it to whoever comes next, or keeps it for hours. So mem_free wipes each block, and
// mem_realloc is a new block, a copy and a mem_free, as a realloc that moves leaves all that was there behind. Blocks from
// MEM_PAGES_OF_ITS_OWN on are the backend's to see to, as it can give whole pages to the system, and have them moved without a copy.
// It is a memset of what was written a moment ago, once for each block, whatever the number of readers.
// Rejected: to wipe only what may hold words (a rule with exceptions, of which each new mail, buffer and cache would have to be
// one), and only when somebody has taken something back (who had the bytes last is known to nobody then).
#ifndef PLENUM_BASE_MEM_H
#define PLENUM_BASE_MEM_H

#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MEM_PAGES_OF_ITS_OWN = 128 * 1024 };

struct mem_backend {
    void *(*alloc)(void *ctx, size_t n); // n > 0; 16-byte aligned; contents undefined
    // Of a block of MEM_PAGES_OF_ITS_OWN at least, to another such size; where it moves, it leaves nothing behind.
    void *(*realloc)(void *ctx, void *p, size_t n_old, size_t n);
    // p may be NULL; n is the size asked for. A smaller block is wiped already; of a larger one nothing may be left.
    void (*free)(void *ctx, void *p, size_t n);
    void *ctx;
};

// A share is a thread's own view of a source: it books in a plain counter and settles with the source whenever
// MEM_SETTLE_BYTES have come together, so that shards do not pull one cache line to and fro with every message. Blocks
// may be freed through another share, or the source itself. The budget may be passed by MEM_SETTLE_BYTES per share.
enum { MEM_SETTLE_BYTES = 64 * 1024 };

// A source may hold a reserve for essential blocks, for when its backend has nothing: cells that belong to it for good, so
// that nobody else can be faster. Cells are taken and given back by any thread.
enum { MEM_RESERVE_CELLS = 1024, MEM_ESSENTIAL_MAX = 1024 };

// A *part* of a source is a budget within its budget, for a user who is not to take what others need: what is allocated from it
// counts in both, and is refused where either is used up. Any thread may use it, as it may a source; it has no shares.

struct mem {
    struct mem_backend backend;
    _Atomic size_t bytes_max;  // of a part: may be set while it is in use
    _Atomic size_t bytes_peak; // most bytes_used was since mem_peak_take
    _Atomic size_t bytes_used; // by settled shares and by users of the source itself
    _Atomic uint64_t refused;
    struct mem *source; // of a share; NULL otherwise
    struct mem *whole;  // of a part: the source; NULL otherwise
    bool has_shares;
    int64_t unsettled; // of a share: bytes booked here and not at the source yet
    char *reserve;     // the source's: MEM_RESERVE_CELLS of MEM_ESSENTIAL_MAX bytes; NULL = none
    _Atomic uint64_t reserve_taken[MEM_RESERVE_CELLS / 64]; // a bit per cell
};

void mem_init(struct mem *m, struct mem_backend backend, size_t bytes_max);
// A share for one thread at a time; the source outlives it. mem_share_settle before the source's count must be exact.
void mem_share_init(struct mem *m, struct mem *source);
void mem_share_settle(struct mem *m);
// A part, with a budget of its own (0 = no bound of its own); the source outlives it.
void mem_part_init(struct mem *m, struct mem *whole, size_t bytes_max);
// Counts in a part what is allocated from the source otherwise (an object of a pool), and takes it off again.
bool mem_part_charge(struct mem *part, size_t n) WARN_UNUSED;
void mem_part_discharge(struct mem *part, size_t n);
// Counts what a library allocates by itself, and takes it off again. False: the budget is used up.
bool mem_charge(struct mem *m, size_t n) WARN_UNUSED;
void mem_discharge(struct mem *m, size_t n);
static inline bool mem_is_part(const struct mem *m) { return m->whole != NULL; }
// Of a source, before it has shares; ERR_NOMEM leaves none. At the end, after them, every cell is back (asserted).
enum err mem_reserve_init(struct mem *m) WARN_UNUSED;
void mem_reserve_deinit(struct mem *m);
void *mem_alloc(struct mem *m, size_t n); // contents undefined
// For the few blocks of at most MEM_ESSENTIAL_MAX bytes whose absence would break a promise made already: may pass
// bytes_max, never NULL. That the backend has nothing and the reserve is used up is the end of the process (asserted).
// Such a block is not reallocated.
void *mem_alloc_essential(struct mem *m, size_t n);
void *mem_zalloc(struct mem *m, size_t n);
// p may be NULL (n_old = 0). Moves the block where it must; the bytes beyond n_old are undefined.
void *mem_realloc(struct mem *m, void *p, size_t n_old, size_t n);
// n is the size the block was asked with; p may be NULL.
void mem_free(struct mem *m, void *p, size_t n);
// Outstanding bytes. Of a source: give or take MEM_SETTLE_BYTES per share; of a share: what it has not settled.
size_t mem_used(const struct mem *m);
// By how many bytes a budget is nearer to its end than it should be: above seven eighths of it. 0 = it is not, or there is none.
size_t mem_short(const struct mem *m);
// The most a source had out since the last call, about: where several threads book at once one may hide another.
size_t mem_peak_take(struct mem *m);
// Overwrites what nobody is to read any more, and is not taken out by a compiler that sees that nobody does.
static inline void mem_wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

#endif
