// SPDX-License-Identifier: Apache-2.0
//
// Memory is short: old history goes, that of the coldest rooms first, and what is said now is taken.
#include "unit/core_support.h"

#include <stdio.h>

enum { ROOMS = 8 };

// Rooms with 40 messages each; room 0 was spoken in first, and again at the end: room 1 is the coldest.
static struct net *rooms_new(uint32_t shards, struct client **ret_writer)
{
    struct net *n = net_new(shards);
    n->settings.rooms_per_connection = ROOMS;
    net_start(n);
    struct client *c = *ret_writer = net_json(n, 0);
    for (int r = 0; r < ROOMS; r++) {
        say(c, "{\"type\":\"join\",\"room\":\"r%d\"}", r);
        for (int i = 0; i < 40; i++)
            say(c, "{\"type\":\"message\",\"room\":\"r%d\",\"data\":\"%01000d\"}", r, i);
    }
    say(c, "{\"type\":\"message\",\"room\":\"r0\",\"data\":\"again\"}");
    net_wait(n, 5000); // quiet: no frames are held
    forget(c);
    return n;
}

static uint64_t kept(struct net *n, int room)
{
    char name[8];
    snprintf(name, sizeof name, "r%d", room);
    const struct log *l = &net_room_at(n, name)->log;
    return l->head + 1 - l->tail;
}

// Seven eighths of the budget are taken: in the next turn the coldest room's oldest records go, as many as it takes.
static void the_coldest_room_goes_first(void **state)
{
    (void)state;
    struct client *c;
    struct net *n = rooms_new(1, &c);
    assert_int_equal(METRIC(n, log_relieved), 0);
    size_t used = mem_used(&n->mem);
    n->mem.bytes_max = used + used / 7 - 10000; // seven eighths of it are some ten thousand less than is used
    say(c, "{\"type\":\"ping\",\"id\":1}");
    expect(c, "pong");
    assert_true(kept(n, 1) > 0 && kept(n, 1) < 40); // the oldest of it
    assert_int_equal(METRIC(n, log_relieved), 40 - kept(n, 1));
    n->mem.bytes_max = used + used / 40; // a tenth of it is too much
    say(c, "{\"type\":\"ping\",\"id\":2}");
    expect(c, "pong");
    assert_int_equal(kept(n, 1), 0);
    assert_true(kept(n, 2) < 40);
    for (int r = 5; r < ROOMS; r++)
        assert_int_equal(kept(n, r), 40);
    assert_int_equal(kept(n, 0), 41); // though it is the oldest room, it was spoken in last
    n->mem.bytes_max = 0;
    // Who comes back to what is gone is told so.
    struct client *back = net_json(n, 0);
    struct room *r = net_room_at(n, "r1");
    say(back, "{\"type\":\"join\",\"room\":\"r1\",\"since\":{\"epoch\":\"%.*s\",\"offset\":7}}", EPOCH_LEN,
        r->epoch);
    expect(back, "\"recovered\":false");
    str gap = expect(back, "\"type\":\"gap\"");
    assert_int_equal(number_of(gap, "from"), 8);
    assert_int_equal(number_of(gap, "to"), 40);
    forget(c);
    say(c, "{\"type\":\"message\",\"id\":3,\"room\":\"r1\",\"data\":1}"); // the numbering goes on
    assert_int_equal(number_of(expect(c, "\"type\":\"ack\""), "offset"), 41);
    net_free(n);
}

// What is said when there is no memory for it finds some in what was said long ago; only when that is gone it is refused.
static void new_words_come_before_old_ones(void **state)
{
    (void)state;
    struct client *c;
    struct net *n = rooms_new(1, &c);
    uint64_t taken = 0, refused = 0;
    n->mem.bytes_max =
        mem_used(&n->mem) + 20000; // for the ask and the answer, and not for a segment with its record
    for (int i = 0; i < 200 && !c->closed && refused == 0; i++) {
        post(c, "{\"type\":\"message\",\"id\":%d,\"room\":\"r7\",\"data\":\"%04000d\"}", i, i);
        net_settle(n);
        str reply = hear(c);
        taken += contains(reply, "\"type\":\"ack\"");
        refused += !contains(reply, "\"type\":\"ack\"");
    }
    n->mem.bytes_max = 0;
    assert_true(taken > 30);
    assert_true(METRIC(n, log_relieved) > 100); // of other rooms, long before it came to that
    for (int r = 1; r < 6; r++)
        assert_int_equal(kept(n, r), 0);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_coldest_room_goes_first),
        cmocka_unit_test(new_words_come_before_old_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
