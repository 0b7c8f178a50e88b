// SPDX-License-Identifier: Apache-2.0
#include "core/common/invitation.h"

#include "base/codec.h"
#include "wire/digest.h"
#include <openssl/crypto.h>

static const str prefix = STR("inv_");

str invitation_make(const struct context *cx, char ret[INVITATION_TOKEN_LEN])
{
    uint8_t random[(INVITATION_ID_LEN + INVITATION_SECRET_LEN) * 3 / 4];
    _Static_assert(INVITATION_ID_LEN % 4 == 0 && INVITATION_SECRET_LEN % 4 == 0, "they end at whole octets");
    cx->host->random(cx->host->ctx, random, sizeof random);
    memcpy(ret, prefix.p, prefix.n);
    const size_t n = prefix.n + base64url_encode(random, sizeof random, ret + prefix.n);
    ASSERT(n == INVITATION_TOKEN_LEN);
    return str_make(ret, n);
}

bool invitation_claimed(str token) { return str_starts(token, prefix); }

bool invitation_id_valid(str id)
{
    uint8_t bytes[INVITATION_ID_LEN];
    size_t n;
    return id.n == INVITATION_ID_LEN && base64url_decode(id, bytes, &n);
}

str invitation_id(str token)
{
    if (token.n != INVITATION_TOKEN_LEN || !invitation_claimed(token))
        return STR_NONE;
    const str id = str_take(str_skip(token, prefix.n), INVITATION_ID_LEN);
    return invitation_id_valid(id) ? id : STR_NONE;
}

enum err invitation_hash(str token, uint8_t ret[INVITATION_HASH])
{
    const str secret = str_skip(token, prefix.n + INVITATION_ID_LEN);
    _Static_assert((int)INVITATION_HASH == (int)SHA256_BYTES, "it is a SHA-256");
    if (invitation_id(token).n == 0)
        return ERR_SYNTAX;
    return digest_sha256(secret.p, secret.n, ret);
}

bool invitation_hash_eq(const uint8_t a[INVITATION_HASH], const uint8_t b[INVITATION_HASH])
{
    return CRYPTO_memcmp(a, b, INVITATION_HASH) == 0;
}
