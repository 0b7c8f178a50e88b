// SPDX-License-Identifier: Apache-2.0
//
// Segments double from 1 KiB to 64 KiB, so that a quiet room costs a kilobyte and a busy one few blocks. Trimming counts
// records one by one, memory goes back by whole segments.
#include "core/log/log.h"

#include "core/log/record.h"

void log_init(struct log *l, struct mem *m) { *l = (struct log){.mem = m, .tail = 1}; }

void log_deinit(struct log *l)
{
    l->readers = NULL;
    words_free(l);
    chain_deinit(&l->records, l->mem);
}

void log_begin(struct log *l, uint64_t offset)
{
    ASSERT(l->head == 0 && l->records.n == 0 && offset >= 1);
    l->head = l->committed = offset - 1;
    l->tail = offset;
}

void log_restart(struct log *l, uint64_t offset)
{
    ASSERT(offset >= 1);
    words_free(l);
    chain_deinit(&l->records, l->mem);
    l->bytes = 0;
    l->head = l->committed = offset - 1;
    l->tail = offset;
    for (struct log_reader *r = l->readers; r != NULL; r = r->next)
        r->have = offset - 1;
}

// --- appending

struct segment *log_secure(struct log *l, size_t n)
{
    ASSERT(l->tail <= l->head + 1);
    struct segment *last = chain_last(&l->records);
    if (last != NULL && segment_fits(last, n))
        return last;
    return chain_extend(&l->records, l->mem, l->mem, l->head + 1, n);
}

// What is committed: all that everyone has who must.
static void commit(struct log *l)
{
    uint64_t have = l->head;
    for (const struct log_reader *r = l->readers; r != NULL; r = r->next)
        have = r->have < have ? r->have : have;
    ASSERT(have >= l->committed);
    l->committed = have;
}

void log_append_at(struct log *l, uint64_t offset, struct segment *secured, str record)
{
    ASSERT(offset == l->head + 1);
    ASSERT(secured != NULL);
    ASSERT(secured == chain_last(&l->records));
    ASSERT(secured->first + secured->count == offset);
    ASSERT(record.n != 0);
    segment_append(secured, STR_NONE, record, STR_NONE, false);
    l->bytes += record.n;
    l->head = offset;
    if (l->readers == NULL)
        l->committed = offset;
    ASSERT(l->tail <= l->head);
    ASSERT(chain_end(&l->records) == l->head + 1);
}

void log_release(struct log *l)
{
    struct segment *last = chain_last(&l->records);
    if (last != NULL && last->count == 0)
        chain_pop(&l->records, l->mem);
}

void log_erase(struct log *l, uint64_t offset)
{
    const struct chain *c = &l->records;
    ASSERT(offset <= l->head);
    if (c->n == 0 || offset < c->segs[0]->first) // it may have been trimmed, and lie there still
        return;
    struct segment *s = l->records.segs[chain_find(&l->records, offset)];
    const str record = segment_entry(s, offset);
    record_erase((char *)s->data + segment_start(s, offset), record.n); // nobody else reads a log's segments
}

// --- readers

void log_reader_add(struct log *l, struct log_reader *r)
{
    *r = (struct log_reader){.next = l->readers, .have = l->committed};
    l->readers = r;
}

void log_reader_remove(struct log *l, struct log_reader *r)
{
    struct log_reader **at = &l->readers;
    while (*at != r) {
        ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = r->next;
    commit(l);
}

bool log_reader_has(struct log *l, struct log_reader *r, uint64_t offset)
{
    uint64_t before = l->committed;
    ASSERT(offset >= r->have && offset <= l->head);
    r->have = offset;
    commit(l);
    return l->committed != before;
}

// --- limits

static bool log_over(const struct log *l, const struct log_limits *limits, uint64_t shown, uint64_t steady_ms)
{
    if (l->tail > shown)
        return false;
    if (log_oldest_age_ms(l, steady_ms) > limits->age_ms)
        return true;
    return l->tail < l->head && (l->head + 1 - l->tail > limits->records || l->bytes > limits->bytes);
}

void log_trim(struct log *l, const struct log_limits *limits, uint64_t shown, uint64_t steady_ms)
{
    ASSERT(shown <= l->committed);
    uint64_t before = l->tail;
    while (log_over(l, limits, shown, steady_ms)) {
        l->bytes -= log_record(l, l->tail).n;
        l->tail++;
    }
    if (l->tail > l->head)
        chain_deinit(&l->records, l->mem); // what is too old is not even kept in memory
    else if (l->tail != before)
        chain_trim(&l->records, l->mem, l->tail);
    words_trim(l);
    ASSERT(l->tail >= before);
    ASSERT(l->tail <= l->head + 1);
    ASSERT(l->tail <= l->head || l->bytes == 0);
}

size_t log_shed(struct log *l, uint64_t shown)
{
    struct chain *c = &l->records;
    if (c->n == 0)
        return 0;
    size_t freed = c->segs[0]->cap;
    uint64_t tail = c->n == 1 ? l->head + 1 : c->segs[1]->first;
    if (tail > shown + 1)
        return 0;
    for (; l->tail < tail; l->tail++)
        l->bytes -= log_record(l, l->tail).n;
    if (c->n == 1)
        chain_deinit(c, l->mem);
    else
        chain_trim(c, l->mem, tail);
    words_trim(l);
    ASSERT(l->tail == tail);
    ASSERT(l->tail <= l->head || l->bytes == 0);
    return freed;
}

// --- reading

str log_record(const struct log *l, uint64_t offset)
{
    ASSERT(offset >= l->tail);
    ASSERT(offset <= l->head);
    return segment_entry(l->records.segs[chain_find(&l->records, offset)], offset);
}

void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret)
{
    enum record_verdict v = record_decode(log_record(l, offset), ret);
    ASSERT(v == RECORD_OK); // it is our own
    ret->offset = offset;
    ret->room = room;
}

uint64_t log_messages_back(const struct log *l, uint64_t to, uint32_t n)
{
    uint64_t from = to + 1;
    for (uint64_t o = to; n > 0 && o >= l->tail && o > 0; o--) {
        if (record_type(log_record(l, o)) != ENTRY_MESSAGE)
            continue;
        from = o;
        n--;
    }
    ASSERT(from >= l->tail);
    ASSERT(from <= l->head + 1);
    return from;
}

uint64_t log_oldest_age_ms(const struct log *l, uint64_t steady_ms)
{
    if (l->tail > l->head)
        return 0;
    uint64_t at = record_steady(log_record(l, l->tail));
    return steady_ms > at ? steady_ms - at : 0;
}

uint64_t log_newest_ms(const struct log *l)
{
    ASSERT(l->tail <= l->head);
    return record_steady(log_record(l, l->head));
}

void log_check(const struct log *l)
{
    const struct chain *c = &l->records;
    ASSERT(l->tail >= 1);
    ASSERT(l->tail <= l->head + 1); // 1
    chain_check_writer(c);
    ASSERT(l->committed <= l->head);     // 4
    ASSERT(l->committed + 1 >= l->tail); // 4
    ASSERT(l->readers != NULL || l->committed == l->head);
    for (const struct log_reader *r = l->readers; r != NULL; r = r->next) {
        ASSERT(r->have >= l->committed);
        ASSERT(r->have <= l->head);
    }
    ASSERT(c->n != 0 || l->tail == l->head + 1);
    ASSERT(c->n == 0 || c->segs[0]->first <= l->tail); // 2
    ASSERT(c->n == 0 || l->tail < c->segs[0]->first + c->segs[0]->count);
    ASSERT(c->n == 0 || chain_end(c) == l->head + 1); // 1
    size_t bytes = 0;
    for (uint64_t o = l->tail; o <= l->head; o++)
        bytes += log_record(l, o).n;
    ASSERT(bytes == l->bytes); // 3
    words_check(l);
}
