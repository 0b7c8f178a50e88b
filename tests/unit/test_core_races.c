// SPDX-License-Identifier: Apache-2.0
//
// What happens between shards while something else is on its way: connections that end with an ask unanswered, rooms
// that go while somebody comes. The mailboxes are held back to make each order happen.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static void hold(struct net *n, bool on) { n->hold[0][1] = n->hold[1][0] = on; }

static void leave_is_not_said_twice(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct net *n = net_new(2);
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *a = net_json(n, 0), *b = net_json(n, 1);
        say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        forget(b);
        if (how == 0)
            n->hold[0][1] = true; // the leave is not there yet
        else
            n->hold[1][0] = true; // its answer is not back yet
        say(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
        if (how == 2)
            hang_up(a);
        else
            cut(a);
        hold(n, false);
        net_settle(n);
        net_check(n);
        assert_true(a->closed);
        expect(b, "\"type\":\"member:left\"");
        expect_nothing(b);
        assert_int_equal(net_room_at(n, room)->sessions, 1);
        net_free(n);
    }
}

static void leave_during_a_switch_is_not_said_twice(void **state)
{
    (void)state;
    for (uint32_t turns = 0; turns < 6; turns++) {
        struct net *n = net_new(2);
        n->settings.member_grace_ms = 0;
        net_start(n);
        char from[32], to[32];
        snprintf(from, sizeof from, "%s", net_room(n, 1, 0));
        snprintf(to, sizeof to, "%s", net_room(n, 1, 1));
        struct client *a = net_json(n, 0), *b = net_json(n, 1);
        say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", from);
        say(b, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", to);
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", from);
        post(a, "{\"type\":\"switch\",\"id\":2,\"from\":\"%s\",\"to\":\"%s\"}", from, to);
        for (uint32_t i = 0; i < turns; i++)
            net_turn(n, i % 2);
        cut(a);
        net_settle(n);
        net_check(n);
        assert_int_equal(net_room_at(n, from)->sessions, 1);
        assert_int_equal(net_room_at(n, to)->sessions, 1);
        assert_int_equal(net_room_at(n, from)->members, 1);
        assert_int_equal(net_room_at(n, to)->members, 1);
        net_free(n);
    }
}

static void join_that_comes_too_late_is_taken_back(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct net *n = net_new(2);
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *a = net_json(n, 0);
        n->hold[1][0] = how == 0;
        n->hold[0][1] = how == 1;
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        cut(a);
        hold(n, false);
        net_settle(n);
        net_check(n);
        assert_int_equal(METRIC(n, outlets), 0);
        // Gone with its only member, who is not even kept as one who may come back: it never was told.
        assert_null(net_room_at(n, room));
        assert_int_equal(METRIC(n, members), 0);
        net_free(n);
    }
}

static void join_that_is_late_while_another_is_under_way(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, 1);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    n->hold[1][0] = true;
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    for (int i = 0; i < 40; i++) // new segments, announced to a shard whose first reader will be gone
        say(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%0100d\"}", room, i);
    cut(a);
    hold(n, false);
    net_wait(n, 10);
    net_check(n);
    str joined = expect(b, "\"type\":\"joined\"");
    uint64_t at = number_of(joined, "offset");
    for (int i = 0; i < 40; i++) // without a hole
        assert_int_equal(number_of(hear(b), "offset"), ++at);
    assert_int_equal(number_of(expect(b, "\"type\":\"member:left\""), "after"), at); // a
    expect_nothing(b);
    net_free(n);
}

static void room_gone_and_made_anew_behind_an_outlet(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.room_grace_ms = 0;
    n->settings.member_grace_ms = 0;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    for (int i = 0; i < 20; i++)
        say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d,\"echo\":true}", room, i);
    char epoch[2][32];
    forget(a);
    // The leave goes and ends the room; its answer is not back when the next one asks to join.
    n->hold[1][0] = true;
    say(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
    net_wait(n, 200);
    assert_null(net_room_at(n, room));
    say(b, "{\"type\":\"join\",\"id\":3,\"room\":\"%s\"}", room);
    hold(n, false);
    net_settle(n);
    net_check(n);
    expect(a, "\"type\":\"left\",\"id\":2");
    str joined = expect(b, "\"type\":\"joined\",\"id\":3");
    assert_int_equal(number_of(joined, "offset"), 0);
    string_of(joined, "epoch", epoch[0], sizeof epoch[0]);
    expect_nothing(b);
    say(b, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":true,\"echo\":true}", room);
    str ack = expect(b, "\"type\":\"ack\",\"id\":4");
    assert_int_equal(number_of(ack, "offset"), 1);
    string_of(ack, "epoch", epoch[1], sizeof epoch[1]);
    assert_string_equal(epoch[0], epoch[1]);
    expect(b, "\"offset\":1,");
    expect_nothing(b);
    net_free(n);
}

static void a_gap_in_front_of_left_survives_memory_out(void **state)
{
    (void)state;
    // A slow reader leaves: `gap` comes before `left`. Refusing memory for the gap must not use the freed cursor.
    for (uint64_t k = 0; k < 12; k++) {
        struct net *n = net_new(1);
        n->settings.lag_bytes = 2048;
        n->settings.reply_bytes = 1024 * 1024;
        net_start(n);
        struct client *a = net_json(n, 0), *b = net_json(n, 0);
        say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
        a->stalled = true;
        for (int i = 0; i < 100; i++)
            say(b, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"%0200d\"}", i);
        net_wait(n, 500);
        cut(b);
        net_fail_from(n, k);
        post(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"r\"}");
        net_turn(n, 0);
        net_fail_end(n);
        net_check(n);
        a->stalled = false;
        net_settle(n);
        cut(a);
        net_free(n);
    }
}

static void resume_on_another_shard_evicts(void **state)
{
    (void)state;
    struct net *n = net_new(3);
    net_start(n);
    for (uint32_t to = 0; to < 3; to++) {
        struct client *a = net_json(n, 0), *b = net_ws(n, to, "/ws");
        say(b, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", a->resume);
        str welcome = expect(b, "\"type\":\"welcome\",\"id\":1");
        assert_true(contains(welcome, a->user));
        assert_true(contains(welcome, a->session));
        assert_int_equal(a->close_code, PRIVATE_CLOSE_REPLACED);
        assert_true(a->closed);
        // The newer one is reachable, and stays registered when the older is gone for good.
        struct client *c = net_json(n, 1);
        say(c, "{\"type\":\"direct\",\"id\":2,\"to\":\"%s\",\"data\":7}", a->user);
        expect(c, "\"delivered\":1");
        expect(b, "\"type\":\"direct\"");
        hang_up(b);
        say(c, "{\"type\":\"direct\",\"id\":3,\"to\":\"%s\",\"data\":7}", a->user);
        expect(c, "\"delivered\":0");
    }
    net_free(n);
}

// Said and left in one turn of the home: what came before the leave comes before `left`.
static void what_was_said_before_a_leave_comes_before_left(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        net_start(n);
        const char *room = net_room(n, shards - 1, 0);
        struct client *b = net_json(n, shards - 1), *a = net_json(n, 0); // b is read first
        say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        forget(a);
        n->hold[0][shards - 1] = shards > 1;
        post(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
        if (shards > 1)
            net_settle(n); // the leave is in the mailbox, which is emptied after b was read
        for (int i = 0; i < 3; i++)
            post(b, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", room, i);
        n->hold[0][shards - 1] = false;
        net_settle(n);
        for (uint64_t i = 0; i < 3; i++)
            assert_int_equal(number_of(expect(a, "\"type\":\"message\""), "data"), i);
        expect(a, "\"type\":\"left\",\"id\":2");
        expect_nothing(a);
        net_free(n);
    }
}

// Said and joined in one turn of the home, in more segments than one: the newcomer's answer carries the newest of them
// to its shard, and readers there need the others too.
static void a_join_takes_nothing_from_readers_beside_it(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *b = net_json(n, 1), *reader = net_json(n, 0), *newcomer = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    say(reader, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    forget(reader);
    n->hold[0][1] = true;
    say(newcomer, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    for (int i = 0; i < 5; i++)
        post(b, "{\"type\":\"message\",\"room\":\"%s\",\"data\":[%d,\"%03000d\"]}", room, i, i);
    n->hold[0][1] = false;
    net_settle(n);
    for (int i = 0; i < 5; i++) {
        char part[24];
        snprintf(part, sizeof part, "\"data\":[%d,", i);
        expect(reader, part);
    }
    expect(reader, "\"type\":\"member:joined\"");
    expect_nothing(reader);
    expect(newcomer, "\"type\":\"joined\"");
    expect_nothing(newcomer);
    net_free(n);
}

// Back after a break, with its last message said again: the replay brings that message, as it brings all.
static void a_duplicate_is_not_stepped_over_in_a_replay(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        net_start(n);
        const char *room = net_room(n, shards - 1, 0);
        struct client *a = net_json(n, 0);
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
        say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"key\":\"k\",\"data\":7}", room);
        expect(a, "\"type\":\"joined\"");
        char epoch[32];
        str ack = expect(a, "\"type\":\"ack\"");
        string_of(ack, "epoch", epoch, sizeof epoch);
        uint64_t offset = number_of(ack, "offset");
        cut(a);
        struct client *back = net_ws(n, 0, "/ws");
        post(back, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", a->resume);
        post(back,
             "{\"type\":\"join\",\"id\":2,\"room\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":%llu}}",
             room, epoch, (unsigned long long)offset - 1);
        post(back, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"key\":\"k\",\"data\":7}", room);
        net_settle(n);
        uint32_t entries = 0, acks = 0;
        for (str s; (s = hear(back)).p != NULL;) {
            entries += contains(s, "\"type\":\"message\"") && number_of(s, "offset") == offset;
            acks += contains(s, "\"duplicate\":true") && number_of(s, "offset") == offset;
        }
        assert_int_equal(entries, 1);
        assert_int_equal(acks, 1);
        net_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leave_is_not_said_twice),
        cmocka_unit_test(leave_during_a_switch_is_not_said_twice),
        cmocka_unit_test(join_that_comes_too_late_is_taken_back),
        cmocka_unit_test(join_that_is_late_while_another_is_under_way),
        cmocka_unit_test(room_gone_and_made_anew_behind_an_outlet),
        cmocka_unit_test(a_gap_in_front_of_left_survives_memory_out),
        cmocka_unit_test(resume_on_another_shard_evicts),
        cmocka_unit_test(what_was_said_before_a_leave_comes_before_left),
        cmocka_unit_test(a_join_takes_nothing_from_readers_beside_it),
        cmocka_unit_test(a_duplicate_is_not_stepped_over_in_a_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
