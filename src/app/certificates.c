// SPDX-License-Identifier: Apache-2.0
#include "app/certificates.h"

#include "app/keys.h"
#include "app/logger.h"
#include "app/self_signed.h"
#include "app/wiring.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert((int)CONFIG_TLS_MAX <= (int)TLS_IDENTITIES_MAX, "io takes as many as may be written");
_Static_assert((int)CONFIG_LISTEN_MAX + LISTENER_ROWS <= (int)LISTENERS_MAX, "and as many listeners");

enum { CLIENT_CERT_REQUIRE, CLIENT_CERT_REQUEST }; // as config_tables.h has them
enum { DEVELOPMENT_DAYS = 90 };
#define DEVELOPMENT_CERT "plenum-dev.pem"
#define DEVELOPMENT_KEY "plenum-dev.key"

struct paths {
    char text[CONFIG_TLS_MAX][FILES_EACH][PATH_MAX], client_ca[PATH_MAX];
};

static const char *path_take(const struct config_load *l, const char *file, char room[PATH_MAX])
{
    if (file[0] == '\0')
        return NULL;
    key_file_path(l, file, room, PATH_MAX);
    return room;
}

// Where a list of certificates stands: which setting, its row and column where it is one of a listener's.
struct list_place {
    const struct config_key *key;
    uint32_t row;
    const char *column; // NULL: it is the setting itself
};

// A client chooses whom it talks to, and would choose who asks it for less.
static bool clients_fit(struct config_load *l, const struct list_place *at,
                        const struct config_tls_list *from)
{
    const struct config_tls *first = &from->rows[0];
    for (uint32_t i = 0; i < from->n; i++) {
        const struct config_tls *one = &from->rows[i];
        const uint32_t row = at->column == NULL ? i : at->row;
        const char *wrong = NULL;
        if (strcmp(one->client_ca, first->client_ca) != 0 || one->client_cert != first->client_cert ||
            one->client_user != first->client_user)
            wrong =
                "got client_ca, client_cert or client_user unlike the first certificate's, expected the same for "
                "all of a listener";
        else if (one->client_ca[0] == '\0' && one->client_user != TLS_USER_NONE)
            wrong = "got client_user without client_ca, expected who vouches for clients";
        if (wrong != NULL) {
            complaint_add(&l->complaints, "%s: %s",
                          config_row_place(l, at->key, row, at->column, one->at.line).z, wrong);
            return false;
        }
    }
    return true;
}

static void settings_make(struct config_load *l, struct paths *p, const struct config_tls_list *from,
                          struct tls_settings *ret)
{
    const struct config_tls *first = &from->rows[0];
    ret->identity_n = from->n;
    for (uint32_t i = 0; i < from->n; i++)
        ret->identities[i] = (struct tls_identity){.cert = path_take(l, from->rows[i].cert, p->text[i][0]),
                                                   .key = path_take(l, from->rows[i].key, p->text[i][1]),
                                                   .ocsp = path_take(l, from->rows[i].ocsp, p->text[i][2])};
    ret->client_ca = path_take(l, first->client_ca, p->client_ca);
    ret->client_may = first->client_cert == CLIENT_CERT_REQUEST;
    ret->user = (enum tls_user)first->client_user;
}

static void certificate_load(struct config_load *l, const struct list_place *at,
                             const struct config_tls_list *from, struct tls_settings *s, struct tls **ret)
{
    struct paths *p = malloc(sizeof *p);
    struct io_error why = {"got no memory to read it"};
    if (p != NULL)
        settings_make(l, p, from, s);
    if (p == NULL || (clients_fit(l, at, from) && tls_create(s, ret, &why) != OK))
        complaint_add(&l->complaints, "%s: got %s, expected files with a certificate and its key (PEM)",
                      config_row_place(l, at->key, at->row, at->column, from->rows[0].at.line).z,
                      complaint_quote(str_from_cstr(why.text)).z);
    free(p);
}

void certificates_develop(struct config_load *l)
{
    char why[1024], cert[PATH_MAX], key[PATH_MAX];
    struct config *c = &l->values;
    if (!c->server_dev_tls || c->server_tls.n != 0)
        return;
    key_file_path(l, DEVELOPMENT_CERT, cert, sizeof cert);
    key_file_path(l, DEVELOPMENT_KEY, key, sizeof key);
    const bool there = access(cert, F_OK) == 0 && access(key, F_OK) == 0;
    if (!there && !self_signed_make(SELF_SIGNED_NAMES, DEVELOPMENT_DAYS, cert, key, why, sizeof why)) {
        complaint_add(&l->complaints, "%s: %s",
                      config_place_text(l, &config_keys[CONFIG_ID_server_dev_tls]).z, why);
        return;
    }
    struct config_tls *row = config_row_add(&c->server_tls, &config_tables[CONFIG_TABLE_TLS]);
    snprintf(row->cert, sizeof row->cert, "%s", DEVELOPMENT_CERT);
    snprintf(row->key, sizeof row->key, "%s", DEVELOPMENT_KEY);
}

// Two listeners that are to prove the same have each their own: what they speak is told from it.
bool certificates_load(struct config_load *l, struct certificates *ret)
{
    const struct config *c = &l->values;
    *ret = (struct certificates){.all = {NULL}};
    if (c->server_tls.n != 0) {
        const struct list_place at = {.key = &config_keys[CONFIG_ID_server_tls]};
        struct tls_settings http = {.stats = &ret->stats}, text = {.stats = &ret->stats, .lines = true};
        certificate_load(l, &at, &c->server_tls, &http, &ret->all[LISTENER_ROW_HTTP]);
        if (l->complaints.errors == 0)
            certificate_load(l, &at, &c->server_tls, &text, &ret->all[LISTENER_ROW_TEXT]);
    }
    for (uint32_t i = 0; i < c->server_listen.n; i++) {
        const struct list_place at = {
            .key = &config_keys[CONFIG_ID_server_listen], .row = i, .column = "tls"};
        struct tls_settings s = {.stats = &ret->stats,
                                 .lines = c->server_listen.rows[i].kind == LISTEN_KIND_TEXT};
        if (c->server_listen.rows[i].tls.n != 0)
            certificate_load(l, &at, &c->server_listen.rows[i].tls, &s, &ret->all[LISTENER_ROWS + i]);
    }
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (ret->all[i] != NULL)
            ret->seen[i] = tls_files_seen(ret->all[i]);
    return l->complaints.errors == 0;
}

bool certificates_any(const struct certificates *c)
{
    bool any = false;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        any = any || c->all[i] != NULL;
    return any;
}

void certificates_free(struct certificates *c)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        tls_destroy(c->all[i]);
    *c = (struct certificates){.all = {NULL}};
}

static uint32_t certificates_stale(const struct certificates *c, time_t now_s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (c->all[i] != NULL)
            n += tls_stale(c->all[i], now_s);
    return n;
}

static void reload(struct certificates *c, uint32_t i)
{
    struct io_error why = {"out of memory"};
    c->seen[i] = tls_files_seen(c->all[i]);
    if (tls_reload(c->all[i], &why) == OK)
        log_told("certificates_reloaded", LOG_NUMBER("listener", i));
    else
        log_error("certificates_rejected", LOG_NUMBER("listener", i), LOG_TEXT("problem", why.text),
                  LOG_TEXT("kept", "those that were there"));
}

void certificates_reload(struct certificates *c)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (c->all[i] != NULL)
            reload(c, i);
}

void certificates_look(struct certificates *c)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (c->all[i] != NULL && tls_files_seen(c->all[i]) != c->seen[i])
            reload(c, i);
    const uint64_t stale = certificates_stale(c, time(NULL)), before = atomic_exchange(&c->stale, stale);
    if (stale > before)
        log_warn("ocsp_stale", LOG_NUMBER("responses", stale),
                 LOG_TEXT("reason", "the nextUpdate of what tls.ocsp names is over: it is sent no more"));
}
