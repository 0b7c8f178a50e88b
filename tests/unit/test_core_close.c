// SPDX-License-Identifier: Apache-2.0
//
// The end of a room, and its beginning by a backend: who is there hears why, and nothing more; nobody comes in for the grace; then the
// name is a new room's.
#include "unit/core_support.h"

#include <stdio.h>

enum { GRACE_MS = 5000 };

static struct net *close_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_serve_api(n);
    n->settings.room_grace_ms = GRACE_MS;
    return n;
}

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\",\"history\":100}", room);
}

static struct client *in_room(struct net *n, uint32_t shard, const char *room)
{
    struct client *c = net_json(n, shard);
    join(c, room);
    forget(c);
    return c;
}

// By a backend; what is answered must have both.
static void call(struct net *n, const char *command, const char *room, const char *status, const char *part)
{
    char body[256];
    snprintf(body, sizeof body, "{\"room\":\"%s\"%s}", room,
             strcmp(command, "publish") == 0 ? ",\"data\":\"word\"" : "");
    api_says(n, command, body, status, part);
}

static struct client *owner_of(struct net *n, uint32_t shard, const char *room)
{
    struct client *c = in_room(n, shard, room);
    net_give(c, room, c->user, "owner");
    forget(c);
    return c;
}

// --- close

static void everybody_hears_it_and_is_out(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards += 2)
        for (uint32_t home = 0; home < shards; home++) {
            struct net *n = close_net(shards);
            net_start(n);
            const char *room = net_room(n, home, 0);
            struct client *owner = owner_of(n, 0, room), *eve = in_room(n, shards - 1, room),
                          *other = in_room(n, shards / 2, "elsewhere");
            forget(owner);
            say(eve, "{\"type\":\"close\",\"id\":1,\"room\":\"%s\"}", room);
            expect(eve, "\"id\":1,\"code\":\"forbidden\"");
            post(owner, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"before\"}", room);
            post(owner, "{\"type\":\"close\",\"id\":2,\"room\":\"%s\",\"reason\":\"late\"}", room);
            post(owner, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":\"after\"}", room);
            post(owner, "{\"type\":\"members\",\"id\":4,\"room\":\"%s\"}", room);
            net_settle(n);
            net_wait(n, 10);
            expect(eve, "\"before\"");
            str closed = expect(eve, "\"type\":\"room:closed\"");
            assert_true(contains(closed, owner->user) && contains(closed, "\"reason\":\"late\"") &&
                        contains(closed, "\"until\":"));
            str left = expect(eve, "\"type\":\"left\"");
            assert_true(contains(left, "\"reason\":\"room_closed\",\"by\":{\"user\":") &&
                        contains(left, "\"note\":\"late\""));
            expect(owner, "\"type\":\"ack\",\"id\":2");
            expect(owner, "\"id\":3,\"code\":\"room_closed\"");
            expect(owner, "\"id\":4,\"code\":\"room_closed\"");
            expect(owner, "\"type\":\"room:closed\"");
            expect(owner, "\"type\":\"left\"");
            say(eve, "{\"type\":\"message\",\"id\":5,\"room\":\"%s\",\"data\":1}", room);
            expect(eve, "\"id\":5,\"code\":\"not_member\"");
            expect_nothing(eve);
            expect_nothing(owner);
            expect_nothing(other);
            assert_int_equal(net_room_at(n, room)->members, 0);
            net_free(n);
        }
}

// A room of many is emptied over some turns. The last one leaves by himself before it is his turn: then nothing is left to be done
// (seed 186 of the simulator).
static void who_leaves_before_he_is_sent_away_is_the_last_one(void **state)
{
    (void)state;
    enum { EXPELS = 256, PEOPLE = EXPELS + 1 }; // of a turn (room_close.c)
    struct net *n = close_net(2);
    n->settings.connections_max = 160;
    net_start(n);
    const char *room = net_room(n, 0, 0);
    struct client *last = owner_of(n, 0, room);
    for (uint32_t i = 1; i < PEOPLE; i++)
        last = in_room(n, i % 2, room);
    assert_int_equal(net_room_at(n, room)->members, PEOPLE);
    call(n, "close", room, "HTTP/1.1 200 ", "\"offset\":");
    assert_int_equal(net_room_at(n, room)->members, PEOPLE - EXPELS);
    forget(last);
    say(last, "{\"type\":\"leave\",\"id\":1,\"room\":\"%s\"}", room);
    expect(last, "\"type\":\"room:closed\"");
    expect(last, "\"type\":\"left\",\"id\":1");
    assert_int_equal(net_room_at(n, room)->members, 0);
    net_check(n); // it is not being emptied while nobody is in it
    net_wait(n, 10);
    expect_nothing(last);
    net_free(n);
}

static void nobody_comes_in_for_the_grace_and_then_it_is_another_room(void **state)
{
    (void)state;
    struct net *n = close_net(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *owner = owner_of(n, 0, room), *eve = net_json(n, 1);
    char before[16], after[16];
    say(owner, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":\"secret\"}", room);
    string_of(expect(owner, "\"type\":\"ack\",\"id\":1"), "epoch", before, sizeof before);
    say(owner, "{\"type\":\"ban\",\"id\":2,\"room\":\"%s\",\"user\":\"%s\"}", room, eve->user);
    call(n, "close", room, "HTTP/1.1 200 ", "\"offset\":");
    net_wait(n, 10);
    forget(owner);
    join(owner, room);
    str refused = expect(owner, "\"code\":\"room_closed\"");
    assert_true(number_of(refused, "retry_ms") <= GRACE_MS &&
                number_of(refused, "retry_ms") > GRACE_MS - 100);
    call(n, "publish", room, "HTTP/1.1 409 ", "\"code\":\"room_closed\"");
    call(n, "create", room, "HTTP/1.1 409 ", "\"code\":\"room_closed\"");
    call(n, "history", room, "HTTP/1.1 409 ", "\"code\":\"room_closed\"");
    call(n, "members", room, "HTTP/1.1 409 ", "\"code\":\"room_closed\"");
    say(eve, "{\"type\":\"rooms\",\"id\":3}");
    expect(eve, "\"rooms\":[]");
    net_wait(n, number_of(refused, "retry_ms")); // in that very moment
    join(eve, room);                             // her ban is over with it
    str joined = expect(eve, "\"type\":\"joined\"");
    string_of(joined, "epoch", after, sizeof after);
    assert_string_not_equal(before, after);
    assert_int_equal(number_of(joined, "offset"), 0);
    expect_nothing(eve);
    net_free(n);
}

static void who_is_on_the_way_in_is_told_so(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct net *n = close_net(2);
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *owner = owner_of(n, 1, room), *eve = net_json(n, 0);
        n->hold[1][0] = answered;  // the answer to her join is on its way,
        n->hold[0][1] = !answered; // or the ask is
        join(eve, room);
        say(owner, "{\"type\":\"close\",\"id\":1,\"room\":\"%s\"}", room);
        net_wait(n, 10);
        n->hold[1][0] = n->hold[0][1] = false;
        net_settle(n);
        if (answered) {
            expect(eve, "\"type\":\"joined\"");
            expect(eve, "\"type\":\"room:closed\"");
            expect(eve, "\"type\":\"left\"");
        } else {
            expect(eve, "\"code\":\"room_closed\"");
        }
        expect_nothing(eve);
        assert_int_equal(client_reader(eve)->member_n, 0);
        net_free(n);
    }
}

// A switch whose new room is closed before the old one is left leaves it nowhere, and says so.
static void a_switch_into_it_ends_nowhere(void **state)
{
    (void)state;
    struct net *n = close_net(2);
    net_start(n);
    const char *old = net_room(n, 0, 0), *room = net_room(n, 1, 1);
    struct client *owner = owner_of(n, 1, room), *eve = in_room(n, 1, old);
    n->hold[0][1] = true; // that the old one is left is not known yet
    say(eve, "{\"type\":\"switch\",\"id\":1,\"from\":\"%s\",\"to\":\"%s\"}", old, room);
    say(owner, "{\"type\":\"close\",\"id\":1,\"room\":\"%s\"}", room);
    net_wait(n, 10);
    n->hold[0][1] = false;
    net_settle(n);
    expect(eve, "\"type\":\"joined\",\"id\":1");
    expect(eve, "\"type\":\"room:closed\"");
    expect(eve, "\"type\":\"left\"");
    expect_nothing(eve);
    assert_int_equal(client_reader(eve)->member_n, 0);
    net_free(n);
}

// Two who switch into a room hear a word there, and it is closed, before it is known that they have left the old one; then it has gone, and
// bob, beside them, has made it anew. What they are due of the first one they hear in its order, and of bob's nothing (seed 290 of
// the simulator).
static void a_switch_into_it_hears_of_the_room_before(void **state)
{
    (void)state;
    for (int cut_off = 0; cut_off < 2; cut_off++) {
        struct net *n = close_net(3);
        net_start(n);
        const char *old[] = {net_room(n, 0, 0), net_room(n, 0, 2)}, *room = net_room(n, 1, 1);
        struct client *owner = owner_of(n, 1, room), *bob = net_json(n, 2);
        struct client *eves[] = {in_room(n, 2, old[0]), in_room(n, 2, old[1])};
        n->hold[0][2] = true;
        for (int i = 0; i < 2; i++)
            say(eves[i], "{\"type\":\"switch\",\"id\":1,\"from\":\"%s\",\"to\":\"%s\"}", old[i], room);
        say(owner, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"before\"}", room);
        say(owner, "{\"type\":\"close\",\"id\":1,\"room\":\"%s\"}", room);
        net_wait(n, GRACE_MS + 1000);
        assert_null(net_room_at(n, room));
        join(bob, room);
        say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":\"anew\"}", room);
        if (cut_off)
            cut(eves[1]);
        net_settle(n);
        expect_nothing(eves[0]);
        n->hold[0][2] = false;
        net_settle(n);
        for (int i = 0; i < 2 - cut_off; i++) {
            expect(eves[i], "\"type\":\"joined\",\"id\":1");
            if (i == 0)
                expect(eves[i], "member:joined");
            expect(eves[i], "\"before\"");
            expect(eves[i], "\"type\":\"room:closed\"");
            expect(eves[i], "\"type\":\"left\"");
            expect_nothing(eves[i]);
            assert_int_equal(client_reader(eves[i])->member_n, 0);
        }
        expect(bob, "\"type\":\"joined\"");
        expect(bob, "\"type\":\"ack\",\"id\":2");
        expect_nothing(bob);
        join(eves[0], room);
        expect(eves[0], "\"type\":\"joined\"");
        expect(eves[0], "\"anew\"");
        net_free(n);
    }
}

static void who_is_away_is_out_too(void **state)
{
    (void)state;
    struct net *n = close_net(1);
    n->settings.member_grace_ms = 60000;
    net_start(n);
    struct client *owner = owner_of(n, 0, "r"), *bob = in_room(n, 0, "r");
    cut(bob);
    net_settle(n);
    assert_int_equal(net_room_at(n, "r")->members, 2);
    say(owner, "{\"type\":\"close\",\"id\":1,\"room\":\"r\"}");
    net_wait(n, 10);
    assert_int_equal(net_room_at(n, "r")->members, 0);
    net_free(n);
}

// More than are sent away in one turn: meanwhile nothing is said by those who are still there.
static void many_are_sent_away_over_some_turns(void **state)
{
    (void)state;
    enum { PEOPLE = 300, SENDERS = 200 };
    struct net *n = close_net(1);
    n->settings.connections_max = NET_CONNS_MAX;
    n->settings.presence_exact_max = 10;
    net_start(n);
    struct client *people[SENDERS], *owner = owner_of(n, 0, "r");
    for (int i = 0; i < SENDERS; i++)
        people[i] = in_room(n, 0, "r");
    for (int i = SENDERS; i < PEOPLE; i++) { // and those who are away
        struct client *c = in_room(n, 0, "r");
        cut(c);
        net_settle(n);
    }
    for (int i = 0; i < SENDERS; i++)
        forget(people[i]);
    say(owner, "{\"type\":\"close\",\"id\":1,\"room\":\"r\"}");
    net_wait(n, 50);
    assert_int_equal(net_room_at(n, "r")->members, 0);
    assert_int_equal(METRIC(n, memberships), 0);
    for (int i = 0; i < SENDERS; i++) {
        str m = hear(people[i]);
        while (m.p != NULL && contains(m, "members:count"))
            m = hear(people[i]);
        assert_true(contains(m, "room:closed"));
        expect(people[i], "room_closed");
    }
    net_free(n);
}

static void people_type_it(void **state)
{
    (void)state;
    struct net *n = close_net(1);
    n->settings.text_room = STR("lobby");
    net_start(n);
    struct client *typed = net_line(n, 0), *bob = net_line(n, 0);
    const struct session *s = &client_reader(typed)->who.session;
    char user[USER_ID_MAX + 1] = {0};
    memcpy(user, session_user(s).p, session_user(s).n);
    struct client *helper = in_room(n, 0, "lobby");
    net_give(helper, "lobby", user, "owner");
    forget(typed);
    forget(bob);
    say(typed, "/close for today");
    net_wait(n, 10);
    expect(bob, " closed the room (for today)");
    str left = expect(bob, "* left lobby (room closed by ");
    assert_true(contains(left, "): for today"));
    say(bob, "hello?");
    expect(bob, "error not_member");
    net_free(n);
}

// --- create

static void a_backend_makes_a_room_that_nobody_is_in(void **state)
{
    (void)state;
    struct net *n = close_net(2);
    n->settings.rooms_max = 1; // of each shard
    net_start(n);
    const char *room = net_room(n, 1, 0), *more = net_room(n, 1, 1);
    call(n, "create", room, "HTTP/1.1 200 ", "\"offset\":1,\"epoch\":\"");
    assert_int_equal(METRIC(n, rooms_created), 1);
    call(n, "create", room, "HTTP/1.1 200 ", "\"duplicate\":true");
    call(n, "create", more, "HTTP/1.1 429 ", "\"code\":\"limit_reached\"");
    net_wait(n, GRACE_MS - 1000);
    call(n, "create", room, "HTTP/1.1 200 ", "\"duplicate\":true"); // for so long anew
    net_wait(n, GRACE_MS - 1000);
    assert_non_null(net_room_at(n, room));
    struct client *c = net_json(n, 0);
    join(c, room);
    expect(c, "\"type\":\"joined\"");
    say(c, "{\"type\":\"leave\",\"id\":1,\"room\":\"%s\"}", room);
    expect(c, "\"type\":\"left\"");
    net_wait(n, GRACE_MS - 1000);
    assert_non_null(net_room_at(n, room)); // though nobody has ever said a word in it
    net_wait(n, 2000);
    assert_null(net_room_at(n, room));
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_hears_it_and_is_out),
        cmocka_unit_test(who_leaves_before_he_is_sent_away_is_the_last_one),
        cmocka_unit_test(nobody_comes_in_for_the_grace_and_then_it_is_another_room),
        cmocka_unit_test(who_is_on_the_way_in_is_told_so),
        cmocka_unit_test(a_switch_into_it_ends_nowhere),
        cmocka_unit_test(a_switch_into_it_hears_of_the_room_before),
        cmocka_unit_test(who_is_away_is_out_too),
        cmocka_unit_test(many_are_sent_away_over_some_turns),
        cmocka_unit_test(people_type_it),
        cmocka_unit_test(a_backend_makes_a_room_that_nobody_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
