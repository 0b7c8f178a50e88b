// SPDX-License-Identifier: Apache-2.0
//
// A worker's event loop: connect, publish, receive, until the coordinator says it is over.

#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "world.h"

// Runs until PHASE_DONE. Worker 0 calls coordinator_tick on the way.
void worker_run(struct worker *w);

// Sum over all workers of what they have counted so far. Any worker may ask.
struct counts worker_sum_counts(const struct world *world);

#endif
