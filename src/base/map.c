// SPDX-License-Identifier: Apache-2.0
//
// The table's shape: growing, shrinking, inserting, removing. Finding is in the header, to be inlined.
//
// A slot's home is the low bits of its 32-bit hash, so a table can be rebuilt from its slots alone, without asking
// the objects for their keys. Linear probing, because with eight slots in a cache line a probe is mostly free.
// Removal closes the gap by moving later slots of the run back (Knuth 6.4, algorithm R): no tombstones, so a table
// with much coming and going stays as fast as a fresh one.
// Rejected: growing by steps (two tables in every lookup; doubling at 900,000 keys was measured at 14 ms, once per
// doubling), chaining (a cache miss per link), SIMD groups as in Swiss tables (worth it where comparing keys is what
// costs; here 32 bits of hash have decided before).
#include "base/map.h"

#include "base/assert.h"
#include <string.h>

enum { MAP_SLOTS_MIN = 8 };
static const uint32_t map_slots_max = 1u << 31;

void map_init(struct map *m, struct mem *mem) { *m = (struct map){.mem = mem}; }

static uint32_t map_slot_count(const struct map *m) { return m->slots ? m->mask + 1 : 0; }

void map_deinit(struct map *m)
{
    if (m->slots)
        mem_free(m->mem, m->slots, map_slot_count(m) * sizeof *m->slots);
    m->slots = NULL;
    m->mask = 0;
    m->count = 0;
}

static void map_place(struct map_slot *slots, uint32_t mask, struct map_slot slot)
{
    uint32_t i = slot.hash & mask;
    while (slots[i].value != MAP_NONE)
        i = (i + 1) & mask;
    slots[i] = slot;
}

static enum err map_resize(struct map *m, uint32_t slot_count)
{
    struct map_slot *slots = mem_alloc(m->mem, slot_count * sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    uint32_t mask = slot_count - 1;
    memset(slots, 0xff, slot_count * sizeof *slots); // every value is MAP_NONE
    uint32_t old_count = map_slot_count(m);
    for (uint32_t i = 0; i < old_count; i++) {
        if (m->slots[i].value != MAP_NONE)
            map_place(slots, mask, m->slots[i]);
    }
    if (m->slots)
        mem_free(m->mem, m->slots, old_count * sizeof *m->slots);
    m->slots = slots;
    m->mask = mask;
    return OK;
}

enum err map_secure(struct map *m)
{
    uint32_t slot_count = map_slot_count(m);
    if (m->count < slot_count - slot_count / 8)
        return OK;
    if (slot_count == map_slots_max)
        return ERR_NOMEM;
    return map_resize(m, slot_count ? slot_count * 2 : MAP_SLOTS_MIN);
}

enum err map_insert(struct map *m, uint64_t hash, uint32_t value)
{
    ASSERT(value != MAP_NONE);
    if (map_secure(m) != OK)
        return ERR_NOMEM;
    map_place(m->slots, m->mask, (struct map_slot){map_hash32(hash), value});
    m->count++;
    return OK;
}

// Empties slot `hole` and moves what follows in its run back, as far as each slot's home allows.
static void map_close_gap(struct map *m, uint32_t hole)
{
    for (uint32_t i = (hole + 1) & m->mask; m->slots[i].value != MAP_NONE; i = (i + 1) & m->mask) {
        uint32_t from_home = (i - m->slots[i].hash) & m->mask;
        uint32_t from_hole = (i - hole) & m->mask;
        if (from_home >= from_hole) { // its home is at the hole or before it
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].value = MAP_NONE;
}

// Memory follows the count down. A shrink that gets no memory is skipped: the next removal tries again.
static void map_shrink(struct map *m)
{
    if (m->count == 0) {
        map_deinit(m);
        return;
    }
    uint32_t slot_count = map_slot_count(m);
    if (slot_count > MAP_SLOTS_MIN && m->count < slot_count / 8) {
        enum err e = map_resize(m, slot_count / 2);
        (void)e;
    }
}

bool map_remove(struct map *m, uint64_t hash, uint32_t value)
{
    if (!m->slots)
        return false;
    uint32_t h = map_hash32(hash);
    for (uint32_t i = h & m->mask; m->slots[i].value != MAP_NONE; i = (i + 1) & m->mask) {
        if (m->slots[i].value == value && m->slots[i].hash == h) {
            map_close_gap(m, i);
            m->count--;
            map_shrink(m);
            return true;
        }
    }
    return false;
}

void map_check(const struct map *m)
{
    uint32_t slot_count = map_slot_count(m);
    ASSERT(m->slots != NULL || m->count == 0);       // 1
    ASSERT((slot_count & m->mask) == 0);             // 1
    ASSERT(m->count <= slot_count - slot_count / 8); // 2
    uint32_t used = 0;
    for (uint32_t i = 0; i < slot_count; i++) {
        if (m->slots[i].value == MAP_NONE)
            continue;
        used++;
        for (uint32_t j = m->slots[i].hash & m->mask; j != i; j = (j + 1) & m->mask)
            ASSERT(m->slots[j].value != MAP_NONE); // 3
    }
    ASSERT(used == m->count);
}
