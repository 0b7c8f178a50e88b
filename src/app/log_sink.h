// SPDX-License-Identifier: Apache-2.0
//
// log_sink.h - where lines of the log go: to stderr, by a helper as soon as there are shards that must not wait for it.
//
//      before log_sink_start        every thread's lines               after log_sink_stop
//      written by the caller   -->  queue -- helper "log" -- write -->  by the caller again, or not at all
//
// A disk that is slow, a pipe that nobody reads, a terminal that was stopped with ^S: a write to one of them takes as long
// as it takes. The helper (io/helper.h) waits for it, nobody else does.
//
// Invariants
//   1. A line is one write, as long as the file takes it whole.
//   2. Lines of a thread keep their order; so do lines of two threads where one can have known of the other's.
//   3. What waits is bounded: LOG_QUEUE_LINES of each thread and LOG_QUEUE_BYTES in all. A line beyond is lost, as is one
//      that the file refuses. Lost lines are counted, and told in one line when the way is free:
//      "level=warn event=log_lost lines=17"; where it never is for more than a moment, once a second.
//
// Ownership: put copies. Memory: malloc's, LOG_QUEUE_BYTES at most, beside the budget of the server.
// Thread: log_sink_put, log_sink_lost and log_sink_settle by any thread; the rest by the main thread while no other logs.
#ifndef PLENUM_APP_LOG_SINK_H
#define PLENUM_APP_LOG_SINK_H

#include "base/err.h"
#include "base/str.h"

enum {
    LOG_QUEUE_LINES = 256,      // of one thread
    LOG_QUEUE_BYTES = 1 << 20,  // of all
    LOG_STOP_PATIENCE_MS = 2000 // for what is still to be written at the end
};

// Where lines go; 2 at start. Tests hand in a pipe or a file.
void log_sink_fd_set(int fd);

// A line with its end. Returns at once between start and stop.
void log_sink_put(str line);

// From here on a helper writes, for so many threads at most; lines of further ones are lost. ERR_NOMEM, ERR_LIMIT.
enum err log_sink_start(uint32_t threads) WARN_UNUSED;
// Writes what is waiting; false: the file did not take it in LOG_STOP_PATIENCE_MS, and nothing more is written.
// Without a start it is nothing, and true.
bool log_sink_stop(void);

// Lines lost since the start of the process.
uint64_t log_sink_lost(void);
// Waits until what was put before is written, so long at most. For a process that is about to die: takes no lock.
void log_sink_settle(uint32_t ms);

// Last words, past the queue, in a signal handler or after a failed assertion. Does not wait for the file.
void log_sink_last_words(str line);

#endif
