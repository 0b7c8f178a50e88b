// SPDX-License-Identifier: Apache-2.0
//
// Patterns of room names: any pattern that has no problem matches what it matches by definition, however it is written, and
// a name that is written out is more specific than a pattern that it is not.
//
// Input: the pattern, an octet 0, the name.
#include "unit/pattern_slow.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = (char *)exact_copy(data, n);
    str name, pattern = str_split(str_make(text, n), '\0', &name);
    if (name.p == NULL)
        name = STR("");
    if (pattern_problem(pattern) != NULL || name.n > SLOW_NAME_MAX) {
        free(text);
        return 0;
    }
    bool matches = pattern_match(pattern, name);
    MUST(matches == slow_match(pattern, name));
    bool stars = str_find_char(pattern, '*', 0) < pattern.n;
    MUST(stars || matches == str_eq(pattern, name));
    MUST(pattern_cmp(pattern, pattern) == 0);
    if (matches && stars && pattern_problem(name) == NULL && str_find_char(name, '*', 0) == name.n)
        MUST(pattern_cmp(name, pattern) <= 0);
    free(text);
    return 0;
}
