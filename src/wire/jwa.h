// SPDX-License-Identifier: Apache-2.0
//
// jwa.h - the algorithms that tokens may be signed with, a line each.
//
// What an algorithm is follows from its row: which kind of key it takes, which hash, how long its signature is. There is
// no "none" among them, so there is nothing to be switched off.
//
//     HS256   HMAC with a secret that both sides have; the hash's length is the least that a secret may have
//     RS256   RSASSA-PKCS1-v1_5
//     PS256   RSASSA-PSS, its salt as long as the hash
//     ES256   ECDSA over one curve per hash; the signature is r and s, each as long as the curve's field
//     EdDSA   Ed25519; RFC 9864 calls it `Ed25519`, which is read as well
//
// Thread: pure functions. Source: RFC 7518 section 3, RFC 8037 section 3.1, RFC 9864 section 2.2.
#ifndef PLENUM_WIRE_JWA_H
#define PLENUM_WIRE_JWA_H

#include "base/str.h"

enum jwa_kind { JWA_HMAC, JWA_RSA, JWA_RSA_PSS, JWA_EC, JWA_ED25519 };

// name in C, name on the wire, kind, octets of the hash, octets of the signature (0 = as long as the RSA key)
// clang-format off
#define JWA_ALGORITHMS(X) \
    X(HS256, "HS256", HMAC,    32, 32)  X(HS384, "HS384", HMAC,    48, 48) X(HS512, "HS512", HMAC,    64, 64) \
    X(RS256, "RS256", RSA,     32, 0)   X(RS384, "RS384", RSA,     48, 0)  X(RS512, "RS512", RSA,     64, 0) \
    X(PS256, "PS256", RSA_PSS, 32, 0)   X(PS384, "PS384", RSA_PSS, 48, 0)  X(PS512, "PS512", RSA_PSS, 64, 0) \
    X(ES256, "ES256", EC,      32, 64)  X(ES384, "ES384", EC,      48, 96) X(ES512, "ES512", EC,      64, 132) \
    X(EDDSA, "EdDSA", ED25519, 0,  64)
// clang-format on

enum jwa {
#define X(name, ...) JWA_##name,
    JWA_ALGORITHMS(X)
#undef X
        JWA_COUNT
};

// RSA keys in bits: below the least they are refused (RFC 7518 section 3.3), above the most they cost too much.
enum { JWA_RSA_BITS_MIN = 2048, JWA_RSA_BITS_MAX = 8192, JWA_SIGNATURE_MAX = JWA_RSA_BITS_MAX / 8 };

struct jwa_row {
    str name;
    enum jwa_kind kind;
    uint8_t hash_bytes;
    uint8_t signature_bytes;
};

const struct jwa_row *jwa_row(enum jwa a);
static inline str jwa_name(enum jwa a) { return jwa_row(a)->name; }
// By the name on the wire, its case included. False where there is none.
bool jwa_find(str name, enum jwa *ret);

#endif
