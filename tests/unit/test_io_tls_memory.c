// SPDX-License-Identifier: Apache-2.0
//
// Certificates that are read while there is no memory: allocations of libcrypto fail, one at a
// time, at the first reading and at the next.
#include "io/tls_identity.h"
#include "unit/failing.h"
#include "unit/support.h"
#include "unit/tls_support.h"
#include "wire/digest.h"

static struct test_certs certs;
static struct tls_settings settings;

// Whoever vouches for clients has a key to do it with.
static void check_keys(struct tls_identities *t)
{
    SSL *ssl = tls_identities_session(t);
    assert_non_null(ssl);
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
    assert_int_equal(sk_X509_OBJECT_num(all), 1);
    assert_non_null(X509_get0_pubkey(X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, 0))));
    SSL_free(ssl);
}

static void reading(uint64_t at, bool all, bool *ret_failed)
{
    struct tls_identities t;
    struct io_error error = {"no memory"};
    arm(at, all);
    enum err e = tls_identities_init(&t, &settings, &error);
    *ret_failed = disarm();
    assert_true(e == OK || *ret_failed);
    assert_true(error.text[0] != '\0');
    if (e == OK)
        check_keys(&t);
    tls_identities_deinit(&t);
}

static struct tls_identities served;

static void reading_anew(uint64_t at, bool all, bool *ret_failed)
{
    struct io_error error = {"no memory"};
    arm(at, all);
    enum err e = tls_identities_reload(&served, &error);
    *ret_failed = disarm();
    assert_true(e == OK || *ret_failed);
    check_keys(&served); // the new ones, or those that were there
}

// There are thousands, most of them in the arithmetic of a curve: some of them in each run, spread over all.
static void some_in_turn(void (*run)(uint64_t at, bool all, bool *ret_failed))
{
    enum { STRIDE = 37 };
    uint64_t n = 0;
    for (bool failed = true; failed; n++)
        run(1 + n * STRIDE, false, &failed);
    assert_true(n > 10);
}

static void test_reading(void **state)
{
    (void)state;
    some_in_turn(reading);
}

static void test_reading_anew(void **state)
{
    (void)state;
    some_in_turn(reading_anew);
}

int main(void)
{
    CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
    if (digest_self_test() != OK)
        return 1;
    test_certs_init(&certs);
    for (int i = 0; i < 2; i++)
        test_cert_make(&certs, i, i == 0 ? "localhost" : "staff");
    settings = (struct tls_settings){.identity_n = 1,
                                     .identities = {{.cert = certs.cert[0], .key = certs.key[0]}},
                                     .client_ca = certs.cert[1],
                                     .user = TLS_USER_CN};
    struct io_error error; // once in good order, as what is set up once per process is not what this is about
    if (tls_identities_init(&served, &settings, &error) != OK)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_reading_anew)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_identities_deinit(&served);
    test_certs_end(&certs);
    return failed;
}
