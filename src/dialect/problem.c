// SPDX-License-Identifier: Apache-2.0
//
// problem.c - see problem.h. Sentences are put together where they are encoded, in an array of fixed size: a static text
// of ours, at most one word of the peer's, cut, and at most one of our own words as a suggestion. Texts are short enough
// for all of it to fit, which a test holds them to; a sentence that did not fit would be cut, not written beyond.
#include "dialect/problem.h"

#include "base/codec.h"
#include "wire/json.h"
#include "wire/utf8.h"

struct writer {
    char *p;
    size_t n;
};

static void put(struct writer *w, str s)
{
    size_t left = PROBLEM_SENTENCE_MAX - w->n;
    s = utf8_take(s, s.n < left ? s.n : left);
    if (s.n != 0)
        memcpy(w->p + w->n, s.p, s.n);
    w->n += s.n;
}

static void put_quoted(struct writer *w, str word)
{
    put(w, STR("`"));
    put(w, utf8_take(word, PROBLEM_WORD_MAX));
    put(w, word.n > PROBLEM_WORD_MAX ? STR("...`") : STR("`"));
}

static void put_json(struct writer *w, str raw)
{
    switch (json_kind_of(raw)) {
    case JSON_STRING:
        if (raw.n == 2) {
            put(w, STR("an empty string"));
            return;
        }
        put(w, STR("the string "));
        put_quoted(w, str_make(raw.p + 1, raw.n - 2));
        return;
    case JSON_OBJECT:
        put(w, STR("an object"));
        return;
    case JSON_ARRAY:
        put(w, STR("an array"));
        return;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER:
        put_quoted(w, raw);
        return;
    }
}

static void put_word(struct writer *w, const struct problem *p)
{
    if (p->word_kind == WORD_NOTHING || p->word.n == 0)
        put(w, STR("nothing"));
    else if (p->word_kind == WORD_QUOTED)
        put_quoted(w, p->word);
    else if (p->word_kind == WORD_JSON)
        put_json(w, p->word);
    else
        put(w, p->word);
    if (p->has_position) {
        char digits[20];
        put(w, STR(" at position "));
        put(w, str_make(digits, u64_encode(p->position, digits)));
    }
}

str problem_sentence(const struct problem *p, char ret[PROBLEM_SENTENCE_MAX])
{
    struct writer w = {ret, 0};
    str text = p->text != NULL ? str_from_cstr(p->text) : STR("");
    size_t at = 0;
    while (at + 1 < text.n && !(text.p[at] == '{' && text.p[at + 1] == '}'))
        at++;
    bool has_word = at + 1 < text.n;
    put(&w, has_word ? str_take(text, at) : text);
    if (has_word) {
        put_word(&w, p);
        put(&w, str_skip(text, at + 2));
    }
    if (p->did_you_mean != NULL) {
        put(&w, STR(" Did you mean "));
        put_quoted(&w, str_from_cstr(p->did_you_mean));
        put(&w, STR("?"));
    }
    return str_make(ret, w.n);
}
