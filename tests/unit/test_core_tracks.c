// SPDX-License-Identifier: Apache-2.0
//
// Tracks against an array that has a place for each encoding.
#include "base/prng.h"
#include "core/log/tracks.h"
#include "dialect/ways.h"
#include "unit/support.h"

enum { KEYS = 20, STEPS = 20000 };

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct tracks tracks;
    bool there[KEYS];
    uint64_t first[KEYS]; // of the only segment of its chain
    uint32_t n;
};

static void agrees(const struct fixture *f)
{
    tracks_check(&f->tracks);
    assert_int_equal(f->tracks.n, f->n);
    for (uint8_t key = 0; key < KEYS; key++) {
        const struct track *t = tracks_find((struct tracks *)(uintptr_t)&f->tracks, key);
        assert_int_equal(t != NULL, f->there[key]);
        if (t == NULL)
            continue;
        assert_int_equal(t->key, key);
        assert_int_equal(t->chain.segs[0]->first, f->first[key]);
        assert_ptr_equal(tracks_chain(&f->tracks, key), &t->chain);
    }
}

static void add(struct fixture *f, uint8_t key, uint64_t first)
{
    if (tracks_reserve(&f->tracks, &f->mem, key) != OK)
        return;
    uint64_t calls = atomic_load(&f->t.calls);
    struct track *t = tracks_add(&f->tracks, key);
    assert_int_equal(atomic_load(&f->t.calls), calls); // needs no memory any more
    assert_int_equal(t->chain.n != 0, f->there[key]);
    if (f->there[key])
        return;
    struct segment *s = segment_create(&f->mem, first, 8);
    if (s == NULL || chain_push(&t->chain, &f->mem, s) != OK) {
        segment_unref(&f->mem, s);
        tracks_remove(&f->tracks, &f->mem, t);
        return;
    }
    f->there[key] = true;
    f->first[key] = first;
    f->n++;
}

static void any_order(void **state)
{
    (void)state;
    static struct fixture f;
    struct prng dice;
    prng_init(&dice, 7);
    test_mem_init(&f.t, &f.mem);
    for (uint64_t i = 0; i < STEPS; i++) {
        uint8_t key = (uint8_t)prng_below(&dice, i / 1000 % 2 == 0 ? 3 : KEYS);
        f.t.fail_at = 0;
        test_mem_restart(&f.t);
        if (prng_below(&dice, 20) == 0)
            f.t.fail_at = 1 + prng_below(&dice, 3);
        if (prng_below(&dice, 2) == 0) {
            add(&f, key, i);
        } else if (f.there[key]) {
            tracks_remove(&f.tracks, &f.mem, tracks_find(&f.tracks, key));
            f.there[key] = false;
            f.n--;
        }
        agrees(&f);
    }
    tracks_deinit(&f.tracks, &f.mem);
    test_mem_check(&f.t);
    assert_int_equal(mem_used(&f.mem), 0);
}

// One encoding needs no memory of its own, nor does what nobody reads; back to one, what the others took is given back.
static void one_is_in_place(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    struct tracks tracks = {0};
    test_mem_init(&t, &mem);
    assert_int_equal(tracks_reserve(&tracks, &mem, 5), OK);
    tracks_add(&tracks, 5);
    assert_int_equal(mem_used(&mem), 0);
    assert_int_equal(tracks_reserve(&tracks, &mem, 6), OK);
    tracks_add(&tracks, 6);
    assert_true(mem_used(&mem) > 0);
    tracks_remove(&tracks, &mem, tracks_find(&tracks, 5));
    assert_int_equal(mem_used(&mem), 0);
    assert_non_null(tracks_find(&tracks, 6));
    assert_int_equal(tracks_reserve(&tracks, &mem, 7), OK); // and nobody comes
    tracks_deinit(&tracks, &mem);
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(one_is_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
