// SPDX-License-Identifier: Apache-2.0
//
// claims.h - requests that are to be carried out once, at the shard of their connection: from when their key is asked about until it is
// settled what they came to (core/mail/receipt.h), be the connection there by then or not.
//
//      http_claim --> ASKED --granted--> HELD --http_ask--> asks under way --answers--> settled
//                       |                  |                    |
//                       '-- not granted    '-- the connection   '-- the connection goes: ORPHANED, its answers are still heard
//                           --> over           goes --> settled     (with `own`, where there are many: core/api/many.c)
//
// Asks and their answers carry the claim's number, so what an answer belongs to is known when its connection is gone.
//
// Invariants (claims_check)
//   1. a call has a claim, and a claim that is not orphaned has a call
//   2. an orphan waits for answers
//
// Limits: one of each connection, and those whose asks are under way, which have credits. Memory within the shard's budget.
// Thread: the shard's.
#ifndef PLENUM_CORE_CONN_CLAIMS_H
#define PLENUM_CORE_CONN_CLAIMS_H

#include "core/conn/route.h"

struct claim {
    const struct http_route *route;
    void *own;          // ORPHANED: of its handler
    uint32_t home;      // of its key
    uint32_t under_way; // asks that are not answered, its own among them
    struct ref receipt; // HELD
    bool held;
    bool orphaned;
};

void claims_init(struct conns *cs);
void claims_deinit(struct conns *cs);
// Its call ends without having settled it: it is settled, or goes on without it. call->own may be taken.
void claim_leave(struct conns *cs, struct http_call *call);
// An ask of it was posted.
void claim_asked(struct conns *cs, uint32_t claim);
// An answer to one has come. True: it is about the claim itself.
bool claim_answered(struct conns *cs, const struct answer *a);
void claims_check(const struct conns *cs);

#endif
