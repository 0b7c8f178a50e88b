// SPDX-License-Identifier: Apache-2.0
//
// The memory of production: blocks of all sizes, and when what is freed is given back to the system: after a fall, and as long as it
// goes on.
#include "io/mem_malloc.h"
#include "unit/support.h"

enum { KIB = 1024, BLOCKS = 64 };

struct held {
    struct mem mem;
    struct mem_watch watch;
    void *blocks[BLOCKS];
    size_t sizes[BLOCKS];
};

static void hold(struct held *h, int i, size_t n)
{
    h->blocks[i] = mem_alloc(&h->mem, n);
    h->sizes[i] = n;
    assert_non_null(h->blocks[i]);
}

static void let_go(struct held *h, int i)
{
    mem_free(&h->mem, h->blocks[i], h->sizes[i]);
    h->blocks[i] = NULL;
}

static bool look(struct held *h) { return mem_watch_look(&h->watch, &h->mem); }

static void the_tail_of_a_fall_is_given_back(void **state)
{
    (void)state;
    struct held h = {0};
    mem_init(&h.mem, mem_malloc_backend(), (size_t)1 << 30);
    for (int i = 0; i < 4; i++)
        hold(&h, i, 1024 * KIB);
    for (int i = 4; i < 8; i++)
        hold(&h, i, 100 * KIB);
    assert_false(look(&h)); // nothing has been freed
    let_go(&h, 4);
    assert_false(look(&h)); // a little
    let_go(&h, 0);
    let_go(&h, 1);
    assert_true(look(&h)); // in the midst of it
    assert_false(look(&h));
    let_go(&h, 5);
    assert_true(look(&h)); // it goes on
    for (int i = 0; i < 8; i++)
        assert_false(look(&h));
    let_go(&h, 6);
    assert_false(look(&h)); // a little, much later, is not part of it
    hold(&h, 0, 2048 * KIB);
    let_go(&h, 0);
    assert_true(look(&h)); // between two looks
    let_go(&h, 2);
    let_go(&h, 3);
    let_go(&h, 7);
}

// The last pages may be held by very little.
static void by_every_fourth_look_all_of_it(void **state)
{
    (void)state;
    struct held h = {0};
    mem_init(&h.mem, mem_malloc_backend(), (size_t)1 << 30);
    hold(&h, 0, 4096 * KIB);
    for (int i = 1; i < 4; i++)
        hold(&h, i, KIB);
    let_go(&h, 0);
    assert_true(look(&h));
    for (int round = 1; round <= 2; round++) {
        let_go(&h, round);
        for (int i = 1; i < 4; i++)
            assert_false(look(&h));
        assert_true(look(&h));
    }
    let_go(&h, 3); // the tail is over
    for (int i = 0; i < 8; i++)
        assert_false(look(&h));
}

static void a_small_fall_of_much_is_not_worth_it(void **state)
{
    (void)state;
    struct held h = {0};
    mem_init(&h.mem, mem_malloc_backend(), (size_t)1 << 30);
    for (int i = 0; i < 20; i++)
        hold(&h, i, 1024 * KIB);
    assert_false(look(&h));
    let_go(&h, 0);
    let_go(&h, 1);
    assert_false(look(&h)); // a tenth
    let_go(&h, 2);
    assert_true(look(&h));
    for (int i = 3; i < 20; i++)
        let_go(&h, i);
}

// What came for a moment lies between what stays, and nothing falls.
static void much_that_came_to_stay_is_looked_through_once_it_rests(void **state)
{
    (void)state;
    struct held h = {0};
    mem_init(&h.mem, mem_malloc_backend(), (size_t)1 << 30);
    hold(&h, 0, 2048 * KIB);
    assert_false(look(&h)); // it has just come
    hold(&h, 1, 100 * KIB);
    assert_false(look(&h)); // and more
    assert_true(look(&h));
    for (int i = 0; i < 8; i++)
        assert_false(look(&h)); // and once is enough
    hold(&h, 2, 900 * KIB);
    for (int i = 0; i < 4; i++)
        assert_false(look(&h)); // no megabyte
    hold(&h, 3, 200 * KIB);
    assert_false(look(&h));
    assert_true(look(&h));
    hold(&h, 4, 20480 * KIB);
    for (int i = 0; i < 3; i++) {
        hold(&h, 5, 200 * KIB); // somebody comes and goes between two looks
        let_go(&h, 5);
        assert_false(look(&h));
    }
    for (int i = 0; i < 5; i++)
        let_go(&h, i);
}

// Whatever its size becomes: of malloc's blocks, of those that are mapped, and from one to the other.
static void a_block_keeps_what_is_in_it(void **state)
{
    (void)state;
    static const size_t sizes[] = {10,
                                   MEM_PAGES_OF_ITS_OWN - 1,
                                   MEM_PAGES_OF_ITS_OWN,
                                   MEM_PAGES_OF_ITS_OWN + 5000,
                                   1000 * KIB,
                                   300 * KIB + 1,
                                   MEM_PAGES_OF_ITS_OWN,
                                   20 * KIB,
                                   3000 * KIB,
                                   1};
    struct mem mem;
    mem_init(&mem, mem_malloc_backend(), 0);
    unsigned char *p = NULL;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        p = mem_realloc(&mem, p, n, sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < n && k < sizes[i]; k++)
            assert_true(p[k] == (unsigned char)(k / 251 + k));
        n = sizes[i];
        for (size_t k = 0; k < n; k++)
            p[k] = (unsigned char)(k / 251 + k);
    }
    mem_free(&mem, p, n);
    assert_int_equal(mem_used(&mem), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_what_is_in_it),
        cmocka_unit_test(the_tail_of_a_fall_is_given_back),
        cmocka_unit_test(by_every_fourth_look_all_of_it),
        cmocka_unit_test(a_small_fall_of_much_is_not_worth_it),
        cmocka_unit_test(much_that_came_to_stay_is_looked_through_once_it_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
