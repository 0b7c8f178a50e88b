// SPDX-License-Identifier: Apache-2.0
//
// Frames of what was said before are made a slice a turn (home/home_wait.c): whoever wants many of them waits, nobody else
// does, and in what it is told in the end there is no seam.
#include "unit/core_support.h"

#include <stdio.h>

enum { SAID = 300, SLICE = 2000 };

struct scene {
    struct net *n;
    struct client *writer, *other; // on shard 0; the other one is in another room
    char room[32];                 // whose home is shard 0
};

static struct scene scene_make(uint32_t shards, uint32_t slice)
{
    struct scene s = {.n = net_new(shards)};
    s.n->settings.slice_bytes = slice;
    s.n->settings.log_entries = 1000;
    net_start(s.n);
    snprintf(s.room, sizeof s.room, "%s", net_room(s.n, 0, 0));
    s.writer = net_json(s.n, 0);
    s.other = net_json(s.n, 0);
    say(s.writer, "{\"type\":\"join\",\"room\":\"%s\"}", s.room);
    say(s.other, "{\"type\":\"join\",\"room\":\"%s\"}", net_room(s.n, 0, 1));
    for (int i = 1; i <= SAID; i++)
        say(s.writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", s.room, i);
    forget(s.writer);
    forget(s.other);
    return s;
}

static void turns(struct net *n)
{
    for (uint32_t i = 0; i < n->shards; i++)
        net_turn(n, i);
}

// All of from..to, each once and in order.
static void expect_messages(struct client *c, uint64_t from, uint64_t to)
{
    for (uint64_t o = from; o <= to; o++) {
        str m;
        do
            m = hear(c);
        while (contains(m, "\"type\":\"member"));
        assert_true(contains(m, "\"type\":\"message\""));
        assert_int_equal(number_of(m, "offset"), o);
    }
}

static void a_long_past_takes_turns_and_delays_nobody(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct scene s = scene_make(shards, SLICE);
        struct client *c = net_json(s.n, shards - 1);
        post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\",\"history\":%d}", s.room, SAID);
        uint32_t taken = 0;
        uint64_t before = METRIC(s.n, replay_bytes);
        while (c->message_n == c->message_at) {
            post(s.other, "{\"type\":\"ping\",\"id\":7}");
            if (taken % 4 == 3) // what is said meanwhile is in it, too
                post(s.writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":0}", s.room);
            turns(s.n);
            expect(s.other, "\"type\":\"pong\",\"id\":7"); // in the same turn
            uint64_t made = METRIC(s.n, replay_bytes) - before;
            assert_true(made <= 2 * SLICE); // of two homes, at most
            before += made;
            net_check(s.n);
            assert_true(++taken < 500);
        }
        assert_true(taken > 10);
        uint64_t head = number_of(expect(c, "\"type\":\"joined\",\"id\":1"), "offset");
        assert_true(head > SAID);
        expect_messages(c, head - SAID + 1, head);
        post(s.writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"live\"}", s.room);
        net_settle(s.n);
        expect_messages(c, head + 1, s.n->shards == 0 ? 0 : net_room_at(s.n, s.room)->log.head);
        assert_int_equal(s.n->sh[shards - 1]->mail.under_way, 0);
        net_free(s.n);
    }
}

static void many_who_want_the_same_share_it(void **state)
{
    (void)state;
    struct scene s = scene_make(1, SLICE);
    struct client *c[8];
    for (int i = 0; i < 8; i++)
        c[i] = net_json(s.n, 0);
    for (int i = 0; i < 8; i++)
        post(c[i], "{\"type\":\"join\",\"room\":\"%s\",\"history\":%d}", s.room, SAID);
    net_settle(s.n);
    uint64_t once = METRIC(s.n, replay_bytes);
    for (int i = 0; i < 8; i++) {
        expect(c[i], "\"type\":\"joined\"");
        expect_messages(c[i], 1, SAID);
    }
    struct scene one = scene_make(1, SLICE);
    struct client *d = net_json(one.n, 0);
    say(d, "{\"type\":\"join\",\"room\":\"%s\",\"history\":%d}", one.room, SAID);
    uint64_t alone = METRIC(one.n, replay_bytes);
    assert_true(alone > 0 && once < alone + alone / 10);
    net_free(one.n);
    net_free(s.n);
}

// More is said in each turn than a slice holds: the join ends all the same, with all of it.
static void a_log_that_grows_faster_is_caught_up_with(void **state)
{
    (void)state;
    struct scene s = scene_make(1, SLICE);
    struct client *c = net_json(s.n, 0);
    char epoch[EPOCH_LEN + 1];
    memcpy(epoch, net_room_at(s.n, s.room)->epoch, EPOCH_LEN);
    epoch[EPOCH_LEN] = '\0';
    struct settings longer = s.n->settings;
    longer.log_entries = 100 * 1000;
    longer.log_bytes = 32 << 20;
    shard_settings_set(s.n->sh[0], &longer);
    post(c, "{\"type\":\"join\",\"room\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":0}}", s.room, epoch);
    uint32_t taken = 0;
    while (c->message_n == c->message_at) {
        for (int i = 0; i < 10; i++)
            post(s.writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%0200d\"}", s.room, i);
        net_turn(s.n, 0);
        forget(s.writer);
        assert_true(++taken < 500);
    }
    assert_true(taken > 32);
    str joined = expect(c, "\"type\":\"joined\"");
    assert_true(contains(joined, "\"recovered\":true"));
    net_settle(s.n);
    expect_messages(c, 1, net_room_at(s.n, s.room)->log.head);
    net_free(s.n);
}

static void a_trimmed_log_is_looked_at_anew(void **state)
{
    (void)state;
    struct scene s = scene_make(1, SLICE);
    char epoch[EPOCH_LEN + 1];
    memcpy(epoch, net_room_at(s.n, s.room)->epoch, EPOCH_LEN);
    epoch[EPOCH_LEN] = '\0';
    struct client *c = net_json(s.n, 0), *d = net_json(s.n, 0);
    post(c, "{\"type\":\"join\",\"room\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":2}}", s.room, epoch);
    post(d, "{\"type\":\"join\",\"room\":\"%s\",\"history\":%d}", s.room, SAID);
    net_turn(s.n, 0);
    net_turn(s.n, 0);
    assert_int_equal(s.n->sh[0]->home.waits_n, 2);
    struct settings shorter = s.n->settings;
    shorter.log_entries = 50;
    shard_settings_set(s.n->sh[0], &shorter);
    say(s.writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", s.room);
    assert_true(contains(expect(c, "\"type\":\"joined\""), "\"recovered\":false"));
    str gap = expect(c, "\"type\":\"gap\"");
    assert_int_equal(number_of(gap, "from"), 3);
    assert_int_equal(number_of(gap, "to"), SAID + 1);
    expect(d, "\"type\":\"joined\"");
    expect_messages(d, SAID + 1 - 50 + 1, SAID + 1);
    net_free(s.n);
}

// The asker, its session, or its room may be gone by the time.
static void whoever_goes_meanwhile_is_gone(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++)
        for (int way = 0; way < 3; way++) {
            struct scene s = scene_make(shards, SLICE);
            struct client *c = net_json(s.n, shards - 1);
            if (way == 2)
                say(c, "{\"type\":\"join\",\"room\":\"%s\"}", s.room);
            forget(c);
            forget(s.writer);
            if (way == 2)
                post(c, "{\"type\":\"history\",\"id\":1,\"room\":\"%s\",\"limit\":%d}", s.room, SAID);
            else
                post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\",\"history\":%d}", s.room, SAID);
            for (int i = 0; i < 4; i++)
                turns(s.n);
            assert_int_equal(s.n->sh[0]->home.waits_n, 1);
            if (way == 0)
                shard_destroy(s.n->sh[0]), s.n->sh[0] = NULL; // with what waits
            else
                cut(c);
            if (way != 0) {
                net_settle(s.n);
                assert_int_equal(s.n->sh[0]->home.waits_n, 0);
                assert_int_equal(s.n->sh[shards - 1]->mail.under_way, 0);
                assert_int_equal(net_room_at(s.n, s.room)->sessions, 1);
                net_free(s.n);
            } else {
                net_destroy(s.n);
            }
        }
}

// What is said about the room behind a page of history waits for it; what is about others does not.
static void replies_about_the_room_keep_their_order(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct scene s = scene_make(shards, SLICE);
        struct client *c = net_json(s.n, shards - 1);
        const char *elsewhere = net_room(s.n, 0, 2);
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", s.room);
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", elsewhere);
        forget(c);
        post(c, "{\"type\":\"history\",\"id\":1,\"room\":\"%s\",\"limit\":%d}", s.room, SAID);
        post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.room);
        post(c, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":1}", elsewhere);
        net_settle(s.n);
        expect(c, "\"type\":\"ack\",\"id\":3");
        expect(c, "\"type\":\"history\",\"id\":1");
        expect(c, "\"type\":\"ack\",\"id\":2");
        expect_nothing(c);
        net_free(s.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_past_takes_turns_and_delays_nobody),
        cmocka_unit_test(many_who_want_the_same_share_it),
        cmocka_unit_test(a_log_that_grows_faster_is_caught_up_with),
        cmocka_unit_test(a_trimmed_log_is_looked_at_anew),
        cmocka_unit_test(whoever_goes_meanwhile_is_gone),
        cmocka_unit_test(replies_about_the_room_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
