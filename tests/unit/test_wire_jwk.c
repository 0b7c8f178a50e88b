// SPDX-License-Identifier: Apache-2.0
//
// Keys: from PEM, JWK and sets; what each refusal says; the public half and the fingerprint as they are printed; libcrypto
// out of memory.
#include "unit/support.h"

#include "unit/failing.h"
#include "unit/jose.h"
#include "wire/digest.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const struct jwk_wish to_verify = {.use = JWK_TO_VERIFY}, to_sign = {.use = JWK_TO_SIGN};

static struct jwk_wish wish_for(enum jwk_use use, enum jwa alg)
{
    return (struct jwk_wish){.use = use, .has_alg = true, .alg = alg};
}

// ---- refusals, a row each

struct row {
    const char *text;
    enum err err;
    const char *got, *expected; // NULL = whatever
};

static void check_refusal(enum err e, const struct jwk_problem *p, const struct row *row)
{
    if (e != row->err || (row->got != NULL && strcmp(p->got.z, row->got) != 0))
        print_message("%s\n  got %s, expected %s\n", row->text, p->got.z, p->expected.z);
    assert_int_equal(e, row->err);
    if (row->got != NULL)
        assert_string_equal(p->got.z, row->got);
    if (row->expected != NULL)
        assert_string_equal(p->expected.z, row->expected);
    assert_true(p->got.n > 0 && p->expected.n > 0);
}

static void check_json(const struct row *rows, size_t n, const struct jwk_wish *wish)
{
    for (size_t i = 0; i < n; i++) {
        struct jwk k;
        struct jwk_problem problem = {0};
        enum err e = jwk_from_json(str_from_cstr(rows[i].text), wish, &k, &problem);
        if (e == OK) {
            jwk_check(&k);
            jwk_deinit(&k);
        }
        if (e == OK && rows[i].err == OK)
            continue;
        check_refusal(e, &problem, &rows[i]);
    }
}

#define B64_31 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA"
#define B64_32 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"

static void test_json_refusals(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {A2_KEY, OK, NULL, NULL},
        {A3_KEY, OK, NULL, NULL},
        {ED_KEY, OK, NULL, NULL},
        {"  " A4_KEY "\n", OK, NULL, NULL},
        {"{" A3_PUBLIC
         ",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"a\",\"key_ops\":[\"verify\"],\"x5t\":\"..\"}",
         OK, NULL, NULL},
        {"{\"kty\":\"oct\",\"k\":\"" B64_32 "\"}", OK, NULL, NULL},
        {"", ERR_SYNTAX, "a text that is no JSON object (expected an object)", "a JWK"},
        {"[]", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"EC\",\"kty\":\"RSA\"}", ERR_SYNTAX, "a text that is no JSON object (a key stands twice)",
         NULL},
        {"{\"keys\":[]}", ERR_SYNTAX, "a set of keys", "a single JWK"},
        {"{}", ERR_SYNTAX, "a JWK whose `kty` is missing or no short text", "`RSA`, `EC`, `OKP` or `oct`"},
        {"{\"kty\":1}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"rsa\"}", ERR_UNSUPPORTED, "a JWK of the kind `rsa`", "RSA, EC, OKP or oct"},
        {"{" A3_PUBLIC ",\"kid\":7}", ERR_LIMIT, "a JWK whose `kid` is no text of up to 128 bytes", NULL},
        {"{" A3_PUBLIC ",\"kid\":\"" SECRET_64 SECRET_64 "x\"}", ERR_LIMIT, NULL, NULL},
        {"{" A3_PUBLIC ",\"use\":\"enc\"}", ERR_DENIED, "a JWK whose `use` is not `sig`",
         "a key for signatures"},
        {"{" A3_PUBLIC ",\"use\":5}", ERR_DENIED, NULL, NULL},
        {"{" A3_PUBLIC ",\"key_ops\":[\"sign\"]}", ERR_DENIED, "a JWK whose `key_ops` do not list it",
         "a key that may `verify`"},
        {"{" A3_PUBLIC ",\"key_ops\":[]}", ERR_DENIED, NULL, NULL},
        {"{" A3_PUBLIC ",\"key_ops\":\"verify\"}", ERR_DENIED, NULL, NULL},
        {"{" A3_PUBLIC ",\"key_ops\":[{},7,\"verify\"]}", OK, NULL, NULL},
        {"{" A2_PUBLIC ",\"alg\":\"RSA-OAEP\"}", ERR_UNSUPPORTED, "a JWK for the algorithm `RSA-OAEP`",
         "HS, RS, PS or ES with 256, 384 or 512, or EdDSA"},
        {"{" A2_PUBLIC ",\"alg\":256}", ERR_UNSUPPORTED, "a JWK for the algorithm `256`", NULL},
        {"{" A2_PUBLIC ",\"alg\":\"none\"}", ERR_UNSUPPORTED, NULL, NULL},
        // A key is for what it is: key confusion has no way to be written.
        {"{" A2_PUBLIC ",\"alg\":\"HS256\"}", ERR_DENIED, "an RSA key", "a key for HS256"},
        {"{" A2_PUBLIC ",\"alg\":\"ES256\"}", ERR_DENIED, "an RSA key", "a key for ES256"},
        {"{" A2_PUBLIC ",\"alg\":\"PS512\"}", OK, NULL, NULL},
        {"{" A3_PUBLIC ",\"alg\":\"ES384\"}", ERR_DENIED, "a P-256 key", "a key for ES384"},
        {"{" A3_PUBLIC ",\"alg\":\"HS256\"}", ERR_DENIED, NULL, NULL},
        {"{" A4_PUBLIC ",\"alg\":\"ES256\"}", ERR_DENIED, "a P-521 key", "a key for ES256"},
        {"{" ED_PUBLIC ",\"alg\":\"ES256\"}", ERR_DENIED, "an Ed25519 key", "a key for ES256"},
        {"{" ED_PUBLIC ",\"alg\":\"Ed25519\"}", OK, NULL, NULL},
        {"{\"kty\":\"oct\",\"k\":\"" B64_32 "\",\"alg\":\"RS256\"}", ERR_DENIED, "a secret",
         "a key for RS256"},
        // Halves.
        {A2_PRIVATE, ERR_DENIED, "a private key",
         "the public one (`openssl pkey -in FILE -pubout`): the private one stays with who signs"},
        {A3_PRIVATE, ERR_DENIED, "a private key", NULL},
        {ED_PRIVATE, ERR_DENIED, "a private key", NULL},
        // Numbers.
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\"}", ERR_SYNTAX, "a JWK whose `e` is missing or not base64url",
         NULL},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", ERR_SYNTAX, "a JWK whose `n` is missing or not base64url", NULL},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "=\",\"e\":\"AQAB\"}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"AQ\"}", ERR_DENIED,
         "an RSA key whose exponent signs nothing", "an odd one above 1, mostly 65537"},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"BA\"}", ERR_DENIED, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"AA\"}", ERR_DENIED, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"Aw\"}", OK, NULL, NULL},
        {"{\"kty\":\"RSA\",\"n\":\"_w\",\"e\":\"AQAB\"}", ERR_LIMIT, "an RSA key of 8 bits",
         "one of 2048 bits or more"},
        {"{\"kty\":\"RSA\",\"n\":\"" A2_N A2_N A2_N A2_N A2_N "\",\"e\":\"AQAB\"}", ERR_LIMIT,
         "a JWK whose `n` is too long", NULL},
        {"{" A2_PUBLIC ",\"oth\":[]}", ERR_UNSUPPORTED, "an RSA key of more than two primes", NULL},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}", ERR_UNSUPPORTED,
         "a JWK on the curve `secp256k1`", "P-256, P-384, P-521 or Ed25519"},
        {"{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}", ERR_UNSUPPORTED, "a JWK on the curve nothing", NULL},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
         ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"_w\"}",
         ERR_SYNTAX, "a JWK whose `y` has not the length of its curve", "all octets, zeros in front too"},
        // Not on the curve.
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
         ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
         ERR_SYNTAX, "a JWK whose numbers are no P-256 key", "a key that is whole"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\"}", ERR_UNSUPPORTED, "a JWK on the curve `Ed448`",
         NULL},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         ERR_UNSUPPORTED, NULL, NULL},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"oct\"}", ERR_SYNTAX, NULL, NULL},
        {"{\"kty\":\"oct\",\"k\":\"" B64_31 "\"}", ERR_LIMIT, "a secret of 31 bytes",
         "one of 32 bytes or more for HS256"},
        {"{\"kty\":\"oct\",\"k\":\"" B64_32 "\",\"alg\":\"HS384\"}", ERR_LIMIT, "a secret of 32 bytes",
         "one of 48 bytes or more for HS384"},
        {"{\"kty\":\"oct\",\"k\":\"" B64_32 "\",\"alg\":\"HS512\"}", ERR_LIMIT, "a secret of 32 bytes",
         "one of 64 bytes or more for HS512"},
        {"{\"kty\":\"oct\",\"k\":\"" A2_N A2_N A2_N "\"}", ERR_LIMIT, "a secret of 769 bytes",
         "one of 512 bytes or less"},
    };
    check_json(rows, ARRAY_LEN(rows), &to_verify);
}

static void test_wishes(void **state)
{
    (void)state;
    static const struct row for_rs256[] = {
        {A2_KEY, OK, NULL, NULL},
        {"{" A2_PUBLIC ",\"alg\":\"RS256\"}", OK, NULL, NULL},
        {"{" A2_PUBLIC ",\"alg\":\"PS256\"}", ERR_DENIED, "a key for PS256", "one for RS256"},
        {A3_KEY, ERR_DENIED, "a P-256 key", "a key for RS256"},
        {ED_KEY, ERR_DENIED, "an Ed25519 key", "a key for RS256"},
        {A1_KEY, ERR_DENIED, "a secret", "a key for RS256"},
    };
    static const struct row signing[] = {
        {A2_PRIVATE, OK, NULL, NULL},
        {A3_PRIVATE, OK, NULL, NULL},
        {ED_PRIVATE, OK, NULL, NULL},
        {A1_KEY, OK, NULL, NULL},
        {"{" A2_PUBLIC ",\"d\":\"" A2_D "\"}", OK, NULL, NULL}, // without its primes
        {A2_KEY, ERR_DENIED, "a public key", "the private one, which signs"},
        {"{" A3_PUBLIC ",\"d\":\"AA\"}", ERR_SYNTAX, "a JWK whose `d` has not the length of its curve", NULL},
        {"{" A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\",\"key_ops\":[\"verify\"]}",
         ERR_DENIED, "a JWK whose `key_ops` do not list it", "a key that may `sign`"},
        {"{" ED_PUBLIC ",\"d\":\"oWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}", ERR_SYNTAX,
         "a JWK whose numbers are no Ed25519 key", NULL}, // not of this public half
        {"{" A2_PUBLIC ",\"d\":\"AQ\",\"p\":\"AQ\"}", ERR_SYNTAX, NULL, NULL},
    };
    struct jwk_wish wish = wish_for(JWK_TO_VERIFY, JWA_RS256);
    check_json(for_rs256, ARRAY_LEN(for_rs256), &wish);
    check_json(signing, ARRAY_LEN(signing), &to_sign);

    struct jwk k;
    struct jwk_problem problem;
    struct jwk_wish named = {.use = JWK_TO_VERIFY, .kid = STR("mine")};
    assert_int_equal(jwk_from_json(STR(FRODO_RSA_KEY), &to_verify, &k, &problem), OK);
    assert_str(jwk_kid(&k), BILBO);
    assert_int_equal(k.alg, JWA_PS384);
    assert_false(k.signs);
    jwk_deinit(&k);
    assert_int_equal(jwk_from_json(STR(FRODO_RSA_KEY), &named, &k, &problem), OK);
    assert_str(jwk_kid(&k), "mine");
    jwk_deinit(&k);
    named.kid = STR(SECRET_64 SECRET_64);
    assert_int_equal(jwk_from_json(STR(FRODO_RSA_KEY), &named, &k, &problem), OK);
    jwk_check(&k);
    jwk_deinit(&k);
    named.kid = STR(SECRET_64 SECRET_64 "x");
    struct row row = {"kid", ERR_LIMIT, "a kid of more than 128 bytes", "a shorter one"};
    check_refusal(jwk_from_json(STR(FRODO_RSA_KEY), &named, &k, &problem), &problem, &row);
    assert_int_equal(jwk_from_json(STR(A2_KEY), &to_verify, &k, &problem), OK);
    assert_int_equal(k.alg, JWA_RS256); // it says nothing
    assert_null(jwk_kid(&k).p);
    jwk_deinit(&k);
}

static void test_secrets(void **state)
{
    (void)state;
    struct jwk k;
    struct jwk_problem problem;
    struct row row = {"31 bytes", ERR_LIMIT, "a secret of 31 bytes", "one of 32 bytes or more for HS256"};
    check_refusal(jwk_from_secret(str_make(SECRET_64, 31), &to_verify, &k, &problem), &problem, &row);
    row = (struct row){"none", ERR_LIMIT, "a secret of 0 bytes", NULL};
    check_refusal(jwk_from_secret(STR(""), &to_verify, &k, &problem), &problem, &row);
    for (int i = 0; i < 3; i++) {
        static const enum jwa algs[] = {JWA_HS256, JWA_HS384, JWA_HS512};
        struct jwk_wish wish = wish_for(JWK_TO_VERIFY, algs[i]);
        size_t least = (size_t)16 * (size_t)(i + 2);
        assert_int_equal(jwk_from_secret(str_make(SECRET_64, least - 1), &wish, &k, &problem), ERR_LIMIT);
        assert_int_equal(jwk_from_secret(str_make(SECRET_64, least), &wish, &k, &problem), OK);
        jwk_check(&k);
        assert_true(k.signs && k.alg == algs[i]);
        jwk_deinit(&k);
        assert_int_equal(k.secret_n, 0);
    }
    struct jwk_wish rsa = wish_for(JWK_TO_VERIFY, JWA_RS256);
    row = (struct row){"RS256", ERR_DENIED, "a secret", "a key for RS256"};
    check_refusal(jwk_from_secret(STR(SECRET_64), &rsa, &k, &problem), &problem, &row);
}

// ---- PEM

struct pem {
    char z[8192];
};

static struct pem pem_take(BIO *bio)
{
    struct pem pem = {""};
    int n = BIO_read(bio, pem.z, sizeof pem.z - 1);
    assert_true(n > 0);
    BIO_free(bio);
    return pem;
}

static struct pem pem_public(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    return pem_take(bio);
}

static struct pem pem_private(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    return pem_take(bio);
}

// What is in it does not matter: nobody is asked for the password.
static struct pem pem_encrypted(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, "ENCRYPTED PRIVATE KEY", "", (const unsigned char *)"\x30\x00", 2) > 0);
    return pem_take(bio);
}

static struct pem pem_traditional(EVP_PKEY *pkey, bool encrypted)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, encrypted ? EVP_aes_128_cbc() : NULL,
                                                          (unsigned char *)"pw", encrypted ? 2 : 0, NULL,
                                                          NULL),
                     1);
    return pem_take(bio);
}

static struct pem pem_certificate(EVP_PKEY *pkey)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -100);
    X509_gmtime_adj(X509_getm_notAfter(x), -50); // over: whose key it is the operator says
    X509_set_pubkey(x, pkey);
    assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    X509_free(x);
    return pem_take(bio);
}

static enum err read_pem(struct pem pem, const struct jwk_wish *wish, struct jwk *ret,
                         struct jwk_problem *problem)
{
    return jwk_from_text(str_from_cstr(pem.z), wish, ret, problem);
}

static void check_pem(struct pem pem, const struct jwk_wish *wish, enum jwa alg)
{
    struct jwk k;
    struct jwk_problem problem;
    enum err e = read_pem(pem, wish, &k, &problem);
    if (e != OK)
        print_message("got %s, expected %s\n", problem.got.z, problem.expected.z);
    assert_int_equal(e, OK);
    jwk_check(&k);
    assert_int_equal(k.alg, alg);
    jwk_deinit(&k);
}

static void test_pem(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum jwa natural;
    } keys[] = {{A2_PRIVATE, JWA_RS256},
                {A3_PRIVATE, JWA_ES256},
                {P384_PRIVATE, JWA_ES384},
                {A4_PRIVATE, JWA_ES512},
                {ED_PRIVATE, JWA_EDDSA}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct jwk k = jose_key(keys[i].json, JWK_TO_SIGN, keys[i].natural, NULL), other;
        struct jwk_problem problem;
        struct pem public = pem_public(k.pkey), secret = pem_private(k.pkey);
        check_pem(public, &to_verify, keys[i].natural);
        check_pem(secret, &to_sign, keys[i].natural);
        struct row row = {"private", ERR_DENIED, "a private key", NULL};
        check_refusal(read_pem(secret, &to_verify, &other, &problem), &problem, &row);
        row = (struct row){"public", ERR_DENIED, "a public key", NULL};
        check_refusal(read_pem(public, &to_sign, &other, &problem), &problem, &row);
        row = (struct row){"encrypted", ERR_UNSUPPORTED, "a key that is encrypted", "one without a password"};
        check_refusal(read_pem(pem_encrypted(), &to_sign, &other, &problem), &problem, &row);
        // Text around it does not matter.
        struct pem framed;
        snprintf(framed.z, sizeof framed.z, "subject=/CN=x\n\n%.4000s\ntrailing", public.z);
        check_pem(framed, &to_verify, keys[i].natural);
        // A key for HS has no way to be a public PEM.
        struct jwk_wish hs = wish_for(JWK_TO_VERIFY, JWA_HS256);
        row = (struct row){"HS256", ERR_DENIED, NULL, "a key for HS256"};
        check_refusal(read_pem(public, &hs, &other, &problem), &problem, &row);
        jwk_deinit(&k);
    }
}

static void test_pem_forms(void **state)
{
    (void)state;
    struct jwk rsa = jose_key(A2_PRIVATE, JWK_TO_SIGN, JWA_RS256, NULL),
               ec = jose_key(A3_PRIVATE, JWK_TO_SIGN, JWA_ES256, NULL), k;
    struct jwk_problem problem;
    check_pem(pem_certificate(rsa.pkey), &to_verify, JWA_RS256);
    check_pem(pem_traditional(rsa.pkey, false), &to_sign, JWA_RS256);
    check_pem(pem_traditional(ec.pkey, false), &to_sign, JWA_ES256);
    struct jwk_wish ps = wish_for(JWK_TO_VERIFY, JWA_PS512);
    check_pem(pem_certificate(rsa.pkey), &ps, JWA_PS512);
    struct row row = {"encrypted", ERR_UNSUPPORTED, "a key that is encrypted", NULL};
    check_refusal(read_pem(pem_traditional(rsa.pkey, true), &to_sign, &k, &problem), &problem, &row);

    BIO *bio = BIO_new(BIO_s_mem()); // PKCS #1, the public half
    unsigned char *der = NULL;
    int n = i2d_PublicKey(rsa.pkey, &der);
    assert_true(n > 0 && PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, n) > 0);
    struct pem pkcs1 = pem_take(bio);
    check_pem(pkcs1, &to_verify, JWA_RS256);
    bio = BIO_new(BIO_s_mem()); // parameters in front of it
    assert_true(PEM_write_bio(bio, "EC PARAMETERS", "", (const unsigned char *)"\x05\x00", 2) > 0 &&
                PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, n) > 0);
    check_pem(pem_take(bio), &to_verify, JWA_RS256);
    bio = BIO_new(BIO_s_mem()); // bytes behind the key
    unsigned char longer[1024];
    memcpy(longer, der, (size_t)n);
    longer[n] = 0;
    assert_true(PEM_write_bio(bio, "RSA PUBLIC KEY", "", longer, n + 1) > 0);
    row = (struct row){"longer", ERR_SYNTAX, "a PEM block that holds no key that is known", NULL};
    check_refusal(read_pem(pem_take(bio), &to_verify, &k, &problem), &problem, &row);
    OPENSSL_free(der);

    static const char *const broken[] = {"",
                                         "nothing",
                                         "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
                                         "-----BEGIN PUBLIC KEY-----\n????\n-----END PUBLIC KEY-----\n",
                                         "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n",
                                         "-----BEGIN DH PARAMETERS-----\nMCow\n-----END DH PARAMETERS-----\n",
                                         "-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        row = (struct row){broken[i], ERR_SYNTAX, NULL,
                           "a public key or a certificate in PEM (`-----BEGIN PUBLIC KEY-----`), or a JWK"};
        check_refusal(jwk_from_text(str_from_cstr(broken[i]), &to_verify, &k, &problem), &problem, &row);
    }
    jwk_deinit(&rsa);
    jwk_deinit(&ec);
}

static void test_pem_kinds(void **state)
{
    (void)state;
    struct jwk k;
    struct jwk_problem problem;
    EVP_PKEY *weak = EVP_RSA_gen(1024), *koblitz = EVP_EC_gen("secp256k1"),
             *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
             *ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    struct row row = {"1024", ERR_LIMIT, "an RSA key of 1024 bits", "one of 2048 bits or more"};
    check_refusal(read_pem(pem_public(weak), &to_verify, &k, &problem), &problem, &row);
    check_refusal(read_pem(pem_private(weak), &to_sign, &k, &problem), &problem, &row);
    row = (struct row){"other kinds", ERR_UNSUPPORTED, "a key of another kind",
                       "RSA, P-256, P-384, P-521 or Ed25519"};
    check_refusal(read_pem(pem_public(koblitz), &to_verify, &k, &problem), &problem, &row);
    check_refusal(read_pem(pem_public(x25519), &to_verify, &k, &problem), &problem, &row);
    check_refusal(read_pem(pem_public(ed448), &to_verify, &k, &problem), &problem, &row);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(koblitz);
    EVP_PKEY_free(x25519);
    EVP_PKEY_free(ed448);
}

// ---- sets

static void test_set(void **state)
{
    (void)state;
    static const char text[] = "{\"other\":1,\"keys\":[{\"kty\":\"NEW\"}," FRODO_RSA_KEY
                               " , 7, \"x\",{" A3_PUBLIC ",\"kid\":\"e\",\"use\":\"enc\"},"
                               "{" A3_PUBLIC ",\"kid\":\"e\"},{" ED_PUBLIC "}," A1_KEY "," A2_PRIVATE
                               ",{\"kty\":\"RSA\",\"n\":\"_w\",\"e\":\"AQAB\"}]}";
    struct jwk_set set;
    struct jwk k;
    struct jwk_problem problem;
    assert_int_equal(jwk_set_begin(STR(text), &set, &problem), OK);
    static const struct {
        enum jwa alg;
        const char *kid;
        uint32_t place;
    } wanted[] = {{JWA_PS384, BILBO, 2}, {JWA_ES256, "e", 6}, {JWA_EDDSA, "", 7}};
    struct jwk_wish named = {.use = JWK_TO_VERIFY, .kid = STR("not looked at")};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(jwk_set_next(&set, &named, &k, &problem), OK);
        assert_int_equal(k.alg, wanted[i].alg);
        assert_str_eq(jwk_kid(&k), str_from_cstr(wanted[i].kid));
        assert_int_equal(set.place, wanted[i].place);
        jwk_deinit(&k);
    }
    assert_int_equal(jwk_set_next(&set, &named, &k, &problem), ERR_NOT_FOUND);
    assert_int_equal(set.passed, 7);
    assert_string_equal(problem.got.z, "an RSA key of 8 bits"); // why of the last one
    assert_int_equal(jwk_set_next(&set, &named, &k, &problem), ERR_NOT_FOUND);
}

static void test_set_bounds(void **state)
{
    (void)state;
    struct jwk_set set;
    struct jwk k;
    struct jwk_problem problem;
    static const struct row rows[] = {
        {"", ERR_SYNTAX, NULL, NULL},
        {"{}", ERR_SYNTAX, "an object without a list of `keys`", "a JWK set"},
        {"{\"keys\":{}}", ERR_SYNTAX, NULL, NULL},
        {A3_KEY, ERR_SYNTAX, NULL, NULL},
        {"{\"keys\":[],\"keys\":[]}", ERR_SYNTAX, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_refusal(jwk_set_begin(str_from_cstr(rows[i].text), &set, &problem), &problem, &rows[i]);
    assert_int_equal(jwk_set_begin(STR("{\"keys\":[]}"), &set, &problem), OK);
    assert_int_equal(jwk_set_next(&set, &to_verify, &k, &problem), ERR_NOT_FOUND);

    char many[JWK_SET_MAX * 128 + 256] = "{\"keys\":[";
    size_t n = strlen(many);
    for (int i = 0; i <= JWK_SET_MAX; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "%s" ED_KEY, i > 0 ? "," : "");
    snprintf(many + n, sizeof many - n, "]}");
    assert_int_equal(jwk_set_begin(str_from_cstr(many), &set, &problem), OK);
    for (int i = 0; i < JWK_SET_MAX; i++) {
        assert_int_equal(jwk_set_next(&set, &to_verify, &k, &problem), OK);
        jwk_deinit(&k);
    }
    assert_int_equal(jwk_set_next(&set, &to_verify, &k, &problem), ERR_NOT_FOUND);
}

// ---- the other way

static void check_public(const char *private_key, enum jwa alg, const char *wanted)
{
    struct test_mem memory;
    struct mem m;
    struct buf b;
    test_mem_init(&memory, &m);
    buf_init(&b, &m, 0);
    struct jwk k = jose_key(private_key, JWK_TO_SIGN, alg, "k\"1"), again;
    assert_int_equal(jwk_put_public(&b, &k), OK);
    assert_str_eq(buf_str(&b), str_from_cstr(wanted));
    struct jwk_problem problem;
    assert_int_equal(jwk_from_json(buf_str(&b), &to_verify, &again, &problem), OK);
    assert_int_equal(again.alg, alg);
    assert_str(jwk_kid(&again), "k\"1");
    buf_deinit(&b);
    jwk_deinit(&again);
    jwk_deinit(&k);
    test_mem_check(&memory);
}

static void test_public_half(void **state)
{
    (void)state;
    check_public(
        ED_PRIVATE, JWA_EDDSA,
        "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"alg\":\"EdDSA\","
        "\"use\":\"sig\",\"kid\":\"k\\\"1\"}");
    check_public(
        A3_PRIVATE, JWA_ES256,
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"k\\\"1\"}");
    check_public(A2_PRIVATE, JWA_PS512,
                 "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" A2_N
                 "\",\"alg\":\"PS512\",\"use\":\"sig\",\"kid\":\"k\\\"1\"}");
    // A coordinate that begins with a zero octet keeps it.
    check_public(
        A4_PRIVATE, JWA_ES512,
        "{\"crv\":\"P-521\",\"kty\":\"EC\","
        "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
        "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\","
        "\"alg\":\"ES512\",\"use\":\"sig\",\"kid\":\"k\\\"1\"}");
}

static void check_thumbprint(const char *key, const char *wanted)
{
    struct test_mem memory;
    struct mem m;
    char print[JWK_THUMBPRINT_LEN];
    test_mem_init(&memory, &m);
    struct jwk k;
    struct jwk_problem problem;
    assert_int_equal(jwk_from_json(str_from_cstr(key), &to_verify, &k, &problem), OK);
    assert_int_equal(jwk_thumbprint(&k, &m, print), OK);
    assert_str_eq(str_make(print, sizeof print), str_from_cstr(wanted));
    memory.fail_from = memory.calls + 1;
    assert_int_equal(jwk_thumbprint(&k, &m, print), ERR_NOMEM);
    jwk_deinit(&k);
    test_mem_check(&memory);
}

static void test_thumbprint(void **state)
{
    (void)state;
    check_thumbprint(ED_KEY, ED_THUMBPRINT); // RFC 8037 appendix A.3
    check_thumbprint(                        // RFC 7638 section 3.1
        "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj"
        "BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\"}",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

static void put_secret(void *arg)
{
    struct test_mem memory;
    struct mem m;
    struct buf b;
    test_mem_init(&memory, &m);
    memory.fail_from = 1; // the jump out of it would leave a block behind
    buf_init(&b, &m, 0);
    enum err e = jwk_put_public(&b, arg);
    (void)e;
}

static void test_never_a_secret(void **state)
{
    (void)state;
    struct jwk k = jose_secret(SECRET_64, JWA_HS256, NULL);
    assert_true(asserts(put_secret, &k));
    jwk_deinit(&k);
}

static void test_copy(void **state)
{
    (void)state;
    struct jwk k = jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "a"), copy;
    jwk_copy(&copy, &k);
    jwk_deinit(&k);
    jwk_check(&copy); // the copy's own reference
    assert_str(jwk_kid(&copy), "a");
    jwk_deinit(&copy);
}

// ---- libcrypto out of memory: a plain error, and then as if nothing had been

static const char *starved;
static struct pem starved_pem;

static enum err starved_read(struct jwk *k, struct jwk_problem *problem)
{
    struct jwk_wish wish = {.use = strstr(starved, "\"d\"") != NULL ? JWK_TO_SIGN : JWK_TO_VERIFY};
    return jwk_from_text(str_from_cstr(starved), &wish, k, problem);
}

static void starved_case(uint64_t at, bool all, bool *ret_failed)
{
    struct jwk k;
    struct jwk_problem problem;
    arm(at, all);
    enum err e = starved_read(&k, &problem);
    *ret_failed = disarm();
    assert_true(e == OK || *ret_failed);
    // A set of keys would be read on without it. Of a file in PEM libcrypto may say that it holds none, without a word of memory.
    // So it does of a curve's arithmetic, where there is none at all from there on.
    const bool silent = starved[0] == '-' || (all && strstr(starved, "\"EC\"") != NULL);
    assert_true(e == OK || e == ERR_NOMEM || (silent && e == ERR_SYNTAX));
    if (e == OK) {
        assert_true(EVP_PKEY_get_size(k.pkey) > 0); // else it would find every signature wrong
        jwk_deinit(&k);
    }
    assert_int_equal(starved_read(&k, &problem), OK);
    // A key that is there is looked at with each new keyring, memory or none.
    arm(at, all);
    jwk_check(&k);
    *ret_failed = disarm() || *ret_failed;
    jwk_deinit(&k);
}

static void test_starved(void **state)
{
    (void)state;
    static const char *const keys[] = {A2_KEY, A2_PRIVATE, A3_KEY, A3_PRIVATE, ED_KEY, ED_PRIVATE};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        starved = keys[i];
        assert_true(in_turn(starved_case) > 0);
    }
    struct jwk k = jose_key(A3_PRIVATE, JWK_TO_SIGN, JWA_ES256, NULL);
    starved_pem = pem_public(k.pkey);
    starved = starved_pem.z;
    assert_true(in_turn(starved_case) > 0);
    jwk_deinit(&k);
}

int main(void)
{
    CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_refusals),
        cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_pem_forms),
        cmocka_unit_test(test_pem_kinds),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_bounds),
        cmocka_unit_test(test_public_half),
        cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_never_a_secret),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
