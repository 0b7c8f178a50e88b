// SPDX-License-Identifier: Apache-2.0
//
// process_stats.h - what the kernel knows about this process, for the metrics page.
//
// A scrape is answered on a shard's thread, which must not wait: counting 20,000 open files in /proc takes
// milliseconds. So the main thread samples them, and only when a scrape has read the last sample since: a page shows
// their number at the time of the scrape before it (or of the start), a few seconds old at the usual scrape interval.
// Resident memory is one read of a file that is open already, also when there are no files left: it is of now.
//
// Thread: init and sample by the main thread alone; the rest by any.
#ifndef PLENUM_APP_PROCESS_STATS_H
#define PLENUM_APP_PROCESS_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct process_stats {
    _Atomic uint64_t open_files;
    _Atomic uint64_t files_max; // RLIMIT_NOFILE in force
    _Atomic uint64_t start_s;   // since 1970 UTC
    atomic_bool wanted;         // a page has read the sample
    int statm_fd;               // /proc/self/statm, for good; -1 without a /proc
};

// Sets start_s and takes the first sample.
void process_stats_init(struct process_stats *s);
// Takes a sample if the last one was read.
void process_stats_refresh(struct process_stats *s);
// Takes one in any case.
void process_stats_sample(struct process_stats *s);
// Resident memory now; 0 if unknown. Cheap.
uint64_t process_resident_bytes(const struct process_stats *s);
// CPU time of all threads so far, in microseconds. Cheap.
uint64_t process_cpu_us(void);
// What the machine, or the container this runs in, has; 0 if unknown.
uint64_t process_memory_available(void);

#endif
