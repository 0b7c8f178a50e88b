// SPDX-License-Identifier: Apache-2.0
//
// One array for all rooms: whoever talks in several at once is rare, and the array short.
#include "core/fan/skips.h"

#include "core/fan/fan.h"

enum err skips_add(struct reader *r, struct mem *m, uint32_t outlet, uint64_t place)
{
    ASSERT(place != 0);
    struct skips *s = r->skips;
    for (uint32_t i = s == NULL ? 0 : s->n; i-- > 0;) {
        if (s->v[i].outlet != outlet)
            continue;
        ASSERT(s->v[i].to < place); // a room answers in order
        if (s->v[i].to + 1 == place) {
            s->v[i].to = place;
            return OK;
        }
        break;
    }
    if (s == NULL || s->n == s->cap) {
        uint32_t n = s == NULL ? 0 : s->n, cap = n == 0 ? 4 : n * 2;
        size_t old = s == NULL ? 0 : sizeof *s + s->cap * sizeof s->v[0];
        if (cap > SKIPS_MAX)
            return ERR_LIMIT;
        s = mem_realloc(m, s, old, sizeof *s + cap * sizeof s->v[0]);
        if (s == NULL)
            return ERR_NOMEM;
        s->n = n;
        s->cap = cap;
        r->skips = s;
    }
    ASSERT(s->n < s->cap);
    s->v[s->n++] = (struct skip){.outlet = outlet, .from = place, .to = place};
    return OK;
}

struct skip *skips_at(struct reader *r, uint32_t outlet, uint64_t next)
{
    if (r->skips == NULL)
        return NULL;
    struct skip *found = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->skips->n; i++) {
        struct skip s = r->skips->v[i];
        if (s.outlet == outlet && s.to < next)
            continue;
        r->skips->v[n] = s;
        if (found == NULL && s.outlet == outlet)
            found = &r->skips->v[n];
        n++;
    }
    r->skips->n = n;
    return found;
}

uint64_t skips_next(const struct reader *r, uint32_t outlet, uint64_t from, uint64_t to)
{
    uint64_t found = to + 1;
    for (uint32_t i = 0; r->skips != NULL && i < r->skips->n; i++) {
        const struct skip *s = &r->skips->v[i];
        uint64_t at = s->from > from ? s->from : from;
        if (s->outlet == outlet && at <= s->to && at < found)
            found = at;
    }
    return found;
}

void skips_forget(struct reader *r, uint32_t outlet)
{
    if (r->skips == NULL)
        return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->skips->n; i++)
        if (r->skips->v[i].outlet != outlet)
            r->skips->v[n++] = r->skips->v[i];
    r->skips->n = n;
}

void skips_free(struct reader *r, struct mem *m)
{
    if (r->skips != NULL)
        mem_free(m, r->skips, sizeof *r->skips + r->skips->cap * sizeof(struct skip));
    r->skips = NULL;
}

// Of any room: nobody may ask for that room's again.
void skips_tidy(struct fan *f, struct reader *r)
{
    if (r->skips == NULL)
        return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->skips->n; i++) {
        struct skip s = r->skips->v[i];
        const struct membership *m = reader_find_membership(r, s.outlet);
        if (m != NULL && outlet_at(f, s.outlet)->cursors[m->slot].next <= s.to)
            r->skips->v[n++] = s;
    }
    r->skips->n = n;
    if (n == 0)
        skips_free(r, f->cx->mem);
}
