// SPDX-License-Identifier: Apache-2.0
//
// quantity.h - numbers with a unit as people write them: 64k, 1MiB, 512MB, 90s, 1h.
//
// A setting has a unit of its own, which is in its name or in its documentation; a bare number is in that unit. A number
// with another unit of the same kind is converted, if that comes out whole:
//
//     sizes   B  k KB KiB  M MB MiB  G GB GiB  T TB TiB      capital or small; every k is 1,024, whichever way it is
//     times   us  ms  s  m min  h  d                         written, because nobody means 1,000 of a memory limit
//
//     log.age_s: 1h -> 3600      server.memory_mb: 2GiB -> 2048      heartbeat.interval_s: 500ms -> not whole, refused
//
// Errors: false, and nothing is written. Whether the number is in the setting's range is not asked here.
#ifndef PLENUM_APP_QUANTITY_H
#define PLENUM_APP_QUANTITY_H

#include "base/str.h"

enum quantity_kind { QUANTITY_COUNT, QUANTITY_SIZE, QUANTITY_TIME };

// What a unit of the schema measures: "MiB" a size, "ms" a time, "rooms" and the like are counts, which have no others.
enum quantity_kind quantity_kind(const char *unit);
// The number that text stands for, in that unit.
bool quantity_parse(str text, const char *unit, uint64_t *ret);
// Examples for people, "90s, 15m or 1h"; "" for counts.
const char *quantity_examples(const char *unit);

#endif
