// SPDX-License-Identifier: Apache-2.0
//
// What somebody has taken back is not told to those who are behind: at its place they read that something was said, without the words,
// and further on that it was deleted.
//
//      [17 a] [18 "secret"] [19 b] [20 18 is deleted]      what a slow reader has yet to be sent
//      [17 a] [18 -       ] [19 b] [20 18 is deleted]      what it is sent
//
// Segments are written once and read by every shard. So each shard makes a copy of its own of those that hold such a place, and lets
// the others go; the home does not go on with the one that it is filling. Where memory for that is out, the readers who are behind are
// told of a gap.
//
// What a socket has taken half of is finished. What a connection was answered before (a page of history, what it missed, what it was
// still due of a room that it has left) is in its own queue, and is sent.
#include "core/fan/fan.h"

// The places of a segment, up to `last`, that are to say something else, and what; nothing where there are no words for it.
static uint32_t find(const struct segment *s, uint64_t last, const struct erase_mail *m,
                     const struct segment *with, struct instead ret[ERASE_MAX])
{
    uint64_t offset = segment_after(s);
    uint32_t n = 0, k = 0;
    for (uint64_t at = s->first; at <= last; at++) {
        if (segment_passing(s, at))
            continue;
        offset++;
        while (k < m->n && m->offsets[k] < offset)
            k++;
        if (k < m->n && m->offsets[k] == offset)
            ret[n++] = (struct instead){at, with != NULL ? segment_entry(with, with->first + k) : STR_NONE};
    }
    return n;
}

// Who has been sent half of an entry keeps the other half.
static void keep_halves(struct fan *f, const struct outlet *o, uint8_t encoding, const struct segment *s)
{
    for (uint32_t i = 0; i < o->n; i++) {
        struct reader *r = reader_at(f, o->cursors[i].conn);
        if (o->cursors[i].encoding == encoding && outq_own_rest(&r->out, f->cx->mem, s) != OK)
            fan_end(f, o->cursors[i].conn, END_CUT);
    }
}

// Where a tenant's part is full, in the server's: who is behind was promised no gap by a tenant that wants none (`disconnect`), and what was
// taken back is told to nobody for want of its memory.
static struct segment *copy_of(struct fan *f, const struct segment *s, uint64_t last,
                               const struct instead *instead, uint32_t n)
{
    struct segment *copy = s->part != NULL ? segment_copy(s->part, s, last, instead, n) : NULL;
    return copy != NULL ? copy : segment_copy(f->cx->mem, s, last, instead, n);
}

// False: memory is out.
static bool segment_erase(struct fan *f, const struct outlet *o, struct track *t, uint32_t i,
                          const struct erase_mail *m, const struct segment *with)
{
    struct chain *c = &t->chain;
    const struct segment *s = c->segs[i];
    struct instead instead[ERASE_MAX];
    const uint64_t last = i + 1 < c->n ? c->segs[i + 1]->first - 1 : o->head;
    const uint32_t n = last >= s->first ? find(s, last, m, with, instead) : 0;
    if (n == 0)
        return true;
    struct segment *copy = with != NULL ? copy_of(f, s, last, instead, n) : NULL;
    if (copy == NULL)
        return false;
    keep_halves(f, o, t->key, s);
    chain_put_instead(c, f->cx->mem, i, copy);
    return true;
}

// From the newest on. What is older than a cut has offsets of another numbering, or such as are not kept.
static bool track_erase(struct fan *f, const struct outlet *o, struct track *t, const struct erase_mail *m,
                        const struct segment *with)
{
    const struct chain *c = &t->chain;
    for (uint32_t i = c->n; i-- > 0 && !segment_cut(c->segs[i]);) {
        if (!segment_erase(f, o, t, i, m, with))
            return false;
        if (segment_after(c->segs[i]) < m->offsets[0])
            break;
    }
    return true;
}

static const struct segment *words_of(const struct erase_mail *m, uint8_t track)
{
    for (uint32_t i = 0; i < m->seg_count; i++)
        if (m->segs[i].track == track)
            return m->segs[i].seg;
    return NULL;
}

void fan_erase(struct fan *f, const struct erase_mail *m)
{
    struct outlet *o = slab_get(&f->outlets, m->outlet.index, m->outlet.gen);
    if (o == NULL)
        return; // the last reader left meanwhile
    ASSERT(f->plan.conn == UINT32_MAX);
    ASSERT(m->n != 0 && m->n <= ERASE_MAX);
    for (uint32_t i = 0; i < o->tracks.n; i++) {
        struct track *t = &tracks_all(&o->tracks)[i];
        if (!track_erase(f, o, t, m, words_of(m, t->key)))
            outlet_lose(f, m->outlet.index, t, o->head, false);
    }
}
