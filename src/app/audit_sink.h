// SPDX-License-Identifier: Apache-2.0
//
// audit_sink.h - where what the audit is told goes: by a helper into its file (app/audit_file.h).
//
//      shard 0   -- events -->  +-----------------+
//      shard 1   -- events -->  | helper "audit"  |  line by line, in the order of their tickets  -->  file
//                               +-----------------+
//                                 log: failures, losses, and once a minute the newest number and hash
//
// No shard waits: an event is copied into a queue, or is lost where that is full. A disk that takes nothing is tried again, ten times a
// second, while the queue fills.
//
// Invariants
//   1. Events of a shard keep their order; so do those of two where one can have known of the other's.
//   2. What waits is bounded: AUDIT_QUEUE_EVENTS of each shard, AUDIT_QUEUE_BYTES in all. What anybody can cause (audit_by_right)
//      takes half of either at most, so that a flood of joins leaves room for who ends it.
//   3. What is lost is counted, and said by a line where it would have been: in front of the shard's next event, or when there is
//      nothing to do; at the end where that is first. Only what is lost while the file takes nothing, and never does again, is told
//      by the log and the metric alone.
//
// Ownership: events are copied. Memory: malloc's, AUDIT_QUEUE_BYTES at most, beside the budget of the server.
// Thread: audit_sink_put of a shard by its thread; audit_sink_stats and audit_sink_on by any; the rest by the main thread.
#ifndef PLENUM_APP_AUDIT_SINK_H
#define PLENUM_APP_AUDIT_SINK_H

#include "app/audit_file.h"

enum {
    AUDIT_QUEUE_EVENTS = 4096,     // of one shard; a power of two
    AUDIT_QUEUE_BYTES = 8 << 20,   // of all
    AUDIT_STOP_PATIENCE_MS = 5000, // for what is still to be written at the end
    AUDIT_RETRY_MS = 100,          // a file that takes nothing is tried again
    AUDIT_SYNC_MS = 1000,          // AUDIT_SYNC_INTERVAL
    AUDIT_ANCHOR_MS = 60 * 1000,   // the log is told the newest line's hash
};

// When what is written is brought to the disk; in the order of audit.sync's words.
enum audit_sync { AUDIT_SYNC_NONE, AUDIT_SYNC_INTERVAL, AUDIT_SYNC_EACH };

struct audit_stats {
    uint64_t seq;      // of the newest line
    uint64_t lines;    // written by this process
    uint64_t missing;  // events lost
    uint64_t failures; // times that the file has begun to take nothing, or could not be brought to the disk
    uint64_t waiting;  // events in the queue
};

enum { AUDIT_PATH_MAX = 4096 };

// Opens the file, whose path has up to AUDIT_PATH_MAX bytes and is copied. From here on audit_sink_on() is true. Errors as audit_file_open.
enum err audit_sink_open(const char *path, const struct audit_key *key, enum audit_sync sync, uint32_t shards,
                         struct io_error *error) WARN_UNUSED;
// A helper writes from here on; the first line says that the server has started, with what version, and what is told (bits of
// enum audit_kind). ERR_NOMEM, ERR_LIMIT.
enum err audit_sink_start(const char *version, uint32_t kinds) WARN_UNUSED;
// Writes what waits, and that the server has stopped. Without an open it is nothing. The shards' threads have ended.
void audit_sink_stop(void);

void audit_sink_put(uint32_t shard, uint64_t wall_ms, const struct audit_event *e);
// The path is to be looked at again (SIGHUP).
void audit_sink_reopen(void);
// To be called every AUDIT_SYNC_MS or so.
void audit_sink_tick(void);
bool audit_sink_on(void);
struct audit_stats audit_sink_stats(void);

#endif
