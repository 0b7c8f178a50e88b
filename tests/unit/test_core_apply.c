// SPDX-License-Identifier: Apache-2.0
//
// What a record does to a room (core/home/apply.h), against the words of docs/protocol/record.md, and: whoever applies the same
// records comes to the same room. What is not committed is not shown.
#include "base/prng.h"
#include "core/home/apply.h"
#include "core/log/record.h"
#include "core/mail/post.h"
#include "dialect/ways.h"
#include "unit/support.h"

#include <stdio.h>

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct live live;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *shared;
    struct invitations *invitations;
    struct buf scratch, result;
    struct siphash_key hash_key;
};

static void fixture_init(struct fixture *f, uint64_t key)
{
    *f = (struct fixture){.hash_key = {key, ~key}};
    test_mem_init(&f->t, &f->mem);
    log_init(&f->log, &f->mem);
    once_init(&f->said, &f->mem);
    once_group_init(&f->keys);
    buf_init(&f->scratch, &f->mem, 0);
}

static void fixture_deinit(struct fixture *f)
{
    log_check(&f->log);
    log_deinit(&f->log);
    live_deinit(&f->live, &f->mem);
    once_deinit(&f->said);
    standing_free(&f->standing, &f->mem);
    state_free(&f->shared, &f->mem);
    invitations_free(&f->invitations, &f->mem);
    buf_deinit(&f->scratch);
    buf_deinit(&f->result);
    test_mem_check(&f->t);
}

static void listen(struct fixture *f, uint8_t encoding)
{
    assert_int_equal(tracks_reserve(&f->live.tracks, &f->mem, encoding), OK);
    live_reader_add(&f->live, ways_served.encodings[encoding]);
}

static struct made made_of(struct fixture *f)
{
    return (struct made){&f->log,      &f->said, &f->keys,   STR("an epoch 11"), &f->hash_key,
                         &f->standing, &f->mem,  &f->shared, &f->invitations,    &f->result};
}

static struct live_tools tools_of(struct fixture *f)
{
    return (struct live_tools){.mem = &f->mem,
                               .frames = &f->mem,
                               .encodings = ways_served.encodings,
                               .prints = &f->hash_key,
                               .scratch = &f->scratch};
}

static enum err apply(struct fixture *f, struct entry *e, struct verdict *ret)
{
    const struct made m = made_of(f);
    e->room = STR("r");
    const struct live_tools tools = tools_of(f);
    return apply_record(&m, f->log.head + 1, e, &f->live, &tools, ret);
}

// --- the rule, as it stands in the document

enum { ORACLE_MAX = 3000, USERS = 3, KEYS = 12 };

struct remembered {
    char key;
    uint64_t steady_ms, offset;
};
struct oracle {
    struct remembered v[USERS][ORACLE_MAX];
    size_t from[USERS], n[USERS];
};

// 0: said; else the offset of the record that says it.
static uint64_t oracle_said(struct oracle *o, size_t user, const struct entry *e, uint64_t offset)
{
    struct remembered *v = o->v[user];
    for (size_t i = o->from[user]; i < o->n[user]; i++)
        if (v[i].key == e->key.p[0] && e->steady_ms <= v[i].steady_ms + e->key_window_ms)
            return v[i].offset;
    size_t same = o->from[user];
    while (same < o->n[user] && v[same].key != e->key.p[0])
        same++;
    if (same < o->n[user])
        o->from[user] = same + 1;
    while (o->n[user] - o->from[user] >= e->key_count && o->from[user] < o->n[user])
        o->from[user]++;
    while (o->from[user] < o->n[user] && e->steady_ms > v[o->from[user]].steady_ms + e->key_window_ms)
        o->from[user]++;
    v[o->n[user]++] = (struct remembered){e->key.p[0], e->steady_ms, offset};
    return 0;
}

static void a_key_counts_by_the_records_alone(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijkl", *const users[USERS] = {"u1", "u2", "u3"};
    static struct oracle o;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture live, again;
        struct prng dice;
        o = (struct oracle){0};
        prng_init(&dice, seed);
        fixture_init(&live, seed);
        fixture_init(&again, seed + 1000); // another process: its fingerprints are others
        uint64_t steady = 10000, voids = 0;
        for (int i = 0; i < 800; i++) {
            steady += prng_below(&dice, 40);
            size_t user = prng_below(&dice, USERS);
            struct entry e = {.type = ENTRY_MESSAGE,
                              .rule_role = ROLE_MEMBER,
                              .time_ms = prng_next(&dice),
                              .steady_ms = steady - prng_below(&dice, 100), // nodes' clocks differ
                              .user = str_from_cstr(users[user]),
                              .data = STR("1")};
            if (prng_below(&dice, 4) != 0) {
                e.key = str_make(&letters[prng_below(&dice, KEYS)], 1);
                e.key_window_ms = 50 + (uint32_t)prng_below(&dice, 500);
                e.key_count = 1 + (uint32_t)prng_below(&dice, 9);
            }
            struct verdict v, w;
            uint64_t offset = live.log.head + 1;
            uint64_t said = e.key.n != 0 ? oracle_said(&o, user, &e, offset) : 0;
            struct entry one = e, two = e;
            assert_int_equal(apply(&live, &one, &v), OK);
            assert_int_equal(v.refused, said != 0);
            assert_int_equal(v.offset, said != 0 ? said : offset);
            assert_int_equal(one.type, said != 0 ? ENTRY_VOID : ENTRY_MESSAGE);
            const struct made m = made_of(&live);
            struct verdict recalled = apply_recall(&m, offset, &e);
            assert_true(recalled.refused == v.refused && recalled.offset == v.offset);
            assert_int_equal(apply(&again, &two, &w), OK);
            assert_true(w.refused == v.refused && w.offset == v.offset);
            assert_str_eq(log_record(&live.log, offset), log_record(&again.log, offset));
            voids += v.refused;
        }
        assert_true(voids > 50 && voids < 600);
        fixture_deinit(&live);
        fixture_deinit(&again);
    }
}

// One that was long on its way is judged by every node as one that is a minute old, whether that has given up what is older
// or has not yet.
static void a_record_may_be_late(void **state)
{
    (void)state;
    for (int gives_up = 0; gives_up < 2; gives_up++) {
        struct fixture f;
        struct verdict v;
        fixture_init(&f, 4);
        struct entry first = {.type = ENTRY_MESSAGE,
                              .rule_role = ROLE_MEMBER,
                              .steady_ms = 1000000,
                              .user = STR("u"),
                              .data = STR("1"),
                              .key = STR("k"),
                              .key_window_ms = 5000,
                              .key_count = 10};
        struct entry again = first, late = first;
        assert_int_equal(apply(&f, &first, &v), OK);
        again.steady_ms += 4000;
        assert_int_equal(apply(&f, &again, &v), OK);
        assert_true(v.refused);
        struct entry other = {
            .type = ENTRY_MESSAGE, .steady_ms = 1005001 + ONCE_LATE_MS, .user = STR("x"), .data = STR("1")};
        assert_int_equal(apply(&f, &other, &v), OK);
        if (gives_up)
            once_expire(&f.said, other.steady_ms, true);
        assert_int_equal(f.said.owners.count, gives_up ? 0 : 1);
        late.steady_ms += 1; // by its own time it repeats; but nobody has to know any more
        assert_int_equal(apply(&f, &late, &v), OK);
        assert_false(v.refused);
        fixture_deinit(&f);
    }
}

static void a_void_record_has_its_offset_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    struct verdict v;
    fixture_init(&f, 5);
    listen(&f, ENCODING_JSON);
    listen(&f, ENCODING_TEXT_LINE);
    for (int i = 0; i < 2; i++) {
        struct entry e = {.type = ENTRY_MESSAGE,
                          .rule_role = ROLE_MEMBER,
                          .time_ms = 1795161600000,
                          .steady_ms = 7,
                          .user = STR("u"),
                          .name = STR("n"),
                          .data = STR("\"secret\""),
                          .key = STR("k"),
                          .key_window_ms = 10,
                          .key_count = 10};
        assert_int_equal(apply(&f, &e, &v), OK);
    }
    assert_true(v.refused && v.offset == 1);
    struct entry e;
    log_entry(&f.log, 2, STR("r"), &e);
    assert_int_equal(e.type, ENTRY_VOID);
    assert_int_equal(e.user.n + e.name.n + e.data.n + e.key.n, 0);
    assert_int_equal(log_messages_back(&f.log, 2, 1), 1); // it is no message
    str json = segment_entry(tracks_chain(&f.live.tracks, ENCODING_JSON)->segs[0], 2);
    static const char wanted[] = "{\"type\":\"void\",\"room\":\"r\",\"offset\":2,\"time\":1795161600000}";
    assert_str_eq(str_make(json.p + 2, json.n - 2), str_from_cstr(wanted)); // behind the frame's head
    assert_int_equal(segment_entry(tracks_chain(&f.live.tracks, ENCODING_TEXT_LINE)->segs[0], 2).n, 0);
    fixture_deinit(&f);
}

// The oldest key, too, which would have had to go, is there as before.
static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t failures = 0;
    fixture_init(&f, 6);
    listen(&f, ENCODING_JSON);
    for (uint64_t i = 0; i < 40; i++) {
        char key[16], oldest[16];
        snprintf(key, sizeof key, "k%llu", (unsigned long long)i);
        snprintf(oldest, sizeof oldest, "k%llu", (unsigned long long)(i < 4 ? 0 : i - 4));
        for (uint64_t k = 1;; k++) {
            struct entry e = {.type = ENTRY_MESSAGE,
                              .rule_role = ROLE_MEMBER,
                              .steady_ms = 1,
                              .user = STR("u"),
                              .data = STR("123"),
                              .key = str_from_cstr(key),
                              .key_window_ms = 1000,
                              .key_count = 4};
            struct entry before = e;
            struct verdict v;
            test_mem_restart(&f.t);
            f.t.fail_at = k;
            enum err result = apply(&f, &e, &v);
            bool failed = atomic_load(&f.t.failed) != 0;
            f.t.fail_at = 0;
            log_check(&f.log);
            live_check(&f.live);
            assert_int_equal(f.log.head, i + (result == OK));
            if (result == OK) {
                assert_false(failed);
                break;
            }
            failures++;
            const struct made m = made_of(&f);
            assert_false(apply_judge(&m, &before).refused);
            before.key = str_from_cstr(oldest);
            assert_int_equal(apply_judge(&m, &before).refused, i != 0);
            buf_deinit(&f.scratch);
            buf_init(&f.scratch, &f.mem, 0);
        }
    }
    assert_true(failures > 10);
    fixture_deinit(&f);
}

// What finds no memory is as it was said: applied once more, when old history has gone for it, it comes to the same.
static void without_memory_who_is_refused_stays_refused(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t failures = 0;
    fixture_init(&f, 9);
    listen(&f, ENCODING_JSON);
    const struct entry said = {.type = ENTRY_MESSAGE,
                               .rule_role = ROLE_MEMBER,
                               .steady_ms = 1,
                               .user = STR("u"),
                               .data = STR("123"),
                               .key = STR("k"),
                               .key_window_ms = 1000,
                               .key_count = 4};
    struct entry first = said;
    struct verdict v;
    assert_int_equal(apply(&f, &first, &v), OK);
    for (uint64_t k = 1;; k++) {
        struct entry e = said;
        buf_deinit(&f.scratch);
        buf_init(&f.scratch, &f.mem, 0);
        test_mem_restart(&f.t);
        f.t.fail_at = k;
        enum err result = apply(&f, &e, &v);
        f.t.fail_at = 0;
        if (result == OK)
            break;
        failures++;
        assert_int_equal(e.type, ENTRY_MESSAGE);
        assert_str_eq(e.key, said.key);
        assert_int_equal(apply(&f, &e, &v), OK);
        assert_true(v.refused && v.why == DENIED_REPEATED && v.offset == 1);
        assert_int_equal(record_type(log_record(&f.log, f.log.head)), ENTRY_VOID);
    }
    assert_true(failures != 0);
    fixture_deinit(&f);
}

// --- what is committed

static void say(struct fixture *f)
{
    struct entry e = {
        .type = ENTRY_MESSAGE, .rule_role = ROLE_MEMBER, .steady_ms = 1, .user = STR("u"), .data = STR("1")};
    struct verdict v;
    assert_int_equal(apply(f, &e, &v), OK);
}

static void show(struct fixture *f)
{
    const struct live_tools tools = tools_of(f);
    struct entry e;
    while (place_waiting(&f->log, &f->live))
        assert_int_equal(place_committed(&f->log, &f->live, &tools, STR("r"), &e), OK);
}

static void what_is_not_committed_is_not_shown(void **state)
{
    (void)state;
    struct fixture f;
    struct log_reader disk, copy;
    fixture_init(&f, 7);
    const struct live_tools tools = tools_of(&f);
    listen(&f, ENCODING_JSON);
    say(&f);
    assert_int_equal(f.live.offset, 1);
    log_reader_add(&f.log, &disk);
    log_reader_add(&f.log, &copy);
    assert_int_equal(disk.have, 1);
    for (int i = 0; i < 5; i++)
        say(&f);
    assert_true(f.log.head == 6 && f.log.committed == 1 && f.live.offset == 1 && f.live.place == 1);
    struct entry came = {.type = ENTRY_MEMBERS_COUNT, .room = STR("r"), .count = 3};
    assert_int_equal(place_entry(&f.log, &f.live, &tools, &came), OK);
    assert_int_equal(came.offset, 1); // behind what people have seen
    assert_int_equal(log_messages_back(&f.log, f.live.offset, 100), 1);
    const struct log_limits all_go = {UINT32_MAX, UINT32_MAX, 0};
    log_trim(&f.log, &all_go, f.live.offset, 1000000);
    assert_int_equal(f.log.tail, 2); // what nobody has seen stays
    assert_int_equal(log_shed(&f.log, f.live.offset), 0);
    assert_false(log_reader_has(&f.log, &disk, 6)); // the other one has not
    assert_true(log_reader_has(&f.log, &copy, 4));
    assert_int_equal(f.log.committed, 4);
    show(&f);
    assert_true(f.live.offset == 4 && f.live.place == 5);
    say(&f); // behind what waits
    assert_int_equal(f.live.offset, 4);
    log_check(&f.log);
    log_reader_remove(&f.log, &copy);
    assert_int_equal(f.log.committed, 6); // the disk has it
    log_reader_remove(&f.log, &disk);
    assert_int_equal(f.log.committed, 7);
    say(&f); // still: first what waits
    assert_int_equal(f.live.offset, 4);
    show(&f);
    assert_true(f.live.offset == 8 && f.live.place == 9);
    say(&f);
    assert_int_equal(f.live.offset, 9);
    live_check(&f.live);
    fixture_deinit(&f);
}

static void a_log_may_begin_anywhere(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 8);
    log_begin(&f.log, 1001);
    log_check(&f.log);
    f.live.place = f.live.offset = 1000;
    say(&f);
    assert_true(f.log.tail == 1001 && f.log.head == 1001 && f.live.offset == 1001);
    fixture_deinit(&f);
}

// --- decrees: by the records alone

static struct entry decree(enum entry_type type, const char *user, const char *target, uint64_t steady_ms)
{
    return (struct entry){.type = type,
                          .steady_ms = steady_ms,
                          .user = str_from_cstr(user),
                          .rule_role = ROLE_MEMBER,
                          .decree = {.target = str_from_cstr(target)}};
}

static struct entry word(const char *user, uint64_t steady_ms)
{
    return (struct entry){.type = ENTRY_MESSAGE,
                          .steady_ms = steady_ms,
                          .user = str_from_cstr(user),
                          .data = STR("1"),
                          .rule_role = ROLE_MEMBER};
}

// Applies it, and the verdict is that one; a refused one is void.
#define comes_to(f, e, why) comes_to_at((f), (e), (why), __LINE__)
static struct verdict comes_to_at(struct fixture *f, struct entry e, enum denial why, int line)
{
    struct verdict v;
    const struct made m = made_of(f);
    struct verdict before = apply_judge(&m, &e);
    assert_int_equal(apply(f, &e, &v), OK);
    if (v.why != why)
        print_error("line %d: comes to %d\n", line, (int)v.why);
    assert_int_equal(v.why, why);
    assert_int_equal(before.why, why);
    assert_int_equal(v.refused, why != DENIED_NOT);
    assert_int_equal(record_type(log_record(&f->log, f->log.head)) == ENTRY_VOID, v.refused);
    standing_check(f->standing, &f->hash_key);
    return v;
}

static void make(struct fixture *f, const char *user, enum role role)
{
    struct entry e = decree(ENTRY_ROLE, "", user, 1000);
    e.decree.role = role;
    e.grant = GRANT_ALL;
    comes_to(f, e, DENIED_NOT);
}

static void a_decree_takes_the_right_and_the_rank(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 21);
    assert_int_equal(comes_to(&f, decree(ENTRY_KICK, "ada", "bob", 1000), DENIED_RIGHT).right, RIGHT_KICK);
    make(&f, "ada", ROLE_HOST);
    make(&f, "eve", ROLE_HOST);
    make(&f, "max", ROLE_OWNER);
    comes_to(&f, decree(ENTRY_KICK, "ada", "bob", 1000), DENIED_NOT);
    comes_to(&f, decree(ENTRY_KICK, "ada", "eve", 1000), DENIED_RANK);
    comes_to(&f, decree(ENTRY_BAN, "ada", "max", 1000), DENIED_RANK);
    comes_to(&f, decree(ENTRY_MUTE, "ada", "ada", 1000), DENIED_RANK);
    comes_to(&f, decree(ENTRY_MUTE, "max", "ada", 1000), DENIED_NOT);
    struct entry role = decree(ENTRY_ROLE, "eve", "bob", 1000);
    role.decree.role = ROLE_HOST;
    comes_to(&f, role, DENIED_RANK);
    role.decree.role = ROLE_GUEST;
    comes_to(&f, role, DENIED_NOT);
    assert_int_equal(comes_to(&f, word("bob", 1000), DENIED_RIGHT).right, RIGHT_PUBLISH);
    role.decree.target = STR("eve"); // one's own
    role.decree.role = ROLE_OWNER;
    comes_to(&f, role, DENIED_RANK);
    role.decree.role = ROLE_MEMBER;
    comes_to(&f, role, DENIED_NOT);
    comes_to(&f, decree(ENTRY_KICK, "eve", "bob", 1000), DENIED_RIGHT);
    struct entry granted = decree(ENTRY_KICK, "tom", "bob", 1000);
    granted.grant = GRANT_THERE | RIGHT_BIT(RIGHT_KICK);
    comes_to(&f, granted, DENIED_NOT); // keeps order by a token
    granted.decree.target = STR("ada");
    comes_to(&f, granted, DENIED_RANK);
    struct entry silent = word("tom", 1000);
    silent.grant = GRANT_THERE | RIGHT_BIT(RIGHT_KICK);
    comes_to(&f, silent, DENIED_RIGHT);
    silent.rule_role = ROLE_OWNER;
    comes_to(&f, silent, DENIED_RIGHT);
    fixture_deinit(&f);
}

static void only_one_is_the_first(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 22);
    struct entry e = decree(ENTRY_ROLE, "", "ada", 1000);
    e.decree.role = ROLE_HOST;
    e.decree.first = true;
    comes_to(&f, e, DENIED_RIGHT); // whoever says so without any right
    e.grant = GRANT_ALL;
    comes_to(&f, e, DENIED_NOT);
    e.decree.target = STR("bob");
    comes_to(&f, e, DENIED_FIRST);
    const struct made m = made_of(&f);
    assert_int_equal(standing_role(*m.standing, &f.hash_key, STR("ada")), ROLE_HOST);
    assert_int_equal(standing_role(*m.standing, &f.hash_key, STR("bob")), ROLE_NOT_GIVEN);
    fixture_deinit(&f);
}

static void what_ends_ends_by_the_times_of_the_records(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 23);
    make(&f, "ada", ROLE_HOST);
    struct entry e = decree(ENTRY_BAN, "ada", "bob", 100000);
    e.decree.span_ms = 5000;
    comes_to(&f, e, DENIED_NOT);
    assert_true(comes_to(&f, word("bob", 104999), DENIED_BANNED).until_ms == 105000);
    comes_to(&f, decree(ENTRY_KICK, "bob", "eve", 104999), DENIED_BANNED);
    comes_to(&f, word("bob", 105000), DENIED_NOT);
    e.type = ENTRY_MUTE;
    e.steady_ms = 200000;
    comes_to(&f, e, DENIED_NOT);
    assert_true(comes_to(&f, word("bob", 204999), DENIED_MUTED).until_ms == 205000);
    comes_to(&f, word("bob", 205000), DENIED_NOT);
    comes_to(&f, decree(ENTRY_MUTE, "ada", "bob", 300000), DENIED_NOT);
    assert_true(comes_to(&f, word("bob", UINT64_MAX / 2), DENIED_MUTED).until_ms == STANDING_FOR_EVER);
    struct entry server = word("bob", UINT64_MAX / 2); // who speaks for the server speaks
    server.grant = GRANT_ALL;
    comes_to(&f, server, DENIED_NOT);
    comes_to(&f, decree(ENTRY_UNMUTE, "ada", "bob", 1000), DENIED_NOT);
    comes_to(&f, word("bob", 1000), DENIED_NOT);
    fixture_deinit(&f);
}

// Its own time counts, but as no more than a minute before the newest: a node that has long been away speaks for nobody.
// Until its time is over nobody has an effect; then it is as if nobody had decided anything yet.
static void the_end_of_a_room_ends_what_was_decided(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 27);
    make(&f, "ada", ROLE_OWNER);
    make(&f, "eve", ROLE_HOST);
    comes_to(&f, decree(ENTRY_BAN, "ada", "bob", 100000), DENIED_NOT);
    comes_to(&f, decree(ENTRY_MUTE, "ada", "tom", 100000), DENIED_NOT);
    struct entry slow = decree(ENTRY_SLOW, "ada", "", 100000);
    slow.decree.span_ms = 60000;
    comes_to(&f, slow, DENIED_NOT);
    comes_to(&f, word("max", 100000), DENIED_NOT);
    struct entry end = decree(ENTRY_CLOSE, "eve", "", 101000);
    end.decree.span_ms = 5000;
    assert_int_equal(comes_to(&f, end, DENIED_RIGHT).right, RIGHT_CLOSE);
    end.user = STR("ada");
    comes_to(&f, end, DENIED_NOT);
    assert_int_equal(f.standing->closed_at, f.log.head);
    assert_int_equal(f.standing->n, 0);
    assert_true(comes_to(&f, word("ada", 105999), DENIED_CLOSED).until_ms == 106000);
    comes_to(&f, decree(ENTRY_KICK, "ada", "max", 105999), DENIED_CLOSED);
    comes_to(&f, end, DENIED_CLOSED);
    struct entry server = word("server", 105999);
    server.grant = GRANT_ALL;
    comes_to(&f, server, DENIED_CLOSED);
    comes_to(&f, word("bob", 106000), DENIED_NOT); // neither banned,
    comes_to(&f, word("tom", 106000), DENIED_NOT); // nor muted,
    comes_to(&f, word("max", 106001), DENIED_NOT); // nor slowed down,
    comes_to(&f, word("max", 106002), DENIED_NOT);
    comes_to(&f, word("ada", 105000), DENIED_CLOSED);                     // late: it was closed then
    comes_to(&f, decree(ENTRY_KICK, "ada", "max", 107000), DENIED_RIGHT); // and nobody is anything
    end.grant = GRANT_ALL; // again, and by who speaks for the server
    end.steady_ms = 200000;
    comes_to(&f, end, DENIED_NOT);
    comes_to(&f, word("bob", 204999), DENIED_CLOSED);
    fixture_deinit(&f);
}

static void a_late_word_does_not_escape(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 24);
    make(&f, "ada", ROLE_HOST);
    comes_to(&f, word("eve", 1000000), DENIED_NOT);
    struct entry e = decree(ENTRY_MUTE, "ada", "bob", 10); // it counts as said at 940000
    e.decree.span_ms = 30000;
    comes_to(&f, e, DENIED_NOT);
    comes_to(&f, word("bob", 20), DENIED_MUTED);
    assert_true(comes_to(&f, word("bob", 969999), DENIED_MUTED).until_ms == 970000);
    comes_to(&f, word("bob", 970000), DENIED_NOT);
    fixture_deinit(&f);
}

static void slow_mode_counts_each_alone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 25);
    make(&f, "ada", ROLE_HOST);
    struct entry slow = decree(ENTRY_SLOW, "ada", "", 1000),
                 readonly = decree(ENTRY_READONLY, "ada", "", 1000);
    slow.decree.span_ms = 100;
    comes_to(&f, slow, DENIED_NOT);
    comes_to(&f, word("bob", 1000), DENIED_NOT);
    comes_to(&f, word("eve", 1000), DENIED_NOT);
    assert_true(comes_to(&f, word("bob", 1099), DENIED_SLOW).until_ms == 1100);
    comes_to(&f, word("bob", 1100), DENIED_NOT); // what was refused does not count
    comes_to(&f, word("bob", 1100), DENIED_SLOW);
    for (int i = 0; i < 3; i++)
        comes_to(&f, word("ada", 1100), DENIED_NOT);
    for (int i = 0; i < STANDING_SPEAKERS_MAX + 1; i++) { // many more than are remembered
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        comes_to(&f, word(user, 1150), DENIED_NOT);
    }
    assert_int_equal(f.standing->speakers_n, STANDING_SPEAKERS_MAX);
    comes_to(&f, word("u1", 1150), DENIED_SLOW);
    comes_to(&f, word("u0", 1150), DENIED_NOT); // forgotten
    slow.decree.span_ms = 0;
    comes_to(&f, slow, DENIED_NOT);
    assert_null(f.standing->speakers);
    comes_to(&f, word("u0", 1150), DENIED_NOT);
    readonly.decree.on = true;
    comes_to(&f, readonly, DENIED_NOT);
    comes_to(&f, word("bob", 2000), DENIED_READONLY);
    comes_to(&f, word("ada", 2000), DENIED_NOT);
    struct entry granted = word("bob", 2000);
    granted.grant = GRANT_THERE | RIGHT_BIT(RIGHT_PUBLISH) | RIGHT_BIT(RIGHT_READONLY);
    comes_to(&f, granted, DENIED_NOT);
    fixture_deinit(&f);
}

// It is there only while it says something.
static void nothing_is_kept_of_what_is_over(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 26);
    static const struct {
        enum entry_type begins, ends;
    } pairs[] = {{ENTRY_BAN, ENTRY_UNBAN},
                 {ENTRY_MUTE, ENTRY_UNMUTE},
                 {ENTRY_SLOW, ENTRY_SLOW},
                 {ENTRY_READONLY, ENTRY_READONLY}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        bool room = pairs[i].begins >= ENTRY_SLOW;
        struct entry e = decree(pairs[i].begins, "srv", room ? "" : "bob", 1000);
        e.grant = GRANT_ALL;
        e.decree.on = pairs[i].begins == ENTRY_READONLY;
        e.decree.span_ms = 5000;
        comes_to(&f, e, DENIED_NOT);
        assert_non_null(f.standing);
        e.type = pairs[i].ends;
        e.decree.on = false;
        e.decree.span_ms = 0;
        comes_to(&f, e, DENIED_NOT);
        assert_null(f.standing);
    }
    comes_to(&f, decree(ENTRY_UNBAN, "bob", "eve", 1000), DENIED_RIGHT);
    assert_null(f.standing);
    fixture_deinit(&f);
}

// Whatever allocation fails, the record has no place and nothing has changed.
static void a_decree_without_memory(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 27);
    uint32_t failures = 0;
    for (int i = 0; i < 60; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        for (uint64_t k = 1;; k++) {
            struct entry e = decree(i % 3 == 0 ? ENTRY_BAN : ENTRY_MUTE, "srv", user, 1000);
            e.grant = GRANT_ALL;
            if (i == 20) {
                e = decree(ENTRY_SLOW, "srv", "", 1000);
                e.grant = GRANT_ALL;
                e.decree.span_ms = 1000;
            } else if (i > 40) {
                e = word(user, 1000);
            }
            struct verdict v;
            test_mem_restart(&f.t);
            f.t.fail_at = k;
            uint64_t head = f.log.head;
            enum err result = apply(&f, &e, &v);
            f.t.fail_at = 0;
            standing_check(f.standing, &f.hash_key);
            assert_int_equal(f.log.head, head + (result == OK));
            if (result == OK)
                break;
            failures++;
            assert_int_equal(standing_banned_ms(f.standing, &f.hash_key, str_from_cstr(user), 1000), 0);
            buf_deinit(&f.scratch);
            buf_init(&f.scratch, &f.mem, 0);
        }
    }
    assert_true(failures > 10);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_counts_by_the_records_alone),
        cmocka_unit_test(a_record_may_be_late),
        cmocka_unit_test(a_void_record_has_its_offset_and_nothing_else),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(without_memory_who_is_refused_stays_refused),
        cmocka_unit_test(what_is_not_committed_is_not_shown),
        cmocka_unit_test(a_log_may_begin_anywhere),
        cmocka_unit_test(a_decree_takes_the_right_and_the_rank),
        cmocka_unit_test(only_one_is_the_first),
        cmocka_unit_test(what_ends_ends_by_the_times_of_the_records),
        cmocka_unit_test(the_end_of_a_room_ends_what_was_decided),
        cmocka_unit_test(a_late_word_does_not_escape),
        cmocka_unit_test(slow_mode_counts_each_alone),
        cmocka_unit_test(nothing_is_kept_of_what_is_over),
        cmocka_unit_test(a_decree_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
