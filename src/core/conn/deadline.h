// SPDX-License-Identifier: Apache-2.0
//
// deadline.h - one deadline per connection, packed: 32 bits each in a dense array, found by a sweep.
//
// A connection always has at most one thing to wait for (a handshake, a hello, the next ping, a pong, the end of a
// close), so it needs one deadline and no timer object. Ticks are DEADLINE_TICK_MS long and wrap; a deadline lies less
// than half the circle ahead, which is 6.8 years: whatever the config schema allows holds as it was asked for. (With 16
// bits half the circle was 54 minutes, and two hours of heartbeat.timeout_s silently became half an hour; two bytes more
// per connection is what the truth costs.) Sweeping a million of them takes a fraction of a millisecond, and the sweep
// runs only when the earliest known one may be due.
//
// What a deadline means is read from the connection when it fires. It may be re-armed later without being
// touched: whoever handles it looks whether it is really time.
#ifndef PLENUM_CORE_DEADLINE_H
#define PLENUM_CORE_DEADLINE_H

#include "base/err.h"
#include "base/mem.h"
#include "core/common/tick.h"
#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_MS_MAX ((uint64_t)INT32_MAX * DEADLINE_TICK_MS)

struct deadlines {
    uint32_t *ticks; // 0 = none
    uint32_t cap;
    uint32_t high;          // no armed index at or above it
    uint64_t next_sweep_ms; // UINT64_MAX = nothing armed
};

enum err deadlines_init(struct deadlines *d, struct mem *m, uint32_t cap) WARN_UNUSED;
void deadlines_deinit(struct deadlines *d, struct mem *m);
// Fires at the first sweep at or after now + in_ms, rounded up to a tick. in_ms is below DEADLINE_MS_MAX: it comes from a
// setting, and no setting of a time is that long.
void deadline_arm(struct deadlines *d, uint32_t index, uint64_t now_ms, uint64_t in_ms);
void deadline_disarm(struct deadlines *d, uint32_t index);
// How long until it fires; 0 when it is due or not armed.
uint64_t deadline_left_ms(const struct deadlines *d, uint32_t index, uint64_t now_ms);
// Sweeps from *from on: disarms and returns the next due index, UINT32_MAX when there is none.
uint32_t deadline_next_due(struct deadlines *d, uint64_t now_ms, uint32_t *from);
// After a complete sweep: when the next one is needed.
void deadlines_swept(struct deadlines *d, uint64_t now_ms);
void deadlines_check(const struct deadlines *d); // O(cap)

#endif
