// SPDX-License-Identifier: Apache-2.0
//
// server.h - the running server: one thread and one event loop per shard, and what they share.
//
//      server_create    binds every address, sizes everything, makes the shards; nothing runs yet
//      server_start     the threads run; connections are taken
//      server_unready   leaving soon: only /readyz tells
//      server_drain     leave in good order: no new connections, clients are told, closes are paced
//      server_wait      until all threads have ended
//      server_destroy
//
// Everything that can fail for a reason an operator can mend fails in server_create, before a single connection is
// taken, with one sentence in struct io_error.
//
// Ownership: settings, hooks' context and all that they point to belong to the caller and outlive the server; after
// server_settings_set has returned true, the settings before are free again.
// Thread: server_unready, server_drain, server_stop, server_metrics, server_info, server_mem, server_shard_look, server_verifiers and
// server_verifier_waiting from any thread; server_drain and
// server_stop also from a signal handler. The rest from the thread that created the server. The shards' threads
// block every signal. Hooks are called by the shards' threads, several at a time; io_notice by the
// watchdog's and by that of who fetches keys, too.
#ifndef PLENUM_IO_SERVER_H
#define PLENUM_IO_SERVER_H

#include "core/auth/key_source.h"
#include "core/shard/shard.h"
#include "io/hooks.h"
#include "io/io_error.h"
#include "io/io_metrics.h"
#include "io/listener.h"
#include "io/rlimit.h"
#include "io/store_driver.h"

struct server;

// What the operator decides about the driver. [start] is read by server_create only.
struct io_settings {
    struct listener_row listeners[LISTENERS_MAX]; // [start] names and channels outlive the server
    uint32_t listener_count;
    uint32_t backlog;           // [start] of each listening socket; the kernel caps it at net.core.somaxconn
    size_t memory_bytes_max;    // [start] budget of all shards together; 0 = none
    uint32_t drain_deadline_ms; // from server_drain until the rest is cut off
    uint32_t connections_max;   // in all; above what was given at the start, or has files, it is cut down
    uint32_t connections_per_address; // 0 = no limit
    struct rate address_connects;     // and how often they may come from one address
    uint32_t connection_wait_ms;      // a connection beyond connections_max waits in the accept queue so long
    uint32_t spin_us; // poll the mailboxes so long before sleeping, after mail was moved; 0 = never
    struct key_bounds key_bounds;     // for how long keys that are fetched count (core/auth/key_source.h)
    const struct store_driver *store; // [start] NULL: there is none; core's settings.store says the same
    struct store_db *store_db;        // [start] open, the caller's; outlives the server
    uint32_t turn_slow_ms; // a turn that takes longer is counted and reported, while it lasts, too; 0 = never
};

struct server_info {
    uint32_t shard_count;
    struct listener_info listeners[LISTENERS_MAX]; // as in io_settings
    uint32_t listener_count;
    struct rlimit_files files;
    uint32_t connections_max; // in force: what was asked for, or what there are files for
    size_t memory_bytes_max;
};

// core->shard_count is the number of threads; core->connections_max should be io->connections_max, because
// SO_REUSEPORT may give one shard all of them.
enum err server_create(const struct io_settings *io, const struct settings *core,
                       const struct server_hooks *hooks, struct server **ret,
                       struct io_error *error) WARN_UNUSED;
enum err server_start(struct server *s, struct io_error *error) WARN_UNUSED;

// New values for the reloadable fields of both. Returns when every shard has taken them, which is one turn, and is
// then true; false when a shard did not within 10 s (a turn hangs): both old and new must then stay.
bool server_settings_set(struct server *s, const struct io_settings *io, const struct settings *core);

void server_unready(struct server *s);
void server_drain(struct server *s);
// At once: everything that is still open is cut off.
void server_stop(struct server *s);
// Returns true when all connections had ended before the deadline of the drain.
bool server_wait(struct server *s);
// After server_wait: all that was to be kept in the store is, or there is none.
bool server_kept(const struct server *s);
// After server_wait, or before server_start. NULL is fine.
void server_destroy(struct server *s);

const struct server_info *server_info(const struct server *s);
struct metrics *server_metrics(const struct server *s, uint32_t shard);
struct io_metrics *server_io_metrics(const struct server *s, uint32_t shard);
struct mem *server_mem(struct server *s);
struct key_fetcher *server_keys(struct server *s); // who fetches keys; for its status
// How a shard is doing, without asking it: what hangs is told like any other. Any thread, and so for helpers.
struct shard_look {
    uint64_t turns;
    uint64_t turn_ns;   // how long the turn under way has lasted; 0 = it waits
    uint64_t waited_ns; // since its last turn ended; 0 = there was none
    const char *doing;  // the phase that it is in (base/where.h), static
    uint32_t mail;      // in its mailboxes
};
struct shard_look server_shard_look(struct server *s, uint32_t shard);
uint32_t server_verifiers(const struct server *s);                        // helpers that check tokens,
uint32_t server_verifier_waiting(const struct server *s, uint32_t which); // and tokens that wait for one
// To be called every few seconds: gives memory back to the system after a peak.
void server_memory_look(struct server *s);

#endif
