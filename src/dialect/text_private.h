// SPDX-License-Identifier: Apache-2.0
//
// text_private.h - making what others wrote safe to print on a terminal, and pieces of lines. Shared by the files of the text language.
//
//     character                                shown as
//     line feed, carriage return               \n  \r
//     U+0000-001F except TAB, DEL, U+0080-009F \x1b  \x7f  \x9b
//     line separators, what turns the          \u2028  \u202e
//     direction of text, what has no width     (wire/utf8.h, utf8_steers)
//
// A backslash itself is shown as it is: people write them, and the escapes are there to be harmless, not to be
// read back.
#ifndef PLENUM_DIALECT_TEXT_PRIVATE_H
#define PLENUM_DIALECT_TEXT_PRIVATE_H

#include "base/buf.h"
#include "dialect/dialect.h"

// Escapes the bytes of out from `from` to its end, in place; they must be UTF-8.
void text_escape_tail(struct buf *out, size_t from);

// How a message's `data` is shown. `value` is raw JSON that borrows from the data: its string, an object's top-level
// string "text", or all of it. An action ("action":true beside the text, as /me makes it) is what somebody does.
struct text_said {
    str value;
    bool action;
};

struct text_said text_read_data(str data);

// Appends the readable form, escaped: the characters of a string, anything else as it is.
void text_put_said(struct buf *out, const struct text_said *said);

// Pieces of commands (text_decode.c): what one takes, and what it got instead, ERR_SYNTAX; the text as a JSON string in scratch; where
// the first space or tab is, s.n where there is none; a time.
enum err text_bad_usage(struct problem *p, const char *usage, str args);
str text_quote(struct scratch *scratch, str text);
size_t text_word_end(str s);
bool text_take_time(str word, uint32_t *ret_seconds); // 30s, 10m, 2h, 7d; a bare number is seconds
// Of the state (text_decode_state.c).
enum err text_decode_state(str args, struct scratch *scratch, struct command *ret, struct problem *p);
// Of invitations (text_decode_invite.c); the token behind the name of a room, which is taken off *args: absent where there is none.
enum err text_decode_create(str args, struct command *ret, struct problem *p);
enum err text_decode_invite(str args, struct command *ret, struct problem *p);
enum err text_decode_uninvite(str args, struct command *ret, struct problem *p);
str text_take_invitation(str *args);
enum err text_decode_topic(str args, struct scratch *scratch, struct command *ret, struct problem *p);

// Pieces of lines (text_decree.c).
void text_put(struct buf *out, str s);                      // what somebody wrote, escaped
void text_put_count(struct buf *out, uint64_t n, str noun); // "3 members", "1 member"
str text_name(str name, str user); // people are shown by name; without one by user id
void text_put_deed(struct buf *out, const struct entry *e, str what); // "* alice" and what alice did
void text_put_decree(struct buf *out, const struct entry *e);
void text_put_change(struct buf *out, const struct entry *e);
void text_put_created(struct buf *out, const struct event *ev);
// The token of an invitation, as it is to be typed; those that are open.
void text_put_invited(struct buf *out, const struct event *ev);
void text_put_invitations(struct buf *out, const struct event *ev);
// "topic: hello", "pinned: [1,2]": a key of the state, with its quotes, and its value; an absent one: what it is called only.
void text_put_shared(struct buf *out, str key, str value);

#endif
