// SPDX-License-Identifier: Apache-2.0
//
// pass.h - what connections may do in rooms that they came into by a token of its own (a *pass*), and until when.
//
//      connection, outlet --map--> pass {grant, expires}  <--heap-- the next one that ends, or is to be told so
//
// It is there from when the home is asked to let its bearer in until the membership ends, or is refused. Most connections have none,
// and pay nothing for it: it is beside them, by what it is about.
//
// Invariants (passes_check)
//   1. of a connection and an outlet there is one, which is found by them
//   2. each has a time
//
// Limits: as many as memberships and joins under way. Memory: the shard's, within the budget. Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_PASS_H
#define PLENUM_CORE_EDGE_PASS_H

#include "base/heap.h"
#include "base/map.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "core/common/context.h"

struct pass {
    uint32_t conn, outlet;
    uint32_t grant;      // what is allowed in the room (home/rights.h); 0: what the room's rule gives
    bool no_create;      // its bearer may not make the room
    bool told;           // that it is about to end
    bool has_token_id;   // its token has an id, with
    u128 token;          // that print: it may be revoked (core/auth/revoked.h)
    uint64_t issued_ms;  // wall; 0 = not known
    uint64_t expires_ms; // wall
    uint32_t leeway_ms;  // of its issuer
};

struct passes {
    const struct context *cx;
    struct slab pool;
    struct map by_place;
    struct heap ends; // by index
};

void passes_init(struct passes *p, const struct context *cx);
void passes_deinit(struct passes *p);
// The pass of that connection in that room; NULL: it has none. Good until the next call.
struct pass *pass_find(const struct passes *p, uint32_t conn, uint32_t outlet);
// It has this one from here on, in place of the one that it had. due_ms: when it is to be looked at. ERR_NOMEM, but not where it
// had one: nothing has changed.
enum err pass_put(struct passes *p, const struct pass *pass, uint64_t due_ms) WARN_UNUSED;
void pass_drop(struct passes *p, uint32_t conn, uint32_t outlet); // fine if there is none
// To be looked at then; of one that is there.
void pass_watch(struct passes *p, const struct pass *pass, uint64_t due_ms);
// The next one that is due at now_ms, which has no time until pass_watch; NULL: none is. The caller drops it, or watches it again.
struct pass *pass_due(struct passes *p, uint64_t now_ms);
struct pass *pass_used(const struct passes *p, uint32_t index); // of the pool; NULL: there is none
uint64_t passes_due_ms(const struct passes *p);                 // UINT64_MAX: never
void passes_check(const struct passes *p);

#endif
