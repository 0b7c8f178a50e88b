// SPDX-License-Identifier: Apache-2.0
//
// Rules of rooms, through a shard: a room is as its rule says, its neighbour as it is where nobody says anything, and a reload
// reaches rooms that are there.
#include "unit/core_support.h"

#include <stdio.h>

// Two rooms, "x1" and "y": the first has a rule, which says what all say, but for what a test changes.
static struct room_rule rules[2];

static struct net *net_with(uint32_t shards)
{
    struct net *n = net_new(shards);
    rules[0] = (struct room_rule){.match = STR("x*"), .room = n->settings.room};
    rules[1] = (struct room_rule){.match = STR("xx*"), .room = n->settings.room}; // never the first
    rules[1].room.room_members_max = 1;
    n->settings.rules = rules;
    n->settings.rules_n = 2;
    return n;
}

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
}

static void joins(struct client *c, const char *room)
{
    join(c, room);
    expect(c, "\"type\":\"joined\"");
}

// The settings are the driver's: a new struct, as a reload hands it in.
static void reload(struct net *n, struct settings *next)
{
    *next = n->settings;
    for (uint32_t i = 0; i < n->shards; i++)
        shard_settings_set(n->sh[i], next);
}

static void the_first_one_that_matches_counts(void **state)
{
    (void)state;
    static const struct room_rule some[] = {
        {.match = STR("team-red")}, {.match = STR("team-*")}, {.match = STR("**")}};
    assert_int_equal(rule_find(some, 3, STR("team-red")), 0);
    assert_int_equal(rule_find(some, 3, STR("team-blue")), 1);
    assert_int_equal(rule_find(some, 3, STR("team-blue/a")), 2);
    assert_int_equal(rule_find(some, 2, STR("lobby")), RULE_NONE);
    assert_int_equal(rule_find(NULL, 0, STR("lobby")), RULE_NONE);
}

static void a_room_has_members_by_its_rule(void **state)
{
    (void)state;
    struct net *n = net_with(1);
    rules[0].room.room_members_max = 1;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    joins(a, "x1");
    joins(a, "y");
    join(b, "x1");
    expect(b, "\"code\":\"room_full\"");
    joins(b, "y");
    net_free(n);
}

// Not into a room that is there, and none is made; who is in it stays.
static void rooms_for_tokens_take_no_guests(void **state)
{
    (void)state;
    for (enum room_access access = ACCESS_TOKEN; access <= ACCESS_INVITE; access++) {
        struct net *n = net_with(2);
        net_start(n);
        struct client *in = net_json(n, 0);
        joins(in, "x1");
        rules[0].room.room_access = access;
        struct settings next;
        reload(n, &next);
        struct client *guest = net_json(n, 1);
        for (int i = 0; i < 2; i++) {
            join(guest, i == 0 ? "x1" : "x2");
            str refused = expect(guest, "\"code\":\"forbidden\"");
            assert_true(contains(refused, i == 0 ? "`x1`" : "`x2`"));
            assert_true(contains(refused, access == ACCESS_TOKEN ? "token" : "by name"));
        }
        assert_null(net_room_at(n, "x2"));
        joins(guest, "y");
        say(guest, "{\"type\":\"switch\",\"id\":1,\"from\":\"y\",\"to\":\"x1\"}");
        expect(guest, "\"code\":\"forbidden\"");
        say(in, "{\"type\":\"message\",\"id\":2,\"room\":\"x1\",\"data\":1}");
        expect(in, "\"type\":\"ack\"");
        say(guest, "{\"type\":\"message\",\"id\":2,\"room\":\"y\",\"data\":1}"); // still where it was
        expect(guest, "\"type\":\"ack\"");
        assert_int_equal(METRIC(n, errors[PROBLEM_FORBIDDEN]), 3);
        net_free(n);
    }
}

// What the edge makes of all today is a guest's ask: one that is not.
static void who_has_a_token_comes_in(void **state)
{
    (void)state;
    for (enum room_access access = ACCESS_OPEN; access <= ACCESS_INVITE; access++) {
        struct net *n = net_with(2);
        rules[0].match = STR("room*");
        rules[0].room.room_access = access;
        net_start(n);
        struct client *a = net_json(n, 0);
        n->hold[0][1] = true;
        join(a, net_room(n, 1, 0));
        struct ask *ask = (struct ask *)n->box_head[0][1];
        assert_non_null(ask);
        assert_int_equal(ask->type, ASK_JOIN);
        assert_true(ask->guest);
        ask->guest = false;
        n->hold[0][1] = false;
        net_settle(n);
        expect(a, access == ACCESS_INVITE ? "\"code\":\"forbidden\"" : "\"type\":\"joined\"");
        net_free(n);
    }
}

static void rooms_that_are_not_listed(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    rules[0].room.room_unlisted = true;
    net_start(n);
    struct client *a = net_json(n, 0);
    static const char *const rooms[] = {"x1", "x2", "y", "z", "a"};
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
        joins(a, rooms[i]);
    say(a, "{\"type\":\"rooms\",\"id\":2}");
    str list = expect(a, "\"type\":\"rooms\"");
    assert_false(contains(list, "\"x"));
    assert_true(contains(list, "\"a\"") && contains(list, "\"y\"") && contains(list, "\"z\""));
    say(a, "{\"type\":\"rooms\",\"id\":2,\"prefix\":\"x\"}");
    assert_false(contains(expect(a, "\"type\":\"rooms\""), "\"x1\""));
    say(a, "{\"type\":\"rooms\",\"id\":2,\"limit\":2}"); // a page is full of what is listed
    list = expect(a, "\"type\":\"rooms\"");
    assert_true(contains(list, "\"a\"") && contains(list, "\"y\"") && contains(list, "\"next\":\"y\""));
    net_free(n);
}

static void presence_by_rule(void **state)
{
    (void)state;
    for (enum room_presence presence = PRESENCE_EXACT; presence <= PRESENCE_NONE; presence++) {
        struct net *n = net_with(1);
        rules[0].room.room_presence = presence;
        n->settings.member_grace_ms = 0;
        net_start(n);
        struct client *a = net_json(n, 0), *b = net_json(n, 0);
        joins(a, "x1");
        net_wait(n, 3000);
        forget(a);
        joins(a, "y");
        say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"x1\",\"members\":true}");
        str joined = expect(b, "\"type\":\"joined\"");
        assert_int_equal(number_of(joined, "members_count"), 2);
        assert_int_equal(contains(joined, "\"members\":["), presence == PRESENCE_EXACT);
        net_wait(n, 1500);
        if (presence == PRESENCE_EXACT)
            expect(a, "\"type\":\"member:joined\"");
        else if (presence == PRESENCE_COUNT)
            expect(a, "\"type\":\"members:count\"");
        expect_nothing(a);
        join(b, "y");
        expect(a, "\"type\":\"member:joined\"");
        say(b, "{\"type\":\"leave\",\"room\":\"x1\"}");
        net_wait(n, 1500);
        if (presence != PRESENCE_NONE)
            expect(a, presence == PRESENCE_EXACT ? "\"type\":\"member:left\"" : "\"type\":\"members:count\"");
        expect_nothing(a);
        say(a, "{\"type\":\"members\",\"id\":3,\"room\":\"x1\"}"); // who asks is told
        expect(a, "\"type\":\"members\"");
        net_free(n);
    }
}

static void echo_by_rule(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    rules[0].room.room_echo = true;
    net_start(n);
    struct client *a = net_json(n, 0);
    joins(a, "x1");
    joins(a, "y");
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"x1\",\"data\":\"heard\"}");
    expect(a, "\"type\":\"ack\"");
    expect(a, "\"data\":\"heard\"");
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"y\",\"data\":\"not\"}");
    expect(a, "\"type\":\"ack\"");
    expect_nothing(a);
    net_free(n);
}

static void logs_by_rule(void **state)
{
    (void)state;
    struct net *n = net_with(1);
    rules[0].room.log_entries = 3;
    rules[0].room.log_age_ms = 5000;
    net_start(n);
    struct client *a = net_json(n, 0);
    joins(a, "x1");
    joins(a, "y");
    for (int i = 0; i < 8; i++) {
        say(a, "{\"type\":\"message\",\"room\":\"x1\",\"data\":%d}", i);
        say(a, "{\"type\":\"message\",\"room\":\"y\",\"data\":%d}", i);
    }
    const struct log *x = &net_room_at(n, "x1")->log, *y = &net_room_at(n, "y")->log;
    assert_int_equal(x->head - x->tail + 1, 3);
    assert_int_equal(y->head - y->tail + 1, 8);
    net_wait(n, 8000); // with nobody about
    assert_int_equal(x->tail, x->head + 1);
    assert_int_equal(y->tail, 1);

    rules[0].room.log_bytes = 4096;
    rules[0].room.log_entries = 1000;
    struct settings next;
    reload(n, &next);
    for (int i = 0; i < 8; i++)
        say(a, "{\"type\":\"message\",\"room\":\"x1\",\"data\":\"%01000d\"}", i);
    assert_true(x->bytes <= 4096 && x->head - x->tail + 1 >= 3);
    net_free(n);
}

// At the outlets, of every shard.
static void slow_readers_and_flushes_by_rule(void **state)
{
    (void)state;
    for (int by_rule = 0; by_rule <= 1; by_rule++) {
        struct net *n = net_with(2);
        rules[0].room.slow_policy = SLOW_DISCONNECT;
        rules[0].room.flush_interval_ms = 10;
        n->settings.lag_bytes = rules[0].room.lag_bytes = 20000;
        net_start(n);
        const char *room = by_rule ? "x1" : "y";
        struct client *writer = net_json(n, 0), *slow = net_json(n, 1), *reader = net_json(n, 1);
        joins(writer, room);
        joins(reader, room);
        net_wait(n, 50);
        forget(reader);
        say(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", room);
        if (!by_rule)
            expect(reader, "\"type\":\"message\"");
        expect_nothing(reader);
        net_wait(n, 20);
        if (by_rule)
            expect(reader, "\"type\":\"message\"");
        joins(slow, room);
        slow->stalled = true;
        for (int i = 0; i < 400; i++)
            say(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%0200d\"}", room, i);
        net_wait(n, 500);
        slow->stalled = false;
        net_wait(n, 500);
        assert_int_equal(slow->close_code == WS_CLOSE_TRY_LATER, by_rule);
        net_free(n);
    }
}

// Rooms that are there get the rules that there are now, whatever the number of reloads, and also where a rule is gone.
static void a_reload_reaches_rooms_that_are_there(void **state)
{
    (void)state;
    struct net *n = net_with(1);
    net_start(n);
    struct client *a = net_json(n, 0);
    joins(a, "x1");
    joins(a, "xx");
    struct settings next[4];
    struct room *x = net_room_at(n, "x1"), *xx = net_room_at(n, "xx");
    const struct home *h = &n->sh[0]->home;
    assert_int_equal(room_settings(h, xx)->room_members_max, n->settings.room_members_max);
    struct room_rule turned[2] = {rules[1], rules[0]};
    turned[1].room.room_echo = true;
    n->settings.rules = turned;
    reload(n, &next[0]);
    assert_int_equal(room_settings(h, xx)->room_members_max, 1);
    assert_true(room_settings(h, x)->room_echo);
    n->settings.rules_n = 1;
    reload(n, &next[1]);
    assert_int_equal(room_settings(h, xx)->room_members_max, 1);
    assert_false(room_settings(h, x)->room_echo);
    n->settings.rules_n = 0;
    reload(n, &next[2]);
    assert_int_equal(room_settings(h, xx)->room_members_max, n->settings.room_members_max);
    n->sh[0]->cx.reload =
        UINT16_MAX; // the number begins anew, and is never that of a room that nobody has looked at
    reload(n, &next[3]);
    assert_int_equal(n->sh[0]->cx.reload, 1);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_that_matches_counts),
        cmocka_unit_test(a_room_has_members_by_its_rule),
        cmocka_unit_test(rooms_for_tokens_take_no_guests),
        cmocka_unit_test(who_has_a_token_comes_in),
        cmocka_unit_test(rooms_that_are_not_listed),
        cmocka_unit_test(presence_by_rule),
        cmocka_unit_test(echo_by_rule),
        cmocka_unit_test(logs_by_rule),
        cmocka_unit_test(slow_readers_and_flushes_by_rule),
        cmocka_unit_test(a_reload_reaches_rooms_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
