// SPDX-License-Identifier: Apache-2.0
//
// origins.h - whose the newest records of a room are, as an engine placed them: what a home must know to give records back to an
// engine that has lost them (core/mail/engine.h). A record's bytes are in the log; that it was the third one of a batch of
// some node is not.
//
//      offsets   38 39 40   41 42   43
//      origins  [node 1, 9][2, 4 ][1, 10]      a run each: neighbours of one batch
//
// Invariants (origins_check)
//   1. runs are in order without holes, none is empty
//   2. n <= cap <= ORIGINS_MAX
//
// Limits: ORIGINS_MAX runs, then the oldest goes: what a failover can lose is younger than that, or is not given back.
// Ownership: the room's course. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_ORIGINS_H
#define PLENUM_CORE_HOME_ORIGINS_H

#include "base/mem.h"
#include "core/mail/engine.h"

enum { ORIGINS_MAX = 256 };

struct origin {
    uint64_t first; // offset
    struct engine_run run;
};

struct origins {
    struct origin *v; // oldest first
    uint32_t n, cap;
};

void origins_deinit(struct origins *o, struct mem *m);
// The record at an offset, behind those that are known, is the k-th of a run. Where there is no memory older ones are forgotten.
void origins_note(struct origins *o, struct mem *m, uint64_t offset, const struct engine_run *run,
                  uint32_t k);
// What was is of another numbering, or has a hole behind it.
void origins_clear(struct origins *o);
// The oldest offset whose origin is known; UINT64_MAX: none is.
uint64_t origins_first(const struct origins *o);
// Of a known one, as a run of one record.
struct engine_run origins_find(const struct origins *o, uint64_t offset);
void origins_check(const struct origins *o);

#endif
