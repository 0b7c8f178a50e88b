// SPDX-License-Identifier: Apache-2.0
//
// siphash.h - SipHash-2-4, the keyed hash for every table that a peer can put keys into, and its 128-bit form
// for fingerprints (idempotency keys).
//
// Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012; the reference test vectors are in the test.
#ifndef PLENUM_BASE_SIPHASH_H
#define PLENUM_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

typedef struct {
    uint64_t lo, hi;
} u128;

uint64_t siphash(const struct siphash_key *k, const void *p, size_t n);
u128 siphash128(const struct siphash_key *k, const void *p, size_t n);

#endif
