// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "base/slab.h"
#include "unit/support.h"

static void slab_handles_go_stale(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct slab s;
    slab_init(&s, &mem, 24, 100);
    assert_int_equal(mem_used(&mem), 0); // nothing before the first object
    uint32_t a = slab_alloc(&s), gen_a = slab_gen(&s, a);
    uint32_t b = slab_alloc(&s), gen_b = slab_gen(&s, b);
    assert_ptr_equal(slab_get(&s, a, gen_a), slab_at(&s, a));
    slab_free(&s, a);
    assert_false(slab_used(&s, a));
    assert_null(slab_get(&s, a, gen_a));
    assert_null(slab_get(&s, a, slab_gen(&s, a))); // the generation of a free object is no handle either
    uint32_t c = slab_alloc(&s);
    assert_int_equal(c, a); // the one freed last
    assert_null(slab_get(&s, a, gen_a));
    assert_non_null(slab_get(&s, c, slab_gen(&s, c)));
    assert_non_null(slab_get(&s, b, gen_b));
    assert_null(slab_get(&s, b + 1, 1));
    assert_null(slab_get(&s, SLAB_NONE, 1));
    assert_null(slab_get(&s, 0, 0));
    assert_false(slab_used(&s, b + 1));
    assert_false(slab_used(&s, SLAB_NONE));
    slab_check(&s);
    slab_deinit(&s);
    test_mem_check(&t);
}

static void slab_generation_wraps(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct slab s;
    slab_init(&s, &mem, 8, 1);
    uint32_t a = slab_alloc(&s);
    slab_cell_at(&s, a)->gen = UINT32_MAX;
    slab_free(&s, a);
    assert_int_equal(slab_gen(&s, a), 0);
    assert_null(slab_get(&s, a, 0));
    assert_int_equal(slab_alloc(&s), a);
    assert_int_equal(slab_gen(&s, a), 1);
    slab_deinit(&s);
    test_mem_check(&t);
}

static void at_free(void *arg) { slab_at(arg, 0); }

static void at_never_used(void *arg) { slab_at(arg, 1); }

static void free_twice(void *arg) { slab_free(arg, 0); }

static void slab_catches_misuse(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct slab s;
    slab_init(&s, &mem, 8, 10);
    assert_int_equal(slab_alloc(&s), 0);
    assert_false(asserts(at_free, &s));
    assert_true(asserts(at_never_used, &s));
    slab_free(&s, 0);
    assert_true(asserts(at_free, &s));
    assert_true(asserts(free_twice, &s));
    slab_check(&s);
    slab_deinit(&s);
    slab_deinit(&s); // harmless
    test_mem_check(&t);
    struct slab zero;
    memset(&zero, 0, sizeof zero);
    slab_deinit(&zero);
}

static void slab_limits_for_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 9, 100, 256, 2040, 2041, 8184, 8185, 16376, 16377, 40000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (uint32_t count_max = 0; count_max <= 70; count_max += 7) {
            struct test_mem t;
            struct mem mem;
            test_mem_init(&t, &mem);
            struct slab s;
            slab_init(&s, &mem, sizes[i], count_max);
            for (uint32_t k = 0; k < count_max; k++) {
                assert_int_equal(slab_alloc(&s), k);
                char *p = slab_at(&s, k);
                assert_int_equal((uintptr_t)p % 8, 0);
                memset(p, (int)k + 1, sizes[i]);
            }
            assert_int_equal(slab_alloc(&s), SLAB_NONE);
            for (uint32_t k = 0; k < count_max; k++) {
                char *p = slab_at(&s, k);
                assert_int_equal(p[0], k + 1);
                assert_int_equal(p[sizes[i] - 1], k + 1);
            }
            // A pool of few objects takes no full chunk: at most twice what the limit needs, and the table.
            assert_true(mem_used(&mem) <= 2 * count_max * (sizes[i] + 16) + count_max * 16 + 64);
            slab_check(&s);
            slab_deinit(&s);
            test_mem_check(&t);
        }
    }
}

// A model of each index that was ever used: in use or not, generation, address, and the number written into it.
enum { MODEL_MAX = 3000 };

struct object {
    uint64_t stamp;
    unsigned char rest[56];
};

struct model {
    bool used;
    uint32_t gen;
    struct object *at;
    uint64_t stamp;
};

static void model_alloc(struct slab *s, struct model *models, uint64_t stamp)
{
    static const struct object zero;
    uint32_t index = slab_alloc(s);
    assert_true(index < MODEL_MAX);
    struct model *m = &models[index];
    assert_false(m->used);
    struct object *o = slab_at(s, index);
    assert_memory_equal(o, &zero, sizeof zero);
    assert_true(m->at == NULL || m->at == o); // objects never move
    assert_true(slab_gen(s, index) > m->gen);
    memset(o, 0xee, sizeof *o);
    o->stamp = stamp;
    *m = (struct model){true, slab_gen(s, index), o, stamp};
}

static void slab_against_oracle(void **state)
{
    (void)state;
    static struct model models[MODEL_MAX];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        memset(models, 0, sizeof models);
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct prng g;
        prng_init(&g, seed);
        struct slab s;
        slab_init(&s, &mem, sizeof(struct object), MODEL_MAX);
        uint32_t count = 0;
        for (uint64_t i = 0; i < 20000; i++) {
            uint32_t at = (uint32_t)prng_below(&g, MODEL_MAX);
            struct model *m = &models[at];
            if (prng_below(&g, 100) < (i / 5000 % 2 ? 35u : 65u)) {
                if (count == MODEL_MAX) {
                    assert_int_equal(slab_alloc(&s), SLAB_NONE);
                } else {
                    model_alloc(&s, models, i);
                    count++;
                }
            } else if (m->used) {
                slab_free(&s, at);
                m->used = false;
                count--;
            }
            struct object *o = slab_get(&s, at, m->gen);
            assert_ptr_equal(o, m->used ? m->at : NULL);
            assert_int_equal(slab_used(&s, at), m->used);
            if (o)
                assert_int_equal(o->stamp, m->stamp);
            assert_int_equal(s.count, count);
            if (i % 500 == 0)
                slab_check(&s);
        }
        slab_deinit(&s);
        test_mem_check(&t);
    }
}

// The table of chunks grows, then the chunk is taken: either may fail, and the next try finds things as they were.
static void slab_survives_each_failed_allocation(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        t.fail_at = fail_at;
        struct slab s;
        slab_init(&s, &mem, 16000, COUNT); // one object a chunk
        uint32_t refused = 0;
        for (uint32_t i = 0; i < COUNT;) {
            uint32_t index = slab_alloc(&s);
            slab_check(&s);
            if (index == SLAB_NONE) {
                refused++;
                assert_int_equal(s.count, i);
            } else {
                assert_int_equal(index, i++);
            }
        }
        failed = atomic_load(&t.failed) > 0;
        assert_int_equal(refused, failed);
        slab_deinit(&s);
        test_mem_check(&t);
    }
}

// After a peak the chunks are given back, in whatever order the objects go, and handles from before the peak's end
// find nothing in the chunks that are taken anew.
static void slab_gives_chunks_back(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint32_t gen[3][COUNT];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct prng g;
        prng_init(&g, seed);
        struct slab s;
        slab_init(&s, &mem, 100, COUNT);
        for (int round = 0; round < 3; round++) {
            for (uint32_t i = 0; i < COUNT; i++) {
                uint32_t index = slab_alloc(&s);
                assert_true(index < COUNT);
                gen[round][index] = slab_gen(&s, index);
                for (int before = 0; before < round; before++) {
                    assert_true(gen[before][index] < gen[round][index]);
                    assert_null(slab_get(&s, index, gen[before][index]));
                }
            }
            assert_int_equal(slab_alloc(&s), SLAB_NONE);
            assert_int_equal(slab_bytes(&s), mem_used(&mem));
            size_t peak = mem_used(&mem);
            for (uint32_t left = COUNT, at = (uint32_t)prng_below(&g, COUNT); left > 0; left--) {
                while (!slab_used(&s, at))
                    at = seed % 2 ? (at + 1) % COUNT : (uint32_t)prng_below(&g, COUNT);
                slab_free(&s, at);
                if (left % 1000 == 1)
                    slab_check(&s);
            }
            assert_true(mem_used(&mem) < 16 * 1024 + peak / 20); // a chunk, and the table
            assert_int_equal(slab_bytes(&s), mem_used(&mem));
            for (uint32_t i = 0; i < COUNT; i++)
                assert_null(slab_get(&s, i, gen[round][i]));
        }
        slab_deinit(&s);
        test_mem_check(&t);
    }
}

// A new chunk is begun only when all objects below it are in use: who keeps an array by index relies on it.
static void slab_indices_are_dense(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct prng g;
        prng_init(&g, seed);
        struct slab s;
        slab_init(&s, &mem, 1000, 3000);
        uint32_t most = 0;
        for (int i = 0; i < 30000; i++) {
            bool grow = prng_below(&g, 100) < (i / 1500 % 2 ? 25u : 75u);
            uint32_t at = s.high == 0 ? 0 : (uint32_t)prng_below(&g, s.high);
            if (grow && s.count < 3000) {
                uint32_t count = s.count, index = slab_alloc(&s);
                assert_true(index < most || index % s.per_chunk != 0 || index == count);
                most = index >= most ? index + 1 : most;
            } else if (slab_used(&s, at)) {
                slab_free(&s, at);
            }
        }
        slab_check(&s);
        slab_deinit(&s);
        test_mem_check(&t);
    }
}

// Some are kept for when memory is out, and who takes one of them can tell.
static void slab_keeps_some(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct slab s;
    slab_init(&s, &mem, 1000, 1000); // 32 to a chunk
    assert_true(slab_keep(&s, 20));
    uint32_t at_first = s.cells;
    assert_in_range(at_first, 20, 40);
    mem.bytes_max = mem_used(&mem); // out
    uint32_t got = 0, kept = 0, last = SLAB_NONE;
    for (uint32_t i; (i = slab_alloc(&s)) != SLAB_NONE; last = i) {
        got++;
        kept += slab_kept(&s);
    }
    assert_int_equal(got, at_first);
    assert_int_equal(kept, at_first - 20);
    slab_check(&s);
    slab_free(&s, last);
    assert_false(slab_kept(&s));
    mem.bytes_max = 0;
    assert_true(slab_kept(&s));
    assert_true(s.cells - s.count >= 20);
    for (uint32_t i = 0; i < s.high; i++)
        if (slab_used(&s, i))
            slab_free(&s, i);
    assert_in_range(s.cells, 20, 40); // and no more than that is kept
    slab_check(&s);
    slab_deinit(&s);
}

// The check reads free lists without the sanitizers' help: each way to break one is seen before it is followed.
static void check(void *arg) { slab_check(arg); }

static void slab_check_sees_a_broken_free_list(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct slab s;
    slab_init(&s, &mem, 1000, 100); // 32 to a chunk
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(slab_alloc(&s), i);
    slab_free(&s, 5);
    slab_free(&s, 3);
    uint32_t *next = &slab_cell_at(&s, 3)->next_free;
    assert_int_equal(*next, 5);
    // Itself, one in use, a free place but of another chunk, of none, of none, and one is lost.
    const uint32_t broken[] = {3, 4, 37, 100, UINT32_MAX - 1, SLAB_NONE};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        *next = broken[i];
        assert_true(asserts(check, &s));
    }
    *next = 5;
    assert_false(asserts(check, &s));
    uint32_t *gen = &slab_cell_at(&s, 7)->gen;
    ++*gen; // free, and in no list
    assert_true(asserts(check, &s));
    --*gen;
    assert_false(asserts(check, &s));
    slab_deinit(&s);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_keeps_some),
        cmocka_unit_test(slab_handles_go_stale),
        cmocka_unit_test(slab_generation_wraps),
        cmocka_unit_test(slab_catches_misuse),
        cmocka_unit_test(slab_limits_for_all_sizes),
        cmocka_unit_test(slab_against_oracle),
        cmocka_unit_test(slab_gives_chunks_back),
        cmocka_unit_test(slab_indices_are_dense),
        cmocka_unit_test(slab_survives_each_failed_allocation),
        cmocka_unit_test(slab_check_sees_a_broken_free_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
