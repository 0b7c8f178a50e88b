// SPDX-License-Identifier: Apache-2.0
//
// clock.h - the two clocks of a loop: monotonic for everything that is scheduled, wall for what people read.
//
// Idea: one reading per turn. localtime_r takes a lock and may look at files, so the offset of local time is kept
// and computed again when the wall clock enters another quarter of an hour: that is where time zones change.
#ifndef PLENUM_IO_CLOCK_H
#define PLENUM_IO_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t now_ns; // monotonic, never 0
    uint64_t now_ms; // now_ns in milliseconds, never 0
    uint64_t wall_ms;
    int32_t utc_offset_s;
    uint64_t offset_quarter; // the quarter of an hour for which utc_offset_s holds, + 1; 0 = never computed
};

// CLOCK_MONOTONIC in nanoseconds, plus 1 ms: the same scale as now_ns.
uint64_t clock_monotonic_ns(void);
// Reads both clocks; zero the struct before the first time.
void clock_read(struct clock *c);

#endif
