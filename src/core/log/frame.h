// SPDX-License-Identifier: Apache-2.0
//
// frame.h - an entry as the bytes that go out: a payload with its transport's frame around it.
//
// Thread: any; values only.
#ifndef PLENUM_CORE_LOG_FRAME_H
#define PLENUM_CORE_LOG_FRAME_H

#include "core/log/deflating.h"
#include "core/log/segment.h"
#include "dialect/dialect.h"

// The framed bytes of a payload are head + payload + end. binary: of WebSocket, payload_is_binary says so.
struct frame_parts {
    char head[10];
    size_t head_n;
    str end;
};
void frame_parts_make(enum framing framing, bool binary, size_t payload_n, struct frame_parts *ret);

// What entries are put into words and frames with.
struct frame_tools {
    int32_t utc_offset_s;
    struct buf *scratch;
    struct deflating *deflating; // NULL: all is plain
};

// An entry encoded into a scratch buffer, at n bytes from `from`, and its frame. One that a language has no words for is nothing
// at all: no bytes and no frame. Of one that is deflated its words are in the buffer, too.
struct framed {
    size_t from, n;
    size_t words_from, words_n;
    struct frame_parts parts;
};
// What is told in parts (dialect/parts.h) is all of them, each with its frame. False when memory is out.
bool frame_entry(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
                 struct framed *ret) WARN_UNUSED;
// The same entry in another encoding of the same payloads. False likewise.
bool frame_again(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
                 const struct framed *same, struct framed *ret) WARN_UNUSED;
// As a row of a page of history, or several: without a frame.
bool frame_row(const struct encoding *encoding, const struct entry *e, const struct frame_tools *tools,
               struct framed *ret) WARN_UNUSED;
static inline size_t framed_size(const struct framed *f) { return f->parts.head_n + f->n + f->parts.end.n; }
void framed_append(struct segment *s, const struct framed *f, const struct buf *scratch, bool passing);

#endif
