// SPDX-License-Identifier: Apache-2.0
//
// A helper that checks tokens, and keys that are not there yet: what waits, how many, for what; what is refused at once, as no key could
// make it good; and that nobody is told of a key that it does not exist before its issuer has been asked.
#include "unit/jose.h"
#include "unit/support.h"

#include "core/auth/verifier.h"
#include "core/mail/post.h"

#define NOW_MS UINT64_C(1795161600000)
#define EXP "\"exp\":1795161700"

static struct test_mem memory;
static struct mem m;
static struct jwk sign_a, sign_b;
static struct keyring *first, *second; // without b, and with it
static struct verifier v;

// What the one who has keys fetched says, and what it was asked.
static struct {
    enum key_wish says;
    uint32_t calls, issuers;
    uint64_t stamp; // as it came
} asked;

static enum key_wish wish(void *ctx, const struct keyring *k, uint32_t issuers, uint64_t *stamp,
                          uint32_t *ret_retry_ms)
{
    assert_ptr_equal(ctx, &asked);
    assert_ptr_equal(k, v.keys);
    asked.calls++;
    asked.issuers = issuers;
    asked.stamp = *stamp;
    *stamp = *stamp == 0 ? 7 : *stamp;
    *ret_retry_ms = 4321;
    return asked.says;
}

// main has a URL and key a; other has a URL and nothing yet; plain has neither.
static struct keyring *ring(uint64_t generation, bool with_b)
{
    static const str audience = {"plenum", 6};
    struct jwk a = jose_key(A2_KEY, JWK_TO_VERIFY, JWA_RS256, "a");
    struct jwk b = jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "b");
    struct keyring *made;
    const struct keyring_issuer issuers[] = {
        {.name = STR("plain"), .issuer = STR("plain"), .any_audience = true, .keys = &a, .keys_n = 1},
        {.name = STR("main"),
         .issuer = STR("main"),
         .audiences = &audience,
         .audiences_n = 1,
         .keys = &a,
         .keys_n = 1,
         .fetched = &b,
         .fetched_n = with_b,
         .url = STR("https://main/")},
        {.name = STR("other"),
         .issuer = STR("other"),
         .any_audience = true,
         .fetched = &b,
         .fetched_n = with_b,
         .url = STR("https://other/"),
         .waits = !with_b},
        {.name = STR("twin"),
         .issuer = STR("main"),
         .any_audience = true,
         .url = STR("https://twin/"),
         .waits = true},
    };
    assert_int_equal(keyring_create(&m, issuers, ARRAY_LEN(issuers), generation, &made), OK);
    keyring_check(made);
    jwk_deinit(&a);
    jwk_deinit(&b);
    return made;
}

static int setup(void **state)
{
    (void)state;
    static const struct siphash_key key = {1, 2};
    test_mem_init(&memory, &m);
    sign_a = jose_key(A2_PRIVATE, JWK_TO_SIGN, JWA_RS256, NULL);
    sign_b = jose_key(A3_PRIVATE, JWK_TO_SIGN, JWA_ES256, NULL);
    first = ring(1, false);
    second = ring(2, true);
    verifier_init(&v, &m, &key);
    v.wishes = (struct key_wishes){&asked, wish};
    verifier_keys_set(&v, keyring_ref(first));
    memset(&asked, 0, sizeof asked);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    verifier_deinit(&v);
    keyring_unref(first);
    keyring_unref(second);
    jwk_deinit(&sign_a);
    jwk_deinit(&sign_b);
    test_mem_check(&memory);
    return 0;
}

static struct mail *job_of(const char *token, uint32_t number)
{
    size_t n = strlen(token), room = sizeof(struct verdict_mail) - sizeof(struct token_mail);
    struct token_mail *job = mem_zalloc(&m, sizeof *job + n + room);
    assert_non_null(job);
    job->mail = (struct mail){.kind = MAIL_TOKEN, .bytes = (uint32_t)(sizeof *job + n + room)};
    job->wall_ms = NOW_MS;
    job->conn.ref.index = number;
    memcpy(job->tail, token, n);
    job->token = str_make(job->tail, n);
    return &job->mail;
}

static struct mail *job(const struct jwk *key, const char *header, const char *payload)
{
    char *token = jose_token(key, header, payload);
    struct mail *made = job_of(token, 0);
    free(token);
    return made;
}

#define B "{\"alg\":\"ES256\",\"kid\":\"b\"}"
#define MAIN "{\"iss\":\"main\",\"aud\":\"plenum\",\"sub\":\"ada\"," EXP "}"

static void expect(struct mail *verdict, enum token_verdict wanted, const char *why)
{
    assert_non_null(verdict);
    assert_int_equal(verdict->kind, MAIL_VERDICT);
    const struct verdict_mail *says = (const struct verdict_mail *)(const void *)verdict;
    assert_int_equal(says->verdict, wanted);
    assert_int_equal(says->retry_ms, wanted == TOKEN_LATER ? 4321 : 0);
    if (why != NULL)
        assert_str_eq(says->why, str_from_cstr(why));
    mail_discard(&m, verdict);
}

static void test_what_waits_is_let_in(void **state)
{
    (void)state;
    asked.says = KEY_WAIT;
    assert_null(verifier_work(&v, job(&sign_b, B, MAIN)));
    verifier_check(&v);
    assert_int_equal(asked.calls, 1);
    assert_int_equal(asked.issuers, 1u << 1 | 1u << 3); // both that are called so
    assert_int_equal(asked.stamp, 0);
    assert_null(verifier_pull(&v)); // nothing has come
    assert_int_equal(asked.calls, 1);
    verifier_look_again(&v);
    assert_null(verifier_pull(&v)); // something has, but not that
    assert_int_equal(asked.calls, 2);
    assert_int_equal(asked.stamp, 7); // since when it is wished for
    assert_int_equal(v.waiting_n, 1);
    verifier_keys_set(&v, keyring_ref(second));
    verifier_look_again(&v);
    expect(verifier_pull(&v), TOKEN_GOOD, NULL);
    assert_null(verifier_pull(&v));
    assert_int_equal(v.waiting_n, 0);
    assert_int_equal(asked.calls, 2);
}

static void test_what_waits_in_vain(void **state)
{
    (void)state;
    static const struct {
        enum key_wish says;
        enum token_verdict verdict;
        const char *payload, *why;
    } rows[] = {
        {KEY_LOOKED, TOKEN_BAD, MAIN, "There is no key `b` at the issuer `main`."},
        {KEY_LATER, TOKEN_LATER, MAIN,
         "The token's key is not known here yet; the issuer `main` is asked for it again soon."},
        {KEY_LATER, TOKEN_LATER, "{\"iss\":\"other\",\"sub\":\"ada\"," EXP "}",
         "The keys of the issuer `other` have not been fetched yet."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int waited = 0; waited < 2; waited++) {
            asked.says = waited ? KEY_WAIT : rows[i].says;
            struct mail *verdict = verifier_work(&v, job(&sign_b, B, rows[i].payload));
            if (waited) {
                assert_null(verdict);
                asked.says = rows[i].says;
                verifier_look_again(&v);
                verdict = verifier_pull(&v);
            }
            expect(verdict, rows[i].verdict, rows[i].why);
            verifier_check(&v);
        }
}

// What no key could make good, or is of nobody who publishes any, has nobody asked.
static void test_what_is_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const struct jwk *key;
        const char *header, *payload;
        enum token_verdict verdict;
        const char *why;
    } rows[] = {
        {&sign_b, B, "{\"iss\":\"plain\",\"sub\":\"ada\"," EXP "}", TOKEN_BAD,
         "There is no key `b` at the issuer `plain`."},
        {&sign_b, B, "{\"iss\":\"nobody\",\"sub\":\"ada\"," EXP "}", TOKEN_BAD, NULL},
        {&sign_b, B, "{\"iss\":\"main\",\"aud\":\"plenum\",\"sub\":\"ada\",\"exp\":1795161500}",
         TOKEN_EXPIRED, "`exp` was 100 s ago."},
        {&sign_b, B, "{\"iss\":\"main\",\"aud\":\"plenum\",\"sub\":\"ada\"}", TOKEN_BAD, NULL},
        {&sign_b, B, "{\"iss\":\"main\",\"aud\":\"others\",\"sub\":\"ada\"," EXP "}", TOKEN_BAD, NULL},
        {&sign_b, B, "{\"iss\":\"main\",\"aud\":\"plenum\",\"sub\":\"ada\",\"caps\":7," EXP "}", TOKEN_BAD,
         NULL},
        // Key confusion: the name is there, for another algorithm.
        {&sign_b, "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{\"iss\":\"plain\",\"sub\":\"ada\"," EXP "}",
         TOKEN_BAD, "The token is signed with ES256; the key `a` takes RS256 only."},
        // A signature that is not the key's.
        {&sign_b, "{\"alg\":\"RS256\",\"kid\":\"a\"}", MAIN, TOKEN_BAD, NULL},
        {&sign_b, "{\"alg\":\"ES256\",\"kid\":\"b\",\"jku\":\"https://evil/\"}", MAIN, TOKEN_BAD, NULL},
        {&sign_b, "{\"alg\":\"none\",\"kid\":\"b\"}", MAIN, TOKEN_BAD, NULL},
    };
    asked.says = KEY_WAIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(verifier_work(&v, job(rows[i].key, rows[i].header, rows[i].payload)), rows[i].verdict,
               rows[i].why);
    assert_int_equal(asked.calls, 0);
    // Without a name it may be the new key's, or none's.
    assert_null(verifier_work(&v, job(&sign_b, "{\"alg\":\"ES256\"}", MAIN)));
    assert_int_equal(asked.calls, 1);
    verifier_keys_set(&v, keyring_ref(second));
    verifier_look_again(&v);
    expect(verifier_pull(&v), TOKEN_GOOD, NULL);
    // Nor does a name that is there, for another algorithm, at the one who has a URL.
    expect(verifier_work(&v, job(&sign_a, "{\"alg\":\"RS256\",\"kid\":\"b\"}",
                                 "{\"iss\":\"other\",\"sub\":\"ada\"," EXP "}")),
           TOKEN_BAD, "The token is signed with RS256; the key `b` takes ES256 only.");
    assert_int_equal(asked.calls, 1);
    v.wishes.wish = NULL; // nobody could be asked
    verifier_keys_set(&v, keyring_ref(first));
    expect(verifier_work(&v, job(&sign_b, B, MAIN)), TOKEN_BAD, NULL);
}

static void test_so_many_wait_and_no_more(void **state)
{
    (void)state;
    char *token = jose_token(&sign_b, B, MAIN);
    asked.says = KEY_WAIT;
    for (uint32_t i = 0; i < VERIFIER_WAITS_MAX; i++)
        assert_null(verifier_work(&v, job_of(token, i)));
    verifier_check(&v);
    for (uint32_t i = 0; i < 3; i++) {
        struct mail *verdict = verifier_work(&v, job_of(token, i));
        assert_non_null(verdict);
        assert_int_equal(((struct verdict_mail *)(void *)verdict)->verdict, TOKEN_LATER);
        assert_int_equal(((struct verdict_mail *)(void *)verdict)->retry_ms, VERIFIER_WAITS_RETRY_MS);
        mail_discard(&m, verdict);
    }
    verifier_look_again(&v); // those that are looked at find their place again
    assert_null(verifier_pull(&v));
    assert_int_equal(v.waiting_n, VERIFIER_WAITS_MAX);
    verifier_check(&v);
    verifier_keys_set(&v, keyring_ref(second));
    verifier_look_again(&v);
    for (uint32_t i = 0; i < VERIFIER_WAITS_MAX / 2; i++) { // in the order in which they came
        struct mail *verdict = verifier_pull(&v);
        assert_non_null(verdict);
        assert_int_equal(((struct verdict_mail *)(void *)verdict)->conn.ref.index, i);
        mail_discard(&m, verdict);
    }
    verifier_check(&v);
    uint32_t left = 0;
    for (struct mail *given; (given = verifier_give_up(&v)) != NULL; left++) { // and the end
        assert_int_equal(given->kind, MAIL_TOKEN);
        mail_discard(&m, given);
    }
    assert_int_equal(left, VERIFIER_WAITS_MAX / 2);
    free(token);
}

static void run_check(void *arg) { verifier_check(arg); }

static void test_check(void **state)
{
    (void)state;
    asked.says = KEY_WAIT;
    assert_null(verifier_work(&v, job(&sign_b, B, MAIN)));
    v.waiting_n = 2;
    assert_true(asserts(run_check, &v));
    v.waiting_n = 1;
    ((struct token_mail *)(void *)v.waiting)->keys_stamp = 0;
    assert_true(asserts(run_check, &v));
    mail_discard(&m, verifier_give_up(&v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_waits_is_let_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_in_vain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_so_many_wait_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
