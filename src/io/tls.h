// SPDX-License-Identifier: Apache-2.0
//
// tls.h - TLS 1.2 and 1.3 as a kind of channel, by OpenSSL 3 (RFC 8446, RFC 5246).
//
//      spans --write--> [ up to 16 KiB together ] --SSL_write--> record --> [ held ] --send--> socket
//      bytes <--read--- [ the rest of a record, OpenSSL's ]    <--recv-----------------------  socket
//
// Who the server is, who its clients are, and tickets: tls_identity.h. What is counted: tls_stats.h.
//
// Who speaks without TLS here is told so, in the words of what he seems to speak, and closed.
//
// Limits: a record in each direction, and behind a socket that takes nothing TLS_HELD_MAX of OpenSSL's own answers, beyond which
// nothing more is read. An idle connection has no buffers (SSL_MODE_RELEASE_BUFFERS). How many shake hands in a turn is
// traffic's: a connection is a newcomer until it has said something (NEWCOMERS_NS).
// Ownership: a tls outlives its channels. Thread: tls_reload any; channels their shard's.
#ifndef PLENUM_IO_TLS_H
#define PLENUM_IO_TLS_H

#include "io/channel.h"
#include "io/tls_identity.h"

enum { TLS_HELD_MAX = 64 * 1024 };

struct tls;

// As tls_identities_init.
enum err tls_create(const struct tls_settings *settings, struct tls **ret,
                    struct io_error *error) WARN_UNUSED;
void tls_destroy(struct tls *t);
// Reads the files again. On an error what was there stays.
enum err tls_reload(struct tls *t, struct io_error *error) WARN_UNUSED;
// What can be seen of the files from outside (time, size, number), as a hash: another one, and they may have changed.
uint64_t tls_files_seen(const struct tls *t);
// As tls_identities_stale.
uint32_t tls_stale(struct tls *t, time_t now_s);
const struct channel_kind *tls_channel(const struct tls *t);

#endif
