// SPDX-License-Identifier: Apache-2.0
//
// The log against an oracle that keeps all entries in an array and encodes them anew when asked.
#include "base/prng.h"
#include "core/log/log.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ORACLE_MAX = 4000 };

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct buf scratch, expected;
    struct prng dice;
    struct entry all[ORACLE_MAX]; // all[o] has offset o
    char *data[ORACLE_MAX];
};

static const str room = {"a room", 6};

static struct fixture *fixture_new(uint64_t seed)
{
    struct fixture *f = calloc(1, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    buf_init(&f->scratch, &f->mem, 0);
    buf_init(&f->expected, &f->mem, 0);
    prng_init(&f->dice, seed);
    log_init(&f->log, &f->mem);
    return f;
}

static void fixture_free(struct fixture *f)
{
    log_deinit(&f->log);
    buf_deinit(&f->scratch);
    buf_deinit(&f->expected);
    for (size_t i = 0; i < ORACLE_MAX; i++)
        free(f->data[i]);
    test_mem_check(&f->t);
    free(f);
}

// A new entry for the next offset, kept by the oracle.
static struct entry *invent(struct fixture *f, size_t data_n, uint64_t time_ms)
{
    uint64_t o = f->log.head + 1;
    assert_true(o < ORACLE_MAX);
    struct entry *e = &f->all[o];
    *e = (struct entry){.time_ms = time_ms, .room = room};
    if (prng_below(&f->dice, 3) == 0) {
        e->type = ENTRY_MEMBER_JOINED;
        e->member = (struct member_view){.user = STR("u1"),
                                         .name = STR("Una"),
                                         .connected = true,
                                         .sessions = 1,
                                         .joined_at = time_ms,
                                         .last_active = time_ms};
        return e;
    }
    f->data[o] = malloc(data_n + 2);
    memset(f->data[o], (int)('a' + o % 26), data_n + 2);
    f->data[o][0] = f->data[o][data_n + 1] = '"';
    e->type = ENTRY_MESSAGE;
    e->user = STR("u2");
    e->session = STR("s");
    e->name = STR("Ned");
    e->data = str_make(f->data[o], data_n + 2);
    return e;
}

static void add_at(struct fixture *f, size_t data_n, uint64_t wall_ms, uint64_t now_ms)
{
    uint64_t o = f->log.head + 1;
    assert_int_equal(log_append(&f->log, invent(f, data_n, wall_ms), now_ms, &f->scratch, 0), OK);
    assert_int_equal(f->all[o].offset, o);
    assert_int_equal(f->log.head, o);
}

// Where nobody sets the wall clock, it is the monotonic one.
static void add(struct fixture *f, size_t data_n, uint64_t time_ms) { add_at(f, data_n, time_ms, time_ms); }

static str framed(struct fixture *f, enum dialect_id d, uint64_t o)
{
    const struct dialect *dialect = dialect_get(d);
    struct frame_parts parts;
    buf_reset(&f->scratch, SIZE_MAX);
    buf_reset(&f->expected, SIZE_MAX);
    dialect->encode_entry(&f->scratch, &f->all[o], 0);
    frame_parts_make(dialect->framing, f->scratch.n, &parts);
    buf_put(&f->expected, parts.head, parts.head_n);
    buf_put_str(&f->expected, buf_str(&f->scratch));
    buf_put_str(&f->expected, parts.end);
    return buf_str(&f->expected);
}

static void agrees(struct fixture *f)
{
    const struct log *l = &f->log;
    log_check(l);
    for (uint64_t o = l->tail; o <= l->head; o++) {
        struct entry e;
        log_entry(l, o, room, &e);
        assert_int_equal(e.offset, o);
        assert_int_equal(e.type, f->all[o].type);
        assert_int_equal(e.time_ms, f->all[o].time_ms);
        if (e.type == ENTRY_MESSAGE)
            assert_str_eq(e.data, f->all[o].data);
        for (int d = 0; d < DIALECT_COUNT; d++) {
            if (!l->active[d])
                continue;
            const struct chain *c = &l->tracks[d];
            assert_str_eq(segment_entry(c->segs[chain_find(c, o)], o), framed(f, (enum dialect_id)d, o));
        }
    }
}

static void appends_to_all_tracks(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    assert_int_equal(f->log.tail, 1);
    assert_int_equal(log_oldest_age_ms(&f->log, 5000), 0);
    agrees(f);
    assert_int_equal(log_activate(&f->log, DIALECT_JSON, room, &f->scratch, 0), OK);
    for (int i = 0; i < 300; i++)
        add(f, prng_below(&f->dice, 100), 1000 + (uint64_t)i);
    assert_int_equal(log_activate(&f->log, DIALECT_TEXT_LINE, room, &f->scratch, 0),
                     OK); // from what was there
    assert_int_equal(log_activate(&f->log, DIALECT_TEXT_WS, room, &f->scratch, 0), OK);
    agrees(f);
    for (int i = 0; i < 300; i++)
        add(f, i % 50 == 0 ? 100000 : 30, 2000); // beyond a whole segment too
    agrees(f);
    assert_int_equal(log_oldest_age_ms(&f->log, 5000), 4000);
    size_t with = f->log.bytes;
    log_deactivate(&f->log, DIALECT_JSON);
    log_deactivate(&f->log, DIALECT_JSON);
    agrees(f);
    assert_true(f->log.bytes < with);
    assert_int_equal(log_activate(&f->log, DIALECT_JSON, room, &f->scratch, 0), OK);
    assert_int_equal(f->log.bytes, with);
    agrees(f);
    fixture_free(f);
}

static void segments_grow_to_their_size(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    assert_int_equal(log_activate(&f->log, DIALECT_JSON, room, &f->scratch, 0), OK);
    for (int i = 0; i < 2000; i++)
        add(f, 100, 1);
    const struct chain *c = &f->log.tracks[DIALECT_JSON];
    assert_int_equal(c->segs[0]->cap, SEGMENT_BYTES_MIN);
    for (uint32_t i = 1; i < c->n; i++) {
        uint32_t wanted = c->segs[i - 1]->cap * 2;
        assert_int_equal(c->segs[i]->cap, wanted < SEGMENT_BYTES_MAX ? wanted : SEGMENT_BYTES_MAX);
    }
    assert_true(c->n > 7);
    fixture_free(f);
}

static uint64_t slow_back(const struct fixture *f, uint32_t n)
{
    uint64_t from = f->log.head + 1;
    for (uint64_t o = f->log.head; o >= f->log.tail && o > 0 && n > 0; o--)
        if (f->all[o].type == ENTRY_MESSAGE) {
            from = o;
            n--;
        }
    return from;
}

static void trims_by_each_limit(void **state)
{
    (void)state;
    static const struct log_limits cases[] = {
        {1, UINT32_MAX, UINT32_MAX}, {17, UINT32_MAX, UINT32_MAX},  {UINT32_MAX, 5000, UINT32_MAX},
        {UINT32_MAX, 1, UINT32_MAX}, {UINT32_MAX, UINT32_MAX, 500}, {UINT32_MAX, UINT32_MAX, 0},
        {50, 20000, 2000},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        const struct log_limits *lim = &cases[k];
        struct fixture *f = fixture_new(100 + k);
        assert_int_equal(log_activate(&f->log, DIALECT_JSON, room, &f->scratch, 0), OK);
        uint64_t wall = 10000;
        for (int i = 0; i < 400; i++) {
            wall += prng_below(&f->dice, 50);
            add(f, prng_below(&f->dice, 200), wall);
            uint64_t tail = f->log.tail, late = wall + prng_below(&f->dice, 20);
            log_trim(&f->log, lim, late);
            uint64_t kept = f->log.head + 1 - f->log.tail;
            bool newest_old = late - wall > lim->age_ms;
            assert_int_equal(kept == 0, newest_old); // count and bytes leave the newest, age leaves nothing
            if (kept > 1) {
                assert_true(kept <= lim->entries && f->log.bytes <= lim->bytes);
                assert_true(late - f->all[f->log.tail].time_ms <= lim->age_ms);
            }
            if (f->log.tail > tail && kept > 0 && lim->bytes == UINT32_MAX) { // and not one too many
                uint64_t last = f->log.tail - 1;
                assert_true(f->log.head + 1 - last > lim->entries ||
                            late - f->all[last].time_ms > lim->age_ms);
            }
            size_t over = 0;
            for (int t = 0; t < TRACK_COUNT; t++)
                over += f->log.tracks[t].n == 0 ? 0 : 2 * SEGMENT_BYTES_MAX;
            assert_true(f->log.tracks[TRACK_RECORD].bytes + f->log.tracks[DIALECT_JSON].bytes <=
                        2 * f->log.bytes + over);
            for (uint32_t m = 0; m < 12; m += 3)
                assert_int_equal(log_messages_back(&f->log, m), slow_back(f, m));
        }
        agrees(f);
        assert_int_equal(log_activate(&f->log, DIALECT_TEXT_LINE, room, &f->scratch, 0), OK);
        agrees(f);
        fixture_free(f);
    }
}

// Set by hours, by weeks, back and forth, and now and then to within a rounding: each entry goes when it is old, not
// before, and shows the wall time that it was said at.
static void the_wall_clock_may_be_set(void **state)
{
    (void)state;
    static const int64_t steps[] = {3600000, -7200000, 30LL * 24 * 3600000, -31LL * 24 * 3600000, 101,
                                    -101,    50};
    const struct log_limits lim = {UINT32_MAX, UINT32_MAX, 5000};
    struct fixture *f = fixture_new(5);
    uint64_t now = 1000, said[ORACLE_MAX] = {0};
    int64_t wall = 1795161600000;
    assert_int_equal(log_activate(&f->log, DIALECT_JSON, room, &f->scratch, 0), OK);
    for (int i = 0; i < 600; i++) {
        uint64_t passed = prng_below(&f->dice, 60);
        now += passed;
        wall += (int64_t)passed;
        if (prng_below(&f->dice, 20) == 0)
            wall += steps[prng_below(&f->dice, ARRAY_LEN(steps))];
        add_at(f, prng_below(&f->dice, 60), (uint64_t)wall, now);
        said[f->log.head] = now;
        log_trim(&f->log, &lim, now);
        uint64_t tail = f->log.tail;
        assert_true(now - said[tail] <= lim.age_ms + LOG_SKEW_MS);                 // nothing stays too long
        assert_true(tail == 1 || now - said[tail - 1] > lim.age_ms - LOG_SKEW_MS); // nothing goes too early
        uint64_t age = log_oldest_age_ms(&f->log, now), exact = now - said[tail];
        assert_true(age <= exact + LOG_SKEW_MS && exact <= age + LOG_SKEW_MS);
    }
    assert_true(f->log.tail > 100);
    assert_true(f->log.tracks[TRACK_RECORD].n > 5 &&
                f->log.tracks[DIALECT_JSON].n < 5); // frames know no clock
    agrees(f);
    log_trim(&f->log, &lim, now + lim.age_ms + LOG_SKEW_MS + 1);
    assert_int_equal(f->log.tail, f->log.head + 1);
    assert_int_equal(f->log.bytes, 0);
    add_at(f, 10, 1, now); // the numbering goes on
    agrees(f);
    fixture_free(f);
}

// What a caller can see of a log, as one number per kind.
struct view {
    uint64_t head, tail;
    size_t bytes, allocated, segments;
};

static struct view view_of(struct fixture *f)
{
    struct view v = {.head = f->log.head, .tail = f->log.tail, .bytes = f->log.bytes};
    for (int t = 0; t < TRACK_COUNT; t++) {
        v.segments += f->log.tracks[t].n;
        v.allocated += f->log.tracks[t].bytes;
    }
    return v;
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(6);
    uint32_t failures = 0;
    static char
        large[5000]; // needs a segment of its own in every track: one may be had, and the next one not
    memset(large, 'l', sizeof large);
    large[0] = large[sizeof large - 1] = '"';
    for (int i = 0; i < 120; i++) {
        size_t data_n = i % 10 == 9 ? 3000 : prng_below(&f->dice, 300);
        enum dialect_id d = (enum dialect_id)(i % DIALECT_COUNT);
        for (uint64_t k = 1;; k++) {
            struct view before = view_of(f);
            bool active = f->log.active[d];
            test_mem_restart(&f->t);
            f->t.fail_at = k;
            struct entry e = {.type = ENTRY_MESSAGE, .offset = 77, .user = STR("u"), .data = STR("1")};
            if (i % 8 == 5)
                e.data = str_make(large, sizeof large);
            enum err result = i % 8 == 3 ? log_activate(&f->log, d, room, &f->scratch, 0)
                                         : log_append(&f->log, &e, 1, &f->scratch, 0);
            bool failed = atomic_load(&f->t.failed) != 0;
            f->t.fail_at = 0;
            log_check(&f->log);
            if (result == OK) {
                assert_false(failed);
                if (i % 8 != 3)
                    f->all[f->log.head] = e, f->all[f->log.head].room = room;
                break;
            }
            failures++;
            assert_int_equal(result, ERR_NOMEM);
            assert_int_equal(e.offset, 77);
            assert_int_equal(f->log.active[d], active);
            struct view after = view_of(f);
            assert_memory_equal(&before, &after, sizeof before);
            buf_deinit(&f->scratch); // so that it too has to grow
            buf_init(&f->scratch, &f->mem, 0);
        }
        add(f, data_n, 1);
        if (i % 16 == 15)
            log_deactivate(&f->log, d);
    }
    assert_true(failures > 50);
    agrees(f);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_to_all_tracks),
        cmocka_unit_test(segments_grow_to_their_size),
        cmocka_unit_test(trims_by_each_limit),
        cmocka_unit_test(the_wall_clock_may_be_set),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
