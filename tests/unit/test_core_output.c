// SPDX-License-Identifier: Apache-2.0
//
// Writing in parts of every length: what a slow socket is sent, put together, is what a fast one is sent.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static void commands(struct client *c, const char *type, const char *room, const char *more)
{
    post(c, "{\"type\":\"%s\",\"room\":\"%s\"%s}", type, room, more);
}

// Offsets of a room a client was sent, each once, rising by one but where a gap says otherwise. Own entries that are
// skipped are those in `own`.
struct reading_of {
    uint64_t next;
    bool own[4000];
    uint32_t entries, gaps;
};

static void read_entry(struct reading_of *r, str s)
{
    if (contains(s, "\"type\":\"gap\"")) {
        assert_int_equal(number_of(s, "from"), r->next);
        r->next = number_of(s, "to") + 1;
        r->gaps++;
        return;
    }
    while (r->own[r->next])
        r->next++;
    assert_int_equal(number_of(s, "offset"), r->next);
    r->next++;
    r->entries++;
}

static void every_partial_write(void **state)
{
    (void)state;
    for (size_t part = 1; part <= 900; part += part < 140 ? 1 : 53) {
        struct net *n = net_new(2);
        n->settings.lag_bytes = 10 * 1024 * 1024;
        net_start(n);
        char rooms[3][32];
        for (uint32_t i = 0; i < 3; i++)
            snprintf(rooms[i], 32, "%s", net_room(n, i % 2, i));
        struct client *writer = net_json(n, 1), *reader = net_json(n, 0);
        for (int i = 0; i < 3; i++) {
            commands(writer, "join", rooms[i], "");
            commands(reader, "join", rooms[i], "");
            net_settle(n);
        }
        forget(reader);
        reader->take_max = part;
        n->mail_max = part % 4; // an ack, and with it a skip, may come turns before the entry is announced
        static struct reading_of seen[3];
        memset(seen, 0, sizeof seen);
        for (int i = 0; i < 3; i++)
            seen[i].next = 1;
        for (int k = 0; k < 40; k++) {
            char data[400];
            snprintf(data, sizeof data, ",\"data\":\"%0*d\"", 1 + k * 37 % 180, k);
            commands(writer, "message", rooms[k % 3], data);
            if (k % 4 == 1) { // runs of the reader's own entries, at the beginning, in the middle, at the end
                commands(reader, "message", rooms[k % 3],
                         k % 8 == 1 ? ",\"data\":\"own\"" : ",\"data\":\"own\",\"echo\":true");
            }
            if (k % 3 == 2) {
                reader->stalled = k % 2;
                net_turn(n, 1);
                net_turn(n, 0);
            }
        }
        reader->stalled = false;
        net_wait(n, 10);
        assert_int_equal(reader->rx.n, reader->parsed);
        for (int i = 0; i < 3; i++) { // which entries were its own and not asked back
            struct room *r = net_room_at(n, rooms[i]);
            for (uint64_t o = 1; o <= r->log.head; o++) {
                struct entry e;
                log_entry(&r->log, o, STR("r"), &e);
                seen[i].own[o] = e.type == ENTRY_MESSAGE && str_eq(e.data, STR("\"own\"")) &&
                                 str_eq(e.user, str_from_cstr(reader->user));
            }
        }
        uint32_t echoes = 0;
        for (str s; (s = hear(reader)).p != NULL;) {
            for (int i = 0; i < 3; i++) {
                char quoted[64];
                struct entry e;
                snprintf(quoted, sizeof quoted, "\"room\":\"%s\",\"offset\"", rooms[i]);
                if (!contains(s, quoted))
                    continue;
                uint64_t o = number_of(s, "offset");
                if (seen[i].own[o]) { // an echo that was asked for
                    assert_true(contains(s, "\"data\":\"own\""));
                    seen[i].own[o] = false;
                    echoes++;
                }
                read_entry(&seen[i], s);
                log_entry(&net_room_at(n, rooms[i])->log, o, STR("r"), &e);
                if (e.type == ENTRY_MESSAGE)
                    assert_non_null(memmem(s.p, s.n, e.data.p, e.data.n));
            }
        }
        assert_int_equal(echoes, 5);
        for (int i = 0; i < 3; i++) {
            while (seen[i].own[seen[i].next])
                seen[i].next++;
            assert_int_equal(seen[i].next, net_room_at(n, rooms[i])->log.head + 1);
            assert_int_equal(seen[i].gaps, 0);
            assert_true(seen[i].entries > 12);
        }
        assert_null(client_reader(reader)->skips); // nothing is left over
        assert_null(client_reader(reader)->out.head);
        net_free(n);
    }
}

// The same, with a lag limit: gaps are announced between entries, never inside one, and cover exactly what is missing.
static void gaps_are_exact_at_every_partial_write(void **state)
{
    (void)state;
    uint32_t gaps = 0;
    for (size_t part = 1; part < 600; part += part < 60 ? 3 : 41) {
        struct net *n = net_new(2);
        n->settings.lag_bytes = 2000;
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *writer = net_json(n, 1), *reader = net_json(n, 0);
        commands(writer, "join", room, "");
        net_settle(n);
        commands(reader, "join", room, "");
        net_settle(n);
        forget(reader);
        struct reading_of seen = {.next = 1};
        reader->take_max = part;
        for (int k = 0; k < 300; k++) {
            char data[400];
            snprintf(data, sizeof data, ",\"data\":\"%0*d\"", 1 + k * 37 % 180, k);
            commands(writer, "message", room, data);
            if (k % 5 == 0) {
                net_turn(n, 1);
                net_turn(n, 0);
                n->now_ms += 50;
            }
            reader->stalled = k / 50 % 2;
            if (k % 50 == 0) {
                for (int i = 0; i < 200; i++)
                    net_turn(n, 0);
                n->now_ms += 500;
            }
        }
        reader->stalled = false;
        net_wait(n, 10);
        for (str s; (s = hear(reader)).p != NULL;)
            read_entry(&seen, s);
        assert_int_equal(seen.next, net_room_at(n, room)->log.head + 1);
        assert_int_equal(METRIC(n, gaps), seen.gaps);
        assert_int_equal(METRIC(n, gap_entries), 300 - seen.entries);
        gaps += seen.gaps;
        net_free(n);
    }
    assert_true(gaps > 10);
}

// A half-written entry is finished though its segment is trimmed, its room left, or the connection closed.
static void half_an_entry_is_always_finished(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++)
        for (size_t half = 1; half < 250; half += 7) {
            struct net *n = net_new(1);
            n->settings.lag_bytes = 1024;
            net_start(n);
            struct client *writer = net_json(n, 0), *reader = net_json(n, 0);
            commands(writer, "join", "r", "");
            commands(reader, "join", "r", "");
            net_settle(n);
            forget(reader);
            reader->take_max = half;
            char data[300];
            snprintf(data, sizeof data, ",\"data\":\"%0200d\"", 1);
            commands(writer, "message", "r", data);
            net_turn(n, 0);
            reader->stalled = true;
            reader->take_max = SIZE_MAX;
            net_settle(n);
            if (how == 0) { // it loses what follows
                for (int k = 0; k < 100; k++)
                    commands(writer, "message", "r", data);
                net_settle(n);
                net_wait(n, 1000);
            } else if (how == 1) {
                commands(reader, "leave", "r", ",\"id\":1");
            } else if (how == 2) {
                post_bytes(reader,
                           "\x83\x80"
                           "abcd",
                           6); // a broken frame
            } else {
                cut(writer);
            }
            net_wait(n, 10);
            net_check(n);
            reader->stalled = false;
            net_wait(n, 10);
            assert_int_equal(reader->rx.n, reader->parsed);
            str s = expect(reader, "\"type\":\"message\"");
            assert_true(contains(s, "00001\"}"));
            if (how == 0)
                expect(reader, "\"type\":\"gap\"");
            else if (how == 1)
                expect(reader, "\"type\":\"left\"");
            else if (how == 2)
                assert_int_equal(reader->close_code, WS_CLOSE_PROTOCOL);
            else
                expect(reader, "\"connected\":false");
            net_free(n);
        }
}

static void one_write_carries_all_rooms(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *writer = net_json(n, 0), *reader = net_json(n, 0);
    for (int i = 0; i < 10; i++) {
        char room[16];
        snprintf(room, sizeof room, "r%d", i);
        commands(writer, "join", room, "");
        commands(reader, "join", room, "");
    }
    net_settle(n);
    forget(reader);
    uint32_t before = reader->writes;
    for (int k = 0; k < 100; k++) {
        char room[16];
        snprintf(room, sizeof room, "r%d", k % 10);
        commands(writer, "message", room, ",\"data\":1");
    }
    net_turn(n, 0);
    assert_int_equal(reader->writes - before, 1);
    for (int k = 0; k < 100; k++)
        expect(reader, "\"type\":\"message\"");
    net_free(n);
}

static void more_rooms_than_spans(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.rooms_per_connection = 100;
    n->settings.rooms_max = 200;
    net_start(n);
    struct client *writer = net_json(n, 0), *reader = net_json(n, 0);
    for (int i = 0; i < 100; i++) {
        char room[16];
        snprintf(room, sizeof room, "r%d", i);
        commands(writer, "join", room, "");
        commands(reader, "join", room, "");
    }
    net_settle(n);
    forget(reader);
    for (int k = 0; k < 300; k++) {
        char room[16];
        snprintf(room, sizeof room, "r%d", k % 100);
        commands(writer, "message", room, ",\"data\":1");
        commands(reader, "message", room,
                 ",\"data\":2"); // own ones between, so that each room takes many spans
    }
    net_wait(n, 10);
    for (int k = 0; k < 300; k++)
        expect(reader, "\"data\":1}");
    expect_nothing(reader);
    net_free(n);
}

// Long pages that others alone are to be sent are written in rounds: who has a short reply to get waits for one of them.
static void a_short_reply_waits_for_one_round(void **state)
{
    (void)state;
    enum { CROWD = 10, OCTETS = 30000, SAID = 60 };
    struct net *n = net_new(1);
    n->settings.reply_bytes = 2 << 20;
    n->settings.log_bytes = 8 << 20;
    net_start(n);
    struct client *c[CROWD + 1];
    char part[64];
    for (int i = 0; i <= CROWD; i++) {
        c[i] = net_json(n, 0);
        say(c[i], "{\"type\":\"join\",\"room\":\"r\"}");
    }
    for (int i = 0; i < SAID; i++)
        say(c[0], "{\"type\":\"message\",\"room\":\"r\",\"data\":\"%0*d\"}", OCTETS, i);
    say(c[0], "{\"type\":\"history\",\"room\":\"r\",\"limit\":1000}"); // so that it is made
    for (int i = 0; i <= CROWD; i++)
        forget(c[i]);
    n->write_max = 1;
    size_t before = 0, after = 0;
    for (int i = 0; i < CROWD; i++)
        before += c[i]->rx.n;
    for (int i = 0; i < CROWD; i++)
        post(c[i], "{\"type\":\"history\",\"id\":%d,\"room\":\"r\",\"limit\":1000}", i);
    net_turn(n, 0);
    post(c[CROWD], "{\"type\":\"ping\",\"id\":1}");
    uint32_t turns = 0;
    while (c[CROWD]->message_n == c[CROWD]->message_at) {
        net_turn(n, 0);
        assert_true(++turns <= CROWD + 1);
    }
    expect(c[CROWD], "\"type\":\"pong\"");
    for (int i = 0; i < CROWD; i++)
        after += c[i]->rx.n;
    assert_true(after - before < 5 << 20); // of 18 MB
    net_settle(n);
    for (int i = 0; i < CROWD; i++) { // and each page comes whole
        str page = hear(c[i]);
        snprintf(part, sizeof part, "\"type\":\"history\",\"id\":%d,", i);
        assert_true(contains(page, part));
        assert_true(page.n > (size_t)OCTETS * (SAID - 1));
        expect_nothing(c[i]);
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_partial_write),
        cmocka_unit_test(gaps_are_exact_at_every_partial_write),
        cmocka_unit_test(half_an_entry_is_always_finished),
        cmocka_unit_test(one_write_carries_all_rooms),
        cmocka_unit_test(more_rooms_than_spans),
        cmocka_unit_test(a_short_reply_waits_for_one_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
