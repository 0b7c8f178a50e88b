// SPDX-License-Identifier: Apache-2.0
//
// comers.h - how often connections come from an address: a bucket for each that came lately, in a table of fixed size.
//
// An address is known by its hash, with a key that nobody else knows, so who chooses addresses cannot choose a place here. It has one of
// COMERS_WAYS places; where all are taken by others, it gets that of the fullest bucket, whose owner has the least to lose. So who comes
// from very many addresses makes the server forget what others have used up, and never charges them for it. Two addresses whose hashes
// are alike in all of the bits that are kept, one pair in 2^32 of a set, share a bucket. Rejected: a bucket in the row that each
// address with a connection has (admission.h), as who is refused has no connection, and rows would have to outlive the last one.
//
// Limits: COMERS_SETS * COMERS_WAYS addresses, 24 KiB.
// Thread: the owner's (admission.h holds its lock).
#ifndef PLENUM_IO_COMERS_H
#define PLENUM_IO_COMERS_H

#include "core/common/bucket.h"

enum { COMERS_SETS = 512, COMERS_WAYS = 4 };

struct comer {
    uint32_t print; // 0 = nobody
    struct bucket bucket;
};

struct comers {
    struct comer places[COMERS_SETS][COMERS_WAYS];
};

// All zero is empty.

// One more comes. True: it may. False: it has to come later, and nothing was taken. rate.per_s of 0 lets everybody come.
bool comers_take(struct comers *c, uint64_t hash, const struct rate *rate, uint64_t now_ms);

#endif
