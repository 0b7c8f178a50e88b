// SPDX-License-Identifier: Apache-2.0
//
// The list of asks that wait for an engine. Rejected: a list for each asker (whose order among all is that of the batches all
// the same), and to let all that is asked about a room wait (who only reads need not know that others write).
#include "core/home/home.h"

#include "core/home/course.h"

void course_keep(struct course *c, struct ask *a)
{
    struct course_list *l = a->type == ASK_JOIN ? &c->joins : &c->asks;
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
    for (struct mail *m = c->asks.first; m != NULL; m = m->next) {
        const struct conn_ref *of = &course_ask(m)->conn;
        if (of->shard == conn.shard && of->ref.index == conn.ref.index && of->ref.gen == conn.ref.gen)
            return true;
    }
    return false;
}

void course_placed(struct course *c, uint64_t first)
{
    for (struct mail *m = c->asks.first; m != NULL && c->batch_n != 0; m = m->next) {
        struct ask *a = course_ask(m);
        if (!course_proposal(a) || a->placed != 0)
            continue;
        a->placed = first++;
        c->batch_n--;
    }
    ASSERT(c->batch_n == 0);
    c->propose_ms = UINT64_MAX;
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
    if (front != NULL && course_proposal(front) && front->placed != 0)
        ASSERT(front->placed > r->live.offset); // 3
    ASSERT(c->here || c->asks.n == 0);          // 4
    ASSERT(c->here || r->members == 0);
    for (struct mail *m = c->joins.first; m != NULL && c->here; m = m->next)
        ASSERT(course_ask(m)->placed != 0);
    ASSERT(c->watched || r->log.head == 0);
}
