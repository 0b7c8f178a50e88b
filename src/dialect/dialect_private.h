// SPDX-License-Identifier: Apache-2.0
//
// dialect_private.h - what the files of this folder share and nobody else includes: the functions behind the
// table in dialect.c. Their contracts are those of the members of `struct dialect`.
#ifndef PLENUM_DIALECT_DIALECT_PRIVATE_H
#define PLENUM_DIALECT_DIALECT_PRIVATE_H

#include "dialect/dialect.h"

enum err native_json_decode(str message, struct scratch *scratch, struct command *ret,
                            struct problem *ret_problem);
void native_json_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s);
void native_json_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);

enum err text_decode(str line, struct scratch *scratch, struct command *ret, struct problem *ret_problem);
void text_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s);
void text_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);

// Fills the problem and returns ERR_SYNTAX, so that a decoder can `return problem_set(...)`. text is static.
static inline enum err problem_set(struct problem *p, enum problem_code code, const char *text)
{
    *p = (struct problem){.code = code, .text = text};
    return ERR_SYNTAX;
}

// The same about a word of the message.
static inline enum err problem_set_word(struct problem *p, enum problem_code code, const char *text,
                                        enum word_kind kind, str word)
{
    *p = (struct problem){.code = code, .text = text, .word_kind = kind, .word = word};
    return ERR_SYNTAX;
}

#endif
