// SPDX-License-Identifier: Apache-2.0
//
// A message is taken back: its words, and those of its edits, are taken out of what people have yet to be told. The log and its frames
// have let them go (log/words.h, log/replay.h); what is left is the live stream, of which the home has the end and the shards the rest.
// They are told all that there is, so that it is theirs, and then what is to stand there instead (fan/erase.c).
#include "core/home/home.h"

#include "core/log/record.h"

struct erasure {
    uint64_t offsets[ERASE_MAX];
    uint32_t n;
    uint64_t to;                         // as in struct erase_mail
    struct segment *segs[ENCODINGS_MAX]; // of the live stream's tracks
};

static void post_to(struct home *h, const struct room *r, uint32_t shard, const struct erasure *e)
{
    const struct feed *f = &r->feeds[shard];
    const struct track *all = tracks_const(&r->live.tracks);
    struct erase_mail *m = post_plain(h->mail, MAIL_ERASE, sizeof *m);
    m->outlet = f->outlet;
    m->n = e->n;
    m->to = e->to;
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
            e->to == 0 ? home_frames(h, r, all[t].encoding, REPLAY_FRAMES, false, e->offsets, e->n) : NULL;
    for (uint32_t shard = 0; shard < h->cx->shard_count; shard++) {
        if (r->feeds[shard].sessions == 0)
            continue;
        room_announce_to(h, index, shard);
        post_to(h, r, shard, e);
    }
    live_forget(&r->live, e->to != 0 ? e->to : e->offsets[e->n - 1]);
    for (uint32_t t = 0; t < r->live.tracks.n; t++)
        segment_unref(r->live.mem, e->segs[t]);
    e->n = 0;
    e->to = 0;
}

static bool says(const struct log *l, uint64_t offset, uint64_t about)
{
    struct entry e;
    if (record_type(log_record(l, offset)) != ENTRY_EDIT)
        return false;
    log_entry(l, offset, STR_NONE, &e);
    return e.about == about;
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
    // An edit of what was deleted already is the last one that there is, and the words of the others are gone.
    const uint64_t first = e->type == ENTRY_EDIT ? e->offset : e->about, tail = r->log.tail;
    const uint64_t last = w->version > first ? w->version : first;
    struct erasure gone = {.offsets = {first}, .n = 1};
    if (first < tail) { // it may be on its way to somebody, and there is nothing to put in its place
        gone.to = last < tail ? last : tail - 1;
        tell(h, room, &gone);
    }
    for (uint64_t at = first < tail ? tail : first + 1; at <= last; at++) {
        if (gone.n == ERASE_MAX)
            tell(h, room, &gone);
        if (says(&r->log, at, e->about))
            gone.offsets[gone.n++] = at;
    }
    if (gone.n != 0)
        tell(h, room, &gone);
}
