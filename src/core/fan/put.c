// SPDX-License-Identifier: Apache-2.0
//
// Saying something to one connection: encoding and framing per dialect, and queueing.
//
// A connection that does not read what it asked for is not read any more (conn/conn_in.c) and, if others push more at it,
// ended: its queue never grows beyond twice settings.reply_bytes plus one message.
#include "core/fan/fan.h"

#include "core/log/frame.h"

static void put_parts(struct fan *f, uint32_t conn, str a, str b, str c)
{
    struct reader *r = reader_at(f, conn);
    if (!reader_open(r))
        return;
    if (outq_put(&r->out, f->cx->mem, a, b, c) != OK)
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
    if (outq_put_segment(&r->out, f->cx->mem, seg, bytes) != OK)
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
    if (from <= to)
        metric_add(&f->cx->metrics->deliveries, to + 1 - from);
    for (uint32_t i = 0; i < n && from <= to; i++)
        fan_put_segment(f, conn, segs[i], run_of(segs, n, i, from, to, &from));
    ASSERT(n == 0 || from == to + 1);
}

// One message: what stands around the rows is in the payload, the rows are referred to. Where memory ends in the middle of
// it, nothing that follows could be read.
static size_t put_page(struct fan *f, uint32_t conn, const struct dialect *d, const struct answer *a)
{
    struct reader *r = reader_at(f, conn);
    struct frame_parts frame;
    size_t rows = 0;
    uint64_t from = a->replay_from;
    for (uint32_t i = 0; i < a->seg_count; i++)
        rows += run_of(a->segs, a->seg_count, i, from, a->offset, &from).n;
    rows -= d->row_separator.n; // in front of the first one there is none
    str around = str_take(a->payload, a->payload.n - d->rows_end);
    frame_parts_make(d->framing, a->payload.n + rows, &frame);
    put_parts(f, conn, str_make(frame.head, frame.head_n), around, STR_NONE);
    from = a->replay_from;
    bool put = reader_open(r);
    for (uint32_t i = 0; i < a->seg_count && put; i++) {
        str run = run_of(a->segs, a->seg_count, i, from, a->offset, &from);
        run = str_skip(run, i == 0 ? d->row_separator.n : 0);
        put = outq_put_segment(&r->out, f->cx->mem, a->segs[i], run) == OK;
    }
    put = put && outq_put(&r->out, f->cx->mem, str_skip(a->payload, around.n), frame.end, STR_NONE) == OK;
    if (!put)
        fan_end(f, conn, END_CUT);
    return a->payload.n + rows;
}

size_t fan_put_history(struct fan *f, uint32_t conn, const struct answer *a)
{
    const struct dialect *d = dialect_get((enum dialect_id)a->dialect);
    if (!reader_open(reader_at(f, conn)))
        return 0;
    if (a->seg_count != 0 && d->row_separator.n != 0)
        return put_page(f, conn, d, a);
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

static void put_frame(struct fan *f, uint32_t conn, enum framing framing, str payload)
{
    struct frame_parts frame;
    frame_parts_make(framing, payload.n, &frame);
    put_parts(f, conn, str_make(frame.head, frame.head_n), payload, frame.end);
}

void fan_put_payload(struct fan *f, uint32_t conn, str payload)
{
    const struct dialect *d = dialect_get((enum dialect_id)reader_at(f, conn)->dialect);
    if (payload.n == 0)
        return;
    if (!d->text) {
        put_frame(f, conn, d->framing, payload);
        return;
    }
    for (str rest = payload; rest.p != NULL && rest.n != 0;) { // one frame per line
        str line = str_split(rest, '\n', &rest);
        put_frame(f, conn, d->framing, line);
    }
}

void fan_put_event(struct fan *f, uint32_t conn, const struct event *ev)
{
    const struct dialect *d = dialect_get((enum dialect_id)reader_at(f, conn)->dialect);
    buf_reset(&f->encode, WORKING_BYTES_MAX);
    d->encode_event(&f->encode, ev, f->cx->utc_offset_s);
    if (buf_ok(&f->encode))
        fan_put_payload(f, conn, buf_str(&f->encode));
    else
        fan_starve(f, conn, "a reply");
}

void fan_put_problem(struct fan *f, uint32_t conn, str id, const struct problem *p)
{
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
