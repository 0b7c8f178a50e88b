// SPDX-License-Identifier: Apache-2.0
//
// list.h - a list of pool indices, as large as the pool, so that putting something on it cannot fail.
//
// Who is on it is known by a flag in the object, so that nothing is on it twice. Order is not kept where something is
// taken out. Ownership and thread: the shard's.
#ifndef PLENUM_CORE_COMMON_LIST_H
#define PLENUM_CORE_COMMON_LIST_H

#include "base/err.h"
#include "base/mem.h"
#include <stdbool.h>

struct index_list {
    uint32_t *v;
    uint32_t n, cap;
};

enum err index_list_init(struct index_list *l, struct mem *m, uint32_t cap) WARN_UNUSED;
void index_list_deinit(struct index_list *l, struct mem *m);
// Beyond the capacity is our own mistake (asserted).
void index_list_push(struct index_list *l, uint32_t index);
// False when it is empty.
bool index_list_pop(struct index_list *l, uint32_t *ret_index);
// Takes an index out, wherever it is; it need not be there.
void index_list_drop(struct index_list *l, uint32_t index);

// The same in the order in which they were put on, for those who wait for something there is not enough of.
struct index_queue {
    uint32_t *v;
    uint32_t from, n, cap;
};

enum err index_queue_init(struct index_queue *q, struct mem *m, uint32_t cap) WARN_UNUSED;
void index_queue_deinit(struct index_queue *q, struct mem *m);
void index_queue_push(struct index_queue *q, uint32_t index);
bool index_queue_pop(struct index_queue *q, uint32_t *ret_index); // the one that was put on first
void index_queue_drop(struct index_queue *q, uint32_t index);

#endif
