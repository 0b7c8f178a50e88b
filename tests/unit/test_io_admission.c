// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "io/admission.h"
#include "unit/support.h"

#include <pthread.h>

static const struct siphash_key hash_key = {1, 2};
static const struct rate NO_PACE = {0};

static struct address_key key_of(uint32_t n)
{
    struct address_key k = {{0}};
    memcpy(k.bytes, &n, sizeof n);
    return k;
}

static uint32_t come_in(struct admission *a, uint32_t address)
{
    struct address_key key = key_of(address);
    uint32_t ticket = UINT32_MAX;
    assert_true(admission_reserve(a, 0));
    assert_int_equal(admission_enter(a, &key, &ticket), OK);
    return ticket;
}

static void limit_in_all(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct admission a;
    admission_init(&a, &mem, &hash_key, 2, 0);
    uint32_t one = come_in(&a, 1), two = come_in(&a, 2);
    assert_int_equal(admission_connections(&a), 2);
    assert_false(admission_reserve(&a, 3));
    assert_false(admission_reserve(&a, 5));
    assert_false(admission_has_room(&a, 63));
    admission_check(&a);

    uint64_t waiting = admission_leave(&a, one);
    assert_true(waiting == (1ull << 3 | 1ull << 5 | 1ull << 63)); // each shard that asked, once
    assert_true(admission_has_room(&a, 5));
    assert_true(admission_reserve(&a, 5));
    assert_false(admission_has_room(&a, 3)); // who lost the race waits again
    assert_true(admission_cancel(&a) == 1ull << 3);
    assert_true(admission_leave(&a, two) == 0);
    assert_int_equal(admission_connections(&a), 0);
    admission_check(&a);
    admission_deinit(&a);
    test_mem_check(&t);
}

static void pace_of_an_address(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct admission a;
    admission_init(&a, &mem, &hash_key, 10, 0);
    struct address_key one = key_of(1), two = key_of(2);
    assert_true(admission_reserve(&a, 0));
    for (uint32_t i = 0; i < 100; i++)
        assert_true(admission_pace(&a, &one, 1000)); // there is no limit yet
    assert_true(admission_limits_set(&a, 10, 0, (struct rate){2, 3}) == 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(admission_pace(&a, &one, 1000));
    assert_false(admission_pace(&a, &one, 1000));
    assert_true(admission_pace(&a, &two, 1000));
    assert_false(admission_pace(&a, &one, 1499));
    assert_true(admission_pace(&a, &one, 1500));
    assert_true(admission_limits_set(&a, 10, 0, NO_PACE) == 0);
    assert_true(admission_pace(&a, &one, 1500));
    assert_true(admission_cancel(&a) == 0);
    admission_check(&a);
    admission_deinit(&a);
    test_mem_check(&t);
}

static void limit_per_address(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct admission a;
    admission_init(&a, &mem, &hash_key, 100, 2);
    uint32_t first = come_in(&a, 7);
    come_in(&a, 7);
    come_in(&a, 8);
    struct address_key seven = key_of(7);
    uint32_t ticket = 4711;
    assert_true(admission_reserve(&a, 0));
    assert_int_equal(admission_enter(&a, &seven, &ticket), ERR_LIMIT);
    assert_int_equal(ticket, 4711);
    assert_true(admission_cancel(&a) == 0);
    assert_true(admission_leave(&a, first) == 0);
    come_in(&a, 7);
    admission_check(&a);
    admission_deinit(&a); // with connections: a server that was stopped
    test_mem_check(&t);
}

static void limits_change(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct admission a;
    admission_init(&a, &mem, &hash_key, 3, 0);
    uint32_t tickets[3];
    for (uint32_t i = 0; i < 3; i++)
        tickets[i] = come_in(&a, 9);
    assert_true(admission_limits_set(&a, 1, 1, NO_PACE) == 0); // nobody is thrown out
    assert_int_equal(admission_connections(&a), 3);
    assert_false(admission_reserve(&a, 4));
    assert_true(admission_leave(&a, tickets[0]) == 0); // 2 of 1: still nothing to wake anybody for
    assert_true(admission_leave(&a, tickets[1]) == 0);
    assert_true(admission_limits_set(&a, 2, 1, NO_PACE) == 1ull << 4);

    // The limit per address counts those who came before it was set.
    struct address_key nine = key_of(9);
    uint32_t ticket;
    assert_true(admission_reserve(&a, 4));
    assert_int_equal(admission_enter(&a, &nine, &ticket), ERR_LIMIT);
    admission_cancel(&a);
    admission_leave(&a, tickets[2]);
    admission_check(&a);
    admission_deinit(&a);
    test_mem_check(&t);
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct admission a;
        admission_init(&a, &mem, &hash_key, 100, 0);
        t.fail_at = fail_at;
        uint32_t entered = 0;
        for (uint32_t i = 0; i < 50; i++) {
            struct address_key key = key_of(i);
            uint32_t ticket;
            assert_true(admission_reserve(&a, 0));
            enum err e = admission_enter(&a, &key, &ticket);
            if (e == OK) {
                entered++;
            } else {
                assert_int_equal(e, ERR_NOMEM);
                admission_cancel(&a);
            }
            admission_check(&a);
        }
        bool failed = t.failed > 0;
        assert_int_equal(entered, failed ? 49 : 50);
        assert_int_equal(admission_connections(&a), entered);
        admission_deinit(&a);
        test_mem_check(&t);
        if (!failed)
            return;
    }
}

enum { SHARDS = 4, ROUNDS = 20000, MAX = 10, PER_ADDRESS = 4 };

struct crowd {
    struct admission admission;
    _Atomic int inside;
    _Atomic int inside_of[8];
    _Atomic int wrong;
    _Atomic uint32_t entered;
};

struct shard_thread {
    struct crowd *crowd;
    uint32_t index;
};

static void crowd_leave(struct crowd *c, uint32_t address, uint32_t ticket)
{
    atomic_fetch_sub(&c->inside_of[address], 1);
    atomic_fetch_sub(&c->inside, 1);
    admission_leave(&c->admission, ticket);
}

// Holds up to four connections. The counters here are never above the truth, so one above a limit is a breach.
static void *crowd_run(void *arg)
{
    struct shard_thread *self = arg;
    struct crowd *c = self->crowd;
    struct prng g;
    prng_init(&g, self->index);
    uint32_t tickets[4], addresses[4], held = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (held == 4 || (held > 0 && prng_below(&g, 2))) {
            held--;
            crowd_leave(c, addresses[held], tickets[held]);
        } else if (admission_reserve(&c->admission, self->index)) {
            addresses[held] = (uint32_t)prng_below(&g, 8);
            struct address_key key = key_of(addresses[held]);
            if (admission_enter(&c->admission, &key, &tickets[held]) != OK) {
                admission_cancel(&c->admission);
                continue;
            }
            int inside = atomic_fetch_add(&c->inside, 1) + 1;
            int inside_of = atomic_fetch_add(&c->inside_of[addresses[held]], 1) + 1;
            if (inside > MAX || inside_of > PER_ADDRESS)
                atomic_fetch_add(&c->wrong, 1);
            atomic_fetch_add(&c->entered, 1);
            held++;
        }
    }
    for (; held > 0; held--)
        crowd_leave(c, addresses[held - 1], tickets[held - 1]);
    return NULL;
}

static void exact_over_threads(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    static struct crowd c;
    memset(&c, 0, sizeof c);
    admission_init(&c.admission, &mem, &hash_key, MAX, PER_ADDRESS);
    pthread_t threads[SHARDS];
    struct shard_thread shards[SHARDS];
    for (uint32_t i = 0; i < SHARDS; i++) {
        shards[i] = (struct shard_thread){&c, i};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &shards[i]), 0);
    }
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(c.wrong, 0);
    assert_true(c.entered > ROUNDS / 10);
    assert_int_equal(admission_connections(&c.admission), 0);
    admission_check(&c.admission);
    admission_deinit(&c.admission);
    test_mem_check(&t);
}

// A proxy's connection counts for nobody until it is known whose it is; wherever memory ends, it stays so.
static void a_proxys_is_counted_later(void **state)
{
    (void)state;
    for (uint64_t fail_at = 0; fail_at <= 4; fail_at++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct admission a;
        admission_init(&a, &mem, &hash_key, 10, 1);
        uint32_t tickets[3];
        for (size_t i = 0; i < ARRAY_LEN(tickets); i++) {
            assert_true(admission_reserve(&a, 0));
            tickets[i] = admission_enter_uncounted(&a);
        }
        struct address_key one = key_of(1), two = key_of(2);
        test_mem_restart(&t);
        t.fail_at = fail_at;
        enum err e = admission_count(&a, &one, &tickets[0]);
        admission_check(&a);
        assert_true(e == OK || (e == ERR_NOMEM && fail_at != 0));
        t.fail_at = 0;
        if (e == OK)
            assert_int_equal(admission_count(&a, &one, &tickets[1]), ERR_LIMIT);
        assert_int_equal(admission_count(&a, &two, &tickets[2]), OK);
        admission_check(&a);
        assert_int_equal(admission_connections(&a), 3);
        for (size_t i = 0; i < ARRAY_LEN(tickets); i++)
            admission_leave(&a, tickets[i]);
        assert_int_equal(admission_connections(&a), 0);
        admission_check(&a);
        admission_deinit(&a);
        test_mem_check(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_in_all),
        cmocka_unit_test(pace_of_an_address),
        cmocka_unit_test(limit_per_address),
        cmocka_unit_test(limits_change),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(exact_over_threads),
        cmocka_unit_test(a_proxys_is_counted_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
