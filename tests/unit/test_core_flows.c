// SPDX-License-Identifier: Apache-2.0
//
// What clients ask and are answered, with one, two and three shards: the same everywhere.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static char rooms[6][32];

static struct net *world(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_start(n);
    for (uint32_t i = 0; i < 6; i++)
        snprintf(rooms[i], 32, "%s", net_room(n, i % shards, i / shards));
    return n;
}

static void join_publish_leave(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t home = 0; home < shards; home++) {
            struct net *n = world(shards);
            struct client *c[6];
            for (uint32_t i = 0; i < 6; i++) {
                c[i] = net_json(n, i % shards);
                say(c[i], "{\"type\":\"join\",\"id\":\"j%u\",\"room\":\"%s\",\"members\":true}", i,
                    rooms[home]);
                str s = expect(c[i], "\"type\":\"joined\"");
                assert_int_equal(number_of(s, "offset"), 0);
                assert_int_equal(number_of(s, "members_count"), i + 1);
                for (uint32_t k = 0; k <= i; k++)
                    assert_true(contains(s, c[k]->user));
                for (uint32_t k = 0; k < i; k++)
                    assert_int_equal(number_of(expect(c[k], "\"type\":\"member:joined\""), "after"), 0);
            }
            say(c[2], "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":{\"a\": [1, 2.50]}}",
                rooms[home]);
            assert_int_equal(number_of(expect(c[2], "\"type\":\"ack\",\"id\":1"), "offset"), 1);
            for (uint32_t i = 0; i < 6; i++)
                if (i != 2)
                    expect(c[i], "\"data\":{\"a\": [1, 2.50]}}"); // byte for byte
            say(c[3], "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":0,\"echo\":true}",
                rooms[home]);
            expect(c[3], "\"type\":\"ack\",\"id\":2"); // the ack never comes after the echo
            for (uint32_t i = 0; i < 6; i++)
                assert_int_equal(number_of(expect(c[i], "\"data\":0}"), "offset"), 2);
            say(c[4], "{\"type\":\"leave\",\"id\":3,\"room\":\"%s\"}", rooms[home]);
            expect(c[4], "\"type\":\"left\",\"id\":3");
            for (uint32_t i = 0; i < 6; i++)
                if (i != 4)
                    assert_int_equal(number_of(expect(c[i], "\"type\":\"member:left\""), "after"), 2);
            say(c[0], "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", rooms[home]);
            expect_nothing(c[4]); // isolation
            expect_nothing(c[0]); // no id, no ack
            say(c[4], "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", rooms[home]);
            expect(c[4], "\"code\":\"not_member\"");
            say(c[4], "{\"type\":\"leave\",\"room\":\"%s\"}", rooms[home]);
            expect(c[4], "\"code\":\"not_member\"");
            say(c[0], "{\"type\":\"join\",\"id\":9,\"room\":\"%s\"}", rooms[home]);
            expect(c[0], "\"code\":\"already_member\"");
            net_free(n);
        }
}

static void switching(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t to = 1; to < 4; to++) {
            struct net *n = world(shards);
            n->settings.rooms_per_connection = 1;
            struct client *a = net_json(n, 0), *w0 = net_json(n, shards - 1), *w1 = net_json(n, shards - 1);
            say(w0, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
            say(w1, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[to]);
            say(a, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
            say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", rooms[to]);
            forget(w0);
            forget(w1);
            expect(a, "\"type\":\"joined\"");
            expect(a, "\"code\":\"limit_reached\"");
            // Both rooms talk while it switches.
            post(w0, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"old\"}", rooms[0]);
            post(w1, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"new\"}", rooms[to]);
            post(a, "{\"type\":\"switch\",\"id\":2,\"from\":\"%s\",\"to\":\"%s\"}", rooms[0], rooms[to]);
            post(a, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":\"here\"}", rooms[to]);
            net_settle(n);
            bool joined = false;
            for (str s; (s = hear(a)).p != NULL;) {
                if (contains(s, "\"type\":\"joined\",\"id\":2")) {
                    char left[32];
                    string_of(s, "left", left, sizeof left);
                    assert_string_equal(left, rooms[0]);
                    joined = true;
                } else if (contains(s, "\"data\":\"old\"")) {
                    assert_false(
                        joined); // nothing of the old room after the reply, nothing of the new one before
                } else if (contains(s, "\"data\":\"new\"") || contains(s, "\"id\":3")) {
                    assert_true(joined);
                }
            }
            assert_true(joined);
            say(w0, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"old\"}", rooms[0]);
            expect_nothing(a);
            say(w1, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"new\"}", rooms[to]);
            expect(a, "\"data\":\"new\"");
            assert_int_equal(net_room_at(n, rooms[0])->members, 1);
            assert_int_equal(net_room_at(n, rooms[to])->members, 2);
            assert_int_equal(client_reader(a)->member_n, 1);
            assert_null(client_asker(a)->switching);
            net_free(n);
        }
}

static void a_refused_switch_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = world(shards);
        n->settings.room_members_max = 2;
        struct client *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, shards - 1);
        say(a, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
        say(b, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
        forget(a);
        forget(b);
        forget(c);
        uint64_t heads[2] = {net_room_at(n, rooms[0])->log.head, net_room_at(n, rooms[1])->log.head};
        static const char *const cases[][3] = {
            {"0", "1", "room_full"},
            {"0", "0", "already_member"},
            {"2", "1", "not_member"},
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            say(a, "{\"type\":\"switch\",\"id\":%zu,\"from\":\"%s\",\"to\":\"%s\"}", i,
                rooms[cases[i][0][0] - '0'], rooms[cases[i][1][0] - '0']);
            expect(a, cases[i][2]);
            assert_null(client_asker(a)->switching);
            assert_false(client_asker(a)->exclusive);
        }
        expect_nothing(b);
        expect_nothing(c);
        assert_int_equal(net_room_at(n, rooms[0])->log.head, heads[0]);
        assert_int_equal(net_room_at(n, rooms[1])->log.head, heads[1]);
        net_check(n);
        say(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", rooms[0]);
        expect(a, "\"data\":1"); // it is where it was
        net_free(n);
    }
}

static void text_clients_switch_by_joining(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = world(shards);
        struct client *t = net_line(n, 0), *w = net_json(n, shards - 1);
        say(w, "{\"type\":\"join\",\"room\":\"lobby\"}");
        say(w, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
        forget(w);
        forget(t);
        say(t, "hello");
        assert_true(contains(expect(w, "\"data\":\"hello\""), "\"room\":\"lobby\""));
        expect(t, ": hello"); // the sender included
        say(t, "/join %s", rooms[1]);
        expect(t, "* joined ");
        str s[2] = {hear(w), hear(w)}; // of two rooms, in either order
        assert_true(contains(s[0], "member:joined") != contains(s[1], "member:joined"));
        assert_true(contains(s[0], "member:left") != contains(s[1], "member:left"));
        say(t, "again");
        char part[64];
        snprintf(part, sizeof part, "\"room\":\"%s\"", rooms[1]);
        assert_true(contains(expect(w, "\"data\":\"again\""), part));
        post(t, "last words");
        say(t, "/quit");
        net_wait(n, 200); // it stays for a moment, to see its own words
        expect(t, ": again");
        expect(t, ": last words");
        expect(t, "* bye");
        expect(w, "last words");
        expect(w, "member:left");
        assert_true(t->closed);
        net_free(n);
    }
}

static void keys_publish_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = world(shards);
        struct client *a = net_json(n, 0), *b = net_json(n, 0), *w = net_json(n, 0);
        for (int i = 0; i < 2; i++) {
            say(a, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
            say(b, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
            say(w, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
        }
        forget(a);
        forget(b);
        forget(w);
        uint64_t offset = 0;
        for (int i = 0; i < 3; i++) {
            say(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"key\":\"k\",\"data\":%d}", i, rooms[0],
                i);
            str s = expect(a, "\"type\":\"ack\"");
            offset = i == 0 ? number_of(s, "offset") : offset;
            assert_int_equal(number_of(s, "offset"), offset);
            assert_int_equal(contains(s, "\"duplicate\":true"), i > 0);
        }
        expect(w, "\"data\":0}");
        expect_nothing(w);
        // The same key of another user, or in another room, is another key.
        say(b, "{\"type\":\"message\",\"room\":\"%s\",\"key\":\"k\",\"data\":\"b\"}", rooms[0]);
        say(a, "{\"type\":\"message\",\"room\":\"%s\",\"key\":\"k\",\"data\":\"r\"}", rooms[1]);
        expect(w, "\"data\":\"b\"");
        expect(w, "\"data\":\"r\"");
        net_wait(n, n->settings.idempotency_ms + 1);
        say(a, "{\"type\":\"message\",\"room\":\"%s\",\"key\":\"k\",\"data\":\"later\"}", rooms[0]);
        expect(w, "\"data\":\"later\"");
        net_free(n);
    }
}

static void directs(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = world(shards);
        struct client *c[6];
        for (uint32_t i = 0; i < 6; i++)
            c[i] = net_json(n, i % shards);
        for (uint32_t i = 0; i < 6; i++)
            for (uint32_t k = 0; k < 6; k++) { // to oneself too
                say(c[i], "{\"type\":\"direct\",\"id\":1,\"to\":\"%s\",\"data\":%u}", c[k]->user, 100 + i);
                if (i == k)
                    assert_true(contains(expect(c[k], "\"type\":\"direct\""), c[i]->session));
                assert_int_equal(number_of(expect(c[i], "\"type\":\"ack\""), "delivered"), 1);
                if (i != k) {
                    str s = expect(c[k], "\"type\":\"direct\"");
                    assert_int_equal(number_of(s, "data"), 100 + i);
                    assert_true(contains(s, c[i]->session));
                }
            }
        say(c[0], "{\"type\":\"direct\",\"id\":2,\"to\":\"nobody\",\"data\":1}");
        assert_int_equal(number_of(expect(c[0], "ack"), "delivered"), 0);
        for (int i = 0; i < 2; i++) {
            say(c[0], "{\"type\":\"direct\",\"id\":3,\"to\":\"%s\",\"key\":\"k\",\"data\":7}", c[1]->user);
            str s = expect(c[0], "ack");
            assert_int_equal(number_of(s, "delivered"), 1);
            assert_int_equal(contains(s, "\"duplicate\":true"), i);
        }
        expect(c[1], "\"data\":7");
        for (uint32_t i = 0; i < 6; i++)
            expect_nothing(c[i]);
        net_free(n);
    }
}

// A key stands for what was delivered: with nobody there, nothing was, and saying it again is a new attempt.
static void a_direct_that_reached_nobody_may_be_said_again(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = world(shards);
        struct client *a = net_json(n, 0), *b = net_json(n, shards - 1);
        cut(b);
        static const struct {
            uint32_t delivered;
            bool duplicate;
        } wanted[] = {{0, false}, {0, false}, {1, false}, {1, true}, {1, true}};
        struct client *back = NULL;
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
            if (wanted[i].delivered != 0 && back == NULL) {
                back = net_ws(n, 0, "/ws");
                say(back, "{\"type\":\"hello\",\"resume\":\"%s\"}", b->resume);
                assert_true(contains(expect(back, "\"type\":\"welcome\""), b->user));
            }
            say(a, "{\"type\":\"direct\",\"id\":%zu,\"to\":\"%s\",\"key\":\"k\",\"data\":%zu}", i, b->user,
                i);
            str s = expect(a, "\"type\":\"ack\"");
            assert_int_equal(number_of(s, "delivered"), wanted[i].delivered);
            assert_int_equal(contains(s, "\"duplicate\":true"), wanted[i].duplicate);
        }
        assert_int_equal(number_of(expect(back, "\"type\":\"direct\""), "data"), 2); // once
        expect_nothing(back);
        net_free(n);
    }
}

static void directs_by_name(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = world(shards);
        struct client *a = net_line(n, 0), *b = net_line(n, shards - 1), *j = net_json(n, shards - 1);
        say(b, "/nick Bea");
        say(j, "{\"type\":\"join\",\"room\":\"lobby\"}");
        forget(a);
        forget(b);
        forget(j);
        say(a, "/msg Bea psst");
        expect(b, "* direct from ");
        expect(a, "* delivered to 1 session");
        say(a, "/msg %s you too", j->user);
        assert_true(contains(expect(j, "\"type\":\"direct\""), "\"data\":\"you too\""));
        expect(a, "* delivered to ");
        say(a, "/msg Nobody hm");
        expect(a, "Nobody is not online");
        expect_nothing(b);
        net_free(n);
    }
}

static void recovery_since(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = world(shards);
        n->settings.log_entries = 20;
        struct client *w = net_json(n, 0);
        say(w, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
        char epoch[32];
        string_of(expect(w, "joined"), "epoch", epoch, sizeof epoch);
        for (int i = 1; i <= 50; i++)
            say(w, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", rooms[1], i);
        for (uint64_t k = 0; k < 30; k++) { // from before the oldest entry kept to behind the newest
            const struct log *l = &net_room_at(n, rooms[1])->log;
            uint64_t tail = l->tail, head = l->head, since = tail - 5 + k;
            struct client *c = net_json(n, shards - 1);
            if (k % 2 == 1) { // a switch is served like a join
                say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
                expect(c, "joined");
                say(c,
                    "{\"type\":\"switch\",\"from\":\"%s\",\"to\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":%llu}}",
                    rooms[0], rooms[1], epoch, (unsigned long long)since);
            } else {
                say(c, "{\"type\":\"join\",\"room\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":%llu}}",
                    rooms[1], epoch, (unsigned long long)since);
            }
            str s = expect(c, "\"type\":\"joined\"");
            bool recovered = since + 1 >= tail && since <= head;
            assert_int_equal(contains(s, "\"recovered\":true"), recovered);
            assert_int_equal(contains(s, "\"recovered\":false"), !recovered);
            if (recovered) {
                for (uint64_t o = since + 1; o <= head; o++)
                    assert_int_equal(number_of(expect(c, "\"offset\""), "offset"), o);
            } else if (since <= head) {
                s = expect(c, "\"type\":\"gap\"");
                assert_int_equal(number_of(s, "from"), since + 1);
                assert_int_equal(number_of(s, "to"), head);
                assert_true(contains(s, "\"reason\":\"trimmed\""));
            }
            expect_nothing(c); // never a partial recovery
            cut(c);
            net_wait(n, 31000);
            assert_int_equal(l->head, head); // coming and going is no record
        }
        struct client *other = net_json(n, 0);
        say(other, "{\"type\":\"join\",\"room\":\"%s\",\"since\":{\"epoch\":\"AAAAAAAAAAA\",\"offset\":3}}",
            rooms[1]);
        expect(other, "\"recovered\":false");
        expect_nothing(other);
        net_free(n);
    }
}

static void history_on_join(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = world(shards);
        struct client *w = net_json(n, 0);
        say(w, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
        for (int i = 0; i < 30; i++)
            say(w, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", rooms[1], i);
        for (uint32_t back = 0; back < 35; back += 4) {
            uint64_t head = net_room_at(n, rooms[1])->log.head;
            struct client *c = net_json(n, shards - 1);
            say(c, "{\"type\":\"join\",\"room\":\"%s\",\"history\":%u}", rooms[1], back);
            expect(c, "\"type\":\"joined\"");
            assert_int_equal(head, 30);
            uint64_t from = back < 30 ? 31 - back : 1;
            for (uint64_t o = from; o <= head; o++)
                assert_int_equal(number_of(expect(c, "\"offset\""), "offset"), o);
            expect_nothing(c);
            say(w, "{\"type\":\"ping\"}");
            cut(c);
        }
        net_free(n);
    }
}

static void history_pages(void **state)
{
    (void)state;
    struct net *n = world(2);
    n->settings.log_entries = 50;
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
    char epoch[32];
    string_of(expect(c, "joined"), "epoch", epoch, sizeof epoch);
    for (int i = 1; i <= 100; i++)
        say(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", rooms[1], i);
    const struct log *l = &net_room_at(n, rooms[1])->log;
    assert_int_equal(l->tail, 51);
    for (uint64_t at = 0; at < 104; at += 3)
        for (uint32_t limit = 1; limit < 70; limit = limit * 3 + 1)
            for (int since = 0; since < 2; since++) {
                if (since)
                    say(c,
                        "{\"type\":\"history\",\"id\":1,\"room\":\"%s\",\"limit\":%u,\"since\":{\"epoch\":\"%s\",\"offset\":%llu}}",
                        rooms[1], limit, epoch, (unsigned long long)at);
                else
                    say(c, "{\"type\":\"history\",\"id\":1,\"room\":\"%s\",\"limit\":%u,\"before\":%llu}",
                        rooms[1], limit, (unsigned long long)at);
                if (!since && at == 0) {
                    expect(c, "\"code\":\"bad_command\"");
                    continue;
                }
                uint64_t from, to; // both included; slowly
                if (since) {
                    from = at + 1;
                    to = from + limit - 1 < 100 ? from + limit - 1 : 100;
                    if (from < 51 || at > 100) // not all of it is there: none of it
                        to = 0;
                } else {
                    to = at - 1 < 100 ? at - 1 : 100;
                    from = to + 1 > limit ? to + 1 - limit : 1;
                    from = from > 51 ? from : 51;
                }
                str s = expect(c, "\"type\":\"history\",\"id\":1");
                assert_true(contains(s, epoch));
                assert_int_equal(contains(s, "\"recovered\":true"), since && at + 1 >= 51 && at <= 100);
                assert_int_equal(contains(s, "\"recovered\":false"), since && (at + 1 < 51 || at > 100));
                uint64_t count = 0;
                for (const char *p = s.p; (p = memmem(p, (size_t)(s.p + s.n - p), "\"offset\":", 9)) != NULL;
                     p += 9) {
                    assert_int_equal(number_of(str_make(p, (size_t)(s.p + s.n - p)), "offset"), from + count);
                    count++;
                }
                assert_int_equal(count, from <= to ? to - from + 1 : 0);
            }
    net_free(n);
}

static void history_is_bounded_by_bytes(void **state)
{
    (void)state;
    struct net *n = world(1);
    n->settings.reply_bytes = 5000;
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    char epoch[32];
    string_of(expect(c, "joined"), "epoch", epoch, sizeof epoch);
    for (int i = 0; i < 30; i++)
        say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"%01000d\"}", i);
    forget(c);
    say(c, "{\"type\":\"history\",\"id\":1,\"room\":\"r\",\"limit\":1000}");
    str s = expect(c, "\"type\":\"history\"");
    assert_true(s.n < 2 * 5000 && s.n > 2000);
    assert_true(contains(s, "\"offset\":30,")); // the newest
    assert_true(contains(s, "\"offset\":28,") && !contains(s, "\"offset\":27,"));
    forget(c);
    say(c,
        "{\"type\":\"history\",\"id\":1,\"room\":\"r\",\"limit\":1000,\"since\":{\"epoch\":\"%s\",\"offset\":0}}",
        epoch);
    s = expect(c, "\"type\":\"history\""); // from its old end, and as many
    assert_true(contains(s, "\"offset\":1,") && contains(s, "\"offset\":3,") &&
                !contains(s, "\"offset\":4,"));
    say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":[\"%06000d\",\n\n1]}",
        5); // larger than a page may be
    say(c, "{\"type\":\"history\",\"id\":2,\"room\":\"r\",\"limit\":1000}");
    s = expect(c, "\"offset\":31,"); // and of several lines
    assert_true(contains(s, "\n\n1]}]}"));
    say(c, "{\"type\":\"history\",\"id\":1,\"room\":\"r\",\"limit\":1000,\"before\":2}");
    expect(c, "\"offset\":1,");
    net_free(n);
}

static void members_pages(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.connections_max = 100;
    net_start(n);
    char room[32];
    snprintf(room, sizeof room, "%s", net_room(n, 1, 0));
    struct client *c[25];
    for (uint32_t i = 0; i < 25; i++) {
        c[i] = net_json(n, i % 2);
        say(c[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    for (uint32_t limit = 1; limit < 30; limit += 4) {
        forget(c[0]);
        uint32_t seen = 0;
        char after[40] = "";
        for (;;) {
            say(c[0], "{\"type\":\"members\",\"id\":1,\"room\":\"%s\",\"limit\":%u%s}", room, limit, after);
            str s = expect(c[0], "\"type\":\"members\"");
            for (uint32_t k = 0; k < limit && seen < 25; k++)
                assert_true(contains(s, c[seen++]->user)); // in order of joining
            if (!contains(s, "\"next\":"))
                break;
            char next[24];
            string_of(s, "next", next, sizeof next);
            snprintf(after, sizeof after, ",\"after\":\"%s\"", next);
        }
        assert_int_equal(seen, 25);
    }
    say(c[0], "{\"type\":\"members\",\"id\":1,\"room\":\"%s\",\"after\":\"x\"}", room);
    expect(c[0], "\"code\":\"bad_command\"");
    net_free(n);
}

static void rooms_pages_over_all_shards(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = net_new(shards);
        n->settings.rooms_per_connection = 50;
        net_start(n);
        struct client *c = net_json(n, 0), *d = net_json(n, shards - 1);
        for (int i = 0; i < 40; i++) {
            say(c, "{\"type\":\"join\",\"room\":\"%c%02d\"}", i % 2 ? 'a' : 'b', i);
            if (i % 4 == 1)
                say(d, "{\"type\":\"join\",\"room\":\"a%02d\"}", i);
        }
        for (int prefix = 0; prefix < 2; prefix++)
            for (uint32_t limit = 1; limit < 60; limit = 2 * limit + 1) {
                forget(c);
                uint32_t seen = 0;
                char after[40] = "", last[24] = "";
                for (;;) {
                    say(c, "{\"type\":\"rooms\",\"id\":1,\"limit\":%u%s%s}", limit,
                        prefix ? ",\"prefix\":\"a\"" : "", after);
                    str s = expect(c, "\"type\":\"rooms\"");
                    uint32_t rows = 0;
                    for (const char *p = s.p;
                         (p = memmem(p, (size_t)(s.p + s.n - p), "{\"room\":", 8)) != NULL; p += 8) {
                        char name[24];
                        str row = str_make(p, (size_t)(s.p + s.n - p));
                        string_of(row, "room", name, sizeof name);
                        assert_true(strcmp(last, name) < 0); // sorted, none twice
                        snprintf(last, sizeof last, "%s", name);
                        assert_int_equal(number_of(row, "members_count"),
                                         name[0] == 'a' && strtoul(name + 1, NULL, 10) % 4 == 1 ? 2 : 1);
                        rows++;
                    }
                    assert_true(rows <= limit);
                    seen += rows;
                    if (!contains(s, "\"next\":"))
                        break;
                    char next[24];
                    string_of(s, "next", next, sizeof next);
                    assert_string_equal(next, last);
                    snprintf(after, sizeof after, ",\"after\":\"%s\"", next);
                }
                assert_int_equal(seen, prefix ? 20 : 40);
            }
        net_free(n);
    }
}

static void draining_is_paced(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.drain_batch = 3;
    n->settings.drain_interval_ms = 100;
    n->settings.drain_spread_ms = 1000;
    net_start(n);
    struct client *c[20];
    for (int i = 0; i < 20; i++) {
        c[i] = i % 5 == 4 ? net_line(n, 0) : net_json(n, 0);
        if (!c[i]->line)
            say(c[i], "{\"type\":\"join\",\"room\":\"r\"}");
    }
    for (int i = 0; i < 20; i++)
        forget(c[i]);
    struct client *http = net_accept(n, 0, TRANSPORT_HTTP);
    send_bytes(http, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    uint64_t begin = n->now_ms;
    shard_drain(n->sh[0]);
    shard_drain(n->sh[0]); // once is enough
    net_settle(n);
    assert_true(net_accept(n, 0, TRANSPORT_HTTP)->refused);
    assert_false(http->closed);
    send_bytes(http, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    str said = str_make(http->rx.p, http->rx.n);
    assert_true(contains(said, "HTTP/1.1 503 ") && contains(said, "Connection: close") && http->closed);
    uint64_t low = UINT64_MAX, high = 0;
    for (int i = 0; i < 20; i++) {
        if (c[i]->line) {
            expect(c[i], "* server restarts, reconnect in ");
            continue;
        }
        uint64_t own = number_of(expect(c[i], "\"type\":\"drain\""), "reconnect_ms");
        assert_true(own < 1000);
        low = own < low ? own : low;
        high = own > high ? own : high;
    }
    assert_true(high - low > 300); // each has its own
    say(c[0], "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    expect(c[0], "\"type\":\"ack\""); // who is in goes on
    say(c[0], "{\"type\":\"join\",\"id\":2,\"room\":\"new\"}");
    expect(c[0], "\"code\":\"draining\"");
    for (int left = 20; left > 0; left -= 3) {
        assert_int_equal(shard_connections(n->sh[0]), left);
        assert_false(shard_drained(n->sh[0]));
        net_wait(n, 100);
    }
    assert_int_equal(shard_connections(n->sh[0]), 0);
    assert_true(shard_drained(n->sh[0]));
    assert_int_equal(n->now_ms - begin, 700);
    for (int i = 0; i < 20; i++)
        if (!c[i]->line)
            assert_int_equal(c[i]->close_code, WS_CLOSE_RESTART);
    assert_int_equal(METRIC(n, closed_drain), 20); // the HTTP one had ended by itself
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_publish_leave),
        cmocka_unit_test(switching),
        cmocka_unit_test(a_refused_switch_changes_nothing),
        cmocka_unit_test(text_clients_switch_by_joining),
        cmocka_unit_test(keys_publish_once),
        cmocka_unit_test(directs),
        cmocka_unit_test(a_direct_that_reached_nobody_may_be_said_again),
        cmocka_unit_test(directs_by_name),
        cmocka_unit_test(recovery_since),
        cmocka_unit_test(history_on_join),
        cmocka_unit_test(history_pages),
        cmocka_unit_test(history_is_bounded_by_bytes),
        cmocka_unit_test(members_pages),
        cmocka_unit_test(rooms_pages_over_all_shards),
        cmocka_unit_test(draining_is_paced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
