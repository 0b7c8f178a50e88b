// SPDX-License-Identifier: Apache-2.0
//
// What a shard can still say when nothing can be allocated: the metrics page, and why a connection ends.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static bool got(const struct client *c, const char *text)
{
    return contains(str_make(c->rx.p, c->rx.n), text);
}

// Everything fails from here on, until net_fail_end.
static void no_memory(struct net *n) { n->mem.bytes_max = 1; }

static void metrics_are_told_without_memory(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP), *other = net_accept(n, 0, TRANSPORT_HTTP);
    no_memory(n);
    for (int i = 0; i < 100; i++) {
        c->rx.n = 0;
        send_bytes(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(got(c, "HTTP/1.1 200 OK\r\n") && got(c, "\r\nContent-Length: 12\r\n"));
        assert_true(got(c, "\r\n\r\nplenum_up 1\n"));
    }
    // While somebody is being sent the page, others hear 503 and are free to come again.
    c->take_max = 10;
    c->stalled = true;
    send_bytes(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    send_bytes(other, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(got(other, "HTTP/1.1 503 ") && got(other, "out of memory"));
    assert_true(other->closed && !other->abortive);
    cut(c); // and with it comes the page back
    assert_non_null(reserve_page(&n->sh[0]->conns.reserve));
    net_fail_end(n);
    net_free(n);
}

static void connections_end_with_a_word(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *half = net_accept(n, 0, TRANSPORT_HTTP), *ws = net_json(n, 0), *line = net_line(n, 0);
    struct client *whole = net_accept(n, 0, TRANSPORT_HTTP), *upgrade = net_accept(n, 0, TRANSPORT_HTTP);
    no_memory(n);
    send_bytes(half, "GET / HT");
    assert_true(got(half, "HTTP/1.1 503 ") && got(half, "Content-Length: 29\r\n") &&
                got(half, "\r\n\r\nThe server is out of memory.\n"));
    assert_false(half->abortive);
    send_bytes(whole, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(got(whole, "HTTP/1.1 503 "));
    send_bytes(upgrade, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_true(got(upgrade, "HTTP/1.1 503 "));
    say(ws, "{\"type\":\"ping\"}");
    assert_int_equal(ws->close_code, WS_CLOSE_TRY_LATER);
    assert_true(ws->closed && !ws->abortive);
    line->rx.n = line->parsed = 0;
    say(line, "/help");
    assert_true(got(line, "* closing: out of memory\n"));
    assert_int_equal(METRIC(n, closed_memory), 5);
    net_fail_end(n);
    net_free(n);
}

// More of them at once than there are words, and all words back afterwards.
static void words_come_back(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = NET_CONNS_MAX;
    net_start(n);
    struct reserve *r = &n->sh[0]->conns.reserve;
    for (int round = 0; round < 3; round++) {
        struct client *c[100];
        for (int i = 0; i < 100; i++) {
            c[i] = net_accept(n, 0, TRANSPORT_HTTP);
            c[i]->stalled = true;
        }
        no_memory(n);
        for (int i = 0; i < 100; i++)
            send_bytes(c[i], "GET / HT");
        net_fail_end(n);
        for (int i = 0; i < 100; i++) {
            if (i % 2)
                cut(c[i]);
            c[i]->stalled = false;
        }
        net_settle(n);
        for (int i = 0; i < 100; i++)
            assert_true(i % 2 || got(c[i], "HTTP/1.1 503 "));
        uint32_t words = 0;
        for (const struct out_node *node = r->words_free; node != NULL; node = node->next)
            words++;
        assert_int_equal(words, RESERVE_WORDS);
    }
    struct outq q = {0};
    for (int i = 0; i < RESERVE_WORDS; i++)
        assert_true(reserve_say(r, &q, STR("x")));
    assert_false(reserve_say(r, &q, STR("x")));
    outq_deinit(&q, &n->mem);
    assert_true(reserve_say(r, &q, STR("x")));
    outq_deinit(&q, &n->mem);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_told_without_memory),
        cmocka_unit_test(connections_end_with_a_word),
        cmocka_unit_test(words_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
