// SPDX-License-Identifier: Apache-2.0
#include "app/certificates.h"

#include "app/keys.h"
#include "app/logger.h"
#include "app/self_signed.h"
#include "app/wiring.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert((int)CONFIG_TLS_MAX <= (int)TLS_IDENTITIES_MAX, "io takes as many as may be written");
_Static_assert((int)CONFIG_LISTEN_MAX + LISTENER_ROWS <= (int)LISTENERS_MAX, "and as many listeners");

enum { DEVELOPMENT_DAYS = 90 };
#define DEVELOPMENT_CERT "plenum-dev.pem"
#define DEVELOPMENT_KEY "plenum-dev.key"

struct paths {
    char text[CONFIG_TLS_MAX][3][PATH_MAX];
};

static const char *path_take(struct paths *p, uint32_t row, size_t which, const struct config_load *l,
                             const char *file)
{
    if (file[0] == '\0')
        return NULL;
    key_file_path(l, file, p->text[row][which], PATH_MAX);
    return p->text[row][which];
}

static void certificate_load(struct config_load *l, const struct config_key *key, uint32_t row,
                             const char *column, const struct config_tls_list *from, bool lines,
                             struct tls **ret)
{
    struct paths *p = malloc(sizeof *p);
    struct io_error why = {"got no memory to read it"};
    struct tls_settings s = {.identity_n = from->n, .lines = lines};
    for (uint32_t i = 0; p != NULL && i < from->n; i++)
        s.identities[i] = (struct tls_identity){.cert = path_take(p, i, 0, l, from->rows[i].cert),
                                                .key = path_take(p, i, 1, l, from->rows[i].key),
                                                .client_ca = path_take(p, i, 2, l, from->rows[i].client_ca)};
    if (p == NULL || tls_create(&s, ret, &why) != OK)
        complaint_add(&l->complaints, "%s: got %s, expected files with a certificate and its key (PEM)",
                      config_row_place(l, key, row, column, from->rows[0].at.line).z,
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
        const struct config_key *key = &config_keys[CONFIG_ID_server_tls];
        certificate_load(l, key, 0, NULL, &c->server_tls, false, &ret->all[LISTENER_ROW_HTTP]);
        if (l->complaints.errors == 0)
            certificate_load(l, key, 0, NULL, &c->server_tls, true, &ret->all[LISTENER_ROW_TEXT]);
    }
    for (uint32_t i = 0; i < c->server_listen.n; i++)
        if (c->server_listen.rows[i].tls.n != 0)
            certificate_load(l, &config_keys[CONFIG_ID_server_listen], i, "tls",
                             &c->server_listen.rows[i].tls, c->server_listen.rows[i].kind == LISTEN_KIND_TEXT,
                             &ret->all[LISTENER_ROWS + i]);
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (ret->all[i] != NULL)
            ret->seen[i] = tls_files_seen(ret->all[i]);
    return l->complaints.errors == 0;
}

void certificates_free(struct certificates *c)
{
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        tls_destroy(c->all[i]);
    *c = (struct certificates){.all = {NULL}};
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
}
