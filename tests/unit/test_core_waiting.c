// SPDX-License-Identifier: Apache-2.0
//
// Commands that wait for an earlier one about their room (edge/waiting.h): what is about other rooms does not, the order per
// room holds, and what is kept has a bound, beyond which the connection is not read.
#include "unit/core_support.h"

#include <stdio.h>

// --- the list

static struct about about(uint64_t a, uint64_t b) { return (struct about){{a, b}}; }

static void what_is_about_the_same_waits_and_nothing_else(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem m;
    struct waiting *w = NULL;
    test_mem_init(&t, &m);
    struct about r1 = about(11, 0), both = about(22, 33), r3 = about(33, 0), none = about(0, 0);
    struct command cmd = {.type = CMD_MESSAGE, .id = STR("17"), .room = STR("r1"), .data = STR("{}")};
    assert_false(waiting_blocks(w, NULL, &r1));
    assert_true(waiting_keep(&w, &m, &cmd, &r1));
    assert_true(waiting_keep(&w, &m, &cmd, &both));
    assert_true(waiting_blocks(w, NULL, &r1));
    assert_true(waiting_blocks(w, NULL, &r3)); // the second room of a switch
    assert_false(waiting_blocks(w, NULL, &none));
    assert_false(waiting_blocks(w, w->last, &r3)); // only what is in front counts
    assert_str_eq(w->first->cmd.id, STR("17"));
    assert_str_eq(w->first->cmd.data, STR("{}"));
    assert_null(w->first->cmd.key.p); // absent stays absent
    assert_true(w->first->cmd.id.p != cmd.id.p);
    waiting_check(w);
    waiting_take(&w, &m, w->last);
    assert_false(waiting_blocks(w, NULL, &r3));
    waiting_take(&w, &m, w->first);
    assert_null(w);
    test_mem_check(&t);
}

static void it_has_a_bound_in_number_and_in_bytes(void **state)
{
    (void)state;
    static char bytes[WAITING_BYTES_MAX];
    struct test_mem t;
    struct mem m;
    struct waiting *w = NULL;
    test_mem_init(&t, &m);
    memset(bytes, 'x', sizeof bytes);
    struct command small = {.type = CMD_MESSAGE}, large = {.type = CMD_MESSAGE};
    struct about a = about(1, 0);
    large.data = str_make(bytes, WAITING_BYTES_MAX - sizeof(struct kept) + 1);
    assert_false(waiting_keep(&w, &m, &large, &a));
    large.data.n -= 1;
    assert_true(waiting_keep(&w, &m, &large, &a));
    assert_false(waiting_keep(&w, &m, &small, &a));
    waiting_drop(&w, &m);
    for (int i = 0; i < WAITING_COMMANDS_MAX; i++)
        assert_true(waiting_keep(&w, &m, &small, &a));
    assert_false(waiting_keep(&w, &m, &small, &a));
    for (uint32_t i = 0; i < WAITING_OPEN_MAX; i++)
        assert_true(waiting_open(&w, &m, i));
    assert_false(waiting_open(&w, &m, WAITING_OPEN_MAX));
    waiting_check(w);
    waiting_close(&w, &m, 3);
    assert_false(waiting_is_open(w, 3));
    assert_true(waiting_is_open(w, WAITING_OPEN_MAX - 1));
    waiting_drop(&w, &m);
    assert_null(w);
    test_mem_check(&t);
}

// --- connections

struct scene {
    struct net *n;
    struct client *c;                 // on shard 0, in near and far
    char near[32], far[32], slow[32]; // homes are the shards 0, 2 and 1; from 1 no answer comes
};

static struct scene scene_make(void)
{
    struct scene s = {.n = net_new(3)};
    net_start(s.n);
    snprintf(s.near, sizeof s.near, "%s", net_room(s.n, 0, 0));
    snprintf(s.far, sizeof s.far, "%s", net_room(s.n, 2, 0));
    snprintf(s.slow, sizeof s.slow, "%s", net_room(s.n, 1, 0));
    s.c = net_json(s.n, 0);
    say(s.c, "{\"type\":\"join\",\"room\":\"%s\"}", s.near);
    say(s.c, "{\"type\":\"join\",\"room\":\"%s\"}", s.far);
    forget(s.c);
    s.n->hold[1][0] = true;
    return s;
}

static void a_slow_home_delays_nothing_of_others(void **state)
{
    (void)state;
    struct scene s = scene_make();
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    say(s.c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.slow);
    say(s.c, "{\"type\":\"leave\",\"id\":3,\"room\":\"%s\"}", s.slow);
    say(s.c, "{\"type\":\"join\",\"id\":4,\"room\":\"%s\"}", s.slow);
    expect_nothing(s.c);
    say(s.c, "{\"type\":\"message\",\"id\":5,\"room\":\"%s\",\"data\":1}", s.near);
    expect(s.c, "\"type\":\"ack\",\"id\":5");
    say(s.c, "{\"type\":\"history\",\"id\":6,\"room\":\"%s\"}", s.far);
    expect(s.c, "\"type\":\"history\",\"id\":6");
    say(s.c, "{\"type\":\"members\",\"id\":7,\"room\":\"%s\"}", s.far);
    expect(s.c, "\"type\":\"members\",\"id\":7");
    say(s.c, "{\"type\":\"leave\",\"id\":8,\"room\":\"%s\"}", s.far);
    expect(s.c, "\"type\":\"left\",\"id\":8");
    say(s.c, "{\"type\":\"join\",\"id\":9,\"room\":\"%s\"}", s.far);
    expect(s.c, "\"type\":\"joined\",\"id\":9");
    say(s.c, "{\"type\":\"ping\",\"id\":10}");
    expect(s.c, "\"type\":\"pong\",\"id\":10");
    expect_nothing(s.c);
    net_check(s.n);
    s.n->hold[1][0] = false;
    net_settle(s.n);
    expect(s.c, "\"type\":\"joined\",\"id\":1");
    expect(s.c, "\"type\":\"ack\",\"id\":2");
    expect(s.c, "\"type\":\"left\",\"id\":3");
    expect(s.c, "\"type\":\"joined\",\"id\":4");
    net_free(s.n);
}

// One of the mails that are held back comes, and all that follows from it.
static void take_one(struct net *n, uint32_t from)
{
    n->mail_max = 1;
    n->hold[from][0] = false;
    net_turn(n, 0);
    n->hold[from][0] = true;
    n->mail_max = 0;
    net_settle(n);
}

// A switch is about two rooms: it comes behind what is due of both, and behind nothing else.
static void a_switch_waits_for_its_rooms_only(void **state)
{
    (void)state;
    struct scene s = scene_make();
    char other[32];
    snprintf(other, sizeof other, "%s", net_room(s.n, 2, 1));
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    s.n->hold[2][0] = true;
    say(s.c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.far);
    say(s.c, "{\"type\":\"switch\",\"id\":3,\"from\":\"%s\",\"to\":\"%s\"}", s.far, other);
    say(s.c, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":1}", other);
    say(s.c, "{\"type\":\"message\",\"id\":5,\"room\":\"%s\",\"data\":1}", s.far);
    say(s.c, "{\"type\":\"message\",\"id\":6,\"room\":\"%s\",\"data\":1}", s.near);
    expect(s.c, "\"type\":\"ack\",\"id\":6");
    expect_nothing(s.c);
    take_one(s.n, 2); // so that nothing is written when the fence's answer comes
    s.n->hold[2][0] = false;
    net_settle(s.n);
    expect(s.c, "\"type\":\"ack\",\"id\":2");
    expect(s.c, "\"type\":\"joined\",\"id\":3");
    uint32_t heard = 0; // of different rooms, in any order
    for (str reply; (reply = hear(s.c)).p != NULL;)
        heard |= contains(reply, "\"type\":\"ack\",\"id\":4") ? 1u : contains(reply, "not_member") ? 2u : 4u;
    assert_int_equal(heard, 3);
    s.n->hold[1][0] = false;
    net_settle(s.n);
    expect(s.c, "\"type\":\"joined\",\"id\":1");
    net_free(s.n);
}

// An error that the edge knows of itself comes behind the replies that are due of the room, though others are late.
static void an_error_overtakes_nothing_about_its_room(void **state)
{
    (void)state;
    struct scene s = scene_make();
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    s.n->hold[2][0] = true;
    say(s.c, "{\"type\":\"members\",\"id\":2,\"room\":\"%s\"}", s.far);
    say(s.c, "{\"type\":\"join\",\"id\":3,\"room\":\"%s\"}", s.far);
    say(s.c, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":1}", s.far);
    expect_nothing(s.c);
    take_one(s.n, 2); // so that nothing is written when the fence's answer comes
    s.n->hold[2][0] = false;
    net_settle(s.n);
    expect(s.c, "\"type\":\"members\",\"id\":2");
    expect(s.c, "\"id\":3,\"code\":\"already_member\"");
    expect(s.c, "\"type\":\"ack\",\"id\":4");
    expect_nothing(s.c);
    s.n->hold[1][0] = false;
    net_settle(s.n);
    expect(s.c, "\"type\":\"joined\",\"id\":1");
    net_free(s.n);
}

static void beyond_the_bound_it_is_not_read(void **state)
{
    (void)state;
    struct scene s = scene_make();
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    for (int i = 0; i < WAITING_COMMANDS_MAX; i++)
        post(s.c, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":1}", 100 + i, s.slow);
    post(s.c, "{\"type\":\"ping\",\"id\":2}");
    net_settle(s.n);
    expect(s.c, "\"type\":\"pong\",\"id\":2");
    assert_int_equal(client_asker(s.c)->waiting->n, WAITING_COMMANDS_MAX);
    assert_int_equal(METRIC(s.n, waiting_full), 0);
    post(s.c, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":1}", s.slow);
    post(s.c, "{\"type\":\"ping\",\"id\":4}");
    net_settle(s.n);
    expect_nothing(s.c);
    assert_true(s.c->paused);
    assert_int_equal(METRIC(s.n, waiting_full), 1);
    s.n->hold[1][0] = false;
    net_settle(s.n);
    char part[64];
    expect(s.c, "\"type\":\"joined\",\"id\":1");
    bool pong = false;
    for (int i = 0; i <= WAITING_COMMANDS_MAX; i++) {
        str reply = hear(s.c);
        if (contains(reply, "\"type\":\"pong\",\"id\":4")) {
            pong = true;
            reply = hear(s.c);
        }
        snprintf(part, sizeof part, "\"type\":\"ack\",\"id\":%d,", i < WAITING_COMMANDS_MAX ? 100 + i : 3);
        assert_true(contains(reply, part));
    }
    if (!pong)
        expect(s.c, "\"type\":\"pong\",\"id\":4");
    expect_nothing(s.c);
    assert_false(s.c->paused);
    net_free(s.n);
}

static void a_mailbox_that_is_full_delays_its_own_rooms(void **state)
{
    (void)state;
    struct scene s = scene_make();
    s.n->hold[1][0] = false;
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    struct client *others[5];
    for (int i = 0; i < 5; i++) {
        others[i] = net_json(s.n, 0);
        say(others[i], "{\"type\":\"join\",\"room\":\"%s\"}", s.slow);
    }
    forget(s.c);
    s.n->jam[0][1] = true;
    for (int k = 0; k < 1000; k++)
        for (int i = 0; i < 5; i++)
            post(others[i], "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", s.slow, k);
    net_settle(s.n);
    say(s.c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.slow);
    say(s.c, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":1}", s.far);
    expect(s.c, "\"type\":\"ack\",\"id\":3");
    expect_nothing(s.c);
    assert_true(shard_next_due_ms(s.n->sh[0]) > s.n->now_ms); // waiting is not to be busy
    s.n->jam[0][1] = false;
    net_settle(s.n);
    uint32_t acks = 0, entries = 0;
    for (str m; (m = hear(s.c)).p != NULL;) {
        acks += contains(m, "\"type\":\"ack\",\"id\":2");
        entries += contains(m, "\"type\":\"message\"");
    }
    assert_int_equal(acks, 1);
    assert_int_equal(entries, 5000);
    net_free(s.n);
}

// Of credits that do not last for all who wait each gets its share: who has much to say is not always first.
static void who_says_much_does_not_take_all_credits(void **state)
{
    (void)state;
    enum { CLIENTS = 5, MODEST = 2, MUCH = 400, LITTLE = 5 };
    struct net *n = net_new(2);
    n->settings.mail_credits = 8;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *c[CLIENTS], *modest;
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = net_json(n, 0);
        say(c[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    modest = c[MODEST]; // neither first nor last
    for (int i = 0; i < CLIENTS; i++)
        for (int k = 0; k < (i == MODEST ? LITTLE : MUCH); k++)
            post(c[i], "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":%d}", k, room, k);
    uint32_t turns = 0;
    for (int acks = 0; acks < LITTLE; turns++) {
        net_turn(n, 0);
        net_turn(n, 1);
        for (str m; (m = hear(modest)).p != NULL;)
            acks += contains(m, "\"type\":\"ack\"");
        assert_true(turns < 4 * LITTLE);
    }
    net_settle(n);
    assert_int_equal(METRIC(n, entries), (CLIENTS - 1) * MUCH + LITTLE);
    net_free(n);
}

// What is kept goes with its connection, in whatever way that ends.
static void it_ends_with_its_connection(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct scene s = scene_make();
        say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
        say(s.c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.slow);
        if (way == 0)
            cut(s.c);
        else if (way == 1)
            post_frame(s.c, WS_CLOSE, true, STR("\x03\xe8"));
        net_settle(s.n);
        if (way == 1) { // what it said before comes first
            assert_int_equal(s.c->closes, 0);
            s.n->hold[1][0] = false;
            net_settle(s.n);
            expect(s.c, "\"type\":\"joined\",\"id\":1");
            expect(s.c, "\"type\":\"ack\",\"id\":2");
            assert_int_equal(s.c->closes, 1);
        }
        net_check(s.n);
        net_free(s.n); // at the latest, with what waits
    }
}

static bool without_memory(uint64_t k)
{
    struct scene s = scene_make();
    say(s.c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", s.slow);
    post(s.c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", s.slow);
    post(s.c, "{\"type\":\"ping\",\"id\":3}");
    net_fail_one(s.n, k);
    net_settle(s.n);
    net_fail_end(s.n);
    bool full = METRIC(s.n, waiting_full) != 0;
    if (full) {
        expect_nothing(s.c);
        assert_true(s.c->paused);
        s.n->hold[1][0] = false;
        net_settle(s.n);
        expect(s.c, "\"type\":\"joined\",\"id\":1");
        uint32_t heard = 0;
        for (str reply; (reply = hear(s.c)).p != NULL;)
            heard |= contains(reply, "\"type\":\"ack\",\"id\":2") ? 1u
                     : contains(reply, "\"pong\",\"id\":3")       ? 2u
                                                                  : 4u;
        assert_int_equal(heard & 3, 3);
    }
    net_free(s.n);
    return full;
}

static void without_memory_it_is_as_if_the_list_were_full(void **state)
{
    (void)state;
    bool full = false;
    for (uint64_t k = 0; k < 6; k++)
        full |= without_memory(k);
    assert_true(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_about_the_same_waits_and_nothing_else),
        cmocka_unit_test(it_has_a_bound_in_number_and_in_bytes),
        cmocka_unit_test(a_slow_home_delays_nothing_of_others),
        cmocka_unit_test(a_switch_waits_for_its_rooms_only),
        cmocka_unit_test(an_error_overtakes_nothing_about_its_room),
        cmocka_unit_test(beyond_the_bound_it_is_not_read),
        cmocka_unit_test(a_mailbox_that_is_full_delays_its_own_rooms),
        cmocka_unit_test(who_says_much_does_not_take_all_credits),
        cmocka_unit_test(it_ends_with_its_connection),
        cmocka_unit_test(without_memory_it_is_as_if_the_list_were_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
