// SPDX-License-Identifier: Apache-2.0
//
// tick.h - short times in few bits: "when did I last hear from it", to a tenth of a second.
//
// Ticks wrap; ages below half of the circle are right.
#ifndef PLENUM_CORE_COMMON_TICK_H
#define PLENUM_CORE_COMMON_TICK_H

#include <stdint.h>

enum { DEADLINE_TICK_MS = 100 };

static inline uint32_t tick_at(uint64_t now_ms) { return (uint32_t)(now_ms / DEADLINE_TICK_MS); }
static inline uint64_t tick_age_ms(uint32_t then, uint64_t now_ms)
{
    return (uint64_t)(tick_at(now_ms) - then) * DEADLINE_TICK_MS;
}

#endif
