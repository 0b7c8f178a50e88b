// SPDX-License-Identifier: Apache-2.0
//
// Strings as {pointer, length}. Each function takes care of two things that C's own do not: a NULL pointer never
// reaches mem* (undefined even with length 0), and no arithmetic is done on NULL.
#include "base/str.h"

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

// ASCII only: tolower depends on the locale, and a header name is never anything else.
static inline unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;
    return (unsigned char)(u - 'A') < 26 ? (unsigned char)(u | 0x20) : u;
}

bool str_eq_nocase(str a, str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    }
    return true;
}

static inline bool is_ows(char c) { return c == ' ' || c == '\t'; }

str str_trim(str s)
{
    while (s.n > 0 && is_ows(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_ows(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

size_t str_find_char(str s, char c, size_t from)
{
    if (from >= s.n)
        return s.n;
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? (size_t)(hit - s.p) : s.n;
}

str str_split(str s, char c, str *rest)
{
    size_t at = str_find_char(s, c, 0);
    // At the very end of s this is {end, 0}: empty but present, unlike STR_NONE.
    *rest = at < s.n ? str_make(s.p + at + 1, s.n - at - 1) : STR_NONE;
    return str_make(s.p, at);
}

bool str_to_u64(str s, uint64_t max, uint64_t *ret)
{
    // One spelling per number ("007" is none), so that a number can be compared and echoed as text.
    if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9)
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}
