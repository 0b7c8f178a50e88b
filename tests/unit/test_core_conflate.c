// SPDX-License-Identifier: Apache-2.0
//
// Slow readers of rooms with the policy conflate: what they are told, what they are not, and what it costs.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

enum { OFFSETS_MAX = 32768, KEYS_MAX = 100 };

// What was said in the room "r", by offset.
struct said {
    uint8_t key[OFFSETS_MAX]; // 0: none
    struct client *by[OFFSETS_MAX];
    uint64_t head;
};

static struct net *room_new(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.slow_policy = SLOW_CONFLATE;
    n->settings.presence_exact_max = 0;
    net_start(n);
    return n;
}

static struct client *member_new(struct net *n, uint32_t shard)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(c);
    return c;
}

static void put(struct said *s, struct client *c, uint8_t key, bool echo)
{
    char conflate[40] = "";
    if (key != 0)
        snprintf(conflate, sizeof conflate, ",\"conflate\":\"k%u\"", key);
    ASSERT(++s->head < OFFSETS_MAX);
    s->key[s->head] = key;
    s->by[s->head] = echo ? NULL : c;
    post(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":%llu%s%s}", (unsigned long long)s->head, conflate,
         echo ? ",\"echo\":true" : "");
}

static void say_keys(struct said *s, struct client *c, const char *keys)
{
    for (; *keys != '\0'; keys++) {
        put(s, c, *keys == '-' ? 0 : (uint8_t)(*keys - 'a' + 1), true);
        net_settle(c->net);
    }
}

static bool has_newer(const struct said *s, uint64_t offset)
{
    for (uint64_t o = offset + 1; o <= s->head; o++)
        if (s->key[o] != 0 && s->key[o] == s->key[offset])
            return true;
    return false;
}

// What a reader has got so far.
struct got {
    uint64_t next; // offset to come
    uint64_t entries, gaps, gone, passing;
};

// Everything that it was sent: each offset once, in order, as an entry, as its own, or in a gap of what has a newer one.
static void take(struct client *c, const struct said *s, struct got *got)
{
    for (str m; (m = hear(c)).p != NULL;) {
        while (got->next <= s->head && s->by[got->next] == c)
            got->next++;
        if (contains(m, "\"type\":\"gap\"")) {
            assert_true(contains(m, "\"reason\":\"conflated\""));
            assert_false(contains(m, "\"passing\""));
            assert_int_equal(number_of(m, "from"), got->next);
            uint64_t to = number_of(m, "to");
            assert_true(to >= got->next && to <= s->head);
            for (; got->next <= to; got->next++, got->gone++) {
                assert_ptr_not_equal(s->by[got->next], c);
                assert_int_not_equal(s->key[got->next], 0);
                assert_true(has_newer(s, got->next));
            }
            got->gaps++;
        } else if (contains(m, "\"type\":\"message\"")) {
            assert_int_equal(number_of(m, "offset"), got->next);
            assert_int_equal(number_of(m, "data"), got->next);
            got->next++;
            got->entries++;
        } else if (contains(m, "\"type\":\"signal\"")) {
            uint64_t stands = number_of(m, "after") + 1;
            while (stands < got->next && s->by[stands] == c)
                stands++;
            assert_int_equal(stands, got->next);
            got->passing++;
        }
    }
    while (got->next <= s->head && s->by[got->next] == c)
        got->next++;
}

static void expect_gap(struct client *c, uint64_t from, uint64_t to)
{
    str gap = expect(c, "\"type\":\"gap\"");
    assert_true(contains(gap, "\"reason\":\"conflated\""));
    assert_false(contains(gap, "\"passing\""));
    assert_int_equal(number_of(gap, "from"), from);
    assert_int_equal(number_of(gap, "to"), to);
}

static void expect_offset(struct client *c, uint64_t offset)
{
    assert_int_equal(number_of(expect(c, "\"type\":\"message\""), "offset"), offset);
}

static void the_newest_of_each_key_comes_in_its_order(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0), *quick = member_new(n, 0);
    slow->stalled = true;
    say_keys(&s, writer, "aba-cba");
    slow->stalled = false;
    net_settle(n);
    expect_gap(slow, 1, 3);
    for (uint64_t o = 4; o <= 7; o++)
        expect_offset(slow, o);
    expect_nothing(slow);
    say_keys(&s, writer, "aa"); // it has caught up
    expect_offset(slow, 8);
    expect_offset(slow, 9);
    slow->stalled = true;
    say_keys(&s, writer, "ad-dba"); // 10..15
    slow->stalled = false;
    net_settle(n);
    expect_gap(slow, 10, 11);
    for (uint64_t o = 12; o <= 15; o++)
        expect_offset(slow, o);
    expect_nothing(slow);
    for (uint64_t o = 1; o <= 15; o++)
        expect_offset(quick, o);
    expect_nothing(quick); // who keeps up is told all
    assert_int_equal(METRIC(n, conflated), 5);
    assert_int_equal(METRIC(n, gaps), 0);
    assert_int_equal(METRIC(n, gap_entries), 0);
    net_wait(n, 1000);
    assert_int_equal(n->sh[0]->fan.conflated.count, 0); // nobody is behind
    net_free(n);
}

static void an_entry_that_has_begun_is_finished(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
    slow->take_max = 10;
    put(&s, writer, 1, true);
    net_turn(n, 0);
    slow->stalled = true;
    say_keys(&s, writer, "aaa");
    slow->stalled = false;
    slow->take_max = SIZE_MAX;
    net_settle(n);
    expect_offset(slow, 1);
    expect_gap(slow, 2, 3);
    expect_offset(slow, 4);
    expect_nothing(slow);
    net_free(n);
}

static void other_policies_leave_nothing_out(void **state)
{
    (void)state;
    for (enum slow_policy policy = SLOW_GAP; policy <= SLOW_DISCONNECT; policy++) {
        struct net *n = room_new(1);
        n->settings.slow_policy = policy;
        struct said s = {.head = 0};
        struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
        slow->stalled = true;
        say_keys(&s, writer, "aaaa");
        slow->stalled = false;
        net_settle(n);
        for (uint64_t o = 1; o <= 4; o++)
            expect_offset(slow, o);
        expect_nothing(slow);
        net_free(n);
    }
}

// The list is there, with gaps to be told, when nobody is to be told them any more.
static void a_reload_may_end_it(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0), *other = member_new(n, 0);
    slow->stalled = other->stalled = true;
    say_keys(&s, writer, "aaaabb");
    other->stalled = false;
    net_settle(n);
    expect_gap(other, 1, 3);
    assert_int_equal(n->sh[0]->fan.conflated.count, 1);
    n->settings.slow_policy = SLOW_GAP;
    slow->stalled = false;
    net_settle(n);
    for (uint64_t o = 1; o <= 6; o++)
        expect_offset(slow, o);
    expect_nothing(slow);
    assert_int_equal(n->sh[0]->fan.conflated.count, 0);
    net_free(n);
}

static void own_entries_are_in_no_gap(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
    slow->stalled = true;
    put(&s, writer, 1, true); // 1
    net_settle(n);
    for (int i = 0; i < 3; i++) { // 2..10: own, other's, own
        put(&s, slow, 1, false);
        net_settle(n);
        put(&s, writer, 1, true);
        net_settle(n);
        put(&s, slow, 2, false);
        net_settle(n);
    }
    slow->stalled = false;
    net_settle(n);
    expect_gap(slow, 1, 1);
    expect_gap(slow, 3, 3);
    expect_gap(slow, 6, 6);
    expect_offset(slow, 9);
    expect_nothing(slow);
    net_free(n);
}

// Beyond lag_bytes it is as in other rooms: a gap, and conflation behind it.
static void beyond_the_lag_there_is_a_gap(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.slow_policy = SLOW_CONFLATE;
    n->settings.presence_exact_max = 0;
    n->settings.lag_bytes = 20000;
    net_start(n);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
    slow->stalled = true;
    for (int i = 0; i < 1000; i++) {
        put(&s, writer, (uint8_t)(1 + i % 5), true);
        net_settle(n);
    }
    net_wait(n, 500);
    slow->stalled = false;
    net_settle(n);
    str gap = expect(slow, "\"reason\":\"slow\"");
    assert_int_equal(number_of(gap, "from"), 1);
    uint64_t lost = number_of(gap, "to");
    assert_true(lost > 500 && lost < 990);
    expect_gap(slow, lost + 1, 995);
    for (uint64_t o = 996; o <= 1000; o++)
        expect_offset(slow, o);
    expect_nothing(slow);
    net_free(n);
}

// So much that one turn does not look at all of it, and so many keys that the gaps do not fit into one write.
static void much_is_left_out_in_bounded_turns(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.slow_policy = SLOW_CONFLATE;
    n->settings.presence_exact_max = 0;
    n->settings.lag_bytes = 64 << 20;
    net_start(n);
    static struct said s;
    s.head = 0;
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0), *later = member_new(n, 0);
    struct got got = {.next = 1}, got_later = {.next = 1};
    slow->stalled = later->stalled = true;
    for (int i = 0; i < CONFLATE_LOOKS + 4000; i++) {
        put(&s, writer, (uint8_t)(1 + prng_below(&n->dice, KEYS_MAX)), true);
        if (i % 50 == 0)
            net_settle(n);
    }
    net_settle(n);
    forget(writer);
    slow->stalled = false;
    net_settle(n);
    take(slow, &s, &got);
    assert_int_equal(got.next, s.head + 1);
    assert_true(got.gaps > 10 && got.entries < 4000 + 2 * KEYS_MAX);
    later->stalled = false; // another turn has looked at the rest
    later->take_max = 3000;
    net_wait(n, 100);
    take(later, &s, &got_later);
    assert_int_equal(got_later.next, s.head + 1);
    assert_true(got_later.entries < 2 * KEYS_MAX);
    assert_true(client_reader(later)->out.bytes == 0);
    net_wait(n, 1000);
    assert_int_equal(n->sh[0]->fan.conflated.count, 0);
    net_free(n);
}

// Readers that stall, read in small pieces, or say something themselves, on one shard or two: at rest each has the newest of every key, everything without one, and nothing twice.
static void whatever_happens_nothing_is_lost(void **state)
{
    (void)state;
    enum { READERS = 6 };
    static struct said s;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct net *n = room_new(1 + (uint32_t)(seed % 2));
        struct client *writer = member_new(n, 0), *readers[READERS];
        struct got got[READERS] = {{0}};
        uint64_t signals = 0, gone = 0;
        memset(&s, 0, sizeof s);
        prng_init(&n->dice, seed);
        n->settings.reply_bytes = seed % 3 == 0 ? 600 : 64 * 1024;
        uint32_t keys = 1 + (uint32_t)prng_below(&n->dice, seed % 4 == 0 ? 3 : 30);
        for (int i = 0; i < READERS; i++) {
            readers[i] = member_new(n, (uint32_t)i % n->shards);
            got[i].next = 1;
        }
        for (int step = 0; step < 1500; step++) {
            struct client *c = readers[prng_below(&n->dice, READERS)];
            switch (prng_below(&n->dice, 12)) {
            case 0:
                c->stalled = c != readers[0] && !c->stalled;
                break;
            case 1:
                c->take_max = c == readers[0] ? SIZE_MAX : 1 + prng_below(&n->dice, 2000);
                break;
            case 2:
                post(writer, "{\"type\":\"signal\",\"room\":\"r\",\"data\":1}");
                net_settle(n); // of several in one turn the last one counts
                signals++;
                break;
            case 3:
                put(&s, writer, 0, true);
                break;
            case 5: // alone, so that its offset is known; with a full queue it would not be read
                if (c->stalled && n->settings.reply_bytes < 1000)
                    break;
                net_settle(n);
                put(&s, c, (uint8_t)prng_below(&n->dice, 1 + keys), prng_below(&n->dice, 2) == 0);
                net_settle(n);
                break;
            case 4:
                net_wait(n, prng_below(&n->dice, 20));
                break;
            default:
                put(&s, writer, (uint8_t)(1 + prng_below(&n->dice, keys)), prng_below(&n->dice, 2) == 0);
            }
            if (prng_below(&n->dice, 3) == 0)
                net_settle(n);
            if (step % 100 == 0)
                net_check(n);
        }
        for (int i = 0; i < READERS; i++)
            readers[i]->stalled = false;
        net_wait(n, 1000);
        for (int i = 0; i < READERS; i++) {
            take(readers[i], &s, &got[i]);
            assert_int_equal(got[i].next, s.head + 1);
            assert_int_equal(got[i].passing, signals);
            gone += got[i].gone;
        }
        assert_int_equal(got[0].gone, 0); // it kept up
        assert_true(gone > 0);
        assert_int_equal(METRIC(n, conflated), gone);
        for (uint32_t i = 0; i < n->shards; i++)
            assert_int_equal(n->sh[i]->fan.conflated.count, 0);
        net_free(n);
    }
}

// One that is slow for long: the list is made anew when half of it is of no use, and is not longer than that.
static void the_list_goes_with_what_is_read(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.slow_policy = SLOW_CONFLATE;
    n->settings.presence_exact_max = 0;
    n->settings.lag_bytes = 64 << 20;
    net_start(n);
    static struct said s;
    memset(&s, 0, sizeof s);
    struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
    struct got got = {.next = 1};
    slow->take_max = 2300; // it falls behind, and never far
    for (int i = 0; i < 12000; i++) {
        put(&s, writer, (uint8_t)(i % 2 == 0 ? 0 : 1 + i % 7), true);
        if (i % 30 == 0)
            net_turn(n, 0);
        if (i % 1000 == 0) {
            net_check(n);
            forget(writer);
        }
        const struct fan *f = &n->sh[0]->fan;
        for (uint32_t row = 0; row < f->conflated.high; row++)
            assert_true(!slab_used(&f->conflated, row) ||
                        ((struct conflated *)slab_at(&f->conflated, row))->n < 8000);
    }
    assert_int_equal(n->sh[0]->fan.conflated.count, 1);
    net_wait(n, 1000);
    take(slow, &s, &got);
    assert_int_equal(got.next, s.head + 1);
    assert_true(got.gone > 1000);
    net_free(n);
}

// Without memory for the list it gets everything; without memory for a gap it is ended, and has not lost anything before.
static void without_memory_nothing_is_lost(void **state)
{
    (void)state;
    bool all = false, some = false;
    for (uint64_t k = 0; k < 12; k++) {
        struct net *n = room_new(1);
        struct said s = {.head = 0};
        struct client *writer = member_new(n, 0), *slow = member_new(n, 0);
        struct got got = {.next = 1};
        slow->stalled = true;
        for (int i = 0; i < 30; i++)
            say_keys(&s, writer, "ab-");
        forget(writer);
        net_fail_from(n, k);
        slow->stalled = false;
        net_settle(n);
        net_fail_end(n);
        net_wait(n, 100);
        take(slow, &s, &got);
        assert_true(got.next == s.head + 1 || slow->closed || slow->closes != 0);
        all |= got.next == s.head + 1 && got.gone == 0;
        some |= got.gone != 0;
        net_free(n);
    }
    assert_true(all && some);
}

static void terminals_are_told_in_words(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.slow_policy = SLOW_CONFLATE;
    n->settings.presence_exact_max = 0;
    n->settings.text_room = STR("r");
    net_start(n);
    struct said s = {.head = 0};
    struct client *line = net_line(n, 0), *writer = member_new(n, 0);
    forget(line);
    line->stalled = true;
    say_keys(&s, writer, "abaab");
    line->stalled = false;
    net_settle(n);
    expect(line, "* 3 messages left out (newer ones follow)");
    expect(line, ": 4");
    expect(line, ": 5");
    expect_nothing(line);
    net_free(n);
}

// What comes back in the log of the room has everything.
static void who_comes_back_gets_all(void **state)
{
    (void)state;
    struct net *n = room_new(1);
    struct said s = {.head = 0};
    struct client *writer = member_new(n, 0);
    say_keys(&s, writer, "aaa-bb");
    struct client *later = net_json(n, 0);
    forget(later);
    say(later, "{\"type\":\"join\",\"room\":\"r\",\"history\":10}");
    expect(later, "\"type\":\"joined\"");
    for (uint64_t o = 1; o <= 6; o++)
        expect_offset(later, o);
    expect_nothing(later);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_each_key_comes_in_its_order),
        cmocka_unit_test(an_entry_that_has_begun_is_finished),
        cmocka_unit_test(other_policies_leave_nothing_out),
        cmocka_unit_test(a_reload_may_end_it),
        cmocka_unit_test(own_entries_are_in_no_gap),
        cmocka_unit_test(beyond_the_lag_there_is_a_gap),
        cmocka_unit_test(much_is_left_out_in_bounded_turns),
        cmocka_unit_test(whatever_happens_nothing_is_lost),
        cmocka_unit_test(the_list_goes_with_what_is_read),
        cmocka_unit_test(without_memory_nothing_is_lost),
        cmocka_unit_test(terminals_are_told_in_words),
        cmocka_unit_test(who_comes_back_gets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
