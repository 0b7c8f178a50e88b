// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"
#include "base/prng.h"
#include "unit/support.h"

enum { IDS = 200 };

static void heap_empty(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct heap h;
    uint32_t id = 7;
    heap_init(&h, &mem);
    heap_check(&h);
    assert_int_equal(heap_next_due(&h), HEAP_NONE);
    assert_int_equal(heap_due(&h, 3), HEAP_NONE);
    assert_false(heap_pop_due(&h, UINT64_MAX, &id));
    assert_int_equal(id, 7); // untouched
    heap_remove(&h, 5);
    heap_deinit(&h);
    assert_int_equal(atomic_load(&t.calls), 0);
}

static void heap_moves_a_timer(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct heap h;
    uint32_t id;
    heap_init(&h, &mem);
    assert_int_equal(heap_set(&h, 1, 30), OK);
    assert_int_equal(heap_set(&h, 2, 20), OK);
    assert_int_equal(heap_set(&h, 1, 10), OK); // earlier
    assert_int_equal(heap_due(&h, 1), 10);
    assert_int_equal(heap_set(&h, 2, 40), OK); // later
    assert_int_equal(h.count, 2);
    assert_false(heap_pop_due(&h, 9, &id));
    assert_true(heap_pop_due(&h, 10, &id));
    assert_int_equal(id, 1);
    assert_false(heap_pop_due(&h, 39, &id));
    heap_remove(&h, 2);
    assert_int_equal(heap_next_due(&h), HEAP_NONE);
    heap_deinit(&h);
    test_mem_check(&t);
}

static void oracle_check(const struct heap *h, const uint64_t *due)
{
    uint64_t earliest = HEAP_NONE;
    for (uint32_t i = 0; i < IDS; i++) {
        assert_int_equal(heap_due(h, i), due[i]);
        if (due[i] < earliest)
            earliest = due[i];
    }
    assert_int_equal(heap_next_due(h), earliest);
    heap_check(h);
}

static void heap_against_an_array(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct heap h;
    struct prng g;
    uint64_t due[IDS];
    for (uint32_t i = 0; i < IDS; i++)
        due[i] = HEAP_NONE;
    prng_init(&g, 11);
    heap_init(&h, &mem);
    for (int step = 0; step < 20000; step++) {
        uint32_t id = (uint32_t)prng_below(&g, IDS);
        switch (prng_below(&g, 4)) {
        case 0:
        case 1:
            due[id] = prng_below(&g, 1000);
            assert_int_equal(heap_set(&h, id, due[id]), OK);
            break;
        case 2:
            due[id] = HEAP_NONE;
            heap_remove(&h, id);
            break;
        default: {
            uint64_t now = prng_below(&g, 1000), first = heap_next_due(&h);
            bool popped = heap_pop_due(&h, now, &id);
            assert_int_equal(popped, first <= now);
            if (popped) {
                assert_int_equal(due[id], first);
                due[id] = HEAP_NONE;
            }
        }
        }
        if (step % 16 == 0)
            oracle_check(&h, due);
    }
    assert_true(h.count <= IDS);
    heap_deinit(&h);
    test_mem_check(&t);
}

static void heap_out_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        t.fail_at = n;
        struct heap h;
        heap_init(&h, &mem);
        assert_int_equal(heap_set(&h, 100, 5), ERR_NOMEM);
        heap_check(&h);
        assert_int_equal(heap_due(&h, 100), HEAP_NONE);
        assert_int_equal(heap_set(&h, 100, 5), OK);
        assert_int_equal(heap_next_due(&h), 5);
        heap_deinit(&h);
        test_mem_check(&t);
    }
}

static void heap_gives_back_what_a_peak_left(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    for (int keep = 0; keep < 2; keep++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct heap h;
        heap_init(&h, &mem);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_int_equal(heap_set(&h, i, 1000000 - i), OK);
        size_t peak = mem_used(&mem);
        for (uint32_t i = COUNT; i-- > (keep ? 3u : 0u);) {
            heap_remove(&h, i);
            heap_fit(&h);
            if (i % 500 == 0)
                heap_check(&h);
        }
        assert_true(mem_used(&mem) <= (keep ? peak / 100 : 0));
        heap_check(&h);
        assert_int_equal(heap_next_due(&h), keep ? 1000000 - 2 : HEAP_NONE);
        assert_int_equal(heap_set(&h, COUNT, 1), OK); // and grows again
        assert_int_equal(heap_next_due(&h), 1);
        heap_check(&h);
        heap_deinit(&h);
        test_mem_check(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_empty),
        cmocka_unit_test(heap_moves_a_timer),
        cmocka_unit_test(heap_against_an_array),
        cmocka_unit_test(heap_out_of_memory),
        cmocka_unit_test(heap_gives_back_what_a_peak_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
