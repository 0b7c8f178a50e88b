// SPDX-License-Identifier: Apache-2.0
//
// An array. Dropping looks through all of it: lists are short when something is dropped.
#include "core/common/list.h"

#include "base/assert.h"

enum err index_list_init(struct index_list *l, struct mem *m, uint32_t cap)
{
    *l = (struct index_list){.cap = cap};
    l->v = mem_alloc(m, cap * sizeof *l->v);
    return l->v != NULL ? OK : ERR_NOMEM;
}

void index_list_deinit(struct index_list *l, struct mem *m)
{
    mem_free(m, l->v, l->cap * sizeof *l->v);
    *l = (struct index_list){0};
}

void index_list_push(struct index_list *l, uint32_t index)
{
    ASSERT(index < l->cap);
    ASSERT(l->n < l->cap);
    l->v[l->n++] = index;
}

bool index_list_pop(struct index_list *l, uint32_t *ret_index)
{
    ASSERT(l->n <= l->cap);
    if (l->n == 0)
        return false;
    *ret_index = l->v[--l->n];
    return true;
}

void index_list_drop(struct index_list *l, uint32_t index)
{
    ASSERT(l->n <= l->cap);
    for (uint32_t i = l->n; i-- > 0;)
        if (l->v[i] == index)
            l->v[i] = l->v[--l->n];
}

// --- in order

enum err index_queue_init(struct index_queue *q, struct mem *m, uint32_t cap)
{
    *q = (struct index_queue){.v = mem_alloc(m, cap * sizeof *q->v), .cap = cap};
    return q->v == NULL ? ERR_NOMEM : OK;
}

void index_queue_deinit(struct index_queue *q, struct mem *m)
{
    if (q->v != NULL)
        mem_free(m, q->v, q->cap * sizeof *q->v);
    *q = (struct index_queue){0};
}

static uint32_t *queue_at(const struct index_queue *q, uint32_t i)
{
    uint64_t at = (uint64_t)q->from + i;
    return &q->v[at < q->cap ? at : at - q->cap];
}

void index_queue_push(struct index_queue *q, uint32_t index)
{
    ASSERT(q->n < q->cap);
    *queue_at(q, q->n++) = index;
}

bool index_queue_pop(struct index_queue *q, uint32_t *ret_index)
{
    if (q->n == 0)
        return false;
    *ret_index = q->v[q->from];
    q->from = q->from + 1 < q->cap ? q->from + 1 : 0;
    q->n--;
    return true;
}

void index_queue_drop(struct index_queue *q, uint32_t index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < q->n; i++)
        if (*queue_at(q, i) != index)
            *queue_at(q, kept++) = *queue_at(q, i);
    q->n = kept;
}
