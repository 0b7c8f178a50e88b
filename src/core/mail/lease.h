// SPDX-License-Identifier: Apache-2.0
//
// lease.h - what a shard tells the home of a print of tokens, and is told (core/edge/lease.h, core/home/home_lease.c). One of a print
// and a shard is under way at most, and one that gives back; so they are few, and may pass the memory budget.
#ifndef PLENUM_CORE_MAIL_LEASE_H
#define PLENUM_CORE_MAIL_LEASE_H

#include "core/common/bucket.h"
#include "core/mail/mail.h"

struct lease_mail { // MAIL_LEASE to the home, MAIL_LEASED back
    struct mail mail;
    uint64_t print;
    struct rate rate;
    uint32_t shard;
    int32_t owed;      // LEASE: in thousandths, what has been used beyond what was handed out,
    int32_t unused;    // or what comes back of that
    int32_t tokens;    // LEASE: so many are wanted, 0 = none, and no answer; LEASED: so many are there
    uint32_t retry_ms; // LEASED, of none: when to ask again
    bool memory;       // as its home has none to count with
};

#endif
