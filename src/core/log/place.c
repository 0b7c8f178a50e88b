// SPDX-License-Identifier: Apache-2.0
//
// Space is secured everywhere before the first byte is written.
#include "core/log/place.h"

#include "core/log/record.h"

static enum err place_live(struct live *v, const struct live_tools *tools, const struct entry *e)
{
    struct live_entry live;
    if (!live_secure(v, tools, e, &live)) {
        live_release(v, tools->mem);
        return ERR_NOMEM;
    }
    live_commit(v, &live, entry_passing(e->type), tools->scratch);
    return OK;
}

static enum err place_record(struct log *l, struct live *v, const struct live_tools *tools,
                             const struct entry *e)
{
    struct buf *scratch = tools->scratch;
    record_encode(scratch, e);
    size_t n = scratch->n;
    struct segment *seg = buf_ok(scratch) ? log_secure(l, n) : NULL;
    bool now = v != NULL && l->readers == NULL && v->offset == l->head && !live_large(v, tools, e);
    if (seg == NULL || (now && place_live(v, tools, e) != OK)) {
        log_release(l);
        return ERR_NOMEM;
    }
    log_append_at(l, e->offset, seg, str_make(scratch->p, n));
    return OK;
}

enum err place_entry(struct log *l, struct live *v, const struct live_tools *tools, struct entry *e)
{
    ASSERT(!entry_cut(e->type)); // place_cut
    buf_reset(tools->scratch, SEGMENT_BYTES_MAX);
    if (!entry_passing(e->type))
        return place_record(l, v, tools, e);
    struct entry passing = *e;
    passing.offset = v->offset;
    enum err placed = place_live(v, tools, &passing);
    if (placed == OK)
        e->offset = passing.offset;
    return placed;
}

enum err place_cut(struct live *v, const struct live_tools *tools, struct entry *e)
{
    ASSERT(entry_cut(e->type));
    buf_reset(tools->scratch, SEGMENT_BYTES_MAX);
    e->offset = v->offset;
    enum err placed = place_live(v, tools, e);
    if (placed == OK)
        live_cut(v, e->cut_to);
    return placed;
}

bool place_large(const struct log *l, const struct live *v, const struct live_tools *tools, str room,
                 struct entry *ret)
{
    ASSERT(place_waiting(l, v));
    log_entry(l, v->offset + 1, room, ret);
    return live_large(v, tools, ret);
}

bool place_deflate(const struct log *l, struct live *v, const struct live_tools *tools, const struct entry *e)
{
    struct word_space space;
    struct entry now = *e;
    words_show(l, &now, &space);
    return live_large(v, tools, &now) && live_deflate(v, tools, &now);
}

enum err place_committed(const struct log *l, struct live *v, const struct live_tools *tools, str room,
                         struct entry *ret)
{
    ASSERT(place_waiting(l, v));
    struct word_space space;
    log_entry(l, v->offset + 1, room, ret);
    struct entry now = *ret;
    words_show(l, &now, &space);
    buf_reset(tools->scratch, SEGMENT_BYTES_MAX);
    return place_live(v, tools, &now);
}
