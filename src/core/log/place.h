// SPDX-License-Identifier: Apache-2.0
//
// place.h - an entry gets its place: in the live stream, and, if it is a record, in the log; or in neither.
//
// Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_PLACE_H
#define PLENUM_CORE_LOG_PLACE_H

#include "core/log/live.h"
#include "core/log/log.h"

// e->time_ms and e->room are set; e->offset is set here: a record's own, a passing entry's of the record it comes after. The
// place is v->place then. now_ms is monotonic. `scratch` is reset and used for encoding. ERR_NOMEM: nothing has changed.
enum err place_entry(struct log *l, struct live *v, struct entry *e, uint64_t now_ms, int32_t utc_offset_s,
                     struct buf *scratch) WARN_UNUSED;

#endif
