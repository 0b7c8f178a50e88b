// SPDX-License-Identifier: Apache-2.0
//
// `plenum config` reads back to what was printed, docs/CONFIG.md is what the table says, a reload tells what changed.
#include "unit/support.h"

#include "app/config_print.h"
#include "app/config_yaml.h"
#include "app/log_sink.h"
#include "app/logger.h"
#include "app/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct config_load load;
static struct config before, after;

static char *printed(void (*print)(FILE *out), const struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    if (c != NULL)
        config_print_yaml(c, out);
    else
        print(out);
    fclose(out);
    return text;
}

static void assert_round_trip(const struct config *c)
{
    char *yaml = printed(NULL, c);
    config_load_init(&load);
    config_yaml_text(&load, "printed.yaml", str_from_cstr(yaml));
    if (load.complaints.errors > 0)
        complaints_print(&load.complaints, stderr);
    assert_int_equal(load.complaints.errors, 0);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        assert_int_equal(load.places[i].source, CONFIG_FROM_FILE); // every key is there
        if (config_keys[i].kind != CONFIG_SECRET)
            assert_true(config_value_equal(&load.values, c, &config_keys[i]));
    }
    free(yaml);
}

static void test_defaults_round_trip(void **state)
{
    (void)state;
    config_load_init(&load);
    before = load.values;
    assert_round_trip(&before);
}

// A row that is as the example in the schema.
static void make_unusual_rows(struct config *c, const struct config_key *key)
{
    char text[256];
    snprintf(text, sizeof text, "[%s]", key->detail);
    config_yaml_rows(&load, key, str_from_cstr(text));
    assert_int_equal(load.complaints.errors, 0);
    config_value_copy(c, &load.values, key);
}

// Every value moved away from its default.
static void make_unusual(struct config *c)
{
    config_load_init(&load);
    *c = load.values;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        char text[64];
        switch (key->kind) {
        case CONFIG_UINT:
        case CONFIG_BYTES:
            snprintf(text, sizeof text, "%u", key->max);
            break;
        case CONFIG_BOOL:
            snprintf(text, sizeof text, "%s", strcmp(key->preset, "true") == 0 ? "false" : "true");
            break;
        case CONFIG_CHOICE:
            snprintf(text, sizeof text, "%s", strrchr(key->detail, '|') + 1);
            if (strcmp(text, key->preset) == 0)
                snprintf(text, sizeof text, "%.*s", (int)strcspn(key->detail, "|"), key->detail);
            break;
        case CONFIG_ADDRESS:
            snprintf(text, sizeof text, "[::1]:%zu", i);
            break;
        case CONFIG_ROOM:
            snprintf(text, sizeof text, "a \"b\" \\ # : \xe2\x80\xae x");
            break;
        case CONFIG_SECRET:
            snprintf(text, sizeof text, "correct horse battery, and so on to the end");
            break;
        case CONFIG_CAPS:
            snprintf(text, sizeof text,
                     "{\"rooms\":{\"a b: #\":[\"join\"],\"*\":[]},\"server\":[\"rooms\"]}");
            break;
        case CONFIG_COOKIE:
            snprintf(text, sizeof text, "__Host-token");
            break;
        case CONFIG_ORIGINS:
            snprintf(text, sizeof text, "https://*.example.com,*,null");
            break;
        case CONFIG_NAMES:
            snprintf(text, sizeof text, "chat.example.com,*.example.com,*");
            break;
        case CONFIG_NETS:
            snprintf(text, sizeof text, "10.0.0.0/8,2001:db8::/32,unix:");
            break;
        case CONFIG_ROWS:
            make_unusual_rows(c, key);
            continue;
        case CONFIG_TEXT:
            snprintf(text, sizeof text, "/var/log/a \"b\" \\ # : \xe2\x80\xae x");
            break;
        case CONFIG_WORDS: // the second one and the last
            snprintf(text, sizeof text, "%.*s,%s", (int)strcspn(strchr(key->detail, '|') + 1, "|"),
                     strchr(key->detail, '|') + 1, strrchr(key->detail, '|') + 1);
            break;
        case CONFIG_URL: // of rows
        case CONFIG_PATTERN:
        case CONFIG_TENANT:
        case CONFIG_SHA256:
        case CONFIG_TEXTS:
        case CONFIG_PATTERNS:
            fail();
        }
        assert_true(config_value_set(c, key, str_from_cstr(text)));
    }
}

static void test_unusual_round_trip(void **state)
{
    (void)state;
    make_unusual(&before);
    assert_round_trip(&before);
}

static void test_long_list_round_trip(void **state)
{
    (void)state;
    config_load_init(&load);
    before = load.values;
    const struct config_key *key = config_key_find(STR("origin"), STR("allowed"));
    for (int i = 0; i < CONFIG_LIST_MAX; i++) {
        char item[80];
        int n = snprintf(item, sizeof item, "https://a-rather-long-name-of-a-host-%d.example.com", i);
        assert_true(config_field_add(&before.origin_allowed, key, str_make(item, (size_t)n)));
    }
    assert_false(config_field_add(&before.origin_allowed, key, STR("*")));
    assert_round_trip(&before);
}

// Rows of every table, with something in every column, come back as they are; secrets are not shown.
static const char all_columns[] =
    "rooms:\n"
    "  rules:\n"
    "    - {match: \"team-*\", name: team, access: token, listed: false, role: member, host: first, members_max: 50,\n"
    "       presence: count, presence_damping_ms: 5, echo: true, slow_policy: disconnect, lag_bytes: 64k, receipts: true, edit_window_s: 60, delete_window_s: 90, flush_interval_ms: 3,\n"
    "       state_keys_max: 7, state_bytes_max: 3k, state_value_max: 1k, state_interval_ms: 5, invitations_max: 6, invitation_max_s: 1h, log_entries: 10,\n"
    "       messages_per_s: 5, messages_burst: 6, member_messages_per_s: 7, member_messages_burst: 8,\n"
    "       log_bytes: 64KiB, log_age_s: 1h, durability: memory}\n"
    "    - match: \"a \\\"b\\\" # \\u202e**\"\n"
    "auth:\n"
    "  issuers:\n"
    "    - name: main\n"
    "      issuer: https://id.example.com\n"
    "      audience: [plenum, \"a b\"]\n"
    "      keys:\n"
    "        - {kid: a, algorithm: RS256, file: a.pem}\n"
    "        - {algorithm: HS512, secret: correct-horse}\n"
    "      jwks_file: more.json\n"
    "      jwks_url: https://id.example.com/jwks\n"
    "      ca_file: ca.pem\n"
    "      user_claim: email\n"
    "      leeway_s: 1m\n"
    "    - {name: other, jwks_url: \"http://127.0.0.1:1/\"}\n"
    "api:\n"
    "  keys:\n"
    "    - {name: shop, secret: battery-staple, rights: [publish, info], rooms: [\"shop:**\", lobby]}\n"
    "    - {name: any, secret_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, rights: []}\n"
    "tenants:\n"
    "  - {prefix: \"acme:\", name: acme-inc, issuer: main, guests: true, connections: 1000, rooms: 100, memory_mb: 64,\n"
    "     messages_per_s: 500, messages_burst: 900, slow_policy: disconnect, lag_bytes: 64k}\n"
    "  - {prefix: \"globex:\"}\n";

static void test_rows_round_trip(void **state)
{
    (void)state;
    config_load_init(&load);
    config_yaml_text(&load, "c.yaml", str_from_cstr(all_columns));
    config_load_check(&load);
    if (load.complaints.errors > 0)
        complaints_print(&load.complaints, stderr);
    assert_int_equal(load.complaints.errors, 0);
    enum { ROOM_FOR_WORDS = 200 }; // around all keys of a row, where one is unknown
    for (size_t t = 0; t < CONFIG_TABLE_COUNT; t++) {
        assert_true(config_tables[t].columns_n <= CONFIG_COLUMNS_MAX);
        assert_true(strlen(config_column_names(&config_tables[t]).z) + ROOM_FOR_WORDS < COMPLAINT_TEXT_MAX);
    }
    for (uint32_t i = 0; i < CONFIG_COLUMNS_rule; i++)
        assert_true(load.values.rooms_rules.rows[0].at.lines[i] != 0); // nothing is left out above
    for (uint32_t i = 0; i < CONFIG_COLUMNS_issuer; i++)
        assert_true(load.values.auth_issuers.rows[0].at.lines[i] != 0);
    for (uint32_t i = 0; i < CONFIG_COLUMNS_tenant; i++)
        assert_true(load.values.tenants_.rows[0].at.lines[i] != 0);
    before = load.values;
    char *yaml = printed(NULL, &before);
    assert_null(strstr(yaml, "horse"));
    assert_null(strstr(yaml, "staple"));
    config_load_init(&load);
    config_yaml_text(&load, "printed.yaml", str_from_cstr(yaml));
    if (load.complaints.errors > 0)
        complaints_print(&load.complaints, stderr);
    assert_int_equal(load.complaints.errors, 0);
    // All but the secrets, which are to be written in again.
    snprintf(load.values.auth_issuers.rows[0].keys.rows[1].secret, CONFIG_SECRET_MAX, "correct-horse");
    snprintf(load.values.api_keys.rows[0].secret, CONFIG_SECRET_MAX, "battery-staple");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (config_keys[i].kind == CONFIG_ROWS)
            assert_true(config_value_equal(&load.values, &before, &config_keys[i]));
    free(yaml);
}

// One value in one column, or one that is said and was not, or a row more, is another list.
static void test_rows_are_compared(void **state)
{
    (void)state;
    const struct config_key *key = config_key_find(STR("rooms"), STR("rules"));
    static const char *const lists[] = {"[]",
                                        "[{match: a}]",
                                        "[{match: b}]",
                                        "[{match: a, echo: false}]",
                                        "[{match: a, echo: true}]",
                                        "[{match: a}, {match: b}]",
                                        "[{match: b}, {match: a}]"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t j = 0; j < ARRAY_LEN(lists); j++) {
            config_load_init(&load);
            config_yaml_rows(&load, key, str_from_cstr(lists[i]));
            before = load.values;
            char moved[64]; // elsewhere in the file
            snprintf(moved, sizeof moved, "\n\n%s", lists[j]);
            config_yaml_rows(&load, key, str_from_cstr(moved));
            assert_int_equal(load.complaints.errors, 0);
            assert_int_equal(config_value_equal(&before, &load.values, key), i == j);
        }
}

static void test_secret_is_not_printed(void **state)
{
    (void)state;
    make_unusual(&before);
    char *yaml = printed(NULL, &before);
    assert_null(strstr(yaml, "horse"));
    assert_non_null(strstr(yaml, "secret: \"\"  # set, not shown\n"));
    free(yaml);
    assert_string_equal(config_value_text(&before, config_key_find(STR("sessions"), STR("secret"))).z,
                        "(set)");
}

static void test_help_names_every_flag(void **state)
{
    (void)state;
    char *text = printed(config_print_flags, NULL);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char flag[80];
        snprintf(flag, sizeof flag, "\n  --%s (default ", config_keys[i].path);
        assert_non_null(strstr(text, flag));
    }
    free(text);
}

// docs/CONFIG.md of the source tree that this file is in.
static void test_docs_are_current(void **state)
{
    (void)state;
    char *docs = source_text("docs/CONFIG.md");
    char *wanted = printed(config_print_markdown, NULL);
    if (strcmp(docs, wanted) != 0)
        print_error("out of date: plenum config --markdown > docs/CONFIG.md\n");
    assert_true(strcmp(docs, wanted) == 0);
    free(docs);
    free(wanted);
}

// ---- reload

static void test_reload_adopts_live_settings(void **state)
{
    (void)state;
    config_load_init(&load);
    before = load.values;
    make_unusual(&after);
    struct config running = before;
    struct reload_diff diff = reload_adopt(&running, &after);
    assert_int_equal(diff.live + diff.start, CONFIG_KEY_COUNT);
    assert_true(diff.live > 0 && diff.start > 0);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        assert_true(diff.changed[i]);
        bool live = key->live && i != CONFIG_ID_tenants_; // there are others: below
        assert_int_equal(diff.needs_restart[i], !live);
        assert_true(config_value_equal(&running, live ? &after : &before, key));
    }
    // Once more: the live ones are the same now, the others still wait.
    diff = reload_adopt(&running, &after);
    assert_int_equal(diff.live, 0);
    assert_true(diff.start > 0);
}

// What tenants may use up is taken over; who they are is not, and nothing else of the list then.
static void test_reload_keeps_to_its_tenants(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        bool live;
    } next[] = {
        {"[{prefix: \"a:\", rooms: 9}, {prefix: \"b:\", issuer: x, guests: true}]", true},
        {"[{prefix: \"a:\", name: a}, {prefix: \"b:\", issuer: x}]", true}, // the name that it has
        {"[{prefix: \"a:\"}]", false},
        {"[{prefix: \"a:\"}, {prefix: \"b:\", issuer: x}, {prefix: \"c:\"}]", false},
        {"[{prefix: \"b:\", issuer: x}, {prefix: \"a:\"}]", false},
        {"[{prefix: \"a:\"}, {prefix: \"b:\", issuer: y}]", false},
        {"[{prefix: \"a:\", name: d}, {prefix: \"b:\", issuer: x}]", false},
        {"[{prefix: \"a.:\", name: a}, {prefix: \"b:\", issuer: x}]", false},
    };
    const struct config_key *key = config_key_find(STR("tenants"), STR(""));
    config_load_init(&load);
    config_yaml_rows(&load, key, STR("[{prefix: \"a:\"}, {prefix: \"b:\", issuer: x}]"));
    before = load.values;
    for (size_t i = 0; i < ARRAY_LEN(next); i++) {
        config_yaml_rows(&load, key, str_from_cstr(next[i].rows));
        assert_int_equal(load.complaints.errors, 0);
        struct config running = before;
        struct reload_diff diff = reload_adopt(&running, &load.values);
        assert_int_equal(diff.live, next[i].live);
        assert_int_equal(diff.start, !next[i].live);
        assert_true(config_value_equal(&running, next[i].live ? &load.values : &before, key));
    }
}

// The lines of the log that fn writes, in a buffer of its own.
static const char *logged(void (*fn)(void))
{
    static char text[65536];
    FILE *file = tmpfile();
    assert_non_null(file);
    log_sink_fd_set(fileno(file));
    fn();
    log_sink_fd_set(2);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void do_reload(void)
{
    struct config running = before;
    struct reload_diff diff = reload_adopt(&running, &after);
    reload_log(&diff, &before, &after);
}

static void test_reload_log(void **state)
{
    (void)state;
    config_load_init(&load);
    before = after = load.values;
    after.log_entries = 5;
    after.server_shards = 3;
    snprintf(after.sessions_secret, sizeof after.sessions_secret, "correct horse battery");
    const char *text = logged(do_reload);
    assert_non_null(strstr(text, "level=info event=setting_changed key=log.entries old=1000 new=5\n"));
    assert_non_null(strstr(text, "level=warn event=setting_needs_restart key=server.shards old=0 new=3\n"));
    assert_non_null(strstr(text, "key=sessions.secret old=\"\\\"\\\"\" new=(set)\n"));
    assert_null(strstr(text, "horse"));
    assert_non_null(strstr(text, "event=reloaded changed=1 need_restart=2\n"));

    make_unusual(&after); // all at once are all told
    text = logged(do_reload);
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, CONFIG_KEY_COUNT + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_round_trip),
        cmocka_unit_test(test_rows_are_compared),
        cmocka_unit_test(test_defaults_round_trip),
        cmocka_unit_test(test_unusual_round_trip),
        cmocka_unit_test(test_long_list_round_trip),
        cmocka_unit_test(test_secret_is_not_printed),
        cmocka_unit_test(test_help_names_every_flag),
        cmocka_unit_test(test_docs_are_current),
        cmocka_unit_test(test_reload_adopts_live_settings),
        cmocka_unit_test(test_reload_keeps_to_its_tenants),
        cmocka_unit_test(test_reload_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
