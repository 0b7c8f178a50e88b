// SPDX-License-Identifier: Apache-2.0
//
// mem_malloc.h - the memory source of production: malloc behind struct mem, whose budget bounds it.
//
// One source serves all shards, because blocks cross between them (mail, log segments). malloc is thread-safe, and
// which malloc it is stays the operator's choice (LD_PRELOAD).
#ifndef PLENUM_IO_MEM_MALLOC_H
#define PLENUM_IO_MEM_MALLOC_H

#include "base/mem.h"
#include <stdbool.h>

// A backend for mem_init. It has no state. Blocks from MEM_PAGES_OF_ITS_OWN on are mapped one by one, so that what is resident
// of them is what is booked, also in the middle of a peak; and with them goes what stood in them.
struct mem_backend mem_malloc_backend(void);

// malloc keeps what is freed for later: after a peak that can be most of the process. The watch looks from time to time
// how much is booked, and gives whole free pages back to the system once that has fallen by an eighth, and by a
// megabyte. The last blocks of a fall may lie in the most pages (seen: with pages given back in its midst, the last half
// megabyte held 2.3 MiB of them for good), so for eight more looks what has fallen since is enough from 64 KiB on,
// and at every fourth of them whatever it is (seen: 3 MiB held by less than that in each look).
// Who comes needs for a moment what then lies in holes between what stays, and nothing falls by much (seen: 20 to 35 of 500 bytes for each of
// 15,000 who joined rooms). So pages are given back, too, once an eighth and a megabyte more is booked than the last time, and
// nothing has moved between two looks.
// It holds one arena's lock at a time meanwhile, some milliseconds for a large one, so it is for a thread
// that nobody waits for, and not for every small fall.
struct mem_watch {
    size_t peak;         // booked since pages were given back last
    uint32_t tail_looks; // in which a little is enough
    size_t given;        // booked when pages were given back last
    size_t last;         // booked at the last look
};
// Returns true if pages were given back.
bool mem_watch_look(struct mem_watch *w, struct mem *source);

// To be called by each thread whose memory has fallen, when pages were given back. glibc's malloc_trim leaves the free end
// of every arena but the main thread's as it is (seen: 3.8 MiB of an arena in which 300 KiB were in use, for good); a large
// block that is freed in an arena takes its end along, and only the thread itself can do that. Some microseconds.
void mem_malloc_end_trim(void);

#endif
