// SPDX-License-Identifier: Apache-2.0
//
// Saying something to one connection: words, frames, and queueing.
//
// A connection that does not read what it asked for is not read any more (conn/conn_in.c) and, if others push more at it,
// ended: its queue never grows beyond twice settings.reply_bytes plus one message.
#include "core/fan/fan.h"

#include "core/fan/speech.h"
#include "core/log/frame.h"

struct mem *fan_queue_mem(const struct fan *f, const struct reader *r)
{
    return r->who.tenant != TENANT_NONE ? &tenant_budget(f->cx, r->who.tenant)->mem : f->cx->mem;
}

static void put_parts(struct fan *f, uint32_t conn, str a, str b, str c)
{
    struct reader *r = reader_at(f, conn);
    if (!reader_open(r))
        return;
    if (outq_put(&r->out, fan_queue_mem(f, r), a, b, c) != OK)
        fan_starve(f, conn, "a reply");
    else
        fan_mark_dirty(f, conn);
}

void fan_put(struct fan *f, uint32_t conn, str bytes) { put_parts(f, conn, bytes, STR_NONE, STR_NONE); }

void fan_put_both(struct fan *f, uint32_t conn, str a, str b) { put_parts(f, conn, a, b, STR_NONE); }

void fan_put_segment(struct fan *f, uint32_t conn, struct segment *seg, str bytes)
{
    struct reader *r = reader_at(f, conn);
    if (!reader_open(r))
        return;
    if (outq_put_segment(&r->out, fan_queue_mem(f, r), seg, bytes) != OK)
        fan_starve(f, conn, "what it was still due of a room");
    else
        fan_mark_dirty(f, conn);
}

// The bytes of segment i with entries of from..to; *ret_next: the entry behind them.
static str run_of(struct segment *const *segs, uint32_t n, uint32_t i, uint64_t from, uint64_t to,
                  uint64_t *ret_next)
{
    uint64_t last = i + 1 < n && segs[i + 1]->first <= to ? segs[i + 1]->first - 1 : to;
    *ret_next = last + 1;
    return segment_run(segs[i], from, last);
}

void fan_put_replay(struct fan *f, uint32_t conn, struct segment *const *segs, uint32_t n, uint64_t from,
                    uint64_t to)
{
    ASSERT(n == 0 || from > to || segs[0]->first <= from);
    if (from <= to)
        fan_delivered(f, reader_at(f, conn), to + 1 - from);
    for (uint32_t i = 0; i < n && from <= to; i++)
        fan_put_segment(f, conn, segs[i], run_of(segs, n, i, from, to, &from));
    ASSERT(n == 0 || from == to + 1);
}

// What stands in front of a payload of n bytes, binary or not, that is for this connection alone: its frame's head, and what its language has to
// say first.
struct front {
    char bytes[sizeof((struct frame_parts *)0)->head + REPLY_HEAD_MAX];
    size_t n;
    str end; // of the frame
};

static void front_make(struct fan *f, uint32_t conn, const struct encoding *en, bool binary, size_t payload_n,
                       struct front *ret)
{
    char room[REPLY_HEAD_MAX];
    str first = STR_NONE;
    struct frame_parts frame;
    if (en->language->reply_head != NULL)
        first = en->language->reply_head(speech_state(f, conn), room);
    ASSERT(first.n <= REPLY_HEAD_MAX);
    frame_parts_make(en->framing, binary, first.n + payload_n, &frame);
    memcpy(ret->bytes, frame.head, frame.head_n);
    if (first.n != 0)
        memcpy(ret->bytes + frame.head_n, first.p, first.n);
    ret->n = frame.head_n + first.n;
    ret->end = frame.end;
}

// One message: what stands around the rows is in the payload, the rows are referred to. Where memory ends in the middle of
// it, nothing that follows could be read.
static size_t put_page(struct fan *f, uint32_t conn, const struct encoding *en, const struct answer *a)
{
    struct reader *r = reader_at(f, conn);
    const struct payloads *d = en->payloads;
    struct front front;
    size_t rows = 0;
    uint64_t from = a->replay_from;
    for (uint32_t i = 0; i < a->seg_count; i++)
        rows += run_of(a->segs, a->seg_count, i, from, a->offset, &from).n;
    ASSERT(rows >= d->row_separator.n);
    ASSERT(a->payload.n >= d->rows_end);
    rows -= d->row_separator.n; // in front of the first one there is none
    str around = str_take(a->payload, a->payload.n - d->rows_end);
    front_make(f, conn, en, payload_is_binary(en, a->payload), a->payload.n + rows, &front);
    put_parts(f, conn, str_make(front.bytes, front.n), around, STR_NONE);
    from = a->replay_from;
    bool put = reader_open(r);
    for (uint32_t i = 0; i < a->seg_count && put; i++) {
        str run = run_of(a->segs, a->seg_count, i, from, a->offset, &from);
        run = str_skip(run, i == 0 ? d->row_separator.n : 0);
        put = outq_put_segment(&r->out, fan_queue_mem(f, r), a->segs[i], run) == OK;
    }
    put = put &&
          outq_put(&r->out, fan_queue_mem(f, r), str_skip(a->payload, around.n), front.end, STR_NONE) == OK;
    if (!put)
        fan_end(f, conn, END_CUT);
    return a->payload.n + rows;
}

void fan_page_text(const struct fan *f, const struct answer *a, struct buf *out)
{
    const struct payloads *d = encoding_of(f->cx, a->encoding)->payloads;
    ASSERT(d->pages && a->payload.n >= d->rows_end);
    str around = str_take(a->payload, a->payload.n - d->rows_end);
    uint64_t from = a->replay_from;
    buf_put_str(out, around);
    for (uint32_t i = 0; i < a->seg_count; i++) {
        str run = run_of(a->segs, a->seg_count, i, from, a->offset, &from);
        buf_put_str(out, str_skip(run, i == 0 ? d->row_separator.n : 0));
    }
    buf_put_str(out, str_skip(a->payload, around.n));
}

size_t fan_put_history(struct fan *f, uint32_t conn, const struct answer *a)
{
    const struct encoding *en = encoding_of(f->cx, a->encoding);
    if (!reader_open(reader_at(f, conn)))
        return 0;
    if (a->seg_count != 0 && en->payloads->pages)
        return put_page(f, conn, en, a);
    uint64_t before = reader_at(f, conn)->out.bytes;
    fan_put_payload(f, conn, a->payload);
    fan_put_replay(f, conn, a->segs, a->seg_count, a->replay_from, a->offset);
    return reader_at(f, conn)->out.bytes - before;
}

void fan_put_buf(struct fan *f, uint32_t conn, const struct buf *b)
{
    if (buf_ok(b))
        fan_put(f, conn, buf_str(b));
    else
        fan_starve(f, conn, "a reply");
}

static void put_framed(struct fan *f, uint32_t conn, const struct encoding *en, str payload)
{
    struct front front;
    front_make(f, conn, en, payload_is_binary(en, payload), payload.n, &front);
    put_parts(f, conn, str_make(front.bytes, front.n), payload, front.end);
}

void fan_put_payload(struct fan *f, uint32_t conn, str payload)
{
    const struct encoding *en = speech_encoding(f, conn);
    if (payload.n == 0)
        return;
    if (!en->payloads->lines) {
        put_framed(f, conn, en, payload);
        return;
    }
    for (str rest = payload; rest.p != NULL && rest.n != 0;) { // one frame per line
        str line = str_split(rest, '\n', &rest);
        put_framed(f, conn, en, line);
    }
}

void fan_put_event(struct fan *f, uint32_t conn, const struct event *ev)
{
    const struct encoding *en = speech_encoding(f, conn);
    buf_reset(&f->encode, WORKING_BYTES_MAX);
    en->payloads->encode_event(&f->encode, ev, f->cx->utc_offset_s);
    if (buf_ok(&f->encode))
        fan_put_payload(f, conn, buf_str(&f->encode));
    else
        fan_starve(f, conn, "a reply");
}

void fan_put_problem(struct fan *f, uint32_t conn, str id, const struct problem *p)
{
    ASSERT(p->code > PROBLEM_NONE);
    ASSERT(p->code < PROBLEM_COUNT);
    struct event ev = {.type = EV_ERROR, .id = id, .problem = *p};
    metric_add(&f->cx->metrics->errors[p->code], 1);
    notice_put(f->cx, NOTICE_COMMAND_ERROR, conn, 0, problem_name(p->code), STR_NONE);
    fan_put_event(f, conn, &ev);
}

void fan_put_gap(struct fan *f, uint32_t conn, str room, uint64_t from, uint64_t to, uint64_t passing,
                 const char *reason)
{
    struct event ev = {.type = EV_GAP,
                       .room = room,
                       .gap_from = from,
                       .gap_to = to,
                       .gap_passing = passing,
                       .reason = reason};
    ASSERT(from <= to + 1 && (from <= to || passing != 0));
    metric_add(&f->cx->metrics->gaps, 1);
    metric_add(&f->cx->metrics->gap_entries, to + 1 - from + passing);
    fan_put_event(f, conn, &ev);
}

void fan_put_ack(struct fan *f, uint32_t conn, const struct outlet *o, str payload)
{
    bool dirty = fan_is_dirty(f, conn);
    fan_put_payload(f, conn, payload);
    if (!dirty && o != NULL && outlet_waits(f, o))
        fan_clear_dirty(f, conn);
}
