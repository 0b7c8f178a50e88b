// SPDX-License-Identifier: Apache-2.0
//
// Names of those who have none: well-formed whatever the luck, all words in reach, and no address where it shows.
#include "core/edge/guest_name.h"
#include "unit/core_support.h"

static str name_of(uint8_t a, uint8_t b, unsigned number, char room[GUEST_NAME_MAX])
{
    const uint8_t luck[GUEST_NAME_LUCK] = {a, b, (uint8_t)number, (uint8_t)(number >> 8)};
    return guest_name_make(luck, room);
}

// The part of a name before the n-th '-'.
static str part(str name, size_t n)
{
    str rest = name, word = STR_NONE;
    for (size_t i = 0; i <= n; i++)
        word = str_split(rest, '-', &rest);
    return word;
}

static void every_name_is_well_formed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        char room[GUEST_NAME_MAX];
        str name = name_of((uint8_t)i, (uint8_t)(i >> 8), i, room);
        assert_true(user_name_valid(name));
        for (size_t k = 0; k < 2; k++) {
            str word = part(name, k);
            assert_in_range(word.n, 3, 7);
            for (size_t at = 0; at < word.n; at++)
                assert_in_range(word.p[at], 'a', 'z');
        }
        str number = part(name, 2);
        assert_int_equal(number.n, 3);
        assert_int_equal((number.p[0] - '0') * 100 + (number.p[1] - '0') * 10 + number.p[2] - '0', i % 1000);
    }
}

static void no_word_is_there_twice(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 64; a++)
        for (unsigned b = 0; b < a; b++) {
            char room[2][GUEST_NAME_MAX];
            str one = name_of((uint8_t)a, (uint8_t)a, 0, room[0]),
                other = name_of((uint8_t)b, (uint8_t)b, 0, room[1]);
            assert_false(str_eq(part(one, 0), part(other, 0)));
            assert_false(str_eq(part(one, 1), part(other, 1)));
        }
}

static bool is_guest_name(str name)
{
    return part(name, 0).n >= 3 && part(name, 1).n >= 3 && part(name, 2).n == 3 && !contains(name, "guest");
}

static void a_native_guest_has_a_name(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    char name[USER_NAME_MAX + 1], member[USER_NAME_MAX + 1];
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"join\",\"room\":\"r\",\"members\":true}"); // hello is implied
    str welcome = expect(c, "\"user\":\"guest-");
    string_of(welcome, "name", name, sizeof name);
    assert_true(is_guest_name(str_from_cstr(name)));
    string_of(expect(c, "\"type\":\"joined\""), "name", member, sizeof member);
    assert_string_equal(member, name);
    char resume[RESUME_TOKEN_MAX + 1];
    string_of(welcome, "resume", resume, sizeof resume);
    cut(c);
    struct client *again = net_ws(n, 0, "/ws"); // a guest who comes back is called the same
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", resume);
    string_of(expect(again, "\"type\":\"welcome\""), "name", member, sizeof member);
    assert_string_equal(member, name);
    struct client *named = net_ws(n, 0, "/ws");
    say(named, "{\"type\":\"hello\",\"name\":\"Ada\"}");
    expect(named, "\"name\":\"Ada\"");
    net_free(n);
}

// A terminal over TCP or /echo, from there, with that setting: is its address its name?
static bool shows_address(const char *from, bool line, bool show)
{
    struct net *n = net_new(1);
    n->settings.text_show_address = show;
    net_start(n);
    struct client *witness = net_json(n, 0);
    say(witness, "{\"type\":\"join\",\"room\":\"lobby\"}");
    forget(witness);
    n->peer_host = from;
    struct client *c = line ? net_accept(n, 0, TRANSPORT_LINE) : net_ws(n, 0, "/echo");
    say(c, "hello");
    str welcome = expect(c, "* welcome to plenum test, you are ");
    bool shown = contains(welcome, from);
    expect(c, "* joined");
    assert_int_equal(contains(expect(c, "hello"), from), shown);
    assert_int_equal(contains(expect(witness, "member:joined"), from), shown);
    assert_int_equal(contains(expect(witness, "\"data\":\"hello\""), from), shown);
    say(witness, "{\"type\":\"history\",\"room\":\"lobby\"}");
    assert_int_equal(contains(expect(witness, "\"type\":\"history\""), from), shown);
    say(witness, "{\"type\":\"members\",\"room\":\"lobby\"}");
    assert_int_equal(contains(expect(witness, "\"type\":\"members\""), from), shown);
    assert_int_equal(is_guest_name(session_name(&client_reader(c)->who.session)), !shown);
    net_free(n);
    return shown;
}

static void an_address_is_shown_on_this_machine_only(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        bool here;
    } cases[] = {{"127.0.0.1", true},    {"127.9.8.7", true}, {"[::1]", true},          {"10.0.0.1", false},
                 {"128.127.0.1", false}, {"[::12]", false},   {"[2001:db8::1]", false}, {"12.7.0.1", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int line = 0; line < 2; line++) {
            assert_int_equal(shows_address(cases[i].from, line, false), cases[i].here);
            assert_true(shows_address(cases[i].from, line, true));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_well_formed),
        cmocka_unit_test(no_word_is_there_twice),
        cmocka_unit_test(a_native_guest_has_a_name),
        cmocka_unit_test(an_address_is_shown_on_this_machine_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
