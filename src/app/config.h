// SPDX-License-Identifier: Apache-2.0
//
// config.h - the values of all settings, and where each of them came from.
//
// struct config is made from the schema table (app/config_schema.h), one field per key. It is a plain value without
// pointers: copying it copies everything, comparing two of them is comparing bytes field by field, and nothing is
// ever freed.
//
// Where a value comes from, the later one wins:
//
//     default  <-  YAML file  <-  PLENUM_* variable  <-  --section.name flag
//
// A list of mappings is an array of rows (struct config_rule and its like), made from the tables of app/config_tables.h. A row
// knows of each column whether it was written, and where.
//
// A load runs through all of them even after a mistake and lists every problem (app/complaints.h); `values` is only
// to be used where complaints.errors is 0. A reload is the same load again, with the same variables and flags.
#ifndef PLENUM_APP_CONFIG_H
#define PLENUM_APP_CONFIG_H

#include "app/complaints.h"
#include "app/config_schema.h"

// Every number is 32 bits: the largest, log.bytes and the times in milliseconds, fit. Texts end with a NUL.
struct config_list {
    uint32_t n;
    char items[CONFIG_LIST_MAX][CONFIG_LIST_ITEM_MAX + 1];
};

// Fewer and shorter ones: the items one after the other, with a NUL behind each (config_texts_item).
struct config_texts {
    uint32_t n;
    char text[CONFIG_TEXTS_BYTES];
};

struct config_row {
    uint32_t line;                      // where it begins, in the file or in what a variable or a flag says
    uint32_t lines[CONFIG_COLUMNS_MAX]; // of each column; 0 = the row does not say
};

#define CONFIG_FIELD_UINT(field) uint32_t field;
#define CONFIG_FIELD_BYTES(field) uint32_t field;
#define CONFIG_FIELD_BOOL(field) bool field;
#define CONFIG_FIELD_CHOICE(field) uint32_t field;
#define CONFIG_FIELD_ADDRESS(field) char field[CONFIG_ADDRESS_MAX + 1];
#define CONFIG_FIELD_ROOM(field) char field[ROOM_NAME_MAX + 1];
#define CONFIG_FIELD_SECRET(field) char field[CONFIG_SECRET_MAX + 1];
#define CONFIG_FIELD_ORIGINS(field) struct config_list field;
#define CONFIG_FIELD_NAMES(field) struct config_list field;
#define CONFIG_FIELD_NETS(field) struct config_list field;
#define CONFIG_FIELD_TEXT(field) char field[CONFIG_TEXT_MAX + 1];
#define CONFIG_FIELD_COOKIE(field) char field[CONFIG_COOKIE_MAX + 1];
#define CONFIG_FIELD_URL(field) char field[CONFIG_TEXT_MAX + 1];
#define CONFIG_FIELD_PATTERN(field) char field[ROOM_NAME_MAX + 1];
#define CONFIG_FIELD_TENANT(field) char field[CONFIG_PREFIX_MAX + 1];
#define CONFIG_FIELD_SHA256(field) char field[CONFIG_SHA256_MAX + 1];
#define CONFIG_FIELD_CAPS(field) char field[CONFIG_CAPS_MAX + 1];
#define CONFIG_FIELD_TEXTS(field) struct config_texts field;
#define CONFIG_FIELD_PATTERNS(field) struct config_texts field;
#define CONFIG_FIELD_WORDS(field) uint32_t field;
#define CONFIG_FIELD_TLS(field) struct config_tls_list field;
#define CONFIG_FIELD_LISTEN(field) struct config_listen_list field;
#define CONFIG_FIELD_RULES(field) struct config_rule_list field;
#define CONFIG_FIELD_TOKEN_KEYS(field) struct config_token_key_list field;
#define CONFIG_FIELD_ISSUERS(field) struct config_issuer_list field;
#define CONFIG_FIELD_API_KEYS(field) struct config_api_key_list field;
#define CONFIG_FIELD_TENANTS(field) struct config_tenant_list field;

// struct config_rule, struct config_rule_list and so on, and the place of each column in `lines`: CONFIG_COLUMN_rule_match.
#define CONFIG_OWN_FIELD(row, name, kind, ...) CONFIG_FIELD_##kind(name)
#define CONFIG_LIKE_FIELD(row, name, kind, section, setting) CONFIG_FIELD_##kind(name)
#define CONFIG_OWN_PLACE(row, name, ...) CONFIG_COLUMN_##row##_##name,
#define CONFIG_LIKE_PLACE(row, name, ...) CONFIG_COLUMN_##row##_##name,
#define X(kind, row, columns, max)                                              \
    struct config_##row {                                                       \
        struct config_row at;                                                   \
        columns(CONFIG_OWN_FIELD, CONFIG_LIKE_FIELD)                            \
    };                                                                          \
    struct config_##row##_list {                                                \
        uint32_t n;                                                             \
        struct config_##row rows[max];                                          \
    };                                                                          \
    enum { columns(CONFIG_OWN_PLACE, CONFIG_LIKE_PLACE) CONFIG_COLUMNS_##row }; \
    _Static_assert((int)CONFIG_COLUMNS_##row <= (int)CONFIG_COLUMNS_MAX, "lines has a place for each column");
CONFIG_TABLES(X)
#undef X

enum { STORE_KIND_NONE, STORE_KIND_SQLITE }; // words of store.kind

struct config {
#define X(section, name, kind, ...) CONFIG_FIELD_##kind(section##_##name)
    CONFIG_KEYS(X)
#undef X
};

struct config_text {
    char z[1024];
};

enum config_source { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENV, CONFIG_FROM_FLAG };

struct config_place {
    enum config_source source;
    uint32_t line; // of the file, from 1
};

struct config_load {
    struct config values;
    struct config_place places[CONFIG_KEY_COUNT];
    const char *file; // name for messages; NULL without a file
    struct complaints complaints;
};

// What a load reads. Strings borrow; they must live as long as reloads are wanted.
struct config_sources {
    const char *file;         // NULL: none
    char *const *environment; // ends with NULL, as environ; may be NULL
    char *const *flags;       // arguments "--section.name=value" and "--section.name" "value"
    int flags_n;
};

// Defaults, file, variables, flags, then the checks that look at several keys. True if there is no error.
bool config_load(struct config_load *l, const struct config_sources *sources);

// The steps of it, for tests: defaults and no problems; the file under a name of its own; all cross checks.
void config_load_init(struct config_load *l);
void config_load_check(struct config_load *l);

// The key of that path, or NULL.
const struct config_key *config_key_find(str section, str name);
// The name of its variable: PLENUM_ and the path in capitals, '_' between.
struct config_text config_key_env(const struct config_key *key);
// The key whose path or name is nearest to what someone wrote, or NULL where none is near.
const struct config_key *config_key_guess(str path);
// True if someone who wrote the one may have meant the other: a slip or two apart.
bool config_text_near(str written, str meant);

// ---- one value (app/config_value.c)

// Reads text into the key's field. On failure the field keeps its value, and false is returned; config_expected says
// what the text should have been ("a whole number from 1 to 64, or 0 for one per core").
bool config_value_set(struct config *c, const struct config_key *key, str text);
// The same for a list, comma-separated as in variables and flags; nothing is an empty list. ret_bad: which item was not.
struct config_item {
    uint32_t number; // from 1
    str text;
};
bool config_list_set(struct config *c, const struct config_key *key, str text, struct config_item *ret_bad);
bool config_is_list(const struct config_key *key); // of single values, not of mappings

// What is expected of the key's value, for people (app/config_text.c).
struct config_text config_expected(const struct config_key *key);
// The value as it can be written again on one line; a secret is shown as "(set)" or "". A long list is cut.
struct config_text config_value_text(const struct config *c, const struct config_key *key);
void config_value_copy(struct config *to, const struct config *from, const struct config_key *key);
bool config_value_equal(const struct config *a, const struct config *b, const struct config_key *key);

// The same of one field, wherever it lies: a row's as well. Not for rows as such.
bool config_field_set(void *field, const struct config_key *key, str text);
// Adds an item to a list; false if the item is no good or the list full.
bool config_field_add(void *field, const struct config_key *key, str item);
void config_field_clear(void *field, const struct config_key *key); // of a list, also of rows
struct config_text config_field_text(const void *field, const struct config_key *key);
size_t config_field_size(const struct config_key *key);
bool config_field_equal(const void *a, const void *b, const struct config_key *key);
// Capacity of a text field without its NUL; 0 for the other kinds.
size_t config_text_max(enum config_kind kind);
str config_texts_item(const struct config_texts *list, uint32_t i);

// ---- lists of mappings (app/config_rows.c)

uint32_t config_rows_n(const void *list);
const void *config_row_in(const void *list, const struct config_table *table, uint32_t i);
// One more, with what a row has that says nothing; NULL where there are as many as there may be.
void *config_row_add(void *list, const struct config_table *table);
// The column of that name, or NULL; the one whose name is nearest to what someone wrote, or NULL.
const struct config_column *config_column_find(const struct config_table *table, str name);
const struct config_column *config_column_guess(const struct config_table *table, str written);
// "match, access or role": all names, for people.
struct config_text config_column_names(const struct config_table *table);
// Puts into the row what it does not say itself, from the settings that its columns are like.
void config_row_fill(const struct config *c, const struct config_table *table, void *row);
bool config_rows_equal(const void *a, const void *b, const struct config_table *table);
// On one line, as YAML has it in flow style; cut where it is long.
struct config_text config_rows_text(const void *list, const struct config_table *table);
// What is wrong between the columns of rows, and between rows.
void config_rows_check(struct config_load *l);
// A tenant's name, which may be made of its prefix. Whether both configurations have the same tenants, in the same order, with
// the same issuers: which ones there are is settled at start.
str config_tenant_name(const struct config_tenant *t);
bool config_tenants_same(const struct config *a, const struct config *b);
// As config_place_text, of a row: "FILE:LINE: rooms.rules[2]"; and of a column in it, where that is not NULL.
struct config_text config_row_place(const struct config_load *l, const struct config_key *key, uint32_t row,
                                    const char *column, uint32_t line);

// How a message about a key begins, after where its value came from: "FILE:LINE: PATH", "PLENUM_…" or "--PATH".
struct config_text config_place_text(const struct config_load *l, const struct config_key *key);

#endif
