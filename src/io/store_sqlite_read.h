// SPDX-License-Identifier: Apache-2.0
//
// store_sqlite_read.h - what the SQLite driver reads: calls of struct store_driver, and a room's row.
#ifndef PLENUM_IO_STORE_SQLITE_READ_H
#define PLENUM_IO_STORE_SQLITE_READ_H

#include "io/store_sqlite_link.h"

// Its image is appended to `image`, where that is not NULL. STORE_NOTHING: there is no such room.
enum store_fault sqlite_room_get(struct store_link *l, str name, struct sqlite_room *ret, struct buf *image,
                                 struct store_why *why);
enum store_fault sqlite_load(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                             struct store_room *ret, struct buf *image, struct buf *records,
                             uint64_t *ret_from, uint64_t *ret_last, struct store_why *why);
enum store_fault sqlite_fetch(struct store_link *l, str room, uint64_t first, uint64_t last, uint32_t piece,
                              bool about, struct buf *records, uint64_t *ret_last, struct store_why *why);
enum store_fault sqlite_rooms(struct store_link *l, str after, uint32_t most, struct buf *names,
                              struct store_why *why);
enum store_fault sqlite_info(struct store_link *l, struct store_info *ret, struct store_why *why);
enum store_fault sqlite_check(struct store_link *l, struct store_why *why);

#endif
