// SPDX-License-Identifier: Apache-2.0
//
// The lists of asks that wait for an engine, or for a commit. Rejected: a list for each asker (whose order among all is that of
// the batches all the same), and to let all that is asked about a room wait (who only reads need not know that others write).
#include "core/home/home.h"

#include "core/home/course.h"

enum err course_make(struct home *h, struct room *r)
{
    struct course *c = mem_zalloc(h->cx->mem, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->watch_ms = c->fetch_ms = c->propose_ms = c->position_ms = c->give_ms = UINT64_MAX;
    r->course = c;
    return OK;
}

void course_free(struct home *h, struct room *r)
{
    struct course *c = r->course;
    struct ask *a;
    if (c == NULL)
        return;
    while ((a = course_pop(&c->joins)) != NULL || (a = course_pop(&c->asks)) != NULL)
        mail_discard(h->cx->mem, &a->mail);
    origins_deinit(&c->origins, h->cx->mem);
    mem_free(h->cx->mem, c, sizeof *c);
    r->course = NULL;
}

void course_keep(struct course *c, struct ask *a)
{
    course_push(a->type == ASK_JOIN ? &c->joins : &c->asks, a);
}

void course_push(struct course_list *l, struct ask *a)
{
    struct mail *m = &a->mail;
    m->next = NULL;
    if (l->last != NULL)
        l->last->next = m;
    else
        l->first = m;
    l->last = m;
    l->n++;
}

struct ask *course_pop(struct course_list *l)
{
    struct mail *m = l->first;
    if (m == NULL)
        return NULL;
    l->first = m->next;
    if (l->first == NULL)
        l->last = NULL;
    l->n--;
    m->next = NULL;
    return course_ask(m);
}

bool course_has(const struct course *c, struct conn_ref conn)
{
    for (struct mail *m = c->asks.first; m != NULL; m = m->next)
        if (conn_ref_eq(course_ask(m)->conn, conn))
            return true;
    return false;
}

void course_carry_out(struct home *h, struct ask *a)
{
    home_carry_out(h, &a);
    if (a != NULL)
        mail_discard(h->cx->mem, &a->mail);
}

static struct verdict verdict_of(const struct ask *a)
{
    return (struct verdict){.refused = true,
                            .why = (enum denial)a->why,
                            .right = (enum right)a->right,
                            .until_ms = a->until_ms,
                            .number = a->number};
}

static void tell_denied(struct home *h, struct ask **a, uint32_t room)
{
    const struct verdict v = verdict_of(*a);
    if (v.why != DENIED_NOT) {
        home_came_to(h, a, room, &v, false);
        return;
    }
    home_answer_room_problem(h, *a, EFFECT_NONE, PROBLEM_UNAVAILABLE,
                             "There is no room for more in {} at the moment; try again later.");
}

static void note(struct ask *a, const struct verdict *v)
{
    a->why = (uint8_t)v->why;
    a->right = (uint8_t)v->right;
    a->until_ms = v->until_ms;
    a->number = v->number;
}

void course_refuse(struct ask *a, const struct verdict *v)
{
    ASSERT(a->placed == 0);
    ASSERT(v->refused && v->why != DENIED_REPEATED);
    note(a, v);
    a->denied = true;
}

// The record at that offset has turned out void, and why: whoever of this home has said it is told so.
static void refused(struct course *c, uint64_t offset, const struct verdict *v)
{
    ASSERT(v->refused);
    for (struct mail *m = c->asks.first; m != NULL; m = m->next)
        if (course_proposal(course_ask(m)) && course_ask(m)->placed == offset && !course_ask(m)->repeats &&
            v->why != DENIED_REPEATED)
            note(course_ask(m), v);
}

void course_judged(struct course *c, uint64_t offset, const struct verdict *v)
{
    if (v->refused && v->why != DENIED_REPEATED) {
        refused(c, offset, v);
        return;
    }
    for (struct mail *m = c->asks.first; m != NULL; m = m->next) {
        struct ask *a = course_ask(m);
        if (!course_proposal(a) || a->placed != offset || a->repeats)
            continue;
        a->judged = true;
        a->number = v->number;
        a->first = v->refused ? v->offset : 0;
        return;
    }
}

void course_deny(struct home *h, struct ask **a, uint32_t room, const struct verdict *v)
{
    struct course *c = room_at(h, room)->course;
    if (v != NULL)
        note(*a, v);
    if (c == NULL || !course_has(c, (*a)->conn)) {
        tell_denied(h, a, room);
        return;
    }
    (*a)->denied = true;
    course_keep(c, *a);
    *a = NULL;
}

void course_repeats(struct home *h, struct ask **a, uint32_t room, const struct verdict *v)
{
    struct course *c = room_at(h, room)->course;
    ASSERT(v->refused && v->why == DENIED_REPEATED);
    if (c == NULL || !course_has(c, (*a)->conn)) {
        home_publish_answer(h, *a, room, v, false);
        return;
    }
    (*a)->placed = v->offset;
    (*a)->repeats = true;
    course_keep(c, *a);
    *a = NULL;
}

// What was said has its offset: what became of it. A record that has gone with what the engine does not keep any more has been
// placed; whether it repeats an earlier one nobody can tell, if it has a key. No decree has gone that says something still.
static void answer_placed(struct home *h, struct ask **taken, uint32_t room, bool heard)
{
    const struct ask *a = *taken;
    struct room *r = room_at(h, room);
    const struct made made = room_made(h, r);
    const struct entry e = home_proposal(h, r, a);
    bool gone = a->why == DENIED_NOT && !a->repeats && !a->judged && a->placed < r->log.tail;
    struct verdict v = {.refused = true, .offset = a->placed, .why = DENIED_REPEATED};
    if (gone && e.key.n != 0) {
        home_answer_room_problem(h, a, EFFECT_NONE, PROBLEM_UNAVAILABLE,
                                 "Whether this was said in {} is not known; say it again with the same key.");
        return;
    }
    if (a->why != DENIED_NOT)
        v = verdict_of(a);
    else if (gone)
        v = apply_judge(&made, &e);
    else if (a->judged && a->first != 0)
        v.offset = a->first;
    else if (a->judged)
        v = (struct verdict){.offset = a->placed};
    else if (!a->repeats)
        v = apply_recall(&made, a->placed, &e);
    if (gone)
        v.offset = a->placed;
    if (!v.refused)
        v.number = a->number;
    home_came_to(h, taken, room, &v, heard);
}

// The one in front, whose turn it is.
static void answer_front(struct home *h, uint32_t room, bool heard)
{
    struct ask *a = course_pop(&room_at(h, room)->course->asks);
    if (!a->denied && !course_proposal(a)) {
        course_carry_out(h, a);
        return;
    }
    if (a->denied)
        tell_denied(h, &a, room);
    else
        answer_placed(h, &a, room, heard);
    if (a != NULL)
        mail_discard(h->cx->mem, &a->mail);
}

void course_answer(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    struct course *c = r->course;
    while (c != NULL && c->asks.first != NULL && !c->renewing) {
        const struct ask *a = course_ask(c->asks.first);
        if (course_proposal(a) && (a->placed == 0 || a->placed > r->live.offset))
            return;
        answer_front(h, room, a->placed > c->unheard);
    }
}

void course_end_epoch(struct home *h, uint32_t room)
{
    const struct room *r = room_at(h, room);
    struct course *c = r->course;
    for (struct mail *m; (m = c->asks.first) != NULL;) {
        const struct ask *a = course_ask(m);
        if (course_proposal(a) && (a->placed == 0 || (a->placed > r->log.head && !a->repeats)))
            break;
        answer_front(h, room, false);
    }
    course_unplace(c, r->log.head);
    for (struct mail *m = c->asks.first; m != NULL; m = m->next)
        course_ask(m)->denied |= course_ask(m)->repeats;
}

bool course_busy(const struct room *r)
{
    return r->course != NULL && r->course->asks.n + r->course->joins.n != 0;
}

void course_placed(struct course *c, uint64_t first, uint32_t n)
{
    ASSERT(n <= c->batch_n);
    for (struct mail *m = c->asks.first; m != NULL && n != 0; m = m->next) {
        struct ask *a = course_ask(m);
        if (!course_proposal(a) || a->placed != 0)
            continue;
        a->placed = first++;
        c->batch_n--;
        c->batch_at++;
        n--;
    }
    ASSERT(n == 0);
    if (c->batch_n == 0)
        c->propose_ms = UINT64_MAX;
}

void course_unplace(struct course *c, uint64_t head)
{
    for (struct mail *m = c->asks.first; m != NULL; m = m->next) {
        struct ask *a = course_ask(m);
        if (!course_proposal(a) || a->repeats || a->placed <= head)
            continue;
        ASSERT(c->batch_at != 0);
        note(a, &(struct verdict){.why = DENIED_NOT}); // of a record that has not been applied after all
        a->judged = false;
        a->placed = a->first = 0;
        c->batch_at--;
        c->batch_n++;
    }
}

static void list_check(const struct course_list *l, bool joins)
{
    uint32_t n = 0;
    const struct mail *last = NULL;
    for (struct mail *m = l->first; m != NULL; m = m->next) {
        last = m;
        n++;
        ASSERT((course_ask(m)->type == ASK_JOIN) == joins);
    }
    ASSERT(n == l->n);
    ASSERT(last == l->last);
}

void course_check(const struct room *r)
{
    const struct course *c = r->course;
    uint32_t unplaced = 0;
    if (c == NULL)
        return;
    list_check(&c->asks, false); // 1
    list_check(&c->joins, true);
    for (struct mail *m = c->asks.first; m != NULL; m = m->next)
        unplaced += course_proposal(course_ask(m)) && course_ask(m)->placed == 0;
    ASSERT(c->batch_n <= unplaced); // 2
    ASSERT(c->batch_n == 0 || c->propose_ms != UINT64_MAX);
    struct ask *front = c->asks.first != NULL ? course_ask(c->asks.first) : NULL;
    if (front != NULL && course_proposal(front) && front->placed != 0 && !c->renewing)
        ASSERT(front->placed > r->live.offset); // 3
    if (c->alone)
        return;
    for (struct mail *m = c->asks.first; m != NULL && !c->here && !c->renewing; m = m->next)
        ASSERT(course_ask(m)->backend); // 4
    ASSERT(c->here || c->renewing || r->members == 0);
    ASSERT(!c->here || !c->renewing);
    ASSERT(!c->open || c->watched);
    origins_check(&c->origins);
    const struct origin *newest = c->origins.n != 0 ? &c->origins.v[c->origins.n - 1] : NULL;
    ASSERT(newest == NULL || newest->first + newest->run.count == r->log.head + 1); // 5
    for (struct mail *m = c->joins.first; m != NULL && c->here; m = m->next)
        ASSERT(course_ask(m)->placed != 0);
    ASSERT(c->watched || r->log.head == 0);
}
