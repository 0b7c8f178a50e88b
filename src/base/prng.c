// SPDX-License-Identifier: Apache-2.0
//
// xoshiro256**, seeded by splitmix64 so that neighbouring seeds (1, 2, 3 of the simulator) give unrelated streams
// and a zero seed does not give the all-zero state, from which the generator never leaves.
#include "base/prng.h"

#include "base/assert.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t rotl(uint64_t x, int by) { return x << by | x >> (64 - by); }

void prng_init(struct prng *g, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        g->s[i] = splitmix64(&seed);
}

uint64_t prng_next(struct prng *g)
{
    uint64_t *s = g->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

// Lemire's multiply-and-reject ("Fast random integer generation in an interval", 2019): the upper half of a 128-bit
// product is the result; lower halves below 2^64 mod `below` are what would make some results likelier.
uint64_t prng_below(struct prng *g, uint64_t below)
{
    ASSERT(below > 0);
    __uint128_t product = (__uint128_t)prng_next(g) * below;
    if ((uint64_t)product < below) {
        uint64_t reject = (0 - below) % below;
        while ((uint64_t)product < reject)
            product = (__uint128_t)prng_next(g) * below;
    }
    return (uint64_t)(product >> 64);
}
