// SPDX-License-Identifier: Apache-2.0
//
// Addresses and networks: what is one, what is none, and one text for each.
#include "unit/support.h"
#include "wire/ip.h"

#include <arpa/inet.h>

static bool parses(const char *text)
{
    struct ip ip;
    return ip_parse(str_from_cstr(text), &ip) == OK;
}

// Without the port, and what it is set off by.
static void format(const struct ip *ip, char text[IP_TEXT_MAX])
{
    char whole[IP_PORT_TEXT_MAX];
    const size_t n = ip_port_format(&(struct ip_port){.ip = *ip, .port = 7}, whole), skip = whole[0] == '[';
    assert_int_equal(strlen(whole), n);
    assert_string_equal(whole + n - 2 - skip, skip ? "]:7" : ":7");
    memcpy(text, whole + skip, n - 2 - 2 * skip);
    text[n - 2 - 2 * skip] = '\0';
}

static void an_address_has_one_text(void **state)
{
    static const char *const cases[][2] = {
        {"192.0.2.7", "192.0.2.7"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::FFFF:c000:207", "192.0.2.7"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::0007", "2001:db8::7"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip, again;
        char text[IP_TEXT_MAX];
        assert_int_equal(ip_parse(str_from_cstr(cases[i][0]), &ip), OK);
        format(&ip, text);
        assert_string_equal(text, cases[i][1]);
        assert_int_equal(ip_parse(str_from_cstr(text), &again), OK);
        assert_memory_equal(&ip, &again, sizeof ip);
    }
}

// What the system's reader of IPv6 addresses takes is taken, and nothing else; and it comes to the same bytes.
static void it_is_what_the_system_reads(void **state)
{
    static const char letters[] = "0f:.:1:";
    (void)state;
    char text[8] = "";
    for (uint32_t n = 0; n < 7u * 7 * 7 * 7 * 7 * 7 * 7; n++) {
        uint32_t v = n;
        for (int i = 0; i < 7; i++, v /= 7)
            text[i] = letters[v % 7];
        struct ip ip;
        uint8_t theirs[16] = {0};
        bool want = inet_pton(AF_INET6, text, theirs) == 1;
        bool got = ip_parse(str_from_cstr(text), &ip) == OK;
        if (strchr(text, ':') == NULL)
            continue;
        if (got != want || (got && memcmp(&ip, theirs, 16) != 0))
            fail_msg("%s", text);
    }
}

static void what_is_no_address(void **state)
{
    static const char *const bad[] = {"",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "01.2.3.4",
                                      "1.2.3.4 ",
                                      "1..2.3",
                                      "1.2.3.",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7",
                                      "12345::",
                                      "::g",
                                      "fe80::1%eth0",
                                      "[::1]",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1.2.3",
                                      "1.2.3.4::",
                                      "::1.2.3.4:5",
                                      "localhost",
                                      "0x7f.0.0.1",
                                      "2130706433",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "0000:0000:0000:0000:0000:0000:255.255.255.2555",
                                      "unknown",
                                      "_hidden"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (parses(bad[i]))
            fail_msg("%s", bad[i]);
    assert_int_equal(ip_parse(STR("1.2.3.4\0"), &(struct ip){{0}}), ERR_SYNTAX);
    assert_int_equal(ip_parse(STR_NONE, &(struct ip){{0}}), ERR_SYNTAX);
}

static void ports(void **state)
{
    static const struct {
        const char *text, *want; // "": it is none
    } cases[] = {
        {"192.0.2.7:80", "192.0.2.7:80"},
        {"192.0.2.7", "192.0.2.7:0"},
        {"[2001:db8::7]:443", "[2001:db8::7]:443"},
        {"[2001:db8::7]", "[2001:db8::7]:0"},
        {"2001:db8::7", "[2001:db8::7]:0"},
        {"[::ffff:1.2.3.4]:65535", "1.2.3.4:65535"},
        {"192.0.2.7:", ""},
        {"192.0.2.7:65536", ""},
        {"192.0.2.7:08", ""},
        {"192.0.2.7:8x", ""},
        {"[1.2.3.4]:80", ""},
        {"[::1", ""},
        {"[::1]80", ""},
        {"[::1]:", ""},
        {":80", ""},
        {"[]:80", ""},
        {"", ""},
        {"::1:", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_port at;
        char text[IP_PORT_TEXT_MAX] = "";
        if (ip_port_parse(str_from_cstr(cases[i].text), &at) == OK)
            ip_port_format(&at, text);
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].text, text);
    }
}

static bool holds(const char *net_text, const char *ip_text)
{
    struct ip_net net;
    struct ip ip;
    assert_int_equal(ip_net_parse(str_from_cstr(net_text), &net), OK);
    assert_int_equal(ip_parse(str_from_cstr(ip_text), &ip), OK);
    return ip_is_in(&ip, &net, 1);
}

static void networks(void **state)
{
    static const struct {
        const char *net, *ip;
        bool want;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.6/31", "192.0.2.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"::ffff:0:0/96", "1.2.3.4", true},
    };
    static const char *const bad[] = {
        "",         "10.0.0.1/8",  "10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/08",    "::/129",
        "10.0.0/8", "10.0.0.0/-1", "/8",          "10.0.0.0/8/8", "2001:db8::1/64", "0.0.0.0/0 ",
        "unix:"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (holds(cases[i].net, cases[i].ip) != cases[i].want)
            fail_msg("%s in %s", cases[i].ip, cases[i].net);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ip_net net;
        if (ip_net_parse(str_from_cstr(bad[i]), &net) == OK)
            fail_msg("%s", bad[i]);
    }
    struct ip ip;
    assert_int_equal(ip_parse(STR("10.0.0.1"), &ip), OK);
    assert_false(ip_is_in(&ip, NULL, 0));
}

static void what_counts_as_one(void **state)
{
    static const char *const cases[][2] = {
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"192.0.2.7", "192.0.2.7"}, {"::1", "::"}};
    static const struct siphash_key key = {1, 2};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        char text[IP_TEXT_MAX];
        assert_int_equal(ip_parse(str_from_cstr(cases[i][0]), &ip), OK);
        struct ip counted = ip_counted(&ip);
        format(&counted, text);
        assert_string_equal(text, cases[i][1]);
        assert_int_not_equal(ip_print(&key, counted.bytes), 0);
    }
}

static void loopback(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {{"127.0.0.1", true},  {"127.255.0.9", true}, {"::1", true}, {"::ffff:127.0.0.1", true},
                 {"128.0.0.1", false}, {"::2", false},        {"::", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        assert_int_equal(ip_parse(str_from_cstr(cases[i].text), &ip), OK);
        if (ip_is_loopback(&ip) != cases[i].want)
            fail_msg("%s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_text),
        cmocka_unit_test(it_is_what_the_system_reads),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(ports),
        cmocka_unit_test(networks),
        cmocka_unit_test(what_counts_as_one),
        cmocka_unit_test(loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
