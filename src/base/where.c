// SPDX-License-Identifier: Apache-2.0
#include "base/where.h"

#include "base/assert.h"

_Thread_local struct where *where_here;

bool where_look(struct where *w, struct where_spot *ret)
{
    uint64_t since_ns = atomic_load_explicit(&w->since_ns, memory_order_acquire);
    uint64_t spot = atomic_load_explicit(&w->spot, memory_order_relaxed);
    struct where_spot seen = {
        .shard = w->shard,
        .turn = atomic_load_explicit(&w->turn, memory_order_acquire),
        .since_ns = since_ns,
        .phase = (enum where_phase)(spot >> 40),
        .subject = (uint32_t)spot,
        .command = (uint8_t)(spot >> 32),
    };
    ASSERT(seen.phase < WHERE_PHASE_COUNT);
    if (atomic_load_explicit(&w->since_ns, memory_order_acquire) != since_ns)
        return false;
    *ret = seen;
    return true;
}

const char *where_phase_name(enum where_phase phase)
{
    static const char *const names[] = {
#define X(upper, lower, subject) #lower,
        WHERE_PHASES(X)
#undef X
    };
    return names[phase];
}

const char *where_subject(enum where_phase phase)
{
    static const char *const subjects[] = {
#define X(upper, lower, subject) subject,
        WHERE_PHASES(X)
#undef X
    };
    return subjects[phase];
}
