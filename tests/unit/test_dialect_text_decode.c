// SPDX-License-Identifier: Apache-2.0
//
// Text lines: what people type, to commands.
#include "unit/dialect_support.h"

static struct decoded line(const char *text) { return decode(ENCODING_TEXT_LINE, str_from_cstr(text)); }

static struct decoded line_ok(const char *text)
{
    struct decoded d = line(text);
    if (d.err != OK)
        fail_msg("%s: %s: %s", text, problem_name(d.problem.code), d.problem.text);
    assert_null(d.command.id.p);
    return d;
}

static void test_messages(void **state)
{
    (void)state;
    static const struct {
        const char *line, *data;
    } cases[] = {
        {"hello", "\"hello\""},
        {" ", "\" \""},
        {" /who", "\" /who\""},
        {"//join x", "\"/join x\""},
        {"//", "\"/\""},
        {"///", "\"//\""},
        {"say \"hi\" \\o/", "\"say \\\"hi\\\" \\\\o/\""},
        {"a\tb", "\"a\\tb\""},
        {"\x1b[2J\r!", "\"\\u001b[2J\\u000d!\""},
        {"\x7f\xc2\x9b\xf0\x9f\xa6\x8a", "\"\x7f\xc2\x9b\xf0\x9f\xa6\x8a\""},
        {"{\"text\":1}", "\"{\\\"text\\\":1}\""},
        {"two\nlines\n", "\"two\\u000alines\""}, // a WebSocket message is one line, whatever is in it
        {"end\r\n", "\"end\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = line_ok(cases[i].line);
        assert_int_equal(d.command.type, CMD_MESSAGE);
        assert_true(d.command.echo);
        assert_int_equal(d.command.room.n, 0);
        assert_str_eq(d.command.data, str_from_cstr(cases[i].data));
        assert_int_equal(json_validate(d.command.data, NULL), OK);
        decoded_free(&d);
    }
}

// The longest a line can become: every byte needs six.
static void test_worst_expansion(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 1, sizeof text);
    struct decoded d = decode(ENCODING_TEXT_LINE, (str){text, sizeof text});
    assert_int_equal(d.command.data.n, 6 * sizeof text + 2);
    char back[sizeof text * 6];
    str s;
    assert_int_equal(json_string_decode(d.command.data, back, sizeof back, &s), OK);
    assert_str_eq(s, ((str){text, sizeof text}));
    decoded_free(&d);

    d = decode(ENCODING_TEXT_LINE, STR("a\0b"));
    assert_str(d.command.data, "\"a\\u0000b\"");
    decoded_free(&d);
}

static void test_me(void **state)
{
    (void)state;
    struct decoded d = line_ok("/me  waves \"at\" Bob ");
    assert_int_equal(d.command.type, CMD_MESSAGE);
    assert_true(d.command.echo);
    assert_str(d.command.data, "{\"text\":\"waves \\\"at\\\" Bob\",\"action\":true}");
    assert_int_equal(json_validate(d.command.data, NULL), OK);
    decoded_free(&d);

    // The longest that a line can become must fit into what is promised for any line.
    char text[1000];
    memset(text, 1, sizeof text);
    memcpy(text, "/me ", 4);
    char scratch[6 * sizeof text + 2];
    struct scratch s = {.p = scratch, .cap = sizeof scratch};
    struct command c;
    struct problem p;
    assert_int_equal(decode_one(ENCODING_TEXT_LINE, (str){text, sizeof text}, &s, &c, &p), OK);
    assert_int_equal(json_validate(c.data, NULL), OK);

    d = line("/me  ");
    assert_int_equal(d.problem.code, PROBLEM_BAD_COMMAND);
    decoded_free(&d);
}

static void test_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "\n", "\r\n", "\r"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct decoded d = line_ok(lines[i]);
        assert_int_equal(d.command.type, CMD_NONE);
        decoded_free(&d);
    }
    struct decoded d = decode(ENCODING_TEXT_WS, STR_NONE);
    assert_int_equal(d.command.type, CMD_NONE);
    decoded_free(&d);
}

static void test_rooms(void **state)
{
    (void)state;
    struct decoded d = line_ok("/join \t tea room ");
    assert_int_equal(d.command.type, CMD_SWITCH);
    assert_str(d.command.room, "tea room");
    assert_int_equal(d.command.from.n, 0);
    assert_true(d.command.has_history);
    assert_int_equal(d.command.history, 10);
    decoded_free(&d);

    d = line_ok("/leave");
    assert_int_equal(d.command.type, CMD_LEAVE);
    assert_int_equal(d.command.room.n, 0);
    decoded_free(&d);
    d = line_ok("/LEAVE\tlobby");
    assert_int_equal(d.command.type, CMD_LEAVE);
    assert_str(d.command.room, "lobby");
    decoded_free(&d);

    d = line_ok("/rooms");
    assert_int_equal(d.command.type, CMD_ROOMS);
    assert_int_equal(d.command.prefix.n, 0);
    decoded_free(&d);
    d = line_ok("/rooms game/");
    assert_str(d.command.prefix, "game/");
    decoded_free(&d);

    d = line_ok("/who ");
    assert_int_equal(d.command.type, CMD_MEMBERS);
    assert_int_equal(d.command.room.n, 0);
    decoded_free(&d);

    d = line_ok("/history");
    assert_int_equal(d.command.type, CMD_HISTORY);
    assert_int_equal(d.command.limit, 20);
    assert_false(d.command.has_since || d.command.has_before);
    decoded_free(&d);
    d = line_ok("/history 1000");
    assert_int_equal(d.command.limit, 1000);
    decoded_free(&d);
}

static void test_people(void **state)
{
    (void)state;
    struct decoded d = line_ok("/nick Ada Lovelace");
    assert_int_equal(d.command.type, CMD_RENAME);
    assert_str(d.command.name, "Ada Lovelace");
    decoded_free(&d);

    d = line_ok("/msg  bob  see \"you\"  there ");
    assert_int_equal(d.command.type, CMD_DIRECT);
    assert_str(d.command.to, "bob");
    assert_true(d.command.to_by_name);
    assert_str(d.command.data, "\"see \\\"you\\\"  there\"");
    decoded_free(&d);

    d = line_ok("/msg \"Ada Lovelace\" hello");
    assert_str(d.command.to, "Ada Lovelace");
    assert_str(d.command.data, "\"hello\"");
    decoded_free(&d);

    d = line_ok("/msg 127.0.0.1:51234 /x");
    assert_str(d.command.to, "127.0.0.1:51234");
    assert_str(d.command.data, "\"/x\"");
    decoded_free(&d);
}

static void test_decrees(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_type type;
        const char *to, *reason;
        uint32_t seconds;
    } cases[] = {
        {"/kick bob", CMD_KICK, "bob", "", 0},
        {"/kick \"Ada Lovelace\" 10m too loud ", CMD_KICK, "Ada Lovelace", "10m too loud", 0},
        {"/ban bob", CMD_BAN, "bob", "", 0},
        {"/ban bob 10m", CMD_BAN, "bob", "", 600},
        {"/ban bob 2h go away", CMD_BAN, "bob", "go away", 7200},
        {"/ban bob go 2h", CMD_BAN, "bob", "go 2h", 0},
        {"/ban bob 7d", CMD_BAN, "bob", "", 7 * 86400},
        {"/ban bob 3651d", CMD_BAN, "bob", "3651d", 0}, // more than ten years: a reason
        {"/ban bob 0s", CMD_BAN, "bob", "0s", 0},
        {"/ban bob s", CMD_BAN, "bob", "s", 0},
        {"/unban guest-1", CMD_UNBAN, "guest-1", "", 0},
        {"/mute bob 30s", CMD_MUTE, "bob", "", 30},
        {"/mute bob 45 flood", CMD_MUTE, "bob", "flood", 45},
        {"/unmute bob", CMD_UNMUTE, "bob", "", 0},
        {"/slow 30s", CMD_SLOW, "", "", 30},
        {"/slow OFF", CMD_SLOW, "", "", 0},
        {"/role bob host", CMD_ROLE, "bob", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = line_ok(cases[i].line);
        assert_int_equal(d.command.type, cases[i].type);
        assert_str_eq(d.command.to, str_from_cstr(cases[i].to));
        assert_int_equal(d.command.to_by_name, d.command.to.n != 0);
        assert_str_eq(d.command.reason, str_from_cstr(cases[i].reason));
        assert_int_equal(d.command.seconds, cases[i].seconds);
        assert_str_eq(d.command.role, d.command.type == CMD_ROLE ? STR("host") : STR(""));
        decoded_free(&d);
    }
    struct decoded d = line_ok("/readonly");
    assert_true(d.command.on);
    decoded_free(&d);
    d = line_ok("/readonly off");
    assert_int_equal(d.command.type, CMD_READONLY);
    assert_false(d.command.on);
    decoded_free(&d);
}

static void test_help_and_quit(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_type type;
    } cases[] = {
        {"/help", CMD_HELP}, {"/help join", CMD_HELP}, {"/quit", CMD_QUIT}, {"/Quit good night", CMD_QUIT}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = line_ok(cases[i].line);
        assert_int_equal(d.command.type, cases[i].type);
        decoded_free(&d);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum problem_code code;
        const char *mentions;
    } cases[] = {
        {"/", PROBLEM_UNKNOWN_TYPE, "/help"},
        {"/ who", PROBLEM_UNKNOWN_TYPE, "/help"},
        {"/whom", PROBLEM_UNKNOWN_TYPE, "/help"},
        {"/wh", PROBLEM_UNKNOWN_TYPE, "/help"},
        {"/state \"a b", PROBLEM_BAD_COMMAND, "/state KEY VALUE"},
        {"/state \"\" 1", PROBLEM_BAD_COMMAND, "/state KEY VALUE"},
        {"/state 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
         "78901234567890123456789012345678 1",
         PROBLEM_BAD_COMMAND, "/state KEY VALUE"},
        {"/join", PROBLEM_BAD_COMMAND, "/join ROOM"},
        {"/join  ", PROBLEM_BAD_COMMAND, "/join ROOM"},
        {"/join a\x1b", PROBLEM_BAD_ROOM, "128"},
        {"/leave a\x1b", PROBLEM_BAD_COMMAND, "/leave"},
        {"/nick", PROBLEM_BAD_COMMAND, "/nick NAME"},
        {"/nick \xc2\x9b", PROBLEM_BAD_COMMAND, "/nick NAME"},
        {"/nick 0123456789012345678901234567890123456789012345678901234567890123456", PROBLEM_BAD_COMMAND,
         "64"},
        {"/who bob", PROBLEM_BAD_COMMAND, "/who"},
        {"/msg", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/msg bob", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/msg bob ", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/msg \"bob hello", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/msg \"\" hello", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/msg b\x1b hello", PROBLEM_BAD_COMMAND, "/msg USER TEXT"},
        {"/history 0", PROBLEM_BAD_COMMAND, "1000"},
        {"/history 1001", PROBLEM_BAD_COMMAND, "1000"},
        {"/history -1", PROBLEM_BAD_COMMAND, "1000"},
        {"/history 1 2", PROBLEM_BAD_COMMAND, "1000"},
        {"/history 99999999999999999999999", PROBLEM_BAD_COMMAND, "1000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = line(cases[i].line);
        if (d.problem.code != cases[i].code ||
            (cases[i].mentions && !strstr(d.problem.text, cases[i].mentions)))
            fail_msg("%s: got %s: %s", cases[i].line, problem_name(d.problem.code),
                     d.problem.text ? d.problem.text : "");
        decoded_free(&d);
    }

    char room[8 + ROOM_NAME_MAX + 1] = "/rooms ";
    memset(room + 7, 'x', ROOM_NAME_MAX + 1);
    struct decoded d = decode(ENCODING_TEXT_LINE, (str){room, 7 + ROOM_NAME_MAX});
    assert_int_equal(d.err, OK);
    decoded_free(&d);
    d = decode(ENCODING_TEXT_LINE, (str){room, 7 + ROOM_NAME_MAX + 1});
    assert_int_equal(d.problem.code, PROBLEM_BAD_COMMAND);
    decoded_free(&d);
}

// What keeps order, and what is about the message that was said last.
static void test_order_and_words(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_type type; // CMD_NONE: it is refused, in words that name it
        bool on;
    } rows[] = {
        {"/readonly", CMD_READONLY, true},
        {"/readonly On", CMD_READONLY, true},
        {"/readonly OFF", CMD_READONLY, false},
        {"/readonly maybe", CMD_NONE, false},
        {"/lock", CMD_LOCK, true},
        {"/lock ON", CMD_LOCK, true},
        {"/lock off", CMD_LOCK, false},
        {"/lock maybe", CMD_NONE, false},
        {"/edit", CMD_NONE, false},
        {"/react", CMD_NONE, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decoded d = line(rows[i].line);
        assert_int_equal(d.command.type, rows[i].type);
        if (rows[i].type == CMD_NONE) {
            char word[12] = {'`'};
            memcpy(word + 1, rows[i].line, strcspn(rows[i].line, " "));
            assert_non_null(strstr(d.problem.text, word));
        } else {
            assert_int_equal(d.command.on, rows[i].on);
        }
        decoded_free(&d);
    }
    struct decoded d = line_ok("/edit good \"evening\"");
    assert_int_equal(d.command.type, CMD_EDIT);
    assert_str(d.command.data, "\"good \\\"evening\\\"\"");
    decoded_free(&d);
    d = line_ok("/react +1");
    assert_int_equal(d.command.type, CMD_REACT);
    assert_str(d.command.key, "+1");
    decoded_free(&d);
}

// Words why, and no more of them than may be.
static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum command_type type;
        size_t most;
    } rows[] = {{"/close", CMD_CLOSE, REASON_MAX}, {"/delete", CMD_DELETE, REASON_MAX}};
    char text[REASON_MAX + 20];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decoded d = line_ok(rows[i].word);
        assert_int_equal(d.command.type, rows[i].type);
        assert_int_equal(d.command.reason.n, 0);
        decoded_free(&d);
        const size_t from = (size_t)snprintf(text, sizeof text, "%s ", rows[i].word);
        memset(text + from, 'y', rows[i].most + 1);
        d = decode(ENCODING_TEXT_LINE, str_make(text, from + rows[i].most));
        assert_int_equal(d.err, OK);
        assert_int_equal(d.command.reason.n, rows[i].most);
        decoded_free(&d);
        d = decode(ENCODING_TEXT_LINE, str_make(text, from + rows[i].most + 1));
        assert_int_equal(d.err, ERR_SYNTAX);
        assert_non_null(strstr(d.problem.text, "256 bytes"));
        decoded_free(&d);
    }
    memcpy(text, "/react ", 7);
    memset(text + 7, 'y', REACTION_MAX + 1);
    struct decoded d = decode(ENCODING_TEXT_LINE, str_make(text, 7 + REACTION_MAX));
    assert_int_equal(d.err, OK);
    decoded_free(&d);
    d = decode(ENCODING_TEXT_LINE, str_make(text, 8 + REACTION_MAX));
    assert_int_equal(d.err, ERR_SYNTAX);
    decoded_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_worst_expansion),
        cmocka_unit_test(test_me),       cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_rooms),    cmocka_unit_test(test_people),
        cmocka_unit_test(test_decrees),  cmocka_unit_test(test_help_and_quit),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_order_and_words),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
