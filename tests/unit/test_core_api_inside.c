// SPDX-License-Identifier: Apache-2.0
//
// What is read by GET on the listener of whoever runs the server: where it is, who may, and what is said of a key.
#include "unit/token_support.h"

#include "core/api/api.h"
#include "core/auth/caps.h"
#include "dialect/api.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <stdio.h>

#define HOST "Host: localhost:8001\r\n"
#define UP "{\"up\":true}"

static struct net *net_inside(uint32_t verifiers)
{
    struct net *n = token_net(2, verifiers);
    n->local = true;
    n->settings.routes = api_routes;
    n->settings.routes_n = API_ROUTES;
    n->settings.api_body_bytes = 64 * 1024;
    n->settings.requests = (struct rate){0, 1000};
    return n;
}

static struct client *get(struct net *n, enum transport transport, const char *method, const char *path,
                          const char *fields)
{
    struct client *c = net_accept(n, 1, transport);
    char text[1024];
    int size = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n" HOST "%s\r\n", method, path, fields);
    post_bytes(c, text, (size_t)size);
    net_settle(n);
    net_check(n);
    return c;
}

static void answers(const struct client *c, const char *status, const char *part)
{
    str got = str_make(c->rx.p, c->rx.n);
    if (!contains(got, status) || !contains(got, part))
        fail_msg("%.*s, expected %s %s", STR_ARG(got), status, part);
}

static void inside(struct net *n, const char *path, const char *fields, const char *status, const char *part)
{
    answers(get(n, TRANSPORT_ADMIN, "GET", path, fields), status, part);
}

static void key_make(struct api_key *key, const char *name, const char *secret, uint64_t rights)
{
    *key = (struct api_key){.name = str_from_cstr(name), .rights = rights};
    assert_int_equal(digest_sha256(secret, strlen(secret), key->sha256), OK);
}

static void it_is_on_the_admins_listener_only(void **state)
{
    (void)state;
    static const char *const paths[] = {"/health", "/admin/whoami", "/admin", "/admin/"};
    struct net *n = net_inside(0);
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        answers(get(n, TRANSPORT_HTTP, "GET", paths[i], ""), "HTTP/1.1 404 ", "");
    inside(n, "/health", "", "HTTP/1.1 200 OK\r\n", "\r\n\r\n" UP);
    inside(n, "/health", "", "Content-Type: application/json\r\n", "Cache-Control: no-store\r\n");
    inside(n, "/", "", "HTTP/1.1 308 Permanent Redirect\r\n", "Location: /admin/\r\n");
    inside(n, "/admin", "", "HTTP/1.1 308 Permanent Redirect\r\n", "Location: /admin/\r\n");
    inside(n, "/nowhere", "", "HTTP/1.1 404 ", "`/admin/`");
    answers(get(n, TRANSPORT_HTTP, "GET", "/", ""), "HTTP/1.1 200 ", "<p>chat</p>");
    struct client *head = get(n, TRANSPORT_ADMIN, "HEAD", "/health", "");
    answers(head, "HTTP/1.1 200 ", "Content-Length: 11\r\n");
    assert_false(contains(str_make(head->rx.p, head->rx.n), UP));
    answers(get(n, TRANSPORT_ADMIN, "POST", "/health", ""), "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n");
    answers(get(n, TRANSPORT_ADMIN, "DELETE", "/admin/whoami", ""), "HTTP/1.1 405 ", "read by GET");
    answers(get(n, TRANSPORT_ADMIN, "GET", "/api/v1/info", ""), "HTTP/1.1 405 ", "Allow: POST\r\n");
    net_free(n);
}

static void pages_of_both_have_what_they_are_made_of(void **state)
{
    (void)state;
#define FILE_AT(path)                                                                      \
    {                                                                                      \
        path, "text/plain", "\"tag\"", (const unsigned char *)path, sizeof path - 1, false \
    }
    static const struct asset files[] = {
        FILE_AT("/"),       FILE_AT("/admin/"),      FILE_AT("/admin/admin.js"), FILE_AT("/app.js"),
        FILE_AT("/dom.js"), FILE_AT("/favicon.svg"), FILE_AT("/tokens.css"),     FILE_AT("/words.js")};
#undef FILE_AT
    static const struct {
        const char *path;
        bool admin, all;
    } rows[] = {{"/admin/", true, false}, {"/admin/admin.js", true, false}, {"/app.js", false, true},
                {"/dom.js", true, true},  {"/favicon.svg", true, true},     {"/tokens.css", true, true},
                {"/words.js", true, true}};
    struct net *n = net_inside(0);
    n->settings.assets = files;
    n->settings.assets_n = ARRAY_LEN(files);
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        answers(get(n, TRANSPORT_ADMIN, "GET", rows[i].path, ""),
                rows[i].admin ? "HTTP/1.1 200 " : "HTTP/1.1 404 ", "");
        answers(get(n, TRANSPORT_HTTP, "GET", rows[i].path, ""),
                rows[i].all ? "HTTP/1.1 200 " : "HTTP/1.1 404 ", "");
    }
    inside(n, "/admin/", "", "Content-Security-Policy: default-src 'none'; script-src 'self'; ",
           "frame-ancestors 'none'\r\n");
    net_free(n);
}

static void without_a_key_it_is_for_this_machine(void **state)
{
    (void)state;
    static const char *const foreign[] = {"Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n",
                                          "X-Forwarded-For: 192.0.2.7\r\n"};
    struct net *n = net_inside(0);
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        inside(n, "/health", foreign[i], "HTTP/1.1 403 ", "\"code\":\"forbidden\"");
        inside(n, "/admin/whoami", foreign[i], "HTTP/1.1 403 ", "\"code\":\"forbidden\"");
    }
    inside(n, "/health", "Origin: http://localhost:8001\r\nSec-Fetch-Site: same-origin\r\n", "HTTP/1.1 200 ",
           UP);
    inside(n, "/admin/whoami", "", "HTTP/1.1 200 ", "{\"by\":\"nobody\",\"rights\":[\"direct\",");
    n->local = false;
    inside(n, "/health", "", "HTTP/1.1 403 ", "listeners of its own machine only");
    net_free(n);
}

static void a_key_sees_what_it_may(void **state)
{
    (void)state;
    static const str rooms[] = {STR("team-*"), STR("\"news\"")};
    struct api_key three[3];
    key_make(&three[0], "root", "root-secret", UINT64_MAX);
    key_make(&three[1], "looker", "few-secret", api_right(CMD_ROOMS) | api_right(CMD_MEMBERS));
    key_make(&three[2], "team", "team-secret", UINT64_MAX);
    three[2].rooms = rooms;
    three[2].rooms_n = 2;
    struct net *n = net_inside(0);
    n->settings.api_keys = three;
    n->settings.api_keys_n = 3;
    net_start(n);
    inside(n, "/health", "", "HTTP/1.1 401 ", "WWW-Authenticate: Bearer realm=\"plenum\"");
    inside(n, "/admin/whoami", "X-API-Key: wrong\r\n", "HTTP/1.1 401 ", "\"code\":\"unauthorized\"");
    inside(n, "/health", "X-API-Key: root-secret\r\n", "HTTP/1.1 200 ", UP);
    inside(n, "/health", "Authorization: Bearer few-secret\r\n", "HTTP/1.1 403 ", "has not the right `info`");
    inside(n, "/health", "X-API-Key: team-secret\r\n", "HTTP/1.1 403 ", "for some rooms only");
    inside(n, "/admin/whoami", "Authorization: Bearer few-secret\r\n", "HTTP/1.1 200 ",
           "{\"by\":\"key\",\"name\":\"looker\",\"rights\":[\"members\",\"rooms\",\"batch\"]}");
    inside(n, "/admin/whoami", "X-API-Key: team-secret\r\n", "HTTP/1.1 200 ",
           ",\"rooms\":[\"team-*\",\"\\\"news\\\"\"]}");
    assert_int_equal(n->notices[NOTICE_API_REFUSED], 3); // of the head alone; of its rooms it is asked later
    net_free(n);
}

static void a_key_pays_for_it(void **state)
{
    (void)state;
    struct api_key key;
    key_make(&key, "slow", "slow-secret", UINT64_MAX);
    key.rate = (struct rate){1, 10};
    struct net *n = net_inside(0);
    n->settings.api_keys = &key;
    n->settings.api_keys_n = 1;
    net_start(n);
    uint32_t good = 0, told = 0;
    for (uint32_t i = 0; i < 30; i++) {
        struct client *c = get(n, TRANSPORT_ADMIN, "GET", "/health", "X-API-Key: slow-secret\r\n");
        good += contains(str_make(c->rx.p, c->rx.n), UP);
        told += contains(str_make(c->rx.p, c->rx.n), "HTTP/1.1 429 ");
    }
    assert_true(good >= 5 && good <= 10);
    assert_int_equal(told, 30 - good);
    assert_int_equal(METRIC(n, limit_api_key), told);
    net_free(n);
}

static void a_token_is_as_good(void **state)
{
    (void)state;
    static const struct {
        const char *caps, *path, *status, *part;
    } rows[] = {
        {"{\"server\":[\"info\",\"kick\"]}", "/health", "HTTP/1.1 200 ", UP},
        {"{\"server\":[\"kick\"]}", "/health", "HTTP/1.1 403 ", "has not the right `info`"},
        {"{\"server\":[\"info\",\"kick\"]}", "/admin/whoami", "HTTP/1.1 200 ",
         "{\"by\":\"token\",\"name\":\"shop\",\"rights\":[\"kick\",\"info\",\"batch\"]}"},
        {"{\"rooms\":{\"**\":[\"host\"]}}", "/admin/whoami", "HTTP/1.1 403 ", "no rights here"},
    };
    struct net *n = net_inside(1);
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char block[CAPS_BYTES_MAX];
        size_t size;
        struct sentence why;
        struct verdict_mail v = good(n, "shop");
        assert_int_equal(caps_make(str_from_cstr(rows[i].caps), block, &size, &why), OK);
        v.caps = str_make(block, size);
        struct client *c = get(n, TRANSPORT_ADMIN, "GET", rows[i].path, "Authorization: Bearer a.b.c\r\n");
        assert_int_equal(c->rx.n, 0); // it waits for the verdict
        tell(n, 1, asked(n, 1), &v);
        answers(c, rows[i].status, rows[i].part);
        net_check(n);
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_on_the_admins_listener_only),
        cmocka_unit_test(pages_of_both_have_what_they_are_made_of),
        cmocka_unit_test(without_a_key_it_is_for_this_machine),
        cmocka_unit_test(a_key_sees_what_it_may),
        cmocka_unit_test(a_key_pays_for_it),
        cmocka_unit_test(a_token_is_as_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
