// SPDX-License-Identifier: Apache-2.0
#include "app/config_override.h"

#include "app/config_yaml.h"

#include <stdlib.h>

static void put(struct config_load *l, const struct config_key *key, enum config_source source, str value)
{
    struct config_place *place = &l->places[key - config_keys];
    *place = (struct config_place){.source = source};
    struct config_item bad;
    if (key->kind == CONFIG_ROWS) {
        config_yaml_rows(l, key, value);
        return;
    }
    if (config_is_list(key)) {
        if (!config_list_set(&l->values, key, value, &bad))
            complaint_add(&l->complaints, "%s, item %u: got %s, expected %s", config_place_text(l, key).z,
                          bad.number, complaint_quote(bad.text).z, config_expected(key).z);
        return;
    }
    if (config_value_set(&l->values, key, value))
        return;
    // A secret must not reach a terminal or a log, however wrong it is.
    const char *shown = key->kind == CONFIG_SECRET ? "a value that does not fit" : complaint_quote(value).z;
    complaint_add(&l->complaints, "%s: got %s, expected %s", config_place_text(l, key).z, shown,
                  config_expected(key).z);
}

// ---- variables

static bool begins_like_ours(str name)
{
    for (uint32_t i = 0; i < CONFIG_SECTION_COUNT; i++) {
        char prefix[64];
        int n = snprintf(prefix, sizeof prefix, "PLENUM_%s_", config_sections[i].name);
        if (name.n > (size_t)n && str_eq_nocase(str_take(name, (size_t)n), str_from_cstr(prefix)))
            return true;
    }
    return false;
}

// PLENUM_SERVER_SHARD as "server.shard", to look for what may have been meant.
static const struct config_key *guess_variable(str name)
{
    char path[64];
    size_t n = 0;
    bool split = false;
    for (size_t i = sizeof "PLENUM_" - 1; i < name.n && n < sizeof path; i++) {
        char c = name.p[i];
        if (c == '_' && !split) {
            c = '.';
            split = true;
        }
        path[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return config_key_guess(str_make(path, n));
}

void config_environment(struct config_load *l, char *const *environment)
{
    for (; *environment != NULL; environment++) {
        str value;
        str name = str_split(str_from_cstr(*environment), '=', &value);
        if (!str_starts(name, STR("PLENUM_")))
            continue;
        const struct config_key *found = NULL;
        for (size_t i = 0; i < CONFIG_KEY_COUNT && found == NULL; i++)
            if (str_eq(name, str_from_cstr(config_key_env(&config_keys[i]).z)))
                found = &config_keys[i];
        if (found != NULL) {
            put(l, found, CONFIG_FROM_ENV, value);
        } else if (begins_like_ours(name)) {
            const struct config_key *meant = guess_variable(name);
            complaint_warn(&l->complaints,
                           "%s: got a variable that is no setting, expected one of `plenum config`%s%s%s",
                           complaint_bare(name).z, meant != NULL ? " (did you mean " : "",
                           meant != NULL ? config_key_env(meant).z : "", meant != NULL ? "?)" : "");
        }
    }
}

// ---- flags

// Splits "--a.b=c"; value.p is NULL without '='. False if it does not look like a setting.
static bool flag_split(const char *argument, str *ret_path, str *ret_value)
{
    str rest = str_from_cstr(argument);
    if (!str_starts(rest, STR("--")))
        return false;
    *ret_path = str_split(str_skip(rest, 2), '=', ret_value);
    return str_find_char(*ret_path, '.', 0) < ret_path->n || config_key_find(*ret_path, STR("")) != NULL;
}

static const struct config_key *key_of_path(str path)
{
    str name;
    str section = str_split(path, '.', &name);
    return config_key_find(section, name);
}

int config_flag_span(char *const *flags, int n)
{
    str path, value;
    if (n == 0 || !flag_split(flags[0], &path, &value))
        return 0;
    if (value.p != NULL || n == 1)
        return 1;
    const struct config_key *key = key_of_path(path);
    if (key != NULL && key->kind == CONFIG_BOOL)
        return strcmp(flags[1], "true") == 0 || strcmp(flags[1], "false") == 0 ? 2 : 1;
    return strncmp(flags[1], "--", 2) == 0 ? 1 : 2;
}

void config_flags(struct config_load *l, char *const *flags, int n)
{
    for (int i = 0, span; i < n; i += span) {
        span = config_flag_span(flags + i, n - i);
        if (span == 0) { // not reached by way of the command line, which picks the settings out
            span = 1;
            continue;
        }
        str path, value;
        flag_split(flags[i], &path, &value);
        const struct config_key *key = key_of_path(path);
        if (key == NULL) {
            const struct config_key *meant = config_key_guess(path);
            complaint_add(&l->complaints, "--%s: got an unknown key, expected one of `plenum config`%s%s%s",
                          complaint_bare(path).z, meant != NULL ? " (did you mean --" : "",
                          meant != NULL ? meant->path : "", meant != NULL ? "?)" : "");
            continue;
        }
        if (span == 2)
            value = str_from_cstr(flags[i + 1]);
        else if (value.p == NULL && key->kind == CONFIG_BOOL)
            value = STR("true");
        if (value.p == NULL)
            complaint_add(&l->complaints, "--%s: got no value, expected %s", key->path,
                          config_expected(key).z);
        else
            put(l, key, CONFIG_FROM_FLAG, value);
    }
}
