// SPDX-License-Identifier: Apache-2.0
//
// The way from a connected socket to a WebSocket (RFC 6455, section 4): what a client asks for, and whether it got it.

#ifndef BENCH_UPGRADE_H
#define BENCH_UPGRADE_H

#include "world.h"

// Queues the request, with the subprotocol and the compression that the options ask for.
void upgrade_send(struct bench_conn *c);

// Takes the answer off p[0..n): how many bytes it was, or 0 when there is not enough of it or when the connection has failed.
uint32_t upgrade_take(struct bench_conn *c, const char *p, uint32_t n);

#endif
