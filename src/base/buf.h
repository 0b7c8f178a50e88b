// SPDX-License-Identifier: Apache-2.0
//
// buf.h - a growable run of bytes for building output.
//
// Appending never returns an error: a buf that could not grow turns `failed` and ignores everything after, and
// whoever uses the result checks once (`buf_ok`). Growth doubles, from 256 bytes. `limit` (0 = none) bounds the
// length; passing it counts as failure too.
//
// Invariants (buf_check)
//   1. n <= cap, and cap <= limit where there is a limit: room in the block is room under the limit.
//   2. p is NULL exactly while cap is 0.
//
//   3. what was written behind n lies within `stale` bytes, until buf_wipe: a buf that is used over and over holds what it was last used
//      for, which may be what somebody said, until then (base/mem.h). One memset for all that a turn did is less than one per use.
//
// Ownership: the bytes belong to the buf until buf_deinit, or until buf_reset keeps the block for reuse.
#ifndef PLENUM_BASE_BUF_H
#define PLENUM_BASE_BUF_H

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n;     // bytes in use
    size_t cap;   // bytes allocated
    size_t stale; // the most that was in use, or reserved, since it was wiped, but for what is now
    size_t limit; // most bytes it may hold; 0 = no limit
    struct mem *mem;
    bool failed;
};

void buf_init(struct buf *b, struct mem *m, size_t limit);
void buf_deinit(struct buf *b); // b may be zeroed or half-built
// Empties it and clears `failed`; keeps the block unless it is larger than keep_max bytes.
void buf_reset(struct buf *b, size_t keep_max);
// Empties it likewise, keeps the block, and has nothing left in it of what it was used for.
void buf_wipe(struct buf *b);
// Takes off what is behind the first n bytes.
static inline void buf_cut(struct buf *b, size_t n)
{
    ASSERT(n <= b->n);
    if (b->n > b->stale)
        b->stale = b->n;
    b->n = n;
}
void buf_check(const struct buf *b);
static inline bool buf_ok(const struct buf *b) { return !b->failed; }
static inline str buf_str(const struct buf *b) { return (str){b->p, b->n}; }

// Room for n more bytes, not yet counted in; NULL where it could not be had. Follow with buf_commit.
char *buf_reserve(struct buf *b, size_t n);
static inline void buf_commit(struct buf *b, size_t n)
{
    ASSERT(n <= b->cap - b->n);
    b->n += n;
}

void buf_put_slow(struct buf *b, const void *p, size_t n); // buf_put where there is no room or nothing to do

// p must not point into b: growing may move the block. p may be NULL where n is 0.
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    // n - 1 wraps for n = 0 and so sends that case (where memcpy must not see NULL) to the slow path as well.
    if (__builtin_expect(n - 1 < b->cap - b->n && !b->failed, 1)) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    } else {
        buf_put_slow(b, p, n);
    }
}
static inline void buf_put_str(struct buf *b, str s) { buf_put(b, s.p, s.n); }
static inline void buf_put_char(struct buf *b, char c) { buf_put(b, &c, 1); }
void buf_put_u64(struct buf *b, uint64_t v);
#define BUF_PUT_LIT(b, literal) buf_put((b), (literal), sizeof(literal) - 1)

#endif
