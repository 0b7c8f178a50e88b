// SPDX-License-Identifier: Apache-2.0
//
// key_store.h - what is known of the keys behind URLs, and the keyrings that are made of it. Internal to key_fetcher.h, whose lock
// is held by whoever calls.
//
//      base keyring   "main" url A   "other" url B   "third" url A   "fourth"
//                          |              |              |
//      source_of           0              1              0
//      sources        [A: keys, etag, when][B: ...]
//
// A source is a URL and who vouches for it; its strings are the base keyring's. A fetch has a number: a source that is gone, or is
// another one by now, does not know it, and what comes of it is dropped.
//
// Invariants (key_store_check)
//   1. each issuer with a URL has a source in use, of the same URL and the same file of certificates; no other source is in use.
//   2. a source has keys only while they are known, at most TOKEN_KEYS_FETCHED_MAX of them.
//   3. a fetch that has a number is under way.
//
// Ownership: keys are booked with `mem`, keyrings with the base keyring's. Thread: whoever has the lock.
#ifndef PLENUM_IO_KEY_STORE_H
#define PLENUM_IO_KEY_STORE_H

#include "core/auth/verifier.h"
#include "io/hooks.h"
#include "io/http_get.h"
#include "io/key_status.h"

struct verifiers;

struct key_origin {
    bool used;
    str url, ca_file; // the base keyring's
    uint64_t fetch;   // the number of the one under way; 0: none
    struct key_source when;
    bool outdated;
    struct jwk *keys;
    uint32_t keys_n;
    size_t etag_n;
    char etag[HTTP_ETAG_MAX];
    uint64_t results[KEY_FETCH_RESULT_COUNT];
    uint64_t ended_ms;                 // when the last fetch ended, if `results` has any
    char failure[KEY_FAILURE_MAX + 1]; // of the last one
};

struct key_store {
    struct mem mem;
    struct server_hooks hooks;
    struct verifiers *verifiers;
    struct keyring *base; // of the configuration; NULL: none
    struct key_bounds bounds;
    uint64_t made, current;                // keyrings made of it; the generation of the one that is in use
    uint64_t stamp;                        // of the newest answer, from 1 on
    bool unmade;                           // one found no memory, and is still to be made
    uint32_t origin_of[TOKEN_ISSUERS_MAX]; // by issuer; of those with a URL
    struct key_origin origins[TOKEN_ISSUERS_MAX];
};

// A set that was read.
struct key_set {
    uint32_t n, left_out;
    struct jwk keys[TOKEN_KEYS_FETCHED_MAX];
};

// NULL, or why it is none. key_set_clear in any case.
const char *key_set_read(str body, struct key_set *ret) WARN_UNUSED;
void key_set_clear(struct key_set *set);

void key_store_init(struct key_store *ks, struct mem *mem, const struct server_hooks *hooks);
void key_store_deinit(struct key_store *ks);
// Another base keyring; all that it names is due.
void key_store_fit(struct key_store *ks, struct keyring *keys, const struct key_bounds *bounds,
                   uint64_t now_ms);
// Gives those that check tokens a keyring of the configuration and of all that is fetched. Where there is no memory the old one
// stays, and `unmade` says so.
void key_store_publish(struct key_store *ks);
// NULL: that fetch is nobody's any more.
struct key_origin *key_store_origin(struct key_store *ks, uint64_t fetch);
// How a fetch has ended; both tell. `set` is not looked at with 304.
void key_store_good(struct key_store *ks, struct key_origin *o, const struct http_got *got,
                    const struct key_set *set, uint64_t now_ms, uint64_t luck);
void key_store_bad(struct key_store *ks, struct key_origin *o, const char *why, uint64_t now_ms,
                   uint64_t luck);
// Drops keys that are too old; true: a keyring without them is to be made.
bool key_store_expire(struct key_store *ks, struct key_origin *o, uint64_t now_ms);
enum key_wish key_store_wish(struct key_store *ks, const struct keyring *k, uint32_t issuers, uint64_t since,
                             uint64_t now_ms, uint32_t *ret_retry_ms);
uint32_t key_store_status(const struct key_store *ks, uint32_t from, uint64_t now_ms,
                          struct key_fetch_status *ret);
void key_store_check(const struct key_store *ks);

#endif
