// SPDX-License-Identifier: Apache-2.0
//
// A slotted page, as databases use it, turned into a broadcast buffer: bytes grow up, their index grows down.
// Rejected: an index array beside the bytes (it would have to be grown, and so be locked or copied, while other
// shards read it), and one block per entry (a write would need an iovec per entry instead of one per segment).
#include "core/log/segment.h"

struct segment *segment_create(struct mem *m, uint64_t first, uint32_t cap)
{
    cap = (cap + 7u) & ~7u;
    struct segment *s = mem_alloc(m, sizeof *s + cap);
    if (s == NULL)
        return NULL;
    s->part = mem_is_part(m) ? m : NULL;
    atomic_init(&s->refs, 1);
    s->cap = cap;
    s->first = first;
    s->count = 0;
    s->used = 0;
    s->after = 0;
    return s;
}

void segment_unref(struct mem *m, struct segment *s)
{
    if (s == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    ASSERT(before >= 1);
    if (before == 1)
        mem_free(s->part != NULL ? s->part : m, s, sizeof *s + s->cap);
}

static uint8_t *segment_put(uint8_t *to, str part)
{
    if (part.n != 0)
        memcpy(to, part.p, part.n);
    return to + part.n;
}

void segment_append(struct segment *s, str head, str payload, str end, bool passing)
{
    size_t n = head.n + payload.n + end.n;
    ASSERT(segment_fits(s, n));
    uint8_t *to = s->data + s->used;
    to = segment_put(to, head);
    to = segment_put(to, payload);
    segment_put(to, end);
    s->used += (uint32_t)n;
    s->count++;
    uint32_t slot = s->used | (passing ? SEGMENT_PASSING : 0);
    const size_t stride = segment_stride(s);
    memcpy(s->data + s->cap - (s->count - 1) * stride - sizeof slot, &slot, sizeof slot);
    if (segment_keyed(s))
        segment_set_print(s, 0);
    ASSERT(s->used < SEGMENT_PASSING);
    ASSERT(s->used + s->count * stride <= s->cap);
}

struct segment *segment_copy(struct mem *m, const struct segment *s, uint64_t last,
                             const struct instead *instead, uint32_t n)
{
    ASSERT(last >= s->first);
    size_t cap = segment_end(s, last) + (last - s->first + 1) * segment_stride(s);
    for (uint32_t i = 0; i < n; i++)
        cap += instead[i].bytes.n;
    struct segment *copy = segment_create(m, s->first, (uint32_t)cap);
    if (copy == NULL)
        return NULL;
    copy->after = s->after;
    uint32_t i = 0;
    for (uint64_t at = s->first; at <= last; at++) {
        const bool other = i < n && instead[i].number == at;
        segment_append(copy, other ? instead[i++].bytes : segment_entry(s, at), STR_NONE, STR_NONE,
                       segment_passing(s, at));
        if (segment_keyed(s))
            segment_set_print(copy, segment_print(s, at));
    }
    ASSERT(i == n);
    return copy;
}

void segment_set_print(struct segment *s, uint64_t print)
{
    ASSERT(segment_keyed(s));
    ASSERT(s->count != 0);
    memcpy(s->data + s->cap - s->count * segment_stride(s), &print, sizeof print);
}

// One by one: only who has lost entries, or may be about to, asks.
uint64_t segment_offset_before(const struct segment *s, uint64_t place)
{
    uint64_t offset = segment_after(s);
    ASSERT(place >= s->first);
    for (uint64_t p = s->first; p < place; p++)
        offset += !segment_passing(s, p);
    return offset;
}
