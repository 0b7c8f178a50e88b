// SPDX-License-Identifier: Apache-2.0
//
// tls_support.h - certificates made for a test, and a client that speaks TLS by OpenSSL: over a socket, or with what it says and hears
// in memory, so that a test can hand it over octet by octet.
#ifndef PLENUM_UNIT_TLS_SUPPORT_H
#define PLENUM_UNIT_TLS_SUPPORT_H

#include "io/tls.h"

#include <openssl/ssl.h>

// A folder with files, removed by test_certs_end. cert[i] and key[i] belong together.
enum { TEST_CERTS_MAX = 3 };
struct test_certs {
    char folder[64];
    char cert[TEST_CERTS_MAX][96], key[TEST_CERTS_MAX][96];
};

void test_certs_init(struct test_certs *c);
void test_certs_end(struct test_certs *c);
// Self-signed, P-256, for this name, a day long; replaces what is there.
void test_cert_make(struct test_certs *c, int i, const char *name);

// A certificate in memory: by the issuer, with its key; NULL: by itself. alternative: its subjectAltName as openssl.cnf has it,
// "email:a@b,URI:c"; NULL = none. Each has a number of its own.
X509 *test_x509_make(EVP_PKEY *key, const char *name, const char *alternative, X509 *issuer,
                     EVP_PKEY *issuer_key);

struct tls_client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; // of memory; NULL over a socket
};

// version: TLS1_2_VERSION or TLS1_3_VERSION. fd -1: in memory. name: NULL = names nobody.
void tls_client_init(struct tls_client *k, int version, int fd, const char *name);
void tls_client_end(struct tls_client *k);
// Of the certificate that it was shown: the common name.
void tls_client_peer(const struct tls_client *k, char *ret, size_t n);

#endif
