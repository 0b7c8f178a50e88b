// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "core/log/chain.h"
#include "unit/support.h"

static struct segment *make(struct mem *m, uint64_t first, uint32_t count)
{
    struct segment *s = segment_create(m, first, 256);
    assert_non_null(s);
    for (uint32_t i = 0; i < count; i++)
        segment_append(s, STR_NONE, STR("x"), STR_NONE, false);
    return s;
}

static void check(const struct chain *c)
{
    size_t bytes = 0;
    assert_true(c->n <= c->cap);
    for (uint32_t i = 0; i < c->n; i++) {
        bytes += c->segs[i]->cap;
        if (i > 0)
            assert_int_equal(c->segs[i]->first, c->segs[i - 1]->first + c->segs[i - 1]->count);
    }
    assert_int_equal(bytes, c->bytes);
}

static uint32_t find_slowly(const struct chain *c, uint64_t offset)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->segs[i]->first <= offset)
            found = i;
    return found;
}

static void find_agrees_with_looking_at_each(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct prng dice;
    prng_init(&dice, 3);
    struct chain c = {0};
    uint64_t first = 10, next = first;
    for (int i = 0; i < 40; i++) {
        uint32_t count = 1 + (uint32_t)prng_below(&dice, 9);
        assert_int_equal(chain_push(&c, &mem, make(&mem, next, count)), OK);
        next += count;
        check(&c);
        for (uint64_t o = first; o < next + 3; o++)
            assert_int_equal(chain_find(&c, o), find_slowly(&c, o));
    }
    assert_ptr_equal(chain_last(&c), c.segs[39]);
    chain_deinit(&c, &mem);
    assert_null(chain_last(&c));
    test_mem_check(&t);
}

static void trim_keeps_what_is_asked_for(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (uint64_t offset = 0; offset < 40; offset++) {
        struct chain c = {0};
        for (uint64_t first = 10; first < 30; first += 5)
            assert_int_equal(chain_push(&c, &mem, make(&mem, first, 5)), OK);
        uint32_t drop = offset >= 25 ? 3 : offset >= 20 ? 2 : offset >= 15 ? 1 : 0;
        assert_int_equal(chain_trim(&c, &mem, offset), drop);
        assert_int_equal(c.n, 4 - drop);
        assert_int_equal(c.segs[0]->first, 10 + 5 * drop);
        check(&c);
        assert_int_equal(atomic_load(&t.blocks), 1 + c.n);
        assert_int_equal(chain_trim(&c, &mem, offset), 0);
        chain_deinit(&c, &mem);
        test_mem_check(&t);
    }
}

// A run of segments is handed to two holders, the second getting it in pieces and any order of pieces, some twice.
static void merge_takes_any_order_and_drops_what_it_has(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct chain home = {0}, outlet = {0};
        uint32_t n = 1 + (uint32_t)prng_below(&dice, 12);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(chain_push(&home, &mem, make(&mem, 1 + 3 * i, 3)), OK);
        for (uint32_t k = 0; k < 3 * n; k++) {
            struct segment *s = home.segs[prng_below(&dice, n)];
            assert_int_equal(chain_merge(&outlet, &mem, segment_ref(s)), OK);
            for (uint32_t i = 1; i < outlet.n; i++)
                assert_true(outlet.segs[i - 1]->first < outlet.segs[i]->first);
        }
        for (uint32_t i = n; i-- > 0;) // a join's: the whole run
            assert_int_equal(chain_merge(&outlet, &mem, segment_ref(home.segs[i])), OK);
        check(&outlet);
        assert_int_equal(outlet.n, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_ptr_equal(outlet.segs[i], home.segs[i]);
            assert_int_equal(atomic_load(&home.segs[i]->refs), 2);
        }
        chain_deinit(&home, &mem);
        assert_int_equal(atomic_load(&t.blocks), n + 1);
        chain_deinit(&outlet, &mem);
        test_mem_check(&t);
    }
}

static void pop_takes_the_newest(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct chain c = {0};
    for (uint64_t first = 1; first < 4; first++)
        assert_int_equal(chain_push(&c, &mem, make(&mem, first, 1)), OK);
    chain_pop(&c, &mem);
    check(&c);
    assert_int_equal(chain_last(&c)->first, 2);
    chain_pop(&c, &mem);
    chain_pop(&c, &mem);
    test_mem_check(&t); // the array too
    assert_int_equal(c.n, 0);
    assert_int_equal(c.bytes, 0);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct chain c = {0};
    for (uint64_t first = 1; first < 9; first++) {
        struct segment *s = make(&mem, first, 1);
        test_mem_restart(&t);
        t.fail_at = 1;
        uint32_t n = c.n;
        enum err e = first % 2 ? chain_push(&c, &mem, s) : chain_merge(&c, &mem, s);
        t.fail_at = 0;
        check(&c);
        if (e == OK) {
            assert_int_equal(c.n, n + 1);
            continue;
        }
        assert_int_equal(e, ERR_NOMEM);
        assert_int_equal(c.n, n);
        assert_int_equal(chain_push(&c, &mem, s), OK); // the reference was still ours
    }
    assert_int_equal(c.n, 8);
    chain_deinit(&c, &mem);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_agrees_with_looking_at_each),
        cmocka_unit_test(trim_keeps_what_is_asked_for),
        cmocka_unit_test(merge_takes_any_order_and_drops_what_it_has),
        cmocka_unit_test(pop_takes_the_newest),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
