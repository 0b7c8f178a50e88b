// SPDX-License-Identifier: Apache-2.0
//
// OCSP responses, made here by an authority of our own, and what is wrong with them.
#include "io/tls_staple.h"
#include "unit/support.h"
#include "unit/tls_support.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOUR_S = 3600 };

// An authority with two certificates of its own, and somebody else of the same name.
struct fixture {
    struct test_certs files;
    EVP_PKEY *ca_key, *key;
    X509 *ca, *one, *other, *impostor;
    EVP_PKEY *impostor_key;
    SSL_CTX *context; // with `one`, and the authority behind it
    time_t now_s;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    test_certs_init(&f->files);
    f->ca_key = EVP_EC_gen("P-256");
    f->impostor_key = EVP_EC_gen("P-256");
    f->key = EVP_EC_gen("P-256");
    f->ca = test_x509_make(f->ca_key, "authority", NULL, NULL, NULL);
    f->impostor = test_x509_make(f->impostor_key, "authority", NULL, NULL, NULL);
    f->one = test_x509_make(f->key, "a.example", NULL, f->ca, f->ca_key);
    f->other = test_x509_make(f->key, "a.example", NULL, f->ca, f->ca_key);
    f->context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(f->context, f->one), 1);
    assert_int_equal(SSL_CTX_add1_chain_cert(f->context, f->ca), 1);
    f->now_s = time(NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    X509 *all[] = {f->ca, f->one, f->other, f->impostor};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        X509_free(all[i]);
    EVP_PKEY_free(f->ca_key);
    EVP_PKEY_free(f->key);
    EVP_PKEY_free(f->impostor_key);
    SSL_CTX_free(f->context);
    test_certs_end(&f->files);
    free(f);
    return 0;
}

struct answer {
    X509 *about, *issuer;
    EVP_PKEY *issuer_key;
    int status;
    long from_s, until_s; // from now; until_s 0: none
    bool fails;           // "try later"
    size_t more;          // octets behind it
};

static void answer_write(struct fixture *f, const struct answer *a)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, a->about, a->issuer);
    ASN1_TIME *from = ASN1_TIME_adj(NULL, f->now_s, 0, a->from_s),
              *until = a->until_s != 0 ? ASN1_TIME_adj(NULL, f->now_s, 0, a->until_s) : NULL;
    assert_non_null(OCSP_basic_add1_status(
        basic, id, a->status, 0, a->status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL, from, until));
    assert_int_equal(OCSP_basic_sign(basic, a->issuer, a->issuer_key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *all = OCSP_response_create(
        a->fails ? OCSP_RESPONSE_STATUS_TRYLATER : OCSP_RESPONSE_STATUS_SUCCESSFUL, a->fails ? NULL : basic);
    unsigned char *der = NULL;
    const int n = i2d_OCSP_RESPONSE(all, &der);
    FILE *file = fopen(f->files.cert[0], "we");
    assert_true(file != NULL && n > 0 && fwrite(der, 1, (size_t)n, file) == (size_t)n);
    for (size_t i = 0; i < a->more; i++)
        fputc('x', file);
    assert_int_equal(fclose(file), 0);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(all);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
}

static struct answer good(const struct fixture *f)
{
    return (struct answer){.about = f->one,
                           .issuer = f->ca,
                           .issuer_key = f->ca_key,
                           .status = V_OCSP_CERTSTATUS_GOOD,
                           .from_s = -60,
                           .until_s = HOUR_S};
}

static void expect(struct fixture *f, const struct answer *a, const char *wrong)
{
    const char *why = NULL;
    answer_write(f, a);
    const enum err e = tls_staple_read(f->context, f->files.cert[0], f->now_s, &why);
    assert_int_equal(e, wrong != NULL ? ERR_SYNTAX : OK);
    if (wrong != NULL)
        assert_string_equal(why, wrong);
    assert_int_equal(ERR_peek_error(), 0);
}

static void what_is_wrong_is_said(void **state)
{
    struct fixture *f = *state;
    struct answer a = good(f);
    expect(f, &a, NULL);
    a.about = f->other;
    expect(f, &a, "it is not about this certificate");
    a = good(f);
    a.status = V_OCSP_CERTSTATUS_REVOKED;
    expect(f, &a, "it says that the certificate is revoked");
    a.status = V_OCSP_CERTSTATUS_UNKNOWN;
    expect(f, &a, "it says that the certificate is not known");
    a = good(f);
    a.until_s = -1;
    expect(f, &a, "its nextUpdate is over");
    a.until_s = 0;
    expect(f, &a, "it has no nextUpdate");
    a = good(f);
    a.from_s = HOUR_S - 1;
    expect(f, &a, "its thisUpdate is to come");
    a = good(f);
    a.issuer = f->impostor; // of the same name: only the signature tells
    a.issuer_key = f->impostor_key;
    expect(f, &a, "the certificate's issuer has not signed it");
    a = good(f);
    a.fails = true;
    expect(f, &a, "trylater");
    a = good(f);
    a.more = 1;
    expect(f, &a, "it is no OCSP response (DER)");
    a.more = STAPLE_BYTES_MAX;
    expect(f, &a, "it is longer than 64 KiB");
}

static void a_file_that_is_none(void **state)
{
    struct fixture *f = *state;
    const char *why;
    assert_int_equal(tls_staple_read(f->context, "/no/such/file", f->now_s, &why), ERR_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    for (size_t n = 0; n < 3; n++) {
        FILE *file = fopen(f->files.cert[0], "we");
        assert_true(file != NULL && fwrite("\x30\x03\x0a", 1, n, file) == n);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(tls_staple_read(f->context, f->files.cert[0], f->now_s, &why), ERR_SYNTAX);
        assert_string_equal(why, "it is no OCSP response (DER)");
    }
}

// Cut or changed anywhere it is taken for nothing, or for what it was (a signature's padding, say, is not ours to look at).
static void no_octet_of_it_can_be_another_one(void **state)
{
    struct fixture *f = *state;
    const struct answer a = good(f);
    static unsigned char der[4096];
    answer_write(f, &a);
    FILE *file = fopen(f->files.cert[0], "re");
    const size_t n = fread(der, 1, sizeof der, file);
    fclose(file);
    assert_true(n > 100 && n < sizeof der);
    for (size_t at = 0; at < n; at++) {
        const char *why;
        der[at] ^= 0x01;
        file = fopen(f->files.cert[0], "we");
        assert_true(fwrite(der, 1, n, file) == n && fclose(file) == 0);
        if (tls_staple_read(f->context, f->files.cert[0], f->now_s, &why) == OK)
            assert_int_equal(tls_staple_until(f->context), f->now_s + HOUR_S);
        der[at] ^= 0x01;
    }
}

static void it_is_known_until_when(void **state)
{
    struct fixture *f = *state;
    const struct answer a = good(f);
    assert_int_equal(tls_staple_until(f->context), 0);
    expect(f, &a, NULL);
    assert_int_equal(tls_staple_until(f->context), f->now_s + HOUR_S);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_is_said),
        TEST(a_file_that_is_none),
        TEST(no_octet_of_it_can_be_another_one),
        TEST(it_is_known_until_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
