// SPDX-License-Identifier: Apache-2.0
//
// Counters and a table of addresses under one mutex. Every address with a connection has a place, also where no
// limit per address is set: the limit can be set by a reload, and must be exact from then on. A place costs 32
// bytes and 8-16 in the table; it goes with the last connection from there.
#include "io/admission.h"

#include "base/assert.h"
#include "base/limits.h"

_Static_assert(SHARDS_MAX <= 64, "waiting shards are bits of a uint64_t");

enum { UNCOUNTED = INT32_MAX }; // a ticket: no place has that index

struct place {
    struct address_key key;
    uint32_t count;
};

static bool place_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct place *place = slab_at(ctx, value);
    return memcmp(&place->key, key, sizeof place->key) == 0;
}

static uint64_t key_hash(const struct admission *a, const struct address_key *key)
{
    return siphash(&a->hash_key, key->bytes, sizeof key->bytes);
}

void admission_init(struct admission *a, struct mem *mem, const struct siphash_key *hash_key,
                    uint32_t connections_max, uint32_t per_address_max)
{
    memset(a, 0, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    a->hash_key = *hash_key;
    a->connections_max = connections_max;
    a->per_address_max = per_address_max;
    map_init(&a->map, mem);
    slab_init(&a->places, mem, sizeof(struct place), UINT32_MAX - 1);
}

void admission_deinit(struct admission *a)
{
    map_deinit(&a->map);
    slab_deinit(&a->places);
    pthread_mutex_destroy(&a->lock);
}

// With the lock held: the shards to wake, where there is something to wake them for.
static uint64_t take_waiting(struct admission *a)
{
    if (a->connections >= a->connections_max)
        return 0;
    uint64_t waiting = a->waiting;
    a->waiting = 0;
    return waiting;
}

uint64_t admission_limits_set(struct admission *a, uint32_t connections_max, uint32_t per_address_max,
                              struct rate pace)
{
    pthread_mutex_lock(&a->lock);
    a->connections_max = connections_max;
    a->per_address_max = per_address_max;
    a->pace = pace;
    uint64_t waiting = take_waiting(a);
    pthread_mutex_unlock(&a->lock);
    return waiting;
}

bool admission_reserve(struct admission *a, uint32_t shard)
{
    pthread_mutex_lock(&a->lock);
    bool room = a->connections < a->connections_max;
    if (room)
        a->connections++;
    else
        a->waiting |= (uint64_t)1 << shard;
    pthread_mutex_unlock(&a->lock);
    return room;
}

uint64_t admission_cancel(struct admission *a)
{
    pthread_mutex_lock(&a->lock);
    ASSERT(a->connections > a->entered);
    a->connections--;
    uint64_t waiting = take_waiting(a);
    pthread_mutex_unlock(&a->lock);
    return waiting;
}

bool admission_pace(struct admission *a, const struct address_key *key, uint64_t now_ms)
{
    pthread_mutex_lock(&a->lock);
    ASSERT(a->connections > a->entered); // its slot is reserved
    bool may = comers_take(&a->comers, key_hash(a, key), &a->pace, now_ms);
    pthread_mutex_unlock(&a->lock);
    return may;
}

// A new place for an address that has none yet.
static enum err place_create(struct admission *a, uint64_t hash, const struct address_key *key, uint32_t *ret)
{
    uint32_t index = slab_alloc(&a->places);
    if (index == SLAB_NONE)
        return ERR_NOMEM;
    struct place *place = slab_at(&a->places, index);
    place->key = *key;
    if (map_insert(&a->map, hash, index) != OK) {
        slab_free(&a->places, index);
        return ERR_NOMEM;
    }
    *ret = index;
    return OK;
}

// One more at its place.
static enum err place_enter(struct admission *a, const struct address_key *key, uint32_t *ret_ticket)
{
    uint64_t hash = key_hash(a, key);
    uint32_t index = map_find(&a->map, hash, place_eq, &a->places, key);
    if (index == MAP_NONE) {
        enum err e = place_create(a, hash, key, &index);
        if (e != OK)
            return e;
    }
    struct place *place = slab_at(&a->places, index);
    if (a->per_address_max > 0 && place->count >= a->per_address_max)
        return ERR_LIMIT; // the place is not empty, so it is not left behind
    place->count++;
    *ret_ticket = index;
    return OK;
}

static enum err enter_locked(struct admission *a, const struct address_key *key, uint32_t *ret_ticket)
{
    ASSERT(a->connections > a->entered);
    enum err e = place_enter(a, key, ret_ticket);
    a->entered += e == OK;
    return e;
}

enum err admission_enter(struct admission *a, const struct address_key *key, uint32_t *ret_ticket)
{
    pthread_mutex_lock(&a->lock);
    enum err e = enter_locked(a, key, ret_ticket);
    pthread_mutex_unlock(&a->lock);
    return e;
}

uint32_t admission_enter_uncounted(struct admission *a)
{
    pthread_mutex_lock(&a->lock);
    ASSERT(a->connections > a->entered);
    a->entered++;
    a->uncounted++;
    pthread_mutex_unlock(&a->lock);
    return UNCOUNTED;
}

enum err admission_count(struct admission *a, const struct address_key *key, uint32_t *ticket)
{
    pthread_mutex_lock(&a->lock);
    ASSERT(*ticket == UNCOUNTED && a->uncounted > 0);
    enum err e = place_enter(a, key, ticket);
    a->uncounted -= e == OK;
    pthread_mutex_unlock(&a->lock);
    return e;
}

static void place_leave(struct admission *a, uint32_t index)
{
    struct place *place = slab_at(&a->places, index);
    ASSERT(place->count > 0);
    if (--place->count != 0)
        return;
    bool found = map_remove(&a->map, key_hash(a, &place->key), index);
    ASSERT(found);
    slab_free(&a->places, index);
}

uint64_t admission_leave(struct admission *a, uint32_t ticket)
{
    pthread_mutex_lock(&a->lock);
    ASSERT(a->entered > 0 && (ticket != UNCOUNTED || a->uncounted > 0));
    if (ticket == UNCOUNTED)
        a->uncounted--;
    else
        place_leave(a, ticket);
    a->entered--;
    a->connections--;
    uint64_t waiting = take_waiting(a);
    pthread_mutex_unlock(&a->lock);
    return waiting;
}

uint32_t admission_print(const struct admission *a, const struct address_key *key)
{
    return ip_print(&a->hash_key, key->bytes);
}

bool admission_has_room(struct admission *a, uint32_t shard)
{
    pthread_mutex_lock(&a->lock);
    bool room = a->connections < a->connections_max;
    if (!room)
        a->waiting |= (uint64_t)1 << shard;
    pthread_mutex_unlock(&a->lock);
    return room;
}

uint32_t admission_connections(struct admission *a)
{
    pthread_mutex_lock(&a->lock);
    uint32_t connections = a->connections;
    pthread_mutex_unlock(&a->lock);
    return connections;
}

void admission_check(struct admission *a)
{
    pthread_mutex_lock(&a->lock);
    uint64_t sum = a->uncounted;
    for (uint32_t i = 0; i < a->places.high; i++)
        if (slab_used(&a->places, i)) {
            const struct place *place = slab_at(&a->places, i);
            ASSERT(place->count > 0);
            sum += place->count;
        }
    ASSERT(sum == a->entered);            // 2
    ASSERT(a->entered <= a->connections); // 1
    ASSERT(a->map.count == a->places.count);
    pthread_mutex_unlock(&a->lock);
}
