// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "base/prng.h"
#include "base/siphash.h"
#include "unit/support.h"

// Keys are numbers, and the object behind value v has the key v ^ KEY_MIX: a lookup that forgot to ask eq is found.
enum { KEYS_MAX = 4000, KEY_MIX = 0x5555 };

typedef uint64_t (*hash_fn)(uint32_t key);

static uint64_t hash_good(uint32_t key)
{
    static const struct siphash_key k = {1, 2};
    return siphash(&k, &key, sizeof key);
}

// All keys in one run.
static uint64_t hash_same(uint32_t key)
{
    (void)key;
    return UINT64_C(0xdeadbeef) << 32;
}

// Homes in four places, at the very end of a table of 512: runs collide with each other and wrap around.
static uint64_t hash_end(uint32_t key) { return (UINT64_C(0xffffffff) - (uint64_t)(key % 4 << 23)) << 32; }

// Neighbouring homes in a table of 512: one long run of different hashes.
static uint64_t hash_dense(uint32_t key) { return (uint64_t)(key % 512 << 23) << 32; }

// Same upper half for pairs of keys, different lower half: only eq can tell them apart.
static uint64_t hash_pairs(uint32_t key) { return (uint64_t)(key / 2 * 2654435761u) << 32 | key; }

static const hash_fn hashes[] = {hash_good, hash_same, hash_end, hash_dense, hash_pairs};

static bool key_eq(const void *ctx, uint32_t value, const void *key)
{
    assert_true(ctx == &hashes);
    assert_true(value != MAP_NONE);
    return (value ^ KEY_MIX) == *(const uint32_t *)key;
}

static uint32_t find(const struct map *m, hash_fn hash, uint32_t key)
{
    return map_find(m, hash(key), key_eq, &hashes, &key);
}

static void map_empty(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct map m;
    map_init(&m, &mem);
    map_check(&m);
    assert_int_equal(find(&m, hash_good, 1), MAP_NONE);
    assert_false(map_remove(&m, 1, 1));
    assert_int_equal(map_insert(&m, hash_good(1), 1 ^ KEY_MIX), OK);
    assert_int_equal(find(&m, hash_good, 1), 1 ^ KEY_MIX);
    assert_false(map_remove(&m, hash_good(1), MAP_NONE)); // what empty slots hold is never found
    assert_false(map_remove(&m, hash_good(1), 2 ^ KEY_MIX));
    assert_false(map_remove(&m, hash_good(2), 1 ^ KEY_MIX));
    assert_true(map_remove(&m, hash_good(1), 1 ^ KEY_MIX));
    assert_int_equal(mem_used(&mem), 0);
    map_check(&m);
    map_deinit(&m);
    struct map zero;
    memset(&zero, 0, sizeof zero);
    map_deinit(&zero);
    test_mem_check(&t);
}

// A slot is the one to remove only if hash and value are both right, also within one run.
static void map_removes_by_hash_and_value(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct map m;
    map_init(&m, &mem);
    for (uint32_t key = 0; key < 3; key++)
        assert_int_equal(map_insert(&m, hash_dense(key), key ^ KEY_MIX), OK);
    assert_false(map_remove(&m, hash_dense(0), 1 ^ KEY_MIX));
    assert_false(map_remove(&m, hash_dense(1), 2 ^ KEY_MIX));
    assert_int_equal(m.count, 3);
    assert_true(map_remove(&m, hash_dense(1), 1 ^ KEY_MIX));
    assert_int_equal(find(&m, hash_dense, 2), 2 ^ KEY_MIX);
    map_deinit(&m);
    test_mem_check(&t);
}

static void insert_none(void *arg)
{
    enum err e = map_insert(arg, 1, MAP_NONE);
    (void)e;
}

static void map_refuses_the_empty_value(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct map m;
    map_init(&m, &mem);
    assert_true(asserts(insert_none, &m));
    map_deinit(&m);
}

// Against an array of booleans. Every tenth request for memory fails: an insertion that needed it reports that and
// changes nothing, a removal does not care.
static void oracle_run(hash_fn hash, uint64_t seed, uint32_t keys)
{
    static bool present[KEYS_MAX];
    memset(present, 0, sizeof present);
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct prng g;
    prng_init(&g, seed);
    struct map m;
    map_init(&m, &mem);
    uint32_t count = 0;
    for (uint32_t i = 0; i < keys * 8; i++) {
        uint32_t key = (uint32_t)prng_below(&g, keys), value = key ^ KEY_MIX;
        test_mem_restart(&t);
        t.fail_at = prng_below(&g, 10) == 0;
        bool filling = prng_below(&g, 100) < (i / (keys * 2) % 2 ? 15u : 85u);
        assert_int_equal(find(&m, hash, key), present[key] ? value : MAP_NONE);
        if (filling && !present[key]) {
            enum err e = map_insert(&m, hash(key), value);
            assert_int_equal(e, atomic_load(&t.failed) ? ERR_NOMEM : OK);
            present[key] = e == OK;
            count += e == OK;
        } else if (!filling) {
            assert_int_equal(map_remove(&m, hash(key), value), present[key]);
            count -= present[key];
            present[key] = false;
        }
        assert_int_equal(m.count, count);
        if (i % 64 == 0)
            map_check(&m);
    }
    for (uint32_t key = 0; key < keys; key++)
        assert_int_equal(find(&m, hash, key), present[key] ? key ^ KEY_MIX : MAP_NONE);
    test_mem_restart(&t);
    for (uint32_t key = 0; key < keys; key++)
        assert_int_equal(map_remove(&m, hash(key), key ^ KEY_MIX), present[key]);
    assert_int_equal(m.count, 0);
    assert_int_equal(mem_used(&mem), 0);
    map_deinit(&m);
    test_mem_check(&t);
}

static void map_against_oracle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        oracle_run(hash_good, seed, KEYS_MAX);
        oracle_run(hash_good, seed, 10); // around the smallest table and the empty one
        // Every search walks the whole run with these: fewer keys.
        for (size_t i = 1; i < ARRAY_LEN(hashes); i++)
            oracle_run(hashes[i], seed, 300);
    }
}

static void map_memory_follows_the_count(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct map m;
    map_init(&m, &mem);
    for (uint32_t key = 0; key < MANY; key++) {
        assert_int_equal(map_insert(&m, hash_good(key), key ^ KEY_MIX), OK);
        // Never below 4/5 of 7/8 while growing by quarters, below half of it when large.
        uint32_t full = m.slot_count - m.slot_count / 8;
        assert_true(m.count <= 7 || (m.slot_count <= 1 << 16 ? full / 5 * 4 : full / 2) <= m.count + 1);
    }
    map_check(&m);
    for (uint32_t key = 0; key < MANY; key++) {
        assert_true(map_remove(&m, hash_good(key), key ^ KEY_MIX));
        assert_true(mem_used(&mem) <= 8 * 8 * (size_t)m.count + 64);
        if (key % 9973 == 0)
            map_check(&m);
    }
    assert_int_equal(mem_used(&mem), 0);
    test_mem_check(&t);
}

// One key coming and going at the edge of a size must not rebuild the table each time.
static void map_does_not_thrash(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct map m;
    map_init(&m, &mem);
    for (uint32_t count = 1; count < 500; count++) {
        assert_int_equal(map_insert(&m, hash_good(count), count ^ KEY_MIX), OK);
        test_mem_restart(&t);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(map_insert(&m, hash_good(0), 0 ^ KEY_MIX), OK);
            assert_true(map_remove(&m, hash_good(0), 0 ^ KEY_MIX));
        }
        assert_true(atomic_load(&t.calls) <= 1);
    }
    map_deinit(&m);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_empty),
        cmocka_unit_test(map_removes_by_hash_and_value),
        cmocka_unit_test(map_refuses_the_empty_value),
        cmocka_unit_test(map_against_oracle),
        cmocka_unit_test(map_memory_follows_the_count),
        cmocka_unit_test(map_does_not_thrash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
