// SPDX-License-Identifier: Apache-2.0
//
// store_drivers.h - the databases that can be a store (store_driver.h): a row each.
#ifndef PLENUM_IO_STORE_DRIVERS_H
#define PLENUM_IO_STORE_DRIVERS_H

#include "io/store_driver.h"

// Every kind that there is, by name; NULL: there is none, or it is "none".
const struct store_driver *store_driver_find(const char *kind);

#endif
