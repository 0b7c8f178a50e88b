// SPDX-License-Identifier: Apache-2.0
//
// A message is taken back: its words, and those of its edits, are taken out of what people have yet to be told. The log and its frames
// have let them go (log/words.h, log/replay.h); what is left is the live stream, of which the home has the end and the shards the rest.
// They are told all that there is, so that it is theirs, and then what is to stand there instead (fan/erase.c).
#include "core/home/home.h"

struct erasure {
    uint64_t offsets[ERASE_MAX];
    uint32_t n;
    struct segment *segs[ENCODINGS_MAX]; // of the live stream's tracks
};

static void post_to(struct home *h, const struct room *r, uint32_t shard, const struct erasure *e)
{
    const struct feed *f = &r->feeds[shard];
    const struct track *all = tracks_const(&r->live.tracks);
    struct erase_mail *m = post_plain(h->mail, MAIL_ERASE, sizeof *m);
    m->outlet = f->outlet;
    m->n = e->n;
    memcpy(m->offsets, e->offsets, e->n * sizeof *e->offsets);
    for (uint32_t t = 0; t < r->live.tracks.n; t++)
        if (e->segs[t] != NULL && feed_readers(f, all[t].key) != 0)
            m->segs[m->seg_count++] = (struct advance_seg){all[t].key, segment_ref(e->segs[t])};
    mail_post(h->mail, shard, &m->mail);
}

static void tell(struct home *h, uint32_t index, struct erasure *e)
{
    struct room *r = room_at(h, index);
    const struct track *all = tracks_const(&r->live.tracks);
    for (uint32_t t = 0; t < r->live.tracks.n; t++)
        e->segs[t] =
            home_frames(h, r, encoding_of(h->cx, all[t].key), REPLAY_FRAMES, false, e->offsets, e->n);
    for (uint32_t shard = 0; shard < h->cx->shard_count; shard++) {
        if (r->feeds[shard].sessions == 0)
            continue;
        room_announce_to(h, index, shard);
        post_to(h, r, shard, e);
    }
    live_forget(&r->live, h->cx->mem, e->offsets[e->n - 1]);
    for (uint32_t t = 0; t < r->live.tracks.n; t++)
        segment_unref(h->cx->mem, e->segs[t]);
    e->n = 0;
}

void home_erase(struct home *h, uint32_t room, const struct entry *e)
{
    if (e->type != ENTRY_DELETE && e->type != ENTRY_EDIT)
        return;
    const struct room *r = room_at(h, room);
    const struct word *w = words_find(&r->log, e->about);
    if (r->sessions == 0 || w == NULL || w->deleted == 0 ||
        (e->type == ENTRY_DELETE && w->deleted != e->offset))
        return;
    // Of an edit of what was deleted already all but its own are gone.
    struct erasure gone = {.offsets = {e->type == ENTRY_EDIT ? e->offset : e->about}, .n = 1};
    for (uint32_t i = 0; e->type == ENTRY_DELETE && i < w->edits_n; i++) {
        if (gone.n == ERASE_MAX)
            tell(h, room, &gone);
        gone.offsets[gone.n++] = w->edits[i];
    }
    tell(h, room, &gone);
}
