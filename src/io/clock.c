// SPDX-License-Identifier: Apache-2.0
//
// Both clocks come from the vDSO (about 25 ns each, no system call). The COARSE clocks would be cheaper by half and
// tick every 4 ms, which is too coarse for flush_interval_ms.
#include "io/clock.h"

#include <time.h>

enum { QUARTER_MS = 15 * 60 * 1000 };

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Core takes 0 ms for "no time", and a machine that has just booted may be there: our clock starts at 1 ms.
uint64_t clock_monotonic_ns(void) { return read_ns(CLOCK_MONOTONIC) + 1000000u; }

void clock_read(struct clock *c)
{
    c->now_ns = clock_monotonic_ns();
    c->now_ms = c->now_ns / 1000000u;
    c->wall_ms = read_ns(CLOCK_REALTIME) / 1000000u;

    uint64_t quarter = c->wall_ms / QUARTER_MS + 1;
    if (quarter != c->offset_quarter) {
        time_t seconds = (time_t)(c->wall_ms / 1000u);
        struct tm local;
        if (localtime_r(&seconds, &local))
            c->utc_offset_s = (int32_t)local.tm_gmtoff;
        c->offset_quarter = quarter;
    }
}
