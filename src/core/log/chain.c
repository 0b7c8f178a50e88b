// SPDX-License-Identifier: Apache-2.0
//
// An array and not a linked list: a cursor finds its segment by looking from the newest backwards, which is one
// step for a reader that keeps up and a binary search for one that does not. Dropping from the front moves the
// rest down; a chain has at most a few dozen segments.
#include "core/log/chain.h"

static void chain_drop(struct chain *c, struct mem *m, uint32_t i)
{
    struct segment *s = c->segs[i];
    ASSERT(c->bytes >= s->cap);
    c->bytes -= s->cap;
    segment_unref(m, s);
}

static void chain_shrink_to_nothing(struct chain *c, struct mem *m)
{
    mem_free(m, c->segs, c->cap * sizeof *c->segs);
    *c = (struct chain){0};
}

void chain_deinit(struct chain *c, struct mem *m)
{
    for (uint32_t i = 0; i < c->n; i++)
        chain_drop(c, m, i);
    ASSERT(c->bytes == 0);
    chain_shrink_to_nothing(c, m);
}

static enum err chain_insert(struct chain *c, struct mem *m, uint32_t at, struct segment *s)
{
    ASSERT(at <= c->n);
    ASSERT(at == 0 || c->segs[at - 1]->first < s->first);
    ASSERT(at == c->n || s->first < c->segs[at]->first);
    if (c->n == c->cap) {
        uint32_t cap = c->cap == 0 ? 2 : c->cap * 2;
        struct segment **segs = mem_realloc(m, c->segs, c->cap * sizeof *segs, cap * sizeof *segs);
        if (segs == NULL)
            return ERR_NOMEM;
        c->segs = segs;
        c->cap = cap;
    }
    memmove(c->segs + at + 1, c->segs + at, (c->n - at) * sizeof *c->segs);
    c->segs[at] = s;
    c->n++;
    c->bytes += s->cap;
    ASSERT(c->n <= c->cap);
    return OK;
}

enum err chain_push(struct chain *c, struct mem *m, struct segment *s)
{
    ASSERT(c->n == 0 || c->segs[c->n - 1]->first < s->first);
    return chain_insert(c, m, c->n, s);
}

static struct segment *push_new(struct chain *c, struct mem *m, struct mem *bytes, uint64_t first, size_t cap)
{
    struct segment *s = segment_create(bytes, first, (uint32_t)cap);
    if (s != NULL && chain_push(c, m, s) != OK) {
        segment_unref(m, s);
        return NULL;
    }
    return s;
}

struct segment *chain_alone(struct chain *c, struct mem *m, struct mem *bytes, uint64_t first, size_t n)
{
    return push_new(c, m, bytes, first, segment_cost(n));
}

struct segment *chain_extend(struct chain *c, struct mem *m, struct mem *bytes, uint64_t first, size_t n)
{
    const struct segment *last = chain_last(c);
    size_t cap = last == NULL ? SEGMENT_BYTES_MIN : (size_t)last->cap * 2;
    if (cap > SEGMENT_BYTES_MAX)
        cap = SEGMENT_BYTES_MAX;
    if (cap < segment_cost(n))
        cap = segment_cost(n);
    return push_new(c, m, bytes, first, cap);
}

enum err chain_merge(struct chain *c, struct mem *m, struct segment *s)
{
    uint32_t at = c->n;
    while (at > 0 && c->segs[at - 1]->first > s->first)
        at--;
    if (at > 0 && c->segs[at - 1]->first == s->first) {
        ASSERT(c->segs[at - 1] == s);
        segment_unref(m, s);
        return OK;
    }
    return chain_insert(c, m, at, s);
}

uint32_t chain_trim(struct chain *c, struct mem *m, uint64_t offset)
{
    uint32_t drop = 0;
    while (drop + 1 < c->n && c->segs[drop + 1]->first <= offset)
        chain_drop(c, m, drop++);
    if (drop != 0) {
        c->n -= drop;
        memmove(c->segs, c->segs + drop, c->n * sizeof *c->segs);
    }
    ASSERT(drop == 0 || c->segs[0]->first <= offset);
    ASSERT(c->n != 0 || drop == 0);
    return drop;
}

void chain_take_out(struct chain *c, struct mem *m, uint32_t at)
{
    ASSERT(at < c->n);
    chain_drop(c, m, at);
    memmove(c->segs + at, c->segs + at + 1, (--c->n - at) * sizeof *c->segs);
    if (c->n == 0)
        chain_shrink_to_nothing(c, m);
}

void chain_put_instead(struct chain *c, struct mem *m, uint32_t at, struct segment *s)
{
    ASSERT(at < c->n);
    ASSERT(c->segs[at] != s);
    ASSERT(c->segs[at]->first == s->first);
    chain_drop(c, m, at);
    c->segs[at] = s;
    c->bytes += s->cap;
}

void chain_pop(struct chain *c, struct mem *m)
{
    ASSERT(c->n != 0);
    chain_take_out(c, m, c->n - 1);
}

uint32_t chain_find(const struct chain *c, uint64_t offset)
{
    ASSERT(c->n != 0);
    ASSERT(c->segs[0]->first <= offset);
    uint32_t i = c->n - 1;
    if (c->segs[i]->first <= offset)
        return i;
    uint32_t low = 0; // segs[low]->first <= offset < segs[i]->first
    while (i - low > 1) {
        uint32_t mid = low + (i - low) / 2;
        if (c->segs[mid]->first <= offset)
            low = mid;
        else
            i = mid;
    }
    ASSERT(c->segs[low]->first <= offset);
    ASSERT(offset < c->segs[low + 1]->first);
    return low;
}

void chain_check(const struct chain *c)
{
    size_t bytes = 0;
    ASSERT(c->n <= c->cap);
    ASSERT((c->cap == 0) == (c->segs == NULL));
    for (uint32_t i = 0; i < c->n; i++) {
        ASSERT(i == 0 || c->segs[i - 1]->first < c->segs[i]->first); // 1
        bytes += c->segs[i]->cap;
    }
    ASSERT(bytes == c->bytes); // 2
}

void chain_check_writer(const struct chain *c)
{
    chain_check(c);
    for (uint32_t i = 0; i < c->n; i++) {
        const struct segment *s = c->segs[i];
        ASSERT(s->count != 0); // 3
        ASSERT(s->used + s->count * segment_stride(s) <= s->cap);
        ASSERT(i == 0 || s->first == c->segs[i - 1]->first + c->segs[i - 1]->count); // 3
    }
}
