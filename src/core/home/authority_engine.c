// SPDX-License-Identifier: Apache-2.0
//
// An engine is the authority: a home proposes, the engine orders, and each home that watches the room applies what the engine
// says, in order, a hole fetched, never skipped.
//
// Mail of an engine may be lost, late, twice, or overtake. So nothing here relies on one of them: what was asked for is asked
// for again, records are taken at head + 1 or not at all, and one's own are known by their proposer and seq, also where they
// come before the engine has said where it has placed them.
//
// A home proposes when it has applied all that it knows of. So what it refuses it refuses at once, as the home alone would;
// records that turn out void are those that two homes proposed at the same time.
#include "core/home/home.h"

#include "core/common/who.h"
#include "core/home/engine_terms.h"
#include "core/log/record.h"

static struct course *course_at(const struct home *h, uint32_t room) { return room_at(h, room)->course; }

void engine_soon(struct home *h, uint32_t room, uint64_t *due, uint64_t ms)
{
    *due = h->cx->now_ms + ms;
    room_timer(h, room, *due);
}

// --- what is said to the engine

struct engine_mail engine_word_to(const struct home *h, uint32_t room, enum engine_word word)
{
    return (struct engine_mail){.word = word,
                                .shard = h->cx->index,
                                .room = {room, slab_gen(&h->rooms, room)},
                                .proposer = h->proposer,
                                .term = course_at(h, room)->term,
                                .name = room_name(room_at(h, room))};
}

// One that finds no memory is as lost as one that is lost on its way: it is said again.
void engine_say(struct home *h, const struct engine_mail *m)
{
    if (!post_engine(h->mail, port_engine(h->cx), m))
        metric_add(&h->cx->metrics->limit_memory, 1);
}

static enum err watch(struct home *h, uint32_t room)
{
    if (course_make(h, room_at(h, room)) != OK)
        return ERR_NOMEM;
    course_at(h, room)->watch_ms = h->cx->now_ms; // by the timer, which is due at once
    return OK;
}

static void unwatch(struct home *h, uint32_t room)
{
    if (course_at(h, room) == NULL)
        return;
    const struct engine_mail m = engine_word_to(h, room, ENGINE_UNWATCH);
    engine_say(h, &m);
    course_free(h, room_at(h, room));
}

void engine_fetch(struct home *h, uint32_t room)
{
    struct course *c = course_at(h, room);
    struct engine_mail m = engine_word_to(h, room, ENGINE_FETCH);
    m.first = room_at(h, room)->log.head + 1;
    m.last = c->known;
    engine_say(h, &m);
    engine_soon(h, room, &c->fetch_ms, COURSE_AGAIN_MS);
}

// There are records up to there.
void engine_known(struct home *h, uint32_t room, uint64_t offset, uint64_t patience_ms)
{
    struct course *c = course_at(h, room);
    if (offset > c->known)
        c->known = offset;
    if (room_at(h, room)->log.head >= c->known)
        c->fetch_ms = UINT64_MAX;
    else if (c->fetch_ms > h->cx->now_ms + patience_ms)
        engine_soon(h, room, &c->fetch_ms, patience_ms);
}

// --- asks that wait

static void keep(struct home *h, struct ask **a, uint32_t room)
{
    course_keep(course_at(h, room), *a);
    *a = NULL;
    room_mark_dirty(h, room);
}

static void refuse(struct home *h, const struct ask *a, const char *text)
{
    home_answer_room_problem(h, a, a->type == ASK_JOIN ? EFFECT_REFUSED : EFFECT_NONE, PROBLEM_UNAVAILABLE,
                             text);
}

static void ask_position(struct home *h, uint32_t room)
{
    struct course *c = course_at(h, room);
    struct engine_mail m = engine_word_to(h, room, ENGINE_POSITION);
    m.seq = ++c->position_asked;
    engine_say(h, &m);
    engine_soon(h, room, &c->position_ms, COURSE_AGAIN_MS);
}

// It was in the room by another node, and has seen more than is here. What it says may be invented: so the engine is asked.
static bool knows_more(const struct room *r, const struct ask *a)
{
    return a->cmd.has_since && a->cmd.since_offset > r->live.offset &&
           str_eq(a->cmd.since_epoch, str_make(r->epoch, EPOCH_LEN));
}

// A join waits until the room is here, and until as much of it is as its asker has seen.
static bool join_waits(struct home *h, struct ask *a, uint32_t room)
{
    struct course *c = course_at(h, room);
    if (!c->here)
        return true;
    if (a->placed != 0 || !knows_more(room_at(h, room), a))
        return false;
    ask_position(h, room);
    a->placed = c->position_asked;
    return true;
}

// Anything else waits behind what its asker has said. What is said waits by itself (propose), and need not look.
static bool holds(struct home *h, struct ask **a, uint32_t room)
{
    bool waits = (*a)->type == ASK_JOIN ? join_waits(h, *a, room)
                                        : !course_proposal(*a) && course_has(course_at(h, room), (*a)->conn);
    // What was said in the epoch is not all here yet: neither can be told, nor counted.
    const bool of_all = (*a)->type == ASK_HISTORY || (*a)->type == ASK_READ;
    waits = waits || (of_all && course_at(h, room)->renewing);
    if (waits)
        keep(h, a, room);
    return waits;
}

static void propose(struct home *h, struct ask **a, uint32_t room)
{
    if (course_at(h, room)->asks.n >= COURSE_ASKS_MAX) {
        metric_add(&h->cx->metrics->limit_course, 1);
        course_deny(h, a, room, NULL);
        return;
    }
    keep(h, a, room);
}

// Joins, when all has been applied that there was when the room was made here, or that they ask for. One may find that it
// has to wait for more.
void engine_let_in(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    bool renewed = c->renewing && r->log.head >= r->live.offset; // from here on they hear what is applied
    if (!renewed && (!c->watched || c->open || r->log.head < r->live.offset || r->live.offset < c->known))
        return;
    c->renewing = false;
    if (!c->here && c->asks.n != 0 && c->batch_n == 0) // what a backend has said meanwhile
        engine_soon(h, room, &c->propose_ms, 0);
    c->here = true;
    if (renewed) {
        room_renewed(h, room);
        room_mark_dirty(h, room);
    }
    for (uint32_t n = c->joins.n; n != 0; n--) {
        struct ask *a = course_pop(&c->joins);
        if (a->placed <= c->position_heard)
            course_carry_out(h, a);
        else
            course_keep(c, a);
    }
}

// --- batches

// Puts what is to be said into records, as many as a batch takes, or as are under way already.
static uint32_t batch_put(struct home *h, uint32_t room, uint32_t max, struct buf *out)
{
    const struct made made = room_made(h, room_at(h, room));
    bool again = course_at(h, room)->batch_n != 0;
    uint32_t n = 0;
    for (struct mail *m = course_at(h, room)->asks.first; m != NULL && n < max; m = m->next) {
        struct ask *a = course_ask(m);
        struct entry e = home_proposal(h, room_at(h, room), a);
        struct verdict v = {.refused = false};
        if (!course_proposal(a) || a->placed != 0)
            continue;
        if (!home_proposal_whole(h, &e)) { // as they were before: else it is another batch
            out->failed = true;
            break;
        }
        if (!again) // which of them are to be placed is decided once
            v = apply_judge(&made, &e);
        if (v.refused && v.why != DENIED_REPEATED) {
            course_refuse(a, &v);
            continue;
        }
        if (v.refused) {
            a->placed = v.offset;
            a->repeats = true;
            continue;
        }
        if (n != 0 && !again && out->n + e.data.n + e.info.n > COURSE_BATCH_BYTES)
            break;
        buf_reset(&h->scratch, SEGMENT_BYTES_MAX);
        record_encode(&h->scratch, &e);
        if (!buf_ok(&h->scratch)) {
            out->failed = true;
            break;
        }
        engine_put_record(out, buf_str(&h->scratch));
        n++;
    }
    return n;
}

// The batch under way, or the next one.
static void propose_batch(struct home *h, uint32_t room)
{
    struct course *c = course_at(h, room);
    struct buf records;
    bool again = c->batch_n != 0;
    buf_init(&records, h->cx->mem, 0);
    uint32_t n = batch_put(h, room, again ? c->batch_n : COURSE_BATCH_MAX, &records);
    if (n != 0 && buf_ok(&records)) {
        struct engine_mail m = engine_word_to(h, room, ENGINE_PROPOSE);
        ASSERT(!again || n == c->batch_n);
        m.seq = again ? c->seq : ++h->proposals;
        c->seq = m.seq;
        c->batch_at = again ? c->batch_at : 0;
        m.index = c->batch_at;
        m.after = room_at(h, room)->log.head;
        m.last = n;
        m.records = buf_str(&records);
        c->batch_n = n;
        engine_say(h, &m);
    }
    if (n != 0)
        engine_soon(h, room, &c->propose_ms, COURSE_AGAIN_MS);
    buf_deinit(&records);
}

static void turn(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    if (c->here && !c->open && c->batch_n == 0 && r->log.head >= c->known && c->asks.n != 0)
        propose_batch(h, room);
    course_answer(h, room); // those that were said before
    engine_let_in(h, room);
    if (r->sessions != 0 && c->position_ms == UINT64_MAX)
        engine_soon(h, room, &c->position_ms, COURSE_POSITION_MS);
}

// While somebody is in the room, or wants to come in and waits for the answer.
static void position_due(struct home *h, uint32_t room)
{
    struct course *c = course_at(h, room);
    c->position_ms = UINT64_MAX;
    if (room_at(h, room)->sessions == 0 && c->position_heard == c->position_asked)
        return;
    ask_position(h, room);
}

static bool due(const struct home *h, uint64_t at_ms) { return h->cx->now_ms >= at_ms; }

static uint64_t timer(struct home *h, uint32_t room)
{
    struct course *c = course_at(h, room);
    if (due(h, c->watch_ms)) {
        const struct engine_mail m = engine_word_to(h, room, ENGINE_WATCH);
        engine_say(h, &m);
        engine_soon(h, room, &c->watch_ms, COURSE_AGAIN_MS);
    }
    if (due(h, c->fetch_ms))
        engine_fetch(h, room);
    bool proposes = due(h, c->propose_ms) && c->here && !c->open;
    if (proposes && c->batch_n == 0) { // its first one, in this turn
        c->propose_ms = UINT64_MAX;
        room_mark_dirty(h, room);
    } else if (proposes) {
        propose_batch(h, room);
    } else if (due(h, c->propose_ms)) {
        engine_soon(h, room, &c->propose_ms, COURSE_AGAIN_MS);
    }
    if (due(h, c->give_ms))
        engine_give(h, room);
    if (due(h, c->position_ms))
        position_due(h, room);
    uint64_t next = UINT64_MAX, kept_ms = c->newest_ms + COURSE_KEEP_MS;
    if (kept_ms > h->cx->now_ms && room_at(h, room)->log.head != 0)
        next = kept_ms;
    const uint64_t all[] = {c->watch_ms, c->fetch_ms, c->propose_ms, c->position_ms, c->give_ms};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        next = all[i] < next ? all[i] : next;
    return next;
}

// --- what the engine says

// The next record, the k-th of a run: if it is of the batch under way, it, those behind it in the run, and those before it, which
// this home has not got and will not get, have their offsets.
static void ours_placed(struct home *h, uint32_t room, const struct engine_run *run, uint32_t k)
{
    struct course *c = course_at(h, room);
    uint32_t at = run->index + k, n = run->index + run->count - c->batch_at;
    if (run->proposer != h->proposer || run->seq != c->seq || at < c->batch_at ||
        at >= c->batch_at + c->batch_n)
        return;
    uint64_t offset = room_at(h, room)->log.head + 1;
    course_placed(c, offset - (at - c->batch_at), n < c->batch_n ? n : c->batch_n);
}

// One of ours that was given back as what it had come to where it was applied before: void. Why, it does not say; what was applied
// before it does, here as there: it was refused, or said before.
static void ours_void(struct home *h, uint32_t room, uint64_t offset, uint64_t steady_ms)
{
    struct room *r = room_at(h, room);
    const struct made made = room_made(h, r);
    for (struct mail *m = r->course->asks.first; m != NULL; m = m->next) {
        const struct ask *a = course_ask(m);
        if (!course_proposal(a) || a->repeats || a->placed != offset)
            continue;
        struct entry said = home_proposal(h, r, a);
        said.steady_ms = steady_ms;
        const struct verdict v = apply_judge(&made, &said);
        if (v.refused)
            course_judged(r->course, offset, &v);
        return;
    }
}

// The next record. False: it cannot be applied now.
static bool take_record(struct home *h, uint32_t room, const struct engine_run *run, uint32_t k, str bytes)
{
    struct course *c = course_at(h, room);
    uint64_t offset = room_at(h, room)->log.head + 1;
    struct entry e;
    struct verdict v;
    enum record_verdict read = record_decode(bytes, &e);
    if (read != RECORD_OK) {
        notice_put(h->cx, NOTICE_RECORD_REFUSED, UINT32_MAX, 0, record_verdict_text(read),
                   room_name(room_at(h, room)));
        return false;
    }
    ours_placed(h, room, run, k);
    if (e.type == ENTRY_VOID)
        ours_void(h, room, offset, e.steady_ms);
    if (room_apply(h, room, offset, &e, &v) != OK)
        return false;
    origins_note(&c->origins, h->cx->mem, offset, run, k);
    c->newest_ms = h->cx->now_ms;
    return true;
}

// Records from m->first on, of which those are taken that are next.
static void on_records(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = course_at(h, room);
    str from = m->records, bytes;
    struct engine_run run;
    uint64_t offset = m->first, head = room_at(h, room)->log.head;
    bool taking = offset <= head + 1;
    while (taking && engine_take_run(&from, &run))
        for (uint32_t k = 0; k < run.count && taking && engine_take_record(&from, &bytes); k++, offset++)
            taking = offset <= head || take_record(h, room, &run, k, bytes);
    bool more = c->fetch_ms != UINT64_MAX && room_at(h, room)->log.head != head;
    if (!taking)
        engine_known(h, room, m->last, m->first <= head + 1 ? COURSE_AGAIN_MS : COURSE_MISSING_MS);
    else
        engine_known(h, room, m->last, COURSE_MISSING_MS);
    if (taking && more && room_at(h, room)->log.head < c->known)
        engine_fetch(h, room); // the next part
    engine_let_in(h, room);
    room_mark_dirty(h, room);
}

static void on_placed(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = course_at(h, room);
    if (m->seq != c->seq || c->batch_n == 0 || m->index != c->batch_at)
        return; // known already
    ASSERT(m->first != 0 && m->last >= m->first && m->last - m->first < c->batch_n);
    course_placed(c, m->first, (uint32_t)(m->last + 1 - m->first));
    if (c->batch_n != 0) // the rest was lost by a failover
        engine_soon(h, room, &c->propose_ms, 0);
    engine_known(h, room, m->last, COURSE_MISSING_MS);
    course_answer(h, room);
}

static void on_late(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = course_at(h, room);
    if (m->seq == c->seq && c->batch_n != 0) {
        c->batch_n = 0;
        c->propose_ms = UINT64_MAX;
        room_mark_dirty(h, room);
    }
    engine_known(h, room, m->last, 0);
}

static void on_position(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = course_at(h, room);
    if (m->seq <= c->position_heard)
        return;
    ASSERT(m->seq <= c->position_asked);
    c->position_heard = m->seq;
    if (c->position_heard == c->position_asked) {
        c->position_ms = UINT64_MAX;
        if (room_at(h, room)->sessions != 0)
            engine_soon(h, room, &c->position_ms, COURSE_POSITION_MS);
    }
    engine_known(h, room, m->last, COURSE_MISSING_MS);
    engine_let_in(h, room);
}

// What was asked for is asked for again; but who wants to come in need not wait, nor a backend where nobody is in.
static void on_away(struct home *h, uint32_t room)
{
    struct ask *a;
    struct course *c = course_at(h, room);
    bool backends = !c->here && !c->renewing; // nobody is in: what waits is theirs, and is not under way
    ASSERT(!backends || c->batch_n == 0);
    while ((a = course_pop(&c->joins)) != NULL || (backends && (a = course_pop(&c->asks)) != NULL)) {
        refuse(h, a, "The room {} cannot be reached at the moment; try again later.");
        mail_discard(h->cx->mem, &a->mail);
    }
    room_timer(h, room, h->cx->now_ms); // it may be that nobody needs it
}

// It is of the term that this home knows of. If it is of a newer one, the engine has to say what there is now.
static bool of_this_term(struct home *h, uint32_t room, const struct engine_mail *m)
{
    struct course *c = course_at(h, room);
    if (c->watched && m->term > c->term)
        engine_soon(h, room, &c->watch_ms, 0);
    return c->watched && m->term == c->term; // else told before it is known what there is
}

static void on_word(struct home *h, uint32_t room, const struct engine_mail *m)
{
    switch (m->word) {
    case ENGINE_HERE:
        engine_on_here(h, room, m);
        return;
    case ENGINE_AWAY:
        on_away(h, room);
        return;
    case ENGINE_RECORDS:
        on_records(h, room, m);
        return;
    case ENGINE_PLACED:
        on_placed(h, room, m);
        return;
    case ENGINE_LATE:
        on_late(h, room, m);
        return;
    case ENGINE_POSITION:
        on_position(h, room, m);
        return;
    case ENGINE_WATCH:
    case ENGINE_UNWATCH:
    case ENGINE_FETCH:
    case ENGINE_PROPOSE:
    case ENGINE_RESTORE:
        break; // ours
    }
    UNREACHABLE();
}

void home_on_engine(struct home *h, const struct engine_mail *m)
{
    uint32_t room = m->room.index;
    if (slab_get(&h->rooms, room, m->room.gen) == NULL)
        engine_not_here(h, m);
    else if (m->word == ENGINE_HERE || m->word == ENGINE_AWAY || of_this_term(h, room, m))
        on_word(h, room, m);
}

// It may have records that the engine is about to lose.
static bool busy(const struct home *h, const struct room *r)
{
    const struct course *c = r->course;
    bool young = r->log.head != 0 && h->cx->now_ms < c->newest_ms + COURSE_KEEP_MS;
    return course_busy(r) || young || c->open || c->give_ms != UINT64_MAX;
}

const struct authority authority_engine = {watch, unwatch, propose, holds, course_answer, turn, timer, busy};
