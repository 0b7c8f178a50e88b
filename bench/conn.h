// SPDX-License-Identifier: Apache-2.0
//
// One client connection: connect, upgrade, read, write, close.
//
//     NEW -> CONNECTING -> SHAKING -> UPGRADING -> JOINING -> READY -+-> CLOSED
//                           (TLS) \______(tcp://)_____/               +-> CUT -> CONNECTING ...   (--reconnect-storm)
//
// A failure on the way ends in CLOSED and is counted with its reason.

#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#include "world.h"

// Starts connecting (non-blocking).
void conn_connect(struct bench_conn *c);

// Readiness from epoll.
void conn_on_event(struct bench_conn *c, uint32_t events);

// All joins are through: the client takes part from now on.
void conn_ready(struct bench_conn *c);

// Queues bytes; they leave at the end of the turn, in one send() with everything else queued. Returns where `len`
// bytes are to be written.
char *conn_reserve(struct bench_conn *c, uint32_t len);

// Queues one message of the connection's transport: a masked frame, or a line (its end is added).
void conn_send_text(struct bench_conn *c, const char *text, uint32_t len);

// So much is unsent that a further message should be dropped rather than queued.
bool conn_is_congested(const struct bench_conn *c);

// Sends what the turn has queued on the worker's connections.
void conn_flush_dirty(struct worker *w);

// Ends the connection for good, with the reason (a format).
__attribute__((format(printf, 2, 3))) void conn_fail(struct bench_conn *c, const char *format, ...);

// --reconnect-storm: cut without a goodbye.
void conn_cut(struct bench_conn *c);

// --stall: stop reading, or read again.
void conn_set_stalled(struct bench_conn *c, bool stalled);

// Sends WebSocket close (1000) and closes the socket.
void conn_goodbye(struct bench_conn *c);

#endif
