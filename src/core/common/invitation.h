// SPDX-License-Identifier: Apache-2.0
//
// invitation.h - the token of an invitation to a room: whoever brings it may come in, so often and until then (home/invitations.h).
//
//      inv_ | id (8) | secret (24)        both base64url, of 48 and 144 random bits
//
// The id tells the invitations of a room apart, and is no secret: people are told it. The secret is told once, to who has asked for
// the invitation; a record, and the home, have a hash of it only, so that who reads them cannot come in. Neither is of the
// alphabet of a JWT, which has dots: the two cannot be taken for each other.
//
// Hashed is what nobody can guess, so once and without salt is enough, as with keys of the API (api/door.c); the hash is compared in constant time.
//
// Thread: any; values only.
#ifndef PLENUM_CORE_COMMON_INVITATION_H
#define PLENUM_CORE_COMMON_INVITATION_H

#include "base/err.h"
#include "core/common/context.h"

enum {
    INVITATION_SECRET_LEN = 24,
    INVITATION_TOKEN_LEN = 4 + INVITATION_ID_LEN + INVITATION_SECRET_LEN,
    INVITATION_HASH = 32, // SHA-256
};

// A new one, in ret.
str invitation_make(const struct context *cx, char ret[INVITATION_TOKEN_LEN]);
// It says to be one, and is meant for no issuer's keys: by its first bytes.
bool invitation_claimed(str token);
// The id of one. Absent where it is none.
str invitation_id(str token);
bool invitation_id_valid(str id);
// The hash of its secret. ERR_SYNTAX: it is none. ERR_NOMEM: libcrypto found no memory (wire/digest.h).
enum err invitation_hash(str token, uint8_t ret[INVITATION_HASH]) WARN_UNUSED;
// In constant time.
bool invitation_hash_eq(const uint8_t a[INVITATION_HASH], const uint8_t b[INVITATION_HASH]);

#endif
