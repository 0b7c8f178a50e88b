// SPDX-License-Identifier: Apache-2.0
//
// cache.h - what was found out about a token lately, so that a signature is looked at once and not with every reconnect.
//
//     SHA-256 of the whole token -> [good: the verdict | bad: the refusal]
//
//     good  [newest] .. [oldest]   at most entries_max and bytes_max of them; the one not asked for the longest goes
//     bad   [newest] .. [oldest]   an eighth of both, beside the others: who sends forgeries pushes out forgeries only
//
// Good ones are gone when they expire, and a hit is held against the clock again. Bad are signatures that are not the key's:
// every other refusal costs nothing to find again, and may be none a minute later. Verdicts are those of one keyring: with
// another generation the cache begins anew.
//
// Invariants (token_cache_check)
//   1. of each kind: what is in the list, the map and the count are the same entries, and the bytes theirs together.
//   2. count and bytes of each kind are within their bounds.
//   3. the entries of the good are the items of the heap, each due when it expires, leeway added.
//
// Limits: entries_max, bytes_max (of the blocks of verdicts; the tables come to 100 bytes an entry more). Where there is no
// memory nothing is kept, and the verdict is right all the same. Ownership: the cache's own copies; what it gives out is the
// caller's. Thread: the owner's only: one per helper.
#ifndef PLENUM_CORE_AUTH_CACHE_H
#define PLENUM_CORE_AUTH_CACHE_H

#include "base/siphash.h"
#include "core/auth/verify.h"

struct token_cache;

struct token_cache_counts {
    uint64_t hits, misses; // of tokens whose signature was in question, since it was made
    uint32_t good, bad;    // entries now
    size_t bytes;          // of their blocks
};

// key: secret and random, so that nobody can choose tokens that collide. ERR_NOMEM.
enum err token_cache_create(struct mem *m, const struct siphash_key *key, uint32_t entries_max,
                            size_t bytes_max, struct token_cache **ret) WARN_UNUSED;
void token_cache_destroy(struct token_cache *c); // may be NULL
// As token_verify, by what is known where it is. m: what *ret is allocated of.
enum err token_cache_verify(struct token_cache *c, const struct keyring *k, str token, uint64_t wall_ms,
                            struct mem *m, struct verified **ret,
                            struct token_refusal *ret_refusal) WARN_UNUSED;
struct token_cache_counts token_cache_counts(const struct token_cache *c);
void token_cache_check(const struct token_cache *c);

#endif
