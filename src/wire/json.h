// SPDX-License-Identifier: Apache-2.0
//
// json.h - a strict RFC 8259 reader that finds the members of one object and proves the rest, and a string writer.
//
// A command is one object whose few members we want and whose `data` goes through byte for byte. So there is no tree:
// one pass validates every byte and notes where the top-level members are; values are raw slices of the text,
// decoded one by one on demand. A value that is an object itself is scanned by the same function again.
//
//     {"type":"message", "room":"lobby", "data":{"text":"hi"}}
//      |key  |value       |key  |value    |key  |value .......|     slices; quotes belong to values, not to keys
//
// Strict: UTF-8 throughout, no byte order mark, no trailing comma or text, no leading zeros, escaped surrogates in
// pairs only, control characters escaped. Numbers of any size pass as text and are decoded only as integers.
// Duplicate keys are an error among the members of the scanned object, compared after unescaping; inside nested values
// they are not looked for, since nested values are either passed through unread or scanned in their turn.
//
// No recursion and no allocation: nesting costs one bit of a 64-bit word per level.
//
// Limits: JSON_DEPTH_MAX levels, the scanned object being the first; `max` members (looking for duplicates is quadratic
// in them: keep it small). Thread: pure functions. Source: RFC 8259; RFC 3629 for UTF-8.
#ifndef PLENUM_WIRE_JSON_H
#define PLENUM_WIRE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_member {
    str key;      // between the quotes, as sent; compare with json_key_is, not str_eq
    str value;    // raw, from its first to its last byte
    uint8_t kind; // enum json_kind
    bool key_escaped;
};

struct json_problem {
    size_t offset;       // of the byte where it was noticed
    const char *message; // a static sentence
};

// Validates the whole text, which must be one object, and lists its members in order. ret_problem may be NULL; it is
// written on errors only. ret and *ret_n are undefined after an error.
// Errors: ERR_SYNTAX, ERR_UTF8, ERR_LIMIT (too deep, or more than max members), ERR_EXISTS (a key twice).
enum err json_object_scan(str text, struct json_member *ret, size_t max, size_t *ret_n,
                          struct json_problem *ret_problem) WARN_UNUSED;

// Validates a text of any kind, without looking for duplicate keys. Errors as above.
enum err json_validate(str text, struct json_problem *ret_problem) WARN_UNUSED;

// The same of a text that is to stand as a member's value in an object, so with one level less: *ret is the value without the space
// around it, undefined after an error.
enum err json_value_scan(str text, str *ret, struct json_problem *ret_problem) WARN_UNUSED;

// True if the member's key, unescaped, is name.
bool json_key_is(const struct json_member *m, str name);
// The member of that name, or NULL.
const struct json_member *json_member_find(const struct json_member *members, size_t n, str name);

// The items of a raw array that a scan has validated, one after the other: *rest is the array at first, and what is left of
// it from then on. False behind the last one.
bool json_array_next(str *rest, str *ret);
// The members of a raw object likewise, in order; keys that stand twice come twice.
bool json_member_next(str *rest, struct json_member *ret);

// The kind of a raw value that a scan has validated; told by its first byte.
enum json_kind json_kind_of(str raw);

// The following take raw values that a scan has validated; any other bytes give an error or a wrong string, never a
// read outside of raw.

// The string's characters. Without an escape *ret is a slice of raw, else it is in scratch. It may hold any character,
// U+0000 included. Errors: ERR_SYNTAX (not a string), ERR_TOO_LARGE (more than cap bytes unescaped, or in the slice).
enum err json_string_decode(str raw, char *scratch, size_t cap, str *ret) WARN_UNUSED;
// An integer from 0 to max written in digits only; "1e3", "1.0" and "-0" are not.
bool json_u64_decode(str raw, uint64_t max, uint64_t *ret);
bool json_bool_decode(str raw, bool *ret);

// Appends s, which must be UTF-8, as a JSON string with its quotes. Only what must be escaped is: the quote, the
// backslash and U+0000 to U+001F.
void json_put_string(struct buf *b, str s);

#endif
