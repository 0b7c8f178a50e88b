// SPDX-License-Identifier: Apache-2.0
//
// metrics.h - a shard's counters: written by the shard alone, read by any thread.
//
// What is counted by kind (commands, errors, closes) is an array over the kind's own enum, which is a table itself: a new
// command, error code or reason cannot be without a counter and a name.
//
// Each counter is a relaxed atomic; adding is a plain load, add and store because there is one writer. A reader
// sums over the shards and may see counters of one event a moment apart.
#ifndef PLENUM_CORE_METRICS_H
#define PLENUM_CORE_METRICS_H

#include "base/assert.h"
#include "core/common/tenant.h"
#include "dialect/command.h"
#include "dialect/event.h"
#include <stdatomic.h>
#include <stdint.h>

// Why a connection ended.
// clang-format off
#define CLOSE_REASONS_TABLE(X) \
    X(NORMAL, normal) \
    X(BROKEN, broken)       /* the connection broke, or the peer went without a word */ \
    X(PROTOCOL, protocol) \
    X(POLICY, policy) \
    X(TOO_LARGE, too_large) \
    X(HEARTBEAT, heartbeat) \
    X(HANDSHAKE, handshake) /* no request, upgrade or hello in time */ \
    X(SLOW, slow) \
    X(DRAIN, drain) \
    X(REPLACED, replaced)   /* its session was resumed elsewhere */ \
    X(ORDERED, ordered)     /* by the backend */ \
    X(MEMORY, memory)
// clang-format on

enum close_reason {
#define X(upper, lower) CLOSE_##upper,
    CLOSE_REASONS_TABLE(X)
#undef X
        CLOSE_REASONS
};
const char *close_reason_name(enum close_reason why);

// X(field, prometheus name, type, help). Limits are own fields with a label in the name.
#define METRICS(X)                                                                                           \
    X(connections, "plenum_connections", "gauge", "Open connections")                                        \
    X(connections_accepted, "plenum_connections_accepted_total", "counter", "Connections accepted")          \
    X(sessions, "plenum_sessions", "gauge", "Connections that have said hello")                              \
    X(rooms, "plenum_rooms", "gauge", "Rooms that exist")                                                    \
    X(rooms_created, "plenum_rooms_created_total", "counter", "Rooms made by a first join")                  \
    X(members, "plenum_members", "gauge", "Members of all rooms")                                            \
    X(memberships, "plenum_memberships", "gauge", "Rooms joined, summed over connections")                   \
    X(outlets, "plenum_outlets", "gauge", "Pairs of a room and a shard with connections in it")              \
    X(entries, "plenum_entries_total", "counter", "Records appended to room logs")                           \
    X(passing, "plenum_passing_total", "counter", "Passing entries: who came, went or changed, counts")      \
    X(entries_duplicate, "plenum_entries_duplicate_total", "counter",                                        \
      "Publishes answered from the idempotency window")                                                      \
    X(receipts, "plenum_api_receipts", "gauge", "Requests with an idempotency key that are remembered")      \
    X(replayed, "plenum_api_replayed_total", "counter", "Requests answered again by their idempotency key")  \
    X(decrees, "plenum_decrees_total", "counter",                                                            \
      "Roles, kicks, bans, mutes and the like that have taken effect")                                       \
    X(log_bytes, "plenum_log_bytes", "gauge", "Bytes of the records in room logs")                           \
    X(log_relieved, "plenum_log_relieved_total", "counter",                                                  \
      "Records that went before their time because memory was short")                                        \
    X(epochs_ended, "plenum_epochs_ended_total", "counter",                                                  \
      "Times a room went on in another epoch, as its engine had lost records")                               \
    X(kept_batches, "plenum_kept_batches_total", "counter", "Batches sent to the store")                     \
    X(kept_records, "plenum_kept_records_total", "counter", "Records in these")                              \
    X(kept_bytes, "plenum_kept_bytes_total", "counter", "Bytes of these, images of rooms included")          \
    X(kept_again, "plenum_kept_again_total", "counter", "Batches that the store could not take, sent again") \
    X(rooms_loaded, "plenum_rooms_loaded_total", "counter", "Rooms that came from the store")                \
    X(loads_away, "plenum_loads_away_total", "counter",                                                      \
      "Rooms that could not be asked for, as the store was away")                                            \
    X(loads_damaged, "plenum_loads_damaged_total", "counter",                                                \
      "Rooms that were refused, as what the store has is damaged")                                           \
    X(replay_bytes, "plenum_replay_bytes_total", "counter",                                                  \
      "Bytes of frames made of older records, for who joins or asks for history")                            \
    X(asks_waited, "plenum_asks_waited_total", "counter",                                                    \
      "Times an ask waited for the next turn, as frames are made a slice a turn")                            \
    X(deliveries, "plenum_deliveries_total", "counter", "Entries written to connections")                    \
    X(directs, "plenum_directs_total", "counter", "Direct messages delivered to sessions")                   \
    X(deflated, "plenum_deflated_total", "counter",                                                          \
      "Messages deflated: once for a record and each window in use, whatever the number of readers")         \
    X(deflated_bytes_in, "plenum_deflated_plain_bytes_total", "counter", "Bytes of these before")            \
    X(deflated_bytes_out, "plenum_deflated_bytes_total", "counter",                                          \
      "And after, those that would not get shorter and went plain included")                                 \
    X(deflate_put_off, "plenum_deflate_put_off_total", "counter",                                            \
      "Messages that went plain as a turn had deflated its share, or there was no memory")                   \
    X(deflate_slices, "plenum_deflate_slices_total", "counter",                                              \
      "Turns in which a slice of a large message was deflated")                                              \
    X(inflated, "plenum_inflated_total", "counter", "Messages of clients inflated")                          \
    X(inflated_bytes_in, "plenum_inflated_bytes_total", "counter", "Bytes of these as they came")            \
    X(inflated_bytes_out, "plenum_inflated_plain_bytes_total", "counter", "And what they became")            \
    X(deflate_accepted, "plenum_deflate_accepted_total", "counter", "Upgrades with permessage-deflate")      \
    X(deflate_declined, "plenum_deflate_declined_total", "counter",                                          \
      "Upgrades that offered it in no way that was accepted, or for which there was no memory")              \
    X(deflate_contexts, "plenum_deflate_contexts", "gauge",                                                  \
      "Connections whose messages may refer to those before, for which a window is kept")                    \
    X(deflate_contexts_denied, "plenum_deflate_contexts_denied_total", "counter",                            \
      "Connections that were told to begin each message anew, as websocket.deflate_memory_mb was used up")   \
    X(bytes_in, "plenum_received_bytes_total", "counter", "Bytes read from clients")                         \
    X(bytes_out, "plenum_sent_bytes_total", "counter", "Bytes written to clients")                           \
    X(writes, "plenum_writes_total", "counter",                                                              \
      "Writes to sockets; rate of deliveries / rate of writes is what one write carries")                    \
    X(writes_blocked, "plenum_writes_blocked_total", "counter", "Writes that the socket took only in part")  \
    X(blocked, "plenum_connections_blocked", "gauge", "Connections waiting for their socket to drain")       \
    X(gaps, "plenum_gaps_total", "counter", "Gaps announced to slow or returning readers")                   \
    X(conflated, "plenum_conflated_entries_total", "counter",                                                \
      "Entries that slow readers were told to be replaced by newer ones")                                    \
    X(gap_entries, "plenum_gap_entries_total", "counter", "Entries inside announced gaps")                   \
    X(mail_sent, "plenum_mail_total", "counter", "Mails to other shards")                                    \
    X(asks, "plenum_asks", "gauge", "Asks under way to homes, not answered yet")                             \
    X(mail_full, "plenum_mail_full_total", "counter",                                                        \
      "Times a command waited since a shard had as many asks under way at a home as it may")                 \
    X(commands_kept, "plenum_commands_kept_total", "counter",                                                \
      "Commands that waited for an earlier one about their room while others of their connection went on")   \
    X(waiting_full, "plenum_waiting_full_total", "counter",                                                  \
      "Times a connection was not read on since as many of its commands waited as may")                      \
    X(flush_slices, "plenum_flush_slices_total", "counter",                                                  \
      "Turns in which a room's readers were written to in part, and the others in the next ones")            \
    X(publishes_paced, "plenum_publishes_paced_total", "counter",                                            \
      "Times a publish waited until readers had been served")                                                \
    X(pings, "plenum_pings_total", "counter", "Heartbeat pings sent")                                        \
    X(limit_rate, "plenum_limit_hits_total{limit=\"rate\"}", "counter", "Refusals at a limit, by limit")     \
    X(limit_user_rate, "plenum_limit_hits_total{limit=\"user_rate\"}", "counter", "")                        \
    X(limit_address_rate, "plenum_limit_hits_total{limit=\"address_rate\"}", "counter", "")                  \
    X(limit_member_rate, "plenum_limit_hits_total{limit=\"member_rate\"}", "counter", "")                    \
    X(limit_room_rate, "plenum_limit_hits_total{limit=\"room_rate\"}", "counter", "")                        \
    X(limit_state, "plenum_limit_hits_total{limit=\"state\"}", "counter", "")                                \
    X(limit_invitations, "plenum_limit_hits_total{limit=\"invitations\"}", "counter", "")                    \
    X(limit_requests, "plenum_limit_hits_total{limit=\"requests\"}", "counter", "")                          \
    X(limit_receipts, "plenum_limit_hits_total{limit=\"idempotency_keys\"}", "counter", "")                  \
    X(limit_api_key, "plenum_limit_hits_total{limit=\"api_key\"}", "counter", "")                            \
    X(limit_noise, "plenum_limit_hits_total{limit=\"noise\"}", "counter", "")                                \
    X(limit_rooms, "plenum_limit_hits_total{limit=\"rooms\"}", "counter", "")                                \
    X(limit_rooms_rate, "plenum_limit_hits_total{limit=\"rooms_created\"}", "counter", "")                   \
    X(limit_rooms_address, "plenum_limit_hits_total{limit=\"rooms_address\"}", "counter", "")                \
    X(limit_sessions, "plenum_limit_hits_total{limit=\"sessions\"}", "counter", "")                          \
    X(limit_members, "plenum_limit_hits_total{limit=\"members\"}", "counter", "")                            \
    X(limit_course, "plenum_limit_hits_total{limit=\"proposals\"}", "counter", "")                           \
    X(limit_revocations, "plenum_limit_hits_total{limit=\"revocations\"}", "counter", "")                    \
    X(limit_message, "plenum_limit_hits_total{limit=\"message_bytes\"}", "counter", "")                      \
    X(limit_inflate, "plenum_limit_hits_total{limit=\"inflate\"}", "counter", "")                            \
    X(limit_body, "plenum_limit_hits_total{limit=\"http_body\"}", "counter", "")                             \
    X(limit_connections, "plenum_limit_hits_total{limit=\"connections\"}", "counter", "")                    \
    X(limit_address, "plenum_limit_hits_total{limit=\"address\"}", "counter", "")                            \
    X(limit_address_connects, "plenum_limit_hits_total{limit=\"address_connects\"}", "counter", "")          \
    X(limit_memory, "plenum_limit_hits_total{limit=\"memory\"}", "counter", "")                              \
    X(limit_files, "plenum_limit_hits_total{limit=\"files\"}", "counter", "")                                \
    X(host_refused, "plenum_host_refused_total", "counter", "Requests for a host that is not ours")          \
    X(origin_refused, "plenum_origin_refused_total", "counter", "Upgrades refused for their Origin")         \
    X(http_requests, "plenum_http_requests_total", "counter", "HTTP requests answered, upgrades included")   \
    X(http_errors, "plenum_http_errors_total", "counter", "HTTP requests answered with 4xx or 5xx")          \
    X(resumed, "plenum_resumed_total", "counter", "Sessions resumed")                                        \
    X(resume_refused, "plenum_resume_refused_total", "counter",                                              \
      "Resume secrets that opened no session: made up, of another user, or too old")                         \
    X(certificate_sessions, "plenum_certificate_sessions_total", "counter",                                  \
      "Sessions that began by a client's certificate")                                                       \
    X(recovered, "plenum_recovered_total", "counter", "Joins with `since` that were recovered in full")      \
    X(tokens_asked, "plenum_tokens_total", "counter", "Tokens that helpers were given to check")             \
    X(tokens_refused, "plenum_tokens_refused_total", "counter", "Tokens that were refused")                  \
    X(tokens_put_off, "plenum_tokens_put_off_total", "counter",                                              \
      "Tokens whose key is to be fetched: told to come again")                                               \
    X(tokens_expired, "plenum_tokens_expired_total", "counter",                                              \
      "Connections closed as their token had ended")                                                         \
    X(revocations, "plenum_revocations", "gauge", "Users and tokens that are revoked")                       \
    X(tokens_revoked, "plenum_tokens_revoked_total", "counter",                                              \
      "Tokens and resume tokens refused as they were revoked")                                               \
    X(sessions_revoked, "plenum_sessions_revoked_total", "counter",                                          \
      "Connections closed as what they were opened with was revoked")                                        \
    X(passes_expired, "plenum_room_tokens_expired_total", "counter",                                         \
      "Memberships that ended as the token of the room had")

// Of one tenant: X(field, name after "plenum_tenant_", label beside its own or "", type, help).
#define TENANT_METRICS(X)                                                                                    \
    X(connections, "connections", "", "gauge", "Connections of a tenant's users")                            \
    X(rooms, "rooms", "", "gauge", "Its rooms")                                                              \
    X(messages, "messages_total", "", "counter", "Records appended to the logs of its rooms")                \
    X(deliveries, "deliveries_total", "", "counter", "Entries written to its connections")                   \
    X(bytes_in, "received_bytes_total", "", "counter", "Bytes read from them")                               \
    X(bytes_out, "sent_bytes_total", "", "counter", "Bytes written to them")                                 \
    X(log_relieved, "log_relieved_total", "", "counter", "Records of its rooms that went before their time") \
    X(strangers, "refused_total", "names", "counter",                                                        \
      "What was refused: names of others, and at which limit")                                               \
    X(limit_connections, "refused_total", "connections", "counter", "")                                      \
    X(limit_rooms, "refused_total", "rooms", "counter", "")                                                  \
    X(limit_memory, "refused_total", "memory", "counter", "")                                                \
    X(limit_rate, "refused_total", "messages", "counter", "")

struct tenant_metrics {
#define X(field, name, label, type, help) _Atomic uint64_t field;
    TENANT_METRICS(X)
#undef X
};

// Times: upper bounds in microseconds; the last bucket is +Inf.
#define TIME_BOUNDS_US                                                                                      \
    {                                                                                                       \
        50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, \
            5000000, 10000000                                                                               \
    }
enum { TIME_BUCKETS = 18 };

struct time_histogram {
    _Atomic uint64_t buckets[TIME_BUCKETS]; // not cumulative
    _Atomic uint64_t us_sum;
};

struct metrics {
#define X(field, name, type, help) _Atomic uint64_t field;
    METRICS(X)
#undef X
    _Atomic uint64_t commands[CMD_COUNT]; // by type; CMD_NONE: what could not be read as one
    _Atomic uint64_t errors[PROBLEM_COUNT];
    union {
        _Atomic uint64_t closed[CLOSE_REASONS];
        struct {
#define X(upper, lower) _Atomic uint64_t closed_##lower;
            CLOSE_REASONS_TABLE(X)
#undef X
        };
    };
    struct tenant_metrics tenants[TENANTS_MAX];
    struct time_histogram turn;       // filled by the driver
    struct time_histogram publish;    // from an append to the end of the turn's writes, see shard_on_written
    _Atomic uint64_t lag_entries_max; // gauge: how far the slowest reader of this shard is behind, in entries
};

static inline void metric_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline void metric_sub(_Atomic uint64_t *gauge, uint64_t n)
{
    uint64_t before = atomic_load_explicit(gauge, memory_order_relaxed);
    ASSERT(n <= before); // what it counts has been counted in
    atomic_store_explicit(gauge, before - n, memory_order_relaxed);
}
static inline void metric_set(_Atomic uint64_t *gauge, uint64_t n)
{
    atomic_store_explicit(gauge, n, memory_order_relaxed);
}
static inline uint64_t metric_get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline uint32_t time_bucket(uint64_t us)
{
    static const uint32_t bounds_us[] = TIME_BOUNDS_US;
    _Static_assert(sizeof bounds_us / sizeof bounds_us[0] + 1 == TIME_BUCKETS, "the last bucket is +Inf");
    uint32_t bucket = 0;
    while (bucket < TIME_BUCKETS - 1 && us > bounds_us[bucket])
        bucket++;
    return bucket;
}

static inline void time_add(struct time_histogram *h, uint64_t us)
{
    metric_add(&h->buckets[time_bucket(us)], 1);
    metric_add(&h->us_sum, us);
}

#endif
