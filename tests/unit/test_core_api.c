// SPDX-License-Identifier: Apache-2.0
//
// The HTTP API through shards: who may come in, what commands do and answer, many of them in one request, and what happens between.
#include "unit/core_support.h"

#include "core/api/api.h"
#include "dialect/api.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 256 * 1024 };
#define HOST "Host: localhost:8000\r\n"
#define JSON "Content-Type: application/json\r\n"

// --- clients

static struct net *net_api(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_serve_api(n);
    n->settings.requests = (struct rate){1, 3}; // who may come in does not pay
    return n;
}

static struct net *net_open(uint32_t shards)
{
    struct net *n = net_api(shards);
    net_start(n);
    return n;
}

static struct client *http(struct net *n, uint32_t shard) { return net_accept(n, shard, TRANSPORT_HTTP); }

static void post_to(struct client *c, const char *method, const char *command, const char *fields,
                    const char *body)
{
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    int size = snprintf(text, TEXT_MAX, "%s /api/v1/%s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", method,
                        command, fields, strlen(body), body);
    assert_true(size < TEXT_MAX);
    post_bytes(c, text, (size_t)size);
    free(text);
}

static void call_with(struct client *c, const char *command, const char *fields, const char *body)
{
    post_to(c, "POST", command, fields, body);
    net_settle(c->net);
    net_check(c->net);
}

static void call(struct client *c, const char *command, const char *body)
{
    call_with(c, command, HOST JSON, body);
}

// The next answer: its status, 0 for none yet.
static unsigned answer(struct client *c, str *ret_head, str *ret_body)
{
    str rest = str_skip(str_make(c->rx.p, c->rx.n), c->parsed);
    static const char length[] = "Content-Length: ";
    const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, "\r\n\r\n", 4);
    *ret_head = *ret_body = STR_NONE;
    if (end == NULL)
        return 0;
    unsigned status = 0;
    size_t head_n = (size_t)(end + 4 - rest.p), body_n = 0;
    assert_int_equal(sscanf(rest.p, "HTTP/1.1 %3u ", &status), 1);
    const char *at = memmem(rest.p, head_n, length, sizeof length - 1);
    assert_non_null(at);
    assert_int_equal(sscanf(at + sizeof length - 1, "%zu", &body_n), 1);
    assert_true(rest.n >= head_n + body_n);
    *ret_head = str_take(rest, head_n);
    *ret_body = str_make(rest.p + head_n, body_n);
    c->parsed += head_n + body_n;
    return status;
}

// The body, which is one JSON object and has the part.
static str answers(struct client *c, unsigned status, const char *part)
{
    str head, body;
    unsigned got = answer(c, &head, &body);
    if (got != status || !contains(body, part))
        fail_msg("%u %.*s, expected %u %s", got, STR_ARG(body), status, part);
    assert_true(contains(head, "Content-Type: application/json\r\n"));
    assert_int_equal(json_validate(str_trim(body), NULL), OK);
    assert_true(contains(body, "{\"error\":{\"code\":") == (status != 200) || status == 200);
    return body;
}

static void answers_with(struct client *c, unsigned status, const char *field, const char *part)
{
    str head, body;
    unsigned got = answer(c, &head, &body);
    if (got != status || !contains(head, field) || !contains(body, part))
        fail_msg("%u %.*s%.*s, expected %u %s %s", got, STR_ARG(head), STR_ARG(body), status, field, part);
}

static struct client *in_room(struct net *n, uint32_t shard, const char *room)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    return c;
}

static char *text_of(const char *format, const char *a, const char *b)
{
    static char text[8][2048];
    static uint32_t at;
    char *to = text[at++ % 8];
    snprintf(to, sizeof text[0], format, a, b);
    return to;
}

// --- what is said

static void who_is_there_hears_a_backend(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_open(shards);
        const char *room = net_room(n, shards - 1, 0);
        struct client *json = in_room(n, 0, room), *c = http(n, 0);
        call(c, "publish", text_of("{\"room\":\"%s\",\"data\":{\"a\" : 1}}", room, ""));
        answers(c, 200, text_of("{\"room\":\"%s\",\"offset\":1,\"epoch\":\"", room, ""));
        str heard = expect(
            json,
            "\"from\":{\"user\":\"server\",\"session\":\"api\",\"name\":\"server\"},\"data\":{\"a\" : 1}");
        assert_int_equal(number_of(heard, "offset"), 1);
        call(c, "publish", text_of("{\"room\":\"%s\",\"data\":2,\"user\":\"ada\"}", room, ""));
        answers(c, 200, "\"offset\":2");
        expect(json, "\"from\":{\"user\":\"ada\",\"session\":\"api\",\"name\":\"ada\"}");
        call(c, "publish",
             text_of("{\"room\":\"%s\",\"data\":3,\"user\":\"ada\",\"name\":\"Ada \\u20ac\"}", room, ""));
        answers(c, 200, "\"offset\":3");
        expect(json, "\"name\":\"Ada \xe2\x82\xac\"}");
        call(c, "publish", text_of("{\"room\":\"%s\",\"data\":4,\"user\":\"a\\u0007\"}", room, ""));
        answers(c, 400, "`user` must be a string");
        expect_nothing(json);
        assert_int_equal(METRIC(n, commands[CMD_PUBLISH]), 3);
        net_free(n);
    }
}

static void a_word_makes_a_room_and_keeps_it(void **state)
{
    (void)state;
    struct net *n = net_api(1);
    n->settings.rooms_max = 2;
    n->settings.room_grace_ms = 5000;
    net_start(n);
    struct client *c = http(n, 0);
    call(c, "publish", "{\"room\":\"early\",\"data\":\"one\"}");
    answers(c, 200, "\"offset\":1");
    net_wait(n, 4000);
    call(c, "publish", "{\"room\":\"early\",\"data\":\"two\"}"); // from now on
    answers(c, 200, "\"offset\":2");
    net_wait(n, 4000);
    struct client *json = net_json(n, 0);
    say(json, "{\"type\":\"join\",\"room\":\"early\",\"history\":5}");
    expect(json, "\"type\":\"joined\"");
    expect(json, "\"data\":\"one\"");
    expect(json, "\"data\":\"two\"");
    call(c, "publish", "{\"room\":\"other\",\"data\":1}");
    answers(c, 200, "\"offset\":1");
    call(c, "publish", "{\"room\":\"third\",\"data\":1}");
    answers(c, 429, "\"code\":\"limit_reached\"");
    net_wait(n, 6000);
    assert_null(net_room_at(n, "other"));
    assert_non_null(net_room_at(n, "early"));
    call(c, "history", "{\"room\":\"other\"}"); // what only looks makes nothing
    answers(c, 404, "\"code\":\"not_found\",\"message\":\"There is no room `other`.\"");
    call(c, "members", "{\"room\":\"other\"}");
    answers(c, 404, "\"code\":\"not_found\"");
    assert_null(net_room_at(n, "other"));
    net_free(n);
}

static void once_by_key(void **state)
{
    (void)state;
    struct net *n = net_open(1);
    struct client *json = in_room(n, 0, "r"), *c = http(n, 0);
    call(c, "publish", "{\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    answers(c, 200, "\"offset\":1");
    expect(json, "\"data\":1");
    call_with(c, "publish", HOST JSON "Idempotency-Key: k\r\n", "{\"room\":\"r\",\"data\":2}");
    answers(c, 200, "\"offset\":1,");
    call(c, "publish", "{\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    answers(c, 200, "\"duplicate\":true");
    call(c, "publish", "{\"room\":\"r\",\"data\":3,\"key\":\"k\",\"user\":\"eve\"}"); // hers
    answers(c, 200, "\"offset\":2");
    expect(json, "\"data\":3");
    expect_nothing(json);
    call_with(c, "publish", HOST JSON "Idempotency-Key: k\r\n", "{\"room\":\"r\",\"data\":2,\"key\":\"l\"}");
    answers(c, 400, "must be the same");
    call_with(c, "publish",
              HOST JSON
              "Idempotency-Key: 12345678901234567890123456789012345678901234567890123456789012345\r\n",
              "{\"room\":\"r\",\"data\":2}");
    answers(c, 400, "`Idempotency-Key` must have");
    call_with(c, "batch", HOST JSON "Idempotency-Key: k\r\n", "{\"commands\":[{\"type\":\"info\"}]}");
    answers(c, 200, "replies"); // as a whole: test_core_receipts.c
    expect_nothing(json);
    net_free(n);
}

static void directs_and_lists(void **state)
{
    (void)state;
    struct net *n = net_open(2);
    struct client *json = in_room(n, 1, net_room(n, 0, 0)), *c = http(n, 0);
    call(c, "direct", text_of("{\"to\":\"%s\",\"data\":\"psst\",\"key\":\"d\"}", json->user, ""));
    answers(c, 200, "{\"delivered\":1}");
    expect(json, "\"type\":\"direct\",\"from\":{\"user\":\"server\",\"session\":\"api\"");
    call(c, "direct", text_of("{\"to\":\"%s\",\"data\":\"psst\",\"key\":\"d\"}", json->user, ""));
    answers(c, 200, "\"duplicate\":true");
    expect_nothing(json);
    call(c, "members", text_of("{\"room\":\"%s\"}", net_room(n, 0, 0), ""));
    answers(c, 200, text_of("\"members\":[{\"user\":\"%s\"", json->user, ""));
    call(c, "rooms", "");
    answers(c, 200, text_of("{\"rooms\":[{\"room\":\"%s\",\"members_count\":1}]}", net_room(n, 0, 0), ""));
    for (int i = 0; i < 5; i++) {
        call(c, "publish",
             text_of("{\"room\":\"%s\",\"data\":\"%s\"}", net_room(n, 1, 1), i < 3 ? "a" : "b"));
        answers(c, 200, "epoch");
    }
    call(c, "history", text_of("{\"room\":\"%s\",\"limit\":2}", net_room(n, 1, 1), ""));
    str page = answers(c, 200, "\"history\":[{\"type\":\"message\"");
    assert_true(contains(page, "\"offset\":4") && contains(page, "\"offset\":5") &&
                !contains(page, "\"offset\":3"));
    call(c, "info", "{}");
    answers(
        c, 200,
        "{\"version\":\"test\",\"status\":\"ready\",\"shards\":2,\"connections\":2,\"sessions\":1,\"rooms\":2,\"members\":1");
    net_free(n);
}

static void it_keeps_order(void **state)
{
    (void)state;
    struct net *n = net_open(2);
    const char *room = net_room(n, 1, 0);
    struct client *bob = in_room(n, 0, room), *eve = in_room(n, 1, room), *c = http(n, 0);
    call(c, "role", text_of("{\"room\":\"%s\",\"user\":\"%s\",\"role\":\"owner\"}", room, bob->user));
    answers(c, 200, "\"offset\":1,");
    expect(eve, "\"type\":\"member:role\"");
    call(c, "mute",
         text_of("{\"room\":\"%s\",\"user\":\"%s\",\"seconds\":60}", room, bob->user)); // above owners
    answers(c, 200, "\"offset\":2,");
    forget(bob);
    say(bob, "{\"type\":\"message\",\"id\":9,\"room\":\"%s\",\"data\":1}", room);
    expect(bob, "\"code\":\"muted\"");
    call(c, "publish",
         text_of("{\"room\":\"%s\",\"data\":1,\"user\":\"%s\"}", room, bob->user)); // the backend knows
    answers(c, 200, "\"offset\":");
    call(c, "readonly", text_of("{\"room\":\"%s\",\"on\":true}", room, ""));
    answers(c, 200, "\"offset\":");
    call(c, "publish", text_of("{\"room\":\"%s\",\"data\":2}", room, ""));
    answers(c, 200, "\"offset\":");
    forget(eve);
    call(c, "ban", text_of("{\"room\":\"%s\",\"user\":\"%s\"}", room, eve->user));
    answers(c, 200, "\"offset\":");
    net_settle(n);
    say(eve, "{\"type\":\"join\",\"id\":10,\"room\":\"%s\"}", room);
    bool banned = false;
    for (str heard = hear(eve); heard.n != 0; heard = hear(eve))
        banned |= contains(heard, "\"code\":\"banned\"");
    assert_true(banned);
    call(c, "kick", text_of("{\"room\":\"%s\",\"user\":\"nobody\"}", room, ""));
    answers(c, 404, "\"code\":\"not_member\"");
    call(c, "ban", "{\"room\":\"nowhere\",\"user\":\"eve\"}");
    answers(c, 404, "\"code\":\"not_found\"");
    assert_null(net_room_at(n, "nowhere"));
    net_free(n);
}

// --- who may come in

static const struct api_key *keys_of(const char *const secrets[], size_t n, uint64_t rights, const str *rooms,
                                     size_t rooms_n)
{
    static struct api_key keys[4];
    static const str names[] = {STR("one"), STR("two"), STR("three")};
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct api_key){.name = names[i], .rights = rights, .rooms = rooms, .rooms_n = rooms_n};
        assert_int_equal(digest_sha256(secrets[i], strlen(secrets[i]), keys[i].sha256), OK);
    }
    return keys;
}

// Over all connections and shards together, each of a batch and each room of a broadcast as one; other keys do not feel it.
static void a_key_has_its_rate(void **state)
{
    (void)state;
    enum { BURST = 40, PER_S = 20 };
    static const char *const secrets[] = {"first-secret", "second-secret"};
    static const char first[] = HOST JSON "X-API-Key: first-secret\r\n";
    static const char second[] = HOST JSON "X-API-Key: second-secret\r\n";
    for (uint32_t shards = 1; shards <= 3; shards += 2) {
        struct net *n = net_api(shards);
        struct api_key keys[2];
        memcpy(keys, keys_of(secrets, 2, UINT64_MAX, NULL, 0), sizeof keys);
        keys[0].rate = (struct rate){PER_S, BURST};
        n->settings.api_keys = keys;
        n->settings.api_keys_n = 2;
        n->settings.requests = (struct rate){0, 1000};
        net_start(n);
        uint32_t good = 0, told = 0;
        str head, body;
        struct client *c[3];
        for (uint32_t i = 0; i < 3; i++)
            c[i] = http(n, i % shards);
        for (uint32_t i = 0; i < 3 * BURST; i++) {
            call_with(c[i % 3], "publish", first, "{\"room\":\"r\",\"data\":1}");
            unsigned status = answer(c[i % 3], &head, &body);
            assert_true(status == 200 || status == 429);
            good += status == 200;
            told += status == 429 && contains(body, "\"code\":\"rate_limited\"") &&
                    contains(body, "\"retry_ms\":") && contains(head, "Retry-After: 1\r\n");
        }
        assert_true(good <= BURST && good >= BURST / 2); // a part of it may lie on other shards
        assert_int_equal(told, 3 * BURST - good);
        assert_int_equal(METRIC(n, limit_api_key), told);
        assert_int_equal(METRIC(n, entries), good);
        call_with(c[0], "publish", second, "{\"room\":\"r\",\"data\":1}");
        answers(c[0], 200, "\"offset\":");
        net_wait(n, 10000);
        for (uint32_t i = 0; i < 2; i++) // the others have been closed
            c[i] = http(n, i % shards);
        call_with(c[0], "batch", first,
                  "{\"commands\":[{\"type\":\"info\"},{\"type\":\"rooms\"},{\"type\":\"info\"}]}");
        answers(c[0], 200, "\"replies\":[{\"version\":");
        static const char broadcast[] = "{\"data\":1,\"rooms\":[";
        char rooms[2048];
        size_t at = (size_t)snprintf(rooms, sizeof rooms, "%s", broadcast);
        for (int i = 0; i < 2 * BURST; i++)
            at += (size_t)snprintf(rooms + at, sizeof rooms - at, "%s\"r\"", i == 0 ? "" : ",");
        snprintf(rooms + at, sizeof rooms - at, "]}");
        uint64_t before = METRIC(n, entries);
        call_with(c[1], "broadcast", first, rooms);
        str results = answers(c[1], 200, "{\"results\":[{\"room\":\"r\",\"offset\":");
        assert_true(contains(results, "\"code\":\"rate_limited\""));
        uint64_t said = METRIC(n, entries) - before;
        assert_true(said <= BURST && said >= BURST / 2 - 3);
        net_free(n);
    }
}

static void keys_open_and_wrong_ones_do_not(void **state)
{
    (void)state;
    static const char *const secrets[] = {"first-secret", "second-secret", "third-secret"};
    struct net *n = net_api(1);
    n->local = false;
    n->settings.api_keys = keys_of(secrets, 3, UINT64_MAX, NULL, 0);
    n->settings.api_keys_n = 3;
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    struct client *c = http(n, 0), *json = in_room(n, 0, "r");
    static const char *const good[] = {"Authorization: Bearer first-secret\r\n",
                                       "Authorization: bearer  second-secret \r\n",
                                       "X-API-Key: third-secret\r\n"};
    static const char *const who[] = {"\"user\":\"server:one\",\"session\":\"api\",\"name\":\"one\"",
                                      "\"user\":\"server:two\"", "\"user\":\"server:three\""};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        call_with(c, "publish", text_of(HOST JSON "%s", good[i], ""),
                  "{\"room\":\"r\",\"data\":1,\"key\":\"same\"}");
        answers(c, 200, "\"epoch\"");
        expect(json, who[i]); // and each has a window of keys of its own
    }
    static const char *const bad[] = {"",
                                      "Authorization: Bearer first-secret2\r\n",
                                      "Authorization: Bearer\r\n",
                                      "Authorization: Basic first-secret\r\n",
                                      "X-API-Key: First-secret\r\n",
                                      "X-API-Key: first-secret\r\nAuthorization: Bearer first-secret\r\n",
                                      "X-API-Key: first-secret\r\nX-API-Key: first-secret\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        call_with(c, "publish", text_of(HOST JSON "%s", bad[i], ""), "{\"room\":\"r\",\"data\":1}");
        answers_with(c, 401, "WWW-Authenticate: Bearer realm=\"plenum\"",
                     "{\"error\":{\"code\":\"unauthorized\"");
        assert_false(c->closed); // the body was passed over
    }
    expect_nothing(json);
    call_with(c, "publish", HOST JSON "X-API-Key: first-secret\r\nOrigin: http://evil.example\r\n",
              "{\"room\":\"r\",\"data\":1}");
    answers(c, 403, "`origin.allowed`");
    call_with(c, "publish", HOST JSON "X-API-Key: first-secret\r\nOrigin: http://localhost:8000\r\n",
              "{\"room\":\"r\",\"data\":1}");
    answers(c, 200, "epoch");
    net_free(n);
}

static void a_key_has_its_rights_and_rooms(void **state)
{
    (void)state;
    static const char *const secrets[] = {"the-secret"};
    static const str rooms[] = {STR("team-*"), STR("news")};
    struct net *n = net_api(2);
    n->settings.api_keys = keys_of(secrets, 1,
                                   api_right(CMD_PUBLISH) | api_right(CMD_BROADCAST) | api_right(CMD_ROOMS) |
                                       api_right(CMD_DIRECT),
                                   rooms, 2);
    n->settings.api_keys_n = 1;
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    struct client *c = http(n, 0);
#define KEY HOST JSON "X-API-Key: the-secret\r\n"
    call_with(c, "publish", KEY, "{\"room\":\"team-red\",\"data\":1}");
    answers(c, 200, "\"offset\":1");
    call_with(c, "publish", KEY, "{\"room\":\"lobby\",\"data\":1}");
    answers(c, 403, "\"code\":\"forbidden\",\"message\":\"This key is not for the room `lobby`");
    assert_null(net_room_at(n, "lobby"));
    call_with(c, "history", KEY, "{\"room\":\"team-red\"}");
    answers(c, 403, "has not the right `history`");
    call_with(c, "history", KEY, "{"); // before its body is looked at
    answers(c, 403, "has not the right `history`");
    call_with(c, "rooms", KEY, "{}");
    answers(c, 403, "some rooms only");
    call_with(c, "direct", KEY, "{\"to\":\"x\",\"data\":1}");
    answers(c, 200, "\"delivered\":0");
    call_with(c, "broadcast", KEY, "{\"rooms\":[\"news\",\"lobby\",\"team-\"],\"data\":1}");
    str all = answers(c, 200, "{\"results\":[{\"room\":\"news\",\"offset\":1");
    assert_true(contains(all, "{\"error\":{\"code\":\"forbidden\"") &&
                contains(all, "{\"room\":\"team-\",\"offset\":1"));
    call_with(c, "batch", KEY,
              "{\"commands\":[{\"type\":\"info\"},{\"type\":\"publish\",\"room\":\"lobby\",\"data\":1},"
              "{\"type\":\"publish\",\"room\":\"news\",\"data\":2}]}");
    all = answers(
        c, 200,
        "{\"replies\":[{\"error\":{\"code\":\"forbidden\",\"message\":\"This key has not the right `info`");
    assert_true(contains(all, "not for the room `lobby`") &&
                contains(all, "{\"room\":\"news\",\"offset\":2"));
    assert_null(net_room_at(n, "lobby"));
#undef KEY
    net_free(n);
}

// Keys change while a body is under way, and while a batch is.
static void a_key_that_goes_meanwhile(void **state)
{
    (void)state;
    static const char *const secrets[] = {"first-secret", "second-secret"};
    for (int batch = 0; batch < 2; batch++) {
        struct net *n = net_api(2);
        n->settings.api_keys = keys_of(secrets, 2, UINT64_MAX, NULL, 0);
        n->settings.api_keys_n = 2;
        net_start(n);
        struct settings later = n->settings;
        later.api_keys_n = 1;
        struct client *c = http(n, 0);
        char body[600];
        if (batch)
            snprintf(
                body, sizeof body,
                "{\"commands\":[{\"type\":\"publish\",\"room\":\"%s\",\"data\":1},{\"type\":\"publish\",\"room\":\"%s\",\"data\":2}]}",
                net_room(n, 1, 0), net_room(n, 0, 0));
        else
            snprintf(body, sizeof body, "{\"room\":\"%s\",\"data\":2}", net_room(n, 0, 0));
        n->hold[0][1] = true; // the first one of the batch is on its way
        char text[1200];
        int size = snprintf(text, sizeof text,
                            "POST /api/v1/%s HTTP/1.1\r\n" HOST JSON
                            "X-API-Key: second-secret\r\nContent-Length: %zu\r\n\r\n%s",
                            batch ? "batch" : "publish", strlen(body), body);
        post_bytes(c, text, (size_t)size - (batch ? 0 : 3));
        net_settle(n);
        for (uint32_t i = 0; i < 2; i++)
            shard_settings_set(n->sh[i], &later);
        n->hold[0][1] = false;
        if (!batch)
            post_bytes(c, text + size - 3, 3);
        net_settle(n);
        str body_got = batch ? answers(c, 200, "{\"replies\":[{\"room\":") : answers(c, 401, "unauthorized");
        assert_true(contains(body_got, "unauthorized"));
        assert_null(net_room_at(n, net_room(n, 0, 0)));
        net_free(n);
    }
}

// Without a key: nobody but this machine, and no page that it happens to look at.
static void without_a_key_it_is_for_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *word;
    } strangers[] = {
        {"Host: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n", "by a proxy"},
        {"Host: localhost\r\nForwarded: for=192.0.2.1\r\n", "by a proxy"},
        {"Host: localhost\r\nVia: 1.1 proxy\r\n", "by a proxy"},
        {"Host: chat.example\r\n", "as `localhost` only"},
        {"Host: localhost.evil.example\r\n", "as `localhost` only"},
        {"Host: localhost\r\nOrigin: http://evil.example\r\n", "Pages of other origins"},
        {"Host: localhost\r\nOrigin: null\r\n", "Pages of other origins"},
        {"Host: localhost\r\nOrigin: http://friend.example\r\n", "Pages of other origins"},
        {"Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://localhost\r\n",
         "Pages of other origins"},
        {"Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", "Pages of other origins"},
        {"Host: localhost\r\nSec-Fetch-Site: same-site\r\n", "Pages of other origins"},
    };
    static const str friends[] = {STR("http://friend.example")};
    struct net *n = net_api(1);
    n->settings.requests = (struct rate){0, 1000};
    n->settings.origins = friends;
    n->settings.origins_n = 1;
    net_start(n);
    struct client *c = http(n, 0);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        call_with(c, "publish", text_of(JSON "%s", strangers[i].fields, ""), "{\"room\":\"r\",\"data\":1}");
        answers(c, 403, strangers[i].word);
    }
    assert_null(net_room_at(n, "r"));
    static const char *const own[] = {HOST "Origin: http://localhost:8000\r\nSec-Fetch-Site: same-origin\r\n",
                                      "Host: 127.0.0.1:8000\r\n", "Host: [::1]\r\nSec-Fetch-Site: none\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        call_with(c, "publish", text_of(JSON "%s", own[i], ""), "{\"room\":\"r\",\"data\":1}");
        answers(c, 200, "epoch");
    }
    n->local = false;
    struct client *far = http(n, 0);
    call(far, "publish", "{\"room\":\"r\",\"data\":1}");
    answers(far, 403, "Set `PLENUM_API_KEY`");
    assert_true(n->notices[NOTICE_API_REFUSED] == ARRAY_LEN(strangers) + 1);
    net_free(n);
}

// --- what is refused

static void refusals_say_why_and_the_next_request_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *method, *command, *fields, *body;
        unsigned status;
        const char *field, *part;
    } rows[] = {
        {"POST", "publsh", HOST JSON, "{}", 404, "",
         "\"code\":\"unknown_type\",\"message\":\"The API has no command `publsh`. Did you mean `publish`?\""},
        {"POST", "message", HOST JSON, "{}", 404, "", "Did you mean `publish`?"},
        {"POST", "join", HOST JSON, "{}", 404, "", "no command `join`"},
        {"POST", "", HOST JSON, "{}", 404, "", "no command"},
        {"GET", "publish", HOST, "", 405, "\r\nAllow: POST\r\n", "not by `GET`"},
        {"DELETE", "publish", HOST JSON, "{}", 405, "\r\nAllow: POST\r\n", "not by `DELETE`"},
        {"POST", "publish", HOST "Content-Type: text/plain\r\n", "{\"room\":\"r\",\"data\":1}", 415, "",
         "got `text/plain`"},
        {"POST", "publish", HOST, "{\"room\":\"r\",\"data\":1}", 415, "", "got nothing"},
        {"POST", "publish", HOST JSON JSON, "{\"room\":\"r\",\"data\":1}", 415, "", "application/json"},
        {"POST", "publish", HOST JSON, "{\"room\":\"r\",\"data\":}", 400, "", "\"code\":\"bad_json\""},
        {"POST", "publish", HOST JSON, "{\"room\":\"r\",\"data\":}", 400, "", "at position 19"},
        {"POST", "publish", HOST JSON, "[1]", 400, "", "bad_json"},
        {"POST", "publish", HOST JSON, "{\"data\":1}", 400, "", "`room` must be"},
        {"POST", "publish", HOST JSON, "{\"room\":\"\",\"data\":1}", 400, "", "\"code\":\"bad_room\""},
        {"POST", "publish", HOST JSON, "", 400, "", "`room` must be"},
        {"POST", "members", HOST JSON, "{\"room\":\"r\",\"limit\":0}", 400, "", "`limit` must be"},
        {"POST", "disconnect", HOST JSON, "{}", 400, "", "`user` or `connection`"},
        {"POST", "disconnect", HOST JSON, "{\"user\":\"a\",\"connection\":\"0.1.2\"}", 400, "",
         "give one of them"},
        {"POST", "disconnect", HOST JSON, "{\"connection\":\"9.1.2\"}", 400, "", "got `9.1.2`"},
        {"POST", "connections", HOST JSON, "{\"after\":\"x\"}", 400, "", "`after` must be"},
        {"POST", "broadcast", HOST JSON, "{\"rooms\":[],\"data\":1}", 400, "", "1 to 1000 names"},
        {"POST", "broadcast", HOST JSON, "{\"rooms\":[\"a\",7],\"data\":1}", 400, "", "`rooms` must be"},
        {"POST", "broadcast", HOST JSON, "{\"rooms\":\"a\",\"data\":1}", 400, "", "`rooms` must be"},
        {"POST", "batch", HOST JSON, "{\"commands\":[1]}", 400, "", "`commands` must be"},
        {"POST", "batch", HOST JSON, "{\"commands\":[{\"type\":\"info\"}],\"parallel\":1}", 400, "",
         "`parallel` must be"},
        {"POST", "batch", HOST JSON, "{\"commands\":[{\"type\":\"kiss\"}]}", 200, "",
         "[{\"error\":{\"code\":\"unknown_type\""},
        {"POST", "batch", HOST JSON, "{\"commands\":[{\"type\":\"batch\",\"commands\":[{}]}]}", 200, "",
         "[{\"error\":"},
        {"POST", "batch", HOST JSON, "{\"commands\":[{\"type\":\"broadcast\",\"rooms\":[\"a\"],\"data\":1}]}",
         200, "", "takes no `broadcast`"},
    };
    struct net *n = net_api(1);
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    struct client *c = http(n, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        post_to(c, rows[i].method, rows[i].command, rows[i].fields, rows[i].body);
        call(c, "info", "");
        answers_with(c, rows[i].status, rows[i].field, rows[i].part);
        answers(c, 200, "\"version\"");
        assert_false(c->closed);
    }
    assert_int_equal(METRIC(n, rooms), 0);
    net_free(n);
}

static void bodies_have_a_limit(void **state)
{
    (void)state;
    struct net *n = net_api(1);
    n->settings.api_body_bytes = 100000;
    n->settings.message_bytes = 1000;
    net_start(n);
    struct client *c = http(n, 0), *chunks = http(n, 0), *long_data = http(n, 0);
    send_bytes(c, "POST /api/v1/publish HTTP/1.1\r\n" HOST JSON "Content-Length: 100001\r\n\r\n");
    answers(c, 413, "\"code\":\"too_large\"");
    assert_true(c->closed); // what follows is not read
    send_bytes(chunks,
               "POST /api/v1/publish HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n186A1\r\n");
    answers(chunks, 413, "\"code\":\"too_large\"");
    char data[1200];
    memset(data, '7', sizeof data);
    data[1001] = '\0';
    call(long_data, "publish", text_of("{\"room\":\"r\",\"data\":%s}", data, ""));
    answers(long_data, 413, "`limits.message_bytes`");
    data[1000] = '\0';
    call(long_data, "publish", text_of("{\"room\":\"r\",\"data\":%s}", data, ""));
    answers(long_data, 200, "epoch");
    struct client *waits = http(n, 0);
    send_bytes(waits, "POST /api/v1/publish HTTP/1.1\r\n" HOST JSON
                      "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_true(str_starts(str_make(waits->rx.p, waits->rx.n), STR("HTTP/1.1 100 Continue\r\n\r\n")));
    waits->parsed = sizeof "HTTP/1.1 100 Continue\r\n\r\n" - 1;
    net_wait(n, n->settings.handshake_ms);
    answers(waits, 408, "\"error\"");
    net_free(n);
}

static void ids_go_back(void **state)
{
    (void)state;
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct net *n = net_open(1);
    struct client *c = http(n, 0);
    char fields[512];
    snprintf(fields, sizeof fields, HOST JSON "X-Request-Id: r-1\r\ntraceparent: %s\r\n", trace);
    call_with(c, "info", fields, "");
    snprintf(fields, sizeof fields, "\r\nX-Request-Id: r-1\r\ntraceparent: %s\r\n", trace);
    answers_with(c, 200, fields, "version");
    call_with(c, "nothing", HOST JSON "X-Request-Id: r-2\r\n", "{}"); // errors, too
    answers_with(c, 404, "\r\nX-Request-Id: r-2\r\n", "unknown_type");
    static const char *const others[] = {
        "X-Request-Id: a b\r\n", "X-Request-Id: a\r\nX-Request-Id: b\r\n",
        "traceparent: 00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        str head, body;
        call_with(c, "info", text_of(HOST JSON "%s", others[i], ""), "");
        assert_int_equal(answer(c, &head, &body), 200);
        assert_false(contains(head, "X-Request-Id") || contains(head, "traceparent"));
    }
    net_free(n);
}

// --- many

static void pipelined_requests_are_answered_in_order_and_together(void **state)
{
    (void)state;
    struct net *n = net_open(1);
    struct client *c = http(n, 0);
    for (int i = 1; i <= 12; i++)
        post_to(c, "POST", "publish", HOST JSON, "{\"room\":\"r\",\"data\":1}");
    uint32_t before = c->writes;
    net_settle(n);
    for (int i = 1; i <= 12; i++) {
        char part[40];
        snprintf(part, sizeof part, "\"offset\":%d,", i);
        answers(c, 200, part);
    }
    assert_true(c->writes - before <= 2);
    net_free(n);
}

// A list of n rooms of two shards, in turns.
static char *rooms_list(struct net *n, uint32_t count)
{
    char *list = malloc(TEXT_MAX);
    size_t at = 0;
    assert_non_null(list);
    for (uint32_t i = 0; i < count; i++)
        at += (size_t)snprintf(list + at, TEXT_MAX - at, "%s\"%s\"", i == 0 ? "" : ",",
                               net_room(n, i % n->shards, i / n->shards));
    return list;
}

static void a_broadcast_reaches_all_rooms(void **state)
{
    (void)state;
    for (uint32_t credits = 0; credits <= 2; credits += 2) {
        struct net *n = net_api(2);
        n->settings.rooms_max = 300;
        n->settings.mail_credits = credits;
        net_start(n);
        struct client *json = in_room(n, 1, net_room(n, 1, 60)), *c = http(n, 0);
        char *rooms = rooms_list(n, 200), *body = malloc(TEXT_MAX);
        snprintf(body, TEXT_MAX, "{\"data\":\"\\u0041ll\",\"user\":\"\\u0061da\",\"rooms\":[%s]}", rooms);
        call(c, "broadcast", body);
        str all = answers(c, 200, "{\"results\":[");
        str rest = str_skip(all, sizeof "{\"results\":" - 1), one;
        uint32_t found = 0;
        for (; json_array_next(&rest, &one); found++) {
            char part[100];
            snprintf(part, sizeof part, "{\"room\":\"%s\",\"offset\":1", net_room(n, found % 2, found / 2));
            assert_true(str_starts(one, str_from_cstr(part)));
        }
        assert_int_equal(found, 200);
        expect(json,
               "\"from\":{\"user\":\"ada\",\"session\":\"api\",\"name\":\"ada\"},\"data\":\"\\u0041ll\"");
        free(rooms);
        free(body);
        net_free(n);
    }
}

// What comes behind in a batch finds what was before it carried out, on whatever shard; in parallel it may be earlier.
static void a_batch_is_carried_out_in_order(void **state)
{
    (void)state;
    for (int parallel = 0; parallel < 2; parallel++) {
        struct net *n = net_open(2);
        const char *near = net_room(n, 0, 0), *far = net_room(n, 1, 0);
        struct client *c = http(n, 0);
        char body[1024];
        snprintf(
            body, sizeof body,
            "{\"commands\":[{\"type\":\"publish\",\"room\":\"%s\",\"data\":1},{\"type\":\"publish\",\"room\":\"%s\",\"data\":2},"
            "{\"type\":\"info\"},{\"type\":\"history\",\"room\":\"%s\"},{\"type\":\"publish\",\"room\":\"%s\",\"data\":3},"
            "{\"type\":\"publish\",\"room\":\"%s\",\"data\":4}],\"parallel\":%s}",
            far, near, far, near, near, parallel ? "true" : "false");
        n->hold[0][1] = true;
        call(c, "batch", body);
        assert_int_equal(METRIC(n, entries), parallel ? 3 : 0); // the near ones, or none before the first
        assert_int_equal(client_asker(c)->pending, parallel ? 3 : 1);
        n->hold[0][1] = false;
        net_settle(n);
        str all = answers(c, 200, "{\"replies\":[{\"room\":");
        assert_true(contains(all, "\"history\":[{\"type\":\"message\""));
        assert_true(contains(all, "\"offset\":3"));
        assert_int_equal(METRIC(n, commands[CMD_PUBLISH]), 4);
        assert_int_equal(METRIC(n, commands[CMD_BATCH]), 1);
        net_free(n);
    }
}

static void a_long_batch_has_few_asks_under_way(void **state)
{
    (void)state;
    struct net *n = net_api(2);
    n->settings.log_entries = 2000;
    net_start(n);
    struct client *c = http(n, 0);
    char *body = malloc(TEXT_MAX);
    size_t at = (size_t)snprintf(body, TEXT_MAX, "{\"commands\":[");
    for (int i = 0; i < 1000; i++)
        at +=
            (size_t)snprintf(body + at, TEXT_MAX - at, "%s{\"type\":\"publish\",\"room\":\"%s\",\"data\":%d}",
                             i == 0 ? "" : ",", net_room(n, 1, 0), i);
    snprintf(body + at, TEXT_MAX - at, "]}");
    n->hold[0][1] = true;
    call(c, "batch", body);
    assert_int_equal(client_asker(c)->pending, HTTP_ASKS_MAX);
    n->hold[0][1] = false;
    net_settle(n);
    str all = answers(c, 200, "\"offset\":1000,");
    str rest = str_skip(all, sizeof "{\"replies\":" - 1), one;
    for (uint64_t i = 1; json_array_next(&rest, &one); i++)
        assert_int_equal(number_of(one, "offset"), i);
    free(body);
    net_free(n);
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    static const char *const calls[][2] = {
        {"publish", "{\"room\":\"r\",\"data\":1,\"key\":\"k\"}"},
        {"batch",
         "{\"commands\":[{\"type\":\"publish\",\"room\":\"r\",\"data\":1},{\"type\":\"history\",\"room\":\"r\"},{\"type\":\"info\"}]}"},
        {"broadcast", "{\"rooms\":[\"a\",\"b\",\"c\",\"d\"],\"data\":1,\"user\":\"\\u0061\"}"},
        {"connections", "{}"},
        {"history", "{\"room\":\"r\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        for (uint64_t k = 1, done = 0; !done; k++) {
            struct net *n = net_open(2);
            struct client *c = http(n, 0), *first = http(n, 1);
            call(first, "publish", "{\"room\":\"r\",\"data\":0}");
            answers(first, 200, "epoch");
            net_fail_burst(n, k);
            call(c, calls[i][0], calls[i][1]);
            done = n->burst_at != 0;
            net_fail_end(n);
            net_settle(n);
            net_check(n);
            str head, body;
            unsigned status = answer(c, &head, &body);
            assert_true(status == 200 || status == 503 || status == 404 || c->closed);
            assert_true(!done || status == 200);
            net_free(n);
        }
}

// The asker of many things goes in the middle of them.
static void the_asker_may_go(void **state)
{
    (void)state;
    struct net *n = net_api(2);
    n->settings.rooms_max = 300;
    net_start(n);
    struct client *c = http(n, 0), *other = http(n, 0);
    char *rooms = rooms_list(n, 200), *body = malloc(TEXT_MAX);
    snprintf(body, TEXT_MAX, "{\"data\":1,\"rooms\":[%s]}", rooms);
    n->hold[0][1] = true;
    call(c, "broadcast", body);
    cut(c);
    n->hold[0][1] = false;
    net_settle(n);
    net_check(n);
    call(other, "info", "");
    answers(other, 200, "\"connections\":1");
    free(rooms);
    free(body);
    net_free(n);
}

// --- who is connected

static void connections_are_listed_and_closed(void **state)
{
    (void)state;
    struct net *n = net_api(2);
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    const char *room = net_room(n, 0, 0);
    struct client *a = in_room(n, 0, room), *b = in_room(n, 1, room), *line = net_line(n, 1), *c = http(n, 1);
    call(c, "connections", "{}");
    str all = answers(c, 200, "{\"connections\":[{\"connection\":\"0.0.");
    assert_true(contains(all, a->user) && contains(all, b->user) && contains(all, "\"dialect\":\"text\"") &&
                contains(all, "\"dialect\":\"http\"") && contains(all, "\"address\":\"10.0.0.1\""));
    assert_false(contains(all, "next"));
    call(c, "connections", text_of("{\"user\":\"%s\"}", b->user, ""));
    all = answers(c, 200, text_of("\"rooms\":[\"%s\"],\"rooms_count\":1", room, ""));
    assert_false(contains(all, a->user));
    char connection[40];
    string_of(all, "connection", connection, sizeof connection);
    call(c, "connections", text_of("{\"room\":\"%s\",\"limit\":1}", room, ""));
    all = answers(c, 200, a->user);
    assert_false(contains(all, b->user));
    char next[40];
    string_of(all, "next", next, sizeof next);
    call(c, "connections", text_of("{\"room\":\"%s\",\"after\":\"%s\"}", room, next));
    all = answers(c, 200, b->user);
    assert_false(contains(all, a->user));
    call(c, "connections", "{\"dialect\":\"text\",\"address\":\"10.0.0.1\"}");
    answers(c, 200, "\"rooms\":[\"lobby\"]");
    call(c, "connections", "{\"address\":\"10.0.0.2\"}");
    answers(c, 200, "{\"connections\":[]}");
    forget(a);
    forget(b);
    call(c, "disconnect", text_of("{\"connection\":\"%s\"}", connection, ""));
    answers(c, 200, "{\"delivered\":1}");
    assert_true(b->closed);
    assert_int_equal(b->close_code, PRIVATE_CLOSE_DISCONNECTED);
    struct client *next_one = in_room(n, 1, room); // in its place
    assert_int_equal(next_one->conn, b->conn);
    call(c, "disconnect", text_of("{\"connection\":\"%s\"}", connection, "")); // nobody by that name any more
    answers(c, 200, "{\"delivered\":0}");
    assert_false(next_one->closed);
    call(c, "disconnect", text_of("{\"user\":\"%s\"}", a->user, ""));
    answers(c, 200, "{\"delivered\":1}");
    net_settle(n);
    assert_int_equal(a->close_code, PRIVATE_CLOSE_DISCONNECTED);
    assert_false(line->closed || c->closed);
    assert_int_equal(METRIC(n, closed_ordered), 2);
    net_free(n);
}

// --- where it is served

static void the_admin_has_a_listener(void **state)
{
    (void)state;
    for (int only = 0; only < 2; only++) {
        struct net *n = net_api(1);
        n->settings.admin_only = only;
        n->settings.requests = (struct rate){0, 1000};
        net_start(n);
        struct client *admin = net_accept(n, 0, TRANSPORT_ADMIN), *all = http(n, 0);
        call(admin, "info", "");
        answers(admin, 200, "\"version\"");
        str head, body;
        static const struct {
            const char *path;
            unsigned admin, all, only;
        } rows[] = {{"/metrics", 200, 200, 404},
                    {"/healthz", 200, 200, 200},
                    {"/", 308, 200, 200},
                    {"/api/v1/openapi.json", 200, 200, 404}};
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            char text[200];
            snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i].path);
            send_bytes(admin, text);
            assert_int_equal(answer(admin, &head, &body), rows[i].admin);
            send_bytes(all, text);
            assert_int_equal(answer(all, &head, &body), only ? rows[i].only : rows[i].all);
        }
        call(all, "info", "");
        assert_int_equal(answer(all, &head, &body), only ? 404 : 200);
        send_bytes(admin, "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        assert_int_equal(answer(admin, &head, &body), 404);
        net_free(n);
    }
}

// The description is JSON and names every command and key that there is, by the rows.
static void it_describes_itself(void **state)
{
    (void)state;
    struct net *n = net_open(1);
    struct client *c = http(n, 0);
    send_bytes(c, "GET /api/v1/openapi.json HTTP/1.1\r\n" HOST "\r\n");
    str text = answers(c, 200, "{\"openapi\":\"3.1.0\"");
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++) {
        char path[64];
        snprintf(path, sizeof path, "\"/%s\":{\"post\":", command_name((enum command_type)type));
        assert_int_equal(contains(text, path), api_serves((enum command_type)type));
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_there_hears_a_backend),
        cmocka_unit_test(a_word_makes_a_room_and_keeps_it),
        cmocka_unit_test(once_by_key),
        cmocka_unit_test(directs_and_lists),
        cmocka_unit_test(it_keeps_order),
        cmocka_unit_test(a_key_has_its_rate),
        cmocka_unit_test(keys_open_and_wrong_ones_do_not),
        cmocka_unit_test(a_key_that_goes_meanwhile),
        cmocka_unit_test(a_key_has_its_rights_and_rooms),
        cmocka_unit_test(without_a_key_it_is_for_this_machine),
        cmocka_unit_test(refusals_say_why_and_the_next_request_is_found),
        cmocka_unit_test(bodies_have_a_limit),
        cmocka_unit_test(ids_go_back),
        cmocka_unit_test(pipelined_requests_are_answered_in_order_and_together),
        cmocka_unit_test(a_broadcast_reaches_all_rooms),
        cmocka_unit_test(a_batch_is_carried_out_in_order),
        cmocka_unit_test(a_long_batch_has_few_asks_under_way),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(the_asker_may_go),
        cmocka_unit_test(connections_are_listed_and_closed),
        cmocka_unit_test(the_admin_has_a_listener),
        cmocka_unit_test(it_describes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
