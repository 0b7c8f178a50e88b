// SPDX-License-Identifier: Apache-2.0
//
// What the simulator promises of its seeds. That its checkers find what is wrong: plenum-sim --lies.
#include "unit/support.h"

#include "sim/sim.h"
#include <stdlib.h>

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(other_seed_other_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
