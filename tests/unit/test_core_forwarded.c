// SPDX-License-Identifier: Apache-2.0
//
// Requests that a proxy passes on: whose they are in the log, for limits of addresses, and for what is this machine's only.
#include "core/shard/shard_parts.h"
#include "unit/core_support.h"

#include <stdio.h>

static const struct ip_net proxies[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10}}, 104}}; // 10.0.0.0/8
static uint32_t counted_n;
static struct ip counted_last;
static enum err count_says;

static enum err on_count(void *ctx, uint32_t conn, const struct ip *from)
{
    (void)ctx;
    (void)conn;
    counted_n++;
    counted_last = *from;
    return count_says;
}

static struct net *proxied_net(void)
{
    struct net *n = net_new(1);
    n->settings.proxies = proxies;
    n->settings.proxies_n = 1;
    n->host.count = on_count;
    n->peer_host = "10.0.0.1";
    n->print = 77;
    n->proxy = true;
    counted_n = 0;
    count_says = OK;
    net_start(n);
    return n;
}

static void peer_is(struct client *c, const char *want)
{
    struct peer room;
    assert_str_eq(who_peer(&client_conn(c)->asker.reader.who, &room), str_from_cstr(want));
}

static void get(struct client *c, const char *fields)
{
    char head[512];
    snprintf(head, sizeof head, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n%s\r\n", fields);
    send_bytes(c, head);
    net_settle(c->net);
}

static uint32_t print_of(const struct net *n, const char *address)
{
    struct ip ip;
    assert_int_equal(ip_parse(str_from_cstr(address), &ip), OK);
    ip = ip_counted(&ip);
    return ip_print(&n->settings.hash_key, ip.bytes);
}

// One connection, requests of several people: it is whose the last one says that it is.
static void each_request_says_whose_it_is(void **state)
{
    struct net *n = proxied_net();
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
    (void)state;
    peer_is(c, "10.0.0.1:1000");
    get(c, "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n");
    peer_is(c, "203.0.113.1:0");
    assert_int_equal(client_conn(c)->asker.address, print_of(n, "203.0.113.1"));
    assert_true(client_conn(c)->secure);
    get(c, "X-Forwarded-For: 6.6.6.6, 2001:db8::2, 10.0.0.9\r\n");
    peer_is(c, "[2001:db8::2]:0");
    assert_int_equal(client_conn(c)->asker.address, print_of(n, "2001:db8::2"));
    assert_false(client_conn(c)->secure);
    get(c, "");
    peer_is(c, "10.0.0.1:1000");
    assert_int_equal(client_conn(c)->asker.address, 77);
    get(c, "Forwarded: for=203.0.113.3\r\n"); // not the field that the proxies set
    peer_is(c, "10.0.0.1:1000");
    assert_int_equal(counted_n, 0); // requests are nobody's connections
    net_free(n);
}

static void an_upgrade_is_one_persons(void **state)
{
    struct net *n = proxied_net();
    (void)state;
    struct client *c = net_ws_with(n, 0, "/ws", "X-Forwarded-For: 203.0.113.1:99\r\n");
    assert_true(c->upgraded);
    assert_int_equal(counted_n, 1);
    peer_is(c, "203.0.113.1:99");
    assert_null(who_proxy(&client_conn(c)->asker.reader.who)); // and costs nothing more
    struct client *plain = net_ws_with(n, 0, "/ws", "");
    assert_true(plain->upgraded);
    assert_int_equal(counted_n, 1); // whose it is is not known
    peer_is(plain, "10.0.0.1:1001");
    count_says = ERR_LIMIT;
    struct client *many = net_ws_with(n, 0, "/ws", "X-Forwarded-For: 203.0.113.1\r\n");
    assert_false(many->upgraded);
    assert_true(str_starts(str_make(many->rx.p, many->rx.n), STR("HTTP/1.1 429 ")));
    assert_int_equal(METRIC(n, limit_address), 1);
    count_says = ERR_NOMEM; // then it is not counted, and in
    assert_true(net_ws_with(n, 0, "/ws", "X-Forwarded-For: 203.0.113.1\r\n")->upgraded);
    net_free(n);
}

// From anybody else the fields are words.
static void strangers_are_not_believed(void **state)
{
    struct net *n = proxied_net();
    (void)state;
    n->proxy = false;
    struct client *c =
        net_ws_with(n, 0, "/ws", "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n");
    assert_true(c->upgraded);
    peer_is(c, "10.0.0.1:1000");
    assert_int_equal(client_conn(c)->asker.address, 77);
    assert_false(client_conn(c)->secure);
    assert_int_equal(counted_n, 0);
    net_free(n);
}

static void a_page_by_https_is_ours(void **state)
{
    struct net *n = proxied_net();
    (void)state;
    assert_true(
        net_ws_with(n, 0, "/ws", "Origin: https://localhost\r\nX-Forwarded-Proto: https\r\n")->upgraded);
    assert_false(net_ws_with(n, 0, "/ws", "Origin: https://localhost\r\n")->upgraded);
    assert_false(
        net_ws_with(n, 0, "/ws", "Origin: http://localhost\r\nX-Forwarded-Proto: https\r\n")->upgraded);
    net_free(n);
}

static bool forwarded_done;

static void forward_all(struct net *n)
{
    struct client *c =
        net_ws_with(n, 0, "/ws", "X-Forwarded-For: 2001:db8:1111:2222:3333:4444:5555:6666\r\n");
    forwarded_done = !c->refused && c->upgraded;
    if (c->upgraded)
        peer_is(c, "[2001:db8:1111:2222:3333:4444:5555:6666]:0");
}

// Wherever memory ends.
static void every_allocation_fails(void **state)
{
    (void)state;
    forwarded_done = false;
    for (uint64_t k = 0; !forwarded_done; k++) {
        assert_true(k < 200);
        struct net *n = proxied_net();
        net_fail_from(n, k);
        forward_all(n);
        net_fail_end(n);
        net_settle(n);
        net_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_says_whose_it_is), cmocka_unit_test(an_upgrade_is_one_persons),
        cmocka_unit_test(strangers_are_not_believed),    cmocka_unit_test(a_page_by_https_is_ours),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
