// SPDX-License-Identifier: Apache-2.0
//
// busy.h - how long a room's news waits for more of it, so that one write to each reader carries both.
//
// Messages per write is the lever of all cost (docs/PERFORMANCE.md), and what a flush costs grows with the readers. So it is the
// cost that says how long may be waited, and what has come of waiting that says how long is worth it:
//
//      flush ends         first news               newest news     flush
//      |--------------------|------------------------|-------------|
//      |<-- BUSY_REST times what the flush cost ------------------>|   at most, and BUSY_WAIT_US
//                           |<-- wait_us ------------------------->|   at most
//                           |<------ span ---------->|                 wait_us follows it, and a quarter more
//
// 1. A flush that costs less than BUSY_COST_US is never waited for: two people, or ten, are served at once.
// 2. After a flush the room rests for BUSY_REST times as long as it took: its flushes take a fixed share of the time at most,
//    whatever their number, their readers and their size.
// 3. Nobody waits for what does not come. A publisher who waits for an acknowledgement before he goes on sends nothing meanwhile:
//    the wait shrinks to the span in which something came. It begins anew when news came in while the room was being
//    flushed, which says that there is more of it than flushes; unless that was in vain lately.
//
// Pure arithmetic, of the times that the driver gives. Ownership: a part of the outlet. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_BUSY_H
#define PLENUM_CORE_FAN_BUSY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BUSY_REST = 3,       // times its cost: a room's flushes take a quarter of the time at most
    BUSY_WAIT_US = 5000, // the longest that anything waits
    BUSY_COST_US = 100,  // a flush that costs less is no reason to wait
    BUSY_DOUBT_MAX = 8,  // waiting in vain again and again is tried once in 2^8 times
};

struct busy {
    uint64_t ended_ns; // when the last flush had been written; 0 = there was none
    uint64_t first_ns; // since when there is news for the next one
    uint32_t span_us;  // and for how long after that more of it came
    uint32_t cost_us;  // what a flush costs about
    uint32_t wait_us;  // how long is worth waiting
    uint16_t skip;     // so often it is not tried anew
    uint8_t doubt;     // how often trying was in vain, one time after the other
    bool trying;       // it is tried now
};

// When news that comes now, the first one behind a flush, is to be flushed. Nothing changes.
uint64_t busy_flush_at(const struct busy *b, uint64_t now_ns);
// It has come; `meanwhile`: while the last flush was under way. The same answer.
uint64_t busy_news(struct busy *b, uint64_t now_ns, bool meanwhile);
// There is more of it, or, while it is being flushed, behind it.
void busy_more(struct busy *b, uint64_t now_ns);
// It is flushed from now on, for about so long.
void busy_begin(struct busy *b, uint64_t now_ns, uint64_t cost_ns);

#endif
