// SPDX-License-Identifier: Apache-2.0
//
// Names of rooms and people, and the tables of languages and ways in.
#include "dialect/text_commands.h"
#include "unit/dialect_support.h"

static void test_names_accepted(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a",
        "lobby",
        "Ada Lovelace",
        "\xe2\x82\xac",
        "\xf0\x9f\xa6\x8a",
        "127.0.0.1:51234",
        "\"quoted\"",
        "back\\slash",
        "*",
        ">.",
        "'; drop",
        "\xc2\xa0",
        "</script>",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(room_name_valid(str_from_cstr(names[i])));
        assert_true(user_name_valid(str_from_cstr(names[i])));
    }
}

static void test_names_refused(void **state)
{
    (void)state;
    static const str names[] = {
        STR(""),      STR(" "),         STR(" a"),           STR("a "),
        STR("a\nb"),  STR("a\tb"),      STR("a\0b"),         STR("\x1b[2J"),
        STR("a\x7f"), STR("a\xc2\x85"), STR("\xc2\x9b"),     STR("\xff"),
        STR("a\xc2"), STR("\xc0\x80"),  STR("\xed\xa0\x80"), STR("\xf5\x80\x80\x80"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_false(room_name_valid(names[i]));
        assert_false(user_name_valid(names[i]));
    }
    assert_false(room_name_valid(STR_NONE));
}

static void test_names_length(void **state)
{
    (void)state;
    char name[ROOM_NAME_MAX + 1];
    memset(name, 'x', sizeof name);
    assert_true(room_name_valid((str){name, ROOM_NAME_MAX}));
    assert_false(room_name_valid((str){name, ROOM_NAME_MAX + 1}));
    assert_true(user_name_valid((str){name, USER_NAME_MAX}));
    assert_false(user_name_valid((str){name, USER_NAME_MAX + 1}));
}

// Codes are a contract: every one has a name, no name twice.
static void test_problem_names(void **state)
{
    (void)state;
    for (int i = 0; i < PROBLEM_COUNT; i++) {
        assert_non_null(problem_name((enum problem_code)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(problem_name((enum problem_code)i), problem_name((enum problem_code)k));
    }
    assert_string_equal(problem_name(PROBLEM_BAD_JSON), "bad_json");
    assert_string_equal(problem_name(PROBLEM_INTERNAL), "internal");
}

static void test_role_names(void **state)
{
    (void)state;
    assert_string_equal(role_name(ROLE_GUEST), "guest");
    assert_string_equal(role_name(ROLE_MEMBER), "member");
    assert_string_equal(role_name(ROLE_MODERATOR), "moderator");
    assert_string_equal(role_name(ROLE_ADMIN), "admin");
    assert_string_equal(role_name(ROLE_OWNER), "owner");
}

// Says what is missing.
static void must_document(const char *path, const char *docs, const char *wanted)
{
    if (strstr(docs, wanted) == NULL)
        print_error("%s has no %s\n", path, wanted);
    assert_non_null(strstr(docs, wanted));
}

// A command of either language and a code of an error have their row in their protocol's page.
static void test_documented(void **state)
{
    (void)state;
    static const char native[] = "docs/protocol/native.md", text[] = "docs/protocol/text.md";
    char *docs = source_text(native);
#define INNER(name)
#define NATIVE(name) must_document(native, docs, "| [`" #name "`](#" #name ") |");
#define X(upper, lower, where) where(lower)
    COMMAND_TYPES(X)
#undef X
    char code[64];
    for (int i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++) {
        snprintf(code, sizeof code, "`%s`", problem_name((enum problem_code)i));
        must_document(native, docs, code);
    }
    free(docs);
    docs = source_text(text);
#define X(word, args, does) \
    must_document(text, docs, *args ? "| `/" #word " " args "` |" : "| `/" #word "` |");
    TEXT_COMMANDS(X)
#undef X
    free(docs);
}

static void test_table(void **state)
{
    (void)state;
    ways_check(&ways_served);
    const struct way *ws = way_find(&ways_served, TRANSPORT_HTTP, STR("/ws"));
    assert_int_equal(ws->encoding, ENCODING_JSON);
    assert_null(way_next(&ways_served, ws));
    assert_int_equal(way_find(&ways_served, TRANSPORT_HTTP, STR("/echo"))->encoding, ENCODING_TEXT_WS);
    assert_int_equal(way_find(&ways_served, TRANSPORT_LINE, STR_NONE)->encoding, ENCODING_TEXT_LINE);
    assert_null(way_find(&ways_served, TRANSPORT_HTTP, STR_NONE));
    assert_null(way_find(&ways_served, TRANSPORT_LINE, STR("/ws")));
    assert_null(way_find(&ways_served, TRANSPORT_HTTP, STR("/w")));
}

// What the pages say of the ways in is what there is.
static void test_ways_documented(void **state)
{
    (void)state;
    static const char architecture[] = "docs/ARCHITECTURE.md", readme[] = "README.md";
    char *table = source_text(architecture), *front = source_text(readme);
    uint32_t rows = 0;
    for (const char *at = table; (at = strstr(at, "\n| HTTP | `")) != NULL; at++)
        rows++;
    for (const char *at = table; (at = strstr(at, "\n| lines | ")) != NULL; at++)
        rows++;
    assert_int_equal(rows, ways_served.n);
    for (size_t i = 0; i < ways_served.n; i++) {
        const struct way *w = &ways_served.v[i];
        const struct encoding *e = ways_served.encodings[w->encoding];
        const char *tick = w->subprotocol != NULL ? "`" : "",
                   *sub = w->subprotocol != NULL ? w->subprotocol : "-";
        char row[256], path[64];
        snprintf(path, sizeof path, w->path != NULL ? "`%s`" : "-", w->path);
        snprintf(row, sizeof row, "\n| %s | %s | %s%s%s | %s",
                 w->transport == TRANSPORT_HTTP ? "HTTP" : "lines", path, tick, sub, tick,
                 w->mirror ? "none" : e->language->name);
        must_document(architecture, table, row);
        snprintf(row, sizeof row, "| %s | %s |\n", e->language->name, e->name);
        if (!w->mirror)
            must_document(architecture, table, row);
        if (w->path != NULL && !w->mirror)
            must_document(readme, front, path);
    }
    free(table);
    free(front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_accepted), cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_names_length),   cmocka_unit_test(test_problem_names),
        cmocka_unit_test(test_role_names),     cmocka_unit_test(test_documented),
        cmocka_unit_test(test_table),          cmocka_unit_test(test_ways_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
