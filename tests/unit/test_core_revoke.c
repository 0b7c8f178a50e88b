// SPDX-License-Identifier: Apache-2.0
//
// Tokens that are revoked: the list itself, and what a backend's `revoke` does to who is here, who is coming, and who comes back.
#include "unit/token_support.h"

#include "core/auth/revoked.h"

#include <stdio.h>
#include <stdlib.h>

// --- the list

static u128 print_of(uint64_t n) { return (u128){n << 32, n}; }

static void the_list_is_asked_by_kind_time_and_end(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct revocations r;
    test_mem_init(&t, &mem);
    revocations_init(&r, &mem);
    struct revoked_who ada = {
        .user = print_of(1), .token = print_of(2), .has_token_id = true, .issued_ms = 1000};
    struct revoked_who guest = {.user = print_of(1), .guest = true};
    assert_true(revocations_empty(&r));
    assert_false(revocations_hit(&r, &ada));
    assert_int_equal(revocations_add(&r, REVOKED_TOKEN, print_of(1), 5000, UINT64_MAX),
                     OK); // another kind's print
    assert_false(revocations_hit(&r, &ada));
    assert_int_equal(revocations_add(&r, REVOKED_USER, print_of(1), 1000, 7000), OK);
    assert_false(revocations_hit(&r, &ada)); // issued then, not before
    assert_true(revocations_hit(&r, &guest));
    assert_int_equal(revocations_add(&r, REVOKED_USER, print_of(1), 1001, 6000), OK);
    assert_true(revocations_hit(&r, &ada));
    ada.issued_ms = 0; // who says no time
    assert_true(revocations_hit(&r, &ada));
    assert_int_equal(r.slab.count, 2);
    assert_int_equal(revocations_due_ms(&r), 7000); // the later end
    revocations_expire(&r, 6999);
    assert_true(revocations_hit(&r, &ada));
    revocations_expire(&r, 7000);
    assert_false(revocations_hit(&r, &ada));
    assert_false(revocations_hit(&r, &guest));
    assert_int_equal(revocations_add(&r, REVOKED_TOKEN, print_of(2), 1, 9000), OK);
    ada.issued_ms = 8000; // whenever it was issued
    assert_true(revocations_hit(&r, &ada));
    ada.has_token_id = false;
    assert_false(revocations_hit(&r, &ada));
    assert_int_equal(revocations_add(&r, REVOKED_TOKEN, print_of(2), 1, UINT64_MAX),
                     OK); // not ended by the first
    revocations_expire(&r, 10000);
    ada.has_token_id = true;
    assert_true(revocations_hit(&r, &ada));
    revocations_check(&r);
    revocations_deinit(&r);
    test_mem_check(&t);
}

static void all_of_a_time_are_those_with_tokens(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct revocations r;
    test_mem_init(&t, &mem);
    revocations_init(&r, &mem);
    const struct revoked_who ada = {.user = print_of(1), .issued_ms = 1000};
    const struct revoked_who guest = {.user = print_of(2), .guest = true};
    revocations_add_all(&r, 1000, 5000);
    assert_false(revocations_empty(&r));
    assert_false(revocations_hit(&r, &ada));
    revocations_add_all(&r, 1001, 4000);
    revocations_add_all(&r, 900, 900);
    assert_true(revocations_hit(&r, &ada));
    assert_false(revocations_hit(&r, &guest));
    assert_int_equal(revocations_due_ms(&r), 5000);
    revocations_expire(&r, 5000);
    assert_true(revocations_empty(&r));
    assert_int_equal(revocations_due_ms(&r), UINT64_MAX);
    revocations_deinit(&r);
    test_mem_check(&t);
}

static void the_list_has_a_bound_and_survives_without_memory(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct revocations r;
    test_mem_init(&t, &mem);
    revocations_init(&r, &mem);
    for (uint64_t i = 1; i <= REVOCATIONS_MAX; i++)
        assert_int_equal(revocations_add(&r, i % 2, print_of(i), i, i % 3 ? i : UINT64_MAX), OK);
    assert_int_equal(revocations_add(&r, REVOKED_USER, print_of(1 << 20), 1, 1), ERR_LIMIT);
    assert_int_equal(revocations_add(&r, REVOKED_TOKEN, print_of(1), 2, 2), OK); // it is there
    revocations_check(&r);
    revocations_expire(&r, REVOCATIONS_MAX);
    revocations_check(&r);
    assert_int_equal(r.slab.count, REVOCATIONS_MAX / 3);
    revocations_deinit(&r);
    for (uint64_t k = 1; k < 8; k++) {
        revocations_init(&r, &mem);
        test_mem_restart(&t);
        t.fail_at = k;
        enum err e = revocations_add(&r, REVOKED_USER, print_of(3), 9, 9);
        revocations_check(&r);
        assert_int_equal(r.slab.count, e == OK);
        revocations_deinit(&r);
    }
    test_mem_check(&t);
}

// --- through shards

static struct net *revoke_net(uint32_t shards)
{
    struct net *n = token_net(shards, 1);
    net_serve_api(n);
    n->settings.expiry_grace_ms = 10000;
    net_start(n);
    return n;
}

// Sent, and not answered yet.
static struct client *revoke_sent(struct net *n, uint32_t shard, const char *body)
{
    struct client *c = net_accept(n, shard, TRANSPORT_HTTP);
    char text[1024];
    int size =
        snprintf(text, sizeof text,
                 "POST /api/v1/revoke HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    post_bytes(c, text, (size_t)size);
    return c;
}

static bool answered(const struct client *c, const char *part)
{
    return contains(str_make(c->rx.p, c->rx.n), part);
}

static void revoke(struct net *n, const char *body)
{
    struct client *c = revoke_sent(n, 0, body);
    net_settle(n);
    if (!answered(c, "HTTP/1.1 200 ") || !answered(c, "\r\n\r\n{}"))
        fail_msg("%s: %.*s", body, (int)c->rx.n, c->rx.p);
    net_check(n);
}

static struct client *comes(struct net *n, uint32_t shard, const struct verdict_mail *v)
{
    struct client *c = net_ws(n, shard, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    tell(n, shard, asked(n, shard), v);
    return c;
}

static struct client *comes_in(struct net *n, uint32_t shard, const struct verdict_mail *v)
{
    struct client *c = comes(n, shard, v);
    string_of(expect(c, "\"type\":\"welcome\""), "resume", c->resume, sizeof c->resume);
    return c;
}

static void is_out(const struct client *c)
{
    assert_int_equal(c->close_code, 1008);
    assert_true(contains(str_make(c->rx.p, c->rx.n), "token_revoked"));
}

static void refused(struct net *n, uint32_t shard, const struct verdict_mail *v)
{
    struct client *c = comes(n, shard, v);
    expect(c, "\"type\":\"error\",\"id\":1,\"code\":\"token_revoked\"");
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}"); // nor a guest
    expect(c, "\"type\":\"error\",\"id\":2,\"code\":\"unauthorized\"");
    cut(c);
}

static void a_users_sessions_end_on_all_shards_and_his_tokens_with_them(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= NET_SHARDS_MAX; shards++) {
        struct net *n = revoke_net(shards);
        struct verdict_mail ada = good(n, "ada"), eve = good(n, "eve");
        ada.issued_ms -= 1;
        eve.token_id = STR("j-2");
        struct client *hers[NET_SHARDS_MAX], *other = comes_in(n, 0, &eve), *guest = net_json(n, shards - 1);
        for (uint32_t i = 0; i < shards; i++)
            hers[i] = comes_in(n, i, &ada);
        say(other, "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}");
        say(hers[shards - 1], "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}");
        forget(hers[shards - 1]);
        revoke(n, "{\"user\":\"ada\",\"reason\":\"lost her phone\"}");
        for (uint32_t i = 0; i < shards; i++)
            is_out(hers[i]);
        assert_int_equal(METRIC(n, sessions_revoked), shards);
        assert_int_equal(METRIC(n, revocations), 1);
        assert_int_equal(n->notices[NOTICE_REVOKED], 1);
        assert_int_equal(other->closes + guest->closes, 0);
        for (uint32_t i = 0; i < shards; i++)
            refused(n, i, &ada);
        struct client *back = net_ws(n, shards - 1, "/ws");
        say(back, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", hers[0]->resume);
        expect(back, "\"code\":\"token_revoked\"");
        assert_int_equal(METRIC(n, tokens_revoked), shards + 1);
        ada.issued_ms = n->wall_ms; // a new one, later
        comes_in(n, shards - 1, &ada);
        net_free(n);
    }
}

static void a_token_is_revoked_by_its_id(void **state)
{
    (void)state;
    struct net *n = revoke_net(2);
    struct verdict_mail one = good(n, "ada"), two = good(n, "ada"), none = good(n, "ada");
    two.token_id = STR("j-2");
    none.token_id = STR_NONE;
    struct client *a = comes_in(n, 0, &one), *b = comes_in(n, 1, &two), *c = comes_in(n, 1, &none);
    revoke(n, "{\"token_id\":\"j-2\"}");
    is_out(b);
    assert_int_equal(a->closes + c->closes, 0);
    refused(n, 0, &two);
    revoke(n, "{\"token_id\":\"j-1\",\"seconds\":30}");
    is_out(a);
    refused(n, 1, &one);
    assert_int_equal(METRIC(n, revocations), 2);
    net_wait(n, 31000);
    assert_int_equal(METRIC(n, revocations), 1);
    comes_in(n, 1, &one); // no token of that id is good by now, had it not been that of a test
    refused(n, 1, &two);
    net_free(n);
}

static void all_that_were_issued_before_a_time_are_revoked_at_once(void **state)
{
    (void)state;
    struct net *n = revoke_net(2);
    char body[64];
    struct verdict_mail old = good(n, "ada"), young = good(n, "ada"), timeless = good(n, "eve");
    old.issued_ms = n->wall_ms / 1000 * 1000 - 1000;
    young.issued_ms = n->wall_ms / 1000 * 1000;
    timeless.issued_ms = 0;
    struct client *a = comes_in(n, 0, &old), *b = comes_in(n, 1, &young), *c = comes_in(n, 1, &timeless),
                  *guest = net_json(n, 0);
    snprintf(body, sizeof body, "{\"issued_before\":%llu}", (unsigned long long)n->wall_ms / 1000);
    revoke(n, body);
    is_out(a);
    is_out(c);
    assert_int_equal(b->closes + guest->closes, 0);
    refused(n, 1, &old);
    refused(n, 0, &timeless);
    comes_in(n, 0, &young);
    net_free(n);
}

static void a_guest_does_not_come_back(void **state)
{
    (void)state;
    struct net *n = revoke_net(2);
    struct client *guest = net_json(n, 1), *line = net_line(n, 0), *other = net_json(n, 1);
    char body[128];
    snprintf(body, sizeof body, "{\"user\":\"%s\"}", guest->user);
    revoke(n, body);
    is_out(guest);
    assert_int_equal(other->closes, 0);
    struct client *back = net_ws(n, 0, "/ws");
    say(back, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", guest->resume);
    expect(back, "\"code\":\"token_revoked\",\"message\":\"This session has been revoked");
    say(back, "{\"type\":\"hello\",\"id\":2}"); // as somebody else
    expect(back, "\"type\":\"welcome\",\"id\":2");
    const struct session *s = &client_reader(line)->who.session;
    snprintf(body, sizeof body, "{\"user\":\"%.*s\"}", STR_ARG(session_user(s)));
    revoke(n, body);
    net_wait(n, 2000);
    assert_true(line->closed);
    net_free(n);
}

// Said while its token is looked at, while its home is asked, while it joins, while it refreshes: in none of these it stays.
static void what_is_under_way_is_met(void **state)
{
    (void)state;
    for (int point = 0; point < 4; point++) {
        struct net *n = revoke_net(2);
        const char *room = net_room(n, 1, 0);
        struct verdict_mail v = good(n, "ada");
        v.issued_ms -= 1;
        struct client *c = point >= 2 ? comes_in(n, 0, &v) : net_ws(n, 0, "/ws");
        struct token_mail *job = NULL;
        if (point < 2) {
            say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
            job = asked(n, 0);
        }
        n->hold[1][0] = point == 1 || point == 2; // what the other shard answers does not come
        if (point == 1)
            tell(n, 0, job, &v);
        if (point == 2)
            say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", room);
        if (point == 3) {
            say(c, "{\"type\":\"refresh\",\"id\":3,\"token\":\"x\"}");
            job = asked(n, 0);
        }
        (void)revoke_sent(n, 0, "{\"user\":\"ada\"}");
        net_settle(n);
        n->hold[1][0] = false;
        net_settle(n);
        if (job != NULL && point != 1)
            tell(n, 0, job, &v);
        net_settle(n);
        if (point == 0)
            expect(c, "\"code\":\"token_revoked\"");
        else
            is_out(c);
        net_wait(n, 20000);
        assert_null(net_room_at(n, room));
        net_free(n);
    }
}

// A refresh by a token that is revoked by its id changes nothing: the one that it has is still good.
static void a_refresh_by_a_revoked_token_is_refused(void **state)
{
    (void)state;
    struct net *n = revoke_net(1);
    const struct verdict_mail v = good(n, "ada");
    struct verdict_mail next = good(n, "ada");
    next.token_id = STR("j-9");
    struct client *c = comes_in(n, 0, &v);
    revoke(n, "{\"token_id\":\"j-9\"}");
    say(c, "{\"type\":\"refresh\",\"id\":3,\"token\":\"x\"}");
    tell(n, 0, asked(n, 0), &next);
    expect(c, "\"type\":\"error\",\"id\":3,\"code\":\"token_revoked\"");
    say(c, "{\"type\":\"ping\",\"id\":4}");
    expect(c, "pong");
    net_free(n);
}

// It is answered when the last shard has it, and not before.
static void the_answer_means_that_all_know(void **state)
{
    (void)state;
    struct net *n = revoke_net(3);
    struct verdict_mail v = good(n, "ada");
    v.issued_ms -= 1;
    struct client *last = comes_in(n, 2, &v);
    n->hold[1][2] = true;
    struct client *c = revoke_sent(n, 1, "{\"user\":\"ada\"}");
    net_settle(n);
    assert_false(answered(c, "HTTP/1.1"));
    assert_int_equal(last->closes, 0);
    n->hold[1][2] = false;
    net_settle(n);
    assert_true(answered(c, "HTTP/1.1 200 "));
    is_out(last);
    net_free(n);
}

static void more_than_may_be_is_refused_by_the_first_shard(void **state)
{
    (void)state;
    struct net *n = revoke_net(2);
    struct edge *e = &n->sh[0]->edge;
    for (uint64_t i = 0; i < REVOCATIONS_MAX; i++)
        assert_int_equal(revocations_add(&e->revoked, REVOKED_TOKEN, print_of(i + 1), 1, UINT64_MAX), OK);
    struct client *c = revoke_sent(n, 1, "{\"user\":\"ada\"}");
    net_settle(n);
    assert_true(answered(c, "HTTP/1.1 429 "));
    assert_true(answered(c, "\"code\":\"limit_reached\""));
    assert_int_equal(METRIC(n, limit_revocations), 1);
    assert_int_equal(n->sh[1]->edge.revoked.slab.count, 0);
    net_free(n);
}

static void who_asks_wrongly_is_told_how(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}",
                                         "{\"user\":\"a\",\"token_id\":\"b\"}",
                                         "{\"token_id\":\"b\",\"issued_before\":5}",
                                         "{\"reason\":\"none\"}",
                                         "{\"user\":\"a\",\"seconds\":0}",
                                         "{\"user\":\"a\",\"issued_before\":0}"};
    struct net *n = revoke_net(1);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct client *c = revoke_sent(n, 0, bodies[i]);
        net_settle(n);
        if (!answered(c, "HTTP/1.1 400 ") || !answered(c, "\"code\":\"bad_command\""))
            fail_msg("%s: %.*s", bodies[i], (int)c->rx.n, c->rx.p);
    }
    assert_true(revocations_empty(&n->sh[0]->edge.revoked));
    net_free(n);
}

// Many connections: a slice a turn, and another revocation in the midst of it is for those that have been looked at, too.
static void the_walk_meets_all_of_many(void **state)
{
    (void)state;
    struct net *n = revoke_net(1);
    struct edge *e = &n->sh[0]->edge;
    struct verdict_mail ada = good(n, "ada"), eve = good(n, "eve");
    struct client *first = comes_in(n, 0, &ada), *c = NULL;
    for (int i = 0; i < 20; i++)
        c = comes_in(n, 0, &eve);
    struct ask a = {.cmd = {.to = STR("ada")}, .before_ms = n->wall_ms + 1};
    assert_int_equal(edge_revoke(e, &a), OK);
    e->revoke_left = 3; // as if the others had been looked at
    a.cmd.to = STR("eve");
    assert_int_equal(edge_revoke(e, &a), OK);
    assert_int_equal(e->revoke_left, 3);
    assert_int_equal(shard_next_due_ms(n->sh[0]), n->now_ms); // a turn is wanted for it
    net_settle(n);
    is_out(first);
    is_out(c);
    assert_int_equal(METRIC(n, sessions_revoked), 21);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_asked_by_kind_time_and_end),
        cmocka_unit_test(all_of_a_time_are_those_with_tokens),
        cmocka_unit_test(the_list_has_a_bound_and_survives_without_memory),
        cmocka_unit_test(a_users_sessions_end_on_all_shards_and_his_tokens_with_them),
        cmocka_unit_test(a_token_is_revoked_by_its_id),
        cmocka_unit_test(all_that_were_issued_before_a_time_are_revoked_at_once),
        cmocka_unit_test(a_guest_does_not_come_back),
        cmocka_unit_test(what_is_under_way_is_met),
        cmocka_unit_test(a_refresh_by_a_revoked_token_is_refused),
        cmocka_unit_test(the_answer_means_that_all_know),
        cmocka_unit_test(more_than_may_be_is_refused_by_the_first_shard),
        cmocka_unit_test(who_asks_wrongly_is_told_how),
        cmocka_unit_test(the_walk_meets_all_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
