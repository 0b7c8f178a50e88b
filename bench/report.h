// SPDX-License-Identifier: Apache-2.0
//
// What the run has shown: a line per second while it runs, a table or one JSON object at its end.

#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "world.h"

// One line on stderr.
void report_progress(const struct world *world, uint64_t now);

// Prints the result to stdout. Returns the exit status: 1 when a client failed or the checks found something.
int report_result(struct world *world);

#endif
