// SPDX-License-Identifier: Apache-2.0
//
// plenum-sim: runs the simulator on many seeds, or on one.
//
//     plenum-sim [--from N] [--count N] [--big] [--stats]     ends with `N passed, N failed`; exit 1 on a failure
//     plenum-sim --seed N [--verbose] [--big]                 one seed; --verbose prints every event
//     plenum-sim --lies [--from N] [--count N]                kinds of lies instead of seeds, all of them or some (lies.h)
//
// Seeds run in a child process, one after the other, which tells after each how it went. Where a seed ends the child
// (an assertion, a sanitizer's finding, a run that does not end), that seed has failed and a new child goes on behind.
#include "base/assert.h"
#include "sim/lies.h"
#include "sim/sim.h"
#include "sim/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

// Of the sanitizers, where they are linked in.
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { SEED_SECONDS_MAX = 120, LONG_FACTOR = 20 };

struct cli {
    uint64_t from, count;
    bool verbose, big, stats, lies;
};

static struct sim_counts totals;

static void add_counts(const struct sim_counts *c)
{
#define X(name) totals.name += c->name;
    SIM_COUNTS(X)
#undef X
}

static bool run_seed(const struct cli *cli, uint64_t seed, bool quiet, struct sim_counts *ret_counts)
{
    struct sim_options options = {
        .seed = seed, .scale = cli->big ? LONG_FACTOR : 1, .verbose = cli->verbose && !quiet};
    struct sim_result result;
    sim_run(&options, &result);
    *ret_counts = result.counts;
    if (result.failed)
        fputs(result.report, stderr);
    if (cli->count == 1)
        printf("seed %llu: %llu steps, hash %016llx\n", (unsigned long long)seed,
               (unsigned long long)result.counts.steps, (unsigned long long)result.hash);
    free(result.report);
    return !result.failed;
}

// What a child tells about one seed.
struct told {
    uint64_t seed;
    uint64_t passed;
    struct sim_counts counts;
};

// Of the processor: a world never waits, and how busy the machine is says nothing about it.
static void allow_seconds(long seconds)
{
    const struct itimerval left = {.it_value.tv_sec = seconds};
    if (setitimer(ITIMER_PROF, &left, NULL) != 0) {
        perror("plenum-sim: setitimer");
        _exit(2);
    }
}

static _Noreturn void child(const struct cli *cli, uint64_t from, int out)
{
    assert_hook_set(trace_on_assert);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(trace_on_death);
    for (uint64_t seed = from; seed < cli->from + cli->count; seed++) {
        struct told t = {.seed = seed};
        allow_seconds(cli->big || cli->lies ? LONG_FACTOR * SEED_SECONDS_MAX : SEED_SECONDS_MAX);
        t.passed = cli->lies ? lies_found(seed) : run_seed(cli, seed, false, &t.counts);
        fflush(stdout);
        if (write(out, &t, sizeof t) != (ssize_t)sizeof t)
            _exit(1);
    }
    exit(0); // not _exit: leaks are looked for here
}

static bool read_told(int in, struct told *ret)
{
    size_t n = 0;
    while (n < sizeof *ret) {
        ssize_t got = read(in, (char *)ret + n, sizeof *ret - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return true;
}

// Runs seeds from `from` on until the child ends; returns the next seed to run.
static uint64_t run_child(const struct cli *cli, uint64_t from, uint64_t *passed, uint64_t *failed)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) {
        perror("plenum-sim: pipe");
        exit(2);
    }
    pid_t pid = fork();
    if (pid < 0) {
        perror("plenum-sim: fork");
        exit(2);
    }
    if (pid == 0) {
        close(ends[0]);
        child(cli, from, ends[1]);
    }
    close(ends[1]);
    struct told t;
    uint64_t next = from;
    while (read_told(ends[0], &t)) {
        *(t.passed ? passed : failed) += 1;
        add_counts(&t.counts);
        next = t.seed + 1;
    }
    close(ends[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (next < cli->from + cli->count) {
        if (cli->lies)
            fprintf(stderr, "kind %llu ended the process (status %d)\n", (unsigned long long)next, status);
        else
            fprintf(stderr, "seed %llu ended the process (status %d); again: make sim SEED=%llu\n",
                    (unsigned long long)next, status, (unsigned long long)next);
        *failed += 1;
        return next + 1;
    }
    if (status != 0) {
        fprintf(stderr, "the simulator ended with status %d behind its last seed\n", status);
        *failed += 1;
    }
    return next;
}

static void print_stats(void)
{
#define X(name) printf("  %-20s %llu\n", #name, (unsigned long long)totals.name);
    SIM_COUNTS(X)
#undef X
}

static bool number(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    *ret = v;
    return true;
}

static bool parse(int argc, char **argv, struct cli *ret)
{
    *ret = (struct cli){.from = 1};
    bool counted = false;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--verbose") == 0)
            ret->verbose = true;
        else if (strcmp(argv[i], "--big") == 0)
            ret->big = true;
        else if (strcmp(argv[i], "--stats") == 0)
            ret->stats = true;
        else if (strcmp(argv[i], "--lies") == 0)
            ret->lies = true;
        else if (strcmp(argv[i], "--from") == 0 && more && number(argv[i + 1], &ret->from))
            i++;
        else if (strcmp(argv[i], "--count") == 0 && more && number(argv[i + 1], &ret->count)) {
            counted = true;
            i++;
        } else if (strcmp(argv[i], "--seed") == 0 && more && number(argv[i + 1], &ret->from)) {
            ret->count = 1;
            counted = true;
            i++;
        } else {
            return false;
        }
    }
    const uint64_t kinds = lies_kinds();
    if (!counted)
        ret->count = ret->lies ? kinds + 1 - (ret->from < kinds ? ret->from : kinds) : 100;
    if (ret->lies && (ret->from < 1 || ret->from > kinds || ret->count > kinds + 1 - ret->from))
        return false;
    return ret->count > 0;
}

int main(int argc, char **argv)
{
    struct cli cli;
    if (!parse(argc, argv, &cli)) {
        fputs(
            "usage: plenum-sim [--from N] [--count N] [--big] [--stats]\n       plenum-sim --seed N [--verbose] [--big]\n       plenum-sim --lies [--from N] [--count N]\n",
            stderr);
        return 2;
    }
    uint64_t passed = 0, failed = 0, next = cli.from;
    while (next < cli.from + cli.count)
        next = run_child(&cli, next, &passed, &failed);
    if (cli.stats)
        print_stats();
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}
