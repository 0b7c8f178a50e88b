// SPDX-License-Identifier: Apache-2.0
//
// creator.h - who makes rooms: at what rate, and how many there are by now. Kept by a home for its own rooms.
//
//      join of a name that is no room yet --> creators_charge: the user's bucket, the address's bucket, its share
//      room gone                          --> creators_release
//
// A room costs memory and a place among limits.rooms that everybody shares, so the first join of a name is not the price
// of a join. Whose it is: the user's, so that a connection cannot do more by being several, and the address's (IPv4
// whole, IPv6 /64), since a guest gets a new user for the asking. A connection has no bucket of its own: all that it
// creates is its user's.
//
// Where it is counted: at the home, because only there is it known whether a join creates; the edge says from where the
// connection came by a keyed hash of the address (struct peer). Names are spread over the homes by their hash, whoever
// thinks them up, so each home counts for itself, as limits.rooms does, and no ask goes further for it. (Rejected: at
// the edge, which would have to take a token for every join in case it creates and be told whether to give it back, and
// sees only the connections that the kernel happened to give it.)
//
// An entry is there while its rooms are or its buckets are not full: creators_expire.
// Thread: the home shard's.
#ifndef PLENUM_CORE_CREATOR_H
#define PLENUM_CORE_CREATOR_H

#include "base/map.h"
#include "base/slab.h"

struct creator {
    uint64_t print;     // keyed hash of a user's id or of an address
    uint32_t rooms;     // of an address: those it made and that are still there
    uint32_t tokens;    // of rooms, in thousandths
    uint32_t tokens_ms; // when they were counted, low bits of now
};

struct creators {
    struct slab slab;
    struct map by_print;
    uint64_t
        look_ms; // when to look for entries that are not needed any more; UINT64_MAX while there are none
};

struct creator_rate {
    uint32_t per_s; // 0 = no limit
    uint32_t burst;
};

enum creator_verdict {
    CREATOR_OK,
    CREATOR_TOO_FAST, // retry_ms says when
    CREATOR_SHARE,    // the address has as many rooms as one may have
    CREATOR_NOMEM,
};

void creators_init(struct creators *t, struct mem *m);
void creators_deinit(struct creators *t);
// Charges one room to a user and an address (0: unknown). Nothing is charged but on CREATOR_OK.
enum creator_verdict creators_charge(struct creators *t, uint64_t user, const struct creator_rate *user_rate,
                                     uint64_t address, const struct creator_rate *address_rate,
                                     uint32_t address_rooms_max, uint64_t now_ms, uint32_t *ret_retry_ms);
// A room of that address is gone, or was not made after all; 0 is fine.
void creators_release(struct creators *t, uint64_t address);
// Once look_ms has come.
void creators_expire(struct creators *t, const struct creator_rate *user_rate,
                     const struct creator_rate *address_rate, uint64_t now_ms);

#endif
