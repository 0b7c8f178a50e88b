// SPDX-License-Identifier: Apache-2.0
//
// The public half of a pair as JSON, and its fingerprint. The fingerprint is over the members that a key must have and no
// others, in the order of their names and without blanks (RFC 7638 section 3.3), so both are made of the same text.
#include "wire/jwk_private.h"

#include "base/codec.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

enum { NUMBER_MAX = JWA_RSA_BITS_MAX / 8 };

static void put_octets(struct buf *b, const uint8_t *p, size_t n)
{
    char *room = buf_reserve(b, (4 * n + 2) / 3);
    if (room != NULL)
        buf_commit(b, base64url_encode(p, n, room));
}

// A number of the key, in so many octets, or in as many as it takes (0).
static bool put_number(struct buf *b, const struct jwk *k, const char *param, size_t wanted)
{
    uint8_t octets[NUMBER_MAX];
    BIGNUM *v = NULL;
    if (!EVP_PKEY_get_bn_param(k->pkey, param, &v))
        return false;
    size_t n = wanted > 0 ? wanted : (size_t)BN_num_bytes(v);
    bool made = n <= sizeof octets && BN_bn2binpad(v, octets, (int)n) == (int)n;
    BN_free(v);
    if (made)
        put_octets(b, octets, n);
    return made;
}

static bool put_rsa(struct buf *b, const struct jwk *k)
{
    BUF_PUT_LIT(b, "\"e\":\"");
    bool made = put_number(b, k, OSSL_PKEY_PARAM_RSA_E, 0);
    BUF_PUT_LIT(b, "\",\"kty\":\"RSA\",\"n\":\"");
    return made && put_number(b, k, OSSL_PKEY_PARAM_RSA_N, 0);
}

static bool put_ec(struct buf *b, const struct jwk *k)
{
    const struct jwk_curve *curve = jwk_curves;
    while (curve->alg != k->alg)
        curve++;
    BUF_PUT_LIT(b, "\"crv\":");
    json_put_string(b, str_from_cstr(curve->name));
    BUF_PUT_LIT(b, ",\"kty\":\"EC\",\"x\":\"");
    bool made = put_number(b, k, OSSL_PKEY_PARAM_EC_PUB_X, curve->field_bytes);
    BUF_PUT_LIT(b, "\",\"y\":\"");
    return made && put_number(b, k, OSSL_PKEY_PARAM_EC_PUB_Y, curve->field_bytes);
}

static bool put_ed25519(struct buf *b, const struct jwk *k)
{
    uint8_t x[JWK_FIELD_MAX];
    size_t n = sizeof x;
    if (EVP_PKEY_get_raw_public_key(k->pkey, x, &n) != 1)
        return false;
    BUF_PUT_LIT(b, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    put_octets(b, x, n);
    return true;
}

// The required members, without the braces.
static enum err put_required(struct buf *b, const struct jwk *k)
{
    bool made = false;
    switch (jwa_row(k->alg)->kind) {
    case JWA_RSA:
    case JWA_RSA_PSS:
        made = put_rsa(b, k);
        break;
    case JWA_EC:
        made = put_ec(b, k);
        break;
    case JWA_ED25519:
        made = put_ed25519(b, k);
        break;
    case JWA_HMAC: // a secret has no public half
        UNREACHABLE();
    }
    ERR_clear_error();
    buf_put_char(b, '"');
    return made && buf_ok(b) ? OK : ERR_NOMEM;
}

enum err jwk_put_public(struct buf *b, const struct jwk *k)
{
    buf_put_char(b, '{');
    enum err e = put_required(b, k);
    BUF_PUT_LIT(b, ",\"alg\":");
    json_put_string(b, jwa_name(k->alg));
    BUF_PUT_LIT(b, ",\"use\":\"sig\"");
    if (k->kid_n > 0) {
        BUF_PUT_LIT(b, ",\"kid\":");
        json_put_string(b, jwk_kid(k));
    }
    buf_put_char(b, '}');
    return e == OK && buf_ok(b) ? OK : ERR_NOMEM;
}

enum err jwk_thumbprint(const struct jwk *k, struct mem *m, char ret[JWK_THUMBPRINT_LEN])
{
    uint8_t digest[SHA256_BYTES];
    struct buf b;
    buf_init(&b, m, 0);
    buf_put_char(&b, '{');
    enum err e = put_required(&b, k);
    buf_put_char(&b, '}');
    if (e == OK && !buf_ok(&b))
        e = ERR_NOMEM;
    if (e == OK)
        e = digest_sha256(b.p, b.n, digest);
    buf_deinit(&b);
    if (e != OK)
        return e;
    size_t n = base64url_encode(digest, sizeof digest, ret);
    ASSERT(n == JWK_THUMBPRINT_LEN);
    return OK;
}
