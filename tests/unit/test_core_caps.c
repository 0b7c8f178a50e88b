// SPDX-License-Identifier: Apache-2.0
//
// What the claim `caps` of a token allows, and what of it is refused, in which words.
#include "core/auth/caps.h"
#include "dialect/command.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

static char block[CAPS_BYTES_MAX];
static size_t block_n;

#define BIT(right) (1u << RIGHT_##right)
enum {
    ALL = (1u << RIGHT_COUNT) - 1,
    NOTHING = BIT(NONE),
    ENTER = BIT(NONE) | BIT(JOIN) | BIT(READ) | BIT(LIST)
};

static str made(const char *json)
{
    struct sentence why;
    if (caps_make(str_from_cstr(json), block, &block_n, &why) != OK)
        fail_msg("%s: %s", json, why.z);
    return str_make(block, block_n);
}

static uint32_t room(const char *json, const char *name)
{
    return caps_room(made(json), str_from_cstr(name));
}

static void what_words_give(void **state)
{
    (void)state;
    assert_int_equal(room("{\"rooms\":{\"a\":[\"join\"]}}", "a"), ENTER);
    uint32_t publish = room("{\"rooms\":{\"a\":[\"publish\"]}}", "a");
    assert_true((publish & BIT(PUBLISH)) != 0 && (publish & BIT(SIGNAL)) != 0 && (publish & BIT(JOIN)) == 0);
    assert_int_equal(room("{\"rooms\":{\"a\":[\"publish\",\"join\"]}}", "a"), publish | ENTER);
    assert_int_equal(room("{\"rooms\":{\"a\":[\"host\"]}}", "a"), ALL);
    // Each word gives something that is not another's, or that there is no right to yet; none gives all but host.
    static const char *const words[] = {
#define X(upper, lower) "{\"rooms\":{\"a\":[\"" #lower "\"]}}",
        CAPS_WORDS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_int_equal(room(words[i], "a") == ALL, i == CAPS_HOST);
}

static void what_is_not_said_is_not_given(void **state)
{
    (void)state;
    assert_int_equal(room("{}", "a"), NOTHING);
    assert_int_equal(room("{\"rooms\":{}}", "a"), NOTHING);
    assert_int_equal(room("{\"rooms\":{\"a\":[]}}", "a"), NOTHING);
    assert_int_equal(room("{\"rooms\":{\"a\":[\"host\"]}}", "b"), NOTHING);
    assert_int_equal(room("{\"rooms\":{\"a\":[\"host\"]}}", "A"), NOTHING);
    assert_int_equal(room("{\"rooms\":{\"team-*\":[\"host\"]}}", "team-a/b"), NOTHING);
    assert_int_equal(room("{\"server\":[\"create\"]}", "a"), NOTHING);
    assert_int_equal(caps_server(made("{\"rooms\":{\"a\":[\"host\"]}}")), 0);
}

// Whatever the order in which they were written; and that row alone.
static void the_most_specific_pattern_counts(void **state)
{
    (void)state;
    static const char *const claims[] = {
        "{\"rooms\":{\"**\":[\"host\"],\"team-*\":[\"join\"],\"team-red\":[]}}",
        "{\"rooms\":{\"team-red\":[],\"team-*\":[\"join\"],\"**\":[\"host\"]}}",
        "{\"rooms\":{\"team-*\":[\"join\"],\"**\":[\"host\"],\"team-red\":[]}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        assert_int_equal(room(claims[i], "team-red"), NOTHING);
        assert_int_equal(room(claims[i], "team-blue"), ENTER);
        assert_int_equal(room(claims[i], "lobby"), ALL);
        str other = made(claims[(i + 1) % 3]);
        char copy[CAPS_BYTES_MAX];
        memcpy(copy, other.p, other.n);
        size_t n = other.n;
        assert_str_eq(made(claims[i]), str_make(copy, n)); // the same block
    }
}

static void the_server_too(void **state)
{
    (void)state;
    uint32_t words = caps_server(made("{\"server\":[\"create\",\"direct\",\"create\"]}"));
    assert_int_equal(words, 1u << SERVER_CREATE | 1u << SERVER_DIRECT);
    assert_int_equal(caps_server(made("{\"server\":[\"info\"],\"rooms\":{\"a\":[\"join\"]}}")),
                     1u << SERVER_INFO);
}

// Who is connected may do exactly what is said; where nothing is said of the server, make the rooms that it may come into.
static void who_is_connected_by_it(void **state)
{
    (void)state;
    static const struct {
        const char *claim;
        bool create, direct, rooms;
    } rows[] = {
        {"{}", true, false, false},
        {"{\"rooms\":{\"a\":[\"host\"]}}", true, false, false},
        {"{\"server\":[]}", false, false, false},
        {"{\"server\":[],\"rooms\":{\"**\":[\"host\"]}}", false, false, false},
        {"{\"server\":[\"create\"]}", true, false, false},
        {"{\"server\":[\"direct\"]}", false, true, false},
        {"{\"server\":[\"rooms\",\"direct\"]}", false, true, true},
        {"{\"server\":[\"publish\",\"info\"]}", false, false, false},
        {"{\"server\":[\"create\",\"direct\",\"rooms\"]}", true, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str claim = made(rows[i].claim);
        assert_int_equal(caps_serves(claim, SERVER_CREATE), rows[i].create);
        assert_int_equal(caps_serves(claim, SERVER_DIRECT), rows[i].direct);
        assert_int_equal(caps_serves(claim, SERVER_ROOMS), rows[i].rooms);
    }
    assert_int_equal(caps_server(made("{}")), 0); // of the API it gives nothing
}

// At any address, an odd one too, and without the memory it was made in.
static void a_block_may_be_moved(void **state)
{
    (void)state;
    str first = made("{\"server\":[\"direct\"],\"rooms\":{\"a*\":[\"join\"],\"ab\":[\"publish\"]}}");
    for (size_t shift = 0; shift < 4; shift++) {
        char *copy = malloc(first.n + shift);
        assert_non_null(copy);
        memcpy(copy + shift, first.p, first.n);
        str moved = str_make(copy + shift, first.n);
        caps_check(moved);
        assert_int_equal(caps_room(moved, STR("ab")), caps_room(first, STR("ab")));
        assert_int_equal(caps_room(moved, STR("ac")), ENTER);
        assert_int_equal(caps_server(moved), 1u << SERVER_DIRECT);
        free(copy);
    }
}

static void names_are_what_they_say(void **state)
{
    (void)state;
    assert_int_equal(room("{\"rooms\":{\"\\u0061\\/b\":[\"\\u006aoin\"]}}", "a/b"), ENTER);
    assert_int_equal(room("{\"rooms\":{\"caf\xc3\xa9\":[\"join\"]}}", "caf\xc3\xa9"), ENTER);
    assert_int_equal(room("{\"rooms\":{\"caf\\u00e9\":[\"join\"]}}", "caf\xc3\xa9"), ENTER);
    assert_int_equal(room(" { \"rooms\" : { \"a\" : [ \"join\" , \"join\" ] } } ", "a"), ENTER);
}

static void assert_refused(const char *json, const char *why)
{
    struct sentence got;
    size_t n = 12345;
    assert_int_equal(caps_make(str_from_cstr(json), block, &n, &got), ERR_DENIED);
    assert_string_equal(got.z, why);
    assert_int_equal(n, 12345);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "`caps` is no JSON object."},
        {"[]", "`caps` is no JSON object."},
        {"{\"rooms\":{}} x", "`caps` is no JSON object."},
        {"{\"rooms\":{},\"rooms\":{}}", "`caps` has a key twice."},
        {"{\"room\":{}}", "`caps` has a key `room`; it takes `rooms` and `server`."},
        {"{\"rooms\":[]}", "`caps.rooms` is no object of patterns with their rights."},
        {"{\"rooms\":null}", "`caps.rooms` is no object of patterns with their rights."},
        {"{\"rooms\":{\"a\":[],\"\\u0061\":[\"host\"]}}", "`caps.rooms` has a pattern twice."},
        {"{\"rooms\":{\"a\":\"host\"}}", "The rights for `a` in `caps.rooms` are no list of words."},
        {"{\"rooms\":{\"a\":{\"host\":true}}}", "The rights for `a` in `caps.rooms` are no list of words."},
        {"{\"rooms\":{\"a\":[\"fly\"]}}",
         "There is no right `fly` in a room; `caps.rooms` takes join, publish, state, invite, moderate and host."},
        {"{\"rooms\":{\"a\":[\"Host\"]}}",
         "There is no right `Host` in a room; `caps.rooms` takes join, publish, state, invite, moderate and host."},
        {"{\"rooms\":{\"a\":[\"join\",7]}}",
         "There is no right `7` in a room; `caps.rooms` takes join, publish, state, invite, moderate and host."},
        {"{\"rooms\":{\"a\":[[\"join\"]]}}",
         "There is no right `[\"join\"]` in a room; `caps.rooms` takes join, publish, state, invite, moderate and host."},
        {"{\"rooms\":{\"\":[\"join\"]}}",
         "The pattern nothing in `caps.rooms` is none: it takes the name of a room, in which `*` stands for a part of a "
         "segment and `**` for anything."},
        {"{\"rooms\":{\"a***\":[\"join\"]}}",
         "The pattern `a***` in `caps.rooms` is none: it takes the name of a room, in which `*` stands for a part of a "
         "segment and `**` for anything."},
        {"{\"server\":{}}", "`caps.server` is no list of words."},
        {"{\"server\":[\"all\"]}",
         "There is no right `all` in `caps.server`; it takes create, direct, and what the API can do."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(cases[i].json, cases[i].why);
}

// A claim with so many patterns of that length.
static const char *claim(uint32_t patterns, int length)
{
    static char json[16384];
    size_t n = (size_t)snprintf(json, sizeof json, "{\"rooms\":{");
    for (uint32_t i = 0; i < patterns; i++)
        n +=
            (size_t)snprintf(json + n, sizeof json - n, "%s\"%0*u\":[\"join\"]", i > 0 ? "," : "", length, i);
    snprintf(json + n, sizeof json - n, "}}");
    return json;
}

static void it_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(
        room(claim(CAPS_ROWS_MAX, 60), "000000000000000000000000000000000000000000000000000000000063"),
        ENTER);
    assert_true(block_n <= CAPS_BYTES_MAX);
    assert_refused(claim(CAPS_ROWS_MAX + 1, 4),
                   "`caps.rooms` has too many patterns; 64 is the most there may be.");
    made(claim(31, PATTERN_MAX)); // 5 + 31 * 131 = 4066
    assert_refused(
        claim(32, PATTERN_MAX),
        "The patterns in `caps.rooms` are too long together; 4,096 bytes is the most there may be.");
    char longer[256];
    snprintf(longer, sizeof longer, "{\"rooms\":{\"%0129d\":[]}}", 0);
    assert_refused(longer,
                   "The pattern `0000000000000000000000000000000000000000000000000000000000000000...` in "
                   "`caps.rooms` is longer than 128 bytes.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_words_give),
        cmocka_unit_test(what_is_not_said_is_not_given),
        cmocka_unit_test(the_most_specific_pattern_counts),
        cmocka_unit_test(the_server_too),
        cmocka_unit_test(who_is_connected_by_it),
        cmocka_unit_test(a_block_may_be_moved),
        cmocka_unit_test(names_are_what_they_say),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
