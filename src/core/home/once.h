// SPDX-License-Identifier: Apache-2.0
//
// once.h - which messages with a `key` were said lately, by whom: each owner has a window of its own.
//
//      owner   a member of a room, or the sender of directs: a fingerprint of (room's epoch, user), or of the user
//      window  its keys of the last rooms.idempotency_s, at most rooms.idempotency_keys of them (idempotency.h)
//
// What others say cannot shorten an owner's window. It outlives the owner's membership, as whoever lost its connection may
// come back late and say again what it has no acknowledgement for; but not the room: a group is all owners of one room (or
// all senders of directs), given up together.
//
// Whether a key was said is decided by the steady times of the records alone (dialect/entry.h), so whoever applies the same
// records decides the same. Owners whose keys are all over are looked for now and then, and given up. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_ONCE_H
#define PLENUM_CORE_HOME_ONCE_H

#include "base/slab.h"
#include "core/home/idempotency.h"

// Twelve bytes: it stands in every room.
struct once_group {
    uint32_t first;     // owner, SLAB_NONE without one
    uint64_t newest_ms; // steady: of the newest record (apply.h); 0 = none
} __attribute__((packed, aligned(4)));

// So much older than the newest record of a room a record may be, by clocks of nodes that differ, or because it was long on its
// way; what is older still counts as that old. So keys that are over before that are over for good, on every node.
enum { ONCE_LATE_MS = 60000 };

struct once_owner {
    u128 print;
    struct idempotency window;
    struct once_group *group;
    uint32_t window_ms;  // of the newest key
    uint32_t prev, next; // in its group
};

struct once {
    struct mem *mem;
    struct slab owners;
    struct map by_print;
    uint64_t look_ms; // steady: when to look for what is over; UINT64_MAX while there is nobody
};

struct once_limits {
    uint32_t window_ms;
    uint32_t keys; // of one owner
};

void once_init(struct once *o, struct mem *m);
void once_deinit(struct once *o);
// True, and what became of it, if the owner has said this key. Times are steady.
bool once_find(const struct once *o, u128 owner, u128 key, const struct once_limits *limits, uint64_t at_ms,
               uint64_t *ret_value);
static inline void once_group_init(struct once_group *g) { *g = (struct once_group){.first = SLAB_NONE}; }
// Forgets all of a group.
void once_group_drop(struct once *o, struct once_group *g);
// Makes room: the owner's next once_put finds memory, if nothing is expired meanwhile. ERR_NOMEM.
enum err once_secure(struct once *o, struct once_group *g, u128 owner, uint64_t at_ms) WARN_UNUSED;
// Remembers; the owner's oldest key goes where it has too many. ERR_NOMEM: nothing has changed.
enum err once_put(struct once *o, struct once_group *g, u128 owner, u128 key, uint64_t value,
                  const struct once_limits *limits, uint64_t at_ms) WARN_UNUSED;
// Of the key put last: its value, once it is known; and as if it had not been put.
void once_amend(struct once *o, u128 owner, uint64_t value);
void once_take_back(struct once *o, u128 owner);
// Once look_ms has come: keys that are over go. by_records: those of rooms are over by their records, not by the clock.
void once_expire(struct once *o, uint64_t at_ms, bool by_records);
void once_check(const struct once *o);

#endif
