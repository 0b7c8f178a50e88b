// SPDX-License-Identifier: Apache-2.0
//
// line.h - the next line in a run of bytes, found in place.
//
// For the text language over TCP. A line ends with LF or CR LF, neither of which is part of it. The caller keeps the
// bytes of an unfinished line and hands them in again, at the front, with what came after; the decoder remembers how
// far it has looked, so work is linear however the bytes arrive.
//
// A line longer than the limit is reported once, as soon as that is certain, and swallowed up to its end: the caller
// needs to hold at most line_bytes_max + 1 bytes of an unfinished line. Control characters are not judged here: the
// language does.
#ifndef PLENUM_WIRE_LINE_H
#define PLENUM_WIRE_LINE_H

#include "base/err.h"
#include "base/str.h"

struct line_decoder {
    uint32_t line_bytes_max; // without the line end
    uint32_t seen;           // bytes of the unfinished line already looked at
    bool skipping;           // inside a line that was reported as too long
};

void line_decoder_init(struct line_decoder *d, uint32_t line_bytes_max);

// in: all bytes not yet used, the unfinished line first. *ret_used is how many the caller may let go of.
// OK: *ret_line is a line within in.  ERR_MORE: no whole line; the bytes behind *ret_used must come again.
// ERR_TOO_LARGE: a line beyond the limit begins or lies here; go on calling.
enum err line_decoder_next(struct line_decoder *d, str in, size_t *ret_used, str *ret_line) WARN_UNUSED;

#endif
