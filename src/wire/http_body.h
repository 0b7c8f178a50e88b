// SPDX-License-Identifier: Apache-2.0
//
// http_body.h - a request body, by its length or by its chunks: its pieces, and where it ends.
//
//     "5;ext=1\r\n" "hello\r\n" "0\r\n" "Trailer: x\r\n" "\r\n"        RFC 9112 section 7.1
//      size line     data       last     trailer section   end
//
// As strict as the head is read (wire/http.h), and for the same reason: where two servers could find different ends, the
// request is refused. Lines end with CR LF only; a size is hexadecimal digits with nothing around them; an extension is
// passed over, but has no control characters; a trailer line begins with a token character (no folding).
//
// It keeps nothing: pieces are handed on as they come. Limits: so many bytes of body as it was told, and HTTP_CHUNKS_MAX around
// chunks, so that a body of empty words has an end. A chunk that is too large is refused by its size, before it comes.
// After an error the connection must be closed, because where the body ends is not known.
#ifndef PLENUM_WIRE_HTTP_BODY_H
#define PLENUM_WIRE_HTTP_BODY_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

struct http_body {
    uint32_t left;   // bytes of the body, or of the chunk at hand, still to come
    uint32_t max;    // bytes of body that may come after those
    uint32_t around; // bytes of the encoding so far
    uint8_t state;   // private
    uint8_t digits;  // of a chunk's size
    bool line_empty; // of the trailer section: nothing of this line was seen
};

void http_body_init_length(struct http_body *b, uint32_t n); // at least 1
void http_body_init_chunked(struct http_body *b, uint32_t max);

// Takes what belongs to the body from in, up to the end of a piece. OK: *ret_used ends the body. ERR_MORE: it goes on, in what
// is left of in or comes next. *ret_piece is of the body, within in; empty where there was none.
// Errors: ERR_SYNTAX (400), ERR_TOO_LARGE (413).
enum err http_body_next(struct http_body *b, str in, size_t *ret_used, str *ret_piece) WARN_UNUSED;
// The same without the pieces, as far as in goes.
enum err http_body_skip(struct http_body *b, str in, size_t *ret_used) WARN_UNUSED;

#endif
