// SPDX-License-Identifier: Apache-2.0
//
// Large messages that somebody reads deflated: a slice a turn, in the order of their room, and never at the cost of a long turn.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

#define OFFER(params) "Sec-WebSocket-Extensions: permessage-deflate" params "\r\n"

enum { SLICE = 1000, LARGE = 20000 };

static struct mem part;

static struct net *net_large(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_deflate(n, &part);
    atomic_store(&part.bytes_max, (size_t)16 << 20);
    n->settings.message_bytes = 8 << 20;
    n->settings.deflate_slice_bytes = SLICE;
    net_start(n);
    return n;
}

static struct client *join_with(struct net *n, uint32_t shard, const char *path, const char *fields,
                                const char *room)
{
    struct client *c = net_ws_with(n, shard, path, fields);
    assert_true(c->upgraded);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    net_settle(n);
    forget(c);
    return c;
}

// Letters that get shorter, but not by much, with `name` in front.
static char *words(const char *name, size_t n)
{
    char *text = malloc(n + 1);
    const int head = snprintf(text, n + 1, "%s ", name);
    struct prng g;
    prng_init(&g, n);
    for (size_t i = (size_t)head; i < n; i++)
        text[i] = "abcdefghijklmnop"[prng_below(&g, 16)];
    text[n] = '\0';
    return text;
}

static bool heard_message(struct client *c, str *ret)
{
    for (*ret = hear(c); ret->n != 0; *ret = hear(c))
        if (contains(*ret, "\"type\":\"message\"") || contains(*ret, "[00:00:"))
            return true;
    return false;
}

static void post_words(struct client *c, const char *room, const char *text)
{
    const size_t n = strlen(text) + 200;
    char *command = malloc(n);
    snprintf(command, n, "{\"type\":\"message\",\"id\":7,\"room\":\"%s\",\"echo\":true,\"data\":\"%s\"}",
             room, text);
    post_frame(c, WS_TEXT, true, str_from_cstr(command));
    free(command);
}

// All who are there hear the large one whole, then what was said behind it; once for each window, whatever the number of readers.
static void it_keeps_its_place(void **state)
{
    (void)state;
    struct net *n = net_large(2);
    const char *room = net_room(n, 1, 0);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), room);
    static const char *const offers[] = {OFFER(""), OFFER("; server_max_window_bits=9"), ""};
    for (uint32_t i = 0; i < 12; i++)
        join_with(n, i % 2, "/ws", offers[i % 3], room);
    forget_all(n);
    const uint64_t before = METRIC(n, deflated);
    char *text = words("large", LARGE);
    post_words(a, room, text);
    post_words(a, room, "behind it");
    net_wait(n, 100);
    for (uint32_t i = 0; i < n->client_n; i++) {
        struct client *c = n->clients[i];
        str heard;
        assert_true(heard_message(c, &heard));
        assert_true(contains(heard, text));
        assert_true(heard_message(c, &heard));
        assert_true(contains(heard, "behind it"));
        assert_false(heard_message(c, &heard));
        assert_int_equal(c->deflated, c->window != 0 ? 2 : 0); // the second one is long enough, too
    }
    assert_int_equal(METRIC(n, deflated) - before, 4);
    assert_int_equal(METRIC(n, deflate_put_off), 0);
    free(text);
    net_free(n);
}

// So many turns as it has slices, for each window, and in none of them more.
static void a_turn_takes_a_slice(void **state)
{
    (void)state;
    struct net *n = net_large(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    struct client *b = join_with(n, 0, "/ws", OFFER("; server_max_window_bits=9"), "r");
    forget_all(n);
    char *text = words("large", LARGE);
    post_words(a, "r", text);
    const struct deflating *d = &n->sh[0]->deflating;
    uint32_t turns = 0, most = 0;
    size_t before = 0;
    for (str heard; !heard_message(b, &heard) && turns < 1000; turns++) {
        net_turn(n, 0);
        size_t taken = 0;
        for (uint32_t i = 0; i < d->pieces_n; i++)
            taken += d->pieces[i].at;
        if (taken > before)
            most = taken - before > most ? (uint32_t)(taken - before) : most;
        before = taken;
        if (d->pieces_n != 0)
            assert_int_equal(shard_next_due_ms(n->sh[0]), n->now_ms); // it does not wait for anything else
    }
    assert_int_equal(most, SLICE);
    assert_true(turns >= 2 * (LARGE / SLICE) && turns <= 2 * (LARGE / SLICE) + 10);
    assert_int_equal(d->pieces_n, 0);
    net_wait(n, 10);
    free(text);
    net_free(n);
}

// While it is under way, others join, leave, signal and are told; its author is answered when it is told, in his order.
static void the_room_goes_on(void **state)
{
    (void)state;
    struct net *n = net_large(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    struct client *b = join_with(n, 0, "/ws", "", "r");
    struct client *elsewhere = join_with(n, 0, "/ws", OFFER(""), "s");
    forget_all(n);
    char *text = words("large", LARGE);
    post_words(a, "r", text);
    for (int i = 0; i < 3; i++)
        net_turn(n, 0);
    assert_true(n->sh[0]->deflating.pieces_n != 0);
    // Another room is not held up by it.
    post_frame(elsewhere, WS_TEXT, true,
               STR("{\"type\":\"message\",\"id\":9,\"room\":\"s\",\"data\":\"small\"}"));
    for (int i = 0; i < 3; i++)
        net_turn(n, 0);
    expect(elsewhere, "\"type\":\"ack\",\"id\":9");
    assert_true(n->sh[0]->deflating.pieces_n != 0);
    expect_nothing(b);
    expect_nothing(a);
    struct client *late = net_ws_with(n, 0, "/ws", OFFER(""));
    say(late, "{\"type\":\"join\",\"id\":1,\"room\":\"r\",\"history\":5}");
    say(a, "{\"type\":\"leave\",\"id\":8,\"room\":\"r\"}");
    net_wait(n, 100);
    str heard;
    uint64_t acked = 0;
    bool left = false;
    for (heard = hear(a); heard.n != 0; heard = hear(a)) {
        acked = contains(heard, "\"type\":\"ack\",\"id\":7") ? number_of(heard, "offset") : acked;
        left = left || contains(heard, "\"type\":\"left\",\"id\":8");
        assert_true(!left || acked == 1);
    }
    assert_true(left);
    assert_true(heard_message(b, &heard) && contains(heard, text));
    uint32_t told = 0; // once, be it as history or live
    while (heard_message(late, &heard))
        told += contains(heard, text);
    assert_int_equal(told, 1);
    free(text);
    net_free(n);
}

// What is taken back while it is under way is not told, and lies nowhere.
static void what_is_taken_back_is_not_told(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_deflate(n, &part);
    atomic_store(&part.bytes_max, (size_t)16 << 20);
    n->settings.deflate_slice_bytes = SLICE;
    n->watched = true;
    net_start(n);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    struct client *b = join_with(n, 0, "/ws", OFFER(""), "r");
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"to be edited\"}");
    forget_all(n);
    char *text = words("secret", 8000);
    char *command = malloc(9000);
    snprintf(command, 9000, "{\"type\":\"edit\",\"id\":3,\"room\":\"r\",\"offset\":1,\"data\":\"%s\"}", text);
    post_frame(a, WS_TEXT, true, str_from_cstr(command));
    for (int i = 0; i < 3; i++)
        net_turn(n, 0);
    assert_true(n->sh[0]->deflating.pieces_n != 0);
    say(a, "{\"type\":\"delete\",\"id\":4,\"room\":\"r\",\"offset\":1}");
    net_wait(n, 100);
    text[40] = '\0';
    bool deleted = false;
    for (str heard = hear(b); heard.n != 0; heard = hear(b)) {
        assert_false(contains(heard, text));
        deleted = deleted || contains(heard, "message:deleted");
    }
    assert_true(deleted);
    memset(command, 0, 9000);
    bytes_free(&a->in);
    assert_false(net_holds(n, text));
    free(command);
    free(text);
    net_free(n);
}

// Its readers go while it is under way: nobody waits for it any more, and nothing of it is left.
static void its_readers_go(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct net *n = net_large(1);
        struct client *a = join_with(n, 0, "/ws", "", "r");
        struct client *b = join_with(n, 0, "/ws", OFFER(""), "r");
        forget_all(n);
        char *text = words("large", LARGE);
        post_words(a, "r", text);
        for (int i = 0; i < 3; i++)
            net_turn(n, 0);
        assert_true(n->sh[0]->deflating.pieces_n != 0);
        cut(b);
        if (all)
            cut(a);
        net_wait(n, 20);
        assert_int_equal(n->sh[0]->deflating.pieces_n, 0);
        str heard;
        if (!all)
            assert_true(heard_message(a, &heard) && contains(heard, text));
        free(text);
        net_free(n);
    }
}

// One at a time; the others wait, but not for ever.
static void two_rooms_take_turns(void **state)
{
    (void)state;
    struct net *n = net_large(1);
    char *text = words("large", LARGE);
    struct client *c[3];
    static const char *const rooms[] = {"r", "s", "t"};
    for (int i = 0; i < 3; i++)
        c[i] = join_with(n, 0, "/ws", OFFER(""), rooms[i]);
    forget_all(n);
    for (int i = 0; i < 3; i++)
        post_words(c[i], rooms[i], text);
    net_wait(n, 150);
    str heard;
    for (int i = 0; i < 3; i++) {
        assert_true(heard_message(c[i], &heard) && contains(heard, text));
        assert_int_equal(c[i]->deflated, 1);
    }
    // One that takes longer than others wait for: these are told as if none were large.
    char *longer = words("longer", 1 << 20);
    post_words(c[0], "r", longer);
    net_turn(n, 0);
    post_words(c[1], "s", text);
    for (uint32_t ms = 0; ms < DEFLATE_WAIT_MS + 20; ms++) {
        net_turn(n, 0);
        n->now_ms++;
        n->wall_ms++;
        assert_true(ms > DEFLATE_WAIT_MS || !heard_message(c[1], &heard));
    }
    assert_true(heard_message(c[1], &heard) && contains(heard, text));
    assert_false(heard_message(c[0], &heard));
    net_wait(n, 1100);
    assert_true(heard_message(c[0], &heard) && contains(heard, longer));
    assert_int_equal(c[0]->deflated, 2);
    free(longer);
    free(text);
    net_free(n);
}

// Beyond the bounds it is plain, at once: no memory for it, or too large.
static void beyond_the_bounds_it_is_plain(void **state)
{
    (void)state;
    struct net *n = net_large(1);
    struct client *a = join_with(n, 0, "/ws", OFFER(""), "r");
    forget_all(n);
    str heard;
    char *huge = words("huge", DEFLATE_LARGE_MAX + 1);
    post_words(a, "r", huge);
    net_settle(n);
    assert_true(heard_message(a, &heard) && contains(heard, huge));
    assert_int_equal(a->deflated, 0);
    free(huge);
    atomic_store(&part.bytes_max, mem_used(&part) + 1);
    char *text = words("large", LARGE);
    post_words(a, "r", text);
    net_wait(n, 50);
    assert_true(heard_message(a, &heard) && contains(heard, text));
    assert_int_equal(a->deflated, 0);
    free(text);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_its_place),
        cmocka_unit_test(a_turn_takes_a_slice),
        cmocka_unit_test(the_room_goes_on),
        cmocka_unit_test(what_is_taken_back_is_not_told),
        cmocka_unit_test(its_readers_go),
        cmocka_unit_test(two_rooms_take_turns),
        cmocka_unit_test(beyond_the_bounds_it_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
