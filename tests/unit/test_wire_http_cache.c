// SPDX-License-Identifier: Apache-2.0
//
// How long an answer is fresh: each field alone, together, twice and unreadable; and dates, against those that we write.
#include "unit/support.h"

#include "wire/http.h"
#include "wire/http_cache.h"

#define WALL_S UINT64_C(784111777) // Sun, 06 Nov 1994 08:49:37 GMT

// "Name: value" lines.
static uint64_t fresh(const char *head)
{
    struct http_cache c = {0};
    for (str rest = str_from_cstr(head); rest.p != NULL;) {
        str value, line = str_split(rest, '\n', &rest);
        str name = str_split(line, ':', &value);
        http_cache_field(&c, name, value);
    }
    return http_cache_fresh_s(&c, WALL_S);
}

static void test_fresh(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        uint64_t s;
    } rows[] = {
        {"", HTTP_CACHE_UNSAID},
        {"Content-Type: application/json", HTTP_CACHE_UNSAID},
        {"Cache-Control: public", HTTP_CACHE_UNSAID},
        {"Cache-Control: max-age=600", 600},
        {"cache-control:MAX-AGE=600", 600},
        {"Cache-Control: public, must-revalidate , max-age = 600", 600},
        {"Cache-Control: max-age=\"600\"", 600},
        {"Cache-Control: s-maxage=5, max-age=600", 600},
        {"Cache-Control: max-age=600\nAge: 100", 500},
        {"Age: 600\nCache-Control: max-age=600", 0},
        {"Cache-Control: max-age=600\nAge: 700", 0},
        {"Cache-Control: max-age=600\nAge: many", 600},
        {"Cache-Control: max-age=600, max-age=60", 60},
        {"Cache-Control: max-age=60\nCache-Control: max-age=600", 60},
        {"Cache-Control: max-age", 0},
        {"Cache-Control: max-age=", 0},
        {"Cache-Control: max-age=-1", 0},
        {"Cache-Control: max-age=1.5", 0},
        {"Cache-Control: max-age=99999999999999999999999999", UINT64_C(1) << 31},
        {"Cache-Control: no-store", 0},
        {"Cache-Control: no-cache, max-age=600", 0},
        {"Cache-Control: private=\"a, b\", max-age=9", 9},
        {"Expires: Sun, 06 Nov 1994 08:50:37 GMT", 60},
        {"Expires: Sun, 06 Nov 1994 08:50:37 GMT\nAge: 10", 50},
        {"Expires: Sun, 06 Nov 1994 08:50:37 GMT\nDate: Sun, 06 Nov 1994 08:50:30 GMT", 7},
        {"Expires: Sun, 06 Nov 1994 08:49:36 GMT", 0},
        {"Expires: 0", 0},
        {"Expires: Sunday, 06-Nov-94 08:49:37 GMT", 0},
        {"Expires: Sun, 06 Nov 1994 08:50:37 GMT\nCache-Control: max-age=5", 5},
        {"Date: Sun, 06 Nov 1994 08:50:30 GMT", HTTP_CACHE_UNSAID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (fresh(rows[i].head) != rows[i].s)
            fail_msg("%s: %llu", rows[i].head, (unsigned long long)fresh(rows[i].head));
}

static void test_dates_that_we_write(void **state)
{
    (void)state;
    char text[HTTP_DATE_LEN];
    uint64_t s, step = 86400 * 7 + 12345;
    for (uint64_t at = 0; at < UINT64_C(253402300799); at += step, step += 4001) {
        http_date_encode(at, text);
        assert_true(http_date_decode(str_make(text, sizeof text), &s));
        assert_int_equal(s, at);
    }
}

static void test_what_is_no_date(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Mon, 06 Nov 1994 08:49:37 GMT", // a Sunday
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 31 Jun 1994 08:49:37 GMT", // June has 30
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Nov 1994 08:49:3x GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
    };
    uint64_t s = 7;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(http_date_decode(str_from_cstr(rows[i]), &s));
    assert_int_equal(s, 7); // written on success only
    assert_true(http_date_decode(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &s));
    assert_int_equal(s, WALL_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_dates_that_we_write),
        cmocka_unit_test(test_what_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
