// SPDX-License-Identifier: Apache-2.0
//
// CPU time comes from the process's POSIX CPU-time clock: it is the scheduler's own sum in nanoseconds, over all
// threads and including those that have ended. /proc/PID/stat counts 10 ms ticks, too coarse for a window of a
// few seconds, and /proc/PID/task/*/schedstat forgets threads that have ended and lags a running one by a tick.

#include "proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t timespec_ns(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// utime and stime are the 14th and 15th field; the name in field 2 may hold spaces and parentheses, so the count
// starts behind the last ')'.
static int proc_read_ticks(pid_t pid, uint64_t *ret_user, uint64_t *ret_system)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    const char *p = strrchr(line, ')');
    if (!p)
        return -1;
    for (int field = 3; field <= 14 && p; field++)
        p = strchr(p + 1, ' ');
    char *end;
    if (!p)
        return -1;
    uint64_t user = strtoull(p, &end, 10);
    uint64_t sys = strtoull(end, NULL, 10);
    *ret_user = user;
    *ret_system = sys;
    return 0;
}

int proc_read_cpu(pid_t pid, struct proc_cpu *ret)
{
    uint64_t user, sys;
    if (proc_read_ticks(pid, &user, &sys))
        return -1;
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    ret->user_ns = user * tick_ns;
    ret->system_ns = sys * tick_ns;
    ret->total_ns = ret->user_ns + ret->system_ns;

    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
        ret->total_ns = timespec_ns(t);
    return 0;
}

int proc_read_memory(pid_t pid, struct proc_memory *ret)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    memset(ret, 0, sizeof *ret);
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            ret->rss_bytes = strtoull(line + 6, NULL, 10) * 1024;
        else if (strncmp(line, "RssAnon:", 8) == 0)
            ret->rss_anon_bytes = strtoull(line + 8, NULL, 10) * 1024;
    }
    fclose(f);
    return ret->rss_bytes ? 0 : -1;
}

uint64_t proc_own_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return timespec_ns(t);
}

uint64_t proc_raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}
