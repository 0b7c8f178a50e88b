// SPDX-License-Identifier: Apache-2.0
//
// Who the server is: identities from files, which of them answers whom, and the keys of tickets.
#include "io/tls_identity.h"

#include "base/assert.h"
#include "io/tls_staple.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Forward secrecy and authenticated encryption only (RFC 9325, section 4.2); TLS 1.3 has nothing else.
static const char CIPHERS_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char GROUPS[] = "X25519:P-256:P-384";
static const unsigned char HTTP_1_1[] = "\x08http/1.1";

// ---- tickets

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1; // 0 means never
}

static bool ticket_key_make(struct tls_ticket_key *key, time_t now)
{
    if (RAND_bytes(key->name, sizeof key->name) != 1 || RAND_priv_bytes(key->aes, sizeof key->aes) != 1 ||
        RAND_priv_bytes(key->hmac, sizeof key->hmac) != 1)
        return false;
    key->made_s = now;
    return true;
}

// With the lock. False: there is no key that is new enough, and none can be made.
static bool ticket_keys_turn(struct tls_identities *t, time_t now)
{
    if (t->ticket_before.made_s != 0 && now - t->ticket_before.made_s >= (time_t)2 * TLS_TICKET_S)
        t->ticket_before = (struct tls_ticket_key){.made_s = 0};
    if (t->ticket.made_s != 0 && now - t->ticket.made_s < TLS_TICKET_S)
        return true;
    struct tls_ticket_key fresh;
    if (!ticket_key_make(&fresh, now))
        return false;
    const bool usable = t->ticket.made_s != 0 && now - t->ticket.made_s < (time_t)2 * TLS_TICKET_S;
    t->ticket_before = usable ? t->ticket : (struct tls_ticket_key){.made_s = 0};
    t->ticket = fresh;
    return true;
}

// A copy of the key that a new ticket is sealed with, or that the ticket of this name was. Returns 0 for none, 1, or 2: it is an
// older one, and the client is to be given a new ticket (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).
static int ticket_key_find(struct tls_identities *t, const unsigned char *name, struct tls_ticket_key *ret)
{
    int which = 0;
    pthread_mutex_lock(&t->lock);
    if (ticket_keys_turn(t, now_s())) {
        if (name == NULL || memcmp(name, t->ticket.name, sizeof t->ticket.name) == 0) {
            *ret = t->ticket;
            which = 1;
        } else if (t->ticket_before.made_s != 0 &&
                   memcmp(name, t->ticket_before.name, sizeof t->ticket.name) == 0) {
            *ret = t->ticket_before;
            which = 2;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return which;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    struct tls_ticket_key key;
    const int which =
        ticket_key_find(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), sealing ? NULL : name, &key);
    if (which == 0)
        return 0; // to seal: without a ticket; to open: a full handshake
    OSSL_PARAM digest[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.hmac, sizeof key.hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    bool made = EVP_MAC_CTX_set_params(mac, digest) == 1;
    if (sealing) {
        memcpy(name, key.name, sizeof key.name);
        made = made && RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
               EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) == 1;
    } else {
        made = made && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) == 1;
    }
    OPENSSL_cleanse(&key, sizeof key);
    return made ? which : -1;
}

// ---- who answers whom

// The context of the identity that has this name, counted; NULL: nobody has.
static SSL_CTX *context_find(struct tls_identities *t, const char *name)
{
    SSL_CTX *found = NULL;
    pthread_mutex_lock(&t->lock);
    for (uint32_t i = 0; i < t->contexts->n && found == NULL; i++)
        if (X509_check_host(SSL_CTX_get0_certificate(t->contexts->all[i]), name, 0, 0, NULL) == 1) {
            found = t->contexts->all[i];
            SSL_CTX_up_ref(found);
        }
    pthread_mutex_unlock(&t->lock);
    return found;
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *found = name != NULL ? context_find(arg, name) : NULL;
    if (found == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    const bool taken = SSL_set_SSL_CTX(ssl, found) != NULL; // which counts it, too
    SSL_CTX_free(found);
    *alert =
        SSL_AD_INTERNAL_ERROR; // out of memory: another name's certificate would tell the client that we are somebody else
    return taken ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n, const unsigned char *offered,
                   unsigned n, void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_n, HTTP_1_1, sizeof HTTP_1_1 - 1, offered, n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; // no_application_protocol
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

// ---- identities

// What certificates and responses about them are signed with is looked up by name, in a table that libcrypto is not asked to fill where it
// is set up (wire/digest.c). Without it whatever stands behind the first certificate of a file is "too weak".
static bool names_added;

static void names_add(void)
{
    const EVP_MD *const all[] = {EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
    names_added = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        names_added = names_added && EVP_add_digest(all[i]) == 1;
}

static bool names_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, names_add) == 0 && names_added;
}

// The system's words where it was the first to find something, or OpenSSL's last.
static enum err refuse(struct io_error *error, const char *what, const char *file)
{
    static _Thread_local char text[128];
    const unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerror_r(ERR_GET_REASON(first), text, sizeof text)
                                                 : ERR_reason_error_string(last);
    io_error_set(error, "%s %s: %s", what, file, reason != NULL ? reason : "cannot be used");
    ERR_clear_error();
    return ERR_SYNTAX;
}

static enum err files_read(SSL_CTX *c, const struct tls_identity *id, struct io_error *error)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(c, id->cert) != 1)
        return refuse(error, "certificate", id->cert);
    if (SSL_CTX_use_PrivateKey_file(c, id->key, SSL_FILETYPE_PEM) != 1)
        return refuse(error, "key", id->key);
    if (SSL_CTX_check_private_key(c) != 1)
        return refuse(error, "key", id->key);
    const char *why = NULL;
    const enum err e = id->ocsp != NULL ? tls_staple_read(c, id->ocsp, time(NULL), &why) : OK;
    if (e == ERR_NOT_FOUND || e == ERR_SYNTAX) {
        static _Thread_local char text[128];
        io_error_set(error, "ocsp %s: %s", id->ocsp,
                     e == ERR_SYNTAX ? why : strerror_r(errno, text, sizeof text));
        return ERR_SYNTAX;
    }
    return e;
}

// ---- clients

// A certificate that is good, and names nobody, is no good.
static int on_client(int good, X509_STORE_CTX *chain)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_identities *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct tls_person person;
    if (good != 1 || t->settings.user == TLS_USER_NONE || X509_STORE_CTX_get_error_depth(chain) != 0 ||
        tls_person_of(X509_STORE_CTX_get_current_cert(chain), t->settings.user, &person))
        return good;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

// libcrypto takes a certificate whose key it could not make out, also where that was for want of memory; whoever it vouches for would then be
// turned away until the next reload.
static bool keys_there(SSL_CTX *c)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        const X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        if (one != NULL && X509_get0_pubkey(one) == NULL)
            return false;
    }
    return true;
}

static enum err clients_read(SSL_CTX *c, const struct tls_settings *s, struct io_error *error)
{
    if (s->client_ca == NULL)
        return OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(s->client_ca);
    if (names == NULL || SSL_CTX_load_verify_file(c, s->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(error, "client_ca", s->client_ca);
    }
    SSL_CTX_set_client_CA_list(c, names);
    if (!keys_there(c))
        return refuse(error, "client_ca", s->client_ca);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (s->client_may ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), on_client);
    return OK;
}

// What a session may be resumed by: the same identity, and the same who vouch for clients, in the same words. A ticket has its
// client's certificate in it, which is not looked at again.
static bool session_context_set(SSL_CTX *c, const struct tls_settings *s, uint32_t which)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const unsigned char way[] = {(unsigned char)which, (unsigned char)s->user, s->client_may};
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c));
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned n = 0;
    bool made = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash, way, sizeof way) == 1;
    for (int i = 0; made && i < sk_X509_OBJECT_num(all); i++) {
        X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        made = one == NULL ||
               (X509_digest(one, EVP_sha256(), digest, &n) == 1 && EVP_DigestUpdate(hash, digest, n) == 1);
    }
    made = made && EVP_DigestFinal_ex(hash, digest, &n) == 1 &&
           SSL_CTX_set_session_id_context(c, digest, n) == 1;
    EVP_MD_CTX_free(hash);
    return made;
}

static bool context_set_up(SSL_CTX *c, struct tls_identities *t)
{
    SSL_CTX_set_app_data(c, t);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(c, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(c, TLS_TICKET_S);
    SSL_CTX_set_num_tickets(c, 1); // one connection at a time is what a client of ours has
    SSL_CTX_set_read_ahead(c, 1);  // a record's head and body in one recv
    if (!t->settings.lines)
        SSL_CTX_set_alpn_select_cb(c, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(c, CIPHERS_1_2) == 1 && SSL_CTX_set1_groups_list(c, GROUPS) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket) == 1;
}

static void contexts_free(struct tls_contexts *all)
{
    for (uint32_t i = 0; all != NULL && i < all->n; i++)
        SSL_CTX_free(all->all[i]);
    free(all);
}

static enum err contexts_make(struct tls_identities *t, struct tls_contexts **ret, struct io_error *error)
{
    struct tls_contexts *all = calloc(1, sizeof *all);
    if (all == NULL)
        return ERR_NOMEM;
    enum err e = OK;
    for (uint32_t i = 0; e == OK && i < t->settings.identity_n; i++) {
        SSL_CTX *c = SSL_CTX_new(TLS_server_method());
        if (c == NULL || !context_set_up(c, t)) {
            SSL_CTX_free(c);
            e = ERR_NOMEM;
            break;
        }
        all->all[all->n++] = c;
        SSL_CTX_set_tlsext_servername_callback(c, on_name);
        SSL_CTX_set_tlsext_servername_arg(c, t);
        e = files_read(c, &t->settings.identities[i], error);
        if (e == OK)
            e = clients_read(c, &t->settings, error);
        if (e == OK && !session_context_set(c, &t->settings, i))
            e = ERR_NOMEM;
    }
    if (e != OK) {
        contexts_free(all);
        return e;
    }
    *ret = all;
    return OK;
}

// ---- its life

static bool strings_copy(struct tls_identities *t, const struct tls_settings *from)
{
    t->settings = *from;
    for (uint32_t i = 0; i < from->identity_n; i++) {
        struct tls_identity *id = &t->settings.identities[i];
        const char **const places[FILES_EACH] = {&id->cert, &id->key, &id->ocsp};
        for (size_t k = 0; k < FILES_EACH; k++) {
            if (*places[k] == NULL)
                continue;
            t->files[i][k] = strdup(*places[k]);
            if (t->files[i][k] == NULL)
                return false;
            *places[k] = t->files[i][k];
        }
    }
    t->client_ca = from->client_ca != NULL ? strdup(from->client_ca) : NULL;
    t->settings.client_ca = t->client_ca;
    return from->client_ca == NULL || t->client_ca != NULL;
}

enum err tls_identities_init(struct tls_identities *t, const struct tls_settings *settings,
                             struct io_error *error)
{
    ASSERT(settings->identity_n > 0 && settings->identity_n <= TLS_IDENTITIES_MAX);
    *t = (struct tls_identities){.contexts = NULL};
    pthread_mutex_init(&t->lock, NULL);
    return names_there() && strings_copy(t, settings) ? contexts_make(t, &t->contexts, error) : ERR_NOMEM;
}

void tls_identities_deinit(struct tls_identities *t)
{
    contexts_free(t->contexts);
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++)
        for (size_t k = 0; k < FILES_EACH; k++)
            free(t->files[i][k]);
    free(t->client_ca);
    pthread_mutex_destroy(&t->lock);
    OPENSSL_cleanse(&t->ticket, sizeof t->ticket);
    OPENSSL_cleanse(&t->ticket_before, sizeof t->ticket_before);
}

enum err tls_identities_reload(struct tls_identities *t, struct io_error *error)
{
    struct tls_contexts *fresh;
    enum err e = contexts_make(t, &fresh, error);
    if (e != OK)
        return e;
    pthread_mutex_lock(&t->lock);
    struct tls_contexts *old = t->contexts;
    t->contexts = fresh;
    pthread_mutex_unlock(&t->lock);
    contexts_free(old);
    return OK;
}

// FNV-1a.
static uint64_t mix(uint64_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (value >> (8 * i) & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_file(uint64_t hash, const char *file)
{
    struct stat at = {0};
    if (file != NULL && stat(file, &at) != 0)
        at = (struct stat){0};
    hash = mix(mix(hash, (uint64_t)at.st_ino), (uint64_t)at.st_size);
    return mix(mix(hash, (uint64_t)at.st_mtim.tv_sec), (uint64_t)at.st_mtim.tv_nsec);
}

uint64_t tls_identities_seen(const struct tls_identities *t)
{
    uint64_t hash = mix_file(UINT64_C(0xcbf29ce484222325), t->client_ca);
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++)
        for (size_t k = 0; k < FILES_EACH; k++)
            hash = mix_file(hash, t->files[i][k]);
    return hash;
}

uint32_t tls_identities_stale(struct tls_identities *t, time_t at_s)
{
    uint32_t n = 0;
    pthread_mutex_lock(&t->lock);
    for (uint32_t i = 0; i < t->contexts->n; i++) {
        const time_t until_s = tls_staple_until(t->contexts->all[i]);
        n += until_s != 0 && until_s <= at_s;
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

SSL *tls_identities_session(struct tls_identities *t)
{
    pthread_mutex_lock(&t->lock);
    SSL *ssl = SSL_new(t->contexts->all[0]);
    pthread_mutex_unlock(&t->lock);
    return ssl;
}
