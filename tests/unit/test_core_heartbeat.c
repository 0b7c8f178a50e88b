// SPDX-License-Identifier: Apache-2.0
//
// Heartbeats in virtual time. Deadlines have ticks of DEADLINE_TICK_MS, so a time is right when it is not early and
// less than a tick late (plus one, where the tick's number would be 0).
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static void at_about(uint64_t actual, uint64_t wanted)
{
    if (actual < wanted || actual > wanted + 2 * DEADLINE_TICK_MS)
        fail_msg("at %llu ms, wanted %llu", (unsigned long long)actual, (unsigned long long)wanted);
}

static void fixed_pings_come_at_the_interval(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    uint64_t begin = n->now_ms;
    struct client *c = net_json(n, 0);
    net_wait(n, 400000);
    assert_true(c->pings >= 12);
    assert_true(c->ping_ms[0] - begin >= 15000 &&
                c->ping_ms[0] - begin <= 30200); // anywhere in its second half
    for (uint32_t i = 1; i < c->pings; i++)
        at_about(c->ping_ms[i], c->ping_ms[i - 1] + 30000);
    assert_int_equal(METRIC(n, pings), c->pings);
    assert_false(c->closed);
    net_free(n);
}

static void first_pings_are_spread(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = 200;
    net_start(n);
    struct client *c[100];
    uint32_t ticks[200] = {0};
    uint64_t begin = n->now_ms;
    for (int i = 0; i < 100; i++)
        c[i] = net_json(n, 0);
    net_wait(n, 31000);
    uint32_t most = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(c[i]->pings > 0, true);
        uint32_t at = (uint32_t)((c[i]->ping_ms[0] - begin) / 1000);
        if (++ticks[at] > most)
            most = ticks[at];
    }
    assert_true(most < 25); // of 100 over 15 seconds
    net_free(n);
}

static void silence_is_cut_off_at_the_timeout(void **state)
{
    (void)state;
    for (uint32_t timeout = 0; timeout <= 5000; timeout += 5000) {
        struct net *n = net_new(1);
        n->settings.heartbeat_timeout_ms = timeout;
        net_start(n);
        struct client *c = net_json(n, 0);
        c->no_pong = true;
        net_wait(n, 200000);
        assert_int_equal(c->pings, 1);
        assert_true(c->closed);
        assert_true(c->abortive);
        at_about(c->closed_ms, c->ping_ms[0] + (timeout == 0 ? 60000 : timeout));
        assert_int_equal(METRIC(n, closed_heartbeat), 1);
        net_free(n);
    }
}

static void data_counts_as_an_answer(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.heartbeat_timeout_ms = 10000;
    net_start(n);
    struct client *c = net_json(n, 0);
    c->no_pong = true;
    for (int i = 0; i < 100; i++) {
        net_wait(n, 5000);
        say(c, "{\"type\":\"ping\"}");
    }
    assert_false(c->closed);
    assert_true(c->pings > 5); // fixed: it is pinged all the same
    uint64_t last = n->now_ms;
    net_wait(n, 100000);
    assert_true(c->closed);
    assert_true(c->closed_ms - last <= 50000);
    net_free(n);
}

static void a_busy_connection_is_pinged_less_and_less(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.heartbeat_adaptive = true;
    net_start(n);
    struct client *busy = net_json(n, 0), *idle = net_json(n, 0);
    uint32_t seen = 0;
    for (int i = 0; i < 100; i++) {
        net_wait(n, 5000);
        say(busy, "{\"type\":\"ping\"}");
        uint32_t interval = client_conn(busy)->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS;
        assert_true(interval >= seen && interval <= n->settings.heartbeat_max_ms);
        assert_true(interval == seen || seen == 0 || interval <= seen * 3 / 2 + DEADLINE_TICK_MS);
        seen = interval;
    }
    assert_int_equal(busy->pings, 0); // it was heard from all the time
    assert_int_equal(seen, n->settings.heartbeat_max_ms);
    assert_true(idle->pings > 10);
    // Its hello was heard during the first interval; since then it only answers pings.
    assert_int_equal(client_conn(idle)->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS,
                     n->settings.heartbeat_ms * 3 / 2);
    // When it falls silent it is pinged within the stretched interval, and found dead by the timeout.
    busy->no_pong = true;
    uint64_t quiet = n->now_ms;
    net_wait(n, 300000);
    assert_int_equal(busy->pings, 1);
    assert_true(busy->ping_ms[0] >= quiet + n->settings.heartbeat_max_ms - 200);
    assert_true(busy->ping_ms[0] <= quiet + n->settings.heartbeat_max_ms + 200);
    at_about(busy->closed_ms, busy->ping_ms[0] + 2 * n->settings.heartbeat_ms);
    net_free(n);
}

static void late_pongs_bring_more_pings(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.heartbeat_adaptive = true;
    n->settings.heartbeat_timeout_ms = 8000;
    net_start(n);
    struct client *c = net_json(n, 0);
    c->no_pong = true;
    uint32_t wanted = n->settings.heartbeat_ms * 3 / 2; // stretched once, as its hello was heard
    for (int i = 0; i < 4; i++) {
        uint32_t before = c->pings;
        while (c->pings == before)
            net_wait(n, 100);
        net_wait(n, 6000); // more than half the timeout
        post_frame(c, WS_PONG, true, STR_NONE);
        net_settle(n);
        wanted = wanted / 2 > n->settings.heartbeat_min_ms ? wanted / 2 : n->settings.heartbeat_min_ms;
        wanted = (wanted + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS * DEADLINE_TICK_MS;
        assert_int_equal(client_conn(c)->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS, wanted);
        uint64_t heard = n->now_ms;
        while (c->pings == before + 1)
            net_wait(n, 100);
        at_about(c->ping_ms[before + 1], heard + wanted);
        post_frame(c, WS_PONG, true, STR_NONE); // this one in time
        net_settle(n);
        assert_int_equal(client_conn(c)->heartbeat_ds * (uint32_t)DEADLINE_TICK_MS, wanted);
    }
    assert_false(c->closed);
    net_free(n);
}

static void a_half_open_connection_is_found(void **state)
{
    (void)state;
    // The cable is pulled: nothing comes, nothing can be written, no reset.
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0), *other = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    say(other, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(other);
    c->stalled = true;
    net_wait(n, 30000 + 60000 + 400);
    assert_true(c->closed && c->abortive);
    expect(other, "\"connected\":false");
    net_free(n);
}

static void a_text_connection_that_is_stuck_is_cut(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *stuck = net_line(n, 0), *slow = net_line(n, 0), *idle = net_line(n, 0),
                  *talker = net_line(n, 0);
    slow->take_max = 3; // takes a little now and then
    stuck->stalled = true;
    n->settings.lag_bytes = 16 * 1024 * 1024;
    for (int i = 0; i < 3000; i++)
        post(talker, "words %d", i);
    slow->stalled = true;
    net_settle(n);
    uint64_t begin = n->now_ms;
    while (n->now_ms < begin + 300000) { // one write a second
        net_wait(n, 1000);
        slow->stalled = false;
        net_turn(n, 0);
        slow->stalled = true;
        net_turn(n, 0);
    }
    assert_true(stuck->closed);
    assert_true(stuck->abortive);
    assert_true(stuck->closed_ms - begin >= 60000 && stuck->closed_ms - begin <= 125000);
    assert_false(slow->closed); // it reads, if slowly
    assert_false(idle->closed);
    assert_int_equal(METRIC(n, closed_heartbeat), 1);
    net_free(n);
}

// The longest times that the config schema allows: no ping is early, no cut is early, and neither is late.
static void the_longest_settings_hold(void **state)
{
    (void)state;
    const uint64_t interval = 3600 * 1000, timeout = 7200 * 1000;
    for (int as_default = 0; as_default < 2; as_default++) {
        struct net *n = net_new(1);
        n->settings.heartbeat_ms = n->settings.heartbeat_max_ms = (uint32_t)interval;
        n->settings.heartbeat_timeout_ms = as_default ? 0 : (uint32_t)timeout; // 0: twice the interval
        net_start(n);
        struct client *c = net_json(n, 0), *gone = net_json(n, 0), *talks = net_json(n, 0);
        gone->no_pong = talks->no_pong = true;
        uint64_t begin = n->now_ms;
        for (int i = 0; i < 12; i++) {
            net_wait(n, interval);
            say(talks, "{\"type\":\"ping\"}");
        }
        assert_true(c->ping_ms[0] >= begin + interval / 2 && c->ping_ms[0] <= begin + interval + 200);
        for (uint32_t i = 1; i < c->pings; i++)
            at_about(c->ping_ms[i], c->ping_ms[i - 1] + interval);
        assert_true(c->pings >= 11 && !c->closed);
        assert_true(talks->pings > 1 && !talks->closed); // it is heard from, though it answers no ping
        assert_int_equal(gone->pings, 1);
        at_about(gone->closed_ms, gone->ping_ms[0] + timeout);
        net_free(n);
    }
}

static void a_long_adaptive_interval_is_reached(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.heartbeat_adaptive = true;
    n->settings.heartbeat_ms = 1000 * 1000;
    n->settings.heartbeat_max_ms = 3600 * 1000;
    net_start(n);
    struct client *c = net_json(n, 0);
    for (int i = 0; i < 100; i++) {
        net_wait(n, 300 * 1000);
        say(c, "{\"type\":\"ping\"}");
    }
    uint64_t last = n->now_ms;
    net_wait(n, 3600 * 1000 + 400);
    assert_int_equal(c->pings, 1);
    at_about(c->ping_ms[0], last + 3600 * 1000);
    net_free(n);
}

// A terminal that is stuck has the whole timeout too, also a long one.
static void a_stuck_text_connection_has_its_time(void **state)
{
    (void)state;
    const uint64_t timeout = 7200 * 1000;
    struct net *n = net_new(1);
    n->settings.heartbeat_timeout_ms = (uint32_t)timeout;
    net_start(n);
    struct client *stuck = net_line(n, 0), *talker = net_line(n, 0);
    stuck->stalled = true;
    say(talker, "words");
    uint64_t begin = n->now_ms;
    net_wait(n, timeout + 3600 * 1000);
    assert_true(stuck->closed && !talker->closed);
    assert_true(stuck->closed_ms >= begin + timeout && stuck->closed_ms <= begin + timeout + 31000);
    net_free(n);
}

// A message of which so many bytes come every five seconds, for five minutes. Returns the client, closed or not.
static struct client *slow_message(struct net *n, size_t bytes)
{
    static char piece[8192];
    assert_true(bytes <= sizeof piece);
    memset(piece, ' ', sizeof piece);
    struct client *c = net_json(n, 0);
    post_frame(c, WS_TEXT, false, STR("{\"type\":"));
    for (int i = 0; i < 60 && !c->closed; i++) {
        post_frame(c, WS_CONTINUATION, false, str_make(piece, bytes));
        net_wait(n, 5000);
    }
    return c;
}

static struct net *net_beating(uint32_t interval_ms, bool adaptive)
{
    struct net *n = net_new(1);
    n->settings.message_bytes = 1 << 20;
    n->settings.heartbeat_adaptive = adaptive;
    n->settings.heartbeat_ms = n->settings.heartbeat_min_ms = interval_ms;
    n->settings.heartbeat_max_ms = interval_ms > 120 * 1000 ? interval_ms : 120 * 1000;
    net_start(n);
    return n;
}

// A message that trickles in is no sign of life for ever; one that comes slowly, and comes, has its time, however often we look.
static void a_message_must_come_to_its_end(void **state)
{
    (void)state;
    static const struct {
        size_t bytes; // in five seconds
        bool closed;
    } rows[] = {{1, true}, {500, true}, {1000, true}, {1500, false}, {2000, false}, {8192, false}};
    static const uint32_t intervals[] = {1000, 10 * 1000, 30 * 1000, 100 * 1000};
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows) * ARRAY_LEN(intervals); i++) {
        const size_t row = i / 2 % ARRAY_LEN(rows);
        struct net *n = net_beating(intervals[i / 2 / ARRAY_LEN(rows)], i % 2 == 0);
        const uint64_t begin = n->now_ms;
        struct client *c = slow_message(n, rows[row].bytes);
        assert_int_equal(c->closed, rows[row].closed);
        if (c->closed) {
            assert_int_equal(c->close_code, WS_CLOSE_POLICY);
            assert_true(c->closed_ms - begin >= MESSAGE_LOOK_MS);
        } else {
            post_frame(c, WS_CONTINUATION, true, STR("\"ping\",\"id\":1}"));
            net_settle(n);
            expect(c, "pong");
        }
        net_free(n);
    }
}

// It is found within a heartbeat and two looks, however rare heartbeats are.
static void a_trickle_is_found_in_time(void **state)
{
    (void)state;
    for (uint32_t interval = 30 * 1000; interval <= 120 * 1000; interval += 90 * 1000) {
        struct net *n = net_beating(interval, true);
        const uint64_t begin = n->now_ms;
        struct client *c = slow_message(n, 1);
        assert_true(c->closed);
        assert_true(c->closed_ms - begin <= interval + 2 * MESSAGE_LOOK_MS);
        net_free(n);
    }
}

// What was sent before buys no time for a trickle behind it, and a link may be silent for twenty seconds.
static void a_burst_buys_no_time(void **state)
{
    (void)state;
    static char burst[500 * 1000];
    memset(burst, ' ', sizeof burst);
    for (int honest = 0; honest < 2; honest++) {
        struct net *n = net_beating(30 * 1000, true);
        struct client *c = net_json(n, 0);
        post_frame(c, WS_TEXT, false, STR("{\"type\":"));
        post_frame(c, WS_CONTINUATION, false, str_make(burst, sizeof burst));
        for (int i = 0; i < 60 && !c->closed; i++) {
            post_frame(c, WS_CONTINUATION, false, str_make(burst, honest && i % 5 == 0 ? 8000 : 1));
            net_wait(n, 5000);
        }
        assert_int_equal(c->closed, !honest);
        net_free(n);
    }
}

// Short messages in pieces, one after the other, are no trickle.
static void short_messages_in_pieces_are_no_trickle(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0);
    for (int i = 0; i < 60; i++) {
        post_frame(c, WS_TEXT, false, STR("{\"type\":"));
        net_wait(n, 4000);
        post_frame(c, WS_CONTINUATION, true, STR("\"ping\",\"id\":1}"));
        net_wait(n, 1000);
    }
    assert_false(c->closed);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_pings_come_at_the_interval),
        cmocka_unit_test(a_message_must_come_to_its_end),
        cmocka_unit_test(a_trickle_is_found_in_time),
        cmocka_unit_test(a_burst_buys_no_time),
        cmocka_unit_test(short_messages_in_pieces_are_no_trickle),
        cmocka_unit_test(first_pings_are_spread),
        cmocka_unit_test(silence_is_cut_off_at_the_timeout),
        cmocka_unit_test(data_counts_as_an_answer),
        cmocka_unit_test(a_busy_connection_is_pinged_less_and_less),
        cmocka_unit_test(late_pongs_bring_more_pings),
        cmocka_unit_test(a_half_open_connection_is_found),
        cmocka_unit_test(a_text_connection_that_is_stuck_is_cut),
        cmocka_unit_test(the_longest_settings_hold),
        cmocka_unit_test(a_long_adaptive_interval_is_reached),
        cmocka_unit_test(a_stuck_text_connection_has_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
