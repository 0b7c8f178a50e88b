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
        if (stop > from) {
            uint32_t start = segment_start(seg, from), end = segment_end(seg, stop - 1);
            fan_put_segment(f, conn, seg, str_make((const char *)seg->data + start, end - start));
            metric_add(&f->cx->metrics->deliveries, stop - from);
        }
        from = stop + 1;
    }
}

void outlet_keep_rest(struct fan *f, uint32_t index, uint32_t conn)
{
    struct reader *r = reader_at(f, conn);
    const struct outlet *o = outlet_at(f, index);
    const struct chain *chain = &o->chains[r->dialect];
    uint64_t next = o->cursors[reader_find_membership(r, index)->slot].next;
    uint64_t first = chain->n != 0 ? chain->segs[0]->first : o->head + 1;
    if (next < first && next <= o->head) {
        fan_put_gap(f, conn, outlet_name(o), next, first - 1, "slow");
        next = first;
    }
    if (next > o->head)
        return;
    for (uint32_t i = chain_find(chain, next); reader_open(r) && next <= o->head; i++) {
        bool last = i + 1 == chain->n || chain->segs[i + 1]->first > o->head;
        uint64_t to = last ? o->head : chain->segs[i + 1]->first - 1;
        keep_run(f, conn, index, chain->segs[i], next, to);
        next = to + 1;
    }
}
