// SPDX-License-Identifier: Apache-2.0
//
// Loading: the four sources in order of rank, then the checks that need more than one key. Each source only
// overwrites what it names, so precedence is nothing but the order of calls.
#include "app/config.h"

#include "app/config_override.h"
#include "app/config_yaml.h"
#include "base/assert.h"
#include "core/auth/caps.h"
#include "io/address.h"
#include "wire/json.h"

#include <inttypes.h>

void config_load_init(struct config_load *l)
{
    memset(&l->values, 0, sizeof l->values);
    memset(l->places, 0, sizeof l->places);
    l->file = NULL;
    complaints_init(&l->complaints);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        bool good = config_value_set(&l->values, &config_keys[i], str_from_cstr(config_keys[i].preset));
        ASSERT(good); // our own table
    }
}

struct config_text config_place_text(const struct config_load *l, const struct config_key *key)
{
    struct config_text t;
    const struct config_place *place = &l->places[key - config_keys];
    switch (place->source) {
    case CONFIG_FROM_FILE:
        snprintf(t.z, sizeof t.z, "%s:%" PRIu32 ": %s", l->file, place->line, key->path);
        break;
    case CONFIG_FROM_ENV:
        t = config_key_env(key);
        break;
    case CONFIG_FROM_FLAG:
        snprintf(t.z, sizeof t.z, "--%s", key->path);
        break;
    case CONFIG_FROM_DEFAULT:
        snprintf(t.z, sizeof t.z, "%s (default)", key->path);
        break;
    }
    return t;
}

#define KEY(section, name) (&config_keys[CONFIG_ID_##section##_##name])

static enum config_source source_of(const struct config_load *l, const struct config_key *key)
{
    return l->places[key - config_keys].source;
}

// Complains about the one of the two keys that was set by the source of higher rank: the default is never wrong.
static void complain_pair(struct config_load *l, const struct config_key *low, const struct config_key *high)
{
    bool blame_high = source_of(l, high) > source_of(l, low);
    const struct config_key *blamed = blame_high ? high : low;
    const struct config_key *other = blame_high ? low : high;
    complaint_add(&l->complaints, "%s: got %s, expected at %s %s (%s)", config_place_text(l, blamed).z,
                  config_value_text(&l->values, blamed).z, blame_high ? "least" : "most", other->path,
                  config_value_text(&l->values, other).z);
}

static str config_address(const struct config *c, const struct config_key *key)
{
    return str_from_cstr((const char *)c + key->offset);
}

// One port for both is wrong even on two addresses of this machine as soon as one of them is "every address". 0 is a
// different port each time it is asked for.
static void check_two_addresses(struct config_load *l, const struct config_key *first,
                                const struct config_key *second)
{
    struct address one, two;
    if (address_parse(config_address(&l->values, first), &one) != OK ||
        address_parse(config_address(&l->values, second), &two) != OK)
        return;
    if (address_port(&one) == 0 || address_port(&one) != address_port(&two))
        return;
    bool blame_first = source_of(l, first) > source_of(l, second);
    const struct config_key *blamed = blame_first ? first : second;
    const struct config_key *other = blame_first ? second : first;
    complaint_add(&l->complaints, "%s: got %s, expected another port than %s (%s)",
                  config_place_text(l, blamed).z, config_value_text(&l->values, blamed).z, other->path,
                  config_value_text(&l->values, other).z);
}

// In the words of a token, and why it is refused in the same.
static void check_caps(struct config_load *l, const struct config_key *key)
{
    const str text = str_from_cstr((const char *)&l->values + key->offset);
    char block[CAPS_BYTES_MAX];
    size_t n;
    struct sentence why;
    struct json_problem bad;
    if (text.n == 0)
        return;
    if (json_validate(text, &bad) != OK)
        complaint_add(&l->complaints, "%s: got %s (%s), expected %s", config_place_text(l, key).z,
                      complaint_quote(text).z, bad.message, config_expected(key).z);
    else if (json_kind_of(text) != JSON_OBJECT)
        complaint_add(&l->complaints, "%s: got %s, expected %s", config_place_text(l, key).z,
                      complaint_quote(text).z, config_expected(key).z);
    else if (caps_make(text, block, &n, &why) != OK)
        complaint_add(&l->complaints, "%s: got rights that are refused (%.*s), expected %s",
                      config_place_text(l, key).z, (int)why.n - 1, why.z, config_expected(key).z);
}

void config_load_check(struct config_load *l)
{
    const struct config *c = &l->values;
    check_two_addresses(l, KEY(server, http), KEY(server, text));
    check_two_addresses(l, KEY(server, http), KEY(server, admin));
    check_two_addresses(l, KEY(server, text), KEY(server, admin));
    // A fixed heartbeat has no bounds, so they cannot be wrong.
    if (c->heartbeat_adaptive && c->heartbeat_min_s > c->heartbeat_interval_s)
        complain_pair(l, KEY(heartbeat, min_s), KEY(heartbeat, interval_s));
    if (c->heartbeat_adaptive && c->heartbeat_interval_s > c->heartbeat_max_s)
        complain_pair(l, KEY(heartbeat, interval_s), KEY(heartbeat, max_s));
    check_caps(l, KEY(auth, guest_caps));
    config_rows_check(l);
}

bool config_load(struct config_load *l, const struct config_sources *sources)
{
    config_load_init(l);
    if (sources->file != NULL)
        config_yaml_file(l, sources->file);
    if (sources->environment != NULL)
        config_environment(l, sources->environment);
    config_flags(l, sources->flags, sources->flags_n);
    if (l->complaints.errors == 0)
        config_load_check(l);
    return l->complaints.errors == 0;
}
