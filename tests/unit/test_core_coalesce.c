// SPDX-License-Identifier: Apache-2.0
//
// A state that is told at intervals: what waits and what does not, what is left out, and that everybody ends with the same.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

enum { INTERVAL_MS = 100, KEYS = 5, CHANGES = 400 };

static struct net *room_new(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.state_interval_ms = INTERVAL_MS;
    n->settings.presence_exact_max = 0;
    net_start(n);
    return n;
}

static struct client *member_new(struct net *n, uint32_t shard)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    net_wait(n, INTERVAL_MS);
    forget(c);
    return c;
}

static void set(struct client *c, const char *what)
{
    say(c, "{\"type\":\"state\",\"id\":5,\"room\":\"r\",%s}", what);
    str m;
    do { // it is told of changes, too; its answer does not wait
        m = hear(c);
        assert_non_null(m.p);
    } while (!contains(m, "\"type\":\"ack\",\"id\":5"));
}

static void expect_change(struct client *c, uint64_t offset, const char *key_and_value)
{
    str m = expect(c, "\"type\":\"state:updated\"");
    assert_int_equal(number_of(m, "offset"), offset);
    assert_true(contains(m, key_and_value));
}

static void expect_gap(struct client *c, uint64_t from, uint64_t to)
{
    str m = expect(c, "\"type\":\"gap\"");
    assert_true(contains(m, "\"reason\":\"coalesced\""));
    assert_int_equal(number_of(m, "from"), from);
    assert_int_equal(number_of(m, "to"), to);
}

static void the_newest_of_each_key_once_per_interval(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = room_new(shards);
        struct client *writer = member_new(n, 0), *reader = member_new(n, shards - 1);
        set(writer, "\"set\":{\"a\":1}");
        expect_change(reader, 1, "\"key\":\"a\",\"value\":1,"); // behind a pause: at once
        set(writer, "\"set\":{\"a\":2}");
        set(writer, "\"set\":{\"b\":1}");
        set(writer, "\"set\":{\"a\":3}");
        set(writer, "\"unset\":[\"b\"]");
        net_wait(n, INTERVAL_MS - 10);
        expect_nothing(reader);
        net_wait(n, 20);
        expect_gap(reader, 2, 3);
        expect_change(reader, 4, "\"key\":\"a\",\"value\":3,");
        expect_change(reader, 5, "\"key\":\"b\",\"version\":5"); // is gone
        expect_nothing(reader);
        net_wait(n, INTERVAL_MS);
        set(writer, "\"set\":{\"a\":4}");
        expect_change(reader, 6, "\"value\":4,");
        net_free(n);
    }
}

static void what_is_said_takes_along_what_waits(void **state)
{
    (void)state;
    struct net *n = room_new(2);
    struct client *writer = member_new(n, 0), *reader = member_new(n, 1);
    set(writer, "\"set\":{\"a\":1}");
    expect_change(reader, 1, "\"value\":1,");
    set(writer, "\"set\":{\"a\":2}");
    set(writer, "\"set\":{\"a\":3}");
    expect_nothing(reader);
    say(writer, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"hi\"}");
    expect_gap(reader, 2, 2);
    expect_change(reader, 3, "\"value\":3,");
    expect(reader, "\"type\":\"message\"");
    // Of several keys at once each change is told, and does not wait.
    set(writer, "\"set\":{\"a\":4}");
    set(writer, "\"set\":{\"a\":5,\"b\":5}");
    expect_change(reader, 5, "\"value\":4,");
    expect_change(reader, 6, "\"key\":\"a\",\"value\":5,");
    expect_change(reader, 6, "\"key\":\"b\",\"value\":5,");
    expect_nothing(reader);
    net_free(n);
}

// A flush that costs something is rested from also where what waits is taken along (fan/busy.h).
static void a_busy_room_rests_all_the_same(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct client *writer = member_new(n, 0), *reader = member_new(n, 0);
    set(writer, "\"set\":{\"a\":1}");
    expect_change(reader, 1, "\"value\":1,");
    struct fan *f = &n->sh[0]->fan;
    struct outlet *o = outlet_at(f, outlet_find(f, STR("r"), siphash(&n->settings.hash_key, "r", 1)));
    o->busy.cost_us = 1000;
    o->busy.wait_us = 4000;
    set(writer, "\"set\":{\"a\":2}");
    say(writer, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"hi\"}");
    expect_nothing(reader);
    net_wait(n, BUSY_WAIT_US / 1000);
    expect_change(reader, 2, "\"value\":2,");
    expect(reader, "\"type\":\"message\"");
    net_free(n);
}

// Whoever comes in meanwhile has the state as it is, and is told of nothing that is in it.
static void who_comes_in_knows_what_waits(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct client *writer = member_new(n, 0), *late = net_json(n, 0);
    set(writer, "\"set\":{\"a\":1}");
    set(writer, "\"set\":{\"a\":2}");
    say(late, "{\"type\":\"join\",\"room\":\"r\"}");
    str joined = expect(late, "\"type\":\"joined\"");
    assert_true(contains(joined, "\"state\":{\"a\":2}"));
    net_wait(n, 2 * INTERVAL_MS);
    expect_nothing(late);
    net_free(n);
}

static void a_reload_ends_it(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct client *writer = member_new(n, 0), *reader = member_new(n, 0);
    set(writer, "\"set\":{\"a\":1}");
    set(writer, "\"set\":{\"a\":2}");
    n->settings.state_interval_ms = 0;
    set(writer, "\"set\":{\"a\":3}");
    net_wait(n, INTERVAL_MS);
    forget(reader);
    set(writer, "\"set\":{\"a\":4}");
    set(writer, "\"set\":{\"a\":5}");
    expect_change(reader, 4, "\"value\":4,");
    expect_change(reader, 5, "\"value\":5,");
    net_free(n);
}

// By dice: changes of one key and of several, messages and time, in turn; each offset comes once, as itself or in a gap of changes
// that have a newer one, and all end with the same values.
static void whatever_happens_all_end_with_the_same(void **state)
{
    (void)state;
    struct net *n = room_new(2);
    struct client *writer = member_new(n, 0), *readers[2] = {member_new(n, 0), member_new(n, 1)};
    uint64_t last[KEYS] = {0}, got[2][KEYS] = {{0}}, next[2] = {1, 1}, head = 0, gaps = 0;
    int key_at[CHANGES + 1] = {0};
    struct prng dice;
    prng_init(&dice, 7);
    for (int i = 0; i < CHANGES; i++) {
        const int key = (int)prng_below(&dice, KEYS);
        if (prng_below(&dice, 20) == 0) {
            say(writer, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
            key_at[++head] = -1;
        } else {
            char what[64];
            snprintf(what, sizeof what, "\"set\":{\"k%d\":%d}", key, i + 1);
            set(writer, what);
            key_at[++head] = key;
            last[key] = (uint64_t)i + 1;
        }
        net_wait(n, prng_below(&dice, 40));
        for (int r = 0; r < 2; r++)
            for (str m; (m = hear(readers[r])).p != NULL;) {
                if (contains(m, "\"type\":\"gap\"")) {
                    assert_int_equal(number_of(m, "from"), next[r]);
                    for (uint64_t o = next[r]; o <= number_of(m, "to"); o++) {
                        uint64_t newer = o + 1;
                        while (newer <= head && key_at[newer] != key_at[o])
                            newer++;
                        assert_true(key_at[o] >= 0 && newer <= head);
                    }
                    next[r] = number_of(m, "to") + 1;
                    gaps++;
                    continue;
                }
                if (contains(m, "\"type\":\"members:count\""))
                    continue;
                assert_int_equal(number_of(m, "offset"), next[r]++);
                if (contains(m, "\"type\":\"state:updated\""))
                    got[r][key_at[next[r] - 1]] = number_of(m, "value");
            }
    }
    net_wait(n, INTERVAL_MS);
    for (int r = 0; r < 2; r++) {
        for (str m; (m = hear(readers[r])).p != NULL;)
            if (contains(m, "\"type\":\"state:updated\""))
                got[r][key_at[number_of(m, "offset")]] = number_of(m, "value");
        assert_memory_equal(got[r], last, sizeof last);
    }
    assert_true(gaps > CHANGES / 20);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_each_key_once_per_interval),
        cmocka_unit_test(what_is_said_takes_along_what_waits),
        cmocka_unit_test(a_busy_room_rests_all_the_same),
        cmocka_unit_test(who_comes_in_knows_what_waits),
        cmocka_unit_test(a_reload_ends_it),
        cmocka_unit_test(whatever_happens_all_end_with_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
