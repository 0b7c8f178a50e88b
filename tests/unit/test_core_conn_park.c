// SPDX-License-Identifier: Apache-2.0
//
// Parking is one conversation: what cannot be taken is told "not now" and asked again, as often as it takes. A close
// frame that must wait is a message like any other, whatever wakes its connection in between.
#include "unit/core_support.h"

#include <stdio.h>

static const char CLOSE_NORMALLY[] = "\x03\xe8";

// A connection on shard 0 in a room whose home is shard 1, and no answer comes until `hold` is taken away.
static struct client *held(struct net *n, const char **ret_room)
{
    *ret_room = net_room(n, 1, 0);
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", *ret_room);
    forget(c);
    n->hold[1][0] = true;
    return c;
}

static void post_close_in_pieces(struct client *c)
{
    struct bytes whole = c->in;
    c->in = (struct bytes){0};
    post_frame(c, WS_CLOSE, true, str_make(CLOSE_NORMALLY, 2));
    struct bytes frame = c->in;
    c->in = whole;
    for (size_t i = 0; i < frame.n; i++) {
        post_bytes(c, frame.p + i, 1);
        net_settle(c->net);
    }
    bytes_free(&frame);
}

static void a_close_frame_waits_for_the_replies_before_it(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        bool begun = way & 1, pieces = way & 2;
        struct net *n = net_new(2);
        net_start(n);
        const char *room, *here = net_room(n, 0, 0);
        struct client *other = net_json(n, 0), *c = held(n, &room);
        say(other, "{\"type\":\"join\",\"room\":\"%s\"}", here);
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", here);
        forget(c);
        post(c, "{\"type\":\"ping\",\"id\":1}"); // its pong is written while the message is under way
        post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", room);
        if (begun)
            post_frame(c, WS_TEXT, false, STR("{\"type\":")); // and never finished
        if (pieces)
            post_close_in_pieces(c);
        else
            post_frame(c, WS_CLOSE, true, str_make(CLOSE_NORMALLY, 2));
        post(c, "{\"type\":\"ping\",\"id\":3}"); // behind its close frame: not read
        net_settle(n);
        expect(c, "\"type\":\"pong\",\"id\":1");
        for (int i = 0; i < 3; i++) { // a write, for whatever reason, is no reason to go on
            say(other, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", here, i);
            expect(c, "\"type\":\"message\"");
        }
        assert_int_equal(c->closes, 0);
        assert_false(c->shut || c->closed);
        n->hold[1][0] = false;
        net_settle(n);
        expect(c, "\"type\":\"ack\",\"id\":2");
        assert_int_equal(c->closes, 1);
        assert_int_equal(c->close_code, WS_CLOSE_NORMAL);
        assert_true(c->closed);
        expect_nothing(c);
        net_free(n);
    }
}

// Whoever waits is asked again when what it waits for may be there, and only then.
static void a_write_wakes_only_who_waits_for_it(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room;
    struct client *c = held(n, &room);
    post(c, "{\"type\":\"ping\",\"id\":1}");
    post(c, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
    post(c, "{\"type\":\"rename\",\"id\":3,\"name\":\"Ada\"}");
    net_settle(n);
    expect(c, "\"type\":\"pong\",\"id\":1");
    assert_int_equal(client_conn(c)->parked, WAIT_ANSWER);
    assert_false(client_reader(c)->wake_queued);
    n->hold[1][0] = false;
    net_settle(n);
    expect(c, "\"type\":\"left\",\"id\":2");
    expect(c, "\"type\":\"renamed\",\"id\":3");
    assert_int_equal(client_conn(c)->parked, WAIT_NOTHING);
    net_free(n);
}

// A close frame that waits, or lies behind what waits, is the answer to ours when we are the ones to end.
static void our_close_finds_the_close_frame_that_waited(void **state)
{
    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        struct net *n = net_new(2);
        net_start(n);
        const char *room;
        struct client *c = held(n, &room);
        c->no_close = c->no_eof = true;
        post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", room);
        if (behind)
            post(c, "{\"type\":\"ping\"}");
        post_frame(c, WS_CLOSE, true, str_make(CLOSE_NORMALLY, 2));
        net_settle(n);
        assert_int_equal(client_conn(c)->parked, WAIT_ANSWER);
        shard_drain(n->sh[0]);
        net_wait(n, n->settings.drain_interval_ms + 1);
        assert_int_equal(c->close_code, WS_CLOSE_RESTART);
        assert_int_equal(client_conn(c)->ending, ENDING_SHUT); // not waiting for what has come already
        assert_true(c->shut);
        hang_up(c);
        assert_true(c->closed);
        n->hold[1][0] = false;
        net_settle(n);
        net_free(n);
    }
}

static void our_close_finds_the_close_frame_in_the_same_bytes(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.commands_per_s = n->settings.commands_burst = 1;
    net_start(n);
    struct client *c = net_json(n, 0);
    c->no_close = c->no_eof = true;
    for (int i = 0; i < 100; i++) // closed half-way for its flood
        post(c, "{\"type\":\"ping\"}");
    post_frame(c, WS_CLOSE, true, str_make(CLOSE_NORMALLY, 2));
    net_settle(n);
    assert_int_equal(c->close_code, WS_CLOSE_POLICY);
    assert_int_equal(client_conn(c)->ending, ENDING_SHUT);
    hang_up(c);
    assert_true(c->closed);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_frame_waits_for_the_replies_before_it),
        cmocka_unit_test(a_write_wakes_only_who_waits_for_it),
        cmocka_unit_test(our_close_finds_the_close_frame_that_waited),
        cmocka_unit_test(our_close_finds_the_close_frame_in_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
