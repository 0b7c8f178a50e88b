// SPDX-License-Identifier: Apache-2.0
//
// A page of a thread: what answers one message, as a page of history is sent (home_lists.c). Its rows are not one run of the log, so
// they lie in a segment of their own, numbered from 1, which is made for who asks and goes when it has been written.
//
// Rejected: rows out of the room's replay, a reference each (an answer of a thousand pointers, and the replay would be filled with the
// neighbours of each of them).
#include "core/home/home.h"

#include "core/log/frame.h"

enum {
    PAGE_BYTES = 256 * 1024,
    ROW_WORDS = 200
}; // a slice of frames (home_wait.c); what is around a record, about

// Answers from..to - 1 of a word.
struct page {
    uint32_t from, to;
};

static uint32_t answers_before(const struct word *w, uint64_t offset)
{
    uint32_t n = 0;
    while (n < w->answers_n && w->answers[n] < offset)
        n++;
    return n;
}

static struct page page_of(const struct room *r, const struct word *w, const struct command *cmd)
{
    const uint32_t limit = cmd->limit == 0               ? LIST_LIMIT_DEFAULT
                           : cmd->limit < LIST_LIMIT_MAX ? cmd->limit
                                                         : LIST_LIMIT_MAX;
    const uint32_t oldest = answers_before(w, r->log.tail), newest = answers_before(w, room_newest(r) + 1);
    const bool forward = cmd->has_since;
    struct page p = {oldest, newest};
    size_t bytes = 0;
    if (forward && answers_before(w, cmd->since_offset + 1) > oldest)
        p.from = answers_before(w, cmd->since_offset + 1);
    else if (cmd->has_before && answers_before(w, cmd->before_offset) < newest)
        p.to = answers_before(w, cmd->before_offset);
    p.to = p.to > p.from ? p.to : p.from;
    for (uint32_t n = 0; n < p.to - p.from; n++) {
        const uint64_t at = w->answers[forward ? p.from + n : p.to - 1 - n];
        bytes += ROW_WORDS + log_record(&r->log, at).n;
        if (n == limit || (n != 0 && bytes > PAGE_BYTES))
            return forward ? (struct page){p.from, p.from + n} : (struct page){p.to - n, p.to};
    }
    return p;
}

struct segment *home_frames(struct home *h, const struct room *r, const struct encoding *en,
                            enum replay_form form, bool now, const uint64_t *offsets, uint32_t n)
{
    struct framed *framed = mem_alloc(h->cx->mem, n * sizeof *framed);
    struct segment *s = NULL;
    const struct frame_tools tools = home_frame_tools(h);
    size_t cap = 0;
    bool made = framed != NULL;
    buf_reset(&h->scratch, SEGMENT_BYTES_MAX);
    for (uint32_t i = 0; made && i < n; i++) {
        struct entry e;
        struct word_space space;
        if (offsets[i] >= r->log.tail)
            log_entry(&r->log, offsets[i], room_name(r), &e);
        else
            e = (struct entry){
                .type = ENTRY_VOID, .offset = offsets[i], .time_ms = h->cx->wall_ms, .room = room_name(r)};
        if (now)
            words_show(&r->log, &e, &space);
        else
            e.taken_back = e.type == ENTRY_MESSAGE && e.erased != 0;
        made = form == REPLAY_ROWS ? frame_row(en, &e, &tools, &framed[i])
                                   : frame_entry(en, &e, &tools, &framed[i]);
        cap += made ? segment_cost(framed_size(&framed[i])) : 0;
    }
    if (made)
        s = segment_create(r->log.mem, 1, (uint32_t)cap);
    if (made && s == NULL && !now) // what is told to nobody any more is not for its tenant to pay
        s = segment_create(h->cx->mem, 1, (uint32_t)cap);
    for (uint32_t i = 0; s != NULL && i < n; i++)
        framed_append(s, &framed[i], &h->scratch, false);
    mem_free(h->cx->mem, framed, n * sizeof *framed);
    return s;
}

void home_thread(struct home *h, struct ask **taken, uint32_t room)
{
    const struct ask *a = *taken;
    const struct room *r = room_at(h, room);
    const struct word *w = words_find(&r->log, a->cmd.offset);
    const struct page page = w != NULL ? page_of(r, w, &a->cmd) : (struct page){0, 0};
    const uint32_t n = page.to - page.from;
    if (n != 0 && (h->allowance == 0 || home_pending(r))) {
        home_wait(h, taken, room);
        return;
    }
    const struct encoding *en = encoding_of(h->cx, a->encoding);
    const enum replay_form form = en->payloads->pages ? REPLAY_ROWS : REPLAY_FRAMES;
    struct segment *s = n != 0 ? home_frames(h, r, en, form, true, w->answers + page.from, n) : NULL;
    if (n != 0 && s == NULL) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    struct answer ans = {.effect = EFFECT_HISTORY,
                         .replay_from = 1,
                         .offset = n,
                         .segs = n != 0 ? &s : NULL,
                         .seg_count = n != 0};
    const struct event ev = {.type = EV_HISTORY,
                             .id = a->cmd.id,
                             .room = room_name(r),
                             .epoch = str_make(r->epoch, EPOCH_LEN),
                             .list_n = n};
    if (s != NULL)
        h->slice_left -= s->cap < h->slice_left ? s->cap : h->slice_left;
    home_answer_event(h, a, &ans, &ev);
}
