// SPDX-License-Identifier: Apache-2.0
//
// A home and its engine (core/mail/engine.h), word by word, with the test as the engine. What no run of the simulator can say by
// name is here: who waits for whom, what is said again, what is refused.
#include "core/common/invitation.h"
#include "core/home/course.h"
#include "core/home/rights.h"
#include "core/log/record.h"
#include "unit/core_support.h"

#include <stdio.h>

static const char EPOCH[] = "epoch-of-it";

static struct net *engine_net(void)
{
    struct net *n = net_new(1);
    n->settings.engine = true;
    n->settings.text_room = STR("r");
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

// In another epoch than the first, if it is given.
static void tell_what_is_here(struct net *n, const struct engine_mail *to, struct engine_mail m,
                              const char *epoch)
{
    m.word = ENGINE_HERE;
    memcpy(m.epoch, epoch != NULL ? epoch : EPOCH, EPOCH_LEN);
    tell(n, to, m);
}

static void tell_here(struct net *n, const struct engine_mail *to, uint64_t first, uint64_t last)
{
    tell_what_is_here(n, to, (struct engine_mail){.first = first, .last = last}, NULL);
}

// One record of somebody at another node, or of the batch of ours that `of` is, the first of it or its index-th; in a term.
static void tell_entry_in(struct net *n, const struct engine_mail *to, uint64_t offset, struct entry e,
                          const struct engine_mail *of, uint32_t index, uint64_t term)
{
    struct buf b, record;
    e.time_ms = e.steady_ms = n->wall_ms;
    struct engine_run run = {.proposer = of != NULL ? of->proposer : 1,
                             .seq = of != NULL ? of->seq : 1,
                             .index = index,
                             .count = 1};
    buf_init(&b, &n->mem, 0);
    buf_init(&record, &n->mem, 0);
    record_encode(&record, &e);
    engine_put_run(&b, &run);
    engine_put_record(&b, buf_str(&record));
    struct engine_mail m = {
        .word = ENGINE_RECORDS, .first = offset, .last = offset, .term = term, .records = buf_str(&b)};
    tell(n, to, m);
    buf_deinit(&b);
    buf_deinit(&record);
}

static void tell_entry(struct net *n, const struct engine_mail *to, uint64_t offset, struct entry e,
                       const struct engine_mail *of)
{
    tell_entry_in(n, to, offset, e, of, 0, 0);
}

static void tell_record_in(struct net *n, const struct engine_mail *to, uint64_t offset, const char *data,
                           const struct engine_mail *of, uint32_t index, uint64_t term)
{
    const struct entry e = {.type = ENTRY_MESSAGE,
                            .rule_role = ROLE_MEMBER,
                            .user = STR("far"),
                            .session = STR("s"),
                            .name = STR("Far"),
                            .data = str_from_cstr(data)};
    tell_entry_in(n, to, offset, e, of, index, term);
}

static void tell_record(struct net *n, const struct engine_mail *to, uint64_t offset, const char *data,
                        const struct engine_mail *of)
{
    tell_record_in(n, to, offset, data, of, 0, 0);
}

static void tell_placed(struct net *n, const struct engine_mail *to, uint64_t first, uint64_t last)
{
    tell(n, to, (struct engine_mail){.word = ENGINE_PLACED, .seq = to->seq, .first = first, .last = last});
}

// The home proposes, and its first `count` records are told as it has made them, at an offset.
static struct engine_mail tell_proposed(struct net *n, const struct engine_mail *to, uint64_t offset,
                                        uint32_t count)
{
    struct engine_mail *m = heard(n);
    assert_non_null(m);
    assert_int_equal(m->word, ENGINE_PROPOSE);
    struct engine_mail copy = *m;
    const struct engine_run run = {m->proposer, m->seq, m->index, count};
    str from = m->records, bytes;
    struct buf b;
    buf_init(&b, &n->mem, 0);
    engine_put_run(&b, &run);
    for (uint32_t i = 0; i < count && engine_take_record(&from, &bytes); i++)
        engine_put_record(&b, bytes);
    tell(n, to,
         (struct engine_mail){.word = ENGINE_RECORDS,
                              .first = offset,
                              .last = offset + count - 1,
                              .term = m->term,
                              .records = buf_str(&b)});
    buf_deinit(&b);
    mail_discard(&n->mem, &m->mail);
    return copy;
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

// What a rate refuses is never proposed, so no node asks a clock for it; and it is told in its turn.
static void a_rate_is_asked_before_anything_is_proposed(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    n->settings.member_messages = (struct rate){1, 1};
    struct client *a = member(n, &watch);
    post(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    post(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":2}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    assert_int_equal(first.last, 1);
    expect_nothing(a); // the refusal waits behind the ack
    tell_record(n, &watch, 1, "1", &first);
    expect(a, "\"id\":1,");
    assert_true(contains(expect(a, "\"id\":2"), "You say more in the room"));
    says_nothing(n);
    assert_int_equal(net_room_at(n, "r")->log.head, 1);
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
        tell_entry_in(n, &watch, 3, said, &first, 1, 0);
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

// What was refused elsewhere and is given back from there comes back void: its author is told why all the same.
static void a_record_given_back_void_was_refused_for_a_reason(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    struct entry mute = {.type = ENTRY_MUTE, .user = STR("far"), .name = STR("Far"), .grant = GRANT_ALL};
    mute.decree.target = str_from_cstr(a->user);
    tell_entry(n, &watch, 1, mute, NULL);
    tell_entry(n, &watch, 2, (struct entry){.type = ENTRY_VOID}, &first);
    expect(a, "\"offset\":1,");
    expect(a, "\"id\":1,\"code\":\"muted\"");
    net_free(n);
}

// And one that was said before, by its key, is told where: not that it stands where it is void (seed 177).
static void a_record_given_back_void_was_said_before(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    forget(a);
    post(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    struct engine_mail batch = hear_word(n, ENGINE_PROPOSE);
    assert_int_equal(batch.last, 2); // neither has been applied yet
    const struct entry said = {.type = ENTRY_MESSAGE,
                               .rule_role = ROLE_MEMBER,
                               .user = str_from_cstr(a->user),
                               .name = STR("a"),
                               .data = STR("1"),
                               .key = STR("k"),
                               .key_window_ms = 60000,
                               .key_count = 10};
    tell_entry_in(n, &watch, 1, said, &batch, 0, 0);
    tell_entry_in(n, &watch, 2, (struct entry){.type = ENTRY_VOID}, &batch, 1, 0);
    expect(a, "\"id\":1,\"room\":\"r\",\"offset\":1,");
    str second = expect(a, "\"id\":2,");
    assert_true(contains(second, "\"offset\":1,") && contains(second, "\"duplicate\":true"));
    net_free(n);
}

// Where nobody is told who comes there is nothing else that happens in the room.
static void a_quiet_join_has_the_position_asked_for(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    n->settings.engine = true;
    n->settings.room_presence = PRESENCE_NONE;
    net_start(n);
    struct client *a = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    struct engine_mail watch = hear_word(n, ENGINE_WATCH);
    tell_here(n, &watch, 1, 0);
    expect(a, "joined");
    tell_record(n, &watch, 1, "1", NULL); // so that the room stays
    for (int i = 0; i < 2; i++) {         // it goes, and comes back
        net_wait(n, COURSE_POSITION_MS);
        struct engine_mail asked = hear_word(n, ENGINE_POSITION);
        say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
        tell(n, &watch, (struct engine_mail){.word = ENGINE_POSITION, .seq = asked.seq, .last = 1});
        net_wait(n, COURSE_POSITION_MS);
        says_nothing(n);
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
        forget(a);
    }
    net_wait(n, COURSE_POSITION_MS);
    hear_word(n, ENGINE_POSITION);
    net_free(n);
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

// --- what an engine does not keep any more

static void what_it_does_not_keep_is_passed_over(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch), *t = net_line(n, 0);
    forget(t);
    forget(a);
    tell_record(n, &watch, 1, "1", NULL);
    expect(a, "\"offset\":1,");
    expect(t, "Far: 1");
    tell_record(n, &watch, 5, "5", NULL);
    net_wait(n, COURSE_MISSING_MS);
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 2 && fetch.last == 5);
    tell_here(n, &watch, 4, 5);
    assert_true(contains(expect(a, "\"gap\""), "\"room\":\"r\",\"from\":2,\"to\":3,\"reason\":\"trimmed\""));
    expect(t, "* 2 messages missed (no longer kept)");
    fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 4 && fetch.last == 5);
    tell_record(n, &watch, 4, "4", NULL);
    expect(a, "\"offset\":4,");
    expect(t, "Far: 4");
    struct client *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"room\":\"r\",\"since\":{\"epoch\":\"epoch-of-it\",\"offset\":1}}");
    assert_true(contains(expect(b, "\"joined\""), "\"recovered\":false"));
    expect(b, "\"from\":2,\"to\":4,\"reason\":\"trimmed\"");
    net_check(n);
    net_free(n);
}

static void a_room_begins_where_its_engine_does(void **state)
{
    (void)state;
    struct net *n = engine_net();
    struct client *a = net_json(n, 0);
    say(a,
        "{\"type\":\"join\",\"room\":\"r\",\"history\":10,\"since\":{\"epoch\":\"epoch-of-it\",\"offset\":1}}");
    struct engine_mail watch = hear_word(n, ENGINE_WATCH);
    tell_here(n, &watch, 4, 5);
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 4 && fetch.last == 5);
    tell_record(n, &watch, 4, "4", NULL);
    net_wait(n, COURSE_AGAIN_MS);
    hear_word(n, ENGINE_FETCH);
    tell_here(n, &watch, 5, 5); // 4 has gone meanwhile; it is here
    hear_word(n, ENGINE_FETCH);
    tell_record(n, &watch, 5, "5", NULL);
    assert_true(contains(expect(a, "\"joined\""), "\"recovered\":false"));
    expect(a, "\"from\":2,\"to\":3");
    expect(a, "\"offset\":4,");
    expect(a, "\"offset\":5,");
    net_free(n);
}

// Its own are placed, and gone before they came here.
static void who_spoke_of_what_is_not_kept_is_told_what_is_known(void **state)
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
    tell_placed(n, &first, 1, 1);
    net_wait(n, COURSE_MISSING_MS);
    hear_word(n, ENGINE_FETCH);
    tell_here(n, &watch, 2, 1);
    assert_true(contains(expect(a, "\"id\":1"), "\"ack\",\"id\":1,\"room\":\"r\",\"offset\":1,"));
    expect(a, "\"from\":1,\"to\":1,\"reason\":\"trimmed\"");
    expect(b, "\"from\":1,\"to\":1,\"reason\":\"trimmed\"");
    say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    tell_here(n, &watch, 4, 3);
    tell_placed(n, &second, 3, 3);
    expect(a, "\"from\":2,\"to\":3");
    assert_true(contains(expect(a, "\"id\":2"), "\"code\":\"unavailable\"")); // it may be void
    expect(b, "\"from\":2,\"to\":3");
    tell_record(n, &watch, 4, "4", NULL);
    expect(a, "\"offset\":4,"); // nothing was taken for an own one
    expect(b, "\"offset\":4,");
    net_free(n);
}

// --- a failover

// It gives back: the records first..first + n - 1, as it was told them.
static struct engine_mail gives_back(struct net *n, uint64_t first, uint32_t count, uint64_t last)
{
    struct engine_mail *m = heard(n);
    assert_non_null(m);
    assert_int_equal(m->word, ENGINE_RESTORE);
    assert_true(m->first == first && m->last == last);
    assert_memory_equal(m->epoch, EPOCH, EPOCH_LEN);
    str from = m->records, bytes;
    struct engine_run run;
    uint32_t found = 0;
    while (engine_take_run(&from, &run))
        for (uint32_t k = 0; k < run.count; k++, found++) {
            struct entry e;
            char data[8];
            assert_true(engine_take_record(&from, &bytes));
            assert_int_equal(record_decode(bytes, &e), RECORD_OK);
            snprintf(data, sizeof data, "%u", (unsigned)first + found);
            assert_str_eq(e.data, str_from_cstr(data));
            assert_true(run.proposer == 1 && run.seq == 1 && run.index + k == first + found);
        }
    assert_int_equal(found, count);
    struct engine_mail copy = *m;
    mail_discard(&n->mem, &m->mail);
    return copy;
}

// Records first..last of a batch of another node, in which each has the index of its offset.
static void tell_records(struct net *n, const struct engine_mail *to, uint64_t first, uint64_t last)
{
    const struct engine_mail far = {.proposer = 1, .seq = 1};
    for (uint64_t o = first; o <= last; o++) {
        char data[8];
        snprintf(data, sizeof data, "%u", (unsigned)o);
        tell_record_in(n, to, o, data, &far, (uint32_t)o, 0);
    }
}

static void what_the_engine_has_lost_is_given_back(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    tell_records(n, &watch, 1, 4);
    forget(a);
    const struct engine_mail lost = {.first = 1, .last = 1, .kept = 1, .term = 1, .open = true};
    tell_what_is_here(n, &watch, lost, NULL);
    assert_int_equal(gives_back(n, 2, 3, 4).term, 1);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":5}");
    says_nothing(n); // nothing gets a place before all have given back
    net_wait(n, COURSE_AGAIN_MS);
    gives_back(n, 2, 3, 4); // it was lost
    struct engine_mail more = lost;
    more.last = more.after = 3;
    tell_what_is_here(n, &watch, more, NULL);
    gives_back(n, 4, 1, 4); // the rest, at once
    more.last = more.after = 4;
    tell_what_is_here(n, &watch, more, NULL);
    says_nothing(n);
    tell_record(n, &watch, 5, "5", NULL); // of the term before: it is lost
    expect_nothing(a);
    more.open = false;
    tell_what_is_here(n, &watch, more, NULL);
    struct engine_mail propose = hear_word(n, ENGINE_PROPOSE);
    assert_true(propose.after == 4 && propose.term == 1);
    tell_record_in(n, &watch, 5, "5", &propose, 0, 1);
    expect(a, "\"id\":1,\"room\":\"r\",\"offset\":5,");
    expect_nothing(a);
    net_wait(n, COURSE_AGAIN_MS);
    says_nothing(n);
    tell_what_is_here(n, &watch, lost, NULL); // late, and what it says is over
    gives_back(n, 5, 0, 4);
    net_check(n);
    net_free(n);
}

// A term that it has not heard of: the engine has to say what there is.
static void a_newer_term_is_asked_about(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    tell_record_in(n, &watch, 1, "1", NULL, 0, 1);
    expect_nothing(a);
    hear_word(n, ENGINE_WATCH);
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 1, .term = 1}, NULL);
    hear_word(n, ENGINE_FETCH);
    tell_record_in(n, &watch, 1, "1", NULL, 0, 1);
    expect(a, "\"offset\":1,");
    net_free(n);
}

// Whoever gives it back, it is said once.
static void a_batch_goes_on_in_the_new_term(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    for (int i = 2; i <= 4; i++)
        say(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"r\",\"data\":1}", i);
    tell_record(n, &watch, 1, "1", &first);
    expect(a, "\"id\":1,");
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    assert_true(second.last == 3 && second.index == 0);
    tell_placed(n, &second, 2, 4);
    tell_record(n, &watch, 2, "1", &second);
    expect(a, "\"id\":2,");
    hear_word(n, ENGINE_FETCH); // the other two
    struct engine_mail here = {.first = 1, .last = 2, .kept = 2, .term = 1, .open = true};
    tell_what_is_here(n, &watch, here, NULL);
    struct engine_mail restore = hear_word(n, ENGINE_RESTORE); // nothing, and says so
    assert_true(restore.first == 3 && restore.last == 2);
    here.open = false;
    here.last = 3; // somebody had one more
    tell_what_is_here(n, &watch, here, NULL);
    hear_word(n, ENGINE_FETCH);
    net_wait(n, 1);
    struct engine_mail again = hear_word(n, ENGINE_PROPOSE);
    assert_true(again.seq == second.seq && again.index == 1 && again.last == 2 && again.term == 1);
    tell(n, &watch,
         (struct engine_mail){
             .word = ENGINE_PLACED, .seq = again.seq, .index = 1, .first = 3, .last = 3, .term = 1});
    net_wait(n, 1);
    again = hear_word(n, ENGINE_PROPOSE);
    assert_true(again.seq == second.seq && again.index == 2 && again.last == 1);
    tell_record_in(n, &watch, 3, "1", &second, 1, 1);
    expect(a, "\"id\":3,\"room\":\"r\",\"offset\":3,");
    tell_record_in(n, &watch, 4, "0", NULL, 0, 1); // somebody else was first
    expect(a, "\"offset\":4,");
    tell_record_in(n, &watch, 5, "1", &second, 2, 1);
    expect(a, "\"id\":4,\"room\":\"r\",\"offset\":5,");
    says_nothing(n);
    net_check(n);
    net_free(n);
}

// Older ones are not in memory: it says how much its people have seen, and what it has of that.
static void what_is_not_in_memory_is_not_given_back(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = net_new(1);
    n->settings.engine = true;
    n->settings.log_entries = 2;
    net_start(n);
    member(n, &watch);
    tell_records(n, &watch, 1, 4);
    tell_what_is_here(n, &watch,
                      (struct engine_mail){.first = 1, .last = 1, .kept = 1, .term = 1, .open = true}, NULL);
    gives_back(n, 3, 2, 4);
    net_free(n);
}

static void a_room_is_kept_for_a_while_to_be_given_back(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = net_new(1);
    n->settings.engine = true;
    n->settings.room_grace_ms = 100;
    net_start(n);
    struct client *a = member(n, &watch);
    tell_records(n, &watch, 1, 1);
    say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
    net_wait(n, COURSE_KEEP_MS - 1000);
    assert_non_null(net_room_at(n, "r"));
    struct engine_mail here = {.first = 1, .last = 0, .term = 1, .open = true};
    tell_what_is_here(n, &watch, here, NULL);
    gives_back(n, 1, 1, 1);
    here.open = false;
    here.last = here.after = 1;
    tell_what_is_here(n, &watch, here, NULL);
    net_wait(n, COURSE_KEEP_MS - 1000); // it is new there, and may be lost again
    assert_non_null(net_room_at(n, "r"));
    net_wait(n, 2000);
    assert_null(net_room_at(n, "r"));
    hear_word(n, ENGINE_UNWATCH);
    tell_what_is_here(n, &watch, here, NULL); // the engine has not heard of that, and may be waiting
    hear_word(n, ENGINE_UNWATCH);
    net_free(n);
}

// --- another epoch

static const char LATER[] = "epoch-later";

static void people_are_told_of_another_epoch(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch), *t = net_line(n, 0);
    tell_records(n, &watch, 1, 3);
    forget(t);
    forget(a);
    struct engine_mail here = {.first = 1, .last = 2, .kept = 2, .term = 2};
    tell_what_is_here(n, &watch, here, LATER);
    str told = expect(a, "\"type\":\"epoch\"");
    assert_true(contains(told, "\"room\":\"r\",\"after\":3,"));
    assert_true(contains(told, "\"epoch\":\"epoch-later\",\"offset\":2}"));
    expect(t, "* this room goes on anew");
    assert_int_equal(METRIC(n, epochs_ended), 1);
    struct engine_mail fetch = hear_word(n, ENGINE_FETCH);
    assert_true(fetch.first == 1 && fetch.last == 2 && fetch.term == 2);
    // Until all is here that there was, who comes, looks back or says something waits.
    struct client *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"id\":1,\"room\":\"r\",\"since\":{\"epoch\":\"epoch-of-it\",\"offset\":2}}");
    say(a, "{\"type\":\"history\",\"id\":2,\"room\":\"r\"}");
    say(a, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":1}");
    tell_record_in(n, &watch, 1, "1", NULL, 0, 2);
    expect_nothing(a);
    expect_nothing(b);
    assert_int_equal(hear_word(n, ENGINE_FETCH).first, 2);
    says_nothing(n);
    tell_record_in(n, &watch, 2, "2", NULL, 0, 2);
    str joined = expect(b, "\"joined\"");
    assert_true(contains(joined, "\"epoch\":\"epoch-later\",\"offset\":2,"));
    assert_true(contains(joined, "\"recovered\":false"));
    str history = expect(a, "\"history\"");
    assert_true(contains(history, "\"epoch\":\"epoch-later\"") && contains(history, "\"offset\":2,"));
    struct engine_mail propose = hear_word(n, ENGINE_PROPOSE);
    assert_true(propose.after == 2 && propose.term == 2);
    forget(t);
    forget(a);
    tell_record_in(n, &watch, 3, "1", &propose, 0, 2);
    expect(a, "\"id\":3,\"room\":\"r\",\"offset\":3,\"epoch\":\"epoch-later\"");
    expect(b, "\"offset\":3,");
    expect(t, "Far: 1");
    net_check(n);
    net_free(n);
}

// How far somebody has read is counted when all is here that was said in the new epoch: what was applied only then is not unread.
static void how_far_one_has_read_waits_for_the_epoch(void **state)
{
    (void)state;
    struct net *n = engine_net();
    struct engine_mail w;
    struct client *a = member(n, &w);
    tell_records(n, &w, 1, 2);
    forget(a);
    const struct engine_mail here = {.first = 1, .last = 2, .kept = 2, .term = 2};
    tell_what_is_here(n, &w, here, LATER);
    expect(a, "\"type\":\"epoch\"");
    assert_int_equal(hear_word(n, ENGINE_FETCH).first, 1);
    say(a, "{\"type\":\"read\",\"id\":2,\"room\":\"r\",\"offset\":1}");
    expect_nothing(a);
    tell_record_in(n, &w, 1, "1", NULL, 0, 2);
    expect_nothing(a);
    tell_record_in(n, &w, 2, "2", NULL, 0, 2);
    expect(a, "\"id\":2,\"room\":\"r\",\"offset\":1,\"epoch\":\"epoch-later\"");
    say(a, "{\"type\":\"leave\",\"id\":3,\"room\":\"r\"}");
    expect(a, "\"type\":\"left\"");
    say(a, "{\"type\":\"join\",\"id\":4,\"room\":\"r\"}");
    expect(a, "\"read\":1,\"unread\":1");
    net_free(n);
}

// Of what is under way: what survived is known by its number; what repeats something of the epoch that is over is to be said again.
static void what_waits_when_an_epoch_ends(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    struct client *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(b);
    for (int i = 2; i <= 3; i++)
        post(a, "{\"type\":\"message\",\"id\":%d,\"room\":\"r\",\"data\":%d}", i, i);
    post(a, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    tell_proposed(n, &watch, 1, 1);
    expect(b, "\"offset\":1,");
    forget(a);
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    assert_int_equal(second.last, 2); // the last one is a repetition
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 2, .last = 2, .kept = 2, .term = 2}, LATER);
    expect(a, "\"type\":\"epoch\"");
    hear_word(n, ENGINE_FETCH);
    tell_record_in(n, &watch, 2, "2", &second, 0, 2);
    expect(a, "\"id\":2,\"room\":\"r\",\"offset\":2,\"epoch\":\"epoch-later\"");
    net_wait(n, COURSE_AGAIN_MS);
    struct engine_mail again = hear_word(n, ENGINE_PROPOSE);
    assert_true(again.seq == second.seq && again.index == 1 && again.last == 1 && again.term == 2);
    expect_nothing(a);
    tell_record_in(n, &watch, 3, "3", &second, 1, 2);
    expect(a, "\"id\":3,\"room\":\"r\",\"offset\":3,");
    assert_true(contains(expect(a, "\"id\":4"), "\"code\":\"unavailable\""));
    // Its key is of an epoch that is over.
    say(a, "{\"type\":\"message\",\"id\":5,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    hear_word(n, ENGINE_PROPOSE);
    net_check(n);
    net_free(n);
}

// What others have seen in the epoch that is over is not in the room as it goes on. Who said it, and has not been told of its place
// there, is told what has become of it in the next one (seed 35006 of the simulator).
static void what_an_epoch_has_lost_is_judged_by_the_next(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1,\"key\":\"k\"}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE); // has a place, of which this node does not hear
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 1, .kept = 1, .term = 2}, LATER);
    expect(a, "\"type\":\"epoch\"");
    hear_word(n, ENGINE_FETCH);
    const struct entry close = {
        .type = ENTRY_CLOSE, .rule_role = ROLE_MEMBER, .grant = GRANT_ALL, .decree = {.span_ms = 5000}};
    tell_entry_in(n, &watch, 1, close, NULL, 0, 2);
    assert_true(contains(expect(a, "\"type\":\"left\""), "room_closed"));
    net_wait(n, COURSE_AGAIN_MS);
    struct engine_mail again = hear_word(n, ENGINE_PROPOSE);
    assert_true(again.seq == first.seq && again.index == 0 && again.last == 1);
    expect_nothing(a);
    tell_record_in(n, &watch, 2, "1", &first, 0, 2); // its place in the next one, where it says nothing
    assert_true(contains(expect(a, "\"id\":1"), "\"code\":\"room_closed\""));
    expect_nothing(a);
    net_check(n);
    net_free(n);
}

// A decree of the server's own, at another node.
static void tell_decree(struct net *n, const struct engine_mail *to, uint64_t offset, enum entry_type type,
                        const char *target, uint64_t term)
{
    struct buf b, record;
    const struct entry e = {.type = type,
                            .time_ms = n->wall_ms,
                            .steady_ms = n->wall_ms,
                            .grant = GRANT_ALL,
                            .decree = {.target = str_from_cstr(target), .role = ROLE_HOST}};
    const struct engine_run run = {.proposer = 2, .seq = offset, .count = 1};
    buf_init(&b, &n->mem, 0);
    buf_init(&record, &n->mem, 0);
    record_encode(&record, &e);
    engine_put_run(&b, &run);
    engine_put_record(&b, buf_str(&record));
    tell(n, to,
         (struct engine_mail){
             .word = ENGINE_RECORDS, .first = offset, .last = offset, .term = term, .records = buf_str(&b)});
    buf_deinit(&b);
    buf_deinit(&record);
}

// What was asked before something was said is answered before it, also where it is refused when its turn comes (seed 52 of the
// mutations).
static void a_refusal_keeps_its_turn(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    say(a, "{\"type\":\"members\",\"id\":2,\"room\":\"r\"}");
    say(a, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":3}");
    tell_decree(n, &watch, 1, ENTRY_KICK, a->user, 0);
    tell_record(n, &watch, 2, "1", &first);
    expect(a, "\"member:kicked\"");
    expect(a, "\"type\":\"left\"");
    expect(a, "\"id\":1,");
    assert_true(contains(expect(a, "\"id\":2"), "\"code\":\"not_member\""));
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    tell_record(n, &watch, 3, "3", &second);
    expect(a, "\"id\":3");
    net_free(n);
}

// Decrees are of their epoch: those that are lost say nothing more, those that others have made count at once.
static void decrees_end_with_their_epoch(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch), *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(b);
    tell_decree(n, &watch, 1, ENTRY_ROLE, a->user, 0);
    expect(b, "\"offset\":1,");
    assert_non_null(net_room_at(n, "r")->standing);
    forget(a);
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 2, .kept = 2, .term = 2}, LATER);
    expect(a, "\"type\":\"epoch\"");
    expect(b, "\"type\":\"epoch\"");
    assert_null(net_room_at(n, "r")->standing);
    say(a, "{\"type\":\"members\",\"id\":1,\"room\":\"r\"}");
    assert_false(contains(expect(a, "\"id\":1"), "\"role\":\"host\""));
    tell_decree(n, &watch, 1, ENTRY_ROLE, a->user, 2);
    tell_decree(n, &watch, 2, ENTRY_BAN, b->user, 2);
    assert_true(contains(expect(b, "\"left\""), "\"reason\":\"banned\""));
    forget(a);
    say(a, "{\"type\":\"members\",\"id\":2,\"room\":\"r\"}");
    str members = expect(a, "\"id\":2");
    assert_true(contains(members, "\"role\":\"host\"") && !contains(members, b->user));
    net_check(n);
    net_free(n);
}

// What they have been told of counts as seen, though it has yet to come here.
static void a_failover_while_an_epoch_begins(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    tell_records(n, &watch, 1, 3);
    forget(a);
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 3, .kept = 3, .term = 2}, LATER);
    hear_word(n, ENGINE_FETCH);
    tell_record_in(n, &watch, 1, "1", NULL, 0, 2);
    tell_what_is_here(n, &watch,
                      (struct engine_mail){.first = 1, .last = 2, .kept = 2, .term = 3, .open = true}, LATER);
    hear_word(n, ENGINE_FETCH);
    struct engine_mail restore = hear_word(n, ENGINE_RESTORE);
    assert_true(restore.first == 3 && restore.last == 3);
    hear_word(n, ENGINE_FETCH);
    tell_what_is_here(n, &watch, (struct engine_mail){.first = 3, .last = 2, .kept = 2, .term = 4}, EPOCH);
    expect(a, "\"epoch\":\"epoch-later\",\"offset\":3}");
    expect(a, "\"epoch\":\"epoch-of-it\",\"offset\":2}");
    tell_record_in(n, &watch, 3, "3", NULL, 0, 4);
    expect(a, "\"offset\":3,");
    net_check(n);
    net_free(n);
}

// Its cursor would go from one numbering to another. Who has lost something of the first, and not the cut, is told both.
static void who_would_lose_a_cut_is_ended(void **state)
{
    (void)state;
    for (int loses = 0; loses < 2; loses++) {
        struct engine_mail watch;
        struct net *n = net_new(1);
        char big[3001];
        memset(big, '1', sizeof big - 1);
        big[sizeof big - 1] = '\0';
        n->settings.engine = true;
        n->settings.lag_bytes = 16384;
        net_start(n);
        member(n, &watch);
        struct client *slow = net_json(n, 0);
        say(slow, "{\"type\":\"join\",\"room\":\"r\"}");
        forget(slow);
        slow->stalled = true;
        for (uint64_t o = 1; o <= 40; o++) {
            tell_record_in(n, &watch, o, big, NULL, 0, 0);
            net_wait(n, 20);
        }
        tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 0, .term = 2}, LATER);
        for (uint64_t o = 1; o <= (loses ? 40 : 1); o++) {
            tell_record_in(n, &watch, o, big, NULL, 0, 2);
            net_wait(n, 20);
        }
        slow->stalled = false;
        net_wait(n, 20);
        if (loses) {
            assert_int_equal(slow->close_code, WS_CLOSE_TRY_LATER);
            net_check(n);
            net_free(n);
            continue;
        }
        uint64_t next = number_of(expect(slow, "\"reason\":\"slow\""), "to") + 1;
        for (; next <= 40; next++)
            assert_int_equal(number_of(expect(slow, "\"message\""), "offset"), next);
        expect(slow, "\"after\":40,");
        expect(slow, "\"offset\":1,");
        net_check(n);
        net_free(n);
    }
}

// --- invitations: the use is a record, and who brings one waits for its place

// Where another node keeps more than this one does. Who is behind is told that there was something, and not what.
static void what_is_deleted_and_not_kept_here(void **state)
{
    (void)state;
    struct net *n = net_new(1);
    struct engine_mail watch;
    n->settings.engine = true;
    n->settings.log_entries = 2;
    net_start(n);
    struct client *a = member(n, &watch);
    struct entry e = {.type = ENTRY_EDIT,
                      .rule_role = ROLE_MEMBER,
                      .user = STR("far"),
                      .name = STR("Far"),
                      .about = 1,
                      .change.author = STR("far")};
    a->stalled = true;
    tell_record(n, &watch, 1, "\"the secret\"", NULL);
    for (uint64_t offset = 2; offset <= 3; offset++) {
        e.data = STR("\"another secret\"");
        tell_entry(n, &watch, offset, e, NULL);
    }
    for (uint64_t offset = 4; offset <= 9; offset++)
        tell_record(n, &watch, offset, "\"another one\"", NULL);
    assert_int_equal(net_room_at(n, "r")->log.tail, 8);
    e.type = ENTRY_DELETE;
    e.data = STR_NONE;
    tell_entry(n, &watch, 10, e, NULL);
    a->stalled = false;
    net_settle(n);
    assert_false(contains(str_make(a->rx.p, a->rx.n), "secret"));
    for (uint64_t offset = 1; offset <= 9; offset++)
        assert_int_equal(number_of(expect(a, offset <= 3 ? "\"void\"" : "\"another one\""), "offset"),
                         offset);
    assert_int_equal(number_of(expect(a, "\"type\":\"message:deleted\""), "target"), 1);
    expect_nothing(a);
    net_check(n);
    net_free(n);
}

static const char INVITED[] = "inv_AbCd1234xxxxxxxxxxxxxxxxxxxxxxxx";

// Somebody at another node has made it, for so many.
static void tell_invitation(struct net *n, const struct engine_mail *to, uint64_t offset, uint32_t uses)
{
    uint8_t hash[INVITATION_HASH];
    assert_int_equal(invitation_hash(STR(INVITED), hash), OK);
    const struct entry e = {
        .type = ENTRY_INVITE,
        .user = STR("far"),
        .name = STR("Far"),
        .grant = GRANT_ALL,
        .decree = {.role = ROLE_HOST, .span_ms = 100000},
        .invitation = {STR("AbCd1234"), str_make((const char *)hash, sizeof hash), uses, 9}};
    tell_entry(n, to, offset, e, NULL);
}

static void bring(struct client *c)
{
    forget(c);
    post(c, "{\"type\":\"join\",\"id\":8,\"room\":\"r\",\"token\":\"%s\"}", INVITED);
}

// Two bring the last use at once, and are proposed together: the engine says who is first. What one says about the room meanwhile waits.
static void two_by_one_invitation(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    tell_invitation(n, &watch, 1, 1);
    expect(a, "invitation:made");
    struct client *b = net_json(n, 0), *c = net_json(n, 0);
    bring(b);
    bring(c);
    post(c, "{\"type\":\"members\",\"id\":9,\"room\":\"r\"}");
    struct engine_mail first = tell_proposed(n, &watch, 2, 2);
    assert_int_equal(first.last, 2);
    str joined = expect(b, "\"type\":\"joined\",\"id\":8");
    assert_true(contains(joined, "\"role\":\"host\"") && number_of(joined, "offset") >= 2);
    expect(c, "\"id\":8,\"code\":\"invitation_used\"");
    expect(c, "\"id\":9,\"code\":\"not_member\"");
    str told = expect(a, "member:admitted");
    assert_true(contains(told, b->user));
    expect(a, "member:joined");
    expect(a, "\"type\":\"void\",\"room\":\"r\",\"offset\":3");
    assert_int_equal(net_room_at(n, "r")->members, 2);
    net_free(n);
}

// It is late, and then lost for a while, and its bearer has gone when it has its place: it was used, and he has what it gives, so that he
// comes in again without a word to the engine.
static void a_use_whose_bearer_goes(void **state)
{
    (void)state;
    struct engine_mail watch;
    struct net *n = engine_net();
    struct client *a = member(n, &watch);
    tell_invitation(n, &watch, 1, 2);
    struct client *b = net_json(n, 0), *again;
    bring(b);
    struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
    tell(n, &watch, (struct engine_mail){.word = ENGINE_LATE, .seq = first.seq, .last = 2});
    hear_word(n, ENGINE_FETCH);
    tell_record(n, &watch, 2, "0", NULL);
    struct engine_mail second = hear_word(n, ENGINE_PROPOSE);
    assert_true(second.seq > first.seq);
    expect_nothing(b);
    const struct invitations *t = net_room_at(n, "r")->invitations;
    assert_int_equal(t->rows[0].used, 0);
    char resume[sizeof b->resume], user[sizeof b->user];
    memcpy(resume, b->resume, sizeof resume);
    memcpy(user, b->user, sizeof user);
    cut(b);
    net_wait(n, COURSE_AGAIN_MS);
    struct engine_mail third = tell_proposed(n, &watch, 3, 1);
    assert_int_equal(third.seq, second.seq);
    net_wait(n, 10);
    assert_int_equal(t->rows[0].used, 1);
    assert_int_equal(standing_role(net_room_at(n, "r")->standing, &n->settings.hash_key, str_from_cstr(user)),
                     ROLE_HOST);
    forget(a);
    again = net_ws(n, 0, "/ws");
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", resume);
    forget(again);
    say(again, "{\"type\":\"join\",\"id\":8,\"room\":\"r\",\"token\":\"%s\"}", INVITED);
    assert_true(contains(expect(again, "\"type\":\"joined\",\"id\":8"), "\"role\":\"host\""));
    assert_int_equal(t->rows[0].used, 1);
    net_free(n);
}

// What was lost with an epoch is used in the next one, where there is such an invitation; else it is not.
static void a_use_that_an_epoch_has_lost(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        struct engine_mail watch;
        struct net *n = engine_net();
        struct client *a = member(n, &watch);
        tell_invitation(n, &watch, 1, 1);
        struct client *b = net_json(n, 0);
        bring(b);
        struct engine_mail first = hear_word(n, ENGINE_PROPOSE);
        tell_what_is_here(n, &watch, (struct engine_mail){.first = 1, .last = 1, .kept = 1, .term = 2},
                          LATER);
        hear_word(n, ENGINE_FETCH);
        assert_null(net_room_at(n, "r")->invitations);
        uint8_t hash[INVITATION_HASH];
        assert_int_equal(invitation_hash(STR(INVITED), hash), OK);
        struct entry e = {.type = ENTRY_INVITE,
                          .user = STR("far"),
                          .grant = GRANT_ALL,
                          .decree = {.role = ROLE_GUEST, .span_ms = 100000},
                          .invitation = {STR("AbCd1234"), str_make((const char *)hash, sizeof hash), 1, 9}};
        if (kept == 0)
            e = (struct entry){
                .type = ENTRY_MESSAGE, .user = STR("far"), .rule_role = ROLE_MEMBER, .data = STR("1")};
        tell_entry_in(n, &watch, 1, e, NULL, 0, 2);
        net_wait(n, COURSE_AGAIN_MS);
        struct engine_mail again = tell_proposed(n, &watch, 2, 1);
        assert_int_equal(again.seq, first.seq);
        if (kept == 0)
            expect(b, "\"id\":8,\"code\":\"invitation_invalid\"");
        else
            assert_true(contains(expect(b, "\"type\":\"joined\",\"id\":8"), "\"role\":\"guest\""));
        forget(a);
        net_check(n);
        net_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_far_decree_is_a_decree),
        cmocka_unit_test(a_quiet_join_has_the_position_asked_for),
        cmocka_unit_test(a_record_given_back_void_was_refused_for_a_reason),
        cmocka_unit_test(a_record_given_back_void_was_said_before),
        cmocka_unit_test(on_many_nodes_one_is_the_first),
        cmocka_unit_test(a_room_is_here_when_all_is_applied),
        cmocka_unit_test(who_says_something_waits_for_its_place),
        cmocka_unit_test(late_is_proposed_again_when_all_is_applied),
        cmocka_unit_test(who_knows_more_waits_for_the_position),
        cmocka_unit_test(a_lost_tail_is_found),
        cmocka_unit_test(an_engine_that_is_away_lets_nobody_wait_for_ever),
        cmocka_unit_test(a_record_that_is_none_is_refused),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(what_it_does_not_keep_is_passed_over),
        cmocka_unit_test(a_room_begins_where_its_engine_does),
        cmocka_unit_test(who_spoke_of_what_is_not_kept_is_told_what_is_known),
        cmocka_unit_test(what_the_engine_has_lost_is_given_back),
        cmocka_unit_test(a_newer_term_is_asked_about),
        cmocka_unit_test(a_batch_goes_on_in_the_new_term),
        cmocka_unit_test(what_is_not_in_memory_is_not_given_back),
        cmocka_unit_test(a_room_is_kept_for_a_while_to_be_given_back),
        cmocka_unit_test(people_are_told_of_another_epoch),
        cmocka_unit_test(how_far_one_has_read_waits_for_the_epoch),
        cmocka_unit_test(what_waits_when_an_epoch_ends),
        cmocka_unit_test(what_an_epoch_has_lost_is_judged_by_the_next),
        cmocka_unit_test(a_refusal_keeps_its_turn),
        cmocka_unit_test(a_rate_is_asked_before_anything_is_proposed),
        cmocka_unit_test(decrees_end_with_their_epoch),
        cmocka_unit_test(a_failover_while_an_epoch_begins),
        cmocka_unit_test(who_would_lose_a_cut_is_ended),
        cmocka_unit_test(what_is_deleted_and_not_kept_here),
        cmocka_unit_test(two_by_one_invitation),
        cmocka_unit_test(a_use_whose_bearer_goes),
        cmocka_unit_test(a_use_that_an_epoch_has_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
