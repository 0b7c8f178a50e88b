// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include "app/logger.h"
#include "base/mem.h"

#include <stddef.h>
#include <time.h>

// A second since the last line, or since the start.
static uint64_t handshakes_rate(const struct metrics_page *page, uint64_t handshakes)
{
    static uint64_t before, before_s; // of the one thread that asks
    const uint64_t now_s = (uint64_t)time(NULL), from_s = before_s != 0 ? before_s : page->process->start_s;
    const uint64_t rate = now_s > from_s ? (handshakes - before) / (now_s - from_s) : handshakes - before;
    before = handshakes;
    before_s = now_s;
    return rate;
}

void status_log(const struct metrics_page *page)
{
    const uint64_t handshakes =
        page->tls != NULL ? metric_get(&page->tls->full) + metric_get(&page->tls->resumed) : 0;
#define SUM(field) metrics_page_sum(page, offsetof(struct metrics, field))
    process_stats_sample(page->process);
    log_told("status", LOG_NUMBER("connections", SUM(connections)), LOG_NUMBER("sessions", SUM(sessions)),
             LOG_NUMBER("rooms", SUM(rooms)), LOG_NUMBER("members", SUM(members)),
             LOG_NUMBER("entries", SUM(entries)), LOG_NUMBER("deliveries", SUM(deliveries)),
             LOG_NUMBER("tls_handshakes", handshakes),
             LOG_NUMBER("tls_handshakes_per_s", handshakes_rate(page, handshakes)),
             LOG_NUMBER("memory_used_mb", mem_used(page->mem) >> 20),
             LOG_NUMBER("memory_budget_mb", page->mem->bytes_max >> 20),
             LOG_NUMBER("resident_mb", process_resident_bytes(page->process) >> 20),
             LOG_NUMBER("open_files", page->process->open_files));
#undef SUM
}
