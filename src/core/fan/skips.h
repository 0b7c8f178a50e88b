// SPDX-License-Identifier: Apache-2.0
//
// skips.h - a sender's own entries that it does not want back: ranges its cursors jump over.
//
// Entries of one sender rise, so ranges of one room are in order and are extended at the end. Bounded: SKIPS_WAIT of them
// make its next publish wait until it has been written to (pace.h), SKIPS_MAX end it.
// Ownership: the reader's. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_SKIPS_H
#define PLENUM_CORE_FAN_SKIPS_H

#include "core/fan/reader.h"

struct fan;

enum { SKIPS_MAX = 4096, SKIPS_WAIT = 2048 }; // between them: what may be under way

// ERR_LIMIT: it sends and sends and never reads; ERR_NOMEM.
enum err skips_add(struct reader *r, struct mem *m, uint32_t outlet, uint64_t place) WARN_UNUSED;
// The first skip of this outlet at or after `next`, dropping those before it; NULL without one.
struct skip *skips_at(struct reader *r, uint32_t outlet, uint64_t next);
// The first place of from..to that is to be skipped; to + 1 where there is none.
uint64_t skips_next(const struct reader *r, uint32_t outlet, uint64_t from, uint64_t to);
void skips_forget(struct reader *r, uint32_t outlet);
// Drops those its cursors are past.
void skips_tidy(struct fan *f, struct reader *r);
void skips_free(struct reader *r, struct mem *m);

#endif
