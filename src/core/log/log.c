// SPDX-License-Identifier: Apache-2.0
//
// Segments double from 1 KiB to 64 KiB, so that a quiet room costs a kilobyte and a busy one few blocks. Trimming counts
// records one by one, memory goes back by whole segments.
#include "core/log/log.h"

#include "core/log/record.h"

void log_init(struct log *l, struct mem *m) { *l = (struct log){.mem = m, .tail = 1}; }

void log_deinit(struct log *l) { chain_deinit(&l->records, l->mem); }

// --- appending

static bool same_skew(const struct segment *s, int64_t skew_ms)
{
    return skew_ms - s->skew_ms <= LOG_SKEW_MS && s->skew_ms - skew_ms <= LOG_SKEW_MS;
}

struct segment *log_secure(struct log *l, size_t n, uint64_t wall_ms, uint64_t now_ms)
{
    int64_t skew_ms = (int64_t)wall_ms - (int64_t)now_ms;
    struct segment *last = chain_last(&l->records);
    if (last != NULL && segment_fits(last, n) && same_skew(last, skew_ms))
        return last;
    struct segment *s = chain_extend(&l->records, l->mem, l->head + 1, n);
    if (s != NULL)
        s->skew_ms = skew_ms;
    return s;
}

void log_commit(struct log *l, struct segment *secured, str record)
{
    ASSERT(secured == chain_last(&l->records) && secured->first + secured->count == l->head + 1);
    segment_append(secured, STR_NONE, record, STR_NONE, false);
    l->bytes += record.n;
    l->head++;
}

void log_release(struct log *l)
{
    struct segment *last = chain_last(&l->records);
    if (last != NULL && last->count == 0)
        chain_pop(&l->records, l->mem);
}

// --- limits

static bool log_over(const struct log *l, const struct log_limits *limits, uint64_t now_ms)
{
    if (l->tail > l->head)
        return false;
    if (log_oldest_age_ms(l, now_ms) > limits->age_ms)
        return true;
    return l->tail < l->head && (l->head + 1 - l->tail > limits->records || l->bytes > limits->bytes);
}

void log_trim(struct log *l, const struct log_limits *limits, uint64_t now_ms)
{
    uint64_t before = l->tail;
    while (log_over(l, limits, now_ms)) {
        l->bytes -= log_record(l, l->tail).n;
        l->tail++;
    }
    if (l->tail > l->head)
        chain_deinit(&l->records, l->mem); // what is too old is not even kept in memory
    else if (l->tail != before)
        chain_trim(&l->records, l->mem, l->tail);
}

size_t log_shed(struct log *l)
{
    struct chain *c = &l->records;
    if (c->n == 0)
        return 0;
    size_t freed = c->segs[0]->cap;
    uint64_t tail = c->n == 1 ? l->head + 1 : c->segs[1]->first;
    for (; l->tail < tail; l->tail++)
        l->bytes -= log_record(l, l->tail).n;
    if (c->n == 1)
        chain_deinit(c, l->mem);
    else
        chain_trim(c, l->mem, tail);
    return freed;
}

// --- reading

str log_record(const struct log *l, uint64_t offset)
{
    ASSERT(offset >= l->tail && offset <= l->head);
    return segment_entry(l->records.segs[chain_find(&l->records, offset)], offset);
}

void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret)
{
    enum record_verdict v = record_decode(log_record(l, offset), ret);
    ASSERT(v == RECORD_OK); // it is our own
    ret->offset = offset;
    ret->room = room;
}

uint64_t log_messages_back(const struct log *l, uint32_t n)
{
    uint64_t from = l->head + 1;
    for (uint64_t o = l->head; n > 0 && o >= l->tail && o > 0; o--) {
        if (record_type(log_record(l, o)) != ENTRY_MESSAGE)
            continue;
        from = o;
        n--;
    }
    return from;
}

uint64_t log_oldest_age_ms(const struct log *l, uint64_t now_ms)
{
    if (l->tail > l->head)
        return 0;
    const struct segment *s = l->records.segs[chain_find(&l->records, l->tail)];
    int64_t at = (int64_t)record_time(segment_entry(s, l->tail)) - s->skew_ms; // by the monotonic clock
    return (int64_t)now_ms > at ? (uint64_t)((int64_t)now_ms - at) : 0;
}

void log_check(const struct log *l)
{
    ASSERT(l->tail >= 1 && l->tail <= l->head + 1);
    chain_check(&l->records);
    const struct chain *c = &l->records;
    ASSERT(c->n != 0 || l->tail == l->head + 1);
    ASSERT(c->n == 0 || (c->segs[0]->first <= l->tail && chain_end(c) == l->head + 1));
    size_t bytes = 0;
    for (uint64_t o = l->tail; o <= l->head; o++)
        bytes += log_record(l, o).n;
    ASSERT(bytes == l->bytes);
}
