// SPDX-License-Identifier: Apache-2.0
//
// digest.h - the three hashes of the protocols: SHA-1 of the WebSocket handshake, SHA-256, HMAC-SHA256.
//
// The one place that calls libcrypto, whose every call may fail: it looks algorithms up and allocates contexts on the
// way, and under a memory limit it gets none. So a digest has a result that must be looked at, and ret is only written
// on success.
//
// Errors: ERR_NOMEM, whatever libcrypto's reason was: with these algorithms and arguments there is no other.
// Thread: any; libcrypto keeps its state per thread or under its own locks.
// Source: FIPS 180-4 (SHA), RFC 2104 (HMAC).
#ifndef PLENUM_WIRE_DIGEST_H
#define PLENUM_WIRE_DIGEST_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { SHA1_BYTES = 20, SHA256_BYTES = 32 };

enum err digest_sha1(const void *p, size_t n, uint8_t ret[SHA1_BYTES]) WARN_UNUSED;
enum err digest_sha256(const void *p, size_t n, uint8_t ret[SHA256_BYTES]) WARN_UNUSED;
enum err digest_hmac_sha256(const uint8_t *key, size_t key_n, const void *p, size_t n,
                            uint8_t ret[SHA256_BYTES]) WARN_UNUSED;

// SHA-256 of what comes in pieces. ERR_NOMEM of any: the run is of no use any more, but to be freed.
struct digest_run;
enum err digest_run_begin(struct digest_run **ret) WARN_UNUSED;
enum err digest_run_add(struct digest_run *r, const void *p, size_t n) WARN_UNUSED;
enum err digest_run_end(struct digest_run *r, uint8_t ret[SHA256_BYTES]) WARN_UNUSED; // once
void digest_run_free(struct digest_run *r);                                           // NULL is fine

// Computes one of each and compares it with what the standards print. To be called once, before there are threads and
// peers: libcrypto sets itself up on its first use, and a set-up that failed is never tried again.
enum err digest_self_test(void) WARN_UNUSED;

#endif
