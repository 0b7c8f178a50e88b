// SPDX-License-Identifier: Apache-2.0
//
// Which shards listen to a room, and in which encodings. Where all of a shard's readers have the same, which is nearly always,
// their number is all that is kept; the first one of another kind makes an array.
#include "core/home/home.h"

static size_t counts_bytes(const struct home *h)
{
    return h->cx->settings->ways->encodings_n * sizeof(uint32_t);
}

uint32_t feed_readers(const struct feed *f, uint8_t encoding)
{
    if (f->counts != NULL)
        return f->counts[encoding];
    return f->encoding == encoding ? f->sessions : 0;
}

enum err feed_reserve(struct home *h, struct room *r, const struct ask *a)
{
    struct feed *f = &r->feeds[a->conn.shard];
    if (f->sessions != 0 && f->counts == NULL && f->encoding != a->encoding) {
        uint32_t *counts = mem_zalloc(h->cx->mem, counts_bytes(h));
        if (counts == NULL)
            return ERR_NOMEM;
        counts[f->encoding] = f->sessions;
        f->counts = counts;
    }
    const struct encoding *e = encoding_of(h->cx, a->encoding);
    if (e->payloads->handles && r->live.speakers == NULL)
        h->handles++;
    return live_reserve(&r->live, h->cx->mem, e, h->handles * h->cx->shard_count + h->cx->index);
}

void feed_attach(struct home *h, struct room *r, const struct ask *a)
{
    struct feed *f = &r->feeds[a->conn.shard];
    if (f->sessions == 0)
        *f = (struct feed){
            .outlet = a->outlet, .told = r->live.place, .encoding = a->encoding}; // by the answer
    ASSERT(f->outlet.index == a->outlet.index && f->outlet.gen == a->outlet.gen);
    ASSERT(f->told == r->live.place && (f->counts != NULL || f->encoding == a->encoding));
    f->sessions++;
    r->sessions++;
    if (f->counts != NULL)
        f->counts[a->encoding]++;
    live_reader_add(&r->live, encoding_of(h->cx, a->encoding));
}

static void counts_free(struct home *h, struct feed *f)
{
    mem_free(h->cx->mem, f->counts, counts_bytes(h));
    f->counts = NULL;
}

void feed_detach(struct home *h, struct room *r, uint32_t shard, uint8_t encoding)
{
    struct feed *f = &r->feeds[shard];
    ASSERT(f->sessions != 0 && feed_readers(f, encoding) != 0);
    f->sessions--;
    r->sessions--;
    if (f->counts != NULL)
        f->counts[encoding]--;
    if (f->sessions == 0) {
        home_pace_detach(h, r, shard);
        counts_free(h, f);
    }
    live_reader_remove(&r->live, h->cx->mem, encoding_of(h->cx, encoding));
}

void feeds_free(struct home *h, struct room *r)
{
    for (uint32_t i = 0; i < h->cx->shard_count; i++)
        counts_free(h, &r->feeds[i]);
}
