// SPDX-License-Identifier: Apache-2.0
//
// map.h - a hash table from a 64-bit keyed hash to a 32-bit value (usually a slab index).
//
// Open addressing with linear probing and backward-shift deletion: eight bytes a slot {hash32, value}, no
// tombstones, load at most 7/8. Keys live in the objects: a lookup hands in the hash and a function that says
// whether a candidate is the one. Hashes must be keyed (siphash.h), or a peer could choose collisions.
// It grows by a quarter of a power of two while it is small, by doubling when it is large, and shrinks by halving (below 1/8
// load), so memory follows the count.
//
// Invariants (map_check)
//   1. slots is NULL only while count is 0, and always then but for map_secure.
//   2. At least one slot in eight is empty, so every search ends.
//   3. No empty slot lies between a slot's home and its place.
//
// Errors: ERR_NOMEM from map_insert; the map is unchanged then.
// Thread: the owner's only.
#ifndef PLENUM_BASE_MAP_H
#define PLENUM_BASE_MAP_H

#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>

#define MAP_NONE UINT32_MAX

struct map_slot {
    uint32_t hash;  // upper half of the hash
    uint32_t value; // MAP_NONE = empty slot
};

struct map {
    struct mem *mem;
    struct map_slot *slots; // NULL while empty
    uint32_t slot_count;    // 0 while empty
    uint32_t count;
};

// Where a hash belongs: as far into the table as the hash is into all hashes, so that any number of slots will do.
static inline uint32_t map_home(const struct map *m, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * m->slot_count >> 32);
}
static inline uint32_t map_next(const struct map *m, uint32_t i)
{
    return i + 1 == m->slot_count ? 0 : i + 1;
}

// True if the object behind `value` has the key that `key` describes.
typedef bool (*map_eq_fn)(const void *ctx, uint32_t value, const void *key);

void map_init(struct map *m, struct mem *mem);
void map_deinit(struct map *m);

static inline uint32_t map_hash32(uint64_t hash) { return (uint32_t)(hash >> 32); }

// The value whose object has that key, or MAP_NONE. Inline so that a constant `eq` is inlined with it.
static inline uint32_t map_find(const struct map *m, uint64_t hash, map_eq_fn eq, const void *ctx,
                                const void *key)
{
    if (!m->slots)
        return MAP_NONE;
    uint32_t h = map_hash32(hash);
    for (uint32_t i = map_home(m, h);; i = map_next(m, i)) {
        struct map_slot slot = m->slots[i];
        if (slot.value == MAP_NONE)
            return MAP_NONE;
        if (slot.hash == h && eq(ctx, slot.value, key))
            return slot.value;
    }
}

// Makes room: the next map_insert finds memory. ERR_NOMEM.
enum err map_secure(struct map *m) WARN_UNUSED;
// The key must not be in the map yet; value is not MAP_NONE.
enum err map_insert(struct map *m, uint64_t hash, uint32_t value) WARN_UNUSED;
// Removes the slot with this hash and value; true if it was there.
bool map_remove(struct map *m, uint64_t hash, uint32_t value);
// Asserts the invariants; O(slots), for tests and the simulator.
void map_check(const struct map *m);

#endif
