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
