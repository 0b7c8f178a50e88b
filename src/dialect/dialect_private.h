// SPDX-License-Identifier: Apache-2.0
//
// dialect_private.h - what the files of this folder share and nobody else includes: what the table in ways.c is made
// of. The functions' contracts are those of the members of `struct payloads`.
#ifndef PLENUM_DIALECT_DIALECT_PRIVATE_H
#define PLENUM_DIALECT_DIALECT_PRIVATE_H

#include "dialect/dialect.h"

extern const struct language native_language;
extern const struct payloads native_json_payloads, native_bytes_payloads;

enum err native_json_decode(struct reading *r, struct command *ret, struct problem *ret_problem);
struct key;
// Of what is read by who carries it out: raw JSON, which has been validated, is of the kind that its key takes.
enum err native_json_take_raw(struct problem *p, const struct key *k, str raw, str *ret);
enum err native_json_check(const struct command *c, struct problem *p); // what no key tells alone
void native_json_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s);
void native_json_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);

void native_bytes_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s);
void native_bytes_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);
void native_bytes_encode_row(struct buf *out, const struct entry *e, int32_t utc_offset_s);

extern const struct language protobuf_language;
extern const struct payloads protobuf_payloads;

enum err protobuf_decode(struct reading *r, struct command *ret, struct problem *ret_problem);
void protobuf_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);
void protobuf_encode_row(struct buf *out, const struct entry *e, int32_t utc_offset_s);

extern const struct language text_language;
extern const struct payloads text_payloads;

void native_json_put_data(struct buf *out, const struct entry *e); // ,"data":...
void native_json_put_from(struct buf *out, const struct entry *e); // who said it: {"user":...}
void native_json_put_member(struct buf *out, const struct member_view *m);
void native_json_put_decree(struct buf *out, const struct entry *e);
void native_json_put_created(struct buf *out, const struct event *ev);
void native_json_put_invitations(struct buf *out, const struct event *ev);
void native_json_put_message(struct buf *out, const struct entry *e);
void native_json_put_welcome(struct buf *out, const struct event *ev); // what is behind its id
void native_json_put_state(struct buf *out, const struct event *ev);   // what is behind its room
void native_json_put_change(struct buf *out, const struct entry *e);
enum err text_decode(struct reading *r, struct command *ret, struct problem *ret_problem);
void text_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s);
void text_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s);

// What is left of a message that is one command, all of it.
static inline str reading_whole(struct reading *r)
{
    r->at = r->message.n;
    return r->message;
}

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
