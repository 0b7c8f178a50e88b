// SPDX-License-Identifier: Apache-2.0
//
// tls_identity.h - who the server is: certificates and keys from files, which of them answers whom, and what tickets are sealed with.
//
// What the server is is one or more identities: a certificate with its chain, and its key. The first one answers who names nobody
// (SNI, RFC 6066 section 3) or somebody we are not; otherwise the first whose certificate has the name. They are read again by
// tls_reload: connections that are there keep what they have.
//
// Sessions are resumed by tickets alone (RFC 5077, RFC 8446 section 4.6.1): nothing is kept here for a client that is gone. The keys of tickets
// are shared by all shards, made at random and anew every TLS_TICKET_S; those before are taken as long again.
//
// What clients are asked for, and what counts of it: tls_person.h. A ticket is good for as long as those who vouch are the same.
//
// No renegotiation, no compression, no early data. ALPN (RFC 7301): http/1.1 for HTTP, and a client who offers only others is
// refused, as the RFC has it; a listener for lines has no name for what it speaks, so it ignores what is offered.
//
// Thread: any, but for init and deinit; those who use one come between them.
#ifndef PLENUM_IO_TLS_IDENTITY_H
#define PLENUM_IO_TLS_IDENTITY_H

#include "base/err.h"
#include "io/io_error.h"
#include "io/tls_person.h"
#include "io/tls_stats.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum {
    TLS_IDENTITIES_MAX = 8,
    TLS_TICKET_S = 2 * 3600,
    FILES_EACH = 3, // strings of struct tls_identity
};

// Files, in PEM but for the last one.
struct tls_identity {
    const char *cert, *key;
    const char *ocsp; // tls_staple.h; NULL = none
};

struct tls_settings {
    struct tls_identity identities[TLS_IDENTITIES_MAX];
    uint32_t identity_n; // at least 1
    bool lines;          // it is lines that are spoken, and not HTTP
    // Who vouches for clients (PEM); NULL = no certificate is asked for. It is the same for all identities, as a client chooses
    // which of them it talks to.
    const char *client_ca;
    bool client_may;         // who shows no certificate is let in, too; who shows one shows a good one
    enum tls_user user;      // what of a client's certificate says who it is
    struct tls_stats *stats; // outlives it
};

// What tickets are sealed with: RFC 5077, section 4.
struct tls_ticket_key {
    uint8_t name[16], aes[32], hmac[32];
    time_t made_s; // by the monotonic clock; 0 = there is none
};

// As they were read last. OpenSSL counts who uses a context, so the list goes when it is replaced.
struct tls_contexts {
    SSL_CTX *all[TLS_IDENTITIES_MAX];
    uint32_t n;
};

struct tls_identities {
    struct tls_settings settings; // its strings are those of `files` and client_ca
    char *files[TLS_IDENTITIES_MAX][FILES_EACH], *client_ca;
    pthread_mutex_t lock; // of all below
    struct tls_contexts *contexts;
    struct tls_ticket_key ticket, ticket_before;
};

// Copies the strings. ERR_SYNTAX with the file and what is wrong with it, ERR_NOMEM; to be deinitialized all the same.
enum err tls_identities_init(struct tls_identities *t, const struct tls_settings *settings,
                             struct io_error *error) WARN_UNUSED;
void tls_identities_deinit(struct tls_identities *t);
// Reads the files again. On an error what was there stays.
enum err tls_identities_reload(struct tls_identities *t, struct io_error *error) WARN_UNUSED;
// What can be seen of the files from outside (time, size, number), as a hash: another one, and they may have changed.
uint64_t tls_identities_seen(const struct tls_identities *t);
// How many responses (tls_staple.h) are over at that time, in seconds since 1970, and so are sent no more.
uint32_t tls_identities_stale(struct tls_identities *t, time_t now_s);
// A connection's, on the first identity; SNI may choose another one. NULL: memory is out.
SSL *tls_identities_session(struct tls_identities *t);

#endif
