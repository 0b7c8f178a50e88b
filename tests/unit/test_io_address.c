// SPDX-License-Identifier: Apache-2.0
#include "io/address.h"
#include "unit/support.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_operators_write),
        cmocka_unit_test(loopback_is_this_machine),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(longest_text_fits),
        cmocka_unit_test(ports),
        cmocka_unit_test(counts_peers_as_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
