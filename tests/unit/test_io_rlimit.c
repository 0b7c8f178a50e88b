// SPDX-License-Identifier: Apache-2.0
#include "io/random.h"
#include "io/rlimit.h"
#include "unit/support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void raises_to_the_hard_limit(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit lowered = {.rlim_cur = 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    struct rlimit_files files = rlimit_files_raise();
    assert_int_equal(files.soft_before, 64);
    assert_int_equal(files.files_max, before.rlim_max);
    struct rlimit after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    files = rlimit_files_raise(); // nothing left to raise
    assert_int_equal(files.soft_before, files.files_max);
}

static uint64_t table_length(void)
{
    char line[256];
    uint64_t n = 0;
    FILE *f = fopen("/proc/self/status", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "FDSize:", 7) == 0)
            n = strtoull(line + 7, NULL, 10);
    fclose(f);
    return n;
}

static void the_table_of_files_is_made_at_once(void **state)
{
    (void)state;
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(next >= 0 && close(next) == 0);
    assert_true(table_length() < 3000);
    rlimit_files_prepare(3000);
    assert_true(table_length() >= 3000);
    const uint64_t length = table_length();
    rlimit_files_prepare(0);
    rlimit_files_prepare(UINT64_MAX);
    rlimit_files_prepare((uint64_t)INT_MAX); // more than the limit: refused
    assert_int_equal(table_length(), length);
    const int again = open("/dev/null", O_RDONLY | O_CLOEXEC); // none is left open
    assert_int_equal(again, next);
    close(again);
}

static void sets_files_aside(void **state)
{
    (void)state;
    uint32_t reserved = rlimit_files_reserved(2);
    assert_true(rlimit_files_reserved(3) > reserved);
    assert_int_equal(rlimit_connections_max(20000, 2, 100), 100);
    assert_int_equal(rlimit_connections_max(20000, 2, 20000), 20000 - reserved);
    assert_int_equal(rlimit_connections_max(reserved + 1, 2, 20000), 1);
    assert_int_equal(rlimit_connections_max(reserved, 2, 20000), 0);
    assert_int_equal(rlimit_connections_max(0, 2, 20000), 0);
    assert_int_equal(rlimit_connections_max(UINT64_MAX, 2, UINT32_MAX), UINT32_MAX);
}

// Not a test of the kernel's randomness, but of the pool: no byte is given out twice, and none is kept.
static void random_pool_gives_each_byte_once(void **state)
{
    (void)state;
    static struct random_pool pool;
    uint8_t ids[200][16];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        random_pool_take(&pool, ids[i], sizeof ids[i]);
        for (size_t k = 0; k < RANDOM_POOL_BYTES - pool.left; k++)
            assert_int_equal(pool.bytes[k], 0); // wiped
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(ids[i], ids[k], sizeof ids[i]);
    }
    static uint8_t large[RANDOM_POOL_BYTES * 3], zero[64];
    random_pool_take(&pool, large, sizeof large);
    for (size_t i = 0; i + sizeof zero <= sizeof large; i += sizeof zero)
        assert_memory_not_equal(large + i, zero, sizeof zero);
    size_t left = pool.left;
    random_pool_take(&pool, large, left);
    assert_int_equal(pool.left, 0);
    random_pool_take(&pool, large, 0);
}

static int id_order(const void *a, const void *b) { return memcmp(a, b, 16); }

// E11: of a million ids no two are alike, and no bit leans. Half of them, and seven standard deviations (500 each): once in 10^12
// for one bit.
static void a_million_ids_are_a_million(void **state)
{
    (void)state;
    enum { COUNT = 1000000, DEVIATION = 500 };
    static struct random_pool pool;
    uint8_t(*ids)[16] = malloc(COUNT * sizeof *ids);
    int64_t ones[128] = {0};
    assert_non_null(ids);
    for (size_t i = 0; i < COUNT; i++) {
        random_pool_take(&pool, ids[i], sizeof ids[i]);
        for (size_t bit = 0; bit < ARRAY_LEN(ones); bit++)
            ones[bit] += ids[i][bit / 8] >> bit % 8 & 1;
    }
    for (size_t bit = 0; bit < ARRAY_LEN(ones); bit++)
        assert_in_range(llabs(ones[bit] - COUNT / 2), 0, 7 * DEVIATION);
    qsort(ids, COUNT, sizeof *ids, id_order);
    for (size_t i = 1; i < COUNT; i++)
        assert_memory_not_equal(ids[i - 1], ids[i], sizeof *ids);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raises_to_the_hard_limit),
        cmocka_unit_test(the_table_of_files_is_made_at_once),
        cmocka_unit_test(sets_files_aside),
        cmocka_unit_test(random_pool_gives_each_byte_once),
        cmocka_unit_test(a_million_ids_are_a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
