// SPDX-License-Identifier: Apache-2.0
//
// Another name for somebody who is in several rooms, on several shards: told everywhere, answered once, the same person.
#include "unit/core_support.h"

#include <stdio.h>

enum { ROOMS = 5 };
static const char LONG[] = "Ada, Countess of Lovelace, with a name as long as they come";
static char rooms[ROOMS][32];

static struct net *world(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_start(n);
    for (uint32_t i = 0; i < ROOMS; i++)
        snprintf(rooms[i], sizeof rooms[i], "%s", net_room(n, i % shards, i / shards));
    return n;
}

static void join_all(struct client *c)
{
    for (uint32_t i = 0; i < ROOMS; i++)
        say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[i]);
    forget(c);
}

// The entries of one rename, a room each in any order, and nothing else.
static void expect_renamed_everywhere(struct client *c, const char *before, const char *after)
{
    char want[256];
    uint32_t seen = 0;
    for (uint32_t k = 0; k < ROOMS; k++) {
        str s = expect(c, "\"type\":\"member:changed\"");
        snprintf(want, sizeof want, "\"name\":\"%s\"", after);
        assert_true(contains(s, want));
        snprintf(want, sizeof want, ",\"previous_name\":\"%s\"}", before);
        assert_true(contains(s, want));
        for (uint32_t i = 0; i < ROOMS; i++) {
            snprintf(want, sizeof want, "\"room\":\"%s\"", rooms[i]);
            seen |= contains(s, want) ? 1u << i : 0;
        }
    }
    assert_int_equal(seen, (1u << ROOMS) - 1);
}

static void everyone_in_every_room_is_told(void **state)
{
    (void)state;
    static const char *const names[] = {"Ada", LONG, "A"};
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct net *n = world(shards);
        struct client *ada = net_ws(n, 0, "/ws"), *bob = net_json(n, shards - 1), *tom = net_line(n, 0);
        say(ada, "{\"type\":\"hello\",\"id\":1,\"name\":\"Old\"}");
        forget(ada);
        join_all(ada);
        join_all(bob);
        say(tom, "/join %s", rooms[shards - 1]);
        forget(ada);
        forget(bob);
        forget(tom);
        const char *before = "Old";
        char want[200], resume[RESUME_TOKEN_MAX + 1];
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            say(ada, "{\"type\":\"rename\",\"id\":\"r%zu\",\"name\":\"%s\"}", i, names[i]);
            snprintf(want, sizeof want, "{\"type\":\"renamed\",\"id\":\"r%zu\",\"name\":\"%s\",\"resume\":\"",
                     i, names[i]);
            str s = hear(ada);
            while (!contains(s, "\"type\":\"renamed\"")) {
                assert_true(contains(s, "\"type\":\"member:changed\""));
                s = hear(ada);
            }
            assert_true(contains(s, want));
            string_of(s, "resume", resume, sizeof resume);
            forget(ada);
            expect_renamed_everywhere(bob, before, names[i]);
            snprintf(want, sizeof want, "* %s is now %s", before, names[i]);
            assert_str_eq(hear(tom), str_from_cstr(want));
            say(ada, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", rooms[shards - 1]);
            snprintf(want, sizeof want, "\"name\":\"%s\"},\"data\":1", names[i]);
            expect(bob, want);
            assert_true(contains(hear(tom), names[i]));
            before = names[i];
        }
        say(ada, "{\"type\":\"rename\",\"id\":1,\"name\":\"A\"}"); // it is called so already: nothing to tell
        expect(ada, "\"type\":\"renamed\",\"id\":1,\"name\":\"A\"");
        expect_nothing(bob);
        cut(ada);
        struct client *back = net_ws(n, shards - 1, "/ws");
        say(back, "{\"type\":\"hello\",\"resume\":\"%s\"}", resume);
        str welcome = expect(back, "\"name\":\"A\"");
        assert_true(contains(welcome, ada->user) && contains(welcome, ada->session));
        net_free(n);
    }
}

static void the_reply_waits_for_all_rooms(void **state)
{
    (void)state;
    struct net *n = world(3);
    struct client *c = net_json(n, 0);
    join_all(c);
    n->hold[2][0] = true;
    post(c, "{\"type\":\"rename\",\"id\":1,\"name\":\"Ada\"}");
    post(c, "{\"type\":\"ping\",\"id\":2}");
    net_settle(n);
    for (str s = hear(c); s.p != NULL; s = hear(c))
        assert_true(contains(s, "\"type\":\"member:changed\""));
    assert_int_equal(client_conn(c)->parked, WAIT_ANSWER);
    n->hold[2][0] = false;
    net_settle(n);
    while (!contains(expect(c, "{"), "\"type\":\"renamed\",\"id\":1")) {}
    while (!contains(expect(c, "{"), "\"type\":\"pong\",\"id\":2")) {}
    net_free(n);
}

static void going_in_the_middle_of_it(void **state)
{
    (void)state;
    struct net *n = world(3);
    struct client *c = net_json(n, 0), *bob = net_json(n, 1);
    join_all(bob);
    join_all(c);
    forget(bob);
    n->hold[0][1] = n->hold[2][0] = true;
    post(c, "{\"type\":\"rename\",\"id\":1,\"name\":\"Ada\"}");
    net_settle(n);
    cut(c);
    n->hold[0][1] = n->hold[2][0] = false;
    net_settle(n);
    uint32_t told = 0;
    for (str s = hear(bob); s.p != NULL; s = hear(bob))
        told += contains(s, "\"previous_name\"");
    assert_int_equal(told, ROOMS); // half a rename would leave two names for one person
    net_free(n);
}

static void without_a_room(void **state)
{
    (void)state;
    struct net *n = world(2);
    struct client *c = net_json(n, 0), *t = net_line(n, 1);
    say(c, "{\"type\":\"rename\",\"id\":1,\"name\":\"Ada\"}");
    expect(c, "{\"type\":\"renamed\",\"id\":1,\"name\":\"Ada\",\"resume\":\"");
    say(t, "/leave");
    forget(t);
    say(t, "/nick Tom");
    expect(t, "* you are now Tom");
    say(t, "/nick");
    expect(t, "* error bad_command: ");
    struct client *fresh = net_ws(n, 1, "/ws"); // the first command implies a hello
    say(fresh, "{\"type\":\"rename\",\"id\":1,\"name\":\"Eve\"}");
    expect(fresh, "\"type\":\"welcome\"");
    expect(fresh, "\"type\":\"renamed\",\"id\":1,\"name\":\"Eve\"");
    net_free(n);
}

static void a_name_taken_while_away_is_told_on_the_way_in(void **state)
{
    (void)state;
    struct net *n = world(2);
    struct client *c = net_json(n, 0), *bob = net_json(n, 1);
    join_all(bob);
    join_all(c);
    cut(c);
    struct client *back = net_ws(n, 1, "/ws");
    say(back, "{\"type\":\"hello\",\"resume\":\"%s\"}", c->resume);
    say(back, "{\"type\":\"rename\",\"name\":\"Ada\"}"); // in no room: nobody is told
    forget(bob);
    say(back, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[1]);
    expect(bob, "\"connected\":true");
    assert_true(contains(expect(bob, "\"previous_name\":\""), "\"name\":\"Ada\""));
    expect_nothing(bob);
    net_free(n);
}

static void all_or_nothing_when_memory_ends(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 6; k++) {
        struct net *n = world(2);
        struct client *c = net_json(n, 0), *bob = net_json(n, 1);
        join_all(bob);
        join_all(c);
        forget(bob);
        net_fail_from(n, k);
        post(c, "{\"type\":\"rename\",\"id\":1,\"name\":\"%s\"}", LONG);
        net_settle(n);
        net_fail_end(n);
        net_settle(n);
        say(bob, "{\"type\":\"members\",\"room\":\"%s\"}", rooms[0]);
        str first = STR_NONE;
        for (str s = hear(bob); s.p != NULL; s = hear(bob))
            if (contains(s, "\"members\":["))
                first = s;
        bool there = contains(first, LONG);
        for (uint32_t i = 1; i < ROOMS; i++) {
            say(bob, "{\"type\":\"members\",\"room\":\"%s\"}", rooms[i]);
            assert_int_equal(contains(expect(bob, "\"members\":["), LONG), there);
        }
        str s = hear(c);
        while (s.p != NULL && !contains(s, "\"id\":1"))
            s = hear(c);
        if (!c->closed) // or it was cut off for want of a reply
            assert_true(contains(s, there ? "\"type\":\"renamed\"" : "\"code\":\"unavailable\""));
        net_free(n);
    }
}

// A rename on its way when its connection is gone, and the session with its old token elsewhere already: that one has
// been told what it is called, and that is what it is called.
static void a_rename_that_was_overtaken(void **state)
{
    (void)state;
    struct net *n = world(3);
    struct client *c = net_json(n, 1), *bob = net_json(n, 0);
    char name[64];
    say(bob, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
    n->hold[1][0] = true;
    say(c, "{\"type\":\"rename\",\"name\":\"Ada\"}");
    cut(c);
    net_wait(n, 5);
    struct client *back = net_ws(n, 2, "/ws");
    say(back, "{\"type\":\"hello\",\"resume\":\"%s\"}", c->resume);
    string_of(expect(back, "\"type\":\"welcome\""), "name", name, sizeof name);
    say(back, "{\"type\":\"join\",\"room\":\"%s\"}", rooms[0]);
    forget(bob);
    n->hold[1][0] = false;
    net_wait(n, 1000);
    expect_nothing(bob);
    say(bob, "{\"type\":\"members\",\"room\":\"%s\"}", rooms[0]);
    str members = expect(bob, "\"members\":[");
    assert_true(contains(members, name));
    assert_false(contains(members, "Ada"));
    say(back, "{\"type\":\"rename\",\"name\":\"Grace\"}"); // it itself may
    expect(bob, "\"name\":\"Grace\"");
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_in_every_room_is_told),
        cmocka_unit_test(the_reply_waits_for_all_rooms),
        cmocka_unit_test(going_in_the_middle_of_it),
        cmocka_unit_test(without_a_room),
        cmocka_unit_test(a_name_taken_while_away_is_told_on_the_way_in),
        cmocka_unit_test(all_or_nothing_when_memory_ends),
        cmocka_unit_test(a_rename_that_was_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
