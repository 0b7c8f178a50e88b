// SPDX-License-Identifier: Apache-2.0
//
// jwk.h - one key that signs or verifies tokens: a secret, or half or all of a key pair, with the one algorithm it is for.
//
//     "-----BEGIN PUBLIC KEY-----..."   {"kty":"EC","crv":"P-256","x":..,"y":..}   {"keys":[{..},{..}]}   a secret
//                 jwk_from_pem                    jwk_from_json                      jwk_set_next       jwk_from_secret
//                         \                             |                                |               /
//                                       struct jwk: algorithm + key that fits it + kid
//
// The algorithm is a property of the key and never of the token: a token that says another one is refused (wire/jws.h). A
// public RSA key has no secret in it, so there is nothing that HS256 could be tried with: to take one kind of key for
// another has no way to be written.
//
// Which algorithm that is: what the operator says (`wish`), what the key itself says (`alg` of a JWK), what its curve allows;
// for RSA keys that say nothing, RS256. Two that disagree are refused.
//
// Invariants (jwk_check)
//   1. pkey is there for all algorithms but HS, and of the type and curve that the algorithm takes; secret_n is 0 then.
//   2. An HS secret is at least as long as its hash.
//   3. A pair is none under which others sign (jwk_weak.c says which); an RSA key has JWA_RSA_BITS_MIN to JWA_RSA_BITS_MAX bits.
//
// Ownership: the caller's; libcrypto's part is counted by itself (jwk_copy shares it), in memory of libcrypto's own, which
// comes to a few kilobytes per key of the configuration. Thread: any may verify with one key at the same time.
// Errors: ERR_SYNTAX (not in this form), ERR_UNSUPPORTED (a key of a kind that is not used here), ERR_LIMIT (too short or too
// long), ERR_DENIED (a key that may not be used so), ERR_NOMEM. Beside each a `struct jwk_problem` in two halves, for a line
// like "a.pem: got an RSA key of 1024 bits, expected one of 2048 bits or more"; of a secret it tells the length only.
// Source: RFC 7517, RFC 7518 section 6, RFC 8037 section 2; PEM: RFC 7468.
#ifndef PLENUM_WIRE_JWK_H
#define PLENUM_WIRE_JWK_H

#include "base/buf.h"
#include "wire/jwa.h"
#include "wire/sentence.h"

struct evp_pkey_st; // libcrypto's EVP_PKEY

enum {
    JWK_KID_MAX = 128,    // octets
    JWK_SECRET_MAX = 512, // octets
    JWK_SET_MAX = 64,     // keys of a set that are looked at
};

struct jwk {
    enum jwa alg;
    bool signs; // its private half is there, or it is a secret
    uint8_t kid_n;
    uint16_t secret_n;
    char kid[JWK_KID_MAX];
    uint8_t secret[JWK_SECRET_MAX];
    struct evp_pkey_st *pkey; // NULL of a secret
};

enum jwk_use {
    JWK_TO_VERIFY, // a private half is refused: it has no business on a server that only looks
    JWK_TO_SIGN,   // it is needed
};

struct jwk_wish {
    enum jwk_use use;
    bool has_alg;
    enum jwa alg; // where has_alg
    str kid;      // absent: what the key says of itself
};

struct jwk_problem {
    struct sentence got, expected; // without capital and full stop
};

enum err jwk_from_secret(str secret, const struct jwk_wish *wish, struct jwk *ret,
                         struct jwk_problem *problem) WARN_UNUSED;
// The first block of the text that is a key or a certificate; what is around it is not looked at.
enum err jwk_from_pem(str text, const struct jwk_wish *wish, struct jwk *ret,
                      struct jwk_problem *problem) WARN_UNUSED;
// One JWK.
enum err jwk_from_json(str text, const struct jwk_wish *wish, struct jwk *ret,
                       struct jwk_problem *problem) WARN_UNUSED;
// Whichever of the two it is: JSON begins with a brace.
enum err jwk_from_text(str text, const struct jwk_wish *wish, struct jwk *ret,
                       struct jwk_problem *problem) WARN_UNUSED;
void jwk_deinit(struct jwk *k);                        // a zeroed one again; the secret is wiped
void jwk_copy(struct jwk *to, const struct jwk *from); // to is not one yet
void jwk_check(const struct jwk *k);
bool jwk_eq(const struct jwk *a,
            const struct jwk *b); // the same key, algorithm and kid; of public halves (asserted)
static inline str jwk_kid(const struct jwk *k)
{
    return k->kid_n > 0 ? str_make(k->kid, k->kid_n) : STR_NONE;
}

// Is it the key's signature of those octets, by the key's algorithm? OK. ERR_DENIED: no. ERR_NOMEM: libcrypto found no memory,
// and nothing is known.
enum err jwk_verify(const struct jwk *k, str signed_part, str signature) WARN_UNUSED;
// By a key that signs (asserted). Draws random numbers for PS and ES, so it is for programs, not for core. ERR_NOMEM.
enum err jwk_sign(const struct jwk *k, str signed_part, uint8_t ret[JWA_SIGNATURE_MAX],
                  size_t *ret_n) WARN_UNUSED;

// ---- a set of keys (RFC 7517 section 5)

struct jwk_set {
    str rest;        // of the array
    uint32_t place;  // of the key given out last, from 1
    uint32_t passed; // of those that were passed over
};

// ERR_SYNTAX where the text is no object with an array `keys`.
enum err jwk_set_begin(str text, struct jwk_set *ret, struct jwk_problem *problem) WARN_UNUSED;
// The next key that can be used. Those of other kinds, for encryption, and secrets (who publishes a set publishes no secret)
// are passed over, as section 5 has it, and so is what is malformed or too short; *problem says why of the last one. wish->kid
// is not looked at. ERR_NOT_FOUND at the end, or behind JWK_SET_MAX. ERR_NOMEM.
enum err jwk_set_next(struct jwk_set *s, const struct jwk_wish *wish, struct jwk *ret,
                      struct jwk_problem *problem) WARN_UNUSED;

// ---- the other way

// The public half as a JWK, with kid, alg and use; of a pair only (asserted). ERR_NOMEM.
enum err jwk_put_public(struct buf *b, const struct jwk *k) WARN_UNUSED;
// The fingerprint of the public half: base64url of SHA-256 over its required members (RFC 7638). ERR_NOMEM.
enum { JWK_THUMBPRINT_LEN = 43 };
enum err jwk_thumbprint(const struct jwk *k, struct mem *m, char ret[JWK_THUMBPRINT_LEN]) WARN_UNUSED;

#endif
