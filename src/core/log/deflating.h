// SPDX-License-Identifier: Apache-2.0
//
// deflating.h - what a shard has to deflate and to inflate with (wire/deflate.h), and how much of it there may be.
//
//      record --words--> payload --once per window--> deflated frame, in the track of all who read it (live.h, replay.h)
//
// A record is deflated where it is framed: by its home, once for each set of parameters that somebody there has negotiated, whatever
// the number of readers. There are two sets, windows of 15 and of 9 bits: as no context is taken over, a frame is readable by
// everybody who allows its window. What is put plain instead, as each message may be: what is shorter than websocket.deflate_min_bytes,
// what would not get shorter, and what is beyond DEFLATE_TURN_BYTES in one turn, so that a shard is never held up by it.
//
// A *large* message, one whose data have more than DEFLATE_SLICE_BYTES, is deflated a slice a turn (home/home_deflate.c), before it
// is framed; what is said behind it in its room waits, so that there is one order:
//
//      turn 1   words --> [piece: window 15][piece: window 9]     one for each kind of words and window that somebody reads
//      turn 1.. a slice of the first that is not done
//      turn n   all done: framed; deflating_payload finds its words among the pieces, byte for byte, else they go plain
//
// One message of the shard is under way at a time, others wait for it; as none is larger than DEFLATE_LARGE_MAX, and none waits
// longer than DEFLATE_WAIT_MS for others, the delay has a bound. Beyond these messages go plain.
//
// What goes to one
// connection alone (replies, a welcome with its resume token, pages of history) is plain always: it would be deflated per reader, and
// secrets are nowhere beside what others wrote.
//
// Rejected: a helper for large messages. What is said behind one waits for it either way, and in slices it needs no thread, no copy into
// a mail and back, and no credit to wait for.
//
// Memory: from the part of the process that compression has (settings.deflate), taken when there is first something to do and kept:
// 160 KiB for the large window, 45 for the small one, 40 for what comes in; for large messages the windows again, and while one is
// under way what it says, twice for each piece. Where there is none, frames are plain.
// Thread: the shard's.
#ifndef PLENUM_CORE_LOG_DEFLATING_H
#define PLENUM_CORE_LOG_DEFLATING_H

#include "core/common/context.h"
#include "wire/deflate.h"

enum {
    DEFLATE_TURN_BYTES = 128 * 1024, // a millisecond or two
    DEFLATE_COST_BYTES = 512,        // of them, for each message: tables are cleared
    DEFLATE_SLICE_BYTES = 64 * 1024,
    DEFLATE_LARGE_MAX = 4 * 1024 * 1024, // data of a message: some 70 turns
    DEFLATE_WAIT_MS = 200,               // for other rooms' large messages
    DEFLATE_PIECES_MAX = 6,              // two windows, three kinds of words
};

// A large message in the words of an encoding and with its window.
struct deflating_piece {
    struct buf words, out; // out: what they become, when it is done
    size_t at;             // how much has been taken
    uint8_t window;
    bool done; // nothing in `out`: they go plain
};

struct deflating {
    const struct context *cx;
    struct deflater *deflaters[DEFLATE_WINDOW_MAX - DEFLATE_WINDOW_MIN + 1]; // by window
    struct inflater *inflater;
    uint32_t turn_left; // bytes that may be deflated in this turn
    // The large message under way.
    struct deflating_piece pieces[DEFLATE_PIECES_MAX];
    uint32_t pieces_n;
    struct deflater *slicers[DEFLATE_WINDOW_MAX - DEFLATE_WINDOW_MIN + 1]; // by window; theirs alone
};

void deflating_init(struct deflating *d, const struct context *cx);
void deflating_deinit(struct deflating *d); // a zeroed one is fine
// A turn ends: nothing of what was said is left in here, and there may be as much again.
void deflating_tidy(struct deflating *d);
// Puts n bytes of a buffer, from `at` on, deflated at its end. How many; 0: they are to go plain, or the buffer has found no memory.
size_t deflating_payload(struct deflating *d, uint8_t window, struct buf *b, size_t at, size_t n);
// A message whose data have n bytes is large.
bool deflating_large(const struct deflating *d, size_t n);
// Of the large message under way: a piece more. One that finds no memory, or stands there already, is none.
void deflating_add(struct deflating *d, uint8_t window, str words);
// A slice more. True when all pieces are done.
bool deflating_slice(struct deflating *d);
// The message is framed, or not wanted any more: its words go.
void deflating_end(struct deflating *d);

// NULL when memory is out.
struct inflater *deflating_inflater(struct deflating *d);
void deflating_check(const struct deflating *d);

#endif
