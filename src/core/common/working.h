// SPDX-License-Identifier: Apache-2.0
//
// working.h - the buffers that a part of core puts something together in, one call at a time.
//
// Each keeps enough for a head and a sentence, so that what must be said when memory is out can be; and gives back what one
// huge message has left. Whoever owns one calls working_fit when it is made and at the end of each turn, and then nothing is left in
// it of what was put together: what is taken back later must not lie there (base/mem.h).
#ifndef PLENUM_CORE_COMMON_WORKING_H
#define PLENUM_CORE_COMMON_WORKING_H

#include "base/buf.h"

enum {
    WORKING_BYTES_MIN = 4096,
    WORKING_BYTES_MAX = 64 * 1024, // as a log's segment (log/segment.h): what is used over and over fits in
};

// Empties it. False when memory is out for the least of it.
static inline bool working_fit(struct buf *b)
{
    buf_reset(b, WORKING_BYTES_MAX);
    buf_wipe(b);
    if (b->cap >= WORKING_BYTES_MIN)
        return true;
    return buf_reserve(b, WORKING_BYTES_MIN) != NULL;
}

#endif
