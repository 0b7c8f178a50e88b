// SPDX-License-Identifier: Apache-2.0
//
// wait_line.h - how long the connections in an accept queue have been waiting, without having accepted them.
//
// The kernel tells how many there are, not since when. So the length is looked at in steps of a quarter of the time
// that one may wait, and what it has grown by came in that step:
//
//      front of the queue                                       back
//      |-----------|----------|----------|----------|----------|- - - - - - - - - - - - -
//        by_age[4]  by_age[3]  by_age[2]  by_age[1]  by_age[0]   came since the last step
//        have had
//        their time
//
// At each step everyone moves up one part. Connections leave at the front only, also those whose peer has gone, so
// the counts stay true. Everyone waits the full time, and at most a quarter longer.
//
// Invariant: the sum of by_age is at most the length of the queue, as long as every accept is told.
// Thread: the owner's.
#ifndef PLENUM_IO_WAIT_LINE_H
#define PLENUM_IO_WAIT_LINE_H

#include <stdint.h>

enum { WAIT_STEPS = 4 };

struct wait_line {
    uint32_t by_age[WAIT_STEPS + 1]; // steps since they were counted; the last: that many or more
};

// The wait begins with the `length` connections that are in the queue.
void wait_line_start(struct wait_line *w, uint32_t length);
// One step later, with the length of the queue by now.
void wait_line_step(struct wait_line *w, uint32_t length);
// How many at the front have had their time.
static inline uint32_t wait_line_over(const struct wait_line *w) { return w->by_age[WAIT_STEPS]; }
// n connections were taken from the front, to come in or to be refused.
void wait_line_served(struct wait_line *w, uint32_t n);

#endif
