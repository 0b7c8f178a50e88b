// SPDX-License-Identifier: Apache-2.0
//
// Who makes rooms: at what rate, how many, and that a room nobody said anything in is not kept.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static bool join(struct client *c, const char *room, const char *code, uint32_t *ret_retry_ms)
{
    forget(c);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    str s = hear(c);
    while (contains(s, "\"type\":\"member:") || contains(s, "\"type\":\"left\""))
        s = hear(c);
    if (contains(s, "\"type\":\"joined\""))
        return true;
    assert_true(contains(s, code));
    if (ret_retry_ms != NULL)
        *ret_retry_ms = (uint32_t)number_of(s, "retry_ms");
    return false;
}

// A name whose home is this shard; each call gives another.
static const char *fresh(struct net *n, uint32_t shard)
{
    static uint32_t at;
    return net_room(n, shard, at++ % 500);
}

static struct net *limited(uint32_t shards, uint32_t rooms_max)
{
    struct net *n = net_new(shards);
    n->settings.rooms_max = rooms_max;
    n->settings.rooms_per_connection = 1000;
    n->print = 77;
    return n;
}

static void a_user_makes_rooms_at_a_rate(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = limited(2, 1000);
        n->settings.rooms_user = (struct rate){2, 5};
        net_start(n);
        struct client *c = net_json(n, 0), *other = net_json(n, 0);
        for (int i = 0; i < 5; i++)
            assert_true(join(c, fresh(n, home), "", NULL));
        for (int i = 0; i < 3; i++) {
            uint32_t retry_ms;
            const char *room = fresh(n, home);
            assert_false(join(c, room, "\"code\":\"rate_limited\"", &retry_ms));
            assert_in_range(retry_ms, 1, 500);
            assert_null(net_room_at(n, room)); // nothing is left of it
            net_wait(n, retry_ms - 1);
            assert_false(join(c, room, "rate_limited", &retry_ms));
            net_wait(n, 1);
            assert_true(join(c, room, "", NULL));
        }
        assert_true(join(other, fresh(n, home), "", NULL)); // its own bucket
        assert_int_equal(METRIC(n, limit_rooms_rate), 6);
        assert_int_equal(METRIC(n, rooms_created), 9);
        net_free(n);
    }
}

// A guest is somebody else for the asking, an address is not; and to join what exists is no making.
static void an_address_makes_rooms_at_a_rate(void **state)
{
    (void)state;
    struct net *n = limited(1, 1000);
    n->settings.rooms_user = (struct rate){100, 100};
    n->settings.rooms_address = (struct rate){1, 10};
    net_start(n);
    struct client *first = net_json(n, 0);
    assert_true(join(first, "lounge", "", NULL));
    uint32_t made = 1;
    for (int i = 0; i < 30; i++) {
        struct client *c = net_json(n, 0);
        made += join(c, fresh(n, 0), "\"code\":\"rate_limited\"", NULL);
        assert_true(join(c, "lounge", "", NULL));
    }
    assert_int_equal(made, 10);
    n->print = 78;
    assert_true(join(net_json(n, 0), fresh(n, 0), "", NULL));
    n->print = 0; // nobody knows from where: not counted
    for (int i = 0; i < 20; i++)
        assert_true(join(net_json(n, 0), fresh(n, 0), "", NULL));
    net_free(n);
}

static void an_address_has_its_share_of_the_rooms(void **state)
{
    (void)state;
    struct net *n = limited(1, 160);
    n->settings.rooms_address_percent = 25;
    n->settings.room_grace_ms = 5000;
    net_start(n);
    struct client *greedy = net_json(n, 0);
    char rooms[40][32];
    for (int i = 0; i < 40; i++) {
        snprintf(rooms[i], 32, "%s", fresh(n, 0));
        assert_true(join(greedy, rooms[i], "", NULL));
    }
    assert_false(join(greedy, fresh(n, 0), "\"code\":\"limit_reached\"", NULL));
    n->print = 78;
    struct client *other = net_json(n, 0);
    for (int i = 0; i < 40; i++)
        assert_true(join(other, fresh(n, 0), "", NULL));
    assert_false(join(other, fresh(n, 0), "limit_reached", NULL));
    assert_int_equal(METRIC(n, limit_rooms_address), 2);
    // What is gone counts no more; whose it was that made it, whoever is in it.
    assert_true(join(other, rooms[0], "", NULL));
    say(greedy, "{\"type\":\"leave\",\"room\":\"%s\"}", rooms[0]);
    assert_false(join(greedy, fresh(n, 0), "limit_reached", NULL));
    say(other, "{\"type\":\"leave\",\"room\":\"%s\"}", rooms[0]);
    assert_true(join(greedy, fresh(n, 0), "", NULL));
    cut(greedy);
    net_wait(n, 60000);
    assert_int_equal(METRIC(n, rooms), 40);
    cut(other);
    net_wait(n, 60000);
    assert_int_equal(METRIC(n, rooms), 0);
    assert_int_equal(n->sh[0]->home.meters.slab.count, 0); // nobody is remembered
    net_free(n);
}

// However few rooms there are, an address may make some: what keeps them apart then is limits.rooms.
static void a_small_server_locks_nobody_out(void **state)
{
    (void)state;
    for (uint32_t rooms_max = 1; rooms_max <= 3; rooms_max += 2) {
        struct net *n = limited(1, rooms_max);
        n->settings.rooms_address_percent = 1;
        net_start(n);
        struct client *c = net_json(n, 0);
        for (uint32_t i = 0; i < rooms_max; i++)
            assert_true(join(c, fresh(n, 0), "", NULL));
        uint32_t retry_ms;
        assert_false(join(c, fresh(n, 0), "There are as many rooms as there may be", &retry_ms));
        assert_int_equal(retry_ms, 1000);
        assert_int_equal(METRIC(n, limit_rooms_address), 0);
        net_free(n);
    }
}

// Joins that are under way together have all seen the same token: the rooms they make are owed.
static void rooms_made_together_are_all_paid_for(void **state)
{
    (void)state;
    struct net *n = limited(2, 1000);
    n->settings.rooms_connection = (struct rate){1, 1};
    net_start(n);
    struct client *c = net_json(n, 0);
    uint64_t before = METRIC(n, rooms_created);
    char text[200];
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "{\"type\":\"join\",\"room\":\"%s\"}", fresh(n, 1));
        post_frame(c, WS_TEXT, true, str_from_cstr(text));
    }
    net_settle(n);
    assert_int_equal(METRIC(n, rooms_created), before + 4);
    uint32_t retry_ms;
    assert_false(join(c, fresh(n, 1), "rate_limited", &retry_ms));
    assert_in_range(retry_ms, 3900, 4000);
    net_free(n);
}

// How many of a hundred new names, homes in turn, a connection gets.
static uint32_t made_of_100(struct net *n, struct client *c)
{
    uint32_t made = 0;
    for (uint32_t i = 0; i < 100; i++) {
        made += join(c, fresh(n, i % n->shards), "rate_limited", NULL);
        net_wait(n, 20); // it goes on, but not so that it is closed
        if (i % 20 == 19)
            net_wait(n, 1000);
    }
    return made;
}

// Each of them has its limit on the whole server, not one in each shard.
static void rates_are_the_servers(void **state)
{
    (void)state;
    for (int who = 0; who < 3; who++) {
        uint32_t made[2];
        for (uint32_t shards = 1; shards <= 3; shards += 2) {
            struct net *n = limited(shards, 1000);
            struct rate *rates[] = {&n->settings.rooms_connection, &n->settings.rooms_user,
                                    &n->settings.rooms_address};
            *rates[who] = (struct rate){1, 10};
            net_start(n);
            made[shards > 1] = made_of_100(n, net_json(n, 0));
            net_free(n);
        }
        assert_in_range(made[0], 12, 20);
        assert_int_equal(made[0], made[1]);
    }
}

static void a_share_is_the_servers(void **state)
{
    (void)state;
    struct net *n = limited(3, 60);
    n->settings.rooms_address_percent = 20; // 36 of 180
    net_start(n);
    struct client *c = net_json(n, 1);
    for (uint32_t i = 0; i < 36; i++) // all with one home: it is not the home that counts
        assert_true(join(c, fresh(n, 2), "", NULL));
    assert_false(join(c, fresh(n, 0), "Your address has made as many rooms", NULL));
    net_free(n);
}

// Who goes on before retry_ms has passed is closed; who waits is not, however often the bucket of all is empty then.
static void who_goes_on_is_closed(void **state)
{
    (void)state;
    struct net *n = limited(2, 1000);
    n->settings.rooms_address = (struct rate){1, 1};
    net_start(n);
    struct client *patient = net_json(n, 0), *greedy = net_json(n, 1);
    uint32_t retry_ms;
    assert_true(join(patient, fresh(n, 0), "", NULL));
    for (int i = 0; i < 120; i++) {
        assert_false(join(patient, fresh(n, 0), "rate_limited", &retry_ms));
        net_wait(n, retry_ms);
        struct client *other = net_json(n, 0); // is faster
        assert_true(join(other, fresh(n, 0), "", NULL));
        cut(other);
    }
    assert_true(patient->closes == 0);
    for (int i = 0; i < 51; i++)
        assert_false(join(greedy, fresh(n, (uint32_t)i % 2), "rate_limited", NULL));
    assert_true(greedy->closes == 0);
    post(greedy, "{\"type\":\"join\",\"room\":\"%s\"}", fresh(n, 0));
    net_wait(n, 1);
    assert_int_equal(greedy->close_code, 1008);
    assert_int_equal(METRIC(n, closed_policy), 1);
    net_free(n);
}

// A connection that made its own share leaves its user's others theirs.
static void a_connection_makes_rooms_at_a_rate(void **state)
{
    (void)state;
    struct net *n = limited(2, 1000);
    n->settings.rooms_connection = (struct rate){2, 3};
    net_start(n);
    struct client *c = net_json(n, 0);
    uint32_t retry_ms;
    for (int i = 0; i < 3; i++)
        assert_true(join(c, fresh(n, 0), "", NULL));
    const char *room = fresh(n, 1);
    assert_false(join(c, room, "rate_limited", &retry_ms));
    assert_in_range(retry_ms, 1, 500);
    assert_int_equal(METRIC(n, rooms_created), 3);
    net_wait(n, retry_ms);
    assert_true(join(c, room, "", NULL));
    net_free(n);
}

// Two make the same room in one turn: who comes second has joined one that exists, and paid nothing.
static void what_is_not_made_is_not_paid(void **state)
{
    (void)state;
    struct net *n = limited(3, 1000);
    n->settings.rooms_user = (struct rate){1, 1};
    n->settings.rooms_address = (struct rate){1, 2};
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 1);
    const char *room = fresh(n, 2);
    post(a, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    post(b, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    net_settle(n);
    assert_int_equal(METRIC(n, rooms_created), 1);
    struct client *second =
        net_room_at(n, room) != NULL && join(a, fresh(n, 1), "rate_limited", NULL) ? a : b;
    if (second == b)
        assert_true(join(b, fresh(n, 1), "", NULL));
    net_free(n);
}

static void silence_is_not_kept(void **state)
{
    (void)state;
    struct net *n = limited(1, 100);
    n->settings.room_grace_ms = 30000;
    net_start(n);
    struct client *c = net_json(n, 0);
    assert_true(join(c, "silent", "", NULL));
    assert_true(join(c, "said", "", NULL));
    say(c, "{\"type\":\"message\",\"room\":\"said\",\"data\":1}");
    say(c, "{\"type\":\"leave\",\"room\":\"silent\"}");
    say(c, "{\"type\":\"leave\",\"room\":\"said\"}");
    assert_null(net_room_at(n, "silent"));
    assert_non_null(net_room_at(n, "said"));
    net_wait(n, 29000);
    assert_non_null(net_room_at(n, "said"));
    net_wait(n, 2000);
    assert_null(net_room_at(n, "said"));
    // Who is away may come back to it: there is a member still.
    assert_true(join(c, "silent", "", NULL));
    cut(c);
    net_wait(n, 29000);
    assert_non_null(net_room_at(n, "silent"));
    net_wait(n, 2000);
    assert_null(net_room_at(n, "silent"));
    net_free(n);
}

// A hundred connections that join and leave new names as fast as they can: rooms are left for others.
static void coming_and_going_blocks_nobody(void **state)
{
    (void)state;
    struct net *n = limited(1, 200);
    n->settings.connections_max = 200;
    n->settings.rooms_user = (struct rate){5, 100};
    n->settings.rooms_address = (struct rate){50, 150};
    n->settings.rooms_address_percent = 25;
    net_start(n);
    struct client *c[100];
    for (int i = 0; i < 100; i++)
        c[i] = net_json(n, 0);
    n->print = 78;
    struct client *other = net_json(n, 0);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            post(c[i], "{\"type\":\"join\",\"room\":\"x%d-%d\"}", round, i);
            post(c[i], "{\"type\":\"message\",\"room\":\"x%d-%d\",\"data\":1}", round, i);
            post(c[i], "{\"type\":\"leave\",\"room\":\"x%d-%d\"}", round, i);
        }
        net_wait(n, 100);
        assert_true(METRIC(n, rooms) <= 50);
        assert_true(join(other, "other", "", NULL));
        say(other, "{\"type\":\"leave\",\"room\":\"other\"}");
        for (int i = 0; i < 100; i++)
            forget(c[i]);
    }
    net_free(n);
}

// Where no rate is set and no share, there is nothing to keep.
static void who_may_do_anything_is_not_remembered(void **state)
{
    (void)state;
    struct net *n = limited(1, 200);
    n->settings.rooms_user.per_s = 0;
    net_start(n);
    for (int i = 0; i < 20; i++)
        assert_true(join(net_json(n, 0), fresh(n, 0), "", NULL));
    assert_int_equal(n->sh[0]->home.meters.slab.count, 1); // the address
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_do_anything_is_not_remembered),
        cmocka_unit_test(a_user_makes_rooms_at_a_rate),
        cmocka_unit_test(an_address_makes_rooms_at_a_rate),
        cmocka_unit_test(rooms_made_together_are_all_paid_for),
        cmocka_unit_test(an_address_has_its_share_of_the_rooms),
        cmocka_unit_test(a_small_server_locks_nobody_out),
        cmocka_unit_test(rates_are_the_servers),
        cmocka_unit_test(a_share_is_the_servers),
        cmocka_unit_test(who_goes_on_is_closed),
        cmocka_unit_test(a_connection_makes_rooms_at_a_rate),
        cmocka_unit_test(what_is_not_made_is_not_paid),
        cmocka_unit_test(silence_is_not_kept),
        cmocka_unit_test(coming_and_going_blocks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
