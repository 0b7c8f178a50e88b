// SPDX-License-Identifier: Apache-2.0
//
// What a leaver is still due, put into its own queue in front of `left`, as there is no cursor of it any more. Whoever
// leaves with more than settings.reply_bytes of it cannot do anything else before it is written.
#include "core/fan/fan.h"

// Entries from..to of one segment, without those to be skipped.
static void keep_run(struct fan *f, uint32_t conn, uint32_t outlet, struct segment *seg, uint64_t from,
                     uint64_t to)
{
    const struct reader *r = reader_at(f, conn);
    while (reader_open(r) && from <= to) {
        uint64_t stop = skips_next(r, outlet, from, to);
        ASSERT(stop >= from);
        ASSERT(stop <= to + 1);
        if (stop > from) {
            str run = segment_run(seg, from, stop - 1);
            if (run.n != 0)
                fan_put_segment(f, conn, seg, run);
            fan_delivered(f, r, stop - from);
        }
        from = stop + 1;
    }
}

void outlet_keep_rest(struct fan *f, uint32_t index, uint32_t conn, uint64_t last)
{
    struct reader *r = reader_at(f, conn);
    struct outlet *o = outlet_at(f, index);
    const struct chain *chain = tracks_chain(&o->tracks, r->encoding);
    struct cursor *cur = &o->cursors[reader_find_membership(r, index)->slot];
    if (cur->hole)
        hole_tell(f, index, cur);
    uint64_t next = cur->next;
    ASSERT(last <= o->head);
    if (next > last)
        return;
    for (uint32_t i = chain_find(chain, next); reader_open(r) && next <= last; i++) {
        ASSERT(i < chain->n);
        bool ends = i + 1 == chain->n || chain->segs[i + 1]->first > last;
        uint64_t to = ends ? last : chain->segs[i + 1]->first - 1;
        ASSERT(to >= next);
        keep_run(f, conn, index, chain->segs[i], next, to);
        next = to + 1;
    }
}
