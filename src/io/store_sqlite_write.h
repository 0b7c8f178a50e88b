// SPDX-License-Identifier: Apache-2.0
//
// store_sqlite_write.h - what the SQLite driver writes of rooms.
#ifndef PLENUM_IO_STORE_SQLITE_WRITE_H
#define PLENUM_IO_STORE_SQLITE_WRITE_H

#include "io/store_sqlite_link.h"

// Of one row of offset, bytes, sum that a statement stands on: its words go.
enum store_fault sqlite_erase_row(struct store_link *l, str room, int64_t id, sqlite3_stmt *row,
                                  struct store_why *why);
enum store_fault sqlite_put(struct store_link *l, const struct store_section *s, struct store_why *why);

#endif
