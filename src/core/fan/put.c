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

void fan_put_replay(struct fan *f, uint32_t conn, struct segment *const *segs, uint32_t n, uint64_t from,
                    uint64_t to)
{
    if (from > to)
        return;
    for (uint32_t i = 0; i < n && from <= to; i++) {
        uint64_t last = i + 1 < n && segs[i + 1]->first <= to ? segs[i + 1]->first - 1 : to;
        fan_put_segment(f, conn, segs[i], segment_run(segs[i], from, last));
        metric_add(&f->cx->metrics->deliveries, last + 1 - from);
        from = last + 1;
    }
    ASSERT(from == to + 1);
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
