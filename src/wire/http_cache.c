// SPDX-License-Identifier: Apache-2.0
//
// A list of directives is taken apart at its commas. That a quoted one may have commas in it is not looked at: what comes of it is
// a shorter time or none, from a server that says so itself.
#include "wire/http_cache.h"

#include "wire/http.h"

// RFC 9111 section 1.2.2: what is larger counts as so much.
#define SECONDS_MAX (UINT64_C(1) << 31)

static bool seconds_read(str text, uint64_t *ret)
{
    if (text.n >= 2 && text.p[0] == '"' &&
        text.p[text.n - 1] == '"') // section 5.2: both forms are to be taken
        text = str_make(text.p + 1, text.n - 2);
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.p[i] - '0');
        n = n > SECONDS_MAX ? SECONDS_MAX : n;
    }
    *ret = n;
    return text.n > 0;
}

static void directive_take(struct http_cache *c, str item)
{
    str value, name = str_trim(str_split(item, '=', &value));
    uint64_t s;
    if (str_eq_nocase(name, STR("no-store")) || str_eq_nocase(name, STR("no-cache")))
        c->stale = true;
    if (!str_eq_nocase(name, STR("max-age")))
        return;
    if (!seconds_read(str_trim(value), &s))
        s = 0;
    if (!c->has_max_age || s < c->max_age_s)
        c->max_age_s = s;
    c->has_max_age = true;
}

void http_cache_field(struct http_cache *c, str name, str value)
{
    str item;
    uint64_t s = 0;
    value = str_trim(value);
    if (str_eq_nocase(name, STR("cache-control"))) {
        while (http_list_next(&value, &item))
            directive_take(c, item);
    } else if (str_eq_nocase(name, STR("age")) &&
               seconds_read(value, &s)) { // one that is none is ignored: section 5.1
        c->has_age = true;
        c->age_s = s;
    } else if (str_eq_nocase(name, STR("expires"))) {
        c->has_expires = true;
        c->expires_s = http_date_decode(value, &s) ? s : 0; // `0` means that it is over
    } else if (str_eq_nocase(name, STR("date")) && http_date_decode(value, &s)) {
        c->has_date = true;
        c->date_s = s;
    }
}

uint64_t http_cache_fresh_s(const struct http_cache *c, uint64_t wall_s)
{
    uint64_t lasts, since = c->has_date ? c->date_s : wall_s, age = c->has_age ? c->age_s : 0;
    if (c->stale)
        return 0;
    if (c->has_max_age)
        lasts = c->max_age_s;
    else if (c->has_expires)
        lasts = c->expires_s > since ? c->expires_s - since : 0;
    else
        return HTTP_CACHE_UNSAID;
    return lasts > age ? lasts - age : 0;
}

// ---- dates

static bool digits_read(str text, size_t at, size_t n, uint64_t most, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(text.p[i] - '0');
    }
    return *ret <= most;
}

// Days from 1970 to that day: years begin in March, so that the leap day is a year's last.
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    uint64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

bool http_date_decode(str text, uint64_t *ret_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char again[HTTP_DATE_LEN];
    uint64_t day, month = 0, year, hour, minute, second;
    if (text.n != HTTP_DATE_LEN)
        return false;
    while (month < 12 && memcmp(months + 3 * month, text.p + 8, 3) != 0)
        month++;
    if (month == 12 || !digits_read(text, 5, 2, 31, &day) || !digits_read(text, 12, 4, 9999, &year) ||
        !digits_read(text, 17, 2, 23, &hour) || !digits_read(text, 20, 2, 59, &minute) ||
        !digits_read(text, 23, 2, 59, &second) || year < 1970 || day == 0)
        return false;
    uint64_t s = ((days_of(year, month + 1, day) * 24 + hour) * 60 + minute) * 60 + second;
    http_date_encode(s, again); // the day of the week, and days that there are not
    if (memcmp(again, text.p, sizeof again) != 0)
        return false;
    *ret_s = s;
    return true;
}
