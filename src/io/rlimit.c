// SPDX-License-Identifier: Apache-2.0
//
// RLIMIT_NOFILE to its hard limit, and the sum of what is not a connection.
#include "io/rlimit.h"

#include "io/key_fetcher.h"
#include "io/listener.h"
#include "io/refusal.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    // Standard streams, signalfd, helpers, a config or log file being read; of each fetch of keys a connection, two of its resolver,
    // a file of certificates.
    FILES_OF_PROCESS = 32 + 4 * KEY_FETCHES_MAX,
    // Each shard: epoll, eventfd, listeners, the spare for EMFILE, one accepted and not yet admitted.
    FILES_OF_SHARD = 4 + LISTENERS_MAX + REFUSALS_MAX,
};

struct rlimit_files rlimit_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return (struct rlimit_files){.soft_before = 1024, .files_max = 1024}; // the kernel's own default
    struct rlimit_files files = {.soft_before = limit.rlim_cur, .files_max = limit.rlim_cur};
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            files.files_max = limit.rlim_max;
    }
    return files;
}

void rlimit_files_prepare(uint64_t files)
{
    if (files == 0 || files > INT_MAX)
        return;
    const int any = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (any < 0)
        return;
    const int last = fcntl(any, F_DUPFD_CLOEXEC, (int)files - 1);
    if (last >= 0)
        close(last);
    close(any);
}

uint32_t rlimit_files_reserved(uint32_t shard_count)
{
    return FILES_OF_PROCESS + shard_count * FILES_OF_SHARD;
}

uint32_t rlimit_connections_max(uint64_t files_max, uint32_t shard_count, uint32_t wanted)
{
    uint64_t reserved = rlimit_files_reserved(shard_count);
    uint64_t room = files_max > reserved ? files_max - reserved : 0;
    return room < wanted ? (uint32_t)room : wanted;
}
