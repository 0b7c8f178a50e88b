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
            break;
        case CONFIG_ADDRESS:
            snprintf(text, sizeof text, "[::1]:%zu", i);
            break;
        case CONFIG_ROOM:
            snprintf(text, sizeof text, "a \"b\" \\ # : \xe2\x80\xae x");
            break;
        case CONFIG_SECRET:
            snprintf(text, sizeof text, "correct horse battery");
            break;
        case CONFIG_ORIGINS:
            snprintf(text, sizeof text, "https://*.example.com,*,null");
            break;
        case CONFIG_NAMES:
            snprintf(text, sizeof text, "chat.example.com,*.example.com,*");
            break;
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
        assert_true(config_list_add(&before, key, str_make(item, (size_t)n)));
    }
    assert_false(config_list_add(&before, key, STR("*")));
    assert_round_trip(&before);
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
        assert_true(config_value_equal(&running, key->live ? &after : &before, key));
    }
    // Once more: the live ones are the same now, the others still wait.
    diff = reload_adopt(&running, &after);
    assert_int_equal(diff.live, 0);
    assert_true(diff.start > 0);
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
        cmocka_unit_test(test_defaults_round_trip),         cmocka_unit_test(test_unusual_round_trip),
        cmocka_unit_test(test_long_list_round_trip),        cmocka_unit_test(test_secret_is_not_printed),
        cmocka_unit_test(test_help_names_every_flag),       cmocka_unit_test(test_docs_are_current),
        cmocka_unit_test(test_reload_adopts_live_settings), cmocka_unit_test(test_reload_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
