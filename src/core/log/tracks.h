// SPDX-License-Identifier: Apache-2.0
//
// tracks.h - chains of frames by encoding, of which a room has few or none: one per encoding that somebody there reads.
//
//      none    n 0
//      one     [JSON: 12 readers, seg seg]               in place: most rooms
//      many    -> [JSON: 12, seg seg][text: 1, seg]      an array of its own
//
// So an encoding that nobody reads costs a room nothing, however many there are, and finding a reader's track is one comparison
// where all read the same. Rejected: an array over all encodings (24 bytes each in every room, outlet and replay, used or not);
// a list of blocks (a room with one encoding, which is nearly every room, would pay for a block).
//
// Invariants (tracks_check): keys differ; cap is 0 or at least n; without an array there is one at most.
// Ownership: the holder's, chains included. Thread: the holder's.
#ifndef PLENUM_CORE_LOG_TRACKS_H
#define PLENUM_CORE_LOG_TRACKS_H

#include "core/log/chain.h"

struct track {
    struct chain chain;
    uint32_t readers;
    uint8_t key; // the encoding's id; of a replay with what form it is (replay.h)
};

struct tracks {
    union {
        struct track one; // cap == 0: the only one
        struct track *many;
    };
    uint8_t n, cap;
};

static inline struct track *tracks_all(struct tracks *t) { return t->cap == 0 ? &t->one : t->many; }
static inline const struct track *tracks_const(const struct tracks *t)
{
    return t->cap == 0 ? &t->one : t->many;
}

// NULL where there is none.
static inline struct track *tracks_find(struct tracks *t, uint8_t key)
{
    struct track *all = tracks_all(t);
    for (uint32_t i = 0; i < t->n; i++)
        if (all[i].key == key)
            return &all[i];
    return NULL;
}
// The same of one that is there.
static inline const struct chain *tracks_chain(const struct tracks *t, uint8_t key)
{
    const struct track *all = tracks_const(t), *at = all;
    while (at->key != key)
        at++;
    ASSERT(at < all + t->n);
    return &at->chain;
}

// A place for the key, so that tracks_add cannot fail. ERR_NOMEM.
enum err tracks_reserve(struct tracks *t, struct mem *m, uint8_t key) WARN_UNUSED;
// The track of the key, made where it is not there; there is a place for it. Pointers to others may be stale then.
struct track *tracks_add(struct tracks *t, uint8_t key);
// Takes the track out, with its chain. Pointers to others are stale then.
void tracks_remove(struct tracks *t, struct mem *m, struct track *at);
void tracks_deinit(struct tracks *t, struct mem *m);
void tracks_check(const struct tracks *t);

#endif
