// SPDX-License-Identifier: Apache-2.0
//
// Connections: commands that wait for an answer (parking), the order of replies, the way to the end with its deadlines,
// HTTP before the upgrade.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

// --- parking

static void commands_wait_for_the_room_they_are_about(void **state)
{
    (void)state;
    for (int split = 0; split < 2; split++) {
        struct net *n = net_new(3);
        net_start(n);
        char r1[32], r2[32];
        snprintf(r1, sizeof r1, "%s", net_room(n, 1, 0));
        snprintf(r2, sizeof r2, "%s", net_room(n, 2, 0));
        struct client *c = net_json(n, 0);
        n->hold[1][0] = true;
        post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", r1);
        if (split)
            net_settle(n);
        post(c, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", r2);
        post(c, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":1}", r1);
        post(c, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":2}", r2);
        post(c, "{\"type\":\"message\",\"id\":5,\"room\":\"nowhere\",\"data\":3}");
        post(c, "{\"type\":\"ping\",\"id\":6}");
        post(c, "not json");
        post(c, "{\"type\":\"members\",\"id\":7,\"room\":\"%s\"}", r1);
        net_settle(n);
        expect(c, "\"type\":\"error\",\"id\":5,\"code\":\"not_member\"");
        expect(c, "\"type\":\"pong\",\"id\":6");
        expect(c, "\"code\":\"bad_json\"");
        expect(c, "\"type\":\"joined\",\"id\":2"); // another room, and replies that are ready
        expect(c, "\"type\":\"ack\",\"id\":4");    // which had to wait for the one before
        expect_nothing(c);                         // what is about the first room waits, and nothing else
        assert_false(c->paused || client_conn(c)->parked);
        assert_int_equal(client_asker(c)->waiting->n, 2);
        assert_int_equal(METRIC(n, commands_kept), 3);
        n->hold[1][0] = false;
        net_settle(n);
        expect(c, "\"type\":\"joined\",\"id\":1");
        expect(c, "\"type\":\"ack\",\"id\":3"); // in this order
        expect(c, "\"type\":\"members\",\"id\":7");
        assert_null(client_asker(c)->waiting);
        expect_nothing(c);
        assert_false(c->paused);
        assert_null(client_conn(c)->in); // an idle connection holds no buffer
        net_free(n);
    }
}

static void publishes_to_one_home_are_pipelined(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    n->hold[0][1] = true;
    for (int i = 0; i < 50; i++)
        post(c, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":%d}", i, room, i);
    net_settle(n);
    assert_false(client_conn(c)->parked);
    assert_int_equal(client_asker(c)->pending, 50);
    n->hold[0][1] = false;
    net_settle(n);
    char part[64];
    for (int i = 0; i < 50; i++) {
        snprintf(part, sizeof part, "\"type\":\"ack\",\"id\":%d,", i);
        assert_int_equal(number_of(expect(c, part), "offset"), 1 + i);
    }
    expect_nothing(c);
    net_free(n);
}

static void replies_about_different_rooms_come_when_they_are_ready(void **state)
{
    (void)state;
    struct net *n = net_new(3);
    net_start(n);
    char room[3][32];
    struct client *c = net_json(n, 0);
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(room[i], 32, "%s", net_room(n, i, 0));
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room[i]);
    }
    for (uint32_t first = 0; first < 3; first++) // the slowest answer is the first one asked for
        for (uint32_t second = 0; second < 3; second++) {
            forget(c);
            n->hold[first][0] = first != 0;
            say(c, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":1}", room[first]);
            say(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":2}", room[second]);
            say(c, "{\"type\":\"history\",\"id\":3,\"room\":\"%s\"}", room[first]);
            say(c, "{\"type\":\"ping\",\"id\":4}");
            if (first != second && first != 0) { // another room's reply and our own are ready
                assert_int_equal(number_of(expect(c, "\"type\":\"ack\""), "id"), 2);
                assert_int_equal(number_of(expect(c, "\"type\":\"pong\""), "id"), 4);
                expect_nothing(c);
            }
            n->hold[first][0] = false;
            net_settle(n);
            uint64_t last = 0;
            for (str reply; (reply = hear(c)).p != NULL;) {
                uint64_t id = number_of(reply, "id");
                if (id == 4 || (id == 2 && first != second))
                    continue;
                assert_true(id > last); // about one room: in the order of the commands
                last = id;
            }
            assert_int_equal(last, 3);
        }
    net_free(n);
}

static void end_of_file_may_be_told_while_parked(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *witness = net_json(n, 1), *c = net_json(n, 0);
    say(witness, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(witness);
    n->hold[0][1] = true;
    post(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    post(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"last words\"}", room);
    post(c, "{\"type\":\"rename\",\"name\":\"Nobody\"}"); // waits for both, and with it what is behind
    net_settle(n);
    assert_true(client_conn(c)->parked);
    assert_int_equal(client_asker(c)->waiting->n, 1);
    c->eof = c->eof_told = true;
    shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
    shard_on_eof(n->sh[0], c->conn);
    shard_turn_end(n->sh[0]);
    n->hold[0][1] = false;
    net_settle(n);
    expect(witness, "member:joined");
    expect(witness, "\"data\":\"last words\"");
    expect(witness, "\"name\":\"Nobody\"");
    expect(witness, "\"connected\":false");
    assert_true(c->closed);
    net_free(n);
}

static void end_of_file_comes_after_what_was_parked(void **state)
{
    (void)state;
    for (int line = 0; line < 2; line++) {
        struct net *n = net_new(2);
        n->settings.text_room = str_from_cstr(net_room(n, 1, 0));
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *witness = net_json(n, 1);
        say(witness, "{\"type\":\"join\",\"room\":\"%s\"}", room);
        forget(witness);
        struct client *c = line ? net_accept(n, 0, TRANSPORT_LINE) : net_json(n, 0);
        n->hold[0][1] = true;
        if (line) { // its join is under way, or its hello
            post(c, "last words");
        } else {
            post(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
            post(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"last words\"}", room);
        }
        hang_up(c);
        assert_true(client_conn(c)->parked);
        n->hold[0][1] = false;
        net_settle(n);
        if (line) { // it stays for a moment, to see its own words
            assert_false(c->closed);
            net_wait(n, 200);
            expect(c, "* welcome");
            expect(c, "* joined");
            expect(c, "last words");
        }
        assert_true(c->closed);
        expect(witness, "member:joined");
        expect(witness, "\"data\":\"last words\"");
        expect(witness, line ? "member:left" : "\"connected\":false");
        net_free(n);
    }
}

static void a_full_mailbox_parks(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    char room[32];
    snprintf(room, sizeof room, "%s", net_room(n, 1, 0));
    struct client *c[6];
    for (int i = 0; i < 6; i++) {
        c[i] = net_json(n, 0);
        say(c[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    n->jam[0][1] = true;
    for (int k = 0; k < 1000; k++)
        for (int i = 0; i < 6; i++)
            post(c[i], "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d}", room, k);
    net_turn(n, 0);
    assert_int_equal(n->sh[0]->mail.boxes[1].asks, n->sh[0]->mail.credits);
    assert_true(shard_mail_waiting(n->sh[0], 1) <= n->sh[0]->mail.credits);
    assert_true(c[5]->paused);
    assert_true(METRIC(n, mail_full) > 0);
    net_turn(n, 0);
    assert_true(shard_next_due_ms(n->sh[0]) > n->now_ms); // waiting is not to be busy
    uint64_t before = METRIC(n, entries);
    n->jam[0][1] = false;
    net_settle(n);
    net_check(n);
    assert_int_equal(METRIC(n, entries) - before, 6000);
    assert_false(c[5]->paused);
    net_free(n);
}

static void replies_not_read_park_and_come_complete(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.reply_bytes = 2000;
    net_start(n);
    struct client *c = net_json(n, 0);
    c->stalled = true;
    for (int i = 0; i < 400; i++)
        post(c, "{\"type\":\"ping\",\"id\":%d}", i);
    net_settle(n);
    assert_true(c->paused);
    assert_true(client_reader(c)->out.bytes <= n->settings.reply_bytes + 100);
    c->stalled = false;
    net_settle(n);
    char part[64];
    for (int i = 0; i < 400; i++) {
        snprintf(part, sizeof part, "\"type\":\"pong\",\"id\":%d,", i);
        expect(c, part);
    }
    expect_nothing(c);
    assert_false(c->paused);
    net_free(n);
}

static void parked_echoes_stay_echoes(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.reply_bytes = 500;
    net_start(n);
    struct client *c = net_ws(n, 0, "/conformance/echo");
    assert_true(c->upgraded);
    c->stalled = true;
    char text[128];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "echo %d of some length, so that not all of them fit", i);
        if (i % 3 == 0) {
            post_frame(c, WS_TEXT, false, STR("echo in "));
            post_frame(c, WS_CONTINUATION, true, STR("two pieces"));
        } else {
            post_frame(c, i % 3 == 1 ? WS_TEXT : WS_BINARY, true, str_from_cstr(text));
        }
    }
    net_settle(n);
    assert_true(c->paused);
    c->stalled = false;
    net_settle(n);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "echo %d of some length, so that not all of them fit", i);
        uint8_t opcode = c->messages[c->message_at].opcode;
        assert_str_eq(hear(c), i % 3 == 0 ? STR("echo in two pieces") : str_from_cstr(text));
        assert_int_equal(opcode, i % 3 == 2 ? WS_BINARY : WS_TEXT);
    }
    expect_nothing(c);
    net_free(n);
}

static void any_cut_of_the_input_gives_the_same(void **state)
{
    (void)state;
    struct bytes script = {0}, wanted = {0};
    for (size_t piece = 0; piece <= 70; piece = piece < 9 ? piece + 1 : piece + 20) {
        for (int line = 0; line < 2; line++) {
            struct net *n = net_new(2);
            net_start(n);
            struct client *c = net_accept(n, 0, line ? TRANSPORT_LINE : TRANSPORT_HTTP);
            net_settle(n);
            if (line) { // replies only: entries come at the end of a turn, and so between them as the turns fall
                post(c, "/help");
                post_bytes(c, "/who\r\n", 6);
                post(c, "/rooms");
                post(c, "/history");
                post(c, "%s", "");
                post(c, "bad \xff byte");
                post(c, "/quit");
            } else {
                static const char head[] =
                    "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /ws HTTP/1.1\r\nHost: h\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
                post_bytes(c, head, sizeof head - 1);
                post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", net_room(n, 1, 0));
                post_frame(c, WS_TEXT, false, STR("{\"type\":\"ping\","));
                post_frame(c, WS_PING, true, STR("1234"));
                post_frame(c, WS_CONTINUATION, true, STR("\"id\":2}"));
                post_frame(c, WS_CLOSE, true, STR("\x03\xe8"));
            }
            struct bytes all = c->in;
            c->in = (struct bytes){0};
            c->no_eof = true;
            for (size_t at = 0; at < all.n;) {
                size_t part = piece == 0 || all.n - at < piece ? all.n - at : piece;
                post_bytes(c, all.p + at, part);
                net_turn(n, 0);
                at += part;
            }
            net_wait(n, line ? 200 : 0);
            assert_true(c->shut);
            struct bytes *want = line ? &wanted : &script;
            if (piece == 0)
                bytes_put(want, c->rx.p, c->rx.n);
            assert_int_equal(c->rx.n, want->n);
            assert_memory_equal(c->rx.p, want->p, want->n);
            bytes_free(&all);
            cut(c);
            net_free(n);
        }
    }
    bytes_free(&script);
    bytes_free(&wanted);
}

// --- the way to the end

static struct client *closing(struct net *n, bool broken, bool reads, bool answers, bool hangs_up)
{
    struct client *c = net_json(n, 0);
    c->no_close = !answers;
    c->no_eof = !hangs_up;
    c->stalled = !reads;
    if (broken) {
        post_frame(c, WS_TEXT, true, STR("\xff")); // no UTF-8: 1007
        net_settle(n);
        return c;
    }
    struct client *again = net_ws(n, 0, "/ws"); // takes its session over
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", c->resume);
    expect(again, "\"type\":\"welcome\"");
    post_frame(again, WS_CLOSE, true, STR("\x03\xe8"));
    net_settle(n);
    return c;
}

static void every_way_through_the_ending(void **state)
{
    (void)state;
    for (int ways = 0; ways < 16; ways++) {
        bool reads = ways & 1, answers = ways & 2, hangs_up = ways & 4, broken = ways & 8;
        struct net *n = net_new(1);
        net_start(n);
        uint64_t begun = n->now_ms;
        struct client *c = closing(n, broken, reads, answers, hangs_up);
        bool waits = !answers && !broken; // for the peer's close frame, in good order only
        if (!reads)
            assert_int_equal(client_conn(c)->ending, ENDING_FLUSH);
        else if (waits)
            assert_int_equal(client_conn(c)->ending, ENDING_AWAIT);
        else if (!hangs_up)
            assert_int_equal(client_conn(c)->ending, ENDING_SHUT);
        else
            assert_true(c->closed);
        assert_int_equal(c->shut, reads && !waits); // right behind the close frame
        assert_int_equal(c->closes, reads);
        if (reads)
            assert_int_equal(c->close_code, broken ? WS_CLOSE_BAD_DATA : PRIVATE_CLOSE_REPLACED);
        if (!c->closed) { // what is missing never comes: the deadline
            net_wait(n, n->settings.close_ms - 1);
            assert_false(c->closed);
            net_wait(n, DEADLINE_TICK_MS + 1);
            assert_true(c->closed);
            assert_true(c->closed_ms - begun <= n->settings.close_ms + DEADLINE_TICK_MS);
        }
        assert_int_equal(c->abortive, !reads); // a reset must not take back what is in the socket
        assert_int_equal(METRIC(n, closed_protocol), broken);
        assert_int_equal(METRIC(n, closed_replaced), !broken);
        assert_int_equal(METRIC(n, connections), 0);
        net_free(n);
    }
}

// The peer has said all, and the answer is in its channel: closed now, it would be lost.
static void not_over_before_the_channel_has_sent(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
    c->holds = true;
    send_bytes(c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    c->eof = true;
    net_settle(n);
    assert_true(contains(str_make(c->rx.p, c->rx.n), "HTTP/1.1 200 "));
    assert_true(c->shut && c->eof_told); // the end of the answer is behind it in the channel
    assert_false(c->closed);
    c->holds = false;
    net_settle(n);
    assert_true(c->closed && !c->abortive);

    c = net_accept(n, 0, TRANSPORT_HTTP); // and not for ever
    c->holds = true;
    send_bytes(c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    c->eof = true;
    net_wait(n, n->settings.close_ms - 1);
    assert_false(c->closed);
    net_wait(n, 1);
    assert_true(c->closed);
    net_free(n);
}

static void each_step_out_in_turn(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = closing(n, false, false, false, false);
    assert_int_equal(client_conn(c)->ending, ENDING_FLUSH);
    post(c, "{\"type\":\"ping\"}");
    net_settle(n);
    assert_true(c->paused); // nothing is read while our last words are not out
    c->stalled = false;
    net_settle(n);
    assert_int_equal(client_conn(c)->ending, ENDING_AWAIT);
    assert_false(c->paused);
    post(c, "{\"type\":\"ping\"}"); // data after our close frame is not answered
    net_settle(n);
    assert_int_equal(client_conn(c)->ending, ENDING_AWAIT);
    assert_false(c->shut);
    post_frame(c, WS_CLOSE, true, STR("\x03\xeb"));
    net_settle(n);
    assert_int_equal(client_conn(c)->ending, ENDING_SHUT);
    assert_true(c->shut);
    expect_nothing(c);
    hang_up(c);
    assert_true(c->closed);
    assert_false(c->abortive);
    net_free(n);
}

static void end_of_file_and_reset_at_each_step(void **state)
{
    (void)state;
    for (int step = 0; step < 4; step++)
        for (int reset = 0; reset < 2; reset++) {
            struct net *n = net_new(1);
            net_start(n);
            struct client *c = step == 3 ? net_json(n, 0) : closing(n, false, step > 0, step > 1, false);
            if (reset)
                cut(c);
            else
                hang_up(c);
            if (step == 0 && !reset) { // the rest is still written
                assert_int_equal(client_conn(c)->ending, ENDING_FLUSH);
                c->stalled = false;
                net_settle(n);
                assert_int_equal(c->closes, 1);
            }
            assert_true(c->closed);
            assert_int_equal(METRIC(n, closed_broken), step == 3);
            net_free(n);
        }
}

static void the_peer_closes_first(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        size_t n;
        uint16_t answer;
    } cases[] = {
        {"", 0, 1005},     {"\x03\xe8", 2, 1000}, {"\x0f\xa0more", 6, 4000},
        {"\x03", 1, 1002}, {"\x03\xed", 2, 1002}, {"\x03\xe8\xff", 3, 1002},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_json(n, 0);
        c->no_close = true;
        post_frame(c, WS_CLOSE, true, str_make(cases[i].payload, cases[i].n));
        post(c, "{\"type\":\"ping\",\"id\":1}"); // behind its close frame: not read
        net_settle(n);
        assert_int_equal(c->closes, 1);
        if (cases[i].n < 3 ||
            cases[i].answer == 4000) // which of 1002 and 1007 bad UTF-8 gets is not this test's
            assert_int_equal(c->close_code, cases[i].answer);
        assert_true(c->closed);
        expect_nothing(c);
        net_free(n);
    }
}

static void the_close_frame_comes_after_replies(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0);
    for (int i = 0; i < 5; i++)
        post(c, "{\"type\":\"ping\",\"id\":%d}", i);
    post_bytes(c,
               "\x83\x80"
               "abcd",
               6); // opcode 3
    post(c, "{\"type\":\"ping\",\"id\":6}");
    net_settle(n);
    for (int i = 0; i < 5; i++)
        expect(c, "pong");
    expect_nothing(c);
    assert_int_equal(c->close_code, WS_CLOSE_PROTOCOL);
    assert_true(c->closed);
    net_free(n);
}

// --- before a language

static void handshake_deadlines(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.heartbeat_ms = 4000; // shorter than hello_ms: the time for the first command is not cut by it
    net_start(n);
    struct client *silent = net_accept(n, 0, TRANSPORT_HTTP), *half = net_accept(n, 0, TRANSPORT_HTTP);
    struct client *mute = net_ws(n, 0, "/ws"), *greets = net_ws(n, 0, "/ws");
    send_bytes(half, "GET /ws HTTP/1.1\r\nHost: h\r\n");
    net_wait(n, n->settings.handshake_ms - 200);
    assert_false(silent->closed || half->closed || mute->closes != 0);
    say(greets, "{\"type\":\"hello\"}");
    net_wait(n, 400);
    assert_true(silent->closed && half->closed && mute->closed);
    assert_int_equal(silent->rx.n, 0);
    assert_true(contains(str_make(half->rx.p, half->rx.n), "HTTP/1.1 408 "));
    assert_int_equal(mute->close_code, WS_CLOSE_POLICY);
    assert_false(greets->closed);
    assert_int_equal(METRIC(n, closed_handshake), 3);
    net_free(n);
}

static void http_answers(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *body;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n<p>chat</p>"},
        {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n"},
        {"GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"tag\"\r\n\r\n", "HTTP/1.1 304 ", "\r\n\r\n"},
        {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n"},
        {"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 ", "\r\n\r\n"},
        {"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "ready\n"},
        {"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\nplenum_up 1\n"},
        {"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 ", "Sec-WebSocket-Version: 13"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n0\r\n\r\n",
         "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwords", "HTTP/1.1 405 ",
         "\r\nAllow: GET, HEAD\r\n"},
        {"PUT /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwords", "HTTP/1.1 404 ",
         "nothing here"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 405 ",
         "Connection: close"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwords", "HTTP/1.1 200 ", "Connection: close"},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 ",
         "Connection: close"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nwords", "HTTP/1.1 400 ",
         "Connection: close"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", "HTTP/1.1 413 ",
         "Connection: close"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 ",
         "Connection: close"},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 ",
         "Connection: close"},
        {"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://evil.example\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         "HTTP/1.1 403 ", "Connection: close"},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 ", "Connection: close"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
        c->no_eof = true;
        post_bytes(c, cases[i].request, strlen(cases[i].request));
        post_bytes(c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 34); // pipelined behind it
        net_settle(n);
        str got = str_make(c->rx.p, c->rx.n);
        assert_true(str_starts(got, str_from_cstr(cases[i].status)));
        assert_true(contains(got, cases[i].body));
        bool ends = contains(got, "Connection: close");
        assert_int_equal(c->shut, ends);
        assert_int_equal(contains(got, "\r\n\r\nok\n"),
                         !ends); // a refused request's follower is never parsed
        net_free(n);
    }
}

// RFC 9110 section 9.3.2: whatever becomes of HEAD, its answer has no body, and the next request has one again.
static void head_has_no_body_whatever_becomes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        uint16_t status;
        bool ends;
    } cases[] = {
        {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, false},
        {"HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404, false},
        {"HEAD /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwords", 404, false},
        {"HEAD / HTTP/1.1\r\n\r\n", 400, true},
        {"HEAD / HTTP/2.0\r\nHost: h\r\n\r\n", 505, true},
        {"HEAD / HTTP/1.1\nHost: h\r\n\r\n", 400, true}, // the scanner's
        {"HEAD /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 405, true},
        {"HEAD / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n", 400, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
        c->no_eof = true;
        send_bytes(c, cases[i].request);
        net_settle(n);
        char status[32];
        snprintf(status, sizeof status, "HTTP/1.1 %u ", cases[i].status);
        str got = str_make(c->rx.p, c->rx.n);
        assert_true(str_starts(got, str_from_cstr(status)));
        assert_true(contains(got, "Content-Length: "));
        assert_memory_equal(got.p + got.n - 4, "\r\n\r\n", 4);
        assert_int_equal(c->shut, cases[i].ends);
        if (!cases[i].ends) {
            send_bytes(c, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
            net_settle(n);
            assert_true(contains(str_make(c->rx.p, c->rx.n), "nothing here"));
        }
        net_free(n);
    }
}

// Who orders pages and takes none has ordered one.
static void pipelined_requests_wait_for_the_answer_before(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    enum { PAGE = 100 * 1024 };
    static unsigned char page[PAGE + 1];
    memset(page, 'x', PAGE);
    const struct asset big = {"/big", "text/plain", "\"big\"", page, PAGE, false};
    n->settings.assets = &big;
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
    c->stalled = true;
    static const char get[] = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < 100; i++)
        post_bytes(c, get, sizeof get - 1);
    net_settle(n);
    assert_int_equal(METRIC(n, http_requests), 1);
    assert_true(client_conn(c)->parked);
    assert_true(c->paused);
    assert_true(client_reader(c)->out.bytes < PAGE + 1000);
    c->stalled = false;
    net_settle(n);
    assert_int_equal(METRIC(n, http_requests), 100);
    assert_true(c->rx.n > 100 * PAGE);
    assert_false(c->paused);
    assert_null(client_conn(c)->in);
    net_free(n);
}

static void a_body_that_does_not_come(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
    send_bytes(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nwor");
    assert_int_equal(c->rx.n, 0);
    net_wait(n, n->settings.handshake_ms + 200);
    assert_true(str_starts(str_make(c->rx.p, c->rx.n), STR("HTTP/1.1 408 ")));
    assert_true(c->closed);
    net_free(n);
}

static void accepting_has_a_limit(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = 3;
    net_start(n);
    struct client *c[3];
    for (int i = 0; i < 3; i++)
        c[i] = net_json(n, 0);
    assert_true(net_accept(n, 0, TRANSPORT_HTTP)->refused);
    assert_int_equal(METRIC(n, limit_connections), 0); // the driver counts them
    cut(c[1]);
    assert_false(net_json(n, 0)->refused);
    net_free(n);
}

// Who comes when memory is out: a page, and no more; one that does not ask makes room for the next ones.
static void guests_get_one_answer(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = NET_CONNS_MAX;
    net_start(n);
    net_fail_from(n, 1);
    uint32_t before = 0; // as many as there is room for besides the reserve
    while (!client_conn(net_accept(n, 0, TRANSPORT_HTTP))->guest)
        assert_true(++before < 200);
    assert_true(n->sh[0]->conns.pool.cells - before >= RESERVE_CONNS);
    struct client *first = NULL;
    for (int i = 0; i < 150; i++) {
        struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
        first = first == NULL ? c : first;
        assert_false(c->refused);
        assert_true(client_conn(c)->guest);
        net_settle(n);
        if (i % 2 == 0)
            continue; // this one says nothing
        send_bytes(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(contains(str_make(c->rx.p, c->rx.n), "HTTP/1.1 200 OK"));
        assert_true(contains(str_make(c->rx.p, c->rx.n), "Connection: close"));
        assert_true(c->closed && !c->abortive);
    }
    assert_true(contains(str_make(first->rx.p, first->rx.n), "HTTP/1.1 503 "));
    assert_true(first->closed && !first->abortive);
    struct client *talker = net_accept(n, 0, TRANSPORT_HTTP);
    send_bytes(talker, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    assert_true(contains(str_make(talker->rx.p, talker->rx.n), "HTTP/1.1 503 "));
    assert_true(net_accept(n, 0, TRANSPORT_LINE)->refused);
    net_fail_end(n);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_wait_for_the_room_they_are_about),
        cmocka_unit_test(publishes_to_one_home_are_pipelined),
        cmocka_unit_test(replies_about_different_rooms_come_when_they_are_ready),
        cmocka_unit_test(end_of_file_may_be_told_while_parked),
        cmocka_unit_test(end_of_file_comes_after_what_was_parked),
        cmocka_unit_test(a_full_mailbox_parks),
        cmocka_unit_test(replies_not_read_park_and_come_complete),
        cmocka_unit_test(parked_echoes_stay_echoes),
        cmocka_unit_test(any_cut_of_the_input_gives_the_same),
        cmocka_unit_test(every_way_through_the_ending),
        cmocka_unit_test(not_over_before_the_channel_has_sent),
        cmocka_unit_test(each_step_out_in_turn),
        cmocka_unit_test(end_of_file_and_reset_at_each_step),
        cmocka_unit_test(the_peer_closes_first),
        cmocka_unit_test(the_close_frame_comes_after_replies),
        cmocka_unit_test(handshake_deadlines),
        cmocka_unit_test(http_answers),
        cmocka_unit_test(head_has_no_body_whatever_becomes_of_it),
        cmocka_unit_test(pipelined_requests_wait_for_the_answer_before),
        cmocka_unit_test(a_body_that_does_not_come),
        cmocka_unit_test(accepting_has_a_limit),
        cmocka_unit_test(guests_get_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
