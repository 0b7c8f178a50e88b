// SPDX-License-Identifier: Apache-2.0
//
// The growing half of buf; the half that merely copies is in the header, to be inlined.
//
// Doubling makes n appended bytes cost O(n) copies whatever the pieces are. The capacity is cut at `limit`, so the
// fast path needs one comparison (room) and not two (room, limit). Rejected: a list of chunks (every reader would
// have to walk it) and a second, smaller try when doubling is refused (near the budget, refusing is the point).
#include "base/buf.h"

#include "base/codec.h"

enum { BUF_CAP_MIN = 256 };

void buf_init(struct buf *b, struct mem *m, size_t limit) { *b = (struct buf){.limit = limit, .mem = m}; }

void buf_deinit(struct buf *b)
{
    if (b->p)
        mem_free(b->mem, b->p, b->cap);
    b->p = NULL;
    b->n = 0;
    b->cap = 0;
    b->stale = 0;
}

void buf_reset(struct buf *b, size_t keep_max)
{
    if (b->cap > keep_max)
        buf_deinit(b);
    buf_cut(b, 0);
    b->failed = false;
}

void buf_wipe(struct buf *b)
{
    buf_cut(b, 0);
    b->failed = false;
    if (b->stale != 0)
        mem_wipe(b->p, b->stale);
    b->stale = 0;
}

// The capacity for `need` bytes; 0 where the limit or size_t forbids it.
static size_t buf_cap_for(const struct buf *b, size_t need)
{
    if (b->limit && need > b->limit)
        return 0;
    size_t cap = b->cap < BUF_CAP_MIN ? BUF_CAP_MIN : b->cap;
    while (cap < need) {
        if (cap > SIZE_MAX / 2)
            return 0;
        cap *= 2;
    }
    return b->limit && cap > b->limit ? b->limit : cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->p && n <= b->cap - b->n) {
        if (b->n + n > b->stale) // who writes there may come to think better of it
            b->stale = b->n + n;
        return b->p + b->n;
    }
    size_t cap = n > SIZE_MAX - b->n ? 0 : buf_cap_for(b, b->n + n);
    char *p = cap ? mem_realloc(b->mem, b->p, b->cap, cap) : NULL;
    if (!p) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    if (b->n + n > b->stale)
        b->stale = b->n + n;
    return p + b->n;
}

void buf_put_slow(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    // In place where any number fits. Near the end the digits are made aside, as only so many as v has count
    // against the limit.
    if (!b->failed && b->cap - b->n >= 20) {
        b->n += u64_encode(v, b->p + b->n);
        return;
    }
    char digits[20];
    buf_put(b, digits, u64_encode(v, digits));
}

void buf_check(const struct buf *b)
{
    ASSERT(b->n <= b->cap);                      // 1
    ASSERT(b->limit == 0 || b->cap <= b->limit); // 1
    ASSERT((b->p == NULL) == (b->cap == 0));     // 2
    ASSERT(b->stale <= b->cap);                  // 3
}
