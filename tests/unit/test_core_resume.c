// SPDX-License-Identifier: Apache-2.0
//
// Resume tokens: what was sealed comes back, on any shard; nothing else is ours.
#include "unit/core_support.h"

#include "base/codec.h"
#include "core/edge/resume.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

// Long names are a block of their own, of malloc.
static struct session session_of(struct net *n, str user, str name)
{
    struct session s = {0};
    assert_int_equal(session_init(&s, &n->mem, "0123456789abcdefghijkl", user, name, NULL), OK);
    return s;
}

static enum err open_at(struct net *n, uint32_t shard, str token, struct identity *ret)
{
    static uint8_t buffer[RESUME_TOKEN_MAX];
    shard_turn_begin(n->sh[shard], n->now_ms, n->wall_ms, 0);
    return resume_token_open(&n->sh[shard]->cx, token, buffer, ret);
}

static size_t make_at(struct net *n, uint32_t shard, const struct session *s, char token[RESUME_TOKEN_MAX])
{
    shard_turn_begin(n->sh[shard], n->now_ms, n->wall_ms, 0);
    size_t size = 0;
    assert_int_equal(resume_token_make(&n->sh[shard]->cx, s, token, &size), OK);
    return size;
}

static void round_trip(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    char text[USER_ID_MAX];
    memset(text, 'u', sizeof text);
    for (size_t user_n = 1; user_n <= USER_ID_MAX; user_n += 7)
        for (size_t name_n = 0; name_n <= USER_NAME_MAX; name_n += 16) {
            struct session s =
                session_of(n, str_make(text, user_n),
                           str_make("Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë Zoë..",
                                    name_n < 58 ? name_n : 58));
            char token[RESUME_TOKEN_MAX];
            size_t size = make_at(n, 0, &s, token);
            assert_true(size <= RESUME_TOKEN_MAX);
            struct identity who;
            assert_int_equal(open_at(n, 1, str_make(token, size), &who), OK);
            assert_memory_equal(who.session, s.id, SESSION_ID_LEN);
            assert_str_eq(who.user, session_user(&s));
            assert_str_eq(who.name, session_name(&s));
            session_deinit(&s, &n->mem);
        }
    struct session most = session_of(n, str_make(text, USER_ID_MAX), str_make(text, USER_NAME_MAX));
    char token[RESUME_TOKEN_MAX];
    assert_true(make_at(n, 0, &most, token) <= RESUME_TOKEN_MAX);
    session_deinit(&most, &n->mem);
    net_free(n);
}

static void every_change_is_refused(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct session s = session_of(n, STR("ann"), STR("Ann of Cleves"));
    char token[RESUME_TOKEN_MAX], changed[RESUME_TOKEN_MAX + 1];
    size_t size = make_at(n, 0, &s, token);
    struct identity who;
    for (size_t i = 0; i < size; i++)
        for (int c = 0; c < 256; c++) {
            memcpy(changed, token, size);
            changed[i] = (char)c;
            enum err e = open_at(n, 0, str_make(changed, size), &who);
            if (changed[i] == token[i])
                assert_int_equal(e, OK);
            else
                assert_int_equal(e, ERR_SYNTAX);
        }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(open_at(n, 0, str_make(token, cut), &who), ERR_SYNTAX);
    memcpy(changed, token, size);
    changed[size] = 'A';
    assert_int_equal(open_at(n, 0, str_make(changed, size + 1), &who), ERR_SYNTAX);
    char *big = malloc(100000);
    memset(big, 'A', 100000);
    assert_int_equal(open_at(n, 0, str_make(big, 100000), &who), ERR_SYNTAX);
    free(big);
    session_deinit(&s, &n->mem);
    net_free(n);
}

static void too_old_is_refused(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct session s = session_of(n, STR("ann"), STR_NONE);
    char token[RESUME_TOKEN_MAX];
    str t = str_make(token, make_at(n, 0, &s, token));
    struct identity who;
    const uint64_t day = 24 * 3600 * 1000;
    n->now_ms += n->settings.resume_ms;
    n->wall_ms += day; // what the wall clock is set to makes no difference
    assert_int_equal(open_at(n, 0, t, &who), OK);
    n->wall_ms -= 3 * day;
    assert_int_equal(open_at(n, 0, t, &who), OK);
    n->now_ms += 1;
    assert_int_equal(open_at(n, 0, t, &who), ERR_DENIED);
    n->wall_ms += 3 * day;
    assert_int_equal(open_at(n, 0, t, &who), ERR_DENIED);
    session_deinit(&s, &n->mem);
    net_free(n);
}

// A process after a restart, or another node: its monotonic clock says nothing about the token.
static void elsewhere_the_wall_clock_counts(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct session s = session_of(n, STR("ann"), STR_NONE);
    char token[RESUME_TOKEN_MAX];
    struct identity who;
    n->now_ms += 1000000000;
    str t = str_make(token, make_at(n, 0, &s, token));
    struct net *other = net_new(1);
    other->settings.hash_key.k0 ^= 1;
    net_start(other);
    other->wall_ms = n->wall_ms + n->settings.resume_ms;
    assert_int_equal(open_at(other, 0, t, &who), OK);
    other->wall_ms += 1;
    assert_int_equal(open_at(other, 0, t, &who), ERR_DENIED);
    other->wall_ms -= 2ull * n->settings.resume_ms; // the wall clock was put back
    assert_int_equal(open_at(other, 0, t, &who), OK);
    session_deinit(&s, &n->mem);
    net_free(other);
    net_free(n);
}

static void another_key_is_another_world(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct session s = session_of(n, STR("ann"), STR_NONE);
    char token[RESUME_TOKEN_MAX];
    str t = str_make(token, make_at(n, 0, &s, token));
    struct identity who;
    for (size_t i = 0; i < sizeof n->settings.resume_key; i++) {
        n->settings.resume_key[i] ^= 0x80;
        assert_int_equal(open_at(n, 0, t, &who), ERR_SYNTAX);
        n->settings.resume_key[i] ^= 0x80;
    }
    assert_int_equal(open_at(n, 0, t, &who), OK);
    session_deinit(&s, &n->mem);
    net_free(n);
}

static void a_bad_token_makes_a_new_session(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_ws(n, 1, "/ws"), *c = net_ws(n, 1, "/ws");
    cut(a);
    a->resume[10] ^= 1;
    say(b, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", a->resume);
    str welcome = expect(b, "\"type\":\"welcome\",\"id\":1");
    assert_false(contains(welcome, a->user) || contains(welcome, a->session));
    a->resume[10] ^= 1;
    say(c, "{\"type\":\"hello\",\"id\":2,\"resume\":\"%s\"}", a->resume);
    welcome = expect(c, "\"type\":\"welcome\",\"id\":2");
    assert_true(contains(welcome, a->user) && contains(welcome, a->session));
    assert_int_equal(METRIC(n, resumed), 1);
    net_free(n);
}

// Of a later version of ours, say, with the same key: what is in it may mean something else.
// A hello that was under way when its connection was given up comes in after that of the connection which took its place: the
// newer connection stays.
static void a_late_hello_takes_nothing_over(void **state)
{
    (void)state;
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct net *n = net_new(2);
        net_start(n);
        struct client *a = net_json(n, 0);
        cut(a);
        struct client *older = net_ws(n, shard, "/ws");
        net_wait(n, 50);
        struct client *newer = net_ws(n, 1 - shard, "/ws");
        say(newer, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", a->resume);
        expect(newer, "welcome");
        net_wait(n, 50);
        say(older, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", a->resume);
        net_settle(n);
        assert_int_equal(older->close_code, PRIVATE_CLOSE_REPLACED);
        assert_false(newer->closed);
        say(newer, "{\"type\":\"ping\",\"id\":2}");
        expect(newer, "pong");
        net_free(n);
    }
}

static void another_version_is_refused(void **state)
{
    (void)state;
    enum { MAC = 16 };
    struct net *n = net_new(1);
    net_start(n);
    struct session s = session_of(n, STR("guest-1"), STR("Ada"));
    char token[RESUME_TOKEN_MAX];
    uint8_t bytes[RESUME_TOKEN_MAX], mac[SHA256_BYTES];
    size_t size = make_at(n, 0, &s, token), bytes_n;
    struct identity who;
    assert_true(base64url_decode(str_make(token, size), bytes, &bytes_n));
    uint8_t ours = bytes[0];
    for (unsigned version = 0; version < 256; version++) {
        bytes[0] = (uint8_t)version;
        assert_int_equal(digest_hmac_sha256(n->settings.resume_key, sizeof n->settings.resume_key, bytes,
                                            bytes_n - MAC, mac),
                         OK);
        memcpy(bytes + bytes_n - MAC, mac, MAC);
        char other[RESUME_TOKEN_MAX];
        size_t other_n = base64url_encode(bytes, bytes_n, other);
        assert_int_equal(open_at(n, 0, str_make(other, other_n), &who), version == ours ? OK : ERR_SYNTAX);
    }
    session_deinit(&s, &n->mem);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_change_is_refused),
        cmocka_unit_test(too_old_is_refused),
        cmocka_unit_test(elsewhere_the_wall_clock_counts),
        cmocka_unit_test(another_key_is_another_world),
        cmocka_unit_test(a_bad_token_makes_a_new_session),
        cmocka_unit_test(a_late_hello_takes_nothing_over),
        cmocka_unit_test(another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
