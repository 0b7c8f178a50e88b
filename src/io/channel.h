// SPDX-License-Identifier: Apache-2.0
//
// channel.h - the bytes of one connection between its socket and core: as they are, or through something that puts
// them into records of its own (TLS).
//
//              traffic.c                  channel                              the kernel
//      spans   --channel_write-->  [ the rest of a record, not sent yet ]      --send-->  socket
//      bytes   <--channel_read---  [ the rest of a record, not taken yet ]     <--recv--  socket
//              <-channel_on_socket-                                            <-epoll--
//
// A channel's words are not the socket's. To read, it may have to write first (a handshake, a new key), and the other way
// round; it may hold bytes that no event of the socket will announce; and it cannot take back a record of which a part
// is on its way. So core's side knows these words only:
//
//   readable   a read may bring something. Said by channel_on_socket, or by the read before: then it holds bytes that no
//              event will announce, and is to be read again, in the next turn at the latest
//   writable   what was blocked goes on. Said by channel_on_socket, or by a read, which may have found what the write
//              was waiting for
//   taken      what counts as written. A channel may have taken bytes that are still in it: then it is blocked, and is
//              writable again when they have left. Whoever is blocked is not over (core/shard/shard.h), so a connection that is
//              closed in good order has sent all that it has taken
//   ending     the peer will send no more than what is under way: read on until the end
//
// Plain is the socket itself: it has no state, and a call is a direct branch. Every other kind is a struct channel_kind
// with its functions, named by the listener that the connection came from. Its ctx, if it has one, embeds the struct.
//
// The rules of a kind. (1) Its socket is watched once, for everything and edge-triggered, so each edge must be used or
// remembered. (2) After CHANNEL_AGAIN, and after `blocked`, the socket is watched anew: edges of what it is ready for come
// again, and those that the channel does not wait for must not be called news of its own, or the loop would spin. (3) It
// keeps at most a record in each direction. (4) After CHANNEL_BROKEN it says nothing else. (5) A write that is blocked
// may be followed by one of other bytes, as rooms go on: a kind never expects to see the same again.
//
// Ownership: the channel owns the socket from channel_open on, and its state. Thread: the shard's.
#ifndef PLENUM_IO_CHANNEL_H
#define PLENUM_IO_CHANNEL_H

#include "base/err.h"
#include "base/mem.h"
#include "core/shard/shard.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum channel_news {
    CHANNEL_READABLE = 1,
    CHANNEL_WRITABLE = 2,
    CHANNEL_ENDING = 4, // and readable
    CHANNEL_ERROR = 8,  // the next read says what
    CHANNEL_SECURED =
        16, // of a read, once, where the kind is `secure`: hands are shaken; what that read brings comes behind it
};

// Beside a number of bytes. 0 bytes read: the end.
enum { CHANNEL_AGAIN = -1, CHANNEL_BROKEN = -2 };

struct channel_kind {
    const char *name; // in the log
    bool secure;      // nobody on the way can read or change it: a page that comes by it is https
    // The state of a connection on the socket fd; NULL when memory is out. It may write at once: what does not fit is
    // remembered, and goes on with the events of the socket.
    void *(*open)(const struct channel_kind *kind, int fd, struct mem *mem);
    // Gives the state back; the socket is closed behind it. In good order: says so to the peer, if that fits.
    void (*close)(void *state, struct mem *mem, bool abortive);
    // News of the socket, in the same words, become news of the channel. This is where it goes on with what it holds.
    uint32_t (*on_socket)(void *state, uint32_t news);
    // The rest is as with channel_read, channel_write and channel_shutdown.
    ssize_t (*read)(void *state, uint8_t *p, size_t n, uint32_t *ret_news);
    ssize_t (*write)(void *state, const struct span *spans, size_t count, bool *ret_blocked);
    bool (*shutdown)(void *state);
    const struct certificate *(*certificate)(void *state); // NULL where nobody can show one
};

// What a call needs; the parts are kept where they take least room (traffic.h).
struct channel {
    const struct channel_kind *kind; // NULL = plain
    void *state; // NULL for plain, and where channel_open failed: it can only be closed then
    int fd;
};

// Takes the socket over, in any case. ERR_NOMEM.
enum err channel_open(const struct channel_kind *kind, int fd, struct mem *mem,
                      struct channel *ret) WARN_UNUSED;
// Closes the socket. abortive: with a reset, which forgets what it still holds.
void channel_close(struct channel c, struct mem *mem, bool abortive);

// What epoll has said about the socket, as a set of channel_news.
uint32_t channel_on_socket(struct channel c, uint32_t epoll_events);
// Bytes read, 0 for the end, CHANNEL_AGAIN, CHANNEL_BROKEN; and whether it is readable still, or writable again.
ssize_t channel_read(struct channel c, uint8_t *p, size_t n, uint32_t *ret_news);
// Bytes taken, of all the spans together, or CHANNEL_BROKEN. blocked: it takes no more until it is writable.
ssize_t channel_write(struct channel c, const struct span *spans, size_t count, bool *ret_blocked);
// Nothing is written after this: what was taken is sent, then the end. False: not all of it has left yet, the channel goes
// on by itself with the events of its socket.
bool channel_shutdown(struct channel c);

// After CHANNEL_SECURED: who the peer is by its certificate, good until the thread's next call. NULL: nobody.
const struct certificate *channel_certificate(struct channel c);

#endif
