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
        n->settings.rooms_user = (struct creator_rate){2, 5};
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
    n->settings.rooms_user = (struct creator_rate){100, 100};
    n->settings.rooms_address = (struct creator_rate){1, 10};
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
    struct net *n = limited(1, 40);
    n->settings.rooms_address_percent = 25;
    n->settings.room_grace_ms = 5000;
    net_start(n);
    struct client *greedy = net_json(n, 0);
    char rooms[10][32];
    for (int i = 0; i < 10; i++) {
        snprintf(rooms[i], 32, "%s", fresh(n, 0));
        assert_true(join(greedy, rooms[i], "", NULL));
    }
    assert_false(join(greedy, fresh(n, 0), "\"code\":\"limit_reached\"", NULL));
    n->print = 78;
    struct client *other = net_json(n, 0);
    for (int i = 0; i < 10; i++)
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
    assert_int_equal(METRIC(n, rooms), 10);
    cut(other);
    net_wait(n, 60000);
    assert_int_equal(METRIC(n, rooms), 0);
    assert_int_equal(n->sh[0]->creators.slab.count, 0); // nobody is remembered
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
    n->settings.rooms_user = (struct creator_rate){5, 100};
    n->settings.rooms_address = (struct creator_rate){50, 150};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_makes_rooms_at_a_rate),
        cmocka_unit_test(an_address_makes_rooms_at_a_rate),
        cmocka_unit_test(an_address_has_its_share_of_the_rooms),
        cmocka_unit_test(silence_is_not_kept),
        cmocka_unit_test(coming_and_going_blocks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
