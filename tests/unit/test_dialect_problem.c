// SPDX-License-Identifier: Apache-2.0
//
// Every sentence that a decoder can answer with, whole: it names what is wrong, quotes what was got, and has the one style
// of dialect/problem.h.
#include "unit/dialect_support.h"

#include "wire/utf8.h"

struct sentence {
    const char *message, *wanted;
};

static void check_style(str s)
{
    size_t ticks = 0;
    assert_true(s.n > 0 && utf8_valid(s));
    assert_true((s.p[0] >= 'A' && s.p[0] <= 'Z') || s.p[0] == '`');
    assert_true(s.p[s.n - 1] == '.' || s.p[s.n - 1] == '?');
    for (size_t i = 0; i < s.n; i++)
        ticks += s.p[i] == '`';
    assert_int_equal(ticks % 2, 0);
    assert_true(str_find_char(s, '{', 0) == s.n);
}

static void check(int dialect, const struct sentence *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char room[PROBLEM_SENTENCE_MAX];
        struct decoded d = decode(dialect, str_from_cstr(cases[i].message));
        if (d.err == OK)
            fail_msg("%s: no problem", cases[i].message);
        str got = problem_sentence(&d.problem, room);
        if (!str_eq(got, str_from_cstr(cases[i].wanted)))
            fail_msg("%s:\n got    %.*s\n wanted %s", cases[i].message, STR_ARG(got), cases[i].wanted);
        check_style(got);
        decoded_free(&d);
    }
}

#define IN_ROOM(key, got)                                                                                   \
    "`" key                                                                                                 \
    "` must be the name of a room, 1 to 128 bytes without control characters or spaces around it; got " got \
    "."

static void native_sentences(void **state)
{
    (void)state;
    static const struct sentence cases[] = {
        // No object.
        {"hello", "This is no JSON object that can be read: expected an object at position 0."},
        {"{\"type\":\"ping\",\"type\":1}",
         "This is no JSON object that can be read: a key stands twice at position 15."},
        {"{\"type\" 1}",
         "This is no JSON object that can be read: expected a colon behind the key at position 8."},
        // No command.
        {"{}", "`type` must be a string, the name of a command; got nothing."},
        {"{\"type\":7}", "`type` must be a string, the name of a command; got `7`."},
        {"{\"type\":{\"a\":1}}", "`type` must be a string, the name of a command; got an object."},
        {"{\"type\":\"\"}", "`type` must be the name of a command; got an empty string."},
        {"{\"type\":\"mesage\"}",
         "`type` must be the name of a command; got the string `mesage`. Did you mean `message`?"},
        {"{\"type\":\"Ping\"}",
         "`type` must be the name of a command; got the string `Ping`. Did you mean `ping`?"},
        {"{\"type\":\"publish\"}",
         "`type` must be the name of a command; got the string `publish`. Did you mean `message`?"},
        {"{\"type\":\"subscribe\"}",
         "`type` must be the name of a command; got the string `subscribe`. Did you mean `join`?"},
        {"{\"type\":\"nick\"}",
         "`type` must be the name of a command; got the string `nick`. Did you mean `rename`?"},
        {"{\"type\":\"xyzzy\"}", "`type` must be the name of a command; got the string `xyzzy`."},
        {"{\"type\":\"\\u006aoin\\u0007\"}",
         "`type` must be the name of a command; got the string `\\u006aoin\\u0007`. Did you mean `join`?"},
        {"{\"type\":\"state\",\"room\":\"r\",\"set\":[1]}",
         "`set` must be an object, each key with its value; got an array."},
        {"{\"type\":\"state\",\"room\":\"r\",\"unset\":\"a\"}",
         "`unset` must be an array of at most 256 strings, keys of the state; got the string `a`."},
        {"{\"type\":\"state\",\"room\":\"r\",\"set\":{},\"if_version\":1.5}",
         "`if_version` must be an integer, the `state_version`, or an object of keys with their versions; got `1.5`."},
        {"{\"type\":\"state\",\"room\":\"r\",\"if_version\":1}",
         "`if_version` is for what changes the state: `set`, `unset` or `merge`."},
        {"{\"type\":\"role\",\"room\":\"r\",\"user\":\"u\",\"role\":\"admin\"}",
         "`role` must be `guest`, `member`, `host` or `owner`; got `admin`."},
        {"{\"type\":\"ban\",\"room\":\"r\",\"user\":\"u\",\"seconds\":0}",
         "`seconds` of what ends is above 0; leave it out for what does not end."},
        {"{\"type\":\"ping\",\"id\":1.5}",
         "`id` must be an integer of 64 bits or a string of at most 64 bytes; got `1.5`."},
        {"{\"type\":\"ping\",\"id\":[1]}",
         "`id` must be an integer of 64 bits or a string of at most 64 bytes; got an array."},
        // Rooms.
        {"{\"type\":\"join\"}", IN_ROOM("room", "nothing")},
        {"{\"type\":\"join\",\"room\":null}", IN_ROOM("room", "`null`")},
        {"{\"type\":\"join\",\"room\":\"\"}", IN_ROOM("room", "an empty string")},
        {"{\"type\":\"leave\",\"room\":\" a\"}", IN_ROOM("room", "the string ` a`")},
        {"{\"type\":\"switch\",\"to\":\"b\"}", IN_ROOM("from", "nothing")},
        {"{\"type\":\"switch\",\"from\":\"a\",\"to\":\"b\\n\"}", IN_ROOM("to", "the string `b\\n`")},
        {"{\"type\":\"switch\",\"from\":\" \",\"to\":\"b\"}", IN_ROOM("from", "the string ` `")},
        // Keys.
        {"{\"type\":\"hello\",\"name\":\"\"}",
         "`name` must be a string of 1 to 64 bytes without control characters or spaces around it; got an empty string."},
        {"{\"type\":\"hello\",\"name\":\" Ada\"}",
         "`name` must be a string of 1 to 64 bytes without control characters or spaces around it; got the string ` Ada`."},
        {"{\"type\":\"rename\"}",
         "`name` must be a string of 1 to 64 bytes without control characters or spaces around it; got nothing."},
        {"{\"type\":\"hello\",\"token\":1}", "`token` must be a string of 1 to 16384 bytes, a JWT; got `1`."},
        {"{\"type\":\"hello\",\"resume\":true}",
         "`resume` must be a string of 1 to 8000 bytes, the `resume` of an earlier `welcome`; got `true`."},
        {"{\"type\":\"join\",\"room\":\"r\",\"history\":1001}",
         "`history` must be an integer from 0 to 1000, so many messages back; got `1001`."},
        {"{\"type\":\"join\",\"room\":\"r\",\"members\":\"yes\"}",
         "`members` must be `true` or `false`; got the string `yes`."},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":5}",
         "`since` must be an object with `epoch` and `offset`, both as received in the room; got `5`."},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"offset\":1}}",
         "`epoch` in `since` must be a string, as received in the room; got nothing."},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"e\",\"offset\":-1}}",
         "`offset` in `since` must be an integer, as received in the room; got `-1`."},
        {"{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":1,\"epoch\":2}}",
         "`since` is no object that can be read: a key stands twice."},
        {"{\"type\":\"message\",\"room\":\"r\"}", "`data` must be there, any JSON value; got nothing."},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"key\":\"\"}",
         "`key` must be a string of 1 to 64 bytes; got an empty string."},
        {"{\"type\":\"message\",\"room\":\"r\",\"data\":1,\"echo\":1}",
         "`echo` must be `true` or `false`; got `1`."},
        {"{\"type\":\"direct\",\"data\":1}",
         "`to` must be a string of 1 to 64 bytes, a user id; got nothing."},
        {"{\"type\":\"direct\",\"to\":[],\"data\":1}",
         "`to` must be a string of 1 to 64 bytes, a user id; got an array."},
        {"{\"type\":\"members\",\"room\":\"r\",\"limit\":\"many\"}",
         "`limit` must be an integer from 1 to 1000; got the string `many`."},
        {"{\"type\":\"members\",\"room\":\"r\",\"after\":1}",
         "`after` must be a string, the `next` of the reply before; got `1`."},
        {"{\"type\":\"history\",\"room\":\"r\",\"before\":0}",
         "`before` must be an integer above 0, an offset of the room; got `0`."},
        {"{\"type\":\"history\",\"room\":\"r\",\"before\":1,\"since\":{\"epoch\":\"e\",\"offset\":1}}",
         "`since` and `before` are the two directions of reading; give one of them."},
        {"{\"type\":\"rooms\",\"prefix\":1}", "`prefix` must be a string of at most 128 bytes; got `1`."},
    };
    check(ENCODING_JSON, cases, ARRAY_LEN(cases));
}

static void text_sentences(void **state)
{
    (void)state;
    static const struct sentence cases[] = {
        {"/",
         "There is no command `/`; `/help` lists them, and `//` in front sends a line that begins with `/`."},
        {"/jion lobby",
         "There is no command `/jion`; `/help` lists them, and `//` in front sends a line that begins "
         "with `/`. Did you mean `/join`?"},
        {"/PART",
         "There is no command `/PART`; `/help` lists them, and `//` in front sends a line that begins with "
         "`/`. Did you mean `/leave`?"},
        {"/kickk Ada",
         "There is no command `/kickk`; `/help` lists them, and `//` in front sends a line that begins "
         "with `/`. Did you mean `/kick`?"},
        {"/kick", "`/kick USER` takes a user, and why, in at most 256 bytes; got nothing."},
        {"/unban a b", "`/unban USER` takes a user; got `a b`."},
        {"/role ada king",
         "`/role USER ROLE` takes a user and `guest`, `member`, `host` or `owner`; got `ada king`."},
        {"/slow 0", "`/slow TIME` takes a time, as in `30s`, or `off`; got `0`."},
        {"/readonly maybe", "`/readonly` takes nothing, or `off`; got `maybe`."},
        {"/usr/bin",
         "There is no command `/usr/bin`; `/help` lists them, and `//` in front sends a line that begins "
         "with `/`."},
        {"/join", "`/join ROOM` takes the name of a room; got nothing."},
        {"/join a\x1b", "The name of a room is 1 to 128 bytes without control characters; got `a\x1b`."},
        {"/leave a\x1b", "`/leave` takes nothing, or the name of a room of at most 128 bytes; got `a\x1b`."},
        {"/nick", "`/nick NAME` takes 1 to 64 bytes without control characters; got nothing."},
        {"/nick a\x07", "`/nick NAME` takes 1 to 64 bytes without control characters; got `a\x07`."},
        {"/me", "`/me TEXT` takes what you do, as in `/me waves`; got nothing."},
        {"/who is it", "`/who` takes nothing; got `is it`."},
        {"/rooms aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "`/rooms` takes nothing, or the beginning of names of at most 128 bytes; got "
         "`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...`."},
        {"/msg",
         "`/msg USER TEXT` takes a user, as in `\"USER\"` where the name has spaces, and a text; got nothing."},
        {"/msg Ada",
         "`/msg USER TEXT` takes a user, as in `\"USER\"` where the name has spaces, and a text; got `Ada`."},
        {"/history 0", "`/history` takes nothing, or a number from 1 to 1000; got `0`."},
        {"/state \"",
         "`/state KEY VALUE` takes a key of 1 to 128 bytes, as in `\"KEY\"` where it has spaces, "
         "and JSON, or a text; got `\"`."},
    };
    check(ENCODING_TEXT_LINE, cases, ARRAY_LEN(cases));
}

// Whatever the word, the sentence fits, is UTF-8, and is whole.
static void any_word_fits(void **state)
{
    (void)state;
    static char word[4096];
    char room[PROBLEM_SENTENCE_MAX];
    for (size_t n = 0; n <= sizeof word; n = n < 200 ? n + 1 : n * 2) {
        for (size_t i = 0; i + 2 < n; i += 3)
            memcpy(word + i, "\xe2\x82\xac", 3);
        size_t whole = n / 3 * 3;
        struct problem p = {.code = PROBLEM_BAD_COMMAND,
                            .text = "Something was expected; got {}.",
                            .word_kind = WORD_QUOTED,
                            .word = {word, whole},
                            .did_you_mean = "something"};
        str s = problem_sentence(&p, room);
        check_style(s);
        assert_true(s.n <= 60 + PROBLEM_WORD_MAX + 3);
    }
}

// A sentence that is too long is cut, not written beyond its end.
static void nothing_is_written_beyond(void **state)
{
    (void)state;
    char text[PROBLEM_SENTENCE_MAX * 2], room[PROBLEM_SENTENCE_MAX + 1];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    room[PROBLEM_SENTENCE_MAX] = 'z';
    struct problem p = {.text = text, .did_you_mean = "y"};
    assert_int_equal(problem_sentence(&p, room).n, PROBLEM_SENTENCE_MAX);
    assert_int_equal(room[PROBLEM_SENTENCE_MAX], 'z');
    p = (struct problem){0};
    assert_int_equal(problem_sentence(&p, room).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_sentences),
        cmocka_unit_test(text_sentences),
        cmocka_unit_test(any_word_fits),
        cmocka_unit_test(nothing_is_written_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
