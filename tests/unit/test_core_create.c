// SPDX-License-Identifier: Apache-2.0
//
// `create`: a room is made before anybody is in it, by the rule of its name or by one that is named; who has made it is its host where
// that says so; nobody gets by it what its name does not give.
#include "unit/core_support.h"

#include <stdio.h>

enum { GRACE_MS = 5000, BY_NAME = 0, TOKENS, QUIZ, OPEN, RULES };

static struct room_rule rules[RULES];

static struct net *create_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_serve_api(n);
    n->settings.room_grace_ms = GRACE_MS;
    for (int i = 0; i < RULES; i++)
        rules[i] = (struct room_rule){.room = n->settings.room};
    rules[BY_NAME].match = STR("team-*");
    rules[BY_NAME].room.room_access = ACCESS_TOKEN;
    rules[TOKENS].name = STR("tokens");
    rules[TOKENS].room.room_access = ACCESS_TOKEN;
    rules[QUIZ].name = STR("quiz");
    rules[QUIZ].room.room_host = HOST_FIRST;
    rules[QUIZ].room.room_members_max = 2;
    rules[QUIZ].room.slow_policy = SLOW_DISCONNECT;
    rules[OPEN].name = STR("open");
    n->settings.rules = rules;
    n->settings.rules_n = RULES;
    return n;
}

static void create(struct client *c, const char *room, const char *rule)
{
    if (rule != NULL)
        say(c, "{\"type\":\"create\",\"id\":\"c\",\"room\":\"%s\",\"rule\":\"%s\"}", room, rule);
    else
        say(c, "{\"type\":\"create\",\"id\":\"c\",\"room\":\"%s\"}", room);
}

static void join(struct client *c, const char *room, const char *part)
{
    say(c, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\",\"history\":10}", room);
    expect(c, part);
}

// Its first entry, as who comes later reads it.
static str first_of(struct client *c, const char *room)
{
    say(c,
        "{\"type\":\"history\",\"id\":\"h\",\"room\":\"%s\",\"since\":{\"epoch\":\"%.*s\",\"offset\":0},\"limit\":1}",
        room, (int)EPOCH_LEN, net_room_at(c->net, room)->epoch);
    return expect(c, "\"history\":[{\"type\":\"room:created\"");
}

// Which of the rules holds at its home, and at the shard of who is in it.
static const struct room_settings *held(struct net *n, const char *room, uint32_t home,
                                        const struct client *in)
{
    struct room *r = net_room_at(n, room);
    const struct room_settings *s = room_settings(&n->sh[home]->home, r);
    if (in == NULL)
        return s;
    struct fan *f = &n->sh[in->shard]->fan;
    struct outlet *o = outlet_at(f, outlet_find(f, str_from_cstr(room), r->hash));
    assert_ptr_equal(room_settings_of(f->cx, &o->ruled, outlet_name(o)), s);
    return s;
}

static void it_is_there_and_nobody_is_in_it(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = create_net(2);
        net_start(n);
        struct client *c = net_json(n, 0);
        const char *room = net_room(n, home, 0);
        create(c, room, NULL);
        str made = expect(c, "\"type\":\"created\",\"id\":\"c\"");
        assert_true(contains(made, "\"offset\":1,\"epoch\":\""));
        assert_false(contains(made, "\"role\"") || contains(made, "\"rule\"") || contains(made, "duplicate"));
        assert_int_equal(net_room_at(n, room)->members, 0);
        assert_int_equal(METRIC(n, rooms_created), 1);
        say(c, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":1}", room); // it is not in it
        expect(c, "\"code\":\"not_member\"");
        net_wait(n, GRACE_MS - 1000);
        assert_non_null(net_room_at(n, room));
        join(c, room, "\"role\":\"member\"");
        str told = first_of(c, room);
        assert_true(contains(told, "\"offset\":1") && contains(told, c->user) &&
                    !contains(told, "\"user\":\"\""));
        net_wait(n, GRACE_MS * 2);
        assert_non_null(net_room_at(n, room));
        say(c, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
        net_wait(n, GRACE_MS + 1000);
        assert_null(net_room_at(n, room));
        net_free(n);
    }
}

static void nobody_comes_and_it_goes(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *c = net_json(n, 0);
    create(c, "r", "quiz");
    expect(c, "\"type\":\"created\"");
    net_wait(n, GRACE_MS + 1000);
    assert_null(net_room_at(n, "r"));
    assert_int_equal(METRIC(n, rooms), 0);
    create(c, "r", NULL); // and is made anew, without what it was
    assert_false(contains(expect(c, "\"type\":\"created\""), "quiz"));
    net_free(n);
}

// For as long as it is there: when people come and go, and at all shards.
static void it_has_the_rule_that_it_names(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        struct net *n = create_net(2);
        net_start(n);
        struct client *c = net_json(n, 0), *far = net_json(n, 1), *third = net_json(n, 0);
        const char *room = net_room(n, home, 0);
        create(c, room, "quiz");
        assert_true(contains(expect(c, "\"type\":\"created\""), "\"role\":\"host\",\"rule\":\"quiz\"}"));
        assert_ptr_equal(held(n, room, home, NULL), &rules[QUIZ].room);
        join(far, room, "\"role\":\"member\""); // its host is who has made it, and not who comes first
        assert_true(contains(first_of(far, room), "\"role\":\"host\",\"rule\":\"quiz\"}"));
        assert_ptr_equal(held(n, room, home, far), &rules[QUIZ].room);
        join(c, room, "\"role\":\"host\"");
        assert_ptr_equal(held(n, room, home, c), &rules[QUIZ].room);
        join(third, room, "\"code\":\"room_full\"");
        say(far, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}", room);
        join(third, room, "\"type\":\"joined\"");
        net_free(n);
    }
}

// By its name, and by another one; where a reload takes it away, the room has that of its own name, and when it is there again that.
static void a_reload_finds_it_by_its_name(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *c = net_json(n, 0), *far = net_json(n, 1);
    const char *room = net_room(n, 0, 0);
    create(c, room, "quiz");
    expect(c, "\"type\":\"created\"");
    join(far, room, "\"type\":\"joined\"");
    struct room_rule turned[] = {rules[OPEN], rules[QUIZ]}, none[] = {rules[OPEN]};
    struct settings next[3];
    const struct {
        const struct room_rule *rules;
        size_t n;
        const struct room_settings *want;
    } reloads[] = {{turned, 2, &turned[1].room}, {none, 1, &next[1].room}, {turned, 2, &turned[1].room}};
    for (size_t i = 0; i < ARRAY_LEN(reloads); i++) {
        next[i] = n->settings;
        next[i].rules = reloads[i].rules;
        next[i].rules_n = reloads[i].n;
        for (uint32_t k = 0; k < n->shards; k++)
            shard_settings_set(n->sh[k], &next[i]);
        assert_ptr_equal(held(n, room, 0, far), reloads[i].want);
    }
    net_free(n);
}

static void a_rule_that_there_is_not(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *c = net_json(n, 0);
    create(c, "r", "qui");
    str refused = expect(c, "\"code\":\"not_found\"");
    assert_true(contains(refused, "`qui`") && !contains(refused, "quiz"));
    create(c, "r", "team-*"); // a match is no name
    expect(c, "\"code\":\"not_found\"");
    assert_null(net_room_at(n, "r"));
    api_says(n, "create", "{\"room\":\"r\",\"rule\":\"qui\"}", "HTTP/1.1 404 ", "\"code\":\"not_found\"");
    assert_null(net_room_at(n, "r"));
    assert_int_equal(METRIC(n, rooms_created), 0);
    net_free(n);
}

static void it_is_there_already(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *c = net_json(n, 0), *d = net_json(n, 1);
    join(c, "r", "\"type\":\"joined\""); // though nothing was said in it
    create(d, "r", "quiz");
    assert_true(contains(expect(d, "\"code\":\"conflict\""), "`r`"));
    create(c, "r", NULL);
    expect(c, "\"code\":\"conflict\"");
    create(c, "s", NULL);
    create(d, "s", "quiz");
    expect(c, "\"type\":\"created\"");
    expect(d, "\"code\":\"conflict\"");
    assert_int_equal(METRIC(n, rooms_created), 2);
    assert_ptr_equal(room_settings(&n->sh[net_room_at(n, "s")->hash % 2]->home, net_room_at(n, "s")),
                     &n->settings.room);
    net_free(n);
}

// What is said about it behind it waits until it is made, as the way to that leads over other shards.
static void what_comes_behind_it_finds_it(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    n->settings.rooms_user = (struct rate){100, 100};
    n->settings.rooms_per_connection = 1;
    net_start(n);
    for (uint32_t i = 0; i < 6; i++) {
        struct client *c = net_json(n, 0);
        char room[32];
        snprintf(room, sizeof room, "%s", net_room(n, i % 2, i));
        n->hold[0][1] = true;
        create(c, room, "quiz");
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room); // and it counts as the only one
        n->hold[0][1] = false;
        net_settle(n);
        expect(c, "\"type\":\"created\"");
        assert_true(contains(expect(c, "\"type\":\"joined\""), "\"role\":\"host\""));
        forget(c);
        create(c, "another one", NULL); // it is in no room by that
        expect(c, i == 0 ? "\"type\":\"created\"" : "\"code\":\"conflict\"");
    }
    net_free(n);
}

// A switch is about both its rooms: what is wrong with the one is told behind what is due of the other.
static void a_switch_into_it_waits_for_it(void **state)
{
    (void)state;
    static const char *const ways[] = {"create", "join"};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct net *n = create_net(2);
        net_start(n);
        struct client *c = net_json(n, 0);
        const char *room = net_room(n, 1, 0);
        n->hold[0][1] = true;
        say(c, "{\"type\":\"%s\",\"id\":1,\"room\":\"%s\"}", ways[i], room);
        say(c, "{\"type\":\"switch\",\"id\":2,\"from\":\"nowhere\",\"to\":\"%s\"}", room);
        expect_nothing(c);
        n->hold[0][1] = false;
        net_settle(n);
        expect(c, i == 0 ? "\"type\":\"created\",\"id\":1" : "\"type\":\"joined\",\"id\":1");
        expect(c, i == 0 ? "\"id\":2,\"code\":\"not_member\"" : "\"id\":2,\"code\":\"");
        net_free(n);
    }
}

static void only_who_may_come_in_makes_one(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *guest = net_json(n, 0);
    static const struct {
        const char *room, *rule, *part;
    } rows[] = {
        {"team-red", NULL, "not for guests"},   // by its name
        {"team-red", "open", "not for guests"}, // nor with another rule
        {"r", "tokens", "`tokens`"},            // by the rule
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        create(guest, rows[i].room, rows[i].rule);
        assert_true(contains(expect(guest, "\"code\":\"forbidden\""), rows[i].part));
        assert_null(net_room_at(n, rows[i].room));
    }
    // Who may come into rooms of such a name opens them to nobody else.
    n->hold[0][1] = true;
    const char *room = "team-x";
    for (int i = 0; home_of(&n->sh[0]->cx, hash_str(&n->sh[0]->cx, str_from_cstr(room))) != 1; i++)
        room = i == 0 ? "team-y" : i == 1 ? "team-z" : i == 2 ? "team-zz" : "team-zzz";
    static const char *const named[] = {"open", "tokens"};
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        n->hold[0][1] = true;
        create(guest, room, named[i]);
        struct ask *ask = (struct ask *)n->box_head[0][1];
        assert_non_null(ask);
        ask->guest = false;
        n->hold[0][1] = false;
        net_settle(n);
        if (i == 0)
            assert_true(contains(expect(guest, "\"code\":\"forbidden\""), "more people"));
        else
            expect(guest, "\"type\":\"created\"");
    }
    api_says(n, "create", "{\"room\":\"team-red\",\"rule\":\"open\"}", "HTTP/1.1 200 ", "\"rule\":\"open\"}");
    join(guest, "team-red", "\"type\":\"joined\""); // whom a backend lets in
    net_free(n);
}

// One that is made and not come into is paid for, and counted, like any other.
static void they_are_bounded_as_all_are(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    n->print = 77;
    n->settings.rooms_user = (struct rate){1, 3};
    net_start(n);
    struct client *c = net_json(n, 0);
    char room[16];
    for (int i = 0; i < 5; i++) {
        snprintf(room, sizeof room, "r%d", i);
        create(c, room, "quiz");
        expect(c, i < 3 ? "\"type\":\"created\"" : "\"code\":\"rate_limited\"");
        assert_int_equal(net_room_at(n, room) != NULL, i < 3);
    }
    create(c, "r0", NULL); // costs nothing, as it makes none
    expect(c, "\"code\":\"conflict\"");
    net_wait(n, 1000);
    create(c, "r3", NULL);
    expect(c, "\"type\":\"created\"");
    assert_int_equal(METRIC(n, rooms_created), 4);
    net_free(n);
}

static void a_close_ends_its_rule(void **state)
{
    (void)state;
    struct net *n = create_net(1);
    net_start(n);
    struct client *c = net_json(n, 0);
    create(c, "r", "quiz");
    expect(c, "\"type\":\"created\"");
    join(c, "r", "\"role\":\"host\"");
    net_give(c, "r", c->user, "owner");
    say(c, "{\"type\":\"close\",\"id\":1,\"room\":\"r\"}");
    str m = hear(c);
    while (m.p != NULL && !contains(m, "\"type\":\"left\""))
        m = hear(c);
    assert_non_null(m.p);
    assert_ptr_equal(held(n, "r", 0, NULL), &n->settings.room);
    create(c, "r", "open");
    assert_true(number_of(expect(c, "\"code\":\"room_closed\""), "retry_ms") > 0);
    net_wait(n, GRACE_MS + 1000);
    create(c, "r", "open");
    expect(c, "\"type\":\"created\"");
    net_free(n);
}

static void a_backend_may_ask_again(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    api_says(n, "create", "{\"room\":\"r\",\"rule\":\"quiz\"}", "HTTP/1.1 200 ", "\"offset\":1,");
    api_says(n, "create", "{\"room\":\"r\",\"rule\":\"quiz\"}", "HTTP/1.1 200 ",
             "\"rule\":\"quiz\",\"duplicate\":true}");
    api_says(n, "create", "{\"room\":\"r\"}", "HTTP/1.1 200 ", "\"duplicate\":true}");
    api_says(n, "create", "{\"room\":\"r\",\"rule\":\"open\"}", "HTTP/1.1 409 ", "\"code\":\"conflict\"");
    struct client *c = net_json(n, 1);
    join(c, "r", "\"role\":\"member\""); // nobody is its host
    assert_false(contains(first_of(c, "r"), "\"role\""));
    net_free(n);
}

static void in_a_terminal(void **state)
{
    (void)state;
    struct net *n = create_net(2);
    net_start(n);
    struct client *ada = net_line(n, 0);
    say(ada, "/join lobby");
    forget(ada);
    say(ada, "/create \"quiz night\" quiz");
    expect(ada, "* made the room quiz night: /join quiz night");
    say(ada, "/create \"quiz night\"");
    expect(ada, "error conflict");
    say(ada, "/create den none");
    expect(ada, "error not_found");
    say(ada, "/create");
    expect(ada, "error bad_command");
    say(ada, "hello"); // still where it was
    expect(ada, "hello");
    say(ada, "/join quiz night");
    expect(ada, "* joined quiz night, 1 member");
    say(ada, "/history");
    expect(ada, " made this room, by the rule quiz");
    assert_ptr_equal(held(n, "quiz night", (uint32_t)(net_room_at(n, "quiz night")->hash % 2), NULL),
                     &rules[QUIZ].room);
    net_free(n);
}

// Whatever finds no memory leaves nothing behind: no room, nothing that was paid, nothing under way.
static struct net *somebody(void)
{
    struct net *n = create_net(2);
    net_start(n);
    net_json(n, 0);
    return n;
}

static void create_quiz(struct net *n) { create(n->clients[0], net_room(n, 1, 0), "quiz"); }

static bool quiz_made(struct net *n)
{
    const struct room *r = net_room_at(n, net_room(n, 1, 0));
    if (r != NULL)
        assert_int_equal(r->log.head, 1);
    return r != NULL;
}

static void without_memory(void **state)
{
    (void)state;
    net_fail_anywhere(somebody, create_quiz, quiz_made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_there_and_nobody_is_in_it),
        cmocka_unit_test(nobody_comes_and_it_goes),
        cmocka_unit_test(it_has_the_rule_that_it_names),
        cmocka_unit_test(a_reload_finds_it_by_its_name),
        cmocka_unit_test(a_rule_that_there_is_not),
        cmocka_unit_test(it_is_there_already),
        cmocka_unit_test(what_comes_behind_it_finds_it),
        cmocka_unit_test(a_switch_into_it_waits_for_it),
        cmocka_unit_test(only_who_may_come_in_makes_one),
        cmocka_unit_test(they_are_bounded_as_all_are),
        cmocka_unit_test(a_close_ends_its_rule),
        cmocka_unit_test(a_backend_may_ask_again),
        cmocka_unit_test(in_a_terminal),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
