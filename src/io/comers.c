// SPDX-License-Identifier: Apache-2.0
#include "io/comers.h"

_Static_assert((COMERS_SETS & (COMERS_SETS - 1)) == 0, "a set is found by the low bits of a hash");
_Static_assert(sizeof(struct comers) == 24576, "as comers.h says");

// Shards look at their clocks when their turns begin, so one may come with an earlier time than another before it.
static void fill(struct bucket *b, const struct rate *rate, uint64_t now_ms)
{
    const bool later = (int32_t)((uint32_t)now_ms - b->at_ms) > 0;
    bucket_fill(b, rate, later ? now_ms : b->at_ms);
}

// The place of that address, or the one that it gets.
static struct comer *place_of(struct comer *set, uint32_t print, const struct rate *rate, uint64_t now_ms)
{
    struct comer *fullest = &set[0];
    for (unsigned i = 0; i < COMERS_WAYS; i++) {
        struct comer *place = &set[i];
        if (place->print == 0 || place->print == print)
            return place; // they are filled from the first one on, and none is emptied
        fill(&place->bucket, rate, now_ms);
        if (place->bucket.tokens > fullest->bucket.tokens)
            fullest = place;
    }
    return fullest;
}

bool comers_take(struct comers *c, uint64_t hash, const struct rate *rate, uint64_t now_ms)
{
    if (rate->per_s == 0)
        return true;
    uint32_t print = (uint32_t)(hash >> 32);
    if (print == 0)
        print = 1;
    struct comer *place = place_of(c->places[hash & (COMERS_SETS - 1)], print, rate, now_ms);
    if (place->print != print)
        *place = (struct comer){print, bucket_make(rate, now_ms)};
    fill(&place->bucket, rate, now_ms);
    ASSERT(place->bucket.tokens <= bucket_full(rate));
    if (bucket_wait_ms(&place->bucket, rate) != 0)
        return false;
    bucket_take(&place->bucket, rate);
    ASSERT(place->bucket.tokens >= 0);
    return true;
}
