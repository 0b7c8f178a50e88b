// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"
#include "base/prng.h"
#include "unit/support.h"

static void heap_empty(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct heap h;
    struct heap_item item = {1, 2, 3};
    heap_init(&h, &mem, 0);
    heap_check(&h);
    assert_false(heap_peek(&h, &item));
    assert_false(heap_pop_due(&h, UINT64_MAX, &item));
    assert_int_equal(item.id, 2); // untouched
    assert_int_equal(heap_push(&h, item), ERR_LIMIT);
    heap_deinit(&h);
    assert_int_equal(atomic_load(&t.calls), 0);
    struct heap zero;
    memset(&zero, 0, sizeof zero);
    heap_deinit(&zero);
}

static void heap_pops_only_what_is_due(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct heap h;
    struct heap_item item;
    heap_init(&h, &mem, 3);
    assert_int_equal(heap_push(&h, (struct heap_item){30, 3, 33}), OK);
    assert_int_equal(heap_push(&h, (struct heap_item){UINT64_MAX, 4, 44}), OK);
    assert_int_equal(heap_push(&h, (struct heap_item){10, 1, 11}), OK);
    assert_int_equal(heap_push(&h, (struct heap_item){20, 2, 22}), ERR_LIMIT);
    assert_true(heap_peek(&h, &item));
    assert_int_equal(item.due_ms, 10);
    assert_false(heap_pop_due(&h, 9, &item));
    assert_true(heap_pop_due(&h, 10, &item));
    assert_int_equal(item.id, 1);
    assert_int_equal(item.gen, 11);
    assert_false(heap_pop_due(&h, 10, &item));
    assert_true(heap_pop_due(&h, 1000, &item));
    assert_int_equal(item.id, 3);
    assert_false(heap_pop_due(&h, 1000, &item));
    assert_true(heap_pop_due(&h, UINT64_MAX, &item));
    assert_int_equal(item.id, 4);
    assert_int_equal(h.count, 0);
    heap_deinit(&h);
    test_mem_check(&t);
}

// Against an unsorted list that is searched for its minimum. Ties may come out in any order, so an item is struck
// off by its id. Every tenth allocation fails.
enum { ORACLE_MAX = 700 };

static void heap_against_oracle(void **state)
{
    (void)state;
    static struct heap_item oracle[ORACLE_MAX];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct prng g;
        prng_init(&g, seed);
        struct heap h;
        heap_init(&h, &mem, ORACLE_MAX);
        uint32_t count = 0, next_id = 0;
        uint64_t now = 0, spread = seed % 2 ? 5 : 1000000;
        for (int i = 0; i < 5000; i++) {
            // Long phases of filling and of draining, so that both ends are met.
            if (prng_below(&g, 100) < (i / 1000 % 2 ? 30u : 70u)) {
                struct heap_item item = {now + prng_below(&g, spread), next_id, next_id * 7};
                t.fail_at = prng_below(&g, 10) ? 0 : atomic_load(&t.calls) + 1;
                bool must_grow = h.count == h.cap;
                enum err e = heap_push(&h, item);
                if (count == ORACLE_MAX) {
                    assert_int_equal(e, ERR_LIMIT);
                } else if (must_grow && t.fail_at) {
                    assert_int_equal(e, ERR_NOMEM);
                } else {
                    assert_int_equal(e, OK);
                    oracle[count++] = item;
                    next_id++;
                }
            } else {
                now += prng_below(&g, spread / 4 + 1);
                uint64_t least = UINT64_MAX;
                for (uint32_t k = 0; k < count; k++)
                    least = oracle[k].due_ms < least ? oracle[k].due_ms : least;
                struct heap_item item = {0, UINT32_MAX, 0};
                bool popped = heap_pop_due(&h, now, &item);
                assert_int_equal(popped, count > 0 && least <= now);
                if (popped) {
                    assert_int_equal(item.due_ms, least);
                    uint32_t k = 0;
                    while (k < count && oracle[k].id != item.id)
                        k++;
                    assert_true(k < count);
                    assert_memory_equal(&oracle[k], &item, sizeof item);
                    oracle[k] = oracle[--count];
                }
            }
            assert_int_equal(h.count, count);
            if (i % 16 == 0)
                heap_check(&h);
        }
        struct heap_item item;
        uint64_t last = 0;
        while (heap_pop_due(&h, UINT64_MAX, &item)) {
            assert_true(item.due_ms >= last);
            last = item.due_ms;
            count--;
        }
        assert_int_equal(count, 0);
        heap_deinit(&h);
        test_mem_check(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_empty),
        cmocka_unit_test(heap_pops_only_what_is_due),
        cmocka_unit_test(heap_against_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
