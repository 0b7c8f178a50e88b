// SPDX-License-Identifier: Apache-2.0
//
// One walk over the text; a word that is put in is not looked at for marks.
#include "wire/sentence.h"

#include "base/assert.h"
#include "base/codec.h"
#include "wire/utf8.h"

static void put(struct sentence *s, str piece)
{
    size_t left = (size_t)SENTENCE_MAX - s->n;
    if (piece.n > left)
        piece = utf8_take(piece, left);
    if (piece.n > 0)
        memcpy(s->z + s->n, piece.p, piece.n);
    s->n = (uint16_t)(s->n + piece.n);
}

static void put_quoted(struct sentence *s, str word)
{
    if (word.n == 0) {
        put(s, STR("nothing"));
        return;
    }
    put(s, STR("`"));
    put(s, word.n > SENTENCE_WORD_MAX ? utf8_take(word, SENTENCE_WORD_MAX) : word);
    put(s, word.n > SENTENCE_WORD_MAX ? STR("...`") : STR("`"));
}

void sentence_set(struct sentence *s, const char *text, const str *words, size_t words_n)
{
    size_t used = 0;
    str rest = str_from_cstr(text);
    s->n = 0;
    while (rest.n > 0) {
        size_t plain = 0;
        while (plain < rest.n && rest.p[plain] != '%' && !str_starts(str_skip(rest, plain), STR("{}")))
            plain++;
        put(s, str_take(rest, plain));
        rest = str_skip(rest, plain);
        if (rest.n == 0)
            break;
        ASSERT(used < words_n);
        bool ours = rest.p[0] == '%';
        if (ours)
            put(s, words[used++]);
        else
            put_quoted(s, words[used++]);
        rest = str_skip(rest, ours ? 1 : 2);
    }
    ASSERT(used == words_n);
    s->z[s->n] = '\0';
}

str sentence_number(uint64_t v, struct sentence_digits *room)
{
    return str_make(room->z, u64_encode(v, room->z));
}
