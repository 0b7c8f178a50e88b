// SPDX-License-Identifier: Apache-2.0
//
// A line is built on the caller's stack and written under one mutex. The mutex is what makes invariant 4 hold: poll
// says that the pipe takes PIPE_BUF bytes, and no thread of ours can take that room away before the write. A shard
// therefore waits at most for another shard's write of 4 KiB. O_NONBLOCK would be simpler, but it belongs to the open
// file, not to us: it would also change the terminal or pipe of whoever started the server.
//
// A line that would not fit loses its last fields and ends with truncated=true.
#include "app/logger.h"

#include "app/escape.h"
#include "base/assert.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint32_t wanted_level = LOG_INFO;
static _Atomic uint32_t wanted_format = LOG_LOGFMT;
static _Atomic int out_fd = STDERR_FILENO;
static _Atomic uint64_t dropped_lines;
static struct log_site *_Atomic quiet_list; // every site that ever suppressed a line
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

void logger_set(enum log_level level, enum log_format format)
{
    wanted_level = level;
    wanted_format = format;
}

void logger_fd_set(int fd) { out_fd = fd; }

bool log_wanted(enum log_level level) { return level >= wanted_level; }

// ---- building a line

struct line {
    char z[LOG_LINE_MAX];
    size_t n;
    size_t limit; // where fields must end, so that the line's own end always fits
    bool json;
    bool truncated;
};

enum { LINE_TAIL = 24 }; // " truncated=true\n" or ",\"truncated\":true}\n"

static bool is_bare(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c >= 0x7F)
            return false;
    }
    return s.n > 0;
}

static void put(struct line *l, const char *piece, size_t n)
{
    memcpy(l->z + l->n, piece, n);
    l->n += n;
}

// key and value are whole or not there at all.
static void put_field(struct line *l, const char *key, const char *value, size_t value_n, bool quoted)
{
    char head[96];
    const char *before = l->n == 0 ? (l->json ? "{" : "") : (l->json ? "," : " ");
    size_t head_n = (size_t)snprintf(head, sizeof head, l->json ? "%s\"%s\":" : "%s%s=", before, key);
    ASSERT(head_n < sizeof head); // keys are ours
    if (l->n + head_n + value_n + 2 > l->limit) {
        l->truncated = true;
        return;
    }
    put(l, head, head_n);
    if (quoted)
        put(l, "\"", 1);
    put(l, value, value_n);
    if (quoted)
        put(l, "\"", 1);
}

static void put_text(struct line *l, const char *key, str value)
{
    char escaped[LOG_VALUE_MAX];
    size_t n = text_escape(value, escaped, sizeof escaped);
    put_field(l, key, escaped, n, l->json || !is_bare(value));
}

static void put_number(struct line *l, const char *key, uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    put_field(l, key, digits, (size_t)n, false);
}

// RFC 3339 with milliseconds, UTC.
static void put_time(struct line *l)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char text[64];
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(text + n, sizeof text - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
    put_text(l, "time", str_make(text, n));
}

static void line_init(struct line *l, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "info"};
    l->n = 0;
    l->limit = sizeof l->z - LINE_TAIL;
    l->json = wanted_format == LOG_JSON;
    l->truncated = false;
    put_time(l);
    put_text(l, "level", str_from_cstr(names[level]));
    put_text(l, "event", str_from_cstr(event));
}

static void line_end(struct line *l)
{
    l->limit = sizeof l->z - 2;
    if (l->truncated)
        put_field(l, "truncated", "true", 4, false);
    if (l->json)
        put(l, "}", 1);
    put(l, "\n", 1);
}

static void line_send(struct line *l)
{
    pthread_mutex_lock(&write_lock);
    uint64_t dropped = dropped_lines;
    if (dropped > 0)
        put_number(l, "dropped", dropped);
    line_end(l);
    struct pollfd out = {.fd = out_fd, .events = POLLOUT};
    bool sent =
        poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 && write(out.fd, l->z, l->n) == (ssize_t)l->n;
    if (sent)
        dropped_lines -= dropped;
    else
        dropped_lines++;
    pthread_mutex_unlock(&write_lock);
}

// ---- call sites

static uint64_t monotonic_second(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec;
}

// Counts a line of this site. Two threads that enter a new second together may let a few lines more through; the
// limit is there against floods.
static bool site_admit(struct log_site *site)
{
    uint64_t now = monotonic_second();
    uint64_t seen = atomic_load_explicit(&site->second, memory_order_relaxed);
    if (seen != now && atomic_compare_exchange_strong(&site->second, &seen, now))
        atomic_store(&site->written, 0);
    return atomic_fetch_add(&site->written, 1) < LOG_SITE_PER_S;
}

static void site_suppress(struct log_site *site, const char *event)
{
    atomic_fetch_add(&site->suppressed, 1);
    if (atomic_exchange(&site->listed, true))
        return;
    site->event = event;
    struct log_site *head = atomic_load(&quiet_list);
    do
        site->next = head;
    while (!atomic_compare_exchange_weak(&quiet_list, &head, site));
}

void log_write(struct log_site *site, enum log_level level, const char *event, const struct log_field *fields)
{
    if (!log_wanted(level))
        return;
    if (!site_admit(site)) {
        site_suppress(site, event);
        return;
    }
    struct line l;
    line_init(&l, level, event);
    for (; fields->key != NULL; fields++) {
        if (fields->is_number)
            put_number(&l, fields->key, fields->number);
        else
            put_text(&l, fields->key, fields->text);
    }
    uint32_t suppressed = atomic_exchange(&site->suppressed, 0);
    if (suppressed > 0)
        put_number(&l, "suppressed", suppressed);
    line_send(&l);
}

void log_flush(bool all)
{
    uint64_t now = monotonic_second();
    for (struct log_site *site = atomic_load(&quiet_list); site != NULL; site = site->next) {
        if (!all && atomic_load(&site->second) + 1 >= now)
            continue;
        uint32_t suppressed = atomic_exchange(&site->suppressed, 0);
        if (suppressed == 0)
            continue;
        struct line l;
        line_init(&l, LOG_WARN, "suppressed");
        put_text(&l, "of", str_from_cstr(site->event));
        put_number(&l, "suppressed", suppressed);
        line_send(&l);
    }
}
