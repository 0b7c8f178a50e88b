// SPDX-License-Identifier: Apache-2.0
//
// reserve.h - what a shard can still say when its memory is used up; allocated when it starts, never grown.
//
//      page    room for one answer to GET /metrics, which is wanted most when nothing else goes any more
//      words   RESERVE_WORDS nodes for an output queue, each to carry a static sentence: 503, 1013, a last line
//
//      guests  the newest RESERVE_GUESTS connections that were let in although memory was out: each is there for one HTTP
//              answer, such as the page. One that takes its time to ask is sent away when half as many have come after
//              it, and cut when all of them have, so that whoever asks at once finds a place. The pool of
//              connections keeps RESERVE_CONNS places for them and for those that are on their way out (slab_keep)
//
// A node is lent: put into a connection's queue like any other, and back in the reserve when it has been written or the
// connection is gone. Words are for connections that have nothing else to say and end with it, so a node is out for one
// write as a rule. Where even the words are out, a connection is cut without any.
//
// Ownership: the shard's. Thread: the shard's.
#ifndef PLENUM_CORE_RESERVE_H
#define PLENUM_CORE_RESERVE_H

#include "base/buf.h"
#include "core/common/ref.h"
#include "core/fan/outq.h"

enum {
    RESERVE_WORDS = 256,
    RESERVE_CONNS = 64,
    RESERVE_GUESTS = 48,
    RESERVE_GUEST_MS = 1000,        // for a request to arrive
    RESERVE_PAGE_BYTES = 64 * 1024, // an answer to /metrics has a fixed number of lines, about 20 KiB of them
};

struct reserve {
    struct buf page;
    char *nodes;
    struct out_node *page_free, *words_free; // NULL: lent
    struct ref guests[RESERVE_GUESTS];
    uint32_t guest_at; // the oldest
};

// Notes a guest, and who must make room: one that is to be sent away, one that is to be cut. Either may be gone, or none.
void reserve_guest(struct reserve *r, struct ref guest, struct ref *ret_away, struct ref *ret_cut);
enum err reserve_init(struct reserve *r, struct mem *m) WARN_UNUSED;
void reserve_deinit(struct reserve *r, struct mem *m); // no queue holds a node of it any more
// Appends words that live as long as the process. False when all nodes are lent.
bool reserve_say(struct reserve *r, struct outq *q, str words) WARN_UNUSED;
// The page, emptied, to be filled; NULL while an earlier one is still being written.
struct buf *reserve_page(struct reserve *r);
// Appends the page, in which there is something.
void reserve_page_put(struct reserve *r, struct outq *q);

#endif
