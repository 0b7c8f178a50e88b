// SPDX-License-Identifier: Apache-2.0
//
// What is new in a room: what is committed comes into the live stream, and once per turn each shard that has readers is told.
//
// *What is committed is to be told*, as it cannot be taken back: it has its place in the log, it counts, and whoever said it waits for
// his answer. Where the stream finds no memory for it the room owes it, and takes no more until it has told it (authority_home.c), so
// that what is owed does not grow, and the stream rests, so that nothing of the room itself is in its way. Where that is not enough, as
// what is kept in the rooms of its tenant is not shown yet either and may not go, it is told from the server's memory, and not from the
// tenant's. Rejected: to charge for the frames when the record is taken (who comes in meanwhile may speak another language, and wants it
// in that one).
#include "core/home/home.h"

#include "core/log/place.h"

enum { SHOW_AGAIN_MS = 50 }; // what is committed and found no memory is tried again

static struct advance *advance_make(struct home *h, const struct room *r, const struct feed *f, uint32_t segs)
{
    struct advance *a = post_plain(h->mail, MAIL_ADVANCE, sizeof *a + segs * sizeof a->segs[0]);
    a->outlet = f->outlet;
    a->head = r->live.place;
    a->offset = r->live.offset;
    a->since_ns = h->cx->turn_ns;
    a->rule = r->ruled.given;
    return a;
}

// The segments being filled go, here and at the shards, which hold them as far as they have not been read.
static void rest(struct home *h, struct room *r)
{
    r->resting = true;
    live_rest(&r->live, h->cx->mem);
    for (uint32_t shard = 0; shard < h->cx->shard_count; shard++) {
        const struct feed *f = &r->feeds[shard];
        if (f->sessions == 0)
            continue;
        ASSERT(f->told == r->live.place);
        struct advance *a = advance_make(h, r, f, 0);
        a->rest = true;
        mail_post(h->mail, shard, &a->mail);
    }
}

uint64_t room_rest_due(struct home *h, struct room *r)
{
    if (r->resting)
        return UINT64_MAX;
    if (r->dirty)
        return h->cx->now_ms + ROOM_REST_MS;
    if (h->cx->now_ms < r->heard_ms + ROOM_REST_MS)
        return r->heard_ms + ROOM_REST_MS;
    rest(h, r);
    return UINT64_MAX;
}

static bool all_told(const struct home *h, const struct room *r)
{
    for (uint32_t shard = 0; shard < h->cx->shard_count; shard++)
        if (r->feeds[shard].sessions != 0 && r->feeds[shard].told != r->live.place)
            return false;
    return true;
}

// There is no memory for what is next: as above.
static enum err owe(struct home *h, struct room *r, struct live_tools *tools, struct entry *e)
{
    if (r->owes && r->tenant != TENANT_NONE) {
        tools->frames = h->cx->mem;
        return place_committed(&r->log, &r->live, tools, room_name(r), e);
    }
    r->owes = true;
    if (!r->resting && all_told(h, r))
        rest(h, r);
    return ERR_NOMEM;
}

// What is committed, and those who are there have not been told of, as far as there is memory. False: what is next has to be deflated, and
// goes on with the next turn.
static bool room_show(struct home *h, uint32_t index)
{
    struct room *r = room_at(h, index);
    while (place_waiting(&r->log, &r->live)) {
        if (!home_deflate(h, index))
            return false;
        struct live_tools tools = room_tools(h, r);
        struct entry e;
        enum err placed = place_committed(&r->log, &r->live, &tools, room_name(r), &e);
        if (placed != OK && relief_for(h, r, 4 * e.data.n))
            placed = place_committed(&r->log, &r->live, &tools, room_name(r), &e);
        if (placed != OK)
            placed = owe(h, r, &tools, &e);
        if (placed != OK) {
            room_no_memory(h, r, "a room's live stream");
            room_timer(h, index, h->cx->now_ms + SHOW_AGAIN_MS);
            return true;
        }
        home_deflated(h, index, r->live.offset);
        room_heard(h, index, &e);
    }
    r->owes = false;
    return true;
}

// Each track's newest segment first, down to the one in which what the shard has not been told begins.
void room_announce_to(struct home *h, uint32_t index, uint32_t shard)
{
    struct room *r = room_at(h, index);
    struct feed *f = &r->feeds[shard];
    const bool news = f->told != r->live.place;
    if (f->sessions == 0 || (!news && !r->rule_untold))
        return;
    ASSERT(f->told <= r->live.place);
    const struct track *all = tracks_const(&r->live.tracks);
    uint32_t from[ENCODINGS_MAX], segs = 0;
    for (uint32_t t = 0; t < r->live.tracks.n; t++) {
        const struct chain *c = &all[t].chain;
        from[t] = news && feed_readers(f, all[t].key) != 0 ? live_from(&r->live, &all[t], f->told) : c->n;
        segs += c->n - from[t];
    }
    struct advance *a = advance_make(h, r, f, segs);
    for (uint32_t t = 0; t < r->live.tracks.n; t++)
        for (uint32_t i = all[t].chain.n; i-- > from[t];)
            a->segs[a->seg_count++] =
                (struct advance_seg){.track = all[t].key, .seg = segment_ref(all[t].chain.segs[i])};
    ASSERT(a->seg_count == segs);
    f->told = r->live.place;
    mail_post(h->mail, shard, &a->mail);
}

// To all shards but those that have not taken what they were told before: these are told more at once when they have.
static bool announce(struct home *h, uint32_t index)
{
    bool all = true;
    for (uint32_t shard = 0; shard < h->cx->shard_count; shard++) {
        const struct feed *f = &room_at(h, index)->feeds[shard];
        const struct room *r = room_at(h, index);
        bool later =
            f->sessions != 0 && (f->told != r->live.place || r->rule_untold) && mail_is_long(h->mail, shard);
        if (later)
            h->behind |= UINT64_C(1) << shard;
        else
            room_announce_to(h, index, shard);
        all = all && !later;
    }
    return all;
}

void home_announce(struct home *h)
{
    uint32_t left = 0;
    h->behind = 0;
    home_deflate_turn(h);
    for (uint32_t i = 0; i < h->rooms_dirty.n; i++) {
        uint32_t index = h->rooms_dirty.v[i];
        struct room *r = room_at(h, index);
        ASSERT(r->dirty);
        const bool shown = room_show(h, index);
        h->authority->turn(h, index);
        home_signals_place(h, index); // also those that had to wait until now
        const bool announced = announce(h, index);
        if (announced)
            live_announced(&r->live, h->cx->mem);
        r->dirty = !announced || !shown;
        if (r->dirty)
            h->rooms_dirty.v[left++] = index;
        r->rule_untold = r->rule_untold && !announced;
        room_trim(h, r);
    }
    h->rooms_dirty.n = left;
}
