// SPDX-License-Identifier: Apache-2.0
//
// PEM: blocks of base64 between two lines that say what they are. The label decides how a block is read, so nothing is tried
// by turns, and nobody is asked for a password: an encrypted key is refused by name.
#include "wire/jwk_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct block {
    char *label, *header;
    unsigned char *data;
    long n;
};

static EVP_PKEY *read_public(const unsigned char **p, long n) { return d2i_PUBKEY(NULL, p, n); }

static EVP_PKEY *read_rsa_public(const unsigned char **p, long n)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, p, n);
}

static EVP_PKEY *read_private(const unsigned char **p, long n) { return d2i_AutoPrivateKey(NULL, p, n); }

// Just the key that stands in it. Whose it is, and until when, the operator has decided who named the file.
static EVP_PKEY *read_certificate(const unsigned char **p, long n)
{
    X509 *certificate = d2i_X509(NULL, p, n);
    EVP_PKEY *pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return pkey;
}

static const struct label {
    const char *name;
    EVP_PKEY *(*read)(const unsigned char **p, long n);
    bool is_private;
} labels[] = {
    {"PUBLIC KEY", read_public, false},         {"CERTIFICATE", read_certificate, false},
    {"RSA PUBLIC KEY", read_rsa_public, false}, {"PRIVATE KEY", read_private, true},
    {"RSA PRIVATE KEY", read_private, true},    {"EC PRIVATE KEY", read_private, true},
    {"ENCRYPTED PRIVATE KEY", NULL, true},
};

static const struct label *label_find(const char *name)
{
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (strcmp(labels[i].name, name) == 0)
            return &labels[i];
    return NULL;
}

static void block_free(struct block *b)
{
    OPENSSL_free(b->label);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->data, (size_t)b->n);
    *b = (struct block){0};
}

static bool short_of_memory(void)
{
    bool is = false;
    for (unsigned long code; (code = ERR_get_error()) != 0;)
        is = is || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    return is;
}

static enum err refuse_form(const struct jwk_wish *wish, struct jwk_problem *problem, const char *got)
{
    if (short_of_memory())
        return jwk_no_memory(problem);
    return jwk_refuse(problem, ERR_SYNTAX, got, STR_NONE,
                      wish->use == JWK_TO_SIGN
                          ? "a private key in PEM (`-----BEGIN PRIVATE KEY-----`), or a JWK"
                          : "a public key or a certificate in PEM (`-----BEGIN PUBLIC KEY-----`), or a JWK",
                      STR_NONE);
}

static enum err block_read(const struct label *label, const struct block *b, const struct jwk_wish *wish,
                           struct jwk *ret, struct jwk_problem *problem)
{
    if (label->read == NULL || strstr(b->header, "ENCRYPTED") != NULL)
        return jwk_refuse(problem, ERR_UNSUPPORTED, "a key that is encrypted", STR_NONE,
                          "one without a password", STR_NONE);
    const unsigned char *p = b->data;
    EVP_PKEY *pkey = label->read(&p, b->n);
    if (pkey == NULL || p != b->data + b->n) {
        EVP_PKEY_free(pkey);
        return refuse_form(wish, problem, "a PEM block that holds no key that is known");
    }
    return jwk_adopt_pair(pkey, &(struct jwk_found){.has_private = label->is_private}, wish, ret, problem);
}

enum err jwk_from_pem(str text, const struct jwk_wish *wish, struct jwk *ret, struct jwk_problem *problem)
{
    BIO *bio = text.n <= INT32_MAX ? BIO_new_mem_buf(text.n > 0 ? text.p : "", (int)text.n) : NULL;
    if (bio == NULL)
        return jwk_no_memory(problem);
    struct block b = {0};
    const struct label *label = NULL;
    while (label == NULL && PEM_read_bio(bio, &b.label, &b.header, &b.data, &b.n)) {
        label = label_find(b.label);
        if (label == NULL) // parameters of a curve, in front of its key
            block_free(&b);
    }
    enum err e = label != NULL ? block_read(label, &b, wish, ret, problem)
                               : refuse_form(wish, problem, "a text without a key in PEM");
    block_free(&b);
    BIO_free(bio);
    return e;
}
