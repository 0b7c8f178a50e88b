// SPDX-License-Identifier: Apache-2.0
#include "io/tls_person.h"

#include "dialect/dialect.h"
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

_Static_assert(CERTIFICATE_ID_MAX <= TOKEN_ID_MAX, "it can be revoked like a token");

static bool take(const unsigned char *p, int n, struct tls_person *ret)
{
    if (n <= 0 || n > USER_ID_MAX)
        return false;
    memcpy(ret->user, p, (size_t)n);
    ret->facts.user = str_make(ret->user, (size_t)n);
    return user_name_valid(ret->facts.user) && !str_starts(ret->facts.user, STR("guest-"));
}

// Of several common names the last one is the most specific (RFC 4514 section 2.1 prints it first).
static bool take_common_name(X509 *certificate, struct tls_person *ret)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = -1;
    for (int next; (next = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        at = next;
    if (at < 0)
        return false;
    unsigned char *text = NULL;
    const int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    const bool taken = n >= 0 && take(text, n, ret);
    OPENSSL_free(text);
    return taken;
}

// All of the three kinds are an IA5String.
static bool take_alternative(X509 *certificate, int kind, struct tls_person *ret)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool taken = false, found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found = name->type == kind;
        if (found)
            taken = take(ASN1_STRING_get0_data(name->d.ia5), ASN1_STRING_length(name->d.ia5), ret);
    }
    GENERAL_NAMES_free(names);
    return taken;
}

static bool take_user(X509 *certificate, enum tls_user which, struct tls_person *ret)
{
    switch (which) {
    case TLS_USER_CN:
        return take_common_name(certificate, ret);
    case TLS_USER_EMAIL:
        return take_alternative(certificate, GEN_EMAIL, ret);
    case TLS_USER_URI:
        return take_alternative(certificate, GEN_URI, ret);
    case TLS_USER_DNS:
        return take_alternative(certificate, GEN_DNS, ret);
    case TLS_USER_NONE:
        break;
    }
    return false;
}

// What is before 1970 counts as that.
static bool ms_of(const ASN1_TIME *at, uint64_t *ret)
{
    struct tm utc;
    if (ASN1_TIME_to_tm(at, &utc) != 1)
        return false;
    const time_t s = timegm(&utc);
    *ret = s > 0 ? (uint64_t)s * 1000 : 0;
    return true;
}

static bool take_id(const X509 *certificate, struct tls_person *ret)
{
    static const char digits[] = "0123456789abcdef", begin[] = "x509:";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1 || sizeof begin - 1 + 2 * n != sizeof ret->id)
        return false;
    char *at = ret->id;
    memcpy(at, begin, sizeof begin - 1);
    at += sizeof begin - 1;
    for (unsigned i = 0; i < n; i++) {
        *at++ = digits[digest[i] >> 4];
        *at++ = digits[digest[i] & 15];
    }
    ret->facts.id = str_make(ret->id, sizeof ret->id);
    return true;
}

bool tls_person_of(X509 *certificate, enum tls_user which, struct tls_person *ret)
{
    return take_user(certificate, which, ret) && take_id(certificate, ret) &&
           ms_of(X509_get0_notBefore(certificate), &ret->facts.issued_ms) &&
           ms_of(X509_get0_notAfter(certificate), &ret->facts.expires_ms);
}
