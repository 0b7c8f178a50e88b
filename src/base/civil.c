// SPDX-License-Identifier: Apache-2.0
//
// gmtime needs a time zone database or a lock in some libraries, and is not a function of its argument alone in any: so the
// calendar is counted here.
#include "base/civil.h"

#include <stdbool.h>
#include <string.h>

static bool is_leap(unsigned year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// Days from 1 January of year 1 to 1 January of `year`, in the Gregorian calendar.
static uint64_t days_before_year(unsigned year)
{
    uint64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

struct civil civil_from_days(uint64_t days_since_1970)
{
    static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t days = days_since_1970 + days_before_year(1970);
    // 400 years are exactly 146,097 days; the quotient is right or one too small or large, at the turn of a year.
    unsigned year = (unsigned)(days * 400 / 146097) + 1;
    while (days_before_year(year) > days)
        year--;
    while (days_before_year(year + 1) <= days)
        year++;
    unsigned left = (unsigned)(days - days_before_year(year));
    unsigned month = 0;
    for (;; month++) {
        unsigned n = month_days[month] + (month == 1 && is_leap(year) ? 1u : 0u);
        if (left < n)
            break;
        left -= n;
    }
    return (struct civil){year, month, left + 1};
}

void digits_put(char *ret, unsigned n, unsigned v)
{
    while (n-- > 0) {
        ret[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

void rfc3339_encode(uint64_t wall_ms, char ret[RFC3339_LEN])
{
    uint64_t s = wall_ms / 1000 < YEAR_9999_END_S ? wall_ms / 1000 : YEAR_9999_END_S;
    unsigned second = (unsigned)(s % 86400);
    struct civil c = civil_from_days(s / 86400);
    memcpy(ret, "0000-00-00T00:00:00.000Z", RFC3339_LEN);
    digits_put(ret, 4, c.year);
    digits_put(ret + 5, 2, c.month + 1);
    digits_put(ret + 8, 2, c.day);
    digits_put(ret + 11, 2, second / 3600);
    digits_put(ret + 14, 2, second / 60 % 60);
    digits_put(ret + 17, 2, second % 60);
    digits_put(ret + 20, 3, (unsigned)(wall_ms % 1000));
}
