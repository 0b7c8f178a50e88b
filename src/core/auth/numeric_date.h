// SPDX-License-Identifier: Apache-2.0
//
// numeric_date.h - `exp`, `nbf` and `iat`: a JSON number of seconds since 1970 as milliseconds.
//
// Every number that JSON has is read, "1.7951616e9" and "1795161600.25" as well: libraries in other languages write floating
// point. What is negative, or beyond the year 9999, is no time. Exactly, without floating point, in one pass whose length is
// the text's: an exponent of ten digits costs what one of one digit does. Below a millisecond it is cut.
//
// Thread: a pure function. Source: RFC 7519 section 2 (NumericDate), RFC 8259 section 6.
#ifndef PLENUM_CORE_AUTH_NUMERIC_DATE_H
#define PLENUM_CORE_AUTH_NUMERIC_DATE_H

#include "base/str.h"

#define NUMERIC_DATE_MAX_MS 253402300799999 // 9999-12-31T23:59:59.999Z

// raw: a JSON value that a scan has validated. False where it is no number, or no time.
bool numeric_date_ms(str raw, uint64_t *ret);

#endif
