// SPDX-License-Identifier: Apache-2.0
//
// creator.h - who makes rooms: at what rate, and how many there are by now.
//
//      join of a name that is no room yet --> creators_charge, of the user and of the address
//      the room was not made after all    --> creators_settle, refunded
//      the room is gone                   --> creators_settle
//
// A room costs memory and a place among limits.rooms that everybody shares, so the first join of a name is not the price
// of a join. Three pay for it, each with a bucket: the connection, so that one that runs wild leaves something to its
// user's others; the user, so that a connection cannot do more by being several; and the address (IPv4 whole, IPv6
// /64), since a guest gets a new user for the asking. The address has its share of all rooms besides.
//
// Where each is counted: at one place, so that the limit is the whole server's, however many shards it has. The
// connection's bucket is at its edge (edge/gate.c). A user's and an address's are at the shard that the print of them
// hashes to, among its meters (meter.h); home_create.c says how an ask gets there. (Rejected: each home of rooms counting for
// itself, which gives a peer as many times the rate as there are shards; a table with a lock for all shards.)
//
// Thread: the shard's.
#ifndef PLENUM_CORE_CREATOR_H
#define PLENUM_CORE_CREATOR_H

#include "core/home/meter.h"

enum creator_verdict {
    CREATOR_OK,
    CREATOR_TOO_FAST, // retry_ms says when
    CREATOR_SHARE,    // it has as many rooms as one may have
    CREATOR_NOMEM,
};

// Charges one room to who has that print; rooms_max: how many it may have, 0 where they are not counted (a user's).
// Nothing is charged but on CREATOR_OK.
enum creator_verdict creators_charge(struct prints *t, uint64_t print, const struct rate *rate,
                                     uint64_t rooms_max, uint64_t now_ms, uint32_t *ret_retry_ms);
// What was charged is over. room: it was counted among its rooms. refund: it was not made, the token comes back.
void creators_settle(struct prints *t, uint64_t print, const struct rate *rate, bool room, bool refund);

#endif
