// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/prng.h"
#include "unit/support.h"

#include <inttypes.h>
#include <stdio.h>

static void buf_builds(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    buf_init(&b, &mem, 0);
    assert_true(buf_ok(&b));
    assert_str(buf_str(&b), "");
    buf_put(&b, NULL, 0);
    assert_int_equal(atomic_load(&t.calls), 0); // nothing to hold, nothing taken
    BUF_PUT_LIT(&b, "a=");
    buf_put_u64(&b, 0);
    buf_put_char(&b, ',');
    buf_put_u64(&b, UINT64_MAX);
    buf_put_str(&b, STR("!"));
    buf_put_str(&b, STR_NONE);
    assert_true(buf_ok(&b));
    assert_str(buf_str(&b), "a=0,18446744073709551615!");
    buf_deinit(&b);
    buf_deinit(&b); // harmless
    test_mem_check(&t);

    struct buf zero;
    memset(&zero, 0, sizeof zero);
    buf_deinit(&zero);
}

static void buf_limit_is_exact(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    for (size_t limit = 1; limit < 600; limit += 7) {
        buf_init(&b, &mem, limit);
        for (size_t i = 0; i < limit; i++)
            buf_put_char(&b, 'x');
        assert_true(buf_ok(&b));
        buf_put(&b, "", 0);
        assert_true(buf_ok(&b));
        buf_put_char(&b, 'y');
        assert_false(buf_ok(&b));
        assert_int_equal(b.n, limit);
        assert_true(mem_used(&mem) <= limit);
        buf_reset(&b, SIZE_MAX);
        assert_true(buf_ok(&b));
        assert_null(buf_reserve(&b, limit + 1));
        buf_reset(&b, SIZE_MAX);
        assert_null(buf_reserve(&b, SIZE_MAX));
        buf_deinit(&b);
    }
    // A number fits to the digit.
    buf_init(&b, &mem, 5);
    buf_put_u64(&b, 12345);
    assert_true(buf_ok(&b));
    buf_reset(&b, SIZE_MAX);
    buf_put_u64(&b, 123456);
    assert_false(buf_ok(&b));
    buf_deinit(&b);
    // Room for 19 digits is no room for 20.
    buf_init(&b, &mem, 19);
    assert_non_null(buf_reserve(&b, 19));
    buf_put_u64(&b, UINT64_MAX);
    assert_false(buf_ok(&b));
    buf_reset(&b, SIZE_MAX);
    buf_put_u64(&b, UINT64_MAX / 10);
    assert_true(buf_ok(&b));
    buf_deinit(&b);
    test_mem_check(&t);
}

static void buf_ignores_everything_once_failed(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    buf_init(&b, &mem, 30);
    BUF_PUT_LIT(&b, "0123456789");
    BUF_PUT_LIT(&b, "this one does not fit any more");
    buf_put_char(&b, 'x'); // this one would
    buf_put_u64(&b, 1);
    assert_null(buf_reserve(&b, 1));
    assert_false(buf_ok(&b));
    assert_str(buf_str(&b), "0123456789");
    buf_deinit(&b);

    buf_init(&b, &mem, 0);
    buf_put_char(&b, 'a');
    assert_null(buf_reserve(&b, SIZE_MAX)); // n + SIZE_MAX wraps
    assert_false(buf_ok(&b));
    buf_reset(&b, SIZE_MAX);
    assert_null(buf_reserve(&b, SIZE_MAX - 1)); // no capacity to double to
    buf_deinit(&b);
    test_mem_check(&t);
}

static void commit_too_much(void *arg)
{
    struct buf *b = arg;
    buf_commit(b, b->cap - b->n + 1);
}

static void buf_reserves(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    buf_init(&b, &mem, 0);
    assert_non_null(buf_reserve(&b, 0));
    for (size_t n = 1; n < 2000; n += 13) {
        char *p = buf_reserve(&b, n);
        assert_non_null(p);
        memset(p, 'r', n); // all of it is ours
        buf_commit(&b, n / 2);
    }
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal(b.p[i], 'r');
    assert_true(asserts(commit_too_much, &b));
    buf_deinit(&b);
    test_mem_check(&t);
}

static void buf_reset_keeps_small_blocks(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    buf_init(&b, &mem, 0);
    BUF_PUT_LIT(&b, "hello");
    buf_reset(&b, 256);
    assert_int_equal(b.n, 0);
    assert_int_equal(mem_used(&mem), 256);
    char big[300] = {0};
    buf_put(&b, big, sizeof big);
    buf_reset(&b, 256);
    assert_int_equal(mem_used(&mem), 0);
    BUF_PUT_LIT(&b, "again");
    assert_str(buf_str(&b), "again");
    buf_deinit(&b);
    test_mem_check(&t);
}

// Random appends, checked against a plain array; run once per allocation with that one failing.
enum { SCRIPT_OPS = 400, SCRIPT_MAX = 64 * 1024 };

struct script {
    char out[SCRIPT_MAX];
    size_t n;
};

static void script_append(struct script *s, const void *p, size_t n)
{
    assert_true(n <= sizeof s->out - s->n);
    if (n)
        memcpy(s->out + s->n, p, n);
    s->n += n;
}

// Runs the script on b and on the oracle; the oracle stops with the last append that b took.
static void script_run(struct buf *b, struct script *s, uint64_t seed)
{
    struct prng g;
    prng_init(&g, seed);
    s->n = 0;
    for (int i = 0; i < SCRIPT_OPS; i++) {
        char tmp[300];
        size_t n = 0;
        uint64_t v = prng_next(&g) >> prng_below(&g, 64);
        switch (prng_below(&g, 5)) {
        case 0:
            n = 1;
            tmp[0] = (char)v;
            buf_put_char(b, tmp[0]);
            break;
        case 1:
            n = (size_t)snprintf(tmp, sizeof tmp, "%" PRIu64, v);
            buf_put_u64(b, v);
            break;
        case 2:
            n = (size_t)snprintf(tmp, sizeof tmp, "%" PRId64, (int64_t)v);
            buf_put(b, tmp, n);
            break;
        case 3:
            n = prng_below(&g, sizeof tmp);
            memset(tmp, (int)(v & 0xff), n);
            buf_put_str(b, str_make(tmp, n));
            break;
        default: {
            n = prng_below(&g, sizeof tmp);
            memset(tmp, (int)(v & 0xff), n);
            char *p = buf_reserve(b, n);
            if (p) {
                if (n)
                    memcpy(p, tmp, n);
                buf_commit(b, n);
            }
        }
        }
        if (buf_ok(b))
            script_append(s, tmp, n);
    }
}

static void buf_survives_each_failed_allocation(void **state)
{
    (void)state;
    static struct script s;
    struct test_mem t;
    struct mem mem;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        bool failed = true;
        for (uint64_t fail_at = 1; failed; fail_at++) {
            test_mem_init(&t, &mem);
            t.fail_at = fail_at;
            struct buf b;
            buf_init(&b, &mem, 0);
            script_run(&b, &s, seed);
            failed = atomic_load(&t.failed) > 0;
            assert_int_equal(buf_ok(&b), !failed);
            assert_str_eq(buf_str(&b), str_make(s.out, s.n));
            // After a reset it works as if nothing had been.
            test_mem_restart(&t);
            buf_reset(&b, fail_at % 2 ? SIZE_MAX : 0);
            script_run(&b, &s, seed + 100);
            assert_true(buf_ok(&b));
            assert_str_eq(buf_str(&b), str_make(s.out, s.n));
            buf_deinit(&b);
            test_mem_check(&t);
            assert_int_equal(mem_used(&mem), 0);
        }
    }
}

// Of all that stood in it, behind what it has now, too; and what was only made room for.
static void buf_wipes(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct buf b;
    static const char zero[256];
    buf_init(&b, &mem, 0);
    buf_wipe(&b); // harmless
    for (int how = 0; how < 4; how++) {
        memset(buf_reserve(&b, sizeof zero), 0, sizeof zero);
        buf_wipe(&b);
        if (how == 3)
            memcpy(buf_reserve(&b, 10), "0123456789", 10);
        else
            BUF_PUT_LIT(&b, "0123456789");
        if (how == 1)
            buf_cut(&b, 2);
        if (how == 2)
            buf_reset(&b, SIZE_MAX);
        BUF_PUT_LIT(&b, "x");
        buf_check(&b);
        buf_wipe(&b);
        assert_int_equal(b.n, 0);
        assert_int_equal(b.cap, sizeof zero);
        assert_memory_equal(b.p, zero, sizeof zero);
        buf_check(&b);
    }
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_wipe(&b);
    assert_true(buf_ok(&b));
    buf_deinit(&b);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_builds),
        cmocka_unit_test(buf_limit_is_exact),
        cmocka_unit_test(buf_ignores_everything_once_failed),
        cmocka_unit_test(buf_reserves),
        cmocka_unit_test(buf_reset_keeps_small_blocks),
        cmocka_unit_test(buf_survives_each_failed_allocation),
        cmocka_unit_test(buf_wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
