// SPDX-License-Identifier: Apache-2.0
//
// Linked lists: a mail is a block of its own anyway, and what piles up for a busy shard has no bound but memory's.
// Rejected: to hand mail to this very shard over by a call. It saves a copy of a command, some tens of nanoseconds of the
// microsecond that a message costs, and made every part of core call every other (docs/PERFORMANCE.md).
#include "core/mail/mailroom.h"

void mailroom_init(struct mailroom *mr, struct context *cx) { *mr = (struct mailroom){.cx = cx}; }

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
    if (box->n-- == MAIL_BACKLOG_PAUSE + 1)
        mr->eased = true;
    ASSERT((box->n == 0) == (box->head == NULL));
    m->next = NULL;
    return m;
}

void mailroom_check(const struct mailroom *mr)
{
    for (uint32_t i = 0; i < mail_ports(mr); i++) {
        const struct mail *last = NULL;
        uint32_t n = 0;
        for (const struct mail *m = mr->boxes[i].head; m != NULL; m = m->next) {
            ASSERT(m->from == mr->cx->index); // 2
            last = m;
            n++;
        }
        ASSERT(n == mr->boxes[i].n);       // 1
        ASSERT(last == mr->boxes[i].tail); // 1
    }
}
