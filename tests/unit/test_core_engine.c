// SPDX-License-Identifier: Apache-2.0
//
// A home and its engine (core/mail/engine.h), word by word, with the test as the engine. What no run of the simulator can say by
// name is here: who waits for whom, what is said again, what is refused.
#include "core/home/course.h"
#include "core/log/record.h"
#include "unit/core_support.h"

#include <stdio.h>

static const char EPOCH[] = "epoch-of-it";

static struct net *engine_net(void)
{
    struct net *n = net_new(1);
    n->settings.engine = true;
    net_start(n);
    return n;
}

// What the home says next; the caller discards it.
static struct engine_mail *heard(struct net *n)
{
    net_settle(n);
    struct mail *m = shard_pull_mail(n->sh[0], n->shards);
    return (struct engine_mail *)(void *)m;
}

// It says this, about the only room.
static struct engine_mail hear_word(struct net *n, enum engine_word word)
{
    struct engine_mail *m = heard(n);
    assert_non_null(m);
    assert_int_equal(m->word, word);
    struct engine_mail copy = *m;
    copy.name = copy.records = STR_NONE;
    mail_discard(&n->mem, &m->mail);
    return copy;
}

static void says_nothing(struct net *n) { assert_null(heard(n)); }

static void tell(struct net *n, const struct engine_mail *to, struct engine_mail m)
{
    m.room = to->room;
    struct engine_mail *copy = engine_mail_make(&n->mem, &m);
    assert_non_null(copy);
    shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
    shard_on_mail(n->sh[0], &copy->mail);
    shard_turn_end(n->sh[0]);
    net_settle(n);
}

static void tell_here(struct net *n, const struct engine_mail *to, uint64_t first, uint64_t last)
{
    struct engine_mail m = {.word = ENGINE_HERE, .first = first, .last = last};
    memcpy(m.epoch, EPOCH, EPOCH_LEN);
    tell(n, to, m);
}

// One record of somebody at another node, or of the batch of ours that `of` is.
static void tell_entry(struct net *n, const struct engine_mail *to, uint64_t offset, struct entry e,
                       const struct engine_mail *of)
{
    struct buf b, record;
    e.time_ms = e.steady_ms = n->wall_ms;
    struct engine_run run = {
        .proposer = of != NULL ? of->proposer : 1, .seq = of != NULL ? of->seq : 1, .count = 1};
    buf_init(&b, &n->mem, 0);
    buf_init(&record, &n->mem, 0);
    record_encode(&record, &e);
    engine_put_run(&b, &run);
    engine_put_record(&b, buf_str(&record));
    struct engine_mail m = {.word = ENGINE_RECORDS, .first = offset, .last = offset, .records = buf_str(&b)};
    tell(n, to, m);
    buf_deinit(&b);
    buf_deinit(&record);
}

static void tell_record(struct net *n, const struct engine_mail *to, uint64_t offset, const char *data,
                        const struct engine_mail *of)
{
    const struct entry e = {.type = ENTRY_MESSAGE,
                            .rule_role = ROLE_MEMBER,
                            .user = STR("far"),
                            .session = STR("s"),
                            .name = STR("Far"),
                            .data = str_from_cstr(data)};
    tell_entry(n, to, offset, e, of);
}

static void tell_placed(struct net *n, const struct engine_mail *to, uint64_t first, uint64_t last)
{
    tell(n, to, (struct engine_mail){.word = ENGINE_PLACED, .seq = to->seq, .first = first, .last = last});
}

// A net with one who is in the room r, in which nothing was said yet.
static struct client *member(struct net *n, struct engine_mail *ret_watch)
{
    struct client *a = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    *ret_watch = hear_word(n, ENGINE_WATCH);
    expect_nothing(a);
    tell_here(n, ret_watch, 1, 0);
    expect(a, "\"epoch\":\"epoch-of-it\",\"offset\":0");
    forget(a);
    return a;
}

static void a_room_is_here_when_all_is_applied(void **state)
{
    (void)state;
    struct net *n = engine_net();
    struct client *a = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\",\"history\":10}");
    struct engine_mail watch = hear_word(n, ENGINE_WATCH);
    net_wait(n, COURSE_AGAIN_MS);
    hear_word(n, ENGINE_WATCH); // it was lost
    tell_here(n, &watch, 1, 2);
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 1 && fetch.last == 2);
    tell_record(n, &watch, 2, "2", NULL); // not the next one
    expect_nothing(a);
    tell_record(n, &watch, 1, "1", NULL);
    expect_nothing(a);
    net_wait(n, COURSE_AGAIN_MS);
    fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 2 && fetch.last == 2);
    tell_record(n, &watch, 2, "2", NULL);
    expect(a, "\"type\":\"joined\"");
    expect(a, "\"offset\":1,");
    expect(a, "\"offset\":2,");
    tell_record(n, &watch, 2, "2", NULL); // again
    forget(a);
    tell_record(n, &watch, 3, "3", NULL);
    expect(a, "\"offset\":3,");
    net_free(n);
}

static void who_says_something_waits_for_its_place(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch), *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(b);
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    assert_true(first.last == 1 && first.after == 0);
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":2}");
    say(a, "{\"type\":\"members\",\"id\":3,\"room\":\"r\"}");
    say(b, "{\"type\":\"members\",\"id\":4,\"room\":\"r\"}");
    expect(b, "\"id\":4"); // it has said nothing, and waits for nobody
    expect_nothing(a);
    says_nothing(n); // one batch at a time
    net_wait(n, COURSE_AGAIN_MS);
    struct engine_mail again = hear_word(n, ENGINE_PROPOSE);
    assert_int_equal(again.seq, first.seq);
    tell_record(n, &watch, 1, "0", NULL); // somebody else was first
    forget(b);
    expect(a, "\"offset\":1,");
    expect_nothing(a);
    tell_record(n, &watch, 2, "1", &first); // known before the engine says where it was placed
    expect(a, "\"id\":1,\"room\":\"r\",\"offset\":2,");
    expect(b, "\"offset\":2,");
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    assert_true(second.seq > first.seq && second.after == 2);
    tell_placed(n, &first, 2, 2); // late
    tell_placed(n, &second, 3, 3);
    expect_nothing(a); // it has a place, and is not here
    net_wait(n, COURSE_MISSING_MS);
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 3 && fetch.last == 3);
    tell_record(n, &watch, 3, "2", &second);
    expect(a, "\"id\":2,\"room\":\"r\",\"offset\":3,");
    expect(a, "\"id\":3"); // behind what it had said before
    net_free(n);
}

static void late_is_proposed_again_when_all_is_applied(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_LATE, .seq = first.seq, .last = 1});
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 1 && fetch.last == 1);
    says_nothing(n);
    tell_record(n, &watch, 1, "0", NULL);
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    assert_true(second.seq > first.seq && second.after == 1);
    tell_record(n, &watch, 2, "1", &second);
    expect(a, "\"offset\":1,");
    expect(a, "\"id\":1,\"room\":\"r\",\"offset\":2,");
    net_free(n);
}

// By another node it has seen more than is here; or says so.
static void who_knows_more_waits_for_the_position(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    member(n, &watch);
    struct client *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"r\",\"since\":{\"epoch\":\"epoch-of-it\",\"offset\":1}}");
    struct engine_mail position = hear_word(n, ENGINE_POSITION);
    expect_nothing(b);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_POSITION, .seq = position.seq, .last = 2});
    expect_nothing(b);
    net_wait(n, COURSE_MISSING_MS);
    hear_word(n, ENGINE_FETCH);
    tell_record(n, &watch, 1, "1", NULL);
    expect_nothing(b);
    hear_word(n, ENGINE_FETCH); // the rest
    tell_record(n, &watch, 2, "2", NULL);
    assert_true(contains(expect(b, "\"id\":1"), "\"recovered\":true"));
    expect(b, "\"offset\":2,");

    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"r\",\"since\":{\"epoch\":\"epoch-of-it\",\"offset\":99}}");
    position = hear_word(n, ENGINE_POSITION);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_POSITION, .seq = position.seq, .last = 2});
    assert_true(contains(expect(c, "\"id\":2"), "\"recovered\":false"));
    net_free(n);
}

static void a_lost_tail_is_found(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    net_wait(n, COURSE_POSITION_MS);
    struct engine_mail position = hear_word(n, ENGINE_POSITION);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_POSITION, .seq = position.seq, .last = 1});
    net_wait(n, COURSE_MISSING_MS);
    hear_word(n, ENGINE_FETCH);
    tell_record(n, &watch, 1, "1", NULL);
    expect(a, "\"offset\":1,");
    net_free(n);
}

static void an_engine_that_is_away_lets_nobody_wait_for_ever(void **state)
{
    (void)state;
    struct net *n = engine_net();
    struct client *a = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    struct engine_mail watch = hear_word(n, ENGINE_WATCH);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_AWAY});
    assert_true(contains(expect(a, "\"id\":1"), "\"code\":\"unavailable\""));
    net_wait(n, COURSE_AGAIN_MS); // nobody is in it: it is given up
    hear_word(n, ENGINE_UNWATCH);
    uint32_t home;
    assert_int_equal(net_room_index(n, "r", &home), MAP_NONE);
    net_free(n);
}

// Of a newer version, by name; and nothing behind it is skipped to.
static void a_record_that_is_none_is_refused(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    static const char bytes[] = "\x09 of the future";
    struct buf b;
    struct engine_run run = {.proposer = 1, .seq = 1, .count = 1};
    buf_init(&b, &n->mem, 0);
    engine_put_run(&b, &run);
    engine_put_record(&b, str_from_cstr(bytes));
    tell(n, &watch,
         (struct engine_mail){.word = ENGINE_RECORDS, .first = 1, .last = 1, .records = buf_str(&b)});
    assert_int_equal(n->notices[NOTICE_RECORD_REFUSED], 1);
    tell_record(n, &watch, 2, "2", NULL);
    expect_nothing(a);
    buf_deinit(&b);
    net_free(n);
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    enum { SPEAKERS = 8 };
    n->sh[0]->mail.credits = 2 * COURSE_ASKS_MAX; // as several shards have together
    for (int k = 0; k < SPEAKERS; k++) {
        struct client *c = net_json(n, 0);
        say(c, "{\"type\":\"join\",\"room\":\"r\"}");
        for (int i = 0; i < COURSE_ASKS_MAX / SPEAKERS; i++)
            say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":1}");
    }
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":7,\"room\":\"r\",\"data\":1}");
    assert_true(contains(expect(a, "\"id\":7"), "\"code\":\"unavailable\""));
    assert_int_equal(METRIC(n, limit_course), 1);
    struct engine_mail propose = hear_word(n, ENGINE_PROPOSE);
    assert_true(propose.last >= 1 && propose.last <= COURSE_BATCH_MAX);
    net_check(n);
    net_free(n);
}

// What another node decrees reaches those who are here; and what they had proposed before it came is refused when it is applied,
// and they are told why.
static void a_far_decree_is_a_decree(void **state)
{
    (void)state;
    static const struct {
        enum entry_type type;
        const char *told;
    } cases[] = {{ENTRY_MUTE, "\"code\":\"muted\""},
                 {ENTRY_BAN, "\"code\":\"banned\""},
                 {ENTRY_READONLY, "\"code\":\"forbidden\""},
                 {ENTRY_ROLE, "the right `publish`"},
                 {ENTRY_KICK, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct engine_mail watch;
        struct net *n = engine_net();
        struct client *a = member(n, &watch), *b = net_json(n, 0);
        say(b, "{\"type\":\"join\",\"room\":\"r\"}");
        forget(a);
        forget(b);
        post(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
        say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":2,\"key\":\"k\"}");
        struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
        assert_int_equal(first.last, 2);
        struct entry e = {.type = cases[i].type, .user = STR("far"), .name = STR("Far"), .grant = GRANT_ALL};
        e.decree.on = e.type == ENTRY_READONLY;
        if (e.type != ENTRY_READONLY)
            e.decree.target = str_from_cstr(a->user);
        tell_entry(n, &watch, 1, e, NULL);
        bool out = e.type == ENTRY_KICK || e.type == ENTRY_BAN;
        expect(b, "\"offset\":1,");
        expect(a, "\"offset\":1,");
        if (out) {
            expect(a, "\"type\":\"left\",\"room\":\"r\",\"reason\":");
            expect(b, "member:left");
        }
        expect_nothing(a); // what it has said is under way
        struct entry said = {.type = ENTRY_MESSAGE,
                             .rule_role = ROLE_MEMBER,
                             .user = str_from_cstr(a->user),
                             .data = STR("1")};
        tell_entry(n, &watch, 2, said, &first);
        said.key = STR("k");
        said.key_window_ms = said.key_count = 1000;
        said.data = STR("2");
        tell_entry(n, &watch, 3, said, NULL);
        for (int id = 1; id <= 2; id++) {
            char wanted[32];
            snprintf(wanted, sizeof wanted, "\"id\":%d", id);
            str m = hear(a);
            while (m.p != NULL && !contains(m, wanted))
                m = hear(a); // void ones
            assert_true(cases[i].told == NULL ? contains(m, "\"ack\"") : contains(m, cases[i].told));
        }
        for (int offset = 2; offset <= 3; offset++)
            expect(b, cases[i].told == NULL ? "\"type\":\"message\"" : "\"type\":\"void\"");
        net_free(n);
    }
}

// On each node somebody makes the room and wants to be its host: the first in the log is.
static void on_many_nodes_one_is_the_first(void **state)
{
    (void)state;
    for (int won = 0; won < 2; won++) {
        struct net *n = net_new(1);
        n->settings.engine = true;
        n->settings.room_host = HOST_FIRST;
        net_start(n);
        struct client *a = net_json(n, 0);
        say(a, "{\"type\":\"join\",\"room\":\"r\"}");
        struct engine_mail watch = hear_word(n, ENGINE_WATCH);
        tell_here(n, &watch, 1, 0);
        struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
        assert_int_equal(first.last, 1);
        forget(a);
        struct entry e = {.type = ENTRY_ROLE,
                          .grant = GRANT_ALL,
                          .decree = {.target = STR("far"), .role = ROLE_HOST, .first = true}};
        if (!won)
            tell_entry(n, &watch, 1, e, NULL);
        e.decree.target = str_from_cstr(a->user);
        tell_entry(n, &watch, won ? 1 : 2, e, &first);
        forget(a);
        say(a, "{\"type\":\"members\",\"id\":1,\"room\":\"r\"}");
        assert_int_equal(contains(expect(a, "\"id\":1"), "\"role\":\"host\""), won);
        net_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_far_decree_is_a_decree),
        cmocka_unit_test(on_many_nodes_one_is_the_first),
        cmocka_unit_test(a_room_is_here_when_all_is_applied),
        cmocka_unit_test(who_says_something_waits_for_its_place),
        cmocka_unit_test(late_is_proposed_again_when_all_is_applied),
        cmocka_unit_test(who_knows_more_waits_for_the_position),
        cmocka_unit_test(a_lost_tail_is_found),
        cmocka_unit_test(an_engine_that_is_away_lets_nobody_wait_for_ever),
        cmocka_unit_test(a_record_that_is_none_is_refused),
        cmocka_unit_test(what_waits_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
