// SPDX-License-Identifier: Apache-2.0
//
// How long a room's news waits, against streams of messages: each a small world with a clock, a room, and who talks in it.
#include "core/fan/busy.h"
#include "unit/support.h"

// A flush takes cost_us. `gap_us` is from one message to the next; with a window, nobody says more before what he said
// has been written, and the answer takes think_us.
struct stream {
    uint32_t cost_us, gap_us, window, think_us;
};
struct outcome {
    uint32_t flushes, messages;
    uint64_t busy_us, wait_us_max, us;
};

static struct outcome run(struct stream s, uint32_t flushes)
{
    struct busy b = {0};
    struct outcome out = {0};
    uint64_t now = 1000000, flush_at = UINT64_MAX, first = 0; // us
    uint64_t next = now;                                      // message
    uint32_t waiting = 0, under_way = 0;
    while (out.flushes < flushes) {
        if (next <= flush_at) { // a message comes
            now = next > now ? next : now;
            flush_at = waiting++ == 0 ? busy_news(&b, now * 1000, false) / 1000
                                      : (busy_more(&b, now * 1000), flush_at);
            first = waiting == 1 ? now : first;
            under_way++;
            next = s.window != 0 && under_way == s.window ? UINT64_MAX : now + s.gap_us;
            continue;
        }
        now = flush_at > now ? flush_at : now;
        if (now - first > out.wait_us_max)
            out.wait_us_max = now - first;
        busy_begin(&b, now * 1000, s.cost_us * UINT64_C(1000));
        out.flushes++;
        out.messages += waiting;
        out.busy_us += s.cost_us;
        waiting = 0;
        uint64_t ends = now + s.cost_us;
        while (next <= ends && (s.window == 0 || under_way < s.window)) { // what comes meanwhile
            busy_more(&b, next * 1000);
            waiting++;
            under_way++;
            next += s.gap_us;
        }
        now = ends;
        if (s.window != 0) {
            under_way = waiting;
            next = ends + s.think_us;
        }
        b.ended_ns = ends * 1000;
        first = now;
        flush_at = waiting != 0 ? busy_news(&b, now * 1000, true) / 1000 : UINT64_MAX;
    }
    out.us = now - 1000000;
    return out;
}

static void few_readers_are_served_at_once(void **state)
{
    (void)state;
    for (uint32_t cost = 1; cost < BUSY_COST_US; cost += 7)
        for (uint32_t gap = 1; gap < 3000; gap = gap * 3 + 1)
            assert_int_equal(run((struct stream){.cost_us = cost, .gap_us = gap}, 1000).wait_us_max, 0);
}

// Whatever their number: a quarter, and what it takes to find out.
static void flushes_take_a_share_of_the_time(void **state)
{
    (void)state;
    static const uint32_t costs[] = {200, 1000, 1500};
    for (size_t i = 0; i < ARRAY_LEN(costs); i++)
        for (uint32_t gap = 1; gap <= costs[i] / 4; gap = gap * 2) {
            struct outcome o = run((struct stream){.cost_us = costs[i], .gap_us = gap}, 4000);
            assert_true(o.busy_us * 100 <= o.us * 30 && o.busy_us * 100 >= o.us * 20);
            assert_true(o.wait_us_max <= BUSY_WAIT_US);
        }
}

static void nobody_waits_longer_than_the_limit(void **state)
{
    (void)state;
    struct outcome o = run((struct stream){.cost_us = 60000, .gap_us = 10}, 500);
    assert_true(o.wait_us_max <= BUSY_WAIT_US && o.messages / o.flushes >= 6000);
}

static void a_slow_stream_does_not_wait(void **state)
{
    (void)state;
    struct outcome o = run((struct stream){.cost_us = 1000, .gap_us = 5000}, 1000);
    assert_int_equal(o.wait_us_max, 0);
    assert_int_equal(o.messages, o.flushes);
}

// One message at a time, each said when the one before has arrived: waiting brings nothing, and is all but given up.
static void who_waits_for_an_answer_is_not_kept_waiting(void **state)
{
    (void)state;
    for (uint32_t think = 1; think < 2000; think = think * 3 + 1) {
        struct outcome o =
            run((struct stream){.cost_us = 5000, .window = 1, .gap_us = 10, .think_us = think}, 5000);
        assert_int_equal(o.messages, o.flushes);
        assert_true(o.us <= UINT64_C(5000) * (5000 + think) * 102 / 100);
    }
}

// A window that is filled one by one: the flush begins when it is full, and not with the first.
static void a_window_is_filled_before_the_flush(void **state)
{
    (void)state;
    struct outcome o =
        run((struct stream){.cost_us = 5000, .window = 16, .gap_us = 20, .think_us = 30}, 2000);
    assert_true(o.messages >= o.flushes * 15);
    assert_true(o.us <= UINT64_C(2000) * (5000 + 16 * 20 + 30) * 105 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_readers_are_served_at_once),
        cmocka_unit_test(flushes_take_a_share_of_the_time),
        cmocka_unit_test(nobody_waits_longer_than_the_limit),
        cmocka_unit_test(a_slow_stream_does_not_wait),
        cmocka_unit_test(who_waits_for_an_answer_is_not_kept_waiting),
        cmocka_unit_test(a_window_is_filled_before_the_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
