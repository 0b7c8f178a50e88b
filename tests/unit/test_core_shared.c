// SPDX-License-Identifier: Apache-2.0
//
// What a room's people share, through shards: everybody is told the same of each key, in one order with what is said; who comes in
// gets all of it, and who comes back what changed; conditions, limits, rights; lines, pages, a backend; and that it outlives its
// records, and ends with the room.
#include "unit/core_support.h"

#include <stdio.h>

static struct net *shared_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_serve_api(n);
    return n;
}

static struct client *in_room(struct net *n, uint32_t shard)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(c);
    return c;
}

static void set(struct client *c, const char *what)
{
    say(c, "{\"type\":\"state\",\"id\":5,\"room\":\"r\",%s}", what);
}

static void refused(struct client *c, const char *what, const char *code, const char *words)
{
    char part[64];
    set(c, what);
    snprintf(part, sizeof part, "\"id\":5,\"code\":\"%s\"", code);
    str m = expect(c, part);
    if (!contains(m, words))
        fail_msg("%.*s, expected %s", STR_ARG(m), words);
}

static void everybody_is_told_of_each_key(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = shared_net(shards);
        net_start(n);
        struct client *a = in_room(n, 0), *b = in_room(n, shards - 1);
        forget(a);
        set(a, "\"set\":{\"t\\u006fpic\":\"Tea \",\"n\": 1.50 },\"unset\":[\"none\"]");
        str ack = expect(a, "\"type\":\"ack\",\"id\":5,\"room\":\"r\",\"offset\":1");
        assert_true(contains(ack, "\"version\":1}"));
        for (int i = 0; i < 2; i++) {
            struct client *c = i == 0 ? a : b;
            str m = expect(c, "\"type\":\"state:updated\"");
            assert_true(contains(m, "\"offset\":1,"));
            assert_true(contains(m, "\"key\":\"topic\",\"value\":\"Tea \",\"version\":1}"));
            m = expect(c, "\"type\":\"state:updated\"");
            assert_true(contains(m, "\"offset\":1,") &&
                        contains(m, "\"key\":\"n\",\"value\":1.50,\"version\":1}"));
        }
        set(b, "\"merge\":{\"n\":null,\"o\":{\"x\":1,\"y\":null}}");
        expect(a, "\"key\":\"o\",\"value\":{\"x\":1},\"version\":2}");
        expect(a, "\"key\":\"n\",\"version\":2}");
        forget(b);
        say(b, "{\"type\":\"state\",\"id\":6,\"room\":\"r\"}");
        expect(
            b,
            "{\"type\":\"state\",\"id\":6,\"room\":\"r\",\"version\":2,\"state\":{\"o\":{\"x\":1},\"topic\":\"Tea \"},"
            "\"versions\":{\"o\":2,\"topic\":1}}");
        set(a, "\"set\":{\"topic\":\"Tea \"}"); // nothing has changed
        expect(b, "{\"type\":\"void\",\"room\":\"r\",\"offset\":3,");
        struct client *c = net_json(n, 0);
        say(c, "{\"type\":\"join\",\"room\":\"r\"}");
        str joined = expect(c, "\"type\":\"joined\"");
        assert_true(contains(joined, "\"state\":{\"o\":{\"x\":1},\"topic\":\"Tea \"},\"state_version\":3,"));
        net_free(n);
    }
}

static void only_if_it_is_of_that_version(void **state)
{
    (void)state;
    struct net *n = shared_net(2);
    net_start(n);
    struct client *a = in_room(n, 0), *b = in_room(n, 1);
    forget(a);
    set(a, "\"set\":{\"a\":1},\"if_version\":0");
    expect(a, "\"version\":1}");
    forget(b);
    set(b, "\"set\":{\"b\":1},\"if_version\":{\"a\":1,\"b\":0}");
    expect(b, "\"type\":\"ack\"");
    forget(a);
    refused(a, "\"set\":{\"a\":2},\"if_version\":1", "conflict", "\"version\":2}");
    refused(a, "\"set\":{\"a\":2},\"if_version\":{\"b\":1}", "conflict", "\"version\":2}");
    forget(b);
    expect_nothing(b);
    net_free(n);
}

static void what_is_too_much_changes_nothing(void **state)
{
    (void)state;
    struct net *n = shared_net(1);
    n->settings.state_keys = 2;
    n->settings.state_bytes = 30;
    n->settings.state_value = 12;
    net_start(n);
    struct client *a = in_room(n, 0), *b = in_room(n, 0);
    forget(a);
    refused(a, "\"set\":{\"a\":1,\"b\":2,\"c\":3}", "limit_reached", "may have 2 keys");
    refused(a, "\"set\":{\"a\":\"01234567890\"}", "too_large", "may have 12 bytes");
    refused(a, "\"set\":{\"a\":\"0123456789\",\"0123456\":\"0123456789\"}", "limit_reached",
            "30 bytes together");
    refused(a, "\"set\":{\"\":1}", "bad_command", "1 to 128 bytes");
    refused(a, "\"set\":{\"a\":1},\"unset\":[\"a\"]", "bad_command", "stands once");
    refused(a, "\"merge\":{\"a\":{\"x\":1,\"x\":2}}", "bad_command", "stands once");
    assert_int_equal(METRIC(n, limit_state), 3);
    expect_nothing(b);
    assert_null(net_room_at(n, "r")->state);
    assert_int_equal(net_room_at(n, "r")->log.head, 0);
    set(a, "\"set\":{\"a\":\"0123456789\"}");
    expect(b, "\"key\":\"a\"");
    net_free(n);
}

static void who_may_not_does_not(void **state)
{
    (void)state;
    struct net *n = shared_net(1);
    net_start(n);
    struct client *a = in_room(n, 0), *b = in_room(n, 0);
    net_give(a, "r", b->user, "guest");
    forget(b);
    refused(b, "\"set\":{\"a\":1}", "forbidden", "the right `state`");
    say(b, "{\"type\":\"state\",\"id\":6,\"room\":\"r\"}");
    expect(b, "\"state\":{}");
    net_give(a, "r", b->user, "member");
    net_give(a, "r", a->user, "host");
    say(a, "{\"type\":\"mute\",\"room\":\"r\",\"user\":\"%s\"}", b->user);
    forget(b);
    refused(b, "\"set\":{\"a\":1}", "muted", "muted");
    net_free(n);
}

// Who comes back is told what has changed, by records, behind a `joined` that has it already.
static void who_comes_back_hears_what_changed(void **state)
{
    (void)state;
    struct net *n = shared_net(2);
    net_start(n);
    struct client *a = in_room(n, 0), *b = in_room(n, 1);
    char epoch[32];
    say(b, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    string_of(expect(b, "\"ack\""), "epoch", epoch, sizeof epoch);
    say(b, "{\"type\":\"leave\",\"room\":\"r\"}");
    set(a, "\"set\":{\"a\":1,\"b\":2}");
    set(a, "\"unset\":[\"a\"]");
    forget(b);
    say(b, "{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"%s\",\"offset\":1}}", epoch);
    str m = hear(b);
    assert_true(contains(m, "\"state\":{\"b\":2},\"state_version\":2") && contains(m, "\"recovered\":true"));
    assert_true(contains(hear(b), "\"offset\":2,") &&
                contains(hear(b), "\"key\":\"b\",\"value\":2,\"version\":1}"));
    m = hear(b);
    assert_true(contains(m, "\"offset\":3,") && contains(m, "\"key\":\"a\",\"version\":2}"));
    expect_nothing(b);
    say(b, "{\"type\":\"history\",\"id\":7,\"room\":\"r\"}");
    m = expect(b, "\"type\":\"history\",\"id\":7");
    assert_true(contains(m, "\"history\":[{\"type\":\"message\""));
    assert_true(contains(m, "\"key\":\"a\",\"value\":1,\"version\":1},{\"type\":\"state:updated\""));
    assert_true(contains(m, "\"key\":\"a\",\"version\":2}]}"));
    net_free(n);
}

static void it_outlives_its_records_and_ends_with_the_room(void **state)
{
    (void)state;
    struct net *n = shared_net(1);
    n->settings.log_entries = 2;
    n->settings.room_grace_ms = 5000;
    net_start(n);
    struct client *a = in_room(n, 0);
    set(a, "\"set\":{\"a\":1}");
    for (int i = 0; i < 5; i++)
        say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
    net_settle(n);
    assert_true(net_room_at(n, "r")->log.tail > 1);
    say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
    net_wait(n, 4000);
    forget(a);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    expect(a, "\"state\":{\"a\":1},\"state_version\":1");
    say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
    net_wait(n, 6000);
    forget(a);
    assert_null(net_room_at(n, "r"));
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    expect(a, "\"state\":{},\"state_version\":0");
    set(a, "\"set\":{\"a\":1}");
    net_give(a, "r", a->user, "owner");
    forget(a);
    say(a, "{\"type\":\"close\",\"room\":\"r\"}");
    net_settle(n);
    assert_int_equal(net_room_at(n, "r")->state->n, 0);
    net_free(n);
}

static void in_lines(void **state)
{
    (void)state;
    struct net *n = shared_net(1);
    net_start(n);
    struct client *a = net_line(n, 0), *b = net_json(n, 0), *w = net_ws(n, 0, "/echo");
    say(b, "{\"type\":\"join\",\"room\":\"lobby\"}");
    say(w, "/nick w");
    say(a, "/nick Ada");
    forget(a);
    forget(b);
    forget(w);
    say(a, "/topic Tea at \"five\"");
    expect(b, "\"key\":\"topic\",\"value\":\"Tea at \\\"five\\\"\",\"version\":1}");
    expect(w, "* Ada set topic: Tea at \"five\"");
    expect(a, "* Ada set topic: Tea at \"five\"");
    say(a, "/state \"two words\" {\"x\":[1]}");
    expect(b, "\"key\":\"two words\",\"value\":{\"x\":[1]},\"version\":2}");
    expect(a, "* Ada set two words: {\"x\":[1]}");
    forget(w);
    say(b,
        "{\"type\":\"state\",\"room\":\"lobby\",\"set\":{\"p\":1,\"q\":\"\\u001b[2J\"},\"unset\":[\"topic\"]}");
    expect(a, "set p: 1");
    expect(a, "set q: \\x1b[2J");
    expect(a, "unset topic");
    expect(w, "set p: 1");
    expect(w, "set q: \\x1b[2J");
    expect(w, "unset topic");
    forget(b);
    say(a, "/state p -");
    expect(b, "\"key\":\"p\",\"version\":4}");
    forget(a);
    say(a, "/state");
    expect(a, "* state of lobby, version 4");
    expect(a, "*   q: \\x1b[2J");
    expect(a, "*   two words: {\"x\":[1]}");
    say(a, "/state q");
    expect(a, "* state of lobby, version 4");
    expect(a, "*   q: ");
    expect_nothing(a);
    say(b, "{\"type\":\"state\",\"room\":\"lobby\",\"set\":{\"topic\":\"Cake\"}}");
    struct client *late = net_line(n, 0);
    say(late, "/join other");
    forget(late);
    say(late, "/join lobby");
    expect(late, "* joined lobby");
    expect(late, "*   topic: Cake");
    net_free(n);
}

static void by_a_backend(void **state)
{
    (void)state;
    struct net *n = shared_net(2);
    net_start(n);
    api_says(n, "state", "{\"room\":\"r\"}", "404", "not_found");
    api_says(n, "state", "{\"room\":\"r\",\"set\":{\"a\":1}}", "200", "{\"room\":\"r\",\"offset\":1,");
    api_says(n, "state", "{\"room\":\"r\",\"set\":{\"a\":2},\"if_version\":0}", "409", "\"version\":1}");
    api_says(n, "state", "{\"room\":\"r\"}", "200",
             "{\"room\":\"r\",\"version\":1,\"state\":{\"a\":1},\"versions\":{\"a\":1}}");
    struct client *a = net_json(n, 1);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    expect(a, "\"state\":{\"a\":1},\"state_version\":1");
    api_says(n, "state", "{\"room\":\"r\",\"unset\":[\"a\"]}", "200", "\"version\":2}");
    expect(
        a,
        "\"from\":{\"user\":\"server\",\"session\":\"api\",\"name\":\"server\"},\"key\":\"a\",\"version\":2}");
    net_free(n);
}

// Wherever memory ends, a change has happened as a whole, and been told, or not at all.
static struct net *two_who_share(void)
{
    struct net *n = shared_net(1);
    net_start(n);
    struct client *a = in_room(n, 0);
    in_room(n, 0);
    set(a, "\"set\":{\"a\":1,\"b\":1}");
    net_settle(n);
    return n;
}

static void change_three(struct net *n)
{
    forget(n->clients[0]);
    forget(n->clients[1]);
    set(n->clients[0], "\"set\":{\"a\":2,\"c\":2},\"unset\":[\"b\"]");
}

static bool changed_three(struct net *n)
{
    const struct room *r = net_room_at(n, "r");
    const bool changed = state_find(r->state, STR("c")) != NULL;
    assert_int_equal(changed, state_find(r->state, STR("b")) == NULL);
    assert_int_equal(changed, str_eq(state_row_value(state_find(r->state, STR("a"))), STR("2")));
    assert_int_equal(r->state->version, changed ? 2 : 1);
    assert_int_equal(r->log.head, changed ? 2 : 1);
    return changed;
}

static void no_half_effect_without_memory(void **state)
{
    (void)state;
    net_fail_anywhere(two_who_share, change_three, changed_three);
}

// Who comes in is shown what cannot be taken back: it waits until a change is committed, and so does who comes after a close.
static void who_comes_in_waits_for_what_is_not_committed(void **state)
{
    (void)state;
    struct net *n = shared_net(1);
    net_start(n);
    struct client *a = in_room(n, 0), *b = net_json(n, 0);
    struct home *h = &n->sh[0]->home;
    const uint32_t room = room_find(h, STR("r"), hash_str(h->cx, STR("r")));
    struct log_reader store;
    log_reader_add(&room_at(h, room)->log, &store);
    set(a, "\"set\":{\"k\":1}");
    say(b, "{\"type\":\"join\",\"id\":6,\"room\":\"r\"}");
    expect_nothing(a);
    expect_nothing(b);
    home_committed(h, room, &store, 1);
    net_settle(n);
    assert_true(
        contains(expect(b, "\"type\":\"joined\",\"id\":6"), "\"state\":{\"k\":1},\"state_version\":1"));
    expect(a, "\"type\":\"ack\",\"id\":5");
    expect(a, "\"type\":\"state:updated\"");
    log_reader_remove(&room_at(h, room)->log, &store);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_told_of_each_key),
        cmocka_unit_test(only_if_it_is_of_that_version),
        cmocka_unit_test(what_is_too_much_changes_nothing),
        cmocka_unit_test(who_may_not_does_not),
        cmocka_unit_test(who_comes_back_hears_what_changed),
        cmocka_unit_test(it_outlives_its_records_and_ends_with_the_room),
        cmocka_unit_test(in_lines),
        cmocka_unit_test(by_a_backend),
        cmocka_unit_test(no_half_effect_without_memory),
        cmocka_unit_test(who_comes_in_waits_for_what_is_not_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
