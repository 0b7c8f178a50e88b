// SPDX-License-Identifier: Apache-2.0
//
// What fan-out notes for others, and what it says to one connection: a frame goes whole or not at all, nothing is said to
// who is to end, and each is ended for the first reason there was.
#include "unit/core_support.h"

#include <stdio.h>

static void ping_with(struct client *c, size_t payload)
{
    char text[125];
    memset(text, 'p', sizeof text);
    post_frame(c, WS_PING, true, str_make(text, payload));
}

// Somewhere the header of a pong would still find room behind what is queued, and its payload would not: half a frame, and
// our close frame would be read as the other half.
static void a_pong_without_memory_leaves_no_half_of_it(void **state)
{
    (void)state;
    uint32_t told = 0, answered = 0;
    for (size_t size = 0; size <= 125; size++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_json(n, 0);
        c->stalled = true;
        for (int i = 0; i < 3; i++) // what fills most of a node of the queue
            ping_with(c, 125);
        net_settle(n);
        assert_int_equal(client_reader(c)->out.bytes, 3 * 127);
        ping_with(c, size);
        n->mem.bytes_max = 1;
        net_settle(n);
        n->mem.bytes_max = 0;
        net_check(n);
        c->stalled = false;
        net_settle(n);
        assert_int_equal(c->rx.n, c->parsed); // whole frames
        assert_int_equal(c->pongs, c->closes == 0 ? 4 : 3);
        if (c->closes != 0)
            assert_int_equal(c->close_code, WS_CLOSE_TRY_LATER);
        told += c->closes != 0;
        answered += c->closes == 0;
        net_free(n);
    }
    assert_true(told > 0 && answered > 0);
}

// The same of the two parts of an echo.
static void an_echo_without_memory_leaves_no_half_of_it(void **state)
{
    (void)state;
    uint32_t told = 0, answered = 0;
    for (size_t size = 0; size <= 125; size++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_ws(n, 0, "/conformance/echo");
        assert_true(c->upgraded);
        char text[125];
        memset(text, 'e', sizeof text);
        c->stalled = true;
        for (int i = 0; i < 3; i++)
            post_frame(c, WS_BINARY, true, str_make(text, 125));
        net_settle(n);
        assert_int_equal(client_reader(c)->out.bytes, 3 * 127);
        post_frame(c, WS_BINARY, true, str_make(text, size));
        n->mem.bytes_max = 1;
        net_settle(n);
        n->mem.bytes_max = 0;
        c->stalled = false;
        net_settle(n);
        assert_int_equal(c->rx.n, c->parsed);
        assert_int_equal(c->message_n, c->closes == 0 ? 4 : 3);
        told += c->closes != 0;
        answered += c->closes == 0;
        net_free(n);
    }
    assert_true(told > 0 && answered > 0);
}

// Between the note and its being carried out nothing is said and nothing counts any more.
static void the_first_reason_counts(void **state)
{
    (void)state;
    static const struct {
        enum end first, then;
        uint16_t code; // 0: cut
        enum close_reason why;
    } cases[] = {{END_SLOW, END_REPLACED, WS_CLOSE_TRY_LATER, CLOSE_SLOW},
                 {END_REPLACED, END_SLOW, PRIVATE_CLOSE_REPLACED, CLOSE_REPLACED},
                 {END_PUSHING, END_STARVED, WS_CLOSE_POLICY, CLOSE_POLICY},
                 {END_ROOMS, END_CUT, WS_CLOSE_POLICY, CLOSE_POLICY},
                 {END_NOISE, END_CUT, WS_CLOSE_POLICY, CLOSE_POLICY},
                 {END_NO_SESSION, END_NOISE, WS_CLOSE_TRY_LATER, CLOSE_MEMORY},
                 {END_STARVED, END_SLOW, WS_CLOSE_TRY_LATER, CLOSE_MEMORY},
                 {END_CUT, END_SLOW, 0, CLOSE_MEMORY}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_json(n, 0), *other = net_json(n, 0);
        say(c, "{\"type\":\"join\",\"room\":\"r\"}");
        say(other, "{\"type\":\"join\",\"room\":\"r\"}");
        forget(c);
        struct fan *f = &n->sh[0]->fan;
        shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
        fan_put_payload(f, c->conn, STR("\"before\""));
        fan_end(f, c->conn, cases[i].first);
        fan_end(f, c->conn, cases[i].then);
        assert_int_equal(f->ends.n, 1);
        fan_put_payload(f, c->conn, STR("\"behind\""));
        fan_starve(f, c->conn, "nothing");
        assert_int_equal(METRIC(n, limit_memory), 0);
        assert_int_equal(METRIC(n, memberships), 2); // it is carried out by others
        shard_turn_end(n->sh[0]);
        assert_int_equal(METRIC(n, memberships), 1);
        net_settle(n);
        assert_int_equal(c->close_code, cases[i].code);
        assert_int_equal(METRIC(n, closed[cases[i].why]), 1);
        assert_true(c->closed);
        assert_int_equal(c->abortive, cases[i].code == 0);
        if (cases[i].code != 0)
            expect(c, "\"before\"");
        expect_nothing(c);
        net_free(n);
    }
}

static void who_is_woken_twice_is_asked_once(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0);
    struct fan *f = &n->sh[0]->fan;
    fan_wake(f, c->conn);
    fan_wake(f, c->conn);
    assert_int_equal(f->wakes.n, 1);
    assert_true(client_reader(c)->wake_queued);
    assert_int_equal(shard_next_due_ms(n->sh[0]), n->now_ms); // it is not kept waiting
    net_turn(n, 0);
    assert_int_equal(f->wakes.n, 0);
    assert_false(client_reader(c)->wake_queued);
    fan_wake(f, c->conn);
    cut(c); // and is off the list when it is gone
    assert_int_equal(f->wakes.n, 0);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pong_without_memory_leaves_no_half_of_it),
        cmocka_unit_test(an_echo_without_memory_leaves_no_half_of_it),
        cmocka_unit_test(the_first_reason_counts),
        cmocka_unit_test(who_is_woken_twice_is_asked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
