// SPDX-License-Identifier: Apache-2.0
//
// bucket.h - a token bucket in eight bytes, filled by the time that passed and not by a timer.
//
// Tokens are counted in thousandths, so that a rate per second is filled per millisecond. Times are the low bits of the
// shard's now: who comes back after 49 days finds it less full than it might be, and a second later full.
// Thread: the owner's.
#ifndef PLENUM_CORE_BUCKET_H
#define PLENUM_CORE_BUCKET_H

#include "base/assert.h"

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint32_t per_s; // 0 = no limit
    uint32_t burst; // tokens of a full bucket, at most BUCKET_TOKENS_MAX
};

struct bucket {
    int32_t tokens; // in thousandths; below 0: owed
    uint32_t at_ms; // when they were counted
};

enum { BUCKET_TOKEN = 1000, BUCKET_TOKENS_MAX = INT32_MAX / BUCKET_TOKEN };

static inline int64_t bucket_full(const struct rate *r) { return (int64_t)r->burst * BUCKET_TOKEN; }

static inline struct bucket bucket_make(const struct rate *r, uint64_t now_ms)
{
    ASSERT(r->burst <= BUCKET_TOKENS_MAX);
    return (struct bucket){(int32_t)bucket_full(r), (uint32_t)now_ms};
}

// What the time has brought; true when it is full.
static inline bool bucket_fill(struct bucket *b, const struct rate *r, uint64_t now_ms)
{
    ASSERT(r->burst <= BUCKET_TOKENS_MAX);
    uint32_t passed = (uint32_t)now_ms - b->at_ms;
    int64_t full = bucket_full(r), tokens = b->tokens + (int64_t)passed * r->per_s;
    b->tokens = (int32_t)(tokens < full ? tokens : full);
    b->at_ms = (uint32_t)now_ms;
    return r->per_s == 0 || tokens >= full;
}

// Of a bucket just filled: how long until there is a token; 0: there is one.
static inline uint32_t bucket_wait_ms(const struct bucket *b, const struct rate *r)
{
    if (r->per_s == 0 || b->tokens >= BUCKET_TOKEN)
        return 0;
    return (uint32_t)((BUCKET_TOKEN - (int64_t)b->tokens + r->per_s - 1) / r->per_s);
}

// Takes a token, where there is one or no limit.
static inline void bucket_take(struct bucket *b, const struct rate *r)
{
    if (r->per_s != 0)
        b->tokens = b->tokens < BUCKET_TOKEN ? 0 : b->tokens - BUCKET_TOKEN;
}

// What turned out to have cost so many tokens more: they are owed where they are not there.
static inline void bucket_owe(struct bucket *b, const struct rate *r, uint32_t tokens)
{
    int64_t left = b->tokens - (int64_t)tokens * BUCKET_TOKEN;
    if (r->per_s != 0)
        b->tokens = (int32_t)(left < -INT32_MAX ? -INT32_MAX : left);
}

// Takes so many thousandths, or owes them.
static inline void bucket_lend(struct bucket *b, int32_t thousandths)
{
    int64_t left = (int64_t)b->tokens - thousandths;
    ASSERT(thousandths >= 0);
    b->tokens = (int32_t)(left < -INT32_MAX ? -INT32_MAX : left);
}

// Of those that were taken some come back, in thousandths.
static inline void bucket_give_back(struct bucket *b, const struct rate *r, int32_t thousandths)
{
    int64_t tokens = (int64_t)b->tokens + thousandths;
    ASSERT(thousandths >= 0);
    b->tokens = (int32_t)(tokens < bucket_full(r) ? tokens : bucket_full(r));
    ASSERT(b->tokens <= bucket_full(r));
}

#endif
