// SPDX-License-Identifier: Apache-2.0
//
// The keyring: it is a copy of all that it was given, it is shared by counting, and its check sees what must not be.
#include "unit/support.h"

#include "core/auth/keyring.h"
#include "unit/jose.h"

static struct test_mem memory;
static struct mem m;

static int setup(void **state)
{
    (void)state;
    test_mem_init(&memory, &m);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_mem_check(&memory);
    return 0;
}

static struct keyring *make(void)
{
    char name[] = "main", issuer[] = "https://id.example.com", audience[] = "plenum", claim[] = "uid",
         url[] = "https://id.example.com/jwks";
    str audiences[] = {str_from_cstr(audience), STR("chat")};
    struct jwk keys[] = {jose_key(A2_KEY, JWK_TO_VERIFY, JWA_RS256, "a"),
                         jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "b")};
    struct jwk secret = jose_secret(SECRET_64, JWA_HS256, NULL);
    const struct keyring_issuer issuers[] = {
        {.name = str_from_cstr(name),
         .issuer = str_from_cstr(issuer),
         .audiences = audiences,
         .audiences_n = 2,
         .user_claim = str_from_cstr(claim),
         .leeway_ms = 5000,
         .url = str_from_cstr(url),
         .ca_file = STR("ca.pem"),
         .waits = true,
         .keys = keys,
         .keys_n = 2},
        {.name = STR("secret"), .any_audience = true, .keys = &secret, .keys_n = 1},
    };
    struct keyring *k;
    assert_int_equal(keyring_create(&m, issuers, 2, 7, &k), OK);
    memset(name, 'x', sizeof name); // nothing borrows
    memset(issuer, 'x', sizeof issuer);
    memset(audience, 'x', sizeof audience);
    memset(claim, 'x', sizeof claim);
    memset(url, 'x', sizeof url);
    jwk_deinit(&keys[0]);
    jwk_deinit(&keys[1]);
    jwk_deinit(&secret);
    return k;
}

static void check_made(const struct keyring *k)
{
    keyring_check(k);
    assert_int_equal(k->issuers_n, 2);
    const struct keyring_issuer *main_issuer = &k->issuers[0], *secret = &k->issuers[1];
    assert_str(main_issuer->name, "main");
    assert_str(main_issuer->issuer, "https://id.example.com");
    assert_str(main_issuer->user_claim, "uid");
    assert_int_equal(main_issuer->audiences_n, 2);
    assert_str(main_issuer->audiences[0], "plenum");
    assert_str(main_issuer->audiences[1], "chat");
    assert_int_equal(main_issuer->leeway_ms, 5000);
    assert_str(main_issuer->url, "https://id.example.com/jwks");
    assert_str(main_issuer->ca_file, "ca.pem");
    assert_null(secret->url.p);
    assert_false(main_issuer->any_audience);
    assert_null(secret->issuer.p);
    assert_str(secret->user_claim, "sub");
    assert_true(secret->any_audience);
    assert_int_equal(secret->keys_n, 1);
    assert_int_equal(secret->keys[0].alg, JWA_HS256);
}

static void test_copy(void **state)
{
    (void)state;
    struct keyring *k = make();
    check_made(k);
    assert_true(k->generation == 7);
    assert_int_equal(k->issuers[0].keys_n, 2);
    assert_str(jwk_kid(&k->issuers[0].keys[1]), "b");
    keyring_unref(k);
}

static void test_references(void **state)
{
    (void)state;
    struct keyring *k = make();
    assert_ptr_equal(keyring_ref(k), k);
    keyring_unref(k);
    check_made(k); // one is left
    keyring_unref(k);
    keyring_unref(NULL);
}

static void test_other_keys(void **state)
{
    (void)state;
    struct keyring *k = make(), *next;
    struct jwk fresh = jose_key(ED_KEY, JWK_TO_VERIFY, JWA_EDDSA, "new");
    struct keyring_fetched fetched[2] = {{.state = KEYS_FETCHED, .keys = &fresh, .keys_n = 1}};
    assert_true(k->issuers[0].waits);
    assert_int_equal(keyring_with_keys(k, fetched, 8, &next), OK);
    jwk_deinit(&fresh);
    keyring_unref(k); // who held the old one is gone
    check_made(next);
    assert_true(next->generation == 8);
    const struct keyring_issuer *made = &next->issuers[0];
    assert_false(made->waits);
    assert_int_equal(made->keys_n, 2); // the operator's are where they were
    assert_int_equal(keyring_keys_n(made), 3);
    assert_str(jwk_kid(&made->keys[0]), "a");
    assert_str(jwk_kid(&made->keys[2]), "new");
    assert_ptr_equal(made->fetched, &made->keys[2]);

    struct jwk other =
        jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "newer"); // in the place of the one that was fetched
    fetched[0].keys = &other;
    assert_int_equal(keyring_with_keys(next, fetched, 9, &k), OK);
    assert_int_equal(keyring_keys_n(&k->issuers[0]), 3);
    assert_str(jwk_kid(&k->issuers[0].keys[2]), "newer");
    keyring_unref(next);
    jwk_deinit(&other);

    fetched[0] = (struct keyring_fetched){.state = KEYS_AS_THEY_ARE};
    assert_int_equal(keyring_with_keys(k, fetched, 10, &next), OK);
    assert_int_equal(keyring_keys_n(&next->issuers[0]), 3);
    keyring_unref(k);

    fetched[0].state = KEYS_OUTDATED;
    assert_int_equal(keyring_with_keys(next, fetched, 11, &k), OK);
    keyring_check(k);
    assert_int_equal(keyring_keys_n(&k->issuers[0]), 2);
    assert_true(k->issuers[0].waits);
    keyring_unref(k);
    keyring_unref(next);
}

static void test_starved(void **state)
{
    (void)state;
    struct keyring *none, *k = make();
    memory.fail_from = memory.calls + 1;
    assert_int_equal(keyring_create(&m, NULL, 0, 1, &none), ERR_NOMEM);
    const struct keyring_fetched fetched[2] = {{.state = KEYS_OUTDATED}};
    assert_int_equal(keyring_with_keys(k, fetched, 9, &none), ERR_NOMEM);
    memory.fail_from = 0;
    keyring_unref(k);
}

static void run_check(void *arg) { keyring_check(arg); }

static void test_check(void **state)
{
    (void)state;
    struct keyring *k = make();
    struct keyring_issuer *issuers = (struct keyring_issuer *)k->issuers;
    struct keyring_issuer before = issuers[1];
    issuers[1].name = STR("main"); // twice
    assert_true(asserts(run_check, k));
    issuers[1].name = STR_NONE;
    assert_true(asserts(run_check, k));
    issuers[1] = before;
    issuers[1].user_claim = STR_NONE;
    assert_true(asserts(run_check, k));
    issuers[1] = before;
    issuers[1].waits = true; // for nothing
    assert_true(asserts(run_check, k));
    issuers[1] = before;
    issuers[1].fetched--;
    assert_true(asserts(run_check, k));
    issuers[1] = before;
    struct jwk *secret = (struct jwk *)before.keys;
    secret->secret_n = 31;
    assert_true(asserts(run_check, k));
    secret->secret_n = 64;
    check_made(k);
    keyring_unref(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),    cmocka_unit_test(test_references), cmocka_unit_test(test_other_keys),
        cmocka_unit_test(test_starved), cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
