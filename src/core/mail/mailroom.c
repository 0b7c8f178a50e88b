// SPDX-License-Identifier: Apache-2.0
//
// Linked lists: a mail is a block of its own anyway, and what piles up for a busy shard is bounded by credits, not by a place.
// Rejected: to hand mail to this very shard over by a call. It saves a copy of a command, some tens of nanoseconds of the
// microsecond that a message costs, and made every part of core call every other (docs/PERFORMANCE.md).
#include "core/mail/mailroom.h"

// Two at least: a switch holds one at each of two homes, which may be the same.
static uint32_t credits_per_port(const struct context *cx)
{
    if (cx->settings->mail_credits != 0)
        return cx->settings->mail_credits < 2 ? 2 : cx->settings->mail_credits;
    uint32_t n = MAIL_CREDITS / cx->shard_count;
    return n < MAIL_CREDITS_MAX ? n : MAIL_CREDITS_MAX;
}

void mailroom_init(struct mailroom *mr, struct context *cx)
{
    *mr = (struct mailroom){.cx = cx, .credits = credits_per_port(cx)};
}

void mailroom_deinit(struct mailroom *mr)
{
    struct mail *m;
    for (uint32_t i = 0; i < mail_ports(mr); i++)
        while ((m = mail_pull(mr, i)) != NULL)
            mail_discard(mr->cx->mem, m);
}

void mail_post(struct mailroom *mr, uint32_t dest, struct mail *m)
{
    ASSERT(dest < mail_ports(mr));
    ASSERT(m->next == NULL);
    ASSERT(m->kind != 0);
    ASSERT(m->bytes >= sizeof *m);
    struct outbox *box = &mr->boxes[dest];
    ASSERT((box->n == 0) == (box->head == NULL));
    ASSERT((box->head == NULL) == (box->tail == NULL));
    m->from = (uint16_t)mr->cx->index;
    if (box->tail != NULL)
        box->tail->next = m;
    else
        box->head = m;
    box->tail = m;
    box->n++;
    if (dest != mr->cx->index)
        metric_add(&mr->cx->metrics->mail_sent, 1);
}

struct mail *mail_pull(struct mailroom *mr, uint32_t dest)
{
    ASSERT(dest < mail_ports(mr));
    struct outbox *box = &mr->boxes[dest];
    struct mail *m = box->head;
    if (m == NULL)
        return NULL;
    ASSERT(box->n != 0);
    box->head = m->next;
    if (box->head == NULL)
        box->tail = NULL;
    box->n--;
    ASSERT((box->n == 0) == (box->head == NULL));
    m->next = NULL;
    return m;
}

// --- credits

struct credit mail_credit_take(struct mailroom *mr, uint32_t dest, bool lasting)
{
    struct outbox *box = &mr->boxes[dest];
    ASSERT(dest < mail_ports(mr) && mail_takes(mr, dest, lasting));
    box->asks++;
    box->lasting += lasting;
    mr->under_way++;
    return (struct credit){(uint16_t)(dest + 1), lasting};
}

void mail_credit_back(struct mailroom *mr, struct credit c)
{
    if (c.port == 0)
        return;
    struct outbox *box = &mr->boxes[c.port - 1];
    ASSERT(c.port <= mail_ports(mr) && box->asks != 0 && (!c.lasting || box->lasting != 0));
    if (box->asks + 1 >= mr->credits || (c.lasting && box->lasting == mail_lasting_max(mr)))
        mr->eased = true;
    box->asks--;
    box->lasting -= c.lasting;
    mr->under_way--;
}

void mailroom_check(const struct mailroom *mr)
{
    uint32_t under_way = 0;
    for (uint32_t i = 0; i < mail_ports(mr); i++) {
        const struct outbox *box = &mr->boxes[i];
        const struct mail *last = NULL;
        uint32_t n = 0;
        for (const struct mail *m = box->head; m != NULL; m = m->next) {
            ASSERT(m->from == mr->cx->index); // 3
            last = m;
            n++;
        }
        ASSERT(n == box->n);                          // 2
        ASSERT(last == box->tail);                    // 2
        ASSERT(box->lasting <= box->asks);            // 1
        ASSERT(box->asks <= mr->credits);             // 1
        ASSERT(box->lasting <= mail_lasting_max(mr)); // 1
        under_way += box->asks;
    }
    ASSERT(under_way == mr->under_way); // 2
}
