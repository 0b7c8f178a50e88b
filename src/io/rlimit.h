// SPDX-License-Identifier: Apache-2.0
//
// rlimit.h - how many files, and so how many connections, the kernel lets this process have.
//
//      0        files_reserved                              files_max
//      |--------------|--------------------------------------------|
//       listeners, epoll, logs ...          connections
//
// The soft limit is often 1,024 for the sake of programs that use select(2); ours does not, so it takes all that the
// hard limit gives. What remains after a reserve bounds limits.connections: EMFILE should never be seen, and where
// it is (another part of the process leaked, or the system is out of files) the acceptor copes, see acceptor.h.
#ifndef PLENUM_IO_RLIMIT_H
#define PLENUM_IO_RLIMIT_H

#include <stdint.h>

struct rlimit_files {
    uint64_t soft_before; // what the process was started with
    uint64_t files_max;   // in force now
};

// Raises RLIMIT_NOFILE to its hard limit. Never fails: where the kernel refuses, the old limit stays and is reported.
struct rlimit_files rlimit_files_raise(void);
// Makes the kernel's table of this process's files long enough for `files` of them. It grows by doubling otherwise, when one is opened, and
// where threads share it each time waits until no other CPU looks at the old one (expand_fdtable, synchronize_rcu): 16 to 22 ms were
// seen, in a shard's turn. Where the kernel refuses nothing is lost but that.
void rlimit_files_prepare(uint64_t files);
// Files that a server with so many shards needs for other things than connections.
uint32_t rlimit_files_reserved(uint32_t shard_count);
// Connections for which there are files: min(wanted, files_max - reserve); 0 when not even the reserve is there.
uint32_t rlimit_connections_max(uint64_t files_max, uint32_t shard_count, uint32_t wanted);

#endif
