// SPDX-License-Identifier: Apache-2.0
//
// Names of rooms and people, and the tables of languages and ways in.
#include "dialect/api.h"
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
    assert_string_equal(role_name(ROLE_HOST), "host");
    assert_string_equal(role_name(ROLE_OWNER), "owner");
    assert_int_equal(ROLE_COUNT, 4);
    for (int role = 0; role < ROLE_COUNT; role++)
        assert_int_equal(role_find(str_from_cstr(role_name((enum role)role))), role);
    assert_int_equal(role_find(STR("moderator")), ROLE_COUNT);
    assert_int_equal(role_find(STR("hos")), ROLE_COUNT);
    assert_int_equal(role_find(STR_NONE), ROLE_COUNT);
}

// Says what is missing.
static void must_document(const char *path, const char *docs, const char *wanted)
{
    if (strstr(docs, wanted) == NULL)
        print_error("%s has no %s\n", path, wanted);
    assert_non_null(strstr(docs, wanted));
}

// --- the pages of the protocols, held to the rows cell by cell

enum { LINE = 512 };

static void must_count(const char *path, const char *docs, const char *from, const char *row, size_t n)
{
    const char *at = strstr(docs, from);
    assert_non_null(at);
    const char *end = strstr(at + strlen(from), "\n\n");
    size_t found = 0;
    for (at += strlen(from); (at = strstr(at, row)) != NULL && at < end; at += strlen(row))
        found++;
    if (found != n)
        print_error("%s: %zu rows behind \"%.40s\", not %zu\n", path, found, from, n);
    assert_int_equal(found, n);
}

static const char *about(enum decided decided)
{
    switch (decided) {
    case DECIDED_EDGE:
        return "you";
    case DECIDED_ROOM:
        return "the room";
    case DECIDED_USER:
        return "the user";
    case DECIDED_ALL:
        return "all";
    }
    return NULL;
}

static const char *cost_suffix(enum cost cost)
{
    switch (cost) {
    case COST_COMMAND:
        return "";
    case COST_LIST:
        return " and its size";
    case COST_SIGNAL:
        return " signal";
    }
    return NULL;
}

static const char *const rights[] = {
#define X(upper, lower) [RIGHT_##upper] = RIGHT_##upper == RIGHT_NONE ? " " : " `" #lower "` ",
    RIGHTS(X)
#undef X
};

static const char *const right_names[] = {
#define X(upper, lower) [RIGHT_##upper] = #lower,
    RIGHTS(X)
#undef X
};

static const char *const replies[] = {[EV_NONE] = "none",
#define X(upper, lower, where) [EV_##upper] = "`" #lower "`",
                                      EVENTS(X)
#undef X
};

static void test_documented_commands(void **state)
{
    (void)state;
    static const char path[] = "docs/protocol/native.md";
    char *docs = source_text(path), line[LINE];
    size_t n = 0;
#define INNER(row)
#define COMPACT(row)
#define HTTP(row)
#define NATIVE(row) row
#define X(upper, lower, where, keys, decided, right, cost, tokens, reply, help)                             \
    where(snprintf(line, sizeof line, "\n| [`" #lower "`](#" #lower ") | " help " | %s |%s| %d%s | %s |\n", \
                   about(DECIDED_##decided), rights[RIGHT_##right], tokens, cost_suffix(COST_##cost),       \
                   replies[EV_##reply]);                                                                    \
          must_document(path, docs, line); n++;)
    COMMANDS(X)
#undef X
    must_count(path, docs, "| type | what for | about | right | costs | reply |\n|---|---|---|---|---|---|",
               "\n| [`", n);
#define X(upper, lower, where) where(must_document(path, docs, "\n| `" #lower "` | ");)
    EVENTS(X)
#undef X
#undef NATIVE
#undef HTTP
#undef COMPACT
#undef INNER
    free(docs);
}

// What stands in a key's second cell.
enum kind {
    KIND_ROOM,
    KIND_NAME,
    KIND_STRING,
    KIND_DATA,
    KIND_CONTENT,
    KIND_BOOL,
    KIND_COUNT,
    KIND_OFFSET,
    KIND_SINCE,
    KIND_ROOMS,
    KIND_OBJECTS,
    KIND_OBJECT,
    KIND_STRINGS,
    KIND_VERSION
};

static void kind_words(char *ret, enum kind kind, uint64_t least, uint64_t most)
{
    switch (kind) {
    case KIND_ROOM:
    case KIND_NAME:
    case KIND_CONTENT:
    case KIND_STRING:
        if (least == 0)
            snprintf(ret, LINE, "string, up to %d bytes", (int)most);
        else
            snprintf(ret, LINE, "string, %d to %d bytes", (int)least, (int)most);
        return;
    case KIND_DATA:
        snprintf(ret, LINE, "any JSON");
        return;
    case KIND_BOOL:
        snprintf(ret, LINE, "boolean");
        return;
    case KIND_COUNT:
        snprintf(ret, LINE, "integer, %d to %d", (int)least, (int)most);
        return;
    case KIND_OFFSET:
        snprintf(ret, LINE, "integer, from %d", (int)least);
        return;
    case KIND_SINCE:
        snprintf(ret, LINE, "`{\"epoch\": string, \"offset\": integer}`");
        return;
    case KIND_ROOMS:
        snprintf(ret, LINE, "array of %d to %d names", (int)least, (int)most);
        return;
    case KIND_OBJECT:
        snprintf(ret, LINE, "object");
        return;
    case KIND_STRINGS:
        snprintf(ret, LINE, "array of %d to %d strings", (int)least, (int)most);
        return;
    case KIND_VERSION:
        snprintf(ret, LINE, "integer, or object of integers");
        return;
    case KIND_OBJECTS:
        snprintf(ret, LINE, "array of %d to %d objects", (int)least, (int)most);
        return;
    }
}

static const struct {
    const char *name;
    enum kind kind;
    uint64_t least, most;
} keys[] = {
#define X(key, name, kind, field, flag, least, most, words) [KEY_##key] = {name, KIND_##kind, least, most},
    COMMAND_KEYS(X)
#undef X
};

struct key_use {
    enum command_key key;
    bool must;
};

// The section of a command has the table of its keys, these and no others, or none where it takes none.
static void keys_documented(const char *docs, const char *heading, const struct key_use *use)
{
    static const char head[] = "| key | | |\n|---|---|---|\n";
    const char *at = strstr(docs, heading);
    assert_non_null(at);
    at += strlen(heading);
    if (use->key == KEY_NONE) {
        assert_int_not_equal(strncmp(at, "| key", 5), 0);
        return;
    }
    assert_int_equal(strncmp(at, head, sizeof head - 1), 0);
    at += sizeof head - 1;
    for (; use->key != KEY_NONE; use++) {
        char words[LINE], line[2 * LINE];
        kind_words(words, keys[use->key].kind, keys[use->key].least, keys[use->key].most);
        int n = snprintf(line, sizeof line, "| `%s` | %s%s | ", keys[use->key].name,
                         use->must ? "" : "optional ", words);
        if (strncmp(at, line, (size_t)n) != 0)
            print_error("want \"%s\"\ngot  \"%.*s\"\n", line, n, at);
        assert_int_equal(strncmp(at, line, (size_t)n), 0);
        at = strchr(at, '\n') + 1;
    }
    assert_int_not_equal(*at, '|');
}

static void test_documented_keys(void **state)
{
    (void)state;
    char *docs = source_text("docs/protocol/native.md");
#define MUST(key) {KEY_##key, true},
#define MAY(key) {KEY_##key, false},
#define API(key) // docs/API.md has it
#define API_MUST API
#define INNER(...)
#define COMPACT(...)
#define HTTP(...)
#define NATIVE(lower, ...) \
    keys_documented(docs, "\n### " #lower "\n", (const struct key_use[]){__VA_ARGS__{KEY_NONE, false}});
#define X(upper, lower, where, keys, ...) where(lower, keys)
    COMMANDS(X)
#undef X
#undef NATIVE
#undef HTTP
#undef COMPACT
#undef INNER
#undef API_MUST
#undef API
#undef MAY
#undef MUST
    free(docs);
}

// A section of a command ends with its right and the codes that are its own: those of its row, and no others. What else stands in
// backticks there is no code.
static void errors_documented(const char *docs, enum command_type type, bool with_right)
{
    const struct command_row *row = command_row(type);
    char heading[64], begins[64];
    snprintf(heading, sizeof heading, "\n### %s\n", row->name);
    snprintf(begins, sizeof begins, row->right == RIGHT_NONE ? "\nRight: none" : "\nRight: `%s`",
             right_names[row->right]);
    const char *at = strstr(docs, heading);
    assert_non_null(at);
    const char *end = strstr(at + 1, "\n##"), *last = NULL;
    for (const char *p = at; (p = strstr(p, with_right ? begins : "\nErrors")) != NULL && p < end; p++)
        last = p;
    if (last == NULL)
        print_error("### %s has no \"%s\"\n", row->name, with_right ? begins + 1 : "Errors");
    assert_non_null(last);
    const char *list = strstr(last, "Errors");
    assert_true(list != NULL && list < end);
    assert_null(memmem(list, (size_t)(end - list), "\n\n", 2)); // nothing is behind it
    uint32_t found = 0;
    for (const char *p = list; (p = strchr(p, '`')) != NULL && p < end;) {
        const char *to = strchr(++p, '`');
        assert_non_null(to);
        enum problem_code code = problem_find(str_make(p, (size_t)(to - p)));
        found |= code != PROBLEM_COUNT ? UINT32_C(1) << code : 0;
        p = to + 1;
    }
    for (int i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++)
        if ((found ^ row->errors) & UINT32_C(1) << i)
            print_error("### %s: `%s` is %s\n", row->name, problem_name((enum problem_code)i),
                        found & UINT32_C(1) << i ? "not in its row" : "in its row only");
    assert_int_equal(found, row->errors);
    assert_int_equal(row->errors == 0,
                     strstr(list, "none of its own") != NULL && strstr(list, "none of its own") < end);
}

static void test_documented_errors(void **state)
{
    (void)state;
    char *native = source_text("docs/protocol/native.md"), *api = source_text("docs/API.md");
#define INNER(upper)
#define NATIVE(upper) errors_documented(native, CMD_##upper, true);
#define COMPACT(upper)
#define HTTP(upper) errors_documented(api, CMD_##upper, false);
#define X(upper, lower, where, ...) where(upper)
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
    // Those of any stand in front of the commands.
    const char *at = strstr(native, "Every command may also be answered by an [`error`](#errors)."),
               *end = strstr(native, "\n### hello\n");
    assert_true(at != NULL && at < end);
    const uint32_t hello = command_row(CMD_HELLO)->errors; // which are said to be the hello's
    for (int i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++) {
        char code[64];
        snprintf(code, sizeof code, "`%s`", problem_name((enum problem_code)i));
        const char *found = strstr(at, code);
        if (command_row(CMD_NONE)->errors & ~hello & UINT32_C(1) << i)
            assert_true(found != NULL && found < end);
    }
    free(native);
    free(api);
}

// The page of the HTTP API has all of its commands, and the keys of those that are its own.
static void test_documented_api(void **state)
{
    (void)state;
    static const char path[] = "docs/API.md";
    char *docs = source_text(path), line[LINE];
    size_t n = 0;
#define MUST(key) {KEY_##key, true},
#define MAY(key) {KEY_##key, false},
#define API MAY
#define API_MUST MUST
#define INNER(lower, help, ...)
#define NATIVE(lower, help, ...)                                                                     \
    snprintf(line, sizeof line, "\n| [`" #lower "`](protocol/native.md#" #lower ") | " help " |\n"); \
    must_document(path, docs, line);
#define COMPACT(lower, help, ...)
#define HTTP(lower, help, ...)                                                     \
    snprintf(line, sizeof line, "\n| [`" #lower "`](#" #lower ") | " help " |\n"); \
    must_document(path, docs, line);                                               \
    keys_documented(docs, "\n### " #lower "\n", (const struct key_use[]){__VA_ARGS__{KEY_NONE, false}});
#define X(upper, lower, where, keys, decided, right, cost, tokens, reply, help) \
    if (api_serves(CMD_##upper)) {                                              \
        where(lower, help, keys) n++;                                           \
    }
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
#undef API_MUST
#undef API
#undef MAY
#undef MUST
    must_count(path, docs, "| command | what for |\n|---|---|", "\n| [`", n);
    for (int i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++) { // each code in the row of its status
        snprintf(line, sizeof line, "\n| %d | ", problem_status((enum problem_code)i));
        const char *at = strstr(docs, line);
        assert_non_null(at);
        snprintf(line, sizeof line, "`%s`", problem_name((enum problem_code)i));
        const char *code = strstr(at, line);
        assert_true(code != NULL && code < strchr(at + 1, '\n'));
    }
    free(docs);
}

static void test_documented_codes(void **state)
{
    (void)state;
    static const char path[] = "docs/protocol/native.md";
    char *docs = source_text(path), code[64];
    for (int i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++) {
        snprintf(code, sizeof code, "`%s`", problem_name((enum problem_code)i));
        must_document(path, docs, code);
    }
    free(docs);
}

static void test_documented_words(void **state)
{
    (void)state;
    static const char path[] = "docs/protocol/text.md";
    char *docs = source_text(path);
    size_t n = 0;
#define X(word, upper, args, does)                                                           \
    must_document(path, docs, *args ? "\n| `/" #word " " args "` |" : "\n| `/" #word "` |"); \
    n++;
    TEXT_COMMANDS(X)
#undef X
    must_count(path, docs, "| command | effect | answer |\n|---|---|---|", "\n| `/", n);
    free(docs);
}

// What a command's row says of it.
static void test_rows(void **state)
{
    (void)state;
    assert_string_equal(command_name(CMD_NONE), "none");
    assert_string_equal(command_name(CMD_SWITCH), "switch");
    const struct command_row *row = command_row(CMD_SIGNAL);
    assert_int_equal(row->decided, DECIDED_ROOM);
    assert_int_equal(row->right, RIGHT_SIGNAL);
    assert_int_equal(row->cost, COST_SIGNAL);
    assert_int_equal(row->tokens, 1);
    assert_int_equal(row->reply, EV_NONE);
    assert_int_equal(command_row(CMD_PING)->decided, DECIDED_EDGE);
    assert_int_equal(command_row(CMD_PING)->reply, EV_PONG);
}

// What counts for others who are told it, and as how much.
static void test_what_is_said(void **state)
{
    (void)state;
    static const bool said[CMD_COUNT] = {[CMD_MESSAGE] = true, [CMD_SIGNAL] = true, [CMD_DIRECT] = true,
                                         [CMD_EDIT] = true,    [CMD_DELETE] = true, [CMD_REACT] = true};
    static const char text[3 * COST_BYTES];
    static const struct {
        size_t data, set, unset, merge;
        uint32_t tokens;
    } rows[] = {
        {0, 0, 0, 0, 1},
        {1, 0, 0, 0, 1},
        {COST_BYTES - 1, 0, 0, 0, 1},
        {COST_BYTES, 0, 0, 0, 2},
        {3 * COST_BYTES, 0, 0, 0, 4},
        {0, COST_BYTES / 2, COST_BYTES / 4, COST_BYTES / 4 - 1, 1},
        {0, COST_BYTES / 2, COST_BYTES / 4, COST_BYTES / 4, 2},
    };
    for (uint32_t type = 0; type < CMD_COUNT; type++) {
        assert_int_equal(command_says(&(struct command){.type = (enum command_type)type}), said[type]);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            const struct command c = {.type = (enum command_type)type,
                                      .data = str_make(text, rows[i].data),
                                      .set = str_make(text, rows[i].set),
                                      .unset = str_make(text, rows[i].unset),
                                      .merge = str_make(text, rows[i].merge)};
            assert_int_equal(command_said_tokens(&c), rows[i].tokens);
            if (type == CMD_STATE)
                assert_int_equal(command_says(&c), command_changes(&c));
        }
    }
}

static void test_table(void **state)
{
    (void)state;
    ways_check(&ways_served);
    const struct way *ws = way_find(&ways_served, TRANSPORT_HTTP, STR("/ws"));
    assert_int_equal(ws->encoding, ENCODING_JSON);
    const struct way *bytes = way_next(&ways_served, ws);
    assert_int_equal(bytes->encoding, ENCODING_BYTES);
    const struct way *proto = way_next(&ways_served, bytes);
    assert_int_equal(proto->encoding, ENCODING_PROTOBUF);
    assert_null(way_next(&ways_served, proto));
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
        cmocka_unit_test(test_names_accepted),    cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_names_length),      cmocka_unit_test(test_problem_names),
        cmocka_unit_test(test_role_names),        cmocka_unit_test(test_documented_commands),
        cmocka_unit_test(test_documented_keys),   cmocka_unit_test(test_documented_codes),
        cmocka_unit_test(test_documented_errors), cmocka_unit_test(test_documented_api),
        cmocka_unit_test(test_documented_words),  cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_is_said),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_ways_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
