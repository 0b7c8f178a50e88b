// SPDX-License-Identifier: Apache-2.0
//
// An engine that has lost records is told so by those who have them: first it is asked what it has kept, then each home gives back
// what it has behind that, at the same offsets. The engine waits for all of them before anything new gets a place, as a
// place that is taken cannot be given back. Rejected: to propose lost records anew (they would have other offsets than people
// have seen them at), and to let the first home that comes go on (what it has not seen would be said twice, or be two things at one
// offset, to people at two nodes).
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/engine_terms.h"

static void begin(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    memcpy(r->epoch, m->epoch, EPOCH_LEN);
    log_begin(&r->log, m->first);
    r->live.place = r->live.offset = m->first - 1;
    r->said = m->first != 1;
    c->watched = true;
    c->term = m->term;
    c->kept = m->kept;
    home_witness(h, r, NULL, NULL);
}

// A batch that is under way goes on in the new term, with the same seq: of those whose records are not here nobody knows whether
// they have a place.
static void go_on(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    course_unplace(c, r->log.head);
    if (c->batch_n != 0)
        engine_soon(h, room, &c->propose_ms, 0);
    c->term = m->term;
    c->kept = m->kept;
    c->known = r->log.head; // of more it is not known any more
    c->fetch_ms = UINT64_MAX;
    c->give_to = r->log.head;
    c->seen_to = r->live.offset > r->log.head ? r->live.offset : r->log.head;
    c->given = 0;
    c->give_ms = h->cx->now_ms;
}

static enum err new_epoch(struct home *h, uint32_t room, const struct engine_mail *m)
{
    const struct room *r = room_at(h, room);
    struct course *c = r->course;
    ASSERT(m->term > c->term);
    course_end_epoch(h, room);
    if (c->batch_n != 0)
        engine_soon(h, room, &c->propose_ms, 0);
    if (room_renew(h, room, m->epoch, m->first, m->last) != OK)
        return ERR_NOMEM;
    origins_clear(&c->origins);
    go_on(h, room, m);
    c->unheard = m->last;
    c->renewing = c->renewing || c->here;
    c->here = false;
    notice_put(h->cx, NOTICE_EPOCH_ENDED, UINT32_MAX, 0, "its engine has lost records", room_name(r));
    metric_add(&h->cx->metrics->epochs_ended, 1);
    return OK;
}

// The oldest that the engine has is further on than the next one here.
static enum err skip(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = room_at(h, room)->course;
    if (room_skip(h, room, m->first) != OK)
        return ERR_NOMEM;
    origins_clear(&c->origins);
    if (c->unheard < m->first - 1)
        c->unheard = m->first - 1;
    return OK;
}

// What it says changes what is here. ERR_NOMEM: not now.
static enum err take_over(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    if (!c->watched)
        begin(h, room, m);
    else if (!str_eq(str_make(m->epoch, EPOCH_LEN), str_make(r->epoch, EPOCH_LEN))) {
        if (new_epoch(h, room, m) != OK)
            return ERR_NOMEM;
    } else if (m->term > c->term)
        go_on(h, room, m);
    return m->first > r->log.head + 1 ? skip(h, room, m) : OK;
}

void engine_on_here(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = room_at(h, room)->course;
    ASSERT(m->first >= 1 && m->first <= m->last + 1);
    if (c->watched && m->term < c->term)
        return; // late
    c->watch_ms = UINT64_MAX;
    if (take_over(h, room, m) != OK) {
        engine_soon(h, room, &c->watch_ms, COURSE_AGAIN_MS);
        return;
    }
    bool more = m->after > c->given && m->after < c->give_to;
    if (c->open && !m->open && c->batch_n != 0)
        engine_soon(h, room, &c->propose_ms, 0);
    if (c->open || m->open)
        c->newest_ms = h->cx->now_ms; // what was given back is new there, and may be lost again
    c->open = m->open;
    if (m->after > c->given)
        c->given = m->after;
    if (more || c->give_ms <= h->cx->now_ms || (c->open && c->give_ms == UINT64_MAX))
        engine_give(h, room);
    engine_known(h, room, m->last, 0);
    if (c->known > room_at(h, room)->log.head)
        engine_fetch(h, room);
    engine_let_in(h, room);
    room_mark_dirty(h, room);
    room_timer(h, room, h->cx->now_ms); // it may be that nobody needs it any more
}

// --- giving back

// Records from `from` on, as many as fit into a mail; the newest one.
static uint64_t put_records(struct home *h, uint32_t room, uint64_t from, struct buf *out)
{
    const struct room *r = room_at(h, room);
    const struct course *c = r->course;
    uint64_t at = from;
    for (; at <= c->give_to; at++) {
        str record = log_record(&r->log, at);
        if (at != from && out->n + record.n > COURSE_BATCH_BYTES)
            break;
        const struct engine_run run = origins_find(&c->origins, at);
        engine_put_run(out, &run);
        engine_put_record(out, record);
    }
    return at - 1;
}

void engine_give(struct home *h, uint32_t room)
{
    const struct room *r = room_at(h, room);
    struct course *c = r->course;
    uint64_t next = (c->given > c->kept ? c->given : c->kept) + 1, oldest = origins_first(&c->origins);
    c->give_ms = UINT64_MAX;
    if (!c->open && next > c->give_to) { // all of it is there
        room_timer(h, room, h->cx->now_ms + 1);
        return;
    }
    struct buf records;
    buf_init(&records, h->cx->mem, 0);
    oldest = oldest < r->log.tail ? r->log.tail : oldest;
    if (next < oldest) // what is between is not in memory any more
        next = oldest < c->give_to ? oldest : c->give_to + 1;
    struct engine_mail m = engine_word_to(h, room, ENGINE_RESTORE);
    memcpy(m.epoch, r->epoch, EPOCH_LEN);
    m.first = next;
    m.last = c->seen_to;
    if (next <= c->give_to)
        put_records(h, room, next, &records);
    m.records = buf_str(&records);
    if (buf_ok(&records))
        engine_say(h, &m);
    buf_deinit(&records);
    engine_soon(h, room, &c->give_ms, COURSE_AGAIN_MS);
}

void engine_not_here(struct home *h, const struct engine_mail *m)
{
    struct engine_mail gone = {.word = ENGINE_UNWATCH,
                               .shard = h->cx->index,
                               .room = m->room,
                               .proposer = h->proposer,
                               .name = m->name};
    if (m->word == ENGINE_HERE) // it waits for this home
        engine_say(h, &gone);
}
