// SPDX-License-Identifier: Apache-2.0
//
// machine.h - what the kernel of this machine, or the container around it, lets a server have.
//
// Read once, by `plenum doctor`; a server that runs asks elsewhere (io/rlimit.h, app/process_stats.h). What cannot be read is 0, and
// said to be unknown: a container may hide any of it.
//
// Source: proc(5), getrlimit(2), getrandom(2), adjtimex(2), clock_getres(2); Documentation/networking/ip-sysctl of Linux for tcp_mem and
// ip_local_port_range, nf_conntrack-sysctl for conntrack.
#ifndef PLENUM_APP_MACHINE_H
#define PLENUM_APP_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine {
    uint64_t files_soft, files_hard; // RLIMIT_NOFILE of this process
    uint64_t files_all, files_used;  // of the system: fs.file-max, and how many are open
    uint64_t accept_queue;           // net.core.somaxconn
    uint64_t port_first, port_last;  // net.ipv4.ip_local_port_range
    uint64_t tracked_max, tracked;   // net.netfilter.nf_conntrack_max and _count; 0 where nothing is tracked
    uint64_t memory, memory_free;    // bytes: of the machine or container, and MemAvailable
    uint64_t tcp_memory; // bytes that all TCP sockets may hold before the kernel presses them: tcp_mem[1]
    uint32_t cores;      // that this process may use
    char clock_source[32];
    uint64_t clock_look_ns;  // what one look at the monotonic clock takes
    bool clock_synchronised; // the wall clock is held by NTP or the like, as far as the kernel knows
    bool random_ready;
};

// root: in front of /proc and /sys, "" for this machine. What is not a file (limits of the process, clocks, random numbers) is
// of this machine whatever root is.
void machine_look(struct machine *m, const char *root);

#endif
