// SPDX-License-Identifier: Apache-2.0
//
// Keys under which others sign, and numbers that are no key, made at run time: each is refused as it is read, with what is wrong with it.
// That exponents of 0, 1 and 2 are, and short ones, is test_wire_jwk's.
#include "unit/support.h"

#include "unit/jose.h"
#include "wire/digest.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { ROOM = 4096 };

static const struct jwk_wish to_verify = {.use = JWK_TO_VERIFY};

// got: how the sentence about it begins; NULL where it is a key.
static void check_text(const char *what, const char *text, enum err wanted, const char *got)
{
    struct jwk k;
    struct jwk_problem problem = {0};
    enum err e = jwk_from_text(str_from_cstr(text), &to_verify, &k, &problem);
    if (e != wanted)
        print_message("%s: %d, got %s\n", what, (int)e, problem.got.z);
    assert_int_equal(e, wanted);
    if (e == OK) {
        jwk_check(&k);
        jwk_deinit(&k);
    } else if (got != NULL) {
        assert_string_equal(problem.got.z, got);
    }
}

// Of so many octets; 0: as few as it takes.
static void put_number(char *ret, const BIGNUM *b, size_t octets)
{
    uint8_t raw[JWA_SIGNATURE_MAX];
    size_t n = octets > 0 ? octets : (size_t)BN_num_bytes(b);
    assert_true(n <= sizeof raw && BN_bn2binpad(b, raw, (int)n) == (int)n);
    ret[base64url_encode(raw, n, ret)] = '\0';
}

static BIGNUM *param(const char *jwk, enum jwa alg, const char *name)
{
    BIGNUM *b = NULL;
    struct jwk k = jose_key(jwk, JWK_TO_VERIFY, alg, NULL);
    assert_int_equal(EVP_PKEY_get_bn_param(k.pkey, name, &b), 1);
    jwk_deinit(&k);
    return b;
}

// ---- RSA

#define SMALL_FACTOR "an RSA key whose modulus has a small factor"
#define EXPONENT "an RSA key whose exponent signs nothing"

static void check_rsa(const char *what, const BIGNUM *n, const BIGNUM *e, enum err wanted, const char *got)
{
    char text[ROOM], n_text[ROOM / 3], e_text[ROOM / 3];
    put_number(n_text, n, 0);
    put_number(e_text, e, 0);
    snprintf(text, sizeof text, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", n_text, e_text);
    check_text(what, text, wanted, got);
}

// The largest below n that the prime divides.
static void check_factor(const BIGNUM *n, const BIGNUM *e, BN_ULONG prime)
{
    BIGNUM *with = BN_dup(n);
    assert_true(BN_sub_word(with, BN_mod_word(with, prime)));
    check_rsa("a small factor", with, e, ERR_DENIED, SMALL_FACTOR);
    BN_free(with);
}

static bool is_prime(unsigned n)
{
    bool prime = n >= 2;
    for (unsigned d = 2; d < n; d++)
        prime = prime && n % d != 0;
    return prime;
}

// M: the product of the first 39 primes.
static BIGNUM *roca_m(void)
{
    BIGNUM *m = BN_new();
    unsigned primes = 0;
    assert_true(BN_set_word(m, 1));
    for (unsigned p = 2; p <= 167; p++)
        if (is_prime(p)) {
            assert_true(BN_mul_word(m, p));
            primes++;
        }
    assert_int_equal(primes, 39);
    return m;
}

// A modulus as the broken library made them: a power of 65537 modulo M, and any multiple of M.
static BIGNUM *roca_make(const BIGNUM *m, unsigned power, BN_CTX *c)
{
    BIGNUM *n = BN_new(), *times = BN_new(), *base = BN_new(), *exponent = BN_new();
    assert_true(BN_set_word(base, 65537) && BN_set_word(exponent, power) &&
                BN_mod_exp(n, base, exponent, m, c));
    assert_true(BN_set_bit(times, JWA_RSA_BITS_MIN - 1) && BN_div(times, NULL, times, m, c) &&
                BN_add_word(times, 12345) && BN_mul(times, times, m, c) && BN_add(n, n, times));
    assert_int_equal(BN_num_bits(n), JWA_RSA_BITS_MIN);
    BN_free(times);
    BN_free(base);
    BN_free(exponent);
    return n;
}

// The same modulo all primes but this one, of which it is no power. False where all numbers are powers.
static bool roca_but_for(BIGNUM *n, const BIGNUM *m, unsigned prime)
{
    bool powers[168] = {true}; // 0 is none, and a small factor
    for (unsigned power = 1; !powers[power]; power = power * 65537 % prime)
        powers[power] = true;
    BIGNUM *rest = BN_dup(m);
    assert_int_equal(BN_div_word(rest, prime), 0);
    bool found = false;
    for (unsigned i = 0; i < prime && !found; i++) {
        assert_true(BN_add(n, n, rest));
        found = !powers[BN_mod_word(n, prime)];
    }
    BN_free(rest);
    return found;
}

static void test_roca(void **state)
{
    (void)state;
    BN_CTX *c = BN_CTX_new();
    BIGNUM *m = roca_m(), *e = param(A2_KEY, JWA_RS256, OSSL_PKEY_PARAM_RSA_E);
    unsigned tell = 0; // primes that tell one from others
    for (unsigned p = 2; p <= 167; p++) {
        if (!is_prime(p))
            continue;
        BIGNUM *n = roca_make(m, 1000 + p, c);
        check_rsa("ROCA", n, e, ERR_DENIED,
                  "an RSA key that can be had from its public half (CVE-2017-15361)");
        if (roca_but_for(n, m, p)) {
            check_rsa("ROCA but for one prime", n, e, OK, NULL);
            tell++;
        }
        BN_free(n);
    }
    assert_int_equal(tell, 17);
    BN_free(m);
    BN_free(e);
    BN_CTX_free(c);
}

static void test_rsa(void **state)
{
    (void)state;
    BIGNUM *n = param(A2_KEY, JWA_RS256, OSSL_PKEY_PARAM_RSA_N),
           *e = param(A2_KEY, JWA_RS256, OSSL_PKEY_PARAM_RSA_E), *other = BN_new();
    check_rsa("as it is", n, e, OK, NULL);
    static const BN_ULONG primes[] = {2, 3, 5, 7, 11, 97, 163, 167};
    for (size_t i = 0; i < ARRAY_LEN(primes); i++)
        check_factor(n, e, primes[i]);
    assert_true(BN_rshift1(other, n) && BN_set_bit(other, 0));
    check_rsa("2047 bits", other, e, ERR_LIMIT, "an RSA key of 2047 bits");
    check_rsa("an exponent that is the modulus", n, n, ERR_DENIED, EXPONENT);
    assert_true(BN_copy(other, n) && BN_add_word(other, 2));
    check_rsa("an exponent beyond the modulus", n, other, ERR_DENIED, EXPONENT);
    assert_true(BN_copy(other, e) && BN_sub_word(other, 1));
    check_rsa("an exponent that is even", n, other, ERR_DENIED, EXPONENT);
    BN_free(n);
    BN_free(e);
    BN_free(other);
}

// ---- points of EC keys

static const struct curve {
    const char *name, *key;
    enum jwa alg;
    size_t field;
} curves[] = {
    {"P-256", A3_KEY, JWA_ES256, 32}, {"P-384", P384_KEY, JWA_ES384, 48}, {"P-521", A4_KEY, JWA_ES512, 66}};

static void check_point(const char *what, const struct curve *c, const BIGNUM *x, const BIGNUM *y,
                        size_t x_octets, size_t y_octets, enum err wanted)
{
    char text[ROOM], x_text[128], y_text[128];
    put_number(x_text, x, x_octets);
    put_number(y_text, y, y_octets);
    snprintf(text, sizeof text, "{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", c->name, x_text,
             y_text);
    check_text(what, text, wanted, NULL);
}

static void check_points(const struct curve *c)
{
    size_t f = c->field;
    enum err more = f == 66 ? ERR_LIMIT : ERR_SYNTAX; // no number of a key has more octets
    BIGNUM *x = param(c->key, c->alg, OSSL_PKEY_PARAM_EC_PUB_X),
           *y = param(c->key, c->alg, OSSL_PKEY_PARAM_EC_PUB_Y),
           *p = param(c->key, c->alg, OSSL_PKEY_PARAM_EC_P), *zero = BN_new(), *other = BN_new();
    BN_zero(zero);
    check_point("as it is", c, x, y, f, f, OK);
    check_point("no octets of y but one", c, x, zero, f, 1, ERR_SYNTAX);
    check_point("an octet more of x", c, x, y, f + 1, f, more);
    check_point("an octet more of y", c, x, y, f, f + 1, more);
    check_point("x and y changed over", c, y, x, f, f, ERR_SYNTAX);
    check_point("0 and 0, as if that were the point at infinity", c, zero, zero, f, f, ERR_SYNTAX);
    check_point("y is 0", c, x, zero, f, f, ERR_SYNTAX);
    check_point("x is p", c, p, y, f, f, ERR_SYNTAX);
    check_point("y is p", c, x, p, f, f, ERR_SYNTAX);
    assert_true(BN_sub(other, p, y));
    check_point("the point on the other side", c, x, other, f, f, OK);
    assert_true(BN_copy(other, y) && (BN_is_odd(y) ? BN_clear_bit(other, 0) : BN_set_bit(other, 0)));
    check_point("a bit of y", c, x, other, f, f, ERR_SYNTAX);
    assert_true(BN_add(other, x, p));
    if (BN_num_bytes(other) <= (int)f) // of P-521, whose octets have seven bits to spare
        check_point("x and p", c, other, y, f, f, ERR_SYNTAX);
    BN_free(x);
    BN_free(y);
    BN_free(p);
    BN_free(zero);
    BN_free(other);
}

static void test_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        check_points(&curves[i]);
        for (size_t k = 0; k < ARRAY_LEN(curves); k++) { // on another curve than it says
            struct curve mixed = curves[i];
            mixed.name = curves[k].name;
            BIGNUM *x = param(mixed.key, mixed.alg, OSSL_PKEY_PARAM_EC_PUB_X),
                   *y = param(mixed.key, mixed.alg, OSSL_PKEY_PARAM_EC_PUB_Y);
            size_t f = curves[i].field > curves[k].field ? curves[i].field : curves[k].field;
            check_point("another curve", &mixed, x, y, f, f, i == k ? OK : ERR_SYNTAX);
            BN_free(x);
            BN_free(y);
        }
    }
}

// ---- DER

static void check_der(const char *what, const uint8_t *der, size_t n, enum err wanted, const char *got)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char text[ROOM] = "";
    assert_true(PEM_write_bio(bio, "PUBLIC KEY", "", der, (long)n) > 0);
    assert_true(BIO_read(bio, text, sizeof text - 1) > 0);
    BIO_free(bio);
    check_text(what, text, wanted, got);
}

// r is x of (hash / s) times the base point: right under the point at infinity, of whatever text, as libcrypto has it.
static void check_signed_by_nobody(EVP_PKEY *infinity)
{
    uint8_t hash[SHA256_BYTES];
    assert_int_equal(digest_sha256("text", 4, hash), OK);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *times = BN_bin2bn(hash, sizeof hash, NULL), *r = BN_new(), *s = BN_new();
    EC_POINT *point = EC_POINT_new(group);
    assert_true(BN_set_word(s, 1) && EC_POINT_mul(group, point, times, NULL, NULL, NULL) &&
                EC_POINT_get_affine_coordinates(group, point, r, NULL, NULL));
    ECDSA_SIG *pair = ECDSA_SIG_new();
    assert_int_equal(ECDSA_SIG_set0(pair, r, s), 1);
    uint8_t *der = NULL;
    int n = i2d_ECDSA_SIG(pair, &der);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_true(n > 0 && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, infinity) == 1);
    assert_int_equal(EVP_DigestVerify(c, der, (size_t)n, (const uint8_t *)"text", 4), 1);
    EVP_MD_CTX_free(c);
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    EC_POINT_free(point);
    BN_free(times);
    EC_GROUP_free(group);
}

static void test_der_points(void **state)
{
    (void)state;
    enum { HEAD = 23, POINT = 65 }; // SEQUENCE { SEQUENCE { OID, OID }, BIT STRING }
    struct jwk k = jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, NULL);
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(k.pkey, &der);
    assert_int_equal(n, 3 + HEAD + POINT);
    check_der("as it is", der, (size_t)n, OK, NULL);
    der[n - 1] ^= 1;
    check_der("not on the curve", der, (size_t)n, ERR_SYNTAX, NULL);
    uint8_t infinity[2 + HEAD + 2];
    memcpy(infinity, der, 2 + HEAD);
    infinity[1] = HEAD + 2;
    memcpy(infinity + 2 + 21, (uint8_t[]){0x03, 0x02, 0x00, 0x00},
           4); // a point of one octet, 00 (SEC 1 section 2.3.3)
    check_der("the point at infinity", infinity, sizeof infinity, ERR_DENIED,
              "the point at infinity, under which anybody signs");
    const unsigned char *p = infinity;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, sizeof infinity);
    assert_non_null(pkey);
    check_signed_by_nobody(pkey); // so it is no empty worry
    EVP_PKEY_free(pkey);
    OPENSSL_free(der);
    jwk_deinit(&k);
}

// CVE-2020-0601: the curve's own numbers but for the base point, which is somebody's public key, so that its private half is 1.
static void test_own_curve(void **state)
{
    (void)state;
    struct jwk k = jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, NULL);
    uint8_t point[65];
    size_t n = sizeof point;
    assert_int_equal(EVP_PKEY_get_octet_string_param(k.pkey, OSSL_PKEY_PARAM_PUB_KEY, point, n, &n), 1);
    static const char *const names[] = {OSSL_PKEY_PARAM_EC_P, OSSL_PKEY_PARAM_EC_A, OSSL_PKEY_PARAM_EC_B,
                                        OSSL_PKEY_PARAM_EC_ORDER, OSSL_PKEY_PARAM_EC_COFACTOR};
    BIGNUM *numbers[ARRAY_LEN(names)] = {0};
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(EVP_PKEY_get_bn_param(k.pkey, names[i], &numbers[i]) &&
                    OSSL_PARAM_BLD_push_BN(b, names[i], numbers[i]));
    assert_true(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_EC_FIELD_TYPE, "prime-field", 0) &&
                OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_EC_GENERATOR, point, n) &&
                OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, n));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *own = NULL;
    assert_true(EVP_PKEY_fromdata_init(c) > 0 && EVP_PKEY_fromdata(c, &own, EVP_PKEY_PUBLIC_KEY, params) > 0);
    uint8_t *der = NULL;
    int der_n = i2d_PUBKEY(own, &der);
    assert_true(der_n > 0);
    check_der("a curve of its own", der, (size_t)der_n, ERR_UNSUPPORTED, "a key of another kind");
    OPENSSL_free(der);
    EVP_PKEY_free(own);
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        BN_free(numbers[i]);
    jwk_deinit(&k);
}

// ---- Ed25519: points of small order

enum { OCTETS = 32 };

static const char small[][2 * OCTETS + 1] = {
    "0000000000000000000000000000000000000000000000000000000000000000", // order 4
    "0100000000000000000000000000000000000000000000000000000000000000", // 1
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 2
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // 8
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 4 and 1, written as p and p + 1
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void unhex(const char *hex, uint8_t ret[OCTETS])
{
    for (size_t i = 0; i < OCTETS; i++)
        ret[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
}

// How many of 64 texts the signature of nobody, R the neutral point and s 0, is right for, as libcrypto has it.
static unsigned signed_by_nobody(const uint8_t point[OCTETS])
{
    static const uint8_t signature[2 * OCTETS] = {1};
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, OCTETS);
    unsigned right = 0;
    for (uint8_t text = 0; text < 64; text++) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, pkey), 1);
        right += EVP_DigestVerify(c, signature, sizeof signature, &text, 1) == 1;
        EVP_MD_CTX_free(c);
    }
    EVP_PKEY_free(pkey);
    return right;
}

static void check_ed25519(const uint8_t point[OCTETS], enum err wanted)
{
    static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}; // RFC 8410 section 4
    uint8_t der[sizeof head + OCTETS];
    char text[256] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"";
    size_t n = strlen(text);
    n += base64url_encode(point, OCTETS, text + n);
    snprintf(text + n, sizeof text - n, "\"}");
    check_text("a point", text, wanted, "an Ed25519 key under which anybody signs");
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, point, OCTETS);
    check_der("a point in DER", der, sizeof der, wanted, "an Ed25519 key under which anybody signs");
}

static void test_small_points(void **state)
{
    (void)state;
    uint8_t point[OCTETS];
    unsigned right = 0;
    for (size_t i = 0; i < ARRAY_LEN(small); i++) {
        for (unsigned sign = 0; sign <= 0x80; sign += 0x80) {
            unhex(small[i], point);
            point[OCTETS - 1] |= (uint8_t)sign;
            right += signed_by_nobody(point) > 0;
            check_ed25519(point, ERR_DENIED);
        }
    }
    assert_true(right >= 8); // so it is no empty worry
    // Their neighbours are keys, and nobody's signature is not right under them.
    static const char *const neighbours[] = {
        "0200000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000001",
        "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f7f",
        "27e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"};
    for (size_t i = 0; i < ARRAY_LEN(neighbours); i++) {
        unhex(neighbours[i], point);
        assert_int_equal(signed_by_nobody(point), 0);
        check_ed25519(point, OK);
    }
}

int main(void)
{
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsa),       cmocka_unit_test(test_roca),
        cmocka_unit_test(test_points),    cmocka_unit_test(test_der_points),
        cmocka_unit_test(test_own_curve), cmocka_unit_test(test_small_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
