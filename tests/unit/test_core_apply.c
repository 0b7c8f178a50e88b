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
    struct buf scratch;
    struct siphash_key hash_key;
};

static void fixture_init(struct fixture *f, uint64_t key)
{
    *f = (struct fixture){.hash_key = {key, ~key}};
    test_mem_init(&f->t, &f->mem);
    log_init(&f->log, &f->mem);
    live_init(&f->live, &f->mem);
    once_init(&f->said, &f->mem);
    once_group_init(&f->keys);
    buf_init(&f->scratch, &f->mem, 0);
}

static void fixture_deinit(struct fixture *f)
{
    log_check(&f->log);
    log_deinit(&f->log);
    live_deinit(&f->live);
    once_deinit(&f->said);
    standing_free(&f->standing, &f->mem);
    buf_deinit(&f->scratch);
    test_mem_check(&f->t);
}

static void listen(struct fixture *f, uint8_t encoding)
{
    assert_int_equal(tracks_reserve(&f->live.tracks, &f->mem, encoding), OK);
    live_reader_add(&f->live, ways_served.encodings[encoding]);
}

static struct made made_of(struct fixture *f)
{
    return (struct made){&f->log,      &f->said,     &f->keys, STR("an epoch 11"),
                         &f->hash_key, &f->standing, &f->mem};
}

static enum err apply(struct fixture *f, struct entry *e, struct verdict *ret)
{
    const struct made m = made_of(f);
    e->room = STR("r");
    return apply_record(&m, f->log.head + 1, e, &f->live, 0, &f->scratch, ret);
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
    struct entry e;
    while (place_waiting(&f->log, &f->live))
        assert_int_equal(place_committed(&f->log, &f->live, STR("r"), 0, &f->scratch, &e), OK);
}

static void what_is_not_committed_is_not_shown(void **state)
{
    (void)state;
    struct fixture f;
    struct log_reader disk, copy;
    fixture_init(&f, 7);
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
    assert_int_equal(place_entry(&f.log, &f.live, &came, 0, &f.scratch), OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_counts_by_the_records_alone),
        cmocka_unit_test(a_record_may_be_late),
        cmocka_unit_test(a_void_record_has_its_offset_and_nothing_else),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(what_is_not_committed_is_not_shown),
        cmocka_unit_test(a_log_may_begin_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
