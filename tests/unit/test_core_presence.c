// SPDX-License-Identifier: Apache-2.0
//
// What others are told of a member whose last session drops: nothing while it may be back in a moment, and what lists say
// meanwhile is what has been told.
#include "unit/core_support.h"

#include <stdio.h>

enum { DAMPING_MS = 2000 };

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
}

// Ada of shard 0 and who watches, on shard 1, in a room that is at home there.
static struct client *watcher, *ada;
static const char *room;

static struct net *two_people(uint32_t damping_ms)
{
    struct net *n = net_new(2);
    n->settings.room_damping_ms = damping_ms;
    net_start(n);
    room = net_room(n, 1, 0);
    watcher = net_json(n, 1);
    ada = net_json(n, 0);
    join(watcher, room);
    join(ada, room);
    forget(watcher);
    return n;
}

// Back with her resume secret, in the room again, on that shard.
static void ada_back(struct net *n, uint32_t shard)
{
    struct client *c = net_ws(n, shard, "/ws");
    say(c, "{\"type\":\"hello\",\"resume\":\"%s\"}", ada->resume);
    str welcome = expect(c, "welcome");
    string_of(welcome, "user", c->user, sizeof c->user);
    string_of(welcome, "resume", c->resume, sizeof c->resume);
    assert_string_equal(c->user, ada->user);
    join(c, room);
    expect(c, "\"type\":\"joined\"");
    ada = c;
}

// What the list says of her.
static void assert_listed(const char *part)
{
    char of_ada[160];
    forget(watcher);
    say(watcher, "{\"type\":\"members\",\"id\":9,\"room\":\"%s\"}", room);
    str list = expect(watcher, "\"type\":\"members\"");
    snprintf(of_ada, sizeof of_ada, "\"user\":\"%s\"", ada->user);
    size_t at = 0;
    while (at < list.n && !str_starts(str_skip(list, at), str_from_cstr(of_ada)))
        at++;
    assert_true(at < list.n);
    str row = str_skip(list, at);
    size_t end = 0;
    while (end < row.n && row.p[end] != '}')
        end++;
    assert_true(contains(str_take(row, end), part));
}

static void who_is_back_in_time_is_not_told_of(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    cut(ada);
    net_wait(n, DAMPING_MS - 1);
    expect_nothing(watcher);
    assert_listed("\"connected\":true");
    assert_listed("\"sessions\":1");
    net_check(n);
    ada_back(n, 1); // on another shard
    net_wait(n, 60000);
    expect_nothing(watcher);
    assert_listed("\"connected\":true");
    net_free(n);
}

static void who_stays_away_is_told_of_when_the_time_is_over(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    uint64_t cut_ms = n->now_ms;
    cut(ada);
    net_wait(n, DAMPING_MS - 1);
    expect_nothing(watcher);
    net_wait(n, 1);
    str told = expect(watcher, "\"type\":\"member:changed\"");
    assert_true(contains(told, "\"connected\":false") && contains(told, "\"sessions\":0"));
    expect_nothing(watcher);
    assert_listed("\"connected\":false");
    ada_back(n, 0); // told at once, as they know that she was away
    told = expect(watcher, "\"type\":\"member:changed\"");
    assert_true(contains(told, "\"connected\":true") && contains(told, "\"sessions\":1"));
    expect_nothing(watcher);
    cut(ada); // and the grace time is the same as without: it begins with the cut
    cut_ms = n->now_ms;
    net_wait(n, n->settings.member_grace_ms - 1);
    expect(watcher, "\"connected\":false");
    expect_nothing(watcher);
    net_wait(n, 1);
    expect(watcher, "\"type\":\"member:left\"");
    assert_int_equal(n->now_ms - cut_ms, n->settings.member_grace_ms);
    net_free(n);
}

static void who_comes_and_goes_is_told_of_once_in_that_time(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    for (int i = 0; i < 30; i++) {
        cut(ada);
        net_wait(n, 200);
        ada_back(n, (uint32_t)i % 2);
        net_wait(n, 200);
    }
    expect_nothing(watcher);
    uint64_t began = n->now_ms;
    uint32_t told = 0;
    for (int i = 0; i < 5; i++) {
        cut(ada);
        net_wait(n, DAMPING_MS + 100);
        ada_back(n, 0);
    }
    for (str s = hear(watcher); s.p != NULL; s = hear(watcher))
        told += contains(s, "\"connected\":false");
    assert_int_equal(told, 5);
    assert_true(told * (uint64_t)DAMPING_MS <= n->now_ms - began);
    net_free(n);
}

// Each has its own time; who is back from the middle, the head or the end of the list leaves the others theirs.
static void each_is_told_of_in_its_time(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    struct client *c[5];
    for (int i = 0; i < 5; i++) {
        c[i] = net_json(n, 0);
        join(c[i], room);
    }
    forget(watcher);
    for (int i = 0; i < 5; i++) {
        cut(c[i]);
        net_wait(n, 300);
        net_check(n);
    }
    static const int back[] = {2, 0, 4};
    for (int i = 0; i < 3; i++) {
        ada = c[back[i]];
        ada_back(n, 1);
        net_check(n);
    }
    net_wait(n, DAMPING_MS - 1201); // the second one's is over in a millisecond
    expect_nothing(watcher);
    net_wait(n, 1);
    assert_true(contains(expect(watcher, "\"connected\":false"), c[1]->user));
    expect_nothing(watcher);
    net_wait(n, 600);
    assert_true(contains(expect(watcher, "\"connected\":false"), c[3]->user));
    net_check(n);
    cut(ada); // behind one who is still away, and told of
    net_check(n);
    net_wait(n, DAMPING_MS);
    assert_true(contains(expect(watcher, "\"connected\":false"), ada->user));
    expect_nothing(watcher);
    net_free(n);
}

// Nothing that is said holds back a departure.
static void who_leaves_is_told_of_at_once(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    say(ada, "{\"type\":\"leave\",\"room\":\"%s\"}", room);
    str told = expect(watcher, "\"type\":\"member:left\"");
    assert_true(contains(told, "\"connected\":false") && contains(told, "\"sessions\":0"));
    join(ada, room);
    expect(watcher, "\"type\":\"member:joined\"");
    net_give(watcher, room, watcher->user, "host");
    forget(watcher);
    cut(ada); // and is thrown out while nobody knows that she is away
    say(watcher, "{\"type\":\"kick\",\"id\":3,\"room\":\"%s\",\"user\":\"%s\"}", room, ada->user);
    told = hear(watcher);
    while (!contains(told, "\"type\":\"member:left\"")) {
        assert_false(contains(told, "member:changed"));
        assert_non_null(told.p);
        told = hear(watcher);
    }
    assert_true(contains(told, "\"connected\":false") && contains(told, "\"sessions\":0"));
    net_check(n);
    net_wait(n, 60000);
    expect_nothing(watcher);
    net_free(n);
}

static void a_grace_that_ends_before_is_told_alone(void **state)
{
    (void)state;
    static const uint32_t graces[] = {0, 500, DAMPING_MS};
    for (size_t i = 0; i < 3; i++) {
        struct net *n = two_people(DAMPING_MS);
        n->settings.member_grace_ms = graces[i];
        cut(ada);
        if (graces[i] != 0) {
            net_wait(n, graces[i] - 1);
            expect_nothing(watcher);
            net_wait(n, 1);
        }
        assert_true(contains(expect(watcher, "\"type\":\"member:left\""), "\"connected\":false"));
        expect_nothing(watcher);
        net_free(n);
    }
}

static void another_name_is_told_when_she_is_back(void **state)
{
    (void)state;
    struct net *n = two_people(DAMPING_MS);
    cut(ada);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"resume\":\"%s\"}", ada->resume);
    say(c, "{\"type\":\"rename\",\"name\":\"Ada\"}"); // in no room: nobody is told
    expect_nothing(watcher);
    join(c, room);
    assert_true(contains(expect(watcher, "\"previous_name\":\""), "\"name\":\"Ada\""));
    expect_nothing(watcher);
    net_free(n);
}

static void a_rule_has_its_own_time(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    struct room_rule rule = {.match = STR("now*"), .room = n->settings.room};
    n->settings.room_damping_ms = DAMPING_MS;
    n->settings.rules = &rule;
    n->settings.rules_n = 1;
    net_start(n);
    watcher = net_json(n, 0);
    struct client *both = net_json(n, 0);
    static const char *const rooms[] = {"now", "later"};
    for (size_t i = 0; i < 2; i++) {
        join(watcher, rooms[i]);
        join(both, rooms[i]);
    }
    forget(watcher);
    cut(both);
    assert_true(contains(expect(watcher, "\"connected\":false"), "\"room\":\"now\""));
    expect_nothing(watcher);
    net_wait(n, DAMPING_MS);
    assert_true(contains(expect(watcher, "\"connected\":false"), "\"room\":\"later\""));
    expect_nothing(watcher);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_back_in_time_is_not_told_of),
        cmocka_unit_test(who_stays_away_is_told_of_when_the_time_is_over),
        cmocka_unit_test(who_comes_and_goes_is_told_of_once_in_that_time),
        cmocka_unit_test(each_is_told_of_in_its_time),
        cmocka_unit_test(who_leaves_is_told_of_at_once),
        cmocka_unit_test(a_grace_that_ends_before_is_told_alone),
        cmocka_unit_test(another_name_is_told_when_she_is_back),
        cmocka_unit_test(a_rule_has_its_own_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
