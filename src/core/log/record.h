// SPDX-License-Identifier: Apache-2.0
//
// record.h - one thing that was said in a room, as bytes that may leave the process: to a store, to another node, to the
// next version of this program. docs/protocol/record.md is the contract; in short, version 5, numbers little-endian:
//
//       0         1      2        3           4        5       6           7       8 .. 11  12 .. 19  20 .. 27    28 ...
//      | version | type | user_n | session_n | name_n | key_n | rule_role | flags | data_n | time_ms | steady_ms |
//      | user | session | name | data |
//      | key_window_ms (4) | key_count (4) | key |                        where there is a key
//      | grant (4) |                                                      where the flags say so
//      | info_n (2) | info |                                              likewise
//      | about (8) |                                                      likewise
//      | conflate_n (1) | conflate |                                      likewise
//      | target_n | target_name_n | role, or on | first | span_ms (8) | target | target_name |      of a decree
//      | id (8) | uses (2) | max (2) | hash (32) |                        of a decree about an invitation, behind that
//      | version (8) | author_n | reaction_n | on | 0 | author | reaction |                         of a change
//
// Version 1 knew messages and void ones only, and not by what right something was said: 0 stood in bytes 6 and 7. Version 2 knew no
// info, version 3 no changes, version 4 no data that are bytes (dialect/datum.h). They are read, and not written any more.
//
// What was taken back is *erased* where it lies: its data are zeros then, and a flag says so. The record is as long as before.
//
// Not in it: the offset and the room, which are those of the log that it is in.
//
// What reads it trusts nothing: bytes from elsewhere may be cut, of a newer version, or no record at all.
#ifndef PLENUM_CORE_RECORD_H
#define PLENUM_CORE_RECORD_H

#include "base/buf.h"
#include "dialect/entry.h"

enum {
    RECORD_VERSION = 5,
    RECORD_HEAD = 28,
    RECORD_KEY_HEAD = 8,
    RECORD_GRANT = 4,
    RECORD_INFO_HEAD = 2,
    RECORD_ABOUT = 8,
    RECORD_CONFLATE_HEAD = 1,
    RECORD_DECREE_HEAD = 12,
    RECORD_INVITATION = 44,
    RECORD_CHANGE_HEAD = 12
};

enum record_verdict {
    RECORD_OK,
    RECORD_NEWER,  // of a version that this program does not know
    RECORD_TYPE,   // of a type that this version does not have
    RECORD_BROKEN, // cut, too long, or with something where nothing may be
};
// A sentence without its subject: "is of a newer version than this program knows". Never NULL.
const char *record_verdict_text(enum record_verdict v);

// The entry must be one that records are made of (entry_passing says no).
void record_encode(struct buf *out, const struct entry *e);
// Offset and room are the caller's to fill in. Strings borrow from bytes.
enum record_verdict record_decode(str bytes, struct entry *ret) WARN_UNUSED;
// Of bytes that record_encode made: cheaply.
enum entry_type record_type(str bytes);
uint64_t record_steady(str bytes);
// Erases the data of a message or an edit, in place.
void record_erase(char *bytes, size_t n);

#endif
