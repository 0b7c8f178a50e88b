// SPDX-License-Identifier: Apache-2.0
//
// live.h - a room as those who are in it hear it now: every entry, framed once for each encoding in use.
//
//      places           1   2   3   4   5   6   7
//      offsets          1       2       3   4          a record has an offset
//      passing              |       |           |      somebody came, somebody went, a count
//      JSON             ... [seg ..............]       while a JSON reader is in the room
//      text             ...         [seg ......]
//
// Every entry has a place, +1 each, records and passing ones alike; it is the same for everyone, so all see one order.
// Cursors, outlets and announcements count places (fan/outlet.h); offsets are for people and for the log. A segment says
// which of its entries are records, and which offset came before its first one, so a place can be told as an offset.
//
// Of a message with a conflation key each segment that it is in says so by a *print*, a keyed hash of 64 bits: a shard whose reader
// has fallen behind finds by it what has a newer one (fan/conflate.h). So does a record that changes one key of the room's
// state, which is a key of its own kind; the lowest bit of its print says that it may wait for the next one (fan/flush.c). Two keys with one print would cost the older one's readers
// its newest value until it is said again; with a million keys that is one room in 37 million, and as the hash has a secret
// of the process nobody can look for such a pair. Who may publish in a room may use any key of it anyway.
//
// What is here is the home's end of the stream: what it has not announced yet, and the segment it is filling. Those
// who read hold what they need. So an encoding's first reader begins with the next entry, and when its last one goes nothing has
// to be taken back. What several encodings of the same payloads say differs by the frame only: it is put into words once.
//
// In encodings with handles what is told live says rooms and people by numbers (speakers.h).
//
// Invariants (live_check): there is a track for each encoding with readers; its segments end at `place`; a cut is alone in its
// segment.
// Ownership: one reference on each of its segments. Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_LIVE_H
#define PLENUM_CORE_LOG_LIVE_H

#include "base/siphash.h"
#include "core/log/frame.h"
#include "core/log/speakers.h"
#include "core/log/tracks.h"

struct live {
    uint64_t place;  // of the newest entry; 0 while there was none
    uint64_t offset; // of the newest record in it, or before it
    struct tracks tracks;
    struct speakers *speakers; // while somebody reads an encoding with handles; else NULL
};

// What entries are put into words and frames with. A room has none of it for itself: there are as many rooms as pairs of people.
struct live_tools {
    struct mem *mem;                         // of its tracks: the same one always
    struct mem *frames;                      // of what is in them
    const struct encoding *const *encodings; // by id
    const struct siphash_key *prints;        // of conflation keys
    int32_t utc_offset_s;
    struct buf *scratch;         // reset and used for encoding
    struct deflating *deflating; // NULL: nothing is deflated
};

void live_deinit(struct live *v, struct mem *m); // a zeroed one is good
// A place for one more reader of an encoding; in one with handles the room's number is `room`, where it has none yet. ERR_NOMEM.
enum err live_reserve(struct live *v, struct mem *m, const struct encoding *e, uint64_t room) WARN_UNUSED;
// One more reader of an encoding, for which there is a place; one less.
void live_reader_add(struct live *v, const struct encoding *e);
void live_reader_remove(struct live *v, struct mem *m, const struct encoding *e);

// An entry in all encodings in use, with a place secured in each: row i is of track i.
struct live_entry {
    struct framed framed[ENCODINGS_MAX];
    struct segment *segs[ENCODINGS_MAX];
    uint64_t print;   // of its conflation key, with PRINT_WAITS; 0 = it has none
    uint64_t speaker; // who is told of with it; 0 = nobody
};
// A cut gets a segment of its own. False when memory is out; what was secured is given back by live_release.
bool live_secure(struct live *v, const struct live_tools *tools, const struct entry *e,
                 struct live_entry *ret) WARN_UNUSED;
// It is large, and somebody here reads it deflated: it is to be deflated over several turns (deflating.h) before it is secured.
bool live_large(const struct live *v, const struct live_tools *tools, const struct entry *e);
// Its words, as they are now, are what is deflated from here on. False when memory is out.
bool live_deflate(struct live *v, const struct live_tools *tools, const struct entry *e) WARN_UNUSED;
// A record's offset is the next one.
void live_commit(struct live *v, const struct live_entry *secured, bool passing, const struct buf *scratch);
// The newest entry is a cut: the next record's offset is behind this one.
void live_cut(struct live *v, uint64_t offset);
void live_release(struct live *v, struct mem *m);

// The index of the segment of a track that a reader who has been told up to `place` needs first; the number of segments where
// there is none.
uint32_t live_from(const struct live *v, const struct track *t, uint64_t place);
// All has been announced: all but the segments being filled go.
void live_announced(struct live *v, struct mem *m);
// Nothing has happened for a while: these go, too.
void live_rest(struct live *v, struct mem *m);
// All has been announced, and what a record said is to be in no segment of it any more: the one that it is in is not gone on with.
void live_forget(struct live *v, struct mem *m, uint64_t offset);
void live_check(const struct live *v);

#endif
