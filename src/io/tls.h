// SPDX-License-Identifier: Apache-2.0
//
// tls.h - TLS 1.2 and 1.3 as a kind of channel, by OpenSSL 3 (RFC 8446, RFC 5246).
//
//      spans --write--> [ up to 16 KiB together ] --SSL_write--> record --> [ held ] --send--> socket
//      bytes <--read--- [ the rest of a record, OpenSSL's ]    <--recv-----------------------  socket
//
// What the server is is one or more identities: a certificate with its chain, and its key. The first one answers who names nobody
// (SNI, RFC 6066 section 3) or somebody we are not; otherwise the first whose certificate has the name. They are read again by
// tls_reload: connections that are there keep what they have.
//
// Sessions are resumed by tickets alone (RFC 5077, RFC 8446 section 4.6.1): nothing is kept here for a client that is gone. The keys of tickets
// are shared by all shards, made at random and anew every TLS_TICKET_S; those before are taken as long again.
//
// No renegotiation, no compression, no early data. ALPN (RFC 7301): http/1.1 for HTTP, and a client who offers only others is
// refused, as the RFC has it; a listener for lines has no name for what it speaks, so it ignores what is offered.
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
#include "io/io_error.h"

enum {
    TLS_IDENTITIES_MAX = 8,
    TLS_TICKET_S = 2 * 3600,
    TLS_HELD_MAX = 64 * 1024,
};

// Files, in PEM; the strings are copied. client_ca: who vouches for clients' certificates, which are asked for then.
struct tls_identity {
    const char *cert, *key;
    const char *client_ca; // NULL = none are asked for
};

struct tls_settings {
    struct tls_identity identities[TLS_IDENTITIES_MAX];
    uint32_t identity_n; // at least 1
    bool lines;          // it is lines that are spoken, and not HTTP
};

struct tls;

// ERR_INVALID with the file and what is wrong with it, ERR_NOMEM.
enum err tls_create(const struct tls_settings *settings, struct tls **ret,
                    struct io_error *error) WARN_UNUSED;
void tls_destroy(struct tls *t);
// Reads the files again. On an error what was there stays.
enum err tls_reload(struct tls *t, struct io_error *error) WARN_UNUSED;
// What can be seen of the files from outside (time, size, number), as a hash: another one, and they may have changed.
uint64_t tls_files_seen(const struct tls *t);
const struct channel_kind *tls_channel(const struct tls *t);

#endif
