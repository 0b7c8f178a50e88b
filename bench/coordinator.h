// SPDX-License-Identifier: Apache-2.0
//
// Leads the run through its phases (world.h) and takes the readings at their borders.

#ifndef BENCH_COORDINATOR_H
#define BENCH_COORDINATOR_H

#include "proc.h"
#include "world.h"

// What was read at one moment.
struct reading {
    uint64_t at_ns;
    struct counts counts;
    struct proc_cpu server_cpu;
    uint64_t own_cpu_ns;
};

struct run {
    bool server_gone; // the process of --server-pid could not be read
    struct proc_memory memory_before, memory_after;
    uint32_t connected_before; // how many clients the server had already when memory_before was read
    uint64_t connect_from_ns, connect_to_ns;
    uint32_t connected; // ready when the connecting was over
    struct reading from, to;
};

extern struct run run;

// Before any worker runs.
void coordinator_start(struct world *world);

// Called by worker 0 in every turn; does its work every 10 ms.
void coordinator_tick(struct worker *w);

#endif
