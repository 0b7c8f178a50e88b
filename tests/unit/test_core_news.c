// SPDX-License-Identifier: Apache-2.0
//
// Which rooms a write looks into, and how much of a big room's flush goes into one turn.
#include "unit/core_support.h"

#include <stdlib.h>

enum { ROOMS = 90, STEPS = 3000 };

// More rooms than a connection has bits for, joined, left and talked in at random, by a reader whose socket takes now all,
// now a little, now nothing: whatever is said in a room it is in comes, in order.
static void nothing_is_forgotten_of_many_rooms(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct net *n = net_new(2);
        n->settings.rooms_per_connection = ROOMS;
        n->settings.rooms_max = 2 * ROOMS;
        n->settings.lag_bytes = 16 << 20;
        n->settings.reply_bytes = 16 << 20;
        net_start(n);
        struct prng dice;
        prng_init(&dice, seed);
        struct client *a = net_json(n, 0), *b = net_json(n, 1);
        bool in[ROOMS] = {false};
        uint32_t said[ROOMS] = {0}, heard[ROOMS];
        for (int r = 0; r < ROOMS; r++) {
            say(b, "{\"type\":\"join\",\"room\":\"r%d\"}", r);
            heard[r] = 0;
        }
        for (int step = 0; step < STEPS; step++) {
            uint32_t r = (uint32_t)prng_below(&dice, ROOMS);
            uint64_t what = prng_below(&dice, 100);
            if (what < 3) {
                post(a, "{\"type\":\"%s\",\"room\":\"r%u\"}", in[r] ? "leave" : "join", r);
                a->stalled = false;
                a->take_max = SIZE_MAX;
                net_settle(n);
                in[r] = !in[r];
                heard[r] = said[r];
            } else if (what < 8) {
                a->stalled = prng_below(&dice, 2);
                a->take_max = prng_below(&dice, 2) ? SIZE_MAX : 1 + prng_below(&dice, 400);
            } else {
                post(b, "{\"type\":\"message\",\"room\":\"r%u\",\"data\":%u}", r, ++said[r]);
                net_turn(n, 1);
                net_turn(n, 0);
            }
            if (prng_below(&dice, 100) == 0 || what < 3) {
                a->stalled = false;
                net_settle(n);
                for (str s; (s = hear(a)).n != 0;) {
                    uint64_t data = number_of(s, "data");
                    if (!contains(s, "\"type\":\"message\""))
                        continue;
                    char room[16];
                    string_of(s, "room", room, sizeof room);
                    uint64_t from;
                    assert_true(str_to_u64(str_from_cstr(room + 1), ROOMS - 1, &from));
                    if (what < 3 && from == r)
                        continue; // said before it came, or before it went
                    assert_int_equal(data, ++heard[from]);
                }
                for (int i = 0; i < ROOMS; i++)
                    if (in[i])
                        assert_int_equal(heard[i], said[i]);
                forget(b);
            }
            net_check(n);
        }
        net_free(n);
    }
}

// A write has fewer spans than there are rooms with news: the rest comes with the next one.
static void more_news_than_spans(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.rooms_per_connection = ROOMS;
    n->settings.rooms_max = ROOMS;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    for (int r = 0; r < ROOMS; r++) {
        say(b, "{\"type\":\"join\",\"room\":\"r%d\"}", r);
        say(a, "{\"type\":\"join\",\"room\":\"r%d\"}", r);
    }
    for (int round = 0; round < 3; round++) {
        forget(a);
        for (int r = 0; r < ROOMS; r++)
            post(b, "{\"type\":\"message\",\"room\":\"r%d\",\"data\":%d}", r, round);
        net_settle(n);
        uint32_t heard = 0;
        for (str s; (s = hear(a)).n != 0;)
            heard += contains(s, "\"type\":\"message\"") && number_of(s, "data") == (uint64_t)round;
        assert_int_equal(heard, ROOMS);
    }
    net_free(n);
}

enum { CROWD = 150, LONG = 60000 };

// Long messages to many take many turns, and whoever is in another room is written to in each of them.
static void a_big_flush_is_cut_into_slices(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = 200;
    n->settings.lag_bytes = 64 << 20;
    n->settings.log_bytes = 64 << 20;
    net_start(n);
    struct client *crowd[CROWD], *sender = net_json(n, 0), *talker = net_json(n, 0), *other = net_json(n, 0);
    say(sender, "{\"type\":\"join\",\"room\":\"big\"}");
    say(talker, "{\"type\":\"join\",\"room\":\"small\"}");
    say(other, "{\"type\":\"join\",\"room\":\"small\"}");
    n->settings.presence_exact_max = 1;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = net_json(n, 0);
        say(crowd[i], "{\"type\":\"join\",\"room\":\"big\"}");
    }
    net_wait(n, 5000);
    for (int i = 0; i < CROWD; i++)
        forget(crowd[i]);
    forget(other);
    char *text = malloc(LONG + 1);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    post(sender, "{\"type\":\"message\",\"room\":\"big\",\"data\":\"%s\"}", text);
    free(text);
    uint32_t served = 0, turns = 0;
    for (; served < CROWD; turns++) {
        post(talker, "{\"type\":\"message\",\"room\":\"small\",\"data\":%u}", turns);
        net_turn(n, 0);
        assert_int_equal(number_of(expect(other, "\"type\":\"message\""), "data"), turns);
        uint32_t before = served;
        served = 0;
        for (int i = 0; i < CROWD; i++)
            served += crowd[i]->message_n > crowd[i]->message_at;
        assert_in_range(served - before, 1, FLUSH_BYTES / LONG + 2);
        assert_true(turns < 20);
        net_check(n);
    }
    assert_true(turns >= CROWD / (FLUSH_BYTES / LONG + 2));
    assert_int_equal(METRIC(n, flush_slices), turns - 1);
    for (int i = 0; i < CROWD; i++)
        expect(crowd[i], "xxxx");
    net_free(n);
}

// While a flush is under way readers go, and the one that takes the place of another is not passed over.
static void flush_with_leavers(bool again)
{
    struct net *n = net_new(1);
    n->settings.connections_max = 200;
    n->settings.lag_bytes = 64 << 20;
    n->settings.log_bytes = 64 << 20;
    n->settings.presence_exact_max = 1;
    net_start(n);
    struct client *crowd[CROWD], *sender = net_json(n, 0);
    say(sender, "{\"type\":\"join\",\"room\":\"big\"}");
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = net_json(n, 0);
        say(crowd[i], "{\"type\":\"join\",\"room\":\"big\"}");
    }
    net_wait(n, 5000);
    char *text = malloc(LONG + 1);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    post(sender, "{\"type\":\"message\",\"room\":\"big\",\"data\":\"%s\"}", text);
    free(text);
    net_turn(n, 0);
    if (again) {
        post(sender, "{\"type\":\"message\",\"room\":\"big\",\"data\":\"meanwhile\"}");
        net_turn(n, 0);
    }
    for (int i = 0; i < 30; i++) // their places, which have been passed, are taken by those at the end
        cut(crowd[i]);
    net_wait(n, BUSY_WAIT_US / 1000);
    for (int i = 30; i < CROWD; i++) {
        bool long_one = false, meanwhile = false;
        for (str s; (s = hear(crowd[i])).n != 0;) {
            long_one = long_one || s.n > LONG;
            meanwhile = meanwhile || contains(s, "meanwhile");
        }
        assert_true(long_one && meanwhile == again);
    }
    net_free(n);
}

static void who_moves_in_the_middle_of_a_flush_is_served(void **state)
{
    (void)state;
    flush_with_leavers(false);
}

// What is said in the middle of a flush goes out behind it, though nothing more comes.
static void a_flush_is_followed_by_what_came_meanwhile(void **state)
{
    (void)state;
    flush_with_leavers(true);
}

// While a flush goes on, whoever says something in the room hears himself in the next turn, though his turn has been: he may wait for
// that before he goes on. So do few of many, lest it cost more than it saves.
static void who_talks_in_a_flush_hears_himself(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = 200;
    n->settings.lag_bytes = 64 << 20;
    n->settings.presence_exact_max = 1;
    net_start(n);
    struct client *talkers[4], *crowd[CROWD];
    for (size_t i = 0; i < ARRAY_LEN(talkers); i++) {
        talkers[i] = net_json(n, 0);
        say(talkers[i], "{\"type\":\"join\",\"room\":\"big\"}");
    }
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = net_json(n, 0);
        say(crowd[i], "{\"type\":\"join\",\"room\":\"big\"}");
    }
    net_wait(n, 5000);
    char *text = malloc(LONG + 1);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    post(talkers[0], "{\"type\":\"message\",\"room\":\"big\",\"data\":\"%s\"}", text);
    free(text);
    net_turn(n, 0);
    const struct outlet *o = outlet_at(&n->sh[0]->fan, 0);
    uint32_t most = o->n / 64;
    assert_true(o->flushing && most >= 1 && most < ARRAY_LEN(talkers));
    for (size_t i = 0; i < ARRAY_LEN(talkers); i++) {
        forget(talkers[i]);
        post(talkers[i], "{\"type\":\"message\",\"room\":\"big\",\"data\":\"said\"%s}",
             i == 0 ? "" : ",\"echo\":true");
    }
    net_turn(n, 0);
    assert_true(o->flushing);
    assert_int_equal(o->early, most);
    uint32_t heard = 0;
    for (size_t i = 1; i < ARRAY_LEN(talkers); i++)
        heard += contains(hear(talkers[i]), "said");
    assert_int_equal(heard, most);
    expect_nothing(talkers[0]);
    net_wait(n, 10);
    net_free(n);
}

// Two people do not wait for a rule that is there to save writes to many.
static void a_small_room_is_never_busy(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    for (int round = 0; round < 5; round++) {
        forget(b);
        for (int i = 0; i < 32; i++)
            post(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
        net_turn(n, 0); // and no time passes
        for (int i = 0; i < 32; i++)
            assert_int_equal(number_of(expect(b, "\"type\":\"message\""), "data"), i);
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_forgotten_of_many_rooms),
        cmocka_unit_test(more_news_than_spans),
        cmocka_unit_test(a_big_flush_is_cut_into_slices),
        cmocka_unit_test(who_moves_in_the_middle_of_a_flush_is_served),
        cmocka_unit_test(a_flush_is_followed_by_what_came_meanwhile),
        cmocka_unit_test(who_talks_in_a_flush_hears_himself),
        cmocka_unit_test(a_small_room_is_never_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
