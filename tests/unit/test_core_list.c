// SPDX-License-Identifier: Apache-2.0
//
// Lists of pool indices: nothing is lost or there twice, whatever is taken out where.
#include "base/prng.h"
#include "core/common/list.h"
#include "unit/support.h"

enum { CAP = 40 };

static uint32_t times(const struct index_list *l, uint32_t index)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++)
        n += l->v[i] == index;
    return n;
}

static void nothing_is_lost(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct index_list l;
    assert_int_equal(index_list_init(&l, &mem, CAP), OK);
    bool on[CAP] = {false};
    uint32_t count = 0, index, pops = 0, drops = 0;
    struct prng dice;
    prng_init(&dice, 4);
    assert_false(index_list_pop(&l, &index));
    for (int step = 0; step < 5000; step++) {
        uint32_t i = (uint32_t)prng_below(&dice, CAP);
        bool rising = step / 250 % 2 == 0;
        if (prng_below(&dice, 100) < (rising ? 80 : 20)) {
            if (!on[i]) {
                index_list_push(&l, i);
                on[i] = true;
                count++;
            }
        } else if (prng_below(&dice, 2) == 0) {
            index_list_drop(&l, i); // on it or not
            drops += on[i];
            count -= on[i];
            on[i] = false;
        } else if (index_list_pop(&l, &index)) {
            assert_true(on[index]);
            on[index] = false;
            count--;
            pops++;
        } else {
            assert_int_equal(count, 0);
        }
        assert_int_equal(l.n, count);
        for (uint32_t k = 0; k < CAP; k++)
            assert_int_equal(times(&l, k), on[k]);
    }
    assert_true(pops > 100 && drops > 100);
    index_list_deinit(&l, &mem);
    test_mem_check(&t);
}

static void push_one_more(void *arg) { index_list_push(arg, 7); }

static void it_is_as_large_as_its_pool(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct index_list l;
    t.fail_at = 1;
    assert_int_equal(index_list_init(&l, &mem, CAP), ERR_NOMEM);
    index_list_deinit(&l, &mem);
    assert_int_equal(index_list_init(&l, &mem, CAP), OK);
    for (uint32_t i = 0; i < CAP; i++)
        index_list_push(&l, i);
    assert_true(asserts(push_one_more, &l));
    assert_int_equal(l.n, CAP);
    index_list_deinit(&l, &mem);
    index_list_deinit(&l, &mem); // an empty one
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(it_is_as_large_as_its_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
