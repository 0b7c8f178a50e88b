// SPDX-License-Identifier: Apache-2.0
//
// Lists of mappings: their rows and columns, whatever table they are of, and what has to fit between the columns of a row.
//
// A list is a number and an array of rows, a row begins with struct config_row: all else is found by the offsets in its
// table. Equal lists have equal values in the same columns; on which lines they stand makes no difference.
#include "app/config.h"

#include "base/assert.h"
#include "base/near.h"
#include "core/common/rule.h"
#include "core/common/tenant.h"
#include "dialect/dialect.h"

#include <inttypes.h>

uint32_t config_rows_n(const void *list) { return *(const uint32_t *)list; }

static void *config_row_at(void *list, const struct config_table *table, uint32_t i)
{
    ASSERT(i < config_rows_n(list));
    return (char *)list + table->rows_offset + (size_t)i * table->row_size;
}

const void *config_row_in(const void *list, const struct config_table *table, uint32_t i)
{
    ASSERT(i < config_rows_n(list));
    return (const char *)list + table->rows_offset + (size_t)i * table->row_size;
}

void *config_row_add(void *list, const struct config_table *table)
{
    uint32_t *n = list;
    if (*n == table->max)
        return NULL;
    (*n)++;
    char *row = config_row_at(list, table, *n - 1);
    memset(row, 0, table->row_size);
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if (column->like || column->key->preset[0] == '\0')
            continue;
        bool good = config_field_set(row + column->offset, column->key, str_from_cstr(column->key->preset));
        ASSERT(good); // our own table
    }
    return row;
}

void config_row_fill(const struct config *c, const struct config_table *table, void *row)
{
    const struct config_row *at = row;
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if (column->like && at->lines[i] == 0)
            memcpy((char *)row + column->offset, (const char *)c + column->key->offset,
                   config_field_size(column->key));
    }
}

// ---- columns

const struct config_column *config_column_find(const struct config_table *table, str name)
{
    for (uint32_t i = 0; i < table->columns_n; i++)
        if (str_eq(name, str_from_cstr(table->columns[i].name)))
            return &table->columns[i];
    return NULL;
}

const struct config_column *config_column_guess(const struct config_table *table, str written)
{
    const struct config_column *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (uint32_t i = 0; i < table->columns_n; i++) {
        size_t distance = edit_distance(written, str_from_cstr(table->columns[i].name));
        if (!edit_is_near(distance, written.n) || distance >= best_distance)
            continue;
        best = &table->columns[i];
        best_distance = distance;
    }
    return best;
}

struct config_text config_column_names(const struct config_table *table)
{
    struct config_text t = {""};
    size_t used = 0;
    for (uint32_t i = 0; i < table->columns_n && used < sizeof t.z; i++) {
        const char *before = i == 0 ? "" : i + 1 < table->columns_n ? ", " : " or ";
        used += (size_t)snprintf(t.z + used, sizeof t.z - used, "%s%s", before, table->columns[i].name);
    }
    return t;
}

// ---- whole lists

static bool rows_equal(const char *a, const char *b, const struct config_table *table)
{
    const struct config_row *x = (const void *)a, *y = (const void *)b;
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if ((x->lines[i] != 0) != (y->lines[i] != 0) ||
            !config_field_equal(a + column->offset, b + column->offset, column->key))
            return false;
    }
    return true;
}

bool config_rows_equal(const void *a, const void *b, const struct config_table *table)
{
    uint32_t n = config_rows_n(a);
    bool equal = n == config_rows_n(b);
    for (uint32_t i = 0; i < n && equal; i++)
        equal = rows_equal(config_row_in(a, table, i), config_row_in(b, table, i), table);
    return equal;
}

// Puts it behind what is there; false, and "...", where it is too long.
static bool append(struct config_text *t, size_t *used, const char *text)
{
    enum { END = 16 }; // for what closes it
    if (*used + strlen(text) + END > sizeof t->z) {
        *used += (size_t)snprintf(t->z + *used, sizeof t->z - *used, "...");
        return false;
    }
    *used += (size_t)snprintf(t->z + *used, sizeof t->z - *used, "%s", text);
    return true;
}

static bool row_append(struct config_text *t, size_t *used, const char *row, const struct config_table *table)
{
    const struct config_row *at = (const void *)row;
    const char *before = "{";
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if (at->lines[i] == 0)
            continue;
        if (!append(t, used, before) || !append(t, used, column->name) || !append(t, used, ": ") ||
            !append(t, used, config_field_text(row + column->offset, column->key).z))
            return false;
        before = ", ";
    }
    return append(t, used, before[0] == '{' ? "{}" : "}");
}

struct config_text config_rows_text(const void *list, const struct config_table *table)
{
    struct config_text t = {"["};
    size_t used = 1;
    bool fits = true;
    for (uint32_t i = 0; i < config_rows_n(list) && fits; i++)
        fits = (i == 0 || append(&t, &used, ", ")) &&
               row_append(&t, &used, config_row_in(list, table, i), table);
    snprintf(t.z + used, sizeof t.z - used, "]");
    return t;
}

// ---- what has to fit

struct config_text config_row_place(const struct config_load *l, const struct config_key *key, uint32_t row,
                                    const char *column, uint32_t line)
{
    struct config_text t;
    const char *dot = column != NULL ? "." : "", *name = column != NULL ? column : "";
    switch (l->places[key - config_keys].source) {
    case CONFIG_FROM_FILE:
        snprintf(t.z, sizeof t.z, "%s:%" PRIu32 ": %s[%" PRIu32 "]%s%s", l->file, line, key->path, row, dot,
                 name);
        break;
    case CONFIG_FROM_ENV:
        snprintf(t.z, sizeof t.z, "%.200s[%" PRIu32 "]%s%s", config_key_env(key).z, row, dot, name);
        break;
    case CONFIG_FROM_FLAG:
        snprintf(t.z, sizeof t.z, "--%s[%" PRIu32 "]%s%s", key->path, row, dot, name);
        break;
    case CONFIG_FROM_DEFAULT:
        snprintf(t.z, sizeof t.z, "%s[%" PRIu32 "]%s%s", key->path, row, dot, name);
        break;
    }
    return t;
}

#define KEY(section, name) (&config_keys[CONFIG_ID_##section##_##name])

// Names by which rows are told apart: twice the same is a slip.
static void check_name(struct config_load *l, const struct config_key *key, uint32_t i, uint32_t line,
                       const char *name, uint32_t other, const char *other_name)
{
    if (strcmp(name, other_name) == 0)
        complaint_add(&l->complaints, "%s: got %s, expected another name than that of %s[%" PRIu32 "]",
                      config_row_place(l, key, i, "name", line).z, complaint_quote(str_from_cstr(name)).z,
                      key->path, other);
}

// It is found by its match or by its name, which nobody else has: nor the number that outlets know it by (core/common/rule.h).
static void check_rule_name(struct config_load *l, uint32_t i)
{
    const struct config_rule_list *rules = &l->values.rooms_rules;
    const struct config_rule *rule = &rules->rows[i];
    const str name = str_from_cstr(rule->name);
    const uint32_t line = rule->at.lines[CONFIG_COLUMN_rule_name];
    if (name.n == 0) {
        if (rule->match[0] == '\0')
            complaint_add(&l->complaints, "%s: got neither match nor name, expected one of them, or both",
                          config_row_place(l, KEY(rooms, rules), i, NULL, rule->at.line).z);
        return;
    }
    if (!user_name_valid(name) || str_find_char(name, ' ', 0) != name.n)
        complaint_add(&l->complaints, "%s: got %s, expected a word without spaces and control characters",
                      config_row_place(l, KEY(rooms, rules), i, "name", line).z, complaint_quote(name).z);
    for (uint32_t j = 0; j < i; j++)
        if (rule_id(name) == rule_id(str_from_cstr(rules->rows[j].name))) {
            complaint_add(
                &l->complaints, "%s: got %s, expected another name than that of rooms.rules[%" PRIu32 "]",
                config_row_place(l, KEY(rooms, rules), i, "name", line).z, complaint_quote(name).z, j);
            break;
        }
}

static void check_rules(struct config_load *l)
{
    const struct config_rule_list *rules = &l->values.rooms_rules;
    for (uint32_t i = 0; i < rules->n; i++)
        check_rule_name(l, i);
    for (uint32_t i = 1; i < rules->n; i++)
        for (uint32_t j = 0; j < i; j++) {
            const struct config_rule *rule = &rules->rows[i];
            if (rule->match[0] == '\0' || strcmp(rule->match, rules->rows[j].match) != 0)
                continue;
            complaint_add(
                &l->complaints,
                "%s: got %s, expected another pattern than that of rooms.rules[%" PRIu32
                "], which is found first",
                config_row_place(l, KEY(rooms, rules), i, "match", rule->at.lines[CONFIG_COLUMN_rule_match])
                    .z,
                complaint_quote(str_from_cstr(rule->match)).z, j);
            break;
        }
}

// What a store would have to keep. place: who says so.
static void complain_store(struct config_load *l, const char *place, uint32_t said)
{
    if (said != DURABILITY_MEMORY && l->values.store_kind == STORE_KIND_NONE)
        complaint_add(&l->complaints,
                      "%s: got %s, expected memory: no store is configured; rooms are kept in memory in this "
                      "version",
                      place, config_field_text(&said, KEY(rooms, durability)).z);
}

static void check_durability(struct config_load *l)
{
    const struct config_rule_list *rules = &l->values.rooms_rules;
    complain_store(l, config_place_text(l, KEY(rooms, durability)).z, l->values.rooms_durability);
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct config_rule *rule = &rules->rows[i];
        const uint32_t line = rule->at.lines[CONFIG_COLUMN_rule_durability];
        if (line != 0)
            complain_store(l, config_row_place(l, KEY(rooms, rules), i, "durability", line).z,
                           rule->durability);
    }
}

// One of the two, and not both.
static void check_either(struct config_load *l, const char *place, bool has_secret, bool has_other,
                         const char *other)
{
    if (has_secret == has_other)
        complaint_add(&l->complaints, "%s: got %s `secret` %s `%s`, expected one of the two", place,
                      has_secret ? "both" : "neither", has_secret ? "and" : "nor", other);
}

static void check_token_keys(struct config_load *l, uint32_t issuer)
{
    const struct config_token_key_list *keys = &l->values.auth_issuers.rows[issuer].keys;
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct config_token_key *key = &keys->rows[i];
        char column[32];
        snprintf(column, sizeof column, "keys[%" PRIu32 "]", i);
        struct config_text place = config_row_place(l, KEY(auth, issuers), issuer, column, key->at.line);
        check_either(l, place.z, key->secret[0] != '\0', key->file[0] != '\0', "file");
    }
}

static void check_issuers(struct config_load *l)
{
    const struct config_issuer_list *issuers = &l->values.auth_issuers;
    for (uint32_t i = 0; i < issuers->n; i++) {
        const struct config_issuer *issuer = &issuers->rows[i];
        for (uint32_t j = 0; j < i; j++)
            check_name(l, KEY(auth, issuers), i, issuer->at.lines[CONFIG_COLUMN_issuer_name], issuer->name, j,
                       issuers->rows[j].name);
        if (issuer->keys.n == 0 && issuer->jwks_file[0] == '\0' && issuer->jwks_url[0] == '\0')
            complaint_add(&l->complaints,
                          "%s: got no key, expected `keys`, `jwks_file` or `jwks_url`, or several of them",
                          config_row_place(l, KEY(auth, issuers), i, NULL, issuer->at.line).z);
        check_token_keys(l, i);
    }
}

static void check_api_keys(struct config_load *l)
{
    const struct config_api_key_list *keys = &l->values.api_keys;
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct config_api_key *key = &keys->rows[i];
        for (uint32_t j = 0; j < i; j++)
            check_name(l, KEY(api, keys), i, key->at.lines[CONFIG_COLUMN_api_key_name], key->name, j,
                       keys->rows[j].name);
        struct config_text place = config_row_place(l, KEY(api, keys), i, NULL, key->at.line);
        check_either(l, place.z, key->secret[0] != '\0', key->secret_sha256[0] != '\0', "secret_sha256");
    }
}

static struct config_text tenant_place(const struct config_load *l, uint32_t row, const char *column,
                                       uint32_t place)
{
    uint32_t line = l->values.tenants_.rows[row].at.lines[place];
    return config_row_place(l, KEY(tenants, ), row, column, line);
}

// What it is called: of a row without a name, its prefix without the colon.
str config_tenant_name(const struct config_tenant *t)
{
    str prefix = str_from_cstr(t->prefix);
    return t->name[0] != '\0' ? str_from_cstr(t->name) : str_take(prefix, prefix.n - (prefix.n != 0));
}

static bool issuer_there(const struct config *c, const char *name)
{
    bool there = strcmp(name, "auth.secret") == 0 && c->auth_secret[0] != '\0'; // app/keys.c
    for (uint32_t i = 0; i < c->auth_issuers.n && !there; i++)
        there = strcmp(c->auth_issuers.rows[i].name, name) == 0;
    return there;
}

static void check_tenant_pair(struct config_load *l, uint32_t i, uint32_t j)
{
    const struct config_tenant *t = &l->values.tenants_.rows[i], *other = &l->values.tenants_.rows[j];
    if (strcmp(t->prefix, other->prefix) == 0)
        complaint_add(&l->complaints,
                      "%s: got \"%s\", expected another prefix than that of tenants[%" PRIu32 "]",
                      tenant_place(l, i, "prefix", CONFIG_COLUMN_tenant_prefix).z, t->prefix, j);
    else if (str_eq(config_tenant_name(t), config_tenant_name(other)))
        complaint_add(&l->complaints, "%s: got %s, expected another name than that of tenants[%" PRIu32 "]",
                      tenant_place(l, i, "name", CONFIG_COLUMN_tenant_name).z,
                      complaint_quote(config_tenant_name(t)).z, j);
    if (t->issuer[0] != '\0' && strcmp(t->issuer, other->issuer) == 0)
        complaint_add(&l->complaints,
                      "%s: got %s, expected another issuer than that of tenants[%" PRIu32
                      "]: its users cannot be of two tenants",
                      tenant_place(l, i, "issuer", CONFIG_COLUMN_tenant_issuer).z,
                      complaint_quote(str_from_cstr(t->issuer)).z, j);
}

static void check_tenants(struct config_load *l)
{
    const struct config_tenant_list *tenants = &l->values.tenants_;
    for (uint32_t i = 0; i < tenants->n; i++) {
        const struct config_tenant *t = &tenants->rows[i];
        for (uint32_t j = 0; j < i; j++)
            check_tenant_pair(l, i, j);
        if (t->name[0] != '\0' && !tenant_name_valid(str_from_cstr(t->name)))
            complaint_add(&l->complaints, "%s: got %s, expected letters, digits and - _ .",
                          tenant_place(l, i, "name", CONFIG_COLUMN_tenant_name).z,
                          complaint_quote(str_from_cstr(t->name)).z);
        if (t->issuer[0] != '\0' && !issuer_there(&l->values, t->issuer))
            complaint_add(&l->complaints, "%s: got %s, expected the name of one of auth.issuers",
                          tenant_place(l, i, "issuer", CONFIG_COLUMN_tenant_issuer).z,
                          complaint_quote(str_from_cstr(t->issuer)).z);
    }
}

// What says nothing where it stands is a slip.
static void check_listeners(struct config_load *l)
{
    const struct config_listen_list *listen = &l->values.server_listen;
    for (uint32_t i = 0; i < listen->n; i++) {
        const struct config_listen *row = &listen->rows[i];
        const uint32_t proxy_line = row->at.lines[CONFIG_COLUMN_listen_proxy_protocol],
                       mode_line = row->at.lines[CONFIG_COLUMN_listen_mode];
        if (row->proxy_protocol && l->values.server_trusted_proxies.n == 0)
            complaint_add(
                &l->complaints,
                "%s: got true, expected server.trusted_proxies to name the proxies that may connect there",
                config_row_place(l, KEY(server, listen), i, "proxy_protocol", proxy_line).z);
        if (mode_line != 0 && !str_starts(str_from_cstr(row->address), STR("unix:")))
            complaint_add(&l->complaints, "%s: got a mode for %s, expected one for a Unix socket only",
                          config_row_place(l, KEY(server, listen), i, "mode", mode_line).z, row->address);
    }
}

bool config_tenants_same(const struct config *a, const struct config *b)
{
    bool same = a->tenants_.n == b->tenants_.n;
    for (uint32_t i = 0; i < a->tenants_.n && same; i++) {
        const struct config_tenant *x = &a->tenants_.rows[i], *y = &b->tenants_.rows[i];
        same = strcmp(x->prefix, y->prefix) == 0 && strcmp(x->issuer, y->issuer) == 0 &&
               str_eq(config_tenant_name(x), config_tenant_name(y));
    }
    return same;
}

void config_rows_check(struct config_load *l)
{
    check_rules(l);
    check_durability(l);
    check_issuers(l);
    check_api_keys(l);
    check_tenants(l);
    check_listeners(l);
}
