// SPDX-License-Identifier: Apache-2.0
//
// jwk_private.h - what the forms of keys share: a key that libcrypto has read becomes one of ours, or is refused.
// Internal to jwk*.c.
#ifndef PLENUM_WIRE_JWK_PRIVATE_H
#define PLENUM_WIRE_JWK_PRIVATE_H

#include "wire/jwk.h"

#include <openssl/evp.h>

// What a key says of itself.
struct jwk_found {
    bool has_alg;
    enum jwa alg;
    str kid; // absent where it has none
    bool has_private;
};

// Fills the problem in and hands e back. The texts as in sentence_set; word may be absent where they have no mark.
enum err jwk_refuse(struct jwk_problem *problem, enum err e, const char *got, str got_word,
                    const char *expected, str expected_word);
// libcrypto found no memory; what it left in the thread's queue of errors is dropped.
enum err jwk_no_memory(struct jwk_problem *problem);
// Takes the pair over, also where it is refused.
enum err jwk_adopt_pair(EVP_PKEY *pkey, const struct jwk_found *found, const struct jwk_wish *wish,
                        struct jwk *ret, struct jwk_problem *problem) WARN_UNUSED;
// The secret of a JWK; jwk_from_secret is this with nothing found.
enum err jwk_adopt_secret(str secret, const struct jwk_found *found, const struct jwk_wish *wish,
                          struct jwk *ret, struct jwk_problem *problem) WARN_UNUSED;
// That others cannot sign under it (jwk_weak.c): OK, ERR_LIMIT, ERR_DENIED, ERR_NOMEM.
enum err jwk_weak_check(EVP_PKEY *pkey, enum jwa_kind kind, struct jwk_problem *problem) WARN_UNUSED;

// P-256 and so on: what a curve is called in a JWK and in libcrypto, and what it is used with.
struct jwk_curve {
    const char *name;       // RFC 7518 section 6.2.1.1; libcrypto reads it, too
    const char *other_name; // what libcrypto says
    enum jwa alg;
    size_t field_bytes; // of a coordinate
};
enum { JWK_CURVES = 3, JWK_FIELD_MAX = 66 };
extern const struct jwk_curve jwk_curves[JWK_CURVES];

#endif
