// SPDX-License-Identifier: Apache-2.0
//
// HTTP routes of a module: bodies, asks that are answered later, and who comes between. The routes are the tests' own, in the
// table that a module of the product would use.
#include "unit/core_support.h"

#include "core/conn/route.h"

#include <stdio.h>

enum { BODY_MAX = 6000 };

// --- the module

// POST /test/say: "ROOM\nUSER\nDATA"; says it in the user's name, if he is in the room.
static enum http_did say_call(struct conns *cs, uint32_t conn, struct http_call *call)
{
    str rest, data, body = http_call_body(call), room = str_split(body, '\n', &rest);
    str user = str_split(rest, '\n', &data);
    if (room.n == 0 || room.n > ROOM_NAME_MAX || user.n == 0 || user.n > USER_ID_MAX || data.n == 0) {
        http_reply(cs, conn, 400, STR("text/plain; charset=utf-8"),
                   STR("A room, a user, and what to say.\n"));
        return HTTP_ANSWERED;
    }
    struct ask a = http_ask_make(cs, conn, ASK_PUBLISH, ENCODING_JSON);
    a.user = a.name = user;
    a.session = STR("0123456789012345678901");
    a.cmd = (struct command){.type = CMD_MESSAGE, .id = STR("1"), .room = room, .data = data, .echo = true};
    a.room_hash = hash_str(cs->cx, room);
    return http_ask(cs, conn, home_of(cs->cx, a.room_hash), &a);
}

static enum http_did answered(struct conns *cs, uint32_t conn, struct http_call *call, const struct answer *a)
{
    struct http_request rq;
    http_call_request(call, &rq);
    assert_true(str_starts(rq.path, STR("/test/")));
    http_reply(cs, conn, str_starts(a->payload, STR("{\"type\":\"error\"")) ? 403 : 200,
               STR("application/json"), a->payload);
    return HTTP_ANSWERED;
}

// GET /test/rooms: over all shards.
static enum http_did rooms_call(struct conns *cs, uint32_t conn, struct http_call *call)
{
    (void)call;
    struct ask a = http_ask_make(cs, conn, ASK_ROOMS, ENCODING_JSON);
    a.cmd = (struct command){.type = CMD_ROOMS, .id = STR("7")};
    return http_ask(cs, conn, 0, &a);
}

// POST, PUT /test/back: the body goes back.
static enum http_did back_call(struct conns *cs, uint32_t conn, struct http_call *call)
{
    http_reply(cs, conn, 200, STR("text/plain"), http_call_body(call));
    return HTTP_ANSWERED;
}

static const struct http_route routes[] = {
    {.path = "/test/say",
     .methods = METHOD_POST,
     .body_max = BODY_MAX,
     .media = "text/plain",
     .call = say_call,
     .answered = answered},
    {.path = "/test/rooms", .methods = METHOD_GET, .call = rooms_call, .answered = answered},
    {.path = "/test/back",
     .methods = METHOD_POST | METHOD_PUT,
     .body_max = BODY_MAX,
     .media = "text/plain, application/json",
     .call = back_call},
};

// --- clients

static struct net *net_routes(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.routes = routes;
    n->settings.routes_n = ARRAY_LEN(routes);
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    return n;
}

static const char *post_of(const char *path, const char *fields, const char *body)
{
    static char text[16][3 * BODY_MAX];
    static uint32_t at;
    char *to = text[at++ % 16];
    snprintf(to, sizeof text[0], "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
             path, fields, strlen(body), body);
    return to;
}

#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n"
#define HOST "Host: localhost\r\n"

// The next answer in what it got: its status; *ret_body. 0: none yet.
static unsigned answer(struct client *c, str *ret_body)
{
    str rest = str_skip(str_make(c->rx.p, c->rx.n), c->parsed);
    static const char length[] = "Content-Length: ";
    const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, "\r\n\r\n", 4);
    *ret_body = STR_NONE;
    if (end == NULL)
        return 0;
    unsigned status = 0;
    assert_int_equal(sscanf(rest.p, "HTTP/1.1 %3u ", &status), 1);
    size_t head_n = (size_t)(end + 4 - rest.p), body_n = 0;
    const char *at = memmem(rest.p, head_n, length, sizeof length - 1);
    if (at != NULL)
        assert_int_equal(sscanf(at + sizeof length - 1, "%zu", &body_n), 1);
    assert_true(at != NULL || status == 100);
    if (rest.n < head_n + body_n)
        return 0;
    *ret_body = str_make(rest.p + head_n, body_n);
    c->parsed += head_n + body_n;
    return status;
}

static bool head_has(const struct client *c, const char *part)
{
    return memmem(c->rx.p, c->rx.n, part, strlen(part)) != NULL;
}

static void answers(struct client *c, unsigned status, const char *part)
{
    str body;
    unsigned got = answer(c, &body);
    if (got != status || (part[0] != '\0' && !contains(body, part)))
        fail_msg("%u %.*s, expected %u %s", got, STR_ARG(body), status, part);
}

static void answers_nothing(struct client *c)
{
    str body;
    assert_int_equal(answer(c, &body), 0);
}

static struct client *http(struct net *n, uint32_t shard) { return net_accept(n, shard, TRANSPORT_HTTP); }

// One who is in a room of that home.
static struct client *in_room(struct net *n, uint32_t shard, const char *room)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    return c;
}

static const char *words(const char *room, const struct client *who, const char *data)
{
    static char text[4][BODY_MAX];
    static uint32_t at;
    char *to = text[at++ % 4];
    snprintf(to, sizeof text[0], "%s\n%s\n%s", room, who->user, data);
    return to;
}

static void check(void *shard) { shard_check(shard); }

// --- tests

static void a_request_asks_and_is_answered_later(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_routes(shards);
        const char *room = net_room(n, shards - 1, 0);
        struct client *json = in_room(n, 0, room), *c = http(n, 0);
        if (shards == 2)
            n->hold[1][0] = true;
        post_bytes(c, post_of("/test/say", PLAIN, words(room, json, "\"one\"")),
                   strlen(post_of("/test/say", PLAIN, words(room, json, "\"one\""))));
        const char *second = "GET /healthz HTTP/1.1\r\n" HOST "\r\n"; // waits for its turn
        post_bytes(c, second, strlen(second));
        net_settle(n);
        net_check(n);
        if (shards == 2) {
            answers_nothing(c);
            client_asker(c)->pending = 0; // its checks see a breach
            assert_true(asserts(check, n->sh[0]));
            client_asker(c)->pending = 1;
            client_conn(c)->call->state = CALL_CALLED;
            assert_true(asserts(check, n->sh[0]));
            client_conn(c)->call->state = CALL_WAITING;
            assert_int_equal(client_conn(c)->parked, WAIT_ANSWER);
            assert_null(client_conn(c)->call->body); // the ask has it
            net_wait(n, n->settings.handshake_ms / 2);
            answers_nothing(c);
            n->hold[1][0] = false;
            net_settle(n);
        }
        answers(c, 200, "{\"type\":\"ack\",\"id\":1");
        answers(c, 200, "ok");
        expect(json, "\"data\":\"one\"");
        assert_false(client_conn(c)->calls);
        send_bytes(c, post_of("/test/say", PLAIN, "nowhere\nnobody\n1")); // and the connection goes on
        answers(c, 403, "\"code\":\"not_member\"");
        send_bytes(c, "GET /test/rooms HTTP/1.1\r\n" HOST "\r\n");
        answers(c, 200, room);
        send_bytes(c, "HEAD /test/rooms HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        assert_true(c->closed);
        net_free(n);
    }
}

// Any cut, chunked or not: the same answer, and the request behind it is found.
static void a_body_comes_as_it_may(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /test/back HTTP/1.1\r\n" HOST
        "Content-Type: TEXT/plain\r\nContent-Length: 13\r\n\r\nhello, world\n",
        "PUT /test/back HTTP/1.1\r\n" HOST PLAIN "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n7;a=b\r\n, world\r\n1\r\n\n\r\n0\r\nTrailer: x\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        char text[1024];
        int size = snprintf(text, sizeof text, "%sGET /readyz HTTP/1.1\r\n" HOST "\r\n", requests[i]);
        for (size_t read_max = 1; read_max <= (size_t)size; read_max += read_max < 20 ? 1 : 17) {
            struct net *n = net_routes(1);
            n->read_max = read_max;
            struct client *c = http(n, 0);
            size_t used = mem_used(&n->mem);
            post_bytes(c, text, (size_t)size);
            net_settle(n);
            str body;
            assert_int_equal(answer(c, &body), 200);
            assert_str_eq(body, STR("hello, world\n"));
            answers(c, 200, "ready");
            assert_int_equal(mem_used(&n->mem), used); // nothing of it is kept
            net_free(n);
        }
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static char large[BODY_MAX + 2];
    memset(large, 'x', BODY_MAX + 1);
    const struct {
        const char *text;
        unsigned status;
        const char *field; // in the answer's head
        bool closes;
    } cases[] = {
        {"GET /test/say HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST\r\n", false},
        {"DELETE /test/back HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: POST, PUT\r\n", false},
        {"POST /healthz HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET, HEAD\r\n", false},
        {"POST /test/none HTTP/1.1\r\n" HOST "\r\n", 404, "", false},
        {post_of("/test/none", PLAIN, "xyz"), 404, "", false},
        {post_of("/test/say", "Content-Type: text/html\r\n", "x"), 415, "", false},
        {post_of("/test/say", "Content-Type: text/plainer\r\n", "x"), 415, "", false},
        {post_of("/test/say", PLAIN PLAIN, "x"), 415, "", false},
        {post_of("/test/say", "", "x"), 415, "", false},
        {post_of("/test/say", PLAIN, "no line"), 400, "", false}, // so says its handler
        {post_of("/test/back", PLAIN, large), 413, "", true},
        {post_of("/test/rooms", PLAIN, "x"), 405, "Allow: GET, HEAD\r\n", false},
        {"POST /test/back HTTP/1.1\r\n" HOST PLAIN "Transfer-Encoding: chunked\r\n\r\n1771\r\n", 413, "",
         true},
        {"POST /test/back HTTP/1.1\r\n" HOST PLAIN "Transfer-Encoding: chunked\r\n\r\n2\r\nabc", 400, "",
         true},
        {"POST /test/back HTTP/1.1\r\n" HOST PLAIN "Transfer-Encoding: chunked\r\n\r\nx", 400, "", true},
        {"POST /test/back HTTP/1.1\r\n" HOST PLAIN "Content-Length: 99999999999\r\n\r\n", 413, "", true},
        {"POST /test/back HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n" PLAIN
         "Content-Length: 1\r\n\r\nx",
         403, "", true},
        {"POST /test/back HTTP/1.1\r\n" HOST PLAIN "Expect: more\r\nContent-Length: 1\r\n\r\nx", 417, "",
         true},
        {"GET /test/rooms HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 413, "", true},
        {"GET /test/rooms HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413, "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t read_max = 0; read_max < 2; read_max++) {
            struct net *n = net_routes(1);
            n->read_max = read_max == 0 ? 0 : 7;
            struct client *c = http(n, 0);
            send_bytes(c, cases[i].text);
            str body;
            unsigned got = answer(c, &body);
            if (got != cases[i].status || !head_has(c, cases[i].field) || c->closed != cases[i].closes)
                fail_msg("%u %.*s to %s", got, STR_ARG(body), cases[i].text);
            assert_true(body.n != 0);
            assert_int_equal(METRIC(n, limit_body), got == 413);
            if (!cases[i].closes) {
                send_bytes(c, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
                answers(c, 200, "ok");
            }
            net_free(n);
        }
    }
}

static void who_asks_first_is_told_to_go_on(void **state)
{
    (void)state;
    struct net *n = net_routes(1);
    struct client *c = http(n, 0);
    send_bytes(c,
               "POST /test/back HTTP/1.1\r\n" HOST PLAIN "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    answers(c, 100, "");
    answers_nothing(c);
    send_bytes(c, "hi");
    answers(c, 200, "hi");
    send_bytes(c, "POST /test/back HTTP/1.1\r\n" HOST
                  "Content-Type: x/y\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    answers(c, 415, ""); // it need not be sent, and so is not waited for
    assert_true(c->closed);
    c = http(n, 0);
    send_bytes(c,
               "POST /test/back HTTP/1.0\r\n" HOST PLAIN "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    answers_nothing(c);
    send_bytes(c, "hi");
    answers(c, 200, "hi");
    assert_true(c->closed);
    net_free(n);
}

static void who_is_slow_is_not_waited_for(void **state)
{
    (void)state;
    struct net *n = net_routes(2);
    const char *room = net_room(n, 1, 0);
    struct client *json = in_room(n, 0, room), *c = http(n, 0);
    send_bytes(c, "POST /test/back HTTP/1.1\r\n" HOST PLAIN "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 10; i++) { // however it trickles
        net_wait(n, n->settings.handshake_ms / 9);
        if (!c->closed)
            send_bytes(c, "x");
    }
    answers(c, 408, "");
    assert_true(c->closed);
    c = http(n, 0);
    n->hold[1][0] = true;
    send_bytes(c, post_of("/test/say", PLAIN, words(room, json, "1")));
    net_wait(n, n->settings.handshake_ms + DEADLINE_TICK_MS);
    answers(c, 503, "may be carried out yet");
    assert_true(head_has(c, "Connection: close\r\n"));
    n->hold[1][0] = false;
    net_settle(n); // the answer finds nobody
    answers_nothing(c);
    assert_true(c->closed);
    net_free(n);
}

// The asker is gone when the answer comes; another connection may have its place by then.
static void the_asker_may_be_gone(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct net *n = net_routes(2);
        const char *room = net_room(n, 1, 0);
        struct client *json = in_room(n, 1, room), *c = http(n, 0);
        n->hold[0][1] = true;
        send_bytes(c, post_of("/test/say", PLAIN, words(room, json, "2")));
        uint32_t place = c->conn;
        if (how == 0) {
            hang_up(c); // it has said all, and waits for the answer
            assert_false(c->closed);
        } else {
            cut(c);
            assert_true(c->closed);
        }
        struct client *next = how == 2 ? http(n, 0) : NULL;
        assert_true(next == NULL || next->conn == place);
        n->hold[0][1] = false;
        net_settle(n);
        net_check(n);
        expect(json, "\"data\":2"); // it was asked for
        if (how == 0)
            answers(c, 200, "ack");
        assert_true(c->closed);
        if (next != NULL) {
            answers_nothing(next);
            send_bytes(next, "GET /test/rooms HTTP/1.1\r\n" HOST "\r\n");
            answers(next, 200, room);
        }
        net_free(n);
    }
}

static void a_full_mailbox_makes_it_wait(void **state)
{
    (void)state;
    struct net *n = net_routes(2);
    const char *room = net_room(n, 1, 0);
    struct client *json = in_room(n, 0, room), *c = http(n, 0);
    static struct credit held[MAIL_CREDITS_MAX];
    uint32_t held_n = 0;
    while (mail_takes(&n->sh[0]->mail, 1, false))
        held[held_n++] = mail_credit_take(&n->sh[0]->mail, 1, false);
    send_bytes(c, post_of("/test/say", PLAIN, words(room, json, "3")));
    net_check(n);
    answers_nothing(c);
    assert_int_equal(client_conn(c)->parked, WAIT_MAIL);
    assert_int_equal(client_conn(c)->call->state, CALL_LATER);
    while (held_n != 0)
        mail_credit_back(&n->sh[0]->mail, held[--held_n]);
    net_settle(n);
    answers(c, 200, "ack");
    net_free(n);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    for (int stays = 0; stays < 2; stays++)
        for (uint64_t k = 1, done = 0; !done; k++) {
            struct net *n = net_routes(2);
            const char *room = net_room(n, 1, 0);
            struct client *json = in_room(n, 1, room), *c = http(n, 0);
            if (stays)
                net_fail_from(n, k);
            else
                net_fail_burst(n, k);
            send_bytes(c, "POST /test/say HTTP/1.1\r\n" HOST PLAIN "Transfer-Encoding: chunked\r\n\r\n");
            char chunk[64];
            const char *text = words(room, json, "4");
            for (size_t i = 0; i < strlen(text); i++) {
                snprintf(chunk, sizeof chunk, "1\r\n%c\r\n", text[i]);
                send_bytes(c, chunk);
            }
            send_bytes(c, "0\r\n\r\n");
            done = n->burst_at != 0; // it was not reached
            net_fail_end(n);
            net_settle(n);
            net_check(n);
            str body;
            unsigned status = answer(c, &body);
            assert_true(status == 200 || status == 503 || status == 403 || c->closed);
            assert_true(!done || status == 200);
            net_free(n);
        }
}

// Leaving waits for what is on its way, and for nobody who has yet to finish his request for ever.
static void a_drain_waits_for_answers(void **state)
{
    (void)state;
    struct net *n = net_routes(2);
    const char *room = net_room(n, 1, 0);
    struct client *json = in_room(n, 1, room), *c = http(n, 0), *half = http(n, 0);
    n->hold[0][1] = true;
    send_bytes(c, post_of("/test/say", PLAIN, words(room, json, "5")));
    send_bytes(half, "POST /test/back HTTP/1.1\r\n" HOST PLAIN "Content-Length: 9\r\n\r\n1234");
    shard_drain(n->sh[0]);
    net_wait(n, 1000);
    assert_false(c->closed);
    n->hold[0][1] = false;
    net_settle(n);
    answers(c, 200, "ack");
    assert_true(c->closed);
    net_wait(n, n->settings.handshake_ms);
    answers(half, 408, "");
    assert_true(half->closed && shard_drained(n->sh[0]));
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_asks_and_is_answered_later),
        cmocka_unit_test(a_body_comes_as_it_may),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(who_asks_first_is_told_to_go_on),
        cmocka_unit_test(who_is_slow_is_not_waited_for),
        cmocka_unit_test(the_asker_may_be_gone),
        cmocka_unit_test(a_full_mailbox_makes_it_wait),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(a_drain_waits_for_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
