// SPDX-License-Identifier: Apache-2.0
//
// What passes in a room: people who come and go, and signals. It has its place between what is said, the same for everyone
// who is there, and costs what was said nothing.
#include "unit/core_support.h"

#include <stdio.h>

static const char *on[] = {"r"}; // of one shard

static void join(struct client *c, const char *room, const char *more)
{
    say(c, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\"%s}", room, more);
}

// 5 messages, then 600 guests who come and go: the 5 messages are still the room's history.
static void guests_push_nothing_out(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        n->settings.member_grace_ms = 0;
        n->settings.log_entries = 100;
        net_start(n);
        const char *room = net_room(n, 0, 0);
        struct client *a = net_json(n, 0);
        join(a, room, "");
        for (int i = 1; i <= 5; i++)
            say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", room, i);
        struct client *guests[30];
        for (int i = 0; i < 600; i++) {
            struct client **guest = &guests[i % 30];
            if (i < 30)
                *guest = net_json(n, (uint32_t)i % shards);
            join(*guest, room, "");
            if (i < 570)
                say(*guest, "{\"type\":\"leave\",\"room\":\"%s\"}", room);
            else
                cut(*guest);
        }
        net_wait(n, 5000);
        assert_int_equal(METRIC(n, passing), 1 + 2 * 600);
        assert_int_equal(METRIC(n, entries), 5);
        struct client *late = net_json(n, 0);
        join(late, room, ",\"history\":5");
        assert_int_equal(number_of(expect(late, "\"type\":\"joined\""), "offset"), 5);
        for (int i = 1; i <= 5; i++)
            assert_int_equal(number_of(expect(late, "\"type\":\"message\""), "offset"), i);
        expect_nothing(late);
        net_free(n);
    }
}

// An hour of a room in which somebody comes or goes every second, and somebody says something every four: all of it is kept.
static void an_hour_of_coming_and_going(void **state)
{
    (void)state;
    enum { PEOPLE = 300, SECONDS = 3600, EVERY = 4 };
    struct net *n = net_new(2);
    n->settings.member_grace_ms = 0;
    n->settings.connections_max = 200;
    n->settings.presence_exact_max = 1000;
    n->settings.log_entries = 1000;
    n->settings.log_age_ms = (SECONDS + 60) * 1000;
    net_start(n);
    const char *room = net_room(n, 0, 0);
    struct client *people[PEOPLE];
    for (uint32_t i = 0; i < PEOPLE; i++) {
        people[i] = net_line(n, i % 2);
        say(people[i], "/join %s", room);
    }
    for (uint32_t s = 0; s < SECONDS; s++) {
        struct client *one = people[1 + s / 2 % (PEOPLE - 1)];
        if (s % 2 == 0)
            post(one, "/leave");
        else
            post(one, "/join %s", room);
        if (s % EVERY == 0)
            post(people[0], "%u", s);
        net_wait(n, 1000);
        for (uint32_t i = 0; s % 60 == 0 && i < PEOPLE; i++)
            forget(people[i]);
    }
    assert_true(METRIC(n, passing) >= PEOPLE + SECONDS);
    assert_int_equal(METRIC(n, entries), SECONDS / EVERY);
    struct client *late = net_json(n, 1);
    join(late, room, ",\"history\":1000");
    assert_int_equal(number_of(expect(late, "\"type\":\"joined\""), "offset"), SECONDS / EVERY);
    for (uint64_t i = 1; i <= SECONDS / EVERY; i++)
        assert_int_equal(number_of(expect(late, "\"type\":\"message\""), "offset"), i);
    expect_nothing(late);
    net_free(n);
}

// Members who lose their connections together, time and again, come back to everything.
static void all_come_back_to_everything(void **state)
{
    (void)state;
    enum { CROWD = 60 };
    struct net *n = net_new(2);
    n->settings.log_entries = 20;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *writer = net_json(n, 0), *all[CROWD];
    char epoch[32], since[96];
    join(writer, room, "");
    string_of(expect(writer, "joined"), "epoch", epoch, sizeof epoch);
    uint64_t offset = 0;
    snprintf(since, sizeof since, "%s", "");
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < CROWD; i++) {
            all[i] = net_json(n, (uint32_t)i % 2);
            join(all[i], room, since);
            str joined = expect(all[i], "\"type\":\"joined\"");
            assert_int_equal(contains(joined, "\"recovered\":true"), round > 0);
            for (uint64_t at = offset + 1; round > 0 && at <= offset + 3; at++)
                assert_int_equal(number_of(expect(all[i], "\"type\":\"message\""), "offset"), at);
        }
        offset = net_room_at(n, room)->log.head;
        snprintf(since, sizeof since, ",\"since\":{\"epoch\":\"%s\",\"offset\":%u}", epoch, (unsigned)offset);
        for (int i = 0; i < CROWD; i++)
            cut(all[i]);
        for (int i = 0; i < 3; i++)
            say(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", room, i);
    }
    net_free(n);
}

// Everyone who is there sees one order, on every shard and in every encoding, and each thing that passes says what it came
// behind.
static void it_has_one_place_for_all(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.member_grace_ms = 0;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *a = net_json(n, 0), *b = net_json(n, 1), *t = net_line(n, 0);
    join(a, room, "");
    join(b, room, "");
    say(t, "/join %s", room);
    forget(a);
    forget(b);
    forget(t);
    for (int i = 1; i <= 20; i++) {
        post(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d,\"echo\":true}", room, i);
        if (i % 3 == 0) {
            struct client *guest = net_json(n, (uint32_t)i % 2);
            join(guest, room, "");
            cut(guest);
        }
        net_settle(n);
    }
    uint64_t offset = 0, passed = 0;
    for (str s; (s = hear(a)).p != NULL;) {
        char mine[600];
        snprintf(mine, sizeof mine, "%.*s", STR_ARG(s));
        expect(b, mine); // byte for byte
        str line = hear(t);
        if (contains(s, "\"type\":\"message\"")) {
            assert_int_equal(number_of(s, "offset"), ++offset);
            assert_int_equal(line.p[0], '[');
        } else {
            assert_int_equal(number_of(s, "after"), offset);
            assert_int_equal(line.p[0], '*');
            passed++;
        }
    }
    assert_int_equal(offset, 20);
    assert_int_equal(passed, 2 * 6);
    expect_nothing(b);
    expect_nothing(t);
    net_free(n);
}

// A slow reader loses what passed as well; it is told how much, also where nothing was said.
static void a_gap_of_what_passed_is_told(void **state)
{
    (void)state;
    for (int words = 0; words < 2; words++) {
        struct net *n = net_new(1);
        n->settings.lag_bytes = 4096;
        n->settings.member_grace_ms = 0;
        net_start(n);
        struct client *a = net_json(n, 0), *slow = net_json(n, 0), *line = net_line(n, 0);
        join(a, on[0], "");
        join(slow, on[0], "");
        say(line, "/join %s", on[0]);
        forget(slow);
        forget(line);
        slow->stalled = line->stalled = true;
        uint64_t before = METRIC(n, passing);
        for (int i = 0; i < 400; i++) {
            struct client *guest = net_json(n, 0);
            join(guest, on[0], "");
            cut(guest);
            if (words)
                say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
            net_wait(n, 150);
        }
        uint64_t passing = METRIC(n, passing) - before;
        assert_int_equal(passing, 800);
        slow->stalled = line->stalled = false;
        net_wait(n, 200);
        str gap = expect(slow, "\"type\":\"gap\"");
        assert_int_equal(contains(gap, "\"from\":1,"), words);
        uint64_t offset = words ? number_of(gap, "to") : 0, heard = number_of(gap, "passing");
        assert_true(heard > 100);
        for (str s; (s = hear(slow)).p != NULL;) {
            if (contains(s, "\"type\":\"message\"")) {
                assert_int_equal(number_of(s, "offset"), ++offset);
            } else {
                assert_int_equal(number_of(s, "after"), offset);
                heard++;
            }
        }
        assert_int_equal(heard, passing);
        assert_int_equal(offset, words ? 400 : 0);
        str told = expect(line, words ? " notices missed" : "* ");
        assert_true(contains(told, "missed (you were reading too slowly)"));
        assert_int_equal(contains(told, "messages and"), words);
        net_free(n);
    }
}

// A room in which nothing happens holds no frames, at home or where it is read; then it goes on as if it had.
static void a_quiet_room_holds_no_frames(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *a = net_json(n, 0), *b = net_json(n, 1);
    join(a, room, "");
    join(b, room, ",\"history\":10");
    for (int i = 1; i <= 40; i++)
        say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", room, i);
    struct client *late = net_json(n, 0);
    join(late, room, ",\"history\":30");
    struct room *r = net_room_at(n, room);
    assert_int_equal(tracks_chain(&r->live.tracks, ENCODING_JSON)->n, 1);
    assert_non_null(r->replay);
    net_wait(n, 5000);
    assert_int_equal(tracks_chain(&r->live.tracks, ENCODING_JSON)->n, 0);
    for (uint32_t s = 0; s < 2; s++) {
        str name = str_from_cstr(room);
        uint32_t index = outlet_find(&n->sh[s]->fan, name, siphash(&n->settings.hash_key, name.p, name.n));
        assert_int_equal(tracks_chain(&outlet_at(&n->sh[s]->fan, index)->tracks, ENCODING_JSON)->n, 0);
    }
    net_wait(n, REPLAY_IDLE_MS + 1000);
    assert_null(r->replay);
    assert_int_equal(r->log.head, 40);
    forget(a);
    forget(b);
    forget(late);
    say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"again\"}", room);
    assert_int_equal(number_of(expect(b, "\"data\":\"again\""), "offset"), 41);
    assert_int_equal(number_of(expect(late, "\"data\":\"again\""), "offset"), 41);
    net_free(n);
}

// --- signals

static void a_signal_is_heard_and_forgotten(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        net_start(n);
        const char *room = net_room(n, shards - 1, 0);
        struct client *a = net_json(n, 0), *b = net_json(n, shards - 1), *t = net_line(n, 0);
        join(a, room, "");
        join(b, room, "");
        say(t, "/join %s", room);
        say(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", room);
        forget(a);
        forget(b);
        forget(t);
        say(a, "{\"type\":\"signal\",\"id\":7,\"room\":\"%s\",\"data\":{\"typing\": true}}", room);
        str s = expect(b, "\"type\":\"signal\"");
        assert_int_equal(number_of(s, "after"), 1);
        assert_true(contains(s, a->user) && contains(s, "\"data\":{\"typing\": true}}")); // byte for byte
        expect_nothing(a); // neither an ack nor the signal itself
        expect_nothing(t); // a terminal has no words for it
        assert_int_equal(net_room_at(n, room)->log.head, 1);
        say(a, "{\"type\":\"message\",\"id\":8,\"room\":\"%s\",\"data\":2}", room);
        assert_int_equal(number_of(expect(a, "\"type\":\"ack\""), "offset"), 2);
        expect(b, "\"data\":2");
        expect(t, ": 2");
        struct client *late = net_json(n, 0);
        join(late, room, ",\"history\":10");
        expect(late, "joined");
        expect(late, "\"data\":1}");
        expect(late, "\"data\":2}");
        expect_nothing(late);
        say(late, "{\"type\":\"signal\",\"id\":9,\"room\":\"elsewhere\",\"data\":1}");
        expect(late, "\"code\":\"not_member\"");
        say(late, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":\"%04095d\"}", room, 1);
        expect(late, "\"code\":\"too_large\"");
        say(late, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":\"%04094d\"}", room, 1);
        expect_nothing(late);
        net_free(n);
    }
}

// Of several of one sender that have not gone out, the last one counts; others' are their own.
static void the_last_signal_counts(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.member_grace_ms = 0;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, 1);
    join(a, room, "");
    join(b, room, "");
    join(c, room, "");
    forget(a);
    forget(b);
    forget(c);
    n->hold[0][1] = true; // so that they arrive together
    for (int i = 0; i < 20; i++) {
        post(a, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":\"a%d\"}", room, i);
        post(b, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":\"b%d\"}", room, i);
    }
    net_settle(n);
    n->hold[0][1] = false;
    net_settle(n);
    expect(c, "\"data\":\"a19\"");
    expect(c, "\"data\":\"b19\"");
    expect_nothing(c);
    expect(a, "\"data\":\"b19\"");
    expect(b, "\"data\":\"a19\"");
    assert_int_equal(METRIC(n, passing), 3 + 2);
    assert_int_equal(client_asker(a)->pending, 0);
    // Who is gone before its signal has its place is not heard any more, and nothing waits for it.
    n->hold[0][1] = true;
    post(a, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":\"late\"}", room);
    net_settle(n);
    cut(a);
    net_settle(n);
    n->hold[0][1] = false;
    net_settle(n);
    expect(c, "\"type\":\"member:left\"");
    expect_nothing(c);
    net_free(n);
}

// That somebody is typing is told before what was typed, also where both come at once; and not before what was said before it.
static void a_signal_is_heard_before_what_its_sender_says(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = net_new(2);
        net_start(n);
        const char *room = net_room(n, home, 0);
        struct client *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, 1);
        join(a, room, "");
        join(b, room, "");
        join(c, room, "");
        forget(a);
        forget(b);
        forget(c);
        n->hold[0][1] = true; // so that they arrive together
        post(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", room);
        post(a, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":2}", room);
        post(b, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":3}", room);
        post(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":4}", room);
        post(a, "{\"type\":\"message\",\"room\":\"%s\",\"data\":5}", room);
        net_settle(n);
        n->hold[0][1] = false;
        net_settle(n);
        expect(c, "\"data\":1");
        expect(c, "\"data\":2");
        expect(c, "\"data\":4");
        expect(c, "\"data\":5");
        expect(c, "\"data\":3");
        expect_nothing(c);
        net_free(n);
    }
}

static void signals_have_a_rate_of_their_own(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.signals = (struct rate){10, 3};
    n->settings.commands_per_s = 10;
    n->settings.commands_burst = 2;
    net_start(n);
    struct client *c = net_json(n, 0);
    join(c, on[0], "");
    forget(c);
    for (int i = 0; i < 3; i++)
        say(c, "{\"type\":\"signal\",\"room\":\"r\",\"data\":1}");
    expect_nothing(c);
    say(c, "{\"type\":\"signal\",\"id\":4,\"room\":\"r\",\"data\":1}");
    str s = expect(c, "\"code\":\"rate_limited\"");
    assert_int_equal(number_of(s, "id"), 4);
    assert_int_equal(number_of(s, "retry_ms"), 100);
    net_wait(n, 200);
    say(c, "{\"type\":\"ping\",\"id\":5}"); // commands were not touched by it
    expect(c, "pong");
    net_wait(n, 100);
    say(c, "{\"type\":\"signal\",\"room\":\"r\",\"data\":1}");
    expect_nothing(c);
    for (int i = 0; i < 60; i++)
        post(c, "{\"type\":\"signal\",\"room\":\"r\",\"data\":1}");
    net_wait(n, 10);
    assert_int_equal(c->close_code, WS_CLOSE_POLICY);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guests_push_nothing_out),
        cmocka_unit_test(an_hour_of_coming_and_going),
        cmocka_unit_test(all_come_back_to_everything),
        cmocka_unit_test(it_has_one_place_for_all),
        cmocka_unit_test(a_gap_of_what_passed_is_told),
        cmocka_unit_test(a_quiet_room_holds_no_frames),
        cmocka_unit_test(a_signal_is_heard_and_forgotten),
        cmocka_unit_test(the_last_signal_counts),
        cmocka_unit_test(signals_have_a_rate_of_their_own),
        cmocka_unit_test(a_signal_is_heard_before_what_its_sender_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
