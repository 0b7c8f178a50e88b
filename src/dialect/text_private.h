// SPDX-License-Identifier: Apache-2.0
//
// text_private.h - making what others wrote safe to print on a terminal. Shared by the files of the text dialect.
//
//     character                                shown as
//     line feed, carriage return               \n  \r
//     U+0000-001F except TAB, DEL, U+0080-009F \x1b  \x7f  \x9b
//     U+202A-202E, U+2066-2069                 \u202e          (they turn the direction of what follows)
//
// A backslash itself is shown as it is: people write them, and the escapes are there to be harmless, not to be
// read back.
#ifndef PLENUM_DIALECT_TEXT_PRIVATE_H
#define PLENUM_DIALECT_TEXT_PRIVATE_H

#include "base/buf.h"

// Escapes the bytes of out from `from` to its end, in place; they must be UTF-8.
void text_escape_tail(struct buf *out, size_t from);

// Appends the readable form of a message's data, escaped: the characters of a JSON string, those of an object's
// top-level string "text", else the JSON as it is.
void text_put_data(struct buf *out, str data);

#endif
