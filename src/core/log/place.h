// SPDX-License-Identifier: Apache-2.0
//
// place.h - an entry gets its place: in the live stream, and, if it is a record, in the log; or in neither.
//
// A record that is not committed at once comes into the log alone; when it is, place_committed puts it into the stream. So the
// stream never holds what could be taken back, and what passes stands behind what people have seen. The same for a record that
// the log has memory for and the stream has not, that is to be deflated over several turns before (live_large), or that comes behind
// such a one.
//
// A *cut* is a passing entry behind which offsets do not go on where they were: what is between is not kept any more (ENTRY_GAP),
// or the numbering is another one (ENTRY_EPOCH). It is in the stream like anything that passes, so that everyone hears it at the
// same place, and what came before it is of the old numbering, and what comes behind it of the new.
//
// Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_PLACE_H
#define PLENUM_CORE_LOG_PLACE_H

#include "core/log/live.h"
#include "core/log/log.h"

// e->room, e->time_ms and of a record e->steady_ms are set. e->offset: a record's is head + 1; a passing entry's is set here, to
// that of the record it comes after. v is NULL where nobody listens and nobody will (the log of a replay). The place, if it got
// one (place_waiting says no), is v->place then. ERR_NOMEM: nothing has changed.
enum err place_entry(struct log *l, struct live *v, const struct live_tools *tools,
                     struct entry *e) WARN_UNUSED;
// Gives a cut its place; the next record that comes into the stream has the offset e->cut_to + 1. ERR_NOMEM: nothing has changed.
enum err place_cut(struct live *v, const struct live_tools *tools, struct entry *e) WARN_UNUSED;
// The oldest record that is committed and not in the stream, as it is shown; there must be one (place_waiting).
static inline bool place_waiting(const struct log *l, const struct live *v)
{
    return v->offset < l->committed;
}
// That one, as it was said, is to be deflated over several turns (live_large); and its words are what is deflated from here on.
bool place_large(const struct log *l, const struct live *v, const struct live_tools *tools, str room,
                 struct entry *ret);
bool place_deflate(const struct log *l, struct live *v, const struct live_tools *tools,
                   const struct entry *e) WARN_UNUSED;
enum err place_committed(const struct log *l, struct live *v, const struct live_tools *tools, str room,
                         struct entry *ret) WARN_UNUSED;

#endif
