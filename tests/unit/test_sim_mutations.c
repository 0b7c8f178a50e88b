// SPDX-License-Identifier: Apache-2.0
//
// A checker that cannot fail proves nothing. Each mutation is a lie that the simulator tells about the server, once in
// a run; most runs in which it was told must fail. Not all: whoever lost the last entry before its connection broke
// cannot know.
#include "unit/support.h"

#include "sim/sim.h"
#include <stdio.h>
#include <stdlib.h>

enum { RUNS_WANTED = 6, SEEDS_MAX = 160 };

static void caught(void **state)
{
    enum sim_mutation mutation = (enum sim_mutation)(uintptr_t)*state;
    unsigned told = 0, found = 0;
    for (uint64_t seed = 1; seed <= SEEDS_MAX && told < RUNS_WANTED; seed++) {
        struct sim_options options = {.seed = seed,
                                      .mutation = mutation,
                                      .mutation_after = (uint32_t)(seed % 5) * 3,
                                      .no_faults_in_memory = true};
        if (mutation == MUTATE_HIDE_GAP || mutation == MUTATE_LIE_RECOVERED || mutation == MUTATE_LEAK ||
            mutation == MUTATE_KEEP_HALF_OPEN || mutation == MUTATE_LOSE_DRAIN ||
            mutation == MUTATE_DOUBLE_KEY)
            options.mutation_after = 0; // rare as it is
        if (mutation ==
            MUTATE_DROP_TEXT_LINE) // not the first line that somebody sees: that one nobody misses
            options.mutation_after = 50 + 7 * (uint32_t)seed;
        struct sim_result result;
        sim_run(&options, &result);
        told += result.counts.mutated != 0;
        found += result.counts.mutated != 0 && result.failed;
        if (result.failed && result.counts.mutated == 0)
            fprintf(stderr, "%s", result.report);
        assert_false(result.failed && result.counts.mutated == 0);
        free(result.report);
    }
    // A line that nobody's own words followed is not always missed; everything else mostly is.
    uint32_t due = mutation == MUTATE_DROP_TEXT_LINE ? 1 : (told + 1) / 2;
    if (told < 3 || found < due)
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

int main(void)
{
    struct CMUnitTest tests[MUTATE_COUNT + 1];
    size_t n = 0;
    for (uintptr_t m = MUTATE_NOTHING + 1; m < MUTATE_COUNT; m++)
        tests[n++] = (struct CMUnitTest){
            .name = sim_mutation_name((enum sim_mutation)m), .test_func = caught, .initial_state = (void *)m};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(same_seed_same_run);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(other_seed_other_run);
    return _cmocka_run_group_tests("sim", tests, n, NULL, NULL);
}
