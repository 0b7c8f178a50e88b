// SPDX-License-Identifier: Apache-2.0
#include "app/self_signed.h"

#include "base/str.h"
#include "wire/host_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SERIAL_BYTES = 16, DAY_S = 24 * 3600, CLOCKS_APART_S = 3600, NAME_BYTES = 256 };

static bool extend(X509 *x, int nid, const char *text)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, text);
    const bool added = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static bool is_address(const char *name)
{
    uint8_t bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

// "DNS:a,IP:::1"; false, with the one that is neither.
static bool alternatives_write(const char *names, char *ret, size_t cap, char first[NAME_BYTES],
                               char *ret_why, size_t why_cap)
{
    size_t used = 0;
    str rest = str_from_cstr(names);
    for (int i = 0; rest.p != NULL; i++) {
        char name[NAME_BYTES];
        const str one = str_split(rest, ',', &rest);
        snprintf(name, sizeof name, "%.*s", STR_ARG(one));
        if (!is_address(name) &&
            (one.n >= sizeof name || !host_name_pattern_valid(one) || str_eq(one, STR("*")))) {
            snprintf(ret_why, why_cap,
                     "got \"%s\", expected host names and IP addresses with commas between them", name);
            return false;
        }
        used += (size_t)snprintf(ret + used, used < cap ? cap - used : 0, "%s%s:%s", i == 0 ? "" : ",",
                                 is_address(name) ? "IP" : "DNS", name);
        if (used >= cap) {
            snprintf(ret_why, why_cap, "got %zu bytes of names, expected at most %d", strlen(names),
                     SELF_SIGNED_NAMES_BYTES);
            return false;
        }
        if (i == 0)
            memcpy(first, name, sizeof name);
    }
    return true;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *first, const char *alternatives, uint32_t days)
{
    uint8_t luck[SERIAL_BYTES] = {0};
    const bool lucky = RAND_bytes(luck + 1, sizeof luck - 1) == 1; // and positive: RFC 5280, section 4.1.2.2
    BIGNUM *serial = lucky ? BN_bin2bn(luck, sizeof luck, NULL) : NULL;
    X509_NAME *subject = X509_get_subject_name(x);
    const bool filled =
        serial != NULL && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL &&
        X509_set_version(x, X509_VERSION_3) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(x), -CLOCKS_APART_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(x), (long)days * DAY_S) != NULL && X509_set_pubkey(x, key) == 1 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)first, -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(x, subject) == 1 && extend(x, NID_subject_alt_name, alternatives) &&
        extend(x, NID_basic_constraints, "critical,CA:FALSE") &&
        extend(x, NID_key_usage, "critical,digitalSignature") &&
        extend(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
        extend(x, NID_subject_key_identifier, "hash");
    BN_free(serial);
    return filled && X509_sign(x, key, EVP_sha256()) > 0;
}

// Exactly one of cert and key.
static bool file_write(const char *path, mode_t mode, X509 *cert, EVP_PKEY *key, char *ret_why,
                       size_t why_cap)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        char reason[128];
        snprintf(ret_why, why_cap, "%.512s: got \"%s\", expected a file that is not there yet", path,
                 strerror_r(errno, reason, sizeof reason));
        return false;
    }
    FILE *f = fdopen(fd, "w");
    bool written =
        f != NULL && (key != NULL ? PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1
                                  : PEM_write_X509(f, cert) == 1);
    if (f == NULL)
        close(fd);
    else if (fflush(f) != 0 || fsync(fd) != 0)
        written = false;
    if (f != NULL && fclose(f) != 0)
        written = false;
    if (!written) {
        unlink(path);
        snprintf(ret_why, why_cap, "%.512s: it could not be written", path);
    }
    return written;
}

bool self_signed_make(const char *names, uint32_t days, const char *cert_path, const char *key_path,
                      char *ret_why, size_t why_cap)
{
    char alternatives[SELF_SIGNED_NAMES_BYTES], first[NAME_BYTES];
    if (!alternatives_write(names, alternatives, sizeof alternatives, first, ret_why, why_cap))
        return false;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    bool made = key != NULL && x != NULL && fill(x, key, first, alternatives, days);
    if (!made)
        snprintf(ret_why, why_cap, "libcrypto could not make a certificate");
    if (made) {
        made = file_write(key_path, 0600, NULL, key, ret_why, why_cap);
        if (made && !file_write(cert_path, 0644, x, NULL, ret_why, why_cap)) {
            unlink(key_path);
            made = false;
        }
    }
    X509_free(x);
    EVP_PKEY_free(key);
    return made;
}
