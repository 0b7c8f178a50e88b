// SPDX-License-Identifier: Apache-2.0
//
// What a token says of somebody to others (`info`): they see it in lists of members, in what is told of who comes and changes, and in
// `from`; terminals see nothing of it, who has none costs nothing, and one that is refreshed is told to all rooms.
#include "unit/token_support.h"

#include <stdio.h>
#include <string.h>

#define BLUE "\"info\":{\"team\":\"blue\"}"
#define RED "\"info\":{\"team\":\"red\"}"

static struct client *come(struct net *n, uint32_t shard, const char *user, const char *info)
{
    struct client *c = net_ws(n, shard, "/ws");
    struct verdict_mail v = good(n, user);
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"%s %s\"}", user, info != NULL ? "a" : "b");
    v.info = info != NULL ? str_from_cstr(info) : STR_NONE;
    v.called = STR_NONE;
    tell(n, shard, asked(n, shard), &v);
    string_of(expect(c, "\"type\":\"welcome\""), "resume", c->resume, sizeof c->resume);
    return c;
}

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\",\"members\":true}", room);
}

static bool shows(str message, const char *part) { return contains(message, part); }

static void others_see_it(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *guest = net_json(n, 0), *line = net_line(n, 0);
    join(guest, room);
    assert_false(shows(expect(guest, "\"type\":\"joined\""), "info"));
    say(line, "/join %s", room);
    forget(line);
    forget(guest);
    struct client *ada = come(n, 1, "ada", "{\"team\":\"blue\"}");
    join(ada, room);
    str joined = expect(ada, "\"type\":\"joined\"");
    assert_true(shows(joined, ",\"sessions\":1,\"info\":{\"team\":\"blue\"}}"));
    assert_true(shows(expect(guest, "\"type\":\"member:joined\""), ",\"sessions\":1," BLUE "}"));
    say(ada, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":\"hi\"}", room);
    assert_true(shows(expect(guest, "\"type\":\"message\""), "\"name\":\"ada\"," BLUE "},\"data\":\"hi\""));
    say(ada, "{\"type\":\"signal\",\"room\":\"%s\",\"data\":1}", room);
    assert_true(shows(expect(guest, "\"type\":\"signal\""), "\"name\":\"ada\"," BLUE "},\"data\":1"));
    say(ada, "{\"type\":\"direct\",\"to\":\"%s\",\"data\":2}", guest->user);
    assert_true(shows(expect(guest, "\"type\":\"direct\""), "\"name\":\"ada\"," BLUE "},\"time\":"));
    say(guest, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"hello\"}", room);
    forget(ada);
    say(guest, "{\"type\":\"members\",\"id\":4,\"room\":\"%s\"}", room);
    str members = expect(guest, "\"type\":\"members\"");
    assert_true(shows(members, "\"user\":\"ada\",\"name\":\"ada\",\"role\":\"member\""));
    assert_true(shows(members, ",\"sessions\":1," BLUE "}]"));
    say(guest, "{\"type\":\"history\",\"id\":5,\"room\":\"%s\"}", room); // it is in the records
    str history = expect(guest, "\"type\":\"history\"");
    assert_true(shows(history, "\"name\":\"ada\"," BLUE "},\"data\":\"hi\"}"));
    assert_false(shows(history, BLUE "},\"data\":\"hello\"}"));
    for (str said = hear(line); said.n != 0; said = hear(line))
        assert_false(shows(said, "blue"));
    net_free(n);
}

// A connection is in a room by its info; another one of the user with other info is what is shown then, also as it is the newer one.
static void the_newest_connection_says_it(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    net_start(n);
    struct client *guest = net_json(n, 0);
    join(guest, "here");
    struct client *old = come(n, 0, "ada", "{\"team\":\"blue\"}");
    net_wait(n, 10);
    struct client *newer = come(n, 0, "ada", "{\"team\":\"red\"}");
    join(newer, "here");
    forget(guest);
    join(old, "here");
    expect_nothing(guest); // it has been overtaken
    say(guest, "{\"type\":\"members\",\"id\":4,\"room\":\"here\"}");
    assert_true(shows(expect(guest, "\"type\":\"members\""), ",\"sessions\":2," RED "}"));
    say(newer, "{\"type\":\"leave\",\"id\":5,\"room\":\"here\"}");
    say(old, "{\"type\":\"leave\",\"id\":5,\"room\":\"here\"}");
    expect(guest, "\"type\":\"member:left\"");
    join(old, "here");
    assert_true(shows(expect(guest, "\"type\":\"member:joined\""), BLUE));
    join(newer, "here");
    str changed = expect(guest, "\"type\":\"member:changed\"");
    assert_true(shows(changed, ",\"sessions\":2," RED "}}"));
    say(old,
        "{\"type\":\"message\",\"room\":\"here\",\"data\":1}"); // what one says shows what one's own token says
    assert_true(shows(expect(guest, "\"type\":\"message\""), BLUE));
    net_free(n);
}

static void refresh(struct client *c, const char *user, const char *info)
{
    struct verdict_mail v = good(c->net, user);
    say(c, "{\"type\":\"refresh\",\"id\":9,\"token\":\"next\"}");
    struct token_mail *job = asked(c->net, c->shard);
    assert_non_null(job);
    v.info = info != NULL ? str_from_cstr(info) : STR_NONE;
    tell(c->net, c->shard, job, &v);
}

static void a_refresh_tells_all_rooms(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    net_start(n);
    char rooms[2][ROOM_NAME_MAX + 1];
    for (uint32_t i = 0; i < 2; i++)
        snprintf(rooms[i], sizeof rooms[i], "%s", net_room(n, i, i));
    struct client *guest = net_json(n, 0), *ada = come(n, 1, "ada", "{\"team\":\"blue\"}");
    for (uint32_t i = 0; i < 2; i++) {
        join(guest, rooms[i]);
        join(ada, rooms[i]);
    }
    forget(guest);
    forget(ada);
    refresh(ada, "ada", "{\"team\":\"red\"}");
    expect(ada, "\"type\":\"ack\",\"id\":9");
    for (uint32_t i = 0; i < 2; i++) {
        str changed = expect(guest, "\"type\":\"member:changed\"");
        assert_true(shows(changed, ",\"sessions\":1," RED "}}")); // and no other name
    }
    say(ada, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1}", rooms[0]);
    assert_true(shows(expect(guest, "\"type\":\"message\""), RED));
    forget(ada);
    refresh(ada, "ada", "{\"team\":\"red\"}"); // the same: there is nothing to tell
    expect(ada, "\"type\":\"ack\",\"id\":9");
    expect_nothing(guest);
    refresh(ada, "ada", NULL);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(shows(expect(guest, "\"type\":\"member:changed\""), ",\"sessions\":1}}"));
    refresh(ada, "ada", "17");
    for (uint32_t i = 0; i < 2; i++)
        assert_true(shows(expect(guest, "\"type\":\"member:changed\""), ",\"info\":17}}"));
    say(ada, "{\"type\":\"rename\",\"id\":10,\"name\":\"a name that is not in place any more, so long\"}");
    for (uint32_t i = 0; i < 2; i++)
        assert_true(shows(expect(guest, "\"previous_name\":\"ada\""), ",\"info\":17}"));
    net_free(n);
}

// While it is on its way into a room, or a home has no credit for it, the refresh waits, and who wants into another room too; all
// else goes on.
static void a_refresh_waits_for_what_is_under_way(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    n->settings.mail_credits = 4;
    net_start(n);
    const char *room = net_room(n, 1, 0), *other = net_room(n, 1, 1), *here = net_room(n, 0, 2);
    struct client *guest = net_json(n, 1), *ada = come(n, 0, "ada", "{\"team\":\"blue\"}");
    join(guest, room);
    join(ada, room);
    forget(guest);
    forget(ada);
    n->hold[0][1] = true;
    say(ada, "{\"type\":\"join\",\"id\":3,\"room\":\"%s\"}", other);
    say(ada, "{\"type\":\"message\",\"id\":4,\"room\":\"%s\",\"data\":1}", room);
    refresh(ada, "ada", "{\"team\":\"red\"}");
    say(ada, "{\"type\":\"message\",\"id\":5,\"room\":\"%s\",\"data\":2}", room);
    say(ada, "{\"type\":\"join\",\"id\":12,\"room\":\"%s\"}", here);
    say(ada, "{\"type\":\"ping\",\"id\":13}");
    expect(ada, "\"type\":\"pong\",\"id\":13");
    say(ada, "{\"type\":\"refresh\",\"id\":11,\"token\":\"more\"}");
    expect_nothing(ada);
    assert_null(asked(n, 0)); // one after the other
    net_check(n);
    n->hold[0][1] = false;
    net_settle(n);
    assert_true(shows(expect(guest, "\"data\":1}"), BLUE));
    assert_true(shows(expect(guest, "\"data\":2}"), BLUE));
    assert_true(shows(expect(guest, "\"type\":\"member:changed\""), RED));
    struct verdict_mail v = good(n, "ada");
    v.info = STR("{\"team\":\"red\"}");
    tell(n, 0, asked(n, 0), &v);
    static const char *const all[] = {"\"type\":\"joined\",\"id\":3",  "\"type\":\"ack\",\"id\":4",
                                      "\"type\":\"ack\",\"id\":5",     "\"type\":\"ack\",\"id\":9",
                                      "\"type\":\"joined\",\"id\":12", "\"type\":\"ack\",\"id\":11"};
    uint32_t seen = 0;
    for (str said = hear(ada); said.n != 0; said = hear(ada))
        for (uint32_t i = 0; i < ARRAY_LEN(all); i++)
            if (shows(said, all[i])) {
                assert_true(i < 4 || (seen & 8) != 0); // what waits comes behind it
                seen |= 1u << i;
            }
    assert_int_equal(seen, (1u << ARRAY_LEN(all)) - 1);
    say(guest, "{\"type\":\"join\",\"id\":6,\"room\":\"%s\",\"members\":true}",
        other); // no room has the old one
    assert_true(shows(expect(guest, "\"type\":\"joined\""), RED));
    net_free(n);
}

// The switch that is under way goes on while a refresh waits for it.
static void a_refresh_waits_for_a_switch(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    net_start(n);
    const char *from = net_room(n, 1, 0), *to = net_room(n, 1, 1);
    struct client *ada = come(n, 0, "ada", "{\"team\":\"blue\"}");
    join(ada, from);
    forget(ada);
    n->hold[0][1] = true;
    say(ada, "{\"type\":\"switch\",\"id\":3,\"from\":\"%s\",\"to\":\"%s\"}", from, to);
    refresh(ada, "ada", "{\"team\":\"red\"}");
    expect_nothing(ada);
    n->hold[0][1] = false;
    net_settle(n);
    bool joined = false, acked = false;
    for (str said = hear(ada); said.n != 0; said = hear(ada)) {
        joined = joined || shows(said, "\"type\":\"joined\",\"id\":3");
        acked = acked || shows(said, "\"type\":\"ack\",\"id\":9");
    }
    assert_true(joined && acked);
    say(ada, "{\"type\":\"members\",\"id\":4,\"room\":\"%s\"}", to);
    str members = expect(ada, "\"type\":\"members\"");
    assert_true(shows(members, RED));
    net_free(n);
}

// It comes back with the session, whose resume token holds it.
static void it_comes_back_with_the_session(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    net_start(n);
    struct client *guest = net_json(n, 0), *ada = come(n, 0, "ada", "{\"team\":\"blue\"}");
    char resume[RESUME_TOKEN_MAX + 1];
    join(guest, "here");
    join(ada, "here");
    memcpy(resume, ada->resume, sizeof resume);
    cut(ada);
    net_settle(n);
    forget(guest);
    ada = net_ws(n, 0, "/ws");
    say(ada, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", resume);
    expect(ada, "\"user\":\"ada\"");
    join(ada, "here");
    assert_true(shows(expect(guest, "\"connected\":true"), BLUE));
    expect_nothing(guest); // nothing else is different
    net_free(n);
}

// As long as it may be: it is booked, a page of members is cut where it gets long, and all of it is given back (net_free).
static void long_ones_are_paid_for(void **state)
{
    (void)state;
    enum { PEOPLE = 60 };
    static char info[USER_INFO_MAX + 1];
    memset(info, 'x', USER_INFO_MAX);
    info[0] = info[USER_INFO_MAX - 1] = '"';
    struct net *n = token_net(1, 1);
    n->settings.reply_bytes = 16 * 1024;
    n->settings.commands_per_s = 10;
    n->settings.commands_burst = 200;
    net_start(n);
    struct client *guest = net_json(n, 0);
    join(guest, "here");
    forget(guest);
    uint64_t bare = mem_used(&n->mem);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%u", i);
        struct client *c = come(n, 0, user, info);
        join(c, "here");
        forget(guest);
    }
    assert_true(mem_used(&n->mem) - bare >
                PEOPLE * USER_INFO_MAX); // and more: in the session, and in the member
    uint32_t pages = 0, rows = 0;
    char after[32] = "";
    do {
        say(guest, "{\"type\":\"members\",\"id\":4,\"room\":\"here\",\"limit\":1000%s%s%s}",
            pages != 0 ? ",\"after\":\"" : "", after, pages != 0 ? "\"" : "");
        str page = expect(guest, "\"type\":\"members\"");
        assert_true(page.n < 16 * 1024 + 2 * USER_INFO_MAX);
        for (size_t at = 0; at + 8 < page.n; at++)
            rows += memcmp(page.p + at, "\"user\":", 7) == 0;
        pages++;
        if (!contains(page, "\"next\""))
            break;
        string_of(page, "next", after, sizeof after);
    } while (pages < PEOPLE);
    assert_int_equal(rows, PEOPLE + 1);
    assert_int_equal(pages, 5);
    net_free(n);
}

// Memory that ends at any point: who comes in is in with what is to be shown, or not in; nothing is left behind.
static void without_memory_nothing_is_half_shown(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 60; k++) {
        struct net *n = token_net(1, 1);
        net_start(n);
        struct client *guest = net_json(n, 0), *ada = come(n, 0, "ada", "{\"team\":\"blue\"}");
        join(guest, "here");
        forget(guest);
        net_fail_burst(n, k);
        join(ada, "here");
        net_fail_end(n);
        net_settle(n);
        for (str said = hear(guest); said.n != 0; said = hear(guest))
            assert_true(!shows(said, "member:joined") || shows(said, BLUE));
        forget(ada);
        say(guest, "{\"type\":\"members\",\"id\":4,\"room\":\"here\"}");
        for (str said = hear(guest); said.n != 0; said = hear(guest))
            assert_true(!shows(said, "\"user\":\"ada\"") || shows(said, BLUE));
        if (!ada->closed && !ada->shut) {
            say(ada, "{\"type\":\"refresh\",\"id\":9,\"token\":\"next\"}");
            struct token_mail *job = asked(n, 0);
            struct verdict_mail v = good(n, "ada");
            v.info = STR("{\"team\":\"red\"}");
            struct verdict_mail *made = verdict_make(&n->mem, job, &v);
            mail_discard(&n->mem, &job->mail);
            net_fail_burst(n, k);
            shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
            shard_on_mail(n->sh[0], &made->mail);
            shard_turn_end(n->sh[0]);
            net_settle(n);
            net_fail_end(n);
        }
        net_settle(n);
        net_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_see_it),
        cmocka_unit_test(the_newest_connection_says_it),
        cmocka_unit_test(a_refresh_tells_all_rooms),
        cmocka_unit_test(a_refresh_waits_for_what_is_under_way),
        cmocka_unit_test(a_refresh_waits_for_a_switch),
        cmocka_unit_test(it_comes_back_with_the_session),
        cmocka_unit_test(long_ones_are_paid_for),
        cmocka_unit_test(without_memory_nothing_is_half_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
