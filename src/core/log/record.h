// SPDX-License-Identifier: Apache-2.0
//
// record.h - an entry as the log's record track keeps it: a fixed head, then its strings.
//
//      | type role connected user_n | session_n name_n previous_n 0 | data_n | sessions | time | a | b |
//      | user session name previous_name data |
//
// a, b: joined_at and last_active of a member entry; a = count of ENTRY_MEMBERS_COUNT. Host byte order: records
// never leave the process in this form. The room's name is not stored; it is the log's.
#ifndef PLENUM_CORE_RECORD_H
#define PLENUM_CORE_RECORD_H

#include "base/buf.h"
#include "dialect/entry.h"

void record_encode(struct buf *out, const struct entry *e);
// Offset and room are the caller's to fill in. Strings borrow from bytes.
void record_decode(str bytes, struct entry *ret);
// Only type and time, cheaply.
enum entry_type record_type(str bytes);
uint64_t record_time(str bytes);

#endif
