// SPDX-License-Identifier: Apache-2.0
#include "core/log/frame.h"

#include "dialect/parts.h"
#include "wire/ws_frame.h"

void frame_parts_make(enum framing framing, size_t payload_n, struct frame_parts *ret)
{
    ret->end = STR_NONE;
    ret->head_n = 0;
    if (framing == FRAMING_LINE)
        ret->end = STR("\n");
    else
        ret->head_n = ws_header_encode((uint8_t *)ret->head, framing == FRAMING_WS_TEXT ? WS_TEXT : WS_BINARY,
                                       true, payload_n);
    ASSERT(ret->head_n <= sizeof ret->head);
    ASSERT(ret->head_n != 0 || ret->end.n != 0);
}

static void frame_around(const struct encoding *encoding, struct framed *f)
{
    if (f->n == 0)
        f->parts = (struct frame_parts){.end = STR_NONE};
    else
        frame_parts_make(encoding->framing, f->n, &f->parts);
}

// A payload at the end of scratch, behind room for the longest head: what is around it is put there.
static void frame_in_place(const struct encoding *encoding, struct buf *scratch, size_t from)
{
    struct frame_parts parts;
    char *p = scratch->p + from;
    const size_t n = scratch->n - from - sizeof parts.head;
    frame_parts_make(encoding->framing, n, &parts);
    memmove(p + parts.head_n, p + sizeof parts.head, n);
    memcpy(p, parts.head, parts.head_n);
    buf_cut(scratch, from + parts.head_n + n);
    buf_put_str(scratch, parts.end);
}

static bool frame_all(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
                      struct buf *scratch, struct framed *ret)
{
    static const char room[sizeof ret->parts.head];
    struct parts parts;
    *ret = (struct framed){.from = scratch->n, .parts = {.end = STR_NONE}};
    parts_begin(&parts, e);
    while (parts_next(&parts)) {
        const size_t from = scratch->n;
        buf_put(scratch, room, sizeof room);
        const size_t payload = scratch->n;
        encoding->payloads->encode_entry(scratch, &parts.part, utc_offset_s);
        if (!buf_ok(scratch))
            return false;
        if (scratch->n == payload)
            buf_cut(scratch, from);
        else
            frame_in_place(encoding, scratch, from);
    }
    ret->n = scratch->n - ret->from;
    return buf_ok(scratch);
}

bool frame_entry(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
                 struct buf *scratch, struct framed *ret)
{
    if (entry_parted(e->type))
        return frame_all(encoding, e, utc_offset_s, scratch, ret);
    ret->from = scratch->n;
    encoding->payloads->encode_entry(scratch, e, utc_offset_s);
    if (!buf_ok(scratch))
        return false;
    ret->n = scratch->n - ret->from;
    frame_around(encoding, ret);
    return true;
}

bool frame_again(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
                 const struct framed *same, struct buf *scratch, struct framed *ret)
{
    if (entry_parted(e->type))
        return frame_all(encoding, e, utc_offset_s, scratch, ret);
    ret->from = same->from;
    ret->n = same->n;
    frame_around(encoding, ret);
    return true;
}

bool frame_row(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
               struct buf *scratch, struct framed *ret)
{
    const struct payloads *words = encoding->payloads;
    ASSERT(words->row_separator.n != 0);
    struct parts parts;
    ret->from = scratch->n;
    parts_begin(&parts, e);
    while (parts_next(&parts)) {
        buf_put_str(scratch, words->row_separator);
        words->encode_entry(scratch, &parts.part, utc_offset_s);
    }
    ret->n = scratch->n - ret->from;
    ret->parts = (struct frame_parts){.end = STR_NONE};
    return buf_ok(scratch);
}

void framed_append(struct segment *s, const struct framed *f, const struct buf *scratch, bool passing)
{
    ASSERT(f->from + f->n <= scratch->n);
    ASSERT(f->n != 0 || framed_size(f) == 0);
    segment_append(s, str_make(f->parts.head, f->parts.head_n), str_make(scratch->p + f->from, f->n),
                   f->parts.end, passing);
}
