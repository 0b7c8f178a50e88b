// SPDX-License-Identifier: Apache-2.0
//
// vmem.h - core's memory in the simulator: exact blocks that are filled with junk when new and poisoned when freed,
// and a check that each is freed with the size it was asked with. Refusals come from the budget of `mem`, which the
// driver of the world tightens for a turn (node.c).
//
// One source serves all shards of a world, as in production: a mail is freed by the shard that got it.
#ifndef PLENUM_SIM_VMEM_H
#define PLENUM_SIM_VMEM_H

#include "base/mem.h"
#include "sim/arena.h"

struct vmem {
    struct mem mem; // what core gets
    struct arena arena;
    size_t peak;   // bytes
    size_t blocks; // outstanding
};

void vmem_init(struct vmem *m);
void vmem_deinit(struct vmem *m); // whatever is outstanding is freed

#endif
