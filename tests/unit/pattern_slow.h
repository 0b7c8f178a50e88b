// SPDX-License-Identifier: Apache-2.0
//
// pattern_slow.h - what a pattern matches, as it is defined: each star tries every length. For the test and the fuzzer.
#ifndef PLENUM_UNIT_PATTERN_SLOW_H
#define PLENUM_UNIT_PATTERN_SLOW_H

#include "core/common/pattern.h"

enum { SLOW_NAME_MAX = 2 * PATTERN_MAX };

// What has been found out: whether the rest of the pattern from one place on matches the rest of the name from another.
struct slow_memo {
    int8_t known[PATTERN_MAX + 1][SLOW_NAME_MAX + 1]; // 0 = not yet, 1 = it does, -1 = it does not
};

static inline bool slow_rest(struct slow_memo *memo, str pattern, size_t at, str name, size_t from);

static inline bool slow_star(struct slow_memo *memo, str pattern, size_t at, str name, size_t from)
{
    bool deep = at + 1 < pattern.n && pattern.p[at + 1] == '*';
    size_t behind = at + (deep ? 2 : 1);
    for (size_t to = from;; to++) {
        if (slow_rest(memo, pattern, behind, name, to))
            return true;
        if (to == name.n || (!deep && (name.p[to] == '/' || name.p[to] == ':')))
            return false;
    }
}

static inline bool slow_rest(struct slow_memo *memo, str pattern, size_t at, str name, size_t from)
{
    int8_t *known = &memo->known[at][from];
    if (*known != 0)
        return *known > 0;
    bool matches;
    if (at == pattern.n)
        matches = from == name.n;
    else if (pattern.p[at] == '*')
        matches = slow_star(memo, pattern, at, name, from);
    else
        matches = from < name.n && name.p[from] == pattern.p[at] &&
                  slow_rest(memo, pattern, at + 1, name, from + 1);
    *known = matches ? 1 : -1;
    return matches;
}

// name: SLOW_NAME_MAX octets at most.
static inline bool slow_match(str pattern, str name)
{
    static struct slow_memo memo;
    memset(&memo, 0, sizeof memo);
    return slow_rest(&memo, pattern, 0, name, 0);
}

#endif
