// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL's one-call functions, each with its result looked at. What a failed call leaves in the thread's error queue
// is dropped: the queue holds memory, and nobody here reads it.
#include "wire/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

// What libcrypto need not set up for us: the machine's openssl.cnf (the handshake's SHA-1 is no matter of policy, and a
// file that does not parse is none of ours), the legacy tables of names. The texts of errors are wanted where a file with a
// certificate is bad.
enum {
    SETUP = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS
};

_Static_assert(SHA1_BYTES == SHA_DIGEST_LENGTH && SHA256_BYTES == SHA256_DIGEST_LENGTH,
               "the sizes of FIPS 180-4");

static enum err result(bool done, const uint8_t *full, size_t n, uint8_t *ret)
{
    if (!done) {
        ERR_clear_error();
        return ERR_NOMEM;
    }
    memcpy(ret, full, n);
    return OK;
}

enum err digest_sha1(const void *p, size_t n, uint8_t ret[SHA1_BYTES])
{
    uint8_t full[SHA1_BYTES];
    return result(SHA1(p, n, full) != NULL, full, sizeof full, ret);
}

enum err digest_sha256(const void *p, size_t n, uint8_t ret[SHA256_BYTES])
{
    uint8_t full[SHA256_BYTES];
    return result(SHA256(p, n, full) != NULL, full, sizeof full, ret);
}

enum err digest_hmac_sha256(const uint8_t *key, size_t key_n, const void *p, size_t n,
                            uint8_t ret[SHA256_BYTES])
{
    uint8_t full[EVP_MAX_MD_SIZE];
    unsigned full_n = 0;
    bool done = HMAC(EVP_sha256(), key, (int)key_n, p, n, full, &full_n) != NULL && full_n == SHA256_BYTES;
    return result(done, full, SHA256_BYTES, ret);
}

// A run is a context of libcrypto's.
enum err digest_run_begin(struct digest_run **ret)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    *ret = (struct digest_run *)c;
    if (c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1)
        return OK;
    ERR_clear_error();
    EVP_MD_CTX_free(c);
    *ret = NULL;
    return ERR_NOMEM;
}

enum err digest_run_add(struct digest_run *r, const void *p, size_t n)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)r, p, n) == 1)
        return OK;
    ERR_clear_error();
    return ERR_NOMEM;
}

enum err digest_run_end(struct digest_run *r, uint8_t ret[SHA256_BYTES])
{
    uint8_t full[EVP_MAX_MD_SIZE];
    unsigned full_n = 0;
    const bool done = EVP_DigestFinal_ex((EVP_MD_CTX *)r, full, &full_n) == 1 && full_n == SHA256_BYTES;
    return result(done, full, SHA256_BYTES, ret);
}

void digest_run_free(struct digest_run *r) { EVP_MD_CTX_free((EVP_MD_CTX *)r); }

// FIPS 180-4's example "abc"; RFC 4231 test case 2.
enum err digest_self_test(void)
{
    static const uint8_t sha1[] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
                                   0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
    static const uint8_t sha256[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                     0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                     0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const uint8_t hmac[] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                   0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                   0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    static const char text[] = "what do ya want for nothing?";
    uint8_t got[SHA256_BYTES];
    // Without the context (it is made on demand, once) every other call would follow a null pointer.
    if (!OPENSSL_init_crypto(SETUP, NULL) || OSSL_LIB_CTX_get0_global_default() == NULL)
        return ERR_NOMEM;
    if (digest_sha1("abc", 3, got) != OK || memcmp(got, sha1, sizeof sha1) != 0)
        return ERR_NOMEM;
    if (digest_sha256("abc", 3, got) != OK || memcmp(got, sha256, sizeof sha256) != 0)
        return ERR_NOMEM;
    if (digest_hmac_sha256((const uint8_t *)"Jefe", 4, text, sizeof text - 1, got) != OK ||
        memcmp(got, hmac, sizeof hmac) != 0)
        return ERR_NOMEM;
    return OK;
}
