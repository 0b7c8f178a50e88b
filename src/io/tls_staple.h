// SPDX-License-Identifier: Apache-2.0
//
// tls_staple.h - what a certificate's authority says of it, handed to clients with it: OCSP stapling (RFC 6066 section 8, RFC 6960).
//
//     file (DER), renewed by `openssl ocsp -respout` or the like --tls_staple_read--> SSL_CTX --> clients that ask (status_request)
//
// A response is taken where it is about this certificate, says that it is good, is signed by whoever issued it (where that
// certificate is in the chain), and has a nextUpdate that is to come. Later it is sent until that is over, and not beyond: a client
// takes a stale one for worse than none.
//
// Rejected: to fetch it. A server that has to reach its authority to come up is one more thing that is down when the authority is.
//
// Ownership: the context's, and goes with it, which connections may hold longer than who made it. Thread: any.
#ifndef PLENUM_IO_TLS_STAPLE_H
#define PLENUM_IO_TLS_STAPLE_H

#include "base/err.h"

#include <openssl/ssl.h>
#include <time.h>

enum { STAPLE_BYTES_MAX = 64 * 1024 }; // of a file; an answer about one certificate has 300 to 3,000

// The context has its certificate and chain. ERR_SYNTAX: *ret_why is a sentence's rest, static or of ERR_reason_error_string;
// ERR_NOT_FOUND: the file cannot be read, errno says why; ERR_NOMEM.
enum err tls_staple_read(SSL_CTX *c, const char *file, time_t now_s, const char **ret_why) WARN_UNUSED;
// Until when it is sent, in seconds since 1970; 0: there is none.
time_t tls_staple_until(const SSL_CTX *c);

#endif
