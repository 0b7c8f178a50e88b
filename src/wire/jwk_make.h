// SPDX-License-Identifier: Apache-2.0
//
// jwk_make.h - a new pair of keys for an algorithm: for programs that make some (`plenum keys`, the benches), not for core, as
// random numbers are drawn.
//
// Ownership: the caller's, by EVP_PKEY_free. Thread: any.
#ifndef PLENUM_WIRE_JWK_MAKE_H
#define PLENUM_WIRE_JWK_MAKE_H

#include "wire/jwk.h"

// rsa_bits: of RS and PS. NULL: libcrypto could not, or the algorithm has no pairs (HS).
struct evp_pkey_st *jwk_pair_make(enum jwa alg, uint32_t rsa_bits) WARN_UNUSED;

#endif
