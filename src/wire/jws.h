// SPDX-License-Identifier: Apache-2.0
//
// jws.h - a signed token in its compact form: taken apart, verified, made.
//
//     eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ . eyJzdWIiOiJhZGEiLCJleHAiOjE3OTUxNjE2MDB9 . mH2k9...
//     |---------- header ---------------|   |-------------- payload --------------|   |signature|
//     |------------------------------ what is signed -----------------------------|
//
// jws_split reads the header and nothing else: whose key it is to be is for the caller to find, by what the payload says
// (core/auth/verify.h). jws_verify then asks one key about one token.
//
// Strict: three parts, base64url without padding and with zero spare bits, at most TOKEN_MAX octets altogether. The header is
// one JSON object, no key twice (RFC 7515 section 4 leaves that open; two readers that disagree are what forgeries are made
// of). What would tell us where to get a key, or change what the signature means, is refused by name: `crit`, `b64`, `jku`,
// `jwk`, `x5u`, `x5c`. Other header parameters are ignored, as section 4 wants.
//
// Thread: pure functions. Ownership: nothing; strings borrow from the token or from the scratch.
// Source: RFC 7515; RFC 7797 (`b64`); RFC 8725 (best current practices).
#ifndef PLENUM_WIRE_JWS_H
#define PLENUM_WIRE_JWS_H

#include "base/limits.h"
#include "wire/jwk.h"

// What may be wrong with a token's form or header.
// clang-format off
#define JWS_FAULTS(X) \
    X(TOO_LARGE,    "The token is longer than 16384 bytes.") \
    X(PARTS,        "The token is not three parts with a dot between them.") \
    X(BASE64,       "The token's {} is not base64url without padding.") \
    X(HEADER,       "The token's header is not a JSON object: %.") \
    X(HEADER_TWICE, "The token's header has a key twice.") \
    X(FORBIDDEN,    "The token's header has {}, which is not accepted here.") \
    X(ALG_MISSING,  "The token's header has no {}.") \
    X(ALG_NONE,     "The token is not signed: its {} is {}.") \
    X(ALG_UNKNOWN,  "The token is signed with {}; known are HS, RS, PS and ES with 256, 384 and 512, and EdDSA.") \
    X(KID,          "The token's {} is not a string of 1 to 128 bytes.") \
    X(TYPE,         "The token is of type {}, expected `JWT` or `at+jwt`.")
// clang-format on

enum jws_fault {
    JWS_FINE,
#define X(name, text) JWS_##name,
    JWS_FAULTS(X)
#undef X
        JWS_FAULT_COUNT
};

struct jws {
    str signed_part; // header and payload with their dot, as sent
    str header;      // JSON
    str payload;     // decoded; what is in it nobody has looked at yet
    str signature;   // octets
    enum jwa alg;
    str kid; // absent where the header has none
};

// Three parts in octets, and a kid with escapes.
enum { JWS_SCRATCH = TOKEN_MAX + JWK_KID_MAX };

// Takes a token apart. The scratch has JWS_SCRATCH bytes, and is what ret's strings borrow from. JWS_FINE, or what is wrong, with its sentence. None of the sentences has more of the token in it than a header
// parameter's name or an algorithm's.
enum jws_fault jws_split(str token, char *scratch, struct jws *ret, struct sentence *problem) WARN_UNUSED;

// Is it this key's signature, by the key's algorithm? OK. ERR_DENIED: no. ERR_UNSUPPORTED: the token says another algorithm than
// the key's; nothing was tried. ERR_NOMEM: libcrypto found no memory; nothing is known.
enum err jws_verify(const struct jws *t, const struct jwk *key) WARN_UNUSED;

// Appends a token with that payload, signed with a key that signs (asserted). The header is alg, typ and, where the key has one,
// kid. ERR_NOMEM: what was appended is to be thrown away. For programs, not for core (jwk_sign).
enum err jws_sign(const struct jwk *key, str payload, struct buf *ret) WARN_UNUSED;

#endif
