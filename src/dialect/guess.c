// SPDX-License-Identifier: Apache-2.0
#include "dialect/guess.h"

#include "base/near.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

const char *guess_word(str written, const char *const *words, size_t words_n,
                       const struct guess_alias *aliases, size_t aliases_n)
{
    char folded[NEAR_TEXT_MAX];
    if (written.n > sizeof folded)
        return NULL;
    for (size_t i = 0; i < written.n; i++)
        folded[i] = lower(written.p[i]);
    written = str_make(folded, written.n);
    for (size_t i = 0; i < aliases_n; i++)
        if (str_eq(written, str_from_cstr(aliases[i].word)))
            return aliases[i].meant;
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < words_n; i++) {
        size_t distance = edit_distance(written, str_from_cstr(words[i]));
        if (edit_is_near(distance, written.n) && distance < best_distance) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best;
}
