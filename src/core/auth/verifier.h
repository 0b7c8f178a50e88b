// SPDX-License-Identifier: Apache-2.0
//
// verifier.h - what a helper that checks tokens is made of: keys, and a memory of what it has looked at.
//
//      TOKEN --> seen before, by these keys? --yes--> VERDICT, as it stands at the job's time
//                     | no
//                     '--> token_verify (verify.h): signature and claims --> remembered (cache.h) --> VERDICT
//
// One of a helper's own, so that nothing is shared; keys are (keyring.h). Deterministic: the time is the job's. In production it is
// called by a thread (io/verifiers.h), in tests by the simulator.
//
// Memory: what is remembered is bounded (cache.h) and booked; verifier_init takes none. Thread: one at a time.
#ifndef PLENUM_CORE_AUTH_VERIFIER_H
#define PLENUM_CORE_AUTH_VERIFIER_H

#include "core/auth/cache.h"
#include "core/auth/keyring.h"
#include "core/mail/token.h"

struct verifier {
    struct mem *mem;
    struct siphash_key key;
    struct keyring *keys;      // a reference; NULL: none
    struct token_cache *cache; // NULL: nothing is remembered, as there was nothing yet, or no memory
};

void verifier_init(struct verifier *v, struct mem *mem,
                   const struct siphash_key *key); // key: secret (cache.h)
void verifier_deinit(struct verifier *v);
// Takes the reference. What was found out by other keys is forgotten (cache.h). NULL: none.
void verifier_keys_set(struct verifier *v, struct keyring *keys);
void verifier_forget(struct verifier *v); // what it remembers
// Takes a TOKEN and gives its VERDICT, always.
struct mail *verifier_work(struct verifier *v, struct mail *job);

#endif
