// SPDX-License-Identifier: Apache-2.0
//
// Rates of somebody who has many connections, on many shards: a user, an address; and of rooms and their members. All of it is exact: what is
// let pass is what the bucket has given, to the token.
#include "unit/token_support.h"

#include <stdio.h>
#include <stdlib.h>

static struct net *user_net(uint32_t shards, struct rate rate)
{
    struct net *n = token_net(shards, 1);
    n->settings.user_commands = rate;
    n->settings.heartbeat_ms = 600000;
    net_start(n);
    return n;
}

// A connection of that user, welcomed.
static struct client *user_at(struct net *n, uint32_t shard, const char *user)
{
    struct client *c = net_ws(n, shard, "/ws");
    say(c, "{\"type\":\"hello\",\"token\":\"a.b.%s\"}", user);
    struct token_mail *job = asked(n, shard);
    assert_non_null(job);
    struct verdict_mail v = good(n, user);
    tell(n, shard, job, &v);
    expect(c, "\"type\":\"welcome\"");
    return c;
}

static void pings(struct client *c, int count)
{
    for (int i = 0; i < count; i++)
        post(c, "{\"type\":\"ping\"}");
}

// How many of what it has said was carried out; the others were refused as they should be.
static uint32_t carried_out(struct client *c, const char *done, const char *refused)
{
    uint32_t n = 0;
    for (str s = hear(c); s.p != NULL; s = hear(c)) {
        n += contains(s, done);
        if (contains(s, done) || refused == NULL)
            continue;
        assert_true(contains(s, "\"code\":\"rate_limited\"") && contains(s, refused));
        assert_in_range(number_of(s, "retry_ms"), 1, 1000);
    }
    return n;
}

static uint32_t pongs(struct client *c, const char *refused)
{
    return carried_out(c, "\"type\":\"pong\"", refused);
}

static void a_user_has_one_rate_on_all_shards(void **state)
{
    (void)state;
    static const struct rate rates[] = {{10, 30}, {100, 100}, {1, 2}, {1000, 7}};
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (size_t k = 0; k < ARRAY_LEN(rates); k++) {
            struct net *n = user_net(shards, rates[k]);
            struct client *ada[6], *bob = user_at(n, shards - 1, "bob");
            uint32_t got = 0;
            for (uint32_t i = 0; i < ARRAY_LEN(ada); i++)
                ada[i] = user_at(n, i % shards, "ada");
            const uint64_t begin = n->now_ms;
            for (uint32_t round = 0; round < 4; round++) {
                for (uint32_t i = 0; i < ARRAY_LEN(ada); i++)
                    pings(ada[i], 25);
                net_settle(n);
                for (uint32_t i = 0; i < ARRAY_LEN(ada); i++)
                    got += pongs(ada[i], "of this user");
                // All that the bucket had has been used, wherever it was asked for, and no more.
                assert_int_equal(METRIC(n, limit_user_rate), (round + 1) * ARRAY_LEN(ada) * 25 - got);
                if (round == 0)
                    assert_int_equal(got, rates[k].burst < 150 ? rates[k].burst : 150);
                assert_true(got <= rates[k].burst + (n->now_ms - begin) * rates[k].per_s / 1000);
                net_wait(n, 3000);
            }
            // Each round finds what three seconds have brought, or a full bucket, but for the part that lies on a shard.
            const uint64_t each = 3 * rates[k].per_s < rates[k].burst ? 3 * rates[k].per_s : rates[k].burst;
            assert_true(got >= rates[k].burst + 3 * each);
            say(bob, "{\"type\":\"ping\"}");
            expect(bob, "\"type\":\"pong\"");
            net_free(n);
        }
}

// What a shard does not use goes back to where others may have it.
static void what_is_not_used_comes_back(void **state)
{
    (void)state;
    struct net *n = user_net(3, (struct rate){100, 100});
    struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada");
    net_wait(n, 5000);
    say(a, "{\"type\":\"ping\"}"); // ten are handed out, a tenth of a second's
    assert_int_equal(pongs(a, NULL), 1);
    pings(b, 120);
    net_settle(n);
    assert_int_equal(pongs(b, "of this user"), 90);
    say(a, "{\"type\":\"ping\"}"); // which it has still
    assert_int_equal(pongs(a, NULL), 1);
    net_wait(n, 5000);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(n->sh[i]->edge.leases.rows.slab.count, 0);
    pings(b, 120);
    net_settle(n);
    assert_int_equal(pongs(b, "of this user"), 100);
    net_wait(n, 30000); // nothing is left of anybody who is quiet
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(n->sh[i]->home.meters.slab.count, 0);
    net_free(n);
}

// Also to somebody who has none left: not one is lost.
static void nothing_is_lost_to_whoever_is_at_the_limit(void **state)
{
    (void)state;
    struct net *n = user_net(3, (struct rate){100, 100});
    struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada");
    const uint64_t begin = n->now_ms;
    uint32_t got = 0;
    say(a, "{\"type\":\"ping\"}");
    got += pongs(a, NULL);
    pings(b, 100);
    for (int i = 0; i < 25; i++) {
        net_settle(n);
        got += pongs(b, "of this user");
        net_wait(n, 100);
        pings(b, 12);
    }
    net_settle(n);
    got += pongs(b, "of this user");
    assert_int_equal(got, 100 + (n->now_ms - begin) / 10);
    net_free(n);
}

// However much is asked for, others find something.
static void a_shard_does_not_hold_all_there_is(void **state)
{
    (void)state;
    struct net *n = user_net(3, (struct rate){1000, 30}); // a tenth of a second is worth more than all of it
    struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada");
    say(a, "{\"type\":\"ping\"}");
    assert_int_equal(pongs(a, NULL), 1);
    pings(b, 30);
    net_settle(n);
    assert_int_equal(pongs(b, "of this user"), 25);
    net_free(n);
}

static void an_address_has_one_rate_for_all_its_users(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.address_commands = (struct rate){10, 20};
    n->print = 77;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 1); // a hello each
    n->print = 78;
    struct client *far = net_json(n, 1);
    n->print = 0; // of whom no address is known
    struct client *unknown = net_json(n, 0);
    struct client *const all[] = {a, b, far, unknown};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        pings(all[i], 19);
    net_settle(n);
    assert_int_equal(pongs(a, "from your address") + pongs(b, "from your address"), 18);
    assert_int_equal(pongs(far, NULL), 19);
    assert_int_equal(pongs(unknown, NULL), 19);
    assert_int_equal(METRIC(n, limit_address_rate), 20);
    net_free(n);
}

// What was charged later is owed, and is not forgotten with the lease.
static void what_is_owed_is_paid(void **state)
{
    (void)state;
    struct net *n = user_net(2, (struct rate){10, 40});
    struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada");
    say(a, "{\"type\":\"refresh\",\"id\":1,\"token\":\"a.b.c\"}");
    const struct verdict_mail bad = {.verdict = TOKEN_BAD, .why = STR("It is forged.")};
    tell(n, 0, asked(n, 0), &bad);
    expect(a, "\"code\":\"unauthorized\"");
    pings(a, 1);
    net_settle(n); // the debt is told when the next token is asked for
    assert_int_equal(pongs(a, "of this user"), 1);
    pings(b, 40);
    net_settle(n);
    assert_in_range(pongs(b, "of this user"), 40 - 1 - 20 - 1 - 1, 40 - 1 - 20 - 1);
    net_free(n);
}

// A command that one gate refuses has paid at those before it, and the next one begins at the first.
static void every_command_begins_at_the_first_gate(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.user_commands = (struct rate){1, 1};
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 5;
    net_start(n);
    struct client *a = user_at(n, 0, "ada"); // by a hello, which is a command
    pings(a, 6);
    net_settle(n);
    expect(a, "\"type\":\"pong\"");
    for (int i = 0; i < 3; i++)
        expect(a, "of this user");
    for (int i = 0; i < 2; i++)
        expect(a, "Too many commands at once; ");
    assert_int_equal(METRIC(n, limit_user_rate), 3);
    assert_int_equal(METRIC(n, limit_rate), 2);
    assert_int_equal(atomic_load(&n->sh[0]->cx.metrics->commands[CMD_PING]), 1);
    net_free(n);
}

static void who_goes_on_is_closed_and_no_other(void **state)
{
    (void)state;
    struct net *n = user_net(2, (struct rate){1, 1});
    struct client *loud = user_at(n, 0, "ada"), *quiet = user_at(n, 1, "ada");
    for (int i = 0; i < 40 && !loud->closed; i++) {
        pings(loud, 10);
        net_settle(n);
        say(quiet, "{\"type\":\"ping\"}");
        net_wait(n, 100);
    }
    assert_int_equal(loud->close_code, 1008);
    assert_false(quiet->closed);
    forget(quiet);
    net_wait(n, 3000);
    say(quiet, "{\"type\":\"ping\"}");
    expect(quiet, "\"type\":\"pong\"");
    net_free(n);
}

// Who waits for a token may go, and a reload may lift the rate meanwhile.
static void who_waits_may_go(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.address_commands = (struct rate){10, 20};
    n->print = 77;
    net_start(n);
    n->jam[0][1] = n->jam[1][0] =
        true; // the other shard hears nothing; one of the two has the address's home
    struct client *a = net_ws(n, 0, "/ws"), *b = net_ws(n, 1, "/ws");
    pings(a, 2);
    pings(b, 2);
    net_settle(n);
    bool a_waits = client_asker(a)->lease_queued, b_waits = client_asker(b)->lease_queued;
    assert_int_equal(a_waits + b_waits, 1);
    net_check(n);
    cut(a_waits ? a : b);
    net_settle(n);
    n->jam[0][1] = n->jam[1][0] = false;
    net_settle(n);
    assert_true(contains(hear(a_waits ? b : a), "welcome"));
    net_free(n);
}

static void want_of_memory_is_told(void **state)
{
    (void)state;
    struct net *n = user_net(1, (struct rate){10, 20});
    struct client *a = user_at(n, 0, "ada");
    post(a, "{\"type\":\"ping\",\"id\":1}");
    net_fail_from(n, 0);
    net_settle(n);
    net_fail_end(n);
    net_settle(n);
    str s = hear(a);
    assert_true(contains(s, "\"code\":\"unavailable\"") || contains(s, "pong") || a->closed);
    if (!a->closed) {
        say(a, "{\"type\":\"ping\",\"id\":2}");
        expect(a, "\"type\":\"pong\",\"id\":2");
    }
    net_free(n);
}

// --- in rooms

static void said(struct client *c, const char *room, int count)
{
    for (int i = 0; i < count; i++)
        post(c, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":1}", i, room);
}

static uint32_t acks(struct client *c, const char *refused)
{
    uint32_t n = 0;
    for (str s = hear(c); s.p != NULL; s = hear(c)) {
        n += contains(s, "\"type\":\"ack\"");
        if (!contains(s, "\"type\":\"error\""))
            continue;
        assert_true(contains(s, "\"code\":\"rate_limited\""));
        assert_true(contains(s, refused));
        assert_in_range(number_of(s, "retry_ms"), 1, 1000);
    }
    return n;
}

static struct net *room_net(uint32_t shards, struct rate room, struct rate member)
{
    struct net *n = token_net(shards, 1);
    n->settings.messages = room;
    n->settings.member_messages = member;
    n->settings.state_bytes = n->settings.state_value = 4 * COST_BYTES;
    n->settings.heartbeat_ms = 600000;
    net_start(n);
    return n;
}

static void a_member_has_one_rate_in_a_room(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = room_net(2, (struct rate){0, 1}, (struct rate){2, 5});
        const char *room = net_room(n, home, 0), *other = net_room(n, home, 1);
        struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada"), *bob = user_at(n, 1, "bob");
        struct client *const all[] = {a, b, bob};
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            for (int k = 0; k < 2; k++) {
                say(all[i], "{\"type\":\"join\",\"room\":\"%s\"}", k == 0 ? room : other);
                forget(all[i]);
            }
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            said(all[i], room, 4);
        net_settle(n);
        static const char refused[] = "You say more in the room";
        assert_int_equal(acks(a, refused) + acks(b, refused), 5); // by both of its connections
        assert_int_equal(acks(bob, refused), 4);
        assert_int_equal(METRIC(n, limit_member_rate), 3);
        assert_int_equal(net_room_at(n, room)->log.head, 9); // a refusal has no record
        said(a, other, 5);                                   // there it has said nothing yet
        net_settle(n);
        assert_int_equal(acks(a, refused), 5);
        net_wait(n, 499);
        said(a, room, 1);
        net_settle(n);
        assert_int_equal(acks(a, refused), 0);
        net_wait(n, 1);
        said(a, room, 2);
        net_settle(n);
        assert_int_equal(acks(a, refused), 1);
        net_free(n);
    }
}

static void a_room_has_one_rate_for_all(void **state)
{
    (void)state;
    struct net *n = room_net(2, (struct rate){10, 6}, (struct rate){0, 1});
    const char *room = net_room(n, 1, 0);
    struct client *all[3];
    uint32_t got = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = net_json(n, i % 2);
        say(all[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        forget(all[i]);
        said(all[i], room, 4);
    }
    net_settle(n);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        got += acks(all[i], "More is said in the room");
    assert_int_equal(got, 6);
    assert_int_equal(METRIC(n, limit_room_rate), 6);
    // What is decided is not held up, and what is passing neither.
    net_give(all[0], room, all[0]->user, "host");
    forget(all[0]);
    say(all[0], "{\"type\":\"kick\",\"id\":9,\"room\":\"%s\",\"user\":\"%s\"}", room, all[1]->user);
    str s = hear(all[0]);
    while (!contains(s, "\"id\":9"))
        s = hear(all[0]);
    assert_true(contains(s, "\"type\":\"ack\""));
    say(all[2], "{\"type\":\"signal\",\"room\":\"%s\",\"data\":1}", room);
    forget(all[0]);
    forget(all[2]);
    net_wait(n, 100);
    said(all[2], room, 2);
    net_settle(n);
    assert_int_equal(acks(all[2], "More is said in the room"), 1);
    net_free(n);
}

// What would be refused anyway, or was said before, uses up nobody's room; and who is refused by the room keeps what is theirs.
static void only_what_is_said_is_charged(void **state)
{
    (void)state;
    struct net *n = room_net(1, (struct rate){1, 3}, (struct rate){1, 3});
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    net_give(a, "r", a->user, "host");
    say(a, "{\"type\":\"mute\",\"room\":\"r\",\"user\":\"%s\"}", b->user);
    said(b, "r", 10);
    net_settle(n);
    forget(a);
    forget(b);
    for (int i = 0; i < 5; i++) // the first, and repetitions
        post(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"r\",\"data\":1,\"key\":\"k\"}", i);
    net_settle(n);
    assert_int_equal(acks(a, "-"), 5);
    said(a, "r", 2);
    net_settle(n);
    assert_int_equal(acks(a, "-"), 2);
    assert_int_equal(METRIC(n, limit_room_rate), 0);
    say(a, "{\"type\":\"unmute\",\"room\":\"r\",\"user\":\"%s\"}", b->user);
    forget(b);
    said(b, "r", 5); // the room has no more, and it is not its fault
    net_settle(n);
    assert_int_equal(acks(b, "More is said in the room"), 0);
    assert_int_equal(METRIC(n, limit_room_rate), 5);
    assert_int_equal(METRIC(n, limit_member_rate), 0);
    net_wait(n, 3000);
    said(b, "r", 3);
    net_settle(n);
    assert_int_equal(acks(b, "-"), 3);
    net_free(n);
}

// What is said at what price; who is refused by the one rate is told so by it.
enum { SMALL_MS = 1000 }; // what a small one costs at one a second

struct priced {
    const char *before;
    uint32_t bytes;
    const char *after;
    uint32_t tokens;
};

static const struct priced prices[] = {
    {"\"message\",\"data\":\"", 5, "\"", 1},
    {"\"message\",\"data\":\"", COST_BYTES - 3, "\"", 1},
    {"\"message\",\"data\":\"", COST_BYTES - 2, "\"", 2},
    {"\"message\",\"data\":\"", 3 * COST_BYTES, "\"", 4},
    {"\"edit\",\"offset\":1,\"data\":\"", 5, "\"", 1},
    {"\"edit\",\"offset\":1,\"data\":\"", 2 * COST_BYTES, "\"", 3},
    {"\"react\",\"offset\":1,\"key\":\"", 4, "\"", 1},
    {"\"delete\",\"offset\":1,\"reason\":\"", 200, "\"", 1},
    {"\"state\",\"set\":{\"a\":\"", 10000, "\"}", 1},
    {"\"state\",\"merge\":{\"a\":\"", COST_BYTES, "\"}", 2},
    {"\"state\",\"id\":\"", 3, "\"", 0}, // is read
    {"\"signal\",\"data\":\"", SIGNAL_DATA_MAX - 2, "\"", 0},
    {"\"readonly\",\"on\":false,\"id\":\"", 3, "\"", 0},
    {"\"history\",\"id\":\"", 3, "\"", 0},
};

static void say_priced(struct client *c, const struct priced *p)
{
    static char text[4 * COST_BYTES];
    ASSERT(p->bytes < sizeof text);
    memset(text, 'x', p->bytes);
    text[p->bytes] = '\0';
    say(c, "{\"room\":\"r\",\"type\":%s%s%s}", p->before, text, p->after);
}

// How long until something small is let in, at once and after that time, to the millisecond.
static void is_let_in_after(struct net *n, struct client *c, uint32_t wait_ms)
{
    for (int i = 0; i < 3 && wait_ms != 0; i++) {
        said(c, "r", 1);
        net_settle(n);
        str s = expect(c, "\"code\":\"rate_limited\"");
        assert_int_equal(number_of(s, "retry_ms"), wait_ms);
        uint32_t passes = i == 0 ? wait_ms / 2 : wait_ms - 1;
        net_wait(n, passes);
        wait_ms -= passes;
        if (wait_ms == 1)
            break;
    }
    net_wait(n, wait_ms);
    said(c, "r", 1);
    net_settle(n);
    expect(c, "\"type\":\"ack\"");
}

static void what_is_said_has_its_price(void **state)
{
    (void)state;
    for (int of_member = 0; of_member < 2; of_member++)
        for (uint32_t burst = 1; burst <= 6; burst++)
            for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
                const struct rate none = {0, 1}, one = {1, burst};
                struct net *n = room_net(1, of_member ? none : one, of_member ? one : none);
                struct client *a = net_json(n, 0);
                say(a, "{\"type\":\"join\",\"room\":\"r\"}");
                said(a, "r", 1); // what is changed by some
                net_settle(n);
                net_give(a, "r", a->user, "host");
                net_wait(n, SMALL_MS); // it is full again
                forget(a);
                say_priced(a, &prices[i]);
                for (str s = hear(a); s.p != NULL; s = hear(a))
                    assert_false(contains(s, "\"type\":\"error\""));
                // Whatever it costs it is let in, and all that is missing for one more is waited for.
                uint32_t cost = prices[i].tokens;
                is_let_in_after(n, a, burst > cost ? 0 : (cost + 1 - burst) * SMALL_MS);
                assert_int_equal(of_member ? METRIC(n, limit_room_rate) : METRIC(n, limit_member_rate), 0);
                net_free(n);
            }
}

// Who is refused by the room is given back all of it.
static void a_refusal_by_the_room_gives_the_price_back(void **state)
{
    (void)state;
    struct net *n = room_net(1, (struct rate){1, 1}, (struct rate){1, 6});
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    said(b, "r", 1);
    net_settle(n);
    for (int i = 0; i < 5; i++)
        say_priced(a, &prices[3]); // of which four times its burst
    assert_int_equal(METRIC(n, limit_room_rate), 5);
    assert_int_equal(METRIC(n, limit_member_rate), 0);
    net_wait(n, 1000);
    say_priced(a, &prices[3]);
    forget(a);
    assert_int_equal(METRIC(n, limit_room_rate), 5);
    for (int i = 0; i < 2; i++) { // two are left of its own; the room has none
        net_wait(n, 4000);
        said(a, "r", 1);
        net_settle(n);
        expect(a, "\"type\":\"ack\"");
    }
    net_free(n);
}

static void a_rule_says_otherwise(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    struct room_rule rule = {.match = STR("busy"), .room = n->settings.room};
    rule.room.messages = (struct rate){1, 2};
    n->settings.rules = &rule;
    n->settings.rules_n = 1;
    net_start(n);
    struct client *a = net_json(n, 0);
    static const char *const rooms[] = {"busy", "other"};
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        say(a, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
        forget(a);
        said(a, rooms[i], 5);
        net_settle(n);
        assert_int_equal(acks(a, "More is said in the room `busy`"), i == 0 ? 2 : 5);
    }
    net_free(n);
}

// --- how many connections one user may have

// A token comes with the request; what is said first implies the hello.
static struct client *presented(struct net *n, const char *path)
{
    struct client *c = net_ws_with(n, 0, path, "Authorization: Bearer a.b.ada\r\n");
    if (path[1] == 'w')
        say(c, "{\"type\":\"ping\",\"id\":7}");
    struct verdict_mail v = good(n, "ada");
    tell(n, 0, asked(n, 0), &v);
    return c;
}

static void a_user_has_so_many_connections(void **state)
{
    (void)state;
    static const char full[] = "\"code\":\"limit_reached\",\"message\":\"This user has as many connections";
    struct net *n = token_net(2, 1);
    n->settings.sessions_per_user = 2;
    net_start(n);
    struct client *a = user_at(n, 0, "ada"), *b = user_at(n, 1, "ada"), *bob = user_at(n, 0, "bob");
    struct client *third = net_ws(n, 1, "/ws");
    struct verdict_mail v = good(n, "ada");
    say(third, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.ada\"}");
    tell(n, 1, asked(n, 1), &v);
    assert_true(contains(expect(third, "\"id\":1"), full));
    struct client *implied = presented(n, "/ws");
    assert_true(contains(hear(implied), full));
    assert_true(contains(expect(implied, "\"id\":7"), "\"code\":\"unauthorized\""));
    assert_null(asked(n, 0));                     // nobody looks at it again
    struct client *typed = presented(n, "/echo"); // a terminal, which nobody can tell to try again
    assert_int_equal(typed->close_code, 1008);
    assert_int_equal(METRIC(n, limit_sessions), 3);
    hang_up(b);
    net_settle(n);
    say(third, "{\"type\":\"hello\",\"id\":2,\"token\":\"a.b.ada\"}"); // as there is room now
    tell(n, 1, asked(n, 1), &v);
    expect(third, "\"type\":\"welcome\"");
    n->settings.sessions_per_user = 1; // who is there stays
    say(a, "{\"type\":\"ping\"}");
    expect(a, "\"type\":\"pong\"");
    say(bob, "{\"type\":\"ping\"}");
    expect(bob, "\"type\":\"pong\"");
    net_free(n);
}

// Who comes back takes the place that is theirs.
static void who_comes_back_is_not_one_more(void **state)
{
    (void)state;
    char resume[RESUME_TOKEN_MAX];
    struct net *n = token_net(1, 1);
    n->settings.sessions_per_user = 1;
    net_start(n);
    struct client *a = net_ws(n, 0, "/ws"), *again = net_ws(n, 0, "/ws");
    say(a, "{\"type\":\"hello\"}");
    string_of(expect(a, "welcome"), "resume", resume, sizeof resume);
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", resume);
    expect(again, "\"type\":\"welcome\"");
    net_settle(n);
    assert_true(a->closed);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_has_one_rate_on_all_shards),
        cmocka_unit_test(what_is_not_used_comes_back),
        cmocka_unit_test(nothing_is_lost_to_whoever_is_at_the_limit),
        cmocka_unit_test(a_shard_does_not_hold_all_there_is),
        cmocka_unit_test(an_address_has_one_rate_for_all_its_users),
        cmocka_unit_test(what_is_owed_is_paid),
        cmocka_unit_test(every_command_begins_at_the_first_gate),
        cmocka_unit_test(who_goes_on_is_closed_and_no_other),
        cmocka_unit_test(who_waits_may_go),
        cmocka_unit_test(want_of_memory_is_told),
        cmocka_unit_test(a_member_has_one_rate_in_a_room),
        cmocka_unit_test(a_room_has_one_rate_for_all),
        cmocka_unit_test(only_what_is_said_is_charged),
        cmocka_unit_test(what_is_said_has_its_price),
        cmocka_unit_test(a_refusal_by_the_room_gives_the_price_back),
        cmocka_unit_test(a_rule_says_otherwise),
        cmocka_unit_test(a_user_has_so_many_connections),
        cmocka_unit_test(who_comes_back_is_not_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
