// SPDX-License-Identifier: Apache-2.0
#include "core/log/tracks.h"

enum err tracks_reserve(struct tracks *t, struct mem *m, uint8_t key)
{
    if (tracks_find(t, key) != NULL || t->n < (t->cap == 0 ? 1 : t->cap))
        return OK;
    uint8_t cap = (uint8_t)(t->n + 1);
    struct track *many =
        mem_realloc(m, t->cap == 0 ? NULL : t->many, t->cap * sizeof *many, cap * sizeof *many);
    if (many == NULL)
        return ERR_NOMEM;
    if (t->cap == 0)
        many[0] = t->one; // `one` and `many` share their place
    t->many = many;
    t->cap = cap;
    return OK;
}

struct track *tracks_add(struct tracks *t, uint8_t key)
{
    struct track *at = tracks_find(t, key);
    if (at != NULL)
        return at;
    ASSERT(t->n < (t->cap == 0 ? 1 : t->cap));
    at = &tracks_all(t)[t->n++];
    *at = (struct track){.key = key};
    return at;
}

void tracks_remove(struct tracks *t, struct mem *m, struct track *at)
{
    struct track *all = tracks_all(t);
    ASSERT(at >= all && at < all + t->n);
    chain_deinit(&at->chain, m);
    *at = all[--t->n];
    if (t->cap == 0 || t->n > 1)
        return;
    struct track last = t->n == 1 ? all[0] : (struct track){0};
    mem_free(m, t->many, t->cap * sizeof *t->many);
    t->one = last;
    t->cap = 0;
}

void tracks_deinit(struct tracks *t, struct mem *m)
{
    while (t->n != 0)
        tracks_remove(t, m, &tracks_all(t)[t->n - 1]);
    if (t->cap != 0) // a place that was never taken
        mem_free(m, t->many, t->cap * sizeof *t->many);
    *t = (struct tracks){0};
}

void tracks_check(const struct tracks *t)
{
    const struct track *all = tracks_const(t);
    ASSERT(t->cap == 0 ? t->n <= 1 : t->n <= t->cap);
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < i; k++)
            ASSERT(all[i].key != all[k].key);
}
