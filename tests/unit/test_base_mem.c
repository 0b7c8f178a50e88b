// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"
#include "base/prng.h"
#include "unit/support.h"

#include <pthread.h>
#include <stdlib.h>

static void mem_books_what_is_outstanding(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    void *a = mem_alloc(&mem, 100);
    void *b = mem_realloc(&mem, NULL, 0, 50);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(mem_used(&mem), 150);
    b = mem_realloc(&mem, b, 50, 200);
    assert_int_equal(mem_used(&mem), 300);
    b = mem_realloc(&mem, b, 200, 10);
    assert_int_equal(mem_used(&mem), 110);
    b = mem_realloc(&mem, b, 10, 10);
    assert_int_equal(mem_used(&mem), 110);
    mem_free(&mem, a, 100);
    mem_free(&mem, b, 10);
    mem_free(&mem, NULL, 0);
    assert_int_equal(mem_used(&mem), 0);
    assert_int_equal(atomic_load(&mem.refused), 0);
    test_mem_check(&t);
}

static void mem_zalloc_clears(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const unsigned char zero[33] = {0};
    unsigned char *p = mem_zalloc(&mem, sizeof zero);
    assert_memory_equal(p, zero, sizeof zero);
    mem_free(&mem, p, sizeof zero);
    t.fail_from = 1;
    assert_null(mem_zalloc(&mem, 1));
    test_mem_check(&t);
}

static void mem_budget_is_exact(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    mem.bytes_max = 100;
    assert_null(mem_alloc(&mem, 101));
    assert_null(mem_alloc(&mem, SIZE_MAX));
    void *a = mem_alloc(&mem, 60);
    assert_non_null(a);
    assert_null(mem_alloc(&mem, 41));
    assert_null(mem_alloc(&mem, SIZE_MAX)); // used + n wraps
    assert_null(mem_realloc(&mem, a, 60, 101));
    assert_int_equal(atomic_load(&mem.refused), 5);
    assert_int_equal(atomic_load(&t.calls), 1); // a refused request does not reach the backend
    a = mem_realloc(&mem, a, 60, 100);
    assert_non_null(a);
    assert_null(mem_alloc(&mem, 1));
    // Lowered below what is out, as a reload of the configuration may do.
    mem.bytes_max = 50;
    assert_null(mem_alloc(&mem, 1));
    a = mem_realloc(&mem, a, 100, 20);
    assert_non_null(a);
    void *b = mem_alloc(&mem, 30);
    assert_non_null(b);
    mem_free(&mem, a, 20);
    mem_free(&mem, b, 30);
    test_mem_check(&t);
}

static void mem_backend_failure_leaves_no_trace(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    unsigned char *p = mem_alloc(&mem, 4);
    memcpy(p, "abcd", 4);
    t.fail_from = 2;
    assert_null(mem_alloc(&mem, 10));
    assert_null(mem_realloc(&mem, p, 4, 40));
    assert_null(mem_realloc(&mem, p, 4, 2));
    assert_memory_equal(p, "abcd", 4);
    assert_int_equal(mem_used(&mem), 4);
    assert_int_equal(atomic_load(&mem.refused), 3);
    mem_free(&mem, p, 4);
    test_mem_check(&t);
}

static void alloc_nothing(void *arg)
{
    void *p = mem_alloc(arg, 0);
    (void)p;
}

static void realloc_to_nothing(void *arg)
{
    void *p = mem_realloc(arg, NULL, 0, 0);
    (void)p;
}

static void mem_zero_bytes_are_a_mistake(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    assert_true(asserts(alloc_nothing, &mem));
    assert_true(asserts(realloc_to_nothing, &mem));
    test_mem_check(&t);
}

// Two threads take and give under one budget: it is never passed (the backend would see it), and nothing is lost.
enum { HAMMER_ROUNDS = 20000, HAMMER_MAX = 1000, HAMMER_HELD = 8 };

struct hammer {
    struct mem *mem;
    struct test_mem *t;
    uint64_t seed;
    bool passed_budget;
};

static void *hammer_run(void *arg)
{
    struct hammer *h = arg;
    struct prng g;
    prng_init(&g, h->seed);
    void *held[HAMMER_HELD] = {NULL};
    size_t size[HAMMER_HELD] = {0};
    for (int i = 0; i < HAMMER_ROUNDS; i++) {
        size_t at = prng_below(&g, HAMMER_HELD);
        if (held[at]) {
            mem_free(h->mem, held[at], size[at]);
            held[at] = NULL;
        } else {
            size[at] = 1 + prng_below(&g, 200);
            held[at] = mem_alloc(h->mem, size[at]);
        }
        if (mem_used(h->mem) > HAMMER_MAX || atomic_load(&h->t->bytes) > HAMMER_MAX)
            h->passed_budget = true;
    }
    for (size_t at = 0; at < HAMMER_HELD; at++)
        mem_free(h->mem, held[at], size[at]);
    return NULL;
}

static void mem_budget_holds_across_threads(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    mem.bytes_max = HAMMER_MAX;
    struct hammer a = {&mem, &t, 1, false}, b = {&mem, &t, 2, false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hammer_run, &a), 0);
    hammer_run(&b);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(a.passed_budget || b.passed_budget);
    assert_true(atomic_load(&mem.refused) > 0);
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

// Blocks move between shares: what one allocated the other frees, and the source's count comes out even.
static void mem_shares_settle(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem, a, b;
    test_mem_init(&t, &mem);
    mem_share_init(&a, &mem);
    mem_share_init(&b, &mem);
    void *blocks[200];
    for (int i = 0; i < 200; i++)
        blocks[i] = mem_alloc(&a, 1000);
    assert_true(mem_used(&mem) > 0 && mem_used(&mem) <= 200000);
    for (int i = 0; i < 200; i++)
        mem_free(&b, blocks[i], 1000);
    mem_share_settle(&b); // before a has: the source's count is below nothing for a moment
    assert_int_equal(mem_used(&mem), 0);
    mem_share_settle(&a);
    assert_int_equal(mem_used(&mem), 0);
    assert_int_equal(atomic_load(&mem.bytes_used), 0);
    test_mem_check(&t);
}

static void mem_shares_keep_to_the_budget(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem, share;
    test_mem_init(&t, &mem);
    mem.bytes_max = 4 * MEM_SETTLE_BYTES;
    mem_share_init(&share, &mem);
    void *blocks[1000];
    size_t n = 0;
    while (n < 1000 && (blocks[n] = mem_alloc(&share, 1000)) != NULL)
        n++;
    assert_true(n * 1000 > 3 * MEM_SETTLE_BYTES && n * 1000 <= 5 * MEM_SETTLE_BYTES);
    assert_true(atomic_load(&mem.refused) > 0);
    assert_null(mem_alloc(&share, MEM_SETTLE_BYTES));
    while (n > 0)
        mem_free(&share, blocks[--n], 1000);
    mem_share_settle(&share);
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

static void alloc_essential(void *arg)
{
    void *p = mem_alloc_essential(arg, 1);
    (void)p;
}

// The backend has nothing: what is essential comes from the reserve, whichever share asks and whichever frees.
static void mem_reserve_is_for_what_must_be(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem, a, b;
    void *must[MEM_RESERVE_CELLS];
    test_mem_init(&t, &mem);
    t.fail_from = 1;
    assert_int_equal(mem_reserve_init(&mem), ERR_NOMEM);
    test_mem_restart(&t);
    assert_int_equal(mem_reserve_init(&mem), OK);
    mem_share_init(&a, &mem);
    mem_share_init(&b, &mem);
    t.fail_from = t.calls + 1;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MEM_RESERVE_CELLS; i++) {
            must[i] = mem_alloc_essential(i % 2 ? &a : &b, MEM_ESSENTIAL_MAX);
            memset(must[i], i, MEM_ESSENTIAL_MAX);
        }
        assert_null(mem_alloc(&a, 1));
        assert_true(asserts(alloc_essential, &a));
        for (int i = 0; i < MEM_RESERVE_CELLS; i++) {
            assert_int_equal(*(unsigned char *)must[i], i % 256);
            mem_free(&a, must[i], MEM_ESSENTIAL_MAX);
        }
    }
    mem_share_settle(&a);
    mem_share_settle(&b);
    mem_reserve_deinit(&mem);
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

// A part's blocks count twice, and are refused where either budget is used up; what others take is no part of it.
static void mem_parts_are_within_the_whole(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem, part;
    test_mem_init(&t, &mem);
    mem.bytes_max = 100;
    mem_part_init(&part, &mem, 40);
    assert_true(mem_is_part(&part) && !mem_is_part(&mem));
    void *p = mem_alloc(&part, 30), *q = mem_alloc(&mem, 50);
    assert_null(mem_alloc(&part, 11)); // of its own
    assert_int_equal(mem_used(&part), 30);
    assert_int_equal(mem_used(&mem), 80);
    assert_int_equal(mem_short(&part), 0);
    p = mem_realloc(&part, p, 30, 40);
    assert_int_equal(mem_used(&mem), 90);
    assert_int_equal(mem_short(&part), 5);
    assert_null(mem_alloc(&mem, 11)); // of the whole
    assert_int_equal(atomic_load(&part.refused), 1);
    assert_int_equal(atomic_load(&mem.refused), 1);
    mem_free(&part, p, 40);
    void *more = mem_alloc(&mem, 50);
    assert_null(mem_alloc(&part, 1)); // the whole's: nothing is left booked in the part
    assert_int_equal(mem_used(&part), 0);
    assert_int_equal(mem_used(&mem), 100);
    p = mem_alloc_essential(&part, 60);
    assert_int_equal(mem_used(&part), 60);
    assert_int_equal(mem_used(&mem), 160);
    mem_free(&part, p, 60);
    mem_free(&mem, more, 50);
    mem_free(&mem, q, 50);
    part.bytes_max = 0; // no bound of its own
    p = mem_alloc(&part, 100);
    assert_non_null(p);
    mem_free(&part, p, 100);
    assert_int_equal(mem_used(&part), 0);
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

// A backend of one block at a time, which shows how that was when it was given back.
struct shown {
    unsigned char block[MEM_ESSENTIAL_MAX];
    void *backed; // of a large one: what it is given
    size_t given_back, resized;
};

static void *shown_alloc(void *ctx, size_t n)
{
    struct shown *s = ctx;
    if (n >= MEM_PAGES_OF_ITS_OWN)
        return s->backed = malloc(2 * n);
    assert_true(n <= sizeof s->block / 2);
    return s->block + (s->block[0] != 0 ? sizeof s->block / 2 : 0); // beside the one that is in use
}

static void *shown_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    struct shown *s = ctx;
    assert_true(n_old >= MEM_PAGES_OF_ITS_OWN && n >= MEM_PAGES_OF_ITS_OWN);
    s->resized++;
    return p;
}

static void shown_free(void *ctx, void *p, size_t n)
{
    struct shown *s = ctx;
    s->given_back++;
    if (n >= MEM_PAGES_OF_ITS_OWN) {
        assert_ptr_equal(p, s->backed);
        free(p);
    }
}

static bool only_at(const struct shown *s, const void *p, size_t n)
{
    const size_t from = p == NULL ? 0 : (size_t)((const unsigned char *)p - s->block);
    for (size_t i = 0; i < sizeof s->block; i++)
        if (s->block[i] != 0 && (p == NULL || i < from || i >= from + n))
            return false;
    return true;
}

// Whatever is given back is wiped first, and a block that moves leaves nothing behind; large ones are the backend's to see to.
static void mem_wipes_what_is_given_back(void **state)
{
    (void)state;
    static struct shown s;
    struct mem mem;
    mem_init(&mem, (struct mem_backend){shown_alloc, shown_realloc, shown_free, &s}, 0);
    char *p = mem_alloc(&mem, 20);
    memset(p, 'x', 20);
    p = mem_realloc(&mem, p, 20, 40);
    assert_true(only_at(&s, p, 20));
    assert_memory_equal(p, "xxxxxxxxxxxxxxxxxxxx", 20);
    memset(p, 'y', 40);
    p = mem_realloc(&mem, p, 40, 10);
    assert_true(only_at(&s, p, 10));
    assert_memory_equal(p, "yyyyyyyyyy", 10);
    char *large = mem_realloc(&mem, p, 10, MEM_PAGES_OF_ITS_OWN);
    assert_true(only_at(&s, NULL, 0));
    assert_memory_equal(large, "yyyyyyyyyy", 10);
    large = mem_realloc(&mem, large, MEM_PAGES_OF_ITS_OWN, MEM_PAGES_OF_ITS_OWN + 1);
    assert_int_equal(s.resized, 1);
    p = mem_realloc(&mem, large, MEM_PAGES_OF_ITS_OWN + 1, 10);
    assert_memory_equal(p, "yyyyyyyyyy", 10);
    mem_free(&mem, p, 10);
    assert_true(only_at(&s, NULL, 0));
    assert_int_equal(s.given_back, 5);
    assert_int_equal(s.resized, 1);
    assert_int_equal(mem_used(&mem), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_books_what_is_outstanding),
        cmocka_unit_test(mem_zalloc_clears),
        cmocka_unit_test(mem_budget_is_exact),
        cmocka_unit_test(mem_backend_failure_leaves_no_trace),
        cmocka_unit_test(mem_zero_bytes_are_a_mistake),
        cmocka_unit_test(mem_budget_holds_across_threads),
        cmocka_unit_test(mem_shares_settle),
        cmocka_unit_test(mem_shares_keep_to_the_budget),
        cmocka_unit_test(mem_reserve_is_for_what_must_be),
        cmocka_unit_test(mem_parts_are_within_the_whole),
        cmocka_unit_test(mem_wipes_what_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
