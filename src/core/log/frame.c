// SPDX-License-Identifier: Apache-2.0
#include "core/log/frame.h"

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

bool frame_entry(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
                 struct buf *scratch, struct framed *ret)
{
    ret->from = scratch->n;
    encoding->payloads->encode_entry(scratch, e, utc_offset_s);
    if (!buf_ok(scratch))
        return false;
    ret->n = scratch->n - ret->from;
    frame_around(encoding, ret);
    return true;
}

void frame_again(const struct encoding *encoding, const struct framed *same, struct framed *ret)
{
    ret->from = same->from;
    ret->n = same->n;
    frame_around(encoding, ret);
}

bool frame_row(const struct encoding *encoding, const struct entry *e, int32_t utc_offset_s,
               struct buf *scratch, struct framed *ret)
{
    const struct payloads *words = encoding->payloads;
    ASSERT(words->row_separator.n != 0);
    ret->from = scratch->n;
    buf_put_str(scratch, words->row_separator);
    words->encode_entry(scratch, e, utc_offset_s);
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
