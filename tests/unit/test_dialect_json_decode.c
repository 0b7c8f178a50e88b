// SPDX-License-Identifier: Apache-2.0
//
// Native JSON: messages of a client to commands. Every command, every key, every error.
#include "unit/dialect_support.h"

static struct decoded json(const char *message) { return decode(ENCODING_JSON, str_from_cstr(message)); }

static struct decoded json_ok(const char *message)
{
    struct decoded d = json(message);
    if (d.err != OK)
        fail_msg("%s: %s: %s", message, problem_name(d.problem.code), d.problem.text);
    return d;
}

static void test_hello(void **state)
{
    (void)state;
    struct decoded d =
        json_ok("{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\",\"name\":\"Ada\",\"resume\":\"s3\"}");
    assert_int_equal(d.command.type, CMD_HELLO);
    assert_str(d.command.id, "1");
    assert_str(d.command.token, "a.b.c");
    assert_str(d.command.name, "Ada");
    assert_str(d.command.resume, "s3");
    decoded_free(&d);

    d = json_ok("{\"type\":\"rename\",\"id\":2,\"name\":\"Ad\\u0061\"}");
    assert_int_equal(d.command.type, CMD_RENAME);
    assert_str(d.command.name, "Ada");
    decoded_free(&d);

    d = json_ok("{\"type\":\"hello\"}");
    assert_int_equal(d.command.type, CMD_HELLO);
    assert_null(d.command.id.p);
    assert_null(d.command.token.p);
    assert_null(d.command.name.p);
    assert_null(d.command.resume.p);
    decoded_free(&d);
}

// What a message is read into, command by command: `TYPE id room`, or `! id code`, each with a line end.
static void check_commands(const char *message, const char *wanted)
{
    char got[1024] = "", scratch[512];
    size_t n = strlen(message), at = 0;
    char *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, message, n);
    struct scratch s = {.p = scratch, .cap = sizeof scratch};
    struct reading r = {.message = {copy, n}, .scratch = &s};
    do {
        struct command c;
        struct problem p;
        enum err e = ways_served.encodings[ENCODING_JSON]->payloads->decode(&r, &c, &p);
        assert_true(r.at > at && r.at <= n);
        at = r.at;
        assert_int_equal(c.with_hello, c.type == CMD_JOIN);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s %.*s %.*s\n",
                 e == OK ? command_name(c.type) : "!", STR_ARG(c.id),
                 STR_ARG(e == OK ? c.room : str_from_cstr(problem_name(p.code))));
    } while (at < n);
    assert_string_equal(got, wanted);
    free(copy);
}

static void a_hello_with_rooms_is_followed_by_joins(void **state)
{
    (void)state;
    check_commands("{\"type\":\"hello\",\"rooms\":[{\"room\":\"a\"}]}", "hello  \njoin  a\n");
    check_commands(
        " { \"rooms\" : [ {\"id\":2,\"room\":\"a\"} ,\n\t{ \"room\" : \"b\" , \"id\":\"x\"} ] , \"id\":1 , \"type\" : \"hello\" } ",
        "hello 1 \njoin 2 a\njoin \"x\" b\n");
    check_commands(
        "{\"type\":\"hello\",\"rooms\":[{\"room\":\"],[{\"},{\"room\":\"\\u0062\"}],\"more\":[{\"room\":\"c\"}]}",
        "hello  \njoin  ],[{\njoin  b\n");
    // One that is wrong is refused by itself.
    check_commands(
        "{\"type\":\"hello\",\"id\":1,\"rooms\":[{\"id\":2},{\"id\":3,\"room\":\"\"},{\"id\":4,\"room\":\"d\",\"history\":-1},"
        "{\"id\":5,\"room\":\"e\",\"room\":\"f\"},{\"id\":[],\"room\":\"g\"},{\"id\":7,\"room\":\"h\",\"type\":\"leave\"}]}",
        "hello 1 \n! 2 bad_command\n! 3 bad_room\n! 4 bad_command\n!  bad_json\n!  bad_command\njoin 7 h\n");
    // What is no list of rooms is no hello.
    static const char *const none[] = {"[]", "[1]", "[{},1]", "{}", "\"a\"", "null", "[[]]"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        char message[128];
        snprintf(message, sizeof message, "{\"type\":\"hello\",\"id\":1,\"rooms\":%s}", none[i]);
        check_commands(message, "! 1 bad_command\n");
    }
    // As many as a message may have commands, and no more.
    for (int rooms = HELLO_ROOMS_MAX; rooms <= HELLO_ROOMS_MAX + 1; rooms++) {
        char message[4096];
        int n = snprintf(message, sizeof message, "{\"type\":\"hello\",\"rooms\":[{}");
        for (int i = 1; i < rooms; i++)
            n += snprintf(message + n, sizeof message - (size_t)n, ",{}");
        snprintf(message + n, sizeof message - (size_t)n, "]}");
        struct scratch s = {.p = (char[64]){0}, .cap = 64};
        struct reading r = {.message = str_from_cstr(message), .scratch = &s};
        struct command c;
        struct problem p;
        assert_int_equal(ways_served.encodings[ENCODING_JSON]->payloads->decode(&r, &c, &p),
                         rooms <= HELLO_ROOMS_MAX ? OK : ERR_SYNTAX);
    }
    // Elsewhere the key is another command's, or nobody's.
    check_commands("{\"type\":\"ping\",\"rooms\":[{\"room\":\"a\"}]}", "ping  \n");
}

static void test_join(void **state)
{
    (void)state;
    struct decoded d =
        json_ok("{\"type\":\"join\",\"room\":\"lobby\",\"token\":\"t\",\"history\":50,\"members\":true,"
                "\"since\":{\"epoch\":\"k3F\",\"offset\":9007199254740991,\"more\":[]}}");
    assert_int_equal(d.command.type, CMD_JOIN);
    assert_str(d.command.room, "lobby");
    assert_str(d.command.token, "t");
    assert_true(d.command.has_history);
    assert_int_equal(d.command.history, 50);
    assert_true(d.command.want_members);
    assert_true(d.command.has_since);
    assert_str(d.command.since_epoch, "k3F");
    assert_int_equal(d.command.since_offset, UINT64_C(9007199254740991));
    decoded_free(&d);

    d = json_ok("{\"type\":\"join\",\"room\":\"lobby\",\"members\":false,\"history\":0}");
    assert_false(d.command.has_since);
    assert_false(d.command.want_members);
    assert_true(d.command.has_history);
    assert_int_equal(d.command.history, 0);
    decoded_free(&d);
}

static void test_leave_and_switch(void **state)
{
    (void)state;
    struct decoded d = json_ok("{\"type\":\"leave\",\"room\":\"a b\",\"id\":\"x\"}");
    assert_int_equal(d.command.type, CMD_LEAVE);
    assert_str(d.command.room, "a b");
    assert_str(d.command.id, "\"x\"");
    decoded_free(&d);

    d = json_ok("{\"type\":\"switch\",\"from\":\"a\",\"to\":\"b\",\"history\":3,\"members\":true}");
    assert_int_equal(d.command.type, CMD_SWITCH);
    assert_str(d.command.from, "a");
    assert_str(d.command.room, "b");
    assert_int_equal(d.command.history, 3);
    assert_true(d.command.want_members);
    assert_null(d.command.to.p);
    decoded_free(&d);
}

static void test_message_and_direct(void **state)
{
    (void)state;
    struct decoded d = json_ok(
        "{\"type\":\"message\",\"room\":\"r\",\"data\":{\"text\":\"hi\"},\"key\":\"k\\u0031\",\"echo\":true}");
    assert_int_equal(d.command.type, CMD_MESSAGE);
    assert_str(d.command.room, "r");
    assert_str(d.command.data, "{\"text\":\"hi\"}");
    assert_str(d.command.key, "k1");
    assert_true(d.command.echo);
    decoded_free(&d);

    d = json_ok("{\"type\":\"message\",\"room\":\"r\",\"data\":null}");
    assert_str(d.command.data, "null");
    assert_false(d.command.echo);
    assert_null(d.command.key.p);
    decoded_free(&d);

    d = json_ok("{\"type\":\"direct\",\"to\":\"guest-1\",\"data\":[1,2],\"key\":\"k\"}");
    assert_int_equal(d.command.type, CMD_DIRECT);
    assert_str(d.command.to, "guest-1");
    assert_false(d.command.to_by_name);
    assert_str(d.command.data, "[1,2]");
    assert_str(d.command.key, "k");
    decoded_free(&d);
}

static void test_decrees(void **state)
{
    (void)state;
    struct decoded d = json_ok(
        "{\"type\":\"ban\",\"room\":\"r\",\"user\":\"u\\u0031\",\"seconds\":315360000,\"reason\":\"sp\\u0061m\"}");
    assert_int_equal(d.command.type, CMD_BAN);
    assert_str(d.command.room, "r");
    assert_str(d.command.to, "u1");
    assert_false(d.command.to_by_name);
    assert_true(d.command.has_seconds);
    assert_int_equal(d.command.seconds, 315360000);
    assert_str(d.command.reason, "spam");
    decoded_free(&d);

    d = json_ok("{\"type\":\"mute\",\"room\":\"r\",\"user\":\"u\"}");
    assert_int_equal(d.command.type, CMD_MUTE);
    assert_false(d.command.has_seconds);
    assert_int_equal(d.command.seconds, 0);
    assert_null(d.command.reason.p);
    decoded_free(&d);

    d = json_ok("{\"type\":\"role\",\"room\":\"r\",\"user\":\"u\",\"role\":\"host\"}");
    assert_int_equal(d.command.type, CMD_ROLE);
    assert_str(d.command.role, "host");
    decoded_free(&d);

    d = json_ok("{\"type\":\"slow\",\"room\":\"r\",\"seconds\":0}");
    assert_int_equal(d.command.type, CMD_SLOW);
    assert_true(d.command.has_seconds);
    decoded_free(&d);

    d = json_ok("{\"type\":\"readonly\",\"room\":\"r\",\"on\":true}");
    assert_int_equal(d.command.type, CMD_READONLY);
    assert_true(d.command.on);
    decoded_free(&d);
}

static void test_lists(void **state)
{
    (void)state;
    struct decoded d = json_ok("{\"type\":\"members\",\"room\":\"r\",\"limit\":1000,\"after\":\"u\\\"1\"}");
    assert_int_equal(d.command.type, CMD_MEMBERS);
    assert_int_equal(d.command.limit, 1000);
    assert_str(d.command.after, "u\"1");
    decoded_free(&d);

    d = json_ok("{\"type\":\"history\",\"room\":\"r\",\"before\":41,\"limit\":1}");
    assert_int_equal(d.command.type, CMD_HISTORY);
    assert_true(d.command.has_before);
    assert_int_equal(d.command.before_offset, 41);
    assert_int_equal(d.command.limit, 1);
    assert_false(d.command.has_since);
    decoded_free(&d);

    d = json_ok("{\"type\":\"history\",\"room\":\"r\",\"since\":{\"offset\":0,\"epoch\":\"e\"}}");
    assert_true(d.command.has_since);
    assert_int_equal(d.command.since_offset, 0);
    assert_false(d.command.has_before);
    assert_int_equal(d.command.limit, 0);
    decoded_free(&d);

    d = json_ok("{\"type\":\"rooms\",\"prefix\":\"game/\",\"limit\":5,\"after\":\"game/1\"}");
    assert_int_equal(d.command.type, CMD_ROOMS);
    assert_str(d.command.prefix, "game/");
    assert_str(d.command.after, "game/1");
    assert_int_equal(d.command.limit, 5);
    decoded_free(&d);

    d = json_ok("{\"type\":\"rooms\",\"prefix\":\"\"}");
    assert_int_equal(d.command.prefix.n, 0);
    decoded_free(&d);
}

static void test_ping_and_white_space(void **state)
{
    (void)state;
    struct decoded d =
        json_ok(" \r\n\t{ \"type\" : \"p\\u0069ng\" , \"\\u0069d\" : -9223372036854775808 }\n");
    assert_int_equal(d.command.type, CMD_PING);
    assert_str(d.command.id, "-9223372036854775808");
    decoded_free(&d);
}

// What a later client sends along must not hurt, even where the name is taken by another command's key.
static void test_unknown_keys(void **state)
{
    (void)state;
    struct decoded d = json_ok(
        "{\"v\":2,\"type\":\"leave\",\"room\":\"r\",\"data\":{},\"history\":\"x\",\"since\":7,\"\":null}");
    assert_int_equal(d.command.type, CMD_LEAVE);
    assert_null(d.command.data.p);
    decoded_free(&d);
}

static void test_ids(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-1",
        "-0",
        "9223372036854775807",
        "-9223372036854775808",
        "\"\"",
        "\"\\u0000\\\"\"",
        "\"\xe2\x82\xac\"",
        "\"0123456789012345678901234567890123456789012345678901234567890123\"",
    };
    static const char *const bad[] = {
        "1.0",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "null",
        "true",
        "[1]",
        "{}",
        "\"01234567890123456789012345678901234567890123456789012345678901234\"",
    };
    char message[256];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(message, sizeof message, "{\"type\":\"ping\",\"id\":%s}", good[i]);
        struct decoded d = json_ok(message);
        assert_str_eq(d.command.id, str_from_cstr(good[i]));
        decoded_free(&d);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(message, sizeof message, "{\"type\":\"ping\",\"id\":%s}", bad[i]);
        struct decoded d = json(message);
        assert_int_equal(d.problem.code, PROBLEM_BAD_COMMAND);
        assert_non_null(strstr(d.problem.text, "`id`"));
        assert_null(d.command.id.p);
        decoded_free(&d);
    }
}

struct error_case {
    const char *message;
    enum problem_code code;
    const char *mentions; // part of the sentence
};

static void check_errors(const struct error_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct decoded d = json(cases[i].message);
        if (d.problem.code != cases[i].code ||
            (cases[i].mentions && !strstr(d.problem.text, cases[i].mentions)))
            fail_msg("%s: got %s: %s", cases[i].message, problem_name(d.problem.code),
                     d.problem.text ? d.problem.text : "");
        decoded_free(&d);
    }
}

#define CHECK_ERRORS(cases) check_errors((cases), ARRAY_LEN(cases))

static void test_errors_json(void **state)
{
    (void)state;
    static const struct error_case cases[] = {
        {"", PROBLEM_BAD_JSON, NULL},
        {"hello", PROBLEM_BAD_JSON, NULL},
        {"[]", PROBLEM_BAD_JSON, NULL},
        {"\"ping\"", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\"", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\"}{}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\",}", PROBLEM_BAD_JSON, NULL},
        {"{'type':'ping'}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\",\"id\":01}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\",\"id\":1,\"id\":1}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"ping\",\"\\u0074ype\":\"ping\"}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"join\",\"room\":\"\\ud800\"}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"join\",\"room\":\"a\nb\"}", PROBLEM_BAD_JSON, NULL},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"a\",\"epoch\":\"b\",\"offset\":1}}",
         PROBLEM_BAD_JSON, NULL},
    };
    CHECK_ERRORS(cases);
}

static void test_errors_type(void **state)
{
    (void)state;
    static const struct error_case cases[] = {
        {"{}", PROBLEM_BAD_COMMAND, "`type`"},
        {"{\"type\":null}", PROBLEM_BAD_COMMAND, "`type`"},
        {"{\"type\":1}", PROBLEM_BAD_COMMAND, "`type`"},
        {"{\"type\":\"\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"Ping\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"pin\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"ping\\u0000\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
         PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"welcome\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"nick\",\"name\":\"x\"}", PROBLEM_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"state\"}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"state\",\"room\":\"r\",\"set\":null}", PROBLEM_BAD_COMMAND, "`set`"},
        {"{\"type\":\"state\",\"room\":\"r\",\"merge\":[]}", PROBLEM_BAD_COMMAND, "`merge`"},
        {"{\"type\":\"state\",\"room\":\"r\",\"unset\":[\"a\",1]}", PROBLEM_BAD_COMMAND, "`unset`"},
        {"{\"type\":\"state\",\"room\":\"r\",\"unset\":[],\"if_version\":\"1\"}", PROBLEM_BAD_COMMAND,
         "`if_version`"},
        {"{\"type\":\"state\",\"room\":\"r\",\"if_version\":1}", PROBLEM_BAD_COMMAND, "`if_version`"},
        {"{\"type\":\"role\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
        {"{\"type\":\"kick\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
        {"{\"type\":\"ban\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
        {"{\"type\":\"unban\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
        {"{\"type\":\"mute\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
        {"{\"type\":\"unmute\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`user`"},
    };
    CHECK_ERRORS(cases);
}

static void test_errors_rooms(void **state)
{
    (void)state;
    static const struct error_case cases[] = {
        {"{\"type\":\"join\"}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"join\",\"room\":7}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"join\",\"room\":null}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"join\",\"room\":\"\"}", PROBLEM_BAD_ROOM, "128"},
        {"{\"type\":\"join\",\"room\":\" a\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"join\",\"room\":\"a \"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"join\",\"room\":\"a\\nb\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"join\",\"room\":\"a\\u0000b\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"join\",\"room\":\"a\\u009b\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"leave\"}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"leave\",\"room\":\"\\t\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"switch\",\"to\":\"b\"}", PROBLEM_BAD_COMMAND, "`from`"},
        {"{\"type\":\"switch\",\"from\":\"a\"}", PROBLEM_BAD_COMMAND, "`to`"},
        {"{\"type\":\"switch\",\"from\":\"\",\"to\":\"b\"}", PROBLEM_BAD_ROOM, NULL},
        {"{\"type\":\"switch\",\"from\":\"a\",\"to\":[]}", PROBLEM_BAD_COMMAND, "`to`"},
        {"{\"type\":\"message\",\"data\":1}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"members\"}", PROBLEM_BAD_COMMAND, "`room`"},
        {"{\"type\":\"history\",\"room\":false}", PROBLEM_BAD_COMMAND, "`room`"},
    };
    CHECK_ERRORS(cases);
}

static void test_errors_keys(void **state)
{
    (void)state;
    static const struct error_case cases[] = {
        {"{\"type\":\"hello\",\"name\":1}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"hello\",\"name\":\"\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"hello\",\"name\":\" a\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"hello\",\"name\":\"a\\u001b\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"rename\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"rename\",\"name\":7}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"rename\",\"name\":\"\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"rename\",\"name\":\"a \"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"rename\",\"name\":\"a\\u0007\"}", PROBLEM_BAD_COMMAND, "`name`"},
        {"{\"type\":\"hello\",\"token\":{}}", PROBLEM_BAD_COMMAND, "`token`"},
        {"{\"type\":\"hello\",\"resume\":null}", PROBLEM_BAD_COMMAND, "`resume`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"history\":-1}", PROBLEM_BAD_COMMAND, "`history`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"history\":1001}", PROBLEM_BAD_COMMAND, "1000"},
        {"{\"type\":\"join\",\"room\":\"r\",\"history\":true}", PROBLEM_BAD_COMMAND, "`history`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"members\":1}", PROBLEM_BAD_COMMAND, "`members`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"members\":\"true\"}", PROBLEM_BAD_COMMAND, "`members`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":5}", PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":null}", PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{}}", PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"e\"}}", PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"offset\":1}}", PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":1,\"offset\":1}}", PROBLEM_BAD_COMMAND,
         "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"e\",\"offset\":\"1\"}}",
         PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"e\",\"offset\":9007199254740992}}",
         PROBLEM_BAD_COMMAND, "`since`"},
        {"{\"type\":\"message\",\"room\":\"r\"}", PROBLEM_BAD_COMMAND, "`data`"},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"key\":1}", PROBLEM_BAD_COMMAND, "`key`"},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"key\":\"\"}", PROBLEM_BAD_COMMAND, "`key`"},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"echo\":0}", PROBLEM_BAD_COMMAND, "`echo`"},
        {"{\"type\":\"direct\",\"data\":1}", PROBLEM_BAD_COMMAND, "`to`"},
        {"{\"type\":\"direct\",\"to\":\"\",\"data\":1}", PROBLEM_BAD_COMMAND, "`to`"},
        {"{\"type\":\"direct\",\"to\":1,\"data\":1}", PROBLEM_BAD_COMMAND, "`to`"},
        {"{\"type\":\"direct\",\"to\":\"u\"}", PROBLEM_BAD_COMMAND, "`data`"},
        {"{\"type\":\"direct\",\"to\":\"u\",\"data\":1,\"key\":[]}", PROBLEM_BAD_COMMAND, "`key`"},
        {"{\"type\":\"members\",\"room\":\"r\",\"limit\":0}", PROBLEM_BAD_COMMAND, "`limit`"},
        {"{\"type\":\"members\",\"room\":\"r\",\"limit\":1001}", PROBLEM_BAD_COMMAND, "`limit`"},
        {"{\"type\":\"members\",\"room\":\"r\",\"limit\":1.5}", PROBLEM_BAD_COMMAND, "`limit`"},
        {"{\"type\":\"members\",\"room\":\"r\",\"limit\":1e1000000000}", PROBLEM_BAD_COMMAND, "`limit`"},
        {"{\"type\":\"members\",\"room\":\"r\",\"after\":3}", PROBLEM_BAD_COMMAND, "`after`"},
        {"{\"type\":\"history\",\"room\":\"r\",\"before\":\"7\"}", PROBLEM_BAD_COMMAND, "`before`"},
        {"{\"type\":\"history\",\"room\":\"r\",\"before\":9,\"since\":{\"epoch\":\"e\",\"offset\":1}}",
         PROBLEM_BAD_COMMAND, "give one"},
        {"{\"type\":\"rooms\",\"prefix\":1}", PROBLEM_BAD_COMMAND, "`prefix`"},
        {"{\"type\":\"rooms\",\"limit\":\"9\"}", PROBLEM_BAD_COMMAND, "`limit`"},
    };
    CHECK_ERRORS(cases);
}

// A message with one string of n times `unit` in it.
static struct decoded json_long(const char *head, const char *unit, size_t n, const char *tail)
{
    size_t unit_n = strlen(unit);
    char *message = malloc(strlen(head) + unit_n * n + strlen(tail) + 1);
    assert_non_null(message);
    size_t used = strlen(head);
    memcpy(message, head, used);
    for (size_t i = 0; i < n; i++, used += unit_n)
        memcpy(message + used, unit, unit_n);
    memcpy(message + used, tail, strlen(tail) + 1);
    struct decoded d = json(message);
    free(message);
    return d;
}

// Each limit holds to the byte, counted after unescaping.
static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *head, *tail;
        size_t n_max;
        enum problem_code code;
    } cases[] = {
        {"{\"type\":\"join\",\"room\":\"", "\"}", ROOM_NAME_MAX, PROBLEM_BAD_ROOM},
        {"{\"type\":\"hello\",\"name\":\"", "\"}", USER_NAME_MAX, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"rename\",\"name\":\"", "\"}", USER_NAME_MAX, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"hello\",\"resume\":\"", "\"}", RESUME_TOKEN_MAX, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"hello\",\"token\":\"", "\"}", 16384, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"direct\",\"data\":1,\"to\":\"", "\"}", USER_ID_MAX, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"key\":\"", "\"}", MESSAGE_KEY_MAX,
         PROBLEM_BAD_COMMAND},
        {"{\"type\":\"rooms\",\"prefix\":\"", "\"}", ROOM_NAME_MAX, PROBLEM_BAD_COMMAND},
        {"{\"type\":\"rooms\",\"after\":\"", "\"}", 256, PROBLEM_BAD_COMMAND},
    };
    static const char *const units[] = {"x", "\\u0078"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t u = 0; u < 2; u++) {
            struct decoded d = json_long(cases[i].head, units[u], cases[i].n_max, cases[i].tail);
            assert_int_equal(d.problem.code, PROBLEM_NONE);
            decoded_free(&d);
            d = json_long(cases[i].head, units[u], cases[i].n_max + 1, cases[i].tail);
            assert_int_equal(d.problem.code, cases[i].code);
            decoded_free(&d);
        }
    }
}

static void test_depth_and_key_count(void **state)
{
    (void)state;
    // The message itself is the first level.
    struct decoded d = json_long("{\"type\":\"message\",\"room\":\"r\",\"data\":", "[", JSON_DEPTH_MAX, "");
    assert_int_equal(d.problem.code, PROBLEM_BAD_JSON);
    decoded_free(&d);
    d = json_long("{\"type\":\"message\",\"room\":\"r\",\"data\":", "[", 100000, "");
    assert_int_equal(d.problem.code, PROBLEM_BAD_JSON);
    decoded_free(&d);

    char message[1024] = "{\"type\":\"ping\"";
    for (int i = 1; i < JSON_KEYS_MAX; i++)
        snprintf(message + strlen(message), sizeof message - strlen(message), ",\"k%d\":0", i);
    size_t n = strlen(message);
    memcpy(message + n, "}", 2);
    d = json_ok(message);
    decoded_free(&d);
    memcpy(message + n, ",\"one more\":0}", 15);
    d = json(message);
    assert_int_equal(d.problem.code, PROBLEM_BAD_JSON);
    decoded_free(&d);
}

// The error goes back with the id, whatever is wrong with the rest and wherever the id stands.
static void test_errors_keep_the_id(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "{\"type\":\"join\",\"room\":\"\",\"id\":\"q-1\"}",
        "{\"id\":\"q-1\",\"type\":\"nope\"}",
        "{\"type\":\"state\",\"id\":\"q-1\"}",
        "{\"id\":\"q-1\"}",
        "{\"type\":\"message\",\"room\":\"r\",\"id\":\"q-1\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct decoded d = json(messages[i]);
        assert_int_equal(d.err, ERR_SYNTAX);
        assert_str(d.command.id, "\"q-1\"");
        assert_null(d.command.room.p);
        decoded_free(&d);
    }
}

// A message that was cut off anywhere is bad JSON, nothing else, and nothing is read behind its end.
static void test_every_prefix(void **state)
{
    (void)state;
    static const char message[] =
        "{\"type\":\"join\",\"id\":-12,\"room\":\"\\ud83e\\udd8a\xf0\x9f\xa6\x8a\",\"history\":20,"
        "\"since\":{\"epoch\":\"e\\n\",\"offset\":1},\"members\":true}";
    for (size_t n = 0; n < sizeof message - 1; n++) {
        struct decoded d = decode(ENCODING_JSON, (str){message, n});
        assert_int_equal(d.problem.code, PROBLEM_BAD_JSON);
        decoded_free(&d);
    }
    struct decoded d = json_ok(message);
    assert_str(d.command.room, "\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a");
    assert_str(d.command.since_epoch, "e\n");
    decoded_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(a_hello_with_rooms_is_followed_by_joins),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_leave_and_switch),
        cmocka_unit_test(test_message_and_direct),
        cmocka_unit_test(test_decrees),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ping_and_white_space),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_errors_json),
        cmocka_unit_test(test_errors_type),
        cmocka_unit_test(test_errors_rooms),
        cmocka_unit_test(test_errors_keys),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth_and_key_count),
        cmocka_unit_test(test_errors_keep_the_id),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
