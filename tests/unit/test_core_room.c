// SPDX-License-Identifier: Apache-2.0
//
// Rooms and members over time: grace, coming back, counts in big rooms, the sorted list, and that a room that is gone
// has given back all it had.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
}

static struct client *back(struct net *n, uint32_t shard, const struct client *old)
{
    struct client *c = net_ws(n, shard, "/ws");
    say(c, "{\"type\":\"hello\",\"resume\":\"%s\"}", old->resume);
    assert_true(contains(expect(c, "welcome"), old->user));
    return c;
}

static void away_and_back_and_gone(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *watcher = net_json(n, 1), *a = net_json(n, 0);
    join(watcher, room);
    join(a, room);
    forget(watcher);
    cut(a);
    str s = expect(watcher, "\"type\":\"member:changed\"");
    assert_true(contains(s, "\"connected\":false") && contains(s, "\"sessions\":0"));
    net_wait(n, n->settings.member_grace_ms - 10);
    expect_nothing(watcher);
    struct client *b = back(n, 1, a); // on another shard, just in time
    join(b, room);
    assert_int_equal(number_of(expect(b, "\"type\":\"joined\""), "members_count"), 2);
    s = expect(watcher, "\"type\":\"member:changed\"");
    assert_true(contains(s, "\"connected\":true") && contains(s, "\"sessions\":1"));
    net_wait(n, 60000);
    expect_nothing(watcher); // the first going away is forgotten
    cut(b);
    uint64_t left = n->now_ms;
    expect(watcher, "\"connected\":false");
    net_wait(n, n->settings.member_grace_ms - 1);
    expect_nothing(watcher);
    net_wait(n, 1);
    expect(watcher, "\"type\":\"member:left\"");
    assert_int_equal(n->now_ms - left, n->settings.member_grace_ms);
    assert_int_equal(net_room_at(n, room)->members, 1);
    net_free(n);
}

static void without_grace_they_leave_at_once(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.member_grace_ms = 0;
    net_start(n);
    struct client *watcher = net_json(n, 0), *a = net_json(n, 0);
    join(watcher, "r");
    join(a, "r");
    forget(watcher);
    cut(a);
    expect(watcher, "\"type\":\"member:left\"");
    expect_nothing(watcher);
    net_free(n);
}

static void the_longest_away_leave_first(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *watcher = net_json(n, 0), *c[5];
    join(watcher, "r");
    for (int i = 0; i < 5; i++) {
        c[i] = net_json(n, 0);
        join(c[i], "r");
    }
    static const int order[] = {3, 0, 4, 1, 2};
    for (int i = 0; i < 5; i++) {
        cut(c[order[i]]);
        net_wait(n, 1000);
    }
    join(back(n, 0, c[4]), "r"); // from the middle of the away list
    join(back(n, 0, c[3]), "r"); // its head
    join(back(n, 0, c[2]), "r"); // its end
    forget(watcher);
    net_check(n);
    net_wait(n, 40000);
    assert_true(contains(expect(watcher, "\"type\":\"member:left\""), c[0]->user));
    assert_true(contains(expect(watcher, "\"type\":\"member:left\""), c[1]->user));
    expect_nothing(watcher);
    net_free(n);
}

// Each has its own grace time: the end of one is not the end of the next.
static void grace_times_are_counted_one_by_one(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = net_json(n, 0);
        join(c[i], "r");
    }
    uint32_t grace = n->settings.member_grace_ms;
    cut(c[0]);
    net_wait(n, grace * 2 / 3);
    cut(c[1]);
    net_wait(n, grace / 3 + 1000);
    assert_int_equal(net_room_at(n, "r")->members, 2); // the first is gone, the second only away
    net_wait(n, grace * 2 / 3 - 2000);
    assert_int_equal(net_room_at(n, "r")->members, 2);
    net_wait(n, 3000);
    assert_int_equal(net_room_at(n, "r")->members, 1);
    net_free(n);
}

static void a_big_room_counts_once_a_second(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.presence_exact_max = 2;
    n->settings.member_grace_ms = 150; // so that the room is looked at all the time
    net_start(n);
    struct client *w = net_json(n, 0), *before = NULL;
    join(w, "r");
    uint64_t last = 0, counts = 0;
    for (int i = 0; i < 40; i++) {
        struct client *c = net_json(n, 0);
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
        if (before != NULL && i % 2 == 0)
            cut(before);
        before = c;
        net_wait(n, 100);
        for (str s; (s = hear(w)).p != NULL;) {
            if (!contains(s, "\"type\":\"members:count\""))
                continue;
            assert_true(counts == 0 || n->now_ms - last >= 1000);
            last = n->now_ms;
            counts++;
        }
    }
    assert_true(counts >= 3);
    net_free(n);
}

static void one_user_with_many_sessions_is_one_member(void **state)
{
    (void)state;
    // A resumed session takes the place of the older one only when the registry hears of it: until then there are two.
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 0, 0);
    struct client *watcher = net_json(n, 0), *a = net_json(n, 1);
    join(watcher, room);
    join(a, room);
    forget(watcher);
    n->hold[0][1] = n->hold[1][0] = true;
    struct client *b = net_ws(n, 0, "/ws");
    say(b, "{\"type\":\"hello\",\"resume\":\"%s\"}", a->resume);
    join(b, room);
    bool both = !a->closed;
    if (both)
        assert_int_equal(net_room_at(n, room)->sessions, 3);
    n->hold[0][1] = n->hold[1][0] = false;
    net_settle(n);
    assert_true(a->closed);
    assert_int_equal(net_room_at(n, room)->members, 2);
    assert_int_equal(net_room_at(n, room)->sessions, 2);
    net_check(n);
    for (str s; (s = hear(watcher)).p != NULL;)
        assert_false(contains(s, "member:left") || contains(s, "member:joined"));
    net_free(n);
}

static void a_big_room_counts(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.presence_exact_max = 4;
    net_start(n);
    struct client *watcher = net_json(n, 0), *c[12];
    join(watcher, "r");
    uint64_t begin = n->now_ms;
    for (int i = 0; i < 12; i++) {
        c[i] = net_json(n, 0);
        join(c[i], "r");
    }
    expect(watcher, "joined");
    for (int i = 0; i < 3; i++)
        expect(watcher, "\"type\":\"member:joined\"");
    net_wait(n, 1500);
    uint32_t counts = 0;
    uint64_t last = 0;
    for (str s; (s = hear(watcher)).p != NULL; counts++) {
        assert_true(contains(s, "\"type\":\"members:count\""));
        last = number_of(s, "count");
    }
    assert_int_equal(last, 13);
    assert_true(counts >= 1 && counts <= 2);
    for (int i = 0; i < 12; i++) {
        say(c[i], "{\"type\":\"leave\",\"room\":\"r\"}");
        net_wait(n, 100);
    }
    net_wait(n, 3000);
    uint32_t exact = 0;
    for (str s; (s = hear(watcher)).p != NULL;) {
        if (contains(s, "member:left")) {
            exact++;
            continue;
        }
        assert_true(contains(s, "\"type\":\"members:count\""));
        counts++;
        last = number_of(s, "count");
    }
    assert_int_equal(exact, 3); // those who went when four, three and two were there
    assert_true(counts <= (n->now_ms - begin) / 1000 + 1); // at most once a second
    net_free(n);
}

static void a_room_has_a_limit(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.room_members_max = 3;
    n->settings.rooms_max = 2;
    net_start(n);
    char rooms[3][32];
    for (uint32_t i = 0; i < 3; i++)
        snprintf(rooms[i], 32, "%s", net_room(n, 1, i));
    struct client *c[4];
    for (int i = 0; i < 4; i++) {
        c[i] = net_json(n, (uint32_t)i % 2);
        join(c[i], rooms[0]);
        expect(c[i], i < 3 ? "\"type\":\"joined\"" : "\"code\":\"room_full\"");
    }
    assert_int_equal(METRIC(n, limit_members), 1);
    assert_int_equal(outlet_at(&n->sh[1]->fan, 0)->tracks.n, 1);
    join(c[0], rooms[1]);
    forget(c[0]);
    join(c[0], rooms[2]);
    expect(c[0], "\"code\":\"limit_reached\"");
    assert_int_equal(METRIC(n, limit_rooms), 1);
    net_check(n);
    net_free(n);
}

static void a_refused_encoding_is_not_in_use(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.room_members_max = 1;
    net_start(n);
    struct client *a = net_json(n, 0), *t = net_line(n, 0);
    join(a, "r");
    say(t, "/join r");
    expect(t, "room_full");
    assert_null(tracks_find(&net_room_at(n, "r")->live.tracks, ENCODING_TEXT_LINE));
    net_check(n);
    net_free(n);
}

static void a_room_that_is_gone_gives_back_its_memory(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0), *warm = net_json(n, 0);
    join(warm, "warm"); // pools, tables and scratch are there before and after
    for (int k = 0; k < 500; k++)
        post(warm, "{\"type\":\"message\",\"room\":\"warm\",\"key\":\"%d\",\"data\":\"%0100d\"}", k, k);
    join(c, "first");
    say(c, "{\"type\":\"leave\",\"room\":\"first\"}");
    net_wait(n, 200000);
    size_t bytes = atomic_load(&n->t.bytes), blocks = atomic_load(&n->t.blocks);
    for (int round = 0; round < 5; round++) {
        join(c, "r");
        for (int k = 0; k < 500; k++)
            post(c, "{\"type\":\"message\",\"room\":\"r\",\"key\":\"%d\",\"data\":\"%0100d\"}", k, k);
        net_wait(n, 10);
        assert_true(atomic_load(&n->t.bytes) > bytes + 50000);
        say(c, "{\"type\":\"leave\",\"room\":\"r\"}");
        uint64_t left = n->now_ms;
        net_wait(n, n->settings.room_grace_ms - 1);
        assert_non_null(net_room_at(n, "r"));
        net_wait(n, 1);
        assert_null(net_room_at(n, "r"));
        assert_int_equal(n->now_ms - left, n->settings.room_grace_ms);
        net_wait(n, 1000);
        assert_int_equal(atomic_load(&n->t.blocks), blocks);
        assert_int_equal(atomic_load(&n->t.bytes), bytes);
        forget(c);
    }
    assert_int_equal(n->notices[NOTICE_ROOM_REMOVED], 6);
    net_free(n);
}

static void a_room_joined_in_its_grace_goes_on(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct client *a = net_json(n, 0);
    char epoch[2][32];
    for (int i = 0; i < 2; i++) {
        join(a, "r");
        string_of(expect(a, "joined"), "epoch", epoch[i], sizeof epoch[i]);
        say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":1}");
        say(a, "{\"type\":\"leave\",\"id\":2,\"room\":\"r\"}");
        forget(a);
        net_wait(n, n->settings.room_grace_ms - 1000);
    }
    assert_string_equal(epoch[0], epoch[1]);
    assert_int_equal(net_room_at(n, "r")->log.head, 2); // what was said, and nobody's coming and going
    net_wait(n, 1000);
    assert_null(net_room_at(n, "r"));
    join(a, "r");
    string_of(expect(a, "joined"), "epoch", epoch[1], sizeof epoch[1]);
    assert_string_not_equal(epoch[0], epoch[1]);
    net_free(n);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void the_list_of_rooms_is_sorted(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.rooms_max = 200;
    net_start(n);
    struct shard *sh = n->sh[0];
    struct prng dice;
    prng_init(&dice, 9);
    static char names[200][24];
    char *live[200];
    uint32_t count = 0, made = 0;
    for (int step = 0; step < 3000; step++) {
        shard_turn_begin(sh, n->now_ms, n->wall_ms, 0);
        if (count < 190 && prng_below(&dice, 100) < (step / 500 % 2 ? 30 : 70)) {
            char *name = names[0];
            for (uint32_t i = 0; i < 200; i++) { // a place that no live room uses
                bool used = false;
                for (uint32_t k = 0; k < count; k++)
                    used |= live[k] == names[i];
                name = names[i];
                if (!used)
                    break;
            }
            snprintf(name, 24, "%llu-%u", (unsigned long long)prng_below(&dice, 1000), made++);
            uint32_t index;
            uint64_t hash = hash_str(&sh->cx, str_from_cstr(name));
            assert_int_equal(room_create(&sh->home, str_from_cstr(name), hash, &index), OK);
            live[count++] = name;
        } else if (count > 0) {
            uint32_t at = (uint32_t)prng_below(&dice, count);
            str name = str_from_cstr(live[at]);
            room_remove(&sh->home, room_find(&sh->home, name, hash_str(&sh->cx, name)));
            live[at] = live[--count];
        }
        qsort(live, count, sizeof *live, by_name);
        assert_int_equal(sh->home.rooms_by_name.count, count);
        for (uint32_t i = 0; i < count; i++)
            assert_str_eq(room_name(room_at(&sh->home, sh->home.rooms_sorted[i])), str_from_cstr(live[i]));
        map_check(&sh->home.rooms_by_name);
        heap_check(&sh->home.room_timers);
    }
    net_check(n);
    net_free(n);
}

static void creating_a_room_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    struct shard *sh = n->sh[0];
    uint64_t refused = 0;
    for (int i = 0; i < 60; i++)
        for (uint64_t k = 1;; k++) {
            char text[40];
            snprintf(text, sizeof text, "a name that is no part of a room %d", (i * 7) % 60);
            str name = str_from_cstr(text);
            uint32_t index;
            net_fail_one(n, k);
            enum err e = room_create(&sh->home, name, hash_str(&sh->cx, name), &index);
            net_fail_end(n);
            map_check(&sh->home.rooms_by_name);
            heap_check(&sh->home.room_timers);
            slab_check(&sh->home.rooms);
            assert_int_equal(sh->home.rooms_by_name.count, i + (e == OK));
            assert_int_equal(sh->home.room_timers.count, i + (e == OK));
            for (uint32_t r = 1; r < sh->home.rooms_by_name.count; r++)
                assert_true(str_cmp(room_name(room_at(&sh->home, sh->home.rooms_sorted[r - 1])),
                                    room_name(room_at(&sh->home, sh->home.rooms_sorted[r]))) < 0);
            if (e == OK)
                break;
            assert_int_equal(e, ERR_NOMEM);
            refused++;
        }
    assert_true(refused > 60); // the name of each, and what grows
    net_wait(n, n->settings.room_grace_ms + 1000);
    assert_int_equal(METRIC(n, rooms), 0);
    net_free(n);
}

static void old_entries_go_by_their_age(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.log_age_ms = 10000;
    net_start(n);
    struct client *a = net_json(n, 0);
    join(a, "r");
    for (int i = 0; i < 10; i++)
        say(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
    const struct log *l = &net_room_at(n, "r")->log;
    net_wait(n, 5000);
    assert_int_equal(l->tail, 1);
    net_wait(n, 10000);
    assert_int_equal(l->tail, l->head + 1);
    assert_int_equal(l->records.n, 0); // not even in memory
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":\"new\",\"echo\":true}");
    expect(a, "\"type\":\"ack\"");
    expect(a, "\"data\":\"new\"");
    net_free(n);
}

// A few are found by walking, many in a table: everybody is found, and hears what is said, on the way there and back, and a
// join that finds no memory for the table changes nothing.
static void members_are_found_few_or_many(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    net_start(n);
    enum { MANY = 2 * MEMBERS_WALKED + 3 };
    struct client *c[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        c[i] = net_json(n, 0);
    bool refused = false;
    for (uint32_t i = 0; i < MANY; i++) {
        net_fail_one(n, i == MEMBERS_WALKED ? 2 : UINT32_MAX); // the one after the ask
        join(c[i], "r");
        net_fail_end(n);
        if (net_room_at(n, "r")->members == i) {
            expect(c[i], "\"code\":\"unavailable\"");
            refused = true;
            join(c[i], "r");
        }
        expect(c[i], "\"type\":\"joined\"");
        const struct room *r = net_room_at(n, "r");
        assert_int_equal(r->members, i + 1);
        assert_int_equal(r->by_user != NULL ? r->by_user->count : 0, i + 1 <= MEMBERS_WALKED ? 0 : i + 1);
        net_check(n);
    }
    assert_true(refused);
    for (uint32_t left = MANY; left > 1; left--) {
        const struct room *r = net_room_at(n, "r");
        bool table = left > MEMBERS_WALKED / 2;
        assert_int_equal(r->by_user != NULL ? r->by_user->count : 0, table ? left : 0);
        for (uint32_t i = MANY - left; i < MANY; i++)
            forget(c[i]);
        say(c[MANY - 1], "{\"type\":\"message\",\"room\":\"r\",\"data\":%u}", left);
        for (uint32_t i = MANY - left; i + 1 < MANY; i++)
            expect(c[i], "\"type\":\"message\"");
        say(c[MANY - left], "{\"type\":\"leave\",\"room\":\"r\"}");
        net_check(n);
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_few_or_many),
        cmocka_unit_test(away_and_back_and_gone),
        cmocka_unit_test(without_grace_they_leave_at_once),
        cmocka_unit_test(the_longest_away_leave_first),
        cmocka_unit_test(grace_times_are_counted_one_by_one),
        cmocka_unit_test(a_big_room_counts_once_a_second),
        cmocka_unit_test(one_user_with_many_sessions_is_one_member),
        cmocka_unit_test(a_big_room_counts),
        cmocka_unit_test(a_room_has_a_limit),
        cmocka_unit_test(a_refused_encoding_is_not_in_use),
        cmocka_unit_test(a_room_that_is_gone_gives_back_its_memory),
        cmocka_unit_test(a_room_joined_in_its_grace_goes_on),
        cmocka_unit_test(the_list_of_rooms_is_sorted),
        cmocka_unit_test(creating_a_room_without_memory_changes_nothing),
        cmocka_unit_test(old_entries_go_by_their_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
