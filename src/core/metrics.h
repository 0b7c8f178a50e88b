// SPDX-License-Identifier: Apache-2.0
//
// metrics.h - a shard's counters: written by the shard alone, read by any thread.
//
// Each counter is a relaxed atomic; adding is a plain load, add and store because there is one writer. A reader
// sums over the shards and may see counters of one event a moment apart.
#ifndef PLENUM_CORE_METRICS_H
#define PLENUM_CORE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

// X(field, prometheus name, type, help). Reasons of drops and limits are own fields with a label in the name.
#define METRICS(X)                                                                                          \
    X(connections, "plenum_connections", "gauge", "Open connections")                                       \
    X(connections_total, "plenum_connections_total", "counter", "Connections accepted")                     \
    X(sessions, "plenum_sessions", "gauge", "Connections that have said hello")                             \
    X(rooms, "plenum_rooms", "gauge", "Rooms that exist")                                                   \
    X(members, "plenum_members", "gauge", "Members of all rooms")                                           \
    X(memberships, "plenum_memberships", "gauge", "Rooms joined, summed over connections")                  \
    X(outlets, "plenum_outlets", "gauge", "Pairs of a room and a shard with connections in it")             \
    X(commands, "plenum_commands_total", "counter", "Commands received")                                    \
    X(entries, "plenum_entries_total", "counter", "Entries appended to room logs")                          \
    X(entries_duplicate, "plenum_entries_duplicate_total", "counter",                                       \
      "Publishes answered from the idempotency window")                                                     \
    X(log_bytes, "plenum_log_bytes", "gauge", "Bytes held by room logs, segments included")                 \
    X(deliveries, "plenum_deliveries_total", "counter", "Entries written to connections")                   \
    X(directs, "plenum_directs_total", "counter", "Direct messages delivered to sessions")                  \
    X(bytes_in, "plenum_received_bytes_total", "counter", "Bytes read from clients")                        \
    X(bytes_out, "plenum_sent_bytes_total", "counter", "Bytes written to clients")                          \
    X(writes, "plenum_writes_total", "counter",                                                             \
      "Writes to sockets; deliveries / writes is messages_per_write")                                       \
    X(writes_blocked, "plenum_writes_blocked_total", "counter", "Writes that the socket took only in part") \
    X(blocked, "plenum_connections_blocked", "gauge", "Connections waiting for their socket to drain")      \
    X(gaps, "plenum_gaps_total", "counter", "Gaps announced to slow or returning readers")                  \
    X(gap_entries, "plenum_gap_entries_total", "counter", "Entries inside announced gaps")                  \
    X(mail_sent, "plenum_mail_total", "counter", "Mails to other shards")                                   \
    X(mail_full, "plenum_mail_full_total", "counter", "Times a connection waited for a full mailbox")       \
    X(publishes_paced, "plenum_publishes_paced_total", "counter",                                           \
      "Times a publish waited until readers had been served")                                               \
    X(pings, "plenum_pings_total", "counter", "Heartbeat pings sent")                                       \
    X(closed_normal, "plenum_closed_total{reason=\"normal\"}", "counter", "Connections closed, by reason")  \
    X(closed_broken, "plenum_closed_total{reason=\"broken\"}", "counter", "")                               \
    X(closed_protocol, "plenum_closed_total{reason=\"protocol\"}", "counter", "")                           \
    X(closed_policy, "plenum_closed_total{reason=\"policy\"}", "counter", "")                               \
    X(closed_too_large, "plenum_closed_total{reason=\"too_large\"}", "counter", "")                         \
    X(closed_heartbeat, "plenum_closed_total{reason=\"heartbeat\"}", "counter", "")                         \
    X(closed_handshake, "plenum_closed_total{reason=\"handshake\"}", "counter", "")                         \
    X(closed_slow, "plenum_closed_total{reason=\"slow\"}", "counter", "")                                   \
    X(closed_drain, "plenum_closed_total{reason=\"drain\"}", "counter", "")                                 \
    X(closed_replaced, "plenum_closed_total{reason=\"replaced\"}", "counter", "")                           \
    X(closed_memory, "plenum_closed_total{reason=\"memory\"}", "counter", "")                               \
    X(limit_rate, "plenum_limit_hits_total{limit=\"rate\"}", "counter", "Refusals at a limit, by limit")    \
    X(limit_noise, "plenum_limit_hits_total{limit=\"noise\"}", "counter", "")                               \
    X(limit_rooms, "plenum_limit_hits_total{limit=\"rooms\"}", "counter", "")                               \
    X(limit_members, "plenum_limit_hits_total{limit=\"members\"}", "counter", "")                           \
    X(limit_message, "plenum_limit_hits_total{limit=\"message_bytes\"}", "counter", "")                     \
    X(limit_connections, "plenum_limit_hits_total{limit=\"connections\"}", "counter", "")                   \
    X(limit_address, "plenum_limit_hits_total{limit=\"address\"}", "counter", "")                           \
    X(limit_memory, "plenum_limit_hits_total{limit=\"memory\"}", "counter", "")                             \
    X(limit_files, "plenum_limit_hits_total{limit=\"files\"}", "counter", "")                               \
    X(host_refused, "plenum_host_refused_total", "counter", "Requests for a host that is not ours")         \
    X(origin_refused, "plenum_origin_refused_total", "counter", "Upgrades refused for their Origin")        \
    X(http_requests, "plenum_http_requests_total", "counter", "HTTP requests answered, upgrades included")  \
    X(http_errors, "plenum_http_errors_total", "counter", "HTTP requests answered with 4xx or 5xx")         \
    X(errors_sent, "plenum_errors_total", "counter", "Error replies to commands")                           \
    X(resumed, "plenum_resumed_total", "counter", "Sessions resumed")                                       \
    X(recovered, "plenum_recovered_total", "counter", "Joins with `since` that were recovered in full")     \
    X(turns, "plenum_turns_total", "counter", "Event loop turns")

// Loop turn time: upper bounds in microseconds; the last bucket is +Inf.
#define TURN_BUCKETS_US                                                  \
    {                                                                    \
        50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000 \
    }
enum { TURN_BUCKET_COUNT = 12 };

struct metrics {
#define X(field, name, type, help) _Atomic uint64_t field;
    METRICS(X)
#undef X
    _Atomic uint64_t turn_buckets[TURN_BUCKET_COUNT]; // filled by the driver
    _Atomic uint64_t turn_us_sum;
    _Atomic uint64_t lag_entries_max; // gauge: how far the slowest reader of this shard is behind, in entries
};

static inline void metric_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline void metric_sub(_Atomic uint64_t *gauge, uint64_t n)
{
    atomic_store_explicit(gauge, atomic_load_explicit(gauge, memory_order_relaxed) - n, memory_order_relaxed);
}
static inline void metric_set(_Atomic uint64_t *gauge, uint64_t n)
{
    atomic_store_explicit(gauge, n, memory_order_relaxed);
}
static inline uint64_t metric_get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
