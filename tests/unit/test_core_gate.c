// SPDX-License-Identifier: Apache-2.0
//
// The rate gate: what a connection may send over time, to the millisecond.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static struct net *limited(uint32_t per_s, uint32_t burst)
{
    struct net *n = net_new(1);
    n->settings.commands_per_s = per_s;
    n->settings.commands_burst = burst;
    n->settings.heartbeat_ms = 600000;
    net_start(n);
    return n;
}

static bool take(struct client *c, uint32_t *ret_retry_ms)
{
    struct net *n = c->net;
    shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
    const struct command none = {.type = CMD_NONE};
    struct asker *a = client_asker(c);
    a->violations = 0; // who asks as often as this would be shown out
    bool passed = gate_commands(&n->sh[0]->edge, a, c->conn, &none) == GATE_PASSED;
    const struct rate rate = {n->settings.commands_per_s, n->settings.commands_burst};
    *ret_retry_ms = passed ? 0 : bucket_wait_ms(&a->commands, &rate);
    return passed;
}

static void the_bucket_fills_with_time(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 7, 10, 100, 999, 5000};
    for (size_t k = 0; k < ARRAY_LEN(rates); k++)
        for (uint32_t burst = 1; burst < 40; burst += 13) {
            struct net *n = limited(rates[k], burst);
            struct client *c = net_ws(n, 0, "/ws");
            uint64_t begin = n->now_ms, taken = 0;
            for (int step = 0; step < 4000; step++) {
                uint32_t retry_ms = 0;
                // Tokens in thousandths: the burst, and rate per millisecond, never more than the burst at once.
                if (take(c, &retry_ms)) {
                    taken++;
                    assert_true((taken - burst) * 1000 <= (n->now_ms - begin) * rates[k] || taken <= burst);
                    continue;
                }
                assert_true(retry_ms >= 1 && retry_ms <= 1000 / rates[k] + 1);
                n->now_ms += retry_ms - 1; // exact: one millisecond earlier is too early
                uint32_t again = 0;
                if (retry_ms > 1) {
                    assert_false(take(c, &again));
                    assert_int_equal(again, 1);
                }
                n->now_ms += 1;
                assert_true(take(c, &again));
                taken++;
            }
            uint64_t passed = n->now_ms - begin, fair = burst + passed * rates[k] / 1000;
            assert_true(taken <= fair);
            if (burst >
                6) // and none is lost to rounding; a bucket smaller than one millisecond's flow runs over
                assert_true(taken + 1 + rates[k] / 1000 >= fair);
            n->now_ms += 1000000; // a long silence is worth a burst, no more
            uint32_t got = 0, retry_ms;
            while (take(c, &retry_ms))
                got++;
            assert_int_equal(got, burst);
            net_free(n);
        }
}

static void refusals_say_when(void **state)
{
    (void)state;
    struct net *n = limited(2, 3);
    struct client *c = net_ws(n, 0, "/ws");
    for (int i = 0; i < 5; i++)
        post(c, "{\"type\":\"ping\",\"id\":%d}", i);
    net_settle(n);
    expect(c, "welcome");
    for (int i = 0; i < 3; i++)
        expect(c, "\"type\":\"pong\"");
    for (int i = 3; i < 5; i++) {
        str s = expect(c, "\"code\":\"rate_limited\"");
        assert_int_equal(number_of(s, "id"), i);
        assert_int_equal(number_of(s, "retry_ms"), 500);
    }
    net_wait(n, 499);
    say(c, "{\"type\":\"ping\",\"id\":5}");
    assert_int_equal(number_of(expect(c, "\"code\":\"rate_limited\""), "retry_ms"), 1);
    net_wait(n, 1);
    say(c, "{\"type\":\"ping\",\"id\":6}");
    expect(c, "\"type\":\"pong\",\"id\":6");
    expect_nothing(c);
    assert_int_equal(METRIC(n, limit_rate), 3);
    net_free(n);
}

static void a_refused_command_has_no_effect(void **state)
{
    (void)state;
    struct net *n = limited(1, 2);
    struct client *c = net_ws(n, 0, "/ws");
    post(c, "{\"type\":\"join\",\"room\":\"r\"}");
    post(c, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":2}");
    net_settle(n);
    expect(c, "welcome");
    expect(c, "joined");
    expect(c, "\"type\":\"ack\",\"id\":1");
    expect(c, "rate_limited");
    expect_nothing(c);
    assert_int_equal(net_room_at(n, "r")->log.head, 1);
    net_free(n);
}

static void who_goes_on_is_closed(void **state)
{
    (void)state;
    enum { VIOLATIONS = 50 };
    struct net *n = limited(1, 1);
    struct client *c = net_ws(n, 0, "/ws");
    for (int i = 0; i < 1 + VIOLATIONS; i++)
        post(c, "{\"type\":\"ping\"}");
    net_settle(n);
    assert_int_equal(c->closes, 0);
    say(c, "{\"type\":\"ping\"}");
    assert_int_equal(c->close_code, WS_CLOSE_POLICY);
    assert_true(c->closed);
    assert_int_equal(n->notices[NOTICE_RATE_LIMITED], 1);
    assert_int_equal(METRIC(n, closed_policy), 1);
    net_free(n);
}

// --- what says nothing

enum noise { NOISE_PING, NOISE_PONG, NOISE_FRAGMENT, NOISE_FRAME_LINE, NOISE_LINE, NOISE_MIX, NOISES };

static struct client *noisy(struct net *n, enum noise kind)
{
    if (kind == NOISE_LINE)
        return net_line(n, 0);
    struct client *c = net_ws(n, 0, kind == NOISE_FRAME_LINE ? "/echo" : "/ws");
    if (kind != NOISE_FRAME_LINE)
        say(c, "{\"type\":\"hello\"}");
    if (kind == NOISE_FRAGMENT || kind == NOISE_MIX)
        post_frame(c, WS_TEXT, false, STR("{"));
    return c;
}

static void make_noise(struct client *c, enum noise kind, int count)
{
    for (int i = 0; i < count; i++)
        switch (kind == NOISE_MIX ? (enum noise)(i % (NOISE_FRAGMENT + 1)) : kind) {
        case NOISE_PING:
            post_frame(c, WS_PING, true, STR_NONE);
            break;
        case NOISE_PONG:
            post_frame(c, WS_PONG, true, STR("nobody asked"));
            break;
        case NOISE_FRAGMENT:
            post_frame(c, WS_CONTINUATION, false, STR_NONE);
            break;
        case NOISE_FRAME_LINE:
            post_frame(c, WS_TEXT, true, STR_NONE);
            break;
        default:
            post_bytes(c, "\n", 1);
            break;
        }
    net_settle(c->net);
}

static void what_says_nothing_has_a_rate_that_0_does_not_lift(void **state)
{
    (void)state;
    for (uint32_t per_s = 0; per_s <= 1; per_s++)
        for (enum noise kind = 0; kind < NOISES; kind++) {
            struct net *n = limited(per_s, 100);
            struct client *c = noisy(n, kind), *other = net_json(n, 0);
            make_noise(c, kind, NOISE_BURST);
            assert_false(c->closed);
            for (int i = 0; i < 50; i++) { // as fast as it leaks away, for as long as one likes
                net_wait(n, 1000);
                make_noise(c, kind, NOISE_PER_S);
            }
            assert_false(c->closed);
            assert_int_equal(METRIC(n, limit_noise), 0);
            make_noise(c, kind, 200);
            assert_true(c->closed);
            if (kind != NOISE_LINE)
                assert_int_equal(c->close_code, WS_CLOSE_POLICY);
            assert_int_equal(METRIC(n, limit_noise), 1);
            assert_int_equal(METRIC(n, closed_policy), 1);
            assert_int_equal(n->notices[NOTICE_RATE_LIMITED], 1);
            assert_false(other->closed);
            net_free(n);
        }
}

static void noise_and_commands_do_not_share_a_bucket(void **state)
{
    (void)state;
    struct net *n = limited(1, 3);
    struct client *c = net_json(n, 0);
    make_noise(c, NOISE_PING, 500);
    assert_int_equal(c->pongs, 500);
    say(c, "{\"type\":\"ping\",\"id\":1}");
    expect(c, "\"type\":\"pong\",\"id\":1");
    say(c, "{\"type\":\"ping\",\"id\":2}");
    expect(c, "\"type\":\"pong\",\"id\":2");
    make_noise(c, NOISE_PING, 1);
    say(c, "{\"type\":\"ping\",\"id\":3}");
    expect(c, "\"code\":\"rate_limited\"");
    assert_int_equal(c->closes, 0);
    net_free(n);
}

// A line that is no text is answered, so it is neither free nor answered faster than the answers are read.
static void lines_that_are_no_text_cost_what_a_command_costs(void **state)
{
    (void)state;
    struct net *n = limited(1, 3);
    struct client *c = net_line(n, 0);
    for (int i = 0; i < 60; i++)
        post_bytes(c, "\xff\n", 2);
    net_settle(n);
    assert_true(c->closed);
    assert_int_equal(METRIC(n, closed_policy), 1);
    net_free(n);

    n = limited(0, 1);
    c = net_line(n, 0);
    c->stalled = true;
    for (int i = 0; i < 20000; i++)
        post_bytes(c, "\xff\n", 2);
    net_settle(n);
    assert_true(c->paused);
    assert_true(client_reader(c)->out.bytes < n->settings.reply_bytes + 1000);
    net_free(n);
}

static void answers_to_our_pings_are_free(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 1;
    n->settings.heartbeat_ms = 1000;
    net_start(n);
    struct client *c = net_json(n, 0);
    for (int i = 0; i < 40; i++) {
        net_wait(n, 500);
        say(c, "{\"type\":\"ping\"}"); // takes what there is
    }
    assert_true(c->pings > 10);
    assert_int_equal(METRIC(n, limit_rate), 20); // the commands' every second one
    net_free(n);
}

static void a_pause_forgives(void **state)
{
    (void)state;
    struct net *n = limited(1, 1);
    struct client *c = net_ws(n, 0, "/ws");
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 45; i++)
            post(c, "{\"type\":\"ping\"}");
        net_settle(n);
        net_wait(n, 1000); // the bucket is full again
    }
    assert_int_equal(c->closes, 0);
    net_free(n);
}

static void a_parked_command_pays_once(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 4;
    net_start(n);
    struct client *c = net_ws(n, 0, "/ws");
    n->hold[1][0] = true;
    post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", net_room(n, 1, 0));
    post(c, "{\"type\":\"history\",\"id\":2,\"room\":\"%s\"}",
         net_room(n, 1, 0)); // waits, is tried again and again
    for (int i = 0; i < 5; i++)
        net_turn(n, 0);
    n->hold[1][0] = false;
    net_settle(n);
    say(c, "{\"type\":\"ping\",\"id\":3}");
    say(c, "{\"type\":\"ping\",\"id\":4}");
    say(c, "{\"type\":\"ping\",\"id\":5}");
    expect(c, "welcome");
    expect(c, "joined");
    assert_int_equal(number_of(expect(c, "history"), "id"), 2);
    for (int i = 3; i <= 4; i++)
        assert_int_equal(number_of(expect(c, "pong"), "id"), i);
    expect(c, "rate_limited");
    net_free(n);
}

// Replies about a room come in the order of its commands, refusals too.
static void a_refusal_comes_in_its_turn(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 3;
    net_start(n);
    struct client *c = net_json(n, 0);
    const char *room = net_room(n, 1, 0);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    n->hold[1][0] = true;
    post(c, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":1}", room);
    post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":2}", room);
    net_settle(n);
    expect_nothing(c);
    n->hold[1][0] = false;
    net_settle(n);
    expect(c, "\"type\":\"ack\",\"id\":1");
    assert_int_equal(number_of(expect(c, "\"code\":\"rate_limited\""), "id"), 2);
    net_free(n);
}

// A terminal's replies keep the order of all it says, so what is behind a message waits behind the gates that it has passed.
static void a_line_that_waits_pays_once(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 4;
    n->settings.text_room = str_from_cstr(net_room(n, 1, 0));
    net_start(n);
    struct client *c = net_line(n, 0);
    forget(c);
    n->hold[1][0] = true;
    post(c, "one");
    post(c, "/rooms");
    net_settle(n);
    assert_int_equal(client_conn(c)->parked, WAIT_ANSWER);
    n->hold[1][0] = false;
    net_settle(n);
    assert_int_equal(client_conn(c)->parked, WAIT_NOTHING);
    forget(c);
    for (int i = 0; i < 3; i++)
        say(c, "/help");
    str last = STR_NONE;
    uint32_t refused = 0;
    for (str s = hear(c); s.p != NULL; s = hear(c)) {
        refused += contains(s, "rate_limited");
        last = s;
    }
    assert_int_equal(refused, 1); // the message, the list and two of these are four
    assert_true(contains(last, "rate_limited"));
    net_free(n);
}

// HTTP requests of one connection have a rate of their own; what comes behind an upgrade is not counted with them.
static void requests_have_a_rate_of_their_own(void **state)
{
    (void)state;
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    struct net *n = net_new(1);
    n->settings.requests = (struct rate){10, 3};
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 5;
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
    for (int i = 0; i < 3; i++)
        send_bytes(c, get);
    net_wait(n, 100); // one more
    send_bytes(c, get);
    assert_int_equal(METRIC(n, limit_requests), 0);
    assert_false(c->closed);
    send_bytes(c, get);
    net_wait(n, 10);
    assert_int_equal(METRIC(n, limit_requests), 1);
    assert_true(c->closed || c->shut);
    assert_non_null(memmem(c->rx.p, c->rx.n, "HTTP/1.1 429 ", 13));
    struct client *ws = net_ws(n, 0, "/ws");
    for (int i = 0; i < 5; i++) { // a full bucket of commands
        say(ws, "{\"type\":\"ping\",\"id\":%d}", i);
        forget(ws);
    }
    say(ws, "{\"type\":\"ping\",\"id\":9}");
    expect(ws, "rate_limited");
    net_free(n);
}

// A megabyte of history is not the price of a ping; what it is gets paid back by waiting.
static void lists_cost_what_they_return(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.commands_per_s = 50;
    n->settings.commands_burst = 100;
    n->settings.log_bytes = 8 << 20;
    n->settings.reply_bytes = 1 << 20;
    net_start(n);
    for (uint32_t shard = 0; shard < 2; shard++) { // here, and by mail
        const char *room = net_room(n, shard, 0);
        struct client *a = net_json(n, 0);
        say(a, "{\"type\":\"join\",\"room\":\"%s\"}", room);
        char text[40001];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (int i = 0; i < 40; i++)
            say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%s\"}", room, text);
        net_wait(n, 10000); // the bucket is full
        forget(a);
        say(a, "{\"type\":\"history\",\"room\":\"%s\"}", room); // 26 of them, 1 + 63 commands
        size_t bytes = expect(a, "\"type\":\"history\"").n;
        assert_in_range(bytes, 63 * COST_BYTES, 64 * COST_BYTES - 1);
        for (int i = 0; i < 100 - 64 - 1; i++) {
            say(a, "{\"type\":\"ping\"}");
            expect(a, "pong");
        }
        say(a, "{\"type\":\"history\",\"room\":\"%s\"}", room); // the last token, and 63 are owed
        expect(a, "\"type\":\"history\"");
        say(a, "{\"type\":\"ping\"}");
        assert_int_equal(number_of(expect(a, "rate_limited"), "retry_ms"), 64 * 1000 / 50);
        net_wait(n, 64 * 1000 / 50 - 1);
        forget(a);
        say(a, "{\"type\":\"ping\"}");
        expect(a, "rate_limited");
        net_wait(n, 1);
        say(a, "{\"type\":\"ping\"}");
        expect(a, "pong");
        // A short one costs what any command costs.
        net_wait(n, 10000);
        for (int i = 0; i < 100; i++) {
            say(a, "{\"type\":\"members\",\"room\":\"%s\"}", room);
            expect(a, "\"type\":\"members\"");
        }
        say(a, "{\"type\":\"ping\"}");
        expect(a, "rate_limited");
        hang_up(a);
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bucket_fills_with_time),
        cmocka_unit_test(refusals_say_when),
        cmocka_unit_test(a_refused_command_has_no_effect),
        cmocka_unit_test(who_goes_on_is_closed),
        cmocka_unit_test(what_says_nothing_has_a_rate_that_0_does_not_lift),
        cmocka_unit_test(noise_and_commands_do_not_share_a_bucket),
        cmocka_unit_test(lines_that_are_no_text_cost_what_a_command_costs),
        cmocka_unit_test(answers_to_our_pings_are_free),
        cmocka_unit_test(a_pause_forgives),
        cmocka_unit_test(a_parked_command_pays_once),
        cmocka_unit_test(a_refusal_comes_in_its_turn),
        cmocka_unit_test(a_line_that_waits_pays_once),
        cmocka_unit_test(requests_have_a_rate_of_their_own),
        cmocka_unit_test(lists_cost_what_they_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
