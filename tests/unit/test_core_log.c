// SPDX-License-Identifier: Apache-2.0
//
// The log, the live stream and what is replayed, against an oracle that keeps all records in an array and encodes them anew
// when asked.
#include "base/prng.h"
#include "core/log/place.h"
#include "core/log/replay.h"
#include "dialect/ways.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ORACLE_MAX = 4000 };

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct live live;
    struct replay *replay;
    struct buf scratch, expected;
    struct prng dice;
    struct entry all[ORACLE_MAX]; // all[o] has offset o
    char *data[ORACLE_MAX];
};

static const str room = {"a room", 6};
static const struct siphash_key prints = {1, 2};

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

static enum err place(struct fixture *f, struct entry *e)
{
    const struct live_tools tools = {.mem = &f->mem,
                                     .frames = &f->mem,
                                     .encodings = ways_served.encodings,
                                     .prints = &prints,
                                     .scratch = &f->scratch};
    return place_entry(&f->log, &f->live, &tools, e);
}

static void fixture_free(struct fixture *f)
{
    log_deinit(&f->log);
    live_deinit(&f->live, &f->mem);
    replay_drop(&f->replay, &f->mem);
    buf_deinit(&f->scratch);
    buf_deinit(&f->expected);
    for (size_t i = 0; i < ORACLE_MAX; i++)
        free(f->data[i]);
    test_mem_check(&f->t);
    free(f);
}

// A new record for the next offset, kept by the oracle.
static struct entry *invent(struct fixture *f, size_t data_n, uint64_t time_ms, uint64_t steady_ms)
{
    uint64_t o = f->log.head + 1;
    assert_true(o < ORACLE_MAX);
    struct entry *e = &f->all[o];
    *e = (struct entry){
        .type = ENTRY_MESSAGE, .offset = o, .time_ms = time_ms, .steady_ms = steady_ms, .room = room};
    f->data[o] = malloc(data_n + 2);
    memset(f->data[o], (int)('a' + o % 26), data_n + 2);
    f->data[o][0] = f->data[o][data_n + 1] = '"';
    e->user = STR("u2");
    e->session = STR("s");
    e->name = STR("Ned");
    e->data = str_make(f->data[o], data_n + 2);
    return e;
}

static void add_at(struct fixture *f, size_t data_n, uint64_t wall_ms, uint64_t steady_ms)
{
    uint64_t o = f->log.head + 1;
    assert_int_equal(place(f, invent(f, data_n, wall_ms, steady_ms)), OK);
    assert_int_equal(f->all[o].offset, o);
    assert_int_equal(f->log.head, o);
}

// Where nobody sets the wall clock, it is the steady one.
static void add(struct fixture *f, size_t data_n, uint64_t time_ms) { add_at(f, data_n, time_ms, time_ms); }

static enum err replay(struct fixture *f, int d, enum replay_form form, uint64_t from, uint64_t to,
                       uint64_t now_ms)
{
    const struct replay_want want = {ways_served.encodings[d], form, from, to};
    uint64_t budget = UINT64_MAX;
    return replay_make(&f->replay, &f->log, &want, room, now_ms,
                       &(struct frame_tools){.scratch = &f->scratch}, &budget);
}

// Somebody joined, as it stands behind the newest record.
static struct entry pass(struct fixture *f)
{
    struct entry e = {.type = ENTRY_MEMBER_JOINED,
                      .room = room,
                      .member = {.user = STR("u1"), .name = STR("Una"), .connected = true, .sessions = 1}};
    assert_int_equal(place(f, &e), OK);
    assert_int_equal(e.offset, f->log.head);
    return e;
}

static void listen(struct fixture *f, int d)
{
    assert_int_equal(live_reserve(&f->live, &f->mem, ways_served.encodings[d], 1), OK);
    live_reader_add(&f->live, ways_served.encodings[d]);
}

static const struct chain *live_chain(const struct fixture *f)
{
    return tracks_chain(&f->live.tracks, ENCODING_JSON);
}

static str framed(struct fixture *f, int d, const struct entry *e)
{
    const struct encoding *encoding = ways_served.encodings[d];
    struct frame_parts parts;
    buf_reset(&f->scratch, SIZE_MAX);
    buf_reset(&f->expected, SIZE_MAX);
    encoding->payloads->encode_entry(&f->scratch, e, 0);
    frame_parts_make(encoding->framing, payload_is_binary(encoding, buf_str(&f->scratch)), f->scratch.n,
                     &parts);
    buf_put(&f->expected, parts.head, parts.head_n);
    buf_put_str(&f->expected, buf_str(&f->scratch));
    buf_put_str(&f->expected, parts.end);
    return buf_str(&f->expected);
}

static void agrees(struct fixture *f)
{
    const struct log *l = &f->log;
    log_check(l);
    live_check(&f->live);
    replay_check(f->replay, l);
    for (uint64_t o = l->tail; o <= l->head; o++) {
        struct entry e;
        log_entry(l, o, room, &e);
        assert_int_equal(e.offset, o);
        assert_int_equal(e.type, f->all[o].type);
        assert_int_equal(e.time_ms, f->all[o].time_ms);
        assert_str_eq(e.data, f->all[o].data);
    }
}

static struct chain *frames(struct fixture *f, int d)
{
    return &tracks_find(&f->replay->tracks, replay_key(ways_served.encodings[d], REPLAY_FRAMES))->chain;
}

// What is replayed is what was framed live, or the same as rows, each record once, in segments that are handed out.
static void replays_part(struct fixture *f, int d, enum replay_form form, uint64_t from, uint64_t to)
{
    const struct replay_want want = {ways_served.encodings[d], form, from, to};
    uint32_t n;
    assert_int_equal(replay(f, d, form, from, to, 1), OK);
    replay_check(f->replay, &f->log);
    struct segment **segs = replay_take(f->replay, &want, &f->mem, &n);
    uint64_t o = from;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(i == 0 || segs[i]->first <= o);
        for (; o <= to && o < segs[i]->first + segs[i]->count; o++) {
            str wanted = framed(f, d, &f->all[o]), got = segment_entry(segs[i], o);
            if (form == REPLAY_ROWS) {
                assert_int_equal(got.p[0], ',');
                got = str_skip(got, 1);
                wanted = str_skip(wanted, wanted.n - got.n); // without the frame's head
            }
            assert_str_eq(got, wanted);
        }
        segment_unref(&f->mem, segs[i]);
    }
    assert_true(from > to || o == to + 1);
    mem_free(&f->mem, segs, n * sizeof *segs);
}

static void replays(struct fixture *f, int d, uint64_t from)
{
    replays_part(f, d, REPLAY_FRAMES, from, f->log.head);
}

static void what_was_said_is_replayed_in_any_encoding(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    assert_int_equal(f->log.tail, 1);
    assert_int_equal(log_oldest_age_ms(&f->log, 5000), 0);
    agrees(f);
    replays(f, ENCODING_JSON, 1); // nothing
    assert_int_equal(replay_due_ms(f->replay), UINT64_MAX);
    for (int i = 0; i < 300; i++)
        add(f, prng_below(&f->dice, 100), 1000 + (uint64_t)i);
    replays(f, ENCODING_JSON, 291);
    assert_int_equal(frames(f, ENCODING_JSON)->segs[0]->first, 288); // from a step on
    replays(f, ENCODING_JSON, 100);                                  // and the hole before it is filled
    replays(f, ENCODING_TEXT_LINE, 1);
    replays_part(f, ENCODING_JSON, REPLAY_ROWS, 40, 50); // a page in the middle, and nothing behind it
    assert_true(chain_end(tracks_chain(&f->replay->tracks,
                                       replay_key(ways_served.encodings[ENCODING_JSON], REPLAY_ROWS))) == 51);
    replays_part(f, ENCODING_JSON, REPLAY_ROWS, 100, 130);
    replays_part(f, ENCODING_JSON, REPLAY_ROWS, 1, 300);
    for (int i = 0; i < 300; i++)
        add(f, i % 50 == 0 ? 100000 : 30, 2000); // beyond a whole segment too
    for (uint64_t from = 1; from <= 601; from += 50)
        for (int d = 0; d < ENCODINGS_SERVED; d++)
            replays(f, d, from);
    agrees(f);
    assert_int_equal(log_oldest_age_ms(&f->log, 5000), 4000);
    fixture_free(f);
}

// It is made once, and what is there already is only extended; when records go, their frames do.
static void a_replay_is_made_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(3);
    for (int i = 0; i < 100; i++)
        add(f, 50, 1);
    replays(f, ENCODING_JSON, 1);
    const struct segment *first = frames(f, ENCODING_JSON)->segs[0];
    uint32_t n = frames(f, ENCODING_JSON)->n;
    size_t bytes = atomic_load(&f->t.bytes);
    for (uint64_t from = 1; from <= 100; from++)
        replays(f, ENCODING_JSON, from);
    assert_ptr_equal(frames(f, ENCODING_JSON)->segs[0], first);
    assert_int_equal(frames(f, ENCODING_JSON)->n, n);
    assert_true(atomic_load(&f->t.bytes) < bytes + 2000); // the scratch buffer
    assert_int_equal(replay(f, ENCODING_JSON, REPLAY_FRAMES, 100, 100, 7000), OK);
    assert_int_equal(replay_due_ms(f->replay), 7000 + REPLAY_IDLE_MS);
    const struct log_limits few = {10, UINT32_MAX, UINT32_MAX};
    for (int i = 0; i < 500; i++) {
        add(f, 50, 1);
        log_trim(&f->log, &few, f->log.committed, 1);
        replay_trim(&f->replay, &f->log);
        if (i % 100 == 0)
            replays(f, ENCODING_JSON, f->log.tail);
        agrees(f);
    }
    assert_true(frames(f, ENCODING_JSON)->n <= 2);
    log_trim(&f->log, &(struct log_limits){10, UINT32_MAX, 0}, f->log.committed, 10);
    replay_trim(&f->replay, &f->log);
    assert_null(f->replay);
    fixture_free(f);
}

// Records and passing entries have places, +1 each; records alone have offsets; a place can be told as an offset.
static void the_live_stream_has_places(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(4);
    static struct entry heard[1000];
    uint64_t records_before[1001] = {0};
    pass(f);
    add(f, 10, 1);
    assert_int_equal(f->live.place, 2); // though nobody listened
    listen(f, ENCODING_JSON);
    for (int i = 0; i < 900; i++) {
        if (prng_below(&f->dice, 2) == 0)
            heard[i] = pass(f);
        else
            add(f, prng_below(&f->dice, 300), 1), heard[i] = f->all[f->log.head];
        if (i == 300)
            listen(f, ENCODING_TEXT_LINE);
        records_before[i + 1] = f->log.head;
        assert_int_equal(f->live.place, 3 + i);
    }
    records_before[0] = 1;
    live_check(&f->live);
    for (int d = 0; d < ENCODINGS_SERVED; d++) {
        const struct track *t = tracks_find(&f->live.tracks, (uint8_t)d);
        uint64_t first = d == ENCODING_JSON ? 3 : 304;
        if (t == NULL)
            continue;
        const struct chain *c = &t->chain;
        assert_int_equal(c->segs[0]->first, first);
        for (uint64_t p = first; p <= f->live.place; p++) {
            const struct segment *s = c->segs[chain_find(c, p)];
            assert_str_eq(segment_entry(s, p), framed(f, d, &heard[p - 3]));
            assert_int_equal(segment_passing(s, p), entry_passing(heard[p - 3].type));
            assert_int_equal(segment_offset_before(s, p), records_before[p - 3]);
        }
        assert_int_equal(live_from(&f->live, t, 0), 0);
        assert_int_equal(live_from(&f->live, t, f->live.place), c->n);
        assert_int_equal(live_from(&f->live, t, f->live.place - 1), c->n - 1);
        uint32_t at = live_from(&f->live, t, 500);
        assert_true(c->segs[at]->first <= 501 && (at + 1 == c->n || c->segs[at + 1]->first > 501));
    }
    live_announced(&f->live, &f->mem);
    assert_int_equal(live_chain(f)->n, 1);
    live_check(&f->live);
    live_rest(&f->live, &f->mem);
    assert_int_equal(live_chain(f)->n, 0);
    pass(f); // it goes on in a new segment
    assert_int_equal(live_chain(f)->segs[0]->first, f->live.place);
    assert_int_equal(live_chain(f)->segs[0]->after, f->log.head);
    live_reader_remove(&f->live, &f->mem, ways_served.encodings[ENCODING_JSON]);
    assert_int_equal(f->live.tracks.n, 1);
    live_check(&f->live);
    agrees(f);
    fixture_free(f);
}

// The segment that a record lies in is let go of, be it behind a cut, where offsets may be lower than in front of it.
static void what_was_taken_back_is_let_go_of(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(8);
    const struct live_tools tools = {.mem = &f->mem,
                                     .frames = &f->mem,
                                     .encodings = ways_served.encodings,
                                     .prints = &prints,
                                     .scratch = &f->scratch};
    for (int i = 0; i < 5; i++)
        add(f, 10, 1);
    listen(f, ENCODING_JSON);
    add(f, 10, 1);
    live_forget(&f->live, &f->mem, 5); // said before anybody listened
    assert_int_equal(live_chain(f)->n, 1);
    struct entry cut = {.type = ENTRY_EPOCH, .room = room, .epoch = STR("another"), .cut_to = 1};
    assert_int_equal(place_cut(&f->live, &tools, &cut), OK);
    log_restart(&f->log, 2);
    free(f->data[2]); // another one has its offset
    add(f, 10, 1);
    assert_int_equal(live_chain(f)->n, 3);
    assert_true(segment_after(live_chain(f)->segs[0]) >= f->log.head); // the first one does not tell
    live_forget(&f->live, &f->mem, f->log.head);
    assert_int_equal(live_chain(f)->n, 0);
    live_check(&f->live);
    fixture_free(f);
}

static void segments_grow_to_their_size(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    listen(f, ENCODING_JSON);
    for (int i = 0; i < 2000; i++)
        add(f, 100, 1);
    const struct chain *chains[] = {&f->log.records, live_chain(f)};
    for (size_t k = 0; k < ARRAY_LEN(chains); k++) {
        const struct chain *c = chains[k];
        assert_int_equal(c->segs[0]->cap, SEGMENT_BYTES_MIN);
        for (uint32_t i = 1; i < c->n; i++) {
            uint32_t wanted = c->segs[i - 1]->cap * 2;
            assert_int_equal(c->segs[i]->cap, wanted < SEGMENT_BYTES_MAX ? wanted : SEGMENT_BYTES_MAX);
        }
        assert_true(c->n > 7);
    }
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
        uint64_t wall = 10000;
        for (int i = 0; i < 400; i++) {
            wall += prng_below(&f->dice, 50);
            add(f, prng_below(&f->dice, 200), wall);
            uint64_t tail = f->log.tail, late = wall + prng_below(&f->dice, 20);
            log_trim(&f->log, lim, f->log.committed, late);
            uint64_t kept = f->log.head + 1 - f->log.tail;
            bool newest_old = late - wall > lim->age_ms;
            assert_int_equal(kept == 0, newest_old); // count and bytes leave the newest, age leaves nothing
            if (kept > 1) {
                assert_true(kept <= lim->records && f->log.bytes <= lim->bytes);
                assert_true(late - f->all[f->log.tail].time_ms <= lim->age_ms);
            }
            if (f->log.tail > tail && kept > 0 && lim->bytes == UINT32_MAX) { // and not one too many
                uint64_t last = f->log.tail - 1;
                assert_true(f->log.head + 1 - last > lim->records ||
                            late - f->all[last].time_ms > lim->age_ms);
            }
            assert_true(f->log.records.bytes <= 2 * f->log.bytes + 2 * SEGMENT_BYTES_MAX);
            for (uint32_t m = 0; m < 12; m += 3)
                assert_int_equal(log_messages_back(&f->log, f->log.committed, m), slow_back(f, m));
        }
        agrees(f);
        replays(f, ENCODING_TEXT_LINE, f->log.tail);
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
    listen(f, ENCODING_JSON);
    for (int i = 0; i < 600; i++) {
        uint64_t passed = prng_below(&f->dice, 60);
        now += passed;
        wall += (int64_t)passed;
        if (prng_below(&f->dice, 20) == 0)
            wall += steps[prng_below(&f->dice, ARRAY_LEN(steps))];
        add_at(f, prng_below(&f->dice, 60), (uint64_t)wall, now);
        said[f->log.head] = now;
        log_trim(&f->log, &lim, f->log.committed, now);
        uint64_t tail = f->log.tail;
        assert_true(now - said[tail] <= lim.age_ms);                 // nothing stays too long
        assert_true(tail == 1 || now - said[tail - 1] > lim.age_ms); // nothing goes too early
        assert_int_equal(log_oldest_age_ms(&f->log, now), now - said[tail]);
    }
    assert_true(f->log.tail > 100);
    live_announced(&f->live, &f->mem);
    assert_int_equal(live_chain(f)->n, 1); // frames know no clock
    agrees(f);
    log_trim(&f->log, &lim, f->log.committed, now + lim.age_ms + 1);
    assert_int_equal(f->log.tail, f->log.head + 1);
    assert_int_equal(f->log.bytes, 0);
    add_at(f, 10, 1, now); // the numbering goes on
    agrees(f);
    fixture_free(f);
}

// What a caller can see, as one number per kind.
struct view {
    uint64_t head, tail, place;
    size_t bytes, allocated, segments;
};

static struct view view_of(struct fixture *f)
{
    struct view v = {.head = f->log.head,
                     .tail = f->log.tail,
                     .place = f->live.place,
                     .bytes = f->log.bytes,
                     .allocated = f->log.records.bytes,
                     .segments = f->log.records.n};
    for (uint32_t i = 0; i < f->live.tracks.n; i++) {
        v.segments += tracks_const(&f->live.tracks)[i].chain.n;
        v.allocated += tracks_const(&f->live.tracks)[i].chain.bytes;
    }
    return v;
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(6);
    uint32_t failures = 0;
    static char large[5000]; // needs a segment of its own everywhere: one may be had, and the next one not
    memset(large, 'l', sizeof large);
    large[0] = large[sizeof large - 1] = '"';
    for (int d = 0; d < ENCODINGS_SERVED; d++)
        listen(f, d);
    // Who speaks is known; where there is no memory to remember that, frames say so in full (test_core_speakers).
    struct entry first = {
        .type = ENTRY_MESSAGE, .offset = 1, .room = room, .user = STR("u"), .data = STR("1")};
    assert_int_equal(place(f, &first), OK);
    f->all[f->log.head] = first;
    for (int i = 0; i < 120; i++) {
        size_t data_n = i % 10 == 9 ? 3000 : prng_below(&f->dice, 300);
        for (uint64_t k = 1;; k++) {
            struct view before = view_of(f);
            test_mem_restart(&f->t);
            f->t.fail_at = k;
            struct entry e = {.type = i % 8 == 3 ? ENTRY_MEMBERS_COUNT : ENTRY_MESSAGE,
                              .offset = f->log.head + 1,
                              .room = room,
                              .user = STR("u"),
                              .data = STR("1")};
            if (i % 8 == 5)
                e.data = str_make(large, sizeof large);
            enum err result = place(f, &e);
            bool failed = atomic_load(&f->t.failed) != 0;
            f->t.fail_at = 0;
            log_check(&f->log);
            live_check(&f->live);
            if (result == OK) {
                assert_false(failed);
                if (i % 8 != 3)
                    f->all[f->log.head] = e;
                break;
            }
            failures++;
            assert_int_equal(result, ERR_NOMEM);
            assert_int_equal(e.offset, f->log.head + 1);
            struct view after = view_of(f);
            assert_memory_equal(&before, &after, sizeof before);
            buf_deinit(&f->scratch); // so that it too has to grow
            buf_init(&f->scratch, &f->mem, 0);
        }
        add(f, data_n, 1);
    }
    assert_true(failures > 30);
    agrees(f);
    for (uint64_t k = 1, done = 0; done == 0; k++) { // what was made of a replay stays, and is right
        test_mem_restart(&f->t);
        f->t.fail_at = k;
        done = replay(f, ENCODING_TEXT_WS, REPLAY_FRAMES, 1, f->log.head, 1) == OK;
        f->t.fail_at = 0;
        replay_check(f->replay, &f->log);
    }
    replays(f, ENCODING_TEXT_WS, 1);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_is_replayed_in_any_encoding),
        cmocka_unit_test(a_replay_is_made_once),
        cmocka_unit_test(the_live_stream_has_places),
        cmocka_unit_test(what_was_taken_back_is_let_go_of),
        cmocka_unit_test(segments_grow_to_their_size),
        cmocka_unit_test(trims_by_each_limit),
        cmocka_unit_test(the_wall_clock_may_be_set),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
