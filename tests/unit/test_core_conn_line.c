// SPDX-License-Identifier: Apache-2.0
//
// The text port before the first line: nobody is greeted twice, nothing of another protocol is heard in a room, and
// what leaves no line leaves no trace.
#include "unit/core_support.h"

static struct client *witness(struct net *n, uint32_t shard)
{
    struct client *w = net_json(n, shard);
    say(w, "{\"type\":\"join\",\"room\":\"lobby\"}");
    forget(w);
    return w;
}

static void a_person_is_greeted_after_a_moment(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *w = witness(n, 0), *c = net_accept(n, 0, TRANSPORT_LINE);
    net_settle(n);
    expect_nothing(c);
    net_wait(n, LINE_LISTEN_MS + DEADLINE_TICK_MS);
    expect(c, "* welcome");
    expect(c, "* joined lobby");
    expect(w, "member:joined");
    say(c, "hello");
    expect(c, "hello");
    expect(w, "\"data\":\"hello\"");
    net_wait(n, 1000);
    expect_nothing(c);
    net_free(n);
}

static void who_speaks_at_once_is_greeted_at_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        net_start(n);
        struct client *c = net_accept(n, 0, TRANSPORT_LINE);
        send_bytes(c, "\r\n\n");
        expect_nothing(c); // an empty line is no word
        send_bytes(c, "hello\nGET / HTTP/1.1\n");
        expect(c, "* welcome");
        expect(c, "* joined lobby");
        expect(c, "hello");
        expect(c, "GET / HTTP/1.1"); // from the second line on anything may be said
        net_wait(n, 1000);
        expect_nothing(c);
        assert_false(c->closed);
        net_free(n);
    }
}

static const char post_request[] =
    "POST / HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nOrigin: http://evil.example\r\n"
    "Content-Type: text/plain\r\nContent-Length: 20\r\n\r\n/nick boss\nbuy this\n";

static void http_is_not_heard(void **state)
{
    (void)state;
    static const char *const requests[] = {post_request, "\r\nGET / HTTP/1.1\r\n\r\nwords\n",
                                           "BREW /pot HTTP/1.1\nwords\n", "GET /\nwords\n",
                                           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        for (size_t piece = 1; piece < 400; piece = piece * 4 - 1) {
            struct net *n = net_new(2);
            n->host.http_port = 8000;
            net_start(n);
            struct client *w = witness(n, 1), *c = net_accept(n, 0, TRANSPORT_LINE);
            c->no_eof = true;
            size_t size = strlen(requests[i]);
            for (size_t at = 0; at < size; at += piece) {
                post_bytes(c, requests[i] + at, size - at < piece ? size - at : piece);
                net_settle(n);
            }
            str got = str_make(c->rx.p, c->rx.n);
            assert_true(str_starts(got, STR("HTTP/1.1 400 Bad Request\r\n")));
            assert_true(contains(got, "HTTP and WebSocket are on port 8000."));
            assert_true(contains(got, "Connection: close"));
            assert_true(c->shut);
            assert_int_equal(n->notices[NOTICE_WRONG_PROTOCOL], 1);
            assert_int_equal(METRIC(n, closed_protocol), 1);
            net_wait(n, n->settings.close_ms + 200);
            assert_true(c->closed);
            expect_nothing(w); // neither its words nor that it was there
            net_free(n);
        }
}

static void tls_is_not_heard(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 8; cut++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *w = witness(n, 0), *c = net_accept(n, 0, TRANSPORT_LINE);
        static const char hello[] = "\x16\x03\x01\x00\x0a\x01words\nwords\n";
        post_bytes(c, hello, cut);
        net_settle(n);
        post_bytes(c, hello + cut, sizeof hello - 1 - cut);
        net_settle(n);
        assert_true(c->closed);
        expect(c, "* this port takes lines of text without TLS"); // and it is nobody
        expect_nothing(c);
        assert_int_equal(n->notices[NOTICE_WRONG_PROTOCOL], 1);
        expect_nothing(w);
        net_free(n);
    }
}

// So late it is somebody already, but has no words.
static void a_late_request_is_not_heard_either(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct net *n = net_new(2);
        net_start(n);
        struct client *w = witness(n, 1), *c = net_line(n, 0);
        expect(w, "member:joined");
        if (tls)
            send_bytes(c, "\x16\x03\x01\nwords\n");
        else
            send_bytes(c, post_request);
        expect(c, "* closing: this port takes lines of text");
        expect_nothing(c);
        assert_true(c->closed);
        expect(w, "member:left");
        expect_nothing(w);
        net_free(n);
    }
}

static void a_first_line_beyond_the_limit(void **state)
{
    (void)state;
    static const char *const starts[] = {"POST /", "good day "};
    for (int people = 0; people < 2; people++)
        for (int whole = 0; whole < 2; whole++) {
            struct net *n = net_new(1);
            n->settings.message_bytes = 128;
            net_start(n);
            struct client *w = witness(n, 0), *c = net_accept(n, 0, TRANSPORT_LINE);
            char line[400];
            memset(line, 'a', sizeof line);
            memcpy(line, starts[people], strlen(starts[people]));
            line[sizeof line - 1] = whole ? '\n' : 'a';
            post_bytes(c, line, sizeof line);
            post_bytes(c, "\nwords\n", 7);
            net_settle(n);
            if (people) {
                expect(c, "* welcome");
                expect(c, "* joined");
                expect(c, "too_large");
                expect(c, "words");
                assert_false(c->closed);
            } else {
                assert_true(c->closed);
                expect_nothing(w);
            }
            net_free(n);
        }
}

// A port scanner, a health probe, a browser that thought better of it.
static void what_leaves_no_line_leaves_no_trace(void **state)
{
    (void)state;
    static const char *const said[] = {"", "\r\n", "GET / HTTP/1.1", "wor", "\x16"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        for (int reset = 0; reset < 2; reset++) {
            struct net *n = net_new(2);
            net_start(n);
            struct client *w = witness(n, 1), *c = net_accept(n, 0, TRANSPORT_LINE);
            send_bytes(c, said[i]);
            if (reset)
                cut(c);
            else
                hang_up(c);
            net_wait(n, 1000);
            assert_true(c->closed);
            assert_int_equal(c->rx.n, 0);
            expect_nothing(w);
            net_free(n);
        }
}

static void a_drain_meets_those_who_are_nobody_yet(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_LINE);
    net_settle(n);
    shard_drain(n->sh[0]);
    net_wait(n, 3000);
    assert_true(c->closed);
    assert_true(shard_drained(n->sh[0]));
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_is_greeted_after_a_moment),
        cmocka_unit_test(who_speaks_at_once_is_greeted_at_once),
        cmocka_unit_test(http_is_not_heard),
        cmocka_unit_test(tls_is_not_heard),
        cmocka_unit_test(a_late_request_is_not_heard_either),
        cmocka_unit_test(a_first_line_beyond_the_limit),
        cmocka_unit_test(what_leaves_no_line_leaves_no_trace),
        cmocka_unit_test(a_drain_meets_those_who_are_nobody_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
