// SPDX-License-Identifier: Apache-2.0
//
// A line in as many parts as there are steps. Rejected: one deadline for the whole queue (who comes shortly before it
// would not wait at all), accepting everybody and holding the sockets (the limit is there to save them).
#include "io/wait_line.h"

void wait_line_start(struct wait_line *w, uint32_t length) { *w = (struct wait_line){.by_age = {length}}; }

void wait_line_step(struct wait_line *w, uint32_t length)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i <= WAIT_STEPS; i++)
        known += w->by_age[i];
    w->by_age[WAIT_STEPS] += w->by_age[WAIT_STEPS - 1];
    for (uint32_t i = WAIT_STEPS - 1; i > 0; i--)
        w->by_age[i] = w->by_age[i - 1];
    w->by_age[0] = length > known ? length - known : 0;
}

void wait_line_served(struct wait_line *w, uint32_t n)
{
    for (uint32_t i = WAIT_STEPS + 1; i-- > 0 && n > 0;) {
        uint32_t here = n < w->by_age[i] ? n : w->by_age[i];
        w->by_age[i] -= here;
        n -= here;
    }
}
