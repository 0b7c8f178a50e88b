// SPDX-License-Identifier: Apache-2.0
#include "core/log/frame.h"

#include "dialect/parts.h"
#include "wire/ws_frame.h"

void frame_parts_make(enum framing framing, bool binary, size_t payload_n, struct frame_parts *ret)
{
    ret->end = STR_NONE;
    ret->head_n = 0;
    if (framing == FRAMING_LINE)
        ret->end = STR("\n");
    else
        ret->head_n = ws_header_encode((uint8_t *)ret->head, binary ? WS_BINARY : WS_TEXT, true, payload_n);
    ASSERT(ret->head_n <= sizeof ret->head);
    ASSERT(ret->head_n != 0 || ret->end.n != 0);
}

// Words in the scratch buffer as their encoding has them: behind themselves where they are deflated, else where they are.
static void words_shrink(const struct encoding *encoding, const struct frame_tools *tools, struct framed *f)
{
    size_t n = 0;
    const bool binary = payload_is_binary(encoding, str_make(tools->scratch->p + f->words_from, f->words_n));
    f->from = f->words_from;
    f->n = f->words_n;
    if (encoding->deflate != 0 && tools->deflating != NULL)
        n = deflating_payload(tools->deflating, encoding->deflate, tools->scratch, f->words_from, f->words_n);
    if (n != 0) {
        f->from = tools->scratch->n - n;
        f->n = n;
    }
    frame_parts_make(encoding->framing, binary, f->n, &f->parts);
    if (n != 0)
        f->parts.head[0] |= WS_COMPRESSED;
}

static bool frame_around(const struct encoding *encoding, const struct frame_tools *tools, struct framed *f)
{
    if (f->words_n == 0) {
        f->from = f->words_from;
        f->n = 0;
        f->parts = (struct frame_parts){.end = STR_NONE};
    } else {
        words_shrink(encoding, tools, f);
    }
    return buf_ok(tools->scratch);
}

// A payload at the end of scratch, behind room for the longest head: what is around it is put there.
static void frame_in_place(const struct encoding *encoding, const struct frame_tools *tools, size_t from)
{
    struct buf *scratch = tools->scratch;
    struct framed f = {.words_from = from + sizeof f.parts.head};
    f.words_n = scratch->n - f.words_from;
    words_shrink(encoding, tools, &f);
    char *p = scratch->p + from;
    memmove(p + f.parts.head_n, scratch->p + f.from, f.n);
    memcpy(p, f.parts.head, f.parts.head_n);
    buf_cut(scratch, from + f.parts.head_n + f.n);
    buf_put_str(scratch, f.parts.end);
}

static bool frame_all(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
                      struct framed *ret)
{
    static const char room[sizeof ret->parts.head];
    struct buf *scratch = tools->scratch;
    struct parts parts;
    *ret = (struct framed){.from = scratch->n, .parts = {.end = STR_NONE}};
    parts_begin(&parts, e);
    while (parts_next(&parts)) {
        const size_t from = scratch->n;
        buf_put(scratch, room, sizeof room);
        const size_t payload = scratch->n;
        encoding->payloads->encode_entry(scratch, &parts.part, tools->utc_offset_s);
        if (!buf_ok(scratch))
            return false;
        if (scratch->n == payload)
            buf_cut(scratch, from);
        else
            frame_in_place(encoding, tools, from);
    }
    ret->n = scratch->n - ret->from;
    return buf_ok(scratch);
}

bool frame_entry(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
                 struct framed *ret)
{
    if (entry_parted(e->type))
        return frame_all(encoding, e, tools, ret);
    ret->words_from = tools->scratch->n;
    encoding->payloads->encode_entry(tools->scratch, e, tools->utc_offset_s);
    if (!buf_ok(tools->scratch))
        return false;
    ret->words_n = tools->scratch->n - ret->words_from;
    return frame_around(encoding, tools, ret);
}

bool frame_again(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
                 const struct framed *same, struct framed *ret)
{
    if (entry_parted(e->type))
        return frame_all(encoding, e, tools, ret);
    ret->words_from = same->words_from;
    ret->words_n = same->words_n;
    return frame_around(encoding, tools, ret);
}

bool frame_row(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
               struct framed *ret)
{
    struct buf *scratch = tools->scratch;
    const struct payloads *words = encoding->payloads;
    ASSERT(words->pages);
    struct parts parts;
    *ret = (struct framed){.from = scratch->n};
    parts_begin(&parts, e);
    while (parts_next(&parts)) {
        if (words->encode_row != NULL) {
            words->encode_row(scratch, &parts.part, tools->utc_offset_s);
            continue;
        }
        buf_put_str(scratch, words->row_separator);
        words->encode_entry(scratch, &parts.part, tools->utc_offset_s);
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
