// SPDX-License-Identifier: Apache-2.0
//
// The sweep looks at every armed slot instead of keeping order: at chat sizes a linear pass over four bytes per
// connection is cheaper than any heap or wheel that must be updated whenever a byte arrives.
#include "core/conn/deadline.h"

#include "base/assert.h"

enum err deadlines_init(struct deadlines *d, struct mem *m, uint32_t cap)
{
    *d = (struct deadlines){.cap = cap, .next_sweep_ms = UINT64_MAX};
    d->ticks = mem_zalloc(m, cap * sizeof *d->ticks);
    return d->ticks == NULL ? ERR_NOMEM : OK;
}

void deadlines_deinit(struct deadlines *d, struct mem *m)
{
    mem_free(m, d->ticks, d->cap * sizeof *d->ticks);
    *d = (struct deadlines){0};
}

void deadline_arm(struct deadlines *d, uint32_t index, uint64_t now_ms, uint64_t in_ms)
{
    ASSERT(index < d->cap);
    ASSERT(in_ms < DEADLINE_MS_MAX);
    uint64_t due = (now_ms + in_ms + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS;
    if ((uint32_t)due == 0)
        due++;
    d->ticks[index] = (uint32_t)due;
    if (index >= d->high)
        d->high = index + 1;
    if (due * DEADLINE_TICK_MS < d->next_sweep_ms)
        d->next_sweep_ms = due * DEADLINE_TICK_MS;
    ASSERT(d->ticks[index] != 0);
    ASSERT(d->next_sweep_ms != UINT64_MAX);
}

void deadline_disarm(struct deadlines *d, uint32_t index)
{
    ASSERT(index < d->cap);
    d->ticks[index] = 0;
}

uint64_t deadline_left_ms(const struct deadlines *d, uint32_t index, uint64_t now_ms)
{
    ASSERT(index < d->cap);
    int32_t ahead = (int32_t)(d->ticks[index] - tick_at(now_ms));
    if (d->ticks[index] == 0 || ahead <= 0)
        return 0;
    return (uint64_t)ahead * DEADLINE_TICK_MS - now_ms % DEADLINE_TICK_MS;
}

uint32_t deadline_next_due(struct deadlines *d, uint64_t now_ms, uint32_t *from)
{
    uint32_t now = tick_at(now_ms);
    for (uint32_t i = *from; i < d->high; i++) {
        if (d->ticks[i] == 0 || (int32_t)(now - d->ticks[i]) < 0)
            continue;
        d->ticks[i] = 0;
        *from = i + 1;
        return i;
    }
    *from = d->high;
    return UINT32_MAX;
}

void deadlines_swept(struct deadlines *d, uint64_t now_ms)
{
    uint32_t now = tick_at(now_ms);
    uint32_t nearest = UINT32_MAX;
    uint32_t high = 0;
    for (uint32_t i = 0; i < d->high; i++) {
        if (d->ticks[i] == 0)
            continue;
        high = i + 1;
        uint32_t ahead = d->ticks[i] - now;
        if ((int32_t)ahead < 0)
            ahead = 0;
        if (ahead < nearest)
            nearest = ahead;
    }
    d->high = high;
    d->next_sweep_ms =
        nearest == UINT32_MAX ? UINT64_MAX : (now_ms / DEADLINE_TICK_MS + nearest) * DEADLINE_TICK_MS;
    ASSERT(d->high <= d->cap);
    ASSERT((d->high == 0) == (d->next_sweep_ms == UINT64_MAX));
}

void deadlines_check(const struct deadlines *d)
{
    ASSERT(d->high <= d->cap);
    for (uint32_t i = 0; i < d->cap; i++) {
        ASSERT(d->ticks[i] == 0 || i < d->high);
        ASSERT(d->ticks[i] == 0 || d->next_sweep_ms != UINT64_MAX);
    }
}
