// SPDX-License-Identifier: Apache-2.0
//
// A number is digits and a power of ten: d.ddd e x = ddddd * 10^(x - 3). The digits are taken up to DIGITS_MAX of them, which
// is more than any time has; what is behind them only moves the power. Then the power is worked off, three more for
// milliseconds, until it is 0 or the value beyond all times.
#include "core/auth/numeric_date.h"

#include "base/assert.h"

enum {
    DIGITS_MAX = 18,    // fit 64 bits
    POWER_MAX = 100000, // where an exponent stops to make a difference
};

struct number {
    uint64_t digits;
    int64_t power;
    uint32_t count; // digits taken, leading zeros not counted
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One digit, in front of the point or behind it.
static void take_digit(struct number *n, char c, bool fraction)
{
    bool room = n->count < DIGITS_MAX;
    if (room) {
        n->digits = n->digits * 10 + (uint64_t)(c - '0');
        n->count += n->digits != 0;
    }
    n->power += (room ? 0 : 1) - (fraction ? 1 : 0);
}

// From behind the "e". Clamped: a text of a hundred thousand zeros and this exponent are no times together.
static int64_t take_exponent(str s)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    int64_t v = 0;
    for (size_t i = s.n > 0 && !is_digit(s.p[0]) ? 1 : 0; i < s.n; i++)
        v = v < POWER_MAX ? v * 10 + (s.p[i] - '0') : POWER_MAX;
    return negative ? -v : v;
}

bool numeric_date_ms(str raw, uint64_t *ret)
{
    struct number n = {.power = 3};
    bool fraction = false;
    size_t at = 0;
    if (raw.n == 0 || !is_digit(raw.p[0]))
        return false;
    for (; at < raw.n && (is_digit(raw.p[at]) || raw.p[at] == '.'); at++) {
        if (raw.p[at] == '.')
            fraction = true;
        else
            take_digit(&n, raw.p[at], fraction);
    }
    n.power += take_exponent(str_skip(raw, at + 1));
    for (; n.power > 0 && n.digits > 0 && n.digits <= NUMERIC_DATE_MAX_MS; n.power--)
        n.digits *= 10;
    for (; n.power < 0 && n.digits > 0; n.power++)
        n.digits /= 10;
    ASSERT(n.digits == 0 || n.power == 0 || n.digits > NUMERIC_DATE_MAX_MS);
    if (n.digits > NUMERIC_DATE_MAX_MS)
        return false;
    *ret = n.digits;
    return true;
}
