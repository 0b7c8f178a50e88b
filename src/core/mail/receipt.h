// SPDX-License-Identifier: Apache-2.0
//
// receipt.h - what a shard says to the home of an idempotency key, and is told, about a request that is to be carried out once.
//
//      edge (core/conn/claims.h)                     home of (who, key) (core/home/receipts.h)
//        ASK_CLAIM: who, key, fingerprint  ------->  is there a receipt?
//        EFFECT_CLAIMED: enum claimed      <-------  none: a new one, pending: it is the claimant's to carry it out
//        ... carries it out ...
//        MAIL_SETTLE: what came of it      ------->  kept for the window, or given up
//
// A claim that was GRANTED is settled exactly once, whatever becomes of the connection that it came by. A settle may not be lost, as the
// key would be busy for ever: where there is no memory for its body it goes without (RECEIPT_LOST), which fits always. So there are as
// many settles under way as claims were granted: one of a connection, and one of each request whose connection has gone and whose
// asks, which have credits, are not answered.
#ifndef PLENUM_CORE_MAIL_RECEIPT_H
#define PLENUM_CORE_MAIL_RECEIPT_H

#include "base/str.h"
#include "core/common/ref.h"
#include "core/mail/mail.h"

struct mailroom;

// An answer that is longer is not kept, and whoever asks for it again is told so.
enum { RECEIPT_BODY_MAX = 64 * 1024 };

// What a claim comes to.
enum claimed {
    CLAIMED_GRANTED, // it is to be carried out, all but what the payload has (core/api/many.c)
    CLAIMED_DONE,    // it was: the payload is the answer's body, `status` its status
    CLAIMED_BUSY,    // it is being carried out
    CLAIMED_OTHER,   // the key was used for something else
    CLAIMED_LOST,    // it was carried out, or some of it, and its answer is not kept
    CLAIMED_FULL,    // who asks has as many keys as one may, or all together have
    CLAIMED_NOMEM,
};

// What a request came to.
enum settled {
    SETTLED_VOID, // nothing more than before it: whoever comes again may carry it out
    SETTLED_DONE, // decided, and this is the answer
    SETTLED_PART, // some of it is decided, as the body says; the rest may be carried out
    SETTLED_LOST, // decided, or some of it; the answer is not kept
};

struct settle_mail { // MAIL_SETTLE
    struct mail mail;
    struct ref receipt;
    uint8_t how; // enum settled
    uint16_t status;
    str body;
    char tail[];
};

// To the home of the receipt. Always goes out: without its body where that is too long or there is no memory for it.
void post_settle(struct mailroom *mr, uint32_t dest, const struct settle_mail *s);

#endif
