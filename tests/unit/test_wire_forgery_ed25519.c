// SPDX-License-Identifier: Apache-2.0
//
// E3, Ed25519 and HMAC: signatures that are not quite one.
//
// What is right: of Ed25519, 64 octets, S below L, R as it would be written (RFC 8032 section 5.1.7); of HMAC all octets of the hash and
// no more (RFC 7518 section 3.2).
#include "unit/forgery.h"

#include "wire/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

enum { HALF = 32, WHOLE = 64 };

static const str message = {"over the hills", 14};

// The order of the base point, little end first: 2^252 + 27742317777372353535851937790883648493 (RFC 8032 section 5.1).
static const uint8_t order[HALF] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                    0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
// The neutral point in the second way of writing it, y = p + 1.
static const uint8_t neutral_beyond[HALF] = {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

static struct jwk signer_make(uint8_t signature[JWA_SIGNATURE_MAX])
{
    struct jwk k = jose_key(ED_PRIVATE, JWK_TO_SIGN, JWA_EDDSA, NULL);
    size_t n;
    assert_int_equal(jwk_sign(&k, message, signature, &n), OK);
    assert_int_equal(n, WHOLE);
    forgery_case(&k, "as it is", message, signature, n, OK);
    return k;
}

// s + L, s + 2L, ...: the same number to who does not look that it is below L.
static void test_s_beyond_order(void **state)
{
    (void)state;
    uint8_t signature[JWA_SIGNATURE_MAX];
    struct jwk k = signer_make(signature);
    unsigned carry = 0;
    for (unsigned times = 0; carry == 0; times++) {
        for (size_t i = 0; i < HALF; i++) {
            unsigned sum = signature[HALF + i] + order[i] + carry;
            signature[HALF + i] = (uint8_t)sum;
            carry = sum >> 8;
        }
        forgery_case(&k, "s and the order, once or more", message, signature, WHOLE, ERR_DENIED);
        assert_true(times < 16);
    }
    static const uint8_t zeros[HALF] = {0};
    memcpy(signature + HALF, order, HALF);
    forgery_case(&k, "s is the order", message, signature, WHOLE, ERR_DENIED);
    memcpy(signature + HALF, zeros, HALF);
    forgery_case(&k, "s is 0", message, signature, WHOLE, ERR_DENIED);
    memset(signature + HALF, 0xff, HALF);
    forgery_case(&k, "s is all ones", message, signature, WHOLE, ERR_DENIED);
    jwk_deinit(&k);
}

// The scalar of the key (section 5.1.5) times H(R, A, M), below the order: s for the neutral point as R.
static void neutral_s(const struct jwk *k, const uint8_t r[HALF], uint8_t ret[HALF])
{
    uint8_t seed[HALF], a[HALF], expanded[SHA512_DIGEST_LENGTH], in[2 * HALF + 64],
        hash[SHA512_DIGEST_LENGTH];
    size_t n = HALF;
    assert_int_equal(EVP_PKEY_get_raw_private_key(k->pkey, seed, &n), 1);
    assert_int_equal(EVP_PKEY_get_raw_public_key(k->pkey, a, &n), 1);
    SHA512(seed, HALF, expanded);
    expanded[0] &= 0xf8;
    expanded[31] = (uint8_t)((expanded[31] & 0x3f) | 0x40);
    memcpy(in, r, HALF);
    memcpy(in + HALF, a, HALF);
    memcpy(in + 2 * HALF, message.p, message.n);
    SHA512(in, 2 * HALF + message.n, hash);
    BN_CTX *c = BN_CTX_new();
    BIGNUM *l = BN_lebin2bn(order, HALF, NULL), *scalar = BN_lebin2bn(expanded, HALF, NULL),
           *h = BN_lebin2bn(hash, sizeof hash, NULL);
    assert_true(BN_mod_mul(h, h, scalar, l, c));
    assert_int_equal(BN_bn2lebinpad(h, ret, HALF), HALF);
    BN_free(l);
    BN_clear_free(scalar);
    BN_free(h);
    BN_CTX_free(c);
}

static void test_r(void **state)
{
    (void)state;
    uint8_t signature[JWA_SIGNATURE_MAX], bent[WHOLE];
    struct jwk k = signer_make(signature);
    // Who has the key may make R the neutral point, in the one way that it is written: the equation holds of both.
    memset(bent, 0, HALF);
    bent[0] = 1;
    neutral_s(&k, bent, bent + HALF);
    forgery_case(&k, "the neutral point as R", message, bent, WHOLE, OK);
    memcpy(bent, neutral_beyond, HALF);
    neutral_s(&k, bent, bent + HALF);
    forgery_case(&k, "an R in another form", message, bent, WHOLE, ERR_DENIED);
    // Points of small order, as who has no key would have to guess them.
    for (unsigned first = 0; first < 256; first += first == 1 ? 0xeb : 1) { // 0, 1; p - 1, p, p + 1
        memset(bent, first < 2 ? 0 : 0xff, HALF);
        bent[0] = (uint8_t)first;
        if (first >= 2)
            bent[31] = 0x7f;
        memset(bent + HALF, 0, HALF);
        forgery_case(&k, "an R of small order, s 0", message, bent, WHOLE, ERR_DENIED);
        memcpy(bent + HALF, signature + HALF, HALF);
        forgery_case(&k, "an R of small order", message, bent, WHOLE, ERR_DENIED);
    }
    memcpy(bent, signature + HALF, HALF);
    memcpy(bent + HALF, signature, HALF);
    forgery_case(&k, "s in front of R", message, bent, WHOLE, ERR_DENIED);
    jwk_deinit(&k);
}

static void check_lengths_and_bits(const struct jwk *k, const uint8_t *good, size_t n)
{
    uint8_t bent[2 * WHOLE + 64] = {0};
    memcpy(bent, good, n);
    for (size_t i = 0; i < n; i++)
        forgery_case(k, "cut short", message, bent, i, ERR_DENIED);
    forgery_case(k, "without its first octet", message, bent + 1, n - 1, ERR_DENIED);
    forgery_case(k, "a zero behind", message, bent, n + 1, ERR_DENIED);
    forgery_case(k, "zeros behind", message, bent, 2 * n, ERR_DENIED);
    memcpy(bent + n, good, n);
    forgery_case(k, "twice", message, bent, 2 * n, ERR_DENIED);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(bent, good, n);
        bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
        forgery_case(k, "a bit turned", message, bent, n, ERR_DENIED);
    }
    memset(bent, 0, n);
    forgery_case(k, "zeros", message, bent, n, ERR_DENIED);
    forgery_case(k, "of another text", STR("and far away"), good, n, ERR_DENIED);
    forgery_case(k, "of no text", STR(""), good, n, ERR_DENIED);
}

static void test_ed25519_form(void **state)
{
    (void)state;
    uint8_t signature[JWA_SIGNATURE_MAX], others[256];
    struct jwk k = signer_make(signature);
    check_lengths_and_bits(&k, signature, WHOLE);
    static const char *const kinds[] = {"ED25519", "ED448"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t n = sizeof others;
        EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, kinds[i]);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(c, NULL, NULL, NULL, other), 1);
        assert_int_equal(EVP_DigestSign(c, others, &n, (const uint8_t *)message.p, message.n), 1);
        forgery_case(&k, kinds[i], message, others, n, ERR_DENIED);
        forgery_case(&k, kinds[i], message, others, WHOLE, ERR_DENIED);
        EVP_MD_CTX_free(c);
        EVP_PKEY_free(other);
    }
    jwk_deinit(&k);
}

static void test_hmac(void **state)
{
    (void)state;
    static const enum jwa algs[] = {JWA_HS256, JWA_HS384, JWA_HS512};
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct jwk k = jose_secret(SECRET_64, algs[i], NULL),
                   stranger = jose_secret(SECRET_64 "0", algs[i], NULL);
        for (size_t other = 0; other < ARRAY_LEN(algs); other++) {
            struct jwk by = jose_secret(SECRET_64, algs[other], NULL);
            uint8_t mac[JWA_SIGNATURE_MAX];
            size_t n;
            assert_int_equal(jwk_sign(&by, message, mac, &n), OK);
            forgery_case(&k, jwa_name(algs[other]).p, message, mac, n, i == other ? OK : ERR_DENIED);
            forgery_case(&stranger, "another secret", message, mac, n, ERR_DENIED);
            if (i == other)
                check_lengths_and_bits(&k, mac, n);
            else if (n > jwa_row(algs[i])->hash_bytes)
                forgery_case(&k, "of a longer hash, cut short", message, mac, jwa_row(algs[i])->hash_bytes,
                             ERR_DENIED);
            jwk_deinit(&by);
        }
        jwk_deinit(&k);
        jwk_deinit(&stranger);
    }
}

int main(void)
{
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s_beyond_order),
        cmocka_unit_test(test_r),
        cmocka_unit_test(test_ed25519_form),
        cmocka_unit_test(test_hmac),
    };
    return cmocka_run_group_tests(tests, NULL, forgeries_print);
}
