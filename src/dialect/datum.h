// SPDX-License-Identifier: Apache-2.0
//
// datum.h - data that is no JSON: bytes of any kind, and what they are.
//
//      | 0 | n | content type | bytes, any number of them |
//        1   1   n, 1 to 127
//
// `data` of what is said is JSON, or a datum. No JSON begins with a zero byte, so one string is enough for both, and only languages
// look into it. It is part of the portable form of records (docs/protocol/record.md) and never changes.
//
// Ownership: values that borrow. Thread: any.
#ifndef PLENUM_DIALECT_DATUM_H
#define PLENUM_DIALECT_DATUM_H

#include "base/buf.h"
#include "base/limits.h"
#include "dialect/dialect.h"

enum { DATUM_HEAD = 2, DATUM_HEAD_MAX = DATUM_HEAD + CONTENT_TYPE_MAX };

static inline bool data_is_datum(str data) { return data.n != 0 && data.p[0] == '\0'; }

// A media type (RFC 9110 section 8.3.1) as far as it matters here: 1 to 127 bytes of printable ASCII, `type/subtype` in front, no
// space around it.
bool content_type_valid(str type);
// It says JSON, so the bytes are no datum but JSON.
bool content_type_json(str type);

// What data_is_datum says is one is a whole one.
bool datum_valid(str data);
// Of a valid one.
str datum_type(str data);
str datum_bytes(str data);

// Puts one together in scratch, which has room for DATUM_HEAD_MAX and the bytes. These may be in scratch already, where the next
// thing would be put, or anywhere else.
str datum_make(struct scratch *scratch, str type, str bytes);

#endif
