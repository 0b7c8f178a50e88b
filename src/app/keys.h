// SPDX-License-Identifier: Apache-2.0
//
// keys.h - from the operator's configuration to the keyring: the one place that reads files with keys.
//
//     auth.secret                      an issuer of that name: any `iss`, any `aud`, HS256
//     auth.issuers[].keys[].secret     a secret of the row's algorithm
//     auth.issuers[].keys[].file       PEM or JWK, for the row's algorithm
//     auth.issuers[].jwks_file         all keys of a set that can be used
//     auth.issuers[].jwks_url          none: they are fetched while the server runs (io/key_fetcher.h)
//
// A file's path that is not absolute is taken from the folder of the configuration; where there is none, from the current
// one. What is wrong with a file is a mistake in the configuration like any other, with its place:
//
//     plenum.yaml:7: auth.issuers[0].keys[0].file: a.pem: got an RSA key of 1024 bits, expected one of 2048 bits or more
//
// An issuer without `audience` takes tokens for whomever; that is worth a warning, as an identity provider makes such for all
// that it serves.
//
// Limits: a file has at most KEY_FILE_MAX bytes, an issuer TOKEN_KEYS_MAX keys.
#ifndef PLENUM_APP_KEYS_H
#define PLENUM_APP_KEYS_H

#include "app/config.h"
#include "core/auth/keyring.h"

enum { KEY_FILE_MAX = 256 * 1024 };

// Adds to l->complaints. A keyring, of which the caller holds the reference, or NULL where there is an error among them. m outlives
// the keyring, and stands threads.
struct keyring *keys_load(struct config_load *l, struct mem *m, uint64_t generation) WARN_UNUSED;

// All of a file into a buffer that is empty; NULL, or why not in a few words.
const char *key_file_read(const char *path, struct buf *ret) WARN_UNUSED;

// From the folder of the configuration, where the path is not absolute.
void key_file_path(const struct config_load *l, const char *file, char *ret, size_t cap);

#endif
