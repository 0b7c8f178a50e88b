// SPDX-License-Identifier: Apache-2.0
//
// What was taken back while somebody had yet to be told it: they are told that something was said, not what.
#include "unit/core_support.h"

#include <stdio.h>

static struct net *room_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.presence_exact_max = 0;
    net_start(n);
    return n;
}

static struct client *member(struct net *n, uint32_t shard, const char *room)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    return c;
}

static uint64_t put(struct client *c, const char *room, const char *text)
{
    forget(c);
    say(c, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%s\",\"id\":1,\"echo\":false}", room, text);
    const uint64_t offset = number_of(expect(c, "\"type\":\"ack\""), "offset");
    forget(c);
    return offset;
}

static void take_back(struct client *c, const char *room, uint64_t offset)
{
    say(c, "{\"type\":\"delete\",\"room\":\"%s\",\"offset\":%llu}", room, (unsigned long long)offset);
    forget(c);
}

static bool sent(const struct client *c, const char *text)
{
    return contains(str_make(c->rx.p, c->rx.n), text);
}

static void go_on(struct client *c)
{
    c->stalled = false;
    net_settle(c->net);
}

// At the home's shard and at another one; in a segment that has been filled up since, too.
static void who_is_behind_is_not_told_the_words(void **state)
{
    (void)state;
    struct net *n = room_net(2);
    const char *room = net_room(n, 0, 0);
    struct client *a = member(n, 0, room), *here = member(n, 0, room), *there = member(n, 1, room),
                  *quick = member(n, 1, room), *line = net_line(n, 1);
    say(line, "/join %s", room);
    here->stalled = there->stalled = line->stalled = true;
    put(a, room, "before");
    const uint64_t secret = put(a, room, "the secret");
    for (int i = 0; i < 40; i++)
        put(a, room, "filling this segment");
    assert_true(sent(quick, "the secret"));
    take_back(a, room, secret);
    put(a, room, "behind");
    struct client *slow[] = {here, there};
    for (size_t i = 0; i < 2; i++) {
        go_on(slow[i]);
        assert_false(sent(slow[i], "the secret"));
        expect(slow[i], "\"data\":\"before\"");
        str bare = expect(slow[i], "\"type\":\"message\"");
        assert_int_equal(number_of(bare, "offset"), secret);
        assert_false(contains(bare, "\"data\""));
        for (int k = 0; k < 40; k++)
            expect(slow[i], "\"data\":\"filling this segment\"");
        assert_int_equal(number_of(expect(slow[i], "\"type\":\"message:deleted\""), "target"), secret);
        expect(slow[i], "\"data\":\"behind\"");
    }
    go_on(line);
    assert_false(sent(line, "the secret"));
    assert_true(sent(line, "behind"));
    net_free(n);
}

// All that it has said, be there more of them than one mail has place for.
static void nor_what_edits_said(void **state)
{
    (void)state;
    struct net *n = room_net(2);
    const char *room = net_room(n, 0, 0);
    struct client *a = member(n, 0, room), *slow = member(n, 1, room);
    slow->stalled = true;
    const uint64_t secret = put(a, room, "secret");
    for (int i = 0; i < 3 * ERASE_MAX; i++) {
        say(a, "{\"type\":\"edit\",\"room\":\"%s\",\"offset\":%llu,\"data\":\"secret %d\"}", room,
            (unsigned long long)secret, i);
        put(a, room, "another one");
    }
    take_back(a, room, secret);
    go_on(slow);
    assert_false(sent(slow, "secret"));
    assert_false(contains(expect(slow, "\"type\":\"message\""), "\"data\""));
    for (int i = 0; i < 3 * ERASE_MAX; i++) {
        expect(slow, "\"type\":\"void\"");
        expect(slow, "\"data\":\"another one\"");
    }
    expect(slow, "\"type\":\"message:deleted\"");
    expect_nothing(slow);
    net_free(n);
}

// A socket that has taken half of a frame is given the other half: of another message as it was, and of this one, which it has begun.
static void half_a_frame_is_finished(void **state)
{
    (void)state;
    for (size_t half = 1; half < 400; half += 7) {
        struct net *n = room_net(1);
        struct client *a = member(n, 0, "r"), *slow = member(n, 0, "r");
        for (int i = 0; i < 12; i++)
            put(a, "r", "so that segments have place for some");
        forget(slow);
        slow->stalled = true;
        put(a, "r", "one");
        const uint64_t secret = put(a, "r", "the secret");
        put(a, "r", "three");
        slow->take_max = half;
        slow->stalled = false;
        net_turn(n, 0);
        slow->stalled = true;
        take_back(a, "r", secret);
        assert_int_equal(client_reader(slow)->out.referred, 0); // it keeps no segment that has the words
        slow->take_max = SIZE_MAX;
        go_on(slow);
        expect(slow, "\"data\":\"one\"");
        expect(slow, "\"type\":\"message\"");
        expect(slow, "\"data\":\"three\"");
        expect(slow, "\"type\":\"message:deleted\"");
        expect_nothing(slow);
        net_free(n);
    }
}

// Nothing of it is left where all have had it, and what is said next is not put beside it.
static void the_home_keeps_nothing(void **state)
{
    (void)state;
    struct net *n = room_net(1);
    struct client *a = member(n, 0, "r"), *b = member(n, 0, "r");
    take_back(a, "r", put(a, "r", "the secret"));
    const struct room *r = net_room_at(n, "r");
    assert_int_equal(tracks_const(&r->live.tracks)->chain.n, 0);
    put(a, "r", "next");
    expect(b, "\"data\":\"the secret\"");
    expect(b, "\"type\":\"message:deleted\"");
    expect(b, "\"data\":\"next\"");
    // Of one that is older than what it has at hand it lets nothing go.
    const uint64_t old = put(a, "r", "an old one");
    net_wait(n, 5000); // it has come to rest
    put(a, "r", "a new one");
    take_back(a, "r", old);
    assert_int_equal(tracks_const(&r->live.tracks)->chain.n, 1);
    net_free(n);
}

// Where there is no memory for what stands there instead, a gap does.
static void without_memory_a_gap_is_told(void **state)
{
    (void)state;
    uint32_t gaps = 0, bare = 0;
    for (uint64_t k = 0; k < 40; k++) {
        struct net *n = room_net(2);
        const char *room = net_room(n, 0, 0);
        struct client *a = member(n, 0, room), *slow = member(n, 1, room);
        slow->stalled = true;
        const uint64_t secret = put(a, room, "the secret");
        post(a, "{\"type\":\"delete\",\"room\":\"%s\",\"offset\":%llu}", room, (unsigned long long)secret);
        net_fail_burst(n, k);
        net_settle(n);
        net_fail_end(n);
        put(member(n, 0, room), room, "behind"); // the connections of a and slow may have ended for it
        go_on(slow);
        const bool deleted = sent(slow, "message:deleted"), gap = sent(slow, "\"type\":\"gap\"");
        assert_true(!sent(slow, "the secret") || (!deleted && !gap));
        assert_true(slow->closed || sent(slow, "\"data\":\"behind\""));
        gaps += gap;
        bare += deleted && !gap;
        net_free(n);
    }
    assert_true(gaps != 0);
    assert_true(bare != 0);
}

// A terminal is told once that it was taken back, and not of what it was in between, as all of it came in one turn; nor is who is behind.
static void a_terminal_is_told_once(void **state)
{
    (void)state;
    for (int behind = 0; behind <= 1; behind++) {
        struct net *n = room_net(2);
        const char *room = net_room(n, 0, 0);
        struct client *a = member(n, 0, room), *line = net_line(n, 1), *json = member(n, 1, room);
        say(line, "/join %s", room);
        forget(line);
        const uint64_t before = put(a, room, "before");
        expect(line, "before");
        line->stalled = json->stalled = behind;
        const char *said[] = {"{\"type\":\"message\",\"room\":\"%s\",\"data\":\"secret\"}",
                              "{\"type\":\"edit\",\"room\":\"%s\",\"offset\":%llu,\"data\":\"other\"}",
                              "{\"type\":\"delete\",\"room\":\"%s\",\"offset\":%llu}"};
        for (size_t i = 0; i < ARRAY_LEN(said); i++) {
            char text[160];
            snprintf(text, sizeof text, said[i], room, (unsigned long long)before + 1);
            post_frame(a, WS_TEXT, true, str_from_cstr(text));
        }
        net_settle(n);
        put(a, room, "behind");
        go_on(line);
        go_on(json);
        expect(line, " took back a message");
        expect(line, "behind");
        expect_nothing(line);
        assert_false(sent(line, "secret") || sent(line, "other"));
        forget(json);
        net_free(n);
    }
}

static struct net *watched_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.presence_exact_max = 0;
    n->watched = true;
    net_start(n);
    return n;
}

// In memory that is used, at the shard that was told it, at the home, and where it was read; what is freed is wiped (test_mem.h).
static void nothing_is_left_in_memory(void **state)
{
    (void)state;
    for (uint32_t how = 0; how < 4; how++) {
        struct net *n = watched_net(2);
        const char *room = net_room(n, how % 2, 0);
        struct client *a = member(n, 0, room), *b = member(n, 1, room), *line = net_line(n, 1);
        say(line, "/join %s", room);
        net_give(a, room, a->user, "host");
        b->stalled = how / 2; // it has yet to be told all of it
        const uint64_t secret = put(a, room, "the first word");
        assert_true(net_holds(n, "the first word"));
        say(a, "{\"type\":\"edit\",\"room\":\"%s\",\"offset\":%llu,\"data\":\"the \\u0073econd word\"}", room,
            (unsigned long long)secret);
        say(line, "the third word, \"quoted\"\nx"); // what is put over it in the same turn is shorter
        const uint64_t typed = secret + 2;
        for (uint32_t shard = 0; shard < 2; shard++) {
            say(shard == 0 || b->stalled ? a : b,
                "{\"type\":\"history\",\"room\":\"%s\",\"limit\":10,\"id\":7}", room);
            member(n, shard, room);
        }
        assert_true(net_holds(n, "econd word"));
        assert_true(net_holds(n, "third word"));
        take_back(a, room, secret);
        take_back(a, room, typed);
        assert_false(net_holds(n, "the first word"));
        assert_false(net_holds(n, "econd word"));
        assert_false(net_holds(n, "third word"));
        net_free(n);
    }
}

// What a connection has said and what must wait behind it may have come together, and been kept together: what has been worked off is
// not kept with the rest.
static void nor_beside_what_waits(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.presence_exact_max = 0;
    n->settings.reply_bytes = 2000;
    n->watched = true;
    net_start(n);
    struct client *a = member(n, 0, "r"), *c = member(n, 0, "r");
    static char large[3000];
    memset(large, 'x', sizeof large - 1);
    net_give(a, "r", a->user, "host");
    member(n, 0, "q");
    say(a, "{\"type\":\"join\",\"room\":\"q\"}");
    put(a, "q", large);
    say(c, "{\"type\":\"join\",\"room\":\"q\"}");
    c->stalled = true;
    const str history = STR("{\"type\":\"history\",\"room\":\"q\",\"id\":1}");
    post_frame(c, WS_TEXT, true, history);
    net_settle(n); // which it does not take
    post_frame(c, WS_TEXT, true, STR("{\"type\":\"ping\",\"id\":2}"));
    post_frame(c, WS_TEXT, true, STR("{\"type\":\"message\",\"room\":\"r\",\"data\":\"the secret\"}"));
    for (int i = 0; i < 3; i++)
        post_frame(c, WS_TEXT, true, history);
    net_settle(n);
    c->stalled = false;
    c->take_max = 100;
    const struct conn *conn = client_conn(c);
    for (int turns = 0; conn->in == NULL || conn->in->raw_from == 0; turns++) {
        assert_true(turns < 1000);
        net_turn(n, 0);
    }
    c->stalled = true;
    net_settle(n);
    const uint64_t secret = number_of(expect(a, "\"data\":\"the secret\""), "offset");
    assert_true(net_holds(n, "the secret")); // in the log
    take_back(a, "r", secret);
    assert_true(conn->in->raw != NULL && conn->in->raw_from != 0 && conn->in->raw_n > conn->in->raw_from);
    assert_false(net_holds(n, "the secret"));
    c->take_max = SIZE_MAX;
    go_on(c);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_behind_is_not_told_the_words),
        cmocka_unit_test(nor_what_edits_said),
        cmocka_unit_test(a_terminal_is_told_once),
        cmocka_unit_test(half_a_frame_is_finished),
        cmocka_unit_test(the_home_keeps_nothing),
        cmocka_unit_test(without_memory_a_gap_is_told),
        cmocka_unit_test(nothing_is_left_in_memory),
        cmocka_unit_test(nor_beside_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
