// SPDX-License-Identifier: Apache-2.0
//
// New pairs: libcrypto draws the numbers.
#include "wire/jwk_make.h"

#include <openssl/evp.h>

struct evp_pkey_st *jwk_pair_make(enum jwa alg, uint32_t rsa_bits)
{
    switch (jwa_row(alg)->kind) {
    case JWA_RSA:
    case JWA_RSA_PSS:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits);
    case JWA_EC:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC",
                                 alg == JWA_ES256   ? "P-256"
                                 : alg == JWA_ES384 ? "P-384"
                                                    : "P-521");
    case JWA_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case JWA_HMAC:
        break;
    }
    return NULL;
}
