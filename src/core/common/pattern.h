// SPDX-License-Identifier: Apache-2.0
//
// pattern.h - names of rooms by the dozen: `team-*` in a rule of the configuration, in a key of the API, in a token.
//
// A name is made of segments, which '/' and ':' part. A pattern is compared with the whole of it, octet by octet:
//
//     pattern        matches                         not
//     lobby          lobby                           Lobby, lobby/2
//     team-*         team-, team-red                 team-red/plans, team-red:plans
//     acme:*         acme:hall                       acme:hall:north
//     acme:**        acme:, acme:hall:north          acme
//     **/plans       team-red/plans, a:b/plans       plans
//
// `*` stands for any octets of one segment, none included, `**` for any octets at all. There is no escape: a '*' in a name is
// matched by one in a pattern as by any other octet.
//
// Where several match, the most specific one counts (pattern_cmp), which is, each where the ones before do not decide:
//  1. the one with more octets that are not stars;
//  2. the one with fewer `**`;
//  3. the one with fewer `*`;
//  4. the one with more octets before its first star;
//  5. the one that comes first in the order of octets, so that it does not matter in which order they were written.
// A name that is written out therefore beats every pattern that matches it, and `team-*` beats `*` and `**`.
//
// Limits: PATTERN_MAX octets. A match takes at most PATTERN_MAX steps for each octet of the name, whatever the pattern: no
// backtracking. Errors: none; what is no pattern is asked for first (pattern_problem). Thread: pure functions.
#ifndef PLENUM_CORE_COMMON_PATTERN_H
#define PLENUM_CORE_COMMON_PATTERN_H

#include "base/limits.h"
#include "base/str.h"

enum { PATTERN_MAX = ROOM_NAME_MAX };

// NULL where it is a pattern; else what is wrong with it, as "... expected <this>".
const char *pattern_problem(str pattern);
// pattern: one without a problem. name: of any length.
bool pattern_match(str pattern, str name);
// <0 where a is more specific than b, >0 where b is than a, 0 for the same pattern.
int pattern_cmp(str a, str b);

#endif
