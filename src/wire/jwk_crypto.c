// SPDX-License-Identifier: Apache-2.0
//
// One key and some octets: libcrypto's EVP with every result looked at.
//
// A refusal is remembered by who asks (core/auth/cache.h), so "no" and "I could not look" must not be mixed up: whenever
// libcrypto says no and its queue of errors does not say why, nothing is known.
//
// ECDSA: a token has r and s side by side, each as long as the curve's field (RFC 7518 section 3.4); libcrypto wants them in
// DER. A signature of another length is no signature, so DER forms of it are none. That r and s are neither 0 nor beyond the
// order, libcrypto checks.
#include "wire/jwk_private.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

enum { DER_MAX = 3 + 2 * (3 + JWK_FIELD_MAX) }; // SEQUENCE of two INTEGERs, each with a zero in front

static const EVP_MD *hash_of(enum jwa alg)
{
    switch (jwa_row(alg)->hash_bytes) {
    case 32:
        return EVP_sha256();
    case 48:
        return EVP_sha384();
    case 64:
        return EVP_sha512();
    default: // Ed25519 brings its own
        return NULL;
    }
}

// libcrypto said no: ERR_DENIED, or ERR_NOMEM where that is the reason. Its queue of errors is empty then. Want of memory is
// not always called by its name: it may be a context that EVP could not set up, and for RSA, that it cannot say what was
// wrong with the signature; *ret_silent, where that is all there was to hear.
static enum err denied_or_short(bool rsa, bool *ret_silent)
{
    bool told = !rsa, is_short = false, bare = false;
    unsigned errors = 0;
    for (unsigned long code; (code = ERR_get_error()) != 0; errors++) {
        is_short =
            is_short || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE || ERR_GET_LIB(code) == ERR_LIB_EVP;
        told = told || ERR_GET_LIB(code) == ERR_LIB_RSA;
        bare = ERR_GET_LIB(code) == ERR_LIB_PROV && ERR_GET_REASON(code) == ERR_R_RSA_LIB;
    }
    *ret_silent = bare && errors == 1;
    return told && !is_short ? ERR_DENIED : ERR_NOMEM;
}

// ---- secrets

static enum err hmac_make(const struct jwk *k, str data, uint8_t ret[EVP_MAX_MD_SIZE], size_t *ret_n)
{
    unsigned n = 0;
    if (HMAC(hash_of(k->alg), k->secret, k->secret_n, (const uint8_t *)data.p, data.n, ret, &n) == NULL) {
        ERR_clear_error();
        return ERR_NOMEM;
    }
    ASSERT(n == jwa_row(k->alg)->hash_bytes);
    *ret_n = n;
    return OK;
}

static enum err hmac_verify(const struct jwk *k, str data, str signature)
{
    uint8_t ours[EVP_MAX_MD_SIZE];
    size_t n;
    enum err e = hmac_make(k, data, ours, &n);
    if (e != OK)
        return e;
    bool same = signature.n == n && CRYPTO_memcmp(ours, signature.p, n) == 0;
    OPENSSL_cleanse(ours, sizeof ours);
    return same ? OK : ERR_DENIED;
}

// ---- pairs

static bool pss_set(EVP_PKEY_CTX *c)
{
    return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) > 0; // RFC 7518 section 3.5
}

static enum err der_make(const struct jwk *k, str signature, uint8_t ret[DER_MAX], size_t *ret_n)
{
    if (signature.n != jwa_row(k->alg)->signature_bytes)
        return ERR_DENIED;
    const uint8_t *p = (const uint8_t *)signature.p;
    int half = (int)signature.n / 2;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, half, NULL), *s = BN_bin2bn(p + half, half, NULL);
    bool set = pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s); // takes both
    if (!set) {
        BN_free(r);
        BN_free(s);
    }
    uint8_t *to = ret;
    int n = set ? i2d_ECDSA_SIG(pair, &to) : 0;
    ECDSA_SIG_free(pair);
    if (n <= 0) {
        ERR_clear_error();
        return ERR_NOMEM;
    }
    ASSERT(n <= DER_MAX);
    *ret_n = (size_t)n;
    return OK;
}

// The hash first, then the key: fewer allocations than by EVP_DigestVerify, whose copies of contexts may fail in silence.
static enum err hashed_verify(const struct jwk *k, str data, const uint8_t *signature, size_t n,
                              bool *ret_silent)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_n = 0;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    bool ready = c != NULL && EVP_PKEY_verify_init(c) == 1 &&
                 (jwa_row(k->alg)->kind != JWA_RSA_PSS || pss_set(c)) &&
                 EVP_PKEY_CTX_set_signature_md(c, hash_of(k->alg)) == 1 &&
                 EVP_Digest(data.p, data.n, hash, &hash_n, hash_of(k->alg), NULL) == 1;
    ERR_clear_error();
    *ret_silent = false;
    enum err e = ERR_NOMEM; // the key fits its algorithm, so there is no other reason
    if (ready)
        e = EVP_PKEY_verify(c, signature, n, hash, hash_n) == 1
                ? OK
                : denied_or_short(jwa_row(k->alg)->kind != JWA_EC, ret_silent);
    EVP_PKEY_CTX_free(c);
    return e;
}

// libcrypto says nothing of a signature in which there is a padding and nothing behind it, and no more where it had no memory for
// some number: that is asked for twice, as the second time it is short of the context already.
static enum err rsa_verify(const struct jwk *k, str data, str signature)
{
    if (signature.n != (size_t)EVP_PKEY_get_size(k->pkey)) // RFC 8017 sections 8.1.2 and 8.2.2, step 1
        return ERR_DENIED;
    bool silent;
    enum err e = hashed_verify(k, data, (const uint8_t *)signature.p, signature.n, &silent);
    if (silent)
        e = hashed_verify(k, data, (const uint8_t *)signature.p, signature.n, &silent);
    return silent ? ERR_DENIED : e;
}

static enum err ed25519_verify(const struct jwk *k, str data, const uint8_t *signature, size_t n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, k->pkey) == 1;
    ERR_clear_error();
    bool silent;
    enum err e = ERR_NOMEM;
    if (ready)
        e = EVP_DigestVerify(context, signature, n, (const uint8_t *)data.p, data.n) == 1
                ? OK
                : denied_or_short(false, &silent);
    EVP_MD_CTX_free(context);
    return e;
}

enum err jwk_verify(const struct jwk *k, str signed_part, str signature)
{
    uint8_t der[DER_MAX];
    size_t der_n;
    enum err e;
    bool silent;
    switch (jwa_row(k->alg)->kind) {
    case JWA_HMAC:
        return hmac_verify(k, signed_part, signature);
    case JWA_RSA:
    case JWA_RSA_PSS:
        return rsa_verify(k, signed_part, signature);
    case JWA_EC:
        e = der_make(k, signature, der, &der_n);
        return e == OK ? hashed_verify(k, signed_part, der, der_n, &silent) : e;
    case JWA_ED25519:
        if (signature.n != jwa_row(k->alg)->signature_bytes)
            return ERR_DENIED;
        e = ed25519_verify(k, signed_part, (const uint8_t *)signature.p, signature.n);
        // libcrypto needs one context for it that it does not get in silence: a "no" is asked for twice.
        if (e == ERR_DENIED)
            e = ed25519_verify(k, signed_part, (const uint8_t *)signature.p, signature.n);
        return e;
    }
    UNREACHABLE();
}

// ---- signing

static enum err pair_sign(const struct jwk *k, str data, uint8_t *ret, size_t cap, size_t *ret_n)
{
    EVP_PKEY_CTX *c = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t n = cap;
    bool made = context != NULL && EVP_DigestSignInit(context, &c, hash_of(k->alg), NULL, k->pkey) == 1 &&
                (jwa_row(k->alg)->kind != JWA_RSA_PSS || pss_set(c)) &&
                EVP_DigestSign(context, ret, &n, (const uint8_t *)data.p, data.n) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    *ret_n = n;
    return made ? OK : ERR_NOMEM;
}

static enum err der_open(const struct jwk *k, const uint8_t *der, size_t der_n, uint8_t *ret, size_t *ret_n)
{
    int half = jwa_row(k->alg)->signature_bytes / 2;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_n);
    bool made = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + half, half) == half;
    ECDSA_SIG_free(pair);
    ERR_clear_error();
    *ret_n = 2 * (size_t)half;
    return made ? OK : ERR_NOMEM;
}

enum err jwk_sign(const struct jwk *k, str signed_part, uint8_t ret[JWA_SIGNATURE_MAX], size_t *ret_n)
{
    ASSERT(k->signs);
    uint8_t der[DER_MAX];
    size_t der_n;
    enum err e;
    switch (jwa_row(k->alg)->kind) {
    case JWA_HMAC:
        return hmac_make(k, signed_part, ret, ret_n);
    case JWA_RSA:
    case JWA_RSA_PSS:
    case JWA_ED25519:
        return pair_sign(k, signed_part, ret, JWA_SIGNATURE_MAX, ret_n);
    case JWA_EC:
        e = pair_sign(k, signed_part, der, sizeof der, &der_n);
        return e == OK ? der_open(k, der, der_n, ret, ret_n) : e;
    }
    UNREACHABLE();
}
