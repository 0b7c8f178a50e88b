// SPDX-License-Identifier: Apache-2.0
//
// context.h - what every part of a shard may know: which shard it is, its settings, its memory, the time of this turn.
//
// Nothing in here is of one part alone; what is belongs into that part's own struct. Made by shard.c, which alone
// writes to it; the exceptions are metrics, which whoever counts adds to, and dice, which rolling changes.
// Thread: the shard's.
#ifndef PLENUM_CORE_COMMON_CONTEXT_H
#define PLENUM_CORE_COMMON_CONTEXT_H

#include "base/assert.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "core/common/driver.h"
#include "core/common/metrics.h"
#include "core/common/settings.h"

struct deflating;

struct context {
    uint32_t index;       // of this shard
    uint32_t shard_count; // 1..SHARDS_MAX
    const struct settings *settings;
    uint16_t reload; // how many settings there have been, never 0
    const struct shard_host *host;
    struct mem *mem;
    struct metrics *metrics;
    struct deflating *deflating; // the shard's (log/deflating.h)
    struct slab *
        conns; // the pool of connections; its objects begin with a struct who, then a reader, an asker (see there)
    struct prng dice; // jitter

    uint64_t now_ms, wall_ms; // of this turn
    // By a clock that nobody sets: the wall's at the first turn, and monotonic since. Nodes' differ as their wall clocks did.
    uint64_t steady_ms, steady_from_ms;
    uint64_t turn_ns; // the same as now_ms, as fine as the driver has it; for measuring only
    int32_t utc_offset_s;
    bool unready;  // /readyz says so; leaving has been announced
    bool draining; // nobody comes in any more
};

// What holds in a room. at: which rule it has, as far as that is known.
static inline const struct room_settings *room_settings_of(const struct context *cx, struct ruled *at,
                                                           str room)
{
    const struct settings *s = cx->settings;
    ASSERT(cx->reload != 0);
    if (at->reload != cx->reload) {
        at->reload = cx->reload;
        at->rule = rule_given(s->rules, s->rules_n, at->given);
        if (at->rule == RULE_NONE)
            at->rule = rule_find(s->rules, s->rules_n, room);
    }
    return at->rule == RULE_NONE ? &s->room : &s->rules[at->rule].room;
}
// From here on it has the rule that it was made by.
static inline void ruled_by(struct ruled *at, uint32_t given)
{
    if (at->given != given)
        *at = (struct ruled){.given = given};
}
// The same of a name, of which there may be no room.
static inline const struct room_settings *room_settings_by_name(const struct context *cx, str room)
{
    struct ruled at = {0};
    return room_settings_of(cx, &at, room);
}
// Whose a room's or a user's name is, TENANT_NONE: nobody's.
static inline uint8_t tenant_by_name(const struct context *cx, str name)
{
    const struct settings *s = cx->settings;
    return s->tenants_n == 0 ? TENANT_NONE : tenant_of(s->tenants, s->tenants_n, name);
}
static inline const struct tenant *tenant_at(const struct context *cx, uint8_t tenant)
{
    ASSERT(tenant != TENANT_NONE && tenant <= cx->settings->tenants_n);
    return &cx->settings->tenants[tenant - 1];
}
static inline struct tenant_budget *tenant_budget(const struct context *cx, uint8_t tenant)
{
    ASSERT(tenant != TENANT_NONE && tenant <= cx->settings->tenants_n);
    return &cx->settings->budgets[tenant - 1];
}
static inline const struct encoding *encoding_of(const struct context *cx, uint8_t id)
{
    return cx->settings->ways->encodings[id];
}
static inline uint64_t hash_str(const struct context *cx, str s)
{
    return siphash(&cx->settings->hash_key, s.p, s.n);
}
static inline u128 print_str(const struct context *cx, str s)
{
    return siphash128(&cx->settings->hash_key, s.p, s.n);
}
// The shard that a room or user with this hash belongs to.
static inline uint32_t home_of(const struct context *cx, uint64_t hash)
{
    return (uint32_t)(hash % cx->shard_count);
}

#endif
