// SPDX-License-Identifier: Apache-2.0
//
// A token in the place of a key of the HTTP API: the test is the helper that looks at it.
#include "unit/token_support.h"

#include "core/auth/caps.h"

#include <stdio.h>
#include <stdlib.h>

static struct net *open_net(uint32_t shards)
{
    struct net *n = token_net(shards, 1);
    net_serve_api(n);
    n->local = false; // who brings no token is a stranger
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    return n;
}

#define TOKEN "Authorization: Bearer a.b.c\r\n"

static struct verdict_mail with_caps(struct net *n, const char *caps, char block[CAPS_BYTES_MAX])
{
    struct verdict_mail v = good(n, "shop");
    size_t size;
    struct sentence why;
    assert_int_equal(caps_make(str_from_cstr(caps), block, &size, &why), OK);
    v.caps = str_make(block, size);
    return v;
}

static void what_the_token_allows_is_done(void **state)
{
    (void)state;
    static const struct {
        const char *command, *body, *status, *part;
    } rows[] = {
        {"publish", "{\"room\":\"shop-1\",\"data\":1}", "HTTP/1.1 200 ", "\"offset\":1"},
        {"publish", "{\"room\":\"lobby\",\"data\":1}", "HTTP/1.1 403 ", "in the room `lobby`"},
        {"history", "{\"room\":\"shop-1\"}", "HTTP/1.1 403 ", "has not the right `history`"},
        {"kick", "{\"room\":\"shop-1\",\"user\":\"u\"}", "HTTP/1.1 403 ", "has not the right `kick`"},
        {"ban", "{\"room\":\"shop-1\",\"user\":\"u\"}", "HTTP/1.1 403 ", "in the room `shop-1`"},
        {"create", "{\"room\":\"shop-2\"}", "HTTP/1.1 200 ", "\"offset\":1"},
        {"info", "{}", "HTTP/1.1 200 ", "\"version\""},
        {"batch",
         "{\"commands\":[{\"type\":\"publish\",\"room\":\"shop-1\",\"data\":2},{\"type\":\"rooms\"}]}",
         "HTTP/1.1 200 ", "\"offset\":2,"},
        {"broadcast", "{\"rooms\":[\"shop-1\",\"lobby\"],\"data\":3}", "HTTP/1.1 403 ", "has not the right"},
    };
    struct net *n = open_net(2);
    char block[CAPS_BYTES_MAX];
    const struct verdict_mail v = with_caps(n,
                                            "{\"rooms\":{\"shop-*\":[\"join\",\"publish\"]},"
                                            "\"server\":[\"publish\",\"create\",\"info\",\"ban\"]}",
                                            block);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = api_call(n, 1, rows[i].command, TOKEN, rows[i].body);
        assert_int_equal(c->rx.n, 0); // it waits for the verdict, with its body
        struct token_mail *job = asked(n, 1);
        assert_non_null(job);
        assert_str_eq(job->token, STR("a.b.c"));
        tell(n, 1, job, &v);
        api_answers(c, rows[i].status, rows[i].part);
        net_check(n);
    }
    struct client *person = net_json(n, 0);
    say(person, "{\"type\":\"join\",\"room\":\"shop-1\",\"history\":10}");
    hear(person);
    expect(person, "\"from\":{\"user\":\"server:shop\",\"session\":\"api\",\"name\":\"shop\"}");
    net_free(n);
}

static struct client *refused_by(struct net *n, const struct verdict_mail *v, const char *status,
                                 const char *part)
{
    struct client *c = api_call(n, 0, "publish", TOKEN, "{\"room\":\"r\",\"data\":1}");
    tell(n, 0, asked(n, 0), v);
    api_answers(c, status, part);
    return c;
}

static void what_is_no_good_token_is_refused(void **state)
{
    (void)state;
    struct net *n = open_net(1);
    char block[CAPS_BYTES_MAX];
    const struct verdict_mail forged = {.verdict = TOKEN_BAD, .why = STR("It is forged.")},
                              over = {.verdict = TOKEN_EXPIRED, .why = STR("Over.")},
                              busy = {.verdict = TOKEN_BUSY}, person = good(n, "ada"),
                              host = with_caps(n, "{\"rooms\":{\"**\":[\"host\"]}}", block);
    api_answers(refused_by(n, &forged, "HTTP/1.1 401 ", "\"unauthorized\",\"message\":\"It is forged.\""),
                "WWW-Authenticate: Bearer", "invalid_token");
    refused_by(n, &over, "HTTP/1.1 401 ", "\"token_expired\"");
    refused_by(n, &busy, "HTTP/1.1 503 ", "\"unavailable\"");
    refused_by(n, &person, "HTTP/1.1 403 ", "has no rights here");
    refused_by(n, &host, "HTTP/1.1 403 ", "has no rights here");
    assert_null(net_room_at(n, "r"));
    api_answers(api_call(n, 0, "publish", "X-API-Key: no-token\r\n", "{}"), "HTTP/1.1 403 ",
                "no API key"); // not of this machine
    net_free(n);
}

static void a_revoked_token_is_no_key(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    char block[CAPS_BYTES_MAX];
    struct verdict_mail v = with_caps(n, "{\"server\":[\"revoke\",\"info\"]}", block);
    struct client *c = api_call(n, 0, "revoke", TOKEN, "{\"token_id\":\"j-1\"}"); // its own
    tell(n, 0, asked(n, 0), &v);
    api_answers(c, "HTTP/1.1 200 ", "\r\n\r\n{}");
    c = api_call(n, 1, "info", TOKEN, "{}");
    tell(n, 1, asked(n, 1), &v);
    api_answers(c, "HTTP/1.1 401 ", "\"token_revoked\"");
    v.token_id = STR("j-2");
    c = api_call(n, 1, "info", TOKEN, "{}");
    tell(n, 1, asked(n, 1), &v);
    api_answers(c, "HTTP/1.1 200 ", "\"version\"");
    net_free(n);
}

// Nothing is known of who asks before the verdict: so it is counted as a request.
static void requests_with_tokens_are_counted(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    net_serve_api(n);
    n->settings.requests = (struct rate){1, 1};
    net_start(n);
    struct client *c = api_call(n, 0, "info", TOKEN, "{}");
    const struct verdict_mail bad = {.verdict = TOKEN_BAD, .why = STR("No.")};
    tell(n, 0, asked(n, 0), &bad);
    api_answers(c, "HTTP/1.1 401 ", "No.");
    post_bytes(c, "POST /api/v1/info HTTP/1.1\r\nHost: localhost\r\n" TOKEN "\r\n",
               sizeof "POST /api/v1/info HTTP/1.1\r\nHost: localhost\r\n" TOKEN "\r\n" - 1);
    net_settle(n);
    api_answers(c, "HTTP/1.1 429 ", "Too many requests");
    assert_null(asked(n, 0));
    net_free(n);
}

// Who goes while a helper looks is not answered, and nothing of it stays.
static void who_has_gone_is_not_waited_for(void **state)
{
    (void)state;
    struct net *n = open_net(1);
    char block[CAPS_BYTES_MAX];
    const struct verdict_mail v = with_caps(n, "{\"server\":[\"info\"]}", block);
    struct client *c = api_call(n, 0, "info", TOKEN, "{}");
    struct token_mail *job = asked(n, 0);
    cut(c);
    net_settle(n);
    tell(n, 0, job, &v);
    c = api_call(n, 0, "info", TOKEN, "{}");
    job = asked(n, 0);
    net_wait(n, n->settings.handshake_ms + 1000); // it takes too long
    api_answers(c, "HTTP/1.1 503 ", "too long");
    tell(n, 0, job, &v);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_token_allows_is_done),  cmocka_unit_test(what_is_no_good_token_is_refused),
        cmocka_unit_test(a_revoked_token_is_no_key),      cmocka_unit_test(requests_with_tokens_are_counted),
        cmocka_unit_test(who_has_gone_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
