// SPDX-License-Identifier: Apache-2.0
//
// replay.h - what was said before, encoded for those who come or ask: a cache over a log's records, made on demand.
//
//      records      [seg ......][seg ............][seg ....]
//      JSON frames      [..][........]      [..............]      what somebody has asked for lately
//      JSON rows                            [..............]
//
// There are two forms. *Frames* are what a newcomer is sent: each record as it was sent live. *Rows* are what a page of history
// is made of, where the language puts a page into one message (dialect.h): they lie in it one behind the other.
//
// Made a slice at a time (home/home_wait.c), once for all who ask for it in an encoding, handed out by reference, dropped when nobody has asked for a while
// or when the records go. It costs who comes, never who talks; and a thousand who ask for a megabyte cost one.
//
// Invariants (replay_check): what is here is of offsets within tail..head of the log, but for what a segment keeps of records
// that were trimmed; no two segments of a chain have the same offset.
// Ownership: one reference on each of its segments. Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_REPLAY_H
#define PLENUM_CORE_LOG_REPLAY_H

#include "core/log/frame.h"
#include "core/log/log.h"
#include "core/log/tracks.h"

enum {
    REPLAY_STEP = 32, // they are made from an offset on that this divides: who asks for 5 and who for 6 share
    REPLAY_IDLE_MS = 30000, // and kept so long without being asked for
};

enum replay_form { REPLAY_FRAMES, REPLAY_ROWS, REPLAY_FORMS };

struct replay {
    uint64_t used_ms;     // when it was asked for something last
    struct tracks tracks; // by encoding and form (replay_key); each by offset, there may be holes
};
static inline uint8_t replay_key(const struct encoding *e, enum replay_form form)
{
    return (uint8_t)(e->id * REPLAY_FORMS + form);
}

// What is wanted of a log.
struct replay_want {
    const struct encoding *encoding;
    enum replay_form form;
    uint64_t from, to; // offsets that the log keeps; from > to: nothing
};

// Makes what is missing of it, and the replay itself where *r is NULL. *budget: so many bytes may be made, and one entry more;
// what was is taken off. ERR_MORE: it ended before the work did. ERR_NOMEM. What was made until then stays for the next call.
enum err replay_make(struct replay **r, const struct log *l, const struct replay_want *want, str room,
                     uint64_t now_ms, const struct frame_tools *tools, uint64_t *budget) WARN_UNUSED;
// Of what has been made: the segments that it lies in, a reference each, in a block of ret_n pointers. NULL where nothing is
// wanted, or there is no memory for the list.
struct segment **replay_take(const struct replay *r, const struct replay_want *want, struct mem *m,
                             uint32_t *ret_n) WARN_UNUSED;
// What is at an offset is something else by now: it is made anew when somebody asks.
void replay_forget(struct replay *r, struct mem *m, uint64_t offset);
// The log was trimmed.
void replay_trim(struct replay **r, const struct log *l);
void replay_drop(struct replay **r, struct mem *m);
size_t replay_bytes(const struct replay *r); // allocated by its segments
// When it may go; UINT64_MAX = there is none.
uint64_t replay_due_ms(const struct replay *r);
void replay_check(const struct replay *r, const struct log *l);

#endif
