// SPDX-License-Identifier: Apache-2.0
//
// Keys under which others sign than who has the private half. Whoever hands such a key out made a mistake, or had it made; nobody
// finds out but who looks, as all tokens verify.
//
//     RSA      too short, or so long that it costs too much       RFC 7518 section 3.3
//              an exponent of 1, an even one, one beyond n        RFC 8017 section 3.1; under 1 everything is its own signature
//              a modulus with a small factor                      n is to be had by dividing
//              a modulus of ROCA's kind                           CVE-2017-15361: primes k * M + (65537^a mod M)
//     EC       the point at infinity, which DER can write         r = x of (hash / s) times the base point, with any s
//     Ed25519  a point of small order                             R = the neutral point and S = 0 sign every eighth text, or all
//
// ROCA: M is the product of the first 39 primes or more, so such a modulus is a power of 65537 modulo each of them; a modulus that was
// drawn is so by chance once in 2^28. Source: Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, section 3.
//
// Points of small order: eight of them, with five y, of which 0 and 1 can be written in a second way, beyond p (RFC 8032 section
// 5.1.3 would have that refused; libcrypto does not look). Points that are not on their curve libcrypto refuses: those of EC keys as it
// reads them, those of Ed25519 with each signature.
//
// Rejected: to ask libcrypto to prove a public key (EVP_PKEY_public_check). For RSA that takes milliseconds, refuses exponents of old
// keys that are in use, and finds neither of the last three.
#include "wire/jwk_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

// ---- RSA

static const uint8_t small_primes[] = {2,   3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,
                                       43,  47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101,
                                       103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
enum { SMALL_PRIMES = sizeof small_primes / sizeof *small_primes };

static bool is_power_of_65537(unsigned x, unsigned prime)
{
    unsigned power = 1;
    do {
        if (power == x)
            return true;
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

// What is wrong with the numbers, and what is wanted; NULL: nothing.
static const char *rsa_fault(const BIGNUM *n, const BIGNUM *e, const char **ret_expected)
{
    bool roca = true;
    *ret_expected = "an odd one above 1, mostly 65537";
    if (!BN_is_odd(e) || BN_is_one(e) || BN_cmp(e, n) >= 0)
        return "an RSA key whose exponent signs nothing";
    *ret_expected = "a key that was drawn anew";
    for (size_t i = 0; i < SMALL_PRIMES; i++) {
        unsigned rest = (unsigned)BN_mod_word(n, small_primes[i]);
        if (rest == 0)
            return "an RSA key whose modulus has a small factor";
        roca = roca && is_power_of_65537(rest, small_primes[i]);
    }
    return roca ? "an RSA key that can be had from its public half (CVE-2017-15361)" : NULL;
}

static enum err rsa_size_check(int bits, struct jwk_problem *problem)
{
    struct sentence_digits room;
    str number = sentence_number(bits > 0 ? (uint64_t)bits : 0, &room);
    if (bits < JWA_RSA_BITS_MIN)
        return jwk_refuse(problem, ERR_LIMIT, "an RSA key of % bits", number, "one of 2048 bits or more",
                          STR_NONE);
    if (bits > JWA_RSA_BITS_MAX)
        return jwk_refuse(problem, ERR_LIMIT, "an RSA key of % bits", number, "one of 8192 bits or less",
                          STR_NONE);
    return OK;
}

// How long it is, its modulus says: EVP_PKEY_get_bits says 0 where there was no memory to find out.
static enum err rsa_check(const EVP_PKEY *pkey, struct jwk_problem *problem)
{
    BIGNUM *n = NULL, *e = NULL;
    const char *expected = NULL, *fault = NULL;
    enum err size = OK;
    bool had = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
               EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e);
    if (had)
        size = rsa_size_check(BN_num_bits(n), problem);
    if (had && size == OK)
        fault = rsa_fault(n, e, &expected);
    BN_free(n);
    BN_free(e);
    if (!had)
        return jwk_no_memory(problem);
    if (size != OK)
        return size;
    return fault == NULL ? OK : jwk_refuse(problem, ERR_DENIED, fault, STR_NONE, expected, STR_NONE);
}

// ---- EC

static enum err ec_check(EVP_PKEY *pkey, struct jwk_problem *problem)
{
    unsigned char *point = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(pkey, &point);
    OPENSSL_free(point);
    if (n == 0)
        return jwk_no_memory(problem);
    if (n > 1) // at infinity it is a zero and nothing else (SEC 1 section 2.3.3)
        return OK;
    return jwk_refuse(problem, ERR_DENIED, "the point at infinity, under which anybody signs", STR_NONE,
                      "a key that was drawn anew", STR_NONE);
}

// ---- Ed25519

enum { ED25519_BYTES = 32 };

// y of the points of order 8, little end first; those of order 1, 2 and 4 have 1, p - 1 and 0.
static const char order_8[][ED25519_BYTES + 1] = {
    "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
};

static bool all_are(const uint8_t *p, size_t n, uint8_t octet)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != octet)
            return false;
    return true;
}

// y: the point's, without the sign of its x.
static bool is_small(const uint8_t y[ED25519_BYTES])
{
    for (size_t i = 0; i < sizeof order_8 / sizeof *order_8; i++)
        if (memcmp(y, order_8[i], ED25519_BYTES) == 0)
            return true;
    if (all_are(y + 1, ED25519_BYTES - 1, 0)) // 0, 1
        return y[0] <= 1;
    // p - 1; p and p + 1, which are 0 and 1 once more: p ends in ed, and is ones else.
    return all_are(y + 1, ED25519_BYTES - 2, 0xff) && y[31] == 0x7f && y[0] >= 0xec && y[0] <= 0xee;
}

static enum err ed25519_check(const EVP_PKEY *pkey, struct jwk_problem *problem)
{
    uint8_t y[ED25519_BYTES];
    size_t n = sizeof y;
    if (EVP_PKEY_get_raw_public_key(pkey, y, &n) != 1)
        return jwk_no_memory(problem);
    y[ED25519_BYTES - 1] &= 0x7f;
    if (!is_small(y))
        return OK;
    return jwk_refuse(problem, ERR_DENIED, "an Ed25519 key under which anybody signs", STR_NONE,
                      "a key that was drawn anew", STR_NONE);
}

enum err jwk_weak_check(EVP_PKEY *pkey, enum jwa_kind kind, struct jwk_problem *problem)
{
    switch (kind) {
    case JWA_RSA:
    case JWA_RSA_PSS:
        return rsa_check(pkey, problem);
    case JWA_ED25519:
        return ed25519_check(pkey, problem);
    case JWA_EC:
        return ec_check(pkey, problem);
    case JWA_HMAC:
        return OK;
    }
    UNREACHABLE();
}
