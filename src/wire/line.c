// SPDX-License-Identifier: Apache-2.0
//
// line.c - see line.h. The only search is memchr for LF; a CR counts only right in front of it.
#include "wire/line.h"

void line_decoder_init(struct line_decoder *d, uint32_t line_bytes_max)
{
    *d = (struct line_decoder){.line_bytes_max = line_bytes_max};
}

enum err line_decoder_next(struct line_decoder *d, str in, size_t *ret_used, str *ret_line)
{
    size_t begin = 0;
    if (d->skipping) {
        size_t lf = str_find_char(in, '\n', 0);
        *ret_used = in.n;
        if (lf == in.n)
            return ERR_MORE;
        d->skipping = false;
        begin = lf + 1;
    }

    size_t limit = d->line_bytes_max;
    size_t lf = str_find_char(in, '\n', begin + d->seen);
    if (lf == in.n) {
        // One byte beyond the limit may still be the CR of the line end; two may not.
        if (in.n - begin > limit + 1) {
            d->skipping = true;
            d->seen = 0;
            *ret_used = in.n;
            return ERR_TOO_LARGE;
        }
        d->seen = (uint32_t)(in.n - begin);
        *ret_used = begin;
        return ERR_MORE;
    }

    d->seen = 0;
    *ret_used = lf + 1;
    str line = str_take(str_skip(in, begin), lf - begin);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n > limit)
        return ERR_TOO_LARGE;
    *ret_line = line;
    return OK;
}
