// SPDX-License-Identifier: Apache-2.0
//
// Who somebody is by a certificate.
#include "io/tls_person.h"
#include "unit/support.h"
#include "unit/tls_support.h"

#include <openssl/x509v3.h>
#include <string.h>

static void what_names_the_user(void **state)
{
    (void)state;
    static const char long64[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *name, *alternative;
        enum tls_user which;
        const char *user; // NULL: nobody
    } rows[] = {
        {"ada", NULL, TLS_USER_CN, "ada"},
        {"ada", "email:a@example.com", TLS_USER_NONE, NULL},
        {"Ada L\xc3\xb6v", NULL, TLS_USER_CN, "Ada L\xc3\xb6v"},
        {"ada", "DNS:a.example,email:a@example.com,email:b@example.com", TLS_USER_EMAIL, "a@example.com"},
        {"ada", "DNS:a.example", TLS_USER_EMAIL, NULL},
        {"ada", NULL, TLS_USER_EMAIL, NULL},
        {"ada", "email:a@b,URI:spiffe://example.com/chat/ada", TLS_USER_URI, "spiffe://example.com/chat/ada"},
        {"ada", "DNS:a.example,DNS:b.example", TLS_USER_DNS, "a.example"},
        {"guest-ada", NULL, TLS_USER_CN, NULL}, // so guests are called
        {" ada", NULL, TLS_USER_CN, NULL},
        {"a\nb", NULL, TLS_USER_CN, NULL},
        {long64, NULL, TLS_USER_CN, long64},
        {"ada", "URI:x:01234567890123456789012345678901234567890123456789012345678901", TLS_USER_URI,
         "x:01234567890123456789012345678901234567890123456789012345678901"},
        {"ada", "URI:x:012345678901234567890123456789012345678901234567890123456789012", TLS_USER_URI, NULL},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        X509 *x = test_x509_make(key, rows[i].name, rows[i].alternative, NULL, NULL);
        struct tls_person p;
        const bool found = tls_person_of(x, rows[i].which, &p);
        if (found != (rows[i].user != NULL))
            fail_msg("row %zu: %d", i, found);
        if (found) {
            assert_int_equal(p.facts.user.n, strlen(rows[i].user));
            assert_memory_equal(p.facts.user.p, rows[i].user, p.facts.user.n);
        }
        X509_free(x);
    }
    EVP_PKEY_free(key);
}

// An IA5String may have any octets in it, and one that ends what C takes for a text must not make somebody else of it.
static void an_octet_of_zero_makes_nobody(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = test_x509_make(key, "ada", NULL, NULL, NULL);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, "root\0@example.com", 17);
    GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
    sk_GENERAL_NAME_push(names, name);
    assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
    struct tls_person p;
    assert_false(tls_person_of(x, TLS_USER_EMAIL, &p));
    GENERAL_NAMES_free(names);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void when_and_by_which_id(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = test_x509_make(key, "ada", NULL, NULL, NULL);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20240229120000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z"); // RFC 5280 section 4.1.2.5: it never ends
    struct tls_person p;
    assert_true(tls_person_of(x, TLS_USER_CN, &p));
    assert_int_equal(p.facts.issued_ms, UINT64_C(1709208000000));
    assert_int_equal(p.facts.expires_ms, UINT64_C(253402300799000));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    char id[CERTIFICATE_ID_MAX + 1] = "x509:";
    X509_free(x);
    x = test_x509_make(key, "ada", NULL, NULL, NULL); // another one: it is signed anew, with another number
    assert_true(tls_person_of(x, TLS_USER_CN, &p));
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, &n), 1);
    for (unsigned i = 0; i < n; i++)
        snprintf(id + 5 + 2 * i, 3, "%02x", digest[i]);
    assert_int_equal(p.facts.id.n, CERTIFICATE_ID_MAX);
    assert_memory_equal(p.facts.id.p, id, CERTIFICATE_ID_MAX);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "19690101000000Z");
    assert_true(tls_person_of(x, TLS_USER_CN, &p));
    assert_int_equal(p.facts.issued_ms, 0);
    X509_free(x);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_names_the_user),
        cmocka_unit_test(an_octet_of_zero_makes_nobody),
        cmocka_unit_test(when_and_by_which_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
