// SPDX-License-Identifier: Apache-2.0
//
// verifier.h - what a helper that checks tokens is made of: keys, and a memory of what it has looked at.
//
//      TOKEN --> seen before, by these keys? --yes--> VERDICT, as it stands at the job's time
//                     | no
//                     '--> token_verify (verify.h): signature and claims --> remembered (cache.h) --> VERDICT
//                                       | its key is not there, and its issuer's are fetched
//                                       '--> wish --+--> it waits, until verifier_look_again
//                                                   '--> VERDICT: later, or no such key
//
// Who brings the first token of a new key waits for the fetch that it causes, which has its time-out (io/key_fetcher.h), and is let
// in: rotation is nothing a client has to know about. Only VERIFIER_WAITS_MAX wait, so who sends tokens with names of keys that there
// are not takes few of the places for tokens under way (core/mail/token.h); the others are told when to come again. Nobody is told
// that there is no such key before its issuer has been asked.
//
// One of a helper's own, so that nothing is shared; keys are (keyring.h). Deterministic: the time is the job's. In production it is
// called by a thread (io/verifiers.h), in tests by the simulator.
//
// Invariants (verifier_check)
//   1. waiting_n is the number of jobs in both lists, at most VERIFIER_WAITS_MAX, and each of them is a TOKEN that has been wished for.
//
// Memory: what is remembered is bounded (cache.h) and booked; verifier_init takes none. What waits is the job itself. Thread: one at a time.
#ifndef PLENUM_CORE_AUTH_VERIFIER_H
#define PLENUM_CORE_AUTH_VERIFIER_H

#include "core/auth/cache.h"
#include "core/auth/key_source.h"
#include "core/auth/keyring.h"
#include "core/mail/token.h"

enum {
    VERIFIER_WAITS_MAX = 256,       // tokens that wait for keys, at one helper
    VERIFIER_WAITS_RETRY_MS = 2000, // one more is told to come again after so long
};

// Who has keys fetched. Called by the helper, which may wait for a lock in it and for nothing else.
struct key_wishes {
    void *ctx;
    // issuers: bits of those of `k` that may have the key. *stamp: 0 when it is wished for the first time, and the callee's from then on.
    // KEY_LATER: *ret_retry_ms is written. KEY_WAIT: verifier_look_again will be called.
    enum key_wish (*wish)(void *ctx, const struct keyring *k, uint32_t issuers, uint64_t *stamp,
                          uint32_t *ret_retry_ms);
};

struct verifier {
    struct mem *mem;
    struct siphash_key key;
    struct keyring *keys;      // a reference; NULL: none
    struct token_cache *cache; // NULL: nothing is remembered, as there was nothing yet, or no memory
    struct key_wishes wishes;  // wish NULL: nobody
    struct mail *waiting,
        *again; // jobs that wait, the last one first; and those of them that are to be looked at again
    uint32_t waiting_n; // in both
};

void verifier_init(struct verifier *v, struct mem *mem,
                   const struct siphash_key *key); // key: secret (cache.h)
void verifier_deinit(struct verifier *v); // what waits is the caller's to take out before (verifier_give_up)
// Takes the reference. What was found out by other keys is forgotten (cache.h). NULL: none.
void verifier_keys_set(struct verifier *v, struct keyring *keys);
void verifier_forget(struct verifier *v); // what it remembers
// Takes a TOKEN and gives its VERDICT; or NULL, when it waits for keys.
struct mail *verifier_work(struct verifier *v, struct mail *job);
// A fetch has ended, well or not, or the keys are others: those that wait are looked at again, by verifier_pull.
void verifier_look_again(struct verifier *v);
// The VERDICT of the next of them that has one now. NULL: the others wait on.
struct mail *verifier_pull(struct verifier *v);
// A job that waits, as it was given. NULL: none is left.
struct mail *verifier_give_up(struct verifier *v);
void verifier_check(const struct verifier *v);

#endif
