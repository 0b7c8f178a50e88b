// SPDX-License-Identifier: Apache-2.0
//
// revoked.h - which tokens are good no more though they have not ended: those of a user, one of an id, or all, that were
// issued before some time.
//
//      user  "ada"  ----.
//      token "j-17" ----+--> print --> | before | ends |       all: | before | ends |
//
// A token says when it was issued (`iat`); one that does not was issued before any time. A guest has no token: his id is given
// once, so whoever is revoked by it does not come back, whatever the time. What is said of all is of tokens only.
//
// Said again, the later times count, both of them. An entry ends when it was told to, as no token that it is about is good any more
// by then; one without an end is there for as long as its process.
//
// Invariants (revocations_check)
//   1. each entry is in the map under its print, and nothing else is
//   2. one that ends is in the heap with its end, and no other
//
// Limits: REVOCATIONS_MAX entries. Ownership: the shard's; each has a copy (edge/edge_revoke.c). Thread: the shard's.
#ifndef PLENUM_CORE_AUTH_REVOKED_H
#define PLENUM_CORE_AUTH_REVOKED_H

#include "base/heap.h"
#include "base/map.h"
#include "base/siphash.h"
#include "base/slab.h"

// Whose. A print of each kind is one of its own.
enum revoked_kind { REVOKED_USER, REVOKED_TOKEN };

struct revocation {
    u128 print;
    uint64_t before_ms; // wall
    uint64_t ends_ms;   // by the clock that nobody sets; UINT64_MAX = not
    enum revoked_kind kind;
};

struct revocations {
    struct slab slab;
    struct map by_print;
    struct heap ends;
    uint64_t all_before_ms, all_end_ms; // 0: nothing is said of all
};

// What is known of who is looked at.
struct revoked_who {
    u128 user, token; // prints
    bool guest;
    bool has_token_id;
    uint64_t issued_ms; // wall; 0 = not known
};

void revocations_init(struct revocations *r, struct mem *m);
void revocations_deinit(struct revocations *r);
// OK; ERR_LIMIT: there are as many as there may be; ERR_NOMEM.
enum err revocations_add(struct revocations *r, enum revoked_kind kind, u128 print, uint64_t before_ms,
                         uint64_t ends_ms) WARN_UNUSED;
void revocations_add_all(struct revocations *r, uint64_t before_ms, uint64_t ends_ms);
bool revocations_hit(const struct revocations *r, const struct revoked_who *who);
// True while nobody is hit.
static inline bool revocations_empty(const struct revocations *r)
{
    return r->slab.count == 0 && r->all_before_ms == 0;
}
// Those that have ended are no more.
void revocations_expire(struct revocations *r, uint64_t now_ms);
uint64_t revocations_due_ms(const struct revocations *r); // UINT64_MAX = never
void revocations_check(const struct revocations *r);

#endif
