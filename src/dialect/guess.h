// SPDX-License-Identifier: Apache-2.0
//
// guess.h - which command was meant? Shared by the decoders; a guess is only ever shown, never carried out.
#ifndef PLENUM_DIALECT_GUESS_H
#define PLENUM_DIALECT_GUESS_H

#include "base/str.h"

// What other systems call a command of ours.
struct guess_alias {
    const char *word, *meant;
};

// The word that `written` may be a slip of, without regard to case, or what an alias stands for; NULL = no idea.
const char *guess_word(str written, const char *const *words, size_t words_n,
                       const struct guess_alias *aliases, size_t aliases_n);

#endif
