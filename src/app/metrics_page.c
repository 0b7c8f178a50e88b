// SPDX-License-Identifier: Apache-2.0
#include "app/metrics_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct row {
    const char *name; // with its label, if any
    const char *type;
    const char *help; // of the family, in its first row
    size_t offset;    // of the counter in its struct
    bool is_io;       // struct io_metrics, else struct metrics
};

static const struct row rows[] = {
#define X(field, name, type, help) {name, type, help, offsetof(struct metrics, field), false},
    METRICS(X)
#undef X
#define X(field, name, type, help) {name, type, help, offsetof(struct io_metrics, field), true},
        IO_METRICS(X)
#undef X
};

// The counter at that offset of each shard's struct, added up.
static uint64_t sum_of(const struct metrics_page *page, size_t offset, bool is_io)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < page->shards_n; i++) {
        char *base = is_io ? (char *)page->loops[i] : (char *)page->shards[i];
        if (base != NULL)
            v += metric_get((_Atomic uint64_t *)(void *)(base + offset));
    }
    return v;
}

uint64_t metrics_page_sum(const struct metrics_page *page, size_t offset)
{
    return sum_of(page, offset, false);
}

__attribute__((format(printf, 2, 3))) static void put(struct buf *body, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buf_put(body, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void put_head(struct buf *body, str family, const char *type, const char *help)
{
    put(body, "# HELP %.*s %s\n# TYPE %.*s %s\n", STR_ARG(family), help, STR_ARG(family), type);
}

static void put_number(struct buf *body, const char *name, const char *type, const char *help, uint64_t v)
{
    put_head(body, str_from_cstr(name), type, help);
    put(body, "%s %" PRIu64 "\n", name, v);
}

static str family_of(const char *name)
{
    str rest;
    return str_split(str_from_cstr(name), '{', &rest);
}

static void put_rows(const struct metrics_page *page, struct buf *body)
{
    str family = STR_NONE;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (!str_eq(family_of(row->name), family)) {
            family = family_of(row->name);
            put_head(body, family, row->type, row->help);
        }
        put(body, "%s %" PRIu64 "\n", row->name, sum_of(page, row->offset, row->is_io));
    }
}

static void put_computed(const struct metrics_page *page, struct buf *body)
{
    uint64_t writes = metrics_page_sum(page, offsetof(struct metrics, writes));
    uint64_t deliveries = metrics_page_sum(page, offsetof(struct metrics, deliveries));
    put_head(body, STR("plenum_messages_per_write"), "gauge",
             "Entries per write to a socket, since the start");
    put(body, "plenum_messages_per_write %.3f\n", writes > 0 ? (double)deliveries / (double)writes : 0.0);

    uint64_t lag = 0;
    for (uint32_t i = 0; i < page->shards_n; i++) {
        uint64_t shard = metric_get(&page->shards[i]->lag_entries_max);
        lag = shard > lag ? shard : lag;
    }
    put_number(body, "plenum_lag_entries_max", "gauge", "Entries that the slowest reader is behind", lag);
    put_number(body, "plenum_shards", "gauge", "Shards, one thread each", page->shards_n);
}

// Buckets are kept apart and become cumulative here; the last one is +Inf.
static void put_turns(const struct metrics_page *page, struct buf *body)
{
    static const uint32_t bounds_us[] = TURN_BUCKETS_US;
    _Static_assert(sizeof bounds_us / sizeof bounds_us[0] + 1 == TURN_BUCKET_COUNT,
                   "a bound per bucket but the last");
    put_head(body, STR("plenum_turn_seconds"), "histogram",
             "Time of one event loop turn, waiting not counted");
    uint64_t below = 0;
    for (size_t i = 0; i < TURN_BUCKET_COUNT; i++) {
        below +=
            metrics_page_sum(page, offsetof(struct metrics, turn_buckets) + i * sizeof(_Atomic uint64_t));
        if (i + 1 < TURN_BUCKET_COUNT)
            put(body, "plenum_turn_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", bounds_us[i] / 1e6, below);
        else
            put(body, "plenum_turn_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", below);
    }
    put(body, "plenum_turn_seconds_sum %.6f\n",
        (double)metrics_page_sum(page, offsetof(struct metrics, turn_us_sum)) / 1e6);
    put(body, "plenum_turn_seconds_count %" PRIu64 "\n", below);
}

static void put_memory(const struct mem *mem, struct buf *body)
{
    put_number(body, "plenum_memory_used_bytes", "gauge", "Held by connections, rooms, logs and mail",
               mem_used(mem));
    put_number(body, "plenum_memory_budget_bytes", "gauge", "server.memory_mb in bytes", mem->bytes_max);
    put_number(body, "plenum_memory_refused_total", "counter",
               "Allocations refused because the budget was used up",
               atomic_load_explicit(&mem->refused, memory_order_relaxed));
}

static void put_process(struct process_stats *process, struct buf *body)
{
    put_number(body, "process_open_fds", "gauge", "Open files, sampled", process->open_files);
    put_number(body, "process_max_fds", "gauge", "Most files that may be open", process->files_max);
    put_number(body, "process_resident_memory_bytes", "gauge", "Resident memory",
               process_resident_bytes(process));
    put_number(body, "process_start_time_seconds", "gauge", "Start of the process, since 1970 UTC",
               process->start_s);
    put_head(body, STR("process_cpu_seconds_total"), "counter", "CPU time of all threads, user and system");
    put(body, "process_cpu_seconds_total %.6f\n", (double)process_cpu_us() / 1e6);
    process->wanted = true;
}

void metrics_page_write(const struct metrics_page *page, struct buf *body)
{
    put_rows(page, body);
    put_computed(page, body);
    put_turns(page, body);
    if (page->mem != NULL)
        put_memory(page->mem, body);
    if (page->process != NULL)
        put_process(page->process, body);
    put_head(body, STR("plenum_build_info"), "gauge", "Always 1; the labels say what runs");
    put(body, "plenum_build_info{version=\"%s\"} 1\n", page->version);
}
