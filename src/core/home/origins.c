// SPDX-License-Identifier: Apache-2.0
//
// Rejected: the origin in each record (24 bytes of every record for ever, for what is of use for some seconds), and to give back
// without it (a home that waits for its batch could not know it among what another gives back, and would say it twice).
#include "core/home/origins.h"

enum { CAP_MIN = 4 };

void origins_deinit(struct origins *o, struct mem *m)
{
    mem_free(m, o->v, o->cap * sizeof *o->v);
    *o = (struct origins){0};
}

// A place for one more; false where there is none, and nothing is known any more.
static bool make_room(struct origins *o, struct mem *m)
{
    if (o->n < o->cap)
        return true;
    uint32_t cap = o->cap == 0 ? CAP_MIN : o->cap * 2;
    struct origin *v = NULL;
    if (cap <= ORIGINS_MAX)
        v = mem_realloc(m, o->v, o->cap * sizeof *v, cap * sizeof *v);
    if (v != NULL) {
        o->v = v;
        o->cap = cap;
    } else if (o->n != 0) {
        memmove(o->v, o->v + 1, --o->n * sizeof *v);
    }
    return o->n < o->cap;
}

void origins_note(struct origins *o, struct mem *m, uint64_t offset, const struct engine_run *run, uint32_t k)
{
    struct origin *last = o->n != 0 ? &o->v[o->n - 1] : NULL;
    ASSERT(last == NULL || last->first + last->run.count == offset);
    if (last != NULL && last->run.proposer == run->proposer && last->run.seq == run->seq &&
        last->run.index + last->run.count == run->index + k) {
        last->run.count++;
        return;
    }
    if (!make_room(o, m))
        return;
    struct origin *made = &o->v[o->n++];
    *made = (struct origin){offset, *run};
    made->run.index += k;
    made->run.count = 1;
}

void origins_clear(struct origins *o) { o->n = 0; }

uint64_t origins_first(const struct origins *o) { return o->n != 0 ? o->v[0].first : UINT64_MAX; }

struct engine_run origins_find(const struct origins *o, uint64_t offset)
{
    uint32_t i = o->n;
    ASSERT(offset >= origins_first(o));
    while (o->v[i - 1].first > offset)
        i--;
    struct engine_run run = o->v[i - 1].run;
    ASSERT(offset - o->v[i - 1].first < run.count);
    run.index += (uint32_t)(offset - o->v[i - 1].first);
    run.count = 1;
    return run;
}

void origins_check(const struct origins *o)
{
    ASSERT(o->n <= o->cap); // 2
    ASSERT(o->cap <= ORIGINS_MAX);
    for (uint32_t i = 0; i < o->n; i++) {
        ASSERT(o->v[i].run.count != 0); // 1
        ASSERT(i == 0 || o->v[i - 1].first + o->v[i - 1].run.count == o->v[i].first);
    }
}
