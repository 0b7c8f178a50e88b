// SPDX-License-Identifier: Apache-2.0
//
// prng.h - a fast seeded generator for jitter, spreading and simulation. Never for secrets or ids.
//
// Source: Blackman, Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**), seeded by splitmix64.
#ifndef PLENUM_BASE_PRNG_H
#define PLENUM_BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_init(struct prng *g, uint64_t seed);
uint64_t prng_next(struct prng *g);
// Uniform in [0, below); below > 0.
uint64_t prng_below(struct prng *g, uint64_t below);

#endif
