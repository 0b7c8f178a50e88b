// SPDX-License-Identifier: Apache-2.0
//
// permessage-deflate (RFC 7692), the client's half of reading. Neither side keeps a window from one message to the next
// (server_no_context_takeover and client_no_context_takeover are offered), so a message is inflated by itself.

#ifndef BENCH_INFLATE_H
#define BENCH_INFLATE_H

#include "world.h"

// What a client offers in its request.
#define INFLATE_OFFER \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

// Before and after a worker runs, where --deflate was given.
void inflate_init(struct worker *w);
void inflate_deinit(struct worker *w);

// The text of one compressed message, valid until the next call; NULL when it is broken or too large.
const char *inflate_message(struct worker *w, const char *p, uint32_t n, uint32_t *ret_len);

#endif
