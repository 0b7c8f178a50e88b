// SPDX-License-Identifier: Apache-2.0
//
// civil.h - times as people write them: days since 1970 as a date, and RFC 3339.
//
// Thread: pure functions. Source: the Gregorian calendar, UTC, no leap seconds (POSIX); RFC 3339 section 5.6.
#ifndef PLENUM_BASE_CIVIL_H
#define PLENUM_BASE_CIVIL_H

#include <stdint.h>

struct civil {
    unsigned year, month, day; // month 0-11, day 1-31
};
// Up to the year 9999.
struct civil civil_from_days(uint64_t days_since_1970);

enum { RFC3339_LEN = 24 };
#define YEAR_9999_END_S UINT64_C(253402300799)
// "2026-11-20T05:41:15.123Z"; what is beyond the year 9999 is its end.
void rfc3339_encode(uint64_t wall_ms, char ret[RFC3339_LEN]);

// The last n decimal digits of v, with zeros in front.
void digits_put(char *ret, unsigned n, unsigned v);

#endif
