// SPDX-License-Identifier: Apache-2.0
//
// listener.h - what is listened to, and the listening sockets: one per shard for each address, all bound before
// anything runs.
//
// A listener is a row: an address, the transport that is spoken there, and the channel it is spoken through. Nothing else in
// the server asks which of them a connection came from, so one more is one more row (app/wiring.c).
//
// With SO_REUSEPORT the kernel spreads new connections over the shards' sockets by a hash of the 4-tuple, without a
// lock or a hand-off. It would also let a second copy of this program, of the same user, bind the same port and take
// half of the connections in silence; so the port is first tried without the option, which fails then.
//
// What every connection needs is set on the listener and inherited: TCP_NODELAY (a turn's output is one write, there
// is nothing to wait for) and TCP_NOTSENT_LOWAT (a reader that stalls keeps 51-153 KB in the kernel instead of
// 4.2 MB; the rest waits in the room's log, where it can be skipped or announced as a gap).
//
// A Unix socket (address.h) is one socket that all shards accept from: SO_REUSEPORT is not for those, so each shard has a file of its
// own to it, hears of everybody who comes, and the first one is served by. *Rejected*: EPOLLEXCLUSIVE, which wakes the same shard
// again and again as long as it is quick, and so gives it all connections. Its file is made with the mode of its row. A file that is there
// already is taken over where it is a socket that nobody listens on; it is taken away at the end, if it still is the one that was made
// (struct unix_file). Between the look and the bind there is the same gap of microseconds as for ports.
//
// Errors: a sentence for the operator in struct io_error.
#ifndef PLENUM_IO_LISTENER_H
#define PLENUM_IO_LISTENER_H

#include "core/shard/shard.h"
#include "io/address.h"
#include "io/io_error.h"

struct channel_kind;

enum {
    LISTENERS_MAX = 8,
    NOTSENT_BYTES = 16 * 1024, // unsent bytes in the kernel above which a socket takes no more
};

struct listener_row {
    const char *name; // "http": in the ready line and in the log
    const char *what; // "HTTP": in sentences
    str address;      // see address.h; empty = off
    enum transport transport;
    const struct channel_kind *channel; // see channel.h; NULL = plain
    bool proxied;  // it is for proxies that are believed, which begin with a PROXY header (lobby.h)
    uint32_t mode; // of a Unix socket's file; 0: 0600
};

// What became of a row.
struct listener_info {
    const char *name;
    char address[ADDRESS_BOUND_MAX]; // the real one, with the real port; "" = off
    uint16_t port;                   // 0 = off, or a Unix socket
    enum transport transport;
    const struct channel_kind *channel;
};

// Opens n listening sockets (non-blocking, close-on-exec) on one address. Port 0 becomes a free port, the same for
// all n; *ret_bound is the real address. All or none: on an error nothing stays open.
// ERR_EXISTS: the port is taken; ERR_DENIED: not allowed; ERR_NOT_FOUND: no such address on this machine;
// ERR_UNSUPPORTED: anything else.
enum err listener_open(const struct address *address, int backlog, uint32_t n, int *ret_fds,
                       struct address *ret_bound, struct io_error *error) WARN_UNUSED;

// The file of a Unix socket that was made, to be taken away again.
struct unix_file {
    uint64_t device, number; // as stat(2) has them; 0: none
};
// The same on a Unix socket.
enum err listener_open_unix(const struct address *address, int backlog, uint32_t n, uint32_t mode,
                            int *ret_fds, struct unix_file *ret_file, struct io_error *error) WARN_UNUSED;
void listener_unlink(const struct address *address, const struct unix_file *file);

#endif
