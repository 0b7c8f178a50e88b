// SPDX-License-Identifier: Apache-2.0
//
// getrandom(2) from the kernel's urandom source: it blocks only until the pool was seeded once after boot, and reads
// of up to 256 bytes are never cut short; longer ones may be, by a signal.
#include "io/random.h"

#include "base/assert.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
    uint8_t *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            ASSERT(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

void random_pool_take(struct random_pool *pool, void *p, size_t n)
{
    if (n > RANDOM_POOL_BYTES) {
        random_bytes(p, n);
        return;
    }
    if (n > pool->left) {
        random_bytes(pool->bytes, RANDOM_POOL_BYTES);
        pool->left = RANDOM_POOL_BYTES;
    }
    uint8_t *from = pool->bytes + (RANDOM_POOL_BYTES - pool->left);
    memcpy(p, from, n);
    explicit_bzero(from, n);
    pool->left -= n;
}
