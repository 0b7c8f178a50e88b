// SPDX-License-Identifier: Apache-2.0
//
// The configuration: the table itself, precedence of the four sources, and the exact words of every kind of mistake.
#include "unit/support.h"

#include "app/config.h"
#include "app/config_override.h"
#include "app/config_print.h"
#include "app/config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// Large, so not on the stack; each test starts it anew.
static struct config_load load;

static void read_yaml(const char *text)
{
    config_load_init(&load);
    config_yaml_text(&load, "c.yaml", str_from_cstr(text));
}

// The text makes exactly this complaint and no other.
static void assert_yaml_complaint(const char *text, const char *complaint)
{
    read_yaml(text);
    if (load.complaints.errors == 0)
        config_load_check(&load);
    if (load.complaints.errors != 1)
        complaints_print(&load.complaints, stderr);
    assert_int_equal(load.complaints.errors, 1);
    assert_string_equal(load.complaints.items[0].text, complaint);
}

static void set_flags(int n, char **flags)
{
    config_load_init(&load);
    config_flags(&load, flags, n);
}

static void set_environment(char **environment)
{
    config_load_init(&load);
    config_environment(&load, environment);
}

// ---- the table

static void test_table(void **state)
{
    (void)state;
    config_load_init(&load); // asserts that every default is valid
    config_load_check(&load);
    assert_int_equal(load.complaints.errors, 0);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        assert_ptr_equal(config_key_find(str_from_cstr(key->section), str_from_cstr(key->name)), key);
        assert_ptr_equal(config_key_guess(str_from_cstr(key->path)), key);
        bool number = key->kind == CONFIG_UINT || key->kind == CONFIG_BYTES;
        assert_true(!number || (key->min <= key->max && key->unit[0] != '\0'));
        assert_int_equal(key->help[strlen(key->help) - 1], '.');
        // A section's keys stand together, or its header would be printed twice.
        for (size_t j = i + 2; j < CONFIG_KEY_COUNT; j++)
            assert_true(strcmp(config_keys[j].section, key->section) != 0 ||
                        strcmp(config_keys[j - 1].section, key->section) == 0);
        // Times say their unit in the name.
        size_t n = strlen(key->name);
        if (strcmp(key->unit, "ms") == 0)
            assert_string_equal(key->name + n - 3, "_ms");
        if (strcmp(key->unit, "s") == 0)
            assert_string_equal(key->name + n - 2, "_s");
    }
}

static void test_times_fit_milliseconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (strcmp(config_keys[i].unit, "s") == 0)
            assert_true((uint64_t)config_keys[i].max * 1000 <= UINT32_MAX);
}

// ---- values of each kind

static void test_good_values(void **state)
{
    (void)state;
    read_yaml("server:\n"
              "  http: 0.0.0.0:80\n"
              "  text: \"\"\n"
              "  shards: 7\n"
              "  echo: true\n"
              "limits:\n"
              "  message_bytes: 1 MiB\n"
              "  reply_bytes: 64KiB\n"
              "rooms: {slow_policy: disconnect, text_room: \"Grüße 1\"}\n"
              "origin:\n"
              "  allowed:\n"
              "    - https://a.example\n"
              "    - \"*\"\n"
              "sessions:\n" // all keys commented out
              "logging:\n"
              "  level: error\n");
    assert_int_equal(load.complaints.errors + load.complaints.warnings, 0);
    const struct config *c = &load.values;
    assert_string_equal(c->server_http, "0.0.0.0:80");
    assert_string_equal(c->server_text, "");
    assert_int_equal(c->server_shards, 7);
    assert_true(c->server_echo);
    assert_int_equal(c->limits_message_bytes, 1 << 20);
    assert_int_equal(c->limits_reply_bytes, 64 << 10);
    assert_int_equal(c->rooms_slow_policy, 1);
    assert_string_equal(c->rooms_text_room, "Grüße 1");
    assert_int_equal(c->origin_allowed.n, 2);
    assert_string_equal(c->origin_allowed.items[0], "https://a.example");
    assert_string_equal(c->origin_allowed.items[1], "*");
    assert_int_equal(c->logging_level, 3);
    assert_int_equal(c->log_entries, 1000); // untouched
}

static void test_empty_files(void **state)
{
    (void)state;
    const char *const empty[] = {"",   "\n",         "# only a comment\n", "---\n",
                                 "{}", "---\n...\n", "server:\n",          "null\n"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        read_yaml(empty[i]);
        assert_int_equal(load.complaints.errors, 0);
    }
}

static void test_single_origin(void **state)
{
    (void)state;
    read_yaml("origin:\n  allowed: https://a.example\n");
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.origin_allowed.n, 1);
}

static void test_number_bounds(void **state)
{
    (void)state;
    config_load_init(&load);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind != CONFIG_UINT && key->kind != CONFIG_BYTES)
            continue;
        char text[32];
        snprintf(text, sizeof text, "%u", key->min);
        assert_true(config_value_set(&load.values, key, str_from_cstr(text)));
        snprintf(text, sizeof text, "%u", key->max);
        assert_true(config_value_set(&load.values, key, str_from_cstr(text)));
        snprintf(text, sizeof text, "%llu", key->max + 1ull);
        assert_false(config_value_set(&load.values, key, str_from_cstr(text)));
        if (key->min > 1) {
            snprintf(text, sizeof text, "%u", key->min - 1);
            assert_false(config_value_set(&load.values, key, str_from_cstr(text)));
        }
        assert_int_equal(config_value_set(&load.values, key, STR("0")),
                         key->min == 0 || key->detail[0] != '\0');
    }
}

static void test_bad_numbers(void **state)
{
    (void)state;
    config_load_init(&load);
    const struct config_key *key = config_key_find(STR("limits"), STR("message_bytes"));
    const char *const bad[] = {"",
                               "-1",
                               "+1",
                               "1.5",
                               "1e4",
                               "0x100",
                               "065536",
                               "1_000",
                               "KiB",
                               "65536 kbit",
                               "64KiBx",
                               " 200",
                               "200 ",
                               "4294967296",
                               "18446744073709551616",
                               "4194304 GiB",
                               "99999999999999999999 GiB"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(config_value_set(&load.values, key, str_from_cstr(bad[i])));
    assert_int_equal(load.values.limits_message_bytes, 65536);
}

static void test_address_forms(void **state)
{
    (void)state;
    config_load_init(&load);
    const struct config_key *http = config_key_find(STR("server"), STR("http"));
    const char *const good[] = {"127.0.0.1:8000", "[::1]:0", "localhost:1", "*:8000", ":65535"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(config_value_set(&load.values, http, str_from_cstr(good[i])));
    const char *const bad[] = {
        "",           "8000",      "127.0.0.1", "127.0.0.1:",      "127.0.0.1:65536", "::1:8000",
        "example:80", "[::1]8000", "1.2.3:80",  "127.0.0.1:8000 ", "[127.0.0.1]:80",  "127.0.0.1:-1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(config_value_set(&load.values, http, str_from_cstr(bad[i])));
}

// A shorter value leaves nothing of a longer one behind it.
static void test_texts_are_wiped(void **state)
{
    (void)state;
    config_load_init(&load);
    const struct config_key *secret = config_key_find(STR("sessions"), STR("secret"));
    assert_true(config_value_set(&load.values, secret, STR("0123456789abcdefSECRET")));
    assert_true(config_value_set(&load.values, secret, STR("0123456789abcdef")));
    for (size_t i = 16; i < sizeof load.values.sessions_secret; i++)
        assert_int_equal(load.values.sessions_secret[i], 0);
}

// ---- mistakes in a file

static void test_file_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *complaint;
    } cases[] = {
        {"server:\n  shards: many\n",
         "c.yaml:2: server.shards: got \"many\", expected a whole number of threads from 1 to 64, or 0 for one per core"},
        {"server:\n  shards: 65\n",
         "c.yaml:2: server.shards: got \"65\", expected a whole number of threads from 1 to 64, or 0 for one per core"},
        {"server:\n  shards: \"4\"\n",
         "c.yaml:2: server.shards: got the quoted text \"4\", expected a whole number of "
         "threads from 1 to 64, or 0 for one per core"},
        {"server:\n  echo: yes\n", "c.yaml:2: server.echo: got \"yes\", expected true or false"},
        {"server:\n  echo:\n", "c.yaml:2: server.echo: got nothing, expected true or false"},
        {"server:\n  echo: ~\n", "c.yaml:2: server.echo: got nothing, expected true or false"},
        {"server:\n  echo: [true]\n", "c.yaml:2: server.echo: got a list, expected true or false"},
        {"server:\n  echo:\n    a: 1\n",
         "c.yaml:3: server.echo: got a mapping of keys, expected true or false"},
        {"server:\n  echo: !!bool true\n",
         "c.yaml:2: server.echo: got \"tag:yaml.org,2002:bool\", expected true or false"},
        {"server: &x\n  echo: *x\n", "c.yaml:2: server.echo: got an alias (*name), expected true or false"},
        {"server:\n  http: here\n", "c.yaml:2: server.http: got \"here\", expected an address and port like "
                                    "127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000, or a Unix socket like "
                                    "unix:/run/plenum.sock"},
        {"limits:\n  message_bytes: 65 MiB\n",
         "c.yaml:2: limits.message_bytes: got \"65 MiB\", expected bytes from 128 to 67108864 (64 MiB), or with "
         "a unit like 64k or 1MiB"},
        {"rooms:\n  slow_policy: wait\n",
         "c.yaml:2: rooms.slow_policy: got \"wait\", expected gap, disconnect or conflate"},
        {"logging:\n  level: all\n",
         "c.yaml:2: logging.level: got \"all\", expected debug, info, warn or error"},
        {"rooms:\n  text_room: \"a\\nb\"\n",
         "c.yaml:2: rooms.text_room: got \"a\\nb\", expected a room name of 1 to "
         "128 octets without control characters"},
        {"origin:\n  allowed:\n    - https://a.example\n    - https://a.example/path\n",
         "c.yaml:4: origin.allowed, item 2: got \"https://a.example/path\", expected up to 64 origins like "
         "https://app.example.com or https://*.example.com, null, or *"},
        // A secret is not repeated, however wrong it is.
        {"sessions:\n  secret: hunter2\n",
         "c.yaml:2: sessions.secret: got a value that does not fit, expected 16 to "
         "256 octets, or \"\" for a random one at every start"},
        // names
        {"server:\n  shard: 3\n",
         "c.yaml:2: server.shard: got an unknown key, expected one of `plenum config` (did you mean server.shards?)"},
        {"server:\n  message_bytes: 3\n",
         "c.yaml:2: server.message_bytes: got an unknown key, expected one of `plenum "
         "config` (did you mean limits.message_bytes?)"},
        {"server:\n  zebra: 3\n",
         "c.yaml:2: server.zebra: got an unknown key, expected one of `plenum config`"},
        {"sever:\n  shards: 3\n",
         "c.yaml:1: sever: got an unknown section, expected one of `plenum config` (did you mean server?)"},
        {"shards: 3\n",
         "c.yaml:1: shards: got an unknown key, expected one of `plenum config` (did you mean server.shards?)"},
        {"server.shards: 3\n",
         "c.yaml:1: server.shards: got a dotted key, expected `shards` indented below `server:`"},
        {"server:\n  \"\\e[31m\": 3\n",
         "c.yaml:2: server.\\u001b[31m: got an unknown key, expected one of `plenum config`"},
        // shape
        {"server: 3\n", "c.yaml:1: server: got \"3\", expected keys indented below it"},
        {"server: [a]\n", "c.yaml:1: server: got a list, expected keys indented below it"},
        {"- server\n", "c.yaml:1: syntax: got a list, expected sections like `server:`"},
        {"hello\n", "c.yaml:1: syntax: got \"hello\", expected sections like `server:`"},
        {"[a]: 3\n", "c.yaml:1: syntax: got a list as a key, expected a word"},
        {"server:\n  {a: 1}: 3\n", "c.yaml:2: syntax: got a mapping of keys as a key, expected a word"},
        {"server:\n---\nserver:\n", "c.yaml:2: syntax: got a second document, expected a single one"},
        // twice
        {"log:\n  entries: 5\n  age_s: 5\n  entries: 6\n",
         "c.yaml:4: log.entries: got the key a second time, expected it once (first at line 2)"},
        {"log:\n  entries: 5\nrooms:\nlog:\n  age_s: 5\n",
         "c.yaml:4: log: got the section a second time, expected it once (first at line 1)"},
        // not YAML
        {"server:\n\tshards: 3\n",
         "c.yaml:2: syntax: got text that is not YAML (found character that cannot start any token), expected "
         "spaces, not a tab, before the key"},
        {"origin:\n  allowed: [null\n",
         "c.yaml:3: syntax: got text that is not YAML (did not find expected ',' or ']'), "
         "expected `key: value`"},
        {"server:\n  a\xff: 1\n",
         "c.yaml:2: syntax: got text that is not YAML (invalid leading UTF-8 octet), expected `key: value`"},
        // several keys
        {"heartbeat:\n  min_s: 40\n",
         "c.yaml:2: heartbeat.min_s: got 40, expected at most heartbeat.interval_s (30)"},
        {"heartbeat:\n  interval_s: 5\n",
         "c.yaml:2: heartbeat.interval_s: got 5, expected at least heartbeat.min_s (10)"},
        {"heartbeat:\n  max_s: 20\n",
         "c.yaml:2: heartbeat.max_s: got 20, expected at least heartbeat.interval_s (30)"},
        {"server:\n  text: 127.0.0.1:8000\n",
         "c.yaml:2: server.text: got \"127.0.0.1:8000\", expected another port "
         "than server.http (\"127.0.0.1:8000\")"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_yaml_complaint(cases[i].yaml, cases[i].complaint);
}

#define RULES "rooms:\n  rules:\n"

// As for single settings, with the row's path.
static void test_mistakes_in_rows(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *complaint;
    } cases[] = {
        {RULES "    - match: a\n      access: tokn\n",
         "c.yaml:4: rooms.rules[0].access: got \"tokn\", expected open, token or invite"},
        {RULES "    - {match: a}\n    - {match: b, members_max: 0}\n",
         "c.yaml:4: rooms.rules[1].members_max: got \"0\", expected a whole number of users from 1 to 16777216"},
        {RULES "    - {match: a, log_age_s: \"5\"}\n",
         "c.yaml:3: rooms.rules[0].log_age_s: got the quoted text \"5\", expected a whole number of s from 1 to "
         "2592000, or with a unit like 90s, 15m or 1h"},
        {RULES "    - {match: a, echo: }\n",
         "c.yaml:3: rooms.rules[0].echo: got nothing, expected true or false"},
        {RULES "    - {match: a, echo: [true]}\n",
         "c.yaml:3: rooms.rules[0].echo: got a list, expected true or false"},
        {RULES "    - match: a***\n",
         "c.yaml:3: rooms.rules[0].match: got \"a***\", expected a room name like lobby, or a pattern like team-* or "
         "acme:**, of up to 128 octets"},
        // columns
        {RULES "    - match: a\n      acess: open\n",
         "c.yaml:4: rooms.rules[0].acess: got an unknown key, expected match, name, access, listed, role, host, members_max, "
         "presence, presence_damping_ms, echo, slow_policy, lag_bytes, receipts, edit_window_s, delete_window_s, flush_interval_ms, messages_per_s, messages_burst, member_messages_per_s, "
         "member_messages_burst, state_keys_max, state_bytes_max, state_value_max, state_interval_ms, invitations_max, invitation_max_s, log_entries, log_bytes, log_age_s or durability (did you mean access?)"},
        {"api:\n  keys: [{name: a, secret: 12345678, \"\\e[2J\": 1}]\n",
         "c.yaml:2: api.keys[0].\\u001b[2J: got an unknown key, expected name, secret, secret_sha256, rights, rate, burst or rooms"},
        {RULES "    - match: a\n      echo: true\n      match: b\n",
         "c.yaml:5: rooms.rules[0].match: got the key a second time, expected it once (first at line 3)"},
        {RULES "    - echo: true\n",
         "c.yaml:3: rooms.rules[0]: got neither match nor name, expected one of them, or both"},
        {RULES "    - {name: a b}\n",
         "c.yaml:3: rooms.rules[0].name: got \"a b\", expected a word without spaces and control characters"},
        {RULES "    - {[a]: 1, match: a}\n", "c.yaml:3: syntax: got a list as a key, expected a word"},
        // shape
        {"rooms:\n  rules: {echo: true}\n", // a list of one
         "c.yaml:2: rooms.rules[0]: got neither match nor name, expected one of them, or both"},
        {"rooms:\n  rules: a\n",
         "c.yaml:2: rooms.rules: got \"a\", expected a list of up to 64 rows like {match: \"team-*\", access: token}"},
        {RULES,
         "c.yaml:2: rooms.rules: got nothing, expected a list of up to 64 rows like {match: \"team-*\", access: "
         "token}"},
        {RULES "    - a\n",
         "c.yaml:3: rooms.rules[0]: got \"a\", expected a list of up to 64 rows like {match: \"team-*\", access: token}"},
        {"rooms:\n  rules: []\n  rules: []\n",
         "c.yaml:3: rooms.rules: got the key a second time, expected it once (first at line 2)"},
        // between columns and rows
        {RULES "    - match: a\n    - match: b\n    - match: a\n",
         "c.yaml:5: rooms.rules[2].match: got \"a\", expected another pattern than that of rooms.rules[0], which is "
         "found first"},
        {RULES "    - {match: a, name: x}\n    - name: y\n    - name: x\n",
         "c.yaml:5: rooms.rules[2].name: got \"x\", expected another name than that of rooms.rules[0]"},
        {RULES "    - {match: a, durability: memory}\n    - match: b\n      durability: async\n",
         "c.yaml:5: rooms.rules[1].durability: got async, expected memory: no store is configured; rooms are kept in memory "
         "in this version"},
        {RULES "    - {match: a, durability: always}\n",
         "c.yaml:3: rooms.rules[0].durability: got \"always\", expected memory, async or disk"},
        {"rooms:\n  durability: disk\n  rules:\n    - {match: a}\n", // which the rule does not say
         "c.yaml:2: rooms.durability: got disk, expected memory: no store is configured; rooms are kept in memory in this version"},
        {"auth:\n  issuers:\n    - name: a\n",
         "c.yaml:3: auth.issuers[0]: got no key, expected `keys`, `jwks_file` or `jwks_url`, or several of them"},
        {"auth:\n  issuers:\n    - {name: a, jwks_file: b}\n    - {name: a, jwks_file: c}\n",
         "c.yaml:4: auth.issuers[1].name: got \"a\", expected another name than that of auth.issuers[0]"},
        {"auth:\n  issuers:\n    - name: a\n      jwks_url: http://id.example.com/\n",
         "c.yaml:4: auth.issuers[0].jwks_url: got \"http://id.example.com/\", expected an address that begins with "
         "https:// (on this machine: http://127.0.0.1:), or \"\" for none"},
        // rows in rows
        {"auth:\n  issuers:\n    - name: a\n      keys:\n        - {kid: x, algorithm: none, file: b}\n",
         "c.yaml:5: auth.issuers[0].keys[0].algorithm: got \"none\", expected HS256, HS384, HS512, RS256, RS384, RS512, "
         "PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA"},
        {"auth:\n  issuers:\n    - name: a\n      keys:\n        - {kid: x, algorithm: RS256}\n",
         "c.yaml:5: auth.issuers[0].keys[0]: got neither `secret` nor `file`, expected one of the two"},
        {"auth:\n  issuers:\n    - name: a\n      keys:\n        - {algorithm: HS256, secret: s, file: b}\n",
         "c.yaml:5: auth.issuers[0].keys[0]: got both `secret` and `file`, expected one of the two"},
        {"api:\n  keys:\n    - {name: a}\n",
         "c.yaml:3: api.keys[0]: got neither `secret` nor `secret_sha256`, expected one of the two"},
        {"api:\n  keys:\n    - {name: a, secret: short}\n",
         "c.yaml:3: api.keys[0].secret: got a value that does not fit, expected 8 to 256 octets, or \"\" for none"},
        {"api:\n  keys:\n    - {name: a, secret_sha256: 9f86}\n",
         "c.yaml:3: api.keys[0].secret_sha256: got \"9f86\", expected 64 hex digits, or \"\" for none"},
        {"api:\n  keys:\n    - name: a\n      secret: 12345678\n      rooms: [a, \"b \"]\n",
         "c.yaml:5: api.keys[0].rooms, item 2: got \"b \", expected up to 16 room names like lobby, or patterns like "
         "team-* or acme:**"},
        {"api:\n  keys:\n    - name: a\n      secret: 12345678\n      rights: [publish, fly]\n",
         "c.yaml:5: api.keys[0].rights, item 2: got \"fly\", expected a list of all, create, direct, publish, "
         "broadcast, members, history, rooms, close, role, kick, ban, unban, mute, unmute, slow, readonly, connections, disconnect, "
         "revoke, info, edit, delete, react, lock, state, invite, uninvite, invites, signal or read"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_yaml_complaint(cases[i].yaml, cases[i].complaint);
}

static void test_rows(void **state)
{
    (void)state;
    read_yaml(
        "auth:\n"
        "  issuers:\n"
        "    - {name: main, issuer: \"https://id.example.com\", audience: [plenum], keys: [{kid: a, algorithm: "
        "RS256, file: a.pem}]}\n"
        "    - {name: other, jwks_file: other.json, audience: one}\n"
        "rooms:\n"
        "  rules: # first match wins\n"
        "    - {match: \"team-*\", access: token, host: first, members_max: 50, slow_policy: disconnect}\n"
        "    - {match: \"news\", access: open, role: guest, presence: none}\n"
        "api:\n"
        "  keys: [{name: shop, secret: \"12345678\", rights: [publish, info], rooms: [\"shop:**\", lobby]}, "
        "{name: all, secret: \"12345678\"}]\n");
    assert_int_equal(load.complaints.errors, 0);
    const struct config *c = &load.values;
    assert_int_equal(c->auth_issuers.n, 2);
    const struct config_issuer *main_issuer = &c->auth_issuers.rows[0], *other = &c->auth_issuers.rows[1];
    assert_string_equal(main_issuer->issuer, "https://id.example.com");
    assert_string_equal(main_issuer->user_claim, "sub"); // as its column says
    assert_int_equal(main_issuer->at.lines[CONFIG_COLUMN_issuer_user_claim], 0);
    assert_int_equal(main_issuer->keys.n, 1);
    assert_string_equal(main_issuer->keys.rows[0].file, "a.pem");
    assert_int_equal(main_issuer->keys.rows[0].algorithm, 3); // HS256, HS384, HS512, RS256
    assert_int_equal(main_issuer->keys.rows[0].at.line, 3);
    assert_int_equal(other->audience.n, 1);
    assert_str(config_texts_item(&other->audience, 0), "one");
    assert_int_equal(c->rooms_rules.n, 2);
    assert_int_equal(c->rooms_rules.rows[0].access, 1);
    assert_int_equal(c->rooms_rules.rows[0].members_max, 50);
    assert_int_equal(c->rooms_rules.rows[0].at.lines[CONFIG_COLUMN_rule_members_max], 7);
    assert_int_equal(c->rooms_rules.rows[0].at.lines[CONFIG_COLUMN_rule_echo], 0);
    assert_string_equal(c->rooms_rules.rows[1].match, "news");
    assert_int_equal(c->api_keys.n, 2);
    assert_int_equal(c->api_keys.rows[0].rights, 2u << SERVER_PUBLISH | 2u << SERVER_INFO);
    assert_int_equal(c->api_keys.rows[1].rights, 1); // all
    assert_int_equal(c->api_keys.rows[0].rooms.n, 2);
    assert_str(config_texts_item(&c->api_keys.rows[0].rooms, 0), "shop:**");
    assert_str(config_texts_item(&c->api_keys.rows[0].rooms, 1), "lobby");
}

static void test_rows_are_bounded(void **state)
{
    (void)state;
    char yaml[8192] = RULES;
    size_t n = strlen(yaml);
    for (int i = 0; i < CONFIG_RULES_MAX; i++)
        n += (size_t)snprintf(yaml + n, sizeof yaml - n, "    - {match: r%d}\n", i);
    read_yaml(yaml);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.rooms_rules.n, CONFIG_RULES_MAX);
    snprintf(yaml + n, sizeof yaml - n, "    - {match: more}\n");
    assert_yaml_complaint(
        yaml, "c.yaml:67: rooms.rules[64]: got one row too many, expected a list of up to 64 rows like "
              "{match: \"team-*\", access: token}");
}

// What all items of a list in a row take together is bounded, too.
static void test_texts_are_bounded(void **state)
{
    (void)state;
    char yaml[4096] = "auth:\n  issuers:\n    - name: a\n      jwks_file: b\n      audience:\n";
    size_t n = strlen(yaml);
    for (int i = 0; i < 4; i++)
        n += (size_t)snprintf(yaml + n, sizeof yaml - n, "        - %0254d\n", i);
    read_yaml(yaml);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.auth_issuers.rows[0].audience.n, 4);
    assert_int_equal(config_texts_item(&load.values.auth_issuers.rows[0].audience, 3).n, 254);
    snprintf(yaml + n, sizeof yaml - n, "        - c\n");
    assert_yaml_complaint(
        yaml, "c.yaml:10: auth.issuers[0].audience, item 5: got \"c\", expected up to 16 texts of 1 to "
              "255 octets, 1020 together");
}

// A variable or a flag holds the list alone, and replaces the file's.
static void test_rows_of_variables_and_flags(void **state)
{
    (void)state;
    char *environment[] = {"PLENUM_ROOMS_RULES=[{match: a}, {match: b, echo: true}]", NULL};
    set_environment(environment);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.rooms_rules.n, 2);
    assert_true(load.values.rooms_rules.rows[1].echo);
    char *flags[] = {"--rooms.rules=- match: c\n  echo: true\n"};
    config_flags(&load, flags, 1);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.rooms_rules.n, 1);
    assert_string_equal(load.values.rooms_rules.rows[0].match, "c");
    char *nothing[] = {"--rooms.rules="};
    config_flags(&load, nothing, 1);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.rooms_rules.n, 0);

    static const struct {
        char *flag;
        const char *complaint;
    } cases[] = {
        {"--rooms.rules=[{match: a, echo: 3}]", "--rooms.rules[0].echo: got \"3\", expected true or false"},
        {"--rooms.rules=team-*",
         "--rooms.rules: got \"team-*\", expected a list of up to 64 rows like {match: \"team-*\", access: token}"},
        {"--rooms.rules=[{match: a}",
         "--rooms.rules: got text that is not YAML (did not find expected ',' or ']'), expected a list of up to 64 rows "
         "like {match: \"team-*\", access: token}"},
        {"--rooms.rules=[{match: a}, {match: a}]",
         "--rooms.rules[1].match: got \"a\", expected another pattern than that of rooms.rules[0], which is found first"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *flag = cases[i].flag;
        set_flags(1, &flag);
        if (load.complaints.errors == 0)
            config_load_check(&load);
        assert_int_equal(load.complaints.errors, 1);
        assert_string_equal(load.complaints.items[0].text, cases[i].complaint);
    }
    char *wrong[] = {"PLENUM_ROOMS_RULES=[{match: a, echo: 3}]", NULL};
    set_environment(wrong);
    assert_string_equal(load.complaints.items[0].text,
                        "PLENUM_ROOMS_RULES[0].echo: got \"3\", expected true or false");
}

static void test_no_bounds_without_adaptive(void **state)
{
    (void)state;
    read_yaml("heartbeat:\n  interval_s: 5\n  adaptive: false\n");
    config_load_check(&load);
    assert_int_equal(load.complaints.errors, 0);
}

// The same port twice is fine where the kernel picks it.
static void test_port_zero_twice(void **state)
{
    (void)state;
    read_yaml("server:\n  http: 127.0.0.1:0\n  text: 127.0.0.1:0\n");
    config_load_check(&load);
    assert_int_equal(load.complaints.errors, 0);
}

static void test_all_mistakes_are_listed(void **state)
{
    (void)state;
    read_yaml("server:\n  shards: x\n  ecko: 1\nlimits:\n  rooms: []\n{\n");
    assert_int_equal(load.complaints.errors, 4);
    assert_int_equal(load.complaints.count, 4);
}

static void test_list_of_mistakes_is_bounded(void **state)
{
    (void)state;
    char yaml[4096] = "server:\n";
    size_t n = strlen(yaml);
    for (int i = 0; i < COMPLAINTS_MAX + 7; i++)
        n += (size_t)snprintf(yaml + n, sizeof yaml - n, "  zebra%d: 1\n", i);
    read_yaml(yaml);
    assert_int_equal(load.complaints.errors, COMPLAINTS_MAX + 7);
    char *text = NULL;
    size_t text_n = 0;
    FILE *out = open_memstream(&text, &text_n);
    complaints_print(&load.complaints, out);
    fclose(out);
    assert_string_equal(strrchr(str_take(str_make(text, text_n), text_n - 1).p, '.') - 2, "... and 7 more\n");
    free(text);
}

// No prefix of a file, and no file with a byte changed, does anything but complain.
static void test_broken_anywhere(void **state)
{
    (void)state;
    static const char yaml[] =
        "server: {http: \"127.0.0.1:1\", shards: 2}\norigin:\n  allowed: [\"*\", null]\n"
        "rooms: {rules: [{match: a, echo: true}]}\n";
    for (size_t n = 0; n < sizeof yaml; n++) {
        config_load_init(&load);
        char *copy = malloc(n + 1);
        memcpy(copy, yaml, n);
        config_yaml_text(&load, "c.yaml", str_make(copy, n));
        for (size_t i = 0; i < n; i++) {
            copy[i] = (char)(yaml[i] ^ 0x15);
            config_load_init(&load);
            config_yaml_text(&load, "c.yaml", str_make(copy, n));
            copy[i] = yaml[i];
        }
        free(copy);
    }
}

// ---- files

static void test_files(void **state)
{
    (void)state;
    config_load_init(&load);
    config_yaml_file(&load, "/nonexistent/plenum.yaml");
    assert_int_equal(load.complaints.errors, 1);
    assert_string_equal(
        load.complaints.items[0].text,
        "/nonexistent/plenum.yaml: got \"No such file or directory\", expected a readable YAML file");
    config_load_init(&load);
    config_yaml_file(&load, "/");
    assert_string_equal(load.complaints.items[0].text,
                        "/: got \"Is a directory\", expected a readable YAML file");
    config_load_init(&load);
    config_yaml_file(&load, "/dev/zero"); // never ends
    assert_string_equal(load.complaints.items[0].text,
                        "/dev/zero: got more than 1048576 bytes, expected a configuration");
}

// ---- variables

static void test_environment(void **state)
{
    (void)state;
    char *environment[] = {"HOME=/",
                           "PLENUM_SERVER_SHARDS=3",
                           "PLENUM_SERVER_TEXT=",
                           "PLENUM_SERVER_ECHO=true",
                           "PLENUM_ORIGIN_ALLOWED=https://a.example, null",
                           "PLENUM_BIN=/x",
                           "PLENUM_",
                           NULL};
    set_environment(environment);
    assert_int_equal(load.complaints.errors + load.complaints.warnings, 0);
    assert_int_equal(load.values.server_shards, 3);
    assert_string_equal(load.values.server_text, "");
    assert_true(load.values.server_echo);
    assert_int_equal(load.values.origin_allowed.n, 2);
    assert_string_equal(load.values.origin_allowed.items[1], "null");
}

static void test_environment_mistakes(void **state)
{
    (void)state;
    char *environment[] = {"PLENUM_SERVER_SHARDS=\x1b[31m",
                           "PLENUM_SERVER_ECHO=", "PLENUM_SESSIONS_SECRET=hunter2",
                           "PLENUM_ORIGIN_ALLOWED=https://a.example,,", NULL};
    set_environment(environment);
    assert_int_equal(load.complaints.errors, 4);
    assert_string_equal(load.complaints.items[0].text,
                        "PLENUM_SERVER_SHARDS: got \"\\u001b[31m\", expected a whole "
                        "number of threads from 1 to 64, or 0 for one per core");
    assert_string_equal(load.complaints.items[1].text,
                        "PLENUM_SERVER_ECHO: got nothing, expected true or false");
    assert_null(strstr(load.complaints.items[2].text, "hunter2"));
    assert_int_equal(load.values.origin_allowed.n, 0);
}

static void test_environment_of_others(void **state)
{
    (void)state;
    char *environment[] = {"PLENUM_SERVER_SHARD=3", "PLENUM_SERVICE_HOST=10.0.0.1",
                           "PLENUM_PORT=tcp://10.0.0.1:8000", "PLENUM_LOG_SERVICE_PORT=1", NULL};
    set_environment(environment);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.complaints.warnings, 2);
    assert_string_equal(
        load.complaints.items[0].text,
        "PLENUM_SERVER_SHARD: got a variable that is no setting, expected one of `plenum config` (did "
        "you mean PLENUM_SERVER_SHARDS?)");
}

// ---- flags

static void test_flags(void **state)
{
    (void)state;
    char *flags[] = {"--server.shards=4", "--log.entries",        "5",
                     "--server.echo",     "--log.age_s=6",        "--log.age_s=7",
                     "--server.text=",    "--heartbeat.adaptive", "false"};
    set_flags(ARRAY_LEN(flags), flags);
    assert_int_equal(load.complaints.errors, 0);
    assert_int_equal(load.values.server_shards, 4);
    assert_int_equal(load.values.log_entries, 5);
    assert_int_equal(load.values.log_age_s, 7); // the last one wins
    assert_true(load.values.server_echo);
    assert_false(load.values.heartbeat_adaptive);
    assert_string_equal(load.values.server_text, "");
}

static void test_flag_mistakes(void **state)
{
    (void)state;
    char *flags[] = {"--server.shard=4", "--log.entries",  "--log.age_s", "x",
                     "--server.echo=1",  "--rooms.grace_s"};
    set_flags(ARRAY_LEN(flags), flags);
    assert_int_equal(load.complaints.errors, 5);
    assert_string_equal(
        load.complaints.items[0].text,
        "--server.shard: got an unknown key, expected one of `plenum config` (did you mean --server.shards?)");
    assert_string_equal(load.complaints.items[1].text,
                        "--log.entries: got no value, expected a whole number of entries from 1 to 1048576");
    assert_string_equal(
        load.complaints.items[2].text,
        "--log.age_s: got \"x\", expected a whole number of s from 1 to 2592000, or with a unit "
        "like 90s, 15m or 1h");
    assert_string_equal(load.complaints.items[3].text, "--server.echo: got \"1\", expected true or false");
    assert_string_equal(
        load.complaints.items[4].text,
        "--rooms.grace_s: got no value, expected a whole number of s from 0 to 2592000, or with a unit "
        "like 90s, 15m or 1h");
}

static void test_flag_span(void **state)
{
    (void)state;
    char *one[] = {"--server.shards=4", "x"}, *two[] = {"--server.shards", "4"},
         *last[] = {"--server.shards"};
    char *other[] = {"--echo", "x"}, *word[] = {"-c", "a.b"}, *toggle[] = {"--server.echo", "x"};
    assert_int_equal(config_flag_span(one, 2), 1);
    assert_int_equal(config_flag_span(two, 2), 2);
    assert_int_equal(config_flag_span(last, 1), 1);
    assert_int_equal(config_flag_span(other, 2), 0);
    assert_int_equal(config_flag_span(word, 2), 0);
    assert_int_equal(config_flag_span(toggle, 2), 1);
    assert_int_equal(config_flag_span(NULL, 0), 0);
}

// ---- all of it

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_precedence(void **state)
{
    (void)state;
    char path[] = "/tmp/plenum-test-XXXXXX";
    close(mkstemp(path));
    write_file(path, "log:\n  entries: 10\n  age_s: 10\n  bytes: 10000\n");
    char *environment[] = {"PLENUM_LOG_AGE_S=20", "PLENUM_LOG_BYTES=20000", NULL};
    char *flags[] = {"--log.bytes=30000"};
    struct config_sources sources = {.file = path, .environment = environment, .flags = flags, .flags_n = 1};
    assert_true(config_load(&load, &sources));
    assert_int_equal(load.values.rooms_grace_s, 30); // default
    assert_int_equal(load.values.log_entries, 10);   // file over default
    assert_int_equal(load.values.log_age_s, 20);     // variable over file
    assert_int_equal(load.values.log_bytes, 30000);  // flag over variable

    // Mistakes of all three in one list.
    write_file(path, "log:\n  entries: x\n");
    environment[0] = "PLENUM_LOG_AGE_S=x";
    flags[0] = "--log.bytes=x";
    assert_false(config_load(&load, &sources));
    assert_int_equal(load.complaints.errors, 3);
    unlink(path);
}

// The complaint of a check over several keys names the source of the one to blame.
static void test_blame(void **state)
{
    (void)state;
    char *flags[] = {"--heartbeat.interval_s=7"};
    char *environment[] = {"PLENUM_HEARTBEAT_MIN_S=8", NULL};
    struct config_sources sources = {.environment = environment, .flags = flags, .flags_n = 1};
    assert_false(config_load(&load, &sources));
    assert_string_equal(load.complaints.items[0].text,
                        "--heartbeat.interval_s: got 7, expected at least heartbeat.min_s (8)");
    flags[0] = "--heartbeat.max_s=600";
    environment[0] = "PLENUM_HEARTBEAT_MIN_S=31";
    assert_false(config_load(&load, &sources));
    assert_string_equal(load.complaints.items[0].text,
                        "PLENUM_HEARTBEAT_MIN_S: got 31, expected at most heartbeat.interval_s (30)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_times_fit_milliseconds),
        cmocka_unit_test(test_good_values),
        cmocka_unit_test(test_empty_files),
        cmocka_unit_test(test_single_origin),
        cmocka_unit_test(test_number_bounds),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_address_forms),
        cmocka_unit_test(test_texts_are_wiped),
        cmocka_unit_test(test_file_mistakes),
        cmocka_unit_test(test_mistakes_in_rows),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_are_bounded),
        cmocka_unit_test(test_texts_are_bounded),
        cmocka_unit_test(test_rows_of_variables_and_flags),
        cmocka_unit_test(test_no_bounds_without_adaptive),
        cmocka_unit_test(test_port_zero_twice),
        cmocka_unit_test(test_all_mistakes_are_listed),
        cmocka_unit_test(test_list_of_mistakes_is_bounded),
        cmocka_unit_test(test_broken_anywhere),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_environment_mistakes),
        cmocka_unit_test(test_environment_of_others),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_flag_mistakes),
        cmocka_unit_test(test_flag_span),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_blame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
