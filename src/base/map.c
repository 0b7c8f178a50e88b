// SPDX-License-Identifier: Apache-2.0
//
// The table's shape: growing, shrinking, inserting, removing. Finding is in the header, to be inlined.
//
// A slot's home follows from its 32-bit hash, so a table can be rebuilt from its slots alone, without asking
// the objects for their keys. Linear probing, because with eight slots in a cache line a probe is mostly free.
// Removal closes the gap by moving later slots of the run back (Knuth 6.4, algorithm R): no tombstones, so a table
// with much coming and going stays as fast as a fresh one.
// A table that has just doubled is more than half empty, and each connection pays for a few of those: in four steps it is at
// least 2/3 full, for five moves per key instead of two. From MAP_DOUBLES slots on it doubles, as a table that is
// rebuilt holds up the turn.
// Rejected: growing by steps (two tables in every lookup; doubling at 900,000 keys was measured at 14 ms, once per
// doubling), chaining (a cache miss per link), SIMD groups as in Swiss tables (worth it where comparing keys is what
// costs; here 32 bits of hash have decided before).
#include "base/map.h"

#include "base/assert.h"
#include <string.h>

enum { MAP_SLOTS_MIN = 8, MAP_DOUBLES = 1 << 16 };
static const uint32_t map_slots_max = 1u << 31;

void map_init(struct map *m, struct mem *mem) { *m = (struct map){.mem = mem}; }

void map_deinit(struct map *m)
{
    if (m->slots)
        mem_free(m->mem, m->slots, m->slot_count * sizeof *m->slots);
    m->slots = NULL;
    m->slot_count = 0;
    m->count = 0;
}

static void map_place(struct map *m, struct map_slot slot)
{
    uint32_t i = map_home(m, slot.hash);
    while (m->slots[i].value != MAP_NONE)
        i = map_next(m, i);
    m->slots[i] = slot;
}

static enum err map_resize(struct map *m, uint32_t slot_count)
{
    struct map_slot *slots = mem_alloc(m->mem, slot_count * sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    memset(slots, 0xff, slot_count * sizeof *slots); // every value is MAP_NONE
    struct map old = *m;
    m->slots = slots;
    m->slot_count = slot_count;
    for (uint32_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].value != MAP_NONE)
            map_place(m, old.slots[i]);
    if (old.slots)
        mem_free(m->mem, old.slots, old.slot_count * sizeof *old.slots);
    return OK;
}

static uint32_t map_larger(uint32_t slot_count)
{
    if (slot_count < MAP_SLOTS_MIN)
        return MAP_SLOTS_MIN;
    if (slot_count >= MAP_DOUBLES)
        return slot_count * 2;
    return slot_count + (1u << (31 - __builtin_clz(slot_count))) / 4;
}

enum err map_secure(struct map *m)
{
    if (m->count < m->slot_count - m->slot_count / 8)
        return OK;
    if (m->slot_count == map_slots_max)
        return ERR_NOMEM;
    return map_resize(m, map_larger(m->slot_count));
}

enum err map_insert(struct map *m, uint64_t hash, uint32_t value)
{
    ASSERT(value != MAP_NONE);
    if (map_secure(m) != OK)
        return ERR_NOMEM;
    map_place(m, (struct map_slot){map_hash32(hash), value});
    m->count++;
    return OK;
}

// How far on from `from` slot i is, around the end of the table.
static uint32_t map_distance(const struct map *m, uint32_t from, uint32_t i)
{
    return i >= from ? i - from : i + m->slot_count - from;
}

// Empties slot `hole` and moves what follows in its run back, as far as each slot's home allows.
static void map_close_gap(struct map *m, uint32_t hole)
{
    for (uint32_t i = map_next(m, hole); m->slots[i].value != MAP_NONE; i = map_next(m, i)) {
        uint32_t from_home = map_distance(m, map_home(m, m->slots[i].hash), i);
        uint32_t from_hole = map_distance(m, hole, i);
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
    uint32_t half = m->slot_count / 2 < MAP_SLOTS_MIN ? MAP_SLOTS_MIN : m->slot_count / 2;
    if (half < m->slot_count && m->count < m->slot_count / 8) {
        enum err e = map_resize(m, half);
        (void)e;
    }
}

bool map_remove(struct map *m, uint64_t hash, uint32_t value)
{
    if (!m->slots)
        return false;
    uint32_t h = map_hash32(hash);
    for (uint32_t i = map_home(m, h); m->slots[i].value != MAP_NONE; i = map_next(m, i)) {
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
    ASSERT((m->slots != NULL) == (m->slot_count > 0));     // 1
    ASSERT(m->slots != NULL || m->count == 0);             // 1
    ASSERT(m->count <= m->slot_count - m->slot_count / 8); // 2
    uint32_t used = 0;
    for (uint32_t i = 0; i < m->slot_count; i++) {
        if (m->slots[i].value == MAP_NONE)
            continue;
        used++;
        for (uint32_t j = map_home(m, m->slots[i].hash); j != i; j = map_next(m, j))
            ASSERT(m->slots[j].value != MAP_NONE); // 3
    }
    ASSERT(used == m->count);
}
