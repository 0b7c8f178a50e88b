// SPDX-License-Identifier: Apache-2.0
//
// What a connection's bytes go through: its socket, or TLS over it (wss://). Certificates are not checked: what is
// measured is the server, on a certificate that the bench has made itself.

#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include "world.h"

#include <sys/types.h>

// What all connections of a run share. Ends the program when OpenSSL has no memory.
void channel_init(struct world *world);
void channel_deinit(struct world *world);

// Begins TLS on a connected socket.
void channel_open(struct bench_conn *c);

// Goes on with the handshake: 1 done (plain: always), 0 it waits for the socket, -1 it failed.
int channel_shake(struct bench_conn *c);

// recv(2) and send(2), with room for a record (16 KiB) at least: -1 and EAGAIN where the socket has to be waited for, 0 at the end of what the server says.
ssize_t channel_recv(struct bench_conn *c, void *at, size_t n);
ssize_t channel_send(struct bench_conn *c, const void *at, size_t n);

// Frees what TLS keeps of the connection; the socket stays open.
void channel_close(struct bench_conn *c);

#endif
