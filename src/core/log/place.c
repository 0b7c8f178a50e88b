// SPDX-License-Identifier: Apache-2.0
//
// Space is secured everywhere before the first byte is written.
#include "core/log/place.h"

#include "core/log/record.h"

enum err place_entry(struct log *l, struct live *v, struct entry *e, uint64_t now_ms, int32_t utc_offset_s,
                     struct buf *scratch)
{
    bool passing = entry_passing(e->type);
    struct entry numbered = *e;
    struct live_entry live;
    struct segment *seg = NULL;
    size_t record_n = 0;
    numbered.offset = passing ? l->head : l->head + 1;
    buf_reset(scratch, SEGMENT_BYTES_MAX);
    if (!passing) {
        record_encode(scratch, &numbered);
        record_n = scratch->n;
        seg = buf_ok(scratch) ? log_secure(l, record_n, e->time_ms, now_ms) : NULL;
    }
    if ((!passing && seg == NULL) || !live_secure(v, &numbered, l->head, utc_offset_s, scratch, &live)) {
        log_release(l);
        live_release(v);
        return ERR_NOMEM;
    }
    if (!passing)
        log_commit(l, seg, str_make(scratch->p, record_n));
    live_commit(v, &live, passing, scratch);
    e->offset = numbered.offset;
    return OK;
}
