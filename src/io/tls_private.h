// SPDX-License-Identifier: Apache-2.0
//
// tls_private.h - what tls.c (who we are) and tls_channel.c (one connection) have in common.
#ifndef PLENUM_IO_TLS_PRIVATE_H
#define PLENUM_IO_TLS_PRIVATE_H

#include "io/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <time.h>

enum { FILES_EACH = 3 }; // strings of struct tls_identity

// What tickets are sealed with: RFC 5077, section 4.
struct tls_ticket_key {
    uint8_t name[16], aes[32], hmac[32];
    time_t made_s; // by the monotonic clock; 0 = there is none
};

// The identities as they were read last. OpenSSL counts who uses a context, so the list goes when it is replaced.
struct tls_contexts {
    SSL_CTX *all[TLS_IDENTITIES_MAX];
    uint32_t n;
};

struct tls {
    struct channel_kind kind; // first: a channel's kind is this
    struct tls_settings settings;
    char *files[TLS_IDENTITIES_MAX][FILES_EACH]; // that settings point to
    BIO_METHOD *bio;
    pthread_mutex_t lock; // of all below
    struct tls_contexts *contexts;
    struct tls_ticket_key ticket, ticket_before;
};

// A connection's, on the first identity; SNI may choose another one. NULL: memory is out.
SSL *tls_session_new(struct tls *t);
void tls_channel_init(struct tls *t);
BIO_METHOD *tls_bio_method(void);

#endif
