// SPDX-License-Identifier: Apache-2.0
//
// An entry is framed once per encoding in use, whatever the number of readers, and put into words once for those of the same
// payloads.
#include "core/log/live.h"

#include "dialect/parts.h"

void live_deinit(struct live *v, struct mem *m)
{
    tracks_deinit(&v->tracks, m);
    speakers_free(v->speakers, m);
    v->speakers = NULL;
}

enum err live_reserve(struct live *v, struct mem *m, const struct encoding *e, uint64_t room)
{
    if (e->payloads->handles && v->speakers == NULL && (v->speakers = speakers_create(m, room)) == NULL)
        return ERR_NOMEM;
    return tracks_reserve(&v->tracks, m, e->id);
}

void live_reader_add(struct live *v, const struct encoding *e)
{
    tracks_add(&v->tracks, e->id)->readers++;
    if (!e->payloads->handles)
        return;
    ASSERT(v->speakers != NULL);
    v->speakers->readers++;
}

static void speakers_leave(struct live *v, struct mem *m)
{
    ASSERT(v->speakers != NULL && v->speakers->readers != 0);
    if (--v->speakers->readers != 0)
        return;
    speakers_free(v->speakers, m);
    v->speakers = NULL;
}

void live_reader_remove(struct live *v, struct mem *m, const struct encoding *e)
{
    struct track *t = tracks_find(&v->tracks, e->id);
    ASSERT(t != NULL && t->readers != 0);
    if (--t->readers == 0)
        tracks_remove(&v->tracks, m, t);
    if (e->payloads->handles)
        speakers_leave(v, m);
}

// The only key that a record of the state changes, raw; absent where it changes several, or none.
static str only_key(const struct entry *e)
{
    struct parts p;
    parts_begin(&p, e);
    if (!parts_next(&p) || p.part.type != ENTRY_STATE)
        return STR_NONE;
    const str key = p.part.change.key;
    return parts_next(&p) ? STR_NONE : key;
}

// Of an entry for which the newest one of its kind is enough; 0: for others. What such a kind is, its type says in front of the key.
static uint64_t print_of(const struct siphash_key *prints, const struct entry *e)
{
    char kind[1 + STATE_KEY_RAW_MAX];
    const str key = e->type == ENTRY_MESSAGE ? e->conflate : e->type == ENTRY_STATE ? only_key(e) : STR_NONE;
    if (key.n == 0)
        return 0;
    _Static_assert(STATE_KEY_RAW_MAX > CONFLATE_KEY_MAX, "the longer one");
    ASSERT(key.n < sizeof kind);
    kind[0] = (char)e->type;
    memcpy(kind + 1, key.p, key.n);
    const uint64_t print = siphash(prints, kind, 1 + key.n) & ~PRINT_WAITS;
    return (print != 0 ? print : PRINT_WAITS << 1) | (e->type == ENTRY_STATE ? PRINT_WAITS : 0);
}

// The segment the next entry of n bytes goes into. Where conflation keys are used, segments are keyed from then on.
static struct segment *track_secure(struct live *v, const struct live_tools *tools, struct chain *c, size_t n,
                                    bool cut, uint64_t print)
{
    struct segment *last = chain_last(c);
    ASSERT(last == NULL || chain_end(c) == v->place + 1);
    if (last != NULL && !cut && !segment_cut(last) && (print == 0 || segment_keyed(last)) &&
        segment_fits(last, n))
        return last;
    const bool keyed = !cut && (print != 0 || (last != NULL && segment_keyed(last)));
    struct segment *s =
        cut ? chain_alone(c, tools->mem, tools->frames, v->place + 1, n)
            : chain_extend(c, tools->mem, tools->frames, v->place + 1, n + (keyed ? sizeof print : 0));
    if (s != NULL)
        s->after = v->offset | (keyed ? SEGMENT_KEYED : 0);
    return s;
}

// The row whose payload, in words already, is this track's too; n: none.
static uint32_t same_payload(const struct live_tools *tools, const struct track *all, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && tools->encodings[all[i].key]->payloads != tools->encodings[all[n].key]->payloads)
        i++;
    return i;
}

static bool secure_tracks(struct live *v, const struct live_tools *tools, const struct entry *e,
                          struct live_entry *ret)
{
    struct track *all = tracks_all(&v->tracks);
    const struct frame_tools with = {tools->utc_offset_s, tools->scratch, tools->deflating};
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        uint32_t same = same_payload(tools, all, i);
        const struct encoding *en = tools->encodings[all[i].key];
        bool framed = same != i ? frame_again(en, e, &with, &ret->framed[same], &ret->framed[i])
                                : frame_entry(en, e, &with, &ret->framed[i]);
        if (!framed)
            return false;
        ret->segs[i] = track_secure(v, tools, &all[i].chain, framed_size(&ret->framed[i]), entry_cut(e->type),
                                    ret->print);
        if (ret->segs[i] == NULL)
            return false;
    }
    return true;
}

// With its numbers, where somebody reads an encoding with handles.
static struct entry named(struct live *v, const struct live_tools *tools, const struct entry *e)
{
    struct entry with = *e;
    if (v->speakers != NULL && v->speakers->readers != 0)
        speakers_name(v->speakers, tools->mem, tools->prints, e, &with.handles);
    return with;
}

bool live_secure(struct live *v, const struct live_tools *tools, const struct entry *e,
                 struct live_entry *ret)
{
    ASSERT(tools->mem != NULL && tools->frames != NULL);
    ASSERT(tools->prints != NULL);
    ret->print = print_of(tools->prints, e);
    const struct entry with = named(v, tools, e);
    ret->speaker = with.handles.speaker;
    return secure_tracks(v, tools, &with, ret);
}

bool live_large(const struct live *v, const struct live_tools *tools, const struct entry *e)
{
    const struct track *all = tracks_const(&v->tracks);
    if (tools->deflating == NULL || (e->type != ENTRY_MESSAGE && e->type != ENTRY_EDIT) ||
        !deflating_large(tools->deflating, e->data.n))
        return false;
    uint32_t i = 0;
    while (i < v->tracks.n && tools->encodings[all[i].key]->deflate == 0)
        i++;
    return i < v->tracks.n;
}

bool live_deflate(struct live *v, const struct live_tools *tools, const struct entry *e)
{
    const struct track *all = tracks_const(&v->tracks);
    const struct entry with = named(v, tools, e);
    ASSERT(live_large(v, tools, e));
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        const struct encoding *en = tools->encodings[all[i].key];
        if (en->deflate == 0)
            continue;
        buf_reset(tools->scratch, SEGMENT_BYTES_MAX);
        en->payloads->encode_entry(tools->scratch, &with, tools->utc_offset_s);
        if (!buf_ok(tools->scratch))
            return false;
        deflating_add(tools->deflating, en->deflate, buf_str(tools->scratch));
    }
    return true;
}

void live_commit(struct live *v, const struct live_entry *secured, bool passing, const struct buf *scratch)
{
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        ASSERT(chain_last(&tracks_all(&v->tracks)[i].chain) == secured->segs[i]);
        framed_append(secured->segs[i], &secured->framed[i], scratch, passing);
        if (secured->print != 0)
            segment_set_print(secured->segs[i], secured->print);
    }
    if (secured->speaker != 0)
        speakers_told(v->speakers, secured->speaker);
    v->place++;
    v->offset += !passing;
}

void live_cut(struct live *v, uint64_t offset)
{
    struct track *all = tracks_all(&v->tracks);
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        struct segment *last = chain_last(&all[i].chain);
        ASSERT(last->first == v->place && last->count == 1);
        last->after |= SEGMENT_CUT;
    }
    v->offset = offset;
}

void live_release(struct live *v, struct mem *m)
{
    struct track *all = tracks_all(&v->tracks);
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        struct segment *last = chain_last(&all[i].chain);
        if (last != NULL && last->count == 0)
            chain_pop(&all[i].chain, m);
    }
}

uint32_t live_from(const struct live *v, const struct track *t, uint64_t place)
{
    const struct chain *c = &t->chain;
    if (c->n == 0 || place >= v->place)
        return c->n;
    return place + 1 <= c->segs[0]->first ? 0 : chain_find(c, place + 1);
}

void live_announced(struct live *v, struct mem *m)
{
    struct track *all = tracks_all(&v->tracks);
    for (uint32_t i = 0; i < v->tracks.n; i++)
        if (all[i].chain.n > 1)
            chain_trim(&all[i].chain, m, chain_last(&all[i].chain)->first);
}

void live_rest(struct live *v, struct mem *m)
{
    struct track *all = tracks_all(&v->tracks);
    for (uint32_t i = 0; i < v->tracks.n; i++)
        chain_deinit(&all[i].chain, m);
}

void live_forget(struct live *v, struct mem *m, uint64_t offset)
{
    const struct track *all = tracks_const(&v->tracks);
    bool holds = false;
    for (uint32_t i = 0; i < v->tracks.n; i++)
        for (uint32_t k = 0; k < all[i].chain.n; k++) // behind a cut offsets may be lower than in front of it
            holds = holds || segment_after(all[i].chain.segs[k]) < offset;
    if (holds)
        live_rest(v, m);
}

void live_check(const struct live *v)
{
    const struct track *all = tracks_const(&v->tracks);
    tracks_check(&v->tracks);
    if (v->speakers != NULL)
        speakers_check(v->speakers);
    for (uint32_t i = 0; i < v->tracks.n; i++) {
        ASSERT(all[i].readers != 0);
        chain_check(&all[i].chain);
        ASSERT(all[i].chain.n == 0 || chain_end(&all[i].chain) == v->place + 1);
        for (uint32_t k = 0; k < all[i].chain.n; k++)
            ASSERT(!segment_cut(all[i].chain.segs[k]) || all[i].chain.segs[k]->count == 1);
    }
}
