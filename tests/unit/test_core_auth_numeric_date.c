// SPDX-License-Identifier: Apache-2.0
//
// Numbers of JSON as times: by rows, against floating point, and the ones that are made to hurt.
#include "unit/support.h"

#include "base/prng.h"
#include "core/auth/numeric_date.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        bool good;
        uint64_t ms;
    } rows[] = {
        {"0", true, 0},
        {"1", true, 1000},
        {"1795161600", true, 1795161600000},
        {"1795161600.25", true, 1795161600250},
        {"1795161600.2509999", true, 1795161600250}, // cut
        {"1.7951616e9", true, 1795161600000},
        {"1.7951616E+9", true, 1795161600000},
        {"17951616e2", true, 1795161600000},
        {"17951616000000e-4", true, 1795161600000},
        {"0.001", true, 1},
        {"0.0009", true, 0},
        {"1e-3", true, 1},
        {"1e-4", true, 0},
        {"0e0", true, 0},
        {"0e99999999999999999999", true, 0},
        {"0.0e-99999999999999999999", true, 0},
        {"1e-99999999999999999999", true, 0},
        {"1795161600.000000000000000000000000000000000000000000000001", true, 1795161600000},
        {"0.00000000000000000000000000000017951616e40", true, 1795161600000},
        {"1795161600000000000000000000000000e-24", true, 1795161600000},
        {"253402300799.999", true, 253402300799999},
        {"253402300800", false, 0},
        {"253402300799999", false, 0}, // milliseconds for seconds
        {"1e12", false, 0},
        {"1e400", false, 0},
        {"1e1000000000", false, 0},
        {"1e99999999999999999999", false, 0},
        {"18446744073709551616", false, 0},
        {"18446744073709551.616", false, 0},
        {"9007199254740993", false, 0},
        {"99999999999999999999999999999999999999999", false, 0},
        {"-1", false, 0},
        {"-0", false, 0},
        {"-1e-9", false, 0},
        {"", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
        {"true", false, 0},
        {"{}", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ms = 77;
        bool good = numeric_date_ms(str_from_cstr(rows[i].raw), &ms);
        if (good != rows[i].good || (good && ms != rows[i].ms))
            print_message("%s: %d, %llu\n", rows[i].raw, good, (unsigned long long)ms);
        assert_int_equal(good, rows[i].good);
        assert_true(ms == (good ? rows[i].ms : 77));
    }
}

// The same number written in many ways is the same time.
static void test_ways(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 2038);
    for (int i = 0; i < 20000; i++) {
        uint64_t wanted = prng_below(&r, NUMERIC_DATE_MAX_MS + 1), ms;
        char raw[128];
        unsigned long long v = wanted;
        snprintf(raw, sizeof raw, "%llu.%03llu", v / 1000, v % 1000);
        assert_true(numeric_date_ms(str_from_cstr(raw), &ms) && ms == wanted);
        snprintf(raw, sizeof raw, "%llue-3", v);
        assert_true(numeric_date_ms(str_from_cstr(raw), &ms) && ms == wanted);
        snprintf(raw, sizeof raw, "0.%020llue17", v);
        assert_true(numeric_date_ms(str_from_cstr(raw), &ms) && ms == wanted);
        snprintf(raw, sizeof raw, "%llu000000000000000000000E-24", v);
        assert_true(numeric_date_ms(str_from_cstr(raw), &ms) && ms == wanted);
        double d = (double)prng_below(&r, 4000000000) * 1.000061;
        snprintf(raw, sizeof raw, i & 1 ? "%.17g" : "%.6e", d);
        assert_true(numeric_date_ms(str_from_cstr(raw), &ms));
        assert_true(fabs((double)ms - strtod(raw, NULL) * 1000) <= 1);
    }
}

// A claim may be as long as a token.
static void test_long(void **state)
{
    (void)state;
    enum { N = 16000 };
    static char raw[N + 64];
    uint64_t ms;
    memset(raw, '0', sizeof raw);
    raw[0] = '1';
    assert_false(numeric_date_ms(str_make(raw, N), &ms));
    memcpy(raw + N, "e-15990", 7);
    assert_true(numeric_date_ms(str_make(raw, N + 7), &ms) && ms == 1000000000000);
    memset(raw, '0', sizeof raw);
    raw[1] = '.';
    memcpy(raw + N, "17e16008", 8);
    assert_true(numeric_date_ms(str_make(raw, N + 8), &ms) && ms == 1700000000000);
    memset(raw, '9', sizeof raw);
    assert_false(numeric_date_ms(str_make(raw, N), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
