// SPDX-License-Identifier: Apache-2.0
#include "sim/lies.h"

#include "base/assert.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS_WANTED = 10, FOUND_WANTED = 9, SEEDS_MAX = 400 };

// Occasions that are let pass first, so that lies are told at the beginning and in the middle of things.
static uint32_t occasions_first(enum sim_mutation mutation, uint64_t seed)
{
    switch (mutation) {
    case MUTATE_HIDE_GAP: // rare as they are
    case MUTATE_LIE_RECOVERED:
    case MUTATE_LEAK:
    case MUTATE_KEEP_HALF_OPEN:
    case MUTATE_LOSE_DRAIN:
    case MUTATE_DOUBLE_KEY:
    case MUTATE_DROP_DIRECT:
        return 0;
    default:
        return (uint32_t)(seed % 5) * 3;
    }
}

uint64_t lies_kinds(void) { return MUTATE_COUNT - 1; }

bool lies_found(uint64_t kind)
{
    ASSERT(kind > MUTATE_NOTHING && kind < MUTATE_COUNT);
    const enum sim_mutation mutation = (enum sim_mutation)kind;
    unsigned told = 0, found = 0;
    for (uint64_t seed = 1; seed <= SEEDS_MAX && told < RUNS_WANTED; seed++) {
        struct sim_options options = {.seed = seed,
                                      .mutation = mutation,
                                      .mutation_after = occasions_first(mutation, seed),
                                      .no_faults_in_memory = true};
        struct sim_result result;
        sim_run(&options, &result);
        const bool lied = result.counts.mutated != 0, honest_failed = result.failed && !lied;
        if (honest_failed)
            fprintf(stderr, "seed %llu failed without a lie:\n%s", (unsigned long long)seed, result.report);
        found += result.failed;
        told += result.failed || result.counts.mutated > result.counts.moot;
        free(result.report);
        if (honest_failed)
            return false;
    }
    printf("%-18s told in %u runs, found in %u\n", sim_mutation_name(mutation), told, found);
    return told == RUNS_WANTED && found >= FOUND_WANTED;
}
