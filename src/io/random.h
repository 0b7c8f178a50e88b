// SPDX-License-Identifier: Apache-2.0
//
// random.h - random bytes from the kernel, bought by the kilobyte.
//
// Ids and session secrets need 16 bytes each, and a getrandom call per id costs as much as parsing the command. Each
// shard keeps its own pool; bytes given out are wiped from it at once, so a later leak of the pool tells nothing
// about ids that are in use.
//
// Thread: the owner's only. Errors: none; a kernel without getrandom ends the program (there is no second source
// that would be as good).
#ifndef PLENUM_IO_RANDOM_H
#define PLENUM_IO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { RANDOM_POOL_BYTES = 1024 };

struct random_pool {
    uint8_t bytes[RANDOM_POOL_BYTES];
    size_t left; // unused bytes, at the end of the pool; 0 = fill before use
};

// Fills p with n bytes straight from the kernel.
void random_bytes(void *p, size_t n);
// The same through the pool, which starts zeroed.
void random_pool_take(struct random_pool *pool, void *p, size_t n);

#endif
