// SPDX-License-Identifier: Apache-2.0
//
// store_sqlite.h - a store in a file of SQLite's (store_driver.h); what is in it: store_sqlite_link.h.
#ifndef PLENUM_IO_STORE_SQLITE_H
#define PLENUM_IO_STORE_SQLITE_H

#include "io/store_driver.h"

extern const struct store_driver store_sqlite;

#endif
