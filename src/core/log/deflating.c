// SPDX-License-Identifier: Apache-2.0
#include "core/log/deflating.h"

void deflating_init(struct deflating *d, const struct context *cx)
{
    *d = (struct deflating){.cx = cx, .turn_left = DEFLATE_TURN_BYTES};
}

enum { WINDOWS = DEFLATE_WINDOW_MAX - DEFLATE_WINDOW_MIN + 1 };

void deflating_deinit(struct deflating *d)
{
    deflating_end(d);
    for (size_t i = 0; i < WINDOWS; i++) {
        deflater_destroy(d->deflaters[i]);
        deflater_destroy(d->slicers[i]);
    }
    inflater_destroy(d->inflater);
    *d = (struct deflating){0};
}

void deflating_tidy(struct deflating *d)
{
    for (size_t i = 0; i < WINDOWS; i++)
        deflater_wipe(d->deflaters[i]);
    inflater_wipe(d->inflater);
    d->turn_left = DEFLATE_TURN_BYTES;
}

static struct deflater *deflater_of(const struct deflating *d, struct deflater *all[WINDOWS], uint8_t window)
{
    ASSERT(window >= DEFLATE_WINDOW_MIN && window <= DEFLATE_WINDOW_MAX);
    ASSERT(d->cx->settings->deflate != NULL);
    struct deflater **at = &all[window - DEFLATE_WINDOW_MIN];
    if (*at == NULL)
        *at = deflater_create(d->cx->settings->deflate, window);
    return *at;
}

static void count(const struct deflating *d, size_t n, size_t made)
{
    struct metrics *m = d->cx->metrics;
    metric_add(&m->deflated, 1);
    metric_add(&m->deflated_bytes_in, n);
    metric_add(&m->deflated_bytes_out, made != 0 ? made : n);
}

// --- large messages

static uint32_t slice_bytes(const struct deflating *d)
{
    const uint32_t bytes = d->cx->settings->deflate_slice_bytes;
    return bytes != 0 ? bytes : DEFLATE_SLICE_BYTES;
}

bool deflating_large(const struct deflating *d, size_t n)
{
    return n > slice_bytes(d) && n <= DEFLATE_LARGE_MAX;
}

static struct deflating_piece *piece_find(struct deflating *d, uint8_t window, str words)
{
    for (uint32_t i = 0; i < d->pieces_n; i++)
        if (d->pieces[i].window == window && str_eq(buf_str(&d->pieces[i].words), words))
            return &d->pieces[i];
    return NULL;
}

void deflating_add(struct deflating *d, uint8_t window, str words)
{
    if (words.n < d->cx->settings->deflate_min_bytes || piece_find(d, window, words) != NULL ||
        d->pieces_n == DEFLATE_PIECES_MAX || deflater_of(d, d->slicers, window) == NULL)
        return;
    struct deflating_piece *p = &d->pieces[d->pieces_n];
    *p = (struct deflating_piece){.window = window};
    buf_init(&p->words, d->cx->settings->deflate, 0);
    buf_init(&p->out, d->cx->settings->deflate, 0);
    buf_put_str(&p->words, words);
    if (buf_ok(&p->words))
        d->pieces_n++;
    else
        buf_deinit(&p->words);
}

// The next slice of a piece.
static void piece_slice(struct deflating *d, struct deflating_piece *p)
{
    struct deflater *slicer = deflater_of(d, d->slicers, p->window);
    metric_add(&d->cx->metrics->deflate_slices, 1);
    const str slice = str_take(str_skip(buf_str(&p->words), p->at), slice_bytes(d));
    ASSERT(slice.n != 0);
    if (p->at == 0 && !deflater_begin(slicer, &p->out, p->words.n)) {
        p->done = true;
        return;
    }
    p->at += slice.n;
    d->turn_left -= slice.n < d->turn_left ? (uint32_t)slice.n : d->turn_left;
    const bool last = p->at == p->words.n;
    p->done = !deflater_piece(slicer, &p->out, slice, last) || last;
    if (p->done)
        count(d, p->words.n, p->out.n);
}

bool deflating_slice(struct deflating *d)
{
    uint32_t i = 0;
    while (i < d->pieces_n && d->pieces[i].done)
        i++;
    if (i < d->pieces_n)
        piece_slice(d, &d->pieces[i]);
    return i >= d->pieces_n || (d->pieces[i].done && i + 1 == d->pieces_n);
}

void deflating_end(struct deflating *d)
{
    for (uint32_t i = 0; i < d->pieces_n; i++) {
        struct deflating_piece *p = &d->pieces[i];
        struct deflater *slicer = deflater_of(d, d->slicers, p->window);
        if (p->at != 0 && !p->done)
            deflater_end(slicer);
        deflater_wipe(slicer);
        buf_deinit(&p->words);
        buf_deinit(&p->out);
    }
    d->pieces_n = 0;
}

// What a large message has become is put at the end of the buffer. False: these are none of its words.
static bool put_piece(struct deflating *d, uint8_t window, struct buf *b, str words, size_t *ret_n)
{
    const struct deflating_piece *p = d->pieces_n != 0 ? piece_find(d, window, words) : NULL;
    if (p == NULL || !p->done)
        return false;
    *ret_n = p->out.n;
    buf_put_str(b, buf_str(&p->out));
    return true;
}

// --- all others

size_t deflating_payload(struct deflating *d, uint8_t window, struct buf *b, size_t at, size_t n)
{
    size_t made;
    ASSERT(at <= b->n && n <= b->n - at);
    if (n < d->cx->settings->deflate_min_bytes)
        return 0;
    if (put_piece(d, window, b, str_make(b->p + at, n), &made))
        return buf_ok(b) ? made : 0;
    const size_t cost = n + DEFLATE_COST_BYTES;
    struct deflater *deflater = cost <= d->turn_left ? deflater_of(d, d->deflaters, window) : NULL;
    if (deflater == NULL) {
        metric_add(&d->cx->metrics->deflate_put_off, 1);
        return 0;
    }
    d->turn_left -= (uint32_t)cost;
    made = deflater_message(deflater, b, str_make(b->p + at, n));
    ASSERT(made < n);
    count(d, n, made);
    return made;
}

struct inflater *deflating_inflater(struct deflating *d)
{
    ASSERT(d->cx->settings->deflate != NULL);
    if (d->inflater == NULL)
        d->inflater = inflater_create(d->cx->settings->deflate);
    return d->inflater;
}

void deflating_check(const struct deflating *d)
{
    ASSERT(d->turn_left <= DEFLATE_TURN_BYTES);
    ASSERT(d->inflater == NULL || d->cx->settings->deflate != NULL);
    for (size_t i = 0; i < WINDOWS; i++)
        ASSERT((d->deflaters[i] == NULL && d->slicers[i] == NULL) || d->cx->settings->deflate != NULL);
    ASSERT(d->pieces_n <= DEFLATE_PIECES_MAX);
    for (uint32_t i = 0; i < d->pieces_n; i++) {
        const struct deflating_piece *p = &d->pieces[i];
        ASSERT(p->words.n != 0 && p->at <= p->words.n);
        ASSERT(p->done || p->out.n == 0);
        ASSERT(p->at == 0 || i == 0 || d->pieces[i - 1].done); // one after the other
        ASSERT(d->slicers[p->window - DEFLATE_WINDOW_MIN] != NULL);
    }
}
