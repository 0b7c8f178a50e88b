// SPDX-License-Identifier: Apache-2.0
//
// receipts.h - what became of requests with an idempotency key, at the home of (who asks, key): core/mail/receipt.h is how others ask.
//
//      claim --> none: PENDING --settle--> DONE, PART, LOST --window--> gone
//                                  VOID --> as it was before the claim: gone, or PART
//      PART, claimed anew --> PENDING, with what is decided of it
//
// Who asks is a holder, with a number of receipts and bytes of its own. At its number it is refused, as a receipt that is given up
// before its time would have a retry carried out twice; at its bytes the bodies of its own oldest ones go (LOST), and the receipts stay. So what
// one holder does costs no other a receipt or a body. All holders together have what RECEIPTS_HOLDERS of them may have each: beyond
// that a new claim is refused, and a new body is not kept. Rejected: to let the oldest of all go (whoever has a key could have others'
// requests carried out twice), and a share for each holder there is (it would shrink while somebody relies on it).
//
// Invariants (receipts_check)
//   1. each receipt is found by its print, and counted by its holder, which is there while it has one
//   2. those that are settled, and no others, are in the list by age
//   3. those that are settled and have a body, and no others, are in their holder's list, whose bytes they are
//   4. bytes of all are those of the holders
//
// Ownership: the home's; memory within the shard's budget. A body is the mail that it came by. Thread: the shard's.
#ifndef PLENUM_CORE_HOME_RECEIPTS_H
#define PLENUM_CORE_HOME_RECEIPTS_H

#include "base/siphash.h"
#include "core/common/prints.h"
#include "core/mail/receipt.h"

enum { RECEIPTS_HOLDERS = 8 }; // that have all they may, before all together have

enum receipt_state { RECEIPT_PENDING, RECEIPT_DONE, RECEIPT_PART, RECEIPT_LOST };

struct receipt_links {
    uint32_t older, newer; // SLAB_NONE at the ends
};
struct receipt_list {
    uint32_t oldest, newest; // SLAB_NONE where it is empty
};

struct receipt {
    u128 print;           // of who asks and the key
    uint64_t fingerprint; // of what was asked for
    uint64_t holder;      // its print
    uint64_t settled_ms;
    struct settle_mail *kept; // NULL: none; PENDING: what was decided of it before
    struct receipt_links by_age, of_holder;
    uint8_t state; // enum receipt_state
};

struct holder {
    uint64_t print;
    uint32_t n;
    uint64_t bytes;
    struct receipt_list bodies;
};

struct receipts {
    struct mem *mem;
    struct slab rows;
    struct map by_print;
    struct prints holders;
    struct receipt_list settled;
    uint64_t bytes; // of all bodies
};

// Of one shard.
struct receipts_limits {
    uint32_t window_ms;
    uint32_t keys;  // of one holder
    uint64_t bytes; // of one holder's bodies
};

struct receipt_claim {
    u128 print;
    uint64_t fingerprint, holder;
};

void receipts_init(struct receipts *t, struct mem *m);
void receipts_deinit(struct receipts *t);
// GRANTED and what there is of an answer: *ret_index is good until it is settled or gone. BUSY, OTHER, FULL, NOMEM: nothing has changed.
enum claimed receipts_claim(struct receipts *t, const struct receipt_claim *c,
                            const struct receipts_limits *l, uint64_t now_ms, uint32_t *ret_index);
// Takes the mail, whose receipt is PENDING.
void receipts_settle(struct receipts *t, struct settle_mail *s, const struct receipts_limits *l,
                     uint64_t now_ms);
// A claim that could not be told that it was granted: as if it had not been made.
void receipts_take_back(struct receipts *t, uint32_t index, uint64_t now_ms);
// Those that are over go, at most so many; true if there are more of them.
bool receipts_expire(struct receipts *t, uint32_t window_ms, uint64_t now_ms, uint32_t count_max);
uint64_t receipts_due_ms(const struct receipts *t, uint32_t window_ms); // UINT64_MAX: there are none
static inline struct receipt *receipt_at(const struct receipts *t, uint32_t index)
{
    return slab_at(&t->rows, index);
}
void receipts_check(const struct receipts *t);

#endif
