// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include "app/logger.h"
#include "base/mem.h"

#include <stddef.h>

void status_log(const struct metrics_page *page)
{
#define SUM(field) metrics_page_sum(page, offsetof(struct metrics, field))
    process_stats_sample(page->process);
    log_told("status", LOG_NUMBER("connections", SUM(connections)), LOG_NUMBER("sessions", SUM(sessions)),
             LOG_NUMBER("rooms", SUM(rooms)), LOG_NUMBER("members", SUM(members)),
             LOG_NUMBER("entries", SUM(entries)), LOG_NUMBER("deliveries", SUM(deliveries)),
             LOG_NUMBER("memory_used_mb", mem_used(page->mem) >> 20),
             LOG_NUMBER("memory_budget_mb", page->mem->bytes_max >> 20),
             LOG_NUMBER("resident_mb", process_resident_bytes(page->process) >> 20),
             LOG_NUMBER("open_files", page->process->open_files));
#undef SUM
}
