// SPDX-License-Identifier: Apache-2.0
//
// ref.h - names of pooled objects that may outlive them: index and generation (base/slab.h).
//
// A stale one finds nothing. Thread: plain values.
#ifndef PLENUM_CORE_COMMON_REF_H
#define PLENUM_CORE_COMMON_REF_H

#include "base/assert.h"
#include "base/limits.h"
#include <stdbool.h>
#include <stdint.h>

// An object of some shard's pool.
struct ref {
    uint32_t index;
    uint32_t gen;
};
#define REF_NONE ((struct ref){UINT32_MAX, 0})

// A connection of any shard.
struct conn_ref {
    uint32_t shard;
    struct ref ref;
};

// The same in eight bytes, for where many are kept.
enum { CONN_KEY_SHARDS = 1 << 6, CONN_KEY_CONNS = 1 << 26 };
struct conn_key {
    uint32_t shard : 6;
    uint32_t index : 26;
    uint32_t gen;
};
_Static_assert((int)SHARDS_MAX <= (int)CONN_KEY_SHARDS, "a shard fits a key");

// And with what it reads, where that has to be known without asking it: a connection's generation is cut to its lower bits, which
// come round when a slot has been used so often while one was remembered.
enum { SESSION_KEY_GEN = (1 << 28) - 1 };
struct session_key {
    uint32_t shard : 6;
    uint32_t index : 26;
    uint32_t gen : 28;
    uint32_t encoding : 4;
};

static inline struct session_key session_key_of(struct conn_ref c, uint8_t encoding)
{
    ASSERT(c.shard < CONN_KEY_SHARDS && c.ref.index < CONN_KEY_CONNS && encoding < 16);
    return (struct session_key){c.shard & (CONN_KEY_SHARDS - 1), c.ref.index & (CONN_KEY_CONNS - 1),
                                c.ref.gen & SESSION_KEY_GEN, encoding & 15u};
}
// Of one connection, whatever it reads.
static inline bool session_key_is(struct session_key k, struct conn_ref c)
{
    return k.shard == c.shard && k.index == c.ref.index && k.gen == (c.ref.gen & SESSION_KEY_GEN);
}

static inline struct conn_key conn_key_of(struct conn_ref c)
{
    ASSERT(c.shard < CONN_KEY_SHARDS && c.ref.index < CONN_KEY_CONNS);
    return (struct conn_key){c.shard & (CONN_KEY_SHARDS - 1), c.ref.index & (CONN_KEY_CONNS - 1), c.ref.gen};
}
static inline struct conn_ref conn_ref_of(struct conn_key k)
{
    return (struct conn_ref){k.shard, {k.index, k.gen}};
}
static inline bool conn_ref_eq(struct conn_ref a, struct conn_ref b)
{
    return a.shard == b.shard && a.ref.index == b.ref.index && a.ref.gen == b.ref.gen;
}
static inline bool conn_key_eq(struct conn_key a, struct conn_key b)
{
    return a.shard == b.shard && a.index == b.index && a.gen == b.gen;
}

#endif
