// SPDX-License-Identifier: Apache-2.0
//
// A pattern is run as the automaton that it is: a set of places in the pattern where the match may stand, as bits, moved on by
// each octet of the name. Rejected: going back to the last star where an octet does not fit. With two kinds of stars that
// takes as many steps as the cube of the length, in the hands of whoever mints tokens.
#include "core/common/pattern.h"

#include "base/assert.h"
#include "dialect/dialect.h"

enum { WORDS = PATTERN_MAX / 64 + 1 }; // a bit for each place, and for the one behind the last octet

struct places {
    uint64_t bits[WORDS];
};

static bool parts(char c) { return c == '/' || c == ':'; }

static bool is_star(str pattern, size_t at) { return at < pattern.n && pattern.p[at] == '*'; }

const char *pattern_problem(str pattern)
{
    if (!room_name_valid(pattern))
        return "a room name of 1 to 128 octets without control characters or spaces around it, in which `*` stands "
               "for a part of a segment and `**` for anything";
    size_t run = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        run = pattern.p[i] == '*' ? run + 1 : 0;
        if (run == 3)
            return "a pattern with `*` or `**`, not more stars in a row";
    }
    return NULL;
}

// The match may stand at that place, and behind the star that is there, as a star may stand for nothing.
static void places_add(struct places *s, str pattern, size_t at)
{
    for (;;) {
        ASSERT(at <= pattern.n);
        uint64_t *word = &s->bits[at / 64], bit = UINT64_C(1) << at % 64;
        if ((*word & bit) != 0)
            return;
        *word |= bit;
        if (!is_star(pattern, at))
            return;
        at += is_star(pattern, at + 1) ? 2 : 1;
    }
}

static void step(str pattern, size_t at, char c, struct places *next)
{
    if (at == pattern.n)
        return;
    if (is_star(pattern, at)) {
        if (is_star(pattern, at + 1) || !parts(c))
            places_add(next, pattern, at);
    } else if (pattern.p[at] == c) {
        places_add(next, pattern, at + 1);
    }
}

// Octets before the first star.
static size_t literal_prefix(str pattern) { return str_find_char(pattern, '*', 0); }

bool pattern_match(str pattern, str name)
{
    ASSERT(pattern.n != 0);
    ASSERT(pattern.n <= PATTERN_MAX);
    size_t prefix = literal_prefix(pattern);
    if (!str_starts(name, str_take(pattern, prefix))) // most end here
        return false;
    struct places now = {{0}};
    places_add(&now, pattern, prefix);
    for (size_t i = prefix; i < name.n; i++) {
        struct places next = {{0}};
        uint64_t any = 0;
        for (size_t w = 0; w < WORDS; w++)
            for (uint64_t left = now.bits[w]; left != 0; left &= left - 1)
                step(pattern, w * 64 + (size_t)__builtin_ctzll(left), name.p[i], &next);
        for (size_t w = 0; w < WORDS; w++)
            any |= next.bits[w];
        if (any == 0)
            return false;
        now = next;
    }
    return (now.bits[pattern.n / 64] >> pattern.n % 64 & 1) != 0;
}

struct weight {
    size_t literals, deep, flat; // octets, `**`, `*`
};

static struct weight weigh(str pattern)
{
    struct weight w = {0};
    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] != '*') {
            w.literals++;
        } else if (is_star(pattern, i + 1)) {
            w.deep++;
            i++;
        } else {
            w.flat++;
        }
    }
    return w;
}

static int order(size_t a, size_t b) { return a < b ? -1 : a > b; }

int pattern_cmp(str a, str b)
{
    struct weight x = weigh(a), y = weigh(b);
    int verdicts[] = {order(y.literals, x.literals), order(x.deep, y.deep), order(x.flat, y.flat),
                      order(literal_prefix(b), literal_prefix(a)), str_cmp(a, b)};
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (verdicts[i] != 0)
            return verdicts[i];
    return 0;
}
