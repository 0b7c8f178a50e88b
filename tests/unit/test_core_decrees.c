// SPDX-License-Identifier: Apache-2.0
//
// What decrees do to those who are there: kicks and bans reach every session of a user on every shard, whatever it is about to do
// there; mutes, slow mode and read-only hold what they say, and end by the time of the room.
#include "unit/core_support.h"

#include <stdio.h>

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\"}", room);
}

// The next message with that in it; what comes before it is dropped.
static str hear_until(struct client *c, const char *part)
{
    str m = hear(c);
    while (m.p != NULL && !contains(m, part))
        m = hear(c);
    if (m.p == NULL)
        print_error("never heard \"%s\"\n", part);
    assert_non_null(m.p);
    return m;
}

// Another connection of the same user: its session resumed, while the older one holds on. On that shard.
static struct client *same_user(struct client *c, uint32_t shard)
{
    struct client *again = net_ws(c->net, shard, "/ws");
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", c->resume);
    expect(again, "\"type\":\"welcome\"");
    return again;
}

static struct member *member_of(struct net *n, const char *room, const char *user, uint32_t *ret_shard)
{
    uint32_t at = net_room_index(n, room, ret_shard);
    assert_true(at != MAP_NONE);
    struct home *h = &n->sh[*ret_shard]->home;
    uint32_t m = member_find(h, room_at(h, at), str_from_cstr(user));
    return m == MAP_NONE ? NULL : member_at(h, m);
}

static struct client *host_of(struct net *n, const char *room)
{
    struct client *host = net_json(n, 0);
    join(host, room);
    net_give(host, room, host->user, "host");
    forget(host);
    return host;
}

// --- out

static void a_kick_reaches_who_it_is_about(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards += 2)
        for (uint32_t home = 0; home < shards; home++) {
            struct net *n = net_running(shards);
            const char *room = net_room(n, home, 0);
            struct client *host = host_of(n, room), *bob = net_json(n, shards - 1),
                          *eve = net_json(n, shards / 2);
            join(bob, room);
            join(eve, room);
            forget(bob);
            forget(eve);
            forget(host);
            const uint32_t told = n->notices[NOTICE_DECREED];
            post(host, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"before\"}", room);
            post(host, "{\"type\":\"kick\",\"id\":1,\"room\":\"%s\",\"user\":\"%s\",\"reason\":\"spam\"}",
                 room, bob->user);
            post(host, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"after\"}", room);
            net_settle(n);
            expect(bob, "\"before\"");
            expect(bob, "\"type\":\"member:kicked\"");
            str left = expect(bob, "\"type\":\"left\"");
            assert_true(contains(left, "\"reason\":\"kicked\",\"by\":{\"user\":"));
            assert_true(contains(left, "\"note\":\"spam\""));
            expect_nothing(bob); // of the room, ever
            expect(eve, "\"before\"");
            str kicked = expect(eve, "\"type\":\"member:kicked\"");
            assert_true(contains(kicked, bob->user) && contains(kicked, "\"reason\":\"spam\""));
            expect(eve, "\"member:left\"");
            expect(eve, "\"after\"");
            expect(host, "\"id\":1");
            assert_int_equal(n->notices[NOTICE_DECREED], told + 1);
            say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", room);
            expect(bob, "\"code\":\"not_member\"");
            join(bob, room); // it may come in again
            expect(bob, "\"type\":\"joined\"");
            say(eve, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"welcome back\"}", room);
            expect(bob, "\"welcome back\"");
            net_free(n);
        }
}

// Two connections of one user in a room: of the same session, where an older one has not gone yet.
static void all_sessions_go(void **state)
{
    (void)state;
    for (int ban = 0; ban < 2; ban++) {
        struct net *n = net_new(3);
        n->settings.rooms_per_connection = 32;
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *host = host_of(n, room), *bob = net_json(n, 0);
        join(bob, room);
        forget(bob);
        bob->no_close = true;
        bob->stalled = true; // it does not hear that it was replaced
        struct client *again = same_user(bob, 2);
        join(again, room);
        expect(again, "\"type\":\"joined\"");
        forget(host);
        say(host, "{\"type\":\"%s\",\"id\":1,\"room\":\"%s\",\"user\":\"%s\"}", ban ? "ban" : "kick", room,
            bob->user);
        hear_until(host, "\"id\":1");
        expect(again, ban ? "member:banned" : "member:kicked");
        expect(again, ban ? "\"reason\":\"banned\"" : "\"reason\":\"kicked\"");
        uint32_t shard;
        assert_null(member_of(n, room, bob->user, &shard));
        assert_int_equal(net_room_at(n, room)->sessions, 1); // the host's
        join(again, room);
        if (ban)
            assert_false(contains(expect(again, "\"code\":\"banned\""), "retry_ms"));
        else
            expect(again, "\"type\":\"joined\"");
        net_free(n);
    }
}

// A user may come in again by one connection, and what another one said before it was sent away comes then: that is not there.
static void a_session_speaks_for_itself(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *bob = net_json(n, 0), *eve = net_json(n, 0);
    uint32_t shard;
    join(bob, "r");
    const struct member *m = member_of(n, "r", bob->user, &shard);
    struct ask a = {.conn = {0, {bob->conn, slab_gen(n->sh[0]->cx.conns, bob->conn)}}, .outlet = {0, 1}};
    assert_true(home_is_there(m, &a));
    a.conn.ref.gen++; // the slot's next one
    assert_false(home_is_there(m, &a));
    a.conn.ref = (struct ref){eve->conn, slab_gen(n->sh[0]->cx.conns, eve->conn)};
    assert_false(home_is_there(m, &a));
    a.outlet = REF_NONE; // a call
    assert_true(home_is_there(m, &a));
    net_free(n);
}

// Who is away, and comes back.
static void who_is_away_is_sent_away_too(void **state)
{
    (void)state;
    struct net *n = net_running(2);
    const char *room = net_room(n, 1, 0);
    struct client *host = host_of(n, room), *bob = net_json(n, 1);
    join(bob, room);
    cut(bob);
    net_settle(n);
    forget(host);
    say(host, "{\"type\":\"ban\",\"id\":1,\"room\":\"%s\",\"user\":\"%s\",\"seconds\":60}", room, bob->user);
    expect(host, "\"id\":1");
    expect(host, "member:banned");
    expect(host, "member:left");
    struct client *again = same_user(bob, 0);
    say(again, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\",\"since\":{\"epoch\":\"x\",\"offset\":1}}", room);
    str m = expect(again, "\"code\":\"banned\"");
    assert_true(number_of(m, "retry_ms") > 59000 && number_of(m, "retry_ms") <= 60000);
    net_wait(n, 59000);
    join(again, room);
    expect(again, "\"code\":\"banned\"");
    net_wait(n, 1000);
    join(again, room);
    expect(again, "\"type\":\"joined\"");
    net_free(n);
}

// A role that comes with a token is in no record, but who is in the room with it is above those who are not.
static void a_host_by_a_token_is_a_host(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    uint32_t shard;
    join(bob, "r");
    member_of(n, "r", bob->user, &shard)->role = ROLE_HOST;
    forget(host);
    say(host, "{\"type\":\"kick\",\"id\":1,\"room\":\"r\",\"user\":\"%s\"}", bob->user);
    expect(host, "\"code\":\"forbidden\"");
    assert_non_null(member_of(n, "r", bob->user, &shard));
    net_free(n);
}

// Who is banned may ask as often as others; it is not taken for one who asks for new rooms.
static void who_is_banned_may_ask(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    say(host, "{\"type\":\"ban\",\"room\":\"r\",\"user\":\"%s\",\"seconds\":60}", bob->user);
    for (int i = 0; i < 30; i++) {
        join(bob, "r");
        expect(bob, "\"code\":\"banned\"");
    }
    assert_int_equal(client_asker(bob)->room_waits, false);
    say(bob, "{\"type\":\"ping\",\"id\":1}");
    expect(bob, "\"type\":\"pong\"");
    net_free(n);
}

// The wall clock is nobody's business.
static void a_ban_ends_by_the_steady_clock(void **state)
{
    (void)state;
    for (int forward = 0; forward < 2; forward++) {
        struct net *n = net_running(1);
        struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
        say(host, "{\"type\":\"ban\",\"room\":\"r\",\"user\":\"%s\",\"seconds\":60}", bob->user);
        say(host, "{\"type\":\"mute\",\"room\":\"r\",\"user\":\"%s\",\"seconds\":90}", bob->user);
        n->wall_ms = forward ? n->wall_ms + 3600000 : n->wall_ms - 3600000;
        net_wait(n, 59000);
        join(bob, "r");
        expect(bob, "\"code\":\"banned\"");
        net_wait(n, 1001);
        join(bob, "r");
        expect(bob, "\"type\":\"joined\"");
        say(bob, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":1}");
        expect(bob, "\"code\":\"muted\"");
        net_wait(n, 30000);
        say(bob, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":1}");
        expect(bob, "\"type\":\"ack\"");
        net_free(n);
    }
}

// On its way into the room, on its way out, on its way from one to another: each mailbox may be slow.
static void what_is_on_its_way_is_reached(void **state)
{
    (void)state;
    enum { LEAVES, SAYS, SWITCHES_TO, SWITCHES_FROM, READS, WAYS };
    for (int way = 0; way < WAYS; way++)
        for (int held = 0; held < 4; held++) {
            struct net *n = net_new(3);
            n->settings.rooms_per_connection = 3;
            net_start(n);
            char room[64], tea[64];
            snprintf(room, sizeof room, "%s", net_room(n, 0, 0));
            snprintf(tea, sizeof tea, "%s", net_room(n, 2, 1));
            struct client *host = host_of(n, room), *bob = net_json(n, 1), *eve = net_json(n, 1);
            join(eve, room);
            join(bob, way == SWITCHES_TO ? tea : room);
            forget(bob);
            n->hold[0][1] = held & 1; // what bob is told by the room
            n->hold[1][2] = held >> 1;
            if (way == LEAVES)
                say(bob, "{\"type\":\"leave\",\"id\":1,\"room\":\"%s\"}", room);
            else if (way == SAYS)
                say(bob, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":\"x\"}", room);
            else if (way == READS)
                say(bob, "{\"type\":\"history\",\"id\":1,\"room\":\"%s\"}", room);
            else
                say(bob, "{\"type\":\"switch\",\"id\":1,\"from\":\"%s\",\"to\":\"%s\"}",
                    way == SWITCHES_TO ? tea : room, way == SWITCHES_TO ? room : tea);
            say(host, "{\"type\":\"kick\",\"id\":1,\"room\":\"%s\",\"user\":\"%s\"}", room, bob->user);
            say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":\"y\"}", room);
            say(eve, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":\"z\"}", room);
            n->hold[0][1] = n->hold[1][2] = false;
            net_settle(n);
            net_check(n);
            uint32_t replies = 0, lefts = 0;
            for (str m = hear(bob); m.p != NULL; m = hear(bob)) {
                replies += contains(m, "\"id\":1") || contains(m, "\"id\":2");
                lefts += contains(m, "\"reason\":\"kicked\"");
                assert_false(contains(m, "\"z\""));
            }
            assert_int_equal(replies, 2);
            assert_true(lefts <= 1);
            uint32_t shard;
            assert_null(member_of(n, room, bob->user, &shard));
            assert_true(net_room_at(n, room)->sessions == 2);
            if (way == SWITCHES_FROM)
                assert_non_null(member_of(n, tea, bob->user, &shard));
            if (way == SWITCHES_TO)
                assert_null(net_room_at(n, tea)); // left by its only member
            join(bob, room);
            hear_until(bob, "\"type\":\"joined\"");
            net_free(n);
        }
}

// Who is sent away from the new room before the old one is left gets all of that one first, and is then told that it was in
// (seed 80 of the simulator).
static void a_switch_is_complete_before_it_is_undone(void **state)
{
    (void)state;
    struct net *n = net_running(3);
    char room[64], tea[64];
    snprintf(room, sizeof room, "%s", net_room(n, 0, 0));
    snprintf(tea, sizeof tea, "%s", net_room(n, 2, 1));
    struct client *host = host_of(n, room), *bob = net_json(n, 1), *eve = net_json(n, 1);
    join(bob, tea);
    join(eve, tea);
    forget(bob);
    n->hold[1][2] = true; // bob's leave of the tea room
    say(bob, "{\"type\":\"switch\",\"id\":1,\"from\":\"%s\",\"to\":\"%s\"}", tea, room);
    expect_nothing(bob); // in both, and told of neither
    forget(eve);
    say(host, "{\"type\":\"kick\",\"id\":1,\"room\":\"%s\",\"user\":\"%s\"}", room, bob->user);
    n->hold[1][2] = false;
    net_settle(n);
    expect(bob, "\"type\":\"joined\",\"id\":1");
    expect(bob, "member:kicked");
    expect(bob, "\"type\":\"left\",\"room\":");
    expect_nothing(bob);
    uint32_t shard;
    assert_null(member_of(n, tea, bob->user, &shard));
    join(bob, tea);
    expect(bob, "\"type\":\"joined\"");
    net_free(n);
}

// --- held to

static void a_mute_refuses_what_it_says(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.signals = (struct rate){20, 20};
    net_start(n);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    join(bob, "r");
    say(host, "{\"type\":\"mute\",\"room\":\"r\",\"user\":\"%s\",\"seconds\":60}", bob->user);
    forget(bob);
    forget(host);
    say(bob, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    assert_in_range(number_of(expect(bob, "\"code\":\"muted\""), "retry_ms"), 59000, 60000);
    say(bob, "{\"type\":\"signal\",\"id\":2,\"room\":\"r\",\"data\":1}");
    expect(bob, "\"code\":\"muted\"");
    say(bob, "{\"type\":\"members\",\"id\":3,\"room\":\"r\"}"); // it may still listen
    expect(bob, "\"type\":\"members\"");
    expect_nothing(host);
    // And is told so when he comes in.
    net_wait(n, 1000);
    say(bob, "{\"type\":\"leave\",\"room\":\"r\"}");
    forget(bob);
    join(bob, "r");
    str joined = expect(bob, "\"type\":\"joined\"");
    assert_true(contains(joined, "\"muted\":true"));
    assert_int_equal(number_of(joined, "muted_until"), n->wall_ms + 59000);
    forget(host);
    say(host, "{\"type\":\"unmute\",\"id\":4,\"room\":\"r\",\"user\":\"%s\"}", bob->user);
    expect(bob, "member:unmuted");
    say(bob, "{\"type\":\"message\",\"id\":5,\"room\":\"r\",\"data\":1}");
    expect(bob, "\"type\":\"ack\",\"id\":5");
    assert_null(net_room_at(n, "r")->standing->speakers);
    net_free(n);
}

// A word that was said before the mute is still answered as said.
static void a_repeated_word_is_said_already(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    join(bob, "r");
    forget(bob);
    say(bob, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    uint64_t offset = number_of(expect(bob, "\"id\":1"), "offset");
    say(host, "{\"type\":\"mute\",\"room\":\"r\",\"user\":\"%s\"}", bob->user);
    expect(bob, "member:muted");
    say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    str m = expect(bob, "\"duplicate\":true");
    assert_int_equal(number_of(m, "offset"), offset);
    say(bob, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":1,\"key\":\"l\"}");
    assert_int_equal(number_of(expect(bob, "\"code\":\"muted\""), "retry_ms"), UINT64_MAX); // for ever
    say(bob, "{\"type\":\"leave\",\"room\":\"r\"}");
    expect(bob, "\"type\":\"left\"");
    join(bob, "r");
    str joined = expect(bob, "\"type\":\"joined\"");
    assert_true(contains(joined, "\"muted\":true") && !contains(joined, "muted_until"));
    net_free(n);
}

static void slow_mode_lets_each_say_one(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0), *eve = net_json(n, 0);
    join(bob, "r");
    join(eve, "r");
    say(host, "{\"type\":\"slow\",\"id\":1,\"room\":\"r\",\"seconds\":10}");
    for (int i = 0; i < 3; i++) {
        forget(bob);
        forget(eve);
        say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1}");
        expect(bob, "\"type\":\"ack\"");
        say(eve, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":1}"); // each has their own
        hear_until(eve, "\"type\":\"ack\"");
        net_wait(n, 4000);
        say(bob, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":1}");
        assert_in_range(number_of(hear_until(bob, "\"code\":\"rate_limited\""), "retry_ms"), 5900, 6000);
        for (int k = 0; k < 3; k++)
            say(host, "{\"type\":\"message\",\"id\":5,\"room\":\"r\",\"data\":1}");
        net_wait(n, 6000);
    }
    struct client *late = net_json(n, 0);
    join(late, "r");
    expect(late, "\"slow_s\":10");
    say(host, "{\"type\":\"slow\",\"id\":6,\"room\":\"r\",\"seconds\":0}");
    forget(bob);
    for (int k = 0; k < 3; k++) {
        say(bob, "{\"type\":\"message\",\"id\":7,\"room\":\"r\",\"data\":1}");
        expect(bob, "\"type\":\"ack\",\"id\":7");
    }
    net_free(n);
}

static void a_read_only_room_hears_its_hosts(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.signals = (struct rate){20, 20};
    net_start(n);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    join(bob, "r");
    say(host, "{\"type\":\"readonly\",\"id\":1,\"room\":\"r\",\"on\":true}");
    forget(bob);
    say(bob, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1}");
    assert_true(contains(expect(bob, "\"code\":\"forbidden\""), "`readonly`"));
    say(bob, "{\"type\":\"signal\",\"id\":3,\"room\":\"r\",\"data\":1}");
    expect(bob, "\"code\":\"forbidden\"");
    say(host, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":\"news\"}");
    expect(bob, "\"news\"");
    struct client *late = net_json(n, 0);
    join(late, "r");
    expect(late, "\"readonly\":true");
    say(host, "{\"type\":\"readonly\",\"id\":5,\"room\":\"r\",\"on\":false}");
    hear_until(bob, "\"readonly\":false");
    say(bob, "{\"type\":\"message\",\"id\":6,\"room\":\"r\",\"data\":1}");
    expect(bob, "\"type\":\"ack\"");
    assert_non_null(net_room_at(n, "r")->standing); // the host's role
    net_free(n);
}

// What decrees made stays when their records have gone from the log.
static void what_was_made_outlives_its_records(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.log_entries = 5;
    net_start(n);
    struct client *host = host_of(n, "r"), *bob = net_json(n, 0);
    say(host, "{\"type\":\"ban\",\"room\":\"r\",\"user\":\"%s\"}", bob->user);
    for (int i = 0; i < 2000; i++)
        post(host, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"%0100d\"}", i);
    net_settle(n);
    assert_true(net_room_at(n, "r")->log.tail > 3);
    join(bob, "r");
    expect(bob, "\"code\":\"banned\"");
    forget(host);
    say(host, "{\"type\":\"unban\",\"id\":1,\"room\":\"r\",\"user\":\"%s\"}", bob->user);
    expect(host, "\"type\":\"ack\"");
    join(bob, "r");
    expect(bob, "\"type\":\"joined\"");
    net_free(n);
}

static void there_is_an_end_to_standing(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *host = host_of(n, "r");
    for (int i = 1; i < STANDING_MAX; i++)
        post(host, "{\"type\":\"%s\",\"room\":\"r\",\"user\":\"u%d\",\"seconds\":%d}", i % 2 ? "ban" : "mute",
             i, i == 500 ? 5 : 3000);
    net_settle(n);
    assert_int_equal(net_room_at(n, "r")->standing->n, STANDING_MAX);
    forget(host);
    say(host, "{\"type\":\"ban\",\"id\":1,\"room\":\"r\",\"user\":\"one more\"}");
    expect(host, "\"code\":\"limit_reached\"");
    say(host, "{\"type\":\"ban\",\"id\":2,\"room\":\"r\",\"user\":\"u7\"}"); // who has a place keeps it
    expect(host, "\"type\":\"ack\",\"id\":2");
    say(host, "{\"type\":\"kick\",\"id\":3,\"room\":\"r\",\"user\":\"one more\"}"); // and a kick needs none
    hear_until(host, "\"code\":\"not_member\"");
    net_wait(n, 6000);
    say(host, "{\"type\":\"ban\",\"id\":4,\"room\":\"r\",\"user\":\"one more\"}"); // what is over makes room
    hear_until(host, "\"type\":\"ack\",\"id\":4");
    net_free(n);
}

static void the_first_is_the_host_where_the_rule_says_so(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct net *n = net_new(2);
        n->settings.room_host = first != 0 ? HOST_FIRST : HOST_NONE;
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *a = net_json(n, 0), *b = net_json(n, 1);
        join(a, room);
        assert_true(
            contains(expect(a, "\"type\":\"joined\""), first ? "\"role\":\"host\"" : "\"role\":\"member\""));
        join(b, room);
        assert_true(contains(expect(b, "\"type\":\"joined\""), "\"role\":\"member\""));
        assert_int_equal(net_room_at(n, room)->log.head, first); // its record
        assert_true((net_room_at(n, room)->standing != NULL) == (first != 0));
        net_free(n);
    }
}

// --- terminals

static void people_type_it(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.text_room = str_from_cstr("lobby");
    net_start(n);
    struct client *ada = net_line(n, 0), *bob = net_line(n, 1), *two = net_line(n, 1);
    say(ada, "/nick Ada Lovelace");
    say(bob, "/nick Bob");
    struct client *json = net_json(n, 0);
    join(json, "lobby");
    char user[USER_ID_MAX + 1];
    say(json, "{\"type\":\"members\",\"id\":1,\"room\":\"lobby\"}");
    string_of(hear_until(json, "\"id\":1"), "user", user, sizeof user);
    net_give(json, "lobby", user, "host"); // the first: Ada
    forget(ada);
    forget(bob);
    forget(two);
    say(bob, "/mute Ada");
    expect(bob,
           "* error forbidden: This needs the right `mute` in the room, which a `member` does not have.");
    say(ada, "/mute Bob 10m too loud");
    expect(ada, "* Bob was muted by Ada Lovelace for 10 minutes (too loud)");
    expect(bob, "* Bob was muted by Ada Lovelace for 10 minutes (too loud)");
    say(bob, "hello?");
    expect(
        bob,
        "* error muted: You are muted in the room `lobby`: you may listen, and not speak. Try again in 600000 ms.");
    say(ada, "/unmute Bob");
    expect(bob, "* Bob may speak again, unmuted by Ada Lovelace");
    say(ada, "/role Bob host");
    expect(ada, "* Bob may speak");
    expect(ada, "* error forbidden: It takes a role above that of `");
    say(two, "/nick Bob");
    forget(ada);
    forget(bob);
    forget(two);
    say(ada, "/kick Bob");
    expect(
        ada,
        "* error bad_command: There are several people called `Bob` in this room; name one by the user id.");
    say(two, "/nick Eve");
    forget(ada);
    forget(bob);
    say(ada, "/kick Nobody");
    expect(ada, "* error not_member: There is nobody called `Nobody` in this room.");
    say(ada, "/kick Bob go\tnow");
    expect(bob, "* Bob was removed by Ada Lovelace (go\tnow)");
    expect(bob, "* left lobby (kicked by Ada Lovelace): go\tnow");
    expect_nothing(bob);
    say(bob, "hello?");
    expect(bob, "* error not_member: You are in no room; join one first.");
    say(bob, "/join lobby");
    hear_until(bob, "* joined lobby");
    forget(ada);
    say(ada, "/ban Bob 2h");
    expect(ada, "* Bob was banned by Ada Lovelace for 2 hours");
    hear_until(bob, "* left lobby (banned by Ada Lovelace)");
    say(bob, "/join lobby");
    expect(bob, "* error banned: You are banned from the room `lobby`.");
    say(ada, "/slow 1m");
    hear_until(ada, "* Ada Lovelace set the slow mode: one message in 1 minute");
    say(ada, "/readonly");
    expect(ada, "* Ada Lovelace made the room read-only");
    say(two, "hm");
    hear_until(two, "* error forbidden: The room `lobby` is read-only");
    net_free(n);
}

// By a name, who has been sent away, or has gone by themselves; not where two have had it, nor where it is somebody's id. Whom nobody
// knows by that name is told of as the id that it is taken for.
static void people_type_it_of_who_is_gone(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.text_room = STR("lobby");
    net_start(n);
    struct client *ada = net_line(n, 0), *bob = net_line(n, 0), *carol = net_line(n, 0);
    say(ada, "/nick Ada");
    char user[USER_ID_MAX + 1];
    snprintf(user, sizeof user, "%.*s", STR_ARG(session_user(&client_asker(ada)->reader.who.session)));
    net_give(bob, "lobby", user, "host");
    say(bob, "/nick Bob");
    say(carol, "/nick Carol");
    say(carol, "good day");
    say(ada, "/kick Bob");
    hear_until(bob, "* left lobby (kicked");
    forget(ada);
    say(ada, "/ban Bob 1h");
    hear_until(ada, "* Bob was banned by Ada for 1 hour");
    say(bob, "/join lobby");
    hear_until(bob, "* error banned");
    say(ada, "/unban Bob");
    hear_until(ada, "* Bob may come in again, unbanned by Ada");
    say(bob, "/join lobby");
    hear_until(bob, "* joined lobby");
    say(carol, "/leave");
    say(ada, "/mute Carol");
    hear_until(ada, "* Carol was muted by Ada");
    say(ada, "/ban Nobody");
    hear_until(ada, "* the user id Nobody was banned by Ada");
    say(bob, "/nick Carol"); // who was called so has gone, and who is called so is there
    say(bob, "and now I am Carol");
    say(bob, "/leave");
    forget(ada);
    say(ada, "/ban Carol");
    hear_until(ada, "* error bad_command: There are several people called `Carol` in this room");
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kick_reaches_who_it_is_about),
        cmocka_unit_test(all_sessions_go),
        cmocka_unit_test(a_session_speaks_for_itself),
        cmocka_unit_test(who_is_away_is_sent_away_too),
        cmocka_unit_test(a_host_by_a_token_is_a_host),
        cmocka_unit_test(who_is_banned_may_ask),
        cmocka_unit_test(a_ban_ends_by_the_steady_clock),
        cmocka_unit_test(what_is_on_its_way_is_reached),
        cmocka_unit_test(a_switch_is_complete_before_it_is_undone),
        cmocka_unit_test(a_mute_refuses_what_it_says),
        cmocka_unit_test(a_repeated_word_is_said_already),
        cmocka_unit_test(slow_mode_lets_each_say_one),
        cmocka_unit_test(a_read_only_room_hears_its_hosts),
        cmocka_unit_test(what_was_made_outlives_its_records),
        cmocka_unit_test(there_is_an_end_to_standing),
        cmocka_unit_test(the_first_is_the_host_where_the_rule_says_so),
        cmocka_unit_test(people_type_it),
        cmocka_unit_test(people_type_it_of_who_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
