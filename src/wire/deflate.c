// SPDX-License-Identifier: Apache-2.0
//
// The only caller of zlib.
//
// Blocks of zlib's are remembered, so that their sizes are known when they are given back, and what was said can be wiped out of them
// without knowing what zlib has them for: the first one is its state, numbers and trees. Small ones (tables, what is pending) are wiped
// whole, of large ones (windows, chains) so much as a message can have reached, as each begins at their beginning. So a message of
// 300 octets costs 35 KiB of memset at the end of its turn, and not the 160 KiB that a window of 15 bits takes.
#include "wire/deflate.h"
#include "base/assert.h"

#include <zlib.h>

enum {
    BLOCKS_MAX = 8, // zlib asks for five at most
    LEVEL = 5,
    // Tables of 2^(MEM_LEVEL + 7) entries are cleared for each message; larger ones find nothing more in a few KiB.
    MEM_LEVEL = 6,
    SMALL_BLOCK = 32 * 1024,
    PER_OCTET = 2,   // of a large one: an octet of the window, two of the chains beside it,
    BESIDE = 1024,   // and what zlib clears behind them, to look ahead
    FINALS_MAX = 16, // blocks that say they are the last one, in one message: each begins zlib anew
    GUESS = 3,       // octets that one octet becomes, at first,
    OUT_STEP = 1024, // and the least that is asked for of room
};

static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff}; // RFC 7692 section 7.2.1

// Memory of a z_stream.
struct blocks {
    struct mem *mem;
    struct {
        void *p;
        size_t n;
    } v[BLOCKS_MAX];
    uint32_t n;
    size_t said; // the longest message that is still in them
};

static void *block_alloc(void *opaque, uInt items, uInt size)
{
    struct blocks *b = opaque;
    const size_t n = (size_t)items * size;
    ASSERT(b->n < BLOCKS_MAX && n != 0);
    void *p = mem_zalloc(b->mem, n);
    if (p == NULL)
        return Z_NULL;
    b->v[b->n].p = p;
    b->v[b->n++].n = n;
    return p;
}

static void block_free(void *opaque, void *p)
{
    struct blocks *b = opaque;
    uint32_t i = 0;
    while (i < b->n && b->v[i].p != p)
        i++;
    ASSERT(i < b->n);
    mem_free(b->mem, p, b->v[i].n);
    b->v[i] = b->v[--b->n];
}

static void blocks_said(struct blocks *b, size_t n)
{
    if (n > b->said)
        b->said = n;
}

static void blocks_wipe(struct blocks *b)
{
    if (b->said == 0)
        return;
    for (uint32_t i = 1; i < b->n; i++) {
        const size_t all = b->v[i].n, used = b->said < all ? b->said * PER_OCTET + BESIDE : all;
        mem_wipe(b->v[i].p, all <= SMALL_BLOCK || used > all ? all : used);
    }
    b->said = 0;
}

// --- making smaller

struct deflater {
    z_stream z;
    struct blocks blocks;
    size_t said,
        room; // of a payload that comes in pieces: octets so far; how many there may be of what it becomes
};

struct deflater *deflater_create(struct mem *m, uint8_t bits)
{
    ASSERT(bits >= DEFLATE_WINDOW_MIN && bits <= DEFLATE_WINDOW_MAX);
    struct deflater *d = mem_zalloc(m, sizeof *d);
    if (d == NULL)
        return NULL;
    d->blocks.mem = m;
    d->z.zalloc = block_alloc;
    d->z.zfree = block_free;
    d->z.opaque = &d->blocks;
    if (deflateInit2(&d->z, LEVEL, Z_DEFLATED, -bits, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return d;
    ASSERT(d->blocks.n == 0);
    mem_free(m, d, sizeof *d);
    return NULL;
}

void deflater_destroy(struct deflater *d)
{
    if (d == NULL)
        return;
    struct mem *m = d->blocks.mem;
    deflateEnd(&d->z);
    ASSERT(d->blocks.n == 0);
    mem_free(m, d, sizeof *d);
}

size_t deflater_message(struct deflater *d, struct buf *out, str payload)
{
    ASSERT(payload.n <= UINT32_MAX / 2);
    // What does not fit is not shorter; and room is left only where the flush has come to its end.
    const size_t room = payload.n + sizeof tail;
    const bool within = out->n != 0 && payload.p >= out->p && payload.p < out->p + out->n;
    const size_t at = within ? (size_t)(payload.p - out->p) : 0;
    char *to = buf_reserve(out, room);
    if (to == NULL)
        return 0;
    d->z.next_in = (Bytef *)(within ? out->p + at : payload.p);
    d->z.avail_in = (uInt)payload.n;
    d->z.next_out = (Bytef *)to;
    d->z.avail_out = (uInt)room;
    const int did = deflate(&d->z, Z_SYNC_FLUSH);
    ASSERT(did == Z_OK || did == Z_BUF_ERROR);
    const size_t n = room - d->z.avail_out;
    const bool shorter = d->z.avail_in == 0 && d->z.avail_out != 0;
    ASSERT(!shorter || (n > sizeof tail && memcmp(to + n - sizeof tail, tail, sizeof tail) == 0));
    blocks_said(&d->blocks, payload.n);
    const int reset = deflateReset(&d->z);
    ASSERT(reset == Z_OK);
    if (!shorter)
        return 0;
    buf_commit(out, n - sizeof tail);
    return n - sizeof tail;
}

bool deflater_begin(struct deflater *d, struct buf *out, size_t n)
{
    ASSERT(n <= UINT32_MAX / 2);
    d->said = 0;
    d->room = n + sizeof tail;
    return buf_reserve(out, d->room) != NULL;
}

void deflater_end(struct deflater *d)
{
    blocks_said(&d->blocks, d->said);
    const int reset = deflateReset(&d->z);
    ASSERT(reset == Z_OK);
}

bool deflater_piece(struct deflater *d, struct buf *out, str piece, bool last)
{
    const size_t made = (size_t)d->z.total_out;
    ASSERT(made <= d->room && d->room <= out->cap - out->n);
    d->z.next_in = (Bytef *)piece.p;
    d->z.avail_in = (uInt)piece.n;
    d->z.next_out = (Bytef *)out->p + out->n + made;
    d->z.avail_out = (uInt)(d->room - made);
    const int did = deflate(&d->z, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    ASSERT(did == Z_OK || did == Z_BUF_ERROR);
    d->said += piece.n;
    const size_t n = d->room - d->z.avail_out;
    const bool shorter = d->z.avail_in == 0 && d->z.avail_out != 0;
    if (shorter && !last)
        return true;
    deflater_end(d);
    if (shorter)
        buf_commit(out, n - sizeof tail);
    return shorter;
}

void deflater_wipe(struct deflater *d)
{
    if (d != NULL)
        blocks_wipe(&d->blocks);
}

// --- making whole

struct inflater {
    z_stream z;
    struct blocks blocks;
};

struct inflater *inflater_create(struct mem *m)
{
    struct inflater *in = mem_zalloc(m, sizeof *in);
    if (in == NULL)
        return NULL;
    in->blocks.mem = m;
    in->z.zalloc = block_alloc;
    in->z.zfree = block_free;
    in->z.opaque = &in->blocks;
    // The largest window, whatever the sender has promised: a reference behind what it may refer to finds nothing there.
    // Its window is made by the first thing that it is given to remember: now, and not in the middle of somebody's message.
    if (inflateInit2(&in->z, -DEFLATE_WINDOW_MAX) == Z_OK &&
        inflateSetDictionary(&in->z, (const Bytef *)"", 0) == Z_OK)
        return in;
    if (in->blocks.n != 0)
        inflateEnd(&in->z);
    ASSERT(in->blocks.n == 0);
    mem_free(m, in, sizeof *in);
    return NULL;
}

void inflater_destroy(struct inflater *in)
{
    if (in == NULL)
        return;
    struct mem *m = in->blocks.mem;
    inflateEnd(&in->z);
    ASSERT(in->blocks.n == 0);
    mem_free(m, in, sizeof *in);
}

// Begins with what the sender may refer to.
static enum err inflate_from(struct inflater *in, str context)
{
    const int reset = inflateReset(&in->z);
    ASSERT(reset == Z_OK);
    if (context.n == 0)
        return OK;
    const int set = inflateSetDictionary(&in->z, (const Bytef *)context.p, (uInt)context.n);
    ASSERT(set == Z_OK || set == Z_MEM_ERROR);
    return set == Z_OK ? OK : ERR_NOMEM;
}

// What may be referred to behind a block that was the last one: the newest of the context and of what was put since.
static enum err inflate_on(struct inflater *in, str context, str put)
{
    enum { WINDOW = 1 << DEFLATE_WINDOW_MAX };
    if (put.n >= WINDOW)
        return inflate_from(in, str_skip(put, put.n - WINDOW));
    const enum err e = inflate_from(in, context);
    if (e != OK || put.n == 0)
        return e;
    const int set = inflateSetDictionary(&in->z, (const Bytef *)put.p, (uInt)put.n);
    ASSERT(set == Z_OK || set == Z_MEM_ERROR);
    return set == Z_OK ? OK : ERR_NOMEM;
}

// Room for what comes next: what is there already, else for so much; and never more than for one octet beyond what there may be.
static bool room_for_more(struct buf *out, size_t from, size_t guess, size_t bytes_max, z_stream *z)
{
    const size_t left = bytes_max + 1 - (out->n - from), there = out->cap - out->n;
    size_t n = there >= OUT_STEP ? there : guess > OUT_STEP ? guess : OUT_STEP;
    n = n < left ? n : left;
    char *to = buf_reserve(out, n);
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)n;
    return to != NULL;
}

// All of one piece of input. *finals: how often zlib was begun anew.
static enum err inflate_piece(struct inflater *in, str context, str piece, size_t bytes_max, struct buf *out,
                              size_t from, uint32_t *finals)
{
    z_stream *z = &in->z;
    z->next_in = (Bytef *)piece.p;
    z->avail_in = (uInt)piece.n;
    for (;;) {
        const size_t guess = piece.n * GUESS > out->n - from ? piece.n * GUESS : out->n - from;
        if (!room_for_more(out, from, z->avail_in != 0 ? guess : OUT_STEP, bytes_max, z))
            return ERR_NOMEM;
        const size_t room = z->avail_out;
        const int did = inflate(z, Z_SYNC_FLUSH);
        buf_commit(out, room - z->avail_out);
        if (did == Z_MEM_ERROR)
            return ERR_NOMEM;
        if (out->n - from > bytes_max)
            return ERR_TOO_LARGE;
        if (did ==
            Z_STREAM_END) { // RFC 7692 section 7.2.3.4: a block may say it is the last; the next one follows
            if (++*finals > FINALS_MAX)
                return ERR_SYNTAX;
            const enum err e = inflate_on(in, context, str_make(out->p + from, out->n - from));
            if (e != OK)
                return e;
            continue;
        }
        if (did != Z_OK && did != Z_BUF_ERROR)
            return ERR_SYNTAX;
        if (z->avail_in == 0 && z->avail_out != 0)
            return OK;
    }
}

enum err inflater_message(struct inflater *in, str context, str payload, size_t bytes_max, struct buf *out)
{
    ASSERT(context.n <= (size_t)1 << DEFLATE_WINDOW_MAX);
    ASSERT(payload.n <= UINT32_MAX / 4 && bytes_max < UINT32_MAX / 4);
    const size_t from = out->n;
    uint32_t finals = 0;
    enum err e = inflate_from(in, context);
    if (e == OK)
        e = inflate_piece(in, context, payload, bytes_max, out, from, &finals);
    if (e == OK)
        e = inflate_piece(in, context, str_make((const char *)tail, sizeof tail), bytes_max, out, from,
                          &finals);
    blocks_said(&in->blocks, context.n + (out->n - from));
    // Between two blocks, with no bits left over: whoever stops elsewhere has more to say than he has sent.
    enum { BETWEEN_BLOCKS = 128, BITS_LEFT = 63 };
    if (e == OK && (in->z.data_type & (BETWEEN_BLOCKS | BITS_LEFT)) != BETWEEN_BLOCKS)
        e = ERR_SYNTAX;
    return e;
}

void inflater_wipe(struct inflater *in)
{
    if (in != NULL)
        blocks_wipe(&in->blocks);
}
