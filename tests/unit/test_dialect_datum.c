// SPDX-License-Identifier: Apache-2.0
//
// Data with a content type: what a media type is, what such data are in memory, and how they come in JSON: base64 in a string, or behind
// the object of a binary message.
#include "dialect/datum.h"
#include "unit/dialect_support.h"

static void media_types(void **state)
{
    (void)state;
    static const struct {
        str type;
        bool valid;
    } rows[] = {
        {STR("image/png"), true},
        {STR("a/b"), true},
        {STR("Application/Vnd.X-1+json"), true},
        {STR("a!#$%&'*+-.^_`|~9/z"), true},
        {STR("text/plain; charset=utf-8"), true},
        {STR("text/plain ;q"), true},
        {STR(""), false},
        {STR("image"), false},
        {STR("/png"), false},
        {STR("image/"), false},
        {STR("image/png "), false},
        {STR("im age/png"), false},
        {STR("image/p/ng"), false},
        {STR("image/;x"), false},
        {STR("image/png\r\n"), false},
        {STR("image/png; a=\x7f"), false},
        {STR("image/png; a=\x1f"), false},
        {STR("image/png; a=\xc3\xa4"), false},
        {STR("\xc3\xa4/png"), false},
        {STR("a{/b"), false},
        {STR("a/[b"), false},
        {STR("a@/b"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (content_type_valid(rows[i].type) != rows[i].valid)
            fail_msg("%.*s", STR_ARG(rows[i].type));
    char longest[CONTENT_TYPE_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[1] = '/';
    assert_true(content_type_valid(str_make(longest, CONTENT_TYPE_MAX)));
    assert_false(content_type_valid(str_make(longest, CONTENT_TYPE_MAX + 1)));
}

static void what_is_no_datum(void **state)
{
    (void)state;
    assert_true(datum_valid(STR("\0\3a/b")));
    assert_true(datum_valid(STR("\0\3a/b\0")));
    assert_false(datum_valid(STR("")));
    assert_false(datum_valid(STR("\0")));
    assert_false(datum_valid(STR("\1\3a/b")));
    assert_false(datum_valid(STR("\0\4a/b")));
    assert_false(datum_valid(STR("\0\2a/b")));
    assert_false(datum_valid(STR("\0\0")));
}

// --- binary messages

struct taken {
    struct command command;
    struct problem problem;
    enum err err;
    char room[1000];
    char message[1000]; // which the command's strings borrow from
};

static void take(struct taken *t, str message)
{
    memcpy(t->message, message.p, message.n);
    struct scratch scratch = {.p = t->room, .cap = sizeof t->room};
    struct reading r = {.message = str_make(t->message, message.n), .scratch = &scratch, .binary = true};
    t->err = ways_served.encodings[ENCODING_JSON]->payloads->decode(&r, &t->command, &t->problem);
    assert_int_equal(r.at, message.n);
}

// The object's length in front of it, and data behind.
static void take_parts(struct taken *t, const char *object, str data)
{
    char message[800] = {0, 0, (char)(strlen(object) >> 8), (char)strlen(object)};
    const size_t n = strlen(object);
    memcpy(message + 4, object, n);
    if (data.n != 0)
        memcpy(message + 4 + n, data.p, data.n);
    take(t, str_make(message, 4 + n + data.n));
}

static void binary_messages(void **state)
{
    (void)state;
    struct taken t;
    take_parts(&t, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"content_type\":\"x/y\"}", STR("\0\xff"));
    assert_int_equal(t.err, OK);
    assert_int_equal(t.command.type, CMD_MESSAGE);
    assert_true(data_is_datum(t.command.data));
    assert_str(datum_type(t.command.data), "x/y");
    assert_str_eq(datum_bytes(t.command.data), STR("\0\xff"));
    take_parts(&t, "{\"type\":\"message\",\"room\":\"r\",\"content_type\":\"x/y\"}", STR_NONE);
    assert_int_equal(t.err, OK);
    assert_int_equal(datum_bytes(t.command.data).n, 0);
    take_parts(&t, "{\"type\":\"message\",\"room\":\"r\",\"content_type\":\"application/json\"}",
               STR(" {\"a\":1} "));
    assert_int_equal(t.err, OK);
    assert_str(t.command.data, "{\"a\":1}");
}

static void binary_messages_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        str data;
        enum problem_code code;
        const char *part;
    } rows[] = {
        {"{\"type\":\"message\",\"room\":\"r\"}", STR("x"), PROBLEM_BAD_COMMAND, "a media type"},
        {"{\"type\":\"message\",\"room\":\"r\",\"content_type\":1}", STR("x"), PROBLEM_BAD_COMMAND,
         "a media type"},
        {"{\"type\":\"message\",\"room\":\"r\",\"content_type\":\"x\"}", STR("x"), PROBLEM_BAD_COMMAND,
         "a media type"},
        {"{\"type\":\"message\",\"room\":\"r\",\"content_type\":\"\\ud800\"}", STR("x"), PROBLEM_BAD_JSON,
         ""},
        {"{\"type\":\"message\",\"room\":\"r\",\"content_type\":\"application/json\"}", STR("{"),
         PROBLEM_BAD_JSON, ""},
        {"{\"type\":\"ping\"}", STR("x"), PROBLEM_BAD_COMMAND, "takes `content_type`"},
        {"{\"type\":\"\xff\"}", STR("x"), PROBLEM_BAD_JSON, "must be UTF-8"},
        {"{", STR("x"), PROBLEM_BAD_JSON, ""},
    };
    struct taken t;
    char room[PROBLEM_SENTENCE_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        take_parts(&t, rows[i].object, rows[i].data);
        const str sentence = problem_sentence(&t.problem, room);
        if (t.err != ERR_SYNTAX || t.problem.code != rows[i].code ||
            memmem(sentence.p, sentence.n, rows[i].part, strlen(rows[i].part)) == NULL)
            fail_msg("%s: %s: %.*s", rows[i].object, problem_name(t.problem.code), STR_ARG(sentence));
    }
    static const str cut[] = {STR("\0"), STR("\0\0\0"), STR("\0\0\0\1"), STR("\xff\xff\xff\xff{}")};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
        take(&t, cut[i]);
        assert_int_equal(t.err, ERR_SYNTAX);
        assert_non_null(strstr(t.problem.text, "begins with the length"));
    }
}

// --- base64 in JSON

static void base64(void **state)
{
    (void)state;
    static const struct {
        const char *message, *data; // NULL: it is refused
    } rows[] = {
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"AP8=\",\"content_type\":\"x/y\"}", "\0\xff"},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"\\u0041P8=\",\"content_type\":\"x/y\"}", "\0\xff"},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"AP8\",\"content_type\":\"x/y\"}", NULL},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"content_type\":\"x/y\"}", NULL},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"ew==\",\"content_type\":\"application/json\"}",
         NULL},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"AP8=\",\"content_type\":\"x\"}", NULL},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":\"AP8=\",\"content_type\":null}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decoded d = decode(ENCODING_JSON, str_from_cstr(rows[i].message));
        assert_int_equal(d.err == OK, rows[i].data != NULL);
        if (rows[i].data != NULL)
            assert_str_eq(datum_bytes(d.command.data), str_make(rows[i].data, 2));
        decoded_free(&d);
    }
    struct decoded d = decode(ENCODING_JSON, STR("{\"type\":\"message\",\"room\":\"r\",\"data\":\"WzFd\","
                                                 "\"content_type\":\"application/json\"}"));
    assert_int_equal(d.err, OK);
    assert_str(d.command.data, "[1]");
    decoded_free(&d);
}

// Whoever reads lines is told what it is.
static void in_lines(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *said;
    } rows[] = {{0, "[0 B of x/y]"},
                {999, "[999 B of x/y]"},
                {1234, "[1.2 KB of x/y]"},
                {2050000, "[2.0 MB of x/y]"}};
    struct test_mem t;
    struct mem mem;
    struct buf out;
    test_mem_init(&t, &mem);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *data = calloc(1, 5 + rows[i].n);
        assert_non_null(data);
        memcpy(data, "\0\3x/y", 5);
        const struct entry e = {
            .type = ENTRY_MESSAGE, .name = STR("Ada"), .data = str_make(data, 5 + rows[i].n)};
        buf_init(&out, &mem, 0);
        ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_entry(&out, &e, 0);
        assert_non_null(memmem(out.p, out.n, rows[i].said, strlen(rows[i].said)));
        buf_deinit(&out);
        free(data);
    }
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types),     cmocka_unit_test(what_is_no_datum),
        cmocka_unit_test(binary_messages), cmocka_unit_test(binary_messages_that_are_refused),
        cmocka_unit_test(base64),          cmocka_unit_test(in_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
