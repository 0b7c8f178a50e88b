// SPDX-License-Identifier: Apache-2.0
#include "io/address.h"
#include "unit/support.h"

#include <unistd.h>

static void parses_what_operators_write(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } good[] = {
        {"127.0.0.1:8000", "127.0.0.1:8000"},
        {"0.0.0.0:1", "0.0.0.0:1"},
        {"localhost:9000", "127.0.0.1:9000"},
        {"LocalHost:0", "127.0.0.1:0"},
        {"*:80", "0.0.0.0:80"},
        {":65535", "0.0.0.0:65535"},
        {"[::1]:8000", "[::1]:8000"},
        {"[::]:0", "[::]:0"},
        {"[2001:DB8::a]:1", "[2001:db8::a]:1"},
        {"[::ffff:1.2.3.4]:5", "1.2.3.4:5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct address a;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(str_from_cstr(good[i].in), &a), OK);
        address_format(&a, text);
        assert_string_equal(text, good[i].out);
    }
}

static void loopback_is_this_machine(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1:1", "127.255.0.9:1", "localhost:1", "[::1]:1",
                                       "[::ffff:127.0.0.1]:1"};
    static const char *const anywhere[] = {
        "0.0.0.0:1", "*:1", "[::]:1", "128.0.0.1:1", "10.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"};
    struct address a;
    for (size_t i = 0; i < ARRAY_LEN(here); i++) {
        assert_int_equal(address_parse(str_from_cstr(here[i]), &a), OK);
        assert_true(address_is_loopback(&a));
    }
    for (size_t i = 0; i < ARRAY_LEN(anywhere); i++) {
        assert_int_equal(address_parse(str_from_cstr(anywhere[i]), &a), OK);
        assert_false(address_is_loopback(&a));
    }
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        "8000",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "1.2.3:80",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4:080",
        "1.2.3.4: 80",
        "01.2.3.4:80",
        "256.1.1.1:1",
        "::1:8000",
        "[::1]",
        "[::1:8000",
        "::1]:8000",
        "[]:80",
        "[1.2.3.4]:80",
        "example.com:80",
        " 127.0.0.1:80",
        "127.0.0.1:80 ",
        "[fe80::1%lo]:80",
        "127.0.0.1:8000:1",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct address a = {.len = 77};
        assert_int_equal(address_parse(str_from_cstr(bad[i]), &a), ERR_SYNTAX);
        assert_int_equal(a.len, 77); // written only on success
    }
    struct address a;
    assert_int_equal(address_parse(STR("127.0.0.1\0:80"), &a), ERR_SYNTAX);
    assert_int_equal(address_parse(STR_NONE, &a), ERR_SYNTAX);
}

static void longest_text_fits(void **state)
{
    (void)state;
    struct address a;
    char text[ADDRESS_TEXT_MAX];
    const char *longest = "[1111:2222:3333:4444:5555:6666:7777:8888]:65535";
    assert_int_equal(address_parse(str_from_cstr(longest), &a), OK);
    address_format(&a, text);
    assert_string_equal(text, longest);
    memset(&a, 0, sizeof a);
    address_format(&a, text);
    assert_string_equal(text, "?");
    assert_int_equal(address_port(&a), 0);
}

static void ports(void **state)
{
    (void)state;
    struct address a;
    assert_int_equal(address_parse(STR("[::1]:0"), &a), OK);
    address_port_set(&a, 4711);
    assert_int_equal(address_port(&a), 4711);
    assert_int_equal(address_parse(STR("127.0.0.1:1"), &a), OK);
    address_port_set(&a, 4712);
    assert_int_equal(address_port(&a), 4712);
}

static bool same_key(const char *a, const char *b)
{
    struct address x, y;
    assert_int_equal(address_parse(str_from_cstr(a), &x), OK);
    assert_int_equal(address_parse(str_from_cstr(b), &y), OK);
    struct address_key k = address_key(&x), l = address_key(&y);
    return memcmp(&k, &l, sizeof k) == 0;
}

static void counts_peers_as_networks(void **state)
{
    (void)state;
    assert_true(same_key("1.2.3.4:1", "1.2.3.4:65000"));
    assert_false(same_key("1.2.3.4:1", "1.2.3.5:1"));
    assert_true(
        same_key("1.2.3.4:1", "[::ffff:1.2.3.4]:9")); // the same peer through a socket for both families
    assert_false(same_key("[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.5]:1"));
    assert_true(same_key("[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:2")); // one /64
    assert_false(same_key("[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1"));
}

static void unix_sockets_are_paths(void **state)
{
    (void)state;
    struct address a, b;
    char text[ADDRESS_BOUND_MAX], peer[ADDRESS_TEXT_MAX];
    char longest[sizeof "unix:" + UNIX_PATH_MAX_BYTES + 1] = "unix:/";
    memset(longest + 6, 'x', UNIX_PATH_MAX_BYTES - 1);
    const char *const good[] = {"unix:/run/plenum.sock", "unix:/a", longest};
    const char *const bad[] = {"unix:", "unix:/", "unix:a", "unix:./a", "unix:@a", "unix:/a/"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(address_parse(str_from_cstr(good[i]), &a), OK);
        address_format_bound(&a, text);
        assert_string_equal(text, good[i]);
        assert_true(address_is_unix(&a));
        assert_false(address_is_loopback(&a));
        assert_int_equal(address_port(&a), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (address_parse(str_from_cstr(bad[i]), &a) == OK)
            fail_msg("%s", bad[i]);
    longest[sizeof "unix:" - 1 + UNIX_PATH_MAX_BYTES] = 'x';
    assert_int_equal(address_parse(str_from_cstr(longest), &a), ERR_SYNTAX);
    assert_int_equal(address_parse(STR("unix:/a\0b"), &a), ERR_SYNTAX);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    address_of_unix_peer(pair[0], &a);
    assert_int_equal(a.uid, geteuid());
    assert_int_equal(a.pid, getpid());
    close(pair[0]);
    close(pair[1]);
    a.uid = 1000;
    a.pid = 4321;
    address_format(&a, peer);
    assert_string_equal(peer, "unix:1000:4321");
    b = a;
    b.pid++;
    struct address_key k = address_key(&a), l = address_key(&b);
    assert_memory_equal(&k, &l, sizeof k); // a user's processes count as one
    b.uid++;
    l = address_key(&b);
    assert_memory_not_equal(&k, &l, sizeof k);
}

static void addresses_of_the_wire(void **state)
{
    static const char *const cases[] = {"203.0.113.9:80", "[2001:db8::9]:65535"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a, b;
        struct ip_port at;
        struct ip ip;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(ip_port_parse(str_from_cstr(cases[i]), &at), OK);
        address_from_ip(&at, &a);
        address_format(&a, text);
        assert_string_equal(text, cases[i]);
        assert_true(address_ip(&a, &ip));
        assert_memory_equal(&ip, &at.ip, sizeof ip);
        assert_int_equal(address_parse(str_from_cstr(cases[i]), &b), OK);
        struct address_key k = address_key(&a), l = address_key(&b);
        assert_memory_equal(&k, &l, sizeof k);
    }
    struct address none = {.len = 0};
    struct ip ip;
    assert_false(address_ip(&none, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_operators_write),
        cmocka_unit_test(loopback_is_this_machine),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(longest_text_fits),
        cmocka_unit_test(ports),
        cmocka_unit_test(counts_peers_as_networks),
        cmocka_unit_test(unix_sockets_are_paths),
        cmocka_unit_test(addresses_of_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
