// SPDX-License-Identifier: Apache-2.0
//
// Once: whoever says a message again with its key gets the first one's answer, whatever others have said meanwhile, and
// whether or not it was away.
#include "core/home/once.h"
#include "unit/core_support.h"

enum { OTHERS = 1100 };

static void others_do_not_push_keys_out(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.idempotency_keys = 1000;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 1);
    const char *room = net_room(n, 1, 0);
    say(a, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    say(b, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":1,\"key\":\"mine\"}", room);
    uint64_t offset = number_of(expect(a, "\"type\":\"ack\""), "offset");
    for (int i = 0; i < OTHERS; i++)
        post(b, "{\"type\":\"message\",\"room\":\"%s\",\"data\":2,\"key\":\"%d\"}", room, i);
    net_settle(n);
    uint64_t head = net_room_at(n, room)->log.head;
    assert_true(head >= offset + OTHERS);
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1,\"key\":\"mine\"}", room);
    str ack = expect(a, "\"duplicate\":true");
    assert_int_equal(number_of(ack, "offset"), offset);
    assert_int_equal(net_room_at(n, room)->log.head, head);
    net_free(n);
}

static void nor_those_of_directs(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.idempotency_keys = 1000;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0), *to = net_json(n, 0);
    say(a, "{\"type\":\"direct\",\"id\":1,\"to\":\"%s\",\"data\":1,\"key\":\"mine\"}", to->user);
    expect(a, "\"delivered\":1");
    for (int i = 0; i < OTHERS; i++)
        say(b, "{\"type\":\"direct\",\"to\":\"%s\",\"data\":2,\"key\":\"%d\"}", to->user, i);
    forget(to);
    say(a, "{\"type\":\"direct\",\"id\":2,\"to\":\"%s\",\"data\":1,\"key\":\"mine\"}", to->user);
    expect(a, "\"duplicate\":true");
    expect_nothing(to);
    net_free(n);
}

// The grace time is over and it is not a member any more, but what it said is remembered.
static void leaving_does_not_forget(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.member_grace_ms = 1000;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1,\"key\":\"mine\"}");
    uint64_t offset = number_of(expect(a, "\"type\":\"ack\""), "offset");
    cut(a);
    net_wait(n, 20000);
    struct client *again = net_ws(n, 0, "/ws");
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", a->resume);
    say(again, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(again);
    say(again, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1,\"key\":\"mine\"}");
    assert_int_equal(number_of(expect(again, "\"duplicate\":true"), "offset"), offset);
    net_free(n);
}

static u128 print(uint64_t n) { return (u128){n, ~n}; }

static void an_owner_has_its_own_bounds(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct once o;
    once_init(&o, &mem);
    struct once_group g;
    once_group_init(&g);
    const struct once_limits limits = {1000, 3};
    uint64_t value;
    for (uint64_t k = 1; k <= 4; k++) {
        assert_int_equal(once_put(&o, &g, print(7), print(k), k, &limits, 100), OK);
        assert_int_equal(once_put(&o, &g, print(8 + k), print(k), 10 + k, &limits, 100), OK);
    }
    assert_false(once_find(&o, print(7), print(1), &limits, 100, &value)); // its own fourth key pushed it out
    assert_true(once_find(&o, print(7), print(2), &limits, 100, &value));
    assert_int_equal(value, 2);
    assert_false(once_find(&o, print(99), print(2), &limits, 100, &value));
    once_amend(&o, print(7), 40);
    assert_true(once_find(&o, print(7), print(4), &limits, 100, &value));
    assert_int_equal(value, 40);
    once_take_back(&o, print(7));
    assert_false(once_find(&o, print(7), print(4), &limits, 100, &value));

    assert_int_equal(o.owners.count, 5);
    assert_int_equal(once_put(&o, &g, print(50), print(1), 1, &limits, 5000), OK);
    assert_false(once_find(&o, print(9), print(1), &limits, 5000, &value)); // over
    assert_true(o.look_ms <= 20000);
    g.newest_ms = 1000 + ONCE_LATE_MS; // by the records nothing is over
    once_expire(&o, o.look_ms, true);
    assert_int_equal(o.owners.count, 6);
    once_expire(&o, o.look_ms, false);
    assert_int_equal(o.owners.count, 0);
    assert_int_equal(o.look_ms, UINT64_MAX);
    // A room that is gone takes its members' keys along, and nobody else's.
    struct once_group other;
    once_group_init(&other);
    for (uint64_t k = 1; k <= 3; k++)
        assert_int_equal(once_put(&o, k == 2 ? &other : &g, print(k), print(1), k, &limits, 9000), OK);
    once_group_drop(&o, &g);
    assert_int_equal(o.owners.count, 1);
    assert_true(once_find(&o, print(2), print(1), &limits, 9000, &value));
    once_deinit(&o);
    assert_int_equal(mem_used(&mem), 0);
}

static void without_memory_nothing_is_remembered(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const struct once_limits limits = {1000, 3};
    uint64_t value;
    enum err e = ERR_NOMEM;
    for (uint64_t k = 1; e != OK; k++) {
        struct once o;
        once_init(&o, &mem);
        struct once_group g;
        once_group_init(&g);
        test_mem_restart(&t);
        t.fail_at = k;
        e = once_put(&o, &g, print(1), print(2), 3, &limits, 100);
        t.fail_at = 0;
        assert_int_equal(once_find(&o, print(1), print(2), &limits, 100, &value), e == OK);
        assert_int_equal(o.owners.count, e == OK);
        once_deinit(&o);
        assert_int_equal(mem_used(&mem), 0);
        assert_true(k < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_do_not_push_keys_out),
        cmocka_unit_test(nor_those_of_directs),
        cmocka_unit_test(leaving_does_not_forget),
        cmocka_unit_test(an_owner_has_its_own_bounds),
        cmocka_unit_test(without_memory_nothing_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
