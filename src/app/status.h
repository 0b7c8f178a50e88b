// SPDX-License-Identifier: Apache-2.0
//
// status.h - how the server is, in one log line: what an operator gets for SIGUSR1 where there is no Prometheus at hand.
//
//     level=info event=status connections=211 sessions=200 rooms=12 members=198 entries=48211 deliveries=9531200
//     memory_used_mb=42 memory_budget_mb=512 resident_mb=61 open_files=240
//
// The line is written whatever logging.level is: it was asked for.
//
// Thread: the main thread's, which samples what the kernel knows (app/process_stats.h).
#ifndef PLENUM_APP_STATUS_H
#define PLENUM_APP_STATUS_H

#include "app/metrics_page.h"

void status_log(const struct metrics_page *page);

#endif
