// SPDX-License-Identifier: Apache-2.0
//
// Numbers with units, in every unit that the schema has.
#include "unit/support.h"

#include "app/config.h"
#include "app/quantity.h"

#include <inttypes.h>
#include <stdio.h>

static void good_ones(void **state)
{
    (void)state;
    const struct {
        const char *text, *unit;
        uint64_t value;
    } cases[] = {
        {"0", "bytes", 0},          {"65536", "bytes", 65536}, {"64k", "bytes", 65536},
        {"64K", "bytes", 65536},    {"64KB", "bytes", 65536},  {"64kb", "bytes", 65536},
        {"64 KiB", "bytes", 65536}, {"64kib", "bytes", 65536}, {"1MiB", "bytes", 1 << 20},
        {"1m", "bytes", 1 << 20},   {"1GB", "bytes", 1 << 30}, {"7B", "bytes", 7},
        {"512MB", "MiB", 512},      {"2GiB", "MiB", 2048},     {"4TiB", "MiB", 4 << 20},
        {"1048576KB", "MiB", 1024}, {"512", "MiB", 512},       {"90s", "s", 90},
        {"1h", "s", 3600},          {"15m", "s", 900},         {"15min", "s", 900},
        {"30d", "s", 2592000},      {"2000ms", "s", 2},        {"17", "s", 17},
        {"250ms", "ms", 250},       {"2s", "ms", 2000},        {"1m", "ms", 60000},
        {"20us", "us", 20},         {"1ms", "us", 1000},       {"3", "rooms", 3},
        {"5000us", "ms", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 77;
        if (!quantity_parse(str_from_cstr(cases[i].text), cases[i].unit, &v) || v != cases[i].value)
            fail_msg("%s in %s is %" PRIu64, cases[i].text, cases[i].unit, v);
    }
}

static void bad_ones(void **state)
{
    (void)state;
    const struct {
        const char *text, *unit;
    } cases[] = {
        {"", "s"},
        {"s", "s"},
        {"-1", "s"},
        {"+1", "s"},
        {"1.5h", "s"},
        {"1h30m", "s"},
        {"500ms", "s"},
        {"1500ms", "s"},
        {"1M", "s"},
        {"1S", "s"},
        {"1k", "s"},
        {"1h", "bytes"},
        {"512KB", "MiB"},
        {"1s", "bytes"},
        {"1kk", "bytes"},
        {"0x10", "bytes"},
        {"1 k b", "bytes"},
        {"k", "bytes"},
        {"5 rooms", "rooms"},
        {"5k", "rooms"},
        {"1s", "commands/s"},
        {"1e3", "bytes"},
        {"4294967295d", "us"},
        {"4294967296", "s"},
        {"99999999999999999999", "s"},
        {"1 ", "rooms"},
        {" 1", "s"},
        {"1s ", "rooms"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 77;
        if (quantity_parse(str_from_cstr(cases[i].text), cases[i].unit, &v))
            fail_msg("%s in %s is %" PRIu64, cases[i].text, cases[i].unit, v);
        assert_int_equal(v, 77);
    }
}

// Every number of the schema takes the units of its kind, and says so with examples that it takes.
static void every_key_says_what_it_takes(void **state)
{
    (void)state;
    size_t sizes = 0, times = 0;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->kind != CONFIG_UINT && key->kind != CONFIG_BYTES)
            continue;
        struct config_text expected = config_expected(key);
        bool counts = quantity_kind(key->unit) == QUANTITY_COUNT;
        assert_int_equal(strstr(expected.z, "with a unit like") == NULL, counts);
        sizes += quantity_kind(key->unit) == QUANTITY_SIZE;
        times += quantity_kind(key->unit) == QUANTITY_TIME;
        for (str rest = str_from_cstr(quantity_examples(key->unit)); rest.n > 0;) {
            str example = str_split(rest, ' ', &rest);
            if (example.n > 0 && example.p[example.n - 1] == ',')
                example.n--;
            uint64_t v;
            if (!str_eq(example, STR("or")))
                assert_true(quantity_parse(example, key->unit, &v));
        }
        str name = str_from_cstr(key->name);
        const char *units[][2] = {{"_ms", "ms"}, {"_us", "us"}, {"_mb", "MiB"}, {"_bytes", "bytes"}};
        for (size_t u = 0; u < ARRAY_LEN(units); u++) {
            str tail = str_from_cstr(units[u][0]);
            if (name.n > tail.n && str_eq(str_skip(name, name.n - tail.n), tail))
                assert_string_equal(key->unit, units[u][1]);
        }
    }
    assert_true(sizes >= 6 && times >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(every_key_says_what_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
