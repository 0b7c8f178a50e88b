// SPDX-License-Identifier: Apache-2.0
//
// Outlets: cursors of many readers, segments that come and go, readers that lag.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static struct outlet *outlet_of(struct net *n, uint32_t shard, const char *room)
{
    str name = str_from_cstr(room);
    uint32_t index = outlet_find(&n->sh[shard]->fan, name, siphash(&n->settings.hash_key, name.p, name.n));
    return index == MAP_NONE ? NULL : outlet_at(&n->sh[shard]->fan, index);
}

static void burst(struct client *writer, const char *room, int count, int size)
{
    for (int i = 0; i < count; i++)
        post(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%0*d\"}", room, size, i);
    net_wait(writer->net, 10);
}

static void trimming_frees_what_all_have_read(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.log_entries = 1; // the home keeps next to nothing itself
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *writer = net_json(n, 1), *a = net_json(n, 0), *b = net_line(n, 0);
    say(writer, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    say(a, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    say(b, "/join %s", room);
    net_wait(n, 200);
    b->stalled = true;
    for (int k = 0; k < 50; k++)
        burst(writer, room, 20, 100);
    net_wait(n, 500);
    struct outlet *o = outlet_of(n, 0, room);
    assert_true(tracks_chain(&o->tracks, ENCODING_TEXT_LINE)->bytes > 100000); // kept for one that is behind
    size_t held = atomic_load(&n->t.bytes);
    b->stalled = false;
    net_settle(n);
    burst(writer, room, 1, 1);
    net_wait(n, 500);
    assert_int_equal(tracks_chain(&o->tracks, ENCODING_TEXT_LINE)->n, 1);
    assert_int_equal(tracks_chain(&o->tracks, ENCODING_JSON)->n, 1);
    assert_true(atomic_load(&n->t.bytes) + 100000 < held);
    net_free(n);
}

static void the_lag_limit_bounds_memory(void **state)
{
    (void)state;
    for (enum slow_policy policy = SLOW_GAP; policy <= SLOW_DISCONNECT; policy++) {
        struct net *n = net_new(1);
        n->settings.lag_bytes = 20000;
        n->settings.log_entries = 10;
        n->settings.slow_policy = policy;
        net_start(n);
        struct client *writer = net_json(n, 0), *slow = net_json(n, 0), *quick = net_json(n, 0);
        say(writer, "{\"type\":\"join\",\"room\":\"r\"}");
        say(slow, "{\"type\":\"join\",\"room\":\"r\"}");
        say(quick, "{\"type\":\"join\",\"room\":\"r\"}");
        forget(slow);
        forget(quick);
        slow->stalled = true;
        struct outlet *o = outlet_of(n, 0, "r");
        for (int k = 0; k < 40; k++) {
            burst(writer, "r", 10, 200);
            net_wait(n, 200);
            const struct chain *c = tracks_chain(&o->tracks, ENCODING_JSON);
            assert_true(c->bytes - chain_last(c)->cap <= n->settings.lag_bytes);
            if (n->notices[NOTICE_SLOW_READER] != 0 && policy == SLOW_DISCONNECT)
                slow->stalled = false; // in time for the reason
        }
        bool told = false; // that the slow one was disconnected
        for (uint32_t k = 0; k < 400; k++) {
            str s = hear(quick);
            if (contains(s, "\"type\":\"member:changed\"")) {
                told = true;
                s = hear(quick);
            }
            assert_int_equal(number_of(s, "offset"), 1 + k);
        }
        assert_int_equal(told, policy == SLOW_DISCONNECT);
        expect_nothing(quick); // neither a gap nor a hole for those who read
        slow->stalled = false;
        net_wait(n, 10);
        assert_int_equal(n->notices[NOTICE_SLOW_READER], 1);
        if (policy == SLOW_GAP) {
            str gap = expect(slow, "\"type\":\"gap\"");
            assert_true(contains(gap, "\"reason\":\"slow\""));
            assert_int_equal(number_of(gap, "from"), 1);
            assert_false(contains(gap, "\"passing\""));
            for (uint64_t at = number_of(gap, "to") + 1; at < 401; at++)
                assert_int_equal(number_of(expect(slow, "\"type\":\"message\""), "offset"), at);
            assert_int_equal(METRIC(n, gap_entries), number_of(gap, "to"));
        } else {
            assert_int_equal(slow->close_code, WS_CLOSE_TRY_LATER);
            assert_true(slow->closed);
            assert_int_equal(METRIC(n, closed_slow), 1);
        }
        net_free(n);
    }
}

// --- readers whose turn has not come

enum { CROWD = 40 };

// A room on shard `home` with a crowd of readers on the last shard, which writes to a few of them per turn.
static struct net *crowd_new(uint32_t shards, uint32_t home, enum slow_policy policy, char room[32],
                             struct client **ret_writer, struct client *readers[CROWD])
{
    struct net *n = net_new(shards);
    n->settings.lag_bytes = 20000;
    n->settings.log_entries = 10;
    n->settings.slow_policy = policy;
    net_start(n);
    snprintf(room, 32, "%s", net_room(n, home, 0));
    *ret_writer = net_json(n, 0);
    for (int i = 0; i < CROWD; i++) {
        readers[i] = net_json(n, shards - 1);
        say(readers[i], "{\"type\":\"join\",\"room\":\"%s\"}", room);
    }
    say(*ret_writer, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    net_wait(n, 200);
    for (int i = 0; i < CROWD; i++)
        forget(readers[i]);
    n->write_max = 3;
    n->read_max = 8 * 1024;
    return n;
}

static size_t crowd_kept(struct net *n, const char *room)
{
    const struct chain *c = tracks_chain(&outlet_of(n, n->shards - 1, room)->tracks, ENCODING_JSON);
    return c->bytes;
}

static void who_was_not_served_is_not_slow(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t home = 0; home < shards; home++)
            for (enum slow_policy policy = SLOW_GAP; policy <= SLOW_DISCONNECT; policy++) {
                char room[32];
                struct client *writer, *readers[CROWD];
                struct net *n = crowd_new(shards, home, policy, room, &writer, readers);
                uint64_t next = number_of(expect(writer, "\"type\":\"joined\""), "offset") + 1;
                for (int i = 0; i < 1000; i++) // 60 times of what a reader may be behind, in one go
                    post(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%01000d\"}", room, i);
                size_t kept = 0;
                uint64_t all = METRIC(n, deliveries) + (uint64_t)1000 * CROWD;
                for (int turns = 0; turns < 20000 && METRIC(n, deliveries) < all; turns++) {
                    for (uint32_t s = 0; s < shards; s++)
                        net_turn(n, s);
                    kept = crowd_kept(n, room) > kept ? crowd_kept(n, room) : kept;
                    n->now_ms++;
                }
                for (int i = 0; i < CROWD; i++) {
                    for (uint64_t at = next; at < next + 1000; at++)
                        assert_int_equal(number_of(expect(readers[i], "\"type\":\"message\""), "offset"), at);
                    expect_nothing(readers[i]);
                    assert_false(readers[i]->closed);
                }
                assert_int_equal(n->notices[NOTICE_SLOW_READER], 0);
                // Reading is paced: a few turns beyond the limit, and not the megabyte that was on its way.
                assert_true(METRIC(n, publishes_paced) > 0);
                assert_true(kept < n->settings.lag_bytes + 2 * SEGMENT_BYTES_MAX + 6 * n->read_max);
                net_wait(n, 2000);
                assert_false(outlet_of(n, shards - 1, room)->crowded);
                net_free(n);
            }
}

// The others wait for their turn, and not for one who does not read.
static void a_full_socket_is_slow_in_a_crowd_too(void **state)
{
    (void)state;
    char room[32];
    struct client *writer, *readers[CROWD];
    struct net *n = crowd_new(1, 0, SLOW_GAP, room, &writer, readers);
    readers[7]->stalled = true;
    uint64_t all = METRIC(n, deliveries) + (uint64_t)300 * (CROWD - 1);
    for (int i = 0; i < 300; i++)
        post(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%01000d\"}", room, i);
    net_wait(n, 2000);
    assert_int_equal(METRIC(n, deliveries), all);
    assert_true(crowd_kept(n, room) < 2 * (size_t)n->settings.lag_bytes + SEGMENT_BYTES_MAX);
    readers[7]->stalled = false;
    net_wait(n, 100);
    expect(readers[7], "\"type\":\"gap\"");
    assert_int_equal(n->notices[NOTICE_SLOW_READER], 1);
    net_free(n);
}

// Crowded, and then the crowd goes: the publisher is not forgotten.
static void a_crowd_that_goes_holds_nobody(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        char room[32];
        struct client *writer, *readers[CROWD];
        struct net *n = crowd_new(2, home, SLOW_GAP, room, &writer, readers);
        for (int i = 0; i < 200; i++)
            post(writer, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":\"%01000d\"}", i, room, i);
        for (int turns = 0; turns < 500 && METRIC(n, publishes_paced) == 0; turns++)
            for (uint32_t s = 0; s < 2; s++)
                net_turn(n, s);
        assert_true(client_reader(writer)->paced);
        for (int i = 0; i < CROWD; i++)
            cut(readers[i]);
        net_wait(n, 1000);
        assert_int_equal(METRIC(n, entries), 200);
        assert_int_equal(METRIC(n, passing), 1 + 2 * CROWD); // joined, and away, each
        assert_null(outlet_of(n, 1, room));
        net_free(n);
    }
}

// Unread own entries are remembered to be skipped; their number is bounded by not reading their sender.
static void a_sender_is_not_slow_because_it_was_not_served(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.lag_bytes = 1 << 24;
    n->settings.message_bytes = 1024;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    a->take_max = b->take_max = 0;
    a->stalled = b->stalled = true;
    for (int i = 0; i < 6000; i++) { // in turns, so that no two own entries are neighbours
        post(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
        post(b, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", i);
        net_turn(n, 0);
    }
    a->take_max = b->take_max = SIZE_MAX;
    a->stalled = b->stalled = false;
    net_wait(n, 3000);
    assert_int_equal(METRIC(n, closed_slow), 0);
    assert_int_equal(METRIC(n, deliveries), 2 * 6000 + 1); // and that b joined
    net_free(n);
}

// Who leaves before its turn to be written to has come gets all that it is still due, however much that is, but not its
// own that it did not want, and `left` behind it. A direct meanwhile is no reason to take it for slow.
static void a_leaver_gets_the_rest(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 2; home++) {
        char room[32];
        struct client *writer, *readers[CROWD];
        struct net *n = crowd_new(2, home, SLOW_DISCONNECT, room, &writer, readers);
        n->settings.lag_bytes = 1 << 24;
        n->settings.reply_bytes = 16 * 1024;
        n->read_max = 0;
        n->write_max = 1; // others are always served first
        struct client *leaver = readers[CROWD - 1];
        uint64_t total = 0, heard = 0;
        for (int turn = 0; turn < 12; turn++) {
            for (int i = 0; i < 60; i++, total++)
                post(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%01000d\"}", room, i);
            post(leaver, "{\"type\":\"message\",\"room\":\"%s\",\"data\":1,\"echo\":false}", room);
            for (uint32_t s = 0; s < 2; s++)
                net_turn(n, s);
            n->now_ms += 3;
        }
        post(leaver, "{\"type\":\"leave\",\"id\":9,\"room\":\"%s\"}", room);
        for (int turn = 0; turn < 6; turn++)
            for (uint32_t s = 0; s < 2; s++)
                net_turn(n, s);
        assert_int_equal(client_reader(leaver)->member_n, 0);
        assert_true(client_reader(leaver)->out.referred > 300 * 1024);
        post(writer, "{\"type\":\"direct\",\"to\":\"%s\",\"data\":2}", leaver->user);
        for (int turn = 0; turn < 6; turn++)
            for (uint32_t s = 0; s < 2; s++)
                net_turn(n, s);
        n->write_max = 0;
        net_wait(n, 100);
        while (heard < total) {
            str message = expect(leaver, "\"type\":\"message\"");
            assert_true(contains(message, "\"data\":\"0"));
            heard++;
        }
        expect(leaver, "\"type\":\"left\"");
        expect(leaver, "\"type\":\"direct\"");
        expect_nothing(leaver);
        assert_int_equal(METRIC(n, gaps), 0);
        assert_int_equal(METRIC(n, closed_slow), 0);
        assert_int_equal(client_reader(leaver)->out.referred, 0);
        net_free(n);
    }
}

static void the_lag_gauge_is_of_now(void **state)
{
    (void)state;
    for (int end = 0; end < 3; end++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *writer = net_json(n, 0), *slow = net_json(n, 0);
        say(writer, "{\"type\":\"join\",\"room\":\"r\"}");
        say(slow, "{\"type\":\"join\",\"room\":\"r\"}");
        net_wait(n, 2000);
        assert_int_equal(METRIC(n, lag_entries_max), 0);
        slow->stalled = true;
        burst(writer, "r", 100, 10);
        net_wait(n, 1000);
        assert_int_equal(METRIC(n, lag_entries_max), 100);
        net_wait(n, 10000); // it stays while nothing changes
        assert_int_equal(METRIC(n, lag_entries_max), 100);
        if (end == 0)
            slow->stalled = false;
        else if (end == 1)
            cut(slow);
        else
            slow->take_max = 5000; // in part, then it reads no more
        if (end == 2) {
            slow->stalled = false;
            net_turn(n, 0);
            net_turn(n, 0);
            slow->stalled = true;
        }
        net_wait(n, 2000);
        if (end < 2)
            assert_int_equal(METRIC(n, lag_entries_max), 0);
        else
            assert_in_range(METRIC(n, lag_entries_max), 1, 99);
        if (end < 2)
            assert_int_equal(n->sh[0]->fan.lag_look_ms, UINT64_MAX); // an idle shard is not woken for it
        net_free(n);
    }
}

// Readers come and go in any order; cursors are moved into the holes.
static void cursors_follow_their_connections(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct net *n = net_new(2);
        n->settings.presence_exact_max = 0;
        net_start(n);
        char rooms[3][32];
        for (uint32_t i = 0; i < 3; i++)
            snprintf(rooms[i], 32, "%s", net_room(n, i % 2, i));
        struct client *c[12];
        bool in[12][3] = {{false}};
        uint64_t from[12][3] = {{0}};
        for (int i = 0; i < 12; i++)
            c[i] = net_json(n, (uint32_t)i % 2);
        for (int step = 0; step < 150; step++) {
            uint64_t i = prng_below(&dice, 12), r = prng_below(&dice, 3);
            if (!in[i][r]) {
                say(c[i], "{\"type\":\"join\",\"room\":\"%s\"}", rooms[r]);
                in[i][r] = true;
                while (c[i]->message_at < c[i]->message_n) {
                    str s = hear(c[i]);
                    if (contains(s, "\"type\":\"joined\""))
                        from[i][r] = number_of(s, "offset");
                }
            } else if (prng_below(&dice, 2)) {
                say(c[i], "{\"type\":\"leave\",\"room\":\"%s\"}", rooms[r]);
                in[i][r] = false;
            } else {
                for (int k = 0; k < 12; k++)
                    forget(c[k]);
                say(c[i], "{\"type\":\"message\",\"room\":\"%s\",\"data\":%d,\"echo\":true}", rooms[r], step);
                net_wait(n, 5);
                char data[32];
                snprintf(data, sizeof data, "\"data\":%d}", step);
                for (int k = 0; k < 12; k++) {
                    uint32_t times = 0;
                    for (str s; (s = hear(c[k])).p != NULL;)
                        times += contains(s, data);
                    assert_int_equal(times, in[k][r]);
                }
            }
            net_check(n);
        }
        assert_true(from[0][0] + from[1][1] + from[2][2] > 0);
        net_free(n);
    }
}

static struct segment *segment_of(struct net *n, uint64_t first)
{
    struct segment *s = segment_create(&n->mem, first, 64);
    for (int i = 0; i < 3; i++)
        segment_append(s, STR_NONE, STR("xy"), STR_NONE, false);
    return s;
}

// Segments are announced newest first. Whichever finds no memory, what is left must be without holes up to the head.
static void a_lost_segment_leaves_no_hole(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 5; k++) {
        struct net *n = net_new(1);
        net_start(n);
        struct client *c = net_json(n, 0);
        struct shard *sh = n->sh[0];
        struct fan *f = &sh->fan;
        uint32_t index = outlet_open(f, STR("r"), hash_str(&sh->cx, STR("r")));
        assert_int_equal(outlet_add(f, index, c->conn, 1, false), OK);
        struct outlet *o = outlet_at(f, index);
        struct advance *a = post_plain(&sh->mail, MAIL_ADVANCE, sizeof *a + 6 * sizeof a->segs[0]);
        a->outlet = (struct ref){index, slab_gen(&f->outlets, index)};
        a->head = 18;
        a->since_ns = 1;
        a->seg_count = 6;
        for (uint64_t i = 0; i < 6; i++)
            a->segs[i] = (struct advance_seg){.track = ENCODING_JSON, .seg = segment_of(n, 16 - 3 * i)};
        net_fail_one(n, k);
        fan_advance(f, a);
        bool failed = atomic_load(&n->t.failed) != 0;
        net_fail_end(n);
        struct chain *chain = &tracks_find(&o->tracks, ENCODING_JSON)->chain;
        if (failed) {
            assert_true(chain->n == 0 || chain_last(chain)->first == 16);
            assert_int_equal(n->notices[NOTICE_MEMORY], 1);
        } else {
            assert_int_equal(chain->n, 6);
        }
        mail_discard(&n->mem, &a->mail);
        outlet_remove(f, index, c->conn);
        outlet_close_if_unused(f, index);
        net_free(n);
    }
}

static void readers_of_a_lost_track_are_told(void **state)
{
    (void)state;
    // Every allocation of the turn that carries many new segments to another shard fails in turn.
    for (uint64_t k = 1; k < 8; k++) {
        struct net *n = net_new(2);
        n->settings.lag_bytes = 1 << 24;
        net_start(n);
        const char *room = net_room(n, 1, 0);
        struct client *writer = net_json(n, 1), *reader = net_json(n, 0);
        say(writer, "{\"type\":\"join\",\"room\":\"%s\"}", room);
        say(reader, "{\"type\":\"join\",\"room\":\"%s\"}", room);
        forget(reader);
        for (int i = 0; i < 200; i++)
            post(writer, "{\"type\":\"message\",\"room\":\"%s\",\"data\":\"%0300d\"}", room, i);
        net_turn(n, 1);
        net_fail_one(n, k);
        net_turn(n, 0);
        net_fail_end(n);
        net_wait(n, 10);
        burst(writer, room, 200, 300);
        net_wait(n, 500);
        net_check(n);
        if (!reader->closed) {
            uint64_t next = 1;
            for (str s; (s = hear(reader)).p != NULL;) {
                if (contains(s, "\"type\":\"gap\"")) {
                    assert_int_equal(number_of(s, "from"), next);
                    next = number_of(s, "to") + 1;
                } else {
                    assert_int_equal(number_of(s, "offset"), next);
                    next++;
                }
            }
            assert_int_equal(next, 401);
        }
        net_free(n);
    }
}

static void the_flush_interval_gathers(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.flush_interval_ms = 10;
    net_start(n);
    struct client *writer = net_json(n, 0), *reader = net_json(n, 0);
    say(writer, "{\"type\":\"join\",\"room\":\"r\"}");
    say(reader, "{\"type\":\"join\",\"room\":\"r\"}");
    net_wait(n, 50);
    forget(reader);
    uint32_t writes = reader->writes;
    for (int k = 0; k < 5; k++) {
        say(writer, "{\"type\":\"message\",\"room\":\"r\",\"data\":%d}", k);
        expect_nothing(reader);
        net_wait(n, 1);
    }
    net_wait(n, 5);
    for (int k = 0; k < 5; k++)
        expect(reader, "\"type\":\"message\"");
    assert_int_equal(reader->writes - writes, 1);
    net_free(n);
}

// What comes while a room of many is being flushed waits, so that one write carries it and what comes next; acks go with it.
static void a_busy_room_waits_a_little_and_loses_nothing(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.connections_max = 200;
    n->settings.presence_exact_max = 1;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    for (int i = 0; i < 150; i++)
        say(net_json(n, 0), "{\"type\":\"join\",\"room\":\"r\"}");
    net_wait(n, 3000);
    forget(a);
    forget(b);
    post(a, "{\"type\":\"message\",\"room\":\"r\",\"data\":1}");
    net_turn(n, 0); // it was quiet: at once
    expect(b, "\"data\":1}");
    uint32_t a_writes = a->writes, b_writes = b->writes;
    for (int i = 0; i < 3; i++) { // as soon as that is written
        post(a, "{\"type\":\"message\",%s\"room\":\"r\",\"data\":2}", i == 0 ? "" : "\"id\":7,");
        net_turn(n, 0);
    }
    assert_int_equal(a->writes, a_writes);
    assert_int_equal(b->writes, b_writes);
    net_wait(n, BUSY_WAIT_US / 1000);
    expect(a, "\"type\":\"ack\",\"id\":7");
    expect(a, "\"type\":\"ack\",\"id\":7");
    for (int i = 0; i < 3; i++)
        expect(b, "\"data\":2}");
    assert_int_equal(a->writes, a_writes + 1);
    assert_int_equal(b->writes, b_writes + 1);
    // A quiet room answers at once again.
    for (int i = 0; i < 3; i++) {
        net_wait(n, 100);
        post(a, "{\"type\":\"message\",\"id\":8,\"room\":\"r\",\"data\":3}");
        net_turn(n, 0);
        expect(a, "\"type\":\"ack\",\"id\":8");
        expect(b, "\"data\":3}");
    }
    net_free(n);
}

static void joining_a_long_log_does_not_look_busy(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    net_start(n);
    const char *room = net_room(n, 1, 0);
    struct client *old = net_json(n, 1), *a = net_json(n, 0), *b = net_json(n, 0);
    say(old, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    burst(old, room, 100, 10);
    net_wait(n, 100);
    say(a, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    say(b, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(a);
    forget(b);
    for (int i = 0; i < 3; i++) { // without any time passing
        say(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":%d}", i, room, i);
        expect(a, "\"type\":\"ack\"");
        expect(b, "\"type\":\"message\"");
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trimming_frees_what_all_have_read),
        cmocka_unit_test(who_was_not_served_is_not_slow),
        cmocka_unit_test(a_full_socket_is_slow_in_a_crowd_too),
        cmocka_unit_test(a_crowd_that_goes_holds_nobody),
        cmocka_unit_test(a_sender_is_not_slow_because_it_was_not_served),
        cmocka_unit_test(a_leaver_gets_the_rest),
        cmocka_unit_test(the_lag_gauge_is_of_now),
        cmocka_unit_test(the_lag_limit_bounds_memory),
        cmocka_unit_test(cursors_follow_their_connections),
        cmocka_unit_test(a_lost_segment_leaves_no_hole),
        cmocka_unit_test(readers_of_a_lost_track_are_told),
        cmocka_unit_test(the_flush_interval_gathers),
        cmocka_unit_test(a_busy_room_waits_a_little_and_loses_nothing),
        cmocka_unit_test(joining_a_long_log_does_not_look_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
