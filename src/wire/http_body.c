// SPDX-License-Identifier: Apache-2.0
//
// http_body.c - see http_body.h. Everything but the data of chunks goes byte by byte through one switch: the rest of a
// chunk is taken at once, so that work is linear and, where there is much, small.
#include "wire/http_body.h"
#include "base/assert.h"
#include "wire/http.h"

enum state {
    SIZE,       // hexadecimal digits of a chunk's size
    EXTENSION,  // behind them, up to CR
    SIZE_LF,    // the LF of the size line
    DATA,       // of a chunk
    DATA_CR,    // behind it
    DATA_LF,    //
    TRAILER,    // a line of the trailer section; an empty one ends the body
    TRAILER_LF, //
    LENGTH,     // a body of a known length
    DONE,
};

enum { SIZE_DIGITS_MAX = 16 }; // leading zeros are legal, and nobody needs more of them

void http_body_init_length(struct http_body *b, uint32_t n)
{
    ASSERT(n > 0);
    *b = (struct http_body){.state = LENGTH, .left = n};
}

void http_body_init_chunked(struct http_body *b, uint32_t max)
{
    ASSERT(max <= UINT32_MAX / 32);
    *b = (struct http_body){.state = SIZE, .max = max};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_text(char c) { return c == '\t' || ((uint8_t)c >= 0x20 && c != 0x7f); }

static enum err size_take(struct http_body *b, char c)
{
    int v = hex_value(c);
    if (v >= 0) {
        if (++b->digits > SIZE_DIGITS_MAX)
            return ERR_SYNTAX;
        b->left = b->left * 16 + (uint32_t)v; // at most 17 times the limit
        return b->left > b->max ? ERR_TOO_LARGE : OK;
    }
    if (b->digits == 0 || (c != '\r' && c != ';'))
        return ERR_SYNTAX;
    b->state = c == '\r' ? SIZE_LF : EXTENSION;
    return OK;
}

static enum err expect(struct http_body *b, char c, char wanted, enum state next)
{
    if (c != wanted)
        return ERR_SYNTAX;
    b->state = (uint8_t)next;
    return OK;
}

static enum err size_line_end(struct http_body *b, char c)
{
    bool last = b->left == 0;
    b->max -= b->left;
    b->digits = 0;
    b->line_empty = true;
    return expect(b, c, '\n', last ? TRAILER : DATA);
}

static enum err trailer_take(struct http_body *b, char c)
{
    if (c == '\r')
        return expect(b, c, '\r', TRAILER_LF);
    bool good = b->line_empty ? http_is_token((str){&c, 1}) : is_text(c);
    b->line_empty = false;
    return good ? OK : ERR_SYNTAX;
}

static enum err trailer_line_end(struct http_body *b, char c)
{
    enum state next = b->line_empty ? DONE : TRAILER;
    b->line_empty = true;
    return expect(b, c, '\n', next);
}

static enum err byte_take(struct http_body *b, char c)
{
    switch ((enum state)b->state) {
    case SIZE:
        return size_take(b, c);
    case EXTENSION:
        return c == '\r' ? expect(b, c, '\r', SIZE_LF) : is_text(c) ? OK : ERR_SYNTAX;
    case SIZE_LF:
        return size_line_end(b, c);
    case DATA_CR:
        return expect(b, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(b, c, '\n', SIZE);
    case TRAILER:
        return trailer_take(b, c);
    case TRAILER_LF:
        return trailer_line_end(b, c);
    case DATA:
    case LENGTH:
    case DONE:
        break;
    }
    UNREACHABLE();
}

static str data_take(struct http_body *b, str in)
{
    str piece = str_take(in, b->left);
    b->left -= (uint32_t)piece.n;
    if (b->left == 0)
        b->state = b->state == LENGTH ? DONE : DATA_CR;
    return piece;
}

enum err http_body_next(struct http_body *b, str in, size_t *ret_used, str *ret_piece)
{
    ASSERT(b->state != DONE);
    size_t used = 0;
    enum err e = OK;
    *ret_piece = STR_NONE;
    while (e == OK && b->state != DONE && used < in.n && ret_piece->n == 0) {
        if (b->state == DATA || b->state == LENGTH) {
            *ret_piece = data_take(b, str_skip(in, used));
            used += ret_piece->n;
            continue;
        }
        e = byte_take(b, in.p[used++]);
        if (e == OK && ++b->around > HTTP_CHUNKS_MAX)
            e = ERR_TOO_LARGE;
    }
    *ret_used = used;
    return e == OK && b->state != DONE ? ERR_MORE : e;
}

enum err http_body_skip(struct http_body *b, str in, size_t *ret_used)
{
    enum err e = ERR_MORE;
    *ret_used = 0;
    while (e == ERR_MORE && *ret_used < in.n) {
        size_t used;
        str piece;
        e = http_body_next(b, str_skip(in, *ret_used), &used, &piece);
        *ret_used += used;
    }
    return e;
}
