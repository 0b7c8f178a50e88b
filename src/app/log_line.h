// SPDX-License-Identifier: Apache-2.0
//
// log_line.h - one line of the log, in either of its formats, put together field by field.
//
//     time=2026-11-20T05:41:15.123Z level=info event=listening http=127.0.0.1:8000 shards=2
//     {"time":"2026-11-20T05:41:15.123Z","level":"info","event":"listening","http":"127.0.0.1:8000","shards":2}
//
// Invariants
//   1. At most LOG_LINE_MAX bytes, the newline among them. A field that would not fit is left out, whole, and the line
//      ends with truncated=true.
//   2. Values are escaped (app/escape.h): a line stays a line whatever a peer is called.
//
// Ownership: the caller's, on its stack. Thread: the caller's.
#ifndef PLENUM_APP_LOG_LINE_H
#define PLENUM_APP_LOG_LINE_H

#include "base/str.h"

enum {
    LOG_LINE_MAX = 4096,  // bytes; PIPE_BUF: a write of so much to a pipe is never torn (pipe(7))
    LOG_VALUE_MAX = 1024, // bytes of one value, escaped
};

// For all lines from now on; may change at any time (SIGHUP). logfmt at start.
void log_line_json_set(bool json);

struct log_line {
    char z[LOG_LINE_MAX];
    size_t n;
    size_t limit; // where fields must end, so that the line's own end always fits
    bool json;
    bool truncated;
};

// Time, level and event.
void log_line_init(struct log_line *l, const char *level, const char *event);
void log_line_text(struct log_line *l, const char *key, str value);
void log_line_number(struct log_line *l, const char *key, uint64_t value);
// After the last field: z and n are the line.
void log_line_end(struct log_line *l);

#endif
