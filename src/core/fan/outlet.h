// SPDX-License-Identifier: Apache-2.0
//
// outlet.h - a room as one shard with members in it sees it: the segments to read from and a cursor per reader.
//
//     cursors: [conn next][conn next][conn next]...      16 bytes each, dense, walked once per flush
//     tracks:  JSON [seg][seg][seg]   text [seg]         only encodings that have readers here
//                        ^ next    ^ head
//
// Entries are counted by place (log/live.h): records and passing ones are in one stream. What was said before a reader came is
// not here: it is in the reader's own queue, in front of this.
//
// The home announces a new head and new segments once per turn (fan_advance); at the end of the turn every
// reader with next <= head is marked dirty, and the driver writes to so many of them per turn as its budget allows, the
// others in the turns that follow. A reader that lags costs its cursor and keeps segments alive.
//
// Who is slow: a reader that was offered a write and whose socket did not take all of it (it is `blocked`). It keeps
// segments alive up to settings.lag_bytes per encoding; beyond that the oldest go and the room's policy strikes. Its cursor
// is then put behind the hole, and where the hole begins is kept beside (holes.h) until it can be told. A reader
// whose turn to be written to has not come is not slow: what it has yet to be offered stays, however much that is. What
// bounds it is fan/pace.h: a room with more than lag_bytes of it takes no more publishes until they have been served.
//
// A flush marks as many readers in one turn as can be written to in a few milliseconds, and goes on in the next: a big room,
// or one with long messages, takes many turns, and readers of other rooms are written to in each of them.
//
// A room whose flushes cost something is not flushed for each message: busy.h says how long it waits. A quiet room never does,
// nor one of a few people.
//
// One block, as far as a room of two goes: its name and its first cursors are in place.
//
// Invariants (outlet_check)
//   1. cursors[i] is the membership slot i of its connection, and back
//   2. next <= head + 1, or what is between is the reader's own, to be skipped, and not announced yet
//   3. there is a track for each encoding with readers; it holds all entries from the slowest one's `next` to head
//   4. an outlet without cursors and without pending joins does not exist
//   5. a crowded outlet is settling: it is looked at in every turn
//   6. who is behind what was flushed, and marked, has news of this room (fan.h), or is about to be marked
//
// Thread: the shard's. Home's own readers are behind an outlet too: there is one way to fan out.
#ifndef PLENUM_CORE_OUTLET_H
#define PLENUM_CORE_OUTLET_H

#include "core/fan/busy.h"
#include "core/log/tracks.h"
#include "core/mail/post.h"

struct fan;
struct membership;
struct reader;

// A turn's flushes together, in bytes to write; a write itself costs what some bytes more would.
enum { FLUSH_BYTES = 2 << 20, FLUSH_BYTES_MIN = 256 << 10, FLUSH_WRITE_COST = 4096 };

struct cursor {
    uint32_t conn;
    uint8_t encoding; // its id
    bool hole;        // entries before `next` will not come, and it has yet to be told
    uint16_t seat;    // which of the reader's memberships it is
    uint64_t next;    // place of the next entry to write
};

enum { OUTLET_NAME_INLINE = 24, CURSORS_INLINE = 2 };

struct outlet {
    uint64_t hash;   // of the name; home = hash mod shards
    struct ref room; // at home, once joined
    uint64_t head;   // place of the newest entry,
    uint64_t offset; // and offset of the newest record up to there
    struct tracks tracks;
    struct cursor *cursors; // `first`, or a block of their own
    uint32_t n, cap;
    struct cursor first[CURSORS_INLINE];
    uint32_t pending;      // joins on their way
    uint32_t lag;          // entries that the slowest reader was behind when this was trimmed last
    uint64_t flush_at_ns;  // while dirty
    struct busy busy;      // what says when that is
    uint64_t flushed_head; // how far it was flushed last
    uint32_t flush_from;   // while flushing: cursors below it have been marked
    uint32_t early;        // written to in its course out of their turn
    uint32_t conflated;    // row of what a slow reader may leave out (conflate.h); SLAB_NONE
    uint32_t flush_bytes;  // about what each of them is to be written
    uint64_t since_ns;     // append of the oldest entry that is not written; 0 = none, or measured already
    bool dirty : 1;        // in the shard's list of outlets to flush
    bool coalesces : 1;    // all of its readers are told the newest change of each key of the state only
    bool
        calm : 1; // while dirty: all that came since the last flush may wait for state_interval_ms behind that
    bool flushing : 1; // and some of its readers have been marked
    bool ending : 1;   // and all, in this turn
    bool settling : 1; // in the list of outlets to trim
    bool resting : 1;  // nothing has happened for a while: what all have read is not kept
    bool crowded : 1;  // more than lag_bytes wait for readers who have not been served; the home knows
    bool hold : 1;     // so says the home of some shard: publishes wait
    uint8_t name_n;
    struct ruled ruled; // which rule it has (common/rule.h)
    union {
        char name_inline[OUTLET_NAME_INLINE];
        char *name_long; // when it is longer
    };
};

static inline str outlet_name(const struct outlet *o)
{
    return (str){o->name_n <= OUTLET_NAME_INLINE ? o->name_inline : o->name_long, o->name_n};
}

// The outlet of a room, made on demand (SLAB_NONE when memory is out). Does not hold it alive by itself.
uint32_t outlet_open(struct fan *f, str name, uint64_t hash);
uint32_t outlet_find(const struct fan *f, str name, uint64_t hash);
// Frees it if nothing needs it.
void outlet_close_if_unused(struct fan *f, uint32_t index);
// Frees what it holds.
void outlet_release(struct fan *f, struct outlet *o);
// A reader from place `next` on. ERR_NOMEM; the connection's membership was made on OK.
enum err outlet_add(struct fan *f, uint32_t index, uint32_t conn, uint64_t next, bool held) WARN_UNUSED;
// What the reader has not been sent yet goes to its own queue, so that nothing of the room comes after what is queued next
// (leave.c), up to the place `last`. However much it is: it is referred to, not copied.
void outlet_keep_rest(struct fan *f, uint32_t index, uint32_t conn, uint64_t last);
// Removes the connection's cursor and membership.
void outlet_remove(struct fan *f, uint32_t index, uint32_t conn);
// The offset of the newest record before a place that a reader of the encoding can be at.
uint64_t outlet_offset_before(const struct outlet *o, uint8_t encoding, uint64_t place);
// What came since the last flush, in bytes.
uint32_t outlet_news_bytes(const struct outlet *o);
// All from that place on are changes of the state that may wait (log/live.h).
bool outlet_news_wait(const struct outlet *o, uint64_t from);

// The track's readers cannot be told what it holds, nor the entries up to `head`, and begin anew behind it. cut: there is one among
// those, of which they would have to be told as well.
void outlet_lose(struct fan *f, uint32_t index, struct track *t, uint64_t head, bool cut);

// --- its flush (flush.c)
// There is something new in it, behind that place.
void flush_want(struct fan *f, uint32_t index, uint64_t head_before);
// The reader waits for its own words before it says more: while others are being written to it is written to, too.
void flush_early(struct fan *f, uint32_t index, const struct membership *m);
// True if what is announced to it now is written a little later; a reply to one of its readers may wait for that.
bool outlet_waits(const struct fan *f, const struct outlet *o);
// To be trimmed when the next turn begins.
void outlet_mark_settling(struct fan *f, uint32_t index);

#endif
