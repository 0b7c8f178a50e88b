// SPDX-License-Identifier: Apache-2.0
//
// The welcome is the answer of the user's home: whoever has it can be reached, and what implied the hello waits for it.
#include "unit/core_support.h"

#include <stdio.h>
#include <string.h>

// A client of shard 0 whose user is at home on shard `home`. Ids are dice, so it is looked for.
static struct client *of_home(struct net *n, uint32_t home)
{
    for (;;) {
        struct client *c = net_json(n, 0);
        if (print_str(&n->sh[0]->cx, str_from_cstr(c->user)).lo % n->shards == home)
            return c;
        hang_up(c);
    }
}

static void expect_reached(struct client *from, const char *user, bool reached)
{
    say(from, "{\"type\":\"direct\",\"id\":\"d\",\"to\":\"%s\",\"data\":7}", user);
    expect(from, reached ? "\"delivered\":1" : "\"delivered\":0");
}

static void who_is_welcomed_can_be_reached(void **state)
{
    (void)state;
    struct net *n = net_new(3);
    net_start(n);
    struct client *sender = net_json(n, 2);
    for (uint32_t home = 1; home < 3; home++) {
        struct client *before = of_home(n, home), *c = net_ws(n, 0, "/ws");
        cut(before);
        n->hold[0][home] = true; // what it says to its user's home stays under way
        say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", before->resume);
        expect_nothing(c);
        post(c, "{\"type\":\"ping\",\"id\":2}");
        net_wait(n, 3 * n->settings.hello_ms); // it has said hello: nobody is impatient
        expect_nothing(c);
        assert_int_equal(c->closes, 0);
        n->hold[0][home] = false;
        net_settle(n);
        expect(c, "\"type\":\"welcome\",\"id\":1");
        expect(c, "\"type\":\"pong\",\"id\":2");
        expect_reached(sender, before->user, true);
        expect(c, "\"type\":\"direct\"");
    }
    net_free(n);
}

static void a_command_that_implies_hello_waits_for_the_welcome(void **state)
{
    (void)state;
    static const char *const commands[] = {"{\"type\":\"join\",\"id\":1,\"room\":\"here\"}",
                                           "{\"type\":\"ping\",\"id\":1}",
                                           "{\"type\":\"rename\",\"id\":1,\"name\":\"Ada\"}",
                                           "{\"type\":\"message\",\"id\":1,\"room\":\"x\",\"data\":1}",
                                           "{\"type\":\"rooms\",\"id\":1}",
                                           "{\"type\":\"direct\",\"id\":1,\"to\":\"x\",\"data\":1}"};
    struct net *n = net_new(2);
    net_start(n);
    uint32_t waited = 0;
    for (uint32_t i = 0; i < 8 * ARRAY_LEN(commands); i++) {
        struct client *c = net_ws(n, 0, "/ws");
        n->hold[0][1] = true;
        say(c, "%s", commands[i % ARRAY_LEN(commands)]);
        waited += client_conn(c)->parked == WAIT_ANSWER && c->message_n == 0;
        n->hold[0][1] = false;
        net_settle(n);
        expect(c, "\"type\":\"welcome\"");
        expect(c, "\"id\":1");
        expect_nothing(c);
        hang_up(c);
    }
    assert_true(waited > 0); // dice decide where a guest's home is
    net_free(n);
}

static void a_terminal_waits_with_what_it_types(void **state)
{
    (void)state;
    for (int ways = 0; ways < 8; ways++) {
        bool ws = ways & 1, types_first = ways & 2, far_room = ways & 4;
        struct net *n = net_new(2);
        n->settings.text_room = str_from_cstr(net_room(n, far_room, 0));
        net_start(n);
        for (int round = 0; round < 6; round++) {
            n->hold[0][1] = n->hold[1][0] = true;
            struct client *c = ws ? net_ws(n, 0, "/echo") : net_accept(n, 0, TRANSPORT_LINE);
            if (types_first)
                post(c, "hello");
            net_wait(n, LINE_LISTEN_MS + 2 * DEADLINE_TICK_MS);
            if (!types_first)
                post(c, "hello");
            net_settle(n);
            n->hold[0][1] = false;
            net_settle(n);
            n->hold[1][0] = false;
            net_settle(n);
            expect(c, "* welcome");
            expect(c, "* joined");
            str s = hear(c);
            while (!contains(s, ": hello")) {
                assert_true(s.p != NULL);
                s = hear(c);
            }
            assert_false(client_asker(c)->greeting);
            say(c, "/quit");
            net_wait(n, 1000);
            assert_true(c->closed);
        }
        net_free(n);
    }
}

// As full mailboxes park everybody else.
static void a_terminal_waits_for_a_full_mailbox(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.text_room = str_from_cstr(net_room(n, 1, 0));
    net_start(n);
    struct client *busy[5];
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        busy[i] = net_json(n, 0);
        say(busy[i], "{\"type\":\"join\",\"room\":\"%s\"}", net_room(n, 1, 0));
    }
    n->jam[0][1] = true;
    for (int k = 0; k < 1000; k++)
        for (size_t i = 0; i < ARRAY_LEN(busy); i++)
            post(busy[i], "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", net_room(n, 1, 0), k);
    net_turn(n, 0);
    struct client *c = net_accept(n, 0, TRANSPORT_LINE);
    post(c, "hello");
    net_turn(n, 0);
    assert_int_equal(client_conn(c)->parked, WAIT_MAIL);
    n->jam[0][1] = false;
    net_settle(n);
    expect(c, "* welcome");
    expect(c, "* joined");
    net_free(n);
}

static void who_goes_before_the_welcome_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int ways = 0; ways < 4; ways++) {
        bool answer_under_way = ways & 1, resets = ways & 2;
        struct net *n = net_new(2);
        net_start(n);
        struct client *sender = net_json(n, 1), *before = of_home(n, 1), *c = net_ws(n, 0, "/ws");
        cut(before);
        n->hold[answer_under_way][!answer_under_way] = true;
        say(c, "{\"type\":\"hello\",\"resume\":\"%s\"}", before->resume);
        if (resets)
            cut(c);
        else
            hang_up(c);
        n->hold[0][1] = n->hold[1][0] = false;
        net_settle(n);
        assert_int_equal(METRIC(n, sessions), 1);
        expect_reached(sender, before->user, false);
        assert_true(c->closed);
        net_free(n);
    }
}

// Two connections take one session up at once: the one that was made last has it, however the asks travel.
static void the_newer_connection_wins(void **state)
{
    (void)state;
    struct net *n = net_new(3);
    net_start(n);
    struct client *sender = net_json(n, 1), *first = of_home(n, 1);
    cut(first);
    struct client *old = net_ws(n, 0, "/ws");
    net_wait(n, 50);
    struct client *young = net_ws(n, 2, "/ws");
    n->hold[0][1] = true; // the older one's ask is overtaken
    say(old, "{\"type\":\"hello\",\"resume\":\"%s\"}", first->resume);
    say(young, "{\"type\":\"hello\",\"resume\":\"%s\"}", first->resume);
    expect(young, "\"type\":\"welcome\"");
    n->hold[0][1] = false;
    net_settle(n);
    expect_nothing(old); // no welcome for whom the session is not any more
    assert_int_equal(old->close_code, PRIVATE_CLOSE_REPLACED);
    assert_int_equal(young->closes, 0);
    expect_reached(sender, first->user, true);
    net_free(n);
}

static void without_memory_hello_is_refused_and_may_be_said_again(void **state)
{
    (void)state;
    static const char *const firsts[] = {"{\"type\":\"hello\",\"id\":1}",
                                         "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}"};
    uint32_t refused = 0;
    for (uint32_t shards = 1; shards <= 2; shards++)
        for (uint64_t k = 0; k < 16; k++) {
            const char *first = firsts[k % 2];
            struct net *n = net_new(shards);
            net_start(n);
            struct client *c = net_ws(n, 0, "/ws"), *other = net_json(n, shards - 1);
            post(c, "%s", first);
            net_fail_burst(n, k / 2);
            net_settle(n);
            net_fail_end(n);
            net_settle(n);
            str s = hear(c);
            if (s.p != NULL && contains(s, "\"code\":\"unavailable\"")) {
                assert_true(contains(s, "\"id\":1"));
                expect_nothing(c);
                assert_false(session_there(&client_reader(c)->who.session));
                refused++;
                say(c, "%s", first);
                s = hear(c);
            }
            if (s.p != NULL) {
                assert_true(contains(s, "\"type\":\"welcome\""));
                string_of(s, "user", c->user, sizeof c->user);
                expect_reached(other, c->user, !c->closed);
            } else {
                assert_true(c->closed);
            }
            net_free(n);
        }
    assert_true(refused >= 6);
}

// What stands behind a hello is counted as refused for want of memory where the hello was, and not where it came too often.
static void what_is_behind_a_refused_hello_is_counted_by_why(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 1;
    net_start(n);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"nonsense\",\"id\":0}");
    expect(c, "\"code\":\"unknown_type\"");
    say(c, "{\"type\":\"hello\",\"id\":1}");
    expect(c, "\"id\":1,\"code\":\"rate_limited\"");
    net_wait(n, 1000);
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"r\"}");
    expect(c, "\"id\":2,\"code\":\"unavailable\"");
    assert_int_equal(METRIC(n, errors[PROBLEM_UNAVAILABLE]), 1);
    assert_int_equal(METRIC(n, limit_memory), 0);
    net_wait(n, 1000);
    say(c, "{\"type\":\"hello\",\"id\":5}");
    expect(c, "\"type\":\"welcome\",\"id\":5");
    net_free(n);
    uint32_t starved = 0;
    for (uint64_t k = 0; k < 8; k++) {
        n = net_new(1);
        net_start(n);
        c = net_ws(n, 0, "/ws");
        post(c, "{\"type\":\"hello\",\"id\":1}");
        net_fail_burst(n, k);
        net_settle(n);
        net_fail_end(n);
        if (contains(hear(c), "\"id\":1,\"code\":\"unavailable\"")) {
            uint64_t counted = METRIC(n, limit_memory);
            say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"r\"}");
            expect(c, "\"id\":2,\"code\":\"unavailable\"");
            assert_int_equal(METRIC(n, limit_memory), counted + 1);
            starved++;
        }
        net_free(n);
    }
    assert_true(starved >= 2);
}

// One message takes up a session and its rooms, wherever these and the user are at home.
static void a_hello_may_bring_its_rooms(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = net_new(shards);
        net_start(n);
        struct client *speaker = net_json(n, shards - 1), *before = net_json(n, 0);
        for (int room = 0; room < 4; room++) {
            say(speaker, "{\"type\":\"join\",\"id\":1,\"room\":\"r%d\"}", room);
            expect(speaker, "\"type\":\"joined\"");
        }
        cut(before);
        struct client *c = net_ws(n, 0, "/ws");
        say(c,
            "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\",\"rooms\":[{\"id\":\"2\",\"room\":\"r0\"},{\"room\":\"r1\",\"id\":\"3\"},"
            "{\"id\":\"4\",\"room\":\"\"},{\"id\":\"5\",\"room\":\"r2\",\"members\":true},{\"id\":\"6\",\"room\":\"r3\"}]}",
            before->resume);
        expect(c, "\"type\":\"welcome\",\"id\":1");
        bool came[7] = {false};
        for (int i = 2; i <= 6; i++) {
            str s = hear(c);
            char id[8];
            string_of(s, "id", id, sizeof id);
            came[id[0] - '0'] = true;
            assert_true(contains(s, id[0] == '4' ? "\"code\":\"bad_room\"" : "\"type\":\"joined\""));
        }
        for (int i = 2; i <= 6; i++)
            assert_true(came[i]);
        expect_nothing(c);
        net_free(n);
    }
}

static void a_secret_that_opens_nothing_is_seen(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *guest = net_json(n, 0), *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"made-up\"}");
    assert_false(contains(expect(c, "\"type\":\"welcome\""), guest->user));
    assert_int_equal(METRIC(n, resume_refused), 1);
    assert_int_equal(n->notices[NOTICE_RESUME_REFUSED], 1);
    c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", guest->resume);
    assert_true(contains(expect(c, "\"type\":\"welcome\""), guest->user));
    assert_int_equal(METRIC(n, resume_refused), 1);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_that_opens_nothing_is_seen),
        cmocka_unit_test(who_is_welcomed_can_be_reached),
        cmocka_unit_test(a_command_that_implies_hello_waits_for_the_welcome),
        cmocka_unit_test(a_terminal_waits_with_what_it_types),
        cmocka_unit_test(a_terminal_waits_for_a_full_mailbox),
        cmocka_unit_test(who_goes_before_the_welcome_leaves_nothing_behind),
        cmocka_unit_test(the_newer_connection_wins),
        cmocka_unit_test(what_is_behind_a_refused_hello_is_counted_by_why),
        cmocka_unit_test(a_hello_may_bring_its_rooms),
        cmocka_unit_test(without_memory_hello_is_refused_and_may_be_said_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
