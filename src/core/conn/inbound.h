// SPDX-License-Identifier: Apache-2.0
//
// inbound.h - permessage-deflate of one connection: what was agreed, and its messages made whole before any language sees them.
//
//      frames --ws_frame--> compressed message --inflate--> message --UTF-8--> commands
//                                                  ^  |
//                                        window ---'  '--> window: the newest octets that it has said
//
// A connection that has agreed to it speaks a deflated encoding (dialect/ways.h), and has a row here, beside it, so that those
// without pay nothing: 16 bytes, and a window where its client may refer to what it has said before. No zlib stream is kept; the shard
// has one for all. The window is as large as was agreed: a client that lets us say so is told 12 bits, as 4 KiB of JSON before are
// nearly as good as 32.
//
// What a message may become is bounded before it is made: by the connection's message cap, and beyond INFLATE_FREE_BYTES by
// INFLATE_RATIO times what came. What it has cost is counted in a bucket of bytes. Who owes some is not read until that is paid, whatever he had to say: a peer on the same
// machine, or with a good link, sends more than that by sending large messages one after the other, and has done nothing wrong. Rejected: to
// close it (1008), as it was: hostile or not, what it can make us do is the same.
//
// What one has said stands in one's own window until more was said, or the connection has ended, whatever is taken back meanwhile.
//
// Invariants (inbound_check): there is a row exactly where the connection's encoding is deflated; a window is not fuller than it is large; who waits for what is owed is in
// the list of those who owe.
// Memory: from settings.deflate; where there is none for a window the client is told not to refer back, where there is none for a
// row, or for the shard's inflater, the offer is declined. Thread: the shard's.
#ifndef PLENUM_CORE_CONN_INBOUND_H
#define PLENUM_CORE_CONN_INBOUND_H

#include "core/conn/conn.h"
#include "wire/ws_deflate.h"

enum {
    INBOUND_WINDOW_BITS = 12,
    INFLATE_FREE_BYTES = 64 * 1024, // of one message, whatever came
    INFLATE_RATIO = 100,
    INFLATE_UNIT = 64,                   // bytes that a token of the bucket stands for
    INFLATE_MESSAGE_UNITS = 16,          // what a message costs beside its bytes
    INFLATE_UNITS_PER_S = 128 * 1024,    // 8 MiB
    INFLATE_UNITS_BURST = 8 * 128 * 1024 // 64 MiB: the largest message there can be
};

// The table, where compression is on.
enum err inbound_init(struct conns *cs) WARN_UNUSED;
void inbound_deinit(struct conns *cs);
// Looks for an offer that can be accepted. What the connection speaks then: `plain`, with an empty value in *value, where there is none.
const struct encoding *inbound_agree(struct conns *cs, uint32_t index, const struct http_request *rq,
                                     const struct encoding *plain, struct buf *value);
void inbound_end(struct conns *cs, uint32_t index); // where nothing was agreed, nothing is done
// *message, compressed, is what it says from here on: it lies in cs->inflated. ERR_SYNTAX, ERR_UTF8, ERR_TOO_LARGE as in ws_decoder_fail;
// ERR_NOMEM. It may owe from here on, and is to rest when this message has been carried out.
enum err inbound_inflate(struct conns *cs, uint32_t index, bool text, str *message) WARN_UNUSED;
// Parks it where it owes. It goes on by itself when that is paid, which takes eight seconds for the largest message there can be.
void inbound_rest(struct conns *cs, uint32_t index);
// Once a turn, or when it is due (conns_due_ms): wakes those who owe nothing any more.
void inbound_wake(struct conns *cs);
void inbound_check(const struct conns *cs, uint32_t index);

#endif
