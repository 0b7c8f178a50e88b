// SPDX-License-Identifier: Apache-2.0
//
// Signed tokens: what the standards print verifies and nothing near it does; each rule about form and header, one row each;
// all algorithms there and back again; libcrypto out of memory is no verdict.
#include "unit/support.h"

#include "base/prng.h"
#include "unit/failing.h"
#include "unit/jose.h"
#include "wire/digest.h"

#include <openssl/crypto.h>

static char scratch[JWS_SCRATCH];

// ---- what the standards print

static const struct printed {
    const char *what, *key, *token;
    enum jwa alg;
} printed[] = {
    {"RFC 7515 A.1", A1_KEY, A1_TOKEN, JWA_HS256},
    {"RFC 7515 A.2", A2_KEY, A2_TOKEN, JWA_RS256},
    {"RFC 7515 A.3", A3_KEY, A3_TOKEN, JWA_ES256},
    {"RFC 7515 A.4", A4_KEY, A4_TOKEN, JWA_ES512},
    {"RFC 8037 A.4", ED_KEY, ED_TOKEN, JWA_EDDSA},
    {"RFC 7520 4.2", FRODO_RSA_KEY, FRODO_PS384_TOKEN, JWA_PS384},
    {"RFC 7520 4.3", FRODO_EC_KEY, FRODO_ES512_TOKEN, JWA_ES512},
};

// OK, or what is wrong with it.
static enum err look(const char *token, size_t n, const struct jwk *key)
{
    struct jws t;
    struct sentence problem;
    enum jws_fault f = jws_split(str_make(token, n), scratch, &t, &problem);
    if (f != JWS_FINE) {
        assert_true(problem.n > 0);
        return ERR_SYNTAX;
    }
    return jws_verify(&t, key);
}

static void test_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(printed); i++) {
        struct jwk k = jose_key(printed[i].key, JWK_TO_VERIFY, printed[i].alg, NULL);
        jwk_check(&k);
        assert_int_equal(look(printed[i].token, strlen(printed[i].token), &k), OK);
        jwk_deinit(&k);
    }
}

static void test_split(void **state)
{
    (void)state;
    struct jws t;
    struct sentence problem;
    assert_int_equal(jws_split(STR(FRODO_PS384_TOKEN), scratch, &t, &problem), JWS_FINE);
    assert_int_equal(t.alg, JWA_PS384);
    assert_str(t.kid, BILBO);
    assert_str(t.header, "{\"alg\":\"PS384\",\"kid\":\"" BILBO "\"}");
    assert_true(str_starts(t.payload, STR("It\xe2\x80\x99s a dangerous business, Frodo")));
    assert_int_equal(t.signature.n, 256);
    assert_int_equal(jws_split(STR(ED_TOKEN), scratch, &t, &problem), JWS_FINE);
    assert_str(t.signed_part, ED_SIGNED);
    assert_str(t.payload, "Example of Ed25519 signing");
    assert_null(t.kid.p);
}

// For good: that nothing is known of it would be another answer.
static bool refused(const char *token, size_t n, const struct jwk *key)
{
    enum err e = look(token, n, key);
    return e == ERR_SYNTAX || e == ERR_DENIED || e == ERR_UNSUPPORTED;
}

// Every character of the token changed, taken away, and one put in: none of it verifies.
static void test_bent(void **state)
{
    (void)state;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct prng r;
    prng_init(&r, 7515);
    for (size_t i = 0; i < ARRAY_LEN(printed); i++) {
        struct jwk k = jose_key(printed[i].key, JWK_TO_VERIFY, printed[i].alg, NULL);
        size_t n = strlen(printed[i].token);
        char *bent = malloc(n + 1);
        assert_non_null(bent);
        for (size_t at = 0; at < n; at++) {
            memcpy(bent, printed[i].token, n);
            do
                bent[at] = letters[prng_below(&r, 64)];
            while (bent[at] == printed[i].token[at]);
            assert_true(refused(bent, n, &k));
            memcpy(bent, printed[i].token, at);
            memcpy(bent + at, printed[i].token + at + 1, n - at - 1);
            assert_true(refused(bent, n - 1, &k));
            memcpy(bent + at + 1, printed[i].token + at, n - at);
            bent[at] = letters[prng_below(&r, 64)];
            assert_true(refused(bent, n + 1, &k));
        }
        free(bent);
        jwk_deinit(&k);
    }
}

// ---- the form

static void test_form(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        enum jws_fault fault;
        const char *sentence;
    } rows[] = {
        {"", JWS_PARTS, "The token is not three parts with a dot between them."},
        {"a", JWS_PARTS, NULL},
        {"a.b", JWS_PARTS, NULL},
        {"e30.e30.e30.e30", JWS_PARTS, NULL},
        {"e30.e30.e30.e30.e30", JWS_PARTS, NULL}, // encrypted
        {"..", JWS_HEADER, "The token's header is not a JSON object: expected an object."},
        {"e30=.e30.e30", JWS_BASE64, "The token's `header` is not base64url without padding."},
        {"e30.e30=.e30", JWS_BASE64, "The token's `payload` is not base64url without padding."},
        {"e30.e30.e30=", JWS_BASE64, "The token's `signature` is not base64url without padding."},
        {"e30.e30.e3+", JWS_BASE64, NULL},
        {"e30.e30.e3/", JWS_BASE64, NULL},
        {"e30.e30. e30", JWS_BASE64, NULL},
        {"e30.e30.e30\n", JWS_BASE64, NULL},
        {"e30.e31.e30", JWS_BASE64, NULL}, // spare bits
        {"e30.e.e30", JWS_BASE64, NULL},
        {"W10.e30.e30", JWS_HEADER, NULL},
        {"eyJhIjoxLH0.e30.e30", JWS_HEADER, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jws t;
        struct sentence problem;
        assert_int_equal(jws_split(str_from_cstr(rows[i].token), scratch, &t, &problem), rows[i].fault);
        if (rows[i].sentence != NULL)
            assert_string_equal(problem.z, rows[i].sentence);
    }
}

static void test_size(void **state)
{
    (void)state;
    struct jws t;
    struct sentence problem;
    char *long_one = malloc(TOKEN_MAX + 1);
    assert_non_null(long_one);
    memset(long_one, 'A', TOKEN_MAX + 1);
    memcpy(long_one, "eyJhbGciOiJIUzI1NiJ9.", 21);
    long_one[TOKEN_MAX - 100] = '.';
    enum jws_fault just = jws_split(str_make(long_one, TOKEN_MAX), scratch, &t, &problem);
    assert_true(just == JWS_FINE || just == JWS_BASE64);
    assert_int_equal(jws_split(str_make(long_one, TOKEN_MAX + 1), scratch, &t, &problem), JWS_TOO_LARGE);
    assert_string_equal(problem.z, "The token is longer than 16384 bytes.");
    free(long_one);
}

// ---- the header: one row per rule

#define KID_128 SECRET_64 SECRET_64

static void test_header(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum jws_fault fault;
        const char *sentence;
    } rows[] = {
        {"{\"alg\":\"HS256\"}", JWS_FINE, NULL},
        {" {\"typ\" : \"JWT\",\r\n\"alg\":\"HS256\"} ", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"cty\":\"x\",\"x5t\":\"y\",\"nonce\":{}}", JWS_FINE, NULL},
        {"{\"\\u0061lg\":\"HS25\\u0036\"}", JWS_FINE, NULL},
        {"", JWS_HEADER, NULL},
        {"null", JWS_HEADER, NULL},
        {"[]", JWS_HEADER, NULL},
        {"\"HS256\"", JWS_HEADER, NULL},
        {"{\"alg\":\"HS256\"}{}", JWS_HEADER,
         "The token's header is not a JSON object: there is something behind the value."},
        {"{\"alg\":\"HS256\",\"a\":\"\xff\"}", JWS_HEADER, NULL},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,"
         "\"n\":1,\"o\":1,\"p\":1,\"q\":1}",
         JWS_HEADER, NULL},
        {"{\"alg\":\"HS256\",\"alg\":\"none\"}", JWS_HEADER_TWICE, "The token's header has a key twice."},
        {"{\"alg\":\"HS256\",\"\\u0061lg\":\"HS256\"}", JWS_HEADER_TWICE, NULL},
        {"{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"a\"}", JWS_HEADER_TWICE, NULL},

        {"{}", JWS_ALG_MISSING, "The token's header has no `alg`."},
        {"{\"ALG\":\"HS256\"}", JWS_ALG_MISSING, NULL},
        {"{\"alg\":\"none\"}", JWS_ALG_NONE, "The token is not signed: its `alg` is `none`."},
        {"{\"alg\":\"None\"}", JWS_ALG_NONE, NULL},
        {"{\"alg\":\"nOnE\"}", JWS_ALG_NONE, NULL},
        {"{\"alg\":\"no\\u006ee\"}", JWS_ALG_NONE, NULL},
        {"{\"alg\":\"HS128\"}", JWS_ALG_UNKNOWN,
         "The token is signed with `HS128`; known are HS, RS, PS and ES with 256, 384 and 512, and EdDSA."},
        {"{\"alg\":\"hs256\"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"ES256K\"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"RSA-OAEP\"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"none \"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"\"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"HS256\\u0000\"}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":null}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":256}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":[\"HS256\"]}", JWS_ALG_UNKNOWN, NULL},
        {"{\"alg\":\"HS256HS256HS256HS256HS256HS256HS256\"}", JWS_ALG_UNKNOWN, NULL},

        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", JWS_FORBIDDEN,
         "The token's header has `crit`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"crit\":[]}", JWS_FORBIDDEN, NULL},
        {"{\"alg\":\"HS256\",\"b64\":true}", JWS_FORBIDDEN,
         "The token's header has `b64`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"jku\":\"https://evil.example/keys\"}", JWS_FORBIDDEN,
         "The token's header has `jku`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", JWS_FORBIDDEN,
         "The token's header has `jwk`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"x5u\":\"https://evil.example/cert\"}", JWS_FORBIDDEN,
         "The token's header has `x5u`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"x5c\":[\"MIIB\"]}", JWS_FORBIDDEN,
         "The token's header has `x5c`, which is not accepted here."},
        {"{\"alg\":\"HS256\",\"\\u006aku\":\"https://evil.example/keys\"}", JWS_FORBIDDEN, NULL},

        {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":\"jwt\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":\"application/at+JWT\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", JWS_TYPE,
         "The token is of type `logout+jwt`, expected `JWT` or `at+jwt`."},
        {"{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", JWS_TYPE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":\"\"}", JWS_TYPE, NULL},
        {"{\"alg\":\"HS256\",\"typ\":1}", JWS_TYPE, NULL},

        {"{\"alg\":\"HS256\",\"kid\":\"../../etc/passwd\"}", JWS_FINE, NULL}, // only ever compared
        {"{\"alg\":\"HS256\",\"kid\":\"' or 1=1 --\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"kid\":\"" KID_128 "\"}", JWS_FINE, NULL},
        {"{\"alg\":\"HS256\",\"kid\":\"" KID_128 "x\"}", JWS_KID,
         "The token's `kid` is not a string of 1 to 128 bytes."},
        {"{\"alg\":\"HS256\",\"kid\":\"\"}", JWS_KID, NULL},
        {"{\"alg\":\"HS256\",\"kid\":7}", JWS_KID, NULL},
        {"{\"alg\":\"HS256\",\"kid\":null}", JWS_KID, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jws t;
        struct sentence problem = {0};
        char *token = jose_token(NULL, rows[i].header, "{}");
        enum jws_fault f = jws_split(str_from_cstr(token), scratch, &t, &problem);
        if (f != rows[i].fault)
            print_message("header %s\n", rows[i].header);
        assert_int_equal(f, rows[i].fault);
        if (rows[i].sentence != NULL)
            assert_string_equal(problem.z, rows[i].sentence);
        free(token);
    }
}

// ---- all algorithms

static const struct pair {
    enum jwa alg;
    const char *private_key, *public_key;
} pairs[] = {
    {JWA_RS256, A2_PRIVATE, A2_KEY},   {JWA_RS384, A2_PRIVATE, A2_KEY},     {JWA_RS512, A2_PRIVATE, A2_KEY},
    {JWA_PS256, A2_PRIVATE, A2_KEY},   {JWA_PS384, A2_PRIVATE, A2_KEY},     {JWA_PS512, A2_PRIVATE, A2_KEY},
    {JWA_ES256, A3_PRIVATE, A3_KEY},   {JWA_ES384, P384_PRIVATE, P384_KEY}, {JWA_ES512, A4_PRIVATE, A4_KEY},
    {JWA_EDDSA, ED_PRIVATE, ED_KEY},   {JWA_HS256, SECRET_64, SECRET_64},   {JWA_HS384, SECRET_64, SECRET_64},
    {JWA_HS512, SECRET_64, SECRET_64},
};
_Static_assert(ARRAY_LEN(pairs) == JWA_COUNT, "each algorithm has its pair");

static struct jwk pair_key(const struct pair *p, enum jwk_use use)
{
    if (jwa_row(p->alg)->kind == JWA_HMAC)
        return jose_secret(p->private_key, p->alg, "one");
    return jose_key(use == JWK_TO_SIGN ? p->private_key : p->public_key, use, p->alg, "one");
}

static void test_all_algorithms(void **state)
{
    (void)state;
    struct test_mem memory;
    struct mem m;
    test_mem_init(&memory, &m);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct jwk signer = pair_key(&pairs[i], JWK_TO_SIGN), key = pair_key(&pairs[i], JWK_TO_VERIFY);
        jwk_check(&signer);
        jwk_check(&key);
        struct buf b;
        buf_init(&b, &m, 0);
        buf_put_str(&b, STR("in front "));
        assert_int_equal(jws_sign(&signer, STR("{\"sub\":\"ada\"}"), &b), OK);
        struct jws t;
        struct sentence problem;
        assert_int_equal(jws_split(str_skip(buf_str(&b), 9), scratch, &t, &problem), JWS_FINE);
        assert_int_equal(t.alg, pairs[i].alg);
        assert_str(t.kid, "one");
        assert_str(t.payload, "{\"sub\":\"ada\"}");
        assert_int_equal(jws_verify(&t, &key), OK);
        // Whoever says another algorithm is not looked at; who says this one with another key's signature is refused.
        for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
            struct jwk other = pair_key(&pairs[k], JWK_TO_VERIFY);
            if (k != i)
                assert_int_equal(jws_verify(&t, &other), ERR_UNSUPPORTED);
            jwk_deinit(&other);
        }
        t.signature.n--;
        assert_int_equal(jws_verify(&t, &key), ERR_DENIED);
        t.signature.n = 0;
        assert_int_equal(jws_verify(&t, &key), ERR_DENIED);
        buf_deinit(&b);
        jwk_deinit(&signer);
        jwk_deinit(&key);
    }
    test_mem_check(&memory);
}

// The deterministic ones come out as printed.
static void test_signed_as_printed(void **state)
{
    (void)state;
    struct jwk rsa = jose_key(A2_PRIVATE, JWK_TO_SIGN, JWA_RS256, NULL);
    char *token =
        jose_token(&rsa, "{\"alg\":\"RS256\"}",
                   "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
    assert_string_equal(token, A2_TOKEN);
    free(token);
    struct jwk ed = jose_key(ED_PRIVATE, JWK_TO_SIGN, JWA_EDDSA, NULL);
    token = jose_token(&ed, "{\"alg\":\"EdDSA\"}", "Example of Ed25519 signing");
    assert_string_equal(token, ED_TOKEN);
    free(token);
    jwk_deinit(&rsa);
    jwk_deinit(&ed);
}

// ---- forgeries that worked elsewhere; most of them are in test_wire_forgery_*

static enum err verify_with(const struct jwk *k, const void *signature, size_t n)
{
    return jwk_verify(k, STR(ED_SIGNED), str_make(signature, n));
}

static void test_forgeries(void **state)
{
    (void)state;
    static const uint8_t zeros[JWA_SIGNATURE_MAX] = {0};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct jwk k = pair_key(&pairs[i], JWK_TO_VERIFY);
        for (size_t n = 0; n < sizeof zeros; n += n < 200 ? 1 : 52)
            assert_int_equal(verify_with(&k, zeros, n), ERR_DENIED); // r = s = 0: CVE-2022-21449
        jwk_deinit(&k);
    }
}

// The oldest one: a token "signed" by HMAC with the text of the public key, which everyone has.
static void test_confusion(void **state)
{
    (void)state;
    struct jwk rsa = jose_key(A2_KEY, JWK_TO_VERIFY, JWA_RS256, NULL);
    struct jwk forger = jose_secret(A2_N, JWA_HS256, NULL);
    char *token = jose_token(&forger, "{\"alg\":\"HS256\"}", "{}");
    assert_int_equal(look(token, strlen(token), &rsa), ERR_UNSUPPORTED);
    free(token);
    token = jose_token(&forger, "{\"alg\":\"RS256\"}", "{}");
    assert_int_equal(look(token, strlen(token), &rsa), ERR_DENIED);
    free(token);
    jwk_deinit(&forger);
    jwk_deinit(&rsa);
}

// ---- libcrypto out of memory

static const struct printed *starved;

static void starved_case(uint64_t at, bool all, bool *ret_failed)
{
    struct jwk k = jose_key(starved->key, JWK_TO_VERIFY, starved->alg, NULL);
    arm(at, all);
    enum err e = look(starved->token, strlen(starved->token), &k);
    *ret_failed = disarm();
    assert_true(e == OK || (*ret_failed && e == ERR_NOMEM)); // never ERR_DENIED, which would be remembered
    assert_int_equal(look(starved->token, strlen(starved->token), &k), OK);
    jwk_deinit(&k);
}

static void test_starved(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(printed); i++) {
        starved = &printed[i];
        assert_true(in_turn(starved_case) > 0);
    }
}

int main(void)
{
    CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printed),        cmocka_unit_test(test_split),
        cmocka_unit_test(test_bent),           cmocka_unit_test(test_form),
        cmocka_unit_test(test_size),           cmocka_unit_test(test_header),
        cmocka_unit_test(test_all_algorithms), cmocka_unit_test(test_signed_as_printed),
        cmocka_unit_test(test_forgeries),      cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
