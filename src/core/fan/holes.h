// SPDX-License-Identifier: Apache-2.0
//
// holes.h - what readers of an outlet lost, until they can be told: as offsets, and as a number of passing entries.
//
// A cursor says where its reader is, as a place. Which offset that is, the segment knows, and the segments of what was lost
// are gone. So whoever takes them away opens the holes first. A reader has one hole in a room at most; while it is not told,
// it grows. Nobody who reads what comes pays for any of this, and thousands who do not read cost a lookup each.
//
// A cut is no entry to lose: behind it offsets are others (log/place.h). A reader that would is ended, as too slow.
//
// Invariant (holes_check): there is a hole for exactly those cursors that say so.
// Ownership: the fan's. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_HOLES_H
#define PLENUM_CORE_FAN_HOLES_H

#include "base/map.h"
#include "base/slab.h"
#include "core/fan/outlet.h"

struct hole {
    uint32_t outlet, conn;
    uint64_t after;   // it has everything up to this offset
    uint64_t entries; // behind that, so many are gone, records and passing ones
};

// Of all outlets of a shard.
struct holes {
    struct slab rows;
    struct map by_reader;
};

void holes_init(struct holes *h, struct mem *m);
void holes_deinit(struct holes *h);
// The readers of an encoding whose cursor is before place `next` lose what is in between. To be called while the
// segments are there. A reader that cannot be told for want of memory is to end.
void holes_open(struct fan *f, uint32_t outlet, uint8_t encoding, uint64_t next);
// Tells the reader, and closes its hole.
void hole_tell(struct fan *f, uint32_t outlet, struct cursor *cur);
// The reader goes: nobody is told.
void hole_forget(struct fan *f, uint32_t outlet, struct cursor *cur);
void holes_check(const struct fan *f);

#endif
