// SPDX-License-Identifier: Apache-2.0
//
// deflate.h - messages made smaller, and made whole again: DEFLATE (RFC 1951) as RFC 7692 section 7.2 frames it, by zlib.
//
//     payload --deflate, Z_SYNC_FLUSH--> [blocks .............. 00 00 ff ff]       the four last octets are not sent,
//     payload <--inflate---------------- [blocks .............. 00 00 ff ff]       and are put back by who receives
//
// Both work on whole messages: one call, one message, nothing kept between two of them. So one of each is enough for a thread,
// whatever the number of connections; a message that comes in pieces is put together as it is, which costs what was sent and not the
// 10 KiB and the window of a zlib stream. What a client's message may refer to of those before is handed in, by whom it is kept.
// Rejected: a stream for each connection (40 KiB, whatever it says), and one for each message under way (7 KiB and a window for
// whoever sends the first octet of one).
//
// What zlib works with are blocks of `mem` (base/mem.h). They hold what was said until deflater_wipe, inflater_wipe, to be called
// when a turn ends: a memset as long as what was said, not as long as the blocks.
//
// Ownership: the caller's. Errors: as said; zlib's own mistakes are asserted. Thread: one at a time.
#ifndef PLENUM_WIRE_DEFLATE_H
#define PLENUM_WIRE_DEFLATE_H

#include "base/buf.h"
#include "base/err.h"

struct deflater;
struct inflater;

enum {
    // zlib has no window of 8 bits: it uses 9 without a word where the stream can say so, and refuses where, as here, it cannot.
    DEFLATE_WINDOW_MIN = 9,
    DEFLATE_WINDOW_MAX = 15,
};

// A window of 2^bits octets. NULL when memory is out.
struct deflater *deflater_create(struct mem *m, uint8_t bits);
void deflater_destroy(struct deflater *d); // NULL is fine
// Puts the payload, which may lie in `out`, deflated behind what is in `out`. 0: it would not be shorter, and nothing is put, or there was no
// memory, which `out` says then. Otherwise how many octets.
size_t deflater_message(struct deflater *d, struct buf *out, str payload);
// The same of a payload of n octets in pieces, which may come far apart in time; until the last one the deflater is of use for nothing
// else, and `out` is left alone. What has been made lies behind what is in it, and counts in with the last piece. False: as 0
// above, and it is over.
bool deflater_begin(struct deflater *d, struct buf *out, size_t n) WARN_UNUSED;
bool deflater_piece(struct deflater *d, struct buf *out, str piece, bool last) WARN_UNUSED;
// What was begun is not gone on with.
void deflater_end(struct deflater *d);
void deflater_wipe(struct deflater *d);

struct inflater *inflater_create(struct mem *m);
void inflater_destroy(struct inflater *in);
// Puts what the payload says behind what is in `out`; bytes_max of it at most. context: what the sender's window may hold, its newest
// octets last. ERR_SYNTAX: it is not whole blocks of DEFLATE, or refers to what was not there; ERR_TOO_LARGE: it is more than
// bytes_max, of which one octet more was made; ERR_NOMEM. `out` is undefined then.
enum err inflater_message(struct inflater *in, str context, str payload, size_t bytes_max,
                          struct buf *out) WARN_UNUSED;
void inflater_wipe(struct inflater *in);

// The most that a message of n octets takes where it cannot be made smaller (zlib's compressBound, and a sync flush): a frame
// that is larger says more.
static inline uint32_t deflate_bound(uint32_t n) { return n + (n >> 8) + 64; }

#endif
