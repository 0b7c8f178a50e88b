// SPDX-License-Identifier: Apache-2.0
//
// Source: proc(5); cgroups(7), memory.max of version 2 and memory.limit_in_bytes of version 1 as a container sees them.
#include "app/process_stats.h"

#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t count_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    uint64_t n = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n > 0 ? n - 1 : 0; // without the one that readdir uses
}

// The first line of a small file; empty if there is none.
static str read_line(const char *path, char *p, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return STR_NONE;
    ssize_t n = read(fd, p, cap);
    close(fd);
    str rest;
    return n > 0 ? str_split(str_make(p, (size_t)n), '\n', &rest) : STR_NONE;
}

uint64_t process_resident_bytes(const struct process_stats *s)
{
    char text[128];
    ssize_t n = s->statm_fd < 0 ? -1 : pread(s->statm_fd, text, sizeof text, 0);
    if (n <= 0)
        return 0;
    str rest = str_make(text, (size_t)n); // size resident shared ...
    uint64_t pages = 0;
    str_split(rest, ' ', &rest);
    if (rest.p == NULL || !str_to_u64(str_split(rest, ' ', &rest), UINT64_MAX, &pages))
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_stats_sample(struct process_stats *s)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        s->files_max = files.rlim_cur;
    s->open_files = count_open_files();
}

void process_stats_init(struct process_stats *s)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    s->start_s = (uint64_t)now.tv_sec;
    s->wanted = false;
    s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    process_stats_sample(s);
}

void process_stats_refresh(struct process_stats *s)
{
    if (atomic_exchange(&s->wanted, false))
        process_stats_sample(s);
}

uint64_t process_cpu_us(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

uint64_t process_memory_available(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t most = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char text[64];
        uint64_t limit;
        // Version 2 says "max" for no limit, version 1 a number beyond any machine.
        if (str_to_u64(read_line(limits[i], text, sizeof text), UINT64_MAX, &limit) && limit > 0 &&
            limit < most)
            most = limit;
    }
    return most;
}
