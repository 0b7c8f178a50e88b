// SPDX-License-Identifier: Apache-2.0
#include "io/tls_staple.h"

#include "base/assert.h"
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct staple {
    time_t until_s;
    int n;
    unsigned char der[];
};

// ---- its place in a context

static int place = -1;

static void staple_free(void *parent, void *p, CRYPTO_EX_DATA *data, int index, long number, void *more)
{
    (void)parent, (void)data, (void)index, (void)number, (void)more;
    free(p);
}

static void place_make(void) { place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, staple_free); }

static bool place_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, place_make) == 0 && place >= 0;
}

static const struct staple *staple_of(const SSL_CTX *c)
{
    return place_there() ? SSL_CTX_get_ex_data(c, place) : NULL;
}

time_t tls_staple_until(const SSL_CTX *c)
{
    const struct staple *s = staple_of(c);
    return s != NULL ? s->until_s : 0;
}

// OpenSSL asks where a client has, of the context that answers.
static int on_status(SSL *ssl, void *arg)
{
    (void)arg;
    const struct staple *s = staple_of(SSL_get_SSL_CTX(ssl));
    if (s == NULL || time(NULL) >= s->until_s)
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(s->der, (size_t)s->n); // which is the connection's from here on
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->n);
    return SSL_TLSEXT_ERR_OK;
}

// ---- is it what it has to be?

static bool is_name_of(const X509_NAME *name, const ASN1_OBJECT *algorithm, const ASN1_OCTET_STRING *hash)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const EVP_MD *md = EVP_get_digestbyobj(algorithm);
    return md != NULL && X509_NAME_digest(name, md, digest, &n) == 1 && ASN1_STRING_length(hash) == (int)n &&
           memcmp(ASN1_STRING_get0_data(hash), digest, n) == 0;
}

// Certificates are named by their issuer's name and key, and their number among its own (RFC 6960 section 4.1.1). The key's hash is
// the signature's business.
static OCSP_SINGLERESP *find_about(OCSP_BASICRESP *all, X509 *certificate)
{
    for (int i = 0; i < OCSP_resp_count(all); i++) {
        OCSP_SINGLERESP *one = OCSP_resp_get0(all, i);
        ASN1_OCTET_STRING *name = NULL;
        ASN1_OBJECT *algorithm = NULL;
        ASN1_INTEGER *serial = NULL;
        if (OCSP_id_get0_info(&name, &algorithm, NULL, &serial,
                              (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(one)) == 1 &&
            ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0 &&
            is_name_of(X509_get_issuer_name(certificate), algorithm, name))
            return one;
    }
    return NULL;
}

// True where nobody is there to tell by, too: the chain need not have its last one, and clients look for themselves.
static bool signed_by_issuer(SSL_CTX *c, OCSP_BASICRESP *response, X509 *certificate)
{
    STACK_OF(X509) *chain = NULL;
    (void)SSL_CTX_get0_chain_certs(c, &chain);
    X509 *issuer = NULL;
    for (int i = 0; i < sk_X509_num(chain) && issuer == NULL; i++)
        if (X509_check_issued(sk_X509_value(chain, i), certificate) == X509_V_OK)
            issuer = sk_X509_value(chain, i);
    if (issuer == NULL)
        return true;
    X509_STORE *trusted = X509_STORE_new();
    const bool good = trusted != NULL && X509_STORE_add_cert(trusted, issuer) == 1 &&
                      X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                      OCSP_basic_verify(response, chain, trusted, 0) == 1;
    X509_STORE_free(trusted);
    return good;
}

static bool time_of(const ASN1_GENERALIZEDTIME *at, time_t *ret)
{
    struct tm utc;
    if (at == NULL || ASN1_TIME_to_tm(at, &utc) != 1)
        return false;
    *ret = timegm(&utc);
    return true;
}

// NULL: it is good, until *ret_until_s.
static const char *look_at(SSL_CTX *c, OCSP_BASICRESP *response, time_t now_s, time_t *ret_until_s)
{
    X509 *certificate = SSL_CTX_get0_certificate(c);
    OCSP_SINGLERESP *one = find_about(response, certificate);
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    time_t from_s;
    if (one == NULL)
        return "it is not about this certificate";
    if (!signed_by_issuer(c, response, certificate))
        return "the certificate's issuer has not signed it";
    switch (OCSP_single_get0_status(one, NULL, NULL, &from, &until)) {
    case V_OCSP_CERTSTATUS_GOOD:
        break;
    case V_OCSP_CERTSTATUS_REVOKED:
        return "it says that the certificate is revoked";
    default:
        return "it says that the certificate is not known";
    }
    if (!time_of(from, &from_s) || from_s > now_s + 300) // clocks are not all the same
        return "its thisUpdate is to come";
    if (!time_of(until, ret_until_s))
        return "it has no nextUpdate";
    return *ret_until_s <= now_s ? "its nextUpdate is over" : NULL;
}

// ---- the file

static enum err keep(SSL_CTX *c, const unsigned char *der, size_t n, time_t until_s)
{
    struct staple *s = malloc(sizeof *s + n), *old = place_there() ? SSL_CTX_get_ex_data(c, place) : NULL;
    if (s == NULL || !place_there() || SSL_CTX_set_ex_data(c, place, s) != 1) {
        free(s);
        return ERR_NOMEM;
    }
    free(old);
    s->until_s = until_s;
    s->n = (int)n;
    memcpy(s->der, der, n);
    SSL_CTX_set_tlsext_status_cb(c, on_status);
    return OK;
}

static enum err bytes_take(SSL_CTX *c, const unsigned char *der, size_t n, time_t now_s, const char **ret_why)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *outer = d2i_OCSP_RESPONSE(NULL, &at, (long)n);
    OCSP_BASICRESP *response = NULL;
    time_t until_s = 0;
    *ret_why = "it is no OCSP response (DER)";
    if (outer != NULL && at == der + n) {
        const int status = OCSP_response_status(outer);
        *ret_why = OCSP_response_status_str(status);
        if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
            response = OCSP_response_get1_basic(outer);
        if (response != NULL)
            *ret_why = look_at(c, response, now_s, &until_s);
    }
    OCSP_BASICRESP_free(response);
    OCSP_RESPONSE_free(outer);
    ERR_clear_error();
    return *ret_why == NULL ? keep(c, der, n, until_s) : ERR_SYNTAX;
}

enum err tls_staple_read(SSL_CTX *c, const char *file, time_t now_s, const char **ret_why)
{
    ASSERT(SSL_CTX_get0_certificate(c) != NULL);
    unsigned char *der = malloc(STAPLE_BYTES_MAX + 1);
    if (der == NULL)
        return ERR_NOMEM;
    FILE *f = fopen(file, "re");
    const size_t n = f != NULL ? fread(der, 1, STAPLE_BYTES_MAX + 1, f) : 0;
    const bool read = f != NULL && ferror(f) == 0;
    if (f != NULL)
        (void)fclose(f);
    *ret_why = "it is longer than 64 KiB";
    enum err e = n > STAPLE_BYTES_MAX ? ERR_SYNTAX : ERR_NOT_FOUND;
    if (read && n <= STAPLE_BYTES_MAX)
        e = bytes_take(c, der, n, now_s, ret_why);
    free(der);
    return e;
}
