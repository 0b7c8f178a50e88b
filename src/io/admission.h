// SPDX-License-Identifier: Apache-2.0
//
// admission.h - who may still come in: the exact number of connections, in all and per address, and how often from an address, over all
// shards.
//
// This is the one lock of the server. It is taken when a connection comes and when it goes, never on the way of a
// message; two shards that accept at full speed hold it for well under one per cent of the time (100 ns of 30 us per
// connection). Rejected: a share of the limit for each shard, because SO_REUSEPORT spreads unevenly and a client
// would be turned away while another shard has room.
//
// One connection:
//
//   admission_reserve --- a slot, before accept(2) takes it from the queue
//          |                     |
//          | nobody there        +--> admission_enter --- counted for its address --> ... --> admission_leave
//          v                               |
//   admission_cancel <---------------------+ too many from there
//
// A shard that found no slot is noted as waiting. Whoever gives a slot back gets the set of waiting shards, one bit
// each, and wakes them; they try again, and the first one wins.
//
// Invariants (admission_check)
//   1. Who has entered is one of the connections. (They are more than the limit only after that was lowered.)
//   2. The counts of all addresses sum up to the connections that have entered.
//
// Limits: connections_max in all, per_address_max per address, pace per address (0 = none). Errors: see each function.
// Thread: any.
#ifndef PLENUM_IO_ADMISSION_H
#define PLENUM_IO_ADMISSION_H

#include "base/map.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "io/address.h"
#include "io/comers.h"
#include <pthread.h>

struct admission {
    pthread_mutex_t lock;
    struct siphash_key hash_key;
    uint32_t connections; // slots taken: entered or reserved
    uint32_t entered;
    uint32_t connections_max;
    uint32_t per_address_max;
    uint64_t waiting;   // shards that found no slot
    struct map map;     // address key -> index in slab
    struct slab places; // struct place {key, count}
    uint32_t uncounted; // entered without a place
    struct rate pace;   // of connections from one address
    struct comers comers;
};

void admission_init(struct admission *a, struct mem *mem, const struct siphash_key *hash_key,
                    uint32_t connections_max, uint32_t per_address_max);
void admission_deinit(struct admission *a);
// New limits; connections that are in stay in. Returns the waiting shards, to be woken.
uint64_t admission_limits_set(struct admission *a, uint32_t connections_max, uint32_t per_address_max,
                              struct rate pace);

// Takes a slot; false when there is none, and the shard is then noted as waiting.
bool admission_reserve(struct admission *a, uint32_t shard);
// Gives a reserved slot back. Returns the waiting shards, to be woken.
uint64_t admission_cancel(struct admission *a);
// One more comes from that address: may it, by how often others came from there? False, and nothing was taken: not yet.
bool admission_pace(struct admission *a, const struct address_key *key, uint64_t now_ms);
// Turns a reserved slot into a connection from that address. ERR_LIMIT: too many from there; ERR_NOMEM. The slot
// stays reserved then.
enum err admission_enter(struct admission *a, const struct address_key *key,
                         uint32_t *ret_ticket) WARN_UNUSED;
// The same without a place among the addresses: there is no memory for one, or it is a proxy's, which is everybody's.
uint32_t admission_enter_uncounted(struct admission *a);
// Of one that has entered uncounted: a place among the addresses after all. ERR_LIMIT, ERR_NOMEM: it stays as it is.
enum err admission_count(struct admission *a, const struct address_key *key, uint32_t *ticket) WARN_UNUSED;
// The connection with that ticket is gone. Returns the waiting shards, to be woken.
uint64_t admission_leave(struct admission *a, uint32_t ticket);

// True if a reservation would succeed now; false notes the shard as waiting, as admission_reserve does.
bool admission_has_room(struct admission *a, uint32_t shard);
// An address as a number that means nothing to anybody else; never 0.
uint32_t admission_print(const struct admission *a, const struct address_key *key);
uint32_t admission_connections(struct admission *a);
void admission_check(struct admission *a);

#endif
