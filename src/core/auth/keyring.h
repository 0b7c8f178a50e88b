// SPDX-License-Identifier: Apache-2.0
//
// keyring.h - whose tokens are believed: the issuers that the operator named, their keys and what they must say.
//
//     keyring [generation 3]
//       "main"    iss = https://id.example.com   aud in {plenum}   user = sub   leeway 10 s   keys a (RS256), b (ES256)
//       "other"   any iss that no issuer names   no aud            user = sub   leeway 10 s   keys ...
//       "secret"  (auth.secret) any iss          any aud           user = sub   leeway 10 s   key HS256
//
// It never changes: a reload, or keys that were fetched, make a new one, and who still holds the old one finishes with it.
//
// Invariants (keyring_check)
//   1. refs is at least 1; issuers_n <= TOKEN_ISSUERS_MAX; no two issuers have the same name.
//   2. Each issuer has a name, a user claim, and at most TOKEN_KEYS_MAX keys and TOKEN_AUDIENCES_MAX audiences.
//   3. Every key holds what jwk.h promises.
//
// Ownership: one reference per holder; the last one frees. The memory is of the source given, which must stand threads if they
// share it. Thread: any; only the count of references changes.
#ifndef PLENUM_CORE_AUTH_KEYRING_H
#define PLENUM_CORE_AUTH_KEYRING_H

#include "base/limits.h"
#include "base/mem.h"
#include "wire/jwk.h"

struct keyring_issuer {
    str name;   // what the operator calls it
    str issuer; // what `iss` must be; absent: any that no other issuer names, or none
    const str *audiences;
    uint32_t audiences_n; // 0: only tokens without `aud` (RFC 7519 section 4.1.3)
    bool any_audience;    // `aud` is not looked at: auth.secret
    str user_claim;       // absent or empty: `sub`
    uint32_t leeway_ms;
    const struct jwk *keys;
    uint32_t keys_n;
};

struct keyring {
    struct mem *mem;
    _Atomic uint32_t refs;
    uint32_t issuers_n;
    uint64_t generation; // of its verdicts: another keyring, another number
    size_t bytes;        // of this block, which everything but libcrypto's part lies in
    const struct keyring_issuer *issuers;
};

// Copies all that it is given; keys are shared with the caller's (jwk_copy), which stay the caller's to give up. What passes
// the limits is our own mistake (asserted): the configuration refuses it. ERR_NOMEM.
enum err keyring_create(struct mem *m, const struct keyring_issuer *issuers, uint32_t issuers_n,
                        uint64_t generation, struct keyring **ret) WARN_UNUSED;
// The same with other keys of one issuer: those of a set that was fetched. ERR_NOMEM.
enum err keyring_with_keys(const struct keyring *k, uint32_t issuer, const struct jwk *keys, uint32_t keys_n,
                           uint64_t generation, struct keyring **ret) WARN_UNUSED;
struct keyring *keyring_ref(struct keyring *k);
void keyring_unref(struct keyring *k); // may be NULL
void keyring_check(const struct keyring *k);

#endif
