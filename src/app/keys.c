// SPDX-License-Identifier: Apache-2.0
//
// Everything is collected in one draft, which the keyring then copies; so a mistake anywhere leaves nothing half made, and all
// mistakes are told, not the first one.
#include "app/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert((int)CONFIG_ISSUERS_MAX + 1 <= (int)TOKEN_ISSUERS_MAX, "all of them, and the secret's");
_Static_assert((int)CONFIG_TOKEN_KEYS_MAX + (int)TOKEN_KEYS_FETCHED_MAX <= (int)TOKEN_KEYS_MAX, "and a set");

enum { KEY_PATH_MAX = 1024 }; // what libcurl is given (io/http_get.c)

#define SECRETS_NAME "auth.secret"

struct draft_issuer {
    struct jwk keys[TOKEN_KEYS_MAX];
    uint32_t keys_n;
    str audiences[TOKEN_AUDIENCES_MAX];
    char ca_file[KEY_PATH_MAX];
};

struct key_draft {
    struct config_load *load;
    struct mem *mem;
    struct draft_issuer drafts[CONFIG_ISSUERS_MAX + 1];
    struct keyring_issuer issuers[CONFIG_ISSUERS_MAX + 1];
    uint32_t n;
};

// ---- files

const char *key_file_read(const char *path, struct buf *ret)
{
    static _Thread_local char reason[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    do {
        char *room = fd < 0 ? NULL : buf_reserve(ret, 4096);
        got = room != NULL ? read(fd, room, 4096) : -1;
        if (got > 0)
            buf_commit(ret, (size_t)got);
    } while (fd >= 0 && buf_ok(ret) && (got > 0 || (got < 0 && errno == EINTR)) && ret->n <= KEY_FILE_MAX);
    const char *why = NULL;
    if (got < 0 && buf_ok(ret))
        why = strerror_r(errno, reason, sizeof reason);
    else if (!buf_ok(ret))
        why = "no memory to read it";
    else if (ret->n > KEY_FILE_MAX)
        why = "more than 256 KiB";
    if (fd >= 0)
        close(fd);
    return why;
}

void key_file_path(const struct config_load *l, const char *file, char *ret, size_t cap)
{
    const char *slash = l->file != NULL ? strrchr(l->file, '/') : NULL;
    int folder = file[0] != '/' && slash != NULL ? (int)(slash - l->file) + 1 : 0;
    snprintf(ret, cap, "%.*s%s", folder, folder > 0 ? l->file : "", file);
}

// The text of a file; false with the complaint made.
static bool file_take(struct key_draft *d, const char *place, const char *file, struct buf *ret)
{
    char path[PATH_MAX];
    key_file_path(d->load, file, path, sizeof path);
    const char *why = key_file_read(path, ret);
    if (why != NULL)
        complaint_add(&d->load->complaints, "%s: %s: got \"%s\", expected a readable file with a key", place,
                      complaint_bare(str_from_cstr(path)).z, why);
    return why == NULL;
}

static void complain_key(struct key_draft *d, const char *place, const char *file,
                         const struct jwk_problem *problem)
{
    complaint_add(&d->load->complaints, "%s: %s%sgot %s, expected %s", place,
                  file != NULL ? complaint_bare(str_from_cstr(file)).z : "", file != NULL ? ": " : "",
                  problem->got.z, problem->expected.z);
}

// ---- issuers

static const struct config_key *const issuers_key = &config_keys[CONFIG_ID_auth_issuers];

static struct config_text row_place(const struct key_draft *d, uint32_t row, const char *column,
                                    uint32_t line)
{
    return config_row_place(d->load, issuers_key, row, column, line);
}

// One of auth.issuers[row].keys[].
static void key_take(struct key_draft *d, uint32_t row, uint32_t which, struct draft_issuer *to)
{
    const struct config_token_key *from = &d->load->values.auth_issuers.rows[row].keys.rows[which];
    bool secret = from->secret[0] != '\0';
    const struct jwk_wish wish = {
        .use = JWK_TO_VERIFY,
        .has_alg = true,
        .alg = (enum jwa)from->algorithm, // the words of the column are jwa.h's, in order
        .kid = from->kid[0] != '\0' ? str_from_cstr(from->kid) : STR_NONE};
    char column[64];
    snprintf(column, sizeof column, "keys[%" PRIu32 "].%s", which, secret ? "secret" : "file");
    struct config_text place =
        row_place(d, row, column,
                  from->at.lines[secret ? CONFIG_COLUMN_token_key_secret : CONFIG_COLUMN_token_key_file]);
    struct jwk_problem problem;
    struct buf text;
    buf_init(&text, d->mem, 0);
    if (secret || file_take(d, place.z, from->file, &text)) {
        struct jwk *key = &to->keys[to->keys_n];
        enum err e = secret ? jwk_from_secret(str_from_cstr(from->secret), &wish, key, &problem)
                            : jwk_from_text(buf_str(&text), &wish, key, &problem);
        if (e == OK)
            to->keys_n++;
        else
            complain_key(d, place.z, secret ? NULL : from->file, &problem);
    }
    buf_deinit(&text);
}

static void set_take(struct key_draft *d, uint32_t row, struct draft_issuer *to)
{
    const struct config_issuer *from = &d->load->values.auth_issuers.rows[row];
    struct config_text place = row_place(d, row, "jwks_file", from->at.lines[CONFIG_COLUMN_issuer_jwks_file]);
    const struct jwk_wish wish = {.use = JWK_TO_VERIFY};
    struct jwk_problem problem;
    struct jwk_set set;
    struct buf text;
    buf_init(&text, d->mem, 0);
    bool read = file_take(d, place.z, from->jwks_file, &text);
    enum err e = read ? jwk_set_begin(buf_str(&text), &set, &problem) : ERR_NOT_FOUND;
    uint32_t before = to->keys_n;
    uint32_t most = from->jwks_url[0] != '\0' ? before + TOKEN_KEYS_FETCHED_MAX : TOKEN_KEYS_MAX;
    while (e == OK && to->keys_n < most) {
        e = jwk_set_next(&set, &wish, &to->keys[to->keys_n], &problem);
        to->keys_n += e == OK;
    }
    if (read && e == ERR_NOT_FOUND && to->keys_n == before && set.passed == 0)
        complaint_add(&d->load->complaints, "%s: %s: got a set without keys, expected one or more", place.z,
                      complaint_bare(str_from_cstr(from->jwks_file)).z);
    else if (read && e != OK &&
             (to->keys_n == before ||
              e == ERR_NOMEM)) // none that can be used, and why the last one cannot; or not all
        complain_key(d, place.z, from->jwks_file, &problem);
    buf_deinit(&text);
}

// Of a file with certificates, which libcurl reads when it needs them.
static str ca_path(struct key_draft *d, uint32_t row, struct draft_issuer *to)
{
    const struct config_issuer *from = &d->load->values.auth_issuers.rows[row];
    struct config_text place = row_place(d, row, "ca_file", from->at.lines[CONFIG_COLUMN_issuer_ca_file]);
    struct buf text;
    buf_init(&text, d->mem, 0);
    key_file_path(d->load, from->ca_file, to->ca_file, sizeof to->ca_file);
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    bool read = file_take(d, place.z, from->ca_file, &text);
    if (read && memmem(text.p, text.n, begin, sizeof begin - 1) == NULL)
        complaint_add(&d->load->complaints, "%s: %s: got no certificate, expected one or more in PEM",
                      place.z, complaint_bare(str_from_cstr(from->ca_file)).z);
    buf_deinit(&text);
    return str_from_cstr(to->ca_file);
}

static void issuer_take(struct key_draft *d, uint32_t row)
{
    const struct config_issuer *from = &d->load->values.auth_issuers.rows[row];
    struct config_issuer filled = *from;
    struct draft_issuer *to = &d->drafts[d->n];
    config_row_fill(&d->load->values, &config_tables[CONFIG_TABLE_ISSUERS], &filled);
    if (strcmp(from->name, SECRETS_NAME) == 0)
        complaint_add(&d->load->complaints,
                      "%s: got \"%s\", expected another name: so the issuer of auth.secret is called",
                      row_place(d, row, "name", from->at.lines[CONFIG_COLUMN_issuer_name]).z, from->name);
    for (uint32_t i = 0; i < from->keys.n; i++)
        key_take(d, row, i, to);
    uint32_t own_n = to->keys_n;
    if (from->jwks_file[0] != '\0')
        set_take(d, row, to);
    bool fetched = from->jwks_url[0] != '\0';
    own_n = fetched ? own_n : to->keys_n; // else the file's are a first set of the URL's
    for (uint32_t i = 0; i < from->audience.n; i++)
        to->audiences[i] = config_texts_item(&from->audience, i);
    if (from->audience.n == 0)
        complaint_warn(
            &d->load->complaints,
            "%s: got no audience, expected what `aud` must say: tokens that it made for others are taken too",
            row_place(d, row, NULL, from->at.line).z);
    d->issuers[d->n++] = (struct keyring_issuer){
        .name = str_from_cstr(from->name),
        .issuer = from->issuer[0] != '\0' ? str_from_cstr(from->issuer) : STR_NONE,
        .audiences = to->audiences,
        .audiences_n = from->audience.n,
        .any_audience = from->audience.n == 0,
        .user_claim = str_from_cstr(from->user_claim),
        .leeway_ms = filled.leeway_s * 1000,
        .keys = to->keys,
        .keys_n = own_n,
        .fetched = to->keys + own_n,
        .fetched_n = to->keys_n - own_n,
        .url = fetched ? str_from_cstr(from->jwks_url) : STR_NONE,
        .ca_file = from->ca_file[0] != '\0' ? ca_path(d, row, to) : STR_NONE,
        .waits = fetched && to->keys_n == own_n,
    };
}

static void secret_take(struct key_draft *d)
{
    const struct config_key *key = &config_keys[CONFIG_ID_auth_secret];
    const struct jwk_wish wish = {.use = JWK_TO_VERIFY, .has_alg = true, .alg = JWA_HS256};
    struct draft_issuer *to = &d->drafts[d->n];
    struct jwk_problem problem;
    if (jwk_from_secret(str_from_cstr(d->load->values.auth_secret), &wish, &to->keys[0], &problem) != OK) {
        complain_key(d, config_place_text(d->load, key).z, NULL, &problem);
        return;
    }
    to->keys_n = 1;
    d->issuers[d->n++] = (struct keyring_issuer){
        .name = STR(SECRETS_NAME),
        .any_audience = true,
        .leeway_ms = d->load->values.auth_leeway_s * 1000,
        .keys = to->keys,
        .keys_n = 1,
    };
}

struct keyring *keys_load(struct config_load *l, struct mem *m, uint64_t generation)
{
    struct key_draft *d = calloc(1, sizeof *d);
    struct keyring *made = NULL;
    if (d != NULL) {
        d->load = l;
        d->mem = m;
        for (uint32_t i = 0; i < l->values.auth_issuers.n; i++)
            issuer_take(d, i);
        if (l->values.auth_secret[0] != '\0')
            secret_take(d);
        if (l->complaints.errors == 0 && keyring_create(m, d->issuers, d->n, generation, &made) != OK)
            made = NULL;
        if (made != NULL)
            keyring_check(made);
        for (size_t i = 0; i < sizeof d->drafts / sizeof d->drafts[0]; i++)
            for (uint32_t k = 0; k < d->drafts[i].keys_n; k++)
                jwk_deinit(&d->drafts[i].keys[k]);
    }
    if (made == NULL && l->complaints.errors == 0)
        complaint_add(&l->complaints, "auth: got no memory for the keys, expected some hundred kilobytes");
    free(d);
    return made;
}
