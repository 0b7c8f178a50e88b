// SPDX-License-Identifier: Apache-2.0
//
// io_metrics.h - what a loop counts beside core's metrics: written by its thread, read by any (see core/common/metrics.h).
#ifndef PLENUM_IO_IO_METRICS_H
#define PLENUM_IO_IO_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

// X(field, prometheus name, type, help)
#define IO_METRICS(X)                                                                                           \
    X(turns_slow, "plenum_turns_slow_total", "counter",                                                         \
      "Event loop turns that took longer than the watchdog allows")                                             \
    X(reads, "plenum_reads_total", "counter", "Reads from sockets")                                             \
    X(wakeups_sent, "plenum_wakeups_total", "counter", "Sleeping shards woken by this one")                     \
    X(mailbox_full, "plenum_mailbox_full_total", "counter", "Turns that ended with mail for a full mailbox")    \
    X(accept_waits, "plenum_accept_waits_total", "counter", "Times new connections waited for a free slot")     \
    X(proxy_refused, "plenum_proxy_refused_total", "counter",                                                   \
      "Connections on listeners for proxies that came from elsewhere, or without a PROXY header")               \
    X(accept_pauses, "plenum_accept_pauses_total", "counter", "Times accepting paused after an error")          \
    X(write_slices, "plenum_write_slices_total", "counter", "Turns whose writes went on in the next turn")      \
    X(newcomers, "plenum_newcomers", "gauge",                                                                   \
      "Connections that have just come and wait for their handshake and hello to be read, or for their client") \
    X(newcomers_left, "plenum_newcomer_turns_full_total", "counter",                                            \
      "Turns that served as many newcomers as one may, so that others may have waited")                         \
    X(leavers, "plenum_leavers", "gauge", "Connections whose end is near and that wait to be read")             \
    X(spins_won, "plenum_spins_won_total", "counter", "Polls before sleeping that found mail")

struct io_metrics {
#define X(field, name, type, help) _Atomic uint64_t field;
    IO_METRICS(X)
#undef X
};

#endif
