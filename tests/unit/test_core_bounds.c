// SPDX-License-Identifier: Apache-2.0
//
// What one peer can make the server keep for it, and for how long.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

// Nobody asked the reader whether it wants these, so its own pace does not stop them: only the bound does.
static void directs_to_a_stalled_reader_are_bounded(void **state)
{
    (void)state;
    enum { DIRECT_BYTES = 1000, REPLY_BYTES = 8192, DIRECTS = 100 };
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        n->settings.reply_bytes = REPLY_BYTES;
        n->settings.close_ms = 60000;
        net_start(n);
        struct client *a = net_json(n, 0), *b = net_json(n, shards - 1), *other = net_json(n, shards - 1);
        char to[USER_ID_MAX + 1];
        memcpy(to, b->user, sizeof to);
        size_t before = mem_used(&n->mem);
        b->stalled = true;
        uint32_t reached = 0;
        for (int i = 0; i < DIRECTS; i++) {
            say(a, "{\"type\":\"direct\",\"id\":%d,\"to\":\"%s\",\"data\":\"%0*d\"}", i, to, DIRECT_BYTES, i);
            reached += (uint32_t)number_of(expect(a, "\"type\":\"ack\""), "delivered");
            assert_true(mem_used(&n->mem) < before + 4 * REPLY_BYTES);
        }
        // It got its measure, and then was parted from; the sender was told for each whether somebody was there.
        assert_true(reached >= 2 * REPLY_BYTES / (2 * DIRECT_BYTES) && reached < DIRECTS / 2);
        assert_int_equal(METRIC(n, closed_slow), 1);
        assert_int_equal(n->notices[NOTICE_SLOW_READER], 1);
        b->stalled = false;
        net_settle(n);
        net_wait(n, 1000);
        assert_int_equal(b->close_code, WS_CLOSE_TRY_LATER);
        assert_true(b->closed);
        // What was taken for it before the end comes before the end, in order.
        for (uint32_t i = 0; i + 1 < reached; i++) {
            char part[32];
            snprintf(part, sizeof part, "%0*u\"}", 8, i);
            expect(b, part);
        }
        say(a, "{\"type\":\"direct\",\"id\":\"o\",\"to\":\"%s\",\"data\":1}", other->user);
        expect(other, "\"type\":\"direct\"");
        net_free(n);
    }
}

// The buffer that a message is unescaped in grows with it, and does not stay that large.
static void a_huge_message_leaves_nothing_behind(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 4 * 1024 * 1024, KEPT_MAX = 1024 * 1024 };
    for (int line = 0; line < 2; line++) {
        struct net *n = net_new(1);
        n->settings.message_bytes = HUGE_BYTES;
        n->settings.log_bytes = 16 * 1024;
        n->settings.log_entries = 1;
        net_start(n);
        struct client *c = line ? net_line(n, 0) : net_json(n, 0);
        char *words = malloc(HUGE_BYTES / 2 + 1);
        assert_non_null(words);
        memset(words, 'x', HUGE_BYTES / 2);
        words[HUGE_BYTES / 2] = '\0';
        say(c, line ? "before" : "{\"type\":\"nonsense\",\"data\":\"\"}");
        size_t before = mem_used(&n->mem);
        say(c, line ? "/nick %s" : "{\"type\":\"nonsense\",\"data\":\"%s\"}", words); // refused, but decoded
        assert_true(mem_used(&n->mem) < before + KEPT_MAX);
        forget(c);
        free(words);
        net_free(n);
    }
}

// A page of history, or what a newcomer is told, is made once for all who ask for it, in each language; who does not
// read it holds a reference to it, and no copy.
static void a_history_for_many_is_made_once(void **state)
{
    (void)state;
    enum { WORDS = 4000, MESSAGES = 50, CROWD = 40 };
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_new(shards);
        n->settings.reply_bytes = 4 * WORDS * MESSAGES;
        n->settings.lag_bytes = 4 * WORDS * MESSAGES;
        n->settings.connections_max = 200;
        net_start(n);
        struct client *a = net_json(n, 0);
        say(a, "{\"type\":\"join\",\"room\":\"r\"}");
        for (int i = 0; i < MESSAGES; i++)
            say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"%0*d\"}", WORDS, i);
        struct client *crowd[CROWD];
        for (uint32_t i = 0; i < CROWD; i++) {
            crowd[i] = net_json(n, i % shards);
            say(crowd[i], "{\"type\":\"join\",\"room\":\"r\"}");
            crowd[i]->stalled = true;
        }
        size_t before = mem_used(&n->mem);
        for (uint32_t i = 0; i < CROWD; i++)
            say(crowd[i], "{\"type\":\"history\",\"id\":\"h\",\"room\":\"r\",\"limit\":%d}", MESSAGES);
        for (uint32_t i = 0; i < CROWD; i++) { // and as many newcomers
            struct client *c = net_json(n, i % shards);
            c->stalled = true;
            say(c, "{\"type\":\"join\",\"room\":\"r\",\"history\":%d}", MESSAGES);
        }
        size_t page = (size_t)WORDS * MESSAGES, taken = mem_used(&n->mem) - before;
        size_t copies = 2 * CROWD * page; // if everyone had its own
        assert_true(taken > 2 * page);    // as rows, and as frames
        assert_true(taken < copies / 8);
        for (uint32_t i = 0; i < CROWD; i++) {
            crowd[i]->stalled = false;
            net_settle(n);
            str got = hear(crowd[i]);
            while (got.n != 0 && !contains(got, "\"id\":\"h\""))
                got = hear(crowd[i]); // who else came
            assert_true(got.n > page && contains(got, "\"offset\":1,") && contains(got, "\"offset\":50,"));
        }
        net_free(n);
    }
}

// Answers that a slow shard does not take are within the budget: what there is no memory to tell is refused in few words, and
// nobody is cut off for it.
static void answers_that_wait_stay_within_the_budget(void **state)
{
    (void)state;
    enum { CLIENTS = 60, ASKS = 20 };
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *c[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = net_json(n, 0);
        say(c[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    for (int i = 0; i < CLIENTS; i++)
        forget(c[i]);
    n->jam[1][0] = true;
    for (int k = 0; k < ASKS; k++)
        for (int i = 0; i < CLIENTS; i++)
            post(c[i], "{\"type\":\"members\",\"id\":%d,\"room\":\"%s\"}", k, room);
    for (int i = 0; i < CLIENTS; i++)
        post(c[i], "{\"type\":\"message\",\"id\":99,\"room\":\"%s\",\"data\":1}", room);
    net_turn(n, 0); // the asks are made, and there is room for some lists
    n->mem.bytes_max = mem_used(&n->mem) + 200 * 1000;
    for (int turn = 0; turn < 20; turn++) {
        net_turn(n, turn % 2 == 0 ? 1 : 0);
        assert_true(mem_used(&n->mem) <= n->mem.bytes_max);
    }
    assert_int_equal(n->sh[0]->mail.under_way, CLIENTS * (ASKS + 1));
    mailroom_check(&n->sh[0]->mail);
    n->mem.bytes_max = 0;
    n->jam[1][0] = false;
    net_settle(n);
    uint32_t lists = 0, refused = 0, acks = 0;
    for (int i = 0; i < CLIENTS; i++)
        for (str m; (m = hear(c[i])).p != NULL;) {
            lists += contains(m, "\"type\":\"members\"");
            refused += contains(m, "\"code\":\"unavailable\"");
            acks += contains(m, "\"type\":\"ack\"");
        }
    assert_true(lists > 0 && refused > 0);
    assert_true(lists + refused + acks >= CLIENTS * (ASKS + 1));
    assert_int_equal(n->sh[0]->mail.under_way, 0);
    assert_int_equal(METRIC(n, closed_memory), 0);
    net_free(n);
}

// A shard that takes nothing is not told of every turn in which something was said, and hears of all of it afterwards.
static void announcements_do_not_pile_up(void **state)
{
    (void)state;
    enum { CREDITS = 4, SAID = 200 };
    struct net *n = net_new(2);
    n->settings.mail_credits = CREDITS;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *reader = net_json(n, 0), *writer = net_json(n, 1);
    say(reader, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    say(writer, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(reader);
    n->jam[1][0] = true;
    for (int i = 0; i < SAID; i++) {
        say(writer, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":%d}", i, room, i);
        assert_true(shard_mail_waiting(n->sh[1], 0) <= CREDITS);
    }
    assert_true(shard_next_due_ms(n->sh[1]) > n->now_ms); // waiting is not to be busy
    n->jam[1][0] = false;
    net_settle(n);
    char part[64];
    for (int i = 0; i < SAID; i++) {
        snprintf(part, sizeof part, "\"data\":%d}", i);
        expect(reader, part);
    }
    expect_nothing(reader);
    net_free(n);
}

// A connection's end is told in one mail to each home, however many rooms it was in.
static void a_departure_is_one_mail(void **state)
{
    (void)state;
    enum { ROOMS = 12 };
    struct net *n = net_new(2);
    net_start(n);
    char rooms[ROOMS][32];
    struct client *c = net_json(n, 0), *witness = net_json(n, 1);
    for (uint32_t i = 0; i < ROOMS; i++) {
        snprintf(rooms[i], sizeof rooms[i], "%s", net_room(n, 1, i));
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
        say(witness, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
    }
    forget(witness);
    n->jam[0][1] = true;
    cut(c);
    net_turn(n, 0);
    assert_true(shard_mail_waiting(n->sh[0], 1) <= 2); // and perhaps the end of its registration
    n->jam[0][1] = false;
    net_settle(n);
    for (uint32_t i = 0; i < ROOMS; i++)
        expect(witness, "\"connected\":false");
    expect_nothing(witness);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directs_to_a_stalled_reader_are_bounded),
        cmocka_unit_test(a_huge_message_leaves_nothing_behind),
        cmocka_unit_test(a_history_for_many_is_made_once),
        cmocka_unit_test(answers_that_wait_stay_within_the_budget),
        cmocka_unit_test(announcements_do_not_pile_up),
        cmocka_unit_test(a_departure_is_one_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
