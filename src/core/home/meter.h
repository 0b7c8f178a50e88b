// SPDX-License-Identifier: Apache-2.0
//
// meter.h - token buckets at a home of whoever is known by a print: who makes rooms (creator.h), whose connections are spread over
// shards (home_lease.c), rooms and their members (gates_rate.c). One table for all of them (common/prints.h).
//
// A meter is there while its bucket is not full, or rooms are counted by it. So it costs nothing to be somebody, and who is quiet is
// forgotten. What a peer can make of them is bounded by what fills them: each is the price of something that was charged. Rejected:
// a bucket in each room and each member, which all of them would have, on all the servers that set no such rate.
//
// Ownership: the home's. Thread: the shard's.
#ifndef PLENUM_CORE_HOME_METER_H
#define PLENUM_CORE_HOME_METER_H

#include "core/common/bucket.h"
#include "core/common/prints.h"

enum { METERS_LOOK_MS = 10000 };

struct meter {
    uint64_t print;
    struct rate rate; // by which it was asked last
    struct bucket bucket;
    uint32_t rooms; // creator.h: those that an address has made and that are there, or are being made
};

// With what time has brought; made with a full bucket where there is none. NULL when memory is out. Good until the next call.
struct meter *meter_get(struct prints *t, uint64_t print, const struct rate *rate, uint64_t now_ms);
// Once look_ms has come: those that say nothing go.
void meters_expire(struct prints *t, uint64_t now_ms);

#endif
