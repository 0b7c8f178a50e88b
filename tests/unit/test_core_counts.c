// SPDX-License-Identifier: Apache-2.0
//
// Counters count what they say: commands by type, errors by code wherever they are made, closes by reason, and the time
// from an append to the write, across shards too.
#include "unit/core_support.h"

static uint64_t commands(struct net *n, enum command_type type)
{
    return net_metric(n, offsetof(struct metrics, commands) + type * sizeof(_Atomic uint64_t));
}

static uint64_t errors(struct net *n, enum problem_code code)
{
    return net_metric(n, offsetof(struct metrics, errors) + code * sizeof(_Atomic uint64_t));
}

static void commands_and_errors(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    struct client *a = net_json(n, 0), *t = net_line(n, 1);
    assert_int_equal(commands(n, CMD_HELLO), 1); // a terminal says none
    assert_int_equal(METRIC(n, connections_accepted), 2);
    for (uint32_t home = 0; home < 2; home++) {
        const char *room = net_room(n, home, 0);
        say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":1}", room);
        say(a, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", room);
        say(a, "{\"type\":\"join\",\"id\":3,\"room\":\"%s\"}", room);
        say(a, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":1}", room);
    }
    assert_int_equal(commands(n, CMD_JOIN), 4);
    assert_int_equal(commands(n, CMD_MESSAGE), 4);
    assert_int_equal(errors(n, PROBLEM_NOT_MEMBER), 2);
    assert_int_equal(errors(n, PROBLEM_ALREADY_MEMBER), 2);
    say(a, "{\"type\":\"join\",\"room\":");
    say(a, "{\"type\":\"frobnicate\",\"id\":5}");
    say(t, "/nonsense");
    say(t, "/who");
    assert_int_equal(commands(n, CMD_NONE), 3);
    assert_int_equal(commands(n, CMD_MEMBERS), 1);
    assert_int_equal(errors(n, PROBLEM_BAD_JSON), 1);
    uint64_t all = 0;
    for (uint32_t i = 1; i < PROBLEM_COUNT; i++)
        all += errors(n, (enum problem_code)i);
    assert_int_equal(all, 2 + 2 + 3);
    net_free(n);
}

// An error of the home is counted too, where the asker is on another shard.
static void errors_of_homes(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.room_members_max = 1;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"%s\"}", net_room(n, 1, 0));
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", net_room(n, 1, 0));
    expect(b, "room_full");
    assert_int_equal(errors(n, PROBLEM_ROOM_FULL), 1);
    assert_int_equal(metric_get(&shard_metrics(n->sh[1])->errors[PROBLEM_ROOM_FULL]), 1);
    net_free(n);
}

static uint64_t samples(struct net *n, uint64_t *ret_us)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < TIME_BUCKETS; i++)
        all += net_metric(n, offsetof(struct metrics, publish.buckets) + i * sizeof(_Atomic uint64_t));
    *ret_us = METRIC(n, publish.us_sum);
    return all;
}

// A sample a flush, from the oldest entry in it, however many entries and readers there are.
static void publish_to_write(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = net_new(2);
        n->settings.flush_interval_ms = 10;
        net_start(n);
        const char *room = net_room(n, home, 0);
        struct client *talker = net_json(n, 0), *readers[3];
        say(talker, "{\"type\":\"join\",\"room\":\"%s\"}", room);
        for (int i = 0; i < 3; i++) {
            readers[i] = net_json(n, 0);
            say(readers[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
        }
        net_wait(n, 1000);
        for (int i = 0; i < 3; i++)
            forget(readers[i]);
        uint64_t us_before, us, before = samples(n, &us_before);
        say(talker, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", room);
        net_wait(n, 4);
        say(talker, "{\"type\":\"message\",\"room\":\"%s\",\"data\":2}", room);
        assert_int_equal(samples(n, &us), before); // not flushed yet
        expect_nothing(readers[0]);
        net_wait(n, 100);
        expect(readers[0], "\"data\":1");
        expect(readers[0], "\"data\":2");
        assert_int_equal(samples(n, &us), before + 1);
        assert_int_equal(us - us_before, 10000);
        net_wait(n, 5000); // nothing is measured twice
        assert_int_equal(samples(n, &us), before + 1);
        net_free(n);
    }
}

// A finer clock than milliseconds, where the driver has one.
static void publish_to_write_within_a_turn(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    uint64_t before_us, us, before = samples(n, &before_us);
    struct shard *sh = n->sh[0];
    shard_turn_begin(sh, n->now_ms, n->wall_ms, 0);
    shard_turn_began_ns(sh, n->now_ms * 1000000 + 250000);
    struct entry e = {.type = ENTRY_MESSAGE, .user = STR("u"), .data = STR("1")};
    struct verdict v;
    uint32_t home;
    assert_int_equal(room_apply(&sh->home, net_room_index(n, "r", &home), 1, &e, &v), OK);
    shard_turn_end(sh);
    shard_on_written(sh, n->now_ms * 1000000 + 300000, n->now_ms * 1000000 + 400000);
    assert_int_equal(samples(n, &us), before + 1);
    assert_int_equal(us - before_us, 150);
    net_settle(n);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_errors),
        cmocka_unit_test(errors_of_homes),
        cmocka_unit_test(publish_to_write),
        cmocka_unit_test(publish_to_write_within_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
