// SPDX-License-Identifier: Apache-2.0
//
// conflate.h - what a reader that has fallen behind may leave out: of the records with one conflation key all but the newest
// (slow_policy conflate), and any reader where the state of a room is told at intervals (state_interval_ms).
//
//      places   41  42  43  44  45  46  47  48 = head
//      key       a   b   a   -   c   b   a   -
//                x   x   x               ^            x: has a newer one. A reader at 41 is told a gap 41..43, and goes on at 44
//
// Who is behind: a reader whose socket did not take all that it was offered (reader.h, `slow`), from then until it has had all.
// When it takes something again, that is, with all that was said meanwhile before it and not a lag_bytes of it later: who
// shows prices wants those of now. Who keeps up is told everything, as in any room.
//
// A room's state may be told once per state_interval_ms (fan/flush.c); then all of its readers are told the newest change of each key
// only, in the same way. In a room with both that goes for messages with a conflation key, too, wherever a write holds two of one.
//
// Whether an entry has a newer one does not depend on who reads it. So a room has one list for all who are behind, made by the
// first of them from its place on, and each entry is looked at once, whoever else there is; the others' entries, segments
// and writes are what they were. Entries with a newer one are told as gaps with the reason `conflated` (of states alone `coalesced`), at the place at which they
// are missing, and not written. What is kept between two gaps goes into the reader's own queue with them, copied, as
// gaps are its own words and have to be behind one and before the other: a write's worth, no more, so that what is said
// meanwhile still counts for what comes behind it.
//
// Rejected: ranges to be left out kept by each reader, as for its own entries (skips.h): a thousand slow readers would find and
// keep the same ones. One gap in front of all that has been left out: clients take a gap for offsets that will not come, and
// what comes between would seem to come twice. To have the home make a replay without them: a segment per reader, as no two stand at
// the same place.
//
// A reader that does not read at all for so long that more than lag_bytes wait for it has a gap, as in other rooms, with whatever
// was in there: nothing more is kept for it.
//
// Bounds: CONFLATE_LOOKS entries are looked at in a turn, and what was not is written as it is. CONFLATE_PLACES_MAX rows of
// eight bytes in a room, and a table of its keys; without memory for them readers get everything.
//
// Invariants (conflate_check)
//   1. a row is gone exactly if a later one has its print; the newest of each print is in `newest`, and nothing else
//   2. what is gone leads to a later row, or to the end, over nothing that is not
//
// Ownership: the fan's, a row of a slab per room that has one. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_CONFLATE_H
#define PLENUM_CORE_FAN_CONFLATE_H

#include "base/map.h"
#include "core/fan/outlet.h"
#include "core/fan/reader.h"

struct fan;

enum {
    CONFLATE_LOOKS = 16384,        // half a millisecond
    CONFLATE_PLACES_MAX = 1 << 20, // 8 MiB
    CONFLATE_BYTES = 16384, // of gaps and what is between them: as much as a socket takes (io/listener.h)
    CONFLATE_RUN_MAX = 4096 // entries that are not gone, looked at in one go
};

struct conflated {
    uint64_t base; // place of the first row
    uint64_t *
        rows; // a print, its lowest bit 0; or 1, and how many rows on there is one that is not gone. 0: has no key
    uint32_t n, cap;
    struct map newest; // rows by their prints
    bool states_only;  // as messages are not conflated here
};

// Gaps for what lies next before a reader who is not told all, as far as they go into one write, with what is kept between them.
void conflate_tell(struct fan *f, uint32_t conn, const struct membership *m);
// Up to which place it is to be written as it is: behind that there is a gap to be told first. At most head, at least next - 1.
uint64_t conflate_until(struct fan *f, const struct outlet *o, const struct cursor *cur);
// Nobody needs what is before `slowest` any more.
void conflate_trim(struct fan *f, struct outlet *o, uint64_t slowest);
void conflate_drop(struct fan *f, struct outlet *o);
void conflate_check(const struct fan *f, const struct outlet *o);

#endif
