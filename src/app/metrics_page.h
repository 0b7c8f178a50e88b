// SPDX-License-Identifier: Apache-2.0
//
// metrics_page.h - the body of GET /metrics.
//
// Counters and gauges of all shards are summed; every family is one block of HELP, TYPE and its samples:
//
//     # HELP plenum_connections_closed_total Connections closed, by reason
//     # TYPE plenum_connections_closed_total counter
//     plenum_connections_closed_total{reason="normal"} 12
//     plenum_connections_closed_total{reason="slow"} 1
//
// The rows come from METRICS in core/common/metrics.h and IO_METRICS in io/io_metrics.h, where samples of one family stand
// together; families with a sample per command, error code or reason come from those enums; then the histograms, the memory
// budget, and the process's own numbers under the names that dashboards know. Counters and histograms only ever grow and
// nothing is averaged here: what one write carries now is the rate of deliveries by the rate of writes.
//
// Source: Prometheus text exposition format, version 0.0.4.
// Thread: any; counters of one event may be seen a moment apart.
#ifndef PLENUM_APP_METRICS_PAGE_H
#define PLENUM_APP_METRICS_PAGE_H

#include "app/process_stats.h"
#include "base/buf.h"
#include "base/limits.h"
#include "core/common/metrics.h"
#include "io/io_metrics.h"
#include "io/key_fetcher.h"
#include "io/tls_stats.h"

struct metrics_page {
    struct metrics *shards[SHARDS_MAX];
    struct io_metrics *loops[SHARDS_MAX]; // NULL in a world without io
    uint32_t shards_n;
    const struct mem *mem; // may be NULL
    uint32_t tenants_n;
    char tenants[TENANTS_MAX][TENANT_NAME_MAX + 1]; // what they are called
    const struct tenant_budget *budgets;            // one each
    const struct mem *deflate;                      // of compression; NULL: it is off
    struct key_fetcher *keys;                       // may be NULL
    struct process_stats *process;                  // may be NULL
    struct tls_stats *tls;                          // may be NULL: nothing here speaks TLS
    _Atomic uint64_t *ocsp_stale;                   // beside it
    const char *version;
};

// The counter or gauge at that offset of struct metrics, summed over the shards.
uint64_t metrics_page_sum(const struct metrics_page *page, size_t offset);

void metrics_page_write(const struct metrics_page *page, struct buf *body);

#endif
