// SPDX-License-Identifier: Apache-2.0
//
// Users and addresses are told apart by 64 bits of a keyed hash, and what is kept of them is the same: a meter.
#include "core/home/creator.h"

enum creator_verdict creators_charge(struct prints *t, uint64_t print, const struct rate *rate,
                                     uint64_t rooms_max, uint64_t now_ms, uint32_t *ret_retry_ms)
{
    if (rate->per_s == 0 && rooms_max == 0) // nothing to remember of somebody who may do anything
        return CREATOR_OK;
    struct meter *c = meter_get(t, print, rate, now_ms);
    if (c == NULL)
        return CREATOR_NOMEM;
    if (rooms_max != 0 && c->rooms >= rooms_max)
        return CREATOR_SHARE;
    uint32_t wait_ms = bucket_wait_ms(&c->bucket, rate);
    if (wait_ms != 0) {
        *ret_retry_ms = wait_ms;
        return CREATOR_TOO_FAST;
    }
    bucket_take(&c->bucket, rate);
    c->rooms += rooms_max != 0;
    return CREATOR_OK;
}

void creators_settle(struct prints *t, uint64_t print, const struct rate *rate, bool room, bool refund)
{
    struct meter *c = prints_find(t, print);
    ASSERT(c != NULL || !room); // who has a room is there
    if (c == NULL)
        return; // its bucket was full
    ASSERT(!room || c->rooms != 0);
    c->rooms -= room;
    if (refund)
        bucket_give_back(&c->bucket, rate, BUCKET_TOKEN);
}
