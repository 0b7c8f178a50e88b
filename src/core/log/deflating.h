// SPDX-License-Identifier: Apache-2.0
//
// deflating.h - what a shard has to deflate and to inflate with (wire/deflate.h), and how much of it there may be.
//
//      record --words--> payload --once per window--> deflated frame, in the track of all who read it (live.h, replay.h)
//
// A record is deflated where it is framed: by its home, once for each set of parameters that somebody there has negotiated, whatever
// the number of readers. There are two sets, windows of 15 and of 9 bits: as no context is taken over, a frame is readable by
// everybody who allows its window. What is put plain instead, as each message may be: what is shorter than websocket.deflate_min_bytes,
// what would not get shorter, and what is beyond DEFLATE_TURN_BYTES in one turn, so that a shard is never held up by it. What goes to one
// connection alone (replies, a welcome with its resume token, pages of history) is plain always: it would be deflated per reader, and
// secrets are nowhere beside what others wrote.
//
// Rejected: a helper for large messages. What a room says stands in one order, so all that is said behind a large message, in all
// encodings, would have to wait for it; a plain one costs its readers bytes and nobody time.
//
// Memory: from the part of the process that compression has (settings.deflate), taken when there is first something to do and kept:
// 160 KiB for the large window, 45 for the small one, 40 for what comes in. Where there is none, frames are plain.
// Thread: the shard's.
#ifndef PLENUM_CORE_LOG_DEFLATING_H
#define PLENUM_CORE_LOG_DEFLATING_H

#include "core/common/context.h"
#include "wire/deflate.h"

enum {
    DEFLATE_TURN_BYTES = 128 * 1024, // a millisecond or two
    DEFLATE_COST_BYTES = 512,        // of them, for each message: tables are cleared
};

struct deflating {
    const struct context *cx;
    struct deflater *deflaters[DEFLATE_WINDOW_MAX - DEFLATE_WINDOW_MIN + 1]; // by window
    struct inflater *inflater;
    uint32_t turn_left; // bytes that may be deflated in this turn
};

void deflating_init(struct deflating *d, const struct context *cx);
void deflating_deinit(struct deflating *d); // a zeroed one is fine
// A turn ends: nothing of what was said is left in here, and there may be as much again.
void deflating_tidy(struct deflating *d);
// Puts n bytes of a buffer, from `at` on, deflated at its end. How many; 0: they are to go plain, or the buffer has found no memory.
size_t deflating_payload(struct deflating *d, uint8_t window, struct buf *b, size_t at, size_t n);
// NULL when memory is out.
struct inflater *deflating_inflater(struct deflating *d);
void deflating_check(const struct deflating *d);

#endif
