// SPDX-License-Identifier: Apache-2.0
#include "unit/tls_support.h"
#include "unit/support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void test_certs_init(struct test_certs *c)
{
    char folder[] = "/tmp/plenum-tls-XXXXXX";
    assert_non_null(mkdtemp(folder));
    memcpy(c->folder, folder, sizeof folder);
    for (int i = 0; i < TEST_CERTS_MAX; i++) {
        snprintf(c->cert[i], sizeof c->cert[i], "%s/%d.crt", folder, i);
        snprintf(c->key[i], sizeof c->key[i], "%s/%d.key", folder, i);
    }
}

void test_certs_end(struct test_certs *c)
{
    for (int i = 0; i < TEST_CERTS_MAX; i++) {
        unlink(c->cert[i]);
        unlink(c->key[i]);
    }
    assert_int_equal(rmdir(c->folder), 0);
}

X509 *test_x509_make(EVP_PKEY *key, const char *name, const char *alternative, X509 *issuer,
                     EVP_PKEY *issuer_key)
{
    static long serial;
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_set_pubkey(x, key);
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    if (alternative != NULL) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
        assert_non_null(names);
        X509_add_ext(x, names, -1);
        X509_EXTENSION_free(names);
    }
    assert_true(X509_sign(x, issuer != NULL ? issuer_key : key, EVP_sha256()) > 0);
    return x;
}

void test_cert_make(struct test_certs *c, int i, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    char alternative[128];
    snprintf(alternative, sizeof alternative, "DNS:%s", name);
    X509 *x = test_x509_make(key, name, alternative, NULL, NULL);
    FILE *f = fopen(c->cert[i], "we");
    assert_true(f != NULL && PEM_write_X509(f, x) == 1);
    fclose(f);
    f = fopen(c->key[i], "we");
    assert_true(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

void tls_client_init(struct tls_client *k, int version, int fd, const char *name)
{
    *k = (struct tls_client){.context = SSL_CTX_new(TLS_client_method())};
    assert_non_null(k->context);
    assert_int_equal(SSL_CTX_set_min_proto_version(k->context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(k->context, version), 1);
    k->ssl = SSL_new(k->context);
    assert_non_null(k->ssl);
    if (fd >= 0) {
        SSL_set_fd(k->ssl, fd);
    } else {
        k->in = BIO_new(BIO_s_mem());
        k->out = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(k->in, -1);
        SSL_set_bio(k->ssl, k->in, k->out);
    }
    if (name != NULL)
        SSL_set_tlsext_host_name(k->ssl, name);
    SSL_set_connect_state(k->ssl);
}

void tls_client_end(struct tls_client *k)
{
    SSL_free(k->ssl);
    SSL_CTX_free(k->context);
}

void tls_client_peer(const struct tls_client *k, char *ret, size_t n)
{
    X509 *x = SSL_get1_peer_certificate(k->ssl);
    assert_non_null(x);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, ret, (int)n) > 0);
    X509_free(x);
}
