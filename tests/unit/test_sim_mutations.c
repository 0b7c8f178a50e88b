// SPDX-License-Identifier: Apache-2.0
//
// A checker that cannot fail proves nothing. Each mutation is a lie that the simulator tells about the server, once in
// a run; nine of ten runs in which it was told to somebody who could know must fail.
#include "unit/support.h"

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

static void caught(void **state)
{
    enum sim_mutation mutation = (enum sim_mutation)(uintptr_t)*state;
    unsigned told = 0, found = 0;
    for (uint64_t seed = 1; seed <= SEEDS_MAX && told < RUNS_WANTED; seed++) {
        struct sim_options options = {.seed = seed,
                                      .mutation = mutation,
                                      .mutation_after = occasions_first(mutation, seed),
                                      .no_faults_in_memory = true};
        struct sim_result result;
        sim_run(&options, &result);
        bool lied = result.counts.mutated != 0;
        if (result.failed && !lied)
            fail_msg("seed %llu failed without a lie:\n%s", (unsigned long long)seed, result.report);
        found += result.failed;
        told += result.failed || result.counts.mutated > result.counts.moot;
        free(result.report);
    }
    if (told < RUNS_WANTED || found < FOUND_WANTED)
        fail_msg("%s: told in %u runs, found in %u", sim_mutation_name(mutation), told, found);
}

static void same_seed_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim_options options = {.seed = seed};
        struct sim_result first, second;
        sim_run(&options, &first);
        sim_run(&options, &second);
        assert_true(first.hash == second.hash);
        assert_true(first.counts.steps == second.counts.steps);
        assert_false(first.failed);
        free(first.report);
        free(second.report);
    }
}

static void other_seed_other_run(void **state)
{
    (void)state;
    struct sim_options one = {.seed = 1}, two = {.seed = 2};
    struct sim_result first, second;
    sim_run(&one, &first);
    sim_run(&two, &second);
    assert_true(first.hash != second.hash);
    free(first.report);
    free(second.report);
}

// test_sim_mutations [SHARE OF]: all of it, or every OFth from the SHAREth on, for several processors.
int main(int argc, char **argv)
{
    struct CMUnitTest all[MUTATE_COUNT + 1], tests[MUTATE_COUNT + 1];
    size_t total = 0, n = 0;
    for (uintptr_t m = MUTATE_NOTHING + 1; m < MUTATE_COUNT; m++)
        all[total++] = (struct CMUnitTest){
            .name = sim_mutation_name((enum sim_mutation)m), .test_func = caught, .initial_state = (void *)m};
    all[total++] = (struct CMUnitTest)cmocka_unit_test(same_seed_same_run);
    all[total++] = (struct CMUnitTest)cmocka_unit_test(other_seed_other_run);
    const size_t share = argc == 3 ? (size_t)strtoul(argv[1], NULL, 10) : 0,
                 of = argc == 3 ? (size_t)strtoul(argv[2], NULL, 10) : 1;
    assert_true(of != 0 && share < of);
    for (size_t i = share; i < total; i += of)
        tests[n++] = all[i];
    return _cmocka_run_group_tests("sim", tests, n, NULL, NULL);
}
