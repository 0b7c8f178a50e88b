// SPDX-License-Identifier: Apache-2.0
//
// keyring.h - whose tokens are believed: the issuers that the operator named, their keys and what they must say.
//
//     keyring [generation 3]
//       "main"    iss = https://id.example.com   aud in {plenum}   user = sub   leeway 10 s   keys a (RS256) | b, c (ES256)
//       "other"   any iss that no issuer names   no aud            user = sub   leeway 10 s   keys ...
//       "secret"  (auth.secret) any iss          any aud           user = sub   leeway 10 s   key HS256
//
// It never changes: a reload, or keys that were fetched, make a new one, and who still holds the old one finishes with it.
//
// An issuer's keys are the operator's own and, behind them, those of its URL: what was fetched last, or until then the set that the
// operator has put beside it. Fetched ones take the place of fetched ones and leave the others alone.
//
// Invariants (keyring_check)
//   1. refs is at least 1; issuers_n <= TOKEN_ISSUERS_MAX; no two issuers have the same name.
//   2. Each issuer has a name, a user claim, and at most TOKEN_KEYS_MAX keys and TOKEN_AUDIENCES_MAX audiences.
//   3. Every key holds what jwk.h promises.
//   4. The keys of a URL are at most TOKEN_KEYS_FETCHED_MAX, and lie right behind the others: together they are one array.
//   5. Who has no URL has no such keys, and waits for none.
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
    const struct jwk *keys; // the operator's
    uint32_t keys_n;
    const struct jwk *fetched; // those of the URL
    uint32_t fetched_n;
    str url,
        ca_file; // where they are fetched from, and who vouches for that place (io/http_get.h); absent: nowhere
    bool waits; // they have never been there: what its tokens are worth nobody can say yet
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
// What is known of an issuer's URL.
struct keyring_fetched {
    enum {
        KEYS_AS_THEY_ARE, // nothing
        KEYS_FETCHED,     // these are its keys
        KEYS_OUTDATED,    // what there was counts no longer
    } state;
    const struct jwk *keys; // KEYS_FETCHED
    uint32_t keys_n;
};
// The same with other keys of URLs: one of `fetched` for each issuer. ERR_NOMEM.
enum err keyring_with_keys(const struct keyring *k, const struct keyring_fetched *fetched,
                           uint64_t generation, struct keyring **ret) WARN_UNUSED;
// All keys of an issuer in a keyring, from `keys` on.
static inline uint32_t keyring_keys_n(const struct keyring_issuer *i) { return i->keys_n + i->fetched_n; }
struct keyring *keyring_ref(struct keyring *k);
void keyring_unref(struct keyring *k); // may be NULL
void keyring_check(const struct keyring *k);

#endif
