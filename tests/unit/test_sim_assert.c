// SPDX-License-Identifier: Apache-2.0
//
// A failed assertion of core in the simulator says all that is needed to come there again: seed, step, shard, turn,
// connection.
#include "base/assert.h"
#include "sim/sim.h"
#include "sim/trace.h"
#include "unit/support.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void says_where(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        signal(SIGILL, SIG_DFL); // sanitizers would turn the trap into a report of their own
        signal(SIGTRAP, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        assert_hook_set(trace_on_assert);
        struct sim_options options = {.seed = 11, .broken_turn = 40};
        struct sim_result result;
        sim_run(&options, &result);
        _exit(0);
    }
    close(ends[1]);
    static char text[1 << 20];
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(text, "\nseed 11, step "));
    assert_non_null(strstr(text, " ms: assertion failed: "));
    unsigned shard, connection;
    unsigned long long turn;
    const char *where = strstr(text, "\n  shard ");
    assert_non_null(where);
    assert_int_equal(
        sscanf(where, "\n  shard %u, turn %llu, write, connection %u\n", &shard, &turn, &connection), 3);
    assert_true(turn > 0 && turn < 1000 && connection < 96);
    assert_non_null(strstr(text, "\n  again: make sim SEED=11 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_where)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
