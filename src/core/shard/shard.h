// SPDX-License-Identifier: Apache-2.0
//
// shard.h - one core's share of the server: its connections, its home rooms, its outlets. The contract between
// core and whoever drives it (io in production, sim in tests).
//
// A shard makes no system call. The driver feeds it bytes and events and pulls out what must happen:
//
//      accept, bytes, eof, writable, mail, time          (in: shard_on_*, between turn_begin and turn_end)
//                     |
//              +------v-------+
//              |    shard     |   host: random numbers, dynamic HTTP pages, notices for the log
//              +------+-------+
//                     |
//      dirty connections + spans to write, mail to other shards,
//      connections to close, connections to read again   (out: shard_pull_*, after turn_end)
//
// One turn, in this order:
//   1. shard_turn_begin(now)                       one `now` for the whole turn
//   2. shard_on_accept / _bytes / _eof / _writable / _mail ...   in any number and order
//   3. shard_turn_end                              timers, deadlines, announcements of new entries
//   4. shard_pull_mail for every other port        until NULL or that mailbox is full
//   5. shard_pull_dirty ... shard_output, write, shard_output_done     until false, then shard_on_written
//   6. shard_pull_closed                           close the sockets; the index may be used again at once
//   7. shard_pull_reread                           these connections were paused: read them again
//   8. wait until an event or shard_next_due_ms
//
// Connections are named by a 32-bit index below settings.connections_max, dense from 0, so that the driver can
// keep its sockets in an array. A connection lives until shard_pull_closed gives it out.
//
// Thread: everything here is called by the shard's own thread. struct mail moves between threads by the driver.
// Errors: a peer's misbehaviour never surfaces here; it is answered or the connection is closed.
#ifndef PLENUM_CORE_SHARD_H
#define PLENUM_CORE_SHARD_H

#include "base/err.h"
#include "base/mem.h"
#include "core/common/driver.h"
#include "core/common/metrics.h"
#include "core/common/settings.h"
#include "core/mail/mail.h"

struct shard;

// A shard `index` of settings->shard_count. Settings and host outlive it. NULL when memory is out.
struct shard *shard_create(uint32_t index, const struct settings *settings, const struct shard_host *host,
                           struct mem *mem);
// Frees everything, connections and undelivered mail in its outboxes included. NULL is fine.
void shard_destroy(struct shard *sh);
// New values for the reloadable fields; both old and new stay valid until the next turn begins.
void shard_settings_set(struct shard *sh, const struct settings *settings);
struct metrics *shard_metrics(struct shard *sh);

// now_ms: monotonic, never 0, never goes back. wall_ms: since 1970 UTC, may jump. utc_offset_s: local time.
void shard_turn_begin(struct shard *sh, uint64_t now_ms, uint64_t wall_ms, int32_t utc_offset_s);
// For the histogram of publish to write: when this turn began, on the clock of now_ms but finer. Right after
// shard_turn_begin, or not at all.
void shard_turn_began_ns(struct shard *sh, uint64_t now_ns);
// The turn's writes are made; they took from began_ns on, on the same clock, which says how soon a room may be flushed again. One
// sample for each room that was flushed here, from the append of its oldest entry.
void shard_on_written(struct shard *sh, uint64_t began_ns, uint64_t now_ns);

// A new connection. ERR_LIMIT when the pool is full, ERR_DENIED when draining, ERR_NOMEM; the driver then says so, counts
// it and closes the socket.
enum err shard_on_accept(struct shard *sh, enum transport transport, const struct peer *peer,
                         uint32_t *ret_conn) WARN_UNUSED;
// Of a peer that is `secure`, once and before any bytes: the handshake below is over. shown: who its certificate says it is, which counts as
// a token would (copied); NULL: nobody.
void shard_on_secured(struct shard *sh, uint32_t conn, const struct certificate *shown);
// Bytes that arrived. They are unmasked in place and not kept after the call. Returns false when the connection
// must not be read further for now (paused, or it is closing): shard_pull_reread or shard_pull_closed follows.
bool shard_on_bytes(struct shard *sh, uint32_t conn, uint8_t *p, size_t n) WARN_UNUSED;
void shard_on_eof(struct shard *sh, uint32_t conn);      // the peer closed its sending side
void shard_on_broken(struct shard *sh, uint32_t conn);   // reset, or any socket error
void shard_on_writable(struct shard *sh, uint32_t conn); // after a write that was taken only in part
// Takes ownership of the mail. Mails of one sender must come in the order in which they were pulled.
void shard_on_mail(struct shard *sh, struct mail *m);

void shard_turn_end(struct shard *sh);

// The next mail for port `dest` (a shard, or shard_count + k: core/mail/mailroom.h), or NULL. The driver owns it until it
// is handed to dest's shard_on_mail, or to what that port is.
struct mail *shard_pull_mail(struct shard *sh, uint32_t dest);
// Mails waiting for dest; bounded by credits (core/mail/mailroom.h).
uint32_t shard_mail_waiting(const struct shard *sh, uint32_t dest);

// A connection with something to write. Each is given once a turn at most, and not while it is blocked.
bool shard_pull_dirty(struct shard *sh, uint32_t *ret_conn);
// What to write now: up to SPANS_MAX spans, good until shard_output_done for the same connection, which must
// follow before anything else is called. 0 = nothing after all.
size_t shard_output(struct shard *sh, uint32_t conn, struct span spans[SPANS_MAX]);
// n bytes of them were taken. `blocked`: it takes no more for now, and may have taken what it has not sent yet, even if that
// was all; shard_on_writable will follow. Before that no connection is closed but by a cut or its deadline.
// Where all was taken and more is waiting, the connection is dirty again, at once.
void shard_output_done(struct shard *sh, uint32_t conn, size_t n, bool blocked);

// A connection whose socket is to be closed now. abortive: with a reset, there is nothing left to say to it
// (the peer is gone or hostile); otherwise everything queued has been written.
bool shard_pull_closed(struct shard *sh, uint32_t *ret_conn, bool *ret_abortive);
// A connection whose sending side is to be shut down (SHUT_WR); reading goes on until its EOF or its deadline.
bool shard_pull_shutdown(struct shard *sh, uint32_t *ret_conn);
// A connection that was paused and may be read again.
bool shard_pull_reread(struct shard *sh, uint32_t *ret_conn);

// When shard_turn_begin/end must run at the latest though nothing happened; UINT64_MAX = never.
uint64_t shard_next_due_ms(const struct shard *sh);
// The same of what is due in between two milliseconds, for a driver whose turns have nanoseconds: a flush.
uint64_t shard_next_due_ns(const struct shard *sh);

// Leaving soon: /readyz says 503, everything else goes on.
void shard_unready(struct shard *sh);
// Starts leaving: readiness 503, no new connections, sessions are told and closed in paced batches.
void shard_drain(struct shard *sh);
bool shard_drained(const struct shard *sh); // no connection is left
// Everything that is to be kept is (core/home/keep.h), after the drain: the driver goes on with its turns until it is.
bool shard_kept(const struct shard *sh);
uint32_t shard_connections(const struct shard *sh);

// Walks every structure and asserts the invariants its headers list. Slow; for tests and the simulator.
void shard_check(const struct shard *sh);

#endif
