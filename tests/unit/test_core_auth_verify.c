// SPDX-License-Identifier: Apache-2.0
//
// Tokens judged: a row per rule, each with the sentence that a developer reads; which issuer and which key; the edges of time;
// and that a refusal never has the token in it.
#include "unit/support.h"

#include "core/auth/verify.h"
#include "unit/failing.h"
#include "unit/jose.h"
#include "wire/digest.h"

#include <openssl/crypto.h>

#define NOW_MS 1795161600000 // 2026-11-20T08:00:00Z
#define NOW "1795161600"

// The keyring of all cases. Issuers "main" and "old" are named, "open" takes whom no other names, "secret" too.
//
//     main    https://id.example.com   audience plenum, chat    keys a (RS256), b (ES256), one without a name (EdDSA)
//     old     https://old.example.com  no audience              two RS256 keys without a name; user_claim uid; leeway 60 s
//     bare    https://bare.example.com                          no keys yet
//     open    -                        no audience              key o (ES384)
//     secret  -                        any                      HS256
enum { MAIN, OLD, BARE, OPEN, SECRET, ISSUERS };

static struct test_mem memory;
static struct mem m;
static struct keyring *ring;
static struct jwk sign_a, sign_b, sign_ed, sign_old, sign_open, sign_secret, sign_other_secret;

static void ring_make(void)
{
    static const str audiences[] = {{"plenum", 6}, {"chat", 4}};
    struct jwk main_keys[] = {jose_key(A2_KEY, JWK_TO_VERIFY, JWA_RS256, "a"),
                              jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "b"),
                              jose_key(ED_KEY, JWK_TO_VERIFY, JWA_EDDSA, NULL)};
    struct jwk old_keys[] = {jose_key(FRODO_RSA_KEY, JWK_TO_VERIFY, JWA_PS384, ""), // not the one that signs
                             jose_key(A2_KEY, JWK_TO_VERIFY, JWA_PS384, NULL)};
    struct jwk open_keys[] = {jose_key(P384_KEY, JWK_TO_VERIFY, JWA_ES384, "o")};
    struct jwk secrets[] = {jose_secret(SECRET_64, JWA_HS256, NULL)};
    const struct keyring_issuer issuers[ISSUERS] = {
        {.name = STR("main"),
         .issuer = STR("https://id.example.com"),
         .audiences = audiences,
         .audiences_n = 2,
         .leeway_ms = 10000,
         .keys = main_keys,
         .keys_n = 3},
        {.name = STR("old"),
         .issuer = STR("https://old.example.com"),
         .user_claim = STR("uid"),
         .leeway_ms = 60000,
         .keys = old_keys,
         .keys_n = 2},
        {.name = STR("bare"), .issuer = STR("https://bare.example.com"), .leeway_ms = 10000},
        {.name = STR("open"), .leeway_ms = 10000, .keys = open_keys, .keys_n = 1},
        {.name = STR("secret"), .any_audience = true, .leeway_ms = 10000, .keys = secrets, .keys_n = 1},
    };
    assert_int_equal(keyring_create(&m, issuers, ISSUERS, 1, &ring), OK);
    for (int i = 0; i < 3; i++)
        jwk_deinit(&main_keys[i]);
    for (int i = 0; i < 2; i++)
        jwk_deinit(&old_keys[i]);
    jwk_deinit(&open_keys[0]);
    jwk_deinit(&secrets[0]);
    keyring_check(ring);
}

static int setup(void **state)
{
    (void)state;
    test_mem_init(&memory, &m);
    sign_a = jose_key(A2_PRIVATE, JWK_TO_SIGN, JWA_RS256, NULL);
    sign_b = jose_key(A3_PRIVATE, JWK_TO_SIGN, JWA_ES256, NULL);
    sign_ed = jose_key(ED_PRIVATE, JWK_TO_SIGN, JWA_EDDSA, NULL);
    sign_old = jose_key(A2_PRIVATE, JWK_TO_SIGN, JWA_PS384, NULL);
    sign_open = jose_key(P384_PRIVATE, JWK_TO_SIGN, JWA_ES384, NULL);
    sign_secret = jose_secret(SECRET_64, JWA_HS256, NULL);
    sign_other_secret = jose_secret("another secret, 32 bytes at least", JWA_HS256, NULL);
    ring_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct jwk *keys[] = {&sign_a,    &sign_b,      &sign_ed,          &sign_old,
                          &sign_open, &sign_secret, &sign_other_secret};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jwk_deinit(keys[i]);
    keyring_unref(ring);
    test_mem_check(&memory);
    return 0;
}

// ---- one token

// For the secret's issuer, which asks for little.
#define HS "{\"alg\":\"HS256\"}"
#define EXP "\"exp\":1795161700"
#define ADA "\"sub\":\"ada\"," EXP

static enum err verify(const struct keyring *k, const char *token, uint64_t wall_ms, struct verified **ret,
                       struct token_refusal *refusal)
{
    memset(refusal, 0xa5, sizeof *refusal);
    enum err e = token_verify(k, str_from_cstr(token), wall_ms, &m, ret, refusal);
    if (e == OK && (e = verified_is_somebody(*ret, refusal)) != OK) // as for a hello
        verified_free(*ret, &m);
    if (e != OK) {
        assert_true(refusal->rule < REFUSED_COUNT);
        assert_true(refusal->sentence.n > 10 && refusal->sentence.z[refusal->sentence.n - 1] == '.');
        assert_int_equal(strlen(refusal->sentence.z), refusal->sentence.n);
        // E7: neither the token nor its signature.
        const char *signature = strrchr(token, '.');
        assert_true(signature == NULL || strlen(signature) < 10 ||
                    strstr(refusal->sentence.z, signature + 1) == NULL);
        assert_true(strlen(token) < 10 || strstr(refusal->sentence.z, token) == NULL);
    }
    return e;
}

struct row {
    const struct jwk *key;
    const char *header, *payload;
    int rule; // -1: accepted
    uint32_t issuer;
    const char *sentence;
};
enum { ACCEPTED = -1 };

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct verified *v = NULL;
        struct token_refusal refusal;
        char *token = jose_token(rows[i].key, rows[i].header, rows[i].payload);
        enum err e = verify(ring, token, NOW_MS, &v, &refusal);
        int rule = e == OK ? ACCEPTED : (int)refusal.rule;
        if (rule != rows[i].rule)
            print_message("%s %s: %s\n", rows[i].header, rows[i].payload,
                          e == OK ? "accepted" : refusal.sentence.z);
        assert_int_equal(rule, rows[i].rule);
        assert_int_equal(e == OK ? v->issuer : refusal.issuer, rows[i].issuer);
        if (rows[i].sentence != NULL)
            assert_string_equal(refusal.sentence.z, rows[i].sentence);
        verified_free(e == OK ? v : NULL, &m);
        free(token);
    }
}

// ---- form, header, algorithm: the sentences are test_wire_jws's

static void test_form(void **state)
{
    (void)state;
    const struct row rows[] = {
        {&sign_secret, HS, "{" ADA "}", ACCEPTED, SECRET, NULL},
        {NULL, "{\"alg\":\"none\"}", "{" ADA "}", REFUSED_ALGORITHM, ISSUER_NONE,
         "The token is not signed: its `alg` is `none`."},
        {NULL, "{\"alg\":\"HS999\"}", "{" ADA "}", REFUSED_ALGORITHM, ISSUER_NONE, NULL},
        {NULL, "{}", "{" ADA "}", REFUSED_ALGORITHM, ISSUER_NONE, NULL},
        {&sign_secret, "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{" ADA "}", REFUSED_HEADER, ISSUER_NONE,
         NULL},
        {&sign_secret, "{\"alg\":\"HS256\",\"jku\":\"https://evil.example\"}", "{" ADA "}", REFUSED_HEADER,
         ISSUER_NONE, NULL},
        {&sign_secret, "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", "{" ADA "}", REFUSED_HEADER, ISSUER_NONE,
         NULL},
        {&sign_secret, "{\"alg\":\"HS256\",\"kid\":\"\"}", "{" ADA "}", REFUSED_HEADER, ISSUER_NONE, NULL},
        {&sign_secret, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{" ADA "}", REFUSED_HEADER, ISSUER_NONE,
         NULL},
        {&sign_secret, "[]", "{" ADA "}", REFUSED_HEADER, ISSUER_NONE, NULL},
        // An empty signature, a foreign one.
        {NULL, HS, "{" ADA "}", REFUSED_SIGNATURE, SECRET,
         "The signature is not that of the HS256 key of the issuer `secret`."},
        {&sign_other_secret, HS, "{" ADA "}", REFUSED_SIGNATURE, SECRET, NULL},
        {&sign_b, HS, "{" ADA "}", REFUSED_SIGNATURE, SECRET, NULL},
        // The payload.
        {&sign_secret, HS, "", REFUSED_CLAIMS, ISSUER_NONE,
         "The token's claims are not a JSON object: expected an object."},
        {&sign_secret, HS, "[{" ADA "}]", REFUSED_CLAIMS, ISSUER_NONE, NULL},
        {&sign_secret, HS, "{" ADA ",}", REFUSED_CLAIMS, ISSUER_NONE, NULL},
        {&sign_secret, HS, "{" ADA ",\"a\":\"\xff\"}", REFUSED_CLAIMS, ISSUER_NONE, NULL},
        {&sign_secret, HS, "{" ADA ",\"exp\":1995161700}", REFUSED_CLAIMS, ISSUER_NONE,
         "The token has a claim twice."},
        {&sign_secret, HS, "{" ADA ",\"\\u0073ub\":\"eve\"}", REFUSED_CLAIMS, ISSUER_NONE, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
    struct verified *v;
    struct token_refusal refusal;
    assert_int_equal(verify(ring, "", NOW_MS, &v, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_FORM);
    assert_int_equal(verify(ring, "a.b.c.d", NOW_MS, &v, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_FORM);
}

static void put_claims(char *payload, size_t cap, int claims)
{
    size_t n = (size_t)snprintf(payload, cap, "{" ADA); // two of them
    for (int i = 2; i < claims; i++)
        n += (size_t)snprintf(payload + n, cap - n, ",\"c%d\":%d", i, i);
    snprintf(payload + n, cap - n, "}");
}

static void test_bounds(void **state)
{
    (void)state;
    struct verified *v;
    struct token_refusal refusal;
    char *payload = malloc(TOKEN_MAX + 64);
    // 64 claims are looked at, 65 not; a deep one not; a long one not.
    put_claims(payload, TOKEN_MAX, TOKEN_CLAIMS_MAX);
    char *token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), OK);
    verified_free(v, &m);
    free(token);
    put_claims(payload, TOKEN_MAX, TOKEN_CLAIMS_MAX + 1);
    token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_CLAIMS);
    free(token);

    static const char head[] = "{" ADA ",\"a\":";
    memcpy(payload, head, sizeof head);
    memset(payload + sizeof head - 1, '[', 1000);
    memset(payload + sizeof head + 999, ']', 1000);
    memcpy(payload + sizeof head + 1999, "}", 2);
    token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_string_equal(refusal.sentence.z, "The token's claims are not a JSON object: nested too deep.");
    free(token);

    memset(payload + sizeof head - 1, ' ', TOKEN_MAX - sizeof head);
    memcpy(payload + TOKEN_MAX - 3, "1}", 3);
    token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_TOO_LARGE);
    free(token);
    free(payload);
}

// ---- who it is from, and with which key

#define RS "{\"alg\":\"RS256\"}"
#define MAIN_CLAIMS "\"iss\":\"https://id.example.com\",\"aud\":\"plenum\"," ADA

static void test_issuer_and_key(void **state)
{
    (void)state;
    const struct row rows[] = {
        // The named issuer: by kid, by algorithm, without a name.
        {&sign_a, "{\"alg\":\"RS256\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", ACCEPTED, MAIN, NULL},
        {&sign_b, "{\"alg\":\"ES256\",\"kid\":\"b\"}", "{" MAIN_CLAIMS "}", ACCEPTED, MAIN, NULL},
        {&sign_a, RS, "{" MAIN_CLAIMS "}", ACCEPTED, MAIN, NULL},
        {&sign_ed, "{\"alg\":\"EdDSA\"}", "{" MAIN_CLAIMS "}", ACCEPTED, MAIN, NULL},
        {&sign_ed, "{\"alg\":\"Ed25519\",\"kid\":\"any\"}", "{" MAIN_CLAIMS "}", ACCEPTED, MAIN, NULL},
        {&sign_b, "{\"alg\":\"RS256\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", REFUSED_SIGNATURE, MAIN,
         "The signature is not that of the key `a` of the issuer `main`."},
        // The algorithm is the key's.
        {&sign_secret, "{\"alg\":\"HS256\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         "The token is signed with HS256; the key `a` takes RS256 only."},
        {&sign_old, "{\"alg\":\"PS256\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         NULL},
        {&sign_b, "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         NULL},
        {&sign_secret, HS, "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         "The token is signed with HS256, for which the issuer `main` has no key."},
        {&sign_secret, "{\"alg\":\"HS256\",\"kid\":\"x\"}", "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         NULL},
        // A name that is another key's is not tried as if it were none's.
        {&sign_ed, "{\"alg\":\"EdDSA\",\"kid\":\"a\"}", "{" MAIN_CLAIMS "}", REFUSED_KEY_ALGORITHM, MAIN,
         "The token is signed with EdDSA; the key `a` takes RS256 only."},
        // No such key: without a nameless one there is nothing to try.
        {&sign_open, "{\"alg\":\"ES384\",\"kid\":\"gone\"}", "{" ADA "}", REFUSED_KEY, OPEN,
         "There is no key `gone` at the issuer `open`."},
        {&sign_open, "{\"alg\":\"ES384\",\"kid\":\"O\"}", "{" ADA "}", REFUSED_KEY, OPEN, NULL},
        {&sign_a, RS, "{\"iss\":\"https://bare.example.com\"," ADA "}", REFUSED_KEY, BARE,
         "The issuer `bare` has no keys."},
        // An old key and a new one: both are tried.
        {&sign_old, "{\"alg\":\"PS384\"}", "{\"iss\":\"https://old.example.com\",\"uid\":\"u1\"," EXP "}",
         ACCEPTED, OLD, NULL},
        {&sign_a, "{\"alg\":\"PS384\"}", "{\"iss\":\"https://old.example.com\",\"uid\":\"u1\"," EXP "}",
         REFUSED_SIGNATURE, OLD, "The signature is not that of any PS384 key of the issuer `old`."},
        // Whoever is named is judged as that one: its keys are no others'.
        {&sign_a, RS, "{\"iss\":\"https://old.example.com\",\"uid\":\"u1\"," EXP "}", REFUSED_KEY_ALGORITHM,
         OLD, NULL},
        {&sign_secret, HS, "{\"iss\":\"https://old.example.com\",\"uid\":\"u1\"," EXP "}",
         REFUSED_KEY_ALGORITHM, OLD, NULL},
        // Nobody's: those without an `issuer`, by key.
        {&sign_secret, HS, "{\"iss\":\"https://elsewhere.example\"," ADA "}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{\"iss\":\"https://id.example.com/\",\"aud\":\"x\"," ADA "}", ACCEPTED, SECRET,
         NULL},
        {&sign_open, "{\"alg\":\"ES384\",\"kid\":\"o\"}", "{\"iss\":\"x\"," ADA "}", ACCEPTED, OPEN, NULL},
        {&sign_open, "{\"alg\":\"ES384\"}", "{" ADA "}", ACCEPTED, OPEN, NULL},
        {&sign_a, RS, "{" ADA "}", REFUSED_KEY_ALGORITHM, OPEN,
         "The token is signed with RS256; the key of the issuer `open` takes ES384 only."},
        {&sign_secret, HS, "{\"iss\":7," ADA "}", REFUSED_ISSUER, ISSUER_NONE,
         "`iss` must be a text of up to 512 bytes."},
        {&sign_secret, HS, "{\"iss\":null," ADA "}", REFUSED_ISSUER, ISSUER_NONE, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

// Keyrings in which nobody is found.
static void test_no_issuer(void **state)
{
    (void)state;
    struct verified *v;
    struct token_refusal refusal;
    struct keyring *empty, *named;
    assert_int_equal(keyring_create(&m, NULL, 0, 2, &empty), OK);
    keyring_check(empty);
    char *token = jose_token(&sign_a, RS, "{" ADA "}"),
         *foreign = jose_token(&sign_a, RS, "{\"iss\":\"x\"," ADA "}");
    assert_int_equal(verify(empty, token, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_ISSUER);
    assert_string_equal(refusal.sentence.z,
                        "This server takes no tokens: neither `auth.secret` nor `auth.issuers` is set.");
    assert_int_equal(keyring_create(&m, ring->issuers, 2, 3, &named), OK);
    assert_int_equal(verify(named, token, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_string_equal(refusal.sentence.z, "The token has no `iss`, and every issuer here has one.");
    assert_int_equal(verify(named, foreign, NOW_MS, &v, &refusal), ERR_DENIED);
    assert_string_equal(refusal.sentence.z, "`iss` is `x`, which no issuer here is.");
    assert_int_equal(refusal.issuer, ISSUER_NONE);
    free(token);
    free(foreign);
    keyring_unref(empty);
    keyring_unref(named);
}

// ---- whom it is for

#define FROM_MAIN "\"iss\":\"https://id.example.com\"," ADA

static void test_audience(void **state)
{
    (void)state;
    const struct row rows[] = {
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":\"plenum\"}", ACCEPTED, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":\"chat\"}", ACCEPTED, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":[\"x\",\"ch\\u0061t\"]}", ACCEPTED, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":[7,{},\"plenum\"]}", ACCEPTED, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN "}", REFUSED_AUDIENCE, MAIN,
         "The token has no `aud`; the issuer `main` makes tokens for `plenum`."},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":\"billing\"}", REFUSED_AUDIENCE, MAIN,
         "The token is for `billing`; of the issuer `main` those for `plenum` are taken."},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":[\"billing\",\"x\"]}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":[]}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":[[\"plenum\"]]}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":null}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":{\"plenum\":1}}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":\"Plenum\"}", REFUSED_AUDIENCE, MAIN, NULL},
        {&sign_a, RS, "{" FROM_MAIN ",\"aud\":\"plenum \"}", REFUSED_AUDIENCE, MAIN, NULL},
        // RFC 7519 section 4.1.3: who has no name of its own is not meant by any.
        {&sign_open, "{\"alg\":\"ES384\"}", "{" ADA ",\"aud\":\"plenum\"}", REFUSED_AUDIENCE, OPEN,
         "The token is for `plenum`; whether that is this server is for `audience` of the issuer `open` to say."},
        {&sign_secret, HS, "{" ADA ",\"aud\":\"whatever\"}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"aud\":7}", ACCEPTED, SECRET, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

// ---- times

#define USER "\"sub\":\"ada\""

static void test_times(void **state)
{
    (void)state;
    const struct row rows[] = {
        {&sign_secret, HS, "{" USER ",\"exp\":1795161601}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1795161600}", ACCEPTED, SECRET,
         NULL}, // within the leeway of 10 s
        {&sign_secret, HS, "{" USER ",\"exp\":1795161591}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1795161590.001}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1795161590}", REFUSED_EXPIRED, SECRET, "`exp` was 10 s ago."},
        {&sign_secret, HS, "{" USER ",\"exp\":1795161288}", REFUSED_EXPIRED, SECRET, "`exp` was 312 s ago."},
        {&sign_secret, HS, "{" USER ",\"exp\":1.7951617e9}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":0}", REFUSED_EXPIRED, SECRET, NULL},
        {&sign_secret, HS, "{" USER "}", REFUSED_EXPIRY, SECRET,
         "The token has no `exp`: one that never ends is not taken."},
        {&sign_secret, HS, "{" USER ",\"exp\":\"1795161700\"}", REFUSED_EXPIRY, SECRET,
         "`exp` must be a number of seconds since 1970; got `\"1795161700\"`."},
        {&sign_secret, HS, "{" USER ",\"exp\":null}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":true}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":[1795161700]}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":-1795161700}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1e400}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1e1000000000}", REFUSED_EXPIRY, SECRET, NULL},
        {&sign_secret, HS, "{" USER ",\"exp\":1795161700000}", REFUSED_EXPIRY, SECRET, NULL}, // milliseconds
        {&sign_secret, HS, "{" USER ",\"exp\":99999999999999999999999999}", REFUSED_EXPIRY, SECRET, NULL},

        {&sign_secret, HS, "{" ADA ",\"nbf\":" NOW "}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"nbf\":1795161610}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"nbf\":1795161611}", REFUSED_NOT_YET, SECRET,
         "`nbf` is 11 s ahead: either the token is not for now, or a clock is wrong."},
        {&sign_secret, HS, "{" ADA ",\"nbf\":\"x\"}", REFUSED_NOT_YET, SECRET,
         "`nbf` must be a number of seconds since 1970; got `\"x\"`."},
        {&sign_secret, HS, "{" ADA ",\"nbf\":1e99}", REFUSED_NOT_YET, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"iat\":" NOW "}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"iat\":1795161610}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"iat\":1795161611}", REFUSED_NOT_YET, SECRET,
         "`iat` is 11 s ahead: either the token is not for now, or a clock is wrong."},
        {&sign_secret, HS, "{" ADA ",\"iat\":null}", REFUSED_NOT_YET, SECRET, NULL},
        // Of the issuer's own leeway: 60 s.
        {&sign_old, "{\"alg\":\"PS384\"}",
         "{\"iss\":\"https://old.example.com\",\"uid\":\"u\",\"exp\":1795161541}", ACCEPTED, OLD, NULL},
        {&sign_old, "{\"alg\":\"PS384\"}",
         "{\"iss\":\"https://old.example.com\",\"uid\":\"u\",\"exp\":1795161540}", REFUSED_EXPIRED, OLD,
         NULL},
        // What has run out costs no signature.
        {NULL, HS, "{" USER ",\"exp\":1795161500}", REFUSED_EXPIRED, SECRET, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

// ---- who it is

#define LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_user(void **state)
{
    (void)state;
    const struct row rows[] = {
        {&sign_secret, HS, "{" EXP ",\"sub\":\"" LONG_64 "\"}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"auth0|5f7c8ec7c33c6c004bbafe82\"}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"J\\u00fcrgen\"}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" EXP "}", REFUSED_USER, SECRET,
         "The token has no `sub`, which says who the user is."},
        {&sign_secret, HS, "{" EXP ",\"sub\":42}", REFUSED_USER, SECRET,
         "`sub` must be a text of 1 to 64 bytes without control characters, and without blanks at its ends; got `42`."},
        {&sign_secret, HS, "{" EXP ",\"sub\":null}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"" LONG_64 "x\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"a\\u0000b\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"a\\nb\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"a\\u0085b\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\" ada\"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"ada \"}", REFUSED_USER, SECRET, NULL},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"guest-7f3a\"}", REFUSED_USER, SECRET,
         "`sub` must not begin with `guest-`: so guests are called."},
        {&sign_secret, HS, "{" EXP ",\"sub\":\"guest\"}", ACCEPTED, SECRET, NULL},
        {&sign_old, "{\"alg\":\"PS384\"}", "{\"iss\":\"https://old.example.com\",\"sub\":\"ada\"," EXP "}",
         REFUSED_USER, OLD, "The token has no `uid`, which says who the user is."},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_profile(void **state)
{
    (void)state;
    const struct row rows[] = {
        {&sign_secret, HS, "{" ADA ",\"name\":7}", REFUSED_PROFILE, SECRET,
         "`name` must be a text of up to 256 bytes."},
        {&sign_secret, HS, "{" ADA ",\"name\":\"" LONG_64 LONG_64 LONG_64 LONG_64 "\"}", ACCEPTED, SECRET,
         NULL},
        {&sign_secret, HS, "{" ADA ",\"name\":\"" LONG_64 LONG_64 LONG_64 LONG_64 "x\"}", REFUSED_PROFILE,
         SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"name\":\"a\\u001bb\"}", REFUSED_PROFILE, SECRET,
         "`name` has control characters in it."},
        {&sign_secret, HS, "{" ADA ",\"name\":null,\"info\":null}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"caps\":null}", REFUSED_PROFILE, SECRET,
         "`caps` must be an object; got `null`."},
        {&sign_secret, HS, "{" ADA ",\"caps\":[]}", REFUSED_PROFILE, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"caps\":\"{}\"}", REFUSED_PROFILE, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"caps\":{}}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"jti\":7}", REFUSED_PROFILE, SECRET,
         "`jti` must be a text of up to 128 bytes."},
        {&sign_secret, HS, "{" ADA ",\"jti\":\"" LONG_64 LONG_64 "\"}", ACCEPTED, SECRET, NULL},
        {&sign_secret, HS, "{" ADA ",\"jti\":\"" LONG_64 LONG_64 "x\"}", REFUSED_PROFILE, SECRET, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void check_info(size_t n, bool accepted)
{
    char payload[USER_INFO_MAX + 128];
    size_t at = (size_t)snprintf(payload, sizeof payload, "{" ADA ",\"info\":\"");
    memset(payload + at, 'x', n - 2);
    snprintf(payload + at + n - 2, 8, "\"}");
    struct verified *v = NULL;
    struct token_refusal refusal;
    char *token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), accepted ? OK : ERR_DENIED);
    if (accepted)
        assert_int_equal(v->info.n, n);
    else
        assert_string_equal(refusal.sentence.z, "`info` must be at most 1024 bytes of JSON.");
    verified_free(accepted ? v : NULL, &m);
    free(token);
}

// ---- what comes of one

static void check_name(const char *name, const char *wanted)
{
    struct verified *v;
    struct token_refusal refusal;
    char payload[600];
    snprintf(payload, sizeof payload, "{" ADA ",\"name\":\"%s\"}", name);
    char *token = jose_token(&sign_secret, HS, payload);
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), OK);
    assert_str_eq(v->name, wanted != NULL ? str_from_cstr(wanted) : STR_NONE);
    verified_free(v, &m);
    free(token);
}

static void test_names(void **state)
{
    (void)state;
    check_name("Ada Lovelace", "Ada Lovelace");
    check_name("  Ada ", "Ada");
    check_name("", NULL);
    check_name("   ", NULL);
    check_name(LONG_64 "xyz", LONG_64);
    check_name("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\\u00fc",
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"); // not half a character
    check_name("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd  x",
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd");
    check_info(USER_INFO_MAX, true);
    check_info(USER_INFO_MAX + 1, false);
}

static void check_full(const struct verified *v)
{
    assert_str(v->user, "\xc3\xa4"
                        "da");
    assert_str(v->name, "Ada \"L\"");
    assert_str(v->info, "{ \"avatar\" : \"x\" }"); // byte for byte
    assert_str(v->caps, "{\"rooms\":{\"lobby\":[\"join\"]}}");
    assert_str(v->jti, "t/1");
    assert_str(v->issuer_name, "main");
    assert_str(v->kid, "a");
    assert_int_equal(v->alg, JWA_RS256);
    assert_int_equal(v->issuer, MAIN);
    assert_int_equal(v->leeway_ms, 10000);
    assert_true(v->issued_ms == NOW_MS - 5500);
    assert_true(v->not_before_ms == NOW_MS - 1000);
    assert_true(v->expires_ms == NOW_MS + 100000);
}

static void test_verified(void **state)
{
    (void)state;
    struct verified *v, *copy;
    struct token_refusal refusal;
    char *token = jose_token(
        &sign_a, "{\"alg\":\"RS256\",\"kid\":\"a\"}",
        "{\"iss\":\"https://id.example.com\",\"aud\":\"plenum\",\"sub\":\"\\u00e4da\",\"name\":\"Ada \\\"L\\\"\","
        "\"info\":{ \"avatar\" : \"x\" },\"caps\":{\"rooms\":{\"lobby\":[\"join\"]}},\"jti\":\"t\\/1\","
        "\"iat\":1795161594.5,\"nbf\":1795161599," EXP "}");
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), OK);
    memset(token, 'x', strlen(token)); // nothing borrows from it
    check_full(v);
    copy = verified_copy(v, &m);
    verified_free(v, &m);
    check_full(copy);
    // The times again, at another hour.
    assert_int_equal(verified_in_time(copy, NOW_MS + 109999, &refusal), OK);
    assert_int_equal(verified_in_time(copy, NOW_MS + 110000, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_EXPIRED);
    assert_int_equal(refusal.issuer, MAIN);
    assert_int_equal(verified_in_time(copy, NOW_MS - 11000, &refusal), OK);
    assert_int_equal(verified_in_time(copy, NOW_MS - 11001, &refusal), ERR_DENIED);
    assert_int_equal(refusal.rule, REFUSED_NOT_YET);
    verified_free(copy, &m);
    free(token);

    token = jose_token(&sign_secret, HS, "{" ADA "}");
    assert_int_equal(verify(ring, token, NOW_MS, &v, &refusal), OK);
    assert_true(v->name.p == NULL && v->info.p == NULL && v->caps.p == NULL && v->jti.p == NULL);
    assert_true(v->issued_ms == 0 && v->not_before_ms == 0);
    memory.fail_from = memory.calls + 1;
    assert_null(verified_copy(v, &m));
    struct verified *none;
    assert_int_equal(verify(ring, token, NOW_MS, &none, &refusal), ERR_NOMEM);
    assert_int_equal(refusal.rule, REFUSED_UNAVAILABLE);
    memory.fail_from = 0;
    verified_free(v, &m);
    verified_free(NULL, &m);
    free(token);
}

// Each rule has a word; no two the same.
static void test_rule_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REFUSED_COUNT; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(refusal_name((enum refusal_rule)i), refusal_name((enum refusal_rule)k));
    assert_string_equal(refusal_name(REFUSED_KEY_ALGORITHM), "key_algorithm");
}

// ---- libcrypto out of memory: no verdict

static char *starved;

static void starved_case(uint64_t at, bool all, bool *ret_failed)
{
    struct verified *v;
    struct token_refusal refusal;
    arm(at, all);
    enum err e = token_verify(ring, str_from_cstr(starved), NOW_MS, &m, &v, &refusal);
    *ret_failed = disarm();
    assert_true(e == OK || (*ret_failed && e == ERR_NOMEM && refusal.rule == REFUSED_UNAVAILABLE));
    verified_free(e == OK ? v : NULL, &m);
}

static void test_starved(void **state)
{
    (void)state;
    starved = jose_token(&sign_a, RS, "{" MAIN_CLAIMS "}");
    assert_true(in_turn(starved_case) > 0);
    free(starved);
}

int main(void)
{
    CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),           cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_issuer_and_key), cmocka_unit_test(test_no_issuer),
        cmocka_unit_test(test_audience),       cmocka_unit_test(test_times),
        cmocka_unit_test(test_user),           cmocka_unit_test(test_profile),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_verified),
        cmocka_unit_test(test_rule_names),     cmocka_unit_test(test_starved),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
