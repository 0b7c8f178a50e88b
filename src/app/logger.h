// SPDX-License-Identifier: Apache-2.0
//
// logger.h - one structured line per event, to stderr.
//
//     log_info("listening", LOG_TEXT("http", "127.0.0.1:8000"), LOG_NUMBER("shards", 2));
//
//     time=2026-11-20T05:41:15.123Z level=info event=listening http=127.0.0.1:8000 shards=2
//
// Called from app only; core tells what happened through notices (app/notices.h). Any thread may call.
//
// Invariants
//   1. A line is one write of at most LOG_LINE_MAX bytes (app/log_line.h), so lines of several threads never mix.
//   2. A call site writes LOG_SITE_PER_S lines a second at most. What was left out is counted and told as
//      `suppressed=N` in the site's next line, or by log_flush once the site is quiet.
//   3. A thread of a running server never waits for whoever reads stderr: a helper writes (app/log_sink.h).
//   4. No token, secret or query string is ever given to it. That is the duty of the call sites; there are few.
//
// Errors: none. Logging cannot fail a caller.
#ifndef PLENUM_APP_LOGGER_H
#define PLENUM_APP_LOGGER_H

#include "base/str.h"

#include <stdatomic.h>

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_TOLD
};                                        // in the order of logging.level's words
enum log_format { LOG_LOGFMT, LOG_JSON }; // likewise logging.format

enum { LOG_SITE_PER_S = 20 }; // lines of one call site in one second

struct log_field {
    const char *key; // NULL ends a list
    str text;        // where is_number is false
    uint64_t number;
    bool is_number;
};
#define LOG_STR(name, value)           \
    {                                  \
        .key = (name), .text = (value) \
    }
#define LOG_TEXT(name, value)                       \
    {                                               \
        .key = (name), .text = str_from_cstr(value) \
    }
#define LOG_NUMBER(name, value)                                       \
    {                                                                 \
        .key = (name), .number = (uint64_t)(value), .is_number = true \
    }

// State of one call site. Zeroed is ready; it must live for ever, because log_flush comes back to it.
struct log_site {
    const char *event;           // for the note of log_flush
    _Atomic uint64_t second;     // the second that `written` counts, by the monotonic clock
    _Atomic uint32_t written;    // lines in it
    _Atomic uint32_t suppressed; // lines left out and not told yet
    atomic_bool listed;
    struct log_site *next; // in the list of sites that have suppressed something
};

// Level and format; both may change at any time (SIGHUP).
void logger_set(enum log_level level, enum log_format format);
bool log_wanted(enum log_level level);

// One line: event first, then the fields up to the one without a key.
void log_write(struct log_site *site, enum log_level level, const char *event,
               const struct log_field *fields);
// Tells what sites suppressed that have been quiet for a second. Called now and then, and at the end (all = true).
void log_flush(bool all);

#define LOG_EVENT(level, event, ...)                                                  \
    do {                                                                              \
        static struct log_site site_;                                                 \
        const struct log_field fields_[] = {__VA_ARGS__ __VA_OPT__(, ){.key = NULL}}; \
        log_write(&site_, (level), (event), fields_);                                 \
    } while (0)
#define log_debug(event, ...) LOG_EVENT(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_EVENT(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_EVENT(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_EVENT(LOG_ERROR, event, __VA_ARGS__)
// What an operator asked for or did just now: written whatever logging.level is, as level=info.
#define log_told(event, ...) LOG_EVENT(LOG_TOLD, event, __VA_ARGS__)

#endif
