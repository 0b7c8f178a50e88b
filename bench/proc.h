// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about a process: CPU time and memory of the server under test, and of this tool.

#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct proc_cpu {
    uint64_t total_ns; // all threads, those that ended included
    uint64_t user_ns;  // from ticks: for the split only
    uint64_t system_ns;
};

struct proc_memory {
    uint64_t rss_bytes;      // VmRSS
    uint64_t rss_anon_bytes; // RssAnon: without the pages of the binary and its libraries
};

// Both return 0, or -1 when there is no such process (any more).
int proc_read_cpu(pid_t pid, struct proc_cpu *ret);
int proc_read_memory(pid_t pid, struct proc_memory *ret);

// CPU time of this process.
uint64_t proc_own_cpu_ns(void);

// Raises RLIMIT_NOFILE to its hard limit and returns what is in force then.
uint64_t proc_raise_nofile(void);

#endif
