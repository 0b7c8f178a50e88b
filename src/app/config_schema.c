// SPDX-License-Identifier: Apache-2.0
//
// The table of config_schema.h as data, and finding a key by its name or by something like its name.
#include "app/config.h"

#include "base/near.h"

#include <stddef.h>

enum { START = 0, LIVE = 1, OPTIONAL = 0, NEEDED = 1 };

const struct config_section config_sections[CONFIG_SECTION_COUNT] = {
#define X(name, help) {#name, help},
    CONFIG_SECTIONS(X)
#undef X
};

// The table of a kind; only lists of mappings have one.
#define TABLE_OF_UINT NULL
#define TABLE_OF_BYTES NULL
#define TABLE_OF_BOOL NULL
#define TABLE_OF_CHOICE NULL
#define TABLE_OF_ADDRESS NULL
#define TABLE_OF_ROOM NULL
#define TABLE_OF_SECRET NULL
#define TABLE_OF_ORIGINS NULL
#define TABLE_OF_NAMES NULL
#define TABLE_OF_NETS NULL
#define TABLE_OF_TEXT NULL
#define TABLE_OF_COOKIE NULL
#define TABLE_OF_URL NULL
#define TABLE_OF_PATTERN NULL
#define TABLE_OF_TENANT NULL
#define TABLE_OF_SHA256 NULL
#define TABLE_OF_CAPS NULL
#define TABLE_OF_TEXTS NULL
#define TABLE_OF_PATTERNS NULL
#define TABLE_OF_WORDS NULL
#define TABLE_OF_TLS (&config_tables[CONFIG_TABLE_TLS])
#define TABLE_OF_LISTEN (&config_tables[CONFIG_TABLE_LISTEN])
#define TABLE_OF_RULES (&config_tables[CONFIG_TABLE_RULES])
#define TABLE_OF_TOKEN_KEYS (&config_tables[CONFIG_TABLE_TOKEN_KEYS])
#define TABLE_OF_ISSUERS (&config_tables[CONFIG_TABLE_ISSUERS])
#define TABLE_OF_API_KEYS (&config_tables[CONFIG_TABLE_API_KEYS])
#define TABLE_OF_TENANTS (&config_tables[CONFIG_TABLE_TENANTS])

const struct config_key config_keys[CONFIG_KEY_COUNT] = {
#define X(section, name, kind, reload, min, max, detail, preset, unit, help) \
    {#section,                                                               \
     #name,                                                                  \
     sizeof #name > 1 ? #section "." #name : #section,                       \
     CONFIG_##kind,                                                          \
     TABLE_OF_##kind,                                                        \
     reload == LIVE,                                                         \
     min,                                                                    \
     max,                                                                    \
     detail,                                                                 \
     preset,                                                                 \
     unit,                                                                   \
     help,                                                                   \
     offsetof(struct config, section##_##name)},
    CONFIG_KEYS(X)
#undef X
};

#define OWN_COLUMN(row, name, kind, needed, min, max, detail, preset, unit, help)                         \
    {#name,                                                                                               \
     &(const struct config_key){"", #name, #name, CONFIG_##kind, TABLE_OF_##kind, true, min, max, detail, \
                                preset, unit, help, 0},                                                   \
     needed == NEEDED, false, offsetof(struct config_##row, name)},
#define LIKE_COLUMN(row, name, kind, section, setting) \
    {#name, &config_keys[CONFIG_ID_##section##_##setting], false, true, offsetof(struct config_##row, name)},
// What a setting says for all has to fit where a row says it.
#define OWN_FITS(...)
#define LIKE_FITS(row, name, kind, section, setting)                      \
    _Static_assert(sizeof(((struct config_##row *)0)->name) ==            \
                       sizeof(((struct config *)0)->section##_##setting), \
                   "a column is of the kind of its setting");
#define X(kind, row, columns, max) columns(OWN_FITS, LIKE_FITS)
CONFIG_TABLES(X)
#undef X

#define X(kind, row, columns, max) \
    static const struct config_column columns_of_##row[] = {columns(OWN_COLUMN, LIKE_COLUMN)};
CONFIG_TABLES(X)
#undef X

const struct config_table config_tables[CONFIG_TABLE_COUNT] = {
#define X(kind, row, columns, max)               \
    {columns_of_##row,                           \
     CONFIG_COLUMNS_##row,                       \
     max,                                        \
     sizeof(struct config_##row),                \
     offsetof(struct config_##row##_list, rows), \
     sizeof(struct config_##row##_list)},
    CONFIG_TABLES(X)
#undef X
};

const struct config_key *config_key_find(str section, str name)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (str_eq(section, str_from_cstr(config_keys[i].section)) &&
            str_eq(name, str_from_cstr(config_keys[i].name)))
            return &config_keys[i];
    return NULL;
}

struct config_text config_key_env(const struct config_key *key)
{
    struct config_text env;
    const char *between = key->name[0] != '\0' ? "_" : "";
    size_t n = (size_t)snprintf(env.z, sizeof env.z, "PLENUM_%s%s%s", key->section, between, key->name);
    for (size_t i = 0; i < n; i++)
        if (env.z[i] >= 'a' && env.z[i] <= 'z')
            env.z[i] = (char)(env.z[i] - 'a' + 'A');
    return env;
}

bool config_text_near(str written, str meant)
{
    return edit_is_near(edit_distance(written, meant), written.n);
}

// What other servers call it, or what it is about.
static const struct {
    const char *word, *path;
} other_names[] = {
    {"port", "server.http"},
    {"host", "server.http"},
    {"listen", "server.http"},
    {"bind", "server.http"},
    {"address", "server.http"},
    {"addr", "server.http"},
    {"hostname", "server.names"},
    {"nc", "server.text"},
    {"telnet", "server.text"},
    {"tcp", "server.text"},
    {"admin_port", "server.admin"},
    {"api_key", "api.key"},
    {"apikey", "api.key"},
    {"threads", "server.shards"},
    {"workers", "server.shards"},
    {"cores", "server.shards"},
    {"cpus", "server.shards"},
    {"mem", "server.memory_mb"},
    {"max_memory", "server.memory_mb"},
    {"maxconn", "limits.connections"},
    {"max_connections", "limits.connections"},
    {"max_clients", "limits.connections"},
    {"cors", "origin.allowed"},
    {"origins", "origin.allowed"},
    {"allowed_origins", "origin.allowed"},
    {"verbose", "logging.level"},
    {"verbosity", "logging.level"},
    {"log_level", "logging.level"},
    {"loglevel", "logging.level"},
    {"debug", "logging.level"},
    {"log_format", "logging.format"},
    {"secret_key", "sessions.secret"},
    {"history", "log.entries"},
};

static const struct config_key *key_by_other_name(str word)
{
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (!str_eq_nocase(word, str_from_cstr(other_names[i].word)))
            continue;
        str name;
        str section = str_split(str_from_cstr(other_names[i].path), '.', &name);
        return config_key_find(section, name);
    }
    return NULL;
}

// memory for memory_mb: a name without its unit, or its first word.
static bool begins_name(str written, str name)
{
    return written.n >= 3 && written.n < name.n && name.p[written.n] == '_' &&
           str_eq(written, str_take(name, written.n));
}

// How far what was written is from a key; SIZE_MAX = not near. The right name in the wrong section is one mistake,
// whatever the sections are called.
static size_t key_distance(const struct config_key *key, str path, str name)
{
    str key_name = str_from_cstr(key->name);
    size_t whole = edit_distance(path, str_from_cstr(key->path)), part = edit_distance(name, key_name);
    size_t distance = SIZE_MAX;
    if (whole <= 2 && whole < path.n) // the section alone is long enough to make any name look near
        distance = whole;
    if (edit_is_near(part, name.n) && part + 1 < distance)
        distance = part + 1;
    if (begins_name(name, key_name) && 2 < distance)
        distance = 2;
    return distance;
}

const struct config_key *config_key_guess(str written)
{
    char text[NEAR_TEXT_MAX]; // flags of other programs have dashes where ours have underscores
    if (written.n > sizeof text)
        return NULL;
    for (size_t i = 0; i < written.n; i++)
        text[i] = written.p[i] == '-' ? '_' : written.p[i];
    str path = str_make(text, written.n), name;
    str section = str_split(path, '.', &name);
    if (name.p == NULL)
        name = section;
    const struct config_key *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        size_t distance = key_distance(&config_keys[i], path, name);
        if (distance < best_distance) {
            best = &config_keys[i];
            best_distance = distance;
        }
    }
    // `host` alone is what others call an address, whatever is called so in one of our sections.
    bool alone = str_eq(path, name);
    const struct config_key *called = best_distance > 1 || alone ? key_by_other_name(name) : NULL;
    return called != NULL ? called : best;
}
