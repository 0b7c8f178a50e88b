// SPDX-License-Identifier: Apache-2.0
//
// permessage-deflate through a shard: what is agreed, one deflate per record and window, and what comes in deflated.
#include "unit/core_support.h"

#include "core/conn/inbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define OFFER(params) "Sec-WebSocket-Extensions: permessage-deflate" params "\r\n"
#define LONG "what is said here is said here, and what is said here again is said here again"

static struct mem part;

static struct net *net_deflating(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_deflate(n, &part);
    net_start(n);
    return n;
}

static struct client *join_with(struct net *n, uint32_t shard, const char *path, const char *fields,
                                const char *room)
{
    struct client *c = net_ws_with(n, shard, path, fields);
    assert_true(c->upgraded);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    expect(c, "\"type\":\"welcome\"");
    expect(c, "\"type\":\"joined\"");
    return c;
}

// A frame of a client's, compressed by a deflater of its own.
static void post_deflated(struct client *c, uint8_t opcode, const char *text)
{
    struct test_mem t;
    struct mem mem;
    struct buf b;
    test_mem_init(&t, &mem);
    buf_init(&b, &mem, 0);
    struct deflater *d = deflater_create(&mem, 12);
    const size_t n = deflater_message(d, &b, str_from_cstr(text));
    assert_int_not_equal(n, 0);
    post_frame(c, opcode | WS_COMPRESSED, true, buf_str(&b));
    deflater_destroy(d);
    buf_deinit(&b);
    net_settle(c->net);
}

// The next one that has it.
static void hear_until(struct client *c, const char *text)
{
    str heard = hear(c);
    while (heard.n != 0 && !contains(heard, text))
        heard = hear(c);
    assert_true(heard.n != 0);
}

static bool agreed(const struct client *c, const char *part_of_answer)
{
    return contains(str_make(c->rx.p, c->parsed), part_of_answer);
}

static void what_is_agreed(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    static const struct {
        const char *offer, *answer;
        uint8_t window;
    } rows[] = {
        {OFFER(""), "Extensions: permessage-deflate; server_no_context_takeover\r\n", 15},
        {OFFER("; client_max_window_bits"), "server_no_context_takeover; client_max_window_bits=12\r\n", 15},
        {OFFER("; client_max_window_bits=9"), "; client_max_window_bits=9\r\n", 15},
        {OFFER("; server_max_window_bits=10"), "; server_max_window_bits=9\r\n", 9},
        {OFFER("; server_max_window_bits=15; client_no_context_takeover"),
         "; client_no_context_takeover; server_max_window_bits=15\r\n", 15},
        {OFFER("; server_max_window_bits=8, permessage-deflate"), "server_no_context_takeover\r\n", 15},
        {OFFER("; server_max_window_bits=8"), "", 0}, // zlib has no such window
        {OFFER("; mood=good"), "", 0},
        {"Sec-WebSocket-Extensions: foo\r\n", "", 0},
        {"", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = net_ws_with(n, 0, "/ws", rows[i].offer);
        assert_true(c->upgraded);
        assert_int_equal(c->window, rows[i].window);
        assert_true(agreed(c, rows[i].answer));
        assert_int_equal(agreed(c, "Extensions"), rows[i].window != 0);
    }
    assert_int_equal(METRIC(n, deflate_accepted), 6);
    assert_int_equal(METRIC(n, deflate_declined), 3);
    assert_int_equal(METRIC(n, deflate_contexts), 5);
    net_free(n);
}

static void nothing_is_agreed_where_it_is_off(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *c = net_ws_with(n, 0, "/ws", OFFER(""));
    assert_true(c->upgraded);
    assert_int_equal(c->window, 0);
    assert_false(agreed(c, "Extensions"));
    post_frame(c, WS_TEXT | WS_COMPRESSED, true, STR("x"));
    net_settle(c->net);
    assert_int_equal(c->close_code, WS_CLOSE_PROTOCOL);
    net_free(n);
}

// Whatever the number of readers, their shards and their mixture: one deflate for a record and a window.
static void a_record_is_deflated_once_per_window(void **state)
{
    (void)state;
    struct net *n = net_deflating(3);
    for (uint32_t i = 0; i < 30; i++)
        join_with(n, i % 3, "/ws",
                  i % 10 == 9 ? ""
                  : i % 2     ? OFFER("")
                              : OFFER("; server_max_window_bits=11"),
                  "r");
    forget_all(n);
    const uint64_t before = METRIC(n, deflated);
    for (int k = 0; k < 5; k++)
        say(n->clients[0],
            "{\"type\":\"message\",\"room\":\"r\",\"echo\":true,\"data\":\"%d " LONG LONG "\"}", k);
    net_settle(n);
    assert_int_equal(METRIC(n, deflated) - before, 10); // 5 records, 2 windows
    assert_true(METRIC(n, deflated_bytes_out) < METRIC(n, deflated_bytes_in));
    for (uint32_t i = 0; i < 30; i++) {
        struct client *c = n->clients[i];
        for (int k = 0; k < 5; k++) {
            char part_of_it[32];
            snprintf(part_of_it, sizeof part_of_it, "\"%d what is", k);
            expect(c, part_of_it);
        }
        assert_int_equal(c->deflated, c->window != 0 ? 5 : 0);
    }
    net_free(n);
}

static void what_is_short_goes_plain(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_deflate(n, &part);
    n->settings.deflate_min_bytes = 400;
    net_start(n);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    struct client *b = join_with(n, 0, "/ws", OFFER(""), "r");
    forget_all(n);
    say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"short\"}");
    expect(b, "short");
    assert_int_equal(b->deflated, 0);
    say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"" LONG LONG LONG LONG "\"}");
    expect(b, "again");
    assert_int_equal(b->deflated, 1);
    assert_int_equal(METRIC(n, deflated), 1);
    net_free(n);
}

// C6. Replies, a welcome with its secret, a page of history: to one connection alone, never deflated.
static void what_is_for_one_alone_goes_plain(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    for (int i = 0; i < 4; i++)
        say(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"r\",\"echo\":false,\"data\":\"" LONG LONG "\"}",
            i);
    net_settle(n);
    say(a, "{\"type\":\"history\",\"id\":9,\"room\":\"r\"}");
    net_settle(n);
    hear_until(a, "\"type\":\"history\"");
    assert_int_equal(a->deflated, 0);
    // Who comes later is sent the same messages, in frames that all share: those are.
    struct client *b = net_ws_with(n, 0, "/ws", OFFER(""));
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"r\",\"history\":4}");
    expect(b, "\"type\":\"welcome\"");
    expect(b, "\"type\":\"joined\"");
    expect(b, LONG);
    assert_int_equal(b->deflated, 4);
    const uint64_t before = METRIC(n, deflated);
    struct client *c = net_ws_with(n, 0, "/ws", OFFER(""));
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\",\"history\":4}");
    net_settle(n);
    assert_int_equal(c->deflated, 4);
    assert_int_equal(METRIC(n, deflated) - before,
                     1); // that it came, told to those who are there; the past was made for all who ask
    net_free(n);
}

// What is told in parts is deflated frame by frame; and terminals have a track of their own.
static void parts_and_terminals(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "lobby");
    struct client *t = net_ws_with(n, 0, "/echo", OFFER(""));
    assert_true(t->upgraded && t->window == 15);
    forget_all(n);
    say(a, "{\"type\":\"state\",\"room\":\"lobby\",\"set\":{\"a\":\"" LONG "\",\"b\":\"" LONG "\",\"c\":1}}");
    net_settle(n);
    assert_true(a->deflated >= 2);
    say(a, "{\"type\":\"message\",\"room\":\"lobby\",\"data\":\"" LONG LONG "\"}");
    net_settle(n);
    hear_until(t, LONG);
    assert_true(t->deflated >= 1);
    net_free(n);
}

// A turn deflates so much and no more.
static void a_turn_has_its_share(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    struct client *b = join_with(n, 0, "/ws", OFFER(""), "r");
    char *text = malloc(60001);
    memset(text, 'x', 60000);
    text[60000] = '\0';
    forget_all(n);
    for (int i = 0; i < 3; i++)
        say(a, "{\"type\":\"message\",\"room\":\"r\",\"echo\":false,\"data\":\"%s\"}", text);
    net_settle(n);
    for (int i = 0; i < 3; i++)
        expect(b, "xxx");
    assert_int_equal(b->deflated + METRIC(n, deflate_put_off), 3);
    free(text);
    net_free(n);
}

// --- in

static void commands_come_in_deflated(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *a = join_with(n, 0, "/ws", OFFER("; client_no_context_takeover"), "r");
    for (int i = 0; i < 3; i++) {
        post_deflated(a, WS_TEXT,
                      "{\"type\":\"message\",\"id\":7,\"room\":\"r\",\"echo\":true,\"data\":\"" LONG "\"}");
        expect(a, "\"type\":\"ack\"");
        expect(a, LONG);
    }
    assert_int_equal(METRIC(n, inflated), 3);
    assert_int_equal(METRIC(n, deflate_contexts), 0);
    net_free(n);
}

// zlib's own stream, kept over messages as a client keeps it.
static size_t takeover(z_stream *z, const char *text, char *out, size_t cap)
{
    z->next_in = (Bytef *)(uintptr_t)text;
    z->avail_in = (uInt)strlen(text);
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)cap;
    assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
    return cap - z->avail_out - 4;
}

static void a_client_refers_to_what_it_said(void **state)
{
    (void)state;
    static const char *const offers[] = {OFFER("; client_max_window_bits"),
                                         OFFER("; client_max_window_bits=9"), OFFER("")};
    static const int bits[] = {12, 9, 15};
    for (size_t k = 0; k < ARRAY_LEN(offers); k++) {
        struct net *n = net_deflating(1);
        struct client *a = join_with(n, 0, "/ws", offers[k], "r");
        z_stream z = {0};
        size_t first = 0, last = 0;
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -bits[k], 8, Z_DEFAULT_STRATEGY), Z_OK);
        for (int i = 0; i < 200; i++) { // more than any of the windows holds
            char text[400], out[600], want[128];
            snprintf(text, sizeof text,
                     "{\"type\":\"message\",\"room\":\"r\",\"echo\":true,\"data\":\"%d %.*s\"}", i,
                     i * 7 % 200, LONG LONG LONG);
            const size_t size = takeover(&z, text, out, sizeof out);
            first = i == 50 ? size : first;
            last = i == 51 ? size : last;
            post_frame(a, WS_TEXT | WS_COMPRESSED, true, str_make(out, size));
            net_settle(n);
            snprintf(want, sizeof want, "\"%d %.*s", i, i * 7 % 200 < 20 ? 0 : 20, LONG);
            expect(a, want);
        }
        assert_true(first < 60 && last < 60); // nearly all of it was there before
        assert_int_equal(a->closes, 0);
        deflateEnd(&z);
        net_free(n);
    }
}

// C5: it was told not to, and does.
static void who_refers_to_what_is_not_kept_is_closed(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *a = join_with(n, 0, "/ws", OFFER("; client_no_context_takeover"), "r");
    z_stream z = {0};
    char out[600];
    static const char text[] = "{\"type\":\"message\",\"id\":7,\"room\":\"r\",\"data\":\"" LONG "\"}";
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    post_frame(a, WS_TEXT | WS_COMPRESSED, true, str_make(out, takeover(&z, text, out, sizeof out)));
    net_settle(n);
    expect(a, "\"type\":\"ack\"");
    post_frame(a, WS_TEXT | WS_COMPRESSED, true, str_make(out, takeover(&z, text, out, sizeof out)));
    net_settle(n);
    assert_int_equal(a->close_code, WS_CLOSE_BAD_DATA);
    deflateEnd(&z);
    net_free(n);
}

// In fragments, each byte on its own, with a ping between them; and one that must wait behind a reply.
static void in_pieces(void **state)
{
    (void)state;
    struct net *n = net_deflating(2);
    struct client *a = join_with(n, 0, "/ws", OFFER("; client_max_window_bits"), net_room(n, 1, 0));
    char text[300];
    struct test_mem t;
    struct mem mem;
    struct buf b;
    snprintf(text, sizeof text,
             "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"echo\":true,\"data\":\"" LONG "\"}",
             net_room(n, 1, 0));
    test_mem_init(&t, &mem);
    buf_init(&b, &mem, 0);
    struct deflater *d = deflater_create(&mem, 9);
    const size_t size = deflater_message(d, &b, str_from_cstr(text));
    for (size_t cut = 1; cut < size; cut++) {
        const uint32_t pongs = a->pongs;
        post_frame(a, WS_TEXT | WS_COMPRESSED, false, str_make(b.p, cut));
        net_settle(n);
        post_frame(a, WS_PING, true, STR("between"));
        net_settle(n);
        assert_int_equal(a->pongs, pongs + 1);
        post_frame(a, WS_CONTINUATION, true, str_make(b.p + cut, size - cut));
        net_settle(n);
        expect(a, "\"type\":\"ack\"");
        expect(a, LONG);
    }
    for (int i = 0; i < 100; i++) { // all at once: those behind the first must wait
        post_frame(a, WS_TEXT | WS_COMPRESSED, false, str_make(b.p, 10));
        post_frame(a, WS_CONTINUATION, true, str_make(b.p + 10, size - 10));
        post_frame(a, WS_TEXT | WS_COMPRESSED, true, str_make(b.p, size));
    }
    net_settle(n);
    uint32_t acks = 0;
    for (str heard = hear(a); heard.n != 0; heard = hear(a))
        acks += contains(heard, "\"type\":\"ack\"");
    assert_int_equal(acks, 200);
    deflater_destroy(d);
    buf_deinit(&b);
    net_free(n);
}

// C3, and what is text after all.
static void what_is_broken_closes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        uint16_t code;
    } rows[] = {
        {"", 0, WS_CLOSE_BAD_DATA},
        {"\xff\xff", 2, WS_CLOSE_BAD_DATA},
        {"\xf2\x48\xcd\xc9", 4, WS_CLOSE_BAD_DATA},                 // cut
        {"\x00\x05\x00\x00\x00Hello\x00", 11, WS_CLOSE_BAD_DATA},   // LEN and NLEN
        {"\x00\x02\x00\xfd\xff\xc3\x28\x00", 8, WS_CLOSE_BAD_DATA}, // well deflated, not UTF-8
        {"\xf2\x00\x11\x00\x00", 5, WS_CLOSE_BAD_DATA},             // refers to nothing
    };
    struct net *n = net_deflating(1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = net_ws_with(n, 0, "/ws", OFFER(""));
        post_frame(c, WS_TEXT | WS_COMPRESSED, true, str_make(rows[i].bytes, rows[i].n));
        net_settle(n);
        assert_int_equal(c->close_code, rows[i].code);
    }
    net_free(n);
}

// C1: a bomb before anybody has said who he is.
static void a_bomb_is_cut_off(void **state)
{
    (void)state;
    struct net *n = net_deflating(1);
    struct client *c = net_ws_with(n, 0, "/ws", OFFER(""));
    char *text = calloc(1, 8 << 20);
    memset(text, ' ', (8 << 20) - 1);
    const size_t before = mem_used(&n->mem);
    post_deflated(c, WS_TEXT, text);
    assert_int_equal(c->close_code, WS_CLOSE_TOO_BIG);
    assert_true(METRIC(n, inflated_bytes_out) == n->settings.message_bytes + 1);
    assert_true(mem_used(&n->mem) <= before + (1 << 20));
    assert_int_equal(METRIC(n, limit_message), 1);
    free(text);
    net_free(n);
}

// Where messages may be large, what one becomes is bounded by what came.
static void a_ratio_is_held_to(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_deflate(n, &part);
    n->settings.message_bytes = 4 << 20;
    net_start(n);
    struct client *c = net_ws_with(n, 0, "/ws", OFFER(""));
    char *text = calloc(1, 1 << 20);
    memset(text, ' ', (1 << 20) - 1);
    post_deflated(c, WS_TEXT, text);
    assert_int_equal(c->close_code, WS_CLOSE_TOO_BIG);
    assert_true(METRIC(n, inflated_bytes_out) < 200 * 1024);
    free(text);
    net_free(n);
}

// C7: small frames, each of which becomes as much as one may.
enum { BOMB = 60000, BOMBS = 1500 };

static void flood_by(struct client *c)
{
    char *text = calloc(1, BOMB + 1);
    memset(text, ' ', BOMB);
    for (uint32_t i = 0; i < BOMBS; i++)
        post_deflated(c, WS_TEXT, text);
    free(text);
}

static struct client *flood(struct net *n)
{
    struct client *c = net_ws_with(n, 0, "/ws", OFFER("; client_no_context_takeover"));
    flood_by(c);
    return c;
}

// Who has used it up waits, and is not cut off: all of it is carried out, at the rate that there is.
static void there_is_a_budget_of_work(void **state)
{
    (void)state;
    const uint64_t burst = (uint64_t)INFLATE_UNITS_BURST * INFLATE_UNIT;
    const uint64_t rate = (uint64_t)INFLATE_UNITS_PER_S * INFLATE_UNIT;
    struct net *n = net_new(1);
    n->settings.hello_ms = 3600 * 1000;
    net_deflate(n, &part);
    net_start(n);
    struct client *other = net_json(n, 0), *c = flood(n);
    assert_int_equal(METRIC(n, limit_inflate), 1);
    assert_in_range(METRIC(n, inflated_bytes_out), burst * 9 / 10, burst + BOMB);
    say(other, "{\"type\":\"ping\",\"id\":7}");
    hear_until(other, "\"id\":7");
    const uint64_t before = METRIC(n, inflated_bytes_out);
    net_wait(n, 1000);
    assert_in_range(METRIC(n, inflated_bytes_out) - before, rate * 9 / 10, rate + BOMB);
    net_wait(n, 10 * 1000);
    assert_int_equal(METRIC(n, inflated), BOMBS);
    assert_false(c->closed);
    forget(c);
    say(c, "{\"type\":\"ping\",\"id\":8}");
    hear_until(c, "\"id\":8");
    net_free(n);
}

// One that waits may go, be sent away, and must have said who it is in time like others.
static void who_owes_may_end(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.hello_ms = 1000;
    net_deflate(n, &part);
    net_start(n);
    struct client *gone = flood(n);
    cut(gone);
    net_settle(n);
    struct client *late = flood(n);
    assert_int_equal(METRIC(n, limit_inflate), 2);
    net_wait(n, 1000 + 300);
    assert_int_equal(late->close_code, WS_CLOSE_POLICY);
    net_wait(n, 20 * 1000);
    assert_int_equal(METRIC(n, connections), 0);
    net_free(n);
}

// An answer that comes for one that waits is told it, and has it read no earlier.
static void an_answer_pays_nothing(void **state)
{
    (void)state;
    struct net *n = net_deflating(2);
    const char *room = net_room(n, 1, 0);
    struct client *c = net_ws_with(n, 0, "/ws", OFFER("; client_no_context_takeover"));
    say(c, "{\"type\":\"hello\",\"id\":0}");
    hear_until(c, "\"type\":\"welcome\"");
    n->hold[1][0] = true;
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    say(c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", room);
    flood_by(c);
    assert_int_equal(METRIC(n, limit_inflate), 1);
    const uint64_t before = METRIC(n, inflated);
    forget(c);
    n->hold[1][0] = false;
    net_settle(n);
    hear_until(c, "\"type\":\"joined\",\"id\":1");
    hear_until(c, "\"type\":\"ack\",\"id\":2");
    assert_int_equal(METRIC(n, inflated), before);
    net_free(n);
}

// --- memory

// C2: past the budget nobody gets a window, and then nobody compression; all are served.
static void windows_end_with_the_budget(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_deflate(n, &part);
    atomic_store(&part.bytes_max, (size_t)104 * 1024);
    net_start(n);
    uint32_t windows = 0, without = 0, declined = 0;
    for (int i = 0; i < 60; i++) {
        struct client *c = net_ws_with(n, 0, "/ws", OFFER("; client_max_window_bits"));
        assert_true(c->upgraded);
        declined += c->window == 0;
        without += c->window != 0 && agreed(c, "client_no_context_takeover");
        windows += c->window != 0 && !agreed(c, "client_no_context_takeover");
        assert_true(mem_used(&part) <= 104 * 1024);
    }
    assert_in_range(windows, 15, 16); // of 4 KiB and a row each
    assert_true(without > 40);
    assert_int_equal(METRIC(n, deflate_contexts_denied), 60 - windows);
    assert_int_equal(METRIC(n, deflate_contexts), windows);
    // There is no memory for a deflater either: what is said is said.
    struct client *a = n->clients[0];
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    say(a, "{\"type\":\"message\",\"room\":\"r\",\"echo\":true,\"data\":\"" LONG LONG "\"}");
    net_settle(n);
    hear_until(a, LONG);
    assert_int_equal(a->deflated, 0);
    assert_true(METRIC(n, deflate_put_off) != 0);
    for (uint32_t i = 0; i < n->client_n; i++)
        hang_up(n->clients[i]);
    net_wait(n, 5000);
    assert_int_equal(METRIC(n, deflate_contexts), 0);
    assert_true(mem_used(&part) < 41 * 1024); // the shard's inflater
    net_free(n);
}

// What was said is in no working memory of compression when the turn is over; a client's own window has it, as long as it lasts.
static void nothing_is_left_of_what_was_said(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->watched = true;
    net_deflate(n, &part);
    net_start(n);
    struct client *a = join_with(n, 0, "/ws", OFFER("; client_no_context_takeover"), "r");
    struct client *b = join_with(n, 0, "/ws", OFFER("; server_max_window_bits=9"), "r");
    post_deflated(
        a, WS_TEXT,
        "{\"type\":\"message\",\"room\":\"r\",\"echo\":true,\"data\":\"xyzzy1 is the word xyzzy1 is the word xyzzy1 is "
        "the word xyzzy1 is the word \"}");
    expect(b, "xyzzy1");
    assert_true(a->deflated != 0 && b->deflated != 0);
    say(a, "{\"type\":\"delete\",\"id\":8,\"room\":\"r\",\"offset\":1}");
    net_wait(n, 10000);
    assert_false(net_holds(n, "xyzzy1"));
    net_free(n);
}

static struct net *failing_begin(void) { return net_deflating(1); }

static void failing_act(struct net *n)
{
    struct client *a = net_ws_with(n, 0, "/ws", OFFER("; client_max_window_bits"));
    if (!a->upgraded)
        return;
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    net_settle(n);
    if (a->window != 0 && !a->closed)
        post_deflated(a, WS_TEXT,
                      "{\"type\":\"message\",\"room\":\"r\",\"echo\":true,\"data\":\"" LONG LONG LONG "\"}");
}

static bool failing_done(struct net *n) { return n->clients[0]->deflated != 0 && METRIC(n, inflated) == 1; }

static void memory_fails_anywhere(void **state)
{
    (void)state;
    net_fail_anywhere(failing_begin, failing_act, failing_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_agreed),
        cmocka_unit_test(nothing_is_agreed_where_it_is_off),
        cmocka_unit_test(a_record_is_deflated_once_per_window),
        cmocka_unit_test(what_is_short_goes_plain),
        cmocka_unit_test(what_is_for_one_alone_goes_plain),
        cmocka_unit_test(parts_and_terminals),
        cmocka_unit_test(a_turn_has_its_share),
        cmocka_unit_test(commands_come_in_deflated),
        cmocka_unit_test(a_client_refers_to_what_it_said),
        cmocka_unit_test(who_refers_to_what_is_not_kept_is_closed),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(what_is_broken_closes),
        cmocka_unit_test(a_bomb_is_cut_off),
        cmocka_unit_test(a_ratio_is_held_to),
        cmocka_unit_test(there_is_a_budget_of_work),
        cmocka_unit_test(who_owes_may_end),
        cmocka_unit_test(an_answer_pays_nothing),
        cmocka_unit_test(windows_end_with_the_budget),
        cmocka_unit_test(nothing_is_left_of_what_was_said),
        cmocka_unit_test(memory_fails_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
