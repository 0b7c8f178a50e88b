// SPDX-License-Identifier: Apache-2.0
//
// str.h - strings as {pointer, length}: never NUL-terminated, never owned.
//
// A str borrows its bytes; whoever made it says how long they live. {NULL, 0} is the absent string and is equal
// to every empty string; use str.p != NULL where absent and empty differ.
#ifndef PLENUM_BASE_STR_H
#define PLENUM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *p;
    size_t n;
} str;

#define STR(literal) ((str){(literal), sizeof(literal) - 1})
#define STR_NONE ((str){NULL, 0})
// For printf-like "%.*s".
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_make(const char *p, size_t n) { return (str){p, n}; }
static inline str str_from_cstr(const char *z) { return (str){z, strlen(z)}; }
static inline bool str_eq(str a, str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool str_starts(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
// The part of s from byte `from` (clamped) on.
static inline str str_skip(str s, size_t from)
{
    if (from >= s.n)
        from = s.n;
    return from == 0 ? s : (str){s.p + from, s.n - from}; // no arithmetic on the NULL of an absent string
}
static inline str str_take(str s, size_t n) { return (str){s.p, n < s.n ? n : s.n}; }

// Byte order, shorter first on a tie: <0, 0, >0.
int str_cmp(str a, str b);
// ASCII case folded; for HTTP tokens (RFC 9110 section 5.1).
bool str_eq_nocase(str a, str b);
// Without leading and trailing spaces and tabs (OWS of RFC 9110 section 5.6.3).
str str_trim(str s);
// Index of the first byte c at or after from; s.n where there is none.
size_t str_find_char(str s, char c, size_t from);
// Splits off the part before the first c: *rest becomes what follows it (absent where there is no c; empty but
// present where c is the last byte). rest may point to the variable that s was copied from.
str str_split(str s, char c, str *rest);

// Decimal digits only, no sign, no leading zeros but "0", at most max. False leaves *ret alone.
bool str_to_u64(str s, uint64_t max, uint64_t *ret);

#endif
