// SPDX-License-Identifier: Apache-2.0
//
// E3, ECDSA: pairs of numbers that are not quite a signature, and signatures in other forms than the one that a token has.
//
// What is right: r and s from 1 to n - 1 (SEC 1 section 4.1.4, step 1), side by side, each with all octets of the field (RFC 7518 section
// 3.4). That s may be had as n - s too is no fault: no rule wants the lower one, and nothing here takes a signature for a name of its
// token (a revocation is of `jti`, core/auth/revoked.h).
#include "unit/forgery.h"

#include "wire/digest.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

enum { FIELD_MAX = 66 };

static const str message = {"over the hills", 14};

static const struct curve {
    enum jwa alg;
    const char *private_key;
    const char *same_size[2]; // other curves with numbers of that size
    const EVP_MD *(*hash)(void);
    const EVP_MD *(*other_hash)(void);
} curves[] = {
    {JWA_ES256, A3_PRIVATE, {"secp256k1", "brainpoolP256r1"}, EVP_sha256, EVP_sha512},
    {JWA_ES384, P384_PRIVATE, {"brainpoolP384r1", NULL}, EVP_sha384, EVP_sha256},
    {JWA_ES512, A4_PRIVATE, {NULL}, EVP_sha512, EVP_sha256},
};

static size_t field_of(const struct jwk *k) { return jwa_row(k->alg)->signature_bytes / 2u; }

static BIGNUM *param(const struct jwk *k, const char *name)
{
    BIGNUM *b = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(k->pkey, name, &b), 1);
    return b;
}

static void sign(const struct jwk *k, str text, uint8_t signature[JWA_SIGNATURE_MAX])
{
    size_t n;
    assert_int_equal(jwk_sign(k, text, signature, &n), OK);
    assert_int_equal(n, 2 * field_of(k));
}

// ---- pairs

enum term {
    ZERO,
    ONE,
    N_LESS_1,
    N,
    N_MORE_1,
    PRIME,
    ONES,
    OF_KEY,
    OF_CURVE = OF_KEY, // in front of it: numbers of the curve
    R,
    S,
    N_LESS_R,
    N_LESS_S,
    R_MORE_N,
    S_MORE_N,
    R_MORE_1,
    S_MORE_1
};

static const struct {
    const char *what;
    enum term r, s;
    enum err wanted;
} pairs[] = {
    {"r, s", R, S, OK},
    {"r, n - s", R, N_LESS_S, OK},
    {"s, r", S, R, ERR_DENIED},
    {"r, r", R, R, ERR_DENIED},
    {"s, s", S, S, ERR_DENIED},
    {"0, s", ZERO, S, ERR_DENIED},
    {"r, 0", R, ZERO, ERR_DENIED},
    {"1, s", ONE, S, ERR_DENIED},
    {"r, 1", R, ONE, ERR_DENIED},
    {"n, s", N, S, ERR_DENIED},
    {"r, n", R, N, ERR_DENIED},
    {"r + n, s", R_MORE_N, S, ERR_DENIED},
    {"r, s + n", R, S_MORE_N, ERR_DENIED},
    {"r + n, s + n", R_MORE_N, S_MORE_N, ERR_DENIED},
    {"n - r, s", N_LESS_R, S, ERR_DENIED},
    {"n - r, n - s", N_LESS_R, N_LESS_S, ERR_DENIED},
    {"r + 1, s", R_MORE_1, S, ERR_DENIED},
    {"r, s + 1", R, S_MORE_1, ERR_DENIED},
    {"x of the key, x of the key", OF_KEY, OF_KEY, ERR_DENIED},
};

struct values {
    BIGNUM *n, *p, *x, *r, *s;
    size_t field;
};

static BIGNUM *term_value(const struct values *v, enum term t)
{
    BIGNUM *b = BN_new();
    bool of_s = t == S || t == N_LESS_S || t == S_MORE_N || t == S_MORE_1;
    const BIGNUM *base = t == PRIME ? v->p : t == OF_KEY ? v->x : t < OF_CURVE ? v->n : of_s ? v->s : v->r;
    bool made = BN_copy(b, base) != NULL;
    if (t == ZERO || t == ONE)
        made = BN_set_word(b, t == ONE);
    else if (t == N_LESS_1)
        made = BN_sub_word(b, 1);
    else if (t == N_MORE_1 || t == R_MORE_1 || t == S_MORE_1)
        made = BN_add_word(b, 1);
    else if (t == N_LESS_R || t == N_LESS_S)
        made = BN_sub(b, v->n, b);
    else if (t == R_MORE_N || t == S_MORE_N)
        made = BN_add(b, b, v->n);
    else if (t == ONES)
        made = BN_set_word(b, 0) && BN_set_bit(b, 8 * (int)v->field) && BN_sub_word(b, 1);
    assert_true(made);
    if (BN_num_bits(b) > 8 * (int)v->field) // what overflows comes out as who does not look would have it
        assert_true(BN_mask_bits(b, 8 * (int)v->field));
    return b;
}

static void check_pair(const struct jwk *k, const struct values *v, const char *what, enum term r,
                       enum term s, enum err wanted)
{
    uint8_t signature[2 * FIELD_MAX];
    BIGNUM *a = term_value(v, r), *b = term_value(v, s);
    assert_true(number_put(a, signature, v->field) && number_put(b, signature + v->field, v->field));
    forgery_case(k, what, message, signature, 2 * v->field, wanted);
    BN_free(a);
    BN_free(b);
}

static void check_pairs(const struct jwk *k)
{
    uint8_t signature[JWA_SIGNATURE_MAX];
    sign(k, message, signature);
    size_t field = field_of(k);
    struct values v = {.n = param(k, OSSL_PKEY_PARAM_EC_ORDER),
                       .p = param(k, OSSL_PKEY_PARAM_EC_P),
                       .x = param(k, OSSL_PKEY_PARAM_EC_PUB_X),
                       .r = number_of(signature, field),
                       .s = number_of(signature + field, field),
                       .field = field};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        check_pair(k, &v, pairs[i].what, pairs[i].r, pairs[i].s, pairs[i].wanted);
    // Numbers of the curve, each with each: 0 and 0 is CVE-2022-21449.
    for (enum term r = 0; r < OF_CURVE; r++)
        for (enum term s = 0; s < OF_CURVE; s++)
            check_pair(k, &v, "two numbers of the curve", r, s, ERR_DENIED);
    BN_free(v.n);
    BN_free(v.p);
    BN_free(v.x);
    BN_free(v.r);
    BN_free(v.s);
}

// r = -e / d: the two halves of the sum cancel each other out, and its x is that of the point at infinity (step 6 of section 4.1.4).
static void check_infinity(const struct jwk *k, const struct curve *c)
{
    uint8_t hash[EVP_MAX_MD_SIZE], signature[2 * FIELD_MAX] = {0};
    unsigned hash_n;
    size_t field = field_of(k);
    assert_int_equal(EVP_Digest(message.p, message.n, hash, &hash_n, c->hash(), NULL), 1);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = param(k, OSSL_PKEY_PARAM_EC_ORDER), *d = param(k, OSSL_PKEY_PARAM_PRIV_KEY),
           *r = number_of(hash, hash_n);
    assert_true(BN_mod_inverse(d, d, n, ctx) != NULL && BN_mod_mul(r, r, d, n, ctx) && BN_sub(r, n, r));
    assert_true(number_put(r, signature, field));
    for (uint8_t s = 1; s < 4; s++) {
        signature[2 * field - 1] = s;
        forgery_case(k, "a sum that is the point at infinity", message, signature, 2 * field, ERR_DENIED);
    }
    BN_free(n);
    BN_clear_free(d);
    BN_free(r);
    BN_CTX_free(ctx);
}

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        struct jwk k = jose_key(curves[i].private_key, JWK_TO_SIGN, curves[i].alg, NULL);
        check_pairs(&k);
        check_infinity(&k, &curves[i]);
        jwk_deinit(&k);
    }
}

// ---- forms

// With another hash, or on another curve, as EVP makes it; ret_n: of the DER. Gives r and s side by side too.
static size_t sign_der(EVP_PKEY *pkey, const EVP_MD *md, uint8_t der[JWA_SIGNATURE_MAX], uint8_t *pair,
                       size_t field)
{
    size_t n = JWA_SIGNATURE_MAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, md, NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(context, der, &n, (const uint8_t *)message.p, message.n), 1);
    EVP_MD_CTX_free(context);
    const uint8_t *p = der;
    ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &p, (long)n);
    assert_true(number_put(ECDSA_SIG_get0_r(both), pair, field) &&
                number_put(ECDSA_SIG_get0_s(both), pair + field, field));
    ECDSA_SIG_free(both);
    return n;
}

static void check_der(const struct jwk *k, const struct curve *c)
{
    uint8_t der[JWA_SIGNATURE_MAX] = {0}, pair[2 * FIELD_MAX];
    size_t field = field_of(k), n = sign_der(k->pkey, c->hash(), der, pair, field);
    forgery_case(k, "the same side by side", message, pair, 2 * field, OK);
    forgery_case(k, "DER", message, der, n, ERR_DENIED);
    forgery_case(k, "DER, cut to the length", message, der, 2 * field, ERR_DENIED);
    forgery_case(k, "DER, without its head", message, der + 2, n - 2, ERR_DENIED);
    sign_der(k->pkey, c->other_hash(), der, pair, field);
    forgery_case(k, "of another hash", message, pair, 2 * field, ERR_DENIED);
    for (size_t i = 0; i < ARRAY_LEN(c->same_size) && c->same_size[i] != NULL; i++) {
        EVP_PKEY *other = EVP_EC_gen(c->same_size[i]);
        sign_der(other, c->hash(), der, pair, field);
        forgery_case(k, c->same_size[i], message, pair, 2 * field, ERR_DENIED);
        EVP_PKEY_free(other);
    }
}

static void check_lengths(const struct jwk *k)
{
    uint8_t signature[JWA_SIGNATURE_MAX + 2] = {0}, bent[JWA_SIGNATURE_MAX] = {0};
    size_t field = field_of(k), n = 2 * field;
    sign(k, message, signature + 1);
    forgery_case(k, "a zero in front", message, signature, n + 1, ERR_DENIED);
    memmove(signature, signature + 1, n + 1);
    signature[n] = 0;
    forgery_case(k, "a zero behind", message, signature, n + 1, ERR_DENIED);
    forgery_case(k, "an octet short in front", message, signature + 1, n - 1, ERR_DENIED);
    forgery_case(k, "an octet short in front, a zero behind", message, signature + 1, n, ERR_DENIED);
    for (size_t i = 0; i < n; i++)
        forgery_case(k, "cut short", message, signature, i, ERR_DENIED);
    memcpy(bent + 1, signature, field);
    memcpy(bent + 2 + field, signature + field, field);
    forgery_case(k, "a zero in front of each", message, bent, n + 2, ERR_DENIED);
    memcpy(bent, signature, n);
    memcpy(bent + n, signature, n);
    forgery_case(k, "twice", message, bent, 2 * n, ERR_DENIED);
    for (size_t i = 0; i < n; i++)
        bent[i] = signature[i < field ? field - 1 - i : n - 1 - (i - field)];
    forgery_case(k, "little end first", message, bent, n, ERR_DENIED);
    for (size_t i = 0; i < n; i++) {
        memcpy(bent, signature, n);
        bent[i] ^= (uint8_t)(1u << i % 8);
        forgery_case(k, "a bit turned", message, bent, n, ERR_DENIED);
    }
    forgery_case(k, "of another text", STR("and far away"), signature, n, ERR_DENIED);
    forgery_case(k, "of no text", STR(""), signature, n, ERR_DENIED);
}

// All keys for one text: nobody's is another's, whatever is done about the length.
static void check_foreign(const struct jwk *k)
{
    size_t n = 2 * field_of(k);
    EVP_PKEY *stranger = EVP_PKEY_Q_keygen(NULL, NULL, "EC",
                                           k->alg == JWA_ES256   ? "P-256"
                                           : k->alg == JWA_ES384 ? "P-384"
                                                                 : "P-521");
    uint8_t der[JWA_SIGNATURE_MAX], pair[2 * FIELD_MAX], wide[JWA_SIGNATURE_MAX] = {0};
    sign_der(stranger, EVP_sha256(), der, pair, n / 2);
    forgery_case(k, "of another key", message, pair, n, ERR_DENIED);
    EVP_PKEY_free(stranger);
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        struct jwk other = jose_key(curves[i].private_key, JWK_TO_SIGN, curves[i].alg, NULL);
        size_t of_other = 2 * field_of(&other);
        sign(&other, message, wide);
        forgery_case(k, jwa_name(other.alg).p, message, wide, of_other,
                     other.alg == k->alg ? OK : ERR_DENIED);
        if (other.alg != k->alg)
            forgery_case(k, "of another curve, made to fit", message, wide, n, ERR_DENIED);
        jwk_deinit(&other);
    }
}

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        struct jwk k = jose_key(curves[i].private_key, JWK_TO_SIGN, curves[i].alg, NULL);
        check_der(&k, &curves[i]);
        check_lengths(&k);
        check_foreign(&k);
        jwk_deinit(&k);
    }
}

// An r that begins with a zero keeps it.
static void test_leading_zero(void **state)
{
    (void)state;
    static const struct {
        enum jwa alg;
        const char *private_key;
    } keys[] = {{JWA_ES256, A3_PRIVATE}, {JWA_ES512, A4_PRIVATE}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct jwk k = jose_key(keys[i].private_key, JWK_TO_SIGN, keys[i].alg, NULL);
        uint8_t signature[JWA_SIGNATURE_MAX];
        do // each is another
            sign(&k, message, signature);
        while (signature[0] != 0);
        forgery_case(&k, "a zero in front that belongs there", message, signature, 2 * field_of(&k), OK);
        forgery_case(&k, "that zero left out", message, signature + 1, 2 * field_of(&k) - 1, ERR_DENIED);
        jwk_deinit(&k);
    }
}

int main(void)
{
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_leading_zero),
    };
    return cmocka_run_group_tests(tests, NULL, forgeries_print);
}
