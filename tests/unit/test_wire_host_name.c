// SPDX-License-Identifier: Apache-2.0
//
// Host fields: ours, and what a rebound name looks like.
#include "unit/support.h"
#include "wire/host_name.h"

static bool ours(const char *host, const char *name, bool loopback_only)
{
    str names = name != NULL ? str_from_cstr(name) : STR_NONE;
    return host_is_ours(str_from_cstr(host), &names, name != NULL ? 1 : 0, loopback_only);
}

static void what_cannot_be_rebound_is_always_ours(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost",       "localhost:8000", "LOCALHOST.",   "a.localhost",
                                        "a.b.localhost:1", "127.0.0.1",      "127.0.0.1:80", "127.9.9.9",
                                        "192.0.2.1:8000",  "[::1]",          "[::1]:8000",   "[2001:db8::1]",
                                        "255.255.255.255"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        for (int names = 0; names < 2; names++)
            for (int loopback = 0; loopback < 2; loopback++)
                if (!ours(hosts[i], names ? "chat.example" : NULL, loopback))
                    fail_msg("%s", hosts[i]);
    assert_true(host_is_ours(STR_NONE, NULL, 0, true)); // HTTP/1.0
}

static void other_names_are_not_ours_on_loopback(void **state)
{
    (void)state;
    static const char *const hosts[] = {"evil.example",
                                        "evil.example:8000",
                                        "localhost.evil.example",
                                        "evillocalhost",
                                        "127.0.0.1.evil.example",
                                        "127.0.0",
                                        "127.0.0.1.1",
                                        "127.0.0.256",
                                        "127.0.0.01",
                                        "127.0.0.x",
                                        "0x7f000001",
                                        "2130706433",
                                        "127.0.0.1..",
                                        ".localhost",
                                        "a..localhost",
                                        ".",
                                        "..",
                                        "localhost..",
                                        "",
                                        "a b",
                                        "[::1",
                                        "local host",
                                        "localhost:0",
                                        "chat.example"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (ours(hosts[i], NULL, true))
            fail_msg("%s", hosts[i]);
}

static void elsewhere_any_name_will_do_until_there_are_names(void **state)
{
    (void)state;
    assert_true(ours("evil.example", NULL, false));
    assert_true(ours("chat.example:8000", NULL, false));
    assert_false(ours("evil.example", "chat.example", false));
    assert_false(ours("evil.example", "chat.example", true));
    assert_false(ours("", NULL, false));
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *host, *name;
        bool want;
    } cases[] = {
        {"chat.example", "chat.example", true},
        {"chat.example:8443", "chat.example", true},
        {"CHAT.Example.", "chat.EXAMPLE", true},
        {"chat.example.evil.net", "chat.example", false},
        {"evilchat.example", "chat.example", false},
        {"a.chat.example", "chat.example", false},
        {"a.chat.example", "*.chat.example", true},
        {"a.b.chat.example:1", "*.chat.example", true},
        {"chat.example", "*.chat.example", false},
        {".chat.example", "*.chat.example", false},
        {"evilchat.example", "*.chat.example", false},
        {"anything", "*", true},
        {"a b", "*", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (ours(cases[i].host, cases[i].name, true) != cases[i].want)
            fail_msg("host %s, name %s", cases[i].host, cases[i].name);
    const str several[] = {STR("a.example"), STR("*.b.example"), STR("c")};
    assert_true(host_is_ours(STR("x.b.example"), several, 3, true));
    assert_true(host_is_ours(STR("c:1"), several, 3, true));
    assert_false(host_is_ours(STR("c.example"), several, 3, false));
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"chat.example", "a",         "*",        "*.example",
                                       "*.a.example",  "127.0.0.1", "my_host-1"};
    static const char *const bad[] = {"",
                                      ".",
                                      "*.",
                                      "**",
                                      "*x",
                                      "a.",
                                      ".a",
                                      "a..b",
                                      "chat.example:8000",
                                      "https://chat.example",
                                      "chat.example/",
                                      "a b",
                                      "a,b",
                                      "[::1]",
                                      "*.*.a",
                                      "*:80"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!host_name_pattern_valid(str_from_cstr(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (host_name_pattern_valid(str_from_cstr(bad[i])))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_rebound_is_always_ours),
        cmocka_unit_test(other_names_are_not_ours_on_loopback),
        cmocka_unit_test(elsewhere_any_name_will_do_until_there_are_names),
        cmocka_unit_test(names),
        cmocka_unit_test(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
