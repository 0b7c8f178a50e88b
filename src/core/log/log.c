// SPDX-License-Identifier: Apache-2.0
//
// Appending frames an entry once per dialect in use, whatever the number of readers; everything a reader gets,
// live or replayed, is a run of these bytes. An append either reaches all active tracks or none: the new entry's
// place is secured in every track (a segment it fits into) before the first byte is written.
//
// Segments double from 1 KiB to 64 KiB, so that a quiet room costs a kilobyte or two and a busy one is written
// in long runs. Trimming counts entries one by one, memory goes back by whole segments.
#include "core/log/log.h"

#include "core/log/record.h"
#include "wire/ws_frame.h"

void log_init(struct log *l, struct mem *m)
{
    *l = (struct log){.mem = m, .tail = 1};
    l->active[TRACK_RECORD] = true;
}

void log_deinit(struct log *l)
{
    for (int t = 0; t < TRACK_COUNT; t++)
        chain_deinit(&l->tracks[t], l->mem);
}

void frame_parts_make(enum framing framing, size_t payload_n, struct frame_parts *ret)
{
    ret->end = STR_NONE;
    ret->head_n = 0;
    if (framing == FRAMING_LINE)
        ret->end = STR("\n");
    else
        ret->head_n = ws_header_encode((uint8_t *)ret->head, framing == FRAMING_WS_TEXT ? WS_TEXT : WS_BINARY,
                                       true, payload_n);
}

// One encoded entry for one track: a part of the scratch buffer and the frame around it.
struct encoded {
    size_t from, n;
    struct frame_parts frame;
};

static bool encode_for_track(int track, const struct entry *e, struct buf *scratch, int32_t utc_offset_s,
                             struct encoded *ret)
{
    ret->from = scratch->n;
    ret->frame = (struct frame_parts){.end = STR_NONE};
    if (track == TRACK_RECORD) {
        record_encode(scratch, e);
    } else {
        const struct dialect *d = dialect_get((enum dialect_id)track);
        d->encode_entry(scratch, e, utc_offset_s);
        if (!buf_ok(scratch))
            return false;
        frame_parts_make(d->framing, scratch->n - ret->from, &ret->frame);
    }
    ret->n = scratch->n - ret->from;
    return buf_ok(scratch);
}

static size_t encoded_size(const struct encoded *x) { return x->frame.head_n + x->n + x->frame.end.n; }

static bool same_skew(const struct segment *s, int64_t skew_ms)
{
    return skew_ms - s->skew_ms <= LOG_SKEW_MS && s->skew_ms - skew_ms <= LOG_SKEW_MS;
}

// The segment the next entry of n bytes goes into; pushes a new one where needed.
static struct segment *track_segment_for(struct log *l, struct chain *c, uint64_t offset, size_t n,
                                         int64_t skew_ms)
{
    struct segment *last = chain_last(c);
    if (last != NULL && segment_fits(last, n) && same_skew(last, skew_ms))
        return last;
    size_t cap = last == NULL ? SEGMENT_BYTES_MIN : (size_t)last->cap * 2;
    if (cap > SEGMENT_BYTES_MAX)
        cap = SEGMENT_BYTES_MAX;
    if (cap < segment_cost(n))
        cap = segment_cost(n);
    struct segment *s = segment_create(l->mem, offset, (uint32_t)cap);
    if (s == NULL)
        return NULL;
    s->skew_ms = skew_ms;
    if (chain_push(c, l->mem, s) != OK) {
        segment_unref(l->mem, s);
        return NULL;
    }
    return s;
}

// After a failed append: takes back segments that were pushed for it and are still empty.
static void log_unpush(struct log *l)
{
    for (int t = 0; t < TRACK_COUNT; t++) {
        struct segment *last = chain_last(&l->tracks[t]);
        if (last != NULL && last->count == 0)
            chain_pop(&l->tracks[t], l->mem);
    }
}

static void track_append(struct segment *s, const struct encoded *x, const struct buf *scratch)
{
    segment_append(s, str_make(x->frame.head, x->frame.head_n), str_make(scratch->p + x->from, x->n),
                   x->frame.end);
}

enum err log_append(struct log *l, struct entry *e, uint64_t now_ms, struct buf *scratch,
                    int32_t utc_offset_s)
{
    int64_t skew_ms = (int64_t)e->time_ms - (int64_t)now_ms;
    struct encoded x[TRACK_COUNT];
    struct segment *segs[TRACK_COUNT] = {0};
    struct entry numbered = *e;
    numbered.offset = l->head + 1;
    buf_reset(scratch, SEGMENT_BYTES_MAX);
    for (int t = 0; t < TRACK_COUNT; t++) {
        if (!l->active[t])
            continue;
        if (!encode_for_track(t, &numbered, scratch, utc_offset_s, &x[t]) ||
            (segs[t] = track_segment_for(l, &l->tracks[t], numbered.offset, encoded_size(&x[t]),
                                         t == TRACK_RECORD ? skew_ms : 0)) == NULL) {
            log_unpush(l);
            return ERR_NOMEM;
        }
    }
    for (int t = 0; t < TRACK_COUNT; t++) {
        if (segs[t] == NULL)
            continue;
        track_append(segs[t], &x[t], scratch);
        l->bytes += encoded_size(&x[t]);
    }
    l->head = numbered.offset;
    e->offset = numbered.offset;
    return OK;
}

static str track_entry(const struct log *l, int track, uint64_t offset)
{
    const struct chain *c = &l->tracks[track];
    return segment_entry(c->segs[chain_find(c, offset)], offset);
}

void log_deactivate(struct log *l, enum dialect_id d)
{
    if (!l->active[d])
        return;
    for (uint64_t o = l->tail; o <= l->head; o++)
        l->bytes -= track_entry(l, (int)d, o).n;
    chain_deinit(&l->tracks[d], l->mem);
    l->active[d] = false;
}

enum err log_activate(struct log *l, enum dialect_id d, str room, struct buf *scratch, int32_t utc_offset_s)
{
    if (l->active[d])
        return OK;
    struct chain *c = &l->tracks[d];
    size_t added = 0;
    for (uint64_t o = l->tail; o <= l->head; o++) {
        struct entry e;
        struct encoded x;
        log_entry(l, o, room, &e);
        buf_reset(scratch, SEGMENT_BYTES_MAX);
        struct segment *s = NULL;
        if (encode_for_track((int)d, &e, scratch, utc_offset_s, &x))
            s = track_segment_for(l, c, o, encoded_size(&x), 0);
        if (s == NULL) {
            chain_deinit(c, l->mem);
            return ERR_NOMEM;
        }
        track_append(s, &x, scratch);
        added += encoded_size(&x);
    }
    l->bytes += added;
    l->active[d] = true;
    return OK;
}

static bool log_over(const struct log *l, const struct log_limits *limits, uint64_t now_ms)
{
    if (l->tail > l->head)
        return false;
    if (log_oldest_age_ms(l, now_ms) > limits->age_ms)
        return true;
    return l->tail < l->head && (l->head + 1 - l->tail > limits->entries || l->bytes > limits->bytes);
}

void log_trim(struct log *l, const struct log_limits *limits, uint64_t now_ms)
{
    uint64_t before = l->tail;
    while (log_over(l, limits, now_ms)) {
        for (int t = 0; t < TRACK_COUNT; t++)
            if (l->active[t])
                l->bytes -= track_entry(l, t, l->tail).n;
        l->tail++;
    }
    if (l->tail == before)
        return;
    for (int t = 0; t < TRACK_COUNT; t++) {
        if (l->tail > l->head)
            chain_deinit(&l->tracks[t], l->mem); // what is too old is not even kept in memory
        else if (l->active[t])
            chain_trim(&l->tracks[t], l->mem, l->tail);
    }
}

void log_entry(const struct log *l, uint64_t offset, str room, struct entry *ret)
{
    ASSERT(offset >= l->tail && offset <= l->head);
    record_decode(track_entry(l, TRACK_RECORD, offset), ret);
    ret->offset = offset;
    ret->room = room;
}

uint64_t log_messages_back(const struct log *l, uint32_t n)
{
    uint64_t from = l->head + 1;
    for (uint64_t o = l->head; n > 0 && o >= l->tail && o > 0; o--) {
        if (record_type(track_entry(l, TRACK_RECORD, o)) != ENTRY_MESSAGE)
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
    const struct chain *c = &l->tracks[TRACK_RECORD];
    const struct segment *s = c->segs[chain_find(c, l->tail)];
    int64_t at = (int64_t)record_time(segment_entry(s, l->tail)) - s->skew_ms; // by the monotonic clock
    return (int64_t)now_ms > at ? (uint64_t)((int64_t)now_ms - at) : 0;
}

void log_check(const struct log *l)
{
    ASSERT(l->tail >= 1 && l->tail <= l->head + 1);
    size_t bytes = 0;
    for (int t = 0; t < TRACK_COUNT; t++) {
        const struct chain *c = &l->tracks[t];
        if (!l->active[t]) {
            ASSERT(c->n == 0);
            continue;
        }
        uint64_t expect = c->n != 0 ? c->segs[0]->first : l->head + 1;
        ASSERT(expect <= l->tail || l->tail > l->head);
        for (uint32_t i = 0; i < c->n; i++) {
            ASSERT(c->segs[i]->first == expect && c->segs[i]->count != 0);
            expect += c->segs[i]->count;
        }
        ASSERT(expect == l->head + 1);
        for (uint64_t o = l->tail; o <= l->head; o++)
            bytes += track_entry(l, t, o).n;
    }
    ASSERT(bytes == l->bytes);
}
