// SPDX-License-Identifier: Apache-2.0
//
// Requests of the HTTP API with an `Idempotency-Key`, through two shards: carried out once, whatever happens on the way.
#include "unit/core_support.h"

#include "core/api/api.h"
#include "core/home/receipts.h"
#include "dialect/api.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST "Host: localhost:8000\r\n"
#define JSON "Content-Type: application/json\r\n"
#define REPLAYED "\r\nIdempotency-Replayed: true\r\n"
enum { TEXT_MAX = 256 * 1024, BODY_MAX = 8192 };

static struct net *net_api(void)
{
    struct net *n = net_new(2);
    n->local = true;
    n->settings.routes = api_routes;
    n->settings.routes_n = API_ROUTES;
    n->settings.requests = (struct rate){0, 100000};
    n->settings.api_body_bytes = 128 * 1024;
    return n;
}

static struct net *net_open(void)
{
    struct net *n = net_api();
    net_start(n);
    return n;
}

static struct client *http(struct net *n, uint32_t shard) { return net_accept(n, shard, TRANSPORT_HTTP); }

static void post_with(struct client *c, const char *command, const char *fields, const char *key,
                      const char *body)
{
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    int size = snprintf(text, TEXT_MAX,
                        "POST /api/v1/%s HTTP/1.1\r\n" HOST JSON "%s%s%s%sContent-Length: %zu\r\n\r\n%s",
                        command, fields, key != NULL ? "Idempotency-Key: " : "", key != NULL ? key : "",
                        key != NULL ? "\r\n" : "", strlen(body), body);
    assert_true(size > 0 && size < TEXT_MAX);
    post_bytes(c, text, (size_t)size);
    free(text);
}

static void call_with(struct client *c, const char *command, const char *fields, const char *key,
                      const char *body)
{
    post_with(c, command, fields, key, body);
    net_settle(c->net);
    net_check(c->net);
}

static void call(struct client *c, const char *command, const char *key, const char *body)
{
    call_with(c, command, "", key, body);
}

static unsigned answer(struct client *c, str *ret_head, str *ret_body)
{
    str rest = str_skip(str_make(c->rx.p, c->rx.n), c->parsed);
    const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, "\r\n\r\n", 4);
    unsigned status = 0;
    size_t body_n = 0;
    *ret_head = *ret_body = STR_NONE;
    if (end == NULL)
        return 0;
    size_t head_n = (size_t)(end + 4 - rest.p);
    assert_int_equal(sscanf(rest.p, "HTTP/1.1 %3u ", &status), 1);
    const char *at = memmem(rest.p, head_n, "Content-Length: ", 16);
    assert_non_null(at);
    assert_int_equal(sscanf(at + 16, "%zu", &body_n), 1);
    assert_true(rest.n >= head_n + body_n);
    *ret_head = str_take(rest, head_n);
    *ret_body = str_make(rest.p + head_n, body_n);
    c->parsed += head_n + body_n;
    return status;
}

// The body, kept.
static const char *answers(struct client *c, unsigned status, const char *field, const char *part)
{
    static char kept[4][TEXT_MAX];
    static uint32_t next;
    str head, body;
    unsigned got = answer(c, &head, &body);
    if (got != status || !contains(head, field) || !contains(body, part))
        fail_msg("%u %.*s%.*s, expected %u %s %s", got, STR_ARG(head), STR_ARG(body), status, field, part);
    char *to = kept[next++ % 4];
    snprintf(to, TEXT_MAX, "%.*s", STR_ARG(body));
    return to;
}

static void answers_anew(struct client *c, unsigned status, const char *part)
{
    str head, body;
    unsigned got = answer(c, &head, &body);
    if (got != status || contains(head, REPLAYED) || !contains(body, part))
        fail_msg("%u %.*s%.*s, expected %u %s", got, STR_ARG(head), STR_ARG(body), status, part);
}

static char *text_of(const char *format, const char *a, const char *b)
{
    static char text[8][BODY_MAX];
    static uint32_t at;
    char *to = text[at++ % 8];
    snprintf(to, BODY_MAX, format, a, b);
    return to;
}

// How many invitations to it are open.
static uint32_t invitations(struct client *c, const char *room)
{
    call(c, "invites", NULL, text_of("{\"room\":\"%s\"}", room, ""));
    str head, body;
    uint32_t n = 0;
    unsigned status = answer(c, &head, &body);
    if (status == 404)
        return 0;
    assert_int_equal(status, 200);
    for (const char *at = body.p;
         (at = memmem(at, (size_t)(body.p + body.n - at), "\"invitation\":", 13)) != NULL; at++)
        n++;
    return n;
}

// --- all commands

// Of a room %1$s in which a user %2$s is, with a message and an invitation %3$s.
static const char *const bodies[CMD_COUNT] = {
    [CMD_SIGNAL] = "{\"room\":\"%1$s\",\"data\":1}",
    [CMD_ROLE] = "{\"room\":\"%1$s\",\"user\":\"%2$s\",\"role\":\"host\"}",
    [CMD_KICK] = "{\"room\":\"%1$s\",\"user\":\"%2$s\"}",
    [CMD_BAN] = "{\"room\":\"%1$s\",\"user\":\"%2$s\"}",
    [CMD_UNBAN] = "{\"room\":\"%1$s\",\"user\":\"%2$s\"}",
    [CMD_MUTE] = "{\"room\":\"%1$s\",\"user\":\"%2$s\"}",
    [CMD_UNMUTE] = "{\"room\":\"%1$s\",\"user\":\"%2$s\"}",
    [CMD_SLOW] = "{\"room\":\"%1$s\",\"seconds\":30}",
    [CMD_READONLY] = "{\"room\":\"%1$s\",\"on\":true}",
    [CMD_STATE] = "{\"room\":\"%1$s\",\"set\":{\"k\":1}}",
    [CMD_CREATE] = "{\"room\":\"%1$s-other\"}",
    [CMD_CLOSE] = "{\"room\":\"%1$s\"}",
    [CMD_LOCK] = "{\"room\":\"%1$s\",\"on\":true}",
    [CMD_INVITE] = "{\"room\":\"%1$s\"}",
    [CMD_UNINVITE] = "{\"room\":\"%1$s\",\"invitation\":\"%3$s\"}",
    [CMD_EDIT] = "{\"room\":\"%1$s\",\"offset\":1,\"data\":2}",
    [CMD_DELETE] = "{\"room\":\"%1$s\",\"offset\":1}",
    [CMD_REACT] = "{\"room\":\"%1$s\",\"offset\":1,\"key\":\"+\"}",
    [CMD_READ] = "{\"room\":\"%1$s\",\"offset\":1,\"user\":\"%2$s\"}",
    [CMD_DISCONNECT] = "{\"user\":\"%2$s\"}",
    [CMD_REVOKE] = "{\"user\":\"%2$s\",\"seconds\":60}",
    [CMD_BATCH] =
        "{\"commands\":[{\"type\":\"publish\",\"room\":\"%1$s\",\"data\":1},{\"type\":\"invite\",\"room\":\"%1$s\"},"
        "{\"type\":\"members\",\"room\":\"%1$s\"}]}",
};

static void once(enum command_type type, uint32_t home)
{
    struct net *n = net_open();
    const char *room = net_room(n, home, 0), *name = command_name(type);
    struct client *json = net_json(n, 0), *first = http(n, 0), *second = http(n, 1);
    char invitation[16] = "", body[1024];
    say(json, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    call(first, "publish", NULL, text_of("{\"room\":\"%s\",\"data\":1}", room, ""));
    answers_anew(first, 200, "\"offset\":1");
    call(first, "invite", NULL, text_of("{\"room\":\"%s\"}", room, ""));
    string_of(str_from_cstr(answers(first, 200, "", "invitation")), "invitation", invitation,
              sizeof invitation);
    snprintf(body, sizeof body, bodies[type], room, json->user, invitation);
    call(first, name, "k-1", body);
    const char *said = answers(first, 200, "HTTP/1.1 200 ", "{");
    const uint64_t entries = METRIC(n, entries), passing = METRIC(n, passing),
                   closed = METRIC(n, closed_ordered);
    forget(json);
    for (int i = 0; i < 2; i++) {
        call(i == 0 ? second : first, name, "k-1", body);
        assert_string_equal(answers(i == 0 ? second : first, 200, REPLAYED, "{"), said);
    }
    assert_int_equal(METRIC(n, entries), entries);
    assert_int_equal(METRIC(n, passing), passing);
    assert_int_equal(METRIC(n, closed_ordered), closed);
    assert_int_equal(METRIC(n, replayed), 2);
    expect_nothing(json);
    net_free(n);
}

static void every_command_that_changes_something_is_carried_out_once(void **state)
{
    (void)state;
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++) {
        if (!api_serves((enum command_type)type) || api_once((enum command_type)type) != API_RECEIPT)
            continue;
        if (bodies[type] == NULL)
            fail_msg("no row of `bodies` for `%s`", command_name((enum command_type)type));
        once((enum command_type)type, 0);
        once((enum command_type)type, 1);
    }
}

static void what_only_reads_does_not_look_at_it(void **state)
{
    (void)state;
    struct net *n = net_open();
    struct client *c = http(n, 0);
    call(c, "create", NULL, "{\"room\":\"r\"}");
    answers_anew(c, 200, "offset");
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++)
        for (int i = 0; i < 2; i++)
            if (api_serves((enum command_type)type) && api_once((enum command_type)type) == API_READS) {
                call(c, command_name((enum command_type)type), i == 0 ? "k" : "", "{\"room\":\"r\"}");
                answers_anew(c, 200, "{");
            }
    call(c, "state", "k", "{\"room\":\"r\"}");
    answers_anew(c, 200, "\"state\":");
    call(c, "state", "k", "{\"room\":\"r\",\"set\":{\"k\":1}}"); // is the first one with it
    answers_anew(c, 200, "offset");
    net_free(n);
}

// --- what a key is

static void a_key_is_of_one_request_and_of_who_asks(void **state)
{
    (void)state;
    static const char one[] = "X-API-Key: first-secret\r\n", two[] = "X-API-Key: second-secret\r\n";
    static struct api_key keys[2] = {{.name = STR("one"), .rights = UINT64_MAX},
                                     {.name = STR("two"), .rights = UINT64_MAX}};
    assert_int_equal(digest_sha256("first-secret", 12, keys[0].sha256), OK);
    assert_int_equal(digest_sha256("second-secret", 13, keys[1].sha256), OK);
    struct net *n = net_api();
    n->settings.api_keys = keys;
    n->settings.api_keys_n = 2;
    net_start(n);
    struct client *c = http(n, 0), *d = http(n, 1);
    call_with(c, "invite", one, "k", "{\"room\":\"r\"}");
    answers_anew(c, 404, "not_found");
    call_with(c, "create", one, "c", "{\"room\":\"r\"}");
    answers_anew(c, 200, "offset");
    call_with(d, "invite", one, "k", "{\"room\":\"r\"}"); // that there was none is decided
    answers(d, 404, REPLAYED, "not_found");
    call_with(d, "invite", one, "k", "{\"room\":\"r\" }");
    answers(d, 422, "HTTP/1.1 422 Unprocessable Content\r\n", "\"code\":\"key_reused\"");
    call_with(d, "lock", one, "k", "{\"room\":\"r\"}"); // refused before its key is looked at
    answers_anew(d, 400, "bad_command");
    call_with(d, "close", one, "k", "{\"room\":\"r\"}");
    answers_anew(d, 422, "use a new key for each request");
    call_with(d, "invite", two, "k", "{\"room\":\"r\"}"); // is hers
    answers_anew(d, 200, "invitation");
    call_with(c, "invite", two, "k", "{\"room\":\"r\"}");
    answers(c, 200, REPLAYED, "invitation");
    call_with(c, "invite", one, "", "{\"room\":\"r\"}");
    answers_anew(c, 400, "`Idempotency-Key` must have 1 to 64 bytes, and be there once");
    call_with(c, "invite", "X-API-Key: first-secret\r\nIdempotency-Key: a\r\n", "a", "{\"room\":\"r\"}");
    answers_anew(c, 400, "and be there once");
    call_with(c, "invite", one, "12345678901234567890123456789012345678901234567890123456789012345",
              "{\"room\":\"r\"}");
    answers_anew(c, 400, "1 to 64 bytes");
    net_wait(n, n->settings.idempotency_ms + 2000);
    c = http(n, 0);
    call_with(c, "create", one, "c2", "{\"room\":\"r\"}");
    answers_anew(c, 200, "offset");
    call_with(c, "invite", one, "k", "{\"room\":\"r\"}"); // its time is over
    answers_anew(c, 200, "invitation");
    net_free(n);
}

static void what_is_of_a_moment_is_not_kept(void **state)
{
    (void)state;
    struct net *n = net_api();
    n->settings.rooms_max = 1;
    n->settings.room_grace_ms = 1000;
    net_start(n);
    struct client *c = http(n, 0), *d = http(n, 1);
    const char *first = net_room(n, 0, 0), *second = net_room(n, 0, 1);
    call(c, "create", NULL, text_of("{\"room\":\"%s\"}", first, ""));
    answers_anew(c, 200, "offset");
    for (int i = 0; i < 2; i++) {
        call(d, "create", "k", text_of("{\"room\":\"%s\"}", second, ""));
        answers_anew(d, 429, "limit_reached");
    }
    net_wait(n, 3000);
    call(c, "create", "k", text_of("{\"room\":\"%s\"}", second, ""));
    answers_anew(c, 200, "offset");
    call(d, "create", "k", text_of("{\"room\":\"%s\"}", second, ""));
    answers(d, 200, REPLAYED, "offset");
    net_free(n);
}

// --- the connection goes, at each step of the way

// Which mailboxes are held when it goes: none, those of one way, all; a few turns after the request.
static void whoever_asks_may_go_at_any_time(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++)
        for (uint32_t key = 0; key < 4; key++)
            for (uint32_t turns = 0; turns < 12; turns++) {
                struct net *n = net_open();
                const char *room = net_room(n, home, 0);
                char name[16], body[256];
                struct client *c = http(n, 0), *d = http(n, 1);
                snprintf(name, sizeof name, "key-%u", key);
                call(d, "create", NULL, text_of("{\"room\":\"%s\"}", room, ""));
                answers_anew(d, 200, "offset");
                snprintf(body, sizeof body, "{\"room\":\"%s\"}", room);
                post_with(c, "invite", "", name, body);
                for (uint32_t t = 0; t < turns; t++)
                    net_turn(n, t % 2);
                post_with(d, "invite", "", name, body); // while it is on its way
                cut(c);
                net_settle(n);
                net_check(n);
                str head, got;
                unsigned status = answer(d, &head, &got);
                assert_true(status == 200 || (status == 409 && contains(got, "\"code\":\"in_progress\"") &&
                                              contains(got, "\"retry_ms\":")));
                call(d, "invite", name, body);
                answers(d, 200, "", "invitation");
                assert_int_equal(invitations(d, room), 1);
                net_free(n);
            }
}

static const char long_batch[] =
    "{\"commands\":[{\"type\":\"publish\",\"room\":\"%1$s\",\"data\":1},{\"type\":\"invite\",\"room\":\"%2$s\"},"
    "{\"type\":\"history\",\"room\":\"%1$s\"},{\"type\":\"publish\",\"room\":\"%2$s\",\"data\":2},"
    "{\"type\":\"invite\",\"room\":\"%1$s\"},{\"type\":\"publish\",\"room\":\"%1$s\",\"data\":3}],\"parallel\":%3$s}";

static void a_batch_that_was_cut_is_gone_on_with(void **state)
{
    (void)state;
    for (uint32_t parallel = 0; parallel < 2; parallel++)
        for (uint32_t turns = 0; turns < 24; turns++) {
            struct net *n = net_open();
            const char *near = net_room(n, 0, 0), *far = net_room(n, 1, 0);
            struct client *c = http(n, 0), *d = http(n, 1);
            char body[1024];
            snprintf(body, sizeof body, long_batch, near, far, parallel ? "true" : "false");
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", near, ""));
            answers_anew(d, 200, "offset");
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", far, ""));
            answers_anew(d, 200, "offset");
            post_with(c, "batch", "", "b", body);
            for (uint32_t t = 0; t < turns; t++)
                net_turn(n, t % 2);
            cut(c);
            net_settle(n);
            net_check(n);
            call(d, "batch", "b", body);
            const char *said = answers(d, 200, "HTTP/1.1 200 ", "{\"replies\":[{\"room\"");
            assert_null(strstr(said, "error"));
            call(d, "batch", "b", body);
            assert_string_equal(answers(d, 200, REPLAYED, ""), said);
            assert_int_equal(METRIC(n, entries), 7); // two rooms, three words, two invitations
            assert_int_equal(invitations(d, near) + invitations(d, far), 2);
            net_free(n);
        }
}

// One of it is refused for the moment: it is that one which is carried out by the next request.
static void what_is_open_of_a_batch_is_carried_out_by_the_next(void **state)
{
    (void)state;
    struct net *n = net_api();
    n->settings.rooms_max = 2;
    n->settings.room_grace_ms = 2000;
    net_start(n);
    struct client *c = http(n, 0), *d = http(n, 1);
    const char *first = net_room(n, 0, 0), *other = net_room(n, 0, 1), *third = net_room(n, 0, 2);
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"commands\":[{\"type\":\"publish\",\"room\":\"%s\",\"data\":1},{\"type\":\"create\",\"room\":\"%s\"}]}",
        first, third);
    call(c, "create", NULL, text_of("{\"room\":\"%s\"}", other, ""));
    answers_anew(c, 200, "offset");
    call(c, "batch", "b", body);
    answers_anew(c, 200, "\"code\":\"limit_reached\"");
    const uint64_t entries = METRIC(n, entries);
    net_wait(n, 1000);
    call(c, "publish", NULL, text_of("{\"room\":\"%s\",\"data\":1}", first, "")); // keeps it
    answers_anew(c, 200, "\"offset\":2");
    net_wait(n, 1500);
    call(d, "batch", "b", body);
    answers_anew(d, 200, "{\"replies\":[{\"room\":");
    assert_int_equal(METRIC(n, entries), entries + 2);
    call(c, "batch", "b", body);
    answers(c, 200, REPLAYED, "offset");
    net_free(n);
}

// --- memory

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    for (int batch = 0; batch < 2; batch++)
        for (uint64_t k = 1, done = 0; !done; k++) {
            struct net *n = net_open();
            const char *near = net_room(n, 0, 0), *far = net_room(n, 1, 0);
            char body[1024];
            snprintf(body, sizeof body, batch ? long_batch : "{\"room\":\"%1$s\"}", near, far, "true");
            const char *command = batch ? "batch" : "invite";
            struct client *c = http(n, 0), *d = http(n, 1);
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", near, ""));
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", far, ""));
            answers_anew(d, 200, "offset");
            answers_anew(d, 200, "offset");
            net_fail_burst(n, k);
            call(c, command, "k", body);
            done = n->burst_at != 0;
            net_fail_end(n);
            net_settle(n);
            net_check(n);
            if (done)
                answers_anew(c, 200, "{");
            call(d, command, "k", body);
            str head, got;
            unsigned status = answer(d, &head, &got);
            bool gone = contains(got, "\"code\":\"answer_gone\"");
            assert_true(status == 200 || (status == 410 && gone));
            uint32_t made = invitations(d, near) + invitations(d, far);
            assert_true(made <= (batch ? 2 : 1));
            assert_true(gone || made == (batch ? 2 : 1));
            assert_true(METRIC(n, entries) <= (batch ? 7 : 3));
            net_free(n);
        }
}

// Or when a batch that was cut is gone on with, or what is kept is to be told.
static void memory_may_end_when_it_is_asked_again(void **state)
{
    (void)state;
    for (uint32_t turns = 4; turns <= 40; turns += 4) // cut in the middle, or done
        for (uint64_t k = 1, done = 0; !done; k++) {
            struct net *n = net_open();
            const char *near = net_room(n, 0, 0), *far = net_room(n, 1, 0);
            char body[1024];
            snprintf(body, sizeof body, long_batch, near, far, "false");
            struct client *c = http(n, 0), *d = http(n, 1), *e = http(n, 0);
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", near, ""));
            answers_anew(d, 200, "offset");
            call(d, "create", NULL, text_of("{\"room\":\"%s\"}", far, ""));
            answers_anew(d, 200, "offset");
            post_with(c, "batch", "", "k", body);
            for (uint32_t t = 0; t < turns; t++)
                net_turn(n, t % 2);
            cut(c);
            net_settle(n);
            net_fail_burst(n, k);
            call(d, "batch", "k", body);
            done = n->burst_at != 0;
            net_fail_end(n);
            net_settle(n);
            net_check(n);
            call(e, "batch", "k", body);
            str head, got;
            unsigned status = answer(e, &head, &got);
            bool gone = contains(got, "\"code\":\"answer_gone\"");
            assert_true(status == 200 || (status == 410 && gone));
            uint32_t made = invitations(e, near) + invitations(e, far);
            assert_true(made <= 2 && (gone || made == 2));
            assert_true(METRIC(n, entries) <= 7 && (gone || METRIC(n, entries) == 7));
            net_free(n);
        }
}

// --- how much

static void who_has_too_many_keys_is_refused_and_nobody_else(void **state)
{
    (void)state;
    static const char one[] = "X-API-Key: first-secret\r\n", two[] = "X-API-Key: second-secret\r\n";
    static struct api_key keys[2] = {{.name = STR("one"), .rights = UINT64_MAX},
                                     {.name = STR("two"), .rights = UINT64_MAX}};
    assert_int_equal(digest_sha256("first-secret", 12, keys[0].sha256), OK);
    assert_int_equal(digest_sha256("second-secret", 13, keys[1].sha256), OK);
    struct net *n = net_api();
    n->settings.api_keys = keys;
    n->settings.api_keys_n = 2;
    n->settings.api_idempotency_keys = 8;
    n->settings.room_grace_ms = 1000000;
    net_start(n);
    struct client *c = http(n, 0), *d = http(n, 1);
    call_with(c, "create", two, "k", "{\"room\":\"r\"}");
    answers_anew(c, 200, "offset");
    uint32_t good = 0, told = 0;
    char key[16];
    str head, body;
    for (uint32_t i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%u", i);
        call_with(c, "react", one, key,
                  "{\"room\":\"r\",\"offset\":1,\"key\":\"+\"}"); // there is no message: decided
        unsigned status = answer(c, &head, &body);
        good += status == 404;
        told +=
            status == 429 && contains(body, "`api.idempotency_keys`") && contains(head, "Retry-After: 5\r\n");
    }
    assert_int_equal(good, 8);
    assert_int_equal(told, 92);
    assert_int_equal(METRIC(n, limit_receipts), 92);
    call_with(d, "create", two, "k", "{\"room\":\"r\"}"); // hers is there, and there is room for more
    answers(d, 200, REPLAYED, "offset");
    call_with(d, "invite", two, "i", "{\"room\":\"r\"}");
    answers_anew(d, 200, "invitation");
    call_with(d, "invite", one, NULL, "{\"room\":\"r\"}");
    answers_anew(d, 200, "invitation");
    net_wait(n, n->settings.idempotency_ms + 2000);
    assert_int_equal(METRIC(n, receipts), 0);
    net_free(n);
}

static void an_answer_that_is_not_kept_is_told_to_be_gone(void **state)
{
    (void)state;
    struct net *n = net_api();
    n->settings.api_idempotency_bytes = RECEIPTS_HOLDERS * 2 * 600; // a few of one holder and shard
    n->settings.api_batch_max = 1000;
    net_start(n);
    struct client *c = http(n, 0), *d = http(n, 1);
    char key[16], *body = malloc(TEXT_MAX);
    call(c, "create", NULL, "{\"room\":\"r\"}");
    answers_anew(c, 200, "offset");
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%u", i);
        call(c, "invite", key, "{\"room\":\"r\"}");
        answers_anew(c, 200, "invitation");
    }
    call(d, "invite", "k0", "{\"room\":\"r\"}");
    answers(d, 410, "HTTP/1.1 410 Gone\r\n", "\"code\":\"answer_gone\"");
    call(d, "invite", "k19", "{\"room\":\"r\"}"); // the newest are kept
    answers(d, 200, REPLAYED, "invitation");
    assert_int_equal(invitations(d, "r"), 20);
    size_t at = (size_t)snprintf(body, TEXT_MAX, "{\"commands\":[");
    for (int i = 0; i < 1000; i++)
        at +=
            (size_t)snprintf(body + at, TEXT_MAX - at, "%s{\"type\":\"publish\",\"room\":\"%s\",\"data\":%d}",
                             i == 0 ? "" : ",", net_room(n, 0, 9), i);
    snprintf(body + at, TEXT_MAX - at, "]}");
    call(c, "batch", "long", body); // longer than RECEIPT_BODY_MAX
    answers_anew(c, 200, "replies");
    const uint64_t entries = METRIC(n, entries);
    call(d, "batch", "long", body);
    answers_anew(d, 410, "answer_gone");
    assert_int_equal(METRIC(n, entries), entries);
    free(body);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_that_changes_something_is_carried_out_once),
        cmocka_unit_test(what_only_reads_does_not_look_at_it),
        cmocka_unit_test(a_key_is_of_one_request_and_of_who_asks),
        cmocka_unit_test(what_is_of_a_moment_is_not_kept),
        cmocka_unit_test(whoever_asks_may_go_at_any_time),
        cmocka_unit_test(a_batch_that_was_cut_is_gone_on_with),
        cmocka_unit_test(what_is_open_of_a_batch_is_carried_out_by_the_next),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(memory_may_end_when_it_is_asked_again),
        cmocka_unit_test(who_has_too_many_keys_is_refused_and_nobody_else),
        cmocka_unit_test(an_answer_that_is_not_kept_is_told_to_be_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
