// SPDX-License-Identifier: Apache-2.0
//
// ref.h - names of pooled objects that may outlive them: index and generation (base/slab.h).
//
// A stale one finds nothing. Thread: plain values.
#ifndef PLENUM_CORE_COMMON_REF_H
#define PLENUM_CORE_COMMON_REF_H

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

#endif
