// SPDX-License-Identifier: Apache-2.0
//
// breaker.h - a circuit breaker: what fails again and again is left alone for a while, and then tried by one.
//
//                 `failures` in a row                    the wait is over, and somebody asks
//      CLOSED --------------------------> OPEN -------------------------------------------> HALF_OPEN
//        ^                                 ^                                                 |    |
//        |                                 '---- the probe failed: twice as long a wait -----'    |
//        '--------------------------------------- the probe went well ----------------------------'
//
// Pure: times are handed in, and the dice are its own. A wait is drawn from the upper half of open_ms, 2 * open_ms, 4 * open_ms, ...
// up to open_max_ms, so that servers which lost the same database at once do not come back at once.
//
// Every breaker_ask that was true is followed by one of breaker_fine, breaker_failed and breaker_left. Answers of calls that began
// before it opened change nothing while it is open: they tell of a time that has passed.
//
// Limits: failures >= 1; 2 <= open_ms <= open_max_ms, ms. Errors: none. Thread: the owner's.
// Source: M. Nygard, Release It!, "Circuit Breaker"; M. Brooker, "Exponential Backoff And Jitter" ("equal jitter").
#ifndef PLENUM_IO_BREAKER_H
#define PLENUM_IO_BREAKER_H

#include "base/prng.h"

#include <stdbool.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_limits {
    uint32_t failures; // in a row, until it opens
    uint32_t open_ms, open_max_ms;
};

struct breaker {
    struct breaker_limits limits;
    enum breaker_state state;
    uint32_t in_a_row;
    uint32_t wait_ms;  // before dice; of the next time that it opens
    uint64_t until_ms; // OPEN: steady time of the probe
    struct prng dice;
    uint64_t failed, refused, opened; // since the start
};

void breaker_init(struct breaker *b, const struct breaker_limits *limits, uint64_t seed);
// Whether a call may be made now. False: not before breaker_retry_ms.
bool breaker_ask(struct breaker *b, uint64_t now_ms);
void breaker_fine(struct breaker *b);
void breaker_failed(struct breaker *b, uint64_t now_ms);
// The call was not made, or says nothing about what is behind it.
void breaker_left(struct breaker *b, uint64_t now_ms);
// When who was refused, or has failed, may ask again, in ms from now on; at least 1.
uint32_t breaker_retry_ms(const struct breaker *b, uint64_t now_ms);
const char *breaker_state_name(enum breaker_state s);

#endif
