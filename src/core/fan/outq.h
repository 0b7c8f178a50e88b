// SPDX-License-Identifier: Apache-2.0
//
// outq.h - what one connection alone is to be sent: replies, errors, directs, HTTP responses, control frames.
//
//      head -> [segment: the rest of a half-written entry] -> [owned 512 B ...] -> [static: a web page] -> NULL
//
// Room entries are not here (they are in segments, reached through cursors), with two exceptions, which hold references
// on their segments. The rest of an entry that a socket took in part must be finished before anything else: it goes to
// the front, so a cursor always stands between two entries. And what a leaver is still due goes to the end, in front of
// `left`, as there is no cursor of it any more.
//
// Nodes are allocated when there is something to say and freed when it has been said: an idle connection holds
// none. Limit: settings.reply_bytes, watched by the connection (it is paused or closed), not here.
// What is put into a queue from a part (base/mem.h) counts in it as long as it is there, as far as that has room; where it has
// none, it is the server's memory alone, as nobody's answer is to be lost for what a tenant's rooms hold.
// Thread: the shard's.
#ifndef PLENUM_CORE_OUTQ_H
#define PLENUM_CORE_OUTQ_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/log/segment.h"

struct out_node {
    struct out_node *next;
    const uint8_t *p;       // next byte to write
    uint32_t left;          // bytes from p on
    uint32_t cap;           // owned: bytes in data[]
    struct segment *seg;    // a reference, or NULL
    struct out_node **home; // lent: the list it goes back to; NULL = to be freed
    struct mem *part;       // counted there, too: its tenant's; NULL = nobody's
    uint8_t data[];
};

struct outq {
    struct out_node *head;
    struct out_node *tail;
    uint32_t bytes;    // sum of left
    uint32_t referred; // of them in segments: a room's, which others may be reading too
};

enum { OUT_NODE_BYTES = 472, OUT_NODE_BYTES_MAX = 16 * 1024 };

void outq_deinit(struct outq *q, struct mem *m);
void outq_check(const struct outq *q); // asserts the sums; O(nodes)
// Copies the bytes to the end. ERR_NOMEM: nothing was added.
enum err outq_put(struct outq *q, struct mem *m, str a, str b, str c) WARN_UNUSED;
// Refers to bytes that live as long as the process.
enum err outq_put_static(struct outq *q, struct mem *m, str bytes) WARN_UNUSED;
// Refers to bytes that stay until the node is back: the first one of the list, which is not empty, is lent for it.
void outq_put_lent(struct outq *q, str bytes, struct out_node **home);
// Refers to entries of a segment, at the end; takes a reference of its own. ERR_NOMEM: nothing was added.
enum err outq_put_segment(struct outq *q, struct mem *m, struct segment *seg, str bytes) WARN_UNUSED;
// All of another one, at the end, which is empty then.
void outq_append(struct outq *q, struct outq *more);
// The rest of an entry, to be written before everything else; takes a reference of its own.
enum err outq_push_front(struct outq *q, struct mem *m, struct segment *seg, str bytes) WARN_UNUSED;
// What its first node refers to in that segment, the rest of an entry, it has itself from here on. ERR_NOMEM: as it was.
enum err outq_own_rest(struct outq *q, struct mem *m, const struct segment *seg) WARN_UNUSED;
// n of the bytes were written; n is at most bytes.
void outq_advance(struct outq *q, struct mem *m, size_t n);

#endif
