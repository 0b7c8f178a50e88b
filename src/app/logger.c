// SPDX-License-Identifier: Apache-2.0
//
// Levels and call sites. A line is built on the caller's stack (app/log_line.h) and handed to where lines go
// (app/log_sink.h).
#include "app/logger.h"

#include "app/log_line.h"
#include "app/log_sink.h"
#include "base/assert.h"

#include <time.h>

static _Atomic uint32_t wanted_level = LOG_INFO;
static struct log_site *_Atomic quiet_list; // every site that ever suppressed a line

void logger_set(enum log_level level, enum log_format format)
{
    wanted_level = level;
    log_line_json_set(format == LOG_JSON);
}

bool log_wanted(enum log_level level) { return level >= wanted_level; }

static void line_init(struct log_line *l, enum log_level level, const char *event)
{
    static const char *const names[] = {[LOG_DEBUG] = "debug",
                                        [LOG_INFO] = "info",
                                        [LOG_WARN] = "warn",
                                        [LOG_ERROR] = "error",
                                        [LOG_TOLD] = "info"};
    ASSERT((size_t)level < sizeof names / sizeof names[0]);
    log_line_init(l, names[level], event);
}

static void line_send(struct log_line *l)
{
    log_line_end(l);
    log_sink_put(str_make(l->z, l->n));
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
    struct log_line l;
    line_init(&l, level, event);
    for (; fields->key != NULL; fields++) {
        if (fields->is_number)
            log_line_number(&l, fields->key, fields->number);
        else
            log_line_text(&l, fields->key, fields->text);
    }
    uint32_t suppressed = atomic_exchange(&site->suppressed, 0);
    if (suppressed > 0)
        log_line_number(&l, "suppressed", suppressed);
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
        struct log_line l;
        line_init(&l, LOG_WARN, "suppressed");
        log_line_text(&l, "of", str_from_cstr(site->event));
        log_line_number(&l, "suppressed", suppressed);
        line_send(&l);
    }
}
