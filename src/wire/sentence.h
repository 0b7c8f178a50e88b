// SPDX-License-Identifier: Apache-2.0
//
// sentence.h - a sentence for a developer with a few words of the moment in it, in memory of fixed size.
//
//     sentence_set(&s, "The token is signed with {}; the key {} takes % only.", words, 3);
//
// "{}" is what somebody else wrote: in backticks, cut to SENTENCE_WORD_MAX octets, `nothing` without them where it is empty.
// "%" is a word of ours, a number mostly, as it is. What does not fit is cut behind a whole character, which no sentence of
// ours comes to: tests hold them to it. Control characters are left to who writes the sentence down.
//
// Ownership: a plain value, nothing to free. Thread: pure functions.
#ifndef PLENUM_WIRE_SENTENCE_H
#define PLENUM_WIRE_SENTENCE_H

#include "base/str.h"

enum { SENTENCE_MAX = 320, SENTENCE_WORD_MAX = 64 };

struct sentence {
    uint16_t n;
    char z[SENTENCE_MAX + 1]; // ends with a NUL, too
};

static inline str sentence_str(const struct sentence *s) { return str_make(s->z, s->n); }
// As many words as there are marks in the text.
void sentence_set(struct sentence *s, const char *text, const str *words, size_t words_n);

// The digits of a number, as a word.
struct sentence_digits {
    char z[20];
};
str sentence_number(uint64_t v, struct sentence_digits *room);

#endif
